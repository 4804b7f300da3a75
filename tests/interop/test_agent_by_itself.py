# SPDX-License-Identifier: Apache-2.0
"""The real agent against the little centre: no database, and a centre that can be told to misbehave."""

import contextlib
import os
import pathlib
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

import pytest

from little_centre import LittleCentre
from roadbook import PROTO, Keys, blake2b, messages


def control_messages():
    """The module that protoc makes of control.proto; it finds tram_pb2 where messages() has loaded it."""
    with tempfile.TemporaryDirectory() as out:
        subprocess.run(["protoc", f"--proto_path={PROTO}", f"--python_out={out}", "control.proto"], check=True)
        sys.path.insert(0, out)
        try:
            import control_pb2
        finally:
            sys.path.remove(out)
    return control_pb2


pb = messages()
control = control_messages()
BIN = pathlib.Path(os.environ.get("TRAM_BIN", pathlib.Path(__file__).resolve().parents[2] / "build/dev/bin"))
AGENT = "agent-63-46"
PATIENCE_S = 120


def wait_until(condition, what):
    deadline, pause = time.monotonic() + PATIENCE_S, 0.005
    while not (result := condition()):
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(pause)
        pause = min(pause * 1.5, 0.1)
    return result


def report(value=1178600, comment="", observations=1, **fields):
    r = pb.Report(**{"provider": "P63-46", "dataflow": "province_statistics", "time_period": "2024"} | fields,
                  comment=comment)
    for _ in range(observations):
        r.observations.add(indicator="population", ref_area="63/46", value=pb.Decimal(mantissa=value))
    return r.SerializeToString()


class Failed(Exception):
    def __init__(self, failed):
        super().__init__(failed.message)
        self.exit_code = failed.exit_code


class Visitor:
    """One connection to the agent's control socket."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(PATIENCE_S)
        self.socket.connect(str(path))

    def send(self, **body):
        data = control.ControlRequest(**body).SerializeToString()
        self.socket.sendall(struct.pack(">I", len(data)) + data)

    def take(self, size):
        data = b""
        while len(data) < size:
            more = self.socket.recv(size - len(data))
            if not more:
                raise EOFError
            data += more
        return data

    def rows(self):
        """Up to `done`."""
        while True:
            reply = control.ControlReply.FromString(self.take(struct.unpack(">I", self.take(4))[0]))
            kind = reply.WhichOneof("body")
            if kind == "failed":
                raise Failed(reply.failed)
            if kind == "done":
                return
            yield getattr(reply, kind)

    def ask(self, **body):
        self.send(**body)
        return list(self.rows())

    def close(self):
        self.socket.close()


class Centre(LittleCentre):
    """Served by a thread of its own until it is stopped."""

    def __init__(self, **settings):
        super().__init__(**settings)
        self.lock = threading.Lock()
        self.running = True
        self.serving = True
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while self.running:
            with self.lock:
                if self.serving:
                    self.serve(2)
            time.sleep(0.001)

    def stop(self):
        self.running = False
        self.thread.join()
        self.close()


class Agent:
    def __init__(self, folder, centre, **settings):
        self.folder, self.centre = folder, centre
        self.control, self.conf, self.log_path = folder / "control", folder / "agent.conf", folder / "log"
        self.keys = Keys.make(AGENT).write(folder / "agent.key")
        centre.keys.write(folder / "centre.key")
        self.settings = {"agent": AGENT, "directory": folder / "outbox", "key_file": folder / "agent.key",
                         "centre": centre.endpoint, "centre_key_file": folder / "centre.pub", "control": self.control,
                         "reconnect": "20ms", "reconnect_max": "200ms", "handshake": "500ms"} | settings
        self.process = None

    def start(self, wait=True):
        self.conf.write_text("".join(f"{k} = {v}\n" for k, v in self.settings.items()), "utf-8")
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen([BIN / "tram-agent", "-c", self.conf], stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log, env=dict(os.environ, TRAM_ALLOW_ROOT="yes", TRAM_LANG="en"))
        if wait:
            wait_until(self.answers, "the agent")
        return self

    def answers(self):
        assert self.process.poll() is None, self.log()
        try:
            Visitor(self.control).close()
            return True
        except OSError:
            return False

    def log(self):
        return self.log_path.read_text("utf-8")

    def stop(self, number=signal.SIGTERM):
        if self.process and self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(PATIENCE_S) if self.process else None

    def ask(self, **body):
        visitor = Visitor(self.control)
        try:
            return visitor.ask(**body)
        finally:
            visitor.close()

    def submit(self, *reports, name="tháng 6.csv"):
        visitor = Visitor(self.control)
        try:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # refused already: what it says is there to read
                visitor.send(submit_begin=control.SubmitBegin(file_name=name))
                for r in reports:
                    visitor.send(submit_report=r)
                visitor.send(submit_commit=control.SubmitCommit(reports=len(reports)))
            return list(visitor.rows())[0]
        finally:
            visitor.close()

    def status(self):
        return {field.name: field.value for field in self.ask(status=control.StatusRequest())[0].fields}

    def outbox(self, **options):
        return self.ask(outbox=control.OutboxRequest(**options))

    def verdicts(self, **options):
        return self.ask(verdicts=control.VerdictsRequest(**options))

    def wait_for_verdicts(self, ticket):
        return self.verdicts(ticket=ticket.ticket, wait_ms=PATIENCE_S * 1000)

    def wait_for_state(self, state, cause=None):
        def there():
            status = self.status()
            return status["state"] == state and cause in (None, status["cause"]) and status
        return wait_until(there, f"{state} {cause}")

    def epoch(self):
        return bytes.fromhex(self.status()["epoch"])

    def committed(self):
        return self.centre.reports.get((AGENT, self.epoch()), [])


@pytest.fixture
def centre():
    made = Centre()
    yield made
    made.stop()


@pytest.fixture
def agent(tmp_path, centre):
    made = Agent(tmp_path, centre)
    yield made
    made.stop()


def test_from_hand_in_to_verdict(agent):
    agent.start()
    ticket = agent.submit(report(1), report(2, observations=3))
    assert ticket.ticket == f"{AGENT}/{agent.epoch().hex()[:8]}/1-2"
    assert (ticket.first_seq, ticket.last_seq, ticket.observations) == (1, 2, 4)
    rows = agent.wait_for_verdicts(ticket)
    assert [row.verdict.seq for row in rows] == [1, 2]
    assert rows[1].verdict.digest == blake2b(report(2, observations=3))
    assert len(rows[1].verdict.outcomes) == 3
    assert (rows[0].ticket, rows[0].file_name, rows[0].dataflow) == (ticket.ticket, "tháng 6.csv", "province_statistics")
    assert rows[0].stored_at_us >= rows[0].handed_in_at_us
    assert agent.committed() == [report(1), report(2, observations=3)]
    status = agent.wait_for_state("streaming")
    wait_until(lambda: agent.status()["catalogue_version"] == "1", "the codebook")
    assert status["handed_in"] == status["acknowledged"] == status["verdicts"] == "2" and status["pending"] == "0"
    assert int(status["time_to_verdict_p50_ms"]) <= int(status["time_to_verdict_p99_ms"]) < 1000 * PATIENCE_S
    assert agent.ask(codebook=control.CodebookGet())[0].catalogue_version == 1
    assert agent.stop() == 0


def test_outbox_list_and_show(agent):
    agent.start()
    first = agent.submit(report(1))
    agent.submit(*[report(i) for i in range(2, 200)])
    agent.wait_for_verdicts(first)
    rows = agent.outbox(limit=3)
    assert [row.seq for row in rows] == [199, 198, 197]
    assert [row.seq for row in agent.outbox()] == list(range(199, 0, -1))
    assert agent.outbox()[-1].digest == blake2b(report(1))
    assert agent.outbox()[-1].ticket == first.ticket
    assert agent.ask(outbox_show=control.OutboxShow(seq=7))[0] == report(7)
    wait_until(lambda: not agent.outbox(pending_only=True), "everything acknowledged")
    with pytest.raises(Failed) as failed:
        agent.ask(outbox_show=control.OutboxShow(seq=200))
    assert failed.value.exit_code == 66


def test_taken_in_while_the_centre_is_away(agent, centre):
    centre.serving = False
    agent.start()
    tickets = [agent.submit(report(i)) for i in range(20)]
    status = agent.status()
    assert status["pending"] == "20" and status["state"] != "streaming" and status["why"]
    assert status["oldest_pending"]
    assert [row.seq for row in agent.outbox(pending_only=True)] == list(range(20, 0, -1))
    agent.stop(signal.SIGKILL)
    centre.serving = True
    agent.start()
    agent.wait_for_verdicts(tickets[-1])
    assert agent.committed() == [report(i) for i in range(20)]


def test_killed_again_and_again(agent, centre):
    """Every ticket that was told is committed, once and in order, however often the agent dies."""
    told = []
    agent.start()
    for round_ in range(8):
        done = threading.Event()

        def hand_in():
            try:
                while not done.is_set():
                    number = len(told) + 1
                    agent.submit(report(number, comment="x" * 500))
                    told.append(number)
            except (OSError, EOFError, IndexError):
                pass
        thread = threading.Thread(target=hand_in)
        thread.start()
        count = len(told)
        wait_until(lambda: len(told) > count + 5 * round_, "tickets")
        agent.stop(signal.SIGKILL)
        done.set()
        thread.join()
        agent.start()
    ticket = agent.submit(report(0))
    agent.wait_for_verdicts(ticket)
    values = [pb.Report.FromString(r).observations[0].value.mantissa for r in agent.committed()]
    # The one under way at a kill may be in without its ticket, and is handed in again: then it is there twice, no more.
    assert values[-1] == 0 and sorted(set(values[:-1])) == list(range(1, len(told) + 1)) or values[-2] == len(told) + 1
    assert len(values) <= len(told) + 1 + 8
    assert values[:-1] == sorted(values[:-1])


def test_centre_forgets_and_is_restored(agent, centre):
    agent.start()
    ticket = agent.submit(*[report(i) for i in range(10)])
    agent.wait_for_verdicts(ticket)
    with centre.lock:
        centre.restart()
    agent.wait_for_verdicts(agent.submit(report(10)))
    with centre.lock:
        centre.restore(AGENT, agent.epoch(), 4)
        heard = len(centre.heard)
    wait_until(lambda: len(agent.committed()) == 11, "the refill")
    assert agent.committed() == [report(i) for i in range(11)]
    again = [m for kind, m in centre.heard[heard:] if kind == "publish"][0]
    batch = pb.Batch.FromString(centre.unpack(again))
    assert batch.entries[0].first_acknowledgement.committed_through == 10
    assert "verdicts.rewound" in agent.log()
    wait_until(lambda: agent.status()["verdicts"] == "11", "the verdicts again")
    assert len(agent.verdicts()) == 11


def test_losses_on_the_way(agent, centre):
    agent.settings |= {"stalled_after": "1s"}
    centre.mute = {"ack", "verdicts"}
    agent.start()
    ticket = agent.submit(report(1))
    wait_until(agent.committed, "the commit")
    assert agent.status()["acknowledged"] == "0"
    centre.mute = set()
    agent.wait_for_verdicts(ticket)
    wait_until(lambda: agent.status()["acknowledged"] == "1", "the acknowledgement again")
    with centre.lock:
        centre.lose = {"publish"}
    ticket = agent.submit(report(2))
    agent.wait_for_verdicts(ticket)
    assert agent.committed() == [report(1), report(2)]


def test_forked(agent, centre, tmp_path):
    """An outbox put back from a copy: named, stopped, and mended by --renew without a loss."""
    agent.start()
    agent.wait_for_verdicts(agent.submit(report(1)))
    agent.stop()
    copy = (tmp_path / "outbox" / "outbox.db").read_bytes()
    agent.start()
    agent.wait_for_verdicts(agent.submit(report(2)))
    agent.stop()
    (tmp_path / "outbox" / "outbox.db").write_bytes(copy)
    agent.start()
    old_epoch = agent.epoch()
    agent.wait_for_state("forked", "forked")
    agent.submit(report(3), report(4))
    agent.submit(report(5))
    assert agent.status()["pending"] == "3"
    assert "--renew" in agent.status()["remedy"]
    assert centre.reports[AGENT, old_epoch] == [report(1), report(2)]
    renew = [BIN / "tram-agent", "--renew", agent.conf]
    environment = dict(os.environ, TRAM_ALLOW_ROOT="yes", TRAM_LANG="en")
    busy = subprocess.run(renew, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    assert busy.returncode == 75  # not under a running agent
    agent.stop()
    done = subprocess.run(renew, env=environment, stdout=subprocess.PIPE, check=True, text=True)
    assert "3" in done.stdout
    assert (tmp_path / "outbox" / f"outbox-{old_epoch.hex()[:8]}.db").exists()
    agent.start()
    wait_until(lambda: len(agent.committed()) == 3, "the new stream")
    assert agent.committed() == [report(3), report(4), report(5)]
    hello = [m for kind, m in centre.heard if kind == "hello"][-1]
    assert hello.previous_epoch == old_epoch
    assert [row.file_name for row in agent.outbox()] == ["tháng 6.csv"] * 3
    assert len({row.ticket for row in agent.outbox()}) == 2


def test_wrong_centre_key(agent, tmp_path):
    Keys.make("centre").write(tmp_path / "other.key")
    agent.settings["centre_key_file"] = tmp_path / "other.pub"
    agent.start()
    agent.submit(report())
    status = agent.wait_for_state("offline", "wrong_centre_key")
    assert "centre_key_file" in status["why"] and status["pending"] == "1"


def test_a_centre_that_cannot_sign(agent, centre):
    centre.spoil = True
    agent.start()
    agent.submit(report())
    wait_until(lambda: "ack.unverified" in agent.log(), "a word about it")
    assert agent.status()["acknowledged"] == "0"
    centre.spoil = False
    wait_until(lambda: agent.status()["acknowledged"] == "1", "the right acknowledgement")


def test_check_stores_nothing(agent, centre):
    agent.start()
    agent.wait_for_state("streaming")
    visitors = [Visitor(agent.control) for _ in range(6)]
    for visitor in visitors:
        visitor.send(check_report=report(5, observations=2))
    for visitor in visitors:
        (verdict,) = visitor.rows()
        assert verdict.verdict_seq == 0 and len(verdict.outcomes) == 2
        visitor.close()
    assert not agent.outbox() and not agent.committed()
    centre.refuse_next = {"check": "BUSY"}
    with pytest.raises(Failed) as failed:
        agent.ask(check_report=report())
    assert failed.value.exit_code == 75 and "no" in str(failed.value)
    agent.wait_for_state("streaming")


def test_what_is_owed_is_asked_of_the_centre(agent, centre):
    centre.owed["agent-63-46"] = [pb.TodoItem(kind=pb.TODO_KIND_HELD, provider="P63-46", rules="DUNG-10")]
    agent.start()
    agent.wait_for_state("streaming")
    visitors = [Visitor(agent.control) for _ in range(3)]
    for visitor in visitors:
        visitor.send(todo=control.TodoGet())
    for visitor in visitors:
        (todo,) = visitor.rows()
        assert [item.rules for item in todo.items] == ["DUNG-10"]
        visitor.close()
    centre.refuse_next = {"todo_request": "BUSY"}
    with pytest.raises(Failed) as failed:
        agent.ask(todo=control.TodoGet())
    assert failed.value.exit_code == 75 and "no" in str(failed.value)
    agent.wait_for_state("streaming")


def test_a_centre_that_does_not_know_the_question(agent, centre):
    agent.settings["check_wait"] = "1s"
    agent.start()
    agent.wait_for_state("streaming")
    with pytest.raises(Failed) as failed:
        agent.ask(todo=control.TodoGet())
    assert failed.value.exit_code == 75
    agent.submit(report())
    wait_until(lambda: agent.status()["acknowledged"] == "1", "the session to go on")


def test_check_without_a_centre(agent, centre):
    centre.mute = {"subscribe"}
    agent.start()
    with pytest.raises(Failed) as failed:
        agent.ask(check_report=report())
    assert failed.value.exit_code == 75


BAD_REPORTS = {
    "no protobuf": b"\xff\xff\xff",
    "no figures": pb.Report(provider="P63-46").SerializeToString(),
    "bad text": report().replace(b"P63-46", b"P63-4\xff"),
    "NUL": report().replace(b"P63-46", b"P63-4\x00"),
    "too many figures": report(observations=31),
    "too many bytes": report(comment="x" * 9000),
    "long code": report(provider="x" * 300),
}


@pytest.mark.parametrize("bad", BAD_REPORTS.values(), ids=BAD_REPORTS.keys())
def test_refused_at_the_door(agent, bad):
    agent.settings |= {"observations": 30, "report_bytes": "8KiB"}
    agent.start()
    agent.submit(report(1))
    for reports in ([bad], [report(2), bad], [bad, report(2)]):
        with pytest.raises(Failed) as failed:
            agent.submit(*reports)
        assert failed.value.exit_code == 65
        assert f"report {reports.index(bad) + 1}" in str(failed.value)
    with pytest.raises(Failed) as failed:
        agent.ask(check_report=bad)
    assert failed.value.exit_code == 65
    assert [row.seq for row in agent.outbox()] == [1]
    assert agent.submit(report(3)).first_seq == 2


def test_requests_out_of_turn(agent):
    agent.start()
    for body in ({"submit_report": report()}, {"submit_commit": control.SubmitCommit(reports=1)}, {}):
        with pytest.raises(Failed) as failed:
            agent.ask(**body)
        assert failed.value.exit_code == 76
    with pytest.raises(Failed):
        agent.submit()
    visitor = Visitor(agent.control)
    visitor.send(submit_begin=control.SubmitBegin(file_name="x"))
    visitor.send(submit_report=report())
    with pytest.raises(Failed):
        visitor.ask(submit_commit=control.SubmitCommit(reports=2))
    visitor = Visitor(agent.control)
    visitor.send(submit_begin=control.SubmitBegin(file_name="x"))
    visitor.send(submit_report=report())
    visitor.close()
    with pytest.raises(Failed) as failed:
        agent.verdicts(ticket="agent-63-01/00000000/1")
    assert failed.value.exit_code == 65
    assert not agent.outbox()


def test_file_names_are_for_people(agent):
    agent.start()
    for name in ("Ấ" * 200, "a\nb\x07", "x" * 1000):
        agent.submit(report(), name=name)
    names = [row.file_name for row in agent.outbox()]
    assert names == ["x" * 255, "a?b?", "Ấ" * 85]


def test_waiting_for_verdicts_ends_in_time(agent, centre):
    centre.mute = {"verdicts"}
    agent.start()
    ticket = agent.submit(report())
    before = time.monotonic()
    assert agent.verdicts(ticket=ticket.ticket, wait_ms=300) == []
    assert 0.25 < time.monotonic() - before < 10


def test_many_at_once_and_a_large_hand_in(agent, centre):
    """A slow reader, a large hand-in and many visitors do not disturb each other; memory stays small."""
    agent.start()
    slow = Visitor(agent.control)
    big = [report(i, observations=300, comment="y" * 3000) for i in range(1500)]  # some 20 MB
    visitors = [Visitor(agent.control) for _ in range(10)]
    for visitor in visitors:
        visitor.send(submit_begin=control.SubmitBegin(file_name="part"))
    ticket = agent.submit(*big)
    slow.send(outbox=control.OutboxRequest())
    for visitor in visitors:
        visitor.send(submit_report=report())
        assert visitor.ask(submit_commit=control.SubmitCommit(reports=1))[0].observations == 1
        visitor.close()
    assert agent.status()["handed_in"] == str(len(big) + 10)
    assert len(list(slow.rows())) >= len(big)
    agent.wait_for_verdicts(ticket)
    wait_until(lambda: len(agent.committed()) == len(big) + 10, "all of it")
    assert agent.committed()[:1500] == big
    peak = next(int(line.split()[1]) for line in open(f"/proc/{agent.process.pid}/status", encoding="ascii")
                if line.startswith("VmHWM"))
    assert peak < 64 << 10  # KiB


def test_outbox_full_then_room_again(agent, centre):
    agent.settings["outbox_bytes"] = "1MiB"
    agent.start()
    incompressible = os.urandom(40000).hex()
    with pytest.raises(Failed) as failed:
        for _ in range(100):
            agent.submit(report(comment=incompressible))
    assert failed.value.exit_code == 75 and "outbox_bytes" in str(failed.value)
    assert agent.status()["door_refuses"]
    kept = len(agent.outbox())
    assert kept > 5
    agent.settings["outbox_bytes"] = "4MiB"
    agent.conf.write_text("".join(f"{k} = {v}\n" for k, v in agent.settings.items()), "utf-8")
    agent.process.send_signal(signal.SIGHUP)
    wait_until(lambda: not agent.status()["door_refuses"], "the new limit")
    agent.wait_for_verdicts(agent.submit(report()))
    assert len(agent.committed()) == kept + 1


def test_no_room_for_what_the_centre_says(agent, centre):
    """A disk that fills up behind the door: nothing is taken for kept that is not, and it goes on when there is room."""
    judge = centre.judge

    def judge_at_length(data, verdict_seq=0, mark=None):
        verdict = judge(data, verdict_seq, mark)
        verdict.cause = "x" * 900_000
        return verdict
    centre.judge, centre.mute = judge_at_length, {"verdicts"}
    agent.settings |= {"outbox_bytes": "1MiB", "message_bytes": "16MiB"}  # and some 8 MiB for words about what is in
    agent.start()
    ticket = agent.submit(*[report(i) for i in range(12)])
    wait_until(lambda: agent.status()["acknowledged"] == "12", "the acknowledgement")
    centre.mute = set()
    wait_until(lambda: agent.status()["cause"] == "outbox_full", "a word about the disk")
    assert agent.status()["verdicts"] == "0" and "outbox.full" in agent.log()
    agent.settings["outbox_bytes"] = "64MiB"
    agent.conf.write_text("".join(f"{k} = {v}\n" for k, v in agent.settings.items()), "utf-8")
    agent.process.send_signal(signal.SIGHUP)
    assert len(agent.wait_for_verdicts(ticket)) == 12


def test_end_in_the_middle_of_everything(agent, centre):
    centre.credit = (0, 0)
    agent.start()
    waiting = Visitor(agent.control)
    ticket = agent.submit(report())
    waiting.send(verdicts=control.VerdictsRequest(ticket=ticket.ticket, wait_ms=60000))
    half = Visitor(agent.control)
    half.send(submit_begin=control.SubmitBegin(file_name="x"))
    half.send(submit_report=report(2))
    assert agent.stop() == 0
    with pytest.raises((EOFError, OSError)):
        list(waiting.rows())
    centre.credit = (1 << 20, 8)
    agent.start()
    agent.wait_for_verdicts(ticket)
    assert agent.committed() == [report()]
