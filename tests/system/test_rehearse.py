# SPDX-License-Identifier: Apache-2.0
"""
tram rules rehearse on a store that real agents filled: rules that are as they were change nothing, whatever was revised,
held, justified, decided or handed in again meanwhile; and what other rules would change is worked out here once more.
"""

import csv
import hashlib
import io
import json
import os
import random
import shutil
import subprocess
import sys

import pytest

from fleet import Fleet
from tramtest import BIN, REPORT, ROOT, csv_text, wait_until

SEED = int(os.environ.get("TRAM_TEST_SEED", "20260712"))  # the same every time: what fails, fails again
PROVINCES = ("46", "01", "79")
SEMESTERS = [f"{year}-S{half}" for year in (2021, 2022, 2023, 2024) for half in (1, 2)]
COUNTS = {"psp_registered_accounts": ("account", 90000), "psp_new_accounts": ("account", 9000),
          "eid_accounts_issued": ("account", 50000), "psp_online_payment_transactions": ("transaction", 25000)}
REASONS = [("", ""), ("campaign", "đợt cao điểm tháng 5"), ("seasonal", ""), ("no_such_code", "vì"), ("other", "x")]


def rehearse(centre, path, *options, status=None):
    done = centre.tram("rules", "rehearse", path, *options, "--format", "json", check=False)
    assert done.returncode in (0, 1), done.stdout + done.stderr
    found = json.loads(done.stdout)
    assert found["same"] == (done.returncode == 0), found
    assert status is None or done.returncode == status, f"seed {SEED}\n" + json.dumps(found, indent=1, ensure_ascii=False)
    return found


def changed_file(folder, name, change, of=ROOT / "deploy" / "catalogue"):
    """A file of the catalogue with every row given to change(), which returns it or another one."""
    folder.mkdir(exist_ok=True)
    with open(of / name, encoding="utf-8", newline="") as f:
        reader = csv.DictReader(f)
        rows = [change(dict(row)) for row in reader]
        columns = reader.fieldnames
    out = io.StringIO()
    writer = csv.DictWriter(out, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(row for row in rows if row)
    path = folder / name
    path.write_text(out.getvalue(), encoding="utf-8")
    return path


# ------------------------------------------------------------------ a history


def renew(agent):
    agent.daemon.stop()
    done = subprocess.run([str(BIN / "tram-agent"), "--renew", "-c", str(agent.conf)], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, env=dict(os.environ, TRAM_ALLOW_ROOT="yes", TRAM_LANG="en"))
    assert done.returncode == 0, done.stdout
    agent.start()


def a_value(rng, level, semester):
    """Mostly near what is usual, growing; sometimes what some rule minds."""
    usual = level * (10 + SEMESTERS.index(semester)) // 10
    kind = rng.random()
    if kind < 0.70:
        return str(usual * rng.randint(95, 110) // 100)
    return rng.choice([str(usual * 3), str(usual * 1000), str(usual // 3), "999999", "0", str(round(usual, -4)),
                       f"{usual}.5", "-3", str(usual)])


def an_observation(rng, area, indicator, semester):
    unit, level = COUNTS[indicator]
    o = {"indicator": indicator, "ref_area": f"63/{area}", "unit": unit, "unit_mult": "0", "obs_status": "A",
         "qualifier": "exact", "value": a_value(rng, level, semester), "justification_code": "", "justification": "",
         "missing_reason": "", "action": ""}
    kind = rng.random()
    if kind < 0.05:
        o |= {"value": "", "missing_reason": "not_collected", "obs_status": "M", "qualifier": ""}
    elif kind < 0.10:
        o |= {"value": "", "action": "withdraw", "obs_status": "", "qualifier": "", "unit": ""}
    elif kind < 0.14:
        o |= {"obs_status": "B"}
    elif kind < 0.17:
        o |= {"ref_area": "63/02"}
    if rng.random() < 0.4:
        o["justification_code"], o["justification"] = rng.choice(REASONS)
    return o


def a_report(rng, area):
    semester = rng.choice(SEMESTERS)
    year, half = semester.split("-S")
    base = REPORT | {"provider": f"P63-{area}", "dataflow": "public_services_province", "time_period": semester,
                     "reference_date": f"{year}-06-14" if half == "1" else f"{year}-12-14", "purpose": "backfill",
                     "reason": "Nạp số liệu các kỳ trước"}
    if rng.random() < 0.6:
        base |= {"purpose": "correction", "revises": "yes", "reason": rng.choice(["đính chính theo sổ gốc", "x"])}
    if rng.random() < 0.1:
        base |= {"report_justification_code": "merged", "report_justification": "sáp nhập đơn vị trực thuộc"}
    indicators = [i for i in COUNTS if rng.random() < 0.7] or ["psp_new_accounts"]
    return csv_text(*(an_observation(rng, area, i, semester) for i in indicators), base=base)


def decide(centre, rng):
    """As people of the centre decide: under the agent's row, with a verdict of its own. Sometimes by hand, without one."""
    waiting = centre.sql("SELECT q.area_no, q.key, h.report_no, h.agent_no, h.line FROM tram.quarantine q"
                         " JOIN tram.observation_history h USING (area_no, key) WHERE h.agent LIKE 'agent-63-' || chr(37) ORDER BY 1, 2")
    has_place = centre.value("SELECT count(*) FROM information_schema.columns WHERE table_schema = 'tram'"
                             " AND table_name = 'decision' AND column_name = 'verdict_seq'")
    for area_no, key, report_no, agent_no, line in waiting:
        if rng.random() < 0.5:
            continue
        decision, outcome = rng.choice([("released", 1), ("refused", 4)])
        with centre.postgres.connect(centre.database) as db, db.transaction():
            seq = db.execute("UPDATE tram.agent SET verdict_seq = verdict_seq + 1 WHERE agent_no = %s RETURNING verdict_seq",
                             (agent_no,)).fetchone()[0]
            db.execute("INSERT INTO tram.decision (area_no, key, decision, decided_by, reason" +
                       (", verdict_seq" if has_place else "") + ") VALUES (%s, %s, %s, 'Nguyễn Văn An', 'đã đối chiếu'" +
                       (f", {seq}" if has_place else "") + ")", (area_no, key, decision))
            db.execute("INSERT INTO tram.verdict (verdict_seq, report_no, known_at, agent_no, catalogue_version, words, cause,"
                       " outcomes) SELECT %s, report_no, clock_timestamp(), agent_no, catalogue_version, words, %s,"
                       " set_byte(outcomes, %s, %s) FROM tram.verdict WHERE agent_no = %s AND report_no = %s"
                       " ORDER BY verdict_seq DESC LIMIT 1", (seq, decision, line - 1, outcome, agent_no, report_no))


def settle(centre, agents):
    """All that was handed in has its verdict."""
    for agent in agents:
        wait_until(lambda agent=agent: all(row["state"] == "judged" for row in agent.outbox()), f"verdicts of {agent.name}")


def copies(centre, agents, semester):
    """One province's report, handed in by the two others too, when a peer cut knows it."""
    year, half = semester.split("-S")
    for turn, (area, agent) in enumerate(agents.items()):
        agent.submit(csv_text(
            *({"indicator": i, "ref_area": f"63/{area}", "value": str(level * 3 + 1234), "unit": unit, "unit_mult": "0",
               "obs_status": "A", "qualifier": "exact"} for i, (unit, level) in COUNTS.items()),
            base=REPORT | {"provider": f"P63-{area}", "dataflow": "public_services_province", "time_period": semester,
                           "reference_date": f"{year}-06-14" if half == "1" else f"{year}-12-14",
                           "report_justification_code": "verified_at_source",
                           "report_justification": "đã đối chiếu với sổ gốc"}))
        settle(centre, agents.values())
        wait_until(lambda turn=turn: turn == 2 or centre.value("SELECT count(*) FROM tram.peer_report k JOIN tram.report r"
                                                  " USING (agent_no, report_no) WHERE r.time_period = %s", semester) > turn,
                   "a cut that knows the report")


def close_some(centre, rng):
    """Periods are closed while reports come; what was judged before knows nothing of it."""
    for period in rng.sample(SEMESTERS, 3) + sorted({semester[:4] for semester in SEMESTERS}):
        done = centre.tram("periods", "close", "public_services_province", period, "--provisional", "--by", "Lê Văn An",
                           "--reason", "báo cáo", check=False)
        assert done.returncode in (0, 65), done.stderr  # 65: nothing came, or nothing has changed


def a_history(centre, agents, rng, rounds):
    for turn in range(rounds):
        if turn == 8:
            copies(centre, agents, "2025-S1")
        for area, agent in agents.items():
            for _ in range(rng.randint(1, 6)):
                text = a_report(rng, area)
                agent.submit(text, check=False)
                if rng.random() < 0.1:
                    agent.submit(text, check=False)  # once more, at another time
                if rng.random() < 0.15:  # another province hands in the same
                    other = rng.choice(PROVINCES)
                    agents[other].submit(text.replace(f"63-{area}", f"63-{other}").replace(f"63/{area}", f"63/{other}"),
                                         check=False)
        if turn % 3 == 1:
            settle(centre, agents.values())
            decide(centre, rng)
        if turn % 8 == 5:
            close_some(centre, rng)
        if turn % 4 == 2:
            centre.daemon.kill() if rng.random() < 0.5 else centre.daemon.stop()
            centre.start()
        if turn % 5 == 3:
            renew(rng.choice(list(agents.values())))
    settle(centre, agents.values())


def stricter_rules(folder):
    """The catalogue, in which two provinces are enough to be compared with."""
    fewer = {"DUNG-10.peers": "3", "SACH-10.provinces": "2", "SACH-09.figures": "3"}
    shutil.copytree(ROOT / "deploy" / "catalogue", folder / "catalogue")
    shutil.copytree(ROOT / "deploy" / "registry", folder / "registry")
    changed_file(folder / "catalogue", "parameters.csv",
                 lambda row: row | {"value": fewer.get(row["parameter"], row["value"])})
    return folder / "catalogue"


@pytest.fixture(scope="module")
def history(postgres, template, tmp_path_factory, session_folder):
    """A centre with a history; read only for all tests."""
    folder = session_folder / "rehearse"
    folder.mkdir()
    rng = random.Random(SEED)
    print(f"seed {SEED}")
    with Fleet(folder, postgres, template) as fleet:
        centre = fleet.centre(lanes="3", group_time="20ms", peer_cut_every="50ms")
        centre.rules = stricter_rules(folder)
        centre.tram("catalogue", "load", centre.rules)
        centre.daemon.stop()
        centre.start()
        agents = {area: fleet.agent(centre, f"agent-63-{area}").wait_for_codes() for area in PROVINCES}
        demo = folder / "demo"
        subprocess.run([sys.executable, str(ROOT / "deploy" / "demonstration" / "split.py"),
                        str(ROOT / "deploy" / "catalogue"), str(ROOT / "deploy" / "registry"), str(demo)], check=True)
        national = fleet.agent(centre, "agent-centre").wait_for_codes()
        for agent in (*agents.values(), national):
            for path in sorted((demo / agent.name).glob("*.csv")):
                agent.submit(path.read_bytes(), check=False)
        settle(centre, (*agents.values(), national))
        a_history(centre, agents, rng, 24)
        for daemon in (national, *agents.values(), centre):
            daemon.daemon.stop()
        yield centre


def digests(centre):
    """Of every table and sequence there is."""
    tables = centre.sql("SELECT c.relname, c.relkind FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
                        " WHERE n.nspname = 'tram' AND c.relkind IN ('r', 'S') ORDER BY 1")
    found = {}
    for name, kind in tables:
        rows = sorted(centre.sql(f"SELECT t::text FROM tram.{name} t" if kind in ("r", b"r") else
                                 f"SELECT (last_value, is_called)::text FROM tram.{name}"))
        found[name] = (len(rows), hashlib.sha256(repr(rows).encode()).hexdigest())
    return found


# ------------------------------------------------------------------ rules as they are


def test_the_history_has_all_that_is_promised(history):
    """Otherwise the next test would show little."""
    count = history.value
    assert count("SELECT count(*) FROM tram.verdict WHERE cause = 'received'") > 150
    assert count("SELECT count(DISTINCT cause) FROM tram.verdict") == 3
    assert count("SELECT max(n) FROM (SELECT count(*) AS n FROM tram.stream GROUP BY agent_no) s") >= 2
    assert count("SELECT count(*) FROM tram.observation WHERE flags & 1 <> 0") > 3
    assert count("SELECT count(*) FROM tram.observation WHERE flags & 4 <> 0") > 3
    assert count("SELECT count(*) FROM tram.observation WHERE key & 16383 >= 2") > 10
    assert count("SELECT count(*) FROM tram.decision WHERE decision = 'released'") > 3
    assert count("SELECT count(*) FROM tram.decision WHERE decision = 'refused'") > 3
    assert count("SELECT count(DISTINCT peer_cut) FROM tram.verdict") > 5
    assert count("SELECT count(*) FROM tram.report_finding WHERE rule = 'SACH-09' AND found <> ''") > 0
    for field in ("time_period", "longer_period"):
        assert count("SELECT count(*) FROM tram.report_finding WHERE rule = 'SONG-07' AND field = %s", field) > 3, field
    assert count("SELECT count(*) FROM tram.report r JOIN tram.closing c USING (dataflow, period) JOIN tram.verdict v USING"
                 " (agent_no, report_no) WHERE c.vintage = 1 AND v.cause = 'received' AND v.closing_no < c.closing_no") > 3
    rules = {rule for (rule,) in history.sql("SELECT DISTINCT rule FROM tram.report_finding")}
    assert rules >= {"DUNG-08", "DUNG-10", "SACH-01", "SACH-02", "SACH-06"}, rules


def test_rules_as_they_are_change_nothing(history):
    before = digests(history)
    found = rehearse(history, history.rules, status=0)
    judged = history.value("SELECT count(*) FROM tram.report WHERE repeats IS NULL")
    assert (found["reports_judged"], found["rules"], found["totals"]) == (judged, [], [])
    for name in ("parameters.csv", "rules.csv", "cross_rules.csv", "indicators.csv"):
        rehearse(history, history.rules / name, status=0)
    assert digests(history) == before
    assert "Everything would be as it is." in history.tram("rules", "rehearse", history.rules).stdout


# ------------------------------------------------------------------ other rules


def test_a_sum_that_may_differ(history, tmp_path):
    """139 = 11 + 26 + 113: held, and the published figure with it; not where the comparison allows a difference of 11."""
    def allow(row):
        return row | {"tolerance": "11"} if row["code"] == "etransaction_documents_total" else row

    before = digests(history)
    found = rehearse(history, changed_file(tmp_path, "cross_rules.csv", allow), status=1)
    assert [(f["indicator"], f["before"], f["after"], f["rules"]) for f in found["figures"]] \
        == [("etransaction_law_affected_documents", "held", "accepted", "DUNG-07")]
    assert found["rules"] == [{"rule": "DUNG-07", "come": 0, "go": 1}]
    (report,) = found["reports"]
    assert (report["before"]["dung"], report["after"]["dung"]) == ("held", "pass")
    assert [(p["provider"], p["figures"], p["before"]["held"], p["after"]["accepted"]) for p in found["provinces"]] \
        == [("C-MIC", 1, 1, 1)]
    rollup, claim = sorted(found["totals"], key=lambda t: t["figure_no"] or "")
    assert rollup["figure_no"] is None
    assert (rollup["before"]["value"], rollup["before"]["held"]) == (None, 1)
    assert (float(rollup["after"]["value"]), rollup["after"]["held"]) == (139, 0)
    assert (claim["before"]["state"], claim["after"]["state"]) == ("held", "equal")
    assert digests(history) == before, "something stayed"
    shown = history.tram("rules", "rehearse", tmp_path / "cross_rules.csv", check=False, language="vi")
    assert shown.returncode == 1 and "etransaction_law_affected_documents" in shown.stdout
    assert "giữ lại" in shown.stdout, shown.stdout


def lenient(row):
    changed = {"SACH-06.nines": "15", "DUNG-10.times_percent": "900", "DUNG-10.z_hundredths": "100000"}
    return row | {"value": changed.get(row["parameter"], row["value"])}


def places(found):
    return {(f["agent"], f["seq"], f["line"], f["before"], f["after"]) for f in found["figures"]}


def test_only_what_was_received_since(history, tmp_path):
    path = changed_file(tmp_path, "parameters.csv", lenient, history.rules)
    everything = rehearse(history, path, status=1)
    times = [at for (at,) in history.sql("SELECT received_at FROM tram.report ORDER BY received_at")]
    since = times[len(times) // 2]
    late = {(agent, seq) for agent, seq in history.sql(
        "SELECT st.agent, r.report_no FROM tram.report r JOIN tram.stream st ON st.stream_no = r.report_no >> 40"
        " WHERE r.received_at >= %s", since)}
    found = rehearse(history, path, "--since", since.isoformat())
    known = {(agent, no & ((1 << 40) - 1)) for agent, no in late}
    wanted = {p for p in places(everything) if p[:2] in known}
    assert 0 < len(places(found)) < len(places(everything))
    assert places(found) <= wanted and found["reports_judged"] == len(
        history.sql("SELECT FROM tram.report WHERE received_at >= %s AND repeats IS NULL", since))
    one = rehearse(history, path, "--agent", "agent-63-46")
    assert places(one) == {p for p in places(everything) if p[0] == "agent-63-46"}


@pytest.fixture(scope="module")
def jumps(postgres, template, session_folder):
    """Two provinces whose figures grow by known steps; (centre, area -> semester -> value)."""
    folder = session_folder / "jumps"
    folder.mkdir()
    rng = random.Random(SEED)
    told = {}
    with Fleet(folder, postgres, template) as fleet:
        centre = fleet.centre()
        for area in ("46", "79"):
            agent = fleet.agent(centre, f"agent-63-{area}").wait_for_codes()
            value, told[area] = rng.randint(20000, 40000), {}
            for semester in SEMESTERS[:5]:
                year, half = semester.split("-S")
                told[area][semester] = value = value // 10 * 10 + 7  # no round number
                agent.submit(csv_text(
                    {"indicator": "eid_accounts_issued", "ref_area": f"63/{area}", "value": str(value), "unit": "account",
                     "unit_mult": "0", "obs_status": "A", "qualifier": "exact"},
                    base=REPORT | {"provider": f"P63-{area}", "dataflow": "public_services_province",
                                   "time_period": semester,
                                   "reference_date": f"{year}-06-14" if half == "1" else f"{year}-12-14"}))
                value = value * rng.choice([11, 15, 22, 25, 28, 35]) // 10
            settle(centre, [agent])
            agent.daemon.stop()
        centre.daemon.stop()
        yield centre, told


@pytest.mark.parametrize("times", (150, 200, 260, 300, 400))
def test_a_parameter_changes_what_it_should(jumps, tmp_path, times):
    """DUNG-10 with few points: held when more than so many times the last that stands, as it stands in the store."""
    centre, told = jumps
    path = changed_file(tmp_path, "parameters.csv", lambda row: row | (
        {"value": str(times)} if row["parameter"] == "DUNG-10.times_percent" else {}))
    found = rehearse(centre, path)
    flips, now, then = set(), {}, {}
    for area, values in told.items():
        last = None
        for seq, (semester, value) in enumerate(values.items(), 1):
            held = last is not None and 100 * value > 200 * last
            would = last is not None and 100 * value > times * last and 5 * value > 6 * last
            if held != would:
                flips.add((f"agent-63-{area}", seq, 1, "held" if held else "accepted", "held" if would else "accepted"))
            now.setdefault(semester, []).append(None if held else value)
            then.setdefault(semester, []).append(None if would else value)
            last = last if held else value
    assert {(a, s, n, b.replace("accepted_with_warnings", "accepted"), c.replace("accepted_with_warnings", "accepted"))
            for a, s, n, b, c in places(found)} == flips, f"seed {SEED}: {told}"
    def total(values):
        return sum(filter(None, values)), values.count(None)

    totals = {t["time_period"]: tuple((int(t[side]["value"] or 0), t[side]["held"]) for side in ("before", "after"))
              for t in found["totals"]}
    assert totals == {s: (total(now[s]), total(then[s])) for s in now if now[s] != then[s]}


def test_what_cannot_be_rehearsed(history, tmp_path):
    def status(path, *options):
        return history.tram("rules", "rehearse", path, *options, check=False)

    (tmp_path / "parameters.csv").write_text("parameter,value,note_vi,note_en\nSACH-06.nines,many,,\n", encoding="utf-8")
    done = status(tmp_path / "parameters.csv")
    assert done.returncode == 65 and "parameters.csv:2" in done.stderr
    (tmp_path / "notes.csv").write_text("a,b\n", encoding="utf-8")
    assert status(tmp_path / "notes.csv").returncode == 64
    assert status(tmp_path / "rules.csv").returncode == 66
    assert status(ROOT / "deploy" / "catalogue", "--since", "yesterday").returncode == 64
    assert status(ROOT / "deploy" / "catalogue", "--agent", "agent-of-nobody").returncode == 64


def test_a_figure_of_another_area_confuses_no_series(fleet, tmp_path):
    """It is refused, and is beside figures whose past is asked for with its own: each has its own answer."""
    centre = fleet.centre()
    agent = fleet.agent(centre, "agent-63-46").wait_for_codes()

    def hand_in(semester, growth, more=()):
        year, half = semester.split("-S")
        own = [{"indicator": i, "ref_area": "63/46", "value": str(level * growth // 10 + 7)} for i, (_, level) in COUNTS.items()
               if i in ("eid_accounts_issued", "psp_online_payment_transactions")]
        agent.submit(csv_text(*({"unit": COUNTS[o["indicator"]][0], "unit_mult": "0", "obs_status": "A", "qualifier": "exact"} | o
                                for o in (*own, *more)),
                              base=REPORT | {"provider": "P63-46", "dataflow": "public_services_province", "time_period": semester,
                                             "reference_date": f"{year}-06-14" if half == "1" else f"{year}-12-14"}))

    for semester in SEMESTERS[:3]:
        hand_in(semester, 10 + SEMESTERS.index(semester))
    settle(centre, [agent])
    centre.daemon.stop()
    renew(agent)  # so that it has no codes, by which it would find the mistake itself
    hand_in(SEMESTERS[3], 30, [{"indicator": i, "ref_area": "63/02", "value": "1237"} for i in COUNTS])
    centre.start()  # with nothing in memory
    settle(centre, [agent])
    found = centre.sql("SELECT line FROM tram.report_finding WHERE report_no = (SELECT max(report_no) FROM tram.report)"
                       " AND rule = 'DUNG-10' AND severity = 'J' ORDER BY line")
    assert found == [(1,), (2,)], "both are 2.5 times what was before"
    rehearse(centre, ROOT / "deploy" / "catalogue", status=0)
