-- SPDX-License-Identifier: Apache-2.0
-- What the tables are that readers see: of whoever asks \d+ in psql, and of tram-sql(7).

COMMENT ON TABLE tram.schema_migration IS 'What was done to this database: the tables by number, and the views as 0.';
COMMENT ON TABLE tram.catalogue IS 'The catalogue''s versions: who loaded which files, and when.';
COMMENT ON TABLE tram.catalogue_file IS 'The files of each version, whole.';
COMMENT ON TABLE tram.area IS 'Nation, regions, provinces and communes by vintage and code (63/46), with their names and the days they were in force.';
COMMENT ON TABLE tram.area_succession IS 'Which province of the 63 became which of the 34, and on which day.';
COMMENT ON TABLE tram.dataflow IS 'Sets of figures that are reported together: who provides them, how often, by which calendar and due day.';
COMMENT ON TABLE tram.indicator IS 'What is measured: unit, how it is shown, how it adds up over areas and over time.';
COMMENT ON TABLE tram.provider IS 'Who reports for which area, through which agent.';
COMMENT ON TABLE tram.word IS 'The words that rules belong to, and how much each weighs in a score.';
COMMENT ON TABLE tram.rule IS 'The rules: texts in both languages, severity, weight, since when.';
COMMENT ON TABLE tram.rule_text IS 'The texts that each version of the catalogue gave a rule; a verdict is told in those of its version.';
COMMENT ON TABLE tram.parameter IS 'Numbers that rules and measurements take from the catalogue: RULE.name.';
COMMENT ON TABLE tram.calendar_rule IS 'The days that a period of a frequency covers, by calendar.';
COMMENT ON TABLE tram.due_rule IS 'The day by which a report of a frequency is due.';
COMMENT ON TABLE tram.cross_rule IS 'Comparisons of indicators that a rule makes: left operator right.';
COMMENT ON TABLE tram.reference IS 'Figures that were published elsewhere, for comparison.';
COMMENT ON TABLE tram.reference_rule IS 'Which part of which indicator is held against which reference.';
COMMENT ON TABLE tram.justification_code IS 'Reasons why a figure that looks wrong is right.';
COMMENT ON TABLE tram.published_figure IS 'Figures that the government announced, with the exact quote.';
COMMENT ON TABLE tram.obs_status IS 'The letters of SDMX''s observation status, strongest first.';
COMMENT ON TABLE tram.qualifier IS 'How exact a figure claims to be, strongest first.';
COMMENT ON TABLE tram.missing_reason IS 'Why there is no figure.';
COMMENT ON TABLE tram.outcome IS 'What becomes of a figure: accepted, held, refused and so on.';
COMMENT ON TABLE tram.frequency IS 'How long periods are: year, half, quarter, month.';
COMMENT ON TABLE tram.closing IS 'Periods that were closed, vintage by vintage: tram.closed_period has them as people call them.';
COMMENT ON TABLE tram.closing_figure IS 'The figures that each closing froze, as rows of tram.rollup() in JSON, each with its digest.';
COMMENT ON TABLE tram.stream IS 'How far each agent''s reports are stored, outbox by outbox.';
COMMENT ON TABLE tram.liveness IS 'When each agent was last heard.';
COMMENT ON TABLE tram.score_history IS 'Each day''s scores as they were then.';
COMMENT ON TABLE tram.peer_cut IS 'Moments for which it was counted what other provinces state.';
COMMENT ON TABLE tram.peer_seen IS 'How far each such count looked, agent by agent.';
COMMENT ON TABLE tram.peer_figures IS 'What other provinces stated of an indicator and period, counted.';
COMMENT ON TABLE tram.peer_report IS 'Sketches of reports, by which copies of another province''s are found.';
