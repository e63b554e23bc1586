//! Every artefact of every profile, judged by OpenSSL, GnuTLS and pkilint. No error is admitted, and every warning is explained in
//! `pkilint_explained.txt`; an explanation that nothing needs any more fails too.
#![allow(clippy::unwrap_used, clippy::panic)]

mod hierarchy;

use chuky_pki::certificate::Certificate;
use chuky_pki::crl::{CrlToMake, Reason, Revoked};
use chuky_pki::ocsp::{AnswerLine, AnswerToMake, CertificateIdentifier, Status};
use chuky_pki::profile::{Profile, Profiles};
use chuky_pki::{lint, pem, qualified};
use hierarchy::*;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Profiles of end entities, with the type that pkilint judges them as by EN 319 412.
const SUBSCRIBERS: [(&str, Option<&str>); 7] = [
    ("citizen", Some("NCP-NATURAL-PERSON-CERTIFICATE")),
    ("official", Some("NCP-NATURAL-PERSON-CERTIFICATE")),
    ("seal", Some("NCP-LEGAL-PERSON-CERTIFICATE")),
    ("payment_provider", Some("NCP-LEGAL-PERSON-CERTIFICATE")),
    ("device", None),
    ("ocsp", None),
    ("timestamp", None),
];

/// The files of a hierarchy with one certificate of each profile, a list and an answer.
struct Artefacts {
    directory: tempfile::TempDir,
}

impl Artefacts {
    fn new() -> Self {
        let artefacts = Self { directory: tempfile::tempdir().unwrap() };
        let hierarchy = Hierarchy::new();
        artefacts.write("root", &hierarchy.root);
        artefacts.write("issuing", &hierarchy.issuing);
        artefacts.write("cross", &hierarchy.cross());
        let responder_key = Key::new();
        for (mark, (name, _)) in (10..).zip(SUBSCRIBERS) {
            let key = if name == "ocsp" { &responder_key } else { &Key::new() };
            artefacts.write(name, &hierarchy.issue(name, mark, &name_of(name), key));
        }
        artefacts.write("qualified", &qualified_certificate(&hierarchy));
        let list = list(&hierarchy);
        assert_eq!(lint::lint_crl(&list, &hierarchy.issuing), []);
        std::fs::write(artefacts.at().join("list.pem"), pem::encode("X509 CRL", &list)).unwrap();
        let answer = answer(&hierarchy, &artefacts.read("ocsp"), &responder_key);
        assert_eq!(lint::lint_ocsp(&answer, &hierarchy.issuing), []);
        std::fs::write(artefacts.at().join("answer.der"), answer).unwrap();
        artefacts.run("cat issuing.pem root.pem > chain.pem");
        artefacts
    }

    fn at(&self) -> &Path {
        self.directory.path()
    }

    fn write(&self, name: &str, certificate: &Certificate) {
        std::fs::write(self.at().join(format!("{name}.pem")), certificate.to_pem()).unwrap();
    }

    fn read(&self, name: &str) -> Certificate {
        let text = std::fs::read_to_string(self.at().join(format!("{name}.pem"))).unwrap();
        Certificate::all_from_pem(&text).unwrap().remove(0)
    }

    /// What a command that must succeed printed.
    fn run(&self, command: &str) -> String {
        let (succeeded, text) = self.try_run(command);
        assert!(succeeded, "$ {command}\n{text}");
        text
    }

    fn try_run(&self, command: &str) -> (bool, String) {
        let output = Command::new("sh").arg("-c").arg(command).current_dir(self.at()).output().unwrap();
        let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        (output.status.success(), text)
    }
}

/// A citizen's certificate with every statement that a profile may make.
fn qualified_certificate(hierarchy: &Hierarchy) -> Certificate {
    let mut profile = Profile::built_in("citizen").unwrap();
    let stated = profile.qualified.as_mut().unwrap();
    stated.compliance = true;
    stated.on_device = true;
    stated.legislation = vec!["VN".into()];
    stated.limit = Some(qualified::MonetaryValue { currency: "VND".into(), amount: 5, exponent: 7 });
    stated.disclosure =
        vec![qualified::Disclosure { url: "https://pki.example.com/pds".into(), language: "vi".into() }];
    profile.policies[0].notice = Some("Chứng thư TEST, không có giá trị".into());
    let certificate = hierarchy.issue_by(profile, 30, &citizen_name(), &Key::new());
    let limit = qualified::limit(&certificate).unwrap().unwrap();
    assert_eq!((limit.currency.as_str(), limit.units()), ("VND", Some(50_000_000)));
    certificate
}

fn list(hierarchy: &Hierarchy) -> Vec<u8> {
    let to_make = CrlToMake {
        issuer: &hierarchy.issuing,
        number: 7,
        this_update: now().plus_seconds(-60),
        next_update: now().plus_seconds(DAY),
    };
    let revoked = Revoked {
        serial: serial(99),
        at: now().plus_seconds(-600),
        reason: Reason::KeyCompromise,
        invalid_since: Some(now().plus_seconds(-DAY)),
    };
    let to_be_signed = to_make.to_be_signed(SCHEME, std::iter::once(revoked)).unwrap();
    let signature = hierarchy.issuing_key.sign(&to_be_signed.digest());
    to_be_signed.assemble(&signature, &hierarchy.issuing_key.public()).unwrap()
}

fn answer(hierarchy: &Hierarchy, responder: &Certificate, key: &Key) -> Vec<u8> {
    let line = AnswerLine {
        identifier_der: CertificateIdentifier::new(&hierarchy.issuing, serial(10).as_octets()).der,
        status: Status::Good,
        this_update: now(),
        next_update: Some(now().plus_seconds(3_600)),
    };
    let answer = AnswerToMake::new(responder, SCHEME, now(), &[line], None);
    answer.assemble(&key.sign(&answer.to_be_signed().digest()))
}

/// Whether a tool is there; says so where it is not.
fn is_there(tool: &str) -> bool {
    let found = Command::new("sh").arg("-c").arg(format!("command -v {tool}")).output().unwrap().status.success();
    if !found {
        println!("SKIPPED: no {tool}");
    }
    found
}

#[test]
fn every_built_in_profile_is_judged() {
    let judged: BTreeSet<&str> =
        SUBSCRIBERS.iter().map(|(name, _)| *name).chain(["root", "issuing", "cross"]).collect();
    let built_in: BTreeSet<&str> = Profiles::built_in().unwrap().all().map(|profile| profile.name.as_str()).collect();
    assert_eq!(judged, built_in);
}

#[test]
fn openssl_accepts_every_artefact() {
    let artefacts = Artefacts::new();
    for (name, _) in SUBSCRIBERS.into_iter().chain([("qualified", None)]) {
        let command =
            "openssl verify -x509_strict -crl_check -CRLfile list.pem -CAfile root.pem -untrusted issuing.pem";
        artefacts.run(&format!("{command} {name}.pem"));
    }
    artefacts.run("openssl verify -x509_strict -check_ss_sig -CAfile root.pem root.pem");
    artefacts.run("openssl verify -x509_strict -CAfile root.pem issuing.pem cross.pem");
    artefacts.run("openssl crl -in list.pem -CAfile issuing.pem -noout");
    let text = artefacts.run("openssl x509 -in qualified.pem -noout -text");
    assert!(text.contains("qcStatements") && text.contains("Explicit Text"), "{text}");
    let ocsp = "openssl ocsp -issuer issuing.pem -cert citizen.pem -respin answer.der -CAfile root.pem -verify_other issuing.pem";
    assert!(artefacts.run(ocsp).contains("Response verify OK"));
}

#[test]
fn gnutls_accepts_every_artefact() {
    if !is_there("certtool") || !is_there("ocsptool") {
        return;
    }
    let artefacts = Artefacts::new();
    for (name, _) in SUBSCRIBERS.into_iter().chain([("qualified", None)]) {
        artefacts.run(&format!("cat {name}.pem issuing.pem > both.pem"));
        let text = artefacts.run("certtool --verify --load-ca-certificate root.pem --infile both.pem");
        assert!(text.contains("Verified. The certificate is trusted."), "{name}: {text}");
        let text = artefacts.run(&format!("certtool --certificate-info --infile {name}.pem"));
        assert!(text.contains("Key Usage") && !text.to_lowercase().contains("error"), "{name}: {text}");
    }
    let text = artefacts.run("certtool --verify-crl --load-ca-certificate issuing.pem --infile list.pem");
    assert!(text.contains("Verified."), "{text}");
    let text = artefacts.run("ocsptool --verify-response --load-trust chain.pem --load-response answer.der");
    assert!(text.contains("Success"), "{text}");
}

/// One finding of pkilint: whose, how severe, which.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Judged {
    artefact: String,
    severity: String,
    code: String,
}

fn linters() -> Option<PathBuf> {
    let place = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../target/venv/bin")).to_owned();
    let found = place.join("lint_etsi_cert").exists();
    if !found {
        println!("SKIPPED: no pkilint in target/venv (scripts/venv makes it)");
    }
    found.then_some(place)
}

fn judge(artefacts: &Artefacts, linters: &Path, command: &str, artefact: &str) -> Vec<Judged> {
    let (_, text) = artefacts.try_run(&format!("{}/{command} -s NOTICE -f CSV {artefact}", linters.display()));
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("node_path,validator,severity,code,message"), "{command} {artefact}: {text}");
    let judged = lines.filter_map(|line| {
        let mut columns = line.split(',').skip(2);
        let (severity, code) = (columns.next()?.to_owned(), columns.next()?.to_owned());
        let artefact = artefact.split('.').next()?.to_owned();
        ["NOTICE", "WARNING", "ERROR", "FATAL"].contains(&severity.as_str()).then_some(Judged {
            artefact,
            severity,
            code,
        })
    });
    let judged: Vec<_> = judged.collect();
    let wrong: Vec<_> = judged.iter().filter(|one| ["ERROR", "FATAL"].contains(&one.severity.as_str())).collect();
    assert!(wrong.is_empty(), "{command}: {text}");
    judged
}

#[test]
fn pkilint_finds_no_error_and_no_warning_that_is_not_explained() {
    let Some(linters) = linters() else { return };
    let artefacts = Artefacts::new();
    let mut judged = BTreeSet::new();
    for (name, kind) in SUBSCRIBERS.into_iter().chain([("root", None), ("issuing", None), ("cross", None)]) {
        let file = format!("{name}.pem");
        judged.extend(judge(&artefacts, &linters, "lint_pkix_cert lint", &file));
        if let Some(kind) = kind {
            judged.extend(judge(&artefacts, &linters, &format!("lint_etsi_cert lint -t {kind}"), &file));
        }
    }
    let kind = "lint_etsi_cert lint -t QCP-N-QSCD-NON-EIDAS-FINAL-CERTIFICATE";
    judged.extend(judge(&artefacts, &linters, kind, "qualified.pem"));
    judged.extend(judge(&artefacts, &linters, "lint_crl lint -t CRL -p PKIX", "list.pem"));
    judged.extend(judge(&artefacts, &linters, "lint_ocsp_response lint", "answer.der"));

    let explained = explained();
    let open: Vec<_> = judged.iter().filter(|one| !explained.iter().any(|line| line.covers(one))).collect();
    assert!(open.is_empty(), "not explained in pkilint_explained.txt: {open:#?}");
    let idle: Vec<_> = explained.iter().filter(|line| !judged.iter().any(|one| line.covers(one))).collect();
    assert!(idle.is_empty(), "no longer needed in pkilint_explained.txt: {idle:#?}");
}

/// A line of the file of explanations.
#[derive(Debug)]
struct Explanation {
    artefact: String,
    code: String,
}

impl Explanation {
    fn covers(&self, judged: &Judged) -> bool {
        self.code == judged.code && (self.artefact == "*" || self.artefact == judged.artefact)
    }
}

fn explained() -> Vec<Explanation> {
    let lines = include_str!("pkilint_explained.txt").lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    lines
        .map(|line| {
            let columns: Vec<&str> = line.splitn(3, " | ").collect();
            let [artefact, code, reason] = columns[..] else { panic!("{line}") };
            assert!(reason.len() > 20, "no reason: {line}");
            Explanation { artefact: artefact.to_owned(), code: code.to_owned() }
        })
        .collect()
}
