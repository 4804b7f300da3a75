-- SPDX-License-Identifier: Apache-2.0
-- What was announced, beside what adds up.

-- equal: the roll-up, in the announcement's unit and rounded to the last digit announced, is the figure announced. A
-- figure announced as two parts is compared part by part.
CREATE VIEW tram.claim AS
SELECT f.figure_no, f.indicator, f.time_period, f.value AS published_value, f.numerator AS published_numerator,
       f.denominator AS published_denominator, f.unit AS published_unit, f.unit_mult AS published_unit_mult,
       f.qualifier AS published_qualifier, f.announced_on, f.source,
       r.value, r.numerator, r.denominator, r.method, r.unit, r.boundary, r.catalogue_version, r.areas_reporting,
       r.areas_expected, r.coverage_weight, r.finality, r.obs_status, r.qualifier, r.demonstration, r.held,
       r.parts_reporting, r.parts_expected, r.missing, r.interval_low, r.interval_high, r.interval_basis, r.vintage, r.known_at,
       r.moved,
       CASE
         WHEN coalesce(r.areas_reporting, 0) = 0 OR c.value IS NULL AND c.numerator IS NULL
           THEN CASE WHEN r.held > 0 THEN 'held' ELSE 'missing' END
         WHEN f.value IS NOT NULL AND round(c.value, scale(f.value)) IS DISTINCT FROM f.value
           OR f.numerator IS NOT NULL AND round(c.numerator, scale(f.numerator)) IS DISTINCT FROM f.numerator
           OR f.denominator IS NOT NULL AND round(c.denominator, scale(f.denominator)) IS DISTINCT FROM f.denominator
           THEN 'different'
         ELSE 'equal'
       END AS agreement
FROM tram.published_figure f
LEFT JOIN LATERAL tram.rollup_at(f.indicator, tram.period_pack(f.time_period), 'nation', NULL, 'infinity', 0) r ON true
CROSS JOIN LATERAL (
  SELECT tram.shift(r.value, -f.unit_mult) AS value, tram.shift(r.numerator, -f.unit_mult) AS numerator,
         tram.shift(r.denominator, -f.unit_mult) AS denominator) c;

COMMENT ON VIEW tram.claim IS
  'What was announced beside the national figure as it is now: equal, different, held or missing.';

GRANT SELECT ON tram.claim TO tram_reader, tram_admin;
