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
    restoration,
    staff::{self, Closed},
    tokens,
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
    /// Nothing was done after the backup: the service was stopped before it. Staff keep their passwords and passkeys then
    #[arg(long)]
    nothing_lost: bool,
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
        let remembered = remembered.as_ref();
        let findings = reconciliation::reconcile(&app, remembered, &evidence).await?;
        let staff = match self.nothing_lost {
            true if findings.shows_life() => return Err(something_lost().into()),
            true => None,
            false => Some(staff::close_restored(&app).await?),
        };
        let content = staff.as_ref().map_or_else(|| serde_json::json!("nothing_lost"), Closed::told);
        let sessions = reconciliation::finish(&app, (&restored, remembered), &findings, content).await?;
        Ok(told(&findings, sessions, staff.as_ref(), common.language))
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

fn told(findings: &Findings, sessions: u64, staff: Option<&Closed>, language: Language) -> String {
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
        (say("phiên đăng nhập bị đóng", "sessions ended"), sessions),
    ];
    for (what, count) in counts {
        let _ = writeln!(text, "{count:>8}  {what}");
    }
    for (name, before, floor) in &findings.lists {
        let _ = writeln!(text, "{name}.crl: {before} → {} {floor}", say("số tiếp theo lớn hơn", "goes on above"));
    }
    match staff {
        Some(staff) => told_of_staff(&mut text, staff, language),
        None => text.push_str(say("Có thể chạy dịch vụ.\n", "It may serve now.\n")),
    }
    text
}

fn told_of_staff(text: &mut String, staff: &Closed, language: Language) {
    let say = |vi: &'static str, en: &'static str| if language == Language::Vi { vi } else { en };
    let counts = [
        (
            say(
                "tài khoản phê duyệt, an ninh, quản trị: mật khẩu, mã xác thực và khóa truy cập cũ không còn dùng được",
                "accounts of approvers, officers and administrators: passwords, second factors and passkeys of before open nothing",
            ),
            staff.recovered,
        ),
        (
            say(
                "mã mời chưa dùng, nay vô hiệu: tạo mã mới tại /staff",
                "open invitations, now void: make new ones at /staff",
            ),
            staff.invitations,
        ),
        (
            say(
                "tài khoản nhân viên khác, để nguyên: hãy rà soát tại /staff",
                "other staff accounts, left as they are: look through them at /staff",
            ),
            staff.left,
        ),
        (say("khóa API còn hiệu lực theo bản sao lưu", "API keys in force by the backup"), staff.keys.len()),
    ];
    for (what, count) in counts {
        let _ = writeln!(text, "{count:>8}  {what}");
    }
    for (login, label, id) in &staff.keys {
        let _ = writeln!(text, "          {id}  {login}  {label}");
    }
    text.push_str(say(
        "Có thể chạy dịch vụ. Việc tiếp theo:\n\
         1. `chuky staff found --renew`: mã mời mới cho những người lập và duyệt lệnh; họ khôi phục những người khác bằng lệnh.\n\
         2. Thu hồi khóa API đã bị thu hồi sau bản sao lưu, và rà soát quyền, tài khoản, mã kích hoạt: dịch vụ không biết được.\n",
        "It may serve now. What comes next:\n\
         1. `chuky staff found --renew`: new invitations for those who enter and approve orders; they recover the others by orders.\n\
         2. Revoke API keys that were revoked since the backup, and look through roles, accounts and activation codes: the service cannot know.\n",
    ));
}

fn something_lost() -> RequestError {
    RequestError::conflict(
        "something_lost",
        "Có việc đã làm sau bản sao lưu (nhật ký đã ghi nhớ, danh sách hoặc chứng thư cho thấy), nên không dùng được --nothing-lost.",
        "Something was done after the backup, as the remembered log, a list or a certificate shows: --nothing-lost does not hold.",
    )
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
