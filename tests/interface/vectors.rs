//! Published vectors through the API: Wycheproof (ECDSA, RSA of both paddings) and RFC 7520 (JOSE), as payments and as documents. What a vector is
//! over is no payment order, so that a good signature shows in its check, and the order is what is refused then. How many of each set are
//! answered how is counted, so that a vector that is skipped is seen.

use crate::{
    harness::{app::TestApp, payer::Authority},
    verification::service::form,
};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD as URL},
};
use chuky::trust::{self, Addition};
use chuky_model::role::Role;
use chuky_pki::{certificate::Certificate, payment::Layout, verify::AnchorPurpose};
use openssl::{bn::BigNum, pkey::PKey, rsa::Rsa};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use wycheproof::{TestResult, ecdsa, rsa_pkcs1_verify, rsa_pss_verify};

/// A service that trusts an authority of the test's own for payments and takes bare signatures.
struct Scene {
    test: TestApp,
    caller: String,
    authority: Authority,
}

impl Scene {
    async fn start() -> Self {
        let layout = "name = \"switch\"\nseparator = \"|\"\ncurrency = \"VND\"\nfields = [{ member = \"id\" }, { member = \"payer\" }, \
            { member = \"payee\" }, { member = \"amount\" }, { member = \"created\" }, { member = \"expires\" }]";
        let layout: Layout = toml::from_str(layout).unwrap();
        let test = TestApp::with(|settings| settings.order_policy.layouts.push(layout)).await;
        let (_, caller) = test.account("doi.tac", &[Role::RelyingParty], None).await;
        let authority = Authority::of_others(&test.app);
        let der = authority.root.certificate.to_der().unwrap();
        let fingerprint = *Certificate::from_der(&der).unwrap().fingerprint();
        let addition = Addition {
            file: &der,
            fingerprint,
            purposes: vec![AnchorPurpose::Payments],
            from: None,
            until: None,
            origin: "TEST".into(),
        };
        trust::add_anchor(&test.app.trust, addition, test.app.clock.now()).unwrap();
        Self { test, caller, authority }
    }

    /// The answers to these lines, in their order.
    async fn answers(&self, lines: &[String]) -> Vec<Value> {
        payments(&self.test, &self.caller, lines).await
    }

    /// One vector as a line: a bare signature with the certificate of its key.
    fn line(&self, certificate: &str, algorithm: &str, (message, signature): (&[u8], &[u8])) -> String {
        json!({ "signature": STANDARD.encode(signature), "content_base64": STANDARD.encode(message), "layout": "switch",
            "algorithm": algorithm, "certificate": certificate })
        .to_string()
    }

    fn certificate(&self, spki: &[u8]) -> String {
        let key = PKey::public_key_from_der(spki).unwrap();
        STANDARD.encode(self.authority.certified(&key, self.test.app.clock.now()).to_der().unwrap())
    }
}

/// The answers to signed payments, in their order, by streams of some hundred lines.
pub async fn payments(test: &TestApp, caller: &str, lines: &[String]) -> Vec<Value> {
    let mut answers = Vec::new();
    for part in lines.chunks(400) {
        let body = (part.join("\n") + "\n").into_bytes();
        let path = "/api/v1/transactions/verify-batch";
        let (status, bytes) = test.raw("POST", path, caller, "application/x-ndjson", body).await;
        assert_eq!(status, 200);
        let text = String::from_utf8(bytes).unwrap();
        answers.extend(text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()));
    }
    assert_eq!(answers.len(), lines.len(), "each line is answered once");
    answers
}

/// The reports on documents, in their order.
pub async fn reports(test: &TestApp, documents: &[Vec<u8>]) -> Vec<Value> {
    let parts: Vec<(&str, &str, &[u8])> =
        documents.iter().map(|document| ("document", "vector", document.as_slice())).collect();
    let (kind, body) = form(&parts);
    let (status, bytes) = test.raw("POST", "/api/v1/documents/verify-batch", "", &kind, body).await;
    assert_eq!(status, 200);
    let text = String::from_utf8(bytes).unwrap();
    let reports: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(reports.len(), documents.len(), "each document is answered once");
    reports
}

/// What an answer comes to: the first reason, and whether the value was found good before.
fn told(answer: &Value) -> String {
    assert_ne!(answer["verdict"], "accepted", "{answer}");
    let value = answer["checks"].as_array().unwrap().iter().find(|check| check["name"] == "signature_value").unwrap();
    let good = if value["outcome"] == "passed" { "value good, " } else { "" };
    format!("{good}{}", answer["reasons"][0].as_str().unwrap())
}

/// A set of vectors: its name, the algorithm that they are sent under, its lines with what the vector says of itself.
struct Set {
    name: String,
    algorithm: &'static str,
    lines: Vec<(TestResult, String)>,
}

macro_rules! set {
    ($scene:expr, $module:ident, $name:ident, $algorithm:literal) => {{
        let mut lines = Vec::new();
        for group in $module::TestSet::load($module::TestName::$name).unwrap().test_groups {
            let certificate = $scene.certificate(&group.der);
            lines.extend(
                group.tests.iter().map(|one| {
                    (one.result, $scene.line(&certificate, $algorithm, (one.msg.as_ref(), one.sig.as_ref())))
                }),
            );
        }
        Set { name: stringify!($name).to_owned(), algorithm: $algorithm, lines }
    }};
}

/// How many of each set say what of themselves and are answered how.
async fn table(scene: &Scene, sets: Vec<Set>) -> Vec<String> {
    let mut rows = Vec::new();
    for Set { name, algorithm, lines } in sets {
        let (results, lines): (Vec<_>, Vec<_>) = lines.into_iter().unzip();
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for (result, answer) in results.iter().zip(scene.answers(&lines).await) {
            *counts.entry(format!("{result:?}: {}", told(&answer))).or_default() += 1;
        }
        rows.extend(counts.into_iter().map(|(what, count)| format!("{name} {algorithm} {count} {what}")));
    }
    rows
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wycheproof_ecdsa_through_the_api() {
    let scene = Scene::start().await;
    let sets = vec![
        set!(scene, ecdsa, EcdsaSecp256r1Sha256, "ES256"),
        set!(scene, ecdsa, EcdsaSecp256r1Sha256P1363, "ES256"),
        set!(scene, ecdsa, EcdsaSecp384r1Sha384, "ES384"),
        set!(scene, ecdsa, EcdsaSecp384r1Sha384P1363, "ES384"),
        // By policy: an algorithm that is not on the list, a curve that is not the algorithm's, one that is too short.
        set!(scene, ecdsa, EcdsaSecp521r1Sha512P1363, "ES512"),
        set!(scene, ecdsa, EcdsaSecp256k1Sha256P1363, "ES256"),
        set!(scene, ecdsa, EcdsaSecp384r1Sha256, "ES256"),
        set!(scene, ecdsa, EcdsaSecp224r1Sha256P1363, "ES256"),
    ];
    assert_eq!(table(&scene, sets).await, ECDSA);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wycheproof_rsa_through_the_api() {
    let scene = Scene::start().await;
    let sets = vec![
        set!(scene, rsa_pkcs1_verify, Rsa2048Sha256, "RS256"),
        set!(scene, rsa_pkcs1_verify, Rsa2048Sha384, "RS384"),
        set!(scene, rsa_pkcs1_verify, Rsa3072Sha512, "RS512"),
        set!(scene, rsa_pkcs1_verify, Rsa4096Sha512, "RS512"),
        set!(scene, rsa_pss_verify, RsaPss2048Sha256Mgf1SaltLen32, "PS256"),
        set!(scene, rsa_pss_verify, RsaPss2048Sha384Mgf1SaltLen48, "PS384"),
        set!(scene, rsa_pss_verify, RsaPss4096Sha512Mgf1SaltLen64, "PS512"),
        // By policy: a salt of another length than the digest's (RFC 7518 §3.5), another mask, another hash than is named.
        set!(scene, rsa_pss_verify, RsaPss2048Sha256Mgf1SaltLen0, "PS256"),
        set!(scene, rsa_pss_verify, RsaPss2048Sha256Mgf1Sha1_20, "PS256"),
        set!(scene, rsa_pkcs1_verify, Rsa2048Sha224, "RS256"),
    ];
    assert_eq!(table(&scene, sets).await, RSA);
}

/// RFC 7520 §3.4: Bilbo's RSA key.
const MODULUS: &str = "n4EPtAOCc9AlkeQHPzHStgAbgs7bTZLwUBZdR8_KuKPEHLd4rHVTeT-O-XV2jRojdNhxJWTDvNd7nqQ0VEiZQHz_AJmSCpMaJMRBSFKrKb2wqVwGU_NsYOYL-QtiWN2lbzcEe6XC0dApr5ydQLrHqkHHig3RBordaZ6Aj-oBHqFEHYpPe7Tpe-OfVfHd1E6cS6M1FZcD1NNLYD5lFHpPI9bTwJlsde3uhGqC0ZCuEHg8lhzwOHrtIQbS0FVbb9k3-tVTU4fg_3L_vniUFAKwuCLqKnS2BYwdq_mzSnbLY7h_qixoR7jig3__kRhuaxwUkRz5iaiQkqgc5gHdrNP5zw";
/// RFC 7520 §4: the payload of every example.
const PAYLOAD: &str = "SXTigJlzIGEgZGFuZ2Vyb3VzIGJ1c2luZXNzLCBGcm9kbywgZ29pbmcgb3V0IHlvdXIgZG9vci4gWW91IHN0ZXAgb250byB0aGUgcm9hZCwgYW5kIGlmIHlvdSBkb24ndCBrZWVwIHlvdXIgZmVldCwgdGhlcmXigJlzIG5vIGtub3dpbmcgd2hlcmUgeW91IG1pZ2h0IGJlIHN3ZXB0IG9mZiB0by4";
/// §4.1 to §4.4: the algorithm, the protected header, the value.
const EXAMPLES: [[&str; 3]; 4] = [
    [
        "RS256",
        "eyJhbGciOiJSUzI1NiIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9",
        "MRjdkly7_-oTPTS3AXP41iQIGKa80A0ZmTuV5MEaHoxnW2e5CZ5NlKtainoFmKZopdHM1O2U4mwzJdQx996ivp83xuglII7PNDi84wnB-BDkoBwA78185hX-Es4JIwmDLJK3lfWRa-XtL0RnltuYv746iYTh_qHRD68BNt1uSNCrUCTJDt5aAE6x8wW1Kt9eRo4QPocSadnHXFxnt8Is9UzpERV0ePPQdLuW3IS_de3xyIrDaLGdjluPxUAhb6L2aXic1U12podGU0KLUQSE_oI-ZnmKJ3F4uOZDnd6QZWJushZ41Axf_fcIe8u9ipH84ogoree7vjbU5y18kDquDg",
    ],
    [
        "PS384",
        "eyJhbGciOiJQUzM4NCIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9",
        "cu22eBqkYDKgIlTpzDXGvaFfz6WGoz7fUDcfT0kkOy42miAh2qyBzk1xEsnk2IpN6-tPid6VrklHkqsGqDqHCdP6O8TTB5dDDItllVo6_1OLPpcbUrhiUSMxbbXUvdvWXzg-UD8biiReQFlfz28zGWVsdiNAUf8ZnyPEgVFn442ZdNqiVJRmBqrYRXe8P_ijQ7p8Vdz0TTrxUeT3lm8d9shnr2lfJT8ImUjvAA2Xez2Mlp8cBE5awDzT0qI0n6uiP1aCN_2_jLAeQTlqRHtfa64QQSUmFAAjVKPbByi7xho0uTOcbH510a6GYmJUAfmWjwZ6oD4ifKo8DYM-X72Eaw",
    ],
    [
        "ES512",
        "eyJhbGciOiJFUzUxMiIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9",
        "AE_R_YZCChjn4791jSQCrdPZCNYqHXCTZH0-JZGYNlaAjP2kqaluUIIUnC9qvbu9Plon7KRTzoNEuT4Va2cmL1eJAQy3mtPBu_u_sDDyYjnAMDxXPn7XrT0lw-kvAD890jl8e2puQens_IEKBpHABlsbEPX6sFY8OcGDqoRuBomu9xQ2",
    ],
    [
        "HS256",
        "eyJhbGciOiJIUzI1NiIsImtpZCI6IjAxOGMwYWU1LTRkOWItNDcxYi1iZmQ2LWVlZjMxNGJjNzAzNyJ9",
        "s0h6KThzkfBBBkLspW1h84VsJZFTsPPqMDA7g1Md7p0",
    ],
];

/// Each example of RFC 7520 §4 in each serialisation. Its key identifier names nobody here; the value itself is good under the key that the RFC gives.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rfc_7520_through_the_api() {
    let scene = Scene::start().await;
    let number = |text: &str| BigNum::from_slice(&URL.decode(text).unwrap()).unwrap();
    let key = PKey::from_rsa(Rsa::from_public_components(number(MODULUS), number("AQAB")).unwrap()).unwrap();
    let certificate = scene.certificate(&key.public_key_to_der().unwrap());
    let (mut lines, mut wanted, mut documents) = (Vec::new(), Vec::new(), Vec::new());
    for [algorithm, protected, value] in EXAMPLES {
        let known = ["RS256", "PS384"].contains(&algorithm);
        let nobody = if known { "certificate_unknown" } else { "algorithm_not_allowed" };
        let mut add = |line: String, code: &str| {
            lines.push(line);
            wanted.push(format!("{algorithm} {code}"));
        };
        let one = json!({ "protected": protected, "signature": value });
        let compact = format!("{protected}.{PAYLOAD}.{value}");
        let flat = json!({ "payload": PAYLOAD, "protected": protected, "signature": value });
        add(compact.clone(), nobody);
        add(flat.to_string(), nobody);
        add(json!({ "payload": PAYLOAD, "signatures": [one] }).to_string(), nobody);
        // §4.5: the payload travels apart.
        let content = String::from_utf8(URL.decode(PAYLOAD).unwrap()).unwrap();
        add(json!({ "signature": format!("{protected}..{value}"), "content": content }).to_string(), nobody);
        add(json!({ "signature": one, "content": content }).to_string(), nobody);
        add(format!("{protected}..{value}"), "content_missing");
        // §4.6 and §4.7: what decides must be protected.
        let header = json!({ "kid": "bilbo.baggins@hobbiton.example" });
        let mut beside = flat.clone();
        beside["header"] = header.clone();
        add(beside.to_string(), "malformed");
        add(json!({ "payload": PAYLOAD, "header": header, "signature": value }).to_string(), "malformed");
        // §4.8: several signatures.
        add(json!({ "payload": PAYLOAD, "signatures": [one, one, one] }).to_string(), "several_signatures");
        // The value alone.
        let (input, octets) = (format!("{protected}.{PAYLOAD}"), URL.decode(value).unwrap());
        let bare = |input: &str| scene.line(&certificate, algorithm, (input.as_bytes(), &octets));
        let (good, bad) = if known { ("value good, order_malformed", "signature_invalid") } else { (nobody, nobody) };
        add(bare(&input), good);
        add(bare(&input.replace("SXT", "SXU")), bad);
        documents.extend([compact.clone(), flat.to_string(), compact.replace("SXT", "SXU")].map(String::into_bytes));
    }
    let answers = scene.answers(&lines).await;
    for ((line, answer), wanted) in lines.iter().zip(&answers).zip(&wanted) {
        let algorithm = wanted.split(' ').next().unwrap();
        assert_eq!(&format!("{algorithm} {}", told(answer)), wanted, "{line}: {answer}");
    }
    assert_eq!(lines.len(), 44);
    // As documents: nothing says whose key it was, so nothing is said to be intact.
    let found: Vec<String> = reports(&scene.test, &documents)
        .await
        .iter()
        .map(|report| {
            format!(
                "{} {} {}",
                report["indication"].as_str().unwrap(),
                report["sub_indication"].as_str().unwrap_or("-"),
                report["integrity"].as_str().unwrap()
            )
        })
        .collect();
    assert_eq!(found, AS_DOCUMENTS);
}

/// `too_large`: values longer than any signature. The others of a set are refused by policy, whatever they are.
const ECDSA: &[&str] = &[
    "EcdsaSecp256r1Sha256 ES256 307 Invalid: signature_invalid",
    "EcdsaSecp256r1Sha256 ES256 3 Invalid: too_large",
    "EcdsaSecp256r1Sha256 ES256 174 Valid: value good, order_malformed",
    "EcdsaSecp256r1Sha256P1363 ES256 89 Invalid: signature_invalid",
    "EcdsaSecp256r1Sha256P1363 ES256 173 Valid: value good, order_malformed",
    "EcdsaSecp384r1Sha384 ES384 307 Invalid: signature_invalid",
    "EcdsaSecp384r1Sha384 ES384 3 Invalid: too_large",
    "EcdsaSecp384r1Sha384 ES384 194 Valid: value good, order_malformed",
    "EcdsaSecp384r1Sha384P1363 ES384 87 Invalid: signature_invalid",
    "EcdsaSecp384r1Sha384P1363 ES384 193 Valid: value good, order_malformed",
    "EcdsaSecp521r1Sha512P1363 ES512 87 Invalid: algorithm_not_allowed",
    "EcdsaSecp521r1Sha512P1363 ES512 231 Valid: algorithm_not_allowed",
    "EcdsaSecp256k1Sha256P1363 ES256 85 Invalid: algorithm_does_not_fit_key",
    "EcdsaSecp256k1Sha256P1363 ES256 167 Valid: algorithm_does_not_fit_key",
    "EcdsaSecp384r1Sha256 ES256 307 Invalid: algorithm_does_not_fit_key",
    "EcdsaSecp384r1Sha256 ES256 3 Invalid: too_large",
    "EcdsaSecp384r1Sha256 ES256 162 Valid: algorithm_does_not_fit_key",
    "EcdsaSecp224r1Sha256P1363 ES256 87 Invalid: key_too_weak",
    "EcdsaSecp224r1Sha256P1363 ES256 171 Valid: key_too_weak",
];
/// The acceptable ones lack the NULL of the digest's algorithm (RFC 8017, A.2.4). Among the sets that policy refuses is one vector each that breaks the
/// set's own rule and keeps JWS's: a salt as long as the digest, and SHA-256.
const RSA: &[&str] = &[
    "Rsa2048Sha256 RS256 1 Acceptable: value good, order_malformed",
    "Rsa2048Sha256 RS256 249 Invalid: signature_invalid",
    "Rsa2048Sha256 RS256 9 Valid: value good, order_malformed",
    "Rsa2048Sha384 RS384 1 Acceptable: value good, order_malformed",
    "Rsa2048Sha384 RS384 250 Invalid: signature_invalid",
    "Rsa2048Sha384 RS384 7 Valid: value good, order_malformed",
    "Rsa3072Sha512 RS512 1 Acceptable: value good, order_malformed",
    "Rsa3072Sha512 RS512 251 Invalid: signature_invalid",
    "Rsa3072Sha512 RS512 8 Valid: value good, order_malformed",
    "Rsa4096Sha512 RS512 1 Acceptable: value good, order_malformed",
    "Rsa4096Sha512 RS512 251 Invalid: signature_invalid",
    "Rsa4096Sha512 RS512 7 Valid: value good, order_malformed",
    "RsaPss2048Sha256Mgf1SaltLen32 PS256 45 Invalid: signature_invalid",
    "RsaPss2048Sha256Mgf1SaltLen32 PS256 63 Valid: value good, order_malformed",
    "RsaPss2048Sha384Mgf1SaltLen48 PS384 46 Invalid: signature_invalid",
    "RsaPss2048Sha384Mgf1SaltLen48 PS384 95 Valid: value good, order_malformed",
    "RsaPss4096Sha512Mgf1SaltLen64 PS512 47 Invalid: signature_invalid",
    "RsaPss4096Sha512Mgf1SaltLen64 PS512 132 Valid: value good, order_malformed",
    "RsaPss2048Sha256Mgf1SaltLen0 PS256 41 Invalid: signature_invalid",
    "RsaPss2048Sha256Mgf1SaltLen0 PS256 1 Invalid: value good, order_malformed",
    "RsaPss2048Sha256Mgf1SaltLen0 PS256 61 Valid: signature_invalid",
    "RsaPss2048Sha256Mgf1Sha1_20 PS256 45 Invalid: signature_invalid",
    "RsaPss2048Sha256Mgf1Sha1_20 PS256 63 Valid: signature_invalid",
    "Rsa2048Sha224 RS256 1 Acceptable: signature_invalid",
    "Rsa2048Sha224 RS256 249 Invalid: signature_invalid",
    "Rsa2048Sha224 RS256 1 Invalid: value good, order_malformed",
    "Rsa2048Sha224 RS256 7 Valid: signature_invalid",
];
const AS_DOCUMENTS: &[&str] = &[
    "INDETERMINATE NO_SIGNING_CERTIFICATE_FOUND unknown",
    "INDETERMINATE NO_SIGNING_CERTIFICATE_FOUND unknown",
    "INDETERMINATE NO_SIGNING_CERTIFICATE_FOUND unknown",
    "INDETERMINATE NO_SIGNING_CERTIFICATE_FOUND unknown",
    "INDETERMINATE NO_SIGNING_CERTIFICATE_FOUND unknown",
    "INDETERMINATE NO_SIGNING_CERTIFICATE_FOUND unknown",
    "INDETERMINATE NO_SIGNING_CERTIFICATE_FOUND unknown",
    "INDETERMINATE NO_SIGNING_CERTIFICATE_FOUND unknown",
    "INDETERMINATE NO_SIGNING_CERTIFICATE_FOUND unknown",
    "TOTAL_FAILED FORMAT_FAILURE broken",
    "TOTAL_FAILED FORMAT_FAILURE broken",
    "TOTAL_FAILED FORMAT_FAILURE broken",
];
