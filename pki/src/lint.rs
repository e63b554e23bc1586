//! The last look before something is signed or handed out: rules of RFC 5280, RFC 6960, EN 319 412 and of the profile, over the very
//! bytes. Each finding names its clause. It reads the bytes anew, trusts nothing about how they were made, and changes nothing.

mod answer;
mod encoding;
mod extensions;
mod fields;
mod list;
mod long_list;
mod names;
mod rule;
#[cfg(test)]
mod tests;

pub use answer::lint_ocsp;
pub use list::lint_crl;
pub use long_list::{LongList, LongListRead};
pub use rule::Rule;

use crate::asn1::write;
use crate::certificate::Certificate;
use crate::profile::Profile;
use crate::signed::ToBeSigned;
use encoding::Parts;

/// A rule that is broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub rule: Rule,
    /// E.g. `RFC 5280 §4.1.2.2`.
    pub clause: &'static str,
    /// What is wrong.
    pub text: String,
}

/// Every rule that these bytes break. None means that they may be signed.
pub fn lint(to_be_signed: &ToBeSigned, profile: &Profile) -> Vec<Finding> {
    let mut findings = Findings::default();
    // The signature is not there yet: one zero octet stands for it.
    let whole = write::sequence(&to_be_signed.members(&[0]));
    match (Certificate::from_der(&whole), Parts::read(&to_be_signed.der)) {
        (Ok(certificate), Ok(parts)) => {
            fields::look(&certificate, &parts, profile, &mut findings);
            names::look(&certificate, &parts, profile, &mut findings);
            if let Err(error) = extensions::look(&certificate, &parts, profile, &mut findings) {
                findings.with(Rule::ExtensionUnreadable, &error.to_string());
            }
        }
        (Err(error), _) | (_, Err(error)) => findings.with(Rule::Unreadable, &error.to_string()),
    }
    findings.0
}

#[derive(Default)]
struct Findings(Vec<Finding>);

impl Findings {
    /// Notes that a rule is broken.
    fn say(&mut self, rule: Rule) {
        self.0.push(Finding { rule, clause: rule.clause(), text: rule.text().to_owned() });
    }

    /// Notes it with what is the matter.
    fn with(&mut self, rule: Rule, detail: &str) {
        self.0.push(Finding { rule, clause: rule.clause(), text: format!("{}: {detail}", rule.text()) });
    }

    /// Notes it unless the rule is kept.
    fn unless(&mut self, kept: bool, rule: Rule) {
        if !kept {
            self.say(rule);
        }
    }
}
