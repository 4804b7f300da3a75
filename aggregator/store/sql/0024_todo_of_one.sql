-- SPDX-License-Identifier: Apache-2.0
-- A province that asks what it owes is answered by a lane, which other provinces share: what the others owe is not worked out
-- for it.

DROP FUNCTION tram.expected_figures(date, date, timestamptz);
DROP FUNCTION tram.expected(date, date);

-- Both as before; of_provider: only what this one is expected to report, null: every province.
CREATE FUNCTION tram.expected(from_day date, to_day date, of_provider text DEFAULT NULL)
RETURNS TABLE (provider text, area text, dataflow text, time_period text, period integer, period_from date, period_to date,
               due_day date, indicator text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off SET enable_nestloop = on ROWS 5000 AS $$
  SELECT p.provider, p.area, due.dataflow, tram.period_text(due.period), due.period, due.period_from, due.period_to,
         due.due_day, i.indicator
  FROM tram.due_periods(expected.from_day, expected.to_day) due
  JOIN tram.dataflow d ON d.dataflow = due.dataflow AND d.provided_by = 'province'
  JOIN tram.provider p ON p.kind = d.provided_by
    AND (expected.of_provider IS NULL OR p.provider = expected.of_provider)
  JOIN tram.area a ON a.area = p.area AND a.valid_from <= due.period_to AND coalesce(a.valid_to, 'infinity') >= due.period_to
  JOIN tram.indicator i ON i.dataflow = due.dataflow AND i.mandatory
    AND due.frequency::text = ANY (string_to_array(i.frequencies, '|'))
    AND i.valid_from <= due.period_to AND coalesce(i.valid_to, 'infinity') >= due.period_to
$$;

CREATE FUNCTION tram.expected_figures(from_day date, to_day date, as_of timestamptz DEFAULT NULL, of_provider text DEFAULT NULL)
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
    FROM tram.expected(expected_figures.from_day, expected_figures.to_day, expected_figures.of_provider) e
    CROSS JOIN moment m
    JOIN tram.area_number n ON n.area = e.area
    LEFT JOIN tram.series s ON s.indicator = e.indicator AND s.dimensions = ''
    CROSS JOIN LATERAL (SELECT (s.series_no::bigint << 44) | (e.period::bigint << 14) AS first_key) k
    LEFT JOIN LATERAL tram.figure_at(n.area_no, k.first_key, m.as_of) f ON true
  ), refused AS MATERIALIZED (
    SELECT DISTINCT p.provider, r.dataflow, r.period, CASE g.line WHEN 0 THEN '' ELSE g.indicator END AS indicator
    FROM (SELECT DISTINCT a.dataflow, a.period, a.as_of FROM answer a) due
    JOIN tram.report r ON r.dataflow = due.dataflow AND r.period = due.period AND r.repeats IS NULL AND r.known_at <= due.as_of
      AND (expected_figures.of_provider IS NULL OR r.provider = expected_figures.of_provider)
    JOIN tram.provider p ON p.provider = r.provider
    JOIN tram.agent a ON a.agent_no = r.agent_no AND a.agent = p.agent
    JOIN tram.report_finding g ON g.agent_no = r.agent_no AND g.report_no = r.report_no AND g.severity = 'B'
  )
  SELECT a.provider, a.area, a.dataflow, a.period, a.period_from, a.period_to, a.due_day, a.indicator,
         CASE WHEN a.stands THEN CASE WHEN first.purpose = 'B' THEN 'backfilled'
                                      WHEN tram.local_day(first.received_at) <= a.due_day THEN 'on_time'
                                      ELSE 'late' END
              WHEN a.held THEN 'held'
              WHEN a.told THEN 'explained'
              WHEN (a.provider, a.dataflow, a.period, a.indicator) IN (SELECT r.provider, r.dataflow, r.period, r.indicator FROM refused r)
                OR (a.provider, a.dataflow, a.period, '') IN (SELECT r.provider, r.dataflow, r.period, r.indicator FROM refused r)
                OR EXISTS (
                  SELECT FROM (
                    SELECT DISTINCT ON (d.key) d.decision FROM tram.decision d
                    WHERE d.area_no = a.area_no AND d.key BETWEEN a.first_key AND a.first_key + 16383 AND d.decided_at <= a.as_of
                    ORDER BY d.key, d.decision_no DESC) latest
                  WHERE latest.decision = 'refused') THEN 'refused'
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

REVOKE EXECUTE ON FUNCTION tram.expected_figures(date, date, timestamptz, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION tram.expected_figures(date, date, timestamptz, text) TO tram_reader, tram_admin, tram_writer;

CREATE OR REPLACE FUNCTION tram.todo(provider text, at timestamptz DEFAULT NULL)
RETURNS TABLE (kind text, dataflow text, time_period text, period_from date, period_to date, by date, days_left integer,
               expected integer, reported integer, indicators text[], indicator text, rule text, found text, wanted text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off AS $$
  WITH moment AS MATERIALIZED (
    SELECT tram.local_day(least(todo.at, clock_timestamp())) AS today, coalesce(todo.at, 'infinity') AS as_of
  ), owed AS MATERIALIZED (
    SELECT e.*, m.today
    FROM moment m
    CROSS JOIN LATERAL tram.expected_figures(m.today - 731, m.today + 92, todo.at, todo.provider) e
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
