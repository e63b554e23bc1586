//! The texts of the pages in Vietnamese and English, from `web/texts`, embedded in the binary.
//! May use Fluent only; must never compose a sentence from pieces of other sentences.

use chuky_model::text::Language;
use fluent_templates::{LanguageIdentifier, Loader, fluent_bundle::FluentValue, langid};
use std::{borrow::Cow, collections::HashMap};

fluent_templates::static_loader! {
    static TEXTS = {
        locales: "./web/texts",
        fallback_language: "vi",
        // Marks of text direction around arguments would be copied along with names and numbers.
        customise: |bundle| bundle.set_use_isolating(false),
    };
}

const VIETNAMESE: LanguageIdentifier = langid!("vi");
const ENGLISH: LanguageIdentifier = langid!("en");

/// Stands around a key that no text has, so that tests and readers see the gap.
pub(super) const MISSING: [&str; 2] = ["⟦", "⟧"];

/// The text of that key, or `None` where there is none. Keys are the file's message names, e.g. `home-title`.
pub fn text(language: Language, key: &str, arguments: &[(&str, &str)]) -> Option<String> {
    let identifier = match language {
        Language::Vi => VIETNAMESE,
        Language::En => ENGLISH,
    };
    let values: HashMap<Cow<'static, str>, FluentValue<'_>> =
        arguments.iter().map(|(name, value)| (Cow::Owned((*name).to_owned()), FluentValue::from(*value))).collect();
    TEXTS.try_lookup_with_args(&identifier, key, &values)
}

/// The text of that key; a missing one shows as its key in double brackets.
pub fn text_or_key(language: Language, key: &str, arguments: &[(&str, &str)]) -> String {
    text(language, key, arguments).unwrap_or_else(|| format!("{}{key}{}", MISSING[0], MISSING[1]))
}

/// What a signature covers: `whole_file` and `revision 2 of 5` in words, anything else as it is.
pub fn coverage(language: Language, covers: &str) -> String {
    let words: Vec<&str> = covers.split_whitespace().collect();
    let (key, number, count) = match words.as_slice() {
        ["whole_file"] => ("covers-whole-file", "", ""),
        ["revision", number, "of", count] => ("covers-revision", *number, *count),
        [number, "of", count, "parts"] => ("covers-parts", *number, *count),
        [number, "of", count, "files"] => ("covers-files", *number, *count),
        _ => return covers.to_owned(),
    };
    text_or_key(language, key, &[("number", number), ("count", count)])
}

/// Groups digits by threes with dots, as Vietnam writes numbers: `1.234.567`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut written = String::with_capacity(digits.len() + digits.len() / 3);
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            written.push('.');
        }
        written.push(digit);
    }
    written
}

/// RFC 3339 as screens show it, `22/11/2026 10:05:09 (+07:00)`; text that is no time is shown as it is.
pub fn screen_time(rfc3339: &str) -> String {
    chuky_model::instant::Instant::parse_rfc3339(rfc3339).map_or_else(|| rfc3339.to_owned(), screen_instant)
}

/// An instant as screens show it, `22/11/2026 10:05:09 (+07:00)`.
pub fn screen_instant(instant: chuky_model::instant::Instant) -> String {
    instant.vietnamese().replacen(" +07:00", " (+07:00)", 1)
}

/// RFC 3339 as a day in Vietnam, `22/11/2026`; text that is no time is shown as it is.
pub fn screen_day(rfc3339: &str) -> String {
    let shown = screen_time(rfc3339);
    shown.split_once(' ').map_or(shown.clone(), |(day, _)| day.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_times_are_written_as_vietnam_does() {
        assert_eq!([0, 7, 999, 1_000, 1_234_567].map(grouped), ["0", "7", "999", "1.000", "1.234.567"]);
        assert_eq!(screen_time("2026-11-22T03:05:09Z"), "22/11/2026 10:05:09 (+07:00)");
        assert_eq!(screen_day("2026-11-21T20:00:00Z"), "22/11/2026");
        assert_eq!(screen_time("unreadable"), "unreadable");
    }
}
