-- Refresh tokens by their hash, each good once.
CREATE TABLE oauth_refresh (
    token_hash BYTEA NOT NULL PRIMARY KEY,
    code_hash BYTEA NOT NULL,
    client_id UUID NOT NULL REFERENCES oauth_client (id),
    account_id UUID NOT NULL REFERENCES account (id),
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at BIGINT,
    ended_at BIGINT,
    version BIGINT NOT NULL,
    mac BYTEA NOT NULL
);
CREATE INDEX oauth_refresh_by_code ON oauth_refresh (code_hash);
CREATE INDEX oauth_refresh_by_expiry ON oauth_refresh (expires_at);
CREATE INDEX oauth_refresh_by_account ON oauth_refresh (account_id, client_id) WHERE used_at IS NULL AND ended_at IS NULL;
