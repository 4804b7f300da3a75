# SPDX-License-Identifier: Apache-2.0
"""
Who knocks at the centre's door: strangers, keys unknown, shut out, stolen or of somebody else, clients that speak something else,
frames too large and messages of many parts, more connections than there are descriptors. Those who are in go on undisturbed.
"""

import contextlib
import resource
import socket
import time

import zmq

from cells import Cell
from foreign import pb
from roadbook import Keys
from stranger import Stranger, beside_undisturbed
from tramtest import Agent, wait_until
from watch import state_of, use_of
from world import AGENT, AGENTS

ODD = 'messages_ignored{cause="odd_shape"}'
UNKNOWN, SUSPENDED, REVOKED = (f'door_refused{{cause="{cause}"}}' for cause in ("unknown_key", "suspended", "revoked"))
SUPERSEDED = 'sessions_ended{cause="superseded"}'
GREETING_CURVE = b"\xff" + bytes(8) + b"\x7f\x03\x00" + b"CURVE".ljust(20, b"\0") + bytes(32)


def knock(w, how, **centre):
    """how(w, centre) knocks; the agent that is in notices nothing."""
    centre = w.make_centre(**centre)
    beside = w.make_agent()
    w.start()
    w.fired(how(w, centre))
    w.await_flow()
    beside_undisturbed(w, [beside])


def counted(w, centre, counter, before):
    """counter has grown by so much."""
    return int(w.ask(centre)[counter]) - before[counter]


def await_counted(w, centre, counter, before, at_least=1):
    before = {counter: int(before[counter])}
    wait_until(lambda: counted(w, centre, counter, before) >= at_least, f"{counter} to grow")
    return f"{counter} {counted(w, centre, counter, before)}"


# ---------------------------------------------------------------- messages that are too large

def too_large_a_frame(w, centre):
    """The connection ends, and takes what was behind the frame along; what was promised is said again and stored."""
    way = w.proxy(centre.port)
    s = Stranger(w, port=way.port)
    s.open()
    s.hand_in()
    first = way.living()
    reports = [s.submit(s.report()) for _ in range(3)]
    s.say_bytes(bytes(8 << 20))
    wait_until(lambda: not set(first) & set(way.living()), "the connection to end")
    s.client.connect()
    for seq in reports:
        s.client.verdict(seq)
    return f"8 MiB in one frame: connection ended after {first[0].up.sent_bytes} bytes, 3 reports behind it stored"


def many_parts(w, centre):
    """Each is allowed, and together they are less than what cuts a connection: one message that is dropped."""
    s = Stranger(w)
    s.open()
    before = w.ask(centre)
    s.client.socket.send_multipart([bytes(1 << 10)] * 400)
    said = await_counted(w, centre, ODD, before)
    s.hand_in()
    return said


def two_parts(w, centre):
    """The first of them is sound: nobody reads it."""
    s = Stranger(w)
    s.in_session()
    before = w.ask(centre)
    sound = pb.Envelope(version=1, publish=s.publish(s.hostile())).SerializeToString()
    s.client.socket.send_multipart([sound, b""])
    s.client.socket.send_multipart([b"", sound])
    said = await_counted(w, centre, ODD, before, 2)
    s.hand_in()
    return said


# ---------------------------------------------------------------- who speaks something else

NOT_THE_ROAD = {
    "http": b"GET / HTTP/1.1\r\nHost: centre\r\n\r\n",
    "tls": bytes.fromhex("16030100c6010000c20303") + bytes(200),
    "zeros": bytes(4096),
    "ones": b"\xff" * 4096,
    "zmtp-1": b"\x01\x00" + b"\x05\x00hello",
    "zmtp-2": b"\xff" + bytes(8) + b"\x7f\x01\x05" + b"\x00\x00",
    "half-a-greeting": GREETING_CURVE[:30],
    "null-after-greeting": b"\xff" + bytes(8) + b"\x7f\x03\x00" + b"NULL".ljust(20, b"\0") + bytes(32) + b"\x04\x19\x05READY" + bytes(18),
    "huge-command": GREETING_CURVE + b"\x06" + (1 << 62).to_bytes(8, "big") + bytes(1000),
    "long-hello": GREETING_CURVE + b"\x06" + (1 << 16).to_bytes(8, "big") + b"\x05HELLO" + bytes(1 << 16),
    "short-hello": GREETING_CURVE + b"\x04\x06\x05HELLO",
    "hello-of-zeros": GREETING_CURVE + b"\x04\xc8\x05HELLO\x01\x00" + bytes(192),
    "message-before-hello": GREETING_CURVE + b"\x00\x05hello" * 50,
    "initiate-first": GREETING_CURVE + b"\x06" + (300).to_bytes(8, "big") + b"\x08INITIATE" + bytes(291),
}


def speak(centre, data):
    """Sockets that have said data and stay open; what came back."""
    s = socket.create_connection(("127.0.0.1", centre.port), timeout=5)
    with contextlib.suppress(OSError):
        s.sendall(data)
    return s


def something_else(w, centre):
    """Each of the table, and as many random ones."""
    doors = w.ask(centre)["door_opened"]
    noise = [GREETING_CURVE[:w.rng.randint(0, 64)] + w.rng.randbytes(w.rng.randint(1, 3000)) for _ in range(40)]
    sockets = [speak(centre, data) for data in [*NOT_THE_ROAD.values(), *noise]]
    ended, deadline = 0, time.monotonic() + 5
    for s in sockets:
        s.settimeout(max(0.1, deadline - time.monotonic()))
        with contextlib.suppress(OSError):
            while s.recv(4096):
                pass
            ended += 1
        s.close()
    assert w.ask(centre)["door_opened"] == doors, "somebody was let in"
    return f"{len(sockets)} spoke something else"


def other_mechanism(set_up):
    def how(w, centre):
        """Nobody is let in, and what they say is not heard."""
        before = w.ask(centre)
        with zmq.Context() as context, context.socket(zmq.DEALER) as client, client.get_monitor_socket() as monitor:
            client.linger = 0
            set_up(client)
            client.connect(f"tcp://127.0.0.1:{centre.port}")
            client.send(pb.Envelope(version=1, hello=pb.Hello(agent=AGENTS[2])).SerializeToString())
            failed = []

            def heard():
                while monitor.poll(20):
                    number, _ = monitor.recv_multipart()[0][:2], None
                    failed.append(int.from_bytes(number, "little"))
                return any(event >= zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL or event == zmq.EVENT_DISCONNECTED for event in failed)
            wait_until(heard, "the handshake to fail")
            assert not client.poll(100), "the centre answered"
            client.disable_monitor()
        assert counted(w, centre, "door_opened", {"door_opened": int(before["door_opened"])}) == 0
        return f"handshake failed: events {sorted(set(failed))}"
    return how


def plain(client):
    client.plain_username, client.plain_password = b"agent-63-48", b"secret"


def nothing(client):
    pass


# ---------------------------------------------------------------- how many

def hold_open(w, centre, number):
    """Connections that say nothing are closed after the handshake's time, and leave nothing."""
    w.facts.spare_descriptors = number
    pid = centre.daemon.process.pid
    before = use_of(pid)[1]
    sockets = [speak(centre, b"") for _ in range(number)]
    try:
        w.await_or_not_fired(lambda: use_of(pid)[1] >= before + number - 50, "the descriptors", 60)
        most = use_of(pid)[1]
        w.await_flow(more=3)
        wait_until(lambda: use_of(pid)[1] <= before + 20, "the descriptors to be closed")
    finally:
        for s in sockets:
            s.close()
    return f"{number} connections: {before} descriptors, then {most}, then {use_of(pid)[1]}"


def no_descriptor_left(w, centre):
    """The limit is reached: who is in goes on, who is not waits, and the centre stands."""
    pid = centre.daemon.process.pid
    before = use_of(pid)[1]
    limit = before + 20
    old = resource.prlimit(pid, resource.RLIMIT_NOFILE, (limit, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    sockets = [speak(centre, b"") for _ in range(200)]
    try:
        w.await_or_not_fired(lambda: use_of(pid)[1] >= limit - 1, "the last descriptor to be taken", 60)
        w.await_flow(more=5)
        time.sleep(1)
        assert centre.daemon.running() and state_of(pid)
    finally:
        for s in sockets:
            s.close()
    resource.prlimit(pid, resource.RLIMIT_NOFILE, old)
    late = Stranger(w)
    late.open()
    late.hand_in()
    return f"{limit} descriptors at most, 200 connections more; a newcomer afterwards"


# ---------------------------------------------------------------- keys

def newcomer(w, centre, name="agent-63-66", **settings):
    """An agent with keys of its own that nobody accepted yet."""
    agent = Agent(w.folder / name, centre, name, known=False, **AGENT | settings)
    w.take_in(agent, name, None)
    w.agents.append(agent)
    w.facts.signing_keys[name] = [Keys.read(agent.key.with_suffix(".pub")).sign_public]
    agent.start()
    w.load(agent)
    return agent


def unknown_then_accepted(w, centre):
    """Refused at first, so that it goes on knocking: it comes in by itself once it is accepted."""
    before = w.ask(centre)
    agent = newcomer(w, centre, handshake="500ms")
    said = await_counted(w, centre, UNKNOWN, before, 2)
    centre.tram("agents", "accept", agent.key.with_suffix(".pub"))
    w.await_flow()
    return f"{said}; then accepted, {w.ask(agent)['sessions']} session"


def wrong_centre_key(w, centre):
    """The agent has another centre's key: it says so, keeps what is handed in, and sends it when it has the right one."""
    other = w.folder / "other.key"
    centre.tram("keys", "make", "centre", "--out", other)
    agent = newcomer(w, centre, centre_key_file=other.with_suffix(".pub"))
    centre.tram("agents", "accept", agent.key.with_suffix(".pub"))
    wait_until(lambda: "centre_key_file" in w.ask(agent)["remedy"], "a word about the centre's key")
    assert w.ask(agent)["sessions"] == "0"
    said = w.ask(agent)["why"]
    agent.write_settings(centre_key_file=centre.key.with_suffix(".pub"))
    agent.daemon.stop()
    w.restart(agent)
    w.await_flow()
    return f"the agent said: {said}"


def shut_out(word, counter, comes_back):
    def how(w, centre):
        """In a session, shut out, knocking anew at a closed door; accepted again if that may be."""
        s = Stranger(w)
        s.open()
        s.hand_in()
        before = w.ask(centre)
        centre.tram("agents", word, s.name, "--reason", "thử")
        refusal = s.refusal()
        s.client.connect()
        said = await_counted(w, centre, counter, before)
        if comes_back:
            centre.tram("agents", "accept", s.w.bench.keys / f"{s.name}.pub")
            s.client.connect()
            s.in_session()
            s.hand_in()
        return f"{pb.RefusalCode.Name(refusal.code)}, then {said}"
    return how


def one_key_two_clients(w, centre):
    """Both say HELLO again and again: the newest wins each time, what both handed in is stored, and the centre says so."""
    one, two = Stranger(w, name="one"), Stranger(w, name="two")
    for _ in range(5):
        for s in (one, two):
            s.client.leave_session(0)
            s.open()
            s.hand_in()
    wait_until(lambda: "agent.cloned" in centre.daemon.log(), "agent.cloned")
    return f"{one.counter(SUPERSEDED)} times superseded; agent.cloned was told"


def stolen_key(w, centre):
    """A stranger with the keys of an agent that is in session takes it over; it comes back when the stranger goes."""
    victim = w.make_agent()
    victim.start()
    w.load(victim)
    w.await_flow()
    thief = Stranger(w, number=1)
    thief.open()
    thief.hand_in()
    superseded = thief.counter(SUPERSEDED)
    assert superseded, "nobody was superseded"
    thief.client.socket.close()
    thief.client.socket = thief.client.context.socket(zmq.DEALER)
    w.await_flow()
    return f"superseded {superseded} time, then back"


def anothers_name(w, centre):
    s = Stranger(w)
    s.client.keys = Keys(AGENTS[0], s.keys.curve_public, s.keys.sign_public, s.keys.curve_secret, bytes(s.keys.signing))
    said = s.refused("WRONG_AGENT")
    s.client.keys = s.keys
    s.client.refusals.clear()
    s.hand_in()
    return said


# ---------------------------------------------------------------- other sockets

def own_routing_id(w, centre):
    """Clients that choose their own routing id, and the same one: none is heard, and none can take another's place."""
    before = w.ask(centre)
    keys = Keys.read(w.bench.keys / f"{AGENTS[3]}.key")
    with zmq.Context() as context:
        clients = []
        for name in (AGENTS[0].encode(), AGENTS[0].encode(), b"\x01", b"x" * 255):
            client = context.socket(zmq.DEALER)
            client.linger, client.routing_id = 0, name
            client.curve_serverkey = Keys.read(centre.key).curve_public
            client.curve_publickey, client.curve_secretkey = keys.curve_public, keys.curve_secret
            client.connect(f"tcp://127.0.0.1:{centre.port}")
            client.send(pb.Envelope(version=1, hello=pb.Hello(agent=AGENTS[3])).SerializeToString())
            clients.append(client)
        said = await_counted(w, centre, ODD, before, 3)
        assert not any(client.poll(50) for client in clients), "one was answered"
        for client in clients:
            client.close()
    return said


def other_socket_types(w, centre):
    """With sound keys, but no DEALER."""
    before = w.ask(centre)
    keys = Keys.read(w.bench.keys / f"{AGENTS[3]}.key")
    with zmq.Context() as context:
        clients = []
        for kind in (zmq.REQ, zmq.PUSH, zmq.PUB, zmq.SUB, zmq.PAIR, zmq.ROUTER):
            client = context.socket(kind)
            client.linger = 0
            client.curve_serverkey = Keys.read(centre.key).curve_public
            client.curve_publickey, client.curve_secretkey = keys.curve_public, keys.curve_secret
            if kind == zmq.SUB:
                client.subscribe(b"")
            client.connect(f"tcp://127.0.0.1:{centre.port}")
            clients.append(client)
            with contextlib.suppress(zmq.ZMQError):
                client.send(b"hello", zmq.DONTWAIT)
        said = f"{await_counted(w, centre, 'door_opened', before)}, {await_counted(w, centre, ODD, before)}"
        for client in clients:
            client.close()
    return said


def row(name, how, **more):
    return Cell(f"door-{name}", knock, {"how": how} | more.pop("centre", {}), **more)


CELLS = [
    row("too-large-a-frame", too_large_a_frame, quick=True),
    row("many-parts", many_parts),
    row("two-parts", two_parts),
    row("something-else", something_else),
    row("null-client", other_mechanism(nothing)),
    row("plain-client", other_mechanism(plain)),
    row("five-hundred-connections", lambda w, centre: hold_open(w, centre, 500)),
    row("no-descriptor-left", no_descriptor_left),
    row("unknown-then-accepted", unknown_then_accepted, quick=True),
    row("wrong-centre-key", wrong_centre_key),
    row("suspended-knocks", shut_out("suspend", SUSPENDED, True)),
    row("revoked-knocks", shut_out("revoke", REVOKED, False)),
    row("one-key-two-clients", one_key_two_clients),
    row("stolen-key", stolen_key),
    row("anothers-name", anothers_name),
    row("own-routing-id", own_routing_id),
    row("other-socket-types", other_socket_types),
]
