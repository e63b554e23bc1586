//! Each rule finds what it is there for, and lets pass what it should: a rule that cannot fail is none.

use super::source::{Finding, Tree};
use super::{direction, documents, shape, web, words};

fn found(rule: fn(&Tree) -> Vec<Finding>, path: &str, text: &str) -> usize {
    rule(&Tree::of(&[(path, text)])).len()
}

#[test]
fn tidy_rules_about_direction_find() {
    assert_eq!(found(direction::sources, "src/issuance/mod.rs", "use axum::Json;"), 1);
    assert_eq!(found(direction::sources, "src/http/mod.rs", "use axum::Json;"), 0);
    assert_eq!(found(direction::sources, "pki/src/path.rs", "use openssl::x509::X509;"), 1);
    assert_eq!(found(direction::sources, "pki/src/crypto.rs", "use openssl::x509::X509;"), 0);
    assert_eq!(found(direction::sources, "pki/src/path.rs", "// openssl disagrees\nlet text = \"openssl\";"), 0);
    assert_eq!(found(direction::sources, "hsm/src/lib.rs", "#[cfg(test)]\nmod tests { use openssl::x509; }"), 0);
    assert_eq!(found(direction::sources, "src/signing/mod.rs", "let now = SystemTime::now();"), 1);
    let manifest = "[dependencies]\nchuky-hsm.workspace = true\n[dev-dependencies]\naxum = \"1\"\n";
    let wrong: Vec<String> =
        direction::manifests(&Tree::of(&[("pki/Cargo.toml", manifest)])).iter().map(Finding::to_string).collect();
    assert_eq!(wrong.iter().filter(|line| line.starts_with("pki/Cargo.toml:2:")).count(), 1, "{wrong:?}");
}

#[test]
fn tidy_rules_about_shape_find() {
    let long = format!("fn long() {{\n{}}}\n", "    step();\n".repeat(70));
    assert_eq!(found(shape::lengths, "src/a.rs", &long), 1);
    assert_eq!(found(shape::lengths, "src/a.rs", &long.replacen("    step();\n", "", 2)), 0);
    assert_eq!(found(shape::lengths, "src/a.rs", &"// line\n".repeat(501)), 1);
    let exception = ("tests/tidy/exceptions.txt", "src/a.rs::long 80\n");
    assert_eq!(shape::lengths(&Tree::of(&[("src/a.rs", &long), exception])).len(), 1, "the number must fall");
    assert_eq!(found(shape::heads, "src/a.rs", "fn a() {}"), 1);
    assert_eq!(found(shape::documentation, "src/a.rs", "pub fn a() {}"), 1);
    assert_eq!(found(shape::documentation, "src/a.rs", "/// A.\n#[must_use]\npub fn a() {}"), 0);
    assert_eq!(found(shape::panics, "src/a.rs", "let a = b.unwrap();"), 1);
    assert_eq!(found(shape::panics, "src/a.rs", "let a = b.expect(\"works\");"), 1);
    assert_eq!(found(shape::panics, "src/a.rs", "let a = b.expect(\"the length was checked above\");"), 0);
    assert_eq!(found(shape::panics, "src/a.rs", "let a = reader.expect(tag::OID, WHAT)?;"), 0);
    assert_eq!(found(shape::panics, "tests/a.rs", "let a = b.unwrap();"), 0);
    assert_eq!(found(shape::unsafe_code, "src/a.rs", "unsafe { call() }"), 1);
    assert_eq!(found(shape::unsafe_code, "src/a.rs", "// SAFETY: the pointer lives.\nunsafe { call() }"), 0);
}

#[test]
fn tidy_rules_about_words_find() {
    assert_eq!(found(words::logs, "src/a.rs", "tracing::info!(event = \"seal\", pin = %pin);"), 2);
    assert_eq!(found(words::logs, "src/a.rs", "info!(\"opened {new_pin}\");"), 1);
    assert_eq!(found(words::logs, "src/a.rs", "info!(event = \"wrong PIN\", credential = %id);"), 0);
    assert_eq!(found(words::names, "src/utils.rs", "fn get_key() {}\nstruct KeyManager;"), 3);
    assert_eq!(found(words::left_over, "src/a.rs", concat!("// TO", "DO: later")), 1);
    assert_eq!(found(words::machines, "docs/a.md", concat!("see /ro", "ot/notes")), 1);
    assert_eq!(found(words::machines, "src/a.rs", "/ca/root/crl"), 0);
}

#[test]
fn tidy_rules_about_pages_and_documents_find() {
    let script = ("scripts/soak", "runs=(\n    soak_one\n)\n");
    let missing = |text: &str| documents::long_runs(&Tree::of(&[script, ("tests/a.rs", text)])).len();
    assert_eq!(missing("async fn soak_one() {}\nasync fn soak_two() {}\n    (\"soak_three\", three),\n"), 2);
    assert_eq!(found(web::pages, "web/templates/a.html", "<p style=\"color: red\">"), 1);
    assert_eq!(found(web::pages, "web/templates/a.html", "<script>run()</script>"), 1);
    assert_eq!(found(web::pages, "web/styles/a.css", "@import url(https://elsewhere/a.css)"), 1);
    let texts = [("web/texts/vi/a.ftl", "one = Một\n"), ("web/texts/en/a.ftl", "one = One\ntwo = Two\n")];
    assert_eq!(web::languages(&Tree::of(&texts)).len(), 1);
    let migrations = [("migrations/sqlite/0001_a.sql", ""), ("migrations/postgres/0001_b.sql", "")];
    assert_eq!(documents::migrations(&Tree::of(&migrations)).len(), 2);
    let test = ("tests/a.rs", "#[test]\nfn a_thing_is_so() {}\nfn no_test_at_all() {}\n");
    let named = |text| documents::named_tests(&Tree::of(&[test, ("docs/threats.md", text)])).len();
    assert_eq!(named("`a_thing_is_so`, `server.tls`"), 0);
    assert_eq!((named("`another_thing_is_so`"), named("`no_test_at_all`"), named("none")), (1, 1, 1));
}
