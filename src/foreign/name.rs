//! Whether a certificate's name is an account's person. The same is what differs only in how it is written: composed or decomposed letters (NFC),
//! capitals, spaces, and where the tone mark stands in oa, oe and uy ("Hoà", "Hòa"). Another letter or accent is another name. A personal
//! number in the certificate counts more than any name.

use unicode_normalization::UnicodeNormalization;

/// How the two fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NameFit {
    Same,
    Differs,
}

/// Compares two names.
pub fn compare(one: &str, other: &str) -> NameFit {
    let (one, other) = (plain(one), plain(other));
    if !one.is_empty() && one == other { NameFit::Same } else { NameFit::Differs }
}

/// Personal numbers that a certificate's `UID` values hold, as authorities write them: `CCCD:` or `PID:` before twelve digits.
pub fn personal_numbers<'n>(user_ids: impl Iterator<Item = &'n str>) -> Vec<&'n str> {
    let number = |value: &'n str| {
        let (kind, digits) = value.trim().split_once(':')?;
        let is_number = digits.len() == 12 && digits.bytes().all(|byte| byte.is_ascii_digit());
        (is_number && ["CCCD", "PID"].contains(&kind.trim().to_ascii_uppercase().as_str())).then_some(digits)
    };
    user_ids.filter_map(number).collect()
}

fn plain(name: &str) -> String {
    let joined = name.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut text: String = joined.nfc().collect::<String>().to_lowercase().nfc().collect();
    // The tone mark moves to the first vowel, as in the older spelling.
    for (second, first) in TONES {
        text = text.replace(second, first);
    }
    text
}

const TONES: [(&str, &str); 15] = [
    ("oà", "òa"),
    ("oá", "óa"),
    ("oả", "ỏa"),
    ("oã", "õa"),
    ("oạ", "ọa"),
    ("oè", "òe"),
    ("oé", "óe"),
    ("oẻ", "ỏe"),
    ("oẽ", "õe"),
    ("oẹ", "ọe"),
    ("uỳ", "ùy"),
    ("uý", "úy"),
    ("uỷ", "ủy"),
    ("uỹ", "ũy"),
    ("uỵ", "ụy"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_name_however_it_is_written() {
        for (one, other) in [
            ("Trần Văn Khương", "TRẦN VĂN KHƯƠNG"),
            ("Trần Văn Khương", "Tra\u{302}\u{300}n  Văn Khu\u{31b}o\u{31b}ng "),
            ("Lê Thị Hoà", "Lê Thị Hòa"),
            ("Phạm Thuý Quý", "PHẠM THÚY QUÝ"),
        ] {
            assert_eq!(compare(one, other), NameFit::Same, "{one} {other}");
        }
    }

    #[test]
    fn another_letter_or_accent_is_another_name() {
        for (one, other) in [
            ("Trần Văn Khương", "Trần Văn Khuông"),
            ("Nguyễn Văn Đức", "Nguyễn Văn Duc"),
            ("Lê Hoà", "Lê Hoá"),
            ("Lê Hòa Bình", "Lê Hòa"),
            ("", ""),
            // Cyrillic letters that look the same.
            ("Trần Văn An", "Trần Văn \u{410}n"),
        ] {
            assert_eq!(compare(one, other), NameFit::Differs, "{one} {other}");
        }
    }

    #[test]
    fn numbers_are_read_from_user_ids() {
        let ids = ["CCCD:001190012345", "MST:0100109106", "pid:079190012345", "CCCD:123", "001190012345"];
        assert_eq!(personal_numbers(ids.into_iter()), ["001190012345", "079190012345"]);
    }
}
