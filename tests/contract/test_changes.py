#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""
What moved since a moment, against the oracle of the roll-ups: of random history every roll-up is worked out in fractions at
every moment at which anything became known, and what differs from the moment before is what must have been told; and
reading on by cursors, at any pace, comes to the same.

Run by: tests/contract/with-postgres tests/contract/test_changes.py
"""

import datetime as dt
import random
import sys
import unittest
from fractions import Fraction

import psycopg
import psycopg.types.json

import test_rollup as rollups
from test_rollup import INDICATORS, NOW, PERIODS, SEED, connect

DAY = dt.timedelta(days=1)
CAUSES = {"released": "release", "refused": "refusal", "held": "hold", "withdrawn": "withdrawal"}


class ChangesTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        print(f"TRAM_TEST_SEED={SEED}", file=sys.stderr)
        cls.rng = random.Random(SEED)
        cls.db = connect()
        rollups.make_schema(cls.db)
        areas = rollups.load_registry(cls.db)
        rollups.load_catalogue(cls.db)
        cls.history = rollups.History(cls.db, cls.rng, areas)
        cls.db.execute("ANALYZE")
        cls.moments = sorted({r.known_at for cell in cls.history.cells.values() for r in cell}
                             | {at for cell in cls.history.cells.values() for r in cell for at, _ in r.decisions})

    @classmethod
    def tearDownClass(cls):
        cls.db.close()

    def changes(self, *question):
        cursor = self.db.cursor(row_factory=psycopg.rows.dict_row)
        return cursor.execute("SELECT * FROM tram.changes(%s, %s, %s, %s, %s, %s)", question).fetchall()

    def window(self, days):
        start = self.rng.randrange(len(self.moments) - days)
        return self.moments[start], self.moments[start + days]

    def assert_close(self, stored, exact, about):
        if exact is None or stored is None:
            self.assertEqual(stored, exact, about)
        else:
            self.assertLessEqual(abs(Fraction(stored) - exact), max(abs(exact), Fraction(1, 100)) / 10**13, about)

    def expected(self, indicator, period, level, boundary, since, until):
        """(moment, area): figure before, figure after."""
        none = {"value": None, "finality": None, "areas_reporting": 0, "held": 0, "qualifier": None, "obs_status": None}
        rows, before = {}, self.history.rollup(indicator, period, level, boundary, since)
        for moment in (m for m in self.moments if since < m <= until):
            after = self.history.rollup(indicator, period, level, boundary, moment)
            for area in {*before, *after}:
                was, now = before.get(area, none), after.get(area, none)
                there_is = any(figure["value"] is not None or figure["areas_reporting"] for figure in (was, now))
                if was["held"] != now["held"] or there_is and any(was[key] != now[key] for key in none):
                    rows[moment, area] = was, now
            before = after
        return rows

    def in_force(self, period):
        return "63" if period < "2025" or period.endswith("S1") else "34"

    def assert_changes(self, indicator, period, level, boundary, since, until):
        told = {(row["moment"], row["area"]): row for row in self.changes(since, until, indicator, level, boundary, period)}
        want = self.expected(indicator, period, level, boundary or self.in_force(period), since, until)
        about = f"{indicator} {period} {level} {boundary} {since} {until}"
        # a part of a growth that moves so that the growth does not is told, and is no change to the oracle
        for key in set(told) - set(want):
            self.assertTrue(INDICATORS[indicator][4] or INDICATORS[indicator][2] in ("ratio_of_sums", "weighted_mean",
                                                                                     "distinct_union"), f"{key}: {about}")
            self.assert_close(told[key]["value_before"], told[key]["value_after"] and Fraction(told[key]["value_after"]), about)
        self.assertEqual(set(want) - set(told), set(), about)
        for key, (was, now) in want.items():
            row = told[key]
            self.assert_close(row["value_before"], was["value"], about)
            self.assert_close(row["value_after"], now["value"], about)
            if None in (was["value"], now["value"]):
                self.assertIsNone(row["difference"], about)
            else:
                self.assertEqual(Fraction(row["difference"]), Fraction(row["value_after"]) - Fraction(row["value_before"]), about)
            for column in ("finality", "areas_reporting", "held"):
                self.assertEqual((row[f"{column}_before"], row[f"{column}_after"]), (was[column], now[column]), about)
        return told

    def test_every_method_moves_when_it_must(self):
        for indicator in INDICATORS:
            for period in self.rng.sample(PERIODS, 2):
                with self.subTest(indicator=indicator, period=period):
                    self.assert_changes(indicator, period, "nation", None, *self.window(12))

    def test_a_day_moves_all_that_it_is_part_of(self):
        longer = ["2024-06-12", "2024-W24", "2024-06", "2024-Q2", "2024-S1", "2024"]
        with self.db.transaction(force_rollback=True):
            self.db.execute("UPDATE tram.indicator SET frequencies = 'A|S|Q|M|W|D', over_time = 'sum' WHERE indicator = 'count_sum'")
            since = self.moments[-1] + DAY
            self.db.execute("DELETE FROM tram.observation o USING tram.series s WHERE s.indicator = 'count_sum'"
                            " AND o.key >> 44 = s.series_no")
            self.db.execute("INSERT INTO tram.observation (key, report_no, known_at, area_no, line, rank_out_of, outcome, qualifier,"
                            " missing_reason, flags, obs_status, value) SELECT (s.series_no::bigint << 44) |"
                            " (tram.period_pack('2024-06-12')::bigint << 14), 1, %s, n.area_no, 1, 0, 1, 1, 0, 0, 'A', 5"
                            " FROM tram.series s, tram.area_number n WHERE s.indicator = 'count_sum' AND s.dimensions = ''"
                            " AND n.area = '63/01'", (since + DAY,))
            told = {period: [row["value_after"] for row in self.changes(since, None, "count_sum", "nation", None, period)]
                    for period in longer}
        self.assertEqual(told, {period: [5] for period in longer})

    def state_all(self, indicator, period, at, figures, revision=0):
        """All provinces state 1, and these their own figures; or these alone, as a revision."""
        self.db.execute("INSERT INTO tram.observation (key, report_no, known_at, area_no, line, rank_out_of, outcome, qualifier,"
                        " missing_reason, flags, obs_status, value) SELECT (s.series_no::bigint << 44) |"
                        " (tram.period_pack(%(period)s)::bigint << 14) | %(revision)s, 1, %(at)s, n.area_no, 1, 0, 1, 1, 0, 0, 'A',"
                        " coalesce((%(figures)s::jsonb ->> n.area)::numeric, 1) FROM tram.series s, tram.area_number n"
                        " WHERE n.area IN (SELECT a.area FROM tram.area a WHERE a.level = 'province' AND a.vintage = '63')"
                        " AND s.indicator = %(indicator)s AND s.dimensions = '' AND (%(revision)s = 0 OR %(figures)s::jsonb ? n.area)",
                        {"indicator": indicator, "period": period, "at": at, "figures": psycopg.types.json.Jsonb(figures),
                         "revision": revision})

    def test_what_becomes_final_by_what_it_is_weighed_by(self):
        """One province of 63 reports, and is enough, once another's figure of another year leaves it 1 % of the whole. So does
        the growth from the year before."""
        since, at = self.moments[-1] + DAY, self.moments[-1] + 2 * DAY
        for weight in ("land", "own"):
            with self.subTest(weight=weight), self.db.transaction(force_rollback=True):
                self.db.execute("INSERT INTO tram.indicator SELECT (jsonb_populate_record(i, '{\"indicator\": \"land\"}')).*"
                                " FROM tram.indicator i WHERE indicator = 'count_sum'")
                self.db.execute("INSERT INTO tram.series (indicator) VALUES ('land')")
                self.db.execute("UPDATE tram.indicator SET coverage_weight = %s, gate_percent = 1 WHERE indicator = 'count_sum'",
                                (weight,))
                self.db.execute("DELETE FROM tram.observation o USING tram.series s WHERE s.indicator = 'count_sum'"
                                " AND o.key >> 44 = s.series_no")
                self.db.execute("DELETE FROM tram.decision")
                weighed_by = "count_sum" if weight == "own" else "land"
                self.state_all("count_sum", "2023", since, {} if weight == "land" else {"63/02": 1000})
                self.state_all("count_sum", "2024", since, {"63/01": 5})
                self.db.execute("DELETE FROM tram.observation o USING tram.series s, tram.area_number n WHERE s.indicator = 'count_sum'"
                                " AND o.key >> 44 = s.series_no AND (o.key >> 14) & 1073741823 = tram.period_pack('2024')"
                                " AND n.area = '63/01' AND o.area_no <> n.area_no")
                if weight == "land":
                    self.state_all("land", "2023", since, {"63/02": 1000})
                self.state_all(weighed_by, "2023", at, {"63/02": 2}, revision=1)
                for question in (("count_sum", "nation", None, "2024"), ("count_sum", "nation", None, None), (None, "nation", None, None),
                                 ("sum_growth", "nation", None, None)):
                    indicator = question[0] or "count_sum"
                    told = [(row["finality_before"], row["finality_after"]) for row in self.changes(since, None, *question)
                            if (row["indicator"], row["time_period"]) == (indicator, "2024")]
                    self.assertEqual(told, [("provisional", "final")], question)
                (row,) = self.changes(since, None, "count_sum", "nation", None, "2024")
                self.assertEqual((row["moment"], row["cause"], row["statements"], row["value_before"], row["value_after"]),
                                 (at, "coverage", 0, 5, 5))
                self.db.execute("UPDATE tram.indicator SET gate_percent = 100 WHERE indicator = 'count_sum'")
                self.assertEqual(self.changes(since, None, "count_sum", "nation", None, "2024"), [])

    def test_levels_and_boundaries(self):
        for indicator in ("count_sum", "share", "mean_by_other", "sum_growth", "told_by_centre"):
            for level, boundary in (("region", None), ("province", None), ("region", "34"), ("province", "34")):
                with self.subTest(indicator=indicator, level=level, boundary=boundary):
                    self.assert_changes(indicator, "2024", level, boundary, *self.window(5))

    def test_who_moved_it(self):
        """Every statement of the moment that changed what the figure is made of, and no other."""
        since, until = self.window(40)
        told = self.assert_changes("count_sum", "2024", "nation", None, since, until)
        self.assertTrue(told)
        for (moment, _), row in told.items():
            made = set()
            for (area, indicator, period), cell in self.history.cells.items():
                if (indicator, period) != ("count_sum", "2024"):
                    continue
                for r in cell:
                    if r.known_at == moment:
                        made.add((area, r.number, "withdrawal" if r.withdrawn else "hold" if r.outcome == 3
                                  else "correction" if r.number else "report", None))
                    made |= {(area, r.number, CAUSES[what], "test") for at, what in r.decisions if at == moment}
            named = {(m["area"], m["revision"], m["cause"], m.get("decided_by")) for m in row["made_by"]}
            self.assertTrue(named, row)
            self.assertLessEqual(named, made, row)
            for one in made - named:  # it changed nothing: what stands did before it, and is another one
                self.assertEqual(*(self.standing(one[0], at) for at in (moment - DAY / 2, moment)), (one, row))
            self.assertEqual(row["statements"], len(named))
            causes = {one[2] for one in named}
            self.assertEqual(row["cause"], causes.pop() if len(causes) == 1 else "several")
            if len(named) == 1:
                (area, number, _, decided_by), = named
                self.assertEqual((row["of_area"], row["revision"], row["of_indicator"], row["of_time_period"], row["agent"],
                                  row["decided_by"]), (area, number, "count_sum", "2024", "a", decided_by))

    def standing(self, area, at):
        figure, held = self.history.figure(area, "count_sum", "2024", at)
        return figure and figure.number, held

    def test_all_of_them_are_the_sum_of_each(self):
        since, until = self.moments[-70], self.moments[-50]
        self.db.execute("INSERT INTO tram.parameter VALUES ('changes.most', 1000000)")
        try:
            together = self.changes(since, until, None, "nation", None, None)
            apart = [row for indicator in INDICATORS for row in self.changes(since, until, indicator, "nation", None, None)]
        finally:
            self.db.execute("DELETE FROM tram.parameter")
        key = lambda row: (row["moment"], row["indicator"], row["time_period"])  # noqa: E731
        self.assertEqual(sorted(together, key=key), sorted(apart, key=key))
        self.assertTrue({"sum_growth", "sum_multiple", "quotient", "mean_by_other"} & {row["indicator"] for row in together})
        self.assertEqual([row["moment"] for row in together], sorted(row["moment"] for row in together))

    # ------------------------------------------------------------ reading on

    def pages(self, cursor, indicator, most):
        """Every page's changes until there is no more; the last cursor. What is known after now is not told yet."""
        rows = []
        while True:
            before = cursor
            since, until, cursor, more = self.db.execute("SELECT * FROM tram.changes_page(%s, %s)", (cursor, indicator)).fetchone()
            rows += self.changes(since, until, indicator, "nation", None, None)
            figures, moments = self.db.execute("SELECT count(*), count(DISTINCT moment) FROM tram.touched(%s, %s, %s, NULL)",
                                               (since, until, indicator)).fetchone()
            self.assertTrue(figures <= most or moments == 1, (figures, moments))
            if not more:
                return rows, cursor, until
            self.assertGreater(until, since)
            self.assertNotEqual(cursor, before)

    def test_reading_on_is_complete_and_repeats_nothing(self):
        since = self.moments[-30]
        start = self.db.execute("SELECT tram.cursor_text(%s)", (since,)).fetchone()[0]
        for indicator, page, most, statements in (("sum_growth", 5000, 7, 100000), (None, 40, 5000, 50), (None, 30, 60, 100000)):
            with self.subTest(indicator=indicator, page=page):
                self.db.execute("INSERT INTO tram.parameter VALUES ('changes.page', %s), ('changes.most', %s),"
                                " ('changes.statements', %s)", (page, most, statements))
                try:
                    rows, cursor, until = self.pages(start, indicator, min(page, most))
                    self.assertEqual(self.pages(cursor, indicator, min(page, most))[0], [])
                finally:
                    self.db.execute("DELETE FROM tram.parameter")
                self.db.execute("INSERT INTO tram.parameter VALUES ('changes.most', 1000000)")
                try:
                    self.assertEqual(rows, self.changes(since, until, indicator, "nation", None, None))
                finally:
                    self.db.execute("DELETE FROM tram.parameter")
                self.assertTrue(rows or indicator)

    def test_a_period_moves_before_it_is_reported(self):
        """A year moves with its halves, and what was told of it is told for ever, whether somebody reports the year or not."""
        window = self.moments[0], self.moments[40]
        told = self.changes(*window, "count_sum", "nation", None, None)
        self.assertTrue({row["time_period"] for row in told} & set(PERIODS))
        with self.db.transaction(force_rollback=True):
            self.db.execute("DELETE FROM tram.report")
            self.assertEqual(self.changes(*window, "count_sum", "nation", None, None), told)

    def test_without_a_cursor_it_begins_now(self):
        since, until, cursor, more = self.db.execute("SELECT * FROM tram.changes_page()").fetchone()
        self.assertEqual((since, more), (until, False))
        self.assertEqual(self.db.execute("SELECT tram.cursor_moment(%s)", (cursor,)).fetchone()[0], until)

    def test_what_is_no_cursor(self):
        good = self.db.execute("SELECT tram.cursor_text(now())").fetchone()[0]
        for bad in ("", "c", good[:-1], good + "0", good.upper(), good[:-1] + ("0" if good[-1] != "0" else "1"), "c" + "f" * 18,
                    "2026-01-01"):
            with self.subTest(cursor=bad), self.assertRaises(psycopg.errors.InvalidParameterValue):
                self.db.execute("SELECT * FROM tram.changes_page(%s)", (bad,))

    # ------------------------------------------------------------ what is refused

    def test_too_much_is_refused_by_name(self):
        for name, question in (("changes.most", (self.moments[0], None, "sum_growth", "nation", None, None)),
                               ("changes.statements", (self.moments[0], None, None, "nation", None, None))):
            with self.subTest(name=name):
                self.db.execute("INSERT INTO tram.parameter VALUES (%s, 20)", (name,))
                try:
                    with self.assertRaises(psycopg.errors.ProgramLimitExceeded) as refusal:
                        self.changes(*question)
                    self.assertIn(name, str(refusal.exception))
                finally:
                    self.db.execute("DELETE FROM tram.parameter")

    def test_what_cannot_be_asked(self):
        for question, word in ((("no_such", "nation", None, None), "no_such"), (("count_sum", "county", None, None), "county"),
                               ((None, "county", None, None), "county"), ((None, "nation", None, "2024-13"), "2024-13"),
                               (("count_sum", "nation", "63", "2026"), "63")):
            with self.subTest(question=question), self.assertRaises(psycopg.errors.InvalidParameterValue) as refusal:
                self.changes(self.moments[-5], None, *question)
            self.assertIn(word, str(refusal.exception))

    def test_readers_may_ask(self):
        with connect() as reader:
            reader.execute("SET ROLE tram_reader")
            reader.execute("SELECT * FROM tram.changes(now() - interval '1 day')")
            reader.execute("SELECT * FROM tram.changes_page()")
            for hidden in ("tram.settled_moment()", "tram.settled_before()", "tram.begin_figures()", "tram.hold_writers()",
                           "tram.touched('-infinity', 'infinity', NULL, NULL)"):
                with self.assertRaises(psycopg.errors.InsufficientPrivilege), reader.transaction():
                    reader.execute(f"SELECT * FROM {hidden}")


if __name__ == "__main__":
    unittest.main()
