# SPDX-License-Identifier: Apache-2.0
"""
Negative controls of the oracle: it is given facts that are sound and says nothing, and then the same facts with one thing
false, and must say so, by the invariant that it breaks. The last test asks that no complaint of its is left untried.
"""

import copy
import datetime
import inspect
import sys

import pytest

import oracle
from desk import pb
from load import HandIn, digest
from oracle import Batch, Facts, Finding, Observation, Outbox, Report, Stream, Verdict
from roadbook import Keys, batch_bytes, chain_0

NOON = datetime.datetime(2026, 1, 1, 12, tzinfo=datetime.timezone.utc)
EPOCHS = {"agent-63-45": "11" * 16, "agent-63-46": "22" * 16}
KEYS = {name: Keys.make(name) for name in EPOCHS}
ACCEPTED, REFUSED = bytes([pb.OUTCOME_ACCEPTED]), bytes([pb.OUTCOME_REFUSED])


def status_of(epoch, seq, **more):
    return {"epoch": epoch, "handed_in": str(seq), "acknowledged": str(seq), "committed": str(seq), "verdicts": str(seq),
            "first_kept": "1", "pending": "0", "outbox_bytes": "1000", "outbox_bytes_max": "100000"} | more


def add_stream(facts, number, name):
    """An agent with four reports: two hand-ins of two, each one batch and one transaction. The last report is refused."""
    epoch, key = EPOCHS[name], KEYS[name]
    first = chain = chain_0(name, bytes.fromhex(epoch))
    facts.signing_keys[name] = [key.sign_public]
    verdicts = []
    for turn in range(2):
        reports = [f"{name} report {turn}.{i}".encode() for i in range(2)]
        seqs, xmin, prev = [2 * turn + 1, 2 * turn + 2], 100 * number + turn, chain
        facts.ledger.append(HandIn(name, reports, "accepted", epoch[:8], seqs[0]))
        for seq, data in zip(seqs, reports):
            chain = digest(chain + digest(data))
            outcome = REFUSED if seq == 4 else ACCEPTED
            no = number << oracle.SEQ_BITS | seq
            facts.reports.append(Report(no, number, digest(data), 1, NOON, xmin, NOON, False))
            facts.verdicts.append(Verdict(number, seq, no, outcome, "received", xmin))
            facts.findings.append(Finding(no, 1, "B", xmin))
            if outcome == ACCEPTED:
                facts.observations.append(Observation(no, number, 5 << oracle.REVISION_BITS | seq - 1, 1, outcome[0], xmin))
            verdicts.append((seq, epoch, seq, digest(data), outcome))
        payload = pb.Batch(entries=[pb.Entry(report=data) for data in reports]).SerializeToString()
        signature = key.sign(batch_bytes(name, bytes.fromhex(epoch), *seqs, prev, chain))
        facts.batches.append(Batch(number, seqs[0], *seqs, number, pb.CODEC_PLAIN, prev, chain, signature, payload, xmin))
    facts.streams.append(Stream(number, name, number, epoch, 4, chain, first, "", xmin))
    facts.agents.append(oracle.Agent(number, name, 4, xmin, 1))
    facts.outboxes[name] = Outbox(status_of(epoch, 4), verdicts)
    facts.recovery_s[name] = 0.1


def sound():
    facts = Facts(counters={"bytes_under_way": "0", "batches_under_way": "0", "reports_committed": "8", "reports_poisoned": "0"})
    for number, name in enumerate(EPOCHS, 1):
        add_stream(facts, number, name)
    facts.ledger.append(HandIn("agent-63-45", [b"refused"], "refused", code=65, text="why"))
    facts.ledger.append(HandIn("agent-63-45", [b"never heard of"], "unsent"))
    facts.ledger.append(HandIn("agent-63-45", [b"lost with its answer"], "unknown"))
    for at, seq in enumerate((2, 4)):
        facts.seen.append((at + 0.1, "agent", "agent-63-45", status_of(EPOCHS["agent-63-45"], seq), at + 0.05))
        facts.seen.append((at + 0.2, "event", 7, at + 1, "report.committed", "agent-63-45", seq, seq))
        facts.seen.append((at + 0.4, "store", {("agent-63-45", EPOCHS["agent-63-45"]): seq}, {"agent-63-45": seq}, at + 0.3))
    facts.seen.append((2.0, "use", "aggregator0", 50_000, 40, 8))
    return facts


FALSE = []


def false(*invariants):
    """A falsification, and the invariants that must be named. It gets sound facts of its own."""
    def note(function):
        FALSE.append((function, invariants))
        return function
    return note


# ---------------------------------------------------------------- rows missing, doubled, elsewhere

@false("I1", "I15", "I2 chain")
def all_of_a_stream_is_lost(f):
    f.reports = [r for r in f.reports if r.stream_no != 1]
    f.batches = [b for b in f.batches if b.stream_no != 1]
    f.streams[0].seq = 0


@false("I1", "I4")
def a_row_is_missing(f):
    del f.reports[1]


@false("I1", "I4")
def a_report_is_there_twice(f):
    f.reports.append(copy.copy(f.reports[1]))


@false("I1", "I2")
def a_row_has_another_digest(f):
    f.reports[1].digest = digest(b"something else")


@false("I1", "I2")
def two_rows_have_changed_places(f):
    f.reports[0].digest, f.reports[1].digest = f.reports[1].digest, f.reports[0].digest


@false("I1")
def a_report_without_a_ticket(f):
    f.ledger[0].state = "unsent"


@false("I1")
def half_of_an_unknown_hand_in(f):
    f.ledger[0].state = "unknown"
    f.ledger[0].reports.append(b"the other half")


@false("I1")
def a_renewed_outbox_that_carried_too_little(f):
    f.renewed.add("agent-63-45")
    f.ledger.append(HandIn("agent-63-45", [b"left behind"], "accepted", EPOCHS["agent-63-45"][:8], 5))


@false("I4")
def a_watermark_beyond_the_rows(f):
    f.streams[0].seq = 5


@false("I4")
def a_watermark_behind_the_rows(f):
    f.streams[0].seq = 3


@false("I4")
def a_batch_that_leaves_a_gap(f):
    f.batches[1].from_seq = 4


@false("I4", "I2")
def no_batch_for_the_last_reports(f):
    del f.batches[1]


# ---------------------------------------------------------------- bytes

@false("I2")
def a_payload_that_cannot_be_read(f):
    f.batches[0].codec = pb.CODEC_ZSTD


@false("I2", "I2 chain")
def a_payload_with_one_byte_changed(f):
    f.batches[0].payload = f.batches[0].payload.replace(b"0.1", b"0.2")


@false("I2")
def a_header_that_says_more_than_there_is(f):
    f.batches[1].last_seq = 5


@false("I2 chain")
def a_signature_of_another(f):
    f.signing_keys["agent-63-45"] = f.signing_keys["agent-63-46"]


@false("I2 chain")
def a_chain_in_the_header_that_is_another(f):
    f.batches[0].chain = bytes(32)


@false("I2 chain")
def a_previous_chain_that_is_another(f):
    f.batches[1].prev_chain = bytes(32)


@false("I2 chain")
def a_stream_with_another_beginning(f):
    f.streams[0].first_chain = bytes(32)


@false("I2 chain")
def a_watermark_with_another_chain(f):
    f.streams[0].chain = bytes(32)


@false("I2 chain", "I4")
def a_batch_from_nowhere(f):
    del f.batches[0]


# ---------------------------------------------------------------- whose it is

@false("I10")
def a_stream_of_another_agent(f):
    f.streams[0].agent, f.streams[1].agent = f.streams[1].agent, f.streams[0].agent


@false("I10")
def a_row_booked_on_another(f):
    f.reports[0].agent_no = 2


@false("I10")
def a_verdict_booked_on_another(f):
    f.verdicts[0].agent_no = 2


@false("I10", "I4")
def a_row_of_no_stream(f):
    f.reports[0].report_no = 9 << oracle.SEQ_BITS | 1


@false("I11")
def committed_after_the_revocation(f):
    f.revocations.append((1, NOON - datetime.timedelta(seconds=1)))


# ---------------------------------------------------------------- the door, the books

@false("I8")
def refused_without_a_code(f):
    f.ledger[-3].code = 0


@false("I8")
def refused_and_kept(f):
    f.ledger[-3].reports = f.ledger[0].reports
    f.ledger[0].state = "refused"


@false("I8")
def heard_of_though_it_never_was_sent(f):
    f.ledger[0].state = "unsent"


@false("I8")
def never_answered(f):
    f.ledger[0].state = "issued"


@false("I15")
def an_outbox_that_holds_more(f):
    f.outboxes["agent-63-45"].status["handed_in"] = "5"


@false("I15")
def an_outbox_that_still_waits(f):
    f.outboxes["agent-63-45"].status["pending"] = "1"


@false("I15")
def credit_that_leaks(f):
    f.counters["bytes_under_way"] = "17"


@false("I15")
def a_centre_that_counts_too_much(f):
    f.counters["reports_committed"] = "9"


# ---------------------------------------------------------------- all or none, order

@false("I6")
def a_report_without_a_verdict(f):
    del f.verdicts[0]


@false("I6")
def a_report_with_two_verdicts(f):
    f.verdicts.append(copy.copy(f.verdicts[0]))


@false("I6")
def a_figure_that_is_missing(f):
    del f.observations[0]


@false("I6")
def a_figure_that_was_refused_and_is_stored(f):
    f.observations.append(Observation(f.reports[3].report_no, 1, 6 << oracle.REVISION_BITS, 1, REFUSED[0], f.reports[3].xmin))


@false("I6")
def fewer_outcomes_than_figures(f):
    f.reports[0].observations = 2


@false("I6")
def a_verdict_in_a_transaction_of_its_own(f):
    f.verdicts[0].xmin += 1


@false("I6")
def a_batch_in_a_transaction_of_its_own(f):
    f.batches[0].xmin += 1


@false("I6")
def a_watermark_in_a_transaction_of_its_own(f):
    f.streams[0].xmin += 1


@false("I6")
def a_verdict_number_in_a_transaction_of_its_own(f):
    f.agents[0].xmin = 999


@false("I6")
def a_verdict_number_that_was_never_given(f):
    f.agents[0].verdict_seq = 5


@false("I6")
def refused_without_a_word(f):
    f.findings = [finding for finding in f.findings if finding.report_no != f.reports[3].report_no]


@false("I6")
def rows_of_a_report_that_is_not_there(f):
    f.findings.append(Finding(1 << oracle.SEQ_BITS | 9, 0, "W", 1))


@false("I13")
def known_before_the_one_before(f):
    f.reports[1].known_at = NOON - datetime.timedelta(seconds=1)


@false("I13", "verdicts")
def judged_before_the_one_before(f):
    f.verdicts[0].verdict_seq, f.verdicts[1].verdict_seq = 2, 1


@false("I13")
def a_revision_that_is_missing(f):
    f.observations[1].key += 5


@false("I13")
def revisions_in_the_wrong_order(f):
    a, b = f.observations[:2]
    a.key, b.key = b.key, a.key


# ---------------------------------------------------------------- while it ran

@false("I3")
def told_before_it_was_committed(f):
    f.seen.insert(1, (0.15, "agent", "agent-63-45", status_of(EPOCHS["agent-63-45"], 2, acknowledged="3"), 0.10))


@false("I3")
def heard_of_more_than_was_committed(f):
    f.seen.insert(1, (0.15, "agent", "agent-63-45", status_of(EPOCHS["agent-63-45"], 2, committed="3"), 0.10))


@false("I3")
def a_verdict_that_was_not_committed(f):
    f.seen.insert(1, (0.15, "agent", "agent-63-45", status_of(EPOCHS["agent-63-45"], 2, verdicts="3"), 0.10))


@false("I3")
def told_of_more_than_a_restored_store_ever_had(f):
    f.seen.append((3.0, "restored"))
    f.seen.append((3.1, "agent", "agent-63-45", status_of(EPOCHS["agent-63-45"], 5), 3.05))
    f.seen.append((3.2, "store", {("agent-63-45", EPOCHS["agent-63-45"]): 2}, {"agent-63-45": 2}, 3.1))


@false("I5")
def a_watermark_that_went_back(f):
    f.seen.append((3.0, "store", {("agent-63-45", EPOCHS["agent-63-45"]): 3}, {"agent-63-45": 4}, 2.9))


@false("I5")
def a_stream_that_went_away(f):
    f.seen.append((3.0, "store", {}, {"agent-63-45": 4}, 2.9))


@false("I5")
def an_acknowledgement_that_went_back(f):
    f.seen.append((3.0, "agent", "agent-63-45", status_of(EPOCHS["agent-63-45"], 4, acknowledged="3"), 2.95))


@false("I7")
def forgotten_before_it_was_acknowledged(f):
    f.retention_s = 0.001
    f.seen.append((9.0, "agent", "agent-63-45", status_of(EPOCHS["agent-63-45"], 6, acknowledged="4", committed="4", verdicts="4", first_kept="6"), 8.95))


@false("I7")
def forgotten_too_soon(f):
    f.retention_s = 1.5
    f.seen.append((1.3, "agent", "agent-63-45", status_of(EPOCHS["agent-63-45"], 4, first_kept="5"), 1.25))


@false("I7")
def forgotten_before_anybody_looked(f):
    f.seen[0] = (0.1, "agent", "agent-63-45", status_of(EPOCHS["agent-63-45"], 2, first_kept="2"), 0.05)


@false("I7")
def forgotten_where_nothing_is_old_enough(f):
    f.seen.append((9.0, "agent", "agent-63-45", status_of(EPOCHS["agent-63-45"], 4, first_kept="2"), 8.95))


@false("I12")
def too_many_descriptors(f):
    f.seen.append((3.0, "use", "aggregator0", 50_000, 1000, 8))


@false("I12")
def an_outbox_over_its_limit(f):
    f.outboxes["agent-63-45"].status["outbox_bytes"] = "100001"


@false("I14")
def a_feed_that_goes_back(f):
    f.seen.append((3.0, "event", 7, 2, "agent.connected", "agent-63-45", 0, 0))


@false("I14")
def a_feed_that_leaves_something_out(f):
    f.seen.append((3.0, "event", 7, 4, "agent.connected", "agent-63-45", 0, 0))


@false("I14")
def a_feed_that_says_a_report_twice(f):
    f.seen.append((3.0, "event", 7, 3, "report.committed", "agent-63-45", 4, 4))


@false("I14")
def a_feed_that_says_what_is_not_there(f):
    f.seen.append((3.0, "event", 7, 3, "report.committed", "agent-63-45", 5, 5))


@false("I14")
def a_feed_that_says_it_before_it_is_committed(f):
    f.seen[1:2] = [(0.2, "event", 7, 1, "report.committed", "agent-63-45", 4, 4)]
    f.seen[4:5] = [(1.2, "event", 7, 2, "report.committed", "agent-63-45", 2, 2)]


# ---------------------------------------------------------------- at the end

@false("I9")
def no_verdict_in_time(f):
    f.recovery_s["agent-63-45"] = None


@false("I16")
def too_slow_a_recovery(f):
    f.recovery_s["agent-63-45"] = f.recovery_max_s + 1


@false("verdicts")
def a_province_without_its_verdict(f):
    del f.outboxes["agent-63-45"].verdicts[0]


@false("verdicts")
def a_province_with_another_verdict(f):
    f.outboxes["agent-63-45"].verdicts[0] = (1, EPOCHS["agent-63-45"], 1, f.reports[0].digest, REFUSED)


@false("verdicts")
def a_province_with_a_verdict_that_nobody_gave(f):
    f.outboxes["agent-63-45"].verdicts.append((9, EPOCHS["agent-63-45"], 9, bytes(32), ACCEPTED))


# ---------------------------------------------------------------- the tests

def named(facts):
    return {text.split(": ")[0] for text in oracle.complaints(facts)}


def test_sound_facts_are_not_complained_of():
    assert oracle.complaints(sound()) == []


def test_an_unknown_hand_in_may_be_there_or_not():
    facts = sound()
    facts.ledger[1].state = "unknown"
    assert oracle.complaints(facts) == []


@pytest.mark.parametrize("stored_again", [False, True])
def test_a_batch_may_be_committed_in_two_parts(stored_again):
    facts = sound()
    first, row = facts.batches[0], facts.reports[1]
    second = copy.copy(first)
    second.from_seq, second.xmin = 2, 77
    facts.batches += [second] if stored_again else []
    for part in (row, facts.verdicts[1], facts.findings[1], facts.observations[1]):
        part.xmin = 77
    assert oracle.complaints(facts) == []
    assert row.seq == 2


def test_a_declared_restore_may_take_positions_back():
    facts = sound()
    facts.seen.append((3.0, "restored"))
    facts.seen.append((3.1, "store", {("agent-63-45", EPOCHS["agent-63-45"]): 1}, {"agent-63-45": 1}, 3.05))
    assert oracle.complaints(facts) == []


@pytest.mark.parametrize(("asked", "complaints"), [(2.9, 0), (3.1, 1)])
def test_an_outbox_that_was_put_back_may_be_noted_late(asked, complaints):
    """What it had said before is no word about the copy, though it is heard after that one was declared."""
    facts = sound()
    epoch = EPOCHS["agent-63-45"]
    facts.seen = [(3.0, "copied", "agent-63-45"), (3.2, "agent", "agent-63-45", status_of(epoch, 4), asked),
                  (3.5, "agent", "agent-63-45", status_of(epoch, 4, acknowledged="2"), 3.4)]
    assert len(list(oracle.i5_never_back(facts))) == complaints


@pytest.mark.parametrize(("noted", "complaints"), [(1.2, 0), (0.9, 1)])
def test_an_answer_may_be_noted_late(noted, complaints):
    """What was not acknowledged when it was asked for may be by the time that the answer is noted."""
    facts = sound()
    facts.retention_s = 1
    at, _, _, status, _ = facts.seen[0]
    facts.seen[0] = (at + 0.9, "agent", "agent-63-45", status, 0.1)
    facts.seen.insert(1, (noted, "agent", "agent-63-45", status_of(EPOCHS["agent-63-45"], 4, first_kept="4"), noted))
    facts.seen = [row for row in facts.seen if row[1] == "agent"]
    assert len(list(oracle.i7_trim(facts))) == complaints


@pytest.mark.parametrize(("falsify", "invariants"), FALSE, ids=[f.__name__ for f, _ in FALSE])
def test_is_told(falsify, invariants):
    facts = sound()
    falsify(facts)
    assert set(invariants) <= named(facts), oracle.complaints(facts)


def test_every_invariant_is_tried():
    assert set(oracle.CHECKS) == {name for _, invariants in FALSE for name in invariants}


def test_many_complaints_are_counted():
    facts = sound()
    for _ in range(oracle.COMPLAINTS_MAX + 3):
        facts.ledger.append(HandIn("agent-63-45", [b"x"], "issued"))
    assert "I8: and 3 more" in oracle.complaints(facts)


def test_no_complaint_is_left_untried():
    """Every line of the oracle that complains was reached by some falsification."""
    reached = set()

    def trace(frame, event, _):
        if frame.f_code.co_filename != oracle.__file__:
            return None
        if event == "line":
            reached.add(frame.f_lineno)
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        for falsify, _ in FALSE:
            facts = sound()
            falsify(facts)
            oracle.complaints(facts)
    finally:
        sys.settrace(before)
    lines = inspect.getsource(oracle).splitlines()
    untried = [f"{n}: {line.strip()}" for n, line in enumerate(lines, 1) if "yield f" in line and n not in reached]
    assert untried == []
