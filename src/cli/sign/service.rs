//! Signing through a running service: the document goes there, the PIN goes with the call, the signed document comes back.

use super::{Failure, Job, Road, Signed, digest, escaped};
use crate::cli::{
    client::{Client, ClientError, Session},
    secret::{PinSource, ask},
};
use chuky_model::text::Language;
use serde_json::{Value, json};
use std::fs::File;
use zeroize::Zeroizing;

/// The log-in, the credential and the PIN of a run.
pub(super) struct ServiceRoad {
    client: Client,
    wanted: Value,
    secret: Zeroizing<String>,
    language: Language,
}

impl ServiceRoad {
    /// With the session of `chuky login`.
    pub(super) fn open(
        credential: Option<&str>,
        pin: &PinSource,
        mut wanted: Value,
        language: Language,
    ) -> Result<Self, Failure> {
        let Some(session) = Session::load() else {
            return Err(Failure::stop(
                match language {
                    Language::Vi => "hãy đăng nhập trước: chuky login TÊN (hoặc ký bằng token của bạn: --module)",
                    Language::En => "log in first: chuky login NAME (or sign with a token of your own: --module)",
                },
                2,
            ));
        };
        let client = Client::of_session(&session, language)?;
        wanted["credential"] = match credential {
            Some(named) => Value::String(named.to_owned()),
            None => Value::String(only_credential(&client, language)?),
        };
        let secret = pin.read(language).map_err(|error| Failure::stop(format!("PIN: {error}"), 2))?;
        Ok(Self { client, wanted, secret, language })
    }
}

impl Road for ServiceRoad {
    fn sign(&mut self, job: Job<'_>) -> Result<Signed, Failure> {
        let unreadable = |error: std::io::Error| Failure::document(format!("{}: {error}", job.path.display()), 2);
        let mut file = File::open(job.path).map_err(unreadable)?;
        let sha256 = digest(&mut file).map_err(unreadable)?;
        let document =
            self.client.upload(&format!("/api/v1/documents?name={}", escaped(job.name)), job.media_type, file)?;
        let id = document["id"].as_str().unwrap_or_default();
        let mut order = self.wanted.clone();
        order["sha256"] = json!(hex::encode(sha256));
        let signed = self.signed(id, order)?;
        if signed["document"]["state"] != "signed" {
            return Err(Failure::document(signed["document"]["state"].to_string(), 1));
        }
        let mut out = job.out;
        self.client.download_into(&format!("/api/v1/documents/{id}/content"), &mut out)?;
        let said = signed["report"]["message"][self.language.code()].as_str().unwrap_or_default().to_owned();
        Ok(Signed { said, no_timestamp: None })
    }
}

impl ServiceRoad {
    /// With the code of the authenticator app where the service asks for one, typed for each document: a code serves once.
    fn signed(&self, id: &str, order: Value) -> Result<Value, ClientError> {
        let first = self.posted(id, order.clone(), None);
        let Err(ClientError::Refused(said)) = &first else { return first };
        if said.code != "factor_needed" {
            return first;
        }
        let question = if self.language == Language::Vi { "Mã xác thực (6 số): " } else { "Code (6 digits): " };
        match ask(question) {
            Ok(code) => self.posted(id, order, Some(&code)),
            // Nobody is there to type it: what the service said stands.
            Err(_) => first,
        }
    }

    fn posted(&self, id: &str, mut order: Value, code: Option<&str>) -> Result<Value, ClientError> {
        if let Some(code) = code {
            order["totp"] = json!(code);
        }
        order["pin"] = Value::String(self.secret.to_string());
        let answer = self.client.post(&format!("/api/v1/documents/{id}/sign"), &order);
        if let Value::String(text) = &mut order["pin"] {
            zeroize::Zeroize::zeroize(text);
        }
        answer
    }
}

/// The only credential that can sign.
fn only_credential(client: &Client, language: Language) -> Result<String, ClientError> {
    let answer = client.get("/api/v1/credentials")?;
    let usable = answer["credentials"].as_array().into_iter().flatten();
    let usable = usable.filter(|one| one["state"] == "active" && one["certificate_state"] == "issued");
    let usable: Vec<&Value> = usable.collect();
    match usable.as_slice() {
        [one] => Ok(one["id"].as_str().unwrap_or_default().to_owned()),
        several => {
            for one in several {
                let text = |name: &str| one[name].as_str().unwrap_or_default().to_owned();
                eprintln!("  {}  {}", text("id"), text("holder"));
            }
            let said = match language {
                Language::Vi => format!("có {} chữ ký dùng được; hãy chọn bằng --credential", several.len()),
                Language::En => format!("{} credentials can sign; choose with --credential", several.len()),
            };
            Err(ClientError::Refused(said.into()))
        }
    }
}
