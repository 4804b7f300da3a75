# SPDX-License-Identifier: Apache-2.0
"""Settings, refusals to start, places that cannot be written."""

import os
import pathlib
import pwd
import shutil

import pytest

from tramtest import BIN, POPULATION, Daemon, csv_text, run


def quiet(command, **environment):
    return run(command, check=False, env=dict(os.environ, TRAM_ALLOW_ROOT="yes", TRAM_LANG="en", **environment))


@pytest.mark.parametrize("program", ["tram-aggregator", "tram-agent"])
class TestSettings:
    @pytest.fixture
    def conf(self, fleet, program):
        centre = fleet.centre(start=False)
        return centre.conf if program == "tram-aggregator" else fleet.agent(centre, start=False).conf

    def test_check(self, program, conf):
        assert quiet([BIN / program, "-n", conf]).returncode == 0

    def test_every_mistake_has_its_line(self, program, conf):
        conf.write_text(conf.read_text() + "no_such_setting = 1\ncontrol = \n")
        done = quiet([BIN / program, "-n", conf])
        assert done.returncode == 78
        lines = len(conf.read_text().splitlines())
        assert f":{lines - 1}" in done.stderr and "no_such_setting" in done.stderr

    def test_print_can_be_read_back(self, program, conf, folder):
        printed = quiet([BIN / program, "-p", conf])
        assert printed.returncode == 0
        again = folder / "again.conf"
        again.write_text(printed.stdout)
        assert quiet([BIN / program, "-n", again]).returncode == 0
        assert quiet([BIN / program, "-p", again]).stdout == printed.stdout

    def test_help_and_version(self, program):
        assert program in quiet([BIN / program, "--help"]).stdout
        assert quiet([BIN / program, "--version"]).returncode == 0

    def test_root_is_refused(self, program, conf):
        if os.getuid() != 0:
            pytest.skip("only root can try")
        done = run([BIN / program, conf], check=False, env={"PATH": os.environ["PATH"], "TRAM_LANG": "en"})
        assert done.returncode != 0 and "root" in done.stderr


@pytest.mark.parametrize("option", ["fsync", "full_page_writes"])
def test_refuses_a_database_that_may_lose_data(own_fleet, own_postgres, option):
    centre = own_fleet.centre(start=False)
    with own_postgres.connect() as db:
        db.execute(f"ALTER SYSTEM SET {option} = off")
    own_postgres.stop()
    own_postgres.start()
    centre.start(wait=False)
    assert centre.daemon.wait() == 78
    assert f"{option}=off" in centre.daemon.log()


@pytest.mark.parametrize("version", [0, 999999])
def test_refuses_a_schema_it_does_not_know(fleet, version):
    centre = fleet.centre(start=False)
    with centre.postgres.connect(centre.database) as db:
        if version:
            db.execute("INSERT INTO tram.schema_migration (version, name, digest) VALUES (%s, 'later', '')", (version,))
        else:
            db.execute("DROP SCHEMA tram CASCADE")
    centre.start(wait=False)
    assert centre.daemon.wait() == 78
    assert "tram store migrate" in centre.daemon.log() or str(version) in centre.daemon.log()


def agent_as_nobody(fleet, **settings):
    """Rights mean nothing to root: run the agent as another user, who may not be able to read this clone."""
    centre = fleet.centre(start=False)
    agent = fleet.agent(centre, start=False, **settings)
    if os.getuid() == 0:
        agent.daemon.command[0] = shutil.copy(BIN / "tram-agent", agent.folder)
        for path in [agent.folder, *agent.folder.iterdir()]:
            shutil.chown(path, "nobody")
        agent.daemon.user = "nobody"
    return agent


def test_outbox_folder_not_writable(fleet):
    agent = agent_as_nobody(fleet, directory="/proc/self")
    agent.daemon.start()
    assert agent.daemon.wait() in (73, 74, 77, 78)
    assert "/proc/self" in agent.daemon.log()


def test_outbox_full(fleet):
    """A limit of the outbox, reached: the hand-in fails as a temporary failure, and what was there stays."""
    centre = fleet.centre(start=False)  # nobody takes the reports
    agent = fleet.agent(centre, outbox_bytes="1MiB")
    statuses = []
    for number in range(40):
        rows = [POPULATION | {"dim:CELL": f"C{i}"} for i in range(500)]
        statuses.append(agent.submit(csv_text(*rows, time_period=str(1980 + number), reference_date=f"{1980 + number}-12-31"),
                                     check=False))
        if statuses[-1].returncode:
            break
    assert statuses[-1].returncode == 75, statuses[-1].stderr
    assert "full" in statuses[-1].stderr
    assert len(agent.outbox()) == len(statuses) - 1


def test_no_agent_is_running(folder):
    path = folder / "report.csv"
    path.write_text(csv_text(POPULATION))
    done = quiet([BIN / "tram", "submit", path], TRAM_AGENT_SOCKET=str(folder / "none"))
    assert done.returncode == 69 and str(folder / "none") in done.stderr


def test_a_secret_key_that_others_can_read_is_refused(fleet):
    agent = fleet.agent(fleet.centre(start=False), start=False)
    agent.key.chmod(0o644)
    agent.daemon.start()
    assert agent.daemon.wait() in (77, 78)
    assert f"chmod 600 {agent.key}" in agent.daemon.log()


def test_a_second_agent_on_the_same_outbox_is_refused(fleet):
    agent = fleet.agent(fleet.centre(start=False))
    second = Daemon(agent.folder, "second", [BIN / "tram-agent", agent.conf]).start()
    assert second.wait() != 0
    assert agent.daemon.running()
