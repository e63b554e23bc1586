//! API keys decide nothing, whenever they were made and whatever their account became since; their holders see and end them.

use super::*;
use crate::passkeys::{citizen, path_of};

async fn made(test: &TestApp, token: &str, label: &str) -> String {
    let (status, answer) = test.post("/api/v1/api-keys", token, &json!({ "label": label, "days": 366 })).await;
    assert_eq!(status, 201, "{answer}");
    answer["key"].as_str().unwrap().to_owned()
}

fn id(key: &str) -> &str {
    key.split('_').nth(1).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_from_before_a_grant_decides_nothing() {
    let test = TestApp::sqlite().await;
    let (administrator, officer) = pair(&test).await;
    let clerk = newcomer(&test, (&administrator, &officer), "bich.le", &["clerk"]).await;
    let key = made(&test, &clerk, "máy quét").await;
    assert_eq!(test.get("/api/v1/session", &key).await.0, 200);
    let grant = json!({ "kind": "grant", "account": "bich.le", "roles": ["approver", "security_officer"] });
    let grant = entered(&test, &administrator, &grant).await;
    approved(&test, &officer, &grant).await;
    assert_eq!(test.get("/api/v1/session", &key).await.0, 401, "a role that decides ends the keys from before");
    let roles = test.get("/api/v1/session", &clerk).await.1["roles"].to_string();
    assert!(roles.contains("approver") && roles.contains("security_officer"), "{roles}");
    let another = test.post("/api/v1/api-keys", &clerk, &json!({ "label": "x", "days": 1 })).await;
    assert_eq!(problem(&another.1), "api_key_of_decider");
    // A key that is there all the same.
    let account = orders::account(&test, "bich.le").await;
    let key = test.key(account).await;
    assert_eq!(test.get("/api/v1/session", &key).await.1["roles"], json!(["clerk"]));
    let operator = test.log_in("gianhang").await;
    let (status, request) = test.post("/api/v1/requests", &operator, &citizen(7)).await;
    assert_eq!(status, 201, "{request}");
    let digest = json!({ "content_digest": request["content_digest"] });
    let disable = format!("/api/v1/accounts/{}/disable", orders::account(&test, "dangky").await);
    for (path, body) in [(path_of(&request, "approve"), digest.clone()), (disable, json!({}))] {
        let (status, answer) = test.post(&path, &key, &body).await;
        assert_eq!(status, 403, "{path}: {answer}");
    }
    assert_eq!(test.get("/api/v1/passkeys/waiting", &key).await.0, 403);
    assert_eq!(test.post(&path_of(&request, "approve"), &clerk, &digest).await.0, 200, "in a session its holder does");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_are_listed_and_ended_by_their_holder() {
    let test = TestApp::sqlite().await;
    let (operator, other) = (test.log_in("gianhang").await, test.log_in("dangky").await);
    let (scanner, spare) = (made(&test, &operator, "máy quét").await, made(&test, &operator, "dự phòng").await);
    let listed = async |token: &str| -> Vec<String> {
        let (status, answer) = test.get("/api/v1/api-keys", token).await;
        assert_eq!(status, 200, "{answer}");
        answer["api_keys"].as_array().unwrap().iter().map(|key| key["label"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(listed(&operator).await, ["máy quét", "dự phòng"]);
    assert!(listed(&other).await.is_empty());
    let revoke = |key: &str| format!("/api/v1/api-keys/{}/revoke", id(key));
    assert_eq!(test.post(&revoke(&scanner), &other, &json!({})).await.0, 404, "somebody else's");
    assert_eq!(problem(&test.post(&revoke(&scanner), &spare, &json!({})).await.1), "session_needed");
    assert_eq!(test.post(&revoke(&scanner), &operator, &json!({})).await.0, 204);
    assert_eq!(test.get("/api/v1/session", &scanner).await.0, 401);
    assert_eq!(listed(&operator).await, ["dự phòng"]);
    let page = String::from_utf8(test.raw("GET", "/account", &operator, "", Vec::new()).await.1).unwrap();
    assert!(page.contains("dự phòng") && !page.contains("máy quét"), "{page}");
    assert!(!page.contains(spare.rsplit('_').next().unwrap()), "its secret is shown nowhere");
}
