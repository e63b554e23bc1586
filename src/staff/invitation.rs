//! Invitations: a code by which the holder of a new or recovered account sets a password. The side that entered the order makes it and hands it
//! over, never who approved it; where a telephone is reached, a second secret goes there past both. Codes are shown once and stored as hashes.

use super::{
    Change, check_second,
    content::masked_phone,
    known_person, moved_on,
    order::{Ordered, load, subject},
};
use crate::{
    accounts::{self, Password, Principal, SessionToken, contact_of},
    app::App,
    attestation,
    audit::{self, Actor, Entry, Kind},
    config::SecondSecretRule,
    current,
    error::{InternalError, RequestError, RequestErrorKind, Result},
    fault,
    outbox::{self, Said, To},
    registration::{
        ActivationCode,
        second::{DIGITS, missing, wrong},
    },
    store,
};
use chuky_model::{
    id::{AccountId, StaffOrderId},
    instant::Instant,
    record::{
        account::Account,
        staff::StaffInvitation,
        state::{MessageChannel, StaffOrderKind, StaffOrderState},
        work::Message,
    },
    role::Role,
};
use rand::RngExt;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// An invitation with its code, shown once.
pub struct Invited {
    pub login: String,
    pub name: String,
    pub code: ActivationCode,
    pub expires_at: Instant,
    /// The masked number to which the second secret went, where one is asked for.
    pub sent_to: Option<String>,
}

/// What the holder enters.
pub struct Redemption {
    pub login: String,
    pub code: Zeroizing<String>,
    pub second_secret: Zeroizing<String>,
    pub password: Zeroizing<String>,
}

/// An account whose holder has set a password.
pub struct Redeemed {
    pub account: AccountId,
    pub token: SessionToken,
}

/// The kinds of try that a wrong code is.
pub const WRONG_INVITATION: &[&str] = &["invitation_invalid"];

/// Makes the code of an approved order, for the side that entered it: who did, or another administrator. A code that was made before opens
/// nothing from then on.
pub async fn invite(app: &App, by: &Principal, id: StaffOrderId) -> Result<Invited> {
    // 1. Who, for what.
    let ordered = load(app, id).await?;
    check_hands_over(app, by, &ordered).await?;
    let account = ordered.account.as_ref().ok_or_else(moved_on)?;
    let invitation = current::row_by_log(app, || app.store.staff_invitation_of(account.id)).await?;
    let waits = |one: &StaffInvitation| one.redeemed_at.is_none() && one.order_id == Some(id);
    let mut invitation = invitation.filter(waits).ok_or_else(moved_on)?;
    // 2. The new code in the place of the old one, with the message that carries its second secret, and its audit entry.
    let name = accounts::display_name(app, account)?;
    let (code, message) = make_code(app, &mut invitation).await?;
    attestation::attest_change(&*app.tokens.subscribers, &mut invitation).await?;
    let mut transaction = app.store.begin().await?;
    store_code(&mut transaction, &invitation, message.as_ref()).await?;
    let content = serde_json::json!({ "message": message.as_ref().map(|message| message.id) });
    let entry = Entry::of_row(app.clock.now(), Kind::InvitationRenewed, Actor::Account(by.account), &invitation);
    audit::record(&mut transaction, entry.with(content)).await?;
    transaction.commit().await?;
    current::changed(app, &invitation);
    if message.is_some() {
        outbox::soon(app);
    }
    Ok(Invited {
        login: account.login.clone(),
        name,
        code,
        expires_at: invitation.expires_at,
        sent_to: sent_to(app, &invitation)?,
    })
}

/// Whether the caller would be given the code of an order.
pub(super) async fn may_invite(app: &App, by: &Principal, ordered: &Ordered) -> Result<bool> {
    match check_hands_over(app, by, ordered).await {
        Ok(()) => {}
        Err(crate::error::Error::Request(_)) => return Ok(false),
        Err(error) => return Err(error),
    }
    let invitation = current::row_by_log(app, || app.store.staff_invitation_of(ordered.order.account_id)).await?;
    Ok(invitation.is_some_and(|one| one.redeemed_at.is_none() && one.order_id == Some(ordered.order.id)))
}

/// Sets the password of the account behind a code and opens a session. One answer for every code that opens nothing.
pub async fn redeem(app: &App, redemption: Redemption) -> Result<Redeemed> {
    // 1. The invitation, its account, and the approval behind it judged again.
    let entered = ActivationCode::enter(&redemption.code).ok_or_else(opens_nothing)?;
    let hash = code_hash(app, &entered);
    let invitation = current::row_by_log(app, || app.store.staff_invitation_by_code(&hash)).await?;
    let now = app.clock.now();
    let open = |one: &StaffInvitation| one.redeemed_at.is_none() && one.expires_at > now;
    let mut invitation = invitation.filter(open).ok_or_else(opens_nothing)?;
    let account = current::row_by_log(app, || app.store.account_by_id(invitation.account_id)).await?;
    let waits = |account: &Account| account.disabled_at.is_none() && account.password_hash.is_none();
    let mut account = account.filter(waits).ok_or_else(opens_nothing)?;
    let login = redemption.login.trim().to_lowercase();
    if !bool::from(login.as_bytes().ct_eq(account.login.as_bytes())) {
        return Err(opens_nothing().into());
    }
    check_approved(app, &invitation).await?;
    // 2. What was chosen comes before the second secret, so that no try is lost to a mistake elsewhere.
    let password = Password::choose(&redemption.password)?;
    check_second_secret(app, &mut invitation, &redemption.second_secret).await?;
    // 3. Account, invitation and session in one transaction.
    account.password_hash = Some(password.hash().await?);
    account.failed_logins = 0;
    account.locked_until = None;
    invitation.redeemed_at = Some(now);
    attestation::attest_change(&*app.tokens.subscribers, &mut account).await?;
    attestation::attest_change(&*app.tokens.subscribers, &mut invitation).await?;
    let (session, token) = accounts::prepare_session(app, account.id, false).await?;
    fault::point("invitation_before_commit");
    let mut transaction = app.store.begin().await?;
    transaction.update_account(&account).await.map_err(accounts::moved_on)?;
    transaction.update_staff_invitation(&invitation).await.map_err(accounts::moved_on)?;
    let actor = Actor::Account(account.id);
    audit::record(&mut transaction, Entry::of_row(now, Kind::AccountChanged, actor, &account)).await?;
    audit::record(&mut transaction, Entry::of_row(now, Kind::InvitationRedeemed, actor, &invitation)).await?;
    accounts::add_session(&mut transaction, &session).await?;
    transaction.commit().await?;
    fault::point("invitation_after_commit");
    current::changed(app, &account);
    current::changed(app, &invitation);
    Ok(Redeemed { account: account.id, token })
}

/// The first invitation of an account, with a code that nobody knows.
pub(super) async fn fresh(
    app: &App,
    (account_id, order_id): (AccountId, Option<StaffOrderId>),
    person_lookup: &[u8],
    phone: &str,
) -> Result<StaffInvitation> {
    let mut invitation = unknown(app, (account_id, order_id), person_lookup, phone)?;
    attestation::attest(&*app.tokens.subscribers, &mut invitation).await?;
    Ok(invitation)
}

/// The invitation of an account that is recovered, with a code that nobody knows. An empty number leaves the one that is kept.
pub(super) async fn renewed(
    app: &App,
    (account, order): (&Account, StaffOrderId),
    phone: &str,
) -> Result<StaffInvitation> {
    let there = current::row_by_log(app, || app.store.staff_invitation_of(account.id)).await?;
    let person = account.person_lookup.clone().ok_or_else(super::person_unknown)?;
    let Some(there) = there else { return fresh(app, (account.id, Some(order)), &person, phone).await };
    let kept = contact_of(app, &there)?;
    let phone = if phone.is_empty() { kept.as_str() } else { phone };
    let unknown = unknown(app, (account.id, Some(order)), &person, phone)?;
    let mut invitation = StaffInvitation { version: there.version, ..unknown };
    attestation::attest_change(&*app.tokens.subscribers, &mut invitation).await?;
    Ok(invitation)
}

pub(super) fn unknown(
    app: &App,
    (account_id, order_id): (AccountId, Option<StaffOrderId>),
    person_lookup: &[u8],
    phone: &str,
) -> Result<StaffInvitation> {
    let now = app.clock.now();
    Ok(StaffInvitation {
        account_id,
        order_id,
        person_lookup: person_lookup.to_vec(),
        contact: accounts::sealed_contact(app, account_id, phone)?,
        code_hash: code_hash(app, &ActivationCode::random()).to_vec(),
        second_secret: None,
        tries: 0,
        messages: 0,
        expires_at: expiry(app, now),
        redeemed_at: None,
        created_at: now,
        version: 1,
        mac: Vec::new(),
    })
}

/// Puts a fresh code, and the second secret that goes with it, into an invitation that is about to be attested.
pub(super) async fn make_code(
    app: &App,
    invitation: &mut StaffInvitation,
) -> Result<(ActivationCode, Option<Message>)> {
    let code = ActivationCode::random();
    invitation.code_hash = code_hash(app, &code).to_vec();
    invitation.expires_at = expiry(app, app.clock.now());
    invitation.tries = 0;
    invitation.second_secret = None;
    let contact = contact_of(app, invitation)?;
    if contact.is_empty() || !app.settings.sends(MessageChannel::Sms) {
        if app.settings.registration.second_secret == SecondSecretRule::Required {
            return Err(unreachable_holder().into());
        }
        return Ok((code, None));
    }
    if invitation.messages >= MOST_MESSAGES {
        return Err(messages_used_up().into());
    }
    let mut rng = rand::rng();
    let digits: Zeroizing<String> = Zeroizing::new((0..DIGITS).map(|_| rng.random_range('0'..='9')).collect());
    invitation.second_secret = Some(second_hash(app, invitation, &digits).to_vec());
    invitation.messages = invitation.messages.saturating_add(1);
    // Without diacritics: one SMS has 160 characters then.
    let text = Zeroizing::new(format!(
        "Ma xac nhan nhan tai khoan Chuky: {} {}. Khong doc ma nay cho bat ky ai, ke ca quan tri.",
        digits.get(..4).unwrap_or_default(),
        digits.get(4..).unwrap_or_default()
    ));
    let said = Said { short: &text, subject: "", long: "" };
    let message = outbox::message(app, &To::phone(&contact), &said)?;
    Ok((code, Some(message)))
}

/// Stores an invitation with a new code and the message that goes with it.
pub(super) async fn store_code(
    transaction: &mut store::Transaction,
    invitation: &StaffInvitation,
    message: Option<&Message>,
) -> Result<()> {
    let stored = match invitation.version {
        1 => transaction.insert_staff_invitation(invitation).await,
        _ => transaction.update_staff_invitation(invitation).await,
    };
    match stored {
        Err(store::Error::Stale) => return Err(moved_on().into()),
        other => other?,
    }
    if let Some(message) = message {
        transaction.insert_message(message).await?;
    }
    Ok(())
}

/// The masked number to which the second secret of an invitation went.
pub(super) fn sent_to(app: &App, invitation: &StaffInvitation) -> Result<Option<String>> {
    match invitation.second_secret {
        Some(_) => Ok(Some(masked_phone(&contact_of(app, invitation)?))),
        None => Ok(None),
    }
}

/// The side that entered an approved order: never who approved it.
async fn check_hands_over(app: &App, by: &Principal, ordered: &Ordered) -> Result<()> {
    let person = known_person(app, by).await?;
    let order = &ordered.order;
    let makes_invitation = matches!(order.kind, StaffOrderKind::Open | StaffOrderKind::Recover);
    let approver = order.decided_by.filter(|_| makes_invitation && order.state == StaffOrderState::Approved);
    let approver = approver.ok_or_else(moved_on)?;
    let entered = accounts::same_person(app, by.account, order.entered_by).await?;
    let approved = accounts::person_of(app, approver).await?.is_none_or(|approver| approver == person);
    if approved || !(entered || by.has(Role::Administrator)) {
        return Err(not_handing_over().into());
    }
    Ok(())
}

/// Passes where the order behind an invitation is approved by a second pair of eyes, as the accounts are now. What the founding made has none.
async fn check_approved(app: &App, invitation: &StaffInvitation) -> Result<()> {
    let Some(id) = invitation.order_id else { return Ok(()) };
    let ordered = load(app, id).await?;
    let order = &ordered.order;
    let invites = matches!(ordered.change, Change::Open(_) | Change::Recover { .. });
    let fits = invites && order.state == StaffOrderState::Approved && order.account_id == invitation.account_id;
    let Some(approver) = order.decided_by.filter(|_| fits) else {
        tracing::error!(event = "invitation_without_order", order = %id);
        return Err(InternalError::RowForged { table: "staff_invitation" }.into());
    };
    let subject = subject(app, &ordered.change, ordered.account.as_ref());
    check_second(app, approver, order.entered_by, subject.as_deref()).await
}

/// Passes where the second secret is right, or none can be asked for. A try is counted before it is compared.
async fn check_second_secret(app: &App, invitation: &mut StaffInvitation, typed: &str) -> Result<()> {
    let contact = contact_of(app, invitation)?;
    let Some(expected) = invitation.second_secret.clone() else {
        let required = app.settings.registration.second_secret == SecondSecretRule::Required;
        let reachable = app.settings.sends(MessageChannel::Sms) && !contact.is_empty();
        // The code was made before messages were sent.
        return if required || reachable { Err(opens_nothing().into()) } else { Ok(()) };
    };
    let digits: Zeroizing<String> =
        Zeroizing::new(typed.chars().filter(|c| !c.is_whitespace() && *c != '-').take(LONGEST_TYPED).collect());
    if digits.is_empty() {
        return Err(missing(&masked_phone(&contact)).into());
    }
    if invitation.tries >= MOST_TRIES {
        return Err(tries_used_up().into());
    }
    invitation.tries = invitation.tries.saturating_add(1);
    attestation::attest_change(&*app.tokens.subscribers, invitation).await?;
    let mut transaction = app.store.begin().await?;
    transaction.update_staff_invitation(invitation).await.map_err(accounts::moved_on)?;
    let entry = Entry::of_row(app.clock.now(), Kind::InvitationTried, Actor::Anonymous, &*invitation);
    audit::record(&mut transaction, entry.with(serde_json::json!({ "tries": invitation.tries }))).await?;
    transaction.commit().await?;
    if bool::from(second_hash(app, invitation, &digits).ct_eq(expected.as_slice())) {
        return Ok(());
    }
    let left = MOST_TRIES.saturating_sub(invitation.tries);
    Err(if left > 0 { wrong(left) } else { tries_used_up() }.into())
}

fn code_hash(app: &App, code: &ActivationCode) -> [u8; 32] {
    code.hash_for(app, "staff_invitation")
}

fn second_hash(app: &App, invitation: &StaffInvitation, digits: &str) -> [u8; 32] {
    let bound = Zeroizing::new(format!("{}\n{digits}", hex::encode(&invitation.code_hash)));
    app.vault.lookup("staff_second_secret", &bound)
}

fn expiry(app: &App, now: Instant) -> Instant {
    now.plus_seconds(app.settings.accounts.invitation_hours.saturating_mul(3_600))
}

fn opens_nothing() -> RequestError {
    RequestError::invalid(
        "code",
        "invitation_invalid",
        "Tên đăng nhập hoặc mã mời không đúng, mã đã dùng hoặc đã hết hạn. Hãy kiểm tra lại, hoặc xin mã mới ở nơi đã lập tài khoản.",
        "Log-in name or invitation code is wrong, or the code is used or expired. Check both, or ask where the account was ordered for a new code.",
    )
}

fn not_handing_over() -> RequestError {
    RequestError::new(
        RequestErrorKind::Forbidden,
        "invitation_not_yours",
        "Mã mời do bên lập lệnh trao cho người nhận tài khoản; người duyệt không nhận mã.",
        "The invitation is handed over by the side that entered the order; whoever approved it does not get the code.",
    )
}

fn tries_used_up() -> RequestError {
    RequestError::invalid(
        "second_secret",
        "second_secret_used_up",
        "Mã xác nhận đã bị nhập sai quá nhiều lần. Hãy xin mã mời mới ở nơi đã lập tài khoản.",
        "The confirmation code was wrong too often. Ask where the account was ordered for a new invitation.",
    )
}

fn messages_used_up() -> RequestError {
    RequestError::conflict(
        "messages_used_up",
        format!(
            "Lời mời này đã gửi {MOST_MESSAGES} mã xác nhận, không gửi thêm được. Hãy lập lệnh khôi phục tài khoản."
        ),
        format!(
            "{MOST_MESSAGES} confirmation codes were sent for this invitation. Order that the account be recovered."
        ),
    )
}

fn unreachable_holder() -> RequestError {
    RequestError::conflict(
        "contact_missing",
        "Tài khoản không có số điện thoại để gửi mã xác nhận. Hãy lập lệnh khôi phục có số điện thoại.",
        "The account has no telephone number to which a second secret could go. Order that it be recovered, with a number.",
    )
}

const LONGEST_TYPED: usize = 32;
/// Wrong second secrets before a new code is needed.
const MOST_TRIES: i64 = 5;
/// Messages for one invitation.
const MOST_MESSAGES: i64 = 5;
