# SPDX-License-Identifier: Apache-2.0
"""
What is handed in while things fail: reports of one province, made from a seed, and a thread that hands them in and keeps
a ledger: what was issued, what has a ticket, what was refused, and of what nobody heard.
"""

import dataclasses
import hashlib
import threading
import time

from desk import Broken, Desk, Refused, pb

SERIES = (("population", "", "person"), ("population", "F", "person"), ("population", "M", "person"), ("land_area", "", "km2"))
YEARS = (2021, 2022, 2023, 2024)


def digest(report):
    return hashlib.blake2b(report, digest_size=32).digest()


@dataclasses.dataclass
class HandIn:
    """One hand-in. state: issued, accepted (a ticket), refused (with a code), unsent (never heard), unknown."""
    agent: str
    reports: list
    state: str = "issued"
    epoch: str = ""   # the first 8 hexadecimal digits, as the ticket has them
    first_seq: int = 0
    code: int = 0
    text: str = ""
    at: float = 0.0   # when it was handed in

    @property
    def digests(self):
        return [digest(report) for report in self.reports]


class Maker:
    """
    Reports of one agent, from the seed alone. Most state a figure anew (so that revisions tell the order), some say
    nothing new, some are wrong; no two have the same bytes, but some are handed in twice.
    """

    def __init__(self, rng, agent, series=1):
        self.rng, self.agent, self.series = rng, agent, series
        self.code = agent.rsplit("-", 1)[1]
        self.number = 0
        self.last = None

    def observation(self, series, value, **more):
        indicator, sex, unit = series
        dimensions = [pb.Dimension(id="SEX", value=sex)] if sex else []
        return pb.Observation(indicator=indicator, ref_area=f"63/{self.code}", dimensions=dimensions, unit=unit,
                              value=pb.Decimal(mantissa=value), obs_status=pb.OBSERVATION_STATUS_NORMAL,
                              qualifier=pb.QUALIFIER_EXACT, source_system="population_db", **more)

    def report(self):
        rng, year = self.rng, self.rng.choice(YEARS)
        if self.last and rng.random() < 0.03:
            return self.last
        self.number += 1
        value = 1_000_000 + 10_000 * self.series + self.number
        report = pb.Report(
            provider=f"P63-{self.code}", dataflow="province_statistics", time_period=str(year),
            reference_date=f"{year}-12-31", purpose=pb.PURPOSE_CORRECTION, reason="Nạp lại số liệu", revises=True,
            prepared_by="Nguyễn Văn An", approved_by="Trần Thị Bình", prepared_at="2025-02-01T08:00:00+07:00",
            approved_at="2025-02-01T09:00:00+07:00", comment=f"{self.agent} {self.series}.{self.number}")
        kind = rng.choices(("plain", "several", "wrong", "same", "large"), (60, 20, 8, 8, 4))[0]
        if kind == "same":
            value = 1_000_000
        for series in rng.sample(SERIES, rng.randint(2, 4) if kind == "several" else 1):
            report.observations.append(self.observation(series, -value if kind == "wrong" else value))
        if kind == "large":
            report.comment += " " + rng.randbytes(rng.randint(1_000, 30_000)).hex()
        self.last = report.SerializeToString()
        return self.last

    def hand_in(self):
        size = self.rng.choices((1, 2, 3, 12), (70, 15, 10, 5))[0]
        return HandIn(self.agent, [self.report() for _ in range(size)])


class Load(threading.Thread):
    """Hands in for one agent until it is told to stop: quickly at first, slowly when there is enough to count."""

    def __init__(self, maker, socket_path, ledger, plenty=250, pace_s=0.004):
        super().__init__(daemon=True, name=f"load {maker.agent}")
        self.maker, self.ledger, self.plenty, self.pace_s = maker, ledger, plenty, pace_s
        self.desk = Desk(socket_path)
        self.ending = threading.Event()
        self.handed_in = 0

    def run(self):
        while not self.ending.is_set():
            self.hand_in(self.maker.hand_in())
            self.handed_in += 1
            self.ending.wait(self.pace_s if self.handed_in < self.plenty else 0.1)
        self.desk.close()

    def hand_in(self, entry):
        """The entry, settled; it is in the ledger before anybody hears of it."""
        entry.at = time.monotonic()
        self.ledger.append(entry)
        try:
            ticket = self.desk.hand_in(entry.reports, "load")
            entry.epoch, entry.first_seq = ticket.ticket.split("/")[1], ticket.first_seq
            entry.state = "accepted"
        except Refused as refusal:
            entry.code, entry.text, entry.state = refusal.code, str(refusal), "refused"
        except Broken as broken:
            entry.state = "unknown" if broken.sent else "unsent"
            self.ending.wait(0.01)
        return entry

    def stop(self):
        self.ending.set()
        if self.is_alive():
            self.join()
