-- SPDX-License-Identifier: Apache-2.0
-- Decisions on held figures are events too, each told once, so that who follows the feed sees what became of what was held.

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
  SELECT h.agent, h.area, h.provider, h.seq, h.line, h.indicator, h.time_period,
         tram.figure_id(h.area, h.indicator, h.dimensions, h.time_period, h.revision), n.decision, n.decided_by, n.reason
  FROM said s
  JOIN news n ON n.decision_no::text = s.subject
  JOIN tram.observation_history h ON h.area_no = n.area_no AND h.key = n.key
  ORDER BY n.decision_no
$$;

REVOKE EXECUTE ON FUNCTION tram.announce_decisions() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION tram.announce_decisions() TO tram_writer;

INSERT INTO tram.announced (event, subject, since)
SELECT 'observation.decided', d.decision_no::text, d.decided_at FROM tram.decision d;
