-- Alarms about payments: what happened, whom it concerns, and whether that provider has been told. The row's MAC covers all of it.
CREATE TABLE payment_alarm (
    id BLOB NOT NULL PRIMARY KEY,
    provider_id BLOB NOT NULL REFERENCES account (id),
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
