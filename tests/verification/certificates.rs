//! `chuky verify-certificate` over a hierarchy made on the spot.

use super::command::chuky;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, DnType, IsCa, KeyIdMethod,
    KeyPair, KeyUsagePurpose, RevokedCertParams, SerialNumber, date_time_ymd,
};
use serde_json::Value;
use std::{fs, path::Path};

fn authority(name: &str) -> CertifiedIssuer<'static, KeyPair> {
    let mut parameters = CertificateParams::default();
    parameters.distinguished_name.push(DnType::CommonName, name);
    parameters.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    parameters.not_before = date_time_ymd(2024, 1, 1);
    parameters.not_after = date_time_ymd(2034, 1, 1);
    CertifiedIssuer::self_signed(parameters, KeyPair::generate().unwrap()).unwrap()
}

fn leaf(issuer: &CertifiedIssuer<'static, KeyPair>) -> String {
    let mut parameters = CertificateParams::default();
    parameters.distinguished_name.push(DnType::CommonName, "Nguyễn Thị Hồng Ưởng");
    parameters.serial_number = Some(SerialNumber::from(7_u64));
    parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    parameters.use_authority_key_identifier_extension = true;
    parameters.not_before = date_time_ymd(2025, 1, 1);
    parameters.not_after = date_time_ymd(2027, 1, 1);
    parameters.signed_by(&KeyPair::generate().unwrap(), issuer).unwrap().pem()
}

fn list(issuer: &CertifiedIssuer<'static, KeyPair>, revoked: bool) -> String {
    let entry = RevokedCertParams {
        serial_number: SerialNumber::from(7_u64),
        revocation_time: date_time_ymd(2025, 6, 1),
        reason_code: None,
        invalidity_date: None,
    };
    let parameters = CertificateRevocationListParams {
        this_update: date_time_ymd(2026, 1, 1),
        next_update: date_time_ymd(2026, 12, 31),
        crl_number: SerialNumber::from(1_u64),
        issuing_distribution_point: None,
        revoked_certs: if revoked { vec![entry] } else { Vec::new() },
        key_identifier_method: KeyIdMethod::Sha256,
    };
    parameters.signed_by(issuer).unwrap().pem().unwrap()
}

fn file(directory: &Path, name: &str, text: &str) -> String {
    let path = directory.join(name);
    fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn a_certificate_is_judged_by_path_list_and_time() {
    let directory = tempfile::tempdir().unwrap();
    let (root, other) = (authority("Gốc TEST"), authority("Gốc khác"));
    let there = |name, text: &str| file(directory.path(), name, text);
    let (anchor, stranger) = (there("root.pem", &root.pem()), there("other.pem", &other.pem()));
    let certificate = there("leaf.pem", &leaf(&root));
    let (clean, revoked) = (there("clean.crl", &list(&root, false)), there("revoked.crl", &list(&root, true)));
    let forged = there("forged.crl", &list(&other, true));
    let (now, late) = ("2026-06-01T00:00:00Z", "2030-01-01T00:00:00+07:00");
    let garbage = there("garbage.pem", "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n");
    let cases: [(&str, &[&str], &str, i32, &str); 8] = [
        (&anchor, &[], now, 0, "TOTAL_PASSED"),
        (&anchor, &["--crl", &clean], now, 0, "TOTAL_PASSED"),
        (&anchor, &["--crl", &revoked], now, 1, "REVOKED"),
        (&anchor, &["--crl", &forged], now, 3, "TRY_LATER"),
        (&anchor, &["--crl", &clean, "--crl", &revoked], now, 1, "REVOKED"),
        (&anchor, &[], late, 1, "EXPIRED"),
        (&stranger, &[], now, 3, "NO_CERTIFICATE_CHAIN_FOUND"),
        (&stranger, &["--intermediates", &anchor], now, 3, "NO_CERTIFICATE_CHAIN_FOUND"),
    ];
    for (anchor, more, at, code, answer) in cases {
        let arguments = [&["verify-certificate", "--json", "--anchors", anchor, "--at", at], more].concat();
        let output = chuky(&[arguments.as_slice(), &[certificate.as_str()]].concat());
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(code), "{more:?} {at}: {report}");
        let said = report["sub_indication"].as_str().unwrap_or(report["indication"].as_str().unwrap());
        assert_eq!(said, answer, "{report}");
    }
    for (input, code) in [(garbage.as_str(), 1), ("/absent.pem", 2), (clean.as_str(), 2)] {
        let output = chuky(&["verify-certificate", "--json", "--anchors", &anchor, input]);
        assert_eq!(output.status.code(), Some(code), "{input}: {}", String::from_utf8_lossy(&output.stdout));
    }
    assert_eq!(chuky(&["verify-certificate", &certificate]).status.code(), Some(2));
}
