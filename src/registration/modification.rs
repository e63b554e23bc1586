//! A change of information (certificate modification, RFC 3647 §4.8): a new certificate with the changed fields, approved by a second
//! pair of eyes and confirmed by its subscriber, whose issue revokes the old one in the same transaction. It has a new key, because a
//! public key is certified once (Decree 23/2025, article 38), and ends when the old one would have.

use super::{
    Details, RequestView, entered, entering,
    identity::{self, Despite},
    load, new_request, open, refuse_second,
    renewal::of_serial,
    today,
    view::Sight,
};
use crate::{
    accounts::Principal,
    app::App,
    error::{RequestError, Result},
};
use chuky_model::record::{certificate::Certificate, state::CertificateState};
use serde::Deserialize;

/// What is to be different; what is left out stays as it is. Who the person is never changes: another number is another subscriber.
#[derive(Clone, Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Changes {
    pub full_name: Option<String>,
    pub province: Option<String>,
    pub locality: Option<String>,
    pub organization: Option<String>,
    pub organizational_unit: Option<String>,
    pub title: Option<String>,
    pub phone: Option<String>,
    pub mail: Option<String>,
    pub subject_name: Option<String>,
    pub tax_code: Option<String>,
    pub device_serial: Option<String>,
}

impl Changes {
    fn applied_to(self, mut details: Details) -> Details {
        for (field, change) in [
            (&mut details.full_name, self.full_name),
            (&mut details.province, self.province),
            (&mut details.locality, self.locality),
            (&mut details.organization, self.organization),
            (&mut details.organizational_unit, self.organizational_unit),
            (&mut details.title, self.title),
            (&mut details.phone, self.phone),
            (&mut details.mail, self.mail),
            (&mut details.subject_name, self.subject_name),
            (&mut details.tax_code, self.tax_code),
            (&mut details.device_serial, self.device_serial),
        ] {
            if let Some(change) = change {
                *field = change;
            }
        }
        // Whoever has a telephone now needs no sheets.
        details.by_sheet &= details.phone.trim().is_empty();
        details
    }
}

/// Enters the request for a certificate with changed information in the place of one in force: its subscriber, or whoever enters
/// requests of its kind.
pub async fn modify(app: &App, by: &Principal, serial: &str, changes: Changes) -> Result<RequestView> {
    // 1. The certificate in force, and whether the caller may.
    let (certificate, unit, old) = found(app, by, serial).await?;
    if certificate.state != CertificateState::Issued || certificate.not_after <= app.clock.now() {
        return Err(not_in_force().into());
    }
    // 2. What it will say, by rule; and that this is something else.
    let old = Details { replaces: None, identity: None, ..old };
    let new = changes.applied_to(old.clone()).checked(certificate.hierarchy, today(app))?;
    if new == old {
        let (vi, en) = (
            "Không có thông tin nào thay đổi. Hãy sửa ít nhất một mục.",
            "Nothing is changed. Change at least one field.",
        );
        return Err(RequestError::new(crate::error::RequestErrorKind::Invalid, "nothing_changed", vi, en).into());
    }
    let replaces = Some(new.replacement_of(&old));
    let new = Details { replaces, ..new };
    refuse_second(app, certificate.hierarchy, &new).await?;
    // 3. What the identity provider says of it.
    let new = identity::checked(app, by, new, Despite::Decided).await?;
    // 4. The row with its MAC, and its audit entry.
    let mut request = new_request(app, by.account, certificate.hierarchy, &unit, &new)?;
    request.follows_certificate = Some(certificate.id);
    entered(app, request).await
}

/// What a certificate of the caller's, or of a kind that the caller enters for its unit, says now; for the form that changes it.
pub async fn modifiable(app: &App, by: &Principal, serial: &str) -> Result<Details> {
    Ok(found(app, by, serial).await?.2)
}

/// The caller's own certificate, or one that whoever enters requests of its kind in its unit may have changed; with the code of that unit
/// today.
async fn found(app: &App, by: &Principal, serial: &str) -> Result<(Certificate, String, Details)> {
    let sight = Sight::of(app).await?;
    for certificate in of_serial(app, serial).await? {
        let Some(request) = certificate.request_id else { continue };
        let request = load(app, request).await?;
        let details = open(app, &request)?;
        let (unit, at) = (request.unit.as_str(), request.created_at);
        let enters = by.has(entering(certificate.hierarchy, details.kind)) && sight.is_own(by, unit, at);
        if certificate.account_id == Some(by.account) || enters {
            return Ok((certificate, sight.code_today(unit, at), details));
        }
    }
    Err(RequestError::not_found().into())
}

/// Only what is in force is replaced: a revoked certificate needs its subscriber to be identified anew, a suspended one a decision first.
pub fn not_in_force() -> RequestError {
    RequestError::conflict(
        "certificate_state",
        "Chỉ thay đổi được thông tin của chứng thư còn hiệu lực. Chứng thư tạm dừng cần được khôi phục hoặc thu hồi trước.",
        "Only a certificate in force has its information changed. One that is suspended is resumed or revoked first.",
    )
}
