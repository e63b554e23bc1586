//! The pages: both languages say the same things, and nothing is loaded from elsewhere or written inline.

use super::source::{Finding, Tree, finding};
use std::collections::{BTreeMap, BTreeSet};

const TEXTS: &str = "web/texts/";

/// Each language has the same files with the same keys.
pub fn languages(tree: &Tree) -> Vec<Finding> {
    let mut keys: BTreeMap<&str, BTreeSet<(String, String)>> =
        BTreeMap::from([("vi", BTreeSet::new()), ("en", BTreeSet::new())]);
    let mut places = BTreeMap::new();
    for file in tree.files.iter().filter(|file| file.path.starts_with(TEXTS) && file.path.ends_with(".ftl")) {
        let Some((language, name)) = file.path[TEXTS.len()..].split_once('/') else { continue };
        for (index, line) in file.text.lines().enumerate() {
            let Some((key, _)) = line.split_once('=') else { continue };
            if line.starts_with(|first: char| first.is_ascii_alphabetic()) {
                let entry = (name.to_owned(), key.trim().to_owned());
                places.insert((language.to_owned(), entry.clone()), (file.path.clone(), index + 1));
                if let Some(known) = keys.get_mut(language) {
                    known.insert(entry);
                }
            }
        }
    }
    let mut findings = Vec::new();
    for (have, lack) in [("vi", "en"), ("en", "vi")] {
        for entry in keys[have].difference(&keys[lack]) {
            let (path, line) = &places[&(have.to_owned(), entry.clone())];
            let advice = format!("`{}` is missing in {TEXTS}{lack}/{}", entry.1, entry.0);
            findings.push(finding(path, *line, "language", advice));
        }
    }
    findings
}

/// Attributes and elements that a strict content security policy refuses.
const INLINE: [&str; 6] = [" style=\"", " onclick=", " onsubmit=", " onchange=", "<style", "javascript:"];

/// Templates, styles and scripts name no other host and hold nothing inline.
pub fn pages(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    let shown =
        |path: &str| ["web/templates/", "web/styles/", "web/scripts/"].iter().any(|folder| path.starts_with(folder));
    for file in tree.files.iter().filter(|file| shown(&file.path)) {
        let template = file.path.ends_with(".html");
        for (index, line) in file.text.lines().enumerate() {
            let foreign = ["http://", "https://", "\"//"].iter().any(|scheme| line.contains(scheme));
            if foreign && !line.contains("http://www.w3.org/") {
                findings.push(finding(&file.path, index + 1, "page", "no external resource: embed it"));
            }
            if template && INLINE.iter().any(|mark| line.contains(mark)) {
                findings.push(finding(&file.path, index + 1, "page", "nothing inline: use web/styles or web/scripts"));
            }
            if template && line.contains("<script") && !line.contains("src=") {
                findings.push(finding(&file.path, index + 1, "page", "no inline script: put it in web/scripts"));
            }
        }
    }
    findings
}
