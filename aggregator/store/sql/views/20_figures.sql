-- SPDX-License-Identifier: Apache-2.0
-- What became of one figure.

-- The first outcome, unless a later decision changed it.
CREATE FUNCTION tram.effective_outcome(outcome smallint, decision text) RETURNS smallint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE decision
  WHEN 'released'  THEN 1::smallint
  WHEN 'held'      THEN 3::smallint
  WHEN 'refused'   THEN 4::smallint
  WHEN 'withdrawn' THEN 6::smallint
  ELSE outcome
END;

-- Whether a figure has what a method adds up.
CREATE FUNCTION tram.has_parts(method text, value numeric, numerator numeric, denominator numeric, weight numeric)
RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE method
  WHEN 'sum' THEN value IS NOT NULL
  WHEN 'ratio_of_sums' THEN numerator IS NOT NULL AND denominator IS NOT NULL
  WHEN 'weighted_mean' THEN value IS NOT NULL AND weight IS NOT NULL
  ELSE value IS NOT NULL OR numerator IS NOT NULL AND denominator IS NOT NULL
END;

-- The figure of one area for one series and period (first_key: with revision 0) as it was known at a moment: the latest
-- revision that was then accepted or taken back, and whether a later one was held. A held correction hides nothing; a
-- withdrawal does. No row: nothing was ever stored.
CREATE FUNCTION tram.figure_at(area_no integer, first_key bigint, as_of timestamptz)
RETURNS TABLE (revision integer, value numeric, numerator numeric, denominator numeric, weight numeric, qualifier smallint,
               missing_reason smallint, flags smallint, obs_status "char", outcome smallint, held boolean)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT c.revision, c.value, c.numerator, c.denominator, c.weight, c.qualifier, c.missing_reason, c.flags, c.obs_status,
         c.outcome, newest.outcome = 3
  FROM (SELECT o.key, tram.effective_outcome(o.outcome, d.decision) AS outcome
        FROM tram.observation o
        LEFT JOIN LATERAL (
          SELECT d.decision FROM tram.decision d
          WHERE d.area_no = o.area_no AND d.key = o.key AND d.decided_at <= figure_at.as_of
          ORDER BY d.decision_no DESC LIMIT 1) d ON true
        WHERE o.area_no = figure_at.area_no AND o.key BETWEEN figure_at.first_key AND figure_at.first_key + 16383
          AND o.known_at <= figure_at.as_of
        ORDER BY o.key DESC LIMIT 1) newest
  LEFT JOIN LATERAL (
        SELECT (o.key & 16383)::integer AS revision, o.value, o.numerator, o.denominator, o.weight, o.qualifier,
               o.missing_reason, o.flags, o.obs_status, tram.effective_outcome(o.outcome, d.decision) AS outcome
        FROM tram.observation o
        LEFT JOIN LATERAL (
          SELECT d.decision FROM tram.decision d
          WHERE d.area_no = o.area_no AND d.key = o.key AND d.decided_at <= figure_at.as_of
          ORDER BY d.decision_no DESC LIMIT 1) d ON true
        WHERE o.area_no = figure_at.area_no AND o.key BETWEEN figure_at.first_key AND newest.key
          AND o.known_at <= figure_at.as_of
          AND tram.effective_outcome(o.outcome, d.decision) IN (1, 2, 6)
        ORDER BY o.key DESC LIMIT 1) c ON true
$$;

-- The rules that asked for a reason for a figure, codes with spaces between; null: none did. What was asked for in a revision
-- before, and justified then, stays answered in those that follow.
CREATE FUNCTION tram.asked(agent_no integer, report_no bigint, line integer) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
RETURN (SELECT string_agg(DISTINCT f.rule, ' ') FROM tram.report_finding f
        WHERE f.agent_no = asked.agent_no AND f.report_no = asked.report_no AND f.line = asked.line
          AND (f.severity = 'J' OR f.answered));

-- What people call one revision of one figure: short, and the same in every store that has the figure.
CREATE FUNCTION tram.figure_id(area text, indicator text, dimensions text, time_period text, revision integer) RETURNS text
LANGUAGE sql STABLE STRICT PARALLEL SAFE
RETURN left(encode(sha256(convert_to(area || '|' || indicator || '|' || dimensions || '|' || time_period || '|' || revision,
                                     'UTF8')), 'hex'), 10);

CREATE FUNCTION tram.parameter_or(parameter text, otherwise bigint) RETURNS bigint
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN coalesce((SELECT p.value FROM tram.parameter p WHERE p.parameter = parameter_or.parameter), parameter_or.otherwise);
END $$;
