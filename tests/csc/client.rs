//! An application of the tests: it calls the API as any would.

use crate::{
    harness::app::TestApp,
    signing::subscriber::{PIN, Subscriber},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// The OID of ecdsa-with-SHA256.
pub const ECDSA_SHA256: &str = "1.2.840.10045.4.3.2";

/// SHA-256 in base64.
pub fn hash(text: &str) -> String {
    STANDARD.encode(Sha256::digest(text.as_bytes()))
}

/// Asks for activation data over these hashes.
pub async fn authorize(test: &TestApp, who: &Subscriber, token: &str, pin: &str, hashes: &[String]) -> (u16, Value) {
    let body = json!({ "credentialID": who.credential, "numSignatures": hashes.len(), "hash": hashes, "PIN": pin });
    test.post("/csc/v1/credentials/authorize", token, &body).await
}

/// Activation data over these hashes, with the right PIN.
pub async fn sad(test: &TestApp, who: &Subscriber, token: &str, hashes: &[String]) -> String {
    let (status, answer) = authorize(test, who, token, PIN, hashes).await;
    assert_eq!(status, 200, "{answer}");
    answer["SAD"].as_str().unwrap().to_owned()
}

/// Signs hashes.
pub async fn sign(test: &TestApp, who: &Subscriber, token: &str, sad: &str, hashes: &[String]) -> (u16, Value) {
    let body = json!({
        "credentialID": who.credential, "SAD": sad, "hash": hashes, "hashAlgo": "2.16.840.1.101.3.4.2.1",
        "signAlgo": ECDSA_SHA256,
    });
    test.post("/csc/v1/signatures/signHash", token, &body).await
}

/// The two fields of an error.
pub fn error(answer: &Value) -> (&str, &str) {
    (answer["error"].as_str().unwrap_or_default(), answer["error_description"].as_str().unwrap_or_default())
}
