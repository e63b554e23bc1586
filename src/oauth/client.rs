//! Registered applications: a name, redirection addresses that are compared as written, and for those that can keep one a secret that is
//! shown once.

use super::{
    hash, invalid_client,
    limits::{MOST_REDIRECT_URIS, NAME_CHARACTERS, PAGE, REDIRECT_URI_LENGTH},
    random_text,
};
use crate::{
    accounts::Principal,
    app::App,
    attestation,
    audit::{self, Actor, Entry, Kind},
    current,
    error::{RequestError, Result},
    store::Error as StoreError,
};
use chuky_model::{
    id::{AccountId, OauthClientId},
    record::{Cursor, account::Account, oauth::OauthClient},
    role::Role,
};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;
use uuid::Uuid;
use zeroize::Zeroizing;

/// An application to be registered.
#[derive(Clone, Debug)]
pub struct NewClient {
    pub name: String,
    pub redirect_uris: Vec<String>,
    /// Whether it can keep a secret: a program on a server can, one on somebody's device cannot.
    pub confidential: bool,
    /// The system's account that it acts for by itself; only with a secret.
    pub account: Option<AccountId>,
}

/// An application as administrators see it.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ClientView {
    /// What it names itself by: `client_id`.
    pub client_id: String,
    pub name: String,
    pub redirect_uris: Vec<String>,
    pub confidential: bool,
    /// The account of its own, where it has one.
    pub account: Option<String>,
    /// RFC 3339.
    pub created_at: String,
    /// RFC 3339, once it ended.
    pub ended_at: Option<String>,
}

/// An application that was registered.
pub struct Registered {
    pub client: ClientView,
    /// Shown once and kept nowhere.
    pub secret: Option<Zeroizing<String>>,
}

/// Registers an application.
pub async fn register(app: &App, by: &Principal, new: NewClient) -> Result<Registered> {
    check(&new)?;
    if let Some(account) = new.account {
        let known = current::row_by_log(app, || app.store.account_by_id(account)).await?;
        let known = known.filter(|account| account.disabled_at.is_none());
        let known = known.ok_or_else(|| refused("account", NO_ACCOUNT))?;
        if !is_system(&known) {
            return Err(refused("account", PERSONS_ACCOUNT).into());
        }
    }
    let now = app.clock.now();
    let secret = new.confidential.then(|| random_text(""));
    let mut client = OauthClient {
        id: OauthClientId(Uuid::new_v4()),
        name: new.name.trim().to_owned(),
        redirect_uris: new.redirect_uris.join("\n"),
        secret_hash: secret.as_ref().map(|secret| hash(secret)),
        account_id: new.account,
        registered_by: by.account,
        created_at: now,
        ended_at: None,
        version: 1,
        mac: Vec::new(),
    };
    attestation::attest(&*app.tokens.subscribers, &mut client).await?;
    let mut transaction = app.store.begin().await?;
    transaction.insert_oauth_client(&client).await?;
    let entry = Entry::of_row(now, Kind::OauthClientRegistered, Actor::Account(by.account), &client);
    let content = serde_json::json!({ "confidential": new.confidential, "account": new.account });
    audit::record(&mut transaction, entry.with(content)).await?;
    transaction.commit().await?;
    Ok(Registered { client: view(&client), secret })
}

/// Applications after the cursor, oldest first.
pub async fn list(app: &App, after: Cursor) -> Result<(Vec<ClientView>, Option<Cursor>)> {
    let rows = current::rows(app, || app.store.list_oauth_clients(after, PAGE)).await?;
    let next = rows.last().filter(|_| rows.len() as i64 == PAGE);
    let next = next.map(|last| Cursor { at: last.created_at, id: last.id.0 });
    Ok((rows.iter().map(view).collect(), next))
}

/// Ends an application for good: its tokens open nothing from the next request on. One that ended already stays so.
pub async fn end(app: &App, by: &Principal, id: OauthClientId) -> Result<ClientView> {
    // Ended by somebody else in this moment, it is read again.
    for _ in 0..AT_ONCE {
        let client = current::row_by_log(app, || app.store.oauth_client(id)).await?;
        let mut client = client.ok_or_else(RequestError::not_found)?;
        if client.ended_at.is_some() {
            return Ok(view(&client));
        }
        let now = app.clock.now();
        client.ended_at = Some(now);
        attestation::attest_change(&*app.tokens.subscribers, &mut client).await?;
        let mut transaction = app.store.begin().await?;
        match transaction.update_oauth_client(&client).await {
            Err(StoreError::Stale) => continue,
            other => other?,
        }
        let entry = Entry::of_row(now, Kind::OauthClientEnded, Actor::Account(by.account), &client);
        audit::record(&mut transaction, entry).await?;
        transaction.commit().await?;
        current::changed(app, &client);
        return Ok(view(&client));
    }
    Err(RequestError::overtaken().into())
}

/// The application that names and proves itself (RFC 6749 §2.3.1). One without a secret proves itself by PKCE alone.
pub async fn authenticate(app: &App, id: &str, secret: Option<&str>) -> Result<OauthClient> {
    let client = known(app, id).await?.ok_or_else(invalid_client)?;
    let right = match (&client.secret_hash, secret.filter(|secret| !secret.is_empty())) {
        (Some(wanted), Some(given)) => bool::from(wanted.as_slice().ct_eq(&hash(given))),
        (None, None) => true,
        _ => false,
    };
    if right { Ok(client) } else { Err(invalid_client().into()) }
}

/// The application of that identifier, where it has not ended.
pub(super) async fn known(app: &App, id: &str) -> Result<Option<OauthClient>> {
    let Ok(id) = id.parse::<OauthClientId>() else { return Ok(None) };
    alive(app, id).await
}

/// The application of that identifier, where it has not ended.
pub async fn alive(app: &App, id: OauthClientId) -> Result<Option<OauthClient>> {
    let client = current::row(app, || app.store.oauth_client(id)).await?;
    Ok(client.filter(|client| client.ended_at.is_none()))
}

/// Whether that account is a system's, for which nobody needs to be asked.
pub(super) async fn is_of_system(app: &App, id: AccountId) -> Result<bool> {
    let account = current::row(app, || app.store.account_by_id(id)).await?;
    Ok(account.is_some_and(|account| is_system(&account)))
}

/// No person's, and without a role by which somebody signs or decides. Whoever registers an application speaks for no person: that one
/// agrees on the page of consent, or nothing is done in their name.
fn is_system(account: &Account) -> bool {
    account.person_lookup.is_none()
        && !account.roles.is_empty()
        && account.roles.iter().all(|role| matches!(role, Role::RelyingParty | Role::PaymentProvider))
}

fn view(client: &OauthClient) -> ClientView {
    ClientView {
        client_id: client.id.to_string(),
        name: client.name.clone(),
        redirect_uris: client.redirect_uris.lines().map(str::to_owned).collect(),
        confidential: client.secret_hash.is_some(),
        account: client.account_id.map(|id| id.to_string()),
        created_at: client.created_at.rfc3339(),
        ended_at: client.ended_at.map(|at| at.rfc3339()),
    }
}

fn check(new: &NewClient) -> Result<(), RequestError> {
    let name = new.name.trim();
    if name.is_empty() || name.chars().count() > NAME_CHARACTERS || name.chars().any(char::is_control) {
        return Err(refused("name", BAD_NAME));
    }
    if new.redirect_uris.len() > MOST_REDIRECT_URIS || !new.redirect_uris.iter().all(|uri| is_redirect_uri(uri)) {
        return Err(refused("redirect_uris", BAD_REDIRECT_URI));
    }
    if new.account.is_some() && !new.confidential {
        return Err(refused("account", SECRET_NEEDED));
    }
    if new.redirect_uris.is_empty() && new.account.is_none() {
        return Err(refused("redirect_uris", USELESS));
    }
    Ok(())
}

/// `https`, or plain HTTP to the device itself (RFC 8252 §7.3); absolute, printable, without fragment (RFC 6749 §3.1.2) and user.
fn is_redirect_uri(uri: &str) -> bool {
    let rest = match (uri.strip_prefix("https://"), uri.strip_prefix("http://")) {
        (Some(rest), _) => rest,
        (None, Some(rest)) if is_loopback(authority(rest)) => rest,
        _ => return false,
    };
    let printable = uri.bytes().all(|byte| byte.is_ascii_graphic() && !b"\\\"'<>#;,*`{}|^".contains(&byte));
    let named = authority(rest);
    uri.len() <= REDIRECT_URI_LENGTH && printable && !named.is_empty() && !named.contains('@')
}

/// Whether an address is the registered one: as written, but for the port of a program on the user's own device, which takes whatever port
/// is free (RFC 8252 §7.3, RFC 9700 §2.1).
pub(super) fn is_same_redirect_uri(known: &str, asked: &str, native: bool) -> bool {
    let without_port = || {
        let (known, asked) = (known.strip_prefix("http://")?, asked.strip_prefix("http://")?);
        let (known_at, asked_at) = (authority(known), authority(asked));
        let (host, _) = loopback(known_at)?;
        let (asked_host, port) = loopback(asked_at)?;
        // Digits alone are left of a port that `loopback` reads.
        let usable = port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port != 0));
        let rest = known.strip_prefix(known_at)? == asked.strip_prefix(asked_at)?;
        Some(host == asked_host && usable && rest)
    };
    known == asked || (native && without_port().unwrap_or(false))
}

fn authority(rest: &str) -> &str {
    rest.split(['/', '?']).next().unwrap_or_default()
}

fn is_loopback(authority: &str) -> bool {
    loopback(authority).is_some()
}

/// Host and port of the device itself.
fn loopback(authority: &str) -> Option<(&str, Option<&str>)> {
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) => (host, Some(port)),
        _ => (authority, None),
    };
    matches!(host, "127.0.0.1" | "[::1]" | "localhost").then_some((host, port))
}

fn refused(field: &'static str, (code, vi, en): (&'static str, &'static str, &'static str)) -> RequestError {
    RequestError::invalid(field, code, vi, en)
}

/// Calls for the same that may meet, one after the other.
const AT_ONCE: usize = 8;
const BAD_NAME: (&str, &str, &str) = (
    "client_name",
    "Tên ứng dụng gồm 1 đến 100 ký tự trên một dòng.",
    "An application's name has 1 to 100 characters on one line.",
);
const BAD_REDIRECT_URI: (&str, &str, &str) = (
    "redirect_uri_form",
    "Địa chỉ quay lại bắt đầu bằng https:// (hoặc http://127.0.0.1, http://[::1], http://localhost), không có # và không có ký tự lạ; mỗi ứng dụng có tối đa 10 địa chỉ.",
    "A redirection address begins with https:// (or http://127.0.0.1, http://[::1], http://localhost), without # and without odd characters; an application has at most 10.",
);
const SECRET_NEEDED: (&str, &str, &str) = (
    "client_account_needs_secret",
    "Chỉ ứng dụng giữ được mật khẩu mới có tài khoản riêng.",
    "Only an application that keeps a secret may have an account of its own.",
);
const USELESS: (&str, &str, &str) = (
    "client_useless",
    "Ứng dụng cần ít nhất một địa chỉ quay lại, hoặc một tài khoản riêng.",
    "An application needs a redirection address, or an account of its own.",
);
const NO_ACCOUNT: (&str, &str, &str) = (
    "client_account_unknown",
    "Không có tài khoản này, hoặc tài khoản đã ngừng dùng.",
    "There is no such account, or it is disabled.",
);
const PERSONS_ACCOUNT: (&str, &str, &str) = (
    "client_account_of_person",
    "Đây là tài khoản của một người hoặc của cán bộ. Ứng dụng chỉ hành động thay một người khi chính người đó đồng ý trên trang xin phép; tài khoản riêng phải là của một hệ thống (vai trò relying_party hoặc payment_provider).",
    "This account is a person's or of staff. An application acts for a person only where that person agrees on the page of consent; an account of its own must be a system's (role relying_party or payment_provider).",
);

#[cfg(test)]
mod tests {
    use super::{is_redirect_uri, is_same_redirect_uri};

    #[test]
    fn a_program_on_the_users_device_takes_any_port() {
        let same = |known: &str, asked: &str| is_same_redirect_uri(known, asked, true);
        for (known, asked) in [
            ("http://127.0.0.1/cb", "http://127.0.0.1:51004/cb"),
            ("http://127.0.0.1:9000/cb", "http://127.0.0.1:51004/cb"),
            ("http://127.0.0.1:9000/cb", "http://127.0.0.1/cb"),
            ("http://[::1]:9000/cb?x=1", "http://[::1]:1/cb?x=1"),
            ("http://localhost/", "http://localhost:65535/"),
        ] {
            assert!(same(known, asked), "{known} {asked}");
            assert!(!is_same_redirect_uri(known, asked, false), "one with a secret is on a server: {asked}");
        }
        for (known, asked) in [
            ("http://127.0.0.1/cb", "http://127.0.0.1:51004/khac"),
            ("http://127.0.0.1/cb", "http://localhost:51004/cb"),
            ("http://127.0.0.1/cb", "http://127.0.0.1:0/cb"),
            ("http://127.0.0.1/cb", "http://127.0.0.1:/cb"),
            ("http://127.0.0.1/cb", "http://127.0.0.1:70000/cb"),
            ("http://127.0.0.1/cb", "http://127.0.0.1:+80/cb"),
            ("http://127.0.0.1/cb", "http://127.0.0.1:80@evil.example/cb"),
            ("http://127.0.0.1/cb", "https://127.0.0.1:51004/cb"),
            ("https://don-vi.example/cb", "https://don-vi.example:8443/cb"),
            ("http://127.0.0.1", "http://127.0.0.1:80.evil.example"),
        ] {
            assert!(!same(known, asked), "{known} {asked}");
        }
    }

    #[test]
    fn redirection_addresses_are_absolute_and_plain() {
        for good in [
            "https://don-vi.example/callback",
            "https://don-vi.example:8443/cb?a=b",
            "http://127.0.0.1:9000/cb",
            "http://[::1]:9000/",
            "http://localhost/cb",
        ] {
            assert!(is_redirect_uri(good), "{good}");
        }
        for bad in [
            "http://don-vi.example/cb",
            "http://127.0.0.1.evil.example/cb",
            "http://localhost@evil.example/",
            "https://user@don-vi.example/",
            "https://don-vi.example/#part",
            "https://don-vi.example/*",
            "https:///cb",
            "javascript:alert(1)",
            "//don-vi.example",
            "https://don-vi.example/a b",
            "",
        ] {
            assert!(!is_redirect_uri(bad), "{bad}");
        }
    }
}
