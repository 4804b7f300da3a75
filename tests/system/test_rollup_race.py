# SPDX-License-Identifier: Apache-2.0
"""
Four lanes, nine agents, two operators and readers at once, on few figures: what anybody is told of a roll-up at any moment is
exactly what follows from what is stored, and stays so.

    TRAM_RACE_SECONDS=300 TRAM_TEST_SEED=1 /usr/bin/python3 -m pytest tests/system/test_rollup_race.py
"""

import datetime as dt
import os
import random
from fractions import Fraction

import psycopg
import pytest

import race
from rollup_oracle import FOREVER, fraction
from tramtest import wait_until

SEED = int(os.environ.get("TRAM_TEST_SEED", "20260712"))  # the same every time: what fails, fails again
SECONDS = int(os.environ.get("TRAM_RACE_SECONDS", 60))
LEVELS = ("nation", "region", "province")
EXACT = ("areas_reporting", "areas_expected", "held", "obs_status", "qualifier", "demonstration", "finality", "parts_reporting",
         "parts_expected", "missing")


@pytest.fixture
def ran(fleet, folder):
    """A race that is over: every report has its verdict, and nobody acts any more."""
    print(f"TRAM_TEST_SEED={SEED}")
    centre = fleet.centre(lanes="4", liveness="2s")
    catalogue = race.Catalogue(folder / "files")
    centre.tram("catalogue", "load", catalogue.folder)
    agents = [fleet.agent(centre, name) for name in race.AGENTS]
    for agent in agents:
        wait_until(lambda agent=agent: int(agent.json("status")["catalogue_version"]) == 2, f"the codes at {agent.name}")
    made = race.Race(SEED, centre, agents, catalogue)
    made.run(SECONDS)
    for clerk in made.clerks:
        if clerk.reports:
            clerk.agent.wait_for_verdicts(clerk.reports)
    return made


class Judge:
    """Compares answers with the recomputation; says seed, question, moment and both figures."""

    def __init__(self, ran, db):
        self.ran, self.db, self.history, self.asked = ran, db, ran.history(db), 0

    def close(self, told, exact, about):
        if told is None or exact is None:
            assert told is None and exact is None, f"told {told}, recomputed {exact}: {about}"
        else:
            assert abs(Fraction(told) - exact) <= abs(exact) / 10**13 + Fraction(1, 10**13), f"told {told}, recomputed {exact}: {about}"

    def compare(self, question, moment, told):
        indicator, period, level, boundary = question
        in_force = race.vintage_of(period)
        about = f"TRAM_TEST_SEED={SEED}, {question} as of {moment}"
        if indicator in race.OF_COMMUNES:
            self.compare_communes(told, self.history.of_communes(indicator, period, level, boundary or in_force, moment), about)
            return
        recomputed = self.history.rollup(indicator, period, level, boundary or in_force, moment)
        assert set(told) == set(recomputed), about
        for area, exact in recomputed.items():
            self.compare_row(indicator, told[area], exact, f"{area}: {about}")
        self.asked += 1

    def compare_row(self, indicator, told, exact, about):
        for column in EXACT:
            if column in exact:
                assert told[column] == exact[column], f"{column}: told {told[column]}, recomputed {exact[column]}: {about}"
        if self.history.indicators[indicator][2:4] in (("sum", "sum"), ("sum", "last"), ("sum", "min"), ("sum", "max")):
            assert fraction(told["value"]) == exact["value"], f"told {told['value']}, recomputed {exact['value']}: {about}"
        self.close(told["value"], exact["value"], about)
        self.close(told["coverage_weight"], exact["coverage_weight"], f"coverage: {about}")
        low, high, basis = exact["interval"] or (None, None, "")
        assert told["interval_basis"] == basis, f"told {told['interval_basis']}, recomputed {basis}: {about}"
        self.close(told["interval_low"], low, f"low: {about}")
        self.close(told["interval_high"], high, f"high: {about}")

    def compare_communes(self, told, recomputed, about):
        for area, exact in recomputed.items():
            for column in ("areas_reporting", "areas_expected", "held", "demonstration"):
                assert told[area][column] == exact[column], (
                    f"{column} of {area}: told {told[area][column]}, recomputed {exact[column]}: {about}")
            for column in ("value", "coverage_weight"):
                self.close(told[area][column], exact[column], f"{column} of {area}: {about}")
        assert all(row["value"] is None and not row["held"] for area, row in told.items() if area not in recomputed), about
        self.asked += 1

    def check(self, question, moment):
        self.compare(question, moment, self.ran.ask(self.db, *question, moment))

    def everything_now(self, rng, share):
        for indicator, how in race.INDICATORS.items():
            for period in race.ASKED:
                for level in LEVELS if how[4] not in ("national_only", "distinct_union") else LEVELS[:1]:
                    for boundary in ("63", "34") if race.vintage_of(period) == "63" else ("34",):
                        if rng.random() < share:
                            self.check((indicator, period, level, boundary), FOREVER)

    def communes_now(self, rng):
        """From what is kept of them, and from history."""
        for indicator in race.OF_COMMUNES:
            for period in rng.sample(race.STATED["M"], 4):
                for level in LEVELS:
                    for boundary in {race.vintage_of(period), "34"}:
                        self.check((indicator, period, level, boundary), FOREVER)
                        self.compare((indicator, period, level, boundary), FOREVER, self.ran.ask(
                            self.db, indicator, period, level, boundary, max(self.history.moments)))

    def past_moments(self, rng, count):
        """Moments at which something happened, just before them, and between."""
        moments = sorted(self.history.moments)
        for _ in range(count):
            moment = rng.choice(moments) - dt.timedelta(microseconds=rng.choice((0, 0, 1, rng.randrange(10**6))))
            for _ in range(4):
                self.check(self.ran.question(rng), moment)

    def answers_are_kept(self, rng, recomputed):
        """What was told at a settled moment, or at one before, is told for ever."""
        for moment, known in (look for racer in self.ran.readers + self.ran.inspectors for look in racer.known):
            now = self.ran.known_by(self.db, moment)
            assert now == known, f"TRAM_TEST_SEED={SEED}, at {moment}, which was settled: {known} were known, now {now} are"
        answers = [answer for reader in self.ran.readers for answer in reader.answers]
        for question, moment, told in answers:
            again = self.ran.ask(self.db, *question, moment)
            assert again == told, f"TRAM_TEST_SEED={SEED}, {question} as of {moment}: told {told}, now {again}"
        for question, moment, told in rng.sample(answers, min(recomputed, len(answers))):
            self.compare(question, moment, told)
        return len(answers)

    # ------------------------------------------------------------ changes

    def changes_add_up(self, follower, rng, moments):
        """Nothing twice, each begins where the last one ended, and they are all that happened."""
        about = f"TRAM_TEST_SEED={SEED}, changes of {follower.indicator}, {follower.level}"
        told = [(row["moment"], row["time_period"], row["area"]) for row in follower.rows]
        assert len(set(told)) == len(told), about
        assert told, about
        cursor = self.db.cursor(row_factory=psycopg.rows.dict_row)
        order = lambda row: (row["moment"], row["time_period"], row["area"])  # noqa: E731
        whole = [row for period in {row["time_period"] for row in follower.rows} for row in cursor.execute(
            "SELECT * FROM tram.changes(%s, %s, %s, %s, NULL, %s)", (
                follower.since, follower.until, follower.indicator, follower.level, period))]
        assert sorted(follower.rows, key=order) == sorted(whole, key=order), about
        series = {}
        for row in sorted(follower.rows, key=lambda row: row["moment"]):
            series.setdefault((row["time_period"], row["area"]), []).append(row)
        for (period, area), rows in series.items():
            where = f"{area} {period}: {about}"
            for before, after in zip(rows, rows[1:]):
                assert before["value_after"] == after["value_before"], f"{before['moment']}, {after['moment']}: {where}"
                assert before["held_after"] == after["held_before"], where
        periods = sorted({period for period, _ in series})
        for period in rng.sample(periods, min(3, len(periods))):
            self.nothing_is_left_out(follower, period, series, moments, rng)

    def nothing_is_left_out(self, follower, period, series, moments, rng):
        """Between what is told nothing moved: at moments that are drawn, the recomputation says what the last change said."""
        for moment in rng.sample(sorted(self.history.moments), min(moments, len(self.history.moments))):
            recomputed = self.history.rollup(follower.indicator, period, follower.level, race.vintage_of(period), moment)
            for area, exact in recomputed.items():
                last = [row for row in series.get((period, area), []) if row["moment"] <= moment]
                about = f"TRAM_TEST_SEED={SEED}, {follower.indicator} {period} {area} at {moment}"
                value, held = (last[-1]["value_after"], last[-1]["held_after"]) if last else (None, 0)
                self.close(value, exact["value"], f"by changes: {about}")
                assert held == exact["held"], f"held by changes {held}, recomputed {exact['held']}: {about}"


@pytest.mark.slow
def test_every_rollup_is_what_is_stored(ran):
    rng = random.Random(SEED)
    centre = ran.centre
    with psycopg.connect(centre.postgres.conninfo(centre.database), autocommit=True) as db:
        settled = db.execute("SELECT tram.settled_moment()").fetchone()[0]
        judge = Judge(ran, db)
        outcomes = dict(db.execute("SELECT outcome, count(*) FROM tram.observation GROUP BY 1").fetchall())
        assert {1, 2, 3} <= outcomes.keys(), outcomes
        assert max(judge.history.moments) <= settled
        judge.everything_now(rng, 0.25)
        judge.communes_now(rng)
        judge.past_moments(rng, 25)
        kept = judge.answers_are_kept(rng, 40)
        assert ran.wrong_subtotals(db) == {}
        for follower in ran.followers:
            while follower.read_on(db):
                pass
            judge.changes_add_up(follower, rng, 15)
        assert centre.tram("verify", check=False).returncode == 0
        print(f"{sum(clerk.reports for clerk in ran.clerks)} reports, figures by outcome {outcomes},"
              f" {sum(o.decided for o in ran.operators)} decisions, {sum(o.too_late for o in ran.operators)} too late,"
              f" {judge.asked} roll-ups recomputed, {kept} answers kept, {sum(len(f.rows) for f in ran.followers)} changes,"
              f" {sum(i.looks for i in ran.inspectors)} looks at subtotals")
