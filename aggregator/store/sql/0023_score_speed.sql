-- SPDX-License-Identifier: Apache-2.0
-- What scores and completeness ask, asked of all figures at once: a breakdown by district has hundreds of thousands of them a year.

-- Every figure's latest statement by a moment, as before. A series' periods of one frequency lie side by side in the key: they
-- are read in one go, and not period by period. Decisions are few beside figures.
CREATE OR REPLACE FUNCTION tram.statements(from_day date, to_day date, as_of timestamptz)
RETURNS TABLE (provider text, area text, indicator text, is_integer boolean, has_parts boolean, mandatory boolean,
               max_age_days integer, period integer, period_to date, area_no integer, key bigint, agent_no integer,
               report_no bigint, line integer, known_at timestamptz, has_value boolean, justified boolean)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET jit = off SET enable_nestloop = off ROWS 10000 AS $$
  WITH due AS MATERIALIZED (
    SELECT u.dataflow, u.frequency, u.period, u.period_to FROM tram.due_periods(statements.from_day, statements.to_day) u
  ), decided AS MATERIALIZED (
    SELECT DISTINCT ON (d.area_no, d.key) d.area_no, d.key, d.decision FROM tram.decision d
    WHERE d.decided_at <= statements.as_of ORDER BY d.area_no, d.key, d.decision_no DESC
  )
  SELECT p.provider, p.area, i.indicator, i.is_integer, i.over_area = 'ratio_of_sums' OR i.kind = 'count_ratio', i.mandatory,
         i.max_age_days, u.period, u.period_to, n.area_no, o.key, st.agent_no, o.report_no, o.line, o.known_at,
         o.missing_reason = 0, o.flags & 4 <> 0 OR d.decision IS NOT DISTINCT FROM 'released'
  FROM (SELECT u.dataflow, u.frequency, min(u.period)::bigint << 14 AS first, (max(u.period)::bigint << 14) + 16383 AS last
        FROM due u GROUP BY u.dataflow, u.frequency) span
  JOIN tram.indicator i ON i.dataflow = span.dataflow
  JOIN tram.series s ON s.indicator = i.indicator
  JOIN tram.provider p ON p.kind = 'province'
  JOIN tram.area_number n ON n.area = p.area
  CROSS JOIN LATERAL (
    SELECT DISTINCT ON (o.key >> 14) o.key, o.report_no, o.line, o.flags, o.missing_reason, o.known_at FROM tram.observation o
    WHERE o.area_no = n.area_no AND o.key BETWEEN s.series_no::bigint << 44 | span.first AND s.series_no::bigint << 44 | span.last
      AND o.known_at <= statements.as_of
    ORDER BY o.key >> 14, o.key DESC) o
  JOIN due u ON u.dataflow = span.dataflow AND u.period = (o.key >> 14 & 1073741823)::integer
  JOIN tram.stream st ON st.stream_no = (o.report_no >> 40)::integer
  LEFT JOIN decided d ON d.area_no = n.area_no AND d.key = o.key
  WHERE o.flags & 1 = 0 AND d.decision IS DISTINCT FROM 'withdrawn'
$$;

-- As before, but what was refused is found once for all figures, and not figure by figure.
CREATE OR REPLACE FUNCTION tram.expected_figures(from_day date, to_day date, as_of timestamptz DEFAULT NULL)
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
  ), refused AS MATERIALIZED (
    SELECT DISTINCT p.provider, r.dataflow, r.period, CASE g.line WHEN 0 THEN '' ELSE g.indicator END AS indicator
    FROM (SELECT DISTINCT a.dataflow, a.period, a.as_of FROM answer a) due
    JOIN tram.report r ON r.dataflow = due.dataflow AND r.period = due.period AND r.repeats IS NULL AND r.known_at <= due.as_of
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

DROP FUNCTION tram.is_refused(text, text, integer, text, integer, bigint, timestamptz);

-- As before, with the calendar asked once and not for every period.
CREATE OR REPLACE FUNCTION tram.score_window(as_of timestamptz DEFAULT NULL)
RETURNS TABLE (from_day date, to_day date)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off AS $$
  WITH moment AS MATERIALIZED (SELECT tram.local_day(least(score_window.as_of, clock_timestamp())) AS today),
  reported AS MATERIALIZED (
    SELECT p.dataflow, p.period FROM tram.dataflow_period p
    JOIN tram.dataflow d ON d.dataflow = p.dataflow AND d.provided_by = 'province'
  ), due AS MATERIALIZED (
    SELECT u.dataflow, u.period, u.due_day
    FROM moment m CROSS JOIN (SELECT min(tram.period_start(r.period)) - 366 AS first FROM reported r) s
    CROSS JOIN LATERAL tram.due_periods(s.first, m.today) u
  ), newest AS (
    SELECT coalesce(max(u.due_day), max(m.today)) AS day
    FROM moment m LEFT JOIN (reported r JOIN due u ON u.dataflow = r.dataflow AND u.period = r.period) ON true)
  SELECT (n.day - interval '1 year')::date + 1, n.day FROM newest n
$$;
