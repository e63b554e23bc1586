//! XML signatures (XMLDSig 1.1, XAdES): parsing, canonicalisation, references and transforms, over own small code whose time is
//! linear in the document and bounded by a budget. Bytes in, digests and nodes out; no DTD, no network, no XPath engine, no trust.

pub mod algorithm;
pub mod canonical;
pub mod document;
pub mod encoding;
pub mod limits;
pub mod names;
mod parser;
pub mod relationships;
pub mod selection;
pub mod signature;
mod text;
pub mod transform;
pub mod xades;
mod xpath;
mod xpath_expression;
