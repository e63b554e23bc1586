//! Sending: the sealed document becomes an edXML package for its recipients, and is laid where they fetch it,
//! and so is its recall. Delivery runs from rows and can be repeated: a package that lies there already is written again as
//! it was, and what cannot be laid is tried again later and keeps nothing else back.

use super::{
    archive,
    details::{Details, Urgency, is_agency_code},
    edxml::{Business, Package},
    issue::fits_package,
    limits::{DELIVERED_AT_ONCE, TRY_AGAIN_AT_MOST_SECONDS, TRY_AGAIN_SECONDS},
    road::{Act, Also, Road, clerk, forged, moved_on, note_of},
    seal::agency_of,
    view::{self, OutgoingView},
};
use crate::{
    accounts::{self, Principal},
    app::App,
    audit::{self, Actor, Entry, Kind},
    error::{InternalError, RequestError, Result},
    fault,
    signing::{self, Clear, Content, Place, files},
    store,
};
use chuky_model::{
    id::OutgoingId,
    instant::Instant,
    record::{
        outgoing::{OutgoingEvent, OutgoingRecipient, number_and_notation},
        state::{OutgoingState, StepKind},
    },
};
use std::{
    fs::{self, DirBuilder, File, Permissions},
    io,
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::{Path, PathBuf},
};
use tempfile::NamedTempFile;

/// Sends a sealed document to its recipients.
pub async fn send(app: &App, by: &Principal, id: OutgoingId) -> Result<OutgoingView> {
    let road = Road::load(app, by, id).await?;
    clerk(by)?;
    may_be_sent(&road)?;
    if road.recipients(app).await?.is_empty() {
        let (vi, en) = (
            "Văn bản này không có nơi nhận. Hãy thêm nơi nhận, hoặc phát hành mà không gửi.",
            "This document has no recipient. Add recipients, or issue it without sending.",
        );
        return Err(RequestError::conflict("no_recipient", vi, en).into());
    }
    fits_package(&signing::of_road(app, road.row.document_id).await?, 0)?;
    // What its recipients keep for decades has its archive timestamp, where one is to be had now.
    archive::at_once(app, &road).await;
    let mut road = Road::load(app, by, id).await?;
    let before = may_be_sent(&road)?;
    let details = Details::of(app, &road.row)?;
    road.moves_to(OutgoingState::Sent, &details, app.clock.now());
    road.store(app, before, Act { by, kind: Kind::OutgoingSent, note: None }, Also::Nothing).await?;
    delivered(app, id).await;
    view::of_road(app, by, &road).await
}

fn may_be_sent(road: &Road) -> Result<OutgoingState> {
    match road.row.state {
        state @ (OutgoingState::Sealed | OutgoingState::Published) => Ok(state),
        _ => Err(moved_on().into()),
    }
}

/// The package as its recipients get it: of a sent document, or of its recall.
pub async fn package(app: &App, by: &Principal, id: OutgoingId) -> Result<Content> {
    let road = Road::load(app, by, id).await?;
    clerk(by)?;
    if !matches!(road.row.state, OutgoingState::Sent | OutgoingState::Recalled) {
        return Err(moved_on().into());
    }
    if !was_sent(&road.history(app).await?) {
        return Err(moved_on().into());
    }
    let recipients = road.recipients(app).await?;
    let file = packaged(app, &road, &recipients, app.places.enter(by.account)?).await?;
    let size = file.metadata().map_err(InternalError::io("an edXML package"))?.len();
    Ok(Content { file, name: file_name(&road), size, media_type: "application/xml".to_owned() })
}

/// Lays every package that waits where its recipient fetches it. The worker loop calls it.
pub async fn deliver_due(app: &App) -> Result<()> {
    if app.settings.documents.delivery_dir.is_none() {
        return Ok(());
    }
    for row in app.store.outgoing_undelivered(app.clock.now(), DELIVERED_AT_ONCE).await? {
        delivered(app, row.id).await;
    }
    Ok(())
}

/// Delivers a document, and leaves to a later round what fails now.
pub(super) async fn delivered(app: &App, id: OutgoingId) {
    let Err(error) = deliver(app, id).await else { return };
    tracing::error!(event = "package_not_delivered", document = %id, %error);
    if let Err(error) = all_deferred(app, id).await {
        tracing::error!(event = "package_not_deferred", document = %id, %error);
    }
}

async fn deliver(app: &App, id: OutgoingId) -> Result<()> {
    let Some(folder) = app.settings.documents.delivery_dir.clone() else { return Ok(()) };
    let road = Road::of(app, id).await?;
    let recipients = road.recipients(app).await?;
    let now = app.clock.now();
    let waits = |one: &&OutgoingRecipient| {
        let delivered = match road.row.state {
            OutgoingState::Sent => one.delivered_at,
            OutgoingState::Recalled => one.recall_delivered_at,
            _ => return false,
        };
        delivered.is_none() && one.try_after <= now
    };
    let waiting: Vec<&OutgoingRecipient> = recipients.iter().filter(waits).collect();
    // Nobody is told of the recall of what nobody was sent.
    if waiting.is_empty() || !was_sent(&road.history(app).await?) {
        return Ok(());
    }
    let package = packaged(app, &road, &recipients, app.places.of_service()).await?;
    for recipient in waiting {
        match laid(app, &road, &folder, recipient, &package).await {
            Ok(true) => {}
            // Called back meanwhile: the next round lays what is to be laid then.
            Ok(false) => return Ok(()),
            Err(error) => {
                tracing::error!(event = "package_not_laid", document = %id, recipient = recipient.position, %error);
                deferred(app, id, recipient).await?;
            }
        }
    }
    Ok(())
}

/// Whether it went out in packages.
pub(super) fn was_sent(events: &[OutgoingEvent]) -> bool {
    events.iter().any(|event| event.state == OutgoingState::Sent)
}

/// Lays one recipient's package and says so; `false` where the document has moved on.
async fn laid(app: &App, road: &Road, folder: &Path, recipient: &OutgoingRecipient, package: &File) -> Result<bool> {
    // 1. Whole, beside its name.
    if !is_agency_code(&recipient.organ_id) {
        return Err(forged("outgoing_recipient"));
    }
    let into = folder.join(&recipient.organ_id);
    let path = into.join(file_name(road));
    let package = package.try_clone().map_err(InternalError::io("an edXML package"))?;
    let beside = on_disk(move || written_beside(package, &into)).await?;
    fault::point("outgoing.package_written");
    // 2. Under its name while the road stands still: whoever calls the document back waits, and lays that package after this one.
    let now = app.clock.now();
    let mut transaction = app.store.begin().await?;
    match transaction.hold_outgoing(&road.row).await {
        Err(store::Error::Stale) => return Ok(false),
        other => other?,
    }
    let recall = road.row.state == OutgoingState::Recalled;
    let (id, position) = (road.row.id, recipient.position);
    let first = match recall {
        true => transaction.deliver_outgoing_recall(id, position, now).await?,
        false => transaction.deliver_outgoing(id, position, now).await?,
    };
    // Another node laid the same package in this moment.
    if !first {
        return Ok(true);
    }
    on_disk(move || named(beside, path)).await?;
    fault::point("outgoing.package_laid");
    let entry = Entry::new(now, Kind::OutgoingDelivered, Actor::Service, format!("outgoing_document:{id}"));
    let content = serde_json::json!({ "recipient": recipient.organ_id, "recall": recall });
    audit::record(&mut transaction, entry.with(content)).await?;
    transaction.commit().await?;
    Ok(true)
}

/// Tried again later, each time twice as much later.
async fn deferred(app: &App, id: OutgoingId, recipient: &OutgoingRecipient) -> Result<()> {
    let doubled = TRY_AGAIN_SECONDS << recipient.tries.clamp(0, 16);
    let try_after = app.clock.now().plus_seconds(doubled.min(TRY_AGAIN_AT_MOST_SECONDS));
    let mut transaction = app.store.begin().await?;
    transaction.defer_outgoing(id, recipient.position, try_after).await?;
    Ok(transaction.commit().await?)
}

/// The same of each of a document's that could not be looked at. Whether the rows are genuine does not matter for when they are looked
/// at again.
async fn all_deferred(app: &App, id: OutgoingId) -> Result<()> {
    for recipient in app.store.outgoing_recipients(id).await? {
        deferred(app, id, &recipient).await?;
    }
    Ok(())
}

async fn on_disk<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> Result<T> {
    let done = tokio::task::spawn_blocking(work).await.map_err(|error| InternalError::other(error.to_string()))?;
    Ok(done.map_err(InternalError::io("the folder of outgoing packages"))?)
}

/// Writes a file that has no name yet that means anything. Whoever may enter its folder may read it, whatever the umask is: the adapter
/// runs under a user of its own.
fn written_beside(mut package: File, into: &Path) -> io::Result<NamedTempFile> {
    use std::io::Seek;
    if !into.is_dir() {
        into.parent().map_or(Ok(()), fs::create_dir_all)?;
        match DirBuilder::new().mode(FOLDER_MODE).create(into) {
            Ok(()) => fs::set_permissions(into, Permissions::from_mode(FOLDER_MODE))?,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    let mut beside = NamedTempFile::new_in(into)?;
    package.rewind()?;
    io::copy(&mut package, &mut beside)?;
    beside.as_file().set_permissions(Permissions::from_mode(FILE_MODE))?;
    beside.as_file().sync_all()?;
    Ok(beside)
}

fn named(beside: NamedTempFile, path: PathBuf) -> io::Result<()> {
    let into = path.parent().map(Path::to_owned).unwrap_or_default();
    beside.persist(path).map_err(|error| error.error)?;
    File::open(into)?.sync_all()
}

fn file_name(road: &Road) -> String {
    let kind = if road.row.state == OutgoingState::Recalled { "recall.edxml" } else { "edxml" };
    format!("{}.{kind}", road.row.id)
}

async fn packaged(app: &App, road: &Road, recipients: &[OutgoingRecipient], place: Place) -> Result<Clear> {
    let row = &road.row;
    let details = Details::of(app, row)?;
    let events = road.history(app).await?;
    let last = |kind: Kind| events.iter().rev().find(|event| event.kind == kind.name());
    let sent = last(Kind::OutgoingSent).ok_or_else(unfinished)?;
    let recalled = match row.state {
        OutgoingState::Recalled => Some(last(Kind::OutgoingRecalled).ok_or_else(unfinished)?),
        _ => None,
    };
    let why = recalled.map(|event| note_of(app, event)).transpose()?.flatten().unwrap_or_default();
    let (Some(number), Some(issued)) = (row.number, row.issued_at) else { return Err(unfinished().into()) };
    let agency = agency_of(app, row)?.ok_or_else(unfinished)?;
    let signer = road.steps.iter().rev().find(|step| step.kind == StepKind::Sign).ok_or_else(unfinished)?;
    let signer = accounts::name_of(app, signer.acted_by.unwrap_or(signer.account_id)).await?;
    let code = number_and_notation(number, &row.type_code, &row.notation);
    let (number, notation) = code.split_once('/').unwrap_or((&code, ""));
    let document = signing::of_road(app, row.document_id).await?;
    let content = match recalled {
        Some(_) => None,
        None => Some(signing::routed_content(app, &document, place.clone()).await?),
    };
    let content_id = row.document_id.to_string();
    let traced = recalled.unwrap_or(sent);
    let package = Package {
        business: if recalled.is_some() { Business::Recall(&why) } else { Business::New },
        from: (&row.unit, &agency),
        to: recipients.iter().map(|one| (one.organ_id.as_str(), one.name.as_str())).collect(),
        code: (number, notation),
        place: &details.place,
        issued_on: day(issued),
        type_name: &details.type_name,
        subject: &details.subject,
        signer: &signer,
        priority: match details.urgency {
            Urgency::Normal => 0,
            Urgency::Khan => 1,
            Urgency::ThuongKhan => 2,
            Urgency::HoaToc => 3,
        },
        traced_at: moment(traced),
        content_id: &content_id,
        file_name: content.as_ref().map(|content| content.name.as_str()).unwrap_or_default(),
    };
    let file = content.as_ref().map(|content| content.file.try_clone()).transpose();
    let file = file.map_err(InternalError::io("a document to be sent"))?;
    Ok(Clear::new(package.write(file, files::unnamed(&app.settings)?)?, place))
}

/// `2026/11/22`, by Vietnam's clock.
fn day(at: Instant) -> String {
    let Some(at) = at.in_vietnam() else { return String::new() };
    format!("{:04}/{:02}/{:02}", at.year(), u8::from(at.month()), at.day())
}

/// `2026/11/22 10:05:09`.
fn moment(event: &OutgoingEvent) -> String {
    let Some(at) = event.happened_at.in_vietnam() else { return String::new() };
    format!("{} {:02}:{:02}:{:02}", day(event.happened_at), at.hour(), at.minute(), at.second())
}

fn unfinished() -> InternalError {
    InternalError::other("a document that was sent without number, signer or agency")
}

/// Of a recipient's folder: its group is the delivery folder's where that one is set-group-ID.
const FOLDER_MODE: u32 = 0o750;
/// Of a package; its folders keep others out.
const FILE_MODE: u32 = 0o644;
