# SPDX-License-Identifier: Apache-2.0
"""
What people do to a running system: shut agents out and let them in, replace keys, copy and restore and lose outboxes, load
catalogues, reload, upgrade, restore the database from a backup or move it. What they did not mean to lose is not lost.
"""

import contextlib
import dataclasses
import os
import shutil
import signal
import threading
import time

from cells import Cell
from class_process import renew
from roadbook import Keys
from stranger import beside_undisturbed
from tramtest import BIN, ROOT, Daemon, run, wait_until
from world import NotFired

REASON = ("--reason", "thử")


def two(w, **centre):
    """A centre and two agents under load; the first two of them."""
    centre = w.make_centre(**centre)
    victim = w.make_agent()
    w.make_agent()
    w.start()
    return centre, victim


def everything_settled(w, agent):
    """Nothing is handed in any more, and all of it is acknowledged and judged."""
    w.loads[agent.name].stop()
    wait_until(lambda: (s := w.ask(agent)) and s["pending"] == "0" and w.all_judged(agent, s), f"{agent.name} to be settled")


# ---------------------------------------------------------------- shut out, and let in

def give_up(w, agent):
    """What the centre has not of this agent will never come: the ledger says so, report by report."""
    w.loads[agent.name].stop()
    agent.daemon.stop()
    w.agents.remove(agent)
    with w.postgres.connect(w.database) as db:
        marks = {epoch[:8]: seq for epoch, seq in db.execute("SELECT epoch, seq FROM tram.stream WHERE agent = %s", (agent.name,))}
    for entry in [e for e in w.facts.ledger if e.agent == agent.name and e.state == "accepted"]:
        there = max(0, min(len(entry.reports), marks.get(entry.epoch, 0) - entry.first_seq + 1))
        if there < len(entry.reports):
            w.facts.ledger.append(dataclasses.replace(entry, reports=entry.reports[there:], state="shut out"))
            entry.reports = entry.reports[:there]


def revoked(w):
    """In the middle of its load: nothing of it is committed after the revocation is, and the agent says so."""
    centre, victim = two(w)
    time.sleep(w.rng.uniform(0, 0.3))
    centre.tram("agents", "revoke", victim.name, *REASON)
    mark = w.ask(victim)
    wait_until(lambda: w.ask(victim)["cause"] == "revoked", "the agent to hear of it")
    w.fired(f"revoked after {mark['committed']} of {mark['handed_in']} reports; the agent says: {w.ask(victim)['remedy']}")
    give_up(w, victim)
    w.await_flow()
    beside_undisturbed(w)


def revoked_at(w, moment):
    """While a transaction with its reports is at that moment: one of the two is first, and the other heeds it."""
    centre = w.make_centre(fault=f"{moment}:{w.draw('hit', range(2, 8))}:stop", lanes=1)
    victim = w.make_agent()
    w.make_agent()
    w.start(load=False)
    w.load(victim)
    w.begin(centre)
    w.await_stopped(centre)
    told = []
    telling = threading.Thread(target=lambda: told.append(centre.tram("agents", "revoke", victim.name, *REASON, check=False)))
    telling.start()
    with w.postgres.connect(w.database) as db:
        locked_out = "SELECT count(*) > 0 FROM pg_locks WHERE NOT granted"  # by the centre, which stands still
        wait_until(lambda: not telling.is_alive() or db.execute(locked_out).fetchone()[0], "the revocation to be told, or to wait")
    waited = telling.is_alive()
    w.resume(centre)
    telling.join()
    assert told and told[0].returncode == 0, told and told[0].stderr
    wait_until(lambda: w.ask(victim)["cause"] == "revoked", "the agent to hear of it")
    w.fired(f"the revocation {'waited' if waited else 'did not wait'} for the transaction")
    give_up(w, victim)
    w.load(w.agents[0])
    w.await_flow()


def suspended(w):
    centre, victim = two(w)
    for _ in range(3):
        centre.tram("agents", "suspend", victim.name, *REASON)
        wait_until(lambda: w.ask(victim)["state"] != "streaming", "the agent to be shut out")
        time.sleep(w.rng.uniform(0, 0.3))
        centre.tram("agents", "accept", w.bench.keys / f"{victim.name}.pub")
        centre.daemon.send(signal.SIGHUP)

        def in_again():
            victim.daemon.send(signal.SIGHUP)  # what it was told to wait is long; a person tries at once
            return w.ask(victim)["state"] == "streaming"
        wait_until(in_again, "the agent to be in again")
    w.fired("suspended and accepted three times")
    w.await_flow()
    beside_undisturbed(w, w.agents[1:])


def new_keys(w):
    """The province makes new keys, the centre accepts them, the agent is restarted with them: what waited is signed anew."""
    centre, victim = two(w)
    fresh = victim.folder / "fresh.key"
    victim.tram("keys", "make", victim.name, "--out", fresh)
    centre.tram("agents", "accept", fresh.with_suffix(".pub"))
    w.facts.signing_keys[victim.name].append(Keys.read(fresh.with_suffix(".pub")).sign_public)
    wait_until(lambda: w.ask(victim)["state"] != "streaming", "the old keys to be refused")
    said = w.ask(victim)["cause"]
    victim.write_settings(key_file=fresh)
    victim.daemon.stop()
    w.restart(victim)
    w.await_flow()
    w.fired(f"new keys in the middle of the load; with the old ones: {said}")
    beside_undisturbed(w, w.agents[1:])


# ---------------------------------------------------------------- copies of an outbox

@contextlib.contextmanager
def copied(w, victim):
    """A copy of the agent's whole folder, as it was when the agent had ended, runs beside it."""
    folder = w.folder / "copy"
    victim.daemon.stop()
    shutil.copytree(victim.folder, folder, ignore=shutil.ignore_patterns("control", "*.log", "armed"))
    conf = folder / "tram-agent.conf"
    conf.write_text(conf.read_text("utf-8").replace(str(victim.folder), str(folder)), "utf-8")
    w.restart(victim)
    clone = Daemon(folder, "clone", [BIN / "tram-agent", conf])
    if w.loads[victim.name].is_alive():
        w.await_new(victim)  # which the copy lacks
    clone.start()
    try:
        yield clone
    finally:
        clone.discard()


def cloned(w):
    """A copy of the whole folder runs at the same time, the same to the last report: they take the session from each other.
    When the copy ends, all goes on."""
    centre, victim = two(w)
    everything_settled(w, victim)
    with copied(w, victim) as clone:
        wait_until(lambda: "agent.superseded" in centre.daemon.log(), "one to take over from the other")
        time.sleep(1)
    turns = w.ask(centre)['sessions_ended{cause="superseded"}']
    w.fired(f"two copies, {turns} turns; the copy: {clone.log().splitlines()[-1][40:200]}")
    victim.daemon.send(signal.SIGHUP)
    w.load(victim)
    w.await_flow()


def parted(w):
    """The copy runs on after the first has sent more: it is named as forked, and the first is not disturbed by it."""
    centre, victim = two(w)
    with copied(w, victim) as clone:
        wait_until(lambda: "cause=forked" in clone.log(), "the fork to be named")
    w.fired("the copy is refused as forked")
    victim.daemon.send(signal.SIGHUP)
    w.await_flow()


def restored_outbox(w):
    """Everything was acknowledged; then the disk died, and last week's copy is put in its place. Named, refused, made anew."""
    centre, victim = two(w)
    w.loads[victim.name].stop()
    victim.daemon.stop()
    copy = w.folder / "copy.db"
    shutil.copy2(victim.folder / "outbox.db", copy)
    w.restart(victim)
    w.load(victim)
    w.await_new(victim)  # which the copy lacks
    everything_settled(w, victim)
    victim.daemon.kill()
    for file in victim.folder.glob("outbox.db*"):
        file.unlink()
    shutil.copy2(copy, victim.folder / "outbox.db")
    w.declare_copied(victim)
    w.restart(victim)
    wait_until(lambda: w.ask(victim)["cause"] == "forked", "the fork to be named")
    doctor = victim.tram("doctor", "--settings", victim.conf, check=False).stdout
    assert "--renew" in doctor, f"the doctor does not say what to do:\n{doctor}"
    victim.daemon.stop()
    w.declare_renewed(victim)
    done = renew(w, victim)
    assert done.returncode == 0, done.stderr
    w.restart(victim)
    w.load(victim)
    w.await_flow()
    w.fired(f"refused as forked; {done.stdout.strip()}")
    beside_undisturbed(w, w.agents[1:])


def deleted_outbox(w, running):
    """What it held is gone, but was acknowledged; a new epoch begins beside the old one."""
    _, victim = two(w)
    everything_settled(w, victim)
    before = w.ask(victim)
    if not running:
        victim.daemon.stop()
    for file in victim.folder.glob("outbox.db*"):
        file.unlink()
    if running:
        load = w.make_load(victim)
        entry = load.hand_in(load.maker.hand_in())
        assert entry.state == "refused", f"a hand-in into a deleted file was {entry.state}"
        w.fired(f"refused: {entry.text}")
        victim.daemon.stop()
    w.declare_copied(victim)
    w.declare_renewed(victim)
    w.restart(victim)
    w.load(victim)
    w.await_flow()
    after = w.ask(victim)
    assert after["epoch"] != before["epoch"]
    w.fired(f"epoch {before['epoch'][:8]} with {before['handed_in']} reports, then {after['epoch'][:8]}")
    beside_undisturbed(w, w.agents[1:])


# ---------------------------------------------------------------- settings, catalogues, versions

def catalogue_again_and_again(w):
    """Other versions are loaded and judge from then on, while reports flow; nobody loses a session by it."""
    centre, _ = two(w)
    before = int(w.ask(centre)["catalogue_version"])
    for part in ("catalogue", "registry"):
        shutil.copytree(ROOT / "deploy" / part, w.folder / "deploy" / part)
    folder = w.folder / "deploy" / "catalogue"
    for number in range(3):
        parameters = folder / "parameters.csv"
        parameters.write_text(parameters.read_text("utf-8").replace(
            f"clock_tolerance_seconds,{300 + number},", f"clock_tolerance_seconds,{301 + number},"), "utf-8")
        centre.tram("catalogue", "load", folder)
        centre.daemon.send(signal.SIGHUP)
        wait_until(lambda: int(w.ask(centre)["catalogue_version"]) == before + number + 1, "the new catalogue")
        w.await_flow()
    judged = centre.sql("SELECT catalogue_version, count(*) FROM tram.verdict GROUP BY 1 ORDER BY 1")
    assert [version for version, _ in judged] == list(range(before, before + 4)), judged
    w.fired(f"reports judged by catalogue: {', '.join(f'{version}: {n}' for version, n in judged)}")
    beside_undisturbed(w)


def hang_up_again_and_again(w):
    """SIGHUP, to everybody, as fast as it goes; what is read anew is read five times a second at most."""
    centre, _ = two(w)
    for _ in range(300):
        for member in (centre, *w.agents):
            member.daemon.send(signal.SIGHUP)
        time.sleep(0.003)
    wait_until(lambda: int(w.ask(centre)["reloads"]) > 2, "reloads")
    w.fired(f"300 times SIGHUP, {w.ask(centre)['reloads']} reloads, {w.ask(centre)['reloads_failed']} failed")
    w.await_flow()
    beside_undisturbed(w)


def other_lanes(w, number):
    """The aggregator is stopped and started with another number of lanes, so that agents change theirs."""
    centre, _ = two(w, lanes=2)
    for lanes in (5, 1, 3):
        centre.daemon.stop(number)
        centre.write_settings(lanes=lanes)
        w.restart(centre)
        w.await_flow(3)
        wait_until(lambda: f"lane_{lanes - 1}_store" in (w.ask(centre) or {}), f"{lanes} lanes")
    w.fired(f"2, 5, 1, 3 lanes, each after {number.name}")


# ---------------------------------------------------------------- the database, put back or moved

def copy_database(w, name):
    """As a backup of now; nobody else may be connected for that moment."""
    for _ in range(50):
        with w.postgres.connect() as db:
            db.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (w.database,))
            try:
                db.execute(f"CREATE DATABASE {name} TEMPLATE {w.database}")
                w.undo.append(lambda: w.bench.drop(name))
                return
            except Exception as error:  # the onlooker was quicker
                if "being accessed" not in str(error):
                    raise
    raise AssertionError("the database is never alone")


def put_in_place(w, name, between=lambda: None):
    """between() is called while there is no database that anybody could look at."""
    with w.postgres.connect() as db:
        db.execute(f"DROP DATABASE {w.database} WITH (FORCE)")
        between()
        db.execute(f"ALTER DATABASE {name} RENAME TO {w.database}")


def restored_database(w, times):
    """From a backup taken a while ago: the agents fill it up again, and nobody is told anything twice."""
    centre, _ = two(w)
    for number in range(times):
        centre.daemon.stop()
        backup = f"{w.database}_backup_{number}"
        copy_database(w, backup)
        w.await_look_at_store()
        then = w.marks()
        w.restart(centre)
        w.await_flow(10)
        centre.daemon.kill()
        w.await_look_at_store()
        now = w.marks()
        put_in_place(w, backup, w.declare_restored)
        w.restart(centre)
        lost = sum(now[place] - then.get(place, 0) for place in now)
        if lost <= 0:
            raise NotFired("the backup lacked nothing")
        w.fired(f"the backup lacked {lost} reports")
        w.await_flow(5)


def moved_database(w):
    """Dumped, and restored under another name, as into a new cluster; then the centre uses that."""
    centre, _ = two(w)
    centre.daemon.stop()
    name = f"{w.database}_moved"
    tools = w.postgres.programs
    dump = w.postgres.folder / f"{name}.dump"
    run(w.postgres.as_owner(tools / "pg_dump", "-Fc", "-h", w.postgres.run, "-f", dump, w.database))
    with w.postgres.connect() as db:
        db.execute(f"CREATE DATABASE {name} TEMPLATE template0")
    run(w.postgres.as_owner(tools / "pg_restore", "--single-transaction", "--exit-on-error", "-h", w.postgres.run, "-d", name, dump))
    size = dump.stat().st_size
    os.unlink(dump)
    old = w.marks()
    put_in_place(w, name)
    w.restart(centre)
    w.await_flow(5)
    w.fired(f"{size} bytes of dump with {sum(old.values())} reports")


MOMENTS = ("centre-batch-opened", "centre-before-begin", "centre-watermarks-moved", "centre-table-written", "centre-before-commit",
           "centre-commit-sent", "centre-committed")

CELLS = [
    Cell("operator-revoked", revoked, quick=True),
    *(Cell(f"operator-revoked-at-{moment}", revoked_at, {"moment": moment}) for moment in MOMENTS),
    Cell("operator-suspended", suspended),
    Cell("operator-new-keys", new_keys),
    Cell("operator-cloned", cloned),
    Cell("operator-cloned-and-parted", parted),
    Cell("operator-restored-outbox", restored_outbox),
    Cell("operator-deleted-outbox", deleted_outbox, {"running": False}),
    Cell("operator-deleted-outbox-of-a-running-agent", deleted_outbox, {"running": True}),
    Cell("operator-catalogue-again-and-again", catalogue_again_and_again),
    Cell("operator-hang-up-again-and-again", hang_up_again_and_again),
    Cell("operator-other-lanes", other_lanes, {"number": signal.SIGTERM}),
    Cell("operator-other-lanes-after-a-kill", other_lanes, {"number": signal.SIGKILL}),
    Cell("operator-restored-database", restored_database, {"times": 1}, quick=True),
    Cell("operator-restored-database-twice", restored_database, {"times": 2}),
    Cell("operator-moved-database", moved_database),
]
