#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""
What provinces owe that state the figures of their communes, and what came of it: random reports, some of them late, partial,
refused or held, beside the states that test_scores works out for each commune by itself.

Run by: tests/contract/with-postgres tests/contract/test_commune_debts.py
"""

import collections
import copy
import datetime as dt
import itertools
import sys
import unittest
from fractions import Fraction

import test_scores as scores
from test_scores import AREAS, FROM, SEED, TO, UTC, DAY, local_day, periods, random_of

scores.DATAFLOWS.clear()
scores.DATAFLOWS["communes"] = ("M", "gregorian")
scores.INDICATORS.clear()
scores.INDICATORS.update({
    "births": ("communes", "M", True, True, False, "2021-01-01"),
    "deaths": ("communes", "M", True, True, False, "2023-06-01"),
    "visits": ("communes", "M", False, False, False, "2021-01-01"),
})
# area: (parent, valid_from, valid_to); of the province 63/79 there are none
COMMUNES = {f"{province}{n:03}": (province, "2008-01-01", "2025-06-30") for province, n in (
    ("63/01", 1), ("63/01", 2), ("63/01", 3), ("63/46", 1), ("63/46", 2), ("63/48", 1), ("63/96", 1), ("63/96", 2))}
COMMUNES["63/46003"] = ("63/46", "2008-01-01", "2023-05-30")
COMMUNES["63/46004"] = ("63/46", "2023-05-31", "2025-06-30")


def in_force(period):
    return [area for area, (_, first, last) in COMMUNES.items() if first <= period.last.isoformat() <= last]


class Reports(scores.History):
    """What provinces reported of their communes; also of such as are no more."""

    def observe(self, report, indicator):
        chosen = random_of.choice((0.3, 0.9, 1))
        for area, (province, *_) in COMMUNES.items():
            if province == report.area and random_of.random() < chosen:
                report.areas[report.lines + 1] = random_of.choice((area, area[3:]))
                super().observe(report, indicator, area)
        if random_of.random() < 0.05:
            report.lines += 1
            report.areas[report.lines] = "00000"
            report.findings.append((report.lines, "DUNG-03", "B", indicator, "ref_area"))

    def stated_for(self, report, line):
        """The commune, or the province of one that nobody knows."""
        code = report.areas.get(line, "")
        return next((area for area in COMMUNES if code in (area, area[3:])), report.area)

    def known(self, area, indicator, period, as_of):
        """Of a province: what was stored of any of its communes."""
        areas = [area] if area in COMMUNES else [of for of, (province, *_) in COMMUNES.items() if province == area]
        cells = [cell for of in areas if (cell := super(Reports, self).known(of, indicator, period, as_of))]
        return max(cells, key=lambda cell: cell[-1].report.known, default=[])

    def of_commune(self, area):
        """The same as if the commune had reported by itself."""
        alone = copy.copy(self)
        alone.reports = []
        for report in self.reports:
            if report.area == COMMUNES[area][0]:
                own = copy.copy(report)
                own.area = area
                own.findings = [f for f in report.findings if f[0] == 0 or report.areas.get(f[0]) in (area, area[3:])]
                alone.reports.append(own)
        return alone


class Debts(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        print(f"TRAM_TEST_SEED={SEED}", file=sys.stderr)
        cls.db = scores.connect()
        scores.load(cls.db)
        cls.db.execute("UPDATE tram.dataflow SET area_level = 'commune'")
        for area, (province, first, last) in COMMUNES.items():
            cls.db.execute("INSERT INTO tram.area_number (area) VALUES (%s)", (area,))
            cls.db.execute("INSERT INTO tram.area SELECT area, area_no, 'commune', '63', '', %s, %s, %s, '', '', '', '', '', NULL, 9"
                           " FROM tram.area_number WHERE area = %s", (province, first, last, area))
        cls.db.execute("SELECT tram.communes_loaded()")
        cls.history = Reports()
        cls.history.store(cls.db)
        cls.communes = {area: cls.history.of_commune(area) for area in COMMUNES}
        end = dt.datetime.combine(TO + 100 * DAY, dt.time(), scores.VIET_NAM)
        cls.moments = [dt.datetime(9999, 1, 1, tzinfo=UTC)] + [
            end - dt.timedelta(seconds=random_of.randrange(0, 600 * 86400)) for _ in range(4)]

    def wanted(self, as_of, first=FROM, last=TO):
        """(province, commune, period, indicator, state, first_at) of all that is expected."""
        today = min(local_day(as_of), local_day(dt.datetime.now(UTC)))
        for period in periods(first, last):
            for indicator, (_, _, mandatory, *_, valid_from) in scores.INDICATORS.items():
                for area in in_force(period) if mandatory and valid_from <= period.last.isoformat() else ():
                    yield COMMUNES[area][0], area, period, indicator, *self.communes[area].state(area, period, indicator, as_of, today)

    def test_each_commune_in_force_owes_each_mandatory_figure(self):
        seen = collections.Counter()
        for as_of in self.moments:
            rows = self.db.execute("SELECT area, tram.period_text(period), indicator, state, first_at, figures"
                                   " FROM tram.expected_figures(%s, %s, %s)", (FROM, TO, as_of)).fetchall()
            wanted = collections.Counter((province, period.text, *more) for province, _, period, *more in self.wanted(as_of))
            self.assertEqual({row[:5]: row[5] for row in rows}, wanted)
            self.assertEqual(len(rows), len(wanted))
            seen.update(row[3] for row in rows)
        self.assertGreater(len(seen), 5, seen)

    def test_completeness_counts_communes_and_never_passes_100(self):
        answers = set()
        for as_of in self.moments:
            states = collections.defaultdict(collections.Counter)
            for province, _, period, indicator, state, _ in self.wanted(as_of):
                states[province, period.text].update((state, *((indicator,) if state in ("missing", "pending") else ())))
            rows = self.db.execute("SELECT area, time_period, expected, on_time, late, backfilled, held, refused, explained, missing,"
                                   " pending, reported, rate, answered, missing_indicators FROM tram.completeness(%s, %s, %s)",
                                   (FROM, TO, as_of)).fetchall()
            self.assertEqual({row[:2] for row in rows}, set(states))
            for province, period, expected, *counts, reported, rate, answered, missing in rows:
                found = states[province, period]
                self.assertEqual(counts, [found[state] for state in ("on_time", "late", "backfilled", "held", "refused", "explained",
                                                                     "missing", "pending")])
                self.assertEqual((expected, reported), (sum(counts), sum(counts[:3])))
                self.assertEqual(rate * 100, int(Fraction(10000 * reported, expected)))
                self.assertEqual(answered, "complete" if reported == expected else "partial" if reported else
                                 "pending" if found["pending"] else "none")
                self.assertEqual(missing, sorted({"births", "deaths"} & set(found)))
                answers.add(answered)
        self.assertTrue({"partial", "none"} <= answers, answers)

    def test_what_is_to_be_done_has_one_line_a_period(self):
        for as_of in self.moments[1:]:
            today = local_day(as_of)
            for province in AREAS:
                wanted = collections.defaultdict(list)
                for of, _, period, indicator, state, _ in self.wanted(as_of, today - 731 * DAY, today + 92 * DAY):
                    if of == province:
                        wanted[period.text].append((indicator, state))
                wanted = {period: (len(told), sum(state in ("on_time", "late", "backfilled") for _, state in told), sorted({
                    indicator for indicator, state in told if state in ("missing", "pending", "explained")}))
                    for period, told in wanted.items()}
                rows = self.db.execute("SELECT time_period, expected, reported, indicators FROM tram.todo(%s, %s)"
                                       " WHERE kind IN ('late', 'due')", ("P" + province, as_of)).fetchall()
                self.assertEqual({row[0]: row[1:] for row in rows}, {period: row for period, row in wanted.items() if row[2]})

    def test_scores_know_them(self):
        for as_of in self.moments:
            due, late = collections.Counter(), collections.Counter()
            for province, _, period, indicator, state, first in self.wanted(as_of):
                if state != "pending":
                    due[province, indicator, "DU-02"] += 1
                    late[province, indicator, "DU-02"] += state in ("missing", "explained")
                if state not in ("pending", "backfilled", "explained"):
                    due[province, indicator, "SONG-01"] += 1
                    late[province, indicator, "SONG-01"] += (state in ("late", "missing", "refused") or
                                                             state == "held" and first is not None and local_day(first) > period.due)
            rows = self.db.execute("SELECT area, indicator, rule, assessed, failing FROM tram.rule_tally(%s, %s, %s)"
                                   " WHERE rule IN ('DU-02', 'SONG-01')", (FROM, TO, as_of)).fetchall()
            self.assertEqual({row[:3]: row[3:] for row in rows}, {key: (due[key], late[key]) for key in due})
            stated = collections.Counter()
            for period in periods(FROM, TO):
                for area, (province, *_) in COMMUNES.items():
                    for indicator in scores.INDICATORS:
                        cell = self.history.known(area, indicator, period, as_of)
                        stated[province, indicator] += bool(cell) and not (
                            cell[-1].withdrawn or cell[-1].decision_at(as_of) == "withdrawn")
            rows = self.db.execute("SELECT area, indicator, count(*) FROM tram.statements(%s, %s, %s) WHERE NOT taken_back GROUP BY area, indicator",
                                   (FROM, TO, as_of)).fetchall()
            self.assertEqual({row[:2]: row[2] for row in rows}, +stated)

    def test_what_is_refused_of_one_commune_is_not_mended_by_another(self):
        for as_of in self.moments:
            breaches = collections.Counter()
            for province in AREAS:
                self.history.tally_reports(lambda area, indicator, rule, _assessed, _failing, n=0: breaches.update({(area, indicator, rule): n}),
                                           province, list(periods(FROM, TO)), as_of)
            rows = self.db.execute("SELECT area, indicator, rule, breaches FROM tram.rule_tally(%s, %s, %s)"
                                   " WHERE indicator <> '' AND breaches > 0", (FROM, TO, as_of)).fetchall()
            self.assertEqual({row[:3]: row[3] for row in rows}, {key: n for key, n in breaches.items() if key[1] and n})
            self.assertGreater(len(rows), 0)

    def test_what_is_newest_of_a_province_is_that_of_any_commune(self):
        for as_of in self.moments[1:]:
            newest = {province: "" for province in AREAS}
            for period in periods(FROM - 300 * DAY, TO + 200 * DAY):
                for area, indicator in itertools.product(in_force(period), ("births", "deaths")):
                    figure = self.history.standing(self.history.known(area, indicator, period, as_of), as_of)
                    if figure and figure.missing in (0, 1):
                        newest[COMMUNES[area][0]] = max(newest[COMMUNES[area][0]], period.text)
            rows = self.db.execute("SELECT area, coalesce(time_period, '') FROM tram.freshness(%s)", (as_of,)).fetchall()
            self.assertEqual(dict(rows), newest)


if __name__ == "__main__":
    unittest.main()
