-- How often a gateway was given a message, not before when it is given it again, and when it was given up. Whoever changes these by SQL delays or
-- repeats a message, which removing its row or its sent_at does as well; recipient and text are sealed to the row.
ALTER TABLE message ADD COLUMN tries INTEGER NOT NULL DEFAULT 0;
ALTER TABLE message ADD COLUMN next_at INTEGER;
ALTER TABLE message ADD COLUMN failed_at INTEGER;
CREATE INDEX message_failed ON message (failed_at) WHERE failed_at IS NOT NULL;
CREATE INDEX message_newest ON message (created_at, id);
