# SPDX-License-Identifier: Apache-2.0
"""
Agents with valid keys that do their worst, each in its own way, in a few processes. They begin as the foreign client of
tests/interop does, with HELLO and a session, and then keep to no rule but those that make it worse.
"""

import contextlib
import itertools
import multiprocessing
import os
import pathlib
import re
import signal
import subprocess
import tempfile
import threading
import time

import zmq

from foreign import Client, Keys, Stream, batch_bytes, pb
from roadbook import chain_next
from tramtest import BIN, run, wait_until

MIB = 1 << 20


def enrol(centre, names):
    """The keys of so many agents, accepted."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="hostile-", dir=centre.folder))
    keys = []
    for name in names:
        keys.append(Keys.make(name))
        keys[-1].write(folder / f"{name}.key")
        centre.tram("agents", "accept", folder / f"{name}.pub")
    return keys


def limit_mib(centre, agents):
    """What the aggregator says of itself, for so many agents."""
    text = run([BIN / "tram-aggregator", "-p", "-c", centre.conf], env=dict(os.environ, TRAM_LANG="en")).stdout
    fixed, each = (int(n) for n in re.search(r"^# memory: at most (\d+) MiB and (\d+) KiB", text, re.M).groups())
    return fixed + each * agents / 1024


def counter(status, name):
    return int(re.search(rf"^{re.escape(name)} +(\d+)$", status, re.M)[1])


@contextlib.contextmanager
def stopped(cluster):
    """PostgreSQL, all its processes, without a word."""
    first = cluster.daemon.process.pid
    children = [int(pid) for pid in pathlib.Path(f"/proc/{first}/task/{first}/children").read_text().split()]
    for pid in (first, *children):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in (*children, first):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


# ---------------------------------------------------------------- what they say

def report_of(agent, figures, size=0, bad=False):
    """A report with so many figures, most of them nonsense if wanted, of about so many bytes."""
    code = agent[-2:]
    report = pb.Report(provider=f"P63-{code}", dataflow="province_statistics", time_period="2024", reference_date="2024-12-31",
                       purpose=pb.PURPOSE_BACKFILL, reason="x" * max(1, size - 64 * figures), prepared_by="A", approved_by="B",
                       prepared_at="2025-02-01T08:00:00+07:00", approved_at="2025-02-01T09:00:00+07:00")
    for i in range(figures):
        report.observations.add(indicator="none" if bad else "population", ref_area=f"63/{code}", unit="person",
                                value=pb.Decimal(mantissa=i), obs_status=pb.OBSERVATION_STATUS_NORMAL,
                                qualifier=pb.QUALIFIER_EXACT)
    return report.SerializeToString()


def bloated_report():
    """Decodes to far more than its bytes: a megabyte of empty figures."""
    return bytes(report_of("agent-63-48", 0)) + FIGURE_KEY * (MIB // 3 - 1024)


FIGURE_KEY = pb.Report(observations=[pb.Observation()]).SerializeToString()  # an empty one: three bytes


def bomb(size=1 << 30):
    packed = subprocess.run(["zstd", "-c", "-q", "--ultra", "-20", "--no-check"], input=bytes(64 * MIB), stdout=subprocess.PIPE,
                            check=True).stdout
    return packed * (size // (64 * MIB))


# ---------------------------------------------------------------- one of them

class Hostile(Client):
    """Refused, it comes back at once; over credit, it goes on."""

    def __init__(self, endpoint, keys, centre, folder, reads=True):
        self.reads = reads
        self.junk_payload = b""
        super().__init__(endpoint, keys, centre, Stream(folder / keys.name, keys.name))

    def connect(self):
        super().connect()
        self.socket.setsockopt(zmq.RCVHWM, 64 if self.reads else 1)

    def on_refusal(self, m):
        self.refusals = [m]
        if m.answers not in (17, 19):
            self.leave_session(0.05)

    def hear_all(self):
        with contextlib.suppress(zmq.Again):
            while self.reads:
                data = self.socket.recv(zmq.DONTWAIT)
                with contextlib.suppress(Exception):  # a fork or a stop moves no one here
                    self.hear(data)

    def open(self):
        end = time.monotonic() + 60
        while not self.session and time.monotonic() < end:
            with contextlib.suppress(Exception):
                self.step()

    def publish_of(self, payload, codec=None, report=None):
        """Signed as the next of its stream where a report is given."""
        stream = self.stream
        first = stream.acknowledged + 1
        prev_chain = stream.chains[min(stream.acknowledged, len(stream.chains) - 1)]
        chain = prev_chain
        if report is not None:
            chain = chain_next(prev_chain, report)
            payload = pb.Batch(entries=[pb.Entry(report=report, handed_in_at_us=time.time_ns() // 1000)]).SerializeToString()
        signed = batch_bytes(self.keys.name, stream.epoch, first, first, prev_chain, chain)
        return pb.Publish(session=self.session, epoch=stream.epoch, first_seq=first, count=1, prev_chain=prev_chain, chain=chain,
                          codec=pb.CODEC_PLAIN if codec is None else codec, payload=payload, signature=self.keys.sign(signed),
                          key_id=self.keys.key_id)


# ---------------------------------------------------------------- what they do: one round each

def keep_session(h):
    h.hear_all()
    if not h.session and time.monotonic() >= h.hello_at:
        h.say_hello()
        h.hello_at = time.monotonic() + 1


def fill_credit(h):
    """As much as it may, of reports that are as large as they may be; then the rest of its credit."""
    while len(h.stream.reports) < h.stream.acknowledged + 8:
        h.submit(report_of(h.keys.name, 1, MIB - 4096))
    with contextlib.suppress(Exception):
        h.step(20)


def flood(h):
    """Messages of the greatest size, over any credit."""
    keep_session(h)
    room = h.limits.message_bytes - 4096 if h.session or h.refusals else MIB
    if len(h.junk_payload) != room:
        h.junk_payload = os.urandom(MIB) * (room // MIB) + bytes(room % MIB)
    if not h.send(publish=h.publish_of(h.junk_payload)):
        h.socket.poll(20, zmq.POLLOUT)


def padded(h):
    """Payloads of nothing, for which no credit is asked, in messages of the greatest size."""
    keep_session(h)
    if not h.session:
        h.socket.poll(20)
        return
    message = h.publish_of(b"")
    h.padding = getattr(h, "padding", b"") or os.urandom(h.limits.message_bytes - 4096)
    message.signature, message.first_seq = h.padding, h.next_seq
    h.next_seq += 1
    if not h.send(publish=message):
        h.socket.poll(20, zmq.POLLOUT)


def bombs(h):
    """By turns: a bomb, a report that decodes to a hundred times its bytes, an envelope that does."""
    keep_session(h)
    h.turn = getattr(h, "turn", -1) + 1
    if h.turn % 3 == 0:
        h.send(publish=h.publish_of(BOMB, pb.CODEC_ZSTD))
    elif h.turn % 3 == 1:
        h.send(publish=h.publish_of(b"", report=BLOATED))
    else:
        h.send(verdicts=pb.Verdicts(session=h.session, verdicts=[pb.Verdict()] * 200_000))
    h.socket.poll(20)


def checks(h):
    keep_session(h)
    if not hasattr(h, "report"):
        h.report = report_of(h.keys.name, 8000, MIB - 4096, bad=True)
    h.last_check += 1
    if not h.send(check=pb.Check(session=h.session, check_id=h.last_check, report=h.report)):
        h.socket.poll(20, zmq.POLLOUT)


def deaf(h):
    """Hands in what makes long verdicts, and then asks for everything again and again and reads nothing."""
    if h.reads:
        if not h.stream.reports:
            for i in range(8):
                h.submit(report_of(h.keys.name, 3000 + i, bad=True))
        with contextlib.suppress(Exception):
            h.step(20)
        if h.stream.acknowledged < 8:
            return
        h.reads = False
        h.report = report_of(h.keys.name, 8000, bad=True)
    h.stream.cursor, h.stream.known_at_us = 0, 0
    h.heartbeat_at = 0
    h.say_heartbeat()
    h.send(codebook_request=pb.CodebookRequest(session=h.session))
    h.last_check += 1
    h.send(check=pb.Check(session=h.session, check_id=h.last_check, report=h.report))
    if time.monotonic() >= h.hello_at:
        h.say_hello()
        h.hello_at = time.monotonic() + 1
    time.sleep(0.02)


def hellos(h):
    h.hear_all()
    for _ in range(50):
        if not h.send(hello=pb.Hello(agent=h.keys.name, epoch=os.urandom(16), last_chain=bytes(32), boot_nonce=os.urandom(16),
                                     schema=1, software="x" * 60000, signing_key=h.keys.sign_public)):
            h.socket.poll(20, zmq.POLLOUT)
            return


def endless(h):
    """Messages of very many parts: libzmq keeps them until the last one is there."""
    part = bytes(MIB)
    with contextlib.suppress(zmq.Again):
        for _ in range(256):
            h.socket.send(part, zmq.SNDMORE)
        h.socket.send(b"", zmq.DONTWAIT)
    h.socket.poll(1000)


SCENARIOS = {"stopped": [fill_credit], "padded": [padded], "flood": [flood], "bombs": [bombs], "checks": [checks], "deaf": [deaf], "hellos": [hellos],
             "all": [fill_credit, padded, flood, bombs, checks, deaf, hellos], "endless": [endless]}
WITHOUT_STORE = ("stopped", "padded")
BOMB, BLOATED = bomb(), bloated_report()


# ---------------------------------------------------------------- all of them

class Troop:
    """So many processes with as many hostile agents each as it takes, all of them in session before the worst begins."""

    def __init__(self, centre, keys, scenario, processes=2):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="troop-", dir=centre.folder))
        self.endpoint = f"tcp://127.0.0.1:{centre.port}"
        self.centre_keys = Keys.read(centre.key.with_suffix(".pub"))
        fork = multiprocessing.get_context("fork")
        self.begin, self.stop = fork.Event(), fork.Event()
        self.n_open = fork.Value("i", 0)
        self.size = len(keys)
        worst = list(zip(keys, itertools.cycle(SCENARIOS[scenario])))
        self.processes = [fork.Process(target=self.play, args=(worst[i::processes],), daemon=True) for i in range(processes)]
        for process in self.processes:
            process.start()

    def play(self, part):
        threads = [threading.Thread(target=self.one, args=(keys, act), daemon=True) for keys, act in part]
        for thread in threads:
            thread.start()
        self.stop.wait()
        os._exit(0)

    def one(self, keys, act):
        h = Hostile(self.endpoint, keys, self.centre_keys, self.folder)
        h.open()
        with self.n_open.get_lock():
            self.n_open.value += 1
        while not self.begin.is_set():
            with contextlib.suppress(Exception):
                h.step(100)
        while not self.stop.is_set():
            act(h)

    def wait_open(self):
        wait_until(lambda: self.n_open.value >= self.size, "the hostile agents' sessions", patience_s=90)
        self.begin.set()

    def end(self):
        self.stop.set()
        for process in self.processes:
            process.join(timeout=10)
            if process.is_alive():
                process.kill()
