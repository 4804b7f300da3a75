# SPDX-License-Identifier: Apache-2.0
"""The demonstration's split: every published figure comes back from its parts, to the last published digit."""

import pathlib
import sys
import unittest
from fractions import Fraction

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "deploy" / "demonstration"))
sys.dont_write_bytecode = True

import split  # noqa: E402

PREPARED_AT = "2026-01-02T08:00:00+07:00"
WEAKEST_LAST = ("exact", "at_least", "more_than", "at_most", "nearly", "approx")


def number(text):
    return Fraction(text) if text else None


class Rollup:
    """National figures by the catalogue's methods, computed anew from the rows; shares no arithmetic with split.py."""

    def __init__(self, rows, indicators):
        self.indicators = indicators
        self.by_series = {}
        for _, row in rows:
            self.by_series.setdefault((row["indicator"], row["time_period"]), []).append(row)

    def rows(self, indicator, time_period):
        return [row for row in self.by_series[indicator, time_period] if row["missing_reason"] != "not_applicable"]

    def value(self, code, time_period):
        indicator = self.indicators[code]
        if indicator["over_area"] == "growth_recomputed":
            return self.growth(indicator, time_period)
        rows = self.rows(code, time_period)
        if indicator["over_area"] == "sum":
            return sum(Fraction(r["value"]) for r in rows)
        if indicator["over_area"] == "weighted_mean":
            return (sum(Fraction(r["value"]) * int(r["weight"]) for r in rows) / sum(int(r["weight"]) for r in rows))
        if indicator["over_area"] == "ratio_of_sums":
            ratio = sum(Fraction(r["numerator"]) for r in rows) / sum(Fraction(r["denominator"]) for r in rows)
            return 100 * ratio if indicator["unit"] == "percent" else ratio
        (row,) = rows
        return number(row["value"])

    def growth(self, indicator, time_period):
        if " / " in indicator["derives_from"]:
            above, below = indicator["derives_from"].split(" / ")
            return self.value(above, time_period) / self.value(below, time_period)
        level = indicator["derives_from"]
        earlier = f"{int(time_period[:4]) - 1}{time_period[4:]}"
        multiple = self.value(level, time_period) / self.value(level, earlier)
        return multiple if indicator["unit"] == "times" else 100 * (multiple - 1)


class Split(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.world = split.read_world(ROOT / "deploy" / "catalogue", ROOT / "deploy" / "registry", PREPARED_AT)
        cls.rows = split.split(ROOT / "deploy" / "catalogue", ROOT / "deploy" / "registry", PREPARED_AT)
        cls.rollup = Rollup(cls.rows, cls.world.indicators)

    def test_every_published_figure_comes_back(self):
        self.assertEqual(len(self.world.published), 80)
        for figure in self.world.published:
            with self.subTest(figure=figure.what, indicator=figure.indicator):
                if figure.denominator:
                    rows = self.rollup.rows(figure.indicator, figure.time_period)
                    self.assertEqual(sum(int(r["numerator"]) for r in rows), int(figure.numerator))
                    self.assertEqual(sum(int(r["denominator"]) for r in rows), int(figure.denominator))
                    continue
                indicator = self.world.indicators[figure.indicator]
                unit = Fraction(10) ** int(indicator["display_unit_mult"])
                published = Fraction(figure.value) * Fraction(10) ** figure.unit_mult
                shown = self.rollup.value(figure.indicator, figure.time_period) / unit
                digits = int(indicator["display_decimals"])
                self.assertEqual(split.round_half_away(shown, digits), published / unit)

    def test_sums_and_means_are_exact(self):
        for figure in self.world.published + self.world.earlier_levels:
            if self.world.indicators[figure.indicator]["over_area"] in ("sum", "weighted_mean"):
                published = Fraction(figure.value) * Fraction(10) ** figure.unit_mult
                self.assertEqual(self.rollup.value(figure.indicator, figure.time_period), published)

    def test_qualifier_of_a_growth_follows_from_its_levels(self):
        for figure in self.world.published:
            indicator = self.world.indicators[figure.indicator]
            if indicator["over_area"] == "growth_recomputed" and " / " not in indicator["derives_from"]:
                earlier = f"{int(figure.time_period[:4]) - 1}{figure.time_period[4:]}"
                levels = [r["qualifier"] for period in (figure.time_period, earlier)
                          for r in self.rollup.rows(indicator["derives_from"], period)]
                self.assertEqual(max(levels, key=WEAKEST_LAST.index), figure.qualifier, figure.indicator)

    def test_each_province_reports_each_split_figure_once(self):
        for (indicator, period), rows in self.rollup.by_series.items():
            areas = [r["ref_area"] for r in rows]
            self.assertEqual(len(areas), len(set(areas)), (indicator, period))
            self.assertIn(len(areas), (1, 63), (indicator, period))

    def test_parts_are_possible(self):
        for _, row in self.rows:
            where = (row["indicator"], row["ref_area"], row["time_period"])
            indicator = self.world.indicators[row["indicator"]]
            value, above, below = (number(row[name]) for name in ("value", "numerator", "denominator"))
            self.assertEqual(value is None and below is None, row["missing_reason"] != "", where)
            self.assertEqual(row["obs_status"] == "M", row["missing_reason"] != "", where)
            if indicator["integer"] == "y" and value is not None:
                self.assertEqual(value.denominator, 1, where)
            if below is not None:
                self.assertGreater(below, 0, where)
                self.assertGreaterEqual(above, 0, where)
            if below is not None and indicator["kind"] != "ratio" or indicator["unit"] == "percent" and below is not None:
                self.assertLessEqual(above, below, where)
            for name, bound in (("min", 1), ("max", -1)):
                if indicator[name] and value is not None:
                    self.assertGreaterEqual(bound * value, bound * Fraction(indicator[name]), where)
            if indicator["unit"] == "percent" and below is not None:
                half = Fraction(1, 2 * 10 ** int(indicator["display_decimals"]))
                self.assertLessEqual(abs(value - 100 * above / below), half, where)
            if row["weight"]:
                self.assertGreater(int(row["weight"]), 0, where)

    def test_seaports_lie_on_the_coast(self):
        rows = self.rollup.by_series["digital_seaports", "2023-S1"]
        inland = [r for r in rows if r["missing_reason"] == "not_applicable"]
        self.assertEqual((len(rows), len(inland)), (63, 63 - 28))

    def test_only_what_is_real_or_published_as_it_stands_is_not_marked(self):
        real = {"population", "land_area", "population_density", "grdp_per_capita"}
        for _, row in self.rows:
            own = row["ref_area"] == "VN" and not any(
                f.indicator == row["indicator"] and f.time_period == row["time_period"] for f in self.world.earlier_levels)
            self.assertEqual(row["demonstration"], "no" if own or row["indicator"] in real else "yes", row["indicator"])

    def test_the_total_of_139_lies_in_one_report_with_its_parts(self):
        keys = {tuple(row[name] for name in split.REPORT_COLUMNS) for _, row in self.rows
                if row["indicator"].startswith("etransaction_law_affected")}
        self.assertEqual(len(keys), 1)

    def test_a_row_is_handed_in_by_its_providers_agent(self):
        for agent, row in self.rows:
            provider = self.world.providers[row["provider"]]
            self.assertEqual(provider["agent"], agent)
            self.assertEqual(provider["area"], row["ref_area"])
            self.assertEqual(self.world.dataflows[row["dataflow"]]["provided_by"], provider["kind"])
            self.assertEqual(self.world.indicators[row["indicator"]]["dataflow"], row["dataflow"])

    def test_real_figures_are_the_statistics_offices(self):
        self.assertEqual(self.rollup.value("population", "2024"), 101343900)
        rows = {r["ref_area"]: r for r in self.rollup.rows("grdp_per_capita", "2024")}
        self.assertEqual((rows["63/01"]["value"], rows["63/01"]["obs_status"]), ("162.9", "P"))


class Arithmetic(unittest.TestCase):
    def test_largest_remainder(self):
        self.assertEqual(split.largest_remainder(10, [1, 1, 1]), [4, 3, 3])
        self.assertEqual(split.largest_remainder(0, [1, 2]), [0, 0])
        self.assertEqual(split.largest_remainder(7, [Fraction(1, 3), Fraction(2, 3)]), [2, 5])

    def test_capped_remainder(self):
        self.assertEqual(split.capped_remainder(10, [9, 1], [6, 9]), [6, 4])
        self.assertEqual(split.capped_remainder(15, [9, 1], [6, 9]), [6, 9])
        with self.assertRaises(AssertionError):
            split.capped_remainder(16, [9, 1], [6, 9])

    def test_round_half_away(self):
        self.assertEqual(split.round_half_away(Fraction(5, 2), 0), 3)
        self.assertEqual(split.round_half_away(Fraction(-5, 2), 0), -3)
        self.assertEqual(split.round_half_away(Fraction("29.9763"), 2), Fraction("29.98"))

    def test_plain(self):
        for given, expected in ((Fraction(16400000), "16400000"), (Fraction("71.790"), "71.79"), (Fraction(-1, 8), "-0.125")):
            self.assertEqual(split.plain(given), expected)
        with self.assertRaises(AssertionError):
            split.plain(Fraction(1, 3))


if __name__ == "__main__":
    unittest.main()
