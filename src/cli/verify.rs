//! `chuky verify`: judges files without server, database or network. Each file goes through a reader worker.

use super::{Common, printing, runtime, unusable};
use crate::{
    clock::Clock,
    config::Settings,
    http::pages::verdict_sheet,
    reader::{Evidence, ReaderPool},
    reports,
    trust::TrustFolder,
    verification::{self, Judged, Pictures},
};
use chuky_model::{
    instant::Instant,
    report::{Indication, Report},
};
use chuky_pki::{
    certificate::Certificate,
    verify::{TrustSnapshot, policy::ValidationPolicy},
};
use clap::{Args, ValueEnum};
use std::{
    fs::{File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    process::ExitCode,
};

/// Kiểm tra văn bản đã ký / Judge signed documents, without server or network
///
/// Exit codes: 0 every file valid, 1 at least one not valid, 2 wrong usage or an unreadable file, 3 none invalid but at
/// least one cannot be determined or carries no signature; where several apply, 2 before 1 before 3 before 0.
#[derive(Debug, Args)]
pub struct Verify {
    /// One JSON object a line for each file, in order
    #[arg(long)]
    json: bool,
    /// A report on a single FILE: pdf for people (needs -o; not sealed, for that takes the service), or xml (ETSI TS 119 102-2)
    #[arg(long, value_name = "FORMAT", conflicts_with = "json")]
    report: Option<ReportFormat>,
    /// Where the report goes; a file that exists is not overwritten. Without it the XML goes to standard output
    #[arg(short = 'o', long = "output", value_name = "OUT", requires = "report")]
    output: Option<PathBuf>,
    /// Trusted root certificates (PEM, several in a file allowed); may be given several times
    #[arg(long, value_name = "PEM")]
    anchors: Vec<PathBuf>,
    /// Judge as of this time (default: now)
    #[arg(long, value_name = "RFC3339")]
    at: Option<String>,
    /// The content that a detached signature (CMS) covers; goes with a single FILE
    #[arg(long, value_name = "FILE")]
    content: Option<PathBuf>,
    /// Validation policy: default, vietnam, eu, integrity, or a file of your own (TOML)
    #[arg(long, value_name = "NAME|FILE", default_value = "default")]
    policy: String,
    /// Use the recorded trust data (chuky trust) of this data directory, as it is now
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Use the recorded trust data as it was in this snapshot, to repeat a verdict; of the directory var without --data-dir
    #[arg(long, value_name = "DIGEST")]
    trust_snapshot: Option<String>,
    /// Files to judge
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

/// What `--report` makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ReportFormat {
    Pdf,
    Xml,
}

impl Verify {
    /// Runs the command over every file, in order.
    pub fn run(self, common: &Common) -> ExitCode {
        let (evidence, readers) = match self.evidence().and_then(|evidence| Ok((evidence, readers(common)?))) {
            Ok(prepared) => prepared,
            Err(message) => return unusable(message),
        };
        let runtime = match runtime() {
            Ok(runtime) => runtime,
            Err(error) => return unusable(error),
        };
        let mut worst = Severity::Valid;
        for path in &self.files {
            let report = match runtime.block_on(self.judge(&readers, path, &evidence)) {
                Ok(report) => report,
                Err(message) => return unusable(message),
            };
            worst = worst.max(Severity::of(report.sha256.is_some(), report.indication));
            let text = match (self.report, self.json) {
                (Some(format), _) => {
                    let pictures = match open(path) {
                        Ok(file) if format == ReportFormat::Pdf => {
                            runtime.block_on(verification::drawn(&readers, file, &report))
                        }
                        _ => Pictures::Nothing,
                    };
                    match self.made(format, (report, &pictures), evidence.at, common) {
                        Ok(()) => continue,
                        Err(message) => return unusable(message),
                    }
                }
                (None, true) => serde_json::to_string(&report).map(|line| line + "\n"),
                (None, false) => Ok(printing::report(&report, common.language)),
            };
            match text.map_err(io::Error::from).and_then(|text| printing::print(&text)) {
                Ok(()) => {}
                Err(error) => return unusable(error),
            }
        }
        worst.exit_code()
    }

    fn evidence(&self) -> Result<Evidence, String> {
        if self.content.is_some() && self.files.len() != 1 {
            return Err("--content goes with exactly one FILE".to_owned());
        }
        if self.report.is_some() && self.files.len() != 1 {
            return Err("--report goes with exactly one FILE".to_owned());
        }
        if self.report == Some(ReportFormat::Pdf) && self.output.is_none() {
            return Err("--report pdf needs -o OUT".to_owned());
        }
        let (anchors, policy) = (anchors(&self.anchors)?, policy(&self.policy)?);
        let trust = trust(self.data_dir.as_deref(), self.trust_snapshot.as_deref())?;
        Ok(Evidence { anchors, policy, trust, ..Evidence::at(moment(self.at.as_deref())?) })
    }

    /// Writes the report on the file in that format.
    fn made(
        &self,
        format: ReportFormat,
        (report, pictures): (Report, &Pictures),
        at: Instant,
        common: &Common,
    ) -> Result<(), String> {
        let bytes = match format {
            ReportFormat::Xml => reports::xml(&report, at).into_bytes(),
            ReportFormat::Pdf => {
                let settings = Settings::load(common.config.as_deref(), Path::new("var"));
                let fonts = settings.map_err(|error| error.to_string())?.fonts_dir;
                let now = Clock::default().now();
                let sheet = verdict_sheet(&Judged { report, at }, pictures, now, reports::Seal::Offline);
                reports::pdf(&sheet, &fonts, now).map_err(|error| error.to_string())?
            }
        };
        let Some(path) = &self.output else {
            return printing::print(&String::from_utf8_lossy(&bytes)).map_err(|error| error.to_string());
        };
        let written = OpenOptions::new().write(true).create_new(true).open(path).and_then(|mut file| {
            file.write_all(&bytes)?;
            file.sync_all()
        });
        written.map_err(|error| format!("-o {}: {error}", path.display()))
    }

    async fn judge(&self, readers: &ReaderPool, path: &Path, evidence: &Evidence) -> Result<Report, String> {
        let name = path.to_string_lossy().into_owned();
        let document = match open(path) {
            Ok(file) => file,
            Err(error) => return Ok(verification::unreadable(&name, &error.to_string())),
        };
        let content = match &self.content {
            Some(path) => Some(open(path).map_err(|error| format!("--content {}: {error}", path.display()))?),
            None => None,
        };
        let judged = verification::judge(readers, &name, document, content, evidence.clone()).await;
        judged.map_err(|failure| failure.to_string())
    }
}

/// Opens a regular file. Pipes and devices are not waited for; standard input has no name to report.
pub(super) fn open(path: &Path) -> io::Result<File> {
    if path == Path::new("-") {
        return Err(io::Error::other("standard input is not read: name a file (a file called - is ./-)"));
    }
    let nonblocking = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    let file = OpenOptions::new().read(true).custom_flags(nonblocking).open(path)?;
    match file.metadata()? {
        found if found.is_file() => Ok(file),
        found if found.is_dir() => Err(io::Error::other("is a directory")),
        _ => Err(io::Error::other("is not a regular file")),
    }
}

/// The readers of a command: bounds from the settings, where a file or the environment names them.
pub(super) fn readers(common: &Common) -> Result<ReaderPool, String> {
    let settings = Settings::load(common.config.as_deref(), Path::new("var")).map_err(|error| error.to_string())?;
    let executable = std::env::current_exe().map_err(|error| error.to_string())?;
    Ok(ReaderPool::new(crate::config::ReadersConfig { count: 1, ..settings.readers }, executable))
}

/// The recorded trust data that a command is to use. A named snapshot must be there and be whole: a verdict cannot be repeated by less.
fn trust(data_dir: Option<&Path>, digest: Option<&str>) -> Result<Option<TrustSnapshot>, String> {
    let folder = TrustFolder::of(data_dir.unwrap_or_else(|| Path::new("var")));
    let Some(digest) = digest else {
        let Some(data_dir) = data_dir else { return Ok(None) };
        let snapshot = folder.present().ok_or_else(|| {
            format!("--data-dir {}: no trust data was recorded there (chuky trust add)", data_dir.display())
        });
        return snapshot.map(|snapshot| Some(TrustSnapshot::clone(&snapshot)));
    };
    let snapshot = folder.snapshot(digest).map_err(|error| format!("--trust-snapshot: {error}"))?;
    match snapshot.missing.first() {
        Some(reason) => Err(format!("--trust-snapshot: {reason}")),
        None => Ok(Some(snapshot)),
    }
}

/// The moment of a verdict: as given, or now.
pub(super) fn moment(at: Option<&str>) -> Result<Instant, String> {
    match at {
        None => Ok(Clock::default().now()),
        Some(text) => {
            Instant::parse_rfc3339(text).ok_or_else(|| "--at: RFC 3339, e.g. 2026-11-22T10:00:00+07:00".to_owned())
        }
    }
}

/// The text of a validation policy: a built-in one by its name, else a file, which must be one.
fn policy(name: &str) -> Result<String, String> {
    if let Some(text) = ValidationPolicy::built_in_text(name) {
        return Ok(text.to_owned());
    }
    let text = open(Path::new(name)).and_then(|file| {
        let mut text = String::new();
        file.take(LONGEST_POLICY).read_to_string(&mut text).map(|_| text)
    });
    let names = ValidationPolicy::names().collect::<Vec<_>>().join(", ");
    let text =
        text.map_err(|error| format!("--policy: {name:?} is neither one of {names} nor a readable file: {error}"))?;
    ValidationPolicy::parse(&text).map_err(|error| format!("--policy {name}: {error}"))?;
    Ok(text)
}

/// Bytes of a policy that are read at most; the parser refuses earlier.
const LONGEST_POLICY: u64 = 1 << 20;

/// Every certificate of these PEM files, as DER; a file without one is an error.
pub(super) fn anchors(files: &[PathBuf]) -> Result<Vec<Vec<u8>>, String> {
    let mut found = Vec::new();
    for path in files {
        let failed = |what: &dyn std::fmt::Display| format!("{}: {what}", path.display());
        let text = std::fs::read_to_string(path).map_err(|error| failed(&error))?;
        let certificates = Certificate::all_from_pem(&text).map_err(|error| failed(&error))?;
        if certificates.is_empty() {
            return Err(failed(&"no certificate in PEM form"));
        }
        found.extend(certificates.iter().map(|certificate| certificate.der().to_vec()));
    }
    Ok(found)
}

/// Orders reports by the exit code they ask for: 2 before 1 before 3 before 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Severity {
    Valid,
    Undetermined,
    Invalid,
    Unreadable,
}

impl Severity {
    /// Of an input that could (or could not) be read, and was judged so.
    pub(super) fn of(was_read: bool, indication: Indication) -> Self {
        match (was_read, indication) {
            (false, _) => Self::Unreadable,
            (_, Indication::TotalPassed) => Self::Valid,
            (_, Indication::TotalFailed) => Self::Invalid,
            (_, Indication::Indeterminate | Indication::NoSignatureFound) => Self::Undetermined,
        }
    }

    pub(super) fn exit_code(self) -> ExitCode {
        match self {
            Self::Valid => ExitCode::SUCCESS,
            Self::Invalid => ExitCode::from(1),
            Self::Unreadable => ExitCode::from(2),
            Self::Undetermined => ExitCode::from(3),
        }
    }
}
