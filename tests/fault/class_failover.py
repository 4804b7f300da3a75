# SPDX-License-Identifier: Apache-2.0
"""The database on two servers: the primary dies, hands over, or cannot be reached, and the standby takes its place."""

import os
import signal
import time

from cells import Cell
from pair import READ_WRITE, Pair
from tramtest import wait_until
from world import NotFired

LOADED_S = 0.4  # that reports flow before something happens
LANES = "application_name LIKE 'tram lane%%'"


# ---------------------------------------------------------------- the setting

def take_pair(w, synchronous):
    """The world's database is a copy of the bench's, on a primary and a standby."""
    w.undo.append((pair := Pair(w.bench.folder / "pair", w.bench.postgres, synchronous)).discard)
    w.use_cluster(pair)
    return pair


def start(w, fault=None, agents=2, **settings):
    centre = w.make_centre(fault=fault, **settings)
    for _ in range(agents):
        w.make_agent()
    w.start()
    time.sleep(LOADED_S)
    return centre


def kill(w, member, how):
    """how: "power" (every process at once), "crash" (immediate shutdown), "orderly" (fast shutdown)."""
    if how == "power":
        member.daemon.send(signal.SIGSTOP)  # it must not see its children go
        for pid in children(member):
            os.kill(pid, signal.SIGKILL)
        member.daemon.send(signal.SIGKILL)
    else:
        member.daemon.send(signal.SIGQUIT if how == "crash" else signal.SIGINT)
    member.daemon.wait()
    w.fired(f"the primary ended: {how}")


def children(member):
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as f:
                parent = int(f.read().rsplit(")", 1)[1].split()[1])
        except OSError:
            continue
        if parent == member.daemon.process.pid:
            found.append(int(pid))
    return found


def promote(w, pair, member):
    pair.promote(member)
    w.fired("the standby promoted")


# ---------------------------------------------------------------- a synchronous standby: nothing is lost, nothing goes back

def primary_dies(w, how):
    pair = take_pair(w, synchronous=True)
    start(w)
    kill(w, pair.first, how)
    promote(w, pair, pair.second)
    w.await_flow()


def primary_dies_at(w, moment):
    """The aggregator stands still at that moment while its primary dies and the standby is promoted."""
    pair = take_pair(w, synchronous=True)
    centre = start(w, fault=f"{moment}:{w.draw('hit', range(2, 6))}:stop")
    w.begin(centre)
    w.await_stopped(centre)
    kill(w, pair.first, "power")
    promote(w, pair, pair.second)
    w.resume(centre)
    w.await_flow()


def switch_over_and_back(w):
    """Orderly, as an operator does it before maintenance, and back again."""
    pair = take_pair(w, synchronous=True)
    start(w)
    for old, new in ((pair.first, pair.second), (pair.second, pair.first)):
        kill(w, old, "orderly")
        promote(w, pair, new)
        old.follow(new)
        old.start()
        pair.await_standby(new, synchronous=True)
        w.await_flow()


def stop_standby(w, pair):
    """It ends; how many reports of each agent it has. The centre stands still until that is known."""
    centre, = w.centres
    centre.daemon.send(signal.SIGSTOP)
    pair.second.stop()
    w.fired("the standby ended")
    under_way = (f"SELECT count(*) FROM pg_stat_activity WHERE {LANES} AND state = 'active' AND query = 'COMMIT'"
                 " AND wait_event IS DISTINCT FROM 'SyncRep'")
    with pair.first.connect() as db:
        wait_until(lambda: db.execute(under_way).fetchone()[0] == 0, "each COMMIT to end, or to wait for the standby")
    kept = [w.stored(agent.name) for agent in w.agents]
    w.resume(centre)
    return kept


def waiting(db):
    """The backends whose COMMIT waits for the standby."""
    return {pid for pid, in db.execute(f"SELECT pid FROM pg_stat_activity WHERE {LANES} AND wait_event = 'SyncRep'")}


def assert_none_told_beyond(w, kept):
    told = acknowledged(w)
    assert all(seq <= has for seq, has in zip(told, kept)), f"acknowledged without the standby: {told}, and it has {kept}"


def standby_dies(w, patience="60s"):
    """COMMITs wait for a standby that is not there: nothing is acknowledged, and all goes on when it is back."""
    pair = take_pair(w, synchronous=True)
    start(w, database_patience=patience)
    kept = stop_standby(w, pair)
    with pair.first.connect() as db:
        wait_until(lambda: waiting(db), "a COMMIT to wait for the standby")
    time.sleep(1)
    assert_none_told_beyond(w, kept)
    pair.second.start()
    w.await_flow()


def commit_gives_up_waiting(w):
    """The COMMIT that waits is cancelled: it stands on the primary alone. Then that one dies, and agents refill."""
    pair = take_pair(w, synchronous=True)
    start(w)
    kept = stop_standby(w, pair)
    with pair.first.connect() as db:
        given_up = wait_until(lambda: waiting(db), "a COMMIT to wait for the standby")
        for pid in given_up:
            assert db.execute("SELECT pg_cancel_backend(%s)", (pid,)).fetchone()[0]
        wait_until(lambda: waiting(db) - given_up, "the centre to ask for the standby itself")
    w.fired(f"{len(given_up)} COMMITs cancelled while they waited for the standby")
    assert_none_told_beyond(w, kept)
    kill(w, pair.first, "power")
    w.declare_restored()
    pair.second.start()
    promote(w, pair, pair.second)
    w.await_flow()


def acknowledged(w):
    return [int(w.ask(agent)["acknowledged"]) for agent in w.agents]


# ---------------------------------------------------------------- an asynchronous standby: what it lacks comes again

def lagging_standby_takes_over(w, moment=None):
    pair = take_pair(w, synchronous=False)
    centre = start(w, fault=f"{moment}:{w.draw('hit', range(20, 40))}:stop" if moment else None)
    pair.second.stop()
    had = acknowledged(w)
    wait_until(lambda: all(has > then + 5 for has, then in zip(acknowledged(w), had)), "acknowledgements that the standby lacks")
    if moment:
        w.begin(centre)
        w.await_stopped(centre)
    else:
        centre.daemon.send(signal.SIGSTOP)  # or it would refill before anybody could see what is lacking
    w.await_look_at_store()
    had = acknowledged(w)
    kill(w, pair.first, "power")
    w.declare_restored()
    pair.second.start()
    promote(w, pair, pair.second)
    lacked = sum(then - w.stored(agent.name) for agent, then in zip(w.agents, had))
    if lacked <= 0:
        raise NotFired("the standby lacked nothing")
    w.fired(f"it lacked {lacked} acknowledged reports")
    w.resume(centre)
    w.await_flow()


# ---------------------------------------------------------------- a primary that is there and no use

def primary_is_out_of_reach(w, door):
    """
    Every byte to it is taken and none comes back: TCP has nothing to complain of, and the centre must notice by itself. What
    stands before the dead server goes on taking connections (hang), or takes them and hangs up (slam).
    """
    pair = take_pair(w, synchronous=True)
    way = w.proxy(pair.first.port, framing=None)
    hosts = f"host=127.0.0.1,127.0.0.1 port={way.port},{pair.second.port}"
    w.make_centre(database_patience="1s").write_settings(
        database=f"{hosts} dbname={w.database} user=tram_writer {READ_WRITE}")
    w.make_agent()
    w.make_agent()
    w.start()
    time.sleep(LOADED_S)
    way.set(flow="swallow")
    way.set_door(door)
    kill(w, pair.first, "power")
    w.fired("the primary swallows every byte")
    promote(w, pair, pair.second)
    w.await_flow()


def primary_becomes_standby(w):
    """It is back at once, as a standby of the other: writing there is refused (25006), and libpq finds the other."""
    pair = take_pair(w, synchronous=True)
    start(w)
    kill(w, pair.first, "orderly")
    promote(w, pair, pair.second)
    pair.first.follow(pair.second)
    pair.first.start()
    w.await_flow()
    w.fired("the old primary follows the new one")


def both_die(w):
    """Primary and standby, one after the other, and both come back as they were."""
    pair = take_pair(w, synchronous=True)
    start(w)
    kill(w, pair.first, "power")
    pair.second.stop()
    pair.first.start()
    pair.second.start()
    w.await_flow()


CELLS = [
    Cell("failover-sync-power", primary_dies, {"how": "power"}, quick=True),
    Cell("failover-sync-crash", primary_dies, {"how": "crash"}),
    Cell("failover-sync-orderly", primary_dies, {"how": "orderly"}),
    *(Cell(f"failover-sync-at-{moment}", primary_dies_at, {"moment": f"centre-{moment}"})
      for moment in ("before-begin", "watermarks-moved", "before-commit", "commit-sent", "committed", "answered")),
    Cell("failover-sync-switch-over-and-back", switch_over_and_back),
    Cell("failover-sync-standby-dies", standby_dies),
    Cell("failover-sync-commit-gives-up-waiting", commit_gives_up_waiting),
    Cell("failover-sync-becomes-standby", primary_becomes_standby),
    *(Cell(f"failover-sync-out-of-reach-{door}", primary_is_out_of_reach, {"door": door}) for door in ("hang", "slam")),
    Cell("failover-sync-standby-dies-impatient", standby_dies, {"patience": "300ms"}),
    Cell("failover-sync-both-die", both_die),
    Cell("failover-async-lagging", lagging_standby_takes_over),
    *(Cell(f"failover-async-lagging-at-{moment}", lagging_standby_takes_over, {"moment": f"centre-{moment}"})
      for moment in ("before-commit", "commit-sent", "committed")),
]
