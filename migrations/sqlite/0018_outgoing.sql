-- Outgoing documents: what is on its road from draft to recipient, who acts in which order, what happened, and the register of numbers.
CREATE TABLE outgoing_document (
    id BLOB NOT NULL PRIMARY KEY,
    document_id BLOB NOT NULL UNIQUE REFERENCES document (id),
    unit TEXT NOT NULL,
    series TEXT NOT NULL,
    type_code TEXT NOT NULL,
    notation TEXT NOT NULL,
    details BLOB NOT NULL,
    state TEXT NOT NULL,
    due_at INTEGER NOT NULL,
    steps_digest BLOB NOT NULL,
    content_sha256 BLOB NOT NULL,
    year INTEGER,
    number INTEGER,
    issued_at INTEGER,
    agency BLOB,
    drafted_by BLOB NOT NULL REFERENCES account (id),
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    version INTEGER NOT NULL,
    mac BLOB NOT NULL,
    CHECK ((year IS NULL) = (number IS NULL)),
    CHECK ((year IS NULL) = (issued_at IS NULL))
) STRICT;
CREATE INDEX outgoing_document_by_unit ON outgoing_document (unit, created_at, id);
CREATE INDEX outgoing_document_by_state ON outgoing_document (unit, state, created_at, id);
CREATE INDEX outgoing_document_by_drafter ON outgoing_document (drafted_by, created_at, id);

CREATE TABLE outgoing_step (
    outgoing_id BLOB NOT NULL REFERENCES outgoing_document (id),
    position INTEGER NOT NULL,
    kind TEXT NOT NULL,
    stage INTEGER NOT NULL,
    account_id BLOB NOT NULL REFERENCES account (id),
    state TEXT NOT NULL,
    acted_by BLOB REFERENCES account (id),
    acted_at INTEGER,
    PRIMARY KEY (outgoing_id, position)
) STRICT;
CREATE INDEX outgoing_step_waiting ON outgoing_step (account_id) WHERE state = 'waiting';

CREATE TABLE outgoing_event (
    outgoing_id BLOB NOT NULL REFERENCES outgoing_document (id),
    position INTEGER NOT NULL,
    kind TEXT NOT NULL,
    state TEXT NOT NULL,
    account_id BLOB NOT NULL REFERENCES account (id),
    happened_at INTEGER NOT NULL,
    note BLOB,
    PRIMARY KEY (outgoing_id, position)
) STRICT;
CREATE TRIGGER outgoing_event_no_update BEFORE UPDATE ON outgoing_event BEGIN SELECT RAISE(ABORT, 'rows of outgoing_event are never changed or deleted'); END;
CREATE TRIGGER outgoing_event_no_delete BEFORE DELETE ON outgoing_event BEGIN SELECT RAISE(ABORT, 'rows of outgoing_event are never changed or deleted'); END;

CREATE TABLE outgoing_recipient (
    outgoing_id BLOB NOT NULL REFERENCES outgoing_document (id),
    position INTEGER NOT NULL,
    organ_id TEXT NOT NULL,
    name TEXT NOT NULL,
    delivered_at INTEGER,
    recall_delivered_at INTEGER,
    status TEXT,
    status_note BLOB,
    status_at INTEGER,
    PRIMARY KEY (outgoing_id, position),
    UNIQUE (outgoing_id, organ_id)
) STRICT;

-- One row a series: its last number. One row a number: who has it, and why where nobody has it any more.
CREATE TABLE outgoing_series (
    unit TEXT NOT NULL,
    year INTEGER NOT NULL,
    series TEXT NOT NULL,
    last_number INTEGER NOT NULL,
    PRIMARY KEY (unit, year, series)
) STRICT;
CREATE TABLE outgoing_number (
    unit TEXT NOT NULL,
    year INTEGER NOT NULL,
    series TEXT NOT NULL,
    number INTEGER NOT NULL,
    outgoing_id BLOB NOT NULL REFERENCES outgoing_document (id),
    state TEXT NOT NULL,
    given_by BLOB NOT NULL REFERENCES account (id),
    given_at INTEGER NOT NULL,
    void_reason TEXT,
    PRIMARY KEY (unit, year, series, number),
    CHECK (number >= 1),
    CHECK ((state = 'void') = (void_reason IS NOT NULL))
) STRICT;
CREATE UNIQUE INDEX outgoing_number_given ON outgoing_number (outgoing_id) WHERE state = 'given';
CREATE TRIGGER outgoing_number_no_delete BEFORE DELETE ON outgoing_number BEGIN SELECT RAISE(ABORT, 'rows of outgoing_number are never deleted'); END;
CREATE TRIGGER outgoing_series_only_grows BEFORE UPDATE ON outgoing_series WHEN NEW.last_number <= OLD.last_number BEGIN SELECT RAISE(ABORT, 'a series only grows'); END;

-- Who acts for whom on the roads of their agency, and how long.
CREATE TABLE delegation (
    id BLOB NOT NULL PRIMARY KEY,
    from_account BLOB NOT NULL REFERENCES account (id),
    to_account BLOB NOT NULL REFERENCES account (id),
    starts_at INTEGER NOT NULL,
    ends_at INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    ended_at INTEGER,
    version INTEGER NOT NULL,
    mac BLOB NOT NULL,
    CHECK (from_account <> to_account),
    CHECK (ends_at > starts_at)
) STRICT;
CREATE INDEX delegation_to ON delegation (to_account, ends_at);
CREATE INDEX delegation_from ON delegation (from_account, ends_at);

-- Incoming documents, each package registered once, and the number that an agency's register has reached.
CREATE TABLE incoming_document (
    id BLOB NOT NULL PRIMARY KEY,
    document_id BLOB NOT NULL UNIQUE REFERENCES document (id),
    unit TEXT NOT NULL,
    sender_id TEXT NOT NULL,
    message_id TEXT NOT NULL,
    details BLOB NOT NULL,
    state TEXT NOT NULL,
    year INTEGER,
    number INTEGER,
    received_by BLOB NOT NULL REFERENCES account (id),
    received_at INTEGER NOT NULL,
    UNIQUE (unit, year, number),
    CHECK ((state = 'registered') = (number IS NOT NULL)),
    CHECK ((year IS NULL) = (number IS NULL))
) STRICT;
CREATE UNIQUE INDEX incoming_document_registered ON incoming_document (unit, sender_id, message_id) WHERE state = 'registered';
CREATE INDEX incoming_document_by_unit ON incoming_document (unit, received_at, id);
CREATE TABLE incoming_series (
    unit TEXT NOT NULL,
    year INTEGER NOT NULL,
    last_number INTEGER NOT NULL,
    PRIMARY KEY (unit, year)
) STRICT;
CREATE TRIGGER incoming_document_no_update BEFORE UPDATE ON incoming_document BEGIN SELECT RAISE(ABORT, 'rows of incoming_document are never changed or deleted'); END;
CREATE TRIGGER incoming_document_no_delete BEFORE DELETE ON incoming_document BEGIN SELECT RAISE(ABORT, 'rows of incoming_document are never changed or deleted'); END;
