//! An account's own passkeys: seen, added and removed by whoever has just shown again that it is theirs. A passkey that was added with the
//! password is worth what the password is worth; one that was added with a confirmed passkey is as good as that one.

use super::{
    Asked, Given, Proven, RelyingParty, backup_of,
    challenge::{Challenge, Purpose},
    conflicted, load, malformed, of_account, proven, refused,
};
use crate::{
    accounts::{self, Password, Principal, login::moved_on},
    app::App,
    attestation,
    audit::{self, Actor, Entry, Kind},
    current,
    error::{RequestError, RequestErrorKind, Result},
    outbox::{self, Said, To},
    rates::Kind as Rate,
    registration,
    store::Transaction,
    subject::ERASED,
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use chuky_model::{
    id::{AccountId, PasskeyId},
    instant::Instant,
    record::{passkey::Passkey, work::Message},
    request::RequestState,
    role::Role,
};
use chuky_pki::webauthn::{self, CredentialKey, Expected, Registered};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// A passkey as its holder sees it, and as whoever confirms it.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct PasskeyView {
    #[schema(value_type = String)]
    pub id: PasskeyId,
    pub name: String,
    /// RFC 3339.
    pub created_at: String,
    pub last_used_at: Option<String>,
    /// It may approve.
    pub confirmed: bool,
    /// It was added with a passkey that was lost, and opens nothing until somebody has confirmed it again.
    pub distrusted: bool,
    /// It lies in a backup at its maker as well, so whoever opens that has it.
    pub backed_up: bool,
    /// Twelve digits that the holder reads out to whoever confirms it: the beginning of the digest.
    pub comparison_code: String,
    /// SHA-256 of account, credential and key, in hexadecimal: what is confirmed.
    pub content_digest: String,
}

/// How somebody who is logged in shows again who they are.
#[derive(Clone, Debug)]
pub enum Proof {
    Password(Password),
    /// An answer to what [`ask_change`] asked.
    Passkey(Box<Given>),
}

/// What a browser is asked to make.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct CreationAsked {
    /// To be sent back with the credential; good once and for five minutes.
    pub token: String,
    /// base64url, as the identifiers below.
    pub challenge: String,
    pub rp_id: String,
    pub rp_name: &'static str,
    pub user_id: String,
    pub user_name: String,
    pub user_display_name: String,
    /// COSE algorithm identifiers, preferred first.
    pub algorithms: [i64; 3],
    /// Credentials that the account has already.
    pub exclude: Vec<String>,
}

/// What a browser made. Both base64url.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Credential {
    /// Of [`CreationAsked`].
    pub token: String,
    /// What the holder calls it.
    pub name: String,
    pub attestation_object: String,
    pub client_data: String,
}

/// The caller's passkeys, oldest first.
pub async fn list(app: &App, by: &Principal) -> Result<Vec<PasskeyView>> {
    of_account(app, by.account).await?.iter().map(|passkey| view(app, passkey)).collect()
}

/// What one of the caller's passkeys is to sign before passkeys are added or removed.
pub async fn ask_change(app: &App, by: &Principal) -> Result<Asked> {
    let party = RelyingParty::of(app)?;
    let passkeys = of_account(app, by.account).await?;
    let challenge = Challenge::new(app, Purpose::Change, Some(by.account), &subject(by.account), "");
    Ok(Asked {
        token: challenge.token(app)?,
        challenge: BASE64_URL_SAFE_NO_PAD.encode(challenge.digest()),
        rp_id: party.id,
        credentials: passkeys.iter().map(|one| BASE64_URL_SAFE_NO_PAD.encode(&one.credential_id)).collect(),
        statement: challenge.text(),
        needed: true,
    })
}

/// What a browser is to make for the caller, who has just shown again who they are.
pub async fn ask_creation(app: &App, by: &Principal, proof: Proof) -> Result<CreationAsked> {
    let party = RelyingParty::of(app)?;
    let passkeys = of_account(app, by.account).await?;
    if passkeys.len() >= MOST_PASSKEYS {
        return Err(too_many().into());
    }
    let shown = shown(app, by, proof).await?;
    let challenge = Challenge::new(app, Purpose::Register, Some(by.account), &subject(by.account), &shown);
    Ok(CreationAsked {
        token: challenge.token(app)?,
        challenge: BASE64_URL_SAFE_NO_PAD.encode(challenge.digest()),
        rp_id: party.id,
        rp_name: "Chuky",
        user_id: BASE64_URL_SAFE_NO_PAD.encode(by.account.as_bytes()),
        user_name: by.login.clone(),
        user_display_name: by.display_name.clone(),
        algorithms: CredentialKey::ALGORITHMS,
        exclude: passkeys.iter().map(|one| BASE64_URL_SAFE_NO_PAD.encode(&one.credential_id)).collect(),
    })
}

/// Stores the credential that the caller's browser made.
pub async fn add(app: &App, by: &Principal, made: &Credential) -> Result<PasskeyView> {
    // 1. What was asked of this account, and only that.
    in_session(by)?;
    let party = RelyingParty::of(app)?;
    let challenge = Challenge::of_token(app, &made.token, Purpose::Register)?;
    if challenge.account != Some(by.account) {
        return Err(malformed().into());
    }
    let octets = |text: &str| BASE64_URL_SAFE_NO_PAD.decode(text).map_err(|_| malformed());
    let digest = challenge.digest();
    let expected = Expected { rp_id: &party.id, origin: &party.origin, challenge: &digest };
    let registered = webauthn::register(&octets(&made.attestation_object)?, &octets(&made.client_data)?, expected);
    let registered = registered.map_err(refused)?;
    // 2. As good as what the holder showed for it.
    let mut passkey = new_passkey(app, by.account, &made.name, registered)?;
    let voucher = voucher(app, by, &challenge).await?;
    if voucher.is_some() {
        passkey.confirmed_by = Some(by.account);
        passkey.confirmed_at = Some(passkey.created_at);
    }
    attestation::attest(&*app.tokens.subscribers, &mut passkey).await?;
    // 3. The row, its audit entry and the holder's message in one transaction.
    let message = message(app, by.account, ADDED).await?;
    let mut transaction = app.store.begin().await?;
    challenge.use_up(&mut transaction, passkey.created_at).await?;
    transaction.insert_passkey(&passkey).await.map_err(|error| conflicted(error, registered_already))?;
    if let Some(voucher) = &voucher {
        // Whoever removes it in this moment as lost sees what was added with it, or comes first.
        transaction.update_passkey(voucher).await.map_err(moved_on)?;
        let used = Entry::of_row(passkey.created_at, Kind::PasskeyUsed, Actor::Account(by.account), voucher);
        audit::record(&mut transaction, used.with(serde_json::json!({ "for": "vouch", "passkey": passkey.id })))
            .await?;
    }
    let entry = Entry::of_row(passkey.created_at, Kind::PasskeyAdded, Actor::Account(by.account), &passkey);
    let content = serde_json::json!({
        "account": by.account, "content": hex::encode(content(&passkey)), "confirmed": passkey.confirmed_at.is_some(),
        "message": message.as_ref().map(|message| message.id),
    });
    audit::record(&mut transaction, entry.with(content)).await?;
    tell(&mut transaction, message.as_ref()).await?;
    transaction.commit().await?;
    sent(app, message.is_some());
    view(app, &passkey)
}

/// Removes a passkey: one's own, after having shown again who one is, or, without, anybody's as a security officer, for that only narrows.
/// One that is `lost` may have been in other hands from its first day: what it approved and nobody has acted on yet is void, and so is what was
/// approved by passkeys that the account confirmed with it, or with one of those. They open nothing until somebody else has confirmed them.
pub async fn remove(app: &App, by: &Principal, id: PasskeyId, proof: Option<Proof>, lost: bool) -> Result<()> {
    let mut passkey = load(app, id).await?;
    let own = passkey.account_id == by.account;
    match proof {
        Some(proof) if own => drop(shown(app, by, proof).await?),
        None if own => return Err(show_again().into()),
        _ if by.has(Role::SecurityOfficer) => by.in_session()?,
        _ => return Err(RequestError::not_found().into()),
    }
    // The proof may have been given by this very passkey, whose row is another since then.
    passkey = load(app, passkey.id).await?;
    if passkey.revoked_at.is_some() && (passkey.distrusted_from.is_some() || !lost) {
        return Ok(());
    }
    let now = app.clock.now();
    passkey.revoked_at.get_or_insert(now);
    if lost {
        passkey.distrusted_from = Some(passkey.created_at);
    }
    attestation::attest_change(&*app.tokens.subscribers, &mut passkey).await?;
    let followers = if lost { followers(app, &passkey).await? } else { Vec::new() };
    let message = message(app, passkey.account_id, REMOVED).await?;
    let mut transaction = app.store.begin().await?;
    transaction.update_passkey(&passkey).await.map_err(moved_on)?;
    let entry = Entry::of_row(now, Kind::PasskeyRemoved, Actor::Account(by.account), &passkey);
    let content = serde_json::json!({
        "account": passkey.account_id, "lost": lost, "message": message.as_ref().map(|message| message.id),
        "distrusted": followers.iter().map(|one| one.id).collect::<Vec<_>>(),
    });
    audit::record(&mut transaction, entry.with(content)).await?;
    for follower in &followers {
        transaction.update_passkey(follower).await.map_err(moved_on)?;
        let entry = Entry::of_row(now, Kind::PasskeyDistrusted, Actor::Account(by.account), follower);
        let content = serde_json::json!({ "account": follower.account_id, "distrusted_with": passkey.id });
        audit::record(&mut transaction, entry.with(content)).await?;
    }
    tell(&mut transaction, message.as_ref()).await?;
    transaction.commit().await?;
    current::changed(app, &passkey);
    followers.iter().for_each(|one| current::changed(app, one));
    sent(app, message.is_some());
    Ok(())
}

/// The caller's confirmed passkey that answered for what is being added, ready to be stored again, so that nothing is added with one that is
/// removed in the same moment.
async fn voucher(app: &App, by: &Principal, challenge: &Challenge) -> Result<Option<Passkey>> {
    let Some(other) = challenge.content.strip_prefix(BY_PASSKEY) else { return Ok(None) };
    let mut other = load(app, other.parse().map_err(|_| malformed())?).await?;
    let good = other.account_id == by.account && other.revoked_at.is_none() && other.confirmed_at.is_some();
    if !good {
        return Ok(None);
    }
    attestation::attest_change(&*app.tokens.subscribers, &mut other).await?;
    Ok(Some(other))
}

/// What the account confirmed itself since a lost passkey was made, as it is from now on: confirmed by nobody, and distrusted from its first
/// day. A row does not say with which passkey it was confirmed, so all of them count. `lost` is read before they are.
async fn followers(app: &App, lost: &Passkey) -> Result<Vec<Passkey>> {
    let mut followers = current::rows(app, || app.store.passkeys_of_account(lost.account_id)).await?;
    followers.retain(|one| {
        one.id != lost.id && one.confirmed_by == Some(lost.account_id) && one.created_at >= lost.created_at
    });
    for one in &mut followers {
        one.confirmed_by = None;
        one.confirmed_at = None;
        one.distrusted_from = Some(one.created_at);
        attestation::attest_change(&*app.tokens.subscribers, one).await?;
    }
    Ok(followers)
}

/// What the caller has shown: the password, or which confirmed passkey.
async fn shown(app: &App, by: &Principal, proof: Proof) -> Result<String> {
    in_session(by)?;
    match proof {
        Proof::Password(password) => {
            let caller = format!("again\n{}", by.account);
            app.rates.take(Rate::LogIn, &caller, app.clock.steady())?;
            let account = current::row(app, || app.store.account_by_id(by.account)).await?;
            if !password.matches(account.and_then(|account| account.password_hash)).await? {
                let (vi, en) = ("Mật khẩu không đúng. Hãy thử lại.", "The password is wrong. Try again.");
                return Err(RequestError::invalid("password", "password_wrong", vi, en).into());
            }
            app.rates.give_back(Rate::LogIn, &caller);
            Ok("password".to_owned())
        }
        Proof::Passkey(given) => {
            let challenge = Challenge::of_token(app, &given.token, Purpose::Change)?;
            let proven: Proven = proven(app, challenge, Some(by.account), &given).await?;
            let mut transaction = app.store.begin().await?;
            proven.store(app, &mut transaction, serde_json::json!({ "for": "change_passkeys" })).await?;
            transaction.commit().await?;
            Ok(format!("{BY_PASSKEY}{}", proven.passkey.id))
        }
    }
}

fn new_passkey(app: &App, account: AccountId, name: &str, registered: Registered) -> Result<Passkey> {
    let name = name.trim();
    if name.is_empty() || name.chars().count() > LONGEST_NAME || name.chars().any(char::is_control) {
        let (vi, en) = ("Hãy đặt tên cho khóa, tối đa 60 ký tự.", "Give the passkey a name, at most 60 characters.");
        return Err(RequestError::invalid("name", "passkey_name", vi, en).into());
    }
    let id = PasskeyId(Uuid::now_v7());
    Ok(Passkey {
        id,
        account_id: account,
        credential_id: registered.credential_id,
        public_key: registered.public_key,
        counter: i64::from(registered.answered.counter),
        backup: backup_of(registered.answered),
        name: app.vault.seal(NAME, &id.to_string(), name.as_bytes())?,
        created_at: app.clock.now(),
        confirmed_by: None,
        confirmed_at: None,
        last_used_at: None,
        revoked_at: None,
        distrusted_from: None,
        version: 1,
        mac: Vec::new(),
    })
}

/// What confirming a passkey means: this key is this account's.
pub(super) fn content(passkey: &Passkey) -> [u8; 32] {
    let mut digest = Sha256::new();
    digest.update(format!("chuky-passkey-key-v1\n{}\n{}\n", passkey.id, passkey.account_id));
    digest.update(format!("{}\n{}\n", hex::encode(&passkey.credential_id), hex::encode(&passkey.public_key)));
    digest.finalize().into()
}

/// The name that its holder gave it.
pub fn name_of(app: &App, passkey: &Passkey) -> Result<String> {
    let name = app.vault.open(NAME, &passkey.id.to_string(), &passkey.name)?;
    Ok(String::from_utf8_lossy(&name).into_owned())
}

/// Takes the names away that an account's holder gave their passkeys, and ends these: the holder is erased. May be called again.
pub async fn forget_names(app: &App, account: AccountId) -> Result<()> {
    for mut passkey in current::rows(app, || app.store.passkeys_of_account(account)).await? {
        if name_of(app, &passkey)? == ERASED {
            continue;
        }
        let now = app.clock.now();
        passkey.name = app.vault.seal(NAME, &passkey.id.to_string(), ERASED.as_bytes())?;
        passkey.revoked_at.get_or_insert(now);
        attestation::attest_change(&*app.tokens.subscribers, &mut passkey).await?;
        let mut transaction = app.store.begin().await?;
        transaction.rename_passkey(&passkey).await?;
        audit::record(&mut transaction, Entry::of_row(now, Kind::PasskeyRemoved, Actor::Service, &passkey)).await?;
        transaction.commit().await?;
        current::changed(app, &passkey);
    }
    Ok(())
}

pub(super) fn view(app: &App, passkey: &Passkey) -> Result<PasskeyView> {
    let name = app.vault.open(NAME, &passkey.id.to_string(), &passkey.name)?;
    let digest = content(passkey);
    let number = digest.iter().take(8).fold(0_u64, |number, octet| (number << 8) | u64::from(*octet));
    let digits = format!("{:012}", number % 1_000_000_000_000);
    Ok(PasskeyView {
        id: passkey.id,
        name: String::from_utf8_lossy(&name).into_owned(),
        created_at: passkey.created_at.rfc3339(),
        last_used_at: passkey.last_used_at.map(Instant::rfc3339),
        confirmed: passkey.confirmed_at.is_some(),
        distrusted: passkey.distrusted_from.is_some(),
        backed_up: passkey.backup & super::BACKED_UP != 0,
        comparison_code: format!("{} {} {} {}", &digits[..3], &digits[3..6], &digits[6..9], &digits[9..]),
        content_digest: hex::encode(digest),
    })
}

/// A message to the holder, where a contact of theirs is known that two people have looked at. It names no person.
pub(super) async fn message(app: &App, account: AccountId, text: &str) -> Result<Option<Message>> {
    let Some(to) = contact(app, account).await? else { return Ok(None) };
    let said = Said { short: text, subject: "Chữ ký số: tài khoản của bạn có thay đổi", long: text };
    Ok(Some(outbox::message(app, &to, &said)?))
}

/// The contact in the account's invitation or, where there is none, that of its person's newest request whose certificate was issued. Whoever
/// enters a request alone does not choose where alarms about somebody's passkeys go.
pub async fn contact(app: &App, account: AccountId) -> Result<Option<To>> {
    if let Some(invitation) = current::row_by_log(app, || app.store.staff_invitation_of(account)).await? {
        let contact = accounts::contact_of(app, &invitation)?;
        if !contact.is_empty() {
            return Ok(Some(To::phone(&contact)));
        }
    }
    let Some(person) = accounts::person_of(app, account).await? else { return Ok(None) };
    for request in app.store.requests_of_person(&person).await? {
        if request.state != RequestState::Issued {
            continue;
        }
        let request = attestation::check(&*app.tokens.subscribers, request).await?;
        if let Some(contact) = registration::open(app, &request)?.contact() {
            return Ok(Some(contact));
        }
    }
    Ok(None)
}

pub(super) async fn tell(transaction: &mut Transaction, message: Option<&Message>) -> Result<()> {
    if let Some(message) = message {
        transaction.insert_message(message).await?;
    }
    Ok(())
}

pub(super) fn sent(app: &App, any: bool) {
    if any {
        outbox::soon(app);
    }
}

fn subject(account: AccountId) -> String {
    format!("account:{account}")
}

/// Passkeys are a person's at a device: a system's key neither adds nor removes one.
fn in_session(by: &Principal) -> Result<()> {
    if by.is_in_session() { Ok(()) } else { Err(show_again().into()) }
}

fn show_again() -> RequestError {
    RequestError::new(
        RequestErrorKind::Forbidden,
        "passkey_show_again",
        "Hãy đăng nhập, rồi nhập lại mật khẩu hoặc dùng khóa truy cập đã có để thay đổi khóa.",
        "Log in, and give the password again or use a passkey you have, to change your passkeys.",
    )
}

fn too_many() -> RequestError {
    RequestError::conflict(
        "passkeys_too_many",
        format!("Tài khoản đã có {MOST_PASSKEYS} khóa truy cập. Hãy gỡ bớt khóa không dùng."),
        format!("The account has {MOST_PASSKEYS} passkeys. Remove one that is not used."),
    )
}

fn registered_already() -> RequestError {
    RequestError::conflict(
        "passkey_registered",
        "Khóa truy cập này đã được đăng ký.",
        "This passkey is registered already.",
    )
}

const NAME: &str = "passkey.name";
const LONGEST_NAME: usize = 60;
/// Passkeys of one account that are not removed.
const MOST_PASSKEYS: usize = 10;
/// Stands before the passkey that a new one was added with.
const BY_PASSKEY: &str = "passkey:";
// Without diacritics: one SMS has 160 characters then.
const ADDED: &str =
    "Tai khoan chu ky so cua ban vua them mot khoa truy cap. Neu khong phai ban lam, hay bao ngay can bo an ninh.";
const REMOVED: &str =
    "Mot khoa truy cap cua tai khoan chu ky so cua ban vua bi go. Neu khong phai ban lam, hay bao ngay can bo an ninh.";
