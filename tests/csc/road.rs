//! From `info` to a signature in both versions, and pyHanko's own CSC signer.

use super::client::{ECDSA_SHA256, authorize, error, hash, sad, sign};
use crate::{
    harness::app::{Backend, TestApp},
    signing::subscriber::{PIN, Subscriber, citizen, folder, judged_valid, official, plain_pdf},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use chuky_model::algorithm::SignatureScheme;
use chuky_pki::certificate::Certificate;
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// The certificates that the service tells.
async fn chain(test: &TestApp, who: &Subscriber) -> Vec<Certificate> {
    let body = json!({ "credentialID": who.credential, "certificates": "chain", "certInfo": true, "authInfo": true });
    let (status, info) = test.post("/csc/v1/credentials/info", &who.token, &body).await;
    assert_eq!(status, 200, "{info}");
    let list = info["cert"]["certificates"].as_array().unwrap();
    list.iter().map(|one| Certificate::from_der(&STANDARD.decode(one.as_str().unwrap()).unwrap()).unwrap()).collect()
}

fn verifies(signer: &Certificate, digest: &str, signature: &Value) -> bool {
    let signature = STANDARD.decode(signature.as_str().unwrap()).unwrap();
    let digest = STANDARD.decode(digest).unwrap();
    signer.public_key().unwrap().verify_digest(SignatureScheme::EcdsaSha256.into(), &digest, &signature).is_ok()
}

async fn both_versions(backend: Backend) {
    let test = TestApp::start(backend).await;
    let citizen = citizen(&test).await;
    // What is offered is said to anybody.
    let (status, info) = test.post("/csc/v1/info", "", &json!({})).await;
    assert_eq!((status, info["specs"].as_str().unwrap()), (200, "1.0.4.0"));
    let (_, newer) = test.post("/csc/v2/info", "", &json!({ "lang": "en-US" })).await;
    assert!(newer["specs"].as_str().unwrap().starts_with("2.0"));
    for info in [&info, &newer] {
        let methods = info["methods"].as_array().unwrap();
        assert!(!methods.iter().any(|method| method == "credentials/sendOTP"), "{methods:?}");
        for method in methods.iter().map(|method| method.as_str().unwrap()) {
            let version = if info["specs"] == "1.0.4.0" { "v1" } else { "v2" };
            let verb = if method == "oauth2/authorize" { "GET" } else { "POST" };
            let (status, _) = test.raw(verb, &format!("/csc/{version}/{method}"), "", "", Vec::new()).await;
            assert!(![404, 405, 501].contains(&status), "{version} {method}: {status}");
        }
    }
    // The credential, in the words of each version.
    let (_, list) = test.post("/csc/v1/credentials/list", &citizen.token, &json!({})).await;
    assert_eq!(list, json!({ "credentialIDs": [citizen.credential] }));
    let wanted = json!({ "credentialInfo": true, "certificates": "chain", "certInfo": true, "authInfo": true });
    let (_, list) = test.post("/csc/v2/credentials/list", &citizen.token, &wanted).await;
    let one = &list["credentialInfos"][0];
    assert_eq!((&one["auth"]["mode"], &one["auth"]["objects"][0]["id"]), (&json!("explicit"), &json!("PIN")), "{one}");
    assert_eq!(
        (&one["SCAL"], &one["key"]["len"], &one["key"]["status"]),
        (&json!("2"), &json!(256), &json!("enabled"))
    );
    assert_eq!((&one["key"]["algo"], &one["cert"]["status"]), (&json!([ECDSA_SHA256]), &json!("valid")));
    assert!(one["cert"]["validTo"].as_str().unwrap().ends_with('Z') && one["multisign"].as_u64().unwrap() >= 100);
    let chain = chain(&test, &citizen).await;
    assert_eq!(chain.len(), 3, "signer, issuing CA, root");
    // Two hashes in one call, with the spellings of version 1.
    let hashes = [hash("một"), hash("hai")];
    let first = sad(&test, &citizen, &citizen.token, &hashes).await;
    let (status, signed) = sign(&test, &citizen, &citizen.token, &first, &hashes).await;
    assert_eq!(status, 200, "{signed}");
    for (hash, signature) in hashes.iter().zip(signed["signatures"].as_array().unwrap()) {
        assert!(verifies(&chain[0], hash, signature));
    }
    // One by one, with those of version 2.
    let body = json!({
        "credentialID": citizen.credential, "numSignatures": 2, "hashes": hashes,
        "hashAlgorithmOID": "2.16.840.1.101.3.4.2.1", "authData": [{ "id": "PIN", "value": PIN }],
    });
    let (status, second) = test.post("/csc/v2/credentials/authorize", &citizen.token, &body).await;
    assert_eq!(status, 200, "{second}");
    for hash in hashes.iter().rev() {
        let body = json!({
            "credentialID": citizen.credential, "SAD": second["SAD"], "hashes": [hash], "signAlgo": ECDSA_SHA256,
        });
        let (status, signed) = test.post("/csc/v2/signatures/signHash", &citizen.token, &body).await;
        assert_eq!(status, 200, "{signed}");
        assert!(verifies(&chain[0], hash, &signed["signatures"][0]));
    }
    assert_eq!(test.sql("SELECT count(*) FROM signature").trim(), "4");
    // Neither activation data nor anything that gives it lies in the database.
    let secret = STANDARD_URL.decode(second["SAD"].as_str().unwrap()).unwrap();
    let dump = format!("{}{}", test.sql("SELECT * FROM activation_hashes"), test.sql("SELECT * FROM activation"));
    assert!(!dump.to_lowercase().contains(&hex::encode(&secret[16..])));
    // What is not offered says so.
    let (status, answer) = test.post("/csc/v1/credentials/extendTransaction", &citizen.token, &json!({})).await;
    assert_eq!((status, error(&answer).0), (501, "invalid_request"), "{answer}");
}

/// The description names every method that is served, and none that is not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_method_is_described() {
    let test = TestApp::sqlite().await;
    let (status, description) = test.get("/api/v1/openapi.json", "").await;
    assert_eq!(status, 200);
    let paths = description["paths"].as_object().unwrap();
    let described = paths.iter().filter(|(path, _)| path.starts_with("/csc/"));
    let described = described.flat_map(|(path, item)| item.as_object().unwrap().keys().map(move |verb| (path, verb)));
    let described: BTreeSet<String> = described.map(|(path, verb)| format!("{} {path}", verb.to_uppercase())).collect();
    // The form of consent is posted by its own page only.
    let served = chuky::http::routes().into_iter().map(|route| format!("{} {}", route.method, route.path));
    let served = served.filter(|route| route.contains(" /csc/") && !route.starts_with("POST /csc/v1/oauth2/authorize"));
    let served: BTreeSet<String> = served.filter(|route| route != "POST /csc/v2/oauth2/authorize").collect();
    assert_eq!(described, served);
    let asked = &paths["/csc/v2/credentials/authorize"]["post"]["requestBody"]["content"]["application/json"]["schema"];
    assert_eq!(asked["properties"]["hashes"]["items"]["type"], "string", "{asked}");
    assert!(asked["required"].as_array().unwrap().contains(&json!("credentialID")), "{asked}");
    assert_eq!(paths["/csc/v1/info"]["post"]["tags"], json!(["csc v1"]));
}

const STANDARD_URL: base64::engine::GeneralPurpose = base64::engine::general_purpose::URL_SAFE_NO_PAD;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hashes_are_signed_in_both_versions_on_sqlite() {
    both_versions(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hashes_are_signed_in_both_versions_on_postgres() {
    both_versions(Backend::Postgres).await;
}

/// Requests that say too little, too much or nothing usable, each with what the specification has for it.
fn malformed(id: &str, one: &str, two: &str) -> Vec<(&'static str, Value, &'static str)> {
    let stranger = "00000000-0000-7000-8000-000000000000";
    vec![
        ("v1/credentials/list", json!({ "userID": "me" }), "userID parameter MUST be null"),
        ("v1/credentials/info", json!({}), "Missing (or invalid type) string parameter credentialID"),
        (
            "v1/credentials/info",
            json!({ "credentialID": 7 }),
            "Missing (or invalid type) string parameter credentialID",
        ),
        ("v1/credentials/info", json!({ "credentialID": stranger }), "Invalid parameter credentialID"),
        ("v1/credentials/info", json!({ "credentialID": id, "certificates": "all" }), "Invalid parameter certificates"),
        (
            "v1/credentials/authorize",
            json!({ "credentialID": id }),
            "Missing (or invalid type) integer parameter numSignatures",
        ),
        (
            "v1/credentials/authorize",
            json!({ "credentialID": id, "numSignatures": 0, "hash": [one], "PIN": PIN }),
            "Invalid value for parameter numSignatures",
        ),
        (
            "v1/credentials/authorize",
            json!({ "credentialID": id, "numSignatures": 2, "hash": [one], "PIN": PIN }),
            "Invalid value for parameter numSignatures",
        ),
        (
            "v1/credentials/authorize",
            json!({ "credentialID": id, "numSignatures": 100_000, "hash": [one], "PIN": PIN }),
            "Numbers of signatures is too high",
        ),
        // Sole control: nothing is authorized that is not named.
        (
            "v1/credentials/authorize",
            json!({ "credentialID": id, "numSignatures": 1, "PIN": PIN }),
            "Missing (or invalid type) array parameter hash",
        ),
        (
            "v1/credentials/authorize",
            json!({ "credentialID": id, "numSignatures": 1, "hash": [one] }),
            "Missing (or invalid type) string parameter PIN",
        ),
        (
            "v1/credentials/authorize",
            json!({ "credentialID": id, "numSignatures": 1, "hash": ["AAAA"], "PIN": PIN }),
            "Invalid digest value length",
        ),
        ("v1/signatures/signHash", json!({ "credentialID": id }), "Missing (or invalid type) string parameter SAD"),
        (
            "v1/signatures/signHash",
            json!({ "credentialID": id, "SAD": "AAAA", "hash": [one], "signAlgo": ECDSA_SHA256 }),
            "Invalid parameter SAD",
        ),
        (
            "v1/signatures/signHash",
            json!({ "credentialID": id, "SAD": "AAAA", "hash": [two], "signAlgo": "1.2.840.113549.1.1.1" }),
            "Invalid parameter signAlgo",
        ),
        (
            "v2/signatures/signDoc",
            json!({ "credentialID": id, "SAD": "AAAA" }),
            "Empty documentDigests and documents objects",
        ),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_are_refused_in_the_words_of_the_specification() {
    let test = TestApp::sqlite().await;
    let citizen = citizen(&test).await;
    let (one, two) = (hash("một"), hash("hai"));
    let (status, answer) = test.post("/csc/v1/credentials/list", "csc_made_up", &json!({})).await;
    assert_eq!((status, error(&answer).0), (401, "invalid_token"), "{answer}");
    let call = async |path: &str, body: Value| test.post(path, &citizen.token, &body).await;
    let id = citizen.credential.as_str();
    for (path, body, said) in malformed(id, &one, &two) {
        let (status, answer) = call(&format!("/csc/{path}"), body.clone()).await;
        assert_eq!((status, error(&answer)), (400, ("invalid_request", said)), "{path} {body}");
    }
    assert_eq!(test.sql("SELECT count(*) FROM audit_entry WHERE kind = 'pin.tried'").trim(), "0", "no try was counted");
}

/// PINs are counted, told apart in each version, and lock.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_pins_are_counted_and_lock() {
    let test = TestApp::sqlite().await;
    let citizen = citizen(&test).await;
    let (one, id) = (hash("một"), citizen.credential.as_str());
    let call = async |path: &str, body: Value| test.post(path, &citizen.token, &body).await;
    let (status, answer) =
        authorize(&test, &citizen, &citizen.token, "không đúng đâu", std::slice::from_ref(&one)).await;
    assert_eq!((status, error(&answer)), (400, ("invalid_pin", "The PIN is invalid")));
    let body = json!({
        "credentialID": id, "numSignatures": 1, "hashes": [one], "authData": [{ "id": "PIN", "value": "không đúng đâu" }],
    });
    for _ in 0..3 {
        let (_, answer) = call("/csc/v2/credentials/authorize", body.clone()).await;
        assert_eq!(error(&answer).0, "invalid_authentication_data");
    }
    let (_, answer) = call("/csc/v2/credentials/authorize", body.clone()).await;
    assert_eq!(error(&answer), ("invalid_request", "Credential locked"));
    let (_, answer) = authorize(&test, &citizen, &citizen.token, PIN, &[one]).await;
    assert_eq!(error(&answer), ("invalid_pin", "PIN locked"));
    assert_eq!(test.sql("SELECT count(*) FROM audit_entry WHERE kind = 'pin.tried'").trim(), "5");
}

/// pyHanko's own signer, unchanged, signs several files in one batch; our verifier, pdfsig, qpdf and pyHanko accept them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pyhanko_signs_through_it() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = root.join("target/venv/bin/python");
    if !python.exists() {
        eprintln!("SKIPPED: no pyHanko in target/venv");
        return;
    }
    let folder = folder("csc");
    for (algorithm, version) in [("p256", "v1"), ("p384", "v2"), ("rsa2048", "v1")] {
        let test = TestApp::sqlite().await;
        let name = |number: u8| folder.join(format!("{algorithm}-{number}.pdf"));
        let files = [name(1), name(2)];
        for file in &files {
            std::fs::write(file, plain_pdf()).unwrap();
        }
        let who = official(&test, algorithm).await;
        run(&python, &test, &who, version, algorithm, &files).await;
        for file in &files {
            let signed = std::fs::read(file.with_extension("pdf.signed.pdf")).unwrap();
            let name = format!("{}.judged.pdf", file.file_stem().unwrap().to_string_lossy());
            judged_valid(&test, &folder, &name, &signed, 1).await;
            let (status, report) =
                test.request("POST", "/api/v1/documents/verify", &who.token, "application/pdf", signed).await;
            assert_eq!(status, 200);
            assert_eq!(report["indication"], "TOTAL_PASSED", "{algorithm}: {report}");
        }
    }
}

async fn run(python: &Path, test: &TestApp, who: &Subscriber, version: &str, algorithm: &str, files: &[PathBuf]) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/csc/sign.py");
    let mut command = Command::new(python);
    command.arg(script).args([&test.url, version, &who.credential]).args(files);
    let secrets = format!("{}\n{PIN}\n", who.token);
    let output = tokio::task::spawn_blocking(move || {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(secrets.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    });
    let output = output.await.unwrap();
    assert!(output.status.success(), "{algorithm}: {}", String::from_utf8_lossy(&output.stderr));
}

/// What `docs/csc.md` tells to do by hand does what it says.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_walk_through_of_the_documents_works() {
    let tools = ["curl", "jq", "openssl"];
    if let Some(missing) = tools.iter().find(|tool| Command::new(tool).arg("--help").output().is_err()) {
        eprintln!("SKIPPED: {missing} is not installed");
        return;
    }
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/csc.md")).unwrap();
    let script = text.split("```sh\n").nth(1).unwrap().split("```").next().unwrap().to_owned();
    let test = TestApp::sqlite().await;
    let citizen = citizen(&test).await;
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new("bash");
    command.args(["-eu", "-o", "pipefail", "-c", &script]).current_dir(folder.path());
    command.env("URL", &test.url).env("TOKEN", &citizen.token).env("CREDENTIAL", &citizen.credential).env("PIN", PIN);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success() && said.contains("Verified OK"),
        "{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
