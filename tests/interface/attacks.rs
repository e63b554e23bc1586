//! Attacks that are known by name, sent to the API: each is refused for its own reason. What they do to the verifier itself is tried in `pki/tests`;
//! here it is what a caller is told.

use super::vectors::{payments, reports};
use crate::{
    harness::{
        app::{Backend, TestApp},
        payer::{Authority, Payer, p256, rsa},
    },
    payment_forms::{pacs_008, signed_xml_over},
    payments::{Scene, scene},
};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD as URL},
};
use chuky_pki::crypto::ecdsa_der_to_raw;
use openssl::{hash::MessageDigest, pkey::PKey, rsa::Rsa, sign::Signer};
use serde_json::{Value, json};

/// A line and the code that it is refused with.
type Case = (String, &'static str);

/// A message with whatever header and payload, rightly signed with ES256. `CHAIN` stands for the payer's certificate.
fn crafted(payer: &Payer, header: &str, payload: &[u8]) -> String {
    let header = header.replace("CHAIN", &STANDARD.encode(payer.holder.certificate.to_der().unwrap()));
    let input = format!("{}.{}", URL.encode(header), URL.encode(payload));
    let value = Signer::new(MessageDigest::sha256(), &payer.holder.key).unwrap();
    let value = { value }.sign_oneshot_to_vec(input.as_bytes()).unwrap();
    format!("{input}.{}", URL.encode(ecdsa_der_to_raw(&value, 32).unwrap()))
}

async fn refused(test: &TestApp, caller: &str, cases: &[Case]) {
    let lines: Vec<String> = cases.iter().map(|(line, _)| line.clone()).collect();
    let mut wrong = Vec::new();
    for ((line, code), answer) in cases.iter().zip(payments(test, caller, &lines).await) {
        let told = (&answer["reasons"][0], &answer["verdict"], &answer["seen"]);
        if told != (&json!(code), &json!("rejected"), &json!("not_consumed")) {
            let line: String = line.chars().take(400).collect();
            wrong.push(format!("{code}: {told:?} {} {line}", answer["checks"]));
        }
        let said = &answer["message"];
        assert!(said["vi"].is_string() && said["en"].is_string() && said["vi"] != said["en"], "{answer}");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(test.sql("SELECT COUNT(*) FROM payment_identity"), "0");
}

/// Algorithm confusion, `none`, `crit`, `b64`, keys that a message brings along, members twice, and names that look alike.
const HEADERS: &[(&str, &str)] = &[
    (r#"{"alg":"none","x5c":["CHAIN"]}"#, "algorithm_not_allowed"),
    (r#"{"alg":"None","x5c":["CHAIN"]}"#, "algorithm_not_allowed"),
    (r#"{"alg":"nonE"}"#, "algorithm_not_allowed"),
    (r#"{"alg":"","x5c":["CHAIN"]}"#, "algorithm_not_allowed"),
    (r#"{"alg":"HS256","x5c":["CHAIN"]}"#, "algorithm_not_allowed"),
    (r#"{"alg":"EdDSA","x5c":["CHAIN"]}"#, "algorithm_not_allowed"),
    (r#"{"alg":"ES256K","x5c":["CHAIN"]}"#, "algorithm_not_allowed"),
    (r#"{"alg":"es256","x5c":["CHAIN"]}"#, "algorithm_not_allowed"),
    (r#"{"alg":"\uff25S256","x5c":["CHAIN"]}"#, "algorithm_not_allowed"),
    (r#"{"alg":"ES256\u0000","x5c":["CHAIN"]}"#, "algorithm_not_allowed"),
    (r#"{"alg":"ES\u200b256","x5c":["CHAIN"]}"#, "algorithm_not_allowed"),
    (r#"{"alg":["ES256"],"x5c":["CHAIN"]}"#, "malformed"),
    (r#"{"x5c":["CHAIN"]}"#, "malformed"),
    (r#"{"alg":"RS256","x5c":["CHAIN"]}"#, "algorithm_does_not_fit_key"),
    (r#"{"alg":"PS256","x5c":["CHAIN"]}"#, "algorithm_does_not_fit_key"),
    (r#"{"alg":"ES384","x5c":["CHAIN"]}"#, "algorithm_does_not_fit_key"),
    (r#"{"alg":"ES256","alg":"none","x5c":["CHAIN"]}"#, "duplicate_member"),
    (r#"{"alg":"none","alg":"ES256","x5c":["CHAIN"]}"#, "duplicate_member"),
    (r#"{"alg":"ES256","\u0061lg":"none","x5c":["CHAIN"]}"#, "duplicate_member"),
    (r#"{"alg":"ES256","x5c":["CHAIN"],"x5c":["AAAA"]}"#, "duplicate_member"),
    (r#"{"alg":"ES256","crit":["exp"],"exp":1,"x5c":["CHAIN"]}"#, "unknown_critical"),
    (
        r#"{"alg":"ES256","crit":["http://example.test/x"],"http://example.test/x":1,"x5c":["CHAIN"]}"#,
        "unknown_critical",
    ),
    (r#"{"alg":"ES256","crit":[],"x5c":["CHAIN"]}"#, "malformed"),
    (r#"{"alg":"ES256","crit":"b64","b64":true,"x5c":["CHAIN"]}"#, "malformed"),
    (r#"{"alg":"ES256","crit":["alg"],"x5c":["CHAIN"]}"#, "malformed"),
    (r#"{"alg":"ES256","crit":["b64"],"x5c":["CHAIN"]}"#, "malformed"),
    (r#"{"alg":"ES256","crit":["b64","b64"],"b64":true,"x5c":["CHAIN"]}"#, "malformed"),
    (r#"{"alg":"ES256","b64":false,"x5c":["CHAIN"]}"#, "malformed"),
    (r#"{"alg":"ES256","b64":"false","crit":["b64"],"x5c":["CHAIN"]}"#, "malformed"),
    (r#"{"alg":"ES256","b64":0,"crit":["b64"],"x5c":["CHAIN"]}"#, "malformed"),
    // The payload is encoded, and the header says that it is not: what would be read then is no order.
    (r#"{"alg":"ES256","b64":false,"crit":["b64"],"x5c":["CHAIN"]}"#, "order_malformed"),
    (r#"{"alg":"ES256","jwk":{"kty":"EC","crv":"P-256"},"x5c":["CHAIN"]}"#, "embedded_key"),
    (r#"{"alg":"ES256","jwk":{"kty":"EC","crv":"P-256"}}"#, "embedded_key"),
    (r#"{"alg":"ES256","jku":"https://example.test/keys","x5c":["CHAIN"]}"#, "embedded_key"),
    (r#"{"alg":"ES256","x5u":"https://example.test/chain","x5c":["CHAIN"]}"#, "embedded_key"),
    (r#"{"alg":"ES256"}"#, "certificate_missing"),
    (r#"{"alg":"ES256","x5c":[]}"#, "malformed"),
    (r#"{"alg":"ES256","x5c":"CHAIN"}"#, "malformed"),
    (r#"{"alg":"ES256","x5c":["AAAA"]}"#, "certificate_malformed"),
    (
        r#"{"alg":"ES256","x5t#S256":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA","x5c":["CHAIN"]}"#,
        "certificate_mismatch",
    ),
    ("[]", "malformed"),
    ("", "malformed"),
    ("\u{feff}{\"alg\":\"ES256\",\"x5c\":[\"CHAIN\"]}", "malformed"),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn headers_that_mislead_are_refused_each_for_its_reason() {
    let Scene { test, provider, payer } = scene(Backend::Sqlite).await;
    let order = payer.order(&test.app, "INV-1").to_string();
    let mut cases: Vec<Case> =
        HEADERS.iter().map(|(header, code)| (crafted(&payer, header, order.as_bytes()), *code)).collect();
    // The public key as an HMAC's secret.
    let header = json!({ "alg": "HS256", "x5c": [STANDARD.encode(payer.holder.certificate.to_der().unwrap())] });
    let input = format!("{}.{}", URL.encode(header.to_string()), URL.encode(&order));
    for secret in [payer.holder.key.public_key_to_pem().unwrap(), payer.holder.key.public_key_to_der().unwrap()] {
        let mut mac = Signer::new(MessageDigest::sha256(), &PKey::hmac(&secret).unwrap()).unwrap();
        let mac = mac.sign_oneshot_to_vec(input.as_bytes()).unwrap();
        cases.push((format!("{input}.{}", URL.encode(mac)), "algorithm_not_allowed"));
    }
    // Signed by one, and the certificate of another beside it.
    let other = Authority::of_others(&test.app).stranger(&test.app);
    let theirs = STANDARD.encode(other.holder.certificate.to_der().unwrap());
    let header = format!(r#"{{"alg":"ES256","x5c":["{theirs}"]}}"#);
    cases.push((crafted(&payer, &header, order.as_bytes()), "signature_invalid"));
    let ours = STANDARD.encode(payer.holder.certificate.to_der().unwrap());
    let header = format!(r#"{{"alg":"ES256","x5c":["{ours}"]}}"#);
    cases.push((crafted(&other, &header, order.as_bytes()), "signature_invalid"));
    let header = format!(r#"{{"alg":"ES256","x5c":["{theirs}","{ours}"]}}"#);
    cases.push((crafted(&payer, &header, order.as_bytes()), "signature_invalid"));
    refused(&test, &provider, &cases).await;
    assert_eq!(cases.len(), 48);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn spellings_that_readers_see_differently_are_refused() {
    let Scene { test, provider, payer } = scene(Backend::Sqlite).await;
    let order = payer.order(&test.app, "INV-1");
    let compact = payer.sign(&order);
    let parts: Vec<&str> = compact.split('.').collect();
    let [protected, payload, value] = parts[..] else { panic!("three parts") };
    let flat = json!({ "payload": payload, "protected": protected, "signature": value });
    let with = |name: &str, member: Value| {
        let mut flat = flat.clone();
        flat[name] = member;
        flat.to_string()
    };
    let one = json!({ "protected": protected, "signature": value });
    let zeros = |count: usize| URL.encode(vec![0; count]);
    let cases: Vec<Case> = vec![
        (with("header", json!({ "alg": "none" })), "malformed"),
        (with("header", json!({ "x5c": [] })), "malformed"),
        (with("Payload", json!("e30")), "malformed"),
        (with("\u{ff50}ayload", json!(1)).replace("\u{ff50}", "\\u0070"), "duplicate_member"),
        (with("signatures", json!([one])), "malformed"),
        (json!({ "payload": payload, "signatures": [one, one] }).to_string(), "several_signatures"),
        (json!({ "payload": payload, "signatures": [] }).to_string(), "malformed"),
        (flat.to_string().replacen('{', "{\"payload\":\"e30\",", 1), "duplicate_member"),
        (format!("{protected}..{value}"), "content_missing"),
        (format!("{protected}.{payload}."), "signature_invalid"),
        (format!("{protected}.{payload}"), "malformed"),
        (format!(".{payload}.{value}"), "malformed"),
        (format!("{compact}."), "malformed"),
        (format!("{compact}="), "malformed"),
        (format!("{compact}.{value}"), "malformed"),
        (format!("{protected}.{payload}=.{value}"), "signature_invalid"),
        // ECDSA values that are none: r and s zero, too short, too long, and of the order's size.
        (format!("{protected}.{payload}.{}", zeros(64)), "signature_invalid"),
        (format!("{protected}.{payload}.{}", zeros(63)), "signature_invalid"),
        (format!("{protected}.{payload}.{}", zeros(65)), "signature_invalid"),
        (format!("{protected}.{payload}.{}", URL.encode([0xff; 64])), "signature_invalid"),
        ("a".repeat(70_000), "too_large"),
        ("[".repeat(60_000), "malformed"),
        (format!("{{\"payload\":{}", "[".repeat(60_000)), "too_large"),
    ];
    refused(&test, &provider, &cases).await;
    assert_eq!(cases.len(), 23);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn numbers_members_and_letters_that_readers_see_differently_are_refused() {
    let Scene { test, provider, payer } = scene(Backend::Sqlite).await;
    let order = payer.order(&test.app, "INV-1");
    let mut cases: Vec<Case> = Vec::new();
    let signed = |payload: &str| crafted(&payer, r#"{"alg":"ES256","x5c":["CHAIN"]}"#, payload.as_bytes());
    let text = order.to_string();
    cases.push((signed(&text.replace(":150000", ":9007199254740992")), "amount_too_large"));
    for number in ["150000.0", "15e4", "-0", "0", "-150000", "99999999999999999999999999"] {
        cases.push((signed(&text.replace(":150000", &format!(":{number}"))), "amount_invalid"));
    }
    for number in ["1e400", "0x10", "NaN", "1_000", "\u{661}", "+1", "01", "1.", ".5", "Infinity"] {
        cases.push((signed(&text.replace(":150000", &format!(":{number}"))), "order_malformed"));
    }
    let member = |text: &str, code| (signed(&order.to_string().replacen('{', &format!("{{{text},"), 1)), code);
    cases.extend([
        member(r#""amount":1"#, "order_duplicate_member"),
        member(r#""\u0061mount":1"#, "order_duplicate_member"),
        member(r#""payee":"MST:0999999999""#, "order_duplicate_member"),
        member(r#""Amount":1"#, "order_malformed"),
        member(r#""amount\u0000":1"#, "order_malformed"),
    ]);
    // Letters that look alike, or that nobody sees, name somebody else or nobody.
    for (was, is, code) in [
        ("CCCD:001190012345", "CCCD:00119001234\u{665}", "payer_mismatch"),
        ("CCCD:001190012345", "\u{421}CCD:001190012345", "payer_mismatch"),
        ("CCCD:001190012345", "CCCD:001190012345\u{200b}", "payer_mismatch"),
        ("INV-1", "INV-1\u{202e}", "id_invalid"),
        ("INV-1", "INV-\u{0}1", "id_invalid"),
    ] {
        let mut changed = order.clone();
        for name in ["id", "payer"] {
            if changed[name] == was {
                changed[name] = is.into();
            }
        }
        assert_ne!(changed, order);
        cases.push((signed(&changed.to_string()), code));
    }
    refused(&test, &provider, &cases).await;
    assert_eq!(cases.len(), 27);
}

/// A certificate whose point lies on no curve, a short key, and a key of another kind than the algorithm's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_that_are_none_are_refused() {
    let test = TestApp::sqlite().await;
    let provider = crate::payments::key_of(&test, "vi.dien.tu", chuky_model::role::Role::PaymentProvider).await;
    let authority = Authority::enter(&test.app).await;
    let payer = authority.payer(&test.app, p256()).await;
    let order = payer.order(&test.app, "INV-1").to_string();
    let mut der = payer.holder.certificate.to_der().unwrap();
    let point = payer.holder.key.public_key_to_der().unwrap();
    let at = der.windows(33).position(|part| part == &point[point.len() - 33..]).unwrap();
    der[at + 32] ^= 1;
    let header = |der: &[u8], algorithm: &str| json!({ "alg": algorithm, "x5c": [STANDARD.encode(der)] }).to_string();
    let off_the_curve = crafted(&payer, &header(&der, "ES256"), order.as_bytes());
    // At infinity: a single zero where the point stands.
    let mut infinite = payer.holder.certificate.to_der().unwrap();
    let start = infinite.windows(3).position(|part| part == [0x42, 0x00, 0x04]).unwrap() + 2;
    infinite[start..start + 65].fill(0);
    let infinite = crafted(&payer, &header(&infinite, "ES256"), order.as_bytes());
    let certified =
        |key: &PKey<openssl::pkey::Private>| authority.certified(key, test.app.clock.now()).to_der().unwrap();
    let short = certified(&PKey::from_rsa(Rsa::generate(1024).unwrap()).unwrap());
    let short = crafted(&payer, &header(&short, "RS256"), order.as_bytes());
    let other = crafted(&payer, &header(&certified(&rsa()), "ES256"), order.as_bytes());
    let cases = [
        (off_the_curve, "certificate_malformed"),
        (infinite, "certificate_malformed"),
        (short, "key_too_weak"),
        (other, "algorithm_does_not_fit_key"),
    ];
    refused(&test, &provider, &cases).await;
}

/// A signed message kept where nobody looks while another stands in its place, and other ways to have a signature cover something else: as a
/// payment, and as a document.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrapped_messages_are_refused_as_payments_and_altered_as_documents() {
    let Scene { test, provider, payer } = scene(Backend::Sqlite).await;
    let mut order = payer.order(&test.app, "INV-1");
    let genuine = pacs_008(&order).replacen("<Document ", "<Document Id=\"order\" ", 1);
    let signed = signed_xml_over(&payer, &genuine, "#order");
    let body = signed.split_once("?>").map_or(signed.as_str(), |(_, rest)| rest).trim();
    let end = "</ds:Signature>";
    let signature = &body[body.find("<ds:Signature").unwrap()..body.find(end).unwrap() + end.len()];
    let bare = body.replace(signature, "");
    order["amount"] = 950_000.into();
    let other = pacs_008(&order);
    let inside = |message: &str, signature: &str| message.replace("</Document>", &format!("{signature}</Document>"));
    let object = signature.replace(end, &format!("<ds:Object>{bare}</ds:Object>{end}"));
    let cases = [
        (format!("<Message>{other}{body}</Message>"), "several_transactions", "FORMAT_FAILURE altered"),
        (format!("<Message>{body}{other}</Message>"), "several_transactions", "FORMAT_FAILURE altered"),
        (inside(&other, &object), "several_transactions", "HASH_FAILURE broken"),
        // An identifier that no attribute of the known names has may be one by a schema that is not at hand.
        (inside(&other, signature), "content_not_signed", "CRYPTO_CONSTRAINTS_FAILURE_NO_POE unknown"),
        (
            inside(&other, signature).replace("</FIToFICstmrCdtTrf>", "<Keep Id=\"order\"/></FIToFICstmrCdtTrf>"),
            "content_altered",
            "HASH_FAILURE broken",
        ),
        (format!("<Message>{body}<x Id=\"order\"/></Message>"), "malformed", "HASH_FAILURE broken"),
        (
            format!("<Message><Rest Id=\"order\"/>{}</Message>", inside(&other, signature)),
            "content_altered",
            "HASH_FAILURE broken",
        ),
        (body.replace(signature, &format!("{signature}{signature}")), "several_signatures", "HASH_FAILURE broken"),
        (bare.clone(), "malformed", "- none"),
        (body.replace("150000", "950000"), "content_altered", "HASH_FAILURE broken"),
        (body.replace("xmldsig#enveloped-signature", "xmldsig#base64"), "signature_invalid", "HASH_FAILURE broken"),
        (
            body.replace("more#ecdsa-sha256", "more#hmac-sha256"),
            "algorithm_not_allowed",
            "CRYPTO_CONSTRAINTS_FAILURE_NO_POE unknown",
        ),
        (
            body.replace("more#ecdsa-sha256", "more#rsa-sha256"),
            "algorithm_does_not_fit_key",
            "SIG_CRYPTO_FAILURE broken",
        ),
        (format!("<!DOCTYPE Document [<!ENTITY a \"1\">]>{body}"), "malformed", "POLICY_PROCESSING_ERROR unknown"),
        (
            format!("<!DOCTYPE Document SYSTEM \"file:///etc/passwd\">{body}"),
            "malformed",
            "POLICY_PROCESSING_ERROR unknown",
        ),
    ];
    let lines: Vec<Case> =
        cases.iter().map(|(message, code, _)| (serde_json::to_string(message).unwrap(), *code)).collect();
    refused(&test, &provider, &lines).await;
    let documents: Vec<Vec<u8>> = std::iter::once(body.to_owned())
        .chain(cases.iter().map(|(message, ..)| message.clone()))
        .map(String::into_bytes)
        .collect();
    // Of a service that knows nothing of the signer: what the bytes prove is the same to everybody.
    let found = reports(&TestApp::sqlite().await, &documents).await;
    assert_eq!((found.len(), &found[0]["integrity"]), (16, &"intact".into()), "{}", found[0]);
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    for (report, (message, _, wanted)) in found[1..].iter().zip(&cases) {
        let told = format!("{} {}", text(&report["sub_indication"]), text(&report["integrity"]));
        assert_eq!((told.as_str(), report["indication"] == "TOTAL_PASSED"), (*wanted, false), "{message}: {report}");
    }
}
