//! Subscribers' sealed keys, their activations and the signatures made with them.

use crate::{Connection, Error, error::moved, stored::Stored};
use chuky_model::{
    algorithm::KeyAlgorithm,
    id::*,
    instant::Instant,
    record::{
        Cursor,
        credential::*,
        state::{ActivationState, CredentialState},
    },
};
use sqlx::query;

macro_rules! credentials {
    ($tail:literal $(, $argument:expr)* $(,)?) => {
        sqlx::query_as!(
            Credential,
            r#"SELECT id AS "id!: Stored<CredentialId>", account_id AS "account_id!: Stored<AccountId>",
            certificate_id AS "certificate_id!: Stored<Option<CertificateId>>", algorithm AS "algorithm!: Stored<KeyAlgorithm>", spki,
            sealed_key, pin_salt, pin_memory, pin_iterations, pin_lanes, pepper_version, wrapping_key, tries, unlocks,
            state AS "state!: Stored<CredentialState>", created_at AS "created_at!: Stored<Instant>",
            updated_at AS "updated_at!: Stored<Instant>", version, mac FROM credential "# + $tail
            $(, $argument)*
        )
    };
}

macro_rules! activations {
    ($tail:literal $(, $argument:expr)* $(,)?) => {
        sqlx::query_as!(
            Activation,
            r#"SELECT id AS "id!: Stored<ActivationId>", credential_id AS "credential_id!: Stored<CredentialId>", client, sealed_key,
            hashes_digest, hash_count, used_count, expires_at AS "expires_at!: Stored<Instant>",
            state AS "state!: Stored<ActivationState>", created_at AS "created_at!: Stored<Instant>", version, mac FROM activation "#
            + $tail
            $(, $argument)*
        )
    };
}

macro_rules! signatures {
    ($tail:literal $(, $argument:expr)* $(,)?) => {
        sqlx::query_as!(
            Signature,
            r#"SELECT id AS "id!: Stored<SignatureId>", credential_id AS "credential_id!: Stored<CredentialId>",
            activation_id AS "activation_id!: Stored<ActivationId>", certificate_id AS "certificate_id!: Stored<CertificateId>",
            document_id AS "document_id!: Stored<Option<DocumentId>>", digest, created_at AS "created_at!: Stored<Instant>"
            FROM signature "# + $tail
            $(, $argument)*
        )
    };
}

/// Stores a new credential. `Conflict` where its public key or certificate has one.
pub async fn insert_credential(connection: &mut Connection, credential: &Credential) -> Result<(), Error> {
    query!(
        "INSERT INTO credential (id, account_id, certificate_id, algorithm, spki, sealed_key, pin_salt, pin_memory, pin_iterations,
        pin_lanes, pepper_version, wrapping_key, tries, unlocks, state, created_at, updated_at, version, mac)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)",
        credential.id.0,
        credential.account_id.0,
        credential.certificate_id.map(|id| id.0),
        credential.algorithm.name(),
        credential.spki,
        credential.sealed_key,
        credential.pin_salt,
        credential.pin_memory,
        credential.pin_iterations,
        credential.pin_lanes,
        credential.pepper_version,
        credential.wrapping_key,
        credential.tries,
        credential.unlocks,
        credential.state.name(),
        credential.created_at.0,
        credential.updated_at.0,
        credential.version,
        credential.mac,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Stores a changed credential (tried, locked, resealed) whose version was raised by one. Owner and public key never change.
/// `Stale` where somebody else changed it first: so two tries at once are two counted tries.
pub async fn update_credential(connection: &mut Connection, credential: &Credential) -> Result<(), Error> {
    let done = query!(
        "UPDATE credential SET certificate_id = $3, sealed_key = $4, pin_salt = $5, pin_memory = $6, pin_iterations = $7,
        pin_lanes = $8, pepper_version = $9, wrapping_key = $10, tries = $11, unlocks = $12, state = $13, updated_at = $14,
        version = $15, mac = $16 WHERE id = $1 AND version = $2",
        credential.id.0,
        credential.version.saturating_sub(1),
        credential.certificate_id.map(|id| id.0),
        credential.sealed_key,
        credential.pin_salt,
        credential.pin_memory,
        credential.pin_iterations,
        credential.pin_lanes,
        credential.pepper_version,
        credential.wrapping_key,
        credential.tries,
        credential.unlocks,
        credential.state.name(),
        credential.updated_at.0,
        credential.version,
        credential.mac,
    )
    .execute(connection)
    .await?;
    moved(done.rows_affected())
}

/// The credential of that identifier.
pub async fn credential_by_id(connection: &mut Connection, id: CredentialId) -> Result<Option<Credential>, Error> {
    Ok(credentials!("WHERE id = $1", id.0).fetch_optional(connection).await?)
}

/// The credential of a certificate.
pub async fn credential_of_certificate(
    connection: &mut Connection,
    certificate_id: CertificateId,
) -> Result<Option<Credential>, Error> {
    Ok(credentials!("WHERE certificate_id = $1", certificate_id.0).fetch_optional(connection).await?)
}

/// An account's credentials, newest first.
pub async fn credentials_of_account(
    connection: &mut Connection,
    account_id: AccountId,
) -> Result<Vec<Credential>, Error> {
    Ok(credentials!("WHERE account_id = $1 ORDER BY created_at DESC, id DESC", account_id.0)
        .fetch_all(connection)
        .await?)
}

/// Stores a new activation.
pub async fn insert_activation(connection: &mut Connection, activation: &Activation) -> Result<(), Error> {
    query!(
        "INSERT INTO activation (id, credential_id, client, sealed_key, hashes_digest, hash_count, used_count, expires_at, state,
        created_at, version, mac) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        activation.id.0,
        activation.credential_id.0,
        activation.client,
        activation.sealed_key,
        activation.hashes_digest,
        activation.hash_count,
        activation.used_count,
        activation.expires_at.0,
        activation.state.name(),
        activation.created_at.0,
        activation.version,
        activation.mac,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Stores a changed activation (used, closed) whose version was raised by one. What it is for never changes. `Stale` where somebody
/// else used it first, `Refused` where it would be used more often than it has hashes.
pub async fn update_activation(connection: &mut Connection, activation: &Activation) -> Result<(), Error> {
    let done = query!(
        "UPDATE activation SET sealed_key = $3, used_count = $4, state = $5, version = $6, mac = $7 WHERE id = $1 AND version = $2",
        activation.id.0,
        activation.version.saturating_sub(1),
        activation.sealed_key,
        activation.used_count,
        activation.state.name(),
        activation.version,
        activation.mac,
    )
    .execute(connection)
    .await?;
    moved(done.rows_affected())
}

/// The activation of that identifier.
pub async fn activation_by_id(connection: &mut Connection, id: ActivationId) -> Result<Option<Activation>, Error> {
    Ok(activations!("WHERE id = $1", id.0).fetch_optional(connection).await?)
}

/// Open activations that have expired by that time, oldest first: the worker closes them.
pub async fn expired_activations(
    connection: &mut Connection,
    at: Instant,
    limit: i64,
) -> Result<Vec<Activation>, Error> {
    Ok(activations!("WHERE state = 'open' AND expires_at <= $1 ORDER BY expires_at LIMIT $2", at.0, limit)
        .fetch_all(connection)
        .await?)
}

/// Open activations of an account's credentials, oldest first.
pub async fn open_activations_of_account(
    connection: &mut Connection,
    account_id: AccountId,
    now: Instant,
    limit: i64,
) -> Result<Vec<Activation>, Error> {
    Ok(activations!(
        "WHERE credential_id IN (SELECT c.id FROM credential c WHERE c.account_id = $1) AND state = 'open' AND expires_at > $2
        ORDER BY expires_at LIMIT $3",
        account_id.0,
        now.0,
        limit
    )
    .fetch_all(connection)
    .await?)
}

/// Keeps the hashes of an activation for the calls that use it.
pub async fn insert_activation_hashes(connection: &mut Connection, hashes: &ActivationHashes) -> Result<(), Error> {
    query!(
        "INSERT INTO activation_hashes (activation_id, hashes, taken, created_at) VALUES ($1, $2, $3, $4)",
        hashes.activation_id.0,
        hashes.hashes,
        hashes.taken,
        hashes.created_at.0,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Marks which signatures are taken. `Stale` where they are no longer as they were.
pub async fn take_activation_hashes(
    connection: &mut Connection,
    id: ActivationId,
    before: &[u8],
    after: &[u8],
) -> Result<(), Error> {
    let done =
        query!("UPDATE activation_hashes SET taken = $3 WHERE activation_id = $1 AND taken = $2", id.0, before, after)
            .execute(connection)
            .await?;
    moved(done.rows_affected())
}

/// The hashes of an activation, where they are kept.
pub async fn activation_hashes(
    connection: &mut Connection,
    id: ActivationId,
) -> Result<Option<ActivationHashes>, Error> {
    Ok(sqlx::query_as!(
        ActivationHashes,
        r#"SELECT activation_id AS "activation_id!: Stored<ActivationId>", hashes, taken,
        created_at AS "created_at!: Stored<Instant>" FROM activation_hashes WHERE activation_id = $1"#,
        id.0
    )
    .fetch_optional(connection)
    .await?)
}

/// Removes hashes kept before that time; returns of how many activations.
pub async fn remove_old_activation_hashes(connection: &mut Connection, before: Instant) -> Result<u64, Error> {
    Ok(query!("DELETE FROM activation_hashes WHERE created_at < $1", before.0)
        .execute(connection)
        .await?
        .rows_affected())
}

/// Appends a signature. `Conflict` where this activation has signed this digest before.
pub async fn insert_signature(connection: &mut Connection, signature: &Signature) -> Result<(), Error> {
    query!(
        "INSERT INTO signature (id, credential_id, activation_id, certificate_id, document_id, digest, created_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7)",
        signature.id.0,
        signature.credential_id.0,
        signature.activation_id.0,
        signature.certificate_id.0,
        signature.document_id.map(|id| id.0),
        signature.digest,
        signature.created_at.0,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The signatures on a document, oldest first.
pub async fn signatures_of_document(
    connection: &mut Connection,
    document_id: DocumentId,
) -> Result<Vec<Signature>, Error> {
    Ok(signatures!("WHERE document_id = $1 ORDER BY created_at, id", document_id.0).fetch_all(connection).await?)
}

/// The signatures made with a credential, newest first, before the cursor.
pub async fn list_signatures(
    connection: &mut Connection,
    credential_id: CredentialId,
    before: Cursor,
    limit: i64,
) -> Result<Vec<Signature>, Error> {
    Ok(signatures!(
        "WHERE credential_id = $1 AND (created_at, id) < ($2, $3) ORDER BY created_at DESC, id DESC LIMIT $4",
        credential_id.0,
        before.at.0,
        before.id,
        limit
    )
    .fetch_all(connection)
    .await?)
}

/// How many seals lie under each pepper: version, those whose keys can still be used, all others (closed, or the certificate is over).
pub async fn seals_by_pepper(connection: &mut Connection, now: Instant) -> Result<Vec<(i64, i64, i64)>, Error> {
    let rows = query!(
        r#"SELECT c.pepper_version AS "version!: i64",
        COUNT(CASE WHEN c.state <> 'closed' AND t.not_after >= $1 THEN 1 END) AS "used!: i64", COUNT(*) AS "all!: i64"
        FROM credential c LEFT JOIN certificate t ON t.id = c.certificate_id GROUP BY c.pepper_version ORDER BY c.pepper_version"#,
        now.0
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (row.version, row.used, row.all.saturating_sub(row.used))).collect())
}

/// Credentials under a pepper that are not closed, by identifier after one: what a pepper's destruction ends.
pub async fn credentials_under_pepper(
    connection: &mut Connection,
    pepper_version: i64,
    after: CredentialId,
    limit: i64,
) -> Result<Vec<Credential>, Error> {
    Ok(credentials!(
        "WHERE pepper_version = $1 AND state <> 'closed' AND id > $2 ORDER BY id LIMIT $3",
        pepper_version,
        after.0,
        limit
    )
    .fetch_all(connection)
    .await?)
}
