//! What is signed here, judged by pdfsig, pyHanko, qpdf and pdftotext.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod support;

use chuky_pki::pdf::letter::sample;
use chuky_pki::pdf::write::{
    Field, Kind, LongTermData, Look, PageChoice, Permission, SignatureOptions, WriteError, add_long_term_data, prepare,
};
use support::judges::{at, judged_valid, now, options, sign, store};
use support::signer::Signer;

#[test]
fn an_official_then_the_agency_sign_a_letter() {
    let Some(serif) = support::serif() else { return };
    let folder = support::folder("sign");
    let letter = sample(Some(now())).compose(&serif, now()).unwrap();
    let official = Signer::new("Trần Thị Hồng Ưởng (TEST)");
    let look = Look::Official { full_name: "Trần Thị Hồng Ưởng".to_owned(), picture: None };
    let place = at(PageChoice::Number(letter.signature.page), letter.signature.rectangle);
    let once = sign(&letter.pdf, &official, &options(Some((look, &serif)), place));
    assert!(once.starts_with(&letter.pdf));
    judged_valid(&store(&folder, "official.pdf", &once), &official, 1);
    let agency = "ỦY BAN NHÂN DÂN PHƯỜNG HOA SỮA";
    let look = Look::Seal { agency: agency.to_owned(), picture: None, diameter_millimetres: 36.0 };
    let place = at(PageChoice::Last, letter.seal.rectangle);
    let twice = sign(&once, &official, &options(Some((look, &serif)), place));
    let file = store(&folder, "official-and-seal.pdf", &twice);
    judged_valid(&file, &official, 2);
    let text = support::text_of(&file).unwrap_or_default();
    for shown in [agency, "22/11/2026 10:05:09 +07:00", "ĐÃ KÝ SỐ", "Trần Thị Hồng Ưởng"] {
        assert!(text.contains(shown), "{shown}: {text}");
    }
}

#[test]
fn a_citizens_box_shows_name_time_and_number() {
    let Some(serif) = support::serif() else { return };
    let folder = support::folder("sign");
    let letter = sample(None).compose(&serif, now()).unwrap();
    let citizen = Signer::new("Nguyễn Đặng Quỳnh Như (TEST)");
    let look = Look::Citizen {
        name: "Nguyễn Đặng Quỳnh Như".to_owned(),
        certificate_number: "54:01:0A:BC:3F:77:90:12:6E:DD:08:41:5B:C2:19:E3".to_owned(),
    };
    let signed =
        sign(&letter.pdf, &citizen, &options(Some((look, &serif)), at(PageChoice::First, [320.0, 60.0, 540.0, 124.0])));
    let file = store(&folder, "citizen.pdf", &signed);
    judged_valid(&file, &citizen, 1);
    let text = support::text_of(&file).unwrap_or_default();
    assert!(text.contains("Nguyễn Đặng Quỳnh Như") && text.contains("Thời gian:"), "{text}");
    // What the dictionary says is Vietnamese too.
    let Some(said) = support::pdfsig(&file) else { return };
    assert!(said.contains("Nguyễn Đặng Quỳnh Như") && said.contains("ETSI.CAdES.detached"), "{said}");
}

#[test]
fn long_term_data_leaves_both_signatures_valid() {
    let Some(serif) = support::serif() else { return };
    let folder = support::folder("sign");
    let letter = sample(None).compose(&serif, now()).unwrap();
    let signer = Signer::new("TEST signer");
    let once = sign(&letter.pdf, &signer, &options(None, Field::NewInvisible));
    let certificates = vec![signer.authority.to_der().unwrap(), signer.certificate.to_der().unwrap()];
    let data = LongTermData { certificates, ..LongTermData::default() };
    let with_data = [once.as_slice(), &add_long_term_data(&once, &data).unwrap()].concat();
    let again = add_long_term_data(&with_data, &data).unwrap();
    assert!(again.len() < 1_500, "known data is not written again: {} bytes", again.len());
    let file = store(&folder, "long-term.pdf", &with_data);
    support::qpdf_accepts(&file);
    if let Some(lines) = support::pyhanko(&signer.authority, &file) {
        assert!(lines.iter().any(|line| line.contains("LTA_UPDATES ok")), "{lines:?}");
    }
    let twice = sign(&with_data, &signer, &options(None, Field::NewInvisible));
    judged_valid(&store(&folder, "long-term-signed.pdf", &twice), &signer, 2);
}

#[test]
fn a_certified_document_without_permission_is_refused() {
    let Some(serif) = support::serif() else { return };
    let letter = sample(None).compose(&serif, now()).unwrap();
    let signer = Signer::new("TEST certifier");
    let certify =
        |permission| SignatureOptions { kind: Kind::Certification(permission), ..options(None, Field::NewInvisible) };
    let closed = sign(&letter.pdf, &signer, &certify(Permission::Nothing));
    judged_valid(&store(&support::folder("sign"), "certified.pdf", &closed), &signer, 1);
    let refused = prepare(&closed, &options(None, Field::NewInvisible)).unwrap_err();
    assert_eq!(refused, WriteError::CertifiedNoChanges);
    let timestamp = SignatureOptions { kind: Kind::DocumentTimestamp, ..options(None, Field::NewInvisible) };
    assert!(prepare(&closed, &timestamp).is_ok(), "a document timestamp is always permitted");
    let open = sign(&letter.pdf, &signer, &certify(Permission::FillingAndSigning));
    let twice = sign(&open, &signer, &options(None, Field::NewInvisible));
    judged_valid(&store(&support::folder("sign"), "certified-signed.pdf", &twice), &signer, 2);
    assert_eq!(prepare(&twice, &certify(Permission::Nothing)).unwrap_err(), WriteError::AlreadySigned);
}

#[test]
fn refusals_name_their_reason() {
    let Some(serif) = support::serif() else { return };
    let letter = sample(None).compose(&serif, now()).unwrap();
    let plain = options(None, Field::NewInvisible);
    assert_eq!(prepare(b"hello", &plain).unwrap_err(), WriteError::NotPdf);
    let beyond = options(None, at(PageChoice::Number(99), [0.0, 0.0, 10.0, 10.0]));
    assert_eq!(prepare(&letter.pdf, &beyond).unwrap_err(), WriteError::NoSuchPage(99));
    let flat = options(None, at(PageChoice::First, [10.0, 10.0, 10.0, 20.0]));
    assert_eq!(prepare(&letter.pdf, &flat).unwrap_err(), WriteError::Rectangle);
    let missing = options(None, Field::Existing("Chữ ký".to_owned()));
    assert_eq!(prepare(&letter.pdf, &missing).unwrap_err(), WriteError::NoSuchField("Chữ ký".to_owned()));
    let prepared = prepare(&letter.pdf, &plain).unwrap();
    assert_eq!(
        prepared.finish(&[0; 4_097]).unwrap_err(),
        WriteError::ContentsTooSmall { needed: 4_097, reserved: 4_096 }
    );
    let look = Look::Official { full_name: "漢字".to_owned(), picture: None };
    let unshown = options(Some((look, &serif)), at(PageChoice::First, [10.0, 10.0, 90.0, 60.0]));
    assert_eq!(prepare(&letter.pdf, &unshown).unwrap_err(), WriteError::MissingLetter('漢'));
    let signer = Signer::new("TEST signer");
    let mut damaged = sign(&letter.pdf, &signer, &plain);
    let length = damaged.len();
    damaged.truncate(length - 10);
    let at = damaged.windows(9).rposition(|window| window == b"startxref").unwrap();
    damaged[at..at + 9].copy_from_slice(b"startxxxx");
    let refused = prepare(&damaged, &plain);
    assert!(matches!(refused, Err(WriteError::ReconstructedSigned)), "{refused:?}");
}
