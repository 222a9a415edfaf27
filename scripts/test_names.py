"""Each test has its subject first in its name, and a sentence above it: whoever reviews reads the sentences.

    scripts/test_names.py
"""
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# A function with the comments and the attributes above it. One that a macro makes has its sentence elsewhere.
FUNCTION = re.compile(r"^((?:[ \t]*(?://.*|#\[(?:[^\]\[]|\[[^\]]*\])*\])\n)*)[ \t]*((?:pub )?(?:async )?fn (\w+).*)", re.MULTILINE)
MACRO = re.compile(r"^( *)macro_rules! .*?^\1\}", re.MULTILINE | re.DOTALL)


def tests(path):
    """The tests of a file, by name and whether a sentence stands above: also the functions that macros run over a place."""
    for above, line, name in FUNCTION.findall(MACRO.sub("", path.read_text())):
        is_over_place = "crates/testing/src/" in str(path) and line.startswith("pub async") and "(place: Place)" in line
        if is_over_place or re.search(r"^\s*#\[(?:tokio::)?test\b", above, re.MULTILINE):
            yield name, bool(re.search(r"^\s*/// \S", above, re.MULTILINE))


listed = subprocess.check_output([sys.executable, str(ROOT / "scripts/files.py"), "*.rs"], text=True)
found = [(file, *test) for file in listed.splitlines() for test in tests(ROOT / file)]
faults = []
for file, name, has_sentence in found:
    if not has_sentence:
        faults.append(f"{file}: {name} has no sentence (`///`) above it")
    if len(name) > 50 or re.match(r"(a|an|the)_", name):
        faults.append(f"{file}: {name}: the name of a test begins with its subject and has at most 50 characters")
if len(found) < 1500:
    faults.append(f"{len(found)} tests: the sources were not read")
print(*faults, f"{len(found)} tests, {len(faults)} faults", sep="\n")
sys.exit(bool(faults))
