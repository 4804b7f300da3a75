#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""
Roll-ups over time against an independent, exact recomputation: years from halves, quarters and months, stocks and flows, with
periods that are missing, held, withdrawn or stated twice over, provinces merged within the year, coverage by weight, the gate
and the interval. What each part of a period rests on is found here part by part, by asking who speaks for it.

Run by: tests/contract/with-postgres tests/contract/test_rollup_time.py
"""

import datetime as dt
import functools
import itertools
import os
import random
import sys
import unittest
from fractions import Fraction

import psycopg
import test_rollup as base
from test_rollup import FOREVER, NOW, QUALIFIERS, STATUS_ORDER, fraction

SEED = int(os.environ.get("TRAM_TEST_SEED", "20260712"))  # the same every time: what fails, fails again
POINTS = 4

# code: (provided_by, unit, over_area, over_time, mean_weight, coverage_weight, derives_from, frequencies, gate)
INDICATORS = {
    "flow": ("province", "person", "sum", "sum", "", "population", "", "M", None),
    "flow_mixed": ("province", "person", "sum", "sum", "", "own", "", "A|S|Q|M", 90),
    "stock": ("province", "person", "sum", "last", "", "", "", "A|Q|M", None),
    "average": ("province", "person", "sum", "mean", "", "stock", "", "A|Q|M", 60),
    "lowest": ("province", "person", "sum", "min", "", "population", "", "Q|M", None),
    "highest": ("province", "person", "sum", "max", "", "population", "", "S|M", None),
    "share": ("province", "percent", "ratio_of_sums", "sum", "", "own", "", "A|Q", 80),
    "share_last": ("province", "percent", "ratio_of_sums", "last", "", "population", "", "S|M", None),
    "share_least": ("province", "per_km2", "ratio_of_sums", "min", "", "population", "", "Q", None),
    "mean_last": ("province", "Mbps", "weighted_mean", "last", "observation", "own", "", "A|Q", None),
    "mean_added": ("province", "Mbps", "weighted_mean", "sum", "observation", "population", "", "A|Q", None),
    "mean_even": ("province", "Mbps", "weighted_mean", "mean", "observation", "population", "", "S|Q", None),
    "mean_by_stock": ("province", "Mbps", "weighted_mean", "last", "stock", "population", "", "Q|M", None),
    "mean_by_flow": ("province", "Mbps", "weighted_mean", "sum", "flow", "population", "", "A|Q", None),
    "mean_by_average": ("province", "Mbps", "weighted_mean", "mean", "average", "population", "", "Q", None),
    "week": ("province", "person", "sum", "sum", "", "population", "", "W|D", None),
    "national": ("centre", "document", "national_only", "sum", "", "population", "", "A|S|Q", None),
    "national_last": ("centre", "document", "distinct_union", "last", "", "population", "", "S|Q", None),
    "of_the_centre": ("centre", "document", "sum", "sum", "", "population", "", "A|S|Q", None),
    "place": ("centre", "rank", "rank_external", "last", "", "population", "", "A|S|Q", None),
    "abroad": ("centre", "Mbps", "benchmark_external", "last", "", "population", "", "S|M", None),
    "aim": ("centre", "percent", "target", "last", "", "population", "", "A|D", None),
    "growth_of_national": ("centre", "percent", "growth_recomputed", "last", "", "population", "national", "A|S", None),
    "growth": ("centre", "percent", "growth_recomputed", "last", "", "population", "flow_mixed", "A|S", None),
    "growth_of_stock": ("centre", "times", "growth_recomputed", "last", "", "population", "stock", "A|S", None),
}
# What is stated for a period, and never made of shorter ones; and what is said then.
AS_STATED = {"national_only": "only the nation", "rank_external": "a rank is", "benchmark_external": "a benchmark is",
             "target": "a target is"}
ASKED = ("2023", "2024", "2024-S1", "2024-Q2", "2024-05", "2025", "2025-S1", "2025-S2", "2025-Q3", "2026")
ASKED_OF_WEEKS = ("2024-W05", "2025-W27", "2024-01-31")
KINDS = "ASQMWD"


@functools.lru_cache(None)
def first_day(period):
    year = int(period[:4])
    rest = period[5:]
    if not rest:
        return dt.date(year, 1, 1)
    if rest[0] in "SQ":
        return dt.date(year, (int(rest[1]) - 1) * (6 if rest[0] == "S" else 3) + 1, 1)
    if rest[0] == "W":
        return dt.date.fromisocalendar(year, int(rest[1:]), 1)
    return dt.date.fromisoformat(period) if len(rest) == 5 else dt.date(year, int(rest), 1)


@functools.lru_cache(None)
def kind_of(period):
    rest = period[5:]
    return "A" if not rest else rest[0] if rest[0] in "SQW" else "D" if len(rest) == 5 else "M"


@functools.lru_cache(None)
def last_day(period):
    first, kind = first_day(period), kind_of(period)
    if kind in "WD":
        return first + dt.timedelta(days=6 if kind == "W" else 0)
    month = first.month - 1 + {"A": 12, "S": 6, "Q": 3, "M": 1}[kind]
    return dt.date(first.year + month // 12, month % 12 + 1, 1) - dt.timedelta(days=1)


@functools.lru_cache(None)
def all_of(kind, first, last):
    """The periods of a kind from one day to another."""
    if kind == "W":
        return [f"{d.isocalendar()[0]}-W{d.isocalendar()[1]:02}" for d in map(lambda n: first + dt.timedelta(days=n), range((last - first).days + 1))
                if d.isoweekday() == 1 and d + dt.timedelta(days=6) <= last]
    if kind == "D":
        return [str(first + dt.timedelta(days=n)) for n in range((last - first).days + 1)]
    names = {"A": [""], "S": ["-S1", "-S2"], "Q": [f"-Q{n}" for n in range(1, 5)], "M": [f"-{n:02}" for n in range(1, 13)]}[kind]
    made = [f"{year}{name}" for year in range(first.year, last.year + 1) for name in names]
    return [p for p in made if first <= first_day(p) and last_day(p) <= last]


@functools.lru_cache(None)
def inside(period, longer):
    return first_day(longer) <= first_day(period) and last_day(period) <= last_day(longer)


class History:
    """What was stated, and the roll-ups that follow from it."""

    def __init__(self, db, rng, areas):
        self.rows = [row for row in areas if row["level"] == "province"]
        self.by_area = {row["area"]: row for row in self.rows}
        self.regions = {row["area"]: row["parent"] for row in self.rows}
        self.heir = dict(db.execute("SELECT predecessor, successor FROM tram.area_succession").fetchall())
        self.cells = {}
        numbers = dict(db.execute("SELECT area, area_no FROM tram.area_number").fetchall())
        series = dict(db.execute("SELECT indicator, series_no FROM tram.series").fetchall())
        observations, decisions = [], []
        for indicator, (by, _, method, *_, derives, frequencies, _) in INDICATORS.items():
            for kind in frequencies.split("|") if not derives else ():
                for period in self.stated_periods(indicator, kind):
                    packed = db.execute("SELECT tram.period_pack(%s)", (period,)).fetchone()[0]
                    key = series[indicator] << 44 | packed << 14
                    fill = rng.choice((0.97, 0.97, 0.9, 0.4, 0.02)) if kind == frequencies[-1] else rng.choice((0.5, 0.1, 0.0))
                    for area in ["VN"] if by == "centre" else self.in_force(last_day(period)):
                        if rng.random() >= fill:
                            continue
                        at = NOW - dt.timedelta(days=rng.randrange(100, 400))
                        cell = self.cells.setdefault((area, indicator, period), [])
                        for number in range(rng.choice((1, 1, 1, 1, 2))):
                            cell.append(base.Revision(rng, number, at, method in ("ratio_of_sums", "distinct_union")))
                            at += dt.timedelta(days=rng.randrange(1, 60))
                        for revision in cell:
                            observations.append(revision.row(numbers[area], key))
                            decisions += [(numbers[area], key | revision.number, what, when) for when, what in revision.decisions]
        self.periods = {}
        for area, indicator, period in self.cells:
            self.periods.setdefault((area, indicator), []).append(period)
        self.store(db, observations, decisions)

    @staticmethod
    def stated_periods(indicator, kind):
        if indicator == "week":
            return dict.fromkeys(p for asked in ASKED_OF_WEEKS
                                 for p in all_of(kind, first_day(asked) - dt.timedelta(days=14), last_day(asked)))
        return all_of(kind, dt.date(2022 if kind in "AS" else 2023, 1, 1), dt.date(2026, 12, 31))

    @staticmethod
    def store(db, observations, decisions):
        cursor = db.cursor()
        with cursor.copy("COPY tram.observation (key, report_no, known_at, area_no, line, rank_out_of, outcome, qualifier,"
                         " missing_reason, flags, obs_status, value, numerator, denominator, weight) FROM STDIN") as copy:
            for row in observations:
                copy.write_row(row)
        with cursor.copy("COPY tram.decision (area_no, key, decision, decided_at, decided_by, reason) FROM STDIN") as copy:
            for area_no, key, what, when in decisions:
                copy.write_row((area_no, key, what, when, "test", "test"))

    # ------------------------------------------------------------ areas

    @functools.lru_cache(None)
    def in_force(self, day):
        return sorted({row["area"] for row in self.rows
                       if row["valid_from"] <= str(day) <= (row["valid_to"] or "9999-12-31")})

    @functools.lru_cache(None)
    def is_expected(self, area, period):
        return area == "VN" or area in self.in_force(last_day(period))

    def holder(self, area, period):
        """Whom an area counts for at the period's end."""
        return area if self.is_expected(area, period) else self.heir[area]

    def unit(self, area, level, boundary):
        if level == "nation" or area == "VN":
            return "VN"
        if not area.startswith(boundary):
            area = self.heir[area]
        return self.regions[area] if level == "region" else area

    # ------------------------------------------------------------ what stands

    @functools.lru_cache(None)
    def figure(self, area, indicator, period, as_of):
        return base.History.figure(self, area, indicator, period, as_of)

    @functools.lru_cache(None)
    def parts(self, area, indicator, period, as_of, asked):
        """(top, bottom, value) of a complete figure, None where there is nothing to report; False where there is no figure."""
        figure, _ = self.figure(area, indicator, period, as_of)
        if figure is None or figure.missing > 1:
            return False
        if figure.missing == 1:
            return None
        method, weight = INDICATORS[indicator][2], INDICATORS[indicator][4]
        value, top, bottom = fraction(figure.value), fraction(figure.numerator), fraction(figure.denominator)
        if method == "weighted_mean":
            weighs = fraction(figure.weight) if weight == "observation" else self.weight(area, weight, asked, as_of)
            return False if value is None or weighs is None else (value * weighs, weighs, value)
        if method in ("ratio_of_sums", "distinct_union"):
            return False if top is None or bottom is None else (top, bottom, None)
        return False if value is None else (value, None, value)

    @functools.lru_cache(None)
    def weight(self, area, indicator, asked, as_of):
        """One area's own figure over time."""
        spoken = {}
        for leaf in self.leaves(indicator, asked):
            if self.is_expected(area, leaf):
                who = self.speaker(indicator, area, leaf, asked, as_of)
                if who:
                    spoken[who] = spoken.get(who, 0) + 1
        spoken = {who: n for who, n in spoken.items() if who[0] == area}
        if INDICATORS[indicator][3] == "last":
            holder = self.holder(area, asked)
            if area != holder and any(who[0] == holder for leaf in self.leaves(indicator, asked) if self.is_expected(holder, leaf)
                                      for who in [self.speaker(indicator, holder, leaf, asked, as_of)] if who):
                return None
            spoken = dict([max(spoken.items(), key=lambda s: last_day(s[0][1]))]) if spoken else {}
        found = [(self.parts(*who[:1], indicator, who[1], as_of, asked), len(self.leaves_of(indicator, who[1], asked)))
                 for who in spoken]
        found = [(p[2], n) for p, n in found if p]
        if not found:
            return None
        if INDICATORS[indicator][3] == "mean":
            return sum(v * n for v, n in found) / sum(n for _, n in found)
        return sum(v for v, _ in found)

    # ------------------------------------------------------------ time

    @staticmethod
    def kinds(indicator, asked):
        """The period's own kind, then finer ones that divide it."""
        own = kind_of(asked)
        if INDICATORS[indicator][2] in AS_STATED:
            return [own]
        finer = [k for k in "SQMD" if k in INDICATORS[indicator][7].split("|") and
                 (own in "ASQM" and KINDS.index(k) > KINDS.index(own) or own == "W" and k == "D")]
        return [own] + finer

    def leaves(self, indicator, asked):
        return all_of(self.kinds(indicator, asked)[-1], first_day(asked), last_day(asked))

    def leaves_of(self, indicator, period, asked):
        return [leaf for leaf in self.leaves(indicator, asked) if inside(leaf, period)]

    @functools.lru_cache(None)
    def speaker(self, indicator, area, leaf, asked, as_of):
        """Who says what a part of the period rests on: the longest statement around it, of the area or of its successor."""
        holder = self.holder(area, asked)
        for kind in self.kinds(indicator, asked):
            for period in all_of(kind, first_day(asked), last_day(asked)):
                for who in dict.fromkeys((holder, area)):
                    if (inside(leaf, period) and self.is_expected(who, period)
                            and self.parts(who, indicator, period, as_of, asked) is not False):
                        return who, period
        return None

    def share(self, indicator, holder, asked, as_of):
        """What one area of the period's end comes to, with those that were merged into it."""
        _, _, method, over_time, weight, *_ = INDICATORS[indicator]
        members = [a for a in dict.fromkeys([holder, *self.by_area])
                   if (a == holder or self.heir.get(a) == holder and holder != "VN")]
        expected, covered, spoken, missing = 0, 0, {}, []
        for area in members:
            quiet = []
            mine = [leaf for leaf in self.leaves(indicator, asked) if self.is_expected(area, leaf)]
            for leaf in mine:
                expected += 1
                who = self.speaker(indicator, area, leaf, asked, as_of)
                if who:
                    covered += 1
                    spoken.setdefault(who[0], set()).add(who[1])
                else:
                    quiet.append(leaf)
            if mine and len(quiet) == len(mine):
                missing.append((area, asked, len(quiet)))
            else:
                missing += [(area, leaf, 1) for leaf in quiet]
        if over_time == "last" and len(self.kinds(indicator, asked)) > 1:
            spoken = {a: {max(p, key=last_day)} for a, p in spoken.items() if a == holder or holder not in spoken}
        said = [(a, p, self.parts(a, indicator, p, as_of, asked)) for a, ps in spoken.items() for p in sorted(ps)]
        return {"expected": expected, "covered": covered, "missing": missing, "reports": bool(said),
                "complete": all(last_day(p) == last_day(asked) for _, p, _ in said) and bool(said)
                            if over_time == "last" and len(self.kinds(indicator, asked)) > 1 else covered == expected,
                **self.over_time(indicator, holder, asked, [s for s in said if s[2]], as_of),
                "held": sum(self.is_held(indicator, a, p, asked, as_of) for a in members for kind in self.kinds(indicator, asked)
                            for p in all_of(kind, first_day(asked), last_day(asked)) if self.is_expected(a, p))}

    def is_held(self, indicator, area, period, asked, as_of):
        if not self.figure(area, indicator, period, as_of)[1]:
            return False
        kinds = self.kinds(indicator, asked)
        for kind in kinds[:kinds.index(kind_of(period))]:
            for longer in all_of(kind, first_day(asked), last_day(asked)):
                for who in {area, self.holder(area, asked)}:
                    if (inside(period, longer) and self.is_expected(who, longer)
                            and self.parts(who, indicator, longer, as_of, asked) is not False):
                        return False
        return True

    def over_time(self, indicator, holder, asked, said, as_of):
        """The parts over time: {top, bottom, value, used}, the last the figures that are in it."""
        method, over_time, weight = INDICATORS[indicator][2:5]
        once = method == "weighted_mean" and weight != "observation"
        single = len(self.kinds(indicator, asked)) == 1
        groups = []
        for itself in (True, False):
            areas, used, span = [], [], 0
            for area in {a for a, _, _ in said if (a == holder) == itself}:
                mine = [(p, parts, len(self.leaves_of(indicator, p, asked))) for a, p, parts in said if a == area]
                if over_time in ("min", "max") and not single:
                    size = lambda m: m[1][2] if m[1][2] is not None else (m[1][0] / m[1][1] if m[1][1] else None)
                    sized = [m for m in mine if size(m) is not None] or mine
                    sized.sort(key=lambda m: (size(m) or 0, last_day(m[0])))
                    best = (min if over_time == "min" else max)([size(m) or 0 for m in sized])
                    mine = [max((m for m in sized if (size(m) or 0) == best), key=lambda m: last_day(m[0]))]
                leaves = sum(n for _, _, n in mine)
                total = [None if mine[0][1][k] is None else
                         sum(m[1][k] * (m[2] if over_time == "mean" and not single else 1) for m in mine) /
                         (leaves if over_time == "mean" and not single else 1) for k in range(3)]
                if once:
                    total[1] = mine[0][1][1]
                areas.append(total)
                used += [(area, p) for p, _, _ in mine]
                span = max(span, leaves)
            if areas:
                groups.append(([None if areas[0][k] is None else sum(a[k] for a in areas) for k in range(3)], used, span))
        if not groups:
            return {"top": None, "bottom": None, "value": None, "used": []}
        if over_time in ("min", "max") and not single:
            size = lambda g: g[0][0] / g[0][1] if g[0][1] else g[0][0]
            groups = [(min if over_time == "min" else max)(groups[::-1], key=size)]
        spans = sum(g[2] for g in groups)
        total = [None if groups[0][0][k] is None else sum(g[0][k] for g in groups) for k in range(3)]
        for k in range(3):
            even = over_time == "mean" or k == 1 and once and over_time == "sum"
            if even and not single and groups[0][0][k] is not None:
                total[k] = sum(g[0][k] * g[2] for g in groups) / spans
        return {"top": total[0], "bottom": total[1], "value": total[2], "used": [u for g in groups for u in g[1]]}

    # ------------------------------------------------------------ coverage

    @functools.lru_cache(None)
    def coverage(self, indicator, area, asked, as_of):
        kind = INDICATORS[indicator][5]
        if area == "VN" or kind == "":
            return None
        if kind == "population":
            return Fraction(self.by_area[area]["population"])
        source = indicator if kind == "own" else kind
        found = [(last_day(p), -KINDS.index(kind_of(p)), self.figure(area, source, p, as_of)[0])
                 for p in self.periods.get((area, source), ()) if last_day(p) <= last_day(asked)]
        column = {"ratio_of_sums": "denominator", "weighted_mean": "weight"}.get(INDICATORS[source][2], "value")
        complete = lambda f: (f and not f.missing and (f.numerator is not None and f.denominator is not None
                              if INDICATORS[source][2] == "ratio_of_sums" else f.value is not None and getattr(f, column) is not None))
        found = [(day, order, fraction(getattr(f, column))) for day, order, f in found if complete(f)]
        return max(found)[2] if found else None

    # ------------------------------------------------------------ roll-ups

    def rollup(self, indicator, asked, level, boundary, as_of):
        by, unit, method, over_time, weight, _, derives, _, gate = INDICATORS[indicator]
        if derives:
            return self.derived(indicator, asked, level, boundary, as_of)
        holders = ["VN"] if by == "centre" else self.in_force(last_day(asked))
        weights = {h: self.coverage(indicator, h, asked, as_of) for h in holders}
        if None in weights.values():
            weights = dict.fromkeys(holders)
        units = {}
        for holder in holders:
            units.setdefault(self.unit(holder, level, boundary), []).append(holder)
        if by == "centre" and level != "nation":
            return {}
        return {name: self.added(indicator, asked, {h: self.share(indicator, h, asked, as_of) for h in members}, weights, as_of)
                for name, members in units.items()}

    def added(self, indicator, asked, shares, weights, as_of):
        by, unit, method, over_time, _, _, _, _, gate = INDICATORS[indicator]
        counted = {h: s for h, s in shares.items() if s["used"]}
        used = [self.figure(a, indicator, p, as_of)[0] for s in counted.values() for a, p in s["used"]]
        top = sum(s["top"] for s in counted.values()) if counted else None
        bottom = sum(s["bottom"] for s in counted.values()) if counted and method not in ("sum", *AS_STATED) else None
        factor = 100 if unit == "percent" else 1
        result = {
            "value": None if top is None else top if bottom is None and method in ("sum", *AS_STATED)
                     else (factor if method != "weighted_mean" else 1) * top / bottom if bottom else None,
            "areas_reporting": sum(s["reports"] for s in shares.values()), "areas_expected": len(shares),
            "held": sum(s["held"] for s in shares.values()),
            "parts_reporting": sum(s["covered"] for s in shares.values()),
            "parts_expected": sum(s["expected"] for s in shares.values()),
            "missing": sorted(h for h, s in shares.items() if not s["reports"]),
            "obs_status": max((f.status for f in used), key=STATUS_ORDER.index, default="M"),
            "qualifier": base.History.weakest({f.qualifier for f in used}),
            "demonstration": any(f.demonstration for f in used),
        }
        whole = sum((weights[h] for h in shares), Fraction(0)) if None not in weights.values() else 0
        share_of = lambda what: (sum((weights[h] for h, s in shares.items() if s[what]), Fraction(0)) / whole if whole > 0
                                 else Fraction(sum(s[what] for s in shares.values()), len(shares)))
        result["coverage_weight"] = share_of("reports")
        needed = Fraction(gate or 100, 100)
        result["finality"] = ("final" if share_of("complete") >= needed
                              and Fraction(sum(s["complete"] for s in shares.values()), len(shares)) >= needed else "provisional")
        result["interval"] = (self.interval(indicator, asked, shares, top, bottom, as_of)
                              if by == "province" and top is not None else None)
        return result

    # ------------------------------------------------------------ interval

    def interval(self, indicator, asked, shares, top, bottom, as_of):
        _, unit, method, over_time, weight, _, _, frequencies, _ = INDICATORS[indicator]
        kinds = self.kinds(indicator, asked)
        adds = over_time == "sum" or len(kinds) == 1
        slots = []
        for holder, share in shares.items():
            for area, period, leaves in share["missing"]:
                if not adds and (share["reports"] or area != holder):
                    continue
                in_parts = len(kinds) > 1 and (period != asked or kinds[0] not in frequencies.split("|") or
                                               adds and leaves < len(self.leaves(indicator, asked)))
                slots.append(self.choices(indicator, area, kinds[-1] if in_parts else kinds[0], first_day(period), as_of,
                                          leaves if adds and in_parts else 1))
        filled = [s for s in slots if s]
        if not filled:
            return None
        basis = f"last_accepted:{len(filled)} of {len(slots)}"
        if method == "sum":
            return (top + sum(min(c[0] for c in s) for s in filled), top + sum(max(c[0] for c in s) for s in filled), basis)
        if bottom < 0 or bottom + sum(min(c[1] for c in s) for s in filled) <= 0:
            return None
        factor = 100 if unit == "percent" and method == "ratio_of_sums" else 1
        return (*(factor * self.extreme(sign, top, bottom, filled) for sign in (-1, 1)), basis)

    def choices(self, indicator, area, kind, before, as_of, times):
        method, weight = INDICATORS[indicator][2], INDICATORS[indicator][4]
        periods = sorted((p for p in self.periods.get((area, indicator), ()) if kind_of(p) == kind and first_day(p) < before),
                         key=first_day, reverse=True)
        found = []
        for period in periods:
            figure, _ = self.figure(area, indicator, period, as_of)
            if figure is None or figure.missing:
                continue
            value, top, bottom = fraction(figure.value), fraction(figure.numerator), fraction(figure.denominator)
            if method == "weighted_mean":
                other = figure if weight == "observation" else self.figure(area, weight, period, as_of)[0]
                weighs = None if other is None or other.missing and other is not figure else fraction(
                    other.weight if other is figure else other.value)
                if value is None or weighs is None:
                    continue
                top, bottom = times * value * weighs, (times if weight == "observation" else 1) * weighs
            elif method == "sum":
                top, bottom = (None if value is None else times * value), Fraction(0)
            else:
                top, bottom = (None if v is None else times * v for v in (top, bottom))
            if top is not None and bottom is not None:
                found.append((top, bottom))
        return found[:POINTS]

    @staticmethod
    def extreme(sign, top, bottom, slots):
        """By trying all where they are few; else by the condition that the best quotient fulfils, narrowed down exactly."""
        size = 1
        for slot in slots:
            size *= len(slot)
        if size <= 2000:
            return (max if sign > 0 else min)((top + sum(c[0] for c in pick)) / (bottom + sum(c[1] for c in pick))
                                              for pick in itertools.product(*slots))
        best = (top + sum(s[0][0] for s in slots)) / (bottom + sum(s[0][1] for s in slots))
        while True:
            pick = [max(s, key=lambda c: sign * (c[0] - best * c[1])) for s in slots]
            better = (top + sum(c[0] for c in pick)) / (bottom + sum(c[1] for c in pick))
            if better == best:
                return best
            best = better

    def derived(self, indicator, asked, level, boundary, as_of):
        _, unit, *_, derives, _, _ = INDICATORS[indicator]
        before = str(int(asked[:4]) - 1) + asked[4:]
        bottoms = self.rollup(derives, before, level, boundary, as_of)
        results = {}
        for name, top in self.rollup(derives, asked, level, boundary, as_of).items():
            bottom = bottoms.get(name)
            value = None
            if bottom and top["value"] is not None and bottom["value"]:
                value = top["value"] / bottom["value"]
                value = (value - 1) * 100 if unit == "percent" else value
            less = bottom if bottom and bottom["coverage_weight"] < top["coverage_weight"] else top
            results[name] = {**{k: less[k] for k in ("areas_reporting", "areas_expected", "coverage_weight", "parts_reporting",
                                                     "parts_expected", "missing")},
                             "value": value, "held": top["held"] + bottom["held"], "interval": None,
                             "finality": "final" if top["finality"] == bottom["finality"] == "final" else "provisional",
                             "demonstration": top["demonstration"] or bottom["demonstration"]}
        return results


class TimeTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        print(f"TRAM_TEST_SEED={SEED}", file=sys.stderr)
        cls.rng = random.Random(SEED)
        cls.db = base.connect()
        base.make_schema(cls.db)
        areas = base.load_registry(cls.db)
        cls.load_catalogue()
        cls.history = History(cls.db, cls.rng, areas)
        cls.db.execute("ANALYZE")

    @classmethod
    def load_catalogue(cls):
        cls.db.execute("INSERT INTO tram.catalogue (version, digest) VALUES (3, '\\x00')")
        for by in ("province", "centre"):
            cls.db.execute("INSERT INTO tram.dataflow VALUES (%s, '', '', %s, 'A|S|Q|M', '', '', '2000-01-01', NULL)", (f"by_{by}", by))
        for code, (by, unit, method, over_time, weight, coverage, derives, frequencies, gate) in INDICATORS.items():
            cls.db.execute("INSERT INTO tram.indicator VALUES (%s, %s, '', '', 'count', %s, '', 0, 0, false, NULL, NULL, '', %s,"
                           " %s, %s, %s, %s, '', '', %s, true, 400, '', '2000-01-01', NULL, '', %s)",
                           (code, f"by_{by}", unit, method, over_time, weight, coverage, derives, frequencies, gate))
            cls.db.execute("INSERT INTO tram.series (indicator) VALUES (%s)", (code,))

    @classmethod
    def tearDownClass(cls):
        cls.db.close()

    def ask(self, *question):
        cursor = self.db.cursor(row_factory=psycopg.rows.dict_row)
        return {row["area"]: row for row in cursor.execute("SELECT * FROM tram.rollup(%s, %s, %s, %s, %s)", question)}

    def assert_close(self, stored, exact, about):
        if exact is None or stored is None:
            self.assertEqual(stored, exact, about)
            return
        self.assertLessEqual(abs(Fraction(stored) - exact), abs(exact) / 10**13 + Fraction(1, 10**13), about)

    def assert_rollup(self, indicator, period, level, boundary, as_of):
        about = f"{indicator} {period} {level} {boundary} as of {as_of}"
        in_force = "63" if str(last_day(period)) < "2025-07-01" else "34"
        stored = self.ask(indicator, period, level, boundary, as_of)
        exact = self.history.rollup(indicator, period, level, boundary or in_force, as_of)
        self.assertEqual(set(stored), set(exact), about)
        for name, want in exact.items():
            got, this = stored[name], f"{name}: {about}"
            for column in want.keys() - {"value", "coverage_weight", "interval"}:
                self.assertEqual(got[column], want[column], f"{column} of {this}")
            if INDICATORS[indicator][2:4] == ("sum", "sum"):
                self.assertEqual(fraction(got["value"]), want["value"], this)
            self.assert_close(got["value"], want["value"], this)
            self.assert_close(got["coverage_weight"], want["coverage_weight"], this)
            low, high, basis = want["interval"] or (None, None, "")
            self.assertEqual(got["interval_basis"], basis, this)
            self.assert_close(got["interval_low"], low, f"low of {this}")
            self.assert_close(got["interval_high"], high, f"high of {this}")

    @staticmethod
    def periods_of(indicator):
        return ASKED_OF_WEEKS if indicator == "week" else ASKED

    def test_every_method_now(self):
        for indicator in INDICATORS:
            for period in self.periods_of(indicator):
                with self.subTest(indicator=indicator, period=period):
                    self.assert_rollup(indicator, period, "nation", None, FOREVER)

    def test_levels_and_boundaries(self):
        for indicator in INDICATORS:
            if INDICATORS[indicator][2] in ("national_only", "rank_external") or indicator == "growth_of_national":
                continue
            for level in ("region", "province"):
                for period, boundary in (("2025", None), (self.rng.choice(self.periods_of(indicator)), "34")):
                    with self.subTest(indicator=indicator, level=level, period=period):
                        self.assert_rollup(indicator, period, level, boundary, FOREVER)

    def test_as_known_then(self):
        for indicator in INDICATORS:
            for _ in range(3):
                as_of = NOW - dt.timedelta(days=self.rng.randrange(0, 420), seconds=self.rng.randrange(86400))
                period = self.rng.choice(self.periods_of(indicator))
                with self.subTest(indicator=indicator, period=period, as_of=as_of):
                    self.assert_rollup(indicator, period, "nation", None, as_of)

    def test_so_many_figures_are_tried_as_the_catalogue_has_it(self):
        global POINTS
        shipped, found = POINTS, {}
        try:
            for POINTS in (shipped, 1, 2, 24):
                with self.db.transaction(force_rollback=True):
                    self.db.execute("INSERT INTO tram.parameter (parameter, value) VALUES ('rollup.interval_points', %s)"
                                    " ON CONFLICT (parameter) DO UPDATE SET value = excluded.value", (POINTS,))
                    for indicator in INDICATORS:
                        period = self.periods_of(indicator)[-1]
                        self.assert_rollup(indicator, period, "nation", None, FOREVER)
                        found.setdefault(POINTS, []).append([(row["interval_low"], row["interval_high"]) for row in
                                                             self.ask(indicator, period, "nation", None, FOREVER).values()])
        finally:
            POINTS = shipped
        self.assertTrue(all(found[n] != found[shipped] for n in (1, 2, 24)))

    def within(self, indicator, asked, as_of):
        """The periods within one that are stated by the nation."""
        own = kind_of(asked)
        kinds = [k for k in INDICATORS[indicator][7].split("|") if own in "ASQM" and KINDS.index(k) > KINDS.index(own)]
        found = [p for k in kinds for p in all_of(k, first_day(asked), last_day(asked))
                 if self.history.figure("VN", indicator, p, as_of)[0] and not self.history.figure("VN", indicator, p, as_of)[0].missing]
        return sorted(found, key=lambda p: (first_day(p), KINDS.index(kind_of(p))))

    def test_what_is_never_made_of_shorter_periods_is_refused_with_those_that_are_stated(self):
        refused, answered = set(), set()
        for indicator in ("place", "abroad", "aim", "national", "national_last", "of_the_centre", "flow"):
            how = INDICATORS[indicator]
            for asked in ASKED:
                for as_of in (FOREVER, NOW - dt.timedelta(days=250)):
                    figure = self.history.rollup(indicator, asked, "nation", "63" if asked < "2025-S2" else "34", as_of)["VN"]
                    within = self.within(indicator, asked, as_of) if how[2] in AS_STATED else []
                    question = (indicator, asked, "nation", None, as_of, False)
                    with self.subTest(question=question):
                        if figure["areas_reporting"] or figure["held"] or not within:
                            self.db.execute("SELECT tram.check_stated(%s, %s, %s, %s, %s, %s)", question)
                            answered.add(how[2])
                            continue
                        with self.assertRaises(psycopg.errors.InvalidParameterValue) as refusal:
                            self.db.execute("SELECT tram.check_stated(%s, %s, %s, %s, %s, %s)", question)
                        self.assertIn(AS_STATED[how[2]], str(refusal.exception))
                        self.assertIn(": " + ", ".join(within[:12]) + (", …" if len(within) > 12 else ""),
                                      refusal.exception.diag.message_hint)
                        refused.add(how[2])
        self.assertEqual(refused, AS_STATED.keys())
        self.assertLessEqual(AS_STATED.keys(), answered)

    def test_nor_does_it_move_with_them(self):
        for indicator in ("place", "abroad", "aim", "national", "of_the_centre"):
            with self.subTest(indicator=indicator):
                moved = self.db.execute("SELECT DISTINCT t.period FROM tram.touched('-infinity', 'infinity', %s, NULL) t",
                                        (indicator,)).fetchall()
                stated = self.db.execute("SELECT DISTINCT (o.key >> 14 & 1073741823)::integer FROM tram.observation o"
                                         " JOIN tram.series s ON s.series_no = o.key >> 44 WHERE s.indicator = %s",
                                         (indicator,)).fetchall()
                self.assertTrue(moved)
                self.assertEqual(set(moved) <= set(stated), indicator != "of_the_centre")


if __name__ == "__main__":
    unittest.main()
