#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""
Peer cuts against an independent, exact recomputation: random reports, corrections, withdrawals and decisions of many
provinces go into a real PostgreSQL, some of them committed late, while cuts are made by two writers. Every row of every cut is
worked out again here in fractions, from what was committed when that cut was made.

Run by: tests/contract/with-postgres tests/contract/test_peer_cuts.py
"""

import os
import random
import sys
import threading
import unittest
from collections import Counter
from decimal import Decimal
from fractions import Fraction

import psycopg

from test_rollup import load_registry, make_schema

SEED = int(os.environ.get("TRAM_TEST_SEED", "20260712"))  # the same every time: what fails, fails again
EVENTS = 300
# code: (provided_by, value_type, unit)
INDICATORS = {
    "counted": ("province", "count", "person"),
    "earned": ("province", "amount", "VND"),
    "share": ("province", "percent", "percent"),
    "ratio": ("province", "ratio", "service"),
    "mean": ("province", "mean", "Mbps"),
    "place": ("province", "rank", "rank"),
    "national": ("centre", "count", "document"),
}
COMPARED = {"counted", "earned", "share", "ratio", "mean"}
PERIODS = ((1 << 27) | (44560 << 10), (1 << 27) | (44925 << 10), (2 << 27) | (44925 << 10))
ACCEPTED, WARNED, HELD = 1, 2, 3
SKETCH = b"\x01" * 64


def connect(role=None):
    db = psycopg.connect(os.environ["TRAM_TEST_POSTGRES"], autocommit=True)
    if role:
        db.execute(f"SET SESSION AUTHORIZATION {role}")
    return db


def rounded(value, places):
    """Half away from zero."""
    scaled = abs(value) * 10 ** places
    whole = (2 * scaled.numerator + scaled.denominator) // (2 * scaled.denominator)
    return Fraction(whole if value >= 0 else -whole, 10 ** places)


class Figure:
    """One stored revision."""

    def __init__(self, verdict, key, value, parts, outcome, withdrawn, missing):
        self.verdict, self.key, self.value, self.parts = verdict, key, value, parts
        self.outcome, self.withdrawn, self.missing = outcome, withdrawn, missing
        self.decisions = []  # (verdict_seq, decision)

    def outcome_at(self, seq):
        for at, decision in reversed(self.decisions):
            if at <= seq:
                return {"released": ACCEPTED, "held": HELD, "refused": 4, "withdrawn": 6}[decision]
        return self.outcome


class Province:
    def __init__(self, number, area_no, population):
        self.agent_no = self.stream_no = number
        self.provider, self.area_no, self.population = f"P{number}", area_no, population
        self.verdict = 0     # committed
        self.reports = 0
        self.figures = {}    # (series_no, period): [Figure]
        self.sketches = {}   # report_no: verdict

    def standing(self, key, seq):
        """What stands of a figure with the province's verdicts up to seq."""
        told = [f for f in self.figures.get(key, []) if f.verdict <= seq]
        for f in reversed(told):
            outcome = f.outcome_at(seq)
            if outcome in (1, 2, 6):
                if outcome == 6 or f.withdrawn or f.missing:
                    return None
                return f
        return None


class World(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        print(f"TRAM_TEST_SEED={SEED}", file=sys.stderr)
        cls.dice = random.Random(SEED)
        cls.db = connect()
        make_schema(cls.db)
        load_registry(cls.db)
        for by in ("province", "centre"):
            cls.db.execute("INSERT INTO tram.dataflow VALUES (%s, '', '', %s, 'A|S', '', '', '2000-01-01', NULL)", (f"by_{by}", by))
        for code, (by, kind, unit) in INDICATORS.items():
            cls.db.execute(
                "INSERT INTO tram.indicator (indicator, dataflow, name_vi, name_en, value_type, unit, unit_vi, display_unit_mult,"
                " display_decimals, is_integer, kind, over_area, over_time, frequencies, mandatory, max_age_days, valid_from)"
                " VALUES (%s, %s, '', '', %s, %s, '', 0, 0, false, '', 'sum', 'last', 'A', true, 400, '2000-01-01')",
                (code, f"by_{by}", kind, unit))
        cls.series = {}  # number: indicator
        for code in INDICATORS:
            for dimensions in ("", "SEX=F"):
                number, = cls.db.execute("INSERT INTO tram.series (indicator, dimensions) VALUES (%s, %s) RETURNING series_no",
                                         (code, dimensions)).fetchone()
                cls.series[number] = code
        areas = cls.db.execute("SELECT area_no, population FROM tram.area WHERE level = 'province' AND vintage = '63'"
                               " ORDER BY area_no LIMIT 14").fetchall()
        cls.db.execute("UPDATE tram.area SET population = NULL WHERE area_no = %s", (areas[3][0],))
        cls.provinces = []
        for i, (area_no, population) in enumerate(areas, 1):
            cls.provinces.append(Province(i, area_no, None if i == 4 else population))
            cls.db.execute("INSERT INTO tram.agent (agent) VALUES (%s)", (f"agent-{i}",))
            cls.db.execute("INSERT INTO tram.stream (stream_no, agent, agent_no, epoch, chain, first_chain) OVERRIDING SYSTEM VALUE"
                           " VALUES (%s, %s, %s, %s, %s, %s)", (i, f"agent-{i}", i, f"{i:032x}", b"\0" * 32, b"\0" * 32))
            cls.db.execute("INSERT INTO tram.provider SELECT %s, 'province', area, '', '', %s FROM tram.area_number WHERE"
                           " area_no = %s", (f"P{i}", f"agent-{i}", area_no))
        cls.writers = [connect("tram_writer"), connect("tram_writer")]
        cls.snapshots = {}  # cut_no: {agent_no: verdict_seq}

    @classmethod
    def tearDownClass(cls):
        for db in (cls.db, *cls.writers):
            db.close()

    # ------------------------------------------------------------ what happens

    def value(self, kind):
        if kind in ("count", "amount"):
            return Fraction(self.dice.choice((0, 1, 7, 7, self.dice.randrange(10 ** 9))))
        return Fraction(self.dice.choice((0, 4540, 4540, self.dice.randrange(10000))), 100)

    def report(self, p, db):
        """A report of the province, in the transaction that db has open; returns what makes it true in the model."""
        period, seq = self.dice.choice(PERIODS), p.verdict + 1
        report_no = p.stream_no << 40 | p.reports + 1
        chosen = self.dice.sample(sorted(self.series), self.dice.randrange(1, 7))
        repeats = 5 if self.dice.random() < 0.05 else None
        sketch = SKETCH if self.dice.random() < 0.5 else None
        figures = []
        for series_no in [] if repeats else chosen:
            kind = INDICATORS[self.series[series_no]][1]
            before = p.figures.get((series_no, period), [])
            key = series_no << 44 | period << 14 | len(before)
            value = parts = None
            missing = 2 if self.dice.random() < 0.1 else 0
            if not missing and kind in ("ratio", "percent") and self.dice.random() < 0.7:
                parts = (Fraction(self.dice.randrange(1000)), Fraction(self.dice.choice((0, 3, 7, 8, self.dice.randrange(1, 3000)))))
            elif not missing:
                value = self.value(kind)
            f = Figure(seq, key, value, parts, self.dice.choice((ACCEPTED, ACCEPTED, WARNED, HELD)),
                       self.dice.random() < 0.1, missing)
            f.report_no = report_no
            figures.append(((series_no, period), f))
            numbers = [None if x is None else str(x.numerator * (10 ** 6) // x.denominator) + "e-6"
                       for x in (value, parts and parts[0], parts and parts[1])]
            db.execute("INSERT INTO tram.observation (key, report_no, known_at, area_no, line, rank_out_of, outcome, qualifier,"
                       " missing_reason, flags, obs_status, value, numerator, denominator) VALUES"
                       " (%s, %s, now(), %s, 1, 0, %s, 0, %s, %s, 'A', %s::numeric, %s::numeric, %s::numeric)",
                       (key, report_no, p.area_no, f.outcome, missing, int(f.withdrawn), *numbers))
        db.execute("INSERT INTO tram.report (report_no, handed_in_at, received_at, known_at, agent_no, catalogue_version, period,"
                   " observations, purpose, demonstration, digest, provider, dataflow, time_period, reason, prepared_by,"
                   " approved_by, comment, software, repeats, series, sketch) VALUES (%s, now(), now(), now(), %s, 1, %s, 1, 'R',"
                   " false, '\\x00', %s, 'by_province', '', '', '', '', '', '', %s, %s, %s)",
                   (report_no, p.agent_no, period, p.provider, repeats, chosen, sketch))
        self.verdict(p, db, seq, report_no)

        def commit():
            db.commit()
            p.verdict, p.reports = seq, p.reports + 1
            for key, f in figures:
                p.figures.setdefault(key, []).append(f)
            if sketch and not repeats:
                p.sketches[report_no] = seq
        return commit

    def decision(self, p, db):
        of = [f for all_ in p.figures.values() for f in all_]
        if not of:
            return None
        f, seq, decision = self.dice.choice(of), p.verdict + 1, self.dice.choice(("released", "refused", "held", "withdrawn"))
        db.execute("INSERT INTO tram.decision (area_no, key, decision, decided_by, reason) VALUES (%s, %s, %s, '', '')",
                   (p.area_no, f.key, decision))
        self.verdict(p, db, seq, f.report_no)

        def commit():
            db.commit()
            p.verdict = seq
            f.decisions.append((seq, decision))
        return commit

    @staticmethod
    def verdict(p, db, seq, report_no):
        db.execute("INSERT INTO tram.verdict (verdict_seq, report_no, known_at, agent_no, catalogue_version, words, cause, outcomes)"
                   " VALUES (%s, %s, now(), %s, 1, 'PPPP', 'received', '')", (seq, report_no, p.agent_no))
        db.execute("UPDATE tram.agent SET verdict_seq = %s WHERE agent_no = %s", (seq, p.agent_no))

    # ------------------------------------------------------------ cuts

    @staticmethod
    def newest(db):
        return db.execute("SELECT cut_no, made_at, horizon FROM tram.peer_cut ORDER BY cut_no DESC LIMIT 1").fetchone() or \
            (None, None, 0)

    def cut(self, most):
        """Both writers try to make the next cut at once: one does."""
        cut_no, made_at, horizon = self.newest(self.db)
        made = []

        def make(db):
            made.append(db.execute("SELECT tram.make_peer_cut(%s, %s, %s, %s)", (cut_no, made_at, horizon, most)).fetchone()[0])
        threads = [threading.Thread(target=make, args=(db,)) for db in self.writers]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        self.assertEqual(sorted(made), [False, True])
        self.snapshots[(cut_no or 0) + 1] = {p.agent_no: p.verdict for p in self.provinces}

    def caught_up(self):
        return not self.db.execute("SELECT EXISTS (SELECT FROM tram.agent a LEFT JOIN tram.peer_seen s USING (agent_no)"
                                   " WHERE a.verdict_seq > coalesce(s.verdict_seq, 0))").fetchone()[0]

    # ------------------------------------------------------------ what must come out

    def expected(self, key, snapshot):
        """(n, median, mad, mode, mode_n) of a series and period, with each province's verdicts as in the snapshot."""
        code = self.series[key[0]]
        kind, unit = INDICATORS[code][1:]
        stated, comparable = [], []
        for p in self.provinces:
            f = p.standing(key, snapshot[p.agent_no])
            if not f:
                continue
            if f.value is not None:
                x = f.value
            elif f.parts[1] == 0:
                continue
            else:
                x = rounded((100 if unit == "percent" else 1) * f.parts[0] / f.parts[1], 6)
            if kind in ("count", "amount"):
                if not p.population:
                    continue
                comparable.append(rounded(x * 1000000 / Fraction(p.population), 3))
            else:
                comparable.append(x)
            stated.append(x)
        if not stated:
            return (0, None, None, None, 0)
        middle = (len(stated) - 1) // 2
        median = sorted(comparable)[middle]
        mad = sorted(abs(x - median) for x in comparable)[middle]
        counts = Counter(x for x in stated if x)
        mode, mode_n = min(counts.items(), key=lambda item: (-item[1], item[0])) if counts else (None, 0)
        return (len(stated), median, mad, mode, mode_n)

    def rows(self):
        """Of each series and period, what was stored with each cut."""
        found = {}
        for series_no, period, cut_no, n, *numbers, mode_n in self.db.execute(
                "SELECT series_no, period, cut_no, n, median, mad, mode, mode_n FROM tram.peer_figures ORDER BY cut_no"):
            found.setdefault((series_no, period), []).append(
                (cut_no, (n, *(None if x is None else Fraction(x) for x in numbers), mode_n)))
        return found

    def check_all(self, cut_no, found):
        """Everything is counted in this cut."""
        for series_no, code in self.series.items():
            for period in PERIODS:
                key = (series_no, period)
                known = [row for at, row in found.get(key, []) if at <= cut_no]
                wanted = self.expected(key, self.snapshots[cut_no]) if code in COMPARED else (0, None, None, None, 0)
                self.assertEqual(known[-1] if known else (0, None, None, None, 0), wanted, (code, period, cut_no))

    def test_a_division_is_rounded_once(self):
        for a, b, places, wanted in (("1", "2000", 3, "0.001"), ("-1", "2000", 3, "-0.001"), ("1", "-2001", 3, "0"),
                                     ("4543", "6325", 6, "0.718261"), ("0", "7", 3, "0"), ("1", "0", 3, None),
                                     ("999999999999999", "1", 3, "999999999999999"), ("1000000000000000", "1", 3, None)):
            got, = self.db.execute("SELECT tram.divided(%s::numeric, %s::numeric, %s)", (a, b, places)).fetchone()
            self.assertEqual(got, wanted and Decimal(wanted), (a, b))

    def test_every_row_of_every_cut(self):
        late, full = [], []
        for i in range(EVENTS):
            p = self.dice.choice([p for p in self.provinces if not any(p is q for q, _, _ in late)])
            db = psycopg.connect(os.environ["TRAM_TEST_POSTGRES"])
            commit = self.decision(p, db) if self.dice.random() < 0.3 else self.report(p, db)
            if commit:
                late.append((p, db, commit))
            else:
                db.close()
            while len(late) > 3 or late and self.dice.random() < 0.7:
                _, db, commit = late.pop(self.dice.randrange(len(late)))
                commit()
                db.close()
            if self.dice.random() < 0.12:
                self.cut(self.dice.choice((1, 5, 20, 1000)))
                if self.caught_up():
                    full.append(max(self.snapshots))
        for _, db, commit in late:
            commit()
            db.close()
        while not self.caught_up():
            self.cut(40)
        full.append(max(self.snapshots))
        self.assertGreater(len(full), 2)
        found = self.rows()
        for cut_no in full:
            self.check_all(cut_no, found)
        for key, rows in found.items():
            for (cut_no, row), before in zip(rows, [None] + [row for _, row in rows]):
                self.assertEqual(row, self.expected(key, self.snapshots[cut_no]), (key, cut_no))
                self.assertNotEqual(row, before or (0, None, None, None, 0))
        self.check_snapshots()
        self.check_reports()

    def check_snapshots(self):
        """Which verdicts a cut counts is written down with it."""
        known = {p.agent_no: 0 for p in self.provinces}
        for cut_no, agents, seqs in self.db.execute("SELECT cut_no, agents, verdict_seqs FROM tram.peer_cut ORDER BY cut_no"):
            known.update(zip(agents, seqs))
            self.assertEqual(known, self.snapshots[cut_no])

    def check_reports(self):
        wanted = {n: (p.agent_no, seq) for p in self.provinces for n, seq in p.sketches.items()}
        stored = dict(self.db.execute("SELECT report_no, cut_no FROM tram.peer_report").fetchall())
        self.assertEqual(set(stored), set(wanted))
        for report_no, cut_no in stored.items():
            agent_no, seq = wanted[report_no]
            self.assertGreaterEqual(self.snapshots[cut_no][agent_no], seq)


if __name__ == "__main__":
    unittest.main(verbosity=2)
