//! A witness that is asked by TLS, in a process of its own: believed under a named CA or by its very certificate, and only by callers with a certificate
//! where it asks for one.

use super::{Authority, run};
use crate::{
    harness::app::{EXECUTABLE, TestApp},
    transparency::Outside,
};
use chuky::config::Witness;
use chuky_pki::transparency::VerifierKey;
use openssl::{
    ec::{EcGroup, EcKey},
    nid::Nid,
    pkey::PKey,
};
use rcgen::{CertificateParams, KeyPair};
use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Whether a service with that one witness gets its signature; its log goes on in any case.
async fn is_signed(from: (tempfile::TempDir, chuky::config::Settings), witness: Witness) -> (bool, TestApp) {
    let (directory, mut settings) = from;
    let key = witness.key.clone();
    settings.audit.witnesses = vec![witness];
    let test = TestApp::wake(directory, settings).await;
    let published = test.app.log.publish().await.unwrap().unwrap();
    (published.note.verified_by(&key).unwrap().is_some(), test)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_witness_is_asked_by_tls_and_asks_for_a_certificate() {
    let (theirs, ours, strangers) = (Authority::new("nhan-chung"), Authority::new("dich-vu"), Authority::new("khach"));
    let (certificate, key) = theirs.certify("nhan-chung.example", 30);
    let shown = ours.certify("chuky.example", 30);
    let test = TestApp::sqlite().await;
    let log = test.app.log.key().to_string();
    let elsewhere = tempfile::tempdir().unwrap();
    let ca = ours.file();
    let by_tls = ["--tls-certificate", text(&certificate), "--tls-key", text(&key), "--client-ca", text(&ca)];
    let outside = Outside::start(elsewhere.path(), &log, "127.0.0.1:0", &by_tls);
    assert!(outside.url.starts_with("https://127.0.0.1:"), "{}", outside.url);
    let plain = Witness::plain(&outside.url, VerifierKey::parse(&outside.key).unwrap());
    let with = |ca: PathBuf, identity: Option<(PathBuf, PathBuf)>| Witness { ca: Some(ca), identity, ..plain.clone() };
    let mut from = test.rest().await;
    let refused = [
        // Nobody says whose it is: the system's CAs do not know it, nor does another.
        Witness { identity: Some(shown.clone()), ..plain.clone() },
        with(strangers.file(), Some(shown.clone())),
        // It asks for a certificate, and of its own CA.
        with(theirs.file(), None),
        with(theirs.file(), Some(strangers.certify("chuky.example", 30))),
        // By plain HTTP to where TLS is spoken.
        Witness::plain(&outside.url.replace("https://", "http://"), plain.key.clone()),
    ];
    for (number, witness) in refused.into_iter().enumerate() {
        let (signed, test) = is_signed(from, witness).await;
        assert!(!signed, "case {number}");
        from = test.rest().await;
    }
    let (signed, test) = is_signed(from, with(theirs.file(), Some(shown))).await;
    assert!(signed);
    drop(test);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_witness_is_known_by_its_very_certificate() {
    let elsewhere = tempfile::tempdir().unwrap();
    let own = |name: &str| {
        let pair = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["nhan-chung.example".to_owned(), "127.0.0.1".to_owned()]).unwrap();
        let files = ["pem", "key"].map(|end| elsewhere.path().join(format!("{name}.{end}")));
        fs::write(&files[0], params.self_signed(&pair).unwrap().pem()).unwrap();
        fs::write(&files[1], pair.serialize_pem()).unwrap();
        fs::set_permissions(&files[1], fs::Permissions::from_mode(0o600)).unwrap();
        files
    };
    let ([certificate, key], [other, _]) = (own("own"), own("other"));
    let test = TestApp::sqlite().await;
    let log = test.app.log.key().to_string();
    let by_tls = ["--tls-certificate", text(&certificate), "--tls-key", text(&key)];
    let outside = Outside::start(elsewhere.path(), &log, "127.0.0.1:0", &by_tls);
    // Foreign eyes: curl gets the key by TLS 1.2 and 1.3, and not by plain HTTP.
    for version in ["1.2", "1.3"] {
        let url = format!("{}/key", outside.url);
        let mut curl = Command::new("curl");
        curl.args([
            "--silent",
            "--fail",
            "--max-time",
            "30",
            &format!("--tlsv{version}"),
            "--tls-max",
            version,
            "--cacert",
        ]);
        let answered = curl.arg(&certificate).arg(url);
        assert_eq!(run(answered).trim(), outside.key);
    }
    let witness = Witness::plain(&outside.url, VerifierKey::parse(&outside.key).unwrap());
    let (signed, test) = is_signed(test.rest().await, Witness { ca: Some(other), ..witness.clone() }).await;
    assert!(!signed, "another certificate for the same name");
    let (signed, _test) = is_signed(test.rest().await, Witness { ca: Some(certificate), ..witness }).await;
    assert!(signed);
}

#[test]
fn a_key_that_others_can_read_serves_nobody() {
    let authority = Authority::new("nhan-chung");
    let (certificate, key) = authority.certify("nhan-chung.example", 30);
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    let log_key = PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap().public_key_to_der().unwrap();
    let log = VerifierKey::ecdsa("log.example", &log_key).unwrap().to_string();
    let asked = |more: &[&str]| {
        let mut command = Command::new(EXECUTABLE);
        command.args(["--lang", "en", "audit", "witness", "--name", "w.example", "--listen", "127.0.0.1:0", "--log"]);
        command.arg(&log).args(more).current_dir(elsewhere.path());
        let output = command.output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (code, said) = asked(&["--tls-certificate", text(&certificate), "--tls-key", text(&key)]);
    assert!(code == Some(2) && said.contains("chmod 600"), "{code:?} {said}");
    let (code, said) = asked(&["--tls-certificate", text(&certificate)]);
    assert!(code == Some(2) && said.contains("--tls-key"), "{code:?} {said}");
    assert!(!elsewhere.path().join("witness.key").exists(), "nothing is made by the way");
}
