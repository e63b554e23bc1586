//! A backup that catches an issue half done, which is finished, handed out and perhaps revoked afterwards: its serial number is never good
//! and never unknown again, with the date and the reason that were published.

use super::{chuky, destroyed, issued, list, person, settings_file};
use crate::{
    harness::app::{Backend, EXECUTABLE, TestApp},
    issuance::{approved, crash::Service, fetch, ocsp, redemption, run},
};
use chuky::{backup, bootstrap, clock::Clock};
use chuky_model::instant::Instant;
use chuky_pki::crl::{Crl, ListEntry, Reason};
use serde_json::{Value, json};
use std::{fs, path::Path, time::Duration};

/// What the world shows of the certificate that the backup caught half done.
#[derive(Clone, Copy, PartialEq)]
enum Shown {
    List,
    Certificate,
    Nothing,
}

/// Stops a service in an issue, makes a backup, and lets it go on to its end. The receipt.
async fn caught(test: &TestApp, point: &str, state: &str, out: &Path) -> Value {
    let (_, code) = approved(test, "gianhang", &person("001190012353")).await;
    let mut service = Service::start(test, &format!("stop:{point}")).await;
    let process = service.process.id();
    let body = test.agreed("", &redemption(&code, "giua")).await;
    let backed_up = async {
        let stopped = || {
            let line = fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
            line.rsplit(')').next().unwrap().trim_start().starts_with('T')
        };
        while !stopped() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(test.sql("SELECT state FROM certificate WHERE state NOT IN ('issued', 'revoked')"), state);
        let (_, key) = backup::key(&test.app.settings).unwrap();
        backup::make(&test.app.settings, None, out, &key, test.app.clock.now()).await.unwrap();
        run(Path::new("/"), &format!("kill -CONT {process}"));
        key
    };
    let (answer, _) = tokio::join!(service.redeem(&body), backed_up);
    let (status, receipt) = answer.unwrap();
    assert_eq!(status, 201, "{receipt}");
    service.end();
    receipt
}

fn entry(list: &[u8], receipt: &Value) -> Option<ListEntry> {
    let serial = hex::decode(receipt["serial"].as_str().unwrap()).unwrap();
    let list = Crl::parse(list).unwrap();
    list.entries().map(Result::unwrap).find(|entry| entry.serial.ends_with(&serial))
}

async fn half_done(backend: Backend, (point, state): (&str, &str), shown: Shown) {
    let test = TestApp::start(backend).await;
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let receipt = caught(&test, point, state, &at.join("backup")).await;
    // Since the backup: somebody was suspended whom it does not know, and the certificate was revoked where a list will show it.
    let (held, officer) = (issued(&test, "001190012361", "treo").await, test.log_in("quantri").await);
    let path =
        |receipt: &Value, what: &str| format!("/api/v1/certificates/{}/{what}", receipt["serial"].as_str().unwrap());
    assert_eq!(test.post(&path(&held, "suspend"), &officer, &json!({})).await.0, 200);
    let since = Instant::from_unix_seconds(test.app.clock.now().unix_seconds());
    if shown == Shown::List {
        tokio::time::sleep(Duration::from_millis(1_100)).await;
        let body = json!({ "reason": "key_compromise", "invalid_since": since.rfc3339() });
        let (status, answer) = test.post(&path(&receipt, "revoke"), &officer, &body).await;
        assert_eq!(status, 200, "{answer}");
    }
    let last = list(&test).await;
    let published = entry(&last, &receipt);
    fs::write(at.join("last.crl"), &last).unwrap();
    fs::write(at.join("half.pem"), receipt["certificate"].as_str().unwrap()).unwrap();

    let (mut settings, _kept) = destroyed(test, backend).await;
    let key = backup::read_key(&settings.secrets_dir.join("backup.key")).unwrap();
    backup::restore(&settings, &at.join("backup"), &key, Clock::default().now()).await.unwrap();
    let (list_file, certificate) = (at.join("last.crl"), at.join("half.pem"));
    let (list_file, certificate) = (list_file.to_str().unwrap(), certificate.to_str().unwrap());
    let data = settings.data_dir.to_string_lossy().into_owned();
    let mut arguments = vec!["reconcile", "--data-dir", &data];
    match shown {
        Shown::List => arguments.extend(["--crl", list_file]),
        Shown::Certificate => arguments.extend(["--certificate", certificate]),
        Shown::Nothing => {}
    }
    let (done, text) = chuky(&settings_file(&settings, at, 1), &arguments);
    assert!(done, "{text}");

    settings.hsm.rsa_stock = 0;
    let test = TestApp::around(bootstrap::open(settings, Clock::default(), Path::new(EXECUTABLE)).await.unwrap()).await;
    let now = list(&test).await;
    let told = entry(&now, &receipt).expect("the serial number that may have been used is on the list");
    fetch(&test, at, "citizens", &receipt).await;
    assert!(ocsp(&test, at).contains("subscriber.pem: revoked"));
    if shown == Shown::List {
        assert_eq!(Some(&told), published.as_ref(), "date, reason and invalidity date are those that were published");
        assert_eq!((told.reason, told.invalid_since), (Reason::KeyCompromise, Some(since)));
        // Nobody can end a hold of one whose record is gone: it is revoked, and says no reason that promises another end.
        let held = entry(&now, &held).unwrap();
        assert_eq!(held.reason, Reason::Unspecified);
        assert_eq!(test.sql("SELECT count(*) FROM certificate WHERE state = 'void' AND revoked_at IS NULL"), "0");
    }
    if shown == Shown::Certificate {
        assert_eq!(test.sql("SELECT count(*) FROM certificate WHERE state = 'void' AND fingerprint IS NOT NULL"), "1");
    }
    // The holder is given a new one for the same code's request.
    assert_eq!(test.sql("SELECT state FROM registration_request"), "approved");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_issue_caught_before_signing_and_revoked_since_stays_revoked_on_sqlite() {
    half_done(Backend::Sqlite, ("issue.after_key", "intended"), Shown::List).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_issue_caught_in_signing_and_revoked_since_stays_revoked_on_postgres() {
    half_done(Backend::Postgres, ("issue.after_signing", "signing"), Shown::List).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_issue_caught_before_signing_is_revoked_where_its_certificate_is_shown() {
    half_done(Backend::Sqlite, ("issue.after_key", "intended"), Shown::Certificate).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_issue_caught_before_signing_is_revoked_though_nobody_tells_of_it() {
    half_done(Backend::Sqlite, ("issue.after_key", "intended"), Shown::Nothing).await;
}
