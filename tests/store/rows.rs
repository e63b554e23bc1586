//! Every row comes back as it was stored, unique keys are unique, and a lost compare-and-swap says so.

use super::{on_both, sample};
use crate::harness::database::Database;
use chuky::store::{Error, Store};
use chuky_model::{
    id::*,
    record::{Authenticated, Cursor, account::*, credential::Signature, request::*, state::*},
    request::RequestState,
};
use uuid::Uuid;

on_both!(
    accounts_keys_and_sessions,
    requests_and_decisions,
    certificates,
    credentials_and_signatures,
    documents,
    idempotency,
    unknown_state_is_an_error,
    other_addresses_are_refused,
    rolled_back_transactions_leave_nothing
);

async fn accounts_keys_and_sessions(database: Database) {
    let store = &database.store;
    let mut account = sample::stored_account(store, "thu.ha").await;
    assert_eq!(store.account_by_id(account.id).await.unwrap().unwrap(), account);
    assert_eq!(store.account_by_login("thu.ha").await.unwrap().unwrap(), account);
    assert_eq!(store.account_by_login("Thu.Ha").await.unwrap(), None);
    let person = account.person_lookup.clone().unwrap();
    assert_eq!(store.accounts_of_person(&person).await.unwrap(), vec![account.clone()]);

    let mut transaction = store.begin().await.unwrap();
    assert!(matches!(transaction.insert_account(&sample::account("thu.ha")).await, Err(Error::Conflict(_))));
    drop(transaction);

    account.advance();
    account.locked_until = Some(sample::at(60));
    account.roles.clear();
    let mut transaction = store.begin().await.unwrap();
    transaction.update_account(&account).await.unwrap();
    assert!(matches!(transaction.update_account(&account).await, Err(Error::Stale)), "the same version twice");
    let key = ApiKey {
        id: ApiKeyId(Uuid::now_v7()),
        account_id: account.id,
        key_hash: sample::digest("key"),
        label: "Cổng thanh toán".to_owned(),
        expires_at: sample::at(100),
        revoked_at: None,
        created_at: sample::at(0),
        version: 1,
        mac: sample::digest("mac"),
    };
    transaction.insert_api_key(&key).await.unwrap();
    let session = Session {
        token_hash: sample::digest("token"),
        account_id: account.id,
        csrf: sample::digest("csrf"),
        created_at: sample::at(0),
        expires_at: sample::at(10),
        ended_at: None,
        seen_at: Some(sample::at(5)),
        second_factor_at: Some(sample::at(1)),
        version: 1,
        mac: sample::digest("mac"),
    };
    transaction.insert_session(&session).await.unwrap();
    transaction.commit().await.unwrap();

    assert_eq!(store.account_by_id(account.id).await.unwrap().unwrap(), account);
    assert_eq!(store.api_key_by_hash(&key.key_hash).await.unwrap(), Some(key.clone()));
    assert_eq!(store.api_keys_of_account(account.id).await.unwrap(), vec![key]);
    assert_eq!(store.session_by_token(&session.token_hash).await.unwrap(), Some(session));
    let mut transaction = store.begin().await.unwrap();
    assert_eq!(transaction.remove_expired_sessions(sample::at(10)).await.unwrap(), 0);
    assert_eq!(transaction.remove_expired_sessions(sample::at(11)).await.unwrap(), 1);
}

async fn requests_and_decisions(database: Database) {
    let store = &database.store;
    let operator = sample::stored_account(store, "operator").await;
    let approver = sample::stored_account(store, "approver").await;
    let mut request = sample::request(operator.id, 0);
    let mut transaction = store.begin().await.unwrap();
    transaction.insert_request(&request, b"open").await.unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(store.request_by_id(request.id).await.unwrap().unwrap(), request);
    assert_eq!(store.requests_of_person(&request.person_lookup).await.unwrap(), vec![request.clone()]);

    // Who entered it never decides on it, whatever the flow believes.
    request.advance();
    request.state = RequestState::Approved;
    request.decided_by = Some(operator.id);
    let mut transaction = store.begin().await.unwrap();
    assert!(matches!(transaction.update_request(&request).await, Err(Error::Refused(_))));
    drop(transaction);

    request.decided_by = Some(approver.id);
    request.decided_at = Some(sample::at(5));
    let approval = Approval {
        request_id: request.id,
        approver_id: approver.id,
        decision: Decision::Approved,
        content_digest: sample::digest("content"),
        reason: None,
        decided_at: sample::at(5),
        version: 1,
        mac: sample::digest("mac"),
    };
    let mut code = ActivationCode {
        request_id: request.id,
        code_hash: sample::digest("code"),
        tries: 0,
        expires_at: sample::at(900),
        redeemed_at: None,
        created_at: sample::at(5),
        receipt_key: None,
        second_secret: None,
        messages: None,
        version: 1,
        mac: sample::digest("mac"),
    };
    let mut transaction = store.begin().await.unwrap();
    transaction.update_request(&request).await.unwrap();
    transaction.insert_approval(&approval).await.unwrap();
    transaction.insert_activation_code(&code).await.unwrap();
    code.advance();
    code.tries = 1;
    code.receipt_key = Some(sample::digest("receipt"));
    code.second_secret = Some(sample::digest("second"));
    code.messages = Some(1);
    transaction.update_activation_code(&code).await.unwrap();
    transaction.commit().await.unwrap();

    assert_eq!(store.request_by_id(request.id).await.unwrap().unwrap(), request);
    assert_eq!(store.approvals_of_request(request.id).await.unwrap(), vec![approval.clone()]);
    assert_eq!(store.activation_code_by_hash(&code.code_hash).await.unwrap(), Some(code.clone()));
    assert_eq!(store.activation_code_of_request(request.id).await.unwrap(), Some(code));
    let entered = async |unit, hierarchy| store.count_requests_entered(unit, hierarchy, sample::at(-1)).await.unwrap();
    let issued = store.count_requests_issued("HN-HK", request.hierarchy, sample::at(-1)).await.unwrap();
    let counted = [entered("HN-HK", request.hierarchy).await, issued];
    assert_eq!((counted, entered("HN-BD", request.hierarchy).await), ([1, 0], 0));
    for (state, listed) in [(RequestState::Approved, vec![request.clone()]), (RequestState::Submitted, Vec::new())] {
        assert_eq!(store.list_requests_of_unit_in("HN-HK", state, Cursor::OLDEST, 7).await.unwrap(), listed);
    }
    let mut transaction = store.begin().await.unwrap();
    assert!(matches!(transaction.insert_approval(&approval).await, Err(Error::Conflict(_))));
}

async fn certificates(database: Database) {
    let store = &database.store;
    let mut certificate = sample::certificate(sample::serial(1));
    let mut transaction = store.begin().await.unwrap();
    transaction.insert_certificate(&certificate).await.unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(store.certificate_by_id(certificate.id).await.unwrap().unwrap(), certificate);

    let mut transaction = store.begin().await.unwrap();
    let same_serial = sample::certificate(sample::serial(1));
    assert!(matches!(transaction.insert_certificate(&same_serial).await, Err(Error::Conflict(_))));
    drop(transaction);

    certificate.advance();
    certificate.state = CertificateState::Revoked;
    certificate.certificate = Some(vec![0x30, 0x82]);
    certificate.fingerprint = Some(sample::digest("certificate"));
    certificate.spki_hash = Some(sample::digest("key"));
    certificate.revoked_at = Some(sample::at(7));
    certificate.revocation_reason = Some(1);
    let mut other = sample::certificate(sample::serial(2));
    other.issuer_label = "citizens-issuing".to_owned();
    other.spki_hash = certificate.spki_hash.clone();
    let mut transaction = store.begin().await.unwrap();
    transaction.update_certificate(&certificate).await.unwrap();
    assert!(matches!(transaction.update_certificate(&certificate).await, Err(Error::Stale)));
    transaction.commit().await.unwrap();
    let mut transaction = store.begin().await.unwrap();
    let key_seen_before = transaction.insert_certificate(&other).await;
    assert!(matches!(key_seen_before, Err(Error::Conflict(_))));
    drop(transaction);

    let found = store.certificate_by_serial("officials-issuing", &certificate.serial).await.unwrap();
    assert_eq!(found, Some(certificate.clone()));
    assert_eq!(store.certificate_by_serial("citizens-issuing", &certificate.serial).await.unwrap(), None);
    assert_eq!(store.certificate_by_spki(&sample::digest("key")).await.unwrap(), Some(certificate.clone()));
    let found = store.certificate_by_fingerprint(&sample::digest("certificate")).await.unwrap();
    assert_eq!(found, Some(certificate.clone()));
    let revoked = |after| store.revoked_certificates("officials-issuing", after, 10);
    assert_eq!(revoked(None).await.unwrap().first().unwrap().serial, certificate.serial);
    assert!(revoked(Some(&certificate.serial)).await.unwrap().is_empty());
}

async fn credentials_and_signatures(database: Database) {
    let store = &database.store;
    let account = sample::stored_account(store, "owner").await;
    let certificate = sample::certificate(sample::serial(3));
    let mut credential = sample::credential(account.id);
    let mut activation = sample::activation(credential.id, 1, 60);
    let document = sample::document(account.id, 0);
    let signature = Signature {
        id: SignatureId(Uuid::now_v7()),
        credential_id: credential.id,
        activation_id: activation.id,
        certificate_id: certificate.id,
        document_id: Some(document.id),
        digest: sample::digest("document"),
        created_at: sample::at(1),
    };
    let mut transaction = store.begin().await.unwrap();
    transaction.insert_certificate(&certificate).await.unwrap();
    transaction.insert_credential(&credential).await.unwrap();
    credential.advance();
    credential.certificate_id = Some(certificate.id);
    credential.tries = 1;
    transaction.update_credential(&credential).await.unwrap();
    transaction.insert_activation(&activation).await.unwrap();
    transaction.insert_document(&document).await.unwrap();
    transaction.insert_signature(&signature).await.unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(store.credential_by_id(credential.id).await.unwrap(), Some(credential.clone()));
    assert_eq!(store.credential_of_certificate(certificate.id).await.unwrap(), Some(credential.clone()));
    assert_eq!(store.credentials_of_account(account.id).await.unwrap(), vec![credential]);
    assert_eq!(store.activation_by_id(activation.id).await.unwrap(), Some(activation.clone()));
    assert_eq!(store.signatures_of_document(document.id).await.unwrap(), vec![signature.clone()]);
    assert!(store.expired_activations(sample::at(59), 10).await.unwrap().is_empty());
    assert_eq!(store.expired_activations(sample::at(60), 10).await.unwrap(), vec![activation.clone()]);

    // The same digest twice under one activation, and one use more than it has hashes.
    let again = Signature { id: SignatureId(Uuid::now_v7()), ..signature };
    let mut transaction = store.begin().await.unwrap();
    assert!(matches!(transaction.insert_signature(&again).await, Err(Error::Conflict(_))));
    drop(transaction);
    activation.advance();
    activation.used_count = 2;
    let mut transaction = store.begin().await.unwrap();
    assert!(matches!(transaction.update_activation(&activation).await, Err(Error::Refused(_))));
}

async fn documents(database: Database) {
    let store = &database.store;
    let owner = sample::stored_account(store, "owner").await;
    let mut document = sample::document(owner.id, 0);
    let mut transaction = store.begin().await.unwrap();
    transaction.insert_document(&document).await.unwrap();
    document.version = 2;
    document.state = DocumentState::Signed;
    document.signed_size = Some(17);
    transaction.update_document(&document).await.unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(store.document_by_id(document.id).await.unwrap(), Some(document));
    let mut transaction = store.begin().await.unwrap();
    let stranger = sample::document(AccountId(Uuid::now_v7()), 0);
    assert!(matches!(transaction.insert_document(&stranger).await, Err(Error::Refused(_))), "an owner exists");
}

async fn idempotency(database: Database) {
    use chuky_model::record::payment::Idempotency;
    let store = &database.store;
    let request = Idempotency {
        key_hash: sample::digest("key"),
        account_id: AccountId(Uuid::now_v7()),
        route: "/api/v1/requests".to_owned(),
        request_mac: sample::digest("request"),
        response_status: None,
        response: None,
        created_at: sample::at(0),
    };
    let mut transaction = store.begin().await.unwrap();
    assert_eq!(transaction.begin_idempotent(&request).await.unwrap(), None);
    assert_eq!(transaction.begin_idempotent(&request).await.unwrap(), Some(request.clone()));
    transaction.answer_idempotent(&request.key_hash, 201, b"answer").await.unwrap();
    assert!(matches!(transaction.answer_idempotent(&request.key_hash, 200, b"other").await, Err(Error::Stale)));
    transaction.abandon_idempotent(&request.key_hash).await.unwrap();
    let stored = transaction.begin_idempotent(&request).await.unwrap().unwrap();
    assert_eq!((stored.response_status, stored.response), (Some(201), Some(b"answer".to_vec())));
    assert_eq!(transaction.remove_old_idempotent(sample::at(1)).await.unwrap(), 1);
    assert_eq!(transaction.begin_idempotent(&request).await.unwrap(), None);
}

async fn unknown_state_is_an_error(database: Database) {
    let operator = sample::stored_account(&database.store, "operator").await;
    let request = sample::request(operator.id, 0);
    let mut transaction = database.store.begin().await.unwrap();
    transaction.insert_request(&request, b"open").await.unwrap();
    transaction.commit().await.unwrap();
    database.sql("UPDATE registration_request SET state = 'blessed'");
    assert!(matches!(database.store.request_by_id(request.id).await, Err(Error::Corrupt(_))));
}

async fn other_addresses_are_refused(database: Database) {
    assert!(matches!(Store::open("mysql://chuky@localhost/chuky").await, Err(Error::Url)));
    assert!(matches!(Store::open("sqlite:///nowhere/at/all/chuky.db").await, Err(Error::Unavailable(_))));
    // A second process opens the same database and finds it migrated.
    Store::open(&database.url).await.unwrap().probe().await.unwrap();
}

async fn rolled_back_transactions_leave_nothing(database: Database) {
    let account = sample::account("nobody");
    let mut transaction = database.store.begin().await.unwrap();
    transaction.insert_account(&account).await.unwrap();
    assert!(transaction.account_by_id(account.id).await.unwrap().is_some(), "seen inside");
    assert!(database.store.account_by_id(account.id).await.unwrap().is_none(), "not seen outside");
    drop(transaction);
    let mut transaction = database.store.begin().await.unwrap();
    assert!(transaction.account_by_id(account.id).await.unwrap().is_none());
    transaction.insert_account(&account).await.unwrap();
    transaction.rollback().await.unwrap();
    assert!(database.store.account_by_id(account.id).await.unwrap().is_none());
}
