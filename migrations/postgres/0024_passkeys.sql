-- Passkeys of accounts, and the assertions with which decisions were made. A passkey logs its holder in from the start; it approves once
-- somebody else has confirmed it. Challenges are sealed tokens; a row says that one was used, until it would have ended anyway.
CREATE TABLE passkey (
    id UUID NOT NULL PRIMARY KEY,
    account_id UUID NOT NULL REFERENCES account (id),
    credential_id BYTEA NOT NULL UNIQUE,
    public_key BYTEA NOT NULL,
    counter BIGINT NOT NULL,
    backup BIGINT NOT NULL,
    name BYTEA NOT NULL,
    created_at BIGINT NOT NULL,
    confirmed_by UUID REFERENCES account (id),
    confirmed_at BIGINT,
    last_used_at BIGINT,
    revoked_at BIGINT,
    distrusted_from BIGINT,
    version BIGINT NOT NULL,
    mac BYTEA NOT NULL
);
CREATE INDEX passkey_by_account ON passkey (account_id, created_at, id);
CREATE INDEX passkey_to_confirm ON passkey (created_at, id) WHERE confirmed_at IS NULL AND revoked_at IS NULL;

CREATE TABLE passkey_enrolment (
    account_id UUID NOT NULL PRIMARY KEY REFERENCES account (id),
    since BIGINT NOT NULL,
    version BIGINT NOT NULL,
    mac BYTEA NOT NULL
);

CREATE TABLE passkey_challenge (
    challenge BYTEA NOT NULL PRIMARY KEY,
    expires_at BIGINT NOT NULL
);
CREATE INDEX passkey_challenge_by_end ON passkey_challenge (expires_at);

CREATE TABLE approval_assertion (
    id UUID NOT NULL PRIMARY KEY,
    subject TEXT NOT NULL,
    account_id UUID NOT NULL REFERENCES account (id),
    passkey_id UUID NOT NULL REFERENCES passkey (id),
    statement TEXT NOT NULL,
    authenticator_data BYTEA NOT NULL,
    client_data BYTEA NOT NULL,
    signature BYTEA NOT NULL,
    made_at BIGINT NOT NULL,
    version BIGINT NOT NULL,
    mac BYTEA NOT NULL
);
CREATE INDEX approval_assertion_by_subject ON approval_assertion (subject, made_at, id);
CREATE INDEX agency_line_by_request ON agency_line (request_id);
CREATE TRIGGER approval_assertion_append_only BEFORE UPDATE OR DELETE ON approval_assertion FOR EACH ROW EXECUTE FUNCTION append_only();
