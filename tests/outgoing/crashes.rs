//! The service is killed before and after each effect of the road, on both databases: nothing is lost, nothing happens twice, and the road
//! goes on from where it stood.

use super::{Agency, act, content, draft, key, register, short_road, shown};
use crate::{
    harness::app::{Backend, TestApp},
    issuance::crash::Service,
    signing::subscriber::{folder, plain_pdf, pyhanko_accepts},
};
use serde_json::{Value, json};

/// What is done when the service is killed, where, and the state that the document has afterwards.
const KILLS: &[(&str, &str, &str)] = &[
    ("submit", "outgoing.before_transition", "draft"),
    ("submit", "outgoing.after_transition", "signing"),
    ("sign", "sign.used", "signing"),
    ("sign", "document.signed_stored", "signing"),
    ("sign", "outgoing.before_transition", "signing"),
    ("sign", "outgoing.after_transition", "numbering"),
    ("number", "outgoing.number_reserved", "numbering"),
    ("number", "document.signed_stored", "numbering"),
    ("number", "outgoing.before_transition", "numbering"),
    ("number", "outgoing.after_transition", "sealing"),
    ("seal", "document.signed_stored", "sealing"),
    ("seal", "outgoing.after_transition", "sealed"),
    ("send", "outgoing.before_transition", "sealed"),
    ("send", "outgoing.after_transition", "sent"),
    ("send", "outgoing.package_laid", "sent"),
];

const ORDER: [&str; 5] = ["submit", "sign", "number", "seal", "send"];

async fn killed(backend: Backend) {
    let delivery = tempfile::tempdir().unwrap();
    let into = delivery.path().to_owned();
    let test = TestApp::start_with(backend, |settings| settings.documents.delivery_dir = Some(into)).await;
    let agency = Agency::new(&test).await;
    let (mut numbers, mut last) = (0, String::new());
    for (what, point, state) in KILLS {
        let (status, drafted) = draft(&test, &agency.drafter, Some(""), &short_road(), &plain_pdf()).await;
        assert_eq!(status, 201, "{drafted}");
        let id = drafted["id"].as_str().unwrap().to_owned();
        for step in ORDER.iter().take_while(|step| *step != what) {
            done(&test, &agency, &id, step).await;
        }
        let (token, body) = part(&agency, what);
        let mut service = Service::start(&test, point).await;
        service.post(&format!("{}/{id}/{what}", super::ROAD), token, &body).await;
        service.died().await;
        let found = shown(&test, &id, &agency.drafter).await;
        assert_eq!(found["state"], *state, "{what} {point}: {found}");
        // Whoever did not see an answer looks, and does what is still to be done.
        let left = ORDER.iter().skip_while(|step| *step != what);
        let moved_on =
            if ["draft", "signing", "numbering", "sealing", "sealed"][position(what)] == *state { 0 } else { 1 };
        for step in left.skip(moved_on) {
            done(&test, &agency, &id, step).await;
        }
        numbers += 1;
        let found = shown(&test, &id, &agency.drafter).await;
        assert_eq!(
            (&found["state"], found["code"].as_str().unwrap()),
            (&json!("sent"), format!("{numbers:02}/QĐ-UBND").as_str())
        );
        assert_eq!(found["events"].as_array().unwrap().len(), 6, "each transition once: {found}");
        last = id;
    }
    chuky::outgoing::deliver_due(&test.app).await.unwrap();
    let packages = std::fs::read_dir(delivery.path().join("H26.18")).unwrap().count();
    assert_eq!(packages, KILLS.len());
    let lines = register(&test, &agency.clerk.token, "Q%C4%90").await;
    assert_eq!(lines, (1..=numbers).map(|number| (number, "given".to_owned())).collect::<Vec<_>>());
    let sealed = content(&test, &last, &agency.drafter).await;
    // Other tools count its archive timestamp as a signature, pyHanko does not.
    let file = folder("outgoing").join(format!("{backend:?}-killed.pdf"));
    std::fs::write(&file, &sealed).unwrap();
    pyhanko_accepts(&test, &file, 2).await;
}

fn position(what: &str) -> usize {
    ORDER.iter().position(|step| *step == what).unwrap()
}

fn part<'a>(agency: &'a Agency, what: &str) -> (&'a str, Value) {
    match what {
        "submit" => (&agency.drafter, json!({})),
        "sign" => (&agency.leader.token, key(&agency.leader)),
        "seal" => (&agency.clerk.token, key(&agency.clerk)),
        _ => (&agency.clerk.token, json!({})),
    }
}

async fn done(test: &TestApp, agency: &Agency, id: &str, what: &str) {
    let (token, body) = part(agency, what);
    let (status, answer) = act(test, id, what, token, &body).await;
    assert!(status == 200 && answer["signed"] != json!(false), "{what}: {answer}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_at_any_step_loses_nothing_on_sqlite() {
    killed(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_at_any_step_loses_nothing_on_postgres() {
    killed(Backend::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_while_drafting_leaves_a_draft_or_none() {
    let test = TestApp::sqlite().await;
    let agency = Agency::new(&test).await;
    for (point, drafts) in [("outgoing.stored", "0"), ("outgoing.drafted", "1")] {
        let mut service = Service::start(&test, point).await;
        let mut body = Vec::new();
        for (name, content) in
            [("secrecy", b"".to_vec()), ("metadata", short_road().to_string().into_bytes()), ("document", plain_pdf())]
        {
            body.extend_from_slice(
                format!("--grenze\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"a.pdf\"\r\n\r\n")
                    .as_bytes(),
            );
            body.extend_from_slice(&content);
            body.extend_from_slice(b"\r\n");
        }
        body.extend_from_slice(b"--grenze--\r\n");
        let (url, token) = (format!("{}{}", service.url, super::ROAD), format!("Bearer {}", agency.drafter));
        tokio::task::spawn_blocking(move || {
            let request = ureq::post(&url).header("authorization", token);
            drop(request.content_type("multipart/form-data; boundary=grenze").send(&body));
        })
        .await
        .unwrap();
        service.died().await;
        assert_eq!(test.sql("SELECT count(*) FROM outgoing_document").trim().lines().last(), Some(drafts), "{point}");
        assert_eq!(test.sql("SELECT count(*) FROM document").trim().lines().last(), Some(drafts), "{point}");
    }
}
