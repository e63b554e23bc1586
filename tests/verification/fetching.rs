//! What others published is fetched only from hosts that the settings name, never from addresses that are not public, and within bounds; and
//! what is fetched counts only by its own signature. A server on this machine plays the authority's.

use crate::harness::app::{EXECUTABLE, TestApp};
use chuky::{
    config::ReadersConfig,
    fetching::{FetchConfig, Fetcher, Lookup, Reach},
    reader::{Evidence, ReaderPool},
    verification,
};
use chuky_model::{
    algorithm::SignatureScheme,
    instant::Instant,
    report::{Check, Indication, Outcome, Report, SubIndication},
};
use chuky_pki::{
    asn1::write,
    certificate::Certificate,
    jose::{Form, JwsAlgorithm, SignerReference, Unsigned},
    ocsp::{AnswerLine, AnswerToMake, CertificateIdentifier, Status},
    oid, payment,
};
use openssl::{
    cms::{CMSOptions, CmsContentInfo},
    ecdsa::EcdsaSig,
    pkey::PKey,
    x509::X509,
};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CrlDistributionPoint, CustomExtension,
    DnType, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, RevocationReason, RevokedCertParams, SerialNumber,
    date_time_ymd,
};
use std::{
    collections::HashMap,
    fs::File,
    io::{Read, Seek, Write},
    net::{IpAddr, SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    time::Duration,
};

const AT: &str = "2026-06-16T00:00:00Z";

/// One party: certificate and key.
struct Party {
    params: CertificateParams,
    key: KeyPair,
    certificate: Certificate,
}

/// Addresses that a certificate names.
struct Named<'n> {
    issuer: &'n str,
    responder: &'n str,
    list: &'n str,
}

fn party(name: &str, is_authority: bool, named: Option<&Named<'_>>, above: Option<&Party>) -> Party {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    (params.not_before, params.not_after) = (date_time_ymd(2026, 1, 1), date_time_ymd(2027, 1, 1));
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    if is_authority {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    }
    if let Some(named) = named {
        params.crl_distribution_points = vec![CrlDistributionPoint { uris: vec![named.list.to_owned()] }];
        let access =
            |method, address: &str| write::sequence(&[write::oid(method), write::element(0x86, address.as_bytes())]);
        let content =
            write::sequence(&[access(&oid::AD_OCSP, named.responder), access(&oid::AD_CA_ISSUERS, named.issuer)]);
        params.custom_extensions = vec![CustomExtension::from_oid_content(&[1, 3, 6, 1, 5, 5, 7, 1, 1], content)];
    }
    let key = KeyPair::generate().unwrap();
    let made = match above {
        None => params.self_signed(&key).unwrap(),
        Some(above) => params.signed_by(&key, &Issuer::from_params(&above.params, &above.key)).unwrap(),
    };
    let certificate = Certificate::from_der(made.der()).unwrap();
    Party { params, key, certificate }
}

impl Party {
    fn list(&self, revoked: Option<&Party>) -> Vec<u8> {
        let revoked = revoked.map(|one| RevokedCertParams {
            serial_number: SerialNumber::from_slice(one.certificate.serial_octets()),
            revocation_time: date_time_ymd(2026, 3, 1),
            reason_code: Some(RevocationReason::KeyCompromise),
            invalidity_date: None,
        });
        let params = CertificateRevocationListParams {
            this_update: date_time_ymd(2026, 6, 15),
            next_update: date_time_ymd(2026, 6, 20),
            crl_number: SerialNumber::from(1_u64),
            issuing_distribution_point: None,
            revoked_certs: revoked.into_iter().collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        params.signed_by(&Issuer::from_params(&self.params, &self.key)).unwrap().der().to_vec()
    }

    /// "Good", about a certificate of this authority.
    fn answer(&self, about: &Party) -> Vec<u8> {
        let identifier_der = CertificateIdentifier::new(&self.certificate, about.certificate.serial_octets()).der;
        let time = |text| Instant::parse_rfc3339(text).unwrap();
        let (this_update, next_update) = (time("2026-06-15T12:00:00Z"), Some(time("2026-06-17T00:00:00Z")));
        let line = AnswerLine { identifier_der, status: Status::Good, this_update, next_update };
        let answer = AnswerToMake::new(&self.certificate, SignatureScheme::EcdsaSha256, this_update, &[line], None);
        let key = PKey::private_key_from_der(&self.key.serialize_der()).unwrap().ec_key().unwrap();
        let signature = EcdsaSig::sign(&answer.to_be_signed().digest(), &key).unwrap();
        answer.assemble(&signature.to_der().unwrap())
    }
}

struct World {
    root: Party,
    issuing: Party,
    signer: Party,
}

impl World {
    fn new() -> Self {
        let of = |issuer, list| Named { issuer, responder: "http://ocsp.example.vn/", list };
        let root = party("TEST root", true, None, None);
        let named = of("http://aia.example.vn/root.crt", "http://crl.example.vn/root.crl");
        let issuing = party("TEST issuing", true, Some(&named), Some(&root));
        let named = of("http://aia.example.vn/issuing.crt", "http://crl.example.vn/issuing.crl");
        let signer = party("Nguyễn Văn An", false, Some(&named), Some(&issuing));
        Self { root, issuing, signer }
    }

    /// Signed, with nothing beside the signature but the signer's own certificate.
    fn document(&self) -> File {
        let certificate = X509::from_der(self.signer.certificate.der()).unwrap();
        let key = PKey::private_key_from_der(&self.signer.key.serialize_der()).unwrap();
        let cms = CmsContentInfo::sign(Some(&certificate), Some(&key), None, Some(b"a letter"), CMSOptions::BINARY);
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&cms.unwrap().to_der().unwrap()).unwrap();
        file.rewind().unwrap();
        file
    }

    /// What the authority publishes, as it should be.
    fn published(&self) -> HashMap<String, Published> {
        let pages = [
            ("/issuing.crt", self.issuing.certificate.der().to_vec()),
            ("/issuing.crl", self.issuing.list(None)),
            ("/root.crl", self.root.list(None)),
        ];
        pages.map(|(path, body)| (path.to_owned(), Published::of(body))).into()
    }

    /// The verdict, and the checks on what was fetched.
    async fn verdict(&self, fetcher: &Fetcher) -> (Report, Vec<Check>) {
        let settings = ReadersConfig { count: 1, documents_per_reader: 100, seconds: 30, memory_mib: 512 };
        let readers = ReaderPool::new(settings, EXECUTABLE.into());
        let mut evidence = Evidence::at(Instant::parse_rfc3339(AT).unwrap());
        evidence.anchors = vec![self.root.certificate.der().to_vec()];
        let files = (&self.document(), None);
        verification::judge_fetching((&readers, fetcher), "letter.p7m", files, &mut evidence).await.unwrap()
    }
}

/// What stands under a path.
#[derive(Clone)]
struct Published {
    head: &'static str,
    body: Vec<u8>,
    /// Never answered.
    is_silent: bool,
}

impl Published {
    fn of(body: Vec<u8>) -> Self {
        Self { head: "200 OK", body, is_silent: false }
    }
}

/// A server that publishes, and remembers what it was asked.
struct Server {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn start(pages: HashMap<String, Published>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let told = Arc::clone(&asked);
        // It ends with the test's process.
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (pages, told) = (pages.clone(), Arc::clone(&told));
                std::thread::spawn(move || serve(stream, &pages, &told));
            }
        });
        Self { address, asked }
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    /// Every name leads to this server.
    fn lookup(&self) -> Lookup {
        let address = self.address;
        Arc::new(move |_, _| Ok(vec![address]))
    }

    fn fetcher(&self, hosts: &[&str]) -> Fetcher {
        Fetcher::with(&config(hosts), self.lookup(), Reach::DangerAnyAddress)
    }
}

fn serve(mut stream: TcpStream, pages: &HashMap<String, Published>, told: &Mutex<Vec<String>>) {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap_or(0) == 1 {
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let mut words = head.split(' ');
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    told.lock().unwrap().push(format!("{method} {path}"));
    let length =
        head.to_lowercase().split("content-length: ").nth(1).and_then(|rest| rest.lines().next()?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    if stream.read_exact(&mut body).is_err() {
        return;
    }
    let nothing = Published { head: "404 Not Found", body: Vec::new(), is_silent: false };
    let page = pages.get(path).cloned().unwrap_or(nothing);
    if page.is_silent {
        std::thread::sleep(Duration::from_secs(120));
        return;
    }
    let answer = format!("HTTP/1.1 {}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", page.head, page.body.len());
    let _ = stream.write_all(answer.as_bytes()).and_then(|()| stream.write_all(&page.body));
}

const HOSTS: [&str; 3] = ["aia.example.vn", "crl.example.vn", "ocsp.example.vn"];

fn config(hosts: &[&str]) -> FetchConfig {
    config_for(hosts, 60)
}

fn config_for(hosts: &[&str], seconds: u64) -> FetchConfig {
    let config = FetchConfig { hosts: hosts.iter().map(|host| (*host).to_owned()).collect(), seconds };
    config.check().unwrap();
    config
}

fn is_open(report: &Report, sub: SubIndication) {
    assert_eq!((report.indication, report.sub_indication), (Indication::Indeterminate, Some(sub)), "{report:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_verdict_lacks_is_fetched_where_the_settings_allow_it() {
    let world = World::new();
    let pages = world.published();
    let list = hex::encode(chuky_pki::crypto::sha256(&pages["/root.crl"].body));
    let server = Server::start(pages);
    // Off by default: nobody is asked, no name is looked up.
    let refuses: Lookup = Arc::new(|host, _| panic!("{host} was looked up"));
    let (report, checks) = world.verdict(&Fetcher::with(&FetchConfig::default(), refuses, Reach::Public)).await;
    is_open(&report, SubIndication::NoCertificateChainFound);
    assert_eq!((checks.len(), server.asked().len()), (0, 0));
    // The issuer first, then the status: the responder knows nothing, so the lists.
    let fetcher = server.fetcher(&HOSTS);
    let (report, checks) = world.verdict(&fetcher).await;
    assert_eq!(report.indication, Indication::TotalPassed, "{report:#?} {checks:#?}");
    let all = ["GET /issuing.crt", "POST /", "GET /issuing.crl", "POST /", "GET /root.crl"];
    let mut asked = server.asked();
    asked.sort_unstable();
    let mut expected = all.to_vec();
    expected.sort_unstable();
    assert_eq!(asked, expected);
    let fetched = checks.iter().filter(|check| check.outcome == Outcome::Passed).count();
    assert!(fetched == 3 && checks.iter().all(|check| check.name == "fetched"), "{checks:#?}");
    assert!(checks.iter().any(|check| check.reason.contains(&list)), "{checks:#?}");
    // The next verdict asks nobody again.
    assert_eq!(world.verdict(&fetcher).await.0.indication, Indication::TotalPassed);
    assert_eq!(server.asked().len(), all.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_responder_is_asked_before_lists_are_fetched() {
    let world = World::new();
    let mut pages = world.published();
    // It answers about the signer only; about the issuing authority its answer is of no use, and the list is fetched.
    pages.insert("/".to_owned(), Published::of(world.issuing.answer(&world.signer)));
    let server = Server::start(pages);
    let (report, checks) = world.verdict(&server.fetcher(&HOSTS)).await;
    assert_eq!(report.indication, Indication::TotalPassed, "{report:#?} {checks:#?}");
    assert!(!server.asked().contains(&"GET /issuing.crl".to_owned()), "{:?}", server.asked());
    assert!(
        report.signatures[0]
            .checks
            .iter()
            .any(|check| check.name == "revocation" && check.reason.contains("2026-06-15T12:00:00Z"))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_behind_the_firewall_is_ever_connected_to() {
    let world = World::new();
    let server = Server::start(world.published());
    let port = server.address.port();
    let own: IpAddr = "127.0.0.1".parse().unwrap();
    for addresses in [
        vec!["127.0.0.1"],
        vec!["::ffff:127.0.0.1"],
        vec!["::1"],
        vec!["10.0.0.1"],
        vec!["169.254.169.254"],
        vec!["fe80::1"],
        vec!["fd00::1"],
        // A public address beside it changes nothing.
        vec!["8.8.8.8", "127.0.0.1"],
        vec!["2002:7f00:1::", "8.8.8.8"],
    ] {
        let found: Vec<SocketAddr> =
            addresses.iter().map(|text| SocketAddr::new(text.parse().unwrap(), port)).collect();
        let lookup: Lookup = Arc::new(move |_, _| Ok(found.clone()));
        let (report, checks) = world.verdict(&Fetcher::with(&config(&HOSTS), lookup, Reach::Public)).await;
        is_open(&report, SubIndication::NoCertificateChainFound);
        assert!(
            checks.iter().all(|check| check.reason.contains("may not be connected to")) && !checks.is_empty(),
            "{checks:#?}"
        );
    }
    assert_eq!(server.asked(), Vec::<String>::new());
    // The same server is there all right.
    assert!(TcpStream::connect(SocketAddr::new(own, port)).is_ok());
    // Hosts that nobody named are not even looked up.
    let refuses: Lookup = Arc::new(|host, _| panic!("{host} was looked up"));
    let fetcher = Fetcher::with(&config(&["other.example.vn", "example.vn"]), refuses, Reach::DangerAnyAddress);
    let (report, checks) = world.verdict(&fetcher).await;
    is_open(&report, SubIndication::NoCertificateChainFound);
    assert!(checks[0].outcome == Outcome::NotDone && checks[0].reason.contains("not among those"), "{checks:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redirects_floods_silence_and_rubbish_leave_the_verdict_open() {
    let world = World::new();
    let long = vec![0x30; (8 << 20) + 1];
    let cases: [(&str, Published, &str); 5] = [
        (
            "redirect",
            Published { head: "302 Found\r\nLocation: http://crl.example.vn/issuing.crt", ..Published::of(vec![]) },
            "302",
        ),
        ("error page", Published { head: "500 Internal Server Error", ..Published::of(b"<html>".to_vec()) }, "500"),
        ("flood", Published::of(long), ""),
        ("silence", Published { is_silent: true, ..Published::of(vec![]) }, ""),
        ("rubbish", Published::of(b"-----BEGIN CERTIFICATE-----\nAAAA".to_vec()), ""),
    ];
    for (what, page, said) in cases {
        let mut pages = world.published();
        pages.insert("/issuing.crt".to_owned(), page);
        let server = Server::start(pages);
        let begun = std::time::Instant::now();
        // Silence ends with the time that all fetching may take; nothing else needs it.
        let seconds = if what == "silence" { 2 } else { 60 };
        let fetcher = Fetcher::with(&config_for(&HOSTS, seconds), server.lookup(), Reach::DangerAnyAddress);
        let (report, checks) = world.verdict(&fetcher).await;
        is_open(&report, SubIndication::NoCertificateChainFound);
        assert!(begun.elapsed() < Duration::from_secs(60), "{what}: {:?}", begun.elapsed());
        assert_eq!(server.asked(), ["GET /issuing.crt"], "{what}");
        assert!(checks.len() == 1 && checks[0].reason.contains(said), "{what}: {checks:#?}");
        assert_eq!(checks[0].outcome == Outcome::Passed, what == "rubbish", "{what}: {checks:#?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_fetched_counts_by_its_own_signature_alone() {
    let world = World::new();
    let stranger = World::new();
    // Names are the same, keys are not.
    for (path, body, sub) in [
        ("/issuing.crt", stranger.issuing.certificate.der().to_vec(), SubIndication::CertificateChainGeneralFailure),
        ("/issuing.crl", stranger.issuing.list(None), SubIndication::TryLater),
        ("/issuing.crl", world.root.list(None), SubIndication::TryLater),
        ("/issuing.crl", world.issuing.list(Some(&world.signer)), SubIndication::RevokedNoPoe),
        ("/root.crl", world.root.list(Some(&world.issuing)), SubIndication::RevokedCaNoPoe),
    ] {
        let mut pages = world.published();
        pages.insert(path.to_owned(), Published::of(body));
        let (report, _) = world.verdict(&Server::start(pages).fetcher(&HOSTS)).await;
        is_open(&report, sub);
    }
    // A stranger's "good" does not outweigh the list.
    let mut pages = world.published();
    pages.insert("/".to_owned(), Published::of(stranger.issuing.answer(&stranger.signer)));
    pages.insert("/issuing.crl".to_owned(), Published::of(world.issuing.list(Some(&world.signer))));
    let (report, _) = world.verdict(&Server::start(pages).fetcher(&HOSTS)).await;
    is_open(&report, SubIndication::RevokedNoPoe);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_service_fetches_nothing_unless_hosts_are_named() {
    let test = TestApp::sqlite().await;
    assert!(!test.app.fetcher.is_on());
    let named = TestApp::with(|settings| settings.verification.fetch.hosts = vec!["crl.example.vn".to_owned()]).await;
    assert!(named.app.fetcher.is_on());
}

/// A payment under a root that was recorded for payments, with nothing beside the certificates.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_payment_lacks_is_fetched_likewise() {
    let world = World::new();
    let at = Instant::parse_rfc3339(AT).unwrap();
    let order = serde_json::json!({
        "id": "1", "payer": format!("sha256:{}", hex::encode(world.signer.certificate.fingerprint())), "payee": "MST:0100000001",
        "amount": 5, "currency": "VND", "created": AT, "expires": at.plus_seconds(600).rfc3339()
    });
    let chain = [&world.signer, &world.issuing].map(|one| one.certificate.der().to_vec()).to_vec();
    let payload = order.to_string().into_bytes();
    let unsigned = Unsigned::prepare(JwsAlgorithm::Es256, None, &SignerReference::Chain(chain), &payload).unwrap();
    let key = PKey::private_key_from_der(&world.signer.key.serialize_der()).unwrap();
    let mut signing = openssl::sign::Signer::new(openssl::hash::MessageDigest::sha256(), &key).unwrap();
    let value = signing.sign_oneshot_to_vec(&unsigned.signing_input().concat()).unwrap();
    let message = unsigned.assemble(&value, Form::Compact).unwrap();
    let trust = payment::Trust { anchors: vec![world.root.certificate.clone()], intermediates: Vec::new() };
    let verifier = payment::Verifier::new(trust, payment::OrderPolicy::default());
    let status = async |server: &Server, hosts: &[&str]| {
        let mut examined = verifier.examine(&verifier.read(message.as_bytes(), at), None, at);
        chuky::transactions::foreign_status(&server.fetcher(hosts), &mut examined).await
    };
    let server = Server::start(world.published());
    assert!(matches!(status(&server, &[]).await, payment::Status::Unknown(_)));
    assert!(matches!(status(&server, &HOSTS[..1]).await, payment::Status::Unknown(_)));
    assert_eq!(server.asked(), Vec::<String>::new(), "nobody was asked who is not named");
    assert_eq!(status(&server, &HOSTS).await, payment::Status::Good);
    let mut pages = world.published();
    pages.insert("/issuing.crl".to_owned(), Published::of(world.issuing.list(Some(&world.signer))));
    let revoked = status(&Server::start(pages), &HOSTS).await;
    assert!(matches!(revoked, payment::Status::Revoked { .. }), "{revoked:?}");
}
