# SPDX-License-Identifier: Apache-2.0
"""The project's own agent against the little centre: it must get on with a centre that somebody else wrote."""

import contextlib
import pathlib
import sys
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "system"))

from little_centre import LittleCentre  # noqa: E402
from roadbook import Keys, messages  # noqa: E402
from tramtest import POPULATION, Agent, csv_text  # noqa: E402

pb = messages()
NAME = "agent-63-46"


class Place:
    """What tramtest.Agent wants to know of a centre."""

    def __init__(self, folder, little):
        self.key = folder / "centre.key"
        self.port = int(little.endpoint.rsplit(":", 1)[1])
        little.keys.write(self.key)


class Scene:
    def __init__(self, folder):
        self.little = LittleCentre(heartbeat_ms=1000)  # it is served in turns with commands, and three missed are silence
        self.agent = Agent(folder / "agent", Place(folder, self.little), NAME, known=False)
        self.agent.start()

    def until(self, condition, what, patience_s=30):
        deadline = time.monotonic() + patience_s
        while not (result := condition()):
            assert time.monotonic() < deadline, f"waited {patience_s} s in vain for {what}\n{self.agent.daemon.log()}"
            self.little.serve(20)
        return result

    def hand_in(self, *values):
        for value in values:
            self.agent.submit(csv_text(POPULATION | {"value": str(value)}))

    def values(self):
        """What the centre has committed, over all epochs."""
        reports = [pb.Report.FromString(data) for stream in self.little.reports.values() for data in stream]
        return [o.value.mantissa for report in reports for o in report.observations]

    def judged(self):
        """How many reports have their verdict on the province's disk."""
        return sum(1 for row in self.agent.outbox() if row["state"] == "judged")

    def heard(self, kind):
        return [body for name, body in self.little.heard if name == kind]


@pytest.fixture
def scene(tmp_path_factory):
    folder = pathlib.Path(tmp_path_factory.mktemp("a"))
    made = Scene(folder)
    yield made
    with contextlib.suppress(AssertionError):
        made.agent.daemon.discard()
    made.little.close()


def test_hands_in_and_gets_verdicts(scene):
    scene.hand_in(1, 2, 3)
    scene.until(lambda: scene.values() == [1, 2, 3], "three reports")
    scene.until(lambda: scene.judged() == 3, "their verdicts")
    hello = scene.heard("hello")[0]
    assert hello.agent == NAME and hello.schema == 1 and len(hello.boot_nonce) == 16


def test_sends_again_what_the_centre_lost(scene):
    scene.hand_in(1, 2, 3)
    scene.until(lambda: scene.judged() == 3, "verdicts")
    ((_, epoch),) = scene.little.watermarks
    scene.little.restore(NAME, epoch, 1)
    scene.until(lambda: scene.values() == [1, 2, 3], "the reports again")
    batches = [pb.Batch.FromString(LittleCentre.unpack(m)) for m in scene.heard("publish")]
    assert batches[-1].entries[0].first_acknowledgement.committed_through >= 2


def test_keeps_within_credit(scene):
    scene.little.credit = (0, 0)
    scene.hand_in(*range(1, 40))
    scene.until(lambda: len(scene.heard("heartbeat")) > 3, "heartbeats")
    assert not scene.heard("publish")
    scene.little.credit = (600, 1)
    scene.until(lambda: len(scene.values()) == 39, "all of them")
    assert scene.values() == list(range(1, 40))
    assert max(len(m.payload) for m in scene.heard("publish")) <= 600


@pytest.mark.parametrize("code", ["GAP", "BUSY", "NO_SESSION", "OVER_CREDIT"])
def test_gets_over_a_refusal(scene, code):
    scene.little.refuse_next["publish"] = code
    scene.hand_in(1)
    scene.until(lambda: scene.values() == [1], "the report in another session")
    assert len(scene.heard("hello")) >= 2


def test_believes_only_signed_acknowledgements(scene):
    scene.little.spoil = True
    scene.hand_in(1)
    scene.until(lambda: scene.values() == [1] and len(scene.heard("heartbeat")) > 3, "the report")
    assert all(row["state"] == "waiting" for row in scene.agent.outbox())
    scene.little.spoil = False
    scene.until(lambda: all(row["state"] != "waiting" for row in scene.agent.outbox()), "a true acknowledgement")


def test_lost_answers_come_again(scene):
    scene.little.mute = {"ack", "verdicts"}
    scene.hand_in(1, 2)
    scene.until(lambda: scene.values() == [1, 2], "the reports")
    scene.little.mute = set()
    scene.until(lambda: scene.judged() == 2, "the verdicts")


def test_ignores_a_body_it_does_not_know(scene):
    scene.until(lambda: NAME in scene.little.sessions, "a session")
    scene.little.socket.send_multipart([scene.little.sessions[NAME][1], b"\x08\x01\xaa\x02\x00"])
    scene.hand_in(1)
    scene.until(lambda: scene.judged() == 1, "the verdict")


def test_keys_are_read_alike(scene):
    keys = Keys.read(scene.agent.key)
    assert keys.name == NAME and keys.sign_public == Keys.read(scene.agent.key.with_suffix(".pub")).sign_public
    assert bytes(keys.signing.verify_key) == keys.sign_public
