# SPDX-License-Identifier: Apache-2.0
"""sạch: one value a figure, nothing hidden in texts, nothing that only holds a place, no copies."""

from fractions import Fraction

from hypothesis import assume, given
from hypothesis import strategies as st

import cases
import reckon
from judging import (BLOCK, DAY_US, DUPLICATE, HELD, JUSTIFY, PASS, REFUSED, SACH, TAKEN, decimal, findings, jpb, judge, number, pb,
                     rules)

POPULATION = reckon.INDICATORS["population"]

# ---------------------------------------------------------------- one value a key


def said(o):
    """What an observation says of its figure, however it is written."""
    f = reckon.Figure(o)
    return (f.value, f.numerator, f.denominator, f.weight, o.rank_out_of, o.missing_reason, o.action, o.qualifier or 1,
            o.obs_status or (77 if o.missing_reason else 65))


def spelled(draw, value):
    """The same number or a near one, in some spelling: a multiplier, more zeros."""
    mult = draw(st.sampled_from([0, 0, 3, -1]))
    scale = draw(st.integers(0, 3))
    stated = Fraction(value) / Fraction(10)**mult * 10**scale
    return (pb.Decimal(mantissa=int(stated), scale=scale), mult) if stated.denominator == 1 else (decimal(value), 0)


@given(st.data())
def test_no_two_values_for_one_figure_are_taken_together(data):
    """Lines about one figure under different spellings of area, dimensions and value."""
    lines = []
    for _ in range(data.draw(st.integers(2, 5))):
        value, mult = spelled(data.draw, data.draw(st.sampled_from([1000, 1000, 2000])))
        o = cases.observation(POPULATION, value=value, unit_mult=mult, ref_area=data.draw(st.sampled_from(["63/46", "46"])),
                              qualifier=data.draw(st.sampled_from([0, 1, 6])), obs_status=data.draw(st.sampled_from([0, 65, 80])))
        if data.draw(st.booleans()):
            o.dimensions.add(id="SEX", value=data.draw(st.sampled_from("FM")))
        lines.append(o)
    case = cases.case(*lines, purpose=pb.PURPOSE_BACKFILL)
    answer = judge(case)
    by_key = {}
    for o, outcome in zip(lines, answer.outcomes):
        by_key.setdefault(tuple((d.id, d.value) for d in o.dimensions), []).append((said(o), outcome))
    for stated in by_key.values():
        taken = [what for what, outcome in stated if outcome in TAKEN]
        assert len(taken) == (len({what for what, _ in stated}) == 1)
        assert len(taken) or all(outcome == REFUSED for _, outcome in stated)


@given(cases.observations(), st.data())
def test_what_differs_from_what_is_stored_says_that_it_revises_and_why(o, data):
    reason = data.draw(cases.words)
    purpose, revises = data.draw(st.sampled_from([1, 2, 3])), data.draw(st.booleans())
    case = cases.case(o, purpose=purpose, revises=revises, reason=reason)
    past = data.draw(cases.pasts(o))
    case.lines[0].past.CopyFrom(past)
    answer = judge(case)
    if answer.outcomes[0] not in TAKEN:
        return
    never_stood = past.decided == 2 and past.revision == 0
    states_other = said(o) != said_by(past)
    assert past.revision < 16383 or not states_other
    if states_other and not past.withdrawn and not never_stood:
        assert revises or purpose == 3 or o.action == 1
    if revises or purpose == 3 or o.action == 1:
        assert reckon.visible(reason) and not reckon.is_placeholder(reason)


def said_by(past):
    fields = [number(getattr(past, k)) if past.HasField(k) else None for k in ("value", "numerator", "denominator", "weight")]
    return (*fields, past.rank_out_of, past.missing_reason, int(past.withdrawn), past.qualifier, past.obs_status)


@given(cases.observations())
def test_what_is_stored_already_is_not_stored_again(o):
    case = cases.case(o)
    assume(judge(case).outcomes[0] in TAKEN and o.action == 0)
    case.lines[0].past.CopyFrom(cases.stored(o))
    assert judge(case).outcomes[0] == DUPLICATE


# ---------------------------------------------------------------- texts

REPORT_TEXTS = ["provider", "dataflow", "time_period", "period_from", "period_to", "reference_date", "reason", "prepared_by",
                "prepared_at", "approved_by", "approved_at", "comment", "software", "justification_code", "justification"]
LINE_TEXTS = ["indicator", "ref_area", "unit", "source_system", "justification_code", "justification", "comment"]
SAMPLES = {"prepared_at": "2024-06-01T08:00:00+07:00", "approved_at": "2024-06-01T08:00:00+07:00", "period_from": "2023-12-15",
           "period_to": "2024-06-14"}


@given(st.sampled_from([(0, f) for f in REPORT_TEXTS] + [(1, f) for f in LINE_TEXTS] + [(1, "dimensions")]),
       st.sampled_from(reckon.INVISIBLE + reckon.CONTROLS), st.integers(0, 30))
def test_no_text_hides_a_character_unseen(where, hidden, at):
    line, field = where
    o = cases.observation(reckon.INDICATORS["mobile_money_customers"])
    case = cases.case(o)
    if field == "dimensions":
        case.report.observations[0].dimensions.add(id="SEX", value="F" + hidden)
    else:
        of = case.report.observations[0] if line else case.report
        if field.startswith("period_"):
            case.report.period_from, case.report.period_to = SAMPLES["period_from"], SAMPLES["period_to"]
        text = getattr(of, field) or SAMPLES.get(field, "theo sổ gốc")
        setattr(of, field, text[:at] + hidden + text[at:])
    answer = judge(case)
    told = {f.field for f in findings(answer, line)} | {f.field for f in findings(answer, 0)}
    assert field in told or field.startswith("period_") and "period_from" in told
    assert set(answer.words) != {PASS}


@given(st.sampled_from(["prepared_by", "comment", "reason"]), st.sampled_from([b"\xff", b"\x80", b"\xc0", b"\x00"]))
def test_no_text_hides_what_is_no_text(field, byte):
    case = cases.case(cases.observation(reckon.INDICATORS["mobile_money_customers"]), **{field: "trước?sau"})
    assert judge(case, case.report.SerializeToString().replace(b"?", byte)).poison


# ---------------------------------------------------------------- placeholders

around = st.sampled_from(["", "", " ", "\u00a0", "\u200b", "\t"])


@given(st.sampled_from(reckon.PLACEHOLDERS), around, around,
       st.sampled_from([(0, "prepared_by"), (0, "approved_by"), (0, "reason"), (1, "source_system"), (1, "unit"),
                        (1, "justification"), (0, "justification"), (1, "justification_code")]))
def test_no_placeholder_is_taken(placeholder, before, after, where):
    line, field = where
    case = cases.case(cases.observation(reckon.INDICATORS["mobile_money_customers"]))
    setattr(case.report.observations[0] if line else case.report, field, before + placeholder + after)
    answer = judge(case)
    assert answer.outcomes[0] not in TAKEN and answer.words[SACH] != PASS


@given(cases.indicators, st.integers(3, 17), st.integers(0, 4), st.sampled_from([0, 0, 3]),
       st.sampled_from(["value", "numerator", "denominator", "weight"]))
def test_nines_are_never_taken_without_a_reason(indicator, digits, zeros, mult, field):
    """999, 9999, and 999.00 as well."""
    assume(digits + zeros <= 17)
    o = cases.observation(indicator, unit_mult=mult)
    getattr(o, field).CopyFrom(pb.Decimal(mantissa=(10**digits - 1) * 10**zeros, scale=zeros))
    case = cases.case(o)
    answer = judge(case)
    assert answer.outcomes[0] not in TAKEN and findings(answer, 1, "SACH-06", JUSTIFY)


@given(st.sampled_from([i for i in cases.REPORTED if i["min"]]), st.sampled_from(["-1", "-1.0", "-1.000"]),
       st.sampled_from(["value", "numerator", "denominator", "weight"]))
def test_minus_one_is_never_taken(indicator, minus_one, field):
    assume(field in ("value", "weight") or reckon.has_parts(indicator))
    o = cases.observation(indicator, justification_code="verified_at_source", justification="đã đối chiếu")
    getattr(o, field).CopyFrom(decimal(minus_one))
    assert judge(cases.case(o)).outcomes[0] == REFUSED


# ---------------------------------------------------------------- units

@given(cases.counted, st.integers(6, 24), st.integers(1000, 9000), st.integers(0, 60), st.integers(900, 1100), st.booleans(),
       st.booleans())
def test_a_thousand_times_too_much_asks(indicator, n, usual, spread, thousandth, too_small, justified):
    """×1000 (within 10 %) of what is usual, either way: asked about, and named as a wrong unit."""
    past = [usual + k % 3 * spread for k in range(n)]
    middle = reckon.median([Fraction(v) for v in past])
    value = int(middle * 1000 / thousandth * 1000 / 1000) if not too_small else int(middle * thousandth / 1000)
    value = value * 1000 if not too_small else value
    if too_small:
        past = [v * 1000 for v in past]
        middle *= 1000
    ratio = Fraction(value) / middle if not too_small else middle / value
    assume(900 <= ratio <= 1100)
    o = cases.observation(indicator, value=decimal(value), justification_code="seasonal" if justified else "")
    case = cases.case(o)
    case.lines[0].history.extend(cases.history(case.report.time_period, past))
    answer = judge(case)
    assert "SACH-07" in rules(answer, 1)
    assert reckon.is_nines(o.value) or answer.outcomes[0] != REFUSED
    assert justified or answer.outcomes[0] not in TAKEN


# ---------------------------------------------------------------- copies

PAIRS = [(i["dataflow"], i["frequencies"][-1]) for i in cases.REPORTED]
COPIED = sorted({pair for pair in PAIRS if PAIRS.count(pair) >= reckon.COPY_FIGURES})


@st.composite
def last_periods(draw):
    """A dataflow of at least five indicators, and values that it had last period."""
    dataflow, frequency = draw(st.sampled_from(COPIED))
    indicators = [i for i in cases.REPORTED if i["dataflow"] == dataflow and i["frequencies"][-1] == frequency]
    return [(i, draw(st.integers(20, 97 if reckon.has_parts(i) else 10**6)), 100) for i in indicators]


def rounded(value, digits):
    """To so many digits from the left, half up."""
    unit = 10**max(len(str(value)) - digits, 0)
    return (value + unit // 2) // unit * unit


def says_enough(value, before):
    """Equal, or rounded to two digits at least that are no zeros at its end."""
    return value == before or len(str(value).rstrip("0")) >= 2


@given(last_periods(), st.data())
def test_a_copy_of_the_last_period_is_always_seen(last, data):
    """Another date, another order, other rounding, some figures left out: it is what was stated before, and is held."""
    left = data.draw(st.permutations(last))[:data.draw(st.integers(reckon.COPY_FIGURES, len(last)))]
    lines, known, enough = [], [], 0
    for indicator, value, whole in left:
        line = jpb.Line()
        period = reckon.back(cases.PERIODS[indicator["frequencies"][-1]][0], 1)
        if reckon.has_parts(indicator):
            o = cases.observation(indicator, numerator=decimal(value), denominator=decimal(whole))
            line.history.append(jpb.Point(period=period, numerator=decimal(value), denominator=decimal(whole)))
        else:
            o = cases.observation(indicator, value=decimal(rounded(value, data.draw(st.integers(1, 7)))))
            line.history.append(jpb.Point(period=period, value=decimal(value)))
        assume(not any(reckon.is_nines(getattr(o, k)) for k in ("value", "numerator") if o.HasField(k)))
        lines.append(o)
        known.append(line)
        enough += reckon.has_parts(indicator) or says_enough(o.value.mantissa, value)
    assume(enough >= reckon.COPY_FIGURES)  # what is rounded to one digit is like nearly anything, and no difference either
    case = cases.case(*lines)
    case.lines = known
    case.received_us += data.draw(st.integers(0, 20)) * DAY_US
    case.report.comment = data.draw(st.sampled_from(["", "báo cáo mới"]))
    answer = judge(case)
    assert findings(answer, 0, "SACH-09", JUSTIFY) and answer.words[SACH] != PASS
    assert all(outcome == HELD for outcome in answer.outcomes)
    # A single figure that is new, and it is no copy.
    k = data.draw(st.integers(0, len(lines) - 1))
    field = "numerator" if reckon.has_parts(left[k][0]) else "value"
    getattr(case.report.observations[k], field).CopyFrom(decimal(left[k][1] // 2 + 1))
    assert not findings(judge(case), 0, "SACH-09")


@given(st.integers(0, 20))
def test_a_report_that_equals_another_provinces_is_held(figures):
    case = cases.case(cases.observation(reckon.INDICATORS["mobile_money_customers"]))
    case.look_alike = jpb.LookAlike(provider="P63-45", time_period="2024-S1", figures=figures)
    answer = judge(case)
    assert (answer.outcomes[0] == HELD) == (figures >= reckon.COPY_FIGURES) == bool(findings(answer, 0, "SACH-09"))
    case.report.justification_code = "boundary_change"
    assert judge(case).outcomes[0] in TAKEN


def test_blocks_are_told_as_such():
    """The names used above are those of the road."""
    assert (BLOCK, JUSTIFY) == (pb.SEVERITY_BLOCK, pb.SEVERITY_JUSTIFY)
