//! An administrative letter of several pages as Decree 30/2020/NĐ-CP (Appendix I) lays it out: used by the first-run round and by
//! tests, and wherever the service itself writes to somebody. It composes a PDF from words and typefaces; it knows no template
//! engine, no clock and no file. Besides the PDF it says where signature and seal belong.

mod draw;
mod layout;
mod sample;
pub mod sheet;

pub(super) use draw::{Fonts, glyphs, metadata, settings};
pub(super) use layout::Style;
pub use sample::sample;

use super::typeface::Typefaces;
use super::write::WriteError;
use chuky_model::instant::Instant;

/// What the letter says. All texts are shown as given (in NFC); capitals are the caller's where the decree wants them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// Agency above the issuing one, where there is one (ô số 2, first line).
    pub parent_agency: Option<String>,
    /// The issuing agency, in capitals (ô số 2).
    pub agency: String,
    /// Number in the year's series; `None` while it is a draft: the clerk gives it after the competent person signed.
    pub number: Option<u32>,
    /// Notation behind the number, for instance `UBND-VP` (công văn) or `QĐ-UBND`.
    pub notation: String,
    /// Place of issue, for instance `Hà Nội` (ô số 4).
    pub place: String,
    /// Date of issue; `None` while it is a draft.
    pub issued: Option<Instant>,
    /// What kind of document and about what.
    pub subject: Subject,
    /// After `Kính gửi:`; may be empty for named documents.
    pub addressees: Vec<String>,
    /// The content, in order.
    pub body: Vec<Paragraph>,
    /// After `Nơi nhận:` (ô số 9b), without dash and semicolon.
    pub recipients: Vec<String>,
    /// `TM. ỦY BAN NHÂN DÂN`, `KT. CHỦ TỊCH`: lines above the title, in capitals (ô số 7a).
    pub authority: Vec<String>,
    /// Title of the person who signs, in capitals (ô số 7a).
    pub position: String,
    /// Full name of the person who signs (ô số 7b).
    pub full_name: String,
}

/// Where the subject stands depends on the kind of document (ô số 5a, 5b).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// Công văn: `V/v …` below the number.
    Dispatch(String),
    /// A named type, for instance `QUYẾT ĐỊNH`: type and subject centred above the text.
    Named {
        /// In capitals, for instance `QUYẾT ĐỊNH`.
        type_name: String,
        /// The subject below it.
        about: String,
    },
}

/// A piece of the body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Paragraph {
    /// Bold, kept together with what follows.
    Heading(String),
    /// Justified, first line indented.
    Text(String),
}

/// A letter as PDF, and where it is to be signed.
#[derive(Clone, Debug)]
pub struct ComposedLetter {
    /// The file, PDF/A-2u.
    pub pdf: Vec<u8>,
    /// How many.
    pub pages: u32,
    /// Between title and full name (ô số 7c): the handwritten signature's picture.
    pub signature: Place,
    /// The agency's seal (ô số 8): covers the left third of the signature's picture, with agency and time below.
    pub seal: Place,
}

/// A rectangle on a page.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Place {
    /// From 1.
    pub page: u32,
    /// Left, bottom, right, top in points from the page's lower left corner.
    pub rectangle: [f32; 4],
}

impl Letter {
    /// Composes the PDF. `made_at` becomes the creation date in the metadata. Fails on a letter that the typefaces lack and on
    /// more than [`super::write::limits::LETTER_PAGES`] pages.
    pub fn compose(&self, typefaces: &Typefaces, made_at: Instant) -> Result<ComposedLetter, WriteError> {
        let plan = layout::lay_out(self, typefaces)?;
        let pages = u32::try_from(plan.pages.len()).map_err(|_| WriteError::TooMany("pages"))?;
        let pdf = draw::draw(&plan.pages, typefaces, &self.title(), &self.agency, made_at)?;
        Ok(ComposedLetter { pdf, pages, signature: plan.signature, seal: plan.seal })
    }

    /// `Số: 05/UBND-VP`; numbers below ten with a leading zero, a gap where the clerk will write.
    pub fn number_line(&self) -> String {
        match self.number {
            Some(number) => format!("Số: {number:02}/{}", self.notation),
            None => format!("Số:          /{}", self.notation),
        }
    }

    /// `Hà Nội, ngày 05 tháng 02 năm 2026`: days below 10 and the months 1 and 2 with a leading zero (Appendix I, part I, 4.d).
    pub fn date_line(&self) -> String {
        let Some(date) = self.issued.and_then(Instant::in_vietnam) else {
            return format!("{}, ngày      tháng      năm          ", self.place);
        };
        let month = u8::from(date.month());
        let month = if month < 3 { format!("{month:02}") } else { month.to_string() };
        format!("{}, ngày {:02} tháng {month} năm {}", self.place, date.day(), date.year())
    }

    fn title(&self) -> String {
        match &self.subject {
            Subject::Dispatch(about) => about.clone(),
            Subject::Named { type_name, about } => format!("{type_name} {about}"),
        }
    }
}
