#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""
An agent in another language, written from PROTOCOL.md alone: a library, and a small command.

    client.py make-keys NAME FOLDER
    client.py --centre tcp://HOST:PORT --centre-key centre.pub --key NAME.key --stream FILE COMMAND
        submit REPORT...    hands reports in, waits for their verdicts and prints them
        check REPORT        has one judged, nothing stored
        codebook            prints the codes this agent may use

A REPORT is a file: protobuf's JSON mapping of tram.v1.Report (.json), or a serialized one.
It is a whole agent, only a plain one: one thread, one stream in one file, no command while it runs.
"""

import argparse
import json
import os
import pathlib
import sys
import time

import zmq
from google.protobuf import json_format

from roadbook import Keys, ack_bytes, batch_bytes, chain_0, chain_next, is_signed, messages

pb = messages()

HELLO_PATIENCE_S, STALLED_S = 10, 30
BATCH_BYTES, BATCH_REPORTS = 256 << 10, 500
ANSWERS_CHECK, ANSWERS_CODEBOOK, ANSWERS_TODO = 17, 19, 31


def now_us():
    return time.time_ns() // 1000


class Stopped(Exception):
    """The centre refused, and only a person can help."""

    def __init__(self, refusal):
        super().__init__(f"{pb.RefusalCode.Name(refusal.code)}: {refusal.message_en}")
        self.refusal = refusal


class Forked(Exception):
    """The centre committed something else from this stream: section 8."""


# ---------------------------------------------------------------- the stream

class Stream:
    """Every report, acknowledgement and verdict, in a file that only grows: on disk when the call returns."""

    def __init__(self, path, agent):
        self.path, self.agent = pathlib.Path(path), agent
        self.reports, self.times = [], []
        self.acknowledgements, self.verdicts = [], {}
        self.cursor, self.known_at_us, self.epoch = 0, 0, None
        self.load()
        self.file = open(self.path, "ab", buffering=0)
        if not self.epoch:
            self.write("epoch", os.urandom(16))
        self.chains = [chain_0(agent, self.epoch)]
        for report in self.reports:
            self.chains.append(chain_next(self.chains[-1], report))

    def load(self):
        """A last line without its end was never promised to anybody."""
        whole = self.path.read_bytes() if self.path.exists() else b""
        whole = whole[:whole.rfind(b"\n") + 1]
        if self.path.exists():
            os.truncate(self.path, len(whole))
        for line in whole.splitlines():
            kind, data, at_us = line.split()
            self.take(kind.decode(), bytes.fromhex(data.decode()), int(at_us))

    def take(self, kind, data, at_us):
        if kind == "epoch":
            self.epoch = data
        elif kind == "report":
            self.reports.append(data)
            self.times.append(at_us)
        elif kind == "acknowledgement":
            self.acknowledgements.append(pb.Acknowledgement.FromString(data))
        elif kind == "verdict":
            verdict = pb.Verdict.FromString(data)
            self.cursor, self.known_at_us = verdict.verdict_seq, verdict.known_at_us
            self.verdicts[verdict.epoch, verdict.seq] = verdict

    def write(self, kind, *items):
        at_us = now_us()
        for data in items:
            self.file.write(f"{kind} {data.hex()} {at_us}\n".encode())
        os.fsync(self.file.fileno())
        for data in items:
            self.take(kind, data, at_us)

    def append(self, report):
        """The report's seq; on disk by then."""
        self.write("report", report)
        self.chains.append(chain_next(self.chains[-1], report))
        return len(self.reports)

    @property
    def acknowledged(self):
        return max((a.committed_through for a in self.acknowledgements), default=0)

    def first_acknowledgement(self, seq):
        return next((a for a in self.acknowledgements if a.committed_through >= seq), None)

    def close(self):
        self.file.close()


# ---------------------------------------------------------------- the agent

class Client:
    def __init__(self, endpoint, keys, centre, stream):
        self.endpoint, self.keys, self.centre, self.stream = endpoint, keys, centre, stream
        self.boot_nonce = os.urandom(16)
        self.context = zmq.Context()
        self.socket = None
        self.codebook = None
        self.check_results = {}
        self.refusals = []
        self.bad_acknowledgements = 0
        self.last_check = 0
        self.todos = {}
        self.connect()

    def connect(self):
        """A new socket, and so a new connection: OFFLINE."""
        if self.socket is not None:
            self.socket.close()
        s = self.socket = self.context.socket(zmq.DEALER)
        s.curve_serverkey = self.centre.curve_public
        s.curve_publickey, s.curve_secretkey = self.keys.curve_public, self.keys.curve_secret
        for option, value in ((zmq.IMMEDIATE, 1), (zmq.LINGER, 0), (zmq.SNDHWM, 64), (zmq.RCVHWM, 64),
                              (zmq.HANDSHAKE_IVL, 10000), (zmq.HEARTBEAT_IVL, 10000), (zmq.HEARTBEAT_TIMEOUT, 30000),
                              (zmq.HEARTBEAT_TTL, 30000), (zmq.RECONNECT_IVL, 500), (zmq.RECONNECT_IVL_MAX, 60000),
                              (zmq.TCP_KEEPALIVE, 1), (zmq.TCP_MAXRT, 30000)):
            s.setsockopt(option, value)
        s.connect(self.endpoint)
        self.leave_session(0)

    def leave_session(self, wait_s):
        self.session = 0
        self.hello_at = time.monotonic() + wait_s
        self.under_way = []  # (last seq, bytes of payload)

    def close(self):
        self.socket.close()
        self.context.term()

    # ------------------------------------------------------------ saying

    def send(self, **body):
        """False: there is no connection, or no room. Nothing is lost by that."""
        try:
            self.socket.send(pb.Envelope(version=1, **body).SerializeToString(), zmq.DONTWAIT)
            return True
        except zmq.Again:
            return False

    def say_hello(self):
        stream = self.stream
        hello = pb.Hello(agent=self.keys.name, epoch=stream.epoch, first_kept=1 if stream.reports else 0,
                         last_appended=len(stream.reports), last_chain=stream.chains[-1], boot_nonce=self.boot_nonce,
                         verdict_cursor=stream.cursor, verdict_known_at_us=stream.known_at_us, schema=1,
                         software="the foreign client",
                         catalogue_version=self.codebook.catalogue_version if self.codebook else 0,
                         signing_key=self.keys.sign_public)
        if self.send(hello=hello):
            self.hello_at = time.monotonic() + HELLO_PATIENCE_S

    def say_heartbeat(self):
        stream = self.stream
        pending = stream.times[stream.acknowledged] if stream.acknowledged < len(stream.reports) else 0
        self.send(heartbeat=pb.Heartbeat(session=self.session, at_us=now_us(), verdict_cursor=stream.cursor,
                                         last_appended=len(stream.reports), committed_through=stream.acknowledged,
                                         oldest_pending_us=pending))
        self.heartbeat_at = time.monotonic() + self.limits.heartbeat_ms / 1000

    def cut_batch(self):
        """The next reports as a payload inside batch and credit; their number and the payload."""
        room = min(self.credit.bytes - sum(size for _, size in self.under_way), self.limits.batch_bytes)
        batch, payload = pb.Batch(), b""
        for seq in range(self.next_seq, min(len(self.stream.reports), self.next_seq + BATCH_REPORTS - 1) + 1):
            entry = batch.entries.add(report=self.stream.reports[seq - 1], handed_in_at_us=self.stream.times[seq - 1])
            acknowledged = self.stream.first_acknowledgement(seq)
            if acknowledged:
                entry.first_acknowledgement.CopyFrom(acknowledged)
            longer = batch.SerializeToString()
            if len(longer) > room or len(batch.entries) > self.limits.batch_reports:
                return len(batch.entries) - 1, payload
            payload = longer
            if len(payload) >= BATCH_BYTES:
                break
        return len(batch.entries), payload

    def publish(self):
        stream = self.stream
        while self.next_seq <= len(stream.reports) and len(self.under_way) < self.credit.batches:
            count, payload = self.cut_batch()
            if count == 0:
                return
            first, last = self.next_seq, self.next_seq + count - 1
            prev_chain, chain = stream.chains[first - 1], stream.chains[last]
            signed = batch_bytes(self.keys.name, stream.epoch, first, last, prev_chain, chain)
            if not self.send(publish=pb.Publish(
                    session=self.session, epoch=stream.epoch, first_seq=first, count=count, prev_chain=prev_chain,
                    chain=chain, codec=pb.CODEC_PLAIN, payload=payload, signature=self.keys.sign(signed),
                    key_id=self.keys.key_id)):
                return
            if not self.under_way:
                self.moved_at = time.monotonic()
            self.under_way.append((last, len(payload)))
            self.next_seq = last + 1

    # ------------------------------------------------------------ hearing

    def on_subscribe(self, m):
        at = m.resume_after
        if (at.epoch != self.stream.epoch or at.seq > len(self.stream.reports)
                or at.chain != self.stream.chains[at.seq]):
            raise Forked(f"the centre committed something else at {at.seq}")
        if m.verdicts_differ or m.verdict_cursor < self.stream.cursor:
            self.stream.cursor, self.stream.known_at_us = 0, 0
        self.session, self.credit, self.limits = m.session, m.credit, m.limits
        self.next_seq, self.committed, self.under_way = at.seq + 1, at.seq, []
        self.heard_at = time.monotonic()
        self.say_heartbeat()
        if m.catalogue_version and (not self.codebook or self.codebook.catalogue_version != m.catalogue_version):
            self.send(codebook_request=pb.CodebookRequest(session=self.session))

    def on_ack(self, m):
        a, stream = m.acknowledgement, self.stream
        signed = ack_bytes(self.keys.name, a.epoch, a.committed_through, a.chain, a.committed_at_us)
        if (a.epoch != stream.epoch or a.committed_through > len(stream.reports)
                or a.chain != stream.chains[a.committed_through] or a.key_id != self.centre.key_id
                or not is_signed(self.centre.sign_public, signed, a.signature)):
            self.bad_acknowledgements += 1
            return
        if a.committed_through > stream.acknowledged:
            stream.write("acknowledgement", a.SerializeToString())
        self.settle(a.committed_through)
        self.credit = m.credit

    def settle(self, committed):
        if committed > self.committed:
            self.committed, self.moved_at = committed, time.monotonic()
        self.under_way = [(last, size) for last, size in self.under_way if last > self.committed]

    def on_verdicts(self, m):
        following = []
        for verdict in m.verdicts:
            if verdict.verdict_seq == self.stream.cursor + len(following) + 1:
                following.append(verdict.SerializeToString())
        if following:
            self.stream.write("verdict", *following)
        self.say_heartbeat()

    def on_heartbeat(self, m):
        self.settle(m.committed_through)
        self.credit = m.credit
        if self.codebook and m.catalogue_version != self.codebook.catalogue_version:
            self.send(codebook_request=pb.CodebookRequest(session=self.session))

    def on_check_result(self, m):
        self.check_results[m.check_id] = m.verdict

    def on_todo(self, m):
        self.todos[m.request_id] = m

    def on_codebook(self, m):
        self.codebook = m

    def on_refusal(self, m):
        self.refusals.append(m)
        if m.answers == ANSWERS_CHECK:
            self.check_results[m.check_id] = m
        if m.answers == ANSWERS_TODO:
            self.todos[m.check_id] = m
        if m.answers in (ANSWERS_CHECK, ANSWERS_CODEBOOK, ANSWERS_TODO):
            return
        if not m.retry_after_ms:
            raise Stopped(m)
        self.leave_session(m.retry_after_ms / 1000)

    def hear(self, data):
        envelope = pb.Envelope.FromString(data)
        kind = envelope.WhichOneof("body")
        if not kind:
            return
        body = getattr(envelope, kind)
        fresh = kind in ("subscribe", "codebook") or body.session == self.session or (
            kind == "refusal" and body.session == 0)
        if fresh:
            self.heard_at = time.monotonic()
            getattr(self, f"on_{kind}")(body)

    # ------------------------------------------------------------ going on

    def speak(self):
        now = time.monotonic()
        if not self.session:
            if now >= self.hello_at:
                self.say_hello()
            return
        if now - self.heard_at > 3 * self.limits.heartbeat_ms / 1000:
            self.connect()
            return
        if self.under_way and self.credit.batches and now - self.moved_at > STALLED_S:
            self.leave_session(0)
            return
        if now >= self.heartbeat_at:
            self.say_heartbeat()
        self.publish()

    def step(self, wait_ms=50):
        """Says what is to be said, waits a moment, hears what is there."""
        self.speak()
        if self.socket.poll(wait_ms):
            while True:
                try:
                    self.hear(self.socket.recv(zmq.DONTWAIT))
                except zmq.Again:
                    break

    def go_until(self, condition, what="it", patience_s=30):
        deadline = time.monotonic() + patience_s
        while not condition():
            if time.monotonic() > deadline:
                raise TimeoutError(f"waited {patience_s} s in vain for {what}")
            self.step()

    def submit(self, report):
        """Hands a report (serialized) in; its seq."""
        return self.stream.append(report)

    def verdict(self, seq, patience_s=30):
        wanted = (self.stream.epoch, seq)
        self.go_until(lambda: wanted in self.stream.verdicts and self.stream.acknowledged >= seq,
                      f"acknowledgement and verdict of {seq}", patience_s)
        return self.stream.verdicts[wanted]

    def check(self, report, patience_s=30):
        """The verdict, or the refusal."""
        self.go_until(lambda: self.session, "a session", patience_s)
        self.last_check += 1
        self.send(check=pb.Check(session=self.session, check_id=self.last_check, report=report))
        self.go_until(lambda: self.last_check in self.check_results, "the result of the check", patience_s)
        return self.check_results.pop(self.last_check)

    def todo(self, patience_s=30):
        """What is owed, or the refusal."""
        self.go_until(lambda: self.session, "a session", patience_s)
        self.last_check += 1
        self.send(todo_request=pb.TodoRequest(session=self.session, request_id=self.last_check))
        self.go_until(lambda: self.last_check in self.todos, "what is owed", patience_s)
        return self.todos.pop(self.last_check)


# ---------------------------------------------------------------- the command

def decimal(text):
    """"16.4" as an exact Decimal."""
    whole, _, decimals = text.partition(".")
    return pb.Decimal(mantissa=int(whole + decimals), scale=len(decimals))


def read_report(path):
    data = pathlib.Path(path).read_bytes()
    if path.endswith(".json"):
        return json_format.ParseDict(json.loads(data), pb.Report()).SerializeToString()
    return data


def show(message):
    print(json.dumps(json_format.MessageToDict(message, preserving_proto_field_name=True), ensure_ascii=False, indent=2))


def run(client, command, files):
    if command == "codebook":
        client.go_until(lambda: client.codebook, "the codebook")
        show(client.codebook)
    elif command == "todo":
        show(client.todo())
    elif command == "check":
        show(client.check(read_report(files[0])))
    else:
        for seq in [client.submit(read_report(file)) for file in files]:
            show(client.verdict(seq))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--centre")
    parser.add_argument("--centre-key")
    parser.add_argument("--key")
    parser.add_argument("--stream")
    parser.add_argument("command", choices=["make-keys", "submit", "check", "codebook", "todo"])
    parser.add_argument("files", nargs="*")
    args = parser.parse_args()
    if args.command == "make-keys":
        name, folder = args.files
        Keys.make(name).write(pathlib.Path(folder) / f"{name}.key")
        return
    keys = Keys.read(args.key)
    client = Client(args.centre, keys, Keys.read(args.centre_key), Stream(args.stream, keys.name))
    try:
        run(client, args.command, args.files)
    except (Stopped, Forked, TimeoutError) as e:
        sys.exit(f"client.py: {e}")
    finally:
        client.close()


if __name__ == "__main__":
    main()
