# SPDX-License-Identifier: Apache-2.0
"""Reports that ask for a reason as a whole, and reasons that travel with the figures: from the file to the store's views."""

import pytest

from tramtest import REPORT, csv_text

SPEEDS = {"fixed_broadband_speed": "93.31", "mobile_broadband_speed": "47.27"}
SHARES = {"household_fiber_share": (71, 100), "smartphone_adult_share": (7091, 10000), "commune_fiber_internet_share": (152, 152)}
MONTHS = {"2023-S2": "2023-12-05", "2024-S1": "2024-06-05", "2024-S2": "2024-12-05"}


def infrastructure(period, **changed):
    """Five figures of the digital infrastructure, in the order given; changed: other speeds."""
    base = REPORT | {"dataflow": "digital_infrastructure_province", "time_period": period, "reference_date": MONTHS[period]}
    rows = [{"indicator": i, "ref_area": "63/46", "qualifier": "exact", "value": v, "weight": "1000"}
            for i, v in (SPEEDS | changed).items()]
    rows += [{"indicator": i, "ref_area": "63/46", "qualifier": "exact", "numerator": str(n), "denominator": str(d)}
             for i, (n, d) in SHARES.items()]
    return csv_text(*rows, base=base)


@pytest.fixture
def hand_in(agent):
    def go(content, *options):
        agent.submit(content, *options)
        go.reports += 1
        return agent.wait_for_verdicts(go.reports)[-1]
    go.reports = 0
    return go


def found(verdict, rule):
    return [f["severity"] for f in verdict["findings"] if f["rule"] == rule]


def test_only_the_date_was_changed(hand_in, centre):
    """Held whole, until the report says why; and in the next period it is asked again."""
    assert found(hand_in(infrastructure("2023-S2")), "SACH-09") == []
    copied = hand_in(infrastructure("2024-S1"))
    assert (found(copied, "SACH-09"), copied["held"], copied["accepted"]) == (["justify"], 5, 0)
    rounded = hand_in(infrastructure("2024-S1", fixed_broadband_speed="93.3"), "--revise", "làm tròn")  # does not get by
    assert (found(rounded, "SACH-09"), rounded["held"], rounded["duplicate"]) == (["justify"], 1, 4)
    excused = hand_in(infrastructure("2024-S1"), "--revise", "số đúng", "--justify", "verified_at_source:Không phát sinh trong kỳ")
    assert (found(excused, "SACH-09"), excused["warned"]) == (["justify"], 5)
    stands = "SELECT justification_code, justification, count(*) FROM tram.observation_current WHERE time_period = %s GROUP BY 1, 2"
    assert centre.sql(stands, "2024-S1")[0][:2] == ("verified_at_source", "Không phát sinh trong kỳ")
    again = hand_in(infrastructure("2024-S2"))
    assert (found(again, "SACH-09"), again["held"]) == (["justify"], 5)
    assert centre.sql(stands, "2024-S2") == []


def test_a_reason_that_is_none(hand_in, centre):
    hand_in(infrastructure("2023-S2"))
    refused = hand_in(infrastructure("2024-S1"), "--justify", "verified_at_source")
    assert (found(refused, "DU-08"), refused["refused"]) == (["block"], 5)
    unknown = hand_in(infrastructure("2024-S1"), "--justify", "because:đúng vậy")
    assert (found(unknown, "DU-08"), unknown["refused"]) == (["block"], 5)
    needless = hand_in(infrastructure("2024-S1", mobile_broadband_speed="51.02"), "--justify", "seasonal")
    assert (found(needless, "DU-08"), needless["accepted"] + needless["warned"]) == (["warn"], 5)
    assert centre.sql("SELECT justification_code FROM tram.report WHERE time_period = '2024-S1' ORDER BY report_no") == [
        ("verified_at_source",), ("because",), ("seasonal",)]
    assert centre.value("SELECT count(*) FROM tram.observation_current WHERE justification_code <> ''") == 0


def test_what_is_missing_counts_over_reports(hand_in):
    """A template may come in parts; what is still missing is said of each, and no figure is held for it."""
    base = REPORT | {"dataflow": "public_services_province", "time_period": "2024-S1", "reference_date": "2024-06-05",
                     "purpose": "regular", "reason": ""}
    indicators = ["psp_registered_accounts", "eid_accounts_issued", "psp_new_accounts", "psp_online_payment_transactions",
                  "psp_online_payment_value"]
    area = {"ref_area": "63/46", "qualifier": "exact"}
    def state(*names):
        verdict = hand_in(csv_text(*({"indicator": name, "value": str(100 + i)} | area for i, name in enumerate(names)), base=base))
        return [f["found"] for f in verdict["findings"] if f["rule"] == "DU-02"], verdict["held"]

    assert state(*indicators[:2]) == (["2 / 5"], 0)
    assert state(indicators[2]) == (["3 / 5"], 0)
    assert state(*indicators[3:]) == ([], 0)
