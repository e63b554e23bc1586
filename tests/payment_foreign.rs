//! Payers of other authorities: trusted where the administrator recorded their root for payments, judged by the lists that they bring, and by
//! nothing that was recorded for documents.

use crate::{
    harness::{app::TestApp, payer::Authority},
    payment_standing::{ask, empty_list, jws_with},
    payments::outcome,
};
use chuky::trust::{self, Addition};
use chuky_model::role::Role;
use chuky_pki::{certificate::Certificate, verify::AnchorPurpose};
use serde_json::json;

fn record(test: &TestApp, authority: &Authority, purpose: AnchorPurpose) {
    let der = authority.root.certificate.to_der().unwrap();
    let fingerprint = *Certificate::from_der(&der).unwrap().fingerprint();
    let origin = "Ngân hàng TEST, công văn số 12".to_owned();
    let addition = Addition { file: &der, fingerprint, purposes: vec![purpose], from: None, until: None, origin };
    trust::add_anchor(&test.app.trust, addition, test.app.clock.now()).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payer_of_another_authority_is_accepted_once_its_root_is_recorded_for_payments() {
    let test = TestApp::sqlite().await;
    let (_, provider) = test.lasting_account("vi.dien.tu", Role::PaymentProvider).await;
    let directory = tempfile::tempdir().unwrap();
    let authority = Authority::of_others(&test.app);
    let payer = authority.stranger(&test.app);
    let lists = [
        empty_list(directory.path(), "issuing", &authority.issuing),
        empty_list(directory.path(), "root", &authority.root),
    ];
    let above = [&authority.issuing.certificate];
    let send = async |id: &str, lists: &[Vec<u8>]| {
        ask(&test, &provider, jws_with(&test, &payer.holder, &above, id, lists)).await
    };

    // 1. A stranger's, and one whose root documents are believed by.
    assert_eq!(send("1", &lists).await.1["reasons"], json!(["issuer_unknown"]));
    record(&test, &authority, AnchorPurpose::Signatures);
    tokio::time::sleep(chuky::current::KEPT_FOR).await;
    assert_eq!(send("1", &lists).await.1["reasons"], json!(["issuer_unknown"]));

    // 2. Recorded for payments.
    record(&test, &authority, AnchorPurpose::Payments);
    tokio::time::sleep(chuky::current::KEPT_FOR).await;
    let (status, answer) = send("1", &lists).await;
    assert_eq!((status, outcome(&answer)), (200, ("accepted", "first")), "{answer}");
    assert_eq!(outcome(&send("1", &lists).await.1), ("accepted", "repeated"));

    // 3. Nothing says that it is not revoked: not decided, and nothing is consumed.
    for lists in [&lists[..1], &lists[1..], &[]] {
        let (_, answer) = send("2", lists).await;
        assert_eq!(outcome(&answer), ("indeterminate", "not_consumed"), "{answer}");
        assert_eq!(answer["reasons"], json!(["status_unknown"]));
    }
    // Lists of two days ago say nothing of today.
    test.app.clock.shift_seconds(2 * 86_400);
    assert_eq!(send("3", &lists).await.1["reasons"], json!(["status_unknown"]));
    test.stop().await;
}
