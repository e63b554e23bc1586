//! The whole service while its tokens fail as they are told (`hsm/examples/fault_module`): a storm over issuing, signing, status and
//! timestamps that loses no row, a second token that takes over, and one with other keys that is refused.

use crate::{
    harness::app::{Backend, EXECUTABLE, TestApp},
    issuance::{self, run},
    signing::subscriber::{self, PIN, plain_pdf},
};
use chuky::{
    app::{App, audit_key_file, remembered_head},
    audit::verify::verify,
    clock::Clock,
    config::{Settings, TokenConfig, TokenRole},
    issuance::Authority,
};
use chuky_model::{record::state::CertificateState, request::Hierarchy};
use chuky_pki::ocsp::OcspResponse;
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Arc, LazyLock,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

pub const ROLES: [TokenRole; 3] = [TokenRole::Authority, TokenRole::Status, TokenRole::Subscribers];
const READY: Duration = Duration::from_secs(60);

/// A token behind the fault module, which reads that control file.
pub fn faulty_token(role: TokenRole, control: &Path) -> TokenConfig {
    let module = Path::new(EXECUTABLE).with_file_name("examples").join("libfault_module.so");
    assert!(module.is_file(), "{} is built with the tests", module.display());
    let environment = BTreeMap::from([
        ("CHUKY_FAULT_TARGET".to_owned(), chuky_hsm::find_module(None).unwrap().display().to_string()),
        ("CHUKY_FAULT_CONTROL".to_owned(), control.display().to_string()),
    ]);
    TokenConfig { role, module: Some(module), label: None, serial: None, pin_file: None, environment }
}

/// Puts the fault module in front of every token of the service; its control file lies in the data directory.
fn behind_fault_module(settings: &mut Settings) {
    let control = control(&settings.data_dir);
    settings.hsm.tokens = ROLES.map(|role| faulty_token(role, &control)).to_vec();
}

/// A second token for each role: a copy of the token directory, as vendors clone tokens.
fn with_clones(settings: &mut Settings) {
    behind_fault_module(settings);
    let clone = clone_tokens(&settings.data_dir);
    settings.hsm.tokens.extend(ROLES.map(|role| in_directory(role, &clone)));
}

fn clone_tokens(data: &Path) -> PathBuf {
    let clone = data.join("clone");
    fs::create_dir(&clone).unwrap();
    assert!(Command::new("cp").arg("-a").arg(data.join("tokens")).arg(&clone).status().unwrap().success());
    clone
}

fn in_directory(role: TokenRole, directory: &Path) -> TokenConfig {
    let configuration = directory.join("softhsm2.conf");
    let tokens = directory.join("tokens");
    let text = format!("directories.tokendir = {}\nobjectstore.backend = file\nlog.level = ERROR\n", tokens.display());
    fs::write(&configuration, text).unwrap();
    TokenConfig {
        role,
        module: None,
        label: None,
        serial: None,
        pin_file: None,
        environment: BTreeMap::from([("SOFTHSM2_CONF".to_owned(), configuration.display().to_string())]),
    }
}

fn control(data: &Path) -> PathBuf {
    data.join("fault-control")
}

fn fail(test: &TestApp, lines: &str) {
    static SEED: LazyLock<AtomicU64> = LazyLock::new(|| {
        let told = std::env::var("CHUKY_SOAK_SEED").ok().and_then(|text| text.parse().ok());
        AtomicU64::new(told.unwrap_or(1))
    });
    let (file, seed) = (control(&test.data_dir()), SEED.fetch_add(1, Ordering::Relaxed));
    fs::write(file.with_extension("new"), format!("seed {seed}\n{lines}\n")).unwrap();
    fs::rename(file.with_extension("new"), file).unwrap();
}

const STORM: &str = "C_Sign crash per_mille=20\nC_Sign hang per_mille=4\nC_Sign flip per_mille=60\nC_Sign other per_mille=30\n\
    C_Sign short per_mille=30\nC_Sign delay=100 per_mille=50\nC_Sign rv=CKR_DEVICE_ERROR per_mille=300\n\
    C_SignInit rv=CKR_SESSION_HANDLE_INVALID per_mille=100\nC_WrapKey rv=CKR_DEVICE_MEMORY per_mille=200\n\
    C_UnwrapKey crash per_mille=100\nC_GetTokenInfo vanish per_mille=50";

/// What callers saw, and what they were given.
#[derive(Default)]
struct Seen {
    answered: AtomicUsize,
    refused: AtomicUsize,
    stamped: std::sync::Mutex<Vec<Vec<u8>>>,
}

/// A storm over everything that signs.
struct Storm {
    test: Arc<TestApp>,
    seen: Arc<Seen>,
    over: Arc<AtomicBool>,
    files: tempfile::TempDir,
}

impl Storm {
    /// Two hundred callers of the status and timestamp services, until it is over.
    async fn callers(&self) -> Vec<tokio::task::JoinHandle<()>> {
        let issuer =
            Authority::of(&self.test.app).await.unwrap().issuing(Hierarchy::Citizens).unwrap().certificate.clone();
        let ocsp = fs::read(self.files.path().join("ask")).unwrap();
        let stamp = fs::read(self.files.path().join("stamp")).unwrap();
        let caller = |number: usize| {
            let (test, seen, over) = (Arc::clone(&self.test), Arc::clone(&self.seen), Arc::clone(&self.over));
            let (issuer, ocsp, stamp) = (issuer.clone(), ocsp.clone(), stamp.clone());
            tokio::spawn(async move {
                while !over.load(Ordering::Acquire) {
                    let began = Instant::now();
                    let good = if number.is_multiple_of(4) {
                        let (_, answer) =
                            test.raw("POST", "/tsa", "", "application/timestamp-query", stamp.clone()).await;
                        let granted = answer.len() > 500;
                        if granted {
                            seen.stamped.lock().unwrap().push(answer);
                        }
                        granted
                    } else {
                        let (status, answer) =
                            test.raw("POST", "/ocsp", "", "application/ocsp-request", ocsp.clone()).await;
                        assert_eq!(status, 200);
                        match OcspResponse::parse(&answer) {
                            Ok(read) => {
                                read.verify(&issuer).expect("no wrong signature");
                                true
                            }
                            // RFC 6960 §4.2.1: tryLater.
                            Err(_) => {
                                assert_eq!(answer, [0x30, 3, 0x0A, 1, 3]);
                                false
                            }
                        }
                    };
                    assert!(began.elapsed() < Duration::from_secs(60), "an answer after {:?}", began.elapsed());
                    let counter = if good { &seen.answered } else { &seen.refused };
                    counter.fetch_add(1, Ordering::Relaxed);
                    tokio::time::sleep(Duration::from_millis(400)).await;
                }
            })
        };
        (0..200).map(caller).collect()
    }
}

fn is_passing(status: u16, answer: &Value) -> bool {
    status == 503 || answer["type"] == "urn:chuky:problem:try_again"
}

/// Asks until it is answered well; how often it was refused. Anything but "try again" fails the test.
async fn until_done(good: u16, mut ask: impl AsyncFnMut() -> (u16, Value)) -> (usize, Value) {
    let began = Instant::now();
    for refused in 0.. {
        let (status, answer) = ask().await;
        if status == good {
            return (refused, answer);
        }
        assert!(is_passing(status, &answer), "{status} {answer}");
        assert!(began.elapsed() < READY, "{status} {answer}");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    unreachable!("the loop ends by itself")
}

async fn storms(backend: Backend) {
    let soak = std::env::var("CHUKY_SOAK_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(0);
    let length = Duration::from_secs(if soak > 0 { 10 } else { 3 });
    let (began, soak) = (Instant::now(), Duration::from_secs(soak));
    let test = Arc::new(TestApp::start_with(backend, behind_fault_module).await);
    let citizen = subscriber::citizen(&test).await;
    let mut sum = [0; 2];
    let mut round = 0;
    while round == 0 || began.elapsed() < soak {
        let counts = storm_round(&test, &citizen, length, round).await;
        sum = [sum[0] + counts[0], sum[1] + counts[1]];
        round += 1;
    }
    println!("soak: storms on {backend:?}: {round} of {length:?}, {} calls answered, {} refused", sum[0], sum[1]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn soak_a_storm_over_the_service_loses_no_row_on_sqlite() {
    storms(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn soak_a_storm_over_the_service_loses_no_row_on_postgres() {
    storms(Backend::Postgres).await;
}

/// One storm; how many calls were answered and refused.
async fn storm_round(
    test: &Arc<TestApp>,
    citizen: &subscriber::Subscriber,
    length: Duration,
    round: u32,
) -> [usize; 2] {
    let storm = Storm {
        test: Arc::clone(test),
        seen: Arc::default(),
        over: Arc::default(),
        files: tempfile::tempdir().unwrap(),
    };
    let at = storm.files.path();
    let (_, view) = test.get("/api/v1/credentials", &citizen.token).await;
    let receipt = receipt_of(test, &view, &citizen.token).await;
    issuance::fetch(test, at, "citizens", &receipt).await;
    run(at, "openssl ocsp -issuer issuing.pem -cert subscriber.pem -reqout ask; echo data > data");
    run(at, "openssl ts -query -data data -sha256 -cert -out stamp");
    // What is begun in the storm: requests that are approved already, and a document.
    let mut requests = Vec::new();
    for number in 0..3 {
        let mut request = issuance::citizen();
        request["subscriber"]["personal_number"] = format!("001190{:06}", 500_000 + round * 10 + number).into();
        requests.push(issuance::approved(test, "gianhang", &request).await);
    }
    let document = citizen.upload(test, &plain_pdf()).await;
    let callers = storm.callers().await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    fail(test, STORM);
    let failing = async {
        tokio::time::sleep(length).await;
        fail(test, "");
        Instant::now()
    };
    let redeeming = async {
        let mut serials = Vec::new();
        for (number, (_, code)) in requests.iter().enumerate() {
            let body = issuance::redemption(code, &format!("bao-{round}-{number}"));
            let (_, issued) = until_done(201, async || test.redeem("", &body).await).await;
            serials.push(issued["serial"].as_str().unwrap().to_owned());
        }
        serials
    };
    let signing =
        async { until_done(200, async || citizen.ask(test, &document, PIN, json!({ "level": "T" })).await).await };
    let returning = async {
        let returned = failing.await;
        while test.get("/readyz", "").await.0 != 200 {
            assert!(returned.elapsed() < READY, "not ready: {:?}", test.get("/readyz", "").await);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        println!("ready again after {:?}", returned.elapsed());
        until_quiet(&storm.seen.refused, returned).await;
    };
    let (serials, (tries, signed), ()) = tokio::join!(redeeming, signing, returning);
    storm.over.store(true, Ordering::Release);
    for caller in callers {
        tokio::time::timeout(READY, caller).await.expect("no caller is stuck").unwrap();
    }
    let counted = |count: &AtomicUsize| count.load(Ordering::Relaxed);
    let counts = [counted(&storm.seen.answered), counted(&storm.seen.refused)];
    println!("{} answered, {} refused; signed after {tries} refusals", counts[0], counts[1]);
    assert_eq!(signed["report"]["indication"], "TOTAL_PASSED", "{signed}");
    stamped_well(at, &storm.seen.stamped.lock().unwrap());
    nothing_lost(test, &requests, &serials).await;
    counts
}

/// The citizen's own certificate with what else a receipt holds.
async fn receipt_of(test: &TestApp, credentials: &Value, token: &str) -> Value {
    let serial =
        find(credentials, "serial").or_else(|| find(credentials, "certificate_serial")).expect("a serial number");
    test.get(&format!("/api/v1/certificates/{serial}"), token).await.1
}

fn find(value: &Value, name: &str) -> Option<String> {
    match value {
        Value::Object(map) => match map.get(name).and_then(Value::as_str) {
            Some(text) => Some(text.to_owned()),
            None => map.values().find_map(|value| find(value, name)),
        },
        Value::Array(values) => values.iter().find_map(|value| find(value, name)),
        _ => None,
    }
}

/// OpenSSL judges timestamps from begin, middle and end of the storm.
fn stamped_well(at: &Path, stamped: &[Vec<u8>]) {
    assert!(!stamped.is_empty());
    for answer in stamped.iter().step_by(stamped.len().div_ceil(20)) {
        fs::write(at.join("answer"), answer).unwrap();
        let verified =
            run(at, "openssl ts -verify -queryfile stamp -in answer -CAfile root.pem -untrusted issuing.pem");
        assert!(verified.contains("Verification: OK"), "{verified}");
    }
}

/// Database, audit log and what was handed out agree.
async fn nothing_lost(test: &TestApp, requests: &[(String, String)], serials: &[String]) {
    for ((id, _), serial) in requests.iter().zip(serials) {
        let rows = test.app.store.certificates_of_request(id.parse().unwrap()).await.unwrap();
        let issued: Vec<_> = rows.iter().filter(|row| row.state == CertificateState::Issued).collect();
        assert_eq!(issued.iter().map(|row| row.serial.to_string()).collect::<Vec<_>>(), std::slice::from_ref(serial));
        let certificate = chuky::issuance::status::certificate_of(&test.app, issued[0]).unwrap().unwrap();
        let issuer = Authority::of(&test.app).await.unwrap().issuing(Hierarchy::Citizens).unwrap().certificate.clone();
        certificate.verify_signature(&issuer.public_key().unwrap()).unwrap();
        for row in rows.iter().filter(|row| row.id != issued[0].id) {
            assert_eq!(row.state, CertificateState::Void, "nothing is left half done");
        }
    }
    // Each recorded signature stands in the log, and the log is whole under a head that verifies.
    let count = |sql: &str| test.sql(sql).trim().parse::<usize>().unwrap();
    assert_eq!(
        count("SELECT count(DISTINCT activation_id) FROM signature"),
        count("SELECT count(*) FROM audit_entry WHERE kind = 'signatures.made'"),
    );
    assert_eq!(count("SELECT count(*) FROM credential WHERE state <> 'active'"), 0, "nobody is locked out");
    let key = fs::read(audit_key_file(&test.app.settings)).unwrap();
    let began = Instant::now();
    loop {
        let found = verify(&test.app.store, &key, &remembered_head(&test.app.settings)).await.unwrap();
        assert_eq!(found.faults, Vec::<String>::new());
        if found.waiting == 0 && found.head.as_ref().is_some_and(|head| head.size == found.entries) {
            return;
        }
        assert!(began.elapsed() < READY, "the log does not settle");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// With a second token the first one's end is hardly noticed; `readyz`, `/metrics` and `chuky doctor` say which one serves.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_token_takes_over_and_readyz_says_which_serves() {
    let test = TestApp::with(with_clones).await;
    let states = async || {
        let (status, ready) = test.get("/readyz", "").await;
        let of = |role: &str| {
            let tokens = ready["hsm"][role]["tokens"].as_array().unwrap();
            tokens.iter().map(|token| token["state"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        (status, ["authority", "status", "subscribers"].map(of))
    };
    assert_eq!(states().await, (200, ["serving", "standing_by"].map(str::to_owned).to_vec()).map_roles());
    let citizen = subscriber::citizen(&test).await;
    fail(&test, "* vanish");
    let began = Instant::now();
    while states().await != (200, ["out", "serving"].map(str::to_owned).to_vec()).map_roles() {
        assert!(began.elapsed() < READY, "{:?}", states().await);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let (_, metrics) = test.raw("GET", "/metrics", "", "", vec![]).await;
    let metrics = String::from_utf8(metrics).unwrap();
    assert!(metrics.contains("chuky_hsm_token_usable{token=\"status\",number=\"1\"} 0"), "{metrics}");
    assert!(metrics.contains("chuky_hsm_token_usable{token=\"status\",number=\"2\"} 1"), "{metrics}");
    // Issuing and signing on the second tokens.
    let document = citizen.upload(&test, &plain_pdf()).await;
    let (status, signed) = citizen.ask(&test, &document, PIN, json!({ "level": "LT" })).await;
    assert_eq!((status, signed["report"]["indication"].as_str()), (200, Some("TOTAL_PASSED")), "{signed}");
    issuance::issued(&test, "official").await;
    fail(&test, "");
    let began = Instant::now();
    while states().await != (200, ["serving", "standing_by"].map(str::to_owned).to_vec()).map_roles() {
        assert!(began.elapsed() < READY, "{:?}", states().await);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Waits for a whole second without a refusal.
async fn until_quiet(refused: &AtomicUsize, returned: Instant) {
    let mut before = usize::MAX;
    while before != refused.load(Ordering::Relaxed) {
        assert!(returned.elapsed() < READY, "refused after the return");
        before = refused.load(Ordering::Relaxed);
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

/// The same for each of the three roles.
trait MapRoles {
    fn map_roles(self) -> (u16, [Vec<String>; 3]);
}

impl MapRoles for (u16, Vec<String>) {
    fn map_roles(self) -> (u16, [Vec<String>; 3]) {
        (self.0, [self.1.clone(), self.1.clone(), self.1])
    }
}

/// A new pepper on the first token leaves the second one out of use until it has it too, which the command line brings about.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_token_is_given_the_pepper_from_components() {
    let test = TestApp::sqlite().await;
    let clone = clone_tokens(&test.data_dir());
    let second = in_directory(TokenRole::Subscribers, &clone);
    let role = "[[hsm.tokens]]\nrole = \"subscribers\"\n";
    let environment = format!("environment = {{ SOFTHSM2_CONF = \"{}\" }}\n", second.environment["SOFTHSM2_CONF"]);
    let toml = test.directory.path().join("chuky.toml");
    fs::write(&toml, format!("[hsm]\nrsa_stock = 0\n{role}{role}{environment}")).unwrap();
    let chuky = |arguments: &[&str]| {
        let mut command = Command::new(EXECUTABLE);
        command.args(["--lang", "en", "--config"]).arg(&toml).args(arguments).arg("--data-dir").arg(test.data_dir());
        let output = command.output().unwrap();
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
    };
    let doctor = || chuky(&["doctor"]);
    assert!(doctor().contains("✓ token subscribers 2:"), "{}", doctor());
    let made = chuky(&["pepper", "add", "--split", "2"]);
    let parts: Vec<&str> = made.lines().filter(|line| line.starts_with("chuky-component-")).collect();
    assert_eq!(parts.len(), 2, "{made}");
    let said = doctor();
    assert!(said.contains("✕ token subscribers 2:") && said.contains("it has no chuky-pepper-2"), "{said}");
    let files = ["a", "b"].map(|name| test.directory.path().join(name));
    for (file, part) in files.iter().zip(&parts) {
        fs::write(file, part).unwrap();
    }
    let [a, b] = files.each_ref().map(|file| file.to_str().unwrap());
    let none = chuky(&["pepper", "add", "--token", "3", "--components", a, b]);
    assert!(none.contains("name no token of this number"), "{none}");
    let given = chuky(&["pepper", "add", "--token", "2", "--components", a, b]);
    assert!(given.contains("Pepper 2 is made"), "{given}");
    let said = doctor();
    assert!(said.contains("✓ token subscribers 2:") && said.contains("is standing by"), "{said}");
}

/// A role with a second token of other keys does not start, and says which keys; `chuky doctor` says the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_token_with_other_keys_is_refused_at_the_start() {
    let test = TestApp::sqlite().await;
    // Another service's tokens.
    let apart = tempfile::tempdir().unwrap();
    let other = Settings::load(None, &apart.path().join("var")).unwrap();
    chuky::tokens::prepare(&other, Path::new(EXECUTABLE)).await.unwrap();
    let mut settings = test.app.settings.clone();
    let usual = in_directory(TokenRole::Subscribers, &test.data_dir());
    let mut second = in_directory(TokenRole::Subscribers, &other.data_dir);
    second.pin_file = Some(other.secrets_dir.join("subscribers.user.pin"));
    settings.hsm.tokens = vec![usual, second];
    let refused = App::open(settings, Clock::default(), EXECUTABLE.into()).await;
    let text = refused.err().expect("it is refused").to_string();
    assert!(text.contains("subscribers") && text.contains("chuky-pepper-1"), "{text}");
    let toml = apart.path().join("chuky.toml");
    let file = format!(
        "[[hsm.tokens]]\nrole = \"subscribers\"\n[[hsm.tokens]]\nrole = \"subscribers\"\npin_file = \"{}\"\n\
         environment = {{ SOFTHSM2_CONF = \"{}\" }}\n",
        other.secrets_dir.join("subscribers.user.pin").display(),
        other.data_dir.join("softhsm2.conf").display()
    );
    fs::write(&toml, file).unwrap();
    let doctor = Command::new(EXECUTABLE)
        .args(["--lang", "en", "--config"])
        .arg(&toml)
        .args(["doctor", "--data-dir"])
        .arg(test.data_dir())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&doctor.stdout).into_owned();
    assert!(said.contains("✕ token subscribers 2:") && said.contains("is different"), "{said}");
    assert!(said.contains("✓ token subscribers 1:") && said.contains("is serving"), "{said}");
    assert_eq!(doctor.status.code(), Some(1));
}
