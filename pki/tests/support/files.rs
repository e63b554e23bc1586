//! PDF files of every build that a signature may meet: written by hand, or rewritten by qpdf.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs, dead_code)]

use std::path::Path;
use std::process::Command;

/// A file of these objects, numbered from 1, with a classic table; the first is the catalogue.
pub fn classic(objects: &[String]) -> Vec<u8> {
    let mut file = b"%PDF-1.7\n%\xE2\xE3\xCF\xD3\n".to_vec();
    let mut offsets = Vec::new();
    for (number, object) in objects.iter().enumerate() {
        offsets.push(file.len());
        file.extend_from_slice(format!("{} 0 obj\n{object}\nendobj\n", number + 1).as_bytes());
    }
    let start = file.len();
    let mut end = format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1);
    for offset in offsets {
        end += &format!("{offset:010} 00000 n \n");
    }
    end += &format!("trailer\n<</Size {}/Root 1 0 R>>\nstartxref\n{start}\n%%EOF", objects.len() + 1);
    file.extend_from_slice(end.as_bytes());
    file
}

/// A page with a line of text; `page` are more entries of the page, `catalogue` more entries of the catalogue.
pub fn simple(catalogue: &str, page: &str, more: &[&str]) -> Vec<u8> {
    let content = "BT /F1 18 Tf 72 700 Td (A page to be signed) Tj ET";
    let mut objects = vec![
        format!("<</Type/Catalog/Pages 2 0 R{catalogue}>>"),
        "<</Type/Pages/Kids[3 0 R]/Count 1/MediaBox[0 0 595 842]>>".to_owned(),
        format!("<</Type/Page/Parent 2 0 R/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>{page}>>"),
        format!("<</Length {}>>\nstream\n{content}\nendstream", content.len()),
        "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>".to_owned(),
    ];
    objects.extend(more.iter().map(|object| (*object).to_owned()));
    classic(&objects)
}

/// A file made larger by an unused stream of so many bytes.
pub fn large(bytes: usize) -> Vec<u8> {
    // Not compressible and cheap to make.
    let mut state = 0x2545_F491_u32;
    let filling: String = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        char::from(b'a' + (state % 26) as u8)
    })
    .take(bytes)
    .collect();
    simple("/Data 6 0 R", "", &[&format!("<</Length {bytes}>>\nstream\n{filling}\nendstream")])
}

/// The file rewritten by qpdf with these options; `None` where qpdf is missing.
pub fn rewritten(folder: &Path, name: &str, source: &[u8], options: &[&str]) -> Option<Vec<u8>> {
    if !super::present("qpdf") {
        return None;
    }
    let (from, to) = (folder.join(format!("{name}-before.pdf")), folder.join(format!("{name}-source.pdf")));
    std::fs::write(&from, source).unwrap();
    // Options that end with `--` (encryption) stand before the files too.
    let done = Command::new("qpdf").args(options).arg(&from).arg(&to).status().unwrap();
    assert!(done.success(), "qpdf {options:?}");
    Some(std::fs::read(to).unwrap())
}

/// A hybrid file: a table, and a cross-reference stream for the objects in an object stream (ISO 32000-2 §7.5.8.4).
pub fn hybrid() -> Vec<u8> {
    let mut file = simple("/Extra 7 0 R", "", &["<</Nothing true>>"]);
    let cut = file.windows(6).rposition(|window| window == b"\nxref\n").unwrap() + 1;
    let table = String::from_utf8(file[cut..].to_vec()).unwrap();
    file.truncate(cut);
    // Object 8 holds object 7; object 9 is the cross-reference stream that knows both.
    let container = file.len();
    let content = "7 0 <</Hidden true>>";
    let text = format!(
        "8 0 obj\n<</Type/ObjStm/N 1/First 4/Length {}>>\nstream\n{content}\nendstream\nendobj\n",
        content.len()
    );
    file.extend_from_slice(text.as_bytes());
    let stream = file.len();
    let mut rows = vec![2, 0, 0, 0, 8, 0, 0];
    for offset in [container, stream] {
        rows.push(1);
        rows.extend_from_slice(&u32::try_from(offset).unwrap().to_be_bytes());
        rows.extend_from_slice(&[0, 0]);
    }
    let text =
        format!("9 0 obj\n<</Type/XRef/Size 10/W[1 4 2]/Index[7 3]/Root 1 0 R/Length {}>>\nstream\n", rows.len());
    file.extend_from_slice(text.as_bytes());
    file.extend_from_slice(&rows);
    file.extend_from_slice(b"\nendstream\nendobj\n");
    let start = file.len();
    let table = table.replace("/Size 7", &format!("/Size 10/XRefStm {stream}"));
    let table = table.replace(&format!("startxref\n{cut}"), &format!("startxref\n{start}"));
    file.extend_from_slice(table.as_bytes());
    file
}
