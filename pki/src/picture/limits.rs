//! Bounds on pictures, with their units and reasons.

/// Largest file of which pictures are made, bytes: the drawing library holds it in memory.
pub const FILE: usize = 64 << 20;
/// Most pages drawn for one file; each takes tens of milliseconds.
pub const PAGES: usize = 8;
/// Widest picture, pixels: text of 10 points can be read, on a telephone after enlarging.
pub const WIDTH: f32 = 900.0;
/// Highest picture, pixels.
pub const HEIGHT: f32 = 1_300.0;
/// Largest enlargement of a small page.
pub const SCALE: f32 = 2.0;
/// No further page is drawn once the pictures of a file have so many bytes.
pub const BYTES: usize = 3 << 20;
/// Most differences framed on one page; more are framed as one.
pub const DIFFERENCES: usize = 40;
/// Most signatures marked on one page.
pub const MARKS: usize = 40;
/// Most fields looked at for signatures.
pub const FIELDS: usize = 10_000;
/// Pages on which a text is searched.
pub const PAGES_SEARCHED: usize = 100;
/// Pages that are measured at once for whoever signs them.
pub const SHEETS: u32 = 50;
/// Pixels of a picture with a QR code: what large telephone cameras make.
pub const MOST_PIXELS: usize = 64_000_000;
/// Pixels of such a picture's side.
pub const LARGEST_SIDE: usize = 16_384;
/// Pixels of the longer side to which a picture is reduced before a code is searched.
pub const SIDE_SEARCHED: usize = 1_400;
/// QR codes of one picture that are read.
pub const CODES_IN_A_PICTURE: usize = 8;
/// Letters of a page that are read: a page of a statute has about 5,000.
pub const LETTERS: usize = 100_000;
/// Points between two places that are looked at for a mark.
pub const STEP: f32 = 6.0;
/// Places looked at along one side of a page: 3 m of it.
pub const STEPS: usize = 1_500;
/// Pages of one file that are drawn to see whether later signatures hide something.
pub const PAGES_COVERED: usize = 16;
/// Objects that a page leads to, of a page that is drawn for a verdict.
pub const PAGE_OBJECTS: usize = 20_000;
/// Bytes of content that are gone through to draw a page for a verdict, each form as often as it is drawn: about a second.
pub const CONTENT: u64 = 64 << 20;
/// Forms within forms.
pub const FORM_DEPTH: usize = 12;
/// Pixels of one image of such a page: A3 at 600 dpi has 70 million.
pub const IMAGE_PIXELS: i64 = 100_000_000;
