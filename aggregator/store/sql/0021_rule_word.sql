-- SPDX-License-Identifier: Apache-2.0
-- The word that a version of the catalogue moved a rule to, beside its texts: what a decision makes of the words of a verdict
-- follows from the words of the catalogue that made it. Null: from before this was kept; the rule's present word.
ALTER TABLE tram.rule_text ADD word text;
