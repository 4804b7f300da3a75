# SPDX-License-Identifier: Apache-2.0
"""
The road between province and centre, broken in every way at every moment: by the proxy, which sees bytes, and by the relay,
which holds both keys and sees messages. The agent of the broken road must go on by itself; the one beside it hears nothing of it.
"""

import signal
import time

import zmq

from cells import Cell
from proxy import DOWN, UP, command, frames_of, message, replay
from relay import Relay, pb
from roadbook import Keys
from stranger import Stranger, beside_undisturbed
from tramtest import wait_until
from world import AGENTS, NotFired

# Sizes of encrypted messages tell them apart: an ACK has always nearly the same, a PUBLISH is never small, the codebook is large.
ACK_SIZES = range(194, 202)
PUBLISH_MIN, CODEBOOK_MIN = 400, 20_000
HEARTBEAT_SIZES = range(62, 82)


def is_ack(frame):
    return frame.kind == "message" and frame.number > 1 and len(frame.body) in ACK_SIZES


def is_verdicts(frame):
    return (frame.kind == "message" and frame.number > 1 and 150 < len(frame.body) < CODEBOOK_MIN
            and len(frame.body) not in ACK_SIZES)


def is_heartbeat(frame):
    return frame.kind == "message" and frame.number > 1 and len(frame.body) in HEARTBEAT_SIZES


MOMENTS = {
    "handshake": (UP, command(2)),
    "ready": (DOWN, command(2)),
    "hello": (UP, message(1)),
    "subscribe": (DOWN, message(1)),
    "publish": (UP, message(at_least=PUBLISH_MIN)),
    "ack": (DOWN, is_ack),
    "verdicts": (DOWN, is_verdicts),
    "heartbeat": (UP, is_heartbeat),
}
FULL = 'messages_not_sent{cause="peer_is_full"}'
OPENING = ("handshake", "ready", "hello", "subscribe")


def nth(match, n):
    left = [n]

    def counted(frame):
        if match(frame):
            left[0] -= 1
        return match(frame) and left[0] <= 0
    return counted


def pair(w, victim=None, **centre):
    """A centre, an agent behind the proxy and one beside it; the proxy and the first agent."""
    centre = w.make_centre(road=True, **centre)
    victim = w.make_agent(**victim or {})
    w.make_agent(port=centre.port)
    return centre.road, victim


def await_trigger(w, trigger, what):
    w.await_or_not_fired(trigger.happened.is_set, what, 60)


def in_session(w, agent):
    return w.ask(agent)["state"] == "streaming"


def await_session(w, agent):
    wait_until(lambda: in_session(w, agent), f"a session of {agent.name}")


def go_on(w):
    w.await_flow()
    beside_undisturbed(w, w.agents[1:])


# ---------------------------------------------------------------- a moment, a fault

def strike(w, moment, fault, part=False):
    """part: only some bytes of the frame pass, how many by the seed."""
    way, _ = pair(w)
    w.start()
    direction, match = MOMENTS[moment]
    hit = 1 if moment in OPENING else w.draw("hit", range(1, 9))
    keep = w.draw("bytes", range(1, 120)) if part else 0
    newest = len(way.connections)
    trigger = way.on(direction, nth(match, hit), fault, keep=keep, connection=newest + 1 if moment in OPENING else None)
    if moment in OPENING:
        way.act("reset")
    await_trigger(w, trigger, f"{moment} to pass")
    w.fired(f"{fault} after {keep} bytes of {moment} {trigger.frames[0]!r}")
    wait_until(lambda: len(way.connections) > newest, "a new connection")
    go_on(w)


def idle(w, fault):
    """Nobody says anything but heartbeats; then the connection is struck, and then reports come."""
    way, victim = pair(w)
    w.start(load=False)
    await_session(w, victim)
    w.fired(f"{fault} of {way.act(fault)} idle connection")
    for agent in w.agents:
        w.load(agent)
    go_on(w)


def forgotten(w):
    """A firewall forgets a connection that was silent: both ends believe in it until reports are to go."""
    way, victim = pair(w, heartbeat="900ms")
    w.start(load=False)
    await_session(w, victim)
    way.act("black_hole")
    began = way.total(UP, "swallowed_bytes")
    for agent in w.agents:
        w.load(agent)
    w.await_or_not_fired(lambda: way.total(UP, "swallowed_bytes") > began + PUBLISH_MIN, "reports to be swallowed", 60)
    w.fired(f"{way.total(UP, 'swallowed_bytes')} bytes went into nothing")
    go_on(w)


# ---------------------------------------------------------------- ways of being slow

def slow(w, seconds, direction=None, victim=None, centre=None, **how):
    way, agent = pair(w, victim, **centre or {})
    w.start()
    way.set(direction, **how)
    before = way.total(direction or UP)
    time.sleep(seconds)
    carried = way.total(direction or UP) - before
    if not carried:
        raise NotFired("nothing was carried while the road was slow")
    w.fired(f"{how}: {carried} bytes {direction or UP} in {seconds} s, {way.accepted} connections")
    way.mend()
    go_on(w)


def far_away(w):
    """Every byte takes two seconds one way: nobody loses patience, and reports flow."""
    way, _ = pair(w, {"hello_wait": "10s", "handshake": "10s", "stalled_after": "30s", "ping": "10s"},
                  heartbeat="3s", handshake="10s", ping="10s")
    w.start()
    way.set(DOWN, delay_s=2)
    made = len(way.connections) + 1
    way.act("reset")
    wait_until(lambda: len(way.connections) == made, "a new connection")
    w.await_flow(more=20)
    w.await_flow(more=5)
    assert len(way.connections) == made, f"{len(way.connections) - made} more connections: a slow line was taken for a dead one"
    w.fired("2 s of latency, one connection")
    way.mend()


def flapping(w):
    way, _ = pair(w)
    w.start()
    for _ in range(12):
        way.cut()
        time.sleep(w.rng.uniform(0.01, 0.1))
        way.mend()
        time.sleep(w.rng.uniform(0.02, 0.25))
    if way.accepted < 8:
        raise NotFired(f"only {way.accepted} connections were made")
    w.fired(f"{way.accepted} connections, {way.refused} slammed")
    go_on(w)


def door(w, how, seconds=1.5):
    way, _ = pair(w)
    w.start()
    before = way.accepted
    way.set_door(how)
    way.act("reset")
    time.sleep(seconds)
    tried = way.accepted - before
    if how != "refuse" and not tried:
        raise NotFired("nobody knocked")
    w.fired(f"door: {how}, {tried} connections taken in {seconds} s")
    way.set_door("open")
    go_on(w)


# ---------------------------------------------------------------- what an earlier connection said

def with_reports_under_way(way):
    """The connection that holds reports for the centre: not always the first, as one is given up when its handshake breaks."""
    def holds(connection):
        return any(isinstance(item, bytes) and len(item) > PUBLISH_MIN for _, item in connection.up.waiting)
    return way.call(lambda: next((c for c in way.living() if holds(c)), None))


def ignored_as_old(w):
    return int(w.ask(w.centres[0])['messages_ignored{cause="other_session"}'])


def owed(w):
    """The agent's connection dies, a new one opens its session, and then what the first had under way reaches the centre."""
    way, victim = pair(w, ping="10s")  # so long the centre believes in a connection that says nothing
    w.start()
    way.set(UP, flow="keep")
    old = w.await_or_not_fired(lambda: with_reports_under_way(way), "reports under way", 60)
    sessions, ignored = int(w.ask(victim)["sessions"]), ignored_as_old(w)
    way.act("orphan")
    way.set(UP, flow="pass")
    wait_until(lambda: int(w.ask(victim)["sessions"]) > sessions, "a new session")
    late = way.call(lambda: old.up.waiting_bytes)
    way.act("let_go")
    w.await_or_not_fired(lambda: ignored_as_old(w) > ignored, "what was owed to arrive", 60)
    w.fired(f"{late} bytes of the old connection arrived in the time of the new one")
    go_on(w)


def commands_and_messages(data):
    """How many of each are in recorded bytes."""
    kinds = [frame.kind for frame in frames_of(data)]
    return kinds.count("command"), kinds.count("message")


def bytes_again(w, times):
    """All the agent ever said on a connection, byte for byte, on new ones: CURVE opens none of them."""
    centre = w.make_centre(road=True)
    way = centre.road
    way.record = True
    w.make_agent()
    w.make_agent(port=centre.port)
    w.start()
    w.await_flow(more=10)
    recorded = max((way.recorded(c.number) for c in way.connections), key=len)
    counters = w.ask(centre)
    said = commands_and_messages(recorded)
    answers = [commands_and_messages(replay(centre.port, recorded, patience_s=2.5)) for _ in range(times)]
    if said[1] < 10 or any(answer[0] == 0 for answer in answers):
        raise NotFired(f"{said} were said again, and the centre answered {answers}: not even WELCOME")
    assert all(messages == 0 for _, messages in answers), f"the centre answered {answers}"
    after = w.ask(centre)
    opened = int(after["sessions_opened"]) - int(counters["sessions_opened"])
    assert opened == 0, f"{opened} sessions were opened with recorded bytes"
    w.fired(f"{len(recorded)} bytes with {said[1]} messages said again {times} times; answers (commands, messages): {answers}")
    go_on(w)


# ---------------------------------------------------------------- single messages

def relayed(w):
    centre = w.make_centre()
    relay = Relay(centre.port, Keys.read(centre.key), Keys.read(w.bench.keys / f"{AGENTS[0]}.key"))
    w.undo.append(relay.close)
    victim = w.make_agent(port=relay.port)
    w.make_agent()
    return relay, victim


def single(w, direction, kind, do, times=1):
    """Messages of one kind lost, doubled or held back past the next ones."""
    relay, _ = relayed(w)
    skip = 0 if kind in ("hello", "subscribe") else w.draw("skip", range(6))
    rule = relay.on(direction, kind, do, times, skip)
    w.start()
    w.await_or_not_fired(lambda: rule.fired >= times, f"{times} {kind}", 60)
    if do == "hold":
        after = relay.count(direction, kind)
        w.await_or_not_fired(lambda: relay.count(direction, kind) > after, f"another {kind}", 60)
        relay.release(rule)
    w.fired(f"{rule.fired} {kind} {direction}: {do}")
    go_on(w)


def another_session(w, direction, kinds):
    """Messages of the first session, said again in the second as they were."""
    relay, victim = relayed(w)
    w.start()
    w.await_flow(more=10)
    old = [data for kind in kinds for data in relay.heard[direction][kind][:8]]
    stale_before = ignored_as_old(w)
    hold = relay.on(UP, ("publish", "heartbeat"), "drop", times=10_000)  # silence: the agent makes a new session
    before = relay.connections
    wait_until(lambda: relay.connections > before, "a new connection")
    relay.call(lambda: setattr(hold, "times", 0))
    await_session(w, victim)
    relay.say(direction, *old)
    if not old:
        raise NotFired(f"no {kinds} were heard")
    w.await_flow(more=5)

    def ignored():
        return ignored_as_old(w) - stale_before if direction == UP else int(w.ask(victim)["ignored_stale"])
    wait_until(ignored, "an old message to be ignored")
    w.fired(f"{len(old)} old {'/'.join(kinds)} {direction}; ignored: {ignored()}")
    go_on(w)


def silent(w, direction):
    """Everything of one direction is lost for a while, the connection stands."""
    relay, _ = relayed(w)
    w.start()
    before = relay.connections
    kinds = ("hello", "publish", "heartbeat") if direction == UP else ("subscribe", "ack", "verdicts", "heartbeat", "refusal")
    rule = relay.on(direction, kinds, "drop", times=10_000)
    w.await_or_not_fired(lambda: rule.fired, "something to be lost", 60)
    wait_until(lambda: relay.connections > before, "silence to be noticed")
    time.sleep(1)
    relay.call(lambda: setattr(rule, "times", 0))
    w.fired(f"{rule.fired} messages {direction} lost, {relay.connections} connections")
    go_on(w)


# ---------------------------------------------------------------- who does not read

def province_does_not_read(w):
    """It asks and asks, and reads no answer: its queue fills to the brim, what more there is for it is dropped and counted."""
    centre = w.make_centre(high_water=2)
    w.make_agent()
    w.start()
    way = w.proxy(centre.port)
    s = Stranger(w, port=way.port)
    s.open()
    s.hand_in()
    socket = silent_socket(s)
    question = pb.Envelope(version=1, hello=pb.Hello(agent=s.name, schema=1)).SerializeToString()  # refused, whenever it is said
    socket.send(question)
    assert socket.poll(5000), "the centre does not answer"
    way.set(DOWN, flow="hold")
    for _ in range(60_000):
        socket.send(question)
    w.await_or_not_fired(lambda: s.counter(FULL) > 0, "the queue to be full", 30)
    w.await_flow(5)
    w.fired(f"{s.counter(FULL)} answers dropped")
    socket.close()
    way.set(DOWN, flow="pass")
    s.client.connect()
    s.in_session()
    s.hand_in()
    beside_undisturbed(w)


def silent_socket(s):
    """Another connection with the stranger's keys, on which it may send as much as it likes."""
    socket = s.client.context.socket(zmq.DEALER)
    socket.linger, socket.sndhwm, socket.rcvhwm = 0, 0, 1
    socket.curve_serverkey = s.client.centre.curve_public
    socket.curve_publickey, socket.curve_secretkey = s.keys.curve_public, s.keys.curve_secret
    socket.connect(s.client.endpoint)
    return socket


def centre_does_not_read(w):
    """It stands still with more credit given than queue and sockets hold: the agent waits, and nothing is lost or doubled."""
    centre = w.make_centre(heartbeat="5s", credit_agent="256MiB", credit_total="512MiB", credit_batches=100_000)
    agent = w.make_agent(batch_reports=1, submission_bytes="512MiB")
    w.start()
    wait_until(lambda: w.ask(agent)["pending"] == "0" or w.loads[agent.name].handed_in > 20, "reports")
    w.loads[agent.name].stop()
    centre.daemon.send(signal.SIGSTOP)
    load = w.make_load(agent)
    before = int(w.ask(agent)["batches_sent"])
    for _ in range(4):
        entry = load.maker.hand_in()
        first = pb.Report.FromString(entry.reports[0])
        entry.reports = []
        for number in range(50):
            first.comment = f"{load.maker.agent} {number} " + w.rng.randbytes(60_000).hex()
            entry.reports.append(first.SerializeToString())
        load.hand_in(entry)
        assert entry.state == "accepted", entry.text
    handed_in = 200
    counts = []

    def full():
        counts.append(int(w.ask(agent)["batches_sent"]) - before)
        time.sleep(0.1)
        return len(counts) > 5 and counts[-1] == counts[-5] and 0 < counts[-1] < handed_in
    w.await_or_not_fired(full, "the agent to find no room", 4)
    w.fired(f"{counts[-1]} of {handed_in} batches of 60 kB were sent, then there was no room")
    waiting = int(w.ask(agent)["handed_in"])
    centre.daemon.send(signal.SIGCONT)
    wait_until(lambda: w.mark(agent.name) >= waiting, "all that waited to be committed")
    w.load(agent)
    w.await_flow(5)


STRIKES = [(fault, moment) for fault, moments in {
    "reset": ("handshake", "ready", "hello", "subscribe", "publish", "ack", "verdicts", "heartbeat"),
    "finish": ("hello", "publish", "ack"),
    "black_hole": ("hello", "publish", "ack", "verdicts"),
    "reset_near": ("hello", "publish", "ack"),
    "reset_far": ("publish", "verdicts"),
    "half_close_up": ("publish",),
    "half_close_down": ("verdicts",),
}.items() for moment in moments]
QUICK = {("reset", "publish"), ("black_hole", "ack")}

CELLS = [Cell(f"network-{fault.replace('_', '-')}-{moment}", strike, {"moment": moment, "fault": fault}, quick=(fault, moment) in QUICK)
         for fault, moment in STRIKES]
CELLS += [Cell(f"network-cut-inside-{moment}", strike, {"moment": moment, "fault": "reset", "part": True})
          for moment in ("handshake", "hello", "subscribe", "publish", "ack", "verdicts")]
CELLS += [Cell(f"network-{fault.replace('_', '-')}-idle", idle, {"fault": fault})
          for fault in ("reset", "finish", "black_hole", "reset_near", "reset_far")]
CELLS += [
    Cell("network-forgotten-by-a-firewall", forgotten),
    Cell("network-one-byte-a-second-up", slow, {"direction": UP, "bytes_per_s": 1, "seconds": 3}),
    Cell("network-one-byte-a-second-down", slow, {"direction": DOWN, "bytes_per_s": 1, "seconds": 3}),
    Cell("network-two-kilobytes-a-second", slow, {"bytes_per_s": 2000, "seconds": 3}),
    Cell("network-tiny-packets", slow, {"piece": 3, "seconds": 2}),
    Cell("network-late-answers", slow, {"direction": DOWN, "seconds": 1, "delay_s": 0.6}),
    Cell("network-two-seconds-away", far_away),
    Cell("network-flapping", flapping),
    Cell("network-door-refuse", door, {"how": "refuse"}),
    Cell("network-door-hang", door, {"how": "hang", "seconds": 2.5}),
    Cell("network-door-slam", door, {"how": "slam"}),
    Cell("network-owed-by-the-old-connection", owed),
    Cell("network-bytes-said-again", bytes_again, {"times": 2}),
    Cell("network-hello-lost", single, {"direction": UP, "kind": "hello", "do": "drop"}),
    Cell("network-hello-doubled", single, {"direction": UP, "kind": "hello", "do": "double"}),
    Cell("network-subscribe-lost", single, {"direction": DOWN, "kind": "subscribe", "do": "drop"}),
    Cell("network-subscribe-doubled", single, {"direction": DOWN, "kind": "subscribe", "do": "double"}),
    Cell("network-publish-lost", single, {"direction": UP, "kind": "publish", "do": "drop"}),
    Cell("network-publish-doubled", single, {"direction": UP, "kind": "publish", "do": "double", "times": 20}),
    Cell("network-publish-overtaken", single, {"direction": UP, "kind": "publish", "do": "hold"}),
    Cell("network-ack-lost", single, {"direction": DOWN, "kind": "ack", "do": "drop", "times": 3}, quick=True),
    Cell("network-ack-doubled", single, {"direction": DOWN, "kind": "ack", "do": "double", "times": 20}),
    Cell("network-ack-overtaken", single, {"direction": DOWN, "kind": "ack", "do": "hold"}),
    Cell("network-verdicts-lost", single, {"direction": DOWN, "kind": "verdicts", "do": "drop", "times": 3}),
    Cell("network-verdicts-doubled", single, {"direction": DOWN, "kind": "verdicts", "do": "double", "times": 20}),
    Cell("network-verdicts-overtaken", single, {"direction": DOWN, "kind": "verdicts", "do": "hold"}),
    Cell("network-old-session-up", another_session, {"direction": UP, "kinds": ("publish", "heartbeat")}),
    Cell("network-old-session-down", another_session, {"direction": DOWN, "kinds": ("ack", "verdicts", "heartbeat")}),
    Cell("network-province-does-not-read", province_does_not_read),
    Cell("network-centre-does-not-read", centre_does_not_read),
    Cell("network-silent-up", silent, {"direction": UP}),
    Cell("network-silent-down", silent, {"direction": DOWN}),
]
