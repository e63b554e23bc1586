//! What one person, and what SQL, cannot do: make, widen or take over an account.

use super::{orders::account_id, *};
use crate::harness::app::Backend;

/// Every way in which two accounts, two roles or two roads could make one person two.
async fn one_person_widens_nothing(backend: Backend) {
    let test = TestApp::start(backend).await;
    let (administrator, officer) = pair(&test).await;
    // Two accounts of one person are one person.
    let (_, second) = member(&test, "quan.tri.hai", &[Role::SecurityOfficer], Some(FIRST)).await;
    let order = entered(&test, &administrator, &opening("bich.le", &["operator"])).await;
    assert_eq!(problem(&approve(&test, &second, &order).await.1), "own_order");
    assert_eq!(problem(&act(&test, &second, &order, "refuse", json!({ "reason": "x" })).await.1), "own_order");
    // Nor is an account of nobody a second one, on either side.
    let (_, nobody) = member(&test, "vo.danh", &[Role::SecurityOfficer, Role::Approver], None).await;
    assert_eq!(problem(&approve(&test, &nobody, &order).await.1), "person_unknown");
    assert_eq!(problem(&enter(&test, &nobody, &opening("bich.ba", &["operator"])).await.1), "person_unknown");
    let unknown = json!({ "kind": "grant", "account": "vo.danh", "roles": ["relying_party"] });
    assert_eq!(problem(&enter(&test, &administrator, &unknown).await.1), "person_unknown");
    // Nobody approves what is about themselves, in whichever account.
    let own = json!({ "kind": "grant", "account": "an.ninh", "roles": ["relying_party"] });
    let own = entered(&test, &administrator, &own).await;
    assert_eq!(problem(&approve(&test, &officer, &own).await.1), "own_account_order");
    let (_, twin) = member(&test, "an.ninh.hai", &[Role::SecurityOfficer], Some(SECOND)).await;
    assert_eq!(problem(&approve(&test, &twin, &own).await.1), "own_account_order");
    // One's own order is approved neither by oneself nor as an officer, nor by a key.
    let by_officer = entered(&test, &officer, &opening("bich.bon", &["operator"])).await;
    assert_eq!(problem(&approve(&test, &officer, &by_officer).await.1), "own_order");
    assert_eq!(problem(&approve(&test, &twin, &by_officer).await.1), "own_order");
    let (keeper, _) = test.account("khoa", &[Role::SecurityOfficer], Some(THIRD)).await;
    let key = test.key(keeper).await;
    assert_eq!(act(&test, &key, &order, "approve", json!({ "content_digest": "" })).await.0, 403);
    assert_eq!(enter(&test, &key, &opening("bich.nam", &["operator"])).await.0, 403);
    // The roles that exclude each other do so by person, whatever accounts they are spread over.
    let (_, _) = member(&test, "nguoi.duyet", &[Role::Approver], Some(THIRD)).await;
    member(&test, "nguoi.kia", &[Role::Clerk], Some(THIRD)).await;
    let spread = json!({ "kind": "grant", "account": "nguoi.kia", "roles": ["operator"] });
    assert_eq!(problem(&enter(&test, &administrator, &spread).await.1), "roles_exclude");
    // Nobody else enters, decides or sees.
    for role in [Role::Auditor, Role::Approver, Role::Operator, Role::Clerk] {
        let number = format!("00108000020{}", role as u8);
        let (_, token) = member(&test, &format!("chi.{}", role.name()), &[role], Some(&number)).await;
        assert_eq!(enter(&test, &token, &opening("bich.sau", &["operator"])).await.0, 403);
        assert_eq!(act(&test, &token, &order, "approve", json!({ "content_digest": "" })).await.0, 403);
        let sees = test.get("/api/v1/staff", &token).await.0;
        assert_eq!(sees, if role == Role::Auditor { 200 } else { 403 });
    }
    // Whoever entered an order and got the code cannot have it approved by taking the role meanwhile: it is judged by person.
    assert_eq!(test.sql("SELECT count(*) FROM account WHERE login LIKE 'bich.%'").trim(), "0");
    approved(&test, &officer, &order).await;
    assert_eq!(problem(&act(&test, &twin, &order, "invitation", json!({})).await.1), "invitation_not_yours");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_person_widens_nothing_on_sqlite() {
    one_person_widens_nothing(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_person_widens_nothing_on_postgres() {
    one_person_widens_nothing(Backend::Postgres).await;
}

async fn sql_widens_nothing(backend: Backend) {
    let test = TestApp::start(backend).await;
    let (administrator, officer) = pair(&test).await;
    let (_, other_officer) = member(&test, "an.ninh.2", &[Role::SecurityOfficer], Some(THIRD)).await;
    let order = entered(&test, &administrator, &opening("bich.le", &["auditor"])).await;
    let harmless =
        entered(&test, &administrator, &json!({ "kind": "move", "account": "an.ninh.2", "unit": "00004" })).await;
    let seen = order["content_digest"].clone();
    test.sql("CREATE TABLE kept_order AS SELECT * FROM staff_order");
    let id = |order: &Value| {
        let text = order["id"].as_str().unwrap().to_owned();
        match backend {
            Backend::Sqlite => format!("X'{}'", text.replace('-', "")),
            Backend::Postgres => format!("'{text}'"),
        }
    };
    let set = |statement: &str| test.sql(&format!("UPDATE staff_order SET {statement} WHERE id = {}", id(&order)));
    let restore = || {
        let columns =
            ["state", "kind", "content", "entered_by", "account_id", "expires_at", "decided_by", "version", "mac"];
        let columns: Vec<String> = columns.iter().map(|c| format!("{c} = k.{c}")).collect();
        test.sql(&format!(
            "UPDATE staff_order SET {} FROM kept_order k WHERE k.id = staff_order.id AND k.id = {}",
            columns.join(", "),
            id(&order)
        ));
    };
    let approve_seen = || act(&test, &officer, &order, "approve", json!({ "content_digest": seen }));
    // Swapped between view and approval: another order's content, somebody else's entry, another account.
    for swapped in [
        format!("content = (SELECT content FROM kept_order WHERE id = {})", id(&harmless)),
        "entered_by = (SELECT id FROM account WHERE login = 'kiemtoan')".to_owned(),
        format!("account_id = (SELECT account_id FROM kept_order WHERE id = {})", id(&harmless)),
        "expires_at = expires_at + 86400000000".to_owned(),
        "kind = 'grant'".to_owned(),
    ] {
        // One open order an account: the other one makes room.
        if swapped.starts_with("account_id") {
            test.sql(&format!("UPDATE staff_order SET state = 'refused' WHERE id = {}", id(&harmless)));
        }
        set(&swapped);
        assert_eq!(approve_seen().await.0, 500, "{swapped}");
        restore();
    }
    // Approved by SQL: no account comes of it, nor a code.
    set("state = 'approved', decided_by = (SELECT id FROM account WHERE login = 'an.ninh')");
    assert_eq!(act(&test, &administrator, &order, "invitation", json!({})).await.0, 500);
    restore();
    // A refused one, put back whole to be approved.
    let (_, refused) = act(&test, &officer, &order, "refuse", json!({ "reason": "Không." })).await;
    assert_eq!(refused["state"], json!("refused"));
    restore();
    assert_eq!(approve_seen().await.0, 500);
    // The account changed since the approver looked.
    let grant = json!({ "kind": "grant", "account": "kiemtoan", "roles": ["relying_party"] });
    let grant = entered(&test, &administrator, &grant).await;
    let kiemtoan = account_id(&test, &administrator, "kiemtoan").await;
    let path = format!("/api/v1/accounts/{kiemtoan}/roles/auditor");
    assert_eq!(test.request("DELETE", &path, &administrator, "", vec![]).await.0, 204);
    let (status, answer) =
        act(&test, &other_officer, &grant, "approve", json!({ "content_digest": grant["content_digest"] })).await;
    assert_eq!((status, problem(&answer)), (409, "content_differs"));
    sql_redeems_nothing(&test, (&administrator, &officer)).await;
}

/// An invitation that SQL prolongs or brings back.
async fn sql_redeems_nothing(test: &TestApp, (administrator, officer): (&str, &str)) {
    let order = entered(test, administrator, &opening("bich.hai", &["auditor"])).await;
    approved(test, officer, &order).await;
    let code = invited(test, administrator, &order).await;
    test.sql("UPDATE staff_invitation SET expires_at = expires_at + 1");
    assert_eq!(welcome(test, "bich.hai", &code, "").await.0, 500);
    test.sql("UPDATE staff_invitation SET expires_at = expires_at - 1");
    test.sql("CREATE TABLE kept_invitation AS SELECT * FROM staff_invitation");
    assert_eq!(welcome(test, "bich.hai", &code, "").await.0, 200);
    // Used once, put back by SQL: the log knows.
    test.sql("UPDATE staff_invitation SET redeemed_at = NULL, version = k.version, mac = k.mac FROM kept_invitation k");
    assert_eq!(welcome(test, "bich.hai", &code, "").await.0, 500);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sql_widens_nothing_on_sqlite() {
    sql_widens_nothing(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sql_widens_nothing_on_postgres() {
    sql_widens_nothing(Backend::Postgres).await;
}

/// Roles that exclude each other do so over accounts that are disabled, too: they come back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disabled_account_keeps_its_roles_from_being_circumvented() {
    let test = TestApp::sqlite().await;
    let (administrator, officer) = pair(&test).await;
    let (old, _) = member(&test, "nguoi.nhap", &[Role::Operator], Some(THIRD)).await;
    let disable = format!("/api/v1/accounts/{old}/disable");
    assert_eq!(test.post(&disable, &officer, &json!({})).await.0, 204);
    member(&test, "nguoi.do", &[Role::Clerk], Some(THIRD)).await;
    let grant = json!({ "kind": "grant", "account": "nguoi.do", "roles": ["approver"] });
    assert_eq!(problem(&enter(&test, &administrator, &grant).await.1), "roles_exclude");
    // One that has the other role all the same.
    member(&test, "nguoi.duyet", &[Role::Approver], Some(THIRD)).await;
    let enable = json!({ "kind": "enable", "account": "nguoi.nhap" });
    assert_eq!(problem(&enter(&test, &administrator, &enable).await.1), "roles_exclude");
}
