//! Bounds of PDF writing. Each names its unit and where it comes from.

/// Bytes of a typeface file: Liberation's largest has 400 KB, pan-Asian families up to 20 MB are not for signatures.
pub const TYPEFACE_BYTES: usize = 4 << 20;
/// Subsets a typeface keeps compressed (about 15 KB each).
pub const SUBSETS_KEPT: usize = 256;
/// Bytes of a PNG picture of a signature or a seal: 36 mm at 600 dpi with transparency stays far below.
pub const PICTURE_BYTES: usize = 4 << 20;
/// Width or height of a picture in pixels: a seal of 50 mm at 1,200 dpi.
pub const PICTURE_SIDE: u32 = 2_400;
/// Characters of one line of text in an appearance (X.520's upper bound of an organisation's name is 64; names of agencies are longer in practice).
pub const TEXT_CHARACTERS: usize = 300;
/// Bytes of a signed file: ten times the largest document that is expected (200 MB), within a classic table's ten digits (ISO 32000-2 §7.5.4).
pub const FILE_BYTES: usize = 2_000_000_000;
/// Bytes reserved for one signature in `Contents`: larger than any CMS with chain, timestamp and RSA-4096 seen in the sample files.
pub const CONTENTS_BYTES: usize = 256 << 10;
/// Fields of a form that are looked through for a name: the largest tax forms have about 4,000.
pub const FORM_FIELDS: usize = 20_000;
/// Depth of a form's field tree or of a chain of inherited page attributes.
pub const TREE_DEPTH: usize = 64;
/// Certificates, CRLs or OCSP responses embedded at once.
pub const LONG_TERM_ITEMS: usize = 1_000;
/// Pages of a letter that this product composes.
pub const LETTER_PAGES: usize = 200;
/// Pages of a report that this product composes: a hundred signatures with what did not pass take about sixty.
pub const SHEET_PAGES: usize = 200;
/// Characters of one text in a report; a document's own words may be of any length.
pub const SHEET_CHARACTERS: usize = 2_000;
/// Dashes of one side of a frame in a report.
pub const SHEET_DASHES: u16 = 100;
