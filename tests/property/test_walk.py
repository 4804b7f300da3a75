# SPDX-License-Identifier: Apache-2.0
"""Over all words: what findings make of figures and words, and that nothing makes a bad figure better."""

from hypothesis import given
from hypothesis import strategies as st

import cases
import reckon
from judging import ACCEPTED, BLOCK, DUPLICATE, HELD, JUSTIFY, PASS, REFUSED, TAKEN, WARN, WARNED, findings, judge, pb

RANK = {ACCEPTED: 0, WARNED: 1, HELD: 2, DUPLICATE: 3, REFUSED: 4}
STATE_OUTCOME = {1: ACCEPTED, 2: WARNED, 3: HELD, 4: REFUSED}


def sound_for(case, finding):
    o = case.report.observations[finding.observation - 1] if finding.observation else None
    return reckon.is_sound(reckon.reason_of(case.report, o))


def state_of(case, finding):
    """PASS, WARN, HELD, FAIL by the table: I, W, J, B; what is justified is a warning."""
    return 2 if finding.severity == JUSTIFY and sound_for(case, finding) else finding.severity


def of_figures(case, answer, line):
    """The findings that concern a line: its own, and of the report those that hold or refuse; of missing ones only the word."""
    return [f for f in answer.findings if f.observation == line or not f.observation and f.severity >= JUSTIFY
            and not (f.rule == "DU-02" and f.severity == JUSTIFY)]


@given(cases.cases())
def test_words_and_outcomes_follow_from_the_findings(case):
    answer = judge(case)
    for k, word in enumerate(reckon.WORDS):
        assert answer.words[k] == max([state_of(case, f) for f in answer.findings if reckon.RULE_WORD[f.rule] == word],
                                      default=PASS)
    for k, outcome in enumerate(answer.outcomes, 1):
        own = [DUPLICATE if f.rule == "SACH-01" else STATE_OUTCOME[state_of(case, f)] for f in of_figures(case, answer, k)]
        assert outcome == max(own, key=RANK.get, default=ACCEPTED)
        assert answer.readable or outcome == REFUSED


@given(cases.cases())
def test_what_is_refused_or_held_is_told_why(case):
    answer = judge(case)
    for k, outcome in enumerate(answer.outcomes, 1):
        severities = {f.severity for f in of_figures(case, answer, k)}
        assert outcome != REFUSED or BLOCK in severities
        assert outcome != HELD or JUSTIFY in severities
    for f in answer.findings:
        assert f.message_vi and f.message_en and f.remedy_vi and f.remedy_en and f.observation <= len(answer.outcomes)


@given(cases.cases())
def test_the_same_question_has_the_same_answer(case):
    assert judge(case) == judge(case)


def without_repeats(case):
    """Of lines about the same figure the first one: those after it are duplicates, or contradict it."""
    first = {}
    for k, o in enumerate(case.report.observations):
        first.setdefault((o.indicator, o.ref_area.removeprefix("63/")), k)
    return case.permuted(list(first.values()))


def shuffled(case, random):
    order = list(range(len(case.lines)))
    random.shuffle(order)
    return order, case.permuted(order)


@given(cases.cases(most=6), st.randoms(use_true_random=False))
def test_the_order_of_lines_does_not_matter(case, random):
    case = without_repeats(case)
    order, changed = shuffled(case, random)
    one, other = judge(case), judge(changed)
    assert [one.outcomes[k] for k in order] == list(other.outcomes)
    assert one.words == other.words
    for place, k in enumerate(order, 1):
        told = [[(f.rule, f.severity, f.field) for f in findings(a, line)] for a, line in ((one, k + 1), (other, place))]
        assert told[0] == told[1]


@given(cases.cases(), st.randoms(use_true_random=False))
def test_contradictions_are_refused_in_any_order(case, random):
    case = without_repeats(case)
    twin = pb.Observation()
    twin.CopyFrom(case.report.observations[0])
    twin.value.mantissa = 7104 if twin.value.mantissa == 7103 else 7103
    case.add(twin, case.lines[0])
    order, changed = shuffled(case, random)
    one, other = judge(case), judge(changed)
    assert [one.outcomes[k] in TAKEN for k in order] == [outcome in TAKEN for outcome in other.outcomes]
    assert one.outcomes[0] not in TAKEN and one.outcomes[len(order) - 1] not in TAKEN


@given(cases.cases(), st.integers(0, 3))
def test_a_warning_more_never_makes_it_better(case, where):
    worse = case.copy()
    if where and where <= len(worse.report.observations):
        worse.report.observations[where - 1].comment = "so với\u00a0trước"
    else:
        worse.report.comment = "so với\u00a0trước"
    before, after = judge(case), judge(worse)
    assert any(f.rule == "SACH-05" and f.severity == WARN and f.field == "comment" for f in after.findings)
    assert all(RANK[a] >= RANK[b] for a, b in zip(after.outcomes, before.outcomes))
    assert all(a >= b for a, b in zip(after.words, before.words))


@given(cases.cases(), st.booleans())
def test_no_justification_takes_what_is_blocked(case, of_report):
    before = judge(case)
    for o in [case.report] if of_report else case.report.observations:
        o.justification_code, o.justification = "verified_at_source", "đã đối chiếu với sổ gốc"
    after = judge(case)
    for k, outcome in enumerate(after.outcomes, 1):
        blocks = [f for f in before.findings if f.observation in (0, k) and f.severity == BLOCK
                  and f.rule != "DU-08" and not f.field.startswith("justification")]
        assert not blocks or outcome == REFUSED


@given(st.binary(max_size=200))
def test_no_bytes_end_the_judge(data):
    judge(cases.case(), data)


@given(cases.cases(), st.data())
def test_no_report_with_bytes_changed_ends_the_judge(case, data):
    report = bytearray(case.report.SerializeToString())
    for _ in range(data.draw(st.integers(1, 4))):
        report[data.draw(st.integers(0, len(report) - 1))] = data.draw(st.integers(0, 255))
    answer = judge(case, bytes(report))
    assert answer.poison or len(answer.words) == len(reckon.WORDS)
