-- SPDX-License-Identifier: Apache-2.0
-- What was announced, beside what adds up: an announcement is a claim on a query.

CREATE VIEW tram.announcement AS
SELECT f.figure_no, f.indicator, f.time_period, 'nation' AS level, 'VN' AS area, '' AS boundary, f.value, f.numerator,
       f.denominator, f.unit, f.unit_mult, f.qualifier, f.announced_on, '' AS said_by, f.source, f.quote_vi AS quote
FROM tram.published_figure f
UNION ALL
SELECT f.figure_no, f.indicator, f.time_period, f.level, f.area, f.boundary, f.value, f.numerator, f.denominator, f.unit,
       f.unit_mult, f.qualifier, f.announced_on, f.said_by, f.source, f.quote
FROM tram.announced_figure f;
COMMENT ON VIEW tram.announcement IS
  'Figures that were announced in public: those of the catalogue, and those added by tram claims add.';

-- equal: the roll-up, in the announcement's unit and rounded to the last digit announced, is the figure announced. A
-- figure announced as two parts is compared part by part.
CREATE FUNCTION tram.agreement(announced tram.announcement, value numeric, numerator numeric, denominator numeric,
                               areas_reporting integer, held integer) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
  WHEN coalesce(areas_reporting, 0) = 0 OR value IS NULL AND numerator IS NULL
    THEN CASE WHEN held > 0 THEN 'held' ELSE 'missing' END
  WHEN (announced).value IS NOT NULL
       AND round(tram.shift(value, -(announced).unit_mult), scale((announced).value)) IS DISTINCT FROM (announced).value
    OR (announced).numerator IS NOT NULL
       AND round(tram.shift(numerator, -(announced).unit_mult), scale((announced).numerator)) IS DISTINCT FROM (announced).numerator
    OR (announced).denominator IS NOT NULL
       AND round(tram.shift(denominator, -(announced).unit_mult), scale((announced).denominator))
           IS DISTINCT FROM (announced).denominator
    THEN 'different'
  ELSE 'equal'
END;

CREATE VIEW tram.claim AS
SELECT f.figure_no, f.indicator, f.time_period, f.level, f.area, f.value AS published_value, f.numerator AS published_numerator,
       f.denominator AS published_denominator, f.unit AS published_unit, f.unit_mult AS published_unit_mult,
       f.qualifier AS published_qualifier, f.announced_on, f.said_by, f.source, f.quote,
       r.value, r.numerator, r.denominator, r.method, r.unit, r.boundary, r.catalogue_version, r.areas_reporting,
       r.areas_expected, r.coverage_weight, r.finality, r.obs_status, r.qualifier, r.demonstration, r.held,
       r.parts_reporting, r.parts_expected, r.missing, r.interval_low, r.interval_high, r.interval_basis, r.vintage, r.known_at,
       r.moved,
       tram.agreement(f, r.value, r.numerator, r.denominator, r.areas_reporting, r.held) AS agreement
FROM tram.announcement f
LEFT JOIN LATERAL tram.rollup_at(f.indicator, tram.period_pack(f.time_period), f.level, nullif(f.boundary, ''), 'infinity', 0) r
  ON r.area = f.area;
COMMENT ON VIEW tram.claim IS 'Announced figures beside the roll-ups that they claim to be.';

-- Of an announcement that does not hold now, with as many areas and parts as report: whether it ever did, and if so, what ended
-- that. While fewer reported than ever after, nothing had held yet: the first reports were coming in, and what some of them add
-- up to may be anything. So it looks back from now for as long as enough areas had stated anything, at as many moments as
-- changes.most says; looked_back: not further than that.
CREATE FUNCTION tram.parting(figure_no integer, areas_reporting integer, parts_reporting integer)
RETURNS TABLE (held_until timestamptz, looked_back timestamptz, through tram.change)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off
SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE
  f         tram.announcement;
  v_period  integer;
  v_moments timestamptz[];
  v_stated  bigint[]; -- by so many areas until then
  v_areas   integer := coalesce(parting.areas_reporting, 0);
  v_parts   integer := coalesce(parting.parts_reporting, 0);
  v_n       integer;
  r         record;
BEGIN
  SELECT * INTO STRICT f FROM tram.announcement a WHERE a.figure_no = parting.figure_no;
  v_period := tram.period_pack(f.time_period);
  WITH touched AS MATERIALIZED (
    SELECT t.moment, t.area_nos FROM tram.touched('-infinity', 'infinity', f.indicator, v_period) t
    WHERE t.area_nos IS NOT NULL
  ), first AS (
    SELECT min(t.moment) AS moment FROM touched t CROSS JOIN LATERAL unnest(t.area_nos) a(area_no) GROUP BY a.area_no
  )
  SELECT array_agg(m.moment ORDER BY m.moment DESC), array_agg(m.stated ORDER BY m.moment DESC) INTO v_moments, v_stated
  FROM (SELECT t.moment, sum((SELECT count(*) FROM first s WHERE s.moment = t.moment)) OVER (ORDER BY t.moment)::bigint AS stated
        FROM touched t ORDER BY t.moment DESC LIMIT tram.parameter_or('changes.most', 5000)) m;
  v_n := coalesce(cardinality(v_moments), 0);
  FOR i IN 2 .. v_n LOOP
    EXIT WHEN v_stated[i] < v_areas;
    SELECT a.areas_reporting, a.parts_reporting,
           tram.agreement(f, a.value, a.numerator, a.denominator, a.areas_reporting, a.held) = 'equal' AS equal INTO r
    FROM tram.rollup_at(f.indicator, v_period, f.level, nullif(f.boundary, ''), v_moments[i], 0) a WHERE a.area = f.area;
    IF r.equal AND r.areas_reporting >= v_areas AND r.parts_reporting >= v_parts THEN
      held_until := v_moments[i];
      SELECT c.* INTO through
      FROM tram.figure_changes(f.indicator, v_period, f.level, nullif(f.boundary, ''), held_until, v_moments[i - 1 : i - 1]) c
      WHERE c.area = f.area;
      EXIT;
    END IF;
    v_areas := greatest(v_areas, r.areas_reporting);
    v_parts := greatest(v_parts, r.parts_reporting);
    IF i = tram.parameter_or('changes.most', 5000) THEN
      looked_back := v_moments[i];
    END IF;
  END LOOP;
  RETURN NEXT;
END $$;

COMMENT ON FUNCTION tram.parting(integer, integer, integer) IS
  'Of an announced figure that does not hold: until when it did, and the report or decision that ended that.';

-- By how much a roll-up is above what was announced, in its unit. Of so many of so many only where both are of as many: 18 of 138
-- are no more and no less than 18 of 145.
CREATE FUNCTION tram.claim_difference(c tram.claim) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
  WHEN (c).published_value IS NOT NULL THEN tram.shift((c).value, -(c).published_unit_mult) - (c).published_value
  WHEN round(tram.shift((c).denominator, -(c).published_unit_mult), scale((c).published_denominator)) = (c).published_denominator
    THEN tram.shift((c).numerator, -(c).published_unit_mult) - (c).published_numerator
END;

-- Whether announcements hold: holds; outdated (it was equal once, and something made it wrong: since when, through whom);
-- different (it never was equal); held, missing (there is nothing to compare with, nor was).
CREATE VIEW tram.claim_status AS
SELECT c.*,
       CASE WHEN c.agreement = 'equal' THEN 'holds' WHEN p.held_until IS NOT NULL THEN 'outdated' ELSE c.agreement END AS status,
       (p.through).moment AS outdated_since,
       tram.claim_difference(c) AS difference,
       p.looked_back, (p.through).cause, (p.through).statements, (p.through).of_area, (p.through).of_indicator,
       (p.through).of_time_period, (p.through).agent, (p.through).epoch, (p.through).seq, (p.through).revision,
       (p.through).reason, (p.through).decided_by, (p.through).value_before, (p.through).made_by
FROM tram.claim c
LEFT JOIN LATERAL (SELECT * FROM tram.parting(c.figure_no, c.areas_reporting, c.parts_reporting) WHERE c.agreement <> 'equal' OFFSET 0) p ON true;
COMMENT ON VIEW tram.claim_status IS
  'Announced figures: which hold, and which a correction has made outdated, since when and by how much.';

-- What was announced and has become outdated, once each; says it in tram.announced. Looked at are those that figures with verdicts
-- that were not seen before are part of: numbers, as no moment is settled for this.
CREATE FUNCTION tram.announce_claims()
RETURNS TABLE (figure_no integer, indicator text, time_period text, area text, published text, value text, difference text,
               since timestamptz, cause text, of_area text, agent text, seq bigint, reason text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off AS $$
#variable_conflict use_column
DECLARE
  v_agents integer[];
  v_seen   bigint[];
  v_now    bigint[];
  v_claims integer[];
BEGIN
  SELECT array_agg(a.agent_no), array_agg(coalesce(s.verdict_seq, 0)), array_agg(a.verdict_seq) INTO v_agents, v_seen, v_now
  FROM tram.agent a LEFT JOIN tram.claim_seen s ON s.agent_no = a.agent_no
  WHERE a.verdict_seq > coalesce(s.verdict_seq, 0);
  IF v_agents IS NULL THEN
    RETURN;
  END IF;
  SELECT array_agg(DISTINCT c.figure_no) INTO v_claims
  FROM tram.part_of(ARRAY(
    SELECT DISTINCT (n.series_no::bigint << 30) | r.period
    FROM unnest(v_agents, v_seen, v_now) a(agent_no, seen, now)
    JOIN tram.verdict v ON v.agent_no = a.agent_no AND v.verdict_seq > a.seen AND v.verdict_seq <= a.now
    JOIN tram.report r ON r.agent_no = v.agent_no AND r.report_no = v.report_no AND r.period <> 0
    CROSS JOIN LATERAL unnest(r.series) n(series_no))) f
  JOIN tram.announcement c ON c.indicator = f.indicator AND tram.period_pack(c.time_period) = f.period
  WHERE NOT f.covers;
  RETURN QUERY
  WITH outdated AS MATERIALIZED (
    SELECT c.* FROM tram.claim_status c WHERE c.figure_no = ANY (v_claims) AND c.status = 'outdated'
  ), said AS (
    INSERT INTO tram.announced (event, subject, since)
    SELECT 'claim.outdated', o.figure_no::text, o.outdated_since FROM outdated o
    ON CONFLICT DO NOTHING
    RETURNING tram.announced.subject)
  SELECT o.figure_no, o.indicator, o.time_period, o.area,
         coalesce(o.published_value::text, o.published_numerator || '/' || o.published_denominator),
         coalesce(CASE WHEN o.published_value IS NULL
                    THEN trim_scale(tram.shift(o.numerator, -o.published_unit_mult)) || '/' ||
                         trim_scale(tram.shift(o.denominator, -o.published_unit_mult))
                    ELSE trim_scale(round(tram.shift(o.value, -o.published_unit_mult), 20))::text END, ''),
         coalesce(trim_scale(round(o.difference, 20))::text, ''), o.outdated_since, o.cause, coalesce(o.of_area, ''),
         coalesce(o.agent, ''), o.seq, coalesce(o.reason, '')
  FROM said s JOIN outdated o ON o.figure_no::text = s.subject
  ORDER BY o.figure_no;
  INSERT INTO tram.claim_seen AS seen (agent_no, verdict_seq)
  SELECT * FROM unnest(v_agents, v_now)
  ON CONFLICT (agent_no) DO UPDATE SET verdict_seq = greatest(seen.verdict_seq, excluded.verdict_seq);
END $$;

-- Keeps what somebody announced; its number. What it is claimed to be is asked first, so that a claim on nothing is refused.
CREATE FUNCTION tram.add_announcement(indicator text, time_period text, area text, boundary text, value numeric, numerator numeric,
                                      denominator numeric, unit_mult integer, qualifier text, announced_on date, said_by text,
                                      source text, quote text, added_by text) RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  v_level text := (SELECT a.level FROM tram.area a WHERE a.area = coalesce(add_announcement.area, 'VN') LIMIT 1);
  v_no    integer;
BEGIN
  IF v_level IS NULL OR v_level NOT IN ('nation', 'region', 'province') THEN
    RAISE EXCEPTION 'no nation, region or province %', add_announcement.area USING ERRCODE = 'invalid_parameter_value',
      HINT = 'write VN, a region''s area or a province''s, 63/46';
  END IF;
  IF add_announcement.value IS NULL AND (add_announcement.numerator IS NULL OR add_announcement.denominator IS NULL) THEN
    RAISE EXCEPTION 'no figure was announced' USING ERRCODE = 'invalid_parameter_value',
      HINT = 'a value, or a numerator and a denominator';
  END IF;
  IF NOT EXISTS (SELECT FROM tram.qualifier q WHERE q.code = add_announcement.qualifier) THEN
    RAISE EXCEPTION '% is no qualifier', add_announcement.qualifier USING ERRCODE = 'invalid_parameter_value',
      HINT = (SELECT string_agg(q.code, ', ' ORDER BY q.qualifier) FROM tram.qualifier q WHERE q.code <> '');
  END IF;
  PERFORM FROM tram.rollup(add_announcement.indicator, add_announcement.time_period, v_level, add_announcement.boundary);
  INSERT INTO tram.announced_figure (indicator, time_period, level, area, boundary, value, numerator, denominator, unit, unit_mult,
                                     qualifier, announced_on, said_by, source, quote, added_by, added_as)
  SELECT i.indicator, add_announcement.time_period, v_level, coalesce(add_announcement.area, 'VN'),
         coalesce(tram.vintage_asked(add_announcement.boundary), ''),
         add_announcement.value, add_announcement.numerator, add_announcement.denominator, i.unit,
         coalesce(add_announcement.unit_mult, i.display_unit_mult), add_announcement.qualifier, add_announcement.announced_on,
         add_announcement.said_by, add_announcement.source, add_announcement.quote, add_announcement.added_by, session_user
  FROM tram.indicator i WHERE i.indicator = add_announcement.indicator
  RETURNING figure_no INTO v_no;
  RETURN v_no;
END $$;

REVOKE EXECUTE ON FUNCTION tram.parting(integer, integer, integer), tram.announce_claims(),
  tram.add_announcement(text, text, text, text, numeric, numeric, numeric, integer, text, date, text, text, text, text)
  FROM PUBLIC;
GRANT EXECUTE ON FUNCTION tram.parting(integer, integer, integer) TO tram_reader, tram_admin;
GRANT EXECUTE ON FUNCTION tram.announce_claims() TO tram_writer;
GRANT EXECUTE ON FUNCTION
  tram.add_announcement(text, text, text, text, numeric, numeric, numeric, integer, text, date, text, text, text, text)
  TO tram_operator;
GRANT SELECT ON tram.announcement, tram.claim, tram.claim_status TO tram_reader, tram_admin;
