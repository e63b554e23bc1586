//! The shape of the code: lengths with a ratchet, the head of each module, and what can panic or is unsafe.

use super::source::{File, Finding, Tree, finding};
use std::collections::BTreeMap;

const LONGEST_FUNCTION: usize = 70;
const LONGEST_FILE: usize = 500;
const EXCEPTIONS: &str = "tests/tidy/exceptions.txt";

/// Functions of at most 70 lines, files of at most 500, save for the exceptions, whose numbers may only fall.
pub fn lengths(tree: &Tree) -> Vec<Finding> {
    let mut exceptions = exceptions(tree);
    let mut findings = Vec::new();
    for file in tree.rust() {
        let mut measured = vec![(file.path.clone(), 1, file.text.lines().count(), LONGEST_FILE)];
        for (name, line, length) in functions(file) {
            measured.push((format!("{}::{name}", file.path), line, length, LONGEST_FUNCTION));
        }
        for (key, line, length, most) in measured {
            let allowed = exceptions.remove(&key).filter(|allowed| *allowed > most);
            match allowed {
                None if length > most => {
                    let advice = format!("{key} has {length} lines, {most} are allowed; split it by meaning");
                    findings.push(finding(&file.path, line, "length", advice));
                }
                Some(allowed) if length > allowed => {
                    let advice = format!("{key} grew from {allowed} to {length} lines; split it by meaning");
                    findings.push(finding(&file.path, line, "length", advice));
                }
                Some(allowed) if length < allowed => {
                    let advice =
                        format!("{key} fell from {allowed} to {length} lines; lower its number in {EXCEPTIONS}");
                    findings.push(finding(&file.path, line, "length", advice));
                }
                _ => {}
            }
        }
    }
    for key in exceptions.keys() {
        findings.push(finding(EXCEPTIONS, 1, "length", format!("{key} is gone or short now; take its line out")));
    }
    findings
}

fn exceptions(tree: &Tree) -> BTreeMap<String, usize> {
    let file = tree.files.iter().find(|file| file.path == EXCEPTIONS);
    let lines = file.map(|file| file.text.as_str()).unwrap_or_default().lines();
    lines
        .filter(|line| !line.starts_with('#') && !line.trim().is_empty())
        .filter_map(|line| line.rsplit_once(' '))
        .filter_map(|(key, number)| Some((key.trim().to_owned(), number.parse().ok()?)))
        .collect()
}

/// Name, first line and number of lines of each function with a body.
fn functions(file: &File) -> Vec<(String, usize, usize)> {
    let code = file.code.as_bytes();
    let mut found = Vec::new();
    for at in file.words("fn") {
        let name: String =
            file.code[at + 2..].trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        if name.is_empty() {
            continue;
        }
        let mut body = at;
        while body < code.len() && !matches!(code[body], b'{' | b';') {
            body = if matches!(code[body], b'(' | b'[') { file.closing(body) } else { body + 1 };
        }
        if code.get(body) == Some(&b'{') {
            let first = file.line_of(at);
            let last = file.line_of(file.closing(body) - 1);
            found.push((name, first, last - first + 1));
        }
    }
    found
}

/// Each file opens with what it is for.
pub fn heads(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.rust() {
        let head: String = file.text.lines().take_while(|line| line.starts_with("//!")).collect();
        // A text that is included into two packages cannot carry an inner doc comment.
        let included = file.path.starts_with("store/src/") && file.text.starts_with("// ");
        if head.len() < SHORTEST_HEAD && !included {
            let advice =
                "open with `//!` and two or three sentences: what it is for, what it may use, what it must never do";
            findings.push(finding(&file.path, 1, "head", advice));
        }
    }
    findings
}

const SHORTEST_HEAD: usize = 40;

/// Public items of the packages' interfaces have documentation; variants and fields whose names say everything need none.
pub fn documentation(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.rust() {
        let lines: Vec<&str> = file.text.lines().collect();
        for (index, line) in lines.iter().enumerate() {
            let item = PUBLIC_ITEMS.iter().find(|item| line.trim_start().starts_with(**item));
            // A constant's name says what it is; in a table of bounds its unit and source must be said, too.
            let exempt = file.is_test(index + 1)
                || line.contains('$')
                || (line.contains("pub const ") && !file.path.ends_with("limits.rs"));
            let Some(item) = item.filter(|_| !exempt) else { continue };
            let attribute = |line: &&str| line.starts_with("#[") || line.starts_with(')') || line.ends_with(")]");
            let above = lines[..index].iter().rev().map(|line| line.trim()).find(|line| !attribute(line));
            if !above.is_some_and(|line| line.starts_with("///") || line.starts_with('$')) {
                let advice = format!("`{item}…`: say in a `///` line what it is, its units, its errors");
                findings.push(finding(&file.path, index + 1, "documentation", advice));
            }
        }
    }
    findings
}

const PUBLIC_ITEMS: [&str; 8] =
    ["pub fn ", "pub async fn ", "pub struct ", "pub enum ", "pub trait ", "pub type ", "pub const ", "pub static "];

/// No `unwrap`, no bare `expect`, no `unreachable!` without a reason, outside tests.
pub fn panics(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.rust() {
        let mut found = |at: usize, advice: &str| {
            let line = file.line_of(at);
            if !file.is_test(line) {
                findings.push(finding(&file.path, line, "panic", advice));
            }
        };
        for call in [".unwrap()", ".unwrap_err()", ".unwrap_unchecked()"] {
            file.code.match_indices(call).for_each(|(at, _)| found(at, "`unwrap`: answer with an error of the crate"));
        }
        for call in [".expect(", "unreachable!(", "panic!("] {
            for (at, _) in file.code.match_indices(call) {
                // A method of ours with the same name takes more than a reason.
                let arguments = &file.code[at + call.len()..file.closing(at + call.len() - 1)];
                let ours = call == ".expect(" && arguments.trim_end_matches([')', ' ', '\n', ',']).contains(',');
                if !ours && reason(file, at + call.len()).split_whitespace().count() < FEWEST_WORDS {
                    found(at, "give the reason why this cannot happen (three words or more), or answer with an error");
                }
            }
        }
    }
    findings
}

const FEWEST_WORDS: usize = 3;

/// The string literal that begins at or right after an offset, without its quotes.
fn reason(file: &File, at: usize) -> &str {
    let rest = &file.code[at..];
    let start = at + rest.len() - rest.trim_start().len();
    let Some(inside) = file.code[start..].strip_prefix('"') else { return "" };
    let length = inside.find('"').unwrap_or(0);
    &file.text[start + 1..start + 1 + length]
}

/// Each unsafe block stands under a SAFETY comment.
pub fn unsafe_code(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.rust() {
        let lines: Vec<&str> = file.text.lines().collect();
        for at in file.words("unsafe") {
            let line = file.line_of(at);
            let above = &lines[line.saturating_sub(NEAR)..line];
            if !above.iter().any(|text| text.contains("SAFETY:") || text.contains("# Safety")) {
                findings.push(finding(
                    &file.path,
                    line,
                    "unsafe",
                    "say in a `// SAFETY:` comment above why it is sound",
                ));
            }
        }
    }
    findings
}

const NEAR: usize = 8;
