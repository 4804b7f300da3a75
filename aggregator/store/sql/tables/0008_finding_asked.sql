-- SPDX-License-Identifier: Apache-2.0
-- What a finding asked for before a reason, or the catalogue, made it milder: its texts go by it. Answered: the reason was
-- given for the revision before.
ALTER TABLE tram.report_finding
  ADD COLUMN asked "char",
  ADD COLUMN answered boolean NOT NULL DEFAULT false;

-- It was written at the end of what is expected until now.
UPDATE tram.report_finding f
SET answered = a.answered, asked = CASE WHEN a.answered THEN 'J' ELSE f.severity END,
    expected = CASE WHEN a.answered THEN left(f.expected, -length('; justified')) ELSE f.expected END
FROM (SELECT g.agent_no, g.report_no, g.finding_no, g.severity = 'W' AND g.expected LIKE '%; justified' AS answered
      FROM tram.report_finding g) a
WHERE (a.agent_no, a.report_no, a.finding_no) = (f.agent_no, f.report_no, f.finding_no);

ALTER TABLE tram.report_finding ALTER COLUMN asked SET NOT NULL;
