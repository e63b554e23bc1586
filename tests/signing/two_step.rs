//! Signing in two calls with keys that the service never sees: prepared on one node and finished on another, in every format, judged by foreign
//! tools; and continuations, values, documents and certificates that are not what they should be, none of which makes a file.

use super::{
    foreign::{Kind, Person, p256, rsa},
    subscriber::{folder, judged_valid, letter_pdf, plain_pdf, present},
};
use crate::{
    harness::app::{Backend, EXECUTABLE, TestApp},
    issuance::{PASSWORD, fetch, own_key::issued_for_own_key, run},
};
use chuky::{bootstrap, clock::Clock};
use chuky_model::role::Role;
use openssl::{
    base64::{decode_block, encode_block},
    ecdsa::EcdsaSig,
    pkey::{PKey, Private},
};
use serde_json::{Value, json};
use std::path::Path;

const LETTER: &str = "<?xml version=\"1.0\"?>\n<thu xmlns=\"urn:thu\"><gui>Ủy ban nhân dân</gui></thu>\n";
pub const PREPARE: &str = "/api/v1/signatures/prepare";
pub const FINISH: &str = "/api/v1/signatures/finish";

/// The two parts of a call.
pub fn form(request: &Value, name: &str, media_type: &str, document: &[u8]) -> (String, Vec<u8>) {
    let mut body = format!(
        "--frontier\r\nContent-Disposition: form-data; name=\"request\"\r\n\r\n{request}\r\n--frontier\r\n\
         Content-Disposition: form-data; name=\"document\"; filename=\"{name}\"\r\nContent-Type: {media_type}\r\n\r\n"
    )
    .into_bytes();
    body.extend_from_slice(document);
    body.extend_from_slice(b"\r\n--frontier--\r\n");
    ("multipart/form-data; boundary=frontier".to_owned(), body)
}

/// A document with its media type.
type Named<'n> = (&'n str, &'n str, &'n [u8]);

async fn prepare(test: &TestApp, token: &str, request: &Value, (name, kind, document): Named<'_>) -> (u16, Value) {
    let (kind, body) = form(request, name, kind, document);
    test.request("POST", PREPARE, token, &kind, body).await
}

async fn finish(test: &TestApp, token: &str, request: &Value, document: &[u8]) -> (u16, Vec<u8>) {
    let (kind, body) = form(request, "whatever", "application/octet-stream", document);
    test.raw("POST", FINISH, token, &kind, body).await
}

/// A citizen with a key of their own that this authority certified, logged in.
pub struct Holder {
    folder: tempfile::TempDir,
    key: PKey<Private>,
    certificate: String,
    pub token: String,
    serial: String,
}

impl Holder {
    pub async fn of(test: &TestApp) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let receipt = issued_for_own_key(test, folder.path()).await;
        fetch(test, folder.path(), "citizens", &receipt).await;
        let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
        let log_in = json!({ "login": "own.key", "password": PASSWORD });
        let (status, session) = test.post("/api/v1/session", "", &log_in).await;
        assert_eq!(status, 200, "{session}");
        Self {
            key: PKey::private_key_from_pem(read("key.pem").as_bytes()).unwrap(),
            certificate: read("subscriber.pem"),
            token: session["token"].as_str().unwrap().to_owned(),
            serial: receipt["serial"].as_str().unwrap().to_owned(),
            folder,
        }
    }

    pub fn order(&self, more: &Value) -> Value {
        let mut order = json!({ "certificate": self.certificate });
        for (key, value) in more.as_object().unwrap() {
            order[key] = value.clone();
        }
        order
    }

    fn value(&self, prepared: &Value) -> EcdsaSig {
        let digest = decode_block(prepared["digest"].as_str().unwrap()).unwrap();
        EcdsaSig::sign(&digest, &self.key.ec_key().unwrap()).unwrap()
    }

    /// What goes back for what was prepared.
    pub fn answer(&self, prepared: &Value) -> Value {
        let value = encode_block(&self.value(prepared).to_der().unwrap());
        json!({ "continuation": prepared["continuation"], "value": value })
    }

    async fn prepared(&self, test: &TestApp, more: &Value, document: Named<'_>) -> Value {
        let (status, prepared) = prepare(test, &self.token, &self.order(more), document).await;
        assert_eq!(status, 200, "{more}: {prepared}");
        prepared
    }
}

/// A second process over the same database and tokens, with an address of its own.
async fn another_node(test: &TestApp) -> TestApp {
    let settings = test.app.settings.clone();
    TestApp::around(bootstrap::open(settings, Clock::default(), Path::new(EXECUTABLE)).await.unwrap()).await
}

fn problem(bytes: &[u8]) -> String {
    let answer: Value = serde_json::from_slice(bytes).unwrap_or_default();
    answer["type"].as_str().unwrap_or_default().trim_start_matches("urn:chuky:problem:").to_owned()
}

/// What the service keeps of documents: nothing.
fn kept(test: &TestApp) -> usize {
    std::fs::read_dir(test.app.settings.data_dir.join("documents")).map_or(0, Iterator::count)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_node_prepares_and_another_finishes_every_format() {
    let first = TestApp::start(Backend::Postgres).await;
    let holder = Holder::of(&first).await;
    let second = another_node(&first).await;
    let at = folder("two-step");
    std::fs::write(at.join("letter.xml"), LETTER).unwrap();
    let forms: [(&str, &str, &str, &str); 10] = [
        ("cades", "attached", "B", "letter.xml.p7m"),
        ("cades", "detached", "LT", "letter.xml.p7s"),
        ("xades", "enveloped", "T", "letter.xml"),
        ("xades", "attached", "B", "letter.xml.xades.xml"),
        ("xades", "detached", "LT", "letter.xml.xades.xml"),
        ("jades", "attached", "B", "letter.xml.jades.json"),
        ("jades", "detached", "T", "letter.xml.jades.json"),
        ("asice", "", "LT", "letter.xml.asice"),
        ("asics", "", "T", "letter.xml.asics"),
        ("asice", "", "B", "letter.xml.asice"),
    ];
    for (format, packaging, level, name) in forms {
        let mut more = json!({ "format": format, "level": level });
        if !packaging.is_empty() {
            more["packaging"] = packaging.into();
        }
        let letter = ("letter.xml", "application/xml", LETTER.as_bytes());
        let prepared = holder.prepared(&first, &more, letter).await;
        assert_eq!((&prepared["signed_name"], &prepared["hash"]), (&name.into(), &"sha256".into()), "{prepared}");
        let octets = decode_block(prepared["to_be_signed"].as_str().unwrap()).unwrap();
        let digest = decode_block(prepared["digest"].as_str().unwrap()).unwrap();
        assert_eq!(openssl::sha::sha256(&octets).to_vec(), digest, "{format} {packaging}");
        let (status, signed) = finish(&second, &holder.token, &holder.answer(&prepared), LETTER.as_bytes()).await;
        assert_eq!(status, 200, "{more}: {}", String::from_utf8_lossy(&signed));
        let file = format!("{format}-{packaging}-{level}");
        std::fs::write(at.join(&file), &signed).unwrap();
        let (kind, body) = verification(&signed, (packaging == "detached").then_some(LETTER));
        let (_, report) = second.request("POST", "/api/v1/documents/verify", "", &kind, body).await;
        assert_eq!(
            (&report["integrity"], &report["indication"]),
            (&"intact".into(), &"TOTAL_PASSED".into()),
            "{more}: {report}"
        );
        assert!(report["signatures"][0]["format"].as_str().unwrap().ends_with(&format!("-{level}")), "{report}");
    }
    judged_by_others(&at);
    for (level, name) in [("B", "b.pdf"), ("T", "t.pdf"), ("LT", "lt.pdf")] {
        let (source, look) = match letter_pdf(&first) {
            Some(letter) => (letter, "citizen"),
            None => (plain_pdf(), "invisible"),
        };
        let more = json!({ "level": level, "look": look, "reason": "Đơn đề nghị" });
        let prepared = holder.prepared(&first, &more, ("đơn.pdf", "application/octet-stream", &source)).await;
        let answer = holder.answer(&prepared);
        let (status, signed) = finish(&second, &holder.token, &answer, &source).await;
        assert_eq!(status, 200, "{}", String::from_utf8_lossy(&signed));
        assert!(signed.starts_with(&source), "the document's own octets stay");
        judged_valid(&first, &at, name, &signed, 1).await;
        // The same again, where the answer was lost; at level B it is the same file.
        let (status, again) = finish(&first, &holder.token, &answer, &source).await;
        assert_eq!((status, level != "B" || again == signed), (200, true));
    }
    assert_eq!((kept(&first), kept(&second)), (0, 0), "no document stays");
    let entries = first.sql("SELECT count(*) FROM audit_entry WHERE kind = 'document.signed_elsewhere'");
    assert_eq!(entries.trim().lines().last().map(str::trim), Some("16"));
}

/// A form for the verifier.
fn verification(signed: &[u8], content: Option<&str>) -> (String, Vec<u8>) {
    let mut body = Vec::new();
    for (name, bytes) in [("document", Some(signed)), ("content", content.map(str::as_bytes))] {
        let Some(bytes) = bytes else { continue };
        let head =
            format!("--frontier\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"letter.xml\"\r\n\r\n");
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(bytes);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--frontier--\r\n");
    ("multipart/form-data; boundary=frontier".to_owned(), body)
}

/// openssl and xmlsec1 accept what they can read.
fn judged_by_others(at: &Path) {
    let ran = |line: &str| {
        let said = run(at, &format!("{line} && echo accepted"));
        assert!(said.trim_end().ends_with("accepted"), "{line}: {said}");
    };
    let cms = "openssl cms -verify -binary -inform DER -noverify -out content 2>&1 -in";
    ran(&format!("{cms} cades-attached-B"));
    assert_eq!(std::fs::read_to_string(at.join("content")).unwrap(), LETTER);
    ran(&format!("{cms} cades-detached-LT -content letter.xml"));
    if present("xmlsec1") {
        let properties = "http://uri.etsi.org/01903/v1.3.2#:SignedProperties";
        ran(&format!("xmlsec1 --verify --insecure --id-attr:Id {properties} xades-enveloped-T 2>&1"));
    }
    ran("python3 -m zipfile -t asice--B");
    ran("python3 -m zipfile -t asics--T");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_token_gives_and_what_is_altered() {
    let test = TestApp::sqlite().await;
    let holder = Holder::of(&test).await;
    let source = plain_pdf();
    let pdf = ("đơn.pdf", "application/pdf", source.as_slice());
    let prepared = holder.prepared(&test, &json!({}), pdf).await;
    let answer = holder.answer(&prepared);
    let refused = async |token: &str, request: &Value, document: &[u8]| {
        let (status, bytes) = finish(&test, token, request, document).await;
        (status, problem(&bytes))
    };
    let with = |name: &str, value: Value| {
        let mut request = answer.clone();
        request[name] = value;
        request
    };
    // r‖s, as PKCS #11 has it.
    let value = holder.value(&prepared);
    let raw = [value.r().to_vec_padded(32).unwrap(), value.s().to_vec_padded(32).unwrap()].concat();
    assert_eq!(finish(&test, &holder.token, &with("value", encode_block(&raw).into()), &source).await.0, 200);
    // A continuation that somebody changed, at any place, cut or made up.
    let text = prepared["continuation"].as_str().unwrap();
    for at in [0, 1, text.len() / 2, text.len() - 2] {
        let other = if &text[at..=at] == "A" { "B" } else { "A" };
        let altered = format!("{}{other}{}", &text[..at], &text[at + 1..]);
        let said = refused(&holder.token, &with("continuation", altered.into()), &source).await;
        assert_eq!(said, (422, "continuation_invalid".into()), "{at}");
    }
    for made_up in ["", "AAAA", &text[..text.len() - 8]] {
        let said = refused(&holder.token, &with("continuation", made_up.into()), &source).await;
        assert_eq!(said, (422, "continuation_invalid".into()));
    }
    // Somebody else's account.
    let (_, other) = test.account("nguoi.khac", &[Role::Citizen], None).await;
    assert_eq!(refused(&other, &answer, &source).await, (403, "continuation_of_another".into()));
    // Another document, and one that is longer.
    let longer = [&source[..], b"\n"].concat();
    for document in [LETTER.as_bytes(), &longer, b""] {
        assert_eq!(refused(&holder.token, &answer, document).await, (422, "document_not_prepared".into()));
    }
    // Values: of another key, of another digest, of none.
    let digest = decode_block(prepared["digest"].as_str().unwrap()).unwrap();
    let stranger = EcdsaSig::sign(&digest, &p256().ec_key().unwrap()).unwrap().to_der().unwrap();
    let elsewhere = EcdsaSig::sign(&[7; 32], &holder.key.ec_key().unwrap()).unwrap().to_der().unwrap();
    for value in [stranger, elsewhere, vec![0; 64], vec![1]] {
        let said = refused(&holder.token, &with("value", encode_block(&value).into()), &source).await;
        assert_eq!(said, (409, "key_not_of_certificate".into()));
    }
    for value in ["", "không", &"A".repeat(4_000)] {
        let said = refused(&holder.token, &with("value", value.into()), &source).await;
        assert_eq!(said, (422, "value_malformed".into()));
    }
    // Time: before it was made, and after its hour.
    test.app.clock.jump_seconds(-60);
    assert_eq!(refused(&holder.token, &answer, &source).await, (409, "continuation_expired".into()));
    test.app.clock.jump_seconds(60);
    for _ in 0..3 {
        test.app.clock.shift_seconds(1_180);
        assert_eq!(test.get("/api/v1/session", &holder.token).await.0, 200);
    }
    assert_eq!(finish(&test, &holder.token, &answer, &source).await.0, 200);
    test.app.clock.shift_seconds(120);
    assert_eq!(refused(&holder.token, &answer, &source).await, (409, "continuation_expired".into()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revoked_certificate_signs_nothing_that_was_prepared() {
    let test = TestApp::sqlite().await;
    let holder = Holder::of(&test).await;
    let source = plain_pdf();
    let pdf = ("đơn.pdf", "application/pdf", source.as_slice());
    let prepared = holder.prepared(&test, &json!({}), pdf).await;
    let answer = holder.answer(&prepared);
    let path = format!("/api/v1/certificates/{}/revoke", holder.serial);
    assert_eq!(test.post(&path, &holder.token, &json!({ "reason": "key_compromise" })).await.0, 200);
    let (status, bytes) = finish(&test, &holder.token, &answer, &source).await;
    assert_eq!((status, problem(&bytes)), (409, "certificate_not_usable".into()));
    let (status, answer) = prepare(&test, &holder.token, &holder.order(&json!({})), pdf).await;
    assert_eq!((status, &answer["type"]), (409, &"urn:chuky:problem:certificate_not_usable".into()), "{answer}");
    drop(holder.folder);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_prepared_is_said_before_a_key_is_asked() {
    let test = TestApp::sqlite().await;
    let (_, token) = test.account("mot.nguoi", &[Role::Official], None).await;
    let person = Person::new();
    let pem = |label: &str, key: &PKey<Private>, kind: Kind| {
        String::from_utf8(person.certificate_file(label, key, kind).to_pem().unwrap()).unwrap()
    };
    let key = p256();
    let good = pem("good", &key, Kind::Usual);
    let pdf = plain_pdf();
    let named = ("thư.pdf", "application/pdf", pdf.as_slice());
    for (request, document, status, code) in [
        (json!({ "certificate": "không" }), named, 422, "certificate_unreadable"),
        (json!({ "certificate": "A".repeat(80_000) }), named, 422, "certificate_unreadable"),
        (json!({ "certificate": good, "chain": vec![good.clone(); 9] }), named, 422, "certificate_unreadable"),
        (json!({ "certificate": pem("old", &key, Kind::Expired) }), named, 409, "certificate_not_valid_now"),
        (json!({ "certificate": pem("other", &key, Kind::ForEncryption) }), named, 409, "certificate_not_for_signing"),
        (json!({ "certificate": pem("weak", &rsa(1_024), Kind::Usual) }), named, 422, "key_not_admitted"),
        (json!({ "certificate": good, "scheme": "rsa_pss_sha256" }), named, 422, "scheme_not_of_key"),
        (json!({ "certificate": good, "level": "LT" }), named, 422, "level_not_offered"),
        (json!({ "certificate": good, "level": "LTA" }), named, 422, "level_not_offered"),
        // What a look says is not the signer's to choose.
        (json!({ "certificate": good, "look": "official" }), named, 422, "look_of_another"),
        (json!({ "certificate": good, "look": "seal" }), named, 422, "look_of_another"),
        (json!({ "certificate": good, "sha256": "00".repeat(32) }), named, 409, "document_another"),
        (json!({ "certificate": good, "secrecy": "mat" }), named, 422, "document_secret"),
        (json!({ "certificate": good, "unknown": 1 }), named, 422, "json_invalid"),
        (json!({ "certificate": good }), ("thư.pdf", "application/pdf", b"no PDF"), 422, "document_unsuitable"),
        (json!({ "certificate": good }), ("thư.xml", "application/xml", LETTER.as_bytes()), 422, "not_pdf"),
        (json!({ "certificate": good, "format": "asice", "packaging": "attached" }), named, 422, "packaging_unknown"),
    ] {
        let (found, answer) = prepare(&test, &token, &request, document).await;
        assert_eq!((found, problem(answer.to_string().as_bytes()).as_str()), (status, code), "{answer}");
    }
    // Parts in another order, one alone, one too many.
    let request = "--f\r\nContent-Disposition: form-data; name=\"request\"\r\n\r\n{}\r\n";
    let document = "--f\r\nContent-Disposition: form-data; name=\"document\"\r\n\r\nx\r\n";
    for parts in [vec![document, request], vec![request, document, document], vec![document], vec![]] {
        let body = format!("{}--f--\r\n", parts.concat()).replace("{}", &json!({ "certificate": good }).to_string());
        let (status, answer) =
            test.request("POST", PREPARE, &token, "multipart/form-data; boundary=f", body.into_bytes()).await;
        assert_eq!((status, &answer["type"]), (422, &"urn:chuky:problem:form_parts".into()), "{answer}");
    }
    // An issuer that the service does not trust: nothing is handed out.
    let (status, prepared) = prepare(&test, &token, &json!({ "certificate": good }), named).await;
    assert_eq!(status, 200, "{prepared}");
    let digest = decode_block(prepared["digest"].as_str().unwrap()).unwrap();
    let value = EcdsaSig::sign(&digest, &key.ec_key().unwrap()).unwrap().to_der().unwrap();
    let answer = json!({ "continuation": prepared["continuation"], "value": encode_block(&value) });
    let (status, bytes) = finish(&test, &token, &answer, &pdf).await;
    assert_eq!((status, problem(&bytes)), (409, "signature_does_not_count".into()));
    assert_eq!(kept(&test), 0);
}
