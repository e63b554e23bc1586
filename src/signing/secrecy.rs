//! Documents of a secrecy class are not for this service: they are refused before a byte of them is kept (Law on the Protection of
//! State Secrets). Pure.

use crate::error::{RequestError, Result};
use unicode_normalization::UnicodeNormalization;

/// Refuses every class but none. `class` is what the sender says: `Mật`, `Tối mật`, `Tuyệt mật`, or nothing, `Thường`, `none`.
pub fn refuse_secret(class: Option<&str>) -> Result<()> {
    let class: String = class.unwrap_or_default().nfc().collect::<String>().trim().to_lowercase();
    match class.as_str() {
        "" | "thường" | "thuong" | "không" | "khong" | "none" | "normal" => Ok(()),
        "mật" | "tối mật" | "tuyệt mật" | "mat" | "toi mat" | "tuyet mat" | "toi-mat" | "tuyet-mat" => {
            Err(secret("secrecy").into())
        }
        _ => Err(RequestError::invalid(
            "secrecy",
            "secrecy_unknown",
            "Độ mật không hợp lệ: để trống hoặc ghi “Thường” cho văn bản không mật.",
            "Unknown secrecy class: leave it out, or say “Thường” for a document that is not classified.",
        )
        .into()),
    }
}

/// Refuses a document on whose first page a line is such a mark and nothing else, in capitals as the stamp is. `lines` are without
/// white space; words of a sentence that mention a secret are no mark.
pub fn refuse_marked(lines: &[String]) -> Result<()> {
    let is_mark = |line: &String| {
        let line: String = line.nfc().collect();
        let line = line.trim_matches(|letter: char| !letter.is_alphanumeric());
        let line = line.strip_prefix("ĐỘMẬT").unwrap_or(line).trim_start_matches([':', '.']);
        MARKS.contains(&line)
    };
    if lines.iter().any(is_mark) { Err(secret("document").into()) } else { Ok(()) }
}

fn secret(field: &'static str) -> RequestError {
    RequestError::invalid(
        field,
        "document_secret",
        "Hệ thống này không nhận văn bản mật. Không có nội dung nào được lưu; hãy xử lý văn bản theo quy định về bí mật nhà nước.",
        "This service takes no classified document. Nothing of it was kept; handle it by the rules on state secrets.",
    )
}

/// Decree 30/2020/NĐ-CP, Appendix I, ô số 10a, without white space.
const MARKS: [&str; 3] = ["MẬT", "TỐIMẬT", "TUYỆTMẬT"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_a_line_of_its_own_in_capitals() {
        let refused = |line: &str| refuse_marked(&[String::from("ỦYBANNHÂNDÂN"), line.to_owned()]).is_err();
        for mark in ["MẬT", "TỐIMẬT", "TUYỆTMẬT", "[MẬT]", "ĐỘMẬT:TỐIMẬT", "TUYE\u{302}\u{323}TMA\u{302}\u{323}T"]
        {
            assert!(refused(mark), "{mark}");
        }
        for line in ["BẢOVỆBÍMẬTNHÀNƯỚC", "Mật", "mật", "tàiliệutốimật", "BẢOMẬT", ""] {
            assert!(!refused(line), "{line}");
        }
    }

    #[test]
    fn only_what_is_not_secret_passes() {
        for class in [None, Some(""), Some("Thường"), Some(" none ")] {
            assert!(refuse_secret(class).is_ok(), "{class:?}");
        }
        // Precomposed, decomposed, capitals, and whatever else somebody may mean by it.
        for class in ["Mật", "TỐI MẬT", "Tuyệt mật", "Tuye\u{323}\u{302}t ma\u{302}\u{323}t", "secret", "?"] {
            assert!(refuse_secret(Some(class)).is_err(), "{class}");
        }
    }
}
