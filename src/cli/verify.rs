//! `chuky verify`: judges files without server, database or network. Each file goes through a reader worker.

use super::{Common, runtime, unusable};
use crate::{
    clock::Clock,
    config::ReadersConfig,
    reader::{Evidence, ReaderPool, Task, TaskOutput},
    verification,
};
use chuky_model::{
    instant::Instant,
    report::{Indication, Outcome, Report, SignatureReport},
    text::Language,
};
use chuky_pki::certificate::Certificate;
use clap::Args;
use std::{fs::File, path::PathBuf, process::ExitCode};

/// Kiểm tra văn bản đã ký / Judge signed documents, without server or network
///
/// Exit codes: 0 every file valid, 1 at least one not valid, 2 wrong usage or an unreadable file, 3 none invalid but at
/// least one cannot be determined or carries no signature.
#[derive(Debug, Args)]
pub struct Verify {
    /// One JSON object a line for each file, in order
    #[arg(long)]
    json: bool,
    /// Trusted root certificates (PEM, several in a file allowed)
    #[arg(long, value_name = "PEM")]
    anchors: Vec<PathBuf>,
    /// Judge as of this time (default: now)
    #[arg(long, value_name = "RFC3339")]
    at: Option<String>,
    /// The content that a detached signature covers
    #[arg(long, value_name = "FILE")]
    content: Option<PathBuf>,
    /// Signature policy
    #[arg(long, value_name = "NAME", default_value = "default")]
    policy: String,
    /// Files to judge
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

impl Verify {
    /// Runs the command over every file, in order.
    pub fn run(self, common: &Common) -> ExitCode {
        let evidence = match self.evidence() {
            Ok(evidence) => evidence,
            Err(message) => return unusable(message),
        };
        let executable = match std::env::current_exe() {
            Ok(executable) => executable,
            Err(error) => return unusable(error),
        };
        let readers = ReaderPool::new(ReadersConfig { count: 1, ..ReadersConfig::default() }, executable);
        let runtime = match runtime() {
            Ok(runtime) => runtime,
            Err(error) => return unusable(error),
        };
        let mut worst = Severity::Valid;
        for path in &self.files {
            let report = runtime.block_on(judge(&readers, path, &evidence));
            worst = worst.max(Severity::of(&report));
            if self.json {
                match serde_json::to_string(&report) {
                    Ok(line) => println!("{line}"),
                    Err(error) => return unusable(error),
                }
            } else {
                print_report(&report, common.language);
            }
        }
        worst.exit_code()
    }

    fn evidence(&self) -> Result<Evidence, String> {
        let at = match &self.at {
            None => Clock::default().now(),
            Some(text) => Instant::parse_rfc3339(text).ok_or("--at: RFC 3339, e.g. 2026-11-22T10:00:00+07:00")?,
        };
        if self.policy != "default" {
            return Err(format!("--policy: unknown {:?}; there is: default", self.policy));
        }
        let mut evidence = Evidence::at(at);
        for path in &self.anchors {
            let failed = |what: &dyn std::fmt::Display| format!("{}: {what}", path.display());
            let text = std::fs::read_to_string(path).map_err(|error| failed(&error))?;
            let found = Certificate::all_from_pem(&text).map_err(|error| failed(&error))?;
            if found.is_empty() {
                return Err(failed(&"no certificate in PEM form"));
            }
            evidence.anchors.extend(found.iter().map(|certificate| certificate.der().to_vec()));
        }
        Ok(evidence)
    }
}

async fn judge(readers: &ReaderPool, path: &std::path::Path, evidence: &Evidence) -> Report {
    let name = path.to_string_lossy().into_owned();
    let file = match File::open(path).and_then(|file| {
        if file.metadata()?.is_file() { Ok(file) } else { Err(std::io::Error::other("not a regular file")) }
    }) {
        Ok(file) => file,
        Err(error) => return verification::unreadable(&name, &error.to_string()),
    };
    let digest = verification::digest_of(&file);
    let task = Task::Verify { name: name.clone(), evidence: evidence.clone() };
    match readers.run(task, Some(file)).await {
        Ok(TaskOutput::Report(report)) => *report,
        Ok(_) => verification::unread(&name, digest, "the reader answered another question"),
        Err(failure) => verification::unread(&name, digest, &failure.to_string()),
    }
}

/// Orders reports by the exit code they ask for: 2 before 1 before 3 before 0.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Severity {
    Valid,
    Undetermined,
    Invalid,
    Unreadable,
}

impl Severity {
    fn of(report: &Report) -> Self {
        match (report.sha256.is_some(), report.indication) {
            (false, _) => Self::Unreadable,
            (_, Indication::TotalPassed) => Self::Valid,
            (_, Indication::TotalFailed) => Self::Invalid,
            (_, Indication::Indeterminate | Indication::NoSignatureFound) => Self::Undetermined,
        }
    }

    fn exit_code(self) -> ExitCode {
        match self {
            Self::Valid => ExitCode::SUCCESS,
            Self::Invalid => ExitCode::from(1),
            Self::Unreadable => ExitCode::from(2),
            Self::Undetermined => ExitCode::from(3),
        }
    }
}

fn print_report(report: &Report, language: Language) {
    let mark = match report.indication {
        Indication::TotalPassed => "✓",
        Indication::TotalFailed => "✕",
        Indication::Indeterminate | Indication::NoSignatureFound => "!",
    };
    println!("{mark} {}\n  {}", report.file, report.message.in_language(language));
    for signature in &report.signatures {
        print_signature(signature, language);
    }
    println!("  → {}", report.next_step.in_language(language));
}

fn print_signature(signature: &SignatureReport, language: Language) {
    let words = match language {
        Language::Vi => ["Chữ ký", "người ký", "nơi cấp", "thời điểm", "phạm vi"],
        Language::En => ["Signature", "signer", "issuer", "time", "covers"],
    };
    println!("  {} {} ({})", words[0], signature.id, signature.format);
    if let Some(signer) = &signature.signer {
        println!("    {}: {}  {}: {}", words[1], signer.common_name, words[2], signer.issuer);
    }
    if let Some(time) = signature.best_signature_time.as_ref().or(signature.claimed_signing_time.as_ref()) {
        println!("    {}: {time}", words[3]);
    }
    println!("    {}: {}", words[4], signature.covers);
    for check in signature.checks.iter().filter(|check| check.outcome != Outcome::Passed) {
        let mark = if check.outcome == Outcome::Failed { "✕" } else { "–" };
        println!("    {mark} {}: {}", check.name, check.reason);
    }
    for change in &signature.changes_after {
        let mark = if change.permitted { "✓" } else { "✕" };
        println!("    {mark} {}: {}", change.kind, change.detail);
    }
}
