#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""
Closed periods against the roll-ups' own oracle, in fractions: what a period was closed with is what was known at that moment,
whatever comes later, and whoever is writing while it is closed.

Run by: tests/contract/with-postgres tests/contract/test_closings.py
"""

import copy
import datetime as dt
import os
import random
import sys
import threading
import time
import unittest
from decimal import Decimal
from fractions import Fraction

import psycopg

from test_rollup import INDICATORS, NOW, SEED, History, Revision, fraction, load_catalogue, load_registry, make_schema

WHO = ("Nguyễn Văn An", "báo cáo năm")
OF_PROVINCES = [code for code, (by, *_) in INDICATORS.items() if by == "province"]
BOUNDARIES = {"nation": (None, "34"), "region": ("63", "34"), "province": ("63", "34")}


def base():
    return psycopg.connect(os.environ["TRAM_TEST_POSTGRES"], autocommit=True)


def connect(database="closings"):
    return psycopg.connect(os.environ["TRAM_TEST_POSTGRES"], dbname=database, autocommit=True)


class ClosingTest(unittest.TestCase):
    """Each test has a copy of the store for itself: closings are for ever."""

    @classmethod
    def setUpClass(cls):
        print(f"TRAM_TEST_SEED={SEED}", file=sys.stderr)
        with base() as db:
            db.execute("CREATE DATABASE model")
        with connect("model") as db:
            make_schema(db)
            areas = load_registry(db)
            load_catalogue(db)
            cls.model = History(db, random.Random(SEED), areas)
            cls.numbers = dict(db.execute("SELECT area, area_no FROM tram.area_number").fetchall())
            db.execute("ANALYZE")

    def setUp(self):
        with base() as db:
            db.execute("DROP DATABASE IF EXISTS closings")
            db.execute("CREATE DATABASE closings TEMPLATE model")
        self.rng = random.Random(SEED)
        self.history = copy.deepcopy(self.model)
        self.db = connect()
        self.addCleanup(self.db.close)

    # ------------------------------------------------------------ helpers

    def close(self, dataflow="by_province", period="2024", provisional=True, db=None):
        row = (db or self.db).cursor(row_factory=psycopg.rows.dict_row).execute(
            "SELECT * FROM tram.close_period(%s, %s, %s, %s, %s)", (dataflow, period, *WHO, provisional)).fetchone()
        return row

    def ask(self, indicator, period="2024", level="nation", boundary=None, as_of=None, open_=False):
        cursor = self.db.cursor(row_factory=psycopg.rows.dict_row)
        return {row["area"]: row for row in cursor.execute("SELECT * FROM tram.rollup(%s, %s, %s, %s, %s, %s)",
                                                           (indicator, period, level, boundary, as_of, open_))}

    def key(self, indicator, period, revision):
        return self.db.execute("SELECT (series_no::bigint << 44) | (tram.period_pack(%s)::bigint << 14) | %s FROM tram.series"
                               " WHERE indicator = %s", (period, revision, indicator)).fetchone()[0]

    def state(self, area, indicator, period, **said):
        """One more revision, accepted and known now."""
        cell = self.history.cells.setdefault((area, indicator, period), [])
        revision = Revision(self.rng, max((r.number for r in cell), default=-1) + 1, NOW, self.history.has_parts(indicator))
        revision.outcome, revision.withdrawn, revision.missing, revision.status, revision.decisions = 1, False, 0, "A", []
        for name, value in said.items():
            setattr(revision, name, value)
        with self.db.transaction():
            self.db.execute("SELECT tram.settled_before()")
            revision.known_at = self.db.execute("SELECT greatest(clock_timestamp(), timestamptz 'epoch' + (last_value + 1)"
                                                " * interval '1 microsecond') FROM tram.settled").fetchone()[0]
            self.put(self.db, revision.row(self.numbers[area], self.key(indicator, period, 0)))
        cell.append(revision)

    @staticmethod
    def put(db, row):
        db.execute("INSERT INTO tram.observation (key, report_no, known_at, area_no, line, rank_out_of, outcome, qualifier,"
                   f" missing_reason, flags, obs_status, value, numerator, denominator, weight) VALUES ({', '.join(['%s'] * 15)})",
                   row)

    def correct(self, area, indicator="count_sum", period="2024"):
        figure, _ = self.history.figure(area, indicator, period, None)
        self.state(area, indicator, period, value=(figure.value if figure and figure.value is not None else Decimal(0)) + 1)

    def assert_shows(self, indicator, level, boundary, known_at, vintage, **asked):
        """The figures that the oracle has for that moment; returns what is shown."""
        shown = self.ask(indicator, "2024", level, boundary, **asked)
        for name, want in self.history.rollup(indicator, "2024", level, boundary or "63", known_at).items():
            got, about = shown[name], f"{indicator} {level} {boundary} {name} {asked}"
            if INDICATORS[indicator][2] == "sum":
                self.assertEqual(fraction(got["value"]), want["value"], about)
            elif want["value"] is None:
                self.assertIsNone(got["value"], about)
            else:
                self.assertLessEqual(abs(Fraction(got["value"]) - want["value"]), abs(want["value"]) / 10**14, about)
            self.assertEqual((got["areas_reporting"], got["held"], got["finality"], got["vintage"]),
                             (want["areas_reporting"], want["held"], want["finality"], vintage), about)
            self.assertEqual(got["known_at"], known_at if vintage else None, about)
        return shown

    def faults(self):
        return self.db.execute("SELECT kind, indicator, level, area FROM tram.closing_faults()").fetchall()

    # ------------------------------------------------------------ what is shown

    def test_a_closed_period_shows_what_it_was_closed_with(self):
        first = self.close()
        self.assertEqual((first["vintage"], first["provisional"], first["closed_as"]), (1, True, "postgres"))
        for indicator in OF_PROVINCES:
            for level, boundaries in BOUNDARIES.items():
                for boundary in boundaries:
                    for row in self.assert_shows(indicator, level, boundary, first["closed_at"], 1).values():
                        self.assertFalse(row["moved"])
        self.correct("63/46")
        for level, moved in (("nation", {"VN"}), ("region", {"63/V"}), ("province", {"63/46"})):
            shown = self.assert_shows("count_sum", level, "63", first["closed_at"], 1)
            self.assertEqual(len({name for name, row in shown.items() if row["moved"]}), 1, level)
            if level != "region":
                self.assertEqual({name for name, row in shown.items() if row["moved"]}, moved)
        self.assert_shows("count_sum", "nation", None, None, 0, open_=True)
        second = self.close()
        self.assertEqual((second["vintage"], second["closing_no"]), (2, 2))
        self.assertGreater(second["closed_at"], first["closed_at"])
        self.assertFalse(self.assert_shows("count_sum", "nation", None, second["closed_at"], 2)["VN"]["moved"])
        self.assertNotEqual(first["digest"], second["digest"])
        self.assertEqual(self.faults(), [])

    def test_a_moment_knows_the_closings_before_it(self):
        before = self.db.execute("SELECT clock_timestamp()").fetchone()[0]
        first = self.close()
        between = self.db.execute("SELECT clock_timestamp()").fetchone()[0]
        self.correct("63/01")
        second = self.close()
        self.assertIsNone(self.ask("count_sum", as_of=before)["VN"]["known_at"])
        for as_of, closing in ((first["closed_at"], first), (between, first), (second["closed_at"], second)):
            row = self.assert_shows("count_sum", "nation", None, closing["closed_at"], closing["vintage"], as_of=as_of)["VN"]
            self.assertFalse(row["moved"])
        self.assertEqual(self.ask("count_sum", as_of=second["closed_at"] - dt.timedelta(microseconds=1))["VN"]["vintage"], 1)
        self.assertTrue(self.ask("count_sum", as_of=second["closed_at"] - dt.timedelta(microseconds=1))["VN"]["moved"])

    def test_growth_is_closed_with_what_it_was_made_of(self):
        """The year before is another period, and open: its correction moves what is known of the growth, not what is shown."""
        closing = self.close("by_centre")
        shown = self.assert_shows("sum_growth", "nation", None, closing["closed_at"], 1)["VN"]
        self.assertFalse(shown["moved"])
        self.state("63/01", "count_sum", "2023", value=Decimal(10**15))
        again = self.assert_shows("sum_growth", "nation", None, closing["closed_at"], 1)["VN"]
        self.assertTrue(again["moved"])
        self.assertEqual(again["value"], shown["value"])
        self.assert_shows("sum_growth", "nation", None, None, 0, open_=True)
        self.assertEqual(self.ask("count_sum", "2023")["VN"]["vintage"], 0)

    def test_what_came_for_nothing_is_nothing_until_the_next_closing(self):
        """No province had stated it; the closing says so."""
        for table in ("observation", "decision"):
            self.db.execute(f"DELETE FROM tram.{table} WHERE key BETWEEN %s AND %s",
                            (self.key("density", "2024", 0), self.key("density", "2024", 16383)))
        for cell in [cell for cell in self.history.cells if cell[1:] == ("density", "2024")]:
            del self.history.cells[cell]
        self.close()
        self.state("63/46", "density", "2024", numerator=Decimal(3), denominator=Decimal(2))
        for level, area in (("nation", "VN"), ("province", "63/46")):
            row = self.ask("density", level=level)[area]
            self.assertEqual((row["value"], row["areas_reporting"], row["vintage"], row["moved"]), (None, 0, 1, True))
        self.assertEqual(self.ask("density", level="province")["63/01"]["moved"], False)
        self.close()
        self.assertEqual(self.ask("density", level="province")["63/46"]["value"], Decimal("1.5"))

    def test_the_view_of_the_nation_shows_closings(self):
        self.close()
        self.correct("63/46")
        rows = self.db.execute("SELECT time_period, vintage, moved FROM tram.national_rollup WHERE indicator = 'count_sum'"
                               " AND (vintage > 0 OR moved)").fetchall()
        self.assertEqual(rows, [("2024", 1, True)])

    # ------------------------------------------------------------ what cannot be closed

    def small(self, *indicators):
        """A dataflow of a few indicators."""
        self.db.execute("INSERT INTO tram.dataflow VALUES ('whole', '', '', 'province', 'A', '', '', '2000-01-01', NULL)")
        self.db.execute("UPDATE tram.indicator SET dataflow = 'whole' WHERE indicator = ANY (%s)",
                        (list(indicators or ("count_sum", "share")),))

    def complete(self):
        self.small("count_sum")
        for area in self.history.provinces("2024"):
            self.state(area, "count_sum", "2024", value=Decimal(self.rng.randrange(10**6)))

    def test_final_figures_are_closed_without_more(self):
        self.complete()
        self.assertEqual(self.db.execute("SELECT * FROM tram.unfinished('whole', '2024')").fetchall(), [])
        self.assertIs(self.close("whole", provisional=False)["provisional"], False)

    def test_who_is_missing_or_held_is_named(self):
        self.complete()
        self.state("63/46", "count_sum", "2024", outcome=3, value=Decimal(5))
        self.state("63/01", "count_sum", "2024", withdrawn=True)
        self.assertEqual(self.db.execute("SELECT indicator, areas_reporting, missing, held FROM tram.unfinished('whole', '2024')").fetchall(),
                         [("count_sum", 62, ["63/01"], ["63/46"])])
        with self.assertRaises(psycopg.Error) as refusal:
            self.close("whole", provisional=False)
        self.assertEqual(refusal.exception.sqlstate, "TR011")
        self.assertIn("count_sum (62/63)", str(refusal.exception))
        self.assertEqual(self.db.execute("SELECT count(*) FROM tram.closing").fetchone()[0], 0)
        self.assertIs(self.close("whole")["provisional"], True)

    def test_what_cannot_be_closed(self):
        self.close()
        for dataflow, period, state in (("no_such", "2024", "22023"), ("by_province", "2024-13", "22023"),
                                        ("by_province", "2099", "TR010"), ("by_province", "2021-S2", "TR012"),
                                        ("by_province", "2024", "TR013")):
            with self.subTest(state=state), self.assertRaises(psycopg.Error) as refusal:
                self.close(dataflow, period)
            self.assertEqual(refusal.exception.sqlstate, state)
        for who in ((" ", "why"), ("who", ""), (None, "why")):
            with self.subTest(who=who), self.assertRaises(psycopg.errors.InvalidParameterValue):
                self.db.execute("SELECT * FROM tram.close_period('by_province', '2023', %s, %s, true)", who)
        with self.assertRaises(psycopg.Error), self.db.transaction():
            self.db.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            self.close(period="2023")
        self.assertEqual(self.db.execute("SELECT count(*) FROM tram.closing").fetchone()[0], 1)

    def test_only_operators_close(self):
        for role in ("tram_reader", "tram_admin", "tram_writer", "tram_auditor"):
            with self.subTest(role=role), connect() as db:
                db.execute(f"SET ROLE {role}")
                with self.assertRaises(psycopg.errors.InsufficientPrivilege):
                    self.close(db=db)
        with connect() as operator:
            operator.execute("SET ROLE tram_operator")
            self.assertEqual(self.close(db=operator)["vintage"], 1)
            for change in ("UPDATE tram.closing SET reason = 'another'", "DELETE FROM tram.closing_figure",
                           "INSERT INTO tram.closing_figure SELECT * FROM tram.closing_figure"):
                with self.subTest(change=change), self.assertRaises(psycopg.errors.InsufficientPrivilege):
                    operator.execute(change)

    # ------------------------------------------------------------ tampering

    def test_what_was_changed_is_named(self):
        self.small()
        self.close("whole")
        self.correct("63/46")
        self.close("whole")
        self.assertEqual(self.faults(), [])
        number, _ = self.db.execute("SELECT area_no, key FROM tram.observation WHERE area_no = %s AND key = %s",
                                    (self.numbers["63/46"], self.key("count_sum", "2024",
                                     self.history.figure("63/46", "count_sum", "2024", None)[0].number))).fetchone()
        figure = "closing_no = 1 AND indicator = 'share' AND level = 'region' AND boundary = '63'"
        region = self.db.execute(f"SELECT min(area) FROM tram.closing_figure WHERE {figure}").fetchone()[0]
        cases = (
            ("UPDATE tram.observation SET value = value + 1 WHERE area_no = %s AND value IS NOT NULL" % number,
             ("figure", "count_sum", "province", "63/46")),
            (f"UPDATE tram.closing_figure SET figure = figure || '{{\"value\": 1}}' WHERE {figure} AND area = '{region}'",
             ("digest", "share", "region", region)),
            (f"DELETE FROM tram.closing_figure WHERE {figure} AND area = '{region}'", ("digest", "", "", "")),
            ("UPDATE tram.closing SET reason = 'another' WHERE closing_no = 1", ("digest", "", "", "")),
            ("DELETE FROM tram.closing_figure WHERE closing_no = 1; DELETE FROM tram.closing WHERE closing_no = 1",
             ("order", "", "", "")),
            # Who works out anew every digest that he can see changes the one that was announced last.
            (f"UPDATE tram.closing_figure f SET figure = figure || '{{\"value\": 1}}' WHERE {figure} AND area = '{region}';"
             " UPDATE tram.closing_figure f SET digest = tram.closing_figure_digest(f);"
             " UPDATE tram.closing c SET digest = tram.closing_digest(c, NULL) WHERE closing_no = 1", ("digest", "", "", "")),
        )
        for change, named in cases:
            with self.subTest(change=change), self.db.transaction(force_rollback=True):
                self.db.execute(change)
                self.assertIn(named, self.faults())
        self.assertEqual(self.faults(), [])

    def test_another_catalogue_is_no_fault_of_the_store(self):
        self.small()
        self.close("whole")
        self.db.execute("INSERT INTO tram.catalogue (version, digest) VALUES (4, '\\x00')")
        self.assertEqual(self.faults(), [])
        self.db.execute("UPDATE tram.area SET population = population * 2 WHERE area = '63/46'")
        self.assertEqual({fault[0] for fault in self.faults()}, {"remade"})
        self.assertNotEqual(self.ask("count_sum")["VN"]["coverage_weight"], self.ask("count_sum", open_=True)["VN"]["coverage_weight"])

    # ------------------------------------------------------------ writers around it

    def write(self, seed, stop, stated, errors):
        """As a lane does: begins, reads the settled moment, takes its time, stamps, and commits."""
        rng, areas = random.Random(seed), sorted(self.history.provinces("2024"))
        try:
            with connect() as db:
                while not stop.is_set():
                    area = rng.choice(areas[seed::4])
                    with db.transaction():
                        settled = db.execute("SELECT tram.settled_before()").fetchone()[0]
                        now = db.execute("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint").fetchone()[0]
                        known = max(now - rng.choice((0, 0, 5_000_000)), settled + 1)  # some clocks are behind
                        number = 1 + max((n for a, n, *_ in stated[seed] if a == area), default=99)
                        value = Decimal(rng.randrange(10**9))
                        at = dt.datetime(1970, 1, 1, tzinfo=dt.timezone.utc) + dt.timedelta(microseconds=known)
                        self.put(db, (self.keys | number, 1 << 40 | 1, at, self.numbers[area], 1, 0, 1, 1, 0, 0, "A", value,
                                      None, None, None))
                        time.sleep(rng.random() / 50)
                    stated[seed].append((area, number, at, value))
        except psycopg.Error as error:
            errors.append(error)

    def test_nothing_that_is_committed_later_moves_a_frozen_figure(self):
        self.complete()
        self.keys = self.key("count_sum", "2024", 0)
        stop, stated, errors, closings = threading.Event(), [[] for _ in range(4)], [], []
        writers = [threading.Thread(target=self.write, args=(i, stop, stated, errors)) for i in range(4)]
        for writer in writers:
            writer.start()
        try:
            for n in range(1, 7):
                while sum(map(len, stated)) < 20 * n and not errors:  # so many more are stated between two closings
                    time.sleep(0.01)
                closings.append(self.close("whole"))
                closings[-1]["shown"] = self.ask("count_sum", level="province")
        finally:
            stop.set()
            for writer in writers:
                writer.join()
        self.assertEqual(errors, [])
        for closing in closings:
            frozen = self.ask("count_sum", level="province", as_of=closing["closed_at"])
            for area in self.history.provinces("2024"):
                known = [(n, value) for rows in stated for a, n, at, value in rows if a == area and at <= closing["closed_at"]]
                want = max(known)[1] if known else self.history.figure(area, "count_sum", "2024", None)[0].value
                self.assertEqual((frozen[area]["value"], frozen[area]["vintage"]), (want, closing["vintage"]), area)
                self.assertEqual(closing["shown"][area]["value"], want, area)
        self.assertEqual([c["vintage"] for c in closings], list(range(1, 7)))
        self.assertEqual(self.faults(), [])

    # ------------------------------------------------------------ reports that come while a period is being closed

    def report(self, db, number, known_at, time_period="2024", dataflow="whole", outcome=1, closing_no=0, repeats=None):
        """A report and its verdict, as a lane that knew closings up to closing_no writes them."""
        db.execute("INSERT INTO tram.report (report_no, handed_in_at, received_at, known_at, agent_no, catalogue_version, period,"
                   " observations, purpose, demonstration, digest, provider, dataflow, time_period, reason, prepared_by, approved_by,"
                   " comment, software, repeats) VALUES (%s, %s, %s, %s, 99, 1, tram.period_pack(%s), 1, 'R', false, '', '', %s, %s,"
                   " '', '', '', '', '', %s)",
                   (number, known_at, known_at, known_at, time_period, dataflow, time_period, repeats))
        db.execute("INSERT INTO tram.verdict (verdict_seq, report_no, known_at, agent_no, catalogue_version, words, cause, outcomes,"
                   " closing_no) VALUES (%s, %s, %s, 99, 1, '', 'received', %s, %s)",
                   (number, number, known_at, bytes([outcome]), closing_no))

    def untold(self, closing):
        return self.db.execute("SELECT tram.untold_reports(%s)", (closing["closing_no"],)).fetchone()[0]

    def test_only_reports_that_state_something_of_a_closing_without_knowing_it_are_untold(self):
        self.complete()
        closing = self.close("whole")
        before, after = (closing["closed_at"] + dt.timedelta(microseconds=n) for n in (0, 1))
        cases = (
            (dict(known_at=after), 1),
            (dict(known_at=after, outcome=3), 1),
            (dict(known_at=after, outcome=4), 0),              # refused
            (dict(known_at=after, outcome=5), 0),              # stored already
            (dict(known_at=before), 0),                        # it is in the vintage
            (dict(known_at=after, closing_no=1), 0),           # it was told
            (dict(known_at=after, repeats=1), 0),              # it was judged long ago
            (dict(known_at=after, dataflow="by_province"), 0),
            (dict(known_at=after, time_period="2023"), 0),
        )
        for number, (said, wanted) in enumerate(cases, 1):
            with self.db.transaction(force_rollback=True):
                self.report(self.db, number, **said)
                self.assertEqual(self.untold(closing), wanted, said)

    def test_of_shorter_periods_those_that_the_catalogue_makes_it_of_count(self):
        self.complete()
        closing = self.close("whole")
        after = closing["closed_at"] + dt.timedelta(seconds=1)
        for frequencies, over_area, wanted in (("A|M|Q", "sum", 3), ("A|M", "sum", 2), ("A", "sum", 0), ("A|M|Q", "target", 0)):
            with self.db.transaction(force_rollback=True):
                self.db.execute("UPDATE tram.indicator SET frequencies = 'A' WHERE dataflow = 'whole'")
                self.db.execute("UPDATE tram.indicator SET frequencies = %s, over_area = %s WHERE indicator = 'count_sum'",
                                (frequencies, over_area))
                for number, period in enumerate(("2024-01", "2024-12", "2024-Q2", "2023-12", "2025-01", "2025-Q1"), 1):
                    self.report(self.db, number, after, period)
                self.assertEqual(self.untold(closing), wanted, (frequencies, over_area))

    def wait_for_lock(self, table, thread):
        """Until the thread waits for a lock on the table."""
        while not self.db.execute("SELECT count(*) FROM pg_locks WHERE relation = %s::regclass AND NOT granted", (table,)).fetchone()[0]:
            self.assertTrue(thread.is_alive(), "it did not wait")
            time.sleep(0.01)

    def test_a_closing_that_is_overtaken_is_made_again(self):
        """While its figures are worked out a correction is committed: the period is closed with it."""
        self.complete()
        self.db.execute("ALTER FUNCTION tram.close_period(text, text, text, text, boolean) SET lock_timeout = '0'")
        before = self.ask("count_sum", level="province")["63/46"]["value"]
        made = []
        with connect() as gate, connect() as db:
            gate.autocommit = False
            gate.execute("LOCK TABLE tram.closing_figure IN SHARE MODE")  # it has its moment and cannot go on
            closer = threading.Thread(target=lambda: made.append(self.close("whole", db=db)))
            closer.start()
            self.wait_for_lock("tram.closing_figure", closer)
            self.correct("63/46")
            self.report(self.db, 1, self.db.execute("SELECT max(known_at) FROM tram.observation").fetchone()[0])
            gate.rollback()
            closer.join()
        (closing,) = made
        known_at = self.db.execute("SELECT known_at FROM tram.report").fetchone()[0]
        self.assertGreaterEqual(closing["closed_at"], known_at)
        self.assertEqual((closing["closing_no"], closing["vintage"], self.untold(closing)), (1, 1, 0))
        self.assertEqual(self.ask("count_sum", level="province")["63/46"]["value"], before + 1)
        self.assertEqual(self.faults(), [])

    def test_a_closing_that_is_overtaken_every_time_says_by_how_many(self):
        self.complete()
        self.db.execute("CREATE SEQUENCE tries; GRANT ALL ON SEQUENCE tries TO PUBLIC")
        self.db.execute("CREATE FUNCTION overtake() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
                        " PERFORM nextval('public.tries');"
                        " INSERT INTO tram.report (report_no, handed_in_at, received_at, known_at, agent_no, catalogue_version, period,"
                        "  observations, purpose, demonstration, digest, provider, dataflow, time_period, reason, prepared_by,"
                        "  approved_by, comment, software) VALUES (1, NEW.closed_at, NEW.closed_at, NEW.closed_at + interval '1 s', 99, 1,"
                        "  NEW.period, 1, 'R', false, '', '', NEW.dataflow, '2024', '', '', '', '', '');"
                        " INSERT INTO tram.verdict (verdict_seq, report_no, known_at, agent_no, catalogue_version, words, cause, outcomes)"
                        "  VALUES (1, 1, NEW.closed_at, 99, 1, '', 'received', '\\x01'); RETURN NULL; END $$;"
                        " CREATE TRIGGER overtake AFTER INSERT ON tram.closing FOR EACH ROW EXECUTE FUNCTION overtake()")
        closing = self.close("whole")
        self.assertEqual((closing["closing_no"], self.untold(closing)), (1, 1))
        self.assertEqual(self.db.execute("SELECT last_value FROM tries").fetchone()[0], 3)
        self.assertEqual(self.faults(), [])

    def test_one_transaction_makes_one(self):
        """Or writers would wait while the next one is worked out."""
        self.complete()
        order = "SELECT closing_no FROM tram.close_period('whole', '2024', 'An', 'báo cáo năm', true)"
        with connect() as closer:
            closer.autocommit = False
            with self.assertRaises(psycopg.errors.ActiveSqlTransaction) as refused:
                closer.execute(order + ";" + order)
            self.assertIn("COMMIT after each closing", str(refused.exception))
            closer.rollback()
        self.assertEqual(self.db.execute("SELECT count(*) FROM tram.closing").fetchone()[0], 0)

    def test_who_writes_when_it_is_made_waits_and_knows_it(self):
        """From its last look to its commit; and it is no more than that, as a session that stays there is cut off."""
        self.complete()
        with connect() as closer, connect() as lane:
            closer.autocommit = False
            lane.autocommit = False
            lane.execute("SET lock_timeout = 0")
            made = closer.execute("SELECT closing_no, closed_at FROM tram.close_period('whole', '2024', 'An', 'báo cáo năm', true);"
                                  "SHOW idle_in_transaction_session_timeout; SET LOCAL idle_in_transaction_session_timeout = 0")
            closing_no, closed_at = made.fetchone()
            self.assertTrue(made.nextset())
            self.assertEqual(made.fetchone()[0], "2s")
            begun = []
            writer = threading.Thread(target=lambda: begun.append(lane.execute(
                "SELECT closing_no, settled_us FROM tram.begin_figures()").fetchone()))
            writer.start()
            self.wait_for_lock("tram.settling", writer)
            closer.commit()
            writer.join()
            ((known_no, settled_us),) = begun
            self.assertEqual(known_no, closing_no)
            at = dt.datetime(1970, 1, 1, tzinfo=dt.timezone.utc) + dt.timedelta(microseconds=settled_us)
            self.assertGreaterEqual(at, closed_at)
            lane.rollback()


if __name__ == "__main__":
    unittest.main(verbosity=2)
