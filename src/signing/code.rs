//! Codes on the pages of signed PDFs: made before the signature that covers them, stored with it, looked up by whoever holds the paper. A
//! code tells what the service signed; it proves nothing about the paper, and its page says so. The document's owner closes the page.

use super::{
    document::{self, Bytes},
    limits::{CODES_OF_A_DOCUMENT, REASON_CHARACTERS},
    request::PageWanted,
};
use crate::{
    accounts::Principal,
    app::App,
    attestation,
    audit::{self, Actor, Entry, Kind},
    current,
    error::{InternalError, RequestError, Result},
    issuance::status,
    reader::{CodeWanted, Corner, Place},
    store::Transaction,
};
use chuky_model::{
    id::{DocumentCodeId, DocumentId},
    instant::Instant,
    record::{
        certificate::Certificate as CertificateRow,
        document::{Document, DocumentCode},
        state::{CertificateState, DocumentState},
    },
};
use chuky_pki::{algorithm::DigestAlgorithm, crypto::Hasher, name::NameAttribute};
use rand::Rng;
use serde::{Deserialize, Serialize};
use std::{fs::File, os::unix::fs::FileExt};
use uuid::Uuid;

/// A code as it is asked for with a signature.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CodeRequest {
    /// What the document is called on the code's page; the page shows no name where this is absent.
    pub title: Option<String>,
    /// Default `last`.
    #[schema(value_type = Option<String>)]
    pub page: Option<PageWanted>,
    /// A corner of that page, default `bottom-left`; the nearest place to it where nothing stands.
    #[schema(value_type = Option<String>)]
    pub place: Option<Corner>,
    /// Instead of a corner: left, bottom, right, top in points.
    pub rectangle: Option<[f32; 4]>,
}

/// A code that is about to be put on a page. Its letters are known to nobody before the document is signed.
#[derive(Clone, Debug)]
pub struct FreshCode {
    letters: String,
    title: String,
    place: Place,
}

impl FreshCode {
    /// The code of a request; nothing is stored yet.
    pub(super) fn new(wanted: &CodeRequest) -> Result<Self> {
        let page = super::request::page_of(wanted.page.as_ref())?;
        let place = match wanted.rectangle {
            Some(rectangle) => Place::Rectangle { page, rectangle },
            None => Place::Corner { page, corner: wanted.place.unwrap_or(Corner::BottomLeft) },
        };
        let title = wanted.title.as_deref().map(str::trim).unwrap_or_default().to_owned();
        if title.chars().count() > REASON_CHARACTERS || title.chars().any(char::is_control) {
            return Err(RequestError::invalid(
                "code",
                "text_too_long",
                format!("Tên văn bản trên trang kiểm tra có tối đa {REASON_CHARACTERS} ký tự trên một dòng."),
                format!("The document's title on the page of its code has at most {REASON_CHARACTERS} characters on one line."),
            )
            .into());
        }
        Ok(Self { letters: fresh_letters(), title, place })
    }

    /// What a reader draws.
    pub(super) fn drawn(&self, app: &App) -> CodeWanted {
        let origin = app.settings.public_url.trim_end_matches('/');
        let shown = origin.split_once("://").map_or(origin, |(_, host)| host);
        CodeWanted {
            target: format!("{origin}{PATH}/{}", grouped(&self.letters)),
            address: format!("{shown}{PATH}"),
            letters: grouped(&self.letters),
            place: self.place.clone(),
        }
    }

    /// The row, once the document is signed.
    pub(super) async fn row(
        &self,
        app: &App,
        document: &Document,
        certificate: &CertificateRow,
        pages: Option<u32>,
    ) -> Result<DocumentCode> {
        let id = DocumentCodeId(Uuid::now_v7());
        let content = Content {
            letters: self.letters.clone(),
            title: self.title.clone(),
            pages,
            size: document.signed_size.unwrap_or_default(),
            sha256: document.signed_sha256.as_ref().map(hex::encode).unwrap_or_default(),
        };
        let json = serde_json::to_vec(&content).map_err(|error| InternalError::other(error.to_string()))?;
        let mut row = DocumentCode {
            id,
            code_hash: app.vault.lookup(PURPOSE, &self.letters).to_vec(),
            document_id: document.id,
            certificate_id: certificate.id,
            content: app.vault.seal(CONTENT, &id.to_string(), &json)?,
            created_at: document.updated_at,
            ended_at: None,
            version: 1,
            mac: Vec::new(),
        };
        attestation::attest(&*app.tokens.subscribers, &mut row).await?;
        Ok(row)
    }
}

/// Stores a code's row with its audit entry, in the transaction of the signature.
pub(super) async fn insert(transaction: &mut Transaction, by: Actor, row: &DocumentCode) -> Result<()> {
    transaction.insert_document_code(row).await?;
    let entry = Entry::of_row(row.created_at, Kind::DocumentCodeMade, by, row);
    let content = serde_json::json!({ "document": row.document_id.to_string() });
    audit::record(transaction, entry.with(content)).await?;
    Ok(())
}

/// What is stored encrypted.
#[derive(Serialize, Deserialize)]
struct Content {
    letters: String,
    title: String,
    pages: Option<u32>,
    /// Octets of the file that the signature made.
    size: i64,
    sha256: String,
}

/// A code as the document's owner sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct CodeView {
    pub id: String,
    /// As it stands on the page.
    pub code: String,
    /// Where it leads.
    pub address: String,
    pub title: String,
    /// RFC 3339.
    pub created_at: String,
    /// RFC 3339, where its page is closed.
    pub ended_at: Option<String>,
}

/// What a code tells of a document: nothing that the signed file itself would not, beside what its signer entered for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    pub id: DocumentCodeId,
    pub document: DocumentId,
    /// Grouped, as it stands on the page.
    pub code: String,
    pub title: String,
    pub pages: Option<u32>,
    pub signed_at: Instant,
    pub signer: String,
    /// An official's title, and the agency.
    pub position: String,
    pub organization: String,
    pub issuer: String,
    /// Upper-case hexadecimal.
    pub serial: String,
    pub certificate: CertificateState,
    pub not_after: Instant,
    /// Since when the certificate is suspended or revoked.
    pub revoked_at: Option<Instant>,
    /// Of the newest signed file: hex, and its octets.
    pub sha256: String,
    pub size: i64,
    /// Of the file that this signature made.
    own: (String, u64),
    /// Since when its page is closed; only its owner is told so.
    pub ended_at: Option<Instant>,
    pub is_own: bool,
}

/// How a file compares with the signed one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Same {
    /// The newest signed file.
    Newest,
    /// The file as this signature made it.
    Earlier,
    /// That file, and something behind it: further signatures, or changes.
    Longer,
    Other,
}

/// What is known of a code, as somebody typed or scanned it. `not_found` where there is none, and where its page is closed to whoever
/// asks.
pub async fn told(app: &App, by: Option<&Principal>, text: &str) -> Result<Told> {
    let letters = letters_of(text).ok_or_else(RequestError::not_found)?;
    let hash = app.vault.lookup(PURPOSE, &letters);
    let row = current::row(app, || app.store.document_code_by_hash(&hash)).await?;
    let row = row.ok_or_else(RequestError::not_found)?;
    let document = document::genuine(app, row.document_id).await?.ok_or_else(RequestError::not_found)?;
    let is_own = by.is_some_and(|by| by.account == document.owner_id);
    if document.state == DocumentState::Removed || (row.ended_at.is_some() && !is_own) {
        return Err(RequestError::not_found().into());
    }
    let content = content_of(app, &row)?;
    let id = row.certificate_id;
    let certificate = current::row(app, || app.store.certificate_by_id(id)).await?;
    let certificate = certificate.ok_or(InternalError::RowForged { table: "document_code" })?;
    let parsed = status::certificate_of(app, &certificate)?;
    let parsed = parsed.ok_or(InternalError::RowForged { table: "document_code" })?;
    let subject = parsed.subject();
    let newest = Bytes::newest(&document).written;
    let title = NameAttribute::Title.oid();
    Ok(Told {
        id: row.id,
        document: row.document_id,
        code: grouped(&content.letters),
        title: content.title,
        pages: content.pages,
        signed_at: row.created_at,
        signer: subject.common_name(),
        position: subject.values(&title).last().unwrap_or_default().to_owned(),
        organization: subject.organization(),
        issuer: parsed.issuer().common_name(),
        serial: hex::encode_upper(parsed.serial_octets()),
        certificate: certificate.state,
        not_after: certificate.not_after,
        revoked_at: certificate.revoked_at,
        sha256: hex::encode(&newest.sha256),
        size: i64::try_from(newest.size).unwrap_or(i64::MAX),
        own: (content.sha256, u64::try_from(content.size).unwrap_or(0)),
        ended_at: row.ended_at,
        is_own,
    })
}

impl Told {
    /// The whole address of the code's page.
    pub fn address(&self, app: &App) -> String {
        address(app, &self.code)
    }

    /// For pages that are looked at.
    #[cfg(test)]
    pub(crate) fn sample(certificate: CertificateState, is_own: bool) -> Self {
        let day = |text: &str| Instant::parse_rfc3339(text).unwrap_or_else(|| unreachable!("a day of the samples"));
        Self {
            id: DocumentCodeId(Uuid::nil()),
            document: DocumentId(Uuid::nil()),
            code: "K7M2Q9-X4T8W3-N6P1R5".to_owned(),
            title: String::new(),
            pages: Some(12),
            signed_at: day("2026-11-22T03:05:09Z"),
            signer: "Trần Văn Khương".to_owned(),
            position: "Phó Chủ tịch".to_owned(),
            organization: "Ủy ban nhân dân thành phố Hà Nội".to_owned(),
            issuer: "CA chữ ký số công vụ thử nghiệm".to_owned(),
            serial: "54010ABC54010ABC54010ABC54010ABC".to_owned(),
            certificate,
            not_after: day("2029-11-22T03:05:09Z"),
            revoked_at: Some(day("2026-11-24T03:05:09Z")),
            sha256: "5e".repeat(32),
            size: 1_234_567,
            own: ("5e".repeat(32), 1_234_567),
            ended_at: is_own.then(|| day("2026-11-24T03:05:09Z")),
            is_own,
        }
    }

    /// Compares a file, whose digest is known, with the signed one. Reads it once more at most.
    pub fn compare(&self, file: &File, sha256: &str) -> Same {
        if sha256 == self.sha256 {
            return Same::Newest;
        }
        if sha256 == self.own.0 {
            return Same::Earlier;
        }
        match beginning(file, self.own.1) {
            Some(digest) if digest == self.own.0 => Same::Longer,
            _ => Same::Other,
        }
    }
}

/// SHA-256 of the first octets of a file; `None` of a shorter one.
fn beginning(file: &File, length: u64) -> Option<String> {
    let (mut hasher, mut piece, mut offset) = (Hasher::new(DigestAlgorithm::Sha256), vec![0; super::limits::PIECE], 0);
    while offset < length {
        let wanted = usize::try_from(length - offset).unwrap_or(usize::MAX).min(piece.len());
        let count = file.read_at(piece.get_mut(..wanted)?, offset).ok().filter(|count| *count > 0)?;
        hasher.update(piece.get(..count)?);
        offset += u64::try_from(count).ok()?;
    }
    Some(hex::encode(hasher.finish()))
}

/// The codes of the caller's document.
pub async fn codes_of(app: &App, by: &Principal, id: DocumentId) -> Result<Vec<CodeView>> {
    let document = own_document(app, by, id).await?;
    let rows = current::rows(app, || app.store.codes_of_document(document.id, CODES_OF_A_DOCUMENT)).await?;
    rows.iter().map(|row| view_of(app, row)).collect()
}

/// Closes the page of a code of the caller's document, or opens it again.
pub async fn set_open(app: &App, by: &Principal, id: DocumentCodeId, open: bool) -> Result<CodeView> {
    let row = current::row_by_log(app, || app.store.document_code_by_id(id)).await?;
    let mut row = row.ok_or_else(RequestError::not_found)?;
    own_document(app, by, row.document_id).await?;
    if row.ended_at.is_none() == open {
        return view_of(app, &row);
    }
    let now = app.clock.now();
    row.ended_at = (!open).then_some(now);
    let kind = if open { Kind::DocumentCodeOpened } else { Kind::DocumentCodeEnded };
    change(app, (kind, Actor::Account(by.account)), &mut row, now).await?;
    view_of(app, &row)
}

/// Takes away what the codes of a document tell, for its owner was erased.
pub(super) async fn forget(app: &App, document: DocumentId) -> Result<()> {
    for mut row in current::rows(app, || app.store.codes_of_document(document, CODES_OF_A_DOCUMENT)).await? {
        if row.content.is_empty() {
            continue;
        }
        let now = app.clock.now();
        row.content = Vec::new();
        row.ended_at = row.ended_at.or(Some(now));
        change(app, (Kind::DocumentCodeEnded, Actor::Service), &mut row, now).await?;
    }
    Ok(())
}

async fn change(app: &App, (kind, by): (Kind, Actor), row: &mut DocumentCode, now: Instant) -> Result<()> {
    attestation::attest_change(&*app.tokens.subscribers, row).await?;
    let mut transaction = app.store.begin().await?;
    match transaction.update_document_code(row).await {
        Err(crate::store::Error::Stale) => return Err(RequestError::try_again().into()),
        other => other?,
    }
    audit::record(&mut transaction, Entry::of_row(now, kind, by, row)).await?;
    transaction.commit().await?;
    current::changed(app, row);
    Ok(())
}

/// The caller's document, wherever it stands.
async fn own_document(app: &App, by: &Principal, id: DocumentId) -> Result<Document> {
    let document = document::genuine(app, id).await?;
    let own = |document: &Document| document.owner_id == by.account && document.state != DocumentState::Removed;
    Ok(document.filter(own).ok_or_else(RequestError::not_found)?)
}

pub(super) fn view_of(app: &App, row: &DocumentCode) -> Result<CodeView> {
    let content = content_of(app, row)?;
    let code = grouped(&content.letters);
    Ok(CodeView {
        id: row.id.to_string(),
        address: address(app, &code),
        code,
        title: content.title,
        created_at: row.created_at.rfc3339(),
        ended_at: row.ended_at.map(Instant::rfc3339),
    })
}

fn content_of(app: &App, row: &DocumentCode) -> Result<Content> {
    if row.content.is_empty() {
        return Err(RequestError::not_found().into());
    }
    let plain = app.vault.open(CONTENT, &row.id.to_string(), &row.content)?;
    Ok(serde_json::from_slice(&plain).map_err(|error| InternalError::other(error.to_string()))?)
}

fn address(app: &App, code: &str) -> String {
    format!("{}{PATH}/{code}", app.settings.public_url.trim_end_matches('/'))
}

/// 18 letters of 5 bits each: 90 bits.
fn fresh_letters() -> String {
    let mut octets = [0_u8; LETTERS];
    rand::rng().fill_bytes(&mut octets);
    octets.iter().filter_map(|octet| ALPHABET.get(usize::from(octet & 31))).map(|letter| char::from(*letter)).collect()
}

/// `K7M2Q9-X4T8W3-N6P1R5`.
fn grouped(letters: &str) -> String {
    let letters: Vec<char> = letters.chars().collect();
    letters.chunks(GROUP).map(|group| group.iter().collect::<String>()).collect::<Vec<_>>().join("-")
}

/// The letters of a code as somebody typed it, read forgivingly: small letters, O and 0, I, L and 1, spaces and hyphens.
fn letters_of(text: &str) -> Option<String> {
    let mut letters = String::new();
    for letter in text.chars().take(LONGEST_TYPED).filter(|letter| !matches!(letter, '-' | ' ')) {
        let letter = match letter.to_ascii_uppercase() {
            'O' => '0',
            'I' | 'L' => '1',
            other => other,
        };
        if !ALPHABET.iter().any(|known| char::from(*known) == letter) {
            return None;
        }
        letters.push(letter);
    }
    (letters.len() == LETTERS).then_some(letters)
}

/// The refusal of a code on what has no pages.
pub(super) fn needs_pdf() -> RequestError {
    RequestError::invalid(
        "code",
        "code_needs_pdf",
        "Mã kiểm tra chỉ đặt được lên trang của tệp PDF ký theo PAdES.",
        "A code stands on the page of a PDF that is signed in PAdES only.",
    )
}

/// Where pages of codes lie.
pub const PATH: &str = "/k";
/// Where a code's content is encrypted for.
const CONTENT: &str = "document_code.content";
/// What a code's hash is for.
const PURPOSE: &str = "document_code";
const LETTERS: usize = 18;
const GROUP: usize = 6;
/// Characters of what is typed that are looked at.
const LONGEST_TYPED: usize = 64;
/// Crockford's: without letters that are taken for digits, and without U.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::io::Write;

    #[test]
    fn codes_are_read_as_people_type_them() {
        let letters = fresh_letters();
        assert_eq!(letters.len(), LETTERS);
        assert_eq!(letters_of(&grouped(&letters)), Some(letters.clone()));
        assert_eq!(letters_of(&grouped(&letters).to_lowercase().replace('0', "o").replace('1', "l")), Some(letters));
        assert_eq!(letters_of("k7m2q9 x4t8w3 n6p1r5").as_deref(), Some("K7M2Q9X4T8W3N6P1R5"));
        for wrong in ["", "K7M2Q9", "K7M2Q9-X4T8W3-N6P1R5-7", "U7M2Q9-X4T8W3-N6P1R5", "../../etc/passwd…"] {
            assert_eq!(letters_of(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn the_beginning_of_a_file_is_digested() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"signed, and more").unwrap();
        let digest = hex::encode(chuky_pki::crypto::sha256(b"signed"));
        assert_eq!(beginning(&file, 6), Some(digest));
        assert_eq!(beginning(&file, 17), None);
    }
}
