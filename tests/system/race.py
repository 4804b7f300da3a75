# SPDX-License-Identifier: Apache-2.0
"""
Everybody at once: provinces that report, correct and withdraw, operators who release and refuse what is held, readers who ask
about now and about past moments, and some who read on from where they were. What all of them came to is kept, to be compared.
"""

import contextlib
import csv
import random
import shutil
import threading

import psycopg

from rollup_oracle import History, stored_subtotals
from tramtest import ROOT, csv_text

# code: (dataflow, unit, kind, value_type, over_area, over_time, mean_weight, coverage_weight, derives_from, frequencies)
INDICATORS = {
    "race_flow": ("race", "person", "flow", "count", "sum", "sum", "", "population", "", "A|Q|M"),
    "race_money": ("race", "VND", "flow", "amount", "sum", "sum", "", "own", "", "S|Q|M"),
    "race_stock": ("race", "person", "stock", "count", "sum", "last", "", "population", "", "A|Q|M"),
    "race_average": ("race", "person", "stock", "amount", "sum", "mean", "", "race_stock", "", "Q|M"),
    "race_lowest": ("race", "person", "stock", "amount", "sum", "min", "", "population", "", "Q|M"),
    "race_highest": ("race", "person", "stock", "amount", "sum", "max", "", "", "", "S|M"),
    "race_share": ("race", "percent", "ratio", "percent", "ratio_of_sums", "sum", "", "own", "", "A|Q"),
    "race_density": ("race", "person_per_km2", "ratio", "ratio", "ratio_of_sums", "last", "", "population", "", "A|M"),
    "race_speed": ("race", "Mbps", "mean", "mean", "weighted_mean", "last", "observation", "own", "", "A|Q|M"),
    "race_mean_by_stock": ("race", "Mbps", "mean", "mean", "weighted_mean", "last", "race_stock", "population", "", "Q|M"),
    "race_mean_by_flow": ("race", "Mbps", "mean", "mean", "weighted_mean", "sum", "race_flow", "population", "", "A|Q|M"),
    "race_national": ("race_centre", "document", "count", "count", "national_only", "sum", "", "population", "", "A|S|Q"),
    "race_distinct": ("race_centre", "document", "count", "count", "distinct_union", "last", "", "population", "", "S|Q"),
    "race_growth": ("race_centre", "percent", "growth", "growth", "growth_recomputed", "last", "", "population", "race_flow", "A|Q|M"),
    "race_times": ("race_centre", "times", "growth", "growth", "growth_recomputed", "last", "", "population", "race_stock", "A|Q"),
    "race_per_head": ("race_centre", "times", "growth", "growth", "growth_recomputed", "last", "", "population",
                      "race_money / race_stock", "S|Q|M"),
}
GATES = {"race_money": "5", "race_average": "10", "race_share": "3", "race_stock": "8"}  # percent; of 63 or 34 eight report
OF_COMMUNES = {
    "commune_count": ("race_communes", "person", "stock", "count", "sum", "last", "", "population", "", "Q|M"),
    "commune_share": ("race_communes", "percent", "ratio", "percent", "ratio_of_sums", "last", "", "population", "", "Q|M"),
    "commune_mean": ("race_communes", "Mbps", "mean", "mean", "weighted_mean", "last", "observation", "population", "", "Q|M"),
    "commune_by_count": ("race_communes", "Mbps", "mean", "mean", "weighted_mean", "last", "commune_count", "population", "", "Q|M"),
}
STATED = {"A": ("2024", "2025"), "S": ("2024-S1", "2024-S2", "2025-S1", "2025-S2"),
          "Q": tuple(f"{year}-Q{n}" for year in (2024, 2025) for n in range(1, 5)),
          "M": ("2024-06", "2024-12", *(f"2025-{n:02}" for n in range(1, 13)))}
ASKED = ("2024", "2025", "2025-S1", "2025-S2", "2025-Q1", "2025-Q2", "2025-Q3", "2025-05", "2025-06", "2025-08")
# Two provinces that were merged into a third or into one of them, and two that became themselves. An agent serves one area, or two
# in turn.
AGENTS = {"agent-63-02": ("63/02",), "agent-63-08": ("63/08",), "agent-34-08": ("34/08",), "agent-63-10": ("63/10",),
          "agent-63-15": ("63/15",), "agent-34-15": ("34/15",), "agent-63-01": ("63/01", "34/01"),
          "agent-63-46": ("63/46", "34/46"), "agent-centre": ("VN",)}
COMMUNES = 8  # of a province
LAST_OF_63 = "2025-06-30"


def last_day(period):
    """Of a year, half, quarter or month."""
    rest = period[5:]
    month = 12 if not rest else 6 * int(rest[1]) if rest[0] == "S" else 3 * int(rest[1]) if rest[0] == "Q" else int(rest)
    return f"{period[:4]}-{month:02}-{(31, 28 + (period[:4] == '2024'), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)[month - 1]}"


def vintage_of(period):
    return "63" if last_day(period) <= LAST_OF_63 else "34"


def provider_of(area):
    return "C-GO" if area == "VN" else f"P{area[:2]}-{area[3:]}"


class Catalogue:
    """The shipped one, and what is raced for."""

    def __init__(self, folder):
        self.folder = folder
        for name in ("catalogue", "registry"):
            shutil.copytree(ROOT / "deploy" / name, folder / name)
        self.catalogue, self.registry = folder / "catalogue", folder / "registry"
        self.add("catalogue/dataflows.csv", [
            {"code": code, "name_vi": code, "name_en": code, "provided_by": by, "frequencies": "A|S|Q|M", "calendar": "gregorian",
             "due": "circular_02_2023", "valid_from": "2021-01-01", "area_level": level}
            for code, by, level in (("race", "province", ""), ("race_centre", "centre", ""), ("race_communes", "province", "commune"))])
        self.add("catalogue/indicators.csv", [self.indicator(code, *how) for code, how in (INDICATORS | OF_COMMUNES).items()])
        self.add("catalogue/providers.csv", [
            {"provider": provider_of(area), "kind": "province", "area": area, "name_vi": area, "name_en": area, "agent": agent}
            for agent, areas in AGENTS.items() for area in areas if area.startswith("34")])
        self.add("registry/areas.csv", [self.commune(area, n) for areas in AGENTS.values() for area in areas if area != "VN"
                                        for n in range(COMMUNES)])

    def add(self, name, rows):
        """Rows to a file, which may get columns that it does not have."""
        with open(self.folder / name, encoding="utf-8", newline="") as f:
            rows = list(csv.DictReader(f)) + rows
        with open(self.folder / name, "w", encoding="utf-8", newline="") as f:
            writer = csv.DictWriter(f, list(dict.fromkeys(column for row in rows for column in row)), lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)

    @staticmethod
    def indicator(code, dataflow, unit, kind, value_type, over_area, over_time, mean_weight, coverage, derives, frequencies):
        return {"code": code, "dataflow": dataflow, "name_vi": code, "name_en": code, "value_type": value_type, "unit": unit,
                "unit_vi": unit, "display_unit_mult": "0", "display_decimals": "2", "integer": "n", "kind": kind,
                "over_area": over_area, "over_time": over_time, "mean_weight": mean_weight, "coverage_weight": coverage,
                "derives_from": derives, "frequencies": frequencies, "mandatory": "n", "max_age_days": "4000",
                "valid_from": "2021-01-01",
                "gate_percent": GATES.get(code, "")}

    @staticmethod
    def commune(province, n):
        before = province.startswith("63")
        return {"area": f"{province}{n:03}", "level": "commune", "vintage": province[:2], "code": f"{province[3:]}{n:03}",
                "parent": province, "valid_from": "2008-08-01" if before else "2025-07-01",
                "valid_to": LAST_OF_63 if before else "", "name_vi": f"Xã {n}", "short_name_vi": f"Xã {n}",
                "name_en": f"Commune {n}", "kind": "commune", "population": str(5000 + 7 * n)}


class Racer(threading.Thread):
    """One who acts until told to stop; what went wrong is kept for the test."""

    def __init__(self, race, seed):
        super().__init__(name=f"{type(self).__name__}-{seed}")
        self.race, self.rng, self.failure = race, random.Random(f"{race.seed}-{self.name}"), None

    def run(self):
        try:
            with contextlib.ExitStack() as self.open:
                self.begin()
                while not self.race.over.wait(self.rng.random() * self.pause_s):
                    with contextlib.suppress(psycopg.errors.LockNotAvailable):  # no moment could be settled: ask again
                        self.act()
        except BaseException as failure:
            self.failure = failure
            self.race.over.set()

    def begin(self):
        pass

    def connect(self, role):
        centre = self.race.centre
        return self.open.enter_context(psycopg.connect(centre.postgres.conninfo(centre.database, role), autocommit=True))


class Clerk(Racer):
    """Hands in reports of one agent: first figures, corrections, withdrawals, figures that will be held, and reasons."""

    pause_s = 0.8

    def __init__(self, race, agent, areas):
        super().__init__(race, agent.name)
        self.agent, self.areas, self.stated, self.reports = agent, areas, set(), 0

    def act(self):
        communes = self.areas != ("VN",) and self.rng.random() < 0.3
        period = self.rng.choice(STATED[self.rng.choice("QM" if communes else "MMMMMQQSA")])
        area = next((a for a in self.areas if a == "VN" or a[:2] == vintage_of(period)), None)
        indicators = OF_COMMUNES if communes else INDICATORS
        dataflow = "race_communes" if communes else "race" if area != "VN" else "race_centre"
        codes = [code for code, how in indicators.items()
                 if how[0] == dataflow and not how[8] and self.kind_of(period) in how[9].split("|")]
        if area and codes:
            areas = self.rng.sample([f"{area}{n:03}" for n in range(COMMUNES)], self.rng.randrange(1, 4)) if communes else [area]
            self.report(area, period, dataflow, self.rng.sample([(a, code) for a in areas for code in codes],
                                                                self.rng.randrange(1, len(areas) * len(codes) + 1)))

    @staticmethod
    def kind_of(period):
        return "A" if len(period) == 4 else period[5] if period[5] in "SQ" else "M"

    def report(self, area, period, dataflow, figures):
        known = [figure for figure in figures if (*figure, period) in self.stated]
        again = bool(known) and self.rng.random() < 0.8
        rows = [self.figure(a, code, again) for a, code in (known if again else figures)]
        base = {"provider": provider_of(area), "dataflow": dataflow, "time_period": period, "reference_date": last_day(period),
                "purpose": "correction" if again else "backfill", "reason": "Rà soát lại số liệu", "prepared_by": "An",
                "approved_by": "Bình", "prepared_at": "2026-02-01T08:00:00+07:00", "approved_at": "2026-02-01T09:00:00+07:00",
                "revises": "yes" if again else "", "demonstration": "yes" if self.rng.random() < 0.1 else ""}
        self.agent.submit(csv_text(*rows, base=base))
        self.reports += 1
        self.stated |= {(*figure, period) for figure in figures}

    def figure(self, area, code, again):
        rng, how = self.rng, (INDICATORS | OF_COMMUNES)[code]
        row = {"indicator": code, "ref_area": area, "unit": how[1], "unit_mult": "0"}
        if again and rng.random() < 0.15:
            return row | {"action": "withdraw", "value": "", "obs_status": "", "unit": "", "unit_mult": ""}
        if rng.random() < 0.06:
            return row | {"obs_status": "M", "missing_reason": rng.choice(("not_applicable", "late", "not_collected"))}
        row |= {"obs_status": rng.choice("AAAAAPEB"),
                "qualifier": rng.choices(("exact", "at_least", "more_than", "at_most", "approx"), (8, 1, 1, 1, 1))[0]}
        if rng.random() < 0.1:
            row |= {"justification_code": "verified_at_source", "justification": "đã đối chiếu với sổ gốc"}
        if how[4] in ("ratio_of_sums", "distinct_union"):
            bottom = rng.randrange(2000, 4000)
            return row | {"numerator": str(rng.randrange(1, bottom)), "denominator": str(bottom)}
        value = rng.choices((str(rng.randrange(2000, 3000)), f"{rng.randrange(2000, 3000)}.{rng.randrange(1, 100):02}",
                             str(rng.randrange(90000, 900000)), "999999"), (10, 6, 2, 1))[0]
        return row | {"value": value} | ({"weight": str(rng.randrange(1, 90))} if how[6] == "observation" else {})


class Operator(Racer):
    """Looks at what is held and decides on some of it; another may have been faster."""

    pause_s = 0.6

    def __init__(self, race, seed):
        super().__init__(race, seed)
        self.decided = self.too_late = 0

    def act(self):
        held = [row["id"] for row in self.race.centre.json("quarantine", "list")]
        for figure in self.rng.sample(held[:12], min(len(held), 12, self.rng.randrange(1, 4))):
            done = self.race.centre.tram("quarantine", self.rng.choice(("release", "release", "refuse")), figure, "--reason",
                                         "đã đối chiếu", "--by", self.name, check=False)
            assert done.returncode in (0, 65, 75), done.stderr
            self.decided += done.returncode == 0
            self.too_late += done.returncode == 65


class Reader(Racer):
    """Settles moments and asks what was known at them and at others before them; remembers question and answer."""

    pause_s = 0.2
    most = 150

    def begin(self):
        self.answers, self.known = [], []
        self.auditor, self.reader = self.connect("tram_auditor"), self.connect("tram_reader")

    def act(self):
        settled = self.auditor.execute("SELECT tram.settled_moment(%s)", (self.rng.choice(("0", "1 second")),)).fetchone()[0]
        self.known.append((settled, self.race.known_by(self.auditor, settled)))
        moment = settled if self.rng.random() < 0.6 else self.race.began + self.rng.random() * (settled - self.race.began)
        question = self.race.question(self.rng)
        if len(self.answers) < self.most:
            self.answers.append((question, moment, self.race.ask(self.reader, *question, moment)))


class Follower(Racer):
    """Reads on in what moved of one indicator from where it was the last time."""

    pause_s = 1.0

    def __init__(self, race, indicator, level, period=None):
        super().__init__(race, f"{indicator}-{level}-{period}")
        self.indicator, self.level, self.period = indicator, level, period
        self.cursor, self.since, self.until, self.rows = None, None, None, []

    def begin(self):
        self.reader = self.connect("tram_reader")

    def act(self):
        self.read_on(self.reader)

    def read_on(self, db):
        """Whether there is more already."""
        since, until, self.cursor, more = db.execute(
            "SELECT since, until, next, more FROM tram.changes_page(%s, %s, %s, NULL, %s)",
            (self.cursor, self.indicator, self.level, self.period)).fetchone()
        assert self.until in (None, since), "it does not go on where it ended"
        self.since, self.until = self.since or since, until
        rows = self.changes(db, since, until)
        assert all(since < row["moment"] <= until for row in rows)
        self.rows += rows
        return more


    def changes(self, db, since, until):
        return db.cursor(row_factory=psycopg.rows.dict_row).execute(
            "SELECT * FROM tram.changes(%s, %s, %s, %s, NULL, %s)", (since, until, self.indicator, self.level, self.period)).fetchall()


class Inspector(Racer):
    """Looks at subtotals and at history in one snapshot, all the while, and settles moments by a clock that is ahead."""

    pause_s = 1.0

    def begin(self):
        self.looks, self.known = 0, []
        self.auditor = self.connect("postgres")

    def settle_ahead(self):
        with self.auditor.transaction():
            self.auditor.execute("LOCK TABLE tram.settling IN EXCLUSIVE MODE")
            moment = self.auditor.execute(
                "SELECT timestamptz 'epoch' + setval('tram.settled', greatest(last_value + 1, (extract(epoch FROM"
                " clock_timestamp()) * 1000000)::bigint + 1000000)) * interval '1 microsecond' FROM tram.settled").fetchone()[0]
        self.known.append((moment, self.race.known_by(self.auditor, moment)))

    def act(self):
        self.settle_ahead()
        with self.auditor.transaction():
            self.auditor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            wrong = self.race.wrong_subtotals(self.auditor)
        assert not wrong, f"TRAM_TEST_SEED={self.race.seed}; stored and recounted: {wrong}"
        self.looks += 1


class Race:
    def __init__(self, seed, centre, agents, catalogue):
        self.seed, self.centre, self.catalogue = seed, centre, catalogue
        self.over = threading.Event()
        self.clerks = [Clerk(self, agent, AGENTS[agent.name]) for agent in agents]
        self.operators = [Operator(self, n) for n in range(2)]
        self.readers = [Reader(self, n) for n in range(2)]
        self.followers = [Follower(self, "race_share", "nation"), Follower(self, "race_mean_by_stock", "region", "2025-Q2"),
                          Follower(self, "race_growth", "nation", "2025-Q1")]
        self.inspectors = [Inspector(self, 0)]
        self.began = centre.value("SELECT clock_timestamp()")

    def run(self, seconds):
        racers = self.clerks + self.operators + self.readers + self.followers + self.inspectors
        with psycopg.connect(self.centre.postgres.conninfo(self.centre.database), autocommit=True) as db:
            for follower in self.followers:
                follower.read_on(db)  # from before the first figure
        for racer in racers:
            racer.start()
        self.over.wait(seconds)
        self.over.set()
        for racer in racers:
            racer.join()
        failures = [racer for racer in racers if racer.failure]
        if failures:
            raise AssertionError(f"{failures[0].name}: {failures[0].failure}") from failures[0].failure

    def history(self, db):
        return History(db, self.catalogue.catalogue, self.catalogue.registry)

    @staticmethod
    def known_by(db, moment):
        """So many figures and decisions are known at a moment."""
        return db.execute("SELECT (SELECT count(*) FROM tram.observation WHERE known_at <= %(at)s),"
                          " (SELECT count(*) FROM tram.decision WHERE decided_at <= %(at)s)", {"at": moment}).fetchone()

    def wrong_subtotals(self, db):
        """{(province, indicator, period): (stored, recounted)} of those that differ."""
        stored, recounted = stored_subtotals(db), self.history(db).subtotals()
        return {key: (stored.get(key), recounted.get(key)) for key in stored.keys() | recounted.keys()
                if stored.get(key) != recounted.get(key)}

    @staticmethod
    def question(rng, indicator=None):
        """(indicator, period, level, boundary)"""
        if not indicator and rng.random() < 0.2:
            period = rng.choice(STATED["M"])
            return (rng.choice(list(OF_COMMUNES)), period, rng.choice(("nation", "region", "province")),
                    rng.choice((None, "34", vintage_of(period))))
        period, indicator = rng.choice(ASKED), indicator or rng.choice(list(INDICATORS))
        boundary = rng.choice((None, "34", "63") if vintage_of(period) == "63" else (None, "34"))
        national = INDICATORS[indicator][4] in ("national_only", "distinct_union")
        return indicator, period, "nation" if national else rng.choice(("nation", "region", "province")), boundary

    @staticmethod
    def ask(db, indicator, period, level, boundary, moment):
        rows = db.cursor(row_factory=psycopg.rows.dict_row).execute(
            "SELECT * FROM tram.rollup(%s, %s, %s, %s, %s)", (indicator, period, level, boundary, moment))
        return {row["area"]: row for row in rows}
