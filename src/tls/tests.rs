//! TLS files that change, that are wrong or open to others, and keys bound to certificates.

#![allow(clippy::unwrap_used)]
use super::*;
use crate::accounts::Principal;
use chuky_model::{
    id::{AccountId, ApiKeyId},
    role::Role,
};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, SerialNumber,
};
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

/// A CA of clients, with its file.
struct Clients {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Clients {
    fn new(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let params = authority(name);
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    /// One below, with its certificate.
    fn below(&self, name: &str) -> (Self, Vec<u8>) {
        let key = KeyPair::generate().unwrap();
        let params = authority(name);
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        (Self { issuer: Issuer::new(params, key), pem: certificate.pem() }, certificate.der().to_vec())
    }

    /// A client's certificate for so many days.
    fn certify(&self, name: &str, serial: u64, days: i64) -> ClientCertificate {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.serial_number = Some(SerialNumber::from(serial));
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        params.not_before = time::OffsetDateTime::now_utc() - time::Duration::hours(1);
        params.not_after = time::OffsetDateTime::now_utc() + time::Duration::days(days);
        let certificate = params.signed_by(&KeyPair::generate().unwrap(), &self.issuer).unwrap();
        ClientCertificate::of_verified(certificate.der()).unwrap()
    }

    /// A list for a day with these serials.
    fn list(&self, serials: &[u64]) -> String {
        let now = time::OffsetDateTime::now_utc();
        let revoked = serials.iter().map(|serial| RevokedCertParams {
            serial_number: SerialNumber::from(*serial),
            revocation_time: now - time::Duration::hours(1),
            reason_code: None,
            invalidity_date: None,
        });
        let params = CertificateRevocationListParams {
            this_update: now - time::Duration::hours(1),
            next_update: now + time::Duration::days(1),
            crl_number: SerialNumber::from(1_u64),
            issuing_distribution_point: None,
            revoked_certs: revoked.collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        params.signed_by(&self.issuer).unwrap().pem().unwrap()
    }
}

fn authority(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

#[test]
fn a_bound_key_needs_its_certificate() {
    let key = ApiKeyId(uuid::Uuid::now_v7());
    let now = Clock::default().now();
    let (clients, folder) = (Clients::new("Clients"), Folder::new());
    let client_ca = folder.directory.path().join("clients.pem");
    fs::write(&client_ca, &clients.pem).unwrap();
    let own = clients.certify("x.example", 1, 30);
    let named = clients.certify("agency.example", 2, 30);
    let other = clients.certify("b.example", 3, 30);
    let pins =
        vec![crate::config::Pin::Fingerprint(own.fingerprint), crate::config::Pin::Dns("agency.example".to_owned())];
    let settings = TlsSettings {
        client_ca: Some(client_ca),
        bound_keys: BTreeMap::from([(key, pins)]),
        bound_roles: vec![Role::PaymentProvider],
        ..folder.settings.clone()
    };
    let tls = Tls::open(&settings, &Clock::default()).unwrap();
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
    let bindings = Bindings(Some(&settings), Some(&tls));
    let bound = caller(format!("api_key:{key}"), Role::Registrar);
    let admits = |who: &Principal, shown: Option<&ClientCertificate>, at| bindings.check(who, shown, at).is_ok();
    assert!(admits(&bound, Some(&own), now) && admits(&bound, Some(&named), now));
    assert!(!admits(&bound, None, now) && !admits(&bound, Some(&other), now));
    // The connection was opened while the certificate was good.
    assert!(!admits(&bound, Some(&own), now.plus_seconds(31 * 86_400)));
    assert_eq!(bindings.check(&bound, None, now).unwrap_err().code, "certificate_required");
    // One that is pinned, of a CA that is not admitted.
    let strange = Clients::new("Strangers").certify("agency.example", 2, 30);
    assert!(!admits(&bound, Some(&strange), now));
    let free = caller(format!("api_key:{}", uuid::Uuid::now_v7()), Role::Registrar);
    let of_role = caller(format!("api_key:{}", uuid::Uuid::now_v7()), Role::PaymentProvider);
    let person = caller("session:1".to_owned(), Role::PaymentProvider);
    assert!(admits(&free, None, now) && admits(&person, None, now));
    assert!(!admits(&of_role, None, now) && !admits(&of_role, Some(&own), now));
    assert!(Bindings(None, None).check(&of_role, None, now).is_ok());
    assert!(Bindings(Some(&settings), None).check(&bound, Some(&own), now).is_err(), "nothing to judge it by");
}

#[test]
fn a_client_certificate_counts_by_the_files_and_the_time_of_now() {
    let now = Clock::default().now();
    let (clients, folder) = (Clients::new("Clients"), Folder::new());
    let file = |name: &str| folder.directory.path().join(name);
    let settings = TlsSettings {
        client_ca: Some(file("clients.pem")),
        client_crls: vec![file("list.pem")],
        ..folder.settings.clone()
    };
    fs::write(file("clients.pem"), &clients.pem).unwrap();
    fs::write(file("list.pem"), clients.list(&[])).unwrap();
    let tls = Tls::open(&settings, &Clock::default()).unwrap();
    let (one, two) = (clients.certify("one.example", 1, 30), clients.certify("two.example", 2, 30));
    let counting = |at| (tls.admits(&one, at), tls.admits(&two, at));
    assert_eq!(counting(now), (true, true));
    // At once, though it was looked at in this moment.
    fs::write(file("list.pem"), clients.list(&[1])).unwrap();
    tls.look_again();
    assert_eq!(counting(now), (false, true));
    fs::write(file("list.pem"), clients.list(&[])).unwrap();
    tls.look_again();
    assert_eq!(counting(now), (true, true));
    // A list that has ended admits nobody of its CA, without any new file.
    assert_eq!(counting(now.plus_seconds(2 * 86_400)), (false, false));
    assert_eq!(counting(now), (true, true));
    // A list that cannot be used takes nothing back.
    fs::write(file("list.pem"), "nonsense").unwrap();
    tls.look_again();
    assert_eq!(counting(now), (true, true));
    fs::write(file("list.pem"), clients.list(&[])).unwrap();
    fs::write(file("clients.pem"), Clients::new("Others").pem).unwrap();
    tls.look_again();
    assert_eq!(counting(now), (false, false));
}

#[test]
fn a_client_below_an_intermediate_is_verified_again_with_it() {
    let now = Clock::default().now();
    let (clients, folder) = (Clients::new("Clients"), Folder::new());
    let (below, certificate) = clients.below("Below");
    let client_ca = folder.directory.path().join("clients.pem");
    fs::write(&client_ca, &clients.pem).unwrap();
    let settings = TlsSettings { client_ca: Some(client_ca), ..folder.settings.clone() };
    let tls = Tls::open(&settings, &Clock::default()).unwrap();
    let one = below.certify("one.example", 1, 30);
    assert!(!tls.admits(&one, now), "no handshake admitted it");
    let verifier = AtHandshakes { verifier: tls.shown().clients.unwrap(), beside: tls.beside.clone() };
    let shown = CertificateDer::from(one.der.clone());
    let time = rustls::pki_types::UnixTime::now();
    assert!(verifier.verify_client_cert(&shown, &[], time).is_err());
    verifier.verify_client_cert(&shown, &[CertificateDer::from(certificate)], time).unwrap();
    assert!(tls.admits(&one, now.plus_seconds(10)));
}
