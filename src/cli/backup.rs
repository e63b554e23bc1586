//! `chuky backup`, `chuky restore` and `chuky reconcile`: the service's data out of the house, back, and allowed to serve again.

use super::{Common, printed, secret};
use crate::{
    app::App,
    backup,
    clock::Clock,
    config::Settings,
    custodians::{Opened, share_error_in_words},
    error::{InternalError, RequestError, Result},
    issuance::reconciliation::{self, Evidence, Findings},
    restoration, tokens,
};
use chuky_hsm::{
    Secret32,
    share::{Purpose, Share},
};
use chuky_model::text::Language;
use chuky_pki::certificate::Certificate;
use clap::Args;
use std::{
    fmt::Write,
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

/// Sao lưu dữ liệu của dịch vụ / Back up the service's data, sealed, while it runs
///
/// Database, documents, SoftHSM's tokens, records and the settings file; never a PIN, and never keys of a hardware token.
#[derive(Debug, Args)]
pub struct Backup {
    /// Directory of the service's data
    #[arg(long, value_name = "DIR", default_value = "var")]
    data_dir: PathBuf,
    /// File with the backup key; made in the secrets directory where it is missing
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// The file to write
    #[arg(value_name = "OUT")]
    out: PathBuf,
}

/// Khôi phục từ bản sao lưu / Restore a backup; nothing is issued or answered before `chuky reconcile`
#[derive(Debug, Args)]
pub struct Restore {
    /// Directory for the service's data, not there yet
    #[arg(long, value_name = "DIR", default_value = "var")]
    data_dir: PathBuf,
    /// File with the backup key
    #[arg(long, value_name = "FILE", conflicts_with = "shares")]
    key: Option<PathBuf>,
    /// Files with the custodians' shares of the backup key
    #[arg(long = "share", value_name = "FILE")]
    shares: Vec<PathBuf>,
    /// The backup
    #[arg(value_name = "IN")]
    from: PathBuf,
}

/// Đối soát dữ liệu đã khôi phục / Reconcile restored data with what was published, and let it serve
#[derive(Debug, Args)]
pub struct Reconcile {
    /// Directory of the service's data
    #[arg(long, value_name = "DIR", default_value = "var")]
    data_dir: PathBuf,
    /// The last published revocation lists, from mirrors or relying parties
    #[arg(long = "crl", value_name = "FILE")]
    lists: Vec<PathBuf>,
    /// Certificates in circulation (PEM or DER), from receipts and signed documents
    #[arg(long = "certificate", value_name = "FILE")]
    certificates: Vec<PathBuf>,
}

impl Backup {
    /// 0 where it was written, 1 where it is refused, 2 where something cannot be used.
    pub fn run(self, common: &Common) -> ExitCode {
        printed(common, self.act(common))
    }

    async fn act(&self, common: &Common) -> Result<String> {
        let settings = settings(common, &self.data_dir)?;
        let (path, key) = match &self.key {
            Some(path) => (path.clone(), backup::read_key(path)?),
            None => backup::key(&settings)?,
        };
        let now = Clock::default().now();
        let done = backup::make(&settings, common.config.as_deref(), &self.out, &key, now).await?;
        let backup::Done { manifest, files } = done;
        let (out, key, entries) = (self.out.display(), path.display(), manifest.audit_entries);
        Ok(match common.language {
            Language::Vi => format!(
                "Đã ghi {out}: {files} tệp, nhật ký {entries} mục.\nKhóa: {key}. Giữ một bản của khóa ở nơi khác: thiếu khóa thì không khôi phục được.\n"
            ),
            Language::En => format!(
                "Written to {out}: {files} files, {entries} log entries.\nKey: {key}. Keep a copy of it elsewhere: nothing is restored without it.\n"
            ),
        })
    }
}

impl Restore {
    /// 0 where it was restored, 1 where it is refused, 2 where something cannot be used.
    pub fn run(self, common: &Common) -> ExitCode {
        printed(common, self.act(common))
    }

    async fn act(&self, common: &Common) -> Result<String> {
        let settings = settings(common, &self.data_dir)?;
        let key = self.key(&settings)?;
        let done = backup::restore(&settings, &self.from, &key, Clock::default().now()).await?;
        let (files, at) = (done.files, done.manifest.made_at);
        Ok(match common.language {
            Language::Vi => format!(
                "Đã khôi phục {files} tệp của bản sao lưu lúc {}.\nChưa cấp và chưa trả lời gì: hãy chạy `chuky reconcile`.\n",
                at.vietnamese()
            ),
            Language::En => format!(
                "Restored {files} files of a backup of {}.\nNothing is issued or answered yet: run `chuky reconcile`.\n",
                at.rfc3339()
            ),
        })
    }

    fn key(&self, settings: &Settings) -> Result<Secret32> {
        if let Some(path) = &self.key {
            return backup::read_key(path);
        }
        if self.shares.is_empty() {
            return backup::read_key(&settings.secrets_dir.join("backup.key"));
        }
        let mut shares = Vec::new();
        for file in &self.shares {
            let shown = file.display().to_string();
            let text = fs::File::open(file).and_then(secret::first_line).map_err(InternalError::io(shown.clone()))?;
            let share = Share::parse(&text).map_err(|error| {
                let (vi, en) = share_error_in_words(&error);
                RequestError::invalid("share", "share_refused", format!("{shown}: {vi}"), format!("{shown}: {en}"))
            })?;
            shares.push(share);
        }
        Ok(Opened::of_shares(&shares)?.secret(Purpose::Backup)?.clone())
    }
}

impl Reconcile {
    /// 0 where it was reconciled, 1 where it is refused, 2 where something cannot be used.
    pub fn run(self, common: &Common) -> ExitCode {
        printed(common, self.act(common))
    }

    async fn act(&self, common: &Common) -> Result<String> {
        let settings = settings(common, &self.data_dir)?;
        let executable = std::env::current_exe().map_err(InternalError::io("the program's own path"))?;
        let evidence = self.evidence()?;
        tokens::prepare(&settings, &executable).await?;
        let clock = Clock::default();
        let Some((restored, remembered)) = restoration::begin(&settings, clock.now()).await? else {
            return Err(nothing_to_do().into());
        };
        let app = App::open_to_reconcile(settings, clock, executable).await?;
        let findings = reconciliation::reconcile(&app, &restored, remembered.as_ref(), &evidence).await?;
        Ok(told(&findings, common.language))
    }

    fn evidence(&self) -> Result<Evidence> {
        let read = |path: &PathBuf| fs::read(path).map_err(InternalError::io(path.display().to_string()));
        let lists = self.lists.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        let mut certificates = Vec::new();
        for path in &self.certificates {
            let octets = read(path)?;
            let found = match std::str::from_utf8(&octets) {
                Ok(text) if text.contains("-----BEGIN") => Certificate::all_from_pem(text),
                _ => Certificate::from_der(&octets).map(|certificate| vec![certificate]),
            };
            certificates.extend(found.map_err(|error| not_a_certificate(path, &error.to_string()))?);
        }
        Ok(Evidence { lists, certificates })
    }
}

fn settings(common: &Common, data_dir: &Path) -> Result<Settings> {
    let settings = Settings::load(common.config.as_deref(), data_dir);
    Ok(settings.map_err(|error| InternalError::other(error.to_string()))?)
}

fn told(findings: &Findings, language: Language) -> String {
    let say = |vi: &'static str, en: &'static str| if language == Language::Vi { vi } else { en };
    let mut text = String::new();
    let counts = [
        (say("mục nhật ký đã ghi nhớ nay không còn", "remembered log entries are gone"), findings.lost_entries),
        (
            say(
                "chứng thư được thu hồi hoặc tạm dừng theo bằng chứng",
                "certificates revoked or suspended by the evidence",
            ),
            findings.revoked as u64,
        ),
        (
            say(
                "số đã dùng sau bản sao lưu, nay vô hiệu và bị thu hồi",
                "serial numbers used since, now void and revoked",
            ),
            findings.void as u64,
        ),
        (say("việc cấp dở dang, nay vô hiệu", "half-done issues, now void"), findings.half_done as u64),
        (say("mã PIN chỉ còn một lần thử", "PINs have one try left"), findings.pins as u64),
        (say("phiên đăng nhập bị đóng", "sessions ended"), findings.sessions),
    ];
    for (what, count) in counts {
        let _ = writeln!(text, "{count:>8}  {what}");
    }
    for (name, before, floor) in &findings.lists {
        let _ = writeln!(text, "{name}.crl: {before} → {} {floor}", say("số tiếp theo lớn hơn", "goes on above"));
    }
    text.push_str(say(
        "Hãy rà soát quyền và khóa API đã bị thu hồi sau bản sao lưu: dịch vụ không biết được. Có thể chạy dịch vụ.\n",
        "Look through roles and API keys that were taken back since the backup: the service cannot know. It may serve now.\n",
    ));
    text
}

fn nothing_to_do() -> RequestError {
    RequestError::conflict(
        "nothing_to_reconcile",
        "Dữ liệu này không phải vừa khôi phục, hoặc đã được đối soát.",
        "This data was not restored, or has been reconciled.",
    )
}

fn not_a_certificate(path: &Path, what: &str) -> RequestError {
    let shown = path.display();
    let text = format!("{shown}: {what}");
    RequestError::invalid("certificate", "evidence_refused", text.clone(), text)
}
