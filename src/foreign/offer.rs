//! Registering in two steps: the certificate is judged and a text to sign is given out, sealed with what was found; the signature of that text
//! makes the row. Nothing is kept in between, so any node registers what another asked for, and each text serves once.

use super::{
    challenge::{ProofText, digest},
    content::{Content, Fit, LARGEST_FILE, uploaded, written},
    judge, name, rows,
    view::{ForeignView, viewed},
};
use crate::{
    accounts::{self, Principal},
    app::App,
    attestation,
    audit::{self, Actor, Entry, Kind},
    current,
    error::{InternalError, RequestError, RequestErrorKind, Result},
    fault,
    signing::{
        own::{self, Chosen},
        two_step::in_x509_form,
    },
    store,
};
use base64::{
    Engine,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};
use chuky_model::{
    algorithm::{HashAlgorithm, SignatureScheme},
    id::ForeignCertificateId,
    instant::Instant,
    record::{
        account::Account,
        foreign::ForeignCertificate,
        state::{ForeignCertificateState, ForeignStatus},
    },
};
use chuky_pki::{certificate::Certificate, crypto, oid};
use rand::Rng;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A certificate that somebody brings.
#[derive(Clone, Default)]
pub struct Offer {
    /// PEM, DER or base64 of DER; its issuers may follow it.
    pub certificate: Vec<u8>,
    /// Further certificates of its issuers, each as above.
    pub chain: Vec<Vec<u8>>,
    /// Revocation lists of its authorities, DER, where this service cannot fetch them.
    pub lists: Vec<Vec<u8>>,
    pub scheme: Option<SignatureScheme>,
}

/// What is to be signed, and what was found of the certificate.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ChallengeView {
    /// Goes back with the value, unread and unchanged.
    pub challenge: String,
    /// The text that is signed, in UTF-8: it says what it is, for which service, account and certificate, and until when.
    pub text: String,
    /// Base64 of the text's hash, for a key that signs digests.
    pub digest: String,
    #[schema(value_type = String)]
    pub hash: HashAlgorithm,
    #[schema(value_type = String)]
    pub scheme: SignatureScheme,
    pub common_name: String,
    pub organization: String,
    pub issuer: String,
    /// Lower-case hex.
    pub serial: String,
    /// RFC 3339.
    pub not_after: String,
    /// `good`, or `unknown` with the reason in `status_reason`.
    #[schema(value_type = String)]
    pub status: ForeignStatus,
    pub status_reason: String,
    /// `number`, `name`; `name_differs` and `stood_before` wait for somebody who decides.
    pub fit: Fit,
    /// RFC 3339.
    pub expires_at: String,
}

/// The signature of a text that was given out.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PossessionProof)]
pub struct Proof {
    pub challenge: String,
    /// Base64 of the signature value: for RSA its octets, for ECDSA DER (`Ecdsa-Sig-Value`) or r‖s.
    pub value: String,
    /// How the key signed, where that is not the challenge's way.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub scheme: Option<SignatureScheme>,
}

/// What goes from the first step to the second in the caller's hands.
#[derive(Serialize, Deserialize)]
struct Sealed {
    account: String,
    text: String,
    certificate: String,
    chain: Vec<String>,
    scheme: SignatureScheme,
    status: ForeignStatus,
    status_reason: String,
    at: Instant,
}

/// Judges a certificate, and gives out the text by which its holder shows to have its key.
pub async fn ask(app: &App, by: &Principal, offer: Offer) -> Result<ChallengeView> {
    by.in_session()?;
    // 1. A certificate that is good for signing now.
    let now = app.clock.now();
    let mut found = uploaded(&offer.certificate)?.into_iter();
    let certificate = found.next().ok_or_else(RequestError::not_found)?;
    let mut others: Vec<Certificate> = found.collect();
    for file in &offer.chain {
        others.extend(uploaded(file)?);
    }
    if others.len() > MOST_ISSUERS || offer.lists.iter().map(Vec::len).sum::<usize>() > LARGEST_LISTS {
        return Err(too_much().into());
    }
    let chosen = own::elsewhere(certificate, &others, offer.scheme, now)?;
    // 2. Up to an anchor that was recorded for this, and not revoked as far as that can be known.
    let judged = judge::admitted(app, &chosen.certificate, &others, offer.lists).await?;
    // 3. The account's person's, as far as a program can tell, and nobody else's.
    let account = account_of(app, by).await?;
    let earlier = rows::of_key(app, &chosen.certificate).await?;
    let fit = fit(app, &account, &chosen.certificate, &earlier)?;
    let (text, until) = text(app, by, &chosen.certificate, now);
    let sealed = Sealed {
        account: by.account.to_string(),
        text: text.text(),
        certificate: written(&chosen.certificate),
        chain: chosen.further.iter().map(written).collect(),
        scheme: chosen.scheme,
        status: judged.status,
        status_reason: judged.reason,
        at: now,
    };
    let subject = chosen.certificate.subject();
    Ok(ChallengeView {
        challenge: sealed.sealed(app)?,
        digest: BASE64_STANDARD.encode(digest(chosen.scheme, &sealed.text)),
        hash: chosen.scheme.hash(),
        scheme: chosen.scheme,
        common_name: subject.common_name(),
        organization: subject.organization(),
        issuer: chosen.certificate.issuer().common_name(),
        serial: hex::encode(chosen.certificate.serial_octets()),
        not_after: chosen.certificate.not_after().rfc3339(),
        status: sealed.status,
        status_reason: sealed.status_reason,
        fit,
        expires_at: until.rfc3339(),
        text: sealed.text,
    })
}

/// Registers the certificate of a text that its key signed; where its name is another, it waits for somebody who decides.
pub async fn register(app: &App, by: &Principal, proof: &Proof) -> Result<ForeignView> {
    by.in_session()?;
    // 1. What was given out to this account, signed by the certificate's key.
    let mut sealed = Sealed::opened(app, by, &proof.challenge)?;
    sealed.scheme = proof.scheme.unwrap_or(sealed.scheme);
    let chosen = sealed.chosen()?;
    let now = app.clock.now();
    let text = ProofText::parse(&sealed.text).filter(|text| text.is_good_at(now)).ok_or_else(expired)?;
    own::elsewhere(chosen.certificate.clone(), &[], Some(chosen.scheme), now)?;
    let value = signed(&sealed, &chosen, &proof.value)?;
    // 2. Whose it is, as things are now.
    let account = account_of(app, by).await?;
    let earlier = rows::of_key(app, &chosen.certificate).await?;
    let fit = fit(app, &account, &chosen.certificate, &earlier)?;
    // 3. The row with its MAC and its audit entries.
    let id = ForeignCertificateId(Uuid::now_v7());
    let content = Content {
        certificate: sealed.certificate.clone(),
        chain: sealed.chain.clone(),
        scheme: sealed.scheme,
        text: sealed.text.clone(),
        value: BASE64_STANDARD.encode(value),
        fit,
        status_reason: sealed.status_reason.clone(),
    };
    let state = if fit.is_settled() { ForeignCertificateState::Registered } else { ForeignCertificateState::Waiting };
    let mut row = ForeignCertificate {
        id,
        account_id: by.account,
        state,
        fingerprint: chosen.certificate.fingerprint().to_vec(),
        key_hash: rows::key_hash(&chosen.certificate),
        content: content.seal(app, id)?,
        content_digest: rows::digest(app, id, &account, &content)?.to_vec(),
        not_after: chosen.certificate.not_after(),
        status: sealed.status,
        status_at: sealed.at,
        created_at: now,
        decided_by: None,
        decided_at: None,
        refusal_reason: None,
        ended_by: None,
        ended_at: None,
        version: 1,
        mac: Vec::new(),
    };
    attestation::attest(&*app.tokens.subscribers, &mut row).await?;
    let mut transaction = app.store.begin().await?;
    let used = app.vault.lookup("foreign_challenge", &text.nonce);
    let ends = Instant::parse_rfc3339(&text.until).unwrap_or(now);
    match transaction.use_passkey_challenge(&used, ends, now).await {
        Err(store::Error::Conflict(_)) => return Err(used_before().into()),
        other => other?,
    }
    match transaction.insert_foreign_certificate(&row).await {
        Err(store::Error::Conflict(_)) => return Err(rows::key_taken().into()),
        other => other?,
    }
    let actor = Actor::Account(by.account);
    let kind = if fit.is_settled() { Kind::ForeignRegistered } else { Kind::ForeignOffered };
    let told = serde_json::json!({
        "account": by.account, "fingerprint": hex::encode(&row.fingerprint), "fit": fit, "status": row.status,
        "text": hex::encode(crypto::sha256(sealed.text.as_bytes())),
    });
    audit::record(&mut transaction, Entry::of_row(now, kind, actor, &row).with(told)).await?;
    rows::record_key(app, &mut transaction, (now, actor), &row).await?;
    fault::point("foreign_before_commit");
    transaction.commit().await?;
    viewed(app, by, &row).await
}

/// How far a certificate fits an account's person. Refused where it holds another's number, and where its key stands with somebody.
fn fit(app: &App, account: &Account, certificate: &Certificate, earlier: &[ForeignCertificate]) -> Result<Fit> {
    rows::check_free(account.id, earlier, certificate)?;
    let subject = certificate.subject();
    let numbers = name::personal_numbers(subject.values(&oid::USER_ID));
    let is_theirs =
        |number: &&str| account.person_lookup.as_deref() == Some(app.vault.lookup("person", number).as_slice());
    if !numbers.iter().all(is_theirs) && account.person_lookup.is_some() {
        return Err(another_person().into());
    }
    // Whatever was taken from somebody, or was refused, does not come back unseen.
    if earlier.iter().any(|row| row.account_id != account.id || row.ended_by != Some(account.id)) {
        return Ok(Fit::StoodBefore);
    }
    let display_name = accounts::display_name(app, account)?;
    let same = name::compare(&display_name, &subject.common_name()) == name::NameFit::Same;
    Ok(match (same, numbers.is_empty(), account.person_lookup.is_some()) {
        (true, false, true) => Fit::Number,
        (true, true, true) => Fit::Name,
        // Of an account whose person nobody knows a name alone says too little.
        _ => Fit::NameDiffers,
    })
}

fn text(app: &App, by: &Principal, certificate: &Certificate, now: Instant) -> (ProofText, Instant) {
    let mut nonce = [0_u8; 32];
    rand::rng().fill_bytes(&mut nonce);
    let until = Instant::from_unix_seconds(now.plus_seconds(CHALLENGE_SECONDS).unix_seconds());
    let text = ProofText {
        service: app.settings.public_url.trim_end_matches('/').to_owned(),
        account: by.login.clone(),
        certificate: hex::encode(certificate.fingerprint()),
        nonce: hex::encode(nonce),
        until: until.rfc3339(),
    };
    (text, until)
}

/// The value in its X.509 form, where the certificate's key made it over the text.
fn signed(sealed: &Sealed, chosen: &Chosen, value: &str) -> Result<Vec<u8>> {
    let packed: String = value.split_whitespace().collect();
    let octets = (packed.len() <= LONGEST_VALUE).then(|| BASE64_STANDARD.decode(packed).ok()).flatten();
    let octets = octets.filter(|octets| !octets.is_empty()).ok_or_else(value_malformed)?;
    let digest = digest(sealed.scheme, &sealed.text);
    let octets = in_x509_form(chosen, &digest, octets)?;
    let key = chosen.certificate.public_key().map_err(|error| InternalError::Pki(error.to_string()))?;
    if key.verify_digest(sealed.scheme.into(), &digest, &octets).is_err() {
        return Err(not_proved().into());
    }
    Ok(octets)
}

async fn account_of(app: &App, by: &Principal) -> Result<Account> {
    let account = current::row_by_log(app, || app.store.account_by_id(by.account)).await?;
    Ok(account.ok_or_else(RequestError::not_found)?)
}

impl Sealed {
    fn sealed(&self, app: &App) -> Result<String> {
        let plain = serde_json::to_vec(self).map_err(|error| InternalError::other(error.to_string()))?;
        Ok(BASE64_URL_SAFE_NO_PAD.encode(app.vault.seal(PLACE, "", &plain)?))
    }

    fn opened(app: &App, by: &Principal, text: &str) -> Result<Self> {
        let text = text.trim();
        let sealed = (text.len() <= LONGEST_CHALLENGE).then(|| BASE64_URL_SAFE_NO_PAD.decode(text).ok()).flatten();
        let plain = app.vault.open(PLACE, "", &sealed.ok_or_else(not_given)?).map_err(|_| not_given())?;
        let opened: Self = serde_json::from_slice(&plain).map_err(|_| not_given())?;
        if opened.account != by.account.to_string() {
            return Err(not_given().into());
        }
        Ok(opened)
    }

    fn chosen(&self) -> Result<Chosen> {
        let certificate = uploaded(self.certificate.as_bytes())?.into_iter().next().ok_or_else(not_given)?;
        Ok(Chosen { key: 0, asks_each_time: false, scheme: self.scheme, certificate, further: Vec::new() })
    }
}

fn not_given() -> RequestError {
    RequestError::invalid(
        "challenge",
        "challenge_invalid",
        "Thử thách không nguyên vẹn hoặc không phải cấp cho tài khoản này. Hãy bắt đầu đăng ký lại.",
        "The challenge is not as it was given out, or not this account's. Begin again.",
    )
}

fn expired() -> RequestError {
    let error = RequestError::conflict(
        "challenge_expired",
        "Đã quá thời hạn ký thử thách. Hãy bắt đầu đăng ký lại.",
        "The time to sign the challenge is over. Begin again.",
    );
    RequestError { field: Some("challenge"), ..error }
}

fn used_before() -> RequestError {
    RequestError::conflict(
        "challenge_used",
        "Thử thách này đã dùng rồi. Hãy bắt đầu đăng ký lại.",
        "This challenge was used before. Begin again.",
    )
}

fn value_malformed() -> RequestError {
    RequestError::invalid(
        "value",
        "value_malformed",
        "Giá trị chữ ký phải ở dạng base64. Hãy dán nguyên dòng mà lệnh ký in ra.",
        "The signature value is base64. Paste the whole line that the command printed.",
    )
}

fn not_proved() -> RequestError {
    RequestError::invalid(
        "value",
        "possession_not_proved",
        "Chữ ký không khớp với thử thách và khóa của chứng thư: chưa chứng minh được bạn giữ khóa. Hãy ký đúng thử thách đang hiện bằng đúng thiết bị.",
        "The signature does not fit the challenge and the certificate's key, so possession is not proved. Sign the challenge that is shown, with that token.",
    )
}

fn another_person() -> RequestError {
    let error = RequestError::new(
        RequestErrorKind::Forbidden,
        "certificate_of_another_person",
        "Số định danh trong chứng thư là của người khác nên không đăng ký được cho tài khoản này.",
        "The personal number in the certificate is another person's, so it cannot be registered for this account.",
    );
    RequestError { field: Some("certificate"), ..error }
}

fn too_much() -> RequestError {
    RequestError::invalid(
        "chain",
        "certificates_too_many",
        "Kèm tối đa 8 chứng thư của nơi cấp và 1 MB danh sách thu hồi.",
        "At most 8 certificates of issuers and 1 MB of revocation lists come along.",
    )
}

const PLACE: &str = "foreign.challenge";
/// For signing the text with a token.
const CHALLENGE_SECONDS: i64 = 600;
const MOST_ISSUERS: usize = 8;
/// Octets of the lists that come along.
const LARGEST_LISTS: usize = 1 << 20;
/// Characters of a value in base64: of RSA 8192 there are 1,368.
const LONGEST_VALUE: usize = 2_048;
/// Characters of a sealed challenge: nine certificates, twice in base64.
const LONGEST_CHALLENGE: usize = 2 * LARGEST_FILE * 10;
