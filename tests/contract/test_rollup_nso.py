#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""
The statistics office's figures of the 63 provinces for 2024 on both sets of units and of regions, against an exact
recomputation: people and land add up, density is made anew from both, GRDP per head weighed by people. The codes that name another
province since 2025-07-01 are told apart.

Run by: tests/contract/with-postgres tests/contract/test_rollup_nso.py
"""

import csv
import unittest
from decimal import Decimal
from fractions import Fraction

import psycopg
import test_rollup as base

REUSED = ("15", "24", "44", "52", "80", "82", "91")
# code: (unit, over_area, mean_weight)
INDICATORS = {
    "population": ("person", "sum", ""),
    "land_area": ("km2", "sum", ""),
    "population_density": ("person_per_km2", "ratio_of_sums", ""),
    "grdp_per_capita": ("million_VND", "weighted_mean", "population"),
}


def registry(name):
    with open(base.ROOT / "deploy/registry" / name, encoding="utf-8", newline="") as f:
        return list(csv.DictReader(f))


class NsoTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.db = base.connect()
        base.make_schema(cls.db)
        cls.areas = base.load_registry(cls.db)
        cls.stats = {row["code"]: row for row in registry("nso_province_stats_2024_63.csv")}
        cls.heir = {row["predecessor"]: row["successor"] for row in registry("succession.csv")}
        cls.db.execute("INSERT INTO tram.catalogue (version, digest) VALUES (3, '\\x00')")
        cls.db.execute("INSERT INTO tram.dataflow VALUES ('statistics', '', '', 'province', 'A', '', '', '2000-01-01', NULL)")
        for code, (unit, method, weight) in INDICATORS.items():
            cls.db.execute("INSERT INTO tram.indicator VALUES (%s, 'statistics', '', '', 'count', %s, '', 0, 0, false, NULL, NULL,"
                           " '', %s, 'last', %s, 'population', '', '', '', 'A', true, 800, '', '2000-01-01', NULL, '')",
                           (code, unit, method, weight))
            cls.db.execute("INSERT INTO tram.series (indicator) VALUES (%s)", (code,))
        for code in cls.stats:
            cls.state(f"63/{code}", "2024", cls.stats[code])

    @classmethod
    def tearDownClass(cls):
        cls.db.close()

    @classmethod
    def state(cls, area, period, row):
        people, land = Decimal(row["population"]), Decimal(row["area_km2"])
        for indicator, value, top, bottom in (("population", people, None, None), ("land_area", land, None, None),
                                              ("population_density", None, people, land),
                                              ("grdp_per_capita", Decimal(row["grdp_per_capita_million_vnd"]), None, None)):
            cls.db.execute("INSERT INTO tram.observation SELECT (s.series_no::bigint << 44) | (tram.period_pack(%s)::bigint << 14),"
                           " 1::bigint << 40 | 1, '2025-03-01', a.area_no, 1, 0, 1, 1, 0, 0, 'A', %s, %s, %s, NULL"
                           " FROM tram.series s, tram.area_number a WHERE s.indicator = %s AND a.area = %s",
                           (period, value, top, bottom, indicator, area))

    def unit_of(self, code, level, boundary):
        area = f"63/{code}" if boundary == "63" else self.heir[f"63/{code}"]
        if level == "region":
            return next(row["parent"] for row in self.areas if row["area"] == area)
        return "VN" if level == "nation" else area

    def exact(self, level, boundary):
        sums = {}
        for code, row in self.stats.items():
            people, land = Fraction(row["population"]), Fraction(row["area_km2"])
            total = sums.setdefault(self.unit_of(code, level, boundary), [0, 0, 0])
            total[0] += people
            total[1] += land
            total[2] += people * Fraction(row["grdp_per_capita_million_vnd"])
        return {unit: {"population": people, "land_area": land, "population_density": people / land,
                       "grdp_per_capita": product / people} for unit, (people, land, product) in sums.items()}

    def ask(self, indicator, period, level, boundary):
        cursor = self.db.cursor(row_factory=psycopg.rows.dict_row)
        return {row["area"]: row for row in cursor.execute("SELECT * FROM tram.rollup(%s, %s, %s, %s)",
                                                           (indicator, period, level, boundary))}

    def test_both_sets_of_units_and_of_regions(self):
        units = {("nation", "63"): 1, ("nation", "34"): 1, ("region", "63"): 6, ("region", "34"): 6,
                 ("province", "63"): 63, ("province", "34"): 34}
        for (level, boundary), n in units.items():
            exact = self.exact(level, boundary)
            self.assertEqual(len(exact), n, (level, boundary))
            for indicator in INDICATORS:
                stored = self.ask(indicator, "2024", level, boundary)
                self.assertEqual(set(stored), set(exact))
                for unit, want in exact.items():
                    about = f"{indicator} of {unit} ({boundary})"
                    got = stored[unit]
                    if INDICATORS[indicator][1] == "sum":
                        self.assertEqual(Fraction(got["value"]), want[indicator], about)
                    else:
                        self.assertEqual(Fraction(got["numerator"]) / Fraction(got["denominator"]), want[indicator], about)
                        self.assertLess(abs(Fraction(got["value"]) - want[indicator]), want[indicator] / 10**15, about)
                    self.assertEqual((got["finality"], got["boundary"], got["missing"]), ("final", boundary, []), about)

    def test_regions_of_the_34_are_others(self):
        """A province may be in another region since: Bắc Giang went to the Red River Delta with its merger."""
        self.assertNotEqual(self.unit_of("24", "region", "63").split("/")[1], self.unit_of("24", "region", "34").split("/")[1])

    def test_reused_codes_are_told_apart(self):
        names = {row["area"]: row["short_name_vi"] for row in self.areas}
        old = self.ask("population", "2024", "province", "63")
        new = self.ask("population", "2024", "province", "34")
        for code in REUSED:
            members = [c for c in self.stats if self.heir[f"63/{c}"] == f"34/{code}"]
            with self.subTest(code=code):
                self.assertNotEqual(names[f"63/{code}"], names[f"34/{code}"])
                self.assertIn(code, members)
                self.assertGreater(len(members), 1)
                self.assertEqual(old[f"63/{code}"]["value"], Decimal(self.stats[code]["population"]))
                self.assertEqual(new[f"34/{code}"]["value"], sum(Decimal(self.stats[c]["population"]) for c in members))
        self.assertFalse(set(old) & set(new))

    def test_a_year_of_the_34_is_not_mixed_with_one_of_the_63(self):
        with self.db.transaction(force_rollback=True):
            for code in REUSED:
                self.state(f"34/{code}", "2025", {**self.stats[code], "population": "1000000"})
                self.state(f"63/{code}", "2025", {**self.stats[code], "population": "5"})
            said = self.ask("population", "2025", "province", None)
            for code in REUSED:
                self.assertEqual((said[f"34/{code}"]["value"], said[f"34/{code}"]["boundary"]), (1000000, "34"))
            self.assertEqual(self.ask("population", "2025", "nation", None)["VN"]["value"], 7000000)


if __name__ == "__main__":
    unittest.main()
