//! Schemathesis over the description: whatever it makes up from it, the service never fails, and answers with a status, a content type and a
//! schema that the description names. Each operation is called by somebody whom it admits. `CHUKY_SOAK_SECONDS` makes the run long,
//! `CHUKY_SOAK_SEED` repeats one.

use super::description::described;
use crate::harness::app::TestApp;
use chuky::{
    http::{self, Access},
    rates::Quota,
};
use chuky_model::role::Role;
use serde_json::Value;
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};
use uuid::Uuid;

/// Whoever is asked first where several may: those whom the description is written for.
const WHO: [Role; 11] = [
    Role::Administrator,
    Role::Operator,
    Role::Registrar,
    Role::Clerk,
    Role::Official,
    Role::SecurityOfficer,
    Role::Approver,
    Role::Auditor,
    Role::PaymentProvider,
    Role::RelyingParty,
    Role::Citizen,
];

/// Who calls that operation; `None` where nobody need be logged in.
fn caller(path: &str, method: &str) -> Option<Role> {
    let route = http::routes().into_iter().find(|route| route.path == path && route.method.as_str() == method);
    // What is not in the table of routes is public.
    let access = route.map_or(Access::Public, |route| route.access);
    match access {
        Access::Public => None,
        // An agency's, so that no third part of the calls is the administrator's.
        Access::Account => Some(Role::Registrar),
        Access::Roles(roles) => WHO.into_iter().find(|role| roles.contains(role)),
    }
}

/// The description with the operations of one caller alone, for each caller.
fn by_caller(description: &Value) -> BTreeMap<Option<Role>, (Value, usize)> {
    let mut found: BTreeMap<Option<Role>, (Value, usize)> = BTreeMap::new();
    for (path, item) in description["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            // It would end the session of all that follows; and what is not offered says so with a status of a server's error.
            let ends = (method.as_str(), path.as_str()) == ("delete", "/api/v1/session");
            if ends || operation["responses"].get("501").is_some() {
                continue;
            }
            let who = caller(path, &method.to_uppercase());
            let (part, count) = found.entry(who).or_insert_with(|| {
                let mut part = description.clone();
                part["paths"] = Value::Object(serde_json::Map::new());
                (part, 0)
            });
            part["paths"][path][method] = operation.clone();
            *count += 1;
        }
    }
    found
}

/// What the judge says in its report of one run: failed and errored operations in words, and how many it tried.
fn verdict(report: &Path) -> (usize, Vec<String>) {
    let text = fs::read_to_string(report).unwrap();
    let (mut tried, mut wrong) = (0, Vec::new());
    for case in text.split("<testcase ").skip(1) {
        tried += 1;
        for mark in ["<failure", "<error"] {
            wrong.extend(
                case.split(mark).skip(1).map(|said| format!("{mark} {}", said.chars().take(2_000).collect::<String>())),
            );
        }
    }
    (tried, wrong)
}

struct Run<'a> {
    test: &'a TestApp,
    judge: &'a Path,
    examples: u32,
    seed: u64,
}

impl Run<'_> {
    /// Tries the operations of one caller; what is wrong.
    async fn part(&self, who: Option<Role>, part: &Value, count: usize) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let (file, report) = (folder.path().join("part.json"), folder.path().join("report.xml"));
        fs::write(&file, part.to_string()).unwrap();
        let mut command = Command::new(self.judge);
        command.args(["run", "--no-color", "--warnings", "off", "--checks", CHECKS, "--phases", "coverage,fuzzing"]);
        command.args(["--max-examples", &self.examples.to_string(), "--seed", &self.seed.to_string()]);
        // Nothing that depends on how fast the machine is.
        command.args(["--suppress-health-check", "all", "--request-timeout", "300", "--no-shrink", "--workers", "1"]);
        command.args(["--generation-database", "none", "--continue-on-failure"]);
        command.args(["--report", "junit", "--report-junit-path"]).arg(&report);
        command.arg("--url").arg(&self.test.url);
        if let Some(role) = who {
            let (_, token) = self.test.account(&format!("tu.dong.{}", Uuid::now_v7().simple()), &[role], None).await;
            command.args(["--header", &format!("Authorization: Bearer {token}")]);
        }
        let hooks = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/interface");
        command
            .env("PYTHONPATH", hooks)
            .env("SCHEMATHESIS_HOOKS", "conformance_hooks")
            .env("PYTHONDONTWRITEBYTECODE", "1");
        command.current_dir(folder.path()).arg(&file);
        let said = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        let said = String::from_utf8_lossy(&said.stdout).into_owned() + &String::from_utf8_lossy(&said.stderr);
        assert!(report.exists(), "{said}");
        let (tried, wrong) = verdict(&report);
        assert_eq!(tried, count, "{who:?}, seed {}: operations were passed over: {said}", self.seed);
        wrong.iter().map(|wrong| format!("{who:?}, seed {}: {wrong}", self.seed)).collect()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn soak_of_calls_that_a_stranger_makes_up_each_is_answered_as_described() {
    let judge = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/venv/bin/schemathesis");
    if !judge.exists() {
        println!("SKIPPED: no schemathesis in target/venv (scripts/venv makes it)");
        return;
    }
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let (seconds, first) = (number("CHUKY_SOAK_SECONDS"), number("CHUKY_SOAK_SEED").unwrap_or(SEED));
    let until = Instant::now() + Duration::from_secs(seconds.unwrap_or(0));
    let test = TestApp::with(|settings| {
        let many = Quota { count: 1_000_000, seconds: 60 };
        let rates = &mut settings.rates;
        (rates.login, rates.login_day, rates.login_address, rates.pin) = (many, many, many, many);
        (rates.pin_address, rates.activation_address, rates.client_address) = (many, many, many);
        (rates.verify, rates.verify_address, rates.extend, rates.verdict_link) = (many, many, many, many);
    })
    .await;
    let parts = by_caller(&described(&test).await);
    let examples = if seconds.is_some() { 60 } else { EXAMPLES };
    let mut rounds = 0;
    loop {
        let seed = first + rounds;
        println!("seed {seed}");
        let run = Run { test: &test, judge: &judge, examples, seed };
        let mut wrong = Vec::new();
        for (who, (part, count)) in &parts {
            let mut found = run.part(*who, part, *count).await;
            // Nothing was said about the service then.
            for _ in 0..AGAIN {
                if !found.iter().any(|said| said.contains(OF_THE_INTERPRETER)) {
                    break;
                }
                found = run.part(*who, part, *count).await;
            }
            wrong.extend(found);
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        rounds += 1;
        if Instant::now() >= until {
            break;
        }
    }
    let operations: usize = parts.values().map(|(_, count)| count).sum();
    assert!(operations > 180, "{operations}");
    println!(
        "soak: {operations} operations by {} callers, {rounds} rounds from seed {first}: all as described",
        parts.len()
    );
    test.stop().await;
}

const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance";
/// Calls of each operation in a slice.
const EXAMPLES: u32 = 6;
/// A fault of Python 3.11 before 3.11.5 (cpython issue 106905), in which the judge ends now and then whatever is answered.
const OF_THE_INTERPRETER: &str = "AST constructor recursion depth mismatch";
/// How often the judge is asked again then.
const AGAIN: u32 = 4;
const SEED: u64 = 20_261_127;
