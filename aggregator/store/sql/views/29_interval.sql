-- SPDX-License-Identifier: Apache-2.0
-- What a roll-up might be if those who are missing had stated what they stated before. It is no confidence interval.

-- The value that stands of one figure (first_key: with revision 0). In plpgsql: what is seldom asked is made ready only then.
CREATE FUNCTION tram.value_standing(area_no integer, first_key bigint, as_of timestamptz) RETURNS numeric
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
  RETURN (SELECT f.value
          FROM tram.standing(ARRAY[value_standing.area_no], value_standing.first_key, value_standing.first_key,
                             value_standing.as_of) f
          WHERE NOT f.held AND f.missing_reason = 0);
END $$;

-- Of one unit: missing, the areas that report nothing; of a period that is made of shorter ones gaps, the rows that say what is
-- missing; top and bottom, what the others add up to. For each gap its area's last few accepted figures before it, of the same
-- frequency, are tried: those of the period's own, or of the finest for a part of it. What could add up is between low and high;
-- of quotients these are the exact extremes over all choices. A gap with nothing before it stays empty, which basis says. No
-- interval: basis is empty.
CREATE FUNCTION tram.rollup_interval(i tram.indicator, method text, period integer, as_of timestamptz, missing text[],
                                     gaps tram.contribution[], top numeric, bottom numeric,
                                     OUT low numeric, OUT high numeric, OUT basis text)
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off SET jit = off AS $$
#variable_conflict use_column
DECLARE
  v_kind    integer := rollup_interval.period >> 27;
  v_first   date := tram.period_start(rollup_interval.period);
  v_finer   integer[] := tram.part_kinds(rollup_interval.i, rollup_interval.period);
  v_leaf    integer := v_finer[cardinality(v_finer)];
  v_adds    boolean := v_finer = '{}' OR rollup_interval.i.over_time = 'sum';
  v_stated  boolean := substr('ASQMWDR', v_kind, 1) = ANY (string_to_array(rollup_interval.i.frequencies, '|'));
  v_points  bigint := tram.parameter_or('rollup.interval_points', 4);
  v_weighs  text := CASE WHEN rollup_interval.method = 'weighted_mean' AND rollup_interval.i.mean_weight <> 'observation'
                         THEN rollup_interval.i.mean_weight END;
  v_factor  numeric := CASE WHEN rollup_interval.method = 'ratio_of_sums' AND rollup_interval.i.unit = 'percent' THEN 100 ELSE 1 END;
  v_slots   bigint;
  v_filled  bigint;
  c_slot    bigint[];      -- what may be chosen, one array a column
  c_top     numeric[];
  c_bottom  numeric[];
BEGIN
  basis := '';
  WITH slot AS MATERIALIZED (
    SELECT row_number() OVER () AS slot, g.* FROM (
      SELECT n.area_no, v_kind AS kind, rollup_interval.period AS before, 1 AS times
      FROM tram.area_number n WHERE v_finer = '{}' AND n.area = ANY (rollup_interval.missing)
      UNION ALL
      SELECT g.area_no, CASE WHEN u.in_parts THEN v_leaf ELSE v_kind END,
             CASE WHEN g.period = rollup_interval.period AND u.in_parts THEN tram.period_of(v_leaf, v_first) ELSE g.period END,
             CASE WHEN v_adds AND u.in_parts THEN g.leaves ELSE 1 END
      FROM unnest(rollup_interval.gaps) g
      CROSS JOIN LATERAL (
        SELECT g.period <> rollup_interval.period OR NOT v_stated OR
               v_adds AND g.leaves < tram.ends_between(v_leaf, v_first, tram.period_end(rollup_interval.period)) AS in_parts) u
      WHERE v_adds OR g.area = g.counts_for AND g.area = ANY (rollup_interval.missing)) g
  ), choice AS (
    SELECT s.slot, s.times * tram.part_top(rollup_interval.method, e.value, e.numerator, e.weight) AS top,
           CASE WHEN v_weighs IS NULL THEN s.times ELSE 1 END
             * tram.part_bottom(rollup_interval.method, e.denominator, e.weight) AS bottom
    FROM slot s
    JOIN tram.series r ON r.indicator = rollup_interval.i.indicator AND r.dimensions = ''
    LEFT JOIN tram.series w ON w.indicator = v_weighs AND w.dimensions = ''
    CROSS JOIN LATERAL (
      SELECT f.value, f.numerator, f.denominator, u.weight
      FROM tram.standing(ARRAY[s.area_no], (r.series_no::bigint << 44) | (s.kind::bigint << 41),
                         ((r.series_no::bigint << 44) | (s.before::bigint << 14)) - 16384, rollup_interval.as_of) f
      CROSS JOIN LATERAL (
        SELECT CASE WHEN v_weighs IS NULL THEN f.weight
                    ELSE tram.value_standing(s.area_no, (w.series_no::bigint << 44) | (f.key & 17592186028032),
                                             rollup_interval.as_of) END AS weight OFFSET 0) u
      WHERE NOT f.held AND f.missing_reason = 0
        AND tram.has_parts(rollup_interval.method, f.value, f.numerator, f.denominator, u.weight)
      ORDER BY f.key DESC LIMIT v_points) e
  )
  SELECT (SELECT count(*) FROM slot), count(DISTINCT c.slot), array_agg(c.slot), array_agg(c.top), array_agg(c.bottom)
  INTO v_slots, v_filled, c_slot, c_top, c_bottom FROM choice c;
  IF v_filled = 0 THEN
    RETURN;
  END IF;
  IF rollup_interval.method = 'sum' THEN
    SELECT rollup_interval.top + sum(s.least), rollup_interval.top + sum(s.most) INTO low, high
    FROM (SELECT min(c.top) AS least, max(c.top) AS most FROM unnest(c_slot, c_top) c(slot, top) GROUP BY c.slot) s;
  ELSIF rollup_interval.bottom < 0 OR 0 > ANY (c_bottom) THEN
    RETURN;
  ELSE
    low := v_factor * tram.extreme_quotient(-1, rollup_interval.top, rollup_interval.bottom, c_slot, c_top, c_bottom);
    high := v_factor * tram.extreme_quotient(1, rollup_interval.top, rollup_interval.bottom, c_slot, c_top, c_bottom);
  END IF;
  IF low IS NOT NULL THEN
    basis := format('last_accepted:%s of %s', v_filled, v_slots);
  END IF;
END $$;

-- The greatest (sign 1) or least (-1) quotient of sums: to top and bottom comes one choice of each slot. Dinkelbach's way: the
-- choice that is best against the quotient so far, until none is better; compared by products, so exactly. Bottoms are not
-- negative. Null: it may be divided by zero.
CREATE FUNCTION tram.extreme_quotient(sign integer, top numeric, bottom numeric, slots bigint[], tops numeric[], bottoms numeric[])
RETURNS numeric
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_top    numeric;
  v_bottom numeric;
  n_top    numeric;
  n_bottom numeric;
BEGIN
  -- The least divisor of all: where it is above zero, all are.
  SELECT extreme_quotient.top + sum(s.t), extreme_quotient.bottom + sum(s.b) INTO v_top, v_bottom
  FROM (SELECT DISTINCT ON (c.slot) c.t, c.b FROM unnest(slots, tops, bottoms) c(slot, t, b) ORDER BY c.slot, c.b) s;
  LOOP
    IF coalesce(v_bottom, 0) <= 0 THEN
      RETURN NULL;
    END IF;
    SELECT extreme_quotient.top + sum(s.t), extreme_quotient.bottom + sum(s.b) INTO n_top, n_bottom
    FROM (SELECT DISTINCT ON (c.slot) c.t, c.b FROM unnest(slots, tops, bottoms) c(slot, t, b)
          ORDER BY c.slot, sign * (c.t * v_bottom - c.b * v_top) DESC) s;
    EXIT WHEN (sign * (n_top * v_bottom - n_bottom * v_top) > 0) IS NOT TRUE;
    v_top := n_top;
    v_bottom := n_bottom;
  END LOOP;
  RETURN v_top / v_bottom;
END $$;
