-- SPDX-License-Identifier: Apache-2.0
-- What moved since a moment: of each roll-up, what it was before and after, and through which report or decision.

-- One moment at which a roll-up moved. What one statement did has its columns; of several, made_by has each, and the columns
-- have what they have in common.
CREATE TYPE tram.change AS (
  moment          timestamptz,
  indicator       text,
  time_period     text,
  area            text,      -- that the roll-up is of
  boundary        text,
  unit            text,
  value_before    numeric,   -- null: there was none
  value_after     numeric,
  difference      numeric,   -- after - before; null where there was none, or is none
  numerator_before   numeric,
  numerator_after    numeric,
  denominator_before numeric,
  denominator_after  numeric,
  finality_before text,
  finality_after  text,
  areas_reporting_before integer,
  areas_reporting_after  integer,
  areas_expected  integer,
  held_before     integer,
  held_after      integer,
  cause           text,      -- report, correction, withdrawal, hold, release, refusal; several; coverage: only what is weighed by
  statements      integer,   -- so many at this moment
  of_area         text,      -- whose figure it was
  of_indicator    text,
  of_time_period  text,
  agent           text,
  epoch           text,
  seq             bigint,
  revision        integer,
  reason          text,
  decided_by      text,
  made_by         jsonb      -- the first 100 of them
);

-- The same period of another kind (tram.frequency) that holds the first day of this one.
CREATE FUNCTION tram.period_around(kind integer, period integer) RETURNS integer
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN (kind << 27) | ((CASE kind
  WHEN 1 THEN date_trunc('year', tram.period_start(period))::date
  WHEN 2 THEN (date_trunc('year', tram.period_start(period)) +
               make_interval(months => 6 * ((extract(month FROM tram.period_start(period))::integer - 1) / 6)))::date
  WHEN 3 THEN date_trunc('quarter', tram.period_start(period))::date
  WHEN 4 THEN date_trunc('month', tram.period_start(period))::date
  WHEN 5 THEN date_trunc('week', tram.period_start(period))::date
END - DATE '1900-01-01') << 10);

-- What figures of an indicator are part of besides its own: those it weighs, those that derive from it (years later, in
-- growth). covers: it is only in how much is covered, which makes a figure final where not all of it must be (gate_percent), and
-- by the latest figures, whichever period these are of.
-- (With settings of its own it is asked as it stands, and not planned anew, as thousands of rows, wherever it is asked.)
CREATE FUNCTION tram.leads_to() RETURNS TABLE (indicator text, made text, years integer, covers boolean)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp ROWS 20 AS $$
  SELECT i.mean_weight, i.indicator, 0, false FROM tram.indicator i WHERE i.mean_weight NOT IN ('', 'observation')
  UNION
  SELECT CASE WHEN i.coverage_weight IN ('own', 'observation') THEN i.indicator ELSE i.coverage_weight END, i.indicator, 0, true
  FROM tram.indicator i
  WHERE i.coverage_weight NOT IN ('', 'population')
    AND coalesce(i.gate_percent, tram.parameter_or('DU-07.gate_percent', 100)) < 100
  UNION
  SELECT p.part, i.indicator, 0, false FROM tram.indicator i CROSS JOIN LATERAL string_to_table(i.derives_from, ' / ') p(part)
  WHERE i.derives_from <> ''
  UNION
  SELECT i.derives_from, i.indicator, 1, false FROM tram.indicator i WHERE i.derives_from <> '' AND i.derives_from NOT LIKE '% / %'
$$;

-- The longer periods that one is within, as tram.finer_kinds() has it.
CREATE FUNCTION tram.periods_around(period integer) RETURNS SETOF integer
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE ROWS 3 AS $$
  SELECT tram.period_around(k, periods_around.period) FROM generate_series(1, 5) k
  WHERE k < periods_around.period >> 27 AND periods_around.period >> 27 IN (2, 3, 4, 6)
$$;

-- The roll-ups that figures (keys without revision) are part of: their own, those of longer periods, and what is made of these.
-- covers: only in how much of it is covered.
CREATE FUNCTION tram.part_of(cells bigint[]) RETURNS TABLE (cell bigint, indicator text, period integer, covers boolean)
LANGUAGE plpgsql STABLE SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY
  WITH RECURSIVE above AS MATERIALIZED (
    SELECT * FROM tram.leads_to()
  ), covered AS MATERIALIZED (
    SELECT DISTINCT a.indicator, a.made, q.period, tram.period_end(q.period) AS last
    FROM above a
    JOIN tram.indicator_period p ON p.indicator = a.made
    CROSS JOIN LATERAL (SELECT p.period UNION ALL SELECT tram.periods_around(p.period)) q(period)
    WHERE a.covers
  ), adding AS MATERIALIZED (
    SELECT i.indicator FROM tram.indicator i WHERE tram.adds_over_time(i.over_area)
  ), figure AS (
    SELECT c.cell, s.indicator, (c.cell & 1073741823)::integer AS period, false AS covers
    FROM unnest(part_of.cells) c(cell)
    JOIN tram.series s ON s.series_no = (c.cell >> 30)::integer AND s.dimensions = ''
    UNION
    SELECT f.cell, n.indicator, n.period, f.covers OR n.covers
    FROM figure f CROSS JOIN LATERAL (
      SELECT f.indicator, tram.periods_around(f.period), false WHERE f.indicator IN (TABLE adding)
      UNION ALL
      SELECT a.made, CASE a.years WHEN 0 THEN f.period ELSE tram.period_shift_years(f.period, a.years) END, false
      FROM above a WHERE a.indicator = f.indicator AND NOT a.covers
      UNION ALL
      SELECT c.made, c.period, true
      FROM covered c WHERE c.indicator = f.indicator AND NOT f.covers AND c.last >= tram.period_end(f.period)) n(indicator, period, covers)
    WHERE n.period IS NOT NULL
  )
  SELECT * FROM figure;
END $$;

CREATE TYPE tram.touched_at AS (
  indicator    text,
  period       integer,
  moment       timestamptz,
  only_area_no integer,
  only_cell    bigint,
  area_nos     integer[]
);

-- The figures that may have moved after a moment, up to another one, and when. Of one indicator, or (null) of all; of one
-- period, or of all that anything was or can be reported for. Where it is one figure of one area alone that can have moved it, and
-- not only by what it covers: that one. area_nos: whose figures they are; null where they are what it covers alone.
CREATE FUNCTION tram.touched(since timestamptz, until timestamptz, indicator text, period integer)
RETURNS SETOF tram.touched_at
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET jit = off
SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY
  WITH RECURSIVE above AS MATERIALIZED (
    SELECT * FROM tram.leads_to()
  ), wanted AS (
    SELECT touched.indicator AS indicator WHERE touched.indicator IS NOT NULL
    UNION
    SELECT a.indicator FROM wanted w JOIN above a ON a.made = w.indicator
  ), moved AS MATERIALIZED (
    SELECT DISTINCT o.key >> 14 AS cell, o.area_no, o.known_at AS moment FROM tram.observation o
    WHERE touched.indicator IS NULL AND greatest(o.known_at, o.known_at) > touched.since
      AND greatest(o.known_at, o.known_at) <= touched.until
    UNION
    SELECT DISTINCT o.key >> 14, o.area_no, o.known_at
    FROM wanted w
    JOIN tram.series s ON s.indicator = w.indicator AND s.dimensions = ''
    CROSS JOIN tram.area_number n
    CROSS JOIN LATERAL (
      SELECT o.key, o.area_no, o.known_at FROM tram.observation o
      WHERE o.area_no = n.area_no AND o.key >= s.series_no::bigint << 44 AND o.key < (s.series_no + 1)::bigint << 44 OFFSET 0) o
    WHERE o.known_at > touched.since AND o.known_at <= touched.until
    UNION
    SELECT d.key >> 14, d.area_no, d.decided_at FROM tram.decision d
    WHERE greatest(d.decided_at, d.decided_at) > touched.since AND greatest(d.decided_at, d.decided_at) <= touched.until
  ), figure AS (
    SELECT * FROM tram.part_of(ARRAY(SELECT DISTINCT m.cell FROM moved m))
  ), there_is AS MATERIALIZED (
    SELECT p.indicator, p.period FROM tram.indicator_period p
    WHERE touched.period IS NULL AND (touched.indicator IS NULL OR p.indicator = touched.indicator)
    UNION
    SELECT i.indicator, touched.period FROM tram.indicator i
    WHERE touched.period IS NOT NULL AND (touched.indicator IS NULL OR i.indicator = touched.indicator)
  ), may_be AS MATERIALIZED (
    -- A year moves with its months also before anybody reports the year: were it told from then on only, whoever reads on would
    -- miss what it was before.
    SELECT d.indicator, q.kind
    FROM tram.indicator_dataflow d
    JOIN tram.dataflow f USING (dataflow)
    JOIN tram.frequency q ON q.frequency::text = ANY (string_to_array(f.frequencies, '|'))
  )
  SELECT f.indicator, f.period, m.moment, CASE WHEN count(*) = 1 AND NOT bool_or(f.covers) THEN min(m.area_no) END,
         CASE WHEN count(*) = 1 AND NOT bool_or(f.covers) THEN min(m.cell) << 14 END,
         array_agg(m.area_no) FILTER (WHERE NOT f.covers)
  FROM figure f JOIN moved m USING (cell)
  WHERE (f.indicator, f.period) IN (TABLE there_is)
     OR touched.period IS NULL AND (touched.indicator IS NULL OR f.indicator = touched.indicator)
        AND (f.indicator, f.period >> 27) IN (TABLE may_be)
  GROUP BY f.indicator, f.period, m.moment;
END $$;

-- Of one figure: what moved it at these moments (ascending, after since), or did not. Where it can be but one figure of one
-- area (only_…, as tram.touched() has them; else null), that is told, and what it is made of need not be compared.
CREATE FUNCTION tram.figure_changes(indicator text, period integer, level text, boundary text, since timestamptz,
                                    moments timestamptz[], only_area_nos integer[] DEFAULT '{}', only_cells bigint[] DEFAULT '{}')
RETURNS SETOF tram.change
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET jit = off AS $$
  WITH step AS MATERIALIZED (
    SELECT s.n, s.moment, s.area_no, s.cell
    FROM unnest(figure_changes.since || figure_changes.moments, array_prepend(NULL, figure_changes.only_area_nos),
                array_prepend(NULL, figure_changes.only_cells))
         WITH ORDINALITY s(moment, area_no, cell, n)
  ), figure AS MATERIALIZED (
    SELECT s.n, r.*
    FROM step s CROSS JOIN LATERAL tram.rollup_at(figure_changes.indicator, figure_changes.period, figure_changes.level,
                                                  figure_changes.boundary, s.moment, 0) r
  ), moved AS MATERIALIZED (
    SELECT s.n, s.moment, s.area_no, s.cell, u.area, b.value AS value_before, a.value AS value_after, b.numerator AS numerator_before,
           a.numerator AS numerator_after, b.denominator AS denominator_before, a.denominator AS denominator_after,
           b.finality AS finality_before, a.finality AS finality_after, coalesce(b.areas_reporting, 0) AS areas_reporting_before,
           coalesce(a.areas_reporting, 0) AS areas_reporting_after, coalesce(b.held, 0) AS held_before,
           coalesce(a.held, 0) AS held_after, coalesce(a.areas_expected, b.areas_expected) AS areas_expected,
           coalesce(a.boundary, b.boundary) AS boundary, coalesce(a.unit, b.unit) AS unit
    FROM step s
    CROSS JOIN (SELECT DISTINCT f.area FROM figure f) u
    LEFT JOIN figure b ON b.n = s.n - 1 AND b.area = u.area
    LEFT JOIN figure a ON a.n = s.n AND a.area = u.area
    WHERE s.n > 1
      -- growth since a period that is stated, to one that nobody stated yet, is nothing that moves
      AND (coalesce(a.value, b.value) IS NOT NULL OR greatest(a.areas_reporting, b.areas_reporting) > 0
           OR coalesce(a.held, 0) <> coalesce(b.held, 0))
      AND (a.value, a.numerator, a.denominator, a.finality, coalesce(a.areas_reporting, 0), coalesce(a.held, 0), a.qualifier,
           a.obs_status, a.parts_reporting)
        IS DISTINCT FROM
          (b.value, b.numerator, b.denominator, b.finality, coalesce(b.areas_reporting, 0), coalesce(b.held, 0), b.qualifier,
           b.obs_status, b.parts_reporting)
  ), changed AS MATERIALIZED (
    -- the figures that are others now, in what it is made of
    SELECT m.moment, m.area AS unit, m.area_no, m.cell FROM moved m WHERE m.cell IS NOT NULL
    UNION ALL
    SELECT DISTINCT c.moment, c.unit, c.area_no, (s.series_no::bigint << 44) | (c.period::bigint << 14) AS cell
    FROM (SELECT DISTINCT m.moment, b.moment AS before FROM moved m JOIN step b ON b.n = m.n - 1 WHERE m.cell IS NULL) m
    CROSS JOIN LATERAL (
      WITH before AS MATERIALIZED (
        SELECT c.* FROM tram.contributions(figure_changes.indicator, figure_changes.period, figure_changes.level,
                                           figure_changes.boundary, m.before) c
      ), after AS MATERIALIZED (
        SELECT c.* FROM tram.contributions(figure_changes.indicator, figure_changes.period, figure_changes.level,
                                           figure_changes.boundary, m.moment) c
      )
      SELECT m.moment, x.* FROM ((TABLE before EXCEPT TABLE after) UNION ALL (TABLE after EXCEPT TABLE before)) x) c
    JOIN tram.series s ON s.indicator = c.indicator AND s.dimensions = ''
  ), stated AS (
    SELECT c.unit, c.moment, o.area_no, o.key, o.report_no, '' AS decided_by, NULL::text AS reason,
           CASE WHEN o.flags & 1 <> 0 THEN 'withdrawal' WHEN o.outcome = 3 THEN 'hold' WHEN o.key & 16383 > 0 THEN 'correction'
                ELSE 'report' END AS cause
    FROM changed c
    JOIN tram.observation o ON o.area_no = c.area_no AND o.key BETWEEN c.cell AND c.cell | 16383 AND o.known_at = c.moment
    UNION ALL
    SELECT c.unit, c.moment, d.area_no, d.key, o.report_no, d.decided_by, d.reason,
           CASE d.decision WHEN 'released' THEN 'release' WHEN 'refused' THEN 'refusal' WHEN 'held' THEN 'hold'
                           ELSE 'withdrawal' END
    FROM changed c
    JOIN tram.decision d ON d.area_no = c.area_no AND d.key BETWEEN c.cell AND c.cell | 16383 AND d.decided_at = c.moment
    JOIN tram.observation o ON o.area_no = d.area_no AND o.key = d.key
  ), told AS MATERIALIZED (
    SELECT s.unit, s.moment, n.area, s.key, s.cause, i.indicator,
           tram.period_text((s.key >> 14 & 1073741823)::integer) AS time_period, st.agent, st.epoch,
           s.report_no & 1099511627775 AS seq, (s.key & 16383)::integer AS revision, coalesce(s.reason, r.reason, '') AS reason,
           s.decided_by
    FROM stated s
    JOIN tram.area_number n ON n.area_no = s.area_no
    JOIN tram.series i ON i.series_no = (s.key >> 44)::integer
    LEFT JOIN tram.stream st ON st.stream_no = (s.report_no >> 40)::integer
    LEFT JOIN tram.report r ON r.agent_no = st.agent_no AND r.report_no = s.report_no
  )
  SELECT m.moment, figure_changes.indicator, tram.period_text(figure_changes.period), m.area, m.boundary, m.unit,
         m.value_before, m.value_after, m.value_after - m.value_before, m.numerator_before, m.numerator_after,
         m.denominator_before, m.denominator_after, m.finality_before, m.finality_after, m.areas_reporting_before,
         m.areas_reporting_after, m.areas_expected, m.held_before, m.held_after, coalesce(w.cause, 'coverage'), coalesce(w.statements, 0),
         w.of_area, w.of_indicator, w.of_time_period, w.agent, w.epoch, w.seq, w.revision, w.reason, w.decided_by,
         coalesce(w.made_by, '[]')
  FROM moved m
  LEFT JOIN LATERAL (
    SELECT CASE WHEN count(DISTINCT t.cause) = 1 THEN min(t.cause) ELSE 'several' END AS cause, count(*)::integer AS statements,
           CASE WHEN count(DISTINCT t.area) = 1 THEN min(t.area) END AS of_area,
           CASE WHEN count(DISTINCT t.indicator) = 1 THEN min(t.indicator) END AS of_indicator,
           CASE WHEN count(DISTINCT t.time_period) = 1 THEN min(t.time_period) END AS of_time_period,
           CASE WHEN count(DISTINCT t.agent) = 1 THEN min(t.agent) END AS agent,
           CASE WHEN count(DISTINCT t.epoch) = 1 THEN min(t.epoch) END AS epoch,
           CASE WHEN count(DISTINCT (t.epoch, t.seq)) = 1 THEN min(t.seq) END AS seq,
           CASE WHEN count(DISTINCT t.revision) = 1 THEN min(t.revision) END AS revision,
           CASE WHEN count(DISTINCT t.reason) = 1 THEN min(t.reason) END AS reason,
           CASE WHEN count(DISTINCT t.decided_by) = 1 THEN nullif(min(t.decided_by), '') END AS decided_by,
           jsonb_agg(jsonb_strip_nulls(jsonb_build_object(
             'cause', t.cause, 'area', t.area, 'indicator', t.indicator, 'time_period', t.time_period, 'revision', t.revision,
             'agent', t.agent, 'epoch', t.epoch, 'seq', t.seq, 'reason', nullif(t.reason, ''),
             'decided_by', nullif(t.decided_by, ''))) ORDER BY t.place) FILTER (WHERE t.place <= 100) AS made_by
    FROM (SELECT t.*, row_number() OVER (ORDER BY t.area, t.key, t.decided_by) AS place FROM told t
          WHERE t.moment = m.moment AND t.unit = m.area) t
    HAVING count(*) > 0) w ON true
  ORDER BY m.moment, m.area
$$;

-- ------------------------------------------------------------------ what people and programs ask

CREATE TYPE tram.touched_figure AS (
  indicator     text,
  period        integer,
  moments       timestamptz[],
  only_area_nos integer[],
  only_cells    bigint[]
);

CREATE FUNCTION tram.check_changes(indicator text, period text, level text, boundary text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF check_changes.indicator IS NOT NULL AND check_changes.period IS NOT NULL THEN
    -- it says best what is wrong with a question
    PERFORM FROM tram.rollup(check_changes.indicator, check_changes.period, check_changes.level, check_changes.boundary, '-infinity');
  ELSE
    IF check_changes.indicator IS NOT NULL THEN
      PERFORM tram.check_indicator(check_changes.indicator);
    END IF;
    PERFORM tram.check_level(check_changes.level);
    IF check_changes.period IS NOT NULL THEN
      PERFORM tram.period_asked(check_changes.period);
    END IF;
  END IF;
END $$;

-- Until when so many statements were made after a moment (all that are known together count as one); null: fewer were.
CREATE FUNCTION tram.statements_until(since timestamptz, until timestamptz, most bigint) RETURNS timestamptz
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET jit = off AS $$
  SELECT CASE WHEN count(*) > statements_until.most THEN max(o.known_at) END
  FROM (SELECT o.known_at FROM tram.observation o
        WHERE greatest(o.known_at, o.known_at) > statements_until.since AND greatest(o.known_at, o.known_at) <= statements_until.until
        ORDER BY o.known_at LIMIT statements_until.most + 1) o
$$;

-- What moved after a moment (up to another one; null: until now), oldest first: of one indicator or (null) of all, of one
-- period or of all, at a level and in the units of a vintage as tram.rollup() has them. Figures that derive from others, that
-- are weighed by them or are longer periods of them move with them. Too much for one question is refused, by numbers that
-- the catalogue's parameters say.
CREATE FUNCTION tram.changes(since timestamptz, until timestamptz DEFAULT NULL, indicator text DEFAULT NULL,
                             level text DEFAULT 'nation', boundary text DEFAULT NULL, period text DEFAULT NULL)
RETURNS SETOF tram.change
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  v_until    timestamptz := coalesce(changes.until, 'infinity');
  v_boundary text := tram.vintage_asked(changes.boundary);
  v_most     bigint := tram.parameter_or('changes.most', 5000);
  v_statements bigint := tram.parameter_or('changes.statements', 100000);
  v_touched  tram.touched_figure[];
  v_figures  bigint;
  v_moments  bigint;
BEGIN
  PERFORM tram.check_changes(changes.indicator, changes.period, changes.level, changes.boundary);
  IF changes.indicator IS NULL AND tram.statements_until(changes.since, v_until, v_statements) < v_until THEN
    RAISE EXCEPTION 'more than % figures were stated since then', v_statements USING ERRCODE = 'program_limit_exceeded',
      HINT = 'ask for one indicator, or for less time; the catalogue''s parameter changes.statements is the limit';
  END IF;
  SELECT array_agg((t.indicator, t.period, t.moments, t.area_nos, t.cells)::tram.touched_figure), sum(cardinality(t.moments))
  INTO v_touched, v_figures
  FROM (SELECT t.indicator, t.period, array_agg(t.moment ORDER BY t.moment) AS moments,
               array_agg(t.only_area_no ORDER BY t.moment) AS area_nos, array_agg(t.only_cell ORDER BY t.moment) AS cells
        FROM tram.touched(changes.since, v_until, changes.indicator, tram.period_pack(changes.period)) t
        GROUP BY t.indicator, t.period) t;
  SELECT count(DISTINCT m) INTO v_moments FROM unnest(v_touched) t CROSS JOIN unnest(t.moments) m;
  -- one moment's cannot be taken apart
  IF v_figures > v_most AND v_moments > 1 THEN
    RAISE EXCEPTION '% figures at % moments would be worked out, more than %', v_figures, v_moments, v_most
      USING ERRCODE = 'program_limit_exceeded',
      HINT = 'ask for one indicator or period, or for less time; the catalogue''s parameter changes.most is the limit';
  END IF;
  RETURN QUERY
  SELECT c.* FROM unnest(v_touched) t
  CROSS JOIN LATERAL tram.figure_changes(t.indicator, t.period, changes.level, v_boundary, changes.since, t.moments,
                                         t.only_area_nos, t.only_cells) c
  ORDER BY c.moment, c.indicator, t.period, c.area;
END $$;
COMMENT ON FUNCTION tram.changes(timestamptz, timestamptz, text, text, text, text) IS
  'What moved in roll-ups since a moment: before, after, and through which report or decision.';

-- ------------------------------------------------------------------ reading on

-- A settled moment as those have it who read on from there: nothing that is to be understood.
CREATE FUNCTION tram.cursor_text(moment timestamptz) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT 'c' || m.hex || left(encode(sha256(convert_to('tram cursor ' || m.hex, 'UTF8')), 'hex'), 4)
  FROM (SELECT lpad(to_hex((extract(epoch FROM cursor_text.moment) * 1000000)::bigint), 14, '0') AS hex) m
$$;

CREATE FUNCTION tram.cursor_moment(cursor text) RETURNS timestamptz
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_moment timestamptz;
BEGIN
  IF cursor_moment.cursor ~ '^c[0-9a-f]{18}$' THEN
    v_moment := timestamptz 'epoch' + ('x00' || substr(cursor_moment.cursor, 2, 14))::bit(64)::bigint * interval '1 microsecond';
  END IF;
  IF tram.cursor_text(v_moment) IS DISTINCT FROM cursor_moment.cursor THEN
    RAISE EXCEPTION '% is no cursor', cursor_moment.cursor USING ERRCODE = 'invalid_parameter_value',
      HINT = 'give back the one that came with the last answer, as it is; without one, what comes from now on is told';
  END IF;
  RETURN v_moment;
END $$;

-- What whoever reads on asks next: tram.changes(since, until, …) with the same question, which is complete, repeats nothing of
-- what came before the cursor, and is no more than is worked out in a moment (changes.page); and the cursor to go on with. more:
-- there is more already. Without a cursor: nothing yet, from now on. It settles a moment, at most one a second, so that it must
-- not be asked of a standby.
CREATE FUNCTION tram.changes_page(cursor text DEFAULT NULL, indicator text DEFAULT NULL, level text DEFAULT 'nation',
                                  boundary text DEFAULT NULL, period text DEFAULT NULL,
                                  OUT since timestamptz, OUT until timestamptz, OUT next text, OUT more boolean)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
  v_settled timestamptz;
  v_most    bigint := least(tram.parameter_or('changes.page', 100), tram.parameter_or('changes.most', 5000));
  v_until   timestamptz;
BEGIN
  PERFORM tram.check_changes(changes_page.indicator, changes_page.period, changes_page.level, changes_page.boundary);
  v_until := tram.cursor_moment(changes_page.cursor);
  v_settled := tram.settled_moment('1 second');
  changes_page.since := coalesce(v_until, v_settled);
  -- a cursor of a store that was put back to an earlier time is after all that is settled
  changes_page.until := greatest(v_settled, changes_page.since);
  v_settled := changes_page.until;
  IF changes_page.indicator IS NULL THEN
    -- nearly every statement touches a figure: more than are told need not be looked at
    changes_page.until := coalesce(tram.statements_until(changes_page.since, v_settled,
                                                         least(v_most, tram.parameter_or('changes.statements', 100000))), v_settled);
  END IF;
  SELECT max(t.moment) FILTER (WHERE t.total <= v_most OR t.place = 1) INTO v_until
  FROM (SELECT t.moment, sum(count(*)) OVER (ORDER BY t.moment) AS total, row_number() OVER (ORDER BY t.moment) AS place
        FROM tram.touched(changes_page.since, changes_page.until, changes_page.indicator, tram.period_pack(changes_page.period)) t
        GROUP BY t.moment) t
  HAVING bool_or(t.total > v_most AND t.place > 1);
  changes_page.until := coalesce(v_until, changes_page.until);
  changes_page.next := tram.cursor_text(changes_page.until);
  changes_page.more := changes_page.until < v_settled;
END $$;
COMMENT ON FUNCTION tram.changes_page(text, text, text, text, text) IS
  'For reading on: the moments to ask tram.changes() for since a cursor, and the cursor for the next time.';

REVOKE EXECUTE ON FUNCTION
  tram.changes(timestamptz, timestamptz, text, text, text, text), tram.changes_page(text, text, text, text, text),
  tram.touched(timestamptz, timestamptz, text, integer), tram.statements_until(timestamptz, timestamptz, bigint),
  tram.figure_changes(text, integer, text, text, timestamptz, timestamptz[], integer[], bigint[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION tram.changes(timestamptz, timestamptz, text, text, text, text),
                          tram.changes_page(text, text, text, text, text) TO tram_reader, tram_admin;
