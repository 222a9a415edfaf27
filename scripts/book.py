"""The book and the pages beside it: every link leads somewhere, and every program in it is a short one that is compiled. And
each test, which the pages name, has a sentence above it.

    scripts/book.py              checks; builds the book too where mdbook is installed
    scripts/book.py preprocess   mdbook calls this: links that leave the book lead to the repository
"""
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "docs/book/src"
LINK = re.compile(r"!?\[(?:[^\]\[]|\[[^\]]*\])*\]\(([^)\s]+)\)|^\[[^\]]+\]:\s*(\S+)", re.MULTILINE)
INCLUDE = re.compile(r"\{\{#include ([^}:\s]+)(?::([^}]*))?\}\}")
# A function with the comments and the attributes above it. One that a macro makes has its sentence elsewhere.
FUNCTION = re.compile(r"^((?:[ \t]*(?://.*|#\[(?:[^\]\[]|\[[^\]]*\])*\])\n)*)[ \t]*((?:pub )?(?:async )?fn (\w+).*)", re.MULTILINE)
MACRO = re.compile(r"^( *)macro_rules! .*?^\1\}", re.MULTILINE | re.DOTALL)
WIDTH = 100
LENGTHS = range(20, 61)
faults = []


def repository():
    found = re.search(r'^repository = "([^"]+)"', (ROOT / "Cargo.toml").read_text(), re.MULTILINE)
    return found[1]


def anchor(heading):
    """As mdbook and the usual forges make it."""
    text = re.sub(r"`|\*|\[([^\]]*)\]\([^)]*\)", lambda found: found[1] or "", heading.strip().lower())
    return re.sub(r"[^\w\- ]", "", text).replace(" ", "-")


def without_code(text):
    return re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)


def anchors(path):
    return {anchor(line.lstrip("#")) for line in without_code(path.read_text()).splitlines() if line.startswith("#")}


def check_links(path):
    text = re.sub(r"`[^`\n]*`", "`", without_code(path.read_text()))
    for found in LINK.finditer(text):
        target = found[1] or found[2]
        if re.match(r"[a-z]+:", target):
            continue
        file, _, heading = target.partition("#")
        there = (path.parent / file).resolve() if file else path
        name = path.relative_to(ROOT)
        if not there.exists():
            faults.append(f"{name}: {target} is not there")
        elif heading and there.suffix == ".md" and heading not in anchors(there):
            faults.append(f"{name}: {target} has no such heading")


def check_include(path, file, part):
    there = (path.parent / file).resolve()
    if not there.is_file():
        faults.append(f"{path.name}: {file} is not there")
        return
    lines = there.read_text().splitlines()
    if part and ":" in part:  # lines of a README, whose example its crate compiles
        start, end = (int(number) for number in part.split(":"))
        shown = lines[start - 1:end]
        # What is shown is one whole block, no fence and nothing beside it.
        if lines[start - 2] != "```rust" or lines[end] != "```" or any(line.startswith("```") for line in shown):
            faults.append(f"{path.name}: {file}:{part} is not one whole block")
    elif part:
        begin, end = (next((at for at, line in enumerate(lines) if f"{word}: {part}" in line), None)
                      for word in ("ANCHOR", "ANCHOR_END"))
        if begin is None or end is None:
            faults.append(f"{path.name}: {file} has no part {part}")
            return
        shown = lines[begin + 1:end]
    else:
        shown = lines
    if there.suffix not in (".rs", ".md") or (there.suffix == ".md" and there.name != "README.md"):
        faults.append(f"{path.name}: {file} is no program")
    faults.extend(f"{path.name}: {file}: {len(line)} columns" for line in shown if len(line) > WIDTH)


def check_programs(path):
    """A block of Rust is what a file has that the tests compile: nothing is typed here."""
    versions = {}
    for manifest in ROOT.glob("crates/*/Cargo.toml"):
        versions[manifest.parent.name] = manifest
    for language, code in re.findall(r"^```(\w*)\n(.*?)^```", path.read_text(), re.MULTILINE | re.DOTALL):
        if language == "rust":
            found = INCLUDE.fullmatch(code.strip())
            if not found:
                faults.append(f"{path.name}: a program that no test compiles")
            else:
                check_include(path, found[1], found[2])
        elif language == "toml":
            version = ".".join(re.search(r'^version = "([\d.]+)"', (ROOT / "Cargo.toml").read_text(),
                                         re.MULTILINE)[1].split(".")[:2])
            for name, asked in re.findall(r'^([\w-]+) = (?:\{ version = )?"([\d.]+)"', code, re.MULTILINE):
                if name in versions and asked != version:
                    faults.append(f"{path.name}: {name} {asked} is not {version}")


def dependencies(manifest):
    """Name and features of each line under `[dependencies]`."""
    lines = re.search(r"^\[dependencies\]\n(.*?)(?:^\[|\Z)", manifest, re.MULTILINE | re.DOTALL)[1]
    found = re.findall(r"^([\w-]+) = (.*)$", lines, re.MULTILINE)
    return {name: sorted(re.findall(r'"([^"]*)"', (re.search(r"features = \[(.*?)\]", rest) or ["", ""])[1]))
            for name, rest in found}


def check_applications(path):
    """An application's dependency lines are those that it is built with, no less and no more."""
    folder = ROOT / "examples/shop"
    built, library = dependencies((folder / "Cargo.toml").read_text()), (folder / "src/lib.rs").read_text()
    pairs = re.findall(r"^```toml\n(.*?)^```.*?^\{\{#include [^}]*examples/shop/src/bin/([\w.-]+)\}\}",
                       path.read_text(), re.MULTILINE | re.DOTALL)
    if sorted(name for _, name in pairs) != sorted(file.name for file in (folder / "src/bin").glob("*.rs")):
        faults.append(f"{path.name}: not every program of {folder.name} has its dependency lines before it")
    for shown, name in pairs:
        code = re.sub(r"//.*", "", library + (folder / "src/bin" / name).read_text())
        used = {crate for crate in built if re.search(rf"\b{crate.replace('-', '_')}::", code)}
        if dependencies(shown) != {crate: built[crate] for crate in used}:
            faults.append(f"{path.name}: the dependency lines of {name} are not those of {folder.name}/Cargo.toml")


def tests(path):
    """The tests of a file, by name and whether a sentence stands above: also the functions that macros run over a place."""
    for above, line, name in FUNCTION.findall(MACRO.sub("", path.read_text())):
        is_over_place = "crates/testing/src/" in str(path) and line.startswith("pub async") and "(place: Place)" in line
        if is_over_place or re.search(r"^\s*#\[(?:tokio::)?test\b", above, re.MULTILINE):
            yield name, bool(re.search(r"^\s*/// \S", above, re.MULTILINE))


def check_tests():
    listed = subprocess.check_output([sys.executable, str(ROOT / "scripts/files.py"), "*.rs"], text=True)
    found = [(file, *test) for file in listed.splitlines() for test in tests(ROOT / file)]
    if len(found) < 1500:
        faults.append(f"{len(found)} tests: the sources were not read")
    for file, name, has_sentence in found:
        if not has_sentence:
            faults.append(f"{file}: {name} has no sentence (`///`) above it")
        if len(name) > 50 or re.match(r"(a|an|the)_", name):
            faults.append(f"{file}: {name}: the name of a test begins with its subject and has at most 50 characters")


def check():
    summary = (SOURCE / "SUMMARY.md").read_text()
    listed = re.findall(r"\]\(([^)]+)\)", summary)
    pages = {page.name for page in SOURCE.glob("*.md")} - {"SUMMARY.md"}
    faults.extend(f"SUMMARY.md: {name} is listed twice" for name in set(listed) if listed.count(name) > 1)
    faults.extend(f"{name} is in no summary" for name in pages - set(listed))
    for name in sorted(pages):
        check_programs(SOURCE / name)
        if re.search(r"!\[\]\(", (SOURCE / name).read_text()):
            faults.append(f"{name}: a picture without words")
    check_applications(SOURCE / "application.md")
    check_tests()
    for recipe in sorted((ROOT / "examples/recipes/src").glob("*.rs")):
        length = len(recipe.read_text().splitlines())
        if recipe.name != "lib.rs" and length not in LENGTHS:
            faults.append(f"{recipe.relative_to(ROOT)}: a recipe is read at a glance, and this one has {length} lines")
    listed = subprocess.check_output([sys.executable, str(ROOT / "scripts/files.py"), "*.md"], text=True)
    for name in listed.splitlines():
        # What a registry shows of a package is checked by scripts/packages.py, as one text.
        if not (ROOT / name).is_symlink():
            check_links(ROOT / name)
    drawn = subprocess.run([sys.executable, str(ROOT / "scripts/pictures.py")], capture_output=True, text=True)
    if drawn.returncode:
        faults.append(drawn.stderr.strip())


def build():
    subprocess.run(["mdbook", "build", str(ROOT / "docs/book")], check=True)
    pages = sorted((ROOT / "target/book").glob("*.html"))
    made = {page.name: page.read_text() for page in pages}
    for name, text in made.items():
        if name in ("print.html", "toc.html", "404.html"):
            continue
        for target in re.findall(r'(?:href|src)="([^"#:]+)(?:#[^"]*)?"', text):
            if not (ROOT / "target/book" / target).exists():
                faults.append(f"{name}: {target} is not in the book")
    print(f"target/book: {len(pages)} pages")


def preprocess():
    """mdbook's protocol: context and book in JSON on standard input, the book on standard output."""
    _, book = json.load(sys.stdin)
    base = f"{repository()}/tree/main"

    def outside(found):
        target = found[1]
        there = (SOURCE / target.partition("#")[0]).resolve()
        if re.match(r"[a-z]+:|#", target) or there.is_relative_to(SOURCE):
            return found[0]
        heading = "#" + target.partition("#")[2] if "#" in target else ""
        return found[0].replace(f"({target})", f"({base}/{there.relative_to(ROOT)}{heading})")

    def walk(items):
        for item in items:
            chapter = item.get("Chapter") if isinstance(item, dict) else None
            if chapter:
                chapter["content"] = re.sub(r"\[(?:[^\]\[]|\[[^\]]*\])*\]\(([^)\s]+)\)", outside, chapter["content"])
                # Marks of parts are for the tools that cut them out.
                chapter["content"] = re.sub(r"^// ANCHOR.*\n", "", chapter["content"], flags=re.MULTILINE)
                walk(chapter["sub_items"])

    walk(book.get("items") or book.get("sections"))
    json.dump(book, sys.stdout)


def main():
    if sys.argv[1:2] == ["preprocess"]:
        if sys.argv[2:3] != ["supports"]:
            preprocess()
        return
    check()
    if shutil.which("mdbook") and not faults:
        build()
    elif not faults:
        print("NOT CHECKED: the book is not built, mdbook is not installed here; its links and programs are checked")
    if faults:
        sys.exit("\n".join(faults))


main()
