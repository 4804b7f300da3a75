-- SPDX-License-Identifier: Apache-2.0
-- What is expected, and what came of it.

-- The periods of every dataflow that are due in a span of days.
CREATE FUNCTION tram.due_periods(from_day date, to_day date)
RETURNS TABLE (dataflow text, frequency "char", period integer, period_from date, period_to date, due_day date)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET jit = off ROWS 50 AS $$
  SELECT d.dataflow, f.frequency, (f.kind << 27) | ((p.first - DATE '1900-01-01') << 10),
         coalesce(tram.day_of_month(p.first, c.from_month, c.from_day), p.first), x.period_to, x.due_day
  FROM tram.dataflow d
  CROSS JOIN LATERAL string_to_table(d.frequencies, '|') AS named
  JOIN tram.frequency f ON f.frequency = named::"char"
  JOIN tram.due_rule u ON u.due = d.due AND u.frequency = f.frequency
  LEFT JOIN tram.calendar_rule c ON c.calendar = d.calendar AND c.frequency = f.frequency
  CROSS JOIN LATERAL (
    SELECT g.first::date AS first
    FROM generate_series(date_trunc('year', greatest(due_periods.from_day, DATE '1902-01-01')::timestamp - interval '2 years'),
                         least(due_periods.to_day, DATE '2256-01-01')::timestamp + interval '2 years',
                         make_interval(months => f.months)) g(first)) p
  CROSS JOIN LATERAL (
    SELECT coalesce(tram.day_of_month(p.first, f.months - 1 + c.to_month, c.to_day),
                    tram.day_of_month(p.first, f.months - 1, 0)) AS period_to,
           tram.day_of_month(p.first, f.months - 1 + u.month, u.day) AS due_day) x
  WHERE x.due_day BETWEEN due_periods.from_day AND due_periods.to_day
    AND d.valid_from <= x.period_to AND coalesce(d.valid_to, 'infinity') >= x.period_to
$$;

-- Every figure that a province owes by a day of the span: the mandatory indicators of its dataflows that are in force on
-- the period's last day. An indicator that an area has nothing to report for is answered with not_applicable. What the
-- centre's bodies report is no province's debt: nobody is named who owes it. of_provider: only what this one is expected to
-- report; null: every province. area_level: of dataflows in which provinces state their own figures, or those of their communes
-- (each row is then owed for every commune).
CREATE FUNCTION tram.expected(from_day date, to_day date, of_provider text DEFAULT NULL, area_level text DEFAULT 'province')
RETURNS TABLE (provider text, area text, dataflow text, time_period text, period integer, period_from date, period_to date,
               due_day date, indicator text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off SET enable_nestloop = on ROWS 5000 AS $$
  SELECT p.provider, p.area, due.dataflow, tram.period_text(due.period), due.period, due.period_from, due.period_to,
         due.due_day, i.indicator
  FROM tram.due_periods(expected.from_day, expected.to_day) due
  JOIN tram.dataflow d ON d.dataflow = due.dataflow AND d.provided_by = 'province' AND d.area_level = expected.area_level
  JOIN tram.provider p ON p.kind = d.provided_by
    AND (expected.of_provider IS NULL OR p.provider = expected.of_provider)
  JOIN tram.area a ON a.area = p.area AND a.valid_from <= due.period_to AND coalesce(a.valid_to, 'infinity') >= due.period_to
  JOIN tram.indicator i ON i.dataflow = due.dataflow AND i.mandatory
    AND due.frequency::text = ANY (string_to_array(i.frequencies, '|'))
    AND i.valid_from <= due.period_to AND coalesce(i.valid_to, 'infinity') >= due.period_to
$$;

-- Every figure's latest statement by a moment, over the periods that are due in a span of days (area: the province's, area_no:
-- its own or that of its commune whose figure it is). taken_back: it states nothing
-- any more. A series' periods of one frequency lie side by side in the key: they are read in one go, and not period by
-- period: a breakdown by district has hundreds of thousands of figures a year. Decisions are few beside figures.
CREATE FUNCTION tram.statements(from_day date, to_day date, as_of timestamptz)
RETURNS TABLE (provider text, area text, indicator text, is_integer boolean, has_parts boolean, mandatory boolean,
               max_age_days integer, period integer, period_to date, area_no integer, key bigint, agent_no integer,
               report_no bigint, line integer, known_at timestamptz, has_value boolean, justified boolean, taken_back boolean)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET jit = off SET enable_nestloop = off ROWS 10000 AS $$
  WITH due AS MATERIALIZED (
    SELECT u.dataflow, u.frequency, u.period, u.period_to FROM tram.due_periods(statements.from_day, statements.to_day) u
  ), decided AS MATERIALIZED (
    SELECT DISTINCT ON (d.area_no, d.key) d.area_no, d.key, d.decision FROM tram.decision d
    WHERE d.decided_at <= statements.as_of ORDER BY d.area_no, d.key, d.decision_no DESC
  )
  SELECT p.provider, p.area, i.indicator, i.is_integer, i.over_area = 'ratio_of_sums' OR i.kind = 'count_ratio', i.mandatory,
         i.max_age_days, u.period, u.period_to, n.area_no, o.key, st.agent_no, o.report_no, o.line, o.known_at,
         o.missing_reason = 0, o.flags & 4 <> 0 OR d.decision IS NOT DISTINCT FROM 'released',
         o.flags & 1 <> 0 OR d.decision IS NOT DISTINCT FROM 'withdrawn'
  FROM (SELECT u.dataflow, u.frequency, min(u.period)::bigint << 14 AS first, (max(u.period)::bigint << 14) + 16383 AS last
        FROM due u GROUP BY u.dataflow, u.frequency) span
  JOIN tram.indicator i ON i.dataflow = span.dataflow
  JOIN tram.series s ON s.indicator = i.indicator
  JOIN tram.dataflow w ON w.dataflow = span.dataflow
  JOIN tram.provider p ON p.kind = 'province'
  JOIN (SELECT n.area, n.area_no, 'province' AS area_level FROM tram.area_number n
        UNION ALL
        SELECT DISTINCT n.area, c.area_no, 'commune' FROM tram.commune c JOIN tram.area_number n ON n.area_no = c.province_no) n
    ON n.area = p.area AND n.area_level = w.area_level
  CROSS JOIN LATERAL (
    SELECT DISTINCT ON (o.key >> 14) o.key, o.report_no, o.line, o.flags, o.missing_reason, o.known_at FROM tram.observation o
    WHERE o.area_no = n.area_no AND o.key BETWEEN s.series_no::bigint << 44 | span.first AND s.series_no::bigint << 44 | span.last
      AND o.known_at <= statements.as_of
    ORDER BY o.key >> 14, o.key DESC) o
  JOIN due u ON u.dataflow = span.dataflow AND u.period = (o.key >> 14 & 1073741823)::integer
  JOIN tram.stream st ON st.stream_no = (o.report_no >> 40)::integer
  LEFT JOIN decided d ON d.area_no = n.area_no AND d.key = o.key
$$;

-- The area that a province's report names, with its vintage or without one.
CREATE FUNCTION tram.area_stated(ref_area text, province text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN strpos(ref_area, '/') > 0 THEN ref_area ELSE split_part(province, '/', 1) || '/' || ref_area END;

-- The states of tram.expected_figures(). newest: the outcome of what was stored last; refused_after: something was refused since.
CREATE FUNCTION tram.what_came_of_it(stands boolean, held boolean, told boolean, newest smallint, refused_after boolean,
                                     purpose "char", first_at timestamptz, due_day date, today date)
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
RETURN CASE WHEN stands THEN CASE WHEN purpose = 'B' THEN 'backfilled'
                                  WHEN tram.local_day(first_at) <= due_day THEN 'on_time'
                                  ELSE 'late' END
            WHEN held THEN 'held'
            WHEN told THEN 'explained'
            WHEN newest = 4 OR refused_after THEN 'refused'
            WHEN due_day < today THEN 'missing'
            ELSE 'pending' END;

-- The same for the figures of communes, each of those that are in force on the period's last day by itself; those of a province to
-- which the same happened are one row. Communes of ten thousand figures are read series by series in one go and joined by hash,
-- where a province's few are looked up.
CREATE FUNCTION tram.expected_of_communes(from_day date, to_day date, as_of timestamptz, of_provider text)
RETURNS TABLE (provider text, area text, dataflow text, period integer, period_from date, period_to date, due_day date,
               indicator text, state text, first_at timestamptz, figures integer)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET jit = off SET enable_nestloop = off ROWS 5000 AS $$
  WITH moment AS MATERIALIZED (
    SELECT coalesce(expected_of_communes.as_of, 'infinity') AS as_of,
           tram.local_day(least(expected_of_communes.as_of, clock_timestamp())) AS today
  ), owed AS MATERIALIZED (
    SELECT e.*, n.area_no AS province_no, s.series_no
    FROM tram.expected(expected_of_communes.from_day, expected_of_communes.to_day, expected_of_communes.of_provider, 'commune') e
    JOIN tram.area_number n ON n.area = e.area
    LEFT JOIN tram.series s ON s.indicator = e.indicator AND s.dimensions = ''
  ), decided AS MATERIALIZED (
    SELECT DISTINCT ON (d.area_no, d.key) d.area_no, d.key, d.decision FROM tram.decision d CROSS JOIN moment m
    WHERE d.decided_at <= m.as_of ORDER BY d.area_no, d.key, d.decision_no DESC
  ), revision AS (
    SELECT o.*, tram.effective_outcome(o.first_outcome, d.decision) AS outcome
    FROM (SELECT w.province_no, (w.series_no::bigint << 44) | (min(w.period)::bigint << 14) AS first,
                 (w.series_no::bigint << 44) | (max(w.period)::bigint << 14) | 16383 AS last
          FROM owed w WHERE w.series_no IS NOT NULL GROUP BY w.province_no, w.series_no, w.period >> 27) span
    JOIN (SELECT DISTINCT c.area_no, c.province_no FROM tram.commune c) c ON c.province_no = span.province_no
    CROSS JOIN moment m
    CROSS JOIN LATERAL (
      SELECT o.area_no, o.key, o.report_no, o.known_at, o.flags, o.missing_reason, o.outcome AS first_outcome
      FROM tram.observation o
      WHERE o.area_no = c.area_no AND o.key BETWEEN span.first AND span.last AND o.known_at <= m.as_of OFFSET 0) o
    LEFT JOIN decided d ON d.area_no = o.area_no AND d.key = o.key
  ), told AS MATERIALIZED (
    -- says: of the latest revision that was accepted or taken back, a figure (2), why there is none (1), nothing (0)
    SELECT r.area_no, r.key >> 14 AS cell, (array_agg(r.outcome ORDER BY r.key DESC))[1] AS newest,
           (array_agg(r.known_at ORDER BY r.key DESC))[1] AS known_at,
           (array_agg(CASE WHEN r.outcome = 6 OR r.flags & 1 <> 0 THEN 0 WHEN r.missing_reason > 1 THEN 1 ELSE 2 END
                      ORDER BY r.key DESC) FILTER (WHERE r.outcome IN (1, 2, 6)))[1] AS says,
           (array_agg(r.report_no ORDER BY r.key) FILTER (WHERE r.flags & 1 = 0 AND r.missing_reason IN (0, 1)))[1] AS first_report
    FROM revision r GROUP BY r.area_no, r.key >> 14
  ), first AS MATERIALIZED (
    SELECT t.first_report, r.received_at, r.purpose
    FROM (SELECT DISTINCT t.first_report FROM told t) t
    JOIN tram.stream s ON s.stream_no = (t.first_report >> 40)::integer
    JOIN tram.report r ON r.agent_no = s.agent_no AND r.report_no = t.first_report
  ), refused AS MATERIALIZED (
    -- of the report as a whole: area_no 0; of an area that nobody knows: null
    SELECT p.provider, r.dataflow, r.period, CASE g.line WHEN 0 THEN '' ELSE g.indicator END AS indicator,
           CASE g.line WHEN 0 THEN 0 ELSE n.area_no END AS area_no, max(r.known_at) AS known_at
    FROM (SELECT DISTINCT w.dataflow, w.period FROM owed w) due
    CROSS JOIN moment m
    JOIN tram.report r ON r.dataflow = due.dataflow AND r.period = due.period AND r.repeats IS NULL AND r.known_at <= m.as_of
      AND (expected_of_communes.of_provider IS NULL OR r.provider = expected_of_communes.of_provider)
    JOIN tram.provider p ON p.provider = r.provider
    JOIN tram.agent a ON a.agent_no = r.agent_no AND a.agent = p.agent
    JOIN tram.report_finding g ON g.agent_no = r.agent_no AND g.report_no = r.report_no AND g.severity = 'B'
    LEFT JOIN tram.area_number n ON n.area = tram.area_stated(g.ref_area, p.area)
    GROUP BY 1, 2, 3, 4, 5
  ), answer AS (
    SELECT w.*, first.received_at, m.today,
           tram.what_came_of_it(t.says = 2, t.newest = 3, t.says > 0, t.newest,
                                greatest(figure.known_at, whole.known_at) > coalesce(t.known_at, '-infinity'),
                                first.purpose, first.received_at, w.due_day, m.today) AS state
    FROM owed w
    CROSS JOIN moment m
    JOIN tram.commune c ON c.province_no = w.province_no AND w.period_to BETWEEN c.valid_from AND c.valid_to
    LEFT JOIN told t ON t.area_no = c.area_no AND t.cell = ((w.series_no::bigint << 30) | w.period)
    LEFT JOIN first ON first.first_report = t.first_report
    LEFT JOIN refused figure ON (figure.provider, figure.dataflow, figure.period, figure.indicator, figure.area_no)
                              = (w.provider, w.dataflow, w.period, w.indicator, c.area_no)
    LEFT JOIN refused whole ON (whole.provider, whole.dataflow, whole.period, whole.area_no)
                             = (w.provider, w.dataflow, w.period, 0)
  )
  SELECT a.provider, a.area, a.dataflow, a.period, a.period_from, a.period_to, a.due_day, a.indicator, a.state,
         CASE WHEN a.state IN ('on_time', 'late', 'backfilled', 'held') THEN a.received_at END AS first_at, count(*)::integer
  FROM answer a
  GROUP BY a.provider, a.area, a.dataflow, a.period, a.period_from, a.period_to, a.due_day, a.indicator, a.state,
           CASE WHEN a.state IN ('on_time', 'late', 'backfilled', 'held') THEN a.received_at END
$$;

-- What came of each expected figure by a moment:
--   on_time    it stands, and was first there (accepted or held) on the due day or before, in Viet Nam
--   late       it stands, and was first there later
--   backfilled it stands, and was first handed in as a backfill
--   held       nothing stands, and what came last is held
--   refused    nothing stands, and what came was refused
--   explained  what stands says why there is no figure (not_collected, late, suppressed, system_down)
--   missing    the due day is over and there is nothing; a figure that was taken back is nothing
--   pending    the same, and the due day is not over
-- A figure of not_applicable stands. first_at outlives corrections, outboxes that were made anew and restores. figures: how many a
-- row is for: one, or of a province's communes as many as the same came of.
CREATE FUNCTION tram.expected_figures(from_day date, to_day date, as_of timestamptz DEFAULT NULL, of_provider text DEFAULT NULL)
RETURNS TABLE (provider text, area text, dataflow text, period integer, period_from date, period_to date, due_day date,
               indicator text, state text, first_at timestamptz, figures integer)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off SET enable_nestloop = on ROWS 5000 AS $$
  WITH moment AS MATERIALIZED (
    SELECT coalesce(expected_figures.as_of, 'infinity') AS as_of,
           tram.local_day(least(expected_figures.as_of, clock_timestamp())) AS today
  ), answer AS MATERIALIZED (
    SELECT e.*, n.area_no, k.first_key, m.as_of, m.today, f.outcome, f.held,
           f.outcome IN (1, 2) AND f.flags & 1 = 0 AND f.missing_reason IN (0, 1) AS stands,
           f.outcome IN (1, 2) AND f.flags & 1 = 0 AS told
    FROM tram.expected(expected_figures.from_day, expected_figures.to_day, expected_figures.of_provider) e
    CROSS JOIN moment m
    JOIN tram.area_number n ON n.area = e.area
    LEFT JOIN tram.series s ON s.indicator = e.indicator AND s.dimensions = ''
    CROSS JOIN LATERAL (SELECT (s.series_no::bigint << 44) | (e.period::bigint << 14) AS first_key) k
    LEFT JOIN LATERAL tram.figure_at(n.area_no, k.first_key, m.as_of) f ON true
  ), refused AS MATERIALIZED (
    SELECT p.provider, r.dataflow, r.period, CASE g.line WHEN 0 THEN '' ELSE g.indicator END AS indicator,
           max(r.known_at) AS known_at
    FROM (SELECT DISTINCT a.dataflow, a.period, a.as_of FROM answer a) due
    JOIN tram.report r ON r.dataflow = due.dataflow AND r.period = due.period AND r.repeats IS NULL AND r.known_at <= due.as_of
      AND (expected_figures.of_provider IS NULL OR r.provider = expected_figures.of_provider)
    JOIN tram.provider p ON p.provider = r.provider
    JOIN tram.agent a ON a.agent_no = r.agent_no AND a.agent = p.agent
    JOIN tram.report_finding g ON g.agent_no = r.agent_no AND g.report_no = r.report_no AND g.severity = 'B'
    GROUP BY 1, 2, 3, 4
  )
  SELECT a.provider, a.area, a.dataflow, a.period, a.period_from, a.period_to, a.due_day, a.indicator,
         tram.what_came_of_it(a.stands, a.held, a.told, newest.outcome,
                              greatest(figure.known_at, whole.known_at) > coalesce(newest.known_at, '-infinity'),
                              first.purpose, first.received_at, a.due_day, a.today),
         first.received_at, 1
  FROM answer a
  LEFT JOIN refused figure ON (figure.provider, figure.dataflow, figure.period, figure.indicator)
                            = (a.provider, a.dataflow, a.period, a.indicator)
  LEFT JOIN refused whole ON (whole.provider, whole.dataflow, whole.period, whole.indicator)
                           = (a.provider, a.dataflow, a.period, '')
  LEFT JOIN LATERAL (
    -- What was stored last, where nothing stands or is held.
    SELECT o.known_at, tram.effective_outcome(o.outcome, d.decision) AS outcome
    FROM tram.observation o
    LEFT JOIN LATERAL (
      SELECT d.decision FROM tram.decision d
      WHERE d.area_no = o.area_no AND d.key = o.key AND d.decided_at <= a.as_of ORDER BY d.decision_no DESC LIMIT 1) d ON true
    WHERE (a.told OR a.held) IS NOT TRUE AND o.area_no = a.area_no AND o.key BETWEEN a.first_key AND a.first_key + 16383
      AND o.known_at <= a.as_of
    ORDER BY o.key DESC LIMIT 1) newest ON true
  LEFT JOIN LATERAL (
    SELECT r.received_at, r.purpose
    FROM tram.observation o
    JOIN tram.stream st ON st.stream_no = (o.report_no >> 40)::integer
    JOIN tram.report r ON r.agent_no = st.agent_no AND r.report_no = o.report_no
    WHERE o.area_no = a.area_no AND o.key BETWEEN a.first_key AND a.first_key + 16383 AND o.known_at <= a.as_of
      AND o.flags & 1 = 0 AND o.missing_reason IN (0, 1)
    ORDER BY o.key LIMIT 1) first ON a.stands OR a.held
  UNION ALL
  SELECT c.* FROM tram.expected_of_communes(expected_figures.from_day, expected_figures.to_day, expected_figures.as_of,
                                            expected_figures.of_provider) c
  WHERE EXISTS (SELECT FROM tram.dataflow d WHERE d.area_level = 'commune')
$$;

-- By provider, dataflow and period; of communes each has figures of its own. rate: of 100 expected figures, how many are
-- reported; figures beyond the expected ones raise nothing, so it never passes 100, and a report without an accepted figure is
-- none. answered: 'complete', 'partial', 'none' (the due day is over), 'pending'.
CREATE FUNCTION tram.completeness(from_day date, to_day date, as_of timestamptz DEFAULT NULL)
RETURNS TABLE (provider text, area text, dataflow text, time_period text, period_from date, period_to date, due_day date,
               expected integer, reported integer, on_time integer, late integer, backfilled integer, held integer,
               refused integer, explained integer, missing integer, pending integer, rate numeric, answered text,
               missing_indicators text[])
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off AS $$
  SELECT f.provider, f.area, f.dataflow, tram.period_text(f.period), f.period_from, f.period_to, f.due_day, c.expected,
         c.reported, c.on_time, c.late, c.backfilled, c.held, c.refused, c.explained, c.missing, c.pending,
         trunc(100.0 * c.reported / c.expected, 2),
         CASE WHEN c.reported = c.expected THEN 'complete' WHEN c.reported > 0 THEN 'partial'
              WHEN c.pending > 0 THEN 'pending' ELSE 'none' END,
         c.missing_indicators
  FROM (SELECT g.provider, g.area, g.dataflow, g.period, g.period_from, g.period_to, g.due_day, sum(g.figures)::integer AS expected,
               coalesce(sum(g.figures) FILTER (WHERE g.state IN ('on_time', 'late', 'backfilled')), 0)::integer AS reported,
               coalesce(sum(g.figures) FILTER (WHERE g.state = 'on_time'), 0)::integer AS on_time,
               coalesce(sum(g.figures) FILTER (WHERE g.state = 'late'), 0)::integer AS late,
               coalesce(sum(g.figures) FILTER (WHERE g.state = 'backfilled'), 0)::integer AS backfilled,
               coalesce(sum(g.figures) FILTER (WHERE g.state = 'held'), 0)::integer AS held,
               coalesce(sum(g.figures) FILTER (WHERE g.state = 'refused'), 0)::integer AS refused,
               coalesce(sum(g.figures) FILTER (WHERE g.state = 'explained'), 0)::integer AS explained,
               coalesce(sum(g.figures) FILTER (WHERE g.state = 'missing'), 0)::integer AS missing,
               coalesce(sum(g.figures) FILTER (WHERE g.state = 'pending'), 0)::integer AS pending,
               coalesce(array_agg(DISTINCT g.indicator ORDER BY g.indicator) FILTER (WHERE g.state IN ('missing', 'pending')), '{}')
                 AS missing_indicators
        FROM tram.expected_figures(completeness.from_day, completeness.to_day, completeness.as_of) g
        GROUP BY g.provider, g.area, g.dataflow, g.period, g.period_from, g.period_to, g.due_day) f
  CROSS JOIN LATERAL (SELECT f.expected, f.reported, f.on_time, f.late, f.backfilled, f.held, f.refused, f.explained,
                             f.missing, f.pending, f.missing_indicators) c
  ORDER BY f.due_day, f.dataflow, f.provider
$$;

-- The same for the nation, by dataflow and period, by dataflow (time_period empty) and altogether (both empty). A roll-up of
-- a period is final (DU-07) only when every province that owes figures has reported all of them: how many there are, how
-- many reported something and all, and what share of the people live in those that reported all.
CREATE FUNCTION tram.national_completeness(from_day date, to_day date, as_of timestamptz DEFAULT NULL)
RETURNS TABLE (dataflow text, time_period text, due_day date, providers integer, providers_reporting integer,
               providers_complete integer, coverage_weight numeric, finality text, expected bigint, reported bigint,
               on_time bigint, late bigint, backfilled bigint, held bigint, refused bigint, explained bigint, missing bigint,
               pending bigint, rate numeric, on_time_rate numeric)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off AS $$
  SELECT coalesce(c.dataflow, ''), coalesce(c.time_period, ''), max(c.due_day), count(DISTINCT c.provider)::integer,
         count(DISTINCT c.provider) FILTER (WHERE c.reported > 0)::integer,
         count(DISTINCT c.provider)::integer - count(DISTINCT c.provider) FILTER (WHERE c.reported < c.expected)::integer,
         CASE WHEN c.time_period IS NOT NULL AND sum(a.population) > 0
              THEN trunc(coalesce(sum(a.population) FILTER (WHERE c.reported = c.expected), 0) / sum(a.population), 4) END,
         CASE WHEN bool_and(c.reported = c.expected) THEN 'final' ELSE 'provisional' END,
         sum(c.expected), sum(c.reported), sum(c.on_time), sum(c.late), sum(c.backfilled), sum(c.held), sum(c.refused),
         sum(c.explained), sum(c.missing), sum(c.pending), trunc(100.0 * sum(c.reported) / sum(c.expected), 2),
         trunc(100.0 * sum(c.on_time) / sum(c.expected), 2)
  FROM tram.completeness(national_completeness.from_day, national_completeness.to_day, national_completeness.as_of) c
  LEFT JOIN LATERAL (
    SELECT a.population FROM tram.area a
    WHERE a.area = c.area AND a.valid_from <= c.period_to ORDER BY a.valid_from DESC LIMIT 1) a ON true
  GROUP BY GROUPING SETS ((c.dataflow, c.time_period), (c.dataflow), ())
  HAVING count(*) > 0
  ORDER BY 1, 3, 2
$$;

REVOKE EXECUTE ON FUNCTION tram.expected_figures(date, date, timestamptz, text), tram.completeness(date, date, timestamptz),
                           tram.national_completeness(date, date, timestamptz) FROM PUBLIC;
COMMENT ON FUNCTION tram.expected_figures(date, date, timestamptz, text) IS
  'Every figure that was due in a span of days, and what came of it by a moment: on time, late, held, refused, explained, missing.';
COMMENT ON FUNCTION tram.completeness(date, date, timestamptz) IS
  'By provider, dataflow and period, how many of the figures that were due are reported.';
COMMENT ON FUNCTION tram.national_completeness(date, date, timestamptz) IS
  'The same for the nation, by dataflow and period, by dataflow, and altogether.';

GRANT EXECUTE ON FUNCTION tram.expected_figures(date, date, timestamptz, text), tram.completeness(date, date, timestamptz),
                          tram.national_completeness(date, date, timestamptz) TO tram_reader, tram_admin, tram_writer;
