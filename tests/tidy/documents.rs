//! The documents a reader expects are there, their links lead somewhere, and both databases are migrated alike.

use super::source::{Finding, Tree, finding};
use std::collections::BTreeSet;

const EXPECTED: [&str; 11] = [
    "README.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "CHANGELOG.md",
    "LICENSE",
    "docs/README.md",
    "docs/operators.md",
    "docs/integrators.md",
    "docs/custody.md",
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
