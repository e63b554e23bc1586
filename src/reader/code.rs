//! What a reader does for a code on the page of a PDF: the QR code made, and a place found for it that covers no text.

use super::signing::{Corner, Page, Place};
use chuky_pki::{
    pdf::write::{self, Code, PageChoice, Placement, WriteError},
    picture::blank::{self, Start},
};
use qrcode::{Color, EcLevel, QrCode};
use serde::{Deserialize, Serialize};

/// A code on a page.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CodeWanted {
    /// What the QR code holds.
    pub target: String,
    /// Where it is typed, as shown.
    pub address: String,
    /// The code as it is typed.
    pub letters: String,
    /// A corner or a rectangle; a field is the signature's alone.
    pub place: Place,
}

impl CodeWanted {
    /// The code as it is drawn.
    pub(super) fn code(&self) -> Result<Code, WriteError> {
        let drawn = QrCode::with_error_correction_level(&self.target, EcLevel::M);
        let drawn = drawn.map_err(|_| WriteError::TextTooLong)?;
        Ok(Code {
            side: drawn.width(),
            dark: drawn.to_colors().iter().map(|color| *color == Color::Dark).collect(),
            caption: CAPTION.to_owned(),
            address: self.address.clone(),
            letters: self.letters.clone(),
        })
    }

    /// Where it stands: a corner is searched for a place where nothing stands, `taken` included.
    pub(super) fn placement(&self, source: &[u8], taken: Option<[f32; 4]>) -> Result<Placement, WriteError> {
        let (page, corner) = match self.place {
            Place::Rectangle { page, rectangle } => return Ok(Placement { page: page.into(), rectangle }),
            Place::Corner { page, corner } => (page, corner),
            Place::Field(_) | Place::Anchor(_) => (Page::Last, Corner::BottomLeft),
        };
        let geometry = write::page_geometry(source, page.into())?;
        let mut all = geometry.signatures.clone();
        all.extend(taken);
        let number = match page {
            Page::First => Some(0),
            Page::Last => None,
            Page::Number(number) => Some(usize::try_from(number).unwrap_or(usize::MAX).saturating_sub(1)),
        };
        let from = Start {
            top: matches!(corner, Corner::TopLeft | Corner::TopRight),
            right: matches!(corner, Corner::TopRight | Corner::BottomRight),
        };
        let size = (SIZE.0.min(geometry.width), SIZE.1.min(geometry.height));
        let found = blank::free_place(source, number, from, size, EDGE, &all);
        let rectangle = found.unwrap_or_else(|| {
            // A full page, or one that cannot be drawn: the corner itself.
            let left =
                if from.right { geometry.width - EDGE - size.0 } else { EDGE }.clamp(0.0, geometry.width - size.0);
            let bottom = if from.top { geometry.height - EDGE - size.1 } else { EDGE };
            let bottom = bottom.clamp(0.0, geometry.height - size.1);
            [left, bottom, left + size.0, bottom + size.1]
        });
        Ok(Placement { page: PageChoice::from(page), rectangle })
    }
}

/// What it is for: the page of a Vietnamese document.
const CAPTION: &str = "Quét mã để kiểm tra chữ ký";
/// Width and height in points: the code 21 mm a side, its words beside it.
const SIZE: (f32, f32) = (176.0, 60.0);
/// From the page's edges: 8 mm, as far as printers leave empty, and below the text of a letter.
const EDGE: f32 = 22.7;
