# SPDX-License-Identifier: Apache-2.0
"""Both clocks as the daemons keep them, what they announce, and the board, on the whole way."""

import datetime as dt

from test_roundtrip import Tail
from tramtest import POPULATION, csv_text, wait_until


def liveness(centre):
    return dict(centre.sql("SELECT agent, connected FROM tram.agent_liveness WHERE heard_at IS NOT NULL"))


def missing_after(centre, seconds):
    centre.sql("UPDATE tram.parameter SET value = %s WHERE parameter = 'SONG-03.silent_seconds' RETURNING 1", seconds)


def announced(centre, event):
    return [row[0] for row in centre.sql("SELECT subject FROM tram.announced WHERE event = %s", event)]


def test_an_agent_is_heard_then_missing_and_that_is_said_once(fleet):
    centre = fleet.centre(liveness="200ms", heartbeat="200ms")
    with Tail(centre) as tail:
        agent = fleet.agent(centre)
        tail.until("agent.connected")
        wait_until(lambda: liveness(centre).get("agent-63-46"), "the agent's heartbeat in the store")
        first = centre.value("SELECT heard_at FROM tram.liveness")
        wait_until(lambda: centre.value("SELECT heard_at FROM tram.liveness") > first, "another heartbeat")
        assert centre.value("SELECT software FROM tram.agent_liveness WHERE connected") != ""
        row = next(r for r in centre.json("board") if r["area"] == "63/46")
        assert row["agent_state"] == "alive" and row["heard_at"]
        agent.daemon.kill()
        wait_until(lambda: liveness(centre) == {"agent-63-46": False}, "the end of its session")  # no later heartbeat comes to the store
        missing_after(centre, 2)
        event = tail.until("agent.missing")
    assert event["agent"] == "agent-63-46" and event["area"] == "63/46"
    assert centre.value("SELECT agent_state FROM tram.agent_liveness WHERE area = '63/46'") == "silent"
    said = "SELECT told_at FROM tram.announced WHERE event = 'agent.missing' AND subject = 'agent-63-46'"
    (kept,) = centre.sql(said)
    centre.daemon.stop()
    centre.start()
    fleet.agent(centre, "agent-63-48")
    again = centre.value("SELECT clock_timestamp() + interval '3 seconds'")
    wait_until(lambda: centre.value("SELECT max(told_at) > %s FROM tram.liveness", again), "a look at who is still missing")
    assert centre.sql(said) == [kept]
    missing_after(centre, 900)
    agent.start()
    wait_until(lambda: liveness(centre).get("agent-63-46"), "the agent to be back")
    assert centre.sql(said) == [kept]


def test_data_are_late_the_day_after_they_were_due(fleet):
    centre = fleet.centre(start=False, liveness="200ms")
    today = centre.value("SELECT tram.local_day(now())")
    year = today.year - 1

    def due_on(day):
        centre.sql("UPDATE tram.due_rule SET month = %s, day = %s WHERE frequency = 'A' RETURNING 1",
                   day.year * 12 + day.month - (year * 12 + 12), day.day)

    centre.sql("UPDATE tram.area SET valid_to = NULL WHERE area IN ('63/46', '63/48') RETURNING 1")
    centre.sql("UPDATE tram.catalogue SET loaded_at = '2020-01-01' RETURNING 1")
    centre.sql("DELETE FROM tram.due_rule WHERE frequency <> 'A' RETURNING 1")  # nothing else is late, whatever day it is
    due_on(today)
    centre.start()
    with Tail(centre) as tail:
        fleet.agent(centre)
        wait_until(lambda: liveness(centre).get("agent-63-46"), "the clock to have been asked")
        assert announced(centre, "data.late") == []  # the due day itself is in time
        due_on(today - dt.timedelta(days=1))
        event = tail.until("data.late")
    assert event["fields"]["time_period"] == str(year)
    assert event["fields"]["due_day"] == str(today - dt.timedelta(days=1))
    late = announced(centre, "data.late")
    assert {f"P63-46 province_statistics {year}", f"P63-48 province_statistics {year}"} <= set(late)
    assert not any(subject.startswith("P63-01 ") for subject in late)  # a province that is no more owes nothing
    centre.daemon.stop()
    centre.start()
    heard = centre.value("SELECT max(told_at) FROM tram.liveness")
    wait_until(lambda: centre.value("SELECT max(told_at) FROM tram.liveness") > heard, "the clock to be asked again")
    assert announced(centre, "data.late") == late


def test_the_days_scores_are_kept_by_the_aggregator(fleet):
    centre = fleet.centre(liveness="0")
    agent = fleet.agent(centre)
    agent.submit(csv_text(POPULATION))
    agent.wait_for_verdicts(1)
    assert centre.value("SELECT count(*) FROM tram.score_history") == 0
    centre.daemon.stop()
    centre.write_settings(liveness="200ms")
    centre.start()
    wait_until(lambda: centre.value("SELECT count(*) FROM tram.score_history"), "the day's scores")
    assert centre.value("SELECT count(DISTINCT day) FROM tram.score_history") == 1
    rows = centre.json("board", "--on", "2025-12-31", "--province", "P63-46")
    assert [row["area"] for row in rows] == ["VN", "63/46"]
    assert "Huế" in centre.tram("board", language="vi").stdout
