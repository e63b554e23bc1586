-- What happened to officials: transfers, new titles, resignations, retirements, deaths, mergers of agencies. An order has a line for each account; a
-- line says what became of it, and is a notice only: what is carried out is what the order's digest was approved over.
CREATE TABLE personnel_order (
    id UUID NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL,
    state TEXT NOT NULL,
    unit TEXT NOT NULL,
    content BYTEA NOT NULL,
    content_digest BYTEA NOT NULL,
    size BIGINT NOT NULL,
    effective_at BIGINT NOT NULL,
    entered_by UUID NOT NULL REFERENCES account (id),
    entered_at BIGINT NOT NULL,
    decided_by UUID REFERENCES account (id),
    decided_at BIGINT,
    refusal_reason TEXT,
    finished_at BIGINT,
    version BIGINT NOT NULL,
    mac BYTEA NOT NULL,
    CHECK (decided_by IS NULL OR decided_by <> entered_by)
);
CREATE INDEX personnel_order_by_age ON personnel_order (entered_at, id);
CREATE INDEX personnel_order_due ON personnel_order (effective_at, id) WHERE state = 'approved';

CREATE TABLE personnel_line (
    order_id UUID NOT NULL REFERENCES personnel_order (id),
    position BIGINT NOT NULL,
    account_id UUID NOT NULL REFERENCES account (id),
    outcome TEXT,
    done_at BIGINT,
    PRIMARY KEY (order_id, position)
);
CREATE INDEX personnel_line_by_account ON personnel_line (account_id);
