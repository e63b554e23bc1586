//! Where on a page nothing stands: a place for a mark that covers nobody's text. Found on a picture of the page, so that drawings and
//! scans count as well as letters; bounded in places looked at.

use super::draw::{Pages, Pixels};
use super::limits;
use std::sync::Arc;

/// The corner of a page as shown from which a place is searched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Start {
    pub top: bool,
    pub right: bool,
}

/// The free rectangle of that size (points) nearest to the corner, as left, bottom, right, top from the page's lower left corner; `None`
/// where there is none, or the page cannot be drawn. `page` counts from 0, the last one where absent; `taken` are rectangles that no
/// picture shows; nothing within `edge` points of the page's edges counts as free.
pub fn free_place(
    source: &[u8],
    page: Option<usize>,
    from: Start,
    (width, height): (f32, f32),
    edge: f32,
    taken: &[[f32; 4]],
) -> Option<[f32; 4]> {
    if source.len() > limits::FILE {
        return None;
    }
    let pages = Pages::open(&Arc::new(source.to_vec()), source.len())?;
    let page = page.or_else(|| pages.count().checked_sub(1))?;
    let (across, up) = pages.size(page)?;
    let ink = Ink::of(&pages.draw(page)?, (across, up));
    let apart = |place: &[f32; 4]| {
        let beside = |other: &[f32; 4]| {
            other[2] <= place[0] || place[2] <= other[0] || other[3] <= place[1] || place[3] <= other[1]
        };
        taken.iter().all(beside)
    };
    let steps = |room: f32| (0..limits::STEPS).map(|step| step as f32 * limits::STEP).take_while(move |at| *at <= room);
    for along in steps(up - height - 2.0 * edge) {
        let bottom = if from.top { up - edge - height - along } else { edge + along };
        for aside in steps(across - width - 2.0 * edge) {
            let left = if from.right { across - edge - width - aside } else { edge + aside };
            let place = [left, bottom, left + width, bottom + height];
            if ink.is_blank(place) && apart(&place) {
                return Some(place);
            }
        }
    }
    None
}

/// How many pixels with something on them lie left of and above each corner of pixels.
struct Ink {
    sums: Vec<u32>,
    width: usize,
    height: usize,
    /// Pixels a point.
    scale: (f32, f32),
    up: f32,
}

impl Ink {
    fn of(pixels: &Pixels, (across, up): (f32, f32)) -> Self {
        let (width, height) = (usize::from(pixels.width), usize::from(pixels.height));
        let row = width + 1;
        let mut sums = vec![0_u32; row * (height + 1)];
        for y in 0..height {
            let mut in_row = 0;
            for x in 0..width {
                in_row += u32::from(pixels.at(x, y).iter().any(|part| *part < PAPER));
                let above = sums.get(y * row + x + 1).copied().unwrap_or(0);
                if let Some(sum) = sums.get_mut((y + 1) * row + x + 1) {
                    *sum = above + in_row;
                }
            }
        }
        let scale = (f32::from(pixels.width) / across.max(1.0), f32::from(pixels.height) / up.max(1.0));
        Self { sums, width, height, scale, up }
    }

    fn is_blank(&self, [left, bottom, right, top]: [f32; 4]) -> bool {
        // A place on the page, so within the picture: `as` only cuts off the fraction.
        let x = |value: f32| ((value * self.scale.0).max(0.0) as usize).min(self.width);
        let y = |value: f32| (((self.up - value) * self.scale.1).max(0.0) as usize).min(self.height);
        let (x0, x1) = (x(left), (x(right) + 1).min(self.width));
        let (y0, y1) = (y(top), (y(bottom) + 1).min(self.height));
        let sum = |x: usize, y: usize| self.sums.get(y * (self.width + 1) + x).copied().unwrap_or(0);
        sum(x1, y1) + sum(x0, y0) == sum(x0, y1) + sum(x1, y0)
    }
}

/// Red, green and blue of what still counts as paper.
const PAPER: u8 = 250;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::pdf::write::page_geometry;

    fn page(content: &str) -> Vec<u8> {
        let objects = [
            "<</Type/Catalog/Pages 2 0 R>>".to_owned(),
            "<</Type/Pages/Kids[3 0 R]/Count 1>>".to_owned(),
            "<</Type/Page/Parent 2 0 R/MediaBox[0 0 400 600]/Resources<<>>/Contents 4 0 R>>".to_owned(),
            format!("<</Length {}>>stream\n{content}\nendstream", content.len()),
        ];
        let mut pdf = b"%PDF-1.7\n".to_vec();
        let mut table = format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1);
        for (number, object) in objects.iter().enumerate() {
            table += &format!("{:010} 00000 n \n", pdf.len());
            pdf.extend_from_slice(format!("{} 0 obj\n{object}\nendobj\n", number + 1).as_bytes());
        }
        let start = pdf.len();
        pdf.extend_from_slice(
            format!("{table}trailer\n<</Size 5/Root 1 0 R>>\nstartxref\n{start}\n%%EOF\n").as_bytes(),
        );
        pdf
    }

    const CORNER: Start = Start { top: false, right: false };

    #[test]
    fn a_place_is_free_of_ink_and_of_what_is_taken() {
        let found =
            |content: &str, taken: &[[f32; 4]]| free_place(&page(content), None, CORNER, (100.0, 50.0), 20.0, taken);
        assert!(page_geometry(&page(""), crate::pdf::write::PageChoice::Last).is_ok());
        assert_eq!(found("0 0 0 rg 0 500 10 10 re f", &[]), Some([20.0, 20.0, 120.0, 70.0]));
        // Ink in the corner: aside of it. All along the foot: above it.
        let aside = found("0 g 0 0 60 300 re f", &[]).unwrap();
        assert!(aside[0] >= 60.0 && aside[0] < 70.0 && aside[1] == 20.0, "{aside:?}");
        let above = found("0.5 g 0 0 400 100 re f", &[]).unwrap();
        assert!(above[0] == 20.0 && above[1] >= 100.0 && above[1] < 110.0, "{above:?}");
        let beside = found("", &[[0.0, 0.0, 200.0, 40.0]]).unwrap();
        assert!(beside[0] >= 200.0 && beside[1] == 20.0, "{beside:?}");
        assert_eq!(found("0 g 0 0 400 600 re f", &[]), None);
        // Start the other corner.
        let top = Start { top: true, right: true };
        let place = free_place(&page(""), Some(0), top, (100.0, 50.0), 20.0, &[]);
        assert_eq!(place, Some([280.0, 530.0, 380.0, 580.0]));
        assert_eq!(free_place(&page(""), Some(9), top, (100.0, 50.0), 20.0, &[]), None);
        assert_eq!(free_place(b"no PDF", None, top, (100.0, 50.0), 20.0, &[]), None);
    }
}
