//! What the authority knows about a signer: the certificate that a message only names, its revocation status, and whom to trust.
//! Rows are relied on only where their MAC fits and the audit log knows no later version; a row that was looked at before and is
//! unchanged costs no second question.

use crate::{
    app::App,
    current,
    error::{InternalError, Result},
    fetching::Fetcher,
    issuance::register::{self, Standing, Told},
};
use chuky_model::{
    id::CertificateId,
    instant::Instant,
    record::{
        certificate::Certificate as Row,
        state::{AuthorityState, CertificateState, KeyPurpose},
    },
};
use chuky_pki::{
    certificate::Certificate,
    crypto,
    payment::{Examined, Status, Trust, Wanted},
};
use std::sync::Arc;

/// The issued certificate that a message names, if it is one of this authority's.
pub async fn named(app: &App, wanted: Option<Wanted>) -> Result<Option<Certificate>> {
    let row = match wanted {
        None => return Ok(None),
        Some(Wanted::Fingerprint(fingerprint)) => {
            current::row(app, || app.store.certificate_by_fingerprint(&fingerprint)).await?
        }
        Some(Wanted::Serial(serial)) => {
            // A serial number is unique for its issuer only; where two issuers gave it, it names nothing.
            let mut rows = current::rows(app, || app.store.certificates_by_serial(&serial)).await?;
            let row = rows.pop();
            if rows.is_empty() { row } else { None }
        }
    };
    let Some(row) = row else { return Ok(None) };
    let Some(sealed) = &row.certificate else { return Ok(None) };
    let der = app.vault.open("certificate.certificate", &row.id.to_string(), sealed)?;
    Certificate::from_der(&der).map(Some).map_err(|error| InternalError::Pki(error.to_string()).into())
}

/// The certificate of a row that another row names.
pub async fn certificate(app: &App, id: CertificateId) -> Result<Certificate> {
    let gone = || InternalError::RowForged { table: "certificate" };
    let row = current::row(app, || app.store.certificate_by_id(id)).await?.ok_or_else(gone)?;
    let sealed = row.certificate.as_ref().ok_or_else(gone)?;
    let der = app.vault.open("certificate.certificate", &row.id.to_string(), sealed)?;
    Certificate::from_der(&der).map_err(|error| InternalError::Pki(error.to_string()).into())
}

/// A key of this authority that certifies, as payments are told by it.
#[derive(Debug)]
pub struct Issuer {
    label: String,
    /// DER.
    spki: Vec<u8>,
    has_ended: bool,
    /// Who issued its certificate, and the certificate; `None` of a root.
    above: Option<(String, Certificate)>,
}

impl Issuer {
    /// Whether the log says that its certificate is revoked. [`register::follow`] must have been asked.
    fn is_revoked(&self, app: &App) -> bool {
        self.above.as_ref().is_some_and(|(label, certificate)| app.register.is_revoked(label, certificate))
    }
}

/// The status of a signer's certificate, from the authority's own records; `path` is its verified path. That of a busy signer is told from
/// memory: its row is read again after [`current::KEPT_FOR`], while every change that the audit log tells shows at once.
/// `None` where no certificate of the path was issued here. Of what one of this authority's keys issued, nobody else says anything: a
/// certificate that no row knows is unknown, whatever lists came with the message.
pub async fn own_status(app: &App, path: &[Certificate], issuers: &[Issuer]) -> Result<Option<Status>> {
    let Some(certificate) = path.first() else { return Ok(None) };
    register::follow(app).await?;
    // Of a CA that was revoked nothing counts, whatever is kept about its certificates.
    let above = |issuer: &&Issuer| path.iter().skip(1).any(|above| above.spki_der() == issuer.spki);
    if issuers.iter().filter(above).any(|issuer| issuer.is_revoked(app)) {
        return Ok(Some(Status::Unknown("the certificate of a CA above is revoked".to_owned())));
    }
    let fingerprint = certificate.fingerprint();
    if let Some(row) = current::recall::<Row>(app, fingerprint).await?
        && app.register.told(&row.issuer_label, &row.serial).is_none()
    {
        return Ok(Some(Status::Good));
    }
    let own = |above: &Certificate| issuers.iter().find(|issuer| issuer.spki == above.spki_der());
    let Some((place, issuer)) = path.iter().skip(1).enumerate().find_map(|(place, above)| Some((place, own(above)?)))
    else {
        return Ok(None);
    };
    let unknown = |why: &str| Ok(Some(Status::Unknown(why.to_owned())));
    if place > 0 {
        return unknown("a CA of the path is not one of this authority's, which certified it");
    }
    if issuer.has_ended {
        return unknown("the CA that issued the certificate has ended");
    }
    let Some(serial) = certificate.serial() else { return unknown("the serial number is none that is issued here") };
    // What the audit log says weighs more than a row that SQL may have put back, changed or taken away.
    let told = app.register.told(&issuer.label, &serial);
    if let Some(Told { standing: Standing::Revoked, at, .. }) = told {
        return Ok(Some(Status::Revoked { at }));
    }
    let row = register::genuine(app, || app.store.certificate_by_serial(&issuer.label, &serial)).await?;
    match row {
        Some(row) if row.fingerprint.as_deref() == Some(fingerprint.as_slice()) => Ok(Some(by_row(app, row))),
        None if told.is_some() => {
            tracing::error!(event = "row_missing", table = "certificate");
            Err(InternalError::RowForged { table: "certificate" }.into())
        }
        row => {
            // Signed by the CA's key, and not by this service.
            tracing::error!(event = "certificate_not_issued", issuer = issuer.label, %serial, other = row.is_some());
            unknown("no such certificate was issued here")
        }
    }
}

/// What a genuine row says.
fn by_row(app: &App, row: Row) -> Status {
    let since = row.revoked_at.unwrap_or(Instant(i64::MIN));
    match (row.state, row.fingerprint.clone()) {
        (CertificateState::Issued, Some(fingerprint)) => {
            current::keep(app, &fingerprint, Arc::new(row));
            Status::Good
        }
        (CertificateState::Suspended, _) => Status::Suspended { at: since },
        (CertificateState::Revoked | CertificateState::Void, _) => Status::Revoked { at: since },
        _ => Status::Unknown("the certificate is not yet issued".to_owned()),
    }
}

/// The status of a certificate of another authority, and of those above it: by the lists and answers that came with the message, and where
/// these tell nothing, by what the authority publishes, if its host may be asked.
pub async fn foreign_status(fetcher: &Fetcher, examined: &mut Examined) -> Status {
    let status = examined.embedded_status();
    if !matches!(status, Status::Unknown(_)) || !fetcher.is_on() {
        return status;
    }
    let found = fetcher.visit().fill(examined.missing_status()).await;
    if found.is_empty() {
        return status;
    }
    examined.take_up(found);
    examined.embedded_status()
}

/// The same, where nothing else tells of a certificate that was not issued here.
pub async fn status(app: &App, path: &[Certificate], issuers: &[Issuer]) -> Result<Status> {
    let unknown = || Status::Unknown("the certificate was not issued here".to_owned());
    Ok(own_status(app, path, issuers).await?.unwrap_or_else(unknown))
}

/// Whom payments trust, as the database tells it now.
pub struct Known {
    pub trust: Trust,
    /// Every key that certifies or did.
    pub issuers: Vec<Issuer>,
    /// SHA-256 of all of it.
    pub digest: [u8; 32],
}

/// Both hierarchies: roots as anchors, issuing certificates and those of roots by roots as intermediates; and every key that certifies or
/// did. A CA that has ended or was revoked vouches for nobody. Other authorities' roots are anchors where the administrator recorded them for payments.
pub async fn trust(app: &App) -> Result<Known> {
    register::follow(app).await?;
    let (mut trust, mut issuers, mut told) = (Trust::default(), Vec::new(), Vec::new());
    let read = |der: &[u8]| Certificate::from_der(der).map_err(|error| InternalError::Pki(error.to_string()));
    for key in current::rows(app, || app.store.authority_keys()).await? {
        let Some(der) = &key.certificate else { continue };
        let certificate = read(der)?;
        let has_ended = key.state == Some(AuthorityState::Ended);
        let trusted = match key.purpose {
            KeyPurpose::Root => &mut trust.anchors,
            KeyPurpose::Issuing => &mut trust.intermediates,
            _ => continue,
        };
        let above = key.issuer_label.map(|label| (label, certificate.clone()));
        let issuer = Issuer { label: key.label, spki: certificate.spki_der().to_vec(), has_ended, above };
        let is_trusted = !has_ended && !issuer.is_revoked(app);
        told.push((issuer.label.clone(), key.purpose, has_ended, is_trusted, *certificate.fingerprint()));
        if is_trusted {
            trusted.push(certificate);
        }
        issuers.push(issuer);
    }
    let mut crosses = Vec::new();
    for cross in current::rows(app, || app.store.cross_certificates()).await? {
        let certificate = read(&cross.certificate)?;
        if !app.register.is_revoked(&cross.issuer_label, &certificate) {
            crosses.push(*certificate.fingerprint());
            trust.intermediates.push(certificate);
        }
    }
    let mut others = Vec::new();
    for anchor in recorded(app).await? {
        let certificate = read(&anchor)?;
        others.push(*certificate.fingerprint());
        trust.anchors.push(certificate);
    }
    let told = serde_json::to_vec(&(told, crosses, others)).map_err(|error| InternalError::other(error.to_string()))?;
    Ok(Known { trust, issuers, digest: crypto::sha256(&told) })
}

/// Anchors of other authorities that were recorded for payments and count now; DER.
async fn recorded(app: &App) -> Result<Vec<Vec<u8>>> {
    let (folder, now) = (app.trust.clone(), app.clock.now());
    let present = tokio::task::spawn_blocking(move || folder.present()).await;
    let Some(snapshot) = present.map_err(|error| InternalError::other(error.to_string()))? else {
        return Ok(Vec::new());
    };
    let counting = snapshot.anchors.iter().filter(|anchor| anchor.is_for_payments(now));
    Ok(counting.map(|anchor| anchor.certificate.clone()).collect())
}
