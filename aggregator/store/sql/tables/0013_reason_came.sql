-- SPDX-License-Identifier: Apache-2.0
-- flags & 8: a reason came with the figure, its own or its report's, sound or not. Of what was stored before, it is only
-- asked of what was held.

UPDATE tram.observation o SET flags = o.flags | 8
FROM tram.stream st, tram.report r
WHERE o.outcome = 3 AND st.stream_no = (o.report_no >> 40)::integer AND r.agent_no = st.agent_no AND r.report_no = o.report_no
  AND (btrim(r.justification_code || r.justification, E' \t\r\n') <> '' OR EXISTS (
    SELECT FROM tram.observation_note n WHERE n.area_no = o.area_no AND n.key = o.key
      AND btrim(n.justification_code || n.justification, E' \t\r\n') <> ''));
