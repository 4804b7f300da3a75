-- SPDX-License-Identifier: Apache-2.0
-- Figures one by one, findings, the quarantine.

-- Every revision of every figure, with who said it and what became of it. The value of a ratio that stated only its
-- parts follows from them. A figure that was justified and says nothing of its own has its report's justification.
CREATE VIEW tram.observation_history AS
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
CREATE VIEW tram.observation_current AS
SELECT h.* FROM tram.observation_history h
WHERE h.outcome IN ('accepted', 'accepted_with_warnings') AND NOT h.withdrawn AND NOT EXISTS (
  SELECT FROM tram.observation o
  LEFT JOIN LATERAL (
    SELECT d.decision FROM tram.decision d
    WHERE d.area_no = o.area_no AND d.key = o.key ORDER BY d.decision_no DESC LIMIT 1) d ON true
  WHERE o.area_no = h.area_no AND o.key > h.key AND o.key <= (h.key | 16383)
    AND tram.effective_outcome(o.outcome, d.decision) IN (1, 2, 6));

-- The justification of the figure that stood for an area at a moment; no row: none came with it, or no single figure does.
CREATE FUNCTION tram.justification_at(area text, indicator text, period integer, as_of timestamptz)
RETURNS TABLE (justification_code text, justification text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT h.justification_code, h.justification
  FROM tram.area_number n
  JOIN tram.series s ON s.indicator = justification_at.indicator AND s.dimensions = ''
  CROSS JOIN LATERAL (SELECT (s.series_no::bigint << 44) | (justification_at.period::bigint << 14) AS first) k
  CROSS JOIN LATERAL tram.figure_at(n.area_no, k.first, justification_at.as_of) f
  JOIN tram.observation_history h ON h.area_no = n.area_no AND h.key = k.first + f.revision
  WHERE n.area = justification_at.area AND coalesce(h.justification_code, '') || coalesce(h.justification, '') <> ''
$$;

-- Every finding ever made, with the rule's texts. Those that a repeated report's verdict repeats were made once. answered:
-- the reason it asks for was given for the revision before.
CREATE VIEW tram.finding AS
SELECT f.rule, w.word, f.severity, st.agent, r.provider, r.dataflow, r.time_period, f.indicator, f.ref_area, f.line, f.field,
       f.found, f.expected, u.message_vi, u.message_en, u.remedy_vi, u.remedy_en, coalesce(r.known_at, p.known_at) AS known_at,
       st.epoch, f.report_no & 1099511627775 AS seq, f.finding_no, f.report_no, f.agent_no, f.answered
FROM tram.report_finding f
JOIN tram.stream st ON st.stream_no = (f.report_no >> 40)::integer
LEFT JOIN tram.report r ON r.agent_no = f.agent_no AND r.report_no = f.report_no
LEFT JOIN tram.poison p ON p.agent_no = f.agent_no AND p.report_no = f.report_no
LEFT JOIN tram.rule u ON u.rule = f.rule
LEFT JOIN tram.word w ON w.word = u.word
WHERE r.repeats IS NULL;

-- Why a figure is held, or was refused: rules, codes with spaces between, and what the first of them found. What is missing
-- from a report (DU-02) holds none of its figures.
CREATE FUNCTION tram.held_for(agent_no integer, report_no bigint, line integer)
RETURNS TABLE (rules text, found text, expected text)
LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp ROWS 1 AS $$
  SELECT string_agg(f.rule, ' ' ORDER BY f.finding_no), (array_agg(f.found ORDER BY f.finding_no))[1],
         (array_agg(f.expected ORDER BY f.finding_no))[1]
  FROM tram.report_finding f
  WHERE f.agent_no = held_for.agent_no AND f.report_no = held_for.report_no
    AND (f.line = held_for.line OR f.line = 0 AND f.rule <> 'DU-02') AND f.severity IN ('J', 'B')
$$;

-- Figures that are held or ever were, what became of them, and whether a later accepted revision has overtaken them.
CREATE VIEW tram.held AS
SELECT tram.figure_id(h.area, h.indicator, h.dimensions, h.time_period, h.revision) AS id,
       h.area, a.short_name_vi AS area_name, h.indicator, h.dimensions, h.time_period, h.revision, h.value, h.numerator,
       h.denominator, h.unit, h.known_at AS held_at, h.provider, h.agent, h.epoch, h.seq, h.line, f.rules, f.found, f.expected,
       h.justification, h.area_no, h.key, h.justification_code, h.outcome, h.decision, h.decided_at, h.decided_by,
       h.decision_reason, later.revision AS overtaken_by, later.known_at AS overtaken_at, h.report_no, h.agent_no, a.name_en AS area_name_en
FROM (SELECT o.area_no, o.key FROM tram.observation o WHERE o.outcome = 3
      UNION
      SELECT d.area_no, d.key FROM tram.decision d WHERE d.decision = 'held') candidate
JOIN tram.observation_history h ON h.area_no = candidate.area_no AND h.key = candidate.key
LEFT JOIN LATERAL (
  SELECT a.short_name_vi, a.name_en FROM tram.area a WHERE a.area = h.area ORDER BY a.valid_from DESC LIMIT 1) a ON true
CROSS JOIN LATERAL tram.held_for(h.agent_no, h.report_no, h.line) f
LEFT JOIN LATERAL (
  SELECT (o.key & 16383)::integer AS revision, o.known_at
  FROM tram.observation o
  LEFT JOIN LATERAL (
    SELECT d.decision FROM tram.decision d
    WHERE d.area_no = o.area_no AND d.key = o.key ORDER BY d.decision_no DESC LIMIT 1) d ON true
  WHERE o.area_no = h.area_no AND o.key > h.key AND o.key <= (h.key | 16383)
    AND tram.effective_outcome(o.outcome, d.decision) IN (1, 2, 6)
  ORDER BY o.key LIMIT 1) later ON true;

-- Figures that are held now and wait for a person or a correction. One that a later accepted revision has overtaken no
-- longer waits.
CREATE VIEW tram.quarantine AS
SELECT h.area, h.area_name, h.indicator, h.dimensions, h.time_period, h.revision, h.value, h.numerator, h.denominator, h.unit,
       h.held_at, h.provider, h.agent, h.epoch, h.seq, h.line, h.rules, h.found, h.expected, h.justification, h.area_no, h.key,
       h.id, h.justification_code
FROM tram.held h
WHERE h.outcome = 'held' AND h.overtaken_by IS NULL;

COMMENT ON VIEW tram.observation_history IS
  'Every statement of a figure, every revision of it, with what became of it and the report that made it.';
COMMENT ON VIEW tram.observation_current IS
  'Of each figure the statement that stands now.';
COMMENT ON FUNCTION tram.justification_at(text, text, integer, timestamptz) IS
  'Why a province''s figure is right, as it was known at a moment: the code and the words that were given.';
COMMENT ON VIEW tram.finding IS
  'What the rules found, figure by figure.';
COMMENT ON VIEW tram.held IS
  'Every figure in the quarantine, with the rules that hold it.';
COMMENT ON VIEW tram.quarantine IS
  'What is held, as people read it, with the id by which it is released or refused.';
COMMENT ON FUNCTION tram.held_for(integer, bigint, integer) IS
  'The rules that hold a figure of a report, and what they found.';

GRANT SELECT ON tram.observation_history, tram.observation_current, tram.finding TO tram_reader, tram_admin;
GRANT SELECT ON tram.held, tram.quarantine TO tram_reader, tram_admin, tram_operator;
REVOKE EXECUTE ON FUNCTION tram.held_for(integer, bigint, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION tram.held_for(integer, bigint, integer) TO tram_reader, tram_operator, tram_admin, tram_writer;
REVOKE EXECUTE ON FUNCTION tram.justification_at(text, text, integer, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION tram.justification_at(text, text, integer, timestamptz) TO tram_reader, tram_admin;
