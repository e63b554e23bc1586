//! `chuky request`: requests of certificates (see [`super::requests`]), and without one of its commands: redeems a one-time activation code with a PKCS #10 request of a key on a token of one's own, and writes the certificate.
//! Run again after a lost answer it writes the same certificate: its receipt key is made of code and request.

use super::{
    Common,
    client::{Client, ClientError, Session},
    requests::Requests,
    secret, unusable,
};
use crate::registration::second::ON_SHEET;
use chuky_model::text::Language;
use clap::Args;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::{
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
    process::ExitCode,
};
use zeroize::Zeroizing;

/// Nhận chứng thư cho khóa trên thiết bị riêng / Redeem an activation code for a key on a token of one's own
///
/// The request (PKCS #10, PEM) is made by the token's software or by OpenSSL. The code is asked for on the terminal where no file is named.
/// Exit codes: 0 the certificate was written, 1 refused, 2 wrong usage or a file that cannot be used.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct Request {
    #[command(subcommand)]
    what: Option<Requests>,
    /// Address of the service
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080", env = "CHUKY_SERVER")]
    server: String,
    /// File whose first line is the activation code
    #[arg(long, value_name = "FILE")]
    code_file: Option<PathBuf>,
    /// File whose first line is the confirmation code that was sent as a message; asked for on the terminal where one is needed
    #[arg(long, value_name = "FILE")]
    second_secret_file: Option<PathBuf>,
    /// The content and the consent, which are shown first, are read and agreed to: nothing is asked on the terminal
    #[arg(long)]
    agree: bool,
    /// Log-in name of the new account; left out by who has one, and is logged in (chuky login)
    #[arg(long, value_name = "NAME", requires = "password_file")]
    login: Option<String>,
    /// File whose first line is the password of the new account
    #[arg(long, value_name = "FILE", requires = "login")]
    password_file: Option<PathBuf>,
    /// Where the certificate goes, PEM, with those of its issuers behind it
    #[arg(short = 'o', long = "output", value_name = "OUT", required = true)]
    output: Option<PathBuf>,
    /// The certification request
    #[arg(value_name = "CSR", required = true)]
    request: Option<PathBuf>,
}

impl Request {
    /// Runs the command: 0 where the certificate was written.
    pub fn run(self, common: &Common) -> ExitCode {
        let done = match (&self.what, &self.request, &self.output) {
            (Some(what), ..) => what.run(common.language),
            (None, Some(request), Some(output)) => self.redeem(common.language, request, output),
            _ => return unusable("CSR, -o"),
        };
        match done {
            Ok(()) => ExitCode::SUCCESS,
            Err(ClientError::Refused(why)) => {
                eprintln!("chuky request: {why}");
                ExitCode::FAILURE
            }
            Err(error) => unusable(error),
        }
    }

    fn redeem(&self, language: Language, request: &Path, output: &Path) -> Result<(), ClientError> {
        let request = read(request)?;
        let code = match &self.code_file {
            Some(file) => File::open(file).and_then(secret::first_line).map_err(failed(file))?,
            None => {
                let question = if language == Language::Vi { "Mã kích hoạt: " } else { "Activation code: " };
                secret::ask(question).map_err(failed(Path::new("/dev/tty")))?
            }
        };
        let mut body = json!({ "code": code.as_str(), "request": request });
        if let (Some(login), Some(file)) = (&self.login, &self.password_file) {
            let password = File::open(file).and_then(secret::first_line).map_err(failed(file))?;
            body["login"] = json!(login);
            body["password"] = json!(password.as_str());
        }
        // In whose account one is logged in here is the service's to judge.
        let session = Session::load().filter(|session| session.server == self.server.trim_end_matches('/'));
        let client = match &session {
            Some(session) => Client::of_session(session, language)?,
            None => Client::new(&self.server, language)?,
        };
        if let Some(preview) = preview(&client, &code)? {
            self.agreed(&preview, language)?;
            body["confirmed"] = preview["content_digest"].clone();
            body["consent"] = preview["consent_own_key"]["version"].clone();
            if let Some(second) = self.second_secret(&preview, language)? {
                body["second_secret"] = json!(second.as_str());
            }
        }
        let receipt = client.post_with_key("/api/v1/activations/own-key", &body, &receipt_key(&code, &request))?;
        let certificate = receipt["certificate"].as_str().unwrap_or_default();
        let chain = receipt["chain"].as_array().map(Vec::as_slice).unwrap_or_default();
        let pem: Vec<&str> = [certificate].into_iter().chain(chain.iter().filter_map(|one| one.as_str())).collect();
        write_whole(output, &pem.concat())?;
        for notice in receipt["notices"].as_array().into_iter().flatten() {
            eprintln!("! {}", notice[language.code()].as_str().unwrap_or_default());
        }
        println!("✓ {}", output.display());
        Ok(())
    }
}

impl Request {
    /// Shows what the certificate will say and the words of consent. Passes where whoever sits there agrees.
    fn agreed(&self, preview: &Value, language: Language) -> Result<(), ClientError> {
        for (name, [vi, en]) in SHOWN {
            let value = match &preview[name] {
                Value::String(text) => text.clone(),
                Value::Number(number) => number.to_string(),
                _ => continue,
            };
            if !value.is_empty() {
                eprintln!("  {}: {value}", if language == Language::Vi { vi } else { en });
            }
        }
        eprintln!("{}", preview["consent_own_key"][language.code()].as_str().unwrap_or_default());
        if self.agree {
            return Ok(());
        }
        let question = match language {
            Language::Vi => "Gõ “có” nếu bạn đồng ý: ",
            Language::En => "Type “yes” if you agree: ",
        };
        let answer = secret::ask(question).map_err(failed(Path::new("/dev/tty")))?;
        match answer.trim().to_lowercase().as_str() {
            "có" | "co" | "yes" => Ok(()),
            _ => {
                let why = match language {
                    Language::Vi => "Bạn chưa đồng ý nên chưa có gì được tạo ra.",
                    Language::En => "You did not agree, so nothing was made.",
                };
                Err(ClientError::Refused(why.to_owned().into()))
            }
        }
    }

    /// The second secret, where the code asks for one.
    fn second_secret(&self, preview: &Value, language: Language) -> Result<Option<Zeroizing<String>>, ClientError> {
        if let Some(file) = &self.second_secret_file {
            return Ok(Some(File::open(file).and_then(secret::first_line).map_err(failed(file))?));
        }
        let Some(contact) = preview["second_secret_sent_to"].as_str() else { return Ok(None) };
        let question = match language {
            Language::Vi if contact == ON_SHEET => "Mã xác nhận in trên phiếu xác nhận: ".to_owned(),
            Language::En if contact == ON_SHEET => "Confirmation code on the confirmation sheet: ".to_owned(),
            Language::Vi => format!("Mã xác nhận gửi đến {contact}: "),
            Language::En => format!("Confirmation code sent to {contact}: "),
        };
        secret::ask(&question).map(Some).map_err(failed(Path::new("/dev/tty")))
    }
}

/// What the certificate will say. `None` of a code that is used up: its receipt is asked for all the same.
fn preview(client: &Client, code: &str) -> Result<Option<Value>, ClientError> {
    match client.post("/api/v1/activations/preview", &json!({ "code": code })) {
        Ok(preview) => Ok(Some(preview)),
        Err(ClientError::Refused(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The same for the same code, however it is typed, and the same request; told by neither alone.
fn receipt_key(code: &str, request: &str) -> Zeroizing<String> {
    let code: Zeroizing<String> = Zeroizing::new(code.chars().filter(|c| c.is_ascii_alphanumeric()).collect());
    let digest = Sha256::new()
        .chain_update("chuky-request-v1\n")
        .chain_update(code.to_uppercase())
        .chain_update("\n")
        .chain_update(request);
    Zeroizing::new(hex::encode(digest.finalize()))
}

fn read(file: &Path) -> Result<String, ClientError> {
    let mut text = String::new();
    let read = File::open(file).and_then(|file| file.take(LONGEST_REQUEST).read_to_string(&mut text));
    read.map_err(failed(file))?;
    Ok(text)
}

/// Appears whole or not at all.
fn write_whole(file: &Path, text: &str) -> Result<(), ClientError> {
    let directory = file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let beside = tempfile::NamedTempFile::new_in(directory).map_err(failed(file))?;
    fs::write(beside.path(), text).map_err(failed(file))?;
    beside.persist(file).map_err(|error| error.error).map_err(failed(file))?;
    Ok(())
}

fn failed(file: &Path) -> impl Fn(io::Error) -> ClientError + use<> {
    let what = file.display().to_string();
    move |source| ClientError::Io { what: what.clone(), source }
}

/// Members of the preview that are shown, with their names.
const SHOWN: [(&str, [&str; 2]); 12] = [
    ("common_name", ["Tên", "Name"]),
    ("personal_number", ["Số định danh", "Personal number"]),
    ("birth_date", ["Ngày sinh", "Birth date"]),
    ("responsible", ["Người chịu trách nhiệm", "Responsible"]),
    ("title", ["Chức vụ", "Title"]),
    ("organization", ["Cơ quan, tổ chức", "Organization"]),
    ("organizational_unit", ["Đơn vị", "Unit"]),
    ("tax_code", ["Mã số thuế", "Tax code"]),
    ("device_serial", ["Số hiệu thiết bị", "Device serial"]),
    ("province", ["Tỉnh, thành phố", "Province"]),
    ("issuer", ["Nơi cấp", "Issuer"]),
    ("valid_days", ["Số ngày hiệu lực", "Days of validity"]),
];
/// Bytes that are read; the service takes fewer.
const LONGEST_REQUEST: u64 = 1 << 20;
