//! Verdicts that outlive their answer. A page carries its verdict encrypted and authenticated, so that a report can be made of it later
//! and nobody can have the service seal a verdict of their own; under a short link it is stored the same way, until its time ends.
//! The judged document is in neither.

use super::Judged;
use crate::{
    app::App,
    audit::{Actor, Entry, Kind, record},
    error::{InternalError, RequestError, Result},
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use chuky_model::{instant::Instant, record::verdict::KeptVerdict};
use rand::Rng;
use serde_json::json;

/// A verdict found under its link.
#[derive(Clone, Debug)]
pub struct Kept {
    pub judged: Judged,
    pub created_at: Instant,
    pub expires_at: Instant,
}

/// A new short link.
#[derive(Clone, Debug)]
pub struct Link {
    /// What stands behind `/v/`: unguessable.
    pub code: String,
    pub expires_at: Instant,
}

impl Link {
    /// The path of the page.
    pub fn path(&self) -> String {
        format!("/v/{}", self.code)
    }
}

/// The verdict as a page carries it: nobody but this service can read or make one.
pub fn handed(app: &App, judged: &Judged) -> Result<String> {
    Ok(BASE64_URL_SAFE_NO_PAD.encode(app.vault.seal(HANDED, "", &json_of(judged)?)?))
}

/// The verdict that a page carried. An altered, foreign or old one is refused.
pub fn from_handed(app: &App, handed: &str) -> Result<Judged> {
    let sealed = BASE64_URL_SAFE_NO_PAD.decode(handed).map_err(|_| not_ours())?;
    let plain = app.vault.open(HANDED, "", &sealed).map_err(|_| not_ours())?;
    let judged: Judged = serde_json::from_slice(&plain).map_err(|_| not_ours())?;
    match app.clock.now().0.saturating_sub(judged.at.0) {
        0..=HANDED_MICROSECONDS => Ok(judged),
        _ => Err(not_ours().into()),
    }
}

/// Stores a verdict under a new link and records that somebody did.
pub async fn keep(app: &App, actor: Actor, judged: &Judged) -> Result<Link> {
    let code = fresh_code();
    let now = app.clock.now();
    let code_hash = app.vault.lookup(PURPOSE, &code).to_vec();
    let content = app.vault.seal(CONTENT, &hex::encode(&code_hash), &json_of(judged)?)?;
    let expires_at = now.plus_seconds(app.settings.verification.link_days.saturating_mul(86_400));
    let mut transaction = app.store.begin().await?;
    transaction.insert_verdict(&KeptVerdict { code_hash, content, created_at: now, expires_at }).await?;
    let subject = format!("document:{}", judged.report.sha256.as_deref().unwrap_or("unread"));
    let content = json!({ "indication": judged.report.indication, "expires_at": expires_at.rfc3339() });
    record(&mut transaction, Entry::new(now, Kind::VerdictKept, actor, subject).with(content)).await?;
    transaction.commit().await?;
    Ok(Link { code, expires_at })
}

/// The verdict under that code, `not_found` where there is none or its time has ended.
pub async fn kept(app: &App, code: &str) -> Result<Kept> {
    if code.len() != CODE_LETTERS {
        return Err(RequestError::not_found().into());
    }
    let row = app.store.verdict_by_code(&app.vault.lookup(PURPOSE, code)).await?;
    let row = row.filter(|row| row.expires_at > app.clock.now()).ok_or_else(RequestError::not_found)?;
    let plain = app.vault.open(CONTENT, &hex::encode(&row.code_hash), &row.content)?;
    let judged = serde_json::from_slice(&plain).map_err(|error| InternalError::other(error.to_string()))?;
    Ok(Kept { judged, created_at: row.created_at, expires_at: row.expires_at })
}

fn json_of(judged: &Judged) -> Result<Vec<u8>> {
    Ok(serde_json::to_vec(judged).map_err(|error| InternalError::other(error.to_string()))?)
}

/// 26 letters of 5 bits each: 130 bits.
fn fresh_code() -> String {
    let mut octets = [0_u8; CODE_LETTERS];
    rand::rng().fill_bytes(&mut octets);
    octets.iter().filter_map(|octet| ALPHABET.get(usize::from(octet & 31))).map(|letter| char::from(*letter)).collect()
}

fn not_ours() -> RequestError {
    RequestError::invalid(
        "handed",
        "verdict_outdated",
        "Kết quả này đã cũ hoặc không còn nguyên vẹn. Hãy kiểm tra lại tệp rồi lấy báo cáo.",
        "This verdict is too old or not as it was made. Check the file again, then fetch the report.",
    )
}

/// Where a verdict is encrypted for: inside a page, and in its row.
const HANDED: &str = "verdict.handed";
const CONTENT: &str = "kept_verdict.content";
/// What the code's hash is for.
const PURPOSE: &str = "verdict_link";
const CODE_LETTERS: usize = 26;
/// Without the letters that are taken for one another.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// How long a page's verdict serves: a day.
const HANDED_MICROSECONDS: i64 = 86_400 * 1_000_000;
