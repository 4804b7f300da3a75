-- SPDX-License-Identifier: Apache-2.0
-- What a judgement knew, so that it can be made again.

-- The peer cut that the lane had when it gave the verdict; 0: none.
ALTER TABLE tram.verdict ADD peer_cut integer NOT NULL DEFAULT 0;

-- The rules that asked for a reason for a figure, codes with spaces between; null: none did.
CREATE FUNCTION tram.asked(agent_no integer, report_no bigint, line integer) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
RETURN (SELECT string_agg(DISTINCT f.rule, ' ') FROM tram.report_finding f
        WHERE f.agent_no = asked.agent_no AND f.report_no = asked.report_no AND f.line = asked.line AND f.severity = 'J');
