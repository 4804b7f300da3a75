-- SPDX-License-Identifier: Apache-2.0
-- Two clocks: agents, and their data.

-- The newest period of each of a province's dataflows for which one of its mandatory figures (or of its communes') stands, and
-- whether that is old (the oldest age that the catalogue allows has passed) or the next one is overdue.
CREATE FUNCTION tram.freshness(at timestamptz DEFAULT NULL)
RETURNS TABLE (provider text, area text, dataflow text, time_period text, period_to date, age_days integer, max_age_days integer,
               overdue_since date, state text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off AS $$
  WITH today AS MATERIALIZED (SELECT tram.local_day(coalesce(freshness.at, clock_timestamp())) AS day),
  wanted AS MATERIALIZED (
    SELECT i.dataflow, d.area_level, max(i.max_age_days) AS max_age_days, array_agg(s.series_no) AS series
    FROM tram.indicator i
    JOIN tram.dataflow d ON d.dataflow = i.dataflow AND d.provided_by = 'province'
    JOIN tram.series s ON s.indicator = i.indicator AND s.dimensions = ''
    WHERE i.mandatory GROUP BY i.dataflow, d.area_level
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
      SELECT FROM (
        SELECT an.area_no WHERE w.area_level = 'province'
        UNION ALL
        SELECT c.area_no FROM tram.commune c
        WHERE w.area_level = 'commune' AND c.province_no = an.area_no
          AND tram.period_end(dp.period) BETWEEN c.valid_from AND c.valid_to) by
      CROSS JOIN unnest(w.series) AS u(series_no)
      CROSS JOIN LATERAL tram.figure_at(by.area_no, (u.series_no::bigint << 44) | (dp.period::bigint << 14),
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
-- aggregator listened last: while it does not listen nobody is silent), 'never' heard. data_state: the worst of its dataflows.
-- band: red when the data are dead, alive as the agent may be.
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

REVOKE EXECUTE ON FUNCTION tram.freshness(timestamptz), tram.agent_liveness_at(timestamptz) FROM PUBLIC;
COMMENT ON FUNCTION tram.freshness(timestamptz) IS
  'The newest period of each province''s dataflows, and whether it is old.';
COMMENT ON FUNCTION tram.agent_liveness_at(timestamptz) IS
  'Agents on one clock, their data on another: alive, silent or never heard; fresh, overdue or old.';
COMMENT ON VIEW tram.agent_liveness IS
  'Agents and their data now.';
COMMENT ON VIEW tram.latency IS
  'How long reports took, hop by hop, over the last 30 days.';

GRANT EXECUTE ON FUNCTION tram.freshness(timestamptz), tram.agent_liveness_at(timestamptz)
  TO tram_reader, tram_admin, tram_writer;
GRANT SELECT ON tram.agent_liveness, tram.latency TO tram_reader, tram_admin, tram_writer;
