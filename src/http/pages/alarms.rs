//! `/payments/alarms`: what concerns a payment provider beyond its own calls, whether it was told, and the button that has it told again.

use super::{Frame, Problems, rendered, rows::Row, texts};
use crate::transactions::webhooks::AlarmView;
use askama::Template;
use chuky_model::{id::PaymentAlarmId, record::state::AlarmState};

/// One alarm.
#[derive(Clone, Debug)]
pub struct AlarmCard {
    pub id: PaymentAlarmId,
    pub title: String,
    /// The state's name, and the sentence for it.
    pub state: &'static str,
    pub said: String,
    pub rows: Vec<Row>,
}

impl AlarmCard {
    /// The card of an alarm of the provider of that name.
    pub fn of(frame: &Frame, view: &AlarmView, provider: &str) -> Self {
        let said = match (view.state, &view.next_try) {
            (AlarmState::Waiting, None) => frame.say("alarms-no-address"),
            (AlarmState::Waiting, Some(next)) => frame.fill("alarms-waiting", &[("when", &texts::screen_time(next))]),
            (state, _) => frame.name_of("alarms-state", state.name()),
        };
        let mut rows = vec![
            Row::new(frame, "alarms-provider", provider),
            Row::new(frame, "alarms-raised", &texts::screen_time(&view.raised)),
        ];
        if let Some(told) = &view.told {
            rows.push(Row::new(frame, "alarms-told", &texts::screen_time(told)));
        }
        if view.tries > 0 {
            rows.push(Row::new(frame, "alarms-tries", &view.tries.to_string()));
        }
        if let Some(error) = &view.last_error {
            rows.push(Row::new(frame, "alarms-error", error));
        }
        for name in ["order_sha256", "other_order_sha256", "certificate_sha256"] {
            if let Some(value) = view.details[name].as_str() {
                rows.push(Row::new(frame, &format!("alarms-{}", name.replace('_', "-")), value));
            }
        }
        rows.push(Row::new(frame, "alarms-id", &view.id.to_string()));
        Self {
            id: view.id,
            title: frame.name_of("alarms-kind", view.alarm.name()),
            state: view.state.name(),
            said,
            rows,
        }
    }
}

/// The page.
#[derive(Clone, Template)]
#[template(path = "alarms.html")]
pub struct AlarmsPage {
    pub frame: Frame,
    pub alarms: Vec<AlarmCard>,
    /// Address of the next page of the list.
    pub next: Option<String>,
    /// Whether the reader may have one told again.
    pub may_repeat: bool,
    /// Whether one was just told again.
    pub done: bool,
    pub problems: Problems,
}

impl AlarmsPage {
    /// The page as HTML.
    pub fn html(&self) -> String {
        rendered(&Self { problems: self.problems.among(&[]), ..self.clone() })
    }
}
