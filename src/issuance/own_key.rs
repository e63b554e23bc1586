//! Certificates for keys that subscribers keep on tokens of their own: an approved request redeemed with a PKCS #10 request in the place
//! of a PIN. The key is taken over from a proof of possession, judged, and never seen twice; nothing else of the request is.

use super::{
    Authority, CertifiedKey,
    certify::{self, Issuer},
    issue::{self, Holder, Issue, Proof},
    receipt, subscriber,
};
use crate::{
    app::App,
    current,
    error::{InternalError, RequestError, RequestErrorKind, Result},
    fault,
    finishing::to_its_end,
    reader::{ReaderFailure, RequestRead, RequestUnusable, Task, TaskOutput},
    registration::{
        self, ActivationCode, ReceiptKey, Redeemable,
        consent::{self, Confirmation, Confirmed},
    },
};
use chuky_model::{
    id::AccountId,
    record::{
        account::Account,
        request::{self as rows, RegistrationRequest},
    },
    text::Bilingual,
};
use chuky_pki::{
    certificate::Certificate,
    crypto::sha256,
    key::{self, KeyRefusal, Weakness},
};
use serde::Serialize;
use zeroize::Zeroizing;

/// What a subscriber with a token brings.
pub struct OwnKeyRedemption {
    /// The activation code as typed.
    pub code: Zeroizing<String>,
    pub proof: Proof,
    /// The PKCS #10 request, DER or PEM.
    pub request: Vec<u8>,
    /// What the subscriber was shown, confirms and agrees to.
    pub confirmation: Confirmation,
    /// With which the receipt is given again.
    pub key: Option<ReceiptKey>,
}

/// What a subscriber with a token gets.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct OwnKeyReceipt {
    /// Lower-case hex.
    pub serial: String,
    pub common_name: String,
    pub issuer: String,
    /// RFC 3339.
    pub not_before: String,
    pub not_after: String,
    /// The log-in name of the subscriber's account.
    pub login: String,
    #[schema(value_type = String)]
    pub account: AccountId,
    pub new_account: bool,
    /// PEM.
    pub certificate: String,
    /// Certificates of the issuing CA and the root, PEM.
    pub chain: Vec<String>,
    /// What of the request was not taken over.
    #[schema(value_type = Vec<Object>)]
    pub notices: Vec<Bilingual>,
}

/// Redeems an activation code with a certification request: a certificate without a credential, and the account of its subscriber.
/// Whoever lost the answer sends the same with the same receipt key and gets the receipt of the same certificate; `true` then.
pub async fn redeem_with_own_key(app: &App, redemption: OwnKeyRedemption) -> Result<(OwnKeyReceipt, bool)> {
    let app = app.clone();
    to_its_end(async move { redeem_now(&app, redemption).await }).await
}

async fn redeem_now(app: &App, redemption: OwnKeyRedemption) -> Result<(OwnKeyReceipt, bool)> {
    if let Some(key) = &redemption.key
        && let Some((request, _)) = receipt::done(app, &redemption.code, key).await?
    {
        let brought = read(app, redemption.request).await?;
        return Ok((again(app, &request, &brought).await?, true));
    }
    // 1. The approved request behind the code, and the key with its proof of possession.
    let Redeemable { request, details, mut code } = registration::redeemable(app, &redemption.code).await?;
    let shown = (&request, &details);
    let confirmed = Confirmed::check(app, shown, &redemption.confirmation, consent::OWN_KEY)?;
    let brought = read(app, redemption.request).await?;
    // 2. The key is one that is certified, the request was made for this code, and nobody showed the key before.
    let profile = subscriber::profile(app, request.hierarchy, details.kind)?;
    key::admit(&brought.spki, profile, &app.issuing.known_bad_keys).map_err(refused)?;
    challenge(&brought, &redemption.code)?;
    unseen(app, &brought.spki).await?;
    let authority = Authority::of(app).await?;
    let issuer = authority.issuing(request.hierarchy)?;
    let holder = Holder::proven(app, &request, &details, (&mut code, &redemption.proof)).await?;
    // 3. The serial is reserved and the intent stored; from here on a failure is taken back.
    fault::point("own_key.before_intent");
    let receipt_key = redemption.key.as_ref().map(|key| key.hash(app, &code));
    let mut issue = issue::intend(app, issuer, request, &details, (&mut code, receipt_key, confirmed)).await?;
    let (account, new_account) = (holder.account().clone(), matches!(holder, Holder::New(..)));
    let completed = complete(app, issuer, &mut issue, &brought.spki, (holder, code)).await;
    let certificate = issue::or_taken_back(app, &issue, completed).await?;
    fault::point("own_key.after_store");
    let chain = authority.chain_of(issuer)?;
    Ok((OwnKeyReceipt::of(&certificate, &chain, (&account, new_account), &brought), false))
}

impl OwnKeyReceipt {
    fn of(
        certificate: &Certificate,
        chain: &[Certificate],
        (account, new_account): (&Account, bool),
        brought: &RequestRead,
    ) -> Self {
        Self {
            serial: hex::encode(certificate.serial_octets()),
            common_name: certificate.subject().common_name(),
            issuer: certificate.issuer().common_name(),
            not_before: certificate.not_before().rfc3339(),
            not_after: certificate.not_after().rfc3339(),
            login: account.login.clone(),
            account: account.id,
            new_account,
            certificate: certificate.to_pem(),
            chain: chain.iter().map(Certificate::to_pem).collect(),
            notices: notices(brought),
        }
    }
}

/// The receipt of what was redeemed before, for the key that it was redeemed with and no other.
async fn again(app: &App, request: &RegistrationRequest, brought: &RequestRead) -> Result<OwnKeyReceipt> {
    let (row, certificate, account) = receipt::issued(app, request).await?;
    if certificate.spki_der() != brought.spki {
        return Err(other_key().into());
    }
    let earlier = current::rows(app, || app.store.certificates_of_account(account.id)).await?;
    let first = earlier.iter().map(|row| row.created_at).min() == Some(row.created_at);
    // An account that is made with a certificate is made after its request was decided.
    let new_account = first && request.decided_at.is_some_and(|decided| account.created_at >= decided);
    let authority = Authority::of(app).await?;
    let issuer = authority.by_label(&row.issuer_label);
    let chain =
        authority.chain_of(issuer.ok_or_else(|| InternalError::other("a certificate of no CA of this authority"))?)?;
    Ok(OwnKeyReceipt::of(&certificate, &chain, (&account, new_account), brought))
}

fn other_key() -> RequestError {
    RequestError::conflict(
        "idempotency_key_reused",
        "Idempotency-Key này đã dùng với một khóa công khai khác. Hãy gửi lại đúng yêu cầu cũ.",
        "This Idempotency-Key was used with another public key. Send the same request again.",
    )
}

async fn complete(
    app: &App,
    issuer: &CertifiedKey,
    issue: &mut Issue,
    spki: &[u8],
    subscriber: (Holder, rows::ActivationCode),
) -> Result<Certificate> {
    let to_be_signed = certify::linted(&issue.intent, spki)?;
    issue::mark_signing(app, issue, spki).await?;
    let signer = Issuer::of(issuer);
    let certificate = certify::signed(app, &signer, &issue.intent, spki, &to_be_signed).await?;
    issue::store(app, issue, &certificate, None, subscriber).await?;
    Ok(certificate)
}

/// Has a reader take the request apart: it is a stranger's.
async fn read(app: &App, request: Vec<u8>) -> Result<RequestRead> {
    if request.len() > LONGEST_REQUEST {
        return Err(unusable(RequestUnusable::Malformed).into());
    }
    match app.readers.run(Task::ReadRequest(request), None).await {
        Ok(TaskOutput::Request(Ok(read))) => Ok(read),
        Ok(TaskOutput::Request(Err(why))) => Err(unusable(why).into()),
        Ok(_) | Err(ReaderFailure::TimedOut(_) | ReaderFailure::Crashed(_)) => {
            Err(unusable(RequestUnusable::Malformed).into())
        }
        Err(failure @ ReaderFailure::NotStarted(_)) => {
            tracing::error!(event = "reader_not_started", error = %failure);
            Err(RequestError::try_again().into())
        }
    }
}

fn unusable(why: RequestUnusable) -> RequestError {
    let (code, vi, en) = match why {
        RequestUnusable::Malformed => (
            "request_malformed",
            "Tệp không phải là yêu cầu cấp chứng thư PKCS #10. Hãy tạo lại bằng phần mềm của thiết bị.",
            "This is not a PKCS #10 certification request. Make it again with the token's software.",
        ),
        RequestUnusable::NotProved => (
            "request_not_proved",
            "Chữ ký trong yêu cầu không khớp với khóa: chưa chứng minh được bạn giữ khóa bí mật. Hãy tạo lại yêu cầu trên thiết bị.",
            "The request's signature does not come from its key, so possession is not proved. Make the request again on the token.",
        ),
        RequestUnusable::Unsupported => (
            "key_not_admitted",
            "Loại khóa hoặc thuật toán ký của yêu cầu không được chấp nhận. Hãy dùng ECDSA P-256 hoặc RSA từ 2048 bit, với SHA-256.",
            "The request's key type or signature algorithm is not accepted. Use ECDSA P-256 or RSA of at least 2048 bits, with SHA-256.",
        ),
    };
    RequestError::invalid("request", code, vi, en)
}

fn refused(refusal: KeyRefusal) -> RequestError {
    let weakness = match refusal {
        KeyRefusal::NotAdmitted => return unusable(RequestUnusable::Unsupported),
        KeyRefusal::Weak(weakness) => weakness,
    };
    tracing::warn!(event = "weak_key_refused", weakness = weakness.name());
    let vi = match weakness {
        Weakness::ShortModulus => "khóa RSA ngắn hơn 2048 bit",
        Weakness::SmallExponent => "số mũ RSA quá nhỏ",
        Weakness::SmallFactor | Weakness::PrimeModulus | Weakness::Generator => "khóa được tạo sai",
        Weakness::ClosePrimes => "hai số nguyên tố của khóa RSA quá gần nhau",
        Weakness::Roca => "khóa do chip có lỗi ROCA tạo ra (CVE-2017-15361)",
        Weakness::KnownBad => "khóa nằm trong danh sách khóa đã lộ",
    };
    RequestError::invalid(
        "request",
        "key_weak",
        format!("Khóa yếu: {vi}. Hãy tạo khóa mới; nếu thiết bị vẫn tạo ra khóa như vậy, hãy thay thiết bị."),
        format!(
            "The key is weak: {}. Make a new key; where the token makes such a key again, replace it.",
            weakness.text()
        ),
    )
}

/// A request that was made for another code is another subscriber's.
fn challenge(brought: &RequestRead, code: &str) -> Result<()> {
    let Some(challenge) = &brought.challenge else { return Ok(()) };
    let same = match (ActivationCode::enter(challenge), ActivationCode::enter(code)) {
        (Some(one), Some(other)) => one.grouped() == other.grouped(),
        _ => false,
    };
    if same {
        return Ok(());
    }
    Err(RequestError::invalid(
        "request",
        "challenge_differs",
        "Mật khẩu thử thách trong yêu cầu không phải là mã kích hoạt này: yêu cầu được tạo cho người khác.",
        "The request's challenge password is not this activation code: the request was made for somebody else.",
    )
    .into())
}

/// Decree 23/2025, article 38: a public key is unique, across subscribers and the authority's own keys.
async fn unseen(app: &App, spki: &[u8]) -> Result<()> {
    let seen = app.store.certificate_by_spki(&sha256(spki)).await?.is_some()
        || app.store.authority_keys().await?.iter().any(|own| own.spki == spki);
    if seen { Err(seen_before().into()) } else { Ok(()) }
}

pub(super) fn seen_before() -> RequestError {
    RequestError {
        field: Some("request"),
        ..RequestError::new(
            RequestErrorKind::Conflict,
            "key_seen",
            "Khóa công khai này đã được chứng thực trước đây. Mỗi khóa chỉ được cấp chứng thư một lần (Nghị định 23/2025, Điều 38): hãy tạo khóa mới.",
            "This public key was certified before. A key is certified once (Decree 23/2025, article 38): make a new one.",
        )
    }
}

fn notices(brought: &RequestRead) -> Vec<Bilingual> {
    let mut notices = Vec::new();
    if brought.names_a_subject {
        notices.push(Bilingual::new(
            "Tên chủ thể trong yêu cầu không được dùng: chứng thư ghi theo hồ sơ đã duyệt.",
            "The request's subject is not taken over: the certificate says what was approved.",
        ));
    }
    for oid in &brought.ignored {
        notices.push(Bilingual::new(
            format!("Phần mở rộng hoặc thuộc tính {oid} trong yêu cầu được bỏ qua."),
            format!("Extension or attribute {oid} of the request is ignored."),
        ));
    }
    notices
}

/// Bytes of a request; with RSA 8192 and its extensions it has about three thousand.
const LONGEST_REQUEST: usize = 64 << 10;
