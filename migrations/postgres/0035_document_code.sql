-- Codes on the pages of signed documents, by the keyed hash of their letters. The content (what identifies the document) is encrypted; the
-- row's MAC and the audit log's versions cover whether its page is open.
CREATE TABLE document_code (
    id UUID NOT NULL PRIMARY KEY,
    code_hash BYTEA NOT NULL UNIQUE,
    document_id UUID NOT NULL REFERENCES document (id),
    certificate_id UUID NOT NULL REFERENCES certificate (id),
    content BYTEA NOT NULL,
    created_at BIGINT NOT NULL,
    ended_at BIGINT,
    version BIGINT NOT NULL,
    mac BYTEA NOT NULL
);
CREATE INDEX document_code_of ON document_code (document_id, created_at, id);
