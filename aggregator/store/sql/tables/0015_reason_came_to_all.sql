-- SPDX-License-Identifier: Apache-2.0
-- flags & 8 of what was stored before 0013 and was not held: tram verify compares it with the report as it was handed in.

UPDATE tram.observation o SET flags = o.flags | 8
FROM tram.stream st, tram.report r
WHERE o.outcome <> 3 AND o.flags & 8 = 0
  AND st.stream_no = (o.report_no >> 40)::integer AND r.agent_no = st.agent_no AND r.report_no = o.report_no
  AND (btrim(r.justification_code || r.justification, E' \t\r\n') <> '' OR EXISTS (
    SELECT FROM tram.observation_note n WHERE n.area_no = o.area_no AND n.key = o.key
      AND btrim(n.justification_code || n.justification, E' \t\r\n') <> ''));
