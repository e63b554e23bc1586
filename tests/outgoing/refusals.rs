//! What is refused: secrets before a byte is kept, malformed roads, the wrong person, agency, state or key, replays, and rows that SQL made.

use super::{Agency, ROAD, act, content, draft, key, official, problem, register, short_road, shown};
use crate::{
    harness::{app::TestApp, database},
    signing::subscriber::{letter_pdf, plain_pdf},
};
use chuky_pki::pdf::{letter, typeface::Typefaces};
use serde_json::json;

fn files(test: &TestApp) -> usize {
    std::fs::read_dir(test.data_dir().join("documents")).map_or(0, |entries| entries.count())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_leaves_no_byte_behind() {
    let test = TestApp::sqlite().await;
    let drafter = official(&test, "chuyen.vien", "H26").await;
    official(&test, "chu.tich", "H26").await;
    for class in ["Mật", "Tối mật", "TUYỆT MẬT"] {
        let (status, answer) = draft(&test, &drafter, Some(class), &short_road(), &plain_pdf()).await;
        assert_eq!((status, problem(&answer)), (422, "document_secret"), "{answer}");
    }
    let (status, answer) = draft(&test, &drafter, None, &short_road(), &plain_pdf()).await;
    assert_eq!((status, problem(&answer)), (422, "class_not_before"), "{answer}");
    // The sender says nothing of it, and the first page bears the mark.
    if letter_pdf(&test).is_some() {
        let read = |style: &str| {
            std::fs::read(test.app.settings.fonts_dir.join(format!("LiberationSerif-{style}.ttf"))).unwrap()
        };
        let faces = Typefaces::parse(read("Regular"), read("Bold"), read("Italic"), read("BoldItalic")).unwrap();
        let mut marked = letter::sample(None);
        marked.parent_agency = Some("TỐI MẬT".to_owned());
        let marked = marked.compose(&faces, test.app.clock.now()).unwrap().pdf;
        let (status, answer) = draft(&test, &drafter, Some("Thường"), &short_road(), &marked).await;
        assert_eq!((status, problem(&answer)), (422, "document_secret"), "{answer}");
    }
    assert_eq!(files(&test), 0);
    assert_eq!(test.sql("SELECT count(*) FROM document").trim(), "0");
    let (status, _) = draft(&test, &drafter, Some(""), &short_road(), &plain_pdf()).await;
    assert_eq!((status, files(&test)), (201, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn malformed_drafts_are_refused_with_the_field() {
    let test = TestApp::sqlite().await;
    let drafter = official(&test, "chuyen.vien", "H26").await;
    official(&test, "chu.tich", "H26").await;
    official(&test, "nguoi.ngoai", "H27").await;
    let altered = |field: &str, value: serde_json::Value| {
        let mut metadata = short_road();
        metadata[field] = value;
        metadata
    };
    for (metadata, code) in [
        (altered("subject", json!("x".repeat(501))), "text_too_long"),
        (altered("subject", json!("hai\ndòng")), "text_too_long"),
        (altered("subject", json!("  ")), "field_missing"),
        (altered("notation", json!("UBND/VP")), "field_invalid"),
        (altered("due", json!("hôm qua")), "field_invalid"),
        (altered("due", json!("2020-01-01T00:00:00Z")), "field_invalid"),
        (altered("steps", json!([])), "steps_invalid"),
        (altered("steps", json!([{ "kind": "sign", "account": "nguoi.ngoai" }])), "no_such_colleague"),
        (altered("steps", json!([{ "kind": "sign", "account": "khong.co" }])), "no_such_colleague"),
        (altered("recipients", json!([{ "organ_id": "../../etc", "name": "x" }])), "field_invalid"),
        (altered("unknown", json!(1)), "json_invalid"),
        (altered("number_rectangle", json!([0.0, 0.0, 0.0, 0.0])), "document_unsuitable"),
        (altered("number_rectangle", json!([60.0, 300.0, 280.0, 320.0])), "document_unsuitable"),
        (altered("place", json!("漢字")), "field_invalid"),
        (altered("place", json!("Hà Nội, ngày 01 tháng 01 năm 2020")), "field_invalid"),
        (altered("notation", json!("UВND")), "field_invalid"),
    ] {
        let (status, answer) = draft(&test, &drafter, Some(""), &metadata, &plain_pdf()).await;
        assert_eq!((status, problem(&answer)), (422, code), "{answer}");
    }
    let (status, answer) = draft(&test, &drafter, Some(""), &short_road(), b"no pdf at all").await;
    assert_eq!((status, problem(&answer)), (422, "not_pdf"), "{answer}");
    let (status, answer) = draft(&test, &drafter, Some(""), &short_road(), b"%PDF-1.7 and nothing").await;
    assert_eq!((status, problem(&answer)), (422, "document_unsuitable"), "{answer}");
    let nowhere = official(&test, "khong.don.vi", "").await;
    let (status, answer) = draft(&test, &nowhere, Some(""), &short_road(), &plain_pdf()).await;
    assert_eq!((status, problem(&answer)), (409, "no_agency"), "{answer}");
    assert_eq!(files(&test), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_whose_turn_it_is_acts_and_only_once() {
    let test = TestApp::sqlite().await;
    let agency = Agency::new(&test).await;
    let Agency { drafter, colleague, leader, deputy, clerk } = &agency;
    let stranger = official(&test, "nguoi.ngoai", "H27").await;
    let id = agency.submitted(&test, &plain_pdf(), &short_road()).await;
    // Not known to other agencies nor to colleagues without a part; not to the roads of single people either.
    for token in [&stranger, colleague] {
        assert_eq!(test.get(&format!("{ROAD}/{id}"), token).await.0, 404);
        assert_eq!(act(&test, &id, "refuse", token, &json!({ "reason": "x" })).await.0, 404);
    }
    let document = test.sql("SELECT lower(hex(id)) FROM document").trim().lines().last().unwrap().to_owned();
    let document = uuid::Uuid::parse_str(&document).unwrap();
    assert_eq!(test.get(&format!("/api/v1/documents/{document}"), drafter).await.0, 404);
    // Wrong states, and steps taken twice.
    for (what, token) in
        [("submit", drafter), ("initials", &leader.token), ("number", &clerk.token), ("send", &clerk.token)]
    {
        let (status, answer) = act(&test, &id, what, token, &json!({})).await;
        assert_eq!((status, problem(&answer)), (409, "document_moved_on"), "{what}: {answer}");
    }
    assert_eq!(act(&test, &id, "seal", &clerk.token, &key(clerk)).await.0, 409);
    // Somebody else's turn, a seal in the place of a person, and another document than was shown.
    let line = act(&test, &id, "sign", &deputy.token, &key(deputy)).await;
    assert_eq!(line.0, 200);
    assert_eq!((&line.1["signed"], line.1["detail"]["en"].as_str().unwrap()), (&json!(false), NOT_FOUND));
    let (status, answer) = act(&test, &id, "sign", &clerk.token, &key(clerk)).await;
    assert_eq!((status, problem(&answer)), (422, "not_personal"), "{answer}");
    let mut body = key(leader);
    body["content_sha256"] = json!("00".repeat(32));
    let (_, line) = act(&test, &id, "sign", &leader.token, &body).await;
    assert!(line["detail"]["en"].as_str().unwrap().contains("differs"), "{line}");
    let (_, line) = act(&test, &id, "sign", &leader.token, &key(leader)).await;
    assert_eq!(line["signed"], true, "{line}");
    let (_, line) = act(&test, &id, "sign", &leader.token, &key(leader)).await;
    assert_eq!(line["signed"], false, "{line}");
    assert_eq!(act(&test, &id, "withdraw", drafter, &json!({ "reason": "đổi ý" })).await.0, 409);
    assert_eq!(act(&test, &id, "number", &clerk.token, &json!({})).await.0, 200);
    assert_eq!(act(&test, &id, "number", &clerk.token, &json!({})).await.0, 409);
    assert_eq!(register(&test, &clerk.token, "Q%C4%90").await.len(), 1);
}

const NOT_FOUND: &str = "Not found. Check the identifier or the address.";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_has_a_reason_and_voids_the_number() {
    let test = TestApp::sqlite().await;
    let agency = Agency::new(&test).await;
    let Agency { drafter, leader, clerk, .. } = &agency;
    let id = agency.submitted(&test, &plain_pdf(), &short_road()).await;
    assert_eq!(act(&test, &id, "refuse", &leader.token, &json!({ "reason": " " })).await.0, 422);
    let (status, view) = act(&test, &id, "refuse", &leader.token, &json!({ "reason": "Chưa đủ căn cứ" })).await;
    assert_eq!((status, &view["state"]), (200, &json!("refused")), "{view}");
    assert_eq!(shown(&test, &id, drafter).await["events"][2]["note"], "Chưa đủ căn cứ");
    let (_, line) = act(&test, &id, "sign", &leader.token, &key(leader)).await;
    assert_eq!(line["signed"], false, "{line}");
    // Refused by the clerk after it was numbered: the number stays in the register, void, and is never given again.
    let second = agency.signed(&test, &plain_pdf()).await;
    assert_eq!(act(&test, &second, "number", &clerk.token, &json!({})).await.1["code"], "01/QĐ-UBND");
    let (status, view) = act(&test, &second, "refuse", &clerk.token, &json!({ "reason": "Sai thể thức" })).await;
    assert_eq!((status, &view["state"]), (200, &json!("refused")), "{view}");
    let third = agency.signed(&test, &plain_pdf()).await;
    assert_eq!(act(&test, &third, "number", &clerk.token, &json!({})).await.1["code"], "02/QĐ-UBND");
    let lines = register(&test, &clerk.token, "Q%C4%90").await;
    assert_eq!(lines, [(1, "void".to_owned()), (2, "given".to_owned())]);
    assert!(content(&test, &second, drafter).await.len() > 1_000, "what was signed is kept");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_that_sql_made_move_nothing() {
    let test = TestApp::sqlite().await;
    let agency = Agency::new(&test).await;
    let id = agency.submitted(&test, &plain_pdf(), &short_road()).await;
    // A state that nobody reached, and a step handed to somebody else.
    test.sql("UPDATE outgoing_document SET state = 'numbering'");
    assert_eq!(act(&test, &id, "number", &agency.clerk.token, &json!({})).await.0, 500);
    test.sql("UPDATE outgoing_document SET state = 'signing'");
    test.sql("UPDATE outgoing_step SET account_id = (SELECT id FROM account WHERE login = 'pho.chu.tich')");
    let (status, answer) = act(&test, &id, "sign", &agency.deputy.token, &key(&agency.deputy)).await;
    assert_eq!(status, 500, "{answer}");
    test.sql("UPDATE outgoing_step SET account_id = (SELECT id FROM account WHERE login = 'chu.tich')");
    // An old row put back with its own old MAC.
    test.sql("CREATE TABLE kept AS SELECT * FROM outgoing_document");
    let (_, view) = act(&test, &id, "refuse", &agency.leader.token, &json!({ "reason": "Chưa đủ căn cứ" })).await;
    assert_eq!(view["state"], "refused");
    test.sql("UPDATE outgoing_document SET (state, due_at, steps_digest, updated_at, version, mac) = (SELECT state, due_at, steps_digest, updated_at, version, mac FROM kept)");
    test.sql("UPDATE outgoing_step SET state = 'waiting', acted_by = NULL, acted_at = NULL");
    let (status, answer) = act(&test, &id, "sign", &agency.leader.token, &key(&agency.leader)).await;
    assert_eq!(status, 500, "{answer}");
    // History and register refuse to be rewritten.
    for statement in ["UPDATE outgoing_event SET kind = 'x'", "DELETE FROM outgoing_event"] {
        let refused = database::run(&test.app.settings.database_url, statement).unwrap_err();
        assert!(refused.contains("never changed"), "{refused}");
    }
}
