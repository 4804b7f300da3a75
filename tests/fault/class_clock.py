# SPDX-License-Identifier: Apache-2.0
"""
Wall clocks that are wrong, jump and stand still, at a province, at the centre and at both, while reports flow. Nothing is ordered
or forgotten by them; what they say is kept and told, and rules on lateness warn.
"""

import mmap
import re
import signal
import struct
import time
from datetime import datetime

from cells import Cell
from stranger import beside_undisturbed
from tramtest import BIN, wait_until
from world import NotFired

HOUR, DAY = 3600, 86400
YEAR = 365 * DAY
BEFORE_1970 = 60 * YEAR
RETENTION_S = 30 * DAY
TOLERATED_S = 20
FUTURE = frozenset({"SONG-04"})  # for a centre that lives in the past, every reference date is one of the future
WRONG_ON_PURPOSE = {"DUNG-04"}  # of the load's reports: a negative figure


class FalseClock:
    """The clock of one or more daemons, from their next start on."""

    def __init__(self, w, *members):
        path = w.folder / f"clock{len(w.undo)}"
        path.write_bytes(bytes(16))
        self.file = open(path, "r+b")
        self.map = mmap.mmap(self.file.fileno(), 16)
        w.undo.append(self.close)
        for member in members:
            member.daemon.environment |= {"LD_PRELOAD": str(BIN / "libfalse_clock.so"), "TRAM_FALSE_CLOCK": str(path)}
        self.offset_s = 0

    def set(self, offset_s):
        self.offset_s = offset_s
        self.map[:8] = struct.pack("=q", int(offset_s * 1_000_000))

    def freeze(self):
        self.map[8:16] = struct.pack("=q", int((time.time() + self.offset_s) * 1_000_000))

    def thaw(self):
        self.map[8:16] = bytes(8)

    def close(self):
        self.map.close()
        self.file.close()


def says(member):
    """What the member's clock said in its last line of the log, in seconds since 1970."""
    found = re.findall(r"ts=(\S+)Z", member.daemon.log()[-4000:])
    return datetime.fromisoformat(f"{found[-1]}+00:00").timestamp() if found else 0.0


def proven(w, clock, members):
    """Every one of them tells that time in its log."""
    for member in members:
        w.await_or_not_fired(lambda: abs(says(member) - time.time() - clock.offset_s) < TOLERATED_S,
                             f"{member.label} to tell the false time", 60)


def only_warned(w, also=frozenset()):
    """No figure was refused or held for a reason of time, but by the rules in also."""
    with w.postgres.connect(w.database) as db:
        rules = {rule for rule, in db.execute("SELECT DISTINCT rule FROM tram.report_finding WHERE severity::text IN ('B', 'J')")}
    expected = WRONG_ON_PURPOSE | also
    assert rules <= expected, f"figures were refused or held by {sorted(rules - expected)}"


def whose(w, who):
    centre = w.make_centre()
    agent = w.make_agent()
    w.make_agent()
    w.facts.retention_s, w.facts.clock_is_true = RETENTION_S, who == "agent"
    members = {"agent": [agent], "centre": [centre], "both": [agent, centre]}[who]
    return members, FalseClock(w, *members)


def jumps(w, who, offsets, also=frozenset()):
    """Each for a while, in the middle of the load; the last one stays."""
    members, clock = whose(w, who)
    w.start()
    for offset_s in offsets:
        clock.set(offset_s)
        w.await_flow(more=3)
        proven(w, clock, members)
    w.await_flow(more=5)
    w.fired(f"the clock of {who} went {', '.join(f'{o:+} s' for o in offsets)}")
    beside_undisturbed(w)
    only_warned(w, also)


def looked_through(w, agent, retention_s):
    """What it says of itself once it has looked for what that retention lets go."""
    reloaded = agent.daemon.log().count("settings.reloaded")
    agent.write_settings(retention=f"{retention_s}s")
    agent.daemon.send(signal.SIGHUP)
    wait_until(lambda: agent.daemon.log().count("settings.reloaded") > reloaded, "the settings")
    w.ask(agent)  # maybe before it has looked; the next answer is of a later turn
    return w.ask(agent)


def keeps_what_it_may_not_forget(w, who):
    """With a retention of ten minutes, and a year that passes in a moment: the outbox is looked through, and nothing goes."""
    retention_s = 600
    centre = w.make_centre()
    agent = w.make_agent(retention=f"{retention_s}s")
    w.make_agent()
    w.facts.retention_s, w.facts.clock_is_true = retention_s, who == "agent"
    members = [agent] if who == "agent" else [agent, centre]
    clock = FalseClock(w, *members)
    w.start()
    acknowledged = time.monotonic()
    for offset_s in (YEAR, 2 * YEAR, 0, YEAR):
        clock.set(offset_s)
        w.await_flow(more=3)
        proven(w, clock, members)
    status = looked_through(w, agent, retention_s)
    assert status["first_kept"] == "1", f"what was handed in before {status['first_kept']} is forgotten"
    w.fired(f"{status['acknowledged']} acknowledged, all kept")
    w.facts.retention_s = 1
    wait_until(lambda: time.monotonic() > acknowledged + 3 * w.facts.retention_s, "something to be old enough")
    assert looked_through(w, agent, w.facts.retention_s)["first_kept"] != "1", "it was not looked for what may be forgotten"


def wrong_from_the_start(w, who, offset_s):
    """Wrong when the programs start, put right while they run, and wrong again at their next start."""
    members, clock = whose(w, who)
    clock.set(offset_s)
    w.start()
    proven(w, clock, members)
    clock.set(0)
    w.await_flow(more=3)
    proven(w, clock, members)
    clock.set(offset_s)
    for member in members:
        member.daemon.kill()
        w.restart(member)
    w.await_flow(more=3)
    proven(w, clock, members)
    w.fired(f"{who} started twice at {offset_s:+} s")


def stands_still(w, members):
    """While reports come in, all that they write is written at one time."""
    before = [says(member) for member in members]
    w.await_flow(more=3)
    return [says(member) for member in members] == before


def frozen(w, who):
    members, clock = whose(w, who)
    w.start()
    clock.freeze()
    wait_until(lambda: says(members[0]), "a time")
    w.await_flow(more=5)
    w.await_or_not_fired(lambda: stands_still(w, members), "the clock to stand still", 60)  # not at once: others wrote before
    first = [says(member) for member in members]
    time.sleep(0.3)
    w.await_flow(more=5)
    if [says(member) for member in members] != first:
        raise NotFired("the clock goes on")
    beside_undisturbed(w)
    w.fired(f"the clock of {who} stood at {first[0]:.3f}")
    clock.thaw()
    w.await_flow(more=3)


def to_and_fro(w, who):
    """Never the same for long."""
    members, clock = whose(w, who)
    w.start()
    for _ in range(60):
        clock.set(w.rng.choice((-1, 1)) * w.rng.choice((1, 60, HOUR, DAY, YEAR)))
        time.sleep(0.02)
    clock.set(HOUR)
    w.await_flow(more=3)
    proven(w, clock, members)
    w.fired(f"60 jumps of the clock of {who}")
    beside_undisturbed(w)


CELLS = [
    Cell("clock-agent-an-hour", jumps, {"who": "agent", "offsets": (HOUR, -HOUR)}, quick=True),
    Cell("clock-agent-a-year", jumps, {"who": "agent", "offsets": (YEAR, -YEAR)}),
    Cell("clock-agent-before-1970", jumps, {"who": "agent", "offsets": (-BEFORE_1970,)}),
    Cell("clock-centre-an-hour", jumps, {"who": "centre", "offsets": (HOUR, -HOUR)}),
    Cell("clock-centre-a-year", jumps, {"who": "centre", "offsets": (YEAR, -YEAR)}),
    Cell("clock-centre-before-1970", jumps, {"who": "centre", "offsets": (-BEFORE_1970,), "also": FUTURE}),
    Cell("clock-both-a-year", jumps, {"who": "both", "offsets": (YEAR, -YEAR)}),
    Cell("clock-agent-wrong-from-the-start", wrong_from_the_start, {"who": "agent", "offset_s": YEAR}),
    Cell("clock-centre-wrong-from-the-start", wrong_from_the_start, {"who": "centre", "offset_s": YEAR}),
    Cell("clock-agent-keeps-what-it-may-not-forget", keeps_what_it_may_not_forget, {"who": "agent"}),
    Cell("clock-both-keep-what-they-may-not-forget", keeps_what_it_may_not_forget, {"who": "both"}),
    Cell("clock-agent-frozen", frozen, {"who": "agent"}),
    Cell("clock-centre-frozen", frozen, {"who": "centre"}),
    Cell("clock-agent-to-and-fro", to_and_fro, {"who": "agent"}),
    Cell("clock-centre-to-and-fro", to_and_fro, {"who": "centre"}),
]
