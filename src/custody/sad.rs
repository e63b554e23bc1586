//! Signature activation data (CSC API: SAD): an activation whose signatures later calls ask for, one by one or together. The data is the
//! activation's secret and its name; it is handed to the client once and stored nowhere. What it may sign, how often, for which client
//! and until when was fixed when the PIN was entered, and is held by row, audit log and HSM worker alike.

use super::{
    activation::{self, Activated, Later, Wanted, hashes_digest, hsm_error},
    credential::Signer,
    factor::Factors,
    tries::CHANGES_AT_ONCE,
};
use crate::{
    accounts::Principal,
    app::App,
    attestation,
    audit::{self, Actor, Entry, Kind},
    current,
    error::{InternalError, RequestError, RequestErrorKind, Result},
    fault,
    store::Error as StoreError,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chuky_hsm::{ActivationContext, Error as HsmError, KeyContext, Secret32, SignActivated};
use chuky_model::{
    algorithm::SignatureScheme,
    id::{ActivationId, CredentialId},
    instant::Instant,
    record::{
        credential::{Activation, ActivationHashes},
        state::ActivationState,
    },
};
use std::collections::HashMap;
use uuid::Uuid;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// Signature activation data as text. It wipes itself and cannot be printed.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Sad(String);

impl Sad {
    /// As a client sent it.
    pub fn enter(text: &str) -> Self {
        Self(text.chars().take(LONGEST_TEXT).collect())
    }

    /// The text for the client.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// The activation that it names, where it is activation data at all.
    pub fn activation(&self) -> Option<ActivationId> {
        self.parts().map(|(id, _)| id)
    }

    fn of(activated: &Activated) -> Self {
        let id = activated.context.activation_id.as_bytes().as_slice();
        let octets = Zeroizing::new([id, activated.secret.expose().as_slice()].concat());
        Self(URL_SAFE_NO_PAD.encode(octets.as_slice()))
    }

    fn parts(&self) -> Option<(ActivationId, Secret32)> {
        let octets = Zeroizing::new(URL_SAFE_NO_PAD.decode(&self.0).ok()?);
        let (id, secret) = octets.split_at_checked(16)?;
        Some((ActivationId(Uuid::from_slice(id).ok()?), Secret32::new(secret.try_into().ok()?)))
    }
}

impl std::fmt::Debug for Sad {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sad(…)")
    }
}

/// Checks the PIN and the second factor, as one counted try, and allows `count` signatures. There may be several digests for each signature (the same document
/// in several forms): they stand in rows of `count`, and one of each column is signed. `at` is given back to whoever signs.
pub async fn authorize(
    app: &App,
    by: &Principal,
    signer: &Signer,
    factors: &Factors,
    (digests, shown): (Vec<Vec<u8>>, Vec<Vec<u8>>),
    (count, at): (usize, Instant),
) -> Result<Sad> {
    let scheme = signer.credential.algorithm.default_scheme();
    let wanted = Wanted { scheme, hashes: digests, document: None, shown };
    let activated = activation::open(app, by, signer, factors, wanted, Some(Later { count, at })).await?;
    Ok(Sad::of(&activated))
}

/// Signs digests that the data allows with the credential that was just looked up, each once: DER `Ecdsa-Sig-Value` or RSA octets, in order. `choose` is told the time of the
/// authorization and gives the digests, with whatever it needs to go on.
pub async fn sign_authorized<T>(
    app: &App,
    by: &Principal,
    signer: &Signer,
    sad: &Sad,
    choose: impl Fn(Instant) -> Result<(Vec<Vec<u8>>, T)>,
) -> Result<(Vec<Vec<u8>>, T)> {
    let (id, secret) = sad.parts().ok_or_else(unknown)?;
    let credential = signer.credential.id;
    for _ in 0..CHANGES_AT_ONCE {
        // 1. The row as it was stored: of this credential and client, open, with signatures left.
        let Some((mut row, kept)) = authorized(app, by, credential, id).await? else { continue };
        let scheme = signer.credential.algorithm.default_scheme();
        let activated = rebuilt(&row, &kept, scheme, &secret, signer)?;
        // 2. What is to be signed, each digest once.
        let (digests, more) = choose(kept.created_at)?;
        let taken = taken_after(&activated.context.hashes, &kept.taken, &digests)?;
        // 3. Taken by compare-and-swap, before the HSM signs: a crash costs signatures and never makes two.
        let blob = row.sealed_key.clone();
        row.used_count = row.used_count.saturating_add(i64::try_from(digests.len()).unwrap_or(i64::MAX));
        if row.used_count >= row.hash_count {
            row.state = ActivationState::Used;
            row.sealed_key = Vec::new();
        }
        attestation::attest_change(&*app.tokens.subscribers, &mut row).await?;
        let mut transaction = app.store.begin().await?;
        match transaction.update_activation(&row).await {
            Err(StoreError::Stale) => continue,
            other => other?,
        }
        match transaction.take_activation_hashes(id, &kept.taken, &taken).await {
            Err(StoreError::Stale) => return Err(InternalError::RowForged { table: "activation_hashes" }.into()),
            other => other?,
        }
        let entry = Entry::of_row(app.clock.now(), Kind::ActivationUsed, Actor::Account(by.account), &row);
        let content = serde_json::json!({ "count": digests.len(), "client": by.client });
        audit::record(&mut transaction, entry.with(content)).await?;
        transaction.commit().await?;
        fault::point("sign.used");
        // 4. Signed and put on record.
        let signatures = sign(app, &activated, blob, &digests, row.state).await?;
        activation::record(app, by, &activated, credential, &digests).await?;
        return Ok((signatures, more));
    }
    Err(RequestError::try_again().into())
}

/// How long activation data is good, in seconds.
pub const SAD_SECONDS: i64 = activation::ACTIVATION_SECONDS;
/// After how many seconds the worker loop forgets the hashes of an activation.
pub const HASHES_KEPT_SECONDS: i64 = 86_400;

/// The row and its hashes, which are read one after the other: nothing where another call took some of them in between.
async fn authorized(
    app: &App,
    by: &Principal,
    credential: CredentialId,
    id: ActivationId,
) -> Result<Option<(Activation, ActivationHashes)>> {
    let row = current::row_by_log(app, || app.store.activation_by_id(id)).await?;
    let own = |row: &Activation| row.client == by.client && row.credential_id == credential;
    let row = row.filter(own).ok_or_else(unknown)?;
    let kept = app.store.activation_hashes(id).await?.ok_or_else(unknown)?;
    if row.state == ActivationState::Used {
        return Err(activation::used().into());
    }
    if row.state != ActivationState::Open || row.expires_at <= app.clock.now() {
        return Err(expired().into());
    }
    if !counted(&row, &kept) {
        let now = app.store.activation_by_id(id).await?.ok_or_else(unknown)?;
        if now.version != row.version {
            return Ok(None);
        }
    }
    Ok(Some((row, kept)))
}

/// As many marks as the row has signatures, and as many of them set as it has used.
fn counted(row: &Activation, kept: &ActivationHashes) -> bool {
    let marks = i64::try_from(kept.taken.iter().filter(|mark| **mark != 0).count()).unwrap_or(i64::MAX);
    i64::try_from(kept.taken.len()) == Ok(row.hash_count) && marks == row.used_count
}

/// The activation as it was opened, out of its rows; its digest under the row's MAC tells whether the hashes are those.
fn rebuilt(
    row: &Activation,
    kept: &ActivationHashes,
    scheme: SignatureScheme,
    secret: &Secret32,
    signer: &Signer,
) -> Result<Activated> {
    let hashes = kept.hashes.chunks(scheme.hash().length()).map(<[u8]>::to_vec).collect();
    let context = ActivationContext {
        activation_id: row.id,
        hashes,
        scheme,
        client: row.client.clone(),
        expires: row.expires_at,
    };
    if row.hashes_digest != hashes_digest(&context) || !counted(row, kept) {
        tracing::error!(event = "row_forged", table = "activation_hashes", activation = %row.id);
        return Err(InternalError::RowForged { table: "activation_hashes" }.into());
    }
    Ok(Activated {
        context,
        secret: secret.clone(),
        key: KeyContext { key_id: signer.credential.id, owner: signer.credential.account_id },
        certificate: signer.row.id,
        document: None,
    })
}

/// The marks once these digests are signed.
fn taken_after(hashes: &[Vec<u8>], taken: &[u8], digests: &[Vec<u8>]) -> Result<Vec<u8>, RequestError> {
    let mut marks = taken.to_vec();
    let places: HashMap<&[u8], usize> =
        hashes.iter().enumerate().map(|(place, hash)| (hash.as_slice(), place)).collect();
    for digest in digests {
        let place = places.get(digest.as_slice()).copied().ok_or_else(not_authorized)?;
        let column = place.checked_rem(marks.len()).ok_or_else(not_authorized)?;
        match marks.get_mut(column) {
            Some(mark) if *mark == 0 => *mark = 1,
            Some(_) => return Err(activation::used()),
            None => return Err(not_authorized()),
        }
    }
    if digests.is_empty() { Err(not_authorized()) } else { Ok(marks) }
}

async fn sign(
    app: &App,
    activated: &Activated,
    blob: Vec<u8>,
    digests: &[Vec<u8>],
    state: ActivationState,
) -> Result<Vec<Vec<u8>>> {
    let context = &activated.context;
    let call = SignActivated {
        blob,
        key: activated.key.clone(),
        activation: context.clone(),
        secret: activated.secret.clone(),
        hashes: digests.to_vec(),
        now: app.clock.now(),
    };
    let signed = app.tokens.subscribers.sign_activated(call).await;
    fault::point("sign.signed");
    if state == ActivationState::Used
        && let Err(error) = app.tokens.subscribers.close_activation(context.activation_id).await
    {
        tracing::warn!(event = "activation_not_closed", activation = %context.activation_id, %error);
    }
    signed.map_err(|error| match error {
        HsmError::WrongSecret => unknown().into(),
        HsmError::Expired => expired().into(),
        error => hsm_error(error),
    })
}

fn unknown() -> RequestError {
    RequestError::new(
        RequestErrorKind::Invalid,
        "sad_invalid",
        "Dữ liệu kích hoạt chữ ký (SAD) không đúng. Hãy xin ủy quyền ký lại.",
        "The signature activation data (SAD) is not valid. Authorize the signatures again.",
    )
}

fn expired() -> RequestError {
    RequestError::new(
        RequestErrorKind::Invalid,
        "sad_expired",
        "Dữ liệu kích hoạt chữ ký (SAD) đã hết hạn. Hãy xin ủy quyền ký lại.",
        "The signature activation data (SAD) has expired. Authorize the signatures again.",
    )
}

fn not_authorized() -> RequestError {
    RequestError::new(
        RequestErrorKind::Invalid,
        "hash_not_authorized",
        "Giá trị băm này không nằm trong những gì đã được ủy quyền ký.",
        "This hash is not among those that were authorized.",
    )
}

/// Characters of the longest text that is looked at; the data has 64.
const LONGEST_TEXT: usize = 128;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn hashes(octets: &[u8]) -> Vec<Vec<u8>> {
        octets.iter().map(|octet| vec![*octet; 32]).collect()
    }

    #[test]
    fn one_of_each_column_is_signed_once() {
        // Two documents, each in two forms.
        let all = hashes(&[1, 2, 11, 12]);
        let code = |marks: &[u8], wanted: &[u8]| taken_after(&all, marks, &hashes(wanted)).map_err(|error| error.code);
        assert_eq!(code(&[0, 0], &[1]), Ok(vec![1, 0]));
        assert_eq!(code(&[0, 0], &[12, 1]), Ok(vec![1, 1]));
        assert_eq!(code(&[1, 0], &[11]), Err("activation_used"));
        assert_eq!(code(&[0, 0], &[1, 11]), Err("activation_used"));
        assert_eq!(code(&[0, 0], &[1, 1]), Err("activation_used"));
        assert_eq!(code(&[0, 0], &[3]), Err("hash_not_authorized"));
        assert_eq!(code(&[0, 0], &[]), Err("hash_not_authorized"));
    }

    #[test]
    fn only_whole_activation_data_is_read() {
        assert!(Sad::enter(&URL_SAFE_NO_PAD.encode([7; 48])).parts().is_some());
        for text in ["", "AAAA", "not base64!", &URL_SAFE_NO_PAD.encode([7; 47]), &"A".repeat(5_000)] {
            assert!(Sad::enter(text).parts().is_none(), "{text}");
        }
        assert_eq!(format!("{:?}", Sad::enter("secret")), "Sad(…)");
    }
}
