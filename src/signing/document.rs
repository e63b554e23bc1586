//! Documents given to be signed: received in pieces straight into an encrypted file, listed, handed back. Rows say where and what, and
//! are relied on only where their MAC fits and the audit log knows no later version; what belongs to somebody else is not found.

use super::{
    files::{self, Written},
    form::{Form, PDF, not_pdf},
    limits::{HEADER_WITHIN, NAME_CHARACTERS, PAGE},
    places::{Clear, Place, in_pieces},
};
use crate::{
    accounts::Principal,
    app::App,
    attestation,
    audit::{self, Actor, Entry, Kind},
    current,
    error::{Error, InternalError, RequestError, Result},
    fault,
    verification::Spool,
};
use chuky_model::{
    id::DocumentId,
    record::{Cursor, document::Document, state::DocumentState},
    text::turns_direction,
};
use serde::{Deserialize, Serialize};
use std::io::ErrorKind;
use uuid::Uuid;

/// A document as its owner sees it.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct DocumentView {
    pub id: String,
    pub name: String,
    /// Of the original.
    pub media_type: String,
    /// `ready` or `signed`.
    pub state: String,
    /// Hex of the original's SHA-256.
    pub sha256: String,
    /// Bytes of the original.
    pub size: i64,
    /// Hex, once signed.
    pub signed_sha256: Option<String>,
    pub signed_size: Option<i64>,
    /// What the signed file is called: its ending tells the format.
    pub signed_name: Option<String>,
    /// RFC 3339.
    pub created_at: String,
}

/// A page of a list, newest first.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct DocumentPage {
    pub documents: Vec<DocumentView>,
    /// For `before`; absent on the last page.
    pub next: Option<String>,
}

/// A document that is being received, into an unnamed file: until it is whole and was looked at, nothing of it has a name.
pub struct Upload {
    app: App,
    media_type: String,
    head: Vec<u8>,
    spool: Spool,
}

/// A document whose bytes are on disk, without a row yet. Where none follows, the file is cleared up later.
pub struct Uploaded {
    id: DocumentId,
    media_type: String,
    written: Written,
}

/// The bytes of a document.
pub struct Content {
    /// Unnamed, at its start.
    pub file: Clear,
    pub name: String,
    pub size: u64,
    pub media_type: String,
}

impl Upload {
    /// Begins to receive a PDF.
    pub fn begin(app: &App) -> Result<Self> {
        Self::begin_of(app, PDF)
    }

    /// Begins to receive a document of the media type that its sender states. Only PDF is looked at here, and must be one.
    pub fn begin_of(app: &App, media_type: &str) -> Result<Self> {
        let spool = Spool::new(&app.settings.data_dir, app.settings.largest_upload)?;
        Ok(Self { app: app.clone(), media_type: checked_media_type(media_type), head: Vec::new(), spool })
    }

    /// Takes the next bytes. `TooLarge` beyond the limit, `not_pdf` as soon as that shows.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<()> {
        if self.head.len() < HEADER_WITHIN {
            let wanted = HEADER_WITHIN - self.head.len();
            self.head.extend_from_slice(bytes.get(..wanted).unwrap_or(bytes));
            if self.head.len() >= HEADER_WITHIN {
                self.check_head()?;
            }
        }
        self.spool.take(bytes).await
    }

    /// All bytes were taken. A PDF that bears a mark of secrecy on its first page is refused and leaves nothing behind; another document is
    /// encrypted on disk.
    pub async fn complete(self) -> Result<Uploaded> {
        self.check_head()?;
        let Self { app, media_type, spool, .. } = self;
        let mut clear = spool.finish().await?;
        super::routed::refuse_marked_pdf(&app, &clear).await?;
        let id = DocumentId(Uuid::now_v7());
        let written =
            in_pieces(move |wanted| files::store(&app.settings, &app.vault, &original(id), &mut clear, wanted));
        let written = written.await?;
        fault::point("document.stored");
        Ok(Uploaded { id, media_type, written })
    }

    fn check_head(&self) -> Result<()> {
        if self.media_type != PDF || self.head.windows(5).any(|window| window == b"%PDF-") {
            return Ok(());
        }
        Err(not_pdf().into())
    }
}

impl Uploaded {
    /// SHA-256 of the document.
    pub fn sha256(&self) -> &[u8] {
        &self.written.sha256
    }

    /// Stores the document's row with its audit entry.
    pub async fn record(self, app: &App, by: &Principal, name: &str) -> Result<DocumentView> {
        let written = self.written;
        let now = app.clock.now();
        let mut document = Document {
            id: self.id,
            owner_id: by.account,
            name: app.vault.seal(NAME, &self.id.to_string(), checked_name(name).as_bytes())?,
            media_type: self.media_type,
            state: DocumentState::Ready,
            sha256: written.sha256.clone(),
            size: i64::try_from(written.size).unwrap_or(i64::MAX),
            stored_as: original(self.id),
            signed_sha256: None,
            signed_size: None,
            signed_stored_as: None,
            signed_format: None,
            created_at: now,
            updated_at: now,
            version: 1,
            mac: Vec::new(),
        };
        attestation::attest(&*app.tokens.subscribers, &mut document).await?;
        let mut transaction = app.store.begin().await?;
        transaction.insert_document(&document).await?;
        let entry = Entry::of_row(now, Kind::DocumentUploaded, Actor::Account(by.account), &document);
        let content = serde_json::json!({ "sha256": hex::encode(&written.sha256), "size": written.size });
        audit::record(&mut transaction, entry.with(content)).await?;
        transaction.commit().await?;
        fault::point("document.recorded");
        view_of(app, &document)
    }
}

/// The caller's document. `not_found` where there is none.
pub async fn load(app: &App, by: &Principal, id: DocumentId) -> Result<Document> {
    let own = |document: &Document| {
        document.owner_id == by.account && !matches!(document.state, DocumentState::Removed | DocumentState::Outgoing)
    };
    let found = app.store.document_by_id(id).await?.filter(own).ok_or_else(RequestError::not_found)?;
    if found.mac.is_empty() {
        return Err(not_attested().into());
    }
    Ok(genuine(app, id).await?.filter(own).ok_or_else(RequestError::not_found)?)
}

/// The row of that identifier, where its MAC fits and the audit log knows no later version.
pub(super) async fn genuine(app: &App, id: DocumentId) -> Result<Option<Document>> {
    current::row_by_log(app, || app.store.document_by_id(id)).await
}

/// The caller's document as a view.
pub async fn view(app: &App, by: &Principal, id: DocumentId) -> Result<DocumentView> {
    view_of(app, &load(app, by, id).await?)
}

/// The caller's documents, newest first.
pub async fn list(app: &App, by: &Principal, before: Option<&str>) -> Result<DocumentPage> {
    let before = match before {
        None => Cursor::NEWEST,
        Some(text) => cursor(text).ok_or_else(RequestError::not_found)?,
    };
    let rows = current::rows(app, || app.store.list_documents(by.account, before, PAGE)).await?;
    let next = rows.last().filter(|_| rows.len() as i64 == PAGE);
    let next = next.map(|last| format!("{}.{}", last.created_at.0, last.id));
    let own = rows.iter().filter(|row| !matches!(row.state, DocumentState::Removed | DocumentState::Outgoing));
    let documents = own.map(|row| view_of(app, row)).collect::<Result<_>>()?;
    Ok(DocumentPage { documents, next })
}

/// The bytes of the caller's document: the signed ones where there are, or the original.
pub async fn content(app: &App, by: &Principal, id: DocumentId, original: bool) -> Result<Content> {
    let place = app.places.enter(by.account)?;
    let (document, file, (size, is_signed)) = 'read: {
        for _ in 0..READ_AGAIN {
            let document = load(app, by, id).await?;
            let bytes = if original { Bytes::of_original(&document) } else { Bytes::newest(&document) };
            let said = (bytes.written.size, bytes.stored_as != document.stored_as);
            if let Some(file) = still_there(app, &document, bytes, place.clone()).await? {
                break 'read (document, file, said);
            }
        }
        return Err(super::sign::moved_on().into());
    };
    let mut name = name_of(app, &document)?;
    let mut media_type = document.media_type;
    if is_signed {
        let form = Form::of_row(document.signed_format.as_deref());
        name = form.file_name(&name);
        media_type = form.media_type(&media_type).to_owned();
    }
    Ok(Content { file, name, size, media_type })
}

/// Removes files that a crash left without a row. The worker loop calls it.
pub async fn clear_up(app: &App) -> Result<()> {
    for name in files::old_names(&app.settings) {
        let id = name.split('.').next().and_then(|id| id.parse::<DocumentId>().ok());
        let document = match id {
            Some(id) => app.store.document_by_id(id).await?,
            None => None,
        };
        let knows = |row: &Document| row.stored_as == name || row.signed_stored_as.as_ref() == Some(&name);
        let gone = match &document {
            None => true,
            Some(row) if knows(row) || row.mac.is_empty() => false,
            // What SQL made of a row takes no file away.
            Some(row) => genuine(app, row.id).await.is_ok_and(|row| !row.is_some_and(|row| knows(&row))),
        };
        if gone {
            files::remove(&app.settings, &name);
        }
    }
    Ok(())
}

/// Where bytes of a document lie, and what they are.
pub(super) struct Bytes {
    pub(super) stored_as: String,
    pub(super) written: Written,
}

/// How often a document is read again whose file went while somebody signed it.
pub(super) const READ_AGAIN: usize = 8;

impl Bytes {
    /// As they were uploaded.
    pub(super) fn of_original(document: &Document) -> Self {
        Self::of(&document.stored_as, &document.sha256, document.size)
    }

    /// The signed ones where there are, or the original.
    pub(super) fn newest(document: &Document) -> Self {
        match (&document.signed_stored_as, &document.signed_sha256, document.signed_size) {
            (Some(stored_as), Some(sha256), Some(size)) => Self::of(stored_as, sha256, size),
            _ => Self::of_original(document),
        }
    }

    fn of(stored_as: &str, sha256: &[u8], size: i64) -> Self {
        let written = Written { sha256: sha256.to_vec(), size: u64::try_from(size).unwrap_or(0) };
        Self { stored_as: stored_as.to_owned(), written }
    }
}

/// Decrypts bytes of a document into an unnamed file: exactly those that its row tells of, from a file of its own. The place is held for as long as the
/// file is. A conflict where it has other bytes since the row was read.
pub(super) async fn opened(app: &App, document: &Document, bytes: Bytes, place: Place) -> Result<Clear> {
    let file = still_there(app, document, bytes, place).await?;
    Ok(file.ok_or_else(super::sign::moved_on)?)
}

/// The same; `None` where the file went with the version of the row that told of it.
pub(super) async fn still_there(app: &App, document: &Document, bytes: Bytes, place: Place) -> Result<Option<Clear>> {
    match decrypted(app, document, bytes, place).await {
        Err(Error::Internal(InternalError::Io { source, .. }))
            if source.kind() == ErrorKind::NotFound && has_moved(app, document).await? =>
        {
            Ok(None)
        }
        other => other.map(Some),
    }
}

async fn has_moved(app: &App, document: &Document) -> Result<bool> {
    let now = app.store.document_by_id(document.id).await?;
    Ok(now.is_none_or(|now| now.version != document.version))
}

async fn decrypted(app: &App, document: &Document, bytes: Bytes, place: Place) -> Result<Clear> {
    if !bytes.stored_as.starts_with(&format!("{}.", document.id)) {
        tracing::error!(event = "row_forged", table = "document", version = document.version);
        return Err(InternalError::RowForged { table: "document" }.into());
    }
    let app = app.clone();
    in_pieces(move |wanted| {
        let file = files::open(&app.settings, &app.vault, &bytes.stored_as, &bytes.written, wanted)?;
        Ok(Clear::new(file, place))
    })
    .await
}

/// The document's name in clear.
pub fn name_of(app: &App, document: &Document) -> Result<String> {
    let name = app.vault.open(NAME, &document.id.to_string(), &document.name)?;
    Ok(String::from_utf8_lossy(&name).into_owned())
}

/// A row as a view.
pub(super) fn view_of(app: &App, document: &Document) -> Result<DocumentView> {
    let name = name_of(app, document)?;
    let form = Form::of_row(document.signed_format.as_deref());
    Ok(DocumentView {
        id: document.id.to_string(),
        signed_name: document.signed_stored_as.as_ref().map(|_| form.file_name(&name)),
        name,
        media_type: document.media_type.clone(),
        state: document.state.name().to_owned(),
        sha256: hex::encode(&document.sha256),
        size: document.size,
        signed_sha256: document.signed_sha256.as_ref().map(hex::encode),
        signed_size: document.signed_size,
        created_at: document.created_at.rfc3339(),
    })
}

/// The last part of a path, without letters that control how it is shown, never empty.
pub(super) fn checked_name(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let shown = last.chars().filter(|letter| !letter.is_control() && !turns_direction(*letter));
    let clean: String = shown.take(NAME_CHARACTERS).collect();
    match clean.trim() {
        "" => "van-ban.pdf".to_owned(),
        name => name.to_owned(),
    }
}

fn cursor(text: &str) -> Option<Cursor> {
    let (at, id) = text.split_once('.')?;
    Some(Cursor { at: chuky_model::instant::Instant(at.parse().ok()?), id: id.parse().ok()? })
}

pub(super) fn original(id: DocumentId) -> String {
    format!("{id}.original")
}

/// A row from before rows had MACs, of which the audit log tells something else.
fn not_attested() -> RequestError {
    RequestError::conflict(
        "document_not_attested",
        "Văn bản này được lưu từ phiên bản trước và không khớp với nhật ký kiểm toán nên không mở được. Hãy tải tệp lên lại như một văn bản mới.",
        "This document was kept by an earlier version and does not match the audit log, so it is not opened. Upload the file again as a new document.",
    )
}

/// The type and subtype that a sender states (RFC 9110 §8.3.1), in small letters, without parameters; `application/octet-stream` where
/// they are none.
pub(super) fn checked_media_type(stated: &str) -> String {
    let essence = stated.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let is_token = |text: &str| {
        let known = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$&^_.+-".contains(&byte);
        (1..=MEDIA_TYPE_PART).contains(&text.len()) && text.bytes().all(known)
    };
    match essence.split_once('/') {
        Some((kind, subtype)) if is_token(kind) && is_token(subtype) => essence,
        _ => "application/octet-stream".to_owned(),
    }
}

/// Where a name is encrypted for.
pub(super) const NAME: &str = "document.name";
/// Longest type, and longest subtype (RFC 6838 §4.2).
const MEDIA_TYPE_PART: usize = 127;

#[cfg(test)]
mod tests {
    use super::checked_name;

    #[test]
    fn a_name_keeps_nothing_that_steers_how_it_is_shown() {
        assert_eq!(checked_name("C:\\thư\\hợp \u{202e}đồng\u{7}.pdf"), "hợp đồng.pdf");
        assert_eq!(checked_name("\u{2066}\u{2069}"), "van-ban.pdf");
    }
}
