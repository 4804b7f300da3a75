# SPDX-License-Identifier: Apache-2.0
"""
Receipts and proofs across implementations: what the real programs write a third person checks, who has nothing but the
text of PROTOCOL.md; what another implementation wrote the real program checks.
"""

import json
import os
import pathlib
import subprocess

import pytest

from proof_file import NotProven, check
from roadbook import Keys, blake2b
from test_agent_by_itself import AGENT, BIN, agent, centre, report, wait_until  # noqa: F401: fixtures

GOLDEN = pathlib.Path(__file__).resolve().parents[1] / "golden"


def tram(*words, socket=None, status=0):
    done = subprocess.run([str(BIN / "tram"), *map(str, words)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, env=dict(os.environ, TRAM_LANG="en", TRAM_AGENT_SOCKET=str(socket)))
    assert done.returncode == status, done.stderr.decode()
    return done.stdout + done.stderr


def golden_keys():
    vectors = json.loads((GOLDEN / "proof_vectors.json").read_text("utf-8"))
    return [Keys(name, b"k" * 40, bytes.fromhex(vectors[f"{who}_signing_public"]))
            for name, who in (("centre", "centre"), (AGENT, "agent"))]


@pytest.mark.parametrize("name", ["receipt", "proof"])
def test_golden(name):
    centre_key, agent_key = golden_keys()
    data = (GOLDEN / f"v1_{name}.tram-proof").read_bytes()
    found = check(data, [centre_key], agent_key)
    assert (found.agent, found.first, found.last, found.through) == (AGENT, 4211, 4212, 4213)
    assert len(found.reports) == (2 if name == "proof" else 0)
    for at in range(0, len(data), 3):
        forged = bytearray(data)
        forged[at] ^= 1 << at % 8
        with pytest.raises((NotProven, UnicodeDecodeError)):
            check(bytes(forged), [centre_key])


def test_written_by_the_real_programs(agent, centre, tmp_path):  # noqa: F811
    agent.start()
    reports = [report(1000 + i) for i in range(5)]
    first, second = agent.submit(*reports[:3]), agent.submit(*reports[3:])
    agent.wait_for_verdicts(second)
    for words, seqs, whole in ((("receipt", first.ticket), range(1, 4), False),
                               (("outbox", "export", "--proof", second.ticket), range(4, 6), True),
                               (("outbox", "export", "--proof", "--from", "2", "--to", "4"), range(2, 5), True)):
        path = tmp_path / "file"
        tram(*words, "--out", path, socket=agent.control)
        found = check(path.read_bytes(), [centre.keys], agent.keys)
        assert found.agent == AGENT and found.digests == {n: blake2b(reports[n - 1]).hex() for n in seqs}
        assert found.reports == ({n: reports[n - 1] for n in seqs} if whole else {})
        assert found.through >= seqs[-1]
        centre_pub, agent_pub = agent.folder / "centre.pub", agent.folder / "agent.pub"
        assert b"PROVEN" in tram("verify", "--proof", path, "--key", centre_pub, "--key", agent_pub)
        impostor = Keys.make("centre")
        with pytest.raises(NotProven):
            check(path.read_bytes(), [impostor], agent.keys)
        with pytest.raises(NotProven):
            check(path.read_bytes(), [centre.keys], Keys.make(AGENT))


def test_not_before_the_acknowledgement(agent, centre):  # noqa: F811
    """The centre has the report, its word has not come: nothing is shown that could not be proven."""
    centre.credit = (0, 0)
    agent.start()
    ticket = agent.submit(report())
    assert b"not yet acknowledged" in tram("receipt", ticket.ticket, socket=agent.control, status=75)
    assert b"waiting" in tram("trace", ticket.ticket, socket=agent.control)
    centre.credit = (1 << 20, 8)
    agent.wait_for_verdicts(ticket)
    tram("receipt", ticket.ticket, socket=agent.control)
    assert b"judged" in tram("trace", ticket.ticket, socket=agent.control)
