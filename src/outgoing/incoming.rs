//! Incoming documents: an edXML package is read in a reader, each attachment judged by our own verifier, and the package registered with
//! the agency's next incoming number, or sent back with the reason. What could not be determined is the clerk's to accept, with a reason.

use super::{
    limits::PAGE,
    restored::{self, Register},
    road::{clerk, reason},
};
use crate::{
    accounts::{self, Principal},
    app::App,
    audit::{self, Actor, Entry, Kind},
    error::{InternalError, RequestError, Result},
    fault,
    reader::{PackageRead, PackageUnusable, Task, TaskOutput},
    signing::{self, Content},
    store,
    verification::{self, Spool, Submission},
};
use chuky_model::{
    id::IncomingId,
    instant::Instant,
    record::{Cursor, document::Document, incoming::IncomingDocument, state::IncomingState},
    report::{Indication, Integrity, Report},
    text::Bilingual,
};
use serde::{Deserialize, Serialize};
use std::fs::File;
use uuid::Uuid;

/// What is stored encrypted.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Details {
    sender_name: String,
    code: String,
    issued_on: String,
    subject: String,
    attachments: Vec<AttachmentView>,
    reason: Option<Bilingual>,
    accepted: Option<String>,
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
}

/// An incoming document.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct IncomingView {
    pub id: String,
    /// `registered` or `refused`.
    pub state: String,
    /// What the sender is told (QCVN 102:2016/BTTTT): 03 received, 02 refused.
    pub status: String,
    /// Why it was refused.
    #[schema(value_type = Option<Object>)]
    pub reason: Option<Bilingual>,
    /// Why the clerk accepted what could not be determined.
    pub accepted: Option<String>,
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
}

/// A page of the register of incoming documents, newest first.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct IncomingPage {
    pub documents: Vec<IncomingView>,
    pub next: Option<String>,
}

/// What becomes of a package.
enum Outcome {
    Good,
    Refused(Bilingual),
    Undetermined(Bilingual),
}

/// Takes a package. The same one again answers what was registered. `accept` is why the clerk takes one whose signatures could not be
/// determined.
pub async fn receive(app: &App, by: &Principal, package: File, accept: Option<&str>) -> Result<IncomingView> {
    // 1. Read where a stranger's XML may be parsed.
    clerk(by)?;
    if by.unit.is_empty() {
        let (vi, en) = ("Tài khoản của bạn chưa thuộc cơ quan nào.", "Your account belongs to no agency.");
        return Err(RequestError::conflict("no_agency", vi, en).into());
    }
    let accept = accept.map(reason).transpose()?;
    let again = package.try_clone().map_err(InternalError::io("a package"))?;
    let read = match signing::read_by_reader(app, Task::ReadPackage, &again).await? {
        TaskOutput::Package(read) => read.map_err(unusable)?,
        _ => return Err(InternalError::other("the reader answered another question").into()),
    };
    if read.business != 0 {
        return Err(not_new().into());
    }
    let message_id = format!("{},{}/{}", read.issued_on, read.number, read.notation);
    if let Some(row) = app.store.incoming_registered(&by.unit, &read.sender_id, &message_id).await? {
        return view(app, &row).await;
    }
    // 2. Every attachment judged.
    let mut attachments = Vec::new();
    for attachment in &read.attachments {
        attachments.push((attachment.name.clone(), judged(app, by, attachment).await?));
    }
    let (state, said) = match outcome(&attachments) {
        Outcome::Good => (IncomingState::Registered, None),
        Outcome::Undetermined(_) if accept.is_some() => (IncomingState::Registered, None),
        Outcome::Undetermined(message) => {
            return Err(RequestError::conflict("incoming_undetermined", message.vi, message.en).into());
        }
        Outcome::Refused(reason) => (IncomingState::Refused, Some(reason)),
    };
    if state == IncomingState::Registered {
        restored::floor(app, Register::Incoming, &by.unit, this_year(app.clock.now())?, "").await?;
    }
    // 3. The package encrypted on disk, then its rows in one transaction.
    let document = signing::package_taken(app, by, package, "goi-tin.edxml").await?;
    let details = details(&read, attachments, said, accept);
    let row = stored(app, by, (&read.sender_id, message_id), (&document, &details), state).await?;
    view(app, &row).await
}

/// The caller's agency's register, newest first.
pub async fn incoming(app: &App, by: &Principal, before: Cursor) -> Result<IncomingPage> {
    clerk(by)?;
    let rows = app.store.list_incoming(&by.unit, before, PAGE).await?;
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
    let content = signing::routed_content(app, &document).await?;
    Ok(Content { media_type: document.media_type, ..content })
}

async fn load(app: &App, by: &Principal, id: IncomingId) -> Result<IncomingDocument> {
    clerk(by)?;
    let row = app.store.incoming_by_id(id).await?.filter(|row| row.unit == by.unit);
    Ok(row.ok_or_else(RequestError::not_found)?)
}

async fn judged(app: &App, by: &Principal, attachment: &crate::reader::AttachmentRead) -> Result<Report> {
    let mut document = Spool::new(&app.settings.data_dir, app.settings.largest_upload)?;
    document.take(&attachment.content).await?;
    let policy = app.policies.standard().to_owned();
    let submission = Submission { name: attachment.name.clone(), document, content: None, policy };
    Ok(verification::verify_document(app, Actor::Account(by.account), submission).await?.report)
}

/// Decree 30/2020/NĐ-CP, article 21: authenticity and integrity are checked; what fails goes back. A file without a signature may come along
/// with one that is signed well.
fn outcome(attachments: &[(String, Report)]) -> Outcome {
    let failed = attachments.iter().find(|(_, report)| {
        report.indication == Indication::TotalFailed
            || matches!(report.integrity, Integrity::Altered | Integrity::Broken)
    });
    if let Some((name, report)) = failed {
        let (vi, en) = (&report.message.vi, &report.message.en);
        return Outcome::Refused(Bilingual::new(format!("{name}: {vi}"), format!("{name}: {en}")));
    }
    let open = attachments.iter().find(|(_, report)| report.indication == Indication::Indeterminate);
    if let Some((name, report)) = open {
        let (vi, en) = (&report.message.vi, &report.message.en);
        return Outcome::Undetermined(Bilingual::new(format!("{name}: {vi}"), format!("{name}: {en}")));
    }
    match attachments.iter().any(|(_, report)| report.indication == Indication::TotalPassed) {
        true => Outcome::Good,
        false => Outcome::Refused(Bilingual::new(
            "Gói tin không có văn bản nào mang chữ ký số.",
            "The package holds no document with a digital signature.",
        )),
    }
}

fn details(
    read: &PackageRead,
    attachments: Vec<(String, Report)>,
    reason: Option<Bilingual>,
    accepted: Option<String>,
) -> Details {
    let attachments = attachments.into_iter().map(|(name, report)| AttachmentView {
        name,
        indication: report.indication,
        integrity: report.integrity,
        message: report.message,
    });
    Details {
        sender_name: read.sender_name.clone(),
        code: format!("{}/{}", read.number, read.notation),
        issued_on: read.issued_on.clone(),
        subject: read.subject.clone(),
        attachments: attachments.collect(),
        reason,
        accepted,
    }
}

async fn stored(
    app: &App,
    by: &Principal,
    (sender_id, message_id): (&str, String),
    (document, details): (&Document, &Details),
    state: IncomingState,
) -> Result<IncomingDocument> {
    let id = IncomingId(Uuid::now_v7());
    let now = app.clock.now();
    let plain = serde_json::to_vec(details).map_err(|error| InternalError::other(error.to_string()))?;
    let mut row = IncomingDocument {
        id,
        document_id: document.id,
        unit: by.unit.clone(),
        sender_id: sender_id.to_owned(),
        message_id,
        details: app.vault.seal(PLACE, &id.to_string(), &plain)?,
        state,
        year: None,
        number: None,
        received_by: by.account,
        received_at: now,
    };
    fault::point("incoming.stored");
    let mut transaction = app.store.begin().await?;
    if state == IncomingState::Registered {
        let year = this_year(now)?;
        row.number = Some(transaction.next_incoming_number(&row.unit, year).await?);
        row.year = Some(year);
    }
    signing::insert_taken(&mut transaction, by, document).await?;
    match transaction.insert_incoming(&row).await {
        // Registered by another clerk in this moment: what this transaction counted is undone.
        Err(store::Error::Conflict(_)) => {
            transaction.rollback().await?;
            let other = app.store.incoming_registered(&row.unit, &row.sender_id, &row.message_id).await?;
            return Ok(other.ok_or_else(RequestError::try_again)?);
        }
        other => other?,
    }
    let kind = if state == IncomingState::Registered { Kind::IncomingRegistered } else { Kind::IncomingRefused };
    let entry = Entry::new(now, kind, Actor::Account(by.account), format!("incoming_document:{id}"));
    let content = serde_json::json!({
        "unit": row.unit, "sender": row.sender_id, "sha256": hex::encode(&document.sha256), "year": row.year, "number": row.number,
        "accepted_undetermined": details.accepted.is_some(),
    });
    audit::record(&mut transaction, entry.with(content)).await?;
    transaction.commit().await?;
    fault::point("incoming.recorded");
    Ok(row)
}

fn this_year(now: Instant) -> Result<i64> {
    let year = now.in_vietnam().map(|moment| i64::from(moment.year()));
    Ok(year.ok_or_else(|| InternalError::other("a time without a year"))?)
}

async fn view(app: &App, row: &IncomingDocument) -> Result<IncomingView> {
    let plain = app.vault.open(PLACE, &row.id.to_string(), &row.details)?;
    let details: Details = serde_json::from_slice(&plain).map_err(|error| InternalError::other(error.to_string()))?;
    Ok(IncomingView {
        id: row.id.to_string(),
        state: row.state.name().to_owned(),
        status: if row.state == IncomingState::Registered { "03" } else { "02" }.to_owned(),
        reason: details.reason,
        accepted: details.accepted,
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
    })
}

fn unusable(why: PackageUnusable) -> RequestError {
    let (vi, en) = match why {
        PackageUnusable::Malformed => (
            "Tệp này không phải gói tin edXML đúng cú pháp (QCVN 102:2016/BTTTT).",
            "This is no well-formed edXML package (QCVN 102:2016/BTTTT).",
        ),
        PackageUnusable::Incomplete => (
            "Gói tin thiếu thông tin bắt buộc: nơi gửi, số và ký hiệu, ngày, trích yếu hoặc tên tệp.",
            "The package lacks what must be there: sender, number and notation, date, subject, or a file's name.",
        ),
        PackageUnusable::Attachment => {
            ("Tệp đính kèm trong gói tin bị hỏng (base64).", "An attachment of the package is damaged (base64).")
        }
        PackageUnusable::TooLarge => {
            ("Gói tin có quá nhiều hoặc quá lớn tệp đính kèm.", "The package has too many or too large attachments.")
        }
    };
    RequestError::invalid("document", "package_unusable", vi, en)
}

fn not_new() -> RequestError {
    RequestError::invalid(
        "document",
        "package_not_new",
        "Gói tin này là thu hồi, cập nhật hoặc thay thế; ở đây chỉ nhận văn bản mới.",
        "This package is a recall, an update or a replacement; only new documents are taken here.",
    )
}

/// Where details are encrypted for.
const PLACE: &str = "incoming_document.details";
