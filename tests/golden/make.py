#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the golden files of protocol version 1, once: what stands here stands for ever.

The build never runs this. A message that gains a field gets a new golden file beside the old ones (v1_report_2.bin);
the old ones must be read as they were. Run it only to make such a file, and keep what is under version control:

    /usr/bin/python3 make.py NAME...      (python3-protobuf, python3-nacl, protoc, zstd)
"""
import hashlib
import json
import pathlib
import struct
import subprocess
import sys
import tempfile

from google.protobuf import text_format
from nacl.signing import SigningKey

HERE = pathlib.Path(__file__).resolve().parent
PROTO = HERE.parent.parent / "proto"


def load_messages():
    with tempfile.TemporaryDirectory() as out:
        subprocess.run(["protoc", f"--proto_path={PROTO}", f"--python_out={out}", "tram.proto"], check=True)
        sys.path.insert(0, out)
        import tram_pb2
        return tram_pb2


pb = load_messages()

AGENT = "agent-63-46"
EPOCH = bytes.fromhex("7f3a9c21d04e5b6688990a1b2c3d4e5f")
OLD_EPOCH = bytes.fromhex("00112233445566778899aabbccddeeff")
SESSION = 0x1122334455667788
AGENT_KEY = SigningKey(bytes(range(0, 32)))
CENTRE_KEY = SigningKey(bytes(range(32, 64)))
HANDED_IN = 1721350800000000  # 2024-07-19T01:00:00Z
COMMITTED = HANDED_IN + 1234567


# ---------------------------------------------------------------- proofs

def blake2b(data):
    return hashlib.blake2b(data, digest_size=32).digest()


def begin(domain, epoch):
    return domain + bytes([len(AGENT)]) + AGENT.encode() + epoch


def chain_0(epoch, previous=b""):
    return blake2b(begin(b"tram-chain-v1", epoch) + previous)


def key_id(key):
    return blake2b(bytes(key.verify_key))[:8]


def batch_bytes(epoch, first_seq, last_seq, prev_chain, chain):
    return begin(b"tram-batch-v1", epoch) + struct.pack(">QQ", first_seq, last_seq) + prev_chain + chain


def ack_bytes(epoch, committed_through, chain, committed_at_us):
    return (begin(b"tram-ack-v1", epoch) + struct.pack(">Q", committed_through) + chain
            + struct.pack(">q", committed_at_us))


def acknowledge(epoch, seq, chain, at_us):
    signature = CENTRE_KEY.sign(ack_bytes(epoch, seq, chain, at_us)).signature
    return pb.Acknowledgement(epoch=epoch, committed_through=seq, chain=chain, committed_at_us=at_us,
                              signature=signature, key_id=key_id(CENTRE_KEY))


# ---------------------------------------------------------------- messages

def full_report():
    report = pb.Report(
        provider="P63-46", dataflow="payments_province", time_period="2024-S1", period_from="2023-12-15",
        period_to="2024-06-14", reference_date="2024-06-14", purpose=pb.PURPOSE_CORRECTION, reason="đối soát lại với Ngân hàng Nhà nước",
        prepared_by="Nguyễn Thị An", prepared_at="2024-07-18T16:30:00+07:00", approved_by="Trần Văn Bình",
        approved_at="2024-07-19T07:45:00+07:00", catalogue_version=3, demonstration=True, comment="bản kiểm thử",
        software="make.py 1", revises=True)
    report.observations.add(
        indicator="payment_account_share_adults", ref_area="63/46", dimensions=[pb.Dimension(id="SEX", value="F")],
        value=pb.Decimal(mantissa=9331, scale=2), numerator=pb.Decimal(mantissa=4543),
        denominator=pb.Decimal(mantissa=6325), weight=pb.Decimal(mantissa=-5, scale=18), rank_out_of=63, unit="percent",
        unit_mult=-2, obs_status=pb.OBSERVATION_STATUS_PROVISIONAL, missing_reason=pb.MISSING_REASON_UNSPECIFIED,
        qualifier=pb.QUALIFIER_AT_LEAST, source_system="cashless_payment", justification_code="METHOD",
        justification="đổi cách tính \"người trưởng thành\"", comment="dòng 1\ndòng 2",
        action=pb.OBSERVATION_ACTION_REPLACE)
    report.observations.add(
        indicator="mobile_money_customers", ref_area="46", obs_status=pb.OBSERVATION_STATUS_MISSING,
        missing_reason=pb.MISSING_REASON_NOT_APPLICABLE)
    report.observations.add(indicator="mobile_money_customers", ref_area="34/46", action=pb.OBSERVATION_ACTION_WITHDRAW)
    return report


def justified_report():
    """What a report may say since it can be justified as a whole, and figures say how many sub-units they come from."""
    report = full_report()
    report.justification_code = "verified_with_source"
    report.justification = "đã đối chiếu với Ngân hàng Nhà nước chi nhánh tỉnh"
    report.observations[1].units_reporting = 131
    report.observations[1].units_expected = 141
    return report


def small_report():
    report = pb.Report(provider="P63-46", dataflow="province_statistics", time_period="2024",
                       reference_date="2024-12-31", purpose=pb.PURPOSE_REGULAR)
    report.observations.add(indicator="population", ref_area="63/46", value=pb.Decimal(mantissa=11786),
                            unit_mult=2)
    return report


REPORTS = [full_report().SerializeToString(), small_report().SerializeToString()]
FIRST_SEQ = 4211
PREV_CHAIN = blake2b(b"the chain at 4210, for the golden files")


def chain_over(chain, reports):
    for report in reports:
        chain = blake2b(chain + blake2b(report))
    return chain


CHAIN = chain_over(PREV_CHAIN, REPORTS)


def batch():
    first = acknowledge(OLD_EPOCH, 17, blake2b(b"the chain at 17"), HANDED_IN - 86400000000)
    return pb.Batch(entries=[
        pb.Entry(report=REPORTS[0], handed_in_at_us=HANDED_IN, first_acknowledgement=first),
        pb.Entry(report=REPORTS[1], handed_in_at_us=HANDED_IN + 1)])


def zstd(data):
    """One frame that states its content size."""
    return subprocess.run(["zstd", "-q", f"--stream-size={len(data)}"], input=data, stdout=subprocess.PIPE,
                          check=True).stdout


def publish(codec=pb.CODEC_PLAIN):
    payload = batch().SerializeToString()
    signature = AGENT_KEY.sign(batch_bytes(EPOCH, FIRST_SEQ, FIRST_SEQ + 1, PREV_CHAIN, CHAIN)).signature
    return pb.Publish(session=SESSION, epoch=EPOCH, first_seq=FIRST_SEQ, count=2, prev_chain=PREV_CHAIN, chain=CHAIN,
                      codec=codec, payload=zstd(payload) if codec == pb.CODEC_ZSTD else payload,
                      signature=signature, key_id=key_id(AGENT_KEY))


def verdict():
    return pb.Verdict(
        verdict_seq=900, epoch=EPOCH, seq=FIRST_SEQ, digest=blake2b(REPORTS[0]), known_at_us=COMMITTED,
        catalogue_version=3, cause="received",
        words=[pb.Word(code="dung", state=pb.WORD_STATE_FAIL), pb.Word(code="du", state=pb.WORD_STATE_PASS),
               pb.Word(code="sach", state=pb.WORD_STATE_WARN), pb.Word(code="song", state=pb.WORD_STATE_HELD)],
        outcomes=[pb.OUTCOME_REFUSED, pb.OUTCOME_ACCEPTED, pb.OUTCOME_HELD],
        findings=[pb.Finding(rule="DUNG-04", severity=pb.SEVERITY_BLOCK, observation=1, field="value", found="93.31",
                             expected="71.83 (4543 / 6325)", message_vi="giá trị không bằng tử số chia mẫu số",
                             message_en="the value is not the numerator over the denominator",
                             remedy_vi="sửa giá trị, hoặc tử số và mẫu số", remedy_en="mend the value or its parts")])


def verdict_of_five_words():
    """A word beside the four brings what it is called."""
    made = verdict()
    made.words.append(pb.Word(code="thong_nhat", state=pb.WORD_STATE_HELD, name_vi="thống nhất", name_en="unified"))
    return made


def released_verdict():
    """What a decision of the centre made of it."""
    v = verdict()
    v.verdict_seq += 1
    v.known_at_us += 1
    v.cause = "released"
    v.decided_by = "Trần Thị Bình"
    v.reason = "đã đối chiếu với sổ gốc"
    return v


def differences():
    """A figure that is changed, and one that is new."""
    return [pb.Difference(observation=1, value=pb.Decimal(mantissa=164, scale=1), numerator=pb.Decimal(mantissa=820),
                          denominator=pb.Decimal(mantissa=5000), revision=2, outcome=pb.OUTCOME_HELD,
                          known_at_us=COMMITTED, stated_value=pb.Decimal(mantissa=165, scale=1)),
            pb.Difference(observation=2, stated_numerator=pb.Decimal(mantissa=1), stated_denominator=pb.Decimal(mantissa=2)),
            pb.Difference(observation=3, revision=1, outcome=pb.OUTCOME_ACCEPTED, known_at_us=COMMITTED,
                          missing_reason=pb.MISSING_REASON_LATE, same=True, withdrawn=True)]


def todo():
    """A figure to be mended, and a report that is late."""
    of = dict(provider="P63-46", dataflow="payments_province", dataflow_name_vi="Thanh toán",
              dataflow_name_en="Payments", time_period="2024-S1", period_from="2023-12-15", period_to="2024-06-14")
    return pb.Todo(session=SESSION, request_id=8, at_us=COMMITTED, more=2, items=[
        pb.TodoItem(kind=pb.TODO_KIND_REFUSED, by="2024-07-29", days_left=10, indicator="payment_account_share_adults",
                    indicator_name_vi="Tỷ lệ người trưởng thành có tài khoản", indicator_name_en="Adults with an account",
                    rules="DUNG-04", found="93.31", wanted="71.83 (4543 / 6325)", **of),
        pb.TodoItem(kind=pb.TODO_KIND_LATE, by="2024-06-20", days_left=-29, expected=3, reported=1,
                    missing=["mobile_money_customers"], missing_count=2, **of)])


def envelope(**body):
    return pb.Envelope(version=1, **body)


def codebook():
    return pb.Codebook(
        catalogue_version=3,
        dataflows=[pb.CodebookDataflow(code="payments_province", name_vi="Thanh toán", name_en="Payments",
                                       frequencies="S|A")],
        indicators=[pb.CodebookIndicator(code="mobile_money_customers", dataflow="payments_province",
                                         unit="customer", value_type="count",
                                         integer=True, name_vi="Khách hàng sử dụng Mobile Money",
                                         name_en="Mobile Money customers")],
        areas=[pb.CodebookArea(area="63/46", code="46", valid_from="2008-08-01", valid_to="2024-12-31",
                               name_vi="Tỉnh Thừa Thiên Huế", name_en="Thua Thien Hue")],
        providers=[pb.CodebookProvider(code="P63-46", name_vi="UBND thành phố Huế", areas=["63/46", "34/46"],
                                       dataflows=["payments_province"])])


def hello(**more):
    return pb.Hello(
        agent=AGENT, epoch=EPOCH, first_kept=4000, last_appended=FIRST_SEQ + 1, last_chain=CHAIN,
        previous_epoch=OLD_EPOCH, previous_chain=blake2b(b"the chain at 17"), boot_nonce=bytes(range(100, 116)),
        verdict_cursor=899, catalogue_version=2, schema=1, software="make.py 1",
        signing_key=bytes(AGENT_KEY.verify_key), **more)


def subscribe(position, credit, **more):
    return pb.Subscribe(
        session=SESSION, resume_after=position, credit=credit,
        limits=pb.Limits(message_bytes=4194304, report_bytes=1048576, observations=10000, batch_bytes=8388608,
                         batch_reports=1000, heartbeat_ms=5000),
        catalogue_version=3, at_us=HANDED_IN, topics=["63/46"], verdict_cursor=899, **more)


def messages():
    credit = pb.Credit(bytes=4194304, batches=16)
    position = pb.Position(epoch=EPOCH, seq=FIRST_SEQ - 1, chain=PREV_CHAIN)
    yield "report", full_report()
    yield "report_2", justified_report()
    yield "batch", batch()
    yield "hello", envelope(hello=hello())
    yield "hello_2", envelope(hello=hello(verdict_known_at_us=COMMITTED))
    yield "subscribe", envelope(subscribe=subscribe(position, credit))
    yield "subscribe_2", envelope(subscribe=subscribe(position, credit, verdicts_differ=True))
    yield "publish", envelope(publish=publish())
    yield "publish_zstd", envelope(publish=publish(pb.CODEC_ZSTD))
    yield "ack", envelope(ack=pb.Ack(
        session=SESSION, acknowledgement=acknowledge(EPOCH, FIRST_SEQ + 1, CHAIN, COMMITTED), credit=credit))
    yield "verdicts", envelope(verdicts=pb.Verdicts(session=SESSION, verdicts=[verdict()]))
    yield "verdicts_2", envelope(verdicts=pb.Verdicts(session=SESSION, verdicts=[verdict_of_five_words()]))
    yield "verdicts_3", envelope(verdicts=pb.Verdicts(session=SESSION, verdicts=[released_verdict()]))
    yield "heartbeat", envelope(heartbeat=pb.Heartbeat(
        session=SESSION, at_us=COMMITTED, verdict_cursor=900, last_appended=FIRST_SEQ + 1,
        committed_through=FIRST_SEQ, oldest_pending_us=HANDED_IN, credit=credit,
        catalogue_version=3))
    yield "refusal", envelope(refusal=pb.Refusal(
        session=SESSION, code=pb.REFUSAL_CODE_BUSY, at=position, message_vi="trung tâm đang bận, xin thử lại sau",
        message_en="the centre is busy: try again later", retry_after_ms=2000, answers=17, check_id=7))
    yield "check", envelope(check=pb.Check(session=SESSION, check_id=7, report=REPORTS[1]))
    yield "check_result", envelope(check_result=pb.CheckResult(session=SESSION, check_id=7, verdict=verdict()))
    yield "check_result_2", envelope(check_result=pb.CheckResult(
        session=SESSION, check_id=7, verdict=verdict(), differences=differences()))
    yield "codebook_request", envelope(codebook_request=pb.CodebookRequest(session=SESSION))
    yield "codebook", envelope(codebook=codebook())
    yield "todo_request", envelope(todo_request=pb.TodoRequest(session=SESSION, request_id=8))
    yield "todo", envelope(todo=todo())
    yield "event", pb.Event(
        position=12, feed_id=0x8877665544332211, at_us=COMMITTED, name="observation.refused",
        severity=pb.SEVERITY_BLOCK, agent=AGENT, area="63/46", word="dung",
        fields=[pb.EventField(name="rule", value="DUNG-04"),
                pb.EventField(name="indicator", value="payment_account_share_adults")])


# ---------------------------------------------------------------- files

def proof_vectors():
    start, ack_chain = chain_0(EPOCH), CHAIN
    batch_message = batch_bytes(EPOCH, FIRST_SEQ, FIRST_SEQ + 1, PREV_CHAIN, CHAIN)
    ack_message = ack_bytes(EPOCH, FIRST_SEQ + 1, ack_chain, COMMITTED)
    return {
        "agent": AGENT,
        "epoch": EPOCH.hex(),
        "agent_signing_seed": bytes(AGENT_KEY).hex(),
        "agent_signing_public": bytes(AGENT_KEY.verify_key).hex(),
        "agent_key_id": key_id(AGENT_KEY).hex(),
        "centre_signing_seed": bytes(CENTRE_KEY).hex(),
        "centre_signing_public": bytes(CENTRE_KEY.verify_key).hex(),
        "centre_key_id": key_id(CENTRE_KEY).hex(),
        "digests": [{"bytes": data.hex(), "digest": blake2b(data).hex()} for data in (b"", b"abc", REPORTS[1])],
        "chain_0": start.hex(),
        "previous_chain": CHAIN.hex(),
        "chain_0_after_previous": chain_0(EPOCH, CHAIN).hex(),
        "chain": {"from": start.hex(), "reports": [r.hex() for r in REPORTS],
                  "each": [chain_over(start, REPORTS[:1]).hex(), chain_over(start, REPORTS).hex()]},
        "batch": {"first_seq": FIRST_SEQ, "last_seq": FIRST_SEQ + 1, "prev_chain": PREV_CHAIN.hex(),
                  "chain": CHAIN.hex(), "signed_bytes": batch_message.hex(),
                  "signature": AGENT_KEY.sign(batch_message).signature.hex()},
        "ack": {"committed_through": FIRST_SEQ + 1, "chain": ack_chain.hex(), "committed_at_us": COMMITTED,
                "signed_bytes": ack_message.hex(), "signature": CENTRE_KEY.sign(ack_message).signature.hex()},
    }


def ack_line(seq, chain, at_us):
    a = acknowledge(EPOCH, seq, chain, at_us)
    return f"ack {seq} {chain.hex()} {at_us} {a.key_id.hex()} {a.signature.hex()}"


def proof_lines(with_reports):
    """Up to the agent's signature of the batch. A report behind them, 4213, is linked to the acknowledgement."""
    later = blake2b(b"report 4213")
    early = chain_over(PREV_CHAIN, REPORTS[:1])
    yield from ("tram-proof-v1", "# Biên nhận để kiểm thử", "#", f"agent {AGENT}", f"epoch {EPOCH.hex()}",
                f"reports {FIRST_SEQ} {FIRST_SEQ + 1}", f"before {PREV_CHAIN.hex()}")
    for i, report in enumerate(REPORTS):
        yield f"report {FIRST_SEQ + i} {blake2b(report).hex()}"
        if with_reports:
            yield from (f"bytes {report[at:at + 48].hex()}" for at in range(0, len(report), 48))
        if i == 0:
            yield ack_line(FIRST_SEQ, early, COMMITTED - 1)
    yield f"link {FIRST_SEQ + 2} {later.hex()}"
    yield ack_line(FIRST_SEQ + 2, blake2b(CHAIN + later), COMMITTED)
    signature = AGENT_KEY.sign(batch_bytes(EPOCH, FIRST_SEQ, FIRST_SEQ + 1, PREV_CHAIN, CHAIN)).signature
    yield f"batch {key_id(AGENT_KEY).hex()} {signature.hex()}"


def proof_file(with_reports):
    text = "".join(line + "\n" for line in proof_lines(with_reports)).encode()
    seal = AGENT_KEY.sign(begin(b"tram-proof-v1", EPOCH) + blake2b(text)).signature
    text += f"seal {key_id(AGENT_KEY).hex()} {seal.hex()}\n".encode()
    return text + f"sum {blake2b(text).hex()}\n".encode()


def write(name, message):
    head = f"# proto-file: proto/tram.proto\n# proto-message: {message.DESCRIPTOR.full_name}\n\n"
    (HERE / f"v1_{name}.bin").write_bytes(message.SerializeToString(deterministic=True))
    (HERE / f"v1_{name}.txtpb").write_text(head + text_format.MessageToString(message, as_utf8=True))


def main():
    made = dict(messages())
    for name in sys.argv[1:]:
        if name == "proof_vectors":
            (HERE / "proof_vectors.json").write_text(json.dumps(proof_vectors(), indent=2) + "\n")
        elif name in ("receipt", "proof"):
            (HERE / f"v1_{name}.tram-proof").write_bytes(proof_file(name == "proof"))
        else:
            write(name, made[name])
    if not sys.argv[1:]:
        print("names:", *made, "proof_vectors receipt proof")


if __name__ == "__main__":
    main()
