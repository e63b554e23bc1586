//! A QR code as an SVG path, drawn inside the page: no picture file, no style, nothing to load.

use qrcode::{Color, EcLevel, QrCode};

/// Empty modules around the code that readers need (ISO/IEC 18004 §6.3.8).
const QUIET_ZONE: usize = 4;

/// A QR code: the square's side in modules (quiet zone included) and the path of its dark modules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuickResponse {
    pub side: usize,
    pub path: String,
}

impl QuickResponse {
    /// The code of a text; `None` where the text is longer than a QR code holds.
    pub fn of(text: &str) -> Option<Self> {
        let code = QrCode::with_error_correction_level(text, EcLevel::M).ok()?;
        let width = code.width();
        let path = code
            .to_colors()
            .iter()
            .enumerate()
            .filter(|(_, color)| **color == Color::Dark)
            .map(|(index, _)| format!("M{} {}h1v1h-1z", index % width + QUIET_ZONE, index / width + QUIET_ZONE))
            .collect();
        Some(Self { side: width + 2 * QUIET_ZONE, path })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn has_a_quiet_zone_and_its_finder_pattern() {
        let code = QuickResponse::of("https://chuky.example/activate#ABCD-EFGH-JKLM").unwrap();
        assert!(code.path.starts_with("M4 4h1v1h-1zM5 4h"));
        assert!(code.side >= 21 + 2 * QUIET_ZONE);
        assert_eq!(QuickResponse::of(&"x".repeat(5_000)), None);
    }
}
