-- SPDX-License-Identifier: Apache-2.0
-- Decisions of the centre on figures that are held: by whom and why, what the province is told of them, and who may make
-- them.

-- The verdict that tells the province of it, by which a decision has its place among all that happened to the agent. Null:
-- made before there were such. decided_by is the name that was given; decided_as, who was connected.
ALTER TABLE tram.decision
  ADD verdict_seq bigint,
  ADD decided_as  text NOT NULL DEFAULT session_user;

-- Of a verdict whose cause is a decision.
ALTER TABLE tram.verdict
  ADD decided_by text NOT NULL DEFAULT '',
  ADD reason     text NOT NULL DEFAULT '';

-- What people call one revision of one figure: short, and the same in every store that has the figure.
CREATE FUNCTION tram.figure_id(area text, indicator text, dimensions text, time_period text, revision integer) RETURNS text
LANGUAGE sql STABLE STRICT PARALLEL SAFE
RETURN left(encode(sha256(convert_to(area || '|' || indicator || '|' || dimensions || '|' || time_period || '|' || revision,
                                     'UTF8')), 'hex'), 10);

-- Figures that are held or ever were, what became of them, and whether a later accepted revision has overtaken them.
CREATE VIEW tram.held AS
SELECT tram.figure_id(h.area, h.indicator, h.dimensions, h.time_period, h.revision) AS id,
       h.area, a.short_name_vi AS area_name, h.indicator, h.dimensions, h.time_period, h.revision, h.value, h.numerator,
       h.denominator, h.unit, h.known_at AS held_at, h.provider, h.agent, h.epoch, h.seq, h.line, f.rules, f.found, f.expected,
       h.justification, h.area_no, h.key, h.justification_code, h.outcome, h.decision, h.decided_at, h.decided_by,
       h.decision_reason, later.revision AS overtaken_by, later.known_at AS overtaken_at, h.report_no, h.agent_no
FROM (SELECT o.area_no, o.key FROM tram.observation o WHERE o.outcome = 3
      UNION
      SELECT d.area_no, d.key FROM tram.decision d WHERE d.decision = 'held') candidate
JOIN tram.observation_history h ON h.area_no = candidate.area_no AND h.key = candidate.key
LEFT JOIN LATERAL (
  SELECT a.short_name_vi FROM tram.area a WHERE a.area = h.area ORDER BY a.valid_from DESC LIMIT 1) a ON true
LEFT JOIN LATERAL (
  SELECT string_agg(f.rule, ' ' ORDER BY f.finding_no) AS rules, (array_agg(f.found ORDER BY f.finding_no))[1] AS found,
         (array_agg(f.expected ORDER BY f.finding_no))[1] AS expected
  FROM tram.report_finding f
  WHERE f.agent_no = h.agent_no AND f.report_no = h.report_no AND f.line IN (h.line, 0) AND f.severity IN ('J', 'B')) f ON true
LEFT JOIN LATERAL (
  SELECT (o.key & 16383)::integer AS revision, o.known_at
  FROM tram.observation o
  LEFT JOIN LATERAL (
    SELECT d.decision FROM tram.decision d
    WHERE d.area_no = o.area_no AND d.key = o.key ORDER BY d.decision_no DESC LIMIT 1) d ON true
  WHERE o.area_no = h.area_no AND o.key > h.key AND o.key <= (h.key | 16383)
    AND tram.effective_outcome(o.outcome, d.decision) IN (1, 2, 6)
  ORDER BY o.key LIMIT 1) later ON true;

-- Those that are held now and wait for a person or a correction. One that a later accepted revision has overtaken no
-- longer waits.
CREATE OR REPLACE VIEW tram.quarantine AS
SELECT h.area, h.area_name, h.indicator, h.dimensions, h.time_period, h.revision, h.value, h.numerator, h.denominator, h.unit,
       h.held_at, h.provider, h.agent, h.epoch, h.seq, h.line, h.rules, h.found, h.expected, h.justification, h.area_no, h.key,
       h.id, h.justification_code
FROM tram.held h
WHERE h.outcome = 'held' AND h.overtaken_by IS NULL;

-- ------------------------------------------------------------------ rights

-- Who decides on figures appends decisions and their verdicts, and nothing else.
DO $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'tram_operator') THEN
    CREATE ROLE tram_operator LOGIN;
  END IF;
END $$;

GRANT USAGE ON SCHEMA tram TO tram_operator;
GRANT SELECT ON tram.held, tram.quarantine TO tram_reader, tram_admin, tram_operator;
GRANT SELECT ON tram.schema_migration, tram.agent, tram.stream, tram.report, tram.poison, tram.report_finding, tram.verdict,
                tram.word, tram.rule, tram.rule_text
  TO tram_operator;
GRANT INSERT ON tram.decision, tram.verdict TO tram_operator;
GRANT UPDATE (verdict_seq) ON tram.agent TO tram_operator;
REVOKE INSERT ON tram.decision, tram.verdict FROM tram_admin;
REVOKE UPDATE (verdict_seq) ON tram.agent FROM tram_admin;
