# SPDX-License-Identifier: Apache-2.0
"""
What the system tests are made of: a real PostgreSQL, the real aggregator, real agents. The road between them that can be
cut is tests/fault/proxy.py. Nothing here sleeps for a fixed time: wait_until() waits for a condition.
"""

import contextlib
import csv
import functools
import io
import itertools
import json
import os
import pathlib
import pwd
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import psycopg

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("TRAM_BIN", ROOT / "build" / "dev" / "bin"))
PATIENCE_S = 120  # for a machine that is slow and busy; nobody waits longer than it takes

REPORT = {
    "provider": "P63-46", "dataflow": "province_statistics", "time_period": "2024", "reference_date": "2024-12-31",
    "purpose": "backfill", "reason": "Nạp số liệu năm 2024", "prepared_by": "Nguyễn Văn An", "approved_by": "Trần Thị Bình",
    "prepared_at": "2025-02-01T08:00:00+07:00", "approved_at": "2025-02-01T09:00:00+07:00",
}
POPULATION = {"indicator": "population", "ref_area": "63/46", "value": "1178600", "unit": "person", "unit_mult": "0",
              "obs_status": "A", "qualifier": "exact", "source_system": "population_db"}


class TestTimeout(AssertionError):
    __test__ = False


def wait_until(condition, what="it", patience_s=PATIENCE_S):
    """What condition() returns as soon as that is true."""
    deadline = time.monotonic() + patience_s
    pause = 0.005
    while not (result := condition()):
        if time.monotonic() > deadline:
            raise TestTimeout(f"waited {patience_s} s in vain for {what}")
        time.sleep(pause)
        pause = min(pause * 1.5, 0.2)
    return result


def bound(port):
    """A socket that has the port of 127.0.0.1; None when somebody else has."""
    s = socket.socket()
    try:
        s.bind(("127.0.0.1", port))
        return s
    except OSError:
        s.close()
        return None


@functools.cache
def own_ports(_process):
    """A hundred ports that are this process's alone, in turn: the first of them is bound for as long as it lives."""
    for first in random.SystemRandom().sample(range(10000, 20000, 100), 100):
        if (lock := bound(first)):
            return lock, itertools.cycle(range(first + 1, first + 100))
    raise AssertionError("no free ports")


def free_port():
    """Free now, given to nobody else who asks here, and below the range that the kernel gives to outgoing connections."""
    _, ports = own_ports(os.getpid())
    for port in itertools.islice(ports, 100):
        if (s := bound(port)):
            s.close()
            return port
    raise AssertionError("no free port")


def csv_text(*observations, base=None, **report):
    """A CSV file in the documented columns; report fields as in base (REPORT) unless given."""
    rows = [(base or REPORT) | report | observation for observation in observations]
    columns = list(dict.fromkeys(name for row in rows for name in row))
    out = io.StringIO()
    writer = csv.DictWriter(out, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def run(command, check=True, **kwargs):
    done = subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, **kwargs)
    done.stdout, done.stderr = (out.decode("utf-8", "replace") for out in (done.stdout, done.stderr))
    if check and done.returncode:
        raise AssertionError(f"{' '.join(str(w) for w in command)}: status {done.returncode}\n{done.stdout}{done.stderr}")
    return done


class Daemon:
    """A program that keeps running, its output in a file; ended by its own process id, never by name."""

    def __init__(self, folder, name, command, environment=None, user=None):
        self.name, self.command, self.user = name, [str(word) for word in command], user
        self.environment = dict(os.environ, TRAM_ALLOW_ROOT="yes", TRAM_LANG="en") | (environment or {})
        self.log_path = folder / f"{name}.log"
        self.process = None

    def start(self):
        assert not self.running()
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            env=self.environment, user=self.user, start_new_session=True)
        return self

    def running(self):
        return self.process is not None and self.process.poll() is None

    def log(self):
        return self.log_path.read_text(encoding="utf-8", errors="replace") if self.log_path.exists() else ""

    def send(self, number):
        self.process.send_signal(number)

    def wait(self, patience_s=PATIENCE_S):
        """The exit status."""
        try:
            return self.process.wait(timeout=patience_s)
        except subprocess.TimeoutExpired:
            raise TestTimeout(f"{self.name} does not end; its log:\n{self.log()}") from None

    def stop(self, number=signal.SIGTERM):
        if not self.running():
            return None
        self.send(number)
        return self.wait()

    def kill(self):
        if self.running():
            self.process.kill()
            self.process.wait()

    def discard(self):
        """At the end of a test: whatever it takes."""
        if self.running():
            self.send(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(timeout=10)
            self.kill()


class Postgres:
    """A private cluster on a Unix socket. One for the session; each test has a database of its own."""

    def __init__(self, folder, options=""):
        self.folder, self.options = folder, options
        self.programs = max(pathlib.Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: int(p.parts[-2]))
        self.owner = "postgres" if os.getuid() == 0 else pwd.getpwuid(os.getuid()).pw_name
        self.data, self.run = folder / "data", folder / "run"
        if os.getuid() == 0:
            shutil.chown(folder, "postgres")
        self.daemon = None
        self.count = 0

    def as_owner(self, *command):
        return (["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []) + [str(word) for word in command]

    def init(self):
        run(self.as_owner("mkdir", "-p", self.run))
        run(self.as_owner(self.programs / "initdb", "-D", self.data, "-U", "postgres", "-E", "UTF8", "--locale=C.UTF-8",
                          "--auth=trust", "--no-sync"))
        with open(self.data / "postgresql.conf", "a", encoding="utf-8") as f:
            f.write(f"listen_addresses = ''\nunix_socket_directories = '{self.run}'\nshared_buffers = 64MB\n"
                    f"max_connections = 100\n{self.options}\n")

    def start(self):
        log = pathlib.Path(tempfile.mkdtemp(prefix="pglog-", dir=self.folder))
        self.daemon = Daemon(log, "postgresql", [self.programs / "postgres", "-D", self.data],
                             user=self.owner if os.getuid() == 0 else None).start()
        wait_until(self.answers, "PostgreSQL")
        return self

    def answers(self):
        assert self.daemon.running(), self.daemon.log()
        return run([self.programs / "pg_isready", "-q", "-h", self.run], check=False).returncode == 0

    def stop(self):
        """Immediately, as a crash would."""
        self.daemon.send(signal.SIGQUIT)
        self.daemon.wait()

    def discard(self):
        if self.daemon and self.daemon.running():
            self.daemon.stop(signal.SIGQUIT)

    def conninfo(self, database, role="postgres"):
        return f"host={self.run} dbname={database} user={role}"

    def connect(self, database="postgres"):
        return psycopg.connect(self.conninfo(database), autocommit=True)

    def make_database(self, template="template0"):
        self.count += 1
        name = f"tram_{self.count}"
        with self.connect() as db:
            db.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        return name


class Centre:
    """The aggregator with its settings, keys and database."""

    def __init__(self, folder, postgres, database, **settings):
        self.folder, self.postgres, self.database = folder, postgres, database
        folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.control = folder / "control"
        self.key = folder / "centre.key"
        self.feed = f"ipc://{folder}/feed"
        self.conf = folder / "tram-aggregator.conf"
        self.settings = {
            "road": f"tcp://127.0.0.1:{self.port}", "feed": self.feed, "control": self.control, "key_file": self.key,
            "database": postgres.conninfo(database, "tram_writer"),
            "reader_database": postgres.conninfo(database, "tram_reader"),
            "auditor_database": postgres.conninfo(database, "tram_auditor"),
            "operator_database": postgres.conninfo(database, "tram_operator"),
            "admin_database": postgres.conninfo(database, "tram_admin"),
            "http": "",  # tests run side by side; those of it give "127.0.0.1:0"
        } | settings
        self.write_settings()
        self.daemon = Daemon(folder, "aggregator", [BIN / "tram-aggregator", self.conf])
        if not self.key.exists():
            self.tram("keys", "make", "centre", "--out", self.key)

    def write_settings(self, **changed):
        self.settings |= changed
        self.conf.write_text("".join(f"{name} = {value}\n" for name, value in self.settings.items() if value is not None),
                             encoding="utf-8")

    def tram(self, *words, check=True, language="en"):
        return run([BIN / "tram", *words], check=check,
                   env=dict(os.environ, TRAM_CENTRE=str(self.conf), TRAM_LANG=language, TRAM_ALLOW_ROOT="yes"))

    def json(self, *words):
        return json.loads(self.tram(*words, "--format", "json").stdout)

    def start(self, wait=True):
        self.daemon.start()
        if wait:
            self.wait_ready()
        return self

    def wait_ready(self):
        def ready():
            assert self.daemon.running(), self.daemon.log()
            return answers(self.control)
        wait_until(ready, "the aggregator")

    def keep(self):
        """The database as it is now, for go_back(); as a backup would."""
        self.daemon.stop()
        kept = self.postgres.make_database(self.database)
        self.start()
        return kept

    def go_back(self, kept):
        self.daemon.stop()
        with self.postgres.connect() as db:
            db.execute(f"DROP DATABASE {self.database}")
            db.execute(f"CREATE DATABASE {self.database} TEMPLATE {kept}")
        self.start()

    def sql(self, statement, *values):
        with self.postgres.connect(self.database) as db:
            return db.execute(statement, values).fetchall()

    def value(self, statement, *values):
        return self.sql(statement, *values)[0][0]


class Agent:
    """An agent with its keys and outbox."""

    def __init__(self, folder, centre, name="agent-63-46", port=None, known=True, **settings):
        self.folder, self.centre, self.name = folder, centre, name
        folder.mkdir(parents=True, exist_ok=True)
        self.control = folder / "control"
        self.key = folder / f"{name}.key"
        self.conf = folder / "tram-agent.conf"
        self.settings = {
            "agent": name, "directory": folder, "key_file": self.key, "centre": f"tcp://127.0.0.1:{port or centre.port}",
            "centre_key_file": centre.key.with_suffix(".pub"), "control": self.control,
            "reconnect": "20ms", "reconnect_max": "200ms",
        } | settings
        self.write_settings()
        self.daemon = Daemon(folder, name, [BIN / "tram-agent", self.conf])
        if not self.key.exists():
            self.tram("keys", "make", name, "--out", self.key)
            if known:
                centre.tram("agents", "accept", self.key.with_suffix(".pub"))

    def write_settings(self, **changed):
        self.settings |= changed
        self.conf.write_text("".join(f"{name} = {value}\n" for name, value in self.settings.items() if value is not None),
                             encoding="utf-8")

    def start(self):
        self.daemon.start()

        def ready():
            assert self.daemon.running(), self.daemon.log()
            return answers(self.control)
        wait_until(ready, self.name)
        return self

    def wait_for_codes(self):
        """In session, with the codes of the centre: files are checked with them, and `tram check` can ask."""
        wait_until(lambda: self.json("status")["catalogue_version"] not in ("", 0), f"the codes at {self.name}")
        return self

    def tram(self, *words, check=True, language="en"):
        return run([BIN / "tram", *words], check=check,
                   env=dict(os.environ, TRAM_AGENT_SOCKET=str(self.control), TRAM_LANG=language, TRAM_ALLOW_ROOT="yes"))

    def json(self, *words):
        return json.loads(self.tram(*words, "--format", "json").stdout)

    def file(self, content, name="report.csv"):
        path = self.folder / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def submit(self, content, *options, name="report.csv", check=True, language="en"):
        return self.tram("submit", self.file(content, name), *options, check=check, language=language)

    def outbox(self):
        return self.json("outbox", "list", "--limit", "0")

    def verdicts(self):
        return self.json("verdicts")

    def wait_for_verdicts(self, reports=None):
        """Every report handed in (or so many) has its verdict; the verdicts."""
        def judged():
            rows = self.outbox()
            enough = reports is None and rows or reports is not None and len(rows) >= reports
            return enough and all(row["state"] == "judged" for row in rows)
        wait_until(judged, f"the verdicts of {self.name}")
        return self.verdicts()


def answers(path):
    with socket.socket(socket.AF_UNIX) as s:
        try:
            s.connect(str(path))
            return True
        except OSError:
            return False
