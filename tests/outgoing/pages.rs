//! The pages of the road, as a browser without scripts posts them.

use super::{Agency, shown};
use crate::{
    harness::app::TestApp,
    signing::subscriber::{PIN, plain_pdf},
};

async fn page(test: &TestApp, token: &str, path: &str) -> String {
    let (status, body) = test.raw("GET", path, token, "", Vec::new()).await;
    assert_eq!(status, 200, "{path}");
    String::from_utf8(body).unwrap()
}

/// The value of a hidden field.
fn hidden(page: &str, name: &str) -> String {
    let start = page.split(&format!("name=\"{name}\" value=\"")).nth(1).unwrap_or_default();
    start.split('"').next().unwrap_or_default().to_owned()
}

async fn posted(test: &TestApp, token: &str, path: &str, form: &str) -> (u16, String) {
    let kind = "application/x-www-form-urlencoded";
    let (status, body) = test.raw("POST", path, token, kind, form.as_bytes().to_vec()).await;
    (status, String::from_utf8_lossy(&body).into_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_document_is_drafted_signed_and_numbered_on_pages() {
    let test = TestApp::sqlite().await;
    let agency = Agency::new(&test).await;
    let kind = "multipart/form-data; boundary=grenze";
    // Refused with the form as it was filled in, then taken.
    let (status, body) =
        test.raw("POST", "/documents", &agency.drafter, kind, new_document("mat", "Quyết định A")).await;
    let body = String::from_utf8(body).unwrap();
    assert!(status == 422 && body.contains("Hệ thống này không nhận văn bản mật"), "{status} {body}");
    let long = "x".repeat(600);
    let (status, body) = test.raw("POST", "/documents", &agency.drafter, kind, new_document("none", &long)).await;
    let body = String::from_utf8(body).unwrap();
    assert!(status == 422 && body.contains(&long) && body.contains("tối đa 500"), "{status}");
    let (status, _) =
        test.raw("POST", "/documents", &agency.drafter, kind, new_document("none", "Quyết định <A>")).await;
    assert_eq!(status, 303);
    let list = page(&test, &agency.drafter, "/documents").await;
    assert!(list.contains("Quyết định &#60;A&#62;") || list.contains("Quyết định &lt;A&gt;"), "{list}");
    let id =
        list.split("href=\"/documents/").filter_map(|rest| rest.split('"').next()).find(|id| id.len() == 36).unwrap();
    signed_and_sent(&test, &agency, id).await;
}

async fn signed_and_sent(test: &TestApp, agency: &Agency, id: &str) {
    let step = |token: &str, step: &str, form: &str| {
        let (path, token, form) = (format!("/documents/{id}/{step}"), token.to_owned(), form.to_owned());
        async move { posted(test, &token, &path, &form).await }
    };
    assert_eq!(step(&agency.drafter, "submit", "csrf=").await.0, 303);
    assert_eq!(step(&agency.drafter, "submit", "csrf=").await.0, 409, "twice");
    let to_initial = page(test, &agency.colleague, &format!("/documents/{id}")).await;
    assert!(to_initial.contains("Nội dung sẽ ký nháy"), "{to_initial}");
    let seen = |page: &str| format!("csrf={}&content_sha256={}", hidden(page, "csrf"), hidden(page, "content_sha256"));
    assert_eq!(step(&agency.colleague, "initials", &seen(&to_initial)).await.0, 303);
    assert_eq!(step(&agency.drafter, "nothing", "csrf=").await.0, 404);
    // The leader is logged in as a browser is: without the page's token nothing is posted.
    let leader = &agency.leader;
    let own = page(test, &leader.token, &format!("/documents/{id}")).await;
    // What the clerk will write into the document stands there before it is signed.
    for written in ["Số: …/QĐ-UBND", "Hà Nội, ngày … tháng … năm …"] {
        assert!(own.contains(written), "{written}: {own}");
    }
    let form = |csrf: &str, pin: &str| {
        format!(
            "csrf={csrf}&credential={}&pin={}&content_sha256={}",
            leader.credential,
            encoded(pin),
            hidden(&own, "content_sha256")
        )
    };
    assert_eq!(step(&leader.token, "sign", &form("", PIN)).await.0, 409);
    let (status, body) = step(&leader.token, "sign", &form(&hidden(&own, "csrf"), "không đúng đâu")).await;
    assert!(status == 403 && body.contains("id=\"pin-problem\""), "{status} {body}");
    assert_eq!(step(&leader.token, "refuse", &format!("csrf={}&reason=", hidden(&own, "csrf"))).await.0, 422);
    let listed = page(test, &leader.token, "/documents").await;
    let batch = format!(
        "csrf={}&credential={}&pin={}&kept_picture=yes&document-{id}={}",
        hidden(&listed, "csrf"),
        leader.credential,
        encoded(PIN),
        hidden(&own, "content_sha256")
    );
    let (status, body) = posted(test, &leader.token, "/documents/sign", &batch).await;
    assert!(status == 200 && body.contains("check-passed"), "{status} {body}");
    let clerk = page(test, &agency.clerk.token, &format!("/documents/{id}")).await;
    let token = format!("csrf={}", hidden(&clerk, "csrf"));
    assert_eq!(step(&agency.clerk.token, "number", &seen(&clerk)).await.0, 303);
    assert_eq!(shown(test, id, &agency.drafter).await["code"], "01/QĐ-UBND");
    let seal = page(test, &agency.clerk.token, &format!("/documents/{id}")).await;
    // The picture is chosen beside all signatures; this one has none, and is made without.
    let form = format!("{}&kept_picture=yes&credential={}&pin={}", seen(&seal), hidden_choice(&seal), encoded(PIN));
    assert_eq!(step(&agency.clerk.token, "seal", &form).await.0, 303);
    // What was typed is there again, beside what is wrong with it.
    for (what, typed) in [("recipients", "H26.18 Sở Tư pháp nhắc lại"), ("recall", &"Sai thẩm quyền ".repeat(60))]
    {
        let field = if what == "recall" { "reason" } else { "recipients" };
        let (status, body) = step(&agency.clerk.token, what, &format!("{token}&{field}={}", encoded(typed))).await;
        assert!(status == 422 && body.contains(typed.trim()), "{what} {status}: {body}");
        assert!(body.contains(&format!("id=\"{field}-problem\"")), "{what}: {body}");
    }
    assert_eq!(step(&agency.clerk.token, "send", &token).await.0, 303);
    let sent = page(test, &agency.clerk.token, &format!("/documents/{id}")).await;
    assert!(
        sent.contains("01/QĐ-UBND") && sent.contains(&format!("/api/v1/documents/outgoing/{id}/package")),
        "{sent}"
    );
    assert!(sent.contains("Nội dung văn bản") && !sent.contains("Nội dung sẽ"), "{sent}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_newest_that_went_out_stands_first() {
    let test = TestApp::sqlite().await;
    let agency = Agency::new(&test).await;
    let first = super::sent(&test, &agency, &super::short_road()).await;
    let second = super::sent(&test, &agency, &super::short_road()).await;
    let (_, inboxes) = test.get(&format!("{}/inboxes", super::ROAD), &agency.clerk.token).await;
    let sent: Vec<&str> = inboxes["sent"].as_array().unwrap().iter().filter_map(|one| one["id"].as_str()).collect();
    assert_eq!(sent, [second.as_str(), first.as_str()], "{inboxes}");
}

/// The first key that is offered.
fn hidden_choice(page: &str) -> String {
    hidden(page, "credential")
}

fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

/// The form of a new document.
fn new_document(class: &str, subject: &str) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, value) in [
        ("csrf", ""),
        ("secrecy", class),
        ("subject", subject),
        ("type_name", "Quyết định"),
        ("type_code", "QĐ"),
        ("notation", "UBND"),
        ("series", ""),
        ("place", "Hà Nội"),
        ("initials", "truong.phong"),
        ("signers", "chu.tich"),
        ("recipients", "H26.18 Sở Tư pháp\r\n"),
    ] {
        let part = format!("--grenze\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
        body.extend_from_slice(part.as_bytes());
    }
    body.extend_from_slice(
        b"--grenze\r\nContent-Disposition: form-data; name=\"document\"; filename=\"a.pdf\"\r\n\r\n",
    );
    body.extend_from_slice(&plain_pdf());
    body.extend_from_slice(b"\r\n--grenze--\r\n");
    body
}
