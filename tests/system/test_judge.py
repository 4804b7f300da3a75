# SPDX-License-Identifier: Apache-2.0
"""The judge of the property tests beside the real aggregator: what is shown of the one holds for the other."""

import json
import sys

from hypothesis import HealthCheck, given, settings

from tramtest import ROOT

sys.path.insert(0, str(ROOT / "tests" / "property"))

import cases  # noqa: E402
import judging  # noqa: E402
import reckon  # noqa: E402
from foreign import ForeignAgent  # noqa: E402
from roadbook import Keys  # noqa: E402

BEFORE = ["psp_registered_accounts", "eid_accounts_issued", "psp_new_accounts"]
LAST_PERIOD = reckon.back("2024-S1", 1)
REPORTS = 25
STATES = {1: "pass", 2: "warn", 3: "held", 4: "fail"}


def delimited(reports):
    """One file of them: each after its length as a varint."""
    out = b""
    for data in reports:
        n = len(data)
        while n >= 128:
            out, n = out + bytes([n & 127 | 128]), n >> 7
        out += bytes([n]) + data
    return out


def whole_figures(n):
    """Reports that a file may have, for the period that is stored and the one after it, with figures of any size."""
    made, values = [], [0, 1, 999, 1000, 3500, 7103, 14206, 14207, 7103000, 10**6, 10**9, 12345678]
    for k in range(n):
        lines = [cases.observation(reckon.INDICATORS[name], value=judging.decimal(values[(k * 5 + place * 7) % len(values)]))
                 for place, name in enumerate(BEFORE)]
        made.append(last_period(*lines) if k % 5 == 4 else cases.case(*lines, purpose=judging.pb.PURPOSE_BACKFILL))
    return made


def made_up(n):
    """Reports with anything wrong with them, the same ones every time, beside an otherwise empty past."""
    made = []

    @settings(max_examples=n, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck))
    @given(cases.cases())
    def collect(case):
        case.agent, case.look_alike, case.reported, case.stands = "agent-63-46", None, [], []
        case.lines = [judging.jpb.Line() for _ in case.lines]
        made.append(case)
    collect()
    return made[:n]


def last_period(*lines):
    lines = lines or [cases.observation(reckon.INDICATORS[name]) for name in BEFORE]
    return cases.case(*lines, period=LAST_PERIOD, reference_date="2023-12-01", purpose=judging.pb.PURPOSE_BACKFILL)


def with_what_stands(case):
    """What the centre knows after the report of the last period: the history of its indicators, and what relates to them."""
    if case.report.time_period == "2024-S1":
        for o, line in zip(case.report.observations, case.lines):
            if o.indicator in BEFORE and not o.dimensions:
                line.history.extend(cases.history("2024-S1", [7103]))
    if case.report.time_period == LAST_PERIOD:
        for o, line in zip(case.report.observations, case.lines):
            if o.indicator in BEFORE and not o.dimensions:
                line.past.CopyFrom(cases.stored(cases.observation(reckon.INDICATORS[o.indicator])))
    if case.report.time_period in ("2024-S1", LAST_PERIOD):
        for name in BEFORE:
            case.stands.append(judging.jpb.Stands(indicator=name, point=judging.jpb.Point(period=LAST_PERIOD, value=judging.decimal(7103))))
    return case


def told(verdict):
    return [(f.rule, f.severity, f.observation, f.field, f.found, f.expected, f.message_vi) for f in verdict.findings]


def test_the_judge_and_the_aggregator_say_the_same(centre, folder):
    keys = Keys.make("agent-63-46").write(folder / "agent-63-46.key")
    centre.tram("agents", "accept", folder / "agent-63-46.pub")
    foreign = ForeignAgent(centre, keys, folder)
    try:
        client = foreign.open()
        verdict = client.verdict(client.submit(last_period().report.SerializeToString()))
        assert all(outcome in judging.TAKEN for outcome in verdict.outcomes)
        seen = set()
        for case in made_up(REPORTS):
            verdict = client.check(case.report.SerializeToString())
            case.received_us = case.handed_in_us = verdict.known_at_us
            answer = judging.judge(with_what_stands(case))
            assert list(answer.outcomes) == list(verdict.outcomes)
            assert list(answer.words) == [word.state for word in verdict.words]
            assert told(answer) == told(verdict)
            seen |= {f.rule for f in verdict.findings} | set(verdict.outcomes)
        assert len(seen) > 20, seen  # of many kinds, or it would prove little
        odd = cases.case(cases.observation(reckon.INDICATORS["mobile_money_customers"], value=None, missing_reason=1, obs_status=200,
                                           rank_out_of=2**32 - 1))
        assert client.verdict(client.submit(odd.report.SerializeToString())).outcomes[0] == judging.REFUSED
    finally:
        foreign.close()
        judging.end_judge()


def test_tram_check_says_the_same(agent):
    """A file of 25 reports, of the period that is stored and of the next one."""
    agent.submit(last_period().report.SerializeToString(), "--from", "protobuf", name="last.pb")
    agent.wait_for_verdicts(1)
    made = whole_figures(REPORTS)
    path = agent.file(delimited([case.report.SerializeToString() for case in made]), "reports.pb")
    done = agent.tram("check", path, "--format", "json", check=False)
    verdicts = json.loads(done.stdout)["verdicts"]
    assert len(verdicts) == REPORTS, done.stderr
    try:
        for case, verdict in zip(made, verdicts):
            answer = judging.judge(with_what_stands(case))
            names = ["accepted", "warned", "held", "refused", "duplicate"]
            assert [verdict[name] for name in names] == [list(answer.outcomes).count(k) for k in range(1, 6)]
            assert list(verdict["words"].values()) == [STATES[word] for word in answer.words]
            assert sorted((f["rule"], f["observation"], f.get("found", ""), f.get("expected", "")) for f in verdict["findings"]) == \
                sorted((f.rule, f.observation, f.found, f.expected) for f in answer.findings)
    finally:
        judging.end_judge()
