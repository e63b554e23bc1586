//! `chuky prove`: signs the text by which a service registers a certificate of another authority, with the token in this machine. Nothing but such a
//! text is signed, and only one for the site and the certificate that are meant.

use super::{
    Common,
    bridge::{origin, site_wanted},
    secret::PinSource,
    sign::{Failure, OpenToken, TokenArguments},
};
use crate::foreign::challenge::ProofText;
use base64::{Engine, prelude::BASE64_STANDARD};
use chuky_model::text::Language;
use clap::Args;
use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
    process::ExitCode,
};

/// Chứng minh giữ khóa / Prove that you hold the key of a certificate that a service is to register
///
/// Prints the signature in base64, to be pasted on the service's page.
#[derive(Debug, Args)]
pub struct Prove {
    /// The service that asks, e.g. https://chuky.example
    #[arg(long, value_name = "URL")]
    site: String,
    /// File with the text that its page shows; - for standard input
    #[arg(long, value_name = "FILE")]
    text: PathBuf,
    #[command(flatten)]
    pin: PinSource,
    #[command(flatten)]
    token: TokenArguments,
}

impl Prove {
    /// Runs the command: 0 signed, 1 refused, 2 wrong usage.
    pub fn run(self, common: &Common) -> ExitCode {
        match self.work(common) {
            Ok(value) => {
                println!("{value}");
                ExitCode::SUCCESS
            }
            Err(failure) => {
                eprintln!("chuky prove: {}", failure.said);
                ExitCode::from(failure.code)
            }
        }
    }

    fn work(&self, common: &Common) -> Result<String, Failure> {
        let language = common.language;
        let site = origin(&self.site).ok_or_else(|| Failure::stop(site_wanted(language), 2))?;
        let text = text(&self.text).map_err(|error| Failure::stop(format!("{}: {error}", self.text.display()), 2))?;
        // Editors and clipboards change how a text ends, and nothing else of it.
        let text = format!("{}\n", text.trim_end().replace("\r\n", "\n"));
        let proof = ProofText::parse(&text).ok_or_else(|| Failure::stop(no_proof(language), 2))?;
        if proof.service != site {
            return Err(Failure::stop(other_site(language, &proof.service), 1));
        }
        let mut token = OpenToken::open(&self.token, &self.pin, language)?;
        if proof.certificate != hex::encode(token.chosen().certificate.fingerprint()) {
            return Err(Failure::stop(other_certificate(language), 1));
        }
        let digest = proof.digest(token.chosen().scheme);
        Ok(BASE64_STANDARD.encode(token.sign(&digest, language)?))
    }
}

fn text(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    match path.to_str() {
        Some("-") => io::stdin().lock().take(LONGEST).read_to_string(&mut text)?,
        _ => File::open(path)?.take(LONGEST).read_to_string(&mut text)?,
    };
    Ok(text)
}

fn no_proof(language: Language) -> &'static str {
    match language {
        Language::Vi => "tệp này không phải là thử thách chứng minh giữ khóa; không ký gì",
        Language::En => "this is no text of a proof of possession; nothing is signed",
    }
}

fn other_site(language: Language, service: &str) -> String {
    match language {
        Language::Vi => format!("thử thách này là của {service}, không phải của --site; không ký gì"),
        Language::En => format!("this text is of {service} and not of --site; nothing is signed"),
    }
}

fn other_certificate(language: Language) -> &'static str {
    match language {
        Language::Vi => "thử thách này là cho chứng thư khác; hãy chọn bằng --key, --key-id hoặc --certificate",
        Language::En => "this text is for another certificate; choose with --key, --key-id or --certificate",
    }
}

/// Octets of a text that are read.
const LONGEST: u64 = 8 << 10;
