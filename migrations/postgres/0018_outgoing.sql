-- Outgoing documents: what is on its road from draft to recipient, who acts in which order, what happened, and the register of numbers.
CREATE TABLE outgoing_document (
    id UUID NOT NULL PRIMARY KEY,
    document_id UUID NOT NULL UNIQUE REFERENCES document (id),
    unit TEXT NOT NULL,
    series TEXT NOT NULL,
    type_code TEXT NOT NULL,
    notation TEXT NOT NULL,
    details BYTEA NOT NULL,
    state TEXT NOT NULL,
    due_at BIGINT NOT NULL,
    steps_digest BYTEA NOT NULL,
    content_sha256 BYTEA NOT NULL,
    year BIGINT,
    number BIGINT,
    issued_at BIGINT,
    agency BYTEA,
    drafted_by UUID NOT NULL REFERENCES account (id),
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    version BIGINT NOT NULL,
    mac BYTEA NOT NULL,
    CHECK ((year IS NULL) = (number IS NULL)),
    CHECK ((year IS NULL) = (issued_at IS NULL))
);
CREATE INDEX outgoing_document_by_unit ON outgoing_document (unit, created_at, id);
CREATE INDEX outgoing_document_by_state ON outgoing_document (unit, state, created_at, id);
CREATE INDEX outgoing_document_by_drafter ON outgoing_document (drafted_by, created_at, id);

CREATE TABLE outgoing_step (
    outgoing_id UUID NOT NULL REFERENCES outgoing_document (id),
    position BIGINT NOT NULL,
    kind TEXT NOT NULL,
    stage BIGINT NOT NULL,
    account_id UUID NOT NULL REFERENCES account (id),
    state TEXT NOT NULL,
    acted_by UUID REFERENCES account (id),
    acted_at BIGINT,
    PRIMARY KEY (outgoing_id, position)
);
CREATE INDEX outgoing_step_waiting ON outgoing_step (account_id) WHERE state = 'waiting';

CREATE TABLE outgoing_event (
    outgoing_id UUID NOT NULL REFERENCES outgoing_document (id),
    position BIGINT NOT NULL,
    kind TEXT NOT NULL,
    state TEXT NOT NULL,
    account_id UUID NOT NULL REFERENCES account (id),
    happened_at BIGINT NOT NULL,
    note BYTEA,
    PRIMARY KEY (outgoing_id, position)
);
CREATE TABLE outgoing_recipient (
    outgoing_id UUID NOT NULL REFERENCES outgoing_document (id),
    position BIGINT NOT NULL,
    organ_id TEXT NOT NULL,
    name TEXT NOT NULL,
    delivered_at BIGINT,
    recall_delivered_at BIGINT,
    status TEXT,
    status_note BYTEA,
    status_at BIGINT,
    PRIMARY KEY (outgoing_id, position),
    UNIQUE (outgoing_id, organ_id)
);

-- One row a series: its last number. One row a number: who has it, and why where nobody has it any more.
CREATE TABLE outgoing_series (
    unit TEXT NOT NULL,
    year BIGINT NOT NULL,
    series TEXT NOT NULL,
    last_number BIGINT NOT NULL,
    PRIMARY KEY (unit, year, series)
);
CREATE TABLE outgoing_number (
    unit TEXT NOT NULL,
    year BIGINT NOT NULL,
    series TEXT NOT NULL,
    number BIGINT NOT NULL,
    outgoing_id UUID NOT NULL REFERENCES outgoing_document (id),
    state TEXT NOT NULL,
    given_by UUID NOT NULL REFERENCES account (id),
    given_at BIGINT NOT NULL,
    void_reason TEXT,
    PRIMARY KEY (unit, year, series, number),
    CHECK (number >= 1),
    CHECK ((state = 'void') = (void_reason IS NOT NULL))
);
CREATE UNIQUE INDEX outgoing_number_given ON outgoing_number (outgoing_id) WHERE state = 'given';
CREATE TRIGGER outgoing_event_append_only BEFORE UPDATE OR DELETE ON outgoing_event FOR EACH ROW EXECUTE FUNCTION append_only();
CREATE TRIGGER outgoing_number_kept BEFORE DELETE ON outgoing_number FOR EACH ROW EXECUTE FUNCTION append_only();
CREATE FUNCTION series_only_grows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a series only grows' USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER outgoing_series_only_grows BEFORE UPDATE ON outgoing_series FOR EACH ROW
    WHEN (NEW.last_number <= OLD.last_number) EXECUTE FUNCTION series_only_grows();

-- Who acts for whom on the roads of their agency, and how long.
CREATE TABLE delegation (
    id UUID NOT NULL PRIMARY KEY,
    from_account UUID NOT NULL REFERENCES account (id),
    to_account UUID NOT NULL REFERENCES account (id),
    starts_at BIGINT NOT NULL,
    ends_at BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    ended_at BIGINT,
    version BIGINT NOT NULL,
    mac BYTEA NOT NULL,
    CHECK (from_account <> to_account),
    CHECK (ends_at > starts_at)
);
CREATE INDEX delegation_to ON delegation (to_account, ends_at);
CREATE INDEX delegation_from ON delegation (from_account, ends_at);

-- Incoming documents, each package registered once, and the number that an agency's register has reached.
CREATE TABLE incoming_document (
    id UUID NOT NULL PRIMARY KEY,
    document_id UUID NOT NULL UNIQUE REFERENCES document (id),
    unit TEXT NOT NULL,
    sender_id TEXT NOT NULL,
    message_id TEXT NOT NULL,
    details BYTEA NOT NULL,
    state TEXT NOT NULL,
    year BIGINT,
    number BIGINT,
    received_by UUID NOT NULL REFERENCES account (id),
    received_at BIGINT NOT NULL,
    UNIQUE (unit, year, number),
    CHECK ((state = 'registered') = (number IS NOT NULL)),
    CHECK ((year IS NULL) = (number IS NULL))
);
CREATE UNIQUE INDEX incoming_document_registered ON incoming_document (unit, sender_id, message_id) WHERE state = 'registered';
CREATE INDEX incoming_document_by_unit ON incoming_document (unit, received_at, id);
CREATE TABLE incoming_series (
    unit TEXT NOT NULL,
    year BIGINT NOT NULL,
    last_number BIGINT NOT NULL,
    PRIMARY KEY (unit, year)
);
CREATE TRIGGER incoming_document_append_only BEFORE UPDATE OR DELETE ON incoming_document FOR EACH ROW EXECUTE FUNCTION append_only();
