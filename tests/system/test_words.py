# SPDX-License-Identifier: Apache-2.0
"""What people read: whoever names something that does not exist is told which, and what to do; and every --help.

One table has every option and operand of every command with values that cannot be. A command that the table does not have,
or an option of one, fails: whoever adds one says what it refuses.
"""

import os
import re
import unicodedata

import pytest

from fleet import Fleet
from tramtest import BIN, PATIENCE_S, POPULATION, ROOT, csv_text, run, wait_until

LANGUAGES = ("en", "vi")
COLUMNS = 100

# Options that take whatever is written, and those that every command has, which are tried once.
ANY_TEXT = "no value is wrong"
COMMON = ("--format", "--agent-socket", "--lang", "--help", "--centre", "--database")

# command -> words that make it whole, then option or operand ("1": the first) -> [(value, status, what the answer names)]. A
# value of several words is the value and what else the command needs; with "=" before it, it is given as --wait=5.
# {file}: a file of figures; {key}: a public key; {dir}: a catalogue; {ticket}: one that there is.
WHOLE = ["{file}", "--period", "2024", "--reference-date", "2024-07-01"]
SUBMIT = {
    "1": [("/nope", 66, "/nope")],
    "--from": [("nope", 64, "sdmx-csv, csv, json, protobuf")],
    "--provider": [("nope", 65, "P63-46")],
    "--dataflow": [("nope", 65, "payments_province")],
    "--period": [("nope", 65, "2024-Q2"), ("2024-W01", 65, "province_statistics"), ("2024-13", 65, "2024-Q2")],
    "--reference-date": [("nope", 65, "2024-07-19"), ("2024-02-30", 65, "2024-07-19")],
    "--dimension": [("nope", 65, "nope")],
    "--prepared-by": ANY_TEXT,
    "--approved-by": ANY_TEXT,
    "--purpose": [("nope", 65, "backfill")],
    "--reason": ANY_TEXT,
    "--revise": [("", 64, "--revise")],
    "--justify": [("nope:", 64, "--justify")],
    "--locale": [("nope", 64, "vi")],
    "--wait": [("=nope", 64, "nope"), ("=-1", 64, "-1"), ("=99999999999999999999", 64, "99999999999999999999")],
}
SHARED = {
    "--rule": [("NOPE", 65, "tram rules list"), ("DUNG-0", 65, "DUNG-")],
    "--provider": [("nope", 65, "63/46"), ("P63-4", 65, "P63-")],
    "--province": [("nope", 65, "63/46")],
    "--as-of": [("nope", 64, "2024-07-19T08:00:00+07:00")],
    "--since": [("nope", 64, "2024-07-19T08:00:00+07:00")],
    "--boundary": [("nope", 64, "63"), ("99", 64, "34")],
    "--level": [("nope", 64, "nation")],
    "--by": [("", 64, "--by")],
    "--reason": [("", 64, "--reason")],
    "--out": [("/nope/x", 73, "/nope/x")],
}
TICKETS = [("nope", 65, "tram outbox list"), ("agent-01/00000000/1", 65, "tram outbox list"), ("99", 65, "99"),
           ("{ticket}9999", 65, "tram outbox list"), ("{ticket}x", 65, "tram outbox list"), ("-1", 64, "-1")]
DECIDE = {"1": [("nope", 65, "tram quarantine list"), ("99999999999999999999999", 65, "tram quarantine list")],
          "--reason": SHARED["--reason"], "--by": SHARED["--by"]}
CASES = {
    "submit": (WHOLE, SUBMIT),
    "check": (WHOLE, {name: cases for name, cases in SUBMIT.items() if name != "--wait"}),
    "withdraw": (["--indicator", "population", "--area", "63/46", "--period", "2024", "--reason", "x", "--prepared-by", "y"], {
        **{name: SUBMIT[name] for name in ("1", "--from", "--provider", "--dataflow", "--period", "--reference-date", "--prepared-by",
                                           "--approved-by", "--wait")},
        "--dimension": ANY_TEXT, "--indicator": [("nope", 65, "nope"), ("populatio", 65, "population")],
        "--area": [("99", 65, "63/46")], "--reason": [("", 64, "--reason")]}),
    "verdicts": ([], {"1": TICKETS, "--since": SHARED["--since"], "--wait": SUBMIT["--wait"]}),
    "todo": ([], {}),
    "status": ([], {"--centre": [("/nope", 66, "/nope")]}),
    "outbox list": ([], {"--limit": [("nope", 64, "nope"), ("-1", 64, "-1"), ("99999999999999999999", 64, "99999999999999999999")]}),
    "outbox show": ([], {"1": [("nope", 64, "tram outbox list"), ("{ticket}", 64, "tram outbox list"), ("0", 64, "tram outbox list"),
                               ("99999999999999999999999", 64, "tram outbox list"), ("-1", 64, "-1"), ("1x", 64, "tram outbox list"),
                               ("77", 66, "77")]}),
    "outbox export": ([], {"1": TICKETS, "--from": [("nope", 64, "nope"), ("77", 65, "77")], "--to": [("nope", 64, "nope")],
                           "--out": ANY_TEXT}),
    "trace": ([], {"1": TICKETS}),
    "receipt": ([], {"1": TICKETS, "--out": ANY_TEXT}),
    "doctor": ([], {"--settings": [("/nope", 66, "--settings")]}),
    "keys make": ([], {"1": [("A_B", 64, "a-z"), ("x" * 65, 64, "a-z")], "--out": ANY_TEXT}),
    "keys show": ([], {"1": [("/nope", 66, "/nope"), ("{file}", 77, "{file}")]}),
    "verify": (["--key", "{key}"], {
        "--proof": [("/nope", 66, "/nope"), ("{file}", 65, "{file}")], "--key": [("/nope --proof {file}", 66, "/nope")],
        "--report": [("/nope --proof {file}", 66, "/nope")]}),
    "tail": ([], {
        "--area": [("99", 65, "63/46"), ("P63-46", 65, "63/46"), ("VNM", 65, "VN")], "--province": [("99", 65, "63/46")],
        "--agent": [("nope", 65, "agent-63-46"), ("agent-63-47", 65, "agent-63-46")],
        "--severity": [("Q", 64, "B")], "--word": [("nope", 65, "dung")],
        "--event": [("nope", 64, "tram-events(7)"), ("agent.silen", 64, "agent.silent")],
        "--dataflow": [("nope", 65, "payments_province")],
        "--indicator": [("nope", 65, "psp_registered_accounts"), ("populatio", 65, "population")],
        "--rule": [("NOPE", 65, "DUNG-"), ("DUNG-99", 65, "DUNG-")],
        "--count": [("-1", 64, "-1"), ("nope", 64, "nope")], "-n": [("nope", 64, "nope")],
        "--feed": [("nope", 64, "ipc://"), ("tcp://127.0.0.1:1", 64, "--centre-key")],
        "--key": ANY_TEXT, "--centre-key": ANY_TEXT}),
    "rollup": ([], {
        "1": [("NOPE", 65, "tram rollup"), ("populatio", 65, "population")],
        "--period": [("nope", 64, "2024-Q2"), ("2024-13", 64, "2024-Q2")], "--level": SHARED["--level"],
        "--boundary": SHARED["--boundary"], "--as-of": SHARED["--as-of"], "--since": [("nope --changes", 65, "nope")]}),
    "explain": ([], {
        "1": [("NOPE 2024", 65, "tram rollup"), ("population nope", 64, "2024-Q2"), ("population 2024-W01", 65, "2024-W01"),
              ("population 2023", 65, "2024")],
        "--area": [("99 population 2024", 65, "99")], "--level": [("nope population 2024", 64, "nation")],
        "--boundary": [("nope population 2024", 64, "63"), ("99 population 2024", 64, "34")],
        "--as-of": [("nope population 2024", 64, "2024-07-19T08:00:00+07:00")],
        "--proof": [("/nope/x population 2024", 73, "/nope/x")],
        "--key-file": [("/nope population 2024 --proof /nope/x", 66, "/nope")]}),
    "board": ([], {"--on": [("nope", 64, "2024-")], "--from": [("nope", 64, "2024-")], "--to": [("nope", 64, "2024-")],
                   "--as-of": SHARED["--as-of"], "--sort": [("nope", 64, "score")], "--province": SHARED["--province"]}),
    "claims list": ([], {}),
    "claims check": ([], {}),
    "claims add": (["--said-by", "x", "--source", "y"], {
        "1": [("NOPE 2024 5", 65, "tram rollup"), ("population nope 5", 65, "2024-Q2"), ("population 2024-W01 5", 65, "2024-W01"),
              ("population 2024 five", 64, "4543/6325")],
        "--said-by": ANY_TEXT, "--source": ANY_TEXT, "--quote": ANY_TEXT,
        "--on": [("nope population 2024 5", 64, "2024-07-19")], "--area": [("nope population 2024 5", 65, "63/46")],
        "--boundary": [("nope population 2024 5", 64, "63")], "--unit-mult": [("nope population 2024 5", 64, "18")],
        "--qualifier": [("nope population 2024 5", 65, "at_least")], "--by": SHARED["--by"]}),
    "periods list": ([], {"--dataflow": [("NOPE", 65, "payments_province"), ("payment_province", 65, "payments_province")]}),
    "periods close": (["--reason", "x"], {
        "1": [("NOPE 2024", 65, "payments_province"), ("province_statistics nope", 64, "2024-Q2"),
              ("province_statistics 2024-W01", 65, "2024-W01"), ("province_statistics 2024-W01 --dry-run", 65, "2024-W01")],
        "--reason": SHARED["--reason"], "--by": SHARED["--by"]}),
    "quarantine list": ([], {"--rule": SHARED["--rule"], "--provider": SHARED["--provider"]}),
    "quarantine release": (["--reason", "x"], {**DECIDE, "--rule": SHARED["--rule"], "--provider": SHARED["--provider"]}),
    "quarantine refuse": (["--reason", "x"], {**DECIDE, "--rule": SHARED["--rule"], "--provider": SHARED["--provider"]}),
    "agents list": ([], {}),
    "agents accept": ([], {"1": [("/nope", 66, "/nope"), ("{file}", 78, "curve_public")], "--reason": ANY_TEXT}),
    "agents suspend": (["--reason", "x"], {"1": [("nope", 65, "tram agents list")], "--reason": SHARED["--reason"]}),
    "agents revoke": (["--reason", "x"], {"1": [("nope", 65, "tram agents list")], "--reason": SHARED["--reason"]}),
    "rules list": ([], {}),
    "rules rehearse": ([], {"1": [("/nope", 64, "rules.csv"), ("{file}", 64, "rules.csv")],
                            "--since": [("nope {dir}/parameters.csv", 64, "2024-07-19T08:00:00+07:00")],
                            "--agent": [("nope {dir}/parameters.csv", 64, "tram agents list")]}),
    "catalogue check": ([], {"1": [("/nope", 66, "/nope"), ("{file}", 66, "{file}")]}),
    "catalogue load": ([], {"1": [("/nope", 66, "/nope"), ("{file}", 66, "{file}")], "--note": ANY_TEXT}),
    "catalogue diff": ([], {"1": [("/nope", 66, "/nope"), ("{file}", 66, "{file}")]}),
    "tram-centre verify": ([], {"1": [("nope", 64, "tram agents list")], "--since": SHARED["--since"]}),
    "tram-centre todo": ([], {"--provider": [("nope", 65, "63/46")],
                              "--as-of": [("nope --provider P63-46", 64, "2024-07-19T08:00:00+07:00")]}),
    "store migrate": ([], {"--database": [("host=/nope", 69, "/nope")]}),
}


class World:
    def __init__(self, centre, agent, names):
        self.centre, self.agent, self.names = centre, agent, names

    def tram(self, command, *words, language="en"):
        program, command = ("tram-centre", command[12:]) if command.startswith("tram-centre ") else ("tram", command)
        words = [word.format(**self.names) for word in words]
        return run([BIN / program, *command.split(), *words], check=False, timeout=PATIENCE_S, env=dict(
            os.environ, TRAM_CENTRE=str(self.centre.conf), TRAM_AGENT_SOCKET=str(self.agent.control), TRAM_LANG=language,
            TRAM_ALLOW_ROOT="yes"))

    def refused(self, status, named, command, *words):
        """Ends so, in both languages, and says on stderr what is wrong; nothing else is printed."""
        said = {language: self.tram(command, *words, language=language) for language in LANGUAGES}
        asked = f"{command} {' '.join(words)}"
        for done in said.values():
            assert done.returncode == status, f"{asked}: status {done.returncode}\n{done.stdout}{done.stderr}"
            for name in named:
                assert name.format(**self.names) in done.stderr + done.stdout, f"{asked}: {name} is not named: {done.stderr}"
        assert said["en"].stderr != said["vi"].stderr or said["en"].stdout != said["vi"].stdout, f"{asked}: {said['vi'].stderr}"


@pytest.fixture(scope="module")
def world(postgres, template, session_folder):
    """One centre with one agent that has handed in, for all of them: nothing here changes what it has."""
    with Fleet(session_folder / "words", postgres, template) as fleet:
        centre = fleet.centre()
        agent = fleet.agent(centre)
        agent.wait_for_codes()
        agent.submit(csv_text(POPULATION))
        (row,) = agent.wait_for_verdicts(1)
        wait_until(lambda: centre.json("status", "--centre", centre.conf)["state"] == "serving", "the catalogue at the centre")
        figures = agent.file("indicator,ref_area,value\npopulation,63/46,5\n", "figures.csv")
        yield World(centre, agent, {"ticket": row["ticket"], "file": figures, "key": centre.key.with_suffix(".pub"),
                                    "dir": ROOT / "deploy" / "catalogue"})


def commands():
    """Those of the tables, and both of two that the province's package and the centre's have each."""
    tables = [(ROOT / path).read_text(encoding="utf-8") for path in ("ingest/cli/commands.def", "aggregator/centre/centre.def")]
    ours, theirs = (re.findall(r'^COMMAND\(\w+, "([^"]+)", \w+,.*?(\w+)\)$', table, re.M | re.S) for table in tables)
    ours = {name for name, function in ours if function != "NULL"}
    return sorted({f"tram-centre {name}" if name in ours else name for name, _ in theirs} | ours)


COMMANDS = commands()
GROUPS = sorted({name.split()[0] for name in COMMANDS if " " in name} - {"tram-centre"})


def options(help_text):
    """name -> whether it takes an argument, which is written in capitals, or vi: "", "always" or "optional"."""
    found = re.findall(r"^  (--?[a-z-]+)( [A-Z]\S*| vi|\[=[A-Z]+\])?(?:  |$)", help_text, re.M)
    return {name: "optional" if argument.startswith("[") else "always" if argument else "" for name, argument in found}


def test_every_command_is_in_the_table():
    assert sorted(CASES) == COMMANDS


@pytest.mark.parametrize("command", COMMANDS)
def test_what_does_not_exist_is_named_with_a_remedy(world, command):
    whole, cases = CASES[command]
    offered = {name for name, takes in options(world.tram(command, "--help").stdout).items() if takes}
    assert offered - set(COMMON) == {name for name in cases if name.startswith("-") and name not in COMMON}
    for name, values in cases.items():
        for value, status, named in values if values is not ANY_TEXT else []:
            words = [name + value] if value.startswith("=") else [*([] if name == "1" else [name]), *(value.split() or [""])]
            rest = [word for word in whole if not (name == "1" and word == "{file}")]
            given = value.lstrip("=").split()
            world.refused(status, [named, *(word for word in given if word in ("nope", "NOPE"))], command, *rest, *words)


def refuses_empty(world, command, name, takes):
    words = [f"{name}="] if takes == "optional" else [name, ""]
    done = world.tram(command, *words)
    assert done.returncode == 64 and name in done.stderr, f"{command} {words}: {done.stderr}"


@pytest.mark.parametrize("command", COMMANDS)
def test_an_empty_value_and_an_unknown_option_are_refused(world, command):
    for name, takes in options(world.tram(command, "--help").stdout).items():
        if takes and (name not in COMMON or command == "outbox list" or command == "agents list"):
            refuses_empty(world, command, name, takes)
    for words in (("--nope",), ("--format", "nope"), ("--lang", "de")):
        done = world.tram(command, *words)
        assert done.returncode == 64 and " ".join(words) in done.stderr, done.stderr


def columns(line):
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in line)


@pytest.mark.parametrize("command", ["", *GROUPS, *COMMANDS])
def test_help_is_whole_and_fits_a_terminal(world, command):
    for language, usage in (("en", "Usage: tram"), ("vi", "Cách dùng: tram")):
        done = world.tram(command, "--help", language=language)
        assert done.returncode == 0 and not done.stderr, done.stderr
        assert command not in COMMANDS or usage in done.stdout, done.stdout
        wide = [line for line in done.stdout.splitlines() if columns(line) > COLUMNS]
        assert not wide, "\n".join(wide)
