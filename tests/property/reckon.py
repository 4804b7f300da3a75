# SPDX-License-Identifier: Apache-2.0
"""
What must be so, reckoned without the programs: from the catalogue's files and the rules as they are defined, in fractions.
"""

import calendar
import csv
import datetime
import pathlib
import re
import unicodedata
from fractions import Fraction

DEPLOY = pathlib.Path(__file__).resolve().parents[2] / "deploy"


def rows(path):
    with open(DEPLOY / path, encoding="utf-8", newline="") as f:
        return list(csv.DictReader(f))


class Indicator(dict):
    """A row; short where a failing example shows it."""

    def __repr__(self):
        return f"INDICATORS[{self['code']!r}]"


INDICATORS = {r["code"]: Indicator(r) for r in rows("catalogue/indicators.csv")}
DATAFLOWS = {r["code"]: r for r in rows("catalogue/dataflows.csv")}
PROVIDERS = {r["provider"]: r for r in rows("catalogue/providers.csv")}
JUSTIFICATIONS = {r["code"]: r["needs_text"] == "y" for r in rows("catalogue/justifications.csv")}
PARAMETERS = {r["parameter"]: Fraction(r["value"]) for r in rows("catalogue/parameters.csv")}
DUE = {(r["due"], r["frequency"]): (int(r["month"]), int(r["day"])) for r in rows("catalogue/due_dates.csv")}
WORDS = [r["word"] for r in rows("catalogue/words.csv")]
RULE_WORD = {r["rule"]: r["word"] for r in rows("catalogue/rules.csv")}
STATUSES = {ord(c) for c in "ABEFIMP"}
COPY_FIGURES = int(PARAMETERS["SACH-09.figures"])


def has_parts(i):
    return i["kind"] == "count_ratio" or i["over_area"] == "ratio_of_sums"


def is_share(i):
    return i["kind"] == "count_ratio" or i["value_type"] == "percent"


def is_counted(i):
    return i["value_type"] in ("count", "amount")


def of_dataflow(dataflow):
    return [i for i in INDICATORS.values() if i["dataflow"] == dataflow]


# ---------------------------------------------------------------- texts

INVISIBLE = ["\u00a0", "\u200b", "\u200d", "\u00ad", "\u202e", "\ufeff", "\u2060", "\u202f"]
CONTROLS = ["\x01", "\x07", "\x1b", "\x7f", "\x85"]


def visible(text):
    """What a person sees of it."""
    kept = [" " if unicodedata.category(c) == "Zs" else c for c in text if unicodedata.category(c) not in ("Cf", "Cc")]
    return "".join(kept).strip()


PLACEHOLDERS = ["N/A", "n/a", "x", "X", "xxx", "null", "NULL", "none", "NaN", "test", "TEST", "TBD", "?", "???", "-", "...",
                "…", "#REF!", "#DIV/0!", "09:303850"]


def is_placeholder(text):
    seen = visible(text)
    return bool(re.fullmatch(r"\d\d:\d{3,}", seen)) or seen.casefold() in {p.casefold() for p in PLACEHOLDERS}


def reason_of(report, o=None):
    """The justification that counts: the figure's own before the report's. None: none was given."""
    for code, text in ([(o.justification_code, o.justification)] if o is not None else []) + [
            (report.justification_code, report.justification)]:
        if visible(code) or visible(text):
            return code, text
    return None


def is_sound(reason):
    if reason is None:
        return False
    code, text = reason
    if code and code not in JUSTIFICATIONS or is_placeholder(text):
        return False
    return bool(visible(text)) or bool(code) and not JUSTIFICATIONS[code]


# ---------------------------------------------------------------- days and periods

def date(text):
    return datetime.date.fromisoformat(text)


def vietnamese_day(us):
    return (datetime.datetime(1970, 1, 1) + datetime.timedelta(microseconds=us, hours=7)).date()


def months_of(period):
    """The year and month that a period ends with."""
    year, _, part = period.partition("-")
    last = {"": 12, "S": 6, "Q": 3}.get(part[:1])
    return int(year), last * int(part[1:] or 1) if last else int(part)


def frequency_of(period):
    part = period.partition("-")[2]
    return part[0] if part[:1] in ("S", "Q") else "M" if part else "A"


def due_day(dataflow, period):
    month, day = DUE[DATAFLOWS[dataflow]["due"], frequency_of(period)]
    year, last = months_of(period)
    year, month = divmod(year * 12 + last - 1 + month, 12)
    return datetime.date(year, month + 1, day or calendar.monthrange(year, month + 1)[1])


def back(period, n):
    """The period so many before."""
    year, _, part = period.partition("-")
    if not part:
        return str(int(year) - n)
    letter, of_year = (part[0], {"S": 2, "Q": 4}[part[0]]) if part[0] in "SQ" else ("", 12)
    year, place = divmod(int(year) * of_year + int(part[len(letter):]) - 1 - n, of_year)
    return f"{year}-{letter}{place + 1}" if letter else f"{year}-{place + 1:02d}"


# ---------------------------------------------------------------- figures

def shifted(d, mult):
    """A stated decimal in the catalogue's unit; None: it is none, or has more than 18 digits."""
    if abs(d.mantissa) >= 10**18 or d.scale > 18 or not -18 <= mult <= 18:
        return None
    value = Fraction(d.mantissa, 10**d.scale) * Fraction(10)**mult
    digits, scale = value, 0
    while digits.denominator != 1:
        digits, scale = digits * 10, scale + 1
    return value if scale <= 18 and abs(digits.numerator) < 10**18 else None


class Figure:
    """What an observation states, in fractions; a field that is absent or no number is None."""

    def __init__(self, o):
        self.o, self.indicator = o, INDICATORS.get(o.indicator)
        self.bad = []
        for name in ("value", "numerator", "denominator", "weight"):
            stated = None
            if o.HasField(name):
                stated = shifted(getattr(o, name), 0 if name == "weight" else o.unit_mult)
                if stated is None:
                    self.bad.append(name)
            setattr(self, name, stated)
        self.withdrawn = o.action == 1
        self.states = o.HasField("value") or o.HasField("numerator") and o.HasField("denominator")

    def level(self):
        """The value, or what it follows from."""
        if self.value is not None or self.numerator is None or not self.denominator:
            return self.value
        return self.numerator / self.denominator * (100 if self.indicator["unit"] == "percent" else 1)


def half_unit(f):
    """Half a unit of the last decimal as stated; of 18 at most. A part of a whole is never rounded to tens, and nothing to 0."""
    places = min(f.o.value.scale - f.o.unit_mult, 18)
    if is_share(f.indicator) or f.value == 0:
        places = max(places, 0)
    return Fraction(1, 2) / Fraction(10)**places


def blocks_of_dung(f):
    """Why the figure by itself cannot be correct."""
    i, why = f.indicator, []
    if i is None:
        return ["unknown indicator"]
    lowest, highest = (Fraction(i[k]) if i[k] else None for k in ("min", "max"))
    whole = i["integer"] == "y" and chr(f.o.obs_status or ord("A")) not in "EFI"
    if f.value is not None:
        if lowest is not None and f.value < lowest or highest is not None and f.value > highest:
            why.append("out of bounds")
        if whole and not has_parts(i) and f.value.denominator != 1:
            why.append("not whole")
        if i["value_type"] == "rank" and f.o.rank_out_of and f.value > f.o.rank_out_of:
            why.append("rank beyond the ranked")
    if has_parts(i):
        for part in (f.numerator, f.denominator):
            if part is not None and (part < 0 or whole and part.denominator != 1):
                why.append("part")
        if f.denominator is not None and f.denominator <= 0:
            why.append("denominator")
        elif None not in (f.numerator, f.denominator):
            if is_share(i) and f.numerator > f.denominator:
                why.append("more than the whole")
            factor = 100 if i["value_type"] == "percent" else 1
            if f.value is not None and abs(f.value - factor * f.numerator / f.denominator) > half_unit(f):
                why.append("disagrees with its parts")
    if f.weight is not None and f.weight <= 0:
        why.append("weight")
    return why


def blocks_of_du(f):
    """What the figure lacks."""
    i, o, why = f.indicator, f.o, []
    if f.withdrawn:
        return why
    anything = any(o.HasField(k) for k in ("value", "numerator", "denominator"))
    if not f.states and not o.missing_reason:
        why.append("missing without a reason")
    if anything and (o.missing_reason or o.obs_status == ord("M")):
        why.append("both missing and stated")
    if not 0 <= o.missing_reason <= 5:
        why.append("no such missing reason")
    if i and has_parts(i) and anything and not (o.HasField("numerator") and o.HasField("denominator")):
        why.append("a ratio without its parts")
    if i and i["mean_weight"] == "observation" and o.HasField("value") and not o.HasField("weight"):
        why.append("a mean without its weight")
    if o.rank_out_of >= 2**31:
        why.append("no such rank")
    if o.units_reporting > o.units_expected:
        why.append("more units than there are")
    return why


def is_nines(d):
    """999, 9990 tenths: a whole number of nines only."""
    value = Fraction(d.mantissa, 10**d.scale)
    return value.denominator == 1 and bool(re.fullmatch("9{%d,}" % PARAMETERS["SACH-06.nines"], str(value.numerator)))


# ---------------------------------------------------------------- its own past

def median(values):
    values = sorted(values)
    n = len(values)
    return (values[(n - 1) // 2] + values[n // 2]) / 2


def since_break(points):
    """(value, breaks) of the periods before -> the values that still say something."""
    last = max((k for k, (_, breaks) in enumerate(points) if breaks), default=0)
    return [value for value, _ in points[last:]]


def is_outlier(indicator, value, points):
    """By median and MAD of its own past since the last break; the catalogue's parameters."""
    p = {k.partition(".")[2]: v for k, v in PARAMETERS.items() if k.startswith("DUNG-10.")}
    past = since_break(points)
    if len(past) < p["points"] or abs(value - past[-1]) * 100 <= p["step_percent"] * abs(past[-1]):
        return False
    if is_counted(indicator) and max(abs(value), *past) < p["least_count"]:
        return False
    middle = median(past)
    spread = max(median([abs(v - middle) for v in past]), abs(middle) * p["mad_floor_percent"] / 100)
    return spread > 0 and Fraction(6745, 10000) * abs(value - middle) > p["z_hundredths"] / 100 * spread


# ---------------------------------------------------------------- indicators with each other

def read_cross_rules():
    out = []
    for r in rows("catalogue/cross_rules.csv"):
        terms = []
        for sign, times, name, lag in re.findall(r"([+-]?)\s*(?:(\d+)\s*\*\s*)?([a-z]\w*)(?:\[-(\d+)\])?", r["right"]):
            terms.append((int(times or 1) * (-1 if sign == "-" else 1), name, int(lag or 0)))
        out.append((r["rule"], r["left"], r["operator"], terms, Fraction(r["tolerance"] or 0),
                    Fraction(r["tolerance_percent"] or 0), r["missing"]))
    return out


CROSS_RULES = read_cross_rules()


def cross_rule_breaks(left, value, value_of):
    """The codes of the rules that a value breaks; value_of(indicator, lag) is what it is compared with, or None."""
    broken = set()
    for rule, name, operator, terms, tolerance, percent, missing in CROSS_RULES:
        if name != left:
            continue
        assert missing == "skip_any", "reckon only what the catalogue has"
        found = [value_of(term, lag) for _, term, lag in terms]
        if None in found:
            continue
        total = sum(times * v for (times, _, _), v in zip(terms, found))
        over = {"=": abs(value - total), "<=": value - total, ">=": total - value}[operator]
        if over > max(tolerance, percent / 100 * abs(total)):
            broken.add(rule)
    return broken
