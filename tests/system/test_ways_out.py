# SPDX-License-Identifier: Apache-2.0
"""
What can become of an outbox, a centre and a key; that `tram doctor` names it; and that the command it gives, run as it
stands, is the way out, with nothing lost on it and nothing counted twice.
"""

import json
import os
import shutil
import signal
import subprocess
import time

import pytest

from tramtest import BIN, PATIENCE_S, POPULATION, Agent, csv_text, wait_until


def monthly(number, **report):
    """A figure of its own, so that each can be counted at the centre."""
    kinds = [{}, {"dim:SEX": "F"}, {"dim:SEX": "M"}]
    year = 2021 + number % 4
    return csv_text(POPULATION | {"value": str(1000 + number)} | kinds[number // 4], time_period=str(year),
                    reference_date=f"{year}-12-31", **report)


def values_at(centre):
    return sorted(int(row[0]) for row in centre.sql("SELECT value FROM tram.observation"))


def doctor(agent, language="en"):
    """What it sees, by look; ours is the service, so that is what it calls the program too."""
    done = agent.tram("doctor", "--settings", agent.conf, "--format", "json", check=False, language=language)
    sights = {row["look"]: row for row in json.loads(done.stdout)}
    assert (done.returncode == 0) == all(row["health"] != "ill" for row in sights.values())
    return sights


def code_of(agent, look):
    return doctor(agent).get(look, {}).get("code")


def wait_for_code(agent, look, code, patience_s=PATIENCE_S):
    """What it sees there. The link may come and go meanwhile: it says the same in both languages, one after the other."""
    def seen():
        sights = [doctor(agent, language).get(look, {}) for language in ("en", "vi", "en")]
        texts = [agent.tram("doctor", "--settings", agent.conf, check=False, language=language).stdout for language in ("en", "vi")]
        return {sight.get("code") for sight in sights} == {code} == {code_of(agent, look)} and (sights, texts)
    wait_until(lambda: code_of(agent, look) == code, f"{look}: {code}; it says {code_of(agent, look)}", patience_s)
    (english, vietnamese, _), texts = wait_until(seen, f"{look}: {code}, in both languages", patience_s)
    for text, remedy in zip(texts, ("remedy:", "cách sửa:")):
        assert remedy in text, text
    # The agent speaks English here; its remedy reaches a Vietnamese clerk in Vietnamese all the same.
    assert english["remedy"] != vietnamese["remedy"], english
    return english


def all_is_well(agent):
    def well():
        return all(row["code"] in ("fine", "on_their_way", "new_outbox") for row in doctor(agent).values())
    wait_until(well, f"health; it says {doctor(agent)}")


SYSTEMCTL = """#!/bin/sh
# Stands for systemd: asks the test, and waits for its answer.
echo "$*" >{folder}/asked.new && mv {folder}/asked.new {folder}/asked
while [ ! -e {folder}/done ]; do sleep 0.02; done
rm {folder}/done
"""


def systemd(agent, words):
    verb = words[0]
    if verb in ("stop", "restart", "disable"):
        agent.daemon.stop()
    if verb in ("start", "restart"):
        agent.start()
    if verb == "reload":
        agent.daemon.send(signal.SIGHUP)
    assert verb in ("stop", "start", "restart", "reload", "disable"), words


def follow(agent, sight):
    """Runs the command that the doctor gave, as it stands, with systemctl asking us."""
    shim = agent.folder / "shim"
    shim.mkdir(exist_ok=True)
    (shim / "systemctl").write_text(SYSTEMCTL.format(folder=shim))
    (shim / "systemctl").chmod(0o755)
    path = f"{shim}:{BIN}:{os.environ['PATH']}"
    process = subprocess.Popen(["sh", "-c", sight["command"]], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT,
                               env=dict(os.environ, PATH=path, TRAM_ALLOW_ROOT="yes", TRAM_LANG="en", EDITOR="true",
                                        TRAM_AGENT_SOCKET=str(agent.control)))
    asked = shim / "asked"
    while process.poll() is None:
        if asked.exists():
            words = asked.read_text().split()
            asked.unlink()
            systemd(agent, words)
            (shim / "done").touch()
        time.sleep(0.01)
    output = process.stdout.read().decode()
    assert process.returncode == 0, f"{sight['command']}\n{output}"
    return output


def copy_outbox(agent, to):
    """As a backup would: of an agent that does not run."""
    to.mkdir(exist_ok=True)
    for file in agent.folder.glob("outbox.db*"):
        shutil.copy(file, to)


def put_back(agent, from_folder):
    for file in agent.folder.glob("outbox.db*"):
        file.unlink()
    for file in from_folder.glob("outbox.db*"):
        shutil.copy(file, agent.folder)


def hand_in(agent, *numbers):
    tickets = [agent.submit(monthly(number)).stdout.strip() for number in numbers]
    agent.wait_for_verdicts()
    return tickets


def twin(fleet, agent, folder):
    """Another machine with the same keys, settings and outbox."""
    where = fleet.folder / folder
    where.mkdir()
    for file in agent.key, agent.key.with_suffix(".pub"):
        shutil.copy(file, where)
    copy_outbox(agent, where)
    other = Agent(where, agent.centre, agent.name)
    fleet.members.append(other)
    return other


# ---------------------------------------------------------------- all is well

@pytest.mark.parametrize("language, words", [("en", "All is well."), ("vi", "Mọi thứ đều ổn.")])
def test_all_is_well(fleet, language, words):
    agent = fleet.agent(fleet.centre()).wait_for_codes()
    hand_in(agent, 1)
    all_is_well(agent)
    done = agent.tram("doctor", "--settings", agent.conf, language=language)
    assert done.stdout.splitlines()[-1] == words


# ---------------------------------------------------------------- the outbox

def test_restored_from_an_older_copy(fleet):
    centre = fleet.centre()
    agent = fleet.agent(centre)
    (old_ticket,) = hand_in(agent, 1)
    agent.daemon.stop()
    copy_outbox(agent, fleet.folder / "backup")
    agent.start()
    hand_in(agent, 2)
    agent.daemon.stop()
    put_back(agent, fleet.folder / "backup")
    agent.start()
    sight = wait_for_code(agent, "link", "forked")
    assert " --renew-all " in sight["command"]
    told = agent.submit(monthly(3))
    assert "not yet at the centre" in told.stderr and "disagree" in told.stderr
    assert "outbox-" in follow(agent, sight)  # where the old one is
    hand_in(agent, 4)
    assert values_at(centre) == [1001, 1002, 1003, 1004]
    all_is_well(agent)
    # What was said before is known still, under the ticket that the clerk has.
    (verdict,) = agent.json("verdicts", old_ticket)
    assert verdict["ticket"] == old_ticket
    assert len(list(agent.folder.glob("outbox-*.db"))) == 1


@pytest.mark.slow  # another copy is taken to be there for 40 s
def test_a_copy_runs_on_another_machine(fleet):
    """Both are told; the one that took hand-ins of its own forks, brings them in, and is stopped then."""
    centre = fleet.centre()
    here = fleet.agent(centre)
    hand_in(here, 1)
    here.daemon.stop()
    there = twin(fleet, here, "elsewhere")
    here.start()
    hand_in(here, 2)
    there.start()
    there.submit(monthly(3))
    sight = wait_for_code(there, "link", "forked")
    follow(there, sight)
    there.wait_for_verdicts(1)
    sight = wait_for_code(here, "copies", "copied")
    follow(there, sight)
    assert not there.daemon.running()
    hand_in(here, 4)
    assert values_at(centre) == [1001, 1002, 1003, 1004]
    all_is_well(here)


def test_deleted_under_the_running_agent(fleet):
    centre = fleet.centre()
    agent = fleet.agent(centre)
    hand_in(agent, 1)
    for file in agent.folder.glob("outbox.db*"):
        file.unlink()
    sight = wait_for_code(agent, "outbox", "outbox_deleted")
    refused = agent.submit(monthly(2), check=False)
    assert refused.returncode == 73 and "deleted" in refused.stderr and not refused.stdout
    follow(agent, sight)
    hand_in(agent, 2)
    assert values_at(centre) == [1001, 1002]
    assert code_of(agent, "outbox") == "new_outbox"
    all_is_well(agent)


def test_deleted_while_something_waits(fleet):
    """What is in the deleted file is sent first: the doctor does not say to stop the agent before that."""
    centre = fleet.centre()
    road = fleet.road(centre)
    agent = fleet.agent(centre, port=road.port)
    hand_in(agent, 1)
    road.cut()
    agent.submit(monthly(2))
    for file in agent.folder.glob("outbox.db*"):
        file.unlink()
    assert wait_for_code(agent, "outbox", "outbox_deleted")["command"] == "tram status"
    road.mend()
    wait_until(lambda: doctor(agent)["outbox"]["command"] == "systemctl restart tram-agent", "nothing to wait")
    follow(agent, doctor(agent)["outbox"])
    assert values_at(centre) == [1001, 1002]
    all_is_well(agent)


def test_the_outbox_of_another_agent(fleet):
    centre = fleet.centre()
    other = fleet.agent(centre, "agent-63-45")
    other.daemon.stop()
    agent = fleet.agent(centre, start=False)
    copy_outbox(other, agent.folder)
    agent.daemon.start()
    assert agent.daemon.wait() == 78
    assert code_of(agent, "agent") == "not_running"
    sight = wait_for_code(agent, "settings", "outbox_wrong")
    assert "agent-63-45" in sight["found"]
    assert agent.submit(monthly(1), check=False).returncode == 69
    follow(agent, sight)
    hand_in(agent, 1)
    all_is_well(agent)
    assert (agent.folder / "set-aside" / "outbox.db").exists()


def test_the_limit_of_the_outbox(fleet):
    centre = fleet.centre(start=False)  # nobody takes the reports
    agent = fleet.agent(centre, outbox_bytes="1MiB")
    rows = [POPULATION | {"dim:CELL": f"C{i}", "comment": "x" * 60} for i in range(250)]
    taken = 0
    while (done := agent.submit(csv_text(*rows, time_period=str(1980 + taken), reference_date=f"{1980 + taken}-12-31"),
                                check=False)).returncode == 0:
        taken += 1
        assert "not yet at the centre" in done.stderr
    assert done.returncode == 75 and "outbox_bytes" in done.stderr and not done.stdout
    sight = wait_for_code(agent, "hand_in", "outbox_full")
    assert sight["health"] == "ill"
    follow(agent, sight)
    assert "outbox_bytes = 2MiB" in agent.conf.read_text()
    wait_until(lambda: code_of(agent, "hand_in") == "fine", "room")
    agent.submit(monthly(1))
    # What the centre finds wrong in them takes ten times their room: that is told, and its way out is the same.
    centre.start()
    wait_until(lambda: agent.json("status")["acknowledged"] == taken + 1, "acknowledgements")
    while any(row["state"] != "judged" for row in agent.outbox()):
        sights = doctor(agent)
        if sights["link"]["code"] == "outbox_full":
            follow(agent, sights["link"])
        time.sleep(0.2)
    while code_of(agent, "hand_in") in ("outbox_full", "nearly_full"):
        follow(agent, doctor(agent)["hand_in"])
        time.sleep(0.2)
    all_is_well(agent)


def test_the_disk_is_full(fleet):
    agent = fleet.agent(fleet.centre(), free_bytes="1000000GiB")
    refused = agent.submit(monthly(1), check=False)
    assert refused.returncode == 75 and "free" in refused.stderr and not refused.stdout
    sight = wait_for_code(agent, "hand_in", "disk_full")
    assert "Filesystem" in follow(agent, sight)
    agent.write_settings(free_bytes="1MiB")  # as good as room
    agent.daemon.send(signal.SIGHUP)
    wait_until(lambda: code_of(agent, "hand_in") == "fine", "room")
    hand_in(agent, 1)
    all_is_well(agent)


# ---------------------------------------------------------------- the centre

def test_the_centre_is_restored_to_yesterday(fleet):
    """By itself: the agent fills it up again, and nobody has to do anything."""
    centre = fleet.centre()
    agent = fleet.agent(centre)
    hand_in(agent, 1)
    yesterday = centre.keep()
    hand_in(agent, 2, 3)
    centre.go_back(yesterday)
    wait_until(lambda: values_at(centre) == [1001, 1002, 1003], "the lost day")
    agent.wait_for_verdicts(3)
    all_is_well(agent)


def test_the_centre_is_restored_to_before_what_is_kept(fleet):
    centre = fleet.centre()
    agent = fleet.agent(centre)
    long_ago = centre.keep()
    hand_in(agent, 1, 2)
    agent.daemon.stop()
    agent.write_settings(retention="1s")
    agent.start()
    wait_until(lambda: agent.json("status")["first_kept"] == 0, "the end of the retention")
    agent.write_settings(retention="30d")
    agent.daemon.send(signal.SIGHUP)
    wait_until(lambda: "settings.reloaded" in agent.daemon.log(), "the settings")
    (kept,) = hand_in(agent, 3)
    centre.go_back(long_ago)
    sight = wait_for_code(agent, "link", "trimmed")
    missing = doctor(agent)["outbox"]
    assert missing["code"] == "missing"
    stem = kept.rsplit("/", 1)[0]
    assert f"{stem}/1-2," in missing["found"]
    assert " --renew-all " in sight["command"]
    assert "not yet at the centre" in agent.submit(monthly(4)).stderr
    follow(agent, sight)
    wait_until(lambda: values_at(centre) == [1003, 1004], "what was kept")
    hand_in(agent, 1, 2)  # the clerk's part: the files of what is missing
    assert values_at(centre) == [1001, 1002, 1003, 1004]
    all_is_well(agent)


def test_restored_on_both_sides(fleet):
    """The centre lost what it had acknowledged, and a copy went on meanwhile: all that is kept is handed in again."""
    centre = fleet.centre()
    agent = fleet.agent(centre)
    hand_in(agent, 1)
    agent.daemon.stop()
    copy = twin(fleet, agent, "copy")
    before = centre.keep()
    agent.start()
    hand_in(agent, 2, 3)
    agent.daemon.stop()
    centre.go_back(before)
    copy.start()
    hand_in(copy, 4)
    copy.daemon.stop()
    agent.start()
    sight = wait_for_code(agent, "link", "forked")
    assert " --renew-all " in sight["command"]
    follow(agent, sight)
    agent.wait_for_verdicts(3)
    assert values_at(centre) == [1001, 1002, 1003, 1004]
    all_is_well(agent)


def state(agent, value, *options):
    """One figure, each time anew."""
    row = POPULATION | {"value": str(value)}
    agent.submit(csv_text(row, time_period="2023", reference_date="2023-12-31"), *options)
    agent.wait_for_verdicts()


def history(centre):
    rows = centre.sql("SELECT value FROM tram.observation_history WHERE time_period = '2023' ORDER BY key")
    return [int(row[0]) for row in rows]


def reports_scored(centre):
    return centre.value("SELECT count(*) FROM tram.own_reports('2000-01-01', '2100-01-01', 'infinity')")


def test_a_new_epoch_joins_a_series_that_was_revised(fleet):
    """Renewed after a restore on both sides: what was revised in the epoch before stands in the history once."""
    centre = fleet.centre()
    agent = fleet.agent(centre)
    state(agent, 1100)
    for value in 1101, 1102:
        state(agent, value, "--revise", "đếm lại")
    agent.daemon.stop()
    copy = twin(fleet, agent, "copy")
    before = centre.keep()
    agent.start()
    state(agent, 1103, "--revise", "đếm lại")
    agent.daemon.stop()
    centre.go_back(before)
    copy.start()
    hand_in(copy, 4)
    copy.daemon.stop()
    scored = reports_scored(centre)
    agent.start()
    sight = wait_for_code(agent, "link", "forked")
    assert " --renew-all " in sight["command"]  # it has as many as it acknowledged, and others
    follow(agent, sight)
    agent.wait_for_verdicts(4)
    assert history(centre) == [1100, 1101, 1102, 1103]
    renewed = centre.sql("SELECT r.repeats IS NOT NULL FROM tram.report r JOIN tram.stream s ON s.stream_no = report_no >> 40"
                         " WHERE s.previous_epoch <> '' ORDER BY report_no")
    assert renewed == [(True,), (True,), (True,), (False,)]
    assert reports_scored(centre) == scored + 1
    assert json.loads(centre.tram("verify", "--format", "json").stdout)["sound"]
    # Said on purpose once more, it is a statement again.
    state(agent, 1101, "--revise", "đếm lại")
    assert history(centre) == [1100, 1101, 1102, 1103, 1101]
    all_is_well(agent)


# ---------------------------------------------------------------- keys

def test_the_agents_key_is_replaced(fleet):
    centre = fleet.centre()
    agent = fleet.agent(centre, handshake="500ms")
    hand_in(agent, 1)
    agent.daemon.stop()
    agent.key.unlink()
    agent.key.with_suffix(".pub").unlink()
    agent.tram("keys", "make", agent.name, "--out", agent.key)
    agent.start()
    sight = wait_for_code(agent, "link", "not_accepted")
    assert "not yet at the centre" in agent.submit(monthly(2)).stderr
    fingerprint = follow(agent, sight)
    assert agent.name in fingerprint
    centre.tram("agents", "accept", agent.key.with_suffix(".pub"))
    agent.wait_for_verdicts(2)
    assert values_at(centre) == [1001, 1002]
    all_is_well(agent)


def test_the_centres_signing_key_is_another(fleet):
    """The connection stands, and nothing that the centre acknowledges counts."""
    centre = fleet.centre()
    agent = fleet.agent(centre, start=False)
    own = agent.folder / "centre.pub"
    other = agent.folder / "other.key"
    agent.tram("keys", "make", "centre", "--out", other)
    theirs = {line.split(" = ")[0]: line for line in other.with_suffix(".pub").read_text().splitlines()}
    text = centre.key.with_suffix(".pub").read_text()
    own.write_text("\n".join(theirs["sign_public"] if line.startswith("sign_public") else line
                             for line in text.splitlines()) + "\n")
    agent.write_settings(centre_key_file=own)
    agent.start()
    agent.submit(monthly(1))
    sight = wait_for_code(agent, "proofs", "acks_unverified")
    follow(agent, sight)
    own.write_text(text)
    agent.daemon.stop()
    agent.start()
    agent.wait_for_verdicts(1)
    assert values_at(centre) == [1001]
    all_is_well(agent)
