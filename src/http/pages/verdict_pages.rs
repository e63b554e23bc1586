//! The pages of a judged document as pictures: as signed beside as they are now, differences framed, signatures numbered. What the
//! picture shows is said in words as well.

use super::{Frame, texts};
use base64::{Engine, prelude::BASE64_STANDARD};
use chuky_model::report::{Integrity, Report};
use chuky_pki::picture::{Area, Mark, PagePictures, Picture};

/// One picture on the card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PictureView {
    pub width: u16,
    pub height: u16,
    /// `data:` address of the PNG.
    pub address: String,
    pub caption: String,
    /// The caption and what is marked, for whoever does not see it.
    pub description: String,
    pub differences: Vec<Area>,
    pub marks: Vec<Mark>,
}

/// One page on the card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageView {
    pub heading: String,
    pub pictures: Vec<PictureView>,
    /// What the pictures do not show themselves.
    pub notes: Vec<String>,
}

/// All pages of one document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PagesView {
    pub pages: Vec<PageView>,
    /// Whether they are shown at once: something was changed that nobody permitted.
    pub is_open: bool,
    /// Why there are none, where there should be some.
    pub missing: Option<String>,
}

impl PagesView {
    /// The pages, in the words of the frame's language.
    pub fn of(frame: &Frame, report: &Report, drawn: Vec<PagePictures>) -> Self {
        let is_altered = matches!(report.integrity, Integrity::Altered | Integrity::Broken);
        let pages = drawn.into_iter().map(|page| page_view(frame, report, page)).collect();
        Self { pages, is_open: is_altered, missing: None }
    }

    /// The sentence in place of pictures that could not be made.
    pub fn missing(frame: &Frame) -> Self {
        Self { missing: Some(frame.say("pages-missing")), ..Self::default() }
    }
}

fn page_view(frame: &Frame, report: &Report, page: PagePictures) -> PageView {
    let number = texts::grouped(u64::from(page.page));
    let heading = frame.fill("pages-page", &[("page", &number)]);
    let count = texts::grouped(page.differences.len() as u64);
    let differences = match page.differences.len() {
        0 => None,
        _ => Some(frame.fill("pages-differences", &[("count", &count)])),
    };
    let mut notes: Vec<String> = differences.clone().into_iter().collect();
    if !page.was_there {
        notes.push(frame.say("pages-added"));
    }
    if page.now.is_none() {
        notes.push(frame.say("pages-removed"));
    }
    let marks: Vec<String> = page.marks.iter().map(|mark| mark_words(frame, report, mark)).collect();
    notes.extend(marks.iter().cloned());
    let view = |picture: Picture, key: &str, marks: Vec<Mark>, said: &[String]| {
        let caption = frame.say(key);
        let words: Vec<&str> =
            [heading.as_str(), caption.as_str()].into_iter().chain(said.iter().map(String::as_str)).collect();
        PictureView {
            width: picture.width,
            height: picture.height,
            address: format!("data:image/png;base64,{}", BASE64_STANDARD.encode(&picture.png)),
            description: words.join(". "),
            caption,
            differences: page.differences.clone(),
            marks,
        }
    };
    let said: Vec<String> = differences.into_iter().chain(marks).collect();
    let signed = page.signed.map(|picture| view(picture, "pages-signed", Vec::new(), &[]));
    let now = page.now.map(|picture| view(picture, "pages-now", page.marks.clone(), &said));
    PageView { heading: heading.clone(), pictures: signed.into_iter().chain(now).collect(), notes }
}

/// Which signature stands there, by its number on the card and its signer.
fn mark_words(frame: &Frame, report: &Report, mark: &Mark) -> String {
    let line = usize::try_from(mark.signature).ok().and_then(|number| report.signatures.get(number.checked_sub(1)?));
    let signer = line.and_then(|line| line.signer.as_ref()).map(|signer| signer.common_name.clone());
    let signer = signer.filter(|name| !name.is_empty()).unwrap_or_else(|| frame.say("signer-unknown"));
    frame.fill("pages-mark", &[("number", &texts::grouped(u64::from(mark.signature))), ("signer", &signer)])
}
