//! The identity check of a request: asked when it is entered, kept in its content, which is what an approver approves. A check that failed is told to
//! whoever enters, who goes on with a ground of their own or not at all; one that could not be made is recorded so, or keeps the request waiting.

use super::{Details, seal};
use crate::{
    accounts::Principal,
    app::App,
    attestation,
    audit::{self, Actor, Entry, Kind},
    config::UnavailableRule,
    error::{RequestError, RequestErrorKind, Result},
    identity::{Asked, Field, Finding, IdentityCheck, Outcome},
    store,
};
use chuky_model::{instant::Instant, record::request::RegistrationRequest};
use serde::Serialize;
use uuid::Uuid;

/// What a check came to, for whoever sees the request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct IdentityView {
    /// `passed`, `failed` or `not_done`.
    #[schema(value_type = String)]
    pub outcome: Outcome,
    /// `statement`, `matches`, `differs`, `unknown`, `deceased` or `unavailable`.
    #[schema(value_type = String)]
    pub finding: Finding,
    /// What differs: `name`, `birth_date`, `sex`.
    #[schema(value_type = Vec<String>)]
    pub fields: Vec<Field>,
    /// RFC 3339.
    pub at: String,
    /// Why the request was entered although the check failed.
    pub ground: String,
}

impl IdentityView {
    pub(super) fn of(check: &IdentityCheck) -> Self {
        Self {
            outcome: check.outcome(),
            finding: check.finding,
            fields: check.fields.clone(),
            at: check.at.rfc3339(),
            ground: check.ground.clone(),
        }
    }
}

/// Whether a failed check keeps the request from being entered.
#[derive(Clone, Copy)]
pub(super) enum Despite<'g> {
    /// Whoever enters it says why it is entered all the same; empty where they have not been told yet.
    Ground(&'g str),
    /// Whoever decides is shown it: the subscriber was identified before, and something follows their certificate.
    Decided,
}

/// The content with what the provider says of its person. Of the deceased nothing is entered.
pub(super) async fn checked(app: &App, by: &Principal, details: Details, despite: Despite<'_>) -> Result<Details> {
    let mut check = ask(app, &details).await;
    let ground = match despite {
        Despite::Ground(ground) => ground.trim(),
        Despite::Decided => "",
    };
    if ground.chars().count() > LONGEST_GROUND {
        let (vi, en) = ("Lý do dài tối đa 500 ký tự.", "The ground has at most 500 characters.");
        return Err(RequestError::invalid(GROUND, "ground_too_long", vi, en).into());
    }
    let stops = match (check.outcome(), despite) {
        (Outcome::Failed, _) if check.finding == Finding::Deceased => true,
        (Outcome::Failed, Despite::Ground(_)) => ground.is_empty(),
        _ => false,
    };
    if stops {
        let now = app.clock.now();
        let entry = Entry::new(now, Kind::IdentityRefused, Actor::Account(by.account), subject());
        let mut transaction = app.store.begin().await?;
        audit::record(&mut transaction, entry.with(check.told())).await?;
        transaction.commit().await?;
        return Err(does_not_fit(&check).into());
    }
    if check.outcome() == Outcome::Failed {
        ground.clone_into(&mut check.ground);
    }
    Ok(Details { identity: Some(check), ..details })
}

/// Nothing of the person: who tried stands beside it.
fn subject() -> String {
    format!("identity_check:{}", Uuid::now_v7())
}

/// Passes where a request may be approved as far as its check goes. One that waits for the database has it asked again; what it says now is
/// stored, and looked at before anything is approved.
pub(super) async fn settled(
    app: &App,
    by: &Principal,
    request: &mut RegistrationRequest,
    details: &Details,
) -> Result<()> {
    let waits = details.identity.as_ref().is_some_and(|check| check.finding == Finding::Unavailable);
    if !waits || app.settings.identity.unavailable != UnavailableRule::Wait {
        return Ok(());
    }
    let check = ask(app, details).await;
    if check.finding == Finding::Unavailable {
        return Err(still_waits().into());
    }
    let told = check.told();
    request.details = seal(app, request.id, &Details { identity: Some(check), ..details.clone() })?;
    let now: Instant = app.clock.now();
    request.updated_at = now;
    attestation::attest_change(&*app.tokens.subscribers, request).await?;
    let mut transaction = app.store.begin().await?;
    match transaction.update_request_content(request).await {
        Err(store::Error::Stale) => return Err(super::moved_on().into()),
        other => other?,
    }
    let entry = Entry::of_row(now, Kind::IdentityChecked, Actor::Account(by.account), &*request);
    audit::record(&mut transaction, entry.with(told)).await?;
    transaction.commit().await?;
    Err(answered().into())
}

async fn ask(app: &App, details: &Details) -> IdentityCheck {
    let asked = Asked {
        number: &details.personal_number,
        name: &details.full_name,
        birth_date: &details.birth_date,
        sex: details.sex,
    };
    app.identity.ask(&app.clock, asked).await
}

fn does_not_fit(check: &IdentityCheck) -> RequestError {
    match check.finding {
        // Nothing that whoever enters it could say changes this.
        Finding::Deceased => RequestError::new(
            RequestErrorKind::Invalid,
            "person_deceased",
            "Cơ sở dữ liệu dân cư ghi người này đã chết. Không nhập hồ sơ; hãy báo cán bộ an ninh.",
            "The population database says that this person has died. Nothing is entered; tell the security officer.",
        ),
        Finding::Unknown => RequestError::invalid(
            GROUND,
            "person_unknown_number",
            "Cơ sở dữ liệu dân cư không có số định danh này. Hãy đối chiếu lại với thẻ; nếu vẫn nhập, hãy ghi lý do.",
            "The population database does not know this number. Compare it with the card again; to enter it all the same, give a ground.",
        ),
        _ => {
            let named = |name: fn(Field) -> &'static str| {
                check.fields.iter().map(|field| name(*field)).collect::<Vec<_>>().join(", ")
            };
            let vi = named(|field| match field {
                Field::Name => "họ và tên",
                Field::BirthDate => "ngày sinh",
                Field::Sex => "giới tính",
            });
            let en = named(|field| match field {
                Field::Name => "name",
                Field::BirthDate => "birth date",
                Field::Sex => "sex",
            });
            let vi =
                format!("Cơ sở dữ liệu dân cư ghi khác: {vi}. Hãy đối chiếu lại với thẻ; nếu vẫn nhập, hãy ghi lý do.");
            let en = format!(
                "The population database has something else: {en}. Compare it with the card again; to enter it all the same, give a ground."
            );
            RequestError::invalid(GROUND, "identity_differs", vi, en)
        }
    }
}

fn still_waits() -> RequestError {
    RequestError::conflict(
        "identity_waits",
        "Cơ sở dữ liệu dân cư chưa trả lời, nên hồ sơ này chưa duyệt được. Hãy thử lại sau ít phút.",
        "The population database has not answered, so this request cannot be approved yet. Try again in a moment.",
    )
}

fn answered() -> RequestError {
    RequestError::conflict(
        "identity_answered",
        "Cơ sở dữ liệu dân cư vừa trả lời. Hãy xem kết quả kiểm tra trước khi duyệt.",
        "The population database has just answered. Look at what it says before you approve.",
    )
}

/// The field beside which a check that failed is shown.
const GROUND: &str = "identity_ground";
const LONGEST_GROUND: usize = 500;
