//! `chuky certificates`: suspends or resumes every certificate of a list, or enters an order to revoke them, as the logged-in user; without
//! `--yes` it only says what would become of each. `chuky revocations`: such orders, and deciding them.

use super::{
    Common,
    client::{Client, ClientError},
    in_session,
};
use crate::{error::Error, issuance::revocation::serials_of};
use chuky_model::text::Language;
use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use std::{fs, path::PathBuf, process::ExitCode};

/// Thu hồi, tạm dừng, khôi phục theo danh sách / Revoke, suspend or resume a list of certificates
///
/// Revoking takes two people: this enters an order for exactly what is shown, and somebody else approves it (chuky revocations).
/// Log in first with `chuky login`. Exit codes: 0 all were changed (or, without --yes, could be), 1 at least one not or refused, 2 wrong usage.
#[derive(Debug, Args)]
pub struct Certificates {
    #[arg(value_enum)]
    action: Action,
    /// File with serial numbers in hexadecimal: CSV (one a line, or under the heading serial) or a JSON array
    #[arg(long, value_name = "FILE", conflicts_with = "unit", required_unless_present = "unit")]
    serials: Option<PathBuf>,
    /// Every certificate of this unit's subscribers
    #[arg(long, value_name = "CODE", requires = "hierarchy")]
    unit: Option<String>,
    /// citizens or officials
    #[arg(long, value_name = "NAME", requires = "unit")]
    hierarchy: Option<String>,
    /// For revoke with --unit: only these, person, seal, device or payment_provider
    #[arg(long, value_name = "KIND", requires = "unit")]
    kind: Option<String>,
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
        in_session(common, "certificates", |client| self.change(client, common.language))
    }

    fn change(&self, client: &Client, language: Language) -> Result<bool, ClientError> {
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
            body["serials"] = json!(serials_of(&text).map_err(|error| match error {
                Error::Request(refused) => ClientError::Refused(refused.detail.in_language(language).to_owned().into()),
                Error::Internal(error) => ClientError::Refused(error.to_string().into()),
            })?);
        }
        if matches!(self.action, Action::Revoke) {
            return self.order(client, body, language);
        }
        let answer = client.post("/api/v1/certificate-lists", &body)?;
        let all = outcomes(&answer, language);
        if !self.yes {
            println!("{}", nothing_changed(language));
        }
        Ok(all)
    }

    /// Enters an order for exactly what is shown; somebody else approves it.
    fn order(&self, client: &Client, mut body: Value, language: Language) -> Result<bool, ClientError> {
        if let Some(object) = body.as_object_mut() {
            object.retain(|name, _| name != "action" && name != "dry_run");
        }
        if let Some(kind) = &self.kind {
            body["kind"] = json!(kind);
        }
        let proposed = client.post("/api/v1/revocation-orders/preview", &body)?;
        let all = outcomes(&proposed, language);
        if !self.yes {
            println!("{}", nothing_changed(language));
            return Ok(all);
        }
        body["content_digest"] = proposed["content_digest"].clone();
        let order = client.post("/api/v1/revocation-orders", &body)?;
        let id = order["id"].as_str().unwrap_or_default();
        println!(
            "{}",
            match language {
                Language::Vi => format!("Đã lập lệnh thu hồi {id}. Người khác duyệt: chuky revocations approve {id}"),
                Language::En => format!(
                    "Revocation order {id} is entered. Somebody else approves it: chuky revocations approve {id}"
                ),
            }
        );
        Ok(all)
    }
}

/// Prints what became or would become of each; whether it is all of them.
fn outcomes(answer: &Value, language: Language) -> bool {
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
    all
}

fn nothing_changed(language: Language) -> &'static str {
    match language {
        Language::Vi => "Chưa thay đổi gì. Thêm --yes để thực hiện.",
        Language::En => "Nothing was changed. Add --yes to do it.",
    }
}
