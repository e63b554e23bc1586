//! From a PIN and a second factor to signatures: the try counted, an activation opened for exactly these hashes, used once, and each signature recorded.
//! The activation secret leaves the HSM worker for the one call that uses it and is stored nowhere.

use super::{
    credential::{Signer, signer},
    factor::{Factors, Proof},
    pin::SealParameters,
    tries,
};
use crate::{
    accounts::Principal,
    app::App,
    attestation,
    audit::{self, Actor, Entry, Kind},
    current,
    error::{Error, InternalError, RequestError, Result},
    fault,
    finishing::to_its_end,
};
use chuky_hsm::{ActivationContext, Error as HsmError, KeyContext, OpenedActivation, Secret32, SignActivated};
use chuky_model::{
    algorithm::SignatureScheme,
    id::{ActivationId, CertificateId, CredentialId, DocumentId, SignatureId},
    instant::Instant,
    record::{
        credential::{Activation, ActivationHashes, Credential, Signature},
        state::ActivationState,
    },
};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// What is to be signed.
#[derive(Clone, Debug)]
pub struct Wanted {
    pub scheme: SignatureScheme,
    /// Digests of the scheme's hash, in order, each once.
    pub hashes: Vec<Vec<u8>>,
    /// The document they belong to, for the record.
    pub document: Option<DocumentId>,
    /// Digests of what the signer was shown, which a passkey must have stated; none where no passkey serves.
    pub shown: Vec<Vec<u8>>,
}

/// An open activation with the secret that uses it.
#[derive(Debug)]
pub struct Activated {
    pub context: ActivationContext,
    pub(super) secret: Secret32,
    pub(super) key: KeyContext,
    pub(super) certificate: CertificateId,
    pub(super) document: Option<DocumentId>,
}

/// The whole way for hashes that are signed at once: PIN and second factor checked, activation opened and used. One signature for each hash, in order:
/// DER `Ecdsa-Sig-Value` or RSA octets.
pub async fn sign_hashes(
    app: &App,
    by: &Principal,
    credential: CredentialId,
    factors: &Factors,
    wanted: Wanted,
) -> Result<Vec<Vec<u8>>> {
    let signer = signer(app, by, credential).await?;
    let activated = open_activation(app, by, &signer, factors, wanted).await?;
    use_activation(app, by, &activated).await
}

/// Counts a try, checks the PIN and opens an activation for exactly these hashes. A try that is counted also comes to its end where the
/// caller hangs up: a wrong last one locks, a right one forgives.
pub async fn open_activation(
    app: &App,
    by: &Principal,
    signer: &Signer,
    factors: &Factors,
    wanted: Wanted,
) -> Result<Activated> {
    open(app, by, signer, factors, wanted, None).await
}

/// Signatures that later calls ask for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Later {
    /// How many, of whatever of the hashes.
    pub(super) count: usize,
    /// The time that is kept with the hashes.
    pub(super) at: Instant,
}

/// The same; for signatures of later calls the hashes are kept.
pub(super) async fn open(
    app: &App,
    by: &Principal,
    signer: &Signer,
    factors: &Factors,
    wanted: Wanted,
    later: Option<Later>,
) -> Result<Activated> {
    // 1. Nothing is counted for what cannot be signed, nor while the HSM is away.
    check(app, signer, &wanted)?;
    let (app, by, signer, factors) = (app.clone(), by.clone(), signer.clone(), factors.clone());
    // On the heap: what is awaited here is large, and callers hold it on their stacks.
    to_its_end(async move { Box::pin(opened(&app, (&by, &signer), &factors, wanted, later)).await }).await
}

async fn opened(
    app: &App,
    (by, signer): (&Principal, &Signer),
    factors: &Factors,
    wanted: Wanted,
    later: Option<Later>,
) -> Result<Activated> {
    // 2. The second factor judged; the try, with its proof taken, counted and under a signed audit head before it is made.
    fault::point("sign.before_count");
    let (counted, proof) = Box::pin(counted(app, (by, signer), factors, &wanted.shown)).await?;
    fault::point("sign.after_count");
    // 3. The PIN, stretched here, decides in the HSM worker.
    let stretched = app.stretcher.stretch(&factors.pin, &SealParameters::of(&counted)?).await?;
    let secret = match proof {
        // Behind a wrong factor no PIN is right: what opens nothing is tried in its place, for the same answer in the same time.
        Proof::Wrong => Secret32::random(),
        _ => stretched,
    };
    let context = ActivationContext {
        activation_id: app.tokens.subscribers.activation_id(),
        hashes: wanted.hashes,
        scheme: wanted.scheme,
        client: by.client.clone(),
        expires: app.clock.now().plus_seconds(ACTIVATION_SECONDS),
    };
    let key = KeyContext { key_id: counted.id, owner: counted.account_id };
    let now = app.clock.now();
    let opened = app.tokens.subscribers.open_activation(&counted.sealed_key, &key, &secret, &context, now).await;
    let opened = tries::answered(app, by, (&counted, &proof), opened).await?;
    fault::point("sign.pin_checked");
    // 4. Tries forgiven and the activation's row, in one transaction.
    store_opened(app, by, (&counted, &proof), (&context, &opened), later).await?;
    fault::point("sign.activated");
    Ok(Activated { context, secret: opened.secret, key, certificate: signer.row.id, document: wanted.document })
}

/// The counted try with the proof that was taken with it. Judged again where the account's row, or the passkey's, changed meanwhile: a
/// stranger's log-in at the same moment must not stand in the holder's way.
async fn counted(
    app: &App,
    (by, signer): (&Principal, &Signer),
    factors: &Factors,
    shown: &[Vec<u8>],
) -> Result<(Credential, Proof)> {
    for _ in 0..tries::CHANGES_AT_ONCE {
        let proof = Proof::judge(app, by, signer, factors, shown).await?;
        match Box::pin(tries::count(app, by, signer.credential.id, &proof)).await {
            Err(Error::Request(refused)) if refused.code == RequestError::overtaken().code => {}
            other => return Ok((other?, proof)),
        }
    }
    Err(RequestError::try_again().into())
}

/// Uses an activation for all its hashes, once: its row is used up before the HSM signs, so that a crash costs a signature and never
/// makes two.
pub async fn use_activation(app: &App, by: &Principal, activated: &Activated) -> Result<Vec<Vec<u8>>> {
    let context = &activated.context;
    // 1. The row as it was stored, open, for these hashes and this client, and by the audit log never used.
    let mut row = open_row(app, by, context).await?;
    // 2. Used up by compare-and-swap.
    let blob = std::mem::take(&mut row.sealed_key);
    row.used_count = row.hash_count;
    row.state = ActivationState::Used;
    attestation::attest_change(&*app.tokens.subscribers, &mut row).await?;
    let mut transaction = app.store.begin().await?;
    match transaction.update_activation(&row).await {
        Err(crate::store::Error::Stale) => return Err(used().into()),
        other => other?,
    }
    let entry = Entry::of_row(app.clock.now(), Kind::ActivationUsed, Actor::Account(by.account), &row);
    audit::record(&mut transaction, entry.with(serde_json::json!({ "count": row.hash_count }))).await?;
    transaction.commit().await?;
    fault::point("sign.used");
    // 3. The HSM signs; its worker refuses anything but these hashes.
    let call = SignActivated {
        blob,
        key: activated.key.clone(),
        activation: context.clone(),
        secret: activated.secret.clone(),
        hashes: context.hashes.clone(),
        now: app.clock.now(),
    };
    let signed = app.tokens.subscribers.sign_activated(call).await;
    fault::point("sign.signed");
    // The handle is of no further use, whatever came of it; it would die by itself at the activation's end.
    let closed = app.tokens.subscribers.close_activation(context.activation_id).await;
    if let Err(error) = closed {
        tracing::warn!(event = "activation_not_closed", activation = %context.activation_id, %error);
    }
    let signatures = signed.map_err(hsm_error)?;
    // 4. Each signature on record.
    record(app, by, activated, row.credential_id, &context.hashes).await?;
    fault::point("sign.recorded");
    Ok(signatures)
}

/// Closes activations that ended unused. The worker loop calls it; how many were closed.
pub async fn close_expired(app: &App) -> Result<usize> {
    let expired = app.store.expired_activations(app.clock.now(), CLOSED_AT_ONCE).await?;
    let mut closed = 0;
    for row in expired {
        // A forged row was logged as an alarm; it opens nothing, and must not keep the others.
        let Ok(row) = attestation::check(&*app.tokens.subscribers, row).await else { continue };
        if store_closed(app, Actor::Service, row).await? {
            closed += 1;
        }
    }
    Ok(closed)
}

/// Closes an activation before its end: nothing is signed with it from then on, and its secret is worth nothing. One that is unknown, over
/// or another client's stays as it is.
pub async fn close_activation(app: &App, by: Actor, id: ActivationId, client: &str) -> Result<()> {
    for _ in 0..tries::CHANGES_AT_ONCE {
        let row = current::row_by_log(app, || app.store.activation_by_id(id)).await?;
        let Some(row) = row.filter(|row| row.client == client && row.state == ActivationState::Open) else {
            return Ok(());
        };
        if store_closed(app, by, row).await? {
            // The handle would die by itself at the activation's end.
            if let Err(error) = app.tokens.subscribers.close_activation(id).await {
                tracing::warn!(event = "activation_not_closed", activation = %id, %error);
            }
            return Ok(());
        }
    }
    Err(RequestError::try_again().into())
}

/// Stores a row as closed; `false` where somebody else changed it in this moment.
async fn store_closed(app: &App, by: Actor, mut row: Activation) -> Result<bool> {
    row.state = ActivationState::Closed;
    row.sealed_key = Vec::new();
    attestation::attest_change(&*app.tokens.subscribers, &mut row).await?;
    let mut transaction = app.store.begin().await?;
    match transaction.update_activation(&row).await {
        Err(crate::store::Error::Stale) => return Ok(false),
        other => other?,
    }
    audit::record(&mut transaction, Entry::of_row(app.clock.now(), Kind::ActivationClosed, by, &row)).await?;
    transaction.commit().await?;
    current::changed(app, &row);
    Ok(true)
}

fn check(app: &App, signer: &Signer, wanted: &Wanted) -> Result<()> {
    if !wanted.scheme.fits(signer.credential.algorithm) {
        return Err(RequestError::invalid(
            "scheme",
            "scheme_unfit",
            "Thuật toán ký không hợp với khóa của chữ ký này.",
            "The signature algorithm does not fit this credential's key.",
        )
        .into());
    }
    let length = wanted.scheme.hash().length();
    let distinct: std::collections::HashSet<&Vec<u8>> = wanted.hashes.iter().collect();
    let whole = wanted.hashes.iter().all(|hash| hash.len() == length) && distinct.len() == wanted.hashes.len();
    if !whole || wanted.hashes.is_empty() || wanted.hashes.len() > MOST_HASHES {
        return Err(hashes_invalid().into());
    }
    Ok(tries::ready(app)?)
}

/// A list of hashes that nothing is signed of.
pub fn hashes_invalid() -> RequestError {
    RequestError::invalid(
        "hashes",
        "hashes_invalid",
        "Danh sách giá trị băm trống, quá dài, trùng lặp hoặc sai độ dài.",
        "The list of hashes is empty, too long, repeats itself, or a hash has the wrong length.",
    )
}

async fn store_opened(
    app: &App,
    by: &Principal,
    (counted, proof): (&Credential, &Proof),
    (context, opened): (&ActivationContext, &OpenedActivation),
    later: Option<Later>,
) -> Result<()> {
    let signatures = later.map_or(context.hashes.len(), |later| later.count);
    let kept = later.map(|later| ActivationHashes {
        activation_id: context.activation_id,
        hashes: context.hashes.concat(),
        taken: vec![0; later.count],
        created_at: later.at,
    });
    let now = app.clock.now();
    let mut row = Activation {
        id: context.activation_id,
        credential_id: counted.id,
        client: context.client.clone(),
        sealed_key: opened.blob.clone(),
        hashes_digest: hashes_digest(context).to_vec(),
        hash_count: i64::try_from(signatures).unwrap_or(i64::MAX),
        used_count: 0,
        expires_at: context.expires,
        state: ActivationState::Open,
        created_at: now,
        version: 1,
        mac: Vec::new(),
    };
    attestation::attest(&*app.tokens.subscribers, &mut row).await?;
    for _ in 0..tries::CHANGES_AT_ONCE {
        let mut forgiven = tries::forgive(app, by, counted.id).await?;
        // Only the seal that was opened is followed by its renewed one; a PIN that was changed meanwhile has its own.
        let renewed = opened.resealed.as_ref().filter(|_| forgiven.sealed_key == counted.sealed_key);
        let kind = match renewed {
            Some(sealed) => {
                forgiven.sealed_key = sealed.blob.clone();
                forgiven.pepper_version = i64::from(sealed.pepper_version);
                Kind::CredentialResealed
            }
            None => Kind::PinAccepted,
        };
        attestation::attest_change(&*app.tokens.subscribers, &mut forgiven).await?;
        let mut transaction = app.store.begin().await?;
        match transaction.update_credential(&forgiven).await {
            Err(crate::store::Error::Stale) => continue,
            other => other?,
        }
        let accepted = Entry::of_row(now, kind, Actor::Account(by.account), &forgiven);
        let content = serde_json::json!({ "pepper": forgiven.pepper_version });
        audit::record(&mut transaction, accepted.with(content)).await?;
        transaction.insert_activation(&row).await?;
        if let Some(kept) = &kept {
            transaction.insert_activation_hashes(kept).await?;
        }
        let entry = Entry::of_row(now, Kind::ActivationOpened, Actor::Account(by.account), &row);
        let content = serde_json::json!({
            "credential": counted.id, "hashes": hex::encode(&row.hashes_digest), "count": row.hash_count,
            "factor": proof.told(),
        });
        audit::record(&mut transaction, entry.with(content)).await?;
        transaction.commit().await?;
        return Ok(());
    }
    Err(RequestError::try_again().into())
}

async fn open_row(app: &App, by: &Principal, context: &ActivationContext) -> Result<Activation> {
    let row = current::row_by_log(app, || app.store.activation_by_id(context.activation_id)).await?;
    let row = row.filter(|row| row.client == by.client).ok_or_else(RequestError::not_found)?;
    if row.state != ActivationState::Open || row.used_count != 0 {
        return Err(used().into());
    }
    if row.hashes_digest != hashes_digest(context) || row.expires_at != context.expires {
        return Err(InternalError::RowForged { table: "activation" }.into());
    }
    Ok(row)
}

/// Puts the signatures over these digests on record.
pub(super) async fn record(
    app: &App,
    by: &Principal,
    activated: &Activated,
    credential: CredentialId,
    digests: &[Vec<u8>],
) -> Result<()> {
    let now = app.clock.now();
    let mut transaction = app.store.begin().await?;
    for digest in digests {
        let signature = Signature {
            id: SignatureId(Uuid::now_v7()),
            credential_id: credential,
            activation_id: activated.context.activation_id,
            certificate_id: activated.certificate,
            document_id: activated.document,
            digest: digest.clone(),
            created_at: now,
        };
        transaction.insert_signature(&signature).await?;
    }
    let entry = Entry::new(now, Kind::SignaturesMade, Actor::Account(by.account), format!("credential:{credential}"));
    let content = serde_json::json!({
        "activation": activated.context.activation_id, "document": activated.document,
        "hashes": hex::encode(hashes_digest(&activated.context)), "count": digests.len(),
    });
    audit::record(&mut transaction, entry.with(content)).await?;
    Ok(transaction.commit().await?)
}

/// SHA-256 over scheme and ordered hashes, each with its length.
pub(super) fn hashes_digest(context: &ActivationContext) -> [u8; 32] {
    let mut hasher = Sha256::new();
    hasher.update(format!("{:?}", context.scheme).as_bytes());
    for hash in &context.hashes {
        hasher.update((hash.len() as u64).to_be_bytes());
        hasher.update(hash);
    }
    hasher.finalize().into()
}

pub(super) fn hsm_error(error: HsmError) -> crate::error::Error {
    match error {
        HsmError::Tampered { what } => {
            tracing::error!(event = "row_forged", table = "credential", what);
            InternalError::RowForged { table: "credential" }.into()
        }
        HsmError::AlreadySigned => used().into(),
        HsmError::Expired => RequestError::conflict(
            "activation_expired",
            "Đã quá thời gian ký. Hãy nhập lại mã PIN.",
            "The time for signing is over. Enter the PIN again.",
        )
        .into(),
        other => other.into(),
    }
}

pub(super) fn used() -> RequestError {
    RequestError::conflict(
        "activation_used",
        "Lượt ký này đã được dùng. Hãy nhập lại mã PIN để ký lần nữa.",
        "This activation has been used. Enter the PIN again to sign once more.",
    )
}

/// How long an activation lasts, in seconds: a batch on a slow network HSM.
pub(super) const ACTIVATION_SECONDS: i64 = 300;
/// Hashes of one activation: a clerk's largest batch, and seven digests for each of a thousand signatures of the signing API.
const MOST_HASHES: usize = 7_000;
/// Expired activations closed in one round.
const CLOSED_AT_ONCE: i64 = 100;
