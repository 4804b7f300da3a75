-- SPDX-License-Identifier: Apache-2.0
-- What is read from history: periods as people write them, what became of a figure, current values, roll-ups by every
-- method, the quarantine, findings, the scoreboard, and published figures beside the roll-ups. Nothing here is stored,
-- so nothing can drift.

-- ------------------------------------------------------------------ periods, packed as proto/period.h says

CREATE FUNCTION tram.period_start(period integer) RETURNS date
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN DATE '1900-01-01' + (period >> 10 & 131071);

CREATE FUNCTION tram.period_end(period integer) RETURNS date
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN CASE period >> 27
  WHEN 1 THEN (tram.period_start(period) + interval '1 year')::date - 1
  WHEN 2 THEN (tram.period_start(period) + interval '6 months')::date - 1
  WHEN 3 THEN (tram.period_start(period) + interval '3 months')::date - 1
  WHEN 4 THEN (tram.period_start(period) + interval '1 month')::date - 1
  WHEN 5 THEN tram.period_start(period) + 6
  WHEN 6 THEN tram.period_start(period)
  WHEN 7 THEN CASE period >> 8 & 3
    WHEN 0 THEN tram.period_start(period) + (period & 255) - 1
    WHEN 1 THEN tram.period_start(period) + (period & 255) * 7 - 1
    WHEN 2 THEN (tram.period_start(period) + make_interval(months => period & 255))::date - 1
    WHEN 3 THEN (tram.period_start(period) + make_interval(years => period & 255))::date - 1
  END
END;

CREATE FUNCTION tram.date_text(day date) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN lpad(extract(year FROM day)::text, 4, '0') || '-' || lpad(extract(month FROM day)::text, 2, '0') || '-' ||
       lpad(extract(day FROM day)::text, 2, '0');

-- Empty for 0, a period that was not understood.
CREATE FUNCTION tram.period_text(period integer) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN CASE period >> 27
  WHEN 0 THEN ''
  WHEN 1 THEN lpad(extract(year FROM tram.period_start(period))::text, 4, '0')
  WHEN 2 THEN lpad(extract(year FROM tram.period_start(period))::text, 4, '0') || '-S' ||
              ((extract(month FROM tram.period_start(period))::int + 5) / 6)
  WHEN 3 THEN lpad(extract(year FROM tram.period_start(period))::text, 4, '0') || '-Q' ||
              extract(quarter FROM tram.period_start(period))
  WHEN 4 THEN substr(tram.date_text(tram.period_start(period)), 1, 7)
  WHEN 5 THEN lpad(extract(isoyear FROM tram.period_start(period))::text, 4, '0') || '-W' ||
              lpad(extract(week FROM tram.period_start(period))::text, 2, '0')
  WHEN 6 THEN tram.date_text(tram.period_start(period))
  WHEN 7 THEN tram.date_text(tram.period_start(period)) || '/P' || (period & 255) ||
              substr('DWMY', (period >> 8 & 3) + 1, 1)
END;

-- A day of the calendar, or null: make_date() would raise.
CREATE FUNCTION tram.civil_date(year integer, month integer, day integer) RETURNS date
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN CASE WHEN year BETWEEN 1 AND 9999 AND month BETWEEN 1 AND 12 AND day >= 1 AND
                 day <= extract(day FROM (make_date(year, month, 1) + interval '1 month')::date - 1)
            THEN make_date(year, month, day) END;

-- Null for what is no period: exactly the forms of SDMX that proto/period.h reads.
CREATE FUNCTION tram.period_pack(time_period text) RETURNS integer
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
  p     text[];
  kind  integer;
  first date;
  range_part integer := 0;
BEGIN
  IF time_period ~ '^\d{4}$' THEN
    kind := 1;
    first := tram.civil_date(time_period::integer, 1, 1);
  ELSIF time_period ~ '^\d{4}-S[12]$' THEN
    kind := 2;
    first := tram.civil_date(left(time_period, 4)::integer, right(time_period, 1)::integer * 6 - 5, 1);
  ELSIF time_period ~ '^\d{4}-Q[1-4]$' THEN
    kind := 3;
    first := tram.civil_date(left(time_period, 4)::integer, right(time_period, 1)::integer * 3 - 2, 1);
  ELSIF time_period ~ '^\d{4}-\d\d$' THEN
    kind := 4;
    first := tram.civil_date(left(time_period, 4)::integer, right(time_period, 2)::integer, 1);
  ELSIF time_period ~ '^\d{4}-W\d\d$' THEN
    kind := 5;
    -- Week 1 holds 4 January; a week that belongs to another year is none of this one's.
    first := date_trunc('week', tram.civil_date(left(time_period, 4)::integer, 1, 4)::timestamp)::date +
             (right(time_period, 2)::integer - 1) * 7;
    IF extract(isoyear FROM first) <> left(time_period, 4)::integer THEN
      RETURN NULL;
    END IF;
  ELSIF time_period ~ '^\d{4}-\d\d-\d\d$' THEN
    kind := 6;
    p := string_to_array(time_period, '-');
    first := tram.civil_date(p[1]::integer, p[2]::integer, p[3]::integer);
  ELSIF time_period ~ '^\d{4}-\d\d-\d\d/P[1-9]\d{0,2}[DWMY]$' THEN
    kind := 7;
    p := regexp_match(time_period, '^(\d+)-(\d+)-(\d+)/P(\d+)(.)$');
    first := tram.civil_date(p[1]::integer, p[2]::integer, p[3]::integer);
    IF p[4]::integer > 255 THEN
      RETURN NULL;
    END IF;
    range_part := ((position(p[5] IN 'DWMY') - 1) << 8) | p[4]::integer;
  END IF;
  IF left(time_period, 4) NOT BETWEEN '1900' AND '2258' OR first - DATE '1900-01-01' NOT BETWEEN 0 AND 131071 THEN
    RETURN NULL;
  END IF;
  RETURN (kind << 27) | ((first - DATE '1900-01-01') << 10) | range_part;
END $$;

-- The same period years earlier (or later); null for weeks, days and ranges, which have none.
CREATE FUNCTION tram.period_shift_years(period integer, years integer) RETURNS integer
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN CASE WHEN period >> 27 BETWEEN 1 AND 4 AND
                 (tram.period_start(period) + make_interval(years => years))::date - DATE '1900-01-01' BETWEEN 0 AND 131071
            THEN ((period >> 27) << 27) |
                 (((tram.period_start(period) + make_interval(years => years))::date - DATE '1900-01-01') << 10) END;

-- Exactly value * 10^places. (power() has sixteen decimals and no more.)
CREATE FUNCTION tram.shift(value numeric, places integer) RETURNS numeric
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN value * ('1e' || places)::numeric;

-- ------------------------------------------------------------------ code lists

-- SDMX's observation status, strongest first: a roll-up has the weakest of what it is made of.
CREATE TABLE tram.obs_status (
  obs_status "char" PRIMARY KEY,
  weakness   smallint NOT NULL UNIQUE,
  name_vi    text NOT NULL,
  name_en    text NOT NULL
);
INSERT INTO tram.obs_status VALUES
  ('A', 1, 'bình thường', 'normal'),
  ('B', 2, 'đứt đoạn chuỗi số liệu', 'break in the series'),
  ('P', 3, 'sơ bộ', 'provisional'),
  ('E', 4, 'ước tính', 'estimated'),
  ('I', 5, 'suy diễn', 'imputed'),
  ('F', 6, 'dự báo', 'forecast'),
  ('M', 7, 'không có giá trị', 'missing');

-- How exact a figure claims to be, strongest first; the numbers are tram.v1.Qualifier's.
CREATE TABLE tram.qualifier (
  qualifier smallint PRIMARY KEY,
  code      text NOT NULL UNIQUE,
  name_vi   text NOT NULL,
  name_en   text NOT NULL
);
INSERT INTO tram.qualifier VALUES
  (0, '', '', ''),
  (1, 'exact', 'đúng bằng', 'exactly'),
  (2, 'at_least', 'ít nhất', 'at least'),
  (3, 'more_than', 'hơn', 'more than'),
  (4, 'at_most', 'nhiều nhất', 'at most'),
  (5, 'nearly', 'gần', 'nearly'),
  (6, 'approx', 'khoảng', 'about');

-- tram.v1.MissingReason.
CREATE TABLE tram.missing_reason (
  missing_reason smallint PRIMARY KEY,
  code           text NOT NULL UNIQUE,
  name_vi        text NOT NULL,
  name_en        text NOT NULL
);
INSERT INTO tram.missing_reason VALUES
  (0, '', '', ''),
  (1, 'not_applicable', 'không áp dụng', 'not applicable'),
  (2, 'not_collected', 'chưa thu thập', 'not collected'),
  (3, 'late', 'chậm', 'late'),
  (4, 'suppressed', 'không công bố', 'suppressed'),
  (5, 'system_down', 'hệ thống ngừng', 'system down');

-- What becomes of a figure: tram.v1.Outcome, and 6 for one that a decision took back.
CREATE TABLE tram.outcome (
  outcome smallint PRIMARY KEY,
  code    text NOT NULL UNIQUE,
  name_vi text NOT NULL,
  name_en text NOT NULL
);
INSERT INTO tram.outcome VALUES
  (1, 'accepted', 'chấp nhận', 'accepted'),
  (2, 'accepted_with_warnings', 'chấp nhận, có cảnh báo', 'accepted with warnings'),
  (3, 'held', 'giữ lại', 'held'),
  (4, 'refused', 'từ chối', 'refused'),
  (5, 'duplicate', 'trùng', 'duplicate'),
  (6, 'withdrawn', 'rút lại', 'withdrawn');

-- ------------------------------------------------------------------ what became of a figure

-- The first outcome, unless a later decision changed it.
CREATE FUNCTION tram.effective_outcome(outcome smallint, decision text) RETURNS smallint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE decision
  WHEN 'released'  THEN 1::smallint
  WHEN 'held'      THEN 3::smallint
  WHEN 'refused'   THEN 4::smallint
  WHEN 'withdrawn' THEN 6::smallint
  ELSE outcome
END;

-- The figure of one area for one series and period (first_key: with revision 0) as it was known at a moment: the latest
-- revision that was then accepted or taken back, and whether a later one was held. A held correction hides nothing; a
-- withdrawal does. No row: nothing was ever stored.
CREATE FUNCTION tram.figure_at(area_no integer, first_key bigint, as_of timestamptz)
RETURNS TABLE (revision integer, value numeric, numerator numeric, denominator numeric, weight numeric, qualifier smallint,
               missing_reason smallint, flags smallint, obs_status "char", outcome smallint, held boolean)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT c.revision, c.value, c.numerator, c.denominator, c.weight, c.qualifier, c.missing_reason, c.flags, c.obs_status,
         c.outcome, newest.outcome = 3
  FROM (SELECT o.key, tram.effective_outcome(o.outcome, d.decision) AS outcome
        FROM tram.observation o
        LEFT JOIN LATERAL (
          SELECT d.decision FROM tram.decision d
          WHERE d.area_no = o.area_no AND d.key = o.key AND d.decided_at <= figure_at.as_of
          ORDER BY d.decision_no DESC LIMIT 1) d ON true
        WHERE o.area_no = figure_at.area_no AND o.key BETWEEN figure_at.first_key AND figure_at.first_key + 16383
          AND o.known_at <= figure_at.as_of
        ORDER BY o.key DESC LIMIT 1) newest
  LEFT JOIN LATERAL (
        SELECT (o.key & 16383)::integer AS revision, o.value, o.numerator, o.denominator, o.weight, o.qualifier,
               o.missing_reason, o.flags, o.obs_status, tram.effective_outcome(o.outcome, d.decision) AS outcome
        FROM tram.observation o
        LEFT JOIN LATERAL (
          SELECT d.decision FROM tram.decision d
          WHERE d.area_no = o.area_no AND d.key = o.key AND d.decided_at <= figure_at.as_of
          ORDER BY d.decision_no DESC LIMIT 1) d ON true
        WHERE o.area_no = figure_at.area_no AND o.key BETWEEN figure_at.first_key AND newest.key
          AND o.known_at <= figure_at.as_of
          AND tram.effective_outcome(o.outcome, d.decision) IN (1, 2, 6)
        ORDER BY o.key DESC LIMIT 1) c ON true
$$;

-- ------------------------------------------------------------------ roll-ups

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

-- ------------------------------------------------------------------ figures, one by one

-- Every revision of every figure, with who said it and what became of it. The value of a ratio that stated only its
-- parts follows from them.
CREATE VIEW tram.observation_history AS
SELECT n.area, s.indicator, s.dimensions, tram.period_text((o.key >> 14 & 1073741823)::integer) AS time_period,
       (o.key & 16383)::integer AS revision,
       coalesce(o.value, CASE i.unit WHEN 'percent' THEN 100 ELSE 1 END * o.numerator / nullif(o.denominator, 0)) AS value,
       o.numerator, o.denominator, o.weight, nullif(o.rank_out_of, 0) AS rank_out_of,
       i.unit, o.obs_status, q.code AS qualifier, m.code AS missing_reason,
       first.code AS first_outcome, d.decision, d.decided_at, d.decided_by, d.reason AS decision_reason, eff.code AS outcome,
       o.flags & 1 <> 0 AS withdrawn, o.flags & 2 <> 0 AS demonstration, o.flags & 4 <> 0 AS justified,
       o.known_at, st.agent, st.epoch, o.report_no & 1099511627775 AS seq, o.line, r.provider, r.dataflow, r.reference_date,
       r.catalogue_version, note.source_system, note.justification_code, note.justification, note.comment,
       o.area_no, o.key, o.report_no, st.agent_no
FROM tram.observation o
JOIN tram.area_number n ON n.area_no = o.area_no
JOIN tram.series s ON s.series_no = (o.key >> 44)::integer
  -- says the same once more, in the form that lets an indicator's figures be found in the primary key
  AND o.key >= (s.series_no::bigint << 44) AND o.key < ((s.series_no::bigint + 1) << 44)
JOIN tram.stream st ON st.stream_no = (o.report_no >> 40)::integer
JOIN tram.report r ON r.agent_no = st.agent_no AND r.report_no = o.report_no
LEFT JOIN tram.indicator i ON i.indicator = s.indicator
LEFT JOIN tram.observation_note note ON note.area_no = o.area_no AND note.key = o.key
LEFT JOIN LATERAL (
  SELECT d.decision, d.decided_at, d.decided_by, d.reason FROM tram.decision d
  WHERE d.area_no = o.area_no AND d.key = o.key ORDER BY d.decision_no DESC LIMIT 1) d ON true
JOIN tram.outcome first ON first.outcome = o.outcome
JOIN tram.outcome eff ON eff.outcome = tram.effective_outcome(o.outcome, d.decision)
LEFT JOIN tram.qualifier q ON q.qualifier = o.qualifier
LEFT JOIN tram.missing_reason m ON m.missing_reason = o.missing_reason;

-- The figures that stand: the latest revision that is accepted, unless a later one took it back.
CREATE VIEW tram.observation_current AS
SELECT h.* FROM tram.observation_history h
WHERE h.outcome IN ('accepted', 'accepted_with_warnings') AND NOT h.withdrawn AND NOT EXISTS (
  SELECT FROM tram.observation o
  LEFT JOIN LATERAL (
    SELECT d.decision FROM tram.decision d
    WHERE d.area_no = o.area_no AND d.key = o.key ORDER BY d.decision_no DESC LIMIT 1) d ON true
  WHERE o.area_no = h.area_no AND o.key > h.key AND o.key <= (h.key | 16383)
    AND tram.effective_outcome(o.outcome, d.decision) IN (1, 2, 6));

-- ------------------------------------------------------------------ findings, quarantine, scores

-- Every finding ever made, with the rule's texts.
CREATE VIEW tram.finding AS
SELECT f.rule, w.word, f.severity, st.agent, r.provider, r.dataflow, r.time_period, f.indicator, f.ref_area, f.line, f.field,
       f.found, f.expected, u.message_vi, u.message_en, u.remedy_vi, u.remedy_en, coalesce(r.known_at, p.known_at) AS known_at,
       st.epoch, f.report_no & 1099511627775 AS seq, f.finding_no, f.report_no, f.agent_no
FROM tram.report_finding f
JOIN tram.stream st ON st.stream_no = (f.report_no >> 40)::integer
LEFT JOIN tram.report r ON r.agent_no = f.agent_no AND r.report_no = f.report_no
LEFT JOIN tram.poison p ON p.agent_no = f.agent_no AND p.report_no = f.report_no
LEFT JOIN tram.rule u ON u.rule = f.rule
LEFT JOIN tram.word w ON w.word = u.word;

-- Figures that are held now and wait for a person or a correction. One that a later accepted revision has overtaken no
-- longer waits.
CREATE VIEW tram.quarantine AS
SELECT h.area, a.short_name_vi AS area_name, h.indicator, h.dimensions, h.time_period, h.revision, h.value, h.numerator,
       h.denominator, h.unit, h.known_at AS held_at, h.provider, h.agent, h.epoch, h.seq, h.line, f.rules, f.found, f.expected,
       h.justification, h.area_no, h.key
FROM (SELECT o.area_no, o.key FROM tram.observation o WHERE o.outcome = 3
      UNION
      SELECT d.area_no, d.key FROM tram.decision d WHERE d.decision = 'held') candidate
JOIN tram.observation_history h ON h.area_no = candidate.area_no AND h.key = candidate.key
LEFT JOIN LATERAL (
  SELECT a.short_name_vi FROM tram.area a WHERE a.area = h.area ORDER BY a.valid_from DESC LIMIT 1) a ON true
LEFT JOIN LATERAL (
  SELECT string_agg(f.rule, ' ' ORDER BY f.finding_no) AS rules, (array_agg(f.found ORDER BY f.finding_no))[1] AS found,
         (array_agg(f.expected ORDER BY f.finding_no))[1] AS expected
  FROM tram.report_finding f
  WHERE f.agent_no = h.agent_no AND f.report_no = h.report_no AND f.line = h.line AND f.severity IN ('J', 'B')) f ON true
WHERE h.outcome = 'held' AND NOT EXISTS (
  SELECT FROM tram.observation o
  LEFT JOIN LATERAL (
    SELECT d.decision FROM tram.decision d
    WHERE d.area_no = o.area_no AND d.key = o.key ORDER BY d.decision_no DESC LIMIT 1) d ON true
  WHERE o.area_no = h.area_no AND o.key > h.key AND o.key <= (h.key | 16383)
    AND tram.effective_outcome(o.outcome, d.decision) IN (1, 2, 6));

-- How each province's reports fared by each word, by the latest verdict of each report. share: of 100 reports, how many
-- passed without a remark.
CREATE VIEW tram.scoreboard AS
WITH latest AS (
  SELECT DISTINCT ON (v.agent_no, v.report_no) v.agent_no, v.report_no, v.words
  FROM tram.verdict v ORDER BY v.agent_no, v.report_no, v.verdict_seq DESC
)
SELECT pr.area, a.short_name_vi AS area_name, w.word, count(*) AS reports,
       count(*) FILTER (WHERE letter = 'P') AS passed, count(*) FILTER (WHERE letter = 'W') AS warned,
       count(*) FILTER (WHERE letter = 'H') AS held, count(*) FILTER (WHERE letter = 'F') AS failed,
       round(100.0 * count(*) FILTER (WHERE letter = 'P') / count(*), 2) AS share
FROM latest l
JOIN tram.report r ON r.agent_no = l.agent_no AND r.report_no = l.report_no
JOIN tram.provider pr ON pr.provider = r.provider
CROSS JOIN tram.word w
CROSS JOIN LATERAL (SELECT substr(l.words, w.word_no, 1) AS letter) letters
LEFT JOIN LATERAL (
  SELECT a.short_name_vi FROM tram.area a WHERE a.area = pr.area ORDER BY a.valid_from DESC LIMIT 1) a ON true
GROUP BY pr.area, a.short_name_vi, w.word_no, w.word
ORDER BY pr.area, w.word_no;

-- ------------------------------------------------------------------ what was announced, beside what adds up

-- equal: the roll-up, in the announcement's unit and rounded to the last digit announced, is the figure announced. A
-- figure announced as two parts is compared part by part.
CREATE VIEW tram.claim AS
SELECT f.figure_no, f.indicator, f.time_period, f.value AS published_value, f.numerator AS published_numerator,
       f.denominator AS published_denominator, f.unit AS published_unit, f.unit_mult AS published_unit_mult,
       f.qualifier AS published_qualifier, f.announced_on, f.source,
       r.value, r.numerator, r.denominator, r.method, r.unit, r.boundary, r.catalogue_version, r.areas_reporting,
       r.areas_expected, r.coverage_weight, r.finality, r.obs_status, r.qualifier, r.demonstration, r.held,
       CASE
         WHEN coalesce(r.areas_reporting, 0) = 0 OR c.value IS NULL AND c.numerator IS NULL
           THEN CASE WHEN r.held > 0 THEN 'held' ELSE 'missing' END
         WHEN f.value IS NOT NULL AND round(c.value, scale(f.value)) IS DISTINCT FROM f.value
           OR f.numerator IS NOT NULL AND round(c.numerator, scale(f.numerator)) IS DISTINCT FROM f.numerator
           OR f.denominator IS NOT NULL AND round(c.denominator, scale(f.denominator)) IS DISTINCT FROM f.denominator
           THEN 'different'
         ELSE 'equal'
       END AS agreement
FROM tram.published_figure f
LEFT JOIN LATERAL tram.rollup_at(f.indicator, tram.period_pack(f.time_period), 'nation', NULL, 'infinity', 0) r ON true
CROSS JOIN LATERAL (
  SELECT tram.shift(r.value, -f.unit_mult) AS value, tram.shift(r.numerator, -f.unit_mult) AS numerator,
         tram.shift(r.denominator, -f.unit_mult) AS denominator) c;

-- ------------------------------------------------------------------ rights

REVOKE EXECUTE ON FUNCTION tram.rollup(text, text, text, text, timestamptz),
                           tram.rollup_at(text, integer, text, text, timestamptz, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION tram.rollup(text, text, text, text, timestamptz),
                          tram.rollup_at(text, integer, text, text, timestamptz, integer) TO tram_reader, tram_admin;
GRANT SELECT ON tram.obs_status, tram.qualifier, tram.missing_reason, tram.outcome TO tram_writer, tram_reader, tram_admin;
GRANT SELECT ON tram.dataflow_period, tram.indicator_period, tram.national_rollup, tram.observation_history,
                tram.observation_current, tram.finding, tram.quarantine, tram.scoreboard, tram.claim
  TO tram_reader, tram_admin;
GRANT SELECT ON tram.schema_migration, tram.catalogue, tram.area, tram.area_succession, tram.dataflow, tram.indicator,
                tram.provider, tram.word, tram.rule, tram.published_figure, tram.stream
  TO tram_reader;
