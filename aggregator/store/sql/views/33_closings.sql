-- SPDX-License-Identifier: Apache-2.0
-- Closing a dataflow's period ("chốt số liệu"), and what is shown of one that is closed.

CREATE FUNCTION tram.closing_figure_digest(f tram.closing_figure) RETURNS bytea
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
RETURN sha256(convert_to(jsonb_build_array((f).indicator, (f).period, (f).level, (f).boundary, (f).area, (f).figure)::text, 'UTF8'));

-- Of all that a closing states, of its figures' digests as they are stored, and of the closing before it: none can be changed,
-- taken out or put in between without the later digests, which were announced, being others.
CREATE FUNCTION tram.closing_digest(c tram.closing, before bytea) RETURNS bytea
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
RETURN sha256(convert_to(jsonb_build_array('tram.closing', (c).closing_no, (c).dataflow, (c).period, (c).vintage,
         (extract(epoch FROM (c).closed_at) * 1000000)::bigint, (c).closed_by, (c).closed_as, (c).reason, (c).provisional,
         (c).figures, encode(before, 'hex'),
         (SELECT encode(sha256(coalesce(string_agg(f.digest, '' ORDER BY f.digest), '')), 'hex')
          FROM tram.closing_figure f WHERE f.closing_no = (c).closing_no))::text, 'UTF8'));

-- The vintages in whose units figures of a period can be shown: the one in force at its end is first.
CREATE FUNCTION tram.boundaries_of(period integer) RETURNS SETOF text
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  WITH in_force AS (SELECT coalesce(tram.vintage_on(tram.period_end(boundaries_of.period)), '') AS vintage)
  SELECT vintage FROM in_force
  UNION ALL
  (SELECT DISTINCT t.vintage
   FROM in_force f
   JOIN tram.area p ON p.vintage = f.vintage
   JOIN tram.area_succession s ON s.predecessor = p.area
   JOIN tram.area t ON t.area = s.successor
   WHERE t.vintage <> f.vintage ORDER BY t.vintage)
$$;

-- Every figure of a dataflow's period as known at a moment. Of an indicator for which nothing came, only that: nothing. What a
-- method refuses to show in other units than those in force, or of parts of the nation, there is none of.
CREATE FUNCTION tram.figures_to_freeze(dataflow text, period integer, as_of timestamptz)
RETURNS TABLE (indicator text, level text, boundary text, area text, figure jsonb)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  v_boundaries text[] := ARRAY(SELECT tram.boundaries_of(figures_to_freeze.period));
  v_nation     tram.rollup_row;
  v_q          record;
BEGIN
  FOR v_q IN
    SELECT i.indicator, l.level, b.boundary, l.place = 1 AND b.place = 1 AS is_first
    FROM tram.indicator i
    CROSS JOIN unnest(ARRAY['nation', 'region', 'province']) WITH ORDINALITY l(level, place)
    CROSS JOIN unnest(v_boundaries) WITH ORDINALITY b(boundary, place)
    WHERE i.dataflow = figures_to_freeze.dataflow ORDER BY i.indicator, l.place, b.place
  LOOP
    IF v_q.is_first THEN
      SELECT f.* INTO v_nation FROM tram.rollup_at(v_q.indicator, figures_to_freeze.period, 'nation', v_q.boundary,
                                                   figures_to_freeze.as_of) f;
    END IF;
    CONTINUE WHEN NOT v_q.is_first AND v_nation.areas_reporting = 0 AND v_nation.held = 0;
    BEGIN
      RETURN QUERY
      SELECT v_q.indicator, v_q.level, v_q.boundary, f.area, to_jsonb(f) - ARRAY['vintage', 'known_at', 'moved']
      FROM tram.rollup_at(v_q.indicator, figures_to_freeze.period, v_q.level, v_q.boundary, figures_to_freeze.as_of) f;
    EXCEPTION WHEN feature_not_supported OR invalid_parameter_value THEN
      IF v_q.is_first THEN
        RAISE;
      END IF;
    END;
  END LOOP;
END $$;

-- The dataflow and the packed period that are meant, or an error that says what is wrong with them.
CREATE FUNCTION tram.period_to_close(dataflow text, period text) RETURNS integer
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM tram.check_dataflow(period_to_close.dataflow);
  RETURN tram.period_asked(period_to_close.period);
END $$;

-- The figures for which the period is not finished: provinces are missing, or what they stated is held. One of which nothing
-- was reported counts when it was mandatory for this period.
CREATE FUNCTION tram.unfinished(dataflow text, period text, as_of timestamptz DEFAULT NULL)
RETURNS TABLE (indicator text, areas_reporting integer, areas_expected integer, missing text[], held text[])
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  v_period integer := tram.period_to_close(unfinished.dataflow, unfinished.period);
  v_as_of  timestamptz := coalesce(unfinished.as_of, 'infinity');
BEGIN
  RETURN QUERY
  SELECT i.indicator, r.areas_reporting, r.areas_expected, r.missing,
         ARRAY(SELECT DISTINCT c.area FROM tram.contributions(i.indicator, v_period, 'nation', NULL, v_as_of) c
               WHERE r.held > 0 AND c.state = 'held' ORDER BY c.area)
  FROM tram.indicator i
  CROSS JOIN LATERAL tram.rollup_at(i.indicator, v_period, 'nation', NULL, v_as_of) r
  WHERE i.dataflow = unfinished.dataflow AND (r.finality <> 'final' OR r.held > 0)
    AND (r.areas_reporting > 0 OR r.held > 0 OR i.mandatory AND i.derives_from = ''
         AND i.valid_from <= tram.period_end(v_period) AND coalesce(i.valid_to, 'infinity') >= tram.period_end(v_period)
         AND EXISTS (SELECT FROM tram.frequency f WHERE f.kind = v_period >> 27
                     AND f.frequency::text = ANY (string_to_array(i.frequencies, '|'))))
  ORDER BY i.indicator;
END $$;
COMMENT ON FUNCTION tram.unfinished(text, text, timestamptz) IS
  'The indicators for which a dataflow''s period cannot be closed as final, with the areas that are missing or held';

-- The periods on which a report states figures of a dataflow's period: itself, and the shorter ones that the catalogue makes it of.
CREATE FUNCTION tram.periods_within(dataflow text, period integer) RETURNS TABLE (first integer, last integer)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT periods_within.period, periods_within.period
  UNION ALL
  SELECT tram.period_of(k.kind, tram.period_start(periods_within.period)), tram.period_of(k.kind, tram.period_end(periods_within.period))
  FROM (SELECT DISTINCT unnest(tram.part_kinds(i, periods_within.period)) AS kind
        FROM tram.indicator i WHERE i.dataflow = periods_within.dataflow) k
$$;

-- The reports that state something of a closing's period, are not in it, and were judged without knowing it.
CREATE FUNCTION tram.untold_reports(closing_no bigint) RETURNS bigint
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off AS $$
  SELECT count(*)
  FROM tram.closing c
  CROSS JOIN LATERAL tram.periods_within(c.dataflow, c.period) p
  JOIN tram.report r ON r.dataflow = c.dataflow AND r.period BETWEEN p.first AND p.last
    AND r.known_at > c.closed_at AND r.repeats IS NULL
  JOIN tram.verdict v ON v.agent_no = r.agent_no AND v.report_no = r.report_no AND v.cause = 'received'
    AND v.closing_no < c.closing_no
  WHERE c.closing_no = untold_reports.closing_no
    AND EXISTS (SELECT FROM generate_series(0, length(v.outcomes) - 1) b(place) WHERE get_byte(v.outcomes, b.place) IN (1, 2, 3))
$$;
COMMENT ON FUNCTION tram.untold_reports(bigint) IS
  'How many reports on a closing''s period were committed while it was made: they go to the next vintage and were not told';

-- Freezes what is known now as the period's next vintage.
CREATE FUNCTION tram.freeze_period(dataflow text, period integer, closed_by text, reason text, provisional boolean)
RETURNS tram.closing
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  v_text   text := tram.period_text(freeze_period.period);
  v_names  text;
  v_newest tram.closing;
  v_before bytea;
  v_c      tram.closing;
BEGIN
  v_c.closed_at := tram.settled_moment();
  SELECT string_agg(format('%s (%s/%s)', u.indicator, u.areas_reporting, u.areas_expected), ', ') INTO v_names
  FROM tram.unfinished(freeze_period.dataflow, v_text, v_c.closed_at) u;
  IF v_names IS NOT NULL AND NOT coalesce(freeze_period.provisional, false) THEN
    RAISE EXCEPTION 'figures are not final: %', v_names USING ERRCODE = 'TR011',
      HINT = 'SELECT * FROM tram.unfinished(...) names the areas; close the period as provisional to freeze them all the same';
  END IF;
  SELECT c.* INTO v_newest FROM tram.closing c
  WHERE c.dataflow = freeze_period.dataflow AND c.period = freeze_period.period ORDER BY c.vintage DESC LIMIT 1;
  SELECT c.closing_no, c.digest INTO v_c.closing_no, v_before FROM tram.closing c ORDER BY c.closing_no DESC LIMIT 1;
  v_c.closing_no := coalesce(v_c.closing_no, 0) + 1;
  v_c.dataflow := freeze_period.dataflow;
  v_c.period := freeze_period.period;
  v_c.vintage := coalesce(v_newest.vintage, 0) + 1;
  v_c.closed_by := freeze_period.closed_by;
  v_c.closed_as := session_user;
  v_c.reason := freeze_period.reason;
  v_c.provisional := v_names IS NOT NULL;
  v_c.figures := 0;
  v_c.digest := decode(repeat('00', 32), 'hex');
  INSERT INTO tram.closing SELECT v_c.*;
  INSERT INTO tram.closing_figure
  SELECT f.indicator, freeze_period.period, f.level, f.boundary, f.area, v_c.closing_no, f.figure,
         tram.closing_figure_digest((f.indicator, freeze_period.period, f.level, f.boundary, f.area, v_c.closing_no, f.figure, NULL)::tram.closing_figure)
  FROM tram.figures_to_freeze(freeze_period.dataflow, freeze_period.period, v_c.closed_at) f;
  GET DIAGNOSTICS v_c.figures = ROW_COUNT;
  IF NOT EXISTS (SELECT FROM tram.closing_figure f WHERE f.closing_no = v_c.closing_no AND f.figure->>'areas_reporting' <> '0') THEN
    RAISE EXCEPTION 'nothing was reported of % for %', freeze_period.dataflow, v_text USING ERRCODE = 'TR012';
  END IF;
  IF v_newest.provisional = v_c.provisional AND NOT EXISTS (
       SELECT f.digest FROM tram.closing_figure f WHERE f.closing_no = v_c.closing_no
       EXCEPT SELECT f.digest FROM tram.closing_figure f WHERE f.closing_no = v_newest.closing_no) THEN
    RAISE EXCEPTION 'nothing has changed since % % was closed as vintage %', freeze_period.dataflow, v_text,
      v_newest.vintage USING ERRCODE = 'TR013';
  END IF;
  v_c.digest := tram.closing_digest(v_c, v_before);
  UPDATE tram.closing c SET figures = v_c.figures, digest = v_c.digest WHERE c.closing_no = v_c.closing_no;
  RETURN v_c;
END $$;

-- Closings are made one after the other. Lanes write while figures are worked out, and wait only while a moment is settled and, at the
-- end, until the closing is there to be seen: who writes then, knows it. What is reported on the period in between is in no vintage
-- and could not be told, so the period is closed again, with it; a closing that is overtaken every time is made all the same, and
-- tram.untold_reports() counts by what.
CREATE FUNCTION tram.close_period(dataflow text, period text, closed_by text, reason text, provisional boolean DEFAULT false)
RETURNS SETOF tram.closing
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '10s' SET jit = off AS $$
#variable_conflict use_column
DECLARE
  c_tries  CONSTANT integer := 3;
  v_period integer := tram.period_to_close(close_period.dataflow, close_period.period);
  v_c      tram.closing;
  v_held   boolean;
BEGIN
  IF coalesce(btrim(close_period.closed_by), '') = '' OR coalesce(btrim(close_period.reason), '') = '' THEN
    RAISE EXCEPTION 'say who closes the period, and why' USING ERRCODE = 'invalid_parameter_value';
  END IF;
  IF tram.period_end(v_period) >= tram.local_day(clock_timestamp()) THEN
    RAISE EXCEPTION '% is not over', close_period.period USING ERRCODE = 'TR010';
  END IF;
  LOCK TABLE tram.closing IN SHARE ROW EXCLUSIVE MODE;
  IF EXISTS (SELECT FROM pg_locks l WHERE l.pid = pg_backend_pid() AND l.relation = 'tram.settling'::regclass
             AND l.mode = 'ExclusiveLock' AND l.granted) THEN
    RAISE EXCEPTION 'a period was closed in this transaction already: writers would wait while another one is worked out' USING
      ERRCODE = 'active_sql_transaction', HINT = 'COMMIT after each closing';
  END IF;
  FOR v_try IN 1 .. c_tries LOOP
    BEGIN
      v_c := tram.freeze_period(close_period.dataflow, v_period, close_period.closed_by, close_period.reason, close_period.provisional);
      v_held := tram.hold_writers();
      EXIT WHEN v_try = c_tries;
      IF NOT v_held OR tram.untold_reports(v_c.closing_no) > 0 THEN
        RAISE EXCEPTION 'overtaken' USING ERRCODE = 'TR003';
      END IF;
      EXIT;
    EXCEPTION WHEN SQLSTATE 'TR003' THEN
      NULL; -- and nobody is held
    END;
  END LOOP;
  PERFORM pg_notify('tram', 'closings ' || v_c.dataflow);
  RETURN NEXT v_c;
END $$;
COMMENT ON FUNCTION tram.close_period(text, text, text, text, boolean) IS
  'Closes a dataflow''s period as its next vintage: freezes what its figures are at a settled moment. One a transaction, which is to be '
  'committed at once: writers wait for it, so that after two idle seconds it is cut off';

-- One area's figure of a period that is closed: what was frozen, or nothing where nothing was, beside what is known now.
CREATE FUNCTION tram.frozen_row(frozen jsonb, known tram.rollup_row, vintage integer, closed_at timestamptz) RETURNS tram.rollup_row
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT jsonb_populate_record(f, jsonb_build_object('vintage', frozen_row.vintage, 'known_at', frozen_row.closed_at, 'moved',
           (f.value, f.numerator, f.denominator, f.qualifier) IS DISTINCT FROM
           ((known).value, (known).numerator, (known).denominator, coalesce((known).qualifier, ''))))
  FROM jsonb_populate_record(known, coalesce(frozen,
         '{"value": null, "numerator": null, "denominator": null, "areas_reporting": 0, "coverage_weight": 0, "held": 0,
           "finality": "provisional", "obs_status": "M", "qualifier": "", "demonstration": false, "parts_reporting": 0,
           "interval_low": null, "interval_high": null, "interval_basis": ""}')) f
$$;

-- What is shown of an indicator's period: of one that is closed, the figures of its newest vintage; else what is known.
-- Both as of a moment, at which a later closing had not been made.
CREATE FUNCTION tram.rollup_shown(indicator text, period integer, level text, boundary text, as_of timestamptz)
RETURNS SETOF tram.rollup_row
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  v_closing tram.closing;
BEGIN
  SELECT c.* INTO v_closing FROM tram.closing_figure f JOIN tram.closing c ON c.closing_no = f.closing_no
  WHERE f.indicator = rollup_shown.indicator AND f.period = rollup_shown.period AND f.level = 'nation'
    AND c.closed_at <= rollup_shown.as_of
  ORDER BY c.closing_no DESC LIMIT 1;
  IF NOT FOUND THEN
    RETURN QUERY SELECT * FROM tram.rollup_at(rollup_shown.indicator, rollup_shown.period, rollup_shown.level,
                                              rollup_shown.boundary, rollup_shown.as_of, 0);
    RETURN;
  END IF;
  RETURN QUERY
  SELECT shown.*
  FROM tram.rollup_at(rollup_shown.indicator, rollup_shown.period, rollup_shown.level, rollup_shown.boundary,
                      rollup_shown.as_of, 0) known
  FULL JOIN (SELECT f.area, f.figure FROM tram.closing_figure f
             WHERE f.indicator = rollup_shown.indicator AND f.period = rollup_shown.period AND f.level = rollup_shown.level
               AND f.boundary = rollup_shown.boundary AND f.closing_no = v_closing.closing_no) frozen
    ON frozen.area = known.area
  CROSS JOIN LATERAL tram.frozen_row(frozen.figure, known, v_closing.vintage, v_closing.closed_at) shown
  ORDER BY shown.area;
END $$;

-- The closings, as people call them.
CREATE VIEW tram.closed_period AS
SELECT c.closing_no, c.dataflow, tram.period_text(c.period) AS time_period, c.vintage, c.closed_at, c.closed_by, c.closed_as,
       c.reason, c.provisional, c.figures, encode(c.digest, 'hex') AS digest,
       c.vintage = max(c.vintage) OVER (PARTITION BY c.dataflow, c.period) AS is_newest
FROM tram.closing c;
COMMENT ON VIEW tram.closed_period IS
  'The periods that were closed, each vintage: who, when, why, and the digest of the figures that were frozen';

CREATE FUNCTION tram.frozen_told(figure jsonb) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
RETURN concat_ws(' ', coalesce(figure->>'value', '-'), nullif(concat_ws(' / ', figure->>'numerator', figure->>'denominator'), ''),
                 figure->>'qualifier', coalesce(figure->>'areas_reporting', '-') || '/' || (figure->>'areas_expected'),
                 figure->>'finality');

-- Where a closing is not what it was made as. kind:
--   digest   its own row, or the row of one of its figures, was changed, or figures were taken out or put in
--   order    closings or vintages are missing between
--   figure   history gives another figure for that moment: the one or the other was changed
--   remade   the same, but by another catalogue than it was made with: no fault of the store
CREATE FUNCTION tram.closing_faults(since timestamptz DEFAULT '-infinity')
RETURNS TABLE (kind text, dataflow text, time_period text, vintage integer, indicator text, level text, area text, found text,
               expected text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off AS $$
  WITH made AS MATERIALIZED (
    SELECT c AS own, c.closing_no, c.dataflow, c.period, c.vintage, c.closed_at, c.digest,
           lag(c.closing_no, 1, 0::bigint) OVER everything AS before, lag(c.digest) OVER everything AS digest_before,
           lag(c.vintage, 1, 0) OVER (PARTITION BY c.dataflow, c.period ORDER BY c.vintage) AS vintage_before
    FROM tram.closing c WINDOW everything AS (ORDER BY c.closing_no)
  ), fault AS (
    SELECT 1 AS place, 'order' AS kind, c.closing_no, '' AS indicator, '' AS level, '' AS area,
           format('%s, %s', c.closing_no, c.vintage) AS found, format('%s, %s', c.before + 1, c.vintage_before + 1) AS expected
    FROM made c WHERE (c.closing_no, c.vintage) <> (c.before + 1, c.vintage_before + 1)
    UNION ALL
    SELECT 2, 'digest', c.closing_no, f.indicator, f.level, f.area, encode(f.digest, 'hex'), encode(d.digest, 'hex')
    FROM made c JOIN tram.closing_figure f ON f.closing_no = c.closing_no
    CROSS JOIN LATERAL (SELECT tram.closing_figure_digest(f) AS digest) d
    WHERE f.digest <> d.digest OR f.period <> c.period
    UNION ALL
    SELECT 3, 'digest', c.closing_no, '', '', '', encode(c.digest, 'hex'), encode(d.digest, 'hex')
    FROM made c CROSS JOIN LATERAL (SELECT tram.closing_digest(c.own, c.digest_before) AS digest) d WHERE d.digest <> c.digest
    UNION ALL
    SELECT 4, CASE WHEN (coalesce(pair.frozen, pair.known)->>'catalogue_version')::integer = v.version THEN 'figure' ELSE 'remade' END,
           c.closing_no, q.indicator, q.level, pair.area, tram.frozen_told(pair.frozen), tram.frozen_told(pair.known)
    FROM made c
    CROSS JOIN (SELECT max(g.version) AS version FROM tram.catalogue g) v
    CROSS JOIN LATERAL (
      SELECT DISTINCT f.indicator, f.level, f.boundary FROM tram.closing_figure f JOIN tram.indicator i ON i.indicator = f.indicator
      WHERE f.closing_no = c.closing_no) q
    CROSS JOIN LATERAL (
      SELECT coalesce(f.area, k.area) AS area, f.figure AS frozen,
             to_jsonb(k) - ARRAY['vintage', 'known_at', 'moved'] AS known
      FROM (SELECT f.area, f.figure FROM tram.closing_figure f
            WHERE f.closing_no = c.closing_no AND f.indicator = q.indicator AND f.level = q.level AND f.boundary = q.boundary) f
      FULL JOIN tram.rollup_at(q.indicator, c.period, q.level, q.boundary, c.closed_at) k ON k.area = f.area) pair
    WHERE pair.frozen - 'catalogue_version' IS DISTINCT FROM pair.known - 'catalogue_version'
  )
  SELECT f.kind, c.dataflow, tram.period_text(c.period), c.vintage, f.indicator, f.level, f.area, coalesce(f.found, '-'),
         coalesce(f.expected, '-')
  FROM fault f JOIN made c ON c.closing_no = f.closing_no
  WHERE c.closed_at >= closing_faults.since
  ORDER BY f.closing_no, f.place, f.indicator, f.level, f.area
$$;
COMMENT ON FUNCTION tram.closing_faults(timestamptz) IS
  'Where closings are not what they were made as: changed rows, missing ones, and figures that history does not give';

REVOKE EXECUTE ON FUNCTION tram.unfinished(text, text, timestamptz),
                           tram.close_period(text, text, text, text, boolean),
                           tram.untold_reports(bigint),
                           tram.closing_faults(timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION tram.unfinished(text, text, timestamptz), tram.untold_reports(bigint) TO tram_reader, tram_admin, tram_operator;
GRANT EXECUTE ON FUNCTION tram.close_period(text, text, text, text, boolean) TO tram_operator;
GRANT EXECUTE ON FUNCTION tram.closing_faults(timestamptz) TO tram_auditor;
GRANT SELECT ON tram.closed_period TO tram_reader, tram_admin, tram_operator;
