-- What its sender did to a registered incoming document afterwards: called it back, or put another in its place. One row a document.
CREATE TABLE incoming_change (
    id BLOB NOT NULL PRIMARY KEY REFERENCES incoming_document (id),
    kind TEXT NOT NULL,
    document_id BLOB NOT NULL REFERENCES document (id),
    package_sha256 BLOB NOT NULL,
    replaced_by BLOB REFERENCES incoming_document (id),
    details BLOB NOT NULL,
    received_by BLOB NOT NULL REFERENCES account (id),
    received_at INTEGER NOT NULL,
    version INTEGER NOT NULL,
    mac BLOB NOT NULL,
    CHECK ((kind = 'replaced') = (replaced_by IS NOT NULL))
) STRICT;
CREATE INDEX incoming_change_package ON incoming_change (package_sha256);
CREATE TRIGGER incoming_change_no_update BEFORE UPDATE ON incoming_change BEGIN SELECT RAISE(ABORT, 'rows of incoming_change are never changed or deleted'); END;
CREATE TRIGGER incoming_change_no_delete BEFORE DELETE ON incoming_change BEGIN SELECT RAISE(ABORT, 'rows of incoming_change are never changed or deleted'); END;
