-- SPDX-License-Identifier: Apache-2.0
-- What a province owes, and when; corrections and their deadlines.

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

-- One row a figure and time that its province was told: it is held, it was refused when it was judged, or it was refused by a
-- decision. answered_at: when something came of it, and answer what: a later revision, or one that was refused too, or a
-- decision of the centre. Where a refused figure cannot be told from others (its indicator or period was not understood), any
-- later report of the provider and dataflow counts. line 0: the report as a whole.
CREATE VIEW tram.correction_told AS
SELECT 'held' AS kind, h.id AS subject, h.provider, h.agent, h.area, o.dataflow, h.indicator, h.dimensions, h.time_period,
       h.revision, h.seq, h.line, h.rules, h.held_at AS told_at,
       coalesce(h.justification, '') <> '' OR h.decision = 'held' AS disputed, a.answered_at, a.answer
FROM tram.held h
JOIN tram.report o ON o.agent_no = h.agent_no AND o.report_no = h.report_no
LEFT JOIN LATERAL (
  SELECT x.at AS answered_at, x.answer FROM (
    SELECT n.known_at AS at, 'revision' AS answer FROM tram.observation n
    WHERE n.area_no = h.area_no AND n.key > h.key AND n.key <= (h.key | 16383)
    UNION ALL
    SELECT d.decided_at, d.decision FROM tram.decision d
    WHERE d.area_no = h.area_no AND d.key = h.key AND d.decision <> 'held') x
  ORDER BY x.at LIMIT 1) a ON true
UNION ALL
SELECT 'refused', h.id, h.provider, h.agent, h.area, o.dataflow, h.indicator, h.dimensions, h.time_period,
       h.revision, h.seq, h.line, h.rules, h.decided_at, false, a.answered_at, CASE WHEN a.answered_at IS NOT NULL THEN 'revision' END
FROM tram.held h
JOIN tram.report o ON o.agent_no = h.agent_no AND o.report_no = h.report_no
LEFT JOIN LATERAL (
  SELECT min(n.known_at) AS answered_at FROM tram.observation n
  WHERE n.area_no = h.area_no AND n.key > h.key AND n.key <= (h.key | 16383) AND n.known_at > h.decided_at) a ON true
WHERE h.decision = 'refused'
UNION ALL
SELECT 'refused', st.agent || '/' || left(st.epoch, 8) || '/' || (r.report_no & 1099511627775) || '#' || f.line, r.provider,
       st.agent, coalesce(n.area, pr.area, f.ref_area), r.dataflow, f.indicator, '', r.time_period, NULL,
       r.report_no & 1099511627775, f.line, f.rules, r.known_at, false, a.answered_at,
       CASE WHEN a.answered_at IS NOT NULL THEN 'revision' END
FROM tram.report r
JOIN tram.stream st ON st.stream_no = (r.report_no >> 40)::integer
JOIN LATERAL (
  SELECT f.line, min(f.indicator) AS indicator, min(f.ref_area) AS ref_area, string_agg(f.rule, ' ' ORDER BY f.finding_no) AS rules
  FROM tram.report_finding f
  WHERE f.agent_no = r.agent_no AND f.report_no = r.report_no AND f.severity = 'B' GROUP BY f.line) f ON true
LEFT JOIN tram.provider pr ON pr.provider = r.provider
LEFT JOIN tram.area_number n ON n.area = CASE WHEN strpos(f.ref_area, '/') > 0 THEN f.ref_area
                                              ELSE split_part(pr.area, '/', 1) || '/' || f.ref_area END
LEFT JOIN tram.series s ON s.indicator = f.indicator AND s.dimensions = ''
LEFT JOIN LATERAL (
  SELECT min(x.at) AS answered_at FROM (
    SELECT v.known_at AS at FROM tram.observation v
    WHERE v.area_no = n.area_no AND v.key >= ((s.series_no::bigint << 44) | (r.period::bigint << 14))
      AND v.key <= ((s.series_no::bigint << 44) | (r.period::bigint << 14) | 16383) AND v.known_at > r.known_at AND r.period <> 0
    UNION ALL
    SELECT l.known_at FROM tram.report l
    WHERE l.dataflow = r.dataflow AND l.provider = r.provider AND l.known_at > r.known_at AND l.repeats IS NULL
      AND (f.line = 0 OR r.period = 0 OR n.area_no IS NULL OR s.series_no IS NULL OR l.period = r.period AND EXISTS (
             SELECT FROM tram.report_finding g
             WHERE g.agent_no = l.agent_no AND g.report_no = l.report_no AND g.severity = 'B' AND g.indicator = f.indicator
               AND g.ref_area = f.ref_area))) x) a ON true
WHERE r.repeats IS NULL;

-- With the days that follow from it. stage: answered; open; late, when the day to have it mended has passed; escalated, when
-- the last day has. deadline: the next day by which something is to happen (of what is escalated, the last one that was);
-- days_left: until then, below 0 when it has passed.
CREATE VIEW tram.correction AS
SELECT t.*, b.answer_by, b.mend_by, b.escalate_by, s.stage,
       CASE WHEN s.stage <> 'answered' THEN d.deadline END AS deadline,
       CASE WHEN s.stage <> 'answered' THEN d.deadline - b.today END AS days_left
FROM tram.correction_told t
CROSS JOIN LATERAL (
  SELECT tram.local_day(t.told_at) AS told, tram.local_day(clock_timestamp()) AS today,
         tram.parameter_or('SONG-06.working_days', 0) <> 0 AS working) w
CROSS JOIN LATERAL (
  SELECT w.today, tram.days_after(w.told, tram.parameter_or('SONG-06.cause_days', 5)::integer, w.working) AS answer_by,
         tram.days_after(w.told, CASE WHEN t.disputed THEN tram.parameter_or('SONG-06.disputed_days', 15)
                                      ELSE tram.parameter_or('SONG-06.mend_days', 10) END::integer, w.working) AS mend_by,
         tram.days_after(w.told, greatest(tram.parameter_or('SONG-06.disputed_days', 15),
                                          tram.parameter_or('SONG-06.mend_days', 10))::integer, w.working) AS escalate_by) b
CROSS JOIN LATERAL (
  SELECT CASE WHEN t.answered_at IS NOT NULL THEN 'answered' WHEN b.today > b.escalate_by THEN 'escalated'
              WHEN b.today > b.mend_by THEN 'late' ELSE 'open' END AS stage) s
CROSS JOIN LATERAL (
  SELECT CASE WHEN s.stage <> 'open' THEN b.escalate_by WHEN b.today <= b.answer_by THEN b.answer_by ELSE b.mend_by END
         AS deadline) d;

REVOKE EXECUTE ON FUNCTION tram.todo(text, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION tram.todo(text, timestamptz) TO tram_reader, tram_admin, tram_writer;
GRANT SELECT ON tram.correction_told, tram.correction TO tram_reader, tram_operator, tram_admin;
