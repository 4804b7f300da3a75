#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""
Fills the manual pages with what the code's tables say, so that no setting, rule, event, counter or column is missing.

    tables.py           writes the parts between  .\\" begin NAME  and  .\\" end NAME  anew
    tables.py --check   changes nothing; fails when a page is not what it would write
"""

import csv
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]

TOKEN = re.compile(r'"((?:\\.|[^"\\])*)"|/\*.*?\*/|([(),])|([^\s"(),]+)', re.S)
ESCAPES = {"n": "\n", "t": "\t"}


class Raw(str):
    """An argument that is not a text: a name, a number."""


def tokens(source):
    for match in TOKEN.finditer(source):
        text, mark, word = match.groups()
        if text is not None:
            yield "text", re.sub(r"\\(.)", lambda m: ESCAPES.get(m[1], m[1]), text, flags=re.S)
        elif mark or word:
            yield "mark" if mark else "word", mark or word


def rows(path, macro):
    """The arguments of every MACRO(...) in a .def file; texts joined, N_() taken off."""
    if not (ROOT / path).exists():
        return []
    source = re.sub(r"/\*.*?\*/|^#[^\n]*$", "", (ROOT / path).read_text(encoding="utf-8"), flags=re.S | re.M)
    found = []
    for match in re.finditer(rf"^{macro}\(", source, flags=re.M):
        found.append(arguments(tokens(source[match.end():])))
    return found


def arguments(stream):
    done, current, depth = [], [], 0
    for kind, value in stream:
        if (kind, value) == ("mark", ")") and depth == 0:
            break
        if (kind, value) == ("mark", ",") and depth == 0:
            done.append(joined(current))
            current = []
            continue
        depth += {"(": 1, ")": -1}.get(value, 0) if kind == "mark" else 0
        current.append((kind, value))
    return done + [joined(current)]


def joined(parts):
    texts = [value for kind, value in parts if kind == "text"]
    return "".join(texts) if texts else Raw(" ".join(value for kind, value in parts if value not in ("(", ")", "N_")))


# ---------------------------------------------------------------- as mdoc

def plain(text):
    """Text that mdoc takes as it is."""
    text = re.sub(r"(?<=[.!?]) +(?=[A-ZĐ])", "\n", text.replace("\\", "\\e").strip())
    return "\n".join("\\&" + line if line[:1] in ".'" else line for line in text.splitlines())


def item(head, *paragraphs):
    return ".It " + head + "\n" + "\n".join(plain(p) for p in paragraphs if p)


def tagged(items):
    return ".Bl -tag -width Ds\n" + "\n".join(items) + "\n.El"


UNITS = {"TEXT": "text", "PATH": "path", "COUNT": "number", "BYTES": "bytes: 64KiB, 2MiB, 1GiB",
         "DURATION": "duration: 500ms, 30s, 5min, 12h, 30d", "FLAG": "yes or no", "CHOICE": "word"}


def events():
    for identifier, name, severity, level, fields, text in rows("proto/event.def", "EVENT"):
        yield item(f"Ic {name}", text, f"Fields: {fields}." if fields else "")


def counters():
    for identifier, family, cause, text in rows("ingest/gate/counter.def", "COUNTER"):
        yield item(f"Va {family}" + (f" {cause}" if cause and not isinstance(cause, Raw) else ""),
                   text if not isinstance(text, Raw) else "")
    for row in rows("ingest/gate/refusal.def", "REFUSAL"):
        yield item(f"Va refusals {row[1]}", row[-1])


def settings(path):
    for name, kind, default, low, high, choices, reloadable, text in rows(path, "SETTING"):
        notes = []
        if isinstance(default, Raw):
            notes.append("Must be given.")
        elif default:
            notes.append(f"Default: {default}.")
        if not isinstance(choices, Raw):
            notes.append(f"One of: {choices.replace('|', ', ')}.")
        if reloadable == "true":
            notes.append("Taken up on SIGHUP.")
        yield item(f"Va {name} No ({UNITS[kind]})", f"{text[:1].upper()}{text[1:]}.", " ".join(notes))


def columns():
    for row in rows("ingest/cli/fields.def", "FIELD"):
        identifier, column, sdmx, member = row[:4]
        text = f"{row[-1][:1].upper()}{row[-1][1:]}."
        if not column:
            yield item(f"No (JSON and protobuf only: Va {member} )", text)
        elif column == member:
            yield item(f"Va {column}", text, f"SDMX-CSV: {sdmx}.")
        else:
            yield item(f"Va {column}", text, f"SDMX-CSV: {sdmx}; JSON and protobuf: {member}.")


def problems():
    for identifier, code, severity, text, _vi, remedy, _remedy_vi in rows("ingest/cli/problems.def", "PROBLEM"):
        said = [re.sub(r"\[[^\]]*\]", "", part).replace("{field}: ", "") for part in (text, remedy)]
        yield item(f"Li {code}" + (" No (a warning)" if severity == "WARNING" else ""),
                   *(re.sub(r"\{(\w+)\}", r"<\1>", f"{part[:1].upper()}{part[1:]}.") for part in said))


def commands(section):
    for identifier, name, where, text, function in rows("ingest/cli/commands.def", "COMMAND"):
        if where == section:
            yield item(f"Cm {name}", f"{text[:1].upper()}{text[1:]}.")


def listed(expression, name):
    """What a set in a .def file has: P(INDICATOR) | P(PERIOD)."""
    return re.findall(rf"\b{name} ?(\w+)", expression)


def http_parameters():
    for identifier, name, kind, text in rows("aggregator/http/param.def", "PARAM"):
        yield item(f"Va {name}", f"{text[:1].upper()}{text[1:]}.")


def http_routes():
    names = {row[0]: row[1] for row in rows("aggregator/http/param.def", "PARAM")}
    for identifier, path, params, formats, needs, text in rows("aggregator/http/route.def", "ROUTE"):
        asked = ", ".join(names[name] for name in listed(params, "P"))
        given = ", ".join(name.lower().replace("_", "-") for name in listed(formats, "F"))
        yield item(f"Li {path}", f"{text[:1].upper()}{text[1:]}.", f"Parameters: {asked}." if asked else "",
                   f"Formats: {given}.")


def http_problems():
    for identifier, kind, status, title, _vi, detail, _vi, remedy, _vi in rows("aggregator/http/problem.def", "PROBLEM"):
        yield item(f"Li {kind} No ({status})", f"{title}.", "" if remedy.startswith("{") else remedy.replace("{x}", "…"))


def parameters():
    for identifier, name, fallback, least, most, text in rows("aggregator/catalogue/parameters.def", "PARAMETER"):
        yield item(f"Va {name}", f"{text[:1].upper()}{text[1:]}.", f"Default: {fallback}, from {least} to {most}.")


def standards():
    """A line for every rule: what other frameworks call that which it looks after."""
    with open(HERE / "standards.csv", encoding="utf-8", newline="") as f:
        lines = list(csv.DictReader(f))
    missing = {row[1] for row in rows("aggregator/rules/rules.def", "RULE")} - {line["rule"] for line in lines}
    if missing:
        sys.exit(f"standards.csv has no line for {', '.join(sorted(missing))}")
    head = '.Bl -column DUNG-00 completeness understandability "consistency over time" 14.3 group\n' \
           ".It Sy rule Ta Sy DAMA Ta Sy ISO 25012 Ta " \
           "Sy WHO DQR Ta Sy CoP Ta Sy group\n"
    return head + "\n".join(".It " + " Ta ".join(value or "\\(en" for value in line.values()) for line in lines) + "\n.El"


def components():
    """Of the data structure that roll-ups are exported in, by what they are to SDMX."""
    for identifier, place, kind, relation, text, names, english, vietnamese in rows("aggregator/export/sdmx.def", "COMPONENT"):
        yield item(f"Va {identifier} No ({place.lower()})", f"{english[:1].upper()}{english[1:]}.")


def families():
    for name, unit, function, english, vietnamese in rows("aggregator/export/openmetrics.def", "FAMILY"):
        yield item(f"Va {name}", english)


def schema():
    """What stands in the store's SQL: its text without remarks, and the tables, views and functions that tram_reader may read."""
    folder = ROOT / "aggregator/store/sql"
    source = "\n".join(re.sub(r"--[^\n]*", "", path.read_text(encoding="utf-8"))
                       for path in sorted(folder.glob("tables/*.sql")) + sorted(folder.glob("views/*.sql")))
    granted = set()
    for names in re.findall(r"^GRANT (?:SELECT|EXECUTE ON FUNCTION|[A-Z, ]*SELECT[A-Z, ]*)\b([^;]*?)\bTO\b[^;]*\btram_reader\b[^;]*;", source, re.M):
        granted |= set(re.findall(r"tram\.(\w+)", names))
    return source, granted


def comments(kind):
    """Of every table, view or function that a reader has: how it is called, and what COMMENT ON says."""
    source, granted = schema()
    said = re.findall(r"COMMENT ON (TABLE|VIEW|FUNCTION) tram\.(\w+)(?:\([^;]*?\))?\s+IS\s+'((?:[^']|'')*)';", source)
    silent = granted - {name for _kind, name, _text in said}
    if silent:
        sys.exit(f"tram_reader may read {', '.join(sorted(silent))}, of which no COMMENT ON says what it is")
    for this, name, text in said:
        if this == kind and name in granted:
            yield item(f"Va tram.{name}" if kind != "FUNCTION" else signature(source, name), text.replace("''", "'"))


def signature(source, name):
    """As mdoc's Fn: the function and its arguments with their defaults."""
    match = re.search(rf"CREATE FUNCTION tram\.{name}\(((?:[^()]|\([^()]*\))*)\)", source)
    arguments = [" ".join(argument.split()) for argument in match[1].split(",")]
    return f"Fn tram.{name} " + " ".join('"' + argument.replace('"', "") + '"' for argument in arguments if argument)


TABLES = {"sql-functions": lambda: comments("FUNCTION"), "sql-views": lambda: comments("VIEW"), "sql-tables": lambda: comments("TABLE"),
          "components": components, "families": families,
          "commands-province": lambda: commands("PROVINCE"), "commands-keys": lambda: commands("KEYS"),
          "commands-centre": lambda: commands("CENTRE"),
          "settings-aggregator": lambda: settings("aggregator/settings/settings.def"),
          "settings-agent": lambda: settings("ingest/agent/agent_settings.def"), "events": events, "counters": counters, "columns": columns,
          "problems": problems, "http-routes": http_routes, "http-parameters": http_parameters, "http-problems": http_problems,
          "parameters": parameters, "standards": standards}


def filled(page):
    def fill(match):
        name, made = match[1], TABLES[match[1]]()
        return f'.\\" begin {name}\n{made if isinstance(made, str) else tagged(list(made))}\n.\\" end {name}'
    return re.sub(r'^\.\\" begin (\S+)$.*?^\.\\" end \1$', fill, page, flags=re.S | re.M)


def main(words):
    stale = []
    for path in sorted(HERE.glob("*.[1-8]")):
        page = path.read_text(encoding="utf-8")
        if filled(page) != page:
            stale.append(path.name)
            if words != ["--check"]:
                path.write_text(filled(page), encoding="utf-8")
    if words == ["--check"] and stale:
        print(f"not up to date: {', '.join(stale)}; run deploy/man/tables.py", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
