-- What happened to officials: transfers, new titles, resignations, retirements, deaths, mergers of agencies. An order has a line for each account; a
-- line says what became of it, and is a notice only: what is carried out is what the order's digest was approved over.
CREATE TABLE personnel_order (
    id BLOB NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL,
    state TEXT NOT NULL,
    unit TEXT NOT NULL,
    content BLOB NOT NULL,
    content_digest BLOB NOT NULL,
    size INTEGER NOT NULL,
    effective_at INTEGER NOT NULL,
    entered_by BLOB NOT NULL REFERENCES account (id),
    entered_at INTEGER NOT NULL,
    decided_by BLOB REFERENCES account (id),
    decided_at INTEGER,
    refusal_reason TEXT,
    finished_at INTEGER,
    version INTEGER NOT NULL,
    mac BLOB NOT NULL,
    CHECK (decided_by IS NULL OR decided_by <> entered_by)
) STRICT;
CREATE INDEX personnel_order_by_age ON personnel_order (entered_at, id);
CREATE INDEX personnel_order_due ON personnel_order (effective_at, id) WHERE state = 'approved';

CREATE TABLE personnel_line (
    order_id BLOB NOT NULL REFERENCES personnel_order (id),
    position INTEGER NOT NULL,
    account_id BLOB NOT NULL REFERENCES account (id),
    outcome TEXT,
    done_at INTEGER,
    PRIMARY KEY (order_id, position)
) STRICT;
CREATE INDEX personnel_line_by_account ON personnel_line (account_id);
