"""Lints every library crate with no feature and with each feature alone: a feature only adds.

All features together are the business of scripts/test's other steps.
"""
import json
import subprocess
import sys

metadata = json.loads(subprocess.check_output(
    ["cargo", "metadata", "--format-version=1", "--no-deps", "--locked"]))

for package in metadata["packages"]:
    if not any("lib" in target["kind"] for target in package["targets"]):
        continue
    for feature in ["", *sorted(package["features"])]:
        print(f"{package['name']}: {feature or 'no feature'}", flush=True)
        lint = subprocess.run(
            ["cargo", "clippy", "--quiet", "--locked", "--lib", "-p", package["name"],
             "--no-default-features", "--features", feature, "--", "-D", "warnings"])
        if lint.returncode != 0:
            sys.exit(f"{package['name']} does not pass with {feature or 'no feature'} alone")
