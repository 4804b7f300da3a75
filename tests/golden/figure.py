#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""
Makes v1_figure.tram-figure, the proof of a figure, once: what stands there stands for ever. Keys as in proof_vectors.json.

A quotient of two figures of 2025, in which 63/45 and 63/46 were merged into 34/46: people (a sum of quarters and half-years) by speed
(an average over time, weighed by the people).

    /usr/bin/python3 figure.py      (python3-protobuf, python3-nacl, protoc)
"""

from fractions import Fraction

from make import AGENT, AGENT_KEY, CENTRE_KEY, COMMITTED, EPOCH, HERE, batch_bytes, blake2b, chain_0, key_id, pb

REPORTS = {  # seq: period and figures
    1: ("2025-Q1", [("people", "63/46", 1000, 1, 0), ("people", "45", 505, 1, 0)]),
    2: ("2024", [("people", "63/46", 1, 0, 0)]),
    3: ("2025-Q2", [("people", "63/46", 110, 0, 0), ("people", "63/45", 60, 0, 0), ("speed", "46", 10, 0, 0),
                    ("speed", "63/45", 20, 0, 0)]),
    4: ("2025-S2", [("people", "34/46", 30, 0, 1), ("speed", "34/46", 125, 1, 0)]),
}
AREAS = {"46": "63/46", "45": "63/45"}


def report(seq):
    period, figures = REPORTS[seq]
    r = pb.Report(time_period=period)
    for indicator, area, mantissa, scale, mult in figures:
        r.observations.add(indicator=indicator, ref_area=area, unit_mult=mult, value=pb.Decimal(mantissa=mantissa, scale=scale))
    return r.SerializeToString(deterministic=True)


def items(part, indicator, weights=None):
    found = []
    for seq, (period, figures) in REPORTS.items():
        for line, (which, area, mantissa, scale, mult) in enumerate(figures, 1):
            if which == indicator and period.startswith("2025"):
                area = AREAS.get(area, area)
                value = rounded(Fraction(mantissa, 10**scale) * 10**mult, 1)
                weight = rounded(weights[area], 1) if weights else "-"
                found.append(((area, "SQ".index(period[5]), period), f"item {part} {area} 34/46 {period} counts 0"
                              f" {2 if period[5] == 'S' else 1} {value} - - {weight} -", f"at {AGENT} {EPOCH.hex()} {seq} {line}"))
    if part == "value":
        found.append((("34/48", 0, "2025"), f"item {part} 34/48 34/48 2025 missing -1 4 - - - - 1276000"))
    return [line for _, *lines in sorted(found) for line in lines]


def rounded(number, decimals):
    return f"{round(number * 10**decimals)}"[:-decimals] + "." + f"{round(number * 10**decimals)}"[-decimals:]


def statement():
    weights = {"63/46": Fraction(210), "63/45": Fraction(221, 2), "34/46": Fraction(300)}
    before = (10 * weights["63/46"] + 20 * weights["63/45"], weights["63/46"] + weights["63/45"])
    after = (Fraction(25, 2) * weights["34/46"], weights["34/46"])
    top, bottom = ((before[i] + 2 * after[i]) / 3 for i in (0, 1))
    people, speed = "620.5", rounded(top / bottom, 16)
    yield from ("tram-figure-v1", "# Bằng chứng để kiểm thử", "#", f"known {COMMITTED}", f"stated {COMMITTED + 1}", "catalogue 3",
                f"key {AGENT} {bytes(AGENT_KEY.verify_key).hex()}",
                "figure people_by_speed 2025 nation VN 34 quotient last - times - last -",
                f"is {rounded(Fraction(people) / Fraction(speed), 16)} {people} {speed}",
                "covers 1 34 4 136 0 0.0117", "says provisional A exact - -", "from 2 3",
                "figure people 2025 nation VN 34 sum sum Q person - last -", f"is {people} - -", "covers 1 34 4 136 0 0.0117",
                "says provisional A exact - -", *items("value", "people"),
                "figure speed 2025 nation VN 34 mean mean Q Mbps people sum Q",
                f"is {speed} {rounded(top, 16)} {rounded(bottom, 16)}", "covers 1 34 3 136 0 0.0117", "says provisional A exact - -",
                *items("value", "speed", weights), *items("weight", "people"))


def batch(first, last, prev, shown):
    chain = prev
    for seq in range(first, last + 1):
        chain = blake2b(chain + blake2b(report(seq)))
    signature = AGENT_KEY.sign(batch_bytes(EPOCH, first, last, prev, chain)).signature
    lines = [f"batch {AGENT} {EPOCH.hex()} {first} {last} {prev.hex()} {chain.hex()} {key_id(AGENT_KEY).hex()} {signature.hex()}"]
    for seq in range(first, last + 1):
        data = report(seq)
        lines.append(f"{'report' if seq in shown else 'link'} {seq} {blake2b(data).hex()}")
        lines += [f"bytes {data[at:at + 48].hex()}" for at in range(0, len(data), 48)] if seq in shown else []
    return chain, lines


def main():
    text = "".join(line + "\n" for line in statement()).encode()
    signature = CENTRE_KEY.sign(b"tram-figure-v1" + blake2b(text)).signature
    text += f"signed {key_id(CENTRE_KEY).hex()} {signature.hex()}\n".encode()
    chain, lines = batch(1, 3, chain_0(EPOCH), (1, 3))
    lines += batch(4, 4, chain, (4,))[1]
    text += "".join(line + "\n" for line in lines).encode()
    (HERE / "v1_figure.tram-figure").write_bytes(text + f"sum {blake2b(text).hex()}\n".encode())


if __name__ == "__main__":
    main()
