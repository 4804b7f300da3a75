# SPDX-License-Identifier: Apache-2.0
import pathlib
import shutil
import sys
import tempfile

import pytest

sys.path[:0] = [str(pathlib.Path(__file__).parent), str(pathlib.Path(__file__).parents[1] / "fault")]

from fleet import Fleet  # noqa: E402
from tramtest import ROOT, Centre, Postgres  # noqa: E402


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: only in tests/run full")


def in_memory():
    """Where clusters lie: fifty databases are made and deleted. In memory where there is room, and else on disk."""
    shm = pathlib.Path("/dev/shm")
    return shm if shm.is_dir() and shutil.disk_usage(shm).free > 4 << 30 else pathlib.Path("/tmp")


@pytest.fixture(scope="session")
def session_folder():
    """Short, because sockets lie in it; entered by the user postgres too."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="tram-", dir=in_memory()))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres(session_folder):
    folder = session_folder / "pg"
    folder.mkdir()
    cluster = Postgres(folder)
    cluster.init()
    cluster.start()
    yield cluster
    cluster.discard()


@pytest.fixture(scope="session")
def template(postgres, session_folder):
    """A database with schema and catalogue, from which each test's own is copied."""
    return make_template(postgres, session_folder)


def make_template(cluster, folder):
    database = cluster.make_database()
    centre = Centre(folder / "template", cluster, database)
    centre.tram("store", "migrate", "--database", cluster.conninfo(database))
    centre.tram("catalogue", "load", ROOT / "deploy" / "catalogue")
    return database


@pytest.fixture
def folder():
    """Short-lived and short-named: a Unix socket's path has 107 bytes."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="tram-", dir="/tmp"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def fleet(folder, postgres, template):
    """Makes centres, agents and roads, and ends whatever of them is still running after the test."""
    with Fleet(folder, postgres, template) as made:
        yield made


@pytest.fixture
def centre(fleet):
    return fleet.centre()


@pytest.fixture
def agent(fleet, centre):
    return fleet.agent(centre).wait_for_codes()


@pytest.fixture
def own_postgres(folder):
    """A cluster that may be stopped without disturbing other tests."""
    where = folder / "pg"
    where.mkdir()
    cluster = Postgres(where)
    cluster.init()
    yield cluster.start()
    cluster.discard()


@pytest.fixture
def own_fleet(folder, own_postgres):
    with Fleet(folder, own_postgres, make_template(own_postgres, folder)) as fleet:
        yield fleet
