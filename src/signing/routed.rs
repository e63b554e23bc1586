//! Documents that a road of several people carries: taken from an upload that lies in an unnamed file, extended by a reader, handed out.
//! Who may do what is the road's to decide; documents of one person only are not found here.

use super::{
    document::{self, Bytes, Content, NAME},
    files,
    form::{Form, PDF, not_pdf},
    limits::HEADER_WITHIN,
    places::{Place, in_pieces},
    sign::{Unrecorded, append, disk, read, unexpected},
};
use crate::{
    accounts::Principal,
    app::App,
    attestation,
    audit::{self, Actor, Entry, Kind},
    error::{Error, InternalError, RequestError, Result},
    fault,
    reader::{Evidence, Task, TaskOutput},
    store::Transaction,
};
use chuky_model::{
    id::DocumentId,
    record::{document::Document, state::DocumentState},
    report::{Integrity, Report},
};
use std::{
    fs::File,
    io::{Read, Seek},
};
use uuid::Uuid;

/// The media type of packages: they are told from an agency's own documents by it.
pub const PACKAGE: &str = "application/xml";

/// Looks for marks of secrecy on the first page, makes the fields, and stores the document encrypted. The row is the caller's to insert;
/// says whether the first page could be read.
pub async fn taken(app: &App, by: &Principal, mut clear: File, name: &str, fields: Task) -> Result<(Document, bool)> {
    let mut head = Vec::new();
    clear.rewind().map_err(disk())?;
    clear.by_ref().take(HEADER_WITHIN as u64).read_to_end(&mut head).map_err(disk())?;
    if !is_pdf(&head) {
        return Err(not_pdf().into());
    }
    let lines = first_page(app, &clear).await?;
    let TaskOutput::Update(update) = read(app, fields, &clear).await? else { return Err(unexpected().into()) };
    append(&mut clear, &update)?;
    Ok((stored(app, by, clear, (name, PDF)).await?, lines.is_some()))
}

/// The lines of a PDF's first page, each without white space, `None` where they cannot be read; refuses one that bears a mark of secrecy.
pub async fn first_page(app: &App, clear: &File) -> Result<Option<Vec<String>>> {
    let TaskOutput::Lines(lines) = read(app, Task::ReadFirstPage, clear).await? else {
        return Err(unexpected().into());
    };
    super::refuse_marked(lines.as_deref().unwrap_or_default())?;
    Ok(lines)
}

/// Refuses a PDF that bears a mark of secrecy, whatever its sender calls it. Of what a reader cannot read the first page is not searched, as
/// that of a scan is not; other formats have no page that is known here.
pub async fn refuse_marked_pdf(app: &App, clear: &File) -> Result<()> {
    let mut head = Vec::new();
    let mut file = clear;
    file.rewind().map_err(disk())?;
    file.take(HEADER_WITHIN as u64).read_to_end(&mut head).map_err(disk())?;
    if !is_pdf(&head) {
        return Ok(());
    }
    match read(app, Task::ReadFirstPage, clear).await {
        Ok(TaskOutput::Lines(lines)) => super::refuse_marked(lines.as_deref().unwrap_or_default()),
        Ok(_) => Err(unexpected().into()),
        Err(Error::Request(_)) => Ok(()),
        Err(error) => Err(error),
    }
}

fn is_pdf(head: &[u8]) -> bool {
    head.windows(5).any(|window| window == b"%PDF-")
}

/// Stores a package that came from another agency, encrypted. The row is the caller's to insert.
pub async fn package_taken(app: &App, by: &Principal, clear: File, name: &str) -> Result<Document> {
    stored(app, by, clear, (name, PACKAGE)).await
}

async fn stored(app: &App, by: &Principal, mut clear: File, (name, media_type): (&str, &str)) -> Result<Document> {
    let id = DocumentId(Uuid::now_v7());
    let stored_as = document::original(id);
    let (app_, stored_as_) = (app.clone(), stored_as.clone());
    let place = app.places.enter(by.account)?;
    let written = in_pieces(move |wanted| {
        let _place = place;
        files::store(&app_.settings, &app_.vault, &stored_as_, &mut clear, wanted)
    });
    let written = written.await?;
    fault::point("outgoing.stored");
    let now = app.clock.now();
    let mut document = Document {
        id,
        owner_id: by.account,
        name: app.vault.seal(NAME, &id.to_string(), document::checked_name(name).as_bytes())?,
        media_type: media_type.to_owned(),
        state: DocumentState::Outgoing,
        sha256: written.sha256,
        size: i64::try_from(written.size).unwrap_or(i64::MAX),
        stored_as,
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
    Ok(document)
}

/// Inserts the row of what was taken, with its entry in the audit log.
pub async fn insert_taken(transaction: &mut Transaction, by: &Principal, document: &Document) -> Result<()> {
    transaction.insert_document(document).await?;
    let entry = Entry::of_row(document.created_at, Kind::DocumentUploaded, Actor::Account(by.account), document);
    let content = serde_json::json!({ "sha256": hex::encode(&document.sha256), "size": document.size });
    audit::record(transaction, entry.with(content)).await?;
    Ok(())
}

/// The document of a road.
pub async fn of_road(app: &App, id: DocumentId) -> Result<Document> {
    let document = document::genuine(app, id).await?;
    let document = document.filter(|document| document.state == DocumentState::Outgoing);
    Ok(document.ok_or_else(RequestError::not_found)?)
}

/// The bytes of a road's document as they are now, whatever is signed in this moment, for whoever has that place.
pub async fn content_of_road(app: &App, id: DocumentId, place: Place) -> Result<Content> {
    for _ in 0..document::READ_AGAIN {
        let document = of_road(app, id).await?;
        let bytes = Bytes::newest(&document);
        let size = bytes.written.size;
        if let Some(file) = document::still_there(app, &document, bytes, place.clone()).await? {
            let name = document::name_of(app, &document)?;
            return Ok(Content { file, name, size, media_type: PDF.to_owned() });
        }
    }
    Err(super::sign::moved_on().into())
}

/// The bytes that the row tells of, for whoever has that place.
pub async fn routed_content(app: &App, document: &Document, place: Place) -> Result<Content> {
    let bytes = Bytes::newest(document);
    let size = bytes.written.size;
    let file = document::opened(app, document, bytes, place).await?;
    let name = document::name_of(app, document)?;
    Ok(Content { file, name, size, media_type: PDF.to_owned() })
}

/// The document with what a reader appends; every signature in it must still be intact. The row is the caller's to record.
pub async fn extended(app: &App, by: &Principal, document: &Document, task: Task) -> Result<Unrecorded> {
    let mut clear = routed_content(app, document, app.places.enter(by.account)?).await?.file;
    let TaskOutput::Update(update) = read(app, task, &clear).await? else { return Err(unexpected().into()) };
    append(&mut clear, &update)?;
    let report = judged(app, &clear).await?;
    if report.integrity != Integrity::Intact {
        tracing::error!(event = "extension_breaks_signatures", integrity = ?report.integrity);
        return Err(InternalError::other("an update would break a signature").into());
    }
    let filled = (Kind::DocumentFilled, serde_json::json!({}));
    Unrecorded::of_file(app, (Actor::Account(by.account), document), (clear, Form::Pades), filled, report).await
}

async fn judged(app: &App, clear: &File) -> Result<Report> {
    let evidence = Evidence::at(app.clock.now());
    let task = Task::Verify { name: "document.pdf".to_owned(), evidence, content_after: None };
    match read(app, task, clear).await? {
        TaskOutput::Report(report, _) => Ok(*report),
        _ => Err(unexpected().into()),
    }
}
