//! The description of the API: every route is in it once, with a name of its own and with what it may refuse.

use crate::harness::app::TestApp;
use chuky::http::{self, Access};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// The description as the service gives it.
pub async fn described(test: &TestApp) -> Value {
    let (status, description) = test.get("/api/v1/openapi.json", "").await;
    assert_eq!(status, 200);
    description
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_operation_says_what_it_may_refuse() {
    let test = TestApp::sqlite().await;
    let description = described(&test).await;
    let mut names = BTreeMap::new();
    let (mut wrong, mut count) = (Vec::new(), 0);
    for route in http::routes().into_iter().filter(|route| route.path.starts_with("/api/")) {
        let method = route.method.as_str().to_lowercase();
        let operation = &description["paths"][route.path][&method];
        // The description does not describe itself.
        if operation.is_null() {
            if route.path != "/api/v1/openapi.json" {
                wrong.push(format!("{method} {} is not described", route.path));
            }
            continue;
        }
        count += 1;
        let name = operation["operationId"].as_str().unwrap_or_default().to_owned();
        if let Some(other) = names.insert(name.clone(), route.path) {
            wrong.push(format!("{method} {}: the name {name} is also that of {other}", route.path));
        }
        let has = |status: &str| operation["responses"].get(status).is_some();
        let somebody = route.access != Access::Public;
        let (parameters, body) = (operation.get("parameters").is_some(), operation.get("requestBody").is_some());
        let expected = [
            ("401", somebody),
            ("403", somebody || method != "get"),
            ("404", parameters || body),
            ("409", method != "get"),
            ("413", body),
            ("422", parameters || body),
            ("429", method != "get"),
            ("500", true),
            ("503", true),
        ];
        wrong.extend(
            expected
                .iter()
                .filter(|(status, expected)| *expected && !has(status))
                .map(|(status, _)| format!("{method} {}: {status} is missing", route.path)),
        );
        for (status, response) in operation["responses"].as_object().unwrap() {
            let response = match response["$ref"].as_str() {
                Some(named) => description.pointer(named.trim_start_matches('#')).unwrap(),
                None => response,
            };
            let kinds: Vec<&String> = response["content"].as_object().into_iter().flat_map(|all| all.keys()).collect();
            if status.as_str() >= "400" && kinds != ["application/problem+json"] {
                wrong.push(format!("{method} {}: {status} is {kinds:?}", route.path));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
    assert!(count > 150, "{count}");
}

/// Two types of one name would be one schema, and which of the two is left to chance.
#[test]
fn no_two_types_are_one_schema() {
    let mut names: BTreeMap<String, PathBuf> = BTreeMap::new();
    let (mut twice, mut folders) = (Vec::new(), ["src", "model/src", "pki/src"].map(PathBuf::from).to_vec());
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(&folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "rs") {
                for name in schemas(&fs::read_to_string(&path).unwrap()) {
                    if let Some(other) = names.insert(name.clone(), path.clone()) {
                        twice.push(format!("{name}: {} and {}", path.display(), other.display()));
                    }
                }
            }
        }
    }
    assert!(names.len() > 150, "{}", names.len());
    assert_eq!(twice, Vec::<String>::new(), "give one of them another name: #[schema(as = …)]");
}

/// The names under which the types of a file are described.
fn schemas(text: &str) -> Vec<String> {
    let word = |text: &str| text.chars().take_while(|one| one.is_alphanumeric() || *one == '_').collect::<String>();
    let after = |text: &str, mark: &str| text.split_once(mark).map(|(_, rest)| word(rest));
    let mut found = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if !(line.starts_with("#[derive(") && line.contains("ToSchema")) {
            continue;
        }
        let mut named = None;
        for line in lines.by_ref() {
            named = named.or_else(|| after(line, "#[schema(as = "));
            if let Some(name) =
                after(line, "struct ").or_else(|| after(line, "enum ")).filter(|_| !line.starts_with("//"))
            {
                found.push(named.unwrap_or(name));
                break;
            }
        }
    }
    found
}
