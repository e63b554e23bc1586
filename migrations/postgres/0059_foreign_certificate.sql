-- Certificates of other authorities that persons with an account have registered, each with the proof that its key is theirs. A certificate or a
-- key stands with one account at a time; what was refused or taken away stays as a row, so that nobody registers it again unseen.
CREATE TABLE foreign_certificate (
    id UUID NOT NULL PRIMARY KEY,
    account_id UUID NOT NULL REFERENCES account (id),
    state TEXT NOT NULL,
    fingerprint BYTEA NOT NULL,
    key_hash BYTEA NOT NULL,
    content BYTEA NOT NULL,
    content_digest BYTEA NOT NULL,
    not_after BIGINT NOT NULL,
    status TEXT NOT NULL,
    status_at BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    decided_by UUID REFERENCES account (id),
    decided_at BIGINT,
    refusal_reason TEXT,
    ended_by UUID REFERENCES account (id),
    ended_at BIGINT,
    version BIGINT NOT NULL,
    mac BYTEA NOT NULL,
    CHECK (decided_by IS NULL OR decided_by <> account_id)
);
CREATE UNIQUE INDEX foreign_certificate_by_key ON foreign_certificate (key_hash) WHERE state IN ('waiting', 'registered');
CREATE INDEX foreign_certificate_of_key ON foreign_certificate (key_hash);
CREATE INDEX foreign_certificate_by_account ON foreign_certificate (account_id, created_at, id);
CREATE INDEX foreign_certificate_waiting ON foreign_certificate (created_at, id) WHERE state = 'waiting';
