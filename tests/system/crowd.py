# SPDX-License-Identifier: Apache-2.0
"""
Thousands of agents in a few processes: each has keys, a connection and a session of its own, says HELLO as soon as it is
connected, and heartbeats. They have nothing to hand in; what they show is how soon all of them are heard.
"""

import multiprocessing
import os
import pathlib
import random
import resource
import sys
import time

import zmq
from nacl.signing import SigningKey

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "interop"))

from roadbook import chain_0, messages  # noqa: E402

HELLO_PATIENCE_S, HEARTBEAT_S, LOOK_S = 10, 5, 0.1
RECONNECT_MS, RECONNECT_MAX_MS = 500, 60000  # as agents have it


class Simulated:
    """One agent of the crowd, without a disk."""

    def __init__(self, name):
        self.name = name
        self.curve_public, self.curve_secret = zmq.curve_keypair()
        self.sign_public = bytes(SigningKey.generate().verify_key)
        self.epoch, self.nonce = os.urandom(16), os.urandom(16)
        self.socket = None
        self.session = self.heard_at = 0
        self.say_at = 0  # HELLO again, or HEARTBEAT; 0: once it is connected

    def connect(self, context, endpoint, centre_key):
        s = self.socket = context.socket(zmq.DEALER)
        s.curve_serverkey, s.curve_publickey, s.curve_secretkey = centre_key, self.curve_public, self.curve_secret
        for option, value in ((zmq.IMMEDIATE, 1), (zmq.LINGER, 0), (zmq.SNDHWM, 64), (zmq.RCVHWM, 64),
                              (zmq.HANDSHAKE_IVL, 10000), (zmq.HEARTBEAT_IVL, 10000), (zmq.HEARTBEAT_TIMEOUT, 30000),
                              (zmq.RECONNECT_IVL, RECONNECT_MS), (zmq.RECONNECT_IVL_MAX, RECONNECT_MAX_MS)):
            s.setsockopt(option, value)
        s.connect(endpoint)

    def lose(self, say_at=0.0):
        self.session = self.heard_at = 0
        self.say_at = say_at

    def say(self, pb, now):
        body = ({"heartbeat": pb.Heartbeat(session=self.session, at_us=time.time_ns() // 1000)} if self.session else
                {"hello": pb.Hello(agent=self.name, epoch=self.epoch, last_chain=chain_0(self.name, self.epoch),
                                   boot_nonce=self.nonce, schema=1, software="crowd", signing_key=self.sign_public)})
        try:
            self.socket.send(pb.Envelope(version=1, **body).SerializeToString(), zmq.DONTWAIT)
            self.say_at = now + (HEARTBEAT_S if self.session else HELLO_PATIENCE_S)
        except zmq.Again:
            pass  # not connected (yet): at the next look

    def hear(self, pb, now):
        envelope = pb.Envelope.FromString(self.socket.recv())
        kind = envelope.WhichOneof("body")
        if kind == "subscribe":
            self.session, self.heard_at = envelope.subscribe.session, now
            self.say_at = now + HEARTBEAT_S * random.uniform(0.5, 1)
        elif kind == "refusal" and not (envelope.refusal.answers == 10 and self.session):
            self.lose(now + envelope.refusal.retry_after_ms / 1000 * random.uniform(1, 1.2))


class Part:
    """The part of the crowd that one process plays."""

    def __init__(self, agents, endpoint, centre_key, pipe):
        self.agents, self.endpoint, self.centre_key, self.pipe = agents, endpoint, centre_key, pipe
        self.pb = messages()
        self.context = zmq.Context()
        self.context.set(zmq.MAX_SOCKETS, 2 * len(agents) + 64)
        self.poller = zmq.Poller()
        self.by_socket = {}
        self.due = []  # (when, agent) to be connected

    def connect_due(self, now):
        later = []
        for at, agent in self.due:
            if at > now:
                later.append((at, agent))
                continue
            agent.connect(self.context, self.endpoint, self.centre_key)
            self.by_socket[agent.socket] = agent
            self.await_connection(agent)
        self.due = later

    def await_connection(self, agent):
        """A socket of ours can be written to from the end of the handshake on."""
        if agent.socket is not None:
            self.poller.register(agent.socket, zmq.POLLIN | zmq.POLLOUT)

    def cut(self, now):
        for agent in self.agents:
            if agent.socket is not None:
                self.poller.unregister(agent.socket)
                del self.by_socket[agent.socket]
                agent.socket.close()
                agent.socket = None
            agent.lose()
        self.due = [(now + RECONNECT_MS / 1000 * random.uniform(1, 2), agent) for agent in self.agents]

    def obey(self, word, now):
        if word == "connect":
            self.due = [(now, agent) for agent in self.agents]
        elif word == "cut":
            self.cut(now)
        elif word == "lost":
            for agent in self.agents:
                while agent.socket is not None and agent.socket.poll(0, zmq.POLLOUT):
                    time.sleep(0.005)  # the connection's end was not noticed yet, and a HELLO would go nowhere
                agent.lose()
                self.await_connection(agent)
            self.pipe.send(word)
        elif word == "heard":
            self.pipe.send([agent.heard_at for agent in self.agents])
        return word != "end"

    def look(self, now):
        self.connect_due(now)
        for agent in self.by_socket.values():
            if agent.say_at and now >= agent.say_at:
                agent.say(self.pb, now)

    def serve(self, socket, events, now):
        agent = self.by_socket[socket]
        if events & zmq.POLLOUT:
            agent.say(self.pb, now)
            self.poller.register(socket, zmq.POLLIN)
        if events & zmq.POLLIN:
            agent.hear(self.pb, now)

    def run(self):
        looked = 0.0
        while not self.pipe.poll() or self.obey(self.pipe.recv(), time.monotonic()):
            for socket, events in self.poller.poll(LOOK_S * 1000):
                self.serve(socket, events, time.monotonic())
            now = time.monotonic()
            if now - looked > LOOK_S:
                looked = now
                self.look(now)
        self.context.destroy(linger=0)


class Crowd:
    """All of them. To be made before the aggregator starts: their keys go straight onto the roster."""

    def __init__(self, centre, size, processes=4):
        need = 4 * size + 1024
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(need, hard)), hard))
        self.size, self.pipes, self.processes = size, [], []
        agents = [Simulated(f"crowd-{i:05}") for i in range(size)]
        self.enrol(centre, agents)
        fields = dict(line.split(" = ") for line in centre.key.with_suffix(".pub").read_text().splitlines() if " = " in line)
        endpoint, key = f"tcp://127.0.0.1:{centre.port}", fields["curve_public"].encode()
        fork = multiprocessing.get_context("fork")
        for i in range(processes):
            ours, theirs = fork.Pipe()
            self.pipes.append(ours)
            self.processes.append(fork.Process(target=lambda part, pipe: Part(part, endpoint, key, pipe).run(),
                                               args=(agents[i::processes], theirs), daemon=True))
            self.processes[-1].start()

    @staticmethod
    def enrol(centre, agents):
        with centre.postgres.connect(centre.database) as db:
            with db.cursor().copy("COPY tram.agent (agent) FROM STDIN") as copy:
                for agent in agents:
                    copy.write_row([agent.name])
            numbers = dict(db.execute("SELECT agent, agent_no FROM tram.agent").fetchall())
            with db.cursor().copy("COPY tram.agent_key (agent_no, curve_public, signing_public, state) FROM STDIN") as copy:
                for agent in agents:
                    copy.write_row([numbers[agent.name], agent.curve_public.decode(), agent.sign_public, "active"])
            db.execute("UPDATE tram.agent a SET curve_public = k.curve_public, signing_public = k.signing_public,"
                       " state = k.state FROM tram.agent_key k WHERE k.agent_no = a.agent_no AND a.agent LIKE 'crowd-%'")

    def tell(self, word):
        for pipe in self.pipes:
            pipe.send(word)

    def lose(self):
        """After the centre's end, and before it is there again: all have noticed, and wait for it to be back."""
        self.tell("lost")
        for pipe in self.pipes:
            pipe.recv()

    def heard(self):
        """When each was heard since it was lost, on the monotonic clock; 0: not yet."""
        self.tell("heard")
        return [at for pipe in self.pipes for at in pipe.recv()]

    def wait_heard(self, since, patience_s=60):
        """Seconds from then until each was heard, in order; None for those that were not in time."""
        while not all(heard := self.heard()) and time.monotonic() < since + patience_s:
            time.sleep(0.1)
        return sorted((max(0.0, at - since) if at else None for at in heard), key=lambda s: (s is None, s))

    def close(self):
        self.tell("end")
        for process in self.processes:
            process.join(timeout=10)
            if process.is_alive():
                process.kill()
