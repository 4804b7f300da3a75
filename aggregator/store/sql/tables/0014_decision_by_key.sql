-- SPDX-License-Identifier: Apache-2.0
-- Whether anything was decided on a figure of any area is asked by every roll-up: one step down this index, instead of one for
-- each area down that of areas.

CREATE INDEX decision_by_key ON tram.decision (key);
