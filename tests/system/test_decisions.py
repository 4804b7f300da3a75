# SPDX-License-Identifier: Apache-2.0
"""A figure is held; a person at the centre decides; the province hears by whom and why, at once."""

import psycopg
import pytest

from test_roundtrip import Tail
from tramtest import POPULATION, csv_text, wait_until

HELD = POPULATION | {"value": "999999"}  # nines alone: SACH-06 asks for a reason
BY = ("--by", "Nguyễn Văn An")


@pytest.fixture
def centre(fleet):
    """So seldom does it look by itself that what it hears at once it was told."""
    return fleet.centre(refresh="10min")


@pytest.fixture
def held(agent, centre):
    """The id of the one figure that is held."""
    agent.submit(csv_text(HELD))
    (verdict,) = agent.wait_for_verdicts(1)
    assert verdict["held"] == 1, verdict
    (row,) = centre.json("quarantine", "list")
    return row["id"]


def heard(agent, count):
    return wait_until(lambda: len(rows := agent.verdicts()) >= count and rows[-1], "the verdict of the decision")


def current(centre):
    return centre.sql("SELECT value::text FROM tram.observation_current")


def test_a_release_is_heard_at_once(agent, centre, held):
    assert current(centre) == []
    done = centre.tram("quarantine", "release", held, "--reason", "đã đối chiếu với sổ gốc", *BY)
    assert "1 figure released" in done.stdout
    verdict = heard(agent, 2)
    assert (verdict["cause"], verdict["decided_by"], verdict["reason"]) == ("released", BY[1], "đã đối chiếu với sổ gốc")
    assert (verdict["accepted"], verdict["held"]) == (1, 0)
    assert verdict["words"]["sach"] == "warn"
    shown = agent.tram("verdicts", language="vi").stdout
    assert BY[1] in shown and "đã đối chiếu với sổ gốc" in shown
    assert current(centre) == [("999999",)]
    assert centre.json("quarantine", "list") == []
    assert centre.sql("SELECT decision, decided_by, decided_as, verdict_seq FROM tram.decision") \
        == [("released", BY[1], "tram_operator", 2)]


def test_refused_figures_can_be_handed_in_again(agent, centre, held):
    centre.tram("quarantine", "refuse", held, "--reason", "số giữ chỗ", *BY)
    verdict = heard(agent, 2)
    assert (verdict["cause"], verdict["refused"], verdict["words"]["sach"]) == ("refused", 1, "fail")
    agent.submit(csv_text(HELD))
    again = agent.wait_for_verdicts(2)[-1]
    assert (again["held"], again["duplicate"]) == (1, 0)
    agent.submit(csv_text(POPULATION, revises="yes", purpose="correction"))
    assert agent.wait_for_verdicts(3)[-1]["held"] == 0
    assert current(centre) == [("1178600",)]


def test_what_was_decided_is_decided(agent, centre, held):
    centre.tram("quarantine", "release", held, "--reason", "đúng", *BY)
    done = centre.tram("quarantine", "refuse", held, "--reason", "sai", "--by", "Trần Thị Bình", check=False)
    assert done.returncode == 65
    assert "released by Nguyễn Văn An" in done.stderr and "đúng" in done.stderr
    assert centre.value("SELECT count(*) FROM tram.decision") == 1
    heard(agent, 2)


@pytest.mark.parametrize("words, status, said", [
    (("release", "0123456789", "--reason", "x"), 65, "quarantine list"),
    (("release", "{id}", "0123456789", "--reason", "x"), 65, "0123456789"),
    (("release", "{id}"), 64, "--reason"),
    (("release", "{id}", "--reason", "  "), 64, "--reason"),
    (("release", "{id}", "--reason", "x", "--by", " "), 64, "--by"),
    (("release", "--reason", "x"), 64, "--rule"),
    (("release", "{id}", "--rule", "SACH-06", "--reason", "x"), 64, "either"),
    (("release", "--rule", "DUNG-07", "--reason", "x"), 65, "nothing"),
    (("refuse", "--provider", "P63-01", "--reason", "x"), 65, "nothing"),
])
def test_what_cannot_be_decided(centre, held, words, status, said):
    done = centre.tram("quarantine", *(word.format(id=held) for word in words), check=False)
    assert (done.returncode, said in done.stderr) == (status, True), done.stderr
    assert centre.value("SELECT count(*) FROM tram.decision") == 0
    assert centre.value("SELECT count(*) FROM tram.verdict") == 1


def test_a_rules_figures_are_looked_at_first(agent, centre, held):
    filters = ("--rule", "SACH-06", "--provider", "P63-46")
    assert [row["id"] for row in centre.json("quarantine", "release", "--dry-run", *filters)] == [held]
    assert centre.value("SELECT count(*) FROM tram.decision") == 0
    assert [row["id"] for row in centre.json("quarantine", "release", *filters, "--reason", "đúng")] == [held]
    assert heard(agent, 2)["cause"] == "released"


def test_an_agent_that_was_away_hears_it_later(agent, centre, held):
    agent.daemon.stop()
    centre.tram("quarantine", "release", held, "--reason", "đúng", *BY)
    agent.start()
    assert heard(agent, 2)["decided_by"] == BY[1]


def test_a_notice_that_is_lost_is_made_good(agent, centre, held):
    """The decision stands in the store, and nobody was told of it: the aggregator looks by itself."""
    centre.daemon.stop()
    centre.write_settings(refresh="5s")
    centre.start()
    with centre.postgres.connect(centre.database) as db:
        end = ("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'tram roster'"
               " AND datname = current_database()")
        wait_until(lambda: db.execute(end).fetchall(), "the connection that hears notices")
    centre.tram("quarantine", "release", held, "--reason", "đúng", *BY)
    assert wait_until(lambda: agent.verdicts()[-1]["cause"] == "released", "the verdict")


def test_the_store_is_sound_after_decisions(agent, centre, held):
    centre.tram("quarantine", "refuse", held, "--reason", "sai", *BY)
    heard(agent, 2)
    assert centre.tram("verify").returncode == 0


def test_a_justification_is_shown_with_its_figure(agent, centre):
    justified = HELD | {"justification_code": "other", "justification": "đã kiểm tra với sổ hộ khẩu tại chỗ"}
    agent.submit(csv_text(justified))
    (verdict,) = agent.wait_for_verdicts(1)
    assert (verdict["warned"], verdict["held"]) == (1, 0), verdict
    rows = centre.json("rollup", "population", "--period", "2024", "--level", "province")
    shown = {row["area"]: (row["justification_code"], row["justification"]) for row in rows}
    assert shown["63/46"] == ("other", justified["justification"])
    assert set(map(tuple, shown.values())) == {shown["63/46"], (None, None)}
    assert justified["justification"] in centre.tram("rollup", "--level", "province", "--format", "csv").stdout
    assert "justification" not in centre.json("rollup", "population", "--period", "2024")[0]
    assert centre.sql("SELECT justification_code, justification FROM tram.observation_current") == [shown["63/46"]]


@pytest.mark.parametrize("statement", [
    "UPDATE tram.agent SET state = 'revoked'", "UPDATE tram.decision SET reason = 'x'", "DELETE FROM tram.decision",
    "UPDATE tram.verdict SET words = 'PPPP'", "UPDATE tram.observation SET outcome = 1",
    "INSERT INTO tram.observation SELECT * FROM tram.observation", "INSERT INTO tram.catalogue (version, digest) VALUES (9, '')",
    "UPDATE tram.stream SET seq = 0", "SELECT payload FROM tram.batch",
])
def test_the_operators_role_can_do_nothing_else(centre, statement):
    with psycopg.connect(centre.postgres.conninfo(centre.database, "tram_operator"), autocommit=True) as db:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            db.execute(statement)


def test_an_administrator_decides_nothing(centre):
    with psycopg.connect(centre.postgres.conninfo(centre.database, "tram_admin"), autocommit=True) as db:
        for rows in ("decision (area_no, key, decision, decided_by, reason) SELECT 1, 1, 'released', '', ''",
                     "verdict SELECT * FROM tram.verdict"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                db.execute(f"INSERT INTO tram.{rows}")


def test_who_was_connected_cannot_be_made_up(centre, held):
    with centre.postgres.connect(centre.database) as db:
        db.execute("SET ROLE tram_operator")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            db.execute("INSERT INTO tram.decision (area_no, key, decision, decided_by, reason, decided_as)"
                       " SELECT area_no, key, 'released', 'An', 'x', 'somebody' FROM tram.held")
    assert centre.value("SELECT count(*) FROM tram.decision") == 0


def test_what_is_missing_holds_no_figure(agent, centre):
    """Nobody who looks for what is missing releases figures that are held for something else."""
    accounts = HELD | {"indicator": "psp_registered_accounts", "unit": "account"}
    agent.submit(csv_text(accounts, purpose="regular", dataflow="public_services_province", time_period="2024-S1",
                          reference_date="2024-06-14"))
    agent.wait_for_verdicts(1)
    assert centre.sql("SELECT rule FROM tram.report_finding WHERE line = 0 AND severity = 'J'") == [("DU-02",)]
    (row,) = centre.json("quarantine", "list")
    assert row["rules"] == "SACH-06"
    assert centre.json("quarantine", "list", "--rule", "DU-02") == []


def test_who_follows_the_feed_sees_the_decision_once(fleet):
    centre = fleet.centre(liveness="1s")
    agent = fleet.agent(centre).wait_for_codes()
    with Tail(centre, "--event", "observation.decided") as tail:
        agent.submit(csv_text(HELD))
        agent.wait_for_verdicts(1)
        (row,) = centre.json("quarantine", "list")
        centre.tram("quarantine", "release", row["id"], "--reason", "đã đối chiếu với sổ gốc", *BY)
        event = tail.until("observation.decided")
    assert {"id": row["id"], "decision": "released", "indicator": "population", "time_period": "2024", "decided_by": BY[1],
            "reason": "đã đối chiếu với sổ gốc"}.items() <= (event | event.get("fields", {})).items()
    assert centre.value("SELECT count(*) FROM tram.announced WHERE event = 'observation.decided'") == 1
    assert centre.value("SELECT count(*) FROM tram.announce_decisions()") == 0


@pytest.mark.parametrize("words, said", [(("--rule", "SACH-6"), "did you mean SACH-06?"), (("--provider", "63/98"), "P63-")])
def test_what_is_not_in_the_catalogue_is_not_decided_on(centre, words, said):
    done = centre.tram("quarantine", "release", *words, "--reason", "xem lại", "--by", "An", check=False)
    assert done.returncode == 65 and said in done.stderr
