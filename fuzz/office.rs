//! Targets of office packages and of page pictures. A mutated archive mostly fails its checksums, so mutated parts are put into sound
//! archives as well.

use crate::runner::{corpus, run};
use chuky_model::instant::Instant;
use chuky_pki::office::{ContentTypes, open_document, part, relationship};
use chuky_pki::picture;
use chuky_pki::verify::{VerificationContext, verify_document};

/// Kept packages that LibreOffice signed.
const LETTER_DOCX: &[u8] = include_bytes!("../pki/tests/data/office/letter.docx");
const LETTER_ODT: &[u8] = include_bytes!("../pki/tests/data/office/letter.odt");
const SHEET_XLSX: &[u8] = include_bytes!("../pki/tests/data/office/sheet.xlsx");

fn context() -> VerificationContext {
    VerificationContext::at(Instant::from_unix_seconds(1_795_000_000))
}

fn parts(package: &[u8]) -> Vec<(String, Vec<u8>)> {
    let archive = chuky_pki::asic::Archive::open(package).unwrap();
    let read = |(at, entry): (usize, &chuky_pki::asic::Entry)| (entry.label(), archive.content(at).unwrap().to_vec());
    archive.entries().iter().enumerate().map(read).collect()
}

/// The whole verdict on mutated archives.
#[test]
fn office_package() {
    let seeds = [LETTER_DOCX, LETTER_ODT, SHEET_XLSX].map(<[u8]>::to_vec);
    run("office_package", &seeds, |input| {
        let _ = verify_document(input, "fuzz", &context());
    });
}

/// The whole verdict on sound archives of which one part is mutated: the first line names package and part.
#[test]
fn office_part() {
    let packages = [LETTER_DOCX, LETTER_ODT, SHEET_XLSX].map(parts);
    let mut seeds = Vec::new();
    for (number, files) in packages.iter().enumerate() {
        for (at, (_, content)) in files.iter().enumerate() {
            seeds.push([format!("{number} {at}\n").into_bytes(), content.clone()].concat());
        }
    }
    run("office_part", &seeds, |input| {
        let end = input.iter().position(|byte| *byte == b'\n').unwrap_or(0);
        let head = String::from_utf8_lossy(&input[..end]).into_owned();
        let mut numbers = head.split(' ').map(|text| text.parse::<usize>().unwrap_or(0));
        let (number, at) = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
        let mut files = packages[number % packages.len()].clone();
        let count = files.len();
        files[at % count].1 = input[end..].to_vec();
        let _ = verify_document(&archive(&files), "fuzz", &context());
    });
}

/// The parsers of packages' parts alone.
#[test]
fn office_markup() {
    let seeds: Vec<Vec<u8>> =
        [LETTER_DOCX, LETTER_ODT].iter().flat_map(|package| parts(package)).map(|(_, content)| content).collect();
    run("office_markup", &seeds, |input| {
        if let Ok(types) = ContentTypes::parse(input) {
            let _ = types.of("word/document.xml");
        }
        for one in relationship::parse(input).into_iter().flatten() {
            let _ = (one.part("word/document.xml"), one.is_about_the_document(""), one.shows_what_lies_outside());
        }
        let _ = (open_document::PackageManifest::parse(input), open_document::shown_from_outside(input));
        let text = String::from_utf8_lossy(input);
        let _ = (part::key(&text), part::split_reference(&text), part::resolve("a/b", &text), part::source_of(&text));
    });
}

#[test]
fn page_pictures() {
    let mut seeds = corpus("pdf-attacks");
    seeds.extend(corpus("dss-pades").into_iter().filter(|seed| seed.len() < 200_000));
    seeds.push(super::targets::SMALL_PDF.to_vec());
    let wanted = picture::Wanted { pages: vec![1], everywhere: false, signatures: vec!["Signature1".to_owned()] };
    run("page_pictures", &seeds, |input| {
        let mut pages = 0;
        let _ = picture::pages(input, &wanted, &mut || {
            pages += 1;
            pages <= 1
        });
    });
}

/// A stored archive.
fn archive(files: &[(String, Vec<u8>)]) -> Vec<u8> {
    let (mut bytes, mut directory) = (Vec::new(), Vec::new());
    for (name, content) in files {
        let place = bytes.len() as u32;
        let mut fields = Vec::new();
        fields.extend([20, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        fields.extend(checksum(content).to_le_bytes());
        fields.extend([(content.len() as u32).to_le_bytes(); 2].concat());
        fields.extend((name.len() as u16).to_le_bytes());
        fields.extend([0, 0]);
        bytes.extend(b"PK\x03\x04");
        bytes.extend(&fields);
        bytes.extend(name.as_bytes());
        bytes.extend(content);
        directory.extend(b"PK\x01\x02\x14\0");
        directory.extend(&fields);
        directory.extend([0; 10]);
        directory.extend(place.to_le_bytes());
        directory.extend(name.as_bytes());
    }
    let start = bytes.len() as u32;
    bytes.extend(&directory);
    bytes.extend(b"PK\x05\x06\0\0\0\0");
    bytes.extend([(files.len() as u16).to_le_bytes(); 2].concat());
    bytes.extend((directory.len() as u32).to_le_bytes());
    bytes.extend(start.to_le_bytes());
    bytes.extend([0, 0]);
    bytes
}

/// CRC-32 (APPNOTE 4.4.7).
fn checksum(content: &[u8]) -> u32 {
    !content.iter().fold(!0u32, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| if sum & 1 == 1 { (sum >> 1) ^ 0xedb8_8320 } else { sum >> 1 })
    })
}

#[test]
fn archives_made_here_are_sound() {
    for package in [LETTER_DOCX, LETTER_ODT] {
        let report = verify_document(&archive(&parts(package)), "made", &context());
        assert_eq!(report.integrity, chuky_model::report::Integrity::Intact);
    }
}
