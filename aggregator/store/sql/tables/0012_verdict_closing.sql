-- SPDX-License-Identifier: Apache-2.0
-- The newest closing that was there when a report was judged: of closings, its verdict knew those up to this number. 0: none.

ALTER TABLE tram.verdict ADD COLUMN closing_no bigint NOT NULL DEFAULT 0;
