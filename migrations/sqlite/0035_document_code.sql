-- Codes on the pages of signed documents, by the keyed hash of their letters. The content (what identifies the document) is encrypted; the
-- row's MAC and the audit log's versions cover whether its page is open.
CREATE TABLE document_code (
    id BLOB NOT NULL PRIMARY KEY,
    code_hash BLOB NOT NULL UNIQUE,
    document_id BLOB NOT NULL REFERENCES document (id),
    certificate_id BLOB NOT NULL REFERENCES certificate (id),
    content BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    ended_at INTEGER,
    version INTEGER NOT NULL,
    mac BLOB NOT NULL
) STRICT;
CREATE INDEX document_code_of ON document_code (document_id, created_at, id);
