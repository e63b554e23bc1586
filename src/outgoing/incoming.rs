//! Incoming documents: an edXML package is read in a reader, each attachment judged by our own verifier, and the package registered with
//! the agency's next incoming number, or sent back with the reason. What is open is the clerk's to accept, with a reason. Only a package
//! of the same bytes is the one that was registered.

use super::{
    incoming_change::{self, Change, IncomingChangeView},
    incoming_refusal::{differs, not_taken, undetermined, unusable},
    limits::{INCOMING_TRIES, PAGE},
    number::year_of,
    restored::{self, Register},
    road::{clerk, forged, reason},
    verdict::{Judged, Verdict, number_shown, verdict},
};
use crate::{
    accounts::{self, Principal},
    app::App,
    attestation,
    audit::{self, Actor, Entry, Kind},
    current,
    error::{InternalError, RequestError, Result},
    fault,
    reader::{PackageRead, Task, TaskOutput},
    signing::{self, Content},
    store,
};
use chuky_model::{
    id::IncomingId,
    record::{
        Cursor,
        document::Document,
        incoming::IncomingDocument,
        state::{IncomingChangeKind, IncomingState},
    },
    report::{Indication, Integrity, Outcome},
    text::Bilingual,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::{
    fs::File,
    io::{self, Read, Seek},
};
use uuid::Uuid;

/// What is stored encrypted.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Details {
    pub(super) sender_name: String,
    pub(super) code: String,
    pub(super) issued_on: String,
    subject: String,
    attachments: Vec<AttachmentView>,
    reason: Option<Bilingual>,
    accepted: Option<String>,
    #[serde(default)]
    open: Vec<Bilingual>,
    #[serde(default = "not_done")]
    number_on_page: Outcome,
}

/// One file of a package with its verdict.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct AttachmentView {
    pub name: String,
    #[schema(value_type = String)]
    pub indication: Indication,
    #[schema(value_type = String)]
    pub integrity: Integrity,
    /// One sentence.
    #[schema(value_type = Object)]
    pub message: Bilingual,
    /// Who signed it, as the certificates say.
    #[serde(default)]
    pub signers: Vec<String>,
    /// Whether one of them is the sender.
    #[serde(default)]
    pub by_sender: bool,
    /// Whether the first page's text was searched for marks of secrecy; a scanned page has none, another format is not searched.
    #[serde(default)]
    pub marks_searched: bool,
}

/// An incoming document.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct IncomingView {
    pub id: String,
    /// `registered`, `refused`, or what its sender did to it since: `recalled`, `replaced`.
    pub state: String,
    /// What the sender is told (QCVN 102:2016/BTTTT): 03 received, 02 refused, 15 that the recall or replacement is taken.
    pub status: String,
    /// Why it was refused.
    #[schema(value_type = Option<Object>)]
    pub reason: Option<Bilingual>,
    /// Why the clerk accepted what was open.
    pub accepted: Option<String>,
    /// What was open then.
    #[schema(value_type = Vec<Object>)]
    pub open: Vec<Bilingual>,
    /// Whether number and notation stand on the first page of what the sender signed: `passed`, `failed` or `not_done` (no text there).
    #[schema(value_type = String)]
    pub number_on_page: Outcome,
    pub year: Option<i64>,
    /// In the register of incoming documents.
    pub number: Option<i64>,
    pub sender_id: String,
    pub sender_name: String,
    /// The sender's number and notation.
    pub code: String,
    pub issued_on: String,
    pub subject: String,
    pub attachments: Vec<AttachmentView>,
    pub received_by: String,
    pub received_at: String,
    /// What its sender did to it since.
    #[serde(default)]
    pub change: Option<IncomingChangeView>,
}

/// A page of the register of incoming documents, newest first.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct IncomingPage {
    pub documents: Vec<IncomingView>,
    pub next: Option<String>,
}

/// Takes a package. The same bytes again answer what was registered. `accept` is why the clerk takes one of which something is open.
pub async fn receive(app: &App, by: &Principal, package: File, accept: Option<&str>) -> Result<IncomingView> {
    // 1. Read where a stranger's XML may be parsed.
    clerk(by)?;
    if by.unit.is_empty() {
        let (vi, en) = ("Tài khoản của bạn chưa thuộc cơ quan nào.", "Your account belongs to no agency.");
        return Err(RequestError::conflict("no_agency", vi, en).into());
    }
    let accept = accept.map(reason).transpose()?;
    let (package, sha256) = hashed(package).await?;
    let read = match signing::read_by_reader(app, Task::ReadPackage, &package).await? {
        TaskOutput::Package(read) => read.map_err(unusable)?,
        _ => return Err(InternalError::other("the reader answered another question").into()),
    };
    let message = Message { id: format!("{},{}/{}", read.issued_on, read.number, read.notation), sha256 };
    match read.business {
        NEW | REPLACEMENT => {}
        RECALL => {
            return incoming_change::recalled(app, by, package, (&read, &message), accept.as_deref()).await;
        }
        _ => return Err(not_taken().into()),
    }
    if let Some(row) = registered(app, by, &read, &message).await?.same() {
        return view(app, row).await;
    }
    // 2. Every attachment searched for marks of secrecy and judged, before anything is kept.
    let mut judged = Vec::new();
    for attachment in &read.attachments {
        judged.push(Judged::of(app, by, attachment).await?);
    }
    // 3. What becomes of it; then the package encrypted on disk and its rows in one transaction. What others register meanwhile counts.
    let (mut package, mut document) = (Some(package), None);
    for _ in 0..INCOMING_TRIES {
        let earlier = registered(app, by, &read, &message).await?;
        if let Some(row) = earlier.same() {
            return view(app, row).await;
        }
        let replaced = match read.business {
            REPLACEMENT => Some(incoming_change::original(app, by, &read, &message).await?),
            _ => None,
        };
        let about = replaced.as_ref().map(|row| incoming_change::about(IncomingChangeKind::Replaced, row, &message));
        let verdict = verdict(app, by, &read, (&judged, about.as_ref())).await?;
        let (state, details) = decided(&read, &judged, verdict, (earlier.other(replaced.as_ref()), accept.as_deref()))?;
        if let Some(package) = package.take() {
            document = Some(signing::package_taken(app, by, package, "goi-tin.edxml").await?);
        }
        let document = document.as_ref().ok_or_else(|| InternalError::other("a package that was not kept"))?;
        let kept = Kept { read: &read, message: &message, document, judged: &judged, replaced: replaced.as_ref() };
        if let Some(row) = stored(app, by, &kept, &details, state).await? {
            return view(app, &row).await;
        }
    }
    Err(RequestError::try_again().into())
}

/// How a sender names a document, and the package that came under that name.
pub(super) struct Message {
    pub(super) id: String,
    pub(super) sha256: Vec<u8>,
}

/// What was registered of a sender's message: this very package, and others.
struct Earlier {
    same: Vec<IncomingDocument>,
    others: Vec<IncomingDocument>,
}

impl Earlier {
    fn same(&self) -> Option<&IncomingDocument> {
        self.same.first()
    }

    /// Another document of that name. What it replaces may have the same, as it should.
    fn other(&self, replaced: Option<&IncomingDocument>) -> Option<&IncomingDocument> {
        self.others.iter().find(|other| replaced.is_none_or(|replaced| replaced.id != other.id))
    }
}

async fn registered(app: &App, by: &Principal, read: &PackageRead, message: &Message) -> Result<Earlier> {
    let rows = current::rows(app, || app.store.incoming_registered(&by.unit, &read.sender_id, &message.id)).await?;
    let (same, others) = rows.into_iter().partition(|row| row.package_sha256 == message.sha256);
    Ok(Earlier { same, others })
}

/// What becomes of a package, with what is recorded of it; 409 where the clerk is asked.
fn decided(
    read: &PackageRead,
    judged: &[Judged],
    verdict: Verdict,
    (other, accept): (Option<&IncomingDocument>, Option<&str>),
) -> Result<(IncomingState, Details)> {
    let (state, reason, open) = match (verdict, other) {
        // Its sender was told that the document of this name was received: that stands.
        (Verdict::Refused(reason), Some(other)) => return Err(differs(other, &[reason]).into()),
        (Verdict::Refused(reason), None) => (IncomingState::Refused, Some(reason), Vec::new()),
        (Verdict::Good, None) => (IncomingState::Registered, None, Vec::new()),
        (verdict, other) => {
            let open = if let Verdict::Open(open) = verdict { open } else { Vec::new() };
            match (accept, other) {
                (Some(_), _) => (IncomingState::Registered, None, open),
                (None, Some(other)) => return Err(differs(other, &open).into()),
                (None, None) => return Err(undetermined(&open).into()),
            }
        }
    };
    let own: Vec<&Judged> = judged.iter().filter(|one| one.is_signed_by(&read.sender_name)).collect();
    let attachments = judged.iter().map(|one| AttachmentView {
        name: one.name.clone(),
        indication: one.report.indication,
        integrity: one.report.integrity,
        message: one.report.message.clone(),
        signers: one.signers(),
        by_sender: one.is_signed_by(&read.sender_name),
        marks_searched: one.lines.is_some(),
    });
    let details = Details {
        sender_name: read.sender_name.clone(),
        code: format!("{}/{}", read.number, read.notation),
        issued_on: read.issued_on.clone(),
        subject: read.subject.clone(),
        attachments: attachments.collect(),
        reason,
        // Why it was taken is of interest only where somebody was asked.
        accepted: accept.filter(|_| other.is_some() || !open.is_empty()).map(str::to_owned),
        open,
        number_on_page: number_shown(read, &own),
    };
    Ok((state, details))
}

/// The caller's agency's register, newest first.
pub async fn incoming(app: &App, by: &Principal, before: Cursor) -> Result<IncomingPage> {
    clerk(by)?;
    let rows = current::rows(app, || app.store.list_incoming(&by.unit, before, PAGE)).await?;
    let full = i64::try_from(rows.len()).is_ok_and(|count| count == PAGE);
    let next = rows.last().filter(|_| full).map(|last| format!("{}_{}", last.received_at.0, last.id));
    let mut documents = Vec::new();
    for row in &rows {
        documents.push(view(app, row).await?);
    }
    Ok(IncomingPage { documents, next })
}

/// One incoming document of the caller's agency.
pub async fn incoming_one(app: &App, by: &Principal, id: IncomingId) -> Result<IncomingView> {
    view(app, &load(app, by, id).await?).await
}

/// The package as it came.
pub async fn incoming_package(app: &App, by: &Principal, id: IncomingId) -> Result<Content> {
    let row = load(app, by, id).await?;
    let document = signing::of_road(app, row.document_id).await?;
    if document.media_type != signing::PACKAGE || document.sha256 != row.package_sha256 {
        return Err(forged("incoming_document"));
    }
    let content = signing::routed_content(app, &document, app.places.enter(by.account)?).await?;
    Ok(Content { media_type: document.media_type, ..content })
}

async fn load(app: &App, by: &Principal, id: IncomingId) -> Result<IncomingDocument> {
    clerk(by)?;
    let row = current::row_by_log(app, || app.store.incoming_by_id(id)).await?.filter(|row| row.unit == by.unit);
    Ok(row.ok_or_else(RequestError::not_found)?)
}

/// The package with its SHA-256.
async fn hashed(mut package: File) -> Result<(File, Vec<u8>)> {
    let hashed = tokio::task::spawn_blocking(move || {
        let (mut digest, mut piece) = (Sha256::new(), vec![0; signing::limits::PIECE]);
        package.rewind()?;
        loop {
            match package.read(&mut piece)? {
                0 => break,
                count => digest.update(piece.get(..count).unwrap_or_default()),
            }
        }
        package.rewind()?;
        Ok::<_, io::Error>((package, digest.finalize().to_vec()))
    });
    let hashed = hashed.await.map_err(|error| InternalError::other(error.to_string()))?;
    Ok(hashed.map_err(InternalError::io("a package"))?)
}

/// What a row is made of.
struct Kept<'a> {
    read: &'a PackageRead,
    message: &'a Message,
    document: &'a Document,
    judged: &'a [Judged],
    /// What it stands in the place of.
    replaced: Option<&'a IncomingDocument>,
}

impl<'a> Kept<'a> {
    /// What it does to the document that it replaces.
    fn change(&self, original: &'a IncomingDocument) -> Change<'a> {
        let Kept { read, message, document, .. } = *self;
        Change { kind: IncomingChangeKind::Replaced, original, read, message, document }
    }
}

/// The row of a package, with the register's next number where it is registered.
async fn made(
    app: &App,
    by: &Principal,
    kept: &Kept<'_>,
    details: &Details,
    state: IncomingState,
) -> Result<IncomingDocument> {
    let id = IncomingId(Uuid::now_v7());
    let now = app.clock.now();
    let plain = serde_json::to_vec(details).map_err(|error| InternalError::other(error.to_string()))?;
    let mut row = IncomingDocument {
        id,
        document_id: kept.document.id,
        unit: by.unit.clone(),
        sender_id: kept.read.sender_id.clone(),
        message_id: kept.message.id.clone(),
        package_sha256: kept.message.sha256.clone(),
        details: app.vault.seal(PLACE, &id.to_string(), &plain)?,
        state,
        year: None,
        number: None,
        received_by: by.account,
        received_at: now,
        version: 1,
        mac: Vec::new(),
    };
    if state == IncomingState::Registered {
        let year = year_of(now)?;
        let floor = restored::floor(app, Register::Incoming, &by.unit, year, "").await?;
        let last = current::row(app, || app.store.last_incoming(&row.unit, year)).await?;
        let last = last.and_then(|last| last.number).unwrap_or(0).max(floor);
        row.number = Some(last.saturating_add(1));
        row.year = Some(year);
    }
    attestation::attest(&*app.tokens.subscribers, &mut row).await?;
    Ok(row)
}

/// Stores a package with its number; `None` where another was registered since it was decided upon, which may change the decision.
async fn stored(
    app: &App,
    by: &Principal,
    kept: &Kept<'_>,
    details: &Details,
    state: IncomingState,
) -> Result<Option<IncomingDocument>> {
    let row = made(app, by, kept, details, state).await?;
    let change = kept.replaced.filter(|_| state == IncomingState::Registered).map(|original| kept.change(original));
    let change = match change {
        Some(change) => {
            let made = change.row(app, by, (details.accepted.as_deref(), &details.open), Some(&row)).await?;
            Some((change, made))
        }
        None => None,
    };
    fault::point("incoming.stored");
    let mut transaction = app.store.begin().await?;
    if let (Some(number), Some(year)) = (row.number, row.year)
        && transaction.next_incoming_number(&row.unit, year).await? != number
    {
        transaction.rollback().await?;
        return Ok(None);
    }
    signing::insert_taken(&mut transaction, by, kept.document).await?;
    match transaction.insert_incoming(&row).await {
        Err(store::Error::Conflict(_)) => {
            transaction.rollback().await?;
            return Ok(None);
        }
        other => other?,
    }
    if let Some((change, made)) = &change
        && !change.stored(&mut transaction, by, made, details.accepted.is_some()).await?
    {
        transaction.rollback().await?;
        return Ok(None);
    }
    if state == IncomingState::Registered {
        let own = kept.judged.iter().filter(|one| one.is_signed_by(&kept.read.sender_name));
        for (one, position) in own.zip(1..) {
            transaction.insert_incoming_attachment(row.id, position, &row.unit, &one.sha256).await?;
        }
    }
    let kind = if state == IncomingState::Registered { Kind::IncomingRegistered } else { Kind::IncomingRefused };
    let entry = Entry::of_row(row.received_at, kind, Actor::Account(by.account), &row);
    let content = serde_json::json!({
        "unit": row.unit, "sender": row.sender_id, "sha256": hex::encode(&row.package_sha256), "year": row.year, "number": row.number,
        "accepted_undetermined": details.accepted.is_some(),
    });
    audit::record(&mut transaction, entry.with(content)).await?;
    transaction.commit().await?;
    fault::point("incoming.recorded");
    Ok(Some(row))
}

impl Details {
    /// Of a row.
    pub(super) fn of(app: &App, row: &IncomingDocument) -> Result<Self> {
        let plain = app.vault.open(PLACE, &row.id.to_string(), &row.details)?;
        Ok(serde_json::from_slice(&plain).map_err(|error| InternalError::other(error.to_string()))?)
    }
}

pub(super) async fn view(app: &App, row: &IncomingDocument) -> Result<IncomingView> {
    let details = Details::of(app, row)?;
    let change = incoming_change::view(app, row).await?;
    let status = match (&change, row.state) {
        (Some(_), _) => "15",
        (None, IncomingState::Registered) => "03",
        (None, IncomingState::Refused) => "02",
    };
    Ok(IncomingView {
        id: row.id.to_string(),
        state: change.as_ref().map_or_else(|| row.state.name().to_owned(), |change| change.kind.clone()),
        status: status.to_owned(),
        reason: details.reason,
        accepted: details.accepted,
        open: details.open,
        number_on_page: details.number_on_page,
        year: row.year,
        number: row.number,
        sender_id: row.sender_id.clone(),
        sender_name: details.sender_name,
        code: details.code,
        issued_on: details.issued_on,
        subject: details.subject,
        attachments: details.attachments,
        received_by: accounts::name_of(app, row.received_by).await?,
        received_at: row.received_at.rfc3339(),
        change,
    })
}

fn not_done() -> Outcome {
    Outcome::NotDone
}

/// `BussinessDocType` of a new document.
const NEW: u8 = 0;
/// Thu hồi.
const RECALL: u8 = 1;
/// Thay thế.
const REPLACEMENT: u8 = 3;

/// Where details are encrypted for.
const PLACE: &str = "incoming_document.details";
