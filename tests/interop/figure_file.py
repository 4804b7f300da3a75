#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""
A third person, who has public keys and the text of PROTOCOL.md "Proof of a figure": checks one, in fractions.

    figure_file.py FILE CENTRE.pub [AGENT.pub]...
"""

import calendar
import datetime as dt
import itertools
import pathlib
import re
import sys
from collections import defaultdict
from fractions import Fraction
from types import SimpleNamespace

from proof_file import Checker, NotProven
from roadbook import Keys, batch_bytes, blake2b, is_signed, messages

CODE = "([!-~]+)"
DECIMAL = r"(-|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?)"
STATES = ("counts", "not_applicable", "explained", "missing", "held", "hidden")
KINDS = ((r"\d{4}", 1), (r"\d{4}-S[12]", 2), (r"\d{4}-Q[1-4]", 3), (r"\d{4}-\d\d", 4), (r"\d{4}-W\d\d", 5),
         (r"\d{4}-\d\d-\d\d", 6), (r"\d{4}-\d\d-\d\d/P\d+[DWMY]", 7))
TIMES = "(sum|last|mean|min|max)"
NEAR = Fraction(1, 10**12)


def months_later(day, months):
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return dt.date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def period(text):
    """Kind, first and last day, and what orders ranges."""
    kind = next((kind for pattern, kind in KINDS if re.fullmatch(pattern, text)), None)
    if kind is None:
        raise ValueError(f"{text} is no period")
    number = [int(n) for n in re.findall(r"\d+", text)]
    day, length = dt.timedelta(1), (0, 0)
    if kind <= 4:
        months = (12, 6, 3, 1)[kind - 1]
        first = dt.date(number[0], 1 if kind == 1 else (number[1] - 1) * months + 1, 1)
        last = months_later(first, months) - day
    elif kind == 5:
        first = dt.date.fromisocalendar(number[0], number[1], 1)
        last = first + 6 * day
    else:
        first = last = dt.date(*number[:3])
        if kind == 7:
            length = ("DWMY".index(text[-1]), number[3])
            last = {"D": first + number[3] * day, "W": first + 7 * number[3] * day, "M": months_later(first, number[3]),
                    "Y": months_later(first, 12 * number[3])}[text[-1]] - day
    return kind, first, last, length


def span(leaf, text):
    """How many periods of a kind end in a period."""
    _, first, last, _ = period(text)
    if leaf == "D":
        return (last - first).days + 1
    size = {"S": 6, "Q": 3, "M": 1}[leaf]
    end = last + dt.timedelta(1)
    return (end.year * 12 + end.month - 1) // size - (first.year * 12 + first.month - 1) // size


def number(text):
    return None if text == "-" else Fraction(text)


def order(item):
    kind, first, _, length = period(item.period)
    return (item.part == "weight", item.area.encode(), kind, first, length, item.revision, STATES.index(item.state))


def added(numbers):
    numbers = [n for n in numbers if n is not None]
    return sum(numbers) if numbers else None


def averaged(pairs):
    """Σ (x · span) / Σ span; what has no number has no part in the upper sum."""
    pairs = list(pairs)
    top = added(None if x is None else x * n for x, n in pairs)
    return None if top is None else top / sum(n for _, n in pairs)


class FigureChecker(Checker):
    def __init__(self, data, keys):
        super().__init__(data, [])
        self.given = keys

    def check(self):
        self.statement()
        self.evidence()
        return SimpleNamespace(known=self.known, stated=self.stated, figures=self.figures, keys=self.keys, reports=self.reports)

    # ------------------------------------------------------------ the statement

    def statement(self):
        self.take("tram-figure-v1")
        while self.peek().startswith(b"#"):
            self.number += 1
            self.peek().decode("utf-8")
        (self.known,), (self.stated,) = self.take(r"known (-?(?:\d))"), self.take(r"stated (-?(?:\d))")
        self.take(r"catalogue (\d)")
        self.keys = []
        while self.peek().startswith(b"key "):
            name, key = self.take(r"key ([a-z0-9][a-z0-9-]{0,63}) (\x{64})")
            self.keys.append((name, bytes.fromhex(key)))
        self.must(self.keys == sorted(set(self.keys)), "keys are not in order")
        self.figures = []
        while self.peek().startswith(b"figure "):
            self.figure()
        self.signed()
        for figure in self.figures:
            self.add_up(figure)

    def figure(self):
        f = SimpleNamespace(items=[], top=0)
        (f.indicator, f.period, f.level, f.area, f.boundary, f.how, f.over_time, f.leaf, f.unit, f.weighed_by,
         f.weighed_over, f.weighed_leaf) = self.take(
            f"figure {' '.join([CODE] * 5)} (own|sum|ratio|mean|growth|quotient) {TIMES} ([-SQMD]) {CODE} {CODE} {TIMES} ([-SQMD])")
        f.value, f.numerator, f.denominator = self.take(f"is {DECIMAL} {DECIMAL} {DECIMAL}")
        self.take(rf"covers (\d) (\d) (\d) (\d) (\d) {DECIMAL}")
        self.take(f"says {CODE} {CODE} {CODE} {DECIMAL} {DECIMAL}")
        self.figures.append(f)
        self.must(re.match(rb"from ", self.peek()) or f.how not in ("growth", "quotient"), "from what")
        if f.how in ("growth", "quotient"):
            f.top, f.bottom = map(int, self.take(r"from (\d) (\d)"))
            self.must(len(self.figures) < f.top < f.bottom, "made of what stands before it")
        while self.peek().startswith(b"item "):
            self.item(f)
        self.must(not (f.top and f.items), "items of what is made of figures")
        orders = [order(i) for i in f.items]
        self.must(all(a < b for a, b in itertools.pairwise(orders)), "items are not in order")

    def item(self, f):
        i = SimpleNamespace(at=None)
        (i.part, i.area, i.counts_for, i.period, i.state, i.revision, _, i.value, i.numerator, i.denominator, i.weight, _) = self.take(
            rf"item (value|weight) {CODE} {CODE} {CODE} ({'|'.join(STATES)}) (-1|\d) (\d) {' '.join([DECIMAL] * 5)}")
        i.revision = int(i.revision)
        i.indicator = f.weighed_by if i.part == "weight" else f.indicator
        i.own_weight = i.part == "value" and f.weighed_by == "observation"
        if i.state in ("counts", "not_applicable"):
            agent, epoch, seq, line = self.take(r"at ([a-z0-9][a-z0-9-]{0,63}) (\x{32}) ([1-9][0-9]*) ([1-9][0-9]*)")
            i.at = (agent, bytes.fromhex(epoch), int(seq), int(line))
        f.items.append(i)

    def signed(self):
        key_id, signature = self.take(r"signed (\x{16}) (\x{128})")
        agents = {name for name, _ in self.keys}
        centre = [k for k in self.given if k.name not in agents and k.key_id.hex() == key_id]
        self.must(centre, "not by a key of the centre")
        self.must(is_signed(centre[0].sign_public, b"tram-figure-v1" + blake2b(self.before()), bytes.fromhex(signature)),
                  "the centre did not sign that")
        for key in self.given:
            self.must(key.name not in agents or (key.name, key.sign_public) in self.keys, "another key of an agent")

    # ------------------------------------------------------------ adding up

    def add_up(self, f):
        if f.top:
            return self.derived(f)
        counting = [i for i in f.items if i.state == "counts"]
        for _, same in itertools.groupby(counting, lambda i: (i.part, i.area)):
            days = sorted(period(i.period)[1:3] for i in same)
            self.must(all(a[1] < b[0] for a, b in itertools.pairwise(days)), "a day counts twice")
        merged = defaultdict(list)
        for i in counting:
            if i.area != i.counts_for:
                merged[i.part, i.counts_for].append(period(i.period)[1:3])
        for i in counting:
            first, last = period(i.period)[1:3]
            self.must(i.area != i.counts_for or all(m[1] < first or last < m[0] for m in merged[i.part, i.area]), "a merged day counts twice")
        values = [i for i in counting if i.part == "value"]
        self.once = f.how == "mean" and f.weighed_by != "observation"
        self.near = f.leaf != "-" and (f.over_time == "mean" or f.over_time == "sum" and self.once) or (
            self.once and f.weighed_over == "mean")
        for i in values:
            if self.once:
                self.weighed(f, i, [w for w in counting if w.part == "weight" and w.area == i.area])
        top, bottom, value = self.total(f, values)
        self.holds(f, values, top, bottom, value)

    def weighed(self, f, item, weights):
        self.must(weights, "nothing weighs it")
        spans = [span(f.weighed_leaf, w.period) if f.weighed_over == "mean" else 1 for w in weights]
        total = sum(number(w.value) * n for w, n in zip(weights, spans))
        if f.weighed_over == "mean":
            total /= sum(spans)
        self.must(self.agrees(item.weight, total, f.weighed_over == "mean"), "it weighs something else")

    def total(self, f, values):
        def parts(i):
            v, n, d, w = map(number, (i.value, i.numerator, i.denominator, i.weight))
            needed = {"sum": (v,), "ratio": (n, d), "mean": (v, w), "own": (v,) if v is not None else (n, d)}[f.how]
            self.must(None not in needed, "lacks what the method needs")
            return {"sum": (v, None, None), "ratio": (n, d, None), "mean": (None if v is None or w is None else v * w, w, None),
                    "own": (n, d, v)}[f.how]
        if f.how == "own":
            self.must(len({i.counts_for for i in values}) <= 1 and (f.leaf != "-" or len(values) <= 1), "more than one area's own")
        if f.leaf == "-":
            return [added(column) for column in zip(*map(parts, values))] or (None, None, None)
        units = defaultdict(lambda: defaultdict(lambda: defaultdict(list)))
        for i in values:
            units[i.counts_for][i.area == i.counts_for][i.area].append((parts(i), span(f.leaf, i.period), number(i.weight)))
        joined = [self.joined(f, [self.side(f, areas) for _, areas in sorted(sides.items())]) for sides in units.values()]
        return [added(column) for column in zip(*joined)] or (None, None, None)

    def side(self, f, areas):
        """Parts, span."""
        rows = []
        for items in areas.values():
            columns = [averaged([(p[c], n) for p, n, _ in items]) if f.over_time == "mean" else added(p[c] for p, _, _ in items)
                       for c in range(3)]
            if self.once:
                columns[1] = items[0][2]
            rows.append((columns, sum(n for _, n, _ in items)))
        return [added(r[0][c] for r in rows) for c in range(3)], max(n for _, n in rows)

    def joined(self, f, sides):
        if len(sides) == 1:
            return sides[0][0]
        if f.over_time in ("min", "max"):
            pick = min if f.over_time == "min" else max
            return pick(sides, key=lambda s: s[0][0] / s[0][1] if s[0][1] else s[0][0] or 0)[0]
        if f.over_time == "mean":
            return [averaged((s[0][c], s[1]) for s in sides) for c in range(3)]
        columns = [added(s[0][c] for s in sides) for c in range(3)]
        if f.over_time == "sum" and self.once:
            columns[1] = averaged((s[0][1], s[1]) for s in sides)
        return columns

    @staticmethod
    def agrees(said, exact, near=False, rounded=False):
        if said == "-" or exact is None:
            return said == "-" and exact is None
        off = abs(Fraction(said) - exact)
        half = Fraction(1, 2 * 10 ** len(said.partition(".")[2]))
        return off == 0 or near and off <= NEAR * abs(exact) or (near or rounded) and off <= half

    def holds(self, f, values, top, bottom, value):
        factor = 100 if f.unit == "percent" and f.how != "mean" else 1
        quotient = factor * top / bottom if values and top is not None and bottom else None
        if f.how == "sum":
            expected, rounded, top = top, False, None
        elif f.how == "own" and value is not None:
            expected, rounded = value, False
        else:
            expected, rounded = quotient, True
        self.must(self.agrees(f.numerator, top, self.near), "another numerator")
        self.must(self.agrees(f.denominator, bottom, self.near), "another denominator")
        self.must(self.agrees(f.value, expected, self.near, rounded), f"another value: {expected}")

    def derived(self, f):
        self.must(f.bottom <= len(self.figures), "made of what is not there")
        top, bottom = (number(self.figures[n - 1].value) for n in (f.top, f.bottom))
        self.must(self.agrees(f.numerator, top) and self.agrees(f.denominator, bottom), "made of other figures")
        value = None
        if top is not None and bottom:
            percent = f.unit == "percent"
            value = (100 if percent else 1) * (top - bottom if percent and f.how == "growth" else top) / bottom
        self.must(self.agrees(f.value, value, rounded=True), "another value")

    # ------------------------------------------------------------ the evidence

    def evidence(self):
        left = sorted((i for f in self.figures for i in f.items if i.at), key=lambda i: (i.at[0].encode(), *i.at[1:]))
        self.reports = {}
        while left:
            left = self.batch(left)
        (said,) = self.take(r"sum (\x{64})")
        self.must(said == blake2b(self.before()).hex(), "the sum is another")
        self.must(self.number == len(self.lines), "something follows")

    def batch(self, left):
        agent, epoch, first, last, prev, end, key_id, signature = self.take(
            r"batch ([a-z0-9][a-z0-9-]{0,63}) (\x{32}) ([1-9][0-9]*) ([1-9][0-9]*) (\x{64}) (\x{64}) (\x{16}) (\x{128})")
        first, last, chain = int(first), int(last), bytes.fromhex(prev)
        place = (agent, bytes.fromhex(epoch))
        self.must(left[0].at[:2] == place and first <= left[0].at[2] <= last, "not the next batch")
        key = [k for name, k in self.keys if name == agent and blake2b(k)[:8].hex() == key_id]
        self.must(key and is_signed(key[0], batch_bytes(agent, place[1], first, last, chain, bytes.fromhex(end)),
                                    bytes.fromhex(signature)), "the agent did not sign that")
        for seq in range(first, last + 1):
            wanted = [i for i in left if i.at[:3] == (*place, seq)]
            left = left[len(wanted):]
            said, digest = self.take(rf"{'report' if wanted else 'link'} (\d) (\x{{64}})")
            self.must(int(said) == seq, f"{seq} is missing")
            chain = blake2b(chain + bytes.fromhex(digest))
            if wanted:
                self.report(digest, wanted)
        self.must(chain.hex() == end, "the digests do not lead there")
        return left

    def report(self, digest, wanted):
        pieces = []
        while self.peek().startswith(b"bytes "):
            (piece,) = self.take(r"bytes ((?:\x\x){1,48})")
            self.must(not pieces or len(pieces[-1]) == 96, "a short line before")
            pieces.append(piece)
        data = bytes.fromhex("".join(pieces))
        self.must(blake2b(data).hex() == digest, "the bytes are not those of the digest")
        report = messages().Report.FromString(data)
        self.reports[digest] = data
        for item in wanted:
            self.stands_in(report, item)

    def stands_in(self, report, item):
        self.must(item.at[3] <= len(report.observations), "no such line")
        o = report.observations[item.at[3] - 1]
        self.must(o.indicator == item.indicator and o.ref_area in (item.area, item.area.rpartition("/")[2]), "about something else")
        self.must(report.time_period == item.period and not o.dimensions and o.action != messages().OBSERVATION_ACTION_WITHDRAW,
                  "about something else")
        self.must(o.missing_reason == (1 if item.state == "not_applicable" else 0), "another reason")
        for name, power in (("value", o.unit_mult), ("numerator", o.unit_mult), ("denominator", o.unit_mult), ("weight", 0)):
            if name == "weight" and not item.own_weight:
                continue
            d = getattr(o, name) if o.HasField(name) else None
            said = None if d is None else Fraction(d.mantissa, 10**d.scale) * Fraction(10) ** power
            self.must(said == number(getattr(item, name)), f"another {name}")


def check(data, keys):
    """What is proven; raises NotProven."""
    return FigureChecker(data, keys).check()


def main(file, *keys):
    try:
        found = check(pathlib.Path(file).read_bytes(), [Keys.read(key) for key in keys])
    except NotProven as error:
        sys.exit(f"NOT PROVEN: {error}")
    first = found.figures[0]
    print(f"PROVEN: {first.indicator}, {first.period}, {first.area} is {first.value} {first.unit}, from {len(found.reports)} reports")


if __name__ == "__main__":
    main(*sys.argv[1:])
