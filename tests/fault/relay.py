# SPDX-License-Identifier: Apache-2.0
"""
A relay between one agent and the centre that reads every message, because it holds the secret keys of both: it loses, doubles,
holds back and invents single messages, where the proxy (proxy.py) only sees bytes.

    relay = Relay(centre_port, centre_keys, agent_keys)      the agent connects to relay.port
    lost = relay.on(DOWN, "ack", "drop")                     the next acknowledgement never arrives; lost.fired counts
    relay.say(UP, relay.heard[UP]["publish"][0])             a message said again, in the connection there is now

A connection of the agent is a connection of its own to the centre, and ends with it.
"""

import collections
import contextlib
import pathlib
import queue
import socket
import sys
import threading

import zmq

from proxy import DOWN, UP, bind_below_outgoing

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "interop"))

from roadbook import messages  # noqa: E402

pb = messages()
POLL_MS = 1000


def kind_of(data):
    return pb.Envelope.FromString(data).WhichOneof("body")


class Rule:
    """do: "drop", "double", "hold" (until release()), or a function of the message that gives a list of those to pass."""

    def __init__(self, direction, kind, do, times, skip):
        self.direction, self.kind, self.do, self.times, self.skip = direction, kind, do, times, skip
        self.fired, self.held = 0, []
        self.happened = threading.Event()

    def takes(self, direction, kind):
        if self.direction != direction or kind not in (self.kind if isinstance(self.kind, tuple) else (self.kind,)):
            return False
        if self.skip:
            self.skip -= 1
            return False
        return self.fired < self.times

    def apply(self, data):
        self.fired += 1
        self.happened.set()
        if self.do == "drop":
            return []
        if self.do == "double":
            return [data, data]
        if self.do == "hold":
            self.held.append(data)
            return []
        return self.do(data)

    def wait(self, patience_s=120):
        assert self.happened.wait(patience_s), f"no {self.kind} passed {self.direction}"
        return self


class Relay:
    def __init__(self, centre_port, centre_keys, agent_keys):
        self.centre_port, self.centre_keys, self.agent_keys = centre_port, centre_keys, agent_keys
        self.rules = []
        self.heard = {UP: collections.defaultdict(list), DOWN: collections.defaultdict(list)}
        self.connections = 0
        self.calls, self.stopping = queue.SimpleQueue(), False
        self.woken, self.waker = socket.socketpair()
        self.context = zmq.Context()
        self.near = self.context.socket(zmq.ROUTER)
        self.near.linger = 0
        self.near.curve_server, self.near.curve_secretkey = True, centre_keys.curve_secret
        self.port = free_port_for(self.near)
        self.peer, self.far = None, None
        self.thread = threading.Thread(target=self.loop, daemon=True)
        self.thread.start()

    # ------------------------------------------------------------ from outside

    def on(self, direction, kind, do, times=1, skip=0):
        """kind: of a body of Envelope, or several. skip: so many pass before."""
        rule = Rule(direction, kind, do, times, skip)
        self.call(lambda: self.rules.append(rule))
        return rule

    def say(self, direction, *messages_):
        """Said now, past all rules."""
        self.call(lambda: [self.forward(direction, data) for data in messages_])

    def release(self, rule):
        """What a rule holds goes on now, in its order."""
        def work():
            held, rule.held = rule.held, []
            for data in held:
                self.forward(rule.direction, data)
            return len(held)
        return self.call(work)

    def count(self, direction, kind):
        return len(self.heard[direction][kind])

    def call(self, work):
        done = queue.SimpleQueue()
        self.calls.put((work, done))
        self.waker.send(b"x")
        result, error = done.get(timeout=30)
        if error:
            raise error
        return result

    def close(self):
        if self.thread.is_alive():
            self.call(lambda: setattr(self, "stopping", True))
            self.thread.join(10)
        self.context.destroy(linger=0)
        self.woken.close()
        self.waker.close()

    # ------------------------------------------------------------ the loop

    def loop(self):
        while not self.stopping:
            poller = zmq.Poller()
            poller.register(self.woken, zmq.POLLIN)
            poller.register(self.near, zmq.POLLIN)
            if self.far is not None:
                poller.register(self.far, zmq.POLLIN)
            poller.poll(POLL_MS)
            with contextlib.suppress(BlockingIOError):
                self.woken.recv(4096, socket.MSG_DONTWAIT)
            self.take_near()
            self.take_far()
            while not self.calls.empty():
                work, done = self.calls.get()
                try:
                    done.put((work(), None))
                except Exception as e:  # told to whoever asked
                    done.put((None, e))

    def take_near(self):
        with contextlib.suppress(zmq.Again):
            while True:
                peer, data = self.near.recv_multipart(zmq.DONTWAIT)
                if peer != self.peer:
                    self.peer = peer
                    self.connect_far()
                self.take(UP, data)

    def take_far(self):
        with contextlib.suppress(zmq.Again):
            while self.far is not None:
                self.take(DOWN, self.far.recv(zmq.DONTWAIT))

    def connect_far(self):
        if self.far is not None:
            self.far.close(0)
        self.connections += 1
        self.far = self.context.socket(zmq.DEALER)
        self.far.linger = 0
        self.far.curve_serverkey = self.centre_keys.curve_public
        self.far.curve_publickey, self.far.curve_secretkey = self.agent_keys.curve_public, self.agent_keys.curve_secret
        self.far.reconnect_ivl = 20
        self.far.connect(f"tcp://127.0.0.1:{self.centre_port}")

    def take(self, direction, data):
        kind = kind_of(data)
        self.heard[direction][kind].append(data)
        rule = next((r for r in self.rules if r.takes(direction, kind)), None)
        for passed in [data] if rule is None else rule.apply(data):
            self.forward(direction, passed)

    def forward(self, direction, data):
        with contextlib.suppress(zmq.ZMQError):
            if direction == UP:
                self.far.send(data, zmq.DONTWAIT)
            else:
                self.near.send_multipart([self.peer, data], zmq.DONTWAIT)


def free_port_for(zmq_socket):
    with socket.socket() as probe:
        bind_below_outgoing(probe, 0)
        port = probe.getsockname()[1]
    zmq_socket.bind(f"tcp://127.0.0.1:{port}")
    return port
