# SPDX-License-Identifier: Apache-2.0
"""`tram check`: judged by the centre with the full rules, nothing stored, and beside what is stored already."""

import json

from tramtest import POPULATION, REPORT, csv_text

AREA = {"indicator": "land_area", "ref_area": "63/46", "value": "1586.4", "unit": "km2", "unit_mult": "0", "obs_status": "A",
        "qualifier": "exact", "source_system": "population_db"}
REVISED = {"purpose": "correction", "revises": "yes", "reason": "Đính chính số liệu"}


def check(agent, *observations, status=0, language="en", **report):
    path = agent.file(csv_text(*observations, **report), "checked.csv")
    done = agent.tram("check", path, "--format", "json", check=False)
    assert done.returncode == status, done.stdout + done.stderr
    shown = agent.tram("check", path, check=False, language=language)
    assert shown.returncode == status
    return json.loads(done.stdout)["verdicts"], shown.stdout


def test_beside_what_is_stored(agent, centre):
    agent.submit(csv_text(POPULATION))
    agent.wait_for_verdicts(1)
    ((verdict,), shown) = check(agent, POPULATION | {"value": "1.1787", "unit_mult": "6"}, AREA, **REVISED)
    changed, new = verdict["differences"]
    assert (changed["observation"], changed["indicator"], changed["change"]) == (1, "population", "changed")
    assert changed["stated"] == {"value": "1178700"}
    assert changed["stored"]["value"] == "1178600" and changed["stored"]["revision"] == 0
    assert changed["stored"]["outcome"].startswith("accepted") and not changed["stored"]["withdrawn"]
    assert (new["change"], "stored" in new) == ("new", False)
    assert "1 new, 0 the same, 1 changed" in shown and "from 1178600 to 1178700" in shown
    assert "revision 0" in shown
    ((verdict,), shown) = check(agent, POPULATION)
    assert [d["change"] for d in verdict["differences"]] == ["same"] and "from" not in shown
    assert centre.value("SELECT count(*) FROM tram.report") == 1
    assert len(agent.outbox()) == 1


def test_what_is_held_is_said_to_be(agent, centre):
    agent.submit(csv_text(POPULATION | {"value": "999999"}))
    assert agent.wait_for_verdicts(1)[0]["held"] == 1
    ((verdict,), shown) = check(agent, POPULATION, language="vi", **REVISED)
    (difference,) = verdict["differences"]
    assert (difference["change"], difference["stored"]["outcome"]) == ("changed", "held")
    assert "999999" in shown and "1178600" in shown


def test_a_file_of_many_reports(agent, centre):
    agent.submit(csv_text(POPULATION))
    agent.wait_for_verdicts(1)
    years = [REPORT | POPULATION | {"time_period": str(year), "reference_date": f"{year}-12-31"} for year in (2022, 2023, 2024)]
    verdicts, shown = check(agent, *years)
    assert [v["differences"][0]["change"] for v in sorted(verdicts, key=lambda v: v["time_period"])] == ["new", "new", "same"]
    assert shown.count("beside what is stored") == 3
    assert centre.value("SELECT count(*) FROM tram.report") == 1


def test_the_full_rules_judge(agent, centre):
    """One that needs the past: a figure that jumps is asked why, as it would be when handed in."""
    agent.submit(csv_text(POPULATION))
    agent.wait_for_verdicts(1)
    ((verdict,), shown) = check(agent, POPULATION | {"value": "1178601"}, status=65)
    assert verdict["refused"] == 1 and "SACH-02" in shown
    assert verdict["differences"][0]["change"] == "changed"


def test_offline_it_is_a_temporary_failure(agent, centre):
    centre.daemon.stop()
    done = agent.tram("check", agent.file(csv_text(POPULATION)), check=False)
    assert done.returncode == 75 and "could not be checked" in done.stderr
    assert agent.outbox() == []
