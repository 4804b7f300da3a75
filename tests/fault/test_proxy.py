# SPDX-License-Identifier: Apache-2.0
"""The proxy by itself, in front of a server that records what it hears and echoes it."""

import contextlib
import pathlib
import socket
import sys
import threading
import time

import pytest
import zmq

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from proxy import DOWN, UP, Proxy, command, frames_of, message, query, replay  # noqa: E402


class Echo:
    """heard: one entry a connection. ended: how each ended, "fin" or "rst"."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.heard, self.ended, self.lock = [], {}, threading.Lock()
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                peer, _ = self.listener.accept()
                with self.lock:
                    self.heard.append(b"")
                    number = len(self.heard) - 1
                threading.Thread(target=self.serve, args=(peer, number), daemon=True).start()

    def serve(self, peer, number):
        try:
            while data := peer.recv(65536):
                self.heard[number] += data
                peer.sendall(data)
            self.ended[number] = "fin"
            peer.sendall(b"last word")
        except OSError:
            self.ended.setdefault(number, "rst")
        finally:
            peer.close()


def until(condition, what, patience_s=30):
    deadline = time.monotonic() + patience_s
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.005)


@pytest.fixture
def echo():
    made = Echo()
    yield made
    made.listener.close()


@pytest.fixture
def proxy(echo):
    made = Proxy(echo.port, framing=None, record=True)
    yield made
    made.close()


@pytest.fixture
def framed(echo):
    made = Proxy(echo.port)
    yield made
    made.close()


def connect(proxy):
    s = socket.create_connection(("127.0.0.1", proxy.port), timeout=30)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return s


def read(s, count):
    data = b""
    while len(data) < count and (piece := s.recv(count - len(data))):
        data += piece
    return data


def frame(body, flags=0):
    return bytes([flags | 2]) + len(body).to_bytes(8, "big") + body if len(body) > 255 else bytes([flags, len(body)]) + body


GREETING = b"\xff" + bytes(8) + b"\x7f\x03" + bytes(53)


def test_passes_both_ways_and_ends_in_order(proxy, echo):
    with connect(proxy) as s:
        s.sendall(b"a" * 300_000)
        assert read(s, 300_000) == b"a" * 300_000
        s.shutdown(socket.SHUT_WR)
        assert read(s, 100) == b"last word"
    until(lambda: echo.ended.get(0) == "fin", "the end")
    assert (proxy.accepted, proxy.total(UP), proxy.total(DOWN)) == (1, 300_000, 300_009)
    until(lambda: not proxy.living(), "nothing is left behind")


def test_latency(proxy):
    proxy.set(DOWN, delay_s=0.3)
    with connect(proxy) as s:
        began = time.monotonic()
        s.sendall(b"x")
        assert read(s, 1) == b"x"
        assert time.monotonic() - began >= 0.3


def test_so_many_bytes_a_second(proxy):
    proxy.set(UP, bytes_per_s=20)
    with connect(proxy) as s:
        began = time.monotonic()
        s.sendall(b"0123456789")
        assert read(s, 10) == b"0123456789"
        assert time.monotonic() - began >= 0.4


def test_tiny_writes(proxy, echo):
    proxy.set(UP, piece=3)
    with connect(proxy) as s:
        s.sendall(b"0123456789" * 10)
        assert read(s, 100) == b"0123456789" * 10


def test_reset(proxy, echo):
    with connect(proxy) as s:
        s.sendall(b"x")
        read(s, 1)
        assert proxy.act("reset") == 1
        with pytest.raises(ConnectionResetError):
            s.recv(1)
    until(lambda: echo.ended.get(0) == "rst", "RST at the far side too")


def test_finish(proxy, echo):
    with connect(proxy) as s:
        s.sendall(b"x")
        read(s, 1)
        proxy.act("finish")
        assert s.recv(1) == b""
    until(lambda: echo.ended.get(0) == "fin", "FIN at the far side too")


def test_half_open(proxy, echo):
    """The far side never hears that the near one is gone."""
    with connect(proxy) as s:
        s.sendall(b"x")
        read(s, 1)
        proxy.act("reset_near")
        with pytest.raises(ConnectionResetError):
            s.recv(1)
        time.sleep(0.1)
        assert echo.ended == {}
        assert len(proxy.living()) == 1


def test_half_close(proxy, echo):
    with connect(proxy) as s:
        s.sendall(b"x")
        read(s, 1)
        proxy.act("half_close_up")
        assert read(s, 9) == b"last word"
    assert echo.ended[0] == "fin"


def test_black_hole(proxy, echo):
    with connect(proxy) as s:
        s.sendall(b"x")
        read(s, 1)
        proxy.act("black_hole")
        s.sendall(b"into nothing")
        until(lambda: proxy.total(UP, "swallowed_bytes") == 12, "it is taken")
        s.settimeout(0.1)
        with pytest.raises(TimeoutError):
            s.recv(1)
    assert echo.heard == [b"x"] and echo.ended == {}


def test_hold_and_pass_again(proxy, echo):
    with connect(proxy) as s:
        proxy.set(UP, flow="hold")
        s.sendall(b"late")
        time.sleep(0.05)
        assert b"".join(echo.heard) == b""
        proxy.set(UP, flow="pass")
        assert read(s, 4) == b"late"


def test_late_after_a_newer_connection(proxy, echo):
    """What the first connection was owed arrives when a second is open."""
    with connect(proxy) as s:
        s.sendall(b"1")
        read(s, 1)
        proxy.set(UP, flow="keep")
        s.sendall(b"owed")
        until(lambda: proxy.total(UP, "read_bytes") == 5, "it is taken")
        proxy.act("orphan")
        proxy.set(UP, flow="pass")
        proxy.call(lambda: setattr(proxy.connections[0].up.way, "flow", "keep"))
        with connect(proxy) as second:
            second.sendall(b"2")
            assert read(second, 1) == b"2"
            assert echo.heard == [b"1", b"2"]
            proxy.act("let_go")
            until(lambda: echo.heard == [b"1owed", b"2"], "what was owed")


def test_doors(proxy):
    proxy.set_door("refuse")
    with pytest.raises(ConnectionRefusedError):
        connect(proxy)
    proxy.set_door("hang")
    with connect(proxy) as s:
        s.settimeout(0.1)
        s.sendall(b"x")
        with pytest.raises(TimeoutError):
            s.recv(1)
    proxy.set_door("slam")
    with pytest.raises(ConnectionResetError), connect(proxy) as s:
        s.sendall(b"x")
        s.recv(1)
    proxy.mend()
    with connect(proxy) as s:
        s.sendall(b"x")
        assert read(s, 1) == b"x"


def test_nobody_behind_it():
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        port = nobody.getsockname()[1]
    lonely = Proxy(port)
    try:
        with pytest.raises(ConnectionResetError), connect(lonely) as s:
            s.recv(1)
        assert lonely.refused == 1
    finally:
        lonely.close()


def test_recorded_and_said_again(proxy, echo):
    with connect(proxy) as s:
        s.sendall(GREETING + frame(b"once"))
        read(s, len(GREETING) + 6)
    recorded = proxy.recorded(1)
    assert recorded == GREETING + frame(b"once")
    assert [f.kind for f in frames_of(recorded)] == ["greeting", "message"]
    assert replay(proxy.port, recorded, patience_s=0.3) == recorded
    assert echo.heard == [recorded, recorded]


@pytest.mark.parametrize("keep, heard", [(0, 0), (1, 1), (9, 9), (200, 200), (None, 309)])
def test_cut_in_the_middle_of_a_message(framed, echo, keep, heard):
    big = frame(b"m" * 300)
    trigger = framed.on(UP, message(2), "finish", keep=keep)
    with connect(framed) as s:
        s.sendall(GREETING + frame(b"hello", 4) + frame(b"one") + big + frame(b"never"))
        trigger.wait()
        with contextlib.suppress(OSError):
            while s.recv(1000):
                pass
    before = len(GREETING) + 7 + 5
    until(lambda: 0 in echo.ended, "the end")
    assert trigger.fired == 1 and trigger.frames[0].body == b"m" * 300
    assert len(echo.heard[0]) == before + heard


def test_a_message_lost_alone(framed, echo):
    trigger = framed.on(UP, message(at_least=10), "drop", keep=0)
    with connect(framed) as s:
        s.sendall(GREETING + frame(b"one") + frame(b"a long message") + frame(b"two"))
        until(lambda: b"".join(echo.heard).endswith(b"two"), "the rest")
    assert trigger.fired == 1
    assert echo.heard[0] == GREETING + frame(b"one") + frame(b"two")


def test_a_trigger_of_one_connection(framed, echo):
    trigger = framed.on(UP, command(1), "reset", connection=2)
    for number in (1, 2):
        with connect(framed) as s:
            s.sendall(GREETING + frame(b"c", 4))
            if number == 1:
                read(s, 67)
            else:
                trigger.wait()
    assert trigger.fired == 1 and len(framed.connections) == 2


def test_bytes_one_by_one_are_still_frames(framed, echo):
    trigger = framed.on(UP, message(1), "drop", keep=0)
    with connect(framed) as s:
        for byte in GREETING + frame(b"x" * 300) + frame(b"y"):
            s.sendall(bytes([byte]))
        until(lambda: b"".join(echo.heard).endswith(b"y"), "the second")
    assert trigger.fired == 1 and echo.heard[0] == GREETING + frame(b"y")


def test_messages_of_postgresql(echo):
    proxy = Proxy(echo.port, framing="postgres")
    startup = (8 + 8).to_bytes(4, "big") + b"\0\3\0\0" + b"user\0x\0\0"
    ask = b"Q" + (4 + 7).to_bytes(4, "big") + b"COMMIT\0"
    try:
        trigger = proxy.on(UP, query("COMMIT"), "reset", keep=0)
        with connect(proxy) as s:
            s.sendall(startup + b"Q" + (4 + 6).to_bytes(4, "big") + b"BEGIN\0" + ask)
            trigger.wait()
        until(lambda: echo.heard and echo.heard[0] == startup + b"Q" + (4 + 6).to_bytes(4, "big") + b"BEGIN\0", "what came before")
        assert trigger.frames[0].body == b"COMMIT\0"
    finally:
        proxy.close()


def test_two_hundred_connections_leave_nothing(proxy):
    for _ in range(200):
        with connect(proxy) as s:
            s.sendall(b"x")
            read(s, 1)
    until(lambda: not proxy.living(), "nothing is left behind")
    assert proxy.accepted == 200


def test_zeromq_goes_through(echo):
    """With CURVE: messages up and down, in whatever pieces, and again after a reset."""
    context = zmq.Context()
    router, dealer = context.socket(zmq.ROUTER), context.socket(zmq.DEALER)
    public, secret = zmq.curve_keypair()
    router.curve_server, router.curve_secretkey = True, secret
    port = router.bind_to_random_port("tcp://127.0.0.1")
    proxy = Proxy(port)
    try:
        proxy.set(piece=7)
        dealer.curve_serverkey = public
        dealer.curve_publickey, dealer.curve_secretkey = zmq.curve_keypair()
        dealer.reconnect_ivl = 20
        dealer.linger = router.linger = 0
        dealer.rcvtimeo = router.rcvtimeo = 30_000
        dealer.connect(f"tcp://127.0.0.1:{proxy.port}")
        for number in (1, 2):
            trigger = proxy.on(UP, message(at_least=3000), "reset", keep=None)
            peer = first_heard(dealer, router, b"%d" % number * 1000)
            router.send_multipart([peer, b"b" * 1000])
            assert dealer.recv() == b"b" * 1000
            dealer.send(b"c" * 3000)
            trigger.wait()
            assert len(trigger.frames[0].body) > 3000
            until(lambda: len(proxy.connections) > number, "the next connection")
    finally:
        proxy.close()
        context.destroy()


def first_heard(dealer, router, word):
    """Who says the word first on a connection; what is sent while one is ending may be lost with it, and is said again."""
    for _ in range(300):
        dealer.send(word)
        while router.poll(100):
            peer, body = router.recv_multipart()
            if body == word:
                return peer
    raise AssertionError("nothing came through")
