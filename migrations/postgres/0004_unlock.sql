-- Requests to unlock a credential: one person asks, another decides. One is open at a time.
CREATE TABLE unlock_request (
    id UUID NOT NULL PRIMARY KEY,
    credential_id UUID NOT NULL REFERENCES credential (id),
    number BIGINT NOT NULL,
    state TEXT NOT NULL,
    reason TEXT NOT NULL,
    asked_by UUID NOT NULL REFERENCES account (id),
    asked_at BIGINT NOT NULL,
    decided_by UUID REFERENCES account (id),
    decided_at BIGINT,
    version BIGINT NOT NULL,
    mac BYTEA NOT NULL,
    CHECK (number >= 1 AND number <= 2),
    CHECK (decided_by IS NULL OR decided_by <> asked_by)
);
CREATE UNIQUE INDEX unlock_request_open ON unlock_request (credential_id) WHERE state = 'asked';
CREATE INDEX unlock_request_by_state ON unlock_request (state, asked_at, id);
