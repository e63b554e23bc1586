//! Objects as bytes (ISO 32000-2 §7.3). Only direct objects: a stream is written by [`super::update::Update::stream`].

use super::super::{Dictionary, Object, ObjectId};
use std::fmt::Write;

/// Appends one object. A stream, which cannot stand inside another object, becomes `null`.
pub(super) fn push_object(out: &mut Vec<u8>, object: &Object) {
    match object {
        Object::Null | Object::Stream(_) => out.extend_from_slice(b"null"),
        Object::Boolean(value) => out.extend_from_slice(if *value { b"true" } else { b"false" }),
        Object::Integer(value) => out.extend_from_slice(value.to_string().as_bytes()),
        Object::Real(value) => out.extend_from_slice(exact(*value).as_bytes()),
        Object::String(bytes) => push_string(out, bytes),
        Object::Name(name) => push_name(out, name),
        Object::Array(elements) => {
            out.push(b'[');
            for (place, element) in elements.iter().enumerate() {
                if place > 0 {
                    out.push(b' ');
                }
                push_object(out, element);
            }
            out.push(b']');
        }
        Object::Dictionary(dictionary) => push_dictionary(out, dictionary),
        Object::Reference(id) => out.extend_from_slice(reference(*id).as_bytes()),
    }
}

/// Appends a dictionary; of a doubled key only the value that counts.
pub(super) fn push_dictionary(out: &mut Vec<u8>, dictionary: &Dictionary) {
    out.extend_from_slice(b"<<");
    for (place, (key, value)) in dictionary.entries().enumerate() {
        if dictionary.entries().skip(place + 1).any(|(later, _)| later == key) {
            continue;
        }
        push_name(out, key);
        out.push(b' ');
        push_object(out, value);
    }
    out.extend_from_slice(b">>");
}

/// Appends `/Name`, with `#xx` for what is not regular (ISO 32000-2 §7.3.5).
pub(super) fn push_name(out: &mut Vec<u8>, name: &[u8]) {
    out.push(b'/');
    for byte in name {
        if byte.is_ascii_graphic() && !b"#()<>[]{}/%".contains(byte) {
            out.push(*byte);
        } else {
            out.extend_from_slice(format!("#{byte:02X}").as_bytes());
        }
    }
}

/// Appends a string: literal where it is plain ASCII, hexadecimal otherwise.
pub(super) fn push_string(out: &mut Vec<u8>, bytes: &[u8]) {
    if bytes.iter().all(|byte| (b' '..=b'~').contains(byte) && !b"()\\".contains(byte)) {
        out.push(b'(');
        out.extend_from_slice(bytes);
        out.push(b')');
    } else {
        out.push(b'<');
        out.extend_from_slice(hex::encode_upper(bytes).as_bytes());
        out.push(b'>');
    }
}

/// A text string as written in the file: plain ASCII or UTF-16BE with its mark (ISO 32000-2 §7.9.2.2).
pub(super) fn text(text: &str) -> String {
    let mut out = Vec::new();
    push_string(&mut out, &text_bytes(text));
    // Both forms of a string are ASCII.
    String::from_utf8(out).unwrap_or_default()
}

/// The bytes of a text string.
pub(super) fn text_bytes(text: &str) -> Vec<u8> {
    if text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
        return text.as_bytes().to_vec();
    }
    let mut bytes = vec![0xFE, 0xFF];
    bytes.extend(text.encode_utf16().flat_map(u16::to_be_bytes));
    bytes
}

/// A number as it was: a page box that is copied must not change by a thousandth, or it counts as an alteration.
fn exact(value: f64) -> String {
    // `Display` gives the shortest digits that read back the same, never an exponent.
    if value.is_finite() { value.to_string() } else { "0".to_owned() }
}

/// A number for a drawing, without exponent and without a needless fraction (ISO 32000-2 §7.3.3).
pub(super) fn real(value: f64) -> String {
    if !value.is_finite() {
        return "0".to_owned();
    }
    let mut text = format!("{value:.4}");
    while text.contains('.') && (text.ends_with('0') || text.ends_with('.')) {
        text.pop();
    }
    if text == "-0" { "0".to_owned() } else { text }
}

/// Numbers with spaces between, for operands, boxes and matrices.
pub(super) fn numbers(values: &[f32]) -> String {
    let mut text = String::new();
    for (place, value) in values.iter().enumerate() {
        let gap = if place == 0 { "" } else { " " };
        // Writing to a String cannot fail.
        let _ = write!(text, "{gap}{}", real(f64::from(*value)));
    }
    text
}

/// `12 0 R`.
pub(super) fn reference(id: ObjectId) -> String {
    format!("{} {} R", id.number, id.generation)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copied_numbers_stay_exact_and_drawn_ones_short() {
        let written = |object: Object| {
            let mut out = Vec::new();
            push_object(&mut out, &object);
            String::from_utf8_lossy(&out).into_owned()
        };
        assert_eq!(written(Object::Real(595.27563)), "595.27563");
        assert_eq!(written(Object::Real(0.000_001)), "0.000001");
        assert_eq!(written(Object::Real(1e20)), "100000000000000000000");
        assert_eq!(real(12.0), "12");
        assert_eq!(real(-0.00001), "0");
        assert_eq!(numbers(&[1.5, 2.25]), "1.5 2.25");
    }

    #[test]
    fn names_and_strings_are_escaped() {
        let mut out = Vec::new();
        push_name(&mut out, "Chữ ký#1".as_bytes());
        push_string(&mut out, b"a(b");
        push_string(&mut out, b"plain");
        assert_eq!(String::from_utf8_lossy(&out), "/Ch#E1#BB#AF#20k#C3#BD#231<612862>(plain)");
        assert_eq!(text("Đã ký"), "<FEFF011000E30020006B00FD>");
    }
}
