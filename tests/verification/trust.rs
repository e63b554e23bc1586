//! Recorded trust data: anchors by fingerprint, trusted lists by signer, snapshots that repeat a verdict, and what is said where trust data is
//! stale, missing or changed. The lists are made by signxml.

use super::command::chuky;
use crate::harness::app::TestApp;
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const PACKAGE: &str = env!("CARGO_MANIFEST_DIR");
/// Signed without a timestamp.
const UNSTAMPED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/verdicts/passed.p7m");
/// Signed, and stamped on 2026-06-15T08:00:00Z.
const STAMPED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/verdicts/no-poe.p7m");
const AT: &str = "2026-06-16T00:00:00Z";

struct World {
    directory: tempfile::TempDir,
    /// SHA-256 and file of the two roots.
    anchors: Vec<(String, PathBuf)>,
}

impl World {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let pem = fs::read_to_string(format!("{PACKAGE}/tests/data/verdicts/anchors.pem")).unwrap();
        let certificates = chuky_pki::certificate::Certificate::all_from_pem(&pem).unwrap();
        let anchors = certificates.iter().map(|one| {
            let path = directory.path().join(format!("{}.pem", one.subject().common_name().replace(' ', "-")));
            fs::write(&path, one.to_pem()).unwrap();
            (hex::encode(one.fingerprint()), path)
        });
        Self { anchors: anchors.collect(), directory }
    }

    fn data(&self) -> String {
        self.directory.path().join("var").to_str().unwrap().to_owned()
    }

    /// Exit code, standard output, standard error.
    fn trust(&self, arguments: &[&str]) -> (i32, String, String) {
        let data = self.data();
        let output = chuky(&[&["--lang", "en", "trust", "--data-dir", &data], arguments].concat());
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
    }

    /// Runs what must succeed; the new snapshot's digest.
    fn done(&self, arguments: &[&str]) -> String {
        let (code, out, error) = self.trust(arguments);
        assert_eq!(code, 0, "{arguments:?}: {out}{error}");
        out.trim().rsplit(' ').next().unwrap().to_owned()
    }

    /// Runs what must be refused with a reason that says so, and changes nothing.
    fn refused(&self, arguments: &[&str], reason: &str) {
        let before = fs::read(format!("{}/trust/current", self.data())).ok();
        let (code, out, error) = self.trust(arguments);
        assert!(code == 1 && error.contains(reason), "{arguments:?}: {code} {out}{error}");
        assert_eq!(fs::read(format!("{}/trust/current", self.data())).ok(), before, "{arguments:?}");
    }

    fn add(&self, at: usize, further: &[&str]) -> String {
        let (digest, path) = &self.anchors[at];
        self.done(&[&["add", path.to_str().unwrap(), "--fingerprint", digest], further].concat())
    }

    fn verdict(&self, file: &str, further: &[&str]) -> Value {
        let data = self.data();
        let output = chuky(&[&["verify", "--json", "--data-dir", &data, "--at", AT, file], further].concat());
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{file}: {said}"))
    }

    fn assert(&self, file: &str, indication: &str, sub: Option<&str>) -> Value {
        let report = self.verdict(file, &[]);
        assert_eq!(
            (report["indication"].as_str(), report["sub_indication"].as_str()),
            (Some(indication), sub),
            "{report:#}"
        );
        report
    }
}

fn trust_data(report: &Value) -> &Value {
    report["checks"].as_array().unwrap().iter().find(|check| check["name"] == "trust_data").unwrap()
}

#[test]
fn an_anchor_counts_for_its_purpose_and_time_and_only_with_its_fingerprint() {
    let world = World::new();
    let (right, path) = world.anchors[0].clone();
    let (wrong, path) = (world.anchors[1].0.clone(), path.to_str().unwrap());
    let add = |fingerprint: &str, reason: &str| {
        world.refused(&["add", path, "--fingerprint", fingerprint, "--purpose", "signatures"], reason);
    };
    add(&wrong, &right);
    add(&right[..40], "64 hexadecimal digits");
    assert_eq!(world.trust(&["add", path, "--fingerprint", &right, "--purpose", "everything"]).0, 2);
    assert_eq!(world.trust(&["add", "/absent", "--fingerprint", &right, "--purpose", "signatures"]).0, 2);
    assert_eq!(world.trust(&["list"]).1, "No trust data was recorded.\n");

    world.add(0, &["--purpose", "timestamps"]);
    let report = world.assert(UNSTAMPED, "INDETERMINATE", Some("NO_CERTIFICATE_CHAIN_FOUND"));
    assert_eq!(trust_data(&report)["outcome"], "passed");
    let colons: Vec<String> =
        right.as_bytes().chunks(2).map(|pair| String::from_utf8_lossy(pair).to_uppercase()).collect();
    let origin = ["--purpose", "signatures", "--origin", "Official Gazette 12"];
    let good = world.done(&[&["add", path, "--fingerprint", &colons.join(":")], origin.as_slice()].concat());
    let passed = world.assert(UNSTAMPED, "TOTAL_PASSED", None);
    assert_eq!(passed["trust"]["sha256"], good, "{passed:#}");
    assert!(passed["signatures"][0]["checks"].to_string().contains("Official Gazette 12"), "{passed:#}");
    world.refused(&["add", path, "--fingerprint", &right, "--purpose", "signatures"], "is recorded for that purpose");

    // Taken out, and recorded anew for another time.
    world.done(&["remove", &right]);
    world.assert(UNSTAMPED, "INDETERMINATE", Some("NO_CERTIFICATE_CHAIN_FOUND"));
    world.add(0, &["--purpose", "signatures", "--until", "2026-06-15T12:00:00Z"]);
    world.assert(UNSTAMPED, "INDETERMINATE", Some("NO_CERTIFICATE_CHAIN_FOUND_NO_POE"));
    // Whoever can prove that he signed before is not touched by it.
    world.assert(STAMPED, "INDETERMINATE", Some("NO_CERTIFICATE_CHAIN_FOUND_NO_POE"));
    world.add(1, &["--purpose", "timestamps"]);
    world.assert(STAMPED, "TOTAL_PASSED", None);

    // The verdict of before can be repeated, to the last letter.
    assert_eq!(world.verdict(UNSTAMPED, &["--trust-snapshot", &good]), passed);
    let (_, listed, _) = world.trust(&["list", "--snapshot", &good]);
    assert!(listed.contains(&good) && listed.contains("Official Gazette 12") && listed.contains(&right), "{listed}");
    let output = chuky(&["verify", "--data-dir", &world.data(), "--trust-snapshot", &wrong, UNSTAMPED]);
    assert_eq!(output.status.code(), Some(2));
}

/// The folder with the lists; none, and a word about it, where the virtual environment is missing.
fn lists(world: &World) -> Option<PathBuf> {
    let python = Path::new(PACKAGE).join("target/venv/bin/python");
    if !python.exists() {
        eprintln!("SKIPPED: no virtual environment; run scripts/venv");
        return None;
    }
    let folder = world.directory.path().join("lists");
    let script = format!("{PACKAGE}/tests/verification/lists.py");
    let anchors = format!("{PACKAGE}/tests/data/verdicts/anchors.pem");
    let output = Command::new(python).arg(script).arg(&folder).arg(anchors).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(folder)
}

fn named(folder: &Path, name: &str) -> String {
    folder.join(name).to_str().unwrap().to_owned()
}

#[test]
fn a_trusted_list_counts_by_the_status_at_the_time_of_signing() {
    const CHAIN: Option<&str> = Some("NO_CERTIFICATE_CHAIN_FOUND");
    const LATER: Option<&str> = Some("NO_CERTIFICATE_CHAIN_FOUND_NO_POE");
    let world = World::new();
    let Some(folder) = lists(&world) else { return };
    let signer = fs::read_to_string(folder.join("good.txt")).unwrap();
    // Without a timestamp it was signed at the time of the verdict; with one, the day before.
    for (name, unstamped, stamped) in [
        ("good", None, None),
        ("withdrawn-after", LATER, None),
        ("withdrawn-before", LATER, LATER),
        ("not-yet", None, CHAIN),
        ("directive", LATER, LATER),
        ("stale", Some("TRY_LATER"), Some("TRY_LATER")),
        ("closed", Some("TRY_LATER"), Some("TRY_LATER")),
        ("web-sites", CHAIN, CHAIN),
        ("critical", CHAIN, CHAIN),
    ] {
        let _ = fs::remove_dir_all(world.data());
        world.done(&["add-list", &named(&folder, &format!("{name}.xml")), "--signer-fingerprint", &signer]);
        for (file, sub) in [(UNSTAMPED, unstamped), (STAMPED, stamped)] {
            let indication = if sub.is_none() { "TOTAL_PASSED" } else { "INDETERMINATE" };
            let report = world.assert(file, indication, sub);
            let fresh = !matches!(name, "stale" | "closed");
            assert_eq!(trust_data(&report)["outcome"], if fresh { "passed" } else { "not_done" }, "{name}: {report:#}");
        }
    }
    // A list speaks of the time before it went stale, where an authority that is trusted still proves that time.
    let _ = fs::remove_dir_all(world.data());
    world.done(&["add-list", &named(&folder, "stale.xml"), "--signer-fingerprint", &signer]);
    world.add(1, &["--purpose", "timestamps"]);
    world.assert(STAMPED, "TOTAL_PASSED", None);
    world.assert(UNSTAMPED, "INDETERMINATE", Some("TRY_LATER"));
    let (_, listed, _) = world.trust(&["list"]);
    for part in
        ["CA/QC", "TSA/QTST", "Certstatus/OCSP/QC", "not fetched) EU https://lists.example/all.xml", "TEST provider"]
    {
        assert!(listed.contains(part), "{listed}");
    }
}

#[test]
fn a_list_that_is_not_genuine_or_goes_back_is_refused_with_the_reason() {
    let world = World::new();
    let Some(folder) = lists(&world) else { return };
    let fingerprint = |name: &str| fs::read_to_string(folder.join(format!("{name}.txt"))).unwrap();
    let (good, other, expired) = (fingerprint("good"), fingerprint("other"), fingerprint("expired"));
    for (name, reason) in [
        ("unsigned", "is not signed"),
        ("wrong-signer", other.as_str()),
        ("not-xades-other", other.as_str()),
        ("expired-signer", "is valid only from"),
        ("future", "in the future"),
        ("backwards", "next update"),
        ("changed", "not the one that was signed"),
        ("other-element", "does not cover the whole list"),
        ("wrapped", "does not cover the whole list"),
        ("same-identifier", "identifier stands twice"),
        ("two-signatures", "more than one signature"),
        ("deep", "nested deeper"),
        ("other-root", "no trusted list"),
        ("no-history", "younger"),
        ("entity", "document type declaration"),
        ("huge", "bytes"),
    ] {
        let path = named(&folder, &format!("{name}.xml"));
        let signers = ["--signer-fingerprint", &good, "--signer-fingerprint", &expired];
        world.refused(&[&["add-list", &path], signers.as_slice()].concat(), reason);
    }
    let run = |name: &str| world.done(&["add-list", &named(&folder, name), "--signer-fingerprint", &good]);
    let refused = |name: &str, reason: &str| {
        world.refused(&["add-list", &named(&folder, name), "--signer-fingerprint", &good], reason);
    };
    run("good.xml");
    run("renewed.xml");
    refused("renewed.xml", "recorded already");
    refused("good.xml", "lower than 12");
    refused("older.xml", "lower than 12");
    refused("twice.xml", "same sequence number 12");
    // Not even where the newer one was taken out.
    let list = chuky_pki::crypto::sha256(&fs::read(folder.join("renewed.xml")).unwrap());
    world.done(&["remove", &hex::encode(list)]);
    refused("good.xml", "lower than 12");
    run("renewed.xml");
}

#[test]
fn trust_data_that_is_gone_or_changed_makes_nothing_valid() {
    let world = World::new();
    let Some(folder) = lists(&world) else { return };
    let signer = fs::read_to_string(folder.join("good.txt")).unwrap();
    let path = named(&folder, "good.xml");
    let digest = world.done(&["add-list", &path, "--signer-fingerprint", &signer]);
    world.assert(UNSTAMPED, "TOTAL_PASSED", None);
    let trust = PathBuf::from(world.data()).join("trust");
    let list =
        trust.join("lists").join(format!("{}.xml", hex::encode(chuky_pki::crypto::sha256(&fs::read(&path).unwrap()))));
    let gone = |path: &Path, changed: &[u8]| {
        let kept = fs::read(path).unwrap();
        for bytes in [None, Some(changed)] {
            fs::remove_file(path).unwrap();
            bytes.iter().for_each(|bytes| fs::write(path, bytes).unwrap());
            let report = world.assert(UNSTAMPED, "INDETERMINATE", Some("NO_CERTIFICATE_CHAIN_FOUND"));
            assert_eq!(trust_data(&report)["outcome"], "not_done", "{report:#}");
            let output =
                chuky(&["verify", "--data-dir", &world.data(), "--at", AT, "--trust-snapshot", &digest, UNSTAMPED]);
            // What a snapshot rests on must be whole; which one is the present one does not matter to it.
            let expected = if path.ends_with("current") { Some(0) } else { Some(2) };
            assert_eq!(output.status.code(), expected, "{}", path.display());
            fs::write(path, &kept).unwrap();
        }
        world.assert(UNSTAMPED, "TOTAL_PASSED", None);
    };
    gone(&list, b"<list/>");
    gone(&trust.join("certificates").join(format!("{}.der", world.anchors[0].0)), b"0");
    gone(&trust.join("snapshots").join(format!("{digest}.toml")), b"version = 1");
    gone(&trust.join("current"), b"none");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_service_uses_what_is_recorded_and_says_that_lists_are_stale() {
    let test = TestApp::sqlite().await;
    let world = World::new();
    let Some(folder) = lists(&world) else { return };
    let trusted = async || test.get("/readyz", "").await.1["trust"].clone();
    let judged = async || {
        let bytes = fs::read(STAMPED).unwrap();
        let (_, report) = test.request("POST", "/api/v1/documents/verify", "", "application/octet-stream", bytes).await;
        report
    };
    assert_eq!(trusted().await, Value::Null);
    assert_eq!(judged().await["trust"], Value::Null);
    let data = test.data_dir().to_str().unwrap().to_owned();
    let add = |file: &str, further: &[&str]| {
        let output = chuky(&[&["trust", "--data-dir", &data, "add", file], further].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    for (at, purpose) in [(0, "signatures"), (1, "timestamps")] {
        let (digest, path) = &world.anchors[at];
        add(path.to_str().unwrap(), &["--fingerprint", digest, "--purpose", purpose]);
    }
    // The running service takes it up.
    let report = judged().await;
    assert_eq!((&report["trust"]["sha256"].as_str().unwrap().len(), trusted().await), (&64, json!(true)));
    let checks = report["signatures"][0]["checks"].to_string();
    assert!(checks.contains("trust_anchor"), "{report:#}");
    let signer = fs::read_to_string(folder.join("good.txt")).unwrap();
    let list = named(&folder, "closed.xml");
    let output = chuky(&["trust", "--data-dir", &data, "add-list", &list, "--signer-fingerprint", &signer]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let (status, ready) = test.get("/readyz", "").await;
    // Everything that does not rest on the list is served.
    assert_eq!((status, &ready["missing"], &ready["impaired"]), (200, &json!([]), &json!(["trust"])), "{ready}");
    let (_, _, figures) = test.exchange("GET", "/metrics", Vec::new(), Vec::new()).await;
    assert!(String::from_utf8(figures).unwrap().contains("\nchuky_trust_fresh 0\n"));
    assert_eq!(trust_data(&judged().await)["outcome"], "not_done");
}
