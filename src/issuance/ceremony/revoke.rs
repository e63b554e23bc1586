//! Revocation of the authority's own certificates: an issuing CA or a root's by another root on the list of the root that signed it, which
//! takes the root's token; a responder's or a timestamp authority's on the list of its CA. The audit log's entry is what status and
//! lists go by, so that no row can take it back; it is final.

use super::{
    ending::{hold_all, may_sign},
    roll_over::rows,
};
use crate::{
    app::App,
    attestation,
    audit::{self, Actor, Entry, Kind},
    error::{Error, InternalError, RequestError, Result},
    issuance::{
        Authority, CertifiedKey,
        authority::internal,
        register::{self, OwnRevocation, Standing},
        revocation_list,
    },
};
use chuky_model::{
    instant::Instant,
    record::{
        certificate::AuthorityKey,
        state::{AuthorityState, KeyPurpose},
    },
    serial::Serial,
};
use chuky_pki::{certificate::Certificate, crl::Reason};

/// What became of a revocation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnRevoked {
    pub serial: Serial,
    /// The list that tells it, and its number; `None` where the running service publishes it within a minute.
    pub list: (String, Option<i64>),
    /// What nobody does in the hierarchy until the next key is there: issue, answer for the CA, stamp.
    pub leaves: Vec<KeyPurpose>,
}

/// One of the authority's own certificates that somebody's list can name.
pub(in crate::issuance) struct OwnCertificate {
    pub label: String,
    pub issuer_label: String,
    pub serial: Serial,
    certificate: Certificate,
    /// `None` of a root's certificate by another root.
    row: Option<AuthorityKey>,
}

/// Revokes the certificate of that label. Returns when the log tells it under a signed head and, where the issuer's key is here, its list.
pub async fn revoke(app: &App, label: &str, reason: Reason, invalid_since: Option<Instant>) -> Result<OwnRevoked> {
    // 1. Which certificate, and whether its issuer can say so now.
    let now = app.clock.now();
    let own = own_certificates(app).await?;
    if rows(app).await?.iter().any(|row| row.label == label && row.purpose == KeyPurpose::Root) {
        return Err(no_list_above(label));
    }
    let own = own.into_iter().find(|own| own.label == label).ok_or_else(RequestError::not_found)?;
    check_reason(&own, reason)?;
    if invalid_since.is_some_and(|since| since < own.certificate.not_before() || since > now) {
        return Err(outside());
    }
    let authority = Authority::refresh(app).await?;
    let issuer = authority.by_label(&own.issuer_label).ok_or_else(RequestError::not_found)?;
    register::follow_now(app).await?;
    may_say_so(app, &own, issuer)?;
    // 2. In the log, with whatever the key was in use for.
    record(app, &own, OwnRevocation { at: now, reason, invalid_since }, serde_json::json!({})).await?;
    // 3. On the list.
    let authority = Authority::refresh(app).await?;
    revocation_list::publish_due(app).await?;
    let list = app.store.latest_crl_head(&own.issuer_label).await?;
    let told = app.register.is_behind(&own.issuer_label, &own.issuer_label, (1, 0));
    let number = list.filter(|_| !told).map(|list| list.number);
    let leaves = own.row.as_ref().map(|row| missed(&authority, row)).unwrap_or_default();
    Ok(OwnRevoked { serial: own.serial, list: (own.issuer_label, number), leaves })
}

/// Every certificate of the authority that a CA of it signed.
pub(in crate::issuance) async fn own_certificates(app: &App) -> Result<Vec<OwnCertificate>> {
    let mut own = Vec::new();
    for row in rows(app).await? {
        let (Some(der), Some(issuer_label)) = (&row.certificate, row.issuer_label.clone()) else { continue };
        let certificate = Certificate::from_der(der).map_err(internal)?;
        let serial = serial_of(&certificate)?;
        own.push(OwnCertificate { label: row.label.clone(), issuer_label, serial, certificate, row: Some(row) });
    }
    for row in app.store.cross_certificates().await? {
        let row = attestation::check(&*app.tokens.subscribers, row).await?;
        let certificate = Certificate::from_der(&row.certificate).map_err(internal)?;
        let serial = serial_of(&certificate)?;
        own.push(OwnCertificate { label: row.label, issuer_label: row.issuer_label, serial, certificate, row: None });
    }
    Ok(own)
}

/// Records a revocation, with the state of a key that is in use for nothing from now on; returns when the entry is under a signed head.
pub(in crate::issuance) async fn record(
    app: &App,
    own: &OwnCertificate,
    revocation: OwnRevocation,
    further: serde_json::Value,
) -> Result<()> {
    let mut transaction = app.store.begin().await?;
    // Its issuer says so only while it has not ended; and a CA that is revoked signs nothing that was not begun before.
    may_sign(&mut transaction, &own.issuer_label, own.serial.as_octets().last().copied().unwrap_or_default()).await?;
    if own.row.as_ref().is_some_and(|row| row.purpose == KeyPurpose::Issuing) {
        hold_all(&mut transaction, &own.label).await?;
    }
    if let Some(row) = own.row.as_ref().filter(|row| row.state != Some(AuthorityState::Ended)) {
        let mut row = row.clone();
        row.state = Some(AuthorityState::Retiring);
        attestation::attest_change(&*app.tokens.subscribers, &mut row).await?;
        transaction.update_authority_key(&row).await?;
        let entry = Entry::of_row(app.clock.now(), Kind::AuthorityMoved, Actor::Service, &row);
        let state = serde_json::json!({ "state": AuthorityState::Retiring.name() });
        audit::record(&mut transaction, entry.with(state)).await?;
    }
    let subject = format!("authority_certificate:{}", own.label);
    let fingerprint = hex::encode(own.certificate.fingerprint());
    let mut content = serde_json::json!({ "label": own.label, "sha256": fingerprint, "reason": revocation.reason });
    if let (Some(content), serde_json::Value::Object(further)) = (content.as_object_mut(), further) {
        content.extend(further);
    }
    let about = (own.issuer_label.as_str(), &own.serial, subject);
    let entry = register::commit_own(app, transaction, about, revocation, content).await?;
    app.audit.wait(entry).await
}

/// RFC 5280 §5.3.1: keyCompromise is said of an end entity's certificate, cACompromise of a CA's; a hold is a suspension, of which the
/// authority's own certificates know none.
fn check_reason(own: &OwnCertificate, reason: Reason) -> Result<()> {
    let is_ca = own.row.as_ref().is_none_or(|row| row.purpose == KeyPurpose::Issuing);
    let (vi, en) = match (reason, is_ca) {
        (Reason::KeyCompromise, true) => {
            ("Khóa của CA bị lộ: lý do là ca_compromise.", "A CA's key is compromised: the reason is ca_compromise.")
        }
        (Reason::CaCompromise, false) => (
            "Khóa của dịch vụ OCSP hoặc dấu thời gian bị lộ: lý do là key_compromise.",
            "The key of a responder or timestamp authority is compromised: the reason is key_compromise.",
        ),
        (Reason::CertificateHold | Reason::RemoveFromCrl | Reason::AaCompromise, _) => (
            "Chứng thư của chính CA không tạm dừng được, và lý do này không dùng cho nó.",
            "The authority's own certificates are not suspended, and this reason is not for them.",
        ),
        _ => return Ok(()),
    };
    Err(RequestError::invalid("reason", "reason_not_admitted", vi, en).into())
}

fn may_say_so(app: &App, own: &OwnCertificate, issuer: &CertifiedKey) -> Result<()> {
    let told = app.register.told(&own.issuer_label, &own.serial);
    if told.is_some_and(|told| told.standing == Standing::Revoked) {
        return Err(refused(
            "already_revoked",
            format!("Chứng thư {} đã bị thu hồi.", own.label),
            format!("The certificate {} is revoked already.", own.label),
        ));
    }
    if issuer.state == AuthorityState::Ended {
        return Err(refused(
            "authority_ended",
            format!("CA {} đã kết thúc: danh sách cuối của nó không thay đổi được nữa.", issuer.label),
            format!("The CA {} has ended: its last list cannot be changed any more.", issuer.label),
        ));
    }
    if issuer.is_away(app) {
        return Err(refused(
            "root_away",
            format!(
                "Khóa của {} nằm trên thiết bị đang không được kết nối: hãy kết nối và nêu tệp của lễ tạo khóa (--file).",
                issuer.label
            ),
            format!(
                "The key of {} lies on a token that is not here: connect it, and name the ceremony's file (--file).",
                issuer.label
            ),
        ));
    }
    Ok(())
}

/// What nothing stands in for any more, of that key and of those that go with it.
fn missed(authority: &Authority, row: &AuthorityKey) -> Vec<KeyPurpose> {
    let Some(hierarchy) = row.hierarchy else { return Vec::new() };
    let issuer = row.issuer_label.as_deref().and_then(|label| authority.by_label(label));
    let is_missed = |purpose: &KeyPurpose| match purpose {
        KeyPurpose::Ocsp => issuer.is_some_and(|issuer| authority.responder(issuer).is_err()),
        purpose => authority.key(hierarchy, *purpose).is_err(),
    };
    // Timestamps under a revoked CA are believed by nobody.
    let concerned: &[KeyPurpose] = match row.purpose {
        KeyPurpose::Issuing => &[KeyPurpose::Issuing, KeyPurpose::Timestamp],
        KeyPurpose::Ocsp => &[KeyPurpose::Ocsp],
        _ => &[KeyPurpose::Timestamp],
    };
    concerned.iter().copied().filter(is_missed).collect()
}

fn serial_of(certificate: &Certificate) -> Result<Serial> {
    Ok(certificate.serial().ok_or_else(|| InternalError::other("an own certificate without a usable serial number"))?)
}

fn no_list_above(label: &str) -> Error {
    refused(
        "root_not_revoked",
        format!(
            "Không danh sách nào thu hồi được chứng thư gốc {label}: hãy báo mọi bên tin cậy bỏ nó khỏi danh sách tin cậy, thu hồi chứng thư gốc khác ký cho nó, và lập gốc mới (docs/recovery.md)."
        ),
        format!(
            "No list revokes the root {label}: tell everybody who trusts it to take it out of their trust lists, revoke what other roots signed for it, and make a new one (docs/recovery.md)."
        ),
    )
}

fn outside() -> Error {
    RequestError::invalid(
        "invalid_since",
        "invalid_since_outside",
        "Thời điểm nghi ngờ phải nằm trong thời hạn của chứng thư và không ở tương lai.",
        "The time since when signatures are in doubt lies within the certificate's validity, and not in the future.",
    )
    .into()
}

fn refused(code: &'static str, vi: String, en: String) -> Error {
    RequestError::conflict(code, vi, en).into()
}
