//! What figures are counted from, page by page in the order of identifiers. Nothing is summed here that a unit's history divides.

use crate::{Connection, Error, stored::Stored};
use chuky_model::{
    id::*,
    instant::Instant,
    record::{figure::*, state::*},
    request::Hierarchy,
};

/// Certificates that became valid before a moment, after an identifier. The states are named by those that do not count: asked for the
/// others, SQLite would take the index of states, and sort every certificate for each page.
pub async fn certificate_facts(
    connection: &mut Connection,
    before: Instant,
    after: CertificateId,
    limit: i64,
) -> Result<Vec<CertificateFact>, Error> {
    Ok(sqlx::query_as!(
        CertificateFact,
        r#"SELECT c.id AS "id!: Stored<CertificateId>", c.hierarchy AS "hierarchy!: Stored<Hierarchy>",
        c.state AS "state!: Stored<CertificateState>", c.not_before AS "not_before!: Stored<Instant>",
        c.not_after AS "not_after!: Stored<Instant>", c.revoked_at AS "revoked_at!: Stored<Option<Instant>>",
        c.updated_at AS "updated_at!: Stored<Instant>", c.request_id AS "request_id!: Stored<Option<RequestId>>",
        r.unit AS "unit?: String", r.created_at AS "requested_at!: Stored<Option<Instant>>"
        FROM certificate c LEFT JOIN registration_request r ON r.id = c.request_id
        WHERE c.state NOT IN ('intended', 'signing', 'void') AND c.not_before < $1 AND c.id > $2 ORDER BY c.id LIMIT $3"#,
        before.0,
        after.0,
        limit
    )
    .fetch_all(connection)
    .await?)
}

/// What requests ask for, sealed, after an identifier.
pub async fn sealed_details(
    connection: &mut Connection,
    after: RequestId,
    limit: i64,
) -> Result<Vec<SealedDetails>, Error> {
    Ok(sqlx::query_as!(
        SealedDetails,
        r#"SELECT id AS "id!: Stored<RequestId>", details FROM registration_request WHERE id > $1 ORDER BY id LIMIT $2"#,
        after.0,
        limit
    )
    .fetch_all(connection)
    .await?)
}

/// Requests for a first certificate of the citizens' hierarchy entered between two moments, after an identifier.
pub async fn first_request_facts(
    connection: &mut Connection,
    from: Instant,
    before: Instant,
    after: RequestId,
    limit: i64,
) -> Result<Vec<RequestFact>, Error> {
    Ok(sqlx::query_as!(
        RequestFact,
        r#"SELECT id AS "id!: Stored<RequestId>", unit, created_at AS "created_at!: Stored<Instant>" FROM registration_request
        WHERE hierarchy = 'citizens' AND follows_certificate IS NULL AND created_at >= $1 AND created_at < $2 AND id > $3
        ORDER BY id LIMIT $4"#,
        from.0,
        before.0,
        after.0,
        limit
    )
    .fetch_all(connection)
    .await?)
}

/// Entries of a kind recorded before a moment, by subject and time, after one of them.
pub async fn hold_facts(
    connection: &mut Connection,
    kind: &str,
    before: Instant,
    after: Option<&HoldFact>,
    limit: i64,
) -> Result<Vec<HoldFact>, Error> {
    let (subject, recorded_at, id) = match after {
        Some(after) => (after.subject.as_str(), after.recorded_at.0, after.id.0),
        None => ("", i64::MIN, uuid::Uuid::nil()),
    };
    Ok(sqlx::query_as!(
        HoldFact,
        r#"SELECT id AS "id!: Stored<AuditEntryId>", subject, recorded_at AS "recorded_at!: Stored<Instant>" FROM audit_entry
        WHERE kind = $1 AND recorded_at < $2 AND (subject, recorded_at, id) > ($3, $4, $5)
        ORDER BY subject, recorded_at, id LIMIT $6"#,
        kind,
        before.0,
        subject,
        recorded_at,
        id,
        limit
    )
    .fetch_all(connection)
    .await?)
}

/// Outgoing documents drafted from a moment on and before another, with how far they had come by then, after an identifier.
pub async fn outgoing_facts(
    connection: &mut Connection,
    from: Instant,
    before: Instant,
    after: OutgoingId,
    limit: i64,
) -> Result<Vec<OutgoingFact>, Error> {
    Ok(sqlx::query_as!(
        OutgoingFact,
        r#"SELECT d.id AS "id!: Stored<OutgoingId>", d.unit, d.created_at AS "created_at!: Stored<Instant>",
        (SELECT e.state FROM outgoing_event e WHERE e.outgoing_id = d.id AND e.happened_at < $2 ORDER BY e.position DESC LIMIT 1)
            AS "state!: Stored<Option<OutgoingState>>",
        (SELECT MIN(e.happened_at) FROM outgoing_event e WHERE e.outgoing_id = d.id AND e.state = 'numbering' AND e.happened_at < $2)
            AS "signed_at!: Stored<Option<Instant>>",
        (SELECT MIN(e.happened_at) FROM outgoing_event e WHERE e.outgoing_id = d.id AND e.state = 'sealing' AND e.happened_at < $2)
            AS "numbered_at!: Stored<Option<Instant>>",
        (SELECT MIN(e.happened_at) FROM outgoing_event e WHERE e.outgoing_id = d.id AND e.state = 'sent' AND e.happened_at < $2)
            AS "sent_at!: Stored<Option<Instant>>"
        FROM outgoing_document d WHERE d.created_at >= $1 AND d.created_at < $2 AND d.id > $3 ORDER BY d.id LIMIT $4"#,
        from.0,
        before.0,
        after.0,
        limit
    )
    .fetch_all(connection)
    .await?)
}

/// Numbers of the registers of outgoing documents given from a moment on and before another, by unit and hour.
pub async fn register_facts(
    connection: &mut Connection,
    from: Instant,
    before: Instant,
) -> Result<Vec<RegisterFact>, Error> {
    Ok(sqlx::query_as!(
        RegisterFact,
        r#"SELECT unit, given_at / 3600000000 AS "hour!: i64", state AS "state!: Stored<NumberState>", COUNT(*) AS "count!: i64"
        FROM outgoing_number WHERE given_at >= $1 AND given_at < $2 GROUP BY unit, given_at / 3600000000, state"#,
        from.0,
        before.0
    )
    .fetch_all(connection)
    .await?)
}
