//! What is set for payments: the operator's bounds, the certificate policies that payers need, how switches write what they sign, how long and
//! how many payments are remembered, and whether anybody may bring them. Refuses a retention that would forget a payment while it could
//! still be presented.

use super::{ConfigError, invalid};
use crate::fetching::WebhookConfig;
use chuky_pki::payment::{Layout, OrderPolicy, limits};
use serde::{Deserialize, Serialize};

/// How orders are judged, how payments are remembered, and who may bring them.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct PaymentsConfig {
    /// The largest amount, in minor units.
    pub largest_amount: u64,
    /// The longest time between an order's creation and its expiry, in seconds.
    pub longest_window_seconds: i64,
    /// How far a payer's clock may run ahead, in seconds.
    pub clock_skew_seconds: i64,
    /// Object identifiers of certificate policies, one of which a payer's certificate must name; any certificate will do without.
    pub certificate_policies: Vec<String>,
    /// How switches concatenate the fields that they sign.
    pub layouts: Vec<Layout>,
    /// Whole days (UTC) for which an accepted payment is remembered after its own.
    pub retention_days: i64,
    /// Payments that one process remembers at most, about 18 bytes each.
    pub most_remembered: usize,
    /// Whether only registered providers consume payments.
    pub registered_only: bool,
    /// Where providers may be told of alarms.
    pub webhooks: WebhookConfig,
}

impl Default for PaymentsConfig {
    fn default() -> Self {
        Self {
            largest_amount: limits::LARGEST_AMOUNT,
            longest_window_seconds: limits::LONGEST_WINDOW_SECONDS,
            clock_skew_seconds: limits::CLOCK_SKEW_SECONDS,
            certificate_policies: Vec::new(),
            layouts: Vec::new(),
            retention_days: 7,
            most_remembered: 20_000_000,
            registered_only: false,
            webhooks: WebhookConfig::default(),
        }
    }
}

impl PaymentsConfig {
    /// How long a service may have rested before its wall clock needs the audit log's word: payments are kept for that much longer.
    pub const REST_SECONDS: i64 = 3_600;

    /// Refuses a retention that ends before an order can have expired everywhere: one accepted at the last moment of a day may be presented
    /// until its window and the clock skew are over, and a process may begin an hour ahead.
    fn check(&self) -> Result<(), ConfigError> {
        let fresh = self.longest_window_seconds.saturating_add(self.clock_skew_seconds);
        let shortest = fresh.saturating_add(Self::REST_SECONDS) / 86_400 + 1;
        if !(shortest..=400).contains(&self.retention_days) {
            let what = "is at least the days of longest_window_seconds, clock_skew_seconds and an hour, and one more, at most 400";
            return Err(invalid("payments.retention_days", what));
        }
        if !(1_000..=500_000_000).contains(&self.most_remembered) {
            return Err(invalid("payments.most_remembered", "is 1000 to 500000000"));
        }
        Ok(())
    }

    /// Checks what is set, as the policy that orders are judged by.
    pub(super) fn policy(&self) -> Result<OrderPolicy, ConfigError> {
        self.check()?;
        self.webhooks.check().map_err(|what| invalid("payments.webhooks", &what))?;
        if self.largest_amount == 0 || self.largest_amount > limits::LARGEST_EXACT_AMOUNT {
            return Err(invalid("payments.largest_amount", "is 1 to 9007199254740991"));
        }
        if !(60..=LONGEST_WINDOW).contains(&self.longest_window_seconds) {
            return Err(invalid("payments.longest_window_seconds", "is 60 to 2678400"));
        }
        if !(0..=LONGEST_SKEW).contains(&self.clock_skew_seconds) {
            return Err(invalid("payments.clock_skew_seconds", "is 0 to 600"));
        }
        let policies = self.certificate_policies.iter().map(|text| text.parse());
        let certificate_policies = policies.collect::<Result<_, _>>().map_err(|_| {
            invalid("payments.certificate_policies", "are object identifiers such as 1.3.6.1.4.1.99999.1")
        })?;
        for (at, layout) in self.layouts.iter().enumerate() {
            layout.check().map_err(|what| invalid("payments.layouts", &format!("{}: {what}", layout.name)))?;
            let mut later = self.layouts.iter().skip(at.saturating_add(1));
            if later.clone().any(|other| other.name == layout.name) {
                return Err(invalid("payments.layouts", "two have the same name"));
            }
            // What a switch signs does not name the layout, so one signature would be two orders.
            if let Some(other) = later.find(|other| !layout.is_apart(other)) {
                let what = format!(
                    "{} and {}: the same content could be an order by both; give them another number of fields, or each a field with a literal of its own",
                    layout.name, other.name
                );
                return Err(invalid("payments.layouts", &what));
            }
        }
        Ok(OrderPolicy {
            largest_amount: self.largest_amount,
            longest_window_seconds: self.longest_window_seconds,
            clock_skew_seconds: self.clock_skew_seconds,
            created_after: None,
            remembered_from: None,
            certificate_policies,
            layouts: self.layouts.clone(),
        })
    }
}

/// Seconds: a month. Identities are remembered for longer.
const LONGEST_WINDOW: i64 = 31 * 86_400;
/// Seconds: a clock that is wrong by more should be set.
const LONGEST_SKEW: i64 = 600;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_leaves_something_open_is_refused() {
        let policy = |text: &str| toml::from_str::<PaymentsConfig>(text).unwrap().policy();
        assert_eq!(policy("").unwrap(), OrderPolicy::default());
        for (text, key) in [
            ("clock_skew_seconds = 601", "payments.clock_skew_seconds"),
            ("longest_window_seconds = 1", "payments.longest_window_seconds"),
            ("largest_amount = 0", "payments.largest_amount"),
            ("certificate_policies = [\"x\"]", "payments.certificate_policies"),
            ("[[layouts]]\nname = \"a\"\nfields = []", "payments.layouts"),
        ] {
            assert!(policy(text).unwrap_err().to_string().starts_with(key), "{text}");
        }
        assert!(toml::from_str::<PaymentsConfig>("largest = 1").is_err());
    }

    #[test]
    fn layouts_that_nothing_tells_apart_are_refused() {
        let layout = |name: &str, kind: &str, bank: &str| {
            format!(
                "[[layouts]]\nname = \"{name}\"\nseparator = \"|\"\ncurrency = \"VND\"\nvalid_seconds = 900\nfields = [{kind}{{ member = \"id\" }}, \
                 {{ member = \"payer\" }}, {{ member = \"payee\", prefix = \"account:{bank}:\" }}, {{ member = \"amount\" }}, {{ member = \"created\" }}]\n"
            )
        };
        let policy = |text: String| toml::from_str::<PaymentsConfig>(&text).unwrap().policy();
        let literal = |text: &str| format!("{{ member = \"other\", literal = \"{text}\" }}, ");
        let refused = policy(layout("a", "", "970436") + &layout("b", "", "970418")).unwrap_err().to_string();
        assert!(refused.starts_with("payments.layouts") && refused.contains("a and b"), "{refused}");
        assert!(policy(layout("a", &literal("A"), "970436") + &layout("b", &literal("B"), "970418")).is_ok());
        assert!(policy(layout("a", &literal("A"), "970436") + &layout("b", "", "970418")).is_ok());
        assert!(policy(layout("a", "", "970436") + &layout("b", "", "970436")).is_ok(), "they read the same");
    }

    #[test]
    fn payments_are_remembered_longer_than_orders_are_fresh() {
        let days = |retention_days| PaymentsConfig { retention_days, ..PaymentsConfig::default() };
        assert!(days(3).check().is_err() && days(4).check().is_ok() && days(401).check().is_err());
        let longer = PaymentsConfig { longest_window_seconds: 10 * 86_400, ..days(10) };
        assert!(longer.check().is_err() && PaymentsConfig { retention_days: 11, ..longer }.check().is_ok());
    }
}
