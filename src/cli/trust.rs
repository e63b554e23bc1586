//! `chuky trust`: what the administrator trusts. Each addition names a fingerprint that he has from elsewhere; nothing is fetched.

use super::{
    Common, printed,
    verify::{open, readers},
};
use crate::{
    clock::Clock,
    config::Settings,
    error::{Error, InternalError, RequestError, RequestErrorKind, Result},
    reader::{Task, TaskOutput},
    trust::{self, Addition, Manifest, TrustFolder},
};
use chuky_model::{instant::Instant, text::Language};
use chuky_pki::{limits::LONGEST_TRUSTED_LIST, trusted_list::TrustedList, verify::AnchorPurpose};
use clap::{Args, Subcommand};
use std::{
    fmt::Write as _,
    io::{Read, Seek, Write as _},
    path::{Path, PathBuf},
    process::ExitCode,
};

/// Dữ liệu tin cậy / What verdicts trust: anchors and trusted lists, checked by fingerprint, every version kept
///
/// Exit codes: 0 done, 1 refused (the reason is printed, nothing was changed), 2 wrong usage or a file that cannot be read.
#[derive(Debug, Args)]
pub struct Trust {
    /// Data directory; trust data lies in its folder trust
    #[arg(long, value_name = "DIR", default_value = "var", global = true)]
    data_dir: PathBuf,
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Ghi nhận một chứng thư gốc / Record a certificate as an anchor
    Add(Add),
    /// Ghi nhận một danh sách tin cậy ETSI TS 119 612 / Record a trusted list (ETSI TS 119 612) from a file
    AddList(AddList),
    /// Bỏ một chứng thư hoặc danh sách / Take out an anchor or a list; former snapshots keep it
    Remove {
        /// Its SHA-256
        #[arg(value_name = "HEX")]
        digest: String,
    },
    /// Liệt kê / What is trusted, with the snapshot's digest and those before it
    List {
        /// The manifest as TOML
        #[arg(long)]
        toml: bool,
        /// A former snapshot
        #[arg(long, value_name = "DIGEST")]
        snapshot: Option<String>,
    },
}

#[derive(Debug, Args)]
struct Add {
    /// The certificate (PEM or DER; of several in a file, the one with the fingerprint)
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Its SHA-256, from another source than the file: a gazette, a letter, a call
    #[arg(long, value_name = "HEX")]
    fingerprint: String,
    /// What it is trusted for: signatures, timestamps or payments; may be given several times
    #[arg(long, value_name = "PURPOSE", required = true, value_parser = purpose)]
    purpose: Vec<AnchorPurpose>,
    /// Trusted for signatures from this time on (RFC 3339 or a day, UTC)
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Trusted for signatures up to this time
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Where it comes from and how the fingerprint was checked; reports repeat it
    #[arg(long, value_name = "TEXT", default_value = "no origin was named")]
    origin: String,
}

#[derive(Debug, Args)]
struct AddList {
    /// The list (XML)
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// SHA-256 of a scheme operator's certificate that may have signed it; may be given several times
    #[arg(long, value_name = "HEX", required = true)]
    signer_fingerprint: Vec<String>,
}

fn purpose(name: &str) -> Result<AnchorPurpose, String> {
    AnchorPurpose::from_name(name).ok_or_else(|| "signatures, timestamps, payments or registration".to_owned())
}

impl Trust {
    /// Runs the command.
    pub fn run(self, common: &Common) -> ExitCode {
        printed(common, self.answer(common))
    }

    async fn answer(&self, common: &Common) -> Result<String> {
        let folder = TrustFolder::of(&self.data_dir);
        let now = Clock::default().now();
        let vi = common.language == Language::Vi;
        let made = |digest: &str| match vi {
            true => format!("Bản ghi tin cậy mới: {digest}\n"),
            false => format!("New trust snapshot: {digest}\n"),
        };
        match &self.what {
            What::Add(add) => {
                let (certificate, digest) = add.record(&folder, now)?;
                let what = if vi { "Đã ghi nhận" } else { "Recorded" };
                Ok(format!("{what}: {}\n{}", trust::name(&certificate), made(&digest)))
            }
            What::AddList(add) => {
                let (list, digest) = add.record(&folder, common, &self.data_dir, now).await?;
                let used =
                    list.services.iter().filter(|service| !service.periods(list.is_european()).is_empty()).count();
                let (label, all) = (list.label(), list.services.len());
                let text = match vi {
                    true => format!("Đã ghi nhận {label} ({}): {all} dịch vụ, {used} được tin cậy.\n", list.operator),
                    false => format!("Recorded {label} ({}): {all} services, {used} of them trusted.\n", list.operator),
                };
                Ok(text + &made(&digest))
            }
            What::Remove { digest } => Ok(made(&trust::remove(&folder, &trust::fingerprint(digest)?, now)?)),
            What::List { toml, snapshot } => {
                let digest = match snapshot {
                    Some(digest) => Some(digest.clone()),
                    None => folder.current()?,
                };
                let Some(digest) = digest else {
                    let text = if vi { "Chưa có dữ liệu tin cậy nào." } else { "No trust data was recorded." };
                    return Ok(format!("{text}\n"));
                };
                let manifest = folder.manifest(&digest)?;
                match toml {
                    true => toml::to_string(&manifest).map_err(|error| InternalError::other(error.to_string()).into()),
                    false => listed(&folder, &digest, &manifest, now, vi),
                }
            }
        }
    }
}

impl Add {
    fn record(&self, folder: &TrustFolder, now: Instant) -> Result<(chuky_pki::certificate::Certificate, String)> {
        let moment = |text: &Option<String>| text.as_deref().map(trust::moment).transpose();
        let addition = Addition {
            file: &bytes(&self.file)?,
            fingerprint: trust::fingerprint(&self.fingerprint)?,
            purposes: self.purpose.clone(),
            from: moment(&self.from)?,
            until: moment(&self.until)?,
            origin: self.origin.chars().filter(|letter| !letter.is_control()).take(LONGEST_ORIGIN).collect(),
        };
        trust::add_anchor(folder, addition, now)
    }
}

impl AddList {
    /// A reader worker parses the list and checks its signature.
    async fn record(
        &self,
        folder: &TrustFolder,
        common: &Common,
        data_dir: &Path,
        now: Instant,
    ) -> Result<(TrustedList, String)> {
        let signers = self.signer_fingerprint.iter().map(|text| trust::fingerprint(text));
        let signers = signers.collect::<Result<Vec<_>, RequestError>>()?;
        let settings = Settings::load(common.config.as_deref(), data_dir);
        let settings = settings.map_err(|error| InternalError::other(error.to_string()))?;
        let file = bytes(&self.file)?;
        // A copy that nobody changes meanwhile.
        let mut copy = tempfile::tempfile().map_err(InternalError::io("a temporary file"))?;
        let written = copy.write_all(&file).and_then(|()| copy.rewind());
        written.map_err(InternalError::io("a temporary file"))?;
        let readers = readers(common).map_err(InternalError::other)?;
        let answer = readers.run(Task::ReadTrustedList { signers, at: now }, Some(copy)).await;
        let list = match answer.map_err(|failure| not_genuine(&failure.to_string()))? {
            TaskOutput::TrustedList(Ok(list)) => *list,
            TaskOutput::TrustedList(Err(refused)) => return Err(not_genuine(&refused.to_string())),
            _ => return Err(not_genuine("the reader answered another question")),
        };
        let digest = trust::add_list(folder, &list, &file, now, settings.verification.trusted_list_days)?;
        Ok((list, digest))
    }
}

fn not_genuine(reason: &str) -> Error {
    let vi = format!("Danh sách bị từ chối: {reason}");
    let en = format!("The list is refused: {reason}");
    RequestError::new(RequestErrorKind::Invalid, "list_refused", vi, en).into()
}

fn bytes(path: &Path) -> Result<Vec<u8>> {
    let failed = |error| InternalError::io(path.display().to_string())(error);
    let mut bytes = Vec::new();
    let file = open(path).map_err(failed)?;
    file.take(LONGEST_TRUSTED_LIST as u64 + 1).read_to_end(&mut bytes).map_err(InternalError::io("a file"))?;
    Ok(bytes)
}

/// One line for each anchor, list and service that counts.
fn listed(folder: &TrustFolder, digest: &str, manifest: &Manifest, now: Instant, vi: bool) -> Result<String> {
    let mut text = String::new();
    let snapshot = folder.snapshot(digest)?;
    let word = |vietnamese: &'static str, english: &'static str| if vi { vietnamese } else { english };
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{} {digest}, {}", word("Bản ghi tin cậy", "Trust snapshot"), manifest.created);
    if !manifest.previous.is_empty() {
        let _ = writeln!(text, "{} {}", word("Trước đó", "Before it"), manifest.previous);
    }
    for gap in snapshot.missing.iter().cloned().chain(snapshot.stale(now)) {
        let _ = writeln!(text, "{} {gap}", word("CẢNH BÁO:", "WARNING:"));
    }
    for row in &manifest.anchors {
        let purposes: Vec<&str> = row.purposes.iter().map(|purpose| purpose.name()).collect();
        let (from, until) = (row.from.as_deref().unwrap_or("…"), row.until.as_deref().unwrap_or("…"));
        let _ = writeln!(
            text,
            "{}  {} ({}; {from} – {until}): {}",
            row.sha256,
            row.subject,
            purposes.join(", "),
            row.origin
        );
    }
    for row in &manifest.lists {
        let until = word("dùng đến", "used until");
        let _ = writeln!(text, "{}  {}, {}, {until} {}", row.sha256, row.label(), row.operator, row.known_until);
        for service in &row.services {
            let _ = writeln!(text, "    {}: {} ({}, {})", service.provider, service.name, service.kind, service.status);
        }
        for pointer in &row.pointers {
            let to = word("chỉ đến (không tải về)", "points to (not fetched)");
            let _ = writeln!(text, "    {to} {} {} {}", pointer.territory, pointer.location, pointer.signers.join(" "));
        }
    }
    Ok(text)
}

/// Letters of an origin that are kept.
const LONGEST_ORIGIN: usize = 500;
