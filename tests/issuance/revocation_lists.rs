//! Revocation lists over time: renewed before they end, in parts, long ones, and how they are served. OpenSSL and pkilint judge.

use super::{fetch, issued, lists, run};
use crate::harness::app::{Backend, TestApp};
use chuky::issuance::{self, revocation_list};
use serde_json::{Value, json};
use std::{collections::HashSet, fs, path::Path};

const ISSUER: &str = "citizens-issuing";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_are_renewed_before_they_end_and_only_grow() {
    let test = TestApp::sqlite().await;
    let newest = async || test.app.store.latest_crl_head(ISSUER).await.unwrap().unwrap();
    let first = newest().await;
    revocation_list::publish_due(&test.app).await.unwrap();
    revocation_list::publish_after_change(&test.app).await.unwrap();
    assert_eq!(newest().await.number, first.number, "nothing was due");
    test.app.clock.shift_seconds(13 * 3_600);
    revocation_list::publish_due(&test.app).await.unwrap();
    let second = newest().await;
    assert!(second.number == first.number + 1 && second.this_update > first.this_update);
    assert!(second.next_update > first.next_update);
    // Nobody came to publish for days: whoever asks gets a list that has not ended.
    test.app.clock.shift_seconds(60 * 3_600);
    let directory = tempfile::tempdir().unwrap();
    lists(&test, directory.path(), "citizens").await;
    let third = newest().await;
    assert!(third.number > second.number && third.next_update > test.app.clock.now());
    // Many changes at once are told by few lists, and each caller returns after a list that tells the change.
    let receipt = issued(&test, "citizen").await;
    let officer = test.log_in("quantri").await;
    let path = format!("/api/v1/certificates/{}", receipt["serial"].as_str().unwrap());
    for change in ["suspend", "resume", "suspend"] {
        assert_eq!(test.post(&format!("{path}/{change}"), &officer, &json!({})).await.0, 200);
        fetch(&test, directory.path(), "citizens", &receipt).await;
        let listed = run(directory.path(), "openssl crl -in issuing.crl -noout -text").contains("Certificate Hold");
        assert_eq!(listed, change == "suspend", "{change}");
    }
    let again = (0..8).map(|_| {
        let app = test.app.clone();
        tokio::spawn(async move { revocation_list::publish_after_change(&app).await.unwrap() })
    });
    let before = newest().await.number;
    for one in again.collect::<Vec<_>>() {
        one.await.unwrap();
    }
    assert_eq!(newest().await.number, before, "what is told is not told again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_certificate_names_its_part_of_the_list() {
    let test = TestApp::start_with(Backend::Sqlite, |settings| settings.authority.crl_parts = 4).await;
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let receipt = issued(&test, "citizen").await;
    fetch(&test, at, "citizens", &receipt).await;
    let serial = hex::decode(receipt["serial"].as_str().unwrap()).unwrap();
    let part = serial.last().unwrap() % 4;
    let text = run(at, "openssl x509 -in subscriber.pem -noout -ext crlDistributionPoints");
    assert!(text.contains(&format!("/crl/{ISSUER}.4.{part}.crl")), "{text}");
    let verify = |list: &str| {
        run(at, "cat root.crl part.pem > both.crl");
        run(at, &format!("openssl crl -in {list} -inform DER -out part.pem && cat root.crl part.pem > both.crl"));
        run(
            at,
            "openssl verify -crl_check_all -CRLfile both.crl -CAfile root.pem -untrusted issuing.pem subscriber.pem",
        )
    };
    let get = async |part: u8| {
        let (status, der) = test.raw("GET", &format!("/crl/{ISSUER}.4.{part}.crl"), "", "", vec![]).await;
        assert_eq!(status, 200);
        fs::write(at.join(format!("part{part}.crl")), der).unwrap();
    };
    for part in 0..4 {
        get(part).await;
    }
    assert!(verify(&format!("part{part}.crl")).contains("subscriber.pem: OK"));
    // Another part says nothing about it.
    let other = (part + 1) % 4;
    assert!(verify(&format!("part{other}.crl")).contains("scope"), "{}", verify(&format!("part{other}.crl")));
    let officer = test.log_in("quantri").await;
    let path = format!("/api/v1/certificates/{}/revoke", receipt["serial"].as_str().unwrap());
    assert_eq!(test.post(&path, &officer, &json!({ "reason": "superseded" })).await.0, 200);
    let untouched = fs::read(at.join(format!("part{other}.crl"))).unwrap();
    get(part).await;
    get(other).await;
    assert!(verify(&format!("part{part}.crl")).contains("certificate revoked"));
    assert_eq!(fs::read(at.join(format!("part{other}.crl"))).unwrap(), untouched, "only the part that changed is new");
    lists(&test, at, "citizens").await;
    assert!(run(at, "openssl crl -in issuing.crl -noout -text").to_lowercase().contains(&hex::encode(&serial)));
    let text = run(at, &format!("openssl crl -inform DER -in part{part}.crl -noout -text"));
    assert!(text.contains("Issuing Distribution Point: critical") && text.contains("2.5.29.60"), "{text}");
    for name in ["citizens-issuing.4.4", "citizens-issuing.04.1", "citizens-issuing.4", "citizens-issuing.1.0", "x.4.1"]
    {
        assert_eq!(test.raw("GET", &format!("/crl/{name}.crl"), "", "", vec![]).await.0, 404, "{name}");
    }
    linted(at, &format!("part{part}.crl"));
    // Back to one list: what certificates name stays published.
    assert!(test.app.store.crl_names(ISSUER).await.unwrap().len() == 5);
}

fn linted(at: &Path, list: &str) {
    let linters = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/target/venv/bin"));
    if !linters.join("lint_crl").exists() {
        println!("SKIPPED: no pkilint in target/venv (scripts/venv makes it)");
        return;
    }
    run(at, &format!("openssl crl -inform DER -in {list} -out linted.pem"));
    let text = run(at, &format!("{}/lint_crl lint -t CRL -p PKIX -s NOTICE -f CSV linted.pem", linters.display()));
    let clean = ["ERROR", "FATAL", "Traceback"].iter().all(|word| !text.contains(word));
    assert!(clean && text.starts_with("node_path,"), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn caches_may_keep_a_list_for_a_minute() {
    let test = TestApp::sqlite().await;
    let path = format!("/crl/{ISSUER}.crl");
    let (status, headers, list) = test.exchange("GET", &path, vec![], vec![]).await;
    let header = |name: &str| headers[name].to_str().unwrap().to_owned();
    assert_eq!((status, header("content-type").as_str()), (200, "application/pkix-crl"));
    assert!(header("cache-control").starts_with("max-age=60, public"), "{headers:?}");
    assert!(header("last-modified").ends_with(" GMT") && header("expires").ends_with(" GMT"), "{headers:?}");
    assert_eq!(header("content-length"), list.len().to_string());
    let asked = vec![("if-none-match", format!("\"other\", {}", header("etag")))];
    let (status, _, body) = test.exchange("GET", &path, asked, vec![]).await;
    assert_eq!((status, body.len()), (304, 0));
    let asked = vec![("if-modified-since", header("last-modified"))];
    assert_eq!(test.exchange("GET", &path, asked, vec![]).await.0, 304);
    let asked = vec![("if-none-match", "\"other\"".to_owned()), ("if-modified-since", header("last-modified"))];
    assert_eq!(test.exchange("GET", &path, asked, vec![]).await.0, 200);
    let (status, headers, body) = test.exchange("HEAD", &path, vec![], vec![]).await;
    assert_eq!((status, body.len(), headers["content-length"].to_str().unwrap()), (200, 0, &*list.len().to_string()));
}

/// Forty thousand revocations come by the log of another node: the list is cut into pieces and comes out whole.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_list_comes_out_whole() {
    const COUNT: usize = 40_000;
    let test = TestApp::sqlite().await;
    let now = test.app.clock.now();
    test.sql(&format!(
        "BEGIN; WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {COUNT}) \
         INSERT INTO audit_entry (id, recorded_at, kind, actor, subject, content) SELECT randomblob(16), {at} + i, 'certificate.revoked', 'service', 'certificate:' || i, \
         CAST('{{\"issuer\":\"{ISSUER}\",\"serial\":\"40' || lower(hex(randomblob(15))) || '\",\"version\":4,\"revoked_at\":{at},' \
         || '\"code\":' || (i % 2) || ',\"generation\":1}}' AS BLOB) FROM n; \
         INSERT INTO audit_pending SELECT id, recorded_at FROM audit_entry WHERE kind = 'certificate.revoked'; \
         UPDATE status_counter SET generation = generation + 1; COMMIT",
        at = now.0
    ));
    tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
    // What the database made of a piece is read back before anybody is served it.
    let before = test.app.store.latest_crl_head(ISSUER).await.unwrap().unwrap().number;
    test.sql(
        "CREATE TRIGGER spoiled AFTER INSERT ON crl_piece BEGIN UPDATE crl_piece SET octets = substr(octets, 1, length(octets) - 200) || zeroblob(200) \
         WHERE issuer_label = NEW.issuer_label AND number = NEW.number AND piece = NEW.piece; END",
    );
    assert!(revocation_list::publish_after_change(&test.app).await.is_err());
    assert_eq!(test.app.store.latest_crl_head(ISSUER).await.unwrap().unwrap().number, before);
    test.sql("DROP TRIGGER spoiled");
    revocation_list::publish_after_change(&test.app).await.unwrap();
    let row = test.app.store.latest_crl_head(ISSUER).await.unwrap().unwrap();
    assert!(row.length > 1 << 20, "{}", row.length);
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    lists(&test, at, "citizens").await;
    let (_, headers, list) = test.exchange("GET", &format!("/crl/{ISSUER}.crl"), vec![], vec![]).await;
    assert_eq!(headers["content-length"].to_str().unwrap(), row.length.to_string());
    assert_eq!(chuky_pki::crypto::sha256(&list).to_vec(), row.digest);
    fs::write(at.join("list"), &list).unwrap();
    run(at, "openssl x509 -inform DER -in issuer.cer -out issuing.pem");
    let (_, der) = test.raw("GET", &format!("/ca/{ISSUER}.cer"), "", "", vec![]).await;
    fs::write(at.join("issuer.cer"), der).unwrap();
    run(at, "openssl x509 -inform DER -in issuer.cer -out issuing.pem");
    assert!(run(at, "openssl crl -inform DER -in list -CAfile issuing.pem -noout").contains("verify OK"));
    let text = run(at, "openssl crl -inform DER -in list -noout -text");
    let serials: Vec<&str> = text.lines().filter_map(|line| line.trim().strip_prefix("Serial Number: ")).collect();
    assert_eq!((serials.len(), serials.iter().collect::<HashSet<_>>().len()), (COUNT, COUNT));
    assert!(serials.is_sorted());
    // Nobody can put it into a signature, and nobody needs to.
    let authority = issuance::Authority::of(&test.app).await.unwrap();
    let issuer = authority.by_label(ISSUER).unwrap();
    let whole = revocation_list::whole(&test.app, issuer).await.unwrap();
    assert_eq!(whole.map(|whole| whole.len()), Some(list.len()));
    // A further change waits for a pause, and comes within a minute.
    let receipt = issued(&test, "citizen").await;
    let officer = test.log_in("quantri").await;
    let path = format!("/api/v1/certificates/{}/suspend", receipt["serial"].as_str().unwrap());
    assert_eq!(test.post(&path, &officer, &Value::Null).await.0, 200);
    let now = test.app.store.latest_crl_head(ISSUER).await.unwrap().unwrap();
    // A slow machine may have made the pause already.
    assert!(now.number == row.number || test.app.clock.now() >= row.this_update.plus_seconds(20), "{}", now.number);
    test.app.clock.shift_seconds(30);
    revocation_list::publish_due(&test.app).await.unwrap();
    assert_eq!(test.app.store.latest_crl_head(ISSUER).await.unwrap().unwrap().number, row.number + 1);
}
