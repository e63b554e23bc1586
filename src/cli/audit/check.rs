//! `chuky audit check`: checks a proof from the audit log without server, database or network.

use super::super::{Common, unusable};
use crate::{
    audit::{commitment::Opening, entry::columns},
    error::InternalError,
};
use chuky_model::text::Language;
use chuky_pki::{
    Error,
    transparency::{LogProof, VerifierKey, limits::LONGEST_PROOF, proof::Proven},
};
use clap::Args;
use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
    process::ExitCode,
};

/// Kiểm tra bằng chứng từ nhật ký / Check a proof from a log
#[derive(Debug, Args)]
pub struct Check {
    /// The log's key, name+id+key, or a file that holds it; from somebody you trust
    #[arg(long, value_name = "KEY")]
    log: String,
    /// Key of a witness that must have signed too, name+id+key or a file that holds it
    #[arg(long, value_name = "KEY")]
    witness: Vec<String>,
    /// The entry's octets; those in the proof where absent
    #[arg(long, value_name = "FILE")]
    entry: Option<PathBuf>,
    /// What opens the entry's commitment to an identity, as a security officer was given it: is it that of the entry?
    #[arg(long, value_name = "FILE")]
    opening: Option<PathBuf>,
    /// The proof
    proof: PathBuf,
}

impl Check {
    /// 0 where the proof holds, 1 where it does not, 2 where something cannot be read.
    pub fn run(self, common: &Common) -> ExitCode {
        let read = || -> Result<_, InternalError> {
            let log = key(&self.log)?;
            let witnesses = self.witness.iter().map(|text| key(text)).collect::<Result<Vec<_>, _>>()?;
            let proof = bounded(&self.proof)?;
            let entry = self.entry.as_ref().map(bounded).transpose()?;
            Ok((log, witnesses, proof, entry))
        };
        let (log, witnesses, proof, entry) = match read() {
            Ok(read) => read,
            Err(error) => return unusable(error),
        };
        let checked = LogProof::parse(&proof).and_then(|proof| {
            let entry =
                entry.or_else(|| proof.extra.clone()).ok_or(Error::Refused("the proof holds no entry".into()))?;
            proof.check(&entry, &log, &witnesses).map(|proven| (proven, entry))
        });
        match checked {
            Ok((proven, entry)) => {
                tell(common.language, &proven, &entry);
                match &self.opening {
                    Some(file) => opened(common.language, file, &entry),
                    None => ExitCode::SUCCESS,
                }
            }
            Err(error) => refused(common.language, &error),
        }
    }
}

/// Says whether the file opens the entry's commitment, and whose identity that is.
fn opened(language: Language, file: &Path, entry: &[u8]) -> ExitCode {
    let opening = match bounded(&file.to_owned()) {
        Ok(octets) => serde_json::from_slice::<Opening>(&octets),
        Err(error) => return unusable(error),
    };
    let opening = match opening {
        Ok(opening) => opening,
        Err(_) => return unusable(InternalError::other(format!("{}: opens no commitment", file.display()))),
    };
    let columns = columns(entry).unwrap_or_default();
    let content = columns.iter().find(|(name, _)| name == "content").map(|(_, content)| content.as_str());
    let content: serde_json::Value = content.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let identity = &content["identity"];
    let is_form = identity["form"].as_str() == Some(&opening.form);
    if !(is_form && identity["commitment"].as_str().is_some_and(|hidden| opening.opens(hidden))) {
        match language {
            Language::Vi => println!("✕ Tệp này KHÔNG mở được cam kết của mục."),
            Language::En => println!("✕ The file does NOT open the entry's commitment."),
        }
        return ExitCode::FAILURE;
    }
    match language {
        Language::Vi => println!("✓ Cam kết của mục là về danh tính này:"),
        Language::En => println!("✓ The entry's commitment is to this identity:"),
    }
    for (name, value) in &opening.fields {
        // What somebody else's file says does not steer the terminal.
        println!("  {name}: {}", value.escape_debug());
    }
    ExitCode::SUCCESS
}

fn tell(language: Language, proven: &Proven, entry: &[u8]) {
    let (index, size, origin) = (proven.index, proven.checkpoint.size, &proven.checkpoint.origin);
    match language {
        Language::Vi => println!("✓ Mục {index} nằm trong nhật ký {origin}, có {size} mục."),
        Language::En => println!("✓ Entry {index} is in the log {origin}, of {size} entries."),
    }
    for (name, at) in &proven.witnesses {
        let at = chuky_model::instant::Instant::from_unix_seconds(i64::try_from(*at).unwrap_or(i64::MAX)).rfc3339();
        match language {
            Language::Vi => println!("✓ Nhân chứng {name} đã ký lúc {at}."),
            Language::En => println!("✓ The witness {name} signed at {at}."),
        }
    }
    for (name, value) in columns(entry).unwrap_or_default() {
        println!("  {name}: {value}");
    }
}

fn refused(language: Language, error: &Error) -> ExitCode {
    match language {
        Language::Vi => println!("✕ Bằng chứng KHÔNG đúng: {error}"),
        Language::En => println!("✕ The proof does NOT hold: {error}"),
    }
    ExitCode::FAILURE
}

/// A key as it stands on the command line, or in a file.
pub(super) fn key(text: &str) -> Result<VerifierKey, InternalError> {
    let text = match text.contains('+') {
        true => text.to_owned(),
        false => String::from_utf8(bounded(&PathBuf::from(text))?).unwrap_or_default(),
    };
    VerifierKey::parse(&text).map_err(|_| InternalError::other(format!("{}: no key of a log or witness", text.trim())))
}

fn bounded(path: &PathBuf) -> Result<Vec<u8>, InternalError> {
    let failed = |error| InternalError::io(path.display().to_string())(error);
    let mut octets = Vec::new();
    let longest = LONGEST_PROOF as u64 + 1;
    File::open(path).map_err(failed)?.take(longest).read_to_end(&mut octets).map_err(failed)?;
    Ok(octets)
}
