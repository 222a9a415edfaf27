#!/usr/bin/env python3
"""Lays an OpenAPI Overlay 1.0 over an OpenAPI file.

  scripts/overlay.py SPEC OVERLAY OUT

Needs PyYAML, which schemathesis brings. A target is a JSONPath (RFC 9535) of names, indices, lists of names and `*`. An action that finds nothing, changes
nothing or says no reason is an error: the list is what differs, and no more.
"""

import copy
import json
import re
import sys

import yaml

STEP = re.compile(r"\.([A-Za-z_]\w*|\*)|\[(\d+)\]|\[('[^']*'(?:,'[^']*')*)\]")


def steps(target):
    """The keys of each step of a path; `None` stands for all."""
    assert target.startswith("$"), target
    at = 1
    while at < len(target):
        step = STEP.match(target, at)
        assert step, f"{target}: cannot be read at {at}"
        name, index, names = step.groups()
        if names:
            yield names[1:-1].split("','")
        elif index:
            yield [int(index)]
        else:
            yield None if name == "*" else [name]
        at = step.end()


def found(root, target):
    """Where a path leads: pairs of what holds it and the key there."""
    places = [({"$": root}, "$")]
    for keys in steps(target):
        inner = []
        for holder, key in places:
            value = holder[key]
            if keys is None:
                inner += [(value, each) for each in value] if isinstance(value, dict) else []
            elif isinstance(value, dict):
                inner += [(value, each) for each in keys if each in value]
            elif isinstance(value, list):
                inner += [(value, each) for each in keys if isinstance(each, int) and each < len(value)]
        # A list of names has each of them, a wildcard those that go on.
        assert keys is None or len(keys) == 1 or len(inner) == len(keys) * len(places), f"{target}: {keys} are not all there"
        places = inner
    return places


def merged(old, new):
    """Objects are merged, lists get what is new at their end, and all else takes the other's place."""
    if isinstance(old, dict) and isinstance(new, dict):
        return old | {key: merged(old[key], value) if key in old else value for key, value in new.items()}
    if isinstance(old, list):
        return old + (new if isinstance(new, list) else [new])
    return new


def main(spec, overlay, out):
    with open(spec, encoding="utf-8") as file:
        root = yaml.safe_load(file)
    with open(overlay, encoding="utf-8") as file:
        overlay = yaml.safe_load(file)
    assert overlay["overlay"] == "1.0.0" and overlay["info"]["version"] == root["info"]["version"], "not of this version"
    for action in overlay["actions"]:
        target = action["target"]
        assert action["description"].strip(), f"{target}: no reason"
        places = found(root, target)
        assert places, f"{target}: finds nothing"
        for holder, key in reversed(places):
            if action.get("remove"):
                del holder[key]
                continue
            before = copy.deepcopy(holder[key])
            holder[key] = merged(holder[key], copy.deepcopy(action["update"]))
            assert holder[key] != before, f"{target}: is so already"
    with open(out, "w", encoding="utf-8") as file:
        json.dump(root, file, default=str)
    print(f"{len(overlay['actions'])} differences from {root['info']['title']} {root['info']['version']}")


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
