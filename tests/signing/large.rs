//! A document of 199 MiB: neither the service nor a reader holds it in memory, whether the service's key signs it or its holder's.

use super::{
    service::Served,
    subscriber::{citizen, plain_pdf},
    two_step::{FINISH, Holder, PREPARE, form},
};
use crate::harness::app::TestApp;
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_document_of_199_mib_is_signed_without_being_held_in_memory() {
    let test = TestApp::sqlite().await;
    let citizen = citizen(&test).await;
    let served = Served::start(&test, "");
    let (served, signed) = tokio::task::spawn_blocking(move || {
        let uploaded = served.upload(&citizen, &large()).unwrap();
        assert_eq!(uploaded["state"], "ready", "{uploaded}");
        let signed = served.sign(&citizen, uploaded["id"].as_str().unwrap());
        (served, signed)
    })
    .await
    .unwrap();
    let signed = signed.expect("the large document is signed");
    assert_eq!(signed["report"]["integrity"], "intact", "{signed}");
    // What Argon2id takes for the PIN is 64 MiB of it.
    holds_at_most(&served, 190 << 20);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_goes_twice_through_two_calls_without_being_held_in_memory() {
    let test = TestApp::sqlite().await;
    let holder = Holder::of(&test).await;
    let served = Served::start(&test, "");
    let (served, length, signed) = tokio::task::spawn_blocking(move || {
        let large = large();
        let call = |path: &str, request: &Value| {
            let (kind, body) = form(request, "l\u{1edb}n.pdf", "application/pdf", &large);
            let request = ureq::post(format!("{}{path}", served.url))
                .header("authorization", format!("Bearer {}", holder.token))
                .content_type(kind);
            let mut answer = request.send(&body[..]).unwrap();
            answer.body_mut().with_config().limit(1 << 30).read_to_vec().unwrap()
        };
        let order = holder.order(&json!({ "level": "LT" }));
        let prepared: Value = serde_json::from_slice(&call(PREPARE, &order)).unwrap();
        let signed = call(FINISH, &holder.answer(&prepared));
        (served, large.len(), signed)
    })
    .await
    .unwrap();
    assert!(signed.len() > length && signed.ends_with(b"%%EOF\n"), "{} of {length}", signed.len());
    holds_at_most(&served, 120 << 20);
}

/// A PDF that tools read, with an unreferenced stream before its last section.
fn large() -> Vec<u8> {
    let mut large = plain_pdf();
    let stream = megabytes() << 20;
    let body_end = large.windows(5).position(|window| window == b"xref\n").unwrap();
    let mut object = format!("5 0 obj\n<</Length {stream}>>stream\n").into_bytes();
    object.resize(object.len() + stream, b'x');
    object.extend_from_slice(b"\nendstream\nendobj\n");
    let grown = object.len();
    large.splice(body_end..body_end, object);
    let tail = large.len() - 40;
    let text = String::from_utf8_lossy(&large[tail..]).replace(&body_end.to_string(), &(body_end + grown).to_string());
    large.truncate(tail);
    large.extend_from_slice(text.as_bytes());
    large
}

/// What the service takes by default; `CHUKY_LARGE_MIB`, with `CHUKY__SERVER__LARGEST_UPLOAD_MIB`, measures more.
fn megabytes() -> usize {
    std::env::var("CHUKY_LARGE_MIB").ok().and_then(|text| text.parse().ok()).unwrap_or(199)
}

/// Neither the service at its peak nor a worker of its own.
fn holds_at_most(served: &Served, most: u64) {
    let service = status_bytes(served.child.id(), "VmHWM");
    println!("service: peak {} MiB", service >> 20);
    assert!(service < most, "the service held {} MiB", service >> 20);
    let tasks = std::fs::read_dir(format!("/proc/{}/task", served.child.id())).unwrap().flatten();
    let children: String =
        tasks.filter_map(|task| std::fs::read_to_string(task.path().join("children")).ok()).collect();
    assert!(children.split_whitespace().count() >= 4, "three tokens' workers and a reader: {children}");
    for child in children.split_whitespace().filter_map(|child| child.parse().ok()) {
        let own = status_bytes(child, "RssAnon");
        println!(
            "worker {child}: {} MiB of its own, peak {} MiB with what it maps",
            own >> 20,
            status_bytes(child, "VmHWM") >> 20
        );
        assert!(own < 64 << 20, "a worker holds {} MiB of its own", own >> 20);
    }
}

/// A field of `/proc/PID/status` in bytes.
fn status_bytes(process: u32, field: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(field)).unwrap_or(":0 kB");
    line.split_whitespace().find_map(|word| word.parse::<u64>().ok()).unwrap_or(0) * 1_024
}
