# SPDX-License-Identifier: Apache-2.0
"""
A TCP proxy that does to a connection what a bad network does. Between agents and centre, and between libpq and PostgreSQL.

    proxy = Proxy(port, framing="zmtp")             listens on proxy.port
    proxy.set(DOWN, delay_s=2)                      every connection there is and will be, centre to agent
    trigger = proxy.on(UP, message(3), "reset", keep=17)     cut the third message after 17 bytes of it
    proxy.act("reset")                              every connection there is, now

UP is from who connects to who is connected to. One thread does all of it; every call from outside is carried out by that
thread before it returns, so that what a test reads is never half changed. What is not forwarded is counted.
"""

import collections
import contextlib
import os
import queue
import select
import selectors
import socket
import struct
import threading
import time

UP, DOWN = "up", "down"
READ_BYTES = 64 << 10
QUEUE_BYTES = 1 << 20  # what waits for a slow sink before its source is read no more
GREETING_BYTES = 64


# ---------------------------------------------------------------- what passes, in units of the protocol

class Frame:
    """number counts frames of one kind in one direction of one connection, from 1."""

    def __init__(self, kind, data, head, number=0):
        self.kind, self.data, self.head, self.number = kind, data, head, number

    @property
    def body(self):
        return self.data[self.head:]

    def __repr__(self):
        return f"{self.kind} {self.number} ({len(self.data)} bytes)"


def next_zmtp(data, passed):
    """The next frame of ZMTP 3 (RFC 23) in data, behind so many bytes; None: not all of it is there. The greeting comes in
    pieces, as each side waits for the other's beginning before it says the rest."""
    if passed < GREETING_BYTES:
        return Frame("greeting", data[:GREETING_BYTES - passed], 0)
    if len(data) < 2:
        return None
    flags = data[0]
    head = 9 if flags & 2 else 2
    if len(data) < head:
        return None
    size = int.from_bytes(data[1:head], "big")
    if len(data) < head + size:
        return None
    return Frame("command" if flags & 4 else "message", data[:head + size], head)


def next_postgres(data, passed):
    """The next message of PostgreSQL's protocol; its kind is its letter, "startup" for the one without."""
    head = 4 if passed == 0 and data[:1] == b"\0" else 5
    if len(data) < head:
        return None
    size = int.from_bytes(data[head - 4:head], "big") + head - 4
    if len(data) < size:
        return None
    return Frame("startup" if head == 4 else chr(data[0]), data[:size], head)


FRAMINGS = {"zmtp": next_zmtp, "postgres": next_postgres}


def message(number=None, at_least=0, at_most=1 << 62):
    """Matches a message of ZMTP by its number, by the size of its body, or both."""
    return lambda frame: (frame.kind == "message" and number in (None, frame.number)
                          and at_least <= len(frame.body) <= at_most)


def command(number):
    """A command of the handshake: up 1 is HELLO of CURVE, 2 INITIATE; down 1 is WELCOME, 2 READY."""
    return lambda frame: frame.kind == "command" and frame.number == number


def query(text):
    """A simple query of PostgreSQL that begins so."""
    return lambda frame: frame.kind == "Q" and frame.body.startswith(text.encode())


# ---------------------------------------------------------------- one direction of one connection

class Way:
    """How a direction carries: see Proxy.set()."""

    def __init__(self, delay_s=0.0, bytes_per_s=0, piece=0, flow="pass"):
        self.delay_s, self.bytes_per_s, self.piece, self.flow = delay_s, bytes_per_s, piece, flow

    def change(self, changes):
        for name, value in changes.items():
            assert hasattr(self, name), name
            setattr(self, name, value)

    def copy(self):
        return Way(**self.__dict__)


class Pipe:
    """One direction: what its source said, on its way to the sink."""

    def __init__(self, connection, direction, source, sink, way):
        self.connection, self.direction, self.source, self.sink, self.way = connection, direction, source, sink, way
        self.arrived = b""                   # not a whole frame yet
        self.waiting = collections.deque()   # (when, bytes or a call)
        self.waiting_bytes = 0
        self.not_before = 0.0
        self.framed_bytes = self.read_bytes = self.sent_bytes = self.swallowed_bytes = 0
        self.frames = collections.Counter()
        self.ended = False                   # the source says no more
        self.closed = False                  # and the sink was told
        self.recorded = []
        self.dropping = False                # what is behind a cut

    def wants_read(self):
        return not self.ended and self.way.flow != "hold" and self.waiting_bytes < QUEUE_BYTES

    def put(self, item, now):
        self.waiting.append((now + self.way.delay_s, item))
        self.waiting_bytes += len(item) if isinstance(item, bytes) else 0

    def due(self):
        """When something is to be sent; None: nothing waits."""
        if self.way.flow in ("hold", "keep") or not self.waiting:
            return None
        return max(self.waiting[0][0], self.not_before)

    def room(self):
        """How many bytes may go at once."""
        rate, piece = self.way.bytes_per_s, self.way.piece
        if rate:
            return max(1, min(rate // 20, piece or rate))
        return piece or READ_BYTES


class Connection:
    """A pair of sockets: near is who connected, far who is connected to."""

    def __init__(self, proxy, number, near, far):
        self.proxy, self.number, self.near, self.far = proxy, number, near, far
        self.open = {near, far}
        self.up = Pipe(self, UP, near, far, proxy.ways[UP].copy())
        self.down = Pipe(self, DOWN, far, near, proxy.ways[DOWN].copy())
        self.pipes = (self.up, self.down)
        self.orphaned = False

    def alive(self):
        return bool(self.open)

    def pipe(self, direction):
        return self.up if direction == UP else self.down

    # Each of these is an action by its name, and runs in the proxy's thread.

    def reset(self):
        """Both sides get RST."""
        self.reset_near()
        self.reset_far()

    def reset_near(self):
        """Who connected gets RST; the other side hears nothing at all: half open."""
        self.vanish(self.near)

    def reset_far(self):
        self.vanish(self.far)

    def finish(self):
        """Both sides get FIN, and nothing more is carried."""
        for s in list(self.open):
            with contextlib.suppress(OSError):
                s.shutdown(socket.SHUT_RDWR)
            self.drop(s)

    def half_close_up(self):
        """The far side gets FIN, as if who connected had said its last word; it may go on answering."""
        self.half_close(self.up)

    def half_close_down(self):
        self.half_close(self.down)

    def black_hole(self):
        """Both sides stay open; what they say is taken, and gets nowhere."""
        for pipe in self.pipes:
            pipe.way.flow = "swallow"
            self.forget_waiting(pipe)

    def orphan(self):
        """Who connected gets RST; the far side stays open, and what it is still owed is held: see let_go()."""
        self.orphaned = True
        self.up.way.flow = "keep"
        self.vanish(self.near, keep=self.up)

    def let_go(self):
        """What an orphan is owed reaches the far side, late."""
        if self.orphaned:
            self.orphaned = False
            self.up.way.flow = "pass"

    def half_close(self, pipe):
        pipe.ended = pipe.closed = True
        with contextlib.suppress(OSError):
            pipe.sink.shutdown(socket.SHUT_WR)

    def vanish(self, side, keep=None):
        if side not in self.open:
            return
        with contextlib.suppress(OSError):
            side.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.drop(side)
        for pipe in self.pipes:
            if pipe is not keep:
                pipe.way.flow = "swallow"
                self.forget_waiting(pipe)
            if pipe.source is side:
                pipe.ended = pipe.closed = True

    def forget_waiting(self, pipe):
        pipe.swallowed_bytes += pipe.waiting_bytes + len(pipe.arrived)
        pipe.waiting.clear()
        pipe.waiting_bytes, pipe.arrived = 0, b""

    def drop(self, side):
        self.open.discard(side)
        self.proxy.unregister(side)
        side.close()

    def end(self):
        for side in list(self.open):
            self.drop(side)


class Trigger:
    """What is to happen when something passes. fired: how often it did."""

    def __init__(self, direction, match, do, keep, times, connection):
        self.direction, self.match, self.do, self.keep = direction, match, do, keep
        self.times, self.connection = times, connection
        self.fired, self.frames, self.happened = 0, [], threading.Event()

    def wait(self, patience_s=120):
        assert self.happened.wait(patience_s), "what the proxy waited for never passed"
        return self

    def takes(self, pipe, frame):
        return (self.direction == pipe.direction and self.fired < self.times
                and self.connection in (None, pipe.connection.number) and self.match(frame))


# ---------------------------------------------------------------- the proxy

class Proxy:
    """
    to: a port on this machine, or the path of a Unix socket. framing: "zmtp", "postgres" or None, when no trigger is needed.
    listen: the path of a Unix socket to listen on, instead of a port.
    """

    def __init__(self, to, framing="zmtp", record=False, listen=None, port=0):
        self.to, self.next_frame, self.record = to, FRAMINGS.get(framing), record
        self.ways = {UP: Way(), DOWN: Way()}
        self.door, self.connections, self.triggers = "open", [], []
        self.accepted = self.refused = 0
        self.hanging = []
        self.backlog = 128
        self.listen_path = str(listen) if listen else None
        self.selector = selectors.DefaultSelector()
        self.calls = queue.SimpleQueue()
        self.woken, self.waker = socket.socketpair()
        self.woken.setblocking(False)
        self.selector.register(self.woken, selectors.EVENT_READ)
        self.port = port
        self.listener = None
        self.open_listener()
        self.thread = threading.Thread(target=self.loop, daemon=True)
        self.thread.start()

    # ------------------------------------------------------------ from outside

    def call(self, work):
        """Carried out by the proxy's thread; what it returns."""
        if threading.current_thread() is self.thread:
            return work()
        done = queue.SimpleQueue()
        self.calls.put((work, done))
        self.waker.send(b"x")
        result, error = done.get(timeout=30)
        if error:
            raise error
        return result

    def set(self, direction=None, **changes):
        """
        delay_s: everything comes so much later. bytes_per_s: 0 is no limit. piece: at most so many bytes in one write, each
        in a packet of its own. flow: "pass"; "hold", nothing is read, until it passes again; "keep", what is read waits
        here; "swallow", all is read and thrown away. Both directions unless one is named; connections there are, and all that
        will be.
        """
        def change():
            for which in (UP, DOWN) if direction is None else (direction,):
                self.ways[which].change(changes)
                for connection in self.connections:
                    if not connection.orphaned:
                        connection.pipe(which).way.change(changes)
        self.call(change)

    def on(self, direction, match, do, keep=None, times=1, connection=None):
        """
        When a frame matches, keep of its bytes pass (None: all of it, 0: none), then do is done: an action of Connection by its
        name, "drop" for nothing but the frame's loss, or a function of (connection, frame). Of that connection's number only, if
        one is given.
        """
        assert self.next_frame, "a proxy without framing sees no frames"
        trigger = Trigger(direction, match, do, keep, times, connection)
        self.call(lambda: self.triggers.append(trigger))
        return trigger

    def act(self, action, *names):
        """On every connection there is; how many."""
        def work():
            living = self.living()
            for connection in living:
                getattr(connection, action)(*names)
            return len(living)
        return self.call(work)

    def set_door(self, door):
        """"open"; "refuse": nobody listens; "hang": connections are accepted and nothing more; "slam": accepted, then RST."""
        def work():
            self.door = door
            if door == "refuse":
                self.close_listener()
            elif self.listener is None:
                self.open_listener()
            if door != "hang":
                for s in self.hanging:
                    s.close()
                self.hanging = []
        self.call(work)

    def cut(self):
        """Nobody gets through until mend(): connections end, and no new one is taken."""
        self.set_door("slam")
        self.act("finish")

    def mend(self):
        """As it was in the beginning; only what was cut stays cut."""
        self.set(delay_s=0.0, bytes_per_s=0, piece=0, flow="pass")
        self.set_door("open")

    def retarget(self, to):
        """New connections go there."""
        self.call(lambda: setattr(self, "to", to))

    def living(self):
        return [c for c in self.connections if c.alive()]

    def total(self, direction, what="sent_bytes"):
        """Over all connections there were."""
        return self.call(lambda: sum(getattr(c.pipe(direction), what) for c in self.connections))

    def recorded(self, number, direction=UP):
        """The bytes that came in on connection number, as they came."""
        return self.call(lambda: b"".join(self.connections[number - 1].pipe(direction).recorded))

    def close(self):
        def work():
            self.close_listener()
            for connection in self.connections:
                connection.end()
            for s in self.hanging:
                s.close()
            self.stopping = True
        if self.thread.is_alive():
            self.call(work)
            self.thread.join(10)
            self.woken.close()
            self.waker.close()
            self.selector.close()

    # ------------------------------------------------------------ the loop

    stopping = False

    def loop(self):
        while not self.stopping:
            for key, events in self.selector.select(self.prepare()):
                if key.fileobj is self.woken:
                    with contextlib.suppress(BlockingIOError):
                        self.woken.recv(4096)
                elif key.fileobj is self.listener:
                    self.accept()
                elif key.fileobj in key.data.open:
                    self.serve(key.data, key.fileobj, events)
            self.answer_calls()
            self.deliver_due()

    def answer_calls(self):
        while not self.calls.empty():
            work, done = self.calls.get()
            try:
                done.put((work(), None))
            except Exception as e:  # told to whoever asked
                done.put((None, e))

    def prepare(self):
        """What is waited for, and how long."""
        now, wake = time.monotonic(), None
        for connection in self.living():
            wanted = dict.fromkeys(connection.open, 0)
            for pipe in connection.pipes:
                if pipe.source in wanted and pipe.wants_read():
                    wanted[pipe.source] |= selectors.EVENT_READ
                due = pipe.due()
                if due is None or pipe.sink not in wanted:
                    continue
                if due <= now:
                    wanted[pipe.sink] |= selectors.EVENT_WRITE
                else:
                    wake = due if wake is None else min(wake, due)
            for side, events in wanted.items():
                self.register(side, events, connection)
        return None if wake is None else max(0.0, wake - now)

    def register(self, side, events, connection):
        key = self.selector.get_map().get(side.fileno())
        if key is None and events:
            self.selector.register(side, events, connection)
        elif key is not None and not events:
            self.selector.unregister(side)
        elif key is not None and key.events != events:
            self.selector.modify(side, events, connection)

    def unregister(self, side):
        with contextlib.suppress(KeyError, ValueError):
            self.selector.unregister(side)

    def open_listener(self):
        if self.listen_path:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self.listen_path)
            self.listener = socket.socket(socket.AF_UNIX)
            self.listener.bind(self.listen_path)
            os.chmod(self.listen_path, 0o777)
        else:
            self.listener = socket.socket()
            self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bind_below_outgoing(self.listener, self.port)
            self.port = self.listener.getsockname()[1]
        self.listener.listen(self.backlog)
        self.listener.setblocking(False)
        self.selector.register(self.listener, selectors.EVENT_READ)

    def close_listener(self):
        if self.listener is not None:
            self.unregister(self.listener)
            self.listener.close()
            self.listener = None

    def accept(self):
        try:
            near, _ = self.listener.accept()
        except OSError:
            return
        self.accepted += 1
        if self.door == "hang":
            self.hanging.append(near)
            return
        far = self.connect() if self.door == "open" else None
        if far is None:
            self.refused += 1
            near.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            near.close()
            return
        for s in (near, far):
            s.setblocking(False)
            if s.family == socket.AF_INET:
                s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.connections.append(Connection(self, len(self.connections) + 1, near, far))

    def connect(self):
        try:
            if isinstance(self.to, int):
                return socket.create_connection(("127.0.0.1", self.to), timeout=5)
            far = socket.socket(socket.AF_UNIX)
            far.connect(str(self.to))
            return far
        except OSError:
            return None

    def serve(self, connection, side, events):
        for pipe in connection.pipes:
            if pipe.source is side and events & selectors.EVENT_READ and side in connection.open and pipe.wants_read():
                self.read(pipe)
            if pipe.sink is side and events & selectors.EVENT_WRITE and side in connection.open:
                self.write(pipe)

    def read(self, pipe):
        try:
            data = pipe.source.recv(READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            pipe.connection.reset()
            return
        if not data:
            pipe.ended = True
            if pipe.arrived:
                pipe.put(pipe.arrived, time.monotonic())
                pipe.arrived = b""
            return
        pipe.read_bytes += len(data)
        if self.record:
            pipe.recorded.append(data)
        if pipe.way.flow == "swallow" or pipe.dropping:
            pipe.swallowed_bytes += len(data)
        elif not self.next_frame:
            pipe.put(data, time.monotonic())
        else:
            pipe.arrived += data
            self.cut_frames(pipe)

    def cut_frames(self, pipe):
        now = time.monotonic()
        while pipe.arrived and (frame := self.next_frame(pipe.arrived, pipe.framed_bytes)) is not None:
            pipe.arrived = pipe.arrived[len(frame.data):]
            pipe.framed_bytes += len(frame.data)
            pipe.frames[frame.kind] += 1
            frame.number = pipe.frames[frame.kind]
            self.pass_on(pipe, frame, now)
            if pipe.dropping:
                pipe.swallowed_bytes += len(pipe.arrived)
                pipe.arrived = b""

    def pass_on(self, pipe, frame, now):
        trigger = next((t for t in self.triggers if t.takes(pipe, frame)), None)
        if trigger is None:
            pipe.put(frame.data, now)
            return
        trigger.fired += 1
        trigger.frames.append(frame)
        kept = frame.data if trigger.keep is None else frame.data[:trigger.keep]
        pipe.swallowed_bytes += len(frame.data) - len(kept)
        if kept:
            pipe.put(kept, now)
        pipe.dropping = trigger.keep is not None and trigger.do != "drop"  # half a frame: what follows would be read as its rest
        pipe.put(lambda: self.pull(trigger, pipe, frame), now)

    def pull(self, trigger, pipe, frame):
        if callable(trigger.do):
            trigger.do(pipe.connection, frame)
        elif trigger.do != "drop":
            getattr(pipe.connection, trigger.do)()
        trigger.happened.set()

    def deliver_due(self):
        """What needs no socket to be ready for it: calls between bytes, the end of a direction."""
        now = time.monotonic()
        for connection in self.living():
            for pipe in connection.pipes:
                while pipe.waiting and not isinstance(pipe.waiting[0][1], bytes) and pipe.due() is not None \
                        and pipe.due() <= now:
                    pipe.waiting.popleft()[1]()
                if pipe.ended and not pipe.waiting and not pipe.closed and pipe.way.flow not in ("hold", "keep"):
                    pipe.closed = True
                    if pipe.way.flow == "pass" and pipe.sink in connection.open:
                        with contextlib.suppress(OSError):
                            pipe.sink.shutdown(socket.SHUT_WR)
            if all(pipe.closed for pipe in connection.pipes):
                connection.end()

    def write(self, pipe):
        now = time.monotonic()
        due = pipe.due()
        if due is None or due > now or not isinstance(pipe.waiting[0][1], bytes):
            return
        when, data = pipe.waiting.popleft()
        try:
            sent = pipe.sink.send(data[:pipe.room()])
        except BlockingIOError:
            sent = 0
        except OSError:
            pipe.connection.reset()
            return
        pipe.sent_bytes += sent
        pipe.waiting_bytes -= sent
        if sent < len(data):
            pipe.waiting.appendleft((when, data[sent:]))
        if pipe.way.bytes_per_s:
            pipe.not_before = now + sent / pipe.way.bytes_per_s


def bind_below_outgoing(listener, port):
    """A port below the range that the kernel gives to outgoing connections, so that it can be bound again; none of free_port()'s."""
    for _ in range(1000):
        try:
            listener.bind(("127.0.0.1", port or 30000 + int.from_bytes(os.urandom(2), "big") % 2768))
            return
        except OSError:
            if port:
                raise
    raise OSError("no free port")


def frames_of(data, framing="zmtp"):
    """Recorded bytes of one direction, cut into frames; half of one at the end is left out."""
    passed = 0
    while data and (frame := FRAMINGS[framing](data, passed)):
        data, passed = data[len(frame.data):], passed + len(frame.data)
        yield frame


def replay(port, data, patience_s=5.0, pause_s=0.2):
    """
    What a connection of ZMTP recorded, said again on one of its own, at the pace of whoever said it first: a word of the
    handshake, a pause for the answer. All that comes back until the peer hangs up or says nothing more.
    """
    answer = b""
    with socket.create_connection(("127.0.0.1", port), timeout=patience_s) as s:
        for frame in frames_of(data):
            try:
                s.sendall(frame.data)
                if frame.kind != "message" and select.select([s], [], [], pause_s)[0]:
                    answer += s.recv(READ_BYTES)
            except OSError:
                break
        with contextlib.suppress(OSError):
            while piece := s.recv(READ_BYTES):
                answer += piece
    return answer
