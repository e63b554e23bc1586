-- Alarms about payments: what happened, whom it concerns, and whether that provider has been told. The row's MAC covers all of it.
CREATE TABLE payment_alarm (
    id UUID NOT NULL PRIMARY KEY,
    provider_id UUID NOT NULL REFERENCES account (id),
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
