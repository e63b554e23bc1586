//! The forms of Decree 68/2024/NĐ-CP by which an agency asks the Government's official CA for certificates: which form a request is, what
//! goes into it, and who may have it filled. It holds whole personal numbers, so only who entered them or decides on them gets one.

use super::{Details, RequestView, lists, load, open};
use crate::{
    accounts::Principal,
    app::App,
    current,
    error::{RequestError, Result},
};
use chuky_model::{
    id::{AgencyListId, RequestId},
    request::{Hierarchy, RequestState, SubjectKind},
};

/// The forms that are filled, by their numbers in the decree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FormNumber {
    Person = 1,
    Organization = 2,
    Device = 3,
    Change = 4,
    Revocation = 5,
}

/// What goes into one form about a subscriber.
pub struct FormContent {
    pub number: FormNumber,
    pub details: Details,
    /// The serial of the certificate that the one asked for follows or replaces.
    pub follows: Option<String>,
}

/// The form of one request.
pub async fn of_request(app: &App, by: &Principal, id: RequestId) -> Result<FormContent> {
    let view = super::view(app, by, id).await?;
    if view.hierarchy != Hierarchy::Officials {
        return Err(not_official().into());
    }
    if !may_fill(by, &view) {
        return Err(RequestError::forbidden().into());
    }
    let request = load(app, id).await?;
    let details = open(app, &request)?;
    let follows = match request.follows_certificate {
        Some(certificate) => current::row(app, || app.store.certificate_by_id(certificate)).await?,
        None => None,
    };
    let number = match details.kind {
        _ if request.follows_certificate.is_some() || details.replaces.is_some() => FormNumber::Change,
        SubjectKind::Person => FormNumber::Person,
        SubjectKind::Seal => FormNumber::Organization,
        SubjectKind::Device => FormNumber::Device,
        SubjectKind::PaymentProvider => return Err(not_official().into()),
    };
    Ok(FormContent { number, details, follows: follows.map(|certificate| certificate.serial.to_string()) })
}

/// Whether that reader may have the form of that request: an official's that came to something or still may, for who entered it and,
/// while it waits, for who may decide on it.
pub fn may_fill(by: &Principal, view: &RequestView) -> bool {
    let stands = !matches!(view.state, RequestState::Rejected | RequestState::Expired);
    view.hierarchy == Hierarchy::Officials && stands && (view.entered_by == by.account || view.identity.is_some())
}

/// The forms of a page of a list that is handed in, and the position of the next page.
pub async fn of_list(
    app: &App,
    by: &Principal,
    id: AgencyListId,
    from: i64,
) -> Result<(Vec<FormContent>, Option<i64>)> {
    let (people, next) = lists::people(app, by, id, from).await?;
    let content = |details| FormContent { number: FormNumber::Person, details, follows: None };
    Ok((people.into_iter().map(content).collect(), next))
}

/// The decree is about signatures for public duty.
pub fn not_official() -> RequestError {
    RequestError::conflict(
        "form_not_official",
        "Biểu mẫu của Nghị định 68/2024/NĐ-CP chỉ dành cho chữ ký số chuyên dùng công vụ, không dành cho hồ sơ của công dân.",
        "The forms of Decree 68/2024/NĐ-CP are for signatures of public duty, not for citizens' requests.",
    )
}
