-- SPDX-License-Identifier: Apache-2.0
-- What things of the catalogue are called: what a person's word is held against.

-- Every name of every indicator, rule, provider and area that roll-ups have. is_code: the code, or another that stands for it; of
-- P63-46 also 63/46 and 46, of the area 63/46 the same. The rest is what people say.
CREATE VIEW tram.name AS
SELECT 'indicator' AS thing, i.indicator AS code, i.indicator AS name, true AS is_code FROM tram.indicator i
UNION ALL
SELECT 'rule', r.rule, r.rule, true FROM tram.rule r
UNION ALL
SELECT 'dataflow', d.dataflow, d.dataflow, true FROM tram.dataflow d
UNION ALL
SELECT CASE p.kind WHEN 'province' THEN 'province' ELSE 'provider' END, p.provider, x.name, x.is_code
FROM tram.provider p
LEFT JOIN LATERAL (
  SELECT a.short_name_vi, a.name_en FROM tram.area a WHERE a.area = p.area ORDER BY a.valid_from DESC LIMIT 1) a
  ON p.kind = 'province'
CROSS JOIN LATERAL (
  VALUES (p.provider, true), (CASE p.kind WHEN 'province' THEN p.area END, true),
         (CASE p.kind WHEN 'province' THEN substring(p.area FROM '^63/(.*)$') END, true), (a.short_name_vi, false),
         (a.name_en, false)) x(name, is_code)
WHERE x.name <> ''
UNION
SELECT 'area', a.area, x.name, x.is_code
FROM tram.area a
LEFT JOIN tram.provider p ON p.area = a.area AND p.kind = 'province'
CROSS JOIN LATERAL (
  VALUES (a.area, true), (p.provider, true), (substring(p.area FROM '^63/(.*)$'), true), (a.short_name_vi, false), (a.name_en, false))
  x(name, is_code)
WHERE a.level IN ('nation', 'region', 'province') AND x.name <> '';
COMMENT ON VIEW tram.name IS 'What indicators, dataflows, rules, areas, provinces and other providers are called: codes, and the names of areas';

GRANT SELECT ON tram.name TO tram_reader, tram_operator, tram_admin, tram_auditor;
GRANT SELECT ON tram.indicator_period TO tram_operator;
