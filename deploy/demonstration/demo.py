#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""
Runs the demonstration that deploy/demo has laid out in DIR; started by it, as an unprivileged user.

DIR/usr       the programs as installed        DIR/postgres   the private cluster, on a Unix socket only
DIR/handin    the files to hand in             DIR/centre     keys and settings of the aggregator
DIR/run       sockets                          DIR/agents     keys, settings and outbox of each agent
DIR/log       what everything printed

All that is started is a child of this process, and dies with it. Python's standard library only.
"""

import argparse
import csv
import datetime
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import time

from collections import Counter

CENTRE_AGENT = "agent-centre"
HELD_FIGURE = "etransaction_law_affected_documents"  # 139, which is not the sum of its parts in the source
REAL_FIGURES = ("population", "land_area", "population_density", "grdp_per_capita")
PATIENCE_S = 120  # for anything that is waited for

EXIT_NOT_AS_IT_SHOULD_BE = 1
EXIT_SOFTWARE = 70


class Failure(Exception):
    """Something that the person who started the demonstration must see; no traceback."""


# ---------------------------------------------------------------- words and progress

def vietnamese():
    for name in ("TRAM_LANG", "LC_ALL", "LC_MESSAGES", "LANG"):
        if os.environ.get(name):
            return os.environ[name].startswith("vi")
    return False


def text(english, in_vietnamese):
    return in_vietnamese if vietnamese() else english


def say(english, in_vietnamese):
    print(text(english, in_vietnamese), flush=True)


class Step:
    """One step of the way: a counter that moves on a terminal, one line when done in a pipe."""

    def __init__(self, english, in_vietnamese, total=0):
        self.label, self.total, self.done = text(english, in_vietnamese), total, 0
        self.began = time.monotonic()
        self.live = sys.stdout.isatty()

    def __enter__(self):
        self.show()
        return self

    def advance(self, by=1):
        self.done += by
        self.show()

    def show(self):
        if self.live:
            count = f" {self.done}/{self.total}" if self.total else ""
            print(f"\r  {self.label}{count} ... ", end="", flush=True)

    def __exit__(self, kind, *_):
        if kind is None:
            count = f" ({self.done})" if self.total else ""
            start = "\r\x1b[K" if self.live else ""
            print(f"{start}  {self.label}{count}: {time.monotonic() - self.began:.1f} s", flush=True)
        elif self.live:
            print(flush=True)


def wait_until(condition, what, patience_s=PATIENCE_S):
    """What condition() returns, as soon as it is true; looks again a little later each time."""
    deadline = time.monotonic() + patience_s
    pause = 0.02
    while not (result := condition()):
        if time.monotonic() > deadline:
            raise Failure(text(f"waited {patience_s} s in vain for {what}", f"đợi {patience_s} giây mà vẫn chưa có {what}"))
        time.sleep(pause)
        pause = min(pause * 1.5, 0.5)
    return result


# ---------------------------------------------------------------- processes

class Children:
    """What was started here, and nothing else: stopped in reverse order, by process id."""

    def __init__(self, directory):
        self.directory = directory
        self.started = []  # (name, Popen, signal that ends it)

    def start(self, name, command, end=signal.SIGTERM):
        log = open(self.directory / "log" / f"{name}.log", "ab")
        # Should this process be killed, the kernel ends its children.
        process = subprocess.Popen(["setpriv", "--pdeathsig", signal.Signals(end).name.removeprefix("SIG"), *command],
                                   stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        log.close()
        self.started.append((name, process, end))
        (self.directory / "run" / f"{name}.pid").write_text(f"{process.pid}\n")
        return process

    def log_tail(self, name):
        lines = (self.directory / "log" / f"{name}.log").read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join(lines[-12:])

    def check(self):
        for name, process, _ in self.started:
            if process.poll() is not None:
                raise Failure(text(f"{name} has ended (status {process.returncode}). Its last words:\n",
                                   f"{name} đã dừng (mã {process.returncode}). Những dòng cuối:\n") + self.log_tail(name))

    def stop(self):
        """Agents first, then the centre, then PostgreSQL."""
        waves = {}
        for name, process, end in reversed(self.started):
            waves.setdefault("agent" if name.startswith("agent-") else name, []).append((name, process, end))
        for wave in waves.values():
            for _, process, end in wave:
                if process.poll() is None:
                    process.send_signal(end)
            for name, process, _ in wave:
                self.reap(name, process)
        self.started = []

    def reap(self, name, process):
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            say(f"  {name} does not end by itself: killed", f"  {name} không tự dừng: buộc dừng")
            process.kill()
            process.wait()
        (self.directory / "run" / f"{name}.pid").unlink(missing_ok=True)


def run(command, what, allow=(0,), **kwargs):
    """A command that must end well; its output."""
    result = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            text=True, errors="replace", **kwargs)
    if result.returncode not in allow:
        shown = " ".join(str(word) for word in command)
        raise Failure(f"{what}: {shown}\n{(result.stderr or result.stdout).strip()}")
    return result.stdout


# ---------------------------------------------------------------- PostgreSQL

STARTED_BY_ROOT = "TRAM_DEMO_STARTED_BY_ROOT" in os.environ


class Postgres:
    """A cluster of our own: Unix socket only, peer authentication, fsync as it should be."""

    ROLES = ("tram_writer", "tram_reader", "tram_auditor", "tram_operator", "tram_admin")

    def __init__(self, directory, children):
        self.data, self.run, self.children = directory / "postgres", directory / "run", children
        self.log = directory / "log"
        self.programs = self.find_programs()
        self.user = run(["id", "-un"], "id").strip()

    @staticmethod
    def find_programs():
        versions = [p for p in pathlib.Path("/usr/lib/postgresql").glob("*/bin/initdb") if int(p.parts[-3]) >= 15]
        if not versions:
            raise Failure(text("no PostgreSQL 15 or newer: run deploy/install-packages",
                               "không có PostgreSQL 15 trở lên: hãy chạy deploy/install-packages"))
        return max(versions, key=lambda p: int(p.parts[-3])).parent

    def conninfo(self, role, database="tram"):
        return f"host={self.run} dbname={database} user={role}"

    def init(self):
        if (self.data / "PG_VERSION").exists():
            return
        run([self.programs / "initdb", "-D", self.data, "-U", "postgres", "-E", "UTF8", "--locale=C.UTF-8",
             "--auth=peer"], "initdb")
        with open(self.data / "postgresql.conf", "a", encoding="utf-8") as f:
            f.write(f"listen_addresses = ''\nunix_socket_directories = '{self.run}'\nport = 5432\n"
                    "max_connections = 50\nshared_buffers = 128MB\nmax_wal_size = 1GB\n")
        (self.data / "pg_hba.conf").write_text("local all all peer map=tram\n")

    def admit(self):
        """Who may be which role: the user that runs all this and, where root started it, root."""
        users = [self.user] + (["root"] if STARTED_BY_ROOT else [])
        roles = ("postgres",) + self.ROLES
        (self.data / "pg_ident.conf").write_text("".join(f"tram {user} {role}\n" for user in users for role in roles))

    def start(self):
        self.init()
        self.admit()
        process = self.children.start("postgresql", [self.programs / "postgres", "-D", self.data], end=signal.SIGINT)
        wait_until(lambda: self.answers() or process.poll() is not None, "PostgreSQL")
        self.children.check()

    def answers(self):
        return subprocess.run([self.programs / "pg_isready", "-q", "-h", self.run], check=False).returncode == 0

    def make_database(self):
        sql = "SELECT 1 FROM pg_database WHERE datname = 'tram'"
        psql = [self.programs / "psql", "-X", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", self.conninfo("postgres", "postgres")]
        if not run([*psql, "-c", sql], "psql").strip():
            run([*psql, "-c", "CREATE DATABASE tram ENCODING 'UTF8' LOCALE 'C.UTF-8' TEMPLATE template0"], "psql")


# ---------------------------------------------------------------- the demonstration

def free_ports(n):
    """Below the range the kernel gives to outgoing connections, so that nobody takes them meanwhile."""
    taken = []
    try:
        for port in range(20000 + os.getpid() % 10000, 32768):
            s = socket.socket()
            try:
                s.bind(("127.0.0.1", port))
            except OSError:
                s.close()
                continue
            taken.append(s)
            if len(taken) == n:
                return [s.getsockname()[1] for s in taken]
    finally:
        for s in taken:
            s.close()
    raise Failure(text("no free ports below 32768", "không còn đủ cổng trống dưới 32768"))


class Demo:
    def __init__(self, directory, agents):
        self.directory = directory
        self.programs = directory / "usr"
        self.share = directory / "usr" / "share" / "tram"
        self.children = Children(directory)
        self.postgres = Postgres(directory, self.children)
        self.settings = directory / "centre" / "tram-aggregator.conf"
        self.provinces = [p for p in self.read("catalogue/providers.csv") if p["kind"] == "province"][:agents]
        self.agents = [p["agent"] for p in self.provinces] + [CENTRE_AGENT]
        self.port = self.http_port = 0
        self.problems = []

    def read(self, name):
        with open(self.share / name, encoding="utf-8", newline="") as f:
            return list(csv.DictReader(f))

    # -------- commands of tram

    def tram(self, *words, agent=None, parse=False, allow=(0,)):
        environment = dict(os.environ, TRAM_CENTRE=str(self.settings))
        if parse:
            environment["TRAM_LANG"] = "en"  # words in JSON are for this program
        if agent:
            environment["TRAM_AGENT_SOCKET"] = str(self.agent_socket(agent))
        if parse:
            words += ("--format", "json")
        output = run([self.programs / "bin" / "tram", *words], "tram", allow=allow, env=environment)
        return json.loads(output) if parse else output

    def agent_folder(self, agent):
        return self.directory / "agents" / agent

    def agent_socket(self, agent):
        return self.directory / "run" / agent

    # -------- start

    def prepare(self):
        for name in ("run", "centre", "agents"):
            (self.directory / name).mkdir(mode=0o700, exist_ok=True)
        for agent in self.agents:
            self.agent_folder(agent).mkdir(mode=0o700, exist_ok=True)

    def start_store(self):
        with Step("PostgreSQL, schema, catalogue", "PostgreSQL, lược đồ, danh mục"):
            self.postgres.start()
            self.postgres.make_database()
            self.port, self.http_port = free_ports(2)
            self.write_settings()
            self.tram("store", "migrate", "--database", self.postgres.conninfo("postgres"))
            self.tram("catalogue", "load", str(self.share / "catalogue"))

    def write_settings(self):
        self.settings.write_text(
            f"road = tcp://127.0.0.1:{self.port}\n"
            f"feed = ipc://{self.directory}/run/feed\n"
            f"http = 127.0.0.1:{self.http_port}\n"
            f"control = {self.directory}/run/centre\n"
            f"key_file = {self.directory}/centre/centre.key\n"
            f"database = {self.postgres.conninfo('tram_writer')}\n"
            f"reader_database = {self.postgres.conninfo('tram_reader')}\n"
            f"auditor_database = {self.postgres.conninfo('tram_auditor')}\n"
            f"operator_database = {self.postgres.conninfo('tram_operator')}\n"
            f"admin_database = {self.postgres.conninfo('tram_admin')}\n", encoding="utf-8")
        for agent in self.agents:
            folder = self.agent_folder(agent)
            (folder / "tram-agent.conf").write_text(
                f"agent = {agent}\n"
                f"directory = {folder}\n"
                f"key_file = {folder}/{agent}.key\n"
                f"centre = tcp://127.0.0.1:{self.port}\n"
                f"centre_key_file = {self.directory}/centre/centre.pub\n"
                f"control = {self.agent_socket(agent)}\n", encoding="utf-8")

    def make_keys(self):
        wanted = [("centre", self.directory / "centre" / "centre.key")]
        wanted += [(agent, self.agent_folder(agent) / f"{agent}.key") for agent in self.agents]
        wanted = [(name, path) for name, path in wanted if not path.exists()]
        with Step("Keys", "Khóa", len(wanted)) as step:
            for name, path in wanted:
                self.tram("keys", "make", name, "--out", str(path))
                step.advance()
            self.tram("agents", "accept", *(str(self.agent_folder(agent) / f"{agent}.pub") for agent in self.agents))

    def start_centre(self):
        with Step("The aggregator", "Bộ tổng hợp"):
            self.children.start("aggregator", [self.programs / "sbin" / "tram-aggregator", self.settings])
            self.wait_for_socket("aggregator", self.directory / "run" / "centre")

    def start_agents(self):
        with Step("Agents", "Trạm tỉnh", len(self.agents)) as step:
            for agent in self.agents:
                self.children.start(agent, [self.programs / "sbin" / "tram-agent",
                                            self.agent_folder(agent) / "tram-agent.conf"])
            for agent in self.agents:
                self.wait_for_socket(agent, self.agent_socket(agent))
                step.advance()

    def wait_for_socket(self, name, path):
        def answers():
            self.children.check()
            with socket.socket(socket.AF_UNIX) as s:
                try:
                    s.connect(str(path))
                    return True
                except OSError:
                    return False
        wait_until(answers, name)

    # -------- hand in

    def outbox(self, agent):
        return self.tram("outbox", "list", "--limit", "0", agent=agent, parse=True)

    def hand_in(self):
        files = [(agent, path) for agent in self.agents for path in sorted((self.directory / "handin" / agent).glob("*.csv"))]
        known = {agent: {row["file"] for row in self.outbox(agent)} for agent in self.agents}
        fresh = [(agent, path) for agent, path in files if str(path) not in known[agent]]
        with Step("Files handed in", "Tệp đã nộp", len(fresh)) as step:
            for agent, path in fresh:
                self.tram("submit", str(path), "--from", "csv", agent=agent)
                step.advance()
        if len(fresh) < len(files):
            kept = len(files) - len(fresh)
            say(f"  {kept} files were handed in at an earlier start: they are not sent again",
                f"  {kept} tệp đã nộp ở lần chạy trước: không gửi lại")

    def verdicts(self, agent):
        """Of what the demonstration handed in; not of what somebody tried besides."""
        own = str(self.directory / "handin" / agent) + "/"
        return [row for row in self.tram("verdicts", agent=agent, parse=True) if (row["file"] or "").startswith(own)]

    def wait_for_verdicts(self):
        with Step("Reports with their verdict", "Báo cáo đã có kết luận", 1) as step:
            step.total = sum(len(self.outbox(agent)) for agent in self.agents)
            for agent in self.agents:
                def judged():
                    self.children.check()
                    rows = self.outbox(agent)
                    return rows if all(row["state"] == "judged" for row in rows) else None
                step.advance(len(wait_until(judged, f"{agent}")))


# ---------------------------------------------------------------- what is shown

def moment(rfc3339):
    return datetime.datetime.fromisoformat(rfc3339.replace("Z", "+00:00"))


def percentile(values, percent):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, percent * len(ordered) // 100)] if ordered else 0


ASKING_RULE = "DUNG-10"


class Tally:
    """What became of one agent's reports."""

    def __init__(self, verdicts):
        self.reports = len(verdicts)
        self.outcomes = Counter()
        self.waited_ms = []
        self.asked = [(verdict["time_period"], finding) for verdict in verdicts for finding in verdict["findings"]
                      if finding["rule"] == ASKING_RULE and finding["severity"] == "justify"]
        for verdict in verdicts:
            for name in ("accepted", "warned", "held", "refused", "duplicate"):
                self.outcomes[name] += verdict[name]
            waited = moment(verdict["stored_at"]) - moment(verdict["handed_in_at"])
            self.waited_ms.append(waited // datetime.timedelta(milliseconds=1))

    def line(self):
        good = self.outcomes["accepted"] + self.outcomes["warned"]
        return f"{self.reports:>4} {good:>4} {self.outcomes['held']:>4} {self.outcomes['refused']:>4} " \
               f"{percentile(self.waited_ms, 50):>5} {percentile(self.waited_ms, 99):>5}"


def show_agents(demo, tallies):
    areas = {a["area"]: a["short_name_vi"] for a in demo.read("registry/areas.csv") if a["vintage"] == "63"}
    names = {p["agent"]: areas[p["area"]] for p in demo.provinces} | {CENTRE_AGENT: text("(the centre)", "(trung ương)")}
    head = text(" rep  acc held  ref  p50ms p99ms", " bcáo nhận  giữ   từ  p50ms p99ms")
    print()
    say("Agents: reports; figures accepted, held, refused; time from hand-in to verdict (half, and 99 in 100, within)",
        "Trạm: số báo cáo; số liệu được nhận, giữ lại, từ chối; thời gian từ khi nộp đến khi có kết luận (nửa số, và 99%, trong)")
    columns = max(1, shutil.get_terminal_size((160, 24)).columns // (17 + len(head) + 3))
    rows = -(-len(demo.agents) // columns)
    print("  " + "   ".join(f"{'':17}{head}" for _ in range(columns)))
    for row in range(rows):
        print("  " + "   ".join(f"{names[agent]:17}{tallies[agent].line():>{len(head)}}" for agent in demo.agents[row::rows]))


def show_figures(demo):
    """The published figures beside the roll-ups; tram prints the table, and counts."""
    print()
    say("Published figures beside the national roll-ups", "Số đã công bố đặt cạnh số tổng hợp cả nước")
    print(demo.tram("claims", "check", allow=(0, 1)))


def show_asked(demo, tallies):
    """What jumped, was asked about, and was taken with the reason that came with it: one of them, and how many there are."""
    asked = [(agent, period, finding) for agent, tally in tallies.items() for period, finding in tally.asked]
    if not asked:
        return
    reasons = {(row["indicator"], row["time_period"]): row["justification"] for row in demo.read("demonstration/justifications.csv")}
    names = {row["code"]: row[text("name_en", "name_vi")] for row in demo.read("catalogue/indicators.csv")}
    agent, period, finding = max(asked, key=lambda one: one[1])
    print()
    say(f"{len(asked)} figures jumped from their own past, gave a reason, and are taken with it ({ASKING_RULE}). One of them:",
        f"{len(asked)} số liệu khác hẳn các kỳ trước, có kèm giải trình và được nhận ({ASKING_RULE}). Một trong số đó:")
    print(f"  {agent}  {names[finding['indicator']]}, {period}: {finding['found']}  ({finding['expected']})")
    print(f"  {reasons.get((finding['indicator'], period), '?')}")


def show_real(demo):
    """One table of several roll-ups: the first one's head, then each one's row, lined up."""
    print()
    say("Real statistics of 2024, rolled up", "Số liệu thống kê thật năm 2024, tổng hợp")
    lines = [re.split(r"\s{2,}", line) for indicator in REAL_FIGURES
             for line in demo.tram("rollup", indicator, "--period", "2024").splitlines() if line]
    rows = [lines[0]] + lines[1::2]
    widths = [max(len(row[i]) if i < len(row) else 0 for row in rows) for i in range(len(lines[0]))]
    for row in rows:
        print("  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths)))


def show_what_next(demo):
    directory = demo.directory
    print()
    say("Try next, in another terminal:", "Thử tiếp, ở một cửa sổ khác:")
    print(f"""
  export PATH={directory}/usr/bin:$PATH TRAM_CENTRE={demo.settings} TRAM_AGENT_SOCKET={demo.agent_socket(demo.agents[0])}
  tram tail                                       # {text("what comes in, live", "những gì đang về, trực tiếp")}
  tram rollup psp_registered_accounts --period 2024-S1 --level region
  tram explain population 2024                    # {text("what a figure is made of", "một con số gồm những gì")}
  tram claims check                               # {text("the table above", "bảng ở trên")}
  tram quarantine list                            # {text("the one that is held, and why", "số đang được giữ, và vì sao")}
  tram verify                                     # {text("all that is stored is what was signed", "mọi thứ đã lưu đúng là điều đã ký")}
  tram status; tram verdicts                      # {text("as the first province sees it", "như tỉnh đầu tiên nhìn thấy")}
  tram trace TICKET; tram receipt TICKET          # {text("of a ticket in tram verdicts", "với một phiếu nộp trong tram verdicts")}
  curl 'http://127.0.0.1:{demo.http_port}/api/v1/rollups?indicator=population&level=region'
""")
    if STARTED_BY_ROOT:
        say("  (as root: sockets and database are open to root and to the user tram)",
            "  (với quyền root: socket và cơ sở dữ liệu mở cho root và người dùng tram)")


# ---------------------------------------------------------------- is all as it should be?

def judge_agents(demo, tallies):
    """One line for each thing that is not as it should be."""
    held = sum(t.outcomes["held"] for t in tallies.values())
    refused = sum(t.outcomes["refused"] for t in tallies.values())
    if refused:
        yield text(f"{refused} figures were refused; none should be", f"{refused} số liệu bị từ chối; đáng lẽ không có")
    asked, expected = sum(len(t.asked) for t in tallies.values()), 2 * len(demo.provinces)
    if asked != expected:
        yield text(f"{asked} figures were asked for a reason; it should be {expected}",
                   f"{asked} số liệu phải giải trình; đáng lẽ {expected}")
    if held != 1 or tallies[CENTRE_AGENT].outcomes["held"] != 1:
        yield text(f"{held} figures are held; it should be one, of the centre", f"{held} số liệu bị giữ; đáng lẽ chỉ một, của trung ương")


def judge_claims(demo):
    """79 equal and one held; with provinces missing, whatever they report must say so by its coverage."""
    claims = demo.tram("claims", "check", parse=True, allow=(0, 1))
    reporting = len(demo.provinces)
    if len(claims) != 80:
        yield text(f"{len(claims)} published figures, not 80", f"{len(claims)} số đã công bố, không phải 80")
    for claim in claims:
        if claim["indicator"] == HELD_FIGURE:
            fine = claim["state"] == "held"
        elif claim["areas_expected"] > 1 and reporting < 63:
            fine = claim["finality"] == "provisional" and claim["areas_reporting"] == reporting
        else:
            fine = claim["state"] == "holds"
        if not fine:
            yield "{figure_no}. {indicator} {time_period}: {state}, {areas_reporting}/{areas_expected}".format(**claim)


def show_judgement(demo, problems):
    print()
    if problems:
        say("Not as it should be:", "Chưa đúng như phải có:")
        for problem in problems:
            print(f"  {problem}")
    elif len(demo.provinces) < 63:
        say(f"All is as it should be: {len(demo.provinces)} of 63 provinces report, and every figure that needs all of them is "
            "provisional and says how much it covers.",
            f"Mọi thứ đúng như phải có: {len(demo.provinces)} trên 63 tỉnh báo cáo, và số nào cần đủ các tỉnh đều là tạm tính "
            "và nêu rõ mức bao phủ.")
    else:
        say("All is as it should be: every report has its verdict, 79 figures are equal to the last published digit, and one is "
            "rightly held: the source says 139 documents, of which 11, 26 and 113.",
            "Mọi thứ đúng như phải có: báo cáo nào cũng có kết luận, 79 số bằng số đã công bố đến chữ số cuối cùng, và một số "
            "được giữ lại là phải: nguồn ghi 139 văn bản, gồm 11, 26 và 113.")


def stay(demo):
    say("Ctrl-C stops everything that was started.", "Ctrl-C dừng tất cả những gì đã chạy.")
    while True:
        demo.children.check()
        time.sleep(1)


def run_demo(demo, once):
    demo.prepare()
    demo.start_store()
    demo.make_keys()
    demo.start_centre()
    demo.start_agents()
    demo.hand_in()
    demo.wait_for_verdicts()
    tallies = {agent: Tally(demo.verdicts(agent)) for agent in demo.agents}
    show_agents(demo, tallies)
    show_figures(demo)
    show_asked(demo, tallies)
    show_real(demo)
    problems = [*judge_agents(demo, tallies), *judge_claims(demo)]
    show_judgement(demo, problems)
    if once:
        return EXIT_NOT_AS_IT_SHOULD_BE if problems else 0
    show_what_next(demo)
    stay(demo)
    return 0


def interrupt(*_):
    raise KeyboardInterrupt


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("directory", type=pathlib.Path)
    parser.add_argument("--agents", type=int, default=63)
    parser.add_argument("--once", action="store_true")
    arguments = parser.parse_args()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)
    demo = Demo(arguments.directory, arguments.agents)
    status = EXIT_SOFTWARE
    try:
        status = run_demo(demo, arguments.once)
    except KeyboardInterrupt:
        print()
        status = 130 if arguments.once else 0
    except Failure as failure:
        print(f"\ndemo: {failure}", file=sys.stderr)
    finally:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)  # stopping is not to be interrupted
        if demo.children.started:
            say("Stopping ...", "Đang dừng ...")
        demo.children.stop()
    return status


if __name__ == "__main__":
    sys.exit(main())
