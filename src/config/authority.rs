//! What is set for the authority: deadlines with the article each comes from, lists, profiles, and the bounds of all of them.

use super::{ConfigError, invalid};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Deadlines of the authority. Each names the article that it comes from; where the law that was read sets no number, it says so.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct AuthorityConfig {
    /// Hours from a CRL's `thisUpdate` to its `nextUpdate` (RFC 5280 §5.1.2.5); Decree 23/2025 asks for status that is always at hand, so
    /// a new list is out at half of it and after each change.
    pub crl_hours: i64,
    /// Parts into which an issuing CA's list is cut besides the whole one, 1 for none: new certificates name their part, so that
    /// relying parties fetch a short list. A number that was once in use stays published.
    pub crl_parts: u8,
    /// Days from `thisUpdate` to `nextUpdate` of the list of a root whose token is away.
    pub root_list_days: i64,
    /// Minutes an OCSP answer is good for (RFC 6960 §2.4, `nextUpdate`).
    pub ocsp_minutes: i64,
    /// Hours in which a subscriber confirms the content by redeeming the activation code, or refuses it. Decree 23/2025: nothing is
    /// published that was not confirmed; the practice of Decree 130/2018 was publication within 24 hours of it, here it is at once.
    pub activation_code_hours: i64,
    /// Days before its end within which a certificate can be renewed by its subscriber (Decree 23/2025: before it expires).
    pub renewal_days: i64,
    /// Days before its end at which a subscriber is reminded. The practice of Decree 130/2018 was a request at least 30 days before.
    pub reminder_days: Vec<i64>,
    /// Working days from a request's entry to its decision and issue, shown to who decides. Decree 68/2024, article 11: three from a valid
    /// request. Decree 23/2025 was not read to set a number for public certificates; the same is used.
    pub issue_working_days: i64,
    /// Hours in which an order to revoke a list is to be dealt with, shown with it. The decrees ask for it to be done at once and name
    /// no number that was read.
    pub revocation_hours: i64,
    /// Days after which a suspension that nobody lifted becomes a revocation; 0 for never. Neither decree was read to set a number.
    pub suspension_days: i64,
    /// Years after a certificate's end for which its file and status are kept; the service removes neither. The practice of Decree
    /// 130/2018 was five at least. A profile that promises more in its certificates (EN 319 412-5 §4.3.3) is refused.
    pub retention_years: u32,
    /// Directory of certificate profiles (`*.toml`) that take the place of the built-in ones of their name, or stand beside them.
    pub profiles_dir: Option<PathBuf>,
    /// Directory of lists of keys that are known to be bad and never certified.
    pub known_bad_keys_dir: Option<PathBuf>,
    /// Address of the practice statement, put into certificates (RFC 5280 §4.2.1.4).
    pub practice_statement: Option<String>,
}

impl Default for AuthorityConfig {
    fn default() -> Self {
        Self {
            crl_hours: 24,
            crl_parts: 1,
            root_list_days: 366,
            ocsp_minutes: 60,
            activation_code_hours: 72,
            renewal_days: 90,
            reminder_days: vec![60, 30, 7],
            issue_working_days: 3,
            revocation_hours: 24,
            suspension_days: 0,
            retention_years: 5,
            profiles_dir: None,
            known_bad_keys_dir: None,
            practice_statement: None,
        }
    }
}

impl AuthorityConfig {
    /// Refuses what lies outside the bounds of law or sense.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        if self.crl_parts == 0 || self.crl_parts > MOST_LIST_PARTS {
            return Err(invalid("authority.crl_parts", "is 1 to 128"));
        }
        if !(30..=MOST_ROOT_LIST_DAYS).contains(&self.root_list_days) {
            return Err(invalid("authority.root_list_days", "is 30 to 398"));
        }
        if self.renewal_days < 0 || !self.reminder_days.iter().all(|days| (1..=MOST_DAYS_AHEAD).contains(days)) {
            return Err(invalid(
                "authority.renewal_days, authority.reminder_days",
                "are days before a certificate ends",
            ));
        }
        let address = self.practice_statement.as_deref().unwrap_or("https://");
        if !address.is_ascii() || !(address.starts_with("http://") || address.starts_with("https://")) {
            return Err(invalid("authority.practice_statement", "is an HTTP address in ASCII"));
        }
        self.check_deadlines()
    }

    fn check_deadlines(&self) -> Result<(), ConfigError> {
        if !(1..=LONGEST_CODE_HOURS).contains(&self.activation_code_hours) {
            return Err(invalid("authority.activation_code_hours", "is 1 to 720"));
        }
        if !(1..=LONGEST_ISSUE_DAYS).contains(&self.issue_working_days) {
            return Err(invalid("authority.issue_working_days", "is 1 to 3 (Decree 68/2024, article 11)"));
        }
        if !(1..=LONGEST_REVOCATION_HOURS).contains(&self.revocation_hours) {
            return Err(invalid("authority.revocation_hours", "is 1 to 24 (ETSI EN 319 411-1 §6.2.4)"));
        }
        if !(0..=LONGEST_SUSPENSION_DAYS).contains(&self.suspension_days) {
            return Err(invalid("authority.suspension_days", "is 0 for no end, or at most 366"));
        }
        if !(LEAST_RETENTION_YEARS..=MOST_RETENTION_YEARS).contains(&self.retention_years) {
            return Err(invalid("authority.retention_years", "is 5 to 100 (the practice of Decree 130/2018)"));
        }
        Ok(())
    }
}

/// Parts of a revocation list: a certificate's part is told by the last octet of its serial number.
pub const MOST_LIST_PARTS: u8 = 128;
/// A root's list is made at least once a year, with a month to spare (ETSI EN 319 411-1 §6.3.9 asks for a year for CA certificates).
const MOST_ROOT_LIST_DAYS: i64 = 398;
/// Nobody remembers what will end in more than a year.
const MOST_DAYS_AHEAD: i64 = 366;
/// A month: who has not confirmed by then is identified anew.
const LONGEST_CODE_HOURS: i64 = 720;
/// Decree 68/2024, article 11: three working days from a valid request.
const LONGEST_ISSUE_DAYS: i64 = 3;
/// ETSI EN 319 411-1 §6.2.4: at most 24 hours from the report to the changed status.
const LONGEST_REVOCATION_HOURS: i64 = 24;
const LONGEST_SUSPENSION_DAYS: i64 = 366;
const LEAST_RETENTION_YEARS: u32 = 5;
const MOST_RETENTION_YEARS: u32 = 100;
