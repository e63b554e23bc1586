//! From consent to a code, and from the code to what it stands for. A code is good once, for a minute, for the application and address
//! that it was made for, with the verifier of its challenge; a second use ends what the first gave (RFC 6749 §4.1.2, RFC 9700 §2.1.1).
//! Activation data waits for its code under a key that only the code gives.

use super::{
    hash, invalid_grant,
    limits::{CODE_SECONDS, TOKEN_SECONDS},
    random_text,
    refresh::{self, Refreshed},
    request::{AuthorizationRequest, Scope},
    token,
};
use crate::{
    accounts::Principal,
    app::App,
    attestation,
    audit::{self, Actor, Entry, Kind},
    current,
    custody::{self, Factors, SAD_SECONDS, Sad},
    error::{InternalError, RequestError, Result},
    signing::remote::{self, Variants},
    store::Error as StoreError,
};
use aes_gcm::{
    Aes256Gcm, Key, KeyInit, Nonce,
    aead::{Aead, Payload},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chuky_model::record::oauth::{OauthClient, OauthCode};
use hkdf::Hkdf;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// What a code was exchanged for.
pub enum Granted {
    /// An access token of scope `service`, with its life in seconds.
    Token(Zeroizing<String>, i64),
    /// The same with a refresh token.
    Lasting(Refreshed),
    /// Activation data, with what is left of its life in seconds.
    Activation(Sad, i64),
}

/// The user as this application acts for them.
pub fn by_client(by: &Principal, client: &OauthClient) -> Principal {
    Principal { client: token::client_name(client.id), ..by.clone() }
}

/// The user agrees: the address that carries the code to the application. For scope `credential` the PIN is tried and counted, and the
/// signatures are allowed for exactly what the request names.
pub async fn approve(
    app: &App,
    by: &Principal,
    request: &AuthorizationRequest,
    factors: Option<&Factors>,
) -> Result<String> {
    let code = random_text("");
    let now = app.clock.now();
    let sad = match (&request.wish, factors) {
        (None, _) => None,
        (Some(_), None) => return Err(RequestError::from(custody::PinError::Length).into()),
        (Some(wish), Some(factors)) => {
            let acting = by_client(by, &request.client);
            // Either version of the API may go on with it, so every form is allowed that signDoc makes.
            let hashes = &wish.hashes;
            Some(Box::pin(remote::authorize(app, &acting, wish.credential, hashes, Variants::All, factors)).await?)
        }
    };
    let mut row = OauthCode {
        code_hash: hash(&code),
        client_id: request.client.id,
        account_id: by.account,
        scope: request.scope().name().to_owned(),
        redirect_uri: request.redirect_uri.clone(),
        challenge: request.challenge.clone(),
        sealed_activation: sad.as_ref().map(|sad| seal(&code, &request.client, sad)).transpose()?,
        activation_id: sad.as_ref().and_then(Sad::activation),
        created_at: now,
        expires_at: app.clock.now().plus_seconds(CODE_SECONDS),
        used_at: None,
        version: 1,
        mac: Vec::new(),
    };
    attestation::attest(&*app.tokens.subscribers, &mut row).await?;
    let mut transaction = app.store.begin().await?;
    transaction.insert_oauth_code(&row).await?;
    let entry = Entry::of_row(now, Kind::OauthCodeGiven, Actor::Account(by.account), &row);
    let content = serde_json::json!({ "client": request.client.id, "scope": row.scope });
    audit::record(&mut transaction, entry.with(content)).await?;
    transaction.commit().await?;
    Ok(request.answer(&code))
}

/// The user does not agree: the address that tells the application.
pub async fn refuse(app: &App, by: &Principal, request: &AuthorizationRequest) -> Result<String> {
    let subject = format!("oauth_client:{}", request.client.id);
    let entry = Entry::new(app.clock.now(), Kind::OauthConsentRefused, Actor::Account(by.account), subject);
    let mut transaction = app.store.begin().await?;
    audit::record(&mut transaction, entry.with(serde_json::json!({ "scope": request.scope().name() }))).await?;
    transaction.commit().await?;
    Ok(request.refusal("access_denied", "The user did not agree"))
}

/// Exchanges a code, once.
pub async fn exchange(
    app: &App,
    client: &OauthClient,
    code: &str,
    redirect_uri: &str,
    verifier: &str,
) -> Result<Granted> {
    // 1. The code as it was given: to this application, for this address, with this challenge.
    let code_hash = hash(code);
    let row = current::row_by_log(app, || app.store.oauth_code(&code_hash)).await?;
    let mut row = row.filter(|row| row.client_id == client.id).ok_or_else(invalid_grant)?;
    let proved = is_verifier(verifier) && bool::from(challenge_of(verifier).as_bytes().ct_eq(row.challenge.as_bytes()));
    if row.redirect_uri != redirect_uri || !proved {
        return Err(invalid_grant().into());
    }
    if row.used_at.is_some() {
        replayed(app, &row).await?;
        return Err(invalid_grant().into());
    }
    let now = app.clock.now();
    if row.expires_at <= now {
        return Err(invalid_grant().into());
    }
    // 2. What it stands for.
    let sad = row.sealed_activation.take().map(|sealed| open(code, client, &sealed)).transpose()?;
    if (row.scope == Scope::Credential.name()) != sad.is_some() {
        return Err(InternalError::other("a code without what it stands for").into());
    }
    let token = match &sad {
        None => Some(token::prepare(app, client.id, row.account_id, Some(code_hash)).await?),
        Some(_) => None,
    };
    let lasting = match row.scope == Scope::Lasting.name() {
        true => Some(refresh::first(app, &row).await?),
        false => None,
    };
    // 3. Used, by compare-and-swap, with the token that it gives.
    row.used_at = Some(now);
    attestation::attest_change(&*app.tokens.subscribers, &mut row).await?;
    let mut transaction = app.store.begin().await?;
    match transaction.update_oauth_code(&row).await {
        Err(StoreError::Stale) => {
            // Used in this moment by somebody else: it came twice as well.
            drop(transaction);
            replayed(app, &row).await?;
            return Err(invalid_grant().into());
        }
        other => other?,
    }
    let entry = Entry::of_row(now, Kind::OauthCodeUsed, Actor::Account(row.account_id), &row);
    audit::record(&mut transaction, entry).await?;
    if let Some((token, _)) = &token {
        token::add(&mut transaction, token).await?;
    }
    if let Some((refresh, _)) = &lasting {
        refresh::add(&mut transaction, refresh).await?;
    }
    transaction.commit().await?;
    let since = now.unix_seconds().saturating_sub(row.created_at.unix_seconds());
    match (sad, token.map(|(_, text)| text)) {
        (Some(sad), _) => Ok(Granted::Activation(sad, SAD_SECONDS.saturating_sub(since).max(0))),
        (None, Some(access)) => Ok(match lasting {
            Some((_, refresh)) => Granted::Lasting(Refreshed { access, seconds: TOKEN_SECONDS, refresh }),
            None => Granted::Token(access, TOKEN_SECONDS),
        }),
        (None, None) => Err(InternalError::other("a code for nothing").into()),
    }
}

/// A code came twice: one of the two who have it is not who it was given to.
async fn replayed(app: &App, row: &OauthCode) -> Result<()> {
    tracing::warn!(event = "oauth_code_replayed", client = %row.client_id);
    let subject = format!("oauth_client:{}", row.client_id);
    let entry = Entry::new(app.clock.now(), Kind::OauthCodeReplayed, Actor::Anonymous, subject);
    let mut transaction = app.store.begin().await?;
    audit::record(&mut transaction, entry.with(serde_json::json!({ "account": row.account_id }))).await?;
    transaction.commit().await?;
    refresh::end_all(app, &row.code_hash).await?;
    match row.activation_id {
        Some(id) => custody::close_activation(app, Actor::Anonymous, id, &token::client_name(row.client_id)).await,
        None => Ok(()),
    }
}

/// RFC 7636 §4.1.
fn is_verifier(text: &str) -> bool {
    let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    (43..=128).contains(&text.len()) && text.bytes().all(unreserved)
}

/// RFC 7636 §4.2, S256.
fn challenge_of(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()))
}

fn seal(code: &str, client: &OauthClient, sad: &Sad) -> Result<Vec<u8>> {
    let payload = Payload { msg: sad.reveal().as_bytes(), aad: client.id.as_bytes() };
    let sealed = cipher(code).encrypt(&Nonce::from(NONCE), payload);
    Ok(sealed.map_err(|_| InternalError::other("activation data could not be sealed"))?)
}

fn open(code: &str, client: &OauthClient, sealed: &[u8]) -> Result<Sad> {
    let payload = Payload { msg: sealed, aad: client.id.as_bytes() };
    let plain = cipher(code).decrypt(&Nonce::from(NONCE), payload).map(Zeroizing::new);
    let plain = plain.map_err(|_| InternalError::RowForged { table: "oauth_code" })?;
    let text = std::str::from_utf8(&plain).map_err(|_| InternalError::other("activation data is not text"))?;
    Ok(Sad::enter(text))
}

/// Each code seals one thing once, so its key needs no random nonce.
fn cipher(code: &str) -> Aes256Gcm {
    let mut key = Zeroizing::new([0_u8; 32]);
    Hkdf::<Sha256>::new(None, code.as_bytes())
        .expand(b"chuky-oauth-code-v1", key.as_mut_slice())
        .unwrap_or_else(|_| unreachable!("32 bytes are within HKDF's limit of 255 hashes"));
    Aes256Gcm::new(&Key::<Aes256Gcm>::from(*key))
}

const NONCE: [u8; 12] = [0; 12];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn challenges_are_those_of_the_standard() {
        // RFC 7636, appendix B.
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        assert!(is_verifier(verifier));
        assert_eq!(challenge_of(verifier), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
        for bad in ["", "short", &"a".repeat(129), &"ă".repeat(43)] {
            assert!(!is_verifier(bad), "{bad}");
        }
    }
}
