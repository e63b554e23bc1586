//! `chuky login` with a code, and `chuky staff` as two people use it.

use super::*;
use crate::signing::service::chuky;
use std::path::Path;

async fn run(state: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let (state, arguments) = (state.to_owned(), arguments.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>());
    tokio::task::spawn_blocking(move || {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let output = chuky(&state, &arguments);
        let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        (output.status.code(), said)
    })
    .await
    .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_people_open_an_account_from_the_command_line() {
    let test = TestApp::sqlite().await;
    pair(&test).await;
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    for (name, text) in [("password", ACCOUNT_PASSWORD), ("new-password", PASSWORD)] {
        std::fs::write(at(name), text).unwrap();
    }
    let person = format!(
        "login = 'bich.le'\nfull_name = 'Lê Thị Bích'\npersonal_number = '{NEWCOMER}'\nunit = 'H26'\nroles = ['operator']\n"
    );
    std::fs::write(at("bich.toml"), person).unwrap();
    let (desk, office) = (at("desk"), at("office"));
    let password = at("password").display().to_string();
    for (state, login) in [(&desk, "quan.tri"), (&office, "an.ninh")] {
        std::fs::create_dir(state).unwrap();
        let (code, said) = run(state, &["login", "--server", &test.url, "--password-file", &password, login]).await;
        assert_eq!(code, Some(0), "{said}");
    }
    let (code, said) = run(&desk, &["staff", "order", "open", &at("bich.toml").display().to_string()]).await;
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("001•••••0104") && !said.contains(NEWCOMER), "{said}");
    let id = said.split_whitespace().next().unwrap().to_owned();
    let (code, said) = run(&desk, &["staff", "approve", &id, "--yes"]).await;
    assert_eq!(code, Some(1), "{said}");
    // Without --yes it is only shown.
    let (code, said) = run(&office, &["staff", "approve", &id]).await;
    assert!(code == Some(0) && said.contains("[] → [operator]"), "{said}");
    assert!(said.contains(NEWCOMER), "whoever decides sees the whole number: {said}");
    let (code, said) = run(&office, &["staff", "approve", &id, "--yes"]).await;
    assert!(code == Some(0) && said.contains("approved"), "{said}");
    assert_eq!(run(&office, &["staff", "invite", &id]).await.0, Some(1), "not the approver");
    let (code, said) = run(&desk, &["staff", "invite", &id]).await;
    assert_eq!(code, Some(0), "{said}");
    let invitation = said.lines().find_map(|line| line.trim().strip_prefix("Invitation code: ")).unwrap().to_owned();
    let (status, answer) = welcome(&test, "bich.le", &invitation, "").await;
    assert_eq!(status, 200, "{answer}");
    // The newcomer enrols, and logs in with a code out of a file.
    let token = answer["token"].as_str().unwrap();
    let (_, made) = test.post("/api/v1/second-factor", token, &json!({})).await;
    let (secret, step) = (super::second_factor::secret(&made), super::second_factor::step(&test));
    let body = json!({ "totp": secret.code(step).as_str() });
    assert_eq!(test.post("/api/v1/second-factor/confirm", token, &body).await.0, 204);
    let new_password = at("new-password").display().to_string();
    let login = ["login", "--server", &test.url, "--password-file", &new_password];
    assert_eq!(run(&desk, &[&login[..], &["bich.le"]].concat()).await.0, Some(1), "without the code");
    let next = super::second_factor::step(&test).max(step + 1);
    std::fs::write(at("code"), secret.code(next).as_str()).unwrap();
    let code_file = at("code").display().to_string();
    let (code, said) = run(&desk, &[&login[..], &["--code-file", &code_file, "bich.le"]].concat()).await;
    assert_eq!(code, Some(0), "{said}");
    let (code, said) = run(&office, &["staff", "list"]).await;
    assert_eq!(code, Some(0), "{said}");
    assert!(said.lines().any(|line| line.starts_with("bich.le active [operator] H26 2fa")), "{said}");
    let (_, said) = run(&office, &["staff", "orders"]).await;
    assert!(said.contains(&id) && said.contains("approved"), "{said}");
}
