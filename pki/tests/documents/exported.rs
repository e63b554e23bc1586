//! Every format at every level with every kind of key, PDF and its forms among them: valid by our own verifier, of the level that it
//! was made for, and written down for EU DSS (`make dss`), which must say the same.

use crate::created::{
    ALL, CONTENT, Kept, Level, NAME, SIGNED, Signed, Signer, archived, context, file, judged, long_term,
};
use crate::export::{Case, export};
use crate::support::files::simple;
use crate::support::serif;
use crate::world::{Party, Role, World, time};
use chuky_model::algorithm::SignatureScheme;
use chuky_model::report::{Indication, Integrity, Report};
use chuky_pki::algorithm::DigestAlgorithm;
use chuky_pki::cms::build::{SignatureToMake, longest, with_signature_timestamp};
use chuky_pki::creation::Made;
use chuky_pki::crypto;
use chuky_pki::pdf::write::{
    Field, Kind, LongTermData, PageChoice, Permission, Placement, SignatureField, SignatureOptions, TextField,
    add_fields, add_long_term_data, fill_fields, prepare,
};
use chuky_pki::verify::{VerificationContext, verify_document};

const SCHEMES: [SignatureScheme; 7] = [
    SignatureScheme::EcdsaSha256,
    SignatureScheme::EcdsaSha384,
    SignatureScheme::RsaPkcs1Sha256,
    SignatureScheme::RsaPkcs1Sha512,
    SignatureScheme::RsaPssSha256,
    SignatureScheme::RsaPssSha384,
    SignatureScheme::RsaPssSha512,
];
const LEVELS: [Level; 4] = [Level::B, Level::T, Level::Lt, Level::Lta];

/// Valid by our own verifier, so many signatures, the last of that level; then written down with what it said.
fn held(world: &World, name: String, signed: &[u8], report: &Report, content: Option<&[u8]>, at: &VerificationContext) {
    let told = (report.integrity, report.indication);
    assert_eq!(told, (Integrity::Intact, Indication::TotalPassed), "{name}: {report:#?}");
    export(&Case {
        name,
        signed,
        content: content.map(|content| (NAME, content)),
        formats: report.signatures.iter().map(|line| line.format.clone()).collect(),
        at: at.at,
        anchors: &world.anchors(),
        further: &[world.issuing.certificate.clone(), world.stamper.certificate.clone()],
        lists: &at.crls,
    });
}

#[test]
fn every_format_level_and_key_that_is_no_pdf() {
    let world = World::new();
    for scheme in SCHEMES {
        let signer = Signer::new(&world, scheme);
        for (kept, level) in ALL.into_iter().flat_map(|kept| LEVELS.map(|level| (kept, level))) {
            let signed = signer.signed(&world, kept, level);
            let context = context(&world, level);
            let report = judged(&signed, CONTENT.as_bytes(), &context);
            let name = format!("{kept:?}-{level:?}-{scheme:?}");
            let said = report.signatures[0].format.rsplit('-').next().unwrap().to_owned();
            assert_eq!(said, format!("{level:?}").to_uppercase(), "{name}");
            let content = kept.is_detached().then_some(CONTENT.as_bytes());
            held(&world, name, &signed.bytes, &report, content, &context);
        }
    }
}

/// An update with a signature of this level; long-term data and archive timestamp are further ones.
fn pades(world: &World, signer: &Signer, source: &[u8], kind: Kind, field: Field, level: Level) -> Vec<u8> {
    let further = [world.issuing.certificate.clone()];
    let contents_bytes = longest(&signer.party.certificate, &further, 3_000);
    let options = SignatureOptions { kind, field, ..SignatureOptions::new(time(SIGNED), contents_bytes) };
    let prepared = prepare(source, &options).unwrap();
    let digest = crypto::digest(DigestAlgorithm::from(signer.scheme.hash()), &prepared.covered(source).concat());
    let to_make = SignatureToMake::detached(signer.scheme, &digest, &signer.party.certificate).unwrap();
    let value = signer.sign(to_make.digest_to_sign());
    let mut cms = to_make.assemble(&value, &further).unwrap();
    if level >= Level::T {
        cms = with_signature_timestamp(&cms, &world.stamper.token(&crypto::sha256(&value), SIGNED)).unwrap();
    }
    let mut signed = [source, &prepared.finish(&cms).unwrap()].concat();
    if level >= Level::Lt {
        signed.extend(add_long_term_data(&signed, &long_term(world, &signer.party)).unwrap());
    }
    if level >= Level::Lta {
        signed = stamped(&world.stamper, &signed, "2026-11-22T04:00:00Z");
    }
    signed
}

fn stamped(stamper: &Party, source: &[u8], at: &str) -> Vec<u8> {
    let options = SignatureOptions { kind: Kind::DocumentTimestamp, ..SignatureOptions::new(time(at), 3_000) };
    let prepared = prepare(source, &options).unwrap();
    let token = stamper.token(&prepared.digest(source), at);
    [source, &prepared.finish(&token).unwrap()].concat()
}

fn pdf_held(world: &World, name: String, signed: &[u8], level: Level, count: usize) {
    let context = context(world, level);
    let report = verify_document(signed, "signed.pdf", &context);
    assert_eq!(report.signatures.len(), count, "{name}: {report:#?}");
    let said = report.signatures[count - 1].format.clone();
    assert_eq!(said, format!("PAdES-BASELINE-{}", format!("{level:?}").to_uppercase()), "{name}: {report:#?}");
    held(world, name, signed, &report, None, &context);
}

#[test]
fn every_level_key_and_permission_of_a_pdf() {
    let world = World::new();
    let source = simple("", "", &[]);
    for scheme in SCHEMES {
        let signer = Signer::new(&world, scheme);
        for level in LEVELS {
            let signed = pades(&world, &signer, &source, Kind::Approval, Field::NewInvisible, level);
            pdf_held(&world, format!("Pades-{level:?}-{scheme:?}"), &signed, level, 1);
        }
    }
    let signer = Signer::new(&world, SignatureScheme::EcdsaSha256);
    for permission in [Permission::Nothing, Permission::FillingAndSigning, Permission::Annotations] {
        for level in LEVELS {
            let first = pades(&world, &signer, &source, Kind::Certification(permission), Field::NewInvisible, level);
            pdf_held(&world, format!("Pades-certified-{permission:?}-{level:?}"), &first, level, 1);
            if permission != Permission::Nothing {
                let second = pades(&world, &signer, &first, Kind::Approval, Field::NewInvisible, level);
                pdf_held(&world, format!("Pades-certified-{permission:?}-{level:?}-and-approved"), &second, level, 2);
            }
        }
    }
}

/// The road of an official document: fields made first, two signers that leave number and date open, the clerk's number, the seal.
#[test]
fn number_and_date_filled_between_signature_and_seal() {
    let Some(serif) = serif() else { return };
    let world = World::new();
    let at = |rectangle| Placement { page: PageChoice::First, rectangle };
    let text = |name: &str, rectangle, letters: &str| TextField {
        name: name.to_owned(),
        label: name.to_owned(),
        placement: at(rectangle),
        size: 13.0,
        italic: false,
        letters: letters.to_owned(),
    };
    let (number, date) = ("Số: 15/QĐ-UBND", "Hà Nội, ngày 05 tháng 02 năm 2026");
    let texts = [
        text("SoVanBan", [60.0, 720.0, 280.0, 740.0], number),
        text("NgayBanHanh", [290.0, 720.0, 560.0, 740.0], date),
    ];
    let field = |name: &str, rectangle, open: Option<&[&str]>| SignatureField {
        name: name.to_owned(),
        placement: Some(at(rectangle)),
        leaves_open: open.map(|names| names.iter().map(|name| (*name).to_owned()).collect()),
    };
    let fields = [
        field("NguoiKy1", [200.0, 120.0, 360.0, 190.0], Some(&["SoVanBan", "NgayBanHanh", "NguoiKy2", "ConDau"])),
        field("NguoiKy2", [380.0, 120.0, 540.0, 190.0], Some(&["SoVanBan", "NgayBanHanh", "NguoiKy1", "ConDau"])),
        field("ConDau", [307.0, 57.0, 457.0, 207.0], None),
    ];
    let values = [("SoVanBan".to_owned(), number.to_owned()), ("NgayBanHanh".to_owned(), date.to_owned())];
    let existing = |name: &str| Field::Existing(name.to_owned());
    for level in LEVELS {
        let leader = Signer::new(&world, SignatureScheme::EcdsaSha256);
        let seal = Signer::new(&world, SignatureScheme::RsaPkcs1Sha512);
        let source = simple("", "", &[]);
        let made = [&source[..], &add_fields(&source, &texts, &fields, &serif).unwrap()].concat();
        let first = pades(&world, &leader, &made, Kind::Approval, existing("NguoiKy1"), level);
        let second = pades(&world, &leader, &first, Kind::Approval, existing("NguoiKy2"), level);
        pdf_held(&world, format!("Pades-letter-{level:?}-signed"), &second, level, 2);
        let filled = [&second[..], &fill_fields(&second, &values).unwrap()].concat();
        pdf_held(&world, format!("Pades-letter-{level:?}-numbered"), &filled, level, 2);
        let sealed = pades(&world, &seal, &filled, Kind::Approval, existing("ConDau"), level);
        pdf_held(&world, format!("Pades-letter-{level:?}-sealed"), &sealed, level, 3);
    }
}

/// Timestamps that end one after another, each renewed before.
const GENERATIONS: [(&str, &str, &str); 3] = [
    ("2026-01-01T00:00:00Z", "2027-03-01T00:00:00Z", "2026-11-22"),
    ("2027-01-01T00:00:00Z", "2028-03-01T00:00:00Z", "2027-02-01"),
    ("2028-01-01T00:00:00Z", "2033-01-01T00:00:00Z", "2028-02-01"),
];

fn stampers(world: &World) -> Vec<Party> {
    let made = GENERATIONS.iter().zip(0x60..).map(|((from, to, _), serial)| {
        Party::new("TEST timestamps", serial, Role::Timestamps, (from, to), Some(&world.time_root))
    });
    made.collect()
}

/// What shows on that day that signer and timestamps were good.
fn shown(world: &World, signer: &Signer, stampers: &[Party], day: &str) -> LongTermData {
    let mut data = long_term(world, &signer.party);
    data.certificates.extend(stampers.iter().map(|one| one.certificate.der().to_vec()));
    data.revocation_lists = world.lists(&format!("{day}T00:00:00Z"));
    data
}

/// When renewed archives are judged: with lists for the last timestamp alone.
fn later(world: &World) -> VerificationContext {
    VerificationContext {
        anchors: world.anchors(),
        crls: world.lists("2028-09-01T00:00:00Z"),
        ..VerificationContext::at(time("2028-09-02T00:00:00Z"))
    }
}

#[test]
fn archives_renewed_twice() {
    let world = World::new();
    let signer = Signer::new(&world, SignatureScheme::EcdsaSha256);
    let stampers = stampers(&world);
    let octets = CONTENT.as_bytes();
    for kept in ALL {
        let (mut made, place, manifest) = signer.signature(&world, kept, octets);
        let covered = manifest.clone().unwrap_or_else(|| octets.to_vec());
        made.add_signature_timestamp(&stampers[0].token(&made.timestamped(), SIGNED)).unwrap();
        for (stamper, (_, _, day)) in stampers.iter().zip(GENERATIONS) {
            made.add_validation_data(&shown(&world, &signer, &stampers, day)).unwrap();
            let over = archived(&mut made, place.is_some(), &covered);
            made.add_archive_timestamp(&stamper.token(&over, &format!("{day}T05:00:00Z"))).unwrap();
        }
        let signed = Signed { bytes: file(kept, made, place, manifest, octets, signer.scheme), kept };
        let context = later(&world);
        let report = judged(&signed, octets, &context);
        let content = kept.is_detached().then_some(octets);
        held(&world, format!("{kept:?}-renewed"), &signed.bytes, &report, content, &context);
    }
    let mut signed = pades(&world, &signer, &simple("", "", &[]), Kind::Approval, Field::NewInvisible, Level::T);
    for (stamper, (_, _, day)) in stampers.iter().zip(GENERATIONS) {
        signed.extend(add_long_term_data(&signed, &shown(&world, &signer, &stampers, day)).unwrap());
        signed = stamped(stamper, &signed, &format!("{day}T05:00:00Z"));
    }
    let context = later(&world);
    let report = verify_document(&signed, "signed.pdf", &context);
    held(&world, "Pades-renewed".to_owned(), &signed, &report, None, &context);
}

/// Taken to a higher level later, by whoever has the file.
#[test]
fn a_pdf_extended_step_by_step() {
    let world = World::new();
    let signer = Signer::new(&world, SignatureScheme::EcdsaSha384);
    let mut signed = pades(&world, &signer, &simple("", "", &[]), Kind::Approval, Field::NewInvisible, Level::B);
    // A document timestamp makes B a T; its data follow, and another timestamp over them.
    signed = stamped(&world.stamper, &signed, SIGNED);
    pdf_held(&world, "Pades-extended-T".to_owned(), &signed, Level::T, 1);
    signed.extend(add_long_term_data(&signed, &long_term(&world, &signer.party)).unwrap());
    pdf_held(&world, "Pades-extended-Lt".to_owned(), &signed, Level::Lt, 1);
    signed = stamped(&world.stamper, &signed, "2026-11-22T06:00:00Z");
    pdf_held(&world, "Pades-extended-Lta".to_owned(), &signed, Level::Lta, 1);
}

/// EN 319 132-1 §5.5.2.2, last step: every object but that of the qualifying properties, also one that a reference names.
#[test]
fn an_archive_timestamp_covers_the_signed_object_once_more() {
    let world = World::new();
    let signer = Signer::new(&world, SignatureScheme::EcdsaSha256);
    for (kept, with_object) in [(Kept::XadesEnveloping, true), (Kept::XadesEnveloped, false)] {
        let (made, _, _) = signer.signature(&world, kept, CONTENT.as_bytes());
        let Made::Xades(made) = made else { panic!("{kept:?}") };
        let covered = String::from_utf8(made.behind_data_objects()).unwrap();
        assert_eq!(covered.ends_with("</ds:Object>"), with_object, "{kept:?}: {covered}");
        assert_eq!(covered.matches("<ds:Object").count(), usize::from(with_object), "{kept:?}: {covered}");
    }
}
