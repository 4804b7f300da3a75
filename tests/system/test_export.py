# SPDX-License-Identifier: Apache-2.0
"""What the centre writes as SDMX-CSV of a province's figures, the province's own tram reads: the same figures, to the last digit."""

import csv
import io
import json

from tramtest import POPULATION, REPORT, csv_text

LAND = {"indicator": "land_area", "ref_area": "63/46", "value": "4947.1", "unit": "km2", "unit_mult": "0", "obs_status": "A",
            "qualifier": "exact", "source_system": "population_db"}
OPTIONS = ("--from", "sdmx-csv", "--reference-date", "2024-12-31", "--prepared-by", "Nguyễn Văn An", "--approved-by", "Trần Thị Bình")
BACKFILL = ("--purpose", "backfill", "--reason", REPORT["reason"])


def exported(centre, *words):
    return centre.tram("rollup", *words, "--level", "province", "--format", "sdmx-csv").stdout


def differences(agent, text, *options, status=0):
    done = agent.tram("check", agent.file(text, "exported.csv"), *OPTIONS, *options, "--format", "json", check=False)
    assert done.returncode == status, done.stdout + done.stderr
    return [d for verdict in json.loads(done.stdout)["verdicts"] for d in verdict["differences"]]


def test_a_province_reads_its_own_figures_back(agent, centre):
    agent.submit(csv_text(POPULATION, LAND))
    agent.wait_for_verdicts(1)
    text = exported(centre)
    rows = list(csv.DictReader(io.StringIO(text)))
    assert sorted((r["INDICATOR"], r["REF_AREA"], r["OBS_VALUE"]) for r in rows if r["OBS_VALUE"]) == [
        ("land_area", "63/46", "4947.1"), ("population", "63/46", "1178600")]
    stated = [row for row in rows if row["INDICATOR"] in ("population", "land_area")]
    out = io.StringIO()
    writer = csv.DictWriter(out, rows[0], lineterminator="\n")
    writer.writeheader()
    writer.writerows(stated)
    assert sorted((d["indicator"], d["change"]) for d in differences(agent, out.getvalue(), *BACKFILL)) == [
        ("land_area", "same"), ("population", "same")]
    changed = out.getvalue().replace("1178600", "1178601")
    (difference,) = (d for d in differences(agent, changed, "--revise", REPORT["reason"])
                     if d["change"] != "same")
    assert (difference["indicator"], difference["stored"]["value"]) == ("population", "1178600")
