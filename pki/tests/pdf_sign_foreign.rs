//! A signature added to files that others signed: theirs must stay as valid as they were, and ours must be valid.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod support;

use chuky_pki::pdf::write::{Field, prepare};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use support::judges::{options, store};
use support::signer::Signer;

/// The sample files: `CHUKY_CORPORA`, or beside the repository.
fn corpora() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpora");
    let folder = std::env::var_os("CHUKY_CORPORA").map_or(beside, PathBuf::from);
    if folder.join("dss-pades").is_dir() {
        return Some(folder);
    }
    eprintln!("SKIPPED: no sample files; set CHUKY_CORPORA to their folder");
    None
}

#[test]
fn earlier_signatures_of_foreign_files_stay_as_they_were() {
    let Some(corpora) = corpora() else { return };
    if !support::present("pdfsig") {
        return;
    }
    let signer = Signer::new("TEST signer");
    let folder = support::folder("foreign");
    let mut refused: BTreeMap<String, usize> = BTreeMap::new();
    let mut signed = 0;
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(corpora.join("dss-pades")).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    for file in files.iter().filter(|file| file.extension().is_some_and(|kind| kind.eq_ignore_ascii_case("pdf"))) {
        let source = std::fs::read(file).unwrap();
        let prepared = match prepare(&source, &options(None, Field::NewInvisible)) {
            Ok(prepared) => prepared,
            Err(error) => {
                *refused.entry(error.to_string()).or_default() += 1;
                continue;
            }
        };
        let cms = signer.sign(&prepared.covered(&source));
        let bytes = [source.as_slice(), &prepared.finish(&cms).unwrap()].concat();
        let ours = store(&folder, &file.file_name().unwrap().to_string_lossy(), &bytes);
        let (before, after) = (verdicts(file), verdicts(&ours));
        assert_eq!(after.len(), before.len() + 1, "{}: {before:?} {after:?}", file.display());
        assert_eq!(after[..before.len()], before, "{}", file.display());
        assert_eq!(after.last().unwrap(), "Signature is Valid.", "{}", file.display());
        signed += 1;
        changes_are_permitted(&signer, &source, &ours);
        std::fs::remove_file(ours).unwrap();
    }
    println!("{signed} signed, refused: {refused:?}");
    assert!(signed > 0);
}

/// pdfsig's line about each signature, in the order of the document.
fn verdicts(file: &Path) -> Vec<String> {
    let said = support::pdfsig(file).unwrap_or_default();
    let lines = said.lines().filter_map(|line| line.trim().strip_prefix("- Signature Validation: "));
    lines.map(str::to_owned).collect()
}

/// pyHanko finds nothing in our revision but form filling: what it faults now, it faulted before, or could not judge.
fn changes_are_permitted(signer: &Signer, theirs: &[u8], ours: &Path) {
    let faulted = |file: &Path| -> Option<Vec<String>> {
        let lines = support::try_pyhanko(&signer.authority, file)?;
        let names = lines.iter().filter(|line| line.contains(" OTHER ")).filter_map(|line| line.split(' ').next());
        Some(names.map(str::to_owned).collect())
    };
    let now = faulted(ours).unwrap_or_default();
    if now.is_empty() {
        return;
    }
    let before = store(ours.parent().unwrap(), "before.pdf", theirs);
    let Some(before) = faulted(&before) else { return };
    assert_eq!(now, before, "{}", ours.display());
}
