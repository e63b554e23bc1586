//! TLS files that change, that are wrong or open to others, and keys bound to certificates.

#![allow(clippy::unwrap_used)]
use super::*;
use crate::accounts::Principal;
use chuky_model::{
    id::{AccountId, ApiKeyId},
    role::Role,
};
use rcgen::{CertificateParams, KeyPair};
use std::{collections::BTreeMap, fs, os::unix::fs::PermissionsExt};

/// A directory with a certificate of those names and its key, and settings that name them.
struct Folder {
    directory: tempfile::TempDir,
    settings: TlsSettings,
}

impl Folder {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let settings = TlsSettings {
            certificate: directory.path().join("certificate.pem"),
            key: directory.path().join("key.pem"),
            plain_listen: None,
            hsts_seconds: 0,
            client_ca: None,
            client_crls: Vec::new(),
            bound_keys: BTreeMap::new(),
            bound_roles: Vec::new(),
        };
        let folder = Self { directory, settings };
        folder.renew(0, 30);
        folder
    }

    /// A new key with a certificate from so many days ago until that day.
    fn renew(&self, from_days: i64, to_days: i64) {
        let (certificate, key) = made(from_days, to_days);
        fs::write(&self.settings.certificate, certificate).unwrap();
        self.write_key(&key);
    }

    fn write_key(&self, key: &str) {
        fs::write(&self.settings.key, key).unwrap();
        fs::set_permissions(&self.settings.key, fs::Permissions::from_mode(0o600)).unwrap();
    }
}

fn made(from_days: i64, to_days: i64) -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec!["chuky.example".to_owned(), "127.0.0.1".to_owned()]).unwrap();
    let day = |days| time::OffsetDateTime::now_utc() + time::Duration::days(days);
    params.not_before = day(from_days) - time::Duration::hours(1);
    params.not_after = day(to_days);
    (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
}

fn shown(tls: &Tls) -> [u8; 32] {
    *tls.shown().certificate.fingerprint()
}

#[test]
fn new_files_are_taken_up_and_bad_ones_change_nothing() {
    let folder = Folder::new();
    let tls = Tls::open(&folder.settings, &Clock::default()).unwrap();
    let first = shown(&tls);
    tls.look_again();
    assert_eq!((shown(&tls), tls.standing().refused), (first, None));
    folder.renew(0, 60);
    tls.look_again();
    let second = shown(&tls);
    assert!(second != first && tls.standing().refused.is_none());

    // The certificate is there and its key not yet.
    let (certificate, key) = made(0, 90);
    let before = fs::read(&folder.settings.certificate).unwrap();
    fs::write(&folder.settings.certificate, &certificate).unwrap();
    tls.look_again();
    assert_eq!(shown(&tls), second);
    assert!(matches!(tls.standing().refused, Some(TlsError::File { .. })), "{:?}", tls.standing());
    tls.look_again();
    assert!(tls.standing().refused.is_some(), "said for as long as they lie there");
    folder.write_key(&key);
    tls.look_again();
    let third = shown(&tls);
    assert!(third != second && tls.standing().refused.is_none());

    for bad in ["", "nonsense", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
        fs::write(&folder.settings.certificate, bad).unwrap();
        tls.look_again();
        assert_eq!(shown(&tls), third, "{bad}");
        assert!(tls.standing().refused.is_some(), "{bad}");
    }
    fs::write(&folder.settings.certificate, before).unwrap();
    fs::remove_file(&folder.settings.key).unwrap();
    tls.look_again();
    assert!(tls.standing().refused.unwrap().to_string().contains("key.pem"));
    // What lies there is again what is shown.
    fs::write(&folder.settings.certificate, &certificate).unwrap();
    folder.write_key(&key);
    tls.look_again();
    assert_eq!((shown(&tls), tls.standing().refused), (third, None));
    folder.renew(-20, -10);
    tls.look_again();
    assert_eq!(shown(&tls), third);
    assert!(matches!(tls.standing().refused, Some(TlsError::Ended { .. })));
}

#[test]
fn a_key_that_others_can_read_is_not_used() {
    let folder = Folder::new();
    let with_mode = |mode| {
        fs::set_permissions(&folder.settings.key, fs::Permissions::from_mode(mode)).unwrap();
        Tls::open(&folder.settings, &Clock::default()).map(|_| ())
    };
    for good in [0o600, 0o400] {
        with_mode(good).unwrap();
    }
    for bad in [0o644, 0o660, 0o604, 0o620, 0o606] {
        assert!(matches!(with_mode(bad), Err(TlsError::Open { mode, .. }) if mode == bad), "{bad:o}");
    }
    if rustix::process::geteuid().is_root() {
        with_mode(0o600).unwrap();
        std::os::unix::fs::chown(&folder.settings.key, Some(1234), None).unwrap();
        assert!(matches!(with_mode(0o600), Err(TlsError::Open { owner: 1234, .. })));
    }
    let running = Folder::new();
    let tls = Tls::open(&running.settings, &Clock::default()).unwrap();
    running.renew(0, 60);
    fs::set_permissions(&running.settings.key, fs::Permissions::from_mode(0o644)).unwrap();
    tls.look_again();
    assert!(matches!(tls.standing().refused, Some(TlsError::Open { .. })));
}

#[test]
fn doctor_sees_a_certificate_of_another_host_or_time() {
    let folder = Folder::new();
    let now = Clock::default().now();
    let examined = |host| examine(&folder.settings, host, now).map(|_| ()).map_err(|error| error.to_string());
    assert_eq!((examined("chuky.example"), examined("127.0.0.1")), (Ok(()), Ok(())));
    assert!(examined("other.example").unwrap_err().contains("does not name other.example"));
    folder.renew(-20, -10);
    assert!(examined("chuky.example").unwrap_err().contains("ended on"));
    assert!(names_host("*.chuky.example", "www.chuky.example"));
    for other in ["chuky.example", "a.www.chuky.example", "www.chuky.example.net"] {
        assert!(!names_host("*.chuky.example", other), "{other}");
    }
    let empty = folder.directory.path().join("ca.pem");
    fs::write(&empty, "").unwrap();
    let settings = TlsSettings { client_ca: Some(empty), ..folder.settings.clone() };
    assert!(examine(&settings, "chuky.example", now).unwrap_err().to_string().contains("ca.pem"));
}

#[test]
fn a_bound_key_needs_its_certificate() {
    let key = ApiKeyId(uuid::Uuid::now_v7());
    let now = Clock::default().now();
    let certificate = |octet: u8, name: &str| ClientCertificate {
        fingerprint: [octet; 32],
        names: vec![name.to_owned()],
        not_after: now.plus_seconds(60),
    };
    let pins = vec![crate::config::Pin::Fingerprint([7; 32]), crate::config::Pin::Dns("agency.example".to_owned())];
    let settings = TlsSettings {
        bound_keys: BTreeMap::from([(key, pins)]),
        bound_roles: vec![Role::PaymentProvider],
        ..Folder::new().settings
    };
    let caller = |client: String, role| Principal {
        account: AccountId(uuid::Uuid::now_v7()),
        login: String::new(),
        roles: vec![role],
        display_name: String::new(),
        unit: String::new(),
        unit_since: now,
        enrolment_due: false,
        client,
    };
    let bindings = Bindings(Some(&settings));
    let bound = caller(format!("api_key:{key}"), Role::Registrar);
    let admits = |who: &Principal, shown: Option<&ClientCertificate>, at| bindings.check(who, shown, at).is_ok();
    let (own, named, other) =
        (certificate(7, "x.example"), certificate(8, "agency.example"), certificate(9, "b.example"));
    assert!(admits(&bound, Some(&own), now) && admits(&bound, Some(&named), now));
    assert!(!admits(&bound, None, now) && !admits(&bound, Some(&other), now));
    // The connection was opened while the certificate was good.
    assert!(!admits(&bound, Some(&own), now.plus_seconds(61)));
    assert_eq!(bindings.check(&bound, None, now).unwrap_err().code, "certificate_required");
    let free = caller(format!("api_key:{}", uuid::Uuid::now_v7()), Role::Registrar);
    let of_role = caller(format!("api_key:{}", uuid::Uuid::now_v7()), Role::PaymentProvider);
    let person = caller("session:1".to_owned(), Role::PaymentProvider);
    assert!(admits(&free, None, now) && admits(&person, None, now));
    assert!(!admits(&of_role, None, now) && !admits(&of_role, Some(&own), now));
    assert!(Bindings(None).check(&of_role, None, now).is_ok());
}
