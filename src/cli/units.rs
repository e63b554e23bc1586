//! `chuky units`: which administrative units there are on a day, and loading the list of the next reform.

use super::{
    Common,
    client::{Client, ClientError},
    in_session,
};
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use std::{path::PathBuf, process::ExitCode};

/// Đơn vị hành chính / Administrative units
///
/// Log in first with `chuky login`, to load as an administrator. Exit codes: 0 done, 1 refused, 2 wrong usage.
#[derive(Debug, Args)]
pub struct Units {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Units of a day
    List {
        /// YYYY-MM-DD, default today
        #[arg(long, value_name = "DATE")]
        at: Option<String>,
    },
    /// The unit of a code or agency code (H26… or 000.xx.yy.H26), and where its area went
    Show {
        code: String,
        #[arg(long, value_name = "DATE")]
        at: Option<String>,
    },
    /// Load a list of every unit in force from a day on
    Load {
        /// CSV in UTF-8: code,name,kind,parent and agency_code,valid_to,predecessors,formed_from,residents,officials
        file: PathBuf,
        /// The first day, YYYY-MM-DD
        #[arg(long, value_name = "DATE")]
        from: String,
        /// Only tell what it would bring
        #[arg(long)]
        dry_run: bool,
    },
}

impl Units {
    /// Runs the command.
    pub fn run(self, common: &Common) -> ExitCode {
        in_session(common, "units", |client| self.what.done(client).map(|()| true))
    }
}

impl What {
    fn done(&self, client: &Client) -> Result<(), ClientError> {
        match self {
            Self::List { at } => {
                let answer = client.get(&dated("/api/v1/units", at.as_deref()))?;
                answer["units"].as_array().into_iter().flatten().for_each(line);
            }
            Self::Show { code, at } => {
                let answer = client.get(&dated(&format!("/api/v1/units/{code}"), at.as_deref()))?;
                line(&answer);
                for successor in answer["successors"].as_array().into_iter().flatten() {
                    print!("  → ");
                    line(successor);
                }
            }
            Self::Load { file, from, dry_run } => {
                let list = std::fs::read_to_string(file)
                    .map_err(|source| ClientError::Io { what: file.display().to_string(), source })?;
                let body = json!({ "from": from, "list": list, "dry_run": dry_run });
                let answer = client.post("/api/v1/units", &body)?;
                let count = |name: &str| answer[name].as_array().map_or(0, Vec::len);
                println!("{} {} → {}", text(&answer, "from"), answer["before"], answer["after"]);
                println!(
                    "begin {}, end {}, without successor {}",
                    count("begin"),
                    count("end"),
                    count("without_successor")
                );
                for code in answer["without_successor"].as_array().into_iter().flatten() {
                    println!("  without successor: {}", code.as_str().unwrap_or_default());
                }
                println!("{}", if answer["stored"] == true { "stored" } else { "dry run: nothing stored" });
            }
        }
        Ok(())
    }
}

fn dated(path: &str, at: Option<&str>) -> String {
    at.map_or_else(|| path.to_owned(), |day| format!("{path}?at={day}"))
}

fn line(unit: &Value) {
    let until = unit["valid_to"].as_str().unwrap_or("…");
    println!(
        "{} {} ({}) {} – {until}",
        text(unit, "code"),
        text(unit, "name"),
        text(unit, "kind"),
        text(unit, "valid_from")
    );
}

fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or("-").to_owned()
}
