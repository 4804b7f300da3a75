# SPDX-License-Identifier: Apache-2.0
"""sống: nothing of a time that has not come, and nothing late or stale unseen."""

import datetime

from hypothesis import given
from hypothesis import strategies as st

import cases
import reckon
from judging import BLOCK, PASS, REFUSED, SONG, TAKEN, WARN, findings, judge, moment, pb

DAY = datetime.timedelta(days=1)
days = st.dates(datetime.date(2022, 1, 1), datetime.date(2026, 12, 31))
# To the microsecond around midnight in Viet Nam, which is 17:00 UTC.
times = st.one_of(st.integers(0, 86400 * 10**6 - 1), st.sampled_from([0, 1, 86400 * 10**6 - 1, 7 * 3600 * 10**6, 17 * 3600 * 10**6]))


@given(cases.observations(), days, times, st.integers(-2, 2), st.sampled_from([0, 1, 2, 3, 9]))
def test_a_day_that_has_not_come_is_never_taken(o, day, time, ahead, purpose):
    received = moment(day, "00:00:00") + time
    assert reckon.vietnamese_day(received) == day
    case = cases.case(o, received=received, reference_date=str(day + ahead * DAY), purpose=purpose, reason="sửa theo sổ gốc")
    answer = judge(case)
    future = ahead > 0
    assert future == bool(findings(answer, 0, "SONG-04", BLOCK))
    if future:
        assert set(answer.outcomes) == {REFUSED} and answer.words[SONG] != PASS


@given(st.sampled_from([i for i in cases.REPORTED]), st.integers(2021, 2024), st.sampled_from(["S1", "S2"]), st.integers(-3, 3), times,
       st.sampled_from([pb.PURPOSE_REGULAR, pb.PURPOSE_UNSPECIFIED, pb.PURPOSE_BACKFILL, pb.PURPOSE_CORRECTION]))
def test_lateness_begins_at_midnight_after_the_due_day(indicator, year, half, after, time, purpose):
    period = str(year) if indicator["frequencies"][-1] == "A" else f"{year}-{half}"
    due = reckon.due_day(indicator["dataflow"], period)
    received = moment(due + after * DAY, "00:00:00") + time
    case = cases.case(cases.observation(indicator), period=period, received=received, purpose=purpose, reason="sửa theo sổ gốc",
                      reference_date=str(due - 5 * DAY))
    answer = judge(case)
    late = after > 0 and purpose in (pb.PURPOSE_REGULAR, pb.PURPOSE_UNSPECIFIED)
    assert late == bool(findings(answer, 0, "SONG-01", WARN))
    assert answer.outcomes[0] in TAKEN  # late is late, and never refused for that alone
    assert not late or answer.words[SONG] != PASS


@given(cases.indicators, st.integers(-2, 2), times)
def test_a_stale_figure_never_passes(indicator, over, time):
    received = moment("2024-06-05", "00:00:00") + time
    day = datetime.date(2024, 6, 5) - (int(indicator["max_age_days"]) + over) * DAY
    period = str(day.year + 1) if indicator["frequencies"][-1] == "A" else "2024-S1"
    answer = judge(cases.case(cases.observation(indicator), received=received, reference_date=str(day), period=period))
    assert (over > 0) == bool(findings(answer, 1, "SONG-02", WARN))
    assert over <= 0 or answer.words[SONG] != PASS


@given(st.integers(-700, 700), st.integers(-700, 700), st.integers(-700, 700))
def test_clocks_that_go_backwards_are_told(prepared, approved, handed_in):
    """Each step may seem to come before the one before it by the tolerance, and no more."""
    received = moment("2024-06-05")
    step = {name: received + seconds * 10**6 for name, seconds in (("p", prepared), ("a", approved), ("h", handed_in))}

    def text(us):
        return (datetime.datetime(1970, 1, 1) + datetime.timedelta(microseconds=us)).isoformat() + "Z"
    case = cases.case(cases.observation(reckon.INDICATORS["eid_accounts_issued"]), prepared_at=text(step["p"]),
                      approved_at=text(step["a"]))
    case.handed_in_us = step["h"]
    allowed = int(reckon.PARAMETERS["SONG-04.clock_tolerance_seconds"]) * 10**6
    wrong = {name for name, one, other in (("prepared_at", step["p"], step["a"]), ("approved_at", step["a"], step["h"]),
                                           ("handed_in_at", step["h"], received)) if one - other > allowed}
    assert wrong == {f.field for f in findings(judge(case), 0, "SONG-04", WARN)}
