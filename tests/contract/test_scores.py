#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""
What is expected, what came of it, and the scores, against an independent recomputation in fractions: random reports around
every due day (on the day, a second after, backfills, corrections, holds, refusals, withdrawals, decisions) go into a real
PostgreSQL, and every state and score is worked out again here, at several moments.

Run by: tests/contract/with-postgres tests/contract/test_scores.py [BIN], the folder with tram-centre for what it shows
"""

import collections
import csv
import datetime as dt
import fcntl
import json
import os
import pathlib
import random
import re
import struct
import subprocess
import sys
import termios
import unittest
from fractions import Fraction

import psycopg

ROOT = pathlib.Path(__file__).resolve().parents[2]
SEED = int(os.environ.get("TRAM_TEST_SEED", "20260712"))  # the same every time: what fails, fails again
BIN = [sys.argv.pop(1)] if len(sys.argv) > 1 and "/" in sys.argv[1] else []
VIET_NAM = dt.timezone(dt.timedelta(hours=7))
UTC = dt.timezone.utc
DAY = dt.timedelta(days=1)
FROM, TO = dt.date(2023, 1, 1), dt.date(2024, 3, 31)
AREAS = ("63/01", "63/46", "63/48", "63/79", "63/96")
FREQUENCIES = {"A": (1, 12), "S": (2, 6), "Q": (3, 3), "M": (4, 1)}

# code: (frequencies, calendar)
DATAFLOWS = {"halves": ("S", "decree_09_2019"), "years": ("A|S", "decree_09_2019"), "months": ("M", "gregorian")}
# code: (dataflow, frequencies, mandatory, whole number, parts, valid from)
INDICATORS = {
    "count": ("halves", "S", True, True, False, "2021-01-01"),
    "share": ("halves", "S", True, False, True, "2021-01-01"),
    "extra": ("halves", "S", False, False, False, "2021-01-01"),
    "yearly": ("years", "A", True, False, False, "2021-01-01"),
    "new": ("years", "S", True, False, False, "2023-09-01"),
    "monthly": ("months", "M", True, True, False, "2021-01-01"),
}
# code: (word, weight, applies to)
RULES = {
    "DUNG-02": ("dung", 3, "figure"), "DUNG-04": ("dung", 1, "value"), "DUNG-05": ("dung", 2, "parts"),
    "DUNG-07": ("dung", 1, "related"),
    "DUNG-10": ("dung", Fraction(1, 2), "value"), "DU-01": ("du", 1, "report"), "DU-02": ("du", 2, "measured"),
    "DU-06": ("du", 1, "measured"), "SACH-03": ("sach", 1, "revision"), "SACH-06": ("sach", 1, "count"),
    "SACH-09": ("sach", 1, "report"), "SACH-10": ("sach", 0, "figure"), "SONG-01": ("song", 2, "measured"),
    "SONG-02": ("song", 1, "measured"), "SONG-05": ("song", 1, "measured"),
}
WORDS = {"dung": 2, "du": 1, "sach": 1, "song": Fraction(3, 2)}
MAX_AGE = 200
BUDGET = 3600
IDENTIFIERS = ("ref_area", "indicator", "unit", "time_period", "provider")


def connect():
    return psycopg.connect(os.environ["TRAM_TEST_POSTGRES"], autocommit=True)


# ---------------------------------------------------------------- days, worked out here

def rules_of(name):
    with open(ROOT / "deploy/catalogue" / name, encoding="utf-8", newline="") as f:
        return list(csv.DictReader(f))


def add_months(year, month, months):
    at = year * 12 + month - 1 + months
    return at // 12, at % 12 + 1


def day_of(year, month, day):
    if day:
        return dt.date(year, month, day)
    year, month = add_months(year, month, 1)
    return dt.date(year, month, 1) - DAY


class Period:
    def __init__(self, dataflow, frequency, year, number):
        kind, months = FREQUENCIES[frequency]
        first = dt.date(year, 1 + (number - 1) * months, 1)
        last = add_months(first.year, first.month, months - 1)
        self.dataflow, self.frequency = dataflow, frequency
        self.packed = kind << 27 | (first - dt.date(1900, 1, 1)).days << 10
        self.text = {"A": f"{year}", "S": f"{year}-S{number}", "Q": f"{year}-Q{number}", "M": f"{year}-{number:02}"}[frequency]
        calendar = next(r for r in rules_of("calendars.csv")
                        if r["calendar"] == DATAFLOWS[dataflow][1] and r["frequency"] == frequency)
        due = next(r for r in rules_of("due_dates.csv") if r["frequency"] == frequency)
        self.first = day_of(*add_months(first.year, first.month, int(calendar["from_month"])), int(calendar["from_day"]))
        self.last = day_of(*add_months(*last, int(calendar["to_month"])), int(calendar["to_day"]))
        self.due = day_of(*add_months(*last, int(due["month"])), int(due["day"]))


def periods(from_day, to_day):
    for dataflow, (frequencies, _) in DATAFLOWS.items():
        for frequency in frequencies.split("|"):
            for year in range(from_day.year - 2, to_day.year + 3):
                for number in range(1, 12 // FREQUENCIES[frequency][1] + 1):
                    period = Period(dataflow, frequency, year, number)
                    if from_day <= period.due <= to_day and period.last >= dt.date(2021, 1, 1):
                        yield period


def local_day(moment):
    return moment.astimezone(VIET_NAM).date()


# ---------------------------------------------------------------- a history

class Report:
    def __init__(self, area, period, number, received, purpose):
        self.area, self.period, self.number, self.received, self.purpose = area, period, number, received, purpose
        self.handed_in = received - dt.timedelta(seconds=random_of.choice((1, 600, BUDGET - 1, BUDGET, 90000)))
        self.known = received + dt.timedelta(seconds=1)
        self.stored, self.findings, self.lines = [], [], 0  # findings: (line, rule, severity, indicator, field)
        self.areas = {}  # by line: what the report calls the area, where it is not its province


class Statement:
    def __init__(self, report, line, indicator, revision):
        self.report, self.line, self.indicator, self.revision = report, line, indicator, revision
        self.outcome = random_of.choices((1, 2, 3), (6, 2, 2))[0]
        self.withdrawn = revision > 0 and random_of.random() < 0.1
        self.missing = random_of.choices((0, 1, 2, 3), (16, 2, 1, 1))[0]
        self.justified = random_of.random() < 0.2
        self.decisions = []
        at = report.known
        while random_of.random() < 0.2:
            at += dt.timedelta(days=random_of.randrange(1, 40))
            self.decisions.append((at, random_of.choice(("released", "refused", "held", "withdrawn"))))

    def decision_at(self, as_of):
        made = [what for at, what in self.decisions if at <= as_of]
        return made[-1] if made else None

    def outcome_at(self, as_of):
        return {"released": 1, "refused": 4, "held": 3, "withdrawn": 6, None: self.outcome}[self.decision_at(as_of)]


random_of = random.Random(SEED)


class History:
    def __init__(self):
        self.reports, self.cells = [], collections.defaultdict(list)  # (area, indicator, period text): [Statement]
        self.taken_back = set()  # (area, period): what is refused at first is mended then, and then withdrawn
        for area in AREAS[:-1]:  # the last one never reports
            moments = []
            for at, period in enumerate(periods(FROM - 300 * DAY, TO + 200 * DAY)):
                if at % 6 == 0:
                    self.taken_back.add((area, period.text))
                reports = 3 if at % 6 == 0 else random_of.choice((0, 1, 1, 1, 2, 3))
                moments += [(self.moment(period), period) for _ in range(reports)]
            for number, (received, period) in enumerate(sorted(moments, key=lambda m: m[0]), 1):
                self.report(area, period, number, received)

    @staticmethod
    def moment(period):
        midnight = dt.datetime.combine(period.due + DAY, dt.time(), VIET_NAM)
        return midnight + random_of.choice((
            -dt.timedelta(microseconds=1), dt.timedelta(), -DAY, DAY, dt.timedelta(hours=6, minutes=59),
            dt.timedelta(seconds=random_of.randrange(-40 * 86400, 90 * 86400))))

    def report(self, area, period, number, received):
        report = Report(area, period, number, received, random_of.choices("RBC", (8, 1, 2))[0])
        self.reports.append(report)
        if random_of.random() < 0.2:
            report.findings.append((0, *random_of.choice((("DU-01", "B", "", "period_from"), ("SACH-09", "J", "", "report"),
                                                          ("DUNG-04", "W", "", "provider"), ("DU-02", "J", "", "indicator")))))
        for indicator, (dataflow, frequencies, *_) in INDICATORS.items():
            if dataflow == period.dataflow and period.frequency in frequencies and random_of.random() < 0.8:
                self.observe(report, indicator)
        if random_of.random() < 0.1:
            report.lines += 1
            report.findings.append((report.lines, "DUNG-02", "B", "no_such", "indicator"))

    def observe(self, report, indicator, area=None):
        report.lines += 1
        line = report.lines
        is_taken_back = (report.area, report.period.text) in self.taken_back
        turn = sum((r.area, r.period.text, r.period.dataflow) == (report.area, report.period.text, report.period.dataflow)
                   for r in self.reports)
        if turn == 1 if is_taken_back else random_of.random() < 0.15:
            report.findings.append((line, *random_of.choice((
                ("DUNG-02", "B", indicator, "ref_area"), ("DUNG-04", "B", indicator, "value"))), ))
            return
        cell = self.cells[area or report.area, indicator, report.period.text]
        statement = Statement(report, line, indicator, len(cell))
        if is_taken_back and turn == 3 and cell:
            statement.withdrawn = True
        cell.append(statement)
        report.stored.append(statement)
        for rule, severity in (("DUNG-04", "W"), ("DUNG-10", "J"), ("DUNG-07", "J"), ("SACH-10", "W"), ("SACH-06", "I"), ("SACH-06", "W")):
            for _ in range(random_of.choice((0, 0, 0, 1, 2))):
                report.findings.append((line, rule, severity, indicator, "value"))

    # ------------------------------------------------------------ stored

    def store(self, db):
        series = dict(db.execute("SELECT indicator, series_no FROM tram.series").fetchall())
        areas = dict(db.execute("SELECT area, area_no FROM tram.area_number").fetchall())
        agents = {}
        for area in AREAS:
            name = "agent-" + area.replace("/", "-")
            agents[area] = db.execute("INSERT INTO tram.agent (agent, state) VALUES (%s, 'active') RETURNING agent_no",
                                      (name,)).fetchone()[0]
            db.execute("INSERT INTO tram.stream (stream_no, agent, agent_no, epoch, chain, first_chain) OVERRIDING SYSTEM VALUE"
                       " VALUES (%s, %s, %s, repeat('0', 32), decode(repeat('00', 32), 'hex'), decode(repeat('00', 32), 'hex'))",
                       (agents[area], name, agents[area]))
        with db.cursor().copy("COPY tram.report (report_no, handed_in_at, received_at, known_at, agent_no, catalogue_version,"
                              " period, period_from, period_to, observations, purpose, demonstration, digest, provider,"
                              " dataflow, time_period, reason, prepared_by, approved_by, comment, software) FROM STDIN") as copy:
            for r in self.reports:
                copy.write_row((agents[r.area] << 40 | r.number, r.handed_in, r.received, r.known, agents[r.area], 1,
                                r.period.packed, r.period.first, r.period.last, r.lines, r.purpose, False, b"",
                                "P" + r.area, r.period.dataflow, r.period.text, "", "", "", "", ""))
        for area, gap in zip(AREAS, (0, 1, 0, 0)):  # the second lost a report between two batches
            numbers = [r.number for r in self.reports if r.area == area]
            for first, last in ((1, 10), (11 + gap, len(numbers) + gap)):
                db.execute("INSERT INTO tram.batch VALUES (%s, %s, %s, %s, %s, 0, '2000-01-01', '', '', '', '', '')",
                           (agents[area], first, first, last, agents[area]))
        with db.cursor().copy("COPY tram.observation (key, report_no, known_at, area_no, line, rank_out_of, outcome, qualifier,"
                              " missing_reason, flags, obs_status, value) FROM STDIN") as copy:
            for (area, indicator, _), cell in self.cells.items():
                for s in cell:
                    s.key = series[indicator] << 44 | s.report.period.packed << 14 | s.revision
                    copy.write_row((s.key, agents[s.report.area] << 40 | s.report.number, s.report.known, areas[area], s.line, 0,
                                    s.outcome, 1, s.missing, (1 if s.withdrawn else 0) | (4 if s.justified else 0), "A",
                                    None if s.missing or s.withdrawn else 7))
        with db.cursor().copy("COPY tram.decision (area_no, key, decision, decided_at, decided_by, reason) FROM STDIN") as copy:
            for (area, _, _), cell in self.cells.items():
                for s in cell:
                    for at, what in s.decisions:
                        copy.write_row((areas[area], s.key, what, at, "test", "test"))
        with db.cursor().copy("COPY tram.report_finding (report_no, agent_no, finding_no, line, severity, rule, indicator,"
                              " ref_area, field, found, expected, asked) FROM STDIN") as copy:
            for r in self.reports:
                for number, (line, rule, severity, indicator, field) in enumerate(r.findings, 1):
                    copy.write_row((agents[r.area] << 40 | r.number, agents[r.area], number, line, severity, rule, indicator,
                                    r.areas.get(line, r.area) if line else "", field, "", "", severity))

    # ------------------------------------------------------------ what came of what was expected

    def expected(self, from_day, to_day):
        for period in periods(from_day, to_day):
            for indicator, (dataflow, frequencies, mandatory, *_, valid_from) in INDICATORS.items():
                if dataflow == period.dataflow and period.frequency in frequencies and mandatory:
                    if dt.date.fromisoformat(valid_from) <= period.last:
                        for area in AREAS:
                            yield area, period, indicator

    def known(self, area, indicator, period, as_of):
        return [s for s in self.cells.get((area, indicator, period.text), ()) if s.report.known <= as_of]

    def standing(self, cell, as_of):
        """The last revision that was accepted or taken back; None when that is a withdrawal or there is none."""
        said = [s for s in cell if s.outcome_at(as_of) in (1, 2, 6)]
        return said[-1] if said and said[-1].outcome_at(as_of) != 6 and not said[-1].withdrawn else None

    def state(self, area, period, indicator, as_of, today):
        cell = self.known(area, indicator, period, as_of)
        stands = self.standing(cell, as_of)
        first = next((s.report for s in cell if not s.withdrawn and s.missing in (0, 1)), None)
        if stands and stands.missing in (0, 1):
            if first.purpose == "B":
                return "backfilled", first.received
            return ("on_time" if local_day(first.received) <= period.due else "late"), first.received
        if cell and cell[-1].outcome_at(as_of) == 3:
            return "held", first and first.received
        if stands:
            return "explained", None
        last_said = cell[-1].report.known if cell else dt.datetime.min.replace(tzinfo=UTC)
        refused = any(r.area == area and r.period.text == period.text and r.period.dataflow == period.dataflow
                      and last_said < r.known <= as_of and any(severity == "B" and (line == 0 or named == indicator)
                                                               for line, _, severity, named, _ in r.findings) for r in self.reports)
        if refused or cell and cell[-1].outcome_at(as_of) == 4:
            return "refused", None
        return ("missing" if period.due < today else "pending"), None

    # ------------------------------------------------------------ what is to be mended or explained

    def mends(self, area, as_of, today):
        """[(kind, dataflow, period, indicator, by)] of figures that were told and not answered, two years back at most."""
        found = []
        for r in self.reports:
            if r.area == area and r.known <= as_of and local_day(r.known) >= today - 731 * DAY:
                refused = {line: named for line, _, severity, named, _ in r.findings if severity == "B"}
                found += [("refused", r, named, local_day(r.known) + 10 * DAY) for line, named in refused.items()
                          if not self.is_mended(r, line, named, as_of)]
        earliest = {}
        for kind, r, named, by in found:
            key = kind, r.period.dataflow, r.period.text, named
            earliest[key] = min(by, earliest.get(key, by))
        held = []
        for (of, indicator, _), cell in self.cells.items():
            for s in cell if of == area else ():
                if any(later.report.known <= as_of for later in cell[s.revision + 1:]):
                    continue
                told = [(s.report.known, "held" if s.outcome == 3 else None, 5), *((at, what, 15) for at, what in s.decisions)]
                at, what, days = [t for t in told if t[0] <= as_of][-1] if s.report.known <= as_of else (None, None, 0)
                if what in ("held", "refused") and local_day(at) >= today - 731 * DAY:
                    key = what, s.report.period.dataflow, s.report.period.text, indicator
                    if what == "held":
                        held.append((*key, local_day(at) + days * DAY))
                    else:
                        by = local_day(at) + 10 * DAY
                        earliest[key] = min(by, earliest.get(key, by))
        return sorted(held + [(*key, by) for key, by in earliest.items()])

    def is_mended(self, r, line, named, as_of):
        """By another statement, or refusal, of the same; or, where nobody knows what it was, by any report in its place."""
        later = [x for x in self.reports if x.area == r.area and r.known < x.known <= as_of
                 and (x.period.dataflow, x.period.text) == (r.period.dataflow, r.period.text)]
        if line == 0 or named not in INDICATORS:
            return bool(later)
        return any(s.report in later for s in self.cells.get((r.area, named, r.period.text), ())) or any(
            severity == "B" and at and name == named for x in later for at, _, severity, name, _ in x.findings)

    # ------------------------------------------------------------ scores

    def tally(self, from_day, to_day, as_of):
        """(area, indicator, rule): [assessed, failing, breaches]"""
        result = collections.defaultdict(lambda: [0, 0, 0])
        today = min(local_day(as_of), local_day(dt.datetime.now(UTC)))
        spans = list(periods(from_day, to_day))

        def add(area, indicator, rule, assessed, failing, breaches=0):
            row = result[area, indicator, rule]
            row[0] += assessed
            row[1] += failing
            row[2] += breaches

        for area, period, indicator in self.expected(from_day, to_day):
            state, first = self.state(area, period, indicator, as_of, today)
            if state != "pending":
                add(area, indicator, "DU-02", 1, state in ("missing", "explained"))
            if state not in ("pending", "backfilled", "explained"):
                add(area, indicator, "SONG-01", 1, state in ("late", "missing", "refused")
                    or state == "held" and first is not None and local_day(first) > period.due)
        for area in AREAS:
            self.tally_figures(add, area, spans, as_of, min(today, to_day))
            self.tally_reports(add, area, spans, as_of)
        return {k: (max(v[0], v[1]), v[1], v[2]) for k, v in result.items() if max(v[0], v[1])}

    def tally_figures(self, add, area, spans, as_of, day):
        newest = {}
        for period in spans:
            for indicator, (dataflow, *_) in INDICATORS.items():
                cell = self.known(area, indicator, period, as_of)
                if dataflow != period.dataflow or not cell:
                    continue
                last = cell[-1]
                if last.withdrawn or last.decision_at(as_of) == "withdrawn":
                    continue
                self.assess(add, area, last, as_of)
                if INDICATORS[indicator][2]:
                    newest[indicator] = max(newest.get(indicator, period.last), period.last)
        for indicator, last in newest.items():
            add(area, indicator, "SONG-02", 1, (day - last).days > MAX_AGE)

    def assess(self, add, area, s, as_of):
        _, _, _, whole, parts, _ = INDICATORS[s.indicator]
        for rule, (_, _, applies) in RULES.items():
            applied = {"figure": True, "value": s.missing == 0, "parts": s.missing == 0 and parts,
                       "count": s.missing == 0 and whole, "revision": s.revision > 0,
                       "related": s.missing == 0 and s.indicator == "count"}.get(applies, False)
            found = [f for f in s.report.findings if f[0] == s.line and f[1] == rule and f[2] in "BJW"
                     and not (f[2] == "J" and (s.justified or s.decision_at(as_of) == "released"))]
            add(area, s.indicator, rule, applied, bool(found))

    def tally_reports(self, add, area, spans, as_of):
        reports = [r for r in self.reports if r.area == area and r.known <= as_of]
        if area != AREAS[-1]:
            add(area, "", "DU-06", 1, area == AREAS[1])
        for period in spans:
            own = [r for r in reports if (r.period.dataflow, r.period.text) == (period.dataflow, period.text)]
            for r in own:
                if r.purpose != "B":
                    add(area, "", "SONG-05", 1, r.known - r.handed_in > dt.timedelta(seconds=BUDGET))
            if not own:
                continue
            latest = max(own, key=lambda r: (r.known, r.number))
            for rule, (_, _, applies) in RULES.items():
                found = [f for f in latest.findings if f[0] == 0 and f[1] == rule and f[2] in "BJW"]
                if applies == "report":
                    add(area, "", rule, 1, bool(found), any(f[2] == "B" and f[4] in IDENTIFIERS for f in found))
                elif found and applies != "measured":
                    add(area, "", rule, 1, 1)
            self.tally_refused(add, area, period, own, latest, as_of)

    def stated_for(self, report, _line):
        """Whose figure a line states."""
        return report.area

    def tally_refused(self, add, area, period, own, latest, as_of):
        last = {}
        for r in own:
            for line, _, severity, indicator, _ in r.findings:
                if severity == "B" and line > 0:
                    last[indicator, self.stated_for(r, line)] = r
        for (stated, of), r in last.items():
            known = stated in INDICATORS
            cell = self.known(of, stated, period, as_of) if known else []
            if cell and cell[-1].report.known > r.known or not known and r is not latest:
                continue
            for line in {f[0] for f in r.findings if f[3] == stated and f[0] > 0 and f[2] == "B" and self.stated_for(r, f[0]) == of}:
                for rule, (_, _, applies) in RULES.items():
                    found = [f for f in r.findings if f[0] == line and f[1] == rule and f[2] in "BJW"]
                    add(area, stated if known else "", rule, applies in ("figure", "value") or applies == "related" and stated == "count", bool(found) and applies not in ("report", "measured"),
                        any(f[2] == "B" and f[4] in IDENTIFIERS for f in found))


def scores(tally):
    """{(area, word): (score, assessed, failing, breaches, {rule: cost})}, means in fractions."""
    by_area = collections.defaultdict(lambda: collections.defaultdict(dict))  # area, indicator, word: [(rule, row)]
    for (area, indicator, rule), row in tally.items():
        word, weight, _ = RULES[rule]
        if weight:
            by_area[area][indicator].setdefault(word, []).append((rule, weight, row))
    result = {}
    for area, indicators in by_area.items():
        parts = collections.defaultdict(list)  # word: [(weight, rule, row)]
        for indicator, words in indicators.items():
            all_words = sum(WORDS[word] for word in words)
            for word, rows in words.items():
                total = sum(Fraction(weight) for _, weight, _ in rows)
                having = sum(word in other for other in indicators.values())
                for rule, weight, row in rows:
                    share = Fraction(weight) / total
                    parts[word].append((share / having, rule, row))
                    parts[""].append((share * WORDS[word] / all_words / len(indicators), rule, row))
        for word, rows in parts.items():
            costs = collections.Counter()
            for weight, rule, (assessed, failing, _) in rows:
                costs[rule] += weight * Fraction(100 * failing, assessed)
            result[area, word] = (100 - sum(costs.values()), sum(r[0] for _, _, r in rows), sum(r[1] for _, _, r in rows),
                                  sum(r[2] for _, _, r in rows), costs)
    for word in {word for _, word in result}:
        rows = [row for (area, of), row in result.items() if of == word and area != "VN"]
        costs = collections.Counter()
        for row in rows:
            for rule, cost in row[4].items():
                costs[rule] += cost / len(rows)
        result["VN", word] = (sum(r[0] for r in rows) / len(rows), *(sum(r[i] for r in rows) for i in (1, 2, 3)), costs)
    return result


def band(area, word, score, breaches):
    if area != "VN" and word and breaches:
        return "red"
    return "green" if round(score, 2) >= 90 else "yellow" if round(score, 2) >= 75 else "red"


# ---------------------------------------------------------------- the tests

def load(db):
    if BIN:
        tram_centre("store", "migrate").check_returncode()
    for path in () if BIN else sorted((ROOT / "aggregator/store/sql").glob("*/*.sql")):
        with db.transaction():
            db.execute(path.read_text(encoding="utf-8"))
    db.execute("INSERT INTO tram.catalogue (version, digest, loaded_at) VALUES (3, '\\x00', '2021-01-01')")
    with open(ROOT / "deploy/registry/areas.csv", encoding="utf-8", newline="") as f:
        for row in csv.DictReader(f):
            db.execute("INSERT INTO tram.area_number (area) VALUES (%s) ON CONFLICT DO NOTHING", (row["area"],))
            db.execute("INSERT INTO tram.area SELECT %s, area_no, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, NULL, %s"
                       " FROM tram.area_number WHERE area = %s",
                       (row["area"], row["level"], row["vintage"], row["code"], row["parent"], row["valid_from"],
                        row["valid_to"] or None, row["name_vi"], row["short_name_vi"], row["name_en"], row["kind"],
                        row["iso_3166_2"], row["population"] or None, row["area"]))
    for row in rules_of("calendars.csv"):
        db.execute("INSERT INTO tram.calendar_rule VALUES (%s, %s, %s, %s, %s, %s)", tuple(row.values())[:6])
    for row in rules_of("due_dates.csv"):
        db.execute("INSERT INTO tram.due_rule VALUES (%s, %s, %s, %s)", tuple(row.values())[:4])
    for code, (frequencies, calendar) in DATAFLOWS.items():
        db.execute("INSERT INTO tram.dataflow VALUES (%s, '', '', 'province', %s, %s, 'circular_02_2023', '2021-01-01', NULL)",
                   (code, frequencies, calendar))
    for code, (dataflow, frequencies, mandatory, whole, parts, valid_from) in INDICATORS.items():
        db.execute("INSERT INTO tram.indicator VALUES (%s, %s, '', '', 'count', '', '', 0, 0, %s, NULL, NULL, '', %s,"
                   " 'last', '', '', '', '', '', %s, %s, %s, '', %s, NULL, '')",
                   (code, dataflow, whole, "ratio_of_sums" if parts else "sum", frequencies, mandatory, MAX_AGE, valid_from))
        db.execute("INSERT INTO tram.series (indicator) VALUES (%s)", (code,))
    for area in AREAS:
        db.execute("INSERT INTO tram.provider VALUES (%s, 'province', %s, '', '', %s)",
                   ("P" + area, area, "agent-" + area.replace("/", "-")))
    for number, (word, weight) in enumerate(WORDS.items(), 1):
        db.execute("INSERT INTO tram.word (word_no, word, name_vi, name_en, weight) VALUES (%s, %s, '', '', %s)",
                   (number, word, float(weight)))
    for rule, (word, weight, applies) in RULES.items():
        db.execute("INSERT INTO tram.rule (rule, word, severity, title_vi, title_en, message_vi, message_en, remedy_vi,"
                   " remedy_en, weight, applies_to) VALUES (%s, %s, 'W', '', '', '', '', '', '', %s, %s)",
                   (rule, word, float(weight), applies))
    db.execute("INSERT INTO tram.cross_rule VALUES ('total', 'DUNG-07', 'count', '=', 'extra', 0, 0, 'skip_any', 'J', NULL, NULL,"
               " '', ''), ('gone', 'DUNG-07', 'extra', '=', 'count', 0, 0, 'skip_any', 'J', NULL, '2022-12-31', '', '')")
    db.execute("INSERT INTO tram.parameter VALUES ('SONG-05.budget_seconds', %s)", (BUDGET,))


class Scores(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        print(f"TRAM_TEST_SEED={SEED}", file=sys.stderr)
        cls.db = connect()
        load(cls.db)
        cls.history = History()
        cls.history.store(cls.db)
        end = dt.datetime.combine(TO + 400 * DAY, dt.time(), VIET_NAM)
        cls.moments = [None] + [end - dt.timedelta(seconds=random_of.randrange(0, 900 * 86400)) for _ in range(4)]
        # The last moment of a due day, and the first after it.
        due = next(p.due for p in periods(FROM, TO) if p.dataflow == "halves")
        midnight = dt.datetime.combine(due + DAY, dt.time(), VIET_NAM)
        cls.moments += [midnight - dt.timedelta(microseconds=1), midnight]

    def test_due_days_are_the_legal_ones(self):
        rows = self.db.execute("SELECT dataflow, tram.period_text(period), period_from, period_to, due_day"
                               " FROM tram.due_periods(%s, %s)", (FROM, TO)).fetchall()
        self.assertEqual(sorted(rows), sorted((p.dataflow, p.text, p.first, p.last, p.due) for p in periods(FROM, TO)))
        by_period = {row[1]: row[2:] for row in rows if row[0] != "months"}
        self.assertEqual(by_period["2023-S1"], (dt.date(2022, 12, 15), dt.date(2023, 6, 14), dt.date(2023, 6, 6)))
        self.assertEqual(by_period["2023"], (dt.date(2022, 12, 15), dt.date(2023, 12, 14), dt.date(2023, 11, 25)))

    def test_a_span_holds_the_day_it_begins_and_ends_with(self):
        for day, n in ((dt.date(2023, 6, 5), 0), (dt.date(2023, 6, 6), 1), (dt.date(2023, 6, 7), 0)):
            found = self.db.execute("SELECT count(*) FROM tram.due_periods(%s, %s) WHERE dataflow = 'halves'", (day, day))
            self.assertEqual(found.fetchone()[0], n, day)

    def test_what_is_expected(self):
        rows = self.db.execute("SELECT area, period, indicator FROM tram.expected(%s, %s)", (FROM, TO)).fetchall()
        self.assertEqual(sorted(rows), sorted((a, p.packed, i) for a, p, i in self.history.expected(FROM, TO)))

    def test_a_province_that_is_no_more_owes_nothing(self):
        rows = self.db.execute("SELECT DISTINCT time_period FROM tram.expected('2025-01-01', '2026-12-31')").fetchall()
        self.assertEqual({row[0] for row in rows if "-0" in row[0]}, {f"2025-0{m}" for m in range(1, 7)})
        self.assertIn(("2025-S1",), rows)
        self.assertNotIn(("2025",), rows)

    def each_moment(self):
        return [(as_of, as_of or dt.datetime(9999, 1, 1, tzinfo=UTC)) for as_of in self.moments]

    def test_what_came_of_it(self):
        seen = collections.Counter()
        for as_of, moment in self.each_moment():
            today = min(local_day(moment), local_day(dt.datetime.now(UTC)))
            rows = self.db.execute("SELECT area, period, indicator, state, first_at FROM tram.expected_figures(%s, %s, %s)",
                                   (FROM, TO, as_of)).fetchall()
            wanted = [(a, p.packed, i, *self.history.state(a, p, i, moment, today))
                      for a, p, i in self.history.expected(FROM, TO)]
            key = lambda row: row[:3]
            self.assertEqual(sorted(rows, key=key), sorted(wanted, key=key))
            seen.update(row[3] for row in rows)
        self.assertGreater(len(seen), 5, seen)

    def test_completeness_adds_up_and_never_passes_100(self):
        for as_of, moment in self.each_moment():
            today = min(local_day(moment), local_day(dt.datetime.now(UTC)))
            wanted = collections.defaultdict(collections.Counter)
            for area, period, indicator in self.history.expected(FROM, TO):
                wanted[area, period.dataflow, period.text][self.history.state(area, period, indicator, moment, today)[0]] += 1
            rows = self.db.execute("SELECT area, dataflow, time_period, expected, reported, on_time, late, backfilled, held,"
                                   " refused, explained, missing, pending, rate, cardinality(missing_indicators)"
                                   " FROM tram.completeness(%s, %s, %s)", (FROM, TO, as_of)).fetchall()
            self.assertEqual(len(rows), len(wanted))
            for area, dataflow, period, expected, reported, *counts, rate, missing in rows:
                states = wanted[area, dataflow, period]
                self.assertEqual(counts, [states[s] for s in ("on_time", "late", "backfilled", "held", "refused", "explained",
                                                               "missing", "pending")])
                self.assertEqual((expected, reported), (sum(states.values()), sum(counts[:3])))
                self.assertEqual(sum(counts), expected)
                self.assertEqual(rate, int(Fraction(10000 * reported, expected)) / 100 if reported < expected else 100)
                self.assertEqual(missing, states["missing"] + states["pending"])
            self.nation(as_of, wanted)

    def nation(self, as_of, wanted):
        totals = collections.defaultdict(lambda: [0, 0, 0])
        for (area, dataflow, period), states in wanted.items():
            done = sum(states[s] for s in ("on_time", "late", "backfilled"))
            for key in ((dataflow, period), (dataflow, ""), ("", "")):
                totals[key][0] += sum(states.values())
                totals[key][1] += done
                totals[key][2] += states["on_time"]
        rows = self.db.execute("SELECT dataflow, time_period, expected, reported, on_time, rate, finality, providers,"
                               " providers_complete FROM tram.national_completeness(%s, %s, %s)", (FROM, TO, as_of)).fetchall()
        self.assertEqual({row[:2]: list(row[2:5]) for row in rows}, totals)
        for _, _, expected, reported, _, rate, finality, providers, complete in rows:
            self.assertLessEqual(rate, 100)
            self.assertEqual(finality, "final" if reported == expected else "provisional")
            self.assertEqual(complete == providers, reported == expected)
            self.assertEqual(providers, len(AREAS))

    def test_tallies(self):
        for as_of, moment in self.each_moment():
            rows = self.db.execute("SELECT area, indicator, rule, assessed, failing, breaches FROM tram.rule_tally(%s, %s, %s)"
                                   " WHERE assessed > 0", (FROM, TO, as_of)).fetchall()
            self.assertEqual({row[:3]: row[3:] for row in rows}, self.history.tally(FROM, TO, moment))

    def test_scores(self):
        bands = set()
        for as_of, moment in self.each_moment():
            wanted = scores(self.history.tally(FROM, TO, moment))
            rows = self.db.execute("SELECT area, word, score, band, assessed, failing, breaches, worst_rule, worst_cost"
                                   " FROM tram.scoreboard_at(%s, %s, %s)", (as_of, FROM, TO)).fetchall()
            self.assertEqual(len(rows), (len(AREAS) + 1) * (len(WORDS) + 1))
            self.assertEqual({row[:2] for row in rows if row[2] is not None}, set(wanted))
            for area, word, score, colour, assessed, failing, breaches, worst, cost in rows:
                if score is None:
                    self.assertEqual((colour, assessed, failing, worst), ("", 0, 0, None))
                    continue
                exact, *counts, costs = wanted[area, word]
                self.assertAlmostEqual(Fraction(score), exact, delta=Fraction(501, 100000))
                self.assertEqual([assessed, failing, breaches], counts)
                self.assertTrue(0 <= score <= 100)
                self.assertEqual(colour, band(area, word, score, breaches))
                self.assertAlmostEqual(sum(costs.values()), 100 - exact, delta=Fraction(1, 10**9))
                if worst:
                    self.assertAlmostEqual(Fraction(cost), max(costs.values()), delta=Fraction(501, 100000))
                    self.assertAlmostEqual(costs[worst], max(costs.values()), delta=Fraction(1, 10**9))
                else:
                    self.assertEqual(score, 100)
                bands.add(colour)
        self.assertIn("red", bands)
        self.assertGreater(len(bands), 1)

    # ------------------------------------------------------------ what is kept

    def test_scores_are_kept_once_a_day(self):
        first = self.db.execute("SELECT tram.keep_scores()").fetchone()[0]
        self.assertGreater(first, len(AREAS) * len(WORDS) // 2)
        self.assertEqual(self.db.execute("SELECT tram.keep_scores()").fetchone()[0], 0)
        kept = self.db.execute("SELECT area, word, score, band, catalogue_version FROM tram.score_history").fetchall()
        now = self.db.execute("SELECT area, word, score, band, 3 FROM tram.scoreboard WHERE score IS NOT NULL").fetchall()
        self.assertEqual(sorted(kept), sorted(now))

    # ------------------------------------------------------------ clocks

    def told(self, listening):
        return sorted(self.db.execute("SELECT event, agent, coalesce(due_day::text, '') FROM tram.announce(%s)",
                                      (listening,)).fetchall())

    def test_silence_is_announced_once_each_time(self):
        self.addCleanup(self.db.execute, "DELETE FROM tram.liveness")
        self.db.execute("DELETE FROM tram.announced")
        self.db.execute("INSERT INTO tram.agent (agent, state, added_at) SELECT unnest('{heard,unheard,shut}'::text[]), unnest('{active,active,suspended}'::text[]), '2020-01-01'")
        self.db.execute("INSERT INTO tram.liveness (agent_no, heard_at) SELECT agent_no, now() - CASE agent"
                        " WHEN 'heard' THEN interval '800 seconds' ELSE interval '902 seconds' END"
                        " FROM tram.agent WHERE agent IN ('heard', 'unheard', 'shut')")
        listening, just = "2020-01-01", dt.datetime.now(UTC)
        self.assertEqual(self.told(just), [])  # whoever has just begun to listen knows of nobody's silence
        self.assertEqual([row for row in self.told(listening) if row[0] == "agent.missing" and row[1] in ("heard", "unheard", "shut")],
                         [("agent.missing", "unheard", "")])
        self.assertEqual(self.told(listening), [])
        self.db.execute("UPDATE tram.liveness SET heard_at = heard_at - interval '1 second'")
        self.assertIn(("agent.missing", "unheard", ""), self.told(listening))
        state = dict(self.db.execute("SELECT agent, agent_state FROM tram.agent_liveness"
                                     " WHERE agent IN ('heard', 'unheard')").fetchall())
        self.assertEqual(state, {"heard": "alive", "unheard": "silent"})
        # While nobody listens nobody is silent: the last time anything was told counts.
        self.db.execute("UPDATE tram.liveness SET told_at = heard_at + interval '900 seconds'")
        state = dict(self.db.execute("SELECT agent, agent_state FROM tram.agent_liveness WHERE agent = 'heard'").fetchall())
        self.assertEqual(state, {"heard": "alive"})

    def test_late_data_are_announced_once_wherever_the_server_is(self):
        with self.db.transaction(force_rollback=True):
            self.db.execute("DELETE FROM tram.announced")
            self.db.execute("UPDATE tram.area SET valid_to = NULL")  # so that they owe reports of today
            for zone, some in (("America/New_York", True), ("Pacific/Auckland", False), ("UTC", False)):
                self.db.execute(f"SET LOCAL timezone = '{zone}'")
                late = [row for row in self.told("2020-01-01") if row[0] == "data.late"]
                self.assertEqual(bool(late), some, zone)
            midnights = self.db.execute("SELECT DISTINCT (since AT TIME ZONE 'Asia/Ho_Chi_Minh')::time FROM tram.announced"
                                        " WHERE event = 'data.late'").fetchall()
            self.assertEqual(midnights, [(dt.time(0),)])

    def test_alive_agent_with_dead_data_is_red(self):
        self.addCleanup(self.db.execute, "DELETE FROM tram.liveness")
        self.db.execute("INSERT INTO tram.liveness (agent_no, heard_at) SELECT agent_no, now() FROM tram.agent"
                        " WHERE agent LIKE 'agent-%' ON CONFLICT (agent_no) DO UPDATE SET heard_at = now()")
        rows = self.db.execute("SELECT agent, agent_state, data_state, band FROM tram.agent_liveness"
                               " WHERE agent LIKE 'agent-%'").fetchall()
        self.assertEqual(len(rows), len(AREAS))
        for agent, alive, data, colour in rows:
            self.assertEqual((alive, data in ("stale", "none"), colour), ("alive", True, "red"), agent)

    # ------------------------------------------------------------ the board

    @unittest.skipUnless(len(BIN) > 0, "no programs were named")
    def test_the_board_says_what_the_scoreboard_says(self):
        rows = board("--from", str(FROM), "--to", str(TO), "--sort", "area")
        self.assertEqual([row["area"] for row in rows], ["VN", *sorted(AREAS)])
        scores_of = {(a, w): (s, b) for a, w, s, b in self.db.execute(
            "SELECT area, word, score, band FROM tram.scoreboard_at(NULL, %s, %s)", (FROM, TO)).fetchall()}
        for row in rows:
            for word in WORDS:
                score, colour = scores_of[row["area"], word]
                self.assertEqual((row[word + "_score"], row[word + "_band"] or ""), (score and float(score), colour))
            self.assertEqual(row["due"], sum(row[k] for k in ("reported", "missing", "held", "refused"))
                             + self.explained(row["area"]))
            self.assertLessEqual(row["on_time_rate"], 100)
        self.assertEqual([r["area"] for r in board("--province", "P63/46", "--on", "2024-03-31")], ["VN", "63/46"])
        worst_first = [row["score"] for row in board("--from", str(FROM), "--to", str(TO))[1:]]
        self.assertEqual(worst_first, sorted(worst_first, key=lambda s: -1 if s is None else s))
        provinces, = self.db.execute("SELECT count(*) FROM tram.provider WHERE kind = 'province'").fetchone()
        nation, *others = rows
        self.assertEqual((nation["agents"], len(others)), (provinces, provinces))  # those that never reported are expected too
        backfilled, due = self.db.execute("SELECT sum(backfilled), sum(expected - pending) FROM tram.completeness(%s, %s)",
                                          (FROM, TO)).fetchone()
        said = tram_centre("board", "--from", str(FROM), "--to", str(TO), "--lang", "en").stdout
        self.assertIn(f"/{provinces} ", said.splitlines()[4 if backfilled else 3])
        self.assertEqual(f"{backfilled:,} of {due:,} figures came as backfills" in said, backfilled > 0)
        self.assertGreater(backfilled, 0)
        lines = tram_centre("board", "--lang", "vi").stdout.splitlines()
        self.assertEqual(len(lines), 4 + 1 + len(AREAS))
        self.assertLessEqual(self.on_a_terminal(100, "board", "--lang", "vi"), 100)  # cut there, and nowhere else
        self.assertNotIn("…", "".join(lines))
        self.assertEqual(tram_centre("board", "--province", "99/99").returncode, 65)
        wrong = tram_centre("board", "--province", "P63_46", "--lang", "en")
        self.assertEqual((wrong.returncode, "did you mean P63/46?" in wrong.stderr), (65, True), wrong.stderr)
        self.assertEqual([r["area"] for r in board("--province", "p63/46")], ["VN", "63/46"])
        self.assertEqual(tram_centre("board", "--on", "2024-02-30").returncode, 64)

    @staticmethod
    def on_a_terminal(columns, *words):
        """How long the longest line is."""
        ours, theirs = os.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        shown = b""
        with subprocess.Popen(centre_command(*words), stdout=theirs) as process:
            os.close(theirs)
            while True:
                try:
                    shown += os.read(ours, 65536)
                except OSError:
                    break
        os.close(ours)
        assert process.returncode == 0
        return max(len(line) for line in re.sub("\x1b\\[[0-9;]*m", "", shown.decode()).splitlines())

    def test_what_a_province_owes(self):
        now = dt.datetime.now(UTC)
        today = local_day(now)
        kinds = collections.Counter()
        for moment in (dt.datetime(2024, 1, 10, tzinfo=UTC), dt.datetime(2023, 6, 5, 17, tzinfo=UTC) - dt.timedelta(microseconds=1)):
            today = local_day(moment)
            for area in AREAS:
                wanted = collections.defaultdict(set)
                for of, period, indicator in self.history.expected(today - 731 * DAY, today + 92 * DAY):
                    state = self.history.state(of, period, indicator, moment, today)[0]
                    if of == area and state in ("missing", "pending", "explained"):
                        wanted["late" if period.due < today else "due", period.dataflow, period.text, period.due].add(indicator)
                rows = self.db.execute("SELECT kind, dataflow, time_period, by, days_left, indicators, indicator"
                                       " FROM tram.todo(%s, %s)", ("P" + area, moment)).fetchall()
                found, mends = {}, []
                for kind, dataflow, period, by, days, indicators, indicator in rows:
                    kinds[kind] += 1
                    self.assertEqual(days, (by - today).days)
                    if kind in ("refused", "held"):
                        mends.append((kind, dataflow, period, indicator, by))
                    else:
                        self.assertEqual(kind == "late", days < 0)
                        found[kind, dataflow, period, by] = set(indicators)
                self.assertEqual(found, wanted)
                self.assertEqual(sorted(mends), self.history.mends(area, moment, today))
        self.assertEqual(set(kinds), {"refused", "held", "late", "due"})

    @unittest.skipUnless(len(BIN) > 0, "no programs were named")
    def test_what_a_province_owes_is_shown(self):
        done = tram_centre("todo", "--provider", "P63/96", "--as-of", "2024-01-10", "--format", "json")
        rows = json.loads(done.stdout)
        self.assertLessEqual({"late", "due"}, {row["kind"] for row in rows})
        monthly = [row for row in rows if row["dataflow"] == "months" and row["time_period"] == "2024-01"]
        self.assertEqual([(r["by"], r["days_left"], r["indicators"]) for r in monthly], [("2024-01-15", 5, "monthly")])
        for language, word in (("vi", "trễ hạn"), ("en", "late")):
            shown = tram_centre("todo", "--provider", "63/96", "--as-of", "2024-01-10", "--lang", language)
            self.assertEqual((shown.returncode, word in shown.stdout), (0, True), shown.stderr)
        self.assertEqual(tram_centre("todo").returncode, 64)
        self.assertEqual(tram_centre("todo", "--provider", "99").returncode, 65)

    def explained(self, area):
        rows = self.db.execute("SELECT count(*) FROM tram.expected_figures(%s, %s) WHERE state = 'explained'"
                               " AND area = coalesce(nullif(%s, 'VN'), area)", (FROM, TO, area)).fetchone()
        return rows[0]


def centre_command(*arguments):
    return [BIN[0] + "/tram-centre", *arguments, "--database", os.environ["TRAM_TEST_POSTGRES"]]


def tram_centre(*arguments):
    return subprocess.run(centre_command(*arguments), capture_output=True, text=True, check=False)


def board(*arguments):
    done = tram_centre("board", "--format", "json", *arguments)
    if done.returncode:
        raise AssertionError(done.stderr)
    return json.loads(done.stdout)


if __name__ == "__main__":
    unittest.main()
