//! Pictures of a PDF's pages: as they were signed beside as they are now, where they differ, and where each signature stands. For
//! people who want to see; a verdict rests on a picture in one thing only: whether a later signature hides what was signed. Bounded in pages, pixels
//! and bytes; the caller bounds the time.

mod affordable;
pub mod anchor;
pub mod blank;
pub mod code;
pub(crate) mod covering;
mod difference;
mod draw;
pub mod limits;
pub mod lines;
mod place;
pub mod sheet;

use crate::pdf::{PdfFile, signature};
use draw::{Pages, Pixels};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::sync::Arc;

/// What to show.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wanted {
    /// Pages on which something changed, from 1.
    pub pages: Vec<u32>,
    /// Whether every page is worth a look: something changed, and on which page is not known.
    pub everywhere: bool,
    /// The signatures as the report names them, in its order.
    pub signatures: Vec<String>,
}

/// A rectangle on a picture, in pixels from its upper left corner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Area {
    pub left: u16,
    pub top: u16,
    pub width: u16,
    pub height: u16,
}

/// Where a visible signature stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// Its place among the report's signatures, from 1.
    pub signature: u32,
    pub area: Area,
}

/// One picture.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Picture {
    pub width: u16,
    pub height: u16,
    pub png: Vec<u8>,
}

/// One page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PagePictures {
    /// From 1.
    pub page: u32,
    /// As it is now; `None` where the page is no longer there.
    pub now: Option<Picture>,
    /// As it was when the first signature was made, where it looked otherwise; `None` where it looked the same or was not there.
    pub signed: Option<Picture>,
    /// Whether the page was there when the first signature was made.
    pub was_there: bool,
    /// What looks otherwise, on the picture of now.
    pub differences: Vec<Area>,
    /// Signatures that stand on the page, on the picture of now.
    pub marks: Vec<Mark>,
}

/// Why there are none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoPictures {
    #[error("the file is larger than pictures are made of")]
    TooLarge,
    #[error("the pages cannot be drawn")]
    Undrawable,
}

/// Draws the pages that differ or carry a signature. `go_on` is asked before each page.
pub fn pages(bytes: &[u8], wanted: &Wanted, go_on: &mut dyn FnMut() -> bool) -> Result<Vec<PagePictures>, NoPictures> {
    if bytes.len() > limits::FILE {
        return Err(NoPictures::TooLarge);
    }
    let file = PdfFile::open(bytes).map_err(|_| NoPictures::Undrawable)?;
    let whole = Arc::new(bytes.to_vec());
    let now = Pages::open(&whole, bytes.len()).ok_or(NoPictures::Undrawable)?;
    let signed = first_signed(&file).and_then(|end| Pages::open(&whole, end));
    let places = place::of_signatures(&file, &wanted.signatures);
    // Pages that are named, those with signatures, and the first ones where any may have changed.
    let mut chosen: BTreeSet<usize> =
        wanted.pages.iter().filter_map(|page| usize::try_from(*page).ok()?.checked_sub(1)).collect();
    chosen.extend(places.iter().map(|place| place.page));
    if wanted.everywhere {
        let most = now.count().max(signed.as_ref().map_or(0, Pages::count));
        chosen.extend(0..most.min(limits::PAGES));
    }
    let mut shown = Vec::new();
    let mut taken = 0;
    for page in chosen.into_iter().take(limits::PAGES) {
        if !go_on() || taken > limits::BYTES {
            break;
        }
        let one = page_pictures(page, &now, signed.as_ref(), &places);
        let is_named = wanted.pages.iter().any(|named| usize::try_from(*named).ok() == Some(page + 1));
        if let Some(one) =
            one.filter(|one| is_named || !one.marks.is_empty() || !one.differences.is_empty() || !one.was_there)
        {
            taken += [&one.now, &one.signed].into_iter().flatten().map(|picture| picture.png.len()).sum::<usize>();
            shown.push(one);
        }
    }
    Ok(shown)
}

/// Where the oldest signed revision ends, where something follows it.
fn first_signed(file: &PdfFile<'_>) -> Option<usize> {
    let found = signature::signatures(file);
    let sound = found.iter().filter(|one| one.faults.is_empty()).filter_map(|one| one.byte_range);
    let first = sound.min_by_key(|range| range.end)?;
    signature::has_later_bytes(file.data(), first).then_some(first.end)
}

fn page_pictures(page: usize, now: &Pages, signed: Option<&Pages>, places: &[place::Place]) -> Option<PagePictures> {
    let number = u32::try_from(page).ok()?.checked_add(1)?;
    let after = now.draw(page);
    let before = signed.and_then(|signed| signed.draw(page));
    if after.is_none() && before.is_none() {
        return None;
    }
    let differences = match (&before, &after) {
        (Some(before), Some(after)) => difference::areas(before, after),
        _ => Vec::new(),
    };
    let was_there = signed.is_none() || before.is_some();
    let differs = after.is_none() || !differences.is_empty();
    let marks = places.iter().filter(|place| place.page == page);
    let marks =
        marks.filter_map(|place| Some(Mark { signature: place.signature, area: now.area(page, place.corners)? }));
    Some(PagePictures {
        page: number,
        marks: marks.take(limits::MARKS).collect(),
        signed: before.filter(|_| differs).as_ref().and_then(Pixels::picture),
        now: after.as_ref().and_then(Pixels::picture),
        was_there,
        differences,
    })
}
