-- Staff accounts: orders with four eyes, invitations, a second factor at the log-in, and sessions that end when they are idle.
ALTER TABLE account ADD COLUMN renewed_at INTEGER;
ALTER TABLE account ADD COLUMN totp_secret BLOB;
ALTER TABLE account ADD COLUMN totp_step INTEGER;
ALTER TABLE account ADD COLUMN unit_since INTEGER;
ALTER TABLE session ADD COLUMN seen_at INTEGER;
ALTER TABLE session ADD COLUMN second_factor_at INTEGER;
CREATE INDEX account_of_staff ON account (created_at, id)
    WHERE roles NOT IN ('', 'citizen', 'official', 'citizen,official', 'official,citizen');

-- The account of an order to open one is made with its approval, so it is no reference.
CREATE TABLE staff_order (
    id BLOB NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL,
    state TEXT NOT NULL,
    account_id BLOB NOT NULL,
    content BLOB NOT NULL,
    content_digest BLOB NOT NULL,
    entered_by BLOB NOT NULL REFERENCES account (id),
    entered_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    decided_by BLOB REFERENCES account (id),
    decided_at INTEGER,
    refusal_reason TEXT,
    version INTEGER NOT NULL,
    mac BLOB NOT NULL,
    CHECK (decided_by IS NULL OR decided_by <> entered_by),
    CHECK (decided_by IS NULL OR decided_by <> account_id)
) STRICT;
CREATE UNIQUE INDEX staff_order_open ON staff_order (account_id) WHERE state = 'open';
CREATE INDEX staff_order_by_age ON staff_order (entered_at, id);
CREATE INDEX staff_order_by_end ON staff_order (expires_at, id) WHERE state = 'open';

CREATE TABLE staff_invitation (
    account_id BLOB NOT NULL PRIMARY KEY REFERENCES account (id),
    order_id BLOB REFERENCES staff_order (id),
    person_lookup BLOB NOT NULL UNIQUE,
    contact BLOB NOT NULL,
    code_hash BLOB NOT NULL UNIQUE,
    second_secret BLOB,
    tries INTEGER NOT NULL,
    messages INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    redeemed_at INTEGER,
    created_at INTEGER NOT NULL,
    version INTEGER NOT NULL,
    mac BLOB NOT NULL
) STRICT;
