# SPDX-License-Identifier: Apache-2.0
"""tram todo at a province, on the whole way: what it owes comes and goes as it reports, and is nobody else's."""

import datetime as dt

import pytest

from tramtest import POPULATION, csv_text, wait_until

HELD = POPULATION | {"value": "999999"}  # nines alone: SACH-06 asks for a reason
REFUSED = POPULATION | {"value": "11786005", "unit_mult": "-1"}  # half a person


YEAR = "2024"  # when Hue and its neighbour were areas to the last day


@pytest.fixture
def owing(fleet):
    """A centre where the figures of the year were due yesterday, and its agent of Hue."""
    centre = fleet.centre()
    day = centre.value("SELECT tram.local_day(now())") - dt.timedelta(days=1)
    centre.sql("UPDATE tram.due_rule SET month = %s, day = %s WHERE frequency = 'A' RETURNING 1",
               day.year * 12 + day.month - (int(YEAR) * 12 + 12), day.day)
    return centre, fleet.agent(centre).wait_for_codes()


def todo(agent, kind, dataflow="province_statistics"):
    rows = agent.json("todo")
    assert {row["provider"] for row in rows} <= {"P63-46"}
    return [row for row in rows if row["kind"] == kind and row["dataflow"] == dataflow]


def report(agent, *figures, **more):
    known = len(agent.verdicts())
    agent.submit(csv_text(*figures, **more))
    wait_until(lambda: len(agent.verdicts()) > known, "its verdict")


def test_what_is_owed_comes_and_goes(owing):
    _, agent = owing
    (late,) = [row for row in todo(agent, "late") if row["time_period"] == YEAR]
    assert "population" in late["indicators"].split() and late["days_left"] == -1
    assert late["missing"] == len(late["indicators"].split())
    assert todo(agent, "refused") == todo(agent, "held") == []

    report(agent, REFUSED)
    (refused,) = todo(agent, "refused")
    assert refused["indicator"] == "population" and refused["rule"] and refused["days_left"] > 0

    report(agent, HELD)
    (held,) = todo(agent, "held")
    assert (held["indicator"], held["rule"]) == ("population", "SACH-06")
    assert todo(agent, "refused") == []

    report(agent, POPULATION, revises="yes", purpose="correction")
    assert todo(agent, "held") == todo(agent, "refused") == []
    (late,) = [row for row in todo(agent, "late") if row["time_period"] == YEAR]
    assert "population" not in late["indicators"].split()


def test_what_the_centre_refused_is_to_be_mended(owing):
    centre, agent = owing
    report(agent, HELD)
    (held,) = centre.json("quarantine", "list")
    centre.tram("quarantine", "refuse", held["id"], "--reason", "không có căn cứ", "--by", "An")
    (refused,) = todo(agent, "refused")
    assert (refused["indicator"], refused["rule"], refused["days_left"]) == ("population", "SACH-06", 10)
    assert todo(agent, "held") == []
    report(agent, POPULATION, revises="yes", purpose="correction")
    assert todo(agent, "refused") == []


def test_a_report_that_was_refused_as_a_whole_is_one_line(owing):
    _, agent = owing
    report(agent, POPULATION, prepared_by="test")  # nobody: SACH-06
    (refused,) = todo(agent, "refused")
    assert refused["indicator"] is None and refused["rule"] and refused["time_period"] == YEAR
    assert "the whole report" in agent.tram("todo", language="en").stdout
    report(agent, POPULATION)
    assert todo(agent, "refused") == []


@pytest.mark.parametrize("working, days", [(0, 10), (1, 14)])
def test_days_are_those_of_corrections(owing, working, days):
    """Ten working days after a Monday is a Monday again: 14 days."""
    centre, agent = owing
    monday = ("least((date_trunc('week', tram.local_day(clock_timestamp())::timestamp) + interval '9 hours')"
              " AT TIME ZONE 'Asia/Ho_Chi_Minh', clock_timestamp())")
    centre.sql("UPDATE tram.parameter SET value = %s WHERE parameter = 'SONG-06.working_days' RETURNING 1", working)
    report(agent, REFUSED)
    centre.sql(f"UPDATE tram.report SET known_at = {monday} RETURNING 1")
    (refused,) = todo(agent, "refused")
    by, = centre.sql("SELECT mend_by, tram.local_day(told_at) FROM tram.correction")
    assert refused["by"] == str(by[0]) and (by[0] - by[1]).days == days


def test_it_is_the_centres_list_in_both_languages(owing):
    centre, agent = owing
    assert agent.json("todo") == centre.json("todo", "--provider", "P63-46")
    assert {row["provider"] for row in centre.json("todo", "--provider", "63/48")} == {"P63-48"}
    for language, word in (("vi", "trễ hạn"), ("en", "late")):
        shown = agent.tram("todo", language=language).stdout
        assert word in shown and shown == centre.tram("todo", "--provider", "46", language=language).stdout


def test_another_provinces_agent_sees_its_own(owing, fleet):
    centre, _ = owing
    other = fleet.agent(centre, "agent-63-48").wait_for_codes()
    assert {row["provider"] for row in other.json("todo")} == {"P63-48"}


def test_without_a_centre_it_is_to_be_tried_again(owing):
    centre, agent = owing
    centre.daemon.stop()
    done = agent.tram("todo", check=False)
    assert done.returncode == 75 and "could not be asked" in done.stderr
    centre.start()
    wait_until(lambda: agent.tram("todo", check=False).returncode == 0, "the centre to be back")
