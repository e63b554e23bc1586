//! A file that readers of another kind open as well. A signed container or message is judged by what it carries; where its bytes also are a
//! PDF, whoever opens it as one sees that PDF, and what nobody signed of it is an alteration. Looks at bytes only, decides nothing else.

use super::xml_coverage::COVERAGE;
use chuky_model::report::Check;
use std::ops::Range;

/// The check that fails where a reader of PDF opens the file by bytes outside `signed`: a header there, or, where the signed content holds
/// the header, an end by which such a reader would begin elsewhere. `None` where no such reader opens the file.
pub(super) fn as_pdf(bytes: &[u8], signed: &[Range<usize>]) -> Option<Check> {
    let is_signed = |at: usize| signed.iter().any(|part| part.contains(&at));
    let window = bytes.get(..bytes.len().min(HEADER_WITHIN + HEADER.len())).unwrap_or_default();
    let mut headers = memchr::memmem::find_iter(window, HEADER).peekable();
    headers.peek()?;
    let stray = headers.find(|at| !is_signed(*at));
    let stray = stray.or_else(|| memchr::memmem::find_iter(bytes, START).find(|at| !is_signed(*at)))?;
    Some(Check::failed(COVERAGE, format!("readers of PDF open this file, by what no signature covers at byte {stray}")))
}

const HEADER: &[u8] = b"%PDF-";
/// Where a reader begins (ISO 32000-1 §7.5.5).
const START: &[u8] = b"startxref";
/// Where readers accept a header (ISO 32000-1 annex H, note 13).
const HEADER_WITHIN: usize = 1_024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_readers_of_pdf_open_is_told() {
        let text = b"PK..%PDF-1.7 .. startxref".as_slice();
        assert!(as_pdf(text, &[]).is_some());
        let signed = |start, end| [Range { start, end }];
        assert!(as_pdf(text, &signed(4, text.len())).is_none());
        assert!(as_pdf(text, &signed(4, 12)).is_some(), "it begins where nobody signed");
        assert!(as_pdf(b"PK.. startxref", &[]).is_none());
        let far: Vec<u8> = [&[b' '; 1_100][..], b"%PDF-1.7"].concat();
        assert!(as_pdf(&far, &[]).is_none());
    }
}
