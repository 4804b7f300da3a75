-- SPDX-License-Identifier: Apache-2.0
-- Peer cuts.

-- Exactly a / b, rounded half away from zero. (Dividing first and rounding then rounds twice.) Null: it has more than 18
-- digits then, which no figure has.
CREATE FUNCTION tram.divided(a numeric, b numeric, places integer) RETURNS numeric
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
  q numeric;
BEGIN
  IF b = 0 THEN
    RETURN NULL;
  END IF;
  q := sign(a) * sign(b) * div(2 * abs(a) * ('1e' || places)::numeric + abs(b), 2 * abs(b));
  RETURN CASE WHEN abs(q) < 1e18 THEN q * ('1e-' || places)::numeric END;
END $$;

-- A figure as it was stated, or as it follows from its parts, and as provinces are compared by it: percentages, ratios, means
-- and growth as they are, counts and amounts for a million people. Null: it is not compared.
CREATE FUNCTION tram.peer_stated(value_type text, unit text, value numeric, numerator numeric, denominator numeric)
RETURNS numeric
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
  IF value_type IN ('rank', 'target') THEN
    RETURN NULL;
  END IF;
  RETURN coalesce(value, tram.divided(CASE unit WHEN 'percent' THEN 100 ELSE 1 END * numerator, denominator, 6));
END $$;

CREATE FUNCTION tram.peer_comparable(value_type text, stated numeric, population numeric) RETURNS numeric
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
  IF value_type NOT IN ('count', 'amount') THEN
    RETURN stated;
  END IF;
  RETURN CASE WHEN population > 0 THEN tram.divided(stated * 1000000, population, 3) END;
END $$;

-- Makes the cut after the one given (null: the first), of what verdicts touched that no cut has seen: the oldest first, of at
-- most so many figures. False: another cut is the newest.
CREATE FUNCTION tram.make_peer_cut(after integer, after_made_at timestamptz, horizon integer, most integer) RETURNS boolean
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off AS $$
#variable_conflict use_column
DECLARE
  v_no integer := coalesce(make_peer_cut.after, 0) + 1;
BEGIN
  -- Whoever makes the same cut at the same time waits here, and then finds it made.
  PERFORM pg_advisory_xact_lock(hashtext('tram.peer_cut'));
  IF (SELECT max(c.cut_no) FROM tram.peer_cut c) IS DISTINCT FROM make_peer_cut.after OR
     make_peer_cut.after IS NOT NULL AND NOT EXISTS (
       SELECT FROM tram.peer_cut c
       WHERE c.cut_no = make_peer_cut.after AND c.made_at = make_peer_cut.after_made_at) THEN
    RETURN false;
  END IF;
  -- One statement: what is counted and what is written down as counted are one snapshot.
  WITH moved AS MATERIALIZED (
    SELECT a.agent_no, coalesce(s.verdict_seq, 0) AS after, a.verdict_seq AS now
    FROM tram.agent a LEFT JOIN tram.peer_seen s ON s.agent_no = a.agent_no
    WHERE a.verdict_seq > coalesce(s.verdict_seq, 0)
  ), share AS MATERIALIZED (
    SELECT greatest(2, make_peer_cut.most / greatest(1, count(*)))::integer AS verdicts FROM moved
  ), told AS MATERIALIZED (
    SELECT v.agent_no, v.verdict_seq, v.report_no,
           row_number() OVER (PARTITION BY v.agent_no ORDER BY v.verdict_seq) AS turn
    FROM moved m CROSS JOIN LATERAL (
      SELECT v.agent_no, v.verdict_seq, v.report_no FROM tram.verdict v
      WHERE v.agent_no = m.agent_no AND v.verdict_seq > m.after ORDER BY v.verdict_seq
      LIMIT (SELECT s.verdicts FROM share s)) v
  ), weighed AS MATERIALIZED (
    SELECT t.agent_no, t.verdict_seq, t.report_no, r.provider, r.period, r.series, r.sketch,
           sum(1 + coalesce(cardinality(r.series), 0)) OVER (ORDER BY t.turn, t.agent_no)
           - 1 - coalesce(cardinality(r.series), 0) AS before
    FROM told t LEFT JOIN tram.report r ON r.agent_no = t.agent_no AND r.report_no = t.report_no AND r.repeats IS NULL
  ), taken AS MATERIALIZED (
    SELECT w.* FROM weighed w WHERE w.before < make_peer_cut.most
  ), seen AS (
    INSERT INTO tram.peer_seen AS s (agent_no, verdict_seq)
    SELECT m.agent_no, CASE WHEN count(t.verdict_seq) < (SELECT sh.verdicts FROM share sh)
                                 AND count(t.verdict_seq) = (SELECT count(*) FROM told o WHERE o.agent_no = m.agent_no)
                            THEN m.now ELSE coalesce(max(t.verdict_seq), m.after) END
    FROM moved m LEFT JOIN taken t ON t.agent_no = m.agent_no GROUP BY m.agent_no, m.after, m.now
    ON CONFLICT (agent_no) DO UPDATE SET verdict_seq = excluded.verdict_seq
  ), reports AS (
    INSERT INTO tram.peer_report (agent_no, report_no, cut_no)
    SELECT DISTINCT t.agent_no, t.report_no, v_no
    FROM taken t JOIN tram.provider p ON p.provider = t.provider AND p.kind = 'province'
    WHERE t.sketch IS NOT NULL
    ON CONFLICT DO NOTHING
  ), touched AS MATERIALIZED (
    SELECT x.series_no, x.period, i.value_type, i.unit
    FROM (SELECT DISTINCT unnest(t.series) AS series_no, t.period FROM taken t WHERE t.period <> 0) x
    JOIN tram.series s ON s.series_no = x.series_no
    JOIN tram.indicator i ON i.indicator = s.indicator AND i.value_type NOT IN ('rank', 'target')
    JOIN tram.dataflow d ON d.dataflow = i.dataflow AND d.provided_by = 'province'
  ), province AS MATERIALIZED (
    SELECT DISTINCT ON (a.area_no) a.area_no, a.population FROM tram.area a
    WHERE a.level = 'province' ORDER BY a.area_no, a.valid_from DESC
  ), standing AS MATERIALIZED (
    SELECT t.series_no, t.period, t.value_type, p.population,
           tram.peer_stated(t.value_type, t.unit, f.value, f.numerator, f.denominator) AS stated
    FROM touched t CROSS JOIN province p
    CROSS JOIN LATERAL (
      SELECT o.value, o.numerator, o.denominator, o.missing_reason, o.flags,
             tram.effective_outcome(o.outcome, d.decision) AS outcome
      FROM tram.observation o
      LEFT JOIN LATERAL (
        SELECT d.decision FROM tram.decision d
        WHERE d.area_no = o.area_no AND d.key = o.key ORDER BY d.decision_no DESC LIMIT 1) d ON true
      WHERE o.area_no = p.area_no AND o.key >= (t.series_no::bigint << 44) | (t.period::bigint << 14)
        AND o.key <= (t.series_no::bigint << 44) | (t.period::bigint << 14) | 16383
        AND tram.effective_outcome(o.outcome, d.decision) IN (1, 2, 6)
      ORDER BY o.key DESC LIMIT 1) f
    WHERE f.outcome IN (1, 2) AND f.flags & 1 = 0 AND f.missing_reason = 0
  ), compared AS MATERIALIZED (
    SELECT s.series_no, s.period, s.stated, tram.peer_comparable(s.value_type, s.stated, s.population) AS comparable
    FROM standing s
  ), counted AS MATERIALIZED (
    -- every series and period that was touched is here, whether or not anything stands
    SELECT t.series_no, t.period, NULL::numeric AS stated, NULL::numeric AS comparable FROM touched t
    UNION ALL
    SELECT c.series_no, c.period, c.stated, c.comparable FROM compared c WHERE c.comparable IS NOT NULL
  ), ordered AS (
    SELECT c.*, count(c.comparable) OVER (PARTITION BY c.series_no, c.period) AS n,
           row_number() OVER (PARTITION BY c.series_no, c.period ORDER BY c.comparable) AS place,
           count(*) OVER (PARTITION BY c.series_no, c.period, c.stated) AS same
    FROM counted c
  ), middle AS (
    SELECT o.*, max(o.comparable) FILTER (WHERE o.place = (o.n + 1) / 2) OVER (PARTITION BY o.series_no, o.period) AS median
    FROM ordered o
  ), spread AS (
    SELECT m.*, abs(m.comparable - m.median) AS distance,
           row_number() OVER (PARTITION BY m.series_no, m.period ORDER BY abs(m.comparable - m.median)) AS distance_place
    FROM middle m
  ), summed AS MATERIALIZED (
    SELECT s.series_no, s.period, max(s.n)::integer AS n, max(s.median) AS median,
           max(s.distance) FILTER (WHERE s.distance_place = (s.n + 1) / 2) AS mad,
           (array_agg(s.stated ORDER BY s.same DESC, s.stated) FILTER (WHERE s.stated <> 0))[1] AS mode,
           coalesce(max(s.same) FILTER (WHERE s.stated <> 0), 0)::integer AS mode_n
    FROM spread s GROUP BY s.series_no, s.period
  ), figures AS (
    INSERT INTO tram.peer_figures (series_no, period, cut_no, n, median, mad, mode, mode_n)
    SELECT s.series_no, s.period, v_no, s.n, trim_scale(s.median), trim_scale(s.mad), trim_scale(s.mode), s.mode_n
    FROM summed s
    LEFT JOIN LATERAL (
      SELECT g.n, g.median, g.mad, g.mode, g.mode_n FROM tram.peer_figures g
      WHERE g.series_no = s.series_no AND g.period = s.period ORDER BY g.cut_no DESC LIMIT 1) g ON true
    WHERE (s.n, s.median, s.mad, s.mode, s.mode_n)
          IS DISTINCT FROM (coalesce(g.n, 0), g.median, g.mad, g.mode, coalesce(g.mode_n, 0))
  )
  INSERT INTO tram.peer_cut (cut_no, horizon, agents, verdict_seqs)
  SELECT v_no, make_peer_cut.horizon, coalesce(array_agg(m.agent_no ORDER BY m.agent_no), '{}'),
         coalesce(array_agg(m.now ORDER BY m.agent_no), '{}')
  FROM moved m;
  RETURN true;
END $$;
