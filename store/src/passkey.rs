//! Passkeys of accounts, the challenges that were used, and the assertions with which decisions were made. Nothing here verifies one.

use crate::{Connection, Error, error::moved, stored::Stored};
use chuky_model::{id::*, instant::Instant, record::passkey::*};
use sqlx::query;

macro_rules! passkeys {
    ($tail:literal $(, $argument:expr)* $(,)?) => {
        sqlx::query_as!(
            Passkey,
            r#"SELECT id AS "id!: Stored<PasskeyId>", account_id AS "account_id!: Stored<AccountId>", credential_id, public_key,
            counter, backup, name, created_at AS "created_at!: Stored<Instant>",
            confirmed_by AS "confirmed_by!: Stored<Option<AccountId>>", confirmed_at AS "confirmed_at!: Stored<Option<Instant>>",
            last_used_at AS "last_used_at!: Stored<Option<Instant>>", revoked_at AS "revoked_at!: Stored<Option<Instant>>",
            distrusted_from AS "distrusted_from!: Stored<Option<Instant>>", version, mac FROM passkey "# + $tail
            $(, $argument)*
        )
    };
}

/// Stores a new passkey. `Conflict` where the credential is registered already.
pub async fn insert_passkey(connection: &mut Connection, passkey: &Passkey) -> Result<(), Error> {
    query!(
        "INSERT INTO passkey (id, account_id, credential_id, public_key, counter, backup, name, created_at, confirmed_by, confirmed_at,
        last_used_at, revoked_at, distrusted_from, version, mac)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
        passkey.id.0,
        passkey.account_id.0,
        passkey.credential_id,
        passkey.public_key,
        passkey.counter,
        passkey.backup,
        passkey.name,
        passkey.created_at.0,
        passkey.confirmed_by.map(|id| id.0),
        passkey.confirmed_at.map(|at| at.0),
        passkey.last_used_at.map(|at| at.0),
        passkey.revoked_at.map(|at| at.0),
        passkey.distrusted_from.map(|at| at.0),
        passkey.version,
        passkey.mac,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Stores a changed passkey whose version was raised by one. Whose it is and which key never changes. `Stale` where somebody else
/// changed it first.
pub async fn update_passkey(connection: &mut Connection, passkey: &Passkey) -> Result<(), Error> {
    let done = query!(
        "UPDATE passkey SET counter = $3, backup = $4, confirmed_by = $5, confirmed_at = $6, last_used_at = $7, revoked_at = $8,
        distrusted_from = $9, version = $10, mac = $11 WHERE id = $1 AND version = $2",
        passkey.id.0,
        passkey.version.saturating_sub(1),
        passkey.counter,
        passkey.backup,
        passkey.confirmed_by.map(|id| id.0),
        passkey.confirmed_at.map(|at| at.0),
        passkey.last_used_at.map(|at| at.0),
        passkey.revoked_at.map(|at| at.0),
        passkey.distrusted_from.map(|at| at.0),
        passkey.version,
        passkey.mac,
    )
    .execute(connection)
    .await?;
    moved(done.rows_affected())
}

/// Stores another name of a passkey that is revoked, whose version was raised by one. `Stale` where somebody else changed it first.
pub async fn rename_passkey(connection: &mut Connection, passkey: &Passkey) -> Result<(), Error> {
    let done = query!(
        "UPDATE passkey SET name = $3, revoked_at = $4, version = $5, mac = $6 WHERE id = $1 AND version = $2",
        passkey.id.0,
        passkey.version.saturating_sub(1),
        passkey.name,
        passkey.revoked_at.map(|at| at.0),
        passkey.version,
        passkey.mac,
    )
    .execute(connection)
    .await?;
    moved(done.rows_affected())
}

/// The passkey of that identifier.
pub async fn passkey_by_id(connection: &mut Connection, id: PasskeyId) -> Result<Option<Passkey>, Error> {
    Ok(passkeys!("WHERE id = $1", id.0).fetch_optional(connection).await?)
}

/// The passkey that the authenticator names so.
pub async fn passkey_by_credential(
    connection: &mut Connection,
    credential_id: &[u8],
) -> Result<Option<Passkey>, Error> {
    Ok(passkeys!("WHERE credential_id = $1", credential_id).fetch_optional(connection).await?)
}

/// The passkeys of an account, oldest first.
pub async fn passkeys_of_account(connection: &mut Connection, account_id: AccountId) -> Result<Vec<Passkey>, Error> {
    Ok(passkeys!("WHERE account_id = $1 ORDER BY created_at, id", account_id.0).fetch_all(connection).await?)
}

/// Passkeys that nobody has confirmed, of enabled accounts that approve and of officers, made since the account was recovered or enabled
/// anew; oldest first.
pub async fn passkeys_to_confirm(connection: &mut Connection, limit: i64) -> Result<Vec<Passkey>, Error> {
    Ok(passkeys!(
        "WHERE confirmed_at IS NULL AND revoked_at IS NULL AND account_id IN (SELECT account.id FROM account
        WHERE disabled_at IS NULL AND (renewed_at IS NULL OR renewed_at < passkey.created_at)
        AND (',' || roles || ',' LIKE '%,approver,%' OR ',' || roles || ',' LIKE '%,security_officer,%'
        OR ',' || roles || ',' LIKE '%,official,%' OR ',' || roles || ',' LIKE '%,clerk,%'))
        ORDER BY created_at, id LIMIT $1",
        limit
    )
    .fetch_all(connection)
    .await?)
}

/// Says that an account approves with passkeys from now on. `Conflict` where that is said already.
pub async fn insert_passkey_enrolment(connection: &mut Connection, enrolment: &PasskeyEnrolment) -> Result<(), Error> {
    query!(
        "INSERT INTO passkey_enrolment (account_id, since, version, mac) VALUES ($1, $2, $3, $4)",
        enrolment.account_id.0,
        enrolment.since.0,
        enrolment.version,
        enrolment.mac,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Since when an account approves with passkeys.
pub async fn passkey_enrolment(
    connection: &mut Connection,
    account_id: AccountId,
) -> Result<Option<PasskeyEnrolment>, Error> {
    Ok(sqlx::query_as!(
        PasskeyEnrolment,
        r#"SELECT account_id AS "account_id!: Stored<AccountId>", since AS "since!: Stored<Instant>", version, mac
        FROM passkey_enrolment WHERE account_id = $1"#,
        account_id.0
    )
    .fetch_optional(connection)
    .await?)
}

/// Uses a challenge, and forgets those that have ended. `Conflict` where it was used before.
pub async fn use_passkey_challenge(
    connection: &mut Connection,
    challenge: &[u8],
    expires_at: Instant,
    now: Instant,
) -> Result<(), Error> {
    query!("DELETE FROM passkey_challenge WHERE expires_at < $1", now.0).execute(&mut *connection).await?;
    query!("INSERT INTO passkey_challenge (challenge, expires_at) VALUES ($1, $2)", challenge, expires_at.0)
        .execute(connection)
        .await?;
    Ok(())
}

/// Appends the assertion of a decision.
pub async fn insert_approval_assertion(
    connection: &mut Connection,
    assertion: &ApprovalAssertion,
) -> Result<(), Error> {
    query!(
        "INSERT INTO approval_assertion (id, subject, account_id, passkey_id, statement, authenticator_data, client_data, signature,
        made_at, version, mac) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        assertion.id.0,
        assertion.subject,
        assertion.account_id.0,
        assertion.passkey_id.0,
        assertion.statement,
        assertion.authenticator_data,
        assertion.client_data,
        assertion.signature,
        assertion.made_at.0,
        assertion.version,
        assertion.mac,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The assertions of the decisions on one thing, oldest first.
pub async fn approval_assertions_of(
    connection: &mut Connection,
    subject: &str,
) -> Result<Vec<ApprovalAssertion>, Error> {
    Ok(sqlx::query_as!(
        ApprovalAssertion,
        r#"SELECT id AS "id!: Stored<AssertionId>", subject, account_id AS "account_id!: Stored<AccountId>",
        passkey_id AS "passkey_id!: Stored<PasskeyId>", statement, authenticator_data, client_data, signature,
        made_at AS "made_at!: Stored<Instant>", version, mac FROM approval_assertion WHERE subject = $1 ORDER BY made_at, id"#,
        subject
    )
    .fetch_all(connection)
    .await?)
}
