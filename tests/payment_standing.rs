//! Who says whether a payer's certificate is good: for one that bears the name of an issuer of ours the service alone, whatever lists the
//! message brings and whatever SQL made of rows.

use crate::{
    harness::{
        app::{Backend, TestApp},
        payer::{Authority, Holder, p256},
    },
    issuance::{own_key::issued_for_own_key, run},
    payments::{key_of, outcome},
};
use base64::{Engine, engine::general_purpose::STANDARD, engine::general_purpose::URL_SAFE_NO_PAD};
use chuky_model::role::Role;
use chuky_pki::{
    certificate::Certificate,
    payment::{OrderPolicy, Status, Trust, Verifier},
};
use openssl::{ecdsa::EcdsaSig, hash::MessageDigest, pkey::PKey, sign::Signer, x509::X509};
use serde_json::{Value, json};
use std::{fs, path::Path};

/// A JWS in JSON with revocation lists beside its signature (TS 119 182-1 §5.3.5).
fn jws(test: &TestApp, holder: &Holder, id: &str, lists: &[Vec<u8>]) -> String {
    jws_with(test, holder, &[], id, lists)
}

/// The same with certificates above the signer's.
pub fn jws_with(test: &TestApp, holder: &Holder, above: &[&X509], id: &str, lists: &[Vec<u8>]) -> String {
    let der = holder.certificate.to_der().unwrap();
    let now = test.app.clock.now();
    let fingerprint = hex::encode(Certificate::from_der(&der).unwrap().fingerprint());
    let order = json!({
        "id": id, "payer": format!("sha256:{fingerprint}"), "payee": "MST:0100000001", "amount": 5, "currency": "VND",
        "created": now.rfc3339(), "expires": now.plus_seconds(600).rfc3339()
    });
    let encoded = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let above = above.iter().map(|certificate| STANDARD.encode(certificate.to_der().unwrap()));
    let chain: Vec<String> = std::iter::once(STANDARD.encode(&der)).chain(above).collect();
    let protected = encoded(&json!({ "alg": "ES256", "x5c": chain }));
    let payload = encoded(&order);
    let mut signer = Signer::new(MessageDigest::sha256(), &holder.key).unwrap();
    let value = signer.sign_oneshot_to_vec(format!("{protected}.{payload}").as_bytes()).unwrap();
    let value = EcdsaSig::from_der(&value).unwrap();
    let half = |number: &openssl::bn::BigNumRef| number.to_vec_padded(32).unwrap();
    let signature = URL_SAFE_NO_PAD.encode([half(value.r()), half(value.s())].concat());
    let values: Vec<Value> = lists.iter().map(|list| json!({ "val": STANDARD.encode(list) })).collect();
    json!({
        "protected": protected, "payload": payload, "signature": signature,
        "header": { "etsiU": [{ "rVals": { "crlVals": values } }] }
    })
    .to_string()
}

pub async fn ask(test: &TestApp, key: &str, message: String) -> (u16, Value) {
    test.request("POST", "/api/v1/transactions/verify", key, "application/json", message.into_bytes()).await
}

async fn a_revoked_payer_brings_old_lists(backend: Backend) {
    let test = TestApp::start(backend).await;
    let provider = key_of(&test, "vi.dien.tu", Role::PaymentProvider).await;
    let directory = tempfile::tempdir().unwrap();
    let receipt = issued_for_own_key(&test, directory.path()).await;
    let thief = Holder {
        certificate: X509::from_pem(receipt["certificate"].as_str().unwrap().as_bytes()).unwrap(),
        key: PKey::private_key_from_pem(&fs::read(directory.path().join("key.pem")).unwrap()).unwrap(),
    };
    let mut lists = Vec::new();
    for name in ["citizens-issuing", "citizens-root"] {
        let (status, list) = test.raw("GET", &format!("/crl/{name}.crl"), "", "", Vec::new()).await;
        assert_eq!(status, 200);
        lists.push(list);
    }
    let (status, answer) = ask(&test, &provider, jws(&test, &thief, "1", &lists)).await;
    assert_eq!((status, outcome(&answer)), (200, ("accepted", "first")), "{answer}");
    let operator = test.log_in("gianhang").await;
    let path = format!("/api/v1/certificates/{}/revoke", receipt["serial"].as_str().unwrap());
    let (status, answer) =
        test.post(&path, &operator, &json!({ "reason": "key_compromise", "ground": "key_exposed" })).await;
    assert_eq!(status, 200, "{answer}");
    // The row as it is, its fingerprint another, its serial number another.
    for (number, change) in ["", "fingerprint = spki_hash", "serial = spki_hash"].into_iter().enumerate() {
        if !change.is_empty() {
            test.sql(&format!("UPDATE certificate SET {change} WHERE fingerprint IS NOT NULL"));
        }
        let (status, answer) = ask(&test, &provider, jws(&test, &thief, &format!("after-{number}"), &lists)).await;
        assert_eq!((status, answer["reasons"].clone()), (200, json!(["certificate_revoked"])), "{change}: {answer}");
    }
    test.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revoked_payer_brings_old_lists_on_sqlite() {
    a_revoked_payer_brings_old_lists(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revoked_payer_brings_old_lists_on_postgres() {
    a_revoked_payer_brings_old_lists(Backend::Postgres).await;
}

/// A list of that authority with nobody on it, made by OpenSSL; DER.
pub fn empty_list(at: &Path, name: &str, holder: &Holder) -> Vec<u8> {
    fs::write(at.join(format!("{name}.pem")), holder.certificate.to_pem().unwrap()).unwrap();
    fs::write(at.join(format!("{name}.key")), holder.key.private_key_to_pem_pkcs8().unwrap()).unwrap();
    let settings = "[ca]\ndefault_ca = own\n[own]\ndatabase = index\ncrlnumber = number\ndefault_md = sha256\ndefault_crl_days = 1\n\
         crl_extensions = further\n[further]\nauthorityKeyIdentifier = issuer:always\n";
    fs::write(at.join("settings"), settings).unwrap();
    let text = run(
        at,
        &format!(
            "(: >index; echo 01 >number; openssl ca -gencrl -config settings -cert {name}.pem -keyfile {name}.key -out {name}.crl && \
             openssl crl -in {name}.crl -outform DER -out {name}.der)"
        ),
    );
    fs::read(at.join(format!("{name}.der"))).unwrap_or_else(|_| panic!("{text}"))
}

async fn a_certificate_that_no_row_knows(backend: Backend) {
    let test = TestApp::start(backend).await;
    let provider = key_of(&test, "vi.dien.tu", Role::PaymentProvider).await;
    let directory = tempfile::tempdir().unwrap();
    let authority = Authority::enter(&test.app).await;
    let lists = [
        empty_list(directory.path(), "issuing", &authority.issuing),
        empty_list(directory.path(), "root", &authority.root),
    ];
    // Made with the authority's key, and not by the service. By themselves the lists would do.
    let stranger = authority.stranger(&test.app).holder;
    let message = jws(&test, &stranger, "1", &lists);
    let read = |holder: &Holder| Certificate::from_der(&holder.certificate.to_der().unwrap()).unwrap();
    let trust = Trust { anchors: vec![read(&authority.root)], intermediates: vec![read(&authority.issuing)] };
    let verifier = Verifier::new(trust, OrderPolicy::default());
    let now = test.app.clock.now().plus_seconds(1);
    let examined = verifier.examine(&verifier.read(message.as_bytes(), now), None, now);
    assert_eq!(examined.embedded_status(), Status::Good);
    let (status, answer) = ask(&test, &provider, message).await;
    assert_eq!((status, outcome(&answer)), (200, ("indeterminate", "not_consumed")), "{answer}");
    assert_eq!(answer["reasons"], json!(["status_unknown"]));
    // One that the service issued, whose row SQL takes out of sight.
    let payer = authority.payer(&test.app, p256()).await.holder;
    let (_, answer) = ask(&test, &provider, jws(&test, &payer, "2", &lists)).await;
    assert_eq!(outcome(&answer), ("accepted", "first"), "{answer}");
    test.sql("UPDATE certificate SET serial = fingerprint WHERE issuer_label = 'payments-Issuing'");
    tokio::time::sleep(chuky::current::KEPT_FOR).await;
    let (status, answer) = ask(&test, &provider, jws(&test, &payer, "3", &lists)).await;
    assert_eq!((status, answer["reasons"].clone()), (200, json!(["status_unknown"])), "{answer}");
    test.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_that_no_row_knows_is_not_accepted_on_sqlite() {
    a_certificate_that_no_row_knows(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_that_no_row_knows_is_not_accepted_on_postgres() {
    a_certificate_that_no_row_knows(Backend::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ca_that_has_ended_vouches_for_nobody() {
    use chuky_model::record::state::AuthorityState;
    let test = TestApp::sqlite().await;
    let provider = key_of(&test, "vi.dien.tu", Role::PaymentProvider).await;
    let authority = Authority::enter(&test.app).await;
    let payer = authority.payer(&test.app, p256()).await;
    let send = async |id: &str| {
        let order = payer.order(&test.app, id);
        test.request("POST", "/api/v1/transactions/verify", &provider, "application/jose", payer.sign(&order).into())
            .await
    };
    assert_eq!(outcome(&send("1").await.1), ("accepted", "first"));
    let mut row = test.app.store.authority_key_by_label("payments-Issuing").await.unwrap().unwrap();
    row.state = Some(AuthorityState::Ended);
    chuky::attestation::attest_change(&*test.app.tokens.subscribers, &mut row).await.unwrap();
    let mut transaction = test.app.store.begin().await.unwrap();
    transaction.update_authority_key(&row).await.unwrap();
    transaction.commit().await.unwrap();
    chuky::current::changed(&test.app, &row);
    tokio::time::sleep(chuky::current::KEPT_FOR).await;
    let (status, answer) = send("2").await;
    assert_eq!((status, answer["reasons"].clone()), (200, json!(["status_unknown"])), "{answer}");
    // A row that SQL changed is found out.
    test.sql("UPDATE authority_key SET state = NULL WHERE label = 'payments-Issuing'");
    tokio::time::sleep(chuky::current::KEPT_FOR).await;
    assert_eq!(send("3").await.0, 500);
}
