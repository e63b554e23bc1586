//! Whoever decides sees all that the digest covers; everybody else sees masks.

use super::*;
use std::collections::BTreeSet;

async fn seen(test: &TestApp, token: &str, order: &Value) -> Value {
    let (status, seen) = test.get(&format!("/api/v1/staff/orders/{}", order["id"].as_str().unwrap()), token).await;
    assert_eq!(status, 200, "{seen}");
    seen
}

/// Two orders whose masks are alike say different things to whoever decides, and to nobody else.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn masks_alike_are_told_apart_by_whoever_decides() {
    let test = TestApp::sqlite().await;
    let (administrator, officer) = pair(&test).await;
    let wanted = |login: &str, number: &str, phone: &str| {
        let mut order = opening(login, &["operator"]);
        order["personal_number"] = json!(number);
        order["phone"] = json!(phone);
        order
    };
    let right = entered(&test, &administrator, &wanted("dung.mot", "001190000104", "0912345678")).await;
    let wrong = entered(&test, &administrator, &wanted("dung.hai", "001185010104", "0988111678")).await;
    for name in ["personal_number", "phone"] {
        assert_eq!(right[name], wrong[name], "{name}: the masks are alike");
    }
    assert_ne!(right["content_digest"], wrong["content_digest"]);
    let whole = |number: &str, phone: &str| json!({ "personal_number": number, "phone": phone, "phone_before": null });
    assert_eq!(seen(&test, &officer, &right).await["identity"], whole("001190000104", "0912345678"));
    assert_eq!(seen(&test, &officer, &wrong).await["identity"], whole("001185010104", "0988111678"));
    // Whoever entered it, the auditor, the list, and everybody once it is decided see masks.
    let auditor = test.log_in("kiemtoan").await;
    for token in [&administrator, &auditor] {
        assert_eq!(seen(&test, token, &right).await["identity"], Value::Null);
    }
    let (_, list) = test.get("/api/v1/staff/orders", &officer).await;
    assert!(!list.to_string().contains("0912345678"), "{list}");
    let page = |order: &Value| format!("/staff/orders/{}", order["id"].as_str().unwrap());
    let shown = async |token: &str, order: &Value| {
        String::from_utf8(test.raw("GET", &page(order), token, "", Vec::new()).await.1).unwrap()
    };
    let (decides, waits) = (shown(&officer, &right).await, shown(&administrator, &right).await);
    assert!(decides.contains("001190000104") && decides.contains("0912345678"), "{decides}");
    assert!(!waits.contains("001190000104") && waits.contains("001•••••0104"), "{waits}");
    approved(&test, &officer, &right).await;
    assert_eq!(seen(&test, &officer, &right).await["identity"], Value::Null);
}

/// A recovery says whether the second secret goes to the number that is kept, and an approval counts for that one only.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_recovery_says_where_the_second_secret_goes() {
    let test = TestApp::sqlite().await;
    let (administrator, officer) = pair(&test).await;
    newcomer(&test, (&administrator, &officer), "bich.le", &["auditor"]).await;
    let recover = |phone: &str| json!({ "kind": "recover", "account": "bich.le", "phone": phone });
    let kept = entered(&test, &administrator, &recover("")).await;
    assert_eq!((&kept["phone"], &kept["phone_changes"]), (&json!("•••• 678"), &json!(false)));
    let whole = |after: &str| json!({ "personal_number": null, "phone": after, "phone_before": "0912345678" });
    assert_eq!(seen(&test, &officer, &kept).await["identity"], whole("0912345678"));
    act(&test, &administrator, &kept, "withdraw", json!({})).await;
    let other = entered(&test, &administrator, &recover("0988111678")).await;
    assert_eq!((&other["phone"], &other["phone_changes"]), (&json!("•••• 678"), &json!(true)), "masked it looks alike");
    let shown = seen(&test, &officer, &other).await;
    assert_eq!(shown["identity"], whole("0988111678"));
    let path = format!("/staff/orders/{}", other["id"].as_str().unwrap());
    let page = String::from_utf8(test.raw("GET", &path, &officer, "", Vec::new()).await.1).unwrap();
    assert!(page.contains("0912345678 → 0988111678 (khác với số đang lưu)"), "{page}");
    // The number that is kept became another one since the officer looked.
    let account = orders::account(&test, "bich.le").await;
    let mut invitation = test.app.store.staff_invitation_of(account).await.unwrap().unwrap();
    invitation.contact = test.app.vault.seal("staff_invitation.contact", &account.to_string(), b"0977222678").unwrap();
    chuky::attestation::attest_change(&*test.app.tokens.subscribers, &mut invitation).await.unwrap();
    let mut transaction = test.app.store.begin().await.unwrap();
    transaction.update_staff_invitation(&invitation).await.unwrap();
    let entry = chuky::audit::Entry::of_row(
        test.app.clock.now(),
        chuky::audit::Kind::InvitationRenewed,
        Actor::Service,
        &invitation,
    );
    chuky::audit::record(&mut transaction, entry).await.unwrap();
    transaction.commit().await.unwrap();
    let body = json!({ "content_digest": shown["content_digest"] });
    assert_eq!(problem(&act(&test, &officer, &other, "approve", body).await.1), "content_differs");
}

/// Every answer with a digest to repeat is one of those whose content was held against what it shows; a new one has to be looked at first.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_view_with_a_digest_is_known() {
    let test = TestApp::sqlite().await;
    let (_, description) = test.get("/api/v1/openapi.json", "").await;
    let schemas = description["components"]["schemas"].as_object().unwrap();
    let has = |schema: &Value, name: &str| {
        let parts = schema["allOf"].as_array().cloned().unwrap_or_else(|| vec![schema.clone()]);
        parts.iter().any(|part| !part["properties"][name].is_null())
    };
    let answers = schemas.iter().filter(|(name, _)| !name.ends_with("Body"));
    let with: BTreeSet<&str> =
        answers.filter(|(_, schema)| has(schema, "content_digest")).map(|(name, _)| name.as_str()).collect();
    assert_eq!(with, LOOKED_AT.into_iter().map(|(name, _)| name).collect::<BTreeSet<&str>>());
    for (name, fields) in LOOKED_AT {
        for field in fields {
            assert!(has(&schemas[name], field), "{name}.{field}");
        }
    }
}

/// Each with the fields in which whoever decides sees what the digest covers: of an unlock and a revocation the serial numbers, which no
/// mask hides, of a line every cell.
const LOOKED_AT: [(&str, &[&str]); 13] = [
    ("ChangeView", &["provider", "login", "terms", "reason", "asked_by", "asked_at"]),
    ("ForeignView", &["holder", "login", "common_name", "fingerprint", "fit"]),
    ("LineView", &["position", "values"]),
    ("ListView", &["unit", "size"]),
    ("OrderView", &["reason", "ground", "invalid_since", "size"]),
    ("PasskeyView", &["comparison_code"]),
    (
        "PersonnelOrderView",
        &["kind", "effects", "effective_at", "unit_after", "title", "ground", "certificates", "entered_by"],
    ),
    ("PersonnelPreview", &["effects", "effective_at"]),
    ("Preview", &["common_name", "personal_number", "birth_date", "title", "organization", "responsible"]),
    ("Proposed", &["certificates"]),
    ("RequestView", &["identity"]),
    ("StaffOrderView", &["identity", "phone_changes", "roles_before", "unit_before"]),
    ("UnlockView", &["serial", "number", "reason", "asked_by", "asked_at"]),
];
