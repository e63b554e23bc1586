//! Whether a service may be opened over this database, and the beginning of a reconciliation: nothing is changed here but the mark and the
//! remembered head.

pub use crate::audit::standing::{Needed, needed, refusal};

use crate::{
    app::remembered_head,
    audit::head::{RememberedHead, SignedHead},
    config::Settings,
    error::{InternalError, RequestError, Result},
    store::Store,
};
use chuky_model::{id::RestorationId, instant::Instant, record::certificate::Restoration};
use uuid::Uuid;

/// The same for a data directory that may not be there yet.
pub async fn of(settings: &Settings) -> Result<Option<Needed>> {
    if !settings.data_dir.is_dir() {
        return Ok(None);
    }
    let store = Store::open(&settings.database_url).await?;
    let found = needed(&store, &remembered_head(settings)).await;
    store.close().await;
    found
}

/// Refuses to open what may not serve.
pub async fn check(store: &Store, remembered: &RememberedHead) -> Result<()> {
    match needed(store, remembered).await? {
        None => Ok(()),
        Some(needed) => Err(refusal(&needed).into()),
    }
}

/// Marks what is to be reconciled, where nothing marks it yet, and puts the remembered head aside, so that the log can be gone on with. The
/// mark and the head; `None` where nothing is to be reconciled.
pub async fn begin(settings: &Settings, now: Instant) -> Result<Option<(Restoration, Option<SignedHead>)>> {
    let store = Store::open(&settings.database_url).await?;
    let remembered = remembered_head(settings);
    let Some(needed) = needed(&store, &remembered).await? else { return Ok(None) };
    if let Needed::Shorter { .. } = needed {
        refuse_known(&store, &remembered).await?;
        let head = store.latest_audit_head().await?;
        let backup_at = head.map_or(Instant(0), |head| head.signed_at);
        let row = Restoration { id: RestorationId(Uuid::now_v7()), backup_at, restored_at: now, reconciled_at: None };
        let mut transaction = store.begin().await?;
        transaction.insert_restoration(&row).await?;
        transaction.commit().await?;
    }
    let row = store.latest_restoration().await?.ok_or_else(|| InternalError::other("the mark is gone"))?;
    store.close().await;
    let head = remembered.put_aside(row.restored_at)?;
    Ok(Some((row, head)))
}

/// A head from before a reconciliation that this database has been through is what another node remembers: nothing is to be reconciled again.
async fn refuse_known(store: &Store, remembered: &RememberedHead) -> Result<()> {
    let reconciled = store.latest_restoration().await?.and_then(|row| row.reconciled_at);
    let (Some(reconciled), Some(head)) = (reconciled, remembered.load()?) else { return Ok(()) };
    if head.at >= reconciled {
        return Ok(());
    }
    let (file, at) = (remembered.path().display(), reconciled.rfc3339());
    Err(RequestError::conflict(
        "reconciled_elsewhere",
        format!("Dữ liệu này đã được đối soát lúc {at}, còn nút này ghi nhớ nhật ký trước đó. Nếu đúng là lần đối soát của bạn, hãy chuyển tệp {file} đi chỗ khác."),
        format!("This data was reconciled at {at}, and this node remembers the log from before. Where that was your reconciliation, put the file {file} aside."),
    )
    .into())
}
