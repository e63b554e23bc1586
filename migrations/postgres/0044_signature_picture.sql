-- The picture of a holder's handwriting, or of an agency's seal, that a credential's signatures show where they are asked to: encrypted, and
-- none once it was removed. The row's MAC and the audit log's versions cover it: SQL puts no other picture on a page, and no earlier one.
CREATE TABLE signature_picture (
    credential_id UUID NOT NULL PRIMARY KEY REFERENCES credential (id),
    picture BYTEA,
    changed_at BIGINT NOT NULL,
    version BIGINT NOT NULL,
    mac BYTEA NOT NULL
);
