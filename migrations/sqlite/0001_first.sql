-- Times are microseconds since the epoch, UTC. Rows that authorise carry a version and an HSM MAC. What is personal is encrypted.

CREATE TABLE account (
    id BLOB NOT NULL PRIMARY KEY,
    login TEXT NOT NULL UNIQUE,
    password_hash TEXT,
    roles TEXT NOT NULL,
    display_name BLOB NOT NULL,
    unit TEXT NOT NULL,
    person_lookup BLOB,
    failed_logins INTEGER NOT NULL,
    locked_until INTEGER,
    disabled_at INTEGER,
    created_at INTEGER NOT NULL,
    version INTEGER NOT NULL,
    mac BLOB NOT NULL
) STRICT;
CREATE INDEX account_by_person ON account (person_lookup);

CREATE TABLE api_key (
    id BLOB NOT NULL PRIMARY KEY,
    account_id BLOB NOT NULL REFERENCES account (id),
    key_hash BLOB NOT NULL UNIQUE,
    label TEXT NOT NULL,
    expires_at INTEGER NOT NULL,
    revoked_at INTEGER,
    created_at INTEGER NOT NULL,
    version INTEGER NOT NULL,
    mac BLOB NOT NULL
) STRICT;
CREATE INDEX api_key_by_account ON api_key (account_id);

CREATE TABLE session (
    token_hash BLOB NOT NULL PRIMARY KEY,
    account_id BLOB NOT NULL REFERENCES account (id),
    csrf BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    ended_at INTEGER,
    version INTEGER NOT NULL,
    mac BLOB NOT NULL
) STRICT;
CREATE INDEX session_by_account ON session (account_id);
CREATE INDEX session_by_expiry ON session (expires_at);

CREATE TABLE registration_request (
    id BLOB NOT NULL PRIMARY KEY,
    hierarchy TEXT NOT NULL,
    state TEXT NOT NULL,
    person_lookup BLOB NOT NULL,
    details BLOB NOT NULL,
    unit TEXT NOT NULL,
    entered_by BLOB NOT NULL REFERENCES account (id),
    created_at INTEGER NOT NULL,
    decided_by BLOB REFERENCES account (id),
    decided_at INTEGER,
    rejection_reason TEXT,
    account_id BLOB REFERENCES account (id),
    certificate_id BLOB,
    updated_at INTEGER NOT NULL,
    version INTEGER NOT NULL,
    mac BLOB NOT NULL,
    CHECK (decided_by IS NULL OR decided_by <> entered_by)
) STRICT;
CREATE INDEX registration_request_by_state ON registration_request (state, created_at, id);
CREATE INDEX registration_request_by_unit ON registration_request (unit, created_at, id);
CREATE INDEX registration_request_by_person ON registration_request (person_lookup);
CREATE INDEX registration_request_by_account ON registration_request (account_id);

CREATE TABLE approval (
    request_id BLOB NOT NULL REFERENCES registration_request (id),
    approver_id BLOB NOT NULL REFERENCES account (id),
    decision TEXT NOT NULL,
    content_digest BLOB NOT NULL,
    reason TEXT,
    decided_at INTEGER NOT NULL,
    version INTEGER NOT NULL,
    mac BLOB NOT NULL,
    PRIMARY KEY (request_id, approver_id)
) STRICT;

CREATE TABLE activation_code (
    request_id BLOB NOT NULL PRIMARY KEY REFERENCES registration_request (id),
    code_hash BLOB NOT NULL UNIQUE,
    tries INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    redeemed_at INTEGER,
    created_at INTEGER NOT NULL,
    version INTEGER NOT NULL,
    mac BLOB NOT NULL
) STRICT;

CREATE TABLE authority_key (
    label TEXT NOT NULL PRIMARY KEY,
    hierarchy TEXT,
    purpose TEXT NOT NULL,
    issuer_label TEXT,
    spki BLOB NOT NULL UNIQUE,
    certificate BLOB,
    created_at INTEGER NOT NULL,
    retired_at INTEGER,
    version INTEGER NOT NULL,
    mac BLOB NOT NULL
) STRICT;

CREATE TABLE certificate (
    id BLOB NOT NULL PRIMARY KEY,
    request_id BLOB REFERENCES registration_request (id),
    account_id BLOB REFERENCES account (id),
    hierarchy TEXT NOT NULL,
    issuer_label TEXT NOT NULL,
    serial BLOB NOT NULL,
    state TEXT NOT NULL,
    intent BLOB NOT NULL,
    certificate BLOB,
    fingerprint BLOB UNIQUE,
    spki_hash BLOB UNIQUE,
    not_before INTEGER NOT NULL,
    not_after INTEGER NOT NULL,
    revoked_at INTEGER,
    revocation_reason INTEGER,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    version INTEGER NOT NULL,
    mac BLOB NOT NULL,
    UNIQUE (issuer_label, serial)
) STRICT;
CREATE INDEX certificate_by_state ON certificate (state, updated_at, id);
CREATE INDEX certificate_by_request ON certificate (request_id);
CREATE INDEX certificate_by_account ON certificate (account_id);
CREATE INDEX certificate_by_serial ON certificate (serial);
CREATE INDEX certificate_revoked ON certificate (issuer_label, serial) WHERE revoked_at IS NOT NULL;

CREATE TABLE crl (
    issuer_label TEXT NOT NULL,
    number INTEGER NOT NULL,
    previous_number INTEGER NOT NULL,
    this_update INTEGER NOT NULL,
    next_update INTEGER NOT NULL,
    list BLOB NOT NULL,
    PRIMARY KEY (issuer_label, number),
    UNIQUE (issuer_label, previous_number),
    UNIQUE (issuer_label, this_update),
    CHECK (number > previous_number),
    CHECK (next_update > this_update)
) STRICT;

CREATE TABLE credential (
    id BLOB NOT NULL PRIMARY KEY,
    account_id BLOB NOT NULL REFERENCES account (id),
    certificate_id BLOB UNIQUE REFERENCES certificate (id),
    algorithm TEXT NOT NULL,
    spki BLOB NOT NULL UNIQUE,
    sealed_key BLOB NOT NULL,
    pin_salt BLOB NOT NULL,
    pin_memory INTEGER NOT NULL,
    pin_iterations INTEGER NOT NULL,
    pin_lanes INTEGER NOT NULL,
    pepper_version INTEGER NOT NULL,
    wrapping_key TEXT NOT NULL,
    tries INTEGER NOT NULL,
    unlocks INTEGER NOT NULL,
    state TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    version INTEGER NOT NULL,
    mac BLOB NOT NULL
) STRICT;
CREATE INDEX credential_by_account ON credential (account_id, created_at, id);

CREATE TABLE activation (
    id BLOB NOT NULL PRIMARY KEY,
    credential_id BLOB NOT NULL REFERENCES credential (id),
    client TEXT NOT NULL,
    sealed_key BLOB NOT NULL,
    hashes_digest BLOB NOT NULL,
    hash_count INTEGER NOT NULL,
    used_count INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    state TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    version INTEGER NOT NULL,
    mac BLOB NOT NULL,
    CHECK (used_count >= 0 AND used_count <= hash_count)
) STRICT;
CREATE INDEX activation_open ON activation (expires_at) WHERE state = 'open';
CREATE INDEX activation_by_credential ON activation (credential_id);

CREATE TABLE document (
    id BLOB NOT NULL PRIMARY KEY,
    owner_id BLOB NOT NULL REFERENCES account (id),
    name BLOB NOT NULL,
    media_type TEXT NOT NULL,
    state TEXT NOT NULL,
    sha256 BLOB NOT NULL,
    size INTEGER NOT NULL,
    stored_as TEXT NOT NULL UNIQUE,
    signed_sha256 BLOB,
    signed_size INTEGER,
    signed_stored_as TEXT UNIQUE,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    version INTEGER NOT NULL
) STRICT;
CREATE INDEX document_by_owner ON document (owner_id, created_at, id);

CREATE TABLE signature (
    id BLOB NOT NULL PRIMARY KEY,
    credential_id BLOB NOT NULL REFERENCES credential (id),
    activation_id BLOB NOT NULL REFERENCES activation (id),
    certificate_id BLOB NOT NULL REFERENCES certificate (id),
    document_id BLOB REFERENCES document (id),
    digest BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    UNIQUE (activation_id, digest)
) STRICT;
CREATE INDEX signature_by_credential ON signature (credential_id, created_at, id);
CREATE INDEX signature_by_document ON signature (document_id);

CREATE TABLE payment_batch (
    id BLOB NOT NULL PRIMARY KEY,
    accepted_at INTEGER NOT NULL,
    count INTEGER NOT NULL,
    digest BLOB NOT NULL,
    version INTEGER NOT NULL,
    mac BLOB NOT NULL
) STRICT;

CREATE TABLE payment_identity (
    identity BLOB NOT NULL PRIMARY KEY,
    order_digest BLOB NOT NULL,
    provider_id BLOB NOT NULL,
    accepted_at INTEGER NOT NULL,
    day INTEGER NOT NULL,
    batch_id BLOB NOT NULL
) STRICT;
CREATE INDEX payment_identity_by_batch ON payment_identity (batch_id);

CREATE TABLE idempotency (
    key_hash BLOB NOT NULL PRIMARY KEY,
    account_id BLOB NOT NULL,
    route TEXT NOT NULL,
    request_mac BLOB NOT NULL,
    response_status INTEGER,
    response BLOB,
    created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX idempotency_by_age ON idempotency (created_at);

CREATE TABLE audit_entry (
    id BLOB NOT NULL PRIMARY KEY,
    recorded_at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    actor TEXT NOT NULL,
    subject TEXT NOT NULL,
    content BLOB NOT NULL
) STRICT;
CREATE INDEX audit_entry_by_subject ON audit_entry (kind, subject, recorded_at);
CREATE INDEX audit_entry_about ON audit_entry (subject, recorded_at);
CREATE INDEX audit_entry_by_time ON audit_entry (recorded_at, id);

-- Entries that the sequencer has still to append.
CREATE TABLE audit_pending (
    entry_id BLOB NOT NULL PRIMARY KEY REFERENCES audit_entry (id),
    recorded_at INTEGER NOT NULL
) STRICT;
CREATE INDEX audit_pending_in_order ON audit_pending (recorded_at, entry_id);

CREATE TABLE audit_leaf (
    sequence INTEGER NOT NULL PRIMARY KEY,
    entry_id BLOB NOT NULL UNIQUE REFERENCES audit_entry (id),
    hash BLOB NOT NULL
) STRICT;

CREATE TABLE audit_tile (
    level INTEGER NOT NULL,
    tile INTEGER NOT NULL,
    hashes BLOB NOT NULL,
    PRIMARY KEY (level, tile)
) STRICT;

CREATE TABLE audit_head (
    size INTEGER NOT NULL PRIMARY KEY,
    previous_size INTEGER NOT NULL UNIQUE,
    root_hash BLOB NOT NULL,
    signed_at INTEGER NOT NULL,
    key_label TEXT NOT NULL,
    signature BLOB NOT NULL,
    CHECK (size > previous_size)
) STRICT;

CREATE TABLE lease (
    name TEXT NOT NULL PRIMARY KEY,
    holder TEXT NOT NULL,
    held_until INTEGER NOT NULL,
    fence INTEGER NOT NULL
) STRICT;

CREATE TABLE job (
    id BLOB NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL,
    payload BLOB NOT NULL,
    state TEXT NOT NULL,
    run_at INTEGER NOT NULL,
    tries INTEGER NOT NULL,
    last_error TEXT,
    created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX job_due ON job (run_at, id) WHERE state = 'queued';

CREATE TABLE message (
    id BLOB NOT NULL PRIMARY KEY,
    channel TEXT NOT NULL,
    recipient BLOB NOT NULL,
    body BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    sent_at INTEGER
) STRICT;
CREATE INDEX message_unsent ON message (created_at, id) WHERE sent_at IS NULL;

CREATE TABLE data_key (
    version INTEGER NOT NULL PRIMARY KEY,
    created_at INTEGER NOT NULL,
    retired_at INTEGER
) STRICT;
