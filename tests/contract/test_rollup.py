#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""
The roll-ups against an independent, exact recomputation: random history (revisions, holds, decisions, withdrawals, missing
values) goes into a real PostgreSQL, and every method, level, boundary and moment is worked out again here in fractions.

Run by: tests/contract/with-postgres tests/contract/test_rollup.py
"""

import csv
import datetime as dt
import os
import pathlib
import random
import sys
import unittest
from decimal import Decimal
from fractions import Fraction

import psycopg

ROOT = pathlib.Path(__file__).resolve().parents[2]
SEED = int(os.environ.get("TRAM_TEST_SEED", "20260712"))  # the same every time: what fails, fails again
NOW = dt.datetime(2026, 1, 1, tzinfo=dt.timezone.utc)
FOREVER = None
STATUS_ORDER = "ABPEIFM"
QUALIFIERS = ("", "exact", "at_least", "more_than", "at_most", "nearly", "approx")

# code: (provided_by, unit, over_area, mean_weight, derives_from)
INDICATORS = {
    "count_sum": ("province", "person", "sum", "", ""),
    "share": ("province", "percent", "ratio_of_sums", "", ""),
    "density": ("province", "per_km2", "ratio_of_sums", "", ""),
    "mean_by_other": ("province", "Mbps", "weighted_mean", "count_sum", ""),
    "mean_by_own": ("province", "Mbps", "weighted_mean", "observation", ""),
    "national": ("centre", "document", "national_only", "", ""),
    "distinct": ("centre", "procedure", "distinct_union", "", ""),
    "place": ("centre", "rank", "rank_external", "", ""),
    "aim": ("centre", "percent", "target", "", ""),
    "told_by_centre": ("centre", "person", "sum", "", ""),
    "sum_growth": ("centre", "percent", "growth_recomputed", "", "count_sum"),
    "sum_multiple": ("centre", "times", "growth_recomputed", "", "count_sum"),
    "national_growth": ("centre", "percent", "growth_recomputed", "", "national"),
    "quotient": ("centre", "times", "growth_recomputed", "", "count_sum / share"),
    "growth_of_growth": ("centre", "times", "growth_recomputed", "", "sum_growth / national_growth"),
}
# What cannot be asked for below the nation, and what is said then.
ONLY_OF_THE_NATION = {"national": "for the nation only", "place": "a rank is never", "national_growth": "derives from national",
                      "growth_of_growth": "derives from sum_growth"}
PERIODS = ("2022", "2023", "2024", "2023-S1", "2024-S1", "2025", "2026")


def connect():
    return psycopg.connect(os.environ["TRAM_TEST_POSTGRES"], autocommit=True)


def make_schema(db):
    for path in sorted((ROOT / "aggregator/store/sql").glob("*/*.sql")):
        with db.transaction():
            db.execute(path.read_text(encoding="utf-8"))


def load_registry(db):
    def rows(name):
        with open(ROOT / "deploy/registry" / name, encoding="utf-8", newline="") as f:
            return list(csv.DictReader(f))
    areas = rows("areas.csv")
    for area in dict.fromkeys(row["area"] for row in areas):
        db.execute("INSERT INTO tram.area_number (area) VALUES (%s)", (area,))
    for row in areas:
        db.execute("INSERT INTO tram.area SELECT %s, area_no, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, NULL, %s"
                   " FROM tram.area_number WHERE area = %s",
                   (row["area"], row["level"], row["vintage"], row["code"], row["parent"], row["valid_from"],
                    row["valid_to"] or None, row["name_vi"], row["short_name_vi"], row["name_en"], row["kind"],
                    row["iso_3166_2"], row["population"] or None, row["area"]))
    for row in rows("succession.csv"):
        db.execute("INSERT INTO tram.area_succession VALUES (%s, %s, %s)", tuple(row.values()))
    return areas


def load_catalogue(db):
    db.execute("INSERT INTO tram.catalogue (version, digest) VALUES (3, '\\x00')")
    for by in ("province", "centre"):
        db.execute("INSERT INTO tram.dataflow VALUES (%s, '', '', %s, 'A|S', '', '', '2000-01-01', NULL)", (f"by_{by}", by))
    for code, (by, unit, method, weight, derives) in INDICATORS.items():
        db.execute("INSERT INTO tram.indicator VALUES (%s, %s, '', '', 'count', %s, '', 0, 0, false, NULL, NULL, '', %s,"
                   " 'last', %s, 'population', %s, '', '', 'A', true, 400, '', '2000-01-01', NULL, '')",
                   (code, f"by_{by}", unit, method, weight, derives))
        db.execute("INSERT INTO tram.series (indicator) VALUES (%s)", (code,))


class Revision:
    """One stored observation and the decisions on it, as this test invents them."""

    def __init__(self, rng, number, known_at, parts):
        self.number, self.known_at = number, known_at
        self.outcome = rng.choices((1, 2, 3), (6, 2, 2))[0]
        self.withdrawn = number > 0 and rng.random() < 0.1
        self.missing = 0 if rng.random() < 0.9 else rng.choice((1, 1, 2, 3))
        self.demonstration = rng.random() < 0.3
        self.status = rng.choice("AAAAABPEIF")
        self.qualifier = rng.choice((1, 1, 1, 1, 2, 3, 4, 5, 6))
        self.numerator = self.denominator = self.value = self.weight = None
        if self.missing:
            self.status = "M"
        elif parts:
            self.numerator, self.denominator = (invent(rng, 1, 10**9) for _ in range(2))
            if rng.random() < 0.05:
                self.denominator = None
        else:
            self.value = invent(rng, 0, 10 ** rng.choice((1, 4, 9, 17)))
            self.weight = invent(rng, 1, 10**6) if rng.random() < 0.95 else None
        self.decisions = []
        while rng.random() < 0.25:
            at = (self.decisions[-1][0] if self.decisions else known_at) + dt.timedelta(days=rng.randrange(1, 30))
            self.decisions.append((at, rng.choice(("released", "refused", "held", "withdrawn"))))

    def outcome_at(self, as_of):
        """As said first, unless the last decision by then said otherwise."""
        made = [what for at, what in self.decisions if as_of is FOREVER or at <= as_of]
        return {"released": 1, "held": 3, "refused": 4, "withdrawn": 6}[made[-1]] if made else self.outcome

    def row(self, area_no, key):
        flags = (1 if self.withdrawn else 0) | (2 if self.demonstration else 0)
        return (key | self.number, 1 << 40 | 1, self.known_at, area_no, 1, 0, self.outcome, self.qualifier, self.missing,
                flags, self.status, self.value, self.numerator, self.denominator, self.weight)


def invent(rng, low, high):
    scale = rng.choice((0, 0, 1, 2, 5))
    return Decimal(rng.randrange(low * 10**scale, high * 10**scale + 1)).scaleb(-scale)


def fraction(value):
    return None if value is None else Fraction(value)


class History:
    """Everything stored, and what follows from it."""

    def __init__(self, db, rng, areas):
        self.areas = areas
        self.cells = {}  # (area, indicator, period): [Revision]
        numbers = dict(db.execute("SELECT area, area_no FROM tram.area_number").fetchall())
        series = dict(db.execute("SELECT indicator, series_no FROM tram.series").fetchall())
        packed = {p: db.execute("SELECT tram.period_pack(%s)", (p,)).fetchone()[0] for p in PERIODS}
        observations, decisions = [], []
        for indicator, (by, *_, derives) in INDICATORS.items():
            for period in PERIODS if not derives else ():
                fill = rng.choice((1.0, 1.0, 0.9, 0.3, 0.0)) if period != "2024" else 1.0
                for area in self.stating(by, period):
                    if rng.random() >= fill:
                        continue
                    key = series[indicator] << 44 | packed[period] << 14
                    at = NOW - dt.timedelta(days=rng.randrange(100, 400))
                    cell = self.cells.setdefault((area, indicator, period), [])
                    for number in range(rng.choice((1, 1, 1, 2, 4))):
                        cell.append(Revision(rng, number, at, self.has_parts(indicator)))
                        at += dt.timedelta(days=rng.randrange(1, 60))
                    for revision in cell:
                        observations.append(revision.row(numbers[area], key))
                        decisions += [(numbers[area], key | revision.number, what, when)
                                      for when, what in revision.decisions]
        self.store(db, packed, observations, decisions)

    def store(self, db, packed, observations, decisions):
        db.execute("INSERT INTO tram.agent (agent) VALUES ('a')")
        db.execute("INSERT INTO tram.stream (agent, agent_no, epoch, chain, first_chain) SELECT 'a', agent_no,"
                   " repeat('0', 32), decode(repeat('00', 32), 'hex'), decode(repeat('00', 32), 'hex') FROM tram.agent")
        number = 0
        for dataflow in ("by_province", "by_centre"):
            for period in PERIODS:
                number += 1
                db.execute("INSERT INTO tram.report SELECT 1::bigint << 40 | %s, now(), now(), now(), agent_no, 3, %s, NULL,"
                           " NULL, NULL, 1, 'R', false, '', 'P', %s, %s, '', '', NULL, '', NULL, '', '' FROM tram.agent",
                           (number, packed[period], dataflow, period))
        cursor = db.cursor()
        with cursor.copy("COPY tram.observation (key, report_no, known_at, area_no, line, rank_out_of, outcome, qualifier,"
                         " missing_reason, flags, obs_status, value, numerator, denominator, weight) FROM STDIN") as copy:
            for row in observations:
                copy.write_row(row)
        with cursor.copy("COPY tram.decision (area_no, key, decision, decided_at, decided_by, reason) FROM STDIN") as copy:
            for area_no, key, what, when in decisions:
                copy.write_row((area_no, key, what, when, "test", "test"))

    @staticmethod
    def has_parts(indicator):
        return INDICATORS[indicator][2] in ("ratio_of_sums", "distinct_union")

    # ------------------------------------------------------------ areas

    @staticmethod
    def last_day(period):
        year = int(period[:4])
        return f"{year}-06-30" if period.endswith("S1") else f"{year}-12-31"

    def provinces(self, period):
        day = self.last_day(period)
        return {row["area"]: row for row in self.areas
                if row["level"] == "province" and row["valid_from"] <= day <= (row["valid_to"] or "9999")}

    def stating(self, by, period):
        return ["VN"] if by == "centre" else sorted(self.provinces(period))

    def unit_of(self, row, level, boundary):
        if level == "nation":
            return "VN"
        area = row
        if row["vintage"] != boundary:
            with open(ROOT / "deploy/registry/succession.csv", encoding="utf-8", newline="") as f:
                heir = {r["predecessor"]: r["successor"] for r in csv.DictReader(f)}[row["area"]]
            area = next(r for r in self.areas if r["area"] == heir)
        return area["parent"] if level == "region" else area["area"]

    # ------------------------------------------------------------ one figure

    def figure(self, area, indicator, period, as_of):
        """The revision that stands (or None), and whether a later one is held."""
        known = [r for r in self.cells.get((area, indicator, period), []) if as_of is FOREVER or r.known_at <= as_of]
        held = bool(known) and known[-1].outcome_at(as_of) == 3
        standing = [r for r in known if r.outcome_at(as_of) in (1, 2, 6)]
        if not standing or standing[-1].outcome_at(as_of) == 6 or standing[-1].withdrawn:
            return None, held
        return standing[-1], held

    def weight(self, area, indicator, period, as_of, figure):
        source = INDICATORS[indicator][3]
        if source == "observation":
            return fraction(figure.weight)
        other, _ = self.figure(area, source, period, as_of)
        return fraction(other.value) if other else None

    # ------------------------------------------------------------ roll-ups

    def rollup(self, indicator, period, level, boundary, as_of):
        by, unit, method, _, derives = INDICATORS[indicator]
        if derives:
            return self.derived(indicator, period, level, boundary, as_of)
        provinces = self.provinces(period)
        if by == "centre":
            units = {"VN": ["VN"]} if level == "nation" else {}
        else:
            units = {}
            for area, row in provinces.items():
                units.setdefault(self.unit_of(row, level, boundary), []).append(area)
        return {name: self.added(indicator, period, areas, as_of, provinces) for name, areas in units.items()}

    def added(self, indicator, period, areas, as_of, provinces):
        by, unit, method, _, _ = INDICATORS[indicator]
        counted, reporting, held = [], [], 0
        for area in areas:
            figure, is_held = self.figure(area, indicator, period, as_of)
            held += is_held
            if figure is None:
                continue
            if figure.missing == 1:
                reporting.append(area)
            if figure.missing:
                continue
            weight = self.weight(area, indicator, period, as_of, figure) if method == "weighted_mean" else None
            parts = (fraction(figure.value), fraction(figure.numerator), fraction(figure.denominator), weight)
            complete = {"ratio_of_sums": None not in parts[1:3], "weighted_mean": None not in (parts[0], parts[3]),
                        "distinct_union": None not in parts[1:3]}.get(method, parts[0] is not None)
            if complete:
                counted.append((figure, parts))
                reporting.append(area)
        population = {a: Fraction(provinces[a]["population"]) if a != "VN" else Fraction(1) for a in areas}
        result = {
            "value": self.value(method, unit, [parts for _, parts in counted]),
            "areas_reporting": len(reporting), "areas_expected": len(areas), "held": held,
            "coverage_weight": sum((population[a] for a in reporting), Fraction(0)) / sum(population.values()),
            "obs_status": max((f.status for f, _ in counted), key=STATUS_ORDER.index, default="M"),
            "qualifier": self.weakest({f.qualifier for f, _ in counted}),
            "demonstration": any(f.demonstration for f, _ in counted),
        }
        result["finality"] = "final" if len(reporting) == len(areas) else "provisional"
        return result

    @staticmethod
    def weakest(qualifiers):
        """At least one and at most another add up to neither."""
        names = {QUALIFIERS[q] for q in qualifiers}
        if names & {"at_least", "more_than"} and "at_most" in names:
            return "approx"
        return QUALIFIERS[max(qualifiers, default=0)]

    @staticmethod
    def value(method, unit, parts):
        if not parts:
            return None
        if method in ("ratio_of_sums", "distinct_union"):
            top, bottom = sum(p[1] for p in parts), sum(p[2] for p in parts)
            return (100 if unit == "percent" else 1) * top / bottom if bottom else None
        if method == "weighted_mean":
            bottom = sum(p[3] for p in parts)
            return sum(p[0] * p[3] for p in parts) / bottom if bottom else None
        return sum(p[0] for p in parts)

    def derived(self, indicator, period, level, boundary, as_of):
        _, unit, _, _, derives = INDICATORS[indicator]
        names = derives.split(" / ")
        if len(names) == 1:
            before = str(int(period[:4]) - 1) + period[4:]
            bottoms = self.rollup(names[0], before, level, boundary, as_of)
        else:
            bottoms = self.rollup(names[1], period, level, boundary, as_of)
        results = {}
        for unit_name, top in self.rollup(names[0], period, level, boundary, as_of).items():
            bottom = bottoms.get(unit_name, {"value": None, "areas_reporting": 0, "areas_expected": top["areas_expected"],
                                             "coverage_weight": Fraction(0), "finality": "provisional", "obs_status": "M",
                                             "qualifier": "", "demonstration": False, "held": 0})
            less = bottom if bottom["coverage_weight"] < top["coverage_weight"] else top
            value = None
            if top["value"] is not None and bottom["value"]:
                value = top["value"] / bottom["value"]
                if unit == "percent":
                    value = (value - 1) * 100 if len(names) == 1 else value * 100
            results[unit_name] = {
                "value": value, "areas_reporting": less["areas_reporting"], "areas_expected": less["areas_expected"],
                "coverage_weight": less["coverage_weight"], "held": top["held"] + bottom["held"],
                "finality": "final" if top["finality"] == bottom["finality"] == "final" else "provisional",
                "obs_status": max(top["obs_status"], bottom["obs_status"], key=STATUS_ORDER.index),
                # A bound of the divisor is the opposite bound of the quotient, and with one on top it is none at all.
                "qualifier": "approx" if bottom["qualifier"] in ("at_least", "more_than", "at_most")
                             else max(top["qualifier"], bottom["qualifier"], key=QUALIFIERS.index),
                "demonstration": top["demonstration"] or bottom["demonstration"],
            }
        return results


class RollupTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        print(f"TRAM_TEST_SEED={SEED}", file=sys.stderr)
        cls.rng = random.Random(SEED)
        cls.db = connect()
        make_schema(cls.db)
        areas = load_registry(cls.db)
        load_catalogue(cls.db)
        cls.history = History(cls.db, cls.rng, areas)
        cls.db.execute("ANALYZE")

    @classmethod
    def tearDownClass(cls):
        cls.db.close()

    def ask(self, *question):
        cursor = self.db.cursor(row_factory=psycopg.rows.dict_row)
        return {row["area"]: row for row in cursor.execute("SELECT * FROM tram.rollup(%s, %s, %s, %s, %s)", question)}

    def assert_close(self, stored, exact, about):
        """A sum is exact; a division is right to its last digit, and has at least sixteen that count."""
        if exact is None or stored is None:
            self.assertEqual(stored, exact, about)
            return
        self.assertLessEqual(abs(Fraction(stored) - exact), abs(exact) / 10**14 if stored else Fraction(1, 10**14), about)

    def assert_rollup(self, indicator, period, level, boundary, as_of):
        about = f"{indicator} {period} {level} {boundary} as of {as_of}"
        in_force = "63" if period < "2025" or period.endswith("S1") else "34"
        stored = self.ask(indicator, period, level, boundary, as_of)
        exact = self.history.rollup(indicator, period, level, boundary or in_force, as_of)
        self.assertEqual(set(stored), set(exact), about)
        for name, want in exact.items():
            got = stored[name]
            if INDICATORS[indicator][2] == "sum":
                self.assertEqual(fraction(got["value"]), want["value"], about)
            self.assert_close(got["value"], want["value"], about)
            self.assert_close(got["coverage_weight"], want["coverage_weight"], about)
            for column in ("areas_reporting", "areas_expected", "held", "obs_status", "qualifier", "demonstration",
                           "finality"):
                self.assertEqual(got[column], want[column], f"{column} of {name}: {about}")
            self.assertEqual((got["boundary"], got["catalogue_version"], got["method"], got["time_period"]),
                             (boundary or in_force, 3, INDICATORS[indicator][2], period), about)

    def test_every_method_now(self):
        for indicator in INDICATORS:
            for period in PERIODS:
                with self.subTest(indicator=indicator, period=period):
                    self.assert_rollup(indicator, period, "nation", None, FOREVER)

    def test_levels(self):
        for indicator in INDICATORS:
            for level in ("region", "province"):
                for period in self.rng.sample(PERIODS, 2):
                    with self.subTest(indicator=indicator, level=level, period=period):
                        if indicator not in ONLY_OF_THE_NATION:
                            self.assert_rollup(indicator, period, level, None, FOREVER)
                            continue
                        with self.assertRaises(psycopg.errors.InvalidParameterValue) as refusal:
                            self.ask(indicator, period, level, None, FOREVER)
                        self.assertIn(ONLY_OF_THE_NATION[indicator], str(refusal.exception))

    def test_as_known_then(self):
        for indicator in INDICATORS:
            for _ in range(6):
                as_of = NOW - dt.timedelta(days=self.rng.randrange(0, 420), seconds=self.rng.randrange(86400))
                period = self.rng.choice(PERIODS)
                with self.subTest(indicator=indicator, period=period, as_of=as_of):
                    self.assert_rollup(indicator, period, "nation", None, as_of)

    def test_old_figures_in_new_units(self):
        for indicator in ("count_sum", "share", "mean_by_other", "sum_growth", "sum_multiple", "quotient"):
            for level in ("nation", "region", "province"):
                with self.subTest(indicator=indicator, level=level):
                    self.assert_rollup(indicator, "2024", level, "34", FOREVER)

    def test_growth_over_the_change_of_units(self):
        """The year before is counted in the units of this year: a province of 2025 grows from those it was made of."""
        for indicator in ("sum_growth", "sum_multiple"):
            for level in ("nation", "region", "province"):
                with self.subTest(indicator=indicator, level=level):
                    self.assert_rollup(indicator, "2025", level, None, FOREVER)

    def test_a_day_names_the_vintage_in_force_on_it(self):
        self.assertEqual(self.ask("count_sum", "2024", "province", "2026-03-01", None),
                         self.ask("count_sum", "2024", "province", "34", None))

    def test_what_cannot_be_asked(self):
        for question, word in ((("no_such", "2024", "nation", None, None), "no_such"),
                               (("count_sum", "2024-13", "nation", None, None), "2024-13"),
                               (("count_sum", "2024", "county", None, None), "county"),
                               (("count_sum", "2026", "nation", "63", None), "63"),
                               (("count_sum", "2025", "province", "63", None), "cannot be taken apart"),
                               (("count_sum", "2024", "nation", "99", None), "99"),
                               (("count_sum", "2024", "nation", "1990-01-01", None), "1990-01-01"),
                               (("count_sum", "2024", "nation", "2024-13-01", None), "2024-13-01")):
            with self.subTest(question=question), self.assertRaises(psycopg.errors.InvalidParameterValue) as refusal:
                self.ask(*question)
            self.assertIn(word, f"{refusal.exception} {refusal.exception.diag.message_hint}")

    def test_a_method_that_no_rollup_knows(self):
        for by in ("province", "centre"):
            with self.subTest(provided_by=by), self.db.transaction(force_rollback=True):
                self.db.execute("INSERT INTO tram.indicator SELECT (jsonb_populate_record(i, jsonb_build_object('indicator',"
                                " 'odd', 'over_area', 'median', 'dataflow', %s::text))).* FROM tram.indicator i"
                                " WHERE indicator = 'count_sum'", (f"by_{by}",))
                with self.assertRaises(psycopg.errors.FeatureNotSupported) as refusal, self.db.transaction():
                    self.ask("odd", "2024", "nation", None, None)
                self.assertIn("median", str(refusal.exception))

    def test_a_period_before_the_registry_has_no_provinces(self):
        self.assertEqual(self.ask("count_sum", "1990", "nation", None, None), {})
        self.assertEqual(self.ask("national", "1990", "nation", None, None)["VN"]["areas_expected"], 1)

    def test_view_is_the_function(self):
        view = self.db.execute("SELECT indicator, time_period, value, held FROM tram.national_rollup").fetchall()
        expected = []
        for indicator in INDICATORS:
            for period in PERIODS:
                row = self.ask(indicator, period, "nation", None, None)["VN"]
                if row["areas_reporting"] or row["held"]:
                    expected.append((indicator, period, row["value"], row["held"]))
        self.assertEqual(sorted(map(str, view)), sorted(map(str, expected)))

    def test_current_and_quarantine(self):
        current, quarantine = set(), set()
        for (area, indicator, period), cell in self.history.cells.items():
            figure, _ = self.history.figure(area, indicator, period, FOREVER)
            if figure:
                current.add((area, indicator, period, figure.number))
            overtaken = max((r.number for r in cell if r.outcome_at(FOREVER) in (1, 2, 6)), default=-1)
            quarantine |= {(area, indicator, period, r.number) for r in cell
                           if r.outcome_at(FOREVER) == 3 and r.number > overtaken}
        sql = "SELECT area, indicator, time_period, revision FROM tram."
        self.assertEqual(set(self.db.execute(sql + "observation_current").fetchall()), current)
        self.assertEqual(set(self.db.execute(sql + "quarantine").fetchall()), quarantine)
        one = {row for row in current if row[1] == "share" and row[2] == "2024"}
        self.assertEqual(set(self.db.execute(sql + "observation_current WHERE indicator = 'share' AND time_period = '2024'")
                             .fetchall()), one)

    def test_claims(self):
        stored = self.ask("count_sum", "2024", "nation", None, None)["VN"]["value"]
        parts = self.ask("distinct", "2024", "nation", None, None)["VN"]
        claims = [(1, "count_sum", "2024", round(stored / 1000, 1), None, None, 3, "equal"),
                  (2, "count_sum", "2024", round(stored / 1000, 1) + Decimal("0.1"), None, None, 3, "different"),
                  (3, "count_sum", "2021", 1, None, None, 0, "missing")]
        if parts["numerator"]:
            claims.append((4, "distinct", "2024", None, parts["numerator"], parts["denominator"], 0, "equal"))
            claims.append((5, "distinct", "2024", None, parts["numerator"], parts["denominator"] + 1, 0, "different"))
        for number, indicator, period, value, top, bottom, mult, _ in claims:
            self.db.execute("INSERT INTO tram.published_figure VALUES (%s, %s, %s, '2024-12-31', %s, %s, %s, NULL, '', %s,"
                            " 'exact', 'A', '2025-01-01', '', '')", (number, indicator, period, value, top, bottom, mult))
        self.assertEqual(self.db.execute("SELECT figure_no, agreement FROM tram.claim ORDER BY 1").fetchall(),
                         [(claim[0], claim[-1]) for claim in claims])

    def test_targets(self):
        self.db.execute("UPDATE tram.indicator SET target_of = 'share' WHERE indicator = 'aim'")
        rows = self.db.execute("SELECT time_period, indicator, value, target_indicator, target, qualifier, difference, reached"
                               " FROM tram.target").fetchall()
        of_nation = lambda indicator, period: self.history.rollup(indicator, period, "nation", "34", FOREVER)["VN"]
        self.assertEqual({row[0] for row in rows}, {p for p in PERIODS if of_nation("aim", p)["value"] is not None})
        for row in rows:
            aim, share = of_nation("aim", row[0]), of_nation("share", row[0])
            self.assertEqual((row[1], row[3], fraction(row[4]), row[5]), ("share", "aim", aim["value"], aim["qualifier"]), row)
            self.assert_close(row[2], share["value"], row)
            if share["value"] is None:
                self.assertEqual(row[6:], (None, None), row)
            else:
                self.assert_close(row[6] + row[4], share["value"], row)

    def test_when_a_target_is_reached(self):
        """At, below and above it, by what it asks for."""
        with self.db.transaction(force_rollback=True):
            self.db.execute("DELETE FROM tram.decision; UPDATE tram.indicator SET target_of = 'told_by_centre', unit = 'person'"
                            " WHERE indicator = 'aim'")
            for qualifier, reached in ((1, (True, False, True)), (2, (True, False, True)), (3, (False, False, True)),
                                       (4, (True, True, False))):
                for value, want in zip((100, 99, 101), reached):
                    self.db.execute("DELETE FROM tram.observation o USING tram.series s WHERE s.series_no = o.key >> 44"
                                    " AND s.indicator IN ('aim', 'told_by_centre')")
                    for indicator, stated in (("aim", 100), ("told_by_centre", value)):
                        self.db.execute("INSERT INTO tram.observation SELECT (s.series_no::bigint << 44) |"
                                        " (tram.period_pack('2024')::bigint << 14), 1::bigint << 40 | 1, '2025-03-01', a.area_no,"
                                        " 1, 0, 1, %s, 0, 0, 'A', %s FROM tram.series s, tram.area_number a"
                                        " WHERE s.indicator = %s AND a.area = 'VN'", (qualifier, stated, indicator))
                    self.assertEqual(self.db.execute("SELECT target, difference, reached FROM tram.target").fetchall(),
                                     [(100, value - 100, want)], qualifier)

    def test_types_of_a_reader_are_not_taken_for_those_that_are_meant(self):
        """What runs with its owner's rights must not run what a reader put in front of it, such as a check of a type; nor
        what was compiled for the reader, as PL/pgSQL compiles a function's variables once a session, whoever asks first."""
        open_to_it = self.db.execute(
            "SELECT p.proname FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang"
            " WHERE p.pronamespace = 'tram'::regnamespace AND NOT EXISTS (SELECT FROM unnest(p.proconfig) c"
            "   WHERE c LIKE 'search_path=%, pg_temp')"
            " AND (p.prosecdef OR p.proconfig::text LIKE '%search_path%' OR l.lanname = 'plpgsql'"
            "   AND substring(p.prosrc FROM 'DECLARE(.*?)BEGIN') ~ '\\m(date|text|timestamptz|interval|jsonb|bytea)\\M')")
        self.assertEqual(open_to_it.fetchall(), [])
        calls = [f"SELECT * FROM {call}" for call in (
            "tram.rollup('mean_by_other', '2024')", "tram.rollup('sum_growth', '2025', 'province')",
            "tram.rollup('count_sum', '2024', 'region', '34')", "tram.changes('infinity', NULL, 'count_sum')",
            "tram.contributions('count_sum', tram.period_pack('2024'), 'nation', '63', NULL)")]
        with connect() as reader:
            want = [reader.execute(call).fetchall() for call in calls]
        with connect() as reader:
            reader.execute("SET ROLE tram_reader")
            for name in ("date", "text", "timestamptz", "interval", "jsonb"):
                reader.execute(f"CREATE DOMAIN pg_temp.{name} AS pg_catalog.{name} CHECK (false)")
            reader.execute("SELECT FROM tram.expected_areas('2024-12-31', '2024-12-31', 'nation', '63')")
            self.assertEqual([reader.execute(call).fetchall() for call in calls], want)

    def test_readers_need_views_only(self):
        with connect() as reader:
            reader.execute("SET ROLE tram_reader")
            for view in ("national_rollup", "observation_current", "observation_history", "finding", "scoreboard",
                         "quarantine", "claim", "stream", "target"):
                reader.execute(f"SELECT * FROM tram.{view} LIMIT 1")
            reader.execute("SELECT * FROM tram.rollup('count_sum', '2024')")
            for hidden in ("observation", "batch", "decision", "agent_key"):
                with self.assertRaises(psycopg.errors.InsufficientPrivilege):
                    reader.execute(f"SELECT * FROM tram.{hidden} LIMIT 1")

    def test_auditors_read_all_and_write_nothing(self):
        tables = [row[0] for row in self.db.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'tram'").fetchall()]
        with connect() as auditor:
            auditor.execute("SET ROLE tram_auditor")
            for table in tables:
                auditor.execute(f"SELECT * FROM tram.{table} LIMIT 1")
                for command in (f"DELETE FROM tram.{table}", f"INSERT INTO tram.{table} DEFAULT VALUES"):
                    with self.subTest(command=command), self.assertRaises(psycopg.errors.InsufficientPrivilege):
                        auditor.execute(command)

    def test_writers_only_append(self):
        with connect() as writer:
            writer.execute("SET ROLE tram_writer")
            for command in ("UPDATE tram.observation SET value = 1", "DELETE FROM tram.report", "TRUNCATE tram.verdict",
                            "UPDATE tram.stream SET epoch = ''", "INSERT INTO tram.decision (area_no, key, decision,"
                            " decided_by, reason) VALUES (1, 1, 'released', 'me', '')", "DELETE FROM tram.agent",
                            "UPDATE tram.indicator SET unit = ''", "INSERT INTO tram.agent_key DEFAULT VALUES"):
                with self.subTest(command=command), self.assertRaises(psycopg.errors.InsufficientPrivilege):
                    writer.execute(command)


if __name__ == "__main__":
    unittest.main()
