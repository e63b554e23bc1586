//! After the seal: the document is issued, whatever becomes of it. It is said to be issued (phát hành) where no package carries it, its
//! clerk names further recipients before it is sent, and it may be called back with a reason. Nothing here voids a number.

use super::{
    details::{Details, RecipientWanted, checked_recipients},
    draft::recipient,
    limits::{ADDED_BYTES, PACKAGED_BYTES, RECIPIENTS},
    road::{Act, Also, Road, clerk, moved_on, reason, recipients_digest},
    send::delivered,
    view::{self, OutgoingView},
};
use crate::{
    accounts::Principal,
    app::App,
    audit::Kind,
    error::{RequestError, Result},
    signing,
};
use chuky_model::{
    id::OutgoingId,
    record::{document::Document, state::OutgoingState},
};

/// Says that a sealed document is issued without a package: it has no recipient, or reaches them on paper.
pub async fn publish(app: &App, by: &Principal, id: OutgoingId) -> Result<OutgoingView> {
    let mut road = Road::load(app, by, id).await?;
    clerk(by)?;
    road.stands(OutgoingState::Sealed)?;
    let details = Details::of(app, &road.row)?;
    road.moves_to(OutgoingState::Published, &details, app.clock.now());
    let act = Act { by, kind: Kind::OutgoingPublished, note: None };
    road.store(app, OutgoingState::Sealed, act, Also::Nothing).await?;
    view::of_road(app, by, &road).await
}

/// Names further recipients of a sealed document that was not sent. Those that its drafter named stay as they are.
pub async fn add_recipients(
    app: &App,
    by: &Principal,
    id: OutgoingId,
    wanted: Vec<RecipientWanted>,
) -> Result<OutgoingView> {
    // 1. A sealed document of the clerk's own agency that a package can carry.
    let mut road = Road::load(app, by, id).await?;
    clerk(by)?;
    let before = road.row.state;
    if !matches!(before, OutgoingState::Sealed | OutgoingState::Published) {
        return Err(moved_on().into());
    }
    let wanted = checked_recipients(wanted)?;
    let mut all = road.recipients(app).await?;
    let is_known = |one: &RecipientWanted| all.iter().any(|known| known.organ_id == one.organ_id);
    if wanted.is_empty() || wanted.iter().any(is_known) || all.len().saturating_add(wanted.len()) > RECIPIENTS {
        let (vi, en) = (
            "Hãy nêu cơ quan nhận chưa có trong danh sách, tổng cộng tối đa 500.",
            "Name recipients that are not in the list yet, at most 500 altogether.",
        );
        return Err(RequestError::invalid("recipients", "recipients_invalid", vi, en).into());
    }
    fits_package(&signing::of_road(app, road.row.document_id).await?, 0)?;
    // 2. Behind those that are there, in one transaction with the row that covers them all.
    let first = all.last().map_or(0, |last| last.position).saturating_add(1);
    let added: Vec<_> = wanted.into_iter().zip(first..).map(|(one, position)| recipient(id, one, position)).collect();
    all.extend(added.iter().cloned());
    road.row.recipients_digest = Some(recipients_digest(&all));
    let act = Act { by, kind: Kind::OutgoingRecipientsAdded, note: None };
    road.store(app, before, act, Also::Recipients(&added)).await?;
    view::of_road(app, by, &road).await
}

/// Calls an issued document back, with a reason.
pub async fn recall(app: &App, by: &Principal, id: OutgoingId, why: &str) -> Result<OutgoingView> {
    let mut road = Road::load(app, by, id).await?;
    clerk(by)?;
    let why = reason(why)?;
    let before = road.row.state;
    if !before.may_become(OutgoingState::Recalled) {
        return Err(moved_on().into());
    }
    let details = Details::of(app, &road.row)?;
    road.moves_to(OutgoingState::Recalled, &details, app.clock.now());
    let act = Act { by, kind: Kind::OutgoingRecalled, note: Some(&why) };
    // The number stays the document's: it was issued, and its recall is on record beside it.
    road.store(app, before, act, Also::Nothing).await?;
    delivered(app, id).await;
    view::of_road(app, by, &road).await
}

/// Refuses a document that a package does not carry, with so many bytes still to come.
pub(super) fn fits_package(document: &Document, to_come: u64) -> Result<()> {
    let size = document.signed_size.unwrap_or(document.size);
    size_fits(u64::try_from(size).unwrap_or(u64::MAX), to_come)
}

/// Refuses a draft with recipients whose package would be too large once it is signed and sealed.
pub(super) fn draft_fits(size: u64) -> Result<()> {
    size_fits(size, ADDED_BYTES)
}

fn size_fits(size: u64, to_come: u64) -> Result<()> {
    if size.saturating_add(to_come) <= PACKAGED_BYTES {
        return Ok(());
    }
    let megabytes = (PACKAGED_BYTES - to_come.min(PACKAGED_BYTES)) >> 20;
    let vi = format!(
        "Văn bản lớn hơn {megabytes} MiB nên không gửi được qua trục liên thông. Hãy giảm dung lượng, hoặc không nêu nơi nhận và phát hành theo cách khác."
    );
    let en = format!(
        "The document is larger than {megabytes} MiB, too large for a package. Make it smaller, or name no recipient and issue it by other means."
    );
    Err(RequestError::conflict("package_too_large", vi, en).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_still_to_come_is_counted_before_the_number() {
        assert!(size_fits(PACKAGED_BYTES, 0).is_ok() && size_fits(PACKAGED_BYTES + 1, 0).is_err());
        let most = PACKAGED_BYTES - ADDED_BYTES;
        assert!(draft_fits(most).is_ok() && draft_fits(most + 1).is_err() && draft_fits(u64::MAX).is_err());
    }
}
