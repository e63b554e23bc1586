//! What is spoken, and what is served where.

use super::{Authority, by_tls, curl, fingerprint, port, s_client};
use crate::harness::app::{EXECUTABLE, TestApp};
use std::{
    fs,
    process::Command,
    time::{Duration, Instant},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn old_protocols_and_weak_ciphers_are_refused() {
    let authority = Authority::new("Servers");
    let test = TestApp::with(|settings| by_tls(settings, &authority)).await;
    let ca = authority.file();
    let ca = ca.to_str().unwrap();
    for good in [
        &["-tls1_3"][..],
        &["-tls1_2"],
        &["-tls1_2", "-cipher", "ECDHE-ECDSA-AES256-GCM-SHA384"],
        &["-tls1_3", "-ciphersuites", "TLS_CHACHA20_POLY1305_SHA256"],
    ] {
        let (done, said) = s_client(&test, &[good, &["-CAfile", ca, "-verify_return_error"]].concat()).await;
        assert!(done && said.contains("Verify return code: 0 (ok)"), "{good:?}: {said}");
    }
    // Security level 0: it is the service that refuses, not openssl.
    for bad in [
        &["-tls1", "-cipher", "ALL@SECLEVEL=0"][..],
        &["-tls1_1", "-cipher", "ALL@SECLEVEL=0"],
        &["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA@SECLEVEL=0"],
        &["-tls1_2", "-cipher", "AES128-SHA:AES256-GCM-SHA384@SECLEVEL=0"],
        &["-tls1_2", "-cipher", "DHE:aNULL:eNULL:3DES@SECLEVEL=0"],
    ] {
        let (done, said) = s_client(&test, bad).await;
        assert!(!done || said.contains("Cipher is (NONE)"), "{bad:?}: {said}");
    }
    let (_, said) = s_client(&test, &["-tls1_2", "-CAfile", ca, "-reconnect"]).await;
    assert!(said.contains("Reused, TLSv1.2"), "sessions are resumed: {said}");
    assert!(said.contains("Secure Renegotiation IS supported") && said.contains("Compression: NONE"), "{said}");
    let (_, said) = s_client(&test, &["-alpn", "h2,http/1.1"]).await;
    assert!(said.contains("ALPN protocol: h2"), "{said}");
    let (_, said) = s_client(&test, &["-alpn", "spdy/3"]).await;
    assert!(!said.contains("ALPN protocol: spdy"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_by_tls_carry_strict_headers() {
    let authority = Authority::new("Servers");
    let test = TestApp::with(|settings| by_tls(settings, &authority)).await;
    for version in ["--http1.1", "--http2"] {
        let (done, said) = curl(&test, &authority, "/login", &[version]).await;
        assert!(done && said.contains(" 200"), "{said}");
        let first = if version == "--http2" { "HTTP/2 200" } else { "HTTP/1.1 200" };
        assert!(said.starts_with(first), "{said}");
        for header in [
            "strict-transport-security: max-age=63072000",
            "x-content-type-options: nosniff",
            "cross-origin-opener-policy: same-origin",
            "cross-origin-resource-policy: same-origin",
            "referrer-policy: same-origin",
            "permissions-policy: camera=()",
        ] {
            assert!(said.contains(header), "{header}: {said}");
        }
    }
    // A session's cookie never travels in clear.
    let form = format!("login=duyet&password={}", test.passwords["duyet"]);
    let origin = format!("Origin: {}", test.app.settings.public_url);
    let (done, said) = curl(&test, &authority, "/login", &["--data", &form, "--header", &origin]).await;
    let cookie = said.lines().find(|line| line.starts_with("set-cookie: __Host-chuky_session")).unwrap_or(&said);
    assert!(done && cookie.contains("Secure") && cookie.contains("HttpOnly"), "{said}");
    // An upload and a download of some size go both ways by either version.
    for version in ["--http1.1", "--http2"] {
        let large = test.directory.path().join("large.bin");
        fs::write(&large, vec![b'x'; 3 << 20]).unwrap();
        let data = format!("@{}", large.display());
        let (_, said) = curl(&test, &authority, "/api/v1/session", &[version, "--data-binary", &data]).await;
        assert!(said.contains(" 4"), "an answer, whatever it says: {said}");
        let (done, said) = curl(&test, &authority, "/api/v1/openapi.json", &[version]).await;
        assert!(done && said.trim_end().ends_with('}') && said.len() > 50_000, "{}", said.len());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_clear_only_what_relying_parties_fetch() {
    let authority = Authority::new("Servers");
    let mut test = TestApp::with(|settings| by_tls(settings, &authority)).await;
    let plain = test.app.settings.tls.as_ref().unwrap().plain_listen.unwrap();
    let secure = test.url.replace("http://127.0.0.1", "https://localhost");
    test.url = format!("http://{plain}");
    // It is opened beside the other one.
    let since = std::time::Instant::now();
    while std::net::TcpStream::connect(plain).is_err() && since.elapsed().as_secs() < 60 {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let get = async |path: &str| test.exchange("GET", path, Vec::new(), Vec::new()).await;
    for path in ["/healthz", "/readyz"] {
        let (status, headers, _) = get(path).await;
        assert_eq!(status, 200, "{path}");
        assert!(!headers.contains_key("strict-transport-security"), "RFC 6797 §7.2");
    }
    let (_, ready) = test.get("/readyz", "").await;
    assert_eq!(ready["tls"]["files_usable"], true);
    let names: Vec<String> = test.app.store.authority_keys().await.unwrap().into_iter().map(|key| key.label).collect();
    let issuing = names.iter().find(|name| name.contains("issuing") || name.contains("ca")).unwrap();
    let (status, _, body) = get(&format!("/ca/{issuing}.cer")).await;
    assert!(status == 200 && body.first() == Some(&0x30), "{issuing}: {status}");
    let (status, _, body) = get(&format!("/crl/{issuing}.crl")).await;
    assert!(status == 200 && body.first() == Some(&0x30), "{issuing}: {status}");
    for path in ["/ocsp", "/tsa"] {
        let (status, _, _) = test.exchange("POST", path, Vec::new(), vec![0x30, 0]).await;
        assert!(![403, 308, 404].contains(&status), "{path}: {status}");
    }
    let (status, headers, _) = get("/login?next=/sign").await;
    assert_eq!((status, headers["location"].to_str().unwrap()), (308, format!("{secure}/login?next=/sign").as_str()));
    assert_eq!(get("//other.example/").await.1["location"].to_str().unwrap(), format!("{secure}//other.example/"));
    let log_in = serde_json::json!({ "login": "duyet", "password": test.passwords["duyet"] });
    let (status, answer) = test.post("/api/v1/session", "", &log_in).await;
    assert_eq!((status, answer["type"].as_str()), (403, Some("urn:chuky:problem:https_required")));
    let (status, _) = test.get("/api/v1/session", "a-key").await;
    assert_eq!(status, 403);
    assert_eq!(get("/metrics").await.0, 308);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_certificate_is_shown_without_a_restart() {
    let authority = Authority::new("Servers");
    let test = TestApp::with(|settings| by_tls(settings, &authority)).await;
    let tls = test.app.settings.tls.clone().unwrap();
    let shown = async || {
        let (_, said) = s_client(&test, &["-showcerts"]).await;
        let pem = said.split("-----BEGIN CERTIFICATE-----").nth(1).unwrap();
        let pem = pem.split("-----END CERTIFICATE-----").next().unwrap();
        let file = test.directory.path().join("shown.pem");
        fs::write(&file, format!("-----BEGIN CERTIFICATE-----{pem}-----END CERTIFICATE-----\n")).unwrap();
        fingerprint(&file)
    };
    let first = fingerprint(&tls.certificate);
    assert_eq!(shown().await, first);
    authority.certify("localhost", 60);
    let second = fingerprint(&tls.certificate);
    let began = Instant::now();
    while shown().await != second {
        assert!(began.elapsed() < Duration::from_secs(60), "the new certificate is not taken up");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    // A file cut short changes nothing but what is said.
    let whole = fs::read(&tls.certificate).unwrap();
    fs::write(&tls.certificate, &whole[..whole.len() / 2]).unwrap();
    let ready = async || curl(&test, &authority, "/readyz", &[]).await.1;
    let began = Instant::now();
    while !ready().await.contains("\"files_usable\":false") {
        assert!(began.elapsed() < Duration::from_secs(60), "{}", ready().await);
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert_eq!(shown().await, second);
    assert!(ready().await.starts_with("HTTP/2 200"), "callers stay");
    let figures = curl(&test, &authority, "/metrics", &[]).await.1;
    assert!(figures.contains("chuky_tls_files_usable 0"), "{figures}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_command_line_comes_by_tls() {
    let authority = Authority::new("Servers");
    let test = TestApp::with(|settings| by_tls(settings, &authority)).await;
    let password = test.directory.path().join("password");
    fs::write(&password, &test.passwords["duyet"]).unwrap();
    let log_in = |trusted: std::path::PathBuf| {
        let mut command = Command::new(EXECUTABLE);
        command.args(["--lang", "en", "login", "--server", &format!("https://localhost:{}", port(&test))]);
        command.arg("--password-file").arg(&password).arg("duyet");
        command.env("SSL_CERT_FILE", trusted).env("XDG_STATE_HOME", test.directory.path().join("state"));
        tokio::task::spawn_blocking(move || command.output().unwrap())
    };
    let output = log_in(authority.file()).await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(String::from_utf8_lossy(&output.stdout), "Logged in as duyet.\n");
    let stranger = log_in(Authority::new("Strangers").file()).await.unwrap();
    assert_eq!(stranger.status.code(), Some(2), "{}", String::from_utf8_lossy(&stranger.stderr));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn certificates_name_the_address_of_status_services() {
    let test = TestApp::with(|settings| settings.status_url = Some("http://status.example".to_owned())).await;
    let receipt = crate::issuance::issued(&test, "citizen").await;
    let file = test.directory.path().join("subscriber.pem");
    fs::write(&file, receipt["certificate"].as_str().unwrap()).unwrap();
    let said = super::run(Command::new("openssl").args(["x509", "-noout", "-text", "-in"]).arg(&file));
    for address in ["URI:http://status.example/ocsp", "URI:http://status.example/ca/", "URI:http://status.example/crl/"]
    {
        assert!(said.contains(address), "{address}: {said}");
    }
    assert!(!said.contains(&test.url), "{said}");
}
