//! Bounds of the PDF reader. Each is far above what honest files need and far below what would hurt a reader worker.

/// Levels of arrays and dictionaries inside one object. ISO 32000-1 Annex C names 32 for old readers.
pub const NESTING: usize = 96;
/// Steps from reference to reference before a value must have been reached.
pub const REFERENCE_STEPS: usize = 32;
/// Objects whose reading may be under way at once (an indirect `Length`, an object stream that needs another object).
pub const LOADS_IN_PROGRESS: u32 = 12;
/// Entries of one array or dictionary.
pub const ELEMENTS: usize = 1_000_000;
/// Bytes of one name. ISO 32000-1 Annex C: 127.
pub const NAME_BYTES: usize = 4_096;
/// Highest object number. ISO 32000-1 Annex C: 8,388,607.
pub const OBJECT_NUMBER: u32 = 8_388_607;
/// Cross-reference sections in one `Prev` chain.
pub const SECTIONS: usize = 4_096;
/// Subsections in one cross-reference section.
pub const SUBSECTIONS: usize = 200_000;
/// Bytes that one stream may decode to.
pub const STREAM_BYTES: usize = 96 << 20;
/// Bytes that all streams of one file may decode to together.
pub const DECODED_BYTES: usize = 512 << 20;
/// Filters on one stream.
pub const FILTERS: usize = 8;
/// Objects in one object stream.
pub const OBJECTS_IN_STREAM: usize = 200_000;
/// Objects found by searching a damaged file.
pub const RECOVERED_OBJECTS: usize = 1_000_000;
/// Levels of the page tree or of a field tree.
pub const TREE_DEPTH: usize = 64;
/// Pages in one file.
pub const PAGES: usize = 100_000;
/// Times that pages may be listed again in a file that is compared. Writers list each page once.
pub const PAGES_LISTED_AGAIN: usize = 1_000;
/// Nodes of the page tree that are walked, pages included.
pub const PAGE_NODES: usize = 250_000;
/// Form fields in one file.
pub const FIELDS: usize = 50_000;
/// Where the header may stand. ISO 32000-1 Annex H, note 13: within the first 1,024 bytes.
pub const HEADER_WINDOW: usize = 1_024;
/// How far from the end `startxref` is searched for. Readers look at 1,024 bytes and more.
pub const TAIL_WINDOW: usize = 4_096;
/// Oddities kept for one file; more are only counted as one.
pub const ODDITIES: usize = 64;
/// Signatures that are judged in one file.
pub const SIGNATURES: usize = 500;
/// Bytes that one signature dictionary may take, its `Contents` included.
pub const SIGNATURE_BYTES: usize = 1 << 20;
/// Bytes of a metadata packet; real ones have some thousand.
pub const METADATA_BYTES: usize = 4 << 20;
/// Pairs of objects that one comparison of two revisions may look at.
pub const COMPARED_PAIRS: usize = 3_000_000;
/// Changes listed for one signature; more are counted only.
pub const CHANGES: usize = 200;
/// Annotations on one page.
pub const ANNOTATIONS: usize = 20_000;
/// Objects times cross-reference sections up to which prepared content is looked for.
pub const PREPARED_LOOKUPS: usize = 2_000_000;
/// Operators and operands of an unused stream that are looked at.
pub const PREPARED_OPERATORS: usize = 10_000;
/// Earlier revisions that are asked whether they showed what is unused now.
pub const PREPARED_REVISIONS: usize = 16;
/// White space that may follow the last revision: readers look for `startxref` in the last 1,024 bytes.
pub const TRAILING_SPACE: usize = 512;
/// Crypt filters that an encryption dictionary may name. Writers make one or two.
pub const CRYPT_FILTERS: usize = 64;
/// Bytes from which a file's streams are stepped over when hidden signatures are searched for: 256 KiB.
pub const STEPPED_OVER: usize = 256 << 10;
/// Objects times cross-reference sections up to which that is done.
pub const STEPPING_LOOKUPS: usize = 50_000;
/// Entries of a long chain of updates that are kept in one index: some ten MiB.
pub const INDEXED_UPDATES: usize = 200_000;
/// Objects that a field may lead to for its later revisions to be compared by what changed among them.
pub const FIELD_OBJECTS: usize = 256;
/// Revisions of one file that are kept open.
pub const REVISIONS_KEPT: usize = 32;
