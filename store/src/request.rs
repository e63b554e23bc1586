//! Registration requests, decisions on them and the codes that redeem them.

use crate::{Connection, Error, error::moved, stored::Stored};
use chuky_model::{
    id::*,
    instant::Instant,
    record::{Cursor, request::*, state::Decision},
    request::{Hierarchy, RequestState},
};
use sqlx::query;

macro_rules! requests {
    ($tail:literal $(, $argument:expr)* $(,)?) => {
        sqlx::query_as!(
            RegistrationRequest,
            r#"SELECT id AS "id!: Stored<RequestId>", hierarchy AS "hierarchy!: Stored<Hierarchy>",
            state AS "state!: Stored<RequestState>", person_lookup, details, unit, entered_by AS "entered_by!: Stored<AccountId>",
            created_at AS "created_at!: Stored<Instant>", decided_by AS "decided_by!: Stored<Option<AccountId>>",
            decided_at AS "decided_at!: Stored<Option<Instant>>", rejection_reason,
            account_id AS "account_id!: Stored<Option<AccountId>>",
            certificate_id AS "certificate_id!: Stored<Option<CertificateId>>",
            follows_certificate AS "follows_certificate!: Stored<Option<CertificateId>>", updated_at AS "updated_at!: Stored<Instant>",
            version, mac FROM registration_request "# + $tail
            $(, $argument)*
        )
    };
}

macro_rules! activation_codes {
    ($tail:literal $(, $argument:expr)* $(,)?) => {
        sqlx::query_as!(
            ActivationCode,
            r#"SELECT request_id AS "request_id!: Stored<RequestId>", code_hash, tries, expires_at AS "expires_at!: Stored<Instant>",
            redeemed_at AS "redeemed_at!: Stored<Option<Instant>>", created_at AS "created_at!: Stored<Instant>", receipt_key,
            second_secret, messages, version, mac FROM activation_code "# + $tail
            $(, $argument)*
        )
    };
}

/// Stores a new request. `Conflict` where an open request has the same `open_key`.
pub async fn insert_request(
    connection: &mut Connection,
    request: &RegistrationRequest,
    open_key: &[u8],
) -> Result<(), Error> {
    query!(
        "INSERT INTO registration_request (id, hierarchy, state, person_lookup, details, unit, entered_by, created_at, decided_by,
        decided_at, rejection_reason, account_id, certificate_id, updated_at, version, mac, follows_certificate, open_key)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)",
        request.id.0,
        request.hierarchy.name(),
        request.state.name(),
        request.person_lookup,
        request.details,
        request.unit,
        request.entered_by.0,
        request.created_at.0,
        request.decided_by.map(|id| id.0),
        request.decided_at.map(|at| at.0),
        request.rejection_reason,
        request.account_id.map(|id| id.0),
        request.certificate_id.map(|id| id.0),
        request.updated_at.0,
        request.version,
        request.mac,
        request.follows_certificate.map(|id| id.0),
        open_key,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Stores a changed request whose version was raised by one. What was entered, by whom and when never changes. `Stale` where
/// somebody else changed it first, `Refused` where who decides also entered it. One that is no longer open gives its `open_key` up.
pub async fn update_request(connection: &mut Connection, request: &RegistrationRequest) -> Result<(), Error> {
    let done = query!(
        "UPDATE registration_request SET state = $3, decided_by = $4, decided_at = $5, rejection_reason = $6, account_id = $7,
        certificate_id = $8, updated_at = $9, version = $10, mac = $11,
        open_key = CASE WHEN $12 THEN open_key END WHERE id = $1 AND version = $2",
        request.id.0,
        request.version.saturating_sub(1),
        request.state.name(),
        request.decided_by.map(|id| id.0),
        request.decided_at.map(|at| at.0),
        request.rejection_reason,
        request.account_id.map(|id| id.0),
        request.certificate_id.map(|id| id.0),
        request.updated_at.0,
        request.version,
        request.mac,
        request.state.is_open(),
    )
    .execute(connection)
    .await?;
    moved(done.rows_affected())
}

/// Stores another content of a request whose version was raised by one: what an identity check says. `Stale` where somebody else changed it
/// first.
pub async fn update_request_content(connection: &mut Connection, request: &RegistrationRequest) -> Result<(), Error> {
    let done = query!(
        "UPDATE registration_request SET details = $3, updated_at = $4, version = $5, mac = $6 WHERE id = $1 AND version = $2",
        request.id.0,
        request.version.saturating_sub(1),
        request.details,
        request.updated_at.0,
        request.version,
        request.mac,
    )
    .execute(connection)
    .await?;
    moved(done.rows_affected())
}

/// Stores what the commitment to a request's person is salted with, encrypted. There is one of each request.
pub async fn insert_identity_salt(connection: &mut Connection, request: RequestId, salt: &[u8]) -> Result<(), Error> {
    query!("INSERT INTO identity_salt (request_id, salt) VALUES ($1, $2)", request.0, salt).execute(connection).await?;
    Ok(())
}

/// The same, as it was stored; `None` where it is gone, or never was.
pub async fn identity_salt(connection: &mut Connection, request: RequestId) -> Result<Option<Vec<u8>>, Error> {
    let row =
        query!("SELECT salt FROM identity_salt WHERE request_id = $1", request.0).fetch_optional(connection).await?;
    Ok(row.map(|row| row.salt))
}

/// Removes salts of requests that name nobody any more; how many. A node of an earlier version leaves them.
pub async fn remove_salts_of_nobody(connection: &mut Connection) -> Result<u64, Error> {
    let done = query!(
        "DELETE FROM identity_salt WHERE request_id IN (SELECT id FROM registration_request WHERE erased_at IS NOT NULL)"
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected())
}

/// Stores a request, whose version was raised by one, without its person and without the salt of the commitment to it. `Stale` where somebody else
/// changed it first.
pub async fn erase_request(
    connection: &mut Connection,
    request: &RegistrationRequest,
    erased_at: Instant,
) -> Result<(), Error> {
    let done = query!(
        "UPDATE registration_request SET details = $3, person_lookup = $4, rejection_reason = $5, state = $6, updated_at = $7,
        version = $8, mac = $9, erased_at = $10, open_key = NULL WHERE id = $1 AND version = $2",
        request.id.0,
        request.version.saturating_sub(1),
        request.details,
        request.person_lookup,
        request.rejection_reason,
        request.state.name(),
        request.updated_at.0,
        request.version,
        request.mac,
        erased_at.0,
    )
    .execute(&mut *connection)
    .await?;
    moved(done.rows_affected())?;
    query!("DELETE FROM identity_salt WHERE request_id = $1", request.id.0).execute(connection).await?;
    Ok(())
}

/// Requests that were rejected, ended or approved before that moment, and came to nothing since, with their persons in them.
pub async fn requests_to_erase(
    connection: &mut Connection,
    before: Instant,
    limit: i64,
) -> Result<Vec<RequestId>, Error> {
    let rows = query!(
        r#"SELECT id AS "id!: Stored<RequestId>" FROM registration_request
        WHERE state IN ('approved', 'rejected', 'expired') AND erased_at IS NULL AND updated_at < $1
        ORDER BY updated_at, id LIMIT $2"#,
        before.0,
        limit
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| row.id.into()).collect())
}

/// The request of that identifier.
pub async fn request_by_id(connection: &mut Connection, id: RequestId) -> Result<Option<RegistrationRequest>, Error> {
    Ok(requests!("WHERE id = $1", id.0).fetch_optional(connection).await?)
}

/// Requests in a state, oldest first, after the cursor: queues and the worker's clean-up.
pub async fn list_requests(
    connection: &mut Connection,
    state: RequestState,
    after: Cursor,
    limit: i64,
) -> Result<Vec<RegistrationRequest>, Error> {
    Ok(requests!(
        "WHERE state = $1 AND (created_at, id) > ($2, $3) ORDER BY created_at, id LIMIT $4",
        state.name(),
        after.at.0,
        after.id,
        limit
    )
    .fetch_all(connection)
    .await?)
}

/// Requests of a unit, newest first, before the cursor.
pub async fn list_requests_of_unit(
    connection: &mut Connection,
    unit: &str,
    before: Cursor,
    limit: i64,
) -> Result<Vec<RegistrationRequest>, Error> {
    Ok(requests!(
        "WHERE unit = $1 AND (created_at, id) < ($2, $3) ORDER BY created_at DESC, id DESC LIMIT $4",
        unit,
        before.at.0,
        before.id,
        limit
    )
    .fetch_all(connection)
    .await?)
}

/// Requests of a unit in a state, oldest first, after the cursor.
pub async fn list_requests_of_unit_in(
    connection: &mut Connection,
    unit: &str,
    state: RequestState,
    after: Cursor,
    limit: i64,
) -> Result<Vec<RegistrationRequest>, Error> {
    Ok(requests!(
        "WHERE unit = $1 AND state = $2 AND (created_at, id) > ($3, $4) ORDER BY created_at, id LIMIT $5",
        unit,
        state.name(),
        after.at.0,
        after.id,
        limit
    )
    .fetch_all(connection)
    .await?)
}

/// Every request, newest first, before the cursor.
pub async fn list_all_requests(
    connection: &mut Connection,
    before: Cursor,
    limit: i64,
) -> Result<Vec<RegistrationRequest>, Error> {
    Ok(requests!(
        "WHERE (created_at, id) < ($1, $2) ORDER BY created_at DESC, id DESC LIMIT $3",
        before.at.0,
        before.id,
        limit
    )
    .fetch_all(connection)
    .await?)
}

/// The requests of one person, newest first.
pub async fn requests_of_person(
    connection: &mut Connection,
    person_lookup: &[u8],
) -> Result<Vec<RegistrationRequest>, Error> {
    Ok(requests!("WHERE person_lookup = $1 ORDER BY created_at DESC, id DESC", person_lookup)
        .fetch_all(connection)
        .await?)
}

/// How many requests of a unit in a hierarchy were entered since that time.
pub async fn count_requests_entered(
    connection: &mut Connection,
    unit: &str,
    hierarchy: Hierarchy,
    since: Instant,
) -> Result<i64, Error> {
    let counted = query!(
        r#"SELECT COUNT(*) AS "count!: i64" FROM registration_request
        WHERE unit = $1 AND created_at >= $2 AND hierarchy = $3"#,
        unit,
        since.0,
        hierarchy.name()
    );
    Ok(counted.fetch_one(connection).await?.count)
}

/// How many requests of a unit in a hierarchy got their certificate since that time, whenever they were entered.
pub async fn count_requests_issued(
    connection: &mut Connection,
    unit: &str,
    hierarchy: Hierarchy,
    since: Instant,
) -> Result<i64, Error> {
    let counted = query!(
        r#"SELECT COUNT(*) AS "count!: i64" FROM registration_request
        WHERE unit = $1 AND hierarchy = $3 AND state = 'issued' AND updated_at >= $2
        AND certificate_id IN (SELECT id FROM certificate WHERE created_at >= $2)"#,
        unit,
        since.0,
        hierarchy.name()
    );
    Ok(counted.fetch_one(connection).await?.count)
}

/// Appends a decision. `Conflict` where this approver has decided on this request before.
pub async fn insert_approval(connection: &mut Connection, approval: &Approval) -> Result<(), Error> {
    query!(
        "INSERT INTO approval (request_id, approver_id, decision, content_digest, reason, decided_at, version, mac)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        approval.request_id.0,
        approval.approver_id.0,
        approval.decision.name(),
        approval.content_digest,
        approval.reason,
        approval.decided_at.0,
        approval.version,
        approval.mac,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The decisions on a request, oldest first.
pub async fn approvals_of_request(connection: &mut Connection, request_id: RequestId) -> Result<Vec<Approval>, Error> {
    Ok(sqlx::query_as!(
        Approval,
        r#"SELECT request_id AS "request_id!: Stored<RequestId>", approver_id AS "approver_id!: Stored<AccountId>",
        decision AS "decision!: Stored<Decision>", content_digest, reason, decided_at AS "decided_at!: Stored<Instant>", version, mac
        FROM approval WHERE request_id = $1 ORDER BY decided_at, approver_id"#,
        request_id.0
    )
    .fetch_all(connection)
    .await?)
}

/// Stores the code of an approved request. `Conflict` where the request has one, or the code is taken.
pub async fn insert_activation_code(connection: &mut Connection, code: &ActivationCode) -> Result<(), Error> {
    query!(
        "INSERT INTO activation_code (request_id, code_hash, tries, expires_at, redeemed_at, created_at, receipt_key, version, mac,
        second_secret, messages)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        code.request_id.0,
        code.code_hash,
        code.tries,
        code.expires_at.0,
        code.redeemed_at.map(|at| at.0),
        code.created_at.0,
        code.receipt_key,
        code.version,
        code.mac,
        code.second_secret,
        code.messages,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Stores a changed code (tried, redeemed, or made anew) whose version was raised by one.
pub async fn update_activation_code(connection: &mut Connection, code: &ActivationCode) -> Result<(), Error> {
    let done = query!(
        "UPDATE activation_code SET code_hash = $3, tries = $4, expires_at = $5, redeemed_at = $6, receipt_key = $7,
        version = $8, mac = $9, second_secret = $10, messages = $11 WHERE request_id = $1 AND version = $2",
        code.request_id.0,
        code.version.saturating_sub(1),
        code.code_hash,
        code.tries,
        code.expires_at.0,
        code.redeemed_at.map(|at| at.0),
        code.receipt_key,
        code.version,
        code.mac,
        code.second_secret,
        code.messages,
    )
    .execute(connection)
    .await?;
    moved(done.rows_affected())
}

/// The code whose keyed hash is given.
pub async fn activation_code_by_hash(
    connection: &mut Connection,
    code_hash: &[u8],
) -> Result<Option<ActivationCode>, Error> {
    Ok(activation_codes!("WHERE code_hash = $1", code_hash).fetch_optional(connection).await?)
}

/// The code of a request.
pub async fn activation_code_of_request(
    connection: &mut Connection,
    request_id: RequestId,
) -> Result<Option<ActivationCode>, Error> {
    Ok(activation_codes!("WHERE request_id = $1", request_id.0).fetch_optional(connection).await?)
}
