//! The second secret of a first activation: eight digits that go to the contact which the request names, stored as a keyed hash bound to the
//! code. Neither who entered the request nor who approved it is ever shown it, so the code alone makes nobody somebody else's certificate.

use super::{Details, code::opens_nothing};
use crate::{
    accounts,
    app::App,
    attestation,
    audit::{self, Actor, Entry, Kind},
    config::SecondSecretRule,
    error::{RequestError, Result},
    issuance::reminders::{BODY, RECIPIENT},
    store,
};
use chuky_model::{
    id::MessageId,
    record::{
        request::{self as rows, RegistrationRequest},
        state::MessageChannel,
        work::Message,
    },
};
use rand::RngExt;
use subtle::ConstantTimeEq;
use uuid::Uuid;
use zeroize::Zeroizing;

/// Where a second secret would be sent; `None` where nothing can be.
fn contact<'d>(app: &App, details: &'d Details) -> Option<&'d str> {
    let reachable = app.settings.spool_dir.is_some() && !details.phone.is_empty();
    reachable.then_some(details.phone.as_str())
}

/// Whether the redemption of this request makes its person's first account. Whoever has one proves it by logging in, and what follows a
/// certificate always belongs to somebody.
async fn is_first(app: &App, request: &RegistrationRequest) -> Result<bool> {
    Ok(request.follows_certificate.is_none() && accounts::of_person(app, &request.person_lookup).await?.is_empty())
}

/// Passes where the request may be approved as the setting wants it.
pub(super) async fn check_reachable(app: &App, request: &RegistrationRequest, details: &Details) -> Result<()> {
    let required = app.settings.registration.second_secret == SecondSecretRule::Required;
    if !required || contact(app, details).is_some() || !is_first(app, request).await? {
        return Ok(());
    }
    Err(no_contact().into())
}

/// The masked contact to which the second secret of that code was sent; `None` where none is asked for.
pub fn sent_to(details: &Details, code: &rows::ActivationCode) -> Option<String> {
    code.second_secret.as_ref().filter(|secret| **secret != of_code_sent()).map(|_| details.masked_phone())
}

/// Stands in a code's row where the code itself was sent to the contact: no member of staff has it, so it is the secret.
pub(super) fn of_code_sent() -> Vec<u8> {
    Vec::new()
}

/// Puts a fresh second secret into the row of a fresh code, and returns the message that carries it. `None` where the person proves
/// themselves by their account, or nothing reaches them.
pub(super) async fn make(
    app: &App,
    (request, details): (&RegistrationRequest, &Details),
    code: &mut rows::ActivationCode,
) -> Result<Option<Message>> {
    code.tries = 0;
    code.second_secret = None;
    let Some(contact) = contact(app, details) else { return Ok(None) };
    if !is_first(app, request).await? {
        return Ok(None);
    }
    let sent = code.messages.unwrap_or_default();
    if sent >= MOST_MESSAGES {
        return Err(messages_used_up().into());
    }
    let mut rng = rand::rng();
    let digits: Zeroizing<String> = Zeroizing::new((0..DIGITS).map(|_| rng.random_range('0'..='9')).collect());
    code.second_secret = Some(hash(app, code, &digits).to_vec());
    code.messages = Some(sent.saturating_add(1));
    let id = MessageId(Uuid::now_v7());
    // Without diacritics: one SMS has 160 characters then.
    let text = Zeroizing::new(format!(
        "Ma xac nhan kich hoat chung thu so: {} {}. Khong doc ma nay cho bat ky ai, ke ca can bo.",
        digits.get(..4).unwrap_or_default(),
        digits.get(4..).unwrap_or_default()
    ));
    Ok(Some(Message {
        id,
        channel: MessageChannel::Sms,
        recipient: app.vault.seal(RECIPIENT, &id.to_string(), contact.as_bytes())?,
        body: app.vault.seal(BODY, &id.to_string(), text.as_bytes())?,
        created_at: app.clock.now(),
        sent_at: None,
    }))
}

/// Passes where a new account may be made with this code: the second secret is right, or none can be asked for. A try is counted before it
/// is compared.
pub async fn check(app: &App, details: &Details, code: &mut rows::ActivationCode, typed: &str) -> Result<()> {
    let Some(expected) = code.second_secret.clone() else {
        let required = app.settings.registration.second_secret == SecondSecretRule::Required;
        // The code was made while the person had an account, or before messages were sent.
        return if required || contact(app, details).is_some() { Err(opens_nothing().into()) } else { Ok(()) };
    };
    if expected == of_code_sent() {
        return Ok(());
    }
    let digits: Zeroizing<String> = Zeroizing::new(typed.chars().filter(|c| !c.is_whitespace() && *c != '-').collect());
    if digits.is_empty() {
        return Err(missing(&details.masked_phone()).into());
    }
    if code.tries >= MOST_TRIES {
        return Err(tries_used_up().into());
    }
    count(app, code).await?;
    if bool::from(hash(app, code, &digits).ct_eq(expected.as_slice())) {
        // Stored with what the redemption changes next.
        code.tries = code.tries.saturating_sub(1).max(0);
        return Ok(());
    }
    let left = MOST_TRIES.saturating_sub(code.tries);
    Err(if left > 0 { wrong(left) } else { tries_used_up() }.into())
}

async fn count(app: &App, code: &mut rows::ActivationCode) -> Result<()> {
    code.tries = code.tries.saturating_add(1);
    attestation::attest_change(&*app.tokens.subscribers, code).await?;
    let mut transaction = app.store.begin().await?;
    match transaction.update_activation_code(code).await {
        // Tried by somebody else in this moment.
        Err(store::Error::Stale) => return Err(RequestError::overtaken().into()),
        other => other?,
    }
    let entry = Entry::of_row(app.clock.now(), Kind::CodeTried, Actor::Anonymous, &*code);
    audit::record(&mut transaction, entry.with(serde_json::json!({ "tries": code.tries }))).await?;
    Ok(transaction.commit().await?)
}

fn hash(app: &App, code: &rows::ActivationCode, digits: &str) -> [u8; 32] {
    let bound = Zeroizing::new(format!("{}\n{digits}", hex::encode(&code.code_hash)));
    app.vault.lookup("second_secret", &bound)
}

/// Nothing was typed; `contact` as screens show it.
pub fn missing(contact: &str) -> RequestError {
    RequestError::invalid(
        "second_secret",
        "second_secret_missing",
        format!("Hãy nhập mã xác nhận gồm {DIGITS} chữ số đã gửi đến số {contact}."),
        format!("Enter the confirmation code of {DIGITS} digits that was sent to {contact}."),
    )
}

/// Something else was typed than was sent.
pub fn wrong(left: i64) -> RequestError {
    RequestError::invalid(
        "second_secret",
        "second_secret_wrong",
        format!("Mã xác nhận không đúng. Còn {left} lần thử."),
        format!("The confirmation code is wrong. {left} more tries."),
    )
}

fn tries_used_up() -> RequestError {
    RequestError::invalid(
        "second_secret",
        "second_secret_used_up",
        "Mã xác nhận đã bị nhập sai quá nhiều lần. Hãy xin mã kích hoạt mới tại điểm đăng ký.",
        "The confirmation code was wrong too often. Ask the registration point for a new activation code.",
    )
}

fn messages_used_up() -> RequestError {
    RequestError::conflict(
        "messages_used_up",
        format!("Hồ sơ này đã gửi {MOST_MESSAGES} mã xác nhận, không gửi thêm được. Hãy rút hồ sơ và nhập lại."),
        format!("{MOST_MESSAGES} confirmation codes were sent for this request. Withdraw it and enter it again."),
    )
}

fn no_contact() -> RequestError {
    RequestError::conflict(
        "contact_missing",
        "Hồ sơ không có số điện thoại của người được cấp nên không duyệt được. Hãy từ chối và đề nghị nhập lại với số điện thoại.",
        "The request names no telephone number of its subscriber and cannot be approved. Reject it and have it entered with one.",
    )
}

/// All tries of all messages together are 25 in a hundred million.
pub const DIGITS: usize = 8;
/// Wrong second secrets before a new code is needed.
const MOST_TRIES: i64 = 5;
/// Messages for one request.
const MOST_MESSAGES: i64 = 5;
