# SPDX-License-Identifier: Apache-2.0
"""The foreign client of tests/interop beside real programs: it says whatever a test wants the centre to hear."""

import sys

from tramtest import ROOT

sys.path.insert(0, str(ROOT / "tests" / "interop"))

from client import Client, Stopped, Stream  # noqa: E402
from roadbook import Keys, batch_bytes, chain_next, messages  # noqa: E402

pb = messages()


def a_report(value=1234567, area="63/48", provider="P63-48", **changed):
    report = pb.Report(provider=provider, dataflow="province_statistics", time_period="2024", reference_date="2024-12-31",
                       purpose=pb.PURPOSE_BACKFILL, reason="Nạp số liệu", prepared_by="A", prepared_at="2025-02-01T08:00:00+07:00",
                       approved_by="B", approved_at="2025-02-01T09:00:00+07:00", **changed)
    report.observations.add(indicator="population", ref_area=area, value=pb.Decimal(mantissa=value), unit="person",
                            obs_status=pb.OBSERVATION_STATUS_NORMAL, qualifier=pb.QUALIFIER_EXACT)
    return report.SerializeToString()


class ForeignAgent:
    def __init__(self, centre, keys, folder, centre_keys=None, port=None):
        self.stream = Stream(folder / "stream", keys.name)
        self.client = Client(f"tcp://127.0.0.1:{port or centre.port}", keys, centre_keys or Keys.read(centre.key.with_suffix(".pub")),
                             self.stream)

    def close(self):
        self.client.close()
        self.stream.close()

    def open(self):
        self.client.go_until(lambda: self.client.session, "a session")
        return self.client

    def refusal(self):
        """The next refusal the centre sends."""
        known = len(self.client.refusals)
        stopped = []

        def refused():
            return stopped or len(self.client.refusals) > known
        try:
            self.client.go_until(refused, "a refusal")
        except Stopped as stop:
            return stop.refusal
        return self.client.refusals[-1]


def publish_of(client, **changed):
    """A sound PUBLISH of the next report, but for what is changed."""
    stream = client.stream
    seq = client.submit(a_report())
    payload = pb.Batch(entries=[pb.Entry(report=stream.reports[seq - 1], handed_in_at_us=stream.times[seq - 1])])
    fields = dict(session=client.session, epoch=stream.epoch, first_seq=seq, count=1, prev_chain=stream.chains[seq - 1],
                  chain=stream.chains[seq], payload=payload.SerializeToString(), key_id=client.keys.key_id)
    header = batch_bytes(client.keys.name, stream.epoch, seq, seq, stream.chains[seq - 1], stream.chains[seq])
    fields["signature"] = client.keys.sign(header)
    return pb.Publish(**fields | changed)


def flipped(data):
    """In the middle: of a payload, inside the report."""
    spoiled = bytearray(data)
    spoiled[len(data) // 2] ^= 1
    return bytes(spoiled)


def publish_changed(message, **changed):
    copy = pb.Publish()
    copy.CopyFrom(message)
    for name, value in changed.items():
        setattr(copy, name, value)
    return copy
