# SPDX-License-Identifier: Apache-2.0
"""The foreign client against the little centre: both written from PROTOCOL.md, so what they agree on is what it says."""

import json
import pathlib
import time

import pytest

from client import Client, Forked, Stopped, Stream, decimal
from little_centre import LittleCentre
from roadbook import Keys, ack_bytes, batch_bytes, blake2b, chain_0, chain_next, is_signed, messages

pb = messages()
GOLDEN = pathlib.Path(__file__).resolve().parents[1] / "golden"
PROTOCOL = (pathlib.Path(__file__).resolve().parents[2] / "proto" / "PROTOCOL.md").read_text("utf-8")
AGENT = "agent-63-46"


def report(value="1178600", comment=""):
    r = pb.Report(provider="P63-46", dataflow="province_statistics", time_period="2024", comment=comment)
    r.observations.add(indicator="population", ref_area="63/46", value=decimal(value))
    return r.SerializeToString()


class Pair:
    """A centre and an agent that take turns."""

    def __init__(self, folder):
        self.folder, self.keys, self.centre = folder, Keys.make(AGENT), LittleCentre()
        self.client = None
        self.start()

    def start(self, name="stream"):
        self.stop()
        stream = Stream(self.folder / name, AGENT)
        self.client = Client(self.centre.endpoint, self.keys, self.centre.keys, stream)
        step = self.client.step

        def turn(_=None):
            step(5)
            self.centre.serve()
        self.client.step = turn
        return self.client

    def stop(self):
        if self.client:
            self.client.close()
            self.client.stream.close()
            self.client = None

    def committed(self):
        return self.centre.reports[AGENT, self.client.stream.epoch]


@pytest.fixture
def pair(tmp_path):
    made = Pair(tmp_path)
    yield made
    made.stop()
    made.centre.close()


def test_a_report_gets_acknowledgement_and_verdict(pair):
    seq = pair.client.submit(report())
    verdict = pair.client.verdict(seq)
    assert seq == 1 and verdict.digest == blake2b(report())
    assert list(verdict.outcomes) == [pb.OUTCOME_ACCEPTED]
    assert pair.client.stream.acknowledged == 1
    assert pair.committed() == [report()]
    assert pair.client.codebook.catalogue_version == 1


def test_many_reports_in_order_within_credit(pair):
    pair.centre.credit = (3000, 2)
    for i in range(200):
        pair.client.submit(report(str(i)))
    pair.client.verdict(200)
    assert pair.committed() == [report(str(i)) for i in range(200)]
    sizes = [len(m.payload) for kind, m in pair.centre.heard if kind == "publish"]
    assert len(sizes) >= 5 and max(sizes) <= 3000


def test_no_credit_no_publish(pair):
    pair.centre.credit = (0, 0)
    pair.client.submit(report())
    pair.client.go_until(lambda: [kind for kind, _ in pair.centre.heard].count("heartbeat") > 2)
    assert "publish" not in [kind for kind, _ in pair.centre.heard]
    pair.centre.credit = (1 << 20, 8)
    pair.client.verdict(1)


def test_centre_restarts(pair):
    pair.client.verdict(pair.client.submit(report("1")))
    pair.centre.restart()
    pair.client.verdict(pair.client.submit(report("2")))
    assert pair.committed() == [report("1"), report("2")]


def test_agent_restarts_with_its_file(pair):
    pair.client.verdict(pair.client.submit(report("1")))
    epoch = pair.client.stream.epoch
    with open(pair.folder / "stream", "ab") as f:
        f.write(b"report 0a0b")  # torn by a crash
    client = pair.start()
    assert client.stream.epoch == epoch and client.stream.cursor == 1
    client.verdict(client.submit(report("2")))
    assert pair.committed() == [report("1"), report("2")]


def test_lost_acknowledgements_and_verdicts_come_again(pair):
    pair.centre.mute = {"ack", "verdicts"}
    pair.client.submit(report())
    pair.client.go_until(lambda: AGENT in pair.centre.verdicts and pair.centre.verdicts[AGENT])
    assert pair.client.stream.acknowledged == 0 and not pair.client.stream.verdicts
    pair.centre.mute = set()
    pair.client.verdict(1)


def test_restored_database_is_filled_again(pair):
    for i in range(5):
        pair.client.submit(report(str(i)))
    before = pair.client.verdict(5)
    pair.centre.restore(AGENT, pair.client.stream.epoch, 2)
    pair.client.go_until(lambda: len(pair.committed()) == 5)
    assert pair.committed() == [report(str(i)) for i in range(5)]
    again = [pb.Batch.FromString(m.payload) for kind, m in pair.centre.heard if kind == "publish"][-1]
    assert again.entries[0].first_acknowledgement.committed_through >= 3
    pair.client.go_until(lambda: pair.client.verdict(5).known_at_us > before.known_at_us, "the new verdict")


def test_forked_stream_is_refused(pair):
    pair.client.verdict(pair.client.submit(report("1")))
    old = (pair.folder / "stream").read_bytes()
    pair.client.verdict(pair.client.submit(report("2")))
    (pair.folder / "copy").write_bytes(old)
    client = pair.start("copy")
    with pytest.raises(Stopped) as e:
        client.go_until(lambda: client.session)
    assert e.value.refusal.code == pb.REFUSAL_CODE_FORKED and e.value.refusal.at.seq == 2


def test_forked_stream_sees_it_itself(pair):
    pair.client.verdict(pair.client.submit(report("1")))
    old = (pair.folder / "stream").read_bytes()
    pair.client.verdict(pair.client.submit(report("2")))
    (pair.folder / "copy").write_bytes(old)
    client = pair.start("copy")
    client.submit(report("8"))
    client.submit(report("9"))
    with pytest.raises(Forked):
        client.go_until(lambda: client.session)


def test_wrong_centre_signature_is_no_acknowledgement(pair):
    pair.client.centre = Keys("centre", pair.centre.keys.curve_public, Keys.make("x").sign_public)
    pair.client.submit(report())
    pair.client.go_until(lambda: pair.client.bad_acknowledgements > 0)
    assert pair.client.stream.acknowledged == 0


def test_spoiled_signature_is_no_acknowledgement(pair):
    pair.centre.spoil = True
    pair.client.submit(report())
    pair.client.go_until(lambda: pair.client.bad_acknowledgements > 1, "acknowledgements that are repeated")
    assert pair.client.stream.acknowledged == 0
    pair.centre.spoil = False
    pair.client.verdict(1)


@pytest.mark.parametrize("code", ["GAP", "OVER_CREDIT", "BUSY", "NO_SESSION"])
def test_refusals_that_pass(pair, code):
    pair.centre.refuse_next["publish"] = code
    pair.client.verdict(pair.client.submit(report()))
    assert len([kind for kind, _ in pair.centre.heard if kind == "hello"]) >= 2


@pytest.mark.parametrize("code", ["REVOKED", "BAD_SIGNATURE"])
def test_refusals_that_stop(pair, code):
    pair.centre.refuse_next["publish"] = code
    pair.client.submit(report())
    with pytest.raises(Stopped):
        pair.client.verdict(1)


def test_check_stores_nothing(pair):
    verdict = pair.client.check(report())
    assert verdict.verdict_seq == 0 and verdict.seq == 0 and list(verdict.outcomes) == [pb.OUTCOME_ACCEPTED]
    assert pair.committed() == []


def test_refused_check_leaves_the_session(pair):
    pair.centre.refuse_next["check"] = "BUSY"
    assert pair.client.check(report()).code == pb.REFUSAL_CODE_BUSY
    session = pair.client.session
    pair.client.check(report())
    assert pair.client.session == session


def test_asks_what_is_owed(pair):
    pair.centre.owed[AGENT] = [pb.TodoItem(kind=pb.TODO_KIND_LATE, provider="P63-46", missing=["population"], days_left=-3)]
    todo = pair.client.todo()
    assert [(item.kind, item.days_left) for item in todo.items] == [(pb.TODO_KIND_LATE, -3)]
    session = pair.client.session
    pair.centre.refuse_next["todo_request"] = "BUSY"
    assert pair.client.todo().code == pb.REFUSAL_CODE_BUSY
    assert pair.client.todo().items and pair.client.session == session


def test_silent_centre_gets_a_new_connection(pair):
    pair.client.go_until(lambda: pair.client.session)
    pair.centre.mute = {"heartbeat"}
    heard = pair.client.heard_at
    pair.client.go_until(lambda: not pair.client.session)
    assert time.monotonic() - heard > 1.0
    pair.client.go_until(lambda: pair.client.session)


def test_lost_publish_is_found_out(pair, monkeypatch):
    monkeypatch.setattr("client.STALLED_S", 1)
    pair.centre.lose = {"publish"}
    pair.client.submit(report())
    pair.client.go_until(lambda: not pair.centre.lose, "a publish that is lost")
    pair.client.verdict(1)


def test_unknown_body_is_ignored(pair):
    pair.client.go_until(lambda: pair.client.session)
    peer = pair.centre.sessions[AGENT][1]
    pair.centre.socket.send_multipart([peer, b"\x08\x01\xaa\x02\x00"])
    pair.client.verdict(pair.client.submit(report()))


# ---------------------------------------------------------------- the text and the golden files

def test_proof_vectors():
    v = json.loads((GOLDEN / "proof_vectors.json").read_text("utf-8"))
    epoch, agent = bytes.fromhex(v["epoch"]), v["agent"]
    assert chain_0(agent, epoch).hex() == v["chain_0"]
    assert chain_0(agent, epoch, bytes.fromhex(v["previous_chain"])).hex() == v["chain_0_after_previous"]
    chain = bytes.fromhex(v["chain"]["from"])
    for data, want in zip(v["chain"]["reports"], v["chain"]["each"]):
        chain = chain_next(chain, bytes.fromhex(data))
        assert chain.hex() == want
    b, a = v["batch"], v["ack"]
    signed = batch_bytes(agent, epoch, b["first_seq"], b["last_seq"], bytes.fromhex(b["prev_chain"]), bytes.fromhex(b["chain"]))
    assert signed.hex() == b["signed_bytes"]
    assert is_signed(bytes.fromhex(v["agent_signing_public"]), signed, bytes.fromhex(b["signature"]))
    signed = ack_bytes(agent, epoch, a["committed_through"], bytes.fromhex(a["chain"]), a["committed_at_us"])
    assert signed.hex() == a["signed_bytes"]
    assert is_signed(bytes.fromhex(v["centre_signing_public"]), signed, bytes.fromhex(a["signature"]))


def test_worked_example_is_the_vectors():
    squeezed = "".join(PROTOCOL.split())
    v = json.loads((GOLDEN / "proof_vectors.json").read_text("utf-8"))
    for part in (v["chain_0"], v["batch"]["signed_bytes"], v["batch"]["signature"], v["agent_key_id"],
                 v["agent_signing_public"]):
        assert part in squeezed


def test_the_text_names_everything():
    for name, value in pb.RefusalCode.items():
        if value:
            assert f"| {value} {name.removeprefix('REFUSAL_CODE_')} |" in PROTOCOL
    spoken = ["Envelope", "Hello", "Subscribe", "Publish", "Acknowledgement", "Heartbeat", "Refusal", "Check", "CheckResult",
              "Limits", "Credit", "Position", "TodoRequest", "Todo", "TodoItem", "Verdict", "Finding", "Entry", "Report", "Observation", "Decimal", "Event"]
    missing = [f"{name}.{field.name}" for name in spoken for field in pb.DESCRIPTOR.message_types_by_name[name].fields
               if field.name not in PROTOCOL.lower()]
    assert not missing
    for field in pb.Envelope.DESCRIPTOR.fields:
        if field.message_type:
            assert f"| {field.number} | `{field.message_type.name}` |" in PROTOCOL
