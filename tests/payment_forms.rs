//! Payments in every form over HTTP: consumed once whatever the form, fields in a form and in JSON, a stream of mixed lines, evidence that
//! comes along; and the clients of the documents against the served binary.

use crate::{
    harness::{
        app::{Backend, TestApp},
        payer::{Authority, Payer, p256},
    },
    payments::{Served, key_of, outcome, send},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use chuky_model::role::Role;
use openssl::{
    cms::{CMSOptions, CmsContentInfo},
    hash::MessageDigest,
    sign::Signer,
    stack::Stack,
    x509::X509,
};
use serde_json::{Value, json};
use std::{path::PathBuf, process::Command};

const VERIFY: &str = "/api/v1/transactions/verify";

struct Scene {
    test: TestApp,
    provider: String,
    payer: Payer,
}

async fn scene() -> Scene {
    let layout = r#"
        name = "switch"
        separator = "|"
        currency = "VND"
        fields = [{ member = "id" }, { member = "payer" }, { member = "payee" }, { member = "amount" }, { member = "created" },
                  { member = "expires" }, { member = "reference" }]"#;
    let layout: chuky_pki::payment::Layout = toml::from_str(layout).unwrap();
    layout.check().unwrap();
    let test = TestApp::start_with(Backend::Sqlite, |settings| settings.order_policy.layouts.push(layout)).await;
    let provider = key_of(&test, "vi.dien.tu", Role::PaymentProvider).await;
    let payer = Authority::enter(&test.app).await.payer(&test.app, p256()).await;
    Scene { test, provider, payer }
}

/// The order as a pacs.008; its end is that of the day, as a date has it.
pub fn pacs_008(order: &Value) -> String {
    let text = |name: &str| order[name].as_str().unwrap();
    format!(
        "<Document xmlns=\"urn:iso:std:iso:20022:tech:xsd:pacs.008.001.08\"><FIToFICstmrCdtTrf><GrpHdr><CreDtTm>{}</CreDtTm><NbOfTxs>1</NbOfTxs>\
         </GrpHdr><CdtTrfTxInf><PmtId><EndToEndId>{}</EndToEndId></PmtId><IntrBkSttlmAmt Ccy=\"VND\">{}</IntrBkSttlmAmt>\
         <IntrBkSttlmDt>{}</IntrBkSttlmDt><Dbtr><Id><PrvtId><Othr><Id>{}</Id></Othr></PrvtId></Id></Dbtr>\
         <Cdtr><Id><OrgId><Othr><Id>{}</Id></Othr></OrgId></Id></Cdtr><RmtInf><Ustrd>{}</Ustrd></RmtInf></CdtTrfTxInf></FIToFICstmrCdtTrf></Document>",
        text("created"),
        text("id"),
        order["amount"],
        &text("expires")[..10],
        text("payer"),
        text("payee"),
        text("reference"),
    )
}

/// An order until the end of a day in Vietnam, so that every form can say it.
fn order(scene: &Scene, id: &str) -> Value {
    let mut order = scene.payer.order(&scene.test.app, id);
    let local = scene.test.app.clock.now().plus_seconds(86_400).in_vietnam().unwrap();
    order["expires"] =
        format!("{:04}-{:02}-{:02}T23:59:59+07:00", local.year(), u8::from(local.month()), local.day()).into();
    order
}

fn raw(order: &Value) -> String {
    let names = ["id", "payer", "payee", "amount", "created", "expires", "reference"];
    names.map(|name| order[name].as_str().map_or_else(|| order[name].to_string(), str::to_owned)).join("|")
}

fn value(payer: &Payer, content: &str) -> Vec<u8> {
    Signer::new(MessageDigest::sha256(), &payer.holder.key).unwrap().sign_oneshot_to_vec(content.as_bytes()).unwrap()
}

fn cms(payer: &Payer, content: &str, inside: bool) -> Vec<u8> {
    let mut others = Stack::new().unwrap();
    others.push(X509::from_der(&payer.issuing).unwrap()).unwrap();
    let options = CMSOptions::BINARY | if inside { CMSOptions::empty() } else { CMSOptions::DETACHED };
    let (certificate, key) = (&payer.holder.certificate, &payer.holder.key);
    let made = CmsContentInfo::sign(Some(certificate), Some(key), Some(&others), Some(content.as_bytes()), options);
    made.unwrap().to_der().unwrap()
}

/// A pacs.008 with an enveloped signature by xmlsec1.
fn signed_xml(payer: &Payer, message: &str) -> String {
    signed_xml_over(payer, message, "")
}

/// The same over what that reference means: nothing is the whole document, `#…` what has that `Id`.
pub fn signed_xml_over(payer: &Payer, message: &str, reference: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, content: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path.display().to_string()
    };
    let template = "<ds:Signature xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\"><ds:SignedInfo>\
        <ds:CanonicalizationMethod Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"/>\
        <ds:SignatureMethod Algorithm=\"http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256\"/><ds:Reference URI=\"REFERENCE\"><ds:Transforms>\
        <ds:Transform Algorithm=\"http://www.w3.org/2000/09/xmldsig#enveloped-signature\"/></ds:Transforms>\
        <ds:DigestMethod Algorithm=\"http://www.w3.org/2001/04/xmlenc#sha256\"/><ds:DigestValue/></ds:Reference></ds:SignedInfo>\
        <ds:SignatureValue/><ds:KeyInfo><ds:X509Data/></ds:KeyInfo></ds:Signature></Document>";
    let key = write("key.pem", &payer.holder.key.private_key_to_pem_pkcs8().unwrap());
    let own = write("own.pem", &payer.holder.certificate.to_pem().unwrap());
    let issuing = write("issuing.pem", &X509::from_der(&payer.issuing).unwrap().to_pem().unwrap());
    let source = message.replace("</Document>", &template.replace("REFERENCE", reference));
    let source = write("message.xml", source.as_bytes());
    let keys = format!("{key},{own},{issuing}");
    let mut command = Command::new("xmlsec1");
    command.args(["--sign", "--privkey-pem", &keys, "--id-attr:Id", "Document", &source]);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The parts as a form.
fn form(parts: &[(&str, &[u8])]) -> (&'static str, Vec<u8>) {
    let mut body = Vec::new();
    for (name, content) in parts {
        body.extend(format!("--frontier\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n").bytes());
        body.extend_from_slice(content);
        body.extend(b"\r\n");
    }
    body.extend(b"--frontier--\r\n");
    ("multipart/form-data; boundary=frontier", body)
}

async fn post(scene: &Scene, kind: &str, body: Vec<u8>) -> Value {
    let (status, answer) = scene.test.request("POST", VERIFY, &scene.provider, kind, body).await;
    assert_eq!(status, 200, "{answer}");
    answer
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_payment_in_seven_forms_is_accepted_once() {
    let scene = scene().await;
    let Scene { test, provider, payer } = &scene;
    let order = order(&scene, "INV-1");
    let text = order.to_string();
    let first = send(test, provider, &signed_xml(payer, &pacs_008(&order))).await;
    assert_eq!(outcome(&first), ("accepted", "first"), "{first}");
    assert!(first["checks"].as_array().unwrap().iter().all(|check| check["outcome"] == "passed"), "{first}");
    assert_eq!(outcome(&send(test, provider, &payer.sign(&order)).await), ("accepted", "repeated"), "JWS");
    let answer = post(&scene, "application/cms", cms(payer, &text, true)).await;
    assert_eq!(outcome(&answer), ("accepted", "repeated"), "CMS: {answer}");
    let apart = cms(payer, &text, false);
    let (kind, body) = form(&[("signature", &apart), ("content", text.as_bytes())]);
    let answer = post(&scene, kind, body).await;
    assert_eq!(outcome(&answer), ("accepted", "repeated"), "detached CMS: {answer}");
    let object = json!({ "signature": STANDARD.encode(&apart), "content": text });
    let answer = post(&scene, "application/json", object.to_string().into_bytes()).await;
    assert_eq!(outcome(&answer), ("accepted", "repeated"), "detached CMS in JSON: {answer}");
    let content = raw(&order);
    let serial = payer.holder.certificate.serial_number().to_bn().unwrap().to_hex_str().unwrap().to_lowercase();
    let bare = value(payer, &content);
    let parts: [(&str, &[u8]); 5] = [
        ("signature", &bare),
        ("content", content.as_bytes()),
        ("layout", b"switch"),
        ("algorithm", b"ES256"),
        ("serial", serial.as_bytes()),
    ];
    let (kind, body) = form(&parts);
    let answer = post(&scene, kind, body.clone()).await;
    assert_eq!(outcome(&answer), ("accepted", "repeated"), "bare: {answer}");
    assert_eq!(outcome(&post(&scene, kind, body).await), ("accepted", "repeated"), "remembered");
    // Another amount in another form is a conflict all the same.
    let mut other = order.clone();
    other["amount"] = 1_500_000.into();
    let conflict = send(test, provider, &signed_xml(payer, &pacs_008(&other))).await;
    assert_eq!((outcome(&conflict), &conflict["reasons"][0]), (("rejected", "conflict"), &"conflict".into()));
    assert_eq!(test.sql("SELECT COUNT(*) FROM payment_identity"), "1");
    // A form that cannot be read is a problem; one that says too little is a verdict.
    let wrong: [&[(&str, &[u8])]; 3] =
        [&[("signatur", b"x")], &[("signature", b"a"), ("signature", b"b")], &[("layout", b"\xff")]];
    for parts in wrong {
        let (kind, body) = form(parts);
        let (status, answer) = test.request("POST", VERIFY, provider, kind, body).await;
        assert_eq!((status, &answer["type"]), (422, &"urn:chuky:problem:form_part_unknown".into()));
    }
    let (kind, body) = form(&[("signature", &apart)]);
    assert_eq!(post(&scene, kind, body).await["reasons"][0], "content_missing");
    let (kind, body) = form(&[("signature", &apart), ("content", &vec![b'a'; 1 << 18])]);
    assert_eq!(test.request("POST", VERIFY, provider, kind, body).await.0, 413);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_mixes_forms_line_by_line() {
    let scene = scene().await;
    let Scene { test, provider, payer } = &scene;
    let orders: Vec<Value> = (0..6).map(|number| order(&scene, &format!("INV-{number}"))).collect();
    let apart = cms(payer, &orders[3].to_string(), false);
    let content = raw(&orders[4]);
    let lines = [
        payer.sign(&orders[0]),
        serde_json::to_string(&signed_xml(payer, &pacs_008(&orders[1]))).unwrap(),
        serde_json::to_string(&STANDARD.encode(cms(payer, &orders[2].to_string(), true))).unwrap(),
        json!({ "signature": STANDARD.encode(apart), "content": orders[3].to_string() }).to_string(),
        json!({ "signature": STANDARD.encode(value(payer, &content)), "content": content, "layout": "switch", "algorithm": "ES256",
            "certificate": STANDARD.encode(payer.holder.certificate.to_der().unwrap()) })
        .to_string(),
        json!({ "signature": "AAAA", "content": content, "layout": "other", "algorithm": "ES256", "serial": "01" }).to_string(),
    ];
    let path = "/api/v1/transactions/verify-batch";
    let body = (lines.join("\n") + "\n").into_bytes();
    let (status, bytes) = test.raw("POST", path, provider, "application/x-ndjson", body).await;
    assert_eq!(status, 200);
    let answers: Vec<Value> =
        String::from_utf8(bytes).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for (at, answer) in answers.iter().take(5).enumerate() {
        assert_eq!(outcome(answer), ("accepted", "first"), "line {at}: {answer}");
    }
    assert_eq!((answers.len(), &answers[5]["reasons"][0]), (6, &"unknown_layout".into()));
}

/// The clients of `docs/clients`, as they stand.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_documents_clients_run() {
    let scene = scene().await;
    let Scene { test, provider, payer } = &scene;
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, content: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    };
    let key = write("key.pem", &payer.holder.key.private_key_to_pem_pkcs8().unwrap());
    let own = write("own.pem", &payer.holder.certificate.to_pem().unwrap());
    let issuing = write("issuing.pem", &X509::from_der(&payer.issuing).unwrap().to_pem().unwrap());
    let orders: Vec<PathBuf> = (0..4)
        .map(|number| {
            let order = payer.order(&test.app, &format!("CLIENT-{number}"));
            write(&format!("{number}.json"), order.to_string().as_bytes())
        })
        .collect();
    let served = Served::start(test, "");
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let run = |program: PathBuf, script: &str, orders: &[PathBuf]| -> Vec<Value> {
        let output = Command::new(program)
            .arg(root.join("docs/clients").join(script))
            .args([&key, &own, &issuing])
            .args(orders)
            .envs([("CHUKY", served.url.as_str()), ("KEY", provider.as_str())])
            .output()
            .unwrap();
        assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let first = |answers: Vec<Value>, wanted: usize, client: &str| {
        assert_eq!(answers.len(), wanted, "{client}");
        for answer in answers {
            assert_eq!(outcome(&answer), ("accepted", "first"), "{client}: {answer}");
        }
    };
    first(run("sh".into(), "verify.sh", &orders[..1]), 1, "curl");
    let python = root.join("target/venv/bin/python");
    if python.exists() {
        first(run(python, "verify.py", &orders[1..2]), 1, "Python");
    } else {
        println!("SKIPPED: no joserfc in target/venv (scripts/venv makes it)");
    }
    first(run("node".into(), "verify.mjs", &orders[2..]), 2, "Node");
}

async fn one_signature_is_one_order(backend: Backend) {
    let layout = |name: &str, separator: &str, bank: &str| -> chuky_pki::payment::Layout {
        let text = format!(
            "name = \"{name}\"\nseparator = \"{separator}\"\ncurrency = \"VND\"\nvalid_seconds = 900\nfields = [{{ member = \"id\" }}, {{ member = \"payer\" }}, \
             {{ member = \"payee\", prefix = \"account:{bank}:\" }}, {{ member = \"amount\" }}, {{ member = \"created\", form = \"compact\" }}]"
        );
        toml::from_str(&text).unwrap()
    };
    let layouts = [layout("bank-a", "|", "970436"), layout("bank-b", "|", "970418"), layout("bank-c", ";", "970418")];
    let test = TestApp::start_with(backend, |settings| settings.order_policy.layouts.extend(layouts)).await;
    let provider = key_of(&test, "vi.dien.tu", Role::PaymentProvider).await;
    let payer = Authority::enter(&test.app).await.payer(&test.app, p256()).await;
    let created: String =
        test.app.clock.now().plus_seconds(7 * 3_600).rfc3339().chars().filter(char::is_ascii_digit).take(14).collect();
    let certificate = String::from_utf8(payer.holder.certificate.to_pem().unwrap()).unwrap();
    let issuing = String::from_utf8(X509::from_der(&payer.issuing).unwrap().to_pem().unwrap()).unwrap();
    let ask = async |name: &str, content: &str| {
        let body = json!({
            "signature": STANDARD.encode(value(&payer, content)), "content": content, "layout": name, "algorithm": "ES256",
            "certificate": certificate
        });
        let (status, answer) =
            test.request("POST", VERIFY, &provider, "application/json", body.to_string().into()).await;
        assert_eq!(status, 200, "{answer} {issuing}");
        answer
    };
    let content = ["INV-77", crate::harness::payer::UID, "0123456789", "150000", &created].join("|");
    for name in ["bank-a", "bank-b"] {
        let answer = ask(name, &content).await;
        assert_eq!(
            (outcome(&answer), &answer["reasons"]),
            (("rejected", "not_consumed"), &json!(["ambiguous_layout"])),
            "{name}"
        );
    }
    assert_eq!(test.sql("SELECT COUNT(*) FROM payment_identity"), "0");
    // One that a single layout reads is accepted.
    let answer = ask("bank-c", &content.replace('|', ";")).await;
    assert_eq!(outcome(&answer), ("accepted", "first"), "{answer}");
    test.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_signature_is_one_order_on_sqlite() {
    one_signature_is_one_order(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_signature_is_one_order_on_postgres() {
    one_signature_is_one_order(Backend::Postgres).await;
}
