-- SPDX-License-Identifier: Apache-2.0
-- Who owes what and when, what came of it, who is alive, and what all of it is worth in scores. Everything is worked out
-- from the catalogue and from history, at any moment; what is stored is when an agent was last heard, what was announced of
-- that already, and the scores of each day.

-- ------------------------------------------------------------------ days

-- The day of a moment where the reports are due.
CREATE FUNCTION tram.local_day(at timestamptz) RETURNS date
LANGUAGE sql STABLE STRICT PARALLEL SAFE
RETURN (at AT TIME ZONE 'Asia/Ho_Chi_Minh')::date;

-- A day, so many months after the month that begins with first; day 0 is the month's last.
CREATE FUNCTION tram.day_of_month(first date, months integer, day integer) RETURNS date
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN CASE day WHEN 0 THEN (first + make_interval(months => months + 1))::date - 1
                ELSE (first + make_interval(months => months))::date + day - 1 END;

-- How the frequencies are packed (proto/period.h), and their months.
CREATE TABLE tram.frequency (
  frequency "char" PRIMARY KEY,
  kind      integer NOT NULL,
  months    integer NOT NULL
);
INSERT INTO tram.frequency VALUES ('A', 1, 12), ('S', 2, 6), ('Q', 3, 3), ('M', 4, 1);

-- For what was refused; there are few.
CREATE INDEX report_finding_refused ON tram.report_finding (agent_no, report_no) WHERE severity = 'B';

-- The periods of every dataflow that are due in a span of days.
CREATE FUNCTION tram.due_periods(from_day date, to_day date)
RETURNS TABLE (dataflow text, frequency "char", period integer, period_from date, period_to date, due_day date)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET jit = off ROWS 50 AS $$
  SELECT d.dataflow, f.frequency, (f.kind << 27) | ((p.first - DATE '1900-01-01') << 10),
         coalesce(tram.day_of_month(p.first, c.from_month, c.from_day), p.first), x.period_to, x.due_day
  FROM tram.dataflow d
  CROSS JOIN LATERAL string_to_table(d.frequencies, '|') AS named
  JOIN tram.frequency f ON f.frequency = named::"char"
  JOIN tram.due_rule u ON u.due = d.due AND u.frequency = f.frequency
  LEFT JOIN tram.calendar_rule c ON c.calendar = d.calendar AND c.frequency = f.frequency
  CROSS JOIN LATERAL (
    SELECT g.first::date AS first
    FROM generate_series(date_trunc('year', greatest(due_periods.from_day, DATE '1902-01-01')::timestamp - interval '2 years'),
                         least(due_periods.to_day, DATE '2256-01-01')::timestamp + interval '2 years',
                         make_interval(months => f.months)) g(first)) p
  CROSS JOIN LATERAL (
    SELECT coalesce(tram.day_of_month(p.first, f.months - 1 + c.to_month, c.to_day),
                    tram.day_of_month(p.first, f.months - 1, 0)) AS period_to,
           tram.day_of_month(p.first, f.months - 1 + u.month, u.day) AS due_day) x
  WHERE x.due_day BETWEEN due_periods.from_day AND due_periods.to_day
    AND d.valid_from <= x.period_to AND coalesce(d.valid_to, 'infinity') >= x.period_to
$$;

-- ------------------------------------------------------------------ what is expected

-- Every figure that a province owes by a day of the span: the mandatory indicators of its dataflows that are in force on
-- the period's last day. An indicator that an area has nothing to report for is answered with not_applicable. What the
-- centre's bodies report is no province's debt: nobody is named who owes it.
CREATE FUNCTION tram.expected(from_day date, to_day date)
RETURNS TABLE (provider text, area text, dataflow text, time_period text, period integer, period_from date, period_to date,
               due_day date, indicator text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off SET enable_nestloop = on ROWS 5000 AS $$
  SELECT p.provider, p.area, due.dataflow, tram.period_text(due.period), due.period, due.period_from, due.period_to,
         due.due_day, i.indicator
  FROM tram.due_periods(expected.from_day, expected.to_day) due
  JOIN tram.dataflow d ON d.dataflow = due.dataflow AND d.provided_by = 'province'
  JOIN tram.provider p ON p.kind = d.provided_by
  JOIN tram.area a ON a.area = p.area AND a.valid_from <= due.period_to AND coalesce(a.valid_to, 'infinity') >= due.period_to
  JOIN tram.indicator i ON i.dataflow = due.dataflow AND i.mandatory
    AND due.frequency::text = ANY (string_to_array(i.frequencies, '|'))
    AND i.valid_from <= due.period_to AND coalesce(i.valid_to, 'infinity') >= due.period_to
$$;

-- Whether what a provider said last of a figure was refused: at its coming (then it is only in the findings of reports of
-- its own agent), or by a person later. Asked only of figures that nothing stands for.
CREATE FUNCTION tram.is_refused(provider text, dataflow text, period integer, indicator text, area_no integer,
                                first_key bigint, as_of timestamptz)
RETURNS boolean
LANGUAGE sql STABLE AS $$
  SELECT EXISTS (
    SELECT FROM tram.provider p
    JOIN tram.report r ON r.dataflow = is_refused.dataflow AND r.period = is_refused.period AND r.provider = p.provider
    JOIN tram.agent a ON a.agent_no = r.agent_no AND a.agent = p.agent
    JOIN tram.report_finding g ON g.agent_no = r.agent_no AND g.report_no = r.report_no
    WHERE p.provider = is_refused.provider AND r.repeats IS NULL AND r.known_at <= is_refused.as_of AND g.severity = 'B'
      AND (g.line = 0 OR g.indicator = is_refused.indicator))
  OR EXISTS (
    SELECT FROM (
      SELECT DISTINCT ON (d.key) d.decision FROM tram.decision d
      WHERE d.area_no = is_refused.area_no AND d.key BETWEEN is_refused.first_key AND is_refused.first_key + 16383
        AND d.decided_at <= is_refused.as_of
      ORDER BY d.key, d.decision_no DESC) latest
    WHERE latest.decision = 'refused')
$$;

-- What came of each expected figure by a moment:
--   on_time    it stands, and was first there (accepted or held) on the due day or before, in Viet Nam
--   late       it stands, and was first there later
--   backfilled it stands, and was first handed in as a backfill
--   held       nothing stands, and what came last is held
--   refused    nothing stands, and what came was refused
--   explained  what stands says why there is no figure (not_collected, late, suppressed, system_down)
--   missing    the due day is over and there is nothing; a figure that was taken back is nothing
--   pending    the same, and the due day is not over
-- A figure of not_applicable stands. first_at outlives corrections, outboxes that were made anew and restores.
CREATE FUNCTION tram.expected_figures(from_day date, to_day date, as_of timestamptz DEFAULT NULL)
RETURNS TABLE (provider text, area text, dataflow text, period integer, period_from date, period_to date, due_day date,
               indicator text, state text, first_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off SET enable_nestloop = on ROWS 5000 AS $$
  WITH moment AS MATERIALIZED (
    SELECT coalesce(expected_figures.as_of, 'infinity') AS as_of,
           tram.local_day(least(expected_figures.as_of, clock_timestamp())) AS today
  ), answer AS MATERIALIZED (
    SELECT e.*, n.area_no, k.first_key, m.as_of, m.today, f.outcome, f.held,
           f.outcome IN (1, 2) AND f.flags & 1 = 0 AND f.missing_reason IN (0, 1) AS stands,
           f.outcome IN (1, 2) AND f.flags & 1 = 0 AS told
    FROM tram.expected(expected_figures.from_day, expected_figures.to_day) e
    CROSS JOIN moment m
    JOIN tram.area_number n ON n.area = e.area
    LEFT JOIN tram.series s ON s.indicator = e.indicator AND s.dimensions = ''
    CROSS JOIN LATERAL (SELECT (s.series_no::bigint << 44) | (e.period::bigint << 14) AS first_key) k
    LEFT JOIN LATERAL tram.figure_at(n.area_no, k.first_key, m.as_of) f ON true
  )
  SELECT a.provider, a.area, a.dataflow, a.period, a.period_from, a.period_to, a.due_day, a.indicator,
         CASE WHEN a.stands THEN CASE WHEN first.purpose = 'B' THEN 'backfilled'
                                      WHEN tram.local_day(first.received_at) <= a.due_day THEN 'on_time'
                                      ELSE 'late' END
              WHEN a.held THEN 'held'
              WHEN a.told THEN 'explained'
              WHEN tram.is_refused(a.provider, a.dataflow, a.period, a.indicator, a.area_no, a.first_key, a.as_of) THEN 'refused'
              WHEN a.due_day < a.today THEN 'missing'
              ELSE 'pending' END,
         first.received_at
  FROM answer a
  LEFT JOIN LATERAL (
    SELECT r.received_at, r.purpose
    FROM tram.observation o
    JOIN tram.stream st ON st.stream_no = (o.report_no >> 40)::integer
    JOIN tram.report r ON r.agent_no = st.agent_no AND r.report_no = o.report_no
    WHERE o.area_no = a.area_no AND o.key BETWEEN a.first_key AND a.first_key + 16383 AND o.known_at <= a.as_of
      AND o.flags & 1 = 0 AND o.missing_reason IN (0, 1)
    ORDER BY o.key LIMIT 1) first ON a.stands OR a.held
$$;

-- By provider, dataflow and period. rate: of 100 expected figures, how many are reported; figures beyond the expected ones
-- raise nothing, so it never passes 100, and a report without an accepted figure is none. answered: 'complete', 'partial',
-- 'none' (the due day is over), 'pending'.
CREATE FUNCTION tram.completeness(from_day date, to_day date, as_of timestamptz DEFAULT NULL)
RETURNS TABLE (provider text, area text, dataflow text, time_period text, period_from date, period_to date, due_day date,
               expected integer, reported integer, on_time integer, late integer, backfilled integer, held integer,
               refused integer, explained integer, missing integer, pending integer, rate numeric, answered text,
               missing_indicators text[])
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off AS $$
  SELECT f.provider, f.area, f.dataflow, tram.period_text(f.period), f.period_from, f.period_to, f.due_day, c.expected,
         c.reported, c.on_time, c.late, c.backfilled, c.held, c.refused, c.explained, c.missing, c.pending,
         trunc(100.0 * c.reported / c.expected, 2),
         CASE WHEN c.reported = c.expected THEN 'complete' WHEN c.reported > 0 THEN 'partial'
              WHEN c.pending > 0 THEN 'pending' ELSE 'none' END,
         c.missing_indicators
  FROM (SELECT g.provider, g.area, g.dataflow, g.period, g.period_from, g.period_to, g.due_day, count(*)::integer AS expected,
               count(*) FILTER (WHERE g.state IN ('on_time', 'late', 'backfilled'))::integer AS reported,
               count(*) FILTER (WHERE g.state = 'on_time')::integer AS on_time,
               count(*) FILTER (WHERE g.state = 'late')::integer AS late,
               count(*) FILTER (WHERE g.state = 'backfilled')::integer AS backfilled,
               count(*) FILTER (WHERE g.state = 'held')::integer AS held,
               count(*) FILTER (WHERE g.state = 'refused')::integer AS refused,
               count(*) FILTER (WHERE g.state = 'explained')::integer AS explained,
               count(*) FILTER (WHERE g.state = 'missing')::integer AS missing,
               count(*) FILTER (WHERE g.state = 'pending')::integer AS pending,
               coalesce(array_agg(g.indicator ORDER BY g.indicator) FILTER (WHERE g.state IN ('missing', 'pending')), '{}')
                 AS missing_indicators
        FROM tram.expected_figures(completeness.from_day, completeness.to_day, completeness.as_of) g
        GROUP BY g.provider, g.area, g.dataflow, g.period, g.period_from, g.period_to, g.due_day) f
  CROSS JOIN LATERAL (SELECT f.expected, f.reported, f.on_time, f.late, f.backfilled, f.held, f.refused, f.explained,
                             f.missing, f.pending, f.missing_indicators) c
  ORDER BY f.due_day, f.dataflow, f.provider
$$;

-- The same for the nation, by dataflow and period, by dataflow (time_period empty) and altogether (both empty). A roll-up of
-- a period is final (DU-07) only when every province that owes figures has reported all of them: how many there are, how
-- many reported something and all, and what share of the people live in those that reported all.
CREATE FUNCTION tram.national_completeness(from_day date, to_day date, as_of timestamptz DEFAULT NULL)
RETURNS TABLE (dataflow text, time_period text, due_day date, providers integer, providers_reporting integer,
               providers_complete integer, coverage_weight numeric, finality text, expected bigint, reported bigint,
               on_time bigint, late bigint, backfilled bigint, held bigint, refused bigint, explained bigint, missing bigint,
               pending bigint, rate numeric, on_time_rate numeric)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off AS $$
  SELECT coalesce(c.dataflow, ''), coalesce(c.time_period, ''), max(c.due_day), count(DISTINCT c.provider)::integer,
         count(DISTINCT c.provider) FILTER (WHERE c.reported > 0)::integer,
         count(DISTINCT c.provider)::integer - count(DISTINCT c.provider) FILTER (WHERE c.reported < c.expected)::integer,
         CASE WHEN c.time_period IS NOT NULL AND sum(a.population) > 0
              THEN trunc(coalesce(sum(a.population) FILTER (WHERE c.reported = c.expected), 0) / sum(a.population), 4) END,
         CASE WHEN bool_and(c.reported = c.expected) THEN 'final' ELSE 'provisional' END,
         sum(c.expected), sum(c.reported), sum(c.on_time), sum(c.late), sum(c.backfilled), sum(c.held), sum(c.refused),
         sum(c.explained), sum(c.missing), sum(c.pending), trunc(100.0 * sum(c.reported) / sum(c.expected), 2),
         trunc(100.0 * sum(c.on_time) / sum(c.expected), 2)
  FROM tram.completeness(national_completeness.from_day, national_completeness.to_day, national_completeness.as_of) c
  LEFT JOIN LATERAL (
    SELECT a.population FROM tram.area a
    WHERE a.area = c.area AND a.valid_from <= c.period_to ORDER BY a.valid_from DESC LIMIT 1) a ON true
  GROUP BY GROUPING SETS ((c.dataflow, c.time_period), (c.dataflow), ())
  HAVING count(*) > 0
  ORDER BY 1, 3, 2
$$;

-- ------------------------------------------------------------------ two clocks: agents, and their data

-- When an agent was last heard. The aggregator writes it about every half minute; the rows are updated, not appended.
CREATE TABLE tram.liveness (
  agent_no        integer PRIMARY KEY REFERENCES tram.agent,
  heard_at        timestamptz NOT NULL,
  connected_since timestamptz,                    -- null: it is not connected
  software        text NOT NULL DEFAULT '',
  told_at         timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (fillfactor = 50);

-- What was announced already, so that it is announced once: an agent missing since it was last heard, a report late.
CREATE TABLE tram.announced (
  event    text NOT NULL,
  subject  text NOT NULL,
  since    timestamptz NOT NULL,
  told_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (event, subject, since)
);

CREATE FUNCTION tram.parameter_or(parameter text, otherwise bigint) RETURNS bigint
LANGUAGE sql STABLE AS $$
  SELECT coalesce((SELECT p.value FROM tram.parameter p WHERE p.parameter = parameter_or.parameter), otherwise)
$$;

-- The newest period of each of a province's dataflows for which one of its mandatory figures stands, and whether that is old
-- (the oldest age that the catalogue allows has passed) or the next one is overdue.
CREATE FUNCTION tram.freshness(at timestamptz DEFAULT NULL)
RETURNS TABLE (provider text, area text, dataflow text, time_period text, period_to date, age_days integer, max_age_days integer,
               overdue_since date, state text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off AS $$
  WITH today AS MATERIALIZED (SELECT tram.local_day(coalesce(freshness.at, clock_timestamp())) AS day),
  wanted AS MATERIALIZED (
    SELECT i.dataflow, max(i.max_age_days) AS max_age_days, array_agg(s.series_no) AS series
    FROM tram.indicator i
    JOIN tram.dataflow d ON d.dataflow = i.dataflow AND d.provided_by = 'province'
    JOIN tram.series s ON s.indicator = i.indicator AND s.dimensions = ''
    WHERE i.mandatory GROUP BY i.dataflow
  ), due AS MATERIALIZED (
    SELECT u.dataflow, u.period_to, u.due_day FROM today t CROSS JOIN LATERAL tram.due_periods(t.day - 800, t.day - 1) u)
  SELECT p.provider, p.area, w.dataflow, tram.period_text(n.period), n.period_to, t.day - n.period_to, w.max_age_days,
         o.due_day,
         CASE WHEN n.period IS NULL THEN 'none' WHEN t.day - n.period_to > w.max_age_days THEN 'stale'
              WHEN o.due_day IS NOT NULL THEN 'overdue' ELSE 'fresh' END
  FROM tram.provider p
  JOIN tram.area_number an ON an.area = p.area
  CROSS JOIN today t
  CROSS JOIN wanted w
  LEFT JOIN LATERAL (
    SELECT dp.period, tram.period_end(dp.period) AS period_to FROM tram.dataflow_period dp
    WHERE dp.dataflow = w.dataflow AND tram.period_end(dp.period) <= t.day + 366 AND EXISTS (
      SELECT FROM unnest(w.series) AS u(series_no)
      CROSS JOIN LATERAL tram.figure_at(an.area_no, (u.series_no::bigint << 44) | (dp.period::bigint << 14),
                                        coalesce(freshness.at, 'infinity')) f
      WHERE f.outcome IN (1, 2) AND f.flags & 1 = 0 AND f.missing_reason IN (0, 1))
    ORDER BY tram.period_end(dp.period) DESC LIMIT 1) n ON true
  LEFT JOIN LATERAL (
    SELECT min(d.due_day) AS due_day FROM due d
    WHERE d.dataflow = w.dataflow AND d.period_to > n.period_to AND EXISTS (
      SELECT FROM tram.area a WHERE a.area = p.area AND a.valid_from <= d.period_to
        AND coalesce(a.valid_to, 'infinity') >= d.period_to)) o ON true
  WHERE p.kind = 'province'
$$;

-- Agents on one clock, their data on another. agent_state: 'alive', 'silent' (longer than SONG-03.silent_seconds, when the
-- aggregator listened last: while it does not listen nobody is silent), 'never' heard. data_state: the worst of its dataflows. band: red when the data are dead, alive as the agent may be.
CREATE FUNCTION tram.agent_liveness_at(at timestamptz DEFAULT NULL)
RETURNS TABLE (agent text, provider text, area text, area_name text, roster_state text, connected boolean, connected_since timestamptz,
               heard_at timestamptz, silent_seconds bigint, software text, agent_state text, newest_period text,
               newest_day date, received_at timestamptz, age_days integer, overdue_since date, data_state text, band text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off AS $$
  WITH data AS (
    SELECT f.provider, max(f.period_to) AS newest_day, (array_agg(f.time_period ORDER BY f.period_to DESC NULLS LAST))[1] AS newest,
           min(f.overdue_since) AS overdue_since,
           (array_agg(f.state ORDER BY array_position(ARRAY['none', 'stale', 'overdue', 'fresh'], f.state)))[1] AS worst,
           bool_or(f.state = 'fresh') AS some_fresh, bool_and(f.state IN ('none', 'stale')) AS all_dead
    FROM tram.freshness(agent_liveness_at.at) f GROUP BY f.provider)
  SELECT a.agent, p.provider, p.area, n.short_name_vi, a.state, l.connected_since IS NOT NULL, l.connected_since, l.heard_at,
         x.silent, coalesce(l.software, ''), x.agent_state, d.newest, d.newest_day, r.received_at,
         tram.local_day(m.now) - d.newest_day, d.overdue_since, coalesce(d.worst, 'none'),
         CASE WHEN d.provider IS NULL THEN CASE x.agent_state WHEN 'alive' THEN 'green' ELSE 'yellow' END
              WHEN d.all_dead THEN 'red' WHEN x.agent_state = 'alive' AND d.worst = 'fresh' THEN 'green' ELSE 'yellow' END
  FROM tram.agent a
  CROSS JOIN (SELECT coalesce(agent_liveness_at.at, clock_timestamp()) AS now,
                     (SELECT max(x.told_at) FROM tram.liveness x) AS listening) m
  LEFT JOIN tram.provider p ON p.agent = a.agent
  LEFT JOIN tram.liveness l ON l.agent_no = a.agent_no
  LEFT JOIN data d ON d.provider = p.provider
  LEFT JOIN LATERAL (SELECT a.short_name_vi FROM tram.area a WHERE a.area = p.area ORDER BY a.valid_from DESC LIMIT 1) n ON true
  LEFT JOIN LATERAL (
    SELECT r.received_at FROM tram.report r WHERE r.agent_no = a.agent_no ORDER BY r.handed_in_at DESC LIMIT 1) r ON true
  CROSS JOIN LATERAL (
    SELECT greatest(0, extract(epoch FROM m.listening - l.heard_at))::bigint AS silent,
           CASE WHEN l.heard_at IS NULL THEN 'never'
                WHEN m.listening - l.heard_at > make_interval(secs => tram.parameter_or('SONG-03.silent_seconds', 900)) THEN 'silent'
                ELSE 'alive' END AS agent_state) x
$$;
CREATE VIEW tram.agent_liveness AS SELECT * FROM tram.agent_liveness_at(NULL) ORDER BY agent, provider;

-- How long reports took, hop by hop, over the last 30 days; seconds. A backfill is not on its way.
CREATE VIEW tram.latency AS
SELECT p.area, n.short_name_vi AS area_name, h.hop, count(*) AS reports,
       round(percentile_disc(0.5) WITHIN GROUP (ORDER BY h.seconds), 3) AS p50,
       round(percentile_disc(0.95) WITHIN GROUP (ORDER BY h.seconds), 3) AS p95
FROM tram.report r
JOIN tram.agent a ON a.agent_no = r.agent_no
JOIN tram.provider p ON p.provider = r.provider AND p.agent = a.agent
CROSS JOIN LATERAL (VALUES
  ('prepared→handed in', extract(epoch FROM r.handed_in_at - r.prepared_at)),
  ('handed in→received', extract(epoch FROM r.received_at - r.handed_in_at)),
  ('received→committed', extract(epoch FROM r.known_at - r.received_at)),
  ('handed in→committed', extract(epoch FROM r.known_at - r.handed_in_at))) AS h(hop, seconds)
LEFT JOIN LATERAL (SELECT a.short_name_vi FROM tram.area a WHERE a.area = p.area ORDER BY a.valid_from DESC LIMIT 1) n ON true
WHERE r.received_at > clock_timestamp() - interval '30 days' AND r.repeats IS NULL AND r.purpose <> 'B' AND h.seconds IS NOT NULL
GROUP BY p.area, n.short_name_vi, h.hop
ORDER BY p.area, h.hop;

-- ------------------------------------------------------------------ scores

-- The year of due days that a board shows when nothing else is asked: the one that ends with the newest due day, not after
-- the moment, of a period that any province reported on; with the moment itself where there is none.
CREATE FUNCTION tram.score_window(as_of timestamptz DEFAULT NULL)
RETURNS TABLE (from_day date, to_day date)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off AS $$
  WITH moment AS MATERIALIZED (SELECT tram.local_day(least(score_window.as_of, clock_timestamp())) AS today),
  newest AS (
    SELECT coalesce(max(u.due_day), max(m.today)) AS day
    FROM moment m
    LEFT JOIN (tram.dataflow_period p JOIN tram.dataflow d ON d.dataflow = p.dataflow AND d.provided_by = 'province'
               CROSS JOIN LATERAL tram.due_periods(tram.period_start(p.period) - 366, tram.period_end(p.period) + 732) u)
      ON u.dataflow = p.dataflow AND u.period = p.period AND u.due_day <= m.today)
  SELECT (n.day - interval '1 year')::date + 1, n.day FROM newest n
$$;

-- The two below are what rule_tally() counts. They are functions, and not inlined, so that the planner goes by the numbers
-- of rows given here: what a common table expression holds it takes for one row, and then compares all with all.

-- Every figure's latest statement by a moment, over the periods that are due in a span of days; one that was taken back
-- states nothing.
CREATE FUNCTION tram.statements(from_day date, to_day date, as_of timestamptz)
RETURNS TABLE (provider text, area text, indicator text, is_integer boolean, has_parts boolean, mandatory boolean,
               max_age_days integer, period integer, period_to date, area_no integer, key bigint, agent_no integer,
               report_no bigint, line integer, known_at timestamptz, has_value boolean, justified boolean)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET jit = off SET enable_nestloop = on ROWS 10000 AS $$
  SELECT p.provider, p.area, i.indicator, i.is_integer, i.over_area = 'ratio_of_sums' OR i.kind = 'count_ratio', i.mandatory,
         i.max_age_days, u.period, u.period_to, n.area_no, o.key, st.agent_no, o.report_no, o.line, o.known_at,
         o.missing_reason = 0, o.flags & 4 <> 0 OR d.decision IS NOT DISTINCT FROM 'released'
  FROM tram.due_periods(statements.from_day, statements.to_day) u
  JOIN tram.indicator i ON i.dataflow = u.dataflow
  JOIN tram.series s ON s.indicator = i.indicator
  JOIN tram.provider p ON p.kind = 'province'
  JOIN tram.area_number n ON n.area = p.area
  CROSS JOIN LATERAL (SELECT (s.series_no::bigint << 44) | (u.period::bigint << 14) AS first_key) k
  CROSS JOIN LATERAL (
    SELECT o.key, o.report_no, o.line, o.flags, o.missing_reason, o.known_at FROM tram.observation o
    WHERE o.area_no = n.area_no AND o.key BETWEEN k.first_key AND k.first_key + 16383 AND o.known_at <= statements.as_of
    ORDER BY o.key DESC LIMIT 1) o
  JOIN tram.stream st ON st.stream_no = (o.report_no >> 40)::integer
  LEFT JOIN LATERAL (
    SELECT d.decision FROM tram.decision d
    WHERE d.area_no = n.area_no AND d.key = o.key AND d.decided_at <= statements.as_of
    ORDER BY d.decision_no DESC LIMIT 1) d ON true
  WHERE o.flags & 1 = 0 AND d.decision IS DISTINCT FROM 'withdrawn'
$$;

-- The reports of provinces, through their own agents, of the periods that are due in a span of days. is_latest: the last one
-- of its dataflow and period.
CREATE FUNCTION tram.own_reports(from_day date, to_day date, as_of timestamptz)
RETURNS TABLE (provider text, area text, dataflow text, period integer, agent_no integer, report_no bigint, known_at timestamptz,
               handed_in_at timestamptz, purpose "char", is_latest boolean)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET jit = off SET enable_nestloop = on ROWS 5000 AS $$
  SELECT p.provider, p.area, r.dataflow, r.period, r.agent_no, r.report_no, r.known_at, r.handed_in_at, r.purpose,
         row_number() OVER (PARTITION BY p.provider, r.dataflow, r.period ORDER BY r.known_at DESC, r.report_no DESC) = 1
  FROM tram.due_periods(own_reports.from_day, own_reports.to_day) u
  JOIN tram.report r ON r.dataflow = u.dataflow AND r.period = u.period
  JOIN tram.provider p ON p.provider = r.provider AND p.kind = 'province'
  JOIN tram.agent a ON a.agent_no = r.agent_no AND a.agent = p.agent
  WHERE r.repeats IS NULL AND r.known_at <= own_reports.as_of
$$;

-- What every rule was held against and what failed it, by area and indicator ('' is the report itself), over the periods
-- that are due in a span of days. Only what is said now counts: of each figure the latest statement, of each report of a
-- dataflow and period the latest, of what was refused only what was not mended since. A finding that was justified, or that
-- a person released, is no failure; a remark (I) is none either. breaches: figures that were refused for one of their
-- identifiers (which figure of whom it is: province, indicator, period, unit, report). Measured here: DU-02 and SONG-01 from what is expected, DU-06 by the positions of what was handed in, SONG-02 by the age
-- of the newest figure on the span's last day, SONG-03 by the agent's clock (only of now), SONG-05 by the time from hand-in
-- to commit.
CREATE FUNCTION tram.rule_tally(from_day date, to_day date, as_of timestamptz DEFAULT NULL)
RETURNS TABLE (area text, indicator text, rule text, assessed bigint, failing bigint, breaches bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off SET enable_nestloop = off ROWS 20000 AS $$
  WITH moment AS MATERIALIZED (
    SELECT coalesce(rule_tally.as_of, 'infinity') AS as_of,
           least(tram.local_day(least(rule_tally.as_of, clock_timestamp())), rule_tally.to_day) AS day
  ), statement AS MATERIALIZED (
    SELECT s.* FROM moment m CROSS JOIN LATERAL tram.statements(rule_tally.from_day, rule_tally.to_day, m.as_of) s
  ), own_report AS MATERIALIZED (
    SELECT r.* FROM moment m CROSS JOIN LATERAL tram.own_reports(rule_tally.from_day, rule_tally.to_day, m.as_of) r
  ), latest_report AS MATERIALIZED (
    SELECT r.* FROM own_report r WHERE r.is_latest
  ), finding AS MATERIALIZED (
    SELECT g.* FROM (
      SELECT s.agent_no, s.report_no FROM statement s
      UNION SELECT l.agent_no, l.report_no FROM latest_report l
      UNION SELECT o.agent_no, o.report_no FROM own_report o
            JOIN tram.report_finding b ON b.agent_no = o.agent_no AND b.report_no = o.report_no AND b.severity = 'B') r
    CROSS JOIN LATERAL (
      SELECT g.agent_no, g.report_no, g.line, g.rule, g.severity, g.indicator, g.severity = 'B' AND g.field IN (
               'report_id', 'provider', 'dataflow', 'ref_area', 'indicator', 'time_period', 'unit', 'unit_mult') AS breach
      FROM tram.report_finding g
      WHERE g.agent_no = r.agent_no AND g.report_no = r.report_no AND g.severity IN ('B', 'J', 'W')
      OFFSET 0) g
  ), refused AS MATERIALIZED (
    -- The last refusal of each figure that nothing was stored for since.
    SELECT DISTINCT ON (o.provider, o.dataflow, o.period, g.indicator)
           o.provider, o.area, o.dataflow, o.period, o.agent_no, o.report_no, coalesce(i.indicator, '') AS indicator,
           g.indicator AS stated
    FROM finding g
    JOIN own_report o ON o.agent_no = g.agent_no AND o.report_no = g.report_no
    LEFT JOIN tram.indicator i ON i.indicator = g.indicator
    WHERE g.severity = 'B' AND g.line > 0 AND NOT EXISTS (
        SELECT FROM statement s WHERE s.provider = o.provider AND s.indicator = g.indicator AND s.period = o.period
          AND s.known_at > o.known_at)
      -- a code that nobody knows is mended by the next report
      AND (i.indicator IS NOT NULL OR EXISTS (
        SELECT FROM latest_report l WHERE l.agent_no = o.agent_no AND l.report_no = o.report_no))
    ORDER BY o.provider, o.dataflow, o.period, g.indicator, o.known_at DESC, o.report_no DESC
  ), refused_line AS MATERIALIZED (
    SELECT r.area, r.indicator, g.agent_no, g.report_no, g.line FROM refused r
    JOIN finding g ON g.agent_no = r.agent_no AND g.report_no = r.report_no AND g.indicator = r.stated AND g.line > 0
    GROUP BY r.area, r.indicator, g.agent_no, g.report_no, g.line
    HAVING bool_or(g.severity = 'B')
  ), expected AS MATERIALIZED (
    SELECT e.* FROM tram.expected_figures(rule_tally.from_day, rule_tally.to_day, rule_tally.as_of) e
  ), about AS (
    -- How many figures of each kind there are: what rules are held against.
    SELECT s.area, s.indicator, count(*) AS figures, count(*) FILTER (WHERE s.has_value) AS with_value,
           count(*) FILTER (WHERE s.has_value AND s.has_parts) AS with_parts,
           count(*) FILTER (WHERE s.has_value AND s.is_integer) AS counted,
           count(*) FILTER (WHERE s.key & 16383 > 0) AS revisions, 0 AS reports
    FROM statement s GROUP BY s.area, s.indicator
    UNION ALL
    SELECT l.area, l.indicator, count(*), count(*), 0, 0, 0, 0 FROM refused_line l GROUP BY l.area, l.indicator
    UNION ALL
    SELECT l.area, '', 0, 0, 0, 0, 0, count(*) FROM latest_report l GROUP BY l.area
  ), told AS (
    SELECT a.area, a.indicator, u.rule,
           CASE u.applies_to WHEN 'figure' THEN a.figures WHEN 'value' THEN a.with_value WHEN 'parts' THEN a.with_parts
                             WHEN 'count' THEN a.counted WHEN 'revision' THEN a.revisions WHEN 'report' THEN a.reports
                             WHEN 'related' THEN CASE WHEN r.rule IS NULL THEN 0 ELSE a.with_value END
                             ELSE 0 END AS assessed, 0::bigint AS failing, 0::bigint AS breaches
    FROM (SELECT a.area, a.indicator, sum(a.figures)::bigint AS figures, sum(a.with_value)::bigint AS with_value,
                 sum(a.with_parts)::bigint AS with_parts, sum(a.counted)::bigint AS counted,
                 sum(a.revisions)::bigint AS revisions, sum(a.reports)::bigint AS reports
          FROM about a GROUP BY a.area, a.indicator) a
    CROSS JOIN tram.rule u
    LEFT JOIN (
      SELECT c.rule, c.left_side AS indicator FROM tram.cross_rule c
      WHERE coalesce(c.valid_from, '-infinity') <= rule_tally.to_day AND coalesce(c.valid_to, 'infinity') >= rule_tally.from_day
      UNION SELECT 'DUNG-12', f.indicator FROM tram.reference_rule f) r ON r.rule = u.rule AND r.indicator = a.indicator
    WHERE coalesce(u.valid_from, '-infinity') <= rule_tally.to_day AND coalesce(u.valid_to, 'infinity') >= rule_tally.from_day
  ), failed AS (
    SELECT x.area, x.indicator, x.rule, count(*) AS failing, count(*) FILTER (WHERE x.breach) AS breaches,
           x.applies_to <> 'report' AND x.line = 0 AS beside
    FROM (
      SELECT s.area, s.indicator, g.rule, u.applies_to, 1 AS line,
             bool_or(g.breach) AS breach
      FROM statement s
      JOIN finding g ON g.agent_no = s.agent_no AND g.report_no = s.report_no AND g.line = s.line
      JOIN tram.rule u ON u.rule = g.rule AND u.applies_to NOT IN ('report', 'measured')
      WHERE g.severity <> 'J' OR NOT s.justified
      GROUP BY s.area, s.indicator, s.area_no, s.key, g.rule, u.applies_to
      UNION ALL
      SELECT l.area, l.indicator, g.rule, u.applies_to, 1, bool_or(g.breach)
      FROM refused_line l
      JOIN finding g ON g.agent_no = l.agent_no AND g.report_no = l.report_no AND g.line = l.line
      JOIN tram.rule u ON u.rule = g.rule AND u.applies_to NOT IN ('report', 'measured')
      GROUP BY l.area, l.indicator, l.agent_no, l.report_no, l.line, g.rule, u.applies_to
      UNION ALL
      SELECT l.area, '', g.rule, u.applies_to, 0, bool_or(g.breach)
      FROM latest_report l
      JOIN finding g ON g.agent_no = l.agent_no AND g.report_no = l.report_no AND g.line = 0
      JOIN tram.rule u ON u.rule = g.rule AND u.applies_to <> 'measured'
      GROUP BY l.area, l.agent_no, l.report_no, g.rule, u.applies_to) x
    GROUP BY x.area, x.indicator, x.rule, x.applies_to <> 'report' AND x.line = 0
  ), measured AS (
    SELECT e.area, e.indicator, 'DU-02' AS rule, count(*) AS assessed,
           count(*) FILTER (WHERE e.state IN ('missing', 'explained')) AS failing
    FROM expected e WHERE e.state <> 'pending' GROUP BY e.area, e.indicator
    UNION ALL
    SELECT e.area, e.indicator, 'SONG-01', count(*),
           count(*) FILTER (WHERE e.state IN ('late', 'missing', 'refused')
                               OR e.state = 'held' AND tram.local_day(e.first_at) > e.due_day)
    FROM expected e WHERE e.state NOT IN ('pending', 'backfilled', 'explained') GROUP BY e.area, e.indicator
    UNION ALL
    SELECT s.area, s.indicator, 'SONG-02', 1, CASE WHEN min(m.day - s.period_to) > min(s.max_age_days) THEN 1 ELSE 0 END
    FROM statement s CROSS JOIN moment m WHERE s.mandatory GROUP BY s.area, s.indicator
    UNION ALL
    SELECT p.area, '', 'DU-06', 1, max(CASE WHEN q.last > q.there THEN 1 ELSE 0 END)
    FROM tram.provider p
    JOIN tram.agent a ON a.agent = p.agent
    CROSS JOIN moment m
    CROSS JOIN LATERAL (
      SELECT max(b.last_seq) AS last, sum(b.last_seq - b.from_seq + 1) AS there
      FROM tram.batch b WHERE b.agent_no = a.agent_no AND b.received_at <= m.as_of GROUP BY b.stream_no) q
    WHERE p.kind = 'province' GROUP BY p.area
    UNION ALL
    SELECT p.area, '', 'SONG-03', 1,
           CASE WHEN (SELECT max(x.told_at) FROM tram.liveness x) - l.heard_at > make_interval(secs => tram.parameter_or('SONG-03.silent_seconds', 900))
                THEN 1 ELSE 0 END
    FROM tram.provider p
    JOIN tram.agent a ON a.agent = p.agent AND a.state = 'active'
    JOIN tram.liveness l ON l.agent_no = a.agent_no
    WHERE p.kind = 'province' AND rule_tally.as_of IS NULL
    UNION ALL
    SELECT o.area, '', 'SONG-05', count(*),
           count(*) FILTER (WHERE o.known_at - o.handed_in_at
                                  > make_interval(secs => tram.parameter_or('SONG-05.budget_seconds', 3600)))
    FROM own_report o WHERE o.purpose <> 'B' GROUP BY o.area
  )
  SELECT t.area, t.indicator, t.rule, greatest(sum(t.assessed), sum(t.failing))::bigint, sum(t.failing)::bigint,
         sum(t.breaches)::bigint
  FROM (
    SELECT t.area, t.indicator, t.rule, t.assessed, t.failing, t.breaches FROM told t WHERE t.assessed > 0
    UNION ALL
    -- a figure's rule that found something in the report itself is held against that report
    SELECT f.area, f.indicator, f.rule, CASE WHEN f.beside THEN f.failing ELSE 0 END, f.failing, f.breaches FROM failed f
    UNION ALL
    SELECT m.area, m.indicator, m.rule, m.assessed::bigint, m.failing::bigint, 0 FROM measured m WHERE m.assessed > 0) t
  GROUP BY t.area, t.indicator, t.rule
$$;

-- Scores: a rule's is passing ÷ assessed × 100; weighted means from rule to word to indicator to province to nation, in which
-- what was never assessed has no part. band: green from 90, yellow from 75, red below; a province's word is red whatever its
-- mean while a figure is refused for an identifier. word '' is all of them. worst_rule costs the score worst_cost points: the
-- costs of all rules add up to what is missing to 100. score is null where nothing was assessed.
CREATE FUNCTION tram.scoreboard_at(as_of timestamptz, from_day date, to_day date)
RETURNS TABLE (area text, area_name text, word text, score numeric, band text, assessed bigint, failing bigint, breaches bigint,
               worst_rule text, worst_cost numeric, worst_indicator text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off AS $$
  WITH tally AS MATERIALIZED (
    SELECT t.area, t.indicator, t.rule, u.word, u.weight, w.weight AS word_weight, t.assessed, t.failing, t.breaches
    FROM tram.rule_tally(scoreboard_at.from_day, scoreboard_at.to_day, scoreboard_at.as_of) t
    JOIN tram.rule u ON u.rule = t.rule
    JOIN tram.word w ON w.word = u.word
    WHERE t.assessed > 0 AND u.weight > 0
  ), cell AS MATERIALIZED (
    -- One word of one indicator. lost: the points that its rules take; in_area, in_all: what a point of it costs the area.
    SELECT c.*, 1.0 / count(*) OVER (PARTITION BY c.area, c.word) AS in_area,
           c.word_weight / nullif(sum(c.word_weight) OVER (PARTITION BY c.area, c.indicator), 0) / i.indicators AS in_all
    FROM (SELECT t.area, t.indicator, t.word, t.word_weight, sum(t.weight) AS weight,
                 100 * sum(t.weight * t.failing / t.assessed) / sum(t.weight) AS lost, sum(t.assessed)::bigint AS assessed,
                 sum(t.failing)::bigint AS failing, sum(t.breaches)::bigint AS breaches
          FROM tally t GROUP BY t.area, t.indicator, t.word, t.word_weight) c
    JOIN (SELECT t.area, count(DISTINCT t.indicator) AS indicators FROM tally t GROUP BY t.area) i ON i.area = c.area
  ), of_area AS MATERIALIZED (
    SELECT c.area, c.word, 100 - sum(c.lost) / count(*) AS score, sum(c.assessed)::bigint AS assessed,
           sum(c.failing)::bigint AS failing, sum(c.breaches)::bigint AS breaches
    FROM cell c GROUP BY c.area, c.word
    UNION ALL
    SELECT c.area, '', 100 - sum(c.lost * c.in_all), sum(c.assessed)::bigint, sum(c.failing)::bigint, sum(c.breaches)::bigint
    FROM cell c GROUP BY c.area
  ), lost AS MATERIALIZED (
    SELECT t.area, t.word, t.rule, t.indicator, 100 * t.weight * t.failing / t.assessed / c.weight AS points, c.in_area, c.in_all
    FROM tally t JOIN cell c ON c.area = t.area AND c.indicator = t.indicator AND c.word = t.word
    WHERE t.failing > 0
  ), cost AS MATERIALIZED (
    SELECT l.area, l.word, l.rule, sum(l.points * l.in_area) AS cost,
           (array_agg(l.indicator ORDER BY l.points * l.in_area DESC, l.indicator))[1] AS indicator
    FROM lost l GROUP BY l.area, l.word, l.rule
    UNION ALL
    SELECT l.area, '', l.rule, sum(l.points * l.in_all),
           (array_agg(l.indicator ORDER BY l.points * l.in_all DESC, l.indicator))[1]
    FROM lost l GROUP BY l.area, l.rule
  ), every AS (
    SELECT a.area, a.word, a.score, a.assessed, a.failing, a.breaches, a.breaches > 0 AND a.word <> '' AS is_breached
    FROM of_area a
    UNION ALL
    SELECT 'VN', a.word, avg(a.score), sum(a.assessed)::bigint, sum(a.failing)::bigint, sum(a.breaches)::bigint, false
    FROM of_area a GROUP BY a.word
  ), every_cost AS (
    SELECT c.area, c.word, c.rule, c.cost, c.indicator FROM cost c
    UNION ALL
    SELECT 'VN', c.word, c.rule, sum(c.cost) / (SELECT count(*) FROM of_area a WHERE a.word = c.word), ''
    FROM cost c GROUP BY c.word, c.rule
  ), row_wanted AS (
    SELECT p.area, w.word, w.word_no FROM (
      SELECT p.area FROM tram.provider p WHERE p.kind = 'province' UNION SELECT 'VN') p
    CROSS JOIN (SELECT w.word, w.word_no FROM tram.word w UNION ALL SELECT '', 0) w
  )
  SELECT r.area, coalesce(n.short_name_vi, r.area), r.word, round(e.score, 2),
         CASE WHEN e.score IS NULL THEN '' WHEN e.is_breached OR round(e.score, 2) < 75 THEN 'red'
              WHEN round(e.score, 2) < 90 THEN 'yellow' ELSE 'green' END,
         coalesce(e.assessed, 0), coalesce(e.failing, 0), coalesce(e.breaches, 0), worst.rule, round(worst.cost, 2),
         nullif(worst.indicator, '')
  FROM row_wanted r
  LEFT JOIN every e ON e.area = r.area AND e.word = r.word
  LEFT JOIN LATERAL (
    SELECT c.rule, c.cost, c.indicator FROM every_cost c
    WHERE c.area = r.area AND c.word = r.word AND c.cost > 0
    ORDER BY c.cost DESC, c.rule LIMIT 1) worst ON true
  LEFT JOIN LATERAL (SELECT a.short_name_vi FROM tram.area a WHERE a.area = r.area ORDER BY a.valid_from DESC LIMIT 1) n ON true
  ORDER BY r.area <> 'VN', r.area, r.word_no
$$;

-- The board of now, over the year that tram.score_window() names; reports: of that year, those handed in again counted once.
DROP VIEW tram.scoreboard;
CREATE VIEW tram.scoreboard AS
SELECT s.area, s.area_name, s.word, coalesce(r.reports, 0) AS reports, s.score, s.band, s.assessed, s.failing, s.breaches,
       s.worst_rule, s.worst_cost, s.worst_indicator, w.from_day, w.to_day
FROM tram.score_window(NULL) w
CROSS JOIN LATERAL tram.scoreboard_at(NULL, w.from_day, w.to_day) s
LEFT JOIN LATERAL (
  SELECT p.area, count(*) AS reports
  FROM tram.due_periods(w.from_day, w.to_day) u
  JOIN tram.report r ON r.dataflow = u.dataflow AND r.period = u.period AND r.repeats IS NULL
  JOIN tram.provider p ON p.provider = r.provider
  WHERE p.kind = 'province'
  GROUP BY p.area) r ON r.area = s.area;

-- The scores of each day as they were seen on it, under the catalogue of that day: what a trend is drawn from, whatever
-- weights and rules become.
CREATE TABLE tram.score_history (
  day               date NOT NULL,
  area              text NOT NULL,
  word              text NOT NULL,                -- '': all of them
  score             numeric,
  band              text NOT NULL,
  assessed          bigint NOT NULL,
  failing           bigint NOT NULL,
  worst_rule        text,
  worst_cost        numeric,
  from_day          date NOT NULL,
  to_day            date NOT NULL,
  catalogue_version integer NOT NULL,
  kept_at           timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (day, area, word)
);

-- Keeps today's scores, once; how many rows that were.
CREATE FUNCTION tram.keep_scores() RETURNS integer
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off AS $$
  WITH kept AS (
    INSERT INTO tram.score_history
    SELECT tram.local_day(clock_timestamp()), s.area, s.word, s.score, s.band, s.assessed, s.failing, s.worst_rule,
           s.worst_cost, s.from_day, s.to_day, c.version
    FROM (SELECT max(version) AS version FROM tram.catalogue HAVING max(version) IS NOT NULL) c
    CROSS JOIN LATERAL (SELECT s.* FROM tram.scoreboard s WHERE s.score IS NOT NULL) s
    WHERE NOT EXISTS (SELECT FROM tram.score_history h WHERE h.day = tram.local_day(clock_timestamp()))
    ON CONFLICT DO NOTHING RETURNING 1)
  SELECT count(*)::integer FROM kept
$$;

-- What is to be announced and was not yet: agents on the roster that were not heard for SONG-03.silent_seconds (agent.missing,
-- once each time), provinces whose due day passed with nothing reported (data.late, once each; of the last 31 days, and not
-- from before the first catalogue was loaded). While nobody listens, nobody is missing.
CREATE FUNCTION tram.announce(listening_since timestamptz)
RETURNS TABLE (event text, agent text, area text, dataflow text, time_period text, due_day date, heard_at timestamptz, silent_seconds bigint)
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off AS $$
  WITH missing AS MATERIALIZED (
    SELECT a.agent, coalesce(p.area, '') AS area, l.heard_at, coalesce(l.heard_at, k.changed_at) AS since
    FROM tram.agent a
    LEFT JOIN tram.liveness l ON l.agent_no = a.agent_no
    LEFT JOIN LATERAL (
      SELECT k.changed_at FROM tram.agent_key k WHERE k.agent_no = a.agent_no ORDER BY k.agent_key_no DESC LIMIT 1) k ON true
    LEFT JOIN LATERAL (SELECT p.area FROM tram.provider p WHERE p.agent = a.agent ORDER BY p.provider LIMIT 1) p ON true
    WHERE a.state = 'active' AND clock_timestamp() - greatest(l.heard_at, k.changed_at, announce.listening_since)
                                 > make_interval(secs => tram.parameter_or('SONG-03.silent_seconds', 900))
  ), late AS MATERIALIZED (
    SELECT p.agent, c.area, c.provider, c.dataflow, c.time_period, c.due_day
    FROM (SELECT tram.local_day(clock_timestamp()) AS today) t
    CROSS JOIN LATERAL (SELECT tram.local_day(min(loaded_at)) AS day FROM tram.catalogue) first
    CROSS JOIN LATERAL tram.completeness(greatest(t.today - 31, first.day), t.today - 1, NULL) c
    JOIN tram.provider p ON p.provider = c.provider
    WHERE c.reported = 0 AND c.held = 0
  ), said AS (
    INSERT INTO tram.announced (event, subject, since)
    SELECT 'agent.missing', m.agent, m.since FROM missing m
    UNION ALL
    SELECT 'data.late', l.provider || ' ' || l.dataflow || ' ' || l.time_period, l.due_day::timestamptz FROM late l
    ON CONFLICT DO NOTHING
    RETURNING tram.announced.event, tram.announced.subject)
  SELECT s.event, m.agent, m.area, '', '', NULL::date, m.heard_at, extract(epoch FROM clock_timestamp() - m.since)::bigint
  FROM said s JOIN missing m ON s.event = 'agent.missing' AND m.agent = s.subject
  UNION ALL
  SELECT s.event, l.agent, l.area, l.dataflow, l.time_period, l.due_day, NULL, NULL
  FROM said s JOIN late l ON s.event = 'data.late' AND s.subject = l.provider || ' ' || l.dataflow || ' ' || l.time_period
$$;

-- ------------------------------------------------------------------ rights

REVOKE EXECUTE ON FUNCTION tram.expected_figures(date, date, timestamptz), tram.completeness(date, date, timestamptz),
  tram.national_completeness(date, date, timestamptz), tram.freshness(timestamptz), tram.agent_liveness_at(timestamptz),
  tram.rule_tally(date, date, timestamptz), tram.scoreboard_at(timestamptz, date, date), tram.keep_scores(), tram.announce(timestamptz)
  FROM PUBLIC;
GRANT EXECUTE ON FUNCTION tram.expected_figures(date, date, timestamptz), tram.completeness(date, date, timestamptz),
  tram.national_completeness(date, date, timestamptz), tram.freshness(timestamptz), tram.agent_liveness_at(timestamptz),
  tram.rule_tally(date, date, timestamptz), tram.scoreboard_at(timestamptz, date, date)
  TO tram_reader, tram_admin, tram_writer;
GRANT EXECUTE ON FUNCTION tram.keep_scores() TO tram_writer, tram_admin;
GRANT EXECUTE ON FUNCTION tram.announce(timestamptz) TO tram_writer;
GRANT SELECT ON tram.agent_liveness, tram.latency, tram.scoreboard, tram.score_history, tram.liveness, tram.frequency TO tram_reader, tram_admin, tram_writer;
GRANT INSERT, UPDATE ON tram.liveness TO tram_writer;
