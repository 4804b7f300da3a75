-- SPDX-License-Identifier: Apache-2.0
-- What a transaction of an agent's reports must find true of the agent, in the row that it locks anyway.

-- tram.agent_key keeps the history; the newest row of it is repeated here, written in the same transaction. Whoever
-- moves an agent's verdicts does so only while it is active and the key that signed is the present one, so that nothing
-- of an agent is committed once its revocation is.
ALTER TABLE tram.agent
  ADD state          text NOT NULL DEFAULT 'suspended' CHECK (state IN ('active', 'suspended', 'revoked')),
  ADD curve_public   text CHECK (length(curve_public) = 40),       -- null: it never had keys
  ADD signing_public bytea CHECK (length(signing_public) = 32);

UPDATE tram.agent a SET state = k.state, curve_public = k.curve_public, signing_public = k.signing_public
FROM (SELECT DISTINCT ON (agent_no) agent_no, state, curve_public, signing_public
      FROM tram.agent_key ORDER BY agent_no, agent_key_no DESC) k
WHERE k.agent_no = a.agent_no;

GRANT UPDATE (state, curve_public, signing_public) ON tram.agent TO tram_admin;

-- A stream has its row from its first commit on; until now every epoch that was ever greeted with had one.
DELETE FROM tram.stream WHERE seq = 0;
GRANT SELECT, USAGE ON SEQUENCE tram.stream_stream_no_seq TO tram_writer;
