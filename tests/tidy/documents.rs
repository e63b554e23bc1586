//! The documents a reader expects are there, their links lead somewhere, and both databases are migrated alike.

use super::source::{Finding, Tree, finding};
use std::collections::BTreeSet;

const EXPECTED: [&str; 14] = [
    "README.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "CHANGELOG.md",
    "LICENSE",
    "docs/README.md",
    "docs/operators.md",
    "docs/integrators.md",
    "docs/custody.md",
    "docs/threats.md",
    "docs/asvs.md",
    "docs/settings.md",
    "docs/performance.md",
    "docs/decisions/README.md",
];

/// Expected documents, and relative links of every document.
pub fn links(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for path in EXPECTED {
        if !tree.files.iter().any(|file| file.path == path) {
            findings.push(finding(path, 1, "document", "is missing: write it"));
        }
    }
    for file in tree.files.iter().filter(|file| file.path.ends_with(".md")) {
        let folder = file.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        for (index, line) in file.text.lines().enumerate() {
            for (at, _) in line.match_indices("](") {
                let target = line[at + 2..].split([')', '#', ' ']).next().unwrap_or_default();
                if target.is_empty() || target.contains("://") || target.starts_with("mailto:") {
                    continue;
                }
                if !tree.root.join(folder).join(target).exists() {
                    findings.push(finding(
                        &file.path,
                        index + 1,
                        "document",
                        format!("link to {target} leads nowhere"),
                    ));
                }
            }
        }
    }
    findings
}

/// `migrations/sqlite` and `migrations/postgres` hold files of the same names.
pub fn migrations(tree: &Tree) -> Vec<Finding> {
    let of = |dialect: &str| -> BTreeSet<&str> {
        tree.files
            .iter()
            .filter_map(|file| file.path.strip_prefix("migrations/")?.strip_prefix(dialect)?.strip_prefix('/'))
            .collect()
    };
    let (sqlite, postgres) = (of("sqlite"), of("postgres"));
    let mut findings = Vec::new();
    for name in sqlite.symmetric_difference(&postgres) {
        let dialect = if sqlite.contains(name) { "sqlite" } else { "postgres" };
        let advice = "stands for one database only: write the other with the same name";
        findings.push(finding(&format!("migrations/{dialect}/{name}"), 1, "migration", advice));
    }
    findings
}

/// Documents that say which test shows what they claim.
const WITH_TESTS: [&str; 2] = ["docs/threats.md", "docs/asvs.md"];

/// Every test that such a document names is there: a name in code letters with two underscores or more.
pub fn named_tests(tree: &Tree) -> Vec<Finding> {
    let tests: BTreeSet<&str> = tree.rust().flat_map(|file| tests_of(&file.text)).collect();
    let mut findings = Vec::new();
    for file in tree.files.iter().filter(|file| WITH_TESTS.contains(&file.path.as_str())) {
        let mut named = 0;
        for (index, line) in file.text.lines().enumerate() {
            let names = line.split('`').skip(1).step_by(2).filter(|name| is_test_name(name));
            for name in names {
                named += 1;
                if !tests.contains(name) {
                    let advice = format!("no test is called {name}: name the one that shows it, or say that none does");
                    findings.push(finding(&file.path, index + 1, "named test", advice));
                }
            }
        }
        if named == 0 {
            findings.push(finding(&file.path, 1, "named test", "names no test: say which one shows what it claims"));
        }
    }
    findings
}

fn is_test_name(text: &str) -> bool {
    text.matches('_').count() >= 2
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

fn tests_of(text: &str) -> Vec<&str> {
    let mut names = Vec::new();
    let mut is_test = false;
    for line in text.lines().map(str::trim) {
        if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
            is_test = true;
        } else if let Some(rest) = line.strip_prefix("async fn ").or_else(|| line.strip_prefix("fn ")) {
            if is_test {
                names.extend(rest.split('(').next());
            }
            is_test = false;
        }
    }
    names
}

/// Where `make soak` lists its runs.
const LONG_RUNS: &str = "scripts/soak";

/// Each test whose name begins with `soak_`, also one of a list, is among the long runs.
pub fn long_runs(tree: &Tree) -> Vec<Finding> {
    let Some(script) = tree.files.iter().find(|file| file.path == LONG_RUNS) else { return Vec::new() };
    let listed: BTreeSet<&str> = script.text.lines().map(str::trim).filter(|line| line.starts_with("soak_")).collect();
    let mut findings = Vec::new();
    for file in tree.rust() {
        for (index, line) in file.text.lines().enumerate() {
            let line = line.trim();
            let name = line
                .strip_prefix("async fn ")
                .or_else(|| line.strip_prefix("fn "))
                .or_else(|| line.strip_prefix("(\""));
            let name = name.and_then(|rest| rest.split(['(', '"']).next()).filter(|name| name.starts_with("soak_"));
            if let Some(name) = name.filter(|name| !listed.contains(name)) {
                findings.push(finding(&file.path, index + 1, "long run", format!("{name} is missing in {LONG_RUNS}")));
            }
        }
    }
    findings
}
