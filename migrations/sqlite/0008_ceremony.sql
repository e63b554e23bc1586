-- The label of a token of its own that holds the key and may be away, null where the purpose tells the token; and where the key stands
-- in a roll-over, null for those in use. Both are null in older rows, whose MACs stay good.
ALTER TABLE authority_key ADD COLUMN token TEXT;
ALTER TABLE authority_key ADD COLUMN state TEXT;

-- Certificates of a root's key by another root (RFC 4210 §4.4, RFC 5280 §3.2).
CREATE TABLE cross_certificate (
    label TEXT NOT NULL PRIMARY KEY,
    subject_label TEXT NOT NULL REFERENCES authority_key (label),
    issuer_label TEXT NOT NULL REFERENCES authority_key (label),
    certificate BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    version INTEGER NOT NULL,
    mac BLOB NOT NULL
) STRICT;

-- The last answers about the certificates of a CA that has ended (ETSI EN 319 411-1 §6.3.10).
CREATE TABLE archived_answer (
    issuer_label TEXT NOT NULL REFERENCES authority_key (label),
    serial BLOB NOT NULL,
    response BLOB NOT NULL,
    PRIMARY KEY (issuer_label, serial)
) STRICT;

-- That this database came out of a backup. While one is not reconciled, nothing is issued and nothing answered.
CREATE TABLE restoration (
    id BLOB NOT NULL PRIMARY KEY,
    backup_at INTEGER NOT NULL,
    restored_at INTEGER NOT NULL,
    reconciled_at INTEGER
) STRICT;
