//! `chuky bridge`: one site's pages have digests signed by the token in this machine, each agreed to on the terminal, in a real browser from
//! pairing to the signed file; and no other site, no other address, no wrong code and no missing token gets anything.

use super::{
    foreign::Person,
    subscriber::{folder, judged_valid, letter_pdf, plain_pdf},
};
use crate::{
    harness::{
        app::{EXECUTABLE, TestApp},
        browser::{Browser, Screen},
    },
    issuance::{PASSWORD, fetch, own_key::issued_for_own_key},
};
use openssl::pkey::{PKey, Private};
use serde_json::{Value, json};
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc,
    time::Duration,
};

/// A bridge with its terminal: what it prints, and what is typed.
pub struct Bridge {
    child: Child,
    typed: ChildStdin,
    printed: mpsc::Receiver<String>,
    pub address: String,
}

impl Bridge {
    pub fn start(person: &Person, site: &str) -> Self {
        let mut child = Command::new(EXECUTABLE)
            .args(["--lang", "en", "bridge", "--module", &person.module(), "--pin-file", "pin", "--site", site])
            .args(["--port", "0"])
            .current_dir(person.folder.path())
            .env("SOFTHSM2_CONF", person.at("softhsm2.conf"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let (line, printed) = mpsc::channel();
        std::thread::spawn(move || output.lines().map_while(Result::ok).try_for_each(|said| line.send(said)));
        let typed = child.stdin.take().unwrap();
        let mut bridge = Self { child, typed, printed, address: String::new() };
        let first = bridge.wait_for("http://");
        bridge.address = first.split_whitespace().next().unwrap().to_owned();
        bridge
    }

    /// The next line that holds these words.
    pub fn wait_for(&self, words: &str) -> String {
        loop {
            let line = self.printed.recv_timeout(Duration::from_secs(60));
            let line = line.unwrap_or_else(|_| panic!("{words:?} is not printed"));
            if line.contains(words) {
                return line;
            }
        }
    }

    pub fn code(&self) -> String {
        self.wait_for("Pairing code: ").rsplit(' ').next().unwrap().to_owned()
    }

    pub fn answer(&mut self, line: &str) {
        writeln!(self.typed, "{line}").unwrap();
        self.typed.flush().unwrap();
    }

    fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
        ask_at(&self.address, method, path, headers, body)
    }
}

/// Status, headers, JSON.
type Answer = (u16, ureq::http::HeaderMap, Value);

fn ask_at(address: &str, method: &str, path: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(Duration::from_secs(60)))
        .build()
        .into();
    let mut request = ureq::http::Request::builder().method(method).uri(format!("{address}{path}"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
    let mut answer = agent.run(request.body(body).unwrap()).unwrap();
    let said = answer.body_mut().read_to_vec().unwrap();
    (answer.status().as_u16(), answer.headers().clone(), serde_json::from_slice(&said).unwrap_or(Value::Null))
}

impl Drop for Bridge {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const SITE: &str = "https://chuky.example";

#[test]
fn one_site_is_answered_and_only_after_pairing_and_consent() {
    let person = Person::with_token();
    let mut bridge = Bridge::start(&person, SITE);
    assert!(bridge.address.starts_with("http://127.0.0.1:"), "{}", bridge.address);
    let code = bridge.code();
    let ours = ("origin", SITE);
    refuses_others(&bridge, &code);
    // What a browser asks before the request itself.
    let preflight =
        [ours, ("access-control-request-method", "POST"), ("access-control-request-private-network", "true")];
    let (status, given, _) = bridge.ask("OPTIONS", "/sign", &preflight, &Value::Null);
    let header = |name: &str| given.get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default();
    assert_eq!((status, header("access-control-allow-origin")), (204, SITE.to_owned()));
    assert_eq!(header("access-control-allow-private-network"), "true");
    assert_eq!(header("access-control-allow-credentials"), "");
    // Not paired; a wrong code; the right one, once.
    let digest = openssl::base64::encode_block(&[7; 32]);
    let order = json!({ "name": "thư.pdf", "sha256": "ab".repeat(32), "digest": digest });
    assert_eq!(bridge.ask("POST", "/sign", &[ours], &order).0, 401);
    assert_eq!(bridge.ask("POST", "/sign", &[ours, ("authorization", "Bearer 00")], &order).0, 401);
    assert_eq!(bridge.ask("GET", "/certificate", &[ours], &Value::Null).0, 401);
    assert_eq!(bridge.ask("POST", "/pair", &[ours], &json!({ "code": "0000-0000" })).2["code"], "code_wrong");
    let (status, _, paired) = bridge.ask("POST", "/pair", &[ours], &json!({ "code": code.to_lowercase() }));
    assert_eq!(status, 200, "{paired}");
    assert_eq!(bridge.ask("POST", "/pair", &[ours], &json!({ "code": code })).0, 403, "a code is good once");
    let next = bridge.code();
    let bearer = format!("Bearer {}", paired["token"].as_str().unwrap());
    let held = [ours, ("authorization", bearer.as_str())];
    let (status, _, certificate) = bridge.ask("GET", "/certificate", &held, &Value::Null);
    assert_eq!((status, &certificate["common_name"]), (200, &"Trần Văn Khương".into()), "{certificate}");
    // What is no digest of the key's hash is never shown.
    for bad in [
        json!({}),
        json!({ "name": "a", "sha256": "ab", "digest": digest }),
        json!({ "name": "a", "sha256": "ab".repeat(32), "digest": "AAAA" }),
    ] {
        assert_eq!(bridge.ask("POST", "/sign", &held, &bad).2["code"], "malformed");
    }
    // No, silence, and yes. What the site says cannot move the cursor.
    bridge.answer("n");
    let named = json!({ "name": "thư\u{1b}[2J.pdf", "sha256": "ab".repeat(32), "digest": digest });
    assert_eq!(bridge.ask("POST", "/sign", &held, &named).2["code"], "declined");
    assert!(bridge.wait_for("Document: ").contains("thư[2J.pdf"));
    bridge.answer("");
    assert_eq!(bridge.ask("POST", "/sign", &held, &order).2["code"], "declined");
    bridge.answer("y");
    let (status, _, signed) = bridge.ask("POST", "/sign", &held, &order);
    assert_eq!(status, 200, "{signed}");
    let value = openssl::base64::decode_block(signed["value"].as_str().unwrap()).unwrap();
    let der = openssl::base64::decode_block(certificate["certificate"].as_str().unwrap()).unwrap();
    let key = openssl::x509::X509::from_der(&der).unwrap().public_key().unwrap().ec_key().unwrap();
    assert!(openssl::ecdsa::EcdsaSig::from_der(&value).unwrap().verify(&[7; 32], &key).unwrap());
    proofs_alone_are_proved(&mut bridge, &held, &der);
    one_question_at_a_time(&mut bridge, &held, &order);
    // The next pairing takes the earlier one's place.
    assert_eq!(bridge.ask("POST", "/pair", &[ours], &json!({ "code": next })).0, 200);
    assert_eq!(bridge.ask("POST", "/sign", &held, &order).2["code"], "not_paired");
    // Five wrong codes end it.
    for _ in 0..4 {
        assert_eq!(bridge.ask("POST", "/pair", &[ours], &json!({ "code": "0000-0000" })).2["code"], "code_wrong");
    }
    assert_eq!(bridge.ask("POST", "/pair", &[ours], &json!({ "code": "0000-0000" })).2["code"], "closed");
    assert_eq!(bridge.child.wait().unwrap().code(), Some(1));
}

/// Nothing but a proof for this site and this certificate is taken as one.
fn proofs_alone_are_proved(bridge: &mut Bridge, held: &[(&str, &str)], der: &[u8]) {
    let proof = |certificate: &str, site: &str| {
        let text = format!(
            "CHUKY-PROOF-OF-POSSESSION-V1\nĐây không phải là văn bản. Chữ ký này chỉ chứng minh đang giữ khóa của chứng thư.\n\
             This is no document. The signature only proves that the key of the certificate is at hand.\nservice: {site}\n\
             account: an.tran\ncertificate: {certificate}\nnonce: {}\nuntil: 2026-11-27T03:00:00Z\n",
            "01".repeat(32)
        );
        json!({ "text": text })
    };
    let own = hex::encode(openssl::sha::sha256(der));
    assert_eq!(bridge.ask("POST", "/prove", &held[..1], &proof(&own, SITE)).0, 401);
    for (order, code) in [
        (json!({ "text": "%PDF-1.7" }), "malformed"),
        (proof(&own, "https://other.example"), "another_proof"),
        (proof(&"ab".repeat(32), SITE), "another_proof"),
    ] {
        assert_eq!(bridge.ask("POST", "/prove", held, &order).2["code"], code, "{order}");
    }
    bridge.answer("y");
    let asked = proof(&own, SITE);
    let (status, _, proved) = bridge.ask("POST", "/prove", held, &asked);
    assert_eq!((status, &proved["scheme"]), (200, &json!("ecdsa_sha256")), "{proved}");
    let key = openssl::x509::X509::from_der(der).unwrap().public_key().unwrap().ec_key().unwrap();
    let value = openssl::base64::decode_block(proved["value"].as_str().unwrap()).unwrap();
    let digest = openssl::sha::sha256(asked["text"].as_str().unwrap().as_bytes());
    assert!(openssl::ecdsa::EcdsaSig::from_der(&value).unwrap().verify(&digest, &key).unwrap());
}

/// While the terminal asks, nothing else is asked.
fn one_question_at_a_time(bridge: &mut Bridge, held: &[(&str, &str)], order: &Value) {
    let (asking, mut asked) = (bridge.address.clone(), order.clone());
    asked["name"] = json!("một lúc.pdf");
    let headers: Vec<(String, String)> = held.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    let first = std::thread::spawn(move || {
        let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        ask_at(&asking, "POST", "/sign", &headers, &asked)
    });
    // What is printed before is of other questions.
    bridge.wait_for("một lúc.pdf");
    bridge.wait_for("Digest to sign:");
    assert_eq!(bridge.ask("POST", "/sign", held, order).2["code"], "busy");
    bridge.answer("n");
    assert_eq!(first.join().unwrap().2["code"], "declined");
}

/// Everybody but the site's pages at this address gets nothing, whatever they ask for.
fn refuses_others(bridge: &Bridge, code: &str) {
    // Another site, none, a site that begins the same, another name for this address.
    for headers in [
        vec![("origin", "https://evil.example")],
        vec![],
        vec![("origin", "https://chuky.example.evil")],
        vec![("origin", "http://chuky.example")],
        vec![("origin", "null")],
    ] {
        for (method, path) in [("POST", "/pair"), ("GET", "/certificate"), ("POST", "/sign"), ("OPTIONS", "/sign")] {
            let body = if method == "POST" { json!({ "code": code }) } else { Value::Null };
            let (status, given, _) = bridge.ask(method, path, &headers, &body);
            assert_eq!((status, given.get("access-control-allow-origin")), (403, None), "{headers:?} {path}");
        }
    }
    // Another name for this address (DNS rebinding).
    for host in ["chuky.example", "localhost:17345", "127.0.0.1"] {
        let mut stream = TcpStream::connect(bridge.address.trim_start_matches("http://")).unwrap();
        let head = format!("GET /certificate HTTP/1.1\r\nhost: {host}\r\norigin: {SITE}\r\nconnection: close\r\n\r\n");
        stream.write_all(head.as_bytes()).unwrap();
        let mut said = String::new();
        stream.read_to_string(&mut said).unwrap();
        assert!(said.starts_with("HTTP/1.1 403"), "{host}: {said}");
    }
}

#[test]
fn what_is_no_site_and_a_pin_that_is_wrong_open_nothing() {
    let person = Person::with_token();
    let run = |arguments: &[&str]| {
        let output = Command::new(EXECUTABLE)
            .args(["--lang", "en", "bridge", "--port", "0"])
            .args(arguments)
            .current_dir(person.folder.path())
            .env("SOFTHSM2_CONF", person.at("softhsm2.conf"))
            .stdin(Stdio::null())
            .output()
            .unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let module = person.module();
    let (code, said) = run(&["--module", &module, "--pin-file", "pin", "--site", "http://chuky.example"]);
    assert!(code == Some(2) && said.contains("--site"), "{said}");
    let (code, said) = run(&["--pin-file", "pin", "--site", SITE]);
    assert!(code == Some(2) && said.contains("--module"), "{said}");
    let (code, said) = run(&["--module", &module, "--pin-file", "wrong-pin", "--site", SITE]);
    assert!(code == Some(1) && said.contains("the PIN is wrong"), "{said}");
}

/// The whole road, from the page's code to a file that the foreign judges accept.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_signs_with_a_token_at_this_computer() {
    let test = TestApp::sqlite().await;
    // A token of the holder's own, certified by this authority.
    let person = Person::new();
    let receipt = issued_for_own_key(&test, person.folder.path()).await;
    fetch(&test, person.folder.path(), "citizens", &receipt).await;
    let read = |name: &str| std::fs::read(person.at(name)).unwrap();
    let key: PKey<Private> = PKey::private_key_from_pem(&read("key.pem")).unwrap();
    person.token("VGCA");
    person.bare_key("VGCA", "ky", "01", &key);
    let certificate = openssl::x509::X509::from_pem(&read("subscriber.pem")).unwrap();
    person.put_certificate("VGCA", "ky", "01", &certificate);
    let mut bridge = Bridge::start(&person, &test.url);
    let page = format!("/sign/own?port={}", bridge.address.rsplit(':').next().unwrap());
    let code = bridge.code();
    let source = person.at("don.pdf");
    std::fs::write(&source, letter_pdf(&test).unwrap_or_else(plain_pdf)).unwrap();
    let desk = Browser::open(&test.url, Screen::Desk).await;
    desk.go(&page).await;
    desk.log_in("own.key", PASSWORD).await;
    desk.go(&page).await;
    desk.picture("sign-own").await;
    desk.fill("code", "0000-0000").await;
    desk.press("[data-pair] button.main").await;
    desk.see("[data-pair] [data-problem]:not([hidden])").await;
    desk.picture("sign-own-wrong-code").await;
    desk.fill("code", &code).await;
    desk.press("[data-pair] button.main").await;
    assert!(desk.see("[data-sign-own]:not([hidden]) [data-holder]").await.contains("Nguyễn Thị Hồng Ưởng"));
    let next = bridge.code();
    // The first time the holder does not agree.
    desk.choose_file("#document", &source).await;
    desk.picture("sign-own-paired").await;
    bridge.answer("n");
    desk.press("[data-sign-own] button.main").await;
    desk.see("[data-sign-own] [data-problem]:not([hidden])").await;
    assert!(bridge.wait_for("Document: ").contains("don.pdf"));
    assert!(desk.has("[data-done][hidden]").await);
    bridge.answer("y");
    let keep = "const made = URL.createObjectURL; URL.createObjectURL = (blob) => { window.made = blob; return made.call(URL, blob); };";
    desk.client.execute(keep, vec![]).await.unwrap();
    desk.press("[data-sign-own] button.main").await;
    desk.see("[data-done]:not([hidden]) a").await;
    desk.picture("sign-own-done").await;
    let read = "const done = arguments[arguments.length - 1]; window.made.arrayBuffer().then((octets) => { \
        let text = ''; for (const octet of new Uint8Array(octets)) text += String.fromCharCode(octet); done(btoa(text)); });";
    let text = desk.client.execute_async(read, vec![]).await.unwrap();
    let signed = openssl::base64::decode_block(text.as_str().unwrap()).unwrap();
    judged_valid(&test, &folder("bridge"), "signed.pdf", &signed, 1).await;
    desk.close().await;
    // The same on a phone's width, as far as the second step.
    let phone = Browser::open(&test.url, Screen::Phone).await;
    phone.go(&page).await;
    phone.log_in("own.key", PASSWORD).await;
    phone.go(&page).await;
    phone.picture("sign-own").await;
    phone.fill("code", &next).await;
    phone.press("[data-pair] button.main").await;
    phone.see("[data-sign-own]:not([hidden]) [data-holder]").await;
    phone.picture("sign-own-paired").await;
    phone.close().await;
}
