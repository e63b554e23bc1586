-- Times are microseconds since the epoch, UTC. Rows that authorise carry a version and an HSM MAC. What is personal is encrypted.

CREATE TABLE account (
    id UUID NOT NULL PRIMARY KEY,
    login TEXT NOT NULL UNIQUE,
    password_hash TEXT,
    roles TEXT NOT NULL,
    display_name BYTEA NOT NULL,
    unit TEXT NOT NULL,
    person_lookup BYTEA,
    failed_logins BIGINT NOT NULL,
    locked_until BIGINT,
    disabled_at BIGINT,
    created_at BIGINT NOT NULL,
    version BIGINT NOT NULL,
    mac BYTEA NOT NULL
);
CREATE INDEX account_by_person ON account (person_lookup);

CREATE TABLE api_key (
    id UUID NOT NULL PRIMARY KEY,
    account_id UUID NOT NULL REFERENCES account (id),
    key_hash BYTEA NOT NULL UNIQUE,
    label TEXT NOT NULL,
    expires_at BIGINT NOT NULL,
    revoked_at BIGINT,
    created_at BIGINT NOT NULL,
    version BIGINT NOT NULL,
    mac BYTEA NOT NULL
);
CREATE INDEX api_key_by_account ON api_key (account_id);

CREATE TABLE session (
    token_hash BYTEA NOT NULL PRIMARY KEY,
    account_id UUID NOT NULL REFERENCES account (id),
    csrf BYTEA NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    ended_at BIGINT,
    version BIGINT NOT NULL,
    mac BYTEA NOT NULL
);
CREATE INDEX session_by_account ON session (account_id);
CREATE INDEX session_by_expiry ON session (expires_at);

CREATE TABLE registration_request (
    id UUID NOT NULL PRIMARY KEY,
    hierarchy TEXT NOT NULL,
    state TEXT NOT NULL,
    person_lookup BYTEA NOT NULL,
    details BYTEA NOT NULL,
    unit TEXT NOT NULL,
    entered_by UUID NOT NULL REFERENCES account (id),
    created_at BIGINT NOT NULL,
    decided_by UUID REFERENCES account (id),
    decided_at BIGINT,
    rejection_reason TEXT,
    account_id UUID REFERENCES account (id),
    certificate_id UUID,
    updated_at BIGINT NOT NULL,
    version BIGINT NOT NULL,
    mac BYTEA NOT NULL,
    CHECK (decided_by IS NULL OR decided_by <> entered_by)
);
CREATE INDEX registration_request_by_state ON registration_request (state, created_at, id);
CREATE INDEX registration_request_by_unit ON registration_request (unit, created_at, id);
CREATE INDEX registration_request_by_person ON registration_request (person_lookup);
CREATE INDEX registration_request_by_account ON registration_request (account_id);

CREATE TABLE approval (
    request_id UUID NOT NULL REFERENCES registration_request (id),
    approver_id UUID NOT NULL REFERENCES account (id),
    decision TEXT NOT NULL,
    content_digest BYTEA NOT NULL,
    reason TEXT,
    decided_at BIGINT NOT NULL,
    version BIGINT NOT NULL,
    mac BYTEA NOT NULL,
    PRIMARY KEY (request_id, approver_id)
);

CREATE TABLE activation_code (
    request_id UUID NOT NULL PRIMARY KEY REFERENCES registration_request (id),
    code_hash BYTEA NOT NULL UNIQUE,
    tries BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    redeemed_at BIGINT,
    created_at BIGINT NOT NULL,
    version BIGINT NOT NULL,
    mac BYTEA NOT NULL
);

CREATE TABLE authority_key (
    label TEXT NOT NULL PRIMARY KEY,
    hierarchy TEXT,
    purpose TEXT NOT NULL,
    issuer_label TEXT,
    spki BYTEA NOT NULL UNIQUE,
    certificate BYTEA,
    created_at BIGINT NOT NULL,
    retired_at BIGINT,
    version BIGINT NOT NULL,
    mac BYTEA NOT NULL
);

CREATE TABLE certificate (
    id UUID NOT NULL PRIMARY KEY,
    request_id UUID REFERENCES registration_request (id),
    account_id UUID REFERENCES account (id),
    hierarchy TEXT NOT NULL,
    issuer_label TEXT NOT NULL,
    serial BYTEA NOT NULL,
    state TEXT NOT NULL,
    intent BYTEA NOT NULL,
    certificate BYTEA,
    fingerprint BYTEA UNIQUE,
    spki_hash BYTEA UNIQUE,
    not_before BIGINT NOT NULL,
    not_after BIGINT NOT NULL,
    revoked_at BIGINT,
    revocation_reason BIGINT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    version BIGINT NOT NULL,
    mac BYTEA NOT NULL,
    UNIQUE (issuer_label, serial)
);
CREATE INDEX certificate_by_state ON certificate (state, updated_at, id);
CREATE INDEX certificate_by_request ON certificate (request_id);
CREATE INDEX certificate_by_account ON certificate (account_id);
CREATE INDEX certificate_by_serial ON certificate (serial);
CREATE INDEX certificate_revoked ON certificate (issuer_label, serial) WHERE revoked_at IS NOT NULL;

CREATE TABLE crl (
    issuer_label TEXT NOT NULL,
    number BIGINT NOT NULL,
    previous_number BIGINT NOT NULL,
    this_update BIGINT NOT NULL,
    next_update BIGINT NOT NULL,
    list BYTEA NOT NULL,
    PRIMARY KEY (issuer_label, number),
    UNIQUE (issuer_label, previous_number),
    UNIQUE (issuer_label, this_update),
    CHECK (number > previous_number),
    CHECK (next_update > this_update)
);

CREATE TABLE credential (
    id UUID NOT NULL PRIMARY KEY,
    account_id UUID NOT NULL REFERENCES account (id),
    certificate_id UUID UNIQUE REFERENCES certificate (id),
    algorithm TEXT NOT NULL,
    spki BYTEA NOT NULL UNIQUE,
    sealed_key BYTEA NOT NULL,
    pin_salt BYTEA NOT NULL,
    pin_memory BIGINT NOT NULL,
    pin_iterations BIGINT NOT NULL,
    pin_lanes BIGINT NOT NULL,
    pepper_version BIGINT NOT NULL,
    wrapping_key TEXT NOT NULL,
    tries BIGINT NOT NULL,
    unlocks BIGINT NOT NULL,
    state TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    version BIGINT NOT NULL,
    mac BYTEA NOT NULL
);
CREATE INDEX credential_by_account ON credential (account_id, created_at, id);

CREATE TABLE activation (
    id UUID NOT NULL PRIMARY KEY,
    credential_id UUID NOT NULL REFERENCES credential (id),
    client TEXT NOT NULL,
    sealed_key BYTEA NOT NULL,
    hashes_digest BYTEA NOT NULL,
    hash_count BIGINT NOT NULL,
    used_count BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    state TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    version BIGINT NOT NULL,
    mac BYTEA NOT NULL,
    CHECK (used_count >= 0 AND used_count <= hash_count)
);
CREATE INDEX activation_open ON activation (expires_at) WHERE state = 'open';
CREATE INDEX activation_by_credential ON activation (credential_id);

CREATE TABLE document (
    id UUID NOT NULL PRIMARY KEY,
    owner_id UUID NOT NULL REFERENCES account (id),
    name BYTEA NOT NULL,
    media_type TEXT NOT NULL,
    state TEXT NOT NULL,
    sha256 BYTEA NOT NULL,
    size BIGINT NOT NULL,
    stored_as TEXT NOT NULL UNIQUE,
    signed_sha256 BYTEA,
    signed_size BIGINT,
    signed_stored_as TEXT UNIQUE,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    version BIGINT NOT NULL
);
CREATE INDEX document_by_owner ON document (owner_id, created_at, id);

CREATE TABLE signature (
    id UUID NOT NULL PRIMARY KEY,
    credential_id UUID NOT NULL REFERENCES credential (id),
    activation_id UUID NOT NULL REFERENCES activation (id),
    certificate_id UUID NOT NULL REFERENCES certificate (id),
    document_id UUID REFERENCES document (id),
    digest BYTEA NOT NULL,
    created_at BIGINT NOT NULL,
    UNIQUE (activation_id, digest)
);
CREATE INDEX signature_by_credential ON signature (credential_id, created_at, id);
CREATE INDEX signature_by_document ON signature (document_id);

CREATE TABLE payment_batch (
    id UUID NOT NULL PRIMARY KEY,
    accepted_at BIGINT NOT NULL,
    count BIGINT NOT NULL,
    digest BYTEA NOT NULL,
    version BIGINT NOT NULL,
    mac BYTEA NOT NULL
);

CREATE TABLE payment_identity (
    identity BYTEA NOT NULL PRIMARY KEY,
    order_digest BYTEA NOT NULL,
    provider_id UUID NOT NULL,
    accepted_at BIGINT NOT NULL,
    day BIGINT NOT NULL,
    batch_id UUID NOT NULL
);
CREATE INDEX payment_identity_by_batch ON payment_identity (batch_id);

CREATE TABLE idempotency (
    key_hash BYTEA NOT NULL PRIMARY KEY,
    account_id UUID NOT NULL,
    route TEXT NOT NULL,
    request_mac BYTEA NOT NULL,
    response_status BIGINT,
    response BYTEA,
    created_at BIGINT NOT NULL
);
CREATE INDEX idempotency_by_age ON idempotency (created_at);

CREATE TABLE audit_entry (
    id UUID NOT NULL PRIMARY KEY,
    recorded_at BIGINT NOT NULL,
    kind TEXT NOT NULL,
    actor TEXT NOT NULL,
    subject TEXT NOT NULL,
    content BYTEA NOT NULL
);
CREATE INDEX audit_entry_by_subject ON audit_entry (kind, subject, recorded_at);
CREATE INDEX audit_entry_about ON audit_entry (subject, recorded_at);
CREATE INDEX audit_entry_by_time ON audit_entry (recorded_at, id);

-- Entries that the sequencer has still to append.
CREATE TABLE audit_pending (
    entry_id UUID NOT NULL PRIMARY KEY REFERENCES audit_entry (id),
    recorded_at BIGINT NOT NULL
);
CREATE INDEX audit_pending_in_order ON audit_pending (recorded_at, entry_id);

CREATE TABLE audit_leaf (
    sequence BIGINT NOT NULL PRIMARY KEY,
    entry_id UUID NOT NULL UNIQUE REFERENCES audit_entry (id),
    hash BYTEA NOT NULL
);

CREATE TABLE audit_tile (
    level BIGINT NOT NULL,
    tile BIGINT NOT NULL,
    hashes BYTEA NOT NULL,
    PRIMARY KEY (level, tile)
);

CREATE TABLE audit_head (
    size BIGINT NOT NULL PRIMARY KEY,
    previous_size BIGINT NOT NULL UNIQUE,
    root_hash BYTEA NOT NULL,
    signed_at BIGINT NOT NULL,
    key_label TEXT NOT NULL,
    signature BYTEA NOT NULL,
    CHECK (size > previous_size)
);

CREATE TABLE lease (
    name TEXT NOT NULL PRIMARY KEY,
    holder TEXT NOT NULL,
    held_until BIGINT NOT NULL,
    fence BIGINT NOT NULL
);

CREATE TABLE job (
    id UUID NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL,
    payload BYTEA NOT NULL,
    state TEXT NOT NULL,
    run_at BIGINT NOT NULL,
    tries BIGINT NOT NULL,
    last_error TEXT,
    created_at BIGINT NOT NULL
);
CREATE INDEX job_due ON job (run_at, id) WHERE state = 'queued';

CREATE TABLE message (
    id UUID NOT NULL PRIMARY KEY,
    channel TEXT NOT NULL,
    recipient BYTEA NOT NULL,
    body BYTEA NOT NULL,
    created_at BIGINT NOT NULL,
    sent_at BIGINT
);
CREATE INDEX message_unsent ON message (created_at, id) WHERE sent_at IS NULL;

CREATE TABLE data_key (
    version BIGINT NOT NULL PRIMARY KEY,
    created_at BIGINT NOT NULL,
    retired_at BIGINT
);
