"""What a registry and docs.rs would show of the published crates.

    scripts/packages.py           manifests, licences, widths, READMEs; packs every crate
    scripts/packages.py --build   and builds what was packed, apart from the repository
    scripts/packages.py --write   writes the READMEs anew, from the crates' pages, and the repository's address into them

A README is the beginning of its crate's page, up to the first heading, without the lines that rustdoc hides: its
example is compiled and run there.
"""
import json
import os
import posixpath
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WIDTH = 100
PLACEHOLDER = "git.example.org"
LICENCES = ["LICENSE-APACHE", "LICENSE-MIT"]
FIELDS = ["description", "repository", "homepage", "documentation", "readme", "keywords", "categories", "license",
          "rust_version"]
faults = []


def cargo(*arguments, folder=ROOT, **options):
    return subprocess.run(["cargo", *arguments], cwd=folder, check=True, text=True, **options)


def metadata():
    read = cargo("metadata", "--format-version=1", "--no-deps", "--offline", stdout=subprocess.PIPE).stdout
    return json.loads(read)


def address():
    """Where the repository is, which `[workspace.package] repository` says and nothing else does."""
    manifest = ROOT / "Cargo.toml"
    text = manifest.read_text()
    there = re.search(r'^repository = "(https://[^"]+)"$', text, re.MULTILINE)[1]
    made = re.sub(r'^homepage = ".*"$', f'homepage = "{there}"', text, flags=re.MULTILINE)
    if made != text and "--write" in sys.argv:
        manifest.write_text(made)
    elif made != text:
        faults.append("Cargo.toml: the homepage is elsewhere: scripts/packages.py --write")
    return there


def check_address(there, published):
    """Who moves the repository changes one line: any other file that has the address, or the placeholder, is left over."""
    written = {str(Path(package["manifest_path"]).parent.relative_to(ROOT) / "README.md") for package in published}
    listed = subprocess.check_output([sys.executable, str(ROOT / "scripts/files.py")], text=True).splitlines()
    held = {name: (ROOT / name).read_bytes() for name in listed if not (ROOT / name).is_symlink()}
    for text in [PLACEHOLDER] if PLACEHOLDER in there else [there, PLACEHOLDER]:
        found = {name for name, content in held.items() if text.encode() in content}
        own = {"Cargo.toml", "scripts/packages.py"} | (written if text in there else set())
        faults.extend(f"{name}: {text} stands in Cargo.toml alone" for name in sorted(found - own))
        if text in there and "Cargo.toml" not in found:
            faults.append(f"{text} is not found where it stands, in Cargo.toml")
    if PLACEHOLDER in there:
        print(f"the repository has no address yet: {there}")


def page(source):
    """The crate's page: what stands behind `//!` at the head of the file."""
    lines = []
    for line in source.read_text().splitlines():
        if not line.startswith("//!"):
            break
        lines.append(line[4:])
    return lines


def readme(package):
    folder = Path(package["manifest_path"]).parent
    source = folder / "src/lib.rs"
    if not source.exists():  # a program's README is written by hand
        return None
    lines, code = [], False
    for line in page(source):
        if not code and line.startswith("# "):
            break
        if line.startswith("```"):
            code = not code
            line = "```rust" if code and line == "```" else line
        elif code and (line == "#" or line.startswith("# ")):
            continue
        elif not code:
            line = re.sub(r"\[(`[^`]*`)\](\([^)]*\)|\[[^]]*\])?", r"\1", line)
        lines.append(line)
    name, version = package["name"], ".".join(package["version"].split(".")[:2])
    tail = f"""```toml
[dependencies]
{name} = "{version}"
```

What it guarantees, what it does not, features and specifications: [docs.rs]({package["documentation"]}). How
to use it, operate it and choose among its neighbours: [the book]({package["repository"]}/tree/main/docs/book).

Rust {package["rust_version"]} or newer. Licensed under [MIT](LICENSE-MIT) or [Apache-2.0](LICENSE-APACHE), at your option.
"""
    return f"# {name}\n\n" + "\n".join(lines).strip() + "\n\n" + tail


def too_wide(path):
    """Lines of code blocks in docs, as docs.rs would have to scroll them."""
    code = False
    for number, line in enumerate(path.read_text().splitlines(), 1):
        found = re.match(r"\s*//[/!] ?(.*)", line) if path.suffix == ".rs" else re.match("(.*)", line)
        if not found:
            code = False
        elif found[1].lstrip().startswith("```"):
            code = not code
        elif code and len(found[1]) > WIDTH and not found[1].startswith("# "):
            yield f"{path.relative_to(ROOT)}:{number}: {len(found[1])} columns in an example"


def check(package, workspace):
    folder, name = Path(package["manifest_path"]).parent, package["name"]
    faults.extend(f"{name}: no {field}" for field in FIELDS if not package[field])
    if package["documentation"] != f"https://docs.rs/{name}":
        faults.append(f"{name}: documentation is elsewhere")
    if not (package["metadata"] or {}).get("docs", {}).get("rs", {}).get("all-features"):
        faults.append(f"{name}: docs.rs builds without features")
    for licence in LICENCES:
        if not (folder / licence).exists() or (folder / licence).read_text() != (ROOT / licence).read_text():
            faults.append(f"{name}: no {licence}")
    source = folder / "src/lib.rs"
    if source.exists() and "#![cfg_attr(docsrs, feature(doc_cfg))]" not in source.read_text():
        faults.append(f"{name}: docs.rs does not say which feature an item needs")
    # Every crate has one version, and whoever depends on it asks for that one.
    for dependency in package["dependencies"]:
        if dependency["name"] in workspace and dependency["req"] not in ("*", f"^{workspace[dependency['name']]}"):
            faults.append(f"{name} asks for {dependency['name']} {dependency['req']}")
    for path in sorted(folder.glob("src/**/*.rs")):
        faults.extend(too_wide(path))
    written = folder / "README.md"
    made = readme(package)
    if made is not None and "--write" in sys.argv:
        written.write_text(made)
    if made is not None and (not written.exists() or written.read_text() != made):
        faults.append(f"{name}: README.md is not its page's beginning: scripts/packages.py --write")
    if written.exists():
        faults.extend(too_wide(written))


def pack(published, target):
    chosen = [argument for package in published for argument in ("-p", package["name"])]
    told = subprocess.run(
        ["cargo", "package", "--offline", "--no-verify", "--allow-dirty", "--target-dir", str(target), *chosen],
        cwd=ROOT, text=True, stderr=subprocess.PIPE)
    if told.returncode != 0:
        sys.exit(told.stderr)
    for line in told.stderr.splitlines():
        # A target that was left out on purpose, with the tests that stand on `testing`.
        if line.startswith("warning") and "is not included in the published package" not in line:
            faults.append(f"cargo package: {line}")
    files = []
    for package in published:
        crate = target / "package" / f"{package['name']}-{package['version']}.crate"
        with tarfile.open(crate) as archive:
            names = {member.name.split("/", 1)[1] for member in archive.getmembers()}
            faults.extend(left_behind(archive, names))
        faults.extend(f"{package['name']}: {name} is not in its package"
                      for name in [*LICENCES, "README.md", "Cargo.toml"] if name not in names)
        print(f"{package['name']}: {len(names)} files, {crate.stat().st_size // 1024} KiB")
        files.append(crate)
    return files


def left_behind(archive, names):
    """Files that a source of the package includes, and that are not in it: it compiles here alone."""
    for member in archive.getmembers():
        crate, name = member.name.split("/", 1)
        if not name.endswith(".rs"):
            continue
        text = archive.extractfile(member).read().decode()
        for included in re.findall(r"""include_(?:str|bytes)!\(\s*"([^"]+)"\s*,?\)""", text):
            if posixpath.normpath(posixpath.join(posixpath.dirname(name), included)) not in names:
                yield f"{crate}: {name} includes {included}, which is not in the package"


def build(crates, target):
    """All of them in one workspace of their own, with nothing of the repository beside them but the lock file, so that
    what is below is compiled already."""
    folder = target / "packed"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    names = []
    for crate in crates:
        with tarfile.open(crate) as archive:
            archive.extractall(folder, filter="data")
        names.append(crate.name.removesuffix(".crate"))
        (folder / names[-1] / "Cargo.lock").unlink(missing_ok=True)
    profiles = (ROOT / "Cargo.toml").read_text().partition("[profile.release]")[2]
    patches = "\n".join(f'{name.rsplit("-", 1)[0]} = {{ path = "{name}" }}' for name in names)
    (folder / "Cargo.toml").write_text(
        f'[workspace]\nresolver = "3"\nmembers = {json.dumps(names)}\n\n[patch.crates-io]\n{patches}\n\n'
        f"[profile.release]{profiles}")
    shutil.copy(ROOT / "Cargo.lock", folder / "Cargo.lock")
    cargo("check", "--quiet", "--workspace", "--all-features", "--all-targets", "--offline",
          "--target-dir", str(target), folder=folder)
    shutil.rmtree(folder)


def main():
    there = address()
    told = metadata()
    target = Path(os.environ.get("CARGO_TARGET_DIR") or told["target_directory"]).resolve()
    inside = {package["name"]: package["version"] for package in told["packages"]}
    published = [package for package in told["packages"] if package["publish"] is None]
    if len(published) < 11:
        faults.append(f"{len(published)} crates are published")
    for package in published:
        check(package, inside)
        faults.extend(f"{package['name']}: its {field} is elsewhere" for field in ("repository", "homepage")
                      if package[field] != there)
    check_address(there, published)
    if not faults:
        crates = pack(published, target)
        if "--build" in sys.argv and not faults:
            build(crates, target)
    if faults:
        sys.exit("\n".join(faults))


main()
