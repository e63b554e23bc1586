-- What its sender did to a registered incoming document afterwards: called it back, or put another in its place. One row a document.
CREATE TABLE incoming_change (
    id UUID NOT NULL PRIMARY KEY REFERENCES incoming_document (id),
    kind TEXT NOT NULL,
    document_id UUID NOT NULL REFERENCES document (id),
    package_sha256 BYTEA NOT NULL,
    replaced_by UUID REFERENCES incoming_document (id),
    details BYTEA NOT NULL,
    received_by UUID NOT NULL REFERENCES account (id),
    received_at BIGINT NOT NULL,
    version BIGINT NOT NULL,
    mac BYTEA NOT NULL,
    CHECK ((kind = 'replaced') = (replaced_by IS NOT NULL))
);
CREATE INDEX incoming_change_package ON incoming_change (package_sha256);
CREATE TRIGGER incoming_change_append_only BEFORE UPDATE OR DELETE ON incoming_change FOR EACH ROW EXECUTE FUNCTION append_only();
