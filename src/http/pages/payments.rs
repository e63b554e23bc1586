//! `/payments`: the registry of payment providers with its figures, and changes that two people make.
//!
//! | form | posts to | fields |
//! |---|---|---|
//! | [`ChangeForm`] | `/payments` | the provider's account, its terms as lines of text, and why |
//! | decision | `/payments/{id}/approve`, `/payments/{id}/refuse` | `csrf` |

use super::{Frame, Problems, rendered, rows::Row, texts};
use crate::transactions::{
    figures::Counts,
    provider_changes::{ChangeView, ProviderView},
    providers::{ProviderCertificate, Terms},
};
use askama::Template;
use chuky_model::{id::ProviderChangeId, payment::PaymentVerdict};
use serde::Deserialize;
use std::collections::BTreeMap;

/// What is posted to ask for a change.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct ChangeForm {
    pub csrf: String,
    pub idempotency_key: String,
    pub provider: String,
    pub name: String,
    /// Present where the provider is active.
    pub active: String,
    /// Largest payment in đồng; empty for no limit of its own.
    pub largest: String,
    /// Payments a second; empty for no bound.
    pub rate: String,
    /// Payments a day; empty for no bound.
    pub per_day: String,
    /// A certificate a line: SHA-256, then the time from which its key is out of use.
    pub certificates: String,
    /// Address that is told of alarms; empty for none.
    pub webhook: String,
    pub reason: String,
}

impl ChangeForm {
    /// The terms that were typed; the field that is no number where there is one.
    pub fn terms(&self) -> Result<Terms, &'static str> {
        let number = |text: &str, field: &'static str| -> Result<Option<u64>, &'static str> {
            let digits: String = text.chars().filter(|letter| !matches!(letter, ' ' | '.' | ',')).collect();
            match digits.is_empty() {
                true => Ok(None),
                false => digits.parse().map(Some).map_err(|_| field),
            }
        };
        let rate = number(&self.rate, "rate")?;
        let rate = rate.map(|count| u32::try_from(count).map_err(|_| "rate")).transpose()?;
        let lines = self.certificates.lines().map(str::trim).filter(|line| !line.is_empty());
        let certificate = |line: &str| {
            let mut parts = line.splitn(3, char::is_whitespace).map(str::trim);
            ProviderCertificate {
                sha256: parts.next().unwrap_or_default().to_lowercase(),
                phase_out: parts.next().filter(|time| !time.is_empty()).map(str::to_owned),
                note: parts.next().unwrap_or_default().to_owned(),
            }
        };
        Ok(Terms {
            name: self.name.trim().to_owned(),
            active: !self.active.is_empty(),
            largest_amounts: number(&self.largest, "largest")?
                .map(|most| ("VND".to_owned(), most))
                .into_iter()
                .collect(),
            rate: rate.map(|count| crate::rates::Quota { count, seconds: 1 }),
            per_day: number(&self.per_day, "per_day")?,
            certificates: lines.map(certificate).collect(),
            webhook: Some(self.webhook.trim()).filter(|address| !address.is_empty()).map(str::to_owned),
        })
    }
}

/// A provider of the registry.
#[derive(Clone, Debug)]
pub struct ProviderCard {
    pub name: String,
    pub is_active: bool,
    pub rows: Vec<Row>,
}

/// A change that waits.
#[derive(Clone, Debug)]
pub struct ChangeCard {
    pub change: ProviderChangeId,
    pub name: String,
    pub rows: Vec<Row>,
    pub decidable: bool,
    pub content_digest: String,
}

/// The page.
#[derive(Clone, Template)]
#[template(path = "payments.html")]
pub struct PaymentsPage {
    pub frame: Frame,
    pub providers: Vec<ProviderCard>,
    pub changes: Vec<ChangeCard>,
    /// Reasons and how often each kept a payment from being accepted, most frequent first.
    pub reasons: Vec<Row>,
    pub remembered: usize,
    pub may_change: bool,
    pub form: ChangeForm,
    /// What has just been done: `asked`, `approved` or `refused`; empty for nothing.
    pub done: String,
    pub problems: Problems,
}

impl PaymentsPage {
    /// The page as HTML.
    pub fn html(&self) -> String {
        let fields = ["provider", "name", "largest", "rate", "per_day", "certificates", "webhook", "reason"];
        rendered(&Self { problems: self.problems.among(&fields), ..self.clone() })
    }

    fn done_text(&self) -> Option<String> {
        ["asked", "approved", "refused"]
            .contains(&self.done.as_str())
            .then(|| self.frame.name_of("payments-done", &self.done))
    }

    fn remembered_text(&self) -> String {
        let count = u64::try_from(self.remembered).unwrap_or(u64::MAX);
        self.frame.fill("payments-remembered", &[("count", &texts::grouped(count))])
    }
}

/// The card of a provider.
pub fn provider_card(frame: &Frame, view: &ProviderView) -> ProviderCard {
    let mut rows = vec![Row::new(frame, "payments-login", &view.login)];
    rows.extend(terms_rows(frame, &view.terms));
    rows.push(Row::new(frame, "payments-today", &texts::grouped(view.accepted_today)));
    rows.push(Row::new(frame, "payments-counts", &counts(frame, &view.counts)));
    rows.push(Row::new(frame, "payments-changed", &texts::screen_time(&view.changed)));
    ProviderCard { name: view.terms.name.clone(), is_active: view.terms.active, rows }
}

/// The card of a change.
pub fn change_card(frame: &Frame, view: &ChangeView) -> ChangeCard {
    let mut rows = vec![Row::new(frame, "payments-login", &view.login)];
    rows.push(Row::new(frame, "payments-state", &state(frame, view.terms.active)));
    rows.extend(terms_rows(frame, &view.terms));
    let when = texts::screen_time(&view.asked_at);
    let asked = frame.fill("by-and-when", &[("who", &view.asked_by_name), ("when", &when)]);
    rows.push(Row::new(frame, "payments-reason", &view.reason));
    rows.push(Row::new(frame, "payments-asked", &asked));
    let content_digest = view.content_digest.clone();
    ChangeCard { change: view.id, name: view.terms.name.clone(), rows, decidable: view.decidable, content_digest }
}

/// The rows of the reasons, most frequent first, in words where there are words for them.
pub fn reason_rows(frame: &Frame, reasons: &BTreeMap<String, u64>) -> Vec<Row> {
    let mut counted: Vec<_> = reasons.iter().collect();
    counted.sort_by(|left, right| right.1.cmp(left.1).then(left.0.cmp(right.0)));
    let sentence = |code: &str| {
        let reason = chuky_pki::payment::Reason::ALL.iter().find(|reason| reason.code() == code);
        debug_assert_ne!(reason.map(|reason| reason.verdict()), Some(PaymentVerdict::Accepted));
        reason.map_or_else(|| code.to_owned(), |reason| frame.of(&reason.sentence()).to_owned())
    };
    counted.into_iter().map(|(code, count)| Row { label: sentence(code), value: texts::grouped(*count) }).collect()
}

fn state(frame: &Frame, active: bool) -> String {
    if active { frame.say("payments-active") } else { frame.say("payments-suspended") }
}

fn terms_rows(frame: &Frame, terms: &Terms) -> Vec<Row> {
    let none = frame.say("payments-no-bound");
    let amounts: Vec<String> =
        terms.largest_amounts.iter().map(|(code, most)| format!("{} {code}", texts::grouped(*most))).collect();
    let rate = terms.rate.map(|quota| {
        let (count, seconds) = (quota.count.to_string(), quota.seconds.to_string());
        frame.fill("payments-rate-of", &[("count", &count), ("seconds", &seconds)])
    });
    let mut rows = vec![
        Row::new(frame, "payments-largest", &if amounts.is_empty() { none.clone() } else { amounts.join(", ") }),
        Row::new(frame, "payments-rate", &rate.unwrap_or_else(|| none.clone())),
        Row::new(frame, "payments-per-day", &terms.per_day.map_or(none, texts::grouped)),
    ];
    if let Some(address) = &terms.webhook {
        rows.push(Row::new(frame, "payments-webhook", address));
    }
    for certificate in &terms.certificates {
        let end = certificate.phase_out.as_ref().map(|time| texts::screen_time(time));
        let until = end.map(|end| frame.fill("payments-until", &[("when", &end)])).unwrap_or_default();
        let value = [certificate.sha256.as_str(), &until, &certificate.note];
        let value: Vec<&str> = value.into_iter().filter(|part| !part.is_empty()).collect();
        rows.push(Row::new(frame, "payments-certificate", &value.join(" · ")));
    }
    rows
}

fn counts(frame: &Frame, counts: &Counts) -> String {
    let text = |number: u64| texts::grouped(number);
    frame.fill(
        "payments-counts-of",
        &[
            ("accepted", &text(counts.accepted)),
            ("repeated", &text(counts.repeated)),
            ("conflicts", &text(counts.conflicts)),
            ("rejected", &text(counts.rejected)),
            ("open", &text(counts.indeterminate)),
            ("throttled", &text(counts.throttled)),
        ],
    )
}
