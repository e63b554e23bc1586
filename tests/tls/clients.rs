//! Client certificates: who is asked, who is refused, and keys that open nothing without theirs.

use super::{Authority, by_tls, curl, fingerprint, run};
use crate::harness::app::{EXECUTABLE, TestApp};
use chuky::{bootstrap, clock::Clock, config::Pin};
use chuky_model::{id::ApiKeyId, role::Role};
use std::{path::Path, process::Command};

/// The identifier in an API key.
fn identifier(key: &str) -> ApiKeyId {
    key.split('_').nth(1).unwrap().parse().unwrap()
}

fn pin(certificate: &Path) -> Pin {
    let mut octets = [0; 32];
    for (octet, digits) in octets.iter_mut().zip(fingerprint(certificate).split(':')) {
        *octet = u8::from_str_radix(digits, 16).unwrap();
    }
    Pin::Fingerprint(octets)
}

fn with(files: &(std::path::PathBuf, std::path::PathBuf)) -> [&str; 4] {
    ["--cert", files.0.to_str().unwrap(), "--key", files.1.to_str().unwrap()]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stolen_key_alone_opens_nothing() {
    let (servers, agencies) = (Authority::new("Servers"), Authority::new("Agencies"));
    let own = agencies.certify("agency.example", 30);
    let other = agencies.certify("other.example", 30);
    let before = TestApp::sqlite().await;
    let (_, bound) = before.account("co-quan", &[Role::Registrar], None).await;
    let (_, named) = before.account("co-quan-2", &[Role::Registrar], None).await;
    let (_, free) = before.account("co-quan-3", &[Role::Registrar], None).await;
    let (_, provider) = before.account("cong-thanh-toan", &[Role::PaymentProvider], None).await;
    let (_directory, mut settings) = before.rest().await;
    by_tls(&mut settings, &servers);
    let tls = settings.tls.as_mut().unwrap();
    tls.client_ca = Some(agencies.file());
    tls.bound_keys.insert(identifier(&bound), vec![pin(&own.0)]);
    tls.bound_keys.insert(identifier(&named), vec![Pin::Dns("other.example".to_owned())]);
    tls.bound_roles = vec![Role::PaymentProvider];
    let app = bootstrap::open(settings, Clock::default(), Path::new(EXECUTABLE)).await.unwrap();
    let test = TestApp::around(app).await;
    let ask = async |key: &str, more: &[&str]| {
        let header = format!("Authorization: Bearer {key}");
        curl(&test, &servers, "/api/v1/session", &[&["--header", &header], more].concat()).await.1
    };
    let admitted = |said: &str| !said.contains(" 401") && said.starts_with("HTTP/2 ");
    let refused = |said: &str| said.starts_with("HTTP/2 401") && said.contains("certificate_required");
    for (key, mine, others) in [(&bound, &own, &other), (&named, &other, &own)] {
        let said = ask(key, &with(mine)).await;
        assert!(admitted(&said), "{said}");
        for said in [ask(key, &[]).await, ask(key, &with(others)).await] {
            assert!(refused(&said), "{said}");
            assert!(said.contains("chứng thư máy khách") && said.contains("client certificate"), "{said}");
        }
    }
    for more in [&[][..], &with(&other)] {
        let said = ask(&free, more).await;
        assert!(admitted(&said), "{said}");
    }
    // No key of a payment provider is free of one.
    let said = ask(&provider, &with(&own)).await;
    assert!(refused(&said), "{said}");
    // Browsers without a certificate come as before.
    let (done, said) = curl(&test, &servers, "/login", &[]).await;
    assert!(done && said.starts_with("HTTP/2 200"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ended_revoked_and_strange_client_certificates_are_refused() {
    let (servers, agencies) = (Authority::new("Servers"), Authority::new("Agencies"));
    let strangers = Authority::new("Strangers");
    let good = agencies.certify("agency.example", 30);
    let ended = agencies.certify("ended.example", -1);
    let revoked = agencies.certify("revoked.example", 30);
    let strange = strangers.certify("agency.example", 30);
    let list = agencies.revoke(&revoked.0);
    let test = TestApp::with(|settings| {
        by_tls(settings, &servers);
        let tls = settings.tls.as_mut().unwrap();
        tls.client_ca = Some(agencies.file());
        tls.client_crls = vec![list];
    })
    .await;
    let (done, said) = curl(&test, &servers, "/healthz", &with(&good)).await;
    assert!(done && said.starts_with("HTTP/2 200"), "{said}");
    for (files, alert) in [(&ended, "expired"), (&revoked, "revoked"), (&strange, "unknown ca")] {
        let older = [&with(files)[..], &["--tls-max", "1.2", "--verbose"]].concat();
        let (done, said) = curl(&test, &servers, "/healthz", &older).await;
        assert!(!done && said.to_lowercase().contains(alert), "{alert}: {said}");
        // In TLS 1.3 the client has sent its request before it learns it.
        let (done, said) = curl(&test, &servers, "/healthz", &with(files)).await;
        assert!(!done && !said.contains("HTTP/"), "{alert}: {said}");
    }
}

impl Authority {
    /// A list on which that certificate stands; the file.
    fn revoke(&self, certificate: &Path) -> std::path::PathBuf {
        let serial = run(Command::new("openssl").args(["x509", "-noout", "-serial", "-in"]).arg(certificate));
        let serial = hex::decode(serial.trim().trim_start_matches("serial=")).unwrap();
        let now = time::OffsetDateTime::now_utc();
        let params = rcgen::CertificateRevocationListParams {
            this_update: now - time::Duration::hours(1),
            next_update: now + time::Duration::days(1),
            crl_number: rcgen::SerialNumber::from(1_u64),
            issuing_distribution_point: None,
            revoked_certs: vec![rcgen::RevokedCertParams {
                serial_number: rcgen::SerialNumber::from_slice(&serial),
                revocation_time: now - time::Duration::hours(2),
                reason_code: None,
                invalidity_date: None,
            }],
            key_identifier_method: rcgen::KeyIdMethod::Sha256,
        };
        let file = self.directory.path().join("list.pem");
        std::fs::write(&file, params.signed_by(&self.issuer).unwrap().pem().unwrap()).unwrap();
        file
    }
}
