# SPDX-License-Identifier: Apache-2.0
"""
What comes in: reports and messages that are wrong in every way, from a client with the keys of a known agent. Each is answered
as PROTOCOL.md says, nothing of it is stored that should not be, the client goes on, and a real agent beside it is not disturbed.
"""

from cells import Cell
from foreign import flipped, pb, publish_changed
from stranger import Stranger, beside_undisturbed, compress

STALE = 'messages_ignored{cause="other_session"}'
UNEXPECTED = 'messages_ignored{cause="unexpected"}'


def data(w, how, **centre):
    w.make_centre(**centre)
    w.make_agent()
    w.start()
    s = Stranger(w)
    s.open()
    s.hand_in()
    w.fired(how(s))
    s.in_session()
    s.hand_in(s.report(), s.report())
    w.await_flow()
    beside_undisturbed(w)


def outcomes(verdicts):
    return [[pb.Outcome.Name(o).removeprefix("OUTCOME_") for o in v.outcomes] for v in verdicts]


def stored(s, table):
    with s.w.postgres.connect(s.w.database) as db:
        return db.execute(f"SELECT count(*) FROM tram.{table} JOIN tram.agent USING (agent_no) WHERE agent = %s", (s.name,)).fetchone()[0]


# ---------------------------------------------------------------- reports inside sound batches

def poison(*reports):
    """Kept as poison, with a verdict, and the stream goes on: good ones before and behind are taken."""
    def how(s):
        verdicts = s.hand_in(s.report(), *(r(s) if callable(r) else r for r in reports), s.report())
        assert not any(v.outcomes for v in verdicts[1:-1]) and all(v.findings for v in verdicts[1:-1]), outcomes(verdicts)
        assert all(list(v.outcomes) in ([pb.OUTCOME_ACCEPTED], [pb.OUTCOME_ACCEPTED_WITH_WARNINGS])
                   for v in (verdicts[0], verdicts[-1])), outcomes(verdicts)
        assert stored(s, "poison") == len(reports), f"{stored(s, 'poison')} are kept as poison, not {len(reports)}"
        return f"{len(reports)} kept as poison: {verdicts[1].findings[0].message_en}"
    return how


def refused(change, rule=""):
    """Readable, and every figure of it is refused, or held, with its reasons."""
    def how(s):
        report = pb.Report.FromString(s.report())
        change(report)
        verdict, = s.hand_in(report.SerializeToString())
        assert verdict.findings and not set(verdict.outcomes) & {pb.OUTCOME_ACCEPTED}, outcomes([verdict])
        rules = sorted({f.rule for f in verdict.findings if f.rule})
        assert not rule or rule in rules, rules
        return f"{outcomes([verdict])[0]} by {', '.join(rules)}"
    return how


def unknown_indicator(r):
    r.observations[0].indicator = "no_such_indicator"


def unknown_dataflow(r):
    r.dataflow = "no_such_dataflow"


def no_figures(r):
    del r.observations[:]


def unbounded_decimal(r):
    r.observations[0].value.mantissa = -(1 << 63)
    r.observations[0].value.scale = 1 << 31


def strange_enums(r):
    r.purpose = 77
    r.observations[0].obs_status = 200
    r.observations[0].action = 99


def many_figures(s):
    """One more than one report may have."""
    report = pb.Report.FromString(s.report())
    first = report.observations[0]
    for _ in range(10_000):
        report.observations.add(indicator="population", ref_area=first.ref_area, value=pb.Decimal(mantissa=1))
    return report.SerializeToString()


def spoiled_text(text):
    def make(s):
        return s.report().replace(b"\x06P63-48", bytes([len(text)]) + text)
    return make


def hostile_nesting(s):
    return pb.Report(provider="P63-48", comment=f"{len(s.w.facts.ledger)}").SerializeToString() + b"\xa2\x01\x00" * 300_000


def over_the_limit(s):
    return s.report(software="x" * (1 << 20))


def full_batch(s):
    """As many reports as a batch may have, in one message."""
    reports = [s.report() for _ in range(1000)]
    publish = s.publish(*reports)
    for report in reports:
        s.submit(report)
    s.client.next_seq = len(s.stream.reports) + 1
    before = s.counter("batches_taken")
    s.say(publish=publish)
    s.client.go_until(lambda: s.stream.cursor >= len(s.stream.reports), "a thousand verdicts")
    return f"1000 reports in one batch, {s.counter('batches_taken') - before} batches"


# ---------------------------------------------------------------- batches

def wrong(code, make):
    """A PUBLISH of a hostile report, refused with the code."""
    def how(s):
        s.in_session()
        session, publish = s.client.session, make(s)
        s.client.step(0)  # making it may have taken longer than a session lasts
        s.in_session()
        if publish.session == session:
            publish.session = s.client.session
        return s.refused(code, publish=publish)
    return how


def changed(**fields):
    return lambda s: publish_changed(s.publish(s.hostile()), **fields)


def spoiled(field):
    def make(s):
        sound = s.publish(s.hostile())
        return publish_changed(sound, **{field: flipped(getattr(sound, field))})
    return make


def with_payload(code, make, codec=pb.CODEC_ZSTD):
    return wrong(code, lambda s: s.publish(s.hostile(), codec=codec, payload=make))


def lying_frame(batch):
    """States that it holds 200 bytes, and holds 32 MB."""
    frame, honest = compress(bytes(32 << 20)), compress(bytes(200))
    magic_and_descriptor = 5
    assert honest[4] >> 6 == 0 and honest[4] >> 5 & 1, "a single segment with one byte of size"
    size_bytes = 1 << (frame[4] >> 6) if frame[4] >> 6 else 1
    return honest[:magic_and_descriptor + 1] + frame[magic_and_descriptor + size_bytes + (0 if frame[4] >> 5 & 1 else 1):]


def forked_content(s):
    """Another report under a seq that is committed, soundly signed."""
    s.in_session()
    return s.refused("FORKED", publish=s.publish(s.hostile(), first_seq=len(s.stream.reports)))


def gap(s):
    s.in_session()
    sound = s.publish(s.hostile())
    return s.refused("GAP", publish=publish_changed(sound, first_seq=sound.first_seq + 5))


def captured(s):
    """A sound batch that is committed."""
    report = s.report()
    publish = s.publish(report)
    seq = s.submit(report)
    s.client.next_seq = seq + 1
    s.say(publish=publish)
    s.client.verdict(seq)
    return publish


def replayed_at_once(s):
    publish, acks = captured(s), []
    before, on_ack = stored(s, "report"), s.client.on_ack
    s.client.on_ack = lambda m: (acks.append(m), on_ack(m))
    for _ in range(5):
        s.say(publish=publish)
    s.client.go_until(lambda: len(acks) >= 1, "an acknowledgement")
    s.go()
    assert stored(s, "report") == before
    return f"said 5 times more, acknowledged {len(acks)} times, stored once"


def replayed_in_another_session(s):
    publish = captured(s)
    s.client.connect()
    s.in_session()
    before = stored(s, "report")
    stale = s.ignored(STALE, publish=publish)
    s.say(publish=publish_changed(publish, session=s.client.session))
    s.go()
    assert stored(s, "report") == before
    return f"{stale}; with the new session's number: stored once all the same"


def anothers_batch(s):
    """Sound and signed by another agent, who really handed it in."""
    other = Stranger(s.w, number=3)
    other.open()
    publish = captured(other)
    s.in_session()
    first = s.refused("NO_SESSION", publish=publish_changed(publish, session=s.client.session))
    s.in_session()
    mine = publish_changed(publish, session=s.client.session, epoch=s.stream.epoch,
                           first_seq=len(s.stream.reports) + 1, prev_chain=s.stream.chains[-1])
    second = s.refused("BAD_CHAIN", publish=mine)
    return f"{first}; under the own epoch: {second}"


def signed_by_another(s):
    other = Stranger(s.w, number=3)
    s.in_session()
    return s.refused("BAD_SIGNATURE", publish=s.publish(s.hostile(), keys=other.keys))


def overrun(s):
    """Five batches where two are allowed; what it promised it sends again as it should."""
    s.in_session()
    client = s.client
    reports = [s.report() for _ in range(5)]
    messages = []
    for report in reports:
        messages.append(s.publish(report))
        s.submit(report)
    client.next_seq = len(s.stream.reports) + 1
    for message in messages:
        s.say(publish=message)
    return s.refused("OVER_CREDIT")


# ---------------------------------------------------------------- other messages

def hello(code, **fields):
    """A HELLO, wrong in one way."""
    def how(s):
        s.in_session()
        stream = s.stream
        sound = dict(agent=s.name, epoch=stream.epoch, first_kept=1, last_appended=len(stream.reports),
                     last_chain=stream.chains[-1], boot_nonce=bytes(16), verdict_cursor=stream.cursor, schema=1,
                     software="strange", signing_key=s.keys.sign_public)
        return s.refused(code, hello=pb.Hello(**sound | fields))
    return how


def strange_heartbeats(s):
    """Numbers that cannot be; the session stands, and so does the centre."""
    s.in_session()
    big = (1 << 64) - 1
    for fields in ({"verdict_cursor": big}, {"committed_through": big}, {"last_appended": 0}, {"last_appended": big},
                   {"oldest_pending_us": -(1 << 63)}, {"at_us": -(1 << 63)}, {"verdict_cursor": 0}):
        s.say(heartbeat=pb.Heartbeat(**dict(session=s.client.session, at_us=1) | fields))
    s.stop_quietly()
    return f"7 strange heartbeats, refusals: {[pb.RefusalCode.Name(r.code) for r in s.client.refusals] or 'none'}"


def only_the_centre_says_that(s):
    s.in_session()
    for body in ({"ack": pb.Ack(session=s.client.session)}, {"verdicts": pb.Verdicts(session=s.client.session)},
                 {"subscribe": pb.Subscribe(session=s.client.session)}, {"codebook": pb.Codebook()},
                 {"refusal": pb.Refusal(session=s.client.session)}):
        said = s.ignored(UNEXPECTED, **body)
    return said


def truncated(s):
    s.in_session()
    whole = pb.Envelope(version=1, publish=s.publish(s.hostile())).SerializeToString()
    s.say_bytes(whole[:len(whole) // 2])
    return s.refused("MALFORMED")


def another_version(s):
    s.in_session()
    s.say_bytes(pb.Envelope(version=2, publish=s.publish(s.hostile())).SerializeToString())
    return s.refused("SCHEMA")


def many_checks(s):
    """Two may be under way, of one agent; the others are refused, each by its number, and the session stands."""
    s.in_session()
    session = s.client.session
    for number in range(1, 41):
        s.say(check=pb.Check(session=session, check_id=number, report=s.hostile()))
    s.client.go_until(lambda: len(s.client.check_results) == 40, "forty answers")
    answers = list(s.client.check_results.values())
    no = [a for a in answers if isinstance(a, pb.Refusal)]
    assert s.client.session == session and no and len(no) < 40
    return f"{40 - len(no)} checked, {len(no)} refused"


def row(name, how, **more):
    quick = more.pop("quick", False)
    return Cell(f"data-{name}", data, {"how": how} | more, quick=quick)


CELLS = [
    row("bytes-that-are-no-report", poison(b"\xff\xff\xff"), quick=True),
    row("empty-report", refused(lambda r: r.Clear())),
    row("bad-utf-8", poison(spoiled_text(b"P63-4\xc5"))),
    row("nul-in-a-text", poison(spoiled_text(b"P63\0-48"))),
    row("hostile-nesting", poison(hostile_nesting)),
    row("report-over-the-limit", poison(over_the_limit)),
    row("figures-over-the-limit", poison(many_figures)),
    row("ten-poisons-in-a-row", poison(*(bytes([255, 255, n]) for n in range(10)))),
    row("unknown-indicator", refused(unknown_indicator)),
    row("unknown-dataflow", refused(unknown_dataflow)),
    row("no-figures", refused(no_figures)),
    row("decimal-without-bounds", refused(unbounded_decimal)),
    row("enumerations-unknown", refused(strange_enums)),
    row("anothers-province", refused(lambda r: setattr(r, "provider", "P63-01"), "DUNG-01")),
    row("full-batch", full_batch, heartbeat="2s"),  # to make it takes longer than the usual sessions last in silence
    row("batch-over-the-limit", wrong("TOO_LARGE", lambda s: s.publish(*(s.hostile() for _ in range(1001))))),
    row("payload-spoiled", wrong("BAD_CHAIN", spoiled("payload"))),
    row("chain-spoiled", wrong("BAD_CHAIN", spoiled("chain"))),
    row("prev-chain-spoiled", wrong("BAD_CHAIN", spoiled("prev_chain"))),
    row("signature-spoiled", wrong("BAD_SIGNATURE", spoiled("signature"))),
    row("key-id-spoiled", wrong("BAD_SIGNATURE", spoiled("key_id"))),
    row("signed-by-another", signed_by_another),
    row("anothers-batch", anothers_batch),
    row("forked-content", forked_content, quick=True),
    row("gap", gap),
    row("count-zero", wrong("MALFORMED", changed(count=0))),
    row("count-huge", wrong("TOO_LARGE", changed(count=(1 << 32) - 1))),
    row("count-of-others", wrong("MALFORMED", changed(count=2))),
    row("seq-zero", wrong("MALFORMED", changed(first_seq=0))),
    row("seq-huge", wrong("MALFORMED", changed(first_seq=(1 << 64) - 1))),
    row("epoch-short", wrong("MALFORMED", changed(epoch=bytes(15)))),
    row("epoch-of-nobody", wrong("NO_SESSION", changed(epoch=bytes(16)))),
    row("codec-unknown", wrong("MALFORMED", changed(codec=99))),
    row("payload-empty", wrong("MALFORMED", changed(payload=b""))),
    row("compressed-bomb", with_payload("TOO_LARGE", lambda batch: compress(bytes(64 << 20)))),
    row("compressed-lie", with_payload("MALFORMED", lying_frame)),
    row("compressed-without-size", with_payload("MALFORMED", lambda batch: compress(batch.SerializeToString(), size_stated=False))),
    row("compressed-garbage", with_payload("MALFORMED", lambda batch: b"\x28\xb5\x2f\xfd" + bytes(50))),
    row("replayed-at-once", replayed_at_once),
    row("replayed-in-another-session", replayed_in_another_session),
    row("credit-overrun", overrun, credit_batches=2),
    row("hello-of-a-later-schema", hello("SCHEMA", schema=2)),
    row("hello-without-a-schema", hello("SCHEMA", schema=0)),
    row("hello-short-epoch", hello("MALFORMED", epoch=bytes(15))),
    row("hello-short-chain", hello("MALFORMED", last_chain=bytes(31))),
    row("hello-seq-huge", hello("MALFORMED", last_appended=1 << 50)),
    row("hello-another-signing-key", hello("BAD_SIGNATURE", signing_key=bytes(32))),
    row("hello-behind-the-watermark", hello("FORKED", last_appended=0, first_kept=0, last_chain=bytes(32))),
    row("hello-another-chain", hello("FORKED", last_chain=bytes(32))),
    row("message-truncated", truncated),
    row("message-of-another-version", another_version),
    row("messages-of-the-centre", only_the_centre_says_that),
    row("strange-heartbeats", strange_heartbeats),
    row("forty-checks", many_checks),
]
