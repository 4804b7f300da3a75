-- SPDX-License-Identifier: Apache-2.0
-- Who was connected when a figure was decided on is for the store to say: an operator states everything else of a decision.
REVOKE INSERT ON tram.decision, tram.verdict FROM tram_operator;
GRANT INSERT (area_no, key, decision, decided_at, decided_by, rule, reason, verdict_seq) ON tram.decision TO tram_operator;
GRANT INSERT (verdict_seq, report_no, known_at, agent_no, catalogue_version, words, cause, outcomes, decided_by, reason)
  ON tram.verdict TO tram_operator;

-- The same, but for one thing: what is missing from a report (DU-02) holds none of its figures.
CREATE OR REPLACE VIEW tram.held AS
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
  WHERE f.agent_no = h.agent_no AND f.report_no = h.report_no AND (f.line = h.line OR f.line = 0 AND f.rule <> 'DU-02')
    AND f.severity IN ('J', 'B')) f ON true
LEFT JOIN LATERAL (
  SELECT (o.key & 16383)::integer AS revision, o.known_at
  FROM tram.observation o
  LEFT JOIN LATERAL (
    SELECT d.decision FROM tram.decision d
    WHERE d.area_no = o.area_no AND d.key = o.key ORDER BY d.decision_no DESC LIMIT 1) d ON true
  WHERE o.area_no = h.area_no AND o.key > h.key AND o.key <= (h.key | 16383)
    AND tram.effective_outcome(o.outcome, d.decision) IN (1, 2, 6)
  ORDER BY o.key LIMIT 1) later ON true;
