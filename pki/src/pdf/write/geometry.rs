//! How large a page is as a reader shows it, and where signatures stand on it already, so that a new one finds a free place.
//! Reads only.

use super::super::Object;
use super::WriteError;
use super::sign::PageChoice;
use super::source::{Source, TargetPage};

/// A page as shown, in points.
#[derive(Clone, Debug, PartialEq)]
pub struct PageGeometry {
    /// From left to right.
    pub width: f32,
    /// From bottom to top.
    pub height: f32,
    /// Left, bottom, right, top of the signature fields on it, from the lower left corner.
    pub signatures: Vec<[f32; 4]>,
}

/// The geometry of a page of a document.
pub fn page_geometry(source: &[u8], page: PageChoice) -> Result<PageGeometry, WriteError> {
    let source = Source::open(source)?;
    let page = source.page(match page {
        PageChoice::First => Some(1),
        PageChoice::Last => None,
        PageChoice::Number(number) => Some(number),
    })?;
    let [left, bottom, right, top] = page.shown;
    let (across, up) = (right - left, top - bottom);
    let (width, height) = if page.quarter_turns % 2 == 0 { (across, up) } else { (up, across) };
    let fields = source.file.fields();
    let signing = fields.iter().filter(|field| field.value("FT").is_some_and(|kind| kind.is_name("Sig")));
    let widgets = signing.flat_map(|field| field.widgets.iter()).filter_map(|(_, widget)| widget.dictionary());
    let here = widgets.filter(|widget| widget.value("P").and_then(Object::reference) == Some(page.id));
    let rectangles = here.filter_map(|widget| source.rectangle(&source.file.value(widget, "Rect")));
    let visible = rectangles.filter(|[a, b, c, d]| c > a && d > b);
    Ok(PageGeometry { width, height, signatures: visible.map(|rectangle| as_shown(&page, rectangle)).collect() })
}

/// A rectangle in the page's own coordinates as the reader shows it (ISO 32000-2 table 31, `Rotate`).
fn as_shown(page: &TargetPage, [a, b, c, d]: [f32; 4]) -> [f32; 4] {
    let [left, bottom, right, top] = page.shown;
    let point = |x: f32, y: f32| match page.quarter_turns {
        1 => (y - bottom, right - x),
        2 => (right - x, top - y),
        3 => (top - y, x - left),
        _ => (x - left, y - bottom),
    };
    let ((a, b), (c, d)) = (point(a, b), point(c, d));
    [a.min(c), b.min(d), a.max(c), b.max(d)]
}
