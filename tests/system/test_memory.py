# SPDX-License-Identifier: Apache-2.0
"""
Agents with valid keys that do their worst, for some seconds: the aggregator stays under the limit that it states for itself and so
many, and an honest agent has its verdict. tests/bench/memory is the long form, with 63 of them.
"""

import time

import pytest

import hostile
from tramtest import POPULATION, csv_text, wait_until

AGENTS, SECONDS = 6, 8
# Small, so that a bound that does not hold is passed by few agents in little time.
SETTINGS = {"credit_total": "16MiB", "credit_agent": "2MiB", "lane_arena": "64MiB", "lanes": 1}


def peak_mib(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("VmHWM:")) / 1024


def cut_connections(centre):
    return hostile.counter(centre.tram("status", "--centre", centre.conf).stdout, 'connections_cut{cause="overfull"}')


@pytest.mark.parametrize("worst, cut", [("flood", False), ("deaf", False), ("endless", True)])
def test_stays_under_its_limit(fleet, worst, cut):
    centre = fleet.centre(**SETTINGS)
    honest = fleet.agent(centre, "agent-63-48")
    honest.wait_for_codes()
    troop = hostile.Troop(centre, hostile.enrol(centre, [f"crowd-{i}" for i in range(AGENTS)]), worst)
    try:
        troop.wait_open()
        end = time.monotonic() + SECONDS
        honest.submit(csv_text(POPULATION | {"ref_area": "63/48"}, provider="P63-48"))
        honest.wait_for_verdicts(1)
        wait_until(lambda: not cut or cut_connections(centre) > 0, "the end of a message without end")
        time.sleep(max(0.0, end - time.monotonic()))  # so long they go on
        assert (cut_connections(centre) > 0) == cut
    finally:
        troop.end()
    assert peak_mib(centre.daemon.process.pid) < hostile.limit_mib(centre, AGENTS + 1)
