//! Revisions written by hand: tables and streams that say what no software would write.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, dead_code, missing_docs)]

use super::stream;

/// Content that nobody signed.
pub const EVIL: &str = "BT /F1 12 Tf (Forged) Tj ET";

/// A revision written by hand: objects as they are, then a table with these rows (number, place, `n` or `f`), `{n}` in the
/// trailer being the offset of the n-th object.
pub fn by_hand(mut bytes: Vec<u8>, objects: &[&str], rows: &[(u32, Option<usize>, u16)], trailer: &str) -> Vec<u8> {
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let previous = text.rsplit("startxref\n").next().unwrap().lines().next().unwrap().to_owned();
    let mut places = Vec::new();
    for object in objects {
        places.push(bytes.len());
        bytes.extend(object.bytes());
        bytes.push(b'\n');
    }
    let start = bytes.len();
    let mut tail = String::from("xref\n");
    for (number, place, generation) in rows {
        let (place, kind) = match place {
            Some(index) => (places[*index], 'n'),
            None => (0, 'f'),
        };
        tail.push_str(&format!("{number} 1\n{place:010} {generation:05} {kind} \n"));
    }
    let mut trailer = trailer.replace("{prev}", &previous);
    for (index, place) in places.iter().enumerate() {
        trailer = trailer.replace(&format!("{{{index}}}"), &place.to_string());
    }
    tail.push_str(&format!("trailer\n<</Size 60/Root 1 0 R/Info 15 0 R{trailer}>>\nstartxref\n{start}\n%%EOF\n"));
    bytes.extend(tail.bytes());
    bytes
}

/// The first page's content with another text.
pub fn evil_content() -> String {
    format!("4 0 obj\n{}\nendobj", stream(EVIL))
}

/// A cross-reference stream with these rows, uncompressed, and an object stream that holds one object.
pub fn object_stream(number: u32, inner: u32, body: &str) -> String {
    let head = format!("{inner} 0 ");
    let data = format!("{head}{body}");
    format!(
        "{number} 0 obj\n<</Type/ObjStm/N 1/First {}/Length {}>>\nstream\n{data}\nendstream\nendobj",
        head.len(),
        data.len()
    )
}

pub fn row_stream(number: u32, index: &str, rows: &[[u8; 6]]) -> String {
    let data: String = rows.concat().iter().map(|byte| format!("{byte:02x}")).collect();
    format!(
        "{number} 0 obj\n<</Type/XRef/Size 60/W[1 4 1]/Index[{index}]/Filter/ASCIIHexDecode/Length {}>>\nstream\n{data}>\nendstream\nendobj",
        data.len() + 1
    )
}
