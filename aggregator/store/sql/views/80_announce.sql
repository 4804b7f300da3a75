-- SPDX-License-Identifier: Apache-2.0
-- What is to be announced and was not yet.

-- What is to be announced and was not yet: agents on the roster that were not heard for SONG-03.silent_seconds (agent.missing,
-- once each time; one that was never heard and has no keys counts from the day it was put on the roster), provinces whose due
-- day passed with nothing reported (data.late, once each; of the last 31 days, and not from before the first catalogue was
-- loaded). While nobody listens, nobody is missing.
CREATE FUNCTION tram.announce(listening_since timestamptz)
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
    SELECT 'data.late', l.provider || ' ' || l.dataflow || ' ' || l.time_period, l.due_day::timestamp AT TIME ZONE 'Asia/Ho_Chi_Minh'
    FROM late l
    ON CONFLICT DO NOTHING
    RETURNING tram.announced.event, tram.announced.subject)
  SELECT s.event, m.agent, m.area, '', '', NULL::date, m.heard_at, extract(epoch FROM clock_timestamp() - m.since)::bigint
  FROM said s JOIN missing m ON s.event = 'agent.missing' AND m.agent = s.subject
  UNION ALL
  SELECT s.event, l.agent, l.area, l.dataflow, l.time_period, l.due_day, NULL, NULL
  FROM said s JOIN late l ON s.event = 'data.late' AND s.subject = l.provider || ' ' || l.dataflow || ' ' || l.time_period
$$;

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

-- What a person decided and was not announced yet; says it in tram.announced. Decisions of before this migration are not news.
CREATE FUNCTION tram.announce_decisions()
RETURNS TABLE (agent text, area text, provider text, seq bigint, observation integer, indicator text, time_period text,
               id text, decision text, decided_by text, reason text)
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off AS $$
  WITH news AS MATERIALIZED (
    SELECT d.* FROM tram.decision d
    WHERE d.decided_at > clock_timestamp() - interval '92 days'
      AND NOT EXISTS (SELECT FROM tram.announced a
                      WHERE a.event = 'observation.decided' AND a.subject = d.decision_no::text AND a.since = d.decided_at)
    ORDER BY d.decision_no LIMIT 1000
  ), said AS (
    INSERT INTO tram.announced (event, subject, since)
    SELECT 'observation.decided', n.decision_no::text, n.decided_at FROM news n
    ON CONFLICT DO NOTHING
    RETURNING tram.announced.subject)
  SELECT h.agent, coalesce(p.area, h.area), h.provider, h.seq, h.line, h.indicator, h.time_period,
         tram.figure_id(h.area, h.indicator, h.dimensions, h.time_period, h.revision), n.decision, n.decided_by, n.reason
  FROM said s
  JOIN news n ON n.decision_no::text = s.subject
  JOIN tram.observation_history h ON h.area_no = n.area_no AND h.key = n.key
  LEFT JOIN tram.provider p ON p.provider = h.provider
  ORDER BY n.decision_no
$$;

-- Which periods were closed and were not announced yet; says it in tram.announced.
CREATE FUNCTION tram.announce_closings()
RETURNS TABLE (dataflow text, time_period text, vintage integer, closed_at timestamptz, closed_by text, reason text,
               provisional boolean, figures bigint, digest text)
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off AS $$
  WITH news AS MATERIALIZED (
    SELECT c.* FROM tram.closed_period c
    WHERE c.closed_at > clock_timestamp() - interval '92 days'
      AND NOT EXISTS (SELECT FROM tram.announced a
                      WHERE a.event = 'period.closed' AND a.subject = c.closing_no::text AND a.since = c.closed_at)
    ORDER BY c.closing_no LIMIT 1000
  ), said AS (
    INSERT INTO tram.announced (event, subject, since)
    SELECT 'period.closed', n.closing_no::text, n.closed_at FROM news n
    ON CONFLICT DO NOTHING
    RETURNING tram.announced.subject)
  SELECT n.dataflow, n.time_period, n.vintage, n.closed_at, n.closed_by, n.reason, n.provisional, n.figures, n.digest
  FROM said s JOIN news n ON n.closing_no::text = s.subject
  ORDER BY n.closing_no
$$;

REVOKE EXECUTE ON FUNCTION tram.announce(timestamptz), tram.announce_corrections(), tram.announce_decisions(),
                           tram.announce_closings() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION tram.announce(timestamptz), tram.announce_corrections(), tram.announce_decisions(),
                          tram.announce_closings() TO tram_writer;
