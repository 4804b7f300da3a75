-- SPDX-License-Identifier: Apache-2.0
-- What a judgement knows of other provinces, by numbered cuts: how their figures lie, and which reports others may be copies
-- of. Only appended to, so that what any cut knew can be read at any time.

-- What a report states, for peer cuts: the series of the figures that are stored of it, and the sketch of those that were
-- accepted (null: too few to be told from others).
ALTER TABLE tram.report
  ADD series integer[],
  ADD sketch bytea CHECK (length(sketch) = 64);

-- One cut. It counts the figures as they stood with the verdicts verdict_seqs of agents (those that had moved; of all
-- others what the last cut that has them says), and knows rows of cuts after horizon, up to itself.
CREATE TABLE tram.peer_cut (
  cut_no       integer PRIMARY KEY CHECK (cut_no > 0),
  made_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
  horizon      integer NOT NULL CHECK (horizon BETWEEN 0 AND cut_no),
  agents       integer[] NOT NULL,
  verdict_seqs bigint[] NOT NULL
);

-- Up to which verdict of an agent cuts have looked at what its reports touch.
CREATE TABLE tram.peer_seen (
  agent_no    integer PRIMARY KEY REFERENCES tram.agent,
  verdict_seq bigint NOT NULL
) WITH (fillfactor = 50);

-- How the provinces' figures of a series and period lie, from this cut on. The median is the middle one, of an even number
-- the lower of the two, and so is mad, the median distance from it. Zero is no mode; of values that are stated equally often
-- it is the least. Null: there is none.
CREATE TABLE tram.peer_figures (
  series_no integer NOT NULL,
  period    integer NOT NULL,
  cut_no    integer NOT NULL,
  n         integer NOT NULL,
  median    numeric,
  mad       numeric,
  mode      numeric,
  mode_n    integer NOT NULL,
  PRIMARY KEY (series_no, period, cut_no)
);
CREATE INDEX peer_figures_by_cut ON tram.peer_figures (cut_no);

-- The reports that have a sketch, from this cut on.
CREATE TABLE tram.peer_report (
  agent_no  integer NOT NULL,
  report_no bigint NOT NULL,
  cut_no    integer NOT NULL,
  PRIMARY KEY (agent_no, report_no)
);
CREATE INDEX peer_report_by_cut ON tram.peer_report (cut_no);

-- Reports that are there already state their figures without a list: cuts begin with what comes now.
INSERT INTO tram.peer_seen SELECT agent_no, verdict_seq FROM tram.agent WHERE verdict_seq > 0;

-- Exactly a / b, rounded half away from zero. (Dividing first and rounding then rounds twice.) Null: it has more than 18
-- digits then, which no figure has.
CREATE FUNCTION tram.divided(a numeric, b numeric, places integer) RETURNS numeric
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN (SELECT CASE WHEN abs(q) < 1e18 THEN q * ('1e-' || places)::numeric END
        FROM (SELECT sign(a) * sign(b) * div(2 * tram.shift(abs(a), places) + abs(b), nullif(2 * abs(b), 0)) AS q) x);

-- A figure as it was stated, or as it follows from its parts, and as provinces are compared by it: percentages, ratios, means
-- and growth as they are, counts and amounts for a million people. Null: it is not compared.
CREATE FUNCTION tram.peer_stated(value_type text, unit text, value numeric, numerator numeric, denominator numeric)
RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN value_type NOT IN ('rank', 'target')
  THEN coalesce(value, tram.divided(CASE unit WHEN 'percent' THEN 100 ELSE 1 END * numerator, nullif(denominator, 0), 6)) END;

CREATE FUNCTION tram.peer_comparable(value_type text, stated numeric, population numeric) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN value_type IN ('count', 'amount')
  THEN CASE WHEN population > 0 THEN tram.divided(stated * 1000000, population, 3) END ELSE stated END;

-- Makes the cut after the one given (null: the first), of what verdicts touched that no cut has seen: the oldest first, of at
-- most so many figures. False: another cut is the newest.
CREATE FUNCTION tram.make_peer_cut(after integer, after_made_at timestamptz, horizon integer, most integer) RETURNS boolean
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog
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
    SELECT t.series_no, t.period, c.stated, c.comparable
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
    CROSS JOIN LATERAL (
      SELECT tram.peer_stated(t.value_type, t.unit, f.value, f.numerator, f.denominator) AS stated) v
    CROSS JOIN LATERAL (
      SELECT v.stated, tram.peer_comparable(t.value_type, v.stated, p.population) AS comparable) c
    WHERE f.outcome IN (1, 2) AND f.flags & 1 = 0 AND f.missing_reason = 0 AND c.comparable IS NOT NULL
  ), middle AS MATERIALIZED (
    SELECT s.series_no, s.period, count(*)::integer AS n,
           percentile_disc(0.5) WITHIN GROUP (ORDER BY s.comparable) AS median
    FROM standing s GROUP BY s.series_no, s.period
  ), spread AS MATERIALIZED (
    SELECT s.series_no, s.period, percentile_disc(0.5) WITHIN GROUP (ORDER BY abs(s.comparable - m.median)) AS mad
    FROM standing s JOIN middle m ON m.series_no = s.series_no AND m.period = s.period GROUP BY s.series_no, s.period
  ), frequent AS MATERIALIZED (
    SELECT DISTINCT ON (s.series_no, s.period) s.series_no, s.period, s.stated AS mode, count(*)::integer AS mode_n
    FROM standing s WHERE s.stated <> 0
    GROUP BY s.series_no, s.period, s.stated ORDER BY s.series_no, s.period, count(*) DESC, s.stated
  ), figures AS (
    INSERT INTO tram.peer_figures (series_no, period, cut_no, n, median, mad, mode, mode_n)
    SELECT t.series_no, t.period, v_no, coalesce(m.n, 0), trim_scale(m.median), trim_scale(d.mad), trim_scale(f.mode),
           coalesce(f.mode_n, 0)
    FROM touched t
    LEFT JOIN middle m ON m.series_no = t.series_no AND m.period = t.period
    LEFT JOIN spread d ON d.series_no = t.series_no AND d.period = t.period
    LEFT JOIN frequent f ON f.series_no = t.series_no AND f.period = t.period
    LEFT JOIN LATERAL (
      SELECT g.n, g.median, g.mad, g.mode, g.mode_n FROM tram.peer_figures g
      WHERE g.series_no = t.series_no AND g.period = t.period ORDER BY g.cut_no DESC LIMIT 1) g ON true
    WHERE (coalesce(m.n, 0), m.median, d.mad, f.mode, coalesce(f.mode_n, 0))
          IS DISTINCT FROM (coalesce(g.n, 0), g.median, g.mad, g.mode, coalesce(g.mode_n, 0))
  )
  INSERT INTO tram.peer_cut (cut_no, horizon, agents, verdict_seqs)
  SELECT v_no, make_peer_cut.horizon, coalesce(array_agg(m.agent_no ORDER BY m.agent_no), '{}'),
         coalesce(array_agg(m.now ORDER BY m.agent_no), '{}')
  FROM moved m;
  RETURN true;
END $$;

GRANT SELECT ON tram.peer_cut, tram.peer_seen, tram.peer_figures, tram.peer_report TO tram_writer, tram_reader, tram_admin;
GRANT INSERT ON tram.peer_cut, tram.peer_seen, tram.peer_figures, tram.peer_report TO tram_writer;
GRANT UPDATE (verdict_seq) ON tram.peer_seen TO tram_writer;
