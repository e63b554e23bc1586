//! `chuky sign --module`: documents signed with a person's own token, judged by foreign tools; and every way in which a token, a PIN, a
//! certificate or a driver says no, each with a message, and never with a file.

use super::{
    foreign::{Kind, Person, Ran, curve, p256, rsa},
    subscriber::{folder, plain_pdf, present},
};
use crate::harness::app::TestApp;
use openssl::nid::Nid;
use std::{path::Path, process::Command};

const LETTER: &str = "<?xml version=\"1.0\"?>\n<thu xmlns=\"urn:thu\"><gui>Ủy ban nhân dân</gui></thu>\n";

fn good(ran: &Ran) {
    assert_eq!(ran.code, Some(0), "{ran:?}");
}

/// Refused with these words, and without a file.
fn refused(person: &Person, ran: &Ran, code: i32, words: &str) {
    assert_eq!(ran.code, Some(code), "{ran:?}");
    assert!(ran.err.contains(words), "{words:?} is not said: {ran:?}");
    let left: Vec<String> = std::fs::read_dir(person.folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .filter(|name| name.starts_with("out.") || name.ends_with(".part"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

fn source(person: &Person) {
    std::fs::write(person.at("source.pdf"), plain_pdf()).unwrap();
    std::fs::write(person.at("letter.xml"), LETTER).unwrap();
}

const PLAIN: [&str; 5] = ["--pin-file", "pin", "-o", "out.pdf", "source.pdf"];

/// pdfsig, qpdf and pyHanko accept it, pyHanko up to the person's authority.
fn judged_pdf(person: &Person, file: &str, kept: &str) {
    let kept_at = folder("own-token").join(kept);
    std::fs::copy(person.at(file), &kept_at).unwrap();
    if present("qpdf") {
        ran(person, "qpdf", &["--check", file]);
    }
    if present("pdfsig") {
        let said = ran(person, "pdfsig", &["-nocert", file]);
        assert!(said.contains("Signature is Valid."), "{said}");
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = root.join("target/venv/bin/python");
    if python.exists() {
        let script = root.join("tests/signing/judge.py").display().to_string();
        let said = ran(person, &python.display().to_string(), &[&script, "root.pem", file]);
        assert!(said.contains("intact valid trusted"), "{said}");
    } else {
        eprintln!("SKIPPED: no pyHanko in target/venv");
    }
}

fn ran(person: &Person, program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).current_dir(person.folder.path()).output().unwrap();
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{program} {arguments:?}: {said}");
    said
}

#[test]
fn every_kind_of_key_signs_a_pdf_that_foreign_tools_accept() {
    let person = Person::new();
    source(&person);
    person.token("VGCA");
    let keys = [("p256", p256()), ("p384", curve(Nid::SECP384R1)), ("rsa2048", rsa(2048)), ("rsa3072", rsa(3072))];
    for (place, (name, key)) in keys.iter().enumerate() {
        person.key("VGCA", name, &format!("0{}", place + 1), key, Kind::Usual);
    }
    let schemes: [(&str, &[&str]); 5] = [
        ("p256", &[]),
        ("p384", &["--look", "citizen"]),
        ("rsa2048", &["--scheme", "rsa_pkcs1_sha256"]),
        ("rsa3072", &["--scheme", "rsa_pss_sha256"]),
        ("rsa2048", &["--scheme", "rsa_pkcs1_sha512"]),
    ];
    for (place, (key, more)) in schemes.into_iter().enumerate() {
        let out = format!("signed-{place}.pdf");
        let arguments = [&["--key", key, "--pin-file", "pin", "-o", &out][..], more, &["source.pdf"]].concat();
        let ran = person.sign(&arguments);
        if ran.err.contains("typeface") {
            eprintln!("SKIPPED: no typefaces for a visible signature");
            continue;
        }
        good(&ran);
        assert!(ran.out.contains(&out) && ran.out.contains("Trần Văn Khương"), "{ran:?}");
        judged_pdf(&person, &out, &format!("{key}-{place}.pdf"));
        let report = person.verify(&[], &out);
        assert_eq!(
            (&report["integrity"], &report["signatures"][0]["format"]),
            (&"intact".into(), &"PAdES-BASELINE-B".into()),
            "{report}"
        );
    }
    // Where several keys are there, none is guessed.
    let ran = person.sign(&PLAIN);
    refused(&person, &ran, 1, "--key-id 03");
}

#[test]
fn every_format_is_made_and_judged() {
    let person = Person::with_token();
    source(&person);
    person.key("VGCA", "rsa", "02", &rsa(2048), Kind::Usual);
    let forms: [(&str, &str, &str); 9] = [
        ("cades", "attached", "letter.xml.p7m"),
        ("cades", "detached", "letter.xml.p7s"),
        ("xades", "enveloped", "enveloped.xml"),
        ("xades", "attached", "letter.xml.xades.xml"),
        ("xades", "detached", "detached.xades.xml"),
        ("jades", "attached", "letter.xml.jades.json"),
        ("jades", "detached", "detached.jades.json"),
        ("asice", "", "letter.xml.asice"),
        ("asics", "", "letter.xml.asics"),
    ];
    for (key, scheme) in [("ky", "ecdsa_sha256"), ("rsa", "rsa_pkcs1_sha256")] {
        for (format, packaging, out) in forms {
            let out = format!("{key}-{out}");
            let mut words = vec!["--key", key, "--scheme", scheme, "--pin-file", "pin", "--format", format, "-o", &out];
            if !packaging.is_empty() {
                words.extend(["--packaging", packaging]);
            }
            words.push("letter.xml");
            good(&person.sign(&words));
            let content: &[&str] = if packaging == "detached" { &["--content", "letter.xml"] } else { &[] };
            let report = person.verify(content, &out);
            assert_eq!(report["integrity"], "intact", "{format} {packaging}: {report}");
        }
        let at = |name: &str| format!("{key}-{name}");
        let cms = [
            "cms", "-verify", "-binary", "-inform", "DER", "-CAfile", "root.pem", "-purpose", "any", "-out", "content",
            "-in",
        ];
        ran(&person, "openssl", &[&cms[..], &[&at("letter.xml.p7m")]].concat());
        assert_eq!(std::fs::read_to_string(person.at("content")).unwrap(), LETTER);
        ran(&person, "openssl", &[&cms[..], &[&at("letter.xml.p7s"), "-content", "letter.xml"]].concat());
        let properties = "http://uri.etsi.org/01903/v1.3.2#:SignedProperties";
        let xml = ["--verify", "--trusted-pem", "root.pem", "--id-attr:Id", properties];
        ran(&person, "xmlsec1", &[&xml[..], &[&at("enveloped.xml")]].concat());
        ran(&person, "python3", &["-m", "zipfile", "-t", &at("letter.xml.asice")]);
        ran(&person, "python3", &["-m", "zipfile", "-t", &at("letter.xml.asics")]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_timestamp_comes_from_the_server_that_is_named() {
    let test = TestApp::sqlite().await;
    let address = format!("{}/tsa", test.url);
    tokio::task::spawn_blocking(move || {
        let person = Person::with_token();
        source(&person);
        let level = ["--pin-file", "pin", "--level", "T", "--tsa", &address];
        good(&person.sign(&[&level[..], &["-o", "signed.pdf", "source.pdf"]].concat()));
        judged_pdf(&person, "signed.pdf", "timestamped.pdf");
        let report = person.verify(&[], "signed.pdf");
        assert_eq!(report["signatures"][0]["format"], "PAdES-BASELINE-T", "{report}");
        good(&person.sign(&[&level[..], &["--format", "xades", "-o", "signed.xml", "letter.xml"]].concat()));
        let report = person.verify(&[], "signed.xml");
        assert_eq!(report["signatures"][0]["format"], "XAdES-BASELINE-T", "{report}");
        // Without a server, and with one that is none, before anything is signed.
        let without = person.sign(&["--pin-file", "pin", "--level", "T", "-o", "out.pdf", "source.pdf"]);
        refused(&person, &without, 2, "--tsa URL");
        let elsewhere = address.replace("/tsa", "/healthz");
        let other = ["--pin-file", "pin", "--level", "T", "--tsa", &elsewhere, "-o", "out.pdf", "source.pdf"];
        // One that gives no timestamp throws nothing away that the token made: level B, said plainly, with what raises it.
        let ran = person.sign(&other);
        let said = ran.err.clone();
        assert_eq!(ran.code, Some(3), "{said}");
        assert!(said.contains(&elsewhere) && said.contains("chuky extend --level LT"), "{said}");
        judged_pdf(&person, "out.pdf", "no-timestamp.pdf");
        let report = person.verify(&[], "out.pdf");
        assert_eq!(report["signatures"][0]["format"], "PAdES-BASELINE-B", "{report}");
        let slow = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let nobody = format!("http://{}/", slow.local_addr().unwrap());
        let begun = std::time::Instant::now();
        std::fs::create_dir(person.folder.path().join("slow")).unwrap();
        let many = [
            "--pin-file",
            "pin",
            "--level",
            "T",
            "--tsa",
            &nobody,
            "--format",
            "xades",
            "--out",
            "slow",
            "letter.xml",
            "source.pdf",
        ];
        let ran = person.sign(&many);
        let said = ran.err.clone();
        assert_eq!((ran.code, said.matches("signed at level B").count()), (Some(3), 2), "{said}");
        assert!(begun.elapsed().as_secs() < 30, "the server is waited for once");
        std::fs::remove_file(person.folder.path().join("out.pdf")).unwrap();
        let high = ["--pin-file", "pin", "--level", "LT", "-o", "out.pdf", "source.pdf"];
        refused(&person, &person.sign(&high), 1, "chuky extend");
    })
    .await
    .unwrap();
}

#[test]
fn a_pin_that_is_not_taken_is_never_tried_again() {
    let mut person = Person::with_token();
    source(&person);
    let wrong = ["--pin-file", "wrong-pin", "-o", "out.pdf", "source.pdf"];
    refused(&person, &person.sign(&wrong), 1, "the PIN is wrong");
    // SoftHSM remembers it, as tokens do; the right PIN still signs, with a warning.
    let ran = person.sign(&["--pin-file", "pin", "-o", "signed.pdf", "source.pdf"]);
    good(&ran);
    assert!(ran.err.contains("A wrong PIN was entered before"), "{ran:?}");
    std::fs::write(person.at("another.pdf"), plain_pdf()).unwrap();
    std::fs::create_dir(person.at("folder")).unwrap();
    person.fail("C_Login rv=CKR_PIN_INCORRECT count=9");
    let many = ["--pin-file", "pin", "--out", "folder", "source.pdf", "another.pdf"];
    refused(&person, &person.sign(&many), 1, "the PIN is wrong");
    assert_eq!(person.met(0), 1, "tried once for all files");
    for (line, words) in [
        ("C_Login rv=CKR_PIN_LOCKED", "PIN is locked"),
        ("C_Login rv=CKR_PIN_EXPIRED", "PIN has expired"),
        // CKF_USER_PIN_LOCKED and CKF_USER_PIN_FINAL_TRY: told before a PIN is asked for, or risked.
        ("C_GetTokenInfo flags=262144\nC_Login crash", "PIN is locked"),
        ("C_GetTokenInfo flags=131072\nC_Login crash", "a PIN that a person types"),
    ] {
        person.fail(line);
        refused(&person, &person.sign(&PLAIN), 1, words);
    }
    person.fail("# nothing");
    std::fs::write(person.at("short"), "12\n").unwrap();
    refused(&person, &person.sign(&["--pin-file", "short", "-o", "out.pdf", "source.pdf"]), 1, "4 to 255 bytes");
    // From nowhere: there is no terminal here.
    let ran = person.sign(&["--pin-file", "missing", "-o", "out.pdf", "source.pdf"]);
    refused(&person, &ran, 2, "PIN");
}

#[test]
fn the_pin_comes_from_a_descriptor_a_pinentry_or_the_tokens_own_pad() {
    use std::os::unix::fs::PermissionsExt;
    let mut person = Person::with_token();
    source(&person);
    let mut command = person.signing(&["--pin-fd", "0", "-o", "by-descriptor.pdf", "source.pdf"]);
    command.stdin(std::fs::File::open(person.at("pin")).unwrap());
    assert!(command.status().unwrap().success());
    let script = "#!/bin/sh\necho OK ready\nwhile read -r word rest; do case $word in GETPIN) echo D 2718%328; echo OK;; *) echo OK;; esac; done\n";
    let agent = |name: &str, text: &str| {
        std::fs::write(person.at(name), text).unwrap();
        std::fs::set_permissions(person.at(name), std::fs::Permissions::from_mode(0o755)).unwrap();
    };
    agent("pinentry", script);
    agent("cancelled", &script.replace("echo D 2718%328; echo OK", "echo ERR 83886179 cancelled"));
    good(&person.sign(&["--pin-agent", &person.path("pinentry"), "-o", "by-agent.pdf", "source.pdf"]));
    let cancelled = person.path("cancelled");
    refused(&person, &person.sign(&["--pin-agent", &cancelled, "-o", "out.pdf", "source.pdf"]), 2, "cancelled");
    // CKF_PROTECTED_AUTHENTICATION_PATH: no PIN is asked for here.
    person.fail("C_GetTokenInfo flags=256\nC_Login pad=271828");
    let ran = person.sign(&["-o", "by-pad.pdf", "source.pdf"]);
    good(&ran);
    assert!(ran.err.contains("Type the PIN on the token"), "{ran:?}");
    person.fail("C_GetTokenInfo flags=256\nC_Login rv=CKR_FUNCTION_CANCELED");
    refused(&person, &person.sign(&["-o", "out.pdf", "source.pdf"]), 1, "not entered on the token");
    person.fail("C_GetTokenInfo flags=256\nC_Login pad=161803");
    refused(&person, &person.sign(&["-o", "out.pdf", "source.pdf"]), 1, "the PIN is wrong");
}

#[test]
fn a_key_that_asks_each_time_signs_several_documents() {
    let person = Person::new();
    source(&person);
    person.token("VGCA");
    person.careful_key("VGCA", "careful", "07");
    std::fs::write(person.at("second.pdf"), plain_pdf()).unwrap();
    std::fs::create_dir(person.at("folder")).unwrap();
    let ran = person.sign(&["--pin-file", "pin", "--out", "folder", "source.pdf", "second.pdf"]);
    good(&ran);
    for name in ["folder/source.pdf", "folder/second.pdf"] {
        assert_eq!(person.verify(&[], name)["integrity"], "intact");
    }
}

#[test]
fn the_token_is_chosen_by_its_label_or_serial_number() {
    let person = Person::new();
    source(&person);
    let list = person.sign(&["--list"]);
    refused(&person, &list, 1, "There is no token");
    for name in ["VGCA", "cá nhân"] {
        person.token(name);
    }
    person.key("VGCA", "ky", "01", &p256(), Kind::Usual);
    person.key("cá nhân", "ky", "01", &p256(), Kind::Usual);
    let list = person.sign(&["--list"]);
    good(&list);
    assert!(list.out.contains("--token \"cá nhân\"") && list.out.contains("Trần Văn Khương"), "{list:?}");
    refused(&person, &person.sign(&PLAIN), 1, "several tokens");
    refused(&person, &person.sign(&[&["--token", "khác"][..], &PLAIN].concat()), 1, "no token with this label");
    good(&person.sign(&["--token", "VGCA", "--pin-file", "pin", "-o", "one.pdf", "source.pdf"]));
    let line = list.out.lines().find(|line| line.contains("cá nhân")).unwrap();
    let serial = line.split_whitespace().skip_while(|word| *word != "--serial").nth(1).unwrap();
    good(&person.sign(&["--serial", serial, "--pin-file", "pin", "-o", "two.pdf", "source.pdf"]));
}

#[test]
fn the_certificate_must_be_the_keys_and_one_that_signs_now() {
    let person = Person::new();
    source(&person);
    person.token("VGCA");
    let key = rsa(2048);
    person.bare_key("VGCA", "ky", "01", &key);
    refused(&person, &person.sign(&PLAIN), 1, "Give it with --certificate");
    person.certificate_file("mine", &key, Kind::Usual);
    person.certificate_file("other", &rsa(2048), Kind::Usual);
    let with = |file: &str| person.sign(&[&["--certificate", file][..], &PLAIN].concat());
    refused(&person, &with("other.pem"), 1, "is not this key's");
    refused(&person, &with("source.pdf"), 2, "source.pdf");
    for (kind, words) in [(Kind::Expired, "has expired"), (Kind::ForEncryption, "not for signing")] {
        person.certificate_file("unfit", &key, kind);
        refused(&person, &with("unfit.pem"), 1, words);
    }
    refused(&person, &person.sign(&[&["--key", "none"][..], &PLAIN].concat()), 1, "no such private key");
    let scheme = ["--certificate", "mine.pem", "--scheme", "ecdsa_sha256"];
    refused(&person, &person.sign(&[&scheme[..], &PLAIN].concat()), 1, "rsa_pkcs1_sha256");
    good(&person.sign(&["--certificate", "mine.pem", "--pin-file", "pin", "-o", "signed.pdf", "source.pdf"]));
    judged_pdf(&person, "signed.pdf", "certificate-from-file.pdf");
    // A certificate under the key's identifier that is another key's: seen before the key signs.
    person.certificate("VGCA", "false", "01", &rsa(2048), Kind::Usual);
    refused(&person, &person.sign(&PLAIN), 1, "is not this key's");
}

#[test]
fn a_driver_that_fails_gives_a_message_and_no_file() {
    let mut person = Person::with_token();
    source(&person);
    let module = ["--module", "source.pdf"].map(str::to_owned);
    let output = Command::new(crate::harness::app::EXECUTABLE)
        .args(["--lang", "en", "sign"])
        .args(module)
        .args(PLAIN)
        .current_dir(person.folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    refused(&person, &Ran { code: output.status.code(), out: String::new(), err: said }, 1, "cannot be loaded");
    for (line, words) in [
        ("C_Initialize crash", "crashed"),
        ("C_FindObjectsInit crash", "crashed"),
        ("C_Sign crash", "crashed"),
        ("C_Sign flip", "does not fit the certificate"),
        ("C_Sign other", "does not fit the certificate"),
        ("C_Sign rv=CKR_DEVICE_REMOVED", "no longer there"),
        ("C_SignInit rv=CKR_GENERAL_ERROR", "C_SignInit returned GeneralError"),
    ] {
        person.fail(line);
        refused(&person, &person.sign(&PLAIN), 1, words);
    }
    for function in ["C_Initialize", "C_Login", "C_Sign"] {
        person.fail(&format!("{function} hang"));
        refused(
            &person,
            &person.sign(&[&["--patience", "3"][..], &PLAIN].concat()),
            1,
            "did not answer within 3 seconds",
        );
    }
}

#[test]
fn no_file_is_overwritten_and_what_cannot_be_signed_keeps_no_other_back() {
    let person = Person::with_token();
    source(&person);
    let over = ["--pin-file", "pin", "-o", "source.pdf", "source.pdf"];
    let ran = person.sign(&over);
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert_eq!(std::fs::read(person.at("source.pdf")).unwrap(), plain_pdf());
    refused(&person, &person.sign(&["--pin-file", "pin", "-o", "out.pdf", "missing.pdf"]), 2, "missing.pdf");
    refused(&person, &person.sign(&["--pin-file", "pin", "-o", "out.pdf", "letter.xml"]), 1, "not a PDF");
    std::fs::write(person.at("broken.pdf"), b"%PDF-1.7\nnothing\n").unwrap();
    refused(&person, &person.sign(&["--pin-file", "pin", "-o", "out.pdf", "broken.pdf"]), 1, "");
    std::fs::create_dir(person.at("folder")).unwrap();
    std::fs::write(person.at("folder/taken.pdf"), "another").unwrap();
    std::fs::write(person.at("taken.pdf"), plain_pdf()).unwrap();
    std::fs::write(person.at("last.pdf"), plain_pdf()).unwrap();
    let files = ["source.pdf", "broken.pdf", "taken.pdf", "last.pdf"];
    let ran = person.sign(&[&["--pin-file", "pin", "--out", "folder"][..], &files].concat());
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.err.contains("✗ broken.pdf") && ran.err.contains("✗ taken.pdf") && ran.err.contains("2/4"), "{ran:?}");
    assert_eq!(std::fs::read_to_string(person.at("folder/taken.pdf")).unwrap(), "another");
    for name in ["folder/source.pdf", "folder/last.pdf"] {
        assert_eq!(person.verify(&[], name)["integrity"], "intact");
    }
    // A second signature leaves the first one whole.
    good(&person.sign(&["--pin-file", "pin", "-o", "twice.pdf", "folder/last.pdf"]));
    let report = person.verify(&[], "twice.pdf");
    assert_eq!(
        (report["signatures"].as_array().unwrap().len(), &report["integrity"]),
        (2, &"intact".into()),
        "{report}"
    );
    let usage = person.sign(&["--pin-file", "pin", "source.pdf"]);
    refused(&person, &usage, 2, "-o OUT");
}
