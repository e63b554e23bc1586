-- What a recipient last said of a document, under the HSM's MAC. What stands in outgoing_recipient from before is relied on where the audit log
-- tells the same.
CREATE TABLE outgoing_status (
    id TEXT NOT NULL PRIMARY KEY,
    outgoing_id BLOB NOT NULL REFERENCES outgoing_document (id),
    position INTEGER NOT NULL,
    status TEXT NOT NULL,
    note BLOB,
    recorded_by BLOB NOT NULL REFERENCES account (id),
    recorded_at INTEGER NOT NULL,
    version INTEGER NOT NULL,
    mac BLOB NOT NULL,
    UNIQUE (outgoing_id, position)
) STRICT;
