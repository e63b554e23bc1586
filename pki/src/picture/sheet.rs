//! Pages as they are, one at a time, for whoever is about to sign them: every page of the document, not only those that changed.

use super::draw::{Pages, Pixels};
use super::{NoPictures, Picture, limits};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// How many pages there are, and how large the pictures of some of them are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sheets {
    /// Of the document.
    pub count: u32,
    /// Width and height in pixels, from the first page that was asked for.
    pub sizes: Vec<(u16, u16)>,
}

/// Counts the pages and measures up to `most` of them, from page `from` (from 1).
pub fn measure(bytes: &[u8], from: u32, most: u32) -> Result<Sheets, NoPictures> {
    let pages = open(bytes)?;
    let count = u32::try_from(pages.count()).map_err(|_| NoPictures::Undrawable)?;
    let last = from.saturating_add(most.min(limits::SHEETS)).min(count.saturating_add(1));
    let sizes = (from.max(1)..last).map(|number| pages.pixels(index(number)).unwrap_or((1, 1))).collect();
    Ok(Sheets { count, sizes })
}

/// Draws one page with its annotations: that number from 1, or the last one.
pub fn draw(bytes: &[u8], page: Option<u32>) -> Result<Picture, NoPictures> {
    let pages = open(bytes)?;
    let at = page.map_or_else(|| pages.count().saturating_sub(1), index);
    pages.draw(at).as_ref().and_then(Pixels::picture).ok_or(NoPictures::Undrawable)
}

fn open(bytes: &[u8]) -> Result<Pages, NoPictures> {
    if bytes.len() > limits::FILE {
        return Err(NoPictures::TooLarge);
    }
    let pages = Pages::open(&Arc::new(bytes.to_vec()), bytes.len()).ok_or(NoPictures::Undrawable)?;
    if pages.count() == 0 { Err(NoPictures::Undrawable) } else { Ok(pages) }
}

fn index(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX).checked_sub(1).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// So many pages of A4, page by page further from white.
    fn document(pages: usize) -> Vec<u8> {
        let kids: String = (0..pages).map(|page| format!("{} 0 R ", 3 + page * 2)).collect();
        let mut objects =
            vec!["<</Type/Catalog/Pages 2 0 R>>".to_owned(), format!("<</Type/Pages/Kids[{kids}]/Count {pages}>>")];
        for page in 0..pages {
            objects.push(format!("<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents {} 0 R>>", 4 + page * 2));
            let content = format!("0 g 0 0 595 {} re f", page * 100);
            objects.push(format!("<</Length {}>>stream\n{content}\nendstream", content.len()));
        }
        let mut pdf = String::from("%PDF-1.7\n");
        let mut places = Vec::new();
        for (at, object) in objects.iter().enumerate() {
            places.push(pdf.len());
            pdf.push_str(&format!("{} 0 obj\n{object}\nendobj\n", at + 1));
        }
        let start = pdf.len();
        pdf.push_str(&format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1));
        for place in places {
            pdf.push_str(&format!("{place:010} 00000 n \n"));
        }
        pdf.push_str(&format!("trailer\n<</Size {}/Root 1 0 R>>\nstartxref\n{start}\n%%EOF\n", objects.len() + 1));
        pdf.into_bytes()
    }

    #[test]
    fn every_page_is_drawn_by_its_number() {
        let pdf = document(5);
        let measured = measure(&pdf, 2, 3).unwrap();
        assert_eq!((measured.count, measured.sizes.len()), (5, 3));
        assert_eq!(measure(&pdf, 5, 100).unwrap().sizes.len(), 1);
        assert_eq!(measure(&pdf, 6, 100).unwrap().sizes.len(), 0);
        let pictures: Vec<Picture> = (1..=5).map(|page| draw(&pdf, Some(page)).unwrap()).collect();
        for (page, picture) in pictures.iter().enumerate() {
            let (width, height) = measured.sizes[0];
            assert!(picture.width.abs_diff(width) <= 1 && picture.height.abs_diff(height) <= 1, "{page}");
            assert!(pictures.iter().skip(page + 1).all(|other| other.png != picture.png), "{page}");
        }
        assert_eq!(draw(&pdf, None).unwrap(), pictures[4]);
        for outside in [0, 6, u32::MAX] {
            assert_eq!(draw(&pdf, Some(outside)), Err(NoPictures::Undrawable));
        }
        assert_eq!(measure(b"%PDF-1.7 and nothing more", 1, 1), Err(NoPictures::Undrawable));
    }
}
