-- Requests to unlock a credential: one person asks, another decides. One is open at a time.
CREATE TABLE unlock_request (
    id BLOB NOT NULL PRIMARY KEY,
    credential_id BLOB NOT NULL REFERENCES credential (id),
    number INTEGER NOT NULL,
    state TEXT NOT NULL,
    reason TEXT NOT NULL,
    asked_by BLOB NOT NULL REFERENCES account (id),
    asked_at INTEGER NOT NULL,
    decided_by BLOB REFERENCES account (id),
    decided_at INTEGER,
    version INTEGER NOT NULL,
    mac BLOB NOT NULL,
    CHECK (number >= 1 AND number <= 2),
    CHECK (decided_by IS NULL OR decided_by <> asked_by)
) STRICT;
CREATE UNIQUE INDEX unlock_request_open ON unlock_request (credential_id) WHERE state = 'asked';
CREATE INDEX unlock_request_by_state ON unlock_request (state, asked_at, id);
