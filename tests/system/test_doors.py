# SPDX-License-Identifier: Apache-2.0
"""
Strangers, false keys and spoiled messages at the centre's door. The foreign client of tests/interop does the speaking; whatever
it says, the centre stands, says why it refuses, stores nothing of it, and serves the others.
"""

import pytest
import zmq

from foreign import ForeignAgent, a_report, flipped, pb, publish_changed, publish_of
from roadbook import Keys
from tramtest import POPULATION, csv_text, wait_until

FOREIGN = "agent-63-48"


@pytest.fixture
def foreign(fleet, centre, tmp_path):
    """The foreign client, known to the centre as the agent of Đà Nẵng."""
    keys = Keys.make(FOREIGN).write(tmp_path / f"{FOREIGN}.key")
    centre.tram("agents", "accept", tmp_path / f"{FOREIGN}.pub")
    with_client = ForeignAgent(centre, keys, tmp_path)
    yield with_client
    with_client.close()


def still_serves(fleet, centre):
    """Another agent is not disturbed."""
    agent = fleet.agent(centre, "agent-63-51")
    agent.submit(csv_text(POPULATION | {"ref_area": "63/51"}, provider="P63-51"))
    (verdict,) = agent.wait_for_verdicts(1)
    return verdict["accepted"] + verdict["warned"] == 1


def stored(centre):
    return centre.value("SELECT count(*) FROM tram.report")


def test_a_foreign_agent_hands_in_and_hears_its_verdict(foreign, centre):
    client = foreign.open()
    verdict = client.verdict(client.submit(a_report()))
    assert list(verdict.outcomes) in ([pb.OUTCOME_ACCEPTED], [pb.OUTCOME_ACCEPTED_WITH_WARNINGS])
    assert client.bad_acknowledgements == 0
    assert centre.value("SELECT value FROM tram.observation_current") == 1234567


def test_a_foreign_agent_asks_for_a_check(foreign, centre):
    verdict = foreign.open().check(a_report(value=-1))
    assert list(verdict.outcomes) == [pb.OUTCOME_REFUSED]
    assert any(finding.rule == "DUNG-04" and finding.message_vi and finding.remedy_en for finding in verdict.findings)
    assert stored(centre) == 0


def test_another_agents_province(foreign, centre):
    client = foreign.open()
    verdict = client.verdict(client.submit(a_report(area="63/01", provider="P63-01")))
    assert list(verdict.outcomes) == [pb.OUTCOME_REFUSED]
    assert any(finding.rule == "DUNG-01" for finding in verdict.findings)
    assert centre.value("SELECT count(*) FROM tram.observation") == 0


def test_bytes_that_are_no_report_are_poison(foreign, fleet, centre):
    """They get their verdict and their place in the stream, and what comes behind them goes on."""
    client = foreign.open()
    spoiled, good = client.submit(b"\xff\xff\xff"), client.submit(a_report())
    assert client.verdict(spoiled).findings
    assert list(client.verdict(good).outcomes)[0] in (1, 2)
    assert centre.value("SELECT count(*) FROM tram.poison") == 1
    assert still_serves(fleet, centre)


@pytest.mark.parametrize("text", [b"P63-48\xc5", b"P63\0-48"], ids=["bad UTF-8", "NUL"])
def test_texts_that_postgresql_would_refuse(foreign, centre, text):
    client = foreign.open()
    spoiled = a_report().replace(b"P63-48", text[:6]) if len(text) == 6 else a_report().replace(b"\x06P63-48", bytes([len(text)]) + text)
    assert client.verdict(client.submit(spoiled)).findings
    assert centre.value("SELECT count(*) FROM tram.poison") == 1


@pytest.mark.parametrize("field, code", [("payload", "BAD_CHAIN"), ("chain", "BAD_CHAIN"), ("prev_chain", "BAD_CHAIN"),
                                         ("signature", "BAD_SIGNATURE"), ("key_id", "BAD_SIGNATURE")])
def test_a_bit_flipped_on_the_way(foreign, fleet, centre, field, code):
    client = foreign.open()
    sound = publish_of(client)
    client.publish = lambda: None  # nothing but this one
    client.send(publish=publish_changed(sound, **{field: flipped(getattr(sound, field))}))
    refusal = foreign.refusal()
    assert pb.RefusalCode.Name(refusal.code).removeprefix("REFUSAL_CODE_") == code
    assert refusal.message_vi and refusal.message_en
    assert stored(centre) == 0
    assert still_serves(fleet, centre)


@pytest.mark.parametrize("first_seq, code", [(3, "GAP")])
def test_a_gap_is_named(foreign, centre, first_seq, code):
    client = foreign.open()
    sound = publish_of(client)
    client.publish = lambda: None
    client.send(publish=publish_changed(sound, first_seq=first_seq))
    assert pb.RefusalCode.Name(foreign.refusal().code).endswith(code)


def test_a_truncated_message(foreign, fleet, centre):
    client = foreign.open()
    sound = pb.Envelope(version=1, publish=publish_of(client)).SerializeToString()
    client.publish = lambda: None
    client.socket.send(sound[:len(sound) // 2])
    assert pb.RefusalCode.Name(foreign.refusal().code).endswith("MALFORMED")
    assert stored(centre) == 0
    assert still_serves(fleet, centre)


def test_an_oversize_message(foreign, fleet, centre):
    client = foreign.open()
    client.socket.send(b"\0" * (8 << 20))
    assert still_serves(fleet, centre)
    client.connect()
    verdict = client.verdict(client.submit(a_report()))  # the same agent, as it should speak
    assert list(verdict.outcomes)[0] in (1, 2)


def test_hostile_empty_messages_need_no_memory(foreign, fleet, centre):
    """A million empty observations in one report of 2 MB would be 200 MB of structs."""
    client = foreign.open()
    hostile = pb.Report(provider="P63-48").SerializeToString() + b"\xa2\x01\x00" * 300_000
    assert client.verdict(client.submit(hostile)).findings
    assert still_serves(fleet, centre)


def test_two_frames_are_ignored(foreign, fleet, centre):
    client = foreign.open()
    client.socket.send_multipart([b"one", b"two"])
    assert list(client.verdict(client.submit(a_report())).outcomes)[0] in (1, 2)
    assert still_serves(fleet, centre)


def test_a_newer_session_supersedes(foreign, centre, tmp_path):
    client = foreign.open()
    second_folder = tmp_path / "second"
    second_folder.mkdir()
    newer = ForeignAgent(centre, client.keys, second_folder)
    try:
        newer.stream.close()
        newer.client.stream = client.stream
        newer.client.go_until(lambda: newer.client.session, "the newer session")
        assert pb.RefusalCode.Name(foreign.refusal().code).endswith("SUPERSEDED")
    finally:
        newer.client.close()


class TestKeys:
    def test_unknown_key(self, fleet, centre, tmp_path):
        stranger = ForeignAgent(centre, Keys.make(FOREIGN), tmp_path)
        try:
            wait_for_event(stranger, centre, "key.refused")
            assert not stranger.client.session
        finally:
            stranger.close()
        assert still_serves(fleet, centre)

    def test_another_agents_key(self, fleet, centre, tmp_path):
        """Known key, but it says that it is somebody else."""
        keys = Keys.make("agent-63-49").write(tmp_path / "agent-63-49.key")
        centre.tram("agents", "accept", tmp_path / "agent-63-49.pub")
        keys.name = FOREIGN
        liar = ForeignAgent(centre, keys, tmp_path)
        try:
            assert pb.RefusalCode.Name(liar.refusal().code).endswith("WRONG_AGENT")
        finally:
            liar.close()

    def test_revoked_in_session(self, foreign, centre):
        foreign.open()
        centre.tram("agents", "revoke", FOREIGN, "--reason", "mất máy")
        centre.daemon.send(1)  # SIGHUP: at once
        assert pb.RefusalCode.Name(foreign.refusal().code).endswith("REVOKED")

    def test_no_curve(self, fleet, centre):
        with zmq.Context() as context, context.socket(zmq.DEALER) as plain:
            plain.linger = 0
            plain.connect(f"tcp://127.0.0.1:{centre.port}")
            plain.send(pb.Envelope(version=1, hello=pb.Hello(agent=FOREIGN)).SerializeToString())
            assert still_serves(fleet, centre)
            assert not plain.poll(0)

    def test_wrong_centre_key(self, fleet, centre, folder):
        """The agent says so, and keeps what is handed in."""
        other = fleet.centre("other", start=False)
        agent = fleet.agent(centre, centre_key_file=other.key.with_suffix(".pub"))
        agent.submit(csv_text(POPULATION))
        wait_until(lambda: "centre_key_file" in agent.tram("status").stdout, "a word about centre_key_file")
        assert len(agent.outbox()) == 1
        assert stored(centre) == 0

    def test_a_port_that_speaks_something_else(self, fleet, centre):
        import socket
        import threading
        listener = socket.create_server(("127.0.0.1", 0))

        def talk():
            while True:
                try:
                    peer, _ = listener.accept()
                except OSError:
                    return
                with peer:
                    peer.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        threading.Thread(target=talk, daemon=True).start()
        try:
            agent = fleet.agent(centre, port=listener.getsockname()[1])
            assert agent.submit(csv_text(POPULATION)).returncode == 0
            assert agent.daemon.running()
        finally:
            listener.close()


def wait_for_event(agent, centre, name):
    def seen():
        agent.client.step(20)
        return name in centre.daemon.log()
    wait_until(seen, name)
