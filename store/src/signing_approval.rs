//! What applications want signed and its signer approves on another device. Changes are compare-and-swaps on the row's version; nothing here
//! checks a MAC, a handle or a time.

use crate::{Connection, Error, error::moved, stored::Stored};
use chuky_model::{
    id::*,
    instant::Instant,
    record::{
        signing_approval::SigningApproval,
        state::{SigningApprovalState, SigningRefusal},
    },
};
use sqlx::query;

macro_rules! approvals {
    ($tail:literal $(, $argument:expr)* $(,)?) => {
        sqlx::query_as!(
            SigningApproval,
            r#"SELECT id AS "id!: Stored<SigningApprovalId>", handle_hash, recipient,
            credential_id AS "credential_id!: Stored<CredentialId>", account_id AS "account_id!: Stored<AccountId>", client,
            hashes, hash_count, said, number, wrong_numbers, state AS "state!: Stored<SigningApprovalState>",
            refusal AS "refusal!: Stored<Option<SigningRefusal>>", activation_id AS "activation_id!: Stored<Option<ActivationId>>",
            sealed_activation, told_at AS "told_at!: Stored<Option<Instant>>", created_at AS "created_at!: Stored<Instant>",
            expires_at AS "expires_at!: Stored<Instant>", decided_at AS "decided_at!: Stored<Option<Instant>>", version, mac
            FROM signing_approval "# + $tail
            $(, $argument)*
        )
    };
}

/// Stores a new one.
pub async fn insert_signing_approval(connection: &mut Connection, row: &SigningApproval) -> Result<(), Error> {
    query!(
        "INSERT INTO signing_approval (id, handle_hash, recipient, credential_id, account_id, client, hashes, hash_count, said, number,
        wrong_numbers, state, refusal, activation_id, sealed_activation, told_at, created_at, expires_at, decided_at, version, mac)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21)",
        row.id.0,
        row.handle_hash,
        row.recipient,
        row.credential_id.0,
        row.account_id.0,
        row.client,
        row.hashes,
        row.hash_count,
        row.said,
        row.number,
        row.wrong_numbers,
        row.state.name(),
        row.refusal.map(|refusal| refusal.name()),
        row.activation_id.map(|id| id.0),
        row.sealed_activation,
        row.told_at.map(|at| at.0),
        row.created_at.0,
        row.expires_at.0,
        row.decided_at.map(|at| at.0),
        row.version,
        row.mac,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Stores a changed one, whose version was raised by one. `Stale` where somebody else changed it first.
pub async fn update_signing_approval(connection: &mut Connection, row: &SigningApproval) -> Result<(), Error> {
    let done = query!(
        "UPDATE signing_approval SET wrong_numbers = $3, state = $4, refusal = $5, activation_id = $6, sealed_activation = $7,
        expires_at = $8, decided_at = $9, version = $10, mac = $11 WHERE id = $1 AND version = $2",
        row.id.0,
        row.version.saturating_sub(1),
        row.wrong_numbers,
        row.state.name(),
        row.refusal.map(|refusal| refusal.name()),
        row.activation_id.map(|id| id.0),
        row.sealed_activation,
        row.expires_at.0,
        row.decided_at.map(|at| at.0),
        row.version,
        row.mac,
    )
    .execute(connection)
    .await?;
    moved(done.rows_affected())
}

/// The one of that identifier.
pub async fn signing_approval(
    connection: &mut Connection,
    id: SigningApprovalId,
) -> Result<Option<SigningApproval>, Error> {
    Ok(approvals!("WHERE id = $1", id.0).fetch_optional(connection).await?)
}

/// The one whose handle has that SHA-256.
pub async fn signing_approval_by_handle(
    connection: &mut Connection,
    handle_hash: &[u8],
) -> Result<Option<SigningApproval>, Error> {
    Ok(approvals!("WHERE handle_hash = $1", handle_hash).fetch_optional(connection).await?)
}

/// What waits for that account to approve, oldest first.
pub async fn waiting_signing_approvals(
    connection: &mut Connection,
    account_id: AccountId,
    now: Instant,
    limit: i64,
) -> Result<Vec<SigningApproval>, Error> {
    Ok(approvals!(
        "WHERE account_id = $1 AND state = 'waiting' AND expires_at > $2 ORDER BY created_at, id LIMIT $3",
        account_id.0,
        now.0,
        limit
    )
    .fetch_all(connection)
    .await?)
}

/// How many wait for that credential, whoever asks.
pub async fn signing_approvals_waiting(
    connection: &mut Connection,
    credential_id: CredentialId,
    now: Instant,
) -> Result<i64, Error> {
    Ok(query!(
        r#"SELECT COUNT(*) AS "count!: i64" FROM signing_approval
        WHERE credential_id = $1 AND state = 'waiting' AND expires_at > $2"#,
        credential_id.0,
        now.0
    )
    .fetch_one(connection)
    .await?
    .count)
}

/// How many that client has asked that credential's holder for since then, and how many of these were refused as not the holder's own.
pub async fn signing_approvals_asked(
    connection: &mut Connection,
    credential_id: CredentialId,
    client: &str,
    since: Instant,
) -> Result<(i64, i64), Error> {
    let row = query!(
        r#"SELECT COUNT(*) AS "asked!: i64", COUNT(CASE WHEN refusal IN ('not_mine', 'number') THEN 1 END) AS "strange!: i64"
        FROM signing_approval WHERE credential_id = $1 AND client = $2 AND created_at > $3"#,
        credential_id.0,
        client,
        since.0
    )
    .fetch_one(connection)
    .await?;
    Ok((row.asked, row.strange))
}

/// How often that account was sent a message since then.
pub async fn signing_approvals_told(
    connection: &mut Connection,
    account_id: AccountId,
    since: Instant,
) -> Result<i64, Error> {
    Ok(query!(
        r#"SELECT COUNT(*) AS "count!: i64" FROM signing_approval WHERE account_id = $1 AND created_at > $2 AND told_at > $2"#,
        account_id.0,
        since.0
    )
    .fetch_one(connection)
    .await?
    .count)
}

/// Removes what was asked before that time; returns how many.
pub async fn remove_old_signing_approvals(connection: &mut Connection, before: Instant) -> Result<u64, Error> {
    let done = query!("DELETE FROM signing_approval WHERE created_at < $1", before.0).execute(connection).await?;
    Ok(done.rows_affected())
}
