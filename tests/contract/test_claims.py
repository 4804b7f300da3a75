#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""
Announced figures on a real PostgreSQL, with the demonstration's figures put straight into the store: a correction makes one
outdated and another makes it hold again, and whoever asks is told since when, by how much and through whom; what moved is
shown by tram rollup --changes; and figures that were announced elsewhere are kept beside the catalogue's.

Run by: tests/contract/with-postgres tests/contract/test_claims.py FOLDER-OF-PROGRAMS
"""

import subprocess
import unittest

import psycopg

import demonstration_store as store
from demonstration_store import DemonstrationTest, conninfo, table, tram

INDICATOR, PERIOD, AREA = "psp_registered_accounts", "2024-S1", "63/46"


class ClaimsTest(DemonstrationTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.revision = 0
        cls.stated = cls.db.execute(
            "SELECT o.value FROM tram.observation o JOIN tram.area_number n USING (area_no) WHERE n.area = %s AND o.key ="
            " (SELECT (s.series_no::bigint << 44) | (%s::bigint << 14) FROM tram.series s WHERE s.indicator = %s"
            " AND s.dimensions = '')", (AREA, store.PERIODS[PERIOD], INDICATOR)).fetchone()[0]

    def correct(self, by, day):
        """Another revision, so much more than first stated, with its report and verdict."""
        cls = type(self)
        cls.revision += 1
        seq = 5000 + cls.revision
        self.db.execute(
            "WITH moved AS (UPDATE tram.agent SET verdict_seq = verdict_seq + 1 RETURNING agent_no, verdict_seq), key AS ("
            "  SELECT s.series_no, (s.series_no::bigint << 44) | (%(period)s::bigint << 14) AS key FROM tram.series s"
            "  WHERE s.indicator = %(indicator)s AND s.dimensions = ''), stated AS ("
            "  INSERT INTO tram.observation SELECT k.key | %(revision)s, (1::bigint << 40) | %(seq)s, %(day)s, n.area_no, 1, 0, 1,"
            "    1, 0, 0, 'A', %(value)s FROM key k, tram.area_number n WHERE n.area = %(area)s), report AS ("
            "  INSERT INTO tram.report SELECT (1::bigint << 40) | %(seq)s, %(day)s, %(day)s, %(day)s, m.agent_no, 1, %(period)s, NULL,"
            "    NULL, NULL, 1, 'C', false, '', 'P63-46', '', '', 'đếm lại', '', NULL, '', NULL, '', '', NULL, '', '',"
            "    ARRAY[k.series_no] FROM moved m, key k)"
            " INSERT INTO tram.verdict SELECT m.verdict_seq, (1::bigint << 40) | %(seq)s, %(day)s, m.agent_no, 1, 'PPPP',"
            "   'received', '\\x01' FROM moved m",
            {"period": store.PERIODS[PERIOD], "indicator": INDICATOR, "revision": cls.revision, "seq": seq, "day": day,
             "area": AREA, "value": self.stated + by})
        return seq

    def claim(self, **kwargs):
        return next(c for c in table("claims", "check", **kwargs) if c["figure_no"] == 1)

    def news(self):
        with psycopg.connect(conninfo("tram_writer")) as writer:
            return writer.execute("SELECT figure_no, difference, to_char(since, 'YYYY-MM-DD'), cause, of_area, seq, reason"
                                  " FROM tram.announce_claims()").fetchall()

    def test_outdated_and_holding_again(self):
        self.assertEqual(self.claim()["state"], "holds")
        self.assertEqual(self.news(), [])
        first = self.correct(300000, "2025-03-01")
        outdated = self.claim(status=1)
        self.assertEqual((outdated["state"], outdated["difference"], outdated["cause"], outdated["of_area"], outdated["agent"],
                          outdated["seq"], outdated["reason"], outdated["statements"]),
                         ("outdated", "0.3", "correction", AREA, "agent-63-46", first, "đếm lại", 1))
        self.assertEqual(outdated["outdated_since"][:10], "2025-03-01")
        self.assertEqual(self.news(), [(1, "0.3", "2025-03-01", "correction", AREA, first, "đếm lại")])
        self.assertEqual(self.news(), [], "said once")
        # moved on, it is outdated since the same day still, and that is no news
        self.correct(400000, "2025-03-02")
        outdated = self.claim(status=1)
        self.assertEqual((outdated["state"], outdated["difference"], outdated["outdated_since"][:10]),
                         ("outdated", "0.4", "2025-03-01"))
        self.assertEqual(self.news(), [])
        shown = tram("claims", "check", status=1)
        self.assertIn(f"through correction of {AREA} (agent-63-46, report {first}): đếm lại", shown)
        self.assertIn("1 outdated", shown)
        self.correct(0, "2025-03-03")
        self.assertEqual(self.claim()["state"], "holds")
        last = self.correct(-1000000, "2025-03-04")
        self.assertEqual(self.news(), [(1, "-1", "2025-03-04", "correction", AREA, last, "đếm lại")])
        self.correct(0, "2025-03-05")
        self.assertEqual(self.claim()["state"], "holds")
        self.what_moved()

    def what_moved(self):
        rows = table("rollup", INDICATOR, "--period", PERIOD, "--changes", "--since", "2025-02-15")
        self.assertEqual([(r["moment"][:10], r["difference"], r["cause"], r["of_area"], str(r["revision"])) for r in rows],
                         [("2025-03-01", "300000", "correction", AREA, "1"), ("2025-03-02", "100000", "correction", AREA, "2"),
                          ("2025-03-03", "-400000", "correction", AREA, "3"),
                          ("2025-03-04", "-1000000", "correction", AREA, "4"),
                          ("2025-03-05", "1000000", "correction", AREA, "5")])
        self.assertEqual((rows[0]["value_before"], rows[0]["value_after"], rows[0]["statements"]), ("16400000", "16700000", 1))
        self.db.execute("UPDATE tram.parameter SET value = 1 WHERE parameter = 'changes.page'")
        self.assertEqual(table("rollup", INDICATOR, "--period", PERIOD, "--changes", "--since", "2025-02-15"), rows, "all pages")
        self.db.execute("UPDATE tram.parameter SET value = 100 WHERE parameter = 'changes.page'")
        everything = table("rollup", "--changes", "--since", "2025-02-15")
        self.assertEqual({r["indicator"] for r in everything if r["time_period"] == PERIOD}, {INDICATOR})
        for language, words in (("en", ("correction 63/46", "+0.3", "16.7 million")), ("vi", ("bản sửa 63/46", "+0,3"))):
            shown = tram("rollup", INDICATOR, "--changes", "--since", "2025-02-15", language=language)
            for word in words:
                self.assertIn(word, shown)
            self.assertLessEqual(max(map(len, shown.splitlines())), 120)
        now, = self.db.execute("SELECT clock_timestamp()").fetchone()
        self.assertIn("nothing has moved", tram("rollup", INDICATOR, "--changes", "--since", now.isoformat()))
        cursor = tram("rollup", INDICATOR, "--changes", "--since", "now").split()[-1]
        seq = self.correct(1, "2030-01-01")
        self.assertEqual(table("rollup", INDICATOR, "--changes", "--since", cursor), [], "what is known later is told later")
        self.db.execute("DELETE FROM tram.observation WHERE known_at = '2030-01-01'")
        self.assertGreater(seq, 5000)

    def test_what_moved_is_told_up_to_now_however_much_comes_meanwhile(self):
        """There is always more: what it says then is where to go on."""
        arguments = "(text, text, text, text, text)"
        self.db.execute("CREATE SCHEMA aside")
        self.db.execute("GRANT USAGE ON SCHEMA aside TO PUBLIC")
        self.db.execute(f"ALTER FUNCTION tram.changes_page{arguments} SET SCHEMA aside")
        self.db.execute(f"CREATE FUNCTION tram.changes_page{arguments} RETURNS TABLE (since timestamptz, until timestamptz, next text,"
                        " more boolean) LANGUAGE sql AS 'SELECT since, until, next, true FROM aside.changes_page($1, $2, $3, $4, $5)'")
        try:
            self.assertIn("go on later with --since c", tram("rollup", INDICATOR, "--changes", "--since", "2025-02-15"))
        finally:
            self.db.execute(f"DROP FUNCTION tram.changes_page{arguments}")
            self.db.execute(f"ALTER FUNCTION aside.changes_page{arguments} SET SCHEMA tram")

    def stand(self, indicator, period, revision, day, more="0, 0"):
        """Another revision of a province's two parts, so much more than its first."""
        self.db.execute("INSERT INTO tram.observation (key, report_no, known_at, area_no, line, rank_out_of, outcome, qualifier,"
                        " missing_reason, flags, obs_status, value, numerator, denominator, weight)"
                        " SELECT o.key | %s, o.report_no, %s, o.area_no, o.line, 0, 1, o.qualifier, 0, 0, 'A', NULL, o.numerator + (%s::numeric[])[1],"
                        "   o.denominator + (%s::numeric[])[2], o.weight"
                        " FROM tram.observation o JOIN tram.area_number n USING (area_no) WHERE n.area = %s AND o.key ="
                        " (SELECT (s.series_no::bigint << 44) | (%s::bigint << 14) FROM tram.series s WHERE s.indicator = %s"
                        " AND s.dimensions = '')", (revision, day, "{" + more + "}", "{" + more + "}", AREA, store.PERIODS[period],
                                                    indicator))

    def test_so_many_of_so_many(self):
        """Shown as such wherever they are, and apart by a number only where both are of as many."""
        indicator, period = "digital_seaports", "2023-S1"
        claim = lambda status: next(c for c in table("claims", "check", status=status) if c["figure_no"] == 41)
        self.assertEqual((claim(0)["state"], claim(0)["difference"]), ("holds", "0"))
        self.stand(indicator, period, 1, "2025-03-01", "0, 7")
        self.assertEqual((claim(1)["state"], claim(1)["difference"]), ("outdated", None))
        shown = tram("claims", "check", status=1)
        self.assertRegex(shown, r"\n41: outdated since [^,]*2025[^,]*, 18/152 instead of 18/145, through correction of 63/46")
        self.assertRegex(tram("claims", "check", status=1, language="vi"),
                         r"\n41: không còn đúng từ [^,]*2025[^,]*, 18/152 thay vì 18/145, qua bản sửa của 63/46")
        self.stand(indicator, period, 2, "2025-03-02", "2, 7")
        self.stand(indicator, period, 3, "2025-03-03", "2, 0")
        self.assertEqual((claim(1)["state"], claim(1)["difference"]), ("outdated", "2"))
        self.assertIn(", by 2 ", tram("claims", "check", status=1))
        shown = [line.split() for line in tram("rollup", indicator, "--changes", "--since", "2025-02-15").splitlines()]
        moves = [[w for w in line if "/145" in w or "/152" in w or w in ("–", "+2")] for line in shown]
        self.assertEqual([m for m in moves if m],
                         [["18/145", "18/152", "–"], ["18/152", "20/152", "+2"], ["20/152", "20/145", "–"]])
        self.db.execute("DELETE FROM tram.observation WHERE known_at BETWEEN '2025-03-01' AND '2025-03-03' AND key & 16383 > 0")

    def test_small_moves(self):
        """A note has the digits of what was announced; what moved by less than is shown did not move by 0.0."""
        no = self.announce(0, "2023-S1")
        try:
            shown = tram("claims", "check", status=1)
            self.assertRegex(shown, rf"\n{no}: by \d[\d,]* ")
        finally:
            self.db.execute("DELETE FROM tram.announced_figure")
        first = self.correct(100, "2025-03-06")
        shown = next(line for line in tram("rollup", INDICATOR, "--changes", "--since", "2025-03-05T12:00:00Z").splitlines()
                     if "correction" in line)
        self.assertRegex(shown, r" 16\.4 +16\.4 million .* \+0\.0001 ")
        self.db.execute("DELETE FROM tram.observation WHERE report_no & 1099511627775 = %s", (first,))

    def state(self, figure_no):
        return self.db.execute("SELECT c.status, c.cause, c.of_area, to_char(c.outdated_since, 'YYYY-MM-DD') FROM tram.claim_status c"
                               " WHERE c.figure_no = %s", (figure_no,)).fetchone()

    def announce(self, value, period=PERIOD):
        return self.db.execute("SELECT tram.add_announcement(%s, %s, NULL, NULL, %s, NULL, NULL, 0, 'exact', '2025-01-01', 'x', 'y',"
                               " '', 'An')", (INDICATOR, period, value)).fetchone()[0]

    def test_first_reports_outdate_nothing(self):
        """What the first 53 of 61 provinces add up to never was the figure; what all 61 did was, until one of them corrects it."""
        cell = ("o.key = (SELECT (s.series_no::bigint << 44) | (%s::bigint << 14) FROM tram.series s WHERE s.indicator = %s"
                " AND s.dimensions = '')")
        which = (store.PERIODS[PERIOD], INDICATOR)
        with self.db.transaction(force_rollback=True):
            areas = [a for a, in self.db.execute("SELECT area_no FROM tram.observation o WHERE " + cell + " ORDER BY 1", which)]
            self.db.execute("DELETE FROM tram.observation WHERE area_no = ANY (%s)", (areas[-2:],))
            self.db.execute("UPDATE tram.observation o SET known_at = '2025-01-01'::timestamptz + (o.area_no || ' hours')::interval")
            values = dict(self.db.execute("SELECT o.area_no, o.value FROM tram.observation o WHERE " + cell, which).fetchall())
            partial = self.announce(sum(values[a] for a in areas[:53]))
            whole = self.announce(sum(values.values()))
            self.assertEqual(self.state(partial)[0], "different")
            self.assertEqual(self.state(whole)[0], "holds")
            self.few_roll_ups()
            self.db.execute("INSERT INTO tram.observation SELECT o.key | 1, o.report_no, '2025-03-01', o.area_no, o.line, 0, 1, 1, 0, 1,"
                            " 'A', NULL FROM tram.observation o WHERE area_no = %s AND " + cell, (areas[7], *which))
            self.assertEqual(self.state(whole)[:2] + self.state(whole)[3:], ("outdated", "withdrawal", "2025-03-01"))
            self.assertEqual(self.state(partial)[0], "different")
            self.db.execute("INSERT INTO tram.observation SELECT o.key | 1, o.report_no, '2025-03-02', o.area_no, o.line, 0, 1, 1, 0, 1,"
                            " 'A', NULL FROM tram.observation o WHERE area_no <> %s AND " + cell, (areas[7], *which))
            self.assertEqual(self.state(whole)[:2] + self.state(whole)[3:], ("outdated", "withdrawal", "2025-03-01"))
            self.assertEqual(self.state(partial)[0], "missing")

    def few_roll_ups(self):
        """With provinces missing most claims are different: whether each ever held is not asked of every report that came in."""
        calls = ("SELECT coalesce(sum(calls), 0) FROM pg_stat_xact_user_functions WHERE schemaname = 'tram' AND funcname = 'rollup_at'")
        self.db.execute("SET LOCAL track_functions = 'all'")
        before = self.db.execute(calls).fetchone()[0]
        states = [s for s, in self.db.execute("SELECT status FROM tram.claim_status")]
        asked = self.db.execute(calls).fetchone()[0] - before
        self.assertGreater(states.count("different"), 20)
        self.assertLess(asked, 3 * len(states))

    def test_what_cannot_be_asked(self):
        for words, word in ((("--changes",), "--since"), (("--since", "2025-01-01"), "--changes"),
                            (("--changes", "--since", "yesterday"), "yesterday"),
                            (("--changes", "--since", "2025-01-01", "--as-of", "2025-01-01"), "--as-of"),
                            (("--changes", "--since", "2025-01-01", "--format", "sdmx-csv"), "sdmx-csv")):
            with self.subTest(words=words):
                done = subprocess.run([store.BIN / "tram-centre", "rollup", *words], capture_output=True, text=True, check=False,
                                      env={"TRAM_CENTRE": str(store.SETTINGS), "TRAM_LANG": "en"})
                self.assertNotEqual(done.returncode, 0)
                self.assertIn(word, done.stderr)

    def test_more_that_was_announced(self):
        """A region's and a province's figures too, beside the catalogue's; what was never equal is different."""
        def add(*words, status=0):
            return tram("claims", "add", *words, "--said-by", "Cục Thống kê", "--source", "niên giám 2024", "--by", "An",
                        "--database", conninfo("tram_operator"), status=status)
        population = {r["area"]: r["value"] for level in ("nation", "region", "province")
                      for r in table("rollup", "population", "--period", "2024", "--level", level)}
        region = table("rollup", "population", "--period", "2024", "--level", "region")[0]["area"]
        for area in ("VN", AREA, region):
            self.assertIn("kept as no. 1000", add("population", "2024", population[area], "--area", area, "--unit-mult", "0"))
        self.assertIn("kept as no. 1000", add("POPULATION", "2024", "1.2", "--area", AREA, "--unit-mult", "6", "--on", "2025-01-02"))
        self.assertIn("kept as no. 1000", add("population", "2024", "1.3", "--area", AREA, "--unit-mult", "6"))
        added = [c for c in table("claims", "check", status=1) if c["figure_no"] > 100000]
        self.assertEqual([(c["state"], c["said_by"]) for c in added],
                         [(state, "Cục Thống kê") for state in ("holds", "holds", "holds", "holds", "different")])
        self.assertEqual(added[4]["difference"], str((int(population[AREA]) - 1300000) / 10**6))
        listed = [c for c in table("claims", "list") if c["figure_no"] > 100000]
        self.assertEqual([(c["area"], c["published_unit_mult"]) for c in listed],
                         [("VN", 0), (AREA, 0), (region, 0), (AREA, 6), (AREA, 6)])
        self.assertEqual((listed[3]["announced_on"], listed[3]["source"], len(table("claims", "list"))), ("2025-01-02", "niên giám 2024", 85))
        self.assertEqual(self.db.execute("SELECT DISTINCT added_by, added_as FROM tram.announced_figure").fetchall(),
                         [("An", "tram_operator")])
        for words, word in ((("no_such", "2024", "1"), "no_such"), (("population", "2024-13", "1"), "2024-13"),
                            (("population", "2024", "many"), "many"), (("population", "2024", "1/x"), "figure"),
                            (("population", "2024", "1", "--area", "63/999"), "63/999"),
                            (("population", "2024", "1", "--qualifier", "perhaps"), "perhaps"),
                            (("population", "2024", "1", "--unit-mult", "x"), "--unit-mult"),
                            (("population", "2024", "1", "--on", "soon"), "--on")):
            with self.subTest(words=words):
                done = subprocess.run([store.BIN / "tram-centre", "claims", "add", *words, "--said-by", "x", "--source", "y", "--by",
                                       "An", "--database", conninfo("tram_operator")], capture_output=True, text=True, check=False,
                                      env={"TRAM_CENTRE": str(store.SETTINGS), "TRAM_LANG": "en"})
                self.assertNotEqual(done.returncode, 0)
                self.assertIn(word, done.stderr)
        for role in ("tram_reader", "tram_writer", "tram_admin"):
            with psycopg.connect(conninfo(role)) as other, self.assertRaises(psycopg.errors.InsufficientPrivilege):
                other.execute("INSERT INTO tram.announced_figure DEFAULT VALUES")
        self.db.execute("DELETE FROM tram.announced_figure")


if __name__ == "__main__":
    unittest.main()
