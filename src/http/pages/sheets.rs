//! A document's pages as pictures, with its name, size and digest, for whoever is about to sign it. The pictures are fetched one by one as
//! they come into view, by addresses that name the digest of the bytes that are shown.

use super::{Frame, rows::Row, texts};
use crate::signing::sheets::{Pages, Shown};
use chuky_pki::picture::limits::SHEETS;

/// What is shown of one document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SheetsView {
    pub shown: Shown,
    /// What is done with it: `sign`, another action of a road, or `look`.
    pub title: &'static str,
    /// Of the page that shows it: `?from=` goes to further pages.
    pub here: String,
    /// Below which the pictures lie.
    pub pictures: String,
    /// Where the file is downloaded.
    pub download: String,
}

/// One page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sheet {
    pub number: u32,
    pub width: u16,
    pub height: u16,
}

impl SheetsView {
    /// Name, size and digest.
    pub fn rows(&self, frame: &Frame) -> Vec<Row> {
        let size = frame.fill("file-size", &[("kilobytes", &texts::grouped(self.shown.bytes.div_ceil(1_000)))]);
        let mut rows = vec![Row::new(frame, "sheets-file", &self.shown.name), Row::new(frame, "sheets-size", &size)];
        if let Pages::Drawn { count, .. } = self.shown.pages {
            rows.push(Row::new(frame, "sheets-count", &texts::grouped(u64::from(count))));
        }
        rows.push(Row::new(frame, "sheets-digest", &self.shown.sha256));
        rows
    }

    /// The pages of this view, none where they cannot be drawn.
    pub fn sheets(&self) -> Vec<Sheet> {
        let Pages::Drawn { from, sizes, .. } = &self.shown.pages else { return Vec::new() };
        let sheet = |(number, (width, height)): (u32, &(u16, u16))| Sheet { number, width: *width, height: *height };
        (*from..).zip(sizes).map(sheet).collect()
    }

    /// Where a page's picture lies.
    pub fn picture(&self, sheet: &Sheet) -> String {
        format!("{}/{}?sha256={}", self.pictures, sheet.number, self.shown.sha256)
    }

    /// `Trang 3 / 12`.
    pub fn caption(&self, frame: &Frame, sheet: &Sheet) -> String {
        frame.fill("sheets-page", &[("page", &texts::grouped(u64::from(sheet.number))), ("count", &self.count())])
    }

    /// What the picture is, for whoever does not see it.
    pub fn description(&self, frame: &Frame, sheet: &Sheet) -> String {
        frame.fill("sheets-picture", &[("page", &texts::grouped(u64::from(sheet.number))), ("count", &self.count())])
    }

    /// Why there are no pictures.
    pub fn missing(&self, frame: &Frame) -> Option<String> {
        match self.shown.pages {
            Pages::Drawn { .. } => None,
            Pages::Undrawable => Some(frame.say("sheets-undrawable")),
            Pages::NotNow => Some(frame.say("sheets-not-now")),
            Pages::OtherFormat => Some(frame.say("sheets-other-format")),
        }
    }

    /// Further pages before and behind these: address and words.
    pub fn further(&self, frame: &Frame) -> Vec<(String, String)> {
        let Pages::Drawn { count, from, .. } = self.shown.pages else { return Vec::new() };
        let before = (from > 1).then(|| from.saturating_sub(SHEETS).max(1));
        let behind = from.checked_add(SHEETS).filter(|next| *next <= count);
        let link = |first: u32| {
            let last = first.saturating_add(SHEETS - 1).min(count);
            let (first_text, last_text) = (texts::grouped(u64::from(first)), texts::grouped(u64::from(last)));
            let words = frame.fill("sheets-further", &[("from", &first_text), ("to", &last_text)]);
            (format!("{}?from={first}#sheets", self.here), words)
        };
        before.into_iter().chain(behind).map(link).collect()
    }

    fn count(&self) -> String {
        match self.shown.pages {
            Pages::Drawn { count, .. } => texts::grouped(u64::from(count)),
            _ => String::new(),
        }
    }
}
