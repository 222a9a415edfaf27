// better-auth with its plugin for codes by e-mail, over SQLite or PostgreSQL, in one process or several.
//
//   node server.mjs DATABASE MAIL      FLOW_PROCESSES: how many; FLOW_COUNT: statements are counted
import cluster from "node:cluster";
import dgram from "node:dgram";
import http from "node:http";
import { betterAuth } from "better-auth";
import { getMigrations } from "better-auth/db/migration";
import { toNodeHandler } from "better-auth/node";
import { emailOTP } from "better-auth/plugins";
import Database from "better-sqlite3";
import pg from "pg";

const [database, mail] = process.argv.slice(2);
const processes = Number(process.env.FLOW_PROCESSES ?? "1");
const counts = process.env.FLOW_COUNT !== undefined;
const [host, port] = mail.split(":");
const ACCOUNTS = 200000;
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
  plugins: [
    emailOTP({
      storeOTP: "hashed",
      async sendVerificationOTP({ email, otp }) {
        mailbox.send(`${email} ${otp}`, Number(port), host);
      },
    }),
  ],
};

async function prepare() {
  const { runMigrations } = await getMigrations(options);
  await runMigrations();
  const columns = '(id, name, email, "emailVerified", "createdAt", "updatedAt")';
  if (database.startsWith("postgres")) {
    await store.query(
      `INSERT INTO "user" ${columns} SELECT 'id' || n, '', 'user' || n || '@example.org', true, now(), now() ` +
        `FROM generate_series(0, ${ACCOUNTS - 1}) AS n`,
    );
    await store.query("ANALYZE");
    return;
  }
  store.exec(
    `INSERT INTO "user" ${columns} WITH RECURSIVE numbers (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers ` +
      `WHERE n < ${ACCOUNTS - 1}) SELECT 'id' || n, '', 'user' || n || '@example.org', 1, ` +
      "'2026-01-01T00:00:00.000Z', '2026-01-01T00:00:00.000Z' FROM numbers",
  );
  if (counts) store.pragma("wal_checkpoint(TRUNCATE)");
}

function serve(at, listening) {
  const handle = toNodeHandler(betterAuth(options));
  const server = http.createServer((request, answer) => {
    if (request.url === "/statements") return answer.end(String(statements));
    return handle(request, answer);
  });
  server.listen(at, "127.0.0.1", () => listening(server.address().port));
}

if (cluster.isPrimary) {
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
