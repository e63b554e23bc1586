-- Staff accounts: orders with four eyes, invitations, a second factor at the log-in, and sessions that end when they are idle.
ALTER TABLE account ADD COLUMN renewed_at BIGINT;
ALTER TABLE account ADD COLUMN totp_secret BYTEA;
ALTER TABLE account ADD COLUMN totp_step BIGINT;
ALTER TABLE account ADD COLUMN unit_since BIGINT;
ALTER TABLE session ADD COLUMN seen_at BIGINT;
ALTER TABLE session ADD COLUMN second_factor_at BIGINT;
CREATE INDEX account_of_staff ON account (created_at, id)
    WHERE roles NOT IN ('', 'citizen', 'official', 'citizen,official', 'official,citizen');

-- The account of an order to open one is made with its approval, so it is no reference.
CREATE TABLE staff_order (
    id UUID NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL,
    state TEXT NOT NULL,
    account_id UUID NOT NULL,
    content BYTEA NOT NULL,
    content_digest BYTEA NOT NULL,
    entered_by UUID NOT NULL REFERENCES account (id),
    entered_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    decided_by UUID REFERENCES account (id),
    decided_at BIGINT,
    refusal_reason TEXT,
    version BIGINT NOT NULL,
    mac BYTEA NOT NULL,
    CHECK (decided_by IS NULL OR decided_by <> entered_by),
    CHECK (decided_by IS NULL OR decided_by <> account_id)
);
CREATE UNIQUE INDEX staff_order_open ON staff_order (account_id) WHERE state = 'open';
CREATE INDEX staff_order_by_age ON staff_order (entered_at, id);
CREATE INDEX staff_order_by_end ON staff_order (expires_at, id) WHERE state = 'open';

CREATE TABLE staff_invitation (
    account_id UUID NOT NULL PRIMARY KEY REFERENCES account (id),
    order_id UUID REFERENCES staff_order (id),
    person_lookup BYTEA NOT NULL UNIQUE,
    contact BYTEA NOT NULL,
    code_hash BYTEA NOT NULL UNIQUE,
    second_secret BYTEA,
    tries BIGINT NOT NULL,
    messages BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    redeemed_at BIGINT,
    created_at BIGINT NOT NULL,
    version BIGINT NOT NULL,
    mac BYTEA NOT NULL
);
