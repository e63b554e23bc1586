//! PDF: reading, coverage and changes; writing and signing.

pub mod letter;
pub mod typeface;
pub mod write;
