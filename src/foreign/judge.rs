//! Judges a certificate of another authority: its key, its path to an anchor that was recorded for registering, and what its authority says of it
//! today. Whatever could not be asked is said as such. Fetches only what the settings allow.

use crate::{
    app::App,
    error::{InternalError, RequestError, RequestErrorKind, Result},
    issuance::status,
    verification::present_trust,
};
use chuky_model::{instant::Instant, record::state::ForeignStatus};
use chuky_pki::{
    certificate::Certificate,
    crl::Reason,
    crypto::sha256,
    key::{self, Weakness},
    path::{self, PathError, Purpose, VerifiedPath},
    revocation::{self, Evidence, Revocation},
    verify::{Gap, VerificationContext},
};

/// What was found of a certificate that is good for registering.
pub(super) struct Judged {
    pub status: ForeignStatus,
    /// Why its status is not known; empty where it is.
    pub reason: String,
}

/// Passes a certificate that may be registered; `lists` are revocation lists that came along.
pub(super) async fn admitted(
    app: &App,
    certificate: &Certificate,
    further: &[Certificate],
    lists: Vec<Vec<u8>>,
) -> Result<Judged> {
    check_key(app, certificate)?;
    not_ours(app, certificate).await?;
    let judged = judge(app, certificate, further, lists).await?;
    match judged.status {
        ForeignStatus::Revoked => Err(not_usable(
            "certificate_revoked",
            "Chứng thư đã bị thu hồi nên không đăng ký được.",
            "The certificate is revoked, so it cannot be registered.",
        )),
        ForeignStatus::Suspended => Err(not_usable(
            "certificate_suspended",
            "Chứng thư đang bị tạm dừng. Hãy đăng ký sau khi nơi cấp khôi phục nó.",
            "The certificate is suspended. Register it when its authority has resumed it.",
        )),
        ForeignStatus::Good | ForeignStatus::Unknown => Ok(judged),
    }
}

/// The path, and what its authority says of it now.
pub(super) async fn judge(
    app: &App,
    certificate: &Certificate,
    further: &[Certificate],
    lists: Vec<Vec<u8>>,
) -> Result<Judged> {
    let now = app.clock.now();
    let anchors = anchors(app, now).await?;
    let mut context = VerificationContext::at(now);
    context.intermediates = further.to_vec();
    context.crls = lists;
    let mut visit = app.fetcher.visit();
    loop {
        let found = path::validate(certificate, &context.intermediates, &anchors, now, Purpose::DocumentSigning);
        let evidence = Evidence::read(&context.crls, &context.ocsp_responses);
        let gaps = match &found {
            Ok(path) => open(path, &evidence, now),
            Err(PathError::NoPath) => vec![Gap::Issuer { addresses: top(certificate, &context).issuer_uris() }],
            Err(_) => Vec::new(),
        };
        let fetched = visit.fill(gaps).await;
        if fetched.is_empty() {
            let path = found.map_err(|error| refused(&error))?;
            return Ok(standing(&path, &evidence, now));
        }
        context = context.with_fetched(fetched);
    }
}

/// Anchors that the administrator recorded for registering certificates.
async fn anchors(app: &App, now: Instant) -> Result<Vec<Certificate>> {
    let snapshot = present_trust(app).await?;
    let recorded = snapshot.iter().flat_map(|snapshot| &snapshot.anchors);
    let recorded = recorded.filter(|anchor| anchor.is_for_registration(now));
    let read = recorded.map(|anchor| Certificate::from_der(&anchor.certificate)).collect::<Result<Vec<_>, _>>();
    let anchors = read.map_err(|error| InternalError::Pki(error.to_string()))?;
    if anchors.is_empty() {
        return Err(RequestError::conflict(
            "no_anchor_for_registration",
            "Hệ thống chưa ghi nhận nơi cấp nào cho việc đăng ký chứng thư. Hãy báo quản trị viên (chuky trust add --purpose registration).",
            "No authority is recorded whose certificates may be registered. Tell the administrator (chuky trust add --purpose registration).",
        )
        .into());
    }
    Ok(anchors)
}

/// The last certificate upwards that is at hand.
fn top(certificate: &Certificate, context: &VerificationContext) -> Certificate {
    let mut top = certificate.clone();
    for _ in 0..LONGEST_CHAIN {
        let above = context.intermediates.iter().find(|one| one.subject().matches(top.issuer()) && **one != top);
        match above {
            Some(above) if !top.is_self_issued() => top = above.clone(),
            _ => break,
        }
    }
    top
}

/// Certificates of the path whose status nothing at hand tells.
fn open(path: &VerifiedPath, evidence: &Evidence, now: Instant) -> Vec<Gap> {
    let certificates = path.certificates();
    let pairs = certificates.iter().zip(certificates.iter().skip(1));
    let unknown = pairs.filter(|(certificate, issuer)| {
        matches!(revocation::judge(certificate, issuer, evidence, now), Revocation::Unknown(_))
    });
    unknown.filter_map(|(certificate, issuer)| Gap::status(certificate, issuer)).collect()
}

/// Every certificate of the path must be good for it to be; the signer's own hold is a suspension.
fn standing(path: &VerifiedPath, evidence: &Evidence, now: Instant) -> Judged {
    let mut judged = Judged { status: ForeignStatus::Good, reason: String::new() };
    for (certificate, answer) in revocation::judge_path(path, evidence, now) {
        match answer {
            Revocation::Good { .. } => {}
            Revocation::Revoked { reason: Reason::CertificateHold, .. } if certificate == path.leaf() => {
                return Judged { status: ForeignStatus::Suspended, reason: String::new() };
            }
            Revocation::Revoked { .. } => return Judged { status: ForeignStatus::Revoked, reason: String::new() },
            Revocation::Unknown(why) => {
                judged = Judged {
                    status: ForeignStatus::Unknown,
                    reason: format!("{}: {why}", certificate.subject().common_name()),
                };
            }
        }
    }
    judged
}

/// A key that anybody could work out, or that is written so that it would not be known again, is nobody's.
fn check_key(app: &App, certificate: &Certificate) -> Result<()> {
    let unusable = || {
        RequestError::invalid(
            "certificate",
            "key_not_admitted",
            "Khóa trong chứng thư không được chấp nhận: cần P-256, P-384 hoặc RSA từ 2048 bit, ghi đúng chuẩn.",
            "The certificate's key is not accepted: it takes P-256, P-384 or RSA of at least 2048 bits, in the standard form.",
        )
    };
    let spki = certificate.spki_der();
    let key = certificate.public_key().map_err(|_| unusable())?;
    let known_bad = app.issuing.known_bad_keys.contains(spki, &key).then_some(Weakness::KnownBad);
    if let Some(weakness) = key::weaknesses(&key).first().copied().or(known_bad) {
        tracing::warn!(event = "weak_key_refused", weakness = weakness.name());
        return Err(RequestError::invalid(
            "certificate",
            "key_weak",
            "Khóa của chứng thư yếu hoặc đã lộ nên không đăng ký được. Hãy báo nơi cấp để được cấp lại.",
            format!("The certificate's key is weak: {}. Tell its authority.", weakness.text()),
        )
        .into());
    }
    let fits = key::algorithm_of(key.key_type()).is_some() && key::is_canonical(spki, &key);
    if fits { Ok(()) } else { Err(unusable().into()) }
}

/// What this service issued is with its holder already, and a key that it certified is known here.
async fn not_ours(app: &App, certificate: &Certificate) -> Result<()> {
    let issued_here = status::issued_here(app, certificate).await?.is_some();
    let spki = certificate.spki_der();
    let known = issued_here
        || app.store.certificate_by_spki(&sha256(spki)).await?.is_some()
        || app.store.authority_keys().await?.iter().any(|own| own.spki == spki);
    if !known {
        return Ok(());
    }
    Err(RequestError::conflict(
        "certificate_issued_here",
        "Chứng thư hoặc khóa này do chính hệ thống này cấp hoặc chứng thực, không cần đăng ký. Xem mục Chứng thư của tôi.",
        "This service itself issued the certificate or certified its key; it needs no registering. See My certificates.",
    )
    .into())
}

fn refused(error: &PathError) -> RequestError {
    let (code, vi, en) = match error {
        PathError::NoPath => (
            "issuer_not_accepted",
            "Không tìm được đường dẫn từ chứng thư đến nơi cấp được chấp nhận đăng ký. Hãy kèm chứng thư của các nơi cấp trung gian; nếu đã kèm, nơi cấp này chưa được quản trị viên ghi nhận.",
            "There is no path from the certificate to an authority whose certificates may be registered. Add the certificates of its intermediate issuers; where they are there, the administrator has not recorded this authority.",
        ),
        PathError::Expired(_) | PathError::NotYetValid(_) => (
            "certificate_not_valid_now",
            "Chứng thư hoặc một nơi cấp của nó đã hết hạn hoặc chưa có hiệu lực.",
            "The certificate or one of its issuers has expired or is not valid yet.",
        ),
        PathError::Budget | PathError::Signature(_) | PathError::Constraint(_) => (
            "path_not_valid",
            "Đường dẫn chứng thực không hợp lệ: có chữ ký sai hoặc chứng thư không được phép dùng như vậy.",
            "The certification path is not valid: a signature is wrong, or a certificate is not made for this.",
        ),
    };
    RequestError::invalid("certificate", code, vi, format!("{en} ({error})"))
}

fn not_usable(code: &'static str, vi: &str, en: &str) -> crate::error::Error {
    let error = RequestError::new(RequestErrorKind::Conflict, code, vi, en);
    RequestError { field: Some("certificate"), ..error }.into()
}

/// Issuers that are looked at upwards.
const LONGEST_CHAIN: usize = 8;
