//! What of the authority ends shows beforehand, in figures and by the doctor, and afterwards in `readyz`; the ceremonies that it names help.

use crate::harness::app::{EXECUTABLE, TestApp};
use chuky::{
    issuance::{ceremony, revocation_list},
    worker,
};
use serde_json::{Value, json};
use std::{collections::BTreeMap, fs, process::Command};

const DAY: i64 = 86_400;

async fn figures(test: &TestApp) -> BTreeMap<String, i64> {
    let (status, text) = test.raw("GET", "/metrics", "", "", vec![]).await;
    assert_eq!(status, 200);
    let text = String::from_utf8(text).unwrap();
    let named = |line: &&str| line.starts_with("chuky_authority_") || line.starts_with("chuky_revocation_list_");
    let value = |line: &str| line.rsplit_once(' ').map(|(name, value)| (name.to_owned(), value.parse().unwrap()));
    text.lines().filter(named).filter_map(value).collect()
}

async fn impaired(test: &TestApp) -> (u16, Vec<String>) {
    let (status, ready) = test.get("/readyz", "").await;
    let mut impaired: Vec<String> = serde_json::from_value(ready["impaired"].clone()).unwrap();
    let ended: Vec<String> = serde_json::from_value(ready["authority"]["ended"].clone()).unwrap();
    assert_eq!(impaired, ended, "{ready}");
    impaired.sort();
    (status, impaired)
}

/// What the doctor says so many days from now.
pub fn doctor(test: &TestApp, days: i64) -> String {
    let outside = tempfile::tempdir().unwrap();
    let (toml, ahead) = (outside.path().join("chuky.toml"), outside.path().join("ahead"));
    fs::write(&toml, "[hsm]\nrsa_stock = 0\n").unwrap();
    fs::write(&ahead, (days * DAY).to_string()).unwrap();
    let mut command = Command::new(EXECUTABLE);
    command.env("CHUKY_CLOCK_ERROR", ahead).args(["--lang", "en", "--config"]).arg(toml);
    let output = command.args(["doctor", "--data-dir"]).arg(test.data_dir()).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

fn responder_of(hierarchy: &str, organization: &str) -> String {
    format!(
        "test = true\n[{hierarchy}.ocsp]\nsubject = [[\"country\", \"VN\"], [\"organization\", \"{organization}\"], \
         [\"common_name\", \"Chuky TEST OCSP - {hierarchy} G2\"]]\nkey = \"p256\"\ndays = 397\n"
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_ends_shows_beforehand_and_the_named_ceremony_helps() {
    let test = TestApp::sqlite().await;
    worker::round(&test.app).await;
    let ocsp = r#"chuky_authority_certificate_seconds_left{label="citizens-ocsp",hierarchy="citizens",purpose="ocsp",state="active"}"#;
    let found = figures(&test).await;
    assert!((396 * DAY..=397 * DAY).contains(&found[ocsp]), "{found:?}");
    assert_eq!(found.keys().filter(|name| name.contains("certificate_seconds_left")).count(), 8, "{found:?}");
    let list = r#"chuky_revocation_list_seconds_left{list="citizens-issuing",renewed_by="service"}"#;
    assert!((43_000..=86_400).contains(&found[list]), "{found:?}");
    assert_eq!(found.keys().filter(|name| name.contains("list_seconds_left")).count(), 4, "{found:?}");
    assert_eq!(impaired(&test).await, (200, vec![]));
    let said = doctor(&test, 0);
    for label in ["citizens-root", "citizens-issuing", "citizens-ocsp", "officials-timestamp"] {
        assert!(said.contains(&format!("✓ certificate of {label}: until 20")), "{label}: {said}");
    }
    assert!(said.contains("✓ list of citizens-root: number ") && said.contains("✓ list of officials-issuing"));

    // Two weeks before the responders end: figures and doctor warn, and the service is as ready as before.
    let said = doctor(&test, 383);
    assert!(said.contains("✕ certificate of citizens-ocsp: ends on 20"), "{said}");
    assert!(said.contains("chuky ceremony roll-over with [citizens.ocsp] in its file"), "{said}");
    assert!(said.contains("✕ list of citizens-issuing: ended on") && said.contains("crl_not_published"), "{said}");
    assert!(said.contains("✓ certificate of citizens-issuing") && said.contains("✓ certificate of citizens-timestamp"));
    test.app.clock.shift_seconds(383 * DAY);
    revocation_list::publish_due(&test.app).await.unwrap();
    assert!((13 * DAY..=14 * DAY).contains(&figures(&test).await[ocsp]));
    assert_eq!(impaired(&test).await, (200, vec![]));

    // They have ended.
    test.app.clock.shift_seconds(15 * DAY);
    revocation_list::publish_due(&test.app).await.unwrap();
    assert_eq!(figures(&test).await[ocsp], 0);
    let both = ["certificate:citizens-ocsp", "certificate:officials-ocsp"].map(str::to_owned).to_vec();
    assert_eq!(impaired(&test).await, (200, both));
    assert!(doctor(&test, 398).contains("✕ certificate of citizens-ocsp: ended on 20"));
    ceremony::roll_over(&test.app, &responder_of("citizens", "Chuky TEST")).await.unwrap();
    ceremony::roll_over(&test.app, &responder_of("officials", "Chuky TEST Agencies")).await.unwrap();
    assert_eq!(impaired(&test).await, (200, vec![]));
    let found = figures(&test).await;
    assert!(!found.contains_key(ocsp), "the one before speaks for nobody any more: {found:?}");
    assert!(found.contains_key(&ocsp.replace("citizens-ocsp", "citizens-ocsp-2")));

    // A list that nobody renews: of a CA that issues, and of a root.
    let held = test.app.publications.lock().await;
    test.app.clock.shift_seconds(31 * DAY);
    let lists = ["citizens-issuing", "citizens-root", "officials-issuing", "officials-root"];
    let lists = lists.map(|name| format!("list:{name}")).to_vec();
    assert_eq!(impaired(&test).await, (200, lists));
    assert_eq!(figures(&test).await[list], 0);
    drop(held);
    revocation_list::publish_due(&test.app).await.unwrap();
    assert_eq!(impaired(&test).await, (200, vec![]));

    // While the issuing CA still lasts for years, but not as long as what it issues.
    let said = doctor(&test, 3_652 - 3 * 366 - 80);
    assert!(said.contains("✕ certificate of citizens-issuing: ends on"), "{said}");
    assert!(said.contains("sooner than the longest certificates that it issues"), "{said}");
    let (_, ready) = test.get("/readyz", "").await;
    assert_eq!(ready["authority"], json!({ "ended": [] }));
    assert_ne!(ready["clock"], Value::Null);
}
