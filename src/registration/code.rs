//! The one-time code with which a subscriber redeems an approved request: shown once, stored as a keyed hash, ending after a while. It
//! opens a request and proves nobody: who redeems it also logs in, or gives the second secret (`second`).

use super::{Details, load, moved_on, open, second, view::Sight};
use crate::{
    accounts::{self, Principal},
    app::App,
    attestation,
    audit::{self, Actor, Entry, Kind},
    current,
    error::{Error, RequestError, RequestErrorKind, Result},
    outbox, store,
};
use chuky_model::{
    id::RequestId,
    instant::Instant,
    record::request::{self as rows, RegistrationRequest},
    request::RequestState,
};
use rand::RngExt;
use subtle::ConstantTimeEq;
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
        self.hash_for(app, "activation_code")
    }

    /// The keyed hash of a code that opens something else.
    pub fn hash_for(&self, app: &App, purpose: &str) -> [u8; 32] {
        app.vault.lookup(purpose, &self.0)
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
    let hash = entered.hash(app);
    let code = current::row_by_log(app, || app.store.activation_code_by_hash(&hash)).await?;
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

/// The key that a client makes for one redemption, so that it gets the receipt again where the first answer was lost. It stands
/// beside the code as a second secret: whoever has only the code, once that is used, learns nothing.
pub struct ReceiptKey(String);

impl ReceiptKey {
    /// A key as it was sent: 32 to 128 visible ASCII characters, made at random.
    pub fn enter(text: &str) -> Result<Self, RequestError> {
        if (SHORTEST_KEY..=LONGEST_KEY).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Ok(Self(text.to_owned()));
        }
        let (vi, en) = (
            "Idempotency-Key của lần kích hoạt gồm 32 đến 128 ký tự ASCII, tạo ngẫu nhiên.",
            "The Idempotency-Key of an activation has 32 to 128 ASCII characters, made at random.",
        );
        Err(RequestError::new(RequestErrorKind::Invalid, "idempotency_key_form", vi, en))
    }

    /// The keyed hash that is stored with the code.
    pub fn hash(&self, app: &App, code: &rows::ActivationCode) -> Vec<u8> {
        app.vault.lookup("receipt_key", &format!("{}\n{}", hex::encode(&code.code_hash), self.0)).to_vec()
    }
}

/// What became of an earlier redemption with the same code and key.
pub enum Earlier {
    /// It is done since then: this request has its certificate.
    Done(Box<RegistrationRequest>, Instant),
    UnderWay,
}

/// The earlier redemption of a code with that key; `None` for every other caller, and where it failed and was taken back.
pub async fn earlier(app: &App, text: &str, key: &ReceiptKey) -> Result<Option<Earlier>> {
    let Some(entered) = ActivationCode::enter(text) else { return Ok(None) };
    let hash = entered.hash(app);
    let code = current::row_by_log(app, || app.store.activation_code_by_hash(&hash)).await?;
    let Some(code) = code else { return Ok(None) };
    let expected = key.hash(app, &code);
    let own = code.receipt_key.as_ref().is_some_and(|kept| bool::from(kept.ct_eq(&expected)));
    let until = code.expires_at.max(code.redeemed_at.unwrap_or(code.created_at).plus_seconds(RECEIPT_SECONDS));
    if !own || app.clock.now() >= until {
        return Ok(None);
    }
    let request = load(app, code.request_id).await?;
    Ok(match (code.redeemed_at, request.state) {
        (Some(at), RequestState::Issued) => Some(Earlier::Done(Box::new(request), at)),
        (None, RequestState::Issuing) => Some(Earlier::UnderWay),
        _ => None,
    })
}

/// A code for a subscriber, shown once.
pub struct MadeCode {
    pub code: ActivationCode,
    pub expires_at: Instant,
    /// The masked contact to which the second secret went, where one is asked for.
    pub sent_to: Option<String>,
}

/// Makes the code of an approved request that nobody has redeemed, for whoever hands it to its subscriber, or for the subscriber; a code
/// made before opens nothing from then on. Nobody who approved gets it, and no member of staff gets that of a subscriber's own request.
pub async fn make_code(app: &App, by: &Principal, id: RequestId) -> Result<MadeCode> {
    // 1. Whose request, and whether it still waits.
    let request = load(app, id).await?;
    let details = open(app, &request)?;
    hands_on(app, by, &request, &details).await?;
    if request.state != RequestState::Approved {
        return Err(moved_on().into());
    }
    super::decision::check_approval(app, &request).await?;
    let row = current::row_by_log(app, || app.store.activation_code_of_request(id)).await?;
    let mut row = row.filter(|row| row.redeemed_at.is_none()).ok_or_else(moved_on)?;
    // 2. The new code in the place of the old one, with the message that carries its second secret, and its audit entry.
    let now = app.clock.now();
    let code = ActivationCode::random();
    row.code_hash = code.hash(app).to_vec();
    row.receipt_key = None;
    row.expires_at = expiry(app, now);
    let message = second::make(app, (&request, &details), &mut row).await?;
    attestation::attest_change(&*app.tokens.subscribers, &mut row).await?;
    let mut transaction = app.store.begin().await?;
    match transaction.update_activation_code(&row).await {
        Err(store::Error::Stale) => return Err(moved_on().into()),
        other => other?,
    }
    if let Some(message) = &message {
        transaction.insert_message(message).await?;
    }
    let content = serde_json::json!({ "message": message.as_ref().map(|message| message.id) });
    let entry = Entry::of_row(now, Kind::CodeRenewed, Actor::Account(by.account), &row);
    audit::record(&mut transaction, entry.with(content)).await?;
    transaction.commit().await?;
    if message.is_some() {
        outbox::soon(app);
    }
    Ok(MadeCode { code, expires_at: row.expires_at, sent_to: second::sent_to(&details, &row) })
}

/// Whether the caller would be given the code of a request: its subscriber, logged in; of what staff entered also the side that entered it.
pub async fn may_make_code(app: &App, by: &Principal, id: RequestId) -> Result<bool> {
    let request = load(app, id).await?;
    let details = open(app, &request)?;
    match hands_on(app, by, &request, &details).await {
        Ok(()) => Ok(true),
        Err(Error::Request(_)) => Ok(false),
        Err(error) => Err(error),
    }
}

async fn hands_on(app: &App, by: &Principal, request: &RegistrationRequest, details: &Details) -> Result<()> {
    let person = async |account| -> Result<Option<Vec<u8>>> { accounts::person_of(app, account).await };
    let subscriber = Some(&request.person_lookup);
    if by.is_in_session() && person(by.account).await?.as_ref() == subscriber {
        return Ok(());
    }
    let sight = Sight::of(app).await?;
    if !sight.sees(by, request, details.kind) {
        return Err(RequestError::not_found().into());
    }
    if person(request.entered_by).await?.as_ref() == subscriber {
        return Err(subscribers_own().into());
    }
    let is_units = |unit: &str| !unit.is_empty() && unit == request.unit;
    let beside =
        request.entered_by == by.account || is_units(&by.unit) || is_units(&sight.code_today(&by.unit, by.unit_since));
    let approved = match request.decided_by {
        Some(approver) => accounts::same_person(app, by.account, approver).await?,
        None => false,
    };
    if !beside || approved || !by.has(super::entering(request.hierarchy, details.kind)) {
        return Err(not_handing_on().into());
    }
    Ok(())
}

fn subscribers_own() -> RequestError {
    RequestError::new(
        RequestErrorKind::Forbidden,
        "code_of_subscriber",
        "Người được cấp tự gửi hồ sơ này: chỉ họ, sau khi đăng nhập, mới nhận được mã ở trang Chứng thư của tôi.",
        "The subscriber asked for this: only they, logged in, get the code, on the page of their certificates.",
    )
}

fn not_handing_on() -> RequestError {
    RequestError::new(
        RequestErrorKind::Forbidden,
        "code_not_yours",
        "Mã kích hoạt do nơi nhập hồ sơ trao cho người được cấp; người duyệt không nhận mã.",
        "The activation code is handed to the subscriber where the request was entered; whoever approved does not get it.",
    )
}

/// Until when a code made now can be redeemed.
pub(super) fn expiry(app: &App, now: Instant) -> Instant {
    now.plus_seconds(app.settings.authority.activation_code_hours.saturating_mul(3_600))
}

pub(super) fn opens_nothing() -> RequestError {
    RequestError::invalid(
        "code",
        "code_invalid",
        "Mã kích hoạt không đúng, đã dùng hoặc đã hết hạn. Hãy kiểm tra lại, hoặc xin cấp mã mới tại điểm đăng ký.",
        "The activation code is wrong, used or expired. Check it, or ask the registration point for a new one.",
    )
}

/// Characters of a receipt key: 128 random bits in hexadecimal at least.
const SHORTEST_KEY: usize = 32;
const LONGEST_KEY: usize = 128;
/// How long after a redemption its receipt is given again, where the code itself has ended.
const RECEIPT_SECONDS: i64 = 3_600;
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
