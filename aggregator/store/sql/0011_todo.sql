-- SPDX-License-Identifier: Apache-2.0
-- What a province owes, and when.

-- An agent that was never heard and has no keys counts from the day it was put on the roster.
CREATE OR REPLACE FUNCTION tram.announce(listening_since timestamptz)
RETURNS TABLE (event text, agent text, area text, dataflow text, time_period text, due_day date, heard_at timestamptz, silent_seconds bigint)
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off AS $$
  WITH missing AS MATERIALIZED (
    SELECT a.agent, coalesce(p.area, '') AS area, l.heard_at, coalesce(l.heard_at, k.changed_at, a.added_at) AS since
    FROM tram.agent a
    LEFT JOIN tram.liveness l ON l.agent_no = a.agent_no
    LEFT JOIN LATERAL (
      SELECT k.changed_at FROM tram.agent_key k WHERE k.agent_no = a.agent_no ORDER BY k.agent_key_no DESC LIMIT 1) k ON true
    LEFT JOIN LATERAL (SELECT p.area FROM tram.provider p WHERE p.agent = a.agent ORDER BY p.provider LIMIT 1) p ON true
    WHERE a.state = 'active' AND clock_timestamp() - greatest(l.heard_at, k.changed_at, a.added_at, announce.listening_since)
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

-- What a provider owes, in the order in which it should be done:
--   refused  a figure that was refused and not mended since
--   held     a figure that is held and waits for a reason, or for being mended
--   late     a report whose due day is over, with the indicators that are missing
--   due      one whose due day is still to come, up to a quarter ahead
-- by: the day by which it is to be done; for refused and held ones counted from the day it was told (SONG-06.mend_days,
-- SONG-06.cause_days). What was due more than two years ago is not asked for any more.
CREATE FUNCTION tram.todo(provider text, at timestamptz DEFAULT NULL)
RETURNS TABLE (kind text, dataflow text, time_period text, period_from date, period_to date, by date, days_left integer,
               expected integer, reported integer, indicators text[], indicator text, rule text, found text, wanted text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off AS $$
  WITH moment AS MATERIALIZED (
    SELECT tram.local_day(least(todo.at, clock_timestamp())) AS today, coalesce(todo.at, 'infinity') AS as_of
  ), owed AS MATERIALIZED (
    SELECT e.*, m.today
    FROM moment m
    CROSS JOIN LATERAL tram.expected_figures(m.today - 731, m.today + 92, todo.at) e
    WHERE e.provider = todo.provider
  ), report AS MATERIALIZED (
    SELECT DISTINCT o.dataflow, o.period, o.period_from, o.period_to, o.due_day, o.today FROM owed o
  ), refused AS (
    SELECT DISTINCT ON (o.dataflow, o.period, o.indicator)
           o.dataflow, o.period, o.period_from, o.period_to, o.indicator, o.today, g.rule, g.found, g.expected, r.known_at
    FROM owed o
    CROSS JOIN moment m
    JOIN tram.provider p ON p.provider = o.provider
    JOIN tram.agent a ON a.agent = p.agent
    JOIN tram.report r ON r.dataflow = o.dataflow AND r.period = o.period AND r.provider = o.provider
                      AND r.agent_no = a.agent_no AND r.repeats IS NULL AND r.known_at <= m.as_of
    JOIN tram.report_finding g ON g.agent_no = r.agent_no AND g.report_no = r.report_no AND g.severity = 'B'
                              AND (g.line = 0 OR g.indicator = o.indicator)
    WHERE o.state = 'refused'
    ORDER BY o.dataflow, o.period, o.indicator, r.known_at DESC, r.report_no DESC, g.finding_no
  ), held AS (
    SELECT r.dataflow, r.period, r.period_from, r.period_to, r.today, q.indicator, q.rules, q.found, q.expected, q.held_at
    FROM tram.quarantine q
    JOIN report r ON r.period = tram.period_pack(q.time_period)
    JOIN tram.indicator i ON i.indicator = q.indicator AND i.dataflow = r.dataflow
    WHERE q.provider = todo.provider AND todo.at IS NULL
  ), answer AS (
    SELECT 1 AS no, 'refused' AS kind, x.dataflow, x.period, x.period_from, x.period_to,
           tram.local_day(x.known_at) + tram.parameter_or('SONG-06.mend_days', 10)::integer AS by, x.today, 0 AS expected,
           0 AS reported, '{}'::text[] AS indicators, x.indicator, x.rule, x.found, x.expected AS wanted
    FROM refused x
    UNION ALL
    SELECT 2, 'held', x.dataflow, x.period, x.period_from, x.period_to,
           tram.local_day(x.held_at) + tram.parameter_or('SONG-06.cause_days', 5)::integer, x.today, 0, 0, '{}', x.indicator,
           x.rules, x.found, x.expected
    FROM held x
    UNION ALL
    SELECT CASE WHEN o.due_day < o.today THEN 3 ELSE 4 END, CASE WHEN o.due_day < o.today THEN 'late' ELSE 'due' END,
           o.dataflow, o.period, o.period_from, o.period_to, o.due_day, o.today, count(*)::integer,
           count(*) FILTER (WHERE o.state IN ('on_time', 'late', 'backfilled'))::integer,
           array_agg(o.indicator ORDER BY o.indicator) FILTER (WHERE o.state IN ('missing', 'pending', 'explained')),
           '', '', '', ''
    FROM owed o
    GROUP BY o.dataflow, o.period, o.period_from, o.period_to, o.due_day, o.today
    HAVING bool_or(o.state IN ('missing', 'pending', 'explained')))
  SELECT a.kind, a.dataflow, tram.period_text(a.period), a.period_from, a.period_to, a.by, a.by - a.today, a.expected,
         a.reported, a.indicators, a.indicator, coalesce(a.rule, ''), coalesce(a.found, ''), coalesce(a.wanted, '')
  FROM answer a ORDER BY a.no, a.by, a.dataflow, a.period, a.indicator
$$;

REVOKE EXECUTE ON FUNCTION tram.todo(text, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION tram.todo(text, timestamptz) TO tram_reader, tram_admin, tram_writer;
