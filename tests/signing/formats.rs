//! Documents signed in every format and packaging through the service and the command line: valid by `verify`, accepted by openssl and
//! xmlsec1, named by their format; what cannot be signed so is refused with what to do instead.

use super::service::chuky;
use super::subscriber::{PASSWORD, PIN, citizen, export_as_told, folder, judged_valid, official, plain_pdf};
use crate::harness::app::{Backend, TestApp};
use serde_json::{Value, json};
use std::process::Command;

const LETTER: &str = "<?xml version=\"1.0\"?>\n<thu xmlns=\"urn:thu\"><gui>Ủy ban nhân dân</gui></thu>\n";

/// Uploads, signs and fetches; the identifier, the answer and the file.
async fn signed(
    test: &TestApp,
    who: &super::subscriber::Subscriber,
    media_type: &str,
    more: Value,
) -> (Value, Vec<u8>) {
    let path = "/api/v1/documents?name=th%C6%B0.xml";
    let (status, document) = test.request("POST", path, &who.token, media_type, LETTER.as_bytes().to_vec()).await;
    assert_eq!(status, 201, "{document}");
    let id = document["id"].as_str().unwrap();
    let (status, answer) = who.ask(test, id, PIN, more.clone()).await;
    assert_eq!(status, 200, "{more}: {answer}");
    (answer, who.content(test, id).await)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_format_is_signed_at_every_level() {
    let test = TestApp::start(Backend::Sqlite).await;
    let official = official(&test, "p256").await;
    let folder = folder("formats");
    let forms = [
        ("cades", None, "thư.xml.p7m"),
        ("cades", Some("detached"), "thư.xml.p7s"),
        ("xades", None, "thư.xml"),
        ("xades", Some("attached"), "thư.xml.xades.xml"),
        ("xades", Some("detached"), "thư.xml.xades.xml"),
        ("jades", None, "thư.xml.jades.json"),
        ("jades", Some("detached"), "thư.xml.jades.json"),
        ("asice", None, "thư.xml.asice"),
        ("asics", None, "thư.xml.asics"),
    ];
    for (at, (format, packaging, name)) in forms.into_iter().enumerate() {
        // Every level of the first; the others at the lowest and the highest.
        let levels: &[&str] = if at == 0 { &["B", "T", "LT", "LTA"] } else { &["B", "LTA"] };
        for level in levels {
            let mut order = json!({ "format": format, "level": level });
            if let Some(packaging) = packaging {
                order["packaging"] = packaging.into();
            }
            let (answer, file) = signed(&test, &official, "application/xml", order).await;
            let line = &answer["report"]["signatures"][0];
            assert_eq!(answer["report"]["integrity"], "intact", "{format} {packaging:?} {level}: {answer}");
            assert!(line["format"].as_str().unwrap().ends_with(level), "{format} {level}: {line}");
            assert_eq!(answer["document"]["signed_name"], name);
            let kept = format!("{format}-{}-{level}", packaging.unwrap_or("default"));
            let content = (packaging == Some("detached")).then_some(("thư.xml", LETTER.as_bytes()));
            export_as_told(&test, &format!("service-{kept}"), &file, content, &answer["report"]).await;
            std::fs::write(folder.join(kept), file).unwrap();
        }
    }
    std::fs::write(folder.join("letter.xml"), LETTER).unwrap();
    // Foreign tools, on integrity: the anchor is a matter of the hierarchy's own tests.
    let ran = |program: &str, arguments: &[&str]| {
        let output = Command::new(program).current_dir(&folder).args(arguments).output().unwrap();
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert!(output.status.success(), "{arguments:?}: {said}");
    };
    for level in ["B", "LTA"] {
        let cms = ["cms", "-verify", "-binary", "-inform", "DER", "-noverify", "-out", "content", "-in"];
        ran("openssl", &[&cms[..], &[&format!("cades-default-{level}")]].concat());
        assert_eq!(std::fs::read_to_string(folder.join("content")).unwrap(), LETTER);
        ran("openssl", &[&cms[..], &[&format!("cades-detached-{level}"), "-content", "letter.xml"]].concat());
        let properties = "http://uri.etsi.org/01903/v1.3.2#:SignedProperties";
        ran("xmlsec1", &["--verify", "--insecure", "--id-attr:Id", properties, &format!("xades-default-{level}")]);
        ran("python3", &["-m", "zipfile", "-t", &format!("asice-default-{level}")]);
        ran("python3", &["-m", "zipfile", "-t", &format!("asics-default-{level}")]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pdf_gets_an_archive_timestamp_and_other_keys_sign_other_formats() {
    let test = TestApp::start(Backend::Postgres).await;
    let citizen = citizen(&test).await;
    let archived = citizen.sign(&test, &plain_pdf(), json!({ "level": "LTA" })).await;
    // pdfsig counts signatures only; pyHanko judges the document timestamp as well.
    judged_valid(&test, &folder("formats"), "archived.pdf", &archived, 1).await;
    let rsa = official(&test, "rsa3072").await;
    for (format, packaging) in [("cades", "detached"), ("xades", "enveloped"), ("jades", "attached")] {
        let order = json!({ "format": format, "packaging": packaging, "level": "LT" });
        let (answer, _) = signed(&test, &rsa, "text/xml; charset=utf-8", order).await;
        assert_eq!(answer["report"]["integrity"], "intact", "{answer}");
        assert_eq!(answer["document"]["media_type"], "text/xml");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pdf_is_signed_in_every_format_that_can_hold_it() {
    let test = TestApp::start(Backend::Sqlite).await;
    let citizen = citizen(&test).await;
    for (format, packaging) in [
        ("asice", None),
        ("asics", None),
        ("cades", Some("attached")),
        ("cades", Some("detached")),
        ("xades", Some("attached")),
        ("xades", Some("detached")),
        ("jades", Some("attached")),
        ("jades", Some("detached")),
    ] {
        let mut order = json!({ "format": format, "level": "T" });
        if let Some(packaging) = packaging {
            order["packaging"] = packaging.into();
        }
        let id = citizen.upload(&test, &plain_pdf()).await;
        let (status, answer) = citizen.ask(&test, &id, PIN, order).await;
        assert_eq!(status, 200, "{format} {packaging:?}: {answer}");
        assert_eq!(answer["report"]["integrity"], "intact", "{format} {packaging:?}: {answer}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_does_not_fit_is_refused_and_costs_no_try() {
    let test = TestApp::start(Backend::Sqlite).await;
    let citizen = citizen(&test).await;
    let upload = async |name: &str, media_type: &str, body: &[u8]| {
        let path = format!("/api/v1/documents?name={name}");
        let (status, document) = test.request("POST", &path, &citizen.token, media_type, body.to_vec()).await;
        assert_eq!(status, 201, "{document}");
        document["id"].as_str().unwrap().to_owned()
    };
    let problem = |answer: &Value| answer["type"].as_str().unwrap_or_default().rsplit(':').next().unwrap().to_owned();
    let signed = "<a><Signature xmlns=\"http://www.w3.org/2000/09/xmldsig#\"/></a>";
    let cases: [(&str, &str, &[u8], Value, &str); 8] = [
        ("a.txt", "text/plain", b"text", json!({}), "not_pdf"),
        ("a.xml", "text/xml", b"<a/>", json!({ "format": "asice", "packaging": "detached" }), "packaging_unknown"),
        ("a.xml", "text/xml", b"<a>", json!({ "format": "xades" }), "document_unsuitable"),
        (
            "a.xml",
            "text/xml",
            b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>",
            json!({ "format": "xades" }),
            "document_unsuitable",
        ),
        ("a.xml", "text/xml", signed.as_bytes(), json!({ "format": "xades" }), "document_unsuitable"),
        ("mimetype", "text/plain", b"text", json!({ "format": "asice" }), "name_not_in_container"),
        ("a.xml", "text/xml", b"<a/>", json!({ "format": "pades" }), "not_pdf"),
        (
            "a.json",
            "application/json",
            b"{}",
            json!({ "format": "pades", "packaging": "attached" }),
            "packaging_unknown",
        ),
    ];
    for (name, media_type, body, order, code) in cases {
        let id = upload(name, media_type, body).await;
        let (status, answer) = citizen.ask(&test, &id, PIN, order.clone()).await;
        assert_eq!((status, problem(&answer).as_str()), (422, code), "{name} {order}: {answer}");
    }
    let id = upload("a.xml", "text/xml", b"<a/>").await;
    assert_eq!(citizen.ask(&test, &id, PIN, json!({ "format": "cades" })).await.0, 200);
    let (status, answer) = citizen.ask(&test, &id, PIN, json!({ "format": "cades" })).await;
    assert_eq!((status, problem(&answer).as_str()), (409, "already_signed"));
    let (_, credentials) = test.get("/api/v1/credentials", &citizen.token).await;
    assert_eq!(credentials["credentials"][0]["tries_left"], 5, "no try was counted: {credentials}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_command_line_signs_what_is_no_pdf() {
    let test = TestApp::sqlite().await;
    let citizen = citizen(&test).await;
    let state = tempfile::tempdir().unwrap();
    let at = |name: &str| state.path().join(name).display().to_string();
    std::fs::write(at("letter.xml"), LETTER).unwrap();
    std::fs::write(at("notes.txt"), "ghi chú").unwrap();
    std::fs::write(at("pin"), PIN).unwrap();
    std::fs::write(at("password"), PASSWORD).unwrap();
    let run = async |words: &[&str]| {
        let (path, words) = (state.path().to_owned(), words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>());
        tokio::task::spawn_blocking(move || {
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            let output = chuky(&path, &words);
            (output.status.code(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
        })
        .await
        .unwrap()
    };
    let (code, said) = run(&["login", "--server", &test.url, "--password-file", &at("password"), "cong.dan"]).await;
    assert_eq!(code, Some(0), "{said}");
    let common = ["sign", "--credential", &citizen.credential, "--pin-file", &at("pin")].map(str::to_owned);
    for (format, level, source, out) in [
        ("xades", "LTA", "letter.xml", "signed.xml"),
        ("asice", "T", "notes.txt", "notes.asice"),
        ("jades", "B", "notes.txt", "notes.jws"),
    ] {
        let mut words: Vec<&str> = common.iter().map(String::as_str).collect();
        let (source, out) = (at(source), at(out));
        words.extend(["--format", format, "--level", level, "-o", &out, &source]);
        let (code, said) = run(&words).await;
        assert_eq!(code, Some(0), "{format}: {said}");
        // Without an anchor nothing is trusted; what was signed is intact all the same.
        let (_, said) = run(&["verify", "--json", &out]).await;
        let report: Value = serde_json::from_str(said.lines().next().unwrap()).unwrap_or_else(|_| panic!("{said}"));
        let report = report.get("reports").and_then(|list| list.get(0)).unwrap_or(&report).clone();
        assert_eq!(report["integrity"], "intact", "{said}");
    }
}
