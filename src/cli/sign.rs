//! `chuky sign`: signs files, through a running service as the logged-in user, or with a PKCS#11 token of the user's own. One file, many, or
//! whatever comes into a folder. The PIN is asked for on the terminal, or read from where a script names; it is kept nowhere.

mod many;
mod own;
mod placed;
mod service;
mod spool;
mod tsa;
mod watch;

use super::{Common, secret::PinSource};
use crate::cli::client::ClientError;
use base64::{Engine, engine::general_purpose::STANDARD};
use chuky_model::text::Language;
use chuky_pki::{algorithm::DigestAlgorithm, crypto::Hasher};
use clap::{Args, ValueEnum};
use own::OwnArguments;
pub(super) use own::{OpenToken, TokenArguments};
use serde_json::{Value, json};
use std::{
    fs::File,
    io::{self, Read, Seek},
    path::{Path, PathBuf},
    process::ExitCode,
};

/// Ký văn bản / Sign documents, through a running service or with a token of your own (--module)
///
/// Through a service, log in first with `chuky login`. With --module nothing leaves this machine, save for the digest of a timestamp.
/// Exit codes: 0 signed and checked, 1 refused, 2 wrong usage or an unreadable file, 3 signed at level B because no timestamp was to be had.
#[derive(Debug, Args)]
pub struct Sign {
    /// Which credential signs; may be left out where there is one only
    #[arg(long, value_name = "ID", conflicts_with = "module")]
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
    /// How it shows on the page: invisible, citizen, official, seal; sao-y, sao-luc, trich-sao of a copy, appendix
    #[arg(long, value_name = "LOOK", default_value = "invisible")]
    look: String,
    /// Page it shows on: first, last or a number
    #[arg(long, value_name = "PAGE", default_value = "last")]
    page: String,
    /// Corner of that page: top-left, top-right, bottom-left, bottom-right
    #[arg(long, value_name = "CORNER", default_value = "bottom-right")]
    place: String,
    /// A text of the document beside which the signature stands, instead of a place: the last one on the pages, or on --anchor-page
    #[arg(long, value_name = "TEXT", conflicts_with = "field")]
    anchor: Option<String>,
    /// Side of that text: above, below, left, right
    #[arg(long, value_name = "SIDE", default_value = "below", requires = "anchor")]
    anchor_side: String,
    /// Page on which it is searched: first, last or a number
    #[arg(long, value_name = "PAGE", requires = "anchor")]
    anchor_page: Option<String>,
    /// Which of several, from 1
    #[arg(long, value_name = "NUMBER", requires = "anchor")]
    anchor_hit: Option<u32>,
    /// Number and notation of the document that an appendix belongs to (--look appendix)
    #[arg(long, value_name = "NUMBER")]
    document_number: Option<String>,
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
    /// Show the picture that is kept with the credential (not with --module)
    #[arg(long, conflicts_with_all = ["module", "picture"])]
    kept_picture: bool,
    /// Put a code on the page of a PDF, by which whoever holds the paper finds who signed (not with --module)
    #[arg(long, conflicts_with = "module")]
    code: bool,
    /// What the document is called on the code's page
    #[arg(long, value_name = "TITLE", requires = "code")]
    code_title: Option<String>,
    /// Page of the code: first, last or a number
    #[arg(long, value_name = "PAGE", default_value = "last", requires = "code")]
    code_page: String,
    /// Corner of that page; the nearest place to it where nothing stands
    #[arg(long, value_name = "CORNER", default_value = "bottom-left", requires = "code")]
    code_place: String,
    #[command(flatten)]
    pin: PinSource,
    #[command(flatten)]
    own: OwnArguments,
    /// Where the signed file goes, for a single FILE; a file that exists is not overwritten
    #[arg(short = 'o', long = "output", value_name = "OUT", conflicts_with = "out")]
    output: Option<PathBuf>,
    /// Folder of the signed files
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    #[command(flatten)]
    watch: watch::WatchArguments,
    /// The files to sign
    #[arg(value_name = "FILE", conflicts_with = "watch")]
    files: Vec<PathBuf>,
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

/// Where signatures come from.
trait Road {
    /// Signs one document into its empty file.
    fn sign(&mut self, job: Job<'_>) -> Result<Signed, Failure>;
}

/// A document that was signed.
struct Signed {
    /// What there is to say about it.
    said: String,
    /// Why it has no timestamp although level T was wanted: the signature was made all the same.
    no_timestamp: Option<String>,
}

/// One document.
struct Job<'a> {
    name: &'a str,
    path: &'a Path,
    media_type: &'a str,
    out: File,
}

/// Why a document was not signed.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) said: String,
    /// Whether it is about more than this document, so that no other is tried: a PIN, a token, a service.
    stops: bool,
    /// The exit code where it ends the command.
    pub(super) code: u8,
}

impl Failure {
    /// Of this document alone.
    fn document(said: impl std::fmt::Display, code: u8) -> Self {
        Self { said: said.to_string(), stops: false, code }
    }

    /// Of more than this document.
    pub(super) fn stop(said: impl std::fmt::Display, code: u8) -> Self {
        Self { said: said.to_string(), stops: true, code }
    }

    fn of_flow(error: crate::error::Error, language: Language) -> Self {
        use crate::error::Error;
        match error {
            Error::Request(refused) => Self::document(refused.detail.in_language(language), 1),
            Error::Internal(error) => Self::stop(error, 2),
        }
    }
}

/// Of a service: what it says of the document or the packaging concerns this one alone.
impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::Refused(said) => {
                let alone = said.field == "document" || ALONE.contains(&said.code.as_str()) || said.status == 413;
                if alone { Self::document(said, 1) } else { Self::stop(said, 1) }
            }
            other => Self::stop(other, 2),
        }
    }
}

impl Sign {
    /// Runs the command: 0 where every signed document was written.
    pub fn run(self, common: &Common) -> ExitCode {
        let done = match self.own.list_wanted() {
            true => self.own.list(common),
            false => self.work(common),
        };
        match done {
            Ok(code) => ExitCode::from(code),
            Err(failure) => {
                eprintln!("chuky sign: {}", failure.said);
                ExitCode::from(failure.code)
            }
        }
    }

    fn work(&self, common: &Common) -> Result<u8, Failure> {
        if let Some(incoming) = self.watch.folder() {
            let out = self.out.as_deref().ok_or_else(|| usage(common.language))?;
            let watching = self.watch.open(incoming, out, common.language)?;
            return watching.run(self, self.road(common)?.as_mut(), common.language);
        }
        let plan = many::plan(self, common.language)?;
        many::run(self, &plan, self.road(common)?.as_mut(), common.language)
    }

    fn road(&self, common: &Common) -> Result<Box<dyn Road>, Failure> {
        let wanted = self.wanted()?;
        match self.own.module() {
            Some(_) => Ok(Box::new(own::OwnRoad::open(&self.own, &self.pin, wanted, common)?)),
            None => {
                let credential = self.credential.as_deref();
                Ok(Box::new(service::ServiceRoad::open(credential, &self.pin, wanted, common.language)?))
            }
        }
    }

    /// The order as the API takes it, without credential and PIN.
    fn wanted(&self) -> Result<Value, Failure> {
        let mut wanted = json!({
            "format": lower(&self.format), "level": format!("{:?}", self.level).to_uppercase(), "look": self.look,
            "page": self.page, "place": self.place, "field": self.field, "reason": self.reason, "location": self.location,
        });
        if let Some(anchor) = &self.anchor {
            wanted["anchor"] = json!({
                "text": anchor, "side": self.anchor_side, "page": self.anchor_page, "hit": self.anchor_hit,
            });
        }
        if let Some(number) = &self.document_number {
            wanted["document_number"] = json!(number);
        }
        if self.kept_picture {
            wanted["kept_picture"] = json!(true);
        }
        if self.code {
            wanted["code"] = json!({ "title": self.code_title, "page": self.code_page, "place": self.code_place });
        }
        if let Some(packaging) = &self.packaging {
            wanted["packaging"] = Value::String(lower(packaging));
        }
        if let Some(picture) = &self.picture {
            let png = std::fs::read(picture);
            let png = png.map_err(|error| Failure::stop(format!("{}: {error}", picture.display()), 2))?;
            wanted["picture"] = Value::String(STANDARD.encode(png));
        }
        Ok(wanted)
    }

    /// What the signed form of a document is called.
    fn signed_name(&self, name: &str, media_type: &str, language: Language) -> Result<String, Failure> {
        let word = |text: String| serde_json::from_value(Value::String(text));
        let packaging = self.packaging.as_ref().map(lower).map(|text| serde_json::from_value(Value::String(text)));
        let (Ok(format), Ok(packaging)) = (word(lower(&self.format)), packaging.transpose()) else {
            return Err(usage(language));
        };
        crate::signing::signed_name(format, packaging, media_type, name)
            .map_err(|error| Failure::of_flow(error, language))
    }

    /// What a file is, as stated or by its ending.
    fn media_type(&self, file: &Path) -> &str {
        if let Some(stated) = &self.media_type {
            return stated;
        }
        match self.format {
            Format::Pades => "application/pdf",
            _ => media_type_of(file),
        }
    }
}

/// What a file is by its ending.
pub(super) fn media_type_of(file: &Path) -> &'static str {
    let ending = file.extension().unwrap_or_default().to_string_lossy().to_lowercase();
    match ending.as_str() {
        "pdf" => "application/pdf",
        "xml" => "application/xml",
        "json" => "application/json",
        "txt" => "text/plain",
        "docx" => "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "xlsx" => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "odt" => "application/vnd.oasis.opendocument.text",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "p7s" => "application/pkcs7-signature",
        "p7m" => "application/pkcs7-mime",
        "jws" | "jose" => "application/jose",
        "asice" | "sce" => "application/vnd.etsi.asic-e+zip",
        "asics" | "scs" => "application/vnd.etsi.asic-s+zip",
        _ => "application/octet-stream",
    }
}

fn usage(language: Language) -> Failure {
    let said = match language {
        Language::Vi => "hãy nêu một FILE với -o OUT, nhiều FILE với --out DIR, hoặc --watch IN với --out DIR",
        Language::En => "name one FILE with -o OUT, several with --out DIR, or --watch IN with --out DIR",
    };
    Failure::stop(said, 2)
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

/// Refusals of the service that are about one document, whatever field they name.
const ALONE: [&str; 4] = ["document_another", "document_moved_on", "too_large_to_attach", "packaging_unknown"];
/// Exit code where a file was signed and lacks the timestamp that was wanted.
const WITHOUT_TIMESTAMP: u8 = 3;
/// Bytes read at a time.
const PIECE: usize = 256 << 10;
