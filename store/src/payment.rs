//! Consumed payments: an identity (verified payer, payee, id) is stored once, in groups, for the disk is flushed once a group.

use crate::{
    Connection, Error,
    dialect::{Dialect, Statements},
    stored::Stored,
};
use chuky_model::{
    id::{AccountId, BatchId},
    instant::Instant,
    record::payment::{Consumed, PaymentBatch, PaymentIdentity},
};
use sqlx::query;
use std::collections::{BTreeMap, HashMap, HashSet};

/// Consumes a group of payments and tells for each, in order, whether it was the first, a repetition or a conflict.
pub async fn consume_payments(
    connection: &mut Connection,
    payments: &[PaymentIdentity],
) -> Result<Vec<Consumed>, Error> {
    let mut firsts: BTreeMap<&[u8], &PaymentIdentity> = BTreeMap::new();
    for payment in payments {
        firsts.entry(&payment.identity).or_insert(payment);
    }
    let distinct: Vec<&PaymentIdentity> = firsts.values().copied().collect();
    let mut new: HashSet<Vec<u8>> = Statements::insert_new_payments(connection, &distinct).await?.into_iter().collect();
    let old: Vec<Vec<u8>> = distinct
        .iter()
        .filter(|payment| !new.contains(&payment.identity))
        .map(|payment| payment.identity.clone())
        .collect();
    let mut orders: HashMap<Vec<u8>, Vec<u8>> = HashMap::new();
    if !old.is_empty() {
        orders.extend(Statements::stored_orders(connection, &old).await?);
    }
    let mut outcomes = Vec::with_capacity(payments.len());
    for payment in payments {
        if new.remove(&payment.identity) {
            orders.insert(payment.identity.clone(), payment.order_digest.clone());
            outcomes.push(Consumed::First);
            continue;
        }
        // An identity is never removed, so one that could not be stored anew is there.
        let stored = orders.get(&payment.identity).ok_or(Error::Stale)?;
        outcomes.push(if *stored == payment.order_digest { Consumed::Repeated } else { Consumed::Conflict });
    }
    Ok(outcomes)
}

/// The identity and order digest of each of these payments that is stored.
pub async fn payment_orders(
    connection: &mut Connection,
    identities: &[Vec<u8>],
) -> Result<Vec<(Vec<u8>, Vec<u8>)>, Error> {
    Statements::stored_orders(connection, identities).await
}

/// The payment stored under an identity, if any.
pub async fn payment_by_identity(
    connection: &mut Connection,
    identity: &[u8],
) -> Result<Option<PaymentIdentity>, Error> {
    Ok(sqlx::query_as!(
        PaymentIdentity,
        r#"SELECT identity, order_digest, provider_id AS "provider_id!: Stored<AccountId>",
        accepted_at AS "accepted_at!: Stored<Instant>", batch_id AS "batch_id!: Stored<BatchId>" FROM payment_identity
        WHERE identity = $1"#,
        identity
    )
    .fetch_optional(connection)
    .await?)
}

/// Stores the authenticated row of a group, in the group's transaction.
pub async fn insert_payment_batch(connection: &mut Connection, batch: &PaymentBatch) -> Result<(), Error> {
    query!(
        "INSERT INTO payment_batch (id, accepted_at, count, digest, version, mac) VALUES ($1, $2, $3, $4, $5, $6)",
        batch.id.0,
        batch.accepted_at.0,
        batch.count,
        batch.digest,
        batch.version,
        batch.mac,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The authenticated row of a group.
pub async fn payment_batch_by_id(connection: &mut Connection, id: BatchId) -> Result<Option<PaymentBatch>, Error> {
    Ok(sqlx::query_as!(
        PaymentBatch,
        r#"SELECT id AS "id!: Stored<BatchId>", accepted_at AS "accepted_at!: Stored<Instant>", count, digest, version, mac
        FROM payment_batch WHERE id = $1"#,
        id.0
    )
    .fetch_optional(connection)
    .await?)
}

/// The payments of a group by identity: together with its order digests they give the group's digest again.
pub async fn payments_of_batch(connection: &mut Connection, id: BatchId) -> Result<Vec<PaymentIdentity>, Error> {
    Ok(sqlx::query_as!(
        PaymentIdentity,
        r#"SELECT identity, order_digest, provider_id AS "provider_id!: Stored<AccountId>",
        accepted_at AS "accepted_at!: Stored<Instant>", batch_id AS "batch_id!: Stored<BatchId>" FROM payment_identity
        WHERE batch_id = $1 ORDER BY identity"#,
        id.0
    )
    .fetch_all(connection)
    .await?)
}

/// Groups that were accepted before that time, oldest first.
pub async fn payment_batches_before(
    connection: &mut Connection,
    before: Instant,
    limit: i64,
) -> Result<Vec<BatchId>, Error> {
    let rows = query!(
        r#"SELECT id AS "id!: Stored<BatchId>" FROM payment_batch WHERE accepted_at < $1 ORDER BY accepted_at LIMIT $2"#,
        before.0,
        limit
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| row.id.into()).collect())
}

/// Removes a group with its payments; returns how many payments there were.
pub async fn remove_payment_batch(connection: &mut Connection, id: BatchId) -> Result<u64, Error> {
    let removed = query!("DELETE FROM payment_identity WHERE batch_id = $1", id.0).execute(&mut *connection).await?;
    query!("DELETE FROM payment_batch WHERE id = $1", id.0).execute(connection).await?;
    Ok(removed.rows_affected())
}
