//! Reports on a terminal, in one language. What a file says about itself is printed without control characters, so that no
//! document can move the cursor or colour a verdict.

use crate::http::pages::texts;
use chuky_model::{
    report::{CertificateReport, Change, Check, Indication, Outcome, Report, SignatureReport, Signer},
    text::{Language, turns_direction},
};
use std::io::{self, Write};

/// Writes to standard output. A reader that went away (`| head`) is no error.
pub fn print(text: &str) -> io::Result<()> {
    let mut output = io::stdout().lock();
    match output.write_all(text.as_bytes()).and_then(|()| output.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// A document's report.
pub fn report(report: &Report, language: Language) -> String {
    let mut lines = Lines { text: String::new(), language };
    lines.add(0, &format!("{} {}", mark(report.indication), report.file));
    lines.add(2, report.message.in_language(language));
    for signature in &report.signatures {
        lines.signature(signature);
    }
    for timestamp in &report.timestamps {
        let heading = lines.say("dấu thời gian", "timestamp");
        let sign = mark(timestamp.indication);
        lines.add(2, &format!("{sign} {heading}: {}  {}", texts::screen_time(&timestamp.time), timestamp.authority));
        lines.checks(4, &timestamp.checks);
    }
    lines.checks(2, &report.checks);
    lines.add(2, &format!("→ {}", report.next_step.in_language(language)));
    lines.text
}

/// A certificate's report.
pub fn certificate(report: &CertificateReport, language: Language) -> String {
    let mut lines = Lines { text: String::new(), language };
    lines.add(0, &format!("{} {}", mark(report.indication), report.file));
    lines.add(2, report.message.in_language(language));
    if let Some(subject) = &report.subject {
        lines.signer(subject);
    }
    if !report.path.is_empty() {
        let label = lines.say("đường dẫn", "path");
        lines.add(2, &format!("{label}: {}", report.path.join(" ← ")));
    }
    lines.checks(2, &report.checks);
    lines.text
}

struct Lines {
    text: String,
    language: Language,
}

impl Lines {
    fn say(&self, vi: &'static str, en: &'static str) -> &'static str {
        if self.language == Language::Vi { vi } else { en }
    }

    fn add(&mut self, indent: usize, line: &str) {
        self.text.extend(std::iter::repeat_n(' ', indent));
        let steers = |letter: char| letter.is_control() || turns_direction(letter);
        self.text.extend(line.chars().map(|letter| if steers(letter) { '\u{fffd}' } else { letter }));
        self.text.push('\n');
    }

    fn signature(&mut self, signature: &SignatureReport) {
        let (heading, time, covers) =
            (self.say("Chữ ký", "Signature"), self.say("thời điểm", "time"), self.say("phạm vi", "covers"));
        let sign = mark(signature.indication);
        self.add(2, &format!("{sign} {heading} {} ({})", signature.id, signature.format));
        if let Some(signer) = &signature.signer {
            self.signer(signer);
        }
        if let Some(at) = signature.best_signature_time.as_ref().or(signature.claimed_signing_time.as_ref()) {
            self.add(4, &format!("{time}: {}", texts::screen_time(at)));
        }
        self.add(4, &format!("{covers}: {}", texts::coverage(self.language, &signature.covers)));
        self.checks(4, &signature.checks);
        for change in &signature.changes_after {
            self.change(change);
        }
    }

    fn signer(&mut self, signer: &Signer) {
        let (who, issuer) = (self.say("người ký", "signer"), self.say("nơi cấp", "issuer"));
        let comma = if signer.organization.is_empty() { "" } else { ", " };
        self.add(4, &format!("{who}: {}{comma}{}", signer.common_name, signer.organization));
        self.add(4, &format!("{issuer}: {} ({})", signer.issuer, signer.serial));
    }

    /// What did not pass; what passed is counted by the sentence above and listed by `--json`.
    fn checks(&mut self, indent: usize, checks: &[Check]) {
        for check in checks.iter().filter(|check| check.outcome != Outcome::Passed) {
            let sign = if check.outcome == Outcome::Failed { "✕" } else { "–" };
            let name = self.name_of("check", &check.name);
            self.add(indent, &format!("{sign} {name}: {}", check.reason));
        }
    }

    fn change(&mut self, change: &Change) {
        let sign = if change.permitted { "✓" } else { "✕" };
        let name = self.name_of("change", &change.kind);
        self.add(4, &format!("{sign} {name}: {}", change.detail));
    }

    /// A stable name in words, where there are words for it.
    fn name_of(&self, prefix: &str, name: &str) -> String {
        let key = format!("{prefix}-{}", name.replace(['_', ' '], "-").to_lowercase());
        texts::text(self.language, &key, &[]).unwrap_or_else(|| name.to_owned())
    }
}

fn mark(indication: Indication) -> &'static str {
    match indication {
        Indication::TotalPassed => "✓",
        Indication::TotalFailed => "✕",
        Indication::Indeterminate | Indication::NoSignatureFound => "!",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_move_the_cursor() {
        let mut lines = Lines { text: String::new(), language: Language::En };
        lines.add(2, "a\u{1b}[2J\u{9b}b\u{202e}c\nd");
        assert_eq!(lines.text, "  a\u{fffd}[2J\u{fffd}b\u{fffd}c\u{fffd}d\n");
    }
}
