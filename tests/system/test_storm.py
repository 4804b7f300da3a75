# SPDX-License-Identifier: Apache-2.0
"""Many agents: all come at once and are heard, and few at a time may send. tests/bench/storm is the long form."""

import re
import threading
import time

import pytest

from crowd import Crowd
from tramtest import POPULATION, csv_text, wait_until

CROWD, BOUND_S = 300, 10


def all_are_heard(crowd, since):
    seconds = crowd.wait_heard(since, patience_s=3 * BOUND_S)
    assert None not in seconds and seconds[-1] <= BOUND_S, seconds[-3:]


def test_all_come_at_once(fleet):
    centre = fleet.centre(start=False)
    crowd = Crowd(centre, CROWD, processes=2)
    try:
        centre.start()
        since = time.monotonic()
        crowd.tell("connect")
        all_are_heard(crowd, since)
        centre.daemon.kill()
        crowd.lose()
        centre.start()
        all_are_heard(crowd, time.monotonic())
        since = time.monotonic()
        crowd.tell("cut")
        all_are_heard(crowd, since)
    finally:
        crowd.close()


def status(centre, name):
    text = centre.tram("status", "--centre", centre.conf).stdout
    return int(re.search(rf"^{re.escape(name)} +(\d+)$", text, re.M)[1])


CODES = ("45", "46", "48", "49", "51", "52", "54", "56")


@pytest.mark.parametrize("share", [2, 30])
def test_agents_take_turns(fleet, share):
    """Eight provinces, and credit for two of them, or for all: each gets its verdicts, and the budget holds."""
    total = share << 20
    centre = fleet.centre(credit_total=f"{share}MiB", credit_agent="1MiB", report_bytes="900KiB", heartbeat="500ms")
    agents = [fleet.agent(centre, f"agent-63-{code}") for code in CODES]
    most = []

    def hand_in(agent):
        code = agent.name[-2:]
        for year in range(2021, 2025):
            agent.submit(csv_text(POPULATION | {"ref_area": f"63/{code}"}, provider=f"P63-{code}", time_period=str(year),
                                  reference_date=f"{year}-12-31"))

    clerks = [threading.Thread(target=hand_in, args=(agent,)) for agent in agents]
    for clerk in clerks:
        clerk.start()
    while any(clerk.is_alive() for clerk in clerks):
        most.append(status(centre, "credit_reserved"))
        clerks[0].join(timeout=0.05)
    for agent in agents:
        agent.wait_for_verdicts(4)
        most.append(status(centre, "credit_reserved"))
    assert 0 < max(most) <= total
    assert centre.value("SELECT count(*) FROM tram.observation") == 4 * len(agents)
    wait_until(lambda: status(centre, "credit_waiting") == 0, "nobody to wait")
