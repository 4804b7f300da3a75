-- SPDX-License-Identifier: Apache-2.0
-- What roll-ups are made of, figure by figure. A roll-up adds up these very rows, so the two cannot differ.

-- One figure that a roll-up looks at, or the lack of one. key, revision and what follows from them are null where there is
-- none. state:
--   counts          it is in the roll-up
--   not_applicable  its area has nothing to report, and so reports
--   explained       it says why there is no figure
--   missing         there is none, or (with a key) one that lacks the part that the method needs; of an area that reports
--                   nothing for the period one row, else one for each part that is missing
--   held            it waits in the quarantine and is in nothing; what counts for the area, or its lack, is another row
--   hidden          it stands, and another row says more: that of a longer period, a later one of a stock, a lower or higher one
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
  counts_for     text,      -- the area in force at the period's end whose figure it is part of: itself or its successor
  leaves         integer,   -- parts of the period (months of a year, times areas) that it covers, or that are missing
  coverage       numeric    -- what counts_for weighs when coverage is worked out; null: as much as any other
);

-- Of each figure of these areas between first and last (keys with revision 0): the revision that stands, and one that is
-- held after it (alone: none stands). Times are in coalesce() so that no index of times is thought to help: nearly all are
-- before as_of. Decisions are few: those on any area are looked at at once, and not area by area.
CREATE FUNCTION tram.standing(area_nos integer[], first bigint, last bigint, as_of timestamptz)
RETURNS TABLE (area_no integer, key bigint, held boolean, alone boolean, value numeric, numerator numeric, denominator numeric,
               weight numeric, qualifier smallint, missing_reason smallint, flags smallint, obs_status "char")
LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT s.area_no, s.key, s.now = 3, s.now = 3 AND (s.stands = s.settled) IS NOT TRUE, s.value, s.numerator, s.denominator,
         s.weight, s.qualifier, s.missing_reason, s.flags, s.obs_status
  FROM (SELECT o.*, max(o.key) OVER figure AS newest, max(o.key) FILTER (WHERE o.now IN (1, 2, 6)) OVER figure AS settled,
               max(o.key) FILTER (WHERE o.now IN (1, 2) AND o.flags & 1 = 0) OVER figure AS stands
        FROM (SELECT o.area_no, o.key, o.value, o.numerator, o.denominator, o.weight, o.qualifier, o.missing_reason, o.flags,
                     o.obs_status, tram.effective_outcome(o.outcome, d.decision) AS now
              FROM tram.observation o
              LEFT JOIN (
                SELECT DISTINCT ON (d.area_no, d.key) d.area_no, d.key, d.decision FROM tram.decision d
                WHERE d.key BETWEEN standing.first AND standing.last | 16383 AND coalesce(d.decided_at <= standing.as_of, false)
                ORDER BY d.area_no, d.key, d.decision_no DESC) d ON d.area_no = o.area_no AND d.key = o.key
              WHERE o.area_no = ANY (standing.area_nos) AND o.key BETWEEN standing.first AND standing.last | 16383
                AND coalesce(o.known_at <= standing.as_of, false)) o
        WINDOW figure AS (PARTITION BY o.area_no, o.key >> 14)) s
  WHERE s.key = s.settled AND s.key = s.stands OR s.key = s.newest AND s.now = 3
$$;

-- The latest figure of each area that ends by a day, whatever its frequency.
CREATE FUNCTION tram.latest_figures(i tram.indicator, method text, area_nos integer[], last date, as_of timestamptz)
RETURNS TABLE (area_no integer, value numeric, numerator numeric, denominator numeric, weight numeric)
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp SET enable_seqscan = off AS $$
  SELECT DISTINCT ON (f.area_no) f.area_no, f.value, f.numerator, f.denominator, f.weight
  FROM tram.series s
  CROSS JOIN generate_series(1, 6) kind
  CROSS JOIN LATERAL tram.standing(latest_figures.area_nos, (s.series_no::bigint << 44) | (kind::bigint << 41),
                                   (s.series_no::bigint << 44) | (tram.period_of(kind, latest_figures.last)::bigint << 14),
                                   latest_figures.as_of) f
  CROSS JOIN LATERAL tram.period_end((f.key >> 14 & 1073741823)::integer) AS ends
  WHERE s.indicator = (latest_figures.i).indicator AND s.dimensions = '' AND NOT f.held AND f.missing_reason = 0
    AND ends <= latest_figures.last
    AND tram.has_parts(latest_figures.method, f.value, f.numerator, f.denominator, f.weight)
  ORDER BY f.area_no, ends DESC, kind
$$;

-- What areas weigh when coverage is worked out: their people; an indicator's latest figure; or 'own', the latest of the
-- indicator itself, of a ratio its denominator, of a mean its weight. Null: they are counted, as it is asked for, or as one of
-- them has nothing to weigh.
CREATE FUNCTION tram.coverage_weights(i tram.indicator, method text, area_nos integer[], people numeric[], last date,
                                      as_of timestamptz)
RETURNS numeric[]
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  v_weights numeric[];
  v_other   tram.indicator;
BEGIN
  CASE coverage_weights.i.coverage_weight
    WHEN '' THEN
      RETURN NULL;
    WHEN 'population' THEN
      v_weights := coverage_weights.people;
    WHEN 'own', 'observation' THEN
      v_weights := ARRAY(
        SELECT CASE coverage_weights.method WHEN 'ratio_of_sums' THEN f.denominator WHEN 'weighted_mean' THEN f.weight ELSE f.value END
        FROM unnest(coverage_weights.area_nos) WITH ORDINALITY a(area_no, place)
        LEFT JOIN tram.latest_figures(coverage_weights.i, coverage_weights.method, coverage_weights.area_nos,
                                      coverage_weights.last, coverage_weights.as_of) f ON f.area_no = a.area_no
        ORDER BY a.place);
    ELSE
      SELECT o.* INTO v_other FROM tram.indicator o WHERE o.indicator = coverage_weights.i.coverage_weight;
      v_weights := ARRAY(
        SELECT f.value FROM unnest(coverage_weights.area_nos) WITH ORDINALITY a(area_no, place)
        LEFT JOIN tram.latest_figures(v_other, 'sum', coverage_weights.area_nos, coverage_weights.last,
                                      coverage_weights.as_of) f ON f.area_no = a.area_no
        ORDER BY a.place);
  END CASE;
  RETURN CASE WHEN array_position(v_weights, NULL) IS NULL AND 0 <= ALL (v_weights) THEN v_weights END;
END $$;

-- The areas whose figures a roll-up looks at, a column an array, with what they weigh when coverage is worked out. Those most
-- asked for, the provinces in force on a day (in_force), have their numbers here alone: the rest is read with the figures.
CREATE TYPE tram.expectation AS (
  unit       text[],
  area_no    integer[],
  area       text[],
  counts_for text[],
  valid_from date[],
  valid_to   date[],
  population numeric[],
  coverage   numeric[],
  weight     numeric[],    -- what another indicator says of each, by which a mean is weighed; null: none weighs it
  in_force   date,
  by_people  boolean       -- of those in force: coverage is by their population, else they are counted
);

-- first: from this day on an area that was in force is among them; that of the period, or its last.
CREATE FUNCTION tram.expectation(i tram.indicator, method text, first date, last date, level text, boundary text,
                                 as_of timestamptz)
RETURNS tram.expectation
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off AS $$
#variable_conflict use_column
DECLARE
  e          tram.expectation;
  h_area     text[];       -- of these, those that others count for
  h_no       integer[];
  h_people   numeric[];
  h_coverage numeric[];
BEGIN
  IF expectation.method = 'own' THEN
    SELECT array_agg(a.unit), array_agg(a.area_no), array_agg(a.area), array_agg(a.counts_for), array_agg(a.valid_from),
           array_agg(a.valid_to), array_agg(a.population)
    INTO e.unit, e.area_no, e.area, e.counts_for, e.valid_from, e.valid_to, e.population
    FROM tram.stating_areas(expectation.level, expectation.boundary) a;
  ELSE
    IF expectation.first = expectation.last AND expectation.i.coverage_weight IN ('', 'population')
       AND (expectation.method <> 'weighted_mean' OR expectation.i.mean_weight = 'observation')
       AND expectation.boundary = tram.vintage_on(expectation.last) AND NOT tram.is_of_communes(expectation.i.dataflow) THEN
      SELECT array_agg(a.area_no), expectation.i.coverage_weight <> '' AND bool_and(coalesce(a.population >= 0, false))
      INTO e.area_no, e.by_people
      FROM tram.areas_in_force(expectation.last, expectation.level, expectation.boundary) a;
      e.in_force := expectation.last;
      RETURN e;
    END IF;
    SELECT array_agg(a.unit), array_agg(a.area_no), array_agg(a.area), array_agg(a.counts_for), array_agg(a.valid_from),
           array_agg(coalesce(a.valid_to, 'infinity')), array_agg(a.population)
    INTO e.unit, e.area_no, e.area, e.counts_for, e.valid_from, e.valid_to, e.population
    FROM tram.expected_for(expectation.i.dataflow, expectation.first, expectation.last, expectation.level,
                           expectation.boundary) a;
  END IF;
  IF e.area = e.counts_for THEN
    e.coverage := tram.coverage_weights(expectation.i, expectation.method, e.area_no, e.population, expectation.last,
                                        expectation.as_of);
  ELSE
    SELECT array_agg(a.area), array_agg(a.area_no), array_agg(a.population) INTO h_area, h_no, h_people
    FROM unnest(e.area, e.counts_for, e.area_no, e.population) a(area, counts_for, area_no, population)
    WHERE a.area = a.counts_for;
    h_coverage := tram.coverage_weights(expectation.i, expectation.method, h_no, h_people, expectation.last,
                                        expectation.as_of);
    e.coverage := ARRAY(SELECT h.coverage FROM unnest(e.counts_for) WITH ORDINALITY p(area, place)
                        LEFT JOIN unnest(h_area, h_coverage) h(area, coverage) ON h.area = p.area ORDER BY p.place);
  END IF;
  RETURN e;
END $$;

-- The figures of a period that has no finer ones within it (first_key: with revision 0): of each area the one that stands, or
-- the lack of it, and one that is held; alone: its area lacks one as well. It is inlined where it is called: in what shows
-- figures, and in what adds them up.
CREATE FUNCTION tram.single_figures(method text, first_key bigint, as_of timestamptz, e tram.expectation, level text,
                                    boundary text)
RETURNS TABLE (unit text, area text, area_no integer, key bigint, value numeric, numerator numeric, denominator numeric,
               weight numeric, population numeric, state text, alone boolean, qualifier smallint, obs_status "char",
               demonstration boolean, coverage numeric)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT e.unit, e.area, e.area_no, f.key, f.value, f.numerator, f.denominator, w.weight, e.population,
         CASE WHEN f.key IS NULL THEN 'missing'
              WHEN f.held THEN 'held'
              WHEN f.missing_reason = 1 THEN 'not_applicable'
              WHEN f.missing_reason > 1 THEN 'explained'
              WHEN tram.has_parts(single_figures.method, f.value, f.numerator, f.denominator, w.weight) THEN 'counts'
              ELSE 'missing' END,
         coalesce(f.alone, false), f.qualifier, coalesce(f.obs_status, 'M'), coalesce(f.flags & 2 <> 0, false), e.coverage
  FROM (SELECT a.unit, a.area_no, a.area, a.population, CASE WHEN (single_figures.e).by_people THEN a.population END AS coverage,
               NULL::numeric AS weight
        FROM tram.areas_in_force((single_figures.e).in_force, single_figures.level, single_figures.boundary) a
        WHERE (single_figures.e).in_force IS NOT NULL
        UNION ALL
        SELECT a.* FROM unnest((single_figures.e).unit, (single_figures.e).area_no, (single_figures.e).area,
                               (single_figures.e).population, (single_figures.e).coverage, (single_figures.e).weight) a
        WHERE (single_figures.e).in_force IS NULL) e
  LEFT JOIN tram.standing((single_figures.e).area_no, single_figures.first_key, single_figures.first_key, single_figures.as_of) f
    ON f.area_no = e.area_no
  CROSS JOIN LATERAL (
    SELECT CASE WHEN (single_figures.e).weight IS NULL THEN f.weight ELSE e.weight END AS weight) w
$$;

-- What another indicator says of areas, by which a mean is weighed.
CREATE FUNCTION tram.mean_weights(i tram.indicator, period integer, area_nos integer[], figures tram.contribution[])
RETURNS numeric[]
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
#variable_conflict use_column
DECLARE
  v_leaf integer := coalesce((SELECT max(k) FROM unnest(tram.part_kinds(mean_weights.i, mean_weights.period)) k), 6);
BEGIN
  RETURN ARRAY(
    SELECT w.value
    FROM unnest(mean_weights.area_nos) WITH ORDINALITY a(area_no, place)
    LEFT JOIN (SELECT w.area_no, CASE mean_weights.i.over_time WHEN 'mean' THEN sum(w.value * n.parts) / sum(n.parts)
                                                               ELSE sum(w.value) END AS value
               FROM unnest(mean_weights.figures) w
               CROSS JOIN LATERAL (
                 SELECT tram.ends_between(v_leaf, tram.period_start(w.period), tram.period_end(w.period)) AS parts) n
               WHERE w.state = 'counts' GROUP BY w.area_no) w ON w.area_no = a.area_no
    ORDER BY a.place);
END $$;

-- The figures of one stated indicator for a period by a method: sum, ratio_of_sums, weighted_mean; own: each unit's own
-- statement, which is never made of other units' (ranks, targets, distinct counts, benchmarks).
--
-- Ten thousand communes are joined by hash.
--
-- What an area states for the period itself stands. Where it does not, and may be made of finer periods (tram.part_kinds), its
-- figures of those count: all of them, of a stock (over_time last) the latest, of a minimum or maximum that one. A figure hides those of
-- finer periods within it, of its area and of the areas that were merged into it. What a mean weighs by is the other
-- indicator's figure of the same area and period, made in the same way.
CREATE FUNCTION tram.stated_figures(i tram.indicator, method text, period integer, level text, boundary text, as_of timestamptz)
RETURNS SETOF tram.contribution
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off SET enable_nestloop = off SET jit = off AS $$
#variable_conflict use_column
DECLARE
  v_text    text := tram.period_text(stated_figures.period);
  v_first   date := tram.period_start(stated_figures.period);
  v_last    date := tram.period_end(stated_figures.period);
  v_finer   integer[] := tram.part_kinds(stated_figures.i, stated_figures.period);
  v_leaf    integer := coalesce(v_finer[cardinality(v_finer)], stated_figures.period >> 27);
  v_firsts  bigint[];      -- keys to look at: one range a frequency
  v_lasts   bigint[];
  v_weighs  tram.indicator;
  v_weights tram.contribution[];
  v_e       tram.expectation;
BEGIN
  v_e := tram.expectation(stated_figures.i, stated_figures.method, CASE WHEN v_finer = '{}' THEN v_last ELSE v_first END, v_last,
                          stated_figures.level, stated_figures.boundary, stated_figures.as_of);
  SELECT array_agg((s.series_no::bigint << 44) | (k.first::bigint << 14)),
         array_agg((s.series_no::bigint << 44) | (k.last::bigint << 14))
  INTO v_firsts, v_lasts
  FROM tram.series s
  CROSS JOIN LATERAL (
    SELECT stated_figures.period AS first, stated_figures.period AS last
    UNION ALL
    SELECT tram.period_of(f.kind, v_first), tram.period_of(f.kind, v_last) FROM unnest(v_finer) f(kind)) k
  WHERE s.indicator = stated_figures.i.indicator AND s.dimensions = '';
  IF stated_figures.method = 'weighted_mean' AND stated_figures.i.mean_weight <> 'observation' THEN
    SELECT w.* INTO v_weighs FROM tram.indicator w WHERE w.indicator = stated_figures.i.mean_weight;
    v_weights := ARRAY(SELECT w FROM tram.stated_figures(v_weighs, 'sum', stated_figures.period, stated_figures.level,
                                                         stated_figures.boundary, stated_figures.as_of) w);
    v_e.weight := tram.mean_weights(v_weighs, stated_figures.period, v_e.area_no, v_weights);
    RETURN QUERY
    SELECT w.unit, 'weight', w.indicator, w.area, w.area_no, w.period, w.time_period, w.key, w.revision, w.value, w.numerator,
           w.denominator, w.weight, w.population, w.state, w.qualifier, w.obs_status, w.demonstration, w.counts_for, w.leaves,
           w.coverage
    FROM unnest(v_weights) w;
  END IF;

  IF v_finer = '{}' THEN
    RETURN QUERY
    SELECT f.unit, 'value', stated_figures.i.indicator, f.area, f.area_no, stated_figures.period, v_text, n.key,
           (n.key & 16383)::integer, n.value, n.numerator, n.denominator, n.weight, f.population, n.state, coalesce(q.code, ''),
           coalesce(n.obs_status, 'M'), coalesce(n.demonstration, false), f.area, n.leaves, f.coverage
    FROM tram.single_figures(stated_figures.method, v_firsts[1], stated_figures.as_of, v_e, stated_figures.level,
                             stated_figures.boundary) f
    CROSS JOIN LATERAL (
      SELECT f.key, f.value, f.numerator, f.denominator, f.weight, f.state, f.qualifier, f.obs_status, f.demonstration,
             (f.state <> 'held')::integer AS leaves
      UNION ALL
      SELECT NULL, NULL, NULL, NULL, NULL, 'missing', NULL, NULL, NULL, 1 WHERE f.alone) n
    LEFT JOIN tram.qualifier q ON q.qualifier = n.qualifier;
    RETURN;
  END IF;

  RETURN QUERY
  WITH part AS MATERIALIZED (
    -- the period and those that it may be made of: there are far fewer of them than figures
    SELECT p.period, p.period >> 27 AS kind, tram.period_start(p.period) AS first, tram.period_end(p.period) AS last,
           tram.period_text(p.period) AS time_period
    FROM (SELECT stated_figures.period AS period
          UNION ALL
          SELECT s.period FROM unnest(v_finer) f(kind) CROSS JOIN LATERAL tram.sub_periods(stated_figures.period, f.kind) s) p
  ), expected AS MATERIALIZED (
    SELECT e.*, tram.ends_between(v_leaf, greatest(e.valid_from, v_first), least(e.valid_to, v_last)) AS leaves
    FROM unnest(v_e.unit, v_e.area_no, v_e.area, v_e.counts_for, v_e.valid_from, v_e.valid_to, v_e.population, v_e.coverage,
                v_e.weight)
         e(unit, area_no, area, counts_for, valid_from, valid_to, population, coverage, weight)
  ), cell AS MATERIALIZED (
    -- what is stated by areas that were expected to, at the end of the period it is for
    SELECT e.area, e.counts_for, e.area = e.counts_for AS itself, f.area_no, f.key, f.held, f.value, f.numerator, f.denominator,
           f.qualifier, f.missing_reason, f.flags, f.obs_status, p.period, p.kind, p.first, p.last, e.valid_from, w.weight,
           NOT f.held AND (f.missing_reason = 1 OR f.missing_reason = 0 AND
             tram.has_parts(stated_figures.method, f.value, f.numerator, f.denominator, w.weight)) AS told
    FROM unnest(v_firsts, v_lasts) r(first, last)
    CROSS JOIN LATERAL tram.standing(v_e.area_no, r.first, r.last, stated_figures.as_of) f
    JOIN expected e ON e.area_no = f.area_no
    JOIN part p ON p.period = (f.key >> 14 & 1073741823)::integer
    CROSS JOIN LATERAL (SELECT CASE WHEN v_e.weight IS NULL THEN f.weight ELSE e.weight END AS weight) w
    WHERE p.last BETWEEN e.valid_from AND e.valid_to
  ), coarse AS MATERIALIZED (
    SELECT c.area, c.counts_for, c.itself, c.kind, c.first, c.last FROM cell c WHERE c.told AND c.kind < v_leaf
  ), seen AS MATERIALIZED (
    SELECT c.*, EXISTS (SELECT FROM coarse t
                        WHERE t.counts_for = c.counts_for AND (t.itself OR t.area = c.area) AND t.kind < c.kind
                          AND t.first <= c.first AND t.last >= c.last) AS inside
    FROM cell c
  ), chosen AS MATERIALIZED (
    -- of a stock the latest figure: the area's own, else those of the areas that were merged into it
    SELECT s.*,
           CASE WHEN s.told AND NOT s.inside THEN CASE stated_figures.i.over_time
                  WHEN 'last' THEN s.last = max(s.last) FILTER (WHERE s.told AND NOT s.inside) OVER (PARTITION BY s.area_no)
                                   AND (s.itself OR NOT bool_or(s.itself AND s.told) OVER (PARTITION BY s.counts_for))
                  WHEN 'min' THEN s.missing_reason = 1 OR 1 = row_number() OVER (
                    PARTITION BY s.area_no, s.told AND NOT s.inside AND s.missing_reason = 0
                    ORDER BY coalesce(s.value, s.numerator / nullif(s.denominator, 0)), s.last DESC)
                  WHEN 'max' THEN s.missing_reason = 1 OR 1 = row_number() OVER (
                    PARTITION BY s.area_no, s.told AND NOT s.inside AND s.missing_reason = 0
                    ORDER BY coalesce(s.value, s.numerator / nullif(s.denominator, 0)) DESC NULLS LAST, s.last DESC)
                  ELSE true END END AS is_chosen,
           CASE WHEN NOT s.told OR s.inside THEN 0
                ELSE tram.ends_between(v_leaf, greatest(s.first, s.valid_from), s.last) + CASE WHEN s.itself AND s.first < s.valid_from
                  THEN (SELECT coalesce(sum(tram.ends_between(v_leaf, greatest(s.first, x.valid_from), least(s.last, x.valid_to))), 0)::integer
                        FROM expected x WHERE x.counts_for = s.area AND x.area <> s.area) ELSE 0 END END AS leaves
    FROM seen s
  ), gap AS (
    -- of an area that says nothing of the period: all of it; else the parts that are missing
    SELECT e.area_no, e.area, e.counts_for, stated_figures.period AS period, e.leaves
    FROM expected e
    WHERE e.leaves > 0 AND NOT EXISTS (
      SELECT FROM seen t WHERE t.told AND t.counts_for = e.counts_for AND (t.area = e.area OR t.itself AND t.first <= e.valid_to
                                                                             AND t.last >= e.valid_from))
    UNION ALL
    SELECT e.area_no, e.area, e.counts_for, n.period, 1
    FROM expected e
    JOIN part n ON n.kind = v_leaf
    WHERE n.last BETWEEN e.valid_from AND e.valid_to
      AND EXISTS (
        SELECT FROM seen t WHERE t.told AND t.counts_for = e.counts_for AND (t.area = e.area OR t.itself AND t.first <= e.valid_to
                                                                               AND t.last >= e.valid_from))
      AND NOT EXISTS (
        SELECT FROM seen t WHERE t.told AND t.counts_for = e.counts_for AND (t.itself OR t.area = e.area)
                             AND t.first <= n.first AND t.last >= n.last)
  ), rowed AS (
    SELECT c.area_no, c.period, c.key, c.leaves,
           CASE WHEN c.inside THEN 'hidden' WHEN c.held THEN 'held'
                WHEN c.told THEN CASE WHEN NOT c.is_chosen THEN 'hidden' WHEN c.missing_reason = 1 THEN 'not_applicable' ELSE 'counts' END
                WHEN c.missing_reason > 1 THEN 'explained' ELSE 'missing' END AS state
    FROM chosen c
    WHERE c.told OR c.held OR c.inside OR NOT EXISTS (SELECT FROM gap g WHERE g.area_no = c.area_no AND g.period = c.period)
    UNION ALL
    SELECT g.area_no, g.period, c.key, g.leaves, CASE WHEN c.missing_reason > 1 THEN 'explained' ELSE 'missing' END
    FROM gap g
    LEFT JOIN chosen c ON c.area_no = g.area_no AND c.period = g.period AND NOT c.held AND NOT c.told
  )
  SELECT e.unit, 'value', stated_figures.i.indicator, e.area, e.area_no, r.period, p.time_period, r.key,
         (r.key & 16383)::integer, c.value, c.numerator, c.denominator, c.weight, e.population, r.state, coalesce(q.code, ''),
         coalesce(c.obs_status, 'M'), coalesce(c.flags & 2 <> 0, false), e.counts_for, r.leaves, e.coverage
  FROM rowed r
  JOIN part p ON p.period = r.period
  JOIN expected e ON e.area_no = r.area_no
  LEFT JOIN cell c ON c.area_no = r.area_no AND c.key = r.key
  LEFT JOIN tram.qualifier q ON q.qualifier = c.qualifier;
END $$;

-- Whether each unit of an indicator states its own figure; null: it derives from others. A method that is not known is refused.
CREATE FUNCTION tram.states_own(i tram.indicator) RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
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
    RETURN QUERY SELECT c.* FROM tram.stated_figures(v_i, CASE WHEN v_own THEN 'own' ELSE v_i.over_area END,
                                                     contributions.period, contributions.level, v_boundary,
                                                     coalesce(contributions.as_of, 'infinity')) c
                 ORDER BY c.unit, c.part, c.area, c.period, c.key;
    RETURN;
  END IF;
  v_parts := string_to_array(v_i.derives_from, ' / ');
  RETURN QUERY
  SELECT c.unit, s.part, c.indicator, c.area, c.area_no, c.period, c.time_period, c.key, c.revision, c.value, c.numerator,
         c.denominator, c.weight, c.population, c.state, c.qualifier, c.obs_status, c.demonstration, c.counts_for, c.leaves,
         c.coverage
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
