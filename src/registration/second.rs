//! The second secret of a first activation: eight digits that go to the contact which the request names, stored as a keyed hash bound to the
//! code. Neither who entered the request nor who approved it is ever shown it, so the code alone makes nobody somebody else's certificate. Of
//! somebody without a telephone it is printed by who approved, who is never given the code; see decision 0067.

use super::{Details, code::opens_nothing, load, moved_on, open};
use crate::{
    accounts::{self, Principal},
    app::App,
    attestation,
    audit::{self, Actor, Entry, Kind},
    config::SecondSecretRule,
    current,
    error::{RequestError, Result},
    outbox::{self, Said, To},
    store,
};
use chuky_model::{
    id::RequestId,
    record::{
        request::{self as rows, RegistrationRequest},
        work::Message,
    },
    request::RequestState,
    role::Role,
};
use rand::RngExt;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// Where a second secret would be sent; `None` where nothing can be.
fn contact(app: &App, details: &Details) -> Option<To> {
    details.contact().filter(|to| app.settings.sends(to.channel))
}

/// Whether the redemption of this request makes its person's first account. Whoever has one proves it by logging in, and what follows a
/// certificate always belongs to somebody.
async fn is_first(app: &App, request: &RegistrationRequest) -> Result<bool> {
    Ok(request.follows_certificate.is_none() && accounts::of_person(app, &request.person_lookup).await?.is_empty())
}

/// Passes where the request may be approved as the setting wants it.
pub(super) async fn check_reachable(app: &App, request: &RegistrationRequest, details: &Details) -> Result<()> {
    let required = app.settings.registration.second_secret == SecondSecretRule::Required;
    if !required || details.by_sheet || contact(app, details).is_some() || !is_first(app, request).await? {
        return Ok(());
    }
    Err(no_contact().into())
}

/// The masked contact to which the second secret of that code was sent, or [`ON_SHEET`]; `None` where none is asked for.
pub fn sent_to(details: &Details, code: &rows::ActivationCode) -> Option<String> {
    if details.by_sheet {
        return Some(ON_SHEET.to_owned());
    }
    code.second_secret.as_ref().filter(|secret| **secret != of_code_sent()).map(|_| details.masked_contact())
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
    if details.by_sheet {
        // What was printed is bound to the request. Its tries go on: whoever prints codes gets no more of them by it.
        return Ok(None);
    }
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
    let digits = random_digits();
    code.second_secret = Some(hash(app, (details, code), &digits).to_vec());
    code.messages = Some(sent.saturating_add(1));
    // Without diacritics: one SMS has 160 characters then.
    let (first, last) = (digits.get(..4).unwrap_or_default(), digits.get(4..).unwrap_or_default());
    let short = Zeroizing::new(format!(
        "Ma xac nhan kich hoat chung thu so: {first} {last}. Khong doc ma nay cho bat ky ai, ke ca can bo."
    ));
    let long = Zeroizing::new(format!(
        "Mã xác nhận kích hoạt chứng thư số của bạn: {first} {last}\n\nNhập mã này cùng mã kích hoạt đã nhận tại điểm đăng ký.\n\
         Không đọc mã này cho bất kỳ ai, kể cả cán bộ.\n\nYour confirmation code is above: enter it beside the activation code.\n\
         Tell it to nobody, not even to staff.\n"
    ));
    let said = Said { short: &short, subject: "Mã xác nhận kích hoạt chứng thư số", long: &long };
    Ok(Some(outbox::message(app, &contact, &said)?))
}

/// The second secret of a person without a telephone, for the sheet that who approved their request hands over. One that was printed before
/// opens nothing from then on. `None` where there is none to print: another approved, a telephone is named, the code is used, or the person has
/// an account. Whoever may have the code is never given it.
pub(super) async fn on_paper(app: &App, by: &Principal, id: RequestId) -> Result<Option<(Details, Zeroizing<String>)>> {
    by.in_session()?;
    // 1. The caller approved it, and has no other part in it.
    let request = load(app, id).await?;
    let details = open(app, &request)?;
    let Some(approver) = request.decided_by.filter(|_| request.state == RequestState::Approved) else {
        return Ok(None);
    };
    let is_approver = by.has(Role::Approver) && accounts::same_person(app, by.account, approver).await?;
    let has_entered = accounts::same_person(app, by.account, request.entered_by).await?;
    if !details.by_sheet || !is_approver || has_entered || !is_first(app, &request).await? {
        return Ok(None);
    }
    super::decision::check_approval(app, &request).await?;
    let row = current::row_by_log(app, || app.store.activation_code_of_request(id)).await?;
    let mut row = row.filter(|row| row.redeemed_at.is_none()).ok_or_else(moved_on)?;
    // 2. A fresh secret with fresh tries, a bounded number of times, and its audit entry.
    let printed = row.messages.unwrap_or_default();
    if printed >= MOST_MESSAGES {
        return Err(messages_used_up().into());
    }
    let digits = random_digits();
    row.second_secret = Some(hash(app, (&details, &row), &digits).to_vec());
    row.messages = Some(printed.saturating_add(1));
    row.tries = 0;
    attestation::attest_change(&*app.tokens.subscribers, &mut row).await?;
    let mut transaction = app.store.begin().await?;
    match transaction.update_activation_code(&row).await {
        Err(store::Error::Stale) => return Err(RequestError::overtaken().into()),
        other => other?,
    }
    let entry = Entry::of_row(app.clock.now(), Kind::ConfirmationPrinted, Actor::Account(by.account), &row);
    audit::record(&mut transaction, entry).await?;
    transaction.commit().await?;
    Ok(Some((details, digits)))
}

fn random_digits() -> Zeroizing<String> {
    let mut rng = rand::rng();
    Zeroizing::new((0..DIGITS).map(|_| rng.random_range('0'..='9')).collect())
}

/// Passes where a new account may be made with this code: the second secret is right, or none can be asked for. A try is counted before it
/// is compared.
pub async fn check(app: &App, details: &Details, code: &mut rows::ActivationCode, typed: &str) -> Result<()> {
    let Some(expected) = code.second_secret.clone() else {
        let required = app.settings.registration.second_secret == SecondSecretRule::Required;
        if details.by_sheet {
            return Err(not_printed().into());
        }
        // The code was made while the person had an account, or before messages were sent.
        return if required || contact(app, details).is_some() { Err(opens_nothing().into()) } else { Ok(()) };
    };
    if expected == of_code_sent() {
        return Ok(());
    }
    let digits: Zeroizing<String> = Zeroizing::new(typed.chars().filter(|c| !c.is_whitespace() && *c != '-').collect());
    if digits.is_empty() {
        return Err(if details.by_sheet { missing_on_sheet() } else { missing_sent(details) }.into());
    }
    if code.tries >= MOST_TRIES {
        return Err(tries_used_up(details).into());
    }
    count(app, code).await?;
    if bool::from(hash(app, (details, code), &digits).ct_eq(expected.as_slice())) {
        // Stored with what the redemption changes next.
        code.tries = code.tries.saturating_sub(1).max(0);
        return Ok(());
    }
    let left = MOST_TRIES.saturating_sub(code.tries);
    Err(if left > 0 { wrong(left) } else { tries_used_up(details) }.into())
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

/// Bound to the code; one on a sheet to the request, for two people print at times of their own.
fn hash(app: &App, (details, code): (&Details, &rows::ActivationCode), digits: &str) -> [u8; 32] {
    let bound = Zeroizing::new(match details.by_sheet {
        true => format!("sheet {}\n{digits}", code.request_id),
        false => format!("{}\n{digits}", hex::encode(&code.code_hash)),
    });
    app.vault.lookup("second_secret", &bound)
}

/// Nothing was typed of what was sent to the request's contact.
fn missing_sent(details: &Details) -> RequestError {
    let contact = details.masked_contact();
    if !details.phone.is_empty() {
        return missing(&contact);
    }
    RequestError::invalid(
        "second_secret",
        "second_secret_missing",
        format!("Hãy nhập mã xác nhận gồm {DIGITS} chữ số đã gửi đến thư điện tử {contact}."),
        format!("Enter the confirmation code of {DIGITS} digits that was sent by mail to {contact}."),
    )
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

fn missing_on_sheet() -> RequestError {
    RequestError::invalid(
        "second_secret",
        "second_secret_missing",
        format!("Hãy nhập mã xác nhận gồm {DIGITS} chữ số in trên phiếu xác nhận."),
        format!("Enter the confirmation code of {DIGITS} digits that stands on your confirmation sheet."),
    )
}

/// The code was printed, the confirmation was not.
fn not_printed() -> RequestError {
    RequestError::invalid(
        "second_secret",
        "confirmation_not_printed",
        "Chưa có phiếu xác nhận. Hãy nhận phiếu này từ người duyệt danh sách, rồi kích hoạt.",
        "There is no confirmation sheet yet. Get it from the person who approved the list, then activate.",
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

fn tries_used_up(details: &Details) -> RequestError {
    let (vi, en) = match details.by_sheet {
        true => (
            "Mã xác nhận đã bị nhập sai quá nhiều lần. Hãy xin phiếu xác nhận mới từ người duyệt danh sách.",
            "The confirmation code was wrong too often. Ask the person who approved the list for a new confirmation sheet.",
        ),
        false => (
            "Mã xác nhận đã bị nhập sai quá nhiều lần. Hãy xin mã kích hoạt mới tại điểm đăng ký.",
            "The confirmation code was wrong too often. Ask the registration point for a new activation code.",
        ),
    };
    RequestError::invalid("second_secret", "second_secret_used_up", vi, en)
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
        "Hồ sơ không có số điện thoại hay thư điện tử của người được cấp nên không duyệt được. Hãy từ chối và đề nghị nhập lại với một trong hai.",
        "The request names neither a telephone number nor a mail address of its subscriber that messages reach, and cannot be approved. Reject it and have it entered with one of them.",
    )
}

/// In the place of a contact, where the second secret stands on a printed sheet.
pub const ON_SHEET: &str = "sheet";
/// All tries of all messages together are 25 in a hundred million.
pub const DIGITS: usize = 8;
/// Wrong second secrets before a new code is needed.
const MOST_TRIES: i64 = 5;
/// Messages for one request.
const MOST_MESSAGES: i64 = 5;
