//! The timestamp authorities: what they stamp and refuse, and that they do not stamp by a clock that nobody keeps. OpenSSL asks and
//! judges; the kernel's word on its clock is asked a second time by Python.

use super::run;
use crate::harness::app::{Backend, TestApp};
use chuky::{clock::Synchronisation, config::ClockSource};
use std::{fs, path::Path};

async fn answer(test: &TestApp, at: &Path) -> String {
    let ask = fs::read(at.join("ask")).unwrap();
    let (status, answer) = test.raw("POST", "/tsa", "", "application/timestamp-query", ask).await;
    assert_eq!(status, 200);
    fs::write(at.join("answer"), answer).unwrap();
    run(at, "openssl ts -reply -in answer -text")
}

async fn authority(test: &TestApp, at: &Path) {
    for purpose in ["root", "issuing", "timestamp"] {
        let (_, der) = test.raw("GET", &format!("/ca/citizens-{purpose}.cer"), "", "", vec![]).await;
        fs::write(at.join("der"), der).unwrap();
        run(at, &format!("openssl x509 -inform DER -in der -out {purpose}.pem"));
    }
    fs::write(at.join("data"), "Nội dung").unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_sound_hash_is_stamped_and_every_request_answered() {
    let test = TestApp::sqlite().await;
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    authority(&test, at).await;
    let mut serials = Vec::new();
    for hash in ["sha256", "sha384", "sha512", "sha224", "sha512-256", "sha3-256", "sha3-384", "sha3-512"] {
        run(at, &format!("openssl ts -query -data data -{hash} -cert -out ask"));
        let text = answer(&test, at).await;
        assert!(text.contains("Status: Granted.") && text.contains("Accuracy: 0x01 seconds"), "{hash}: {text}");
        assert!(text.contains("Policy OID: 1.3.6.1.4.1.32473.1.3") && text.contains("Nonce: 0x"), "{hash}: {text}");
        serials.extend(text.lines().filter_map(|line| line.strip_prefix("Serial number: ")).map(str::to_owned));
        let verified = run(at, "openssl ts -verify -queryfile ask -in answer -CAfile root.pem -untrusted issuing.pem");
        assert!(verified.contains("Verification: OK"), "{hash}: {verified}");
        run(at, "openssl ts -reply -in answer -token_out -out token");
        let cms = run(at, "openssl cms -cmsout -inform DER -in token -print");
        // RFC 5816: the certificate is named by a hash that is not SHA-1.
        assert!(cms.contains("id-smime-aa-signingCertificateV2"), "{cms}");
        assert!(!cms.contains("id-smime-aa-signingCertificate ("), "{cms}");
    }
    let count = serials.len();
    serials.sort();
    serials.dedup();
    assert_eq!((count, serials.len()), (8, 8), "each token has a serial number of its own");
    // certReq: without it no certificate travels, and whoever has them can still verify.
    run(at, "openssl ts -query -data data -sha256 -no_nonce -out ask");
    let text = answer(&test, at).await;
    assert!(text.contains("Nonce: unspecified"), "{text}");
    run(at, "openssl ts -reply -in answer -token_out -out token");
    assert!(!run(at, "openssl pkcs7 -inform DER -in token -print_certs").contains("BEGIN"));
    let verify = "openssl ts -verify -queryfile ask -in answer -CAfile root.pem";
    run(at, "cat issuing.pem timestamp.pem > chain.pem");
    assert!(run(at, &format!("{verify} -untrusted chain.pem")).contains("Verification: OK"));
    for (query, failure) in [
        ("-sha1", "unrecognized or unsupported algorithm"),
        ("-sha256 -tspolicy 1.2.3.4", "the requested TSA policy is not supported"),
    ] {
        run(at, &format!("openssl ts -query -data data {query} -out ask"));
        let text = answer(&test, at).await;
        assert!(text.contains("Rejected") && text.to_lowercase().contains(&failure.to_lowercase()), "{query}: {text}");
    }
    for bytes in [&b""[..], b"\x30\x00", &[0x30, 0x80, 0, 0], &vec![0x30; 5_000]] {
        fs::write(at.join("ask"), bytes).unwrap();
        let text = answer(&test, at).await;
        assert!(text.contains("Rejected") && text.contains("Failure info"), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_nobody_keeps_stamps_nothing() {
    let test = TestApp::start_with(Backend::Sqlite, |settings| {
        settings.timestamps.clock = Some(ClockSource::Kernel);
    })
    .await;
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    authority(&test, at).await;
    run(at, "openssl ts -query -data data -sha256 -cert -out ask");
    // adjtimex(2): state 5 is TIME_ERROR; maxerror is the fourth long behind the modes.
    let kernel = run(
        at,
        "python3 -c 'import ctypes, struct; b = ctypes.create_string_buffer(512); s = ctypes.CDLL(None).adjtimex(b); \
         print(int(s not in (5, -1) and struct.unpack_from(\"l\", b, 24)[0] <= 1000000))'",
    );
    let synchronised = match kernel.trim() {
        "1" => true,
        "0" => false,
        other => panic!("{other}"),
    };
    let own = matches!(test.app.clock.synchronisation(), Synchronisation::Within(error) if error <= 1_000_000);
    assert_eq!(own, synchronised);
    let text = answer(&test, at).await;
    assert_eq!(text.contains("Status: Granted."), synchronised, "{text}");
    let (_, ready) = test.get("/readyz", "").await;
    assert_eq!(ready["clock"], synchronised, "{ready}");
    // A clock that was moved by hand is not the kernel's.
    test.app.clock.shift_seconds(1);
    let text = answer(&test, at).await;
    assert!(text.contains("Rejected") && text.contains("the TSA's time source is not available"), "{text}");
    let (status, ready) = test.get("/readyz", "").await;
    let named = (&ready["missing"], &ready["impaired"]);
    assert_eq!((status, named), (200, (&serde_json::json!([]), &serde_json::json!(["clock"]))), "{ready}");
}
