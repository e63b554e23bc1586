-- Certificates of other authorities that persons with an account have registered, each with the proof that its key is theirs. A certificate or a
-- key stands with one account at a time; what was refused or taken away stays as a row, so that nobody registers it again unseen.
CREATE TABLE foreign_certificate (
    id BLOB NOT NULL PRIMARY KEY,
    account_id BLOB NOT NULL REFERENCES account (id),
    state TEXT NOT NULL,
    fingerprint BLOB NOT NULL,
    key_hash BLOB NOT NULL,
    content BLOB NOT NULL,
    content_digest BLOB NOT NULL,
    not_after INTEGER NOT NULL,
    status TEXT NOT NULL,
    status_at INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    decided_by BLOB REFERENCES account (id),
    decided_at INTEGER,
    refusal_reason TEXT,
    ended_by BLOB REFERENCES account (id),
    ended_at INTEGER,
    version INTEGER NOT NULL,
    mac BLOB NOT NULL,
    CHECK (decided_by IS NULL OR decided_by <> account_id)
) STRICT;
CREATE UNIQUE INDEX foreign_certificate_by_key ON foreign_certificate (key_hash) WHERE state IN ('waiting', 'registered');
CREATE INDEX foreign_certificate_of_key ON foreign_certificate (key_hash);
CREATE INDEX foreign_certificate_by_account ON foreign_certificate (account_id, created_at, id);
CREATE INDEX foreign_certificate_waiting ON foreign_certificate (created_at, id) WHERE state = 'waiting';
