# SPDX-License-Identifier: Apache-2.0
"""
The walk-through in deploy/walkthrough, run word for word (document.py). What the centre decides reaches the province a moment
later, so a clerk's look at the verdicts is repeated until it shows what the document shows.
"""

import os

import pytest

from document import run_as_shown, steps_of
from tramtest import BIN, ROOT, wait_until

FOLDER = ROOT / "deploy" / "walkthrough"


@pytest.mark.parametrize("name, language", [("README.md", "en"), ("README.vi.md", "vi")])
def test_every_command_prints_what_the_document_says(fleet, name, language):
    centre = fleet.centre(liveness="200ms")
    agent = fleet.agent(centre, "agent-63-24").wait_for_codes()
    environment = dict(os.environ, PATH=f"{BIN}:{os.environ['PATH']}", TRAM_LANG=language, TRAM_ALLOW_ROOT="yes",
                       TRAM_AGENT_SOCKET=str(agent.control), TRAM_CENTRE=str(centre.conf))
    wait_until(lambda: centre.value("SELECT count(*) FROM tram.liveness"), "the agent's clock")
    commands = 0
    for where, what, text in steps_of(FOLDER / name):
        if where == "file":
            (agent.folder / what).write_text(text, encoding="utf-8")
            continue
        if agent.outbox():
            agent.wait_for_verdicts()
        run_as_shown(what, text, what.startswith("tram verdicts"), cwd=agent.folder, env=environment)
        commands += 1
    assert commands >= 10
