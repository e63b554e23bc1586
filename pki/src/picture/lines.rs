//! The lines of text on a PDF's page as a person meets them: letters that stand side by side on one baseline. For looking whether a mark
//! stands there; a scanned page has none. Bounded in letters.

use super::limits;
use crate::pdf::prefix::Prefix;
use hayro::hayro_interpret::font::GlyphRun;
use hayro::hayro_interpret::hayro_cmap::BfString;
use hayro::hayro_interpret::util::TransformExt;
use hayro::hayro_interpret::{
    BlendMode, ClipPath, Context, Device, DrawMode, DrawProps, Image, ImageDrawProps, InterpreterCache,
    InterpreterSettings, SoftMask, interpret_page,
};
use hayro::hayro_syntax::Pdf;
use hayro::hayro_syntax::page::Page;
use hayro::kurbo::{BezPath, Point, Rect};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

/// The lines of the first page, each without white space, in the order in which they are drawn; `None` where it cannot be read.
pub fn first_page(source: &[u8]) -> Option<Vec<String>> {
    // The library may meet what it did not think of; then the page was not read.
    let read = || Some(of_page(open(source)?.pages().first()?));
    let lines = std::panic::catch_unwind(AssertUnwindSafe(read)).ok()??;
    Some(lines.iter().map(|line| line.iter().map(|letter| letter.text.as_str()).collect()).collect())
}

/// A letter as it stands on the page, never white space; several where a glyph stands for them.
pub(super) struct Letter {
    pub(super) text: String,
    /// Where it begins, in points from the upper left corner of the page as shown.
    pub(super) at: Point,
    /// Of the typeface, in points.
    pub(super) size: f64,
}

pub(super) fn open(source: &[u8]) -> Option<Pdf> {
    if source.len() > limits::FILE {
        return None;
    }
    let whole = Arc::new(source.to_vec());
    let end = whole.len();
    Pdf::new(Arc::new(Prefix { whole, end })).ok()
}

/// The lines of one page.
pub(super) fn of_page(page: &Page<'_>) -> Vec<Vec<Letter>> {
    let (width, height) = page.render_dimensions();
    let sheet = Rect::new(0.0, 0.0, f64::from(width), f64::from(height));
    let mut lines = Lines::default();
    let cache = InterpreterCache::new();
    let start = page.initial_transform(true).to_kurbo();
    let mut context = Context::new(start, sheet, &cache, page.xref(), InterpreterSettings::default());
    interpret_page(page, &mut context, &mut lines);
    lines.end();
    lines.found
}

/// What was drawn so far.
#[derive(Default)]
struct Lines {
    found: Vec<Vec<Letter>>,
    line: Vec<Letter>,
    /// Where the last letter stands, white space too.
    last: Option<Point>,
    letters: usize,
}

impl Lines {
    fn letter(&mut self, text: &str, at: Point, size: f64) {
        self.letters += 1;
        if self.letters > limits::LETTERS {
            return;
        }
        // An advance is at most an em and a letter-space beside it; more is another column, and another height another line.
        let goes_on = self.last.is_some_and(|before| {
            (at.y - before.y).abs() < size * 0.4 && at.x > before.x - size * 0.5 && at.x < before.x + size * 2.5
        });
        if !goes_on {
            self.end();
        }
        let text: String = text.chars().filter(|letter| !letter.is_whitespace() && !letter.is_control()).collect();
        if !text.is_empty() {
            self.line.push(Letter { text, at, size });
        }
        self.last = Some(at);
    }

    fn end(&mut self) {
        let line = std::mem::take(&mut self.line);
        if !line.is_empty() {
            self.found.push(line);
        }
    }
}

impl<'a> Device<'a> for Lines {
    fn draw_glyph_run(&mut self, run: &GlyphRun<'_, 'a>, props: DrawProps<'a>, _: &DrawMode) {
        for glyph in run.glyphs() {
            let placed = props.transform * glyph.transform();
            let at = placed.translation().to_point();
            let size = placed.determinant().abs().sqrt() * UNITS_AN_EM;
            match glyph.as_unicode() {
                Some(BfString::Char(letter)) => self.letter(letter.encode_utf8(&mut [0; 4]), at, size),
                Some(BfString::String(text)) => self.letter(&text, at, size),
                None => self.letter("\u{fffd}", at, size),
            }
        }
    }

    fn draw_path(&mut self, _: &BezPath, _: DrawProps<'a>, _: &DrawMode) {}
    fn push_clip_path(&mut self, _: &ClipPath) {}
    fn push_transparency_group(&mut self, _: f32, _: Option<SoftMask<'a>>, _: BlendMode) {}
    fn draw_image(&mut self, _: Image<'a, '_>, _: ImageDrawProps<'a>) {}
    fn pop_clip(&mut self) {}
    fn pop_transparency_group(&mut self) {}
}

/// Of the library's glyph space.
const UNITS_AN_EM: f64 = 1_000.0;
