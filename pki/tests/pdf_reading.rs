//! The PDF reader over genuine files: every file opens, every object loads, and damaged copies never panic.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, missing_docs)]

use chuky_pki::pdf::{Object, ObjectId, PdfFile, Reading};
use std::path::PathBuf;

fn corpora() -> Option<PathBuf> {
    let place = std::env::var_os("CHUKY_CORPORA")
        .map(PathBuf::from)
        .unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpora"));
    let found = place.join("manifest.json").exists();
    if !found {
        println!("SKIPPED: no corpora at {}; set CHUKY_CORPORA", place.display());
    }
    found.then_some(place)
}

fn pdf_files() -> Vec<PathBuf> {
    let Some(corpora) = corpora() else { return Vec::new() };
    ["dss-pades", "pdf-attacks"]
        .iter()
        .flat_map(|set| std::fs::read_dir(corpora.join(set)).unwrap())
        .map(|entry| entry.unwrap().path())
        .collect()
}

fn load_everything(file: &PdfFile<'_>) -> usize {
    let mut streams = 0;
    for number in file.numbers() {
        if let Object::Stream(stream) = file.object(ObjectId::new(number, 0)) {
            streams += usize::from(file.decoded(&stream).is_ok());
        }
    }
    streams
}

#[test]
fn genuine_files_are_read_strictly_and_by_searching() {
    for path in pdf_files() {
        let data = std::fs::read(&path).unwrap();
        let file = PdfFile::open(&data).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let (pages, fields) = (file.pages().len(), file.fields().len());
        load_everything(&file);
        println!(
            "{} {:?} pages {pages} fields {fields} revisions {:?} of {} {:?}",
            path.file_name().unwrap().to_string_lossy(),
            file.reading(),
            file.revisions(),
            data.len(),
            file.oddities()
        );
        assert!(pages > 0, "{}: no pages", path.display());
        if file.reading() == Reading::Strict {
            let again = PdfFile::open_recovered(&data).unwrap();
            assert!(!again.pages().is_empty(), "{}: no pages when searched", path.display());
        }
    }
}
