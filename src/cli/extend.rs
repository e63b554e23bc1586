//! `chuky extend`: takes a signed PDF to a higher level through a running service. No PIN: nobody's signature is made or changed.

use super::{
    Common,
    client::{Client, ClientError},
    in_session,
    sign::{digest, escaped},
};
use chuky_model::text::Language;
use clap::{Args, ValueEnum};
use serde_json::json;
use std::{fs::File, path::PathBuf, process::ExitCode};

/// Nâng mức lưu trữ của PDF đã ký / Take a signed PDF to level LT or LTA, through a running service
///
/// Whoever signed it. Log in first with `chuky login`. Exit codes: 0 extended and found valid, 1 refused, 2 wrong usage or an unreadable file.
#[derive(Debug, Args)]
pub struct Extend {
    /// LT: with the data that checks it later; LTA: with an archive timestamp over all of it
    #[arg(long, value_enum, ignore_case = true, default_value_t = Level::Lta)]
    level: Level,
    /// Where the extended file goes
    #[arg(short = 'o', long = "output", value_name = "OUT")]
    output: PathBuf,
    /// The signed PDF
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Level {
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
        let io = |source| ClientError::Io { what: self.file.display().to_string(), source };
        let mut file = File::open(&self.file).map_err(io)?;
        let sha256 = digest(&mut file).map_err(io)?;
        let name = self.file.file_name().unwrap_or_default().to_string_lossy();
        let document = client.upload(&format!("/api/v1/documents?name={}", escaped(&name)), "application/pdf", file)?;
        let id = document["id"].as_str().unwrap_or_default();
        let level = format!("{:?}", self.level).to_uppercase();
        let wanted = json!({ "level": level, "sha256": hex::encode(sha256) });
        let extended = client.post(&format!("/api/v1/documents/{id}/extensions"), &wanted)?;
        client.download(&format!("/api/v1/documents/{id}/content"), &self.output)?;
        if let Some(message) = extended["report"]["message"][language.code()].as_str() {
            println!("{message}");
        }
        Ok(())
    }
}
