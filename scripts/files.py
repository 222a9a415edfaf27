"""The repository's files, by line: all that no .gitignore leaves out and cargo did not build.

    scripts/files.py            every file
    scripts/files.py '*.md'     files whose name is such

It asks no git: a bare Debian has none, an archive has no history, and git refuses root the clone of somebody else.
"""
import fnmatch
import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def ignored(folder):
    """What the folder's .gitignore leaves out: names in this folder alone, and names in every folder below."""
    here, below = [], []
    file = folder / ".gitignore"
    for line in file.read_text().splitlines() if file.is_file() else []:
        pattern = line.strip()
        if not pattern or pattern.startswith("#"):
            continue
        name = pattern.removeprefix("/").removesuffix("/")
        if pattern.startswith("!") or "/" in name or "**" in name:
            sys.exit(f"{file.relative_to(ROOT)}: scripts/files.py does not read {pattern}")
        (here if pattern.startswith("/") else below).append(name)
    return here, below


def files(folder, above=()):
    here, below = ignored(folder)
    below = [*above, *below]
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        if entry.name == ".git" or any(fnmatch.fnmatchcase(entry.name, name) for name in [*here, *below]):
            continue
        path = Path(entry.path)
        if not entry.is_dir(follow_symlinks=False):
            yield path.relative_to(ROOT)
        elif not (path / "CACHEDIR.TAG").exists():
            yield from files(path, below)


def main():
    pattern = sys.argv[1] if len(sys.argv) > 1 else "*"
    found = [str(path) for path in files(ROOT) if fnmatch.fnmatchcase(path.name, pattern)]
    if not found:
        sys.exit(f"scripts/files.py: no file here is {pattern}")
    print("\n".join(found))


main()
