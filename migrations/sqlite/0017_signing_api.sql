-- The hashes of activations that are used by later calls; each is covered by a digest under the activation's MAC.
CREATE TABLE activation_hashes (
    activation_id BLOB NOT NULL PRIMARY KEY REFERENCES activation (id),
    hashes BLOB NOT NULL,
    taken BLOB NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX activation_hashes_by_time ON activation_hashes (created_at);

-- Applications of the signing API, one redirection address a line; secrets as hashes.
CREATE TABLE oauth_client (
    id BLOB NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    redirect_uris TEXT NOT NULL,
    secret_hash BLOB,
    account_id BLOB REFERENCES account (id),
    registered_by BLOB NOT NULL REFERENCES account (id),
    created_at INTEGER NOT NULL,
    ended_at INTEGER,
    version INTEGER NOT NULL,
    mac BLOB NOT NULL
) STRICT;
CREATE INDEX oauth_client_by_time ON oauth_client (created_at, id);

-- Authorization codes by their hash, good once for a minute.
CREATE TABLE oauth_code (
    code_hash BLOB NOT NULL PRIMARY KEY,
    client_id BLOB NOT NULL REFERENCES oauth_client (id),
    account_id BLOB NOT NULL REFERENCES account (id),
    scope TEXT NOT NULL,
    redirect_uri TEXT NOT NULL,
    challenge TEXT NOT NULL,
    sealed_activation BLOB,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    used_at INTEGER,
    version INTEGER NOT NULL,
    mac BLOB NOT NULL
) STRICT;
CREATE INDEX oauth_code_by_expiry ON oauth_code (expires_at);

-- Access tokens by their hash.
CREATE TABLE oauth_token (
    token_hash BLOB NOT NULL PRIMARY KEY,
    client_id BLOB NOT NULL REFERENCES oauth_client (id),
    account_id BLOB NOT NULL REFERENCES account (id),
    code_hash BLOB,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    ended_at INTEGER,
    version INTEGER NOT NULL,
    mac BLOB NOT NULL
) STRICT;
CREATE INDEX oauth_token_by_code ON oauth_token (code_hash) WHERE code_hash IS NOT NULL;
CREATE INDEX oauth_token_by_expiry ON oauth_token (expires_at);
