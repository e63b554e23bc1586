//! Whether this database may serve: one that came out of a backup, or whose audit log is shorter than the head remembered outside it, may not
//! before it was reconciled. Asked before the service is opened; nothing is changed here but the mark and the remembered head.

use crate::{
    app::remembered_head,
    audit::head::{RememberedHead, SignedHead},
    config::Settings,
    error::{InternalError, RequestError, Result},
    store::Store,
};
use chuky_model::{id::RestorationId, instant::Instant, record::certificate::Restoration};
use uuid::Uuid;

/// Why a database may not serve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Needed {
    /// It came out of a backup of that time.
    Restored { backup_at: Instant },
    /// Its log has fewer entries under a signed head than were remembered.
    Shorter { stored: u64, remembered: u64 },
}

/// Why this database may not serve; `None` where it may.
pub async fn needed(store: &Store, remembered: &RememberedHead) -> Result<Option<Needed>> {
    if let Some(row) = store.latest_restoration().await?.filter(|row| row.reconciled_at.is_none()) {
        return Ok(Some(Needed::Restored { backup_at: row.backup_at }));
    }
    // The remembered one first: it is never newer than the stored one of a database that nobody put back.
    let remembered = remembered.load()?.map_or(0, |head| head.size);
    let stored = store.latest_audit_head().await?.map_or(0, |head| u64::try_from(head.size).unwrap_or(0));
    Ok((stored < remembered).then_some(Needed::Shorter { stored, remembered }))
}

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

/// What whoever starts the service, or asks it, is told.
pub fn refusal(needed: &Needed) -> RequestError {
    let (vi, en) = match needed {
        Needed::Restored { backup_at } => (
            format!("Dữ liệu được khôi phục từ bản sao lưu lúc {} và chưa được đối soát", backup_at.vietnamese()),
            format!("The data came out of a backup of {} and has not been reconciled", backup_at.rfc3339()),
        ),
        Needed::Shorter { stored, remembered } => (
            format!(
                "Nhật ký kiểm toán có {stored} mục, ít hơn {remembered} mục đã ghi nhớ: dữ liệu cũ đã được đặt lại"
            ),
            format!(
                "The audit log has {stored} entries, fewer than the {remembered} remembered: older data was put back"
            ),
        ),
    };
    RequestError::new(
        crate::error::RequestErrorKind::Unavailable,
        "not_reconciled",
        format!("{vi}. Không cấp và không trả lời gì cho đến khi chạy `chuky reconcile`."),
        format!("{en}. Nothing is issued or answered until `chuky reconcile` was run."),
    )
}

/// Marks what is to be reconciled, where nothing marks it yet, and puts the remembered head aside, so that the log can be gone on with. The
/// mark and the head; `None` where nothing is to be reconciled.
pub async fn begin(settings: &Settings, now: Instant) -> Result<Option<(Restoration, Option<SignedHead>)>> {
    let store = Store::open(&settings.database_url).await?;
    let remembered = remembered_head(settings);
    let Some(needed) = needed(&store, &remembered).await? else { return Ok(None) };
    if let Needed::Shorter { .. } = needed {
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
