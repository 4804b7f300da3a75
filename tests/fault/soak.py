# SPDX-License-Identifier: Apache-2.0
"""
Random faults on many agents, several at a time, each repaired after a random while: what no table thought of. A storm is a
cell like any other, only longer and not in the suite; a soak is storm after storm until its time is over.
"""

import random
import signal
import time

from cells import Cell
from class_postgres import first_commit_answer, kill_backend, terminate
from class_process import FLOWING
from proxy import DOWN, UP, query
from watch import state_of
from world import NotFired

AGENTS = 8
STORM_S = 45
AT_ONCE = 3        # faults that are not repaired yet
PAUSE_S = 0.3      # at most, between two
REPAIR_S = 1.2     # at most


# ---------------------------------------------------------------- what may happen: (what is broken by it, how), and the repair

def killed(w, member):
    member.daemon.kill()
    return lambda: revive(w, member)


def struck(w, member):
    """Armed at its next start: it dies once more at some moment, or never comes to it."""
    member.daemon.kill()
    side = "centre-" if member in w.centres else "agent-"
    moment = w.rng.choice([m for m in FLOWING if m.startswith(side)])
    w.restart(member, f"{moment}:{w.rng.randint(1, 20)}:{w.rng.choice(('kill', 'abort'))}")
    return lambda: revive(w, member)


def revive(w, member):
    """It runs, and nothing is armed in it."""
    if member.daemon.running() and member.daemon.environment["TRAM_FAULT"]:
        member.daemon.kill()
    if not member.daemon.running():
        w.restart(member, wait=False)


def stopped(w, member):
    member.daemon.send(signal.SIGSTOP)
    return lambda: member.daemon.send(signal.SIGCONT)


def ended(w, member):
    member.daemon.send(signal.SIGTERM)
    return lambda: (member.daemon.wait(), revive(w, member))


def server_down(number):
    def fault(w, _):
        w.postgres.daemon.send(number)
        w.postgres.daemon.wait()
        return w.bench.repair
    return fault


def connections_ended(w, _):
    try:
        terminate(w)
    except NotFired:  # nobody is connected: a centre is away too
        pass


def backend_killed(w, _):
    try:
        kill_backend(w)
    except (IndexError, ValueError):  # the same
        pass


def cut(w, proxy):
    proxy.cut()
    return proxy.mend


def acts(action):
    def fault(w, proxy):
        proxy.act(action)
        return (lambda: proxy.act("reset")) if action == "black_hole" else None
    return fault


def slow(w, proxy):
    proxy.set(delay_s=w.rng.uniform(0.02, 0.3))
    return proxy.mend


def commit_lost(w, wire):
    way = w.rng.choice(((UP, query("COMMIT"), "reset", 0), (DOWN, first_commit_answer, "reset", 0)))
    wire.on(way[0], way[1], way[2], keep=way[3], times=w.rng.randint(1, 3))


FAULTS = {
    "centre": (killed, struck, stopped, ended),
    "agent": (killed, struck, struck, stopped, ended),
    "postgres": (server_down(signal.SIGQUIT), server_down(signal.SIGINT), connections_ended, connections_ended, backend_killed),
    "road": (cut, acts("reset"), acts("finish"), acts("black_hole"), slow),
    "wire": (cut, acts("reset"), acts("black_hole"), slow, commit_lost, commit_lost),
}


# ---------------------------------------------------------------- a storm

class Storm:
    def __init__(self, w):
        self.w = w
        self.things = {"centre": w.centres[0], "postgres": None, "road": w.centres[0].road, "wire": w.centres[0].wire}
        self.things |= {agent.name: agent for agent in w.agents}
        self.open = []  # (when it is to be repaired, thing, repair)
        self.count = 0

    def strike(self):
        broken = {thing for _, thing, _ in self.open}
        thing = self.w.rng.choice([t for t in self.things if t not in broken])
        fault = self.w.rng.choice(FAULTS.get(thing, FAULTS["agent"]))
        repair = fault(self.w, self.things[thing])
        self.count += 1
        if repair:
            self.open.append((time.monotonic() + self.w.rng.uniform(0, REPAIR_S), thing, repair))

    def repair(self, all_of_it=False):
        due = [row for row in self.open if all_of_it or row[0] <= time.monotonic()]
        self.open = [row for row in self.open if row not in due]
        for _, _, repair in due:
            repair()


def storm(w, seconds=STORM_S):
    centre = w.make_centre(road=True, wire=True)
    for _ in range(AGENTS):
        w.make_agent()
    w.start()
    now = Storm(w)
    end = time.monotonic() + seconds
    try:
        while time.monotonic() < end:
            if len(now.open) < AT_ONCE:
                now.strike()
            time.sleep(w.rng.uniform(0, PAUSE_S))
            now.repair()
    finally:
        w.bench.repair()
        now.repair(all_of_it=True)
    for member in (centre, *w.agents):
        if state_of(member.daemon.process.pid) == "T":
            w.resume(member)
        revive(w, member)
    w.fired(f"{now.count} faults")
    w.await_flow()


STORM = Cell("soak-storm", storm, recovery_max_s=30, patience_s=STORM_S + 120)


def storms(minutes, seed):
    """(name, seed) of one storm after the other, until the time is over; 0: for ever."""
    rng, end = random.Random(seed), time.monotonic() + minutes * 60
    while not minutes or time.monotonic() < end:
        yield STORM.name, rng.randrange(1 << 32)
