-- SPDX-License-Identifier: Apache-2.0
-- A report is justified as a whole, figures say how many sub-units they come from, and a justification is shown wherever
-- the value is that it justifies.

ALTER TABLE tram.report ADD justification_code text NOT NULL DEFAULT '', ADD justification text NOT NULL DEFAULT '';

-- 0: not stated.
ALTER TABLE tram.observation_note ADD units_reporting bigint NOT NULL DEFAULT 0, ADD units_expected bigint NOT NULL DEFAULT 0;

-- Every revision of every figure, with who said it and what became of it. The value of a ratio that stated only its
-- parts follows from them. A figure that was justified and says nothing of its own has its report's justification.
CREATE OR REPLACE VIEW tram.observation_history AS
SELECT n.area, s.indicator, s.dimensions, tram.period_text((o.key >> 14 & 1073741823)::integer) AS time_period,
       (o.key & 16383)::integer AS revision,
       coalesce(o.value, CASE i.unit WHEN 'percent' THEN 100 ELSE 1 END * o.numerator / nullif(o.denominator, 0)) AS value,
       o.numerator, o.denominator, o.weight, nullif(o.rank_out_of, 0) AS rank_out_of,
       i.unit, o.obs_status, q.code AS qualifier, m.code AS missing_reason,
       first.code AS first_outcome, d.decision, d.decided_at, d.decided_by, d.reason AS decision_reason, eff.code AS outcome,
       o.flags & 1 <> 0 AS withdrawn, o.flags & 2 <> 0 AS demonstration, o.flags & 4 <> 0 AS justified,
       o.known_at, st.agent, st.epoch, o.report_no & 1099511627775 AS seq, o.line, r.provider, r.dataflow, r.reference_date,
       r.catalogue_version, note.source_system,
       CASE WHEN btrim(coalesce(note.justification_code, '') || coalesce(note.justification, ''), E' \t\r\n') = ''
                 AND o.flags & 4 <> 0 THEN r.justification_code ELSE note.justification_code END AS justification_code,
       CASE WHEN btrim(coalesce(note.justification_code, '') || coalesce(note.justification, ''), E' \t\r\n') = ''
                 AND o.flags & 4 <> 0 THEN r.justification ELSE note.justification END AS justification,
       note.comment, o.area_no, o.key, o.report_no, st.agent_no,
       nullif(note.units_reporting, 0) AS units_reporting, nullif(note.units_expected, 0) AS units_expected
FROM tram.observation o
JOIN tram.area_number n ON n.area_no = o.area_no
JOIN tram.series s ON s.series_no = (o.key >> 44)::integer
  -- says the same once more, in the form that lets an indicator's figures be found in the primary key
  AND o.key >= (s.series_no::bigint << 44) AND o.key < ((s.series_no::bigint + 1) << 44)
JOIN tram.stream st ON st.stream_no = (o.report_no >> 40)::integer
JOIN tram.report r ON r.agent_no = st.agent_no AND r.report_no = o.report_no
LEFT JOIN tram.indicator i ON i.indicator = s.indicator
LEFT JOIN tram.observation_note note ON note.area_no = o.area_no AND note.key = o.key
LEFT JOIN LATERAL (
  SELECT d.decision, d.decided_at, d.decided_by, d.reason FROM tram.decision d
  WHERE d.area_no = o.area_no AND d.key = o.key ORDER BY d.decision_no DESC LIMIT 1) d ON true
JOIN tram.outcome first ON first.outcome = o.outcome
JOIN tram.outcome eff ON eff.outcome = tram.effective_outcome(o.outcome, d.decision)
LEFT JOIN tram.qualifier q ON q.qualifier = o.qualifier
LEFT JOIN tram.missing_reason m ON m.missing_reason = o.missing_reason;

-- The figures that stand: the latest revision that is accepted, unless a later one took it back.
CREATE OR REPLACE VIEW tram.observation_current AS
SELECT h.* FROM tram.observation_history h
WHERE h.outcome IN ('accepted', 'accepted_with_warnings') AND NOT h.withdrawn AND NOT EXISTS (
  SELECT FROM tram.observation o
  LEFT JOIN LATERAL (
    SELECT d.decision FROM tram.decision d
    WHERE d.area_no = o.area_no AND d.key = o.key ORDER BY d.decision_no DESC LIMIT 1) d ON true
  WHERE o.area_no = h.area_no AND o.key > h.key AND o.key <= (h.key | 16383)
    AND tram.effective_outcome(o.outcome, d.decision) IN (1, 2, 6));
