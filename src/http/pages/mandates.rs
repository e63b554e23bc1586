//! `/mandates`: what a payer permits providers to collect, what was collected, and the form that signs another mandate.
//!
//! | form | posts to | fields |
//! |---|---|---|
//! | [`MandateForm`] | `/mandates` | provider, payee, limits, days, what for, credential, PIN |
//! | end | `/mandates/{id}/end` | `csrf` |

use super::{
    Frame, Problems,
    form::Secret,
    rendered,
    rows::Row,
    sign::{CredentialChoice, TakesFactor},
    texts,
};
use crate::transactions::mandates::{MandateView, Period, Wish};
use askama::Template;
use chuky_model::{
    id::{AccountId, MandateId},
    record::state::MandateState,
};
use serde::Deserialize;

/// What is posted to sign a mandate.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub struct MandateForm {
    pub csrf: String,
    pub idempotency_key: String,
    pub provider: String,
    pub payee: String,
    /// Đồng.
    pub largest: String,
    pub per_period: String,
    pub period: String,
    pub from: String,
    pub until: String,
    pub reference: String,
    pub credential: String,
    pub pin: Secret,
    /// The code of the authenticator app, or nothing.
    pub totp: Secret,
    /// A passkey's answer as JSON, or nothing.
    pub assertion: String,
}

impl MandateForm {
    /// The mandate that was typed; the field that says nothing usable where there is one.
    pub fn wish(&self) -> Result<Wish, &'static str> {
        let number = |text: &str, field: &'static str| {
            let digits: String = text.chars().filter(|letter| !matches!(letter, ' ' | '.' | ',')).collect();
            digits.parse::<u64>().map_err(|_| field)
        };
        Ok(Wish {
            currency: "VND".to_owned(),
            from: self.from.trim().to_owned(),
            largest: number(&self.largest, "largest")?,
            payee: self.payee.trim().to_owned(),
            per_period: number(&self.per_period, "per_period")?,
            period: match self.period.as_str() {
                "day" => Period::Day,
                "week" => Period::Week,
                _ => Period::Month,
            },
            provider: self.provider.parse().map_err(|_| "provider")?,
            reference: self.reference.trim().to_owned(),
            until: self.until.trim().to_owned(),
        })
    }
}

/// One mandate.
#[derive(Clone, Debug)]
pub struct MandateCard {
    pub id: MandateId,
    pub title: String,
    pub is_active: bool,
    pub rows: Vec<Row>,
    /// What was collected: when, and how much with its id.
    pub collections: Vec<Row>,
}

impl MandateCard {
    /// The card of a mandate.
    pub fn of(frame: &Frame, view: &MandateView) -> Self {
        let wish = &view.mandate;
        let money = |amount: u64| format!("{} {}", texts::grouped(amount), wish.currency);
        let days = frame.fill("mandates-days-of", &[("from", &shown(&wish.from)), ("until", &shown(&wish.until))]);
        let period = frame.say(period_key(wish.period));
        let limit = frame.fill("mandates-limit-of", &[("amount", &money(wish.per_period)), ("period", &period)]);
        let mut rows = vec![
            Row::new(frame, "mandates-provider", &view.provider_name),
            Row::new(frame, "mandates-payee", &wish.payee),
            Row::new(frame, "mandates-largest", &money(wish.largest)),
            Row::new(frame, "mandates-limit", &limit),
            Row::new(frame, "mandates-collected", &money(view.collected)),
            Row::new(frame, "mandates-days", &days),
            Row::new(frame, "mandates-created", &texts::screen_time(&view.created)),
        ];
        if let Some(ended) = &view.ended {
            rows.push(Row::new(frame, "mandates-ended", &texts::screen_time(ended)));
        }
        let collections = view.collections.iter().map(|one| Row {
            label: texts::screen_time(&one.collected),
            value: format!("{} · {}", money(one.amount), one.id),
        });
        Self {
            id: view.id,
            title: wish.reference.clone(),
            is_active: view.state == MandateState::Active,
            rows,
            collections: collections.collect(),
        }
    }
}

/// `2027-01-31` as screens show it.
fn shown(day: &str) -> String {
    day.rsplit('-').collect::<Vec<_>>().join("/")
}

fn period_key(period: Period) -> &'static str {
    match period {
        Period::Day => "mandates-period-day",
        Period::Week => "mandates-period-week",
        Period::Month => "mandates-period-month",
    }
}

/// The payer's page.
#[derive(Clone, Template)]
#[template(path = "mandates.html")]
pub struct MandatesPage {
    pub frame: Frame,
    pub mandates: Vec<MandateCard>,
    /// Address of the next page of the list.
    pub next: Option<String>,
    /// Who collects: identifier and name.
    pub providers: Vec<(AccountId, String)>,
    pub credentials: Vec<CredentialChoice>,
    pub form: MandateForm,
    /// What has just been done: `signed` or `ended`; empty for nothing.
    pub done: String,
    pub problems: Problems,
}

impl MandatesPage {
    /// The page as HTML.
    pub fn html(&self) -> String {
        let fields =
            ["provider", "payee", "largest", "per_period", "from", "until", "reference", "credential", "pin", "totp"];
        rendered(&Self { problems: self.problems.among(&fields), ..self.clone() })
    }

    fn done_text(&self) -> Option<String> {
        ["signed", "ended"].contains(&self.done.as_str()).then(|| self.frame.name_of("mandates-done", &self.done))
    }

    fn periods(&self) -> [(&'static str, String); 3] {
        [("month", Period::Month), ("week", Period::Week), ("day", Period::Day)]
            .map(|(name, period)| (name, self.frame.say(period_key(period))))
    }

    fn is_provider(&self, provider: &AccountId) -> bool {
        self.form.provider == provider.to_string()
    }
}
