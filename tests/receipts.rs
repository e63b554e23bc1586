//! Receipts of payments: given by the API in both forms, checked by an independent program, by `chuky receipt verify`, by the API and on the
//! page; altered in every part they hold no more.

use crate::harness::{
    app::{EXECUTABLE, TestApp},
    payer::{Authority, Payer, p256},
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD as URL};
use chuky_model::role::Role;
use serde_json::{Value, json};
use std::{fs, path::PathBuf, process::Command};

struct Scene {
    test: TestApp,
    provider: String,
    payer: Payer,
    keys: PathBuf,
}

async fn scene() -> Scene {
    let test = TestApp::sqlite().await;
    let (_, provider) = test.account("vi.dien.tu", &[Role::PaymentProvider], None).await;
    let payer = Authority::enter(&test.app).await.payer(&test.app, p256()).await;
    let (status, set) = test.raw("GET", "/api/v1/receipts/keys", "", "", Vec::new()).await;
    assert_eq!(status, 200);
    let keys = test.directory.path().join("keys.json");
    fs::write(&keys, set).unwrap();
    Scene { test, provider, payer, keys }
}

impl Scene {
    async fn batch(&self, query: &str, count: u32) -> Vec<Value> {
        let order = |number: u32| self.payer.sign(&self.payer.order(&self.test.app, &format!("INV-{number}")));
        let mut lines: Vec<String> = (0..count).map(order).collect();
        lines[3] = "no payment at all".to_owned();
        if count > 300 {
            lines[300] = lines[4].clone();
        }
        let path = format!("/api/v1/transactions/verify-batch?receipt={query}");
        let (status, bytes) =
            self.test.raw("POST", &path, &self.provider, "application/x-ndjson", lines.join("\n").into()).await;
        assert_eq!(status, 200);
        String::from_utf8(bytes).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// What the independent program says of each answer.
    fn judged(&self, answers: &[Value]) -> Vec<String> {
        let file = self.test.directory.path().join("answers.ndjson");
        let text: Vec<String> = answers.iter().map(Value::to_string).collect();
        fs::write(&file, text.join("\n")).unwrap();
        let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        let output = Command::new(root.join("target/venv/bin/python"))
            .arg(root.join("tests/receipts.py"))
            .args([&self.keys, &file])
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
    }

    fn command(&self, answers: &[Value], further: &[&str]) -> (i32, String) {
        let file = self.test.directory.path().join("receipts.ndjson");
        let text: Vec<String> = answers.iter().map(Value::to_string).collect();
        fs::write(&file, text.join("\n")).unwrap();
        let output = Command::new(EXECUTABLE)
            .args(["--lang", "en", "receipt", "verify", "--key"])
            .arg(&self.keys)
            .args(further)
            .arg(&file)
            .output()
            .unwrap();
        (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
    }

    async fn standing(&self, receipt: &Value) -> String {
        let (status, answer) = self.test.post("/api/v1/receipts/verify", "", &json!({ "receipt": receipt })).await;
        assert_eq!(status, 200, "{answer}");
        answer["standing"].as_str().unwrap().to_owned()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_signature_for_a_whole_stream_and_each_receipt_proves_itself() {
    let scene = scene().await;
    let answers = scene.batch("merkle", 400).await;
    assert_eq!(answers.len(), 400);
    assert_eq!(answers[300]["seen"], "repeated");
    assert_eq!(answers[3]["verdict"], "rejected");
    let roots: std::collections::HashSet<&str> =
        answers.iter().map(|answer| answer["receipt"]["root"].as_str().unwrap()).collect();
    assert!(roots.len() <= 100, "{} signatures for 400 receipts", roots.len());
    let judged = scene.judged(&answers);
    assert!(judged.iter().all(|line| line.starts_with("valid ")), "{judged:?}");
    let largest: u32 = judged.iter().map(|line| line["valid ".len()..].parse::<u32>().unwrap()).max().unwrap();
    assert!(largest >= 16, "the largest tree has {largest} leaves");
    let (code, text) = scene.command(&answers, &[]);
    assert_eq!((code, text.matches('✓').count()), (0, 400), "{text}");
    assert_eq!(scene.standing(&answers[7]["receipt"]).await, "valid");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receipt_of_its_own_is_about_its_message_and_about_no_other() {
    let scene = scene().await;
    let message = scene.payer.sign(&scene.payer.order(&scene.test.app, "INV-1"));
    let ask = async |form: &str, message: &str| {
        let path = format!("/api/v1/transactions/verify?receipt={form}");
        scene.test.request("POST", &path, &scene.provider, "application/jose", message.as_bytes().to_vec()).await
    };
    let (_, single) = ask("jws", &message).await;
    let (_, leaf) = ask("merkle", &message).await;
    assert_eq!((&single["seen"], &leaf["seen"]), (&json!("first"), &json!("repeated")));
    assert_eq!(ask("other", &message).await.0, 422);
    assert_eq!(scene.judged(&[single.clone(), leaf.clone()]), ["valid 1", "valid 1"]);
    let payload = single["receipt"].as_str().unwrap().split('.').nth(1).unwrap();
    let stated: Value = serde_json::from_slice(&URL.decode(payload).unwrap()).unwrap();
    assert_eq!(
        (&stated["id"], &stated["verdict"], &stated["issuer"]),
        (&json!("INV-1"), &json!("accepted"), &json!(scene.test.url))
    );
    // Nothing of who paid whom is in it.
    assert!(!String::from_utf8(URL.decode(payload).unwrap()).unwrap().contains("001190012345"));
    // Nobody's receipt without asking for one, and none for strangers.
    let (_, plain) =
        scene.test.request("POST", "/api/v1/transactions/verify", &scene.provider, "", message.clone().into()).await;
    assert_eq!(plain.get("receipt"), None);

    let file = scene.test.directory.path().join("message.jws");
    fs::write(&file, format!("{message}\n")).unwrap();
    let about = ["--message", file.to_str().unwrap()];
    assert_eq!(scene.command(&[single.clone(), leaf.clone()], &about).0, 0);
    fs::write(&file, "another").unwrap();
    let (code, text) = scene.command(std::slice::from_ref(&single), &about);
    assert!(code == 1 && text.contains("about another payment"), "{text}");
    // Another service's key: cannot be told. A file that holds no key: wrong usage.
    let other = json!({ "keys": [{ "kty": "EC", "crv": "P-256",
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0" }] });
    let kept = fs::read(&scene.keys).unwrap();
    fs::write(&scene.keys, other.to_string()).unwrap();
    assert_eq!(scene.command(std::slice::from_ref(&single), &[]).0, 3);
    fs::write(&scene.keys, "{}").unwrap();
    assert_eq!(scene.command(std::slice::from_ref(&single), &[]).0, 2);
    fs::write(&scene.keys, kept).unwrap();

    // The page says the same, in words.
    let form = format!("receipt={}&message={message}", single["receipt"].as_str().unwrap());
    let kind = "application/x-www-form-urlencoded";
    let (status, page) = scene.test.raw("POST", "/receipts", "", kind, form.into()).await;
    let page = String::from_utf8(page).unwrap();
    assert!(status == 200 && page.contains("answer-valid") && page.contains("INV-1"), "{page}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_altered_receipt_is_refused_by_everybody() {
    let scene = scene().await;
    let answers = scene.batch("merkle", 20).await;
    let (first, second) = (&answers[0], &answers[1]);
    let mut altered = Vec::new();
    let mut with = |member: &str, value: Value| {
        let mut answer = first.clone();
        answer["receipt"][member] = value;
        altered.push(answer);
    };
    with("index", json!(1));
    with("payload", second["receipt"]["payload"].clone());
    with("path", second["receipt"]["path"].clone());
    with("path", json!([]));
    let payload = URL.decode(first["receipt"]["payload"].as_str().unwrap()).unwrap();
    let forged = String::from_utf8(payload).unwrap().replace("accepted", "rejected");
    with("payload", json!(URL.encode(forged)));
    // The signed root under another size, and with a signature of another tree.
    let root = first["receipt"]["root"].as_str().unwrap();
    let parts: Vec<&str> = root.split('.').collect();
    let statement: Value = serde_json::from_slice(&URL.decode(parts[1]).unwrap()).unwrap();
    let mut other = statement.clone();
    other["tree_size"] = json!(statement["tree_size"].as_u64().unwrap() + 1);
    with("root", json!(format!("{}.{}.{}", parts[0], URL.encode(other.to_string()), parts[2])));
    // A receipt's own signature is no root's, and the other way round.
    let message = scene.payer.sign(&scene.payer.order(&scene.test.app, "INV-S"));
    let path = "/api/v1/transactions/verify?receipt=jws";
    let (_, single) = scene.test.request("POST", path, &scene.provider, "", message.into()).await;
    with("root", single["receipt"].clone());
    let mut swapped = first.clone();
    swapped["receipt"] = json!(root);
    altered.push(swapped);

    assert_eq!(scene.judged(&altered), vec!["not valid"; altered.len()]);
    for answer in &altered {
        assert_eq!(scene.standing(&answer["receipt"]).await, "not_valid", "{answer}");
        assert_eq!(scene.command(std::slice::from_ref(answer), &[]).0, 1, "{answer}");
    }
    for text in ["", "{}", "a.b.c", "{\"payload\":\"\",\"payload\":\"\"}"] {
        assert_eq!(scene.standing(&json!(text)).await, "not_valid");
    }
}

#[test]
fn the_example_in_the_documentation_holds() {
    let document = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/receipts.md")).unwrap();
    let blocks: Vec<&str> =
        document.split("```").skip(1).step_by(2).map(|block| block.split_once('\n').unwrap().1).collect();
    let [included, single, keys] = blocks.as_slice() else { panic!("{} blocks", blocks.len()) };
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = directory.path().join(name);
        fs::write(&path, text).unwrap();
        path
    };
    let (keys, message) = (file("keys.json", keys), file("message.txt", "message 2"));
    let verify = |name: &str, text: &str, further: &[&str]| {
        let mut command = Command::new(EXECUTABLE);
        command.args(["--lang", "en", "receipt", "verify", "--key"]).arg(&keys).args(further).arg(file(name, text));
        let output = command.output().unwrap();
        (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
    };
    let (code, text) = verify("included.json", included, &["--message", message.to_str().unwrap()]);
    assert!(code == 0 && text.contains("INV-2"), "{text}");
    let (code, text) = verify("single.jws", single, &[]);
    assert!(code == 0 && text.contains("INV-1"), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receipt_of_a_form_is_about_all_its_parts() {
    let scene = scene().await;
    let order = scene.payer.order(&scene.test.app, "INV-1").to_string();
    let jws = scene.payer.sign(&serde_json::from_str(&order).unwrap());
    let mut parts = jws.split('.');
    let (protected, payload, signature) = (parts.next().unwrap(), parts.next().unwrap(), parts.next().unwrap());
    let detached = format!("{protected}..{signature}");
    let content = URL.decode(payload).unwrap();
    let altered = String::from_utf8(content.clone()).unwrap().replace("150000", "150001").into_bytes();
    let form = |content: &[u8]| {
        let mut body = Vec::new();
        for (name, part) in [("signature", detached.as_bytes()), ("content", content)] {
            body.extend(format!("--x\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n").bytes());
            body.extend_from_slice(part);
            body.extend(b"\r\n");
        }
        body.extend(b"--x--\r\n");
        body
    };
    let mut stated = Vec::new();
    for content in [&altered, &content] {
        let path = "/api/v1/transactions/verify?receipt=jws";
        let (status, answer) =
            scene.test.request("POST", path, &scene.provider, "multipart/form-data; boundary=x", form(content)).await;
        assert_eq!(status, 200, "{answer}");
        let receipt: Value = serde_json::from_slice(
            &URL.decode(answer["receipt"].as_str().unwrap().split('.').nth(1).unwrap()).unwrap(),
        )
        .unwrap();
        assert_eq!(receipt["content_sha256"], hex::encode(chuky_pki::crypto::sha256(content)));
        assert_eq!(receipt["verdict"], answer["verdict"]);
        let (code, text) = scene.command(std::slice::from_ref(&answer), &[]);
        assert!(code == 0 && text.contains(receipt["content_sha256"].as_str().unwrap()), "{text}");
        stated.push(receipt);
    }
    let of = |name: &str| [stated[0][name].clone(), stated[1][name].clone()];
    assert_eq!(of("verdict"), ["rejected", "accepted"]);
    let [one, other] = of("message_sha256");
    assert_eq!(one, other, "the signature is the same");
    let [one, other] = of("content_sha256");
    assert_ne!(one, other);

    // A bare signature: layout, algorithm and certificate are named beside it, and stand in the receipt whatever becomes of it.
    let pem = scene.payer.holder.certificate.to_pem().unwrap();
    let der = scene.payer.holder.certificate.to_der().unwrap();
    let mut body = Vec::new();
    let parts: [(&str, &[u8]); 5] =
        [("signature", b"x"), ("content", b"y"), ("layout", b"bank"), ("algorithm", b"ES256"), ("certificate", &pem)];
    for (name, part) in parts {
        body.extend(format!("--x\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n").bytes());
        body.extend_from_slice(part);
        body.extend(b"\r\n");
    }
    body.extend(b"--x--\r\n");
    let path = "/api/v1/transactions/verify?receipt=merkle";
    let (_, answer) = scene.test.request("POST", path, &scene.provider, "multipart/form-data; boundary=x", body).await;
    let payload = URL.decode(answer["receipt"]["payload"].as_str().unwrap()).unwrap();
    let receipt: Value = serde_json::from_slice(&payload).unwrap();
    let expected = hex::encode(chuky_pki::crypto::sha256(&der));
    assert_eq!(
        [&receipt["layout"], &receipt["algorithm"], &receipt["certificate_sha256"]],
        [&json!("bank"), &json!("ES256"), &json!(expected)],
        "{receipt}"
    );
    assert_eq!(scene.judged(std::slice::from_ref(&answer)), ["valid 1"]);
}
