//! Pictures of handwriting and seals, one a credential.

use crate::{Connection, Error, error::moved, stored::Stored};
use chuky_model::{id::CredentialId, instant::Instant, record::credential::SignaturePicture};
use sqlx::query;

/// Stores a credential's first picture.
pub async fn insert_signature_picture(connection: &mut Connection, row: &SignaturePicture) -> Result<(), Error> {
    query!(
        "INSERT INTO signature_picture (credential_id, picture, changed_at, version, mac) VALUES ($1, $2, $3, $4, $5)",
        row.credential_id.0,
        row.picture,
        row.changed_at.0,
        row.version,
        row.mac,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Stores another picture, or none. `Stale` where somebody else was first.
pub async fn update_signature_picture(connection: &mut Connection, row: &SignaturePicture) -> Result<(), Error> {
    let done = query!(
        "UPDATE signature_picture SET picture = $3, changed_at = $4, version = $5, mac = $6 WHERE credential_id = $1 AND version = $2",
        row.credential_id.0,
        row.version.saturating_sub(1),
        row.picture,
        row.changed_at.0,
        row.version,
        row.mac,
    )
    .execute(connection)
    .await?;
    moved(done.rows_affected())
}

/// The picture of a credential.
pub async fn signature_picture(
    connection: &mut Connection,
    credential_id: CredentialId,
) -> Result<Option<SignaturePicture>, Error> {
    Ok(sqlx::query_as!(
        SignaturePicture,
        r#"SELECT credential_id AS "credential_id!: Stored<CredentialId>", picture, changed_at AS "changed_at!: Stored<Instant>", version, mac FROM signature_picture WHERE credential_id = $1"#,
        credential_id.0
    )
    .fetch_optional(connection)
    .await?)
}
