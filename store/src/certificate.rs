//! Certificates from their reserved serial on, and the authority's own keys.

use crate::{
    Connection, Error,
    dialect::{Dialect, Statements},
    error::moved,
    stored::Stored,
};
use chuky_model::{
    id::*,
    instant::Instant,
    record::{
        Cursor,
        certificate::*,
        state::{AuthorityState, CertificateState, KeyPurpose},
    },
    request::Hierarchy,
    serial::Serial,
};
use sqlx::query;

macro_rules! certificates {
    ($tail:literal $(, $argument:expr)* $(,)?) => {
        sqlx::query_as!(
            Certificate,
            r#"SELECT id AS "id!: Stored<CertificateId>", request_id AS "request_id!: Stored<Option<RequestId>>",
            account_id AS "account_id!: Stored<Option<AccountId>>", hierarchy AS "hierarchy!: Stored<Hierarchy>", issuer_label,
            serial AS "serial!: Stored<Serial>", state AS "state!: Stored<CertificateState>", intent, certificate, fingerprint,
            spki_hash, not_before AS "not_before!: Stored<Instant>", not_after AS "not_after!: Stored<Instant>",
            revoked_at AS "revoked_at!: Stored<Option<Instant>>", revocation_reason,
            invalid_since AS "invalid_since!: Stored<Option<Instant>>", created_at AS "created_at!: Stored<Instant>",
            updated_at AS "updated_at!: Stored<Instant>", version, mac FROM certificate "# + $tail
            $(, $argument)*
        )
    };
}

macro_rules! authority_keys {
    ($tail:literal $(, $argument:expr)* $(,)?) => {
        sqlx::query_as!(
            AuthorityKey,
            r#"SELECT label, hierarchy AS "hierarchy!: Stored<Option<Hierarchy>>", purpose AS "purpose!: Stored<KeyPurpose>",
            issuer_label, spki, certificate, created_at AS "created_at!: Stored<Instant>",
            retired_at AS "retired_at!: Stored<Option<Instant>>", token,
            state AS "state!: Stored<Option<AuthorityState>>", version, mac FROM authority_key "# + $tail
            $(, $argument)*
        )
    };
}

/// Reserves a serial and stores the intent. `Conflict` where the issuer has used the serial, or the public key was seen before.
pub async fn insert_certificate(connection: &mut Connection, certificate: &Certificate) -> Result<(), Error> {
    query!(
        "INSERT INTO certificate (id, request_id, account_id, hierarchy, issuer_label, serial, state, intent, certificate,
        fingerprint, spki_hash, not_before, not_after, revoked_at, revocation_reason, created_at, updated_at, version, mac,
        invalid_since)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)",
        certificate.id.0,
        certificate.request_id.map(|id| id.0),
        certificate.account_id.map(|id| id.0),
        certificate.hierarchy.name(),
        certificate.issuer_label,
        certificate.serial.as_octets(),
        certificate.state.name(),
        certificate.intent,
        certificate.certificate,
        certificate.fingerprint,
        certificate.spki_hash,
        certificate.not_before.0,
        certificate.not_after.0,
        certificate.revoked_at.map(|at| at.0),
        certificate.revocation_reason,
        certificate.created_at.0,
        certificate.updated_at.0,
        certificate.version,
        certificate.mac,
        certificate.invalid_since.map(|at| at.0),
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Waits until no other transaction holds that number, one of those that stand for an issuer, and holds it until this one ends. Whoever lets it
/// sign holds one of them, whoever ends it all.
pub async fn hold_issuer(connection: &mut Connection, number: i64) -> Result<(), Error> {
    Statements::hold(connection, number).await
}

/// Stores a changed certificate whose version was raised by one. Issuer, serial and validity never change. `Stale` where somebody
/// else changed it first, `Conflict` where the public key was seen before.
pub async fn update_certificate(connection: &mut Connection, certificate: &Certificate) -> Result<(), Error> {
    let done = query!(
        "UPDATE certificate SET state = $3, intent = $4, certificate = $5, fingerprint = $6, spki_hash = $7, revoked_at = $8,
        revocation_reason = $9, updated_at = $10, version = $11, mac = $12, account_id = $13, invalid_since = $14 WHERE id = $1 AND version = $2",
        certificate.id.0,
        certificate.version.saturating_sub(1),
        certificate.state.name(),
        certificate.intent,
        certificate.certificate,
        certificate.fingerprint,
        certificate.spki_hash,
        certificate.revoked_at.map(|at| at.0),
        certificate.revocation_reason,
        certificate.updated_at.0,
        certificate.version,
        certificate.mac,
        certificate.account_id.map(|id| id.0),
        certificate.invalid_since.map(|at| at.0),
    )
    .execute(connection)
    .await?;
    moved(done.rows_affected())
}

/// The certificate of that identifier.
pub async fn certificate_by_id(connection: &mut Connection, id: CertificateId) -> Result<Option<Certificate>, Error> {
    Ok(certificates!("WHERE id = $1", id.0).fetch_optional(connection).await?)
}

/// The certificate of that issuer and serial.
pub async fn certificate_by_serial(
    connection: &mut Connection,
    issuer_label: &str,
    serial: &Serial,
) -> Result<Option<Certificate>, Error> {
    Ok(certificates!("WHERE issuer_label = $1 AND serial = $2", issuer_label, serial.as_octets())
        .fetch_optional(connection)
        .await?)
}

/// The certificates of that serial, whoever issued them: serials are random, so there is hardly ever more than one.
pub async fn certificates_by_serial(connection: &mut Connection, serial: &Serial) -> Result<Vec<Certificate>, Error> {
    Ok(certificates!("WHERE serial = $1 ORDER BY created_at, id", serial.as_octets()).fetch_all(connection).await?)
}

/// The certificate whose DER has that SHA-256.
pub async fn certificate_by_fingerprint(
    connection: &mut Connection,
    fingerprint: &[u8],
) -> Result<Option<Certificate>, Error> {
    Ok(certificates!("WHERE fingerprint = $1", fingerprint).fetch_optional(connection).await?)
}

/// The certificate of that public key (SHA-256 of its SubjectPublicKeyInfo).
pub async fn certificate_by_spki(connection: &mut Connection, spki_hash: &[u8]) -> Result<Option<Certificate>, Error> {
    Ok(certificates!("WHERE spki_hash = $1", spki_hash).fetch_optional(connection).await?)
}

/// The certificates made for a request, oldest first: void ones too.
pub async fn certificates_of_request(
    connection: &mut Connection,
    request_id: RequestId,
) -> Result<Vec<Certificate>, Error> {
    Ok(certificates!("WHERE request_id = $1 ORDER BY created_at, id", request_id.0).fetch_all(connection).await?)
}

/// A subscriber's certificates, newest first.
pub async fn certificates_of_account(
    connection: &mut Connection,
    account_id: AccountId,
) -> Result<Vec<Certificate>, Error> {
    Ok(certificates!("WHERE account_id = $1 ORDER BY created_at DESC, id DESC", account_id.0)
        .fetch_all(connection)
        .await?)
}

/// Certificates of a unit's subscribers that are good or suspended, by the time they were made, after the cursor.
pub async fn certificates_of_unit(
    connection: &mut Connection,
    hierarchy: Hierarchy,
    unit: &str,
    after: Cursor,
    limit: i64,
) -> Result<Vec<Certificate>, Error> {
    Ok(certificates!(
        "WHERE state IN ('issued', 'suspended') AND hierarchy = $1 AND (created_at, id) > ($3, $4)
        AND request_id IN (SELECT id FROM registration_request WHERE unit = $2) ORDER BY created_at, id LIMIT $5",
        hierarchy.name(),
        unit,
        after.at.0,
        after.id,
        limit
    )
    .fetch_all(connection)
    .await?)
}

/// Certificates in a state after the cursor, by the time they came into it: what a crash left half done, and lists.
pub async fn list_certificates(
    connection: &mut Connection,
    state: CertificateState,
    after: Cursor,
    limit: i64,
) -> Result<Vec<Certificate>, Error> {
    Ok(certificates!(
        "WHERE state = $1 AND (updated_at, id) > ($2, $3) ORDER BY updated_at, id LIMIT $4",
        state.name(),
        after.at.0,
        after.id,
        limit
    )
    .fetch_all(connection)
    .await?)
}

/// Every certificate of an issuer that is revoked, suspended or void, by serial, after the given one (`None`: from the first). One
/// that has expired stays.
pub async fn revoked_certificates(
    connection: &mut Connection,
    issuer_label: &str,
    after: Option<&Serial>,
    limit: i64,
) -> Result<Vec<RevokedCertificate>, Error> {
    Ok(sqlx::query_as!(
        RevokedCertificate,
        r#"SELECT serial AS "serial!: Stored<Serial>", state AS "state!: Stored<CertificateState>",
        revoked_at AS "revoked_at!: Stored<Instant>", revocation_reason AS "revocation_reason!: i64", version,
        invalid_since AS "invalid_since!: Stored<Option<Instant>>" FROM certificate
        WHERE issuer_label = $1 AND serial > $2 AND revoked_at IS NOT NULL ORDER BY serial LIMIT $3"#,
        issuer_label,
        after.map_or(&[][..], Serial::as_octets),
        limit
    )
    .fetch_all(connection)
    .await?)
}

/// Stores a key of the authority. `Conflict` where the label or the public key is known.
pub async fn insert_authority_key(connection: &mut Connection, key: &AuthorityKey) -> Result<(), Error> {
    query!(
        "INSERT INTO authority_key (label, hierarchy, purpose, issuer_label, spki, certificate, created_at, retired_at, version, mac,
        token, state)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        key.label,
        key.hierarchy.map(Hierarchy::name),
        key.purpose.name(),
        key.issuer_label,
        key.spki,
        key.certificate,
        key.created_at.0,
        key.retired_at.map(|at| at.0),
        key.version,
        key.mac,
        key.token,
        key.state.map(AuthorityState::name),
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Stores a changed key of the authority (its certificate, its retirement, its state) whose version was raised by one.
pub async fn update_authority_key(connection: &mut Connection, key: &AuthorityKey) -> Result<(), Error> {
    let done = query!(
        "UPDATE authority_key SET certificate = $3, retired_at = $4, version = $5, mac = $6, state = $7
        WHERE label = $1 AND version = $2",
        key.label,
        key.version.saturating_sub(1),
        key.certificate,
        key.retired_at.map(|at| at.0),
        key.version,
        key.mac,
        key.state.map(AuthorityState::name),
    )
    .execute(connection)
    .await?;
    moved(done.rows_affected())
}

/// Every key of the authority, retired ones too, oldest first.
pub async fn authority_keys(connection: &mut Connection) -> Result<Vec<AuthorityKey>, Error> {
    Ok(authority_keys!("ORDER BY created_at, label").fetch_all(connection).await?)
}

/// The authority's key of that label.
pub async fn authority_key_by_label(connection: &mut Connection, label: &str) -> Result<Option<AuthorityKey>, Error> {
    Ok(authority_keys!("WHERE label = $1", label).fetch_optional(connection).await?)
}
