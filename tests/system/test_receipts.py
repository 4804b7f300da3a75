# SPDX-License-Identifier: Apache-2.0
"""What a clerk asks for after handing in, and what somebody far away makes of it: traces, exports, receipts, proofs."""

import json
import os

import pytest

from tramtest import BIN, POPULATION, csv_text, run, wait_until


def yearly(*years):
    return csv_text(*(POPULATION | {"value": str(1000 + year), "time_period": str(year), "reference_date": f"{year}-12-31"}
                      for year in years))


def far_away(*words, status=0, language="en"):
    """As on another machine: no agent, no centre's settings, no program of the centre's package."""
    done = run([BIN / "tram", "verify", *words], check=False,
               env={"PATH": os.environ["PATH"], "TRAM_LANG": language, "TRAM_AGENT_SOCKET": "/nowhere", "TRAM_CENTRE": "/nowhere"})
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture
def handed_in(agent):
    agent.ticket = agent.submit(yearly(2021, 2022, 2023)).stdout.split()[0]
    agent.wait_for_verdicts(3)
    return agent


@pytest.fixture
def keys(handed_in):
    return {who: key.with_suffix(".pub") for who, key in (("centre", handed_in.centre.key), ("agent", handed_in.key))}


def test_a_receipt_is_read_and_proven(handed_in, keys):
    path = handed_in.folder / "receipt.txt"
    handed_in.tram("receipt", handed_in.ticket, "--out", path, language="vi")
    text = path.read_text("utf-8")
    assert text.startswith("tram-proof-v1\n# BIÊN NHẬN") and handed_in.ticket in text and "ĐÚNG" in text
    assert handed_in.tram("receipt", handed_in.ticket).stdout.count("\nreport ") == 3
    said = far_away("--proof", path, "--key", keys["centre"], "--key", keys["agent"])
    assert said.startswith("PROVEN") and "reports no. 1-3" in said and "NOT proven" in said
    assert "give --key" not in said and "give --key" in far_away("--proof", path, "--key", keys["centre"])
    assert "ĐÃ CHỨNG MINH" in far_away("--proof", path, "--key", keys["centre"], language="vi")
    found = json.loads(far_away("--proof", path, "--key", keys["centre"], "--format", "json"))
    assert [r["digest"] for r in found["reports"]] == [row["digest"] for row in reversed(handed_in.outbox())]
    fingerprint = handed_in.centre.json("keys", "show", keys["centre"])["fingerprint"]
    assert found["proven"] and found["centre_fingerprint"] == fingerprint and not found["signed_by_agent"]


def test_what_is_not_so_is_refused_with_its_place(handed_in, keys, tmp_path):
    path = tmp_path / "receipt.txt"
    handed_in.tram("receipt", handed_in.ticket, "--out", path)
    sound = path.read_text("utf-8")
    line = next(i for i, text in enumerate(sound.splitlines(), 1) if text.startswith("report 2 "))
    for changed, said in ((sound.replace("report 2 ", "report 4 "), f"line {line}"),
                          (sound.replace("reports 1 3", "reports 1 2"), f"line {line + 1}"),
                          (sound[:-80], "was cut"), (sound + "x", "ends here"), ("", "line 1")):
        path.write_text(changed, "utf-8")
        told = far_away("--proof", path, "--key", keys["centre"], status=65)
        assert "NOT PROVEN" in told and said in told, told
    path.write_text(sound, "utf-8")
    handed_in.tram("keys", "make", "centre", "--out", tmp_path / "other.key")
    assert "none of the centre's keys" in far_away("--proof", path, "--key", tmp_path / "other.pub", status=65)
    far_away("--proof", path, status=64)
    far_away("--proof", path, "--key", keys["agent"], status=64)
    far_away("--proof", tmp_path / "absent", "--key", keys["centre"], status=66)


def test_originals(handed_in, keys, tmp_path):
    """The reports as they were handed in are those of the proof; others are not."""
    receipt, reports = tmp_path / "receipt.txt", tmp_path / "reports.bin"
    handed_in.tram("receipt", handed_in.ticket, "--out", receipt)
    handed_in.tram("outbox", "export", "--from", "2", "--to", "3", "--format", "protobuf", "--out", reports)
    said = far_away("--proof", receipt, "--key", keys["centre"], "--report", reports)
    assert said.count("yes") == 2
    one = tmp_path / "one.bin"
    bytes_of_two = reports.read_bytes()
    one.write_bytes(bytes_of_two[2:2 + (bytes_of_two[0] & 0x7f | bytes_of_two[1] << 7)])
    assert far_away("--proof", receipt, "--key", keys["centre"], "--report", one).count("yes") == 1
    one.write_bytes(one.read_bytes()[:-1] + b"\x07")
    assert str(one) in far_away("--proof", receipt, "--key", keys["centre"], "--report", one, status=65)


@pytest.mark.parametrize("form", ["json", "protobuf"])
def test_an_export_can_be_handed_in_again(handed_in, form, tmp_path):
    path = tmp_path / f"export.{form}"
    handed_in.tram("outbox", "export", handed_in.ticket, "--format", form, "--out", path)
    handed_in.tram("submit", path, "--from", form)
    last = handed_in.wait_for_verdicts(6)[-3:]
    assert [verdict["duplicate"] for verdict in last] == [1, 1, 1]


def test_wrong_questions(handed_in):
    for words, status in ((("receipt", "agent-63-46/00000000/1"), 65), (("receipt",), 64), (("outbox", "export"), 64),
                          (("outbox", "export", handed_in.ticket, "--from", "1"), 64),
                          (("outbox", "export", "--from", "1", "--to", "9"), 65),
                          (("outbox", "export", "--proof", "--format", "json", "--from", "1"), 64),
                          (("trace", "agent-63-45/00000000/1"), 65), (("receipt", handed_in.ticket, "--out", "/nowhere/x"), 73)):
        assert handed_in.tram(*words, check=False).returncode == status, words


def test_trace(handed_in):
    rows = handed_in.json("trace", handed_in.ticket)
    assert [(row["seq"], row["state"], row["kept"]) for row in rows] == [(n, "judged", True) for n in (1, 2, 3)]
    assert all(row["handed_in_at"] < row["judged_at"] and row["acknowledged_at"] for row in rows)
    handed_in.centre.daemon.stop()
    later = handed_in.submit(yearly(2024)).stdout.split()[0]
    assert [row["state"] for row in handed_in.json("trace", later)] == ["waiting"]
    assert handed_in.tram("receipt", later, check=False).returncode == 75
    assert "chờ" in handed_in.tram("trace", later, language="vi").stdout


def test_what_a_receipt_needs_goes_when_its_time_is_over(fleet, centre):
    """proof_retention of the one is a second and of the other ten years; the reports themselves are gone at both."""
    kept, gone = (fleet.agent(centre, f"agent-63-{number}", retention="1s", proof_retention=proof).wait_for_codes()
                  for number, proof in ((46, None), (48, "1s")))
    for agent, number in ((kept, 46), (gone, 48)):
        figures = (POPULATION | {"ref_area": f"63/{number}", "time_period": year, "reference_date": f"{year}-12-31"}
                   for year in ("2022", "2023"))
        agent.ticket = agent.submit(csv_text(*figures, provider=f"P63-{number}")).stdout.split()[0]
        wait_until(lambda agent=agent: agent.json("status")["first_kept"] == 0, "the end of the retention")
    wait_until(lambda: gone.tram("receipt", gone.ticket, check=False).returncode == 66, "the end of the proof's")
    assert kept.tram("receipt", kept.ticket).stdout.count("\nreport ") == 2
    assert [row["kept"] for row in kept.json("trace", kept.ticket)] == [False, False]
