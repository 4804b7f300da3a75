-- SPDX-License-Identifier: Apache-2.0
-- How totals would move under other rules.

-- One national roll-up, or one published figure beside it (figure_no), at a moment.
CREATE TYPE tram.rehearsed_total AS (
  figure_no       integer,
  indicator       text,
  period          integer,
  value           numeric,
  numerator       numeric,
  denominator     numeric,
  areas_reporting integer,
  held            integer,
  agreement       text
);

-- All that figures of these series and periods are part of: their own indicators, what is made of those, and what they weigh.
CREATE FUNCTION tram.rehearsed_totals(keys bigint[]) RETURNS SETOF tram.rehearsed_total
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
  WITH RECURSIVE touched AS (
    SELECT s.indicator, (k.key >> 14 & 1073741823)::integer AS period
    FROM unnest(rehearsed_totals.keys) k(key)
    JOIN tram.series s ON s.series_no = (k.key >> 44)::integer AND s.dimensions = ''
    UNION
    SELECT i.indicator, p.period
    FROM touched t
    JOIN tram.indicator i ON i.mean_weight = t.indicator OR t.indicator = ANY (string_to_array(i.derives_from, ' / '))
    CROSS JOIN LATERAL (
      VALUES (t.period), (CASE WHEN i.derives_from = t.indicator THEN tram.period_shift_years(t.period, 1) END)) p(period)
    WHERE p.period IS NOT NULL
  )
  SELECT NULL::integer, t.indicator, t.period, r.value, r.numerator, r.denominator, r.areas_reporting, r.held, NULL::text
  FROM (SELECT t.indicator, t.period FROM touched t JOIN tram.indicator i ON i.indicator = t.indicator) t
  CROSS JOIN LATERAL tram.rollup_at(t.indicator, t.period, 'nation', NULL, 'infinity', 0) r
  UNION ALL
  SELECT c.figure_no, c.indicator, t.period, c.value, c.numerator, c.denominator, c.areas_reporting, c.held, c.agreement
  FROM touched t JOIN tram.claim c ON c.indicator = t.indicator AND tram.period_pack(c.time_period) = t.period
$$;

-- Those that would be others if figures (key: with revision 0) stood so. What makes them stand so is inserted as a last
-- revision, which no province ever reaches, and taken back before this returns: an exception ends the block, and what a
-- block did that ends so is undone, while its variables stay.
CREATE FUNCTION tram.rehearse(area_nos integer[], keys bigint[], stands integer[], held integer[], vals text[], numerators text[],
                              denominators text[], weights text[], qualifiers integer[], missing_reasons integer[],
                              flags integer[], obs_statuses text[])
RETURNS TABLE (figure_no integer, indicator text, name_vi text, name_en text, time_period text,
               value_before numeric, numerator_before numeric, denominator_before numeric, reporting_before integer,
               held_before integer, agreement_before text,
               value_after numeric, numerator_after numeric, denominator_after numeric, reporting_after integer,
               held_after integer, agreement_after text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  v_before tram.rehearsed_total[];
  v_after  tram.rehearsed_total[];
  v_rows   bigint := (SELECT count(*) FROM unnest(rehearse.area_nos, rehearse.keys) q(area_no, key)
                      JOIN tram.observation o ON o.area_no = q.area_no AND o.key BETWEEN q.key AND q.key + 16383);
BEGIN
  SELECT array_agg(t) INTO v_before FROM tram.rehearsed_totals(rehearse.keys) t;
  BEGIN
    INSERT INTO tram.observation (key, report_no, known_at, area_no, line, rank_out_of, outcome, qualifier, missing_reason,
                                  flags, obs_status, value, numerator, denominator, weight)
    SELECT q.key + 16382, 0, '-infinity', q.area_no, 0, 0, 1, CASE q.stands WHEN 1 THEN q.qualifier ELSE 0 END,
           CASE q.stands WHEN 1 THEN q.missing_reason ELSE 0 END, CASE q.stands WHEN 1 THEN q.flags ELSE 1 END,
           (CASE q.stands WHEN 1 THEN q.obs_status ELSE 'A' END)::"char", q.value::numeric, q.numerator::numeric,
           q.denominator::numeric, q.weight::numeric
    FROM unnest(rehearse.area_nos, rehearse.keys, rehearse.stands, rehearse.vals, rehearse.numerators, rehearse.denominators,
                rehearse.weights, rehearse.qualifiers, rehearse.missing_reasons, rehearse.flags, rehearse.obs_statuses)
         q(area_no, key, stands, value, numerator, denominator, weight, qualifier, missing_reason, flags, obs_status);
    INSERT INTO tram.observation (key, report_no, known_at, area_no, line, rank_out_of, outcome, qualifier, missing_reason,
                                  flags, obs_status)
    SELECT q.key + 16383, 0, '-infinity', q.area_no, 0, 0, 3, 0, 0, 0, 'A'
    FROM unnest(rehearse.area_nos, rehearse.keys, rehearse.held) q(area_no, key, held) WHERE q.held = 1;
    SELECT array_agg(t) INTO v_after FROM tram.rehearsed_totals(rehearse.keys) t;
    RAISE EXCEPTION 'rehearsed' USING ERRCODE = 'TR001';
  EXCEPTION WHEN SQLSTATE 'TR001' THEN
    NULL;
  END;
  IF v_rows <> (SELECT count(*) FROM unnest(rehearse.area_nos, rehearse.keys) q(area_no, key)
                JOIN tram.observation o ON o.area_no = q.area_no AND o.key BETWEEN q.key AND q.key + 16383) THEN
    RAISE EXCEPTION 'a rehearsal left figures behind' USING ERRCODE = 'internal_error';
  END IF;
  RETURN QUERY
  SELECT b.figure_no, b.indicator, i.name_vi, i.name_en, tram.period_text(b.period), b.value, b.numerator, b.denominator,
         coalesce(b.areas_reporting, 0), coalesce(b.held, 0), b.agreement, a.value, a.numerator, a.denominator,
         coalesce(a.areas_reporting, 0), coalesce(a.held, 0), a.agreement
  FROM unnest(v_before) b
  JOIN unnest(v_after) a ON a.indicator = b.indicator AND a.period = b.period
                        AND a.figure_no IS NOT DISTINCT FROM b.figure_no
  JOIN tram.indicator i ON i.indicator = b.indicator
  WHERE (a.value, a.numerator, a.denominator, a.areas_reporting, a.held, a.agreement)
        IS DISTINCT FROM (b.value, b.numerator, b.denominator, b.areas_reporting, b.held, b.agreement)
  ORDER BY b.indicator, b.period, b.figure_no NULLS FIRST;
END $$;

REVOKE EXECUTE ON FUNCTION tram.rehearsed_totals(bigint[]),
  tram.rehearse(integer[], bigint[], integer[], integer[], text[], text[], text[], text[], integer[], integer[], integer[], text[])
  FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
  tram.rehearse(integer[], bigint[], integer[], integer[], text[], text[], text[], text[], integer[], integer[], integer[], text[])
  TO tram_admin;
