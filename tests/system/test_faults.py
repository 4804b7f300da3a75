# SPDX-License-Identifier: Apache-2.0
"""What goes wrong around the programs: nothing is lost, nothing is counted twice, and it goes on by itself."""

import signal
import threading

import pytest

from tramtest import POPULATION, csv_text, wait_until


KINDS = [{}, {"dim:SEX": "F"}, {"dim:SEX": "M"}, {"indicator": "land_area", "unit": "km2"},
         {"indicator": "grdp_per_capita", "unit": "million_VND"}]


def monthly(number, code="46"):
    """A figure of its own, so that each can be counted at the centre: 20 of them."""
    year = 2021 + number % 4
    what = {"value": str(1000 + number), "ref_area": f"63/{code}"} | KINDS[number // 4]
    return csv_text(POPULATION | what, provider=f"P63-{code}", time_period=str(year), reference_date=f"{year}-12-31")


def values_at(centre):
    return sorted(int(row[0]) for row in centre.sql("SELECT value FROM tram.observation"))


def test_postgresql_absent_at_start(own_fleet, own_postgres):
    centre = own_fleet.centre(start=False)
    agent = own_fleet.agent(centre, start=False)
    own_postgres.stop()
    centre.start(wait=False)
    agent.start()
    assert "agent-63-46/" in agent.submit(csv_text(POPULATION)).stdout  # safe at the province all the same
    wait_until(lambda: "PostgreSQL" in centre.daemon.log(), "a word about PostgreSQL in the log")
    assert centre.daemon.running()
    own_postgres.start()
    (verdict,) = agent.wait_for_verdicts(1)
    assert verdict["accepted"] + verdict["warned"] == 1


def test_postgresql_gone_meanwhile(own_fleet, own_postgres):
    centre = own_fleet.centre()
    agent = own_fleet.agent(centre)
    agent.submit(monthly(1))
    agent.wait_for_verdicts(1)
    own_postgres.stop()
    for number in range(2, 6):
        agent.submit(monthly(number))
    own_postgres.start()
    agent.wait_for_verdicts(5)
    assert values_at(centre) == [1001, 1002, 1003, 1004, 1005]


@pytest.mark.parametrize("victim", ["agent", "centre"])
def test_killed_again_and_again(fleet, victim):
    """kill -9 while reports are handed in: every ticket printed is one row, once."""
    centre = fleet.centre()
    agent = fleet.agent(centre)
    tickets = []
    for number in range(20):
        done = agent.submit(monthly(number), check=False)
        if done.returncode == 0:
            tickets.append(1000 + number)
        if number % 4 == 3:
            hit = agent if victim == "agent" else centre
            hit.daemon.kill()
            hit.start()
    agent.wait_for_verdicts(len(tickets))
    assert len(tickets) == 20
    assert values_at(centre) == tickets
    assert [row[0] for row in centre.sql("SELECT seq FROM tram.stream")] == [len(tickets)]


@pytest.mark.slow
def test_five_agents_while_the_centre_is_killed(fleet):
    centre = fleet.centre()
    agents = [fleet.agent(centre, f"agent-63-{code}") for code in ("45", "46", "48", "49", "51")]
    tickets = {agent.name: [] for agent in agents}

    def hand_in(agent):
        code = agent.name[-2:]
        for number in range(15):
            content = monthly(number, code)
            if agent.submit(content, check=False).returncode == 0:
                tickets[agent.name].append(number)

    threads = [threading.Thread(target=hand_in, args=(agent,)) for agent in agents]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        centre.daemon.kill()
        centre.start()
        threads[0].join(timeout=0.3)
    for agent in agents:
        agent.wait_for_verdicts(len(tickets[agent.name]))
    assert centre.value("SELECT count(*) FROM tram.observation") == sum(len(t) for t in tickets.values())


def test_road_cut_and_mended(fleet):
    centre = fleet.centre()
    road = fleet.road(centre)
    agent = fleet.agent(centre, port=road.port)
    agent.submit(monthly(1))
    agent.wait_for_verdicts(1)
    road.cut()
    for number in range(2, 8):
        agent.submit(monthly(number))
    road.mend()
    agent.wait_for_verdicts(7)
    assert values_at(centre) == list(range(1001, 1008))


def test_road_that_holds_what_passes(fleet):
    """Sent, but not arrived, then cut: sent again in the next session, and stored once."""
    centre = fleet.centre()
    road = fleet.road(centre)
    agent = fleet.agent(centre, port=road.port)
    agent.submit(monthly(1))
    agent.wait_for_verdicts(1)
    road.set(flow="hold")
    agent.submit(monthly(2))
    road.cut()
    road.mend()
    agent.wait_for_verdicts(2)
    assert values_at(centre) == [1001, 1002]


def test_terminate_drains(fleet):
    centre = fleet.centre()
    agent = fleet.agent(centre)
    agent.submit(csv_text(POPULATION))
    agent.wait_for_verdicts(1)
    assert centre.daemon.stop(signal.SIGTERM) == 0
    assert "aggregator.stopping" in centre.daemon.log()
    assert agent.daemon.stop(signal.SIGTERM) == 0


def test_hangup_takes_up_a_new_agent(fleet):
    """The roster is read anew: an agent accepted meanwhile comes in, without a restart."""
    centre = fleet.centre()
    agent = fleet.agent(centre, known=False, handshake="500ms")
    agent.submit(csv_text(POPULATION))
    wait_until(lambda: "key.refused" in centre.daemon.log(), "the refusal of an unknown key")
    centre.tram("agents", "accept", agent.key.with_suffix(".pub"))
    centre.daemon.send(signal.SIGHUP)
    agent.wait_for_verdicts(1)
    assert centre.daemon.running()


def test_two_copies_of_an_outbox_are_named(fleet):
    """A restored or copied outbox forks from what the centre has: refused, not merged."""
    import shutil
    centre = fleet.centre()
    agent = fleet.agent(centre)
    agent.submit(monthly(1))
    agent.wait_for_verdicts(1)
    agent.daemon.stop()
    backup = fleet.folder / "backup"
    shutil.copytree(agent.folder, backup)
    agent.start()
    agent.submit(monthly(2))
    agent.wait_for_verdicts(2)
    agent.daemon.stop()
    shutil.rmtree(agent.folder)
    shutil.copytree(backup, agent.folder)
    agent.start()
    agent.submit(monthly(3))
    wait_until(lambda: "forked" in centre.daemon.log().lower(), "the fork to be named")
    assert values_at(centre) == [1001, 1002]
