//! The end of a CA: nothing that it issued can be used any more, its last list says so for ever, and the last answers about its
//! certificates are archived. From then on its key signs nothing; what it signed can still be judged.

use super::roll_over::rows;
use crate::{
    app::App,
    attestation,
    audit::{self, Actor, Entry, Kind},
    error::{RequestError, Result},
    issuance::{Authority, CertifiedKey, ocsp, register, revocation_list},
    store::Transaction,
};
use chuky_model::{
    record::{
        certificate::AuthorityKey,
        state::{AuthorityState, KeyPurpose},
    },
    serial::Serial,
};
use chuky_pki::crypto::sha256;

/// What the end of a CA left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Number of its last list.
    pub list: i64,
    /// Archived answers.
    pub answers: usize,
}

/// Ends the CA of that label. Refused while it issues, or while something that it issued can still be used.
pub async fn end(app: &App, label: &str) -> Result<Ended> {
    // 1. A CA that issues no more, and nothing of it that could be used.
    let now = app.clock.now();
    let known = rows(app).await?;
    let row = known.iter().find(|row| row.label == label).ok_or_else(RequestError::not_found)?;
    may_end(&known, row)?;
    let hierarchy = row.hierarchy.ok_or_else(RequestError::not_found)?;
    let stamping =
        Authority::of(app).await?.key(hierarchy, KeyPurpose::Timestamp).ok().and_then(|key| key.issuer_label.clone());
    if stamping.as_deref() == Some(label) {
        return Err(stamps(label));
    }
    let live = app.store.live_certificates(label, now).await?;
    if live > 0 {
        return Err(still_used(label, live));
    }
    // 2. The last list (RFC 5280 §5.1.2.5, ETSI EN 319 411-1 §6.3.9), from which on nothing changes.
    let authority = Authority::of(app).await?;
    let key = authority.by_label(label).ok_or_else(RequestError::not_found)?;
    // Nobody can say the last word about its certificates without a responder, and a last list cannot be taken back.
    if key.purpose == KeyPurpose::Issuing && !authority.responder(key)?.certificate.is_valid_at(now) {
        return Err(responder_ended(label));
    }
    let ended = match say_the_last(app, &authority, key, row.clone()).await {
        Ok(ended) => ended,
        Err(error) => {
            // Not the last lists after all. Those that are good for ever are followed at once, or by the service later.
            if let Err(failure) = revocation_list::publish_after_last(app, key).await {
                tracing::error!(event = "crl_not_published", list = label, error = %failure);
            }
            return Err(error);
        }
    };
    Authority::refresh(app).await?;
    Ok(ended)
}

/// The last lists, the archive, and the state `Ended` of that row; an error where anything came between, and then the CA has not ended.
async fn say_the_last(app: &App, authority: &Authority, key: &CertifiedKey, mut row: AuthorityKey) -> Result<Ended> {
    let lists = revocation_list::publish_last(app, key).await?;
    // 3. The last answers about each of its certificates.
    let answers = if key.purpose == KeyPurpose::Issuing { archive(app, authority, key).await? } else { 0 };
    // 4. The state, while nobody begins to sign with the key: what was begun before is counted, and what would begin after sees the state.
    let now = app.clock.now();
    row.state = Some(AuthorityState::Ended);
    attestation::attest_change(&*app.tokens.subscribers, &mut row).await?;
    let mut transaction = app.store.begin().await?;
    hold_all(&mut transaction, &key.label).await?;
    let live = transaction.live_certificates(&key.label, now).await?;
    let refusal = match (live, revocation_list::are_newest(app, key, &lists).await?) {
        (0, true) => None,
        (0, false) => Some(followed(&key.label)),
        (live, _) => Some(still_used(&key.label, live)),
    };
    if let Some(refusal) = refusal {
        transaction.rollback().await?;
        return Err(refusal);
    }
    transaction.update_authority_key(&row).await?;
    let whole = lists.iter().find(|(name, _)| *name == key.label);
    let list = whole.map_or(0, |(_, number)| *number);
    let content = serde_json::json!({ "list": list, "answers": answers });
    let entry = Entry::of_row(now, Kind::AuthorityEnded, Actor::Service, &row);
    audit::record(&mut transaction, entry.with(content)).await?;
    transaction.commit().await?;
    Ok(Ended { list, answers })
}

/// Waits until nobody lets the CA sign, and keeps everybody from it until the transaction ends.
pub(super) async fn hold_all(transaction: &mut Transaction, label: &str) -> Result<()> {
    for number in places(label) {
        transaction.hold_issuer(number).await?;
    }
    Ok(())
}

/// Refuses where the log, looked at now, tells that the certificate of the CA of that label is revoked: it signs no certificate any more.
pub(in crate::issuance) async fn not_revoked(app: &App, label: &str) -> Result<()> {
    register::follow_now(app).await?;
    let authority = Authority::of(app).await?;
    match authority.by_label(label) {
        Some(issuer) if issuer.revoked => Err(refused(
            "authority_revoked",
            format!(
                "CA {label} đã bị thu hồi nên không cấp chứng thư nữa. Hãy thử lại khi đơn vị vận hành đã chuyển sang CA khác."
            ),
            format!(
                "The CA {label} is revoked and issues no more. Try again once the operator has moved issuing to another one."
            ),
        )),
        _ => Ok(()),
    }
}

/// Holds a place of those who let the CA sign, until the transaction ends, and refuses where it has ended: nothing is signed with its key that
/// its end did not count. Returns the state that its row has in this transaction.
pub(in crate::issuance) async fn may_sign(
    transaction: &mut Transaction,
    label: &str,
    place: u8,
) -> Result<Option<AuthorityState>> {
    if let Some(number) = places(label).nth(usize::from(place) % PLACES) {
        transaction.hold_issuer(number).await?;
    }
    match transaction.authority_key_by_label(label).await? {
        Some(row) if row.state == Some(AuthorityState::Ended) => Err(refused(
            "authority_ended",
            format!("CA {label} đã kết thúc. Hãy thử lại."),
            format!("The CA {label} has ended. Try again."),
        )),
        row => Ok(row.and_then(|row| row.state)),
    }
}

/// The numbers that stand for an issuer: so many can let it sign at the same time.
fn places(label: &str) -> impl Iterator<Item = i64> {
    let digest = sha256(format!("issuer {label}").as_bytes());
    let first = digest.first_chunk::<8>().map_or(0, |octets| i64::from_be_bytes(*octets));
    (0..PLACES).map(move |place| first.wrapping_add(i64::try_from(place).unwrap_or_default()))
}

fn may_end(known: &[AuthorityKey], row: &AuthorityKey) -> Result<()> {
    let below = |other: &&AuthorityKey| {
        other.purpose == KeyPurpose::Issuing && other.issuer_label.as_deref() == Some(row.label.as_str())
    };
    match (row.purpose, row.state.unwrap_or(AuthorityState::Active)) {
        (_, AuthorityState::Ended) => Err(refused(
            "authority_ended",
            format!("CA {} đã kết thúc.", row.label),
            format!("The CA {} has ended.", row.label),
        )),
        (KeyPurpose::Issuing, AuthorityState::Active) => Err(refused(
            "authority_in_use",
            format!("CA {} đang cấp chứng thư: hãy chuyển việc cấp sang CA khác trước (ceremony activate).", row.label),
            format!("The CA {} is issuing: move issuing to another one first (ceremony activate).", row.label),
        )),
        (KeyPurpose::Issuing, _) => Ok(()),
        (KeyPurpose::Root, _) if known.iter().filter(below).all(|below| below.state == Some(AuthorityState::Ended)) => {
            Ok(())
        }
        (KeyPurpose::Root, _) => Err(refused(
            "authority_in_use",
            format!("Dưới {} còn CA chưa kết thúc.", row.label),
            format!("There are CAs under {} that have not ended.", row.label),
        )),
        _ => Err(RequestError::not_found().into()),
    }
}

/// Answers about the issuer's own services and about every serial number that it used.
async fn archive(app: &App, authority: &Authority, issuer: &CertifiedKey) -> Result<usize> {
    let own = authority.keys().iter().filter(|key| key.issuer_label.as_deref() == Some(issuer.label.as_str()));
    let mut serials: Vec<Vec<u8>> = own.map(|key| key.certificate.serial_octets().to_vec()).collect();
    let (mut count, mut after): (usize, Option<Serial>) = (0, None);
    loop {
        let page = app.store.serials_of_issuer(&issuer.label, after.as_ref(), PAGE).await?;
        after = page.last().cloned();
        serials.extend(page.iter().map(|serial| serial.as_octets().to_vec()));
        if serials.is_empty() {
            return Ok(count);
        }
        let mut answers = Vec::with_capacity(serials.len());
        for serial in std::mem::take(&mut serials) {
            let response = ocsp::last_answer(app, authority, issuer, &serial).await?;
            answers.push((serial, response));
        }
        let mut transaction = app.store.begin().await?;
        for (serial, response) in &answers {
            transaction.archive_answer(&issuer.label, serial, response).await?;
        }
        transaction.commit().await?;
        count = count.saturating_add(answers.len());
        if after.is_none() {
            return Ok(count);
        }
    }
}

fn stamps(label: &str) -> crate::error::Error {
    refused(
        "authority_in_use",
        format!(
            "Dịch vụ dấu thời gian đang dùng chứng thư do {label} cấp: hãy tạo chứng thư mới cho nó trước (ceremony roll-over)."
        ),
        format!("The timestamp authority in use is certified by {label}: make another one first (ceremony roll-over)."),
    )
}

fn responder_ended(label: &str) -> crate::error::Error {
    refused(
        "responder_ended",
        format!(
            "Chứng thư của dịch vụ OCSP cho {label} không còn hiệu lực: hãy tạo chứng thư mới trước (ceremony roll-over với issuer = \"{label}\")."
        ),
        format!(
            "The certificate of the responder of {label} is not valid now: make the next one first (ceremony roll-over with issuer = \"{label}\")."
        ),
    )
}

fn still_used(label: &str, live: i64) -> crate::error::Error {
    refused(
        "certificates_in_use",
        format!("Còn {live} chứng thư do {label} cấp đang có hiệu lực: hãy đợi hết hạn hoặc thu hồi theo danh sách."),
        format!("{live} certificates of {label} are still in force: wait for their end, or revoke them by list."),
    )
}

fn followed(label: &str) -> crate::error::Error {
    refused(
        "list_followed",
        format!("Trong lúc kết thúc {label} đã có danh sách thu hồi mới hơn. Chưa có gì kết thúc: hãy chạy lại."),
        format!("While {label} was being ended a newer revocation list came out. Nothing has ended: run it again."),
    )
}

fn refused(code: &'static str, vi: String, en: String) -> crate::error::Error {
    RequestError::conflict(code, vi, en).into()
}

/// Transactions that let a CA sign at the same time.
const PLACES: usize = 16;
/// Serial numbers answered about in one transaction.
const PAGE: i64 = 200;
