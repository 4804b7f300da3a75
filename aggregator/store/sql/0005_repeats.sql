-- SPDX-License-Identifier: Apache-2.0
-- Reports that an outbox which was made anew hands in again are known by what they are, and counted once.

-- The report of another epoch of the same agent that this one is: the same bytes, handed in at the same time. It
-- states nothing. Null: it is none.
ALTER TABLE tram.report ADD repeats bigint;

-- By time first, so that what is written together lies together.
CREATE INDEX report_by_hand_in ON tram.report (agent_no, handed_in_at, digest, report_no);
CREATE INDEX verdict_by_report ON tram.verdict (agent_no, report_no, verdict_seq);

-- Every finding ever made, with the rule's texts. Those that a repeated report's verdict repeats were made once.
CREATE OR REPLACE VIEW tram.finding AS
SELECT f.rule, w.word, f.severity, st.agent, r.provider, r.dataflow, r.time_period, f.indicator, f.ref_area, f.line, f.field,
       f.found, f.expected, u.message_vi, u.message_en, u.remedy_vi, u.remedy_en, coalesce(r.known_at, p.known_at) AS known_at,
       st.epoch, f.report_no & 1099511627775 AS seq, f.finding_no, f.report_no, f.agent_no
FROM tram.report_finding f
JOIN tram.stream st ON st.stream_no = (f.report_no >> 40)::integer
LEFT JOIN tram.report r ON r.agent_no = f.agent_no AND r.report_no = f.report_no
LEFT JOIN tram.poison p ON p.agent_no = f.agent_no AND p.report_no = f.report_no
LEFT JOIN tram.rule u ON u.rule = f.rule
LEFT JOIN tram.word w ON w.word = u.word
WHERE r.repeats IS NULL;

-- How each province's reports fared by each word, by the latest verdict of each report; one that was handed in again by a
-- renewed outbox is one. share: of 100 reports, how many passed without a remark.
CREATE OR REPLACE VIEW tram.scoreboard AS
WITH latest AS (
  SELECT DISTINCT ON (v.agent_no, v.report_no) v.agent_no, v.report_no, v.words
  FROM tram.verdict v ORDER BY v.agent_no, v.report_no, v.verdict_seq DESC
)
SELECT pr.area, a.short_name_vi AS area_name, w.word, count(*) AS reports,
       count(*) FILTER (WHERE letter = 'P') AS passed, count(*) FILTER (WHERE letter = 'W') AS warned,
       count(*) FILTER (WHERE letter = 'H') AS held, count(*) FILTER (WHERE letter = 'F') AS failed,
       round(100.0 * count(*) FILTER (WHERE letter = 'P') / count(*), 2) AS share
FROM latest l
JOIN tram.report r ON r.agent_no = l.agent_no AND r.report_no = l.report_no AND r.repeats IS NULL
JOIN tram.provider pr ON pr.provider = r.provider
CROSS JOIN tram.word w
CROSS JOIN LATERAL (SELECT substr(l.words, w.word_no, 1) AS letter) letters
LEFT JOIN LATERAL (
  SELECT a.short_name_vi FROM tram.area a WHERE a.area = pr.area ORDER BY a.valid_from DESC LIMIT 1) a ON true
GROUP BY pr.area, a.short_name_vi, w.word_no, w.word
ORDER BY pr.area, w.word_no;
