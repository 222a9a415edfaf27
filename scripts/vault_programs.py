"""Files of otp-vault, read by other people's programs, and theirs by it.

    python3 scripts/vault_programs.py [OTP-VAULT]

Makes a virtual environment in target/vault-programs, whose programs come from PyPI: pyotp reads URIs, otpa Google
migrations, lib2fas the files of 2FAS, and-otp-uri those of andOTP; pykeepass and pyzipper write databases and archives.
OTP-VAULT is the program to try; without, it is built. Each code is held against pyotp's.
"""
import json
import os
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
PACKAGES = ["pyotp==2.9.0", "otpa==0.0.2", "lib2fas==1.0.0", "and-otp-uri==0.0.2", "pykeepass==4.2.0", "pyzipper==0.4.0"]
PASSWORD = "correct horse"
NOW = 1_700_000_000
SHORT, LONG = "JBSWY3DPEHPK3PXP", "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
# pyotp holds the issuer of the label, escapes and all, against the parameter: these have no escapes.
PLAIN = [
    f"otpauth://totp/Example:alice%40example.org?secret={SHORT}&issuer=Example",
    f"otpauth://totp/Other:me?secret={LONG}&issuer=Other",
]
# Of the first kind every program makes codes; of these some make none, and say nothing.
MORE = [
    f"otpauth://totp/Example:bob?secret={LONG}&issuer=Example&algorithm=SHA256&digits=8&period=60",
    f"otpauth://totp/Example:carol?secret={SHORT}&issuer=Example&algorithm=SHA512&digits=7",
]


def environment():
    """Starts this script again with the Python of the environment that the programs are in."""
    place = TARGET / "vault-programs"
    python = place / "bin" / "python"
    if Path(sys.prefix) == place:
        return
    mark = place / "packages.json"
    if not mark.exists() or json.loads(mark.read_text()) != PACKAGES:
        venv.create(place, clear=True, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *PACKAGES], check=True)
        mark.write_text(json.dumps(PACKAGES))
    os.execv(python, [python, __file__, *sys.argv[1:]])


def program():
    if len(sys.argv) > 1:
        return Path(sys.argv[1]).resolve()
    subprocess.run(["cargo", "build", "--quiet", "--locked", "-p", "otp-vault-cli"], check=True, cwd=ROOT)
    return TARGET.resolve() / "debug" / "otp-vault"


def main():
    environment()
    import lib2fas
    import pyotp
    import pyzipper
    from pykeepass import create_database

    vault = program()
    folder = Path(tempfile.mkdtemp(prefix="vault-programs-"))
    (folder / "pw").write_text(PASSWORD + "\n")

    def run(*arguments, text=""):
        done = subprocess.run([vault, *arguments], input=text, capture_output=True, text=True, cwd=folder)
        if done.returncode != 0:
            sys.exit(f"otp-vault {' '.join(arguments)}: {done.stderr}")
        return done.stdout

    def export(name, uris, *options):
        return run("export", "--format", name, *options, "-", text="\n".join(uris))

    def code(uri):
        return pyotp.parse_uri(uri).at(NOW)

    def ours(text, *options):
        """The codes that otp-vault makes of a file."""
        (folder / "file").write_bytes(text if isinstance(text, bytes) else text.encode())
        found = json.loads(run("import", *options, "file"))
        assert not found["skipped"], found["skipped"]
        return [
            run("code", "--at", str(NOW), "--file", "file", *options, f"{row['issuer']}:{row['account']}").strip()
            for row in found["entries"]
        ]

    count = 0

    def same(what, found, wanted):
        nonlocal count
        if list(found) != list(wanted):
            sys.exit(f"{what}: {found} is not {wanted}")
        count += 1
        print(f"{what}: {len(wanted)} codes")

    wanted = [code(uri) for uri in PLAIN + MORE]
    same("pyotp reads uri-list", [code(uri) for uri in export("uri-list", PLAIN + MORE).split()], wanted)
    same("otp-vault reads the URIs of pyotp", ours("\n".join(
        pyotp.parse_uri(uri).provisioning_uri() for uri in PLAIN + MORE)), wanted)

    # What Google's application has no room for is left out of it.
    held = [uri for uri in PLAIN + MORE if "digits=7" not in uri and "period=60" not in uri]
    otpa = [sys.executable, "-m", "otpa"]
    many = held + [f"otpauth://totp/more:{at}?secret={LONG}&issuer=more" for at in range(19)]
    (folder / "migration").write_text(export("google-migration", many))
    read = subprocess.run([*otpa, "ca", "-f", folder / "migration"], check=True, capture_output=True, text=True)
    same("otpa reads google-migration", [code(uri) for uri in read.stdout.split()], [code(uri) for uri in many])
    (folder / "uris").write_text("\n".join(many))
    written = subprocess.run([*otpa, "cm", "-f", folder / "uris"], check=True, capture_output=True, text=True)
    same("otp-vault reads the migrations of otpa", ours(written.stdout), [code(uri) for uri in many])

    for options in ((), ("--password-file", "pw")):
        (folder / "2fas").write_text(export("2fas", PLAIN, *options))
        found = lib2fas.load_services(folder / "2fas", passphrase=PASSWORD if options else None)
        found = [pyotp.TOTP(row.secret).at(NOW) for row in found]
        same(f"lib2fas reads 2fas {' '.join(options[:1])}", found, [code(uri) for uri in PLAIN])

    (folder / "andotp").write_text(export("andotp", PLAIN))
    read = subprocess.run([Path(sys.prefix) / "bin" / "and-otp-uri", folder / "andotp"], check=True, capture_output=True, text=True)
    same("and-otp-uri reads andotp", [code(uri) for uri in read.stdout.split("\n") if uri], [code(uri) for uri in PLAIN])

    database = create_database(str(folder / "kdbx"), password=PASSWORD)
    for at, uri in enumerate(PLAIN + MORE):
        database.add_entry(database.root_group, f"title {at}", "user", "pw", otp=uri)
    database.save()
    same("otp-vault reads pykeepass' database", ours((folder / "kdbx").read_bytes(), "--password-file", "pw"), wanted)
    with pyzipper.AESZipFile(folder / "zip", "w", encryption=pyzipper.WZ_AES) as archive:
        archive.setpassword(PASSWORD.encode())
        archive.writestr("Accounts.txt", "\n".join(PLAIN + MORE))
    same("otp-vault reads pyzipper's archive", ours((folder / "zip").read_bytes(), "--password-file", "pw"), wanted)
    print(f"{count} ways, and every code is the same")


main()
