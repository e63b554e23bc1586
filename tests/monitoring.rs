//! The figures that documents, alert rules and dashboard name are those that the service gives.

use crate::{
    harness::app::TestApp,
    tls::{Authority, by_tls, curl},
};
use std::{collections::BTreeSet, fs};

fn text(path: &str) -> String {
    fs::read_to_string(format!("{}/{path}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

/// Names of figures that stand in a text.
fn figures(text: &str) -> BTreeSet<String> {
    let words = text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
    words.filter(|word| word.starts_with("chuky_")).map(str::to_owned).collect()
}

/// Counts since the start.
const ONLY_GROW: [&str; 4] =
    ["chuky_connections_refused", "chuky_log_lines_lost", "chuky_payment_reasons", "chuky_payments"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn documents_rules_and_dashboard_name_what_the_service_gives() {
    let authority = Authority::new("Servers");
    let test = TestApp::with(|settings| by_tls(settings, &authority)).await;
    let (done, said) = curl(&test, &authority, "/metrics", &[]).await;
    assert!(done, "{said}");
    let given: BTreeSet<String> =
        said.lines().filter_map(|line| line.strip_prefix("# HELP ")?.split(' ').next().map(str::to_owned)).collect();
    // Every line has a value of a figure that is explained, and every figure has its type.
    for line in said.lines().filter(|line| line.starts_with("chuky_")) {
        let (name, value) = line.rsplit_once(' ').unwrap();
        assert!(given.contains(name.split('{').next().unwrap()) && value.parse::<f64>().is_ok(), "{line}");
    }
    assert_eq!(said.matches("# TYPE ").count(), given.len());
    let document = text("docs/monitoring.md");
    let table: BTreeSet<String> = document
        .lines()
        .filter_map(|line| line.strip_prefix("| `chuky_")?.split('`').next().map(|name| format!("chuky_{name}")))
        .collect();
    assert_eq!(table, given, "the table of docs/monitoring.md");
    let rules = text("packaging/chuky.rules.yml");
    let alerts = rules.lines().filter(|line| line.trim().starts_with("- alert: ")).count();
    let expressions: Vec<&str> = rules.lines().filter_map(|line| line.trim().strip_prefix("expr: ")).collect();
    assert_eq!((alerts, rules.matches("severity: ").count()), (expressions.len(), alerts));
    for expression in expressions {
        let named = figures(expression);
        assert!(named.is_subset(&given), "{expression}");
        let balanced = |open, close| expression.matches(open).count() == expression.matches(close).count();
        assert!(balanced('(', ')') && balanced('{', '}') && balanced('[', ']'), "{expression}");
        // A figure that falls when rows are cleared up would be taken for one that begins anew.
        let only_grows = |name: &String| ONLY_GROW.contains(&name.as_str());
        let grows = ["increase(", "rate("].iter().any(|of| expression.contains(of));
        assert!(!grows || named.iter().all(only_grows), "{expression}");
    }
    // However long `authority.crl_hours` lets a list live.
    let of_lists = rules.split("- alert: ChukyListEnds").nth(1).and_then(|rest| rest.lines().nth(1)).unwrap();
    assert!(of_lists.contains(" / chuky_revocation_list_life_seconds < 0.25"), "{of_lists}");
    // Whatever says that something is wrong has an alert.
    let quiet = ["chuky_hsm_workers"].map(str::to_owned).into();
    assert_eq!(given.difference(&figures(&rules)).cloned().collect::<BTreeSet<_>>(), quiet);
    let dashboard: serde_json::Value = serde_json::from_str(&text("packaging/chuky-dashboard.json")).unwrap();
    let mut shown = BTreeSet::new();
    for panel in dashboard["panels"].as_array().unwrap() {
        for target in panel["targets"].as_array().unwrap() {
            shown.extend(figures(target["expr"].as_str().unwrap()));
        }
    }
    assert_eq!(shown, given);
}
