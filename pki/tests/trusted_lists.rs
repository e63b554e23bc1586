//! Trusted lists that member states published, and one that somebody wrapped. Skipped, with a line that says so, where the corpora are not at hand.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use chuky_model::instant::Instant;
use chuky_pki::certificate::Certificate;
use chuky_pki::trusted_list::TrustedList;
use chuky_pki::verify::{AnchorPurpose, ListRefused, read_trusted_list};
use chuky_pki::xml::signature::decode_base64;
use std::path::PathBuf;

/// A file of the corpora, and the certificate in its last `KeyInfo`.
fn file(name: &str) -> Option<(Vec<u8>, [u8; 32])> {
    let corpora = std::env::var_os("CHUKY_CORPORA")
        .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/corpora")), PathBuf::from);
    let Ok(bytes) = std::fs::read(corpora.join("dss-xades").join(name)) else {
        println!("SKIPPED: no corpora at {} (set CHUKY_CORPORA)", corpora.display());
        return None;
    };
    let text = String::from_utf8_lossy(&bytes);
    let (_, info) = text.rsplit_once("KeyInfo").and_then(|(before, _)| before.rsplit_once("KeyInfo")).unwrap();
    let (_, value) = info.split_once("X509Certificate>").unwrap();
    let certificate = Certificate::from_der(&decode_base64(value.split('<').next().unwrap()).unwrap()).unwrap();
    let fingerprint = *certificate.fingerprint();
    Some((bytes, fingerprint))
}

fn read(bytes: &[u8], signer: [u8; 32], at: &str) -> Result<TrustedList, ListRefused> {
    read_trusted_list(bytes, &[signer], Instant::parse_rfc3339(at).unwrap())
}

#[test]
fn lists_of_member_states_are_read_with_services_and_history() {
    let Some((bytes, signer)) = file("dss-xades_validation_sk-tsl.xml") else { return };
    let list = read(&bytes, signer, "2021-04-01T00:00:00Z").unwrap();
    assert_eq!((list.territory.as_str(), list.sequence, list.version), ("SK", 76, 5));
    assert_eq!(list.next_update.unwrap().rfc3339(), "2021-08-23T20:00:00Z");
    assert!(list.is_european() && list.pointers.len() == 1 && list.pointers[0].territory == "EU");
    let of = |purpose| list.services.iter().filter(|service| service.purpose() == purpose).count();
    assert!(of(Some(AnchorPurpose::Signatures)) > 10 && of(Some(AnchorPurpose::Timestamps)) > 20);
    let responders = of(Some(AnchorPurpose::Statuses));
    assert!(responders > 0 && responders + of(None) > 20, "{responders}");
    // Those accredited before the Regulation and granted after were trusted without a break.
    let unbroken =
        list.services.iter().filter(|service| service.states.len() > 1).flat_map(|service| service.periods(true));
    assert!(unbroken.filter(|period| period.until.is_none()).count() > 3);
    // One bit is enough, and so is another signer.
    let mut changed = bytes.clone();
    let at = bytes.windows(7).position(|window| window == b"granted").unwrap();
    changed[at] = b'G';
    assert!(read(&changed, signer, "2021-04-01T00:00:00Z").unwrap_err().0.contains("not good"));
    let other = read(&bytes, [7; 32], "2021-04-01T00:00:00Z").unwrap_err();
    assert!(other.0.contains(&hex::encode(signer)), "{other}");
    assert!(read(&bytes, signer, "2020-04-01T00:00:00Z").unwrap_err().0.contains("future"));
}

#[test]
fn a_list_with_another_prefix_is_read_and_a_wrapped_one_refused() {
    if let Some((bytes, signer)) = file("dss-xades_validation_dk_tl-sn21.xml") {
        let list = read(&bytes, signer, "2019-09-01T00:00:00Z").unwrap();
        assert_eq!((list.territory.as_str(), list.sequence, list.services.len()), ("DK", 21, 1));
        assert_eq!(list.services[0].states.len(), 2);
    }
    for (name, reason) in [
        ("XSW-enveloped-fake-content.xml", "the content is not the one that was signed"),
        ("XSW-enveloped-fake-content-two-same-id.xml", "a referenced identifier stands twice"),
    ] {
        let Some((bytes, signer)) = file(&format!("dss-xades_validation_xsw_{name}")) else { continue };
        let refused = read(&bytes, signer, "2021-04-01T00:00:00Z").unwrap_err();
        assert!(refused.0.contains(reason), "{name}: {refused}");
    }
}

#[test]
fn whatever_bytes_come_there_is_an_answer() {
    let Some((bytes, signer)) = file("dss-xades_validation_dk_tl-sn21.xml") else { return };
    let list = read(&bytes, signer, "2019-09-01T00:00:00Z").unwrap();
    for step in 1..60 {
        let cut = &bytes[..bytes.len() * step / 60];
        assert!(read(cut, signer, "2019-09-01T00:00:00Z").is_err());
        let mut changed = bytes.clone();
        let at = (bytes.len() * step / 60).min(bytes.len() - 1);
        changed[at] ^= 0x11;
        let other = read(&changed, signer, "2019-09-01T00:00:00Z");
        assert!(other.is_err() || other.as_ref() == Ok(&list), "{at}");
    }
}
