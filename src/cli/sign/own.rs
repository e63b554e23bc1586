//! Signing with a token of the user's own: its module runs in a process of its own, the document stays here, and so does the PIN.

use super::{Failure, Job, Road, Signed, tsa::Tsa};
use crate::{
    cli::{Common, runtime, secret::PinSource, verify},
    clock::Clock,
    config::{ReadersConfig, Settings},
    reader::ReaderPool,
    signing::{
        SignRequest,
        own::{self, Chosen, Document, KeyWanted, TokenWanted, Workshop},
    },
};
use chuky_hsm::{
    Pin,
    own::{OwnModule, Refusal, TokenFound},
};
use chuky_model::{algorithm::SignatureScheme, text::Language};
use chuky_pki::certificate::Certificate;
use clap::Args;
use serde_json::Value;
use std::{
    path::{Path, PathBuf},
    time::Duration,
};
use tokio::runtime::Runtime;
use uuid::Uuid;

/// A token of the user's own, and what is done with it besides signing.
#[derive(Debug, Args)]
pub(super) struct OwnArguments {
    #[command(flatten)]
    at: TokenArguments,
    /// List the tokens and certificates that the module shows without a PIN, and end
    #[arg(long, requires = "module", conflicts_with_all = ["files", "watch", "output", "out"])]
    list: bool,
    /// Address of the timestamp server for level T; by default that of the service with a log-in here
    #[arg(long, value_name = "URL", requires = "module")]
    tsa: Option<String>,
}

/// A token of the user's own, and which key of it signs how.
#[derive(Debug, Args)]
pub(in crate::cli) struct TokenArguments {
    /// Sign with your own token: its PKCS#11 library, as the maker installs it. Neither document nor PIN leaves this machine
    #[arg(long, value_name = "PATH")]
    module: Option<PathBuf>,
    /// Label of the token
    #[arg(long, value_name = "LABEL", requires = "module")]
    token: Option<String>,
    /// Serial number of the token
    #[arg(long, value_name = "NUMBER", requires = "module")]
    serial: Option<String>,
    /// Label of the key
    #[arg(long, value_name = "LABEL", requires = "module")]
    key: Option<String>,
    /// Identifier of the key (CKA_ID), in hexadecimal
    #[arg(long, value_name = "HEX", requires = "module")]
    key_id: Option<String>,
    /// The signer's certificate (PEM or DER), where the token does not hold it or holds several
    #[arg(long, value_name = "FILE", requires = "module")]
    certificate: Option<PathBuf>,
    /// Certificates of the issuers (PEM), which travel along; may be given several times
    #[arg(long, value_name = "PEM", requires = "module")]
    chain: Vec<PathBuf>,
    /// How the key signs, e.g. rsa_pkcs1_sha256, rsa_pss_sha256; by default the best that the token offers
    #[arg(long, value_name = "SCHEME", requires = "module")]
    scheme: Option<String>,
    /// Seconds that the token may take for an answer, a PIN typed on its pad included
    #[arg(long, value_name = "SECONDS", default_value_t = 120, requires = "module", value_parser = clap::value_parser!(u64).range(1..=3600))]
    patience: u64,
}

/// A token that is logged in to, and what signs on it.
pub(in crate::cli) struct OpenToken {
    module: OwnModule,
    chosen: Chosen,
    /// Kept where the key asks for it before each signature.
    kept: Option<Pin>,
}

/// Documents that such a token signs.
pub(super) struct OwnRoad {
    token: OpenToken,
    wanted: SignRequest,
    readers: ReaderPool,
    tsa: Option<Tsa>,
    runtime: Runtime,
    language: Language,
}

impl OwnArguments {
    pub(super) fn module(&self) -> Option<&Path> {
        self.at.module()
    }

    pub(super) fn list_wanted(&self) -> bool {
        self.list
    }

    /// Prints what the module shows without a PIN.
    pub(super) fn list(&self, common: &Common) -> Result<u8, Failure> {
        let Some(path) = self.module() else { return Ok(2) };
        let mut module = self.at.start()?;
        let tokens = module.tokens(path).map_err(|refusal| refused(&refusal, common.language))?;
        for found in &tokens {
            println!("{}", own::shown(found));
        }
        match own::token(&tokens, &TokenWanted::default()) {
            Err(error) if tokens.is_empty() => Err(Failure::of_flow(error, common.language)),
            _ => Ok(0),
        }
    }
}

impl TokenArguments {
    pub(in crate::cli) fn module(&self) -> Option<&Path> {
        self.module.as_deref()
    }

    fn start(&self) -> Result<OwnModule, Failure> {
        let patience = Duration::from_secs(self.patience);
        let started = std::env::current_exe().and_then(|me| OwnModule::start(&me, &["worker", "own"], patience));
        started.map_err(|error| Failure::stop(error, 2))
    }

    fn key_wanted(&self) -> Result<KeyWanted, Failure> {
        let id = self.key_id.as_ref().map(|text| hex::decode(text.replace(':', "")));
        let id = id.transpose().map_err(|error| Failure::stop(format!("--key-id: {error}"), 2))?;
        let scheme = self.scheme.as_ref().map(|name| serde_json::from_value(Value::String(name.to_lowercase())));
        let scheme: Option<SignatureScheme> =
            scheme.transpose().map_err(|error| Failure::stop(format!("--scheme: {error}"), 2))?;
        let mut further = Vec::new();
        let certificate = match &self.certificate {
            None => None,
            Some(path) => {
                let mut found = certificates(path)?;
                let signer = found.remove(0);
                further.extend(found);
                Some(signer)
            }
        };
        for path in &self.chain {
            further.extend(certificates(path)?);
        }
        Ok(KeyWanted { label: self.key.clone(), id, certificate, further, scheme })
    }
}

impl OpenToken {
    /// Chooses the token, logs in once, and chooses the key. Whatever can be refused without a PIN is refused before one is asked for.
    pub(in crate::cli) fn open(
        arguments: &TokenArguments,
        pin: &PinSource,
        language: Language,
    ) -> Result<Self, Failure> {
        let key_wanted = arguments.key_wanted()?;
        let path = arguments.module.as_deref().unwrap_or(Path::new(""));
        let mut module = arguments.start()?;
        let tokens = module.tokens(path).map_err(|refusal| refused(&refusal, language))?;
        let named = TokenWanted { label: arguments.token.clone(), serial: arguments.serial.clone() };
        let token = own::token(&tokens, &named).map_err(|error| stopped(error, language))?;
        let secret = asked(token, pin, language)?;
        module.log_in(token.slot, secret.clone()).map_err(|refusal| refused(&refusal, language))?;
        let objects = module.objects().map_err(|refusal| refused(&refusal, language))?;
        let chosen = own::key(&objects, &key_wanted, Clock::default().now());
        let chosen = chosen.map_err(|error| stopped(error, language))?;
        let kept = secret.filter(|_| chosen.asks_each_time);
        Ok(Self { module, chosen, kept })
    }

    /// What signs.
    pub(in crate::cli) fn chosen(&self) -> &Chosen {
        &self.chosen
    }

    /// Whose certificate it is.
    pub(in crate::cli) fn holder(&self) -> String {
        self.chosen.certificate.subject().common_name()
    }

    /// The value over a digest of the scheme's hash.
    pub(in crate::cli) fn sign(&mut self, digest: &[u8], language: Language) -> Result<Vec<u8>, Failure> {
        let value = self.module.sign(self.chosen.key, self.chosen.scheme, digest, self.kept.clone());
        value.map_err(|refusal| refused(&refusal, language))
    }
}

impl OwnRoad {
    /// The token with everything else that signing documents takes.
    pub(super) fn open(
        arguments: &OwnArguments,
        pin: &PinSource,
        mut wanted: Value,
        common: &Common,
    ) -> Result<Self, Failure> {
        let language = common.language;
        // The order has the form of the service's, whose credential is none of ours.
        wanted["credential"] = Value::String(Uuid::nil().to_string());
        let wanted: SignRequest = serde_json::from_value(wanted).map_err(|error| Failure::stop(error, 2))?;
        let tsa = match wanted.level {
            crate::signing::Level::T => Some(Tsa::of(arguments.tsa.as_deref(), language)?),
            _ => None,
        };
        let token = OpenToken::open(&arguments.at, pin, language)?;
        let runtime = runtime().map_err(|error| Failure::stop(error, 2))?;
        Ok(Self { token, wanted, readers: readers(common)?, tsa, runtime, language })
    }
}

impl Road for OwnRoad {
    fn sign(&mut self, job: Job<'_>) -> Result<Signed, Failure> {
        let Self { token, wanted, readers, tsa, runtime, language } = self;
        let clear = verify::open(job.path);
        let clear = clear.map_err(|error| Failure::document(format!("{}: {error}", job.path.display()), 2))?;
        let chosen = token.chosen.clone();
        let workshop = Workshop { readers, chosen: &chosen, wanted, now: Clock::default().now() };
        let document = Document {
            name: job.name.to_owned(),
            media_type: job.media_type.to_owned(),
            clear,
            out: job.out,
            identifier: Uuid::new_v4(),
        };
        let failed = |error| Failure::of_flow(error, *language);
        let to_sign = runtime.block_on(workshop.prepare(document)).map_err(failed)?;
        let value = token.sign(to_sign.digest(), *language)?;
        // A value that does not fit its certificate will not do so for another document either.
        let valued = workshop.take(to_sign, &value).map_err(|error| stopped(error, *language))?;
        // The token has signed, and may have cost a PIN on its pad: a timestamp server that is down throws nothing of that away.
        let (stamp, why) = match tsa.as_mut().map(|tsa| tsa.token(valued.timestamped())) {
            None => (None, None),
            Some(Ok(stamp)) => (Some(stamp), None),
            Some(Err(why)) => (None, Some(why)),
        };
        let is_pdf = valued.is_pdf();
        runtime.block_on(workshop.finish(valued, stamp.as_deref())).map_err(failed)?;
        let no_timestamp = why.map(|why| without_timestamp(&why, is_pdf, *language));
        Ok(Signed { said: chosen.certificate.subject().common_name(), no_timestamp })
    }
}

/// What is said of a file that was signed at level B, and how it gets its timestamp.
fn without_timestamp(why: &str, is_pdf: bool, language: Language) -> String {
    match (language, is_pdf) {
        (Language::Vi, true) => format!(
            "đã ký ở mức B, chưa có dấu thời gian ({why}). Khi có máy chủ, nâng mức bằng: chuky extend --level LT -o OUT FILE"
        ),
        (Language::En, true) => format!(
            "signed at level B, without a timestamp ({why}). Raise it later with: chuky extend --level LT -o OUT FILE"
        ),
        (Language::Vi, false) => format!(
            "đã ký ở mức B, chưa có dấu thời gian ({why}). Chỉ PDF nâng mức được sau; nếu cần mức T, hãy ký lại khi có máy chủ"
        ),
        (Language::En, false) => format!(
            "signed at level B, without a timestamp ({why}). Only a PDF is raised later; sign again once a server answers where level T is needed"
        ),
    }
}

/// The PIN, where the token wants one from here. What locks a token is not risked by a script.
fn asked(token: &TokenFound, pin: &PinSource, language: Language) -> Result<Option<Pin>, Failure> {
    let warning = own::told_before(token).map_err(|error| Failure::stop(error.detail.in_language(language), 1))?;
    if let Some(warning) = warning {
        eprintln!("chuky sign: {}", warning.in_language(language));
        let last = token.pin == chuky_hsm::own::PinState::FinalTry;
        if last && !token.has_pin_pad && !pin.is_typed() {
            return Err(Failure::stop(
                match language {
                    Language::Vi => "lần thử cuối cùng phải do người dùng tự nhập mã PIN, không lấy từ tệp",
                    Language::En => "the last try takes a PIN that a person types, not one from a file",
                },
                1,
            ));
        }
    }
    if token.needs_no_log_in {
        return Ok(None);
    }
    if token.has_pin_pad {
        eprintln!(
            "{}",
            match language {
                Language::Vi => "Hãy nhập mã PIN trên token hoặc đầu đọc.",
                Language::En => "Type the PIN on the token or its reader.",
            }
        );
        return Ok(None);
    }
    let text = pin.read(language).map_err(|error| Failure::stop(format!("PIN: {error}"), 2))?;
    Pin::parse(&text).map(Some).map_err(|error| Failure::stop(error, 1))
}

fn readers(common: &Common) -> Result<ReaderPool, Failure> {
    let stop = |error: &dyn std::fmt::Display| Failure::stop(error, 2);
    let settings = Settings::load(common.config.as_deref(), Path::new("var")).map_err(|error| stop(&error))?;
    let executable = std::env::current_exe().map_err(|error| stop(&error))?;
    let one = ReadersConfig { count: 1, ..settings.readers };
    Ok(ReaderPool::with_typefaces(one, executable, settings.fonts_dir))
}

/// The certificates of a file, PEM or DER; at least one.
fn certificates(path: &Path) -> Result<Vec<Certificate>, Failure> {
    let failed = |what: &dyn std::fmt::Display| Failure::stop(format!("{}: {what}", path.display()), 2);
    let bytes = std::fs::read(path).map_err(|error| failed(&error))?;
    let found = match std::str::from_utf8(&bytes) {
        Ok(pem) => Certificate::all_from_pem(pem),
        Err(_) => Certificate::from_der(&bytes).map(|one| vec![one]),
    };
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        Ok(_) => Err(failed(&"no certificate in PEM or DER form")),
        Err(error) => Err(failed(&error)),
    }
}

fn refused(refusal: &Refusal, language: Language) -> Failure {
    Failure::stop(own::explained(refusal).detail.in_language(language), 1)
}

/// An error that is not about one document.
fn stopped(error: crate::error::Error, language: Language) -> Failure {
    Failure { stops: true, ..Failure::of_flow(error, language) }
}
