# SPDX-License-Identifier: Apache-2.0
"""
Documents that are run word for word: their files are written, their commands run, and what they print is what the document
says.

In what is expected "…" stands for any text of a line, and a line of it alone for any lines. Times, ages, fingerprints and the
outbox's name in tickets differ from run to run and count as equal.
"""

import re
import subprocess
import time

from tramtest import PATIENCE_S

BLOCK = re.compile(r"^```(?P<kind>[a-z]+) (?P<what>[^\n]+)\n(?P<text>.*?)^```$", re.M | re.S)
DIFFERS = (
    (re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"), "TIME"),
    (re.compile(r" +\d+ (s|giây|min|phút|h|giờ|d|ngày)\b"), " AGO"),  # with the spaces that make a column of it
    (re.compile(r"\b[0-9a-f]{4}(-[0-9a-f]{4}){7}\b"), "FINGERPRINT"),
    (re.compile(r"(agent-\d\d-\d\d[ /]+)[0-9a-f]{8}\b"), r"\1OUTBOX"),
)


def same_for_all(text):
    for pattern, name in DIFFERS:
        text = pattern.sub(name, text)
    return text


def pattern_of(expected):
    """A regular expression for what the document shows."""
    lines = []
    for line in same_for_all(expected).splitlines(keepends=True):
        lines.append(r"(?:.*\n)*" if line.strip() == "…" else re.escape(line).replace("…", ".*"))
    return re.compile("".join(lines))


def steps_of(document):
    """("file", name, content), or (where, command, what it prints), in order."""
    for block in BLOCK.finditer(document.read_text(encoding="utf-8")):
        if block["kind"] == "console":
            for part in re.split(r"^\$ ", block["text"], flags=re.M)[1:]:
                command, _, expected = part.partition("\n")
                yield block["what"].strip(), command, expected
        else:
            yield "file", block["what"].strip(), block["text"]


def run_as_shown(command, expected, look, **where):
    """
    Runs a command, which must print what the document says. One that only looks is run again until it does: what one machine
    decides reaches the other a moment later.
    """
    deadline = time.monotonic() + (PATIENCE_S if look else 0)
    wanted = pattern_of(expected)
    while True:
        done = subprocess.run(["sh", "-c", command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              encoding="utf-8", timeout=PATIENCE_S, **where)
        if wanted.fullmatch(same_for_all(done.stdout)):
            return
        assert time.monotonic() < deadline, f"$ {command}\n{done.stdout}\n--- the document says:\n{expected}"
        time.sleep(0.1)
