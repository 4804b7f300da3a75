# SPDX-License-Identifier: Apache-2.0
"""What is held or refused has days in which it is to be answered; what passes them is told once, step by step."""

import datetime as dt
import json
import shutil

import pytest

from tramtest import POPULATION, REPORT, ROOT, csv_text, wait_until

HELD = POPULATION | {"value": "999999"}   # nines alone: SACH-06 asks for a reason
REFUSED = POPULATION | {"value": "-1"}    # DUNG-04


def told_days_ago(centre, days):
    """As if all of it had been so long ago."""
    for table, column in (("observation", "known_at"), ("report", "known_at"), ("decision", "decided_at")):
        centre.sql(f"UPDATE tram.{table} SET {column} = clock_timestamp() - make_interval(days => %s) RETURNING 1", days)


def corrections(centre, columns="kind, stage, days_left"):
    return centre.sql(f"SELECT {columns} FROM tram.correction ORDER BY told_at, kind")


@pytest.fixture
def one(agent, centre, request):
    agent.submit(csv_text(request.param))
    agent.wait_for_verdicts(1)


@pytest.mark.parametrize("one, kind, rule", [(HELD, "held", "SACH-06"), (REFUSED, "refused", "DUNG-04")], indirect=["one"])
def test_the_stages_of_a_figure_that_nobody_answers(agent, centre, one, kind, rule):
    ((rules, area, indicator, period),) = corrections(centre, "rules, area, indicator, time_period")
    assert rule in rules.split() and (area, indicator, period) == ("63/46", "population", "2024")
    for days, stage, left in ((0, "open", 5), (5, "open", 0), (6, "open", 4), (10, "open", 0), (11, "late", 4),
                              (15, "late", 0), (16, "escalated", -1)):
        told_days_ago(centre, days)
        assert corrections(centre) == [(kind, stage, left)], days


@pytest.mark.parametrize("one", [HELD], indirect=True)
def test_the_days_to_give_the_cause_are_a_parameter(agent, centre, one):
    for days, ago, left in ((7, 7, 0), (7, 8, 2), (3, 3, 0), (3, 4, 6)):  # after them, those until it is to be mended
        centre.sql("UPDATE tram.parameter SET value = %s WHERE parameter = 'SONG-06.cause_days' RETURNING 1", days)
        told_days_ago(centre, ago)
        assert corrections(centre) == [("held", "open", left)], (days, ago)


def lenient(folder):
    """The catalogue, in which a reason that is none does not refuse a figure: it stays held."""
    copy = folder / "lenient"
    copy.mkdir()
    for name in ("catalogue", "registry"):
        shutil.copytree(ROOT / "deploy" / name, copy / name)
    path = copy / "catalogue" / "rules.csv"
    text = path.read_text(encoding="utf-8")
    assert "\nDU-08,du,B," in text
    path.write_text(text.replace("\nDU-08,du,B,", "\nDU-08,du,J,"), encoding="utf-8")
    return copy / "catalogue"


OWN, NONE = {"justification_code": "no_such_code", "justification": "đúng theo sổ"}, {"justification": ""}
OF_REPORT = {"report_justification_code": "no_such_code", "report_justification": "đúng theo sổ"}


@pytest.mark.parametrize("reason, of_report, days", [(NONE, {}, 10), (OWN, {}, 15), ({"justification_code": "no_such_code"}, {}, 15),
                                                     (NONE, OF_REPORT, 15), ({"justification": " "}, {}, 10)],
                         ids=["none", "own", "a_code_alone", "of_the_report", "blank"])
def test_what_is_held_with_a_reason_is_disputed(fleet, tmp_path, reason, of_report, days):
    """Days to mend it: what the store says of it, and what the rule finds of what mends it, are the same."""
    centre = fleet.centre()
    centre.tram("catalogue", "load", lenient(tmp_path))
    centre.daemon.stop()
    centre.start()
    agent = fleet.agent(centre).wait_for_codes()
    agent.submit(csv_text(HELD | reason, base=REPORT | of_report))
    assert agent.wait_for_verdicts(1)[0]["held"] == 1
    mended = agent.file(csv_text(POPULATION, revises="yes", purpose="correction"), "mended.csv")
    for ago in (10, 11, 15, 16):
        told_days_ago(centre, ago)
        done = agent.tram("check", mended, "--format", "json", check=False)
        found = {f["rule"] for f in json.loads(done.stdout)["verdicts"][0]["findings"]}
        ((is_late,),) = centre.sql("SELECT c.mend_by < tram.local_day(clock_timestamp()) FROM tram.correction c")
        assert is_late == (ago > days) and ("SONG-06" in found) == is_late, ago


@pytest.mark.parametrize("one", [HELD, REFUSED], indirect=True)
def test_a_later_figure_is_an_answer(agent, centre, one):
    told_days_ago(centre, 8)
    agent.submit(csv_text(POPULATION, revises="yes", purpose="correction"))
    assert agent.wait_for_verdicts(2)[-1]["refused"] == 0
    assert corrections(centre, "stage, answer, deadline") == [("answered", "revision", None)]


@pytest.mark.parametrize("one", [HELD], indirect=True)
def test_a_decision_is_an_answer_and_a_refusal_asks_anew(agent, centre, one):
    (row,) = centre.json("quarantine", "list")
    centre.tram("quarantine", "refuse", row["id"], "--reason", "sai", "--by", "An")
    assert corrections(centre, "kind, stage, answer") == [("held", "answered", "refused"), ("refused", "open", None)]


def test_working_days(centre):
    friday = dt.date(2026, 11, 20)
    days = [centre.value("SELECT tram.days_after(%s, %s, true)", friday, n) for n in (0, 1, 5, 6, 10, 15)]
    assert days == [friday] + [dt.date(2026, *d) for d in ((11, 23), (11, 27), (11, 30), (12, 4), (12, 11))]
    assert centre.value("SELECT tram.days_after(%s, 5, false)", friday) == dt.date(2026, 11, 25)
    saturday = dt.date(2026, 11, 21)
    assert centre.value("SELECT tram.days_after(%s, 1, true)", saturday) == dt.date(2026, 11, 23)


@pytest.mark.parametrize("days, said", [(5, []), (6, ["due"]), (11, ["due", "late"]), (16, ["due", "late", "escalated"])])
def test_each_step_is_announced_once(fleet, days, said):
    centre = fleet.centre(liveness="200ms")
    agent = fleet.agent(centre)
    agent.submit(csv_text(HELD))
    agent.wait_for_verdicts(1)
    told_days_ago(centre, days)
    announced = "SELECT event, told_at FROM tram.announced WHERE event ~ '^correction' ORDER BY 1"
    clock = "SELECT coalesce(max(told_at), '-infinity')::text FROM tram.liveness"

    def look_again():
        """It looks when it starts, before its clock is told for the second time."""
        centre.daemon.stop()
        centre.start()
        for _ in range(2):
            told = centre.value(clock)
            wait_until(lambda told=told: centre.value(clock) != told, "the clock")
        return centre.sql(announced)

    first = look_again()
    assert {event for event, _ in first} == {f"correction.{step}" for step in said}
    assert look_again() == first
    log = centre.daemon.log()
    for step in ("due", "late", "escalated"):
        lines = [line for line in log.splitlines() if f"ev=correction.{step} " in line]
        assert len(lines) == (step in said), step
        assert all("agent=agent-63-46" in line and "indicator=population" in line and "SACH-06" in line for line in lines)
