"""Checks that the rust-version of every crate here is true as far as its dependencies go.

No dependency, direct or not, optional or not, may ask for a newer Rust than the crate says. What the
crate itself takes from the standard library is checked by clippy (incompatible_msrv).

    python3 scripts/check_rust_versions.py --build    with the very versions too, which rustup fetches
"""
import json
import subprocess
import sys


def cargo(*arguments):
    return subprocess.check_output(["cargo", *arguments, "--locked"], text=True)


def number(version):
    return tuple(int(part) for part in version.split("."))[:2]


metadata = json.loads(cargo("metadata", "--format-version=1", "--all-features"))
asks_for = {(p["name"], p["version"]): p["rust_version"] for p in metadata["packages"]}
wrong = 0
published = {}

for package in metadata["packages"]:
    if package["id"] not in metadata["workspace_members"]:
        continue
    name, declared = package["name"], package["rust_version"]
    if declared is None:
        print(f"{name}: declares no rust-version")
        wrong += 1
        continue
    if "/crates/" in package["manifest_path"] or name == "showcase":
        published.setdefault(declared, []).append(f"-p{name}")
    # cargo tree and not the metadata's graph: that one joins the features of all crates here.
    tree = cargo("tree", "-p", name, "--all-features", "--edges=normal,build", "--target=all",
                 "--prefix=none", "--format={p}")
    below = {tuple(line.split(" v", 1)) for line in tree.splitlines() if line}
    below = {(crate, version.split()[0]) for crate, version in below} - {(name, package["version"])}
    newest = max((version for key in below if (version := asks_for[key])), key=number, default="none")
    newer = sorted(f"{c} {v} asks for {asks_for[c, v]}" for c, v in below
                   if asks_for[c, v] and number(asks_for[c, v]) > number(declared))
    print(f"{name}: {declared} (dependencies ask for {newest}, {len(below)} in all)")
    for line in newer:
        print(f"    {line}")
        wrong += 1

if "--build" in sys.argv:
    for version, crates in sorted(published.items()):
        print(f"{version}: {' '.join(crates)}", flush=True)
        subprocess.check_call(["rustup", "toolchain", "install", "--profile=minimal", version])
        subprocess.check_call(["cargo", f"+{version}", "check", "--locked", "--all-features", *crates])

sys.exit(1 if wrong else 0)
