//! Issued documents are kept for decades: each gets an archive timestamp once it is sealed, and the next ones before the newest ends to
//! count. The road's row says which bytes are the document's, so both change in one transaction. Sealing waits for no timestamp: what
//! cannot be had today is tried again.

use super::{
    limits::{ARCHIVE_PATIENCE, ARCHIVED_AT_ONCE, LOOKED_AT},
    road::{Road, moved_on},
};
use crate::{
    app::App,
    current,
    error::{Error, Result},
    signing::{self, DueArchive},
};
use chuky_model::{id::OutgoingId, record::outgoing::OutgoingDocument};
use uuid::Uuid;

/// Gives archive timestamps to sealed documents that wait for one; how many got one. The worker loop calls it.
pub async fn archive_due(app: &App) -> Result<usize> {
    let mut archived = 0;
    for _ in 0..ARCHIVED_AT_ONCE {
        let Some(due) = signing::due_on_roads(app).await? else { break };
        let row = current::row_by_log(app, || app.store.outgoing_of_document(due.document())).await;
        let outcome = match row {
            Ok(Some(row)) if row.state.is_sealed() => archive(app, &row, Some(&due)).await,
            // There is nothing to keep.
            Ok(_) => due.done(app).await.map(|()| false),
            Err(error) => Err(error),
        };
        match outcome {
            Ok(true) => archived += 1,
            Ok(false) => {}
            // It moved on in this moment: the claim ends by itself.
            Err(Error::Request(refused)) if refused.code == moved_on().code => {}
            Err(error) => {
                tracing::error!(event = "archive_not_made", document = %due.document(), %error);
                due.tomorrow(app, &error.to_string()).await?;
            }
        }
    }
    Ok(archived)
}

/// Looks through some sealed documents after that one for those that nothing archives, because they are from before or SQL took the row
/// away, and has them wait. Where to go on, `None` after the last.
pub async fn find_unarchived(app: &App, after: Option<OutgoingId>) -> Result<Option<OutgoingId>> {
    let after = after.unwrap_or(OutgoingId(Uuid::nil()));
    let rows = app.store.sealed_without_job(signing::ROAD_ARCHIVE, after, LOOKED_AT).await?;
    for row in &rows {
        let mut transaction = app.store.begin().await?;
        transaction.put_job(&signing::archive_wanted(app, row.document_id)?).await?;
        transaction.commit().await?;
    }
    Ok(rows.last().filter(|_| rows.len() as i64 == LOOKED_AT).map(|last| last.id))
}

/// Before a package is made: its document gets the archive timestamp that it waits for, where that is to be had in a moment.
pub(super) async fn at_once(app: &App, road: &Road) {
    let made = async {
        match signing::is_archived(app, road.row.document_id).await? {
            true => Ok(true),
            false => archive(app, &road.row, None).await,
        }
    };
    match tokio::time::timeout(ARCHIVE_PATIENCE, made).await {
        Ok(Ok(_)) => {}
        Ok(Err(error)) => tracing::warn!(event = "sent_without_archive", document = %road.row.id, %error),
        Err(_) => tracing::warn!(event = "sent_without_archive", document = %road.row.id, error = "it took too long"),
    }
}

async fn archive(app: &App, row: &OutgoingDocument, due: Option<&DueArchive>) -> Result<bool> {
    let mut road = Road::of(app, row.id).await?;
    let document = signing::of_road(app, road.row.document_id).await?;
    if document.signed_sha256.as_ref() != Some(&road.row.content_sha256) {
        return Err(moved_on().into());
    }
    let Some(made) = signing::archived(app, &document, due).await? else { return Ok(false) };
    road.store_archived(app, made).await?;
    Ok(true)
}
