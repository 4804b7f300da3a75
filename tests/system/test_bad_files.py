# SPDX-License-Identifier: Apache-2.0
"""Files that are wrong: each mistake is named with its place and remedy, in both languages, and nothing is stored."""

import resource
import subprocess

import pytest

from tramtest import BIN, POPULATION, REPORT, csv_text

GOOD = csv_text(POPULATION)
LINES = GOOD.splitlines()
HEAD, ROW = LINES[0], LINES[1]


def figure(**changed):
    return csv_text(POPULATION | changed)


def density(**changed):
    return csv_text({"indicator": "population_density", "ref_area": "63/46", "numerator": "1178600",
                     "denominator": "4947.1", "unit": "person_per_km2", "qualifier": "exact", "obs_status": "A"} | changed)


def report(**changed):
    return csv_text(POPULATION, **changed)


def without_column(name):
    observation = {key: value for key, value in POPULATION.items() if key != name}
    return "\n".join(",".join(row) for row in zip(*[c for c in zip(HEAD.split(","), ROW.split(",")) if c[0] != name])) + "\n" \
        if name in REPORT else csv_text(observation)


# name of the case: (the file, code of the problem, line)
CASES = {
    "unknown province": (report(provider="P63-99"), "provider-unknown", 2),
    "another agent's province": (report(provider="P63-01"), "provider-unknown", 2),
    "another province's area": (figure(ref_area="63/01"), "area-not-yours", 2),
    "unknown area": (figure(ref_area="63/99"), "area-unknown", 2),
    "unknown indicator": (figure(indicator="populaton"), "indicator-unknown", 2),
    "unknown dataflow": (report(dataflow="province_statistic"), "dataflow-unknown", 2),
    "dataflow of the centre": (report(dataflow="governance"), "dataflow-not-yours", 2),
    "unknown unit": (figure(unit="persons"), "unit-unknown", 2),
    "no period": (report(time_period=""), "field-missing", 2),
    "not a period": (report(time_period="2024-13"), "period-bad", 2),
    "from after to": (report(period_from="2024-12-31", period_to="2024-01-01"), "period-order", 2),
    "reference date in the future": (report(reference_date="2999-01-01"), "reference-date-future", 2),
    "40 digits": (figure(value="1" * 40), "too-many-digits", 2),
    "exponent": (figure(value="1.1786E+06"), "exponent", 2),
    "NaN": (figure(value="NaN"), "not-a-number", 2),
    "Vietnamese number without a locale": (figure(value="1.178.600,5"), "ambiguous-number", 2),
    "a point in a whole number": (figure(value="1178.6"), "not-whole", 2),
    "bad UTF-8": (GOOD.encode().replace("Nguyễn".encode(), b"Nguy\xc5"), "not-utf8", 2),
    "NUL": (GOOD.encode().replace(b"P63-46", b"P63\0-46"), "text-nul", 2),
    "U+00A0 in a code": (GOOD.replace("P63-46", "P63\u00a0-46"), "code-invisible", 2),
    "an empty file": ("", "file-empty", None),
    "column names only": (HEAD + "\n", "no-rows", None),
    "a missing column": (without_column("indicator"), "column-missing", 1),
    "a column twice": (f"{HEAD},indicator\n{ROW},population\n", "column-twice", 1),
    "an unknown column": (f"{HEAD},indcator\n{ROW},population\n", "column-unknown", 1),
    "a row too short": (f"{HEAD}\n{ROW.rsplit(',', 1)[0]}\n", "row-short", 2),
    "an open quotation mark": (f'{HEAD}\n"{ROW}\n', "quote-open", 2),
}


@pytest.fixture(scope="module")
def agent(session_folder, postgres, template):
    from fleet import Fleet
    folder = session_folder / "bad-files"
    folder.mkdir()
    with Fleet(folder, postgres, template) as fleet:
        yield fleet.agent(fleet.centre()).wait_for_codes()


@pytest.mark.parametrize("case", CASES)
def test_mistake_is_named(agent, case):
    content, code, line = CASES[case]
    before = agent.outbox()
    english = agent.submit(content, check=False)
    assert english.returncode == 65, english.stdout + english.stderr
    place = f"report.csv:{line}:" if line else "report.csv"
    assert place in english.stderr, english.stderr
    vietnamese = agent.submit(content, check=False, language="vi")
    assert vietnamese.returncode == 65
    assert place in vietnamese.stderr and vietnamese.stderr != english.stderr
    assert any(ord(letter) > 127 for letter in vietnamese.stderr)
    done = agent.submit(content, "--format", "json", check=False)
    assert f'"{code}"' in done.stdout + done.stderr, done.stdout + done.stderr
    assert agent.outbox() == before


def test_every_mistake_at_once(agent):
    content = csv_text(POPULATION | {"value": "NaN"}, POPULATION | {"indicator": "populaton"}, POPULATION | {"unit": "x"})
    done = agent.submit(content, check=False)
    assert done.returncode == 65
    for line in (2, 3, 4):
        assert f"report.csv:{line}:" in done.stderr


@pytest.mark.slow
def test_a_line_without_end_needs_no_memory(agent):
    """5 GB in one line: refused, with less than 200 MB of memory, and not by the kernel."""
    path = agent.folder / "long.csv"
    with open(path, "wb") as f:
        f.write(f"{HEAD}\n".encode())
        f.seek(5 << 30)
        f.write(b"\n")
    try:
        limit = 200 << 20
        done = subprocess.run([BIN / "tram", "submit", path], stdin=subprocess.DEVNULL, capture_output=True, check=False,
                              env={"TRAM_AGENT_SOCKET": str(agent.control), "TRAM_LANG": "en", "TRAM_ALLOW_ROOT": "yes"},
                              preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)))
        assert done.returncode == 65, done.stderr
        assert b"long.csv:2:" in done.stderr
    finally:
        path.unlink()


class TestGoodFormsOfTheSame:
    """What other programs write, and what is right all the same."""

    @pytest.fixture
    def fresh(self, fleet):
        return fleet.agent(fleet.centre())

    @pytest.mark.parametrize("content", [
        "\ufeff" + GOOD,
        GOOD.replace("\n", "\r\n"),
        GOOD.rstrip("\n"),
        GOOD.replace("Nguyễn", "Nguyễn"),
    ], ids=["BOM", "CRLF", "no end of line", "accents stored apart"])
    def test_accepted(self, fresh, content):
        fresh.submit(content)
        (verdict,) = fresh.wait_for_verdicts(1)
        assert verdict["accepted"] + verdict["warned"] == 1
        assert fresh.centre.value("SELECT prepared_by FROM tram.report") == "Nguyễn Văn An"

    def test_vietnamese_numbers_where_declared(self, fresh):
        fresh.submit("# locale: vi\n" + figure(value="1.178.600"))
        fresh.wait_for_verdicts(1)
        assert fresh.centre.value("SELECT value FROM tram.observation") == 1178600


@pytest.mark.slow
def test_a_million_observations_need_little_memory(fleet):
    """The file is read as a stream and becomes many reports, one ticket."""
    agent = fleet.agent(fleet.centre(start=False))  # no codes from the centre yet: any dimension will do
    path = agent.folder / "million.csv"
    with open(path, "w", encoding="utf-8") as f:
        f.write(f"{HEAD},dim:CELL\n")
        f.writelines(f"{ROW},C{number}\n" for number in range(1_000_000))
    limit = 400 << 20
    done = subprocess.run([BIN / "tram", "submit", path], stdin=subprocess.DEVNULL, capture_output=True, check=False,
                          env={"TRAM_AGENT_SOCKET": str(agent.control), "TRAM_LANG": "en", "TRAM_ALLOW_ROOT": "yes"},
                          preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)))
    assert done.returncode == 0, done.stderr[-2000:]
    assert sum(row["observations"] for row in agent.outbox()) == 1_000_000
