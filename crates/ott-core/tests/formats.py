"""Recomputes the vectors of docs/formats.md from its words, with Python's standard library alone.

Exits non-zero if one differs, is missing, or is not recomputed here. `--print` prints the rows.
"""

import hashlib
import hmac
import pathlib
import re
import sys
import zlib

PAGE = pathlib.Path(__file__).resolve().parents[3] / "docs" / "formats.md"
ROW = re.compile(r"^\| `([^`]+)` \| `([^`]*)` \|$", re.MULTILINE)
MINUTE = 60 * 10**6
DAY = 24 * 60 * MINUTE


def rows(text):
    found = ROW.findall(text)
    assert len(dict(found)) == len(found), "a name stands there twice"
    return dict(found)


above, vectors = PAGE.read_text("utf-8").split("## Vectors")
inputs, outputs = vectors.split("What comes out.")
given, expected = rows(inputs), rows(outputs)
# Of what devices sign; the standard library has no Ed25519.
expected |= {name: value for name, value in rows(above).items()
             if name.startswith("device ") and not name.endswith(": signature")}


def message(label, *fields):
    """Fields are (tag, content); a content of None is absent."""
    out = b""
    for tag, content in [(0, label), *fields]:
        if content is not None:
            content = content.encode() if isinstance(content, str) else content
            out += bytes([tag]) + len(content).to_bytes(4, "big") + content
    return out


def half(*parts):
    return hashlib.sha256(message(*parts)).digest()[:16]


def mac(key, data):
    return hmac.new(key, data, hashlib.sha256).digest()


def number(value, size):
    return value.to_bytes(size, "big", signed=size == 8)


key = bytes.fromhex(given["key"])
key_id = number(int(given["key id"]), 4)
flow, nonce = bytes.fromhex(given["flow"]), bytes.fromhex(given["nonce"])
tenant, subject = given["tenant"], given["subject"]
email = [(7, "email"), (8, given["email"])]
epoch = [(9, int(given["epoch"]).to_bytes(8, "big"))]
operation = [
    field
    for name in ("first parameter", "second parameter")
    for field in zip((10, 11), given[name].split("="))
]
issued_at = int(given["issued at"])
owner = [(5, tenant), (6, subject)]


def sub_key(label):
    return mac(key, label.encode() + b"\x01")


digest_key, tag_key = sub_key("ott digest key v1"), sub_key("ott tag key v1")
computed = {}


HANDLE, SUBJECT, ITSELF, PARKED = 1, 2, 3, 4


def record(name, purpose, look_up, usage, start, binding, token, *, slot, life, most=None,
           idle=None, data="", shown=None, tombstone=False):
    found_by = (2, bytes([look_up]))
    account = [field for field in binding if field[0] in (5, 6)]
    symbols = (12, token.replace("-", "") if look_up == SUBJECT else token)
    if look_up in (HANDLE, PARKED):
        record_id = half("ott id v1", (1, purpose), found_by, *account, (13, flow), (14, nonce))
    else:
        within = account if look_up == SUBJECT else account[:1]
        label = "ott tombstone v1" if tombstone else "ott id v1"
        record_id = half(label, (1, purpose), found_by, *within, symbols)
    if tombstone:
        account, binding, symbols = account[:1], account[:1], (12, "")
    known = account[:1] if look_up == ITSELF else binding
    digest = mac(digest_key, message("ott digest v1", (1, purpose), found_by, (3, key_id),
                                     (4, record_id), *known, symbols))
    bound = mac(digest_key, message("ott binding v1", (3, key_id), (4, record_id), *binding))
    policy = half("ott policy v1", (1, purpose), found_by, (30, bytes([usage])), (31, bytes(start)))
    optional = lambda value, size: None if value is None else number(value, size)
    tag = mac(tag_key, message(
        "ott record v1", (1, purpose), (3, key_id), (4, record_id), *account, (15, digest),
        (16, bound), (17, policy), (18, slot), (19, data), (20, optional(shown, 4)),
        (21, optional(most, 2)), (22, number(issued_at, 8)),
        (23, optional(life and issued_at + life, 8)), (24, optional(idle, 8))))
    parts = {"record id": record_id, "slot": slot, "policy": policy, "binding": bound,
             "digest": digest, "tag": tag}
    for part, value in parts.items():
        if value is not None:
            computed[f"{name}: {part}"] = value.hex()
    return tag


def flow_slot(purpose):
    return half("ott slot v1", (1, purpose), (13, flow))


READY = (0, 0, 0)
BEARER, ONCE = 1, 2
record(
    "by handle", "sign-in", HANDLE, ONCE, READY, owner + email + epoch + operation, given["code"],
    slot=flow_slot("sign-in"), life=10 * MINUTE, most=5)
record(
    "registration", "sign-in", HANDLE, ONCE, READY, [(5, "")], given["code"],
    slot=flow_slot("sign-in"), life=10 * MINUTE, most=5)
record(
    "by subject", "recovery", SUBJECT, ONCE, READY, owner, given["recovery code"],
    slot=half("ott slot v1", (1, "recovery"), *owner), life=None)
record(
    "by itself", "session", ITSELF, BEARER, READY, owner + epoch, given["bearer token"],
    slot=None, life=30 * DAY, idle=DAY)
record(
    "tombstone by subject", "recovery", SUBJECT, ONCE, READY, owner, given["recovery code"],
    slot=None, life=None, tombstone=True)
record(
    "tombstone by itself", "session", ITSELF, BEARER, READY, owner, given["bearer token"],
    slot=None, life=None, tombstone=True)
record(
    "parked", "step", PARKED, ONCE, READY, owner + epoch, "",
    slot=flow_slot("step"), life=10 * MINUTE, data=given["record data"])
prompt_tag = record(
    "prompt", "approve", PARKED, ONCE, (1, 2, 0), owner, "",
    slot=flow_slot("approve"), life=10 * MINUTE, data=given["record data"],
    shown=int(given["number"]))
record(
    "attach", "attach", PARKED, ONCE, (1, 6, 1), owner[:1], "",
    slot=flow_slot("attach"), life=10 * MINUTE, shown=int(given["long number"]))

by_owner, by_system = [(26, tenant), (27, subject)], [(34, given["system"])]
for name, decider, outcome in [("approval", by_owner, 1), ("denial", by_owner, 2),
                               ("report", by_system, 3)]:
    computed[f"prompt: {name} tag"] = mac(tag_key, message(
        "ott decision v1", (25, prompt_tag), *decider, (28, bytes([outcome])),
        (19, given["decision data"]), (29, number(int(given["decided at"]), 8)))).hex()

for scope in ("application", "engine", "policy"):
    computed[f"limit key: {scope}"] = half(
        "ott limit v1", (33, scope), (32, given["limit name"]), *owner).hex()
computed["pseudonym"] = mac(sub_key("ott pseudonym key v1"), message("ott pseudonym v1", *email))[:8].hex()
computed["seal sub-key"] = sub_key("ott seal key v1").hex()
computed["handle"] = (flow + nonce).hex()

BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
body = given["prefix"] + given["symbols"]
rest = zlib.crc32(body.encode())
computed["prefixed token"] = body + "".join(BASE62[rest // 62**place % 62] for place in range(5, -1, -1))

SHOWN = [(10, "amount"), (11, "12.50"), (10, "to"), (11, "Zoë"), (39, "Firefox on Linux"), (40, "203.0.113.7")]
ASKED = 1767323045678901
for name, occasion, shown, said in [
        ("approval", "verify", SHOWN, [(36, b"\1"), (20, number(42, 4))]),
        ("denial", "confirm", [], [(36, b"\2")]),
        ("part", "approve", [(4, bytes(range(0xb0, 0xc0))), (5, "acme"), (6, "boss"),
                             (10, "amount"), (11, "12.50"), (10, "to"), (11, "Zoë")],
         [(36, b"\1"), (20, number(42, 4))])]:
    display = hashlib.sha256(message(
        "ott display v1", (38, occasion), *shown, (22, number(ASKED, 8)))).digest()
    computed[f"device {name}: display"] = display.hex()
    computed[f"device {name}: message"] = message(
        "ott device decision v1", (5, "acme"), (6, "4711"), (35, bytes([7] * 16)),
        (4, bytes(range(0xa0, 0xb0))), *said, (37, display),
        (23, number(ASKED + 10 * MINUTE, 8))).hex()

if "--print" in sys.argv:
    for name, value in computed.items():
        print(f"| `{name}` | `{value}` |")
    sys.exit()
wrong = [name for name in computed.keys() | expected.keys() if computed.get(name) != expected.get(name)]
for name in sorted(wrong):
    print(f"{name}: the page says {expected.get(name)}, computed {computed.get(name)}", file=sys.stderr)
print(f"formats.py: {len(computed)} vectors checked, {len(wrong)} wrong")
sys.exit(bool(wrong) or not computed)
