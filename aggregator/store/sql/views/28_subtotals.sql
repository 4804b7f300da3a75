-- SPDX-License-Identifier: Apache-2.0
-- What the communes of a province add up to: made by whoever changes a figure, in the same transaction, and made anew from
-- history when the catalogue changes what is added up. tram verify holds it against history.

-- The provinces to which figures of communes belong: those of the days at which the periods end.
CREATE FUNCTION tram.commune_of(area_nos integer[], first_keys bigint[])
RETURNS TABLE (area_no integer, first_key bigint, province_no integer, population numeric)
LANGUAGE sql STABLE AS $$
  WITH period AS MATERIALIZED (
    SELECT p.period, tram.period_end(p.period::integer) AS day
    FROM (SELECT DISTINCT k >> 14 & 1073741823 AS period FROM unnest(commune_of.first_keys) k) p
  ), commune AS MATERIALIZED ( -- each looked up once, however many figures it has
    SELECT c.* FROM (SELECT DISTINCT a FROM unnest(commune_of.area_nos) a) a
    CROSS JOIN LATERAL (SELECT c.* FROM tram.commune c WHERE c.area_no = a.a OFFSET 0) c
  )
  SELECT t.area_no, t.first_key, c.province_no, c.population
  FROM unnest(commune_of.area_nos, commune_of.first_keys) t(area_no, first_key)
  JOIN period p ON p.period = t.first_key >> 14 & 1073741823
  JOIN commune c ON c.area_no = t.area_no AND p.day BETWEEN c.valid_from AND c.valid_to
$$;

-- What figures of communes add up to, by province, as tram.subtotal has it and as it was known at a moment. Figures of which nothing is stored, of areas
-- that are no communes at the period's end, and of series that are not added up are not among them. first: only their first
-- revisions are there, so that nothing else of them is looked for.
CREATE FUNCTION tram.commune_sums(area_nos integer[], first_keys bigint[], first boolean, as_of timestamptz)
RETURNS SETOF tram.subtotal
LANGUAGE sql STABLE AS $$
  WITH standing AS (
    SELECT c.first_key, c.province_no, c.population, s.method, f.value, f.numerator, f.denominator, f.missing_reason, f.flags,
           f.obs_status, f.qualifier, f.held, coalesce(f.outcome IN (1, 2) AND f.flags & 1 = 0, false) AS stands,
           CASE WHEN s.weight_series IS NULL THEN f.weight ELSE w.value END AS weight
    FROM tram.commune_of(commune_sums.area_nos, commune_sums.first_keys) c
    JOIN tram.commune_series s ON s.series_no = c.first_key >> 44
    CROSS JOIN LATERAL tram.figure_at(c.area_no, c.first_key, commune_sums.as_of) f
    LEFT JOIN LATERAL (
      SELECT w.value
      FROM tram.figure_at(c.area_no, s.weight_series::bigint << 44 | (c.first_key & 17592186044415), commune_sums.as_of) w
      WHERE w.outcome IN (1, 2) AND w.flags & 1 = 0) w ON s.weight_series IS NOT NULL
    WHERE NOT commune_sums.first
    UNION ALL
    SELECT c.first_key, c.province_no, c.population, s.method, o.value, o.numerator, o.denominator, o.missing_reason, o.flags,
           o.obs_status, o.qualifier, o.outcome = 3, o.outcome IN (1, 2) AND o.flags & 1 = 0, o.weight
    FROM tram.commune_of(commune_sums.area_nos, commune_sums.first_keys) c
    JOIN tram.commune_series s ON s.series_no = c.first_key >> 44
    CROSS JOIN LATERAL (
      SELECT o.* FROM tram.observation o WHERE o.area_no = c.area_no AND o.key = c.first_key LIMIT 1) o
    WHERE commune_sums.first
  ), alike AS ( -- few kinds of figures, so that each figure is counted once
    SELECT first_key, province_no, counts, nothing, held, flags & 2 <> 0 AS demonstration, obs_status, qualifier,
           count(*)::integer AS n, sum(population) AS population,
           sum(CASE method WHEN 'sum' THEN value END) AS value,
           sum(CASE method WHEN 'weighted_mean' THEN value * weight WHEN 'ratio_of_sums' THEN numerator END) AS numerator,
           sum(CASE method WHEN 'weighted_mean' THEN weight WHEN 'ratio_of_sums' THEN denominator END) AS denominator
    FROM (SELECT *, stands AND missing_reason = 1 AS nothing,
                 stands AND missing_reason = 0 AND tram.has_parts(method, value, numerator, denominator, weight) AS counts
          FROM standing) told
    GROUP BY 1, 2, 3, 4, 5, 6, 7, 8
  )
  SELECT first_key, province_no,
         coalesce(sum(n) FILTER (WHERE counts), 0)::integer, coalesce(sum(n) FILTER (WHERE nothing), 0)::integer,
         coalesce(sum(n) FILTER (WHERE held), 0)::integer,
         coalesce(sum(n) FILTER (WHERE counts AND demonstration), 0)::integer,
         coalesce(sum(value) FILTER (WHERE counts), 0), coalesce(sum(numerator) FILTER (WHERE counts), 0),
         coalesce(sum(denominator) FILTER (WHERE counts), 0), coalesce(sum(population) FILTER (WHERE counts OR nothing), 0),
         ARRAY(SELECT coalesce(sum(k.n), 0)::integer FROM unnest(array_agg(n) FILTER (WHERE counts),
                      array_agg(obs_status) FILTER (WHERE counts)) k(n, obs_status)
               RIGHT JOIN tram.obs_status st ON st.obs_status = k.obs_status GROUP BY st.weakness ORDER BY st.weakness),
         ARRAY(SELECT coalesce(sum(k.n), 0)::integer FROM unnest(array_agg(n) FILTER (WHERE counts),
                      array_agg(qualifier) FILTER (WHERE counts)) k(n, qualifier)
               RIGHT JOIN tram.qualifier q ON q.qualifier = k.qualifier GROUP BY q.qualifier ORDER BY q.qualifier)
  FROM alike
  GROUP BY first_key, province_no
$$;

-- The figures of communes that change when these rows of tram.observation are written or decided on: those that they are of,
-- and the means that they weigh. stored: only those of which something may have been stored before.
CREATE FUNCTION tram.commune_touched(area_nos integer[], keys bigint[], stored boolean)
RETURNS TABLE (area_no integer, first_key bigint)
LANGUAGE sql STABLE AS $$
  SELECT t.area_no, t.key >> 14 << 14
  FROM unnest(commune_touched.area_nos, commune_touched.keys) t(area_no, key)
  JOIN tram.commune_series s ON s.series_no = t.key >> 44
  WHERE NOT commune_touched.stored OR t.key & 16383 > 0 OR s.weight_series IS NOT NULL
  UNION
  SELECT t.area_no, s.series_no::bigint << 44 | (t.key >> 14 << 14 & 17592186044415)
  FROM unnest(commune_touched.area_nos, commune_touched.keys) t(area_no, key)
  JOIN tram.commune_series s ON s.weight_series = t.key >> 44
$$;

-- May anything of these figures have been stored before, or does one weigh another?
CREATE FUNCTION tram.may_be_stored(keys bigint[]) RETURNS boolean
LANGUAGE sql STABLE AS $$
  SELECT EXISTS (SELECT FROM unnest(may_be_stored.keys) k WHERE k & 16383 > 0) OR
         EXISTS (SELECT FROM (SELECT DISTINCT k >> 44 AS series_no FROM unnest(may_be_stored.keys) k) t
                 JOIN tram.commune_series s ON s.weight_series IS NOT NULL AND t.series_no IN (s.series_no, s.weight_series))
$$;

-- Adds to the subtotals what figures come to (times: 1), or takes it out (-1). Rows are locked in the order of their keys by
-- whoever comes here, so that no two wait for each other.
CREATE FUNCTION tram.subtotal_add(area_nos integer[], first_keys bigint[], times integer, first boolean) RETURNS void
LANGUAGE plpgsql AS $$ -- whose plans are kept from call to call
BEGIN
  INSERT INTO tram.subtotal AS t
  SELECT s.first_key, s.area_no, times * s.reporting, times * s.not_applicable, times * s.held, times * s.demonstration,
         times * s.value, times * s.numerator, times * s.denominator, times * s.population,
         ARRAY[times * s.statuses[1], times * s.statuses[2], times * s.statuses[3], times * s.statuses[4],
               times * s.statuses[5], times * s.statuses[6], times * s.statuses[7]],
         ARRAY[times * s.qualifiers[1], times * s.qualifiers[2], times * s.qualifiers[3], times * s.qualifiers[4],
               times * s.qualifiers[5], times * s.qualifiers[6], times * s.qualifiers[7]]
  FROM tram.commune_sums(subtotal_add.area_nos, subtotal_add.first_keys, subtotal_add.first, 'infinity') s
  ORDER BY s.first_key, s.area_no
  ON CONFLICT (first_key, area_no) DO UPDATE SET
    reporting = t.reporting + excluded.reporting,
    not_applicable = t.not_applicable + excluded.not_applicable,
    held = t.held + excluded.held,
    demonstration = t.demonstration + excluded.demonstration,
    value = t.value + excluded.value,
    numerator = t.numerator + excluded.numerator,
    denominator = t.denominator + excluded.denominator,
    population = t.population + excluded.population,
    statuses = ARRAY[t.statuses[1] + excluded.statuses[1], t.statuses[2] + excluded.statuses[2],
                     t.statuses[3] + excluded.statuses[3], t.statuses[4] + excluded.statuses[4],
                     t.statuses[5] + excluded.statuses[5], t.statuses[6] + excluded.statuses[6],
                     t.statuses[7] + excluded.statuses[7]],
    qualifiers = ARRAY[t.qualifiers[1] + excluded.qualifiers[1], t.qualifiers[2] + excluded.qualifiers[2],
                       t.qualifiers[3] + excluded.qualifiers[3], t.qualifiers[4] + excluded.qualifiers[4],
                       t.qualifiers[5] + excluded.qualifiers[5], t.qualifiers[6] + excluded.qualifiers[6],
                       t.qualifiers[7] + excluded.qualifiers[7]];
END $$;

-- Locks the subtotals that rows of tram.observation are part of, in the order of their keys; those that are missing are made.
CREATE FUNCTION tram.subtotals_lock(area_nos integer[], first_keys bigint[]) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO tram.subtotal AS t (first_key, area_no)
  SELECT DISTINCT c.first_key, c.province_no
  FROM tram.commune_of(subtotals_lock.area_nos, subtotals_lock.first_keys) c
  ORDER BY c.first_key, c.province_no
  ON CONFLICT (first_key, area_no) DO UPDATE SET held = t.held WHERE false; -- locks, and changes nothing
END $$;

-- Before rows of tram.observation (area_no and key of each) are written, or decided on (decided): what their figures come to
-- is taken out of the subtotals, which stay locked. Where no figure had anything stored there is nothing to take out and
-- nothing to lock: what is then put in does not depend on anybody else.
CREATE FUNCTION tram.subtotals_take_out(area_nos integer[], keys bigint[], decided boolean) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off SET enable_nestloop = off SET enable_sort = off SET jit = off AS $$
DECLARE
  v_areas integer[];
  v_keys  bigint[];
BEGIN
  IF NOT subtotals_take_out.decided AND NOT tram.may_be_stored(subtotals_take_out.keys) THEN
    RETURN;
  END IF;
  SELECT array_agg(t.area_no), array_agg(t.first_key) INTO v_areas, v_keys
  FROM tram.commune_touched(subtotals_take_out.area_nos, subtotals_take_out.keys, NOT subtotals_take_out.decided) t;
  IF v_areas IS NOT NULL THEN
    PERFORM tram.subtotals_lock(array_agg(t.area_no), array_agg(t.first_key))
    FROM tram.commune_touched(subtotals_take_out.area_nos, subtotals_take_out.keys, false) t;
    PERFORM tram.subtotal_add(v_areas, v_keys, -1, false);
  END IF;
END $$;

-- After they were written or decided on: what their figures come to now. (Thousands of figures of few communes are joined and
-- grouped by hash; who plans for arrays of unknown size takes them to be few.)
-- Of figures that are new only what was just written is read.
CREATE FUNCTION tram.subtotals_put_in(area_nos integer[], keys bigint[], decided boolean) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off SET enable_nestloop = off SET enable_sort = off SET jit = off AS $$
DECLARE
  v_areas integer[];
  v_keys  bigint[];
BEGIN
  IF subtotals_put_in.decided OR tram.may_be_stored(subtotals_put_in.keys) THEN
    SELECT array_agg(t.area_no), array_agg(t.first_key) INTO v_areas, v_keys
    FROM tram.commune_touched(subtotals_put_in.area_nos, subtotals_put_in.keys, NOT subtotals_put_in.decided) t;
  END IF;
  IF v_areas IS NULL THEN
    PERFORM tram.subtotal_add(subtotals_put_in.area_nos, subtotals_put_in.keys, 1, true);
    RETURN;
  END IF;
  PERFORM tram.subtotal_add(v_areas, v_keys, 1, false);
  IF NOT subtotals_put_in.decided THEN
    PERFORM tram.subtotal_add(array_agg(t.area_no), array_agg(t.key), 1, true)
    FROM unnest(subtotals_put_in.area_nos, subtotals_put_in.keys) t(area_no, key)
    WHERE t.key & 16383 = 0
      AND (t.area_no, t.key) NOT IN (SELECT old.area_no, old.first_key FROM unnest(v_areas, v_keys) old(area_no, first_key));
  END IF;
END $$;

-- ------------------------------------------------------------------ from history

-- All figures that the communes of a province have stored of some series.
CREATE FUNCTION tram.commune_stored(province_no integer, series_nos integer[], OUT area_nos integer[], OUT first_keys bigint[])
LANGUAGE sql STABLE AS $$
  SELECT array_agg(f.area_no), array_agg(f.first_key) FROM (
    SELECT DISTINCT o.area_no, o.key >> 14 << 14 AS first_key
    FROM (SELECT DISTINCT c.area_no FROM tram.commune c WHERE c.province_no = commune_stored.province_no) c
    CROSS JOIN unnest(commune_stored.series_nos) s
    JOIN tram.observation o ON o.area_no = c.area_no AND o.key BETWEEN s::bigint << 44 AND (s + 1::bigint << 44) - 1
    WHERE EXISTS (SELECT FROM tram.observation any_of WHERE any_of.area_no = c.area_no)) f
$$;

CREATE FUNCTION tram.subtotals_recount(province_no integer, series_nos integer[]) RETURNS void
LANGUAGE sql AS $$
  DELETE FROM tram.subtotal t USING unnest(subtotals_recount.series_nos) s
  WHERE t.first_key BETWEEN s::bigint << 44 AND (s + 1::bigint << 44) - 1 AND t.area_no = subtotals_recount.province_no;
  SELECT tram.subtotal_add(f.area_nos, f.first_keys, 1, false)
  FROM tram.commune_stored(subtotals_recount.province_no, subtotals_recount.series_nos) f;
$$;

CREATE VIEW tram.commune_now AS
SELECT a.area_no, a.valid_from, coalesce(a.valid_to, 'infinity') AS valid_to, p.area_no AS province_no, a.population
FROM tram.area a JOIN tram.area_number p ON p.area = a.parent WHERE a.level = 'commune';

CREATE VIEW tram.commune_series_now AS
SELECT s.series_no, i.over_area AS method, w.series_no AS weight_series
FROM tram.indicator i
JOIN tram.dataflow d ON d.dataflow = i.dataflow AND d.provided_by = 'province' AND d.area_level = 'commune'
JOIN tram.series s ON s.indicator = i.indicator AND s.dimensions = ''
LEFT JOIN tram.series w ON i.over_area = 'weighted_mean' AND w.indicator = i.mean_weight AND w.dimensions = ''
WHERE i.over_area IN ('sum', 'ratio_of_sums', 'weighted_mean');

-- The days on which a province's communes change cut its time into spans.
CREATE VIEW tram.commune_count_now AS
WITH cut AS (
  SELECT c.province_no, c.valid_from AS day FROM tram.commune c
  UNION SELECT c.province_no, c.valid_to + 1 FROM tram.commune c WHERE c.valid_to < 'infinity'
), span AS (
  SELECT province_no, day AS valid_from,
         coalesce(lead(day) OVER (PARTITION BY province_no ORDER BY day) - 1, 'infinity') AS valid_to
  FROM cut
)
SELECT s.province_no, s.valid_from, s.valid_to, count(*)::integer AS communes,
       CASE WHEN bool_and(c.population IS NOT NULL) THEN sum(c.population) END AS population -- one that is not known: nobody's
FROM span s JOIN tram.commune c ON c.province_no = s.province_no AND c.valid_from <= s.valid_from AND s.valid_from <= c.valid_to
GROUP BY s.province_no, s.valid_from, s.valid_to;

-- After a catalogue was loaded: where it has other communes than before, or adds up otherwise, the subtotals are made anew.
-- Whoever writes figures of communes meanwhile waits, and then adds by the new catalogue.
CREATE FUNCTION tram.communes_loaded() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET jit = off AS $$
DECLARE
  v_provinces integer[] := ARRAY(
    SELECT province_no FROM (TABLE tram.commune EXCEPT TABLE tram.commune_now) gone
    UNION SELECT province_no FROM (TABLE tram.commune_now EXCEPT TABLE tram.commune) come);
  v_changed integer[] := ARRAY(
    SELECT series_no FROM (TABLE tram.commune_series EXCEPT TABLE tram.commune_series_now) gone
    UNION SELECT series_no FROM (TABLE tram.commune_series_now EXCEPT TABLE tram.commune_series) come);
  v_series integer[] := ARRAY(SELECT series_no FROM tram.commune_series UNION SELECT series_no FROM tram.commune_series_now);
BEGIN
  IF v_provinces = '{}' AND v_changed = '{}' THEN
    RETURN;
  END IF;
  LOCK TABLE tram.subtotal IN EXCLUSIVE MODE;
  DELETE FROM tram.commune;
  INSERT INTO tram.commune TABLE tram.commune_now;
  DELETE FROM tram.commune_series;
  INSERT INTO tram.commune_series TABLE tram.commune_series_now;
  DELETE FROM tram.commune_count;
  INSERT INTO tram.commune_count TABLE tram.commune_count_now;
  PERFORM tram.subtotals_recount(p.province_no, CASE WHEN p.province_no = ANY (v_provinces) THEN v_series ELSE v_changed END)
  FROM (SELECT unnest(v_provinces) AS province_no UNION SELECT province_no FROM tram.commune) p;
END $$;

-- All of them from history, for the owner of the schema, when somebody changed them.
CREATE FUNCTION tram.subtotals_anew() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET jit = off AS $$
BEGIN
  LOCK TABLE tram.subtotal IN EXCLUSIVE MODE;
  DELETE FROM tram.subtotal;
  PERFORM tram.subtotals_recount(p.province_no, ARRAY(SELECT s.series_no FROM tram.commune_series s))
  FROM (SELECT DISTINCT c.province_no FROM tram.commune c) p;
END $$;

COMMENT ON FUNCTION tram.subtotals_anew() IS
  'Counts anew from history what the communes of each province add up to; for the owner of the schema, when tram verify says so';

-- Subtotals of a province that are not what history adds up to, for tram verify; in one statement, so that both are of one
-- moment.
CREATE FUNCTION tram.subtotal_faults(province_no integer)
RETURNS TABLE (indicator text, time_period text, stored text, counted text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET jit = off AS $$
  WITH there AS (
    SELECT t.* FROM tram.subtotal t WHERE t.area_no = subtotal_faults.province_no
  ), from_history AS (
    SELECT f.* FROM tram.commune_stored(subtotal_faults.province_no, ARRAY(SELECT series_no FROM tram.commune_series)) s
    CROSS JOIN LATERAL tram.commune_sums(s.area_nos, s.first_keys, false, 'infinity') f
  ), nothing AS (
    SELECT '{"reporting":0,"not_applicable":0,"held":0,"demonstration":0,"value":0,"numerator":0,"denominator":0,"population":0,
             "statuses":[0,0,0,0,0,0,0],"qualifiers":[0,0,0,0,0,0,0]}'::jsonb AS row
  ), beside AS (
    SELECT coalesce(t.first_key, c.first_key) AS first_key, -- numbers in jsonb are equal whatever their scale
           coalesce(to_jsonb(t) - 'first_key' - 'area_no', n.row) AS there,
           coalesce(to_jsonb(c) - 'first_key' - 'area_no', n.row) AS counted
    FROM there t FULL JOIN from_history c ON c.first_key = t.first_key CROSS JOIN nothing n
  )
  SELECT s.indicator, tram.period_text((b.first_key >> 14 & 1073741823)::integer),
         (SELECT string_agg(t.key || ' ' || t.value, ', ' ORDER BY t.key) FROM jsonb_each(b.there) t
          WHERE t.value <> b.counted -> t.key),
         (SELECT string_agg(c.key || ' ' || c.value, ', ' ORDER BY c.key) FROM jsonb_each(b.counted) c
          WHERE c.value <> b.there -> c.key)
  FROM beside b LEFT JOIN tram.series s ON s.series_no = b.first_key >> 44
  WHERE b.there <> b.counted
$$;

REVOKE EXECUTE ON FUNCTION tram.subtotals_take_out(integer[], bigint[], boolean), tram.subtotals_put_in(integer[], bigint[], boolean),
                           tram.communes_loaded(), tram.subtotals_anew() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION tram.subtotals_take_out(integer[], bigint[], boolean), tram.subtotals_put_in(integer[], bigint[], boolean)
  TO tram_writer, tram_operator;
GRANT EXECUTE ON FUNCTION tram.communes_loaded() TO tram_admin;
