//! Bounds on the parts of office packages that are taken apart. Units and reasons with each.

/// Longest content types or relationships part, bytes: ten thousand parts need about two million.
pub const MARKUP: usize = 8 << 20;
/// Most content types, and most relationships of one part; a sheet with links has thousands.
pub const ENTRIES: usize = 50_000;
/// Most signature parts or files judged in one package.
pub const SIGNATURES: usize = 64;
/// Longest part searched for references to other files, bytes.
pub const SEARCHED: usize = 64 << 20;
/// Longest sheet and longest list of shared strings of a workbook, bytes: twelve thousand rows of ten cells have nine megabytes.
pub const SHEET: usize = 32 << 20;
/// Most text of all cells of a sheet together, bytes: a shared string counts each time it is shown.
pub const CELLS_TEXT: usize = 32 << 20;
