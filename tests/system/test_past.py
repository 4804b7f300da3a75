# SPDX-License-Identifier: Apache-2.0
"""Figures beside their own past: a jump is asked about once, and running totals follow from the period before."""

import pytest

from tramtest import REPORT, csv_text

REASON = {"justification_code": "verified_at_source", "justification": "Tích hợp tài khoản VNeID từ tháng 1"}
TOTAL, NEW = "psp_registered_accounts", "psp_new_accounts"


def day_in(period):
    year, half = period.split("-S")
    return f"{year}-{6 * int(half):02}-10"


class Province:
    """Hands in accounts, one report after the other; what became of them."""

    def __init__(self, agent):
        self.agent, self.handed_in = agent, 0

    def report(self, period, figures, revises=False, **row):
        base = REPORT | {"dataflow": "public_services_province", "time_period": period, "reference_date": day_in(period),
                         "purpose": "backfill"}
        if revises:
            base |= {"revises": "yes", "reason": "Rà soát lại số liệu"}
        rows = [{"indicator": indicator, "ref_area": "63/46", "unit": "account", "qualifier": "exact", "value": str(value)} | row
                for indicator, value in figures.items()]
        self.agent.submit(csv_text(*rows, base=base))
        self.handed_in += 1
        return self.agent.wait_for_verdicts(self.handed_in)[-1]

    def state(self, period, value, **how):
        """The outcome of a total stated alone, and how severe a jump it is taken for."""
        verdict = self.report(period, {TOTAL: value}, **how)
        outcome = next(name for name in ("accepted", "warned", "held", "refused", "duplicate") if verdict[name])
        return outcome, [f["severity"] for f in verdict["findings"] if f["rule"] == "DUNG-10"]

    def complaints(self, period, figures):
        """What running totals are said not to follow from."""
        verdict = self.report(period, figures)
        return [(f["indicator"], f["expected"]) for f in verdict["findings"] if f["rule"] == "DUNG-08"]


@pytest.fixture
def province(agent):
    return Province(agent)


@pytest.fixture
def steady(province):
    """7700 in each of six periods."""
    for year in (2021, 2022, 2023):
        assert province.state(f"{year}-S1", 7700) == ("accepted", [])
        assert province.state(f"{year}-S2", 7700) == ("accepted", [])
    return province


def test_a_jump_is_asked_about_once(steady, centre):
    assert steady.state("2024-S1", 16400) == ("held", ["justify"])
    assert steady.state("2024-S1", 16400, **REASON) == ("warned", ["justify"])
    assert steady.state("2024-S1", 16500, revises=True) == ("warned", ["warn"])
    assert steady.state("2024-S1", 16600, revises=True) == ("warned", ["warn"])  # of the revision that was not asked
    assert steady.state("2024-S2", 22000) == ("accepted", [])  # the past begins with what was justified
    assert steady.state("2024-S1", 40000, revises=True) == ("held", ["justify"])  # another jump
    assert steady.state("2024-S2", 50000, revises=True) == ("held", ["justify"])
    assert centre.value("SELECT value FROM tram.observation_current WHERE time_period = '2024-S1'") == 16600


def test_a_lane_that_forgot_knows_it_from_the_store(steady, centre):
    """The same after a restart: what was asked is read from the findings."""
    steady.state("2024-S1", 16400, **REASON)
    steady.state("2024-S1", 16500, revises=True)
    centre.daemon.stop()
    centre.start()
    assert steady.state("2024-S1", 16600, revises=True) == ("warned", ["warn"])
    centre.daemon.stop()
    centre.start()
    assert steady.state("2024-S2", 22000) == ("accepted", [])


def test_a_total_follows_from_the_period_before(province, centre):
    assert province.complaints("2022-S2", {TOTAL: 41000, NEW: 5000}) == []
    assert province.complaints("2023-S1", {TOTAL: 77000, NEW: 36000}) == []  # 7.7 = 4.1 + 3.6
    assert province.complaints("2023-S2", {TOTAL: 99000, NEW: 12000}) == [(TOTAL, "77000 [2023-S1] + 12000 = 89000")]
    centre.daemon.stop()
    centre.start()
    # what is held does not stand: of the period before there is nothing, of a year before there is
    assert province.complaints("2024-S1", {TOTAL: 70000, NEW: 1000}) == [(TOTAL, "≥ 77000 [2023-S1]")]


def test_a_part_reported_before_its_total(province):
    """A report of the total alone is held against what another report of the period stated."""
    province.report("2022-S2", {TOTAL: 41000})
    province.report("2023-S1", {NEW: 26000})
    assert province.complaints("2023-S1", {TOTAL: 77000}) == [(TOTAL, "41000 [2022-S2] + 26000 = 67000")]
