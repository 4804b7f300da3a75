# SPDX-License-Identifier: Apache-2.0
"""
A centre small enough to read, written from PROTOCOL.md: it keeps its "database" in a dictionary, judges every report as
accepted, and can be told to misbehave. It tests agents, ours and others, without a database; it shows how little an agent
has to be afraid of.
"""

import subprocess
import time

import zmq

from roadbook import Keys, ack_bytes, batch_bytes, blake2b, chain_0, chain_next, is_signed, messages

pb = messages()


class Refuse(Exception):
    def __init__(self, code, at=None):
        super().__init__(code)
        self.code, self.at = pb.RefusalCode.Value(f"REFUSAL_CODE_{code}"), at


class Watermark:
    def __init__(self, agent, hello):
        self.epoch, self.seq = hello.epoch, 0
        self.first_chain = self.chain = chain_0(agent, hello.epoch, hello.previous_chain)

    def position(self):
        return pb.Position(epoch=self.epoch, seq=self.seq, chain=self.chain)


class LittleCentre:
    """One thread: call serve() in turn with whatever is tested."""

    def __init__(self, endpoint="tcp://127.0.0.1:*", keys=None, credit=(1 << 20, 8), heartbeat_ms=500):
        self.keys = keys or Keys.make("centre")
        self.credit, self.heartbeat_ms = credit, heartbeat_ms
        self.context = zmq.Context()
        self.socket = self.context.socket(zmq.ROUTER)
        self.socket.setsockopt(zmq.LINGER, 0)
        self.socket.setsockopt(zmq.ROUTER_MANDATORY, 1)
        self.socket.curve_server = True
        self.socket.curve_secretkey = self.keys.curve_secret
        self.socket.bind(endpoint)
        self.endpoint = self.socket.getsockopt_string(zmq.LAST_ENDPOINT)
        self.known = {}      # agent: public signing key; the roster
        self.watermarks = {}  # (agent, epoch): Watermark; the database
        self.reports = {}    # (agent, epoch): [bytes]
        self.verdicts = {}   # agent: [Verdict]
        self.owed = {}       # agent: [TodoItem]; one that is not here: the centre does not know the question
        self.sessions = {}   # agent: (session, peer, epoch)
        self.next_session = 1000
        self.heartbeat_at = {}
        self.heard = []      # (body name, body)
        self.mute = set()    # bodies not to be sent: "ack", "verdicts" ...
        self.refuse_next = {}  # body name: code, once
        self.lose = set()    # body names: the next of each is not heard
        self.spoil = False   # acknowledgements are signed wrongly

    def close(self):
        self.socket.close()
        self.context.term()

    def restart(self):
        """All sessions are forgotten; the database stays."""
        self.sessions.clear()

    def restore(self, agent, epoch, seq):
        """The database as it was when the stream stood at seq."""
        key = (agent, epoch)
        mark, reports = self.watermarks[key], self.reports[key]
        mark.chain = mark.first_chain
        for report in reports[:seq]:
            mark.chain = chain_next(mark.chain, report)
        del reports[seq:]
        mark.seq = seq
        self.verdicts[agent] = [v for v in self.verdicts[agent] if v.seq <= seq]
        self.restart()

    # ------------------------------------------------------------ saying

    def send(self, peer, **body):
        if set(body) & self.mute:
            return
        try:
            self.socket.send_multipart([peer, pb.Envelope(version=1, **body).SerializeToString()], zmq.DONTWAIT)
        except zmq.ZMQError as e:
            if e.errno not in (zmq.EAGAIN, zmq.EHOSTUNREACH):
                raise

    def credit_message(self):
        return pb.Credit(bytes=self.credit[0], batches=self.credit[1])

    def say_ack(self, agent):
        session, peer, epoch = self.sessions[agent]
        mark, at_us = self.watermarks[agent, epoch], time.time_ns() // 1000
        signature = self.keys.sign(ack_bytes(agent, epoch, mark.seq, mark.chain, at_us + self.spoil))
        self.send(peer, ack=pb.Ack(session=session, credit=self.credit_message(), acknowledgement=pb.Acknowledgement(
            epoch=epoch, committed_through=mark.seq, chain=mark.chain, committed_at_us=at_us, signature=signature,
            key_id=self.keys.key_id)))

    def say_verdicts(self, agent, cursor):
        session, peer, _ = self.sessions[agent]
        following = self.verdicts[agent][cursor:]
        if following:
            self.send(peer, verdicts=pb.Verdicts(session=session, verdicts=following))

    def say_heartbeat(self, agent):
        session, peer, epoch = self.sessions[agent]
        self.send(peer, heartbeat=pb.Heartbeat(
            session=session, at_us=time.time_ns() // 1000, verdict_cursor=len(self.verdicts[agent]),
            committed_through=self.watermarks[agent, epoch].seq, credit=self.credit_message(), catalogue_version=1))
        self.heartbeat_at[agent] = time.monotonic() + self.heartbeat_ms / 1000

    def say_refusal(self, peer, why, session, answers, check_id=0):
        retry = 0 if why.code in (pb.REFUSAL_CODE_REVOKED, pb.REFUSAL_CODE_FORKED, pb.REFUSAL_CODE_BAD_SIGNATURE) else 100
        self.send(peer, refusal=pb.Refusal(session=session, code=why.code, at=why.at, message_vi="không", message_en="no",
                                           retry_after_ms=retry, answers=answers, check_id=check_id))

    # ------------------------------------------------------------ hearing

    def on_hello(self, peer, m):
        if self.known.get(m.agent, m.signing_key) != m.signing_key:
            raise Refuse("BAD_SIGNATURE")
        if len(m.epoch) != 16 or len(m.last_chain) != 32 or len(m.boot_nonce) != 16 or m.schema != 1:
            raise Refuse("MALFORMED")
        mark = self.watermarks.get((m.agent, m.epoch)) or Watermark(m.agent, m)
        if m.last_appended < mark.seq or (m.last_appended == mark.seq and m.last_chain != mark.chain):
            raise Refuse("FORKED", mark.position())
        if (m.agent, m.epoch) not in self.watermarks:
            self.watermarks[m.agent, m.epoch], self.reports[m.agent, m.epoch] = mark, []
        self.known[m.agent] = m.signing_key
        self.verdicts.setdefault(m.agent, [])
        self.open_session(peer, m, mark)

    def open_session(self, peer, m, mark):
        old = self.sessions.get(m.agent)
        if old and old[1] != peer:
            self.say_refusal(old[1], Refuse("SUPERSEDED"), old[0], 0)
        self.next_session += 1
        self.sessions[m.agent] = (self.next_session, peer, m.epoch)
        self.send(peer, subscribe=pb.Subscribe(
            session=self.next_session, resume_after=mark.position(), credit=self.credit_message(), catalogue_version=1,
            at_us=time.time_ns() // 1000, verdict_cursor=len(self.verdicts[m.agent]),
            limits=pb.Limits(message_bytes=4 << 20, report_bytes=1 << 20, observations=10000, batch_bytes=8 << 20,
                             batch_reports=1000, heartbeat_ms=self.heartbeat_ms)))
        self.heartbeat_at[m.agent] = time.monotonic() + self.heartbeat_ms / 1000
        if mark.seq:
            self.say_ack(m.agent)
        self.say_verdicts(m.agent, m.verdict_cursor)

    def open_publish(self, agent, mark, m):
        if m.epoch != mark.epoch:
            raise Refuse("NO_SESSION", mark.position())
        if m.first_seq > mark.seq + 1:
            raise Refuse("GAP", mark.position())
        batch = pb.Batch.FromString(self.unpack(m))
        if len(batch.entries) != m.count:
            raise Refuse("MALFORMED")
        chain, fresh, forked = m.prev_chain, [], False
        for seq, entry in enumerate(batch.entries, m.first_seq):
            forked = forked or seq - 1 == mark.seq and chain != mark.chain
            chain = chain_next(chain, entry.report)
            if seq > mark.seq:
                fresh.append(entry)
        if chain != m.chain:
            raise Refuse("BAD_CHAIN")
        last_seq = m.first_seq + m.count - 1
        if not is_signed(self.known[agent], batch_bytes(agent, m.epoch, m.first_seq, last_seq, m.prev_chain, m.chain),
                         m.signature):
            raise Refuse("BAD_SIGNATURE")
        if forked or (last_seq == mark.seq and chain != mark.chain):
            raise Refuse("FORKED", mark.position())
        return fresh

    @staticmethod
    def unpack(m):
        if m.codec == pb.CODEC_PLAIN:
            return m.payload
        return subprocess.run(["zstd", "-dqc"], input=m.payload, stdout=subprocess.PIPE, check=True).stdout

    def on_publish(self, agent, m):
        mark = self.watermarks[agent, self.sessions[agent][2]]
        fresh = self.open_publish(agent, mark, m)
        for entry in fresh:
            self.commit(agent, mark, entry)
        self.say_ack(agent)
        self.say_verdicts(agent, len(self.verdicts[agent]) - len(fresh))

    def commit(self, agent, mark, entry):
        mark.seq, mark.chain = mark.seq + 1, chain_next(mark.chain, entry.report)
        self.reports[agent, mark.epoch].append(entry.report)
        self.verdicts[agent].append(self.judge(entry.report, len(self.verdicts[agent]) + 1, mark))

    @staticmethod
    def judge(data, verdict_seq=0, mark=None):
        verdict = pb.Verdict(verdict_seq=verdict_seq, digest=blake2b(data), known_at_us=time.time_ns() // 1000,
                             catalogue_version=1, cause="received")
        if mark:
            verdict.epoch, verdict.seq = mark.epoch, mark.seq
        report = pb.Report.FromString(data)
        verdict.outcomes.extend([pb.OUTCOME_ACCEPTED] * len(report.observations))
        return verdict

    def on_heartbeat(self, agent, m):
        if m.verdict_cursor < len(self.verdicts[agent]):
            self.say_verdicts(agent, m.verdict_cursor)
        if m.committed_through < self.watermarks[agent, self.sessions[agent][2]].seq:
            self.say_ack(agent)

    def on_check(self, agent, m):
        session, peer, _ = self.sessions[agent]
        self.send(peer, check_result=pb.CheckResult(session=session, check_id=m.check_id, verdict=self.judge(m.report)))

    def on_todo_request(self, agent, m):
        if agent in self.owed:
            self.send(self.sessions[agent][1], todo=pb.Todo(
                session=m.session, request_id=m.request_id, at_us=time.time_ns() // 1000, items=self.owed[agent]))

    def on_codebook_request(self, agent, m):
        self.send(self.sessions[agent][1], codebook=pb.Codebook(catalogue_version=1))

    def hear(self, peer, data):
        envelope = pb.Envelope.FromString(data)
        kind = envelope.WhichOneof("body")
        body = getattr(envelope, kind)
        if kind in self.lose:
            self.lose.remove(kind)
            return
        self.heard.append((kind, body))
        number = next(f.number for f in pb.Envelope.DESCRIPTOR.fields if f.name == kind)
        session = 0 if kind == "hello" else body.session
        try:
            if kind in self.refuse_next:
                raise Refuse(self.refuse_next.pop(kind))
            if kind == "hello":
                self.on_hello(peer, body)
                return
            agent = next((a for a, s in self.sessions.items() if s[:2] == (session, peer)), None)
            if not agent:
                raise Refuse("NO_SESSION")
            getattr(self, f"on_{kind}")(agent, body)
        except Refuse as why:
            self.say_refusal(peer, why, session, number, getattr(body, "check_id", getattr(body, "request_id", 0)))
            if kind == "publish":
                self.sessions = {a: s for a, s in self.sessions.items() if s[0] != session}

    def serve(self, wait_ms=0):
        """Hears what is there; says heartbeats that are due."""
        if self.socket.poll(wait_ms):
            while True:
                try:
                    frames = self.socket.recv_multipart(zmq.DONTWAIT)
                except zmq.Again:
                    break
                assert len(frames) == 2, "one frame behind the routing id"
                self.hear(*frames)
        for agent in list(self.sessions):
            if time.monotonic() >= self.heartbeat_at[agent]:
                self.say_heartbeat(agent)
