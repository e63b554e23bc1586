//! `chuky request enter|list|show|approve|reject|code`: registration requests of persons, agency seals, devices and payment providers, as the
//! logged-in user.

use super::client::{Client, ClientError, Session};
use chuky_model::text::Language;
use clap::Subcommand;
use serde_json::{Value, json};
use std::{fs, path::PathBuf};

/// What is done with requests.
#[derive(Debug, Subcommand)]
pub enum Requests {
    /// Enter a request from a JSON file: hierarchy, unit, and subscriber with its kind (person, seal, device, payment_provider)
    Enter {
        #[arg(value_name = "JSON")]
        file: PathBuf,
    },
    /// Requests in a state, oldest first
    List {
        #[arg(long, default_value = "submitted")]
        state: String,
    },
    /// One request: what its certificate would say
    Show { id: String },
    /// Approve exactly what is shown; without --yes it is only shown
    Approve {
        id: String,
        #[arg(long)]
        yes: bool,
    },
    /// Reject a request
    Reject {
        id: String,
        /// What has to be put right, for whoever entered it and the applicant
        #[arg(long)]
        reason: String,
    },
    /// Make the activation code of an approved request that was entered here, or is one's own
    Code { id: String },
    /// Ask for a certificate with changed information in the place of one in force; the file holds the changed fields
    Modify {
        serial: String,
        #[arg(value_name = "JSON")]
        file: PathBuf,
    },
}

impl Requests {
    /// Does it and prints what came of it.
    pub fn run(&self, language: Language) -> Result<(), ClientError> {
        let session = Session::load().ok_or_else(|| {
            ClientError::Refused(
                match language {
                    Language::Vi => "Hãy đăng nhập trước: chuky login TÊN",
                    Language::En => "Log in first: chuky login NAME",
                }
                .to_owned()
                .into(),
            )
        })?;
        let client = Client::of_session(&session, language)?;
        match self {
            Self::Enter { file } => shown(&client.post(PATH, &read(file)?)?),
            Self::List { state } => {
                let mut after = String::new();
                loop {
                    let answer = client.get(&format!("{PATH}?state={state}{after}"))?;
                    answer["requests"].as_array().into_iter().flatten().for_each(shown);
                    match answer["next"].as_str() {
                        Some(next) => after = format!("&after={next}"),
                        None => break,
                    }
                }
            }
            Self::Show { id } => content(&client.get(&format!("{PATH}/{id}"))?),
            Self::Approve { id, yes } => {
                let request = client.get(&format!("{PATH}/{id}"))?;
                content(&request);
                if *yes {
                    let body = json!({ "content_digest": request["content_digest"] });
                    shown(&client.post(&format!("{PATH}/{id}/approve"), &body)?);
                }
            }
            Self::Reject { id, reason } => {
                shown(&client.post(&format!("{PATH}/{id}/reject"), &json!({ "reason": reason }))?);
            }
            Self::Code { id } => code(&client.post(&format!("{PATH}/{id}/code"), &json!({}))?),
            Self::Modify { serial, file } => {
                shown(&client.post(&format!("/api/v1/certificates/{serial}/modify"), &read(file)?)?);
            }
        }
        Ok(())
    }
}

fn read(file: &PathBuf) -> Result<Value, ClientError> {
    let failed = |source| ClientError::Io { what: file.display().to_string(), source };
    let text = fs::read_to_string(file).map_err(failed)?;
    serde_json::from_str(&text).map_err(|error| failed(error.into()))
}

fn shown(request: &Value) {
    let text = |name: &str| request[name].as_str().unwrap_or("-").to_owned();
    println!("{} {} {} {}", text("id"), text("state"), text("kind"), text("common_name"));
}

/// What an approver compares, field by field.
fn content(request: &Value) {
    for (name, value) in request.as_object().into_iter().flatten() {
        match value {
            Value::Null => {}
            Value::String(text) if text.is_empty() => {}
            Value::String(text) => println!("{name}: {text}"),
            other => println!("{name}: {other}"),
        }
    }
}

fn code(answer: &Value) {
    let text = |name: &str| answer[name].as_str().unwrap_or_default().to_owned();
    println!("{}\n{}", text("activation_code"), text("activation_address"));
    if let Some(contact) = answer["second_secret_sent_to"].as_str() {
        println!("✉ {contact}");
    }
}

const PATH: &str = "/api/v1/requests";
