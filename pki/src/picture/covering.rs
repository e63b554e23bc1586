//! Whether the appearance of a later signature hides what was signed: text, drawings or scans that could be seen on the page and cannot be any more.
//! Seen on pictures of the page before and after, because only a picture knows of transparency, blending, clipping and scans at once. What lets the page
//! shine through hides nothing; nor does what stands where the page is blank, or over the picture of an earlier signature.

use super::draw::{Pages, Pixels, RenderContent};
use super::{Area, affordable, limits, place};
use crate::pdf::PdfFile;
use crate::pdf::change::LaterWidget;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Side of the windows that are looked at, pixels: about half a letter.
const WINDOW: usize = 6;
/// From one window to the next.
const STRIDE: usize = 3;
/// What differs so much in lightness from its ground, of 255, is seen as ink.
const INK: u8 = 48;
/// Pixels of ink that a window must have to say anything.
const LEAST_INK: usize = 4;
/// Windows of which most ink is gone: a single letter has more.
const HIDDEN: usize = 4;
/// Points at the edge of an appearance that may touch what is there, and the part of its side that this is at most.
const MARGIN: (f64, f64) = (3.0, 0.15);

/// The file in memory, as the drawing library wants it.
pub(crate) struct Covering {
    whole: Arc<Vec<u8>>,
    pages: usize,
}

/// It could not be established.
pub(crate) const UNDRAWN: &str = "a page with a later signature cannot be drawn";

impl Covering {
    pub(crate) fn of(data: &[u8]) -> Option<Self> {
        (data.len() <= limits::FILE).then(|| Self { whole: Arc::new(data.to_vec()), pages: 0 })
    }

    /// Those of the widgets that hide something from the older revision to the newer one; `Err` where nobody can tell.
    pub(crate) fn hiding<'w>(
        &mut self,
        old: &PdfFile<'_>,
        new: &PdfFile<'_>,
        widgets: &'w [LaterWidget],
    ) -> Result<Vec<&'w LaterWidget>, &'static str> {
        let mut by_page: BTreeMap<u32, Vec<&LaterWidget>> = BTreeMap::new();
        for widget in widgets {
            by_page.entry(widget.page).or_default().push(widget);
        }
        let open = |file: &PdfFile<'_>| Pages::open(&self.whole, file.data().len()).ok_or(UNDRAWN);
        let (before, after) = (open(old)?, open(new)?);
        let mut hiding = Vec::new();
        for (page, widgets) in by_page {
            self.pages += 1;
            let page = usize::try_from(page).ok().and_then(|page| page.checked_sub(1)).ok_or(UNDRAWN)?;
            if self.pages > limits::PAGES_COVERED
                || !affordable::is_affordable(new, page)
                || !affordable::is_affordable(old, page)
            {
                return Err(UNDRAWN);
            }
            hiding.extend(on_page(old, (&before, &after), page, &widgets)?);
        }
        Ok(hiding)
    }
}

fn on_page<'w>(
    old: &PdfFile<'_>,
    (before, after): (&Pages, &Pages),
    page: usize,
    widgets: &[&'w LaterWidget],
) -> Result<Vec<&'w LaterWidget>, &'static str> {
    let (signed, missed) = before.draw_part(page, RenderContent::all()).ok_or(UNDRAWN)?;
    // Where an earlier signature stands, only what the page itself shows counts: a seal belongs over a part of a signature.
    let earlier: Vec<Area> =
        place::of_all_signatures(old, page).into_iter().filter_map(|one| before.area(page, one)).collect();
    let bare = match earlier.is_empty() {
        true => None,
        false => Some(before.draw_part(page, RenderContent::PAGE).ok_or(UNDRAWN)?.0),
    };
    let (now, missed_now) = after.draw_part(page, RenderContent::all()).ok_or(UNDRAWN)?;
    if missed_now > missed || (signed.width, signed.height) != (now.width, now.height) {
        return Err(UNDRAWN);
    }
    let scale = after.size(page).map_or(1.0, |(width, _)| f64::from(now.width) / f64::from(width.max(1.0)));
    let hides = |widget: &&LaterWidget| {
        let Some(area) = after.area(page, widget.place) else { return false };
        let seen =
            Seen { signed: &signed, bare: bare.as_ref(), earlier: &earlier, now: widget.is_drawn.then_some(&now) };
        seen.hidden(inner(area, scale)) >= HIDDEN
    };
    Ok(widgets.iter().copied().filter(hides).collect())
}

/// What is left of an area without its margins.
fn inner(area: Area, scale: f64) -> Area {
    // At most a few pixels, and less than the side.
    let margin = |side: u16| (MARGIN.0 * scale).min(f64::from(side) * MARGIN.1) as u16;
    let (across, up) = (margin(area.width), margin(area.height));
    Area { left: area.left + across, top: area.top + up, width: area.width - 2 * across, height: area.height - 2 * up }
}

/// The pictures that are compared.
struct Seen<'p> {
    signed: &'p Pixels,
    /// The page without annotations.
    bare: Option<&'p Pixels>,
    /// Where earlier signatures stand.
    earlier: &'p [Area],
    /// `None` where readers make the appearance themselves: then it is taken for opaque.
    now: Option<&'p Pixels>,
}

impl Seen<'_> {
    /// How many windows have lost most of what was seen in them.
    fn hidden(&self, area: Area) -> usize {
        let [left, top, width, height] = [area.left, area.top, area.width, area.height].map(usize::from);
        let (across, up) = (WINDOW.min(width), WINDOW.min(height));
        if across == 0 || up == 0 {
            return 0;
        }
        let rows = (top..=top + height - up).step_by(STRIDE);
        rows.flat_map(|y| (left..=left + width - across).step_by(STRIDE).map(move |x| (x, y)))
            .filter(|(x, y)| self.is_hidden(&Window { x: *x, y: *y, across, up }))
            .count()
    }

    fn is_hidden(&self, window: &Window) -> bool {
        let lost = |before: &Pixels| window.loses(before, self.now);
        let over = |area: &Area| window.touches(*area);
        match self.bare.filter(|_| self.earlier.iter().any(over)) {
            None => lost(self.signed),
            // What the earlier signature hid itself was not there to be seen.
            Some(bare) => !window.loses(bare, Some(self.signed)) && lost(bare),
        }
    }
}

/// A few pixels of a picture.
struct Window {
    x: usize,
    y: usize,
    across: usize,
    up: usize,
}

impl Window {
    fn touches(&self, area: Area) -> bool {
        let [left, top, width, height] = [area.left, area.top, area.width, area.height].map(usize::from);
        self.x < left + width && left < self.x + self.across && self.y < top + height && top < self.y + self.up
    }

    fn lightness(&self, picture: &Pixels) -> Vec<u8> {
        let light = |[red, green, blue]: [u8; 3]| {
            // At most 255.
            ((u32::from(red) * 77 + u32::from(green) * 151 + u32::from(blue) * 28) >> 8) as u8
        };
        let rows = self.y..self.y + self.up;
        rows.flat_map(|y| (self.x..self.x + self.across).map(move |x| light(picture.at(x, y)))).collect()
    }

    /// Whether most ink of before is not told from its ground any more.
    fn loses(&self, before: &Pixels, after: Option<&Pixels>) -> bool {
        let before = self.lightness(before);
        let ground = before.iter().copied().max().unwrap_or(0);
        let is_ink = |light: &u8| ground - light >= INK;
        let ink = before.iter().filter(|light| is_ink(light)).count();
        if ink < LEAST_INK {
            return false;
        }
        let Some(after) = after.map(|after| self.lightness(after)) else { return true };
        let ground_now = after.iter().copied().max().unwrap_or(0);
        // A third of the contrast is still read.
        let gone =
            before.iter().zip(&after).filter(|(was, is)| is_ink(was) && (ground_now - **is) < (ground - **was) / 3);
        gone.count() * 2 >= ink
    }
}
