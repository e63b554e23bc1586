//! The checker of the kill loop: reads the database through its own command line, lists and OCSP through OpenSSL, the audit log by
//! `chuky audit verify` and by SQL, and holds them against each other and against what the clients were told.

use super::clients::Note;
use crate::{
    harness::app::{EXECUTABLE, TestApp},
    issuance::run,
};
use openssl::{
    hash::MessageDigest,
    pkey::{PKey, Public},
    sha::sha256,
    x509::{ReasonCode, X509, X509Crl},
};
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fs,
    net::SocketAddr,
    path::Path,
    process::Command,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

/// A list as somebody fetched it during the run.
pub struct List {
    number: u128,
    this_update: i64,
    digest: [u8; 32],
}

/// What there was to check; printed.
#[derive(Debug)]
#[allow(dead_code)] // most are there to be printed
pub struct Counts {
    pub issued: usize,
    pub revoked: usize,
    pub suspended: usize,
    /// Given up before anything was signed.
    pub void: usize,
    /// Perhaps signed, handed out never, revoked.
    pub void_revoked: usize,
    /// Issued to clients who never got the receipt.
    pub receipts_lost: usize,
    /// Changes whose answer never came.
    pub changes_unanswered: usize,
    pub lists_seen: usize,
    pub audit_entries: usize,
}

/// A row of `certificate`.
struct Row {
    state: String,
    revoked: bool,
    reason: Option<i64>,
    fingerprint: String,
    spki_hash: String,
    request: String,
    /// As the audit log writes it.
    subject: String,
}

/// Fetches the list of citizens' certificates again and again.
pub fn watch_lists(address: SocketAddr, stop: &AtomicBool) -> Vec<List> {
    let directory = tempfile::tempdir().unwrap();
    let mut lists = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        thread::sleep(Duration::from_millis(500));
        let Ok(mut answer) = ureq::get(format!("http://{address}/crl/{ISSUER}.crl")).call() else { continue };
        let Ok(der) = answer.body_mut().with_config().limit(64 << 20).read_to_vec() else { continue };
        lists.push(read_list(directory.path(), &der));
    }
    lists
}

fn read_list(at: &Path, der: &[u8]) -> List {
    fs::write(at.join("list.der"), der).unwrap();
    let text = run(at, "openssl crl -inform DER -in list.der -noout -crlnumber -lastupdate -dateopt iso_8601");
    let value = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_else(|| panic!("{text}"));
        line.trim_start_matches("0x").to_owned()
    };
    let at = value("lastUpdate=").replace(' ', "T");
    let this_update = chuky_model::instant::Instant::parse_rfc3339(&at).unwrap_or_else(|| panic!("{text}")).0;
    List { number: u128::from_str_radix(&value("crlNumber="), 16).unwrap(), this_update, digest: sha256(der) }
}

/// Holds everything against everything.
pub async fn check(test: &TestApp, notes: &[Note], lists: &[List]) -> Counts {
    lists_only_grow(lists);
    let rows = rows(test);
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let issuing = authority(test, at).await;
    nothing_half_done(test);
    let audit_entries = audit_log(test, &rows);
    told_by_list(test, &rows, &issuing).await;
    told_by_ocsp(test, at, &rows);
    let (receipts_lost, changes_unanswered) = told_to_clients(notes, &rows, &issuing);
    let count = |state: &str| rows.values().filter(|row| row.state == state).count();
    let void_revoked = rows.values().filter(|row| row.state == "void" && row.revoked).count();
    Counts {
        issued: count("issued") + count("revoked") + count("suspended"),
        revoked: count("revoked"),
        suspended: count("suspended"),
        void: count("void") - void_revoked,
        void_revoked,
        receipts_lost,
        changes_unanswered,
        lists_seen: lists.len(),
        audit_entries,
    }
}

/// RFC 5280 §5.2.3: numbers only grow, and a number names one list; so does `thisUpdate`.
fn lists_only_grow(lists: &[List]) {
    for pair in lists.windows(2) {
        let (before, after) = (&pair[0], &pair[1]);
        if before.number == after.number {
            assert_eq!(before.digest, after.digest, "list {} twice, and not the same", before.number);
        } else {
            let grown = before.number < after.number && before.this_update <= after.this_update;
            assert!(grown, "list {} of {} came after {}", after.number, after.this_update, before.number);
        }
    }
}

/// A column of octets or of an identifier as lower-case hexadecimal.
fn hex(test: &TestApp, column: &str, is_id: bool) -> String {
    match (test.app.settings.database_url.starts_with("sqlite"), is_id) {
        (true, _) => format!("lower(hex({column}))"),
        (false, true) => format!("replace(CAST({column} AS TEXT), '-', '')"),
        (false, false) => format!("encode({column}, 'hex')"),
    }
}

/// Rows by serial number; the same serial twice fails.
fn rows(test: &TestApp) -> HashMap<String, Row> {
    let columns = [
        hex(test, "serial", false),
        "state".to_owned(),
        "coalesce(revoked_at, 0)".to_owned(),
        "coalesce(revocation_reason, -1)".to_owned(),
        format!("coalesce({}, '')", hex(test, "fingerprint", false)),
        format!("coalesce({}, '')", hex(test, "spki_hash", false)),
        hex(test, "request_id", true),
        hex(test, "id", true),
    ];
    let mut rows = HashMap::new();
    for line in test.sql(&format!("SELECT {} FROM certificate", columns.join(", "))).lines() {
        let fields: Vec<&str> = line.split('|').collect();
        let [serial, state, revoked_at, reason, fingerprint, spki_hash, request, id] = fields[..] else {
            panic!("{line}")
        };
        let row = Row {
            state: state.to_owned(),
            revoked: revoked_at != "0",
            reason: reason.parse().ok().filter(|reason| *reason >= 0),
            fingerprint: fingerprint.to_owned(),
            spki_hash: spki_hash.to_owned(),
            request: request.to_owned(),
            subject: id.to_owned(),
        };
        assert!(rows.insert(plain(serial), row).is_none(), "serial {serial} twice");
    }
    rows
}

/// A serial number in hexadecimal without leading zeros.
fn plain(serial: &str) -> String {
    serial.trim_start_matches('0').to_lowercase()
}

async fn authority(test: &TestApp, at: &Path) -> PKey<Public> {
    for name in ["citizens-root", ISSUER] {
        let (_, der) = test.raw("GET", &format!("/ca/{name}.cer"), "", "", vec![]).await;
        fs::write(at.join(format!("{name}.pem")), X509::from_der(&der).unwrap().to_pem().unwrap()).unwrap();
    }
    X509::from_pem(&fs::read(at.join(format!("{ISSUER}.pem"))).unwrap()).unwrap().public_key().unwrap()
}

fn nothing_half_done(test: &TestApp) {
    for question in [
        "SELECT count(*) FROM certificate WHERE state IN ('intended', 'signing')",
        "SELECT count(*) FROM registration_request WHERE state = 'issuing'",
        "SELECT count(*) FROM certificate WHERE (state IN ('issued', 'suspended', 'revoked')) <> (fingerprint IS NOT NULL)",
        "SELECT count(*) FROM credential c LEFT JOIN certificate x ON x.id = c.certificate_id \
         WHERE x.id IS NULL OR x.state NOT IN ('issued', 'suspended', 'revoked')",
        "SELECT count(*) FROM registration_request r LEFT JOIN certificate x ON x.id = r.certificate_id \
         WHERE (r.state = 'issued') <> (x.id IS NOT NULL AND x.request_id = r.id AND x.fingerprint IS NOT NULL)",
        "SELECT count(*) FROM (SELECT request_id FROM certificate WHERE fingerprint IS NOT NULL \
         GROUP BY request_id HAVING count(*) > 1) AS doubled",
        "SELECT count(*) FROM certificate x JOIN registration_request r ON r.id = x.request_id \
         WHERE x.fingerprint IS NOT NULL AND (r.certificate_id IS NULL OR r.certificate_id <> x.id)",
    ] {
        assert_eq!(test.sql(question).trim(), "0", "{question}");
    }
}

/// The log verifies, and tells of each row exactly what happened to it. How many entries it has.
fn audit_log(test: &TestApp, rows: &HashMap<String, Row>) -> usize {
    let verified = Command::new(EXECUTABLE)
        .args(["--lang", "en", "audit", "verify", "--data-dir"])
        .arg(test.data_dir())
        .env("CHUKY__DATABASE__URL", &test.app.settings.database_url)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&verified.stdout).into_owned();
    assert!(verified.status.success(), "{text}");
    let content = match test.app.settings.database_url.starts_with("sqlite") {
        true => "CAST(content AS TEXT)",
        false => "convert_from(content, 'UTF8')",
    };
    let question = format!("SELECT kind, subject, {content} FROM audit_entry WHERE kind LIKE 'certificate.%'");
    let mut told: HashMap<String, BTreeMap<String, usize>> = HashMap::new();
    let mut digests = HashMap::new();
    let mut intended = HashSet::new();
    for line in test.sql(&question).lines() {
        let fields: Vec<&str> = line.splitn(3, '|').collect();
        let id = fields[1].trim_start_matches("certificate:").replace('-', "");
        let content: serde_json::Value = serde_json::from_str(fields[2]).unwrap_or_default();
        match fields[0] {
            "certificate.intended" => {
                let serial = plain(content["serial"].as_str().unwrap());
                assert_eq!(rows.get(&serial).map(|row| &row.subject), Some(&id), "{serial}");
                assert!(intended.insert(serial.clone()), "{serial} was intended twice");
            }
            "certificate.issued" => drop(digests.insert(id.clone(), content["sha256"].as_str().unwrap().to_owned())),
            _ => {}
        }
        *told.entry(id).or_default().entry(fields[0].to_owned()).or_default() += 1;
    }
    assert_eq!(intended.len(), rows.len());
    for (serial, row) in rows {
        let count = |kind: &str| told[&row.subject].get(&format!("certificate.{kind}")).copied().unwrap_or_default();
        let (issued, void) = (usize::from(row.state != "void"), usize::from(row.state == "void"));
        assert_eq!((count("issued"), count("voided")), (issued, void), "{serial}");
        assert_eq!(count("revoked"), usize::from(row.state == "revoked"), "{serial}");
        // What may have been signed was either issued or is revoked.
        assert_eq!(count("signing"), usize::from(row.state != "void" || row.revoked), "{serial}");
        let held = count("suspended") - count("resumed");
        assert!(held <= 1 && (row.state != "suspended" || held == 1), "{serial}");
        assert!(row.state == "void" || digests[&row.subject] == row.fingerprint, "{serial}");
    }
    test.sql("SELECT count(*) FROM audit_entry").trim().parse().unwrap()
}

/// The list names exactly what the database says is revoked, suspended, or void though perhaps signed.
async fn told_by_list(test: &TestApp, rows: &HashMap<String, Row>, issuing: &PKey<Public>) {
    let (status, der) = test.raw("GET", &format!("/crl/{ISSUER}.crl"), "", "", vec![]).await;
    assert_eq!(status, 200);
    let list = X509Crl::from_der(&der).unwrap();
    assert!(list.verify(issuing).unwrap());
    let mut named = HashMap::new();
    for entry in list.get_revoked().into_iter().flatten() {
        let serial = plain(&entry.serial_number().to_bn().unwrap().to_hex_str().unwrap());
        let reason = entry.extension::<ReasonCode>().unwrap().map_or(0, |(_, reason)| reason.get_i64().unwrap());
        assert!(named.insert(serial, reason).is_none(), "an entry twice");
    }
    for (serial, row) in rows {
        let expected = row.revoked.then(|| row.reason.unwrap_or_default());
        assert_eq!(named.remove(serial), expected, "{serial}, {} in the database", row.state);
    }
    assert!(named.is_empty(), "the list names what the database does not know: {named:?}");
}

fn told_by_ocsp(test: &TestApp, at: &Path, rows: &HashMap<String, Row>) {
    let serials: Vec<&String> = rows.keys().collect();
    for some in serials.chunks(SERIALS_A_REQUEST) {
        let asked: Vec<String> = some.iter().map(|serial| format!("-serial 0x{serial}")).collect();
        let line = format!(
            "openssl ocsp -issuer {ISSUER}.pem -CAfile citizens-root.pem -verify_other {ISSUER}.pem -no_nonce -validity_period 3600 \
             -url {}/ocsp {}",
            test.url,
            asked.join(" ")
        );
        let text = run(at, &line);
        assert!(text.contains("Response verify OK"), "{text}");
        for serial in some {
            let row = &rows[*serial];
            let begin = text.find(&format!("0x{serial}: ")).unwrap_or_else(|| panic!("{serial} in {text}"));
            let mut lines = text[begin..].lines();
            let word = lines.next().unwrap().rsplit(' ').next().unwrap();
            let expected = match row.state.as_str() {
                "issued" => "good",
                "void" if !row.revoked => "unknown",
                _ => "revoked",
            };
            assert_eq!(word, expected, "{serial}, {} in the database: {text}", row.state);
            let own: Vec<&str> = lines.take_while(|line| line.starts_with('\t')).collect();
            let reason = own.iter().find_map(|line| line.strip_prefix("\tReason: ")).unwrap_or("unspecified");
            let expected = REASONS[usize::try_from(row.reason.unwrap_or_default()).unwrap()];
            // OpenSSL 3.0 has no word for privilegeWithdrawn (9) and aACompromise (10).
            let same = reason == expected || (row.reason == Some(9) && reason == "(UNKNOWN)");
            assert!(!row.revoked || same, "{serial}: {reason}, not {expected}");
        }
    }
}

/// What clients were told stands. How many receipts never came, and how many changes were never answered.
fn told_to_clients(notes: &[Note], rows: &HashMap<String, Row>, issuing: &PKey<Public>) -> (usize, usize) {
    let (mut lost, mut unanswered) = (0, 0);
    let mut of_request: HashMap<String, Vec<(&String, &Row)>> = HashMap::new();
    for (serial, row) in rows.iter().filter(|(_, row)| row.state != "void") {
        of_request.entry(row.request.clone()).or_default().push((serial, row));
    }
    let mut seen = HashSet::new();
    for note in notes {
        let issued = of_request.get(&note.request.replace('-', "")).map(Vec::as_slice).unwrap_or_default();
        let Some((pem, serial)) = &note.receipt else {
            // Whoever got no receipt has one certificate at most, and no other key than the one that was brought.
            assert!(issued.len() <= 1);
            lost += issued.len();
            let fits = |row: &Row| note.spki.is_none_or(|spki| row.spki_hash == hex::encode(spki));
            assert!(issued.iter().all(|(_, row)| fits(row)), "{note:?}");
            continue;
        };
        assert!(seen.insert(serial), "serial {serial} was given to two");
        let certificate = X509::from_pem(pem.as_bytes()).unwrap();
        assert!(certificate.verify(issuing).unwrap());
        let [(known, row)] = issued else { panic!("{note:?}: {} certificates", issued.len()) };
        assert_eq!(plain(&certificate.serial_number().to_bn().unwrap().to_hex_str().unwrap()), **known);
        assert_eq!(hex::encode(certificate.digest(MessageDigest::sha256()).unwrap()), row.fingerprint);
        let spki = sha256(&certificate.public_key().unwrap().public_key_to_der().unwrap());
        assert_eq!(hex::encode(spki), row.spki_hash);
        assert!(note.spki.is_none_or(|own| own == spki), "{note:?}");
        let is = |standing: (&str, Option<i64>)| row.state == standing.0 && row.reason == standing.1;
        unanswered += usize::from(note.perhaps.is_some());
        let told = note.told.is_some_and(is) || note.perhaps.is_some_and(is);
        assert!(told, "{note:?}: {} {:?} in the database", row.state, row.reason);
    }
    (lost, unanswered)
}

/// The authority whose list is watched.
const ISSUER: &str = "citizens-issuing";
/// Most in one request that the service answers.
const SERIALS_A_REQUEST: usize = 16;
/// CRLReason, in OpenSSL's words.
const REASONS: [&str; 10] = [
    "unspecified",
    "keyCompromise",
    "cACompromise",
    "affiliationChanged",
    "superseded",
    "cessationOfOperation",
    "certificateHold",
    "",
    "removeFromCRL",
    "privilegeWithdrawn",
];
