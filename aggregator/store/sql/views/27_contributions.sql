-- SPDX-License-Identifier: Apache-2.0
-- What roll-ups are made of, figure by figure. A roll-up adds up these very rows, so the two cannot differ.

-- One figure that a roll-up looks at, or the lack of one. key, revision and what follows from them are null where there is
-- none. state:
--   counts          it is in the roll-up
--   not_applicable  its area has nothing to report, and so reports
--   explained       it says why there is no figure
--   missing         there is none, or (with a key) one that lacks the part that the method needs
--   held            it waits in the quarantine and is in nothing; what counts for the area, or its lack, is another row
--   hidden          it stands, and another row says more: the longer period's, or a later one of a stock
CREATE TYPE tram.contribution AS (
  unit           text,
  part           text,      -- value, weight (of a mean); of what derives from two figures: top, bottom
  indicator      text,
  area           text,
  area_no        integer,
  period         integer,
  time_period    text,
  key            bigint,    -- with revision
  revision       integer,
  value          numeric,
  numerator      numeric,
  denominator    numeric,
  weight         numeric,   -- of a mean: what the value weighs
  population     numeric,
  state          text,
  qualifier      text,
  obs_status     "char",
  demonstration  boolean,
  counts_for     text,      -- the area expected at the period's end whose figure it is part of: itself or its successor
  leaves         integer    -- parts of the period that it covers
);

-- Of each figure of these areas between first and last (keys with revision 0): the revision that stands, and one that is
-- held after it.
CREATE FUNCTION tram.standing(area_nos integer[], first bigint, last bigint, as_of timestamptz)
RETURNS TABLE (area_no integer, key bigint, held boolean, value numeric, numerator numeric, denominator numeric,
               weight numeric, qualifier smallint, missing_reason smallint, flags smallint, obs_status "char")
LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT s.area_no, s.key, s.now = 3, s.value, s.numerator, s.denominator, s.weight, s.qualifier, s.missing_reason, s.flags,
         s.obs_status
  FROM (SELECT o.*, max(o.key) OVER figure AS newest, max(o.key) FILTER (WHERE o.now IN (1, 2, 6)) OVER figure AS settled
        FROM (SELECT o.area_no, o.key, o.value, o.numerator, o.denominator, o.weight, o.qualifier, o.missing_reason, o.flags,
                     o.obs_status, tram.effective_outcome(o.outcome, d.decision) AS now
              FROM tram.observation o
              LEFT JOIN (
                SELECT DISTINCT ON (d.area_no, d.key) d.area_no, d.key, d.decision FROM tram.decision d
                WHERE d.area_no = ANY (standing.area_nos) AND d.key BETWEEN standing.first AND standing.last | 16383
                  AND d.decided_at <= standing.as_of
                ORDER BY d.area_no, d.key, d.decision_no DESC) d ON d.area_no = o.area_no AND d.key = o.key
              WHERE o.area_no = ANY (standing.area_nos) AND o.key BETWEEN standing.first AND standing.last | 16383
                AND o.known_at <= standing.as_of) o
        WINDOW figure AS (PARTITION BY o.area_no, o.key >> 14)) s
  WHERE s.key = s.settled AND s.now IN (1, 2) AND s.flags & 1 = 0 OR s.key = s.newest AND s.now = 3
$$;

-- The figures of one stated indicator for a period, by the catalogue's method. own: each unit's own statement, which is never
-- made from others (ranks, targets, distinct counts, benchmarks).
CREATE FUNCTION tram.stated_figures(i tram.indicator, own boolean, period integer, level text, boundary text, as_of timestamptz)
RETURNS SETOF tram.contribution
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
#variable_conflict use_column
DECLARE
  v_method text := CASE WHEN stated_figures.own THEN 'own' ELSE stated_figures.i.over_area END;
  v_key    bigint;
  v_weight_key bigint;
  v_units  text[];
  v_areas  integer[];
  v_people numeric[];
BEGIN
  IF stated_figures.own THEN
    SELECT array_agg(a.unit), array_agg(a.area_no), array_agg(a.population) INTO v_units, v_areas, v_people
    FROM tram.stating_areas(stated_figures.level, stated_figures.boundary) a;
  ELSE
    SELECT array_agg(a.unit), array_agg(a.area_no), array_agg(a.population) INTO v_units, v_areas, v_people
    FROM tram.expected_areas(tram.period_end(stated_figures.period), stated_figures.level, stated_figures.boundary) a;
  END IF;
  SELECT (s.series_no::bigint << 44) | (stated_figures.period::bigint << 14) INTO v_key
  FROM tram.series s WHERE s.indicator = stated_figures.i.indicator AND s.dimensions = '';
  SELECT (s.series_no::bigint << 44) | (stated_figures.period::bigint << 14) INTO v_weight_key
  FROM tram.series s
  WHERE v_method = 'weighted_mean' AND s.indicator = stated_figures.i.mean_weight AND s.dimensions = '';

  RETURN QUERY
  WITH expected AS MATERIALIZED (
    SELECT e.unit, e.area_no, e.population, n.area FROM unnest(v_units, v_areas, v_people) e(unit, area_no, population)
    JOIN tram.area_number n ON n.area_no = e.area_no
  ), weighing AS MATERIALIZED (
    SELECT w.* FROM tram.standing(v_areas, v_weight_key, v_weight_key, stated_figures.as_of) w WHERE v_weight_key IS NOT NULL
  ), figure AS (
    SELECT f.*, CASE WHEN v_method <> 'weighted_mean' OR stated_figures.i.mean_weight = 'observation' THEN f.weight
                     ELSE w.value END AS weighs
    FROM tram.standing(v_areas, v_key, v_key, stated_figures.as_of) f
    LEFT JOIN weighing w ON NOT f.held AND NOT w.held AND w.area_no = f.area_no
  )
  SELECT e.unit, 'value', stated_figures.i.indicator, e.area, e.area_no, stated_figures.period,
         tram.period_text(stated_figures.period), f.key, (f.key & 16383)::integer, f.value, f.numerator, f.denominator, f.weighs,
         e.population,
         CASE WHEN f.held THEN 'held'
              WHEN f.key IS NULL THEN 'missing'
              WHEN f.missing_reason = 1 THEN 'not_applicable'
              WHEN f.missing_reason > 1 THEN 'explained'
              WHEN CASE v_method WHEN 'sum' THEN f.value IS NOT NULL
                                 WHEN 'ratio_of_sums' THEN f.numerator IS NOT NULL AND f.denominator IS NOT NULL
                                 WHEN 'weighted_mean' THEN f.value IS NOT NULL AND f.weighs IS NOT NULL
                                 ELSE f.value IS NOT NULL OR f.numerator IS NOT NULL AND f.denominator IS NOT NULL END
                THEN 'counts'
              ELSE 'missing' END,
         coalesce(q.code, ''), coalesce(f.obs_status, 'M'), coalesce(f.flags & 2 <> 0, false), e.area, 1
  FROM expected e
  LEFT JOIN figure f ON f.area_no = e.area_no
  LEFT JOIN tram.qualifier q ON q.qualifier = f.qualifier
  UNION ALL
  SELECT e.unit, 'value', stated_figures.i.indicator, e.area, e.area_no, stated_figures.period,
         tram.period_text(stated_figures.period), NULL, NULL, NULL, NULL, NULL, NULL, e.population, 'missing', '', 'M', false,
         e.area, 1
  FROM expected e
  WHERE e.area_no IN (SELECT f.area_no FROM figure f WHERE f.held) AND e.area_no NOT IN (SELECT f.area_no FROM figure f WHERE NOT f.held)
  UNION ALL
  SELECT e.unit, 'weight', stated_figures.i.mean_weight, e.area, e.area_no, stated_figures.period,
         tram.period_text(stated_figures.period), w.key, (w.key & 16383)::integer, w.value, w.numerator, w.denominator, w.weight,
         e.population,
         CASE WHEN w.held THEN 'held' WHEN w.value IS NOT NULL THEN 'counts' WHEN w.missing_reason > 1 THEN 'explained'
              WHEN w.missing_reason = 1 THEN 'not_applicable' ELSE 'missing' END,
         coalesce(q.code, ''), coalesce(w.obs_status, 'M'), coalesce(w.flags & 2 <> 0, false), e.area, 1
  FROM expected e
  LEFT JOIN weighing w ON w.area_no = e.area_no
  LEFT JOIN tram.qualifier q ON q.qualifier = w.qualifier
  WHERE v_weight_key IS NOT NULL;
END $$;

-- Whether each unit of an indicator states its own figure; null: it derives from others. A method that is not known is refused.
CREATE FUNCTION tram.states_own(i tram.indicator) RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog AS $$
BEGIN
  CASE states_own.i.over_area
    WHEN 'sum', 'ratio_of_sums', 'weighted_mean' THEN
      RETURN (SELECT d.provided_by = 'centre' FROM tram.dataflow d WHERE d.dataflow = states_own.i.dataflow);
    WHEN 'distinct_union', 'national_only', 'rank_external', 'benchmark_external', 'target' THEN
      RETURN true;
    WHEN 'growth_recomputed' THEN
      RETURN NULL;
    ELSE
      RAISE EXCEPTION 'no roll-up knows the method % of indicator %', states_own.i.over_area, states_own.i.indicator
        USING ERRCODE = 'feature_not_supported',
        HINT = 'the schema is older than the catalogue: run tram store migrate';
  END CASE;
END $$;

-- Every figure that a roll-up adds up, weighs with or looks at, as known at a moment (null: now), in the units of a vintage
-- (null: the one in force at the period's end). Of an indicator that derives from others: theirs.
CREATE FUNCTION tram.contributions(indicator text, period integer, level text, boundary text, as_of timestamptz)
RETURNS SETOF tram.contribution
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  v_i        tram.indicator;
  v_own      boolean;
  v_parts    text[];
  v_boundary text := coalesce(contributions.boundary, tram.vintage_on(tram.period_end(contributions.period)), '');
BEGIN
  SELECT i.* INTO STRICT v_i FROM tram.indicator i WHERE i.indicator = contributions.indicator;
  v_own := tram.states_own(v_i);
  IF v_own IS NOT NULL THEN
    RETURN QUERY SELECT c.* FROM tram.stated_figures(v_i, v_own, contributions.period, contributions.level, v_boundary,
                                                     coalesce(contributions.as_of, 'infinity')) c
                 ORDER BY c.unit, c.part, c.area, c.period, c.key;
    RETURN;
  END IF;
  v_parts := string_to_array(v_i.derives_from, ' / ');
  RETURN QUERY
  SELECT c.unit, s.part, c.indicator, c.area, c.area_no, c.period, c.time_period, c.key, c.revision, c.value, c.numerator,
         c.denominator, c.weight, c.population, c.state, c.qualifier, c.obs_status, c.demonstration, c.counts_for, c.leaves
  FROM (VALUES ('top', v_parts[1], contributions.period),
               ('bottom', v_parts[array_length(v_parts, 1)],
                CASE array_length(v_parts, 1) WHEN 1 THEN tram.period_shift_years(contributions.period, -1)
                                              ELSE contributions.period END)) s(part, indicator, period)
  CROSS JOIN LATERAL tram.contributions(s.indicator, s.period, contributions.level, v_boundary, contributions.as_of) c;
END $$;

COMMENT ON FUNCTION tram.contributions(text, integer, text, text, timestamptz) IS
  'The figures that a roll-up adds up, one by one, with those that are missing, held or hidden by another';

REVOKE EXECUTE ON FUNCTION tram.contributions(text, integer, text, text, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION tram.contributions(text, integer, text, text, timestamptz) TO tram_reader, tram_admin;
