//! Objects of EMVCo codes: two digits of identifier, two of length, as many characters of value.

use super::limits::LONGEST_VALUE;

/// An object as it stands in the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Object<'t> {
    pub id: &'t str,
    pub value: &'t str,
    /// Identifier, length and value together.
    pub text: &'t str,
}

/// Takes a text apart to its last character; on an error the identifier of the object whose length is wrong.
pub fn objects(text: &str) -> Result<Vec<Object<'_>>, String> {
    let mut found = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let shown = || rest.chars().take(2).collect::<String>();
        let two_digits = |from: usize| {
            let digits = rest.get(from..from + 2)?;
            digits.bytes().all(|octet| octet.is_ascii_digit()).then_some(digits)
        };
        let id = two_digits(0).ok_or_else(shown)?;
        let length: usize = two_digits(2).and_then(|digits| digits.parse().ok()).ok_or_else(shown)?;
        let body = rest.get(4..).ok_or_else(shown)?;
        // EMVCo counts characters, not octets.
        let end = match body.char_indices().nth(length) {
            Some((end, _)) => end,
            None if body.chars().count() == length => body.len(),
            None => return Err(shown()),
        };
        let (value, after) = body.split_at_checked(end).filter(|_| length > 0).ok_or_else(shown)?;
        found.push(Object { id, value, text: rest.get(..4 + end).ok_or_else(shown)? });
        rest = after;
    }
    Ok(found)
}

/// Objects one after another. Values are at most [`LONGEST_VALUE`] characters: longer ones are a defect of the caller, cut off here so
/// that the text stays readable.
pub fn encode(objects: &[(&str, &str)]) -> String {
    let mut text = String::new();
    for (id, value) in objects {
        let value: String = value.chars().take(LONGEST_VALUE).collect();
        text.push_str(id);
        text.push_str(&format!("{:02}", value.chars().count()));
        text.push_str(&value);
    }
    text
}
