//! `chuky report`: figures as a workbook, as JSON or one table as CSV, fetched from a running service with the session of `chuky login`. What is
//! asked for follows from the name of the file. Nothing is counted here.

use super::{
    Common,
    client::{Client, ClientError},
    in_session, unusable,
};
use chuky_model::text::Language;
use clap::Args;
use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

/// Báo cáo số liệu thành tệp / Figures as a file
///
/// Log in first with `chuky login`. What the figures mean: docs/reports.md. Exit codes: 0 written, 1 refused, 2 wrong usage.
#[derive(Debug, Args)]
pub struct Report {
    /// Where to write: the name ends with .xlsx, .json or, with --table, .csv
    output: PathBuf,
    /// The first month, YYYY-MM
    #[arg(long, value_name = "MONTH", value_parser = plain)]
    from: Option<String>,
    /// The last day, YYYY-MM-DD, default today
    #[arg(long, value_name = "DATE", value_parser = plain)]
    until: Option<String>,
    /// Code of a unit of the last day, with what lies below it
    #[arg(long, value_name = "CODE", value_parser = plain)]
    unit: Option<String>,
    /// types, months, units, merged, outgoing, booths or ranking
    #[arg(long, value_name = "NAME", value_parser = plain)]
    table: Option<String>,
}

impl Report {
    /// Runs the command.
    pub fn run(self, common: &Common) -> ExitCode {
        let Some(path) = self.path(common.language) else {
            return unusable(match common.language {
                Language::Vi => "tên tệp phải kết thúc bằng .xlsx hoặc .json, hoặc .csv cùng với --table",
                Language::En => "the file's name must end with .xlsx or .json, or with .csv beside --table",
            });
        };
        in_session(common, "report", |client| fetched(client, &path, &self.output))
    }

    /// The address of what the file's name asks for.
    fn path(&self, language: Language) -> Option<String> {
        let ending = self.output.extension().and_then(|ending| ending.to_str())?;
        let path = match (ending, &self.table) {
            ("json", None) => "/api/v1/reports".to_owned(),
            ("xlsx", None) => "/api/v1/reports/workbook".to_owned(),
            ("csv", Some(table)) => format!("/api/v1/reports/tables/{table}"),
            _ => return None,
        };
        let mut query = format!("?lang={}", language.code());
        for (name, value) in [("from", &self.from), ("until", &self.until), ("unit", &self.unit)] {
            if let Some(value) = value {
                query.push_str(&format!("&{name}={value}"));
            }
        }
        Some(path + &query)
    }
}

fn fetched(client: &Client, path: &str, output: &Path) -> Result<bool, ClientError> {
    client.download(path, output).map(|()| true)
}

/// What stands in an address as it is.
fn plain(text: &str) -> Result<String, String> {
    let fits = |letter: u8| letter.is_ascii_alphanumeric() || b"-._".contains(&letter);
    match !text.is_empty() && text.bytes().all(fits) {
        true => Ok(text.to_owned()),
        false => Err("letters, digits, '-', '.' and '_' only".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_name_says_what_is_asked_for() {
        let path = |output: &str, table: Option<&str>| {
            let (output, table) = (output.into(), table.map(str::to_owned));
            let report = Report { output, from: Some("2026-01".into()), until: None, unit: None, table };
            report.path(Language::En)
        };
        assert_eq!(path("a.xlsx", None).as_deref(), Some("/api/v1/reports/workbook?lang=en&from=2026-01"));
        assert_eq!(path("a.csv", Some("units")).as_deref(), Some("/api/v1/reports/tables/units?lang=en&from=2026-01"));
        for (output, table) in [("a.csv", None), ("a.xlsx", Some("units")), ("a", None), ("a.ods", None)] {
            assert_eq!(path(output, table), None, "{output}");
        }
        assert!(plain("a&b").is_err() && plain("").is_err());
    }
}
