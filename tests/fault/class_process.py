# SPDX-License-Identifier: Apache-2.0
"""Processes that die, stop or abort, at every named moment of ingest/base/fault.def."""

import signal

from cells import Cell

SIGNAL_OF = {"kill": signal.SIGKILL, "abort": signal.SIGABRT}


def strike_agent(w, moment, action, hits):
    hit = w.draw("hit", hits)
    w.make_centre()
    victim = w.make_agent(fault=f"{moment}:{hit}:{action}")
    w.make_agent()
    w.start()
    w.begin(victim)
    w.await_death(victim, SIGNAL_OF[action])
    w.restart(victim)
    w.await_flow()


CELLS = [Cell("process-agent-before-ticket-kill", strike_agent, {"moment": "agent-before-ticket", "action": "kill", "hits": range(1, 6)})]
