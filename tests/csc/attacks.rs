//! What activation data does not do: sign twice, sign something else, sign for another client or later; and what SQL does not change.

use super::client::{authorize, error, hash, sad, sign};
use crate::{
    harness::app::TestApp,
    signing::subscriber::{PASSWORD, PIN, Subscriber, citizen, official},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

const REFUSED_SAD: (u16, (&str, &str)) = (400, ("invalid_request", "Invalid parameter SAD"));
const NOT_AUTHORIZED: (u16, (&str, &str)) = (400, ("invalid_request", "Hash is not authorized by the SAD"));

fn told((status, answer): &(u16, Value)) -> (u16, (&str, &str)) {
    (*status, error(answer))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn activation_data_signs_what_was_authorized_once() {
    let test = TestApp::sqlite().await;
    let citizen = citizen(&test).await;
    let token = citizen.token.as_str();
    let [one, two, three] = ["một", "hai", "ba"].map(hash);
    let data = sad(&test, &citizen, token, &[one.clone(), two.clone()]).await;
    // Another hash, more hashes than were authorized, the same one twice.
    for wrong in [vec![three.clone()], vec![one.clone(), two.clone(), three.clone()]] {
        assert_eq!(told(&sign(&test, &citizen, token, &data, &wrong).await), NOT_AUTHORIZED);
    }
    assert_eq!(told(&sign(&test, &citizen, token, &data, &[one.clone(), one.clone()]).await), REFUSED_SAD);
    // Each once; then the data is spent.
    assert_eq!(sign(&test, &citizen, token, &data, std::slice::from_ref(&one)).await.0, 200);
    assert_eq!(told(&sign(&test, &citizen, token, &data, std::slice::from_ref(&one)).await), REFUSED_SAD);
    assert_eq!(sign(&test, &citizen, token, &data, std::slice::from_ref(&two)).await.0, 200);
    assert_eq!(told(&sign(&test, &citizen, token, &data, &[one.clone(), two.clone()]).await), REFUSED_SAD);
    // Altered or made up.
    let data = sad(&test, &citizen, token, std::slice::from_ref(&one)).await;
    let mut octets = URL_SAFE_NO_PAD.decode(&data).unwrap();
    octets[47] ^= 1;
    let altered = URL_SAFE_NO_PAD.encode(&octets);
    assert_eq!(told(&sign(&test, &citizen, token, &altered, std::slice::from_ref(&one)).await), REFUSED_SAD);
    octets[3] ^= 1;
    let unknown = URL_SAFE_NO_PAD.encode(&octets);
    assert_eq!(told(&sign(&test, &citizen, token, &unknown, &[one]).await), REFUSED_SAD);
    assert_eq!(test.sql("SELECT count(*) FROM signature").trim(), "2");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn activation_data_is_of_one_client_person_and_credential() {
    let test = TestApp::sqlite().await;
    let (citizen, official) = (citizen(&test).await, official(&test, "p256").await);
    let one = hash("một");
    let data = sad(&test, &citizen, &citizen.token, std::slice::from_ref(&one)).await;
    // Somebody else, with their own credential and with the citizen's.
    assert_eq!(told(&sign(&test, &official, &official.token, &data, std::slice::from_ref(&one)).await), REFUSED_SAD);
    let stolen = Subscriber { token: official.token.clone(), credential: citizen.credential.clone() };
    let (status, answer) = sign(&test, &stolen, &stolen.token, &data, std::slice::from_ref(&one)).await;
    assert_eq!((status, error(&answer).1), (400, "Invalid parameter credentialID"));
    // The same person through another session.
    let body = json!({ "login": "cong.dan", "password": PASSWORD });
    let (_, session) = test.post("/api/v1/session", "", &body).await;
    let other = session["token"].as_str().unwrap();
    assert_eq!(told(&sign(&test, &citizen, other, &data, std::slice::from_ref(&one)).await), REFUSED_SAD);
    assert_eq!(sign(&test, &citizen, &citizen.token, &data, std::slice::from_ref(&one)).await.0, 200);
    // Minutes later it is over.
    let data = sad(&test, &citizen, &citizen.token, std::slice::from_ref(&one)).await;
    test.app.clock.shift_seconds(301);
    let (status, answer) = sign(&test, &citizen, &citizen.token, &data, &[one]).await;
    assert_eq!((status, error(&answer)), (400, ("invalid_request", "SAD expired")));
    assert_eq!(test.sql("SELECT count(*) FROM signature").trim(), "1");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sql_widens_and_repeats_nothing() {
    let test = TestApp::sqlite().await;
    let citizen = citizen(&test).await;
    let token = citizen.token.as_str();
    let (one, two) = (hash("một"), hash("hai"));
    // Other hashes in the row.
    let data = sad(&test, &citizen, token, std::slice::from_ref(&one)).await;
    test.sql("CREATE TABLE kept AS SELECT * FROM activation_hashes");
    test.sql("UPDATE activation_hashes SET hashes = zeroblob(32)");
    assert_eq!(sign(&test, &citizen, token, &data, std::slice::from_ref(&one)).await.0, 500);
    test.sql("UPDATE activation_hashes SET hashes = zeroblob(64), taken = zeroblob(2)");
    assert_eq!(sign(&test, &citizen, token, &data, std::slice::from_ref(&one)).await.0, 500);
    test.sql("UPDATE activation_hashes SET hashes = k.hashes, taken = k.taken FROM kept k");
    assert_eq!(sign(&test, &citizen, token, &data, std::slice::from_ref(&one)).await.0, 200);
    // A signature given back, alone and with the activation's row as it was.
    let data = sad(&test, &citizen, token, &[one.clone(), two.clone()]).await;
    test.sql("CREATE TABLE opened AS SELECT * FROM activation WHERE state = 'open'");
    assert_eq!(sign(&test, &citizen, token, &data, std::slice::from_ref(&one)).await.0, 200);
    test.sql("UPDATE activation_hashes SET taken = zeroblob(2) WHERE length(taken) = 2");
    assert_eq!(sign(&test, &citizen, token, &data, std::slice::from_ref(&one)).await.0, 500);
    test.sql(
        "UPDATE activation SET state = o.state, used_count = o.used_count, sealed_key = o.sealed_key, version = o.version, \
         mac = o.mac FROM opened o WHERE o.id = activation.id",
    );
    assert_eq!(sign(&test, &citizen, token, &data, &[one]).await.0, 500);
    assert_eq!(test.sql("SELECT count(*) FROM signature").trim(), "2");
}

/// Two calls at once for different hashes both succeed; for the same hash one does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_at_once_share_the_authorization() {
    let test = TestApp::sqlite().await;
    let citizen = citizen(&test).await;
    let token = citizen.token.as_str();
    let [one, two, three] = ["một", "hai", "ba"].map(hash);
    let data = sad(&test, &citizen, token, &[one.clone(), two.clone(), three.clone()]).await;
    let call = |hash: &String| {
        let hashes = [hash.clone()];
        let (test, citizen, data) = (&test, &citizen, data.as_str());
        async move { sign(test, citizen, token, data, &hashes).await.0 }
    };
    let (first, second) = tokio::join!(call(&one), call(&two));
    assert_eq!((first, second), (200, 200));
    let (first, second) = tokio::join!(call(&three), call(&three));
    let mut statuses = [first, second];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 400]);
    assert_eq!(test.sql("SELECT count(*) FROM signature").trim(), "3");
}

/// Calls read the authorization while others take from it; none of them takes that for a forged row.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_authorization_that_changes_while_it_is_read_is_read_again() {
    let test = TestApp::sqlite().await;
    let citizen = citizen(&test).await;
    let token = citizen.token.as_str();
    let hashes: Vec<String> = (0..PAIRS * 2).map(|number| hash(&format!("văn bản {number}"))).collect();
    let data = sad(&test, &citizen, token, &hashes).await;
    let call = |hash: &String| {
        let hashes = [hash.clone()];
        let (test, citizen, data) = (&test, &citizen, data.as_str());
        async move { sign(test, citizen, token, data, &hashes).await.0 }
    };
    for pair in hashes.chunks(2) {
        assert_eq!(tokio::join!(call(&pair[0]), call(&pair[1])), (200, 200));
    }
}

/// Pairs of calls at once, one in fifty of which reads between the two writes of the other.
const PAIRS: usize = 60;

/// A lost answer is asked for again with the same key: the same signatures, and no second ones.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repeated_call_is_answered_again() {
    let test = TestApp::sqlite().await;
    let citizen = citizen(&test).await;
    let one = hash("một");
    let data = sad(&test, &citizen, &citizen.token, std::slice::from_ref(&one)).await;
    let call = async |hash: &str| {
        let headers = vec![
            ("authorization", format!("Bearer {}", citizen.token)),
            ("content-type", "application/json".to_owned()),
            ("idempotency-key", "batch-0001".to_owned()),
        ];
        let body = json!({
            "credentialID": citizen.credential, "SAD": data, "hash": [hash], "signAlgo": super::client::ECDSA_SHA256,
        });
        let (status, _, bytes) =
            test.exchange("POST", "/csc/v1/signatures/signHash", headers, body.to_string().into_bytes()).await;
        (status, bytes)
    };
    let first = call(&one).await;
    assert_eq!(first.0, 200);
    assert_eq!(call(&one).await, first);
    assert_eq!(call(&hash("hai")).await.0, 409);
    assert_eq!(test.sql("SELECT count(*) FROM signature").trim(), "1");
    // Activation data is asked for once more, never repeated out of a memory.
    let (_, again) = authorize(&test, &citizen, &citizen.token, PIN, &[one]).await;
    assert_ne!(again["SAD"].as_str().unwrap(), data);
}
