//! The one-time code with which a subscriber redeems an approved request: shown once, stored as a keyed hash, ending after a while.

use super::{Details, load, moved_on, open, subject, view::may_see};
use crate::{
    accounts::Principal,
    app::App,
    attestation,
    audit::{self, Actor, Entry, Kind},
    error::{RequestError, Result},
    store,
};
use chuky_model::{
    id::RequestId,
    instant::Instant,
    record::request::{self as rows, RegistrationRequest},
    request::RequestState,
};
use rand::RngExt;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// Twelve letters and digits without look-alikes: about 59 bits.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct ActivationCode(String);

impl ActivationCode {
    /// A fresh code.
    pub fn random() -> Self {
        let mut rng = rand::rng();
        Self((0..LENGTH).map(|_| char::from(ALPHABET[rng.random_range(0..ALPHABET.len())])).collect())
    }

    /// A code as somebody typed or scanned it: case, spaces and hyphens do not count.
    pub fn enter(text: &str) -> Option<Self> {
        let code: String = text
            .chars()
            .filter(|c| !c.is_whitespace() && *c != '-')
            .take(LENGTH + 1)
            .collect::<String>()
            .to_uppercase();
        let fits = code.len() == LENGTH && code.bytes().all(|byte| ALPHABET.contains(&byte));
        fits.then_some(Self(code))
    }

    /// `ABCD-EFGH-JKLM`, as it is shown once.
    pub fn grouped(&self) -> String {
        format!("{}-{}-{}", &self.0[..4], &self.0[4..8], &self.0[8..])
    }

    /// The keyed hash that is stored.
    pub fn hash(&self, app: &App) -> [u8; 32] {
        app.vault.lookup("activation_code", &self.0)
    }
}

impl std::fmt::Debug for ActivationCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ActivationCode(…)")
    }
}

/// An approved request that a code opens.
pub struct Redeemable {
    pub request: RegistrationRequest,
    pub details: Details,
    pub code: rows::ActivationCode,
}

/// The approved request behind a code, with its approval checked again. One answer for every code that opens nothing.
pub async fn redeemable(app: &App, text: &str) -> Result<Redeemable> {
    let entered = ActivationCode::enter(text).ok_or_else(opens_nothing)?;
    let code = app.store.activation_code_by_hash(&entered.hash(app)).await?;
    let code = attestation::check_found(&*app.tokens.subscribers, code).await?;
    let now = app.clock.now();
    let code = code.filter(|code| code.redeemed_at.is_none() && code.expires_at > now).ok_or_else(opens_nothing)?;
    let request = load(app, code.request_id).await?;
    if request.state != RequestState::Approved {
        return Err(opens_nothing().into());
    }
    super::decision::check_approval(app, &request).await?;
    let details = open(app, &request)?;
    Ok(Redeemable { request, details, code })
}

/// A code that replaced the one before, shown once.
pub struct RenewedCode {
    pub code: ActivationCode,
    pub expires_at: Instant,
}

/// Makes a new code for an approved request that nobody has redeemed; the code before opens nothing from then on.
pub async fn renew_code(app: &App, by: &Principal, id: RequestId) -> Result<RenewedCode> {
    // 1. Whose request, and whether it still waits.
    let request = load(app, id).await?;
    if !may_see(by, request.hierarchy) {
        return Err(RequestError::not_found().into());
    }
    if request.state != RequestState::Approved {
        return Err(moved_on().into());
    }
    super::decision::check_approval(app, &request).await?;
    let row = app.store.activation_code_of_request(id).await?;
    let row = attestation::check_found(&*app.tokens.subscribers, row).await?;
    let mut row = row.filter(|row| row.redeemed_at.is_none()).ok_or_else(moved_on)?;
    // 2. The new code in the place of the old one, with its audit entry.
    let now = app.clock.now();
    let code = ActivationCode::random();
    row.code_hash = code.hash(app).to_vec();
    row.tries = 0;
    row.expires_at = expiry(app, now);
    attestation::attest_change(&*app.tokens.subscribers, &mut row).await?;
    let mut transaction = app.store.begin().await?;
    match transaction.update_activation_code(&row).await {
        Err(store::Error::Stale) => return Err(moved_on().into()),
        other => other?,
    }
    audit::record(&mut transaction, Entry::new(now, Kind::CodeRenewed, Actor::Account(by.account), subject(id)))
        .await?;
    transaction.commit().await?;
    Ok(RenewedCode { code, expires_at: row.expires_at })
}

/// Until when a code made now can be redeemed.
pub(super) fn expiry(app: &App, now: Instant) -> Instant {
    now.plus_seconds(app.settings.authority.activation_code_hours.saturating_mul(3_600))
}

fn opens_nothing() -> RequestError {
    RequestError::invalid(
        "code",
        "code_invalid",
        "Mã kích hoạt không đúng, đã dùng hoặc đã hết hạn. Hãy kiểm tra lại, hoặc xin cấp mã mới tại điểm đăng ký.",
        "The activation code is wrong, used or expired. Check it, or ask the registration point for a new one.",
    )
}

const LENGTH: usize = 12;
/// Without 0 O 1 I L.
const ALPHABET: &[u8; 31] = b"23456789ABCDEFGHJKMNPQRSTUVWXYZ";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_survives_being_typed() {
        let code = ActivationCode::random();
        let typed = code.grouped().to_lowercase().replace('-', " ");
        assert_eq!(ActivationCode::enter(&typed).map(|code| code.0.clone()), Some(code.0.clone()));
        assert!(ActivationCode::enter("0000-0000-0000").is_none());
        assert!(ActivationCode::enter("").is_none());
        assert!(ActivationCode::enter(&"A".repeat(10_000)).is_none());
    }
}
