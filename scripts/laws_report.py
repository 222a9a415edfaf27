"""Which law held over which store, read from what the tests said; fails unless every one held over every store.

    cargo test … | tee LOG; python3 scripts/laws_report.py LOG

The laws, their sentences and what each asks of a store stand in crates/token-store/src/conformance;
the test of a store's laws stands in a module named for the store.
"""
import re
import sys
import textwrap
from pathlib import Path

CONFORMANCE = Path("crates/token-store/src/conformance")
EVERY = {"tokens", "factors", "limits"}
# Module of the tests, name, and which contracts the store keeps.
STORES = [
    ("memory", "Memory", EVERY),
    ("sqlite", "SQLite", EVERY | {"open"}),
    ("postgres", "PostgreSQL", EVERY | {"open"}),
    ("redis", "Redis", EVERY),
    ("redis_cluster", "Cluster", EVERY),
    ("own_store", "own-store", EVERY),
]
WIDTH = 60


def laws():
    """Every public law: its name, its contract (None if `laws!` forgets it) and its sentence."""
    contracts = {}
    macro = CONFORMANCE.with_suffix(".rs").read_text()
    for contract, names in re.findall(r"\((\w+): \$harness:expr\) => \{(.*?)\n    \};", macro, re.S):
        contracts |= dict.fromkeys(re.findall(r"law_\w+", names), contract)
    found = []
    for file in sorted(CONFORMANCE.glob("*.rs")):
        documented = r"((?:^///.*\n)+)pub async fn (law_\w+)"
        for doc, name in re.findall(documented, file.read_text(), re.M):
            first = doc.replace("///", "").split("\n \n")[0].split("\n\n")[0]
            sentence = re.sub(r"[\[\]]", "", " ".join(first.split()).split(": ", 1)[1].rstrip("."))
            found.append((name, contracts.get(name), sentence))
    unknown = set(contracts) - {name for name, _, _ in found}
    assert not unknown, f"`laws!` names what this does not find: {unknown}"
    return sorted(found, key=lambda law: law[0][:6])


def results(log):
    """What each test of a law answered: by the store's module and the law's name."""
    line = r"^test (\w+)::(law_\w+) \.\.\. (\w+)"
    return {(store, law): told for store, law, told in re.findall(line, log, re.M)}


def cell(told, store, law, contract):
    module, _, keeps = store
    if contract is not None and contract not in keeps:
        return "-"
    return {"ok": "passed", "FAILED": "FAILED", None: "NOT RUN"}.get(told.get((module, law)), "NOT RUN")


def report(told, laws):
    """The table's rows, and how many of its cells are not green."""
    rows, bad = [], 0
    for law, contract, sentence in laws:
        cells = [cell(told, store, law, contract) for store in STORES]
        bad += sum(cell not in ("passed", "-") for cell in cells)
        number = str(int(law[4:6]))
        first, *rest = textwrap.wrap(sentence, WIDTH)
        rows.append(f"{number:>3}  {first:<{WIDTH}}" + "".join(f"  {cell:<10}" for cell in cells))
        rows += [f"{'':>3}  {line}" for line in rest]
    return rows, bad


def main():
    told, every = results(Path(sys.argv[1]).read_text(errors="replace")), laws()
    rows, bad = report(told, every)
    print(f"\nlaw  {'':<{WIDTH}}" + "".join(f"  {name:<10}" for _, name, _ in STORES))
    print("\n".join(row.rstrip() for row in rows))
    if bad:
        sys.exit(f"{bad} of these did not pass")
    # A report that cannot turn red says nothing.
    for test in [(module, law) for module, _, _ in STORES for law, _, _ in every]:
        if test in told:
            gone = {other: said for other, said in told.items() if other != test}
            for less in [gone, {**gone, test: "FAILED"}]:
                assert report(less, every)[1] == 1, test
    print(f"{len(every)} laws held over {len(STORES)} stores; '-': the store does not have that contract")


main()
