# SPDX-License-Identifier: Apache-2.0
"""
PostgreSQL fails: its connections, its processes, its disk, its locks, the way to it. Most of it happens while the centre
stands still at a named moment, so that it is known what the failure met.
"""

import contextlib
import signal
import subprocess
import threading
import time

import psycopg

from cells import Cell
from proxy import DOWN, UP, query
from tramtest import wait_until
from world import NotFired

MOMENTS = {"centre-batch-opened": 8, "centre-before-begin": 8, "centre-watermarks-moved": 8, "centre-table-written": 16,
           "centre-before-commit": 8, "centre-commit-sent": 8, "centre-committed": 8, "centre-answered": 8}
GREETING = "centre-before-watermark"
OUTAGES_S = (0, 0.2, 0.6)
OURS = "datname = current_database() AND pid <> pg_backend_pid() AND application_name LIKE 'tram%'"


def sql(w, statement, *values, database=None):
    """As superuser, in the cell's database; the rows, if there are any."""
    with w.postgres.connect(database or w.database) as db:
        cursor = db.execute(statement, values or None)
        return cursor.fetchall() if cursor.description else None


# ---------------------------------------------------------------- what PostgreSQL can do; each returns how to repair it

def nothing_to_repair():
    pass


def terminate(w):
    ended = [pid for pid, done in sql(w, f"SELECT pid, pg_terminate_backend(pid, 2000) FROM pg_stat_activity WHERE {OURS}") if done]
    if not ended:
        raise NotFired("there was no connection to end")
    w.fired(f"{len(ended)} connections ended")
    return nothing_to_repair


def restart_with(number):
    """The whole server, by a signal to its first process."""
    def fault(w):
        daemon = w.postgres.daemon
        daemon.send(number)
        daemon.wait()
        w.fired(f"PostgreSQL ended by {signal.Signals(number).name}")
        return w.bench.repair
    return fault


def kill_backend(w):
    """kill -9 of one backend: PostgreSQL then ends all of them and recovers by itself."""
    pid, = sql(w, f"SELECT pid FROM pg_stat_activity WHERE {OURS} AND application_name LIKE 'tram lane%' ORDER BY pid LIMIT 1")[0]
    subprocess.run(["kill", "-KILL", str(pid)], check=True)

    def recovered():
        try:
            return sql(w, "SELECT pid FROM pg_stat_activity WHERE pid = %s", pid) == []
        except psycopg.Error:
            return False
    wait_until(recovered, "PostgreSQL to recover")
    w.fired(f"backend {pid} killed")
    return nothing_to_repair


def read_only(w):
    """As a primary that was made a standby says it."""
    configure(w, "default_transaction_read_only = on")
    if sql(w, "SHOW default_transaction_read_only") != [("on",)]:
        raise NotFired("transactions are not read-only")
    w.fired("every transaction is read-only")
    return lambda: configure(w, "default_transaction_read_only")


def configure(w, setting):
    """name = value for the whole server at once; a name alone puts it back."""
    with w.postgres.connect() as db:
        db.execute("SET default_transaction_read_only = off")
        name, _, value = (part.strip() for part in setting.partition("="))
        db.execute(f"ALTER SYSTEM SET {name} = '{value}'" if value else f"ALTER SYSTEM RESET {name}")
        db.execute("SELECT pg_reload_conf()")

    def taken_up():
        shown = sql(w, f"SHOW {name}", database="postgres")[0][0]
        return shown == value if value else sql(w, "SELECT 1 FROM pg_settings WHERE name = %s AND source = 'configuration file' AND sourcefile LIKE '%%auto.conf'", name) == []
    wait_until(taken_up, f"{setting} to be taken up")


def no_connections(w):
    sql(w, "ALTER ROLE tram_writer CONNECTION LIMIT 0")
    terminate(w)
    try:
        psycopg.connect(w.postgres.conninfo(w.database, "tram_writer")).close()
    except psycopg.OperationalError as error:
        w.fired(f"new ones get: {str(error).strip().rsplit('FATAL:', 1)[-1].strip()}")
        return lambda: sql(w, "ALTER ROLE tram_writer CONNECTION LIMIT -1")
    raise NotFired("connections are still to be had")


def frozen(w):
    """The backends stand still and hold what they hold, as on a disk that does not answer."""
    pids = [str(pid) for pid, in sql(w, f"SELECT pid FROM pg_stat_activity WHERE {OURS}")]
    subprocess.run(["kill", "-STOP", *pids], check=True)
    w.fired(f"{len(pids)} backends stand still")
    return lambda: subprocess.run(["kill", "-CONT", *pids], check=False)


FAULTS = {
    "terminate": terminate,
    "immediate-stop": restart_with(signal.SIGQUIT),
    "fast-restart": restart_with(signal.SIGINT),
    "read-only": read_only,
    "no-connections": no_connections,
}


# ---------------------------------------------------------------- at a moment

def at_moment(w, moment, fault, outages=OUTAGES_S):
    """The centre stands still there; PostgreSQL fails; the centre goes on and meets it; PostgreSQL is repaired."""
    centre = w.make_centre(fault=f"{moment}:{w.draw('hit', range(1, MOMENTS.get(moment, 1) + 1))}:stop")
    w.make_agent()
    w.make_agent()
    w.start()
    w.begin(centre)
    if moment == GREETING:
        w.agents[0].daemon.kill()
        w.agents[0].start()
    w.await_stopped(centre)
    broken(w, centre, fault, outages)


def broken(w, centre, fault, outages):
    repair = fault(w)
    w.undo.append(repair)
    try:
        w.resume(centre)
        time.sleep(w.draw("outage_s", outages))
    finally:
        w.undo.remove(repair)
        repair()
    w.await_flow(3)
    assert centre.daemon.running(), "the centre ended"


def meanwhile(w, fault, outages=(0.3,)):
    """At no moment of ours: reports flow, and it happens."""
    centre = w.make_centre()
    w.make_agent()
    w.make_agent()
    w.start()
    broken(w, centre, fault, outages)


def restarted_again_and_again(w, number):
    centre = w.make_centre()
    w.make_agent()
    w.make_agent()
    w.start()
    for _ in range(4):
        time.sleep(w.rng.uniform(0.02, 0.2))
        broken(w, centre, restart_with(number), (0, 0.1))


def absent_at_start(w):
    """PostgreSQL is not there yet when the centre starts: hand-ins are taken all the same."""
    w.make_centre()
    agent = w.make_agent()
    repair = restart_with(signal.SIGQUIT)(w)
    w.undo.append(repair)
    w.start_centre(w.centres[0], wait=False)
    agent.start()
    load = w.load(agent)
    w.watch.start()
    wait_until(lambda: load.handed_in > 5, "hand-ins")
    time.sleep(w.draw("absent_s", (0.2, 0.8)))
    repair()
    w.await_flow()


# ---------------------------------------------------------------- COMMIT, and nobody knows

def first_commit_answer(frame):
    return frame.kind == "C" and frame.body.startswith(b"COMMIT\0")


# How a COMMIT is lost: which way, what, what is done with it and how much of it still passes.
LOSSES = {
    "request-lost": (UP, query("COMMIT"), "reset", 0),
    "request-cut": (UP, query("COMMIT"), "reset", 3),
    "answer-lost": (DOWN, first_commit_answer, "reset", 0),
    "answer-cut": (DOWN, first_commit_answer, "reset", 5),
    "sent-then-cut": (UP, query("COMMIT"), "reset_near", None),
    "sent-then-silence": (UP, query("COMMIT"), "black_hole", None),
}


def commit_lost(w, how, times=1):
    direction, match, do, keep = LOSSES[how]
    centre = w.make_centre(wire=True)
    w.make_agent()
    w.make_agent()
    w.start()
    trigger = centre.wire.on(direction, match, do, keep=keep, times=times)
    trigger.wait()
    if do == "black_hole":
        time.sleep(w.draw("silence_s", (0.3, 1.5)))
        centre.wire.act("reset")
    wait_until(lambda: trigger.fired == times, "every loss")
    w.fired(f"{times} times COMMIT: {how}")
    w.await_flow(3)


def slow_way(w, delay_s):
    centre = w.make_centre(wire=True)
    w.make_agent()
    w.start()
    centre.wire.set(DOWN, delay_s=delay_s)
    w.fired(f"every answer of PostgreSQL comes {delay_s} s late")
    w.await_flow(2)
    centre.wire.mend()


def cut_way(w):
    """The way to PostgreSQL is cut, and nobody answers there for a while."""
    centre = w.make_centre(wire=True)
    w.make_agent()
    w.make_agent()
    w.start()
    centre.wire.cut()
    w.fired(f"the way to PostgreSQL was cut after {centre.wire.accepted} connections")
    time.sleep(w.draw("outage_s", (0.1, 0.5)))
    centre.wire.mend()
    w.await_flow(3)


# ---------------------------------------------------------------- what PostgreSQL answers, by SQLSTATE

RAISE = """
CREATE SEQUENCE public.strikes;
GRANT USAGE ON SEQUENCE public.strikes TO tram_writer;
CREATE FUNCTION public.strike() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF {condition} THEN
    IF nextval('public.strikes') <= {times} THEN
      RAISE EXCEPTION 'struck on purpose' USING ERRCODE = '{state}';
    END IF;
  END IF;
  RETURN NEW;
END $$;
"""
FOR_EVER = 1 << 40
ON_INSERT = "CREATE TRIGGER strike BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION public.strike()"
ON_COMMIT = ("CREATE CONSTRAINT TRIGGER strike AFTER INSERT ON {table} DEFERRABLE INITIALLY DEFERRED"
             " FOR EACH ROW EXECUTE FUNCTION public.strike()")


def arm_strikes(w, state, table, when, times, condition="true"):
    """The next inserts into the table, or the COMMIT behind them, fail with that SQLSTATE; it counts beyond rollbacks."""
    sql(w, RAISE.format(state=state, times=times, condition=condition))
    sql(w, (ON_COMMIT if when == "commit" else ON_INSERT).format(table=table))


def disarm_strikes(w):
    """Without a lock on the table: it is being written."""
    sql(w, f"SELECT setval('public.strikes', {FOR_EVER})")


def strikes(w):
    n, called = sql(w, "SELECT last_value, is_called FROM public.strikes")[0]
    return n if called else 0


def answered(w, state, when):
    """PostgreSQL says so a few times, and then works again: nothing is lost, and no report is blamed for it."""
    times = w.draw("times", (1, 2, 3))
    w.make_centre()
    w.make_agent()
    w.make_agent()
    w.start()
    arm_strikes(w, state, w.draw("table", ("tram.report", "tram.batch", "tram.verdict")), when, times)
    wait_until(lambda: strikes(w) >= times, "PostgreSQL to say it")
    w.fired(f"{state} {times} times at {when}")
    w.await_flow(3)
    blamed = sql(w, "SELECT count(*) FROM tram.poison")[0][0]
    assert blamed == 0, f"{blamed} reports were called poison for what they are not to blame for"


def poison(w, state, when):
    """Some reports cannot be stored, however often: they alone are quarantined, and the stream goes on."""
    w.make_centre()
    w.make_agent()
    w.make_agent()
    w.start()
    column = "NEW.comment LIKE '%7'"
    arm_strikes(w, state, "tram.report", when, FOR_EVER, column)
    wait_until(lambda: sql(w, "SELECT count(*) FROM tram.poison")[0][0] >= 3, "poison")
    w.fired(f"{state} for some reports at {when}, {strikes(w)} times")
    w.await_flow(3)
    wrong = sql(w, "SELECT count(*) FROM tram.report WHERE comment LIKE '%7' AND xmin::text::bigint > (SELECT min(xmin::text::bigint) FROM tram.poison)")
    assert wrong == [(0,)], "what could not be stored is stored"
    disarm_strikes(w)  # or recovery took the longer, the more came in while each was looked for


# ---------------------------------------------------------------- locks

def held_lock(w, statement, seconds):
    """Somebody holds a lock that commits need."""
    w.make_centre()
    w.make_agent()
    w.make_agent()
    w.start()
    with psycopg.connect(w.postgres.conninfo(w.database)) as db:
        db.execute(statement)
        wait_until(lambda: blocked(w), "the centre to wait for the lock")
        time.sleep(seconds)
        w.fired(f"{len(blocked(w))} connections waited for: {statement}")
    w.await_flow(3)


def blocked(w):
    return sql(w, f"SELECT pid FROM pg_stat_activity WHERE {OURS} AND wait_event_type = 'Lock'")


def deadlock(w):
    """The centre holds the watermarks and wants the table; somebody holds the table and wants the watermarks."""
    configure(w, "deadlock_timeout = 100ms")
    w.undo.append(lambda: configure(w, "deadlock_timeout"))
    centre = w.make_centre(fault=f"centre-watermarks-moved:{w.draw('hit', range(1, 6))}:stop", lanes="1")
    w.make_agent()
    w.start()
    w.begin(centre)
    w.await_stopped(centre)
    before = sql(w, "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")[0][0]
    with psycopg.connect(w.postgres.conninfo(w.database)) as db:
        db.execute("SET deadlock_timeout = '1min'")
        db.execute("LOCK TABLE tram.batch IN SHARE MODE")
        want = threading.Thread(target=lambda: db.execute("SELECT 1 FROM tram.stream FOR UPDATE"))
        want.start()
        wait_until(lambda: sql(w, "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%%FOR UPDATE'"), "the other one to wait")
        w.resume(centre)
        want.join()
    wait_until(lambda: sql(w, "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")[0][0] > before, "PostgreSQL to count it")
    w.fired("a deadlock, and the centre was its victim")
    w.await_flow(3)


def cancelled(w):
    """A person cancels what the centre runs."""
    w.make_centre()
    w.make_agent()
    w.make_agent()
    w.start()
    with psycopg.connect(w.postgres.conninfo(w.database)) as db:
        db.execute("LOCK TABLE tram.report IN SHARE MODE")
        wait_until(lambda: blocked(w), "the centre to wait")
        n = len(sql(w, f"SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE {OURS} AND wait_event_type = 'Lock'"))
    w.fired(f"{n} statements cancelled")
    w.await_flow(3)


# ---------------------------------------------------------------- settings, rights, schema, disk

def slipped_in(w, change, back, proof, outages=(0.5,)):
    """Somebody changed what the centre depends on; it notices with its next connection, and says so."""
    def fault(world):
        sql(world, change)
        world.fired(proof)
        terminate(world)
        return lambda: sql(world, back)
    meanwhile(w, fault, outages)
    assert "store.lost" in w.centres[0].daemon.log(), "the centre did not say why it stood still"


def without_rights(w):
    def fault(world):
        sql(world, "REVOKE INSERT ON tram.report FROM tram_writer")
        wait_until(lambda: "permission denied" in world.centres[0].daemon.log(), "the centre to meet it")
        world.fired("no INSERT on tram.report")
        return lambda: sql(world, "GRANT INSERT ON tram.report TO tram_writer")
    meanwhile(w, fault)


def without_fsync(w):
    """A server that does not sync: the centre must give no acknowledgement on it."""
    def stored(world):
        return [world.stored(agent.name) for agent in world.agents]

    def tries(world):
        return world.postgres.daemon.log().count("application_name=tram lane")

    def fault(world):
        for setting in ("log_connections", "fsync"):
            world.undo.append(lambda setting=setting: configure(world, setting))
        configure(world, "log_connections = on")
        configure(world, "fsync = off")
        old = sql(world, f"SELECT pid FROM pg_stat_activity WHERE {OURS}")
        terminate(world)
        wait_until(lambda: not set(old) & set(sql(world, f"SELECT pid FROM pg_stat_activity WHERE {OURS}")), "the end of them")
        wait_until(lambda: "fsync=off" in world.centres[0].daemon.log(), "the centre to refuse the server")
        world.fired("fsync=off is refused")
        before, tried = stored(world), tries(world)
        wait_until(lambda: tries(world) >= tried + 2, "the centre to try again")
        assert stored(world) == before, "it committed on a server that does not sync"
        return lambda: configure(world, "fsync")
    meanwhile(w, fault)


def asynchronous(w):
    """synchronous_commit=off was slipped in, and PostgreSQL crashes: what was acknowledged must be there."""
    def fault(world):
        sql(world, "ALTER ROLE tram_writer SET synchronous_commit = off")
        terminate(world)
        world.undo.append(lambda: sql(world, "ALTER ROLE tram_writer RESET synchronous_commit"))
        world.await_flow(3)
        return restart_with(signal.SIGQUIT)(world)
    meanwhile(w, fault)


def frozen_meanwhile(w):
    meanwhile(w, frozen, (0.5, 2))


def disk_full(w, moment):
    """The database lies on a file system of its own, and that is full to the last page."""
    ballast = w.small_disk(32 << 20)

    def fault(world):
        fill(ballast)
        world.resume(world.centres[0])
        wait_until(lambda: "No space left" in world.centres[0].daemon.log(), "the disk to be full")
        world.fired("the database's disk is full")
        return lambda: ballast.unlink(missing_ok=True)
    at_moment(w, moment, fault, (0.2, 1))


def fill(ballast):
    with open(ballast, "wb", buffering=0) as f, contextlib.suppress(OSError):
        while True:
            f.write(bytes(4096))


# ---------------------------------------------------------------- the table

# Those after which the same is tried again, on the same connection or a new one; nobody's report is to blame.
TRANSIENT = ("40001", "40P01", "55P03", "53100", "53200", "53400", "57014", "58030", "XX000", "08006", "25006", "57P01")
POISONOUS = ("22021", "23514", "54000")


def cells():
    quick = {"postgres-terminate-centre-before-commit", "postgres-immediate-stop-centre-commit-sent", "postgres-commit-answer-lost",
             "postgres-commit-request-lost"}
    for name, fault in FAULTS.items():
        for moment in (GREETING, *MOMENTS):
            cell = f"postgres-{name}-{moment}"
            yield Cell(cell, at_moment, {"moment": moment, "fault": fault}, quick=cell in quick)
    for how in LOSSES:
        for times in (1, 3) if how != "sent-then-silence" else (1,):
            cell = f"postgres-commit-{how}" + (f"-{times}-times" if times > 1 else "")
            yield Cell(cell, commit_lost, {"how": how, "times": times}, quick=cell in quick)
    yield Cell("postgres-slow-way", slow_way, {"delay_s": 0.15})
    yield Cell("postgres-cut-way", cut_way)
    for state in TRANSIENT:
        for when in ("insert", "commit"):
            yield Cell(f"postgres-answers-{state}-at-{when}", answered, {"state": state, "when": when}, quick=state == "40001" and when == "commit")
    for state in POISONOUS:
        for when in ("insert", "commit"):
            yield Cell(f"postgres-poison-{state}-at-{when}", poison, {"state": state, "when": when})
    yield Cell("postgres-lock-on-watermarks", held_lock, {"statement": "SELECT 1 FROM tram.stream FOR UPDATE", "seconds": 0.7})
    yield Cell("postgres-lock-on-agents", held_lock, {"statement": "SELECT 1 FROM tram.agent FOR UPDATE", "seconds": 0.7})
    yield Cell("postgres-lock-on-table", held_lock, {"statement": "LOCK TABLE tram.observation IN SHARE MODE", "seconds": 0.7})
    yield Cell("postgres-lock-timeout", held_lock, {"statement": "SELECT 1 FROM tram.stream FOR UPDATE", "seconds": 10.5})
    yield Cell("postgres-deadlock", deadlock)
    yield Cell("postgres-cancelled", cancelled)
    yield Cell("postgres-backend-killed", meanwhile, {"fault": kill_backend})
    yield Cell("postgres-backends-frozen", frozen_meanwhile)
    yield Cell("postgres-absent-at-start", absent_at_start)
    yield Cell("postgres-crashes-again-and-again", restarted_again_and_again, {"number": signal.SIGQUIT})
    yield Cell("postgres-restarts-again-and-again", restarted_again_and_again, {"number": signal.SIGINT})
    yield Cell("postgres-schema-newer", slipped_in, {
        "change": "INSERT INTO tram.schema_migration (version, name, digest) VALUES (9999, 'of tomorrow', '\\x00')",
        "back": "DELETE FROM tram.schema_migration WHERE version = 9999", "proof": "the schema is newer than the programs"})
    yield Cell("postgres-schema-changed", slipped_in, {
        "change": "UPDATE tram.schema_migration SET digest = '\\x00' || digest WHERE version = 1",
        "back": "UPDATE tram.schema_migration SET digest = substr(digest, 2) WHERE version = 1", "proof": "a migration is another one"})
    yield Cell("postgres-login-refused", slipped_in, {"change": "ALTER ROLE tram_writer NOLOGIN", "back": "ALTER ROLE tram_writer LOGIN",
                                                      "proof": "tram_writer may not log in"})
    yield Cell("postgres-rights-gone", without_rights)
    yield Cell("postgres-fsync-off", without_fsync)
    yield Cell("postgres-asynchronous-commit-slipped-in", asynchronous)
    for moment in ("centre-before-begin", "centre-watermarks-moved", "centre-table-written"):
        yield Cell(f"postgres-disk-full-{moment}", disk_full, {"moment": moment})


CELLS = list(cells())
