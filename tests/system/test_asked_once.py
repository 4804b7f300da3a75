# SPDX-License-Identifier: Apache-2.0
"""A jump is asked about once: not again by its revisions, nor in the periods after, and again when it is another jump."""

import pytest

from tramtest import REPORT, csv_text

ACCOUNTS = {"indicator": "psp_registered_accounts", "ref_area": "63/46", "unit": "account", "qualifier": "exact"}
REASON = {"justification_code": "verified_at_source", "justification": "Tích hợp tài khoản VNeID từ tháng 1"}


def day_in(period):
    year, half = period.split("-S")
    return f"{year}-{6 * int(half):02}-10"


@pytest.fixture
def state(agent):
    """State accounts; what became of them, and of the rule that asks."""
    handed_in = 0

    def submit(period, value, **row):
        nonlocal handed_in
        handed_in += 1
        base = REPORT | {"dataflow": "public_services_province", "time_period": period, "reference_date": day_in(period),
                         "purpose": "backfill"}
        if row.pop("revises", False):
            base |= {"revises": "yes", "reason": "Rà soát lại số liệu"}
        agent.submit(csv_text(ACCOUNTS | {"value": str(value)} | row, base=base))
        verdict = agent.wait_for_verdicts(handed_in)[-1]
        outcome = next(name for name in ("accepted", "warned", "held", "refused", "duplicate") if verdict[name])
        return outcome, [f["severity"] for f in verdict["findings"] if f["rule"] == "DUNG-10"]

    return submit


def test_a_jump_is_asked_about_once(state, centre):
    for year in (2021, 2022, 2023):
        assert state(f"{year}-S1", 7700) == ("accepted", [])
        assert state(f"{year}-S2", 7700) == ("accepted", [])
    assert state("2024-S1", 16400) == ("held", ["justify"])
    assert state("2024-S1", 16400, **REASON) == ("warned", ["justify"])
    assert state("2024-S1", 16500, revises=True) == ("warned", ["warn"])
    assert state("2024-S1", 16600, revises=True) == ("warned", ["warn"])  # of the revision that was not asked
    assert state("2024-S2", 22000) == ("accepted", [])  # the past begins with what was justified
    assert state("2024-S1", 40000, revises=True) == ("held", ["justify"])  # another jump
    assert state("2024-S2", 50000, revises=True) == ("held", ["justify"])
    assert centre.value("SELECT value FROM tram.observation_current WHERE time_period = '2024-S1'") == 16600


def test_a_lane_that_forgot_knows_it_from_the_store(state, centre):
    """The same after a restart: what was asked is read from the findings."""
    for year in (2021, 2022, 2023):
        state(f"{year}-S1", 7700)
        state(f"{year}-S2", 7700)
    state("2024-S1", 16400, **REASON)
    state("2024-S1", 16500, revises=True)
    centre.daemon.stop()
    centre.start()
    assert state("2024-S1", 16600, revises=True) == ("warned", ["warn"])
    centre.daemon.stop()
    centre.start()
    assert state("2024-S2", 22000) == ("accepted", [])
