//! `chuky login` and `chuky sign` as a user runs them.

use super::{
    service::chuky,
    subscriber::{PASSWORD, PIN, citizen, folder, judged_valid, plain_pdf},
};
use crate::harness::app::TestApp;
use std::os::unix::fs::PermissionsExt;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_logs_in_and_signs() {
    let test = TestApp::sqlite().await;
    let citizen = citizen(&test).await;
    let state = tempfile::tempdir().unwrap();
    let at = |name: &str| state.path().join(name).display().to_string();
    std::fs::write(at("source.pdf"), plain_pdf()).unwrap();
    std::fs::write(at("pin"), format!("{PIN}\n")).unwrap();
    std::fs::write(at("wrong-pin"), "khong dung dau\n").unwrap();
    std::fs::write(at("password"), format!("{PASSWORD}\n")).unwrap();
    let run = async |arguments: Vec<String>| {
        let path = state.path().to_owned();
        tokio::task::spawn_blocking(move || {
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            let output = chuky(&path, &arguments);
            (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
        })
        .await
        .unwrap()
    };
    let sign = |pin: &str, out: &str| -> Vec<String> {
        let words =
            ["sign", "--level", "LT", "--credential", &citizen.credential, "--pin-file", &at(pin), "-o", &at(out)];
        words.iter().map(|word| (*word).to_owned()).chain([at("source.pdf")]).collect()
    };
    let (code, said) = run(sign("pin", "out.pdf")).await;
    assert_eq!(code, Some(2), "without a log-in: {said}");
    let login = |file: &str| {
        ["login", "--server", &test.url, "--password-file", &at(file), "cong.dan"].map(str::to_owned).to_vec()
    };
    assert_eq!(run(login("pin")).await.0, Some(1), "a wrong password");
    let (code, said) = run(login("password")).await;
    assert_eq!(code, Some(0), "{said}");
    let session = state.path().join("chuky/session.json");
    assert_eq!(std::fs::metadata(&session).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(!std::fs::read_to_string(&session).unwrap().contains(PASSWORD));
    let (code, said) = run(sign("wrong-pin", "out.pdf")).await;
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("PIN is wrong"), "{said}");
    assert!(!state.path().join("out.pdf").exists());
    let (code, said) = run(sign("pin", "out.pdf")).await;
    assert_eq!(code, Some(0), "{said}");
    let signed = std::fs::read(at("out.pdf")).unwrap();
    judged_valid(&test, &folder("command-line"), "signed.pdf", &signed, 1).await;
    // Plain HTTP to another machine would carry a password in the clear.
    let (code, _) = run(["login", "--server", "http://203.0.113.1", "--password-file", &at("password"), "x"]
        .map(str::to_owned)
        .to_vec())
    .await;
    assert_eq!(code, Some(1));
}
