# SPDX-License-Identifier: Apache-2.0
"""
tram verify on a store that real agents filled: it is sound as it is, after a restore and a renewal too; and whatever is
changed in it, by whoever may write to the database, is named at its place.
"""

import datetime
import json
import os
import pathlib
import shutil
import subprocess
import tempfile

import pytest

from fleet import Fleet
from foreign import ForeignAgent, Keys, a_report, batch_bytes, chain_next, pb
from tramtest import BIN, POPULATION, ROOT, csv_text, wait_until

ROLES = {"database": "tram_writer", "reader_database": "tram_reader", "auditor_database": "tram_auditor",
         "admin_database": "tram_admin"}
KINDS = [{}, {"dim:SEX": "F"}, {"dim:SEX": "M"}]


def yearly(number):
    """Two figures of their own."""
    year = 2021 + number % 4
    more = {"justification_code": "campaign", "justification": "đợt cao điểm", "units_reporting": "8", "units_expected": "9",
            "report_justification_code": "merged", "report_justification": "sáp nhập đơn vị"} if number == 2 else {}
    land = {"indicator": "land_area", "unit": "km2"} if number < 4 else {"indicator": "grdp_per_capita", "unit": "million_VND"}
    return csv_text(POPULATION | {"value": str(1000 + number)} | KINDS[number // 4] | more,
                    POPULATION | {"value": f"{number}.50"} | land | more, time_period=str(year), reference_date=f"{year}-12-31")


def verify(centre, *words, status=None):
    done = centre.tram("verify", *words, "--format", "json", check=False)
    assert done.returncode in (0, 65), done.stdout + done.stderr
    found = json.loads(done.stdout)
    assert found["sound"] == (done.returncode == 0)
    assert status is None or done.returncode == status, json.dumps(found, indent=1)
    return found


def renew(agent):
    agent.daemon.stop()
    done = subprocess.run([str(BIN / "tram-agent"), "--renew", "-c", str(agent.conf)], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, env=dict(os.environ, TRAM_ALLOW_ROOT="yes", TRAM_LANG="en"))
    assert done.returncode == 0, done.stdout
    agent.start()


def foreign_reports(folder, centre):
    """An agent of another make, whose batches overlap, and one of whose reports is no report."""
    name = "agent-63-45"
    keys = Keys.make(name).write(folder / f"{name}.key")
    centre.tram("agents", "accept", folder / f"{name}.pub")
    agent = ForeignAgent(centre, keys, folder)
    stream, client = agent.stream, agent.client

    def add(value):
        """In thousands, for an area whose vintage the day says."""
        report = pb.Report.FromString(a_report(value, "45", "P63-45", revises=value > 1))
        report.observations[0].unit_mult = 3
        stream.append(report.SerializeToString())

    for value in (1, 2):
        add(value)
    client.go_until(lambda: stream.acknowledged == 2, "the first two")
    client.next_seq = 1  # the third comes with the two before it
    add(3)
    stream.append(b"\xff no report")
    add(4)
    client.go_until(lambda: stream.acknowledged == 5 and stream.cursor == 5, "the rest")
    add(5)
    client.go_until(lambda: stream.acknowledged == 6 and stream.cursor == 6, "one alone")
    agent.close()
    return keys


@pytest.fixture(scope="module")
def filled(postgres, template):
    """A store with everything in it, whose centre has ended: copied for each test that changes something."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="tram-", dir="/tmp"))
    folder.chmod(0o755)
    with Fleet(folder, postgres, template) as fleet:
        centre = fleet.centre()
        agent = fleet.agent(centre).wait_for_codes()
        tickets = []
        for number in range(4):
            tickets.append(agent.submit(yearly(number)).stdout.split()[0])
            agent.wait_for_verdicts()
        renew(agent)
        for number in range(4, 8):
            tickets.append(agent.submit(yearly(number)).stdout.split()[0])
        agent.wait_for_verdicts(4)
        centre.foreign_keys = foreign_reports(folder, centre)
        agent.daemon.stop()
        centre.daemon.stop()
        centre.tickets = tickets
        yield centre
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def copied(filled, postgres):
    """The same store in a database of its own; the settings follow."""
    before = filled.database
    database = filled.database = postgres.make_database(before)
    filled.write_settings(**{name: postgres.conninfo(database, role) for name, role in ROLES.items()})
    yield filled
    filled.database = before


def test_sound(filled):
    found = verify(filled, status=0)
    assert [(s["agent"], s["reports"], s["breaks"]) for s in found["streams"]] == [
        ("agent-63-46", 4, 0), ("agent-63-46", 4, 0), ("agent-63-45", 6, 0)]
    stored = filled.value("SELECT count(*) FROM tram.observation")
    assert sum(s["figures"] for s in found["streams"]) == stored > 10
    assert filled.value("SELECT count(*) FROM tram.batch WHERE first_seq < from_seq") == 1
    assert filled.value("SELECT count(*) FROM tram.poison") == 1
    for language, word in (("en", "SOUND"), ("vi", "NGUYÊN VẸN")):
        done = filled.tram("verify", language=language)
        assert word in done.stdout and "agent-63-45" in done.stdout
    assert [s["agent"] for s in verify(filled, "agent-63-45", status=0)["streams"]] == ["agent-63-45"]
    done = filled.tram("verify", "agent-63-99", check=False)
    assert done.returncode == 64 and "agent-63-99" in done.stderr


AGENT = "(SELECT agent_no FROM tram.agent WHERE agent = 'agent-63-46')"
OTHER = "(SELECT agent_no FROM tram.agent WHERE agent = 'agent-63-45')"
STREAM = f"(SELECT min(stream_no) FROM tram.stream WHERE agent_no = {AGENT})"
RENEWED = f"(SELECT max(stream_no) FROM tram.stream WHERE agent_no = {AGENT})"
THEIRS = f"(SELECT stream_no FROM tram.stream WHERE agent_no = {OTHER})"
REPORT = "({stream}::bigint << 40) + {seq}"


def number(seq, stream=STREAM):
    return REPORT.format(stream=stream, seq=seq)


def flip(column, at=0):
    return f"{column} = set_byte({column}, {at}, get_byte({column}, {at}) # 1)"


def batch(seq, stream=STREAM):
    return f"stream_no = {stream} AND from_seq = {seq}"


# What somebody did to the store, and what of it is named first: agent, seq, break.
CASES = {
    "a byte of a payload": (f"UPDATE tram.batch SET {flip('payload', 60)} WHERE {batch(2)}",
                            "agent-63-46", 2, {"report_bytes", "payload"}),
    "a payload cut": (f"UPDATE tram.batch SET payload = substr(payload, 1, 20) WHERE {batch(2)}",
                      "agent-63-46", 2, {"payload"}),
    "two payloads swapped": (
        f"UPDATE tram.batch b SET payload = o.payload FROM tram.batch o WHERE b.stream_no = {STREAM}"
        f" AND o.stream_no = {STREAM} AND b.from_seq IN (2, 3) AND o.from_seq = 5 - b.from_seq",
        "agent-63-46", 2, {"report_bytes"}),
    "two batches swapped": (
        f"UPDATE tram.batch SET from_seq = -from_seq WHERE stream_no = {STREAM} AND from_seq IN (2, 3);"
        f"UPDATE tram.batch SET from_seq = 5 + from_seq, first_seq = 5 + from_seq, last_seq = 5 + from_seq"
        f" WHERE stream_no = {STREAM} AND from_seq < 0", "agent-63-46", 2, {"signature"}),
    "a batch deleted": (f"DELETE FROM tram.batch WHERE {batch(2)}", "agent-63-46", 2, {"batch_missing"}),
    "the first batch deleted": (f"DELETE FROM tram.batch WHERE {batch(1)}", "agent-63-46", 1, {"batch_missing"}),
    "the last batch deleted": (f"DELETE FROM tram.batch WHERE {batch(4)}", "agent-63-46", 4, {"watermark"}),
    "a signature": (f"UPDATE tram.batch SET {flip('signature', 5)} WHERE {batch(3)}", "agent-63-46", 3, {"signature"}),
    "a signature cut": (f"UPDATE tram.batch SET signature = '' WHERE {batch(3)}", "agent-63-46", 3, {"batch_form"}),
    "a key id": (f"UPDATE tram.batch SET {flip('key_id')} WHERE {batch(3)}", "agent-63-46", 3, {"key_unknown"}),
    "a batch's chain": (f"UPDATE tram.batch SET {flip('chain', 9)} WHERE {batch(3)}", "agent-63-46", 3, {"chain"}),
    "a batch's prev_chain": (f"UPDATE tram.batch SET {flip('prev_chain')} WHERE {batch(3)}", "agent-63-46", 3,
                             {"prev_chain"}),
    "a batch's last_seq": (f"UPDATE tram.batch SET last_seq = 9 WHERE {batch(4)}", "agent-63-46", 4, {"payload"}),
    "a key off the roster": (f"DELETE FROM tram.agent_key WHERE agent_no = {AGENT}", "agent-63-46", 1, {"key_unknown"}),
    "an overlap's bytes": (f"UPDATE tram.batch SET {flip('payload', 40)} WHERE stream_no = {THEIRS} AND first_seq < from_seq",
                           "agent-63-45", 3, {"report_bytes"}),
    "a report deleted": (f"DELETE FROM tram.report WHERE report_no = {number(2)}", "agent-63-46", 2, {"report_missing"}),
    "a poison deleted": (f"DELETE FROM tram.poison WHERE report_no = {number(4, THEIRS)}", "agent-63-45", 4,
                         {"report_missing"}),
    "a report's digest": (f"UPDATE tram.report SET {flip('digest', 31)} WHERE report_no = {number(2)}", "agent-63-46", 2,
                          {"digest"}),
    "a poison's digest": (f"UPDATE tram.poison SET {flip('digest')} WHERE report_no = {number(4, THEIRS)}", "agent-63-45", 4,
                          {"digest"}),
    "a number of figures": (f"UPDATE tram.report SET observations = 5 WHERE report_no = {number(2)}", "agent-63-46", 2,
                            {"observations"}),
    "a report invented": (
        f"CREATE TEMP TABLE t AS SELECT * FROM tram.report WHERE report_no = {number(4)};"
        "UPDATE t SET report_no = report_no + 1; INSERT INTO tram.report SELECT * FROM t",
        "agent-63-46", 5, {"report_stray"}),
    "a report in both": (
        f"INSERT INTO tram.poison SELECT report_no, agent_no, received_at, known_at, digest, '' FROM tram.report"
        f" WHERE report_no = {number(3)}", "agent-63-46", 3, {"report_twice"}),
    "a value": (f"UPDATE tram.observation SET value = value + 1 WHERE report_no = {number(3)} AND line = 1",
                "agent-63-46", 3, {"figure"}),
    "a value with a multiplier": (f"UPDATE tram.observation SET value = 2 WHERE report_no = {number(2, THEIRS)}",
                                  "agent-63-45", 2, {"figure"}),
    "a figure's area": (f"UPDATE tram.observation SET area_no = (SELECT area_no FROM tram.area_number WHERE area = '63/48')"
                        f" WHERE report_no = {number(3)} AND line = 1", "agent-63-46", 3, {"figure"}),
    "a figure's indicator": (
        f"UPDATE tram.observation SET key = key + (1::bigint << 44) + 5 WHERE report_no = {number(3)} AND line = 1",
        "agent-63-46", 3, {"figure"}),
    "a figure's period": (f"UPDATE tram.observation SET key = key + (1::bigint << 20) WHERE report_no = {number(3)} AND line = 1",
                          "agent-63-46", 3, {"figure"}),
    "a figure withdrawn": (f"UPDATE tram.observation SET flags = flags | 1 WHERE report_no = {number(3)} AND line = 1",
                           "agent-63-46", 3, {"figure"}),
    "a figure for demonstration": (f"UPDATE tram.observation SET flags = flags | 2 WHERE report_no = {number(3)} AND line = 1",
                                   "agent-63-46", 3, {"figure"}),
    "a figure whose reason came": (f"UPDATE tram.observation SET flags = flags & ~8 WHERE report_no = {number(3)} AND line = 1",
                                   "agent-63-46", 3, {"figure"}),
    "a figure whose reason did not come": (f"UPDATE tram.observation SET flags = flags | 8 WHERE report_no = {number(2)} AND line = 1",
                                           "agent-63-46", 2, {"figure"}),
    "a figure missing": (f"UPDATE tram.observation SET missing_reason = 1 WHERE report_no = {number(3)} AND line = 1",
                         "agent-63-46", 3, {"figure"}),
    "a figure's qualifier": (f"UPDATE tram.observation SET qualifier = 2 WHERE report_no = {number(3)} AND line = 1",
                             "agent-63-46", 3, {"figure"}),
    "a figure's status": (f"UPDATE tram.observation SET obs_status = 'E' WHERE report_no = {number(3)} AND line = 1",
                          "agent-63-46", 3, {"figure"}),
    "a figure's rank": (f"UPDATE tram.observation SET rank_out_of = 34 WHERE report_no = {number(3)} AND line = 1",
                        "agent-63-46", 3, {"figure"}),
    "a figure's units": (
        f"UPDATE tram.observation_note n SET units_reporting = 9 FROM tram.observation o WHERE o.report_no = {number(3)}"
        f" AND o.line = 1 AND n.area_no = o.area_no AND n.key = o.key", "agent-63-46", 3, {"figure"}),
    "a figure's justification": (
        f"UPDATE tram.observation_note n SET justification = n.justification || repeat('ế', 99) FROM tram.observation o"
        f" WHERE o.report_no = {number(3)} AND o.line = 1 AND n.area_no = o.area_no AND n.key = o.key",
        "agent-63-46", 3, {"justification"}),
    "a figure's notes": (
        f"DELETE FROM tram.observation_note n USING tram.observation o WHERE o.report_no = {number(3)} AND o.line = 2"
        f" AND n.area_no = o.area_no AND n.key = o.key", "agent-63-46", 3, {"figure"}),
    "a report's justification": (f"UPDATE tram.report SET justification_code = 'verified' WHERE report_no = {number(3)}",
                                 "agent-63-46", 3, {"justification"}),
    "a figure deleted": (f"DELETE FROM tram.observation WHERE report_no = {number(2)} AND line = 1", "agent-63-46", 2,
                         {"figure_missing"}),
    "a figure invented": (
        f"CREATE TEMP TABLE t AS SELECT * FROM tram.observation WHERE report_no = {number(2)} AND line = 1;"
        "UPDATE t SET key = key + 1, line = 3; INSERT INTO tram.observation SELECT * FROM t",
        "agent-63-46", 2, {"figure_stray"}),
    "a figure of no report": (
        f"CREATE TEMP TABLE t AS SELECT * FROM tram.observation WHERE report_no = {number(4)} AND line = 1;"
        "UPDATE t SET key = key + 1, report_no = report_no + 5; INSERT INTO tram.observation SELECT * FROM t",
        "agent-63-46", 9, {"figure_stray"}),
    "a figure accepted": (f"UPDATE tram.observation SET outcome = 3 WHERE report_no = {number(2)} AND line = 1",
                          "agent-63-46", 2, {"figure_stray"}),
    "a verdict deleted": (f"DELETE FROM tram.verdict WHERE report_no = {number(2)}", "agent-63-46", 2, {"verdict_missing"}),
    "an outcome": (f"UPDATE tram.verdict SET outcomes = set_byte(outcomes, 0, 4) WHERE report_no = {number(2)}",
                   "agent-63-46", 2, {"figure_stray"}),
    "outcomes cut": (f"UPDATE tram.verdict SET outcomes = '' WHERE report_no = {number(2)}", "agent-63-46", 2, {"outcomes"}),
    "a verdict of no report": (
        f"UPDATE tram.verdict SET report_no = report_no + 9 WHERE report_no = {number(4)}", "agent-63-46", 4,
        {"verdict_missing"}),
    "a verdict's number": (f"UPDATE tram.verdict SET verdict_seq = 100 WHERE report_no = {number(2)}", "agent-63-46", 0,
                           {"verdict_numbers"}),
    "an agent's verdict_seq": (f"UPDATE tram.agent SET verdict_seq = 3 WHERE agent_no = {OTHER}", "agent-63-45", 0,
                               {"verdict_numbers"}),
    "a watermark ahead": (f"UPDATE tram.stream SET seq = 6 WHERE stream_no = {STREAM}", "agent-63-46", 6, {"watermark"}),
    "a watermark behind": (f"UPDATE tram.stream SET seq = 3 WHERE stream_no = {STREAM}", "agent-63-46", 3,
                           {"watermark_chain"}),
    "a watermark's chain": (f"UPDATE tram.stream SET {flip('chain')} WHERE stream_no = {RENEWED}", "agent-63-46", 4,
                            {"watermark_chain"}),
    "a stream's first chain": (f"UPDATE tram.stream SET {flip('first_chain')} WHERE stream_no = {STREAM}", "agent-63-46", 0,
                               {"first_chain"}),
    "the chain of the outbox before": (f"UPDATE tram.stream SET {flip('previous_chain')} WHERE stream_no = {RENEWED}",
                                       "agent-63-46", 0, {"first_chain"}),
    "an epoch": (f"UPDATE tram.stream SET epoch = repeat('0', 32) WHERE stream_no = {THEIRS}", "agent-63-45", 0,
                 {"first_chain"}),
    "a stream deleted": (f"DELETE FROM tram.stream WHERE stream_no = {RENEWED}", "", None, {"figure_stray", "verdict_stray",
                                                                                        "stray"}),
}


@pytest.mark.parametrize("what", CASES)
def test_what_was_changed_is_named(copied, what):
    statements, agent, seq, breaks = CASES[what]
    with copied.postgres.connect(copied.database) as db:
        db.execute(statements)
    found = verify(copied, status=65)
    first = found["first_break"]
    assert (first["agent"], first["break"] in breaks) == (agent, True), json.dumps(found, indent=1)
    assert seq is None or first["seq"] == seq, json.dumps(found, indent=1)
    assert first["found"] and first["expected"] and first["remedy"] and found["breaks"] < 8, json.dumps(found, indent=1)
    text = copied.tram("verify", check=False).stdout
    assert "NOT SOUND" in text and first["what"] in text and first["found"] in text
    # The other agent's streams are as they were.
    if agent:
        other = "agent-63-45" if agent == "agent-63-46" else "agent-63-46"
        verify(copied, other, status=0)


def test_what_was_stored_before_marks_of_reasons_gets_them(copied):
    """As a store that is upgraded: no figure has the mark, and it is put where a reason came, and nowhere else."""
    with copied.postgres.connect(copied.database) as db:
        before = db.execute("SELECT report_no, line, flags FROM tram.observation ORDER BY 1, 2").fetchall()
        assert len({flags & 8 for _, _, flags in before}) == 2
        db.execute("UPDATE tram.observation SET flags = flags & ~8")
        for step in ("0013_reason_came.sql", "0015_reason_came_to_all.sql"):
            db.execute((ROOT / "aggregator" / "store" / "sql" / "tables" / step).read_text(encoding="utf-8"))
        assert db.execute("SELECT report_no, line, flags FROM tram.observation ORDER BY 1, 2").fetchall() == before
    verify(copied, status=0)


def test_a_batch_that_was_signed_in_another_past(copied):
    """The agent's key, a sound batch, and yet not what followed: as when an outbox was copied and both copies went on."""
    epoch = bytes.fromhex(copied.value(f"SELECT epoch FROM tram.stream WHERE stream_no = {THEIRS}"))
    report = a_report(77, "45", "P63-45")
    prev, chain = bytes(32), chain_next(bytes(32), report)
    payload = pb.Batch(entries=[pb.Entry(report=report)]).SerializeToString()
    signature = copied.foreign_keys.sign(batch_bytes("agent-63-45", epoch, 6, 6, prev, chain))
    with copied.postgres.connect(copied.database) as db:
        db.execute(f"UPDATE tram.batch SET prev_chain = %s, chain = %s, signature = %s, payload = %s"
                   f" WHERE stream_no = {THEIRS} AND from_seq = 6", (prev, chain, signature, payload))
    first = verify(copied, status=65)["first_break"]
    assert (first["agent"], first["seq"], first["break"], first["found"]) == ("agent-63-45", 6, "batch_order", prev.hex())


def test_keys_that_were_replaced_or_revoked(copied):
    """Their signatures of before hold for ever."""
    copied.tram("agents", "revoke", "agent-63-46", "--reason", "lost")
    verify(copied, status=0)


def test_since(copied):
    """What was received before is left out, whatever became of it."""
    with copied.postgres.connect(copied.database) as db:
        moment = db.execute(f"SELECT received_at FROM tram.batch WHERE {batch(3)}").fetchone()[0]
        db.execute(f"UPDATE tram.batch SET {flip('signature')} WHERE {batch(2)}")
        db.execute(f"DELETE FROM tram.report WHERE report_no = {number(1)}")
    since = moment.astimezone(datetime.timezone.utc).isoformat(timespec="microseconds").replace("+00:00", "Z")
    found = verify(copied, "agent-63-46", "--since", since, status=0)
    assert [s["reports"] for s in found["streams"]] == [2, 4]
    assert verify(copied, "agent-63-46", status=65)["first_break"]["seq"] == 1
    with copied.postgres.connect(copied.database) as db:
        db.execute(f"UPDATE tram.batch SET {flip('signature')} WHERE {batch(4)}")
    assert verify(copied, "agent-63-46", "--since", since, status=65)["first_break"]["seq"] == 4
    with copied.postgres.connect(copied.database) as db:
        now = db.execute("SELECT greatest(clock_timestamp(), max(received_at) + interval '1 millisecond') FROM tram.batch").fetchone()[0].isoformat()
    assert [s["reports"] for s in verify(copied, "--since", now, status=0)["streams"]] == [0, 0, 0]


def test_while_reports_come_in(fleet):
    """What is committed during the walk is no break."""
    centre = fleet.centre()
    agent = fleet.agent(centre).wait_for_codes()
    for number_ in range(8):
        agent.submit(yearly(number_))
        verify(centre, status=0)
    agent.wait_for_verdicts(8)
    assert verify(centre, status=0)["streams"][0]["reports"] == 8


def test_restored_and_renewed(fleet, postgres):
    """A database put back to before, filled up again, and a new outbox: the store is sound, and both outboxes' tickets prove."""
    centre = fleet.centre()
    agent = fleet.agent(centre).wait_for_codes()
    tickets = [agent.submit(yearly(0)).stdout.split()[0]]
    agent.wait_for_verdicts()
    centre.daemon.stop()
    backup = postgres.make_database(centre.database)
    centre.start()
    tickets += [agent.submit(yearly(n)).stdout.split()[0] for n in (1, 2)]
    agent.wait_for_verdicts(3)
    before = agent.folder / "before.txt"
    agent.tram("receipt", tickets[2], "--out", before)
    centre.daemon.stop()
    centre.database = backup
    centre.write_settings(**{name: postgres.conninfo(backup, role) for name, role in ROLES.items()})
    assert verify(centre, status=0)["streams"][0]["reports"] == 1
    centre.start()
    wait_until(lambda: centre.value("SELECT seq FROM tram.stream") == 3, "the refill")
    verify(centre, status=0)
    renew(agent)
    tickets += [agent.submit(yearly(n)).stdout.split()[0] for n in (3, 4)]
    agent.wait_for_verdicts(2)
    found = verify(centre, status=0)
    assert sorted(s["reports"] for s in found["streams"]) == [2, 3]
    keys = ["--key", centre.key.with_suffix(".pub"), "--key", agent.key.with_suffix(".pub")]
    epochs = set()
    for ticket in tickets:
        for words in (("receipt", ticket), ("outbox", "export", "--proof", ticket)):
            path = agent.folder / "proof.txt"
            agent.tram(*words, "--out", path)
            epochs.add(json.loads(agent.tram("verify", "--proof", path, *keys, "--format", "json").stdout)["epoch"])
        assert "judged" in agent.tram("trace", ticket).stdout
    assert len(epochs) == 2
    # What was acknowledged before the restore stays proven.
    agent.tram("verify", "--proof", before, *keys)
