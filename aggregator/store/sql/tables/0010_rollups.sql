-- SPDX-License-Identifier: Apache-2.0
-- What an indicator's roll-ups go by.

ALTER TABLE tram.indicator
  ADD COLUMN gate_percent integer CHECK (gate_percent BETWEEN 1 AND 100),  -- null: parameter DU-07.gate_percent
  ADD COLUMN target_of    text NOT NULL DEFAULT '';                        -- of a target: the indicator it is set for
