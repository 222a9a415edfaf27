"""Builds the workspace's tests, then runs them several binaries at a time; prints each one's output whole.

    python3 scripts/run_tests.py [CARGO'S OPTION…]    `-p models` runs one crate's

Most of the time of a store's tests is waiting: for a time-out, a server's start, a write to the disk. One
more than there are cores uses that. What a neighbour could make fail runs alone, after the others, and is named in ALONE.
Fails if one fails, and after the build at once if it cannot be built. JOBS is how many at a time.
"""
import concurrent.futures
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

# Thousands of clients, who are all to be answered within one time-out. Other bounds leave seconds. Package, test.
ALONE = {
    ("showcase", "load"),
    ("showcase", "strangers"),
    ("testing", "faults"),
    ("token-store-redis", "many"),
    ("token-store-sqlx", "pg_races"),
}
# What takes half a minute or more begins first, also where no earlier run tells how long each took.
LONG = {
    ("flexiapi", "postgres"),
    ("flexiapi", "rows"),
    ("lavaboom", "rows"),
    ("nextcloud-passwords", "rows"),
    ("operation-tokens", "rows"),
    ("otp-vault-cli", "cli"),
    ("showcase", "browser"),
    ("showcase", "browser_axe"),
    ("showcase", "browser_clicks"),
    ("showcase", "browser_pages"),
    ("token-store-redis", "cluster"),
    ("token-store-redis", "two_factor"),
    ("token-store-sqlx", "pg_faults"),
    ("token-store-sqlx", "pg_laws"),
    ("token-store-sqlx", "pg_pooler"),
    ("token-store-sqlx", "pg_quiet"),
    ("token-store-sqlx", "processes"),
    ("token-store-sqlx", "tokens"),
    ("token-store-sqlx", "two_factor"),
    ("twofauth", "postgres"),
    ("twofauth", "rows"),
    ("yubico-validation", "server"),
}
TIMES = Path(os.environ.get("CARGO_TARGET_DIR", "target")) / "test-times.json"


def build(options):
    """Every test executable: package, name, kind, file, and the package's folder."""
    command = ["cargo", "test", "--no-run", "--locked", "--message-format=json-render-diagnostics", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as cargo:
        messages = [json.loads(line) for line in cargo.stdout if line.startswith("{")]
    if cargo.returncode != 0:
        sys.exit(cargo.returncode)
    return [message for message in messages
            if message.get("reason") == "compiler-artifact" and message["profile"]["test"]
            and message["executable"]]


def packages():
    metadata = subprocess.check_output(
        ["cargo", "metadata", "--format-version=1", "--no-deps", "--locked"], text=True)
    return {package["id"]: package for package in json.loads(metadata)["packages"]}


class Run:
    """One test binary, or the documentation tests of every crate."""

    def __init__(self, package, name, command, folder, environment):
        self.package, self.name, self.command = package, name, command
        self.folder, self.environment = folder, environment

    def __str__(self):
        return f"{self.package}: {self.name}"

    def run(self):
        began = time.monotonic()
        done = subprocess.run(self.command, cwd=self.folder, env=self.environment, text=True, errors="replace",
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        return self, done.returncode, done.stdout, time.monotonic() - began


def runs(options):
    known = packages()
    names = {(package["name"], target["name"]) for package in known.values() for target in package["targets"]}
    gone = (ALONE | LONG) - names
    if gone:
        sys.exit(f"scripts/run_tests.py: ALONE and LONG name what is no test here: {sorted(gone)}")
    for message in build(options):
        package, target = known[message["package_id"]], message["target"]
        folder = os.path.dirname(message["manifest_path"])
        # What cargo would set, as far as a test may read it when it runs.
        environment = os.environ | {
            "CARGO": "cargo", "CARGO_MANIFEST_DIR": folder,
            "CARGO_PKG_NAME": package["name"], "CARGO_PKG_VERSION": package["version"]}
        name = target["name"] if target["kind"] == ["test"] else f"{target['name']} ({target['kind'][0]})"
        yield Run(package["name"], name, [message["executable"]], folder, environment)
    yield Run("every crate", "documentation", ["cargo", "test", "--doc", "--locked", "--no-fail-fast", *options],
              None, None)


def panics(output):
    """Which tests failed, and the beginning of what each said."""
    for test, told in re.findall(r"^---- (\S+) stdout ----\n(.*?)(?=^----|^failures:|\Z)", output, re.M | re.S):
        said = re.search(r"panicked at (\S+)\n(.*?)(?:\nnote:|\nstack backtrace|\n\n|\Z)", told, re.S)
        yield f"{test}: " + (" ".join(said.groups()) if said else told.strip())[:400]


def main():
    options = sys.argv[1:] or ["--workspace", "--all-features"]
    every = list(runs(options))
    took = json.loads(TIMES.read_text()) if TIMES.exists() else {}
    # The longest first, as of the last time; what is new comes after what is known to be long.
    guess = {False: 20, True: 60}
    every.sort(key=lambda run: -took.get(str(run), guess[(run.package, run.name) in LONG]))
    alone = [run for run in every if (run.package, run.name) in ALONE]
    together = [run for run in every if run not in alone]
    passed = failed = 0
    bad, not_run, why = [], [], []

    def tell(run, status, output, seconds):
        nonlocal passed, failed
        took[str(run)] = round(seconds, 1)
        print(f"\n     Running {run}\n{output.rstrip()}\n     {run}: {seconds:.1f} s", flush=True)
        for results in re.findall(r"^test result: \w+\. (\d+) passed; (\d+) failed", output, re.M):
            passed += int(results[0])
            failed += int(results[1])
        not_run.extend(re.findall(r"^NOT RUN: .*$", output, re.M))
        if status != 0:
            bad.append(f"{run} (exit {status})")
            why.extend(f"{run}: {words}" for words in panics(output))

    jobs = int(os.environ.get("JOBS", 1 + (os.cpu_count() or 1)))
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        for done in concurrent.futures.as_completed([pool.submit(run.run) for run in together]):
            tell(*done.result())
    for run in alone:
        tell(*run.run())

    TIMES.parent.mkdir(parents=True, exist_ok=True)
    TIMES.write_text(json.dumps(took, indent=1, sort_keys=True))
    slowest = sorted(every, key=lambda run: -took[str(run)])[:10]
    print("\nslowest: " + ", ".join(f"{run} {took[str(run)]:.0f} s" for run in slowest))
    print(f"{len(every)} binaries, {passed} passed, {failed} failed")
    print("".join(f"{words}\n" for words in not_run), end="")
    if bad:
        # Whoever sees the end of a long log alone has to see why.
        if "FAILURES" in os.environ:
            Path(os.environ["FAILURES"]).write_text("\n".join(why or bad) + "\n")
        sys.exit("failed: " + ", ".join(bad))


main()
