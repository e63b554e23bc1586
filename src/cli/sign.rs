//! `chuky sign`: signs a file through a running service, as the logged-in user. The PIN is asked for on the terminal, or read from where a
//! script names; it goes to the service in one call and is kept nowhere.

use super::{
    Common,
    client::{Client, ClientError},
    in_session,
    secret::PinSource,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use chuky_model::text::Language;
use chuky_pki::{algorithm::DigestAlgorithm, crypto::Hasher};
use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use std::{
    fs::File,
    io::{self, Read, Seek},
    path::PathBuf,
    process::ExitCode,
};

/// Ký văn bản / Sign a document, through a running service
///
/// Log in first with `chuky login`. Exit codes: 0 signed and found valid, 1 refused, 2 wrong usage or an unreadable file.
#[derive(Debug, Args)]
pub struct Sign {
    /// Which credential signs; may be left out where there is one only
    #[arg(long, value_name = "ID")]
    credential: Option<String>,
    /// Format of the signature
    #[arg(long, value_enum, default_value_t = Format::Pades)]
    format: Format,
    /// Where the document stands to the signature; by default inside it, or around it for XML in XAdES
    #[arg(long, value_enum)]
    packaging: Option<Packaging>,
    /// What the file is, e.g. application/xml; by default its ending tells
    #[arg(long, value_name = "TYPE")]
    media_type: Option<String>,
    /// B: the signature alone; T: with a timestamp; LT: with the data that checks it later; LTA: with an archive timestamp
    #[arg(long, value_enum, ignore_case = true, default_value_t = Level::B)]
    level: Level,
    /// How it shows on the page: invisible, citizen, official, seal
    #[arg(long, value_name = "LOOK", default_value = "invisible")]
    look: String,
    /// Page it shows on: first, last or a number
    #[arg(long, value_name = "PAGE", default_value = "last")]
    page: String,
    /// Corner of that page: top-left, top-right, bottom-left, bottom-right
    #[arg(long, value_name = "CORNER", default_value = "bottom-right")]
    place: String,
    /// An empty signature field of the document, instead of a place
    #[arg(long, value_name = "NAME")]
    field: Option<String>,
    /// Why it is signed
    #[arg(long)]
    reason: Option<String>,
    /// Where it is signed
    #[arg(long)]
    location: Option<String>,
    /// PNG of the handwriting or the seal
    #[arg(long, value_name = "PNG")]
    picture: Option<PathBuf>,
    #[command(flatten)]
    pin: PinSource,
    /// Where the signed file goes
    #[arg(short = 'o', long = "output", value_name = "OUT")]
    output: PathBuf,
    /// The file to sign
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Pades,
    Xades,
    Cades,
    Jades,
    Asice,
    Asics,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Packaging {
    Attached,
    Detached,
    Enveloped,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Level {
    #[value(name = "B")]
    B,
    #[value(name = "T")]
    T,
    #[value(name = "LT")]
    LT,
    #[value(name = "LTA")]
    Lta,
}

impl Sign {
    /// Runs the command: 0 where the signed document was written.
    pub fn run(self, common: &Common) -> ExitCode {
        in_session(common, "sign", |client| {
            let signed = self.sign(client, common)?;
            if signed {
                println!("✓ {}", self.output.display());
            }
            Ok(signed)
        })
    }

    fn sign(&self, client: &Client, common: &Common) -> Result<bool, ClientError> {
        let read = |path: &PathBuf| {
            File::open(path).map_err(|source| ClientError::Io { what: path.display().to_string(), source })
        };
        let mut file = read(&self.file)?;
        let sha256 =
            digest(&mut file).map_err(|source| ClientError::Io { what: self.file.display().to_string(), source })?;
        let credential = self.credential(client, common.language)?;
        let mut wanted = json!({
            "credential": credential, "format": lower(&self.format), "level": format!("{:?}", self.level).to_uppercase(), "look": self.look, "page": self.page,
            "place": self.place, "field": self.field, "reason": self.reason, "location": self.location,
            "sha256": hex::encode(sha256),
        });
        if let Some(packaging) = &self.packaging {
            wanted["packaging"] = Value::String(lower(packaging));
        }
        if let Some(picture) = &self.picture {
            let png = std::fs::read(picture);
            let png = png.map_err(|source| ClientError::Io { what: picture.display().to_string(), source })?;
            wanted["picture"] = Value::String(STANDARD.encode(png));
        }
        let pin = self.pin.read(common.language);
        let pin = pin.map_err(|source| ClientError::Io { what: "PIN".to_owned(), source })?;
        wanted["pin"] = Value::String(pin.to_string());
        let name = self.file.file_name().unwrap_or_default().to_string_lossy();
        let document = client.upload(&format!("/api/v1/documents?name={}", escaped(&name)), self.media_type(), file)?;
        let id = document["id"].as_str().unwrap_or_default();
        let signed = client.post(&format!("/api/v1/documents/{id}/sign"), &wanted)?;
        client.download(&format!("/api/v1/documents/{id}/content"), &self.output)?;
        if let Some(message) = signed["report"]["message"][common.language.code()].as_str() {
            println!("{message}");
        }
        Ok(signed["document"]["state"] == "signed")
    }

    /// What is said of the file to the service.
    fn media_type(&self) -> &str {
        if let Some(stated) = &self.media_type {
            return stated;
        }
        let ending = self.file.extension().unwrap_or_default().to_string_lossy().to_lowercase();
        match (ending.as_str(), self.format) {
            (_, Format::Pades) | ("pdf", _) => "application/pdf",
            ("xml", _) => "application/xml",
            ("json", _) => "application/json",
            ("txt", _) => "text/plain",
            ("docx", _) => "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
            ("xlsx", _) => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            ("odt", _) => "application/vnd.oasis.opendocument.text",
            ("png", _) => "image/png",
            ("jpg" | "jpeg", _) => "image/jpeg",
            _ => "application/octet-stream",
        }
    }

    /// The one named, or the only one that can sign.
    fn credential(&self, client: &Client, language: Language) -> Result<String, ClientError> {
        if let Some(credential) = &self.credential {
            return Ok(credential.clone());
        }
        let answer = client.get("/api/v1/credentials")?;
        let usable = answer["credentials"].as_array().into_iter().flatten();
        let usable = usable.filter(|one| one["state"] == "active" && one["certificate_state"] == "issued");
        let usable: Vec<&Value> = usable.collect();
        match usable.as_slice() {
            [one] => Ok(one["id"].as_str().unwrap_or_default().to_owned()),
            several => {
                for one in several {
                    eprintln!(
                        "  {}  {}",
                        one["id"].as_str().unwrap_or_default(),
                        one["holder"].as_str().unwrap_or_default()
                    );
                }
                Err(ClientError::Refused(match language {
                    Language::Vi => format!("có {} chữ ký dùng được; hãy chọn bằng --credential", several.len()),
                    Language::En => format!("{} credentials can sign; choose with --credential", several.len()),
                }))
            }
        }
    }
}

/// SHA-256 of a file, which is left at its start.
pub(super) fn digest(file: &mut File) -> io::Result<Vec<u8>> {
    let (mut hasher, mut piece) = (Hasher::new(DigestAlgorithm::Sha256), vec![0; PIECE]);
    loop {
        match file.read(&mut piece)? {
            0 => break,
            count => hasher.update(piece.get(..count).unwrap_or_default()),
        }
    }
    file.rewind()?;
    Ok(hasher.finish())
}

/// A choice as the API names it.
fn lower(choice: &impl std::fmt::Debug) -> String {
    format!("{choice:?}").to_lowercase()
}

/// Percent-encoded for a query (RFC 3986 §2.1).
pub(super) fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' | b'_' => escaped.push(char::from(byte)),
            other => escaped.push_str(&format!("%{other:02X}")),
        }
    }
    escaped
}

/// Bytes read at a time.
const PIECE: usize = 256 << 10;
