//! Where a text stands on a document's pages, so that a signature can be put beside it: `KT. CHỦ TỊCH`, a name. Letters composed and
//! decomposed are the same, and white space does not count. Bounded in pages; the caller bounds the time.

use super::lines::Letter;
use super::{limits, lines};
use std::panic::AssertUnwindSafe;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::canonical_combining_class;

/// One place of the text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hit {
    /// From 1.
    pub page: u32,
    /// Left, bottom, right, top in points from the lower left corner of the page as shown.
    pub rectangle: [f32; 4],
}

/// Which of the places is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// The last one of the page, or of the document.
    Last,
    /// From 1, in reading order.
    Number(u32),
}

/// Finds the text, on that page (from 1) or on any. `None` where it does not stand there, or the pages cannot be read.
pub fn find(source: &[u8], text: &str, page: Option<u32>, which: Which) -> Option<Hit> {
    // The library may meet what it did not think of; then nothing was found.
    std::panic::catch_unwind(AssertUnwindSafe(|| search(source, text, page, which))).ok()?
}

fn search(source: &[u8], text: &str, page: Option<u32>, which: Which) -> Option<Hit> {
    let wanted: Vec<char> = text.nfd().filter(|letter| !letter.is_whitespace() && !letter.is_control()).collect();
    if wanted.is_empty() {
        return None;
    }
    let pdf = lines::open(source)?;
    let pages = pdf.pages();
    let mut order: Vec<usize> = match page {
        Some(number) => vec![usize::try_from(number).ok()?.checked_sub(1)?],
        None => (0..pages.len()).collect(),
    };
    if which == Which::Last {
        order.reverse();
    }
    let mut left = match which {
        Which::Last => 0,
        Which::Number(number) => usize::try_from(number).ok()?.checked_sub(1)?,
    };
    for index in order.into_iter().take(limits::PAGES_SEARCHED) {
        let shown = pages.get(index)?;
        let height = shown.render_dimensions().1;
        let hits: Vec<[f32; 4]> = lines::of_page(shown).iter().flat_map(|line| places(line, &wanted, height)).collect();
        let found = match which {
            Which::Last => hits.last(),
            Which::Number(_) => hits.get(left),
        };
        if let Some(rectangle) = found {
            return Some(Hit { page: u32::try_from(index).ok()?.checked_add(1)?, rectangle: *rectangle });
        }
        left = left.saturating_sub(hits.len());
    }
    None
}

/// Where the text stands in a line. Letters with marks are compared with all of their marks.
fn places(line: &[Letter], wanted: &[char], height: f32) -> Vec<[f32; 4]> {
    // Decomposing brings no base letter before another: so each one belongs to the glyph at its place among the base letters.
    let bases: Vec<&Letter> = line
        .iter()
        .flat_map(|letter| letter.text.nfd().filter(|one| canonical_combining_class(*one) == 0).map(move |_| letter))
        .collect();
    let whole: String = line.iter().map(|letter| letter.text.as_str()).collect();
    let letters: Vec<char> = whole.nfd().collect();
    let is_base = |at: usize| letters.get(at).is_none_or(|one| canonical_combining_class(*one) == 0);
    let mut found = Vec::new();
    let mut at = 0;
    while at + wanted.len() <= letters.len() {
        let end = at + wanted.len();
        if letters.get(at..end) != Some(wanted) || !is_base(at) || !is_base(end) {
            at += 1;
            continue;
        }
        let count = |range: std::ops::Range<usize>| {
            letters.get(range).unwrap_or_default().iter().filter(|one| canonical_combining_class(**one) == 0).count()
        };
        let (before, inside) = (count(0..at), count(at..end));
        let last = (before + inside).checked_sub(1).and_then(|last| bases.get(last));
        if let (Some(first), Some(last)) = (bases.get(before), last) {
            found.push([
                first.at.x as f32,
                height - (first.at.y + first.size * DESCENT) as f32,
                (last.at.x + last.size * ADVANCE) as f32,
                height - (first.at.y - first.size * ASCENT) as f32,
            ]);
        }
        at = end;
    }
    found
}

/// Of a typeface's size: below and above the baseline, and the width of a capital letter.
const DESCENT: f64 = 0.25;
const ASCENT: f64 = 0.9;
const ADVANCE: f64 = 0.65;
