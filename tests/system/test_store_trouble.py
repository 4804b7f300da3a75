# SPDX-License-Identifier: Apache-2.0
"""PostgreSQL that is away, refuses, or hangs: the intake stops, the aggregator does not, and nothing of it spins."""

import os
import signal
import time

import pytest

from tramtest import POPULATION, csv_text, wait_until

SPIN = 0.05  # of a core; what is less is no spinning


def cpu_s(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as f:
        fields = f.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory_mib(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("VmRSS:")) / 1024


def state(centre):
    return {name: str(value) for name, value in centre.json("status", "--centre", centre.conf).items()}


def report(number):
    year = 2021 + number % 4
    return csv_text(POPULATION | {"value": str(1000000 + number)}, time_period=str(year), reference_date=f"{year}-12-31",
                    **({"purpose": "correction", "reason": "Đính chính"} if number >= 4 else {}))


def at_commit(centre, code):
    """Every COMMIT of verdicts fails with the code until mend()."""
    with centre.postgres.connect(centre.database) as db:
        db.execute(f"CREATE FUNCTION tram.trouble() RETURNS trigger LANGUAGE plpgsql AS "
                   f"$$ BEGIN RAISE EXCEPTION 'trouble' USING ERRCODE = '{code}'; END $$")
        db.execute("CREATE CONSTRAINT TRIGGER trouble AFTER INSERT ON tram.verdict DEFERRABLE INITIALLY DEFERRED "
                   "FOR EACH ROW EXECUTE FUNCTION tram.trouble()")


def no_trouble_at_commit(centre):
    with centre.postgres.connect(centre.database) as db:
        db.execute("DROP FUNCTION tram.trouble CASCADE")


def setting(centre, text):
    with centre.postgres.connect() as db:
        db.execute(text)
        db.execute("SELECT pg_reload_conf()")


def end_writers(centre):
    with centre.postgres.connect() as db:
        db.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'tram_writer'")


def stopped(centre):
    centre.postgres.stop()


def refusing(centre):
    setting(centre, "ALTER ROLE tram_writer NOLOGIN")
    end_writers(centre)


def read_only(centre):
    setting(centre, "ALTER SYSTEM SET default_transaction_read_only = on")
    end_writers(centre)


def writable_again(centre):
    with centre.postgres.connect() as db:
        db.execute("SET default_transaction_read_only = off")
        db.execute("ALTER SYSTEM RESET default_transaction_read_only")
        db.execute("SELECT pg_reload_conf()")


TROUBLES = {
    "stopped": (stopped, lambda centre: centre.postgres.start(), "away"),
    "refusing": (refusing, lambda centre: setting(centre, "ALTER ROLE tram_writer LOGIN"), "broken"),
    "read-only": (read_only, writable_again, "away"),
    "serialization failure at COMMIT": (lambda centre: at_commit(centre, "40001"), no_trouble_at_commit, "away"),
    "lost connection at COMMIT": (lambda centre: at_commit(centre, "08006"), no_trouble_at_commit, "away"),
    "disk full at COMMIT": (lambda centre: at_commit(centre, "53100"), no_trouble_at_commit, "stalled"),
    "no right at COMMIT": (lambda centre: at_commit(centre, "42501"), no_trouble_at_commit, "broken"),
}


@pytest.mark.parametrize("trouble", TROUBLES)
def test_nothing_spins_and_status_says_why(own_fleet, trouble):
    begin, end, expected = TROUBLES[trouble]
    centre = own_fleet.centre(lanes=1)
    agent = own_fleet.agent(centre)
    agent.submit(report(0))
    agent.wait_for_verdicts(1)
    begin(centre)
    agent.submit(report(1))
    wait_until(lambda: state(centre)["lane_0_store"] == expected, f"the lane to say {expected}")
    assert state(centre)["lane_0_store_text"]
    before, begun = cpu_s(centre.daemon.process.pid), time.monotonic()
    time.sleep(4)
    used = (cpu_s(centre.daemon.process.pid) - before) / (time.monotonic() - begun)
    assert used < SPIN, f"{used:.1%} of a core while PostgreSQL is {trouble}"
    assert state(centre)["lane_0_store"] == expected
    end(centre)
    agent.wait_for_verdicts(2)
    wait_until(lambda: state(centre)["lane_0_store"] == "up", "the lane to say that it is up")
    assert centre.value("SELECT count(*) FROM tram.report") == 2


def backends(centre):
    """The server's processes that serve the aggregator's lanes."""
    return [row[0] for row in centre.sql("SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'tram lane%%'")]


def test_a_hung_postgresql_stops_the_intake_only(own_fleet):
    """SIGSTOP: connections stay, nothing is answered. Who asks the aggregator is answered, and agents keep what they have."""
    centre = own_fleet.centre(lanes=1, heartbeat="1s", database_patience="10min")
    agent = own_fleet.agent(centre)
    agent.submit(report(0))
    agent.wait_for_verdicts(1)
    memory = memory_mib(centre.daemon.process.pid)
    hung = wait_until(lambda: backends(centre), "the lane's connection")
    for pid in hung:
        os.kill(pid, signal.SIGSTOP)
    try:
        for number in range(1, 21):
            assert "agent-63-46/" in agent.submit(report(number)).stdout
        deadline, answered = time.monotonic() + 5, 0
        while time.monotonic() < deadline or answered < 5:  # longer than a silence
            assert state(centre)["agents_connected"] == "1"
            assert agent.json("status")["state"] == "streaming"
            answered += 1
            time.sleep(0.2)
        assert centre.value("SELECT count(*) FROM tram.report") == 1
        assert memory_mib(centre.daemon.process.pid) < memory + 64
    finally:
        for pid in hung:
            os.kill(pid, signal.SIGCONT)
    assert len(agent.wait_for_verdicts(21)) == 21
    assert centre.value("SELECT count(*) FROM tram.report") == 21
    assert centre.sql("SELECT seq FROM tram.stream") == [(21,)]
    assert state(centre)["sessions_opened"] == "1"


def test_the_feed_goes_on_while_postgresql_hangs(own_fleet):
    """What does not need the store is told meanwhile: another agent comes and goes."""
    centre = own_fleet.centre(lanes=1, heartbeat="200ms")
    agent = own_fleet.agent(centre)
    agent.submit(report(0))
    agent.wait_for_verdicts(1)
    hung = wait_until(lambda: backends(centre), "the lane's connection")
    for pid in hung:
        os.kill(pid, signal.SIGSTOP)
    try:
        agent.submit(report(1))
        position = int(state(centre)["feed_position"])
        agent.daemon.kill()
        wait_until(lambda: state(centre)["agents_connected"] == "0", "the agent's silence")
        wait_until(lambda: int(state(centre)["feed_position"]) > position, "the word that an agent is silent")
    finally:
        for pid in hung:
            os.kill(pid, signal.SIGCONT)
    agent.start()
    agent.wait_for_verdicts(2)
    assert centre.value("SELECT count(*) FROM tram.report") == 2
