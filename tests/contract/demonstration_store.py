# SPDX-License-Identifier: Apache-2.0
"""
A store with the demonstration's figures put straight into it, and the centre's commands on it: what the tests of those
commands begin with. Run under tests/contract/with-postgres; the folder of programs is the first argument.
"""

import csv
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest
from decimal import Decimal

import psycopg

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(sys.argv.pop(1) if len(sys.argv) > 1 else ROOT / "build/dev/bin")
HELD = "etransaction_law_affected_documents"
MISSING = {"": 0, "not_applicable": 1, "not_collected": 2, "late": 3, "suppressed": 4, "system_down": 5}
QUALIFIER = {"": 1, "exact": 1, "at_least": 2, "more_than": 3, "at_most": 4, "nearly": 5, "approx": 6}


def conninfo(role):
    return f"host={os.environ['PGHOST']} dbname=centre user={role}"


def tram(*words, status=0, language="en"):
    """The command's output; its errors too when it is to fail."""
    done = subprocess.run([BIN / "tram-centre", *map(str, words)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, check=False,
                          env={"TRAM_CENTRE": str(SETTINGS), "TRAM_LANG": language, "PATH": os.environ["PATH"]})
    assert done.returncode == status, f"{words}: status {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout if status in (0, 1) else done.stdout + done.stderr


def table(*words, **kwargs):
    return json.loads(tram(*words, "--format", "json", **kwargs))


def demonstration(folder):
    """Every observation of the demonstration's files, with its report's fields."""
    subprocess.run([sys.executable, ROOT / "deploy/demonstration/split.py", ROOT / "deploy/catalogue", ROOT / "deploy/registry",
                    folder, "--prepared-at", "2025-02-01T08:00:00+07:00"], check=True, stdout=subprocess.DEVNULL)
    for path in sorted(folder.rglob("*.csv")):
        with open(path, encoding="utf-8", newline="") as f:
            yield from csv.DictReader(f)


def scaled(text, mult):
    return Decimal(text).scaleb(int(mult or 0)) if text else None


def put_observations(db, rows):
    """As if everything had been reported by one agent and accepted, but for the one that the rules hold."""
    series = dict(db.execute("SELECT indicator, series_no FROM tram.series").fetchall())
    areas = dict(db.execute("SELECT area, area_no FROM tram.area_number").fetchall())
    reports = {}
    with db.cursor().copy("COPY tram.observation (key, report_no, known_at, area_no, line, rank_out_of, outcome, qualifier,"
                          " missing_reason, flags, obs_status, value, numerator, denominator, weight) FROM STDIN") as copy:
        for line, row in enumerate(rows, 1):
            report = (row["provider"], row["dataflow"], row["time_period"])
            period = PERIODS[row["time_period"]]
            report_no = 1 << 40 | reports.setdefault(report, len(reports) + 1)
            mult = row["unit_mult"]
            copy.write_row((series[row["indicator"]] << 44 | period << 14, report_no, "2025-02-01", areas[row["ref_area"]],
                            line, int(row["rank_out_of"] or 0), 3 if row["indicator"] == HELD else 1,
                            QUALIFIER[row["qualifier"]], MISSING[row["missing_reason"]],
                            2 if row["demonstration"] == "yes" else 0, row["obs_status"] or "A",
                            *(scaled(row[part], mult) for part in ("value", "numerator", "denominator")),
                            scaled(row["weight"], 0)))
    for (provider, dataflow, period), number in reports.items():
        db.execute("INSERT INTO tram.report SELECT 1::bigint << 40 | %s, now(), now(), now(), agent_no, 1, %s, NULL, NULL,"
                   " NULL, 1, 'B', false, '', %s, %s, %s, '', '', NULL, '', NULL, '', '' FROM tram.agent LIMIT 1",
                   (number, PERIODS[period], provider, dataflow, period))


class DemonstrationTest(unittest.TestCase):
    """Tests with the figures of all 63 provinces; SETTINGS is the centre's settings file, PERIODS has periods packed."""

    @classmethod
    def setUpClass(cls):
        global SETTINGS, PERIODS
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="tram-centre-"))
        SETTINGS = cls.folder / "tram-aggregator.conf"
        SETTINGS.write_text(f"reader_database = {conninfo('tram_reader')}\nadmin_database = {conninfo('tram_admin')}\n"
                            f"database = {conninfo('tram_writer')}\n", encoding="utf-8")
        with psycopg.connect(os.environ["TRAM_TEST_POSTGRES"], autocommit=True) as db:
            db.execute("CREATE DATABASE centre TEMPLATE template0 ENCODING 'UTF8'")
        assert [row["state"] for row in table("store", "migrate", "--status", "--database", conninfo("postgres"))] \
            == ["missing"] * (len(list((ROOT / "aggregator/store/sql/tables").glob("*.sql"))) + 1)
        assert "schema is up to date" in tram("store", "migrate", "--database", conninfo("postgres"))
        assert "version 1 loaded: 79 indicators" in tram("catalogue", "load", ROOT / "deploy", "--note", "shipped")
        subprocess.run([BIN / "tram", "keys", "make", "agent-63-46", "--out", cls.folder / "agent-63-46.key"], check=True,
                       stdout=subprocess.DEVNULL)
        cls.accepted = tram("agents", "accept", cls.folder / "agent-63-46.pub")
        cls.db = psycopg.connect(conninfo("postgres"), autocommit=True)
        rows = list(demonstration(cls.folder / "split"))
        PERIODS = {p: cls.db.execute("SELECT tram.period_pack(%s)", (p,)).fetchone()[0] for p in {r["time_period"] for r in rows}}
        cls.db.execute("INSERT INTO tram.stream (agent, agent_no, epoch, chain, first_chain) SELECT agent, agent_no,"
                       " repeat('0', 32), decode(repeat('00', 32), 'hex'), decode(repeat('00', 32), 'hex') FROM tram.agent")
        put_observations(cls.db, rows)
        cls.db.execute("ANALYZE")

    @classmethod
    def tearDownClass(cls):
        cls.db.close()
        shutil.rmtree(cls.folder)
