//! A report for people as a PDF: a coloured sentence on top, then headings, rows of label and value, and notes, in two languages. It
//! composes pages from words that the caller chose; it judges nothing, knows no clock and no file. Words may come from a stranger's
//! document: what a typeface cannot show is written as its code point, so that nothing is left out and nothing hides.

mod draw;
mod layout;

use super::typeface::Typefaces;
use super::write::WriteError;
use crate::picture::{Area, Mark, Picture};
use chuky_model::instant::Instant;

/// The three answers, each with a shape of its own beside its colour: who sees no colours reads them as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// A circle with a tick.
    Valid,
    /// An octagon with a cross.
    NotValid,
    /// A triangle with an exclamation mark.
    Undetermined,
}

/// A piece of the report, in order. `beneath` is the same in the second language, smaller; empty where there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Block {
    /// The verdict across the page.
    Banner {
        /// The answer.
        shape: Shape,
        /// The answer in a word.
        word: String,
        /// One sentence.
        sentence: String,
        /// The sentence in the second language.
        beneath: String,
    },
    /// A heading, kept together with what follows.
    Heading {
        /// The answer that the part under it gives, where it gives one.
        shape: Option<Shape>,
        /// The heading.
        text: String,
        /// In the second language.
        beneath: String,
    },
    /// Label and value.
    Row {
        /// The label.
        label: String,
        /// The label in the second language.
        label_beneath: String,
        /// The value.
        value: String,
        /// The value in the second language.
        beneath: String,
    },
    /// A warning, framed.
    Warning {
        /// What is to be minded.
        text: String,
        /// In the second language.
        beneath: String,
    },
    /// A plain paragraph.
    Text {
        /// The paragraph.
        text: String,
        /// In the second language.
        beneath: String,
    },
    /// One picture, or two beside each other.
    Pictures(Vec<Shown>),
}

/// A picture of a page, and what is framed on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// As it was drawn.
    pub picture: Picture,
    /// What it shows.
    pub caption: String,
    /// The caption in the second language.
    pub beneath: String,
    /// What looks otherwise: dashed frames.
    pub differences: Vec<Area>,
    /// Where signatures stand: frames with their numbers.
    pub marks: Vec<Mark>,
}

/// A report to be composed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sheet {
    /// Of the document's metadata.
    pub title: String,
    /// Who made it, for the metadata.
    pub author: String,
    /// What stands on the pages.
    pub blocks: Vec<Block>,
    /// At the foot of every page, before the page's number.
    pub foot: String,
}

impl Sheet {
    /// Composes the PDF (PDF/A-2u). `made_at` becomes the creation date in the metadata. Fails on more than
    /// [`super::write::limits::SHEET_PAGES`] pages.
    pub fn compose(&self, typefaces: &Typefaces, made_at: Instant) -> Result<Vec<u8>, WriteError> {
        let pages = layout::lay_out(self, typefaces)?;
        draw::draw(&pages, typefaces, (&self.title, &self.author), made_at)
    }
}
