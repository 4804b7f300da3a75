# SPDX-License-Identifier: Apache-2.0
"""
Generated figures, put straight into the store's tables: what the roll-ups are measured on.

Provinces: the 63 of the registry, INDICATORS indicators of three methods, a figure for each month. Communes: 10,598 of them,
spread over the 63 provinces, the same indicators. One figure in a hundred is a revision, one in a thousand is held.
"""

import csv
import pathlib

import psycopg  # noqa: F401, for whoever asks

ROOT = pathlib.Path(__file__).resolve().parents[2]
COMMUNES = 10_598
METHODS = ("sum", "sum", "ratio_of_sums", "weighted_mean")  # by turns
MONTHS = [f"{year}-{month:02}" for year in (2022, 2023, 2024) for month in range(1, 13)]


def make_schema(db):
    for path in sorted((ROOT / "aggregator/store/sql").glob("*/*.sql")):
        with db.transaction():
            db.execute(path.read_text(encoding="utf-8"))


def rows(name):
    with open(ROOT / "deploy/registry" / name, encoding="utf-8", newline="") as f:
        return list(csv.DictReader(f))


def load_areas(db, communes):
    """The registry, with so many communes spread evenly over the 63 provinces."""
    for row in rows("areas.csv"):
        db.execute("INSERT INTO tram.area_number (area) VALUES (%s) ON CONFLICT DO NOTHING", (row["area"],))
        db.execute("INSERT INTO tram.area SELECT %s, area_no, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, NULL, %s"
                   " FROM tram.area_number WHERE area = %s",
                   (row["area"], row["level"], row["vintage"], row["code"], row["parent"], row["valid_from"],
                    row["valid_to"] or None, row["name_vi"], row["short_name_vi"], row["name_en"], row["kind"],
                    row["iso_3166_2"], row["population"] or None, row["area"]))
    for row in rows("succession.csv"):
        db.execute("INSERT INTO tram.area_succession VALUES (%s, %s, %s)", tuple(row.values()))
    db.execute("""
      CREATE TEMP TABLE made AS
      SELECT '63/c' || lpad(n::text, 5, '0') AS area, p.area AS parent, n
      FROM generate_series(0, %s - 1) n
      JOIN (SELECT area, row_number() OVER (ORDER BY area) - 1 AS place FROM tram.area
            WHERE level = 'province' AND vintage = '63' AND valid_to = '2025-06-30') p ON p.place = n %% 63""", (communes,))
    db.execute("INSERT INTO tram.area_number (area) SELECT area FROM made ORDER BY n % 63, n")
    db.execute("INSERT INTO tram.area SELECT area, area_no, 'commune', '63', substr(area, 4), parent, '2008-08-01',"
               " '2025-06-30', area, area, area, 'commune', '', NULL, 9000 + n FROM made JOIN tram.area_number USING (area)")
    db.execute("ANALYZE tram.area, tram.area_number")


def load_indicators(db, level, count):
    """count indicators that provinces state, or communes (level), and their series."""
    db.execute("INSERT INTO tram.catalogue (version, digest) SELECT 1, '\\x00' WHERE NOT EXISTS (SELECT FROM tram.catalogue)")
    db.execute("INSERT INTO tram.dataflow (dataflow, name_vi, name_en, provided_by, frequencies, calendar, due, valid_from,"
               " area_level) VALUES (%s, '', '', 'province', 'M', '', '', '2000-01-01', %s)", (level, level))
    for n in range(count):
        method = METHODS[n % len(METHODS)]
        code = f"{level}_{n:03}"
        db.execute("INSERT INTO tram.indicator (indicator, dataflow, name_vi, name_en, value_type, unit, unit_vi,"
                   " display_unit_mult, display_decimals, is_integer, kind, over_area, over_time, mean_weight, coverage_weight,"
                   " frequencies, mandatory, max_age_days, valid_from)"
                   " VALUES (%s, %s, '', '', 'count', 'percent', '', 0, 0, false, '', %s, 'last', %s, 'population', 'M', true,"
                   " 400, '2000-01-01')", (code, level, method, "observation" if method == "weighted_mean" else ""))
        db.execute("INSERT INTO tram.series (indicator) VALUES (%s)", (code,))


FIGURES = """
INSERT INTO tram.observation
SELECT (s.series_no::bigint << 44) | (m.period::bigint << 14) | r.revision, (1::bigint << 40) | 1,
       timestamptz '2025-01-01' + r.revision * interval '1 day', a.area_no, 1, 0,
       CASE WHEN h.hash %% 1000 = 0 AND r.revision = r.last THEN 3 ELSE 1 END, 1, 0, 0, 'A',
       CASE WHEN i.over_area <> 'ratio_of_sums' THEN h.hash %% 100000 + r.revision END,
       CASE WHEN i.over_area = 'ratio_of_sums' THEN h.hash %% 1000 + r.revision END,
       CASE WHEN i.over_area = 'ratio_of_sums' THEN h.hash %% 1000 + 1000 END,
       CASE WHEN i.over_area = 'weighted_mean' THEN h.hash %% 777 + 1 END
FROM tram.area a
CROSS JOIN tram.indicator i
JOIN tram.series s ON s.indicator = i.indicator
CROSS JOIN (SELECT unnest(%(periods)s::integer[]) AS period) m
CROSS JOIN LATERAL (SELECT (a.area_no::bigint * 7919 + s.series_no * 104729 + (m.period >> 10) * 31) %% 1000003 AS hash) h
CROSS JOIN LATERAL (SELECT revision, (h.hash %% 100 = 7)::integer AS last
                    FROM generate_series(0, (h.hash %% 100 = 7)::integer) revision) r
WHERE a.level = %(level)s AND a.vintage = '63' AND a.valid_to = '2025-06-30' AND i.dataflow = %(level)s
ORDER BY a.area_no, 1
"""


def load_figures(db, level, months):
    periods = [db.execute("SELECT tram.period_pack(%s)", (month,)).fetchone()[0] for month in months]
    db.execute(FIGURES, {"periods": periods, "level": level})
    db.execute("VACUUM (ANALYZE) tram.observation")


# As tram.subtotal_add() has it, in one pass over all that is there: the generator writes a first revision and sometimes one more.
SUBTOTALS = """
INSERT INTO tram.subtotal
SELECT k.key >> 14 << 14, c.province_no, count(*) FILTER (WHERE k.outcome = 1), 0, count(*) FILTER (WHERE k.outcome = 3), 0,
       coalesce(sum(k.value) FILTER (WHERE s.method = 'sum' AND k.outcome = 1), 0),
       coalesce(sum(CASE s.method WHEN 'weighted_mean' THEN k.value * k.weight ELSE k.numerator END) FILTER (WHERE k.outcome = 1), 0),
       coalesce(sum(CASE s.method WHEN 'weighted_mean' THEN k.weight ELSE k.denominator END) FILTER (WHERE k.outcome = 1), 0),
       sum(c.population) FILTER (WHERE k.outcome = 1),
       ARRAY[count(*) FILTER (WHERE k.outcome = 1), 0, 0, 0, 0, 0, 0], ARRAY[0, count(*) FILTER (WHERE k.outcome = 1), 0, 0, 0, 0, 0]
FROM (SELECT DISTINCT ON (o.area_no, o.key >> 14) o.* FROM tram.observation o JOIN tram.commune_series s ON s.series_no = o.key >> 44
      ORDER BY o.area_no, o.key >> 14, o.outcome, o.key DESC) k
JOIN tram.commune_series s ON s.series_no = k.key >> 44
JOIN tram.commune c ON c.area_no = k.area_no
GROUP BY 1, 2 ORDER BY 2, 1
"""
# The months before, of which there are no figures of communes: the same again.
EARLIER = """
INSERT INTO tram.subtotal
SELECT t.first_key - (%(last)s::bigint - m.period << 14), t.area_no, t.reporting, t.not_applicable, t.held, t.demonstration,
       t.value, t.numerator, t.denominator, t.population, t.statuses, t.qualifiers
FROM tram.subtotal t CROSS JOIN unnest(%(periods)s::integer[]) m(period)
WHERE t.first_key >> 14 & 1073741823 = %(last)s
ORDER BY t.area_no, 1
"""


def load_subtotals(db, months):
    """What communes add up to in the months that have figures of them; and for all others as much."""
    periods = [db.execute("SELECT tram.period_pack(%s)", (month,)).fetchone()[0] for month in MONTHS]
    db.execute("INSERT INTO tram.commune TABLE tram.commune_now")
    db.execute("INSERT INTO tram.commune_series TABLE tram.commune_series_now")
    db.execute("INSERT INTO tram.commune_count TABLE tram.commune_count_now")
    db.execute(SUBTOTALS)
    db.execute(EARLIER, {"last": periods[-1], "periods": periods[:-len(months)]})
    db.execute("VACUUM (ANALYZE) tram.subtotal, tram.commune, tram.commune_count, tram.commune_series")
