#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""
What communes add up to (tram.subtotal) against a recomputation in fractions: sessions at once write figures and revisions of
them, hold, release, refuse and withdraw, some in transactions that are rolled back; the figures of one commune, and even a
mean and what weighs it, are written by different sessions.

Run by: tests/contract/with-postgres tests/contract/test_subtotals.py
"""

import datetime as dt
import itertools
import os
import pathlib
import random
import sys
import threading
import unittest
from decimal import Context, Decimal
from fractions import Fraction

import psycopg

ROOT = pathlib.Path(__file__).resolve().parents[2]
SEED = int(os.environ.get("TRAM_TEST_SEED", "20260712"))  # the same every time: what fails, fails again
SESSIONS = 4
TRANSACTIONS = 60  # of a session
PERIODS = ("2024-01", "2024-02", "2025-12")
STATUSES = "ABPEIFM"
EFFECT = {"released": 1, "held": 3, "refused": 4, "withdrawn": 6}

# code: (dataflow, method, weight)
INDICATORS = {
    "count": ("communes", "sum", ""),
    "share": ("communes", "ratio_of_sums", ""),
    "mean_own": ("communes", "weighted_mean", "observation"),
    "mean_by_count": ("communes", "weighted_mean", "count"),
    "growth": ("communes", "growth_recomputed", ""),
    "of_province": ("provinces", "sum", ""),
}
# area: (parent, valid_from, valid_to, population)
COMMUNES = {f"63/{p}{n}": (f"63/{p}", "2008-01-01", None, 1000 * n + ord(p)) for p in "abc" for n in range(1, 6)}
# area: (level, parent)
UNITS = {"VN": ("nation", ""), "63/north": ("region", "VN"), "63/south": ("region", "VN"), "63/a": ("province", "63/north"),
         "63/b": ("province", "63/south"), "63/c": ("province", "63/south")}
NAMES = {"63/a": ("An", "Alpha"), "63/b": ("Bê", "Beta")}
COMMUNES["63/a5"] = ("63/a", "2008-01-01", "2024-01-31", None)  # ended, and nobody knows how many lived there
COMMUNES["63/b5"] = ("63/b", "2024-02-15", None, 77)


def connect():
    return psycopg.connect(os.environ["TRAM_TEST_POSTGRES"], autocommit=True)


def load_catalogue(db):
    db.execute("INSERT INTO tram.catalogue (version, digest) VALUES (1, '\\x00')")
    for area in (*UNITS, *COMMUNES):
        db.execute("INSERT INTO tram.area_number (area) VALUES (%s)", (area,))
    for area, (level, parent) in UNITS.items():
        db.execute("INSERT INTO tram.area SELECT area, area_no, %s, CASE level WHEN 'nation' THEN '' ELSE '63' END, '', %s,"
                   " '2008-01-01', NULL, '', %s, %s, '', '', NULL, NULL FROM tram.area_number, (VALUES (%s)) l(level)"
                   " WHERE area = %s", (level, parent, *NAMES.get(area, ("", "")), level, area))
    for area, (parent, first, last, population) in COMMUNES.items():
        db.execute("INSERT INTO tram.area SELECT area, area_no, 'commune', '63', '', %s, %s, %s, '', '', '', '', '', NULL, %s"
                   " FROM tram.area_number WHERE area = %s", (parent, first, last, population, area))
    for dataflow, level in (("communes", "commune"), ("provinces", "province")):
        db.execute("INSERT INTO tram.dataflow (dataflow, name_vi, name_en, provided_by, frequencies, calendar, due, valid_from,"
                   " area_level) VALUES (%s, '', '', 'province', 'M', '', '', '2000-01-01', %s)", (dataflow, level))
    for code, (dataflow, method, weight) in INDICATORS.items():
        db.execute("INSERT INTO tram.indicator (indicator, dataflow, name_vi, name_en, value_type, unit, unit_vi,"
                   " display_unit_mult, display_decimals, is_integer, kind, over_area, over_time, mean_weight, frequencies,"
                   " mandatory, max_age_days, valid_from, coverage_weight, derives_from) VALUES (%s, %s, '', '', 'count', '', '', 0, 0,"
                   " false, '', %s, 'last', %s, 'M', true, 400, '2000-01-01', 'population', %s)",
                   (code, dataflow, method, weight, "count" if code == "growth" else ""))
        db.execute("INSERT INTO tram.series (indicator) VALUES (%s)", (code,))
    db.execute("SELECT tram.communes_loaded()")


def invent(rng):
    return Decimal(rng.randrange(0, 10 ** rng.choice((1, 6, 17)))).scaleb(-rng.choice((0, 0, 1, 4)))


class Figures:
    """What is committed, as this test knows it: revisions of figures and the decisions on them."""

    def __init__(self, db):
        self.numbers = dict(db.execute("SELECT area, area_no FROM tram.area_number").fetchall())
        self.series = dict(db.execute("SELECT indicator, series_no FROM tram.series WHERE dimensions = ''").fetchall())
        self.packed = {p: db.execute("SELECT tram.period_pack(%s)", (p,)).fetchone()[0] for p in PERIODS}
        self.revisions = {}  # (area, indicator, period): [row]
        self.decisions = {}  # (area, indicator, period, revision): decision

    def key(self, indicator, period, revision=0):
        return self.series[indicator] << 44 | self.packed[period] << 14 | revision

    def outcome(self, figure, revision):
        decided = self.decisions.get((*figure, revision))
        return EFFECT[decided] if decided else self.revisions[figure][revision]["outcome"]

    def standing(self, figure):
        """The latest revision that was accepted or taken back, and whether a later one waits."""
        rows = self.revisions.get(figure, [])
        for revision in reversed(range(len(rows))):
            if self.outcome(figure, revision) in (1, 2, 6):
                stands = self.outcome(figure, revision) != 6 and not rows[revision]["flags"] & 1
                return rows[revision] if stands else None, self.is_held(figure)
        return None, self.is_held(figure)

    def is_held(self, figure):
        rows = self.revisions.get(figure, [])
        return bool(rows) and self.outcome(figure, len(rows) - 1) == 3

    def parts(self, area, indicator, period):
        """What the figure that stands brings to the sum: (top, bottom); (): there is nothing to count; None: it lacks something."""
        _, method, weight = INDICATORS[indicator]
        row, _ = self.standing((area, indicator, period))
        if not row or row["missing"]:
            return () if row and row["missing"] == 1 else None
        by = row["weight"]
        if weight == "count":
            weighing, _ = self.standing((area, "count", period))
            by = weighing["value"] if weighing else None
        parts = {"sum": (row["value"], 0), "ratio_of_sums": (row["numerator"], row["denominator"]),
                 "weighted_mean": (row["value"], by)}[method]
        if None in parts:
            return None
        top, bottom = map(Fraction, parts)
        return (top * bottom, bottom) if method == "weighted_mean" else (top, bottom)

    def missing(self, unit, indicator, period, level):
        """The communes that report nothing, by province."""
        return {province: [area for area in expected_communes(period) if COMMUNES[area][0] == province
                           and self.parts(area, indicator, period) is None]
                for province in UNITS if UNITS[province][0] == "province" and counts_for(province, level) == unit}

    def interval(self, unit, indicator, period, level):
        """(low, high, basis): by trying all that those who are missing stated before."""
        told = [self.parts(area, indicator, period) for area in expected_communes(period)
                if counts_for(COMMUNES[area][0], level) == unit]
        gaps = [area for areas in self.missing(unit, indicator, period, level).values() for area in areas]
        before = [[parts for earlier in PERIODS[:PERIODS.index(period)] if (parts := self.parts(area, indicator, earlier))]
                  for area in gaps]
        choices = [choice for choice in before if choice]
        known = [parts for parts in told if parts]
        if not known or not choices:
            return None, None, ""
        basis = f"last_accepted:{len(choices)} of {len(gaps)}"
        made = [[sum(column) for column in zip(*known, *chosen)] for chosen in itertools.product(*choices)]
        if INDICATORS[indicator][1] == "sum":
            return min(top for top, _ in made), max(top for top, _ in made), basis
        if min(bottom for _, bottom in made) <= 0:
            return None, None, ""
        made = [top / bottom for top, bottom in made]
        return rounded(min(made)), rounded(max(made)), basis

    def subtotals(self):
        sums = {key: total.row() for key, total in self.totals("province").items()}
        return {key: row for key, row in sums.items() if row != Total().row()}

    def totals(self, level):
        sums = {}
        for area, indicator, period in self.revisions:
            dataflow, method, weight = INDICATORS[indicator]
            if not is_there(area, period) or dataflow != "communes" or method == "growth_recomputed":
                continue
            parent, _, _, population = COMMUNES[area]
            total = sums.setdefault((counts_for(parent, level), indicator, period), Total())
            row, held = self.standing((area, indicator, period))
            total.held += held
            if row:
                by = row["weight"]
                if weight == "count":
                    weighing, _ = self.standing((area, "count", period))
                    by = weighing["value"] if weighing else None
                total.add(row, method, by, population)
        return sums


def is_there(area, period):
    end = {"2024-01": "2024-01-31", "2024-02": "2024-02-29", "2025-12": "2025-12-31"}[period]
    _, first, last, _ = COMMUNES[area]
    return first <= end <= (last or "9")


def expected_communes(period):
    return [area for area in sorted(COMMUNES) if is_there(area, period)]


def counts_for(province, level):
    return {"nation": "VN", "region": UNITS[province][1], "province": province}[level]


class Total:
    def __init__(self):
        self.reporting = self.nothing = self.held = self.demonstration = 0
        self.value = self.top = self.bottom = self.population = Fraction(0)
        self.statuses, self.qualifiers = [0] * 7, [0] * 7

    def add(self, row, method, weight, population):
        if row["missing"]:
            if row["missing"] == 1:
                self.nothing += 1
                self.population += population or 0
            return
        parts = {"sum": (row["value"],), "ratio_of_sums": (row["numerator"], row["denominator"]),
                 "weighted_mean": (row["value"], weight)}[method]
        if any(part is None for part in parts):
            return
        parts = [Fraction(part) for part in parts]
        self.reporting += 1
        self.population += population or 0
        self.demonstration += row["flags"] >> 1 & 1
        self.statuses[STATUSES.index(row["status"])] += 1
        self.qualifiers[row["qualifier"]] += 1
        if method == "sum":
            self.value += parts[0]
        else:
            self.top += parts[0] * parts[1] if method == "weighted_mean" else parts[0]
            self.bottom += parts[1]

    def row(self):
        return (self.reporting, self.nothing, self.held, self.demonstration, self.value, self.top, self.bottom, self.population,
                self.statuses, self.qualifiers)


class Session(threading.Thread):
    """Writes and decides on figures of its own; what others have are of the same provinces and communes."""

    def __init__(self, number, seed, figures):
        super().__init__()
        self.rng, self.figures, self.failure = random.Random(seed), figures, None
        every = [(area, indicator, period) for area in COMMUNES for indicator in INDICATORS for period in PERIODS]
        self.own = [figure for place, figure in enumerate(every) if (place * 7 + place // 5) % SESSIONS == number]

    def run(self):
        try:
            with connect() as db:
                for _ in range(TRANSACTIONS):
                    self.transaction(db)
        except BaseException as failure:
            self.failure = failure

    def transaction(self, db):
        chosen = self.rng.sample(self.own, self.rng.randrange(1, 25))
        stored = [figure for figure in chosen if figure in self.figures.revisions]
        if stored and self.rng.random() < 0.3:
            self.decide(db, stored)
        else:
            self.write(db, chosen)

    def write(self, db, chosen):
        rows = {}
        for figure in chosen:
            for _ in range(self.rng.choice((1, 1, 1, 2))):  # one group may have a figure and its revision
                rows.setdefault(figure, []).append(self.invent_row())
        written = sorted((self.figures.numbers[figure[0]], self.figures.key(figure[1], figure[2], revision), row)
                         for figure, new in rows.items()
                         for revision, row in enumerate(new, len(self.figures.revisions.get(figure, []))))
        def work():
            with db.cursor().copy("COPY tram.observation (key, report_no, known_at, area_no, line, rank_out_of, outcome,"
                                  " qualifier, missing_reason, flags, obs_status, value, numerator, denominator, weight)"
                                  " FROM STDIN") as copy:
                for area_no, key, row in written:
                    copy.write_row((key, 1, dt.datetime.now(dt.timezone.utc), area_no, 1, 0, row["outcome"], row["qualifier"],
                                    row["missing"], row["flags"], row["status"], row["value"], row["numerator"],
                                    row["denominator"], row["weight"]))
        if self.change(db, [row[:2] for row in written], False, work):
            for figure, new in rows.items():
                self.figures.revisions.setdefault(figure, []).extend(new)

    def decide(self, db, stored):
        decided = {}
        for figure in stored:
            revision = self.rng.randrange(len(self.figures.revisions[figure]))
            decided[(*figure, revision)] = self.rng.choice(tuple(EFFECT))
        touched = [(self.figures.numbers[area], self.figures.key(indicator, period, revision), decision)
                   for (area, indicator, period, revision), decision in decided.items()]
        def work():
            for area_no, key, decision in touched:
                db.execute("INSERT INTO tram.decision (area_no, key, decision, decided_by, reason) VALUES (%s, %s, %s, '', '')",
                           (area_no, key, decision))
        if self.change(db, [row[:2] for row in touched], True, work):
            self.figures.decisions.update(decided)

    def change(self, db, touched, decided, work):
        area_nos, keys = [list(column) for column in zip(*touched)]
        kept = self.rng.random() < 0.9
        with db.transaction(force_rollback=not kept):
            db.execute("SELECT tram.subtotals_take_out(%s::integer[], %s::bigint[], %s)", (area_nos, keys, decided))
            work()
            db.execute("SELECT tram.subtotals_put_in(%s::integer[], %s::bigint[], %s)", (area_nos, keys, decided))
        return kept

    def invent_row(self):
        rng = self.rng
        row = {"outcome": rng.choices((1, 2, 3), (6, 2, 2))[0], "qualifier": rng.randrange(7), "status": rng.choice("AAAABPEIF"),
               "missing": 0 if rng.random() < 0.9 else rng.choice((1, 1, 2, 3)),
               "flags": (1 if rng.random() < 0.1 else 0) | (2 if rng.random() < 0.2 else 0)}
        row |= {part: invent(rng) if rng.random() < 0.9 else None for part in ("value", "numerator", "denominator", "weight")}
        if row["missing"]:
            row |= {"value": None, "numerator": None, "denominator": None, "weight": None, "status": "M"}
        return row


def rounded(value):
    """To twelve digits."""
    value = Fraction(value)
    return Context(prec=12).divide(Decimal(value.numerator), Decimal(value.denominator))


def fraction(value):
    return None if value is None else Fraction(value)


def stored_subtotals(db):
    rows = db.execute("SELECT n.area, s.indicator, tram.period_text((t.first_key >> 14 & 1073741823)::integer), t.reporting,"
                      " t.not_applicable, t.held, t.demonstration, t.value, t.numerator, t.denominator, t.population, t.statuses,"
                      " t.qualifiers FROM tram.subtotal t JOIN tram.area_number n USING (area_no)"
                      " JOIN tram.series s ON s.series_no = t.first_key >> 44").fetchall()
    found = {row[:3]: (*row[3:7], *map(Fraction, row[7:11]), *row[11:]) for row in rows}
    return {key: row for key, row in found.items() if row != Total().row()}


def faults(db):
    return [fault for area in "abc" for fault in db.execute(
        "SELECT f.indicator, f.time_period FROM tram.area_number n, tram.subtotal_faults(n.area_no) f WHERE n.area = %s",
        (f"63/{area}",)).fetchall()]


class Subtotals(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.db = connect()
        for path in sorted((ROOT / "aggregator/store/sql").glob("*/*.sql")):
            with cls.db.transaction():
                cls.db.execute(path.read_text(encoding="utf-8"))
        load_catalogue(cls.db)
        cls.figures = Figures(cls.db)
        sessions = [Session(number, SEED + number, cls.figures) for number in range(SESSIONS)]
        for session in sessions:
            session.start()
        for session in sessions:
            session.join()
        cls.failures = [session.failure for session in sessions if session.failure]

    def test_1_sessions_at_once_keep_them_exact(self):
        self.assertEqual(self.failures, [])
        expected = self.figures.subtotals()
        self.assertGreater(len(expected), 3 * len(PERIODS))
        self.compare(expected)

    def compare(self, expected):
        found = stored_subtotals(self.db)
        self.assertEqual({key: (found.get(key), expected.get(key)) for key in found.keys() | expected.keys()
                          if found.get(key) != expected.get(key)}, {})
        self.assertEqual(faults(self.db), [])

    def test_2_roll_ups_are_made_of_them(self):
        """At every level, and the same from history."""
        for level in ("nation", "region", "province"):
            totals = self.figures.totals(level)
            for indicator in ("count", "share", "mean_own", "mean_by_count"):
                for period in PERIODS:
                    now = self.rollup(indicator, period, level, None)
                    self.assertEqual(now, self.rollup(indicator, period, level, "2100-01-01"), (indicator, period, level))
                    for unit, row in now.items():
                        total = totals.get((unit, indicator, period), Total())
                        self.assertEqual(row, self.expected_row(total, unit, indicator, period, level), (indicator, period, unit))

    def test_2_who_is_missing_is_named(self):
        """Provinces, and how many of their communes: the same from what is kept and from history."""
        partly = 0
        for level, indicator, period in itertools.product(("nation", "region", "province"),
                                                          ("count", "share", "mean_own", "mean_by_count"), PERIODS):
            found = {as_of: dict(self.db.execute("SELECT area, missing FROM tram.rollup(%s, %s, %s, NULL, %s)",
                                                 (indicator, period, level, as_of)).fetchall()) for as_of in (None, "2100-01-01")}
            expected = {}
            for unit in found[None]:
                expected[unit] = []
                for province, gone in self.figures.missing(unit, indicator, period, level).items():
                    communes = sum(COMMUNES[area][0] == province for area in expected_communes(period))
                    partly += 0 < len(gone) < communes
                    if gone:
                        expected[unit].append(province + (f":{len(gone)}/{communes}" if len(gone) < communes else ""))
            self.assertEqual(found, {None: expected, "2100-01-01": expected}, (indicator, period, level))
        self.assertGreater(partly, 20)
        self.assertEqual(self.db.execute("SELECT tram.area_names(ARRAY['63/a', '63/b:3/8'], '2024-01', 'en'),"
                                         " tram.area_names(ARRAY['63/b:3/8', '63/a'], '2024-01', 'vi')").fetchone(),
                         ("Alpha, Beta (3 of 8 communes)", "Bê (3/8 đơn vị cấp xã), An"))

    def test_2_who_is_missing_over_months_is_named(self):
        """Who is in force at the end of a month of the quarter is expected; who says something of any of them is not missing."""
        for indicator in ("count", "share"):
            rows = dict(self.db.execute("SELECT area, missing FROM tram.rollup(%s, '2024-Q1', 'province')", (indicator,)).fetchall())
            expected = {}
            for province in "abc":
                months = [{area for area in expected_communes(period) if area.startswith(f"63/{province}")} for period in PERIODS[:2]]
                gone = [area for area in months[0] | months[1]
                        if all(area not in there or self.figures.parts(area, indicator, period) is None
                               for there, period in zip(months, PERIODS))]
                expected[f"63/{province}"] = [f"63/{province}:{len(gone)}/{len(months[0] | months[1])}"] if gone else []
            self.assertEqual(rows, expected, indicator)
        with self.db.transaction(force_rollback=True):
            self.db.execute("INSERT INTO tram.observation VALUES ((SELECT series_no::bigint << 44 FROM tram.series WHERE indicator ="
                            " 'count') | (tram.period_pack('2023-02')::bigint << 14), 1, now(), %s, 1, 0, 1, 1, 0, 0, 'A', 7)",
                            (self.figures.numbers["63/a1"],))
            rows = dict(self.db.execute("SELECT area, missing FROM tram.rollup('count', '2023-Q1', 'province')").fetchall())
        self.assertEqual(rows, {"63/a": ["63/a:4/5"], "63/b": ["63/b"], "63/c": ["63/c"]})

    def test_2_the_interval_is_exact_or_said_to_be_absent(self):
        exact = 0
        for level, indicator, period in itertools.product(("nation", "region", "province"),
                                                          ("count", "share", "mean_own", "mean_by_count"), PERIODS):
            ask = ("SELECT area, interval_low, interval_high, interval_basis, areas_expected - areas_reporting, parts_expected -"
                   " parts_reporting, value IS NOT NULL FROM tram.rollup(%s, %s, %s, NULL, %s)")
            for unit, low, high, basis, *_ in self.db.execute(ask, (indicator, period, level, "2100-01-01")).fetchall():
                expected = self.figures.interval(unit, indicator, period, level)
                if low is not None and INDICATORS[indicator][1] != "sum":
                    low, high = rounded(low), rounded(high)
                self.assertEqual((low, high, basis), expected, (indicator, period, unit))
                exact += low is not None
            for unit, low, high, basis, areas, parts, counts in self.db.execute(ask, (indicator, period, level, None)).fetchall():
                # a mean of figures that weigh nothing has no value
                counts = counts or any(self.figures.parts(area, indicator, period) for area in expected_communes(period)
                                       if counts_for(COMMUNES[area][0], level) == unit)
                self.assertEqual((low, high, basis, parts), (None, None, f"not_worked_out:{areas}" if counts and areas else "", areas))
        self.assertGreater(exact, 10)

    def test_2_what_was_taken_out_leaves_no_digits_behind(self):
        """Else what is known now would not be what history says, and a closed period would have moved."""
        area = next(a for a in COMMUNES if is_there(a, "2024-02"))
        number, first = self.figures.numbers[area], len(self.figures.revisions.get((area, "share", "2024-02"), []))
        with self.db.transaction(force_rollback=True):
            for revision, numerator in enumerate((Decimal("7.00000000000000000000000000000001"), 7), first):
                key = self.figures.key("share", "2024-02", revision)
                self.db.execute("SELECT tram.subtotals_take_out(%s, %s::bigint[], false)", ([number], [key]))
                self.db.execute("INSERT INTO tram.observation (key, report_no, known_at, area_no, line, rank_out_of, outcome, qualifier,"
                                " missing_reason, flags, obs_status, numerator, denominator) VALUES (%s, 1, now(), %s, 1, 0, 1, 1, 0,"
                                " 0, 'A', %s, 3)", (key, number, numerator))
                self.db.execute("SELECT tram.subtotals_put_in(%s, %s::bigint[], false)", ([number], [key]))
            now, then = (self.db.execute("SELECT r.* FROM unnest(ARRAY['nation', 'region', 'province']) level,"
                                         " LATERAL tram.rollup('share', '2024-02', level, NULL, %s) r", (as_of,)).fetchall()
                         for as_of in (None, "2100-01-01"))
        self.assertEqual([row[:6] for row in now], [row[:6] for row in then])

    def rollup(self, indicator, period, level, as_of, open_=False):
        rows = self.db.execute("SELECT area, value, numerator, denominator, areas_reporting, areas_expected, coverage_weight, held,"
                               " finality, obs_status, qualifier, demonstration FROM tram.rollup(%s, %s, %s, NULL, %s, %s)",
                               (indicator, period, level, as_of, open_)).fetchall()
        # a quotient has as many digits as PostgreSQL gives it
        return {row[0]: (None if row[1] is None else rounded(row[1]), *(fraction(part) for part in row[2:4]), *row[4:6],
                         rounded(row[6]), *row[7:]) for row in rows}

    @staticmethod
    def expected_row(total, unit, indicator, period, level):
        method = INDICATORS[indicator][1]
        communes = [area for area, (province, *_) in COMMUNES.items()
                    if is_there(area, period) and counts_for(province, level) == unit]
        people = [COMMUNES[area][3] for area in communes]
        counted = any(is_there(area, period) and COMMUNES[area][3] is None for area in COMMUNES)
        reporting = total.reporting + total.nothing
        share = Fraction(reporting, len(communes)) if counted else total.population / sum(people)
        value = total.value if method == "sum" else total.top / total.bottom if total.bottom else None
        there = [place for place, n in enumerate(total.qualifiers) if n]
        qualifier = 6 if {2, 3} & set(there) and 4 in there else max(there, default=0)
        return (rounded(value) if total.reporting and value is not None else None,
                *((total.top, total.bottom) if method != "sum" and total.reporting else (None, None)), reporting, len(communes),
                rounded(share), total.held,
                "final" if reporting == len(communes) else "provisional",
                max((STATUSES[place] for place, n in enumerate(total.statuses) if n), key=STATUSES.index, default="M"),
                ("", "exact", "at_least", "more_than", "at_most", "nearly", "approx")[qualifier], total.demonstration > 0)

    def test_3_what_was_tampered_with_is_named(self):
        with self.db.transaction(force_rollback=True):
            self.db.execute("UPDATE tram.subtotal SET value = value + 0.001 WHERE (first_key, area_no) ="
                            " (%s, %s)", (self.figures.key("count", "2024-02"), self.figures.numbers["63/b"]))
            self.assertEqual(faults(self.db), [("count", "2024-02")])
        with self.db.transaction(force_rollback=True):
            self.db.execute("DELETE FROM tram.subtotal WHERE (first_key, area_no) = (%s, %s)",
                            (self.figures.key("share", "2025-12"), self.figures.numbers["63/c"]))
            self.assertEqual(faults(self.db), [("share", "2025-12")])

    def test_4_a_weight_that_comes_later_moves_its_mean(self):
        """Both are first revisions, each in a transaction of its own."""
        area_no, rows = self.figures.numbers["63/c2"], []
        period = self.db.execute("SELECT tram.period_pack('2023-01')").fetchone()[0]
        for indicator in ("mean_by_count", "count"):
            key = self.figures.series[indicator] << 44 | period << 14
            rows.append(key)
            with self.db.transaction():
                self.db.execute("SELECT tram.subtotals_take_out(%s, %s::bigint[], false)", ([area_no], [key]))
                self.db.execute("INSERT INTO tram.observation VALUES (%s, 1, now(), %s, 1, 0, 1, 1, 0, 0, 'A', 7)", (key, area_no))
                self.db.execute("SELECT tram.subtotals_put_in(%s, %s::bigint[], false)", ([area_no], [key]))
        self.assertEqual(self.db.execute("SELECT reporting, numerator, denominator FROM tram.subtotal WHERE first_key = %s",
                                         (rows[0],)).fetchall(), [(1, 49, 7)])
        self.db.execute("DELETE FROM tram.observation WHERE area_no = %s AND key = ANY (%s)", (area_no, rows))
        self.db.execute("DELETE FROM tram.subtotal WHERE first_key = ANY (%s)", (rows,))

    def known(self, period):
        """By indicator and level: the roll-ups that there should be, and what moves when it changes."""
        rows, told = {}, {}
        for indicator, level in itertools.product(("count", "share", "mean_own", "mean_by_count"), ("nation", "region", "province")):
            totals = self.figures.totals(level)
            units = {"VN"} if level == "nation" else {unit for unit in UNITS if UNITS[unit][0] == level}
            for unit in units:
                total = totals.get((unit, indicator, period), Total())
                row = self.expected_row(total, unit, indicator, period, level)
                rows.setdefault((indicator, level), {})[unit] = row
                told[indicator, level, unit] = total.reporting > 0 and (total.value, total.top, total.bottom, row[9])
        return rows, told

    def assert_shown(self, period, rows, open_=False):
        for (indicator, level), expected in rows.items():
            self.assertEqual(self.rollup(indicator, period, level, None, open_), expected, (indicator, level, open_))

    def counted(self, indicator, period, as_of=None):
        return {area for area, in self.db.execute("SELECT area FROM tram.contributions(%s, tram.period_pack(%s), 'nation', NULL, %s)"
                                                  " WHERE state IN ('counts', 'not_applicable')", (indicator, period, as_of))}

    def test_4_a_closed_period_keeps_what_communes_came_to(self):
        """Of the nation, regions and provinces; what each commune had stated then is in history."""
        period, close = "2024-02", "SELECT vintage, closed_at FROM tram.close_period('communes', '2024-02', 'An', 'năm', true)"
        rows, told = self.known(period)
        communes = [area for area in expected_communes(period) if self.figures.parts(area, "count", period) is not None]
        vintage, closed_at = self.db.execute(close).fetchone()
        self.assertEqual(vintage, 1)
        session = Session(0, SEED, self.figures)
        session.own = [(area, indicator, period) for area in COMMUNES for indicator in INDICATORS]
        for _ in range(20):
            session.transaction(self.db)
        rows_now, told_now = self.known(period)
        self.assertNotEqual(told, told_now)
        self.assert_shown(period, rows)
        self.assert_shown(period, rows_now, open_=True)
        moved = {(indicator, level, unit): found for indicator, level in rows for unit, found in self.db.execute(
            "SELECT area, moved FROM tram.rollup(%s, %s, %s)", (indicator, period, level))}
        self.assertEqual(moved, {key: told[key] != told_now[key] for key in told})
        self.assertEqual(self.counted("count", period, closed_at), set(communes))
        self.assertEqual(self.db.execute("SELECT * FROM tram.closing_faults()").fetchall(), [])
        self.assertEqual(self.db.execute(close).fetchone()[0], 2)
        self.assert_shown(period, rows_now)

    def test_5_another_catalogue_counts_them_anew(self):
        """A commune goes to another province, another gets a population, and a mean becomes a sum."""
        COMMUNES["63/c1"] = ("63/a", *COMMUNES["63/c1"][1:])
        COMMUNES["63/a5"] = (*COMMUNES["63/a5"][:3], 4)
        INDICATORS["mean_own"] = ("communes", "sum", "")
        self.db.execute("UPDATE tram.area SET parent = '63/a' WHERE area = '63/c1'")
        self.db.execute("UPDATE tram.area SET population = 4 WHERE area = '63/a5'")
        self.db.execute("UPDATE tram.indicator SET over_area = 'sum', mean_weight = '' WHERE indicator = 'mean_own'")
        self.db.execute("SELECT tram.communes_loaded()")
        self.compare(self.figures.subtotals())
        self.assertEqual(self.db.execute("SELECT n.area, c.valid_from::text, c.communes, c.population FROM tram.commune_count c"
                                         " JOIN tram.area_number n ON n.area_no = c.province_no ORDER BY 1, 2").fetchall(),
                         [("63/a", "2008-01-01", 6, Decimal(11491)), ("63/a", "2024-02-01", 5, Decimal(11487)),
                          ("63/b", "2008-01-01", 4, Decimal(10392)), ("63/b", "2024-02-15", 5, Decimal(10469)),
                          ("63/c", "2008-01-01", 4, Decimal(14396))])


if __name__ == "__main__":
    print(f"TRAM_TEST_SEED={SEED}", file=sys.stderr)
    unittest.main(verbosity=2)
