-- A verdict under a short link. The code is kept as a keyed hash, the report (names of signers) encrypted; the document is not kept.
CREATE TABLE kept_verdict (
    code_hash BLOB NOT NULL PRIMARY KEY,
    content BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX kept_verdict_by_end ON kept_verdict (expires_at);
