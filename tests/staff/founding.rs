//! The first accounts of an installation: once, by the audit log, whatever SQL does to the tables.

use super::{PASSWORD, log_in, problem, welcome};
use crate::harness::app::{Backend, EXECUTABLE, TestApp};
use chuky::{
    accounts,
    app::App,
    error::{Error, Result},
    staff::{self, Founding, Sheet},
};
use serde_json::json;
use std::{collections::BTreeMap, process::Command};

pub const FILE: &str = r#"
[[staff]]
login = "an.ninh.1"
full_name = "Nguyễn Văn An"
personal_number = "001080000101"
roles = ["security_officer"]

[[staff]]
login = "an.ninh.2"
full_name = "Trần Thị Bình"
personal_number = "001180000102"
roles = ["security_officer"]

[[staff]]
login = "quan.tri"
full_name = "Lê Văn Cường"
personal_number = "001080000103"
phone = "0912 345 678"
unit = "H26"
roles = ["administrator"]
"#;

fn founding(text: &str) -> Founding {
    Founding::parse(text).unwrap()
}

pub async fn found(app: &App, text: &str) -> Result<BTreeMap<String, String>> {
    let mut codes = BTreeMap::new();
    staff::found(app, founding(text), |sheets: &[Sheet]| {
        codes.extend(sheets.iter().map(|one| (one.login.clone(), one.code.as_ref().unwrap().grouped())));
        Ok(())
    })
    .await?;
    Ok(codes)
}

/// New invitations for those who may have them, for `only` or for all.
pub async fn renewed(app: &App, only: &[&str]) -> Result<BTreeMap<String, String>> {
    let only: Vec<String> = only.iter().map(|one| (*one).to_owned()).collect();
    let mut codes = BTreeMap::new();
    staff::renew(app, &only, |sheets: &[Sheet]| {
        codes.extend(sheets.iter().map(|one| (one.login.clone(), one.code.as_ref().unwrap().grouped())));
        Ok(())
    })
    .await?;
    Ok(codes)
}

fn code(error: Error) -> &'static str {
    match error {
        Error::Request(refused) => refused.code,
        Error::Internal(error) => panic!("{error}"),
    }
}

async fn refusal(app: &App, text: &str) -> &'static str {
    code(found(app, text).await.unwrap_err())
}

async fn founded_once(backend: Backend) {
    let test = TestApp::bare(backend, |_| ()).await;
    // What is no founding.
    let without = |login: &str| {
        let parts = FILE.split("[[staff]]").filter(|part| !part.trim().is_empty() && !part.contains(login));
        parts.map(|part| format!("[[staff]]{part}")).collect::<String>()
    };
    for (text, expected) in [
        (without("an.ninh.2"), "founders_few"),
        (without("quan.tri"), "founders_few"),
        (FILE.replace("001180000102", "001080000101"), "founder_twice"),
        (FILE.replace("an.ninh.2", "an.ninh.1"), "founder_twice"),
        (FILE.replace("\"administrator\"", "\"administrator\", \"operator\""), "founder_role"),
        (FILE.replace("\"administrator\"", "\"administrator\", \"auditor\""), "roles_exclude"),
        (FILE.replace("001080000103", "00108000010"), "person_wrong"),
        (FILE.replace("Lê Văn Cường", "Lê Văn 3"), "person_wrong"),
        (FILE.replace("0912 345 678", "sai"), "phone_form"),
    ] {
        assert_eq!(refusal(&test.app, &text).await, expected, "{text}");
    }
    let strange = Founding::parse(&FILE.replace("unit =", "units =")).err().unwrap();
    assert_eq!(code(strange), "founding_form");
    // Planned is nothing made.
    let planned = staff::planned(&test.app, founding(FILE)).await.unwrap();
    assert_eq!((planned.len(), planned[2].phone.as_str(), planned[2].code.is_none()), (3, "•••• 678", true));
    assert_eq!(test.sql("SELECT count(*) FROM account").trim(), "0");

    let codes = found(&test.app, FILE).await.unwrap();
    assert_eq!(codes.len(), 3);
    assert_eq!(log_in(&test, "quan.tri", PASSWORD, "").await.0, 401, "no password yet");
    assert_eq!(problem(&welcome(&test, "quan.tri", &codes["an.ninh.1"], "").await.1), "invitation_invalid");
    for (login, code) in &codes {
        let (status, answer) = welcome(&test, login, code, "").await;
        assert_eq!(status, 200, "{answer}");
        assert_eq!(problem(&welcome(&test, login, code, "").await.1), "invitation_invalid", "once");
        assert_eq!(log_in(&test, login, PASSWORD, "").await.0, 200);
    }

    // Never again: not with other people, and not after SQL emptied the tables.
    let others =
        FILE.replace("0010800001", "0010850001").replace("0011800001", "0011850001").replace("an.ninh", "khac");
    let others = others.replace("quan.tri", "khac.tri");
    assert_eq!(refusal(&test.app, &others).await, "founded_before");
    for table in ["session", "staff_invitation", "account"] {
        test.sql(&format!("DELETE FROM {table}"));
    }
    assert_eq!(refusal(&test.app, FILE).await, "founded_before");
    assert_eq!(code(staff::renew(&test.app, &[], |_| Ok(())).await.unwrap_err()), "nobody_to_renew");
    // Nor where the entry itself is taken out of the log.
    let drop = match backend {
        Backend::Sqlite => "DROP TRIGGER audit_entry_no_update; DROP TRIGGER audit_entry_no_delete",
        Backend::Postgres => "ALTER TABLE audit_entry DISABLE TRIGGER ALL",
    };
    test.sql(drop);
    test.sql("DELETE FROM audit_entry WHERE kind = 'staff.founded'");
    assert_eq!(refusal(&test.app, FILE).await, "audit_log_broken");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_installation_is_founded_once_on_sqlite() {
    founded_once(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_installation_is_founded_once_on_postgres() {
    founded_once(Backend::Postgres).await;
}

/// Two foundings at once make one; a demonstration is none to found in.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_foundings_at_once_make_one() {
    let test = TestApp::bare(Backend::Postgres, |_| ()).await;
    let others =
        FILE.replace("0010800001", "0010850001").replace("0011800001", "0011850001").replace("an.ninh", "khac");
    let others = others.replace("quan.tri", "khac.tri");
    let (one, other) = tokio::join!(found(&test.app, FILE), found(&test.app, &others));
    assert_eq!(u8::from(one.is_ok()) + u8::from(other.is_ok()), 1);
    assert_eq!(test.sql("SELECT count(*) FROM audit_entry WHERE kind = 'staff.founded'").trim(), "1");
    assert_eq!(test.sql("SELECT count(*) FROM account").trim(), "3");
    let demonstration = TestApp::sqlite().await;
    assert_eq!(refusal(&demonstration.app, FILE).await, "staff_there");
}

/// Whoever loses a sheet gets another one until two people can work; the old one opens nothing then.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lost_sheets_are_made_anew_until_two_can_work() {
    let test = TestApp::bare(Backend::Sqlite, |settings| {
        settings.accounts.second_factor = Some(chuky::config::SecondFactorRule::WhereEnrolled);
    })
    .await;
    let codes = found(&test.app, FILE).await.unwrap();
    welcome(&test, "an.ninh.1", &codes["an.ninh.1"], "").await;
    let mut fresh = BTreeMap::new();
    let renewed = staff::renew(&test.app, &[], |sheets| {
        fresh.extend(sheets.iter().map(|one| (one.login.clone(), one.code.as_ref().unwrap().grouped())));
        Ok(())
    });
    assert_eq!(renewed.await.unwrap(), 2);
    assert_eq!(problem(&welcome(&test, "quan.tri", &codes["quan.tri"], "").await.1), "invitation_invalid");
    assert_eq!(welcome(&test, "quan.tri", &fresh["quan.tri"], "").await.0, 200);
    // An administrator and an officer can do the rest by an order.
    assert_eq!(code(staff::renew(&test.app, &[], |_| Ok(())).await.unwrap_err()), "founding_over");
    let token = log_in(&test, "quan.tri", PASSWORD, "").await.1["token"].as_str().unwrap().to_owned();
    let order = super::entered(&test, &token, &json!({ "kind": "recover", "account": "an.ninh.2" })).await;
    let officer = log_in(&test, "an.ninh.1", PASSWORD, "").await.1["token"].as_str().unwrap().to_owned();
    super::approved(&test, &officer, &order).await;
    let code = super::invited(&test, &token, &order).await;
    assert_eq!(welcome(&test, "an.ninh.2", &code, "").await.0, 200);
}

/// Killed between the sheets and the database: nothing was founded, the sheets open nothing, and it is begun anew.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_founding_that_is_killed_is_begun_anew() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("founding.toml");
    std::fs::write(&file, FILE).unwrap();
    let run = |arguments: &[&str], point: &str| {
        let output = Command::new(EXECUTABLE)
            .args(["--lang", "en", "staff", "found"])
            .arg(&file)
            .arg("--data-dir")
            .arg(directory.path().join("var"))
            .args(arguments)
            .env("CHUKY_CRASH_AT", point)
            .env("CHUKY__HSM__RSA_STOCK", "0")
            .output()
            .unwrap();
        let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        (output.status.code(), said)
    };
    let codes = |said: &str| -> Vec<String> {
        said.lines().filter_map(|line| line.trim().strip_prefix("Invitation code: ").map(str::to_owned)).collect()
    };
    let (status, said) = run(&["--dry-run"], "");
    assert_eq!((status, codes(&said).len()), (Some(0), 0), "{said}");
    assert!(said.contains("Security officer") && said.contains("nothing was made"), "{said}");
    let (status, said) = run(&[], "founding_before_commit");
    assert_eq!((status, codes(&said).len()), (None, 3), "{said}");
    let lost = codes(&said);
    let (status, said) = run(&[], "");
    assert_eq!((status, codes(&said).len()), (Some(0), 3), "{said}");
    assert!(!said.contains("001080000101"), "no personal number is printed");
    let (status, again) = run(&[], "");
    assert_eq!(status, Some(1), "{again}");
    assert!(again.contains("was founded before"), "{again}");
    // The codes that were printed last are those that open.
    let mut settings = chuky::config::Settings::load(None, &directory.path().join("var")).unwrap();
    settings.hsm.rsa_stock = 0;
    let clock = chuky::clock::Clock::default();
    let app = App::open(settings, clock, EXECUTABLE.into()).await.unwrap();
    let redeem = async |code: &str| {
        let redemption = staff::Redemption {
            login: "an.ninh.1".into(),
            code: code.to_owned().into(),
            second_secret: String::new().into(),
            password: PASSWORD.to_owned().into(),
        };
        staff::redeem(&app, redemption).await
    };
    assert_eq!(code(redeem(&lost[0]).await.err().unwrap()), "invitation_invalid");
    let redeemed = redeem(&codes(&said)[0]).await.unwrap();
    assert_eq!(accounts::name_of(&app, redeemed.account).await.unwrap(), "Nguyễn Văn An");
}
