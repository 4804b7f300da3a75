# SPDX-License-Identifier: Apache-2.0
"""What the measurements beside this file share: a centre with room for new figures, agents with a backlog, light load."""

import concurrent.futures
import contextlib
import datetime
import os
import pathlib
import shutil
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
os.environ.setdefault("TRAM_BIN", str(ROOT / "build" / "release" / "bin"))
sys.path.insert(0, str(ROOT / "tests" / "system"))

import tramtest  # noqa: E402

DISTRICTS = 1200  # as in prepare_backlog.c
WARDS = 20
COMMUNES = 168  # of a province; the same
BACKLOG = {"public_services_province", "digital_economy_province", "digital_skills_province"}
PROVIDERS = ROOT / "deploy" / "catalogue" / "providers.csv"
FIGURES = 20  # in a report of the light load


def provinces(count):
    with open(PROVIDERS, encoding="utf-8", newline="") as f:
        rows = [row for row in tramtest.csv.DictReader(f) if row["kind"] == "province"]
    return rows[:count]


def rewrite(path, change):
    """A CSV file with each row as change(row) has it."""
    with open(path, encoding="utf-8", newline="") as f:
        rows = list(tramtest.csv.DictReader(f))
    write(path, [change(row) for row in rows])


def write(path, rows):
    with open(path, "w", encoding="utf-8", newline="") as f:
        writer = tramtest.csv.DictWriter(f, rows[0].keys(), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def monthly(row):
    backlog = row.get("dataflow", row["code"]) in BACKLOG and "M" not in row["frequencies"]
    return row | {"frequencies": row["frequencies"] + "|M"} if backlog else row


def of_communes(row):
    return row | {"area_level": "commune" if row["code"] in BACKLOG else ""}


def add_communes(folder):
    """To each of the 63 provinces, and figures of them."""
    areas = folder / "registry" / "areas.csv"
    with open(areas, encoding="utf-8", newline="") as f:
        rows = list(tramtest.csv.DictReader(f))
    seen = set()
    for row in [row for row in rows if row["level"] == "province" and row["vintage"] == "63"]:
        if row["area"] not in seen:
            seen.add(row["area"])
            rows += [row | {"area": f"{row['area']}{n:03}", "level": "commune", "code": f"{row['code']}{n:03}",
                            "parent": row["area"], "valid_from": "2008-08-01", "valid_to": "2025-06-30", "kind": "commune",
                            "name_vi": f"Xã {n}", "short_name_vi": f"Xã {n}", "name_en": f"Commune {n}", "iso_3166_2": "",
                            "population": str(5000 + n)} for n in range(COMMUNES)]
    write(areas, rows)
    rewrite(folder / "catalogue" / "dataflows.csv", of_communes)


def make_catalogue(folder, communes=False):
    """The shipped catalogue, with the figures broken down by DISTRICT and WARD, so that every figure can be new, and by month."""
    for name in ("catalogue", "registry"):
        shutil.copytree(ROOT / "deploy" / name, folder / name)
    with open(folder / "catalogue" / "dimensions.csv", "a", encoding="utf-8") as f:
        f.writelines(f"DISTRICT,{i:04},Huyện {i},District {i}\n" for i in range(DISTRICTS))
        f.writelines(f"WARD,{i},Xã {i},Ward {i}\n" for i in range(WARDS))
    rewrite(folder / "catalogue" / "dataflows.csv", monthly)
    rewrite(folder / "catalogue" / "indicators.csv", lambda row: monthly(row) | {"dimensions": "DISTRICT|WARD"})
    if communes:
        add_communes(folder)
    return folder


def make_centre(folder, cluster, communes=False, **settings):
    database = cluster.make_database()
    centre = tramtest.Centre(folder / "centre", cluster, database, **settings)
    centre.tram("store", "migrate", "--database", cluster.conninfo(database))
    centre.tram("catalogue", "load", make_catalogue(folder / "data", communes))
    return centre


@contextlib.contextmanager
def disks_of_their_own():
    """A folder in memory for what is not on PostgreSQL's disk where it really runs."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="tram-bench-", dir="/dev/shm"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def make_agent(folder, centre, row, observations=0, communes=False):
    """An agent of the province, with a backlog if observations are asked for."""
    agent = tramtest.Agent(folder / row["agent"], centre, name=row["agent"])
    if observations:
        tramtest.run([tramtest.BIN / "prepare_backlog", agent.folder, row["agent"], row["provider"], row["area"],
                      observations, *(["500", "communes"] if communes else [])])
    return agent


@contextlib.contextmanager
def cluster_in_folder(sync_ms=None):
    """A PostgreSQL with fsync on in a folder of its own, and a list of what else is to be stopped at the end. With sync_ms it
    is in memory, and each COMMIT waits so long, as for a disk that nobody else uses."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="tram-bench-", dir="/tmp" if sync_ms is None else "/dev/shm"))
    folder.chmod(0o755)
    (folder / "pg").mkdir()
    disk = "" if sync_ms is None else f"commit_delay = {sync_ms * 1000:.0f}\ncommit_siblings = 0\n"
    cluster = tramtest.Postgres(folder / "pg", "shared_buffers = 1GB\nmax_wal_size = 8GB\ncheckpoint_timeout = 30min\n" + disk)
    daemons = [cluster]
    try:
        cluster.init()
        cluster.start()
        yield folder, cluster, daemons
    finally:
        for daemon in reversed(daemons):
            if daemon.daemon:
                daemon.daemon.discard()
        shutil.rmtree(folder, ignore_errors=True)


def peak_mib(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        kib = next(int(line.split()[1]) for line in f if line.startswith("VmHWM:"))
    return kib / 1024


def cpu_seconds(pid):
    """Of the processor, that the process took until now."""
    with open(f"/proc/{pid}/stat", encoding="utf-8") as f:
        fields = f.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def now():
    return datetime.datetime.now(datetime.timezone.utc)


def moment(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


class LightLoad:
    """Each agent hands in a report of some figures about every so many seconds, until stop()."""

    def __init__(self, agents, interval_s=1.0):
        self.agents, self.interval_s = agents, interval_s
        self.ended = threading.Event()
        self.pool = concurrent.futures.ThreadPoolExecutor(len(agents))
        self.clerks = [self.pool.submit(self.clerk, agent, number) for number, agent in enumerate(agents)]

    def clerk(self, agent, number):
        row = 0
        area, provider = f"63/{agent.name[-2:]}", f"P63-{agent.name[-2:]}"
        self.ended.wait(self.interval_s * number / len(self.agents))
        while not self.ended.is_set():
            begun = time.monotonic()
            year = 2021 + row % 4  # 63 provinces until 2025-06-30
            figures = [tramtest.POPULATION | {"ref_area": area, "dim:WARD": str(i), "value": str(1000 + row)}
                       for i in range(FIGURES)]
            agent.submit(tramtest.csv_text(*figures, provider=provider, time_period=str(year),
                                           reference_date=f"{year}-12-31",
                                           purpose="backfill" if row < 4 else "correction"))
            row += 1
            self.ended.wait(max(0.0, self.interval_s - (time.monotonic() - begun) + (number % 7) / 100))
        return row

    def stop(self):
        """Ends it; how many reports were handed in."""
        self.ended.set()
        handed_in = sum(clerk.result() for clerk in self.clerks)
        self.pool.shutdown()
        return handed_in


def waits_by_time(agents, begun_at):
    """Of every report handed in since then, and all must have a verdict: when that was, and the milliseconds until the verdict
    was in the outbox."""
    waits = []
    for agent in agents:
        agent.wait_for_verdicts()
        for row in agent.verdicts():
            handed_in = moment(row["handed_in_at"])
            if handed_in >= begun_at:
                waits.append((handed_in, (moment(row["stored_at"]) - handed_in).total_seconds() * 1000))
    return waits


def waits_ms(agents, begun_at):
    """The waits alone, sorted."""
    return sorted(wait for _, wait in waits_by_time(agents, begun_at))


def percentile(sorted_values, percent):
    return sorted_values[min(len(sorted_values) * percent // 100, len(sorted_values) - 1)]
