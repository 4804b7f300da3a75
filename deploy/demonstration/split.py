#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""
Writes the demonstration's files to hand in: one folder an agent, one CSV a dataflow.

    split.py CATALOGUE REGISTRY OUT [--prepared-at TIME]

Two kinds of figures, never mixed in one report:
  - real ones: the statistics office's 2024 population, area, density and GRDP per head of the 63 provinces;
  - the published national figures: what only the centre has as it was published, the rest split over the provinces so
    that the roll-up gives the published figure back. What is split, and the levels behind a published growth, are marked
    demonstration=yes, and the comment of each says how it came about. README.md has the methods.

Deterministic, and exact: whole numbers and fractions only, no floats. Python's standard library only.
"""

import argparse
import csv
import datetime
import itertools
import pathlib
import re
import sys
from dataclasses import dataclass, field, replace
from decimal import Decimal
from fractions import Fraction

HERE = pathlib.Path(__file__).resolve().parent

REPORT_COLUMNS = ("provider", "dataflow", "time_period", "period_from", "period_to", "reference_date", "purpose", "reason",
                  "prepared_by", "prepared_at", "approved_by", "approved_at", "demonstration")
OBSERVATION_COLUMNS = ("indicator", "ref_area", "value", "numerator", "denominator", "weight", "rank_out_of", "unit",
                       "unit_mult", "obs_status", "missing_reason", "qualifier", "source_system", "justification_code",
                       "justification", "comment")
COLUMNS = REPORT_COLUMNS + OBSERVATION_COLUMNS

SPLIT = "Số minh họa, không phải số tỉnh báo cáo"
SPREAD = Fraction(1, 10)  # of a rate or a speed, for each 1 of richness


@dataclass(frozen=True)
class Province:
    area: str  # 63/46
    provider: str
    agent: str
    coastal: bool
    population: int
    land_area: str  # km2, as published
    grdp_per_head: str  # million dong, as published
    richness: Fraction = Fraction(0)  # see rank_by_richness

    @property
    def grdp(self):
        return Fraction(self.grdp_per_head) * self.population


@dataclass(frozen=True)
class Figure:
    """A national figure to be reported: a published one, or the earlier level behind a published growth."""
    indicator: str
    time_period: str
    reference_date: str
    value: str
    numerator: str
    denominator: str
    rank_out_of: str
    unit_mult: int
    qualifier: str
    obs_status: str
    reason: str
    what: str  # for the comment
    published: bool


@dataclass
class World:
    indicators: dict
    dataflows: dict
    providers: dict
    provinces: list
    published: list
    earlier_levels: list
    denominators: dict
    centre_providers: dict
    justifications: dict
    prepared_at: str
    rows: list = field(default_factory=list)  # (agent, row)


# ---------------------------------------------------------------- reading

def read_csv(path):
    with open(path, encoding="utf-8", newline="") as f:
        return list(csv.DictReader(f))


def rank_by_richness(provinces):
    """By rank of GRDP per head, evenly over a range of 2, and 0 for the mean of all people."""
    by_grdp = sorted(provinces, key=lambda p: (Fraction(p.grdp_per_head), p.area))
    rank = {p.area: Fraction(2 * place, len(by_grdp) - 1) for place, p in enumerate(by_grdp)}
    mean = sum(rank[p.area] * p.population for p in provinces) / sum(p.population for p in provinces)
    return [replace(p, richness=rank[p.area] - mean) for p in provinces]


def read_provinces(registry, providers):
    statistics = {row["code"]: row for row in read_csv(registry / "nso_province_stats_2024_63.csv")}
    by_area = {p["area"]: p for p in providers.values() if p["kind"] == "province"}
    provinces = []
    for area in read_csv(registry / "areas.csv"):
        if area["level"] != "province" or area["vintage"] != "63" or area["area"] not in by_area:
            continue
        if any(p.area == area["area"] for p in provinces):
            continue  # a later row of the same province: its name or rank changed
        row = statistics[area["code"]]
        provider = by_area[area["area"]]
        provinces.append(Province(area["area"], provider["provider"], provider["agent"], area["coastal"] == "y",
                                  int(row["population"]), row["area_km2"], row["grdp_per_capita_million_vnd"]))
    return rank_by_richness(provinces)


def published_figure(row):
    return Figure(row["indicator"], row["time_period"], row["reference_date"], row["value"], row["numerator"],
                  row["denominator"], row["rank_out_of"], int(row["unit_mult"]), row["qualifier"], row["obs_status"],
                  f"Nạp số đã công bố ngày {row['announced_on']}", f"số đã công bố thứ {row['figure_no']}", True)


def earlier_level(row):
    return Figure(row["indicator"], row["time_period"], row["reference_date"], row["value"], "", "", "", 0,
                  row["qualifier"], row["obs_status"], "Mức làm cơ sở để tính lại tốc độ tăng đã công bố",
                  f"mức chọn sao cho tốc độ tăng của số đã công bố thứ {row['behind_figure']} tính lại đúng như công bố",
                  False)


def read_world(catalogue, registry, prepared_at):
    providers = {row["provider"]: row for row in read_csv(catalogue / "providers.csv")}
    return World(
        indicators={row["code"]: row for row in read_csv(catalogue / "indicators.csv")},
        dataflows={row["code"]: row for row in read_csv(catalogue / "dataflows.csv")},
        providers=providers,
        provinces=read_provinces(registry, providers),
        published=[published_figure(row) for row in read_csv(catalogue / "published_figures.csv")],
        earlier_levels=[earlier_level(row) for row in read_csv(HERE / "earlier_levels.csv")],
        denominators={(row["indicator"], row["time_period"]): row for row in read_csv(HERE / "denominators.csv")},
        centre_providers={row["indicator"]: row["provider"] for row in read_csv(HERE / "centre_providers.csv")},
        justifications={(row["indicator"], row["time_period"]): row for row in read_csv(HERE / "justifications.csv")},
        prepared_at=prepared_at,
    )


# ---------------------------------------------------------------- exact arithmetic

def plain(number):
    """A number as decimal digits: 16400000, 71.79. Never an exponent; it must have a finite expansion."""
    fraction = Fraction(number)
    scale = 0
    while (fraction * 10**scale).denominator != 1:
        scale += 1
        assert scale <= 18, f"{number} has no finite decimal form"
    return f"{Decimal(fraction.numerator * 10**scale // fraction.denominator).scaleb(-scale):f}"


def round_half_away(number, decimals):
    scaled = abs(Fraction(number)) * 10**decimals
    whole = (2 * scaled.numerator + scaled.denominator) // (2 * scaled.denominator)
    return Fraction(whole if number >= 0 else -whole, 10**decimals)


def largest_remainder(total, weights):
    """total as whole numbers in proportion to weights; what rounding down leaves goes to the largest remainders."""
    whole = sum(weights)
    shares = [Fraction(total) * w / whole for w in weights]
    parts = [int(s) for s in shares]
    order = sorted(range(len(parts)), key=lambda i: (parts[i] - shares[i], i))
    for i in order[:total - sum(parts)]:
        parts[i] += 1
    return parts


def capped_remainder(total, weights, caps):
    """largest_remainder, but no part above its cap: what overflows goes to those with room."""
    assert total <= sum(caps)
    parts = [min(part, cap) for part, cap in zip(largest_remainder(total, weights), caps)]
    while sum(parts) < total:
        room = [i for i in range(len(parts)) if parts[i] < caps[i]]
        more = largest_remainder(total - sum(parts), [weights[i] for i in room])
        for i, extra in zip(room, more):
            parts[i] = min(caps[i], parts[i] + extra)
    return parts


def at_least_one(total, weights):
    return [1 + part for part in largest_remainder(total - len(weights), weights)]


# ---------------------------------------------------------------- rows

def period_dates(world, dataflow, time_period):
    """Explicit dates where the dataflow's calendar has no such frequency; otherwise none: the calendar gives them."""
    known = world.dataflows[dataflow]["frequencies"].split("|")
    if re.fullmatch(r"\d{4}-\d\d-\d\d", time_period):
        return time_period, time_period
    if match := re.fullmatch(r"(\d{4})-01-01/P(\d+)Y", time_period):
        return f"{match[1]}-01-01", f"{int(match[1]) + int(match[2]) - 1}-12-31"
    letter = {4: "A", 7: time_period[5:6]}[len(time_period)]
    assert letter in known, f"{dataflow} {time_period}: the dataflow has no such frequency"
    return "", ""


def report_fields(world, provider, dataflow, figure, demonstration):
    period_from, period_to = period_dates(world, dataflow, figure.time_period)
    return {
        "provider": provider, "dataflow": dataflow, "time_period": figure.time_period,
        "period_from": period_from, "period_to": period_to, "reference_date": figure.reference_date,
        "purpose": "backfill", "reason": figure.reason,
        "prepared_by": "Trạm, bộ số liệu kèm theo", "prepared_at": world.prepared_at,
        "approved_by": "Trạm, bộ số liệu kèm theo", "approved_at": world.prepared_at,
        "demonstration": "yes" if demonstration else "no",
    }


def add(world, provider, figure, demonstration, **observation):
    """One row. Everything not given is as the catalogue and the figure say."""
    indicator = world.indicators[figure.indicator]
    row = report_fields(world, provider, indicator["dataflow"], figure, demonstration)
    row |= {
        "indicator": figure.indicator, "unit": indicator["unit"], "unit_mult": "0", "obs_status": figure.obs_status,
        "qualifier": figure.qualifier, "source_system": indicator["source_system"],
    }
    if reason := world.justifications.get((figure.indicator, figure.time_period)):
        row |= {name: reason[name] for name in ("justification_code", "justification")}
    row |= observation
    world.rows.append((world.providers[provider]["agent"], {name: row.get(name, "") for name in COLUMNS}))


# ---------------------------------------------------------------- real figures

def real_statistics(world):
    def figure(indicator, status):
        return Figure(indicator, "2024", "2024-12-31", "", "", "", "", 0, "exact", status,
                      "Nạp số liệu thống kê năm 2024 đã công bố", "", True)

    source = "Tổng cục Thống kê, PX-Web, số liệu năm 2024"
    for p in world.provinces:
        density = round_half_away(p.population / Fraction(p.land_area), 1)
        add(world, p.provider, figure("population", "A"), False, ref_area=p.area, value=str(p.population), comment=source)
        add(world, p.provider, figure("land_area", "A"), False, ref_area=p.area, value=p.land_area, comment=source)
        add(world, p.provider, figure("population_density", "A"), False, ref_area=p.area, value=plain(density),
            numerator=str(p.population), denominator=p.land_area, comment=source)
        add(world, p.provider, figure("grdp_per_capita", "P"), False, ref_area=p.area, value=p.grdp_per_head,
            comment=f"{source}, sơ bộ")


# ---------------------------------------------------------------- the split

def split_sum(world, figure):
    total = Fraction(figure.value) * 10**figure.unit_mult
    assert total.denominator == 1
    parts = largest_remainder(int(total), [p.population for p in world.provinces])
    comment = f"{SPLIT}: {figure.what}, chia theo dân số năm 2024"
    for province, part in zip(world.provinces, parts):
        add(world, province.provider, figure, True, ref_area=province.area, value=str(part), comment=comment)


def denominators(world, figure):
    """What each province's ratio is of; None where the figure does not apply."""
    row = world.denominators.get((figure.indicator, figure.time_period)) or world.denominators[figure.indicator, ""]
    weights = [p.grdp if row["split_by"] == "grdp" else Fraction(p.population) for p in world.provinces]
    if row["basis"] == "share_of_population":
        return [int(w * Fraction(row["amount"])) for w in weights]
    if row["basis"] == "persons_per_unit":
        return [int(w / Fraction(row["amount"])) for w in weights]
    total = int(figure.denominator or row["amount"])
    if row["split_by"] != "coast":
        return at_least_one(total, weights)
    coast = [p.population for p in world.provinces if p.coastal]
    parts = iter(at_least_one(total, coast))
    return [next(parts) if p.coastal else None for p in world.provinces]


def numerators(world, figure, below):
    """Whole numbers that bring the published ratio back; richer provinces stand a little above poorer ones."""
    total_below = sum(below)
    total = int(figure.numerator) if figure.numerator else int(
        round_half_away(Fraction(figure.value) * total_below / 100, 0))
    provinces = [p for p in world.provinces if applies(p, figure, world)]
    weights = [d * (1 + SPREAD * p.richness) for d, p in zip(below, provinces)]
    return capped_remainder(total, weights, below)


def applies(province, figure, world):
    row = world.denominators.get((figure.indicator, figure.time_period)) or world.denominators[figure.indicator, ""]
    return row["split_by"] != "coast" or province.coastal


def split_ratio(world, figure):
    indicator = world.indicators[figure.indicator]
    below = denominators(world, figure)
    above = iter(numerators(world, figure, [d for d in below if d is not None]))
    comment = f"{SPLIT}: {figure.what}, tử và mẫu chia theo deploy/demonstration/README.md"
    for province, d in zip(world.provinces, below):
        if d is None:
            add(world, province.provider, figure, True, ref_area=province.area, obs_status="M",
                missing_reason="not_applicable", comment=f"{SPLIT}: tỉnh không có biển")
            continue
        n = next(above)
        rate = round_half_away(Fraction(100 * n, d), int(indicator["display_decimals"]))
        add(world, province.provider, figure, True, ref_area=province.area, numerator=str(n), denominator=str(d),
            value=plain(rate) if indicator["unit"] == "percent" else "", comment=comment)


def balanced_mean(mean, provinces, decimals):
    """
    Values around the mean and whole weights such that sum(value * weight) / sum(weight) is the mean exactly.
    Weights go by population, but the last two provinces take up what is left: one by its value, one by its weight.
    """
    step = Fraction(1, 10**decimals)
    weights = [p.population // 100 for p in provinces]
    steps = [int(mean * SPREAD * p.richness / step) for p in provinces]
    steps[-1] = steps[-2] = 0
    steps[-1] = -int(round_half_away(Fraction(sum(s * w for s, w in zip(steps, weights)), weights[-1]), 0))
    left = sum(s * w for s, w in zip(steps, weights))
    if left:
        steps[-2], weights[-2] = (-1 if left > 0 else 1), abs(left)
    return [mean + s * step for s in steps], weights


def split_mean(world, figure):
    decimals = int(world.indicators[figure.indicator]["display_decimals"])
    values, weights = balanced_mean(Fraction(figure.value) * 10**figure.unit_mult, world.provinces, decimals)
    comment = f"{SPLIT}: {figure.what}, trọng số là số lần đo theo dân số"
    for province, value, weight in zip(world.provinces, values, weights):
        add(world, province.provider, figure, True, ref_area=province.area, value=plain(value), weight=str(weight),
            comment=comment)


def report_from_centre(world, figure):
    """A published figure as it was published; a level behind a growth is the demonstration's own and marked so."""
    value = plain(Fraction(figure.value) * 10**figure.unit_mult) if figure.value else ""
    add(world, world.centre_providers[figure.indicator], figure, not figure.published, ref_area="VN", value=value,
        numerator=figure.numerator, denominator=figure.denominator, rank_out_of=figure.rank_out_of,
        comment=f"Đúng như công bố: {figure.what}" if figure.published else f"{SPLIT}: {figure.what}")


# How a figure that provinces report is split; any other is the centre's to report.
METHODS = {"sum": split_sum, "ratio_of_sums": split_ratio, "weighted_mean": split_mean}


def report(world, figure):
    over_area = world.indicators[figure.indicator]["over_area"]
    if over_area == "growth_recomputed":
        return  # nobody reports a growth: it follows from the levels
    METHODS.get(over_area, report_from_centre)(world, figure)


def split(catalogue, registry, prepared_at):
    """Every row to hand in, as (agent, row)."""
    world = read_world(pathlib.Path(catalogue), pathlib.Path(registry), prepared_at)
    real_statistics(world)
    for figure in world.published + world.earlier_levels:
        report(world, figure)
    return world.rows


# ---------------------------------------------------------------- writing

def file_of(row):
    return f"{row['dataflow']}.csv"


def write(rows, out):
    def place(item):
        agent, row = item
        return agent, file_of(row)

    def report_key(item):
        return place(item) + tuple(item[1][name] for name in REPORT_COLUMNS)

    for (agent, name), group in itertools.groupby(sorted(rows, key=report_key), key=place):
        folder = out / agent
        folder.mkdir(parents=True, exist_ok=True)
        with open(folder / name, "w", encoding="utf-8", newline="") as f:
            writer = csv.DictWriter(f, COLUMNS, lineterminator="\n")
            writer.writeheader()
            writer.writerows(row for _, row in group)


def now_in_vietnam():
    zone = datetime.timezone(datetime.timedelta(hours=7))
    return datetime.datetime.now(zone).replace(microsecond=0).isoformat()


def main():
    parser = argparse.ArgumentParser(description="Writes the demonstration's files to hand in, one folder an agent.")
    parser.add_argument("catalogue", type=pathlib.Path)
    parser.add_argument("registry", type=pathlib.Path)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--prepared-at", default=now_in_vietnam(), metavar="TIME", help="RFC 3339; default: now")
    arguments = parser.parse_args()
    write(split(arguments.catalogue, arguments.registry, arguments.prepared_at), arguments.out)


if __name__ == "__main__":
    sys.exit(main())
