//! Signed files handed to EU DSS: where `CHUKY_EXPORT` names a folder, each case is written there in the form that `Judge.java` reads.
//! Without it nothing is written, and the tests are what they are.

use chuky_model::instant::Instant;
use chuky_pki::certificate::Certificate;
use std::path::{Path, PathBuf};

/// A signed file with everything that another validator needs.
pub struct Case<'a> {
    /// Of the folder; unique.
    pub name: String,
    pub signed: &'a [u8],
    /// What a detached signature is over, and the name that the signature refers to it by.
    pub content: Option<(&'a str, &'a [u8])>,
    /// `PAdES-BASELINE-LT` and so on, in the order of the signatures.
    pub formats: Vec<String>,
    /// When it is judged.
    pub at: Instant,
    pub anchors: &'a [Certificate],
    /// Certificates that may stand between.
    pub further: &'a [Certificate],
    /// What a distribution point would answer, DER.
    pub lists: &'a [Vec<u8>],
}

/// Where cases go.
pub fn folder() -> Option<PathBuf> {
    std::env::var_os("CHUKY_EXPORT").map(PathBuf::from)
}

/// Writes the case, where somebody wants it.
pub fn export(case: &Case<'_>) {
    let Some(folder) = folder() else { return };
    let at = folder.join(&case.name);
    let write = |name: PathBuf, bytes: &[u8]| std::fs::write(at.join(name), bytes).unwrap();
    for made in ["trust", "evidence"] {
        std::fs::create_dir_all(at.join(made)).unwrap();
    }
    write("signed".into(), case.signed);
    let mut facts = format!("file=signed\ntime={}\nexpect={}\n", case.at.rfc3339(), case.formats.join(","));
    if let Some((name, content)) = case.content {
        write("content".into(), content);
        facts += &format!("content=content\ncontent_name={name}\n");
    }
    for (place, one) in case.anchors.iter().enumerate() {
        write(Path::new("trust").join(format!("{place}.cer")), one.der());
    }
    for (place, one) in case.further.iter().enumerate() {
        write(Path::new("evidence").join(format!("{place}.cer")), one.der());
    }
    for (place, one) in case.lists.iter().enumerate() {
        write(Path::new("evidence").join(format!("{place}.crl")), one);
    }
    // Last, so that what broke off is no case.
    write("case.properties".into(), facts.as_bytes());
}
