//! Whether a database may be served from: one that came out of a backup, or whose log is shorter than the head remembered outside it, may not
//! before it was reconciled. Asked before a service is opened, and again while it runs. Reads only.

use super::head::RememberedHead;
use crate::{
    error::{RequestError, RequestErrorKind, Result},
    store::Store,
};
use chuky_model::instant::Instant;

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
        RequestErrorKind::Unavailable,
        "not_reconciled",
        format!("{vi}. Không cấp và không trả lời gì cho đến khi chạy `chuky reconcile`."),
        format!("{en}. Nothing is issued or answered until `chuky reconcile` was run."),
    )
}
