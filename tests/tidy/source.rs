//! The tree as the rules see it: each file's text, and for Rust its code with comments and strings blanked out.
//! Offsets and lines are the same in both, so that a rule can look from one into the other.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

/// One broken rule at one place.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    path: String,
    line: usize,
    rule: &'static str,
    advice: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}: {}: {}", self.path, self.line, self.rule, self.advice)
    }
}

/// A finding at a line, counted from 1.
pub fn finding(path: &str, line: usize, rule: &'static str, advice: impl Into<String>) -> Finding {
    Finding { path: path.to_owned(), line, rule, advice: advice.into() }
}

/// One file: its path from the root with `/`, its text, and its code.
pub struct File {
    pub path: String,
    pub text: String,
    /// The text with what is in comments and strings turned to blanks; empty where the file is not Rust.
    pub code: String,
    test_lines: Vec<bool>,
}

impl File {
    fn new(path: String, text: String) -> Self {
        let code = if path.ends_with(".rs") { blank(&text) } else { String::new() };
        let lines = text.lines().count() + 1;
        let all = is_test_path(&path);
        let mut file = Self { path, text, code, test_lines: vec![all; lines] };
        for (from, to) in test_regions(&file) {
            file.test_lines[from - 1..to].fill(true);
        }
        file
    }

    pub fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    pub fn line_of(&self, offset: usize) -> usize {
        self.text.as_bytes()[..offset].iter().filter(|byte| **byte == b'\n').count() + 1
    }

    /// True for tests, measurements and whatever is under `#[cfg(test)]`.
    pub fn is_test(&self, line: usize) -> bool {
        self.test_lines.get(line - 1).copied().unwrap_or(false)
    }

    /// Offsets at which `word` stands in the code as a whole word.
    pub fn words<'a>(&'a self, word: &'a str) -> impl Iterator<Item = usize> + 'a {
        self.code.match_indices(word).map(|(at, _)| at).filter(move |at| {
            let bytes = self.code.as_bytes();
            let before = at.checked_sub(1).is_none_or(|index| !is_word(bytes[index]));
            let after = bytes.get(at + word.len()).is_none_or(|byte| !is_word(*byte));
            before && after
        })
    }

    /// The offset just after the bracket that closes the one at `open`.
    pub fn closing(&self, open: usize) -> usize {
        closing(self.code.as_bytes(), open)
    }
}

/// True for what an identifier is made of.
pub fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Every text file of the repository.
pub struct Tree {
    pub root: PathBuf,
    pub files: Vec<File>,
}

const SKIPPED: [&str; 4] = ["target", "var", ".git", "node_modules"];
const LARGEST_TEXT: u64 = 2 << 20;

impl Tree {
    /// A tree of files that exist only in a test of the rules.
    pub fn of(files: &[(&str, &str)]) -> Self {
        let files = files.iter().map(|(path, text)| File::new((*path).to_owned(), (*text).to_owned())).collect();
        Self { root: PathBuf::from("."), files }
    }

    pub fn read() -> Self {
        let root = option_env!("CARGO_MANIFEST_DIR").map_or_else(|| PathBuf::from("."), PathBuf::from);
        let mut paths = Vec::new();
        walk(&root, &mut paths);
        paths.sort();
        let mut files: Vec<File> = paths.iter().filter_map(|path| read(&root, path)).collect();
        let test_files: Vec<String> = files.iter().flat_map(declared_test_files).collect();
        for file in &mut files {
            if test_files.contains(&file.path) {
                file.test_lines.fill(true);
            }
        }
        Self { root, files }
    }

    pub fn rust(&self) -> impl Iterator<Item = &File> {
        self.files.iter().filter(|file| file.is_rust())
    }
}

fn walk(folder: &Path, paths: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder of the repository can be listed").flatten() {
        let path = entry.path();
        let name = entry.file_name();
        let kind = entry.file_type().expect("an entry of the repository has a type");
        if SKIPPED.iter().any(|skipped| name == *skipped) {
            continue;
        }
        if kind.is_dir() {
            walk(&path, paths);
        } else if kind.is_file() && entry.metadata().is_ok_and(|data| data.len() <= LARGEST_TEXT) {
            paths.push(path);
        }
    }
}

fn read(root: &Path, path: &Path) -> Option<File> {
    let text = String::from_utf8(fs::read(path).ok()?).ok()?;
    Some(File::new(path.strip_prefix(root).ok()?.to_str()?.to_owned(), text))
}

fn is_test_path(path: &str) -> bool {
    let folder = |name: &str| path.starts_with(&format!("{name}/")) || path.contains(&format!("/{name}/"));
    folder("tests") || folder("benches") || folder("fuzz") || folder("examples") || path.ends_with("/tests.rs")
}

fn test_attributes(file: &File) -> impl Iterator<Item = usize> + '_ {
    ["#[cfg(test)]", "#[cfg(any(test", "#[cfg(all(test"]
        .into_iter()
        .flat_map(|attribute| file.code.match_indices(attribute).map(|(at, _)| at).collect::<Vec<_>>())
}

fn test_regions(file: &File) -> Vec<(usize, usize)> {
    let mut regions = Vec::new();
    for at in test_attributes(file) {
        let rest = &file.code[at..];
        let brace = rest.find('{').unwrap_or(rest.len());
        let semicolon = rest.find(';').unwrap_or(rest.len());
        let end = if brace < semicolon { file.closing(at + brace) } else { at + semicolon };
        regions.push((file.line_of(at), file.line_of(end.min(file.text.len()))));
    }
    regions
}

/// Files that this one declares as `#[cfg(test)] mod name;`.
fn declared_test_files(file: &File) -> Vec<String> {
    let mut found = Vec::new();
    for at in test_attributes(file) {
        let rest = &file.code[at..];
        let Some(end) = rest.find([';', '{']).filter(|end| rest.as_bytes()[*end] == b';') else { continue };
        let words: Vec<&str> = rest[..end].split_whitespace().collect();
        let [.., "mod", name] = words.as_slice() else { continue };
        let (folder, stem) = file.path.rsplit_once('/').unwrap_or(("", &file.path));
        let stem = stem.trim_end_matches(".rs");
        let inside =
            if matches!(stem, "lib" | "main" | "mod") { folder.to_owned() } else { format!("{folder}/{stem}") };
        found.push(format!("{inside}/{name}.rs"));
        found.push(format!("{inside}/{name}/mod.rs"));
    }
    found
}

fn closing(code: &[u8], open: usize) -> usize {
    let mut depth = 0usize;
    for (offset, byte) in code[open..].iter().enumerate() {
        match byte {
            b'{' | b'(' | b'[' => depth += 1,
            b'}' | b')' | b']' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return open + offset + 1;
        }
    }
    code.len()
}

/// Blanks comments, and the inside of strings and characters; keeps the length, the lines and the quotation marks.
fn blank(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut code = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let (from, to, next) = match bytes[at] {
            b'/' if bytes[at..].starts_with(b"//") => {
                let end = at + bytes[at..].iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len() - at);
                (at, end, end)
            }
            b'/' if bytes[at..].starts_with(b"/*") => {
                let end = block_comment_end(bytes, at);
                (at, end, end)
            }
            b'r' if (at == 0 || !is_word(bytes[at - 1]) || bytes[at - 1] == b'b')
                && raw_string(bytes, at).is_some() =>
            {
                let (from, to, next) = raw_string(bytes, at).expect("just found");
                (from, to, next)
            }
            b'"' => {
                let end = string_end(bytes, at + 1);
                (at + 1, end, end + 1)
            }
            b'\'' => match character_end(bytes, at) {
                Some(end) => (at + 1, end, end + 1),
                None => (at, at, at + 1),
            },
            _ => (at, at, at + 1),
        };
        for byte in &mut code[from..to.min(bytes.len())] {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
        at = next;
    }
    String::from_utf8(code).expect("whole characters were blanked")
}

fn block_comment_end(bytes: &[u8], start: usize) -> usize {
    let mut depth = 0usize;
    let mut at = start;
    while at < bytes.len() {
        if bytes[at..].starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if bytes[at..].starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    at
}

fn string_end(bytes: &[u8], start: usize) -> usize {
    let mut at = start;
    while at < bytes.len() && bytes[at] != b'"' {
        at += if bytes[at] == b'\\' { 2 } else { 1 };
    }
    at.min(bytes.len())
}

/// Inside from, inside to, and what follows, of a raw string whose `r` is at `start`.
fn raw_string(bytes: &[u8], start: usize) -> Option<(usize, usize, usize)> {
    let hashes = bytes[start + 1..].iter().take_while(|byte| **byte == b'#').count();
    let quote = start + 1 + hashes;
    if bytes.get(quote) != Some(&b'"') {
        return None;
    }
    let mut end = vec![b'"'];
    end.extend(std::iter::repeat_n(b'#', hashes));
    let inside = quote + 1;
    let length = bytes[inside..].windows(end.len()).position(|window| window == end)?;
    Some((inside, inside + length, inside + length + end.len()))
}

/// The closing quote of a character, or nothing where the quote begins a lifetime.
fn character_end(bytes: &[u8], start: usize) -> Option<usize> {
    if bytes.get(start + 1) == Some(&b'\\') {
        let from = start + 3;
        return bytes[from..].iter().position(|byte| *byte == b'\'').map(|length| from + length);
    }
    let text = std::str::from_utf8(&bytes[start + 1..(start + 6).min(bytes.len())])
        .or_else(|error| std::str::from_utf8(&bytes[start + 1..start + 1 + error.valid_up_to()]))
        .ok()?;
    let end = start + 1 + text.chars().next()?.len_utf8();
    (bytes.get(end) == Some(&b'\'')).then_some(end)
}
