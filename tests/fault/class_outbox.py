# SPDX-License-Identifier: Apache-2.0
"""
The disk under a province's outbox: full at the moment when the centre's answers come in, and room again. Beside it, tests/fault/outbox
breaks a disk in memory at every call; here it is the whole agent that must stand it.
"""

import errno
import signal
import time

from cells import Cell
from tramtest import wait_until

DISK = 8 << 20
BLOCK = bytes(4096)
FEW = 20  # hand-ins: several batches, and the outbox's log is not long enough to be folded, or there would be room in it


def fill(disk):
    """To the last block; the file that does it."""
    ballast = disk / "ballast"
    with open(ballast, "wb", buffering=0) as f:
        try:
            while True:
                f.write(BLOCK)
        except OSError as error:
            assert error.errno == errno.ENOSPC, error
    return ballast


def await_full(w, agent):
    """The agent says why it keeps nothing. One that ends instead may have closed its door before it is gone."""
    def full():
        status = w.ask(agent)
        assert status or agent.daemon.running(), f"{agent.name} ended, and did not say that its outbox is full"
        return status and status["cause"] == "outbox_full"
    wait_until(full, f"{agent.name} to say that its outbox is full")


def disk_full(w, killed):
    """
    The centre holds back what it has to say until there is no room for it. Nothing of that is kept, and nothing is taken for kept:
    hand-ins are refused, and with room the agent has all of it said again.
    """
    centre = w.make_centre()
    disk = w.mount("disk", DISK)
    agent = w.make_agent(directory=disk, free_bytes="0")
    w.make_agent()
    w.start(load=False)
    wait_until(lambda: w.ask(agent)["state"] == "streaming", f"{agent.name} to be in its session")
    centre.daemon.send(signal.SIGSTOP)
    early = w.make_load(agent)
    for _ in range(FEW):
        early.hand_in(early.maker.hand_in())
    ballast = fill(disk)
    for member in w.agents:
        w.load(member)
    w.resume(centre)
    await_full(w, agent)
    w.fired("outbox_full")
    if killed:
        agent.daemon.kill()
    else:
        time.sleep(w.draw("full_s", (0, 0.5)))
        assert agent.daemon.running(), "the agent ended"
    ballast.unlink()
    if killed:
        w.restart(agent)
    else:
        agent.daemon.send(signal.SIGHUP)  # or it would look again in a minute
    w.await_flow()


CELLS = [
    Cell("outbox-disk-full", disk_full, {"killed": False}, quick=True),
    Cell("outbox-disk-full-then-killed", disk_full, {"killed": True}),
]
