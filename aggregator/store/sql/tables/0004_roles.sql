-- SPDX-License-Identifier: Apache-2.0
-- Who may do what: least privilege. Views grant their own rights (views/). Roles belong to the server, so that another
-- database of it may have made them already.

DO $$
DECLARE r text;
BEGIN
  FOREACH r IN ARRAY ARRAY['tram_writer', 'tram_reader', 'tram_admin', 'tram_auditor', 'tram_operator'] LOOP
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = r) THEN
      EXECUTE format('CREATE ROLE %I LOGIN', r);
    END IF;
  END LOOP;
END $$;

GRANT USAGE ON SCHEMA tram TO tram_writer, tram_reader, tram_admin, tram_auditor, tram_operator;

-- An auditor reads every row, the bytes handed in too, and writes none.
GRANT SELECT ON ALL TABLES IN SCHEMA tram TO tram_writer, tram_admin, tram_auditor;
ALTER DEFAULT PRIVILEGES IN SCHEMA tram GRANT SELECT ON TABLES TO tram_auditor;

-- Readers see figures through views, and of the tables what explains them.
GRANT SELECT ON tram.schema_migration, tram.catalogue, tram.catalogue_file, tram.area, tram.area_succession, tram.dataflow,
                tram.indicator, tram.provider, tram.word, tram.rule, tram.rule_text, tram.parameter, tram.calendar_rule,
                tram.due_rule, tram.cross_rule, tram.reference, tram.reference_rule, tram.justification_code,
                tram.published_figure, tram.obs_status, tram.qualifier, tram.missing_reason, tram.outcome, tram.frequency,
                tram.stream, tram.liveness, tram.score_history, tram.peer_cut, tram.peer_seen, tram.peer_figures,
                tram.peer_report
  TO tram_reader;

-- The aggregator's lanes and its watch.
GRANT INSERT ON tram.series, tram.stream, tram.batch, tram.report, tram.poison, tram.observation, tram.observation_note,
                tram.report_finding, tram.verdict, tram.peer_cut, tram.peer_seen, tram.peer_figures, tram.peer_report
  TO tram_writer;
GRANT UPDATE (seq, chain, updated_at) ON tram.stream TO tram_writer;
GRANT UPDATE (verdict_seq) ON tram.agent TO tram_writer;
GRANT UPDATE (verdict_seq) ON tram.peer_seen TO tram_writer;
GRANT INSERT, UPDATE ON tram.liveness TO tram_writer;
GRANT SELECT, USAGE ON SEQUENCE tram.stream_stream_no_seq TO tram_writer;

-- Who loads the catalogue and keeps the roster.
GRANT INSERT ON tram.agent, tram.agent_key, tram.catalogue, tram.catalogue_file, tram.area_number, tram.series, tram.rule_text
  TO tram_admin;
GRANT UPDATE (state, curve_public, signing_public) ON tram.agent TO tram_admin;
GRANT INSERT, UPDATE, DELETE ON tram.area, tram.area_succession, tram.dataflow, tram.indicator, tram.provider, tram.word,
                tram.rule, tram.published_figure, tram.calendar_rule, tram.due_rule, tram.parameter, tram.cross_rule,
                tram.reference, tram.reference_rule, tram.justification_code
  TO tram_admin;

-- Who decides on figures that are held. Who was connected then is for the store to say: an operator states everything else
-- of a decision.
GRANT SELECT ON tram.schema_migration, tram.agent, tram.stream, tram.report, tram.poison, tram.report_finding, tram.verdict,
                tram.word, tram.rule, tram.rule_text
  TO tram_operator;
GRANT INSERT (area_no, key, decision, decided_at, decided_by, rule, reason, verdict_seq) ON tram.decision TO tram_operator;
GRANT INSERT (verdict_seq, report_no, known_at, agent_no, catalogue_version, words, cause, outcomes, decided_by, reason)
  ON tram.verdict TO tram_operator;
GRANT UPDATE (verdict_seq) ON tram.agent TO tram_operator;
