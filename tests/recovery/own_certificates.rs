//! The authority's own certificates that were revoked after the backup are revoked again by the lists that the world has, with the date and
//! the reason that were published; their keys come into use for nothing.

use super::{chuky, destroyed, settings_file};
use crate::harness::app::{Backend, EXECUTABLE, TestApp};
use chuky::{
    backup, bootstrap,
    clock::Clock,
    issuance::{Authority, ceremony},
};
use chuky_model::record::state::AuthorityState;
use chuky_pki::crl::{Crl, ListEntry, Reason};
use std::{fs, path::Path};

const LABELS: [&str; 2] = ["citizens-root", "citizens-issuing"];

async fn entries(test: &TestApp) -> Vec<(Vec<u8>, Vec<ListEntry>)> {
    let mut lists = Vec::new();
    for label in LABELS {
        let (status, list) = test.raw("GET", &format!("/crl/{label}.crl"), "", "", vec![]).await;
        assert_eq!(status, 200);
        let entries = Crl::parse(&list).unwrap().entries().map(Result::unwrap).collect();
        lists.push((list, entries));
    }
    lists
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn own_certificates_that_were_revoked_since_the_backup_stay_revoked() {
    let test = TestApp::sqlite().await;
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let (_, key) = backup::key(&test.app.settings).unwrap();
    backup::make(&test.app.settings, None, &at.join("backup"), &key, test.app.clock.now()).await.unwrap();
    ceremony::revoke(&test.app, "citizens-timestamp", Reason::KeyCompromise, None).await.unwrap();
    ceremony::revoke(&test.app, "citizens-issuing", Reason::CaCompromise, None).await.unwrap();
    let published = entries(&test).await;
    assert_eq!(published.iter().map(|(_, entries)| entries.len()).collect::<Vec<_>>(), [1, 1]);
    let files = LABELS.map(|label| at.join(format!("{label}.crl")).to_string_lossy().into_owned());
    for (file, (list, _)) in files.iter().zip(&published) {
        fs::write(file, list).unwrap();
    }

    let (mut settings, _kept) = destroyed(test, Backend::Sqlite).await;
    let key = backup::read_key(&settings.secrets_dir.join("backup.key")).unwrap();
    backup::restore(&settings, &at.join("backup"), &key, Clock::default().now()).await.unwrap();
    let data = settings.data_dir.to_string_lossy().into_owned();
    let [root, issuing] = &files;
    let arguments = ["reconcile", "--data-dir", &data, "--crl", root, "--crl", issuing];
    let (done, text) = chuky(&settings_file(&settings, at, 1), &arguments);
    assert!(done, "{text}");
    settings.hsm.rsa_stock = 0;
    let test = TestApp::around(bootstrap::open(settings, Clock::default(), Path::new(EXECUTABLE)).await.unwrap()).await;
    let now = entries(&test).await;
    for ((_, before), (_, after)) in published.iter().zip(&now) {
        assert_eq!(before, after);
    }
    // Neither is in use, and no row of a subscriber's certificate was made up for them.
    let authority = Authority::refresh(&test.app).await.unwrap();
    for label in ["citizens-timestamp", "citizens-issuing"] {
        let key = authority.by_label(label).unwrap();
        assert!(key.revoked && key.state == AuthorityState::Retiring, "{label}");
    }
    assert_eq!(test.sql("SELECT count(*) FROM certificate").trim().lines().last(), Some("0"));
}
