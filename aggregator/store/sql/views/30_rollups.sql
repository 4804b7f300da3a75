-- SPDX-License-Identifier: Apache-2.0
-- Roll-ups by every method, read from history: nothing here is stored, so nothing can drift.

CREATE TYPE tram.rollup_row AS (
  area              text,
  indicator         text,
  time_period       text,
  value             numeric,
  numerator         numeric,
  denominator       numeric,
  method            text,
  unit              text,
  boundary          text,      -- vintage of the areas: 63 or 34
  catalogue_version integer,
  areas_reporting   integer,
  areas_expected    integer,
  coverage_weight   numeric,   -- share of the expected areas' population that lives in those reporting; 1 is all
  finality          text,      -- final: every expected area reports
  obs_status        "char",    -- the weakest
  qualifier         text,      -- the weakest; approx where bounds do not add up to one
  demonstration     boolean,   -- something in it is not reported data
  held              integer    -- figures that are in the quarantine and so not in it
);

-- The vintage of the provinces in force on a day.
CREATE FUNCTION tram.vintage_on(day date) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT a.vintage FROM tram.area a
  WHERE a.level = 'province' AND a.valid_from <= day AND coalesce(a.valid_to, 'infinity') >= day
  ORDER BY a.valid_from DESC LIMIT 1
$$;

-- The areas that are expected to report for a day, and the unit each counts for: itself, its region or the nation. When
-- figures of an older vintage are asked for in the units of a younger one, each province counts for its successor.
CREATE FUNCTION tram.expected_areas(day date, level text, boundary text)
RETURNS TABLE (unit text, area_no integer, population numeric)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT CASE expected_areas.level WHEN 'nation' THEN 'VN' WHEN 'region' THEN t.parent ELSE t.area END,
         a.area_no, a.population
  FROM tram.area a
  LEFT JOIN tram.area_succession s ON a.vintage <> expected_areas.boundary AND s.predecessor = a.area
  JOIN LATERAL (
    SELECT t.area, t.parent FROM tram.area t
    WHERE t.area = coalesce(s.successor, a.area) AND t.vintage = expected_areas.boundary
    ORDER BY t.valid_from <= day DESC, abs(t.valid_from - day) LIMIT 1) t ON true
  WHERE a.level = 'province' AND a.valid_from <= day AND coalesce(a.valid_to, 'infinity') >= day
$$;

-- Of figures that only the nation (or another single area) states, the units are those areas themselves.
CREATE FUNCTION tram.stating_areas(level text, boundary text)
RETURNS TABLE (unit text, area_no integer, population numeric)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT DISTINCT a.area, a.area_no, NULL::numeric FROM tram.area a
  WHERE a.level = stating_areas.level AND (a.level = 'nation' OR a.vintage = stating_areas.boundary)
$$;

-- One indicator and packed period at a level, by the catalogue's method. own: each unit's own statement, which is never
-- made from others (ranks, targets, distinct counts, benchmarks). sum: added up. ratio: the parts added up, then divided.
-- mean: weighted by another indicator's figure of the same area and period, or by the observation's own weight.
CREATE FUNCTION tram.rollup_stated(i tram.indicator, own boolean, period integer, level text, boundary text,
                                   as_of timestamptz, catalogue_version integer)
RETURNS SETOF tram.rollup_row
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
#variable_conflict use_column
DECLARE
  v_kind   text := CASE WHEN rollup_stated.own THEN 'own' ELSE rollup_stated.i.over_area END;
  v_factor numeric := CASE rollup_stated.i.unit WHEN 'percent' THEN 100 ELSE 1 END;
  v_end    date := tram.period_end(rollup_stated.period);
  v_key    bigint;
  v_weight_key bigint;
BEGIN
  SELECT (s.series_no::bigint << 44) | (rollup_stated.period::bigint << 14) INTO v_key
  FROM tram.series s WHERE s.indicator = rollup_stated.i.indicator AND s.dimensions = '';
  SELECT (s.series_no::bigint << 44) | (rollup_stated.period::bigint << 14) INTO v_weight_key
  FROM tram.series s WHERE v_kind = 'weighted_mean' AND s.indicator = rollup_stated.i.mean_weight AND s.dimensions = '';

  RETURN QUERY
  WITH expected AS (
    SELECT * FROM tram.expected_areas(v_end, rollup_stated.level, rollup_stated.boundary) WHERE v_kind <> 'own'
    UNION ALL
    SELECT * FROM tram.stating_areas(rollup_stated.level, rollup_stated.boundary) WHERE v_kind = 'own'
  ), figure AS (
    SELECT e.unit, e.population, f.value, f.numerator, f.denominator, f.qualifier, f.flags, st.weakness, f.held,
           CASE WHEN rollup_stated.i.mean_weight = 'observation' THEN f.weight ELSE w.value END AS weight,
           f.outcome IN (1, 2) AND f.flags & 1 = 0 AS stands, f.missing_reason
    FROM expected e
    LEFT JOIN LATERAL tram.figure_at(e.area_no, v_key, rollup_stated.as_of) f ON true
    LEFT JOIN LATERAL (
      SELECT w.value FROM tram.figure_at(e.area_no, v_weight_key, rollup_stated.as_of) w
      WHERE w.outcome IN (1, 2) AND w.flags & 1 = 0) w ON v_weight_key IS NOT NULL
    LEFT JOIN tram.obs_status st ON st.obs_status = f.obs_status
  ), told AS (
    SELECT *, stands AND missing_reason = 0 AND CASE v_kind
        WHEN 'sum' THEN value IS NOT NULL
        WHEN 'ratio_of_sums' THEN numerator IS NOT NULL AND denominator IS NOT NULL
        WHEN 'weighted_mean' THEN value IS NOT NULL AND weight IS NOT NULL
        ELSE value IS NOT NULL OR numerator IS NOT NULL AND denominator IS NOT NULL
      END AS counts
    FROM figure
  ), added AS (
    SELECT unit,
           CASE v_kind WHEN 'sum' THEN sum(value) FILTER (WHERE counts)
                       WHEN 'own' THEN max(value) FILTER (WHERE counts) END AS value,
           CASE v_kind WHEN 'weighted_mean' THEN sum(value * weight) FILTER (WHERE counts)
                       WHEN 'sum' THEN NULL
                       ELSE sum(numerator) FILTER (WHERE counts) END AS numerator,
           CASE v_kind WHEN 'weighted_mean' THEN sum(weight) FILTER (WHERE counts)
                       WHEN 'sum' THEN NULL
                       ELSE sum(denominator) FILTER (WHERE counts) END AS denominator,
           count(*) FILTER (WHERE counts OR stands AND missing_reason = 1)::integer AS reporting,
           count(*)::integer AS expected,
           sum(population) FILTER (WHERE counts OR stands AND missing_reason = 1) AS population_reporting,
           sum(population) AS population_expected,
           max(weakness) FILTER (WHERE counts) AS weakness,
           -- what is at least one figure and at most another is neither
           CASE WHEN bool_or(qualifier IN (2, 3)) FILTER (WHERE counts) AND bool_or(qualifier = 4) FILTER (WHERE counts)
                THEN 6 ELSE max(qualifier) FILTER (WHERE counts) END AS qualifier,
           coalesce(bool_or(flags & 2 <> 0) FILTER (WHERE counts), false) AS demonstration,
           count(*) FILTER (WHERE held)::integer AS held
    FROM told GROUP BY unit
  )
  SELECT a.unit, rollup_stated.i.indicator, tram.period_text(rollup_stated.period),
         CASE WHEN v_kind = 'weighted_mean' THEN a.numerator / nullif(a.denominator, 0)
              ELSE coalesce(a.value, v_factor * a.numerator / nullif(a.denominator, 0)) END,
         a.numerator, a.denominator, rollup_stated.i.over_area, rollup_stated.i.unit, rollup_stated.boundary,
         rollup_stated.catalogue_version, a.reporting, a.expected,
         trim_scale(CASE WHEN a.population_expected > 0 AND rollup_stated.i.coverage_weight <> ''
                         THEN coalesce(a.population_reporting, 0) / a.population_expected
                         ELSE a.reporting::numeric / a.expected END),
         CASE WHEN a.reporting = a.expected THEN 'final' ELSE 'provisional' END,
         coalesce(st.obs_status, 'M'), coalesce(q.code, ''), a.demonstration, a.held
  FROM added a
  LEFT JOIN tram.obs_status st ON st.weakness = a.weakness
  LEFT JOIN tram.qualifier q ON q.qualifier = a.qualifier
  WHERE v_kind <> 'own' OR rollup_stated.level = 'nation' OR a.reporting > 0 OR a.held > 0
  ORDER BY a.unit;
END $$;

-- Made anew from what its two sides roll up to: the level now and a year before ("x"), or two indicators ("x / y").
-- Coverage is that of the side that has less of it.
CREATE FUNCTION tram.rollup_derived(i tram.indicator, top tram.rollup_row, bottom tram.rollup_row, growth boolean,
                                    catalogue_version integer)
RETURNS tram.rollup_row
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog AS $$
  SELECT top.area, i.indicator, top.time_period,
         CASE WHEN i.unit <> 'percent' THEN top.value / nullif(bottom.value, 0)
              WHEN growth THEN (top.value - bottom.value) * 100 / nullif(bottom.value, 0)
              ELSE top.value * 100 / nullif(bottom.value, 0) END,
         top.value, bottom.value, i.over_area, i.unit, top.boundary, catalogue_version,
         CASE WHEN less THEN coalesce(bottom.areas_reporting, 0) ELSE top.areas_reporting END,
         CASE WHEN less THEN coalesce(bottom.areas_expected, top.areas_expected) ELSE top.areas_expected END,
         CASE WHEN less THEN coalesce(bottom.coverage_weight, 0) ELSE top.coverage_weight END,
         CASE WHEN top.finality = 'final' AND bottom.finality = 'final' THEN 'final' ELSE 'provisional' END,
         (SELECT s.obs_status FROM tram.obs_status s
          WHERE s.obs_status IN (top.obs_status, coalesce(bottom.obs_status, 'M')) ORDER BY s.weakness DESC LIMIT 1),
         -- a divisor that is at least or at most so much turns the bound round: about
         CASE WHEN bottom.qualifier IN ('at_least', 'more_than', 'at_most') THEN 'approx'
              ELSE (SELECT q.code FROM tram.qualifier q WHERE q.code IN (top.qualifier, coalesce(bottom.qualifier, ''))
                    ORDER BY q.qualifier DESC LIMIT 1) END,
         top.demonstration OR coalesce(bottom.demonstration, false), top.held + coalesce(bottom.held, 0)
  FROM (SELECT coalesce(bottom.coverage_weight, 0) < top.coverage_weight AS less) c
$$;

-- The roll-up itself, for codes and packed periods; tram.rollup() is what people call. Growth over the day on which units
-- changed is in the younger ones: the year before is counted for the successors. It reads the tables with its
-- owner's rights, so that readers need rights to views only.
CREATE FUNCTION tram.rollup_at(indicator text, period integer, level text, boundary text, as_of timestamptz,
                               depth integer DEFAULT 0)
RETURNS SETOF tram.rollup_row
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  v_i        tram.indicator;
  v_own      boolean;
  v_parts    text[];
  v_bottom_period integer := rollup_at.period;
  v_boundary text := coalesce(rollup_at.boundary, tram.vintage_on(tram.period_end(rollup_at.period)), '');
  v_version  integer;
BEGIN
  SELECT i.* INTO STRICT v_i FROM tram.indicator i WHERE i.indicator = rollup_at.indicator;
  SELECT max(c.version) INTO v_version FROM tram.catalogue c;
  CASE v_i.over_area
    WHEN 'sum', 'ratio_of_sums', 'weighted_mean' THEN
      SELECT d.provided_by = 'centre' INTO v_own FROM tram.dataflow d WHERE d.dataflow = v_i.dataflow;
    WHEN 'distinct_union', 'national_only', 'rank_external', 'benchmark_external', 'target' THEN
      v_own := true;
    WHEN 'growth_recomputed' THEN
      v_own := NULL;
    ELSE
      RAISE EXCEPTION 'no roll-up knows the method % of indicator %', v_i.over_area, rollup_at.indicator
        USING ERRCODE = 'feature_not_supported',
        HINT = 'the schema is older than the catalogue: run tram store migrate';
  END CASE;
  IF v_i.over_area <> 'growth_recomputed' THEN
    RETURN QUERY SELECT * FROM tram.rollup_stated(v_i, v_own, rollup_at.period, rollup_at.level, v_boundary,
                                                  rollup_at.as_of, v_version);
    RETURN;
  END IF;
  IF rollup_at.depth > 8 THEN
    RAISE EXCEPTION 'indicator % derives from itself', rollup_at.indicator USING ERRCODE = 'invalid_parameter_value';
  END IF;
  v_parts := string_to_array(v_i.derives_from, ' / ');
  IF array_length(v_parts, 1) = 1 THEN
    v_bottom_period := tram.period_shift_years(rollup_at.period, -1);
  END IF;
  RETURN QUERY
  SELECT made.*
  FROM tram.rollup_at(v_parts[1], rollup_at.period, rollup_at.level, v_boundary, rollup_at.as_of, rollup_at.depth + 1) top
  LEFT JOIN tram.rollup_at(v_parts[array_length(v_parts, 1)], v_bottom_period, rollup_at.level, v_boundary,
                           rollup_at.as_of, rollup_at.depth + 1) bottom ON bottom.area = top.area
  CROSS JOIN LATERAL tram.rollup_derived(v_i, top, bottom, array_length(v_parts, 1) = 1, v_version) made;
END $$;

-- An indicator's figures for a period: at level nation, region or province, in the units of a vintage (63, 34, a day for
-- the one in force on it, null for the one in force at the period's end), as known at a moment (null: now).
CREATE FUNCTION tram.rollup(indicator text, period text, level text DEFAULT 'nation', boundary text DEFAULT NULL,
                            as_of timestamptz DEFAULT NULL)
RETURNS SETOF tram.rollup_row
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  v_period   integer := tram.period_pack(rollup.period);
  v_in_force text;
  v_boundary text := rollup.boundary;
BEGIN
  IF NOT EXISTS (SELECT FROM tram.indicator i WHERE i.indicator = rollup.indicator) THEN
    RAISE EXCEPTION 'no indicator % in the catalogue', rollup.indicator USING ERRCODE = 'invalid_parameter_value',
      HINT = 'SELECT indicator FROM tram.indicator lists them';
  END IF;
  IF v_period IS NULL THEN
    RAISE EXCEPTION '% is not a time period', rollup.period USING ERRCODE = 'invalid_parameter_value',
      HINT = 'write 2024, 2024-S1, 2024-Q2, 2024-06, 2024-W05, 2024-06-14 or 2018-01-01/P7Y';
  END IF;
  IF coalesce(rollup.level NOT IN ('nation', 'region', 'province'), true) THEN
    RAISE EXCEPTION '% is not a level', rollup.level USING ERRCODE = 'invalid_parameter_value',
      HINT = 'nation, region or province';
  END IF;
  v_in_force := coalesce(tram.vintage_on(tram.period_end(v_period)), '');
  IF v_boundary ~ '^\d{4}-\d\d-\d\d$' THEN
    v_boundary := coalesce(tram.vintage_on(v_boundary::date), '?');
  END IF;
  v_boundary := coalesce(v_boundary, v_in_force);
  IF v_boundary <> v_in_force AND NOT EXISTS (
       SELECT FROM tram.area_succession s JOIN tram.area p ON p.area = s.predecessor JOIN tram.area t ON t.area = s.successor
       WHERE p.vintage = v_in_force AND t.vintage = v_boundary) THEN
    RAISE EXCEPTION 'figures of % cannot be shown in the units of %', rollup.period, rollup.boundary
      USING ERRCODE = 'invalid_parameter_value',
      HINT = 'merged provinces cannot be taken apart; the units then in force are of vintage ' || coalesce(nullif(v_in_force, ''), 'none');
  END IF;
  RETURN QUERY SELECT * FROM tram.rollup_at(rollup.indicator, v_period, rollup.level, v_boundary,
                                            coalesce(rollup.as_of, 'infinity'), 0);
END $$;

-- The periods for which anything was reported, found by steps along the index: as many as there are periods, not reports.
CREATE VIEW tram.dataflow_period AS
WITH RECURSIVE step AS (
  (SELECT r.dataflow, r.period FROM tram.report r ORDER BY r.dataflow, r.period LIMIT 1)
  UNION ALL
  SELECT n.dataflow, n.period FROM step s CROSS JOIN LATERAL (
    SELECT r.dataflow, r.period FROM tram.report r WHERE (r.dataflow, r.period) > (s.dataflow, s.period)
    ORDER BY r.dataflow, r.period LIMIT 1) n
)
SELECT dataflow, period FROM step WHERE period <> 0;

-- The periods for which an indicator may have a figure: its dataflow's, and of what it derives from.
CREATE VIEW tram.indicator_period AS
WITH RECURSIVE base AS (
  SELECT i.indicator, i.dataflow, i.derives_from, 0 AS depth FROM tram.indicator i
  UNION
  SELECT b.indicator, i.dataflow, i.derives_from, b.depth + 1
  FROM base b CROSS JOIN LATERAL string_to_table(b.derives_from, ' / ') AS part
  JOIN tram.indicator i ON i.indicator = part
  WHERE b.derives_from <> '' AND b.depth < 8
)
SELECT DISTINCT b.indicator, p.period FROM base b JOIN tram.dataflow_period p ON p.dataflow = b.dataflow;

CREATE VIEW tram.national_rollup AS
SELECT p.indicator, tram.period_text(p.period) AS time_period, r.value, r.numerator, r.denominator, r.method, r.unit,
       r.boundary, r.catalogue_version, r.areas_reporting, r.areas_expected, r.coverage_weight, r.finality, r.obs_status,
       r.qualifier, r.demonstration, r.held
FROM tram.indicator_period p
CROSS JOIN LATERAL tram.rollup_at(p.indicator, p.period, 'nation', NULL, 'infinity', 0) r
WHERE r.areas_reporting > 0 OR r.held > 0;

REVOKE EXECUTE ON FUNCTION tram.rollup(text, text, text, text, timestamptz),
                           tram.rollup_at(text, integer, text, text, timestamptz, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION tram.rollup(text, text, text, text, timestamptz),
                          tram.rollup_at(text, integer, text, text, timestamptz, integer) TO tram_reader, tram_admin;
GRANT SELECT ON tram.dataflow_period, tram.indicator_period, tram.national_rollup TO tram_reader, tram_admin;
