//! Certificates for keys on tokens that people own: PKCS #10 requests that OpenSSL makes, good and bad, against the running service.

use super::{PASSWORD, approved, citizen, fetch, official, roll_over::ISSUING, run};
use crate::{harness::app::TestApp, signing::service::chuky};
use chuky::issuance::ceremony;
use openssl::{
    bn::{BigNum, BigNumContext, BigNumRef, MsbOption},
    pkey::PKey,
    rsa::Rsa,
};
use serde_json::{Value, json};
use std::{fs, path::Path};

const OWN_KEY: &str = "/api/v1/activations/own-key";

/// Makes a key and a request with OpenSSL; the request as PEM.
pub fn request(at: &Path, key: &str, further: &str) -> String {
    // With a subject on its line the command leaves the attributes of its configuration out.
    let subject = if further.contains("-config") { "" } else { "-subj /CN=Whoever" };
    let line = format!("openssl req -new {key} -nodes -keyout key.pem -out request.pem {subject} {further}");
    let text = run(at, &format!("rm -f request.pem; {line}"));
    fs::read_to_string(at.join("request.pem")).unwrap_or_else(|_| panic!("{text}"))
}

pub const P256: &str = "-newkey ec -pkeyopt ec_paramgen_curve:P-256";

fn body(code: &str, login: &str, request: &str) -> Value {
    json!({ "code": code, "login": login, "password": PASSWORD, "request": request })
}

/// A certificate for a key of the subscriber's own; the key lies in `key.pem`.
pub async fn issued_for_own_key(test: &TestApp, at: &Path) -> Value {
    let (_, code) = approved(test, "gianhang", &citizen()).await;
    let (status, receipt) = test.redeem("", &body(&code, "own.key", &request(at, P256, ""))).await;
    assert_eq!(status, 201, "{receipt}");
    receipt
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_of_ones_own_is_certified_once() {
    let test = TestApp::sqlite().await;
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let (_, code) = approved(&test, "gianhang", &citizen()).await;
    let wanted = "-addext keyUsage=keyCertSign -addext subjectAltName=DNS:ca.example";
    let pem = request(at, P256, wanted);
    let (status, receipt) = test.redeem("", &body(&code, "own.key", &pem)).await;
    assert_eq!(status, 201, "{receipt}");
    // What was approved, not what was asked for; and what was not taken over is said.
    assert_eq!(receipt["common_name"], "Nguyễn Thị Hồng Ưởng");
    assert_eq!(receipt["notices"].as_array().unwrap().len(), 3, "{receipt}");
    fetch(&test, at, "citizens", &receipt).await;
    assert_eq!(
        run(at, "openssl verify -x509_strict -CAfile root.pem -untrusted issuing.pem subscriber.pem"),
        "subscriber.pem: OK\n"
    );
    let text = run(at, "openssl x509 -in subscriber.pem -noout -text");
    assert!(!text.contains("Certificate Sign") && !text.contains("ca.example"), "{text}");
    assert_eq!(run(at, "openssl x509 -in subscriber.pem -noout -pubkey"), run(at, "openssl pkey -in key.pem -pubout"));
    // There is a certificate and an account, and no credential.
    assert_eq!(test.sql("SELECT count(*) FROM credential").trim().lines().last(), Some("0"));
    let (status, session) =
        test.post("/api/v1/session", "", &json!({ "login": "own.key", "password": PASSWORD })).await;
    assert_eq!(status, 200, "{session}");
    // The code is used up, and the key was seen: by this subscriber, and by any other.
    assert_eq!(test.redeem("", &body(&code, "own.key", &pem)).await.0, 422);
    let (_, other) = approved(&test, "dangky", &official()).await;
    let (status, answer) = test.redeem("", &body(&other, "other", &pem)).await;
    assert_eq!((status, answer["type"].as_str()), (409, Some("urn:chuky:problem:key_seen")), "{answer}");
    // The holder revokes it.
    let path = format!("/api/v1/certificates/{}/revoke", receipt["serial"].as_str().unwrap());
    let token = session["token"].as_str().unwrap();
    assert_eq!(test.post(&path, token, &json!({ "reason": "key_compromise" })).await.0, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_answer_is_given_again() {
    let test = TestApp::sqlite().await;
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let (_, code) = approved(&test, "gianhang", &citizen()).await;
    let (pem, other) = (request(at, P256, ""), request(at, P256, ""));
    let send = async |pem: &str, key: &str| {
        let headers = vec![("content-type", "application/json".to_owned()), ("idempotency-key", key.to_owned())];
        let body = test.agreed("", &body(&code, "own.key", pem)).await.to_string().into_bytes();
        let (status, headers, bytes) = test.exchange("POST", OWN_KEY, headers, body).await;
        let replayed = headers.contains_key("idempotency-replayed");
        (status, replayed, serde_json::from_slice::<Value>(&bytes).unwrap())
    };
    let key = "0123456789abcdef0123456789abcdef";
    assert_eq!(send(&pem, "short").await.2["type"], "urn:chuky:problem:idempotency_key_form");
    let (status, replayed, receipt) = send(&pem, key).await;
    assert_eq!((status, replayed), (201, false), "{receipt}");
    let (status, replayed, again) = send(&pem, key).await;
    assert_eq!((status, replayed), (201, true), "{again}");
    assert_eq!(again, receipt);
    // Issuing has moved meanwhile: the chain is the certificate's.
    ceremony::roll_over(&test.app, ISSUING).await.unwrap();
    ceremony::activate(&test.app, "citizens-issuing-2").await.unwrap();
    assert_eq!(send(&pem, key).await.2, receipt);
    // With another key it is another request; with another receipt key, or none, a used code.
    let (status, _, answer) = send(&other, key).await;
    assert_eq!((status, answer["type"].as_str()), (409, Some("urn:chuky:problem:idempotency_key_reused")), "{answer}");
    assert_eq!(send(&pem, "fedcba9876543210fedcba9876543210").await.0, 422);
    assert_eq!(test.sql("SELECT count(*) FROM certificate").trim().lines().last(), Some("1"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn weak_keys_and_requests_without_proof_are_refused() {
    let test = TestApp::sqlite().await;
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let (id, code) = approved(&test, "gianhang", &citizen()).await;
    let good = request(at, P256, "");
    let cut = good.replace("-----END", "AAAA-----END");
    let mut spoiled = run(at, "openssl req -in request.pem -outform DER -out request.der; base64 -w0 request.der");
    spoiled.truncate(spoiled.trim_end().len());
    // The last octet belongs to the signature.
    let other_end = if spoiled.ends_with("A==") { "B" } else { "A" };
    let keep = spoiled.trim_end_matches('=').len() - 3;
    let padding = "=".repeat(spoiled.len() - spoiled.trim_end_matches('=').len());
    let spoiled =
        format!("{}{other_end}{}{padding}", &spoiled[..keep], &spoiled[keep + 1..spoiled.trim_end_matches('=').len()]);
    let spoiled = format!("-----BEGIN CERTIFICATE REQUEST-----\n{spoiled}\n-----END CERTIFICATE REQUEST-----\n");
    let exponent = "-newkey rsa:2048 -pkeyopt rsa_keygen_pubexp:3";
    let cases = [
        ("no request".to_owned(), "request_malformed"),
        (cut, "request_malformed"),
        ("x".repeat(70_000), "request_malformed"),
        (spoiled, "request_not_proved"),
        (request(at, "-newkey rsa:1024", ""), "key_weak"),
        (request(at, exponent, ""), "key_weak"),
        (request(at, P256, "-sha1"), "key_not_admitted"),
        (request(at, "-newkey ec -pkeyopt ec_paramgen_curve:P-521", ""), "key_not_admitted"),
        (request(at, "-newkey ed25519", ""), "key_not_admitted"),
    ];
    for (pem, problem) in cases {
        let (status, answer) = test.redeem("", &body(&code, "own.key", &pem)).await;
        assert_eq!(status, 422, "{problem}: {answer}");
        assert_eq!(answer["type"], format!("urn:chuky:problem:{problem}"), "{answer}");
    }
    // A challenge password binds the request to its code.
    let configuration = |challenge: &str| {
        let text = format!(
            "[req]\nprompt = no\ndistinguished_name = name\nattributes = attributes\n[name]\nCN = Whoever\n[attributes]\nchallengePassword = {challenge}\n"
        );
        fs::write(at.join("request.cnf"), text).unwrap();
        request(at, P256, "-config request.cnf")
    };
    let foreign = configuration("ABCD-EFGH-JKMN");
    let (status, answer) = test.redeem("", &body(&code, "own.key", &foreign)).await;
    assert_eq!((status, answer["type"].as_str()), (422, Some("urn:chuky:problem:challenge_differs")), "{answer}");
    // Nothing was reserved for any of them.
    assert!(test.app.store.certificates_of_request(id.parse().unwrap()).await.unwrap().is_empty());
    let (status, answer) = test.redeem("", &body(&code, "own.key", &configuration(&code))).await;
    assert_eq!(status, 201, "{answer}");
}

/// An RSA key out of these two primes, as PEM.
fn of_primes(p: &BigNum, q: &BigNum) -> Vec<u8> {
    let (mut context, one, e) =
        (BigNumContext::new().unwrap(), BigNum::from_u32(1).unwrap(), BigNum::from_u32(65_537).unwrap());
    let (below_p, below_q, n) = (p - &one, q - &one, p * q);
    let mut inverse = |of: &BigNum, modulus: &BigNum| {
        let mut inverse = BigNum::new().unwrap();
        inverse.mod_inverse(of, modulus, &mut context).unwrap();
        inverse
    };
    let (d, coefficient) = (inverse(&e, &(&below_p * &below_q)), inverse(q, p));
    let (d_p, d_q) = (&d % &below_p, &d % &below_q);
    let copy = |number: &BigNumRef| number.to_owned().unwrap();
    let key = Rsa::from_private_components(n, e, d, copy(p), copy(q), d_p, d_q, coefficient).unwrap();
    PKey::from_rsa(key).unwrap().private_key_to_pem_pkcs8().unwrap()
}

/// A prime as chips with the fault of CVE-2017-15361 make them: a power of 65537 modulo the product of the first 126 primes, for 1,024 bits.
fn roca_prime() -> BigNum {
    let mut context = BigNumContext::new().unwrap();
    let number = |value: u32| BigNum::from_u32(value).unwrap();
    let is_prime = |value: &u32| (2..*value).take_while(|by| by * by <= *value).all(|by| !value.is_multiple_of(by));
    let product = (2..).filter(is_prime).take(126).fold(number(1), |product, prime| &product * &number(prime));
    loop {
        let (mut power, mut factor, mut residue) =
            (BigNum::new().unwrap(), BigNum::new().unwrap(), BigNum::new().unwrap());
        power.rand(60, MsbOption::ONE, false).unwrap();
        residue.mod_exp(&number(65_537), &power, &product, &mut context).unwrap();
        factor.rand(1_024 - product.num_bits(), MsbOption::TWO_ONES, false).unwrap();
        let candidate = &residue + &(&factor * &product);
        if candidate.num_bits() == 1_024 && candidate.is_prime(10, &mut context).unwrap() {
            return candidate;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_that_others_can_know_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    // An operator's own list, with the key of a request that is otherwise good.
    let listed = request(at, P256, "");
    fs::copy(at.join("key.pem"), at.join("listed.pem")).unwrap();
    let digest = run(at, "openssl pkey -in listed.pem -pubout -outform DER | sha256sum | cut -c1-64");
    fs::create_dir(at.join("bad")).unwrap();
    fs::write(at.join("bad/leaked"), digest).unwrap();
    let bad = at.join("bad");
    let test = TestApp::with(move |settings| settings.authority.known_bad_keys_dir = Some(bad)).await;
    let (id, code) = approved(&test, "gianhang", &citizen()).await;
    let mut first = BigNum::new().unwrap();
    first.generate_prime(1_024, false, None, None).unwrap();
    let mut second = &first + &BigNum::from_u32(2).unwrap();
    let mut context = BigNumContext::new().unwrap();
    while !second.is_prime(20, &mut context).unwrap() {
        second = &second + &BigNum::from_u32(2).unwrap();
    }
    fs::write(at.join("roca.pem"), of_primes(&roca_prime(), &roca_prime())).unwrap();
    fs::write(at.join("close.pem"), of_primes(&first, &second)).unwrap();
    // testECCP256 of RFC 9500.
    let published = "-----BEGIN EC PRIVATE KEY-----\n\
        MHcCAQEEIObLW92AqkWunJXowVR2Z5/+yVPBaFHnEedDk5WJxk/BoAoGCCqGSM49\n\
        AwEHoUQDQgAEQiVI+I+3gv+17KN0RFLHKh5Vj71vc75eSOkyMsxFxbFsTNEMTLjV\n\
        uKFxOelIgsiZJXKZNCX0FBmrfpCkKklCcg==\n-----END EC PRIVATE KEY-----\n";
    fs::write(at.join("published.pem"), published).unwrap();
    for (name, said) in [("roca", "ROCA"), ("close", "gần nhau"), ("published", "đã lộ"), ("listed", "đã lộ")]
    {
        let made = run(at, &format!("openssl req -new -key {name}.pem -subj /CN=Whoever -out {name}.csr"));
        let pem = fs::read_to_string(at.join(format!("{name}.csr"))).unwrap_or_else(|_| panic!("{name}: {made}"));
        let (status, answer) = test.redeem("", &body(&code, "own.key", &pem)).await;
        let kind = answer["type"].as_str().unwrap_or_default();
        assert_eq!((status, kind), (422, "urn:chuky:problem:key_weak"), "{name}: {answer}");
        assert!(answer.to_string().contains(said), "{name}: {answer}");
    }
    assert!(listed.contains("CERTIFICATE REQUEST"));
    assert!(test.app.store.certificates_of_request(id.parse().unwrap()).await.unwrap().is_empty());
    let (status, answer) = test.redeem("", &body(&code, "own.key", &request(at, P256, ""))).await;
    assert_eq!(status, 201, "the same person with a good key: {answer}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_command_line_redeems_and_redeems_again() {
    let test = TestApp::sqlite().await;
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let (_, code) = approved(&test, "gianhang", &citizen()).await;
    request(at, P256, "");
    fs::write(at.join("code"), format!("{}\n", code.to_lowercase())).unwrap();
    fs::write(at.join("password"), PASSWORD).unwrap();
    let file = |name: &str| at.join(name).display().to_string();
    let redeem = async |code: &str, out: &str| {
        let words = [
            "request",
            "--agree",
            "--server",
            &test.url,
            "--code-file",
            &file(code),
            "--login",
            "own.key",
            "--password-file",
            &file("password"),
            "-o",
            &file(out),
            &file("request.pem"),
        ];
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        let state = at.to_owned();
        let run = move || chuky(&state, &words.iter().map(String::as_str).collect::<Vec<_>>());
        let output = tokio::task::spawn_blocking(run).await.unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    fs::write(at.join("wrong"), "AAAA-AAAA-AAAA").unwrap();
    let (status, said) = redeem("wrong", "none.pem").await;
    assert_eq!(status, Some(1), "{said}");
    assert!(said.contains("activation code") && !at.join("none.pem").exists(), "{said}");
    let (status, said) = redeem("code", "one.pem").await;
    assert_eq!(status, Some(0), "{said}");
    assert!(said.contains("subject is not taken over"), "{said}");
    // What the certificate will say and what is agreed to is shown first.
    assert!(said.contains("Nguyễn Thị Hồng Ưởng") && said.contains("answer for this key"), "{said}");
    // The same call after a lost answer: the same certificate.
    let (status, said) = redeem("code", "two.pem").await;
    assert_eq!(status, Some(0), "{said}");
    assert_eq!(fs::read(at.join("one.pem")).unwrap(), fs::read(at.join("two.pem")).unwrap());
    assert_eq!(run(at, "openssl x509 -in one.pem -noout -pubkey"), run(at, "openssl pkey -in key.pem -pubout"));
    assert_eq!(run(at, "grep -c BEGIN one.pem").trim(), "3");
}
