-- SPDX-License-Identifier: Apache-2.0
-- Periods that were closed ("chốt số liệu"), and the figures they were closed with. A closing is never changed or taken back:
-- the period is closed once more, as its next vintage.

CREATE TABLE tram.closing (
  closing_no  bigint PRIMARY KEY,                -- 1, 2, 3 … in the order of their moments
  dataflow    text NOT NULL,
  period      integer NOT NULL,
  vintage     integer NOT NULL CHECK (vintage >= 1), -- of the dataflow's period: 1, 2, 3 …
  closed_at   timestamptz NOT NULL,              -- a settled moment: what was known then is frozen
  closed_by   text NOT NULL CHECK (closed_by <> ''),
  closed_as   text NOT NULL DEFAULT session_user, -- who was connected then
  reason      text NOT NULL CHECK (reason <> ''),
  provisional boolean NOT NULL,                  -- provinces were missing, or figures held
  figures     bigint NOT NULL,
  digest      bytea NOT NULL CHECK (length(digest) = 32), -- of all that, of its figures, and of the closing before
  UNIQUE (dataflow, period, vintage)
);

-- What tram.rollup() gave then. It outlives the catalogue that it was made with, and the type of a roll-up's row.
CREATE TABLE tram.closing_figure (
  indicator  text NOT NULL,
  period     integer NOT NULL,
  level      text NOT NULL,
  boundary   text NOT NULL,
  area       text NOT NULL,
  closing_no bigint NOT NULL REFERENCES tram.closing,
  figure     jsonb NOT NULL,                     -- a tram.rollup_row
  digest     bytea NOT NULL CHECK (length(digest) = 32),
  PRIMARY KEY (indicator, period, level, boundary, area, closing_no)
);
CREATE INDEX closing_figure_by_closing ON tram.closing_figure (closing_no);

GRANT SELECT ON tram.closing TO tram_reader, tram_writer, tram_admin, tram_operator;
GRANT SELECT ON tram.dataflow, tram.indicator TO tram_operator;
GRANT SELECT ON tram.closing_figure TO tram_reader, tram_admin, tram_operator;
