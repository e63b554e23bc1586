//! What a reader does for a signature: everything that needs the document understood. It places and draws the signature, prepares the
//! update with room for it, and adds long-term data. It never sees a key, a PIN or what is signed.

use super::code::CodeWanted;
use chuky_model::{algorithm::HashAlgorithm, instant::Instant, text::Bilingual};
use chuky_pki::creation::Enveloped;
use chuky_pki::pdf::{
    typeface::Typefaces,
    write::{
        self, Field, Kind, LongTermData, Look, PageChoice, PageGeometry, Picture, Placement, Prepared,
        SignatureOptions, WriteError,
    },
};
use chuky_pki::picture::{
    anchor::{self, Hit},
    sheet,
};
use serde::{Deserialize, Serialize};
use std::{fs::File, io, path::Path, sync::Arc};

/// How a signature is prepared.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Preparation {
    pub signed_at: Instant,
    pub signer_name: String,
    pub reason: Option<String>,
    pub location: Option<String>,
    pub look: Appearance,
    pub place: Place,
    /// A code beside it, or instead of a look where there is none.
    pub code: Option<CodeWanted>,
    /// Bytes reserved for the CMS.
    pub contents_bytes: usize,
}

/// What is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Appearance {
    Nothing,
    Citizen {
        name: String,
        certificate_number: String,
    },
    /// A competent person's (Decree 30/2020/NĐ-CP, Appendix I, ô số 7c), with a PNG of the handwriting where there is one.
    Official {
        full_name: String,
        picture: Option<Vec<u8>>,
    },
    /// An agency's (the same, ô số 8), with a PNG of the seal where there is one.
    Seal {
        agency: String,
        picture: Option<Vec<u8>>,
    },
    /// A copy's or an appendix's (the same, ô số 14): these lines, then the time.
    Lines(Vec<String>),
}

/// Where it is shown.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Place {
    /// In a corner of a page, as large as the look wants, beside what stands there already.
    Corner { page: Page, corner: Corner },
    /// Left, bottom, right, top in points from the lower left corner of the page as shown.
    Rectangle { page: Page, rectangle: [f32; 4] },
    /// An empty signature field of this name.
    Field(String),
    /// Beside a text of the document.
    Anchor(Anchor),
}

/// A text beside which a signature stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Anchor {
    pub text: String,
    /// Any where absent.
    pub page: Option<Page>,
    /// From 1 in reading order; the last where absent.
    pub hit: Option<u32>,
    pub side: Side,
}

/// On which side of the text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    Above,
    #[default]
    Below,
    Left,
    Right,
}

/// A page of the document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Page {
    First,
    Last,
    /// From 1.
    Number(u32),
}

/// A corner of a page as shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Corner {
    TopLeft,
    TopRight,
    BottomLeft,
    #[default]
    BottomRight,
}

/// Why the document cannot be signed so, for the person who asked.
#[derive(Clone, Debug, thiserror::Error, Serialize, Deserialize)]
#[error("{reason}")]
pub struct Unsuitable {
    pub reason: String,
    pub message: Bilingual,
}

impl From<WriteError> for Unsuitable {
    fn from(error: WriteError) -> Self {
        Self { reason: error.to_string(), message: error.message() }
    }
}

/// The typefaces of visible signatures: mapped before the worker is confined, parsed when first needed.
pub(super) struct Faces {
    files: Option<[memmap2::Mmap; 4]>,
    parsed: Option<Typefaces>,
}

impl Faces {
    /// Maps the four files of Liberation Serif; a visible signature is refused where one is missing.
    pub(super) fn map(directory: Option<&Path>) -> Self {
        Self { files: directory.and_then(|directory| map(directory).ok()), parsed: None }
    }

    pub(super) fn parsed(&mut self) -> Result<&Typefaces, WriteError> {
        if self.parsed.is_none() {
            let [regular, bold, italic, bold_italic] = self.files.as_ref().ok_or(WriteError::Typeface)?;
            let [regular, bold] = [regular.to_vec(), bold.to_vec()];
            self.parsed = Some(Typefaces::parse(regular, bold, italic.to_vec(), bold_italic.to_vec())?);
        }
        self.parsed.as_ref().ok_or(WriteError::Typeface)
    }
}

/// Prepares a signature in the document.
pub(super) fn prepare(source: &[u8], mut wanted: Preparation, faces: &mut Faces) -> Result<Prepared, Unsuitable> {
    let margin = if matches!(wanted.look, Appearance::Lines(_)) { NARROW_MARGIN } else { MARGIN };
    let (size, mut look) = look(wanted.look)?;
    let mut code = None;
    let field = match (size, wanted.place) {
        (_, Place::Field(name)) => Field::Existing(name),
        (None, _) if wanted.code.is_some() => {
            // The code is what the signature shows: so it can be added behind earlier signatures, too.
            let wanted = wanted.code.take().ok_or(WriteError::Composition)?;
            look = Some(Look::Code(wanted.code()?));
            Field::New { name: None, placement: wanted.placement(source, None)? }
        }
        (None, _) => Field::NewInvisible,
        (Some(_), Place::Rectangle { page, rectangle }) => {
            Field::New { name: None, placement: Placement { page: page.into(), rectangle } }
        }
        (Some(size), Place::Corner { page, corner }) => {
            let geometry = write::page_geometry(source, page.into())?;
            let rectangle = free_place(&geometry, corner, (size, margin));
            Field::New { name: None, placement: Placement { page: page.into(), rectangle } }
        }
        (Some(size), Place::Anchor(anchor)) => {
            let (page, rectangle) = beside(source, &anchor, size)?;
            Field::New { name: None, placement: Placement { page: page.into(), rectangle } }
        }
    };
    if let Some(wanted) = &wanted.code {
        let own = match &field {
            Field::New { placement, .. } => Some(placement.rectangle),
            _ => None,
        };
        code = Some((wanted.code()?, wanted.placement(source, own)?));
    }
    let faces = if look.is_some() || code.is_some() { Some(faces.parsed()?) } else { None };
    let look = look.zip(faces);
    let code = code.zip(faces).map(|((code, placement), faces)| (code, placement, faces));
    let options = SignatureOptions {
        field,
        look,
        code,
        signer_name: Some(wanted.signer_name),
        reason: wanted.reason,
        location: wanted.location,
        ..SignatureOptions::new(wanted.signed_at, wanted.contents_bytes)
    };
    Ok(write::prepare(source, &options)?)
}

/// Prepares a document timestamp (EN 319 142-1 §5.4.3).
pub(super) fn prepare_timestamp(source: &[u8], at: Instant, token_bytes: usize) -> Result<Prepared, Unsuitable> {
    let options = SignatureOptions { kind: Kind::DocumentTimestamp, ..SignatureOptions::new(at, token_bytes) };
    Ok(write::prepare(source, &options)?)
}

/// Where a signature inside an XML document goes, and what it covers.
pub(super) fn enveloped(source: &[u8], algorithm: HashAlgorithm, behind: &[u8]) -> Result<Enveloped, Unsuitable> {
    Enveloped::read(source, algorithm.into(), behind).map_err(|error| Unsuitable {
        reason: error.to_string(),
        message: Bilingual::new(
            "Không đặt được chữ ký vào trong tệp này: tệp phải là XML (UTF-8) đúng cú pháp, không có DTD và chưa có chữ ký nào bên trong. Với tệp khác, hãy chọn định dạng asice hoặc packaging “detached”.",
            "No signature can be put inside this file: it must be well-formed XML in UTF-8, without a DTD and without a signature inside. For other files choose format asice or packaging “detached”.",
        ),
    })
}

/// The update that adds long-term data for the newest signature.
pub(super) fn add_long_term(source: &[u8], data: &LongTermData) -> Result<Vec<u8>, Unsuitable> {
    Ok(write::add_long_term_data(source, data)?)
}

/// The look with its size in points, nothing for an invisible one.
fn look(wanted: Appearance) -> Result<(Option<Size>, Option<Look>), WriteError> {
    let read = |picture: Option<Vec<u8>>| picture.map(|png| Picture::from_png(&png).map(Arc::new)).transpose();
    Ok(match wanted {
        Appearance::Nothing => (None, None),
        Appearance::Citizen { name, certificate_number } => {
            (Some(CITIZEN), Some(Look::Citizen { name, certificate_number }))
        }
        Appearance::Official { full_name, picture } => {
            (Some(OFFICIAL), Some(Look::Official { full_name, picture: read(picture)? }))
        }
        Appearance::Seal { agency, picture } => {
            let look = Look::Seal { agency, picture: read(picture)?, diameter_millimetres: SEAL_MILLIMETRES };
            (Some(SEAL), Some(look))
        }
        Appearance::Lines(lines) => (Some(LINES), Some(Look::Lines(lines))),
    })
}

/// The place nearest to the corner, going up or down its edge, that no signature stands on; the corner itself where all is taken.
fn free_place(page: &PageGeometry, corner: Corner, ((width, height), margin): (Size, f32)) -> [f32; 4] {
    let (width, height) = (width.min(page.width), height.min(page.height));
    let left = match corner {
        Corner::TopLeft | Corner::BottomLeft => margin.min(page.width - width),
        Corner::TopRight | Corner::BottomRight => (page.width - margin - width).max(0.0),
    };
    let upwards = matches!(corner, Corner::BottomLeft | Corner::BottomRight);
    let place = |step: usize| {
        let away = margin + step as f32 * (height + GAP);
        let bottom = if upwards { away } else { page.height - height - away };
        [left, bottom, left + width, bottom + height]
    };
    let inside = |place: &[f32; 4]| place[1] >= 0.0 && place[3] <= page.height;
    let free = |place: &[f32; 4]| {
        page.signatures
            .iter()
            .all(|taken| taken[2] <= place[0] || place[2] <= taken[0] || taken[3] <= place[1] || place[3] <= taken[1])
    };
    (0..MOST_STEPS).map(place).take_while(inside).find(free).unwrap_or_else(|| {
        let [_, bottom, ..] = place(0);
        let bottom = bottom.clamp(0.0, page.height - height);
        [left, bottom, left + width, bottom + height]
    })
}

/// The page on which the text stands.
pub(super) fn anchor_page(source: &[u8], anchor: &Anchor) -> Result<u32, Unsuitable> {
    Ok(hit(source, anchor)?.page)
}

fn hit(source: &[u8], anchor: &Anchor) -> Result<Hit, Unsuitable> {
    let page = match anchor.page {
        None => None,
        Some(Page::First) => Some(1),
        Some(Page::Number(number)) => Some(number),
        Some(Page::Last) => Some(sheet::measure(source, 1, 0).map_err(|_| not_found(&anchor.text))?.count),
    };
    let which = anchor.hit.map_or(anchor::Which::Last, anchor::Which::Number);
    anchor::find(source, &anchor.text, page, which).ok_or_else(|| not_found(&anchor.text))
}

/// The page and the place beside a text, within the page.
fn beside(source: &[u8], anchor: &Anchor, (width, height): Size) -> Result<(Page, [f32; 4]), Unsuitable> {
    let hit = hit(source, anchor)?;
    let page = Page::Number(hit.page);
    let geometry = write::page_geometry(source, page.into())?;
    let [left, bottom, right, top] = hit.rectangle;
    let (width, height) = (width.min(geometry.width), height.min(geometry.height));
    let (across, along) = ((left + right - width) / 2.0, (bottom + top - height) / 2.0);
    let (x, y) = match anchor.side {
        Side::Above => (across, top + NEAR),
        Side::Below => (across, bottom - NEAR - height),
        Side::Left => (left - NEAR - width, along),
        Side::Right => (right + NEAR, along),
    };
    let (x, y) = (x.clamp(0.0, geometry.width - width), y.clamp(0.0, geometry.height - height));
    Ok((page, [x, y, x + width, y + height]))
}

fn not_found(text: &str) -> Unsuitable {
    Unsuitable {
        reason: "the anchor text is not on the pages".to_owned(),
        message: Bilingual::new(
            format!(
                "Không tìm thấy “{text}” trên trang đã chọn (trang quét ảnh không có chữ). Hãy xem lại chữ, số trang, hoặc chọn vị trí khác."
            ),
            format!(
                "“{text}” was not found on the page that was chosen (a scanned page has no text). Look at the text and the page again, or choose another place."
            ),
        ),
    }
}

impl From<Page> for PageChoice {
    fn from(page: Page) -> Self {
        match page {
            Page::First => Self::First,
            Page::Last => Self::Last,
            Page::Number(number) => Self::Number(number),
        }
    }
}

#[allow(unsafe_code)]
fn map(directory: &Path) -> io::Result<[memmap2::Mmap; 4]> {
    let open = |style: &str| -> io::Result<memmap2::Mmap> {
        let file = File::open(directory.join(format!("LiberationSerif-{style}.ttf")))?;
        // SAFETY: the files of an installed font; were one truncated meanwhile, this process alone would die of SIGBUS.
        unsafe { memmap2::Mmap::map(&file) }
    };
    Ok([open("Regular")?, open("Bold")?, open("Italic")?, open("BoldItalic")?])
}

/// Width and height in points.
type Size = (f32, f32);

const CITIZEN: (f32, f32) = (230.0, 62.0);
const OFFICIAL: (f32, f32) = (160.0, 70.0);
const SEAL: (f32, f32) = (150.0, 150.0);
/// Four lines of 10 points, as long as an agency's name in two.
const LINES: (f32, f32) = (215.0, 50.0);
/// Across the seal of a provincial agency.
const SEAL_MILLIMETRES: f32 = 36.0;
/// Between a corner place and the page's edges: 20 mm, as the margins of a letter.
const MARGIN: f32 = 56.7;
/// The same of lines that stand above a letter's text, in the upper corner.
const NARROW_MARGIN: f32 = 10.0;
/// Between a signature and the text beside which it stands.
const NEAR: f32 = 2.0;
/// Between two signatures.
const GAP: f32 = 8.0;
/// Places tried along an edge.
const MOST_STEPS: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_go_up_from_a_taken_corner() {
        let mut page = PageGeometry { width: 595.0, height: 842.0, signatures: Vec::new() };
        let first = free_place(&page, Corner::BottomRight, (CITIZEN, MARGIN));
        assert_eq!(first[2], 595.0 - MARGIN);
        page.signatures.push(first);
        let second = free_place(&page, Corner::BottomRight, (CITIZEN, MARGIN));
        assert!(second[1] >= first[3] && second[0] == first[0]);
        assert_eq!(free_place(&page, Corner::BottomLeft, (CITIZEN, MARGIN))[0], MARGIN);
        // A page smaller than the look: never outside it.
        let tiny = PageGeometry { width: 50.0, height: 20.0, signatures: Vec::new() };
        for corner in [Corner::TopLeft, Corner::TopRight, Corner::BottomLeft, Corner::BottomRight] {
            let [left, bottom, right, top] = free_place(&tiny, corner, (SEAL, MARGIN));
            assert!(left >= 0.0 && bottom >= 0.0 && right <= 50.0 && top <= 20.0 && top > bottom && right > left);
        }
    }
}
