//! Ceremonies: from one TOML file the keys and certificates of both hierarchies, each with root, issuing CA, OCSP responder and timestamp
//! authority, perhaps under PINs that custodians hold together and with the root on a token of its own; later ones add keys beside
//! those in use. Keys that an interrupted ceremony left on the tokens are taken up, for nothing was published under them.

mod ending;
mod lost_token;
mod make;
mod plan;
mod printed;
mod ready;
mod record;
mod revoke;
mod roll_over;

pub use ending::{Ended, end};
pub(super) use ending::{may_sign, not_revoked};
pub use lost_token::{Rebuilt, rebuild_subscribers_token};
pub use make::label;
pub(super) use make::publication;
pub use plan::{CustodyPlan, HierarchyPlan, KeyPlan, Person, Plan, SetPlan, TEST, is_test, was_held};
pub use printed::typefaces;
pub use ready::{may_be_held, may_roll_over};
pub use record::{CertificateLine, KeyLine, Made, Record, Signer, Verified, What, verify};
pub(super) use revoke::{OwnCertificate, own_certificates, record as record_revocation};
pub use revoke::{OwnRevoked, revoke};
pub use roll_over::{activate, roll_over};

use super::{Authority, authority::internal, revocation_list};
use crate::{
    app::App,
    audit::{self, Actor, Entry, Kind},
    config::Settings,
    custodians::{Note, Opened, ShareSet},
    error::{InternalError, RequestError, Result},
    fault,
    tokens::{self, RootToken, RootTokenPlan},
};
use chuky_hsm::{
    Secret32,
    share::{self, Purpose, Share},
};
use chuky_model::{
    instant::Instant,
    record::{certificate::AuthorityKey, state::KeyPurpose},
};
use chuky_pki::certificate::Certificate;
use make::{ToMake, audit_key, certified_key};
use plan::unusable;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// What a ceremony made, and where its record lies.
#[derive(Clone, Debug)]
pub struct Held {
    /// The record in words.
    pub text: String,
    /// `record.json`.
    pub path: PathBuf,
    /// Label and certificate of each key, roots first in each hierarchy.
    pub certificates: Vec<(String, Certificate)>,
    /// Why there is no record to print, where the typefaces are missing.
    pub not_printed: Option<String>,
}

/// Makes the secrets that the file names custodians for, and a sheet for each share: file name and PDF. What is not printed is lost with
/// the return value; nothing else knows the secrets.
pub fn sheets(plan: &Plan, settings: &Settings, at: Instant) -> Result<Vec<(String, Zeroizing<Vec<u8>>)>> {
    let typefaces = printed::typefaces(settings)?;
    let mut sheets = Vec::new();
    for (purpose, set) in plan.custody.sets() {
        let count = u8::try_from(set.custodians.len()).unwrap_or(u8::MAX);
        let shares = share::split(purpose, &Secret32::random(), set.threshold, count);
        for share in shares.map_err(|error| crate::custodians::refused(purpose, &error))? {
            sheets.push(printed::sheet(&share, set, plan, &typefaces, at)?);
        }
    }
    if sheets.is_empty() {
        return Err(unusable("it names no custodians").into());
    }
    Ok(sheets)
}

/// Refuses shares that are of another number of custodians than the file names.
pub fn admit(plan: &Plan, share: &Share) -> Result<()> {
    let named = plan.custody.sets().find(|(purpose, _)| *purpose == share.purpose);
    match named {
        Some((_, set)) if (set.threshold, set.custodians.len()) == (share.threshold, usize::from(share.count)) => {
            Ok(())
        }
        Some(_) => Err(unusable(&format!("custody.{}: the share is of another set", share.purpose.name())).into()),
        None => Err(unusable(&format!("it names no custodians for {}", share.purpose.name())).into()),
    }
}

/// Prepares the tokens for the first ceremony with what custodians brought together, and opens the root's where it has its own.
pub async fn prepare(settings: &Settings, executable: &Path, plan: &Plan, opened: &Opened) -> Result<Vec<RootToken>> {
    // 1. Whose shares they are is remembered before any token takes a PIN or a key of them.
    ready::begin(settings, Note { sets: share_sets(plan, opened)? })?;
    fault::point("ceremony.after_note");
    // 2. Tokens.
    tokens::prepare_held(settings, executable, opened).await?;
    fault::point("ceremony.after_tokens");
    match &plan.root_token {
        Some(token) => Ok(vec![open_root(settings, executable, token, opened, true).await?]),
        None => Ok(Vec::new()),
    }
}

/// Opens the tokens of roots that the file names for a later ceremony. A new root's may have to be made.
pub async fn roots(settings: &Settings, executable: &Path, plan: &Plan, opened: &Opened) -> Result<Vec<RootToken>> {
    let mut roots = Vec::new();
    if let Some(token) = &plan.root_token {
        roots.push(open_root(settings, executable, token, opened, false).await?);
    }
    if let Some(token) = &plan.new_root_token {
        roots.push(open_root(settings, executable, token, opened, true).await?);
    }
    Ok(roots)
}

async fn open_root(
    settings: &Settings,
    executable: &Path,
    token: &RootTokenPlan,
    opened: &Opened,
    make: bool,
) -> Result<RootToken> {
    let officer = if make { Some(opened.pin(Purpose::OfficerPin, &token.label)?) } else { None };
    let user = opened.pin(Purpose::RootPin, &token.label)?;
    tokens::root_token(settings, executable, token, (officer.as_ref(), user)).await
}

/// Holds the first ceremony that `text` (TOML) describes. Refuses where one was held.
pub async fn hold(app: &App, text: &str) -> Result<Held> {
    hold_with(app, text, &Opened::default()).await
}

/// The same over tokens whose PINs and keys come from custodians.
pub async fn hold_with(app: &App, text: &str, opened: &Opened) -> Result<Held> {
    // 1. What is to be made, and that nothing was made before.
    let plan = Plan::from_toml(text)?;
    let now = Instant::from_unix_seconds(app.clock.now().unix_seconds());
    plan.check_first()?;
    plan.rehearse(&app.issuing, now)?;
    if was_held(app).await? {
        return Err(held_before().into());
    }
    // 2. Keys on their tokens, certificates from the root down.
    let mut rows = vec![audit_key(app, now).await?];
    for (hierarchy, keys) in plan.hierarchies() {
        let from = rows.len();
        for (purpose, key) in keys.keys() {
            let issuer = issuer_of(purpose, rows.get(from..).unwrap_or_default());
            let token = plan.root_token.as_ref().filter(|_| purpose == KeyPurpose::Root);
            let (label, token) = (label(hierarchy, purpose), token.map(|token| token.label.clone()));
            let to_make = ToMake { label, hierarchy, purpose, plan: key, issuer, token, state: None };
            let row = certified_key(app, to_make, now).await?;
            rows.push(row);
        }
    }
    // 3. The record, signed by the new keys and kept beside the data.
    let custody = share_sets(&plan, opened)?;
    let is_ca = |row: &&AuthorityKey| matches!(row.purpose, KeyPurpose::Root | KeyPurpose::Issuing);
    let signers: Vec<AuthorityKey> = rows.iter().filter(is_ca).cloned().collect();
    let made = Made::new(app, (&plan, text), What::First, (&rows, &[]), (&signers, custody.clone()), now).await?;
    let held = keep(app, made, now)?;
    if opened.has(Purpose::Backup) {
        crate::backup::keep_key(&app.settings, opened.secret(Purpose::Backup)?)?;
    }
    if !custody.is_empty() {
        Note { sets: custody }.save(&app.settings)?;
    }
    fault::point("ceremony.before_store");
    // 4. All rows with their audit entry in one transaction.
    let mut transaction = app.store.begin().await?;
    for row in &rows {
        transaction.insert_authority_key(row).await?;
    }
    let entry = Entry::new(now, Kind::CeremonyHeld, Actor::Service, "authority").with(told(&held)?);
    audit::record(&mut transaction, entry).await?;
    transaction.commit().await?;
    // 5. The lists of roots whose tokens will be away.
    Authority::refresh(app).await?;
    if plan.root_token.is_some() {
        revocation_list::publish_due(app).await?;
    }
    Ok(held)
}

/// Makes the lists of roots anew while their tokens are here.
pub async fn publish_root_lists(app: &App) -> Result<Vec<String>> {
    revocation_list::publish_roots(app).await
}

/// Which of the rows certifies a key of that purpose.
fn issuer_of(purpose: KeyPurpose, rows: &[AuthorityKey]) -> Option<&AuthorityKey> {
    let above = match purpose {
        KeyPurpose::Root => return None,
        KeyPurpose::Issuing => KeyPurpose::Root,
        _ => KeyPurpose::Issuing,
    };
    rows.iter().find(|row| row.purpose == above)
}

fn share_sets(plan: &Plan, opened: &Opened) -> Result<Vec<ShareSet>> {
    let mut sets = Vec::new();
    for (purpose, set) in plan.custody.sets() {
        sets.push(ShareSet {
            purpose: purpose.name().to_owned(),
            set: hex::encode(share::set_of(purpose, opened.secret(purpose)?)),
            threshold: set.threshold,
            custodians: set.custodians.clone(),
        });
    }
    Ok(sets)
}

/// Prints and keeps a record. Without typefaces there is no sheet to print, which is told and keeps nothing else back.
fn keep(app: &App, made: Made, at: Instant) -> Result<Held> {
    let sha256 = hex::encode(chuky_pki::crypto::sha256(&made.json));
    let pdf = printed::typefaces(&app.settings).and_then(|faces| printed::record(&made.record, &sha256, &faces, at));
    let path = made.keep(app, pdf.as_deref().ok())?;
    let not_printed = pdf.err().map(|error| error.to_string());
    Ok(Held { text: made.text(), path, certificates: made.certificates, not_printed })
}

/// What the audit log says of a ceremony.
fn told(held: &Held) -> Result<serde_json::Value> {
    let json = std::fs::read(&held.path).map_err(InternalError::io(held.path.display().to_string()))?;
    let fingerprints: Vec<_> = held
        .certificates
        .iter()
        .map(|(label, certificate)| serde_json::json!({ "label": label, "sha256": hex::encode(certificate.fingerprint()) }))
        .collect();
    let record = hex::encode(chuky_pki::crypto::sha256(&json));
    Ok(serde_json::json!({ "certificates": fingerprints, "record": record }))
}

fn held_before() -> RequestError {
    RequestError::conflict(
        "ceremony_held",
        "Lễ tạo khóa đã được thực hiện; không có gì thay đổi.",
        "The ceremony was held before; nothing was changed.",
    )
}

/// The certificate of a row that has one.
fn certificate_of(row: &AuthorityKey) -> Result<Certificate> {
    Ok(Certificate::from_der(row.certificate.as_deref().unwrap_or_default()).map_err(internal)?)
}
