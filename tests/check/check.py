#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""
What the compiler does not check. Each check is a function below; it yields one line a mistake, with file and line.

    check.py NAME      one check, as ctest runs it (check.NAME)
    check.py           all
    check.py --list    their names
"""

import json
import pathlib
import re
import statistics
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
ROOMS = ("proto", "ingest", "aggregator")

# A room may include headers of itself and of these. Arrows run one way; see ARCHITECTURE.md.
ROOM_MAY_INCLUDE = {
    "ingest/base": (),
    "proto": ("ingest/base",),
    "ingest/wire": ("ingest/base", "proto"),
    "ingest/agent": ("ingest/base", "proto", "ingest/wire"),
    "ingest/gate": ("ingest/base", "proto", "ingest/wire"),
    "ingest/cli": ("ingest/base", "proto", "ingest/wire"),
    "aggregator/settings": ("ingest/base",),
    "aggregator/catalogue": ("ingest/base", "proto"),
    "aggregator/rules": ("ingest/base", "proto", "aggregator/catalogue"),
    "aggregator/verdict": ("ingest/base", "proto", "aggregator/catalogue", "aggregator/rules"),
    "aggregator/store": ("ingest/base", "proto", "aggregator/catalogue", "aggregator/rules", "aggregator/verdict"),
    "aggregator/export": ("ingest/base", "proto", "aggregator/store"),
    "aggregator/explain": ("ingest/base", "proto", "aggregator/catalogue", "aggregator/rules", "aggregator/store"),
    "aggregator/centre": ("ingest/base", "proto", "ingest/wire", "ingest/cli", "aggregator/settings",
                          "aggregator/catalogue", "aggregator/rules", "aggregator/store", "aggregator/explain", "aggregator/export"),
    "aggregator/http": ("ingest/base", "proto", "ingest/gate", "aggregator/store", "aggregator/explain", "aggregator/export"),
    "aggregator": ("ingest/base", "proto", "ingest/wire", "ingest/gate", "aggregator/settings", "aggregator/catalogue",
                   "aggregator/rules", "aggregator/verdict", "aggregator/store", "aggregator/explain", "aggregator/export",
                   "aggregator/http"),
}

# A library's header and where it may be seen.
LIBRARY_MAY_BE_SEEN = {
    "zmq.h": ("ingest/wire", "ingest/gate", "ingest/agent", "aggregator/main.c", "aggregator/feed.c"),
    "libpq-fe.h": ("aggregator/store",),
    "sqlite3.h": ("ingest/agent/outbox",),
    "csv.h": ("ingest/cli", "aggregator/catalogue"),
    "ini.h": ("ingest/base/conf.c", "ingest/wire/keys.c"),
    "zstd.h": ("proto/codec.c",),
    "microhttpd.h": ("aggregator/http/http.c",),
    "gmp.h": ("proto/figure_share", "proto/figure_sum.c"),
    "sodium.h": ("proto/digest.c", "ingest/wire", "ingest/agent", "ingest/gate"),
}

BANNED = {
    "strcpy|strcat|sprintf|vsprintf|gets": "writes without a bound: use snprintf or a buffer with a length",
    "strncpy": "leaves a text without its end: use snprintf",
    "strtok": "keeps hidden state",
    "atoi|atol|atoll|atof|strtod|strtof": "cannot say that the text is not a number: use decimal_parse or strtoll with checks",
    "gmtime|localtime|asctime|ctime": "not safe with threads: use the clock module",
    "system|popen": "runs a shell",
    "rand|srand|random": "not random enough: use libsodium or retry's",
    "tmpnam|mktemp|tempnam": "races: use mkstemp",
    "alloca": "no bound on the stack",
    "sleep|usleep": "waiting is done in the loop, on a condition",
}
FUNCTION_LINES_MAX, TEST_LINES_MAX = 60, 90  # a test may be a long table
# In a text for translation, what is neither a literal nor a format of <inttypes.h>.
CUT_TEXT = re.compile(r'\bN?_\(\s*(?:"(?:[^"\\]|\\.)*"\s*|PRI\w+\b\s*)+((?!PRI)[A-Za-z_]\w*)')
UNFINISHED = r"\b(TO[D]O|FIX[M]E|X[X]X|HA[C]K|for no[w]|not implemente[d])\b"


# ---------------------------------------------------------------- reading the tree

def tracked(*patterns):
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "--", *patterns], cwd=ROOT, check=True,
                            stdout=subprocess.PIPE, text=True).stdout.splitlines()
    return [name for name in listed if (ROOT / name).is_file()]


def c_files(*rooms):
    return tracked(*(f"{room}/*.{ending}" for room in rooms for ending in ("c", "h")))


def read(name):
    return (ROOT / name).read_text(encoding="utf-8")


def code_of(name):
    """The C text with comments, strings and characters blanked, line by line."""
    def blank(match):
        return re.sub(r"[^\n]", " ", match[0])
    pattern = r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\''
    return re.sub(pattern, blank, read(name), flags=re.S)


def room_of(name):
    inside = [room for room in ROOM_MAY_INCLUDE if name.startswith(f"{room}/")]
    return max(inside, key=len, default=None)


def lines_matching(name, pattern, source):
    for number, line in enumerate(source.splitlines(), 1):
        for match in re.finditer(pattern, line):
            yield number, match


# ---------------------------------------------------------------- the checks

def check_layering():
    """An include against the arrows, a library's header outside its room, or one header name in two rooms."""
    owners = {}
    for name in c_files(*ROOMS):
        if name.endswith(".h"):
            header = pathlib.Path(name).name
            if header in owners:
                yield f"{name}: a second header of this name; the other is {owners[header]}"
            owners[header] = name
    for name in c_files(*ROOMS):
        room = room_of(name)
        for number, match in lines_matching(name, r'^#\s*include\s+["<]([^">]+)[">]', read(name)):
            header = match[1]
            seen_in = LIBRARY_MAY_BE_SEEN.get(header)
            if seen_in and not name.startswith(seen_in):
                yield f"{name}:{number}: {header} may be seen only in {', '.join(seen_in)}"
            owner = room_of(owners.get(header, ""))
            if owner and owner != room and owner not in ROOM_MAY_INCLUDE[room]:
                yield f"{name}:{number}: {room} may not include {header} of {owner}"


def check_banned():
    """Calls that this project does not make."""
    for name in c_files(*ROOMS):
        code = code_of(name)
        for words, why in BANNED.items():
            for number, match in lines_matching(name, rf"(?<![\w.>])({words})\s*\(", code):
                yield f"{name}:{number}: {match[1]}: {why}"


def check_floats():
    """No binary floating point: a figure is exact on all its way."""
    for name in c_files(*ROOMS):
        for number, match in lines_matching(name, r"\b(float|double)\b", code_of(name)):
            yield f"{name}:{number}: {match[1]}: use struct decimal, or whole numbers of a smaller unit"


def functions():
    names = [name for name in c_files(*ROOMS, "tests") if name.endswith(".c")]
    if not names:
        return
    tags = subprocess.run(["ctags", "--output-format=json", "--languages=C,C++", "--kinds-C=f", "--fields=+ne", "-o", "-",
                           *names], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
    for line in tags.splitlines():
        tag = json.loads(line)
        if "end" in tag:
            yield tag["path"], tag["line"], tag["name"], tag["end"] - tag["line"] + 1


def check_length():
    """No function over 60 lines, no test over 90; prints what the functions are like."""
    lengths = []
    for name, number, function, lines in functions():
        lengths.append(lines)
        most = TEST_LINES_MAX if name.startswith("tests/") else FUNCTION_LINES_MAX
        if lines > most:
            yield f"{name}:{number}: {function} has {lines} lines; {most} is the most"
    if lengths:
        lengths.sort()
        print(f"{len(lengths)} functions: median {statistics.median(lengths):.0f} lines, "
              f"nine in ten up to {lengths[len(lengths) * 9 // 10]}, longest {lengths[-1]}")


def check_format():
    """clang-format-14 decides how the source looks."""
    names = c_files(*ROOMS, "tests")
    done = subprocess.run(["clang-format-14", "--dry-run", *names], cwd=ROOT, stderr=subprocess.PIPE, text=True, check=False)
    for name in sorted(set(re.findall(r"^([^:\n]+):\d+:\d+: warning", done.stderr, flags=re.M))):
        yield f"{name}: run clang-format-14 -i {name}"


def check_spdx():
    """Every source file says its licence in its first lines."""
    for name in tracked("*.c", "*.h", "*.def", "*.py", "*.sh", "*.sql", "*.proto", "*.cmake", "CMakeLists.txt",
                        "*/CMakeLists.txt", "deploy/demo", "deploy/install-packages", "tests/run", ".ci/run"):
        if "SPDX-License-Identifier: Apache-2.0" not in "\n".join(read(name).splitlines()[:3]):
            yield f"{name}:1: no SPDX-License-Identifier: Apache-2.0"


def check_unfinished():
    """Nothing calls itself unfinished."""
    for name in tracked("*.c", "*.h", "*.def", "*.py", "*.sql", "*.proto", "*.md", "deploy/*", "tests/run"):
        try:
            source = read(name)
        except UnicodeDecodeError:
            continue
        for number, match in lines_matching(name, UNFINISHED, source):
            yield f"{name}:{number}: {match[1]}"


def check_changes():
    """Each version in CHANGES.md has its sections in the order that the file itself says, each once."""
    text = read("CHANGES.md")
    order = re.findall(r"\w+", re.search(r"each once:\s([^.]+)\.", text)[1])
    for version in re.split(r"^## ", text, flags=re.M)[1:]:
        sections = re.findall(r"^### (.+)$", version, flags=re.M)
        if sections != [section for section in order if section in sections]:
            yield f"CHANGES.md: {version.splitlines()[0]}: {', '.join(sections)}; the order is {', '.join(order)}"


def check_translations():
    """Every text that a person reads stands in deploy/po/vi.po, translated; and whole, so that it is found there."""
    for name in tracked("proto/*.[ch]", "ingest/*.[ch]", "aggregator/*.[ch]", "*.def"):
        source = read(name)
        for match in CUT_TEXT.finditer(source):
            yield f"{name}:{source.count(chr(10), 0, match.end()) + 1}: write {match[1]} out, xgettext stops there"
    done = subprocess.run(["deploy/po/update", "--check"], cwd=ROOT, stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        yield from done.stderr.splitlines()


def check_manuals():
    """The manual pages say what the code's tables say, every rule has its entry, and mandoc finds no fault."""
    done = subprocess.run(["deploy/man/tables.py", "--check"], cwd=ROOT, stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        yield done.stderr.strip()
    told = read("deploy/man/tram-rules.7")
    for number, match in lines_matching("", r'^RULE\(\w+, "([A-Z0-9-]+)"', read("aggregator/rules/rules.def")):
        if f".It Sy {match[1]} " not in told:
            yield f"aggregator/rules/rules.def:{number}: {match[1]} is not in deploy/man/tram-rules.7"
    pages = tracked("deploy/man/*.[1-8]")
    yield from subprocess.run(["mandoc", "-Tlint", "-Wwarning", *pages], cwd=ROOT, stdout=subprocess.PIPE, text=True,
                              check=False).stdout.splitlines()


def check_commands():
    """What the centre's package can do is reached from tram: the first word of each of its commands is one of tram's."""
    def names(table):
        return re.findall(r'^COMMAND\(\w+, "([^"]+)"', read(table), flags=re.M)
    first_words = {name.split()[0] for name in names("ingest/cli/commands.def")}
    for name in names("aggregator/centre/centre.def"):
        if name.split()[0] not in first_words:
            yield f"aggregator/centre/centre.def: tram {name} needs a row in ingest/cli/commands.def"


def check_documents():
    """What a document names is there: what it links to, a path of this tree, a command of tram."""
    names = tracked()
    there = set(names) | {str(folder) for name in names for folder in pathlib.PurePath(name).parents}
    rooms = {pathlib.PurePath(name).parts[0] for name in names if "/" in name}
    words = set(re.findall(r'^COMMAND\(\w+, "(\w+)', read("ingest/cli/commands.def"), flags=re.M))
    for document in tracked("*.md"):
        folder = (ROOT / document).parent
        for number, match in lines_matching("", r"\]\(([^)#:]+)[)#]", read(document)):
            if not (folder / match[1]).exists():
                yield f"{document}:{number}: there is no {match[1]}"
        for number, match in lines_matching("", r"`([\w.-]+)(/[\w./-]*\w)?/?(?: [^`]*)?`", read(document)):
            path = match[1] + (match[2] or "")
            if match[1] in rooms and not there & {path, f"{path}.c"}:
                yield f"{document}:{number}: there is no {path}"
        for number, match in lines_matching("", r"(?:`|^\$ (?:sudo )?)tram ([a-z]+)\b", read(document)):
            if match[1] not in words:
                yield f"{document}:{number}: there is no command tram {match[1]}"


def check_refusals():
    """What the schema's functions refuse a question with has a row in refused.def, and so a Vietnamese text."""
    rows = re.findall(r'^REFUSED\("((?:[^"\\]|\\.)*)",\s*"((?:[^"\\]|\\.)+)"\)', read("aggregator/store/refused.def"), flags=re.M)
    told = {english for english, _ in rows}
    for english, vietnamese in rows:
        if english.count("%s") != vietnamese.count("%s"):
            yield f"aggregator/store/refused.def: \"{english}\" fills in other things in Vietnamese"
    asked_wrongly = re.compile("invalid_parameter_value|feature_not_supported|program_limit_exceeded|lock_not_available")
    for name in tracked("aggregator/store/sql/views/*.sql"):
        for raised in re.findall(r"RAISE EXCEPTION (.*?);\n", read(name), flags=re.S):
            if asked_wrongly.search(raised):
                texts = re.findall(r"^'((?:[^']|'')*)'|HINT\s*=\s*'((?:[^']|'')*)'(?!\s*\|\|)", raised)
                for text in (message or hint for message, hint in texts):
                    text = text.replace("''", "'").replace("%", "%s")
                    if text not in told:
                        yield f"{name}: \"{text}\" needs a row in aggregator/store/refused.def"


def check_mutants():
    """Every mutant still fits the tree, and the table in README.md says of each what its patch says."""
    table = subprocess.run(["tests/mutants/run", "--table"], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True).stdout
    told = re.search(r"<!-- tests/mutants/run --table -->\n(.*)<!-- end -->", read("tests/mutants/README.md"), flags=re.S)
    if not told or told[1] != table:
        yield "tests/mutants/README.md: its table is not what tests/mutants/run --table prints"
    for name in tracked("tests/mutants/*.patch"):
        done = subprocess.run(["git", "apply", "--check", name], cwd=ROOT, stderr=subprocess.PIPE, text=True, check=False)
        if done.returncode:
            yield f"{name}: does not fit any more, tests/mutants/README.md says what to do: {done.stderr.strip()}"


def check_rule_cases():
    """Every rule has cases on both sides of its boundary, and tests/unit/README.md counts them."""
    done = subprocess.run(["tests/check/rule_cases.py", "--check"], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    yield from done.stdout.splitlines()


def check_shell():
    """The shell scripts parse."""
    for name in ("deploy/demo", "deploy/install-packages"):
        done = subprocess.run(["sh", "-n", name], cwd=ROOT, stderr=subprocess.PIPE, text=True, check=False)
        if done.returncode:
            yield done.stderr.strip()


CHECKS = {name.removeprefix("check_"): function for name, function in globals().items() if name.startswith("check_")}


def run(name):
    mistakes = list(CHECKS[name]())
    for mistake in mistakes:
        print(mistake)
    print(f"{name}: {len(mistakes)} mistakes" if mistakes else f"{name}: fine")
    return not mistakes


def main(words):
    if words == ["--list"]:
        print("\n".join(CHECKS))
        return 0
    unknown = [word for word in words if word not in CHECKS]
    if unknown:
        print(f"no check named {', '.join(unknown)}; see --list", file=sys.stderr)
        return 64
    return 0 if all([run(name) for name in words or CHECKS]) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
