-- Old groups of payments are found by their time; see src/transactions/retention.rs.
CREATE INDEX payment_batch_by_time ON payment_batch (accepted_at);

-- Providers of payments: what each may do, as JSON under the row's MAC.
CREATE TABLE payment_provider (
    account_id UUID NOT NULL PRIMARY KEY REFERENCES account (id),
    terms TEXT NOT NULL,
    changed_at BIGINT NOT NULL,
    version BIGINT NOT NULL,
    mac BYTEA NOT NULL
);

-- Changes to a provider's terms: one person asks, another decides. One is open at a time.
CREATE TABLE payment_provider_change (
    id UUID NOT NULL PRIMARY KEY,
    account_id UUID NOT NULL REFERENCES account (id),
    terms TEXT NOT NULL,
    reason TEXT NOT NULL,
    state TEXT NOT NULL,
    asked_by UUID NOT NULL REFERENCES account (id),
    asked_at BIGINT NOT NULL,
    decided_by UUID REFERENCES account (id),
    decided_at BIGINT,
    version BIGINT NOT NULL,
    mac BYTEA NOT NULL,
    CHECK (decided_by IS NULL OR decided_by <> asked_by)
);
CREATE UNIQUE INDEX payment_provider_change_open ON payment_provider_change (account_id) WHERE state = 'asked';
CREATE INDEX payment_provider_change_by_state ON payment_provider_change (state, asked_at, id);

-- Payments accepted for each registered provider on each day (UTC), counted in the transaction that accepts them. Each process counts in a
-- slot, so that nodes do not wait for each other's row.
CREATE TABLE payment_usage (
    provider_id UUID NOT NULL,
    day BIGINT NOT NULL,
    slot BIGINT NOT NULL,
    accepted BIGINT NOT NULL,
    PRIMARY KEY (provider_id, day, slot)
);

-- Accounts that merchants are paid to, each named in a VietQR payload that the merchant signed. Payload and number are encrypted.
CREATE TABLE merchant_account (
    id UUID NOT NULL PRIMARY KEY,
    account_id UUID NOT NULL REFERENCES account (id),
    certificate_id UUID NOT NULL REFERENCES certificate (id),
    lookup BYTEA NOT NULL,
    bank TEXT NOT NULL,
    shop TEXT NOT NULL,
    payload BYTEA NOT NULL,
    payload_hash BYTEA NOT NULL UNIQUE,
    state TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    ended_at BIGINT,
    version BIGINT NOT NULL,
    mac BYTEA NOT NULL
);
CREATE INDEX merchant_account_of ON merchant_account (account_id, created_at, id);
CREATE INDEX merchant_account_by_lookup ON merchant_account (lookup);
