//! House rules that no compiler checks: direction of dependencies, sizes, words, documents, both languages.
//! Uses the standard library only, so that `scripts/tidy` can build and run it alone in seconds; never changes a file.
//! Each finding is one line: `file:line: rule: what is wrong; what to do`.

#[path = "tidy/direction.rs"]
mod direction;
#[path = "tidy/documents.rs"]
mod documents;
#[path = "tidy/self_test.rs"]
mod self_test;
#[path = "tidy/shape.rs"]
mod shape;
#[path = "tidy/source.rs"]
mod source;
#[path = "tidy/web.rs"]
mod web;
#[path = "tidy/words.rs"]
mod words;

use source::{Finding, Tree};

fn hold(rule: fn(&Tree) -> Vec<Finding>) {
    let mut findings = rule(&Tree::read());
    findings.sort();
    let lines: Vec<String> = findings.iter().map(Finding::to_string).collect();
    assert!(lines.is_empty(), "\n{}\n{} finding(s)\n", lines.join("\n"), lines.len());
}

#[test]
fn tidy_packages_depend_downwards_only() {
    hold(direction::sources);
}

#[test]
fn tidy_manifests_depend_downwards_only() {
    hold(direction::manifests);
}

#[test]
fn tidy_functions_and_files_are_short() {
    hold(shape::lengths);
}

#[test]
fn tidy_modules_say_what_they_are_for() {
    hold(shape::heads);
}

#[test]
fn tidy_public_items_are_documented() {
    hold(shape::documentation);
}

#[test]
fn tidy_outside_input_cannot_panic() {
    hold(shape::panics);
}

#[test]
fn tidy_unsafe_code_says_why() {
    hold(shape::unsafe_code);
}

#[test]
fn tidy_names_are_full_words() {
    hold(words::names);
}

#[test]
fn tidy_logs_hold_no_secret() {
    hold(words::logs);
}

#[test]
fn tidy_nothing_is_left_to_do() {
    hold(words::left_over);
}

#[test]
fn tidy_files_know_no_machine() {
    hold(words::machines);
}

#[test]
fn tidy_both_languages_are_complete() {
    hold(web::languages);
}

#[test]
fn tidy_pages_load_nothing_foreign() {
    hold(web::pages);
}

#[test]
fn tidy_documents_exist_and_their_links_lead_somewhere() {
    hold(documents::links);
}

#[test]
fn tidy_both_databases_have_the_same_migrations() {
    hold(documents::migrations);
}

#[test]
fn tidy_tests_that_documents_name_exist() {
    hold(documents::named_tests);
}

#[test]
fn tidy_long_runs_are_listed() {
    hold(documents::long_runs);
}
