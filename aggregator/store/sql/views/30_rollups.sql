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
  missing           text[],    -- areas of which nothing is in it; of communes their province, or 63/46:5/8: 5 of its 8
  interval_low      numeric,   -- between these it would be if those had stated what they stated before; no interval: null
  interval_high     numeric,
  interval_basis    text,      -- last_accepted:N of M, where M figures are missing and N of them were stated before;
                               -- not_worked_out:M of communes' figures as they stand now
  vintage           integer,   -- of the period's closing; 0: the period is not closed
  known_at          timestamptz, -- the moment whose knowledge it shows; null: as asked
  moved             boolean    -- what is known now is another figure
);

-- One area's share of a roll-up, made over time of what it and the areas merged into it state.
CREATE TYPE tram.rollup_share AS (
  unit          text,
  area          text,
  counts        boolean,   -- it has a figure in the roll-up
  reports       boolean,   -- it has one, or nothing to report
  complete      boolean,   -- of each part of the period; of a stock, up to its last day
  covered       bigint,    -- parts of the period
  expected      bigint,
  coverage      numeric,
  top           numeric,   -- what is added up: the value; of a ratio the numerator, of a mean value × weight
  bottom        numeric,   -- the denominator, the weight
  value         numeric,   -- as it was stated, of what is never added up
  weakness      smallint,
  qualifier     smallint,
  from_below    boolean,   -- "at least", "more than" is among the qualifiers
  from_above    boolean,   -- "at most"
  demonstration boolean,
  held          bigint
);

-- Zeros at the end of what is divided give a quotient more digits, and what is kept up (tram.subtotal) has those of figures that were
-- taken out of it.
CREATE FUNCTION tram.quotient(top numeric, bottom numeric) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN trim_scale(top) / nullif(trim_scale(bottom), 0);

-- What a figure brings to a sum: its value; its parts; its value times its weight, and the weight.
CREATE FUNCTION tram.part_top(method text, value numeric, numerator numeric, weight numeric) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE method WHEN 'sum' THEN value WHEN 'weighted_mean' THEN value * weight ELSE numerator END;

CREATE FUNCTION tram.part_bottom(method text, denominator numeric, weight numeric) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE method WHEN 'sum' THEN NULL WHEN 'weighted_mean' THEN weight ELSE denominator END;

-- The shares of figures over time, by what the catalogue says of it: an area's figures of a flow add up, of a stock there is one, an
-- average weighs each by the parts of the period that it is for. Where provinces were merged within the period, the
-- figures of those before and of the one after add up; an average weighs the two times by their parts, and of a minimum
-- or maximum it is the one or the other. A mean whose weight is another indicator's weighs each area once, however many
-- figures it has.
CREATE FUNCTION tram.shares_over_time(i tram.indicator, method text, period integer, figures tram.contribution[])
RETURNS SETOF tram.rollup_share
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  WITH how AS MATERIALIZED (
    SELECT (shares_over_time.i).over_time AS over_time, tram.period_end(shares_over_time.period) AS last,
           shares_over_time.method = 'weighted_mean' AND (shares_over_time.i).mean_weight <> 'observation' AS weighs_once,
           (SELECT k[cardinality(k)] FROM tram.part_kinds(shares_over_time.i, shares_over_time.period) k) AS leaf
  ), figure AS (
    SELECT c.*, h.*, tram.part_top(shares_over_time.method, c.value, c.numerator, c.weight) AS top,
           tram.part_bottom(shares_over_time.method, c.denominator, c.weight) AS bottom,
           tram.ends_between(h.leaf, tram.period_start(c.period), tram.period_end(c.period)) AS span,
           c.state = 'counts' AS counts, st.weakness, q.qualifier AS qualifier_no
    FROM unnest(shares_over_time.figures) c CROSS JOIN how h
    LEFT JOIN tram.obs_status st ON st.obs_status = c.obs_status
    LEFT JOIN tram.qualifier q ON q.code = c.qualifier
  ), by_area AS (
    SELECT f.unit, f.counts_for, f.area, f.over_time, bool_or(f.counts) AS counts,
           bool_or(f.state IN ('counts', 'not_applicable')) AS reports,
           coalesce(sum(f.leaves) FILTER (WHERE f.state IN ('counts', 'not_applicable', 'hidden')), 0) AS covered,
           coalesce(sum(f.leaves), 0) AS expected, max(f.coverage) AS coverage,
           coalesce(bool_and(tram.period_end(f.period) = f.last) FILTER (WHERE f.state IN ('counts', 'not_applicable')), false) AS to_the_end,
           coalesce(sum(f.span) FILTER (WHERE f.counts), 0) AS spans,
           CASE f.over_time WHEN 'mean' THEN sum(f.top * f.span) FILTER (WHERE f.counts) / sum(f.span) FILTER (WHERE f.counts)
                            ELSE sum(f.top) FILTER (WHERE f.counts) END AS top,
           CASE WHEN f.weighs_once THEN max(f.bottom) FILTER (WHERE f.counts)
                WHEN f.over_time = 'mean' THEN sum(f.bottom * f.span) FILTER (WHERE f.counts) / sum(f.span) FILTER (WHERE f.counts)
                ELSE sum(f.bottom) FILTER (WHERE f.counts) END AS bottom,
           CASE f.over_time WHEN 'mean' THEN sum(f.value * f.span) FILTER (WHERE f.counts) / sum(f.span) FILTER (WHERE f.counts)
                            ELSE sum(f.value) FILTER (WHERE f.counts) END AS value,
           max(f.weakness) FILTER (WHERE f.counts) AS weakness, max(f.qualifier_no) FILTER (WHERE f.counts) AS qualifier,
           bool_or(f.qualifier_no IN (2, 3)) FILTER (WHERE f.counts) AS from_below,
           bool_or(f.qualifier_no = 4) FILTER (WHERE f.counts) AS from_above,
           coalesce(bool_or(f.demonstration) FILTER (WHERE f.counts), false) AS demonstration,
           count(*) FILTER (WHERE f.state = 'held') AS held, f.weighs_once
    FROM figure f GROUP BY f.unit, f.counts_for, f.area, f.over_time, f.weighs_once
  ), by_time AS (
    -- before and after a merger
    SELECT a.unit, a.counts_for, a.area = a.counts_for AS itself, a.over_time, a.weighs_once, bool_or(a.counts) AS counts,
           bool_or(a.reports) AS reports, sum(a.covered) AS covered, sum(a.expected) AS expected, max(a.coverage) AS coverage,
           bool_and(a.to_the_end) FILTER (WHERE a.reports) AS to_the_end, max(a.spans) AS spans, sum(a.top) AS top, sum(a.bottom) AS bottom,
           sum(a.value) AS value, max(a.weakness) AS weakness, max(a.qualifier) AS qualifier, bool_or(a.from_below) AS from_below,
           bool_or(a.from_above) AS from_above, bool_or(a.demonstration) AS demonstration, sum(a.held) AS held
    FROM by_area a GROUP BY a.unit, a.counts_for, a.area = a.counts_for, a.over_time, a.weighs_once
  ), picked AS (
    SELECT t.*, t.counts AND (t.over_time NOT IN ('min', 'max') OR 1 = row_number() OVER (
             PARTITION BY t.unit, t.counts_for, t.counts
             ORDER BY CASE t.over_time WHEN 'min' THEN 1 ELSE -1 END * coalesce(t.top / nullif(t.bottom, 0), t.top), t.itself)) AS is_picked
    FROM by_time t
  )
  SELECT p.unit, p.counts_for, bool_or(p.counts), bool_or(p.reports),
         CASE p.over_time WHEN 'last' THEN coalesce(bool_and(p.to_the_end) FILTER (WHERE p.reports), false)
                          ELSE sum(p.covered) = sum(p.expected) END,
         sum(p.covered)::bigint, sum(p.expected)::bigint, max(p.coverage),
         CASE p.over_time WHEN 'mean' THEN sum(p.top * p.spans) FILTER (WHERE p.is_picked) / sum(p.spans) FILTER (WHERE p.is_picked)
                          ELSE sum(p.top) FILTER (WHERE p.is_picked) END,
         CASE WHEN p.over_time = 'mean' OR p.weighs_once AND p.over_time = 'sum'
              THEN sum(p.bottom * p.spans) FILTER (WHERE p.is_picked) / sum(p.spans) FILTER (WHERE p.is_picked)
              ELSE sum(p.bottom) FILTER (WHERE p.is_picked) END,
         CASE p.over_time WHEN 'mean' THEN sum(p.value * p.spans) FILTER (WHERE p.is_picked) / sum(p.spans) FILTER (WHERE p.is_picked)
                          ELSE sum(p.value) FILTER (WHERE p.is_picked) END,
         max(p.weakness) FILTER (WHERE p.is_picked), max(p.qualifier) FILTER (WHERE p.is_picked), bool_or(p.from_below) FILTER (WHERE p.is_picked),
         bool_or(p.from_above) FILTER (WHERE p.is_picked), coalesce(bool_or(p.demonstration) FILTER (WHERE p.is_picked), false),
         sum(p.held)::bigint
  FROM picked p GROUP BY p.unit, p.counts_for, p.over_time, p.weighs_once
$$;

-- One indicator and packed period at a level, by a method of tram.stated_figures(). It is final when enough areas (gate_percent
-- of them, and of what they weigh) say all that the period has.
--
-- It is asked thousands of times: figures that are alike but for their numbers are added up first, so that the many things that
-- are counted are counted of a few; and what is seldom needed is no part of the query, as a plan is made ready as a whole.
CREATE FUNCTION tram.rollup_stated(i tram.indicator, method text, period integer, level text, boundary text,
                                   as_of timestamptz, catalogue_version integer)
RETURNS SETOF tram.rollup_row
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off SET enable_nestloop = off SET enable_sort = off SET jit = off AS $$
#variable_conflict use_column
DECLARE
  v_single  boolean := tram.part_kinds(rollup_stated.i, rollup_stated.period) = '{}';
  v_factor  numeric := CASE rollup_stated.i.unit WHEN 'percent' THEN 100 ELSE 1 END;
  v_gate    numeric := coalesce(rollup_stated.i.gate_percent, tram.parameter_or('DU-07.gate_percent', 100)) / 100.0;
  v_text    text := tram.period_text(rollup_stated.period);
  v_last    date;
  v_key     bigint;
  v_e       tram.expectation;
  v_weighs  tram.indicator;
  v_figures tram.contribution[];
  v_row     tram.rollup_row;
  v_top     numeric;
BEGIN
  IF v_single THEN
    v_last := tram.period_end(rollup_stated.period);
    v_e := tram.expectation(rollup_stated.i, rollup_stated.method, v_last, v_last, rollup_stated.level, rollup_stated.boundary,
                            rollup_stated.as_of);
    SELECT (s.series_no::bigint << 44) | (rollup_stated.period::bigint << 14) INTO v_key
    FROM tram.series s WHERE s.indicator = rollup_stated.i.indicator AND s.dimensions = '';
    IF rollup_stated.method = 'weighted_mean' AND rollup_stated.i.mean_weight <> 'observation' THEN
      SELECT w.* INTO v_weighs FROM tram.indicator w WHERE w.indicator = rollup_stated.i.mean_weight;
      v_e.weight := tram.mean_weights(v_weighs, rollup_stated.period, v_e.area_no, ARRAY(
        SELECT w FROM tram.stated_figures(v_weighs, 'sum', rollup_stated.period, rollup_stated.level, rollup_stated.boundary,
                                          rollup_stated.as_of) w));
    END IF;
  ELSE
    v_figures := ARRAY(SELECT c FROM tram.stated_figures(rollup_stated.i, rollup_stated.method, rollup_stated.period,
                                                         rollup_stated.level, rollup_stated.boundary, rollup_stated.as_of) c
                       WHERE c.part = 'value');
  END IF;
  FOR v_row IN
  WITH alike AS (
    SELECT f.unit, CASE WHEN f.alone OR f.state IN ('missing', 'explained') THEN f.area END AS missing, f.state,
           f.obs_status, f.qualifier, f.demonstration,
           count(*) AS figures, sum(tram.part_top(rollup_stated.method, f.value, f.numerator, f.weight)) AS top,
           sum(tram.part_bottom(rollup_stated.method, f.denominator, f.weight)) AS bottom, max(f.value) AS value,
           sum(f.coverage) AS coverage
    FROM tram.single_figures(rollup_stated.method, v_key, rollup_stated.as_of, v_e, rollup_stated.level,
                             rollup_stated.boundary) f
    WHERE v_single
    GROUP BY 1, 2, 3, 4, 5, 6
  ), share AS (
    SELECT a.unit, a.missing, a.state = 'counts' AS counts, a.state IN ('counts', 'not_applicable') AS reports,
           a.state IN ('counts', 'not_applicable') AS complete,
           CASE WHEN a.state IN ('counts', 'not_applicable') THEN a.figures ELSE 0 END AS covered,
           CASE WHEN a.state <> 'held' OR a.missing IS NOT NULL THEN a.figures ELSE 0 END AS expected,
           a.figures AS areas, a.coverage, a.top, a.bottom, a.value, st.weakness, a.qualifier, a.qualifier IN (2, 3) AS from_below,
           a.qualifier = 4 AS from_above, a.demonstration, CASE a.state WHEN 'held' THEN a.figures ELSE 0 END AS held
    FROM alike a
    LEFT JOIN tram.obs_status st ON st.obs_status = a.obs_status
    UNION ALL
    SELECT s.unit, CASE WHEN s.expected > 0 AND NOT s.reports THEN s.area END, s.counts, s.reports, s.complete, s.covered,
           s.expected, 1, s.coverage, s.top, s.bottom, s.value, s.weakness, s.qualifier, s.from_below, s.from_above,
           s.demonstration, s.held
    FROM tram.shares_over_time(rollup_stated.i, rollup_stated.method, rollup_stated.period, v_figures) s
    WHERE NOT v_single
  ), added AS (
    SELECT s.unit, sum(s.top) FILTER (WHERE s.counts) AS top, sum(s.bottom) FILTER (WHERE s.counts) AS bottom,
           max(s.value) FILTER (WHERE s.counts) AS value, coalesce(sum(s.areas) FILTER (WHERE s.reports), 0)::integer AS reporting,
           sum(s.areas) FILTER (WHERE s.expected > 0)::integer AS expected,
           coalesce(sum(s.areas) FILTER (WHERE s.complete), 0)::integer AS complete,
           coalesce(sum(s.coverage) FILTER (WHERE s.reports), 0) AS weight_reporting,
           coalesce(sum(s.coverage) FILTER (WHERE s.complete), 0) AS weight_complete,
           sum(s.coverage) FILTER (WHERE s.expected > 0) AS weight_expected,
           max(s.weakness) FILTER (WHERE s.counts) AS weakness,
           -- what is at least one figure and at most another is neither
           CASE WHEN bool_or(s.from_below) FILTER (WHERE s.counts) AND bool_or(s.from_above) FILTER (WHERE s.counts) THEN 6
                ELSE max(s.qualifier) FILTER (WHERE s.counts) END AS qualifier,
           coalesce(bool_or(s.demonstration) FILTER (WHERE s.counts), false) AS demonstration,
           sum(s.held)::integer AS held, sum(s.covered)::integer AS covered, sum(s.expected)::integer AS parts,
           coalesce(array_agg(s.missing ORDER BY s.missing) FILTER (WHERE s.missing IS NOT NULL), '{}') AS missing
    FROM share s GROUP BY s.unit
  ), weighed AS (
    SELECT a.*, CASE WHEN a.weight_expected > 0 THEN a.weight_reporting / a.weight_expected
                     ELSE a.reporting::numeric / a.expected END AS coverage_weight,
           CASE WHEN a.weight_expected > 0 THEN a.weight_complete >= v_gate * a.weight_expected ELSE true END
             AND a.complete >= v_gate * a.expected AS is_final
    FROM added a
  )
  SELECT w.unit, rollup_stated.i.indicator, v_text,
         CASE rollup_stated.method WHEN 'sum' THEN w.top
                                   WHEN 'weighted_mean' THEN tram.quotient(w.top, w.bottom)
                                   WHEN 'ratio_of_sums' THEN tram.quotient(v_factor * w.top, w.bottom)
                                   ELSE coalesce(w.value, tram.quotient(v_factor * w.top, w.bottom)) END,
         CASE rollup_stated.method WHEN 'sum' THEN NULL ELSE w.top END, w.bottom, rollup_stated.i.over_area, rollup_stated.i.unit,
         rollup_stated.boundary, rollup_stated.catalogue_version, w.reporting, w.expected, trim_scale(w.coverage_weight),
         CASE WHEN w.is_final THEN 'final' ELSE 'provisional' END,
         coalesce((SELECT st.obs_status FROM tram.obs_status st WHERE st.weakness = w.weakness), 'M'),
         coalesce((SELECT q.code FROM tram.qualifier q WHERE q.qualifier = w.qualifier), ''),
         w.demonstration, w.held, w.covered, w.parts, w.missing, NULL::numeric, NULL::numeric, '', 0, NULL::timestamptz, false
  FROM weighed w
  WHERE rollup_stated.method <> 'own' OR rollup_stated.level = 'nation' OR w.reporting > 0 OR w.held > 0
  ORDER BY w.unit
  LOOP
    v_top := CASE rollup_stated.method WHEN 'sum' THEN v_row.value WHEN 'own' THEN NULL ELSE v_row.numerator END;
    IF v_row.parts_reporting < v_row.parts_expected AND v_top IS NOT NULL THEN
      SELECT v.low, v.high, v.basis INTO v_row.interval_low, v_row.interval_high, v_row.interval_basis
      FROM tram.rollup_interval(rollup_stated.i, rollup_stated.method, rollup_stated.period, rollup_stated.as_of, v_row.missing,
                                ARRAY(SELECT f FROM unnest(v_figures) f
                                      WHERE f.unit = v_row.area AND f.state IN ('missing', 'explained') AND f.leaves > 0),
                                v_top, v_row.denominator) v;
    END IF;
    RETURN NEXT v_row;
  END LOOP;
END $$;

-- Made anew from what its two sides roll up to: the level now and a year before ("x"), or two indicators ("x / y").
-- Coverage is that of the side that has less of it.
CREATE FUNCTION tram.rollup_derived(i tram.indicator, top tram.rollup_row, bottom tram.rollup_row, growth boolean,
                                    catalogue_version integer)
RETURNS tram.rollup_row
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT top.area, i.indicator, top.time_period,
         CASE WHEN i.unit <> 'percent' THEN tram.quotient(top.value, bottom.value)
              WHEN growth THEN tram.quotient((top.value - bottom.value) * 100, bottom.value)
              ELSE tram.quotient(top.value * 100, bottom.value) END,
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

-- Whether an indicator has figures at a level: ranks and figures that only the nation has, and what derives from them, are
-- the nation's alone. Null: there is no such indicator.
CREATE FUNCTION tram.has_level(indicator text, level text) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  WITH RECURSIVE made AS (
    SELECT i.over_area, i.derives_from FROM tram.indicator i WHERE i.indicator = has_level.indicator
    UNION
    SELECT i.over_area, i.derives_from
    FROM made m CROSS JOIN LATERAL string_to_table(m.derives_from, ' / ') part JOIN tram.indicator i ON i.indicator = part
    WHERE m.over_area = 'growth_recomputed'
  )
  SELECT has_level.level = 'nation' OR NOT bool_or(m.over_area IN ('national_only', 'rank_external')) FROM made m
$$;

-- The roll-up itself, for codes and packed periods; tram.rollup() is what people call. Growth over the day on which units
-- changed is in the younger ones: the year before is counted for the successors. It reads the tables with its
-- owner's rights, so that readers need rights to views only.
CREATE FUNCTION tram.rollup_at(indicator text, period integer, level text, boundary text, as_of timestamptz,
                               depth integer DEFAULT 0)
RETURNS SETOF tram.rollup_row
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off AS $$
#variable_conflict use_column
DECLARE
  v_i        tram.indicator;
  v_own      boolean;
  v_parts    text[];
  v_bottom_period integer := rollup_at.period;
  v_boundary text := coalesce(rollup_at.boundary, tram.vintage_on(tram.period_end(rollup_at.period)), '');
  v_version  integer;
  v_finer    integer[];
  v_row      tram.rollup_row;
BEGIN
  SELECT i.* INTO STRICT v_i FROM tram.indicator i WHERE i.indicator = rollup_at.indicator;
  SELECT max(c.version) INTO v_version FROM tram.catalogue c;
  v_own := tram.states_own(v_i);
  IF NOT v_own AND tram.is_of_communes(v_i.dataflow) THEN
    IF rollup_at.as_of = 'infinity' AND tram.has_subtotals(v_i, rollup_at.period) THEN
      RETURN QUERY SELECT * FROM tram.rollup_communes(v_i, rollup_at.period, rollup_at.level, v_boundary, v_version);
      RETURN;
    END IF;
    v_finer := tram.part_kinds(v_i, rollup_at.period);
    FOR v_row IN SELECT * FROM tram.rollup_stated(v_i, v_i.over_area, rollup_at.period, rollup_at.level, v_boundary,
                                                  rollup_at.as_of, v_version) LOOP
      v_row.missing := tram.missing_provinces(v_row.missing, rollup_at.period, v_finer[cardinality(v_finer)]);
      RETURN NEXT v_row;
    END LOOP;
    RETURN;
  END IF;
  IF v_own IS NOT NULL THEN
    RETURN QUERY SELECT * FROM tram.rollup_stated(v_i, CASE WHEN v_own THEN 'own' ELSE v_i.over_area END, rollup_at.period,
                                                  rollup_at.level, v_boundary, rollup_at.as_of, v_version);
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
-- the one in force on it, null for the one in force at the period's end), as known at a moment (null: now). Of a period that
-- had been closed by then, what it was closed with; open: what was known all the same.
CREATE FUNCTION tram.rollup(indicator text, period text, level text DEFAULT 'nation', boundary text DEFAULT NULL,
                            as_of timestamptz DEFAULT NULL, open boolean DEFAULT false)
RETURNS SETOF tram.rollup_row
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  v_period   integer;
  v_in_force text;
  v_boundary text;
BEGIN
  PERFORM tram.check_indicator(rollup.indicator);
  v_period := tram.period_asked(rollup.period);
  PERFORM tram.check_level(rollup.level);
  IF rollup.level <> 'nation' AND NOT tram.has_level(rollup.indicator, rollup.level) THEN
    RAISE EXCEPTION 'indicator % has no figures at level %: %', rollup.indicator, rollup.level,
      (SELECT CASE i.over_area WHEN 'rank_external' THEN 'a rank is never made of, or divided into, others'
                               WHEN 'national_only' THEN 'it is stated for the nation only'
                               ELSE 'it derives from ' || i.derives_from || ', and not all of that is stated below the nation' END
       FROM tram.indicator i WHERE i.indicator = rollup.indicator)
      USING ERRCODE = 'invalid_parameter_value', HINT = 'ask for level nation';
  END IF;
  v_in_force := coalesce(tram.vintage_on(tram.period_end(v_period)), '');
  v_boundary := coalesce(tram.vintage_asked(rollup.boundary), v_in_force);
  IF v_boundary <> v_in_force THEN
    IF NOT EXISTS (
         SELECT FROM tram.area_succession s JOIN tram.area p ON p.area = s.predecessor JOIN tram.area t ON t.area = s.successor
         WHERE p.vintage = v_in_force AND t.vintage = v_boundary) THEN
      RAISE EXCEPTION 'figures of % cannot be shown in the units of %', rollup.period, rollup.boundary
        USING ERRCODE = 'invalid_parameter_value',
        HINT = 'merged provinces cannot be taken apart; the units then in force are of vintage ' || coalesce(nullif(v_in_force, ''), 'none');
    END IF;
  END IF;
  IF rollup.open THEN
    RETURN QUERY SELECT * FROM tram.rollup_at(rollup.indicator, v_period, rollup.level, v_boundary,
                                              coalesce(rollup.as_of, 'infinity'), 0);
  ELSE
    RETURN QUERY SELECT * FROM tram.rollup_shown(rollup.indicator, v_period, rollup.level, v_boundary,
                                                 coalesce(rollup.as_of, 'infinity'));
  END IF;
END $$;

-- The periods within one for which units of a level state a figure, as known at a moment.
CREATE FUNCTION tram.stated_within(i tram.indicator, period integer, level text, boundary text, as_of timestamptz)
RETURNS SETOF integer
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp SET enable_seqscan = off AS $$
  SELECT p.period
  FROM tram.series s
  CROSS JOIN unnest(tram.finer_kinds((stated_within.i).frequencies, stated_within.period)) kind
  CROSS JOIN LATERAL tram.standing(
    ARRAY(SELECT a.area_no FROM tram.stating_areas(stated_within.level, stated_within.boundary) a),
    (s.series_no::bigint << 44) | (tram.period_of(kind, tram.period_start(stated_within.period))::bigint << 14),
    (s.series_no::bigint << 44) | (tram.period_of(kind, tram.period_end(stated_within.period))::bigint << 14),
    stated_within.as_of) f
  CROSS JOIN LATERAL (SELECT (f.key >> 14 & 1073741823)::integer AS period) p
  WHERE s.indicator = (stated_within.i).indicator AND s.dimensions = '' AND NOT f.held AND f.missing_reason = 0
  GROUP BY p.period ORDER BY tram.period_start(p.period), p.period
$$;

-- Refuses a question for one figure (of an indicator that has units as the catalogue and the registry have them, which
-- tram.rollup() looks after) that nobody states, and that is not made of those of shorter periods though there are some.
CREATE FUNCTION tram.check_stated(indicator text, period text, level text, boundary text, as_of timestamptz, open boolean)
RETURNS void
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  v_i      tram.indicator;
  v_period integer := tram.period_pack(check_stated.period);
  v_within integer[];
BEGIN
  SELECT i.* INTO v_i FROM tram.indicator i WHERE i.indicator = check_stated.indicator AND NOT tram.adds_over_time(i.over_area);
  IF v_i.indicator IS NULL OR v_period IS NULL OR EXISTS (
       SELECT FROM tram.rollup(check_stated.indicator, check_stated.period, check_stated.level, check_stated.boundary,
                               check_stated.as_of, check_stated.open) r WHERE r.areas_reporting > 0 OR r.held > 0) THEN
    RETURN;
  END IF;
  v_within := ARRAY(SELECT tram.stated_within(v_i, v_period, check_stated.level,
                                              coalesce(tram.vintage_asked(check_stated.boundary),
                                                       tram.vintage_on(tram.period_end(v_period)), ''),
                                              coalesce(check_stated.as_of, 'infinity')));
  IF v_within <> '{}' THEN
    RAISE EXCEPTION 'indicator % has no figure of %: %', check_stated.indicator, check_stated.period,
      CASE v_i.over_area WHEN 'rank_external' THEN 'a rank is never made of, or divided into, others'
                         WHEN 'benchmark_external' THEN 'a benchmark is never made of those of shorter periods'
                         WHEN 'target' THEN 'a target is never made of those of shorter periods'
                         ELSE 'what only the nation states is never made of shorter periods' END
      USING ERRCODE = 'invalid_parameter_value',
      HINT = 'ask for a period within it that is stated: ' ||
             (SELECT string_agg(tram.period_text(w.period), ', ' ORDER BY w.place)
              FROM unnest(v_within) WITH ORDINALITY w(period, place) WHERE w.place <= 12) ||
             CASE WHEN cardinality(v_within) > 12 THEN ', …' ELSE '' END;
  END IF;
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

-- The dataflows of an indicator and of all that it derives from.
CREATE VIEW tram.indicator_dataflow AS
WITH RECURSIVE base AS (
  SELECT i.indicator, i.dataflow, i.derives_from, 0 AS depth FROM tram.indicator i
  UNION
  SELECT b.indicator, i.dataflow, i.derives_from, b.depth + 1
  FROM base b CROSS JOIN LATERAL unnest(string_to_array(b.derives_from, ' / ')) AS part -- string_to_table() is taken to be a thousand
  JOIN tram.indicator i ON i.indicator = part
  WHERE b.derives_from <> '' AND b.depth < 8
)
SELECT DISTINCT b.indicator, b.dataflow FROM base b;

-- The periods for which an indicator may have a figure: its dataflow's, and of what it derives from.
CREATE VIEW tram.indicator_period AS
SELECT DISTINCT d.indicator, p.period FROM tram.indicator_dataflow d JOIN tram.dataflow_period p USING (dataflow);

CREATE VIEW tram.national_rollup AS
SELECT p.indicator, tram.period_text(p.period) AS time_period, r.value, r.numerator, r.denominator, r.method, r.unit,
       r.boundary, r.catalogue_version, r.areas_reporting, r.areas_expected, r.coverage_weight, r.finality, r.obs_status,
       r.qualifier, r.demonstration, r.held, r.parts_reporting, r.parts_expected, r.missing, r.interval_low, r.interval_high,
       r.interval_basis, r.vintage, r.known_at, r.moved
FROM tram.indicator_period p
CROSS JOIN LATERAL tram.rollup(p.indicator, tram.period_text(p.period)) r
WHERE r.areas_reporting > 0 OR r.held > 0;

-- A target beside the figure that it was set for, of the same period: how far the figure is above it, and whether it is reached
-- (at most: when it is not above; else when it is not below). Null: one of the two is not there.
CREATE VIEW tram.target AS
SELECT i.target_of AS indicator, tram.period_text(p.period) AS time_period, f.value, i.indicator AS target_indicator,
       t.value AS target, t.qualifier, f.value - t.value AS difference,
       CASE t.qualifier WHEN 'at_most' THEN f.value <= t.value WHEN 'more_than' THEN f.value > t.value ELSE f.value >= t.value END AS reached
FROM tram.indicator i
JOIN tram.indicator_period p ON p.indicator = i.indicator
CROSS JOIN LATERAL tram.rollup(i.indicator, tram.period_text(p.period)) t
LEFT JOIN LATERAL tram.rollup(i.target_of, tram.period_text(p.period)) f ON true
WHERE i.target_of <> '' AND t.value IS NOT NULL;

COMMENT ON FUNCTION tram.rollup(text, text, text, text, timestamptz, boolean) IS
  'An indicator''s figures for a period at level nation, region or province, in the units of a vintage, as known at a moment; of a closed period, what it was closed with';
COMMENT ON FUNCTION tram.rollup_at(text, integer, text, text, timestamptz, integer) IS
  'The same as tram.rollup() for a packed period (tram.period_pack), without looking the question over';
COMMENT ON VIEW tram.national_rollup IS 'The nation''s figure of every indicator and period for which anything was reported';
COMMENT ON VIEW tram.target IS 'Every target beside the figure that it was set for: how far apart they are, and whether it is reached';
COMMENT ON VIEW tram.indicator_period IS 'The periods for which an indicator may have a figure (packed: tram.period_text)';
COMMENT ON VIEW tram.dataflow_period IS 'The periods for which anything was reported in a dataflow (packed: tram.period_text)';

COMMENT ON FUNCTION tram.check_stated(text, text, text, text, timestamptz, boolean) IS
  'Refuses a question for a rank, benchmark, target or figure of the nation alone that is stated for shorter periods only, and names these';

REVOKE EXECUTE ON FUNCTION tram.rollup(text, text, text, text, timestamptz, boolean),
                           tram.check_stated(text, text, text, text, timestamptz, boolean),
                           tram.rollup_at(text, integer, text, text, timestamptz, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION tram.rollup(text, text, text, text, timestamptz, boolean),
                          tram.check_stated(text, text, text, text, timestamptz, boolean),
                          tram.rollup_at(text, integer, text, text, timestamptz, integer) TO tram_reader, tram_admin;
GRANT SELECT ON tram.dataflow_period, tram.indicator_period, tram.national_rollup, tram.target TO tram_reader, tram_admin;
