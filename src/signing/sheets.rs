//! What a person sees before the PIN: the pages of exactly the bytes that will be signed, as pictures, one at a time; and the page with the
//! signature on it as it will stand there. A reader draws; nothing of it is kept. That a page cannot be drawn is an answer.

use super::{
    code::FreshCode,
    document::{self, Bytes},
    form::{Form, PDF},
    picture,
    places::Clear,
    request::SignRequest,
    routed,
    sign::{append, form, read, unexpected},
};
use crate::{
    accounts::Principal,
    app::App,
    custody,
    error::{InternalError, RequestError, RequestErrorKind, Result},
    reader::{Page, Place, Preparation, ReaderFailure, Task, TaskOutput},
};
use chuky_model::{id::DocumentId, record::document::Document};
use chuky_pki::picture::{Picture, limits, sheet::Sheets};

/// A document as it is shown before it is signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    pub name: String,
    pub bytes: u64,
    /// Hex of the SHA-256 of the bytes that are shown: the same must be signed.
    pub sha256: String,
    pub pages: Pages,
}

/// What there is to see of its pages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pages {
    /// How many there are, and the sizes of the pictures of some, from that number.
    Drawn { count: u32, from: u32, sizes: Vec<(u16, u16)> },
    /// It is a PDF that cannot be drawn.
    Undrawable,
    /// It was not read in time, or the reader ended: that may be otherwise when it is looked at again.
    NotNow,
    /// It has no pages that are known here.
    OtherFormat,
}

/// The caller's document as it would be signed now, its pages from that number.
pub async fn shown(app: &App, by: &Principal, id: DocumentId, from: u32) -> Result<Shown> {
    let document = document::load(app, by, id).await?;
    shown_of(app, by, &document, from).await
}

/// The same of a road's document, for whoever may see the road.
pub async fn shown_of_road(app: &App, by: &Principal, id: DocumentId, from: u32) -> Result<Shown> {
    let document = routed::of_road(app, id).await?;
    shown_of(app, by, &document, from).await
}

/// A page of the caller's document, of the bytes with that digest.
pub async fn sheet(app: &App, by: &Principal, id: DocumentId, (sha256, page): (&str, u32)) -> Result<Picture> {
    let document = document::load(app, by, id).await?;
    sheet_of(app, by, &document, (sha256, page)).await
}

/// The same of a road's document, for whoever may see the road.
pub async fn sheet_of_road(app: &App, by: &Principal, id: DocumentId, (sha256, page): (&str, u32)) -> Result<Picture> {
    let document = routed::of_road(app, id).await?;
    sheet_of(app, by, &document, (sha256, page)).await
}

/// The page on which the signature would stand, with it, for the caller's document and credential. Nothing is signed.
pub async fn with_signature(app: &App, by: &Principal, id: DocumentId, wanted: &SignRequest) -> Result<Picture> {
    let document = document::load(app, by, id).await?;
    let bytes = Bytes::newest(&document);
    wanted.is_of(&bytes.written.sha256)?;
    if form(&document, wanted)? != Form::Pades || bytes.written.size > limits::FILE as u64 {
        return Err(undrawable().into());
    }
    let signer = custody::signer(app, by, wanted.credential).await?;
    wanted.check_look(app, Some(&signer.row)).await?;
    let wanted = &picture::resolved(app, by, wanted).await?;
    let fresh = wanted.code.as_ref().map(FreshCode::new).transpose()?;
    let (reason, location) = wanted.texts()?;
    let preparation = Preparation {
        signed_at: app.clock.now(),
        signer_name: signer.certificate.subject().common_name(),
        reason,
        location,
        look: wanted.appearance(&signer.certificate)?,
        place: wanted.place()?,
        code: fresh.as_ref().map(|code| code.drawn(app)),
        contents_bytes: NOTHING_SIGNED,
    };
    // What an account asks for is prepared one after the other, and nobody else waits for that.
    let drawing = app.places.drawing(by.account).await?;
    let mut clear = opened(app, by, &document).await?;
    let page = page_of(app, &clear, &preparation.place).await?;
    let answer = read(app, Task::Prepare(Box::new(preparation)), &clear).await?;
    let TaskOutput::Prepared(prepared) = answer else { return Err(unexpected().into()) };
    let update = prepared.finish(&[]).map_err(|error| InternalError::Pki(error.to_string()))?;
    append(&mut clear, &update)?;
    let _turn = drawing.turn().await?;
    drawn(app, &clear, page).await
}

/// The page on which the signature will stand: its number, or the last.
async fn page_of(app: &App, clear: &Clear, place: &Place) -> Result<Option<u32>> {
    let page = match place {
        Place::Corner { page, .. } | Place::Rectangle { page, .. } => *page,
        Place::Field(_) => return Err(undrawable().into()),
        Place::Anchor(anchor) => match read(app, Task::FindAnchor(anchor.clone()), clear).await? {
            TaskOutput::AnchorFound(page) => Page::Number(page),
            _ => return Err(unexpected().into()),
        },
    };
    Ok(match page {
        Page::First => Some(1),
        Page::Last => None,
        Page::Number(number) => Some(number),
    })
}

async fn shown_of(app: &App, by: &Principal, document: &Document, from: u32) -> Result<Shown> {
    let Bytes { written, .. } = Bytes::newest(document);
    let pages = match document.media_type == PDF && Form::of_row(document.signed_format.as_deref()) == Form::Pades {
        false => Pages::OtherFormat,
        // The drawing library holds a document in memory, so nothing larger is even decrypted for it.
        true if written.size > limits::FILE as u64 => Pages::Undrawable,
        true => measured(app, &opened(app, by, document).await?, from.max(1)).await?,
    };
    let name = document::name_of(app, document)?;
    Ok(Shown { name, bytes: written.size, sha256: hex::encode(&written.sha256), pages })
}

async fn measured(app: &App, clear: &Clear, from: u32) -> Result<Pages> {
    let file = clear.try_clone().map_err(InternalError::io("a document"))?;
    let answer = app.readers.run(Task::MeasureSheets { from, most: limits::SHEETS }, Some(file)).await;
    Ok(match answer {
        Ok(TaskOutput::Sheets(Ok(Sheets { count, sizes }))) => Pages::Drawn { count, from, sizes },
        Ok(TaskOutput::Sheets(Err(_)) | TaskOutput::Unsuitable(_)) => Pages::Undrawable,
        Ok(_) => return Err(unexpected().into()),
        Err(ReaderFailure::NotStarted(error)) => return Err(InternalError::io("a reader worker")(error).into()),
        Err(failure) => {
            tracing::warn!(event = "pages_not_measured", reason = %failure);
            Pages::NotNow
        }
    })
}

async fn sheet_of(app: &App, by: &Principal, document: &Document, (sha256, page): (&str, u32)) -> Result<Picture> {
    let written = Bytes::newest(document).written;
    super::request::is_shown(Some(sha256), &written.sha256)?;
    if written.size > limits::FILE as u64 {
        return Err(undrawable().into());
    }
    // A file lies in clear, in one of the account's places, only while its page is drawn.
    let drawing = app.places.drawing(by.account).await?;
    let _turn = drawing.turn().await?;
    let clear = opened(app, by, document).await?;
    drawn(app, &clear, Some(page)).await
}

async fn opened(app: &App, by: &Principal, document: &Document) -> Result<Clear> {
    document::opened(app, document, Bytes::newest(document), app.places.enter(by.account)?).await
}

async fn drawn(app: &App, clear: &Clear, page: Option<u32>) -> Result<Picture> {
    match read(app, Task::DrawSheet(page), clear).await? {
        TaskOutput::Sheet(Ok(picture)) => Ok(picture),
        TaskOutput::Sheet(Err(reason)) => {
            tracing::info!(event = "page_not_drawn", reason);
            Err(undrawable().into())
        }
        _ => Err(unexpected().into()),
    }
}

fn undrawable() -> RequestError {
    RequestError::new(
        RequestErrorKind::Invalid,
        "page_not_drawn",
        "Không vẽ được hình trang này. Hãy tải tệp xuống và xem bằng phần mềm của bạn trước khi ký.",
        "This page cannot be drawn. Download the file and look at it with your own program before you sign.",
    )
}

/// Bytes reserved for a signature that is not made.
const NOTHING_SIGNED: usize = 64;
