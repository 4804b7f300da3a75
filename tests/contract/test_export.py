#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""
What tram rollup writes for other programs, read back by readers that are not ours (Python's csv and json, python3-jsonschema,
the OpenMetrics parser of python3-prometheus-client) and by the formats' own documents, and compared with the store, digit by digit.

The schema beside this file is ours; TRAM_SDMX_JSON_SCHEMA=FILE has messages validated against the published one too.

Run by: tests/contract/with-postgres tests/contract/test_export.py FOLDER-OF-PROGRAMS
"""

import csv
import io
import json
import os
import re
import unittest
from decimal import Decimal

import jsonschema
import psycopg
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from demonstration_store import ROOT, DemonstrationTest, conninfo, tram

SCHEMAS = [ROOT / "tests/contract/sdmx_json_data.schema.json"] + [f for f in [os.environ.get("TRAM_SDMX_JSON_SCHEMA")] if f]
STATUSES = {"A", "B", "E", "F", "I", "M", "O", "P"}  # of CL_OBS_STATUS, those that Trạm has
MEASURES = {"OBS_VALUE": "value", "NUMERATOR": "numerator", "DENOMINATOR": "denominator"}
QUESTIONS = {"nation": ((None, None, "nation", None),),
             "region": (("population", "2024", "region", None),),
             "province": tuple((i, "2024", "province", b) for b in ("63", "34") for i in ("population", "population_density"))}


def options(question):
    words = ("", "--period", "--level", "--boundary")
    return [w for word, value in zip(words, question) if value for w in (word, value) if w]


def no_numbers(text):
    raise AssertionError(f"{text} is a number that a reader may make binary")


def read_sdmx_csv(text):
    """By the field guide of SDMX-CSV 2.0: a list of rows, each a dictionary of what is not empty."""
    lines = list(csv.reader(io.StringIO(text), strict=True))
    head, rows = lines[0], lines[1:]
    assert head[:3] == ["STRUCTURE", "STRUCTURE_ID", "ACTION"], head
    assert len(set(head)) == len(head)
    assert all(len(row) == len(head) for row in rows)
    assert {row[0] for row in rows} == {"dataflow"} and {row[2] for row in rows} == {"I"}
    return [{k: v for k, v in zip(head, row) if v != ""} for row in rows]


def resolve(component, value):
    """A cell of a data set: an index where the component lists its values, else the value itself."""
    if value is None or "values" not in component:
        return value
    entry = component["values"][value]
    return entry.get("id", entry.get("value"))


def read_sdmx_json(text):
    """By the field guide of SDMX-JSON 2.0: the same as of SDMX-CSV, each with its dataflow."""
    message = json.loads(text, parse_float=no_numbers, parse_constant=no_numbers)
    for name in SCHEMAS:
        with open(name, encoding="utf-8") as f:
            jsonschema.validate(message, json.load(f), format_checker=jsonschema.FormatChecker())
    structures, sets = message["data"]["structures"], message["data"]["dataSets"]
    assert sorted(i for s in structures for i in s["dataSets"]) == list(range(len(sets)))
    rows = []
    for number, data in enumerate(sets):
        structure = structures[data["structure"]]
        assert number in structure["dataSets"] and structure["links"] == data["links"]
        dimensions = structure["dimensions"]["observation"]
        assert [d["keyPosition"] for d in dimensions] == list(range(len(dimensions)))
        cells = structure["measures"]["observation"] + structure["attributes"]["observation"]
        for key, values in data["observations"].items():
            assert len(values) == len(cells)
            row = {d["id"]: resolve(d, int(index)) for d, index in zip(dimensions, key.split(":"), strict=True)}
            row |= {c["id"]: resolve(c, v) for c, v in zip(cells, values, strict=True)}
            row["STRUCTURE_ID"] = data["links"][0]["urn"].partition("=")[2]
            rows.append({k: v for k, v in row.items() if v is not None})
    return message, rows


def as_csv(value):
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value)


class ExportTest(DemonstrationTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        with psycopg.connect(conninfo("postgres")) as db:  # two provinces are missing: coverage, intervals, statuses
            db.execute("UPDATE tram.observation SET outcome = 4 WHERE area_no IN (SELECT area_no FROM tram.area_number"
                       " WHERE area IN ('63/01', '63/79')) AND key >> 44 = (SELECT series_no FROM tram.series"
                       " WHERE indicator = 'population')")

    def stored(self, level):
        """What the store itself says, by dataflow, indicator, area and period."""
        found = {}
        for indicator, period, _level, boundary in QUESTIONS[level]:
            rows = self.db.execute(
                "SELECT i.dataflow, r.* FROM (SELECT indicator, tram.period_text(period) AS time_period"
                " FROM tram.indicator_period WHERE %(i)s::text IS NULL OR indicator = %(i)s) q JOIN tram.indicator i USING (indicator)"
                " CROSS JOIN LATERAL tram.rollup(q.indicator, q.time_period, %(level)s, %(boundary)s) r"
                " WHERE (%(period)s::text IS NULL OR q.time_period = %(period)s) AND (r.areas_reporting > 0 OR r.held > 0"
                " OR %(i)s::text IS NOT NULL)",
                {"i": indicator, "period": period, "level": level, "boundary": boundary})
            names = [column.name for column in rows.description]
            for row in rows:
                fields = dict(zip(names, row))
                key = (fields["indicator"], fields["area"], fields["time_period"])
                self.assertNotIn(key, found, "an area means two things")
                found[key] = fields
        return found

    def exported(self, level, name, *more):
        return [tram("rollup", *options(q), "--format", name, *more) for q in QUESTIONS[level]]

    def check_figures(self, rows, level):
        """Every figure, digit by digit; all that the store has, and nothing else."""
        stored = self.stored(level)
        self.assertEqual(len(rows), len(stored))
        for row in rows:
            fields = stored.pop((row["INDICATOR"], row["REF_AREA"], row["TIME_PERIOD"]))
            for measure, column in MEASURES.items():
                self.assertEqual(row.get(measure), None if fields[column] is None else str(fields[column]), row)
            self.assertEqual(row["STRUCTURE_ID"], f"VN:{fields['dataflow']}(1.0)")
            self.assertIn(row["OBS_STATUS"], STATUSES)
            if fields["obs_status"] != "M":
                self.assertEqual(row["OBS_STATUS"], fields["obs_status"])
            for attribute, column in (("COVERAGE_COUNT", "areas_reporting"), ("COVERAGE_EXPECTED", "areas_expected"),
                                      ("COVERAGE_WEIGHT", "coverage_weight"), ("UNIT_MEASURE", "unit"), ("METHOD", "method"),
                                      ("FINALITY", "finality"), ("BOUNDARY", "boundary"), ("HELD", "held"),
                                      ("INTERVAL_LOW", "interval_low"), ("INTERVAL_HIGH", "interval_high"),
                                      ("VINTAGE", "vintage")):
                self.assertEqual(as_csv(row.get(attribute)), str(fields[column]), (attribute, row))
            self.assertEqual(row.get("QUALIFIER", ""), fields["qualifier"])
            self.assertEqual(row.get("MISSING_AREAS", "").split(), fields["missing"] or [])
            self.assertEqual((as_csv(row["DEMONSTRATION"]), as_csv(row["UNIT_MULT"])), (as_csv(fields["demonstration"]), "0"))
        self.assertEqual(stored, {})

    def test_sdmx_is_what_the_store_says(self):
        """Both formats at every level; and what one says, the other does."""
        for level in QUESTIONS:
            with self.subTest(level):
                flat = [row for text in self.exported(level, "sdmx-csv") for row in read_sdmx_csv(text)]
                self.check_figures(flat, level)
                deep = [row for text in self.exported(level, "sdmx-json") for row in read_sdmx_json(text)[1]]
                self.check_figures(deep, level)
                self.assertEqual([{k: as_csv(v) for k, v in row.items()} for row in deep],
                                 [{k: v for k, v in row.items() if k not in ("STRUCTURE", "ACTION")} for row in flat])

    def test_what_is_missing_shows(self):
        (row,) = read_sdmx_csv(tram("rollup", "population", "--period", "2024", "--format", "sdmx-csv"))
        self.assertEqual((row["COVERAGE_COUNT"], row["COVERAGE_EXPECTED"], row["FINALITY"]), ("61", "63", "provisional"))
        self.assertEqual(row["MISSING_AREAS"], "63/01 63/79")
        (row,) = read_sdmx_csv(tram("rollup", "population", "--period", "2019", "--format", "sdmx-csv"))
        self.assertNotIn("OBS_VALUE", row)
        self.assertEqual(row["OBS_STATUS"], "O")
        _message, (deep,) = read_sdmx_json(tram("rollup", "population", "--period", "2019", "--format", "sdmx-json"))
        self.assertNotIn("OBS_VALUE", deep)

    def test_names_are_in_both_languages(self):
        words = ("rollup", "population", "--period", "2024", "--level", "region", "--format", "sdmx-json")
        for language, name in (("vi", "Đông Nam Bộ"), ("en", "Southeast")):
            message, _rows = read_sdmx_json(tram(*words, language=language))
            self.assertEqual(message["meta"]["contentLanguages"][0], language)
            (structure,) = message["data"]["structures"]
            areas = next(d for d in structure["dimensions"]["observation"] if d["id"] == "REF_AREA")
            southeast = next(v for v in areas["values"] if v["value"] == "63/southeast")
            self.assertEqual((southeast["name"], southeast["names"]), (name, {"vi": "Đông Nam Bộ", "en": "Southeast"}))
            self.assertEqual(structure["name"], structure["names"][language])

    def test_as_of_is_said(self):
        message, (row,) = read_sdmx_json(tram("rollup", "population", "--period", "2024", "--as-of", "2025-01-31T00:00:00Z",
                                              "--format", "sdmx-json"))
        (data,) = message["data"]["dataSets"]
        self.assertEqual((data["validFrom"], data["validTo"]), ("2025-01-31T00:00:00.000000Z",) * 2)
        self.assertEqual((row["OBS_STATUS"], row["COVERAGE_COUNT"]), ("O", 0))

    def test_metrics(self):
        """Newest period of each indicator; every sample is the store's digits; the parser takes the whole text."""
        text = tram("rollup", "--format", "openmetrics")
        families = {f.name: f for f in text_string_to_metric_families(text)}
        self.assertEqual({f.type for f in families.values()}, {"gauge"})
        self.assertEqual(families["tram_figure_coverage_ratio"].unit, "ratio")
        self.assertTrue(all(f.documentation for f in families.values()))
        newest = {}
        for fields in self.stored("nation").values():
            end = self.db.execute("SELECT tram.period_end(tram.period_pack(%s)), tram.period_pack(%s)",
                                  (fields["time_period"],) * 2).fetchone()
            newest[fields["indicator"]] = max(newest.get(fields["indicator"], (None, None)), (end, fields), key=lambda p: p[0] or ())
        digits = {line.rpartition(" ")[2] for line in text.splitlines() if line.startswith("tram_figure{")}
        seen = {s.labels["indicator"]: s for s in families["tram_figure"].samples}
        self.assertEqual(len(seen), len(families["tram_figure"].samples), "more than one period of an indicator")
        for indicator, (_end, fields) in newest.items():
            if fields["value"] is None:
                self.assertNotIn(indicator, seen)
                continue
            sample = seen.pop(indicator)
            self.assertIn(str(fields["value"]), digits)
            self.assertEqual(Decimal(sample.value), Decimal(float(fields["value"])), fields)
            self.assertEqual(sample.labels, {"indicator": indicator, "area": "VN", "period": fields["time_period"],
                                             "boundary": fields["boundary"], "unit": fields["unit"]})
        self.assertEqual(seen, {})
        self.assertEqual(len(families["tram_figure_final"].samples), len(newest))
        finals = {s.labels["indicator"]: s.value for s in families["tram_figure_final"].samples}
        self.assertEqual(finals, {i: float(f["finality"] == "final") for i, (_end, f) in newest.items()})
        every = tram("rollup", "--format", "openmetrics", "--all-periods")
        samples = sum(len(f.samples) for f in text_string_to_metric_families(every) if f.name == "tram_figure_final")
        self.assertEqual(samples, len(self.stored("nation")))

    def test_plain_formats_are_what_the_store_says(self):
        rows = [row for text in self.exported("province", "csv") for row in csv.DictReader(io.StringIO(text), strict=True)]
        objects = [row for text in self.exported("province", "json") for row in json.loads(text, parse_float=Decimal)]
        stored = self.stored("province")
        self.assertEqual(len(rows), len(stored))
        for row, fields in zip(rows, objects, strict=True):
            known = stored.pop((row["indicator"], row["area"], row["time_period"]))
            for column in ("value", "numerator", "denominator"):
                self.assertEqual(row[column] or None, None if known[column] is None else str(known[column]))
                self.assertEqual(fields[column], row[column] or None)

    def test_the_manuals_statements_run(self):
        """Those of tram-sql(7), with a reader's rights."""
        page = (ROOT / "deploy/man/tram-sql.7").read_text(encoding="utf-8")
        statements = [part.strip() for block in re.findall(r"^\.Bd -literal[^\n]*\n(.*?)^\.Ed", page, re.M | re.S)
                      for part in block.split(";") if part.strip()]
        self.assertGreater(len(statements), 3)
        with psycopg.connect(conninfo("tram_reader")) as db:
            for statement in statements:
                self.assertGreater(len(db.execute(statement).fetchall()), 0, statement)

    def test_an_unknown_format_is_refused(self):
        said = tram("rollup", "--format", "xml", status=64)
        self.assertIn("sdmx-json", said)


if __name__ == "__main__":
    unittest.main()
