//! The sample letter, read back by poppler and qpdf.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod support;

use chuky_model::instant::Instant;
use chuky_pki::pdf::letter::sample;
use std::process::Command;

#[test]
fn the_letter_reads_back_in_vietnamese_on_several_pages() {
    let Some(typefaces) = support::serif() else { return };
    let issued = Instant::parse_rfc3339("2026-02-05T03:00:00Z").unwrap();
    let letter = sample(Some(issued)).compose(&typefaces, issued).unwrap();
    assert!(letter.pages >= 3, "{} pages", letter.pages);
    assert_eq!(letter.signature.page, letter.pages);
    let folder = support::folder("letter");
    let file = folder.join("letter.pdf");
    std::fs::write(&file, &letter.pdf).unwrap();
    support::qpdf_accepts(&file);
    let Some(text) = support::text_of(&file) else { return };
    for expected in [
        "CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM",
        "Độc lập - Tự do - Hạnh phúc",
        "HOA SỮA",
        "Số: 15/UBND-VP",
        "Hà Nội, ngày 05 tháng 02 năm 2026",
        "Trần Thị Hồng Ưởng",
        "45.000 ₫",
    ] {
        let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(flat.contains(expected), "{expected:?} is missing");
    }
    let fonts = Command::new("pdffonts").arg(&file).output().unwrap();
    let fonts = String::from_utf8(fonts.stdout).unwrap();
    assert_eq!(fonts.matches("Identity-H       yes yes yes").count(), 4, "embedded, subset, with Unicode: {fonts}");
}

#[test]
fn a_draft_has_neither_number_nor_date() {
    let draft = sample(None);
    assert_eq!(draft.number_line(), "Số:          /UBND-VP");
    assert!(draft.date_line().contains("ngày      tháng"));
}
