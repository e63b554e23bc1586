//! `chuky receipt verify`: receipts of judged payments, checked without server, database or network.

use super::{Common, printing, unusable};
use chuky_model::{
    report::Outcome,
    text::{Bilingual, Language},
};
use chuky_pki::payment::receipt::{CheckedReceipt, ReceiptKeys, Standing, check};
use clap::{Args, Subcommand};
use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
    process::ExitCode,
};

/// Biên nhận thanh toán / Receipts of payments
#[derive(Debug, Args)]
pub struct Receipt {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Verify(Verify),
}

/// Kiểm tra biên nhận / Check receipts offline
///
/// Exit codes: 0 every receipt valid, 1 at least one not valid, 2 wrong usage or an unreadable file, 3 none invalid, but a key is missing.
#[derive(Debug, Args)]
struct Verify {
    /// One JSON object a line
    #[arg(long)]
    json: bool,
    /// The service's key: its JWK set (/api/v1/receipts/keys), a certificate or a public key (PEM)
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// The payment that the receipt should be about, as it was sent
    #[arg(long, value_name = "FILE")]
    message: Option<PathBuf>,
    /// Receipts: JWS text or JSON; answers of the API (one a line) are read for their `receipt`
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
}

impl Receipt {
    /// Runs the command.
    pub fn run(self, common: &Common) -> ExitCode {
        let Command::Verify(verify) = self.command;
        match verify.judge(common) {
            Ok(code) => code,
            Err(message) => unusable(message),
        }
    }
}

impl Verify {
    fn judge(&self, common: &Common) -> Result<ExitCode, String> {
        let keys = ReceiptKeys::read(&bytes(&self.key, LARGEST_KEY_FILE)?)
            .map_err(|error| format!("{}: {error}", self.key.display()))?;
        let message = self.message.as_deref().map(|path| bytes(path, LARGEST_MESSAGE)).transpose()?;
        let mut worst = ExitCode::SUCCESS;
        let mut rank = 0;
        for path in &self.files {
            for (line, text) in (1..).zip(receipts(&bytes(path, LARGEST_INPUT)?)) {
                let checked = check(&text, &keys, message.as_deref());
                let name = format!("{}:{line}", path.display());
                let printed = match self.json {
                    true => json(&name, &checked)?,
                    false => shown(&name, &checked, common.language),
                };
                printing::print(&printed).map_err(|error| error.to_string())?;
                let (code, its_rank) = match checked.standing {
                    Standing::Valid => (0, 0),
                    Standing::Undetermined => (3, 1),
                    Standing::NotValid => (1, 2),
                };
                if its_rank > rank {
                    (rank, worst) = (its_rank, ExitCode::from(code));
                }
            }
        }
        Ok(worst)
    }
}

/// The receipts of a file: of a whole JSON text or JWS the one, else one a line. What has a member `receipt` is an answer of the API.
fn receipts(file: &[u8]) -> Vec<Vec<u8>> {
    let whole = file.trim_ascii();
    let texts: Vec<&[u8]> = match serde_json::from_slice::<serde_json::Value>(whole) {
        Ok(_) => vec![whole],
        Err(_) => {
            whole.split(|octet| *octet == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty()).collect()
        }
    };
    texts.into_iter().map(inside).collect()
}

fn inside(text: &[u8]) -> Vec<u8> {
    match serde_json::from_slice::<serde_json::Value>(text) {
        Ok(serde_json::Value::String(jws)) => jws.into_bytes(),
        Ok(serde_json::Value::Object(mut members)) => match members.remove("receipt") {
            Some(serde_json::Value::String(jws)) => jws.into_bytes(),
            Some(other) => other.to_string().into_bytes(),
            None => text.to_vec(),
        },
        _ => text.to_vec(),
    }
}

fn json(name: &str, checked: &CheckedReceipt) -> Result<String, String> {
    let mut value = serde_json::to_value(checked).map_err(|error| error.to_string())?;
    if let Some(members) = value.as_object_mut() {
        members.insert("file".to_owned(), name.into());
    }
    Ok(format!("{value}\n"))
}

fn shown(name: &str, checked: &CheckedReceipt, language: Language) -> String {
    let say = |vi: &str, en: &str| Bilingual::new(vi, en).in_language(language).to_owned();
    let mark = match checked.standing {
        Standing::Valid => "✓",
        Standing::NotValid => "✕",
        Standing::Undetermined => "!",
    };
    let mut lines = vec![format!("{mark} {name}"), format!("  {}", checked.message.in_language(language))];
    if let Some(receipt) = &checked.receipt {
        let (verdict, seen) = (name_of(&receipt.verdict), name_of(&receipt.seen));
        lines.push(format!("  {}: {verdict}, {seen} {}", say("kết luận", "verdict"), receipt.reasons.join(" ")));
        lines.push(format!("  {}: {}", say("mã lệnh", "order"), receipt.id.as_deref().unwrap_or("–")));
        lines.push(format!("  {}: {}  {}", say("thời điểm", "judged"), receipt.judged, receipt.issuer));
        let beside = &receipt.beside;
        for (name, stated) in [
            (say("SHA-256 của nội dung", "content SHA-256"), &beside.content_sha256),
            (say("cách ghép trường", "layout"), &beside.layout),
            (say("SHA-256 của chứng thư số", "certificate SHA-256"), &beside.certificate_sha256),
            (say("số hiệu chứng thư số", "certificate serial number"), &beside.certificate_serial),
        ] {
            lines.extend(stated.as_ref().map(|stated| format!("  {name}: {stated}")));
        }
    }
    let open = checked.checks.iter().filter(|check| check.outcome != Outcome::Passed);
    lines.extend(open.map(|check| {
        let sign = if check.outcome == Outcome::Failed { "✕" } else { "–" };
        format!("  {sign} {}: {}", check.name, check.reason)
    }));
    // What a file says of itself moves no cursor.
    let clean =
        |line: String| line.chars().map(|letter| if letter.is_control() { '\u{fffd}' } else { letter }).collect();
    lines.into_iter().map(clean).collect::<Vec<String>>().join("\n") + "\n"
}

fn name_of(value: &impl serde::Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

fn bytes(path: &Path, most: u64) -> Result<Vec<u8>, String> {
    let named = |error: io::Error| format!("{}: {error}", path.display());
    let mut bytes = Vec::new();
    File::open(path).map_err(named)?.take(most).read_to_end(&mut bytes).map_err(named)?;
    match u64::try_from(bytes.len()) == Ok(most) {
        true => Err(format!("{}: longer than {most} bytes", path.display())),
        false => Ok(bytes),
    }
}

/// Bytes of a file with keys.
const LARGEST_KEY_FILE: u64 = 1 << 20;
/// Bytes of a payment.
const LARGEST_MESSAGE: u64 = 1 << 20;
/// Bytes of a file of receipts: the answers to some hundred thousand payments.
const LARGEST_INPUT: u64 = 1 << 30;
