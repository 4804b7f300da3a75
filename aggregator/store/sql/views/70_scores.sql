-- SPDX-License-Identifier: Apache-2.0
-- Rule, word, indicator, province, nation.

-- The year of due days that a board shows when nothing else is asked: the one that ends with the newest due day, not after
-- the moment, of a period that any province reported on; with the moment itself where there is none.
CREATE FUNCTION tram.score_window(as_of timestamptz DEFAULT NULL)
RETURNS TABLE (from_day date, to_day date)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off AS $$
  WITH moment AS MATERIALIZED (SELECT tram.local_day(least(score_window.as_of, clock_timestamp())) AS today),
  reported AS MATERIALIZED (
    SELECT p.dataflow, p.period FROM tram.dataflow_period p
    JOIN tram.dataflow d ON d.dataflow = p.dataflow AND d.provided_by = 'province'
  ), due AS MATERIALIZED (
    SELECT u.dataflow, u.period, u.due_day
    FROM moment m CROSS JOIN (SELECT min(tram.period_start(r.period)) - 366 AS first FROM reported r) s
    CROSS JOIN LATERAL tram.due_periods(s.first, m.today) u
  ), newest AS (
    SELECT coalesce(max(u.due_day), max(m.today)) AS day
    FROM moment m LEFT JOIN (reported r JOIN due u ON u.dataflow = r.dataflow AND u.period = r.period) ON true)
  SELECT (n.day - interval '1 year')::date + 1, n.day FROM newest n
$$;

-- The reports of provinces, through their own agents, of the periods that are due in a span of days. is_latest: the last one
-- of its dataflow and period.
CREATE FUNCTION tram.own_reports(from_day date, to_day date, as_of timestamptz)
RETURNS TABLE (provider text, area text, dataflow text, period integer, agent_no integer, report_no bigint, known_at timestamptz,
               handed_in_at timestamptz, purpose "char", is_latest boolean)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET jit = off SET enable_nestloop = on ROWS 5000 AS $$
  SELECT p.provider, p.area, r.dataflow, r.period, r.agent_no, r.report_no, r.known_at, r.handed_in_at, r.purpose,
         row_number() OVER (PARTITION BY p.provider, r.dataflow, r.period ORDER BY r.known_at DESC, r.report_no DESC) = 1
  FROM tram.due_periods(own_reports.from_day, own_reports.to_day) u
  JOIN tram.report r ON r.dataflow = u.dataflow AND r.period = u.period
  JOIN tram.provider p ON p.provider = r.provider AND p.kind = 'province'
  JOIN tram.agent a ON a.agent_no = r.agent_no AND a.agent = p.agent
  WHERE r.repeats IS NULL AND r.known_at <= own_reports.as_of
$$;

-- What every rule was held against and what failed it, by area and indicator ('' is the report itself), over the periods
-- that are due in a span of days. Only what is said now counts: of each figure the latest statement, of each report of a
-- dataflow and period the latest, of what was refused only what was not mended since. A finding that was justified, or that
-- a person released, is no failure; a remark (I) is none either. breaches: figures that were refused for one of their
-- identifiers (which figure of whom it is: province, indicator, period, unit, report). Measured here: DU-02 and SONG-01 from what
-- is expected, DU-06 by the positions of what was handed in, SONG-02 by the age of the newest figure on the span's last day,
-- SONG-03 by the agent's clock (only of now), SONG-05 by the time from hand-in to commit.
CREATE FUNCTION tram.rule_tally(from_day date, to_day date, as_of timestamptz DEFAULT NULL)
RETURNS TABLE (area text, indicator text, rule text, assessed bigint, failing bigint, breaches bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off SET enable_nestloop = off ROWS 20000 AS $$
  WITH moment AS MATERIALIZED (
    SELECT coalesce(rule_tally.as_of, 'infinity') AS as_of,
           least(tram.local_day(least(rule_tally.as_of, clock_timestamp())), rule_tally.to_day) AS day
  ), stored AS MATERIALIZED (
    SELECT s.* FROM moment m CROSS JOIN LATERAL tram.statements(rule_tally.from_day, rule_tally.to_day, m.as_of) s
  ), statement AS MATERIALIZED (
    SELECT s.* FROM stored s WHERE NOT s.taken_back
  ), own_report AS MATERIALIZED (
    SELECT r.* FROM moment m CROSS JOIN LATERAL tram.own_reports(rule_tally.from_day, rule_tally.to_day, m.as_of) r
  ), latest_report AS MATERIALIZED (
    SELECT r.* FROM own_report r WHERE r.is_latest
  ), finding AS MATERIALIZED (
    SELECT g.* FROM (
      SELECT s.agent_no, s.report_no FROM statement s
      UNION SELECT l.agent_no, l.report_no FROM latest_report l
      UNION SELECT o.agent_no, o.report_no FROM own_report o
            JOIN tram.report_finding b ON b.agent_no = o.agent_no AND b.report_no = o.report_no AND b.severity = 'B') r
    CROSS JOIN LATERAL (
      SELECT g.agent_no, g.report_no, g.line, g.rule, g.severity, g.indicator, g.ref_area, g.severity = 'B' AND g.field IN (
               'report_id', 'provider', 'dataflow', 'ref_area', 'indicator', 'time_period', 'unit', 'unit_mult') AS breach
      FROM tram.report_finding g
      WHERE g.agent_no = r.agent_no AND g.report_no = r.report_no AND g.severity IN ('B', 'J', 'W')
      OFFSET 0) g
  ), refusal AS MATERIALIZED (
    -- The refused lines; area_no: the commune, where figures are stated for communes and it is one.
    SELECT DISTINCT o.provider, o.area, o.dataflow, o.period, o.agent_no, o.report_no, o.known_at, g.line, g.indicator AS stated,
           c.area_no
    FROM finding g
    JOIN own_report o ON o.agent_no = g.agent_no AND o.report_no = g.report_no
    LEFT JOIN tram.dataflow d ON d.dataflow = o.dataflow
    LEFT JOIN tram.area_number n ON d.area_level = 'commune' AND n.area = tram.area_stated(g.ref_area, o.area)
    LEFT JOIN tram.commune c ON c.area_no = n.area_no
    WHERE g.severity = 'B' AND g.line > 0
  ), refused AS MATERIALIZED (
    -- The last refusal of each figure that nothing was stored for since: who mended it and then took it back says nothing any more.
    SELECT DISTINCT ON (f.provider, f.dataflow, f.period, f.stated, f.area_no)
           f.area, f.agent_no, f.report_no, f.stated, f.area_no, coalesce(i.indicator, '') AS indicator
    FROM refusal f
    LEFT JOIN tram.indicator i ON i.indicator = f.stated
    WHERE NOT EXISTS (
        SELECT FROM stored s WHERE s.provider = f.provider AND s.indicator = f.stated AND s.period = f.period
          AND s.known_at > f.known_at AND s.area_no = coalesce(f.area_no, s.area_no))
      -- a code that nobody knows is mended by the next report
      AND (i.indicator IS NOT NULL OR EXISTS (
        SELECT FROM latest_report l WHERE l.agent_no = f.agent_no AND l.report_no = f.report_no))
    ORDER BY f.provider, f.dataflow, f.period, f.stated, f.area_no, f.known_at DESC, f.report_no DESC
  ), refused_line AS MATERIALIZED (
    SELECT DISTINCT r.area, r.indicator, f.agent_no, f.report_no, f.line
    FROM refused r
    JOIN refusal f ON f.agent_no = r.agent_no AND f.report_no = r.report_no AND f.stated = r.stated
                  AND f.area_no IS NOT DISTINCT FROM r.area_no
  ), expected AS MATERIALIZED (
    SELECT e.* FROM tram.expected_figures(rule_tally.from_day, rule_tally.to_day, rule_tally.as_of) e
  ), about AS (
    -- How many figures of each kind there are: what rules are held against.
    SELECT s.area, s.indicator, count(*) AS figures, count(*) FILTER (WHERE s.has_value) AS with_value,
           count(*) FILTER (WHERE s.has_value AND s.has_parts) AS with_parts,
           count(*) FILTER (WHERE s.has_value AND s.is_integer) AS counted,
           count(*) FILTER (WHERE s.key & 16383 > 0) AS revisions, 0 AS reports
    FROM statement s GROUP BY s.area, s.indicator
    UNION ALL
    SELECT l.area, l.indicator, count(*), count(*), 0, 0, 0, 0 FROM refused_line l GROUP BY l.area, l.indicator
    UNION ALL
    SELECT l.area, '', 0, 0, 0, 0, 0, count(*) FROM latest_report l GROUP BY l.area
  ), told AS (
    SELECT a.area, a.indicator, u.rule,
           CASE u.applies_to WHEN 'figure' THEN a.figures WHEN 'value' THEN a.with_value WHEN 'parts' THEN a.with_parts
                             WHEN 'count' THEN a.counted WHEN 'revision' THEN a.revisions WHEN 'report' THEN a.reports
                             WHEN 'related' THEN CASE WHEN r.rule IS NULL THEN 0 ELSE a.with_value END
                             ELSE 0 END AS assessed, 0::bigint AS failing, 0::bigint AS breaches
    FROM (SELECT a.area, a.indicator, sum(a.figures)::bigint AS figures, sum(a.with_value)::bigint AS with_value,
                 sum(a.with_parts)::bigint AS with_parts, sum(a.counted)::bigint AS counted,
                 sum(a.revisions)::bigint AS revisions, sum(a.reports)::bigint AS reports
          FROM about a GROUP BY a.area, a.indicator) a
    CROSS JOIN tram.rule u
    LEFT JOIN (
      SELECT c.rule, c.left_side AS indicator FROM tram.cross_rule c
      WHERE coalesce(c.valid_from, '-infinity') <= rule_tally.to_day AND coalesce(c.valid_to, 'infinity') >= rule_tally.from_day
      UNION SELECT 'DUNG-12', f.indicator FROM tram.reference_rule f) r ON r.rule = u.rule AND r.indicator = a.indicator
    WHERE coalesce(u.valid_from, '-infinity') <= rule_tally.to_day AND coalesce(u.valid_to, 'infinity') >= rule_tally.from_day
  ), failed AS (
    SELECT x.area, x.indicator, x.rule, count(*) AS failing, count(*) FILTER (WHERE x.breach) AS breaches,
           x.applies_to <> 'report' AND x.line = 0 AS beside
    FROM (
      SELECT s.area, s.indicator, g.rule, u.applies_to, 1 AS line,
             bool_or(g.breach) AS breach
      FROM statement s
      JOIN finding g ON g.agent_no = s.agent_no AND g.report_no = s.report_no AND g.line = s.line
      JOIN tram.rule u ON u.rule = g.rule AND u.applies_to NOT IN ('report', 'measured')
      WHERE g.severity <> 'J' OR NOT s.justified
      GROUP BY s.area, s.indicator, s.area_no, s.key, g.rule, u.applies_to
      UNION ALL
      SELECT l.area, l.indicator, g.rule, u.applies_to, 1, bool_or(g.breach)
      FROM refused_line l
      JOIN finding g ON g.agent_no = l.agent_no AND g.report_no = l.report_no AND g.line = l.line
      JOIN tram.rule u ON u.rule = g.rule AND u.applies_to NOT IN ('report', 'measured')
      GROUP BY l.area, l.indicator, l.agent_no, l.report_no, l.line, g.rule, u.applies_to
      UNION ALL
      SELECT l.area, '', g.rule, u.applies_to, 0, bool_or(g.breach)
      FROM latest_report l
      JOIN finding g ON g.agent_no = l.agent_no AND g.report_no = l.report_no AND g.line = 0
      JOIN tram.rule u ON u.rule = g.rule AND u.applies_to <> 'measured'
      GROUP BY l.area, l.agent_no, l.report_no, g.rule, u.applies_to) x
    GROUP BY x.area, x.indicator, x.rule, x.applies_to <> 'report' AND x.line = 0
  ), measured AS (
    SELECT e.area, e.indicator, 'DU-02' AS rule, sum(e.figures) AS assessed,
           coalesce(sum(e.figures) FILTER (WHERE e.state IN ('missing', 'explained')), 0) AS failing
    FROM expected e WHERE e.state <> 'pending' GROUP BY e.area, e.indicator
    UNION ALL
    SELECT e.area, e.indicator, 'SONG-01', sum(e.figures),
           coalesce(sum(e.figures) FILTER (WHERE e.state IN ('late', 'missing', 'refused')
                                              OR e.state = 'held' AND tram.local_day(e.first_at) > e.due_day), 0)
    FROM expected e WHERE e.state NOT IN ('pending', 'backfilled', 'explained') GROUP BY e.area, e.indicator
    UNION ALL
    SELECT s.area, s.indicator, 'SONG-02', 1, CASE WHEN min(m.day - s.period_to) > min(s.max_age_days) THEN 1 ELSE 0 END
    FROM statement s CROSS JOIN moment m WHERE s.mandatory GROUP BY s.area, s.indicator
    UNION ALL
    SELECT p.area, '', 'DU-06', 1, max(CASE WHEN q.last > q.there THEN 1 ELSE 0 END)
    FROM tram.provider p
    JOIN tram.agent a ON a.agent = p.agent
    CROSS JOIN moment m
    CROSS JOIN LATERAL (
      SELECT max(b.last_seq) AS last, sum(b.last_seq - b.from_seq + 1) AS there
      FROM tram.batch b WHERE b.agent_no = a.agent_no AND b.received_at <= m.as_of GROUP BY b.stream_no) q
    WHERE p.kind = 'province' GROUP BY p.area
    UNION ALL
    SELECT p.area, '', 'SONG-03', 1,
           CASE WHEN (SELECT max(x.told_at) FROM tram.liveness x) - l.heard_at > make_interval(secs => tram.parameter_or('SONG-03.silent_seconds', 900))
                THEN 1 ELSE 0 END
    FROM tram.provider p
    JOIN tram.agent a ON a.agent = p.agent AND a.state = 'active'
    JOIN tram.liveness l ON l.agent_no = a.agent_no
    WHERE p.kind = 'province' AND rule_tally.as_of IS NULL
    UNION ALL
    SELECT o.area, '', 'SONG-05', count(*),
           count(*) FILTER (WHERE o.known_at - o.handed_in_at
                                  > make_interval(secs => tram.parameter_or('SONG-05.budget_seconds', 3600)))
    FROM own_report o WHERE o.purpose <> 'B' GROUP BY o.area
  )
  SELECT t.area, t.indicator, t.rule, greatest(sum(t.assessed), sum(t.failing))::bigint, sum(t.failing)::bigint,
         sum(t.breaches)::bigint
  FROM (
    SELECT t.area, t.indicator, t.rule, t.assessed, t.failing, t.breaches FROM told t WHERE t.assessed > 0
    UNION ALL
    -- a figure's rule that found something in the report itself is held against that report
    SELECT f.area, f.indicator, f.rule, CASE WHEN f.beside THEN f.failing ELSE 0 END, f.failing, f.breaches FROM failed f
    UNION ALL
    SELECT m.area, m.indicator, m.rule, m.assessed::bigint, m.failing::bigint, 0 FROM measured m WHERE m.assessed > 0) t
  GROUP BY t.area, t.indicator, t.rule
$$;

-- Scores: a rule's is passing ÷ assessed × 100; weighted means from rule to word to indicator to province to nation, in which
-- what was never assessed has no part. band: green from 90, yellow from 75, red below; a province's word is red whatever its
-- mean while a figure is refused for an identifier. word '' is all of them. worst_rule costs the score worst_cost points: the
-- costs of all rules add up to what is missing to 100. score is null where nothing was assessed.
CREATE FUNCTION tram.scoreboard_at(as_of timestamptz, from_day date, to_day date)
RETURNS TABLE (area text, area_name text, word text, score numeric, band text, assessed bigint, failing bigint, breaches bigint,
               worst_rule text, worst_cost numeric, worst_indicator text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off AS $$
  WITH tally AS MATERIALIZED (
    SELECT t.area, t.indicator, t.rule, u.word, u.weight, w.weight AS word_weight, t.assessed, t.failing, t.breaches
    FROM tram.rule_tally(scoreboard_at.from_day, scoreboard_at.to_day, scoreboard_at.as_of) t
    JOIN tram.rule u ON u.rule = t.rule
    JOIN tram.word w ON w.word = u.word
    WHERE t.assessed > 0 AND u.weight > 0
  ), cell AS MATERIALIZED (
    -- One word of one indicator. lost: the points that its rules take; in_area, in_all: what a point of it costs the area.
    SELECT c.*, 1.0 / count(*) OVER (PARTITION BY c.area, c.word) AS in_area,
           c.word_weight / nullif(sum(c.word_weight) OVER (PARTITION BY c.area, c.indicator), 0) / i.indicators AS in_all
    FROM (SELECT t.area, t.indicator, t.word, t.word_weight, sum(t.weight) AS weight,
                 100 * sum(t.weight * t.failing / t.assessed) / sum(t.weight) AS lost, sum(t.assessed)::bigint AS assessed,
                 sum(t.failing)::bigint AS failing, sum(t.breaches)::bigint AS breaches
          FROM tally t GROUP BY t.area, t.indicator, t.word, t.word_weight) c
    JOIN (SELECT t.area, count(DISTINCT t.indicator) AS indicators FROM tally t GROUP BY t.area) i ON i.area = c.area
  ), of_area AS MATERIALIZED (
    SELECT c.area, c.word, 100 - sum(c.lost) / count(*) AS score, sum(c.assessed)::bigint AS assessed,
           sum(c.failing)::bigint AS failing, sum(c.breaches)::bigint AS breaches
    FROM cell c GROUP BY c.area, c.word
    UNION ALL
    SELECT c.area, '', 100 - sum(c.lost * c.in_all), sum(c.assessed)::bigint, sum(c.failing)::bigint, sum(c.breaches)::bigint
    FROM cell c GROUP BY c.area
  ), lost AS MATERIALIZED (
    SELECT t.area, t.word, t.rule, t.indicator, 100 * t.weight * t.failing / t.assessed / c.weight AS points, c.in_area, c.in_all
    FROM tally t JOIN cell c ON c.area = t.area AND c.indicator = t.indicator AND c.word = t.word
    WHERE t.failing > 0
  ), cost AS MATERIALIZED (
    SELECT l.area, l.word, l.rule, sum(l.points * l.in_area) AS cost,
           (array_agg(l.indicator ORDER BY l.points * l.in_area DESC, l.indicator))[1] AS indicator
    FROM lost l GROUP BY l.area, l.word, l.rule
    UNION ALL
    SELECT l.area, '', l.rule, sum(l.points * l.in_all),
           (array_agg(l.indicator ORDER BY l.points * l.in_all DESC, l.indicator))[1]
    FROM lost l GROUP BY l.area, l.rule
  ), every AS (
    SELECT a.area, a.word, a.score, a.assessed, a.failing, a.breaches, a.breaches > 0 AND a.word <> '' AS is_breached
    FROM of_area a
    UNION ALL
    SELECT 'VN', a.word, avg(a.score), sum(a.assessed)::bigint, sum(a.failing)::bigint, sum(a.breaches)::bigint, false
    FROM of_area a GROUP BY a.word
  ), every_cost AS (
    SELECT c.area, c.word, c.rule, c.cost, c.indicator FROM cost c
    UNION ALL
    SELECT 'VN', c.word, c.rule, sum(c.cost) / (SELECT count(*) FROM of_area a WHERE a.word = c.word), ''
    FROM cost c GROUP BY c.word, c.rule
  ), row_wanted AS (
    SELECT p.area, w.word, w.word_no FROM (
      SELECT p.area FROM tram.provider p WHERE p.kind = 'province' UNION SELECT 'VN') p
    CROSS JOIN (SELECT w.word, w.word_no FROM tram.word w UNION ALL SELECT '', 0) w
  )
  SELECT r.area, coalesce(n.short_name_vi, r.area), r.word, round(e.score, 2),
         CASE WHEN e.score IS NULL THEN '' WHEN e.is_breached OR round(e.score, 2) < 75 THEN 'red'
              WHEN round(e.score, 2) < 90 THEN 'yellow' ELSE 'green' END,
         coalesce(e.assessed, 0), coalesce(e.failing, 0), coalesce(e.breaches, 0), worst.rule, round(worst.cost, 2),
         nullif(worst.indicator, '')
  FROM row_wanted r
  LEFT JOIN every e ON e.area = r.area AND e.word = r.word
  LEFT JOIN LATERAL (
    SELECT c.rule, c.cost, c.indicator FROM every_cost c
    WHERE c.area = r.area AND c.word = r.word AND c.cost > 0
    ORDER BY c.cost DESC, c.rule LIMIT 1) worst ON true
  LEFT JOIN LATERAL (SELECT a.short_name_vi FROM tram.area a WHERE a.area = r.area ORDER BY a.valid_from DESC LIMIT 1) n ON true
  ORDER BY r.area <> 'VN', r.area, r.word_no
$$;

CREATE VIEW tram.scoreboard AS
SELECT s.area, s.area_name, s.word, coalesce(r.reports, 0) AS reports, s.score, s.band, s.assessed, s.failing, s.breaches,
       s.worst_rule, s.worst_cost, s.worst_indicator, w.from_day, w.to_day
FROM tram.score_window(NULL) w
CROSS JOIN LATERAL tram.scoreboard_at(NULL, w.from_day, w.to_day) s
LEFT JOIN LATERAL (
  SELECT p.area, count(*) AS reports
  FROM tram.due_periods(w.from_day, w.to_day) u
  JOIN tram.report r ON r.dataflow = u.dataflow AND r.period = u.period AND r.repeats IS NULL
  JOIN tram.provider p ON p.provider = r.provider
  WHERE p.kind = 'province'
  GROUP BY p.area) r ON r.area = s.area;

-- Keeps today's scores, once; how many rows that were.
CREATE FUNCTION tram.keep_scores() RETURNS integer
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off AS $$
  WITH kept AS (
    INSERT INTO tram.score_history
    SELECT tram.local_day(clock_timestamp()), s.area, s.word, s.score, s.band, s.assessed, s.failing, s.worst_rule,
           s.worst_cost, s.from_day, s.to_day, c.version
    FROM (SELECT max(version) AS version FROM tram.catalogue HAVING max(version) IS NOT NULL) c
    CROSS JOIN LATERAL (SELECT s.* FROM tram.scoreboard s WHERE s.score IS NOT NULL) s
    WHERE NOT EXISTS (SELECT FROM tram.score_history h WHERE h.day = tram.local_day(clock_timestamp()))
    ON CONFLICT DO NOTHING RETURNING 1)
  SELECT count(*)::integer FROM kept
$$;

REVOKE EXECUTE ON FUNCTION tram.rule_tally(date, date, timestamptz), tram.scoreboard_at(timestamptz, date, date),
                           tram.keep_scores() FROM PUBLIC;
COMMENT ON FUNCTION tram.rule_tally(date, date, timestamptz) IS
  'What every rule was held against and what failed it, by area and indicator, of what was due in a span of days.';
COMMENT ON FUNCTION tram.scoreboard_at(timestamptz, date, date) IS
  'Scores from 0 to 100 by area and word, at a moment, of what was due in a span of days.';
COMMENT ON VIEW tram.scoreboard IS
  'The scores now, of the year that ends with the newest due day.';

GRANT EXECUTE ON FUNCTION tram.rule_tally(date, date, timestamptz), tram.scoreboard_at(timestamptz, date, date)
  TO tram_reader, tram_admin, tram_writer;
GRANT EXECUTE ON FUNCTION tram.keep_scores() TO tram_writer, tram_admin;
GRANT SELECT ON tram.scoreboard TO tram_reader, tram_admin, tram_writer;
