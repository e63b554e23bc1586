//! Orders about staff accounts and the invitations of their holders. At most one order of an account is open, and one person has one
//! invitation, by unique indexes; nothing here decides.

use crate::{Connection, Error, error::moved, stored::Stored};
use chuky_model::{
    id::*,
    instant::Instant,
    record::{
        Cursor,
        staff::{StaffInvitation, StaffOrder},
        state::{StaffOrderKind, StaffOrderState},
    },
};
use sqlx::query;

macro_rules! orders {
    ($tail:literal $(, $argument:expr)* $(,)?) => {
        sqlx::query_as!(
            StaffOrder,
            r#"SELECT id AS "id!: Stored<StaffOrderId>", kind AS "kind!: Stored<StaffOrderKind>",
            state AS "state!: Stored<StaffOrderState>", account_id AS "account_id!: Stored<AccountId>", content, content_digest,
            entered_by AS "entered_by!: Stored<AccountId>", entered_at AS "entered_at!: Stored<Instant>",
            expires_at AS "expires_at!: Stored<Instant>", decided_by AS "decided_by!: Stored<Option<AccountId>>",
            decided_at AS "decided_at!: Stored<Option<Instant>>", refusal_reason, version, mac FROM staff_order "# + $tail
            $(, $argument)*
        )
    };
}

macro_rules! invitations {
    ($tail:literal $(, $argument:expr)* $(,)?) => {
        sqlx::query_as!(
            StaffInvitation,
            r#"SELECT account_id AS "account_id!: Stored<AccountId>", order_id AS "order_id!: Stored<Option<StaffOrderId>>",
            person_lookup, contact, code_hash, second_secret, tries, messages, expires_at AS "expires_at!: Stored<Instant>",
            redeemed_at AS "redeemed_at!: Stored<Option<Instant>>", created_at AS "created_at!: Stored<Instant>", version, mac
            FROM staff_invitation "# + $tail
            $(, $argument)*
        )
    };
}

/// Stores a new order. `Conflict` where one is open for this account.
pub async fn insert_staff_order(connection: &mut Connection, order: &StaffOrder) -> Result<(), Error> {
    query!(
        "INSERT INTO staff_order (id, kind, state, account_id, content, content_digest, entered_by, entered_at, expires_at,
        decided_by, decided_at, refusal_reason, version, mac)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
        order.id.0,
        order.kind.name(),
        order.state.name(),
        order.account_id.0,
        order.content,
        order.content_digest,
        order.entered_by.0,
        order.entered_at.0,
        order.expires_at.0,
        order.decided_by.map(|id| id.0),
        order.decided_at.map(|at| at.0),
        order.refusal_reason,
        order.version,
        order.mac,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Stores an order's next state, its version raised by one. What it says, of which account and who entered it never changes. `Stale` where
/// somebody else changed it first, `Refused` where who decides also entered it.
pub async fn update_staff_order(connection: &mut Connection, order: &StaffOrder) -> Result<(), Error> {
    let done = query!(
        "UPDATE staff_order SET state = $3, content_digest = $4, decided_by = $5, decided_at = $6, refusal_reason = $7, version = $8,
        mac = $9 WHERE id = $1 AND version = $2",
        order.id.0,
        order.version.saturating_sub(1),
        order.state.name(),
        order.content_digest,
        order.decided_by.map(|id| id.0),
        order.decided_at.map(|at| at.0),
        order.refusal_reason,
        order.version,
        order.mac,
    )
    .execute(connection)
    .await?;
    moved(done.rows_affected())
}

/// The order of that identifier.
pub async fn staff_order_by_id(connection: &mut Connection, id: StaffOrderId) -> Result<Option<StaffOrder>, Error> {
    Ok(orders!("WHERE id = $1", id.0).fetch_optional(connection).await?)
}

/// Every order, newest first, before the cursor.
pub async fn list_staff_orders(
    connection: &mut Connection,
    before: Cursor,
    limit: i64,
) -> Result<Vec<StaffOrder>, Error> {
    Ok(orders!(
        "WHERE (entered_at, id) < ($1, $2) ORDER BY entered_at DESC, id DESC LIMIT $3",
        before.at.0,
        before.id,
        limit
    )
    .fetch_all(connection)
    .await?)
}

/// Open orders that end up to that moment.
pub async fn expired_staff_orders(
    connection: &mut Connection,
    at: Instant,
    limit: i64,
) -> Result<Vec<StaffOrder>, Error> {
    Ok(orders!("WHERE state = 'open' AND expires_at <= $1 ORDER BY expires_at, id LIMIT $2", at.0, limit)
        .fetch_all(connection)
        .await?)
}

/// Stores a new invitation. `Conflict` where the account or the person has one.
pub async fn insert_staff_invitation(connection: &mut Connection, invitation: &StaffInvitation) -> Result<(), Error> {
    query!(
        "INSERT INTO staff_invitation (account_id, order_id, person_lookup, contact, code_hash, second_secret, tries, messages,
        expires_at, redeemed_at, created_at, version, mac) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
        invitation.account_id.0,
        invitation.order_id.map(|id| id.0),
        invitation.person_lookup,
        invitation.contact,
        invitation.code_hash,
        invitation.second_secret,
        invitation.tries,
        invitation.messages,
        invitation.expires_at.0,
        invitation.redeemed_at.map(|at| at.0),
        invitation.created_at.0,
        invitation.version,
        invitation.mac,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Stores a changed invitation whose version was raised by one. Whose it is never changes. `Stale` where somebody else changed it first.
pub async fn update_staff_invitation(connection: &mut Connection, invitation: &StaffInvitation) -> Result<(), Error> {
    let done = query!(
        "UPDATE staff_invitation SET order_id = $3, contact = $4, code_hash = $5, second_secret = $6, tries = $7, messages = $8,
        expires_at = $9, redeemed_at = $10, created_at = $11, version = $12, mac = $13 WHERE account_id = $1 AND version = $2",
        invitation.account_id.0,
        invitation.version.saturating_sub(1),
        invitation.order_id.map(|id| id.0),
        invitation.contact,
        invitation.code_hash,
        invitation.second_secret,
        invitation.tries,
        invitation.messages,
        invitation.expires_at.0,
        invitation.redeemed_at.map(|at| at.0),
        invitation.created_at.0,
        invitation.version,
        invitation.mac,
    )
    .execute(connection)
    .await?;
    moved(done.rows_affected())
}

/// The invitation of that account.
pub async fn staff_invitation_of(
    connection: &mut Connection,
    account_id: AccountId,
) -> Result<Option<StaffInvitation>, Error> {
    Ok(invitations!("WHERE account_id = $1", account_id.0).fetch_optional(connection).await?)
}

/// The invitation whose code has that keyed hash.
pub async fn staff_invitation_by_code(
    connection: &mut Connection,
    code_hash: &[u8],
) -> Result<Option<StaffInvitation>, Error> {
    Ok(invitations!("WHERE code_hash = $1", code_hash).fetch_optional(connection).await?)
}
