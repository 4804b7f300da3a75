# SPDX-License-Identifier: Apache-2.0
"""
The foreign client of tests/interop, written from PROTOCOL.md alone, as its own program against the real aggregator: keys, a
report handed in, its verdict, the centre's signature, a check, the codebook, and a second start that resumes.
"""

import json
import subprocess
import sys

import pytest

from tramtest import ROOT

CLIENT = ROOT / "tests" / "interop" / "client.py"
NAME = "agent-63-46"

REPORT = {
    "provider": "P63-46", "dataflow": "province_statistics", "time_period": "2024", "reference_date": "2024-12-31",
    "purpose": "PURPOSE_BACKFILL", "reason": "Nạp số liệu năm 2024", "prepared_by": "Nguyễn Văn An",
    "prepared_at": "2025-02-01T08:00:00+07:00", "approved_by": "Trần Thị Bình", "approved_at": "2025-02-01T09:00:00+07:00",
    "software": "the foreign client",
}
POPULATION = {"indicator": "population", "ref_area": "63/46", "value": {"mantissa": "1178600"}, "unit": "person",
              "obs_status": "OBSERVATION_STATUS_NORMAL", "qualifier": "QUALIFIER_EXACT", "source_system": "population_db"}


class Foreign:
    def __init__(self, folder, centre):
        self.folder, self.centre = folder, centre
        self.run("make-keys", NAME, folder)
        centre.tram("agents", "accept", folder / f"{NAME}.pub")

    def run(self, *words):
        done = subprocess.run([sys.executable, str(CLIENT), *map(str, words)], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, timeout=60)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def say(self, *words):
        return json.loads(self.run("--centre", f"tcp://127.0.0.1:{self.centre.port}", "--centre-key",
                                   self.centre.key.with_suffix(".pub"), "--key", self.folder / f"{NAME}.key",
                                   "--stream", self.folder / "stream", *words))

    def file(self, *observations, **report):
        path = self.folder / "report.json"
        path.write_text(json.dumps(REPORT | report | {"observations": observations}), encoding="utf-8")
        return path


@pytest.fixture
def foreign(centre, tmp_path):
    return Foreign(tmp_path, centre)


def test_hands_in_and_resumes(foreign):
    verdict = foreign.say("submit", foreign.file(POPULATION))
    assert verdict["outcomes"] in (["OUTCOME_ACCEPTED"], ["OUTCOME_ACCEPTED_WITH_WARNINGS"]), verdict
    assert [word["code"] for word in verdict["words"]][:4] == ["dung", "du", "sach", "song"]
    assert foreign.centre.sql("SELECT value FROM tram.observation_current WHERE indicator = 'population'")[0][0] == 1178600
    again = foreign.say("submit", foreign.file(POPULATION))
    assert (again["seq"], again["verdict_seq"], again["outcomes"]) == ("2", "2", ["OUTCOME_DUPLICATE"])
    assert foreign.centre.value("SELECT seq FROM tram.stream") == 2


def test_checks_without_storing(foreign):
    verdict = foreign.say("check", foreign.file(POPULATION | {"value": {"mantissa": "11786005", "scale": 1}}))
    assert verdict["outcomes"] == ["OUTCOME_REFUSED"] and "verdict_seq" not in verdict
    assert any(finding["field"] == "value" and finding["remedy_vi"] for finding in verdict["findings"])
    assert foreign.centre.value("SELECT count(*) FROM tram.report") == 0


def test_reads_the_codebook(foreign):
    book = foreign.say("codebook")
    assert "population" in [indicator["code"] for indicator in book["indicators"]]
    assert [provider["code"] for provider in book["providers"]] == ["P63-46"]
