-- The hashes of activations that are used by later calls; each is covered by a digest under the activation's MAC.
CREATE TABLE activation_hashes (
    activation_id UUID NOT NULL PRIMARY KEY REFERENCES activation (id),
    hashes BYTEA NOT NULL,
    taken BYTEA NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX activation_hashes_by_time ON activation_hashes (created_at);

-- Applications of the signing API, one redirection address a line; secrets as hashes.
CREATE TABLE oauth_client (
    id UUID NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    redirect_uris TEXT NOT NULL,
    secret_hash BYTEA,
    account_id UUID REFERENCES account (id),
    registered_by UUID NOT NULL REFERENCES account (id),
    created_at BIGINT NOT NULL,
    ended_at BIGINT,
    version BIGINT NOT NULL,
    mac BYTEA NOT NULL
);
CREATE INDEX oauth_client_by_time ON oauth_client (created_at, id);

-- Authorization codes by their hash, good once for a minute.
CREATE TABLE oauth_code (
    code_hash BYTEA NOT NULL PRIMARY KEY,
    client_id UUID NOT NULL REFERENCES oauth_client (id),
    account_id UUID NOT NULL REFERENCES account (id),
    scope TEXT NOT NULL,
    redirect_uri TEXT NOT NULL,
    challenge TEXT NOT NULL,
    sealed_activation BYTEA,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at BIGINT,
    version BIGINT NOT NULL,
    mac BYTEA NOT NULL
);
CREATE INDEX oauth_code_by_expiry ON oauth_code (expires_at);

-- Access tokens by their hash.
CREATE TABLE oauth_token (
    token_hash BYTEA NOT NULL PRIMARY KEY,
    client_id UUID NOT NULL REFERENCES oauth_client (id),
    account_id UUID NOT NULL REFERENCES account (id),
    code_hash BYTEA,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    ended_at BIGINT,
    version BIGINT NOT NULL,
    mac BYTEA NOT NULL
);
CREATE INDEX oauth_token_by_code ON oauth_token (code_hash) WHERE code_hash IS NOT NULL;
CREATE INDEX oauth_token_by_expiry ON oauth_token (expires_at);
