-- Alarms about payments: what happened, whom it concerns, and whether that provider has been told. The row's MAC covers all of it.
CREATE TABLE payment_alarm (
    id UUID NOT NULL PRIMARY KEY,
    provider_id UUID NOT NULL,
    kind TEXT NOT NULL,
    details TEXT NOT NULL,
    raised_at BIGINT NOT NULL,
    state TEXT NOT NULL,
    tries BIGINT NOT NULL,
    next_at BIGINT NOT NULL,
    told_at BIGINT,
    last_error TEXT,
    version BIGINT NOT NULL,
    mac BYTEA NOT NULL
);
CREATE INDEX payment_alarm_of ON payment_alarm (provider_id, raised_at, id);
CREATE INDEX payment_alarm_by_time ON payment_alarm (raised_at, id);
CREATE INDEX payment_alarm_due ON payment_alarm (provider_id, next_at, id) WHERE state = 'waiting';

-- Mandates of payers, each a JWS (encrypted), with what was collected under it in its present period. The row's MAC and the audit log's versions
-- cover the count.
CREATE TABLE mandate (
    id UUID NOT NULL PRIMARY KEY,
    account_id UUID NOT NULL REFERENCES account (id),
    certificate_id UUID NOT NULL REFERENCES certificate (id),
    provider_id UUID NOT NULL REFERENCES account (id),
    jws BYTEA NOT NULL,
    state TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    ended_at BIGINT,
    period_start BIGINT NOT NULL,
    collected BIGINT NOT NULL,
    version BIGINT NOT NULL,
    mac BYTEA NOT NULL
);
CREATE INDEX mandate_of ON mandate (account_id, created_at, id);

-- Collections under mandates: the identity is a keyed hash of mandate and collection, so that each is accepted once.
CREATE TABLE mandate_collection (
    identity BYTEA NOT NULL PRIMARY KEY,
    mandate_id UUID NOT NULL REFERENCES mandate (id),
    order_digest BYTEA NOT NULL,
    order_id BYTEA NOT NULL,
    amount BIGINT NOT NULL,
    collected_at BIGINT NOT NULL,
    version BIGINT NOT NULL,
    mac BYTEA NOT NULL
);
CREATE INDEX mandate_collection_of ON mandate_collection (mandate_id, collected_at, identity);
