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
  held              integer,   -- figures that are in the quarantine and so not in it
  parts_reporting   integer,   -- of the period's parts (63 provinces × 12 months), those that figures cover
  parts_expected    integer,
  missing           text[],    -- areas of which nothing is in it
  interval_low      numeric,   -- between these it would be if those had stated what they stated before; no interval: null
  interval_high     numeric,
  interval_basis    text,      -- last_accepted:N of M, where M figures are missing and N of them were stated before
  vintage           integer,   -- of the period's closing; 0: the period is not closed
  known_at          timestamptz, -- the moment whose knowledge it shows; null: as asked
  moved             boolean    -- what is known now is another figure
);

-- One indicator and packed period at a level, by the catalogue's method. sum: added up. ratio: the parts added up, then
-- divided. mean: weighted by another indicator's figure of the same area and period, or by the observation's own weight.
CREATE FUNCTION tram.rollup_stated(i tram.indicator, own boolean, period integer, level text, boundary text,
                                   as_of timestamptz, catalogue_version integer)
RETURNS SETOF tram.rollup_row
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog AS $$
  SELECT a.unit, i.indicator, tram.period_text(rollup_stated.period),
         CASE WHEN i.over_area = 'weighted_mean' AND NOT own THEN a.numerator / nullif(a.denominator, 0)
              ELSE coalesce(a.value, CASE i.unit WHEN 'percent' THEN 100 ELSE 1 END * a.numerator / nullif(a.denominator, 0)) END,
         a.numerator, a.denominator, i.over_area, i.unit, rollup_stated.boundary,
         rollup_stated.catalogue_version, a.reporting, a.expected,
         trim_scale(CASE WHEN a.population_expected > 0 AND i.coverage_weight <> ''
                         THEN coalesce(a.population_reporting, 0) / a.population_expected
                         ELSE a.reporting::numeric / a.expected END),
         CASE WHEN a.reporting = a.expected THEN 'final' ELSE 'provisional' END,
         coalesce(st.obs_status, 'M'), coalesce(q.code, ''), a.demonstration, a.held, a.reporting, a.expected, a.missing,
         NULL::numeric, NULL::numeric, '', 0, NULL::timestamptz, false
  FROM (
    SELECT c.unit,
           CASE WHEN own THEN max(c.value) FILTER (WHERE c.state = 'counts')
                WHEN i.over_area = 'sum' THEN sum(c.value) FILTER (WHERE c.state = 'counts') END AS value,
           CASE WHEN own OR i.over_area = 'ratio_of_sums' THEN sum(c.numerator) FILTER (WHERE c.state = 'counts')
                WHEN i.over_area = 'weighted_mean' THEN sum(c.value * c.weight) FILTER (WHERE c.state = 'counts') END AS numerator,
           CASE WHEN own OR i.over_area = 'ratio_of_sums' THEN sum(c.denominator) FILTER (WHERE c.state = 'counts')
                WHEN i.over_area = 'weighted_mean' THEN sum(c.weight) FILTER (WHERE c.state = 'counts') END AS denominator,
           count(*) FILTER (WHERE c.state IN ('counts', 'not_applicable'))::integer AS reporting,
           count(*) FILTER (WHERE c.state <> 'held')::integer AS expected,
           sum(c.population) FILTER (WHERE c.state IN ('counts', 'not_applicable')) AS population_reporting,
           sum(c.population) FILTER (WHERE c.state <> 'held') AS population_expected,
           max(st.weakness) FILTER (WHERE c.state = 'counts') AS weakness,
           -- what is at least one figure and at most another is neither
           CASE WHEN bool_or(c.qualifier IN ('at_least', 'more_than')) FILTER (WHERE c.state = 'counts')
                     AND bool_or(c.qualifier = 'at_most') FILTER (WHERE c.state = 'counts')
                THEN 6 ELSE max(q.qualifier) FILTER (WHERE c.state = 'counts') END AS qualifier,
           coalesce(bool_or(c.demonstration) FILTER (WHERE c.state = 'counts'), false) AS demonstration,
           count(*) FILTER (WHERE c.state = 'held')::integer AS held,
           coalesce(array_agg(c.area ORDER BY c.area) FILTER (WHERE c.state IN ('missing', 'explained')), '{}') AS missing
    FROM tram.stated_figures(i, own, rollup_stated.period, rollup_stated.level, rollup_stated.boundary, rollup_stated.as_of) c
    LEFT JOIN tram.obs_status st ON st.obs_status = c.obs_status
    LEFT JOIN tram.qualifier q ON q.code = c.qualifier
    WHERE c.part = 'value'
    GROUP BY c.unit) a
  LEFT JOIN tram.obs_status st ON st.weakness = a.weakness
  LEFT JOIN tram.qualifier q ON q.qualifier = a.qualifier
  WHERE NOT own OR rollup_stated.level = 'nation' OR a.reporting > 0 OR a.held > 0
  ORDER BY a.unit
$$;

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
         top.demonstration OR coalesce(bottom.demonstration, false), top.held + coalesce(bottom.held, 0),
         CASE WHEN less THEN coalesce(bottom.parts_reporting, 0) ELSE top.parts_reporting END,
         CASE WHEN less THEN coalesce(bottom.parts_expected, top.parts_expected) ELSE top.parts_expected END,
         CASE WHEN less THEN coalesce(bottom.missing, '{}') ELSE top.missing END, NULL::numeric, NULL::numeric, '', 0,
         NULL::timestamptz, false
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
  v_own := tram.states_own(v_i);
  IF v_own IS NOT NULL THEN
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
       r.qualifier, r.demonstration, r.held, r.parts_reporting, r.parts_expected, r.missing, r.interval_low, r.interval_high,
       r.interval_basis, r.vintage, r.known_at, r.moved
FROM tram.indicator_period p
CROSS JOIN LATERAL tram.rollup_at(p.indicator, p.period, 'nation', NULL, 'infinity', 0) r
WHERE r.areas_reporting > 0 OR r.held > 0;

REVOKE EXECUTE ON FUNCTION tram.rollup(text, text, text, text, timestamptz),
                           tram.rollup_at(text, integer, text, text, timestamptz, integer) FROM PUBLIC;
COMMENT ON FUNCTION tram.rollup(text, text, text, text, timestamptz) IS
  'An indicator''s figures for a period at a level (nation, region, province), in the units of 63 or 34 provinces, now or as known at a moment.';
COMMENT ON FUNCTION tram.rollup_at(text, integer, text, text, timestamptz, integer) IS
  'The same for a packed period and a vintage, without asking whether they fit: tram.rollup() is for people.';
COMMENT ON VIEW tram.dataflow_period IS
  'The periods of each dataflow for which anything was reported.';
COMMENT ON VIEW tram.indicator_period IS
  'The periods of each indicator for which anything was reported.';
COMMENT ON VIEW tram.national_rollup IS
  'The national figure of every indicator and period for which anything was reported: tram.rollup() of them all.';

GRANT EXECUTE ON FUNCTION tram.rollup(text, text, text, text, timestamptz),
                          tram.rollup_at(text, integer, text, text, timestamptz, integer) TO tram_reader, tram_admin;
GRANT SELECT ON tram.dataflow_period, tram.indicator_period, tram.national_rollup TO tram_reader, tram_admin;
