"""Whether files of a crate import each other in a circle (an import cycle), and whether a provider's file reaches the engine.

    scripts/circles.py           every crate under crates/
    scripts/circles.py CRATE…    these

A file imports another one where a path in it (`use`, or a path of at least two names in the code) names something that the
other one defines. Re-exports are followed to the file of the definition. Comments, texts and tests inside of a file are left
out, and `mod` is no import. Nor is what is called without being named: a method, a field.

A file and the files in its folder are one module to everybody else. Within it they may import each other: a type and its
builder, the parts of one `impl`. So on every level of the tree the children of a module are held against each other, each
with everything below it. Where there is no circle, they can be read one after the other, each after all that it imports.

A file that implements its crate's trait `Provider` reaches neither the file of `struct TwoFactor` nor one in that folder, by
however many imports.

A path that is not found is a fault, as is a file that no `mod` names, so that no import is overlooked. Each run first judges a
small crate with planted circles.
"""
import re
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

SILENT = re.compile(
    r"//[^\n]*|/\*.*?\*/|\bb?r(#*)\".*?\"\1|b?\"(?:\\.|[^\"\\])*\"|b?'(?:\\.[^'\n]*|[^\\'\n])'", re.DOTALL)
TEST = re.compile(r"#\[cfg\((?:all\()?test\b[^\]]*\](?!\s*(?:pub\S*\s+)?mod\s+\w+\s*;)")
ITEM = re.compile(r"\b(?:struct|enum|union|trait|type|fn|const|static|macro_rules!)\s+(?:mut\s+)?(?!fn\b)(\w+)")
CHILD = re.compile(r"\bmod\s+(\w+)\s*([;{])")
USE = re.compile(r"\buse\s+([^;<>]+);")
PATH = re.compile(r"(?<![\w:.$])\w+(?:\s*::\s*\w+)+")
IMPL = re.compile(r"\bimpl\b[^{};]*?((?:\w+::)*\w+)\s+for\s")
HEADS = ("crate", "self", "super")


def blank(text):
    return re.sub(r"[^\n]", " ", text)


def code(text):
    """What is compiled without tests; each line stays where it is."""
    text = SILENT.sub(lambda found: blank(found[0]), text)
    while found := TEST.search(text):
        depth, end, sign = 0, found.end(), ""
        while depth or sign not in ("}", ";"):
            sign = text[end]
            depth += (sign in "([{") - (sign in ")]}")
            end += 1
        text = text[:found.start()] + blank(text[found.start():end]) + text[end:]
    return text


class File:
    """A file is a module: its items, its children, and the paths that it names."""

    def __init__(self, path, parent=None):
        self.path, self.parent, self.text = path, parent, code(path.read_text())
        if "#[path" in self.text:
            sys.exit(f"{path}: `#[path]`, which this does not follow")
        self.items = set(ITEM.findall(self.text))
        self.children, self.uses, self.globs, self.named = {}, {}, [], []
        folder = path.with_suffix("") if parent else path.parent
        for name, end in CHILD.findall(self.text):
            if end == "{":
                sys.exit(f"{path}: `mod {name}` has no file of its own, and this does not look into it")
            self.children[name] = File(folder / f"{name}.rs", self)
        for found in USE.finditer(self.text):
            self.read_use(found[1], found.start(1), [])
        rest = USE.sub(lambda found: blank(found[0]), self.text)
        self.named += [(re.split(r"\s*::\s*", found[0]), self.line(found.start())) for found in PATH.finditer(rest)]

    def line(self, at):
        return self.text.count("\n", 0, at) + 1

    def read_use(self, tree, at, before):
        depth = start = 0
        for end, sign in enumerate(tree + ","):
            depth += {"{": 1, "}": -1}.get(sign, 0)
            if sign != "," or depth:
                continue
            part, place, start = tree[start:end], at + start, end + 1
            head, brace, inner = part.partition("{")
            path, _, alias = (word.strip() for word in head.partition(" as "))
            path = before + [name.strip() for name in path.split("::") if name.strip()]
            if brace:
                self.read_use(inner.rpartition("}")[0], place + len(head) + 1, path)
            elif part.strip():
                if path[-1] == "*":
                    self.globs.append(path[:-1])
                elif path[-1] == "self":
                    path.pop()
                self.uses[alias or path[-1]] = path
                self.named.append((path, self.line(place + len(part) - len(part.lstrip()))))

    def above(self):
        return [self.parent, *self.parent.above()] if self.parent else []

    def subtree(self):
        return [self, *(file for child in self.children.values() for file in child.subtree())]

    def find(self, path, seen=()):
        """The file that defines what this path names; none where that is another crate, or a name within a body."""
        if not path:
            return self
        head, *rest = path
        heads = {"crate": [self, *self.above()][-1], "self": self, "super": self.parent}
        if step := heads.get(head) or self.children.get(head):
            return step.find(rest, seen)
        if head in self.items:
            return self
        # What a name stands for is looked up once: it may be that of a crate, or a `use` that comes back to itself.
        if (self, head) in seen:
            return None
        seen = (*seen, (self, head))
        if found := self.uses.get(head):
            return self.find(found + rest, seen)
        for glob in self.globs:
            module = self.find(glob, seen)
            if module and head in {*module.items, *module.children, *module.uses}:
                return module.find(path, seen)
        # A macro makes it, where it is the file's at all.
        return self if re.search(rf"\b{head}\b", self.text) else None


class Crate:
    def __init__(self, folder):
        self.folder, self.name, self.lost = folder / "src", folder.name, []
        roots = [self.folder / "lib.rs", self.folder / "main.rs", *sorted(self.folder.glob("bin/*.rs"))]
        self.files = [file for root in roots if root.exists() for file in File(root).subtree()]
        self.imports = {file: {} for file in self.files}
        for file in self.files:
            for path, line in file.named:
                found = file.find([name for name in path if name != "*"])
                if found and found is not file:
                    self.imports[file].setdefault(found, line)
                elif not found and path[0] in HEADS:
                    self.lost.append(f"{self.say(file, line)} names {'::'.join(path)}, which this does not find")
        stray = set(self.folder.rglob("*.rs")) - {file.path for file in self.files}
        self.lost += [f"{self.name}/src/{path.relative_to(self.folder)} is in no module" for path in sorted(stray)]

    def of(self, file):
        return str(file.path.relative_to(self.folder))

    def say(self, file, line):
        return f"{self.name}/src/{self.of(file)}:{line}"

    def among(self, module):
        """Which of a module's children import which others, each with one import that does so."""
        belongs = {file: child for child in module.children.values() for file in child.subtree()}
        among = {child: {} for child in module.children.values()}
        for file, child in belongs.items():
            for found, line in self.imports[file].items():
                other = belongs.get(found, child)
                if other is not child:
                    among[child].setdefault(other, (file, line, found))
        return among

    def circles(self):
        """A shortest circle through each child that is in one and in no circle before."""
        for module in self.files:
            among, done = self.among(module), set()
            for start in among:
                chain = way(among, start, {start}) if start not in done else None
                if chain:
                    done.update(chain)
                    imports = (among[one][other] for one, other in zip(chain, chain[1:]))
                    yield [f"{self.say(file, line)} imports {self.of(found)}" for file, line, found in imports]

    def engine(self):
        """The files of the engine, where the crate has one."""
        return {file for root in self.files if re.search(r"\bstruct\s+TwoFactor\b", root.text) for file in root.subtree()}

    def providers(self):
        """The files that implement this crate's own trait `Provider`."""
        traits = {file for file in self.files if re.search(r"\btrait\s+Provider\b", file.text)}
        for file in self.files:
            if any(file.find(path.split("::")) in traits - {file} for path in IMPL.findall(file.text)):
                yield file

    def faults(self):
        yield from self.lost
        yield from (told("a circle", chain) for chain in self.circles())
        engine, providers = self.engine(), list(self.providers())
        if engine and not providers:
            yield f"{self.name}: an engine, and no provider was found"
        for file in providers:
            if engine and (chain := way(self.imports, file, engine)):
                yield told("a provider reaches the engine", self.steps(chain))

    def steps(self, chain):
        return [f"{self.say(one, self.imports[one][other])} imports {self.of(other)}"
                for one, other in zip(chain, chain[1:])]


def told(what, chain):
    return "\n    ".join([f"{what}:", *chain])


def way(graph, start, ends):
    """A shortest way along the graph, of one step at least."""
    ways, known = [[start]], set()
    for chain in ways:
        for other in graph[chain[-1]]:
            if other in ends:
                return [*chain, other]
            if other not in known:
                known.add(other)
                ways.append([*chain, other])
    return None


# A circle of nested names, re-exports and a path in the code. A file and its child, which may, and a circle of the child and a
# neighbour. A provider that is three imports from the engine, and an implementation of another crate's trait.
PLANTED = {
    "lib.rs": "mod a; mod b; mod c; mod nest; mod beside; mod engine; mod far; mod told; mod totp; mod provider;\n"
              "mod other; mod through;\npub use a::*;\npub use c::C as Sea;",
    "a.rs": "use std::fmt;\n\nuse crate::{\n    b::{self as bee, B},\n};\npub const fn made(_: B) {}",
    "b.rs": "use super::Sea;\npub struct B(Sea);",
    "c.rs": "// use crate::nest::Nest;\npub fn c<'a>() -> &'a str { crate::made(\"crate::nest::Nest\", '\"') }\npub struct C;\n"
            "#[cfg(test)]\nmod tests { use crate::nest::Nest; fn f() { {} } }",
    "nest.rs": "mod child;\nuse child::Child;\npub struct Nest(Child);",
    "nest/child.rs": "use super::Nest;\nuse crate::beside::*;\npub struct Child(Nest, Beside);",
    "beside.rs": "use crate::nest::Nest;\npub struct Beside(Nest);",
    "engine.rs": "mod prove;\npub struct TwoFactor;",
    "engine/prove.rs": "pub(crate) const fn proved() {}",
    "far.rs": "use crate::engine::prove::proved;\npub fn far() { proved() }",
    "through.rs": "pub(crate) use crate::far::far;",
    "told.rs": "use crate::through::{self};\npub fn told() { through::far() }",
    "provider.rs": "pub trait Provider {}",
    "totp.rs": "use crate::{provider::Provider as Proves, told::told};\n#[async_trait]\nimpl<T: Told> Proves for Totp<T> {}",
    "other.rs": "use crate::{engine::TwoFactor, nowhere::Nothing};\nuse rustls::Provider;\nimpl Provider for TwoFactor {}",
    "stray.rs": "",
}
FOUND = [
    "planted/src/other.rs:1 names crate::nowhere::Nothing, which this does not find",
    "planted/src/stray.rs is in no module",
    told("a circle", ["planted/src/a.rs:4 imports b.rs", "planted/src/b.rs:1 imports c.rs", "planted/src/c.rs:2 imports a.rs"]),
    told("a circle", ["planted/src/nest/child.rs:2 imports beside.rs", "planted/src/beside.rs:1 imports nest.rs"]),
    told("a provider reaches the engine", [
        "planted/src/totp.rs:1 imports told.rs", "planted/src/told.rs:2 imports far.rs",
        "planted/src/far.rs:1 imports engine/prove.rs"]),
]


def check_planted():
    with tempfile.TemporaryDirectory() as folder:
        for name, text in PLANTED.items():
            path = Path(folder, "planted/src", name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        found = list(Crate(Path(folder, "planted")).faults())
    if found != FOUND:
        sys.exit("\n".join(["this finds something else in the planted crate:", *found]))


def main():
    check_planted()
    folders = [ROOT / "crates" / name for name in sys.argv[1:]] or sorted((ROOT / "crates").iterdir())
    crates = [Crate(folder) for folder in folders]
    faults = [fault for crate in crates for fault in crate.faults()]
    if faults:
        sys.exit("\n".join(faults))
    providers = sum(len(list(crate.providers())) for crate in crates)
    print(f"{len(crates)} crates, {sum(len(crate.files) for crate in crates)} files: no circle; "
          f"{providers} files with a provider reach no engine")


main()
