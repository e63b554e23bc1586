//! Words: names in full, nothing secret in a log statement, nothing left to do, no machine's paths or hosts.

use super::source::{File, Finding, Tree, finding, is_word};

/// No `get_`, no `Manager`, no `utils`.
pub fn names(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.rust() {
        let stem = file.path.rsplit('/').next().unwrap_or_default().trim_end_matches(".rs");
        if ["utils", "util", "helpers", "helper", "misc", "common"].contains(&stem) && !file.is_test(1) {
            findings.push(finding(&file.path, 1, "name", "name the file for what it holds"));
        }
        for (at, _) in file.code.match_indices("fn get_") {
            findings.push(finding(&file.path, file.line_of(at), "name", "no `get_`: name what is returned"));
        }
        for kind in ["struct", "enum", "trait"] {
            for at in file.words(kind) {
                let name: String =
                    file.code[at + kind.len()..].trim_start().chars().take_while(|c| c.is_alphanumeric()).collect();
                if ["Manager", "Helper", "Util", "Utils"].iter().any(|ending| name.ends_with(ending)) {
                    findings.push(finding(&file.path, file.line_of(at), "name", format!("`{name}`: say what it does")));
                }
            }
        }
    }
    findings
}

const LOG_MACROS: [&str; 12] = [
    "trace!",
    "debug!",
    "info!",
    "warn!",
    "error!",
    "event!",
    "span!",
    "info_span!",
    "debug_span!",
    "println!",
    "eprintln!",
    "print!",
];

/// Whole identifiers, and endings after `_`, that hold what no log may hold.
const SECRET_NAMES: [&str; 19] = [
    "pin",
    "password",
    "passphrase",
    "secret",
    "sad",
    "personal_number",
    "identity_number",
    "cccd",
    "private_key",
    "wrapped_key",
    "blob",
    "pepper",
    "sealing_key",
    "session_token",
    "api_key",
    "activation_code",
    "one_time_code",
    "plaintext",
    "cookie",
];

/// No log statement and no printed line names a secret, as a field or captured in its text.
pub fn logs(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.rust() {
        for name in LOG_MACROS {
            for at in file.words(name.trim_end_matches('!')) {
                let open = at + name.len();
                if !file.code[at..].starts_with(name) || file.is_test(file.line_of(at)) {
                    continue;
                }
                if !matches!(file.code.as_bytes().get(open), Some(b'(' | b'[' | b'{')) {
                    continue;
                }
                let end = file.closing(open);
                for word in identifiers(file, open, end) {
                    if SECRET_NAMES.iter().any(|secret| word == *secret || word.ends_with(&format!("_{secret}"))) {
                        let advice = format!("`{word}` in a log statement: log an identifier or a count in its place");
                        findings.push(finding(&file.path, file.line_of(at), "log", advice));
                    }
                }
            }
        }
    }
    findings
}

/// The identifiers of a macro's arguments: in its code, and captured as `{name}` in its text.
fn identifiers(file: &File, open: usize, end: usize) -> Vec<String> {
    let split = |text: &str| -> Vec<String> {
        text.split(|c: char| !(c.is_ascii() && is_word(c as u8)))
            .filter(|word| !word.is_empty())
            .map(str::to_lowercase)
            .collect()
    };
    let mut found = split(&file.code[open..end]);
    let text = &file.text[open..end];
    for (at, _) in text.match_indices('{') {
        let captured: String = text[at + 1..].chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        found.extend(split(&captured));
    }
    found
}

/// Marks of unfinished work, in any text. Put together here so that this file does not find itself.
const MARKS: [&str; 4] = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X:"), concat!("HA", "CK:")];

/// Nothing is marked as left to do.
pub fn left_over(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree
        .files
        .iter()
        .filter(|file| file.is_rust() || file.path.ends_with(".md") || file.path.starts_with("scripts/"))
    {
        for (index, line) in file.text.lines().enumerate() {
            if MARKS.iter().any(|mark| line.contains(mark)) {
                findings.push(finding(
                    &file.path,
                    index + 1,
                    "left over",
                    "do it, or write in docs/ what is missing and why",
                ));
            }
        }
    }
    findings
}

/// Absolute folders of some machine.
const FOLDERS: [&str; 5] = [
    concat!("/wo", "rk/"),
    concat!("/ro", "ot/"),
    concat!("/ho", "me/"),
    concat!("/Us", "ers/"),
    concat!("/tmp", "/wt"),
];

/// Hosts of package registries.
const HOSTS: [&str; 8] = [
    concat!("crates", ".io"),
    concat!("pypi", ".org"),
    concat!("python", "hosted.org"),
    concat!("npm", "js.org"),
    concat!("npm", "js.com"),
    concat!("proxy.go", "lang.org"),
    concat!("maven", ".org"),
    concat!("deb.deb", "ian.org"),
];

/// No committed file names a machine's folder or a registry's host. The lock file names its registry by design.
pub fn machines(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.files.iter().filter(|file| !file.path.ends_with("Cargo.lock")) {
        for (index, line) in file.text.lines().enumerate() {
            if FOLDERS.iter().any(|folder| names_folder(line, folder)) {
                findings.push(finding(
                    &file.path,
                    index + 1,
                    "machine",
                    "a path of one machine: make it relative or a setting",
                ));
            }
            if HOSTS.iter().any(|host| line.contains(host)) {
                findings.push(finding(&file.path, index + 1, "machine", "a registry's host: name the package only"));
            }
        }
    }
    findings
}

fn names_folder(line: &str, folder: &str) -> bool {
    line.match_indices(folder).any(|(at, _)| {
        let before = at.checked_sub(1).and_then(|index| line.as_bytes().get(index));
        before.is_none_or(|byte| matches!(byte, b' ' | b'"' | b'\'' | b'`' | b'=' | b'(' | b':' | b'<'))
    })
}
