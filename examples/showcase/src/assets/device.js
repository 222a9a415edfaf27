// This browser as a device: its key is made here, no script can export it, and it signs what this page displays.
// The bytes are those of docs/formats.md, "What a device signs".
"use strict";
const KEYS = "device";
const hex = (bytes) => [...new Uint8Array(bytes)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
const unhex = (text) => Uint8Array.from(text.match(/../g) ?? [], (pair) => parseInt(pair, 16));
const utf8 = (text) => new TextEncoder().encode(text);

// One store with one key.
function store(mode, work) {
  return new Promise((done, failed) => {
    const opening = indexedDB.open(KEYS, 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore(KEYS);
    opening.onerror = () => failed(opening.error);
    opening.onsuccess = () => {
      const asked = work(opening.result.transaction(KEYS, mode).objectStore(KEYS));
      asked.onsuccess = () => done(asked.result);
      asked.onerror = () => failed(asked.error);
    };
  });
}
const keep = (key) => store("readwrite", (keys) => keys.put(key, "own"));
const kept = () => store("readonly", (keys) => keys.get("own"));

// Tag (1 byte), length (4, big-endian), content.
function message(label, fields) {
  const out = [];
  for (const [tag, content] of [[0, utf8(label)], ...fields]) {
    const length = new DataView(new ArrayBuffer(4));
    length.setUint32(0, content.length);
    out.push(tag, ...new Uint8Array(length.buffer), ...content);
  }
  return Uint8Array.from(out);
}
function micros(text) {
  const bytes = new DataView(new ArrayBuffer(8));
  bytes.setBigInt64(0, BigInt(text));
  return new Uint8Array(bytes.buffer);
}

// What a person sees in this form, and says.
async function signed(form, verdict, number) {
  const shown = (name) => form.querySelector(`[data-${name}]`)?.textContent ?? "";
  const { subject, device, prompt, occasion, asked, expires } = form.dataset;
  const seen = [[38, utf8(occasion)]];
  if (shown("origin")) seen.push([39, utf8(shown("origin"))]);
  if (shown("network")) seen.push([40, utf8(shown("network"))]);
  seen.push([22, micros(asked)]);
  const display = await crypto.subtle.digest("SHA-256", message("ott display v1", seen));
  const said = [[5, utf8("")], [6, utf8(subject)], [35, unhex(device)], [4, unhex(prompt)], [36, [verdict]]];
  if (number !== null) {
    const typed = new DataView(new ArrayBuffer(4));
    typed.setUint32(0, number);
    said.push([20, new Uint8Array(typed.buffer)]);
  }
  said.push([37, new Uint8Array(display)], [23, micros(expires)]);
  const key = await kept();
  if (!key) throw new Error("no key");
  return hex(await crypto.subtle.sign("Ed25519", key, message("ott device decision v1", said)));
}

// Whoever answers leaves this page: nothing loads it again meanwhile.
let leaving = false;
const told = document.getElementById("told");
function tell(words) {
  told.textContent = words;
  told.hidden = false;
}

// A link that was scanned: the token stands in the fragment, which no browser sends.
const pair = document.getElementById("pair");
if (pair) {
  const token = location.hash.slice(1);
  history.replaceState(null, "", location.pathname);
  pair.link.value = token;
  if (!token && !pair.key.value) tell("Scan the code on the other screen once more: this address lacks its end.");
  pair.addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      const made = await crypto.subtle.generateKey("Ed25519", false, ["sign", "verify"]);
      await keep(made.privateKey);
      pair.key.value = hex(await crypto.subtle.exportKey("raw", made.publicKey));
      pair.submit();
    } catch {
      tell("This browser makes no such keys. A newer one does.");
    }
  });
}

for (const form of document.querySelectorAll("form[data-prompt]")) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    leaving = true;
    const verdict = event.submitter?.value ?? "approve";
    const typed = form.elements.number?.value.trim();
    const number = verdict === "approve" && /^[0-9]{1,9}$/.test(typed) ? Number(typed) : null;
    try {
      form.elements.signature.value = await signed(form, { approve: 1, deny: 2, report: 3 }[verdict], number);
      form.elements.verdict.value = verdict;
      form.submit();
    } catch {
      leaving = false;
      tell("The key of this device is gone: it was made in another browser, or its data was cleared. Remove the device from your account, and add it again.");
    }
  });
}

// Notifications, where this browser has a push service: it wakes a worker of ours, also while this page is closed.
const notify = document.getElementById("notify");
async function subscription() {
  const worker = await navigator.serviceWorker.getRegistration();
  return (await worker?.pushManager.getSubscription()) ?? null;
}
if (notify && "serviceWorker" in navigator && "PushManager" in window) {
  subscription().then((present) => {
    notify.querySelector("[value=off]").hidden = !present;
    notify.hidden = false;
  });
  notify.addEventListener("submit", async (event) => {
    event.preventDefault();
    leaving = true;
    try {
      await navigator.serviceWorker.register("/push.js");
      const worker = await navigator.serviceWorker.ready;
      // A subscription under another key of the server's is of no use.
      await (await subscription())?.unsubscribe();
      if (event.submitter?.value !== "off") {
        const asked = { userVisibleOnly: true, applicationServerKey: notify.dataset.key };
        const made = (await worker.pushManager.subscribe(asked)).toJSON();
        notify.elements.endpoint.value = made.endpoint;
        notify.elements.p256dh.value = made.keys.p256dh;
        notify.elements.auth.value = made.keys.auth;
      }
      notify.submit();
    } catch {
      leaving = false;
      tell("This browser shows no notifications of this page: allow them in its settings, or look here when you sign in.");
    }
  });
}

// What waits is looked at again, unless somebody types.
const list = document.getElementById("waiting");
if (list) {
  setInterval(async () => {
    const busy = () => leaving || document.querySelector("input.code")?.value;
    const answer = busy() ? null : await fetch(`/device/waiting?at=${Date.now()}`).catch(() => null);
    if (answer?.ok && (await answer.text()) !== list.dataset.names && !busy()) location.reload();
  }, 2_000);
}
