//! PIN and OTP: `credentials/info` says that both are needed, and `credentials/authorize` takes the code of an authenticator app in either
//! version.

use super::client::{error, hash, sign};
use crate::{
    harness::app::TestApp,
    signing::subscriber::{PIN, citizen, official},
    staff::second_factor::{enrol, step},
};
use serde_json::json;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_official_authorizes_with_pin_and_otp() {
    let test = TestApp::sqlite().await;
    let official = official(&test, "p256").await;
    let body = json!({ "credentialID": official.credential, "authInfo": true });
    let (_, before) = test.post("/csc/v1/credentials/info", &official.token, &body).await;
    assert_eq!(before["OTP"], json!({ "presence": "false" }));
    let (secret, _) = enrol(&test, &official.token).await;
    // What is needed, in the words of each version.
    let (_, first) = test.post("/csc/v1/credentials/info", &official.token, &body).await;
    assert_eq!((&first["PIN"]["presence"], &first["OTP"]["presence"]), (&json!("true"), &json!("true")), "{first}");
    assert_eq!((&first["OTP"]["type"], &first["OTP"]["format"]), (&json!("offline"), &json!("N")), "{first}");
    let (_, second) = test.post("/csc/v2/credentials/info", &official.token, &body).await;
    assert_eq!(second["auth"]["expression"], json!("(PIN AND OTP) OR APPROVAL"), "{second}");
    let ids: Vec<&str> =
        second["auth"]["objects"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["PIN", "OTP", "APPROVAL"]);
    // An offline code is made by the signer's device: none is sent.
    let (status, answer) = test.post("/csc/v1/credentials/sendOTP", &official.token, &body).await;
    assert!(status == 400 && error(&answer).1.contains("offline"), "{answer}");
    // Without, wrong, right, again.
    let hashes = [hash("một"), hash("hai")];
    let order = |pin: &str, otp: &str| json!({ "credentialID": official.credential, "numSignatures": 2, "hash": hashes, "PIN": pin, "OTP": otp });
    let path = "/csc/v1/credentials/authorize";
    let (status, answer) = test.post(path, &official.token, &order(PIN, "")).await;
    let missing = ("invalid_request", "Missing (or invalid type) string parameter OTP");
    assert_eq!((status, error(&answer)), (400, missing));
    let (_, wrong_code) = test.post(path, &official.token, &order(PIN, "000000")).await;
    let (_, wrong_pin) = test.post(path, &official.token, &order("khong phai", "000000")).await;
    assert_eq!(error(&wrong_code).0, "invalid_pin");
    assert_eq!(error(&wrong_code), error(&wrong_pin));
    test.app.clock.shift_seconds(30);
    let code = secret.code(step(&test)).to_string();
    let (status, answer) = test.post(path, &official.token, &order(PIN, &code)).await;
    assert_eq!(status, 200, "{answer}");
    let (status, signed) = sign(&test, &official, &official.token, answer["SAD"].as_str().unwrap(), &hashes).await;
    assert_eq!((status, signed["signatures"].as_array().map(Vec::len)), (200, Some(2)), "{signed}");
    let (status, answer) = test.post(path, &official.token, &order(PIN, &code)).await;
    assert_eq!((status, error(&answer).0), (400, "invalid_otp"), "{answer}");
    // The same in version 2.
    test.app.clock.shift_seconds(30);
    let code = secret.code(step(&test)).to_string();
    let order = |otp: &str| {
        json!({
            "credentialID": official.credential, "numSignatures": 2, "hashes": hashes,
            "hashAlgorithmOID": "2.16.840.1.101.3.4.2.1",
            "authData": [{ "id": "PIN", "value": PIN }, { "id": "OTP", "value": otp }],
        })
    };
    let path = "/csc/v2/credentials/authorize";
    let (status, answer) = test.post(path, &official.token, &order(&code)).await;
    assert_eq!(status, 200, "{answer}");
    let (_, answer) = test.post(path, &official.token, &order("000000")).await;
    assert_eq!(error(&answer).0, "invalid_authentication_data");
    // A citizen signs with the PIN alone.
    let citizen = citizen(&test).await;
    let (_, info) = test
        .post(
            "/csc/v1/credentials/info",
            &citizen.token,
            &json!({ "credentialID": citizen.credential, "authInfo": true }),
        )
        .await;
    assert_eq!(info["OTP"]["presence"], json!("false"));
    let sad = super::client::sad(&test, &citizen, &citizen.token, &hashes).await;
    assert_eq!(sign(&test, &citizen, &citizen.token, &sad, &hashes).await.0, 200);
}
