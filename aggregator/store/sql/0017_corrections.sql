-- SPDX-License-Identifier: Apache-2.0
-- Figures that were held or refused, and whether their province answered in time (SONG-06): so many days to verify and give
-- the cause, so many to have it mended, and so many at the most, also where the figure is disputed. What passes its days
-- unanswered is announced, once a step.

-- A day so many days after another; with working days, Saturdays and Sundays do not count. Holidays are not known.
CREATE FUNCTION tram.days_after(day date, days integer, working boolean) RETURNS date
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN CASE WHEN days <= 0 OR NOT working THEN day + greatest(days, 0)
            ELSE (SELECT d::date FROM generate_series(day + 1, day + 2 * days + 2, interval '1 day') d
                  WHERE extract(isodow FROM d) < 6 ORDER BY d OFFSET days - 1 LIMIT 1) END;

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

-- What passed a deadline and was not announced yet; says it in tram.announced, so that it is said once. due: the day to give
-- the cause has passed; late, escalated: as above. Of what was told in the last 92 days, and a thousand at a time.
CREATE FUNCTION tram.announce_corrections()
RETURNS TABLE (event text, agent text, area text, provider text, kind text, dataflow text, indicator text, time_period text,
               rules text, told_at timestamptz, deadline date)
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off AS $$
  WITH waiting AS MATERIALIZED (
    SELECT c.*, e.event, e.passed
    FROM tram.correction c
    CROSS JOIN LATERAL (VALUES ('correction.due', c.answer_by), ('correction.late', c.mend_by),
                               ('correction.escalated', c.escalate_by)) e(event, passed)
    WHERE c.told_at > clock_timestamp() - interval '92 days' AND c.stage <> 'answered'
      AND e.passed < tram.local_day(clock_timestamp())
      AND NOT EXISTS (SELECT FROM tram.announced a
                      WHERE a.event = e.event AND a.subject = c.subject AND a.since = c.told_at)
    ORDER BY c.told_at, e.passed LIMIT 1000
  ), said AS (
    INSERT INTO tram.announced (event, subject, since) SELECT w.event, w.subject, w.told_at FROM waiting w
    ON CONFLICT DO NOTHING
    RETURNING tram.announced.event, tram.announced.subject, tram.announced.since)
  SELECT w.event, w.agent, coalesce(w.area, ''), w.provider, w.kind, w.dataflow, w.indicator, w.time_period,
         coalesce(w.rules, ''), w.told_at, w.passed
  FROM said s JOIN waiting w ON w.event = s.event AND w.subject = s.subject AND w.told_at = s.since
  ORDER BY w.told_at, w.passed
$$;

REVOKE EXECUTE ON FUNCTION tram.announce_corrections() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION tram.announce_corrections() TO tram_writer;
GRANT SELECT ON tram.correction_told, tram.correction TO tram_reader, tram_operator, tram_admin;
