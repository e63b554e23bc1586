//! What people do with a document until it is signed: the drafter submits or withdraws it, colleagues agree by initials, competent persons
//! sign, one or many with one activation, and anybody whose turn it is may refuse it with a reason.

use super::{
    details::Details,
    draft::signature_field,
    limits::BATCH,
    road::{Act, Also, Road, clerk, not_your_turn, reason},
    seal::of_the_agency,
    view::{self, OutgoingView},
};
use crate::{
    accounts::Principal,
    app::App,
    audit::Kind,
    custody::{self, Factors},
    error::{Error, RequestError, Result},
    signing::{self, Level, Look, SignRequest, ToSign, code::CodeRequest, picture::PictureWanted},
};
use chuky_model::{
    id::{CredentialId, OutgoingId},
    record::state::{OutgoingState, StepKind, StepState},
    text::Bilingual,
};
use serde::{Deserialize, Serialize};

/// What became of one document of a batch.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct BatchLine {
    pub id: String,
    pub signed: bool,
    /// Where it stands now.
    pub document: Option<OutgoingView>,
    /// Why it was not signed.
    #[schema(value_type = Option<Object>)]
    pub detail: Option<Bilingual>,
}

/// Sends a draft on its road.
pub async fn submit(app: &App, by: &Principal, id: OutgoingId) -> Result<OutgoingView> {
    let mut road = Road::load(app, by, id).await?;
    road.stands(OutgoingState::Draft)?;
    if road.row.drafted_by != by.account {
        return Err(RequestError::forbidden().into());
    }
    let details = Details::of(app, &road.row)?;
    road.go_on(&details, app.clock.now());
    let act = Act { by, kind: Kind::OutgoingSubmitted, note: None };
    road.store(app, OutgoingState::Draft, act, Also::Nothing).await?;
    view::of_road(app, by, &road).await
}

/// Ký nháy: the caller agrees to what was shown, where it is said what that was.
pub async fn initial(
    app: &App,
    by: &Principal,
    id: OutgoingId,
    (seen, note): (Option<&str>, Option<&str>),
) -> Result<OutgoingView> {
    let mut road = Road::load(app, by, id).await?;
    road.stands(OutgoingState::Initials)?;
    is_what_was_seen(&road, seen)?;
    let note = note.map(str::trim).filter(|note| !note.is_empty()).map(reason).transpose()?;
    let now = app.clock.now();
    let step = road.waiting_step()?;
    step.state = StepState::Done;
    step.acted_by = Some(by.account);
    step.acted_at = Some(now);
    let details = Details::of(app, &road.row)?;
    road.go_on(&details, now);
    let act = Act { by, kind: Kind::OutgoingInitialled, note: note.as_deref() };
    road.store(app, OutgoingState::Initials, act, Also::Nothing).await?;
    view::of_road(app, by, &road).await
}

/// Whoever has it refuses it, with a reason. A number that it has is void from then on; what is sealed is issued and can only be called back.
pub async fn refuse(app: &App, by: &Principal, id: OutgoingId, why: &str) -> Result<OutgoingView> {
    let mut road = Road::load(app, by, id).await?;
    let why = reason(why)?;
    let before = road.row.state;
    let now = app.clock.now();
    match before {
        OutgoingState::Initials | OutgoingState::Signing => {
            let step = road.waiting_step()?;
            step.state = StepState::Refused;
            step.acted_by = Some(by.account);
            step.acted_at = Some(now);
        }
        OutgoingState::Numbering | OutgoingState::Sealing => clerk(by)?,
        _ => return Err(super::road::moved_on().into()),
    }
    for step in road.steps.iter_mut().filter(|step| step.state == StepState::Waiting) {
        step.state = StepState::Planned;
    }
    let details = Details::of(app, &road.row)?;
    road.moves_to(OutgoingState::Refused, &details, now);
    let act = Act { by, kind: Kind::OutgoingRefused, note: Some(&why) };
    road.store(app, before, act, Also::Void(&why)).await?;
    view::of_road(app, by, &road).await
}

/// The drafter takes it back, before it is signed by everybody.
pub async fn withdraw(app: &App, by: &Principal, id: OutgoingId, why: &str) -> Result<OutgoingView> {
    let mut road = Road::load(app, by, id).await?;
    let why = reason(why)?;
    if road.row.drafted_by != by.account {
        return Err(RequestError::forbidden().into());
    }
    let before = road.row.state;
    if !before.may_become(OutgoingState::Withdrawn) {
        return Err(super::road::moved_on().into());
    }
    for step in road.steps.iter_mut().filter(|step| step.state == StepState::Waiting) {
        step.state = StepState::Planned;
    }
    let details = Details::of(app, &road.row)?;
    road.moves_to(OutgoingState::Withdrawn, &details, app.clock.now());
    let act = Act { by, kind: Kind::OutgoingWithdrawn, note: Some(&why) };
    road.store(app, before, act, Also::Void(&why)).await?;
    view::of_road(app, by, &road).await
}

/// Signs documents that wait for the caller, all with one activation. One that fails does not keep the others back.
pub async fn sign(
    app: &App,
    by: &Principal,
    credential: CredentialId,
    factors: &Factors,
    wanted: &[(OutgoingId, Option<String>)],
    picture: PictureWanted<'_>,
) -> Result<Vec<BatchLine>> {
    // 1. A person's signature, for at most so many documents, each once.
    let distinct: std::collections::HashSet<OutgoingId> = wanted.iter().map(|(id, _)| *id).collect();
    if wanted.is_empty() || wanted.len() > BATCH || distinct.len() != wanted.len() {
        let (vi, en) = ("Hãy chọn từ 1 đến 50 văn bản, mỗi văn bản một lần.", "Choose 1 to 50 documents, each once.");
        return Err(RequestError::invalid("documents", "batch_size", vi, en).into());
    }
    let signer = custody::signer(app, by, credential).await?;
    if signer.personal_number().is_none() {
        return Err(not_personal().into());
    }
    of_the_agency(app, &signer, &by.unit).await?;
    let picture = picture.of_credential(app, by, credential).await?;
    // 2. Those that wait for the caller and are what the caller was shown.
    let mut lines = Vec::new();
    let (mut roads, mut to_sign) = (Vec::new(), Vec::new());
    for (id, seen) in wanted {
        match ready(app, by, credential, *id, seen.as_deref(), picture.as_deref()).await {
            Ok((road, position, one)) => {
                roads.push((road, position));
                to_sign.push(one);
                lines.push(None);
            }
            // Alone, an error of the world is told as such; among others it is one line's.
            Err(error @ Error::Internal(_)) if wanted.len() == 1 => return Err(error),
            Err(error) => lines.push(Some(line(*id, Err(error)))),
        }
    }
    // 3. One activation for all, and each stored by itself.
    let signed = match to_sign.is_empty() {
        true => Vec::new(),
        false => signing::sign_all(app, by, credential, factors, &to_sign).await?,
    };
    let mut signed = signed.into_iter().zip(roads);
    for (place, (id, _)) in lines.iter_mut().zip(wanted) {
        if place.is_some() {
            continue;
        }
        let Some((made, (road, position))) = signed.next() else { break };
        let outcome = match made {
            Ok(made) => record(app, by, (road, position), made).await,
            Err(error) => Err(error),
        };
        *place = Some(line(*id, outcome));
    }
    Ok(lines.into_iter().flatten().collect())
}

/// Refuses to go on with other bytes than those that somebody was shown, in hex.
pub(super) fn is_what_was_seen(road: &Road, seen: Option<&str>) -> Result<()> {
    match seen.filter(|seen| !seen.eq_ignore_ascii_case(&hex::encode(&road.row.content_sha256))) {
        Some(_) => Err(content_differs().into()),
        None => Ok(()),
    }
}

async fn ready(
    app: &App,
    by: &Principal,
    credential: CredentialId,
    id: OutgoingId,
    seen: Option<&str>,
    picture: Option<&str>,
) -> Result<(Road, i64, ToSign)> {
    let (mut road, document) = Road::with_document(app, by, id).await?;
    road.stands(OutgoingState::Signing)?;
    let step = road.waiting_step()?;
    if step.kind != StepKind::Sign {
        return Err(super::road::moved_on().into());
    }
    let position = step.position;
    is_what_was_seen(&road, seen)?;
    let details = Details::of(app, &road.row)?;
    let wanted = SignRequest {
        level: Level::LT,
        look: Look::Official,
        field: Some(signature_field(position)),
        picture: picture.map(str::to_owned),
        // Behind a signature nothing can be put beside it.
        code: (details.verification_code && document.signed_sha256.is_none()).then(CodeRequest::default),
        ..SignRequest::plain(credential)
    };
    Ok((road, position, ToSign { document, wanted }))
}

/// Stores a signature, where the part that it was made for is still the caller's: a delegation may have been taken back meanwhile.
async fn record(
    app: &App,
    by: &Principal,
    (mut road, position): (Road, i64),
    made: signing::Unrecorded,
) -> Result<OutgoingView> {
    let now = app.clock.now();
    let looked = road.seen_by(app, by).await;
    let step = looked.and_then(|()| road.waiting_step()).and_then(|step| match step.position == position {
        true => Ok(step),
        false => Err(not_your_turn().into()),
    });
    let step = match step {
        Ok(step) => step,
        Err(error) => {
            made.give_up(app);
            return Err(error);
        }
    };
    step.state = StepState::Done;
    step.acted_by = Some(by.account);
    step.acted_at = Some(now);
    let details = Details::of(app, &road.row)?;
    road.go_on(&details, now);
    let act = Act { by, kind: Kind::OutgoingSigned, note: None };
    road.store_file(app, OutgoingState::Signing, act, made).await?;
    view::of_road(app, by, &road).await
}

fn line(id: OutgoingId, outcome: Result<OutgoingView>) -> BatchLine {
    let id = id.to_string();
    match outcome {
        Ok(document) => BatchLine { id, signed: true, document: Some(document), detail: None },
        Err(Error::Request(refused)) => BatchLine { id, signed: false, document: None, detail: Some(refused.detail) },
        Err(Error::Internal(error)) => {
            tracing::error!(event = "document_of_batch_not_signed", document = id, %error);
            let detail = RequestError::try_again().detail;
            BatchLine { id, signed: false, document: None, detail: Some(detail) }
        }
    }
}

fn content_differs() -> RequestError {
    RequestError::conflict(
        "content_differs",
        "Văn bản đã khác với bản bạn xem. Hãy mở lại văn bản trước khi ký.",
        "The document differs from what you were shown. Open it again before signing.",
    )
}

fn not_personal() -> RequestError {
    RequestError::invalid(
        "credential",
        "not_personal",
        "Người có thẩm quyền ký bằng chứng thư của mình, không bằng con dấu cơ quan hay thiết bị.",
        "A competent person signs with a personal certificate, not with an agency's seal or a device.",
    )
}
