//! Accounts that merchants are paid to, with the VietQR payloads that they signed.

use crate::{Connection, Error, error::moved, stored::Stored};
use chuky_model::{
    id::*,
    instant::Instant,
    record::{Cursor, payment::MerchantAccount, state::MerchantState},
};
use sqlx::query;

macro_rules! accounts {
    ($tail:literal $(, $argument:expr)* $(,)?) => {
        sqlx::query_as!(
            MerchantAccount,
            r#"SELECT id AS "id!: Stored<MerchantAccountId>", account_id AS "account_id!: Stored<AccountId>",
            certificate_id AS "certificate_id!: Stored<CertificateId>", lookup, bank, shop, payload, payload_hash,
            state AS "state!: Stored<MerchantState>", created_at AS "created_at!: Stored<Instant>",
            ended_at AS "ended_at!: Stored<Option<Instant>>", version, mac FROM merchant_account "# + $tail
            $(, $argument)*
        )
    };
}

/// Stores an account. `Conflict` where the same payload is stored already.
pub async fn insert_merchant_account(connection: &mut Connection, row: &MerchantAccount) -> Result<(), Error> {
    query!(
        "INSERT INTO merchant_account (id, account_id, certificate_id, lookup, bank, shop, payload, payload_hash, state, created_at,
        ended_at, version, mac) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
        row.id.0,
        row.account_id.0,
        row.certificate_id.0,
        row.lookup,
        row.bank,
        row.shop,
        row.payload,
        row.payload_hash,
        row.state.name(),
        row.created_at.0,
        row.ended_at.map(|at| at.0),
        row.version,
        row.mac,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Stores another state, the version raised by one. What was signed never changes.
pub async fn update_merchant_account(connection: &mut Connection, row: &MerchantAccount) -> Result<(), Error> {
    let done = query!(
        "UPDATE merchant_account SET state = $3, ended_at = $4, version = $5, mac = $6 WHERE id = $1 AND version = $2",
        row.id.0,
        row.version.saturating_sub(1),
        row.state.name(),
        row.ended_at.map(|at| at.0),
        row.version,
        row.mac,
    )
    .execute(connection)
    .await?;
    moved(done.rows_affected())
}

/// The account of that identifier.
pub async fn merchant_account(
    connection: &mut Connection,
    id: MerchantAccountId,
) -> Result<Option<MerchantAccount>, Error> {
    Ok(accounts!("WHERE id = $1", id.0).fetch_optional(connection).await?)
}

/// The account whose payload has that keyed hash.
pub async fn merchant_account_by_payload(
    connection: &mut Connection,
    payload_hash: &[u8],
) -> Result<Option<MerchantAccount>, Error> {
    Ok(accounts!("WHERE payload_hash = $1", payload_hash).fetch_optional(connection).await?)
}

/// Those who registered the account at a bank that has this keyed hash, oldest first.
pub async fn merchant_accounts_by_lookup(
    connection: &mut Connection,
    lookup: &[u8],
    limit: i64,
) -> Result<Vec<MerchantAccount>, Error> {
    Ok(accounts!("WHERE lookup = $1 ORDER BY created_at, id LIMIT $2", lookup, limit).fetch_all(connection).await?)
}

/// A merchant's accounts, oldest first, after the cursor.
pub async fn merchant_accounts_of(
    connection: &mut Connection,
    account: AccountId,
    after: Cursor,
    limit: i64,
) -> Result<Vec<MerchantAccount>, Error> {
    Ok(accounts!(
        "WHERE account_id = $1 AND (created_at, id) > ($2, $3) ORDER BY created_at, id LIMIT $4",
        account.0,
        after.at.0,
        after.id,
        limit
    )
    .fetch_all(connection)
    .await?)
}
