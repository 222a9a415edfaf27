"""A real SMTP server (aiosmtpd) on a loopback port that the system picks and that it prints first.

Every accepted message becomes one file in --dir: envelope sender and recipients as X-MailFrom and
X-RcptTo, then what was received, byte for byte. The file `asked` has each address of a RCPT command, the refused
ones too. Ends when standard input closes, so that it never
outlives the test that started it.
"""
import argparse
import asyncio
import base64
import pathlib
import re
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult

flags = argparse.ArgumentParser(description=__doc__)
flags.add_argument("--dir", type=pathlib.Path, required=True)
flags.add_argument("--tls", nargs=2, metavar=("CERT", "KEY"), help="PEM files; nothing passes before STARTTLS")
flags.add_argument("--implicit", action="store_true", help="TLS from the first byte instead of STARTTLS")
flags.add_argument("--auth", metavar="USER:PASSWORD", help="nothing passes before this log-in")
flags.add_argument("--reject-recipient", action="append", default=[], metavar="ADDRESS", help="answered with 550")
flags.add_argument("--port", type=int, default=0, help="this one; without it, any")
flags.add_argument("--no-smtputf8", action="store_true", help="addresses in ASCII alone")
flags.add_argument("--bearer", action="append", default=[], metavar="MECHANISM", help="these alone sign in")
flags.add_argument("--token", type=pathlib.Path, help="the file has the token that is good now")
flags = flags.parse_args()


class Handler:
    count = 0

    async def auth_XOAUTH2(self, server, args):
        """As Google and Microsoft describe it."""
        return await self.bearer(server, args, rb"user=(.*)\x01auth=Bearer (.*)\x01\x01", b"")

    async def auth_OAUTHBEARER(self, server, args):
        """RFC 7628 section 3.1."""
        form = rb"n,a=(.*),\x01host=127\.0\.0\.1\x01port=\d+\x01auth=Bearer (.*)\x01\x01"
        return await self.bearer(server, args, form, b"\x01")

    async def bearer(self, server, args, form, bow):
        """A refusal says why in a challenge, and fails once the client has bowed to it (RFC 7628 section 3.2.3)."""
        said = base64.b64decode(args[1], validate=True) if len(args) == 2 else await server.challenge_auth("")
        found = re.fullmatch(form, said, re.S)
        right = flags.token.read_bytes()
        with (flags.dir / "tokens").open("ab") as tokens:
            tokens.write((found[2] if found else b"malformed") + b"\n")
        # Escaped in OAUTHBEARER alone (RFC 5801 section 4).
        user = found[1] if found and not bow else found and found[1].replace(b"=2C", b",").replace(b"=3D", b"=")
        if found and user == flags.auth.split(":")[0].encode() and found[2] == right:
            return AuthResult(success=True, auth_data=said)
        bowed = await server.challenge_auth('{"status":"401","schemes":"bearer"}')
        await server.push("535 5.7.8 refused" if bowed == bow else "501 5.5.2 not what was asked")
        return AuthResult(success=False, handled=True)

    async def handle_RCPT(self, server, session, envelope, address, options):
        with (flags.dir / "asked").open("a") as asked:
            asked.write(address + "\n")
        if address in flags.reject_recipient:
            return "550 5.1.1 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        Handler.count += 1
        head = [f"X-MailFrom: {envelope.mail_from}", *(f"X-RcptTo: {to}" for to in envelope.rcpt_tos)]
        file = flags.dir / f"{Handler.count:04}.eml"
        # Under its name only when whole: a test that waits for the file never reads half of it.
        part = file.with_suffix(".part")
        part.write_bytes("\r\n".join([*head, ""]).encode() + envelope.original_content)
        part.rename(file)
        return "250 2.0.0 kept"


def authenticate(server, session, envelope, mechanism, data):
    right = flags.auth.encode() == data.login + b":" + data.password
    return AuthResult(success=right, handled=False)


async def main():
    tls = None
    if flags.tls:
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(*flags.tls)
    starttls = None if flags.implicit else tls

    def smtp():
        return SMTP(
            Handler(), hostname="localhost", enable_SMTPUTF8=not flags.no_smtputf8,
            tls_context=starttls, require_starttls=starttls is not None,
            authenticator=authenticate if flags.auth else None, auth_required=bool(flags.auth),
            auth_require_tls=starttls is not None,
            auth_exclude_mechanism={"LOGIN", "PLAIN", "XOAUTH2", "OAUTHBEARER"} - set(flags.bearer or ["LOGIN", "PLAIN"]),
        )

    loop = asyncio.get_running_loop()
    server = await loop.create_server(smtp, "127.0.0.1", flags.port, ssl=tls if flags.implicit else None)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


asyncio.run(main())
