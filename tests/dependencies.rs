//! What `make check` says of dependencies: they are clean as they stand, and an advisory about one of them is found in a copy of the RustSec database.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

fn checked(advisories: Option<&Path>) -> (bool, String) {
    let mut command = Command::new("scripts/dependencies");
    command.arg("check").current_dir(env!("CARGO_MANIFEST_DIR")).env_remove("ADVISORIES");
    if let Some(folder) = advisories {
        command.env("ADVISORIES", folder);
    }
    let Output { status, stdout, stderr } = command.output().unwrap();
    (status.success(), String::from_utf8([stdout, stderr].concat()).unwrap())
}

fn write(folder: &Path, package: &str, id: &str, more: &str, versions: &str) {
    let directory = folder.join("crates").join(package);
    fs::create_dir_all(&directory).unwrap();
    let text = format!(
        "```toml\n[advisory]\nid = \"{id}\"\npackage = \"{package}\"\n{more}\n[versions]\n{versions}\n```\n\n# Title\n"
    );
    fs::write(directory.join(format!("{id}.md")), text).unwrap();
}

#[test]
fn dependencies_are_admitted_and_an_advisory_is_found() {
    let (clean, said) = checked(None);
    assert!(clean && said.contains("advisories: NOT compared"), "{said}");
    let folder = tempfile::tempdir().unwrap();
    let (clean, said) = checked(Some(folder.path()));
    assert!(!clean && said.contains("holds no advisory"), "{said}");
    write(folder.path(), "axum", "RUSTSEC-2999-0001", "", "patched = [\">= 0.7.1\"]");
    write(folder.path(), "axum", "RUSTSEC-2999-0002", "withdrawn = \"2999-01-01\"", "patched = []");
    write(folder.path(), "serde", "RUSTSEC-2999-0003", "", "patched = [\"^1.0.1\"]\nunaffected = [\"< 1.0.0\"]");
    write(folder.path(), "no-such-crate", "RUSTSEC-2999-0004", "", "patched = []");
    write(folder.path(), "hex", "RUSTSEC-2999-0005", "informational = \"unmaintained\"", "patched = []");
    let (clean, said) = checked(Some(folder.path()));
    assert!(clean && said.contains("5 compared") && said.contains("RUSTSEC-2999-0005 (unmaintained)"), "{said}");
    write(folder.path(), "ring", "RUSTSEC-2999-0006", "", "patched = [\">= 99.0.0\"]\nunaffected = [\"< 0.17.0\"]");
    write(folder.path(), "der", "RUSTSEC-2999-0007", "", "patched = [\"~0.7.9\", \"> 0.99.0\"]");
    let (clean, said) = checked(Some(folder.path()));
    assert!(!clean && said.contains("RUSTSEC-2999-0006") && said.contains("RUSTSEC-2999-0007"), "{said}");
    assert!(!["1", "2", "3", "4"].iter().any(|last| said.contains(&format!("2999-000{last}"))), "{said}");
}
