-- The picture of a holder's handwriting, or of an agency's seal, that a credential's signatures show where they are asked to: encrypted, and
-- none once it was removed. The row's MAC and the audit log's versions cover it: SQL puts no other picture on a page, and no earlier one.
CREATE TABLE signature_picture (
    credential_id BLOB NOT NULL PRIMARY KEY REFERENCES credential (id),
    picture BLOB,
    changed_at INTEGER NOT NULL,
    version INTEGER NOT NULL,
    mac BLOB NOT NULL
) STRICT;
