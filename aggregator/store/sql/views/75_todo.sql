-- SPDX-License-Identifier: Apache-2.0
-- Corrections and their deadlines; what a province owes, and when.

-- One row a figure and time that its province was told: it is held, it was refused when it was judged, or it was held or
-- refused by a decision. answered_at: when something came of it, and answer what: a later revision, or one that was refused
-- too or says what is stored already, or a decision of the centre. Where a refused figure cannot be told from others (its
-- indicator was not understood, or it is the report as a whole, line 0), any later report of the provider, dataflow and period
-- counts; of the provider and dataflow where the period was not understood, and of the provider where the dataflow is not known.
-- disputed: it is held though a reason came with it, sound or not, or was held again by a decision; song_06() has it so too.
CREATE VIEW tram.correction_told AS
SELECT c.kind, tram.figure_id(h.area, h.indicator, h.dimensions, h.time_period, h.revision) AS subject, h.provider, h.agent, h.area,
       h.dataflow, h.indicator, h.dimensions, h.time_period, h.revision, h.seq, h.line, f.rules, c.told_at,
       c.kind = 'held' AND (c.decision_no > 0 OR c.reasoned) AS disputed, a.answered_at, a.answer,
       r.period_from, r.period_to, f.found, f.expected AS wanted
FROM (SELECT 'held' AS kind, o.area_no, o.key, o.known_at AS told_at, 0 AS decision_no,
             o.flags & 8 <> 0 AS reasoned
      FROM tram.observation o
      WHERE o.outcome = 3
      UNION ALL
      SELECT d.decision, d.area_no, d.key, d.decided_at, d.decision_no, NULL FROM tram.decision d
      WHERE d.decision IN ('held', 'refused')) c
JOIN tram.observation_history h ON h.area_no = c.area_no AND h.key = c.key
JOIN tram.report r ON r.agent_no = h.agent_no AND r.report_no = h.report_no
CROSS JOIN LATERAL tram.held_for(h.agent_no, h.report_no, h.line) f
LEFT JOIN LATERAL (
  SELECT greatest(x.at, c.told_at) AS answered_at, x.answer FROM (
    SELECT n.known_at AS at, 'revision' AS answer FROM tram.observation n
    WHERE n.area_no = c.area_no AND n.key > c.key AND n.key <= (c.key | 16383)
    UNION ALL
    SELECT d.decided_at, d.decision FROM tram.decision d
    WHERE d.area_no = c.area_no AND d.key = c.key AND d.decision_no > c.decision_no) x
  ORDER BY x.at LIMIT 1) a ON true
UNION ALL
SELECT 'refused', st.agent || '/' || left(st.epoch, 8) || '/' || (r.report_no & 1099511627775) || '#' || f.line, r.provider,
       st.agent, coalesce(n.area, pr.area, f.ref_area), r.dataflow, f.indicator, '', r.time_period, NULL,
       r.report_no & 1099511627775, f.line, f.rules, r.known_at, false, a.answered_at,
       CASE WHEN a.answered_at IS NOT NULL THEN 'revision' END, r.period_from, r.period_to, f.found, f.wanted
FROM tram.report r
JOIN tram.stream st ON st.stream_no = (r.report_no >> 40)::integer
JOIN LATERAL (
  SELECT f.line, min(f.indicator) AS indicator, min(f.ref_area) AS ref_area,
         string_agg(f.rule, ' ' ORDER BY f.finding_no) AS rules, (array_agg(f.found ORDER BY f.finding_no))[1] AS found,
         (array_agg(f.expected ORDER BY f.finding_no))[1] AS wanted
  FROM tram.report_finding f
  WHERE f.agent_no = r.agent_no AND f.report_no = r.report_no AND f.severity = 'B' GROUP BY f.line) f ON true
LEFT JOIN tram.provider pr ON pr.provider = r.provider
LEFT JOIN tram.area_number n ON n.area = tram.area_stated(f.ref_area, pr.area)
LEFT JOIN tram.series s ON s.indicator = f.indicator AND s.dimensions = ''
LEFT JOIN LATERAL (
  SELECT min(x.at) AS answered_at FROM (
    SELECT v.known_at AS at FROM tram.observation v
    WHERE v.area_no = n.area_no AND v.key >= ((s.series_no::bigint << 44) | (r.period::bigint << 14))
      AND v.key <= ((s.series_no::bigint << 44) | (r.period::bigint << 14) | 16383) AND v.known_at > r.known_at AND r.period <> 0
    UNION ALL
    SELECT l.known_at FROM tram.report l
    WHERE l.dataflow = r.dataflow AND l.provider = r.provider AND l.known_at > r.known_at AND l.repeats IS NULL
      AND (r.period = 0 OR l.period = r.period AND (
             f.line = 0 OR n.area_no IS NULL OR s.series_no IS NULL OR EXISTS (
               SELECT FROM tram.report_finding g
               WHERE g.agent_no = l.agent_no AND g.report_no = l.report_no AND (g.severity = 'B' OR g.rule = 'SACH-01')
                 AND g.indicator = f.indicator AND g.ref_area = f.ref_area)))
    UNION ALL
    SELECT l.known_at FROM tram.report l
    WHERE l.agent_no = r.agent_no AND l.provider = r.provider AND l.known_at > r.known_at AND l.repeats IS NULL
      AND NOT EXISTS (SELECT FROM tram.dataflow d WHERE d.dataflow = r.dataflow)) x) a ON true
WHERE r.repeats IS NULL;

-- By when something is to happen to what a province was told, by the days of SONG-06: give the cause, mend it, and the last
-- day, after which the centre is told.
CREATE FUNCTION tram.correction_days(told_at timestamptz, disputed boolean)
RETURNS TABLE (answer_by date, mend_by date, escalate_by date)
LANGUAGE sql STABLE AS $$
  SELECT tram.days_after(t.told, t.cause, t.working),
         tram.days_after(t.told, CASE WHEN correction_days.disputed THEN t.disputed_days ELSE t.mend END, t.working),
         tram.days_after(t.told, greatest(t.disputed_days, t.mend), t.working)
  FROM (SELECT tram.local_day(correction_days.told_at) AS told, tram.parameter_or('SONG-06.cause_days', 5)::integer AS cause,
               tram.parameter_or('SONG-06.mend_days', 10)::integer AS mend,
               tram.parameter_or('SONG-06.disputed_days', 15)::integer AS disputed_days,
               tram.parameter_or('SONG-06.working_days', 0) <> 0 AS working) t
$$;

-- With the days that follow from it. stage: answered; open; late, when the day to have it mended has passed; escalated, when
-- the last day has. deadline: the next day by which something is to happen (of what is escalated, the last one that was);
-- days_left: until then, below 0 when it has passed.
CREATE VIEW tram.correction AS
SELECT t.*, b.answer_by, b.mend_by, b.escalate_by, s.stage,
       CASE WHEN s.stage <> 'answered' THEN d.deadline END AS deadline,
       CASE WHEN s.stage <> 'answered' THEN d.deadline - w.today END AS days_left
FROM tram.correction_told t
CROSS JOIN (SELECT tram.local_day(clock_timestamp()) AS today) w
CROSS JOIN LATERAL tram.correction_days(t.told_at, t.disputed) b
CROSS JOIN LATERAL (
  SELECT CASE WHEN t.answered_at IS NOT NULL THEN 'answered' WHEN w.today > b.escalate_by THEN 'escalated'
              WHEN w.today > b.mend_by THEN 'late' ELSE 'open' END AS stage) s
CROSS JOIN LATERAL (
  SELECT CASE WHEN s.stage <> 'open' THEN b.escalate_by WHEN w.today <= b.answer_by THEN b.answer_by ELSE b.mend_by END
         AS deadline) d;

-- What a provider owes, in the order in which it should be done:
--   refused  a figure, or a report as a whole (indicator empty), that was refused and not mended since
--   held     a figure that is held and waits for a reason, or for being mended
--   late     a report whose due day is over, with the indicators that are missing
--   due      one whose due day is still to come, up to a quarter ahead
-- by: the day by which it is to be done; of refused ones the day to mend them, of held ones that to give the cause
-- (tram.correction_days), and where one was given, to have it settled. What was due, or told, more than two years ago is not
-- asked for any more.
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
  ), told AS MATERIALIZED (
    SELECT c.*, m.today
    FROM tram.provider p
    JOIN tram.correction_told c ON c.provider = p.provider AND c.agent = p.agent -- what another agent said in its name is not its debt
    CROSS JOIN moment m
    WHERE p.provider = todo.provider AND c.told_at <= m.as_of AND tram.local_day(c.told_at) >= m.today - 731
      AND coalesce(c.answered_at > m.as_of, true)
  ), mend AS (
    -- One line for all areas and breakdowns of a refused indicator: the earliest day that is to be kept.
    SELECT DISTINCT ON (t.kind, t.dataflow, t.time_period, t.indicator, CASE t.kind WHEN 'held' THEN t.subject END)
           t.*, CASE WHEN t.kind = 'held' AND NOT t.disputed THEN d.answer_by ELSE d.mend_by END AS by
    FROM told t CROSS JOIN LATERAL tram.correction_days(t.told_at, t.disputed) d
    ORDER BY t.kind, t.dataflow, t.time_period, t.indicator, CASE t.kind WHEN 'held' THEN t.subject END, t.told_at
  ), answer AS (
    SELECT CASE t.kind WHEN 'refused' THEN 1 ELSE 2 END AS no, t.kind, t.dataflow, t.time_period, t.period_from, t.period_to,
           t.by, t.today, 0 AS expected, 0 AS reported, '{}'::text[] AS indicators, t.indicator, t.rules AS rule, t.found, t.wanted
    FROM mend t
    UNION ALL
    SELECT CASE WHEN o.due_day < o.today THEN 3 ELSE 4 END, CASE WHEN o.due_day < o.today THEN 'late' ELSE 'due' END,
           o.dataflow, tram.period_text(o.period), o.period_from, o.period_to, o.due_day, o.today, sum(o.figures)::integer,
           coalesce(sum(o.figures) FILTER (WHERE o.state IN ('on_time', 'late', 'backfilled')), 0)::integer,
           array_agg(DISTINCT o.indicator ORDER BY o.indicator) FILTER (WHERE o.state IN ('missing', 'pending', 'explained')),
           '', '', '', ''
    FROM owed o
    GROUP BY o.dataflow, o.period, o.period_from, o.period_to, o.due_day, o.today
    HAVING bool_or(o.state IN ('missing', 'pending', 'explained')))
  SELECT a.kind, a.dataflow, a.time_period, a.period_from, a.period_to, a.by, a.by - a.today, a.expected,
         a.reported, a.indicators, a.indicator, coalesce(a.rule, ''), coalesce(a.found, ''), coalesce(a.wanted, '')
  FROM answer a ORDER BY a.no, a.by, a.dataflow, a.period_to, a.indicator
$$;

REVOKE EXECUTE ON FUNCTION tram.todo(text, timestamptz) FROM PUBLIC;
COMMENT ON VIEW tram.correction_told IS
  'What a province was told to mend, and what came of it.';
COMMENT ON VIEW tram.correction IS
  'The same with its deadlines and its stage.';
COMMENT ON FUNCTION tram.todo(text, timestamptz) IS
  'What a provider owes and by when, in the order in which it should be done.';

GRANT EXECUTE ON FUNCTION tram.todo(text, timestamptz) TO tram_reader, tram_admin, tram_writer;
GRANT SELECT ON tram.correction_told, tram.correction TO tram_reader, tram_operator, tram_admin;
