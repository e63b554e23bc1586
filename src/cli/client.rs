//! The service as the commands of a user see it: JSON over HTTP with the session that `chuky login` keeps. Holds no PIN and no password
//! longer than one call.

use chuky_model::text::Language;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::{
    fs::{self, File},
    io::{self, Read},
    net::IpAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use ureq::{
    Agent, Body, SendBody, http,
    tls::{self, PemItem, RootCerts, TlsConfig},
};

/// A session that `chuky login` stored.
#[derive(Serialize, Deserialize)]
pub struct Session {
    /// Without a trailing slash.
    pub server: String,
    token: String,
    pub login: String,
    /// Proves at the next log-in that this user has logged in from here; opens nothing.
    #[serde(default)]
    device: Option<String>,
}

/// Why a call brought nothing.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// What the service said.
    #[error("{0}")]
    Refused(Said),
    #[error("{0}")]
    Unreachable(String),
    #[error("{what}: {source}")]
    Io { what: String, source: io::Error },
}

/// A refusal in the chosen language.
#[derive(Debug, thiserror::Error)]
#[error("{text}")]
pub struct Said {
    pub text: String,
    /// The last part of the problem's `type`; empty where this program refuses.
    pub code: String,
    /// The field that it belongs to, where the service names one.
    pub field: String,
    /// HTTP's, 0 where this program refuses.
    pub status: u16,
}

impl From<String> for Said {
    fn from(text: String) -> Self {
        Self { text, code: String::new(), field: String::new(), status: 0 }
    }
}

impl Session {
    /// The stored session, where there is one.
    pub fn load() -> Option<Self> {
        serde_json::from_slice(&fs::read(session_file()?).ok()?).ok()
    }

    /// Stores it for this user alone.
    pub fn store(&self) -> Result<PathBuf, ClientError> {
        let file = session_file().ok_or_else(|| failed("XDG_STATE_HOME", io::ErrorKind::NotFound.into()))?;
        let directory = file.parent().unwrap_or(Path::new("/"));
        let text = serde_json::to_vec(self).map_err(|error| failed("session", error.into()))?;
        crate::tokens::private_directory(directory)
            .and_then(|()| crate::tokens::write_secret(&file, &text))
            .map_err(|error| ClientError::Unreachable(error.to_string()))?;
        Ok(file)
    }
}

/// Calls to one service.
pub struct Client {
    agent: Agent,
    server: String,
    token: Option<String>,
    language: Language,
}

impl Client {
    /// Without a session. Plain HTTP leads to this machine only, for passwords and PINs travel on it.
    pub fn new(server: &str, language: Language) -> Result<Self, ClientError> {
        let server = server.trim_end_matches('/').to_owned();
        let host = server.strip_prefix("http://").map(|rest| rest.split('/').next().unwrap_or_default());
        let name = host.map(|host| host.rsplit_once(':').map_or(host, |(name, _)| name).trim_matches(['[', ']']));
        let own = name.is_some_and(|name| {
            name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
        });
        let by_tls = server.starts_with("https://");
        if !own && !by_tls {
            return Err(ClientError::Refused(
                match language {
                    Language::Vi => "http:// chỉ dùng tới chính máy này (127.0.0.1). Hãy dùng https://.",
                    Language::En => "http:// reaches this machine only (127.0.0.1). Use https://.",
                }
                .to_owned()
                .into(),
            ));
        }
        Ok(Self { agent: agent(by_tls, WHOLE)?, server, token: None, language })
    }

    /// With the session of `chuky login`.
    pub fn of_session(session: &Session, language: Language) -> Result<Self, ClientError> {
        Ok(Self { token: Some(session.token.clone()), ..Self::new(&session.server, language)? })
    }

    /// Logs in, with the code of the second factor where the account has one.
    pub fn log_in(&self, login: &str, password: &str, totp: &str) -> Result<Session, ClientError> {
        let before = Session::load().filter(|session| session.server == self.server && session.login == login);
        let device = before.and_then(|session| session.device);
        let body = serde_json::json!({ "login": login, "password": password, "totp": totp, "device": device });
        let answer = self.post("/api/v1/session", &body)?;
        let token = answer["token"].as_str().ok_or_else(|| self.odd())?.to_owned();
        let device = answer["device"].as_str().map(str::to_owned);
        Ok(Session { server: self.server.clone(), token, login: login.to_owned(), device })
    }

    /// `GET` of JSON.
    pub fn get(&self, path: &str) -> Result<Value, ClientError> {
        self.json(self.call("GET", path, "", SendBody::none())?)
    }

    /// `POST` of JSON, repeated safely by its own idempotency key.
    pub fn post(&self, path: &str, body: &Value) -> Result<Value, ClientError> {
        let text = zeroize::Zeroizing::new(body.to_string());
        self.json(self.call("POST", path, "application/json", SendBody::from_reader(&mut text.as_bytes()))?)
    }

    /// `POST` of JSON with a key that the caller made: after a lost answer the same call gives the same.
    pub fn post_with_key(&self, path: &str, body: &Value, key: &str) -> Result<Value, ClientError> {
        let text = zeroize::Zeroizing::new(body.to_string());
        let mut octets = text.as_bytes();
        let body = SendBody::from_reader(&mut octets);
        self.json(self.call_with_key("POST", path, ("application/json", Some(key)), body)?)
    }

    /// Uploads a file as it is read.
    pub fn upload(&self, path: &str, kind: &str, mut file: File) -> Result<Value, ClientError> {
        self.json(self.call("POST", path, kind, SendBody::from_reader(&mut file))?)
    }

    /// Downloads into a file that appears whole or not at all.
    pub fn download(&self, path: &str, to: &Path) -> Result<(), ClientError> {
        let mut answer = self.call("GET", path, "", SendBody::none())?;
        if !answer.status().is_success() {
            return self.json(answer).and(Err(self.odd()));
        }
        let what = to.display().to_string();
        let directory = to.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut beside = tempfile::NamedTempFile::new_in(directory).map_err(|error| failed(&what, error))?;
        io::copy(&mut answer.body_mut().with_config().limit(u64::MAX).reader(), &mut beside)
            .map_err(|error| failed(&what, error))?;
        beside.persist(to).map_err(|error| failed(&what, error.error))?;
        Ok(())
    }

    /// Downloads into an open file.
    pub fn download_into(&self, path: &str, to: &mut File) -> Result<(), ClientError> {
        let mut answer = self.call("GET", path, "", SendBody::none())?;
        if !answer.status().is_success() {
            return self.json(answer).and(Err(self.odd()));
        }
        let copied = io::copy(&mut answer.body_mut().with_config().limit(u64::MAX).reader(), to);
        copied.map(drop).map_err(|error| failed(path, error))
    }

    fn call(
        &self,
        method: &str,
        path: &str,
        kind: &str,
        body: SendBody<'_>,
    ) -> Result<http::Response<Body>, ClientError> {
        self.call_with_key(method, path, (kind, None), body)
    }

    fn call_with_key(
        &self,
        method: &str,
        path: &str,
        (kind, key): (&str, Option<&str>),
        body: SendBody<'_>,
    ) -> Result<http::Response<Body>, ClientError> {
        let mut request = http::Request::builder().method(method).uri(format!("{}{path}", self.server));
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        if !kind.is_empty() {
            let key = key.map_or_else(|| uuid::Uuid::now_v7().to_string(), str::to_owned);
            request = request.header("content-type", kind).header("idempotency-key", key);
        }
        let request = request.body(body).map_err(|error| ClientError::Unreachable(error.to_string()))?;
        self.agent.run(request).map_err(|error| ClientError::Unreachable(format!("{}: {error}", self.server)))
    }

    fn json(&self, mut answer: http::Response<Body>) -> Result<Value, ClientError> {
        let mut text = Vec::new();
        answer
            .body_mut()
            .with_config()
            .limit(LARGEST_ANSWER)
            .reader()
            .read_to_end(&mut text)
            .map_err(|error| failed(&self.server, error))?;
        let value: Value = serde_json::from_slice(&text).unwrap_or_default();
        if answer.status().is_success() {
            return Ok(value);
        }
        let detail = value["detail"][self.language.code()].as_str();
        let word = |text: &Value| text.as_str().and_then(|text| text.rsplit(':').next()).unwrap_or_default().to_owned();
        Err(ClientError::Refused(Said {
            text: detail.map_or_else(|| format!("HTTP {}", answer.status()), str::to_owned),
            code: word(&value["type"]),
            field: word(&value["field"]),
            status: answer.status().as_u16(),
        }))
    }

    fn odd(&self) -> ClientError {
        ClientError::Unreachable(format!("{}: an answer that no Chuky service gives", self.server))
    }
}

/// What calls: no redirects, bounded time, and TLS where the address asks for it.
pub(super) fn agent(by_tls: bool, whole: Duration) -> Result<Agent, ClientError> {
    let config = Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .timeout_connect(Some(CONNECT))
        .timeout_global(Some(whole));
    let config = if by_tls { config.tls_config(trusted()?) } else { config };
    Ok(config.build().into())
}

/// TLS under the CAs that this machine trusts, or those of `SSL_CERT_FILE`, which OpenSSL's programs read, too.
fn trusted() -> Result<TlsConfig, ClientError> {
    let file = std::env::var_os("SSL_CERT_FILE").map_or_else(|| PathBuf::from(SYSTEM_CERTIFICATES), PathBuf::from);
    let pem = fs::read(&file).map_err(|error| failed(&file.display().to_string(), error))?;
    let certificates = tls::parse_pem(&pem).filter_map(|item| match item {
        Ok(PemItem::Certificate(certificate)) => Some(certificate),
        _ => None,
    });
    let roots: RootCerts = certificates.collect::<Vec<_>>().into();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    Ok(TlsConfig::builder().root_certs(roots).unversioned_rustls_crypto_provider(provider).build())
}

fn session_file() -> Option<PathBuf> {
    let state = std::env::var_os("XDG_STATE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let state = state.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".local/state")))?;
    Some(state.join("chuky/session.json"))
}

fn failed(what: &str, source: io::Error) -> ClientError {
    ClientError::Io { what: what.to_owned(), source }
}

/// Where Debian keeps the CAs that it trusts.
const SYSTEM_CERTIFICATES: &str = "/etc/ssl/certs/ca-certificates.crt";
/// To a service on this machine.
const CONNECT: Duration = Duration::from_secs(10);
/// A 200 MB document with signing and verifying.
const WHOLE: Duration = Duration::from_secs(300);
/// Bytes of a JSON answer: a report with thousands of changes.
const LARGEST_ANSWER: u64 = 64 << 20;
