# SPDX-License-Identifier: Apache-2.0
"""Cases, and the program that judges them: a report, and what is known beside it."""

import copy
import datetime
import importlib
import os
import pathlib
import struct
import subprocess
import sys
import tempfile
from fractions import Fraction

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [folder for folder in (str(HERE), str(HERE.parent / "interop")) if folder not in sys.path]

from roadbook import PROTO, messages  # noqa: E402


def _compile():
    messages()
    with tempfile.TemporaryDirectory() as out:
        subprocess.run(["protoc", f"--proto_path={PROTO}", f"--proto_path={HERE}", f"--python_out={out}", "judge.proto"],
                       check=True)
        sys.path.insert(0, out)
        try:
            return importlib.import_module("judge_pb2")
        finally:
            sys.path.remove(out)


pb, jpb = messages(), _compile()

ACCEPTED, WARNED, HELD, REFUSED, DUPLICATE = 1, 2, 3, 4, 5
INFORM, WARN, JUSTIFY, BLOCK = 1, 2, 3, 4
PASS = 1
TAKEN = (ACCEPTED, WARNED)
DUNG, DU, SACH, SONG = range(4)

VIETNAM = datetime.timezone(datetime.timedelta(hours=7))
DAY_US = 86400 * 10**6


def moment(day, time="08:00:00"):
    """Microseconds since 1970 of a time in Viet Nam."""
    at = datetime.datetime.fromisoformat(f"{day}T{time}").replace(tzinfo=VIETNAM)
    return int(at.timestamp()) * 10**6


# ---------------------------------------------------------------- cases

class Case:
    """A report, and by line what is known; copies are independent."""

    def __init__(self, report, agent, received_us):
        self.report, self.agent = report, agent
        self.received_us = self.handed_in_us = received_us
        self.lines = [jpb.Line() for _ in report.observations]
        self.stands, self.reported, self.look_alike = [], None, None

    def __repr__(self):
        return f"Case({self.agent}, received {self.received_us}, {self.report!s}, known {self.lines!s}, {self.stands!s})"

    def copy(self):
        return copy.deepcopy(self)

    def permuted(self, order):
        """The same with its lines in another order."""
        other = self.copy()
        del other.report.observations[:]
        other.report.observations.extend(self.report.observations[i] for i in order)
        other.lines = [copy.deepcopy(self.lines[i]) for i in order]
        return other

    def add(self, observation, line=None):
        self.report.observations.append(observation)
        self.lines.append(line or jpb.Line())

    def request(self, report_bytes=None):
        r = jpb.Request(report=self.report.SerializeToString() if report_bytes is None else report_bytes, agent=self.agent,
                        received_at_us=self.received_us, handed_in_at_us=self.handed_in_us, lines=self.lines,
                        stands=self.stands, look_alike=self.look_alike, reported_known=self.reported is not None,
                        reported=self.reported or [])
        return r.SerializeToString()


class Judge:
    """The program, kept running: it answers thousands a second."""

    def __init__(self):
        program = pathlib.Path(os.environ.get("TRAM_JUDGE", ROOT / "build" / "dev" / "bin" / "judge"))
        self.complaints = tempfile.TemporaryFile()
        self.process = subprocess.Popen([program, ROOT / "deploy" / "catalogue"], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=self.complaints)

    def _read(self, n):
        data = self.process.stdout.read(n)
        if len(data) < n:
            self.process.wait()
            self.complaints.seek(0)
            raise AssertionError(f"the judge ended ({self.process.returncode}): "
                                 f"{self.complaints.read().decode(errors='replace')[-6000:]}")
        return data

    def ask(self, request):
        try:
            self.process.stdin.write(struct.pack(">I", len(request)) + request)
            self.process.stdin.flush()
        except BrokenPipeError:
            pass  # what it ended with is told below
        answer = jpb.Answer()
        answer.ParseFromString(self._read(struct.unpack(">I", self._read(4))[0]))
        return answer

    def close(self):
        self.process.stdin.close()
        self.process.wait(timeout=300)
        self.process.stdout.close()
        return self.process.returncode


_judge = None


def judge(case, report_bytes=None):
    """What the rules make of a case. One program for all the tests of a process; after a crash the next starts another."""
    global _judge
    if _judge is None or _judge.process.poll() is not None:
        _judge = Judge()
    return _judge.ask(case.request(report_bytes))


def end_judge():
    """Its exit status: leaks show in it under a sanitizer."""
    global _judge
    status, _judge = (_judge.close() if _judge else 0), None
    return status


def findings(answer, line=None, rule=None, severity=None):
    return [f for f in answer.findings if line in (None, f.observation) and rule in (None, f.rule)
            and severity in (None, f.severity)]


def rules(answer, line=None):
    return {f.rule for f in findings(answer, line)}


# ---------------------------------------------------------------- decimals

def decimal(value, scale=None):
    """A tram.v1.Decimal of a number (Fraction, int or "16.4")."""
    if isinstance(value, str):
        scale = len(value.partition(".")[2]) if scale is None else scale
        value = Fraction(value)
    scale = scale or 0
    mantissa = Fraction(value) * 10**scale
    assert mantissa.denominator == 1
    return pb.Decimal(mantissa=mantissa.numerator, scale=scale)


def number(d):
    return Fraction(d.mantissa, 10**d.scale)
