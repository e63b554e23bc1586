//! The table of `docs/verification.md`: each row is run as it stands there. A row without its file, a file without a row, a sub-indication of
//! EN 319 102-1 without a row, and a verdict other than the row's all fail.

use super::command::chuky;
use chuky_model::report::SubIndication;
use serde_json::Value;
use std::{collections::BTreeSet, fs, path::Path};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/verdicts");

struct Row {
    indication: String,
    sub_indication: Option<String>,
    file: String,
    options: Vec<String>,
}

/// The rows: indication, sub-indication, link to the file, options.
fn rows() -> Vec<Row> {
    let text = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/verification.md")).unwrap();
    let is_row = |line: &&str| line.starts_with("| `") && line.contains("](../tests/data/verdicts/");
    let code = |cell: &str| cell.trim().trim_matches('`').to_owned();
    let read = |line: &str| {
        let cells: Vec<&str> = line.trim_matches('|').split('|').collect();
        assert_eq!(cells.len(), 5, "{line}");
        let (_, link) = cells[2].split_once("](../tests/data/verdicts/").unwrap();
        Row {
            indication: code(cells[0]),
            sub_indication: Some(code(cells[1])).filter(|text| !text.is_empty()),
            file: link.split(')').next().unwrap().to_owned(),
            options: code(cells[3]).split_whitespace().map(str::to_owned).collect(),
        }
    };
    text.lines().filter(is_row).map(read).collect()
}

#[test]
fn every_row_of_the_table_gets_its_verdict() {
    let rows = rows();
    let mut listed = BTreeSet::new();
    for row in &rows {
        let file = Path::new(FOLDER).join(&row.file);
        assert!(file.is_file(), "{} is in the table and not in {FOLDER}", row.file);
        // The options name files beside it.
        let beside = |word: &String| match Path::new(FOLDER).join(word) {
            path if path.is_file() => path.to_str().unwrap().to_owned(),
            _ => word.clone(),
        };
        let options: Vec<String> = row.options.iter().map(beside).collect();
        let mut arguments = vec!["verify", "--json"];
        arguments.extend(options.iter().map(String::as_str));
        arguments.push(file.to_str().unwrap());
        let output = chuky(&arguments);
        let said = String::from_utf8_lossy(&output.stderr);
        let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}: {said}", row.file));
        let found = (report["indication"].as_str().unwrap(), report["sub_indication"].as_str());
        assert_eq!(found, (row.indication.as_str(), row.sub_indication.as_deref()), "{}: {report:#}", row.file);
        listed.insert(row.file.clone());
    }
    let named: BTreeSet<String> = rows.iter().filter_map(|row| row.sub_indication.clone()).collect();
    for sub in SubIndication::ALL {
        let name = serde_json::to_value(sub).unwrap().as_str().unwrap().to_owned();
        assert!(named.contains(&name), "{name} has no row");
    }
    for entry in fs::read_dir(FOLDER).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let helps = name.ends_with(".pem") || name.ends_with(".toml");
        assert!(helps || listed.contains(&name), "{name} has no row in docs/verification.md");
    }
}
