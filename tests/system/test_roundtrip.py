# SPDX-License-Identifier: Apache-2.0
"""A report on its whole way: ticket, verdict, rows, roll-up, tail."""

import contextlib
import hashlib
import json
import os
import pty
import queue
import signal
import subprocess
import sys
import threading

import pytest
from google.protobuf import json_format

from tramtest import BIN, PATIENCE_S, POPULATION, REPORT, ROOT, TestTimeout, csv_text, wait_until

sys.path.insert(0, str(ROOT / "tests" / "interop"))

from roadbook import messages  # noqa: E402

pb = messages()


def test_ticket_verdict_and_rows(agent, centre):
    done = agent.submit(csv_text(POPULATION))
    assert "agent-63-46/" in done.stdout  # the ticket
    (verdict,) = agent.wait_for_verdicts(1)
    assert (verdict["accepted"], verdict["held"], verdict["refused"]) == (1, 0, 0)
    rows = centre.sql("SELECT area, indicator, time_period, value FROM tram.observation_current")
    assert [(a, i, p, int(v)) for a, i, p, v in rows] == [("63/46", "population", "2024", 1178600)]
    (stream,) = centre.sql("SELECT agent, seq FROM tram.stream")
    assert stream == ("agent-63-46", 1)


def test_the_bytes_are_kept_as_handed_in(agent, centre):
    """What another program serialized is not serialized anew."""
    report = protobuf_report()
    agent.submit(report, "--from", "protobuf", name="report.bin")
    agent.wait_for_verdicts(1)
    assert centre.value("SELECT digest FROM tram.report") == hashlib.blake2b(report, digest_size=32).digest()
    assert centre.value("SELECT octet_length(signature) FROM tram.batch") == 64


def test_the_same_again_is_a_duplicate(agent, centre):
    agent.submit(csv_text(POPULATION))
    agent.submit(csv_text(POPULATION))
    verdicts = agent.wait_for_verdicts(2)
    assert sorted((v["accepted"], v["duplicate"]) for v in verdicts) == [(0, 1), (1, 0)]
    assert centre.value("SELECT count(*) FROM tram.observation") == 1


def test_another_value_must_say_that_it_revises(agent, centre):
    agent.submit(csv_text(POPULATION))
    agent.wait_for_verdicts(1)
    agent.submit(csv_text(POPULATION | {"value": "1178601"}))
    refused = agent.wait_for_verdicts(2)[-1]
    assert refused["refused"] == 1 and "SACH-02" in json.dumps(refused)
    agent.submit(csv_text(POPULATION | {"value": "1178602"}, purpose="correction", reason="Đính chính số liệu", revises="yes"))
    accepted = agent.wait_for_verdicts(3)[-1]
    assert accepted["accepted"] + accepted["warned"] == 1
    assert centre.value("SELECT value FROM tram.observation_current") == 1178602
    assert centre.value("SELECT count(*) FROM tram.observation_history") == 2


def test_national_figure_says_how_much_of_the_country_it_covers(agent, centre):
    agent.submit(csv_text(POPULATION))
    agent.wait_for_verdicts(1)
    (row,) = centre.sql("SELECT value, areas_reporting, areas_expected, finality FROM tram.national_rollup"
                        " WHERE indicator = 'population'")
    assert row[:3] == (1178600, 1, 63)
    assert row[3] == "provisional"


def test_rollup_command(agent, centre):
    agent.submit(csv_text(POPULATION))
    agent.wait_for_verdicts(1)
    shown = centre.tram("rollup", "population", "--period", "2024").stdout
    assert "1178600" in shown.replace(",", "").replace(".", "") and "1/63" in shown


def test_check_stores_nothing(agent, centre):
    done = agent.tram("check", agent.file(csv_text(POPULATION | {"value": "-1"})), check=False)
    assert done.returncode == 65 and "DUNG-04" in done.stdout + done.stderr
    assert agent.outbox() == []
    assert centre.value("SELECT count(*) FROM tram.report") == 0


def test_dry_run_is_the_same_as_check(agent):
    agent.submit(csv_text(POPULATION), "--dry-run")
    assert agent.outbox() == []


@pytest.mark.parametrize("language, word", [("vi", "đúng"), ("en", "correct")])
def test_verdicts_are_read_in_both_languages(agent, language, word):
    agent.submit(csv_text(POPULATION))
    agent.wait_for_verdicts(1)
    assert word in agent.tram("verdicts", language=language).stdout.lower()


@contextlib.contextmanager
def ended_after(process, patience_s):
    """Who reads what it says does not wait for ever."""
    timer = threading.Timer(patience_s, process.kill)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


class Tail:
    """
    tram tail. Entered, it is heard by the feed, and first is the event that proved it: whatever happens from then on is told.
    What it wants to hear arrives at the feed some time after it has connected, and until then events pass it by; so
    something happens until it tells of it. listens=False: nothing that can be made to happen passes its filter.
    """

    PROOF = "settings.reloaded"

    def __init__(self, centre, *options, listens=True):
        self.centre, self.listens = centre, listens
        if "--event" in options:
            options += ("--event", self.PROOF)
        self.events, self.reader = queue.SimpleQueue(), threading.Thread(target=self.read)
        self.process = subprocess.Popen([BIN / "tram", "tail", "--format", "json", *options], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                        env={"TRAM_CENTRE": str(centre.conf), "TRAM_LANG": "en", "TRAM_ALLOW_ROOT": "yes"})

    def __enter__(self):
        """words is what it said before it listened."""
        self.words = []
        with ended_after(self.process, PATIENCE_S):
            while not self.words or "listening" not in self.words[-1]:
                self.words.append(self.process.stderr.readline())
                assert self.words[-1], self.words
        self.reader.start()
        try:
            self.first = wait_until(self.proof, "the feed to hear it") if self.listens else None
        except TestTimeout:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
        if self.reader.ident:
            self.reader.join()
        self.process.stdout.close()
        self.process.stderr.close()

    def read(self):
        for line in self.process.stdout:
            self.events.put(json.loads(line))

    def proof(self):
        self.centre.daemon.send(signal.SIGHUP)
        return self.next(0.5)

    def next(self, patience_s=PATIENCE_S):
        """The next event; None when none comes within that time."""
        try:
            return self.events.get(timeout=patience_s)
        except queue.Empty:
            return None

    def until(self, name, event=None):
        """The next event of that name, from the one that was taken last on."""
        while event := event or self.next():
            if event["name"] == name:
                return event
            event = None
        raise AssertionError(f"{name} was not heard")


def test_tail_shows_a_report_as_it_is_committed(fleet):
    centre = fleet.centre()
    with Tail(centre) as tail:
        agent = fleet.agent(centre)
        tail.until("agent.connected")
        agent.submit(csv_text(POPULATION))
        event = tail.until("report.committed")
    assert event["agent"] == "agent-63-46"


def test_who_sees_nothing_on_a_terminal_is_told_what_is_waited_for(fleet):
    centre = fleet.centre()
    ours, theirs = pty.openpty()
    with os.fdopen(ours, encoding="utf-8") as terminal, subprocess.Popen(
            [BIN / "tram", "tail", "--province", "46", "--indicator", "population"], stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=theirs,
            env={"TRAM_CENTRE": str(centre.conf), "TRAM_LANG": "en", "TRAM_ALLOW_ROOT": "yes"}) as tail:
        os.close(theirs)
        with ended_after(tail, PATIENCE_S):
            told = next(line for line in terminal if "waiting for" in line)
        tail.terminate()
    assert "waiting for --area 46 --indicator population; none yet" in told


def test_tail_of_one_province(fleet):
    centre = fleet.centre()
    with Tail(centre, "--province", "63/48", listens=False) as tail:
        here, there = fleet.agent(centre), fleet.agent(centre, "agent-63-48")
        for n in range(1, 100):  # what happens before the feed hears it is lost on it
            here.submit(csv_text(POPULATION))
            here.wait_for_verdicts(n)
            there.submit(csv_text(POPULATION | {"ref_area": "63/48"}, provider="P63-48"))
            there.wait_for_verdicts(n)
            if event := tail.next(1):
                break
        assert event["area"] == "63/48"
        event = tail.until("report.committed", event)
    assert event["agent"] == "agent-63-48"


def test_revising_on_the_command_line(agent, centre):
    agent.submit(csv_text(POPULATION))
    agent.wait_for_verdicts(1)
    bare = {name: value for name, value in REPORT.items() if name not in ("purpose", "reason")}
    agent.submit(csv_text(POPULATION | {"value": "1178603"}, base=bare), "--revise", "Đính chính số liệu")
    agent.wait_for_verdicts(2)
    assert centre.value("SELECT value FROM tram.observation_current") == 1178603
    assert centre.value("SELECT reason FROM tram.report ORDER BY report_no DESC LIMIT 1") == "Đính chính số liệu"


@pytest.mark.parametrize("form", ["csv", "json", "sdmx-csv", "protobuf"])
def test_all_formats_say_the_same(agent, centre, form):
    agent.submit(in_form(form), "--from", form, name=f"report.{form}")
    (verdict,) = agent.wait_for_verdicts(1)
    assert verdict["accepted"] + verdict["warned"] == 1, verdict
    assert centre.value("SELECT value FROM tram.observation_current") == 1178600


def protobuf_report():
    header = {name: value for name, value in REPORT.items() if name != "purpose"}
    observation = pb.Observation(indicator="population", ref_area="63/46", value=pb.Decimal(mantissa=1178600),
                                 obs_status=pb.OBSERVATION_STATUS_NORMAL, qualifier=pb.QUALIFIER_EXACT, unit="person")
    return pb.Report(purpose=pb.PURPOSE_BACKFILL, observations=[observation], **header).SerializeToString()


def in_form(form):
    if form == "csv":
        return csv_text(POPULATION)
    if form == "protobuf":
        return protobuf_report()
    if form == "json":
        return json_format.MessageToJson(pb.Report.FromString(protobuf_report()))
    columns = {"STRUCTURE": "dataflow", "STRUCTURE_ID": "VN:province_statistics(1.0)", "ACTION": "I", "FREQ": "A",
               "REF_AREA": "63/46", "INDICATOR": "population", "TIME_PERIOD": "2024", "OBS_VALUE": "1178600",
               "UNIT_MEASURE": "person", "OBS_STATUS": "A", "QUALIFIER": "exact", "DATA_PROVIDER": "P63-46",
               "REFERENCE_DATE": "2024-12-31", "PURPOSE": "backfill", "REASON": REPORT["reason"],
               "PREPARED_BY": "A", "PREPARED_AT": REPORT["prepared_at"], "APPROVED_BY": "B",
               "APPROVED_AT": REPORT["approved_at"]}
    return ",".join(columns) + "\n" + ",".join(columns.values()) + "\n"
