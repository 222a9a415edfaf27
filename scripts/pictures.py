"""Draws the book's pictures.

    scripts/pictures.py           fails where a picture is not what this would draw
    scripts/pictures.py --write   draws them anew

A picture is 400 units wide, so that its text can be read on a telephone.
"""
import sys
import textwrap
from html import escape
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent / "docs/book/src/pictures"
WIDTH = 400
STYLE = """text{font:12px system-ui,-apple-system,"Segoe UI","DejaVu Sans",sans-serif;fill:#17202e}
.n{font-weight:600}.s{font-size:11px;fill:#4a5568}.l{font-size:11px;fill:#2447c5}
.b{fill:#fff;stroke:#8a97ab}.p{fill:#e8edfc;stroke:#2447c5}.f{fill:#f1f3f7;stroke:#8a97ab}
.a{stroke:#2447c5;fill:none;stroke-width:1.5}.d{stroke:#b6c0d0;fill:none;stroke-dasharray:3 3}.h{fill:#2447c5}"""
MARKER = ('<defs><marker id="t" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
          'orient="auto-start-reverse"><path class="h" d="M0 0 8 4 0 8z"/></marker></defs>')


class Picture:
    def __init__(self, title, says):
        self.title, self.says, self.parts, self.bottom = title, says, [], 12

    def text(self, x, y, line, kind="", anchor="start"):
        self.parts.append(f'<text class="{kind}" x="{x}" y="{y}" text-anchor="{anchor}">{escape(line)}</text>')

    def lines(self, x, y, text, width, kind="s"):
        """Wrapped text; answers the y of the next line."""
        for line in textwrap.wrap(text, width):
            self.text(x, y, line, kind)
            y += 15
        return y

    def box(self, x, y, width, height, kind="b"):
        self.parts.append(f'<rect class="{kind}" x="{x}" y="{y}" width="{width}" height="{height}" rx="7"/>')

    def arrow(self, path, kind="a"):
        end = ' marker-end="url(#t)"' if kind == "a" else ""
        self.parts.append(f'<path class="{kind}" d="{path}"{end}/>')

    def svg(self):
        height = self.bottom + 10
        return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" '
                f'aria-labelledby="title desc">\n<title id="title">{escape(self.title)}</title>\n'
                f'<desc id="desc">{escape(self.says)}</desc>\n<style>{STYLE}</style>\n{MARKER}\n'
                f'<rect fill="#fff" width="{WIDTH}" height="{height}"/>\n' + "\n".join(self.parts) + "\n</svg>\n")


def card(picture, head, text, kind="b", width=58):
    """A box over the whole width, below what was drawn last."""
    top = picture.bottom
    lines = textwrap.wrap(text, width)
    height = 30 + 15 * len(lines)
    picture.box(12, top, WIDTH - 24, height, kind)
    picture.text(24, top + 19, head, "n")
    picture.lines(24, top + 36, text, width)
    picture.bottom = top + height + 8
    return top, height


def timeline(title, says, steps):
    picture = Picture(title, says)
    dots = []
    for when, head, text in steps:
        top = picture.bottom
        lines = textwrap.wrap(text, 46)
        height = 24 + 15 * len(lines)
        dots.append(top + 14)
        picture.text(70, top + 18, when, "l", "end")
        picture.text(98, top + 18, head, "n")
        picture.lines(98, top + 34, text, 46)
        picture.bottom = top + height + 10
    picture.parts.insert(0, f'<path class="a" d="M83 {dots[0]}V{dots[-1]}"/>')
    for y in dots:
        picture.parts.append(f'<circle class="h" cx="83" cy="{y}" r="4.5"/>')
    return picture


def sequence(title, says, actors, rows):
    picture = Picture(title, says)
    at = {name: 46 + index * (WIDTH - 92) / (len(actors) - 1) for index, name in enumerate(actors)}
    y, drawn = 62, []
    for row in rows:
        if row[0] == "note":
            lines = textwrap.wrap(row[1], 60)
            drawn.append(("note", y, lines))
            y += 15 * len(lines) + 24
        else:
            drawn.append(("arrow", y, row))
            y += 30
    for name, x in at.items():
        picture.arrow(f"M{x} 38V{y - 8}", "d")
        picture.box(x - 42, 12, 84, 26, "p")
        picture.text(x, 29, name, "n", "middle")
    for kind, top, what in drawn:
        if kind == "note":
            picture.box(12, top - 10, WIDTH - 24, 15 * len(what) + 8, "f")
            for number, line in enumerate(what):
                picture.text(20, top + 5 + 15 * number, line, "s")
        else:
            start, end, words = at[what[0]], at[what[1]], what[2]
            gap = 3 if end > start else -3
            picture.arrow(f"M{start} {top}H{end - gap}")
            # Beside a lane's end where the words are longer than the arrow.
            middle = min(max((start + end) / 2, 6 + 3 * len(words)), WIDTH - 6 - 3 * len(words))
            width = 5.9 * len(words)
            picture.parts.append(f'<rect fill="#fff" x="{middle - width / 2:.0f}" y="{top - 17}" '
                                 f'width="{width:.0f}" height="14"/>')
            picture.text(middle, top - 6, words, "l", "middle")
    picture.bottom = y - 6
    return picture


def sign_in():
    b, a, t, d = "browser", "yours", "TwoFactor", "database"
    return sequence(
        "A sign-in with a second factor",
        "Password, offered ways, a code that is sent, verify, a proof, the session.",
        [b, a, t, d],
        [(b, a, "name and password"), (a, t, "offered(account)"), (t, d, "factors"),
         ("note", "Cookie: a session that is half open, for ten minutes. Database: nothing new."),
         (b, a, "send a code"), (a, t, "request(attempt)"), (t, d, "record: a digest, no code"),
         ("note", "The code leaves by mail. The session gets the handle; an authenticator app needs neither."),
         (b, a, "the code"), (a, t, "verify(attempt, code)"), (t, d, "1. spend the limits"),
         (t, d, "2. compare and burn, in one step"), (t, a, "Proof"),
         ("note", "Cookie: a new session, under a new id. Database: the code is spent, or the app's counter is higher; "
                  "the proof is parked, so that for ten minutes the person can change factors."),
         (a, b, "signed in")])


def stored():
    picture = Picture("What is stored where", "Account row, session, tables of the stores, key file, cookies.")
    card(picture, "the account's row, in your table",
         "an id that never changes; whether it needs a second factor; the credential epoch, raised with each change of "
         "password or address; verified addresses, since when, and those that they replaced")
    card(picture, "the session, in your store or in ott-bearer's",
         "the handle of a code that was sent; the handle of a parked proof; the name of the sign-in")
    card(picture, "ott_tokens, ott_factors, ott_limits",
         "digests, seals, counters. Made and changed by the stores alone. Worth nothing without the key file.", "p")
    card(picture, "the key file, on each machine",
         "the same everywhere, mode 0600, apart from the database and from its backups", "p")
    card(picture, "a cookie for each known, and each trusted, device",
         "its token. The mail, the phone and the paper have the codes; no table has one in clear.")
    return picture


def policies():
    picture = Picture("Which policy for which job", "Six questions that lead to a policy.")
    for question, policy, text in [
        ("Does a person type it, behind a password?", "Policy::code", "6 digits, 10 minutes, 5 tries"),
        ("Does a person type it, and may anybody ask for it?", "Policy::readable", "8 consonants, 10 minutes, 5 tries"),
        ("Does a person open it from a mail?", "Policy::link", "258 bits, one hour, once"),
        ("Is it printed, for the day the phone is gone?", "Policy::recovery", "120 bits, until used or replaced"),
        ("Does a browser or program carry it?", "Policy::bearer, Kind::…", "258 bits, as long as you say, many times"),
        ("Does somebody approve on another device?", "Policy::prompt", "no token: a number of two digits, 10 minutes"),
        ("Does a flow keep something until its next request?", "Policy::parked", "no token, 10 minutes, once"),
    ]:
        top = picture.bottom
        picture.box(12, top, WIDTH - 24, 46)
        picture.text(24, top + 18, question, "s")
        picture.text(24, top + 36, policy, "n")
        picture.text(WIDTH - 24, top + 36, text, "l", "end")
        picture.bottom = top + 54
    return picture


def limits():
    picture = Picture("Three kinds of limits", "Pace, allowance and ceiling: what they count and what brings them back.")
    for head, text, path in [
        ("pace: 10 at once, then one in 6 minutes",
         "Counts tries of one purpose, or sends to one account. Time brings it back. The person waits minutes: 429.",
         "M0 0l8 5l0 9l8 -5l0 9l8 -5l0 9l8 -5l0 7l8 -5l16 -10"),
        ("allowance: 100, then one a day",
         "Counts every guess at one account, whatever the purpose. A success gives back what its own sign-in spent. "
         "Time brings it back, slowly. The person uses a known device, a recovery code or a key: 429.",
         "M0 0l10 8l0 -2l10 8l0 -2l10 8l16 -2"),
        ("ceiling: 100 failures in a row",
         "Counts failures at one factor (NIST SP 800-63B-4, 3.2.2). A success brings it back, time does not. "
         "The factor is disabled: another one, a recovery code, or support.",
         "M0 0l6 5l6 5l6 5l6 5l0 -20l6 5l6 5l6 5l8 6"),
    ]:
        top, height = card(picture, head, text, width=50)
        picture.parts.append(f'<path class="a" transform="translate({WIDTH - 78} {top + height / 2 - 12:.0f})" d="{path}"/>')
    return picture


def rotation():
    return timeline(
        "Rotation of a key, as a time line", "Five rings one after the other, each on every machine.",
        [("before", "1", "Every machine makes and reads with key 1."),
         ("step 1", "1, 2", "Add key 2 last. Still made with 1; whoever gets something of 2 can read it."),
         ("step 2", "2, 1", "Move 2 first. Made with 2, read with both. A factor's seal follows when it is next used."),
         ("step 3", "2, 1 retired", "A minute after the last machine. Codes of 1 live to their end and two minutes more, "
                                    "and nobody can date a new one back."),
         ("step 4", "2", "Drop 1 once two questions in SQL answer 0: no record, no seal of key 1.")])


def promotion():
    return timeline(
        "A promotion of Redis, as a time line", "From the death of the primary until everything counts again.",
        [("0 s", "the primary dies", "Everything is an outage: 503. Nothing is refused, nothing passes."),
         ("10 s", "a replica is promoted", "The first script sees a new replication id. Event: primary.changed."),
         ("10 s", "tokens", "Old ones are refused: people ask for new codes. New ones work. No code passes twice."),
         ("10 s", "paces", "One try each, then as usual."),
         ("2 min", "the operator", "Codes of apps from before have expired. accept_lost_writes(number): factors, ceilings and "
                                   "allowances, where Redis has them at all, count again."),
         ("1 h", "as before", "Every pace is full again.")])


def instances():
    picture = Picture("A second instance", "Two processes behind a proxy, with one key file and one database.")
    picture.box(130, 12, 140, 34, "f")
    picture.text(200, 33, "proxy, any to any", "", "middle")
    for x, name in ((20, "instance 1"), (220, "instance 2")):
        picture.arrow(f"M200 46V60H{x + 80}V73")
        picture.box(x, 76, 160, 64, "b")
        picture.text(x + 80, 97, name, "n", "middle")
        picture.text(x + 80, 114, "nothing kept in memory", "s", "middle")
        picture.text(x + 80, 130, "clock by NTP", "s", "middle")
        picture.arrow(f"M{x + 80} 140V168H200V181")
    picture.box(100, 184, 200, 50, "p")
    picture.text(200, 205, "one PostgreSQL", "n", "middle")
    picture.text(200, 222, "ott_tokens, ott_factors, ott_limits", "s", "middle")
    picture.box(20, 252, 360, 50, "p")
    picture.text(200, 273, "one key file, copied to each machine", "n", "middle")
    picture.text(200, 290, "key_file::read, and read_or_create on none of them", "s", "middle")
    picture.bottom = 304
    return picture


PICTURES = {"sign-in": sign_in, "stored": stored, "policies": policies, "limits": limits, "rotation": rotation,
            "promotion": promotion, "instances": instances}


def main():
    stale = []
    for name, draw in PICTURES.items():
        path, drawn = FOLDER / f"{name}.svg", draw().svg()
        if "--write" in sys.argv:
            path.write_text(drawn)
        elif not path.exists() or path.read_text() != drawn:
            stale.append(name)
    if stale:
        sys.exit(f"stale pictures: {', '.join(stale)}: scripts/pictures.py --write")


main()
