#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""
The centre's commands on a real PostgreSQL, with the demonstration's figures put straight into the store: what is shown,
in which language, and how each command ends.

Run by: tests/contract/with-postgres tests/contract/test_centre.py FOLDER-OF-PROGRAMS
"""

import contextlib
import csv
import json
import shutil
import subprocess
import unittest
from decimal import Decimal

import psycopg

from demonstration_store import BIN, HELD, ROOT, DemonstrationTest, conninfo, table, tram

POPULATION = ("population", "2024")
MOMENTS = [  # a question, and the option that says when
    (("rollup", "population", "--period", "2024"), "--as-of"),
    (("rollup", "population", "--changes"), "--since"),
    (("explain", *POPULATION), "--as-of"),
    (("board",), "--as-of"),
    (("todo", "--provider", "P63-46"), "--as-of"),
    (("verify", "--database", conninfo("tram_auditor")), "--since"),
    (("rules", "rehearse", ROOT / "deploy/catalogue", "--database", conninfo("tram_auditor")), "--since"),
]
ANNOUNCED = ("claims", "add", *POPULATION, "1.2", "--said-by", "x", "--source", "y", "--by", "An", "--database", conninfo("tram_operator"))
RFC_3339 = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$"


class CentreTest(DemonstrationTest):
    # ------------------------------------------------------------ figures

    def test_published_figures(self):
        claims = table("claims", "check")
        self.assertEqual(len(claims), 80)
        other = {(c["figure_no"], c["indicator"], c["state"]) for c in claims if c["state"] != "holds"}
        self.assertEqual(other, {(17, HELD, "held")})
        for claim in claims:
            if claim["state"] == "holds":
                self.assertEqual((claim["finality"], claim["coverage_weight"]), ("final", 1), claim)
                self.assertEqual(claim["areas_reporting"], claim["areas_expected"], claim)
        self.assertEqual({c["areas_expected"] for c in claims}, {1, 63})

    def test_published_figures_for_people(self):
        english, vietnamese = tram("claims", "check", "--details"), tram("claims", "check", "--details", language="vi")
        for language in ("en", "vi"):
            short = tram("claims", "check", language=language)
            self.assertLessEqual(max(len(line) for line in short.splitlines()), 100, short)
        for shown in ("16.4 million account", "4,543/6,325 administrative procedure", "more than 45 million account",
                      "117.3 billion USD", "14.96 %", "79 equal, 1 held, 0 outdated, 0 different, 0 missing", "63/63 (100 %)", "forecast"):
            self.assertIn(shown, english)
        for shown in ("16,4", "4.543/6.325 thủ tục hành chính", "2,39", "tài khoản"):
            self.assertIn(shown, vietnamese)

    def test_a_province_that_is_missing_shows(self):
        with psycopg.connect(conninfo("postgres")) as db:
            db.execute("UPDATE tram.observation SET outcome = 4 WHERE area_no IN (SELECT area_no FROM tram.area_number"
                       " WHERE area IN ('63/01', '63/79'))")
            db.commit()
            try:
                claims = table("claims", "check", status=1)
                figure = next(c for c in claims if c["figure_no"] == 1)
                self.assertEqual((figure["state"], figure["areas_reporting"], figure["finality"]),
                                 ("different", 61, "provisional"))
                share = Decimal(str(figure["coverage_weight"]))
                self.assertTrue(Decimal("0.7") < share < Decimal("0.9"), share)
                self.assertRegex(tram("rollup", "psp_registered_accounts", "--period", "2024-S1"), r"61/63 \(8\d\.\d %\) +provisional")
                nation = next(c for c in claims if c["figure_no"] == 2)
                self.assertEqual(nation["state"], "holds")
            finally:
                db.execute("UPDATE tram.observation SET outcome = 1 WHERE outcome = 4")
                db.commit()

    def test_rollup(self):
        rows = table("rollup", "psp_registered_accounts")
        self.assertEqual([(r["time_period"], r["value"]) for r in rows], [("2023-S1", "7700000"), ("2024-S1", "16400000")])
        self.assertEqual([r["demonstration"] for r in rows], [True, True])
        self.assertIs(table("rollup", "population", "--period", "2024")[0]["demonstration"], False)
        regions = table("rollup", "psp_registered_accounts", "--period", "2024-S1", "--level", "region")
        self.assertEqual((len(regions), sum(int(r["value"]) for r in regions)), (6, 16400000))
        provinces = table("rollup", "population", "--period", "2024", "--level", "province")
        self.assertEqual((len(provinces), next(r["value"] for r in provinces if r["area"] == "63/46")), (63, "1178600"))
        merged = table("rollup", "population", "--period", "2024", "--level", "province", "--boundary", "34")
        self.assertEqual((len(merged), sum(int(r["value"]) for r in merged)), (34, sum(int(r["value"]) for r in provinces)))
        self.assertEqual([r["value"] for r in table("rollup", "population", "--period", "2024", "--as-of", "2025-01-31")], [None])
        self.assertGreater(len(table("rollup")), 80)

    def test_rollup_for_people(self):
        self.assertIn("305.9 person per km2", tram("rollup", "population_density", "--period", "2024"))
        self.assertRegex(tram("rollup", "land_area", "--period", "2024", "--level", "region"), r"Southeast +[\d,]+\.\d km2 +\d+/\d+")
        self.assertIn("Đông Nam Bộ", tram("rollup", "land_area", "--level", "region", language="vi"))
        self.assertIn("demonstration", tram("rollup", "psp_registered_accounts"))
        self.assertNotIn("demonstration", tram("rollup", "population"))
        self.assertIn("no figure yet", tram("rollup", "--period", "1999"))

    def test_rollup_refuses(self):
        for words, status, said in ((("no_such",), 65, "no_such"), (("population", "--period", "2024-13"), 64, "2024-13"),
                                    (("population", "--level", "county"), 64, "county"),
                                    (("population", "--as-of", "yesterday"), 64, "yesterday"),
                                    (("population", "--period", "2024", "--boundary", "99"), 64, "63 or 34 provinces, or a day"),
                                    (("population", "--period", "2026", "--boundary", "63"), 65, "cannot be taken apart"),
                                    (("population", "extra"), 64, "rollup"), (("--nation",), 64, "--nation")):
            with self.subTest(words=words):
                self.assertIn(said, tram("rollup", *words, status=status))

    # ------------------------------------------------------------ moments

    def clock(self, shift="0", form='YYYY-MM-DD"T"HH24:MI:SS.USTZH:TZM'):
        """What the database's clock says, with something added; in Viet Nam's time."""
        with self.db.transaction():
            self.db.execute("SET LOCAL TimeZone = 'Asia/Ho_Chi_Minh'")
            return self.db.execute("SELECT to_char(clock_timestamp() + %s::interval, %s)", (shift, form)).fetchone()[0]

    @contextlib.contextmanager
    def clock_that_is_off(self, by):
        """The database's clock, and no other, is another one."""
        self.db.execute("ALTER FUNCTION pg_catalog.clock_timestamp() RENAME TO true_clock_timestamp")
        try:
            self.db.execute("CREATE FUNCTION pg_catalog.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE"
                            f" RETURN pg_catalog.true_clock_timestamp() + interval '{by}'")
            yield
        finally:
            self.db.execute("DROP FUNCTION IF EXISTS pg_catalog.clock_timestamp()")
            self.db.execute("ALTER FUNCTION pg_catalog.true_clock_timestamp() RENAME TO clock_timestamp")

    def answered(self, *words):
        """It is a question: whatever the answer, it is about the figures."""
        done = subprocess.run([BIN / "tram-centre", *map(str, words)], capture_output=True, text=True, check=False,
                              env={"TRAM_CENTRE": str(self.folder / "tram-aggregator.conf"), "TRAM_LANG": "en"})
        self.assertIn(done.returncode, (0, 1, 65), (words, done.stderr))
        self.assertNotIn("has not come yet", done.stderr)
        return done

    def refused(self, *words):
        said = tram(*words, status=64)
        self.assertRegex(said, r"has not come yet, it is now \d{4}-\d\d-\d\d \d\d:\d\d:\d\d\+07:00; ", words)
        self.assertIn("thời điểm này chưa đến, bây giờ mới là ", tram(*words, language="vi", status=64), words)
        return said

    def test_a_moment_that_has_not_come_is_refused(self):
        for words, option in MOMENTS:
            with self.subTest(words=words):
                for ahead in (self.clock("1 day"), self.clock("1 hour"), self.clock("2 days", "YYYY-MM-DD"), "9999-12-31"):
                    said = self.refused(*words, option, ahead)
                    self.assertIn(f"{option} {ahead}: ", said)
                    self.assertIn("leave --as-of out" if option == "--as-of" else "give --since a moment that has passed", said)
                self.answered(*words, option, self.clock())
                self.answered(*words, option, self.clock("-1 day"))
                self.answered(*words, option, self.clock(form="YYYY-MM-DD"))  # today's midnight
        self.assertIn("give --on the day", self.refused(*ANNOUNCED, "--on", self.clock("2 days", "YYYY-MM-DD")))
        self.assertEqual(self.db.execute("SELECT count(*) FROM tram.announced_figure").fetchone(), (0,))
        self.answered("board", "--on", "2099-12-31")  # a due day may lie ahead
        self.answered("rollup", "population", "--boundary", "2099-12-31")

    def test_what_is_known_now_is_what_is_known(self):
        now = table("rollup", *POPULATION[:1], "--period", "2024")
        self.assertEqual(table("rollup", "population", "--period", "2024", "--as-of", self.clock()), now)
        shown = self.clock("-1 second", "YYYY-MM-DD HH24:MI:SS")  # as tables show moments, without a zone
        self.assertEqual(table("rollup", "population", "--period", "2024", "--as-of", shown), now)
        before = [r["value"] for r in table("rollup", "population", "--period", "2024", "--as-of", "2025-01-31 08:00:00")]
        self.assertEqual(before, [None])

    def test_the_databases_clock_decides(self):
        tomorrow, hour_ago = self.clock("1 day"), self.clock("-1 hour")
        for words, option in MOMENTS:
            with self.subTest(words=words):
                with self.clock_that_is_off("30 days"):
                    self.answered(*words, option, tomorrow)
                with self.clock_that_is_off("-1 day"):
                    self.refused(*words, option, hour_ago)

    def test_quarantine(self):
        (row,) = table("quarantine", "list")
        self.assertEqual((row["indicator"], row["area"], row["value"], row["provider"]), (HELD, "VN", "139", "C-MIC"))
        self.assertRegex(row["held_at"], RFC_3339)
        self.assertIn("139", tram("quarantine", "list"))

    def test_what_is_not_in_the_catalogue_is_not_an_empty_list(self):
        for said, *words in (("did you mean DUNG-10?", "quarantine", "list", "--rule", "DUNG-1O"),
                             ("tram rules list", "quarantine", "list", "--rule", "NOPE"),
                             ("did you mean P63-46?", "quarantine", "list", "--provider", "P63_46"),
                             ("did you mean population?", "rollup", "populaton")):
            with self.subTest(words=words):
                self.assertIn(said, tram(*words, status=65))
        self.assertEqual(table("quarantine", "list", "--rule", "dung-05"), [])

    def test_a_list_of_nothing_says_so(self):
        for english, vietnamese, *words in (
                ("no period is closed", "chưa kỳ nào được chốt số liệu", "periods", "list"),
                ("no period of this dataflow is closed", "chưa kỳ nào của biểu báo cáo này", "periods", "list", "--dataflow", "international_comparison"),
                ("nothing that is held is of this rule", "không có số liệu nào đang giữ thuộc", "quarantine", "list", "--rule", "DUNG-05"),
                ("no figure yet", "chưa có số liệu", "rollup", "--period", "1999")):
            with self.subTest(words=words):
                shown = tram(*words)
                self.assertIn(english, shown)
                self.assertEqual(len(shown.splitlines()), 1, shown)
                self.assertIn(vietnamese, tram(*words, language="vi"))
                self.assertEqual(json.loads(tram(*words, "--format", "json")), [])
                self.assertEqual(len(tram(*words, "--format", "csv").splitlines()), 1)

    def test_csv_has_the_same_columns(self):
        rows = list(csv.DictReader(tram("claims", "check", "--format", "csv").splitlines()))
        self.assertEqual(list(rows[0]), list(table("claims", "check")[0]))

    # ------------------------------------------------------------ roster, catalogue, rules

    def test_roster(self):
        self.assertIn("agent-63-46 accepted", self.accepted)
        self.assertIn("on the roster already", tram("agents", "accept", self.folder / "agent-63-46.pub"))
        self.assertIn("--reason", tram("agents", "suspend", "agent-63-46", status=64))
        tram("agents", "suspend", "agent-63-46", "--reason", "máy hỏng")
        (row,) = table("agents", "list")
        self.assertEqual((row["agent"], row["state"], row["reason"], row["providers"]),
                         ("agent-63-46", "suspended", "máy hỏng", "P63-46"))
        self.assertRegex(row["changed_at"], RFC_3339)
        self.assertRegex(tram("agents", "list"), r" \d{4}-\d\d-\d\d \d\d:\d\d:\d\d ")
        self.assertIn(row["fingerprint"], tram("agents", "accept", self.folder / "agent-63-46.pub"))
        self.assertEqual(table("agents", "list")[0]["state"], "active")
        self.assertIn("agent-99", tram("agents", "revoke", "agent-99", "--reason", "x", status=65))

    def test_the_centres_keys_are_nobodys(self):
        subprocess.run([BIN / "tram", "keys", "make", "centre", "--out", self.folder / "centre.key"], check=True,
                       stdout=subprocess.DEVNULL)
        self.assertIn("centre", tram("agents", "accept", self.folder / "centre.pub", status=65))

    def test_catalogue(self):
        copy = self.folder / "copy"
        shutil.copytree(ROOT / "deploy/catalogue", copy / "catalogue")
        shutil.copytree(ROOT / "deploy/registry", copy / "registry")
        self.assertIn("no mistake", tram("catalogue", "check", copy))
        self.assertIn("no difference", tram("catalogue", "diff", copy))
        self.assertIn("version 1 already", tram("catalogue", "load", copy))
        figures = copy / "catalogue/published_figures.csv"
        figures.write_text(figures.read_text(encoding="utf-8").replace(",117.3,", ",117.4,", 1), encoding="utf-8")
        changes = table("catalogue", "diff", copy, status=1)
        self.assertEqual([(c["file"], c["change"]) for c in changes], [("published_figures.csv", sign) for sign in "-+"])
        indicators = copy / "catalogue/indicators.csv"
        indicators.write_text(indicators.read_text(encoding="utf-8").replace("ratio_of_sums", "ratio_of_some"), encoding="utf-8")
        said = tram("catalogue", "load", copy, status=65)
        self.assertRegex(said, r"indicators\.csv:8: .*ratio_of_some")
        self.assertEqual(self.db.execute("SELECT max(version) FROM tram.catalogue").fetchone(), (1,))
        self.assertIn("indicators.csv", [m["file"] for m in json.loads(
            tram("catalogue", "check", copy, "--format", "json", status=65).rpartition("tram:")[0])])

    def test_rules(self):
        rules = {row["rule"]: row for row in table("rules", "list")}
        self.assertEqual(rules["DUNG-07"]["severity"], "J")
        self.assertIn("DUNG-07", tram("rules", "list", language="vi"))
        with open(ROOT / "deploy/catalogue/parameters.csv", encoding="utf-8", newline="") as f:
            notes = {row["parameter"]: row for row in csv.DictReader(f)}
        for language in ("vi", "en"):
            shown = {row["parameter"]: row["note"] for row in table("rules", "list", "--parameters", language=language)}
            self.assertEqual(shown, {name: row["note_" + language] for name, row in notes.items()})
            self.assertTrue(all(row["note"] for row in table("rules", "list", "--comparisons", language=language)))

    # ------------------------------------------------------------ what goes wrong

    def test_the_database_is_away(self):
        said = tram("rollup", "--database", "host=/nonexistent", status=69)
        self.assertIn("/nonexistent", said)

    def test_no_settings(self):
        self.assertIn("/no/such/file", tram("claims", "check", "--centre", "/no/such/file", status=66))

    def test_commands_are_explained(self):
        for words in (("rollup",), ("claims", "check"), ("quarantine", "list"), ("agents", "list"), ("agents", "accept"),
                      ("agents", "suspend"), ("agents", "revoke"), ("rules", "list"), ("catalogue", "check"),
                      ("catalogue", "load"), ("catalogue", "diff"), ("store", "migrate")):
            self.assertIn(f"Usage: tram {' '.join(words)}", tram(*words, "--help"))
        self.assertIn("agents revoke", tram("agents", "--help"))
        self.assertIn("rollup", tram("rolup", status=64))


if __name__ == "__main__":
    unittest.main()
