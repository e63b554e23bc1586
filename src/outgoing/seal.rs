//! The agency's seal, over everything: the competent persons' signatures, number and date. It closes every field of the document.

use super::{
    act::is_what_was_seen,
    details::Details,
    draft::SEAL,
    road::{Act, Road, clerk},
    view::{self, OutgoingView},
};
use crate::{
    accounts::Principal,
    app::App,
    audit::Kind,
    custody::{self, Factors, Signer},
    error::{InternalError, RequestError, Result},
    signing::{self, Level, Look, SignRequest, ToSign, picture::PictureWanted},
};
use chuky_model::{
    id::{CredentialId, OutgoingId},
    record::{outgoing::OutgoingDocument, state::OutgoingState},
};

/// The clerk seals with the agency's certificate.
pub async fn seal(
    app: &App,
    by: &Principal,
    id: OutgoingId,
    credential: CredentialId,
    factors: &Factors,
    (seen, picture): (Option<&str>, PictureWanted<'_>),
) -> Result<OutgoingView> {
    // 1. A numbered document, and a seal rather than a person's certificate.
    let (mut road, document) = Road::with_document(app, by, id).await?;
    clerk(by)?;
    road.stands(OutgoingState::Sealing)?;
    is_what_was_seen(&road, seen)?;
    let signer = custody::signer(app, by, credential).await?;
    if signer.personal_number().is_some() {
        return Err(RequestError::invalid(
            "credential",
            "not_a_seal",
            "Hãy chọn chứng thư của cơ quan: văn thư đóng dấu bằng con dấu số của cơ quan, không bằng chữ ký cá nhân.",
            "Choose the agency's certificate: the clerk seals with the agency's seal, not with a personal signature.",
        )
        .into());
    }
    of_the_agency(app, &signer, &road.row.unit).await?;
    let subject = signer.certificate.subject();
    let agency = subject.organization();
    let agency = if agency.is_empty() { subject.common_name() } else { agency };
    // 2. Sealed into the field made for it.
    let wanted = SignRequest {
        level: Level::LT,
        look: Look::Seal,
        field: Some(SEAL.to_owned()),
        picture: picture.of_credential(app, by, credential).await?,
        ..SignRequest::plain(credential)
    };
    let sealed = signing::sign_all(app, by, credential, factors, &[ToSign { document, wanted }]).await?;
    let sealed = sealed.into_iter().next().ok_or_else(|| InternalError::other("nothing was sealed"))??;
    // The archive timestamp comes by itself: a timestamp authority that is down keeps no document from being issued.
    let sealed = sealed.archived_later(app)?;
    // 3. The row with the agency's name.
    let details = Details::of(app, &road.row)?;
    road.row.agency = Some(app.vault.seal(AGENCY, &id.to_string(), agency.as_bytes())?);
    road.moves_to(OutgoingState::Sealed, &details, app.clock.now());
    let act = Act { by, kind: Kind::OutgoingSealed, note: None };
    road.store_file(app, OutgoingState::Sealing, act, sealed).await?;
    view::of_road(app, by, &road).await
}

/// Refuses a certificate that was requested for another agency than the document's.
pub(super) async fn of_the_agency(app: &App, signer: &Signer, unit: &str) -> Result<()> {
    if signing::unit_of(app, signer).await?.as_deref() == Some(unit) {
        return Ok(());
    }
    Err(RequestError::invalid(
        "credential",
        "of_another_agency",
        "Chứng thư này được cấp cho cơ quan khác. Hãy chọn chứng thư của cơ quan ban hành văn bản.",
        "This certificate was issued for another agency. Choose one of the agency that issues the document.",
    )
    .into())
}

/// The agency's name as its seal's certificate has it, once it is sealed.
pub(super) fn agency_of(app: &App, row: &OutgoingDocument) -> Result<Option<String>> {
    let Some(sealed) = &row.agency else { return Ok(None) };
    let plain = app.vault.open(AGENCY, &row.id.to_string(), sealed)?;
    Ok(Some(String::from_utf8_lossy(&plain).into_owned()))
}

/// Where the agency's name is encrypted for.
const AGENCY: &str = "outgoing_document.agency";
