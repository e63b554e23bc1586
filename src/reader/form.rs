//! What a reader does for an outgoing document before anybody signs and between two signatures: the fields of number, date, signers and
//! seal are placed and made, filled, and the first page's lines are read.

use super::signing::{Faces, Page, Unsuitable};
use chuky_model::text::Bilingual;
use chuky_pki::pdf::write::{self, PageChoice, Placement, SignatureField, TextField, page_geometry};
use serde::{Deserialize, Serialize};

/// The fields of an outgoing document.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FieldsWanted {
    pub number: TextWanted,
    pub date: TextWanted,
    /// In the order in which they sign.
    pub signers: Vec<SignerWanted>,
    /// The seal's field: it closes every field.
    pub seal: String,
}

/// A field that the clerk fills.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TextWanted {
    pub name: String,
    pub label: String,
    /// Every letter it may hold, beside digits.
    pub letters: String,
    /// Left, bottom, right, top on the first page; the decree's usual place where absent.
    pub rectangle: Option<[f32; 4]>,
}

/// A competent person's field.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SignerWanted {
    pub name: String,
    pub place: Option<(Page, [f32; 4])>,
}

/// Makes the fields. Each signer leaves open what comes after: the number, the date, the other signers and the seal.
pub(super) fn make_fields(source: &[u8], wanted: FieldsWanted, faces: &mut Faces) -> Result<Vec<u8>, Unsuitable> {
    let first = page_geometry(source, PageChoice::First)?;
    let last = page_geometry(source, PageChoice::Last)?;
    let FieldsWanted { number, date, signers, seal } = wanted;
    let line =
        |left: f32, right: f32| [first.width * left, first.height - LINE.1, first.width * right, first.height - LINE.0];
    let text = |wanted: &TextWanted, usual: [f32; 4], italic: bool| TextField {
        name: wanted.name.clone(),
        label: wanted.label.clone(),
        placement: Placement { page: PageChoice::First, rectangle: wanted.rectangle.unwrap_or(usual) },
        size: LETTER_SIZE,
        italic,
        letters: wanted.letters.clone(),
    };
    confined(&number, &date, (first.width, first.height))?;
    let texts = [text(&number, line(0.10, 0.47), false), text(&date, line(0.48, 0.95), true)];
    let mut open: Vec<String> = [&number.name, &date.name, &seal].map(Clone::clone).to_vec();
    open.extend(signers.iter().map(|signer| signer.name.clone()));
    let count = signers.len();
    let mut fields = Vec::new();
    let mut nearest = (PageChoice::Last, usual_place(last.width, 0));
    for (place, signer) in signers.into_iter().enumerate() {
        let usual = (PageChoice::Last, usual_place(last.width, count.saturating_sub(place + 1)));
        nearest = signer.place.map_or(usual, |(page, rectangle)| (page.into(), rectangle));
        let leaves_open = open.iter().filter(|name| **name != signer.name).cloned().collect();
        let placement = Placement { page: nearest.0, rectangle: nearest.1 };
        fields.push(SignatureField { name: signer.name, placement: Some(placement), leaves_open: Some(leaves_open) });
    }
    let placement = Placement { page: nearest.0, rectangle: beside(nearest.1) };
    fields.push(SignatureField { name: seal, placement: Some(placement), leaves_open: None });
    Ok(write::add_fields(source, &texts, &fields, faces.parsed()?)?)
}

/// The fields that the clerk fills after others signed stand where number and date of an official document stand, and each shows one line:
/// elsewhere a text could belong to what the signers agreed to.
fn confined(number: &TextWanted, date: &TextWanted, (width, height): (f32, f32)) -> Result<(), Unsuitable> {
    let fits = |[left, bottom, right, top]: [f32; 4]| {
        let inside = left >= 0.0 && right <= width && top <= height && bottom >= height * LOWEST;
        inside && left < right && bottom < top && top - bottom <= TALLEST
    };
    let apart = |one: [f32; 4], other: [f32; 4]| {
        one[2] <= other[0] || other[2] <= one[0] || one[3] <= other[1] || other[3] <= one[1]
    };
    let wanted = [number.rectangle, date.rectangle];
    let fitting = wanted.into_iter().flatten().all(fits);
    let separate = !matches!(wanted, [Some(one), Some(other)] if !apart(one, other));
    if fitting && separate {
        return Ok(());
    }
    Err(Unsuitable {
        reason: "a field of number or date stands elsewhere".to_owned(),
        message: Bilingual::new(
            "Ô số, ký hiệu và ô ngày phải nằm ở phần ba trên của trang đầu, cao không quá 40 điểm và không chồng lên nhau.",
            "The fields of number and date stand in the upper third of the first page, at most 40 points high, and apart from each other.",
        ),
    })
}

/// Fills fields with texts.
pub(super) fn fill_fields(source: &[u8], values: &[(String, String)]) -> Result<Vec<u8>, Unsuitable> {
    Ok(write::fill_fields(source, values)?)
}

/// From the right, three in a row, then a row above.
fn usual_place(width: f32, from_right: usize) -> [f32; 4] {
    let (column, row) = ((from_right % 3) as f32, (from_right / 3) as f32);
    let right = width - EDGE - column * (SIGNATURE.0 + GAP);
    let bottom = ABOVE_FOOT + row * (SIGNATURE.1 + GAP);
    [right - SIGNATURE.0, bottom, right, bottom + SIGNATURE.1]
}

/// Decree 30/2020/NĐ-CP, Appendix I, ô số 8: the seal covers about a third of the signature, on its left. The seal's circle hangs from the
/// top of its field, in the middle.
fn beside([left, bottom, right, top]: [f32; 4]) -> [f32; 4] {
    let radius = SEAL_ACROSS / 2.0;
    let middle = left + (right - left) / 3.0 - radius;
    let upper = (bottom + top) / 2.0 + radius;
    [middle - SEAL.0 / 2.0, upper - SEAL.1, middle + SEAL.0 / 2.0, upper]
}

/// Of number and date, in points: the decree's 13 to 14.
const LETTER_SIZE: f32 = 13.0;
/// Top and bottom of their line below the page's upper edge, in points: below the agency's name in two lines.
const LINE: (f32, f32) = (100.0, 120.0);
/// Where the upper third of a page begins, of its height.
const LOWEST: f32 = 2.0 / 3.0;
/// Of a field of one line, in points.
const TALLEST: f32 = 40.0;
/// Of a competent person's signature, in points.
const SIGNATURE: (f32, f32) = (160.0, 70.0);
/// Of the seal with the agency's name and the time, in points.
const SEAL: (f32, f32) = (150.0, 150.0);
/// 36 mm across.
const SEAL_ACROSS: f32 = 102.0;
/// From the right edge: 20 mm.
const EDGE: f32 = 56.7;
const ABOVE_FOOT: f32 = 120.0;
const GAP: f32 = 10.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn number_and_date_stand_where_they_belong() {
        let text =
            |rectangle| TextWanted { name: String::new(), label: String::new(), letters: String::new(), rectangle };
        let taken = |number, date| confined(&text(number), &text(date), (595.0, 842.0)).is_ok();
        let (number, date) = ([60.0, 700.0, 280.0, 720.0], [300.0, 700.0, 560.0, 720.0]);
        assert!(taken(None, None) && taken(Some(number), Some(date)));
        for elsewhere in [
            [60.0, 300.0, 280.0, 320.0],
            [60.0, 700.0, 280.0, 760.0],
            [-20.0, 700.0, 280.0, 720.0],
            [60.0, 700.0, 600.0, 720.0],
            [280.0, 700.0, 60.0, 720.0],
            [0.0, 0.0, 0.0, 0.0],
            [f32::NAN, 700.0, 280.0, 720.0],
            date,
        ] {
            assert!(!taken(Some(elsewhere), Some(date)), "{elsewhere:?}");
        }
    }

    #[test]
    fn the_seal_covers_a_third_of_the_signature_on_its_left() {
        let signature = usual_place(595.0, 0);
        let seal = beside(signature);
        let circle = ((seal[0] + seal[2]) / 2.0 - SEAL_ACROSS / 2.0, (seal[0] + seal[2]) / 2.0 + SEAL_ACROSS / 2.0);
        let covered = (circle.1 - signature[0]) / (signature[2] - signature[0]);
        assert!(circle.0 < signature[0] && (covered - 1.0 / 3.0).abs() < 0.01, "{covered}");
        let all: Vec<[f32; 4]> = (0..6).map(|place| usual_place(595.0, place)).collect();
        for (place, one) in all.iter().enumerate() {
            assert!(one[0] >= 0.0 && one[3] < 400.0);
            let apart =
                |other: &[f32; 4]| other[2] <= one[0] || one[2] <= other[0] || other[3] <= one[1] || one[3] <= other[1];
            assert!(all.iter().skip(place + 1).all(apart));
        }
    }
}
