# SPDX-License-Identifier: Apache-2.0
"""Provinces that state the figures of their communes: through real agents into roll-ups, beside sums made here."""

import csv
import json
import pathlib
import shutil
import tempfile

import pytest

from fleet import Fleet
from tramtest import POPULATION, ROOT, Centre, csv_text

AGENTS = ("01", "45", "46")
BY = ("--by", "Trần Thị Bình")


def rows(path):
    with open(path, encoding="utf-8", newline="") as f:
        return list(csv.DictReader(f))


def write(path, table):
    with open(path, "w", encoding="utf-8", newline="") as f:
        writer = csv.DictWriter(f, table[0].keys(), lineterminator="\n")
        writer.writeheader()
        writer.writerows(table)


def communes_of(code):
    return [f"63/{code}{n:03}" for n in range(5 + int(code) % 4)]


def add_communes(folder):
    """Five to eight to each of the 63 provinces; province statistics are stated for them."""
    areas = rows(folder / "registry" / "areas.csv")
    provinces = {row["code"]: row for row in areas if row["level"] == "province" and row["vintage"] == "63"}
    for code, province in provinces.items():
        areas += [province | {"area": area, "level": "commune", "code": area[3:], "parent": province["area"], "kind": "commune",
                              "valid_from": "2008-08-01", "valid_to": "2025-06-30", "name_vi": f"Xã {area}",
                              "short_name_vi": f"Xã {area}", "name_en": f"Commune {area}", "iso_3166_2": "",
                              "population": "1000"} for area in communes_of(code)]
    write(folder / "registry" / "areas.csv", areas)
    write(folder / "catalogue" / "dataflows.csv",
          [row | {"area_level": "commune" if row["code"] == "province_statistics" else ""}
           for row in rows(folder / "catalogue" / "dataflows.csv")])
    return sum(len(communes_of(code)) for code in provinces)


@pytest.fixture(scope="module")
def fleet(postgres):
    folder = pathlib.Path(tempfile.mkdtemp(prefix="tram-", dir="/tmp"))
    folder.chmod(0o755)
    for name in ("catalogue", "registry"):
        shutil.copytree(ROOT / "deploy" / name, folder / name)
    communes = add_communes(folder)
    database = postgres.make_database()
    loading = Centre(folder / "template", postgres, database)
    loading.tram("store", "migrate", "--database", postgres.conninfo(database))
    loading.tram("catalogue", "load", folder / "catalogue")
    with Fleet(folder, postgres, database) as fleet:
        fleet.communes = communes
        yield fleet
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def centre(fleet):
    return fleet.centre()


@pytest.fixture(scope="module")
def agents(fleet, centre):
    return {code: fleet.agent(centre, f"agent-63-{code}").wait_for_codes() for code in AGENTS}


def value_of(area, year):
    return 1000 + int(area[3:]) % 977 + 10 * (year - 2022)


def state(agent, code, year, values, **report):
    figures = [POPULATION | {"ref_area": area, "value": str(value)} for area, value in values.items()]
    agent.submit(csv_text(*figures, provider=f"P63-{code}", time_period=str(year), reference_date=f"{year}-12-31", **report))
    agent.wait_for_verdicts()


def rollup(centre, year, level="nation", as_of=None):
    return {row[0]: row[1:] for row in centre.sql(
        "SELECT area, value::bigint, areas_reporting, areas_expected, held, finality FROM tram.rollup('population', %s, %s, NULL, %s)",
        str(year), level, as_of)}


def clock(centre):
    """As of now every figure is added up from history; as of no moment what their communes come to is looked up."""
    return centre.value("SELECT greatest(clock_timestamp(), (SELECT max(known_at) FROM tram.observation),"
                        " (SELECT max(decided_at) FROM tram.decision))")


def test_figures_of_communes_make_roll_ups(fleet, centre, agents):
    for code, agent in agents.items():
        state(agent, code, 2022, {area: value_of(area, 2022) for area in communes_of(code)})
    stated = {code: sum(value_of(area, 2022) for area in communes_of(code)) for code in AGENTS}
    reporting = sum(len(communes_of(code)) for code in AGENTS)
    assert rollup(centre, 2022) == {"VN": (sum(stated.values()), reporting, fleet.communes, 0, "provisional")}
    by_province = rollup(centre, 2022, "province")
    assert len(by_province) == 63
    for code in AGENTS:
        n = len(communes_of(code))
        assert by_province[f"63/{code}"] == (stated[code], n, n, 0, "final")
    assert by_province["63/02"] == (None, 0, len(communes_of("02")), 0, "provisional")
    assert rollup(centre, 2022, "province", clock(centre)) == by_province
    areas = {area for area, in centre.sql("SELECT area FROM tram.contributions('population', tram.period_pack('2022'), 'nation',"
                                          " NULL, NULL) WHERE state = 'counts'")}
    assert areas == {area for code in AGENTS for area in communes_of(code)}


def test_what_is_owed_is_counted_by_commune(centre, agents):
    """Of the year's mandatory figures one was handed in for every commune, years later; the others for none."""
    mandatory = [row["code"] for row in rows(ROOT / "deploy" / "catalogue" / "indicators.csv")
                 if row["dataflow"] == "province_statistics" and row["mandatory"] == "y"]
    found = {row[0]: row[1:] for row in centre.sql(
        "SELECT area, expected, reported, late + backfilled, missing, answered, missing_indicators FROM tram.completeness('2022-01-01', '2022-12-31')"
        " WHERE dataflow = 'province_statistics' AND time_period = '2022'")}
    assert len(found) == 63
    for area, row in found.items():
        n, reports = len(communes_of(area[3:])), area[3:] in AGENTS
        assert row == (n * len(mandatory), n * reports, n * reports, n * (len(mandatory) - reports), "partial" if reports else "none",
                       sorted(set(mandatory) - ({"population"} if reports else set())))
    board = {row["area"]: row for row in centre.json("board", "--from", "2022-01-01", "--to", "2022-12-31", "--province", "P63-46")}
    assert board["63/46"]["reported"] == found["63/46"][1]


def test_a_correction_and_a_release_move_them(centre, agents):
    agent, areas = agents["46"], communes_of("46")
    values = {area: value_of(area, 2022) for area in areas}
    state(agent, "46", 2022, {areas[0]: values[areas[0]] + 5}, purpose="correction")
    before = sum(values.values()) + 5
    assert rollup(centre, 2022, "province")["63/46"] == (before, len(areas), len(areas), 0, "final")
    # ten times as many as a year before: held, until somebody looks
    held = values[areas[1]] * 10 + 3
    state(agent, "46", 2023, {areas[1]: held})
    assert rollup(centre, 2023, "province")["63/46"] == (None, 0, len(areas), 1, "provisional")
    (row,) = centre.json("quarantine", "list")
    centre.tram("quarantine", "release", row["id"], "--reason", "đã đối chiếu", *BY)
    assert rollup(centre, 2023, "province")["63/46"] == (held, 1, len(areas), 0, "provisional")
    assert rollup(centre, 2023, "province", clock(centre)) == rollup(centre, 2023, "province")


def explained(centre, *words):
    """Of 63/01 in 2024: the figure, its closing, and what each commune is said to have stated."""
    (figure,) = centre.json("explain", "population", "2024", "--area", "63/01", *words)["figures"]
    return figure["value"], figure["vintage"], {c["area"]: c["value"] for c in figure["contributions"] if c["state"] == "counts"}


def test_of_a_closed_period_communes_figures_are_those_of_its_moment(centre, agents):
    """They are not copied: who asks what a closed figure is made of reads them from history as they were then."""
    areas = communes_of("01")
    first = {area: value_of(area, 2024) for area in areas}
    state(agents["01"], "01", 2024, first)
    centre.tram("periods", "close", "province_statistics", "2024", "--provisional", "--reason", "báo cáo năm", *BY)
    state(agents["01"], "01", 2024, {areas[0]: first[areas[0]] + 7}, purpose="correction")
    told = agents["01"].verdicts()[-1]["findings"]
    assert [f["found"].split(" (")[0] for f in told if (f["rule"], f["field"]) == ("SONG-07", "time_period")] == ["1 → 2"]
    now = first | {areas[0]: first[areas[0]] + 7}
    for words, values, vintage in (((), first, 1), (("--open",), now, 0)):
        assert explained(centre, *words) == (str(sum(values.values())), vintage, {area: str(v) for area, v in values.items()}), words
    assert "closing 1 of" in centre.tram("explain", "population", "2024", "--area", "63/01", language="en").stdout
    refused = centre.tram("rollup", "population", "--period", "2024", "--level", "commune", check=False)
    assert refused.returncode != 0, "no roll-up is of one commune"


def test_who_may_state_what(centre, agents):
    """Of other provinces' communes an agent is told nothing; a province's own total is no commune's figure."""
    agent = agents["46"]
    foreign = csv_text(POPULATION | {"ref_area": communes_of("45")[0]}, provider="P63-46")
    assert agent.submit(foreign, check=False).returncode == 65
    agent.submit(csv_text(POPULATION, provider="P63-46", time_period="2021", reference_date="2021-12-31"))
    verdict = agent.wait_for_verdicts()[-1]
    assert verdict["refused"] == 1, verdict
    assert [(found["rule"], found["expected"]) for found in verdict["findings"]] == [("DUNG-03", "commune < 63/46 Thừa Thiên Huế")]


def verify(centre):
    done = centre.tram("verify", "--format", "json", check=False)
    return done.returncode, json.loads(done.stdout)


def test_verify_counts_them_again(centre, agents):
    assert verify(centre)[0] == 0
    with centre.postgres.connect(centre.database) as db:
        db.execute("UPDATE tram.subtotal t SET value = value + 1 FROM tram.area_number n WHERE n.area_no = t.area_no"
                   " AND n.area = '63/45' AND value > 0")
        status, found = verify(centre)
        assert status == 65
        first = found["first_break"]
        total = sum(value_of(area, 2022) for area in communes_of("45"))
        assert (first["break"], first["found"], first["expected"]) \
            == ("subtotal", f"63/45 population 2022: value {total + 1}", f"value {total}")
        assert found["breaks"] == 1
        db.execute("SELECT tram.subtotals_anew()")
    assert verify(centre)[0] == 0
