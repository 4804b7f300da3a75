# SPDX-License-Identifier: Apache-2.0
"""đủ: nothing that is needed is missing unseen."""

from hypothesis import assume, given
from hypothesis import strategies as st

import cases
import reckon
from judging import BLOCK, DU, DUNG, HELD, JUSTIFY, PASS, REFUSED, TAKEN, decimal, findings, judge, pb

BLANKS = ["", " ", "\t\n", "\u00a0", "\u200b", " \u200b\u00a0", "\u3000", "\ufeff"]
HEAD = ["provider", "dataflow", "time_period", "reference_date", "prepared_by"]


@given(cases.cases())
def test_what_is_taken_lacks_nothing(case):
    answer = judge(case)
    for o, outcome in zip(case.report.observations, answer.outcomes):
        if outcome in TAKEN:
            assert all(reckon.visible(getattr(case.report, field)) for field in HEAD)
            assert not reckon.blocks_of_du(reckon.Figure(o))


@given(cases.observations(), st.sampled_from(HEAD), st.sampled_from(BLANKS))
def test_a_head_that_lacks_something_is_never_taken(o, field, blank):
    case = cases.case(o)
    setattr(case.report, field, blank)
    answer = judge(case)
    assert set(answer.outcomes) == {REFUSED} and answer.words[DU] != PASS
    assert findings(answer, 0, severity=BLOCK)


@given(st.one_of(cases.with_parts, cases.weighted), st.sets(st.sampled_from(["value", "numerator", "denominator", "weight"])),
       st.integers(0, 6))
def test_parts_weights_and_reasons(indicator, fields, reason):
    """Any selection of its fields, with any reason for a missing value: taken exactly when it says all that is needed."""
    o = cases.observation(indicator, value=None, numerator=None, denominator=None, weight=None, missing_reason=reason)
    for field in fields:
        getattr(o, field).CopyFrom(decimal({"value": 71, "numerator": 71, "denominator": 100, "weight": 5}[field]))
    if reckon.has_parts(indicator) and indicator["value_type"] != "percent":
        o.ClearField("value")
    answer = judge(cases.case(o))
    assert (answer.outcomes[0] in TAKEN) == (not reckon.blocks_of_du(reckon.Figure(o)))


@given(st.sampled_from([d for d, r in reckon.DATAFLOWS.items() if r["provided_by"] == "province"]), st.data())
def test_a_report_that_lacks_mandatory_indicators_never_passes(dataflow, data):
    """What was stated before and what is stated now, be it a reason for not stating it, is together everything, or the word waits."""
    indicators = [i for i in reckon.of_dataflow(dataflow) if i["frequencies"].endswith(("S", "A"))]
    frequency = indicators[0]["frequencies"][-1]
    expected = {i["code"] for i in indicators if i["mandatory"] == "y" and frequency in i["frequencies"]}
    before = data.draw(st.sets(st.sampled_from([i["code"] for i in indicators])))
    stated = data.draw(st.lists(st.sampled_from(indicators), min_size=1, unique_by=lambda i: i["code"]))
    how = data.draw(st.lists(st.sampled_from(["value", "missing", "nothing", "withdrawn"]), min_size=len(stated), max_size=len(stated)))
    lines = []
    for indicator, kind in zip(stated, how):
        nothing = {f: None for f in ("value", "numerator", "denominator", "weight")}
        lines.append(cases.observation(indicator, **{"value": {}, "missing": nothing | {"missing_reason": 2}, "nothing": nothing,
                                                     "withdrawn": nothing | {"action": 1}}[kind]))
    case = cases.case(*lines)
    assume(frequency == reckon.frequency_of(case.report.time_period))
    case.reported = sorted(before)
    lacking = expected - before - {i["code"] for i, kind in zip(stated, how) if kind in ("value", "missing")}
    answer = judge(case)
    assert bool(lacking) == bool(findings(answer, 0, "DU-02", JUSTIFY))
    assert not lacking or answer.words[DU] != PASS


@given(st.integers(0, 300), st.integers(0, 300), st.booleans())
def test_sub_units(reporting, expected, justified):
    o = cases.observation(reckon.INDICATORS["eid_accounts_issued"], units_reporting=reporting, units_expected=expected,
                          justification="các xã còn lại chưa có cán bộ" if justified else "")
    outcome = judge(cases.case(o)).outcomes[0]
    if reporting > expected:
        assert outcome == REFUSED
    else:
        few = 100 * reporting < reckon.PARAMETERS["DU-05.coverage_percent"] * expected
        assert outcome == HELD if few and not justified else outcome in TAKEN


@given(cases.codes, cases.words, cases.codes, cases.words)
def test_only_a_reason_takes_what_needs_one(code, text, report_code, report_text):
    """A jump, with any justification of its own and of its report."""
    o = cases.observation(reckon.INDICATORS["mobile_money_customers"], value=decimal(16_400_000), justification_code=code,
                          justification=text)
    case = cases.case(o, justification_code=report_code, justification=report_text)
    case.lines[0].history.extend(cases.history("2024-S1", [7_700_000]))
    answer = judge(case)
    outcome, sound = answer.outcomes[0], reckon.is_sound(reckon.reason_of(case.report, o))
    assert (answer.words[DUNG] == HELD) == (not sound)
    assert sound or outcome not in TAKEN
    if reckon.reason_of(case.report, o) is None:
        assert outcome == HELD


@given(cases.indicators, st.sampled_from([0, 77]))
def test_zero_is_a_value_and_missing_is_not(indicator, status):
    zero = cases.observation(indicator, obs_status=status)
    if reckon.has_parts(indicator):
        zero.numerator.CopyFrom(decimal(0))
    else:
        zero.value.CopyFrom(decimal(0))
    assert (judge(cases.case(zero)).outcomes[0] in TAKEN) == (status == 0)
    missing = cases.observation(indicator, value=None, numerator=None, denominator=None, weight=None, obs_status=status)
    assert judge(cases.case(missing)).outcomes[0] == REFUSED
    missing.missing_reason = pb.MISSING_REASON_LATE
    assert judge(cases.case(missing)).outcomes[0] in TAKEN
