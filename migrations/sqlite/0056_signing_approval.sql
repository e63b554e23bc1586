-- What applications want signed and wait for its signer to approve on another device.
CREATE TABLE signing_approval (
    id BLOB NOT NULL PRIMARY KEY,
    handle_hash BLOB NOT NULL UNIQUE,
    recipient BLOB NOT NULL,
    credential_id BLOB NOT NULL REFERENCES credential (id),
    account_id BLOB NOT NULL REFERENCES account (id),
    client TEXT NOT NULL,
    hashes BLOB NOT NULL,
    hash_count INTEGER NOT NULL,
    said BLOB NOT NULL,
    number INTEGER NOT NULL,
    wrong_numbers INTEGER NOT NULL,
    state TEXT NOT NULL,
    refusal TEXT,
    activation_id BLOB,
    sealed_activation BLOB,
    told_at INTEGER,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    decided_at INTEGER,
    version INTEGER NOT NULL,
    mac BLOB NOT NULL
) STRICT;
CREATE INDEX signing_approval_by_credential ON signing_approval (credential_id, client, created_at);
CREATE INDEX signing_approval_by_account ON signing_approval (account_id, created_at);
CREATE INDEX signing_approval_by_creation ON signing_approval (created_at);
