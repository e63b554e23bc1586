//! `chuky ceremony`: keys and certificates of the authority from one file: the first ones, those of a roll-over, the end of a CA; sheets for
//! custodians, unlocking with their shares, and the check of a record. Shares are typed without echo or read from files; no PIN is
//! ever an argument or printed.

mod revoke;
mod shares;

use super::{Common, printed};
use crate::{
    app::App,
    clock::Clock,
    config::Settings,
    custodians::Note,
    error::{InternalError, RequestError, Result},
    issuance::{IssuingPolicy, ceremony, ceremony::Plan},
    tokens::{self, RootToken, SecondToken},
};
use chuky_hsm::share::Purpose;
use chuky_model::text::Language;
use clap::{Args, Subcommand};
use std::{
    fmt::Write,
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};
use zeroize::Zeroizing;

/// Lễ tạo khóa của các CA / Create roots and issuing CAs, with a record
///
/// Record and certificates are kept in `ceremony/` of the data directory. The first ceremony is held once; a roll-over adds to it.
#[derive(Debug, Args)]
#[command(subcommand_negates_reqs = true)]
pub struct Ceremony {
    /// Directory of database and tokens
    #[arg(long, value_name = "DIRECTORY", default_value = "var", global = true)]
    data_dir: PathBuf,
    /// Check everything and say what would be made; make nothing
    #[arg(long)]
    dry_run: bool,
    /// A file with a custodian's share; asked for on the terminal where none is named
    #[arg(long = "share", value_name = "FILE", global = true)]
    shares: Vec<PathBuf>,
    /// What to create (TOML)
    #[arg(value_name = "FILE.toml", required = true)]
    file: Option<PathBuf>,
    #[command(subcommand)]
    step: Option<Step>,
}

#[derive(Debug, Subcommand)]
enum Step {
    /// Bí mật mới và tờ in cho từng người giữ / New secrets, and a sheet for each custodian to print
    Sheets {
        /// What to create (TOML)
        file: PathBuf,
        /// Directory in memory (tmpfs) for the sheets
        #[arg(long, value_name = "DIRECTORY")]
        out: PathBuf,
        /// Allow a directory on a disk, from which sheets can be recovered
        #[arg(long)]
        danger_on_disk: bool,
    },
    /// Mở các thiết bị khóa của dịch vụ / Enter the PINs of the service's tokens, until the machine is next started
    Unlock,
    /// Kiểm tra biên bản / Check a record and its signatures
    Verify {
        /// `record.json`, with its signatures and certificates beside it
        record: PathBuf,
    },
    /// Khóa mới bên cạnh khóa đang dùng / Make further keys beside those in use
    RollOver {
        /// What to create (TOML)
        file: PathBuf,
        /// Check everything and say what would be made; make nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// Chuyển việc cấp chứng thư sang CA mới / Move issuing to a CA that a roll-over prepared
    Activate {
        /// The CA's label
        label: String,
    },
    /// Danh sách thu hồi mới của khóa gốc / Make the roots' revocation lists anew
    RootLists {
        /// The ceremony's file, for the root's token
        file: PathBuf,
    },
    /// Thiết bị khóa thứ hai cho khóa thuê bao / Load a second subscribers token from shares, and prove that it equals the first
    SecondToken {
        /// Its label
        label: String,
        /// Its PKCS#11 library, where it is not that of the first
        #[arg(long, value_name = "FILE")]
        module: Option<PathBuf>,
        /// SoftHSM only: the directory that is the token
        #[arg(long, value_name = "DIRECTORY")]
        softhsm_directory: Option<PathBuf>,
    },
    /// Tạo lại thiết bị khóa thuê bao đã mất / Make the lost subscribers token anew from shares, and prove it over the restored data
    LostToken,
    /// Thu hồi chứng thư của CA, OCSP hoặc dấu thời gian / Revoke a certificate of the authority itself; final
    Revoke {
        /// The certificate's label: of an issuing CA, a responder, a timestamp authority, or of a root by another root
        label: String,
        /// RFC 5280's reason: `ca_compromise`, `key_compromise`, `superseded`, `cessation_of_operation`, …
        #[arg(long)]
        reason: String,
        /// Since when its signatures are in doubt (RFC 3339), where that is before now
        #[arg(long, value_name = "TIME")]
        invalid_since: Option<String>,
        /// The ceremony's file, for a root on a token of its own
        #[arg(long, value_name = "FILE.toml")]
        file: Option<PathBuf>,
    },
    /// Kết thúc một CA / End a CA: its last list, its last answers, and no signature any more
    End {
        /// The CA's label
        label: String,
        /// The ceremony's file, for a root on a token of its own
        #[arg(long, value_name = "FILE.toml")]
        file: Option<PathBuf>,
    },
}

impl Ceremony {
    /// Runs the step: 0 where it was done, 1 where it is refused, 2 where something cannot be used.
    pub fn run(self, common: &Common) -> ExitCode {
        printed(common, self.act(common))
    }

    async fn act(&self, common: &Common) -> Result<String> {
        let settings = Settings::load(common.config.as_deref(), &self.data_dir);
        let settings = settings.map_err(|error| InternalError::other(error.to_string()))?;
        let executable = std::env::current_exe().map_err(InternalError::io("the program's own path"))?;
        let here = Here { settings, executable, shares: &self.shares, language: common.language };
        match (&self.step, &self.file) {
            (None, Some(file)) if self.dry_run => here.rehearse(file, true),
            (None, Some(file)) => here.hold(file).await,
            (None, None) => Err(InternalError::other("name the ceremony's file").into()),
            (Some(Step::Sheets { file, out, danger_on_disk }), _) => here.sheets(file, out, *danger_on_disk),
            (Some(Step::Unlock), _) => here.unlock(),
            (Some(Step::Verify { record }), _) => here.verify(record),
            (Some(Step::RollOver { file, dry_run: true }), _) => here.rehearse(file, false),
            (Some(Step::RollOver { file, .. }), _) => here.roll_over(file).await,
            (Some(Step::Activate { label }), _) => here.activate(label).await,
            (Some(Step::RootLists { file }), _) => here.root_lists(file).await,
            (Some(Step::SecondToken { label, module, softhsm_directory }), _) => {
                let (label, module, directory) = (label.clone(), module.clone(), softhsm_directory.clone());
                here.second_token(&SecondToken { label, module, softhsm_directory: directory }).await
            }
            (Some(Step::LostToken), _) => here.lost_token().await,
            (Some(Step::Revoke { label, reason, invalid_since, file }), _) => {
                here.revoke(label, (reason, invalid_since.as_deref()), file.as_deref()).await
            }
            (Some(Step::End { label, file }), _) => here.end(label, file.as_deref()).await,
        }
    }
}

/// Where a step is done, and with whose shares.
struct Here<'a> {
    settings: Settings,
    executable: PathBuf,
    shares: &'a [PathBuf],
    language: Language,
}

impl Here<'_> {
    fn say<'t>(&self, vi: &'t str, en: &'t str) -> &'t str {
        if self.language == Language::Vi { vi } else { en }
    }

    fn rehearse(&self, file: &Path, first: bool) -> Result<String> {
        let (_, plan) = plan(file)?;
        if first {
            plan.check_first()?
        } else {
            plan.check_further()?
        }
        let policy = IssuingPolicy::load(&self.settings.authority)?;
        let lines = plan.rehearse(&policy, Clock::default().now())?;
        let mut text =
            self.say("Chạy thử, không tạo gì. Sẽ tạo:\n", "A dry run, nothing was made. To be made:\n").to_owned();
        lines.iter().for_each(|line| text.extend(["  ", line, "\n"]));
        for (purpose, set) in plan.custody.sets() {
            let (name, needed, names) = (purpose.name(), set.threshold, set.custodians.join(", "));
            let _ = writeln!(text, "  custody.{name}: {needed}/{}: {names}", set.custodians.len());
        }
        // Shares, where some were brought, without asking for any.
        if !self.shares.is_empty() {
            let opened = self.opened_from_files(|share| ceremony::admit(&plan, share))?;
            for (purpose, _) in plan.custody.sets() {
                let mark = if opened.has(purpose) { '✓' } else { '–' };
                let _ = writeln!(text, "{mark} {}", purpose.name());
            }
        }
        let module = chuky_hsm::find_module(self.settings.hsm.module.as_deref())?;
        let _ = writeln!(text, "✓ PKCS#11: {}", module.display());
        if let Err(error) = ceremony_fonts(&self.settings) {
            let _ = writeln!(text, "✕ {error}");
        }
        if plan.custody.user_pin.is_some() {
            let directory = &self.settings.pins_dir;
            // It may not be there yet.
            let there = directory.ancestors().find(|path| path.is_dir()).unwrap_or(Path::new("."));
            let in_memory = tokens::is_in_memory(there)?;
            let _ = writeln!(text, "{} hsm.pins_dir: {}", if in_memory { '✓' } else { '✕' }, directory.display());
        }
        text.push_str(self.say("– Chưa làm: chưa mở thiết bị khóa nào.\n", "– Not done: no token was opened.\n"));
        Ok(text)
    }

    fn sheets(&self, file: &Path, out: &Path, danger_on_disk: bool) -> Result<String> {
        let (_, plan) = plan(file)?;
        tokens::ceremony_directory(out)?;
        if !danger_on_disk && !tokens::is_in_memory(out)? {
            return Err(on_disk(out).into());
        }
        let sheets = ceremony::sheets(&plan, &self.settings, Clock::default().now())?;
        let mut text = String::new();
        for (name, pdf) in &sheets {
            tokens::write_secret(&out.join(name), pdf)?;
            let _ = writeln!(text, "{}", out.join(name).display());
        }
        text.push_str(self.say(
            "In từng tờ, giao cho người giữ, rồi xóa thư mục này trước khi làm lễ tạo khóa.\n",
            "Print each sheet, hand it to its custodian, then remove this directory before the ceremony.\n",
        ));
        Ok(text)
    }

    async fn hold(&self, file: &Path) -> Result<String> {
        let (text, plan) = plan(file)?;
        // Before anybody enters a share or a token is touched.
        ceremony::may_be_held(&self.settings, &plan, Clock::default().now()).await?;
        let begun = Note::load(&self.settings)?;
        let named: Vec<Purpose> = plan.custody.sets().map(|(purpose, _)| purpose).collect();
        let opened = self.opened(&named, |share| {
            ceremony::admit(&plan, share)?;
            begun.as_ref().map_or(Ok(()), |note| note.admit(share))
        })?;
        let roots = match named.is_empty() {
            true => {
                tokens::prepare(&self.settings, &self.executable).await?;
                Vec::new()
            }
            false => ceremony::prepare(&self.settings, &self.executable, &plan, &opened).await?,
        };
        let app = self.open(roots).await?;
        Ok(self.held(&ceremony::hold_with(&app, &text, &opened).await?))
    }

    async fn roll_over(&self, file: &Path) -> Result<String> {
        let (text, plan) = plan(file)?;
        ceremony::may_roll_over(&self.settings, &plan, Clock::default().now()).await?;
        let app = self.open(self.roots(&plan).await?).await?;
        Ok(self.held(&ceremony::roll_over(&app, &text).await?))
    }

    async fn activate(&self, label: &str) -> Result<String> {
        let app = self.open(Vec::new()).await?;
        let mut text = String::new();
        for (label, state) in ceremony::activate(&app, label).await? {
            let _ = writeln!(text, "{label}: {}", state.name());
        }
        text.push_str(self.say(
            "Dịch vụ đang chạy sẽ theo trong vòng nửa phút.\n",
            "A running service follows within half a minute.\n",
        ));
        Ok(text)
    }

    async fn root_lists(&self, file: &Path) -> Result<String> {
        let (_, plan) = plan(file)?;
        let app = self.open(self.roots(&plan).await?).await?;
        let names = ceremony::publish_root_lists(&app).await?;
        Ok(names.iter().map(|name| format!("{name}.crl\n")).collect())
    }

    async fn end(&self, label: &str, file: Option<&Path>) -> Result<String> {
        let roots = match file {
            Some(file) => self.roots(&plan(file)?.1).await?,
            None => Vec::new(),
        };
        let app = self.open(roots).await?;
        let ceremony::Ended { list, answers } = ceremony::end(&app, label).await?;
        Ok(match self.language {
            Language::Vi => {
                format!("CA {label} đã kết thúc: danh sách cuối số {list}, {answers} trả lời OCSP được lưu.\n")
            }
            Language::En => {
                format!("The CA {label} has ended: its last list is {list}, {answers} OCSP answers are archived.\n")
            }
        })
    }

    async fn second_token(&self, second: &SecondToken) -> Result<String> {
        let note = Note::load(&self.settings)?.ok_or_else(no_custodians)?;
        let needed = [Purpose::OfficerPin, Purpose::Keys, Purpose::Pepper(1)];
        let opened = self.opened(&needed, |share| note.admit(share))?;
        let prepared = tokens::second_token(&self.settings, &self.executable, second, &opened).await?;
        let mut text = String::new();
        prepared.made.iter().for_each(|label| text.extend(["  ", label, "\n"]));
        text.push_str(self.say(
            "✓ Hai thiết bị giữ cùng khóa: mỗi bên mở được thứ bên kia niêm phong. PIN sử dụng như thiết bị thứ nhất.\n",
            "✓ Both tokens hold the same keys: each opens what the other seals. The user PIN is that of the first.\n",
        ));
        Ok(text)
    }

    async fn lost_token(&self) -> Result<String> {
        let note = Note::load(&self.settings)?.ok_or_else(no_custodians)?;
        let of_pins =
            [Purpose::OfficerPin, Purpose::UserPin].into_iter().filter(|purpose| note.set(*purpose).is_some());
        let needed: Vec<Purpose> = of_pins.chain([Purpose::Keys, Purpose::Pepper(1)]).collect();
        let opened = self.opened(&needed, |share| note.admit(share))?;
        for purpose in needed {
            opened.secret(purpose)?;
        }
        let now = Clock::default().now();
        let rebuilt = ceremony::rebuild_subscribers_token(&self.settings, &self.executable, &opened, now).await?;
        Ok(self.rebuilt(&rebuilt))
    }

    fn rebuilt(&self, rebuilt: &ceremony::Rebuilt) -> String {
        let mut text = String::new();
        rebuilt.made.iter().for_each(|label| text.extend(["  ", label, "\n"]));
        for (count, vi, en) in [
            (rebuilt.rows, "dòng của CA có MAC đúng", "rows of the authority whose MACs fit"),
            (rebuilt.columns, "cột mã hóa mở được", "encrypted columns that open"),
            (rebuilt.sealed, "khóa thuê bao do thiết bị này niêm phong", "subscribers' keys under this token's seal"),
        ] {
            let mark = if count > 0 { '✓' } else { '–' };
            let _ = writeln!(text, "{mark} {count} {}", self.say(vi, en));
        }
        text.push_str(self.say(
            "– Chưa thử: pepper được nhận theo tên bộ mảnh, và được chứng minh khi một mã PIN được nhập.\n",
            "– Not tried: the pepper is known by the name of its set, and proved when a PIN is entered.\n",
        ));
        for (version, usable) in &rebuilt.further_peppers {
            let _ = match self.language {
                Language::Vi => writeln!(
                    text,
                    "✕ {usable} khóa dùng được nằm dưới pepper {version}, không có trên tờ in: chuky pepper add --components"
                ),
                Language::En => writeln!(
                    text,
                    "✕ {usable} usable keys lie under pepper {version}, which no sheet holds: chuky pepper add --components"
                ),
            };
        }
        text
    }

    fn unlock(&self) -> Result<String> {
        let note = Note::load(&self.settings)?.ok_or_else(no_custodians)?;
        if note.set(Purpose::UserPin).is_none() {
            return Err(no_custodians().into());
        }
        let opened = self.opened(&[Purpose::UserPin], |share| note.admit(share))?;
        opened.secret(Purpose::UserPin)?;
        tokens::unlock(&self.settings, &opened)?;
        Ok(self.say("Đã mở: có thể khởi động dịch vụ.\n", "Unlocked: the service can be started.\n").to_owned())
    }

    fn verify(&self, record: &Path) -> Result<String> {
        let verified = ceremony::verify(record)?;
        let ceremony::Verified { record, sha256, signers } = verified;
        let mut text = format!(
            "{} · {} · {}\nSHA-256: {sha256}\n",
            record.held_at,
            record.software,
            record.place.unwrap_or_default()
        );
        for key in &record.keys {
            let fingerprint = key.certificate.as_ref().map_or(&key.public_key_sha256, |line| &line.sha256);
            let _ = writeln!(text, "  {} {fingerprint}", key.label);
        }
        for (label, fingerprint) in &signers {
            let _ = writeln!(text, "✓ {} {label} ({fingerprint})", self.say("ký bởi", "signed by"));
        }
        text.push_str(self.say(
            "Hãy đối chiếu các giá trị SHA-256 với biên bản giấy đã ký.\n",
            "Compare the SHA-256 values with the signed paper.\n",
        ));
        Ok(text)
    }

    async fn open(&self, roots: Vec<RootToken>) -> Result<App> {
        App::open_with(self.settings.clone(), Clock::default(), self.executable.clone(), roots).await
    }

    /// The tokens of roots that the file names, opened with the custodians' shares.
    async fn roots(&self, plan: &Plan) -> Result<Vec<RootToken>> {
        if plan.root_token.is_none() && plan.new_root_token.is_none() {
            return Ok(Vec::new());
        }
        let note = Note::load(&self.settings)?.ok_or_else(no_custodians)?;
        let mut needed = vec![Purpose::RootPin];
        // Only a token that is new needs its officer.
        needed.extend(plan.new_root_token.is_some().then_some(Purpose::OfficerPin));
        let opened = self.opened(&needed, |share| note.admit(share))?;
        ceremony::roots(&self.settings, &self.executable, plan, &opened).await
    }

    fn held(&self, held: &ceremony::Held) -> String {
        let mut text = held.text.clone();
        let _ = writeln!(text, "\n{} {}", self.say("Biên bản:", "Record:"), held.path.display());
        if let Some(why) = &held.not_printed {
            let _ = writeln!(text, "✕ {} {why}", self.say("Không có bản in:", "There is none to print:"));
        }
        text
    }
}

fn plan(file: &Path) -> Result<(Zeroizing<String>, Plan)> {
    let text = fs::read_to_string(file).map_err(InternalError::io(file.display().to_string()))?;
    let plan = Plan::from_toml(&text)?;
    Ok((Zeroizing::new(text), plan))
}

fn ceremony_fonts(settings: &Settings) -> Result<()> {
    ceremony::typefaces(settings).map(drop)
}

fn no_custodians() -> RequestError {
    RequestError::conflict(
        "no_custodians",
        "PIN của dịch vụ này không do nhiều người giữ; không có gì để mở.",
        "No custodians hold PINs of this service; there is nothing to unlock.",
    )
}

fn on_disk(directory: &Path) -> RequestError {
    let shown = directory.display();
    RequestError::conflict(
        "sheets_on_disk",
        format!(
            "{shown} nằm trên đĩa, tờ in có thể bị khôi phục. Dùng thư mục trong bộ nhớ (tmpfs), ví dụ /dev/shm/le-tao-khoa."
        ),
        format!(
            "{shown} lies on a disk, from which sheets can be recovered. Use one in memory (tmpfs), /dev/shm/ceremony for instance."
        ),
    )
}
