//! Packages of office documents: the parts, content types and relationships of Office Open XML (ECMA-376-2), and the signature files
//! and links of OpenDocument (ODF 1.2 part 3). Reads strictly what decides which part a reader shows; judges nothing.

pub mod content_types;
pub mod limits;
pub mod open_document;
pub mod part;
pub mod relationship;
pub mod workbook;
pub mod workbook_maker;

pub use content_types::ContentTypes;
pub use relationship::Relationship;
