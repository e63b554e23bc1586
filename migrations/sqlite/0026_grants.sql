-- A code of scope credential says which activation it gave, so that a code that comes twice closes it.
ALTER TABLE oauth_code ADD COLUMN activation_id BLOB;
-- What an application may do for a person is found by the person, to be shown and ended.
CREATE INDEX oauth_code_by_account ON oauth_code (account_id, client_id) WHERE used_at IS NULL;
CREATE INDEX oauth_token_by_account ON oauth_token (account_id, client_id) WHERE ended_at IS NULL;
