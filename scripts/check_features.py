"""Lints every crate that an application takes with no feature and with each feature alone: a feature only adds.

All features together are the business of scripts/test's other steps. And none of these crates brings
token-delivery's outbox along, which shows tokens and is for development; nor has the showcase it in a build
that does not name it.
"""
import json
import subprocess
import sys


def cargo(*arguments):
    return subprocess.check_output(["cargo", *arguments, "--locked"], text=True)


def check_outbox(name, *asked):
    tree = cargo("tree", "-p", name, *asked, "--edges=normal", "--target=all",
                 "--prefix=none", "--format={p} [{f}]")
    if any("outbox" in line.split("[")[1] for line in tree.splitlines() if "[" in line):
        sys.exit(f"{name} brings the outbox into the application that takes it")


for package in json.loads(cargo("metadata", "--format-version=1", "--no-deps"))["packages"]:
    name, features = package["name"], sorted(package["features"])
    # Tests and examples take what they need; crates/testing is theirs.
    if "/crates/" not in package["manifest_path"] or name == "testing":
        continue
    # A program has no library that others build on; its binaries are what is taken.
    kind = "lib" if any("lib" in target["kind"] for target in package["targets"]) else "bins"
    # A lint is a check: nothing is linked, and what is below is compiled once for all of them.
    for feature in ["", *features]:
        print(f"{name}: {feature or 'no feature'}", flush=True)
        lint = subprocess.run(
            ["cargo", "clippy", "--quiet", "--locked", f"--{kind}", "-p", name,
             "--no-default-features", "--features", feature, "--", "-D", "warnings"])
        if lint.returncode != 0:
            sys.exit(f"{name} does not pass with {feature or 'no feature'} alone")
    if "outbox" not in features:
        check_outbox(name, "--all-features")
check_outbox("showcase")
