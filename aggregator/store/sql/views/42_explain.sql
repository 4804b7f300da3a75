-- SPDX-License-Identifier: Apache-2.0
-- What a figure is made of, for people and for proofs: the roll-up and its contributions, each with who stated it, in which
-- report, and how that was signed.

-- The figures that a figure is made of, itself first: growth and quotients come from two others, by their numbers.
CREATE FUNCTION tram.made_of(indicator text, period integer)
RETURNS TABLE (node integer, made text, how text, node_period integer, top integer, bottom integer)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  v_indicators text[] := ARRAY[made_of.indicator];
  v_periods    integer[] := ARRAY[made_of.period];
  v_i          tram.indicator;
  v_parts      text[];
BEGIN
  node := 0;
  WHILE node < cardinality(v_indicators) LOOP
    node := node + 1;
    IF node > 60 THEN
      RAISE EXCEPTION 'indicator % derives from itself', made_of.indicator USING ERRCODE = 'invalid_parameter_value';
    END IF;
    made := v_indicators[node];
    node_period := v_periods[node];
    top := 0;
    bottom := 0;
    SELECT i.* INTO STRICT v_i FROM tram.indicator i WHERE i.indicator = made;
    CASE tram.states_own(v_i)
      WHEN true THEN how := 'own';
      WHEN false THEN
        how := CASE v_i.over_area WHEN 'ratio_of_sums' THEN 'ratio' WHEN 'weighted_mean' THEN 'mean' ELSE 'sum' END;
      ELSE
        v_parts := string_to_array(v_i.derives_from, ' / ');
        how := CASE cardinality(v_parts) WHEN 1 THEN 'growth' ELSE 'quotient' END;
        top := cardinality(v_indicators) + 1;
        bottom := top + 1;
        v_indicators := v_indicators || v_parts[1] || v_parts[cardinality(v_parts)];
        v_periods := v_periods || node_period ||
                     CASE how WHEN 'growth' THEN tram.period_shift_years(node_period, -1) ELSE node_period END;
    END CASE;
    RETURN NEXT;
  END LOOP;
END $$;

-- The finest periods that one is made of; null: it is stated as a whole.
CREATE FUNCTION tram.finest_kind(i tram.indicator, period integer) RETURNS integer
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT max(k) FROM unnest(tram.part_kinds(finest_kind.i, finest_kind.period)) k
$$;

-- The figures behind one figure, by number: the figure itself is the first. A closed period's is what it was closed with; open:
-- what was known all the same. n: of the figure itself, where it has moved since, what is known now.
CREATE FUNCTION tram.explained_figures(indicator text, period text, level text, area text, boundary text, as_of timestamptz,
                                       open boolean DEFAULT false)
RETURNS TABLE (node integer, how text, over_time text, leaf text, mean_weight text, weighed_over text, weighed_leaf text,
               node_indicator text, node_period text, top integer,
               bottom integer, asked_as_of timestamptz, r tram.rollup_row, n tram.rollup_row)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  v_first tram.rollup_row;
  v_as_of timestamptz := nullif(explained_figures.as_of, 'infinity');
BEGIN
  SELECT f.* INTO v_first FROM tram.rollup(explained_figures.indicator, explained_figures.period, explained_figures.level,
                                           explained_figures.boundary, explained_figures.as_of, explained_figures.open) f
  WHERE f.area = explained_figures.area;
  IF coalesce(v_first.areas_reporting = 0 AND v_first.held = 0, true) THEN
    PERFORM tram.check_stated(explained_figures.indicator, explained_figures.period, explained_figures.level,
                              explained_figures.boundary, explained_figures.as_of, explained_figures.open);
  END IF;
  IF v_first.area IS NULL THEN
    RETURN;
  END IF;
  v_as_of := coalesce(v_first.known_at, v_as_of);
  RETURN QUERY
  WITH leaf (kind, letter) AS (VALUES (2, 'S'), (3, 'Q'), (4, 'M'), (6, 'D'))
  SELECT m.node, m.how, i.over_time, coalesce(l.letter, ''), i.mean_weight, coalesce(w.over_time, 'last'),
         CASE WHEN w.indicator IS NULL THEN '' ELSE coalesce(wl.letter, 'D') END, m.made,
         tram.period_text(m.node_period), m.top, m.bottom, v_as_of,
         CASE WHEN m.node = 1 THEN v_first
              ELSE (SELECT f FROM tram.rollup_at(m.made, m.node_period, explained_figures.level, v_first.boundary,
                                                 coalesce(v_as_of, 'infinity')) f
                    WHERE f.area = explained_figures.area) END,
         CASE WHEN m.node = 1 AND v_first.moved THEN
           (SELECT f FROM tram.rollup(explained_figures.indicator, explained_figures.period, explained_figures.level,
                                      explained_figures.boundary, explained_figures.as_of, true) f
            WHERE f.area = explained_figures.area) END
  FROM tram.made_of(explained_figures.indicator, tram.period_pack(explained_figures.period)) m
  JOIN tram.indicator i ON i.indicator = m.made
  LEFT JOIN tram.indicator w ON w.indicator = i.mean_weight
  LEFT JOIN leaf l ON l.kind = tram.finest_kind(i, m.node_period)
  LEFT JOIN leaf wl ON wl.kind = tram.finest_kind(w, m.node_period)
  ORDER BY m.node;
END $$;

-- What was found of one line of a report: rules, and the findings in full.
CREATE FUNCTION tram.findings_of(agent_no integer, report_no bigint, line integer)
RETURNS TABLE (rules text, findings jsonb)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT coalesce(string_agg(DISTINCT f.rule, ' '), ''),
         coalesce(jsonb_agg(jsonb_build_object('rule', f.rule, 'severity', f.severity, 'field', f.field, 'found', f.found,
                                               'expected', f.expected, 'message_vi', u.message_vi, 'message_en', u.message_en)
                            ORDER BY f.finding_no), '[]')
  FROM tram.report_finding f LEFT JOIN tram.rule u ON u.rule = f.rule
  WHERE f.agent_no = findings_of.agent_no AND f.report_no = findings_of.report_no AND f.line = findings_of.line
$$;

-- The contributions to one area's figure of one indicator that is stated (not growth or a quotient), with where each comes
-- from. share: its part of the sum, or of what the figures weigh; coverage_share: the area's part of all that is expected.
CREATE FUNCTION tram.explained_contributions(indicator text, period text, level text, area text, boundary text, as_of timestamptz)
RETURNS TABLE (part text, contribution_indicator text, contribution_area text, name_vi text, name_en text, counts_for text,
               time_period text, state text, revision integer, value numeric, numerator numeric, denominator numeric,
               weight numeric, population numeric, leaves integer, share numeric, coverage_share numeric, qualifier text,
               obs_status text, demonstration boolean, agent text, epoch text, seq bigint, line integer, agent_no integer,
               stream_no integer, provider text, dataflow text, known_at timestamptz, outcome text, decided_by text,
               decision_reason text, justification_code text, justification text, rules text, findings jsonb, digest bytea,
               first_seq bigint, last_seq bigint, chain bytea, key_id bytea, signature bytea)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  WITH c AS MATERIALIZED (
    SELECT c.* FROM tram.contributions(explained_contributions.indicator, tram.period_pack(explained_contributions.period),
                                       explained_contributions.level, explained_contributions.boundary,
                                       explained_contributions.as_of) c
    WHERE c.unit = explained_contributions.area
  ), whole AS (
    SELECT sum(d.coverage) AS coverage
    FROM (SELECT DISTINCT c.area, c.coverage FROM c WHERE c.part = 'value' AND c.area = c.counts_for) d
  )
  SELECT c.part, c.indicator, c.area, a.short_name_vi, a.name_en, c.counts_for, c.time_period, c.state, c.revision, c.value,
         c.numerator, c.denominator, c.weight, c.population, c.leaves,
         CASE WHEN c.state = 'counts' AND c.part = 'value' THEN
           round(100 * CASE i.over_area WHEN 'ratio_of_sums' THEN c.denominator WHEN 'weighted_mean' THEN c.weight ELSE c.value END
                 / nullif(sum(CASE i.over_area WHEN 'ratio_of_sums' THEN c.denominator WHEN 'weighted_mean' THEN c.weight
                                               ELSE c.value END)
                          FILTER (WHERE c.state = 'counts' AND c.part = 'value') OVER (), 0), 4) END,
         CASE WHEN c.part = 'value' THEN round(100 * c.coverage / nullif(whole.coverage, 0), 4) END,
         c.qualifier, c.obs_status::text, c.demonstration, h.agent, h.epoch, h.seq, h.line, h.agent_no,
         (h.report_no >> 40)::integer, h.provider, h.dataflow, h.known_at, h.outcome, h.decided_by, h.decision_reason,
         h.justification_code, h.justification, f.rules, f.findings, rep.digest, b.first_seq, b.last_seq, b.chain, b.key_id,
         b.signature
  FROM c CROSS JOIN whole
  JOIN tram.indicator i ON i.indicator = explained_contributions.indicator
  LEFT JOIN LATERAL (
    SELECT a.short_name_vi, a.name_en FROM tram.area a WHERE a.area = c.area
    ORDER BY a.valid_from <= tram.period_end(c.period) DESC, abs(a.valid_from - tram.period_end(c.period)) LIMIT 1) a ON true
  LEFT JOIN tram.observation_history h ON h.area_no = c.area_no AND h.key = c.key
  LEFT JOIN tram.report rep ON rep.agent_no = h.agent_no AND rep.report_no = h.report_no
  LEFT JOIN LATERAL (
    SELECT b.first_seq, b.last_seq, b.chain, b.key_id, b.signature FROM tram.batch b
    WHERE b.agent_no = h.agent_no AND b.stream_no = (h.report_no >> 40)::integer AND b.from_seq <= h.seq
    ORDER BY b.from_seq DESC LIMIT 1) b ON true
  LEFT JOIN LATERAL tram.findings_of(h.agent_no, h.report_no, h.line) f ON h.agent_no IS NOT NULL
$$;

COMMENT ON FUNCTION tram.explained_figures(text, text, text, text, text, timestamptz, boolean) IS
  'The figures behind one figure: itself, and of growth and quotients the two that it is made of';
COMMENT ON FUNCTION tram.explained_contributions(text, text, text, text, text, timestamptz) IS
  'Every figure that counts in one area''s roll-up or is missing from it, with its share, its report and how that was signed';

REVOKE EXECUTE ON FUNCTION tram.explained_figures(text, text, text, text, text, timestamptz, boolean),
                           tram.explained_contributions(text, text, text, text, text, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION tram.explained_figures(text, text, text, text, text, timestamptz, boolean),
                          tram.explained_contributions(text, text, text, text, text, timestamptz)
  TO tram_reader, tram_admin, tram_auditor;
