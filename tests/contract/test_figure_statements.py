#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""
What tram.explained_figures() and tram.explained_contributions() say of a figure, as the statement of a proof: `tram verify --proof`
and the verifier of tests/interop, which add it up each in its own way, come to what the roll-up says. The history is that of
test_rollup_time.py: every method and way over time, merged provinces, any moment. No report stands behind it, so the proofs hold
up to their statement, and what the real program must name is the first report that is missing.

Run by: tests/contract/with-postgres tests/contract/test_figure_statements.py BIN
"""

import datetime as dt
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import unittest

import psycopg
import test_rollup_time as over_time
from test_rollup import FOREVER, NOW, ROOT, connect, load_registry, make_schema

sys.path.insert(0, str(ROOT / "tests" / "interop"))

from figure_file import FigureChecker, NotProven, order  # noqa: E402
from roadbook import Keys, blake2b  # noqa: E402

BIN = pathlib.Path(sys.argv.pop(1) if len(sys.argv) > 1 else ROOT / "build/dev/bin")
QUESTIONS = 2  # of each indicator
COLUMNS = ("node, how, over_time, leaf, mean_weight, weighed_over, weighed_leaf, node_indicator, node_period, top, bottom, " +
           ", ".join(f"(r).{name}" for name in ("value", "numerator", "denominator", "boundary", "areas_reporting", "areas_expected",
                                                "parts_reporting", "parts_expected", "held", "coverage_weight", "finality")))


def text(value):
    return "-" if value in (None, "") else f"{value:f}" if hasattr(value, "as_tuple") else str(value)


class StatementTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        print(f"TRAM_TEST_SEED={over_time.SEED}", file=sys.stderr)
        cls.rng = random.Random(over_time.SEED)
        cls.db = connect()
        make_schema(cls.db)
        areas = load_registry(cls.db)
        over_time.TimeTest.load_catalogue.__func__(cls)
        over_time.History(cls.db, cls.rng, areas)
        cls.db.execute("ANALYZE")
        cls.centre = Keys.make("centre")
        cls.folder = tempfile.TemporaryDirectory()
        cls.centre.write(pathlib.Path(cls.folder.name) / "centre.key")

    @classmethod
    def tearDownClass(cls):
        cls.db.close()
        cls.folder.cleanup()

    def rows(self, columns, function, *question):
        cursor = self.db.cursor(row_factory=psycopg.rows.dict_row)
        return cursor.execute(f"SELECT {columns} FROM tram.{function}(%s, %s, %s, %s, %s, %s)", question).fetchall()

    def items(self, node, level, area, boundary, as_of):
        found = []
        for c in self.rows("*", "explained_contributions", node["node_indicator"], node["node_period"], level, area, boundary, as_of):
            line = (f"item {c['part']} {c['contribution_area']} {c['counts_for']} {c['time_period']} {c['state']}"
                    f" {-1 if c['revision'] is None else c['revision']} {c['leaves']} {text(c['value'])} {text(c['numerator'])}"
                    f" {text(c['denominator'])} {text(c['weight'])} {text(c['population'])}")
            key = type("Item", (), {"part": c["part"], "area": c["contribution_area"], "period": c["time_period"], "state": c["state"],
                                    "revision": -1 if c["revision"] is None else c["revision"]})
            at = [f"at agent-x {'00' * 16} 1 1"] if c["state"] in ("counts", "not_applicable") else []
            found.append((order(key), [line, *at]))
        return [line for _, lines in sorted(found) for line in lines]

    def statement(self, indicator, period, level, area, boundary, as_of):
        nodes = self.rows(COLUMNS, "explained_figures", indicator, period, level, area, boundary, as_of)
        vintage = nodes[0]["boundary"] if nodes else None
        lines = ["tram-figure-v1", "known 0", "stated 0", "catalogue 3"]
        for n in nodes:
            weighed = n["mean_weight"] if n["how"] == "mean" else ""
            unit = over_time.INDICATORS[n["node_indicator"]][1]
            lines += [f"figure {n['node_indicator']} {n['node_period']} {level} {area} {vintage} {n['how']} {n['over_time']}"
                      f" {text(n['leaf'])} {unit} {text(weighed)} {n['weighed_over']}"
                      f" {text(n['weighed_leaf'])}",
                      f"is {text(n['value'])} {text(n['numerator'])} {text(n['denominator'])}",
                      f"covers {n['areas_reporting'] or 0} {n['areas_expected'] or 0} {n['parts_reporting'] or 0}"
                      f" {n['parts_expected'] or 0} {n['held'] or 0} {text(n['coverage_weight'])}",
                      f"says {n['finality'] or 'provisional'} - - - -"]
            lines += [f"from {n['top']} {n['bottom']}"] if n["top"] else self.items(n, level, area, vintage, as_of)
        content = "".join(line + "\n" for line in lines).encode()
        signature = self.centre.sign(b"tram-figure-v1" + blake2b(content))
        content += f"signed {self.centre.key_id.hex()} {signature.hex()}\n".encode()
        return bool(nodes), content + f"sum {blake2b(content).hex()}\n".encode()

    def by_the_program(self, data):
        path = pathlib.Path(self.folder.name) / "proof"
        path.write_bytes(data)
        done = subprocess.run([BIN / "tram", "verify", "--proof", path, "--key", path.with_name("centre.pub")],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=dict(os.environ, TRAM_LANG="en"))
        said = done.stdout.decode()
        return done.returncode == 0 or "comes from is missing" in said, said

    def assert_adds_up(self, *question):
        try:
            there, data = self.statement(*question)
        except psycopg.errors.InvalidParameterValue as refusal:
            self.assertIn("has no figure of", str(refusal))
            self.assertIn(over_time.INDICATORS[question[0]][2], over_time.AS_STATED)
            return 0
        if not there:
            return 0
        with self.subTest(question=question):
            checker = FigureChecker(data, [self.centre])
            try:
                checker.statement()
            except NotProven as error:
                self.fail(f"{error}\n{data.decode()}")
            fine, said = self.by_the_program(data)
            self.assertTrue(fine, f"{said}\n{data.decode()}")
        return 1

    def question(self, indicator):
        period = self.rng.choice(over_time.TimeTest.periods_of(indicator))
        in_force = "63" if str(over_time.last_day(period)) < "2025-07-01" else "34"
        boundary = self.rng.choice((in_force, "34"))
        level = "nation" if over_time.INDICATORS[indicator][0] == "centre" else self.rng.choice(("nation", "nation", "region", "province"))
        areas = [row[0] for row in self.db.execute("SELECT DISTINCT area FROM tram.area WHERE level = %s AND vintage = %s ORDER BY 1",
                                                   (level, boundary))]
        as_of = self.rng.choice((FOREVER, NOW - dt.timedelta(days=self.rng.randrange(0, 420))))
        return indicator, period, level, self.rng.choice(areas) if level != "nation" else "VN", boundary, as_of

    def test_every_figure_adds_up(self):
        asked = 0
        for indicator in over_time.INDICATORS:
            for period in ("2024", "2025"):  # of parts, with and without a merger
                asked += self.assert_adds_up(indicator, period, "nation", "VN", None, FOREVER)
            asked += sum(self.assert_adds_up(*self.question(indicator)) for _ in range(QUESTIONS))
        self.assertGreater(asked, 2 * len(over_time.INDICATORS))


if __name__ == "__main__":
    unittest.main()
