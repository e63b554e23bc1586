-- Passkeys of accounts, and the assertions with which decisions were made. A passkey logs its holder in from the start; it approves once
-- somebody else has confirmed it. Challenges are sealed tokens; a row says that one was used, until it would have ended anyway.
CREATE TABLE passkey (
    id BLOB NOT NULL PRIMARY KEY,
    account_id BLOB NOT NULL REFERENCES account (id),
    credential_id BLOB NOT NULL UNIQUE,
    public_key BLOB NOT NULL,
    counter INTEGER NOT NULL,
    backup INTEGER NOT NULL,
    name BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    confirmed_by BLOB REFERENCES account (id),
    confirmed_at INTEGER,
    last_used_at INTEGER,
    revoked_at INTEGER,
    distrusted_from INTEGER,
    version INTEGER NOT NULL,
    mac BLOB NOT NULL
) STRICT;
CREATE INDEX passkey_by_account ON passkey (account_id, created_at, id);
CREATE INDEX passkey_to_confirm ON passkey (created_at, id) WHERE confirmed_at IS NULL AND revoked_at IS NULL;

CREATE TABLE passkey_enrolment (
    account_id BLOB NOT NULL PRIMARY KEY REFERENCES account (id),
    since INTEGER NOT NULL,
    version INTEGER NOT NULL,
    mac BLOB NOT NULL
) STRICT;

CREATE TABLE passkey_challenge (
    challenge BLOB NOT NULL PRIMARY KEY,
    expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX passkey_challenge_by_end ON passkey_challenge (expires_at);

CREATE TABLE approval_assertion (
    id BLOB NOT NULL PRIMARY KEY,
    subject TEXT NOT NULL,
    account_id BLOB NOT NULL REFERENCES account (id),
    passkey_id BLOB NOT NULL REFERENCES passkey (id),
    statement TEXT NOT NULL,
    authenticator_data BLOB NOT NULL,
    client_data BLOB NOT NULL,
    signature BLOB NOT NULL,
    made_at INTEGER NOT NULL,
    version INTEGER NOT NULL,
    mac BLOB NOT NULL
) STRICT;
CREATE INDEX approval_assertion_by_subject ON approval_assertion (subject, made_at, id);
CREATE INDEX agency_line_by_request ON agency_line (request_id);
CREATE TRIGGER approval_assertion_no_update BEFORE UPDATE ON approval_assertion BEGIN SELECT RAISE(ABORT, 'rows of approval_assertion are never changed or deleted'); END;
CREATE TRIGGER approval_assertion_no_delete BEFORE DELETE ON approval_assertion BEGIN SELECT RAISE(ABORT, 'rows of approval_assertion are never changed or deleted'); END;
