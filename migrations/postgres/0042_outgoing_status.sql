-- What a recipient last said of a document, under the HSM's MAC. What stands in outgoing_recipient from before is relied on where the audit log
-- tells the same.
CREATE TABLE outgoing_status (
    id TEXT NOT NULL PRIMARY KEY,
    outgoing_id UUID NOT NULL REFERENCES outgoing_document (id),
    position BIGINT NOT NULL,
    status TEXT NOT NULL,
    note BYTEA,
    recorded_by UUID NOT NULL REFERENCES account (id),
    recorded_at BIGINT NOT NULL,
    version BIGINT NOT NULL,
    mac BYTEA NOT NULL,
    UNIQUE (outgoing_id, position)
);
