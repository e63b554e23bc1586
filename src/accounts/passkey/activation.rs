//! A passkey as the second factor of an activation: its statement names the credential, the client, how many things are signed and the digest of
//! each that its holder was shown. Only a confirmed passkey counts: one that was added with a password proves no more than the password.

use super::{
    Asked, Given, Proven, RelyingParty,
    challenge::{Challenge, Purpose},
    enrolled_since, of_account, proven,
};
use crate::{
    accounts::Principal,
    app::App,
    current,
    error::{RequestError, Result},
    store::Transaction,
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use chuky_model::id::{AccountId, CredentialId};
use chuky_pki::webauthn::CredentialKey;

/// What one passkey's answer allows: signatures of this credential for this client.
#[derive(Clone, Copy, Debug)]
pub struct ToActivate<'a> {
    pub credential: CredentialId,
    /// Who will sign with the activation: `session:…`, `api_key:…` or `oauth_client:…`.
    pub client: &'a str,
    /// Digests of what is shown, one for each thing: of documents, or the hashes themselves where nothing else is known of them.
    pub shown: &'a [Vec<u8>],
}

impl ToActivate<'_> {
    fn subject(&self) -> String {
        format!("credential:{} client:{}", self.credential, self.client)
    }

    fn content(&self) -> String {
        let mut text = self.shown.len().to_string();
        for digest in self.shown {
            text.push(' ');
            text.push_str(&hex::encode(digest));
        }
        text
    }

    /// Whether that statement is of this credential and client, says how many digests it names, and names each of these as often at least.
    fn is_stated(&self, challenge: &Challenge) -> bool {
        let mut words = challenge.content.split(' ');
        let count = words.next();
        let mut left: Vec<&str> = words.collect();
        let counted = count == Some(left.len().to_string().as_str());
        let mut takes = |digest: &Vec<u8>| {
            let digest = hex::encode(digest);
            let place = left.iter().position(|stated| **stated == digest);
            place.map(|place| left.swap_remove(place)).is_some()
        };
        let named = !self.shown.is_empty() && self.shown.iter().all(&mut takes);
        counted && named && challenge.subject == self.subject()
    }
}

/// What the caller's passkey is to sign before an activation. `needed` is whether the account has a passkey that counts.
pub async fn ask_activation(app: &App, by: &Principal, wanted: ToActivate<'_>) -> Result<Asked> {
    let plain = wanted.client.len() <= LONGEST_CLIENT && wanted.client.bytes().all(|letter| letter.is_ascii_graphic());
    let sized = wanted.shown.iter().all(|digest| (32..=64).contains(&digest.len()));
    if !plain || !sized || wanted.shown.is_empty() || wanted.shown.len() > MOST_SHOWN {
        return Err(too_many().into());
    }
    let confirmed: Vec<String> = of_account(app, by.account)
        .await?
        .iter()
        .filter(|passkey| passkey.confirmed_at.is_some())
        .map(|passkey| BASE64_URL_SAFE_NO_PAD.encode(&passkey.credential_id))
        .collect();
    if confirmed.is_empty() {
        return Err(none().into());
    }
    let challenge = Challenge::new(app, Purpose::Activate, Some(by.account), &wanted.subject(), &wanted.content());
    Ok(Asked {
        token: challenge.token(app)?,
        challenge: BASE64_URL_SAFE_NO_PAD.encode(challenge.digest()),
        rp_id: RelyingParty::of(app)?.id,
        credentials: confirmed,
        statement: challenge.text(),
        needed: true,
    })
}

/// A genuine answer that allows this activation. Nothing is stored before it is taken.
pub struct ActivationProof(Proven);

impl ActivationProof {
    /// Judges the answer: refused where it states something else, is over, is no confirmed passkey's of the caller or was not signed by it.
    pub async fn judge(app: &App, by: &Principal, wanted: ToActivate<'_>, given: &Given) -> Result<Self> {
        let challenge = Challenge::of_token(app, &given.token, Purpose::Activate)?;
        if challenge.account != Some(by.account) || !wanted.is_stated(&challenge) {
            return Err(other().into());
        }
        let proven = proven(app, challenge, Some(by.account), given).await?;
        if proven.passkey.confirmed_at.is_none() {
            return Err(none().into());
        }
        Ok(Self(proven))
    }

    /// Uses it up, in the transaction that counts the try: refused where it was used before, on whichever node.
    pub async fn take(&self, app: &App, transaction: &mut Transaction) -> Result<()> {
        self.0.store(app, transaction, serde_json::json!({ "for": "activation" })).await
    }

    /// To be called once it is stored.
    pub fn taken(&self, app: &App) {
        current::changed(app, &self.0.passkey);
    }

    /// Everything that verifies it again: what was signed, by which key, and the signature (base64url; the key as SubjectPublicKeyInfo).
    pub fn told(&self) -> serde_json::Value {
        let text = |octets: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(octets);
        let key = CredentialKey::from_cose(&self.0.passkey.public_key);
        serde_json::json!({
            "passkey": self.0.passkey.id,
            "public_key": key.map(|key| text(key.spki_der())).unwrap_or_default(),
            "statement": self.0.challenge.text(),
            "authenticator_data": text(&self.0.authenticator_data),
            "client_data": text(&self.0.client_data),
            "signature": text(&self.0.signature),
        })
    }
}

/// Whether the account has a passkey that counts. A row that SQL took away leaves the account among those that owned one.
pub async fn has_confirmed(app: &App, account: AccountId) -> Result<bool> {
    Ok(of_account(app, account).await?.iter().any(|passkey| passkey.confirmed_at.is_some()))
}

/// Whether a passkey of that account was ever confirmed: removing passkeys, or their rows, never makes it easier.
pub async fn was_confirmed(app: &App, account: AccountId) -> Result<bool> {
    Ok(enrolled_since(app, account).await?.is_some())
}

fn too_many() -> RequestError {
    RequestError::conflict(
        "passkey_too_many_shown",
        format!(
            "Khóa truy cập xác nhận được từ 1 đến {MOST_SHOWN} nội dung một lần. Hãy chọn ít hơn, hoặc dùng mã xác thực."
        ),
        format!(
            "A passkey confirms 1 to {MOST_SHOWN} contents at once. Choose fewer, or give a code of the authenticator app."
        ),
    )
}

fn none() -> RequestError {
    let error = RequestError::conflict(
        "passkey_not_confirmed",
        "Tài khoản chưa có khóa truy cập nào được cán bộ an ninh xác nhận, nên chưa dùng khóa để ký được. Hãy nhập mã của ứng dụng xác thực, hoặc nhờ cán bộ an ninh xác nhận khóa ở trang Tài khoản của tôi.",
        "No passkey of this account was confirmed by a security officer, so none signs yet. Give a code of the authenticator app, or have a security officer confirm the passkey on the page My account.",
    );
    RequestError { field: Some("totp"), ..error }
}

fn other() -> RequestError {
    let error = RequestError::conflict(
        "passkey_other_content",
        "Khóa truy cập đã xác nhận một nội dung khác với nội dung đang ký. Hãy tải lại trang, xem lại rồi xác nhận lại.",
        "The passkey confirmed something else than what is being signed. Reload the page, look again and confirm once more.",
    );
    RequestError { field: Some("totp"), ..error }
}

/// Digests of one statement: a batch of fifty, with room. The challenge carries all of them, so that the statement says what is signed.
pub const MOST_SHOWN: usize = 100;
/// Octets of a client's name.
const LONGEST_CLIENT: usize = 100;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use chuky_model::instant::Instant;

    #[test]
    fn a_statement_allows_what_it_names_and_nothing_else() {
        let credential: CredentialId = "0199a7c2-1111-7000-8000-00000000abcd".parse().unwrap();
        let other: CredentialId = "0199a7c2-1111-7000-8000-00000000abce".parse().unwrap();
        let shown = [vec![1; 32], vec![2; 32]];
        let wanted = ToActivate { credential, client: "session:1", shown: &shown };
        let challenge = |wanted: &ToActivate<'_>, content: &str| {
            let at = Instant::from_unix_seconds(1_795_316_709).rfc3339();
            let text = format!(
                "chuky-passkey-v1\npurpose: activate\nsubject: {}\ncontent: {content}\naccount: \nat: {at}\nnonce: 07\n",
                wanted.subject()
            );
            Challenge::parse(&text).unwrap()
        };
        let stated = challenge(&wanted, &wanted.content());
        assert!(wanted.is_stated(&stated));
        assert!(ToActivate { shown: &shown[1..], ..wanted }.is_stated(&stated), "fewer than were shown");
        let three = [vec![1; 32], vec![3; 32]];
        let twice = [vec![1; 32], vec![1; 32]];
        for less in [
            ToActivate { shown: &twice, ..wanted },
            ToActivate { shown: &three, ..wanted },
            ToActivate { shown: &[], ..wanted },
            ToActivate { client: "session:2", ..wanted },
            ToActivate { credential: other, ..wanted },
        ] {
            assert!(!less.is_stated(&stated), "{less:?}");
        }
        let one = hex::encode(&shown[0]);
        for content in [format!("2 {one}"), one.clone(), format!("1  {one}"), String::new()] {
            assert!(!ToActivate { shown: &shown[..1], ..wanted }.is_stated(&challenge(&wanted, &content)), "{content}");
        }
    }
}
