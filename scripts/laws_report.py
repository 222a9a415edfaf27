"""Which law, and which test of the engines, held over which store, read from what the tests said; fails unless
every one held over every store.

    cargo test … | tee LOG; python3 scripts/laws_report.py LOG

The laws, their sentences and what each asks of a store stand in crates/token-store/src/conformance. The tests of
the engines are functions over a place in crates/testing/src. What runs over a store stands in a module named for it.
"""
import re
import sys
import textwrap
from pathlib import Path

CONFORMANCE = Path("crates/token-store/src/conformance")
EVERY = {"tokens", "factors", "limits"}
CHARGED = {"charged", "charged_factors"}
# Module of the tests, name, and which contracts the store keeps.
STORES = [
    ("memory", "Memory", EVERY | CHARGED),
    ("sqlite", "SQLite", EVERY | CHARGED | {"open"}),
    ("postgres", "PostgreSQL", EVERY | CHARGED | {"open"}),
    ("redis", "Redis", EVERY | CHARGED),
    ("redis_cluster", "Cluster", EVERY | CHARGED),
    ("own_store", "own-store", EVERY),
]
WIDTH = 60

TESTING = Path("crates/testing/src")
# File of the macro, and what its tests are about.
SUITES = [("tokens", "Tokens"), ("two_factor", "TwoFactor"), ("flows", "Flows"), ("bearers", "Bearers"), ("spend", "SpendGuard"),
          ("queue", "DeliveryQueue")]
# Where they run: everywhere but over the example of a store.
PLACES = [(module, name) for module, name, _ in STORES if module != "own_store"]
# In memory, where nothing is charged in the step of a verb: as over stores that are apart.
PLACES.insert(1, ("apart", "apart"))
# What a place does not keep, or what has one way alone.
WITHOUT = {("queue", "redis"), ("queue", "redis_cluster"), ("queue", "apart"), ("spend", "apart")}


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


def bodies():
    """The tests over a place: suite, file and name of each."""
    found = []
    for suite, _ in SUITES:
        macro = (TESTING / f"{suite}.rs").read_text()
        called = set(re.findall(r"^ {16}(\w+)$", macro, re.M))
        for file in sorted((TESTING / suite).glob("*.rs")):
            names = re.findall(r"^pub async fn (\w+)\(place: Place\)", file.read_text(), re.M)
            found += [(suite, file.stem, name) for name in names]
        defined = {name for of, _, name in found if of == suite}
        assert defined == called, f"`{suite}!` and its files differ: {defined ^ called}"
    assert len({body[1:] for body in found}) == len(found), "two tests of one file and name"
    return found


def answers(log):
    """What each test over a place answered: by the place's module, its file and its name."""
    line = r"^test (\w+)::(\w+)::(\w+) \.\.\. (\w+)"
    return {(place, file, name): told for place, file, name, told in re.findall(line, log, re.M)}


def said(told):
    return {"ok": "passed", "FAILED": "FAILED", None: "NOT RUN"}.get(told, "NOT RUN")


def body_report(told, bodies):
    """The table's rows, and how many of its cells are not green."""
    rows, bad, last = [], 0, None
    for suite, file, name in bodies:
        cells = ["-" if (suite, place) in WITHOUT else said(told.get((place, file, name))) for place, _ in PLACES]
        bad += sum(cell not in ("passed", "-") for cell in cells)
        if last != (suite, file):
            last = suite, file
            rows.append(f"{dict(SUITES)[suite]}: {file.replace('_', ' ')}")
        rows.append(f"  {name:<{WIDTH + 3}}" + "".join(f"  {cell:<10}" for cell in cells))
    return rows, bad


def cell(told, store, law, contract):
    module, _, keeps = store
    if contract is not None and contract not in keeps:
        return "-"
    return said(told.get((module, law)))


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
    log = Path(sys.argv[1]).read_text(errors="replace")
    told, every = results(log), laws()
    laws_rows, bad = report(told, every)
    print(f"\nlaw  {'':<{WIDTH}}" + "".join(f"  {name:<10}" for _, name, _ in STORES))
    print("\n".join(row.rstrip() for row in laws_rows))
    answered, tests = answers(log), bodies()
    tests_rows, failed = body_report(answered, tests)
    print(f"\ntest {'':<{WIDTH}}" + "".join(f"  {name:<10}" for _, name in PLACES))
    print("\n".join(row.rstrip() for row in tests_rows))
    if bad or failed:
        red = [row.strip() for row in laws_rows + tests_rows if "FAILED" in row or "NOT RUN" in row]
        print("\n" + "\n".join(red[:20]), flush=True)
        sys.exit(f"{bad} of the laws and {failed} of the tests did not pass")
    # A report that cannot turn red says nothing.
    for test in [(module, law) for module, _, _ in STORES for law, _, _ in every]:
        if test in told:
            gone = {other: said for other, said in told.items() if other != test}
            for less in [gone, {**gone, test: "FAILED"}]:
                assert report(less, every)[1] == 1, test
    for test in [(place, file, name) for place, _ in PLACES for suite, file, name in tests
                 if (suite, place) not in WITHOUT]:
        gone = {other: said for other, said in answered.items() if other != test}
        for less in [gone, {**gone, test: "FAILED"}]:
            assert body_report(less, tests)[1] == 1, test
    print(f"{len(every)} laws held over {len(STORES)} stores; '-': the store does not have that contract")
    print(f"{len(tests)} tests held over {len(PLACES)} places")


main()
