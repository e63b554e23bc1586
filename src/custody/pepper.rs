//! Peppers by version: how many seals lie under each, the next one made, an old one destroyed. Each key follows the newest pepper when
//! its PIN is next entered; with an old pepper every backup that is sealed under it becomes worthless. Sees no pepper itself.

use crate::{
    app::{App, audit_key_file},
    attestation,
    audit::{self, Actor, Entry, Kind},
    current,
    error::{InternalError, RequestError, Result},
    store::Error as StoreError,
    tokens,
};
use chuky_hsm::Secret32;
use chuky_model::{
    id::CredentialId,
    instant::Instant,
    record::{Cursor, state::CredentialState},
};
use uuid::Uuid;

/// One pepper on the token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pepper {
    pub version: u32,
    /// When it was made here; `None` for the first, and for one that was brought in by other means.
    pub made: Option<Instant>,
    /// Seals under it whose keys can still be used.
    pub used: i64,
    /// All other seals under it: closed, or their certificates are over.
    pub unused: i64,
    /// From when on it may be destroyed; `None` for the newest, which is in use.
    pub until: Option<Instant>,
}

/// Every pepper on the token, oldest first.
pub async fn peppers(app: &App) -> Result<Vec<Pepper>> {
    let versions = app.tokens.subscribers.probe().await?.pepper_versions;
    let seals = app.store.seals_by_pepper(app.clock.now()).await?;
    let mut peppers: Vec<Pepper> = Vec::new();
    for version in versions {
        let made = made(app, version).await?;
        // The one before may go when its successor has been there long enough.
        if let Some(before) = peppers.last_mut() {
            let days = app.settings.seal.pepper_days.saturating_mul(86_400);
            before.until = Some(made.map_or(Instant(i64::MAX), |made| made.plus_seconds(days)));
        }
        let under = seals.iter().find(|(sealed, ..)| *sealed == i64::from(version));
        let (used, unused) = under.map_or((0, 0), |(_, used, unused)| (*used, *unused));
        peppers.push(Pepper { version, made, used, unused, until: None });
    }
    Ok(peppers)
}

/// Makes the next pepper of that value and gives its version. Every worker seals under it within half a minute.
pub async fn add_pepper(app: &App, value: &Secret32) -> Result<u32> {
    let version = tokens::add_pepper(&app.settings, &app.executable, 1, value).await?;
    record(app, Kind::PepperMade, version, serde_json::Value::Null).await?;
    Ok(version)
}

/// Destroys an old pepper, and with it every seal under it. `lost` is how many usable keys the caller knows to be lost by it; another
/// number is refused. Those are closed first, so that their holders are told to have a new signature made. How many were closed.
pub async fn destroy_pepper(app: &App, version: u32, lost: i64) -> Result<i64> {
    // 1. An old one, kept for the set time, and nobody's key lost unawares.
    let peppers = peppers(app).await?;
    let pepper = peppers.iter().find(|pepper| pepper.version == version).ok_or_else(RequestError::not_found)?;
    let until = pepper.until.ok_or_else(newest)?;
    if app.clock.now() < until {
        return Err(too_early(until).into());
    }
    if pepper.used != lost {
        return Err(in_use(pepper.used).into());
    }
    // 2. The intent, under a signed head.
    record(app, Kind::PepperDestroying, version, serde_json::json!({ "lost": lost })).await?;
    // 3. What lies under it is closed.
    let closed = close_under(app, version).await?;
    // 4. The pepper itself.
    tokens::destroy_pepper(&app.settings, &app.executable, 1, version).await?;
    record(app, Kind::PepperDestroyed, version, serde_json::json!({ "closed": closed })).await?;
    Ok(closed)
}

async fn close_under(app: &App, version: u32) -> Result<i64> {
    let (mut closed, mut after) = (0_i64, CredentialId(Uuid::nil()));
    loop {
        let page = app.store.credentials_under_pepper(i64::from(version), after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(closed) };
        after = last.id;
        for listed in page {
            if close(app, listed.id, version).await? {
                closed = closed.saturating_add(1);
            }
        }
    }
}

/// Closes one credential; `false` where it was closed or resealed meanwhile.
async fn close(app: &App, id: CredentialId, version: u32) -> Result<bool> {
    loop {
        let credential = current::row_by_log(app, || app.store.credential_by_id(id)).await?;
        let under = |pepper| pepper == i64::from(version);
        let credential = credential.filter(|credential| under(credential.pepper_version));
        let Some(mut credential) = credential.filter(|credential| credential.state != CredentialState::Closed) else {
            return Ok(false);
        };
        let now = app.clock.now();
        credential.state = CredentialState::Closed;
        credential.updated_at = now;
        attestation::attest_change(&*app.tokens.subscribers, &mut credential).await?;
        let mut transaction = app.store.begin().await?;
        match transaction.update_credential(&credential).await {
            Err(StoreError::Stale) => continue,
            other => other?,
        }
        let entry = Entry::of_row(now, Kind::CredentialClosed, Actor::Service, &credential);
        audit::record(&mut transaction, entry.with(serde_json::json!({ "pepper": version }))).await?;
        transaction.commit().await?;
        return Ok(true);
    }
}

async fn made(app: &App, version: u32) -> Result<Option<Instant>> {
    // What an entry says is anybody's who has SQL: the heads say since when the log tells it. Of several, the first: one that was added makes
    // the pepper no older.
    let file = audit_key_file(&app.settings);
    let key = std::fs::read(&file).map_err(InternalError::io(file.display().to_string()))?;
    let entries = app.store.audit_entries_about(&subject(version), Cursor::OLDEST, MOST_ENTRIES).await?;
    let mut made: Option<Instant> = None;
    for entry in entries.iter().filter(|entry| entry.kind == Kind::PepperMade.name()) {
        let told = audit::told_at(&app.store, &key, entry).await?;
        made = made.into_iter().chain(told).min();
    }
    Ok(made)
}

async fn record(app: &App, kind: Kind, version: u32, content: serde_json::Value) -> Result<()> {
    let entry = Entry::new(app.clock.now(), kind, Actor::Service, subject(version)).with(content);
    let mut transaction = app.store.begin().await?;
    let entry = audit::record(&mut transaction, entry).await?;
    transaction.commit().await?;
    app.audit.wait(entry).await
}

fn subject(version: u32) -> String {
    format!("pepper:{version}")
}

fn newest() -> RequestError {
    RequestError::conflict(
        "pepper_newest",
        "Đây là pepper mới nhất, đang dùng để niêm phong khóa. Hãy tạo pepper mới trước.",
        "This is the newest pepper, under which keys are sealed. Make a new one first.",
    )
}

fn too_early(until: Instant) -> RequestError {
    if until == Instant(i64::MAX) {
        return RequestError::conflict(
            "pepper_age_unknown",
            "Nhật ký không ghi pepper kế tiếp được tạo khi nào, nên chưa thể hủy pepper này.",
            "The log does not tell when the next pepper was made, so this one cannot be destroyed yet.",
        );
    }
    let day = until.vietnamese();
    RequestError::conflict(
        "pepper_too_early",
        format!("Pepper này còn phải giữ đến {day}: đến lúc đó bản sao lưu cũ vẫn khôi phục được (seal.pepper_days)."),
        format!("This pepper is kept until {day}: so long old backups can be restored (seal.pepper_days)."),
    )
}

fn in_use(used: i64) -> RequestError {
    RequestError::conflict(
        "pepper_in_use",
        format!("Còn {used} khóa dùng được nằm dưới pepper này; hủy là mất. Nếu vẫn muốn hủy, hãy thêm --lose {used}."),
        format!(
            "{used} usable keys lie under this pepper and would be lost. To destroy it all the same, add --lose {used}."
        ),
    )
}

/// Entries about one pepper: made, to be destroyed, destroyed. What was added to them by SQL beyond that makes its age unknown.
const MOST_ENTRIES: i64 = 100;
/// Credentials looked at in one go.
const PAGE: i64 = 200;
