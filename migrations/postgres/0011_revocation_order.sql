-- Orders to revoke a list of certificates: one person enters one, another decides, and a job carries it out line by line.
CREATE TABLE revocation_order (
    id UUID NOT NULL PRIMARY KEY,
    state TEXT NOT NULL,
    reason BIGINT NOT NULL,
    ground TEXT NOT NULL,
    invalid_since BIGINT,
    content_digest BYTEA NOT NULL,
    size BIGINT NOT NULL,
    entered_by UUID NOT NULL REFERENCES account (id),
    entered_at BIGINT NOT NULL,
    decided_by UUID REFERENCES account (id),
    decided_at BIGINT,
    rejection_reason TEXT,
    finished_at BIGINT,
    version BIGINT NOT NULL,
    mac BYTEA NOT NULL,
    CHECK (size >= 1),
    CHECK (decided_by IS NULL OR decided_by <> entered_by)
);
CREATE INDEX revocation_order_by_state ON revocation_order (state, entered_at, id);
CREATE INDEX revocation_order_by_age ON revocation_order (entered_at, id);

CREATE TABLE revocation_line (
    order_id UUID NOT NULL REFERENCES revocation_order (id),
    position BIGINT NOT NULL,
    certificate_id UUID NOT NULL REFERENCES certificate (id),
    outcome TEXT,
    done_at BIGINT,
    PRIMARY KEY (order_id, position),
    UNIQUE (order_id, certificate_id)
);
