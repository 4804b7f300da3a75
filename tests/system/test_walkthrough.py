# SPDX-License-Identifier: Apache-2.0
"""
The walk-through in deploy/walkthrough, run word for word: its files are written, its commands run, and what they print is
what the document says.

In what is expected "…" stands for any text of a line, and a line of it alone for any lines. Times, ages and the outbox's name in
tickets differ from run to run and count as equal. What the centre decides reaches the province a moment later, so a clerk's look at
the verdicts is repeated until it shows what the document shows.
"""

import os
import re
import subprocess
import time

import pytest

from tramtest import BIN, PATIENCE_S, ROOT, wait_until

FOLDER = ROOT / "deploy" / "walkthrough"
BLOCK = re.compile(r"^```(?P<kind>[a-z]+) (?P<what>[^\n]+)\n(?P<text>.*?)^```$", re.M | re.S)
TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")
AGO = re.compile(r" +\d+ (s|giây|min|phút|h|giờ|d|ngày)\b")  # with the spaces that make a column of it
OUTBOX = re.compile(r"(agent-63-24/)[0-9a-f]{8}")


def same_for_all(text):
    return OUTBOX.sub(r"\1OUTBOX", AGO.sub(" AGO", TIME.sub("TIME", text)))


def pattern_of(expected):
    """A regular expression for what the document shows."""
    lines = []
    for line in same_for_all(expected).splitlines(keepends=True):
        lines.append(r"(?:.*\n)*" if line.strip() == "…" else re.escape(line).replace("…", ".*"))
    return re.compile("".join(lines))


def steps_of(document):
    """("file", name, content), or ("centre" or "province", command, what it prints), in order."""
    for block in BLOCK.finditer(document.read_text(encoding="utf-8")):
        if block["kind"] == "csv":
            yield "file", block["what"].strip(), block["text"]
        elif block["kind"] == "console":
            for part in re.split(r"^\$ ", block["text"], flags=re.M)[1:]:
                command, _, expected = part.partition("\n")
                yield block["what"].strip(), command, expected


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
        deadline = time.monotonic() + (PATIENCE_S if what.startswith("tram verdicts") else 0)
        while True:
            done = subprocess.run(["sh", "-c", what], cwd=agent.folder, env=environment, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, encoding="utf-8", timeout=60)
            if pattern_of(text).fullmatch(same_for_all(done.stdout)):
                break
            assert time.monotonic() < deadline, f"$ {what}\n{done.stdout}\n--- the document says:\n{text}"
            time.sleep(0.1)
        commands += 1
    assert commands >= 10
