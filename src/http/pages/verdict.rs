//! The verdict card: shape and word, one sentence, who signed and when, what to do next, and every check behind it.
//! Everything on it comes from the report; it judges nothing itself.

use super::{
    Frame, rendered,
    rows::Row,
    texts,
    verdict_pages::PagesView,
    verdict_words::{
        Verdict, certificate_state, format_name, integrity_words, outcome_name, signing_time, sub_indication_name,
    },
};
use askama::Template;
use base64::{Engine, prelude::BASE64_STANDARD};
use chuky_model::{
    report::{Change, Check, Indication, Report, SignatureReport, TimestampReport},
    text::Language,
};

/// Largest report, in bytes of JSON, that the card itself offers as a download; larger ones need a stored report.
const LARGEST_EMBEDDED_REPORT: usize = 512 * 1024;

/// Longest verdict, in letters, that a card carries for its reports: a form takes a mebibyte.
const LARGEST_HANDED: usize = 900 * 1024;

/// Longest list of checks or changes that a card shows for one signature; the rest is counted and stands in the report.
const LONGEST_LIST: usize = 200;

/// Addresses of a stored report, each where there is one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReportLinks {
    /// The report as PDF.
    pub pdf: Option<String>,
    /// The report as JSON; where there is none, the card carries it itself.
    pub json: Option<String>,
    /// The report as XML.
    pub xml: Option<String>,
    /// The short link `/v/{code}` to this verdict.
    pub short: Option<String>,
}

/// One check as the list shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckView {
    /// `passed`, `failed` or `not-done`.
    pub outcome: &'static str,
    pub outcome_word: String,
    pub name: String,
    /// English, for experts; may be empty.
    pub reason: String,
}

/// One later change as the list shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangeView {
    pub permitted: bool,
    pub kind: String,
    pub page: Option<String>,
    /// English, for experts; may be empty.
    pub detail: String,
}

/// One signature on the card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignatureView {
    pub verdict: Verdict,
    pub heading: String,
    pub rows: Vec<Row>,
    pub technical_rows: Vec<Row>,
    pub changes: Vec<ChangeView>,
    pub checks: Vec<CheckView>,
    /// How many checks and changes the card leaves to the report.
    pub left_out: Option<String>,
}

/// One timestamp on the card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimestampView {
    pub verdict: Verdict,
    pub sentence: String,
    pub checks: Vec<CheckView>,
}

/// The card of one file.
#[derive(Clone, Debug, Template)]
#[template(path = "parts/verdict.html")]
pub struct VerdictCard {
    pub frame: Frame,
    pub verdict: Verdict,
    pub file: String,
    pub sentence: String,
    pub next_step: String,
    pub rows: Vec<Row>,
    pub signatures: Vec<SignatureView>,
    pub timestamps: Vec<TimestampView>,
    pub checks: Vec<CheckView>,
    /// Pictures of pages; empty where there are none to see.
    pub pages: PagesView,
    pub links: ReportLinks,
    /// `data:` address of the report as JSON, where no stored one exists.
    pub embedded_report: Option<String>,
    /// The verdict as `/verify/report` takes it back; `None` where no report can be asked for.
    pub handed: Option<String>,
}

/// The card of a report as a piece of HTML (`<article class="verdict …">`), without stored reports to link to.
pub fn verdict_card(report: &Report, language: Language) -> String {
    VerdictCard::of(report, &Frame::new(language, "/verify"), ReportLinks::default()).html()
}

impl VerdictCard {
    /// The card of a report.
    pub fn of(report: &Report, frame: &Frame, links: ReportLinks) -> Self {
        let embedded_report = if links.json.is_some() { None } else { embedded(report) };
        Self {
            verdict: Verdict::of(report.indication, report.integrity),
            file: report.file.clone(),
            sentence: frame.of(&report.message).to_owned(),
            next_step: frame.of(&report.next_step).to_owned(),
            rows: file_rows(frame, report),
            signatures: report.signatures.iter().map(|signature| signature_view(frame, report, signature)).collect(),
            timestamps: report.timestamps.iter().map(|timestamp| timestamp_view(frame, timestamp)).collect(),
            checks: report.checks.iter().take(LONGEST_LIST).map(|check| check_view(frame, check)).collect(),
            pages: PagesView::default(),
            links,
            embedded_report,
            handed: None,
            frame: frame.clone(),
        }
    }

    /// The same card with these pages.
    pub fn with_pages(self, pages: PagesView) -> Self {
        Self { pages, ..self }
    }

    /// The same card, from which reports and a link can be asked for.
    pub fn with_handed(self, handed: String) -> Self {
        Self { handed: Some(handed).filter(|handed| handed.len() <= LARGEST_HANDED), ..self }
    }

    /// The card as a piece of HTML.
    pub fn html(&self) -> String {
        rendered(self)
    }
}

fn embedded(report: &Report) -> Option<String> {
    let json = serde_json::to_vec_pretty(report).ok().filter(|json| json.len() <= LARGEST_EMBEDDED_REPORT)?;
    Some(format!("data:application/json;base64,{}", BASE64_STANDARD.encode(json)))
}

fn row(frame: &Frame, label: &str, value: impl AsRef<str>) -> Row {
    Row::new(frame, label, value.as_ref())
}

fn file_rows(frame: &Frame, report: &Report) -> Vec<Row> {
    let mut rows = vec![row(frame, "label-integrity", integrity_words(frame, report.integrity))];
    if !format_name(report.format).is_empty() {
        rows.push(row(frame, "label-format", format_name(report.format)));
    }
    if let Some(sub_indication) = report.sub_indication {
        let name = sub_indication_name(sub_indication);
        rows.push(row(frame, "label-reason", frame.name_of("sub", &name)));
    }
    if let Some(sha256) = &report.sha256 {
        rows.push(row(frame, "label-sha256", sha256.clone()));
    }
    rows
}

fn signature_view(frame: &Frame, report: &Report, signature: &SignatureReport) -> SignatureView {
    let signer = signature.signer.clone().unwrap_or_default();
    let heading = if signer.common_name.is_empty() { frame.say("signer-unknown") } else { signer.common_name.clone() };
    // A signing time is proven only by a timestamp that passed: the best time alone may be the time of checking.
    let proven = report.timestamps.iter().any(|timestamp| {
        timestamp.indication == Indication::TotalPassed
            && Some(&timestamp.time) == signature.best_signature_time.as_ref()
    });
    let mut rows = Vec::new();
    for (label, value) in [("label-organization", &signer.organization), ("label-issuer", &signer.issuer)] {
        if !value.is_empty() {
            rows.push(row(frame, label, value.clone()));
        }
    }
    rows.push(row(frame, "label-signing-time", signing_time(frame, signature, proven)));
    rows.push(row(frame, "label-integrity", integrity_words(frame, signature.integrity)));
    rows.push(row(frame, "label-certificate-state", certificate_state(frame, signature)));
    if !signer.not_before.is_empty() {
        let period = [("from", texts::screen_day(&signer.not_before)), ("until", texts::screen_day(&signer.not_after))];
        let arguments: Vec<(&str, &str)> = period.iter().map(|(name, value)| (*name, value.as_str())).collect();
        rows.push(row(frame, "label-certificate-period", frame.fill("certificate-period", &arguments)));
    }
    let left_out = signature.checks.len().saturating_sub(LONGEST_LIST)
        + signature.changes_after.len().saturating_sub(LONGEST_LIST);
    SignatureView {
        verdict: Verdict::of(signature.indication, signature.integrity),
        heading,
        rows,
        technical_rows: technical_rows(frame, signature, &signer.serial),
        changes: signature.changes_after.iter().take(LONGEST_LIST).map(|change| change_view(frame, change)).collect(),
        checks: signature.checks.iter().take(LONGEST_LIST).map(|check| check_view(frame, check)).collect(),
        left_out: (left_out > 0).then(|| frame.fill("checks-left-out", &[("count", &texts::grouped(left_out as u64))])),
    }
}

fn technical_rows(frame: &Frame, signature: &SignatureReport, serial: &str) -> Vec<Row> {
    let mut rows = vec![
        row(frame, "label-covers", texts::coverage(frame.language, &signature.covers)),
        row(frame, "label-format", signature.format.clone()),
        row(frame, "label-field", signature.id.clone()),
    ];
    if !serial.is_empty() {
        rows.push(row(frame, "label-serial", serial));
    }
    if let Some(sub_indication) = signature.sub_indication {
        let name = sub_indication_name(sub_indication);
        rows.push(row(frame, "label-reason", format!("{} ({name})", frame.name_of("sub", &name))));
    }
    rows
}

fn timestamp_view(frame: &Frame, timestamp: &TimestampReport) -> TimestampView {
    let time = texts::screen_time(&timestamp.time);
    let arguments = [("time", time.as_str()), ("authority", timestamp.authority.as_str())];
    let key = match timestamp.indication {
        Indication::TotalPassed => "timestamp-valid",
        Indication::TotalFailed => "timestamp-not-valid",
        Indication::Indeterminate | Indication::NoSignatureFound => "timestamp-undetermined",
    };
    TimestampView {
        verdict: Verdict::of_timestamp(timestamp.indication),
        sentence: frame.fill(key, &arguments),
        checks: timestamp.checks.iter().take(LONGEST_LIST).map(|check| check_view(frame, check)).collect(),
    }
}

fn check_view(frame: &Frame, check: &Check) -> CheckView {
    let outcome = outcome_name(check.outcome);
    CheckView {
        outcome,
        outcome_word: frame.say(&format!("outcome-{outcome}")),
        name: frame.name_of("check", &check.name),
        reason: check.reason.clone(),
    }
}

fn change_view(frame: &Frame, change: &Change) -> ChangeView {
    ChangeView {
        permitted: change.permitted,
        kind: frame.name_of("change", &change.kind),
        page: change.page.map(|page| frame.fill("change-page", &[("page", &page.to_string())])),
        detail: change.detail.clone(),
    }
}
