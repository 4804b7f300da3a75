# SPDX-License-Identifier: Apache-2.0
"""
Who looks on while a cell runs: one thread asks the agents where they stand and then PostgreSQL, one hears the feed. Each
thing seen is a row (when, kind, ...) of a list that only grows; the oracle reads it at the end.
"""

import pathlib
import threading
import time

import psycopg
import zmq

from desk import Broken, Desk, Refused, pb

EVERY_S = 0.03
USE_EVERY = 10  # rounds
FIELDS = ("epoch", "handed_in", "acknowledged", "committed", "verdicts", "first_kept", "state", "cause")
MARKS = "SELECT agent, epoch, seq FROM tram.stream"
LAST_VERDICTS = "SELECT agent, verdict_seq FROM tram.agent"


def state_of(pid):
    """The letter of /proc: R, S, D, T (stopped), Z; "" when there is no such process."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return ""


def use_of(pid):
    """(kilobytes, descriptors, threads), or None."""
    try:
        status = dict(line.split(":", 1) for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines())
        fds = sum(1 for _ in pathlib.Path(f"/proc/{pid}/fd").iterdir())
        return int(status["VmRSS"].split()[0]), fds, int(status["Threads"])
    except (OSError, KeyError):
        return None


class Watch:
    def __init__(self, conninfo, feed):
        self.conninfo, self.feed = conninfo, feed
        self.seen, self.lock = [], threading.Lock()
        self.desks, self.daemons = {}, {}  # by agent; by name
        self.db = None
        self.ending = threading.Event()
        self.threads = [threading.Thread(target=run, daemon=True) for run in (self.look, self.hear)]

    def start(self):
        for thread in self.threads:
            thread.start()

    def stop(self):
        """After a last look; what was seen stays."""
        if self.ending.is_set():
            return
        self.ending.set()
        for thread in self.threads:
            if thread.is_alive():
                thread.join()
        self.look_at_agents()
        self.look_at_store()
        for desk in self.desks.values():
            desk.close()
        if self.db:
            self.db.close()

    def note(self, kind, *what):
        with self.lock:
            self.seen.append((time.monotonic(), kind, *what))

    def add(self, name, daemon, control=None):
        self.daemons[name] = daemon
        if control:
            self.desks[name] = Desk(control, patience_s=0.2)

    # ------------------------------------------------------------ looking

    def look(self):
        rounds = 0
        while not self.ending.wait(EVERY_S):
            self.look_at_agents()
            self.look_at_store()
            rounds += 1
            if rounds % USE_EVERY == 1:
                self.look_at_use()

    def look_at_agents(self):
        for name, desk in list(self.desks.items()):
            if not self.daemons[name].running() or state_of(self.daemons[name].process.pid) == "T":
                continue
            began = time.monotonic()
            try:
                status = desk.status()
                self.note("agent", name, {field: status[field] for field in FIELDS}, began)
            except (Broken, Refused):
                pass

    def look_at_store(self):
        """Through a connection of its own, past every relay and as superuser. PostgreSQL may be away: that is no news."""
        began = time.monotonic()
        try:
            if not self.db or self.db.closed:
                self.db = psycopg.connect(self.conninfo, autocommit=True, connect_timeout=2, application_name="oracle")
            with self.db.transaction():
                self.db.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
                marks = {(agent, epoch): seq for agent, epoch, seq in self.db.execute(MARKS)}
                verdicts = dict(self.db.execute(LAST_VERDICTS).fetchall())
            self.note("store", marks, verdicts, began)
        except psycopg.Error:
            if self.db:
                self.db.close()
            self.db = None

    def look_at_use(self):
        for name, daemon in list(self.daemons.items()):
            use = use_of(daemon.process.pid) if daemon.running() else None
            if use:
                self.note("use", name, *use)

    # ------------------------------------------------------------ hearing

    def hear(self):
        with zmq.Context() as context, context.socket(zmq.SUB) as socket:
            socket.setsockopt(zmq.RCVHWM, 0)
            socket.setsockopt(zmq.RECONNECT_IVL, 20)
            socket.setsockopt(zmq.LINGER, 0)
            socket.subscribe(b"")
            socket.connect(self.feed)
            while not self.ending.is_set():
                if socket.poll(50):
                    self.take(pb.Event.FromString(socket.recv_multipart()[1]))

    def take(self, event):
        fields = {field.name: field.value for field in event.fields}
        self.note("event", event.feed_id, event.position, event.name, event.agent, int(fields.get("seq", 0)),
                  int(fields.get("verdict_seq", 0)))
