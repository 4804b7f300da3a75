-- SPDX-License-Identifier: Apache-2.0
-- Moments that are settled, and how to find what became known since one.

-- The latest moment that was given out as settled, in microseconds since 1970: see tram.settled_moment(). A sequence, as that
-- is seen by everybody at once, and outlives the transaction that asked.
CREATE SEQUENCE tram.settled AS bigint MINVALUE 0 START WITH 0;

-- Nothing is ever in it: it is there to be locked. Whoever writes figures holds it in common, whoever settles a moment for
-- himself alone. (An advisory lock could be taken by anyone who may connect.)
CREATE TABLE tram.settling ();

-- History is appended, so what lies together became known together.
CREATE INDEX observation_by_known ON tram.observation USING brin (known_at) WITH (autosummarize = on);
CREATE INDEX decision_by_time ON tram.decision (decided_at);
