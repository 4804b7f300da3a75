#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""
How many cases each rule has: those that raise it, and those beside its boundary that do not.

    rule_cases.py           writes the table of tests/unit/README.md anew
    rule_cases.py --check   changes nothing; fails when a rule lacks cases, or the table is not what it would write
"""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
README = ROOT / "tests" / "unit" / "README.md"
BEGIN, END = "<!-- begin rules: tests/check/rule_cases.py -->\n", "<!-- end rules -->\n"

# How many rules each word has, numbered from 1 without a gap.
WORDS = {"DUNG": 13, "DU": 8, "SACH": 10, "SONG": 8}

# What no single report can break: the test that looks after it, and what must stand there.
ELSEWHERE = {
    "DU-06": [("tests/unit/test_session.c", "GAP"), ("tests/unit/test_publish.c", "CODE(GAP)")],
    "DU-07": [("tests/contract/test_rollup.py", '"provisional"')],
    "SONG-03": [("tests/contract/test_scores.py", "agent_liveness")],
    "SONG-05": [("tests/contract/test_scores.py", '"SONG-05"')],
}

# A case: {"RULE", "kind of report", settings (literals and names of others), line, 'J' or SILENT ...
TEXT = r'"(?:[^"\\]|\\.)*"'
GAP = r"(?:\s|/\*.*?\*/)*"
CASE = re.compile(rf"\{{{GAP}\"([A-Z]+-\d\d)\",{GAP}{TEXT},(?:{GAP}(?:{TEXT}|[A-Z_]+))+,{GAP}\d+,{GAP}('[BJWI]'|SILENT)", re.S)


def rules():
    source = (ROOT / "aggregator" / "rules" / "rules.def").read_text(encoding="utf-8")
    return re.findall(r'^RULE\(\w+, "([A-Z]+-\d\d)", \w+, \w+,\s*"[^"]*", "([^"]*)"', source, flags=re.M)


def cases():
    """By rule: how many cases raise it, and how many do not."""
    counted = {}
    for path in [ROOT / "tests/unit/test_rules.c", *sorted((ROOT / "tests/unit").glob("rows_*.inc"))]:
        for rule, severity in CASE.findall(path.read_text(encoding="utf-8")):
            counted.setdefault(rule, [0, 0])[severity == "SILENT"] += 1
    return counted


def mistakes():
    codes, counted = [code for code, _ in rules()], cases()
    wanted = [f"{word}-{number:02}" for word, last in WORDS.items() for number in range(1, last + 1)]
    yield from (f"aggregator/rules/rules.def: {code} is missing" for code in wanted if code not in codes)
    yield from (f"tests/check/rule_cases.py: {code} is not counted in WORDS" for code in codes if code not in wanted)
    for code in codes:
        raised, silent = counted.get(code, (0, 0))
        if code in ELSEWHERE:
            for name, text in ELSEWHERE[code]:
                if text not in (ROOT / name).read_text(encoding="utf-8"):
                    yield f"{name}: nothing of {code} ({text})"
        elif not raised or not silent:
            yield f"tests/unit/test_rules.c: {code} has {raised} cases that raise it and {silent} that do not; each needs one"


def table():
    counted = cases()
    lines = ["| rule | | raised | not raised | elsewhere |", "|---|---|---|---|---|"]
    for code, title in rules():
        raised, silent = counted.get(code, (0, 0))
        elsewhere = ", ".join(f"`{name}`" for name, _ in ELSEWHERE.get(code, ()))
        lines.append(f"| {code} | {title} | {raised or ''} | {silent or ''} | {elsewhere} |")
    total = [sum(row[i] for row in counted.values()) for i in (0, 1)]
    lines.append(f"| {len(rules())} rules | | {total[0]} | {total[1]} | |")
    return "\n".join(lines) + "\n"


def main(words):
    text = README.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    made = before + BEGIN + table() + END + rest.split(END, 1)[1]
    found = list(mistakes())
    if words == ["--check"]:
        if made != text:
            found.append("tests/unit/README.md: its table is not what tests/check/rule_cases.py writes; run it")
        print("\n".join(found), end="\n" if found else "")
        return 1 if found else 0
    README.write_text(made, encoding="utf-8")
    print("\n".join(found), end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
