-- Old groups of payments are found by their time; see src/transactions/retention.rs.
CREATE INDEX payment_batch_by_time ON payment_batch (accepted_at);

-- Providers of payments: what each may do, as JSON under the row's MAC.
CREATE TABLE payment_provider (
    account_id BLOB NOT NULL PRIMARY KEY REFERENCES account (id),
    terms TEXT NOT NULL,
    changed_at INTEGER NOT NULL,
    version INTEGER NOT NULL,
    mac BLOB NOT NULL
) STRICT;

-- Changes to a provider's terms: one person asks, another decides. One is open at a time.
CREATE TABLE payment_provider_change (
    id BLOB NOT NULL PRIMARY KEY,
    account_id BLOB NOT NULL REFERENCES account (id),
    terms TEXT NOT NULL,
    reason TEXT NOT NULL,
    state TEXT NOT NULL,
    asked_by BLOB NOT NULL REFERENCES account (id),
    asked_at INTEGER NOT NULL,
    decided_by BLOB REFERENCES account (id),
    decided_at INTEGER,
    version INTEGER NOT NULL,
    mac BLOB NOT NULL,
    CHECK (decided_by IS NULL OR decided_by <> asked_by)
) STRICT;
CREATE UNIQUE INDEX payment_provider_change_open ON payment_provider_change (account_id) WHERE state = 'asked';
CREATE INDEX payment_provider_change_by_state ON payment_provider_change (state, asked_at, id);

-- Payments accepted for each registered provider on each day (UTC), counted in the transaction that accepts them. Each process counts in a
-- slot, so that nodes do not wait for each other's row.
CREATE TABLE payment_usage (
    provider_id BLOB NOT NULL,
    day INTEGER NOT NULL,
    slot INTEGER NOT NULL,
    accepted INTEGER NOT NULL,
    PRIMARY KEY (provider_id, day, slot)
) STRICT;

-- Accounts that merchants are paid to, each named in a VietQR payload that the merchant signed. Payload and number are encrypted.
CREATE TABLE merchant_account (
    id BLOB NOT NULL PRIMARY KEY,
    account_id BLOB NOT NULL REFERENCES account (id),
    certificate_id BLOB NOT NULL REFERENCES certificate (id),
    lookup BLOB NOT NULL,
    bank TEXT NOT NULL,
    shop TEXT NOT NULL,
    payload BLOB NOT NULL,
    payload_hash BLOB NOT NULL UNIQUE,
    state TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    ended_at INTEGER,
    version INTEGER NOT NULL,
    mac BLOB NOT NULL
) STRICT;
CREATE INDEX merchant_account_of ON merchant_account (account_id, created_at, id);
CREATE INDEX merchant_account_by_lookup ON merchant_account (lookup);
