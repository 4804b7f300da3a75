# SPDX-License-Identifier: Apache-2.0
"""Where cases come from: sound ones, and what is done to them."""

from fractions import Fraction

from hypothesis import strategies as st

import reckon
from judging import Case, decimal, jpb, moment, pb

PROVINCE = "P63-46"
ALWAYS = {"prepared_by": "Phòng Thống kê"}
# A period of each frequency, its reference date, and a moment in time for it.
PERIODS = {"S": ("2024-S1", "2024-06-01", "2024-06-05"), "A": ("2024", "2024-11-14", "2024-11-20"),
           "Q": ("2024-Q2", "2024-06-01", "2024-06-05"), "D": ("2024-06-01", "2024-06-01", "2024-06-05"),
           "R": ("2023-01-01/P1Y", "2024-01-01", "2024-06-05")}
REPORTED = [i for i in reckon.INDICATORS.values()
            if reckon.DATAFLOWS[i["dataflow"]]["provided_by"] == "province" and i["value_type"] in
            ("count", "amount", "percent", "ratio", "mean")]


def observation(indicator, **fields):
    """A figure that every rule is content with, but for what is given."""
    o = pb.Observation(indicator=indicator["code"], ref_area="63/46", qualifier=pb.QUALIFIER_EXACT)
    if reckon.has_parts(indicator):
        o.numerator.CopyFrom(decimal(713))
        o.denominator.CopyFrom(decimal(1009))
    else:
        o.value.CopyFrom(decimal(7103))
    if indicator["mean_weight"] == "observation":
        o.weight.CopyFrom(decimal(1000))
    for name, value in fields.items():
        if value is None:
            o.ClearField(name)
        elif isinstance(value, pb.Decimal):
            getattr(o, name).CopyFrom(value)
        else:
            setattr(o, name, value)
    return o


def case(*observations, provider=PROVINCE, dataflow=None, period=None, purpose=pb.PURPOSE_REGULAR, received=None, **fields):
    """A report in time of these figures; what they are about says the rest."""
    indicator = reckon.INDICATORS.get(observations[0].indicator) if observations else None
    dataflow = dataflow or (indicator["dataflow"] if indicator else "public_services_province")
    frequency = (indicator or {"frequencies": "S"})["frequencies"][-1]
    time_period, day, arrival = PERIODS[frequency]
    report = pb.Report(**({"provider": provider, "dataflow": dataflow, "time_period": period or time_period,
                           "reference_date": day, "purpose": purpose} | ALWAYS | fields), observations=observations)
    return Case(report, reckon.PROVIDERS[provider]["agent"], received or moment(arrival))


def history(period, values):
    """Points before the period, the last one next to it; a value, or (value, breaks)."""
    points = []
    for k, value in enumerate(values):
        value, breaks = value if isinstance(value, tuple) else (value, False)
        points.append(jpb.Point(period=reckon.back(period, len(values) - k), breaks=breaks, value=fitting(value)))
    return points


def fitting(value):
    """A Fraction with few decimals as a tram.v1.Decimal."""
    scale = 0
    while (Fraction(value) * 10**scale).denominator != 1:
        scale += 1
    return decimal(value, scale)


# ---------------------------------------------------------------- strategies

indicators = st.sampled_from(REPORTED)
counted = st.sampled_from([i for i in REPORTED if reckon.is_counted(i)])
with_parts = st.sampled_from([i for i in REPORTED if reckon.has_parts(i)])
weighted = st.sampled_from([i for i in REPORTED if i["mean_weight"] == "observation"])

mantissas = st.one_of(st.integers(-3, 120), st.sampled_from([999, 1000, 9990, 9999, 99999, 10**6, -1, -10, 10**17, 10**18 - 1,
                                                            10**18, 2**63 - 1, -2**63]),
                      st.integers(-10**6, 10**7))
decimals = st.builds(lambda m, s: pb.Decimal(mantissa=m, scale=s), mantissas, st.sampled_from([0, 0, 0, 0, 1, 2, 3, 17, 18, 19]))
mults = st.sampled_from([0, 0, 0, 0, 0, 0, 3, 6, -2, 1, 18, -18, 19, 2**31 - 1])
words = st.sampled_from(["", "vì có đợt cao điểm", "x", "N/A", " ", "\u00a0", "\u200b", "x\u200b", "…"])
codes = st.sampled_from(["", "", "seasonal", "campaign", "verified_at_source", "nowhere", " ", "seasonal\u00a0"])


@st.composite
def observations(draw, of=indicators):
    """Mostly sound; now and then something is wrong with it, and rarely much."""
    o = observation(draw(of))
    for _ in range(draw(st.sampled_from([0, 0, 1, 1, 2, 3, 4]))):
        blemish = draw(st.sampled_from(BLEMISHES))
        blemish(draw, o)
    return o


def _decimal_field(draw, o):
    getattr(o, draw(st.sampled_from(["value", "value", "numerator", "denominator", "weight"]))).CopyFrom(draw(decimals))


def _agreeing(draw, o):
    """A value beside the parts that agrees, or nearly."""
    if o.HasField("numerator") and o.denominator.mantissa and not o.denominator.scale and not o.numerator.scale:
        places = draw(st.integers(0, 4))
        factor = 100 if reckon.INDICATORS[o.indicator]["value_type"] == "percent" else 1
        exact = Fraction(o.numerator.mantissa, o.denominator.mantissa) * factor * 10**places
        mantissa = int(exact // 1) + draw(st.integers(-1, 2))
        if abs(mantissa) < 10**18:
            o.value.CopyFrom(pb.Decimal(mantissa=mantissa, scale=places))


def _setter(name, values):
    return lambda draw, o: setattr(o, name, draw(values))


def _clear(draw, o):
    o.ClearField(draw(st.sampled_from(["value", "numerator", "denominator", "weight"])))


def _justify(draw, o):
    o.justification_code, o.justification = draw(codes), draw(words)


BLEMISHES = [
    _decimal_field, _decimal_field, _decimal_field, _agreeing, _agreeing, _clear, _justify, _justify,
    _setter("unit_mult", mults),
    _setter("missing_reason", st.sampled_from([0, 1, 3, 5, 6, 77])),
    _setter("obs_status", st.sampled_from([65, 66, 69, 77, 80, 1, 200])),
    _setter("qualifier", st.sampled_from([0, 2, 6, 7, 99])),
    _setter("action", st.sampled_from([0, 1, 1, 2])),
    _setter("rank_out_of", st.sampled_from([0, 5, 2**32 - 1])),
    _setter("units_reporting", st.sampled_from([0, 79, 80, 101])),
    _setter("units_expected", st.sampled_from([0, 100, 100])),
    _setter("unit", st.sampled_from(["account", "percent", "x", "\u00a0account", "…"])),
    _setter("ref_area", st.sampled_from(["46", "63/46", "63/24", "24", "VN", "", "99", "63/46\u200b"])),
    _setter("source_system", st.sampled_from(["population_db", "N/A", "a\x07b"])),
    _setter("comment", st.sampled_from(["", "a\u00a0b", "thường"])),
]


def _blemish_head(draw, c):
    r = c.report
    which = draw(st.integers(0, 12))
    if which == 0:
        setattr(r, draw(st.sampled_from(["provider", "dataflow", "time_period", "reference_date", "prepared_by"])),
                draw(st.sampled_from(["", " ", "\u00a0", "x", "2024"])))
    elif which == 1:
        r.reference_date = draw(st.sampled_from(["2024-06-05", "2024-06-06", "2019-01-01", "2030-01-01", "2025-07-01"]))
    elif which == 2:
        r.purpose = draw(st.sampled_from([0, 2, 3, 9]))
    elif which == 3:
        r.revises, r.reason = True, draw(words)
    elif which == 4:
        r.justification_code, r.justification = draw(codes), draw(words)
    elif which == 5:
        r.comment = draw(st.sampled_from(["a\u00a0b", "a\x01"]))
    elif which == 6:
        c.received_us += draw(st.sampled_from([-1, 1, 2, 400, 4000])) * 86400 * 10**6
    elif which == 7:
        c.agent = "agent-63-45"
    elif which == 8:
        r.period_from, r.period_to = draw(st.sampled_from([("2024-01-01", "2024-06-30"), ("2024-06-30", "2024-01-01"),
                                                            ("x", "")]))
    elif which == 9:
        c.reported = draw(st.sampled_from([[], ["psp_new_accounts"]]))
    elif which == 10:
        c.look_alike = jpb.LookAlike(provider="P63-45", time_period="2024-S1", figures=draw(st.sampled_from([4, 5])))


def stored(o, **fields):
    """What the observation states, as the store would have it; it stands."""
    mult = o.unit_mult if abs(o.unit_mult) <= 18 else 0
    p = jpb.Past(revision=0, current=True, outcome=1, known_at_us=moment("2024-06-02"), qualifier=o.qualifier or 1,
                 obs_status=o.obs_status or (77 if o.missing_reason else 65), missing_reason=o.missing_reason,
                 rank_out_of=o.rank_out_of)
    for name in ("value", "numerator", "denominator", "weight"):
        if o.HasField(name) and reckon.shifted(getattr(o, name), 0 if name == "weight" else mult) is not None:
            getattr(p, name).CopyFrom(fitting(reckon.shifted(getattr(o, name), 0 if name == "weight" else mult)))
    for name, value in fields.items():
        setattr(p, name, value)
    return p


@st.composite
def pasts(draw, o):
    """Of the very figure, or of another one; whatever became of it."""
    p = stored(o)
    if draw(st.booleans()):
        p.value.CopyFrom(decimal(draw(st.integers(0, 10**6))))
    p.revision = draw(st.sampled_from([0, 1, 2, 16383]))
    p.outcome = draw(st.sampled_from([0, 1, 2, 3, 4]))
    p.decided = draw(st.integers(0, 4))
    p.withdrawn = draw(st.sampled_from([False, False, False, True]))
    p.current = draw(st.booleans()) and not p.withdrawn
    p.asked = draw(st.sampled_from(["", "", "DUNG-10", "SACH-07 SACH-09 DUNG-08", "DUNG-11"]))
    return p


histories = st.lists(st.tuples(st.one_of(st.integers(0, 200), st.integers(5000, 9000), st.integers(0, 10**9)),
                               st.sampled_from([False] * 9 + [True])), max_size=12)


@st.composite
def known(draw, o, period):
    line = jpb.Line()
    if draw(st.integers(0, 3)) == 0:
        line.past.CopyFrom(draw(pasts(o)))
    if draw(st.integers(0, 2)) == 0 and period in ("2024-S1", "2024"):
        line.history.extend(history(period, draw(histories)))
    if draw(st.integers(0, 3)) == 0:
        line.peers.CopyFrom(jpb.Peers(n=62, median=decimal(draw(st.integers(0, 10**6))), mad=decimal(draw(st.integers(0, 10**4))),
                                      mode=decimal(7103), mode_n=draw(st.sampled_from([0, 4, 5, 62]))))
    return line


@st.composite
def cases(draw, most=4):
    """Anything: a report with whatever is wrong with it, beside whatever is known."""
    first = draw(indicators)
    of = st.sampled_from(reckon.of_dataflow(first["dataflow"]))
    c = case(draw(observations(st.just(first))), *draw(st.lists(observations(of), max_size=most - 1)))
    if draw(st.integers(0, 2)) == 0:
        _blemish_head(draw, c)
    if draw(st.booleans()):
        c.lines = [draw(known(o, c.report.time_period)) for o in c.report.observations]
    return c
