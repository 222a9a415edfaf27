// better-auth with its plugin for codes by e-mail, or with passwords and its plugin for apps, over SQLite or PostgreSQL, in one
// process or several.
//
//   node server.mjs DATABASE MAIL      FLOW_PROCESSES: how many; FLOW_COUNT: statements are counted; FLOW_APPS: so many of the
//                                      accounts have an app, and everybody signs in with one
import { fork } from "node:child_process";
import cluster from "node:cluster";
import dgram from "node:dgram";
import http from "node:http";
import { betterAuth } from "better-auth";
import { symmetricEncrypt } from "better-auth/crypto";
import { getMigrations } from "better-auth/db/migration";
import { toNodeHandler } from "better-auth/node";
import { emailOTP, twoFactor } from "better-auth/plugins";
import Database from "better-sqlite3";
import pg from "pg";

const [database, mail] = process.argv.slice(2);
const processes = Number(process.env.FLOW_PROCESSES ?? "1");
const counts = process.env.FLOW_COUNT !== undefined;
const [host, port] = mail.split(":");
const ACCOUNTS = 200000;
const apps = Number(process.env.FLOW_APPS ?? "0");
let statements = 0;

function open() {
  if (database.startsWith("postgres")) {
    const pool = new pg.Pool({ connectionString: database, max: 10 });
    if (counts) {
      const query = pg.Client.prototype.query;
      pg.Client.prototype.query = function (...all) {
        statements += 1;
        return query.apply(this, all);
      };
    }
    return pool;
  }
  const file = new Database(database, counts ? { verbose: () => { statements += 1; } } : {});
  file.pragma("journal_mode = WAL");
  file.pragma("synchronous = FULL");
  file.pragma("busy_timeout = 5000");
  if (counts) file.pragma("wal_autocheckpoint = 0");
  return file;
}

const store = open();
const mailbox = dgram.createSocket("udp4");
mailbox.unref();
const options = {
  database: store,
  baseURL: process.env.FLOW_BASE ?? "http://127.0.0.1",
  secret: "a secret of thirty-two characters and more, for a bench",
  // Every client is one address here.
  rateLimit: { enabled: false },
  telemetry: { enabled: false },
  advanced: { disableCSRFCheck: true, disableOriginCheck: true },
  logger: { level: "error" },
  ...(apps > 0 ? behindPasswords() : { plugins: [mailed()] }),
};

function mailed() {
  return emailOTP({
    storeOTP: "hashed",
    async sendVerificationOTP({ email, otp }) {
      mailbox.send(`${email} ${otp}`, Number(port), host);
    },
  });
}

// The account's row is read, and the password in it is not compared. What an account fails is not counted; that each sign-in has
// five tries is not an option.
function behindPasswords() {
  return {
    emailAndPassword: {
      enabled: true,
      password: { hash: async () => "none", verify: async () => true },
    },
    plugins: [twoFactor({ accountLockout: { enabled: false } })],
  };
}

async function prepare() {
  const { runMigrations } = await getMigrations(options);
  await runMigrations();
  const flag = apps > 0 ? ', "twoFactorEnabled"' : "";
  const columns = `(id, name, email, "emailVerified", "createdAt", "updatedAt"${flag})`;
  if (database.startsWith("postgres")) {
    await store.query(
      `INSERT INTO "user" ${columns} SELECT 'id' || n, '', 'user' || n || '@example.org', true, now(), now()${flag && ", true"} ` +
        `FROM generate_series(0, ${ACCOUNTS - 1}) AS n`,
    );
    if (apps > 0) await enrolElsewhere();
    await store.query("ANALYZE");
    return;
  }
  store.exec(
    `INSERT INTO "user" ${columns} WITH RECURSIVE numbers (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers ` +
      `WHERE n < ${ACCOUNTS - 1}) SELECT 'id' || n, '', 'user' || n || '@example.org', 1, ` +
      `'2026-01-01T00:00:00.000Z', '2026-01-01T00:00:00.000Z'${flag && ", 1"} FROM numbers`,
  );
  if (apps > 0) await enrolElsewhere();
  if (counts) store.pragma("wal_checkpoint(TRUNCATE)");
}

// In a process of its own, whose memory is not the server's.
async function enrolElsewhere() {
  const env = { ...process.env, FLOW_ENROLS: "1" };
  const child = fork(process.argv[1], process.argv.slice(2), { env });
  const code = await new Promise((ends) => child.on("exit", ends));
  if (code !== 0) throw new Error(`enrolling ended with ${code}`);
}

// Passwords for all, and apps for the first of them, whose secrets the load generator computes too.
async function enrol() {
  const { secretConfig } = await betterAuth(options).$context;
  const rows = [];
  for (let n = 0; n < apps; n += 1) {
    const data = `secret of account ${String(n).padStart(12, "0")}`;
    rows.push([`app${n}`, `id${n}`, await symmetricEncrypt({ key: secretConfig, data })]);
  }
  const account = '(id, "accountId", "providerId", "userId", password, "createdAt", "updatedAt")';
  const app = '("id", "userId", secret, "backupCodes", verified, "failedVerificationCount")';
  const password = `INSERT INTO account ${account} SELECT 'of-' || id, id, 'credential', id, 'none', "createdAt", "updatedAt" FROM "user"`;
  if (database.startsWith("postgres")) {
    await store.query(password);
    const columns = [0, 1, 2].map((at) => rows.map((row) => row[at]));
    await store.query(
      `INSERT INTO "twoFactor" ${app} SELECT *, '', true, 0 FROM unnest($1::text[], $2::text[], $3::text[])`,
      columns,
    );
    await store.end();
    return;
  }
  store.exec(password);
  const insert = store.prepare(`INSERT INTO "twoFactor" ${app} VALUES (?, ?, ?, '', 1, 0)`);
  store.transaction(() => rows.forEach((row) => insert.run(row)))();
  store.close();
}

function serve(at, listening) {
  const handle = toNodeHandler(betterAuth(options));
  const server = http.createServer((request, answer) => {
    if (request.url === "/statements") return answer.end(String(statements));
    return handle(request, answer);
  });
  server.listen(at, "127.0.0.1", () => listening(server.address().port));
}

if (process.env.FLOW_ENROLS !== undefined) {
  await enrol();
  process.exit();
} else if (cluster.isPrimary) {
  await prepare();
  if (processes === 1) {
    serve(0, (port) => console.log(port));
  } else {
    let up = 0;
    for (let at = 0; at < processes; at += 1) cluster.fork();
    cluster.on("listening", (_, address) => {
      up += 1;
      if (up === processes) console.log(address.port);
    });
  }
} else {
  serve(0, () => {});
}
