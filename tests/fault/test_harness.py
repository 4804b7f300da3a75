# SPDX-License-Identifier: Apache-2.0
"""
Negative controls of the harness: a cell that proves nothing fails, one that breaks is told with its place, and what is
falsified in PostgreSQL itself, behind everybody's back, is found there. And what a seed promises: the same plan again.
"""

import signal
import xml.etree.ElementTree as tree

import pytest

import suite
from cells import Cell
from tramtest import wait_until
from world import Bench, World


@pytest.fixture(scope="module")
def bench():
    bench = Bench()
    yield bench
    bench.close()


def quiet(w):
    """Two agents, a few reports each, and nothing goes on any more."""
    w.make_centre()
    w.make_agent()
    w.make_agent()
    w.start()
    wait_until(lambda: all(load.handed_in >= 5 for load in w.loads.values()), "hand-ins")
    w.fired("nothing, on purpose")


def unfired(w):
    """As quiet(), and then the fault is waited for in vain."""
    quiet(w)
    w.proofs.clear()
    w.await_or_not_fired(lambda: False, "the fault", 0.1)


def outcome_of(bench, scenario, seed=1, **arguments):
    return suite.run_cell(bench, Cell("harness-test", scenario, arguments), seed)


def test_sound_cell_passes(bench):
    outcome = outcome_of(bench, quiet)
    assert outcome.passed and outcome.complaints == []
    assert outcome.reports >= 10


def test_cell_without_a_proof_fails(bench):
    def nothing(w):
        quiet(w)
        w.proofs.clear()

    outcome = outcome_of(bench, nothing)
    assert outcome.complaints == ["the fault did not fire: nothing proves that the fault happened"]
    assert len(outcome.unfired) == 2  # it was not for want of trying


def test_moment_that_is_never_reached_fails(bench):
    def never(w):
        quiet(w)
        w.proofs.clear()
        w.await_death(w.centres[0], 9, patience_s=0.2)

    outcome = outcome_of(bench, never)
    assert len(outcome.complaints) == 1 and outcome.complaints[0].startswith("the fault did not fire: waited")


def test_death_by_something_else_fails(bench):
    def another(w):
        quiet(w)
        w.proofs.clear()
        w.agents[0].daemon.process.terminate()
        w.await_death(w.agents[0], 9)

    outcome = outcome_of(bench, another)
    assert "not by SIGKILL" in outcome.complaints[0] and not outcome.unfired


def test_fault_that_fires_at_the_second_try(bench, tmp_path):
    """It passes and says so, wherever outcomes are told; the seed is the one of the try that passed."""
    seeds = []

    def second(w):
        seeds.append(w.seed)
        unfired(w) if len(seeds) == 1 else quiet(w)

    outcome = outcome_of(bench, second)
    assert outcome.passed and seeds[0] == 1 and outcome.seed == seeds[1] != 1 and len(seeds) == 2
    suite.write_junit(tmp_path / "fault.xml", [outcome], 1)
    told = tree.parse(tmp_path / "fault.xml").getroot()
    assert told.get("failures") == "0"
    for text in ("\n".join(suite.lines_of(outcome)), told.find(".//system-out").text):
        assert text.startswith("ok") and "second try: nothing, on purpose" in text
        assert "first try (seed 1): the fault did not fire: waited 0.1 s in vain for the fault; logs: " in text


def test_fault_that_never_fires(bench, tmp_path):
    seeds = []

    def never(w):
        seeds.append(w.seed)
        unfired(w)

    outcome = outcome_of(bench, never)
    assert not outcome.passed and outcome.complaints == ["the fault did not fire: waited 0.1 s in vain for the fault"]
    assert len(set(seeds)) == 3 and [u.seed for u in outcome.unfired] == seeds[:2]
    suite.write_junit(tmp_path / "fault.xml", [outcome], 1)
    assert tree.parse(tmp_path / "fault.xml").getroot().get("failures") == "1"
    seeds.clear()
    suite.run_cell(bench, Cell("harness-test", never), 1, tries=1)
    assert len(seeds) == 1


def gluttony(w):
    w.watch.note("use", w.agents[0].label, 10**9, 1, 1)


def crash(w):
    w.agents[0].daemon.send(signal.SIGABRT)
    w.agents[0].daemon.wait()


@pytest.mark.parametrize(("wrong", "said"), [(gluttony, "I12: "), (crash, "agent-63-45 ended by SIGABRT of its own accord")])
def test_complaint_is_not_tried_again(bench, wrong, said):
    """Though the fault did not fire: what was seen while it ran is not thrown away."""
    tries = []

    def complained_of(w):
        tries.append(w.seed)
        quiet(w)
        w.proofs.clear()
        wrong(w)
        w.await_or_not_fired(lambda: False, "the fault", 0.1)

    outcome = outcome_of(bench, complained_of)
    assert len(tries) == 1 and not outcome.unfired
    assert outcome.complaints[0].startswith("the fault did not fire: ") and outcome.complaints[1].startswith(said)


def test_condition_that_breaks_is_not_tried_again(bench):
    """A wait whose condition fails by itself is no fault that did not fire."""
    def broken(w):
        quiet(w)
        w.await_or_not_fired(lambda: [][0], "the fault", 1)

    def denied(w):
        def condition():
            raise AssertionError("on purpose")
        quiet(w)
        w.await_or_not_fired(condition, "the fault", 1)

    for scenario, said in ((broken, "IndexError: "), (denied, "AssertionError: on purpose")):
        outcome = outcome_of(bench, scenario)
        assert outcome.complaints[0].startswith(said) and not outcome.unfired


def test_scenario_that_breaks_is_told_with_its_place(bench):
    def broken(w):
        quiet(w)
        raise ValueError("on purpose")

    outcome = outcome_of(bench, broken)
    assert outcome.complaints[0].startswith("ValueError: on purpose (test_harness.py:") and not outcome.unfired


REVOKE = ("INSERT INTO tram.agent_key (agent_no, curve_public, signing_public, state, changed_at) SELECT agent_no, curve_public,"
          " signing_public, 'revoked', now() FROM tram.agent_key WHERE agent_no = 1")

# What is falsified, and the invariants that must be named.
FALSIFIED = [
    ("DELETE FROM tram.report WHERE report_no = (SELECT max(report_no) FROM tram.report)", {"I1", "I4", "I6"}),
    ("UPDATE tram.report SET digest = '\\x00' || substr(digest, 2) WHERE report_no = (SELECT min(report_no) FROM tram.report)", {"I1", "I2"}),
    ("UPDATE tram.batch SET payload = payload || '\\x00' WHERE from_seq = 1", {"I2"}),
    ("UPDATE tram.batch SET signature = set_byte(signature, 5, 255 - get_byte(signature, 5)) WHERE from_seq = 1", {"I2 chain"}),
    ("UPDATE tram.stream SET seq = seq - 1", {"I3", "I4", "I5"}),
    ("UPDATE tram.stream SET seq = seq", {"I6"}),  # moved in a transaction of its own
    ("UPDATE tram.verdict SET outcomes = '\\x04'::bytea || substr(outcomes, 2) WHERE outcomes <> '\\x04'", {"I6", "verdicts"}),
    ("DELETE FROM tram.verdict WHERE verdict_seq = 1", {"I6", "verdicts"}),
    # One that was stated anew since, so that it is missed in its series too.
    ("DELETE FROM tram.observation WHERE (area_no, key) = (SELECT o.area_no, o.key FROM tram.observation o JOIN tram.observation later"
     " ON later.area_no = o.area_no AND later.key >> 14 = o.key >> 14 AND later.key > o.key ORDER BY 1, 2 LIMIT 1)", {"I6", "I13"}),
    ("UPDATE tram.stream SET agent = CASE agent_no WHEN 1 THEN 'agent-63-46' ELSE 'agent-63-45' END WHERE agent_no <= 2", {"I10"}),
]


@pytest.mark.parametrize(("statement", "invariants"), FALSIFIED, ids=[str(i) for i in range(len(FALSIFIED))])
def test_falsified_store_is_found(bench, statement, invariants):
    world = World(bench, "harness-test", 1)
    try:
        quiet(world)
        for load in world.loads.values():
            load.stop()
        world.await_quiet()
        wait_until(lambda: sum(world.marks().values()) == sum(len(e.reports) for e in world.facts.ledger), "the onlooker to see it")
        for member in world.centres:
            member.daemon.stop()
        with world.postgres.connect(world.database) as db:
            db.execute(statement)
        world.watch.stop()
        facts = world.gather()
    finally:
        world.close()
    named = {text.split(": ")[0] for text in suite.oracle.complaints(facts)}
    assert invariants <= named, suite.oracle.complaints(facts)


def test_revocation_that_nobody_heeds_is_found(bench):
    """Written past the programs, so that they cannot know."""
    world = World(bench, "harness-test", 1)
    try:
        quiet(world)
        with world.postgres.connect(world.database) as db:
            db.execute(REVOKE)
        named = {text.split(": ")[0] for text in suite.oracle.complaints(world.finish())}
    finally:
        world.close()
    assert named == {"I11"}


def killed_sometime(w):
    """A cell with draws that needs no moment of the preset fault."""
    for what in ("hit", "dead_s", "stopped_s"):
        w.draw(what, range(100))
    quiet(w)
    w.agents[0].daemon.kill()
    w.restart(w.agents[0])
    w.await_flow()


def plan_of(bench, seed):
    """What the seed decides: the draws, and the bytes that are handed in, as far as both runs came."""
    world = World(bench, "harness-test", seed)
    try:
        killed_sometime(world)
        world.finish()
    finally:
        world.close()
    issued = {agent.name: [d for entry in world.facts.ledger if entry.agent == agent.name for d in entry.digests] for agent in world.agents}
    return world.plan, issued


def test_same_seed_same_plan(bench):
    (plan, issued), (again, issued_again), (other, _) = plan_of(bench, 5), plan_of(bench, 5), plan_of(bench, 8)
    assert plan == again != other
    for name, digests in issued.items():
        n = min(len(digests), len(issued_again[name]))
        assert n > 5 and digests[:n] == issued_again[name][:n]
