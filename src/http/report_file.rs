//! A verdict as a file: which form a caller wants, and the answer that carries it. The PDF is sealed by the service.

use super::{Remote, pages::verdict_sheet};
use crate::{
    accounts::Principal,
    app::App,
    error::{RequestError, Result},
    rates::Kind,
    reports,
    verification::{Judged, Pictures},
};
use axum::{
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
};

/// The forms of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReportForm {
    Json,
    Pdf,
    Xml,
}

impl ReportForm {
    /// The form of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "json" => Some(Self::Json),
            "pdf" => Some(Self::Pdf),
            "xml" => Some(Self::Xml),
            _ => None,
        }
    }

    /// What the query names, else the first of ours that `Accept` lists (RFC 9110 §12.5.1, without weights), else JSON.
    pub fn wanted(named: Option<&str>, headers: &HeaderMap) -> Result<Self, RequestError> {
        if let Some(name) = named {
            return Self::from_name(name).ok_or_else(unknown);
        }
        let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let kinds = accept.split(',').map(|kind| kind.split(';').next().unwrap_or_default().trim());
        let mut forms = kinds.filter_map(|kind| match kind {
            "application/json" => Some(Self::Json),
            "application/pdf" => Some(Self::Pdf),
            "application/xml" | "text/xml" => Some(Self::Xml),
            _ => None,
        });
        Ok(forms.next().unwrap_or(Self::Json))
    }
}

/// The report as a file to be kept.
pub async fn report_file(app: &App, form: ReportForm, judged: &Judged, drawn: &Pictures) -> Result<Response> {
    let (kind, ending, bytes) = match form {
        ReportForm::Json => {
            let json = serde_json::to_vec_pretty(&judged.report);
            let json = json.map_err(|error| crate::error::InternalError::other(error.to_string()))?;
            ("application/json", "json", json)
        }
        ReportForm::Xml => ("application/xml", "xml", reports::xml(&judged.report, judged.at).into_bytes()),
        ReportForm::Pdf => {
            let made_at = app.clock.now();
            let pdf = reports::sealed_pdf(app, |seal| verdict_sheet(judged, drawn, made_at, seal)).await?;
            ("application/pdf", "pdf", pdf)
        }
    };
    let headers = [
        (header::CONTENT_TYPE, kind.to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"chuky-report.{ending}\"")),
        (header::CACHE_CONTROL, "no-store".to_owned()),
    ];
    Ok((headers, bytes).into_response())
}

fn unknown() -> RequestError {
    RequestError::invalid(
        "report",
        "report_form_unknown",
        "Tham số report phải là json, pdf hoặc xml.",
        "The parameter report must be json, pdf or xml.",
    )
}

/// One more short link of this caller: counted by account, or by address for whoever is not logged in.
pub fn allow_link(app: &App, caller: Option<&Principal>, remote: &Remote) -> Result<(), RequestError> {
    let caller = caller.map_or_else(|| remote.as_str().to_owned(), |principal| principal.account.to_string());
    app.rates.take(Kind::VerdictLink, &caller, app.clock.steady())
}
