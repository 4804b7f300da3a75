# SPDX-License-Identifier: Apache-2.0
"""
Processes that are killed, abort, stop for a while or are asked to end, at every named moment of ingest/base/fault.def;
that die again while they recover; that die on both sides at once; two centres on one database.
"""

import resource
import shutil
import signal
import time

from cells import Cell
from load import HandIn
from tramtest import BIN, run, wait_until

SIGNAL_OF = {"kill": signal.SIGKILL, "abort": signal.SIGABRT}
ACTIONS = ("kill", "abort", "stop", "term")
HISTORY = 6000
HOLDS_S = (0.05, 0.4, 1.5)  # heartbeats are 0.3 s apart, three missed ones are silence: shorter, about it, longer

# Moments that come by themselves while reports flow, and the hits the seed chooses from.
FLOWING = {
    "agent-before-insert": 20, "agent-before-sync": 12, "agent-before-ticket": 12, "agent-before-send": 8, "agent-after-send": 8,
    "agent-before-ack-stored": 6, "agent-before-verdicts-stored": 6, "agent-after-ack-stored": 6, "agent-after-verdicts-stored": 6,
    "centre-frame-received": 30, "centre-batch-opened": 10, "centre-before-begin": 8, "centre-watermarks-moved": 8,
    "centre-table-written": 20, "centre-before-commit": 8, "centre-commit-sent": 8, "centre-committed": 8, "centre-answered": 8,
    "centre-feed-published": 40,
}
COMMITTING = ("centre-before-begin", "centre-watermarks-moved", "centre-table-written", "centre-before-commit",
              "centre-commit-sent", "centre-committed")


# ---------------------------------------------------------------- what happens to a member that is armed

def armed(moment, hit, action):
    """SIGTERM is sent to one that has stopped itself: so it comes at that very moment."""
    return f"{moment}:{hit}:{'stop' if action == 'term' else action}"


def outlive(w, member, action):
    """The fault that member is armed with, and its recovery."""
    if action in SIGNAL_OF:
        w.await_death(member, SIGNAL_OF[action])
        time.sleep(w.draw("dead_s", (0, 0, 0.3)))
        w.restart(member)
        return
    w.await_stopped(member)
    if action == "stop":
        time.sleep(w.draw("stopped_s", HOLDS_S))
        w.resume(member)
        return
    member.daemon.send(signal.SIGTERM)
    w.resume(member)
    status = member.daemon.wait()
    assert status == 0, f"{member.label} was asked to end and said {status}"
    w.fired(f"{member.label} ended at SIGTERM")
    w.restart(member)


def strike(w, moment, action, hits):
    """Reports flow; at the moment it happens."""
    hit = w.draw("hit", range(1, hits + 1))
    at_centre = moment.startswith("centre-")
    w.make_centre(fault=armed(moment, hit, action) if at_centre else None)
    w.make_agent(fault=None if at_centre else armed(moment, hit, action))
    w.make_agent()
    w.start()
    victim = w.centres[0] if at_centre else w.agents[0]
    w.begin(victim)
    outlive(w, victim, action)
    w.await_flow()


# ---------------------------------------------------------------- moments that have to be brought about

def strike_recovery(w, action):
    """It was killed, and now it opens its outbox again."""
    w.make_centre()
    w.make_agent()
    w.start()
    w.agents[0].daemon.kill()
    w.restart(w.agents[0], armed("agent-during-recovery", 1, action))
    outlive(w, w.agents[0], action)
    w.await_flow()


def strike_trim(w, action):
    """Retention is a second, so that it forgets while it runs."""
    w.facts.retention_s = 1
    w.make_centre()
    w.make_agent(fault=armed("agent-during-trim", w.draw("hit", (1, 2)), action), retention="1s")
    w.start()
    w.begin(w.agents[0])
    outlive(w, w.agents[0], action)
    w.await_flow()


def strike_checkpoint(w, action):
    """Nothing goes on any more, so that the log is folded away."""
    w.facts.retention_s = 1
    w.make_centre()
    agent = w.make_agent(fault=armed("agent-before-checkpoint", 1, action), retention="1s")
    w.start()
    w.loads[agent.name].stop()
    w.begin(agent)
    outlive(w, agent, action)


def fork(w, agent):
    """Its outbox is put back to an earlier copy and goes on from there: the centre must refuse it."""
    w.loads[agent.name].stop()
    agent.daemon.stop()
    copy = w.folder / "copy.db"
    shutil.copy2(agent.folder / "outbox.db", copy)
    agent.start()
    w.load(agent, plenty=20)
    w.await_new(agent)  # which the copy lacks
    w.loads[agent.name].stop()
    agent.daemon.stop()
    for file in agent.folder.glob("outbox.db*"):
        file.unlink()
    shutil.copy2(copy, agent.folder / "outbox.db")
    w.declare_copied(agent)
    agent.start()
    load = w.load(agent, plenty=20)
    wait_until(lambda: load.handed_in >= 10 and agent.json("status")["cause"] == "forked", "the fork to be named")
    load.stop()
    agent.daemon.stop()


def renew(w, agent, fault=""):
    """The remedy, as people use it; the exit status, negative for a signal."""
    environment = dict(agent.daemon.environment, TRAM_FAULT=fault)
    environment.pop("TRAM_FAULT_WHEN")
    done = run([BIN / "tram-agent", "--renew", agent.conf], check=False, env=environment)
    with open(agent.daemon.log_path, "a", encoding="utf-8") as log:
        log.write(done.stdout + done.stderr)
    return done


def strike_renewal(w, moment, action):
    """A forked outbox is replaced, the replacement dies half-way, and is done again."""
    w.make_centre()
    agent = w.make_agent()
    w.make_agent()
    w.start()
    fork(w, agent)
    w.declare_renewed(agent)
    died = renew(w, agent, f"{moment}:1:{action}")
    assert died.returncode == -SIGNAL_OF[action], f"--renew ended with {died.returncode}: {died.stderr}"
    w.fired(f"--renew {SIGNAL_OF[action].name}{w.struck(agent)}")
    again = renew(w, agent)
    assert again.returncode == 0, f"--renew cannot be done again: {again.stderr}"
    agent.start()
    w.load(agent)
    w.await_flow()


def strike_drain(w, action):
    """It was asked to end, and is ended otherwise while it finishes."""
    centre = w.make_centre(fault=armed("centre-draining", 1, action))
    w.make_agent()
    w.make_agent()
    w.start()
    w.begin(centre)
    centre.daemon.send(signal.SIGTERM)
    if action != "stop":
        outlive(w, centre, action)
    else:
        w.await_stopped(centre)
        time.sleep(w.draw("stopped_s", HOLDS_S))
        w.resume(centre)
        assert centre.daemon.wait() == 0
        w.restart(centre)
    w.await_flow()


def strike_greeting(w, action):
    """An agent says HELLO; nothing is known of it yet."""
    hit = w.draw("hit", (1, 2))
    centre = w.make_centre(fault=armed("centre-before-watermark", hit, action))
    w.make_agent()
    w.make_agent()
    w.begin(centre)
    for agent in w.agents:
        agent.start()
        w.load(agent)
    w.start_centre(centre, wait=False)
    w.watch.start()
    outlive(w, centre, action)
    w.await_flow()


def strike_migration(w, action, hit):
    """An empty database; the migration dies in its n-th step and is done again, and then everything works."""
    empty = w.postgres.make_database()
    w.undo.append(lambda: w.bench.drop(empty))
    migrate = [BIN / "tram", "store", "migrate", "--database", w.postgres.conninfo(empty)]
    environment = dict(TRAM_ALLOW_ROOT="yes", TRAM_LANG="en", TRAM_FAULT=f"centre-during-migration:{hit}:{action}", PATH="/usr/bin:/bin")
    died = run(migrate, check=False, env=environment)
    assert died.returncode == -SIGNAL_OF[action], f"migrate ended with {died.returncode}: {died.stderr}"
    w.fired(f"tram store migrate {SIGNAL_OF[action].name} in step {hit}")
    with w.postgres.connect(empty) as db:
        there = db.execute("SELECT to_regclass('tram.schema_migration') IS NOT NULL").fetchone()[0]
        steps = db.execute("SELECT array_agg(version ORDER BY version) FROM tram.schema_migration WHERE version > 0").fetchone()[0] if there else None
    assert (steps or []) == list(range(1, hit)), f"{hit - 1} steps were committed, and the store says {steps}"
    run(migrate, env=dict(environment, TRAM_FAULT=""))
    w.use_empty_database(empty)
    w.make_centre()
    w.make_agent()
    w.start()


# ---------------------------------------------------------------- more than one death

def strike_twice(w, first, second, action):
    """It dies at first, and again at second while it recovers."""
    at_centre = first.startswith("centre-")
    fault = armed(first, w.draw("hit", range(1, 6)), action)
    w.make_centre(fault=fault if at_centre else None)
    w.make_agent(fault=None if at_centre else fault)
    w.make_agent()
    w.start()
    victim = w.centres[0] if at_centre else w.agents[0]
    w.begin(victim)
    w.await_death(victim, SIGNAL_OF[action])
    for _ in range(w.draw("deaths", (1, 2))):
        w.restart(victim, armed(second, 1, action))
        w.await_death(victim, SIGNAL_OF[action])
    w.restart(victim)
    w.await_flow()


def strike_both(w, agent_moment, centre_moment):
    """Agent and centre die, each at its moment, the agent before, while or after the centre is away."""
    centre = w.make_centre(fault=armed(centre_moment, w.draw("centre hit", range(1, 5)), "kill"))
    agent = w.make_agent(fault=armed(agent_moment, w.draw("agent hit", range(1, 5)), "kill"))
    w.make_agent()
    w.start()
    w.begin(centre)
    w.begin(agent)
    w.await_death(centre, signal.SIGKILL)
    time.sleep(w.draw("dead_s", (0, 0.3)))
    w.restart(centre)
    w.await_death(agent, signal.SIGKILL)
    w.restart(agent)
    w.await_flow()


def again_and_again(w, side, times):
    """kill -9 from outside, at any moment at all."""
    w.make_centre()
    for _ in range(3):
        w.make_agent()
    w.start()
    for _ in range(times):
        victim = w.centres[0] if side == "centre" else w.rng.choice(w.agents)
        time.sleep(w.rng.uniform(0.01, 0.15))
        victim.daemon.kill()
        w.restart(victim)
    w.fired(f"{times} times SIGKILL")
    w.await_flow()


def starve(w, side):
    """No more memory than it has: whatever it asks for next is refused, and it ends rather than do half of anything."""
    w.make_centre()
    w.make_agent()
    w.make_agent()
    w.start()
    victim = w.centres[0] if side == "centre" else w.agents[0]
    pid = victim.daemon.process.pid
    pages = int(open(f"/proc/{pid}/statm", encoding="ascii").read().split()[0])
    resource.prlimit(pid, resource.RLIMIT_AS, (pages * resource.getpagesize(), resource.RLIM_INFINITY))
    w.fired(f"{victim.label} may have no memory beyond {pages * 4} kB")
    time.sleep(0.5)
    if victim.daemon.running():
        resource.prlimit(pid, resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    had = [w.stored(agent.name) for agent in w.agents]
    wait_until(lambda: not victim.daemon.running() or all(w.stored(agent.name) > then for agent, then in zip(w.agents, had)),
               f"{victim.label} to go on, or to end: it may have been refused memory a moment ago")
    if not victim.daemon.running():
        w.fired(f"it ended with {victim.daemon.process.returncode}")
        w.restart(victim)
    w.await_flow()


def with_history(w, side):
    """Thousands of reports lie behind it: it comes back as quickly as if there were none."""
    w.make_centre()
    agent = w.make_agent(batch_reports="500")
    w.start()
    load = w.loads[agent.name]
    load.stop()
    for _ in range(HISTORY // 400):
        load.hand_in(HandIn(agent.name, [load.maker.report() for _ in range(400)]))
    wait_until(lambda: w.mark(agent.name) >= HISTORY, "the history to be committed", 200)
    victim = w.centres[0] if side == "centre" else agent
    victim.daemon.kill()
    w.fired(f"SIGKILL with {w.mark(agent.name)} reports behind it")
    w.restart(victim)


# ---------------------------------------------------------------- two centres, one database

def fenced(w, moment):
    """
    A centre stops in the middle of a commit; its agents go to another one on the same database, which goes on. Then the
    first one comes back and must find that it is fenced.
    """
    first = w.make_centre(fault=armed(moment, w.draw("hit", range(2, 6)), "stop"), road=True, lanes="1")
    agent = w.make_agent()
    w.make_agent()
    second = w.make_centre(feed=f"ipc://{w.folder}/feed2")
    w.start()
    w.begin(first)
    w.await_stopped(first)
    w.turn(first.road, second)
    holds_locks = moment not in ("centre-before-begin", "centre-committed")
    if not holds_locks:
        w.await_flow()
        w.fired("the second centre went on")
    else:
        time.sleep(0.5)
    w.resume(first)
    w.await_flow(5)
    w.fired(f"{agent.name} went to the second centre")
    assert first.daemon.running() and second.daemon.running()


def taking_turns(w):
    """Two centres on one database, and agents that are sent from one to the other and back."""
    first = w.make_centre(road=True)
    w.make_agent()
    w.make_agent()
    second = w.make_centre(feed=f"ipc://{w.folder}/feed2")
    w.start()
    for turn in range(6):
        w.turn(first.road, (second, first)[turn % 2])
        w.await_flow(2)
    w.fired("6 turns")


# ---------------------------------------------------------------- the table

def cells():
    quick = {"process-agent-before-ticket-kill", "process-agent-before-ack-stored-kill", "process-centre-before-commit-kill",
             "process-centre-committed-kill", "process-centre-commit-sent-stop", "process-agent-after-send-term"}
    for moment, hits in FLOWING.items():
        for action in ACTIONS:
            name = f"process-{moment}-{action}"
            yield Cell(name, strike, {"moment": moment, "action": action, "hits": hits}, quick=name in quick)
    for action in ACTIONS:
        yield Cell(f"process-agent-during-recovery-{action}", strike_recovery, {"action": action})
        yield Cell(f"process-centre-before-watermark-{action}", strike_greeting, {"action": action})
        yield Cell(f"process-agent-during-trim-{action}", strike_trim, {"action": action})
        yield Cell(f"process-agent-before-checkpoint-{action}", strike_checkpoint, {"action": action})
    for action in ("kill", "abort", "stop"):
        yield Cell(f"process-centre-draining-{action}", strike_drain, {"action": action})
    for action in ("kill", "abort"):
        for moment in ("agent-renewal-filled", "agent-renewal-set-aside"):
            yield Cell(f"process-{moment}-{action}", strike_renewal, {"moment": moment, "action": action})
    for hit in (1, 2):
        yield Cell(f"process-centre-during-migration-{hit}", strike_migration, {"action": "kill", "hit": hit})
    for first, second in (("agent-before-sync", "agent-during-recovery"), ("agent-before-ticket", "agent-before-send"),
                          ("agent-after-send", "agent-during-recovery"), ("agent-before-ack-stored", "agent-before-ack-stored"),
                          ("agent-after-verdicts-stored", "agent-before-verdicts-stored"),
                          ("centre-before-commit", "centre-before-watermark"), ("centre-commit-sent", "centre-before-commit"),
                          ("centre-committed", "centre-before-watermark"), ("centre-committed", "centre-committed"),
                          ("centre-answered", "centre-frame-received"), ("centre-table-written", "centre-commit-sent")):
        yield Cell(f"process-twice-{first}-{second}", strike_twice, {"first": first, "second": second, "action": "kill"})
    for agent_moment, centre_moment in (("agent-after-send", "centre-before-commit"), ("agent-after-send", "centre-committed"),
                                        ("agent-before-ack-stored", "centre-answered"), ("agent-before-sync", "centre-commit-sent"),
                                        ("agent-after-verdicts-stored", "centre-table-written")):
        yield Cell(f"process-both-{agent_moment}-{centre_moment}", strike_both,
                   {"agent_moment": agent_moment, "centre_moment": centre_moment})
    for side in ("agent", "centre"):
        yield Cell(f"process-{side}-killed-again-and-again", again_and_again, {"side": side, "times": 12})
        yield Cell(f"process-{side}-without-memory", starve, {"side": side})
        yield Cell(f"process-{side}-killed-with-history", with_history, {"side": side}, recovery_max_s=10, patience_s=600)
    for moment in COMMITTING:
        yield Cell(f"process-fenced-{moment}", fenced, {"moment": moment}, quick=moment == "centre-before-begin")
    yield Cell("process-fenced-taking-turns", taking_turns)


CELLS = list(cells())
