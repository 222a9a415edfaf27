"use strict";
// Codes of a person's accounts. Nothing is kept here: a reload asks again.
const of = (id) => document.getElementById(id);
let accounts = [], groups = [], group = 0, timer;
// Milliseconds after which a page that nobody touches signs out, and when somebody last touched it.
let idle = 0, touched = Date.now();

for (const kind of ["keydown", "pointerdown"]) addEventListener(kind, () => { touched = Date.now(); });

const tell = (text) => { of("told").textContent = text; };

async function call(method, path, body) {
  const form = body instanceof FormData;
  const headers = form || body === undefined ? {} : { "content-type": "application/json" };
  const sent = form || body === undefined ? body : JSON.stringify(body);
  const answer = await fetch(path, { method, headers, body: sent, credentials: "same-origin" });
  const text = await answer.text();
  const read = text ? JSON.parse(text) : null;
  if ([401, 418].includes(answer.status) && path !== "/user/login") show(false);
  if (!answer.ok) throw new Error(read?.message ?? answer.statusText);
  return read;
}

function show(inside) {
  of("in").hidden = inside;
  of("vault").hidden = of("out").hidden = !inside;
  if (!inside) { clearTimeout(timer); accounts = []; of("list").replaceChildren(); }
}

const spaced = (code) => code.length > 5 ? `${code.slice(0, Math.ceil(code.length / 2))} ${code.slice(Math.ceil(code.length / 2))}` : code;

function row(account) {
  const item = document.createElement("li"), name = document.createElement("span");
  const small = document.createElement("small"), button = document.createElement("button");
  name.textContent = account.service ?? account.account;
  if (account.service) { small.textContent = account.account; name.append(small); }
  button.type = "button";
  button.textContent = account.otp ? spaced(account.otp.password) : "Next code";
  const whose = [account.service, account.account].filter(Boolean).join(" ");
  button.setAttribute("aria-label", account.otp ? `${button.textContent}, copy the code of ${whose}` : `Next code of ${whose}`);
  button.addEventListener("click", async () => {
    try {
      const otp = account.otp ?? await call("GET", `/api/v1/twofaccounts/${account.id}/otp`);
      if (!account.otp) button.textContent = spaced(otp.password);
      await navigator.clipboard?.writeText(otp.password);
      tell("Copied.");
    } catch (error) { tell(error.message); }
  });
  item.append(name, button);
  return item;
}

function draw() {
  const wanted = of("search").value.trim().toLowerCase();
  const named = (account) => `${account.service ?? ""} ${account.account}`.toLowerCase().includes(wanted);
  const shown = accounts.filter((account) => (group === 0 || account.group_id === group) && named(account));
  of("list").replaceChildren(...shown.map(row));
  of("none").hidden = shown.length > 0;
  of("groups").replaceChildren(...groups.map((one) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = one.name;
    button.setAttribute("aria-pressed", String(one.id === group));
    button.addEventListener("click", () => { group = one.id; draw(); of("groups").querySelector("[aria-pressed=true]")?.focus(); });
    return button;
  }));
}

async function leave(why) {
  await call("GET", "/user/logout").catch(() => {});
  show(false);
  tell(why);
}

// Again when the first of the codes ends, whatever its period is. That is no use of the session: who is away is signed out.
async function load() {
  clearTimeout(timer);
  if (idle > 0 && Date.now() - touched > idle) return leave("Signed out: nobody was here.");
  const [read, named, user] = await Promise.all(["twofaccounts?withOtp=1", "groups", "user"].map((path) => call("GET", `/api/v1/${path}`)));
  [accounts, groups, idle] = [read, named, 60000 * (Number(user.preferences.kickUserAfter) || 0)];
  show(true);
  draw();
  const ends = accounts.filter((account) => account.otp).map((account) => account.period - account.otp.generated_at % account.period);
  timer = setTimeout(() => load().catch((error) => tell(error.message)), 1000 * Math.max(2, Math.min(30, ...ends)));
}

of("in").addEventListener("submit", async (event) => {
  event.preventDefault();
  try {
    await call("POST", "/user/login", { email: of("email").value, password: of("password").value });
    of("password").value = "";
    tell("");
    await load();
  } catch (error) { tell(error.message); }
});

of("out").addEventListener("click", () => leave("Signed out."));

of("search").addEventListener("input", draw);

of("add").addEventListener("submit", async (event) => {
  event.preventDefault();
  try {
    let uri = of("uri").value.trim();
    const picture = of("picture").files[0];
    if (picture) {
      const form = new FormData();
      form.append("qrcode", picture);
      uri = (await call("POST", "/api/v1/qrcode/decode", form)).data;
    }
    const made = await call("POST", "/api/v1/twofaccounts", { uri });
    event.target.reset();
    await load();
    tell(`Added ${made.service ?? made.account}.`);
  } catch (error) { tell(error.message); }
});

load().catch(() => show(false));
