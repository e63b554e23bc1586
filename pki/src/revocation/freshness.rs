//! The revocation freshness checker (EN 319 102-1 §5.2.5): whether evidence of some age still tells anything at a time. The rules come from the
//! validation policy.

use chuky_model::instant::Instant;

/// How old evidence about revocation may be (EN 319 102-1 §5.2.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RevocationRules {
    /// Seconds; `None`: from `thisUpdate` to `nextUpdate`.
    pub maximum_age: Option<i64>,
    /// Seconds that evidence without `nextUpdate` is fresh.
    pub without_next_update: i64,
    /// Seconds after the proven time before which evidence does not count, where there is such a rule.
    pub grace: Option<i64>,
    /// Where control-time slides to when the latest evidence is no longer fresh (§5.6.2.2 step 2 c)).
    pub slides_to: SlidesTo,
}

impl Default for RevocationRules {
    fn default() -> Self {
        let without_next_update = crate::limits::OCSP_AGE_WITHOUT_NEXT_UPDATE;
        Self { maximum_age: None, without_next_update, grace: None, slides_to: SlidesTo::EndOfFreshness }
    }
}

impl RevocationRules {
    /// The last moment at which evidence of this period is fresh.
    pub fn fresh_until(&self, this_update: Instant, next_update: Option<Instant>) -> Instant {
        match (self.maximum_age, next_update) {
            (Some(age), _) => this_update.plus_seconds(age),
            (None, Some(next_update)) => next_update,
            (None, None) => this_update.plus_seconds(self.without_next_update),
        }
    }

    /// EN 319 102-1 §5.2.5.4: evidence is fresh where it was issued later than the time less its greatest age.
    pub fn is_fresh(&self, this_update: Instant, next_update: Option<Instant>, at: Instant) -> bool {
        match self.grace {
            Some(grace) => this_update >= at.plus_seconds(grace),
            None => this_update >= at || self.fresh_until(this_update, next_update) >= at,
        }
    }
}

/// Where control-time slides to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlidesTo {
    /// To the evidence's time of issue, as the clause says.
    Issuance,
    /// To the end of its freshness, as §5.5.4 step 6 takes it where only freshness is in question.
    EndOfFreshness,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    fn at(text: &str) -> Instant {
        Instant::parse_rfc3339(text).unwrap()
    }

    #[test]
    fn freshness_is_by_update_age_or_grace() {
        let (issued, next) = (at("2026-01-01T00:00:00Z"), Some(at("2026-01-08T00:00:00Z")));
        let rules = RevocationRules::default();
        assert!(rules.is_fresh(issued, next, at("2026-01-08T00:00:00Z")));
        assert!(!rules.is_fresh(issued, next, at("2026-01-08T00:00:01Z")));
        assert!(rules.is_fresh(issued, None, at("2026-01-02T00:00:00Z")));
        let daily = RevocationRules { maximum_age: Some(86_400), ..rules };
        assert!(!daily.is_fresh(issued, next, at("2026-01-03T00:00:00Z")));
        let patient = RevocationRules { grace: Some(3_600), ..rules };
        assert!(!patient.is_fresh(issued, next, at("2026-01-01T00:00:00Z")));
        assert!(patient.is_fresh(issued, next, at("2025-12-31T23:00:00Z")));
    }
}
