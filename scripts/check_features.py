"""Lints every library crate with no feature and with each feature alone: a feature only adds.

All features together are the business of scripts/test's other steps. And no crate that an application takes
brings token-delivery's outbox along, which shows tokens and is for development.
"""
import json
import subprocess
import sys


def cargo(*arguments):
    return subprocess.check_output(["cargo", *arguments, "--locked"], text=True)


for package in json.loads(cargo("metadata", "--format-version=1", "--no-deps"))["packages"]:
    name, features = package["name"], sorted(package["features"])
    if not any("lib" in target["kind"] for target in package["targets"]):
        continue
    if name == "testing":  # taken by tests alone, each with the features that it needs
        continue
    # A lint is a check: nothing is linked, and what is below is compiled once for all of them.
    for feature in ["", *features]:
        print(f"{name}: {feature or 'no feature'}", flush=True)
        lint = subprocess.run(
            ["cargo", "clippy", "--quiet", "--locked", "--lib", "-p", name,
             "--no-default-features", "--features", feature, "--", "-D", "warnings"])
        if lint.returncode != 0:
            sys.exit(f"{name} does not pass with {feature or 'no feature'} alone")
    if "/crates/" in package["manifest_path"] and "outbox" not in features:
        tree = cargo("tree", "-p", name, "--all-features", "--edges=normal", "--target=all",
                     "--prefix=none", "--format={p} [{f}]")
        if any("outbox" in line.split("[")[1] for line in tree.splitlines() if "[" in line):
            sys.exit(f"{name} brings the outbox into the application that takes it")
