-- A code of scope credential says which activation it gave, so that a code that comes twice closes it.
ALTER TABLE oauth_code ADD COLUMN activation_id BLOB;
-- What an application may do for a person is found by the person, to be shown and ended.
CREATE INDEX oauth_code_by_account ON oauth_code (account_id, client_id) WHERE used_at IS NULL;
CREATE INDEX oauth_token_by_account ON oauth_token (account_id, client_id) WHERE ended_at IS NULL;

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
