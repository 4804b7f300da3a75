# SPDX-License-Identifier: Apache-2.0
"""
Where a cell happens. Bench: what a worker keeps from cell to cell, a PostgreSQL cluster and a template with schema,
catalogue, roster and keys. World: one cell's own database, centre and agents, the load on them, and who looks on.

A cell's scenario breaks something and repairs it; everything before and after, the quiet at the end and the oracle's
questions are World's.
"""

import collections
import itertools
import json
import pathlib
import random
import shutil
import signal
import subprocess
import tempfile
import time

import oracle
from desk import Broken, Desk, Refused
from load import Load, Maker
from proxy import Proxy
from roadbook import Keys
from tramtest import ROOT, Agent, Centre, Postgres, TestTimeout, wait_until
from watch import Watch, state_of

AGENTS = tuple(f"agent-63-{code}" for code in ("45", "46", "48", "49", "51", "52", "54", "56", "58", "60", "62", "64"))
CENTRE = {"heartbeat": "300ms", "ack_repeat": "200ms", "refresh": "1s", "drain": "5s", "handshake": "2s", "ping": "1s"}
AGENT = {"hello_wait": "1s", "stalled_after": "2s", "handshake": "2s", "ping": "1s", "batch_reports": "8"}
CLUSTER = "track_commit_timestamp = on\nmax_connections = 30\nautovacuum = off\nlog_lock_waits = on\n"
SOCKET = ".s.PGSQL.5432"
QUIET_PATIENCE_S = 60
CRASHES = {-signal.SIGABRT, -signal.SIGSEGV, -signal.SIGBUS, -signal.SIGFPE, -signal.SIGILL}


class Bench:
    """A worker's own: close() leaves nothing running and nothing lying about."""

    def __init__(self):
        memory = pathlib.Path("/dev/shm")
        roomy = memory.is_dir() and shutil.disk_usage(memory).free > 2 << 30
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="tf-", dir=memory if roomy else "/tmp"))
        self.folder.chmod(0o755)
        (self.folder / "pg").mkdir()
        self.postgres = Postgres(self.folder / "pg", CLUSTER)
        self.keys = self.folder / "keys"
        self.keys.mkdir()
        try:
            self.postgres.init()
            self.postgres.start()
            self.template = self.make_template()
        except BaseException:
            self.close()
            raise

    def make_template(self):
        database = self.postgres.make_database()
        centre = Centre(self.folder / "template", self.postgres, database)
        shutil.copytree(centre.folder, self.keys, dirs_exist_ok=True, ignore=shutil.ignore_patterns("*.conf"))
        centre.tram("store", "migrate", "--database", self.postgres.conninfo(database))
        for name in AGENTS:
            centre.tram("keys", "make", name, "--out", self.keys / f"{name}.key")
        self.settle(database)
        return database

    def settle(self, database):
        """Catalogue and roster, into a database that has the schema."""
        centre = Centre(self.folder / "template", self.postgres, database)
        centre.tram("catalogue", "load", ROOT / "deploy" / "catalogue")
        for name in AGENTS:
            centre.tram("agents", "accept", self.keys / f"{name}.pub")

    def hand_out(self, name, folder):
        """The keys of centre or agent, into its folder."""
        folder.mkdir(parents=True, exist_ok=True)
        for suffix in (".key", ".pub"):
            shutil.copy2(self.keys / f"{name}{suffix}", folder)

    def repair(self):
        """A cluster as at first, whatever the last cell did to it."""
        if not self.postgres.daemon.running():
            self.postgres.start()

    def drop(self, database):
        with self.postgres.connect() as db:
            db.execute(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")

    def close(self):
        self.postgres.discard()
        shutil.rmtree(self.folder, ignore_errors=True)


class NotFired(AssertionError):
    """The fault did not happen: the cell has shown nothing."""


class Skipped(Exception):
    """The cell needs what this machine does not allow."""


class World:
    """
    One cell. What a scenario uses:

      rng, draw()                     every choice; draw() is written down, so that a cell's plan can be compared
      make_centre(), make_agent()     not started yet; fault="name:hit:action" arms it, and begin(member) lets hits count
      start()                         all that were made, the load, the onlookers; returns when reports flow
      await_death(), await_stopped()  proofs that the fault fired; fired(text) is another
      restart()                       with no fault, unless one is given
    """

    def __init__(self, bench, name, seed):
        self.bench, self.name, self.seed = bench, name, seed
        self.rng = random.Random(seed)
        self.plan = []    # what was drawn
        self.proofs = []  # that the fault fired
        self.folder = bench.folder / "cell"
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir()
        self.folder.chmod(0o755)
        self.postgres, self.database = bench.postgres, bench.postgres.make_database(bench.template)
        self.feed = f"ipc://{self.folder}/feed"
        self.watch = Watch(self.postgres.conninfo(self.database), self.feed)
        self.centres, self.agents, self.loads, self.undo = [], [], {}, []
        self.facts = oracle.Facts(seen=self.watch.seen, centre_lives=0)
        self.loads_made = 0

    def use_cluster(self, postgres):
        """The database is there, and no longer on the bench's cluster: before anybody is made."""
        self.postgres = postgres
        self.watch = Watch(postgres.conninfo(self.database), self.feed)
        self.facts.seen = self.watch.seen

    # ------------------------------------------------------------ choices

    def draw(self, what, choices):
        """One of the choices, by the seed."""
        choice = self.rng.choice(list(choices))
        self.plan.append(f"{what}={choice}")
        return choice

    def fired(self, text):
        self.proofs.append(text)

    # ------------------------------------------------------------ who takes part

    def make_centre(self, fault=None, road=False, wire=False, **settings):
        """
        road: agents reach it through a proxy, centre.road. wire: its lanes reach PostgreSQL through one, centre.wire, which
        knows PostgreSQL's messages.
        """
        folder = self.folder / f"c{len(self.centres)}"
        self.bench.hand_out("centre", folder)
        centre = Centre(folder, self.postgres, self.database, **CENTRE | {"feed": self.feed} | settings)
        if wire:
            centre.write_settings(database=f"host={folder} dbname={self.database} user=tram_writer")
        centre.road = self.proxy(centre.port) if road else None
        centre.wire = self.proxy(self.postgres.run / SOCKET, framing="postgres", listen=folder / SOCKET) if wire else None
        self.take_in(centre, f"aggregator{len(self.centres)}", fault)
        self.centres.append(centre)
        return centre

    def make_agent(self, fault=None, number=None, centre=None, port=None, **settings):
        number = len(self.agents) if number is None else number
        centre = centre or self.centres[0]
        folder = self.folder / f"a{len(self.agents)}"
        self.bench.hand_out(AGENTS[number], folder)
        port = port or (centre.road.port if centre.road else centre.port)
        agent = Agent(folder, centre, AGENTS[number], port=port, **AGENT | settings)
        self.take_in(agent, agent.name, fault)
        self.agents.append(agent)
        public = Keys.read(agent.key.with_suffix(".pub")).sign_public
        self.facts.signing_keys.setdefault(agent.name, []).append(public)
        return agent

    def proxy(self, *what, **how):
        """One that ends with the cell."""
        proxy = Proxy(*what, **how)
        self.undo.append(proxy.close)
        return proxy

    def turn(self, road, centre):
        """Agents behind the road come to that centre from now on."""
        road.cut()
        road.retarget(centre.port)
        road.mend()

    def use_empty_database(self, database):
        """Everything that is made from now on uses this database, which has the schema and nothing else."""
        self.bench.settle(database)
        self.database = database
        self.watch.conninfo = self.postgres.conninfo(database)

    def mount(self, name, size):
        """A folder that is a file system of so many bytes; it ends with the cell."""
        disk = self.folder / name
        disk.mkdir()
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", disk], stderr=subprocess.PIPE, check=False)
        if mounted.returncode:
            raise Skipped("file systems cannot be mounted here")
        self.undo.append(lambda: subprocess.run(["umount", disk], check=True))
        return disk

    def small_disk(self, size):
        """The cell's database lies on a file system of so many bytes; the path of a file on it that may fill it."""
        disk = self.mount("disk", size)
        self.undo.append(self.drop_small_disk)
        shutil.chown(disk, self.postgres.owner)
        with self.postgres.connect() as db:
            db.execute(f"CREATE TABLESPACE small LOCATION '{disk}'")
            db.execute(f"ALTER DATABASE {self.database} SET TABLESPACE small")
        return disk / "ballast"

    def drop_small_disk(self):
        self.bench.repair()
        self.bench.drop(self.database)
        with self.postgres.connect() as db:
            db.execute("DROP TABLESPACE IF EXISTS small")

    def take_in(self, member, name, fault):
        member.label = name
        member.daemon.environment["TRAM_FAULT_WHEN"] = str(member.folder / "armed")
        self.arm(member, fault)
        if isinstance(member, Agent):
            self.watch.add(name, member.daemon, member.control)
        else:
            self.watch.add(name, member.daemon)

    def arm(self, member, fault, at_once=False):
        """For the member's next start. at_once: hits count from the start on, not only after begin()."""
        member.daemon.environment["TRAM_FAULT"] = fault or ""
        armed = member.folder / "armed"
        armed.touch() if at_once else armed.unlink(missing_ok=True)

    def begin(self, member):
        """From now on hits count."""
        (member.folder / "armed").touch()

    # ------------------------------------------------------------ running

    def start(self, load=True):
        for centre in self.centres:
            self.start_centre(centre)
        for agent in self.agents:
            agent.start()
        if load:
            for agent in self.agents:
                self.load(agent)
        self.watch.start()
        if load:
            self.await_flow()

    def start_centre(self, centre, wait=True):
        self.facts.centre_lives += 1
        centre.start(wait=wait)

    def load(self, agent, **how):
        load = self.loads[agent.name] = self.make_load(agent, **how)
        load.start()
        return load

    def make_load(self, agent, **how):
        """Each with reports of its own."""
        self.loads_made += 1
        maker = Maker(random.Random(f"{self.seed} {agent.name} {self.loads_made}"), agent.name, self.loads_made)
        return Load(maker, agent.control, self.facts.ledger, **how)

    def await_flow(self, more=1):
        """From now on reports of every agent are committed, and more are being handed in."""
        self.await_look_at_store()  # what was seen before may be old
        start = {name: seq for (name, _), seq in self.marks().items()}
        wait_until(lambda: all(self.mark(agent.name) >= start.get(agent.name, 0) + more for agent in self.agents), "reports to flow")

    def await_new(self, agent, more=5):
        """Of what is handed in from now on so many are committed; await_flow() also counts what waited in the outbox."""
        held = int(self.ask(agent)["handed_in"])
        wait_until(lambda: self.stored(agent.name) >= held + more, f"new reports of {agent.name}")

    def await_look_at_store(self):
        now = time.monotonic()
        wait_until(lambda: self.last_look()[1] >= now, "the onlooker to see PostgreSQL")

    def await_look_at_agents(self):
        """Every agent that runs was asked from now on; the first answer may be of a question that was asked before."""
        now = time.monotonic()

        def seen():
            running = {agent.name for agent in self.agents if agent.daemon.running() and state_of(agent.daemon.process.pid) != "T"}
            with self.watch.lock:
                rows = list(itertools.takewhile(lambda row: row[0] >= now, reversed(self.watch.seen)))
            answers = collections.Counter(row[2] for row in rows if row[1] == "agent")
            return all(answers[name] >= 2 for name in running)
        wait_until(seen, "the onlooker to see the agents")

    def last_look(self):
        """The newest watermarks that the onlooker saw, and when it began to look."""
        with self.watch.lock:
            return next(((row[2], row[4]) for row in reversed(self.watch.seen) if row[1] == "store"), ({}, 0.0))

    def marks(self):
        return self.last_look()[0]

    def mark(self, name):
        return max((seq for (agent, _), seq in self.marks().items() if agent == name), default=0)

    def stored(self, name):
        """Reports of the agent that are committed now."""
        with self.postgres.connect(self.database) as db:
            return db.execute("SELECT coalesce(sum(seq), 0)::bigint FROM tram.stream WHERE agent = %s", (name,)).fetchone()[0]

    def restart(self, member, fault=None, at_once=True, wait=True):
        self.arm(member, fault, at_once)
        if member in self.centres:
            self.start_centre(member, wait=wait and not fault)
        elif fault or not wait:
            member.daemon.start()
        else:
            member.start()
        return member

    # ------------------------------------------------------------ proofs

    def await_death(self, member, number, patience_s=60):
        """It ended by that signal. What struck is in its log."""
        daemon = member.daemon
        self.await_or_not_fired(lambda: not daemon.running(), f"{member.label} to end", patience_s)
        if daemon.process.returncode != -number:  # a fault of the program's own, which is not to be tried again
            raise AssertionError(f"{member.label} ended with {daemon.process.returncode}, not by {signal.Signals(number).name}: {daemon.log()[-500:]}")
        self.fired(f"{member.label} {signal.Signals(number).name}{self.struck(member)}")

    def await_stopped(self, member, patience_s=60):
        """It stopped itself, and stays so until resume()."""
        def stopped():
            if not member.daemon.running():
                raise AssertionError(f"{member.label} ended with {member.daemon.process.returncode} before it stopped")
            return state_of(member.daemon.process.pid) == "T"
        self.await_or_not_fired(stopped, f"{member.label} to stop", patience_s)
        self.fired(f"{member.label} SIGSTOP{self.struck(member)}")

    def resume(self, member):
        member.daemon.send(signal.SIGCONT)

    def struck(self, member):
        line = next((line for line in reversed(member.daemon.log().splitlines()) if line.startswith("fault: ")), "")
        return f" at {line.removeprefix('fault: ')}" if line else ""

    def await_or_not_fired(self, condition, what, patience_s):
        try:
            return wait_until(condition, what, patience_s)
        except TestTimeout as error:
            raise NotFired(str(error)) from None

    def crashes(self):
        """Who ended as only a defect ends it, and was not told to."""
        for member in self.centres + self.agents:
            process = member.daemon.process
            if process and process.poll() in CRASHES and not member.daemon.environment["TRAM_FAULT"]:
                yield f"{member.label} ended by {signal.Signals(-process.returncode).name} of its own accord: {member.daemon.log()[-500:]}"

    def declare_restored(self):
        """The database went back on purpose: positions may too. What the agents have been told of until now stays owed to them."""
        self.await_look_at_agents()
        self.watch.note("restored")

    def declare_copied(self, agent):
        """The agent's outbox is an earlier copy on purpose: what it was told may be less."""
        self.watch.note("copied", agent.name)

    def declare_renewed(self, agent):
        """The agent's outbox was made anew on purpose: reports may be there under another epoch."""
        self.facts.renewed.add(agent.name)

    # ------------------------------------------------------------ the end

    def finish(self):
        """Faults are over: a fresh report everywhere, quiet, and everything the oracle wants to know."""
        if not self.proofs:
            raise NotFired("nothing proves that the fault happened")
        for load in self.loads.values():
            load.stop()
        began = time.monotonic()
        fresh = {agent: self.hand_in_fresh(agent, began) for agent in self.agents}
        for agent, entry in fresh.items():
            self.facts.recovery_s[agent.name] = self.await_verdict(agent, entry, began)
        self.await_quiet()
        self.watch.stop()
        return self.gather()

    def hand_in_fresh(self, agent, began):
        load = self.loads.get(agent.name) or self.make_load(agent)
        while True:
            entry = load.hand_in(load.maker.hand_in())
            if entry.state == "accepted" or time.monotonic() - began > oracle.FRESH_PATIENCE_S:
                return entry

    def await_verdict(self, agent, entry, began):
        """Seconds until the entry's last report was committed and its verdict was at the agent; None: in vain."""
        last = entry.first_seq + len(entry.reports) - 1
        desk = Desk(agent.control, patience_s=2)
        try:
            while time.monotonic() - began < oracle.FRESH_PATIENCE_S:
                try:
                    status = desk.status()
                    if entry.state == "accepted" and int(status["acknowledged"]) >= last and self.all_judged(agent, status):
                        return time.monotonic() - began
                except (Broken, Refused):
                    pass
                time.sleep(0.01)
            return None
        finally:
            desk.close()

    def all_judged(self, agent, status):
        with self.postgres.connect(self.database) as db:
            row = db.execute("SELECT verdict_seq FROM tram.agent WHERE agent = %s", (agent.name,)).fetchone()
        return int(status["verdicts"]) == row[0] > 0

    def await_quiet(self):
        def quiet():
            for agent in self.agents:
                status = self.ask(agent)
                if not status or status["pending"] != "0" or status["acknowledged"] != status["handed_in"] or not self.all_judged(agent, status):
                    return False
            return self.centre_is_quiet()
        try:
            wait_until(quiet, "quiet", QUIET_PATIENCE_S)
        except AssertionError:
            pass  # the oracle says in detail what is not settled

    def ask(self, member):
        desk = Desk(member.control, patience_s=15)
        try:
            return desk.status()
        except (Broken, Refused):
            return None
        finally:
            desk.close()

    def centre_is_quiet(self):
        running = [c for c in self.centres if c.daemon.running()]
        states = [self.ask(c) for c in running]
        return states and all(s and int(s.get("batches_under_way", 0)) == 0 for s in states)

    def gather(self):
        facts = self.facts
        for agent in self.agents:
            desk = Desk(agent.control)
            try:
                rows = [row.verdict for row in desk.verdicts()]
                facts.outboxes[agent.name] = oracle.Outbox(
                    desk.status(), [(v.verdict_seq, v.epoch.hex(), v.seq, v.digest, bytes(v.outcomes)) for v in rows])
            except (Broken, Refused) as error:
                raise AssertionError(f"{agent.name} does not answer at the end: {error}") from None
            finally:
                desk.close()
        running = [c for c in self.centres if c.daemon.running()]
        facts.counters = (running and self.ask(running[-1])) or {}
        with self.postgres.connect(self.database) as db:
            return oracle.read_store(db, facts)

    def close(self):
        """Whatever was started ends; every undo() of the cell is done."""
        for load in self.loads.values():
            load.ending.set()
        for member in self.agents + self.centres:
            if member.daemon.running():
                member.daemon.send(signal.SIGCONT)
                member.daemon.kill()
        for load in self.loads.values():
            load.stop()
        self.watch.stop()
        for undo in reversed(self.undo):
            undo()
        self.bench.repair()
        self.bench.drop(self.database)

    def keep(self, where, said):
        """What people need to find out: logs, settings, the ledger, what was seen."""
        shutil.rmtree(where, ignore_errors=True)
        shutil.copytree(self.folder, where, ignore=lambda folder, names: [
            name for name in names if name.endswith(".key") or not (pathlib.Path(folder, name).is_file() or pathlib.Path(folder, name).is_dir())])
        (where / "complaints").write_text("\n".join(said) + "\n", encoding="utf-8")
        (where / "plan").write_text("\n".join(self.plan) + "\n", encoding="utf-8")
        with open(where / "ledger", "w", encoding="utf-8") as f:
            for e in self.facts.ledger:
                f.write(f"{e.at:.3f} {e.agent} {e.state} {e.epoch}/{e.first_seq} {' '.join(d.hex()[:16] for d in e.digests)} {e.text}\n")
        with open(where / "seen", "w", encoding="utf-8") as f:
            for row in self.watch.seen:
                f.write(json.dumps(row, default=str, ensure_ascii=False) + "\n" if row[1] != "store" else f"{row}\n")
