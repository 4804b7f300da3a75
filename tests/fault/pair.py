# SPDX-License-Identifier: Apache-2.0
"""
Two PostgreSQL servers, the second a standby of the first, and one connection string for both: what the centre is given
where the database must not be one machine. Who is the primary is PostgreSQL's own affair; libpq looks for it.
"""

import shutil

import psycopg

from tramtest import Postgres, free_port, run, wait_until

READ_WRITE = "target_session_attrs=read-write connect_timeout=2"


class Member(Postgres):
    """One server, copied from another while that one runs."""

    def __init__(self, folder, of, standby):
        folder.mkdir()
        super().__init__(folder)
        self.of, self.standby, self.port = of, standby, free_port()

    def init(self):
        run(self.as_owner("mkdir", "-p", self.run))
        run(self.as_owner(self.programs / "pg_basebackup", "-d", self.of.conninfo("postgres"), "-D", self.data, "-X", "stream",
                          "-c", "fast", "--no-sync"))
        self.configure(unix_socket_directories=self.run, listen_addresses="127.0.0.1", port=self.port, hot_standby="on",
                       wal_log_hints="on", track_commit_timestamp="on")
        if self.standby:
            self.follow(self.of)

    def configure(self, **settings):
        with open(self.data / "postgresql.conf", "a", encoding="utf-8") as f:
            f.writelines(f"{name} = '{value}'\n" for name, value in settings.items())

    def follow(self, primary):
        """From its next start a standby of that one, and nobody waits for a standby of its own."""
        self.configure(primary_conninfo=f"host={primary.run} port={primary.port} user=postgres application_name={self.folder.name}",
                       recovery_target_timeline="latest")
        run(self.as_owner("touch", self.data / "standby.signal"))
        run(self.as_owner("rm", "-f", self.data / "postgresql.auto.conf"))

    def answers(self):
        assert self.daemon.running(), self.daemon.log()
        return run([self.programs / "pg_isready", "-q", "-h", self.run, "-p", str(self.port)], check=False).returncode == 0

    def conninfo(self, database, role="postgres"):
        return f"host={self.run} port={self.port} dbname={database} user={role}"


class Pair:
    """The database of a cell on two servers. Has what a World asks of its cluster."""

    def __init__(self, folder, template, synchronous):
        folder.mkdir()
        folder.chmod(0o755)
        self.folder, self.synchronous = folder, synchronous
        self.first = Member(folder / "first", template, standby=False)
        self.first.init()
        self.first.start()
        self.second = Member(folder / "second", self.first, standby=True)
        self.second.init()
        self.second.start()
        self.hosts = [(member.run, member.port) for member in (self.first, self.second)]
        self.await_standby(self.first, synchronous)

    def await_standby(self, primary, synchronous):
        """A standby streams from it, and its COMMITs wait for it if they are to."""
        with primary.connect() as db:
            if synchronous:
                db.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
                db.execute("SELECT pg_reload_conf()")
            state = "sync" if synchronous else "async"
            wait_until(lambda: db.execute("SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming' AND sync_state = %s",
                                          (state,)).fetchone()[0], "the standby to stream")

    def conninfo(self, database, role="postgres"):
        hosts, ports = zip(*self.hosts)
        return (f"host={','.join(map(str, hosts))} port={','.join(map(str, ports))} dbname={database} user={role} {READ_WRITE}")

    def connect(self, database="postgres"):
        return psycopg.connect(self.conninfo(database), autocommit=True)

    def promote(self, member):
        with member.connect() as db:
            assert db.execute("SELECT pg_promote(true, 30)").fetchone()[0]

    def discard(self):
        for member in (self.first, self.second):
            member.discard()
        shutil.rmtree(self.folder, ignore_errors=True)
