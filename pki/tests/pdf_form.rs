//! Number and date as form fields: made before anybody signs, left open by the signers, filled by the clerk, closed by the seal. The
//! signers' signatures stay intact in the eyes of this package, of poppler and of pyHanko.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod support;

use chuky_model::report::Integrity;
use chuky_pki::pdf::letter;
use chuky_pki::pdf::typeface::Typefaces;
use chuky_pki::pdf::write::{
    Field, Look, PageChoice, Placement, SignatureField, TextField, WriteError, add_fields, fill_fields,
};
use chuky_pki::verify::{VerificationContext, verify_document};
use support::files::{rewritten, simple};
use support::judges::{judged_valid, now, options, sign, store};
use support::signer::Signer;

const NUMBER: &str = "Số: 15/QĐ-UBND";
const DATE: &str = "Hà Nội, ngày 05 tháng 02 năm 2026";

fn at(rectangle: [f32; 4]) -> Placement {
    Placement { page: PageChoice::First, rectangle }
}

fn open(names: &[&str]) -> Option<Vec<String>> {
    Some(names.iter().map(|name| (*name).to_owned()).collect())
}

fn with_fields(source: &[u8], typefaces: &Typefaces) -> Vec<u8> {
    let text = |name: &str, rectangle, italic, letters: &str| TextField {
        name: name.to_owned(),
        label: format!("Ô {name}"),
        placement: at(rectangle),
        size: 13.0,
        italic,
        letters: letters.to_owned(),
    };
    let texts = [
        text("SoVanBan", [60.0, 720.0, 280.0, 740.0], false, NUMBER),
        text("NgayBanHanh", [290.0, 720.0, 560.0, 740.0], true, DATE),
    ];
    let field = |name: &str, rectangle, leaves_open| SignatureField {
        name: name.to_owned(),
        placement: Some(at(rectangle)),
        leaves_open,
    };
    let signed = [
        field("NguoiKy1", [200.0, 120.0, 360.0, 190.0], open(&["SoVanBan", "NgayBanHanh", "NguoiKy2", "ConDau"])),
        field("NguoiKy2", [380.0, 120.0, 540.0, 190.0], open(&["SoVanBan", "NgayBanHanh", "NguoiKy1", "ConDau"])),
        field("ConDau", [307.0, 57.0, 457.0, 207.0], None),
    ];
    [source, &add_fields(source, &texts, &signed, typefaces).unwrap()].concat()
}

fn values() -> Vec<(String, String)> {
    vec![("SoVanBan".to_owned(), NUMBER.to_owned()), ("NgayBanHanh".to_owned(), DATE.to_owned())]
}

fn filled(source: &[u8]) -> Vec<u8> {
    [source, &fill_fields(source, &values()).unwrap()].concat()
}

fn into(name: &str) -> Field {
    Field::Existing(name.to_owned())
}

#[test]
fn the_clerk_fills_number_and_date_between_signature_and_seal() {
    let Some(serif) = support::serif() else { return };
    let folder = support::folder("form");
    let signer = Signer::new("TEST signer");
    let letter = letter::sample(None).compose(&serif, now()).unwrap().pdf;
    let mut sources = vec![("simple", simple("", "", &[])), ("letter", letter)];
    let streams = rewritten(&folder, "streams", &sources[0].1, &["--object-streams=generate"]);
    sources.extend(streams.map(|source| ("streams", source)));
    for (name, source) in sources {
        let made = with_fields(&source, &serif);
        support::qpdf_accepts(&store(&folder, &format!("{name}-made.pdf"), &made));
        let look = || Some((Look::Official { full_name: "Trần Thị Hồng Ưởng".to_owned(), picture: None }, &serif));
        let first = sign(&made, &signer, &options(look(), into("NguoiKy1")));
        let second = sign(&first, &signer, &options(look(), into("NguoiKy2")));
        judged_valid(&store(&folder, &format!("{name}-signed.pdf"), &second), &signer, 2);
        let numbered = filled(&second);
        let file = store(&folder, &format!("{name}-numbered.pdf"), &numbered);
        let report = verify_document(&numbered, "numbered.pdf", &VerificationContext::at(now()));
        assert_eq!(report.integrity, Integrity::Intact, "{report:#?}");
        if let Some(text) = support::text_of(&file) {
            assert!(text.contains(NUMBER) && text.contains(DATE), "{text}");
        }
        let seal =
            Look::Seal { agency: "UBND phường Hoa Sữa".to_owned(), picture: None, diameter_millimetres: 36.0 };
        let sealed = sign(&numbered, &signer, &options(Some((seal, &serif)), into("ConDau")));
        judged_valid(&store(&folder, &format!("{name}-sealed.pdf"), &sealed), &signer, 3);
        // The seal closes everything: nothing is written that would break it.
        let again = fill_fields(&sealed, &values());
        assert!(matches!(again, Err(WriteError::LockedField(_) | WriteError::AlreadyFilled(_))), "{again:?}");
    }
}

#[test]
fn what_does_not_fit_is_refused_before_anything_is_written() {
    let Some(serif) = support::serif() else { return };
    let signer = Signer::new("TEST signer");
    let made = with_fields(&simple("", "", &[]), &serif);
    let fill = |source: &[u8], name: &str, value: &str| fill_fields(source, &[(name.to_owned(), value.to_owned())]);
    assert!(matches!(fill(&made, "ConDau", "1"), Err(WriteError::NoSuchTextField(_))));
    assert!(matches!(fill(&made, "Không có", "1"), Err(WriteError::NoSuchTextField(_))));
    assert!(
        matches!(fill(&made, "SoVanBan", "Số: 15/CV"), Err(WriteError::MissingLetter('C' | 'V'))),
        "a letter of no use"
    );
    assert!(matches!(fill(&made, "SoVanBan", &"1".repeat(301)), Err(WriteError::TextTooLong)));
    assert!(matches!(fill(&filled(&made), "SoVanBan", NUMBER), Err(WriteError::AlreadyFilled(_))));
    // Nobody adds fields to what is signed, and the names of the fields are free only once.
    let signed = sign(&made, &signer, &options(None, into("NguoiKy1")));
    let field = SignatureField { name: "Them".to_owned(), placement: None, leaves_open: None };
    let later = add_fields(&signed, &[], &[field], &serif);
    assert!(matches!(later, Err(WriteError::FieldsAfterSigning)), "{later:?}");
    let field = SignatureField { name: "ConDau".to_owned(), placement: None, leaves_open: None };
    assert!(matches!(add_fields(&made, &[], &[field], &serif), Err(WriteError::FieldTaken(_))));
    // A seal that comes first leaves nothing for the clerk.
    let sealed = sign(&made, &signer, &options(None, into("ConDau")));
    assert!(matches!(fill(&sealed, "SoVanBan", NUMBER), Err(WriteError::LockedField(_))));
}

#[test]
fn lines_of_the_first_page_are_read_as_a_person_sees_them() {
    let Some(serif) = support::serif() else { return };
    let letter = letter::sample(None).compose(&serif, now()).unwrap().pdf;
    let lines = chuky_pki::picture::lines::first_page(&letter).unwrap();
    assert!(lines.iter().any(|line| line == "THÀNHPHỐHÀNỘI"), "{lines:?}");
    assert!(lines.iter().any(|line| line.starts_with("Độclập-Tựdo")), "{lines:?}");
    assert_eq!(chuky_pki::picture::lines::first_page(b"%PDF-1.7 and nothing"), None);
}
