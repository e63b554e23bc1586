//! A SoftHSM token of this run's own, and raw PKCS#11 signing in processes of their own as the limit of what it can do.

use crate::fixtures::target;
use crate::harness::{Cost, Side, own_cpu};
use chuky_hsm::provision::{self, Plan, Secrets};
use chuky_hsm::{Pin, PinSource, Settings, TokenKind, find_module};
use chuky_model::algorithm::KeyAlgorithm;
use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::mechanism::Mechanism;
use cryptoki::object::{Attribute, AttributeType, ObjectHandle};
use cryptoki::session::{Session, UserType};
use cryptoki::types::AuthPin;
use openssl::bn::BigNum;
use openssl::ec::{EcGroup, EcKey, EcPoint};
use openssl::ecdsa::EcdsaSig;
use openssl::nid::Nid;
use openssl::pkey::Public;
use openssl::rsa::{Padding, Rsa};
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Instant;

/// The environment variable that tells SoftHSM where its tokens are.
pub const CONFIGURATION: &str = "SOFTHSM2_CONF";
/// Runs this program as a raw signer: `--raw-signer MODULE LABEL ALGORITHM verified|alone`, the PIN in [`PIN`].
pub const RAW_SIGNER: &str = "--raw-signer";
/// Runs this program to put a key on the token: `--make-object MODULE LABEL KEY`.
pub const MAKE_OBJECT: &str = "--make-object";
/// Runs this program as the service's HSM worker.
pub const HSM_WORKER: &str = "--hsm-worker";
/// Holds the PIN of the run's token for its children. The token is thrown away after the run.
pub const PIN: &str = "CHUKY_BENCH_PIN";

/// Where the run's token lies.
pub fn configuration() -> PathBuf {
    target().join("bench-token/softhsm2.conf")
}

/// Makes an empty token directory.
pub fn clear() -> Result<(), String> {
    let path = configuration();
    let folder = path.parent().ok_or("no folder")?;
    if folder.exists() {
        std::fs::remove_dir_all(folder).map_err(|error| error.to_string())?;
    }
    std::fs::create_dir_all(folder.join("tokens")).map_err(|error| error.to_string())?;
    let text = format!(
        "directories.tokendir = {}\nobjectstore.backend = file\nlog.level = ERROR\n",
        folder.join("tokens").display()
    );
    std::fs::write(path, text).map_err(|error| error.to_string())
}

/// A prepared token of this run.
pub struct Token {
    pub module: PathBuf,
    pub label: &'static str,
    pub user_pin: Pin,
    kind: TokenKind,
}

impl Token {
    /// Initialises it and makes what its kind needs.
    pub fn prepare(label: &'static str, kind: TokenKind) -> Result<Self, String> {
        let module = find_module(None).map_err(|error| error.to_string())?;
        let (so_pin, user_pin) = (Pin::random(), Pin::random());
        let plan = Plan {
            module: &module,
            token_label: label,
            serial: None,
            kind,
            so_pin: &so_pin,
            user_pin: &user_pin,
            initialise: true,
        };
        provision::prepare(&plan, &Secrets::random()).map_err(|error| error.to_string())?;
        Ok(Self { module, label, user_pin, kind })
    }

    /// Settings of the service's own path to this token: two workers, as usual.
    pub fn settings(&self) -> Result<Settings, String> {
        let pin = PinSource::Value(self.user_pin.clone());
        let mut settings = Settings::new(self.module.clone(), self.label, self.kind, pin);
        settings.stock.clear();
        settings.environment = vec![(CONFIGURATION.to_owned(), configuration().display().to_string())];
        settings.executable = Some(std::env::current_exe().map_err(|error| error.to_string())?);
        settings.worker_arguments = vec![HSM_WORKER.to_owned()];
        Ok(settings)
    }

    /// Puts a P-256 key of this label on the token as an object, which is what the peer can use.
    pub fn make_object(&self, label: &str) -> Result<(), String> {
        let program = std::env::current_exe().map_err(|error| error.to_string())?;
        let status = Command::new(program)
            .arg(MAKE_OBJECT)
            .arg(&self.module)
            .args([self.label, label])
            .env(PIN, self.user_pin.expose())
            .status()
            .map_err(|error| error.to_string())?;
        if status.success() { Ok(()) } else { Err(format!("{MAKE_OBJECT}: {status}")) }
    }

    /// Raw signing, each followed by one verification, in as many processes.
    pub fn raw_verified(&self, algorithm: KeyAlgorithm, processes: usize) -> Result<Box<dyn Side>, String> {
        let signers = (0..processes).map(|_| RawSigner::start(self, algorithm, true)).collect::<Result<Vec<_>, _>>()?;
        Ok(Box::new(Raw { name: format!("C_Sign + verify x{processes}"), signers }))
    }

    /// Raw signing alone, in one process.
    pub fn raw(&self, algorithm: KeyAlgorithm) -> Result<Box<dyn Side>, String> {
        Ok(Box::new(Raw { name: "C_Sign".to_owned(), signers: vec![RawSigner::start(self, algorithm, false)?] }))
    }
}

struct RawSigner {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl RawSigner {
    fn start(token: &Token, algorithm: KeyAlgorithm, verified: bool) -> Result<Self, String> {
        let program = std::env::current_exe().map_err(|error| error.to_string())?;
        let mut child = Command::new(program)
            .arg(RAW_SIGNER)
            .arg(&token.module)
            .args([token.label, &format!("{algorithm:?}"), if verified { "verified" } else { "alone" }])
            .env(PIN, token.user_pin.expose())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| error.to_string())?;
        let input = child.stdin.take().ok_or("no input")?;
        let output = BufReader::new(child.stdout.take().ok_or("no output")?);
        let mut signer = Self { child, input, output };
        if signer.answer()? != "ready" {
            return Err("the raw signer did not start".to_owned());
        }
        Ok(signer)
    }

    fn answer(&mut self) -> Result<String, String> {
        let mut line = String::new();
        self.output.read_line(&mut line).map_err(|error| error.to_string())?;
        Ok(line.trim().to_owned())
    }
}

impl Drop for RawSigner {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing left to end.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

struct Raw {
    name: String,
    signers: Vec<RawSigner>,
}

impl Side for Raw {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn run(&mut self, count: u32) -> Result<Cost, String> {
        let began = Instant::now();
        let processes = u32::try_from(self.signers.len()).unwrap_or(1);
        for signer in &mut self.signers {
            writeln!(signer.input, "{}", count.div_ceil(processes)).map_err(|error| error.to_string())?;
        }
        let mut cpu = 0.0;
        for signer in &mut self.signers {
            cpu += signer.answer()?.parse::<f64>().map_err(|error| format!("raw signer: {error}"))?;
        }
        Ok(Cost { cpu, wall: began.elapsed().as_secs_f64() })
    }
}

enum Verifier {
    Ec(EcKey<Public>),
    Rsa(Rsa<Public>),
}

/// The raw signer's own process: a session key, and for each line `COUNT` so many signatures, each verified.
pub fn run_raw_signer(arguments: &[String]) -> Result<(), String> {
    let [module, label, algorithm, verified] = arguments else {
        return Err("MODULE LABEL ALGORITHM verified|alone".to_owned());
    };
    let verified = verified == "verified";
    let signer = SessionKey::open(module, label, algorithm).map_err(|error| error.to_string())?;
    println!("ready");
    for line in std::io::stdin().lines() {
        let count: u32 =
            line.map_err(|error| error.to_string())?.trim().parse().map_err(|error| format!("count: {error}"))?;
        let before = own_cpu();
        for number in 0..count {
            let mut digest = [0x5a; 32];
            digest[..4].copy_from_slice(&number.to_be_bytes());
            signer.sign(&digest, verified)?;
        }
        println!("{}", own_cpu() - before);
    }
    Ok(())
}

struct SessionKey {
    session: Session,
    private: ObjectHandle,
    verifier: Verifier,
    _module: Pkcs11,
}

impl SessionKey {
    fn open(module: &str, label: &str, algorithm: &str) -> Result<Self, Box<dyn std::error::Error>> {
        let (module, session) = open_session(module, label)?;
        let (private, verifier) = match algorithm {
            "P256" => ec_key(&session, None)?,
            "Rsa2048" => rsa_key(&session, 2048)?,
            "Rsa3072" => rsa_key(&session, 3072)?,
            other => return Err(format!("unknown algorithm {other}").into()),
        };
        Ok(Self { session, private, verifier, _module: module })
    }

    fn sign(&self, digest: &[u8; 32], verified: bool) -> Result<(), String> {
        let (mechanism, input) = match &self.verifier {
            Verifier::Ec(_) => (Mechanism::Ecdsa, digest.to_vec()),
            Verifier::Rsa(_) => (Mechanism::RsaPkcs, [&SHA256_PREFIX[..], digest].concat()),
        };
        let raw = self.session.sign(&mechanism, self.private, &input).map_err(|error| error.to_string())?;
        if !verified {
            return Ok(());
        }
        let valid = match &self.verifier {
            Verifier::Ec(key) => {
                let (r, s) = raw.split_at(raw.len() / 2);
                BigNum::from_slice(r)
                    .and_then(|r| EcdsaSig::from_private_components(r, BigNum::from_slice(s)?))
                    .and_then(|signature| signature.verify(digest, key))
            }
            Verifier::Rsa(key) => {
                let mut recovered = vec![0; raw.len()];
                key.public_decrypt(&raw, &mut recovered, Padding::PKCS1).map(|length| recovered[..length] == input)
            }
        };
        if valid.map_err(|error| error.to_string())? {
            Ok(())
        } else {
            Err("a raw signature does not verify".to_owned())
        }
    }
}

fn open_session(module: &str, label: &str) -> Result<(Pkcs11, Session), Box<dyn std::error::Error>> {
    let pin = std::env::var(PIN)?;
    let module = Pkcs11::new(module)?;
    module.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK))?;
    let slot = module
        .get_slots_with_token()?
        .into_iter()
        .find(|slot| module.get_token_info(*slot).is_ok_and(|info| info.label() == label))
        .ok_or("no such token")?;
    let session = module.open_rw_session(slot)?;
    session.login(UserType::User, Some(&AuthPin::new(pin.into_boxed_str())))?;
    Ok((module, session))
}

/// Makes a P-256 key as an object of the token: `MODULE LABEL KEY`.
pub fn run_make_object(arguments: &[String]) -> Result<(), String> {
    let [module, label, key] = arguments else { return Err("MODULE LABEL KEY".to_owned()) };
    let (_module, session) = open_session(module, label).map_err(|error| error.to_string())?;
    ec_key(&session, Some(key)).map(drop).map_err(|error| error.to_string())
}

/// DigestInfo of SHA-256 up to the digest, RFC 8017 §9.2 note 1.
const SHA256_PREFIX: [u8; 19] =
    [0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20];

type Made = Result<(ObjectHandle, Verifier), Box<dyn std::error::Error>>;

/// A P-256 key: of the session, or of the token under a label.
fn ec_key(session: &Session, label: Option<&str>) -> Made {
    // OBJECT IDENTIFIER 1.2.840.10045.3.1.7, P-256.
    let parameters = vec![0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
    let kept = Attribute::Token(label.is_some());
    let label = Attribute::Label(label.unwrap_or_default().as_bytes().to_vec());
    let public = [kept.clone(), label.clone(), Attribute::Verify(true), Attribute::EcParams(parameters)];
    let private = [kept, label, Attribute::Private(true), Attribute::Sensitive(true), Attribute::Sign(true)];
    let (public, private) = session.generate_key_pair(&Mechanism::EccKeyPairGen, &public, &private)?;
    let Some(Attribute::EcPoint(point)) = session.get_attributes(public, &[AttributeType::EcPoint])?.pop() else {
        return Err("no point".into());
    };
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?;
    let mut context = openssl::bn::BigNumContext::new()?;
    // The value is an OCTET STRING around the uncompressed point.
    let point = EcPoint::from_bytes(&group, point.get(2..).ok_or("short point")?, &mut context)?;
    Ok((private, Verifier::Ec(EcKey::from_public_key(&group, &point)?)))
}

fn rsa_key(session: &Session, bits: u64) -> Made {
    let public = [
        Attribute::Token(false),
        Attribute::Verify(true),
        Attribute::ModulusBits(bits.into()),
        Attribute::PublicExponent(vec![1, 0, 1]),
    ];
    let private =
        [Attribute::Token(false), Attribute::Private(true), Attribute::Sensitive(true), Attribute::Sign(true)];
    let (public, private) = session.generate_key_pair(&Mechanism::RsaPkcsKeyPairGen, &public, &private)?;
    let values = session.get_attributes(public, &[AttributeType::Modulus, AttributeType::PublicExponent])?;
    let number = |attribute: &Attribute| match attribute {
        Attribute::Modulus(value) | Attribute::PublicExponent(value) => BigNum::from_slice(value),
        _ => BigNum::new(),
    };
    let [modulus, exponent] = values.as_slice() else { return Err("no modulus".into()) };
    Ok((private, Verifier::Rsa(Rsa::from_public_components(number(modulus)?, number(exponent)?)?)))
}
