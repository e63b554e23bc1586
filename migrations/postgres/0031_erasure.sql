-- When nobody was put in the place of a request's person. Says only what the round of the worker need not look at again: the row's own
-- content and its entry in the audit log tell that it was done.
ALTER TABLE registration_request ADD COLUMN erased_at BIGINT;
CREATE INDEX registration_request_to_erase ON registration_request (updated_at, id)
    WHERE state IN ('approved', 'rejected', 'expired') AND erased_at IS NULL;
CREATE INDEX message_sent ON message (sent_at) WHERE sent_at IS NOT NULL;
