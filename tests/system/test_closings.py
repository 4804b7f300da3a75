# SPDX-License-Identifier: Apache-2.0
"""A period is closed; a correction comes; what was closed stays and says so, until it is closed once more. With real programs."""

import csv
import json
import shutil

import pytest
from test_http import Client
from test_roundtrip import Tail
from tramtest import POPULATION, ROOT, csv_text, wait_until

PERIOD = ("province_statistics", "2024")
CLOSED, CORRECTED = 1178600, 1178700
BY = ("--by", "Nguyễn Văn An")
NATION = ("population", "--period", "2024", "--level", "nation")


@pytest.fixture
def centre(fleet):
    return fleet.centre(http="127.0.0.1:0", http_time="10min")


def state(agent, value, **report):
    agent.submit(csv_text(POPULATION | {"value": str(value)}, **report))
    assert agent.wait_for_verdicts()[-1]["accepted"] == 1


def close(centre, *words, reason="báo cáo năm", check=True, format=True):
    done = centre.tram("periods", "close", *PERIOD, "--reason", reason, *BY, *words, *(("--format", "json") if format else ()),
                       check=check)
    return json.loads(done.stdout)[0] if check else done


@pytest.fixture
def closed(centre, agent):
    """One province of 63 has reported, and the year is closed all the same."""
    state(agent, CLOSED)
    return close(centre, "--provisional")


def shown(centre, *words):
    (row,) = centre.json("rollup", *NATION, *words)
    return row


def over_http(centre, **words):
    reply = Client(centre)("/api/v1/rollups", indicator="population", period="2024", level="nation", **words)
    assert reply.status == 200, reply.body
    (row,) = reply.json()
    return row


def test_a_correction_counts_in_the_next_closing(centre, agent, closed):
    assert (closed["vintage"], closed["finality"], closed["closed_by"], closed["closed_as"]) == (1, "provisional", BY[1], "tram_operator")
    before = shown(centre)
    assert (int(before["value"]), before["vintage"], before["moved"]) == (CLOSED, 1, False)
    state(agent, CORRECTED, revises="yes", purpose="correction")
    for row in (shown(centre), over_http(centre)):
        assert (int(row["value"]), row["vintage"], row["known_at"], row["moved"]) == (CLOSED, 1, before["known_at"], True)
    for language, words in (("vi", "chốt lần 1, {}; đã đổi: nay là {}"), ("en", "closing 1 of {}; it has moved: now {}")):
        table = centre.tram("rollup", *NATION, language=language).stdout
        first, _, rest = words.partition("{}")
        middle = rest.partition("{}")[0]
        assert first in table and middle in table, table
        assert "1.178.700" in table.split(middle)[1] or "1,178,700" in table.split(middle)[1], table
        explained, opened = (centre.tram("explain", "population", "2024", *words, language=language).stdout for words in ((), ("--open",)))
        assert first in explained and middle in explained and first not in opened, (explained, opened)
        assert "1.178.700" in explained.split(middle)[1] or "1,178,700" in explained.split(middle)[1], explained
    for known in (shown(centre, "--open"), over_http(centre, open="true")):
        assert (int(known["value"]), known["vintage"], known["moved"]) == (CORRECTED, 0, False)
    for words, value in (((), CLOSED), (("--open",), CORRECTED)):
        e, over = centre.json("explain", "population", "2024", *words), {"open": "true"} if words else {}
        assert [figure["value"] for figure in e["figures"]] == [str(value)]
        assert [c["value"] for c in e["figures"][0]["contributions"] if c["state"] == "counts"] == [str(value)]
        assert Client(centre)("/api/v1/explain/population/2024", **over).json()["figures"] == e["figures"]
    again = close(centre, "--provisional", reason="đính chính của Thừa Thiên Huế")
    assert (again["vintage"], again["newest"]) == (2, True) and again["digest"] != closed["digest"]
    for row in (shown(centre), over_http(centre)):
        assert (int(row["value"]), row["vintage"], row["moved"]) == (CORRECTED, 2, False)
    assert int(shown(centre, "--as-of", before["known_at"])["value"]) == CLOSED
    assert [(row["vintage"], row["newest"], row["digest"]) for row in centre.json("periods", "list")] == [
        (1, False, closed["digest"]), (2, True, again["digest"])]
    refused = close(centre, "--provisional", check=False)
    assert refused.returncode == 65 and "nothing has changed" in refused.stderr


SAID = {"en": "what is accepted of this report goes to the next vintage: {}", "vi": "thuộc lần chốt sau: {}"}


def closing_told(verdict):
    """Of all that a verdict tells: what it says of the period's closing, to the report and not to a figure."""
    return [f["found"] for f in verdict["findings"]
            if (f["rule"], f["severity"], f["observation"], f["field"]) == ("SONG-07", "inform", 0, "time_period")]


def test_a_province_is_told_that_the_period_was_closed(centre, agent):
    """Before the closing nothing; then of what corrects a figure, not of what is stored already; and in `tram check`."""
    state(agent, CLOSED)
    close(centre, "--provisional")
    first = centre.value("SELECT (closed_at AT TIME ZONE 'Asia/Ho_Chi_Minh')::date::text FROM tram.closing")
    correction = csv_text(POPULATION | {"value": str(CORRECTED)}, revises="yes", purpose="correction")
    path = agent.file(correction)
    checked = agent.tram("check", path, "--format", "json", check=False)
    assert checked.returncode == 0, checked.stderr
    wanted = f"1 → 2 ({first}, {BY[1]})"
    assert closing_told(json.loads(checked.stdout)["verdicts"][0]) == [wanted]
    for language, words in SAID.items():
        assert words.format(wanted) in agent.tram("check", path, language=language).stdout
    agent.submit(correction)
    verdict = agent.wait_for_verdicts()[-1]
    assert verdict["accepted"] == 1 and closing_told(verdict) == [wanted]
    for language, words in SAID.items():
        assert words.format(wanted) in agent.tram("verdicts", language=language).stdout
    agent.submit(csv_text(POPULATION | {"value": str(CORRECTED)}, comment="once more"))
    verdict = agent.wait_for_verdicts()[-1]
    assert verdict["duplicate"] == 1 and closing_told(verdict) == []
    close(centre, "--provisional", reason="đính chính")
    state(agent, CORRECTED + 1, revises="yes", purpose="correction")
    assert [said.split(" (")[0] for said in closing_told(agent.verdicts()[-1])] == ["2 → 3"]
    state(agent, CLOSED, time_period="2023", reference_date="2023-12-31", purpose="backfill")
    assert closing_told(agent.verdicts()[-1]) == [], "2023 is open"
    assert [seq for (seq,) in centre.sql("SELECT closing_no FROM tram.verdict ORDER BY verdict_seq")] == [0, 1, 1, 2, 2]
    rehearsed = centre.tram("rules", "rehearse", ROOT / "deploy" / "catalogue", "--format", "json")
    assert json.loads(rehearsed.stdout)["reports_judged"] == 5  # and all as they were: it would have failed


def test_who_reports_while_a_period_is_being_closed_is_told(centre, agent):
    """What was judged before the closing was there, and is written after: it is judged again."""
    state(agent, CLOSED)
    with centre.postgres.connect(centre.database) as db, db.transaction():
        db.execute("LOCK TABLE tram.settling IN SHARE MODE")  # nobody writes figures, as at the closing's end
        agent.submit(csv_text(POPULATION | {"value": str(CORRECTED)}, revises="yes", purpose="correction"))
        wait_until(lambda: centre.value("SELECT count(*) FROM pg_locks WHERE relation = 'tram.settling'::regclass AND NOT granted"),
                   "the lane, which has judged it")
        db.execute(f"SELECT tram.close_period('{PERIOD[0]}', '{PERIOD[1]}', '{BY[1]}', 'báo cáo năm', true);"
                   " SET LOCAL idle_in_transaction_session_timeout = 0")  # however long until the COMMIT below
    verdict = agent.wait_for_verdicts()[-1]
    assert [said.split(" (")[0] for said in closing_told(verdict)] == ["1 → 2"]
    assert [no for (no,) in centre.sql("SELECT closing_no FROM tram.verdict ORDER BY verdict_seq")] == [0, 1]
    assert [(row["vintage"], row["untold"]) for row in centre.json("periods", "list")] == [(1, 0)]
    assert (int(shown(centre)["value"]), shown(centre)["moved"]) == (CLOSED, True)
    assert "judged again" not in centre.daemon.log(), "it is no trouble of the store"


ACCOUNTS = {"indicator": "psp_registered_accounts", "ref_area": "63/46", "unit": "account", "unit_mult": "0", "obs_status": "A",
            "qualifier": "exact"}
HALF = {"dataflow": "public_services_province", "time_period": "2024-S2", "reference_date": "2024-12-14"}
SAID_LONGER = {"en": "goes to the longer period's next vintage: {}", "vi": "thuộc lần chốt sau của kỳ dài hơn đó: {}"}


def longer_told(verdict):
    return [f["found"] for f in verdict["findings"]
            if (f["rule"], f["severity"], f["observation"], f["field"]) == ("SONG-07", "inform", 0, "longer_period")]


def test_a_province_is_told_that_a_longer_period_was_closed(centre, agent):
    """The year's figure is the one at its end: a half year that is corrected is told of the year's closing, another year's is not."""
    def half(value, observation=ACCOUNTS, **report):
        return csv_text(observation | {"value": str(value)}, **HALF | report)

    def told(text):
        agent.submit(text)
        return [longer_told(agent.wait_for_verdicts()[-1]), closing_told(agent.verdicts()[-1])]

    def year(**words):
        (row,) = centre.json("rollup", "psp_registered_accounts", "--period", "2024", "--level", "nation", *words)
        return int(row["value"]), row["vintage"], row["moved"]

    assert told(half(1000)) == [[], []]
    centre.tram("periods", "close", HALF["dataflow"], "2024", "--provisional", "--reason", "báo cáo năm", *BY)
    first = centre.value("SELECT (closed_at AT TIME ZONE 'Asia/Ho_Chi_Minh')::date::text FROM tram.closing")
    wanted = f"2024: 1 → 2 ({first}, {BY[1]})"
    correction = half(1100, revises="yes", purpose="correction")
    path = agent.file(correction)
    checked = json.loads(agent.tram("check", path, "--format", "json").stdout)["verdicts"][0]
    assert (longer_told(checked), closing_told(checked)) == ([wanted], [])
    for language, words in SAID_LONGER.items():
        assert words.format(wanted) in agent.tram("check", path, language=language).stdout
    assert told(correction) == [[wanted], []]
    for language, words in SAID_LONGER.items():
        assert words.format(wanted) in agent.tram("verdicts", language=language).stdout
    assert year() == (1000, 1, True), "what it was told"
    assert told(half(1100, comment="once more")) == [[], []]
    assert told(half(900, time_period="2023-S2", reference_date="2023-12-14")) == [[], []]
    centre.tram("periods", "close", HALF["dataflow"], "2024-S2", "--provisional", "--reason", "báo cáo kỳ", *BY)
    both = told(half(1200, revises="yes", purpose="correction"))
    assert [[said.split(" (")[0] for said in of] for of in both] == [["2024: 1 → 2"], ["1 → 2"]]
    assert year() == (1000, 1, True)
    rehearsed = centre.tram("rules", "rehearse", ROOT / "deploy" / "catalogue", "--format", "json")
    assert json.loads(rehearsed.stdout)["reports_judged"] == 5  # and all as they were


def test_who_is_missing_is_named(centre, agent):
    state(agent, CLOSED)
    done = close(centre, check=False)
    assert done.returncode == 65 and "not final" in done.stderr
    rows = {row["indicator"]: row for row in json.loads(done.stderr[:done.stderr.rindex("]") + 1])}
    assert (rows["population"]["areas_reporting"], rows["population"]["areas_expected"]) == (1, 63)
    missing = rows["population"]["missing"].split()
    assert len(missing) == 62 and "63/01" in missing and "63/46" not in missing
    done = close(centre, check=False, format=False)
    assert "Hà Nội" in done.stderr or "Ha Noi" in done.stderr, done.stderr
    assert centre.json("periods", "list") == []


@pytest.mark.parametrize("role", ["tram_reader", "tram_admin"])
def test_only_the_operator_closes(centre, agent, role):
    state(agent, CLOSED)
    centre.write_settings(operator_database=centre.postgres.conninfo(centre.database, role))
    done = close(centre, "--provisional", check=False)
    assert done.returncode not in (0, 65), done.stderr
    assert centre.value("SELECT count(*) FROM tram.closing") == 0


def test_who_follows_the_feed_sees_each_closing_once(fleet):
    centre = fleet.centre(liveness="10min")  # what it hears sooner it was told
    agent = fleet.agent(centre).wait_for_codes()
    state(agent, CLOSED)
    for vintage in (1, 2):
        with Tail(centre, "--event", "period.closed") as tail:
            closing = close(centre, "--provisional")
            event = tail.until("period.closed")
        said = event | event.get("fields", {})
        assert {name: str(said[name]) for name in ("dataflow", "time_period", "vintage", "closed_by", "reason", "finality", "digest")} \
            == {"dataflow": PERIOD[0], "time_period": PERIOD[1], "vintage": str(vintage), "closed_by": BY[1],
                "reason": "báo cáo năm", "finality": "provisional", "digest": closing["digest"]}
        assert centre.value("SELECT count(*) FROM tram.announced WHERE event = 'period.closed'") == vintage
        assert centre.value("SELECT count(*) FROM tram.announce_closings()") == 0
        state(agent, CORRECTED + vintage, revises="yes", purpose="correction")


# ---------------------------------------------------------------- verify

def verify(centre, *words):
    done = centre.tram("verify", *words, "--format", "json", check=False)
    assert done.returncode in (0, 65), done.stderr
    return done.returncode, json.loads(done.stdout)


FIGURE = "indicator = 'population' AND level = 'province' AND boundary = '63' AND area = '63/46'"
TAMPERING = {
    "a figure": (f"UPDATE tram.closing_figure SET figure = jsonb_set(figure, '{{value}}', '7') WHERE {FIGURE}",
                 "closing", "province_statistics 2024 (1) population 63/46: "),
    "a figure with its digest": (
        f"UPDATE tram.closing_figure f SET figure = n.figure, digest = tram.closing_figure_digest((n.indicator, n.period, n.level,"
        f" n.boundary, n.area, n.closing_no, n.figure, NULL)::tram.closing_figure) FROM (SELECT indicator, period, level, boundary,"
        f" area, closing_no, jsonb_set(figure, '{{value}}', '7') AS figure FROM tram.closing_figure) n WHERE (n.indicator, n.level,"
        f" n.boundary, n.area) = (f.indicator, f.level, f.boundary, f.area) AND f.{FIGURE.replace(' AND ', ' AND f.')}",
        "closing", "province_statistics 2024 (1): "),
    "a figure taken out": (f"DELETE FROM tram.closing_figure WHERE {FIGURE}", "closing", "province_statistics 2024 (1): "),
    "the reason": ("UPDATE tram.closing SET reason = 'another'", "closing", "province_statistics 2024 (1): "),
    "the vintage": ("UPDATE tram.closing SET vintage = 2", "closing_order", "province_statistics 2024 (1): "),
}


def test_verify_names_what_was_changed(centre, closed):
    assert verify(centre)[0] == 0
    centre.daemon.stop()
    kept = centre.database
    for what, (change, kind, begins) in TAMPERING.items():
        centre.database = centre.postgres.make_database(kept)
        centre.write_settings(auditor_database=centre.postgres.conninfo(centre.database, "tram_auditor"))
        with centre.postgres.connect(centre.database) as db:
            assert db.execute(change).rowcount == 1, what
        status, found = verify(centre)
        first = found["first_break"]
        assert (status, first["break"]) == (65, kind), (what, found)
        assert first["found"].startswith(begins.replace("(1)", "(2)") if what == "the vintage" else begins), (what, first)
    centre.database = kept


def test_another_catalogue_is_no_fault(centre, closed, folder):
    catalogue = folder / "another" / "catalogue"
    shutil.copytree(ROOT / "deploy" / "catalogue", catalogue)
    shutil.copytree(ROOT / "deploy" / "registry", folder / "another" / "registry")
    with open(catalogue / "indicators.csv", encoding="utf-8", newline="") as f:
        rows = [row | {"gate_percent": "1" if row["code"] == "population" else row.get("gate_percent") or ""}
                for row in csv.DictReader(f)]
    with open(catalogue / "indicators.csv", "w", encoding="utf-8", newline="") as f:
        writer = csv.DictWriter(f, rows[0].keys(), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    assert verify(centre)[1]["remade"] == 0
    centre.tram("catalogue", "load", catalogue)
    status, found = verify(centre)
    assert (status, found["sound"], found["breaks"]) == (0, True, 0) and found["remade"] > 0
    assert "no fault" in centre.tram("verify").stdout and "không phải là lỗi" in centre.tram("verify", language="vi").stdout
    assert verify(centre, "--since", centre.value("SELECT clock_timestamp()").isoformat())[1]["remade"] == 0
