//! What a sender does to a document that is registered here: called back (thu hồi), or replaced (thay thế). The header of a package is signed
//! by nobody, so a recall without a document that the sender signed is the clerk's to take, with a reason. The registered document and its
//! number stay; what became of it is a row beside it, which nobody makes, changes or takes away by SQL.

use super::{
    incoming::{self, IncomingView, Message},
    incoming_refusal::undetermined,
    limits::INCOMING_TRIES,
    verdict::{About, Judged, Verdict, verdict},
};
use crate::{
    accounts::{self, Principal},
    app::App,
    attestation,
    audit::{self, Actor, Entry, Kind},
    current,
    error::{InternalError, RequestError, Result},
    fault,
    reader::PackageRead,
    signing, store,
    store::Transaction,
};
use chuky_model::{
    instant::Instant,
    record::{
        document::Document,
        incoming::{IncomingChange, IncomingDocument},
        state::{IncomingChangeKind, IncomingState},
    },
    text::Bilingual,
};
use serde::{Deserialize, Serialize};
use std::fs::File;

/// What is stored encrypted.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Details {
    reason: Option<String>,
    accepted: Option<String>,
    #[serde(default)]
    open: Vec<Bilingual>,
}

/// What became of a registered document.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct IncomingChangeView {
    /// `recalled` or `replaced`.
    pub kind: String,
    /// The sender's.
    pub reason: Option<String>,
    /// Why the clerk took it, and what was open then.
    pub accepted: Option<String>,
    #[schema(value_type = Vec<Object>)]
    pub open: Vec<Bilingual>,
    /// What stands in its place, by identifier, number and year of the register.
    pub replaced_by: Option<String>,
    pub replaced_by_number: Option<i64>,
    pub replaced_by_year: Option<i64>,
    pub received_by: String,
    pub received_at: String,
}

/// Takes a recall: what it calls back stays in the register with its number.
pub(super) async fn recalled(
    app: &App,
    by: &Principal,
    package: File,
    (read, message): (&PackageRead, &Message),
    accept: Option<&str>,
) -> Result<IncomingView> {
    let mut judged = Vec::new();
    for attachment in &read.attachments {
        judged.push(Judged::of(app, by, attachment).await?);
    }
    let (mut package, mut document) = (Some(package), None);
    for _ in 0..INCOMING_TRIES {
        // 1. The registered document of that sender, day and number; the same package again answers what it did.
        if let Some(done) = done_by(app, by, message).await? {
            return incoming::view(app, &done).await;
        }
        let original = original(app, by, read, message).await?;
        // 2. Whether it is the sender's, or the clerk's to find out.
        let open = match judged.is_empty() {
            true => vec![unsigned()],
            false => {
                let about = about(IncomingChangeKind::Recalled, &original, message);
                match verdict(app, by, read, (&judged, Some(&about))).await? {
                    Verdict::Good => Vec::new(),
                    Verdict::Open(open) => open,
                    Verdict::Refused(why) => return Err(refused(&why).into()),
                }
            }
        };
        if !open.is_empty() && accept.is_none() {
            return Err(undetermined(&open).into());
        }
        // 3. The package and its row, in one transaction.
        if let Some(package) = package.take() {
            document = Some(signing::package_taken(app, by, package, "thu-hoi.edxml").await?);
        }
        let document = document.as_ref().ok_or_else(|| InternalError::other("a package that was not kept"))?;
        let change = Change { kind: IncomingChangeKind::Recalled, original: &original, read, message, document };
        let row = change.row(app, by, (accept, &open), None).await?;
        fault::point("incoming.recalled");
        let mut transaction = app.store.begin().await?;
        signing::insert_taken(&mut transaction, by, document).await?;
        if change.stored(&mut transaction, by, &row, !open.is_empty()).await? {
            // Its letters were here from now on, and do nothing more by themselves.
            let own = judged.iter().filter(|one| one.is_signed_by(&read.sender_name));
            for (one, position) in own.zip(LETTERS..) {
                transaction.insert_incoming_attachment(original.id, position, &by.unit, &one.sha256).await?;
            }
            transaction.commit().await?;
            return incoming::view(app, &original).await;
        }
        transaction.rollback().await?;
    }
    Err(RequestError::try_again().into())
}

/// A change that is being made.
pub(super) struct Change<'a> {
    pub(super) kind: IncomingChangeKind,
    pub(super) original: &'a IncomingDocument,
    pub(super) read: &'a PackageRead,
    pub(super) message: &'a Message,
    pub(super) document: &'a Document,
}

impl Change<'_> {
    /// Its row; `replacement` is what stands in the original's place.
    pub(super) async fn row(
        &self,
        app: &App,
        by: &Principal,
        (accept, open): (Option<&str>, &[Bilingual]),
        replacement: Option<&IncomingDocument>,
    ) -> Result<IncomingChange> {
        let details = Details {
            reason: self.read.reason.clone(),
            accepted: accept.filter(|_| !open.is_empty()).map(str::to_owned),
            open: open.to_vec(),
        };
        let plain = serde_json::to_vec(&details).map_err(|error| InternalError::other(error.to_string()))?;
        let mut row = IncomingChange {
            id: self.original.id,
            kind: self.kind,
            document_id: self.document.id,
            package_sha256: self.message.sha256.clone(),
            replaced_by: replacement.map(|row| row.id),
            details: app.vault.seal(PLACE, &self.original.id.to_string(), &plain)?,
            received_by: by.account,
            received_at: app.clock.now(),
            version: 1,
            mac: Vec::new(),
        };
        attestation::attest(&*app.tokens.subscribers, &mut row).await?;
        Ok(row)
    }

    /// Inserts it with its audit entry; `false` where something became of the original in this moment.
    pub(super) async fn stored(
        &self,
        transaction: &mut Transaction,
        by: &Principal,
        row: &IncomingChange,
        accepted: bool,
    ) -> Result<bool> {
        match transaction.insert_incoming_change(row).await {
            Err(store::Error::Conflict(_)) => return Ok(false),
            other => other?,
        }
        let kind = match self.kind {
            IncomingChangeKind::Recalled => Kind::IncomingRecalled,
            IncomingChangeKind::Replaced => Kind::IncomingReplaced,
        };
        let content = serde_json::json!({
            "unit": self.original.unit, "sender": self.original.sender_id, "sha256": hex::encode(&row.package_sha256),
            "year": self.original.year, "number": self.original.number, "replaced_by": row.replaced_by,
            "accepted_undetermined": accepted,
        });
        let entry = Entry::of_row(row.received_at, kind, Actor::Account(by.account), row);
        audit::record(transaction, entry.with(content)).await?;
        Ok(true)
    }
}

/// The registered document that a package is about: of that sender, with that day, number and notation, to which nothing was done yet.
pub(super) async fn original(
    app: &App,
    by: &Principal,
    read: &PackageRead,
    message: &Message,
) -> Result<IncomingDocument> {
    // What the header names expressly comes before its own number, where it is the sender's.
    let about = read.about.as_deref().and_then(|about| about.split_once(','));
    let about = about.filter(|(sender, _)| *sender == read.sender_id).map(|(_, name)| name.to_owned());
    let mut changed = false;
    for name in about.iter().chain([&message.id]) {
        let mut rows = current::rows(app, || app.store.incoming_registered(&by.unit, &read.sender_id, name)).await?;
        rows.sort_by_key(|row| std::cmp::Reverse((row.received_at, row.id)));
        for row in rows {
            match of(app, &row).await? {
                None => return Ok(row),
                Some(_) => changed = true,
            }
        }
    }
    Err(if changed { changed_before() } else { unknown() }.into())
}

/// What a package is about that does this to that document.
pub(super) fn about<'a>(kind: IncomingChangeKind, original: &'a IncomingDocument, message: &Message) -> About<'a> {
    About { kind, original, same_name: original.message_id == message.id }
}

/// What became of a registered document.
pub(super) async fn of(app: &App, row: &IncomingDocument) -> Result<Option<IncomingChange>> {
    if row.state != IncomingState::Registered {
        return Ok(None);
    }
    let read = || app.store.incoming_change_of(row.id);
    let found = current::row(app, read).await?;
    // Where the log knows of one, it was made in this moment or taken away.
    match app.audit.row_versions().newest(&format!("incoming_change:{}", row.id)).await? {
        known if known > 0 && found.is_none() => current::row_of(app, row.id, read).await,
        _ => Ok(found),
    }
}

/// The same as its view.
pub(super) async fn view(app: &App, row: &IncomingDocument) -> Result<Option<IncomingChangeView>> {
    let Some(change) = of(app, row).await? else { return Ok(None) };
    let plain = app.vault.open(PLACE, &row.id.to_string(), &change.details)?;
    let details: Details = serde_json::from_slice(&plain).map_err(|error| InternalError::other(error.to_string()))?;
    let replacement = match change.replaced_by {
        Some(id) => current::row(app, || app.store.incoming_by_id(id)).await?,
        None => None,
    };
    Ok(Some(IncomingChangeView {
        kind: change.kind.name().to_owned(),
        reason: details.reason,
        accepted: details.accepted,
        open: details.open,
        replaced_by: change.replaced_by.map(|id| id.to_string()),
        replaced_by_number: replacement.as_ref().and_then(|row| row.number),
        replaced_by_year: replacement.and_then(|row| row.year),
        received_by: accounts::name_of(app, change.received_by).await?,
        received_at: Instant::rfc3339(change.received_at),
    }))
}

/// The document to which this very package did something.
async fn done_by(app: &App, by: &Principal, message: &Message) -> Result<Option<IncomingDocument>> {
    let change = current::row(app, || app.store.incoming_change_by(&by.unit, &message.sha256)).await?;
    match change {
        Some(change) => current::row(app, || app.store.incoming_by_id(change.id)).await,
        None => Ok(None),
    }
}

fn unsigned() -> Bilingual {
    Bilingual::new(
        "Gói tin thu hồi không kèm văn bản nào có chữ ký số của nơi gửi. Hãy xác nhận với nơi gửi trước khi ghi nhận.",
        "The recall holds no document that its sender signed. Ask the sender before you take it.",
    )
}

fn refused(why: &Bilingual) -> RequestError {
    let vi = format!("Không ghi nhận việc thu hồi; hãy báo nơi gửi trạng thái 16: {}", why.vi);
    let en = format!("The recall is not taken; tell its sender status 16: {}", why.en);
    RequestError::conflict("incoming_change_refused", vi, en)
}

fn unknown() -> RequestError {
    RequestError::conflict(
        "incoming_unknown",
        "Sổ văn bản đến không có văn bản nào của nơi gửi này với ngày, số và ký hiệu đó.",
        "The register has no document of this sender with that day, number and notation.",
    )
}

fn changed_before() -> RequestError {
    RequestError::conflict(
        "incoming_changed_before",
        "Văn bản đó đã được ghi nhận là thu hồi hoặc thay thế trước đây.",
        "That document was called back or replaced before.",
    )
}

/// Where details are encrypted for.
const PLACE: &str = "incoming_change.details";
/// Where the letters of a recall are numbered from, behind the files of the document that it calls back.
const LETTERS: i64 = 1_001;
