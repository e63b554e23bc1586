//! `chuky certificates`: revokes, suspends or resumes every certificate of a list, as the logged-in user; without `--yes` it only says what
//! would become of each.

use super::{
    Common,
    client::{Client, ClientError, Session},
    unusable,
};
use chuky_model::text::Language;
use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use std::{fs, path::PathBuf, process::ExitCode};

/// Thu hồi, tạm dừng, khôi phục theo danh sách / Revoke, suspend or resume a list of certificates
///
/// Log in first with `chuky login`. Exit codes: 0 all were changed (or, without --yes, could be), 1 at least one not or refused, 2 wrong usage.
#[derive(Debug, Args)]
pub struct Certificates {
    #[arg(value_enum)]
    action: Action,
    /// File with one serial number a line, in hexadecimal; empty lines and those that begin with # do not count
    #[arg(long, value_name = "FILE", conflicts_with = "unit", required_unless_present = "unit")]
    serials: Option<PathBuf>,
    /// Every certificate of this unit's subscribers
    #[arg(long, value_name = "CODE", requires = "hierarchy")]
    unit: Option<String>,
    /// citizens or officials
    #[arg(long, value_name = "NAME", requires = "unit")]
    hierarchy: Option<String>,
    /// CRLReason for revoke, e.g. key_compromise, affiliation_changed, cessation_of_operation
    #[arg(long, value_name = "REASON", required_if_eq("action", "revoke"))]
    reason: Option<String>,
    /// The ground in the words of the law, for the audit log
    #[arg(long, value_name = "GROUND", default_value = "agency_request")]
    ground: String,
    /// RFC 3339: since when signatures are in doubt
    #[arg(long, value_name = "TIME")]
    invalid_since: Option<String>,
    /// Do it; without this nothing is changed
    #[arg(long)]
    yes: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Action {
    Revoke,
    Suspend,
    Resume,
}

impl Certificates {
    /// Runs the command.
    pub fn run(self, common: &Common) -> ExitCode {
        let Some(session) = Session::load() else {
            return unusable(match common.language {
                Language::Vi => "hãy đăng nhập trước: chuky login TÊN",
                Language::En => "log in first: chuky login NAME",
            });
        };
        match self.change(&session, common.language) {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::FAILURE,
            Err(ClientError::Refused(why)) => {
                eprintln!("chuky certificates: {why}");
                ExitCode::FAILURE
            }
            Err(error) => unusable(error),
        }
    }

    fn change(&self, session: &Session, language: Language) -> Result<bool, ClientError> {
        let action = match self.action {
            Action::Revoke => "revoke",
            Action::Suspend => "suspend",
            Action::Resume => "resume",
        };
        let mut body = json!({ "action": action, "ground": self.ground, "dry_run": !self.yes });
        let reason = matches!(self.action, Action::Revoke).then_some(&self.reason).and_then(Option::as_ref);
        for (name, value) in [
            ("unit", self.unit.as_ref()),
            ("hierarchy", self.hierarchy.as_ref()),
            ("reason", reason),
            ("invalid_since", self.invalid_since.as_ref()),
        ] {
            if let Some(value) = value {
                body[name] = json!(value);
            }
        }
        if let Some(file) = &self.serials {
            let text = fs::read_to_string(file)
                .map_err(|source| ClientError::Io { what: file.display().to_string(), source })?;
            let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
            body["serials"] = lines.collect();
        }
        let answer = Client::of_session(session, language)?.post("/api/v1/certificate-lists", &body)?;
        let certificates = answer["certificates"].as_array().map(Vec::as_slice).unwrap_or_default();
        let mut all = true;
        for certificate in certificates {
            let serial = certificate["serial"].as_str().unwrap_or_default();
            match &certificate["problem"] {
                Value::Null => println!("✓ {serial} {}", certificate["state"].as_str().unwrap_or_default()),
                problem => {
                    all = false;
                    let why = certificate["detail"][language.code()].as_str().or(problem.as_str()).unwrap_or_default();
                    println!("✕ {serial} {why}");
                }
            }
        }
        if !self.yes {
            println!(
                "{}",
                match language {
                    Language::Vi => "Chưa thay đổi gì. Thêm --yes để thực hiện.",
                    Language::En => "Nothing was changed. Add --yes to do it.",
                }
            );
        }
        Ok(all)
    }
}
