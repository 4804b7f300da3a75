-- SPDX-License-Identifier: Apache-2.0
-- Roll-ups of what provinces state for their communes, as it stands now, from what is kept up of each province
-- (tram.subtotal). What they cannot say is read from history, as for provinces: as of a moment, over time, which communes are
-- missing, and between what it would be with them (interval_basis says that it was not asked for: not_worked_out).

-- Does what communes add up to answer for a period, for an indicator that is stated for them? Not where it may be made of finer
-- ones, or is covered by another indicator.
CREATE FUNCTION tram.has_subtotals(i tram.indicator, period integer) RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
  RETURN has_subtotals.i.coverage_weight IN ('', 'population')
    AND tram.part_kinds(has_subtotals.i, has_subtotals.period) = '{}'
    AND NOT EXISTS (SELECT FROM tram.indicator w WHERE has_subtotals.i.over_area = 'weighted_mean'
                      AND w.indicator = has_subtotals.i.mean_weight
                      AND tram.part_kinds(w, has_subtotals.period) <> '{}');
END $$;

-- Who is missing where communes are expected: their province (63/46), all of whose communes are, or how many of how many of
-- them (63/46:5/8).
CREATE FUNCTION tram.missing_of_province(province text, missing bigint, communes bigint) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN missing < communes THEN province || ':' || missing || '/' || communes ELSE province END;

-- The same of communes by their codes, in a period of which the shortest parts are of kind leaf (null: it has none).
CREATE FUNCTION tram.missing_provinces(missing text[], period integer, leaf integer) RETURNS text[]
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off SET jit = off AS $$
#variable_conflict use_column
DECLARE
  v_last  date := tram.period_end(missing_provinces.period);
  v_first date := CASE WHEN missing_provinces.leaf IS NULL THEN v_last ELSE tram.period_start(missing_provinces.period) END;
BEGIN
  IF missing_provinces.missing = '{}' THEN
    RETURN '{}';
  END IF;
  RETURN (
    WITH gone AS MATERIALIZED (
      SELECT c.province_no, count(*) AS missing
      FROM unnest(missing_provinces.missing) m(area)
      JOIN tram.area_number n ON n.area = m.area
      CROSS JOIN LATERAL (
        SELECT c.province_no FROM tram.commune c
        WHERE c.area_no = n.area_no AND c.valid_from <= v_last AND c.valid_to >= v_first
        ORDER BY c.valid_from DESC LIMIT 1) c
      GROUP BY c.province_no
    )
    SELECT array_agg(tram.missing_of_province(p.area, g.missing, e.communes) ORDER BY p.area)
    FROM gone g
    JOIN tram.area_number p ON p.area_no = g.province_no
    CROSS JOIN LATERAL (
      SELECT count(DISTINCT c.area_no) AS communes FROM tram.commune c
      WHERE c.province_no = g.province_no AND c.valid_from <= v_last AND c.valid_to >= v_first
        AND (missing_provinces.leaf IS NULL
             OR tram.ends_between(missing_provinces.leaf, greatest(c.valid_from, v_first), least(c.valid_to, v_last)) > 0)) e);
END $$;

-- What the communes of each province come to, of those that count for a unit.
CREATE FUNCTION tram.commune_shares(i tram.indicator, period integer, level text, boundary text)
RETURNS TABLE (unit text, province text, communes integer, people numeric, s tram.subtotal)
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off SET jit = off AS $$
#variable_conflict use_column
DECLARE
  v_day  date := tram.period_end(commune_shares.period);
  v_key  bigint;
  v_subtotals tram.subtotal[];
BEGIN
  SELECT (n.series_no::bigint << 44) | (commune_shares.period::bigint << 14) INTO v_key
  FROM tram.series n WHERE n.indicator = commune_shares.i.indicator AND n.dimensions = '';
  v_subtotals := ARRAY(SELECT t FROM tram.subtotal t WHERE t.first_key = v_key);
  RETURN QUERY
  SELECT e.unit, e.area, c.communes, c.population, t.t
  FROM tram.expected_areas(v_day, v_day, commune_shares.level, commune_shares.boundary) e
  JOIN tram.commune_count c ON c.province_no = e.area_no AND v_day BETWEEN c.valid_from AND c.valid_to
  LEFT JOIN (SELECT t FROM unnest(v_subtotals) t) t ON (t.t).area_no = e.area_no;
END $$;

-- Areas are communes; those that are missing are told by their provinces (tram.missing_of_province). Coverage is by the people
-- of communes where all of them have a population and the indicator is weighed by it, else by their number.
CREATE FUNCTION tram.rollup_communes(i tram.indicator, period integer, level text, boundary text,
                                     catalogue_version integer)
RETURNS SETOF tram.rollup_row
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan SET jit = off AS $$
#variable_conflict use_column
DECLARE
  v_method text := rollup_communes.i.over_area;
  v_factor numeric := CASE rollup_communes.i.unit WHEN 'percent' THEN 100 ELSE 1 END;
  v_gate   numeric := coalesce(rollup_communes.i.gate_percent, tram.parameter_or('DU-07.gate_percent', 100)) / 100.0;
BEGIN
  RETURN QUERY
  WITH added AS (
    SELECT c.unit, sum(c.communes)::integer AS expected,
           sum(c.reporting)::integer AS reporting,
           coalesce(sum((c.s).reporting), 0) > 0 AS counts, coalesce(sum((c.s).held), 0)::integer AS held,
           coalesce(sum((c.s).demonstration), 0) > 0 AS demonstration,
           sum((c.s).value) AS value, sum((c.s).numerator) AS top, sum((c.s).denominator) AS bottom,
           CASE WHEN rollup_communes.i.coverage_weight = 'population' AND bool_and(c.all_known)
                THEN coalesce(sum((c.s).population), 0) / nullif(sum(c.people), 0) END AS coverage,
           max(CASE WHEN (c.s).statuses[7] > 0 THEN 7 WHEN (c.s).statuses[6] > 0 THEN 6 WHEN (c.s).statuses[5] > 0 THEN 5
                    WHEN (c.s).statuses[4] > 0 THEN 4 WHEN (c.s).statuses[3] > 0 THEN 3 WHEN (c.s).statuses[2] > 0 THEN 2
                    WHEN (c.s).statuses[1] > 0 THEN 1 END) AS weakness,
           -- what is at least one figure and at most another is neither
           CASE WHEN sum((c.s).qualifiers[3] + (c.s).qualifiers[4]) > 0 AND sum((c.s).qualifiers[5]) > 0 THEN 6
                ELSE max(CASE WHEN (c.s).qualifiers[7] > 0 THEN 6 WHEN (c.s).qualifiers[6] > 0 THEN 5
                              WHEN (c.s).qualifiers[5] > 0 THEN 4 WHEN (c.s).qualifiers[4] > 0 THEN 3
                              WHEN (c.s).qualifiers[3] > 0 THEN 2 WHEN (c.s).qualifiers[2] > 0 THEN 1
                              WHEN (c.s).qualifiers[1] > 0 THEN 0 END) END AS qualifier,
           coalesce(array_agg(tram.missing_of_province(c.province, c.communes - c.reporting, c.communes) ORDER BY c.province)
                    FILTER (WHERE c.reporting < c.communes), '{}') AS missing
    FROM (SELECT c.*, bool_and(c.people IS NOT NULL) OVER () AS all_known,
                 coalesce((c.s).reporting + (c.s).not_applicable, 0) AS reporting
          FROM tram.commune_shares(rollup_communes.i, rollup_communes.period, rollup_communes.level, rollup_communes.boundary) c) c
    GROUP BY c.unit
  )
  SELECT a.unit, rollup_communes.i.indicator, tram.period_text(rollup_communes.period),
         CASE WHEN a.counts THEN CASE v_method WHEN 'sum' THEN trim_scale(a.value)
                                               WHEN 'weighted_mean' THEN tram.quotient(a.top, a.bottom)
                                               ELSE tram.quotient(v_factor * a.top, a.bottom) END END,
         CASE WHEN a.counts AND v_method <> 'sum' THEN trim_scale(a.top) END,
         CASE WHEN a.counts AND v_method <> 'sum' THEN trim_scale(a.bottom) END,
         v_method, rollup_communes.i.unit, rollup_communes.boundary, rollup_communes.catalogue_version, a.reporting, a.expected,
         trim_scale(coalesce(a.coverage, a.reporting::numeric / a.expected)),
         CASE WHEN a.reporting >= v_gate * a.expected AND coalesce(a.coverage, 1) >= v_gate THEN 'final' ELSE 'provisional' END,
         coalesce(st.obs_status, 'M'), coalesce(q.code, ''), a.demonstration, a.held, a.reporting, a.expected, a.missing,
         NULL::numeric, NULL::numeric,
         CASE WHEN a.counts AND a.reporting < a.expected THEN 'not_worked_out:' || a.expected - a.reporting ELSE '' END,
         0, NULL::timestamptz, false
  FROM added a
  LEFT JOIN tram.obs_status st ON st.weakness = a.weakness
  LEFT JOIN tram.qualifier q ON q.qualifier = a.qualifier
  ORDER BY a.unit;
END $$;

CREATE VIEW tram.commune_subtotal AS
SELECT n.area AS province, s.indicator, tram.period_text((t.first_key >> 14 & 1073741823)::integer) AS time_period, t.reporting,
       t.not_applicable, c.communes, t.held, t.demonstration, t.value, t.numerator, t.denominator, t.population
FROM tram.subtotal t
JOIN tram.area_number n ON n.area_no = t.area_no
JOIN tram.series s ON s.series_no = t.first_key >> 44
LEFT JOIN tram.commune_count c ON c.province_no = t.area_no
  AND tram.period_end((t.first_key >> 14 & 1073741823)::integer) BETWEEN c.valid_from AND c.valid_to;

COMMENT ON VIEW tram.commune_subtotal IS
  'What the communes of each province add up to now, by indicator and period, and how many of them report';

GRANT SELECT ON tram.commune_subtotal TO tram_reader, tram_admin;
