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
    let mut pairs: Vec<(PathBuf, PathBuf)> = Vec::new();
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
        pairs.push((copied(&folder, "theirs", file), ours));
    }
    println!("{} signed, refused: {refused:?}", pairs.len());
    assert!(!pairs.is_empty());
    let (theirs, ours): (Vec<PathBuf>, Vec<PathBuf>) = pairs.into_iter().unzip();
    changes_are_permitted(&signer, &theirs, &ours);
}

/// A copy in a folder that may be written to.
fn copied(folder: &Path, below: &str, file: &Path) -> PathBuf {
    let folder = folder.join(below);
    std::fs::create_dir_all(&folder).unwrap();
    store(&folder, &file.file_name().unwrap().to_string_lossy(), &std::fs::read(file).unwrap())
}

/// pdfsig's line about each signature, in the order of the document.
fn verdicts(file: &Path) -> Vec<String> {
    let said = support::pdfsig(file).unwrap_or_default();
    let lines = said.lines().filter_map(|line| line.trim().strip_prefix("- Signature Validation: "));
    lines.map(str::to_owned).collect()
}

/// pyHanko finds nothing in our revisions but form filling: what it faults now, it faulted before, or could not judge.
fn changes_are_permitted(signer: &Signer, theirs: &[PathBuf], ours: &[PathBuf]) {
    let Some(now) = support::pyhanko_of_all(&signer.authority, ours) else { return };
    let Some(before) = support::pyhanko_of_all(&signer.authority, theirs) else { return };
    let faulted = |lines: &[String]| -> Vec<String> {
        lines
            .iter()
            .filter(|line| line.contains(" OTHER "))
            .filter_map(|line| line.split(' ').next())
            .map(str::to_owned)
            .collect()
    };
    let readable =
        before.iter().zip(&now).zip(ours).filter(|((before, _), _)| !before.iter().any(|line| line.starts_with('!')));
    let mut judged = 0;
    for ((before, now), file) in readable {
        assert_eq!(faulted(now), faulted(before), "{}: {now:?}", file.display());
        judged += 1;
    }
    assert!(judged > ours.len() / 2, "{judged} of {} could be judged", ours.len());
}
