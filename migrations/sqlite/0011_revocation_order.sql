-- Orders to revoke a list of certificates: one person enters one, another decides, and a job carries it out line by line.
CREATE TABLE revocation_order (
    id BLOB NOT NULL PRIMARY KEY,
    state TEXT NOT NULL,
    reason INTEGER NOT NULL,
    ground TEXT NOT NULL,
    invalid_since INTEGER,
    content_digest BLOB NOT NULL,
    size INTEGER NOT NULL,
    entered_by BLOB NOT NULL REFERENCES account (id),
    entered_at INTEGER NOT NULL,
    decided_by BLOB REFERENCES account (id),
    decided_at INTEGER,
    rejection_reason TEXT,
    finished_at INTEGER,
    version INTEGER NOT NULL,
    mac BLOB NOT NULL,
    CHECK (size >= 1),
    CHECK (decided_by IS NULL OR decided_by <> entered_by)
) STRICT;
CREATE INDEX revocation_order_by_state ON revocation_order (state, entered_at, id);
CREATE INDEX revocation_order_by_age ON revocation_order (entered_at, id);

CREATE TABLE revocation_line (
    order_id BLOB NOT NULL REFERENCES revocation_order (id),
    position INTEGER NOT NULL,
    certificate_id BLOB NOT NULL REFERENCES certificate (id),
    outcome TEXT,
    done_at INTEGER,
    PRIMARY KEY (order_id, position),
    UNIQUE (order_id, certificate_id)
) STRICT;
