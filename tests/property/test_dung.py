# SPDX-License-Identifier: Apache-2.0
"""đúng: no figure is taken that cannot be so, or that is out of the ordinary without a reason."""

from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import cases
import reckon
from judging import BLOCK, HELD, JUSTIFY, REFUSED, TAKEN, decimal, findings, jpb, judge, moment, pb, rules

REASON = {"justification_code": "verified_at_source", "justification": "đã đối chiếu với sổ gốc"}


@given(cases.cases())
def test_what_is_taken_is_of_its_type_within_bounds_and_agrees_with_its_parts(case):
    answer = judge(case)
    for o, outcome in zip(case.report.observations, answer.outcomes):
        f = reckon.Figure(o)
        if outcome in TAKEN:
            assert not f.bad and (f.withdrawn or not reckon.blocks_of_dung(f))
            assert o.unit in ("", f.indicator["unit"]) or reckon.is_sound(reckon.reason_of(case.report, o))
            assert 0 <= o.qualifier <= 6 and (not o.obs_status or o.obs_status in reckon.STATUSES)


@given(st.sampled_from([i for i in reckon.INDICATORS.values() if i["min"] or i["max"]]), st.booleans(), st.integers(-2, 2),
       st.integers(0, 6), st.integers(-6, 6))
def test_bounds_are_kept_to_the_last_digit(indicator, upper, steps, places, mult):
    """A value beside a bound, stated with any decimals and multiplier."""
    bound = indicator["max"] if upper and indicator["max"] else indicator["min"]
    assume(bound)
    stated = (Fraction(bound) / Fraction(10)**mult) * 10**places
    assume(stated.denominator == 1)
    province = reckon.DATAFLOWS[indicator["dataflow"]]["provided_by"] == "province"
    o = cases.observation(indicator, value=pb.Decimal(mantissa=int(stated) + steps, scale=places), unit_mult=mult,
                          ref_area="63/46" if province else "VN")
    answer = judge(cases.case(o, provider="P63-46" if province else "C-MIC"))
    value = Fraction(int(stated) + steps, 10**places) * Fraction(10)**mult
    outside = indicator["min"] and value < Fraction(indicator["min"]) or indicator["max"] and value > Fraction(indicator["max"])
    assert bool(outside) == any(f.field == "value" and "integer" not in f.expected for f in findings(answer, 1, "DUNG-04"))
    assert not outside or answer.outcomes[0] == REFUSED


@given(cases.with_parts, st.integers(0, 10**9), st.integers(1, 10**9), st.integers(0, 9), st.integers(-2, 2),
       st.sampled_from([0, 0, 0, 1, 2, 3, 9, -1]))
def test_a_ratio_agrees_with_its_parts_within_half_a_unit(indicator, numerator, denominator, places, steps, mult):
    if indicator["kind"] == "count_ratio" or indicator["value_type"] == "percent":
        numerator = min(numerator, denominator)
    factor = 100 if indicator["value_type"] == "percent" else 1
    exact = factor * Fraction(numerator, denominator) * 10**places
    o = cases.observation(indicator, value=pb.Decimal(mantissa=int(exact / Fraction(10)**mult) + steps, scale=places), unit_mult=mult,
                          numerator=decimal(numerator), denominator=decimal(denominator))
    f = reckon.Figure(o)
    assume(not f.bad)
    wrong = "disagrees with its parts" in reckon.blocks_of_dung(f)
    answer = judge(cases.case(o))
    assert wrong == bool(findings(answer, 1, "DUNG-06"))
    assert not wrong or answer.outcomes[0] == REFUSED


@given(cases.with_parts, st.integers(0, 10**17), st.integers(1, 10**17), st.integers(9, 18), st.integers(-2, 2))
def test_a_ratio_of_many_digits_agrees_too(indicator, numerator, denominator, places, steps):
    numerator = min(numerator, denominator)
    factor = 100 if indicator["value_type"] == "percent" else 1
    mantissa = int(factor * Fraction(numerator, denominator) * 10**places) + steps
    assume(abs(mantissa) < 10**18)
    o = cases.observation(indicator, numerator=decimal(numerator), denominator=decimal(denominator),
                          value=pb.Decimal(mantissa=mantissa, scale=places))
    f = reckon.Figure(o)
    assert judge(cases.case(o)).outcomes[0] not in TAKEN or "disagrees with its parts" not in reckon.blocks_of_dung(f)


# ---------------------------------------------------------------- its own past, and others

pasts = st.one_of(
    st.lists(st.integers(5000, 9000), min_size=6, max_size=24),
    st.lists(st.integers(0, 10**6), min_size=6, max_size=12),
    st.tuples(st.integers(0, 10**6), st.integers(6, 24)).map(lambda t: [t[0]] * t[1]),
    st.lists(st.tuples(st.integers(0, 10**5), st.sampled_from([False, False, False, True])), min_size=6, max_size=24),
)


@given(cases.counted, pasts, st.one_of(st.integers(0, 10**8), st.fractions(Fraction(1, 20), 20, max_denominator=50)),
       st.sampled_from(["none", "sound", "unsound"]), st.integers(0, 3))
def test_an_outlier_asks_for_a_reason_and_is_never_refused_for_it(indicator, past, value, reason, peers):
    points = [p if isinstance(p, tuple) else (p, False) for p in past]
    if isinstance(value, Fraction):  # so many times what is usual
        value = int(value * reckon.median([v for v, _ in points]))
    o = cases.observation(indicator, value=decimal(value))
    if reason != "none":
        o.justification_code, o.justification = "verified_at_source", REASON["justification"] if reason == "sound" else " "
    case = cases.case(o)
    case.lines[0].history.extend(cases.history(case.report.time_period, points))
    if peers == 0:
        case.lines[0].peers.CopyFrom(jpb.Peers(n=62, median=decimal(value), mad=decimal(1)))
    outlier = reckon.is_outlier(indicator, Fraction(value), [(Fraction(v), b) for v, b in points])
    answer = judge(case)
    asked = findings(answer, 1, severity=JUSTIFY)
    if outlier:
        assert {"DUNG-10", "SACH-07"} & {f.rule for f in asked}
        assert reason == "sound" or answer.outcomes[0] not in TAKEN
    assert reason == "unsound" or answer.outcomes[0] != REFUSED
    assert reason != "none" or (answer.outcomes[0] == HELD) == bool(asked)
    if not outlier and len(reckon.since_break(points)) >= 6 and reckon.median(reckon.since_break([v for v in points])):
        assert not [f for f in asked if f.rule == "DUNG-10"]


@given(cases.counted, st.integers(1000, 10**9), st.integers(1000, 10**9), st.integers(0, 2))
def test_a_short_past_asks_about_what_more_than_doubled_or_halved(indicator, last, value, n):
    case = cases.case(cases.observation(indicator, value=decimal(value)))
    case.lines[0].history.extend(cases.history(case.report.time_period, [last] * (1 + n)))
    jumped = value > 2 * last or 2 * value < last
    answer = judge(case)
    assert jumped == bool({"DUNG-10", "SACH-07"} & {f.rule for f in findings(answer, 1, severity=JUSTIFY)})
    assert not jumped or answer.outcomes[0] == HELD


@given(cases.indicators, st.integers(1, 10**8), st.integers(0, 10**6), st.integers(1, 10**5), st.integers(10, 62))
def test_other_provinces_alone_hold_nothing(indicator, value, median, mad, n):
    """Where nothing is known of its own past, what others state is a warning at most."""
    o = cases.observation(indicator)
    if not reckon.has_parts(indicator):
        o.value.CopyFrom(decimal(value))
    case = cases.case(o)
    case.lines[0].peers.CopyFrom(jpb.Peers(n=n, median=decimal(median), mad=decimal(mad)))
    answer = judge(case)
    assert all(f.severity < JUSTIFY for f in findings(answer, 1, "DUNG-10"))
    assert reckon.is_nines(o.value) or answer.outcomes[0] in TAKEN


# ---------------------------------------------------------------- indicators with each other

@given(st.lists(st.one_of(st.none(), st.integers(0, 3000)), min_size=7, max_size=7), st.booleans(), st.booleans())
def test_cross_rules_hold_or_there_is_a_reason(numbers, justified, of_report):
    """Running totals, what came new, and what stood one and two periods ago; any of them may be missing."""
    now = dict(zip(("psp_registered_accounts", "psp_new_accounts", "eid_accounts_issued"), numbers))
    assume(any(v is not None for v in now.values()))
    case = cases.case(*[cases.observation(reckon.INDICATORS[k], value=decimal(v), **(REASON if justified and not of_report else {}))
                        for k, v in now.items() if v is not None], **(REASON if justified and of_report else {}))
    before = {("psp_registered_accounts", 1): numbers[3], ("psp_registered_accounts", 2): numbers[4],
              ("eid_accounts_issued", 1): numbers[5], ("eid_accounts_issued", 2): numbers[6]}
    for (name, lag), v in before.items():
        if v is not None:
            case.stands.append(jpb.Stands(indicator=name, point=jpb.Point(period=reckon.back("2024-S1", lag), value=decimal(v))))
    answer = judge(case)
    for k, o in enumerate(case.report.observations, 1):
        broken = reckon.cross_rule_breaks(o.indicator, Fraction(o.value.mantissa),
                                          lambda name, lag: before.get((name, lag)) if lag else now.get(name))
        assert broken == {f.rule for f in findings(answer, k) if f.rule in ("DUNG-07", "DUNG-08", "DUNG-11")}
        if not reckon.is_nines(o.value):
            assert (answer.outcomes[k - 1] in TAKEN) == (not broken or justified)
        assert answer.outcomes[k - 1] != REFUSED


@given(st.integers(0, 200), st.integers(0, 100), st.integers(0, 100), st.integers(0, 100))
def test_a_total_is_the_sum_of_its_parts(total, treaties, laws, guidance):
    parts = (treaties, laws, guidance)
    names = ["etransaction_law_affected_" + n for n in ("documents", "treaties", "laws", "guidance")]
    case = cases.case(*[cases.observation(reckon.INDICATORS[n], value=decimal(v), ref_area="VN")
                        for n, v in zip(names, (total, *parts))], provider="C-MIC")
    assert ("DUNG-07" in rules(judge(case), 1)) == (total != sum(parts))


# ---------------------------------------------------------------- codes

AREAS = reckon.rows("registry/areas.csv")


def meaning(code, day):
    """The area that a code means on a day: by its full name, or a code of the units that were there that day."""
    found = [a["area"] for a in AREAS if code and code in (a["area"], a["code"])
             and a["valid_from"] <= day <= (a["valid_to"] or "9999")]
    return found[0] if len(found) == 1 else None


@given(st.sampled_from([p for p in reckon.PROVIDERS.values() if p["kind"] == "province"]),
       st.sampled_from([a["area"] for a in AREAS] + [a["code"] for a in AREAS if a["level"] == "province"]), st.booleans(),
       st.sampled_from(["2024-06-01", "2025-06-30", "2025-07-01"]))
def test_no_figure_is_taken_for_another_area(provider, code, own, day):
    """The code trap of 2025-07-01: seven codes name another province from that day on."""
    code = provider["area"].partition("/")[2] if own else code
    o = cases.observation(reckon.INDICATORS["eid_accounts_issued"], ref_area=code)
    case = cases.case(o, provider=provider["provider"], reference_date=day, received=moment("2025-07-10"), period="2025-S1")
    if judge(case).outcomes[0] in TAKEN:
        assert meaning(code, day) == provider["area"]


@given(st.sampled_from(sorted(reckon.INDICATORS)), st.sampled_from(sorted(reckon.DATAFLOWS)), st.sampled_from(["P63-46", "C-MIC"]),
       st.sampled_from(["2024", "2024-S1", "2024-Q1", "2024-05", "2020-S1", "2019", "2024-01-01/P1Y"]))
def test_nothing_is_taken_that_is_not_reported_so(indicator, dataflow, provider, period):
    o = cases.observation(reckon.INDICATORS[indicator], ref_area="63/46" if provider == "P63-46" else "VN")
    case = cases.case(o, provider=provider, dataflow=dataflow, period=period, reference_date="2024-12-20",
                      received=moment("2024-12-31"))
    if judge(case).outcomes[0] in TAKEN:
        i, d = reckon.INDICATORS[indicator], reckon.DATAFLOWS[dataflow]
        frequency = "R" if "/" in period else reckon.frequency_of(period)
        assert i["dataflow"] == dataflow and d["provided_by"] == ("province" if provider == "P63-46" else "centre")
        assert frequency in i["frequencies"].split("|") and frequency in d["frequencies"].split("|")
        assert "/" in period or period[:4] >= i["valid_from"][:4]


@given(st.sampled_from(["agent-63-45", "agent-centre", "", "agent-63-46 "]))
def test_nobody_speaks_for_another(agent):
    case = cases.case(cases.observation(reckon.INDICATORS["eid_accounts_issued"]))
    case.agent = agent
    answer = judge(case)
    assert answer.outcomes[0] == REFUSED and findings(answer, 0, "DUNG-01", BLOCK)


@pytest.mark.parametrize("value, taken", [(16_400_000, False), (7_700_000, True)])
def test_16_4_million_after_7_7_asks(value, taken):
    """True, and out of the ordinary: it is asked about, and taken with a reason."""
    case = cases.case(cases.observation(reckon.INDICATORS["psp_registered_accounts"], value=decimal(value)))
    case.lines[0].history.extend(cases.history("2024-S1", [7_700_000]))
    assert (judge(case).outcomes[0] in TAKEN) == taken
    case.report.justification_code, case.report.justification = REASON.values()
    assert judge(case).outcomes[0] in TAKEN
