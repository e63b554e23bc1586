//! A signed PDF taken to a higher level (EN 319 142-1 §6.3): what its verdict relied on goes into the document, then a timestamp over all of it.
//! No signature changes and no subscriber's key is asked, so the service does the same by itself for archives (`archive`).

use super::{
    archive,
    document::{self, Bytes},
    evidence::Stamping,
    form::{Form, PDF},
    places::Place,
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
        state::{AuthorityState, KeyPurpose},
    },
    report::{DocumentFormat, Indication, Report},
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
}

/// A level that is reached without the signer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
pub enum ArchiveLevel {
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
    let raised =
        raised(app, Actor::Account(by.account), &document, wanted.level, app.places.enter(by.account)?).await?;
    let (document, report) = raised.stored(app, None).await?;
    Ok(Signed { document: document::view_of(app, &document)?, report, code: None })
}

/// The document with everything of that level; its row is the caller's to record.
pub(super) async fn raised(
    app: &App,
    by: Actor,
    document: &Document,
    level: ArchiveLevel,
    place: Place,
) -> Result<Unrecorded> {
    is_pdf(document)?;
    let name = document::name_of(app, document)?;
    let mut clear = document::opened(app, document, Bytes::newest(document), place).await?;
    // 1. Only what counts today is worth keeping: nothing that is added now proves anything earlier.
    let Relying { report, relied, mut evidence } = verification::judge_relying(app, &name, &clear).await?;
    counts(&report)?;
    let hierarchy = hierarchy_of(app, &relied).await?;
    let stamping = Stamping::of(app, hierarchy).await?;
    // 2. A proven time for every signature (level T), before the data that checks it.
    if report.signatures.iter().any(|signature| signature.best_signature_time.is_none()) {
        document_timestamp(app, &stamping, &mut clear).await?;
    }
    // 3. The data that checks signatures and timestamps (level LT).
    // A renewal adds nothing about signers: what proves them is in the document.
    let ocsp_responses = match by {
        Actor::Account(_) => answers(app, &relied).await?,
        _ => Vec::new(),
    };
    let answers = LongTermData { ocsp_responses, ..LongTermData::default() };
    let added = together(answers, stamping.long_term(app).await?);
    add_long_term(app, together(relied, added), &mut clear).await?;
    // 4. A timestamp over all of it (level LTA).
    if level == ArchiveLevel::LTA {
        document_timestamp(app, &stamping, &mut clear).await?;
    }
    // 5. Nothing is kept that our own verifier does not call valid by the same evidence.
    evidence.at = app.clock.now();
    let after = verification::judge_again(app, &name, &clear, evidence).await?.report;
    if after.indication != Indication::TotalPassed || after.signatures.len() != report.signatures.len() {
        tracing::error!(event = "extension_not_valid", integrity = ?after.integrity, indication = ?after.indication);
        return Err(InternalError::other("the own verifier does not call the extended document valid").into());
    }
    let content = serde_json::json!({ "level": format!("{level:?}"), "format": Form::Pades.name() });
    let made = Unrecorded::of_file(app, (by, document), (clear, Form::Pades), (Kind::DocumentExtended, content), after)
        .await?;
    match level {
        ArchiveLevel::LT => Ok(made),
        ArchiveLevel::LTA => archive::renewed_later(app, made, hierarchy, stamping.counts_until(app.clock.now())?),
    }
}

/// A document that is signed in another format has other places for the same.
fn is_pdf(document: &Document) -> Result<()> {
    let signed = document.signed_stored_as.as_ref().map(|_| Form::of_row(document.signed_format.as_deref()));
    if signed.map_or(document.media_type == PDF, |form| form == Form::Pades) {
        return Ok(());
    }
    Err(RequestError::invalid(
        "document",
        "extension_of_format",
        "Chỉ văn bản PDF đã ký mới nâng mức lưu trữ được ở đây. Với định dạng khác, hãy chọn mức LTA ngay khi ký.",
        "Only signed PDF documents are extended here. For other formats choose level LTA when signing.",
    )
    .into())
}

/// Passes where every signature counts.
fn counts(report: &Report) -> Result<()> {
    if report.format != DocumentFormat::PAdES || report.signatures.is_empty() {
        return Err(RequestError::conflict(
            "document_not_signed",
            "Văn bản này chưa có chữ ký nào. Hãy ký trước rồi mới nâng mức lưu trữ.",
            "This document has no signature yet. Sign it first, then extend it.",
        )
        .into());
    }
    if report.indication == Indication::TotalPassed {
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
