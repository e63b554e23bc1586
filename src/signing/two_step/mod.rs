//! Signing in two calls with a key that its holder keeps: `prepare` gives the digest to sign and a sealed continuation, `finish` takes the
//! value and gives the signed document. Nothing is kept between them, so any node finishes what another prepared (decision 0057). May use
//! what the service's other signatures use; never sees a key, and hands out nothing that our own verifier does not call valid.

mod continuation;
mod request;

pub use request::{FinishRequest, PreparationRequest, PreparationView};

use super::{
    document::{Content, checked_media_type, checked_name},
    evidence::Stamping,
    files,
    form::PDF,
    limits::{CONTINUATION_SECONDS, OCTETS_TO_SIGN, PIECE},
    own::{self, Chosen, Document, Workshop},
    places::{Clear, in_pieces},
    request::{Format, Level, Look, is_shown},
    routed::refuse_marked_pdf,
    sign::{Made, add_long_term, disk, pki},
};
use crate::{
    accounts::Principal,
    app::App,
    audit::{self, Actor, Entry, Kind},
    error::{RequestError, RequestErrorKind, Result},
    foreign,
    issuance::{Authority, status},
    verification,
};
use base64::{Engine, prelude::BASE64_STANDARD};
use chuky_model::{
    id::ForeignCertificateId,
    record::certificate::Certificate as Row,
    report::{Indication, Integrity, Report, Signer},
    request::Hierarchy,
    role::Role,
};
use chuky_pki::{
    algorithm::DigestAlgorithm, certificate::Certificate, crypto, crypto::Hasher, ocsp::Status,
    pdf::write::LongTermData,
};
use continuation::Continuation;
use std::{
    fs::File,
    io::{Read, Seek},
};
use uuid::Uuid;

/// A document as it came with a call.
pub struct Given {
    /// Unnamed.
    pub file: File,
    /// As its sender calls it.
    pub name: String,
    /// As its sender states it; may be empty.
    pub media_type: String,
}

/// The first step: everything but the value.
pub async fn prepare(app: &App, by: &Principal, given: Given, wanted: PreparationRequest) -> Result<PreparationView> {
    // 1. Who signs: a certificate that is good for signing now.
    let now = app.clock.now();
    let (certificate, mut others) = wanted.certificates()?;
    others.extend(Authority::of(app).await?.intermediates());
    let chosen = own::elsewhere(certificate, &others, wanted.scheme, now)?;
    let row = standing(app, &chosen.certificate).await?;
    is_offered(wanted.level, row.as_ref())?;
    let order = wanted.order();
    let registered = registered(app, by, (&chosen.certificate, row.as_ref())).await?;
    // Whose certificate it is was settled, as for those of this authority.
    if !(order.look == Look::Official && registered.is_some() && by.has(Role::Official)) {
        order.check_look(app, row.as_ref()).await?;
    }
    // 2. What is signed.
    let (sha256, size) = measured(&given.file).await?;
    is_shown(wanted.sha256.as_deref(), &sha256)?;
    refuse_marked_pdf(app, &given.file).await?;
    let name = checked_name(wanted.name.as_deref().unwrap_or(&given.name));
    let media_type = media_type(&wanted, &given.media_type);
    // 3. As far as its digest.
    let identifier = Uuid::new_v4();
    let document = document(app, given.file, (&name, &media_type), identifier)?;
    let workshop = Workshop { readers: &app.readers, chosen: &chosen, wanted: &order, now };
    let to_sign = workshop.prepare(document).await?;
    // 4. What goes on with it, for whichever node is asked.
    let continuation = Continuation {
        account: by.account.to_string(),
        expires_at: now.plus_seconds(CONTINUATION_SECONDS),
        at: now,
        identifier,
        sha256: hex::encode(&sha256),
        name,
        media_type,
        digest: hex::encode(to_sign.digest()),
        wanted: wanted.resolved(&chosen),
    };
    let signer = chosen.certificate.subject().common_name();
    Ok(PreparationView {
        digest: BASE64_STANDARD.encode(to_sign.digest()),
        to_be_signed: to_sign.octets(OCTETS_TO_SIGN).map(|octets| BASE64_STANDARD.encode(octets)),
        hash: chosen.scheme.hash(),
        scheme: chosen.scheme,
        signed_name: to_sign.signed_file().0,
        sha256: continuation.sha256.clone(),
        size,
        signer,
        serial: hex::encode(chosen.certificate.serial_octets()),
        signed_at: now.rfc3339(),
        expires_at: continuation.expires_at.rfc3339(),
        continuation: continuation.sealed(app)?,
    })
}

/// The second step: the value makes it a signed document, which is verified before it is handed out.
pub async fn finish(app: &App, by: &Principal, file: File, request: &FinishRequest) -> Result<Content> {
    // 1. What was prepared, by this account and not long ago; the certificate may have been revoked meanwhile.
    let continuation = Continuation::opened(app, by, &request.continuation)?;
    let wanted = &continuation.wanted;
    let chosen = wanted.chosen()?;
    own::check(&chosen.certificate, app.clock.now())?;
    let row = standing(app, &chosen.certificate).await?;
    let registered = registered(app, by, (&chosen.certificate, row.as_ref())).await?;
    // 2. The same document, prepared the same.
    let (sha256, _) = measured(&file).await?;
    if hex::encode(&sha256) != continuation.sha256 {
        return Err(document_another().into());
    }
    let order = wanted.order();
    let workshop = Workshop { readers: &app.readers, chosen: &chosen, wanted: &order, now: continuation.at };
    let content = file.try_clone().map_err(disk())?;
    let document = document(app, file, (&continuation.name, &continuation.media_type), continuation.identifier)?;
    let to_sign = workshop.prepare(document).await?;
    if hex::encode(to_sign.digest()) != continuation.digest {
        tracing::warn!(event = "continuation_not_reproduced", format = ?wanted.format);
        return Err(not_reproduced().into());
    }
    // 3. The value, and what the level adds.
    let (name, media_type) = to_sign.signed_file();
    let value = in_x509_form(&chosen, to_sign.digest(), request.value()?)?;
    let valued = workshop.take(to_sign, &value)?;
    let raised = Raised::of(app, by, (&chosen.certificate, row.as_ref()), (wanted.level, valued.timestamped())).await?;
    let is_pdf = valued.is_pdf();
    let mut made = workshop.written(valued, raised.token.as_deref(), raised.long_term.as_ref()).await?;
    if let (true, Some(data)) = (is_pdf, raised.long_term) {
        add_long_term(app, data, &mut made.file).await?;
    }
    // 4. Verified by our own verifier, recorded, handed out.
    let Made { mut file, content_after } = made;
    if let Some(length) = content_after {
        file.set_len(length).map_err(disk())?;
    }
    let content = content_after.is_some().then_some(&content);
    let judged = verification::judge_now(app, (&name, None), (&file, content)).await?;
    counts(&judged.report, &chosen.certificate)?;
    recorded(app, by, (&continuation, registered), &judged.report).await?;
    let size = file.metadata().map_err(disk())?.len();
    file.rewind().map_err(disk())?;
    Ok(Content { file, name, size, media_type })
}

/// The row of a certificate of this authority, which must be in force now as for every other signature; `None` of another authority's, whose
/// status the verifier judges by what is known and may be fetched.
async fn standing(app: &App, certificate: &Certificate) -> Result<Option<Row>> {
    match status::issued_here(app, certificate).await? {
        None => Ok(None),
        Some((row, Status::Good)) => Ok(Some(row)),
        Some(_) => Err(RequestError::conflict(
            "certificate_not_usable",
            "Chứng thư số này không dùng để ký được: đã hết hạn, bị tạm dừng hoặc bị thu hồi.",
            "This certificate cannot be signed with: it has expired, is suspended or is revoked.",
        )
        .into()),
    }
}

/// The caller's registration of a certificate of another authority; whose is registered for another signs nothing.
async fn registered(
    app: &App,
    by: &Principal,
    (certificate, row): (&Certificate, Option<&Row>),
) -> Result<Option<ForeignCertificateId>> {
    match row {
        Some(_) => Ok(None),
        None => foreign::may_sign(app, by, certificate).await,
    }
}

/// What a level adds to a signature.
struct Raised {
    token: Option<Vec<u8>>,
    long_term: Option<LongTermData>,
}

impl Raised {
    async fn of(
        app: &App,
        by: &Principal,
        (certificate, row): (&Certificate, Option<&Row>),
        (level, timestamped): (Level, [u8; 32]),
    ) -> Result<Self> {
        if level == Level::B {
            return Ok(Self { token: None, long_term: None });
        }
        let usual = if by.has(Role::Citizen) { Hierarchy::Citizens } else { Hierarchy::Officials };
        let stamping = Stamping::of(app, row.map_or(usual, |row| row.hierarchy)).await?;
        let token = Some(stamping.timestamp(app, &timestamped).await?);
        let long_term = match level {
            Level::LT => Some(stamping.long_term_of(app, certificate).await?),
            _ => None,
        };
        Ok(Self { token, long_term })
    }
}

/// Long-term data is what this authority knows of its own certificates; an archive timestamp is an extension's.
fn is_offered(level: Level, row: Option<&Row>) -> Result<()> {
    match (level, row) {
        (Level::B | Level::T, _) | (Level::LT, Some(_)) => Ok(()),
        (Level::LT | Level::LTA, _) => Err(RequestError::invalid(
            "level",
            "level_not_offered",
            "Với khóa của riêng bạn, ký ở mức B hoặc T; mức LT chỉ khi chứng thư do hệ thống này cấp. Sau đó PDF đã ký được nâng mức bằng /api/v1/documents/{id}/extensions.",
            "With a key of your own, sign at level B or T; at LT only where this service issued the certificate. /api/v1/documents/{id}/extensions takes the signed PDF further.",
        )
        .into()),
    }
}

fn document(app: &App, clear: File, (name, media_type): (&str, &str), identifier: Uuid) -> Result<Document> {
    let out = files::unnamed(&app.settings)?;
    Ok(Document { name: name.to_owned(), media_type: media_type.to_owned(), clear, out, identifier })
}

/// Clients that know nothing of a PDF's media type send one all the same where PAdES is asked for; the reader says what is none.
fn media_type(wanted: &PreparationRequest, stated: &str) -> String {
    let stated = wanted.media_type.as_deref().unwrap_or(stated);
    match (wanted.format, stated) {
        (Format::Pades, "" | "application/octet-stream") => PDF.to_owned(),
        (_, stated) => checked_media_type(stated),
    }
}

/// SHA-256 and size of a document that came with a call.
async fn measured(file: &File) -> Result<(Vec<u8>, u64)> {
    let mut file = Clear::of_request(file.try_clone().map_err(disk())?);
    in_pieces(move |wanted| {
        let (mut hasher, mut piece, mut size) = (Hasher::new(DigestAlgorithm::Sha256), vec![0; PIECE], 0_u64);
        file.rewind().map_err(disk())?;
        loop {
            wanted.check().map_err(disk())?;
            let count = file.read(&mut piece).map_err(disk())?;
            let read = piece.get(..count).unwrap_or_default();
            if read.is_empty() {
                return Ok((hasher.finish(), size));
            }
            size = size.saturating_add(read.len() as u64);
            hasher.update(read);
        }
    })
    .await
}

/// Tokens give an ECDSA value as two numbers of the same length (PKCS #11 §6.3.1), libraries as `Ecdsa-Sig-Value` (RFC 3279 §2.2.3): either is
/// taken, for only the right one verifies.
pub(crate) fn in_x509_form(chosen: &Chosen, digest: &[u8], value: Vec<u8>) -> Result<Vec<u8>> {
    let key = chosen.certificate.public_key().map_err(pki)?;
    let fits = |value: &[u8]| key.verify_digest(chosen.scheme.into(), digest, value).is_ok();
    if fits(&value) {
        return Ok(value);
    }
    let converted = crypto::ecdsa_raw_to_der(&value).filter(|value| fits(value));
    Ok(converted.unwrap_or(value))
}

/// Passes where the newest signature by that certificate counts, as for every other signature; earlier ones may be anybody's.
fn counts(report: &Report, certificate: &Certificate) -> Result<()> {
    let signer = certificate.to_signer();
    let is_ours = |found: &Signer| found.serial == signer.serial && found.issuer == signer.issuer;
    let ours = report.signatures.iter().rev().find(|signature| signature.signer.as_ref().is_some_and(is_ours));
    let good = ours.is_some_and(|signature| {
        signature.integrity == Integrity::Intact && signature.indication == Indication::TotalPassed
    });
    if good && matches!(report.integrity, Integrity::Intact | Integrity::Altered) {
        return Ok(());
    }
    let found = ours.and_then(|signature| signature.sub_indication).map(|found| format!(" ({found:?})"));
    let found = found.unwrap_or_default();
    tracing::warn!(event = "signature_elsewhere_not_valid", integrity = ?report.integrity, found);
    let (vi, en) = (&report.message.vi, &report.message.en);
    Err(RequestError::conflict(
        "signature_does_not_count",
        format!("Chữ ký vừa tạo không được xác nhận là hợp lệ{found} nên không giao tệp: {vi} Người quản trị cần tin cậy nơi cấp chứng thư và cho phép hỏi trạng thái thu hồi."),
        format!("The new signature is not confirmed as valid{found}, so no file is handed out: {en} The service must trust the certificate's issuer and be able to ask for its status."),
    )
    .into())
}

/// Which bytes by which certificate, without content.
async fn recorded(
    app: &App,
    by: &Principal,
    (continuation, registered): (&Continuation, Option<ForeignCertificateId>),
    report: &Report,
) -> Result<()> {
    let signed = report.sha256.as_deref().unwrap_or_default();
    let wanted = &continuation.wanted;
    let content = serde_json::json!({
        "document": continuation.sha256, "format": wanted.format, "packaging": wanted.packaging, "level": wanted.level,
        "certificate": wanted.fingerprint()?, "registered": registered,
    });
    let by = Actor::Account(by.account);
    let entry = Entry::new(app.clock.now(), Kind::DocumentSignedElsewhere, by, format!("document:{signed}"));
    let mut transaction = app.store.begin().await?;
    audit::record(&mut transaction, entry.with(content)).await?;
    Ok(transaction.commit().await?)
}

fn document_another() -> RequestError {
    RequestError::invalid(
        "document",
        "document_not_prepared",
        "Tệp này không phải là tệp đã được chuẩn bị ký (sha256 khác nhau). Hãy gửi đúng tệp đó, hoặc chuẩn bị lại.",
        "This file is not the one that was prepared (its sha256 differs). Send that one, or prepare again.",
    )
}

fn not_reproduced() -> RequestError {
    RequestError::new(
        RequestErrorKind::Conflict,
        "continuation_not_reproduced",
        "Không dựng lại được đúng bản đã chuẩn bị: có thể hệ thống vừa được nâng cấp. Hãy chuẩn bị rồi ký lại.",
        "What was prepared cannot be made again exactly: the service may have been upgraded. Prepare again, then sign.",
    )
}
