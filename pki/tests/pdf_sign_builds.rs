//! Signing files of every build: cross-reference streams, linearised files, forms, turned pages, pictures, large files.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod support;

use chuky_model::report::Outcome;
use chuky_pki::pdf::write::{Field, Look, PageChoice, Picture, WriteError, prepare};
use chuky_pki::verify::{VerificationContext, verify_document};
use std::sync::Arc;
use support::files::{hybrid, large, rewritten, simple};
use support::judges::{
    at, judged_intact_by_ourselves, judged_valid, judged_valid_without_poppler, now, options, sign, store,
};
use support::signer::Signer;

const BOX: [f32; 4] = [300.0, 60.0, 540.0, 120.0];

fn citizen() -> Look {
    Look::Citizen { name: "Lê Thị Ngọc Ánh".to_owned(), certificate_number: "54:01:0A:BC".to_owned() }
}

#[test]
fn files_that_qpdf_rewrote_are_signed_twice() {
    let Some(serif) = support::serif() else { return };
    let folder = support::folder("builds");
    let signer = Signer::new("TEST signer");
    let builds: [(&str, &[&str]); 3] = [
        ("streams", &["--object-streams=generate"]),
        ("linearised", &["--linearize"]),
        ("linearised-streams", &["--linearize", "--object-streams=generate"]),
    ];
    let letter = chuky_pki::pdf::letter::sample(None).compose(&serif, now()).unwrap();
    for (name, with) in builds {
        let Some(source) = rewritten(&folder, name, &letter.pdf, with) else { return };
        let once = sign(&source, &signer, &options(Some((citizen(), &serif)), at(PageChoice::First, BOX)));
        let tables = |file: &[u8]| file.windows(5).filter(|window| window == b"\nxref").count();
        assert_eq!(
            tables(&once) - tables(&source),
            usize::from(tables(&source) > 0),
            "{name}: the kind of section is kept"
        );
        judged_valid(&store(&folder, &format!("{name}.pdf"), &once), &signer, 1);
        let twice = sign(&once, &signer, &options(None, Field::NewInvisible));
        judged_valid(&store(&folder, &format!("{name}-twice.pdf"), &twice), &signer, 2);
    }
}

/// Signed twice, so that the other readers look at the second signature too: none of these builds may become an alteration by it.
#[test]
fn files_of_many_makers_stay_intact_in_the_eyes_of_other_readers() {
    let Some(serif) = support::serif() else { return };
    let folder = support::folder("makers");
    let signer = Signer::new("TEST signer");
    let letter = chuky_pki::pdf::letter::sample(None).compose(&serif, now()).unwrap();
    let builds: [(&str, &[&str]); 8] = [
        ("qdf", &["--qdf"]),
        ("plain", &["--stream-data=uncompress"]),
        ("again", &["--recompress-flate", "--compression-level=9"]),
        ("newline", &["--newline-before-endstream"]),
        ("disabled-streams", &["--object-streams=disable"]),
        ("coalesced", &["--coalesce-contents"]),
        ("old", &["--force-version=1.3", "--object-streams=disable"]),
        ("flat", &["--generate-appearances", "--flatten-annotations=all"]),
    ];
    let mut sources = Vec::new();
    for (name, with) in builds {
        let Some(source) = rewritten(&folder, name, &letter.pdf, with) else { return };
        sources.push((name.to_owned(), source));
    }
    let own = store(&folder, "letter.pdf", &letter.pdf);
    let made: [(&str, &[&str]); 2] = [("pdftocairo", &["-pdf"]), ("pdfunite", &["letter.pdf"])];
    for (tool, with) in made.into_iter().filter(|(tool, _)| support::present(tool)) {
        let out = folder.join(format!("{tool}.pdf"));
        let done =
            std::process::Command::new(tool).current_dir(&folder).args(with).arg(&own).arg(&out).status().unwrap();
        assert!(done.success(), "{tool}");
        sources.push((tool.to_owned(), std::fs::read(out).unwrap()));
    }
    for (name, source) in sources {
        let once = sign(&source, &signer, &options(Some((citizen(), &serif)), at(PageChoice::First, BOX)));
        let twice =
            sign(&once, &signer, &options(Some((citizen(), &serif)), at(PageChoice::Last, [40.0, 60.0, 280.0, 120.0])));
        let file = store(&folder, &format!("{name}-signed.pdf"), &twice);
        judged_intact_by_ourselves(&file, 2);
        let report = verify_document(&twice, &name, &VerificationContext::at(now()));
        for reader in ["second_reader", "third_reader"] {
            let check = report.checks.iter().find(|check| check.name == reader).unwrap();
            assert_eq!(check.outcome, Outcome::Passed, "{name}: {check:?}");
        }
    }
}

#[test]
fn a_hybrid_file_and_one_behind_other_bytes_are_signed_twice() {
    let folder = support::folder("builds");
    let signer = Signer::new("TEST signer");
    // Offsets count from the header here, as some mail gateways leave it.
    let behind = [b"Received: yes\r\n\r\n".as_slice(), &simple("", "", &[])].concat();
    for (name, source) in [("hybrid", hybrid()), ("behind", behind)] {
        let once = sign(&source, &signer, &options(None, Field::NewInvisible));
        let twice = sign(&once, &signer, &options(None, Field::NewInvisible));
        let file = store(&folder, &format!("{name}.pdf"), &twice);
        // qpdf warns about what was odd before; poppler and pyHanko read on.
        let Some(said) = support::pdfsig(&file) else { return };
        assert_eq!(said.matches("Signature is Valid.").count(), 2, "{name}: {said}");
        assert_eq!(said.matches("Total document signed").count(), 1, "{name}: {said}");
    }
}

#[test]
fn one_array_for_annotations_and_fields_is_written_once() {
    let signer = Signer::new("TEST signer");
    let source = simple("/AcroForm<</Fields 6 0 R/SigFlags 3>>", "/Annots 6 0 R", &["[]"]);
    let signed = sign(&source, &signer, &options(None, Field::NewInvisible));
    judged_valid(&store(&support::folder("builds"), "shared-array.pdf", &signed), &signer, 1);
}

#[test]
fn an_empty_field_is_signed_in_its_place() {
    let Some(serif) = support::serif() else { return };
    let folder = support::folder("builds");
    let signer = Signer::new("TEST signer");
    // Field and widget apart, arrays in objects of their own, a lock over every field.
    let source = simple(
        "/AcroForm 6 0 R",
        "/Annots 8 0 R",
        &[
            "<</Fields 7 0 R/DA(/Helv 0 Tf 0 g)>>",
            "[9 0 R 11 0 R]",
            "[10 0 R 11 0 R]",
            "<</FT/Sig/T(approval)/Kids[10 0 R]/Lock<</Type/SigFieldLock/Action/All>>>>",
            "<</Type/Annot/Subtype/Widget/Parent 9 0 R/P 3 0 R/F 4/Rect[300 60 540 120]>>",
            "<</Type/Annot/Subtype/Widget/FT/Sig/T(second)/P 3 0 R/F 4/Rect[40 60 280 120]>>",
        ],
    );
    let field = |name: &str| Field::Existing(name.to_owned());
    let once = sign(&source, &signer, &options(Some((citizen(), &serif)), field("approval")));
    let file = store(&folder, "field.pdf", &once);
    judged_valid_without_poppler(&file, &signer, 1);
    assert!(support::text_of(&file).unwrap_or_default().contains("Lê Thị Ngọc Ánh"));
    let again = prepare(&once, &options(None, field("approval"))).unwrap_err();
    assert_eq!(again, WriteError::FieldTaken("approval".to_owned()));
    let locked = prepare(&once, &options(None, field("second"))).unwrap_err();
    assert_eq!(locked, WriteError::LockedField("second".to_owned()));
    let second = sign(&source, &signer, &options(Some((citizen(), &serif)), field("second")));
    judged_valid(&store(&folder, "field-second.pdf", &second), &signer, 1);
    let twice = sign(&second, &signer, &options(None, Field::NewInvisible));
    judged_valid(&store(&folder, "field-and-new.pdf", &twice), &signer, 2);
}

#[test]
fn a_turned_page_shows_the_box_upright_at_the_same_place() {
    let Some(serif) = support::serif() else { return };
    let folder = support::folder("builds");
    let signer = Signer::new("TEST signer");
    for turn in [90, 180, 270] {
        let source = simple("", &format!("/Rotate {turn}/CropBox[10 20 585 822]"), &[]);
        let signed = sign(
            &source,
            &signer,
            &options(Some((citizen(), &serif)), at(PageChoice::Last, [300.0, 60.0, 540.0, 120.0])),
        );
        let file = store(&folder, &format!("turned-{turn}.pdf"), &signed);
        judged_valid(&file, &signer, 1);
        let Some((left, bottom)) = shown_at(&file, "Ánh", if turn == 180 { 802.0 } else { 575.0 }) else { return };
        assert!((300.0..540.0).contains(&left) && (60.0..120.0).contains(&bottom), "{turn}: {left} {bottom}");
    }
}

/// Where pdftotext sees a word, in points from the lower left corner of a page shown with that height.
fn shown_at(file: &std::path::Path, word: &str, height: f32) -> Option<(f32, f32)> {
    if !support::present("pdftotext") {
        return None;
    }
    let output =
        std::process::Command::new("pdftotext").args(["-bbox", "-cropbox"]).arg(file).arg("-").output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let number = |line: &str, key: &str| -> f32 {
        line.split(&format!("{key}=\"")).nth(1).and_then(|rest| rest.split('"').next()).unwrap().parse().unwrap()
    };
    let line = said.lines().find(|line| line.contains(word)).unwrap_or_else(|| panic!("{word} is not shown: {said}"));
    Some((number(line, "xMin"), height - number(line, "yMax")))
}

#[test]
fn pictures_of_signature_and_seal_are_shown_with_their_transparency() {
    let Some(serif) = support::serif() else { return };
    let folder = support::folder("builds");
    let signer = Signer::new("TEST signer");
    let letter = chuky_pki::pdf::letter::sample(Some(now())).compose(&serif, now()).unwrap();
    let hand = Arc::new(Picture::from_png(&handwriting()).unwrap());
    let seal = Arc::new(Picture::from_png(&ring()).unwrap());
    let look = Look::Official { full_name: "Trần Thị Hồng Ưởng".to_owned(), picture: Some(hand) };
    let once =
        sign(&letter.pdf, &signer, &options(Some((look, &serif)), at(PageChoice::Last, letter.signature.rectangle)));
    let agency = "ỦY BAN NHÂN DÂN PHƯỜNG HOA SỮA".to_owned();
    let look = Look::Seal { agency, picture: Some(seal), diameter_millimetres: 36.0 };
    let twice = sign(&once, &signer, &options(Some((look, &serif)), at(PageChoice::Last, letter.seal.rectangle)));
    judged_valid(&store(&folder, "pictures.pdf", &twice), &signer, 2);
    assert!(matches!(Picture::from_png(b"\x89PNG\r\n\x1a\nno"), Err(WriteError::Picture)));
}

#[test]
fn a_large_file_is_neither_copied_nor_touched() {
    let folder = support::folder("builds");
    let signer = Signer::new("TEST signer");
    let source = large(20 << 20);
    let plain = options(None, Field::NewInvisible);
    let prepared = prepare(&source, &plain).unwrap();
    let update = prepared.finish(&[]).unwrap();
    assert!(update.len() < 12_000, "the update of a large file is small: {}", update.len());
    let signed = sign(&source, &signer, &plain);
    assert!(signed.starts_with(&source));
    let file = store(&folder, "large.pdf", &signed);
    judged_valid(&file, &signer, 1);
    std::fs::remove_file(file).unwrap();
}

/// A blue stroke on a transparent ground.
fn handwriting() -> Vec<u8> {
    png(420, 200, |x, y| {
        let t = x as f32 / 420.0 * 12.0;
        let stroke = 100.0 + (t * 1.7).sin() * 46.0 * (1.0 - x as f32 / 600.0) + (t * 3.1).cos() * 18.0;
        let near = (y as f32 - stroke).abs();
        let ink = ((5.0 - near).clamp(0.0, 1.0) * 255.0) as u8;
        [16, 52, 160, if (30..390).contains(&x) { ink } else { 0 }]
    })
}

/// Two red rings on a transparent ground.
fn ring() -> Vec<u8> {
    png(600, 600, |x, y| {
        let radius = ((x as f32 - 300.0).powi(2) + (y as f32 - 300.0).powi(2)).sqrt();
        let on =
            (280.0..296.0).contains(&radius) || (262.0..268.0).contains(&radius) || (180.0..186.0).contains(&radius);
        [205, 20, 30, if on { 230 } else { 0 }]
    })
}

fn png(width: u32, height: u32, pixel: impl Fn(u32, u32) -> [u8; 4]) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width, height);
    encoder.set_color(png::ColorType::Rgba);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header().unwrap();
    let data: Vec<u8> =
        (0..height).flat_map(|y| (0..width).map(move |x| (x, y))).flat_map(|(x, y)| pixel(x, y)).collect();
    writer.write_image_data(&data).unwrap();
    writer.finish().unwrap();
    file
}
