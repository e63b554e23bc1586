//! Bounds of what a stranger's container may cost. Each has its unit and its reason; nothing here is a setting.

/// Most entries in one container; containers of whole case files stay below some hundreds.
pub const ENTRIES: usize = 10_000;
/// Longest name of an entry, bytes: common file systems allow 255 a segment.
pub const NAME: usize = 1_024;
/// Most bytes that all compressed entries together may become.
pub const INFLATED: usize = 256 * 1024 * 1024;
/// How many times its compressed size an entry may become, above `UNQUESTIONED`. Office documents reach 30.
pub const RATIO: usize = 250;
/// Up to this size, bytes, no ratio is asked for: a form full of blanks compresses a thousandfold.
pub const UNQUESTIONED: usize = 8 * 1024 * 1024;
/// Longest manifest read, bytes.
pub const MANIFEST: usize = 4 * 1024 * 1024;
/// Most references in one manifest.
pub const REFERENCES: usize = ENTRIES;
/// Most signature files, and most timestamp files, judged in one container.
pub const SIGNATURES: usize = 64;
/// Longest comment of an archive, bytes (APPNOTE 4.4.12: a 16-bit length).
pub const COMMENT: usize = 0xffff;
/// Octets behind an archive, zeros or of line ends, that are left alone: what a transport adds.
pub const SURPLUS: usize = 4;
