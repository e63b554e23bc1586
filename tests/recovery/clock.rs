//! A clock that is set back is no fault of the log, and keeps nobody from recovering.

use super::{chuky, destroyed, settings_file};
use crate::{
    audit::{covered, settle},
    harness::app::{Backend, TestApp},
};
use chuky::{
    app::{audit_key_file, remembered_head},
    audit::verify::verify,
    backup,
    clock::Clock,
};
use std::fs;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_was_set_back_keeps_no_backup_from_being_reconciled() {
    let test = TestApp::sqlite().await;
    let key = fs::read(audit_key_file(&test.app.settings)).unwrap();
    let looked = async || {
        settle(&test).await;
        verify(&test.app.store, &key, &remembered_head(&test.app.settings)).await.unwrap()
    };
    covered(&test.app).await;
    let first = looked().await;
    // As a time server does it: the next heads say the time of the one before until the clock has caught up.
    test.app.clock.jump_seconds(-2);
    covered(&test.app).await;
    let found = looked().await;
    assert_eq!((found.faults.as_slice(), found.notices.as_slice()), (&[][..], &[][..]));
    assert!(found.head.as_ref().unwrap().at >= first.head.unwrap().at && found.heads > first.heads);
    // One that was an hour ahead tells the truth again at once, which is told and is no fault.
    test.app.clock.jump_seconds(-3_600);
    covered(&test.app).await;
    let found = looked().await;
    assert_eq!(found.faults, Vec::<String>::new());
    assert!(found.notices.len() == 1 && found.notices[0].contains("set back"), "{:?}", found.notices);

    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let (_, key) = backup::key(&test.app.settings).unwrap();
    backup::make(&test.app.settings, None, &at.join("out"), &key, Clock::default().now()).await.unwrap();
    let (settings, _kept) = destroyed(test, Backend::Sqlite).await;
    backup::restore(&settings, &at.join("out"), &key, Clock::default().now()).await.unwrap();
    let data = settings.data_dir.to_string_lossy().into_owned();
    let config = settings_file(&settings, at, 1);
    let (done, text) = chuky(&config, &["reconcile", "--data-dir", &data]);
    assert!(done, "{text}");
    let (done, text) = chuky(&config, &["audit", "verify", "--data-dir", &data]);
    assert!(done && text.contains("set back") && text.contains("The log is whole"), "{text}");
}
