-- Alarms about payments: what happened, whom it concerns, and whether that provider has been told. The row's MAC covers all of it.
CREATE TABLE payment_alarm (
    id BLOB NOT NULL PRIMARY KEY,
    provider_id BLOB NOT NULL,
    kind TEXT NOT NULL,
    details TEXT NOT NULL,
    raised_at INTEGER NOT NULL,
    state TEXT NOT NULL,
    tries INTEGER NOT NULL,
    next_at INTEGER NOT NULL,
    told_at INTEGER,
    last_error TEXT,
    version INTEGER NOT NULL,
    mac BLOB NOT NULL
) STRICT;
CREATE INDEX payment_alarm_of ON payment_alarm (provider_id, raised_at, id);
CREATE INDEX payment_alarm_by_time ON payment_alarm (raised_at, id);
CREATE INDEX payment_alarm_due ON payment_alarm (provider_id, next_at, id) WHERE state = 'waiting';

-- Mandates of payers, each a JWS (encrypted), with what was collected under it in its present period. The row's MAC and the audit log's versions
-- cover the count.
CREATE TABLE mandate (
    id BLOB NOT NULL PRIMARY KEY,
    account_id BLOB NOT NULL REFERENCES account (id),
    certificate_id BLOB NOT NULL REFERENCES certificate (id),
    provider_id BLOB NOT NULL REFERENCES account (id),
    jws BLOB NOT NULL,
    state TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    ended_at INTEGER,
    period_start INTEGER NOT NULL,
    collected INTEGER NOT NULL,
    version INTEGER NOT NULL,
    mac BLOB NOT NULL
) STRICT;
CREATE INDEX mandate_of ON mandate (account_id, created_at, id);

-- Collections under mandates: the identity is a keyed hash of mandate and collection, so that each is accepted once.
CREATE TABLE mandate_collection (
    identity BLOB NOT NULL PRIMARY KEY,
    mandate_id BLOB NOT NULL REFERENCES mandate (id),
    order_digest BLOB NOT NULL,
    order_id BLOB NOT NULL,
    amount INTEGER NOT NULL,
    collected_at INTEGER NOT NULL,
    version INTEGER NOT NULL,
    mac BLOB NOT NULL
) STRICT;
CREATE INDEX mandate_collection_of ON mandate_collection (mandate_id, collected_at, identity);
