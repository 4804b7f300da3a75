# SPDX-License-Identifier: Apache-2.0
"""
Roll-ups and subtotals worked out again in fractions, from what is stored (tram.observation and tram.decision, as they are) and
the catalogue's files: not from any view or function. How parts add up over time is tests/contract/test_rollup_time.py, which
finds it part by part; here its history is read from a store that programs wrote.
"""

import csv
import pathlib
import sys
from fractions import Fraction

sys.path.append(str(pathlib.Path(__file__).parents[1] / "contract"))

import test_rollup as base  # noqa: E402
import test_rollup_time as over_time  # noqa: E402
from test_rollup import FOREVER, fraction  # noqa: E402, F401
from test_subtotals import Total, stored_subtotals  # noqa: E402, F401

KINDS = {1: "A", 2: "S", 3: "Q", 4: "M"}


def rows_of(path):
    with open(path, encoding="utf-8", newline="") as f:
        return list(csv.DictReader(f))


def read_indicators(catalogue):
    """As tests/contract/test_rollup_time.py has them."""
    stated_by = {row["code"]: row["provided_by"] for row in rows_of(catalogue / "dataflows.csv")}
    return {row["code"]: (stated_by[row["dataflow"]], row["unit"], row["over_area"], row["over_time"], row["mean_weight"],
                          row["coverage_weight"], row["derives_from"], row["frequencies"], row["gate_percent"] and int(row["gate_percent"]))
            for row in rows_of(catalogue / "indicators.csv")}


def period_name(packed):
    """A packed period has its kind, and its first day counted from 1900."""
    first = over_time.dt.date(1900, 1, 1) + over_time.dt.timedelta(days=packed >> 10 & (1 << 17) - 1)
    return {"A": f"{first.year}", "S": f"{first.year}-S{(first.month + 5) // 6}", "Q": f"{first.year}-Q{(first.month + 2) // 3}",
            "M": f"{first.year}-{first.month:02}"}[KINDS[packed >> 27]]


class Stored(base.Revision):
    """One row of tram.observation, and the decisions on it."""

    def __init__(self, row, decisions):
        self.number, self.known_at, self.outcome = row["key"] & 16383, row["known_at"], row["outcome"]
        self.withdrawn, self.demonstration = bool(row["flags"] & 1), bool(row["flags"] & 2)
        self.missing, self.status, self.qualifier = row["missing_reason"], row["obs_status"], row["qualifier"]
        self.value, self.weight = row["value"], row["weight"]
        self.numerator, self.denominator = row["numerator"], row["denominator"]
        self.decisions = decisions


class History(over_time.History):
    """All that is stored of the catalogue's indicators."""

    def __init__(self, db, catalogue, registry):
        self.indicators = read_indicators(catalogue)
        over_time.INDICATORS = self.indicators
        areas = rows_of(registry / "areas.csv")
        self.rows = [row for row in areas if row["level"] == "province"]
        self.communes = [row for row in areas if row["level"] == "commune"]
        self.by_area = {row["area"]: row for row in self.rows}
        self.regions = {row["area"]: row["parent"] for row in self.rows}
        self.heir = {row["predecessor"]: row["successor"] for row in rows_of(registry / "succession.csv")}
        self.cells = {}
        self.moments = set()
        self.read(db)
        self.periods = {}
        for area, indicator, period in self.cells:
            self.periods.setdefault((area, indicator), []).append(period)

    def read(self, db):
        names = dict(db.execute("SELECT area_no, area FROM tram.area_number").fetchall())
        series = dict(db.execute("SELECT series_no, indicator FROM tram.series WHERE dimensions = ''").fetchall())
        decisions = {}
        for area_no, key, what, when in db.execute("SELECT area_no, key, decision, decided_at FROM tram.decision"
                                                   " ORDER BY decision_no"):
            decisions.setdefault((area_no, key), []).append((when, what))
            self.moments.add(when)
        cursor = db.cursor(row_factory=over_time.psycopg.rows.dict_row)
        for row in cursor.execute("SELECT * FROM tram.observation ORDER BY area_no, key"):
            figure = names[row["area_no"]], series[row["key"] >> 44], period_name(row["key"] >> 14 & (1 << 30) - 1)
            self.cells.setdefault(figure, []).append(Stored(row, decisions.get((row["area_no"], row["key"]), [])))
            self.moments.add(row["known_at"])

    def derived(self, indicator, asked, level, boundary, as_of):
        """Growth is worked out where the rest is; of one indicator by another the sides are of the same period."""
        top, *bottom = self.indicators[indicator][6].split(" / ")
        if not bottom:
            return super().derived(indicator, asked, level, boundary, as_of)
        tops, bottoms = (self.rollup(side, asked, level, boundary, as_of) for side in (top, bottom[0]))
        return {name: self.quotient(indicator, top, bottoms[name]) for name, top in tops.items()}

    def quotient(self, indicator, top, bottom):
        less = bottom if bottom["coverage_weight"] < top["coverage_weight"] else top
        known = top["value"] is not None and bottom["value"]
        return {**{k: less[k] for k in ("areas_reporting", "areas_expected", "coverage_weight", "parts_reporting", "parts_expected",
                                        "missing")},
                "value": (100 if self.indicators[indicator][1] == "percent" else 1) * top["value"] / bottom["value"] if known else None,
                "held": top["held"] + bottom["held"], "interval": None,
                "finality": "final" if top["finality"] == bottom["finality"] == "final" else "provisional",
                "demonstration": top["demonstration"] or bottom["demonstration"]}

    # ------------------------------------------------------------ communes

    def subtotals(self):
        """(province, indicator, period): what tram.subtotal is to have; where that is nothing there may be no row."""
        sums = {}
        for commune in self.communes:
            for (area, indicator), periods in self.periods.items():
                for period in periods if area == commune["area"] else ():
                    if commune["valid_from"] <= str(over_time.last_day(period)) <= (commune["valid_to"] or "9999"):
                        self.add_commune(sums.setdefault((commune["parent"], indicator, period), Total()), commune, indicator, period)
        return {key: total.row() for key, total in sums.items() if total.row() != Total().row()}

    def of_communes(self, indicator, period, level, boundary, as_of):
        """The roll-up of a period that nothing shorter is part of."""
        totals, expected, people = {}, {}, {}
        for commune in self.communes:
            if commune["valid_from"] <= str(over_time.last_day(period)) <= (commune["valid_to"] or "9999"):
                unit = self.unit(commune["parent"], level, boundary)
                self.add_commune(totals.setdefault(unit, Total()), commune, indicator, period, as_of)
                expected[unit] = expected.get(unit, 0) + 1
                people[unit] = people.get(unit, 0) + Fraction(commune["population"])
        return {unit: self.commune_row(indicator, total, expected[unit], people[unit]) for unit, total in totals.items()}

    def commune_row(self, indicator, total, expected, people):
        factor = 100 if self.indicators[indicator][1] == "percent" else 1
        value = total.value if self.indicators[indicator][2] == "sum" else factor * total.top / total.bottom if total.bottom else None
        return {"value": value if total.reporting else None, "areas_reporting": total.reporting + total.nothing,
                "areas_expected": expected, "held": total.held, "demonstration": total.demonstration > 0,
                "coverage_weight": total.population / people}

    def add_commune(self, total, commune, indicator, period, as_of=base.FOREVER):
        method, weight = self.indicators[indicator][2], self.indicators[indicator][4]
        figure, held = base.History.figure(self, commune["area"], indicator, period, as_of)
        total.held += held
        if figure is None:
            return
        by = figure.weight
        if method == "weighted_mean" and weight != "observation":
            other, _ = base.History.figure(self, commune["area"], weight, period, as_of)
            by = other and other.value
        total.add({"missing": figure.missing, "value": figure.value, "numerator": figure.numerator,
                   "denominator": figure.denominator, "flags": 2 * figure.demonstration, "status": figure.status,
                   "qualifier": figure.qualifier}, method, by, Fraction(commune["population"] or 0))
