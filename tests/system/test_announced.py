# SPDX-License-Identifier: Apache-2.0
"""A figure that was announced becomes outdated by a correction: whoever follows the feed hears of it, by whom and why."""

import json

from test_roundtrip import Tail
from tramtest import POPULATION, csv_text

TRUE, WRONG = int(POPULATION["value"]), int(POPULATION["value"]) + 300


def state(agent, value, **report):
    agent.submit(csv_text(POPULATION | {"value": str(value)}, **report))
    assert agent.wait_for_verdicts()[-1]["accepted"] == 1


def test_who_follows_the_feed_hears_that_a_claim_is_outdated(fleet):
    centre = fleet.centre(liveness="200ms")
    agent = fleet.agent(centre).wait_for_codes()
    state(agent, TRUE)
    centre.tram("claims", "add", "population", "2024", str(TRUE), "--area", "46", "--unit-mult", "0", "--said-by", "Cục Thống kê",
                "--source", "niên giám 2024", "--by", "An")
    (claim,) = [c for c in json.loads(centre.tram("claims", "check", "--format", "json", check=False).stdout) if c["area"] == "63/46"]
    assert claim["state"] == "holds"
    with Tail(centre, "--event", "claim.outdated") as tail:
        state(agent, WRONG, purpose="correction", reason="đếm lại")
        event = tail.until("claim.outdated")
    told = event | event.get("fields", {})
    expected = {"figure_no": claim["figure_no"], "indicator": "population", "time_period": "2024", "published": TRUE, "value": WRONG,
                "difference": WRONG - TRUE, "cause": "correction", "of_area": "63/46", "agent": "agent-63-46", "reason": "đếm lại"}
    assert {name: str(told[name]) for name in expected} == {name: str(value) for name, value in expected.items()}, event
