-- Refresh tokens by their hash, each good once.
CREATE TABLE oauth_refresh (
    token_hash BLOB NOT NULL PRIMARY KEY,
    code_hash BLOB NOT NULL,
    client_id BLOB NOT NULL REFERENCES oauth_client (id),
    account_id BLOB NOT NULL REFERENCES account (id),
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    used_at INTEGER,
    ended_at INTEGER,
    version INTEGER NOT NULL,
    mac BLOB NOT NULL
) STRICT;
CREATE INDEX oauth_refresh_by_code ON oauth_refresh (code_hash);
CREATE INDEX oauth_refresh_by_expiry ON oauth_refresh (expires_at);
CREATE INDEX oauth_refresh_by_account ON oauth_refresh (account_id, client_id) WHERE used_at IS NULL AND ended_at IS NULL;
