//! A signed document of any format taken to a higher level (EN 319 142-1 §6.3, EN 319 132-1 §6.3, EN 319 122-1 §6.3, TS 119 182-1 §6.3): what its verdict
//! relied on goes into it, then a timestamp over all of it. No signature changes and no subscriber's key is asked, so the service does the same by itself
//! for archives (`archive`). PDF here, other formats in `augment`.

use super::{
    archive,
    augment::{Aim, Signatures, sound},
    document::{self, Bytes},
    evidence::Stamping,
    form::Form,
    places::{Clear, Place},
    request::is_shown,
    sign::{Signed, Unrecorded, add_long_term, document_timestamp},
};
use crate::{
    accounts::Principal,
    app::App,
    audit::{Actor, Kind},
    error::{InternalError, RequestError, Result},
    issuance::{Authority, ocsp},
    verification::{self, Relying},
};
use chuky_model::{
    id::DocumentId,
    record::{
        document::Document,
        state::{AuthorityState, DocumentState, KeyPurpose},
    },
    report::{DocumentFormat, Indication, Integrity, Report, SubIndication},
    request::Hierarchy,
};
use chuky_pki::{certificate::Certificate, pdf::write::LongTermData};
use serde::Deserialize;

/// What a document is taken to.
#[derive(Clone, Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ExtensionRequest {
    #[serde(default)]
    pub level: ArchiveLevel,
    /// Hex of the SHA-256 of the bytes that are meant; others are refused.
    pub sha256: Option<String>,
    /// Which signatures, by the `id` that the verification report has; all where absent. A PDF is extended as a whole.
    pub signatures: Option<Vec<String>>,
    /// The identifier of the caller's document that a detached signature covers, where that was signed elsewhere.
    pub content: Option<String>,
}

/// A level that is reached without the signer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
pub enum ArchiveLevel {
    /// With a timestamp that proves when the signature was there.
    T,
    /// With the data that checks it later.
    LT,
    /// With an archive timestamp over all of it.
    #[default]
    LTA,
}

/// Extends the caller's document; the answer holds the verdict on what came of it.
pub async fn extend(app: &App, by: &Principal, id: DocumentId, wanted: &ExtensionRequest) -> Result<Signed> {
    let document = document::load(app, by, id).await?;
    is_shown(wanted.sha256.as_deref(), &Bytes::newest(&document).written.sha256)?;
    let place = app.places.enter(by.account)?;
    let raised = raised(app, Actor::Account(by.account), &document, wanted, place).await?;
    let (document, report) = raised.stored(app, None).await?;
    Ok(Signed { document: document::view_of(app, &document)?, report, code: None })
}

/// The document with everything of that level; its row is the caller's to record.
pub(super) async fn raised(
    app: &App,
    by: Actor,
    document: &Document,
    wanted: &ExtensionRequest,
    place: Place,
) -> Result<Unrecorded> {
    let name = document::name_of(app, document)?;
    let content = content_of(app, document, wanted, &place).await?;
    let clear = document::opened(app, document, Bytes::newest(document), place).await?;
    let beside = content.as_deref();
    // 1. Only what counts today is worth keeping: nothing that is added now proves anything earlier.
    let Relying { report, relied, mut evidence } = verification::judge_relying(app, &name, (&clear, beside)).await?;
    counts(&report, wanted, content.is_some())?;
    let hierarchy = hierarchy_of(app, &relied).await?;
    let stamping = Stamping::of(app, hierarchy).await?;
    // 2. What checks signatures and timestamps later, then that level.
    // A renewal adds nothing about signers: what proves them is in the document.
    let ocsp_responses = match by {
        Actor::Account(_) if wanted.level != ArchiveLevel::T => answers(app, &relied).await?,
        _ => Vec::new(),
    };
    let answers = LongTermData { ocsp_responses, ..LongTermData::default() };
    let data = together(relied, together(answers, stamping.long_term(app).await?));
    let (clear, timestamps) = match report.format {
        DocumentFormat::PAdES => (in_pdf(app, &stamping, (&report, wanted), data, clear).await?, 0),
        _ => {
            let aim = Aim { stamping: &stamping, wanted, report: &report, evidence: &evidence };
            let signatures = Signatures { app, name: &name, clear, content: content.as_ref() };
            signatures.taken_to(&aim, data).await?
        }
    };
    // 3. Nothing is kept that our own verifier does not call valid by the same evidence.
    evidence.at = app.clock.now();
    let after = verification::judge_again(app, &name, (&clear, beside), evidence).await?.report;
    let whole = after.signatures.len() == report.signatures.len();
    if !whole || counts(&after, wanted, true).is_err() || sound(&after) < sound(&report).saturating_add(timestamps) {
        tracing::error!(event = "extension_not_valid", integrity = ?after.integrity, indication = ?after.indication);
        return Err(InternalError::other("the own verifier does not call the extended document valid").into());
    }
    let form = form_of(document, &report);
    let wanted = &ExtensionRequest { signatures: archives(&after, wanted), ..wanted.clone() };
    let told = serde_json::json!({
        "level": format!("{:?}", wanted.level), "format": form.name(), "signatures": wanted.signatures, "content": wanted.content,
    });
    let made = Unrecorded::of_file(app, (by, document), (clear, form), (Kind::DocumentExtended, told), after).await?;
    match wanted.level {
        ArchiveLevel::T | ArchiveLevel::LT => Ok(made),
        ArchiveLevel::LTA => {
            archive::renewed_later(app, made, wanted, (hierarchy, stamping.counts_until(app.clock.now())?))
        }
    }
}

/// The signatures that are renewed from now on: those that were asked for, and those that were taken to level LTA before; `None` for all.
fn archives(after: &Report, wanted: &ExtensionRequest) -> Option<Vec<String>> {
    let mut signatures = wanted.signatures.clone()?;
    let archived = after.signatures.iter().filter(|line| line.format.ends_with("-LTA")).map(|line| &line.id);
    for id in archived {
        if !signatures.contains(id) {
            signatures.push(id.clone());
        }
    }
    Some(signatures)
}

/// The steps for PDF (EN 319 142-1 §6.3).
async fn in_pdf(
    app: &App,
    stamping: &Stamping,
    (report, wanted): (&Report, &ExtensionRequest),
    data: LongTermData,
    mut clear: Clear,
) -> Result<Clear> {
    // A proven time for every signature (level T), before the data that checks it.
    if report.signatures.iter().any(|signature| signature.best_signature_time.is_none()) {
        document_timestamp(app, stamping, &mut clear).await?;
    }
    if wanted.level != ArchiveLevel::T {
        add_long_term(app, data, &mut clear).await?;
    }
    if wanted.level == ArchiveLevel::LTA {
        document_timestamp(app, stamping, &mut clear).await?;
    }
    Ok(clear)
}

/// What a detached signature covers: the original of a document that was signed here, or another document of the same owner.
async fn content_of(app: &App, document: &Document, wanted: &ExtensionRequest, place: &Place) -> Result<Option<Clear>> {
    if document.signed_stored_as.is_some() && Form::of_row(document.signed_format.as_deref()).is_detached() {
        return document::opened(app, document, Bytes::of_original(document), place.clone()).await.map(Some);
    }
    let Some(id) = &wanted.content else { return Ok(None) };
    let id: DocumentId = id.parse().map_err(|_| RequestError::not_found())?;
    let own = |other: &Document| {
        other.owner_id == document.owner_id && !matches!(other.state, DocumentState::Removed | DocumentState::Outgoing)
    };
    let content = document::genuine(app, id).await?.filter(own).ok_or_else(RequestError::not_found)?;
    document::opened(app, &content, Bytes::of_original(&content), place.clone()).await.map(Some)
}

/// What the file is kept as.
fn form_of(document: &Document, report: &Report) -> Form {
    match (&document.signed_stored_as, report.format) {
        (Some(_), _) => Form::of_row(document.signed_format.as_deref()),
        (None, DocumentFormat::PAdES) => Form::Pades,
        (None, _) => Form::AsUploaded,
    }
}

/// Passes where every signature that is meant counts.
fn counts(report: &Report, wanted: &ExtensionRequest, has_content: bool) -> Result<()> {
    use DocumentFormat::{AsicE, AsicS, CAdES, JAdES, PAdES, XAdES};
    if report.signatures.is_empty() {
        return Err(RequestError::conflict(
            "document_not_signed",
            "Văn bản này chưa có chữ ký nào. Hãy ký trước rồi mới nâng mức lưu trữ.",
            "This document has no signature yet. Sign it first, then extend it.",
        )
        .into());
    }
    if !matches!(report.format, PAdES | XAdES | CAdES | JAdES | AsicE | AsicS) {
        return Err(of_format().into());
    }
    if report.format == PAdES && wanted.signatures.is_some() {
        return Err(pdf_as_a_whole().into());
    }
    if !has_content && report.sub_indication == Some(SubIndication::SignedDataNotFound) {
        return Err(content_needed().into());
    }
    let mut meant =
        report.signatures.iter().filter(|line| wanted.signatures.as_ref().is_some_and(|ids| ids.contains(&line.id)));
    let chosen_count = wanted.signatures.is_some()
        && report.integrity == Integrity::Intact
        && meant.all(|line| line.indication == Indication::TotalPassed);
    if report.indication == Indication::TotalPassed || chosen_count {
        return Ok(());
    }
    let (vi, en) = (&report.message.vi, &report.message.en);
    Err(RequestError::conflict(
        "signature_does_not_count",
        format!("Không nâng mức lưu trữ được vì chữ ký hiện không được xác nhận là hợp lệ: {vi}"),
        format!("The document cannot be extended because its signatures do not count as valid now: {en}"),
    )
    .into())
}

fn of_format() -> RequestError {
    RequestError::invalid(
        "document",
        "extension_of_format",
        "Chữ ký trong tệp văn phòng (OOXML, ODF) không nâng mức lưu trữ được ở đây. Hãy ký tệp này ở mức LTA dưới dạng PAdES, XAdES, CAdES, JAdES hoặc ASiC.",
        "Signatures of office documents (OOXML, ODF) are not extended here. Sign the file at level LTA as PAdES, XAdES, CAdES, JAdES or ASiC.",
    )
}

fn pdf_as_a_whole() -> RequestError {
    RequestError::invalid(
        "signatures",
        "pdf_as_a_whole",
        "Dấu thời gian của PDF bao trùm cả tệp nên không chọn riêng từng chữ ký. Hãy bỏ trống signatures.",
        "A document timestamp covers the whole PDF, so single signatures are not chosen. Leave signatures out.",
    )
}

fn content_needed() -> RequestError {
    RequestError::invalid(
        "content",
        "content_needed",
        "Chữ ký này tách rời khỏi nội dung được ký. Hãy tải tệp nội dung lên rồi ghi mã của nó vào content.",
        "This signature is detached from what it covers. Upload that file as well and name its identifier in content.",
    )
}

/// Whose timestamps are taken: those of the hierarchy that signed, where one of this authority's did.
async fn hierarchy_of(app: &App, relied: &LongTermData) -> Result<Hierarchy> {
    let authority = Authority::of(app).await?;
    let own = authority.issuers().find(|key| relied.certificates.iter().any(|der| der == key.certificate.der()));
    Ok(own.map_or(Hierarchy::Citizens, |key| key.hierarchy))
}

/// What the responder says now of signers that were certified here: the published list says nothing of a certificate that was issued since.
async fn answers(app: &App, relied: &LongTermData) -> Result<Vec<Vec<u8>>> {
    let (authority, now) = (Authority::of(app).await?, app.clock.now());
    let certified = |certificate: &Certificate| {
        authority.issuers().filter(|issuer| issuer.state != AuthorityState::Ended).any(|issuer| {
            issuer.purpose == KeyPurpose::Issuing
                && issuer.certificate.subject().matches(certificate.issuer())
                && issuer.certificate.public_key().is_ok_and(|key| certificate.verify_signature(&key).is_ok())
        })
    };
    let read = relied.certificates.iter().filter_map(|der| Certificate::from_der(der).ok());
    let mut answers = Vec::new();
    for certificate in read.filter(|one| one.not_after() > now && certified(one)).take(MOST_ANSWERS) {
        match ocsp::response_about(app, &certificate).await {
            Ok(answer) => answers.push(answer),
            // The lists check it as well; the verdict on what comes of it decides.
            Err(error) => tracing::warn!(event = "extended_without_answer", %error),
        }
    }
    Ok(answers)
}

/// Each thing once.
fn together(mut data: LongTermData, more: LongTermData) -> LongTermData {
    let join = |all: &mut Vec<Vec<u8>>, more: Vec<Vec<u8>>| {
        for one in more {
            if !all.contains(&one) {
                all.push(one);
            }
        }
    };
    join(&mut data.certificates, more.certificates);
    join(&mut data.revocation_lists, more.revocation_lists);
    join(&mut data.ocsp_responses, more.ocsp_responses);
    data
}

/// Signers of one document that are asked for; of others the lists must say it.
const MOST_ANSWERS: usize = 64;
