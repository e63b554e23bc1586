//! What booth and registration have in common: reading identifiers, showing what a certificate will say, and the code's card.

use crate::{
    app::App,
    error::{Error, RequestError, RequestErrorKind, Result},
    http::pages::{
        Problems,
        certificate::{CertificateContent, CodeCard, Further, day_on_screen, grouped_digits},
        registration::Papers,
    },
    issuance::{self, Authority},
    registration::{MadeCode, RequestView},
};
use axum::http::StatusCode;
use chuky_model::{id::RequestId, request::SubjectKind};

pub(super) fn read_id(text: &str) -> Result<RequestId> {
    Ok(text.parse().map_err(|_| RequestError::not_found())?)
}

/// What a form's page shows of a refusal that its reader can put right, with the answer's status; other errors go on.
pub(super) fn shown_beside(error: Error) -> Result<(StatusCode, Problems)> {
    match error {
        Error::Request(refused) if matches!(refused.kind, RequestErrorKind::Invalid | RequestErrorKind::Conflict) => {
            Ok((crate::http::problem::status_of(refused.kind), Problems::said(refused.field, refused.detail)))
        }
        error => Err(error),
    }
}

/// What the certificate of a request will say.
pub(super) async fn content(app: &App, view: &RequestView) -> Result<CertificateContent> {
    let authority = Authority::of(app).await?;
    Ok(CertificateContent {
        hierarchy: view.hierarchy,
        common_name: view.common_name.clone(),
        personal_number: match &view.identity {
            Some(identity) => grouped_digits(&identity.personal_number),
            None => view.personal_number.clone(),
        },
        birth_date: String::new(),
        title: view.title.clone(),
        organization: view.organization.clone(),
        organizational_unit: view.organizational_unit.clone(),
        locality: view.locality.clone(),
        province: view.province.clone(),
        // The subscriber's key is made when they choose their PIN.
        algorithm: String::new(),
        // What replaces another certificate ends with it; the subscriber is shown when.
        valid_days: if view.replaces.is_some() { 0 } else { issuance::valid_days(app, view.hierarchy, view.kind)? },
        issuer: authority.issuing(view.hierarchy)?.certificate.subject().common_name(),
        further: Further {
            kind: view.kind,
            responsible: responsible(view),
            tax_code: view.tax_code.clone(),
            device_serial: view.device_serial.clone(),
            replaces: view.replaces.is_some(),
        },
    })
}

/// What whoever decides compares with the papers.
pub(super) fn papers(view: &RequestView) -> Option<Papers> {
    let identity = view.identity.as_ref()?;
    Some(Papers {
        full_name: identity.full_name.clone(),
        personal_number: grouped_digits(&identity.personal_number),
        birth_date: day_on_screen(&identity.birth_date),
        sex: identity.sex,
        phone: if identity.phone.is_empty() { identity.mail.clone() } else { identity.phone.clone() },
    })
}

/// Who answers for what is no person, as the staff compare it with the papers.
fn responsible(view: &RequestView) -> String {
    match view.kind {
        SubjectKind::Person => String::new(),
        _ => format!("{} ({})", view.full_name, view.personal_number),
    }
}

pub(super) fn code_card(app: &App, made: MadeCode) -> CodeCard {
    let address = format!("{}/activate", app.settings.public_url.trim_end_matches('/'));
    CodeCard { sent_to: made.sent_to, ..CodeCard::new(made.code.grouped(), address, made.expires_at) }
}
