//! Reconciliation of a database that came out of a backup, with what the world has seen since: the last published lists, certificates that
//! are in circulation, the remembered audit head. What is not known is settled on the safe side: numbers go on above any that
//! can have been used, half-done issues are void, PINs have one try left, sessions end, earlier payment orders are not accepted.

use super::{
    Authority, CertifiedKey,
    authority::internal,
    ceremony::{OwnCertificate, own_certificates, record_revocation},
    recovery::{self, Finished},
    register::{self, OwnRevocation},
    revocation::closed_credential,
    revocation_list::{self, ListName},
};
use crate::{
    app::App,
    attestation,
    audit::{self, Actor, Entry, Kind, head::AUDIT_KEY, head::RememberedHead, head::SignedHead, verify},
    current,
    error::{InternalError, RequestError, Result},
    store,
};
use chuky_model::{
    id::{CertificateId, CredentialId},
    instant::Instant,
    record::{
        certificate::{Certificate as Row, Crl as ListRow, Restoration},
        state::{CertificateState, CredentialState, KeyPurpose},
    },
    serial::Serial,
};
use chuky_pki::{
    certificate::Certificate,
    crl::{Crl, ListEntry, Reason},
    crypto::sha256,
};
use uuid::Uuid;

/// What the operator brings from outside, as files.
#[derive(Clone, Debug, Default)]
pub struct Evidence {
    /// Revocation lists, DER or PEM: the last ones that mirrors, caches or relying parties have.
    pub lists: Vec<Vec<u8>>,
    /// Certificates of subscribers, from receipts and signed documents.
    pub certificates: Vec<Certificate>,
}

/// What was found and done.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Findings {
    /// Entries of the log that were remembered and are gone.
    pub lost_entries: u64,
    /// Lists by name: the number in the backup, and the one that the next list comes after.
    pub lists: Vec<(String, i64, i64)>,
    /// Certificates that the evidence says are revoked or suspended, and the backup did not know.
    pub revoked: usize,
    /// Serial numbers used after the backup, now void and revoked.
    pub void: usize,
    /// Issues that the backup held half done.
    pub half_done: usize,
    /// Credentials whose PIN has one try left.
    pub pins: usize,
}

impl Findings {
    /// Whether anything shows that the service did something after the backup.
    pub fn shows_life(&self) -> bool {
        self.lost_entries > 0 || self.revoked > 0 || self.void > 0
    }
}

/// Reconciles lists, certificates and PINs. Can be run anew where it was cut short; [`finish`] lets the database serve again.
pub async fn reconcile(app: &App, remembered: Option<&SignedHead>, evidence: &Evidence) -> Result<Findings> {
    let mut findings = Findings::default();
    // 1. The log is whole in itself, as far as it goes.
    let log = whole_log(app).await?;
    let remembered_size = remembered.map_or(0, |head| head.size);
    findings.lost_entries = remembered_size.saturating_sub(log);
    // 2. Numbers of lists go on above every one that can have been used.
    let authority = Authority::of(app).await?;
    register::follow_now(app).await?;
    let lists = genuine_lists(&authority, evidence)?;
    number_lists(app, &authority, &lists, &mut findings).await?;
    // 3. What the lists and certificates say that the backup does not know.
    let own = own_certificates(app).await?;
    for (issuer, _, list) in &lists {
        for entry in list.entries() {
            told_revoked(app, (issuer, &own), &entry.map_err(internal)?, &mut findings).await?;
        }
    }
    for certificate in &evidence.certificates {
        told_issued(app, &authority, certificate, &mut findings).await?;
    }
    // 4. What the backup held half done.
    findings.half_done = recovery::all_restored(app).await?;
    // 5. Lists of now, which tell all of it.
    revocation_list::publish_all(app).await?;
    // 6. What was tried since is not known.
    findings.pins = one_try_left(app).await?;
    Ok(findings)
}

/// Lets the database serve: sessions end, payments from before are told apart by this moment. `staff` is what became of staff accounts, for the
/// audit log. The number of sessions.
pub async fn finish(
    app: &App,
    (restored, remembered): (&Restoration, Option<&SignedHead>),
    findings: &Findings,
    staff: serde_json::Value,
) -> Result<u64> {
    let now = app.clock.now();
    let mut transaction = app.store.begin().await?;
    let sessions = transaction.remove_sessions().await?;
    transaction.reconcile_restorations(now).await?;
    let subject = format!("restoration:{}", restored.id);
    let content = serde_json::to_value(findings).map_err(|error| InternalError::other(error.to_string()))?;
    let remembered = remembered.map(|head| hex::encode(head.root));
    let content = serde_json::json!({
        "findings": content, "sessions": sessions, "staff": staff, "remembered_root": remembered,
    });
    let entry = Entry::new(now, Kind::RestorationReconciled, Actor::Service, subject).with(content);
    let entry = audit::record(&mut transaction, entry).await?;
    transaction.commit().await?;
    app.audit.wait(entry).await?;
    Ok(sessions)
}

/// Entries of the log, which must be whole.
async fn whole_log(app: &App) -> Result<u64> {
    let rows = app.store.authority_keys().await?;
    let key = rows.into_iter().find(|row| row.label == AUDIT_KEY);
    let key = attestation::check_found(&*app.tokens.subscribers, key).await?;
    let key = key.ok_or_else(|| InternalError::other("no ceremony had been held when the backup was made"))?;
    let nothing = RememberedHead::at(app.settings.data_dir.join("no-head-is-remembered-here"));
    let found = verify::verify(&app.store, &key.spki, &nothing).await?;
    match found.faults.first() {
        None => Ok(found.entries),
        Some(fault) => Err(InternalError::other(format!("the audit log is not whole: {fault}")).into()),
    }
}

/// The lists that CAs of this authority made, each with its issuer and name.
fn genuine_lists<'a>(authority: &'a Authority, evidence: &Evidence) -> Result<Vec<(&'a CertifiedKey, String, Crl)>> {
    let mut lists = Vec::new();
    for octets in &evidence.lists {
        let list = Crl::parse(octets).map_err(|error| refused(&error.to_string()))?;
        let signed = |key: &&CertifiedKey| {
            list.issuer.matches(key.certificate.subject())
                && key.certificate.public_key().is_ok_and(|key| list.verify_signature(&key).is_ok())
        };
        let issuer = authority.issuers().find(signed);
        let issuer = issuer.ok_or_else(|| refused("a list that no CA of this authority signed"))?;
        let points = list.scope().map_err(|error| refused(&error.to_string()))?.distribution_point;
        // A part names its address, which ends with its name.
        let text = points.map(|points| String::from_utf8_lossy(&points.concat()).into_owned());
        let name = text.and_then(|text| Some(text.rsplit_once("/crl/")?.1.split_once(".crl")?.0.to_owned()));
        let name = name.unwrap_or_else(|| issuer.label.clone());
        if ListName::parse(authority, &name).is_none() {
            return Err(refused("a list of a name that is not known here").into());
        }
        lists.push((issuer, name, list));
    }
    // The newest one has the last word about a serial number.
    lists.sort_by_key(|(_, _, list)| std::cmp::Reverse(list.this_update));
    Ok(lists)
}

/// A list is dated a whole second after the one before it, so since the last one that is known no more than one a second can have been
/// published: the next number lies above all of them.
async fn number_lists(
    app: &App,
    authority: &Authority,
    lists: &[(&CertifiedKey, String, Crl)],
    findings: &mut Findings,
) -> Result<()> {
    // Lists tell whole seconds.
    let now = Instant::from_unix_seconds(app.clock.now().unix_seconds());
    let generation = app.store.status_generation().await?;
    for issuer in authority.issuers() {
        for name in revocation_list::names(app, issuer).await? {
            let stored = app.store.latest_crl_head(&name).await?;
            let (mut number, mut made) =
                stored.as_ref().map_or((0, issuer.certificate.not_before()), |row| (row.number, row.this_update));
            let before = number;
            let brought = lists.iter().filter(|(_, of, _)| *of == name).map(|(_, _, list)| list);
            let newest = brought.max_by_key(|list| list.number());
            if let Some(list) =
                newest.filter(|list| list.number().is_some_and(|own| i64::try_from(own).is_ok_and(|own| own > number)))
            {
                number = list.number().and_then(|number| i64::try_from(number).ok()).unwrap_or(number);
                made = list.this_update;
                adopt(app, &name, before, list).await?;
            }
            let elapsed = now.unix_seconds().saturating_sub(made.unix_seconds()).max(0);
            let floor = number.saturating_add(elapsed);
            let content = serde_json::json!({
                "list": name, "number": floor, "this_update": now, "generation": generation, "entries": 0, "sha256": ""
            });
            let entry = Entry::new(now, Kind::CrlReconciled, Actor::Service, format!("crl:{name}")).with(content);
            let mut transaction = app.store.begin().await?;
            let entry = audit::record(&mut transaction, entry).await?;
            transaction.commit().await?;
            app.audit.wait(entry).await?;
            app.register.learn_floor(&name, floor, now, generation);
            findings.lists.push((name, before, floor));
        }
    }
    Ok(())
}

/// The last published list, where it is newer than the backup's, is published again: for a root whose token is away, it is all there is.
async fn adopt(app: &App, name: &str, before: i64, list: &Crl) -> Result<()> {
    let (Some(number), Some(next_update)) = (list.number().and_then(|n| i64::try_from(n).ok()), list.next_update)
    else {
        return Ok(());
    };
    if list.der().len() > super::limits::LIST_PIECE {
        return Ok(());
    }
    let row = ListRow {
        issuer_label: name.to_owned(),
        number,
        previous_number: before,
        this_update: list.this_update,
        next_update,
        length: i64::try_from(list.der().len()).unwrap_or_default(),
        digest: sha256(list.der()).to_vec(),
        list: list.der().to_vec(),
    };
    let mut transaction = app.store.begin().await?;
    match transaction.publish_crl(&row).await {
        Ok(()) => Ok(transaction.commit().await?),
        // One with the same second: its entries count, and its number.
        Err(store::Error::Stale | store::Error::Conflict(_)) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// A list says that the serial number is revoked or suspended.
async fn told_revoked(
    app: &App,
    (issuer, own): (&CertifiedKey, &[OwnCertificate]),
    entry: &ListEntry,
    findings: &mut Findings,
) -> Result<()> {
    let ListEntry { serial, at, reason, invalid_since } = entry;
    let serial = Serial::from_octets(serial).map_err(|error| InternalError::other(error.to_string()))?;
    // A CA, a responder or a timestamp authority of our own.
    if let Some(own) = own.iter().find(|own| own.issuer_label == issuer.label && own.serial == serial) {
        if app.register.told(&issuer.label, &serial).is_none() {
            let revocation = OwnRevocation { at: *at, reason: *reason, invalid_since: *invalid_since };
            let further = serde_json::json!({ "ground": "reconciliation" });
            record_revocation(app, own, revocation, further).await?;
            findings.revoked += 1;
        }
        return Ok(());
    }
    let finished = Finished { at: *at, reason: *reason, invalid_since: *invalid_since, certificate: None };
    let row = current::row_by_log(app, || app.store.certificate_by_serial(&issuer.label, &serial)).await?;
    let Some(mut row) = row else {
        if issuer.purpose == KeyPurpose::Issuing {
            used_since(app, issuer, &serial, finished).await?;
            findings.void += 1;
        }
        return Ok(());
    };
    let held = *reason == Reason::CertificateHold;
    let kind = match (row.state, held) {
        // It was finished, handed out and revoked after the backup had caught it half done.
        (CertificateState::Intended | CertificateState::Signing, _) => {
            findings.void += usize::from(recovery::take_back_known(app, row.id, Some(finished)).await?);
            return Ok(());
        }
        (CertificateState::Issued, true) => Kind::CertificateSuspended,
        (CertificateState::Issued | CertificateState::Suspended, false) => Kind::CertificateRevoked,
        _ => return Ok(()),
    };
    row.state = if held { CertificateState::Suspended } else { CertificateState::Revoked };
    row.revoked_at = Some(*at);
    row.revocation_reason = Some(i64::from(reason.code()));
    row.invalid_since = *invalid_since;
    row.updated_at = app.clock.now();
    attestation::attest_change(&*app.tokens.subscribers, &mut row).await?;
    let closed = if held { None } else { closed_credential(app, &row, row.updated_at).await? };
    let mut transaction = app.store.begin().await?;
    transaction.update_certificate(&row).await?;
    if let Some(credential) = &closed {
        transaction.update_credential(credential).await?;
        let entry = Entry::of_row(row.updated_at, Kind::CredentialClosed, Actor::Service, credential);
        audit::record(&mut transaction, entry).await?;
    }
    let content = serde_json::json!({ "ground": "reconciliation" });
    register::settle(app, transaction, &row, (kind, Actor::Service), content).await?;
    findings.revoked += 1;
    Ok(())
}

/// A certificate is in circulation. One whose record is gone is revoked: nobody could answer for its holder.
async fn told_issued(
    app: &App,
    authority: &Authority,
    certificate: &Certificate,
    findings: &mut Findings,
) -> Result<()> {
    let issuer = authority.signer_of(certificate).filter(|key| key.purpose == KeyPurpose::Issuing);
    let issuer = issuer.ok_or_else(|| refused("a certificate that no CA of this authority issued"))?;
    if authority.keys().iter().any(|key| key.certificate == *certificate) {
        return Ok(());
    }
    let serial = certificate.serial().ok_or_else(|| refused("a certificate without a usable serial number"))?;
    let now = app.clock.now();
    let finished =
        Finished { at: now, reason: Reason::Unspecified, invalid_since: None, certificate: Some(certificate) };
    let row = current::row_by_log(app, || app.store.certificate_by_serial(&issuer.label, &serial)).await?;
    match row {
        // What is in circulation was finished: its key went with the record.
        Some(row) if matches!(row.state, CertificateState::Intended | CertificateState::Signing) => {
            findings.void += usize::from(recovery::take_back_known(app, row.id, Some(finished)).await?);
        }
        Some(_) => {}
        None => {
            used_since(app, issuer, &serial, finished).await?;
            findings.void += 1;
        }
    }
    Ok(())
}

/// Puts into a row that becomes void what is known of the certificate: that it is revoked, since when and why, and itself where it was
/// shown. A hold is for those who can be resumed; nobody answers for this one any more.
pub(super) async fn revoke_finished(app: &App, row: &mut Row, finished: Finished<'_>) -> Result<()> {
    let Finished { at, reason, invalid_since, certificate } = finished;
    let reason = match reason {
        Reason::CertificateHold | Reason::RemoveFromCrl => Reason::Unspecified,
        reason => reason,
    };
    row.revoked_at = Some(at);
    row.revocation_reason = Some(i64::from(reason.code()));
    row.invalid_since = invalid_since;
    let Some(certificate) = certificate else { return Ok(()) };
    row.certificate = Some(app.vault.seal(super::issue::CERTIFICATE, &row.id.to_string(), certificate.der())?);
    row.fingerprint = Some(certificate.fingerprint().to_vec());
    let spki = sha256(certificate.spki_der()).to_vec();
    // A public key stands in one row only.
    if app.store.certificate_by_spki(&spki).await?.is_none() {
        row.spki_hash = Some(spki);
    }
    Ok(())
}

/// A serial number that was used after the backup: void and revoked, and never used again.
async fn used_since(app: &App, issuer: &CertifiedKey, serial: &Serial, finished: Finished<'_>) -> Result<()> {
    let now = app.clock.now();
    let id = CertificateId(Uuid::now_v7());
    let certificate = finished.certificate;
    let mut row = Row {
        id,
        request_id: None,
        account_id: None,
        hierarchy: issuer.hierarchy,
        issuer_label: issuer.label.clone(),
        serial: serial.clone(),
        state: CertificateState::Void,
        intent: app.vault.seal(super::issue::INTENT, &id.to_string(), b"{}")?,
        certificate: None,
        fingerprint: None,
        spki_hash: None,
        not_before: certificate.map_or(issuer.certificate.not_before(), Certificate::not_before),
        not_after: certificate.map_or(issuer.certificate.not_after(), Certificate::not_after),
        revoked_at: None,
        revocation_reason: None,
        invalid_since: None,
        created_at: now,
        updated_at: now,
        version: 1,
        mac: Vec::new(),
    };
    revoke_finished(app, &mut row, finished).await?;
    attestation::attest(&*app.tokens.subscribers, &mut row).await?;
    let mut transaction = app.store.begin().await?;
    transaction.insert_certificate(&row).await?;
    let content = serde_json::json!({ "ground": "reconciliation" });
    register::settle(app, transaction, &row, (Kind::CertificateVoided, Actor::Service), content).await
}

/// Wrong tries since the backup are not known: whoever knows the PIN enters it, and the count begins anew; whoever guesses has one try.
async fn one_try_left(app: &App) -> Result<usize> {
    let most = i64::from(app.settings.seal.tries).saturating_sub(1);
    let mut count = 0;
    // Of every pepper that a key lies under, even where the token has it not yet.
    for (version, _, _) in app.store.seals_by_pepper(app.clock.now()).await? {
        let mut after = CredentialId(Uuid::nil());
        loop {
            let page = app.store.credentials_under_pepper(version, after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = last.id;
            for listed in page.iter().filter(|row| row.state == CredentialState::Active && row.tries < most) {
                let row = current::row_by_log(app, || app.store.credential_by_id(listed.id)).await?;
                let Some(mut row) = row else { continue };
                row.tries = most;
                row.updated_at = app.clock.now();
                attestation::attest_change(&*app.tokens.subscribers, &mut row).await?;
                let mut transaction = app.store.begin().await?;
                transaction.update_credential(&row).await?;
                let entry = Entry::of_row(row.updated_at, Kind::PinReconciled, Actor::Service, &row);
                audit::record(&mut transaction, entry.with(serde_json::json!({ "tries": most }))).await?;
                transaction.commit().await?;
                count += 1;
            }
        }
    }
    Ok(count)
}

fn refused(what: &str) -> RequestError {
    RequestError::invalid(
        "evidence",
        "evidence_refused",
        format!("Không dùng được làm bằng chứng đối soát: {what}"),
        format!("Not to be used as evidence: {what}"),
    )
}

/// Credentials looked at in one go.
const PAGE: i64 = 200;
