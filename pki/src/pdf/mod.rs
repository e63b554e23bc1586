//! PDF files as bytes: reading them lazily, by offset, out of a slice that the caller owns (usually a memory map).
//! Uses nothing but the slice; everything a stranger can make large, deep or many is bounded by `limits`.
//! It never runs content, never fetches, and never takes a guess for a fact: what had to be guessed is an [`Oddity`].

pub mod change;
mod encryption;
mod error;
mod file;
mod filter;
pub mod letter;
mod lexer;
pub mod limits;
mod object;
mod object_stream;
mod predictor;
pub(crate) mod prefix;
pub mod prepared;
mod recovery;
mod revisions;
pub mod sheet;
pub mod signature;
mod tree;
pub mod typeface;
pub mod work;
pub mod write;
mod xref;

pub use error::{Oddity, PdfError};
pub use file::{PdfFile, Reading};
pub(crate) use filter::is_bounded;
pub use lexer::{DictionarySpans, Lexer, ValueSpan};
pub use object::{Dictionary, Object, ObjectId, Stream};
pub use revisions::Revisions;
pub use tree::{FormField, Page, text};
pub use xref::{Entry, Section, SectionForm};
