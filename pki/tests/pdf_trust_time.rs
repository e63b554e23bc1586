//! Trust and time of a signed document with an authority, revocation lists, OCSP answers and timestamps made here: what a person
//! is told about revoked, expired, early and misused certificates, in both languages.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod forge;

use chuky_model::algorithm::SignatureScheme;
use chuky_model::instant::Instant;
use chuky_model::report::{Indication, Integrity, Outcome, Report, SubIndication};
use chuky_model::serial::Serial;
use chuky_pki::certificate::Certificate;
use chuky_pki::cms::build::{SignatureToMake, longest, with_signature_timestamp};
use chuky_pki::crl::{CrlToMake, Reason, Revoked};
use chuky_pki::ocsp::{AnswerLine, AnswerToMake, CertificateIdentifier, Status};
use chuky_pki::pdf::write::{SignatureOptions, prepare};
use chuky_pki::timestamp::{TimestampRequest, TokenToMake, granted};
use chuky_pki::verify::{VerificationContext, verify_document};
use openssl::asn1::Asn1Time;
use openssl::ec::{EcGroup, EcKey};
use openssl::ecdsa::EcdsaSig;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::x509::extension::{BasicConstraints, ExtendedKeyUsage, KeyUsage, SubjectKeyIdentifier};
use openssl::x509::{X509Builder, X509NameBuilder};

const SCHEME: SignatureScheme = SignatureScheme::EcdsaSha256;
/// When the file says it was signed, and when its timestamp says so.
const SIGNED: &str = "2026-06-15T08:00:00Z";
const LEAF: u8 = 0x42;
const AUTHORITY_FOR_TIME: u8 = 0x43;

struct Party {
    key: PKey<Private>,
    certificate: Certificate,
}

#[derive(Clone, Copy)]
enum Role {
    Authority,
    Signer,
    Timestamps,
    Server,
}

fn time(text: &str) -> Instant {
    Instant::parse_rfc3339(text).unwrap()
}

impl Party {
    fn new(name: &str, serial: u8, role: Role, validity: (&str, &str), issuer: Option<&Party>) -> Self {
        let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
        let key = PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap();
        let issuer_certificate = issuer.map(|issuer| openssl::x509::X509::from_der(issuer.certificate.der()).unwrap());
        let mut own = X509NameBuilder::new().unwrap();
        own.append_entry_by_nid(Nid::COMMONNAME, name).unwrap();
        let own = own.build();
        let mut builder = X509Builder::new().unwrap();
        builder.set_version(2).unwrap();
        let number = openssl::bn::BigNum::from_slice(&[serial; 9]).unwrap();
        builder.set_serial_number(&number.to_asn1_integer().unwrap()).unwrap();
        builder.set_subject_name(&own).unwrap();
        builder.set_issuer_name(issuer_certificate.as_ref().map_or(&own, |issuer| issuer.subject_name())).unwrap();
        builder.set_pubkey(&key).unwrap();
        let moment = |text: &str| Asn1Time::from_unix(time(text).unix_seconds()).unwrap();
        builder.set_not_before(&moment(validity.0)).unwrap();
        builder.set_not_after(&moment(validity.1)).unwrap();
        let mut usage = KeyUsage::new();
        match role {
            Role::Authority => {
                builder.append_extension(BasicConstraints::new().critical().ca().build().unwrap()).unwrap();
                usage.key_cert_sign().crl_sign().digital_signature();
            }
            _ => _ = usage.digital_signature(),
        }
        builder.append_extension(usage.critical().build().unwrap()).unwrap();
        let mut extended = ExtendedKeyUsage::new();
        match role {
            Role::Timestamps => _ = extended.critical().time_stamping(),
            Role::Server => _ = extended.server_auth(),
            Role::Authority | Role::Signer => {}
        }
        if matches!(role, Role::Timestamps | Role::Server) {
            builder.append_extension(extended.build().unwrap()).unwrap();
        }
        let identifier = SubjectKeyIdentifier::new().build(&builder.x509v3_context(None, None)).unwrap();
        builder.append_extension(identifier).unwrap();
        builder.sign(issuer.map_or(&key, |issuer| &issuer.key), MessageDigest::sha256()).unwrap();
        Self { key, certificate: Certificate::from_der(&builder.build().to_der().unwrap()).unwrap() }
    }

    fn sign(&self, digest: &[u8]) -> Vec<u8> {
        EcdsaSig::sign(digest, &self.key.ec_key().unwrap()).unwrap().to_der().unwrap()
    }

    fn token(&self, digest: &[u8], at: &str) -> Vec<u8> {
        let request = TimestampRequest::parse(&TimestampRequest::to_der(digest.try_into().unwrap(), &[7])).unwrap();
        let policy = "1.3.6.1.4.1.99999.1".parse().unwrap();
        let serial = Serial::from_octets(&[0x51; 9]).unwrap();
        let token = TokenToMake::new(&request, &self.certificate, SCHEME, policy, &serial, time(at)).unwrap();
        granted(&token.assemble(&self.sign(token.digest_to_sign()), &[])).unwrap()
    }
}

struct World {
    authority: Party,
    signer: Party,
    timestamps: Party,
}

const LONG: (&str, &str) = ("2020-01-01T00:00:00Z", "2040-01-01T00:00:00Z");
/// The signer's usual validity.
const YEAR: (&str, &str) = ("2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z");

impl World {
    fn new(role: Role, validity: (&str, &str)) -> Self {
        let authority = Party::new("TEST authority", 0x41, Role::Authority, LONG, None);
        let signer = Party::new("Trần Văn Đức", LEAF, role, validity, Some(&authority));
        let timestamps = Party::new("TEST time", AUTHORITY_FOR_TIME, Role::Timestamps, LONG, Some(&authority));
        Self { authority, signer, timestamps }
    }

    /// A signed file; `stamp` is who puts a timestamp on it, and when.
    fn signed(&self, stamp: Option<(&Party, &str)>) -> Vec<u8> {
        let source = forge::Forge::base().bytes;
        let leaf = &self.signer.certificate;
        let prepared = prepare(&source, &SignatureOptions::new(time(SIGNED), longest(leaf, &[], 4_000))).unwrap();
        let made = SignatureToMake::detached(SCHEME, &prepared.digest(&source), leaf).unwrap();
        let value = self.signer.sign(made.digest_to_sign());
        let mut cms = made.assemble(&value, &[]).unwrap();
        if let Some((who, at)) = stamp {
            cms = with_signature_timestamp(&cms, &who.token(&openssl::sha::sha256(&value), at)).unwrap();
        }
        [source.as_slice(), &prepared.finish(&cms).unwrap()].concat()
    }

    /// A list of this day that is good for a week.
    fn list(&self, day: &str, revoked: &[(u8, &str, Reason)]) -> Vec<u8> {
        let from = time(day);
        let next_update = from.plus_seconds(7 * 86_400);
        let list = CrlToMake { issuer: &self.authority.certificate, number: 1, this_update: from, next_update };
        let rows = revoked.iter().map(|(serial, at, reason)| Revoked {
            serial: Serial::from_octets(&[*serial; 9]).unwrap(),
            at: time(at),
            reason: *reason,
            invalid_since: None,
        });
        let list = list.to_be_signed(SCHEME, rows).unwrap();
        let signature = self.authority.sign(&list.digest());
        list.assemble(&signature, &self.authority.certificate.public_key().unwrap()).unwrap()
    }

    fn answer(&self, day: &str, status: Status) -> Vec<u8> {
        let identifier =
            CertificateIdentifier::new(&self.authority.certificate, self.signer.certificate.serial_octets());
        let line = AnswerLine { identifier_der: identifier.der, status, this_update: time(day), next_update: None };
        let answer = AnswerToMake::new(&self.authority.certificate, SCHEME, time(day), &[line], None);
        let signature = self.authority.sign(&answer.to_be_signed().digest());
        answer.assemble(&signature)
    }

    fn judge(&self, bytes: &[u8], at: &str, crls: &[Vec<u8>], ocsp_responses: &[Vec<u8>]) -> Report {
        let context = VerificationContext {
            anchors: vec![self.authority.certificate.clone()],
            crls: crls.to_vec(),
            ocsp_responses: ocsp_responses.to_vec(),
            ..VerificationContext::at(time(at))
        };
        let report = verify_document(bytes, "made.pdf", &context);
        assert_eq!(report.integrity, Integrity::Intact, "{report:#?}");
        report
    }
}

/// The whole file's indication, its sub-indication, and words that the sentences must have in either language.
#[track_caller]
fn told(report: &Report, indication: Indication, sub: Option<SubIndication>, vi: &str, en: &str) {
    assert_eq!((report.indication, report.sub_indication), (indication, sub), "{report:#?}");
    assert!(report.message.vi.contains(vi), "{:?}", report.message);
    assert!(report.message.en.contains(en), "{:?}", report.message);
    assert!(report.message.vi.contains("Trần Văn Đức") && report.message.en.contains("Trần Văn Đức"));
    let may_rely = report.next_step.en.starts_with("You can rely");
    assert_eq!(may_rely, indication == Indication::TotalPassed, "{:?}", report.next_step);
    assert_eq!(may_rely, report.next_step.vi.starts_with("Có thể sử dụng"), "{:?}", report.next_step);
}

const OPEN: Indication = Indication::Indeterminate;

#[test]
fn good_evidence_of_either_kind_gives_a_valid_signature() {
    let world = World::new(Role::Signer, YEAR);
    let bytes = world.signed(None);
    for (crls, answers) in [
        (vec![world.list("2026-06-15T00:00:00Z", &[])], vec![]),
        (vec![], vec![world.answer("2026-06-16T00:00:00Z", Status::Good)]),
    ] {
        let report = world.judge(&bytes, "2026-06-16T00:00:00Z", &crls, &answers);
        told(&report, Indication::TotalPassed, None, "hợp lệ", "is valid");
    }
    let report = world.judge(&bytes, "2026-06-16T00:00:00Z", &[], &[]);
    told(&report, OPEN, Some(SubIndication::TryLater), "chưa có thông tin thu hồi", "no usable revocation information");
}

#[test]
fn revoked_before_signing_is_told_whatever_timestamp_there_is() {
    let world = World::new(Role::Signer, YEAR);
    let revoked = ("2026-06-01T00:00:00Z", Reason::KeyCompromise);
    let lists = [world.list("2026-06-15T00:00:00Z", &[(LEAF, revoked.0, revoked.1)])];
    let status = Status::Revoked { at: time(revoked.0), reason: revoked.1 };
    let answers = [world.answer("2026-06-15T00:00:00Z", status)];
    let stamped = world.signed(Some((&world.timestamps, SIGNED)));
    let good_for_time = [world.list("2026-06-15T00:00:00Z", &[])];
    for (bytes, crls, answers) in [
        (&world.signed(None), &lists[..], &[][..]),
        (&world.signed(None), &[], &answers),
        (&stamped, &lists, &[]),
        // A list that does not know it yet does not outweigh the answer.
        (&stamped, &good_for_time, &answers),
    ] {
        let report = world.judge(bytes, "2026-06-16T00:00:00Z", crls, answers);
        told(&report, OPEN, Some(SubIndication::RevokedNoPoe), "đã bị thu hồi", "has been revoked");
    }
}

#[test]
fn revoked_after_a_timestamp_was_valid_then() {
    let world = World::new(Role::Signer, YEAR);
    let revoked = ("2026-08-01T00:00:00Z", Reason::CessationOfOperation);
    let lists = [world.list("2026-08-02T00:00:00Z", &[(LEAF, revoked.0, revoked.1)])];
    let stamped = world.signed(Some((&world.timestamps, SIGNED)));
    let report = world.judge(&stamped, "2026-08-03T00:00:00Z", &lists, &[]);
    told(&report, Indication::TotalPassed, None, "bị thu hồi sau đó", "was revoked later");
    assert_eq!(report.signatures[0].best_signature_time.as_deref(), Some(SIGNED));
    // Without the timestamp nothing proves that it was signed before.
    let report = world.judge(&world.signed(None), "2026-08-03T00:00:00Z", &lists, &[]);
    told(&report, OPEN, Some(SubIndication::RevokedNoPoe), "đã bị thu hồi", "has been revoked");
}

#[test]
fn a_hold_decides_nothing_until_it_ends() {
    let world = World::new(Role::Signer, YEAR);
    let bytes = world.signed(None);
    let held = world.list("2026-06-15T00:00:00Z", &[(LEAF, "2026-06-14T00:00:00Z", Reason::CertificateHold)]);
    let report = world.judge(&bytes, "2026-06-16T00:00:00Z", std::slice::from_ref(&held), &[]);
    told(&report, OPEN, Some(SubIndication::TryLater), "tạm dừng", "on hold");
    let lifted = world.list("2026-06-16T00:00:00Z", &[]);
    let report = world.judge(&bytes, "2026-06-17T00:00:00Z", &[held.clone(), lifted], &[]);
    told(&report, Indication::TotalPassed, None, "hợp lệ", "is valid");
    let for_good = world.list("2026-06-16T00:00:00Z", &[(LEAF, "2026-06-14T00:00:00Z", Reason::KeyCompromise)]);
    let report = world.judge(&bytes, "2026-06-17T00:00:00Z", &[held, for_good], &[]);
    told(&report, OPEN, Some(SubIndication::RevokedNoPoe), "đã bị thu hồi", "has been revoked");
}

#[test]
fn an_expired_certificate_counts_where_a_timestamp_proves_the_time() {
    let world = World::new(Role::Signer, YEAR);
    let lists = [world.list("2026-06-16T00:00:00Z", &[]), world.list("2027-06-01T00:00:00Z", &[])];
    let later = "2027-06-02T00:00:00Z";
    let stamped = world.signed(Some((&world.timestamps, SIGNED)));
    let report = world.judge(&stamped, later, &lists, &[]);
    told(&report, Indication::TotalPassed, None, "hợp lệ", "is valid");
    let open = Some(SubIndication::OutOfBoundsNoPoe);
    let (vi, en) = ("ngoài thời hạn hiệu lực", "outside its validity");
    told(&world.judge(&world.signed(None), later, &lists, &[]), OPEN, open, vi, en);
    // A timestamp put on after the expiry proves nothing about the time before it.
    let late = world.signed(Some((&world.timestamps, "2027-05-31T00:00:00Z")));
    told(&world.judge(&late, later, &lists, &[]), OPEN, open, vi, en);
}

#[test]
fn a_certificate_that_is_not_valid_yet_is_never_good() {
    let world = World::new(Role::Signer, ("2026-07-01T00:00:00Z", "2027-07-01T00:00:00Z"));
    let lists = [world.list("2026-06-15T00:00:00Z", &[]), world.list("2026-07-02T00:00:00Z", &[])];
    let report = world.judge(&world.signed(None), "2026-06-16T00:00:00Z", &lists, &[]);
    told(&report, OPEN, Some(SubIndication::OutOfBoundsNoPoe), "ngoài thời hạn hiệu lực", "outside its validity");
    // A timestamp before the certificate existed cannot be healed by waiting.
    let early = world.signed(Some((&world.timestamps, SIGNED)));
    let report = world.judge(&early, "2026-07-03T00:00:00Z", &lists, &[]);
    let failed = (Indication::TotalFailed, Some(SubIndication::NotYetValid));
    told(&report, failed.0, failed.1, "trước khi chứng thư có hiệu lực", "before the certificate became valid");
}

#[test]
fn a_certificate_for_another_purpose_signs_no_document() {
    let world = World::new(Role::Server, YEAR);
    let lists = [world.list("2026-06-15T00:00:00Z", &[])];
    let report = world.judge(&world.signed(None), "2026-06-16T00:00:00Z", &lists, &[]);
    let sub = Some(SubIndication::ChainConstraintsFailure);
    told(&report, OPEN, sub, "không được phép dùng để ký", "may not be used to sign");
}

#[test]
fn a_claimed_time_in_the_future_is_shown_and_proves_nothing() {
    let world = World::new(Role::Signer, YEAR);
    let lists = [world.list("2026-05-01T00:00:00Z", &[])];
    let report = world.judge(&world.signed(None), "2026-05-02T00:00:00Z", &lists, &[]);
    told(&report, Indication::TotalPassed, None, "hợp lệ", "is valid");
    let line = &report.signatures[0];
    assert_eq!((line.claimed_signing_time.as_deref(), line.best_signature_time.as_deref()), (Some(SIGNED), None));
    let check = line.checks.iter().find(|check| check.name == "claimed_time").unwrap();
    assert!(check.reason.contains("later than"), "{check:?}");
    // It did not pass, and where the policy demands a claimed time it failed.
    assert_eq!(check.outcome, Outcome::NotDone);
    assert!(!report.message.vi.contains("giờ UTC"), "{:?}", report.message);
}

#[test]
fn lists_in_pem_and_files_without_the_issuer_are_told() {
    let world = World::new(Role::Signer, YEAR);
    let list = world.list("2026-06-16T00:00:00Z", &[]);
    let pem = format!("-----BEGIN X509 CRL-----\n{}\n-----END X509 CRL-----\n", openssl::base64::encode_block(&list));
    let told_of = |report: &Report, name: &str| {
        let mut checks = report.checks.iter().chain(&report.signatures[0].checks);
        checks.find(|check| check.name == name).map(|check| check.outcome)
    };
    let der = world.judge(&world.signed(None), "2026-06-17T00:00:00Z", &[list], &[]);
    let report = world.judge(&world.signed(None), "2026-06-17T00:00:00Z", &[pem.into_bytes()], &[]);
    assert_eq!((der.indication, report.indication), (Indication::TotalPassed, Indication::TotalPassed));
    assert_eq!((told_of(&der, "pem_lists"), told_of(&report, "pem_lists")), (None, Some(Outcome::Passed)));
    // The signer's certificate alone: enough where its issuer is an anchor, and told where no path is found.
    let stranger = Party::new("TEST stranger", 0x46, Role::Authority, LONG, None);
    let context = VerificationContext {
        anchors: vec![stranger.certificate],
        ..VerificationContext::at(time("2026-06-17T00:00:00Z"))
    };
    let report = verify_document(&world.signed(None), "made.pdf", &context);
    assert_eq!(report.sub_indication, Some(SubIndication::NoCertificateChainFound));
    assert_eq!(told_of(&report, "issuer_certificate"), Some(Outcome::NotDone));
    assert_eq!(told_of(&report, "remote_signing_root"), None);
}

#[test]
fn local_time_that_is_called_utc_is_told() {
    let world = World::new(Role::Signer, YEAR);
    let lists = [world.list("2026-06-15T00:00:00Z", &[])];
    let local = |report: &Report| {
        let checks = &report.signatures[0].checks;
        let check = checks.iter().find(|check| check.name == "local_time_as_utc").cloned();
        assert_eq!(check.is_some(), report.message.vi.contains("giờ Việt Nam nhưng bị ghi thành giờ UTC"));
        check
    };
    // The verdict is given an hour and a half after the signature was made, and the file says that it comes from half past five hours later.
    let report = world.judge(&world.signed(None), "2026-06-15T02:30:00Z", &lists, &[]);
    assert_eq!(report.indication, Indication::TotalPassed);
    let check = local(&report).unwrap();
    assert!(check.outcome == Outcome::NotDone && check.reason.contains("it is 2026-06-15T01:00:00Z"), "{check:?}");
    // Against a timestamp as well, and not where the hours do not fit.
    let stamped = |at: &str| {
        let authority = Party::new("TEST time", AUTHORITY_FOR_TIME, Role::Timestamps, LONG, Some(&world.authority));
        let bytes = world.signed(Some((&authority, at)));
        world.judge(&bytes, "2026-06-16T00:00:00Z", &[world.list("2026-06-15T12:00:00Z", &[])], &[])
    };
    assert!(local(&stamped("2026-06-15T01:00:20Z")).is_some());
    assert!(local(&stamped("2026-06-15T00:30:00Z")).is_none());
    assert!(local(&stamped("2026-06-15T08:00:20Z")).is_none());
}

#[test]
fn a_timestamp_by_an_untrusted_authority_proves_nothing() {
    let world = World::new(Role::Signer, YEAR);
    let stranger = Party::new("TEST stranger", 0x44, Role::Authority, LONG, None);
    let time_of_stranger = Party::new("TEST time", AUTHORITY_FOR_TIME, Role::Timestamps, LONG, Some(&stranger));
    let lists = [world.list("2026-06-16T00:00:00Z", &[]), world.list("2027-06-01T00:00:00Z", &[])];
    let bytes = world.signed(Some((&time_of_stranger, SIGNED)));
    let report = world.judge(&bytes, "2027-06-02T00:00:00Z", &lists, &[]);
    let sub = Some(SubIndication::OutOfBoundsNoPoe);
    told(&report, OPEN, sub, "ngoài thời hạn hiệu lực", "outside its validity");
    assert_eq!(report.timestamps[0].indication, OPEN);
    assert_eq!(report.signatures[0].best_signature_time, None);
    // While the certificate is good, such a timestamp takes nothing away.
    let report = world.judge(&bytes, "2026-06-17T00:00:00Z", &lists, &[]);
    told(&report, Indication::TotalPassed, None, "hợp lệ", "is valid");
    // Nor does one by a certificate that is no timestamp authority's.
    let server = Party::new("TEST server", 0x45, Role::Signer, LONG, Some(&world.authority));
    let request = TimestampRequest::parse(&TimestampRequest::to_der(&[0; 32], &[7])).unwrap();
    let serial = Serial::from_octets(&[0x51; 9]).unwrap();
    let policy = "1.3.6.1.4.1.99999.1".parse().unwrap();
    if TokenToMake::new(&request, &server.certificate, SCHEME, policy, &serial, time(SIGNED)).is_ok() {
        let report = world.judge(&world.signed(Some((&server, SIGNED))), "2027-06-02T00:00:00Z", &lists, &[]);
        told(&report, OPEN, sub, "ngoài thời hạn hiệu lực", "outside its validity");
    }
}
