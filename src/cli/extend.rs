//! `chuky extend`: takes a signed document to a higher level through a running service. No PIN: nobody's signature is made or changed.

use super::{
    Common,
    client::{Client, ClientError},
    in_session,
    sign::{digest, escaped, media_type_of},
};
use chuky_model::text::Language;
use clap::{Args, ValueEnum};
use serde_json::json;
use std::{
    fs::File,
    path::{Path, PathBuf},
    process::ExitCode,
};

/// Nâng mức lưu trữ của văn bản đã ký / Take a signed document to level T, LT or LTA, through a running service
///
/// Whoever signed it. Log in first with `chuky login`. Exit codes: 0 extended and found valid, 1 refused, 2 wrong usage or an unreadable file.
#[derive(Debug, Args)]
pub struct Extend {
    /// T: with a timestamp that proves its time; LT: with the data that checks it later; LTA: with an archive timestamp over all of it
    #[arg(long, value_enum, ignore_case = true, default_value_t = Level::Lta)]
    level: Level,
    /// Where the extended file goes
    #[arg(short = 'o', long = "output", value_name = "OUT")]
    output: PathBuf,
    /// One of several signatures, by the id that `chuky verify --json` says; all where left out. May stand several times
    #[arg(long = "signature", value_name = "ID")]
    signatures: Vec<String>,
    /// What a detached signature covers
    #[arg(long, value_name = "FILE")]
    content: Option<PathBuf>,
    /// The signed file: PDF, XML, CMS, JWS or an ASiC container
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Level {
    #[value(name = "T")]
    T,
    #[value(name = "LT")]
    Lt,
    #[value(name = "LTA")]
    Lta,
}

impl Extend {
    /// Runs the command: 0 where the extended document was written.
    pub fn run(self, common: &Common) -> ExitCode {
        in_session(common, "extend", |client| {
            self.extend(client, common.language)?;
            println!("✓ {}", self.output.display());
            Ok(true)
        })
    }

    fn extend(&self, client: &Client, language: Language) -> Result<(), ClientError> {
        let (id, sha256) = upload(client, &self.file)?;
        let level = format!("{:?}", self.level).to_uppercase();
        let mut wanted = json!({ "level": level, "sha256": sha256 });
        if !self.signatures.is_empty() {
            wanted["signatures"] = json!(self.signatures);
        }
        if let Some(content) = &self.content {
            wanted["content"] = upload(client, content)?.0.into();
        }
        let extended = client.post(&format!("/api/v1/documents/{id}/extensions"), &wanted)?;
        client.download(&format!("/api/v1/documents/{id}/content"), &self.output)?;
        if let Some(message) = extended["report"]["message"][language.code()].as_str() {
            println!("{message}");
        }
        Ok(())
    }
}

/// Uploads a file; its identifier, and its SHA-256 in hex.
fn upload(client: &Client, path: &Path) -> Result<(String, String), ClientError> {
    let io = |source| ClientError::Io { what: path.display().to_string(), source };
    let mut file = File::open(path).map_err(io)?;
    let sha256 = digest(&mut file).map_err(io)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let document = client.upload(&format!("/api/v1/documents?name={}", escaped(&name)), media_type_of(path), file)?;
    Ok((document["id"].as_str().unwrap_or_default().to_owned(), hex::encode(sha256)))
}
