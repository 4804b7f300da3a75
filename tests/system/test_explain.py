# SPDX-License-Identifier: Apache-2.0
"""What a figure is made of, and the proof of it: checked far away with public keys alone, and refused after any change."""

import json
import os
import random
import sys

import pytest

from tramtest import BIN, POPULATION, ROOT, csv_text, run

sys.path.insert(0, str(ROOT / "tests" / "interop"))

from figure_file import NotProven, check  # noqa: E402: a second reader, written from PROTOCOL.md alone
from roadbook import Keys  # noqa: E402

PROVINCES = {"63/46": 1178600, "63/45": 654400, "63/48": 1276000}


def figure(area, indicator, **fields):
    row = {k: v for k, v in POPULATION.items() if k not in ("value", "unit", "source_system")}
    return row | {"ref_area": area, "indicator": indicator} | {k: str(v) for k, v in fields.items()}


def statistics(area, population, year=2024):
    return csv_text(figure(area, "population", value=population, unit="person"),
                    figure(area, "land_area", value=population // 200, unit="km2"),
                    figure(area, "population_density", numerator=population, denominator=population // 200, unit="person_per_km2"),
                    figure(area, "grdp_per_capita", value=f"{population % 97}.5", unit="million_VND"),
                    provider="P" + area.replace("/", "-"), time_period=str(year), reference_date=f"{year}-12-31")


def enrolment(area, value, year):
    return csv_text(figure(area, "computing_it_enrolment", value=value, unit="person"), provider="P" + area.replace("/", "-"),
                    dataflow="digital_skills_province", time_period=str(year), reference_date=f"{year}-12-31")


def far_away(*words, status=0, language="en"):
    """As on another machine: no agent, no centre's settings, no program of the centre's package."""
    done = run([BIN / "tram", "verify", *words], check=False,
               env={"PATH": os.environ["PATH"], "TRAM_LANG": language, "TRAM_AGENT_SOCKET": "/nowhere", "TRAM_CENTRE": "/nowhere"})
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture
def country(fleet, centre):
    """Three provinces of sixty-three have reported."""
    centre.agents = []
    for area, population in PROVINCES.items():
        agent = fleet.agent(centre, "agent-" + area.replace("/", "-")).wait_for_codes()
        agent.submit(statistics(area, population))
        centre.agents.append(agent)
    for agent in centre.agents:
        agent.wait_for_verdicts(1)
    centre.pub = centre.key.with_suffix(".pub")
    return centre


def prove(centre, tmp_path, *words):
    path = tmp_path / "figure.proof"
    said = centre.tram("explain", *words, "--proof", path).stderr
    assert said.count("\n") == 1 and str(path) in said, said
    return path


def test_what_a_figure_is_made_of(country):
    total = sum(PROVINCES.values())
    said = country.tram("explain", "population", "2024").stdout
    assert f"{total:,}" in said and "1,276,000 + 1,178,600 + 654,400" in said and "3/63" in said
    assert said.count("missing") == 60 and "agent-63-46/" in said
    assert "Phần đóng góp" not in said and "Công thức" in country.tram("explain", "population", "2024", language="vi").stdout
    e = country.json("explain", "population", "2024")
    (only,) = e["figures"]
    assert only["value"] == str(total) and only["how"] == "sum" and only["areas_reporting"] == 3
    counting = [c for c in only["contributions"] if c["state"] == "counts"]
    assert [c["area"] for c in counting] == ["63/48", "63/46", "63/45"]
    assert abs(sum(float(c["share_percent"]) for c in counting) - 100) < 0.01
    assert all(len(c["stated"]["signature"]) == 128 and c["revision"] == 0 for c in counting)
    assert len([c for c in only["contributions"] if c["state"] == "missing"]) == 60


def test_wrong_questions(country):
    for words, status, said in ((("populaton", "2024"), 65, "did you mean population?"),
                                (("population", "2020"), 65, "it has for 2024"), (("population", "24"), 64, "no time period"),
                                (("population", "2024", "--area", "63/460"), 65, "did you mean 63/"),
                                (("population", "2024", "--area", "Cần Thơ"), 65, "did you mean "),
                                (("population", "2024", "--area", "nowhere at all"), 65, "63/46, P63-46 or 46"),
                                (("population", "2024", "--level", "region"), 64, "--area"),
                                (("population", "2024", "--area", "63/46", "--level", "region"), 64, "of level province"),
                                (("population", "2024", "--as-of", "x"), 64, "--as-of"), (("population",), 64, "")):
        done = country.tram("explain", *words, check=False)
        assert done.returncode == status and said in done.stderr, (words, done.stderr)


@pytest.mark.parametrize("indicator, how", [("population", "sum"), ("population_density", "ratio"), ("grdp_per_capita", "mean")])
@pytest.mark.parametrize("area", [None, "63/46", "34/46"])
def test_a_proof_holds_far_away(country, tmp_path, indicator, how, area):
    words = ("--area", area) if area else ()
    path = prove(country, tmp_path, indicator, "2024", *words)
    (explained,) = country.json("explain", indicator, "2024", *words)["figures"]
    keys = [word for agent in country.agents[:2] for word in ("--key", agent.key.with_suffix(".pub"))]
    said = json.loads(far_away("--proof", path, "--key", country.pub, *keys, "--format", "json"))
    (found,) = said["figures"]
    assert said["proven"] and found["how"] == how
    assert {k: found[k] for k in ("value", "numerator", "denominator")} == \
        {k: explained[k] for k in ("value", "numerator", "denominator")}
    assert found["contributions"] == (1 if area else 3) and said["agents"] == found["contributions"]
    (by_another,) = check(path.read_bytes(), [Keys.read(key) for key in keys[1::2] + [country.pub]]).figures
    assert by_another.value == found["value"]
    text = far_away("--proof", path, "--key", country.pub)
    assert text.startswith("PROVEN") and "NOT proven by it" in text and "the centre's word" in text


def test_growth_is_two_figures(country, tmp_path):
    for year in (2023, 2024):
        for agent, value in zip(country.agents, (1000, 2000, 4000)):
            agent.submit(enrolment("63/" + agent.name[-2:], value + (year - 2023) * 137, year), name=f"{year}.csv")
    for agent in country.agents:
        agent.wait_for_verdicts(3)
    path = prove(country, tmp_path, "computing_it_enrolment_yoy_growth", "2024")
    figures = json.loads(far_away("--proof", path, "--key", country.pub, "--format", "json"))["figures"]
    assert [f["how"] for f in figures] == ["growth", "sum", "sum"] and [f["time_period"] for f in figures] == ["2024", "2024", "2023"]
    assert figures[0]["value"].startswith("5.871428")
    assert check(path.read_bytes(), [Keys.read(country.pub)]).figures[0].value == figures[0]["value"]


def services(area, period, value, **fields):
    last = {"S1": "06-30", "S2": "12-31"}[period[5:]]
    return csv_text(figure(area, "psp_new_accounts", unit="account", **({"value": value} if value is not None else {}), **fields),
                    provider="P" + area.replace("/", "-"), dataflow="public_services_province", time_period=period,
                    reference_date=f"{period[:4]}-{last}")


def proven(centre, path):
    """By both readers."""
    found = json.loads(far_away("--proof", path, "--key", centre.pub, "--format", "json"))["figures"]
    assert [f.value for f in check(path.read_bytes(), [Keys.read(centre.pub)]).figures] == [f["value"] or "-" for f in found]
    return found


def test_a_year_of_halves(fleet, centre, tmp_path):
    """What one province states of each half adds up; another's is held and in nothing."""
    centre.pub = centre.key.with_suffix(".pub")
    one, other = (fleet.agent(centre, name).wait_for_codes() for name in ("agent-63-46", "agent-63-48"))
    one.submit(services("63/46", "2024-S1", 12300), name="first.csv")
    one.submit(services("63/46", "2024-S2", 15000))
    other.submit(services("63/48", "2024-S2", 99999999))
    one.wait_for_verdicts(2)
    other.wait_for_verdicts(1)
    (explained,) = centre.json("explain", "psp_new_accounts", "2024")["figures"]
    states = {(c["area"], c["time_period"]): c["state"] for c in explained["contributions"]}
    assert states["63/46", "2024-S1"] == states["63/46", "2024-S2"] == "counts" and states["63/48", "2024-S2"] == "held"
    assert explained["value"] == "27300" and explained["finest_parts"] == "S" and explained["held"] == 1
    (found,) = proven(centre, prove(centre, tmp_path, "psp_new_accounts", "2024"))
    assert (found["value"], found["contributions"], found["held"]) == ("27300", 2, 1)
    said = centre.tram("explain", "psp_new_accounts", "2024").stdout
    assert "15,000 + 12,300 = 27,300" in said and "held, and in nothing" in said and "SACH-06" in said


def test_a_rank_of_a_half_is_none_of_its_year(fleet, centre):
    """Who asks for it is told why, and what there is; a list goes on without it."""
    agent = fleet.agent(centre, "agent-centre").wait_for_codes()
    agent.submit(csv_text(figure("VN", "fixed_broadband_speed_rank", value=42, unit="rank", source_system="fixed_mobile_broadband"),
                          figure("VN", "fixed_broadband_speed_world_average", value="80.2", unit="Mbps",
                                 source_system="fixed_mobile_broadband"),
                          provider="C-MIC", dataflow="international_comparison", time_period="2023-S1", reference_date="2023-06-30"))
    agent.submit(csv_text(figure("VN", "egov_development_index_rank", value=86, unit="rank", source_system="not_applicable"),
                          provider="C-MIC", dataflow="international_comparison", time_period="2023", reference_date="2023-12-31"),
                 name="year.csv")
    agent.wait_for_verdicts(2)
    for command, *period in ("rollup", "--period"), ("explain",):
        for indicator, reason in (("fixed_broadband_speed_rank", "a rank is never made of"),
                                  ("fixed_broadband_speed_world_average", "a benchmark is never made of")):
            done = centre.tram(command, indicator, *period, "2023", check=False)
            assert done.returncode and "42" not in done.stdout, (command, done.stdout)
            assert reason in done.stderr and "2023-S1" in done.stderr, (command, done.stderr)
            done = centre.tram(command, indicator, *period, "2023", check=False, language="vi")
            assert "không tổng hợp từ" in done.stderr and "kỳ ngắn hơn" in done.stderr, (command, done.stderr)
        assert "42" in centre.tram(command, "fixed_broadband_speed_rank", *period, "2023-S1").stdout
    listed = {(row["indicator"], row["time_period"]) for row in centre.json("rollup", "--all-periods")}
    assert ("fixed_broadband_speed_rank", "2023-S1") in listed and ("egov_development_index_rank", "2023") in listed
    assert ("fixed_broadband_speed_rank", "2023") not in listed
    assert not any(m["indicator"].startswith("fixed") and m["time_period"] == "2023"
                   for m in centre.json("rollup", "--changes", "--since", "2000-01-01"))


def test_as_it_was_known_and_corrected(country, tmp_path):
    """A correction is another revision in another report; the figure as known before it is proven too."""
    known = country.value("SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')")
    (one, *_) = country.agents
    one.submit(csv_text(figure("63/46", "population", value=1180000, unit="person"), revises="yes", purpose="correction"),
               name="correction.csv")
    one.wait_for_verdicts(2)
    now, then = sum(PROVINCES.values()) + 1400, sum(PROVINCES.values())
    for words, value, revision in (((), now, 1), (("--as-of", known), then, 0)):
        (explained,) = country.json("explain", "population", "2024", *words)["figures"]
        assert [c["revision"] for c in explained["contributions"] if c["area"] == "63/46"] == [revision]
        (found,) = proven(country, prove(country, tmp_path, "population", "2024", *words))
        assert explained["value"] == found["value"] == str(value)


def test_a_proof_is_of_a_moment_that_is_settled(country, tmp_path):
    """Nothing may become known any more at or before the moment that is proven: not by whoever writes now, nor by what comes yet."""
    def clock(shift="0"):
        return country.value("SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC' + %s::interval, 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')", shift)

    def moment(*words):
        path = prove(country, tmp_path, "population", "2024", *words)
        return json.loads(far_away("--proof", path, "--key", country.pub, "--format", "json"))["known_at"]
    settled = moment()
    with country.postgres.connect(country.database) as writer, writer.transaction():
        writer.execute("SELECT tram.settled_before()")  # as whoever is about to write figures
        later = clock()
        failed = country.tram("explain", "population", "2024", "--as-of", later, "--proof", tmp_path / "none.proof", check=False)
        assert failed.returncode != 0 and "figures are being written" in failed.stderr, failed.stderr
        assert not (tmp_path / "none.proof").exists()
        assert moment("--as-of", settled) == settled
        country.tram("explain", "population", "2024", "--as-of", later)  # without a proof nobody waits
    assert moment("--as-of", later) == later
    assert moment("--as-of", clock("9 s")) <= clock(), "what clocks may differ by is not proven ahead of time"


def test_who_signed(country, tmp_path):
    path = prove(country, tmp_path, "population", "2024")
    country.tram("keys", "make", "centre", "--out", tmp_path / "centre.key")
    country.tram("keys", "make", "agent-63-46", "--out", tmp_path / "agent-63-46.key")
    assert "none of the centre's keys" in far_away("--proof", path, "--key", tmp_path / "centre.pub", status=65)
    assert "another key for that of agent-63-46" in far_away("--proof", path, "--key", country.pub, "--key",
                                                              tmp_path / "agent-63-46.pub", status=65)
    far_away("--proof", path, "--key", country.agents[0].key.with_suffix(".pub"), status=64)
    far_away("--proof", path, "--key", country.pub, "--report", path, status=64)


def test_every_change_is_found(country, tmp_path):
    """Bytes changed, lines dropped and doubled, anywhere: never proven, and the line is named."""
    path = prove(country, tmp_path, "grdp_per_capita", "2024")
    sound = path.read_bytes()
    lines = sound.splitlines(keepends=True)
    rng = random.Random(20260712)
    forged = []
    for _ in range(60):
        at = rng.randrange(len(sound))
        forged.append(sound[:at] + bytes([sound[at] ^ 1 << rng.randrange(7)]) + sound[at + 1:])
    for _ in range(30):
        at = rng.randrange(len(lines))
        forged.append(b"".join(lines[:at] + lines[at + 1:]))
        forged.append(b"".join(lines[:at] + [lines[at]] + lines[at:]))
    for data in forged:
        path.write_bytes(data)
        said = far_away("--proof", path, "--key", country.pub, status=65)
        assert "NOT PROVEN" in said and "line " in said, said
        with pytest.raises((NotProven, ValueError)):
            check(data, [Keys.read(country.pub)])


def test_what_the_store_was_changed_to_is_not_proven(country, tmp_path):
    """The centre's own rows do not suffice: the province signed another figure."""
    country.sql("UPDATE tram.observation SET value = value + 1 WHERE key IN (SELECT o.key FROM tram.observation o JOIN tram.series s"
                " ON s.series_no = o.key >> 44 AND s.indicator = 'population') RETURNING 1")
    done = country.tram("explain", "population", "2024", "--proof", tmp_path / "proof", check=False)
    assert done.returncode == 65 and "states other numbers" in done.stderr and not (tmp_path / "proof").exists()
