# SPDX-License-Identifier: Apache-2.0
"""
The foreign client with an agent's own keys: it says what no real agent would. What it states as handed in is in the ledger, so
that the oracle wants it in the store; what is hostile is there too, and must not be.
"""

import ctypes

from client import Stopped
from foreign import ForeignAgent, a_report, pb
from load import HandIn
from roadbook import Keys, batch_bytes, chain_next
from tramtest import wait_until
from world import AGENTS

NUMBER = 2  # agent-63-48, for which a_report() speaks


class Stranger(ForeignAgent):
    def __init__(self, w, number=NUMBER, keys=None, name="", port=None):
        self.w, self.name = w, AGENTS[number]
        folder = w.folder / f"s{name or number}"
        w.bench.hand_out(AGENTS[number], folder)
        self.centre, self.made = w.centres[0], 0
        self.keys = keys or Keys.read(folder / f"{AGENTS[number]}.key")
        super().__init__(self.centre, self.keys, folder, port=port)
        self.client.submit = self.submit
        w.facts.signing_keys.setdefault(self.name, []).append(self.keys.sign_public)
        w.undo.append(self.close)

    # ------------------------------------------------------------ what it states

    def note(self, report, state, seq=0):
        epoch = self.stream.epoch.hex()[:8]
        self.w.facts.ledger.append(HandIn(self.name, [report], state, epoch, seq))

    def submit(self, report):
        """It promises this report: it must be in the store, once."""
        seq = self.stream.append(report)
        self.note(report, "accepted", seq)
        return seq

    def report(self, **changed):
        """One that no other is the same as."""
        self.made += 1
        number = self.made
        return a_report(value=1_000_000 + number, comment=f"{self.name} {number}", revises=True, area=f"63/{self.name[-2:]}",
                        provider=f"P63-{self.name[-2:]}", **changed)

    def hand_in(self, *reports):
        """Their verdicts."""
        seqs = [self.submit(report) for report in reports or [self.report()]]
        return [self.client.verdict(seq) for seq in seqs]

    # ------------------------------------------------------------ what it says

    def in_session(self):
        """In session, and whatever it had promised is committed: nothing is said but what a test says."""
        self.open()
        if self.stream.reports:
            self.client.go_until(lambda: self.client.committed >= len(self.stream.reports), "all to be committed")
        return self.client

    def publish(self, *reports, first_seq=None, keys=None, codec=pb.CODEC_PLAIN, payload=None, **changed):
        """A batch of reports as if they followed first_seq - 1, sound but for what is changed."""
        stream, keys = self.stream, keys or self.keys
        first = first_seq or len(stream.reports) + 1
        prev = chain = stream.chains[first - 1]
        for report in reports:
            chain = chain_next(chain, report)
        last = first + len(reports) - 1
        batch = pb.Batch(entries=[pb.Entry(report=report, handed_in_at_us=1_700_000_000_000_000) for report in reports])
        fields = dict(session=self.client.session, epoch=stream.epoch, first_seq=first, count=len(reports), prev_chain=prev,
                      chain=chain, codec=codec, payload=batch.SerializeToString() if payload is None else payload(batch),
                      signature=keys.sign(batch_bytes(self.name, stream.epoch, first, last, prev, chain)), key_id=keys.key_id)
        return pb.Publish(**fields | changed)

    def hostile(self, report=None):
        """A report that must not get into the store."""
        report = report or self.report()
        self.note(report, "unsent")
        return report

    def say(self, **body):
        assert self.client.send(**body), "there is no connection"

    def say_bytes(self, data):
        self.client.socket.send(data)

    def refused(self, code, **body):
        """What is said is refused with this code; the next session is in order again. The cause."""
        if body:
            self.say(**body)
        refusal = self.refusal()
        said = pb.RefusalCode.Name(refusal.code).removeprefix("REFUSAL_CODE_")
        assert said == code, f"refused with {said} ({refusal.message_en}), not {code}"
        assert refusal.message_vi and refusal.message_en
        self.client.leave_session(0)
        return f"{said}"

    def ignored(self, counter, **body):
        """What is said is only counted."""
        before = self.counter(counter)
        if body:
            self.say(**body)
        wait_until(lambda: self.counter(counter) > before, f"{counter} to grow")
        return f"{counter} {self.counter(counter) - before}"

    def counter(self, name):
        return int(self.w.ask(self.centre)[name])

    def go(self, seconds=0.3):
        """Hears what there is to hear."""
        for _ in range(int(seconds / 0.02)):
            self.client.step(20)

    def stop_quietly(self):
        try:
            self.go()
        except Stopped:
            pass


def compress(data, size_stated=True):
    """A zstd frame."""
    lib = ctypes.CDLL("libzstd.so.1")
    for name in ("ZSTD_compressBound", "ZSTD_compress2", "ZSTD_CCtx_setParameter"):
        getattr(lib, name).restype = ctypes.c_size_t
    lib.ZSTD_createCCtx.restype = ctypes.c_void_p
    context = ctypes.c_void_p(lib.ZSTD_createCCtx())
    lib.ZSTD_CCtx_setParameter(context, 200, int(size_stated))  # ZSTD_c_contentSizeFlag
    room = lib.ZSTD_compressBound(ctypes.c_size_t(len(data)))
    out = ctypes.create_string_buffer(room)
    n = lib.ZSTD_compress2(context, out, ctypes.c_size_t(room), data, ctypes.c_size_t(len(data)))
    lib.ZSTD_freeCCtx(context)
    return out.raw[:n]


def beside_undisturbed(w, agents=None):
    """These agents (or all) still have their first session."""
    for agent in w.agents if agents is None else agents:
        status = w.ask(agent)
        assert status and status["sessions"] == "1", f"{agent.name} was disturbed: {status and status['sessions']} sessions"

