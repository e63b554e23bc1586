//! The OCSP responder by its protocol: caching, nonces, several questions at once, both hashes, strangers. OpenSSL asks and judges;
//! what it cannot ask is written byte by byte.

use super::{fetch, issued, ocsp, run};
use crate::harness::app::TestApp;
use base64::{Engine, engine::general_purpose::STANDARD};
use chuky::issuance::ocsp::renew;
use chuky_pki::ocsp::OcspResponse;
use serde_json::json;
use std::{fs, path::Path};

const ASK: &str = "openssl ocsp -issuer issuing.pem -CAfile root.pem -verify_other issuing.pem";

struct Scene {
    test: TestApp,
    directory: tempfile::TempDir,
    path: String,
}

impl Scene {
    async fn set() -> Self {
        let test = TestApp::sqlite().await;
        let directory = tempfile::tempdir().unwrap();
        let receipt = issued(&test, "citizen").await;
        fetch(&test, directory.path(), "citizens", &receipt).await;
        run(directory.path(), "openssl ocsp -issuer issuing.pem -cert subscriber.pem -no_nonce -reqout ask");
        let path = format!("/api/v1/certificates/{}", receipt["serial"].as_str().unwrap());
        Self { test, directory, path }
    }

    fn at(&self) -> &Path {
        self.directory.path()
    }

    /// The answer to bytes.
    async fn post(&self, request: Vec<u8>) -> Vec<u8> {
        let (status, answer) = self.test.raw("POST", "/ocsp", "", "application/ocsp-request", request).await;
        assert_eq!(status, 200);
        answer
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_without_nonce_are_kept_for_a_minute_and_no_longer_than_the_standing() {
    let scene = Scene::set().await;
    let ask = fs::read(scene.at().join("ask")).unwrap();
    let path = format!("/ocsp/{}", STANDARD.encode(&ask).replace('+', "%2B").replace('=', "%3D"));
    let get = async |headers| scene.test.exchange("GET", &path, headers, vec![]).await;
    let (status, headers, first) = get(vec![]).await;
    let header = |name: &str| headers[name].to_str().unwrap().to_owned();
    assert_eq!((status, header("content-type").as_str()), (200, "application/ocsp-response"));
    assert!(header("cache-control").starts_with("max-age=60, public, no-transform, must-revalidate"), "{headers:?}");
    assert!(header("last-modified").ends_with(" GMT") && header("expires").ends_with(" GMT"));
    // The same answer again, by both methods; unchanged where the asker has it.
    assert_eq!(get(vec![]).await.2, first);
    assert_eq!(scene.post(ask.clone()).await, first);
    let (status, _, body) = get(vec![("if-none-match", header("etag"))]).await;
    assert_eq!((status, body.len()), (304, 0));
    assert_eq!(get(vec![("if-modified-since", header("last-modified"))]).await.0, 304);
    // Renewed in the background while somebody asks; signed anew where nobody did for a minute.
    scene.test.app.clock.shift_seconds(31);
    renew(&scene.test.app).await.unwrap();
    let second = get(vec![("if-none-match", header("etag"))]).await;
    assert_eq!(second.0, 200);
    let time = |answer: &[u8]| OcspResponse::parse(answer).unwrap().singles[0].this_update;
    assert!(time(&second.2) >= time(&first).plus_seconds(31));
    scene.test.app.clock.shift_seconds(61);
    let third = get(vec![]).await.2;
    assert!(time(&third) >= time(&second.2).plus_seconds(61));
    // A change shows at the very next question, and what was kept is not given out again.
    let officer = scene.test.log_in("quantri").await;
    for (change, word) in [("suspend", "certificateHold"), ("resume", "good"), ("suspend", "certificateHold")] {
        let (status, _) = scene.test.post(&format!("{}/{change}", scene.path), &officer, &json!({})).await;
        assert_eq!(status, 200);
        fs::write(scene.at().join("answer"), scene.post(ask.clone()).await).unwrap();
        let text = run(scene.at(), &format!("{ASK} -cert subscriber.pem -no_nonce -respin answer -resp_text"));
        assert!(text.contains(word) && text.contains("Archive Cutoff"), "{change}: {text}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nonces_of_one_to_128_octets_come_back_and_others_are_refused() {
    let scene = Scene::set().await;
    let ask = fs::read(scene.at().join("ask")).unwrap();
    for length in [1, 16, 32, 128] {
        let nonce = vec![0x5a; length];
        let answer = scene.post(with_nonce(&ask, &nonce)).await;
        let answer = OcspResponse::parse(&answer).unwrap();
        assert_eq!(answer.nonce, Some(nonce));
    }
    for length in [0, 129, 1_000] {
        assert_eq!(scene.post(with_nonce(&ask, &vec![0x5a; length])).await, [0x30, 3, 0x0a, 1, 1], "{length}");
    }
    // An answer with a nonce is nobody else's.
    let (_, headers, _) = scene.test.exchange("POST", "/ocsp", vec![], with_nonce(&ask, &[7; 32])).await;
    assert_eq!(headers["cache-control"].to_str().unwrap(), "no-cache, no-transform");
    assert!(!headers.contains_key("etag"));
    let text = ocsp(&scene.test, scene.at());
    assert!(text.contains("Response verify OK") && !text.contains("WARNING"), "{text}");
    for bytes in [&b""[..], b"\x30\x00", b"\x30\x80\x00\x00", &[0xff; 40], &vec![0x30; 17_000]] {
        assert_eq!(scene.post(bytes.to_vec()).await, [0x30, 3, 0x0a, 1, 1]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_questions_both_hashes_and_strangers() {
    let scene = Scene::set().await;
    let at = scene.at();
    let url = format!("-url {}/ocsp", scene.test.url);
    // Known, never issued, the responder itself, in one request.
    let text = run(
        at,
        &format!("{ASK} -cert subscriber.pem -serial 0x4142434445464748 -cert ocsp.pem -cert timestamp.pem {url}"),
    );
    for word in ["subscriber.pem: good", "0x4142434445464748: unknown", "ocsp.pem: good", "timestamp.pem: good"] {
        assert!(text.contains(word) && text.contains("Response verify OK"), "{text}");
    }
    for hash in ["sha1", "sha256", "sha384"] {
        let text = run(at, &format!("{ASK} -{hash} -cert subscriber.pem {url}"));
        assert!(text.contains("Response verify OK") && text.contains("subscriber.pem: good"), "{hash}: {text}");
    }
    // What was never issued is not kept, and never good.
    let text = run(at, &format!("{ASK} -serial 0x01 -no_nonce -reqout one {url}"));
    assert!(text.contains("0x01: unknown"), "{text}");
    let (_, headers, _) = scene.test.exchange("POST", "/ocsp", vec![], fs::read(at.join("one")).unwrap()).await;
    assert!(!headers.contains_key("etag"));
    // Another CA's certificate; the same name with another key; the same key under another name.
    run(
        at,
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout k -out other.pem -subj /CN=Other -days 9",
    );
    let subject = run(at, "openssl x509 -in issuing.pem -noout -subject -nameopt compat");
    let subject = subject.trim().trim_start_matches("subject=").trim().to_owned();
    run(at, &format!("openssl req -x509 -utf8 -key k -out twin.pem -subj '{subject}' -days 9"));
    for issuer in ["other.pem", "twin.pem"] {
        let text = run(at, &format!("openssl ocsp -issuer {issuer} -cert subscriber.pem {url}"));
        assert!(text.contains("unauthorized"), "{issuer}: {text}");
    }
    let text = run(at, "openssl x509 -in ocsp.pem -noout -text");
    assert!(text.contains("OCSP No Check") && text.contains("OCSP Signing"), "{text}");
    // Ours beside a stranger's: ours is answered, of the stranger nothing is known.
    let text = run(
        at,
        &format!(
            "openssl ocsp -issuer issuing.pem -cert subscriber.pem -issuer other.pem -serial 0x05 -CAfile root.pem -verify_other issuing.pem {url}"
        ),
    );
    assert!(text.contains("subscriber.pem: good") && text.contains("0x05: unknown"), "{text}");
    // A responder whose certificate has ended says nothing.
    scene.test.app.clock.shift_seconds(3 * 366 * 86_400);
    let ask = fs::read(at.join("ask")).unwrap();
    assert_eq!(scene.post(ask).await, [0x30, 3, 0x0a, 1, 2]);
}

/// The request with a nonce extension: `requestExtensions [2]` at the end of the `TBSRequest`.
fn with_nonce(request: &[u8], nonce: &[u8]) -> Vec<u8> {
    // 30 len, 30 len, requestList: OpenSSL's request about one certificate is shorter than 128 octets.
    let list = &request[4..];
    let oid = [0x06, 9, 0x2b, 6, 1, 5, 5, 7, 0x30, 1, 2];
    let value = element(0x04, &element(0x04, nonce));
    let extensions = element(0xa2, &element(0x30, &element(0x30, &[&oid[..], &value].concat())));
    element(0x30, &element(0x30, &[list, &extensions].concat()))
}

fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let mut out = match length {
        0..=127 => vec![tag, length as u8],
        128..=255 => vec![tag, 0x81, length as u8],
        _ => vec![tag, 0x82, (length >> 8) as u8, length as u8],
    };
    out.extend_from_slice(content);
    out
}
