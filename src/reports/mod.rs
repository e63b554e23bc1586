//! Reports on a verdict as files: a PDF for people, sealed by the service, and the XML of ETSI TS 119 102-2. Both say what the verdict
//! says and judge nothing. May use `issuance` for the seal; words come from the caller.

mod etsi;
pub mod limits;

pub use etsi::xml;

use crate::{
    app::App,
    error::{Error, InternalError, Result},
    issuance::{Authority, ceremony::typefaces as printed_typefaces, timestamp},
};
use chuky_model::{instant::Instant, record::state::KeyPurpose, request::Hierarchy};
use chuky_pki::pdf::{
    letter::sheet::{self as letter, Block},
    sheet::Sheet,
    typeface::Typefaces,
    write::{Kind, SignatureOptions, prepare},
};
use qrcode::{Color, EcLevel, QrCode};
use std::path::Path;

/// What a report says of its own seal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seal<'a> {
    /// By the service's timestamp authority of that name.
    By(&'a str),
    /// None could be made.
    Missing,
    /// Made on the command line, where there is no service.
    Offline,
}

/// The sheet as a PDF under the service's seal: a document timestamp (EN 319 142-1 §5.4.3) by the own authority of the agencies'
/// hierarchy, which proves who made the report, when, and that nothing was changed since. Where no timestamp can be made now, the
/// report goes out without one and says so.
pub async fn sealed_pdf(app: &App, sheet: impl Fn(Seal<'_>) -> Sheet) -> Result<Vec<u8>> {
    let now = app.clock.now();
    match sealed(app, &sheet, now).await {
        Ok(pdf) => Ok(pdf),
        Err(error) => {
            tracing::error!(event = "report_not_sealed", error = %error);
            compose(app, sheet(Seal::Missing), now).await
        }
    }
}

async fn compose(app: &App, sheet: Sheet, now: Instant) -> Result<Vec<u8>> {
    let fonts = app.settings.fonts_dir.clone();
    let composed = tokio::task::spawn_blocking(move || pdf(&sheet, &fonts, now));
    composed.await.map_err(|error| InternalError::other(error.to_string()))?
}

async fn sealed(app: &App, sheet: &impl Fn(Seal<'_>) -> Sheet, now: Instant) -> Result<Vec<u8>> {
    let authority = Authority::of(app).await?;
    let key = authority.key(HIERARCHY, KeyPurpose::Timestamp)?;
    let sheet = sheet(Seal::By(&key.certificate.subject().common_name()));
    let mut pdf = compose(app, sheet, now).await?;
    let above = authority.issuer_of(key)?.certificate.der().len();
    let room = limits::TOKEN_BYTES.saturating_add(key.certificate.der().len()).saturating_add(above);
    let options = SignatureOptions { kind: Kind::DocumentTimestamp, ..SignatureOptions::new(now, room) };
    let prepared = prepare(&pdf, &options).map_err(write_error)?;
    let digest: [u8; 32] =
        prepared.digest(&pdf).try_into().map_err(|_| InternalError::other("a digest of another length"))?;
    let token = timestamp::token(app, HIERARCHY, &digest).await?;
    pdf.extend(prepared.finish(&token).map_err(write_error)?);
    Ok(pdf)
}

/// A QR code for a printed sheet.
pub fn squares(text: &str) -> Result<Block> {
    let code = QrCode::with_error_correction_level(text, EcLevel::M);
    let code = code.map_err(|error| InternalError::other(format!("QR code: {error}")))?;
    Ok(Block::Squares(code.width(), code.to_colors().iter().map(|color| *color == Color::Dark).collect()))
}

/// Plain printed sheets as a PDF, in the typeface of official documents.
pub async fn printed(app: &App, blocks: Vec<Block>, title: &'static str) -> Result<Vec<u8>> {
    let (settings, now) = (app.settings.clone(), app.clock.now());
    let composed = tokio::task::spawn_blocking(move || {
        let typefaces = printed_typefaces(&settings)?;
        Ok(letter::compose(&blocks, &typefaces, (title, "Chuky"), now).map_err(write_error)?)
    });
    composed.await.map_err(|error| InternalError::other(error.to_string()))?
}

/// The sheet as a PDF without a seal, in the typefaces of that directory.
pub fn pdf(sheet: &Sheet, fonts: &Path, now: Instant) -> Result<Vec<u8>> {
    let read = |style: &str| {
        let path = fonts.join(format!("LiberationSans-{style}.ttf"));
        std::fs::read(&path).map_err(|error| {
            Error::from(InternalError::other(format!("the typeface {} cannot be read: {error}", path.display())))
        })
    };
    let (regular, bold, italic, bold_italic) = (read("Regular")?, read("Bold")?, read("Italic")?, read("BoldItalic")?);
    let typefaces = Typefaces::parse(regular, bold, italic, bold_italic).map_err(write_error)?;
    Ok(sheet.compose(&typefaces, now).map_err(write_error)?)
}

fn write_error(error: chuky_pki::pdf::write::WriteError) -> InternalError {
    InternalError::Pki(error.to_string())
}

/// Whose timestamp authority seals: the agencies' own.
const HIERARCHY: Hierarchy = Hierarchy::Officials;
