//! An authorization request (RFC 6749 §4.1.1, RFC 7636 §4.3, CSC API §8.3): read once, refused either on a page, where nobody can be
//! redirected safely, or to the application.

use super::{
    client,
    limits::{DESCRIPTION_CHARACTERS, STATE_LENGTH},
};
use crate::{
    app::App,
    error::{Error, RequestError},
    signing::limits::MOST_SIGNATURES,
};
use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use chuky_model::{id::CredentialId, record::oauth::OauthClient};
use serde::{Deserialize, Serialize};

/// The parameters as they come, in an address or a form.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct Asked {
    pub response_type: String,
    pub client_id: String,
    pub redirect_uri: String,
    pub scope: String,
    pub state: String,
    pub code_challenge: String,
    pub code_challenge_method: String,
    #[serde(rename = "credentialID")]
    pub credential_id: String,
    #[serde(rename = "numSignatures")]
    pub num_signatures: String,
    /// CSC API v1: base64url, separated by commas.
    pub hash: String,
    /// CSC API v2.
    pub hashes: String,
    #[serde(rename = "hashAlgorithmOID")]
    pub hash_algorithm: String,
    pub description: String,
}

/// What a token or code is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Using the signing API for the user.
    Service,
    /// The same for weeks, with refresh tokens.
    Lasting,
    /// Signing exactly some hashes.
    Credential,
}

impl Scope {
    /// The name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Service => "service",
            Self::Lasting => "service offline_access",
            Self::Credential => "credential",
        }
    }
}

/// What is to be signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    pub credential: CredentialId,
    pub hashes: Vec<Vec<u8>>,
}

/// A request that may be shown to the user.
#[derive(Clone, Debug)]
pub struct AuthorizationRequest {
    /// Who answers, as the answer says it.
    issuer: String,
    pub client: OauthClient,
    pub redirect_uri: String,
    pub state: String,
    pub challenge: String,
    pub description: String,
    /// `None` for scope `service`.
    pub wish: Option<Wish>,
    /// Whether the application wants to go on for weeks.
    pub lasting: bool,
}

/// Why a request is not shown.
#[derive(Debug)]
pub enum Refusal {
    /// Said on a page: whoever asks is not known, or not where it says.
    Page(Error),
    /// Carried to the application by this address.
    Redirect(String),
}

impl AuthorizationRequest {
    /// Reads a request.
    pub async fn read(app: &App, asked: &Asked) -> Result<Self, Refusal> {
        let client = client::known(app, &asked.client_id).await.map_err(Refusal::Page)?;
        let client = client.ok_or_else(|| Refusal::Page(unknown_client().into()))?;
        // RFC 6749 §3.1.2.3, RFC 9700 §4.1.3: compared as written, and always stated.
        let native = client.secret_hash.is_none();
        if !client.redirect_uris.lines().any(|known| client::is_same_redirect_uri(known, &asked.redirect_uri, native)) {
            return Err(Refusal::Page(foreign_redirect().into()));
        }
        let issuer = issuer(app);
        let with_state = |state: &str, error: &str, description: &str| {
            Refusal::Redirect(refusal(&asked.redirect_uri, (state, &issuer), error, description))
        };
        let refused = |error: &str, description: &str| with_state(&asked.state, error, description);
        let invalid = |description: &str| refused("invalid_request", description);
        if asked.state.len() > STATE_LENGTH {
            return Err(with_state("", "invalid_request", "Parameter state is too long"));
        }
        if asked.response_type != "code" {
            return Err(refused("unsupported_response_type", "Only response_type code is supported"));
        }
        // RFC 7636 §4.4.1: without a challenge that can be checked nothing is given.
        if asked.code_challenge_method != "S256" || !is_challenge(&asked.code_challenge) {
            return Err(invalid("PKCE is required: code_challenge with code_challenge_method S256"));
        }
        if asked.description.chars().count() > DESCRIPTION_CHARACTERS || asked.description.chars().any(char::is_control)
        {
            return Err(invalid("Invalid parameter description"));
        }
        let lasting = matches!(asked.scope.as_str(), "service offline_access" | "offline_access service");
        let wish = match asked.scope.as_str() {
            "" | "service" => None,
            _ if lasting => None,
            "credential" => Some(Wish::read(asked).map_err(invalid)?),
            _ => {
                return Err(refused("invalid_scope", "The scopes are service, service offline_access, and credential"));
            }
        };
        Ok(Self {
            issuer: issuer.clone(),
            lasting,
            client,
            redirect_uri: asked.redirect_uri.clone(),
            state: asked.state.clone(),
            challenge: asked.code_challenge.clone(),
            description: asked.description.clone(),
            wish,
        })
    }

    /// What is asked for.
    pub fn scope(&self) -> Scope {
        match (&self.wish, self.lasting) {
            (Some(_), _) => Scope::Credential,
            (None, true) => Scope::Lasting,
            (None, false) => Scope::Service,
        }
    }

    /// The address that carries a refusal to the application.
    pub fn refusal(&self, error: &str, description: &str) -> String {
        refusal(&self.redirect_uri, (&self.state, &self.issuer), error, description)
    }

    /// The address that carries the code to the application.
    pub(super) fn answer(&self, code: &str) -> String {
        with_parameters(&self.redirect_uri, &[("code", code), ("state", &self.state), ("iss", &self.issuer)])
    }
}

impl Wish {
    fn read(asked: &Asked) -> Result<Self, &'static str> {
        let credential = match asked.credential_id.as_str() {
            "" => return Err("Missing (or invalid type) string parameter credentialID"),
            id => id.parse().map_err(|_| "Invalid parameter credentialID")?,
        };
        let count: usize = match asked.num_signatures.as_str() {
            "" => return Err("Missing (or invalid type) integer parameter numSignatures"),
            count => count.parse().map_err(|_| "Invalid value for parameter numSignatures")?,
        };
        if count > MOST_SIGNATURES {
            return Err("Numbers of signatures is too high");
        }
        let text = if asked.hashes.is_empty() { &asked.hash } else { &asked.hashes };
        if text.is_empty() {
            return Err("Missing (or invalid type) string parameter hash");
        }
        let hashes: Option<Vec<Vec<u8>>> = text.split(',').map(decoded).collect();
        let hashes = hashes.ok_or("Invalid Base64 hash string parameter")?;
        if hashes.len() != count {
            return Err("Invalid value for parameter numSignatures");
        }
        Ok(Self { credential, hashes })
    }
}

/// Base64url, or base64 as it is written elsewhere in the API; a form decodes `+` to a space.
fn decoded(text: &str) -> Option<Vec<u8>> {
    let text = text.trim().replace(' ', "+");
    let text = if text.contains(['+', '/']) { text } else { text.replace('-', "+").replace('_', "/") };
    LENIENT.decode(text).ok()
}

/// 43 characters of base64url: a SHA-256.
fn is_challenge(text: &str) -> bool {
    text.len() == 43 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

/// The issuer that every answer names (RFC 9207 §2), so that an application that knows several services is not told one's code as another's.
fn issuer(app: &App) -> String {
    app.settings.public_url.trim_end_matches('/').to_owned()
}

fn refusal(uri: &str, (state, issuer): (&str, &str), error: &str, description: &str) -> String {
    with_parameters(uri, &[("error", error), ("error_description", description), ("state", state), ("iss", issuer)])
}

fn with_parameters(uri: &str, parameters: &[(&str, &str)]) -> String {
    let mut address = uri.to_owned();
    for (name, value) in parameters.iter().filter(|(_, value)| !value.is_empty()) {
        address.push(if address.contains('?') { '&' } else { '?' });
        address.push_str(name);
        address.push('=');
        for byte in value.bytes() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' | b'_' | b'~' => address.push(char::from(byte)),
                other => address.push_str(&format!("%{other:02X}")),
            }
        }
    }
    address
}

fn unknown_client() -> RequestError {
    RequestError::invalid(
        "client_id",
        "client_unknown",
        "Ứng dụng gửi bạn đến đây chưa được đăng ký hoặc đã ngừng. Bạn không cần làm gì; hãy báo cho đơn vị quản lý ứng dụng.",
        "The application that sent you here is not registered, or has ended. There is nothing to do for you; tell whoever runs it.",
    )
}

fn foreign_redirect() -> RequestError {
    RequestError::invalid(
        "redirect_uri",
        "redirect_uri_unknown",
        "Ứng dụng muốn đưa bạn đến một địa chỉ chưa đăng ký. Yêu cầu đã bị dừng lại; hãy báo cho đơn vị quản lý ứng dụng.",
        "The application wants you to be sent to an address that is not registered. The request was stopped; tell whoever runs it.",
    )
}

const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn parameters_are_appended_and_encoded() {
        let address = with_parameters("https://a.example/cb?x=1", &[("code", "a b&c"), ("state", "")]);
        assert_eq!(address, "https://a.example/cb?x=1&code=a%20b%26c");
        let refused = refusal("https://a.example/cb", ("s", "https://b.example"), "e", "");
        assert_eq!(refused, "https://a.example/cb?error=e&state=s&iss=https%3A%2F%2Fb.example");
    }

    #[test]
    fn hashes_come_in_both_spellings() {
        let asked = |hash: &str, hashes: &str, count: &str| Asked {
            credential_id: "00000000-0000-7000-8000-000000000000".into(),
            num_signatures: count.into(),
            hash: hash.into(),
            hashes: hashes.into(),
            ..Asked::default()
        };
        assert_eq!(Wish::read(&asked("_-8", "", "1")).unwrap().hashes, [[0xFF, 0xEF]]);
        assert_eq!(Wish::read(&asked("", "/+8=,AAA=", "2")).unwrap().hashes, [[0xFF, 0xEF], [0, 0]]);
        for (hash, count) in [("", "1"), ("_-8", "2"), ("_-8", "0"), ("_-8", "x"), ("!", "1"), ("_-8", "100000")] {
            assert!(Wish::read(&asked(hash, "", count)).is_err(), "{hash} {count}");
        }
    }
}
