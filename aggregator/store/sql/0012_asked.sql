-- SPDX-License-Identifier: Apache-2.0
-- What a figure was asked for in a revision before, and had been justified then, stays answered in those that follow: the
-- finding is a warning, and what it expects ends with the word for it.
CREATE OR REPLACE FUNCTION tram.asked(agent_no integer, report_no bigint, line integer) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
RETURN (SELECT string_agg(DISTINCT f.rule, ' ') FROM tram.report_finding f
        WHERE f.agent_no = asked.agent_no AND f.report_no = asked.report_no AND f.line = asked.line
          AND (f.severity = 'J' OR (f.severity = 'W' AND f.expected LIKE '%; justified')));
