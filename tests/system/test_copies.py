# SPDX-License-Identifier: Apache-2.0
"""A report that is another province's, with other dates, in another order, rounded; and one that is merely like it."""

import pytest
from tramtest import csv_text, wait_until

REPORT = {
    "dataflow": "public_services_province", "time_period": "2024-S1", "reference_date": "2024-06-30", "purpose": "backfill",
    "reason": "Nạp số liệu", "prepared_by": "Nguyễn Văn An", "approved_by": "Trần Thị Bình",
    "prepared_at": "2025-02-01T08:00:00+07:00", "approved_at": "2025-02-01T09:00:00+07:00",
}
OTHER_DATES = {"prepared_at": "2025-03-03T08:00:00+07:00", "approved_at": "2025-03-04T09:00:00+07:00"}
FIGURES = {"psp_registered_accounts": 415276, "eid_accounts_issued": 873412, "psp_new_accounts": 61843,
           "psp_online_payment_transactions": 128754, "psp_online_payment_value": 93416527000}


def observation(area, indicator, value, mult=0):
    return {"indicator": indicator, "ref_area": area, "value": str(value), "unit_mult": str(mult), "obs_status": "A",
            "qualifier": "exact"}


def report(area, figures=None, **head):
    rows = [observation(area, indicator, value) for indicator, value in (figures or FIGURES).items()]
    return csv_text(*rows, base=REPORT | {"provider": "P" + area.replace("/", "-")}, **head)


def rounded_and_turned_round(area, **head):
    """In thousands with one decimal, the last figure first."""
    rows = [observation(area, indicator, f"{round(value, -2) / 1000:.1f}", 3) for indicator, value in FIGURES.items()]
    return csv_text(*rows[::-1], base=REPORT | {"provider": "P" + area.replace("/", "-")}, **head)


@pytest.fixture
def centre(fleet):
    return fleet.centre(peer_cut_every="100ms")


@pytest.fixture
def agents(fleet, centre):
    """Hue has handed in its own; a cut knows it, and the centre has the cut."""
    hue, hanoi = fleet.agent(centre).wait_for_codes(), fleet.agent(centre, "agent-63-01").wait_for_codes()
    hue.submit(report("63/46"))
    (verdict,) = hue.wait_for_verdicts(1)
    assert (verdict["accepted"] + verdict["warned"], verdict["held"]) == (5, 0), verdict
    wait_for_cut(centre)
    return hue, hanoi


def wait_for_cut(centre):
    """Every verdict is counted, and lanes know it."""
    def known():
        newest = centre.value("SELECT max(cut_no) FROM tram.peer_cut")
        counted = centre.value("SELECT count(*) FROM tram.agent a LEFT JOIN tram.peer_seen s USING (agent_no)"
                               " WHERE a.verdict_seq > coalesce(s.verdict_seq, 0)") == 0
        return counted and newest and int(centre.json("status", "--centre", centre.conf)["peer_cut"]) >= newest
    wait_until(known, "a peer cut")


def findings(verdict, rule):
    return [f for f in verdict["findings"] if f["rule"] == rule]


@pytest.mark.parametrize("head", [OTHER_DATES, OTHER_DATES | {"time_period": "2023-S2", "reference_date": "2023-12-31"}],
                         ids=["same period", "another period"])
def test_a_rounded_copy_of_another_province_is_held(agents, centre, head):
    hanoi = agents[1]
    hanoi.submit(rounded_and_turned_round("63/01", **head))
    (verdict,) = hanoi.wait_for_verdicts(1)
    assert verdict["held"] == 5, verdict
    (finding,) = findings(verdict, "SACH-09")
    assert "P63-46" in finding["found"] and "2024-S1" in finding["found"], finding
    assert centre.value("SELECT count(*) FROM tram.verdict WHERE peer_cut > 0") == 1


def test_what_was_not_accepted_is_nobodys_source(agents, centre):
    """Or who was copied would be asked about its own figures, once the copy lies there, held."""
    hue, hanoi = agents
    doubtful = FIGURES | {"psp_new_accounts": FIGURES["psp_registered_accounts"] + 5}
    other = {"time_period": "2023-S1", "reference_date": "2023-06-30"}
    hue.submit(report("63/46", figures=doubtful, **other))
    assert hue.wait_for_verdicts(2)[-1]["held"] > 0
    wait_for_cut(centre)
    hanoi.submit(report("63/01", figures=doubtful, **other))
    (verdict,) = hanoi.wait_for_verdicts(1)
    assert not findings(verdict, "SACH-09"), verdict


def test_a_similar_report_is_no_copy(agents):
    hanoi = agents[1]
    hanoi.submit(report("63/01", figures=FIGURES | {"psp_new_accounts": 61844}))
    (verdict,) = hanoi.wait_for_verdicts(1)
    assert not findings(verdict, "SACH-09"), verdict
    assert verdict["held"] == 0, verdict


def test_a_copy_that_is_justified_is_taken(agents):
    hanoi = agents[1]
    hanoi.submit(report("63/01", **OTHER_DATES), "--justify", "verified_at_source:Đã đối chiếu với cơ sở dữ liệu của tỉnh, số liệu trùng thật")
    (verdict,) = hanoi.wait_for_verdicts(1)
    assert len(findings(verdict, "SACH-09")) == 1
    assert verdict["held"] == 0, verdict
