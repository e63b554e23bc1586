-- What applications want signed and wait for its signer to approve on another device.
CREATE TABLE signing_approval (
    id UUID NOT NULL PRIMARY KEY,
    handle_hash BYTEA NOT NULL UNIQUE,
    recipient BYTEA NOT NULL,
    credential_id UUID NOT NULL REFERENCES credential (id),
    account_id UUID NOT NULL REFERENCES account (id),
    client TEXT NOT NULL,
    hashes BYTEA NOT NULL,
    hash_count BIGINT NOT NULL,
    said BYTEA NOT NULL,
    number BIGINT NOT NULL,
    wrong_numbers BIGINT NOT NULL,
    state TEXT NOT NULL,
    refusal TEXT,
    activation_id UUID,
    sealed_activation BYTEA,
    told_at BIGINT,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    decided_at BIGINT,
    version BIGINT NOT NULL,
    mac BYTEA NOT NULL
);
CREATE INDEX signing_approval_by_credential ON signing_approval (credential_id, client, created_at);
CREATE INDEX signing_approval_by_account ON signing_approval (account_id, created_at);
CREATE INDEX signing_approval_by_creation ON signing_approval (created_at);
