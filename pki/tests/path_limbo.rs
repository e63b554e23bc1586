//! The core of x509-limbo. Skipped, with a line that says so, where the corpora are not at hand.
#![allow(clippy::unwrap_used, clippy::panic)]

use chuky_model::instant::Instant;
use chuky_pki::certificate::Certificate;
use chuky_pki::extension::GeneralName;
use chuky_pki::path::{self, Purpose};
use chuky_pki::revocation::{self, Evidence, Revocation};
use serde_json::Value;

fn certificates(list: &Value) -> Vec<Certificate> {
    list.as_array()
        .unwrap()
        .iter()
        .filter_map(|pem| Certificate::all_from_pem(pem.as_str().unwrap()).ok()?.pop())
        .collect()
}

fn peer_name_fits(leaf: &Certificate, wanted: &Value) -> bool {
    let Some(value) = wanted["value"].as_str() else { return true };
    leaf.alternative_names().unwrap_or_default().iter().any(|name| match name {
        GeneralName::Dns(pattern) => {
            pattern.eq_ignore_ascii_case(value)
                || pattern
                    .strip_prefix("*.")
                    .is_some_and(|base| value.split_once('.').is_some_and(|(_, rest)| rest == base))
        }
        GeneralName::Ip(octets) => {
            let address: std::net::IpAddr = value.parse().unwrap_or([0, 0, 0, 0].into());
            match address {
                std::net::IpAddr::V4(v4) => v4.octets()[..] == octets[..],
                std::net::IpAddr::V6(v6) => v6.octets()[..] == octets[..],
            }
        }
        _ => false,
    })
}

fn accepts(case: &Value) -> Result<(), String> {
    let leaf = Certificate::all_from_pem(case["peer_certificate"].as_str().unwrap())
        .map_err(|error| error.to_string())?
        .remove(0);
    let at = case["validation_time"]
        .as_str()
        .and_then(Instant::parse_rfc3339)
        .unwrap_or(Instant::parse_rfc3339("2026-01-01T00:00:00Z").unwrap());
    let purpose = if case["validation_kind"] == "SERVER" { Purpose::ServerAuthentication } else { Purpose::Any };
    let (anchors, intermediates) =
        (certificates(&case["trusted_certs"]), certificates(&case["untrusted_intermediates"]));
    let path = path::validate(&leaf, &intermediates, &anchors, at, purpose).map_err(|error| error.to_string())?;
    if !peer_name_fits(&leaf, &case["expected_peer_name"]) {
        return Err("peer name".into());
    }
    let crls: Vec<Vec<u8>> =
        case["crls"].as_array().into_iter().flatten().map(|pem| pem.as_str().unwrap().as_bytes().to_vec()).collect();
    if !crls.is_empty() {
        for (_, status) in revocation::judge_path(&path, &Evidence::read(&crls, &[]), at).iter().take(1) {
            if !matches!(status, Revocation::Good { .. }) {
                return Err(format!("{status:?}"));
            }
        }
    }
    Ok(())
}

/// What is accepted though the suite refuses it, each by its id, by the reason.
const ACCEPTED: [(&str, &[&str]); 14] = [
    (
        "rules of the CA/Browser Forum for TLS, which a verifier of documents does not apply",
        &[
            "webpki::aki::root-with-aki-missing-keyidentifier",
            "webpki::aki::root-with-aki-authoritycertissuer",
            "webpki::aki::root-with-aki-authoritycertserialnumber",
            "webpki::aki::root-with-aki-all-fields",
            "webpki::aki::root-with-aki-ski-mismatch",
            "webpki::cn::ipv4-hex-mismatch",
            "webpki::cn::ipv4-leading-zeros-mismatch",
            "webpki::cn::ipv6-uppercase-mismatch",
            "webpki::cn::ipv6-uncompressed-mismatch",
            "webpki::cn::ipv6-non-rfc5952-mismatch",
            "webpki::cn::punycode-not-in-san",
            "webpki::cn::utf8-vs-punycode-mismatch",
            "webpki::cn::not-in-san",
            "webpki::cn::case-mismatch",
            "webpki::eku::ee-anyeku",
            "webpki::eku::ee-critical-eku",
            "webpki::eku::ee-without-eku",
            "webpki::eku::root-has-eku",
            "webpki::nc::intermediate-permitted-excluded-subtrees-both-null",
            "webpki::nc::intermediate-permitted-excluded-subtrees-both-empty-sequences",
            "webpki::san::public-suffix-wildcard-san",
            "webpki::san::public-suffix-multi-label-wildcard-san",
            "webpki::san::public-suffix-private-namespace-wildcard-san",
            "webpki::san::san-critical-with-nonempty-subject",
            "webpki::malformed-aia",
            "webpki::ee-basicconstraints-ca",
        ],
    ),
    (
        "strength of keys: the validation policy judges it, not the path (§6.1 has no such step)",
        &[
            "webpki::forbidden-p192-root",
            "webpki::forbidden-p192-leaf",
            "webpki::forbidden-dsa-root",
            "webpki::forbidden-dsa-leaf",
            "webpki::forbidden-weak-rsa-key-in-root",
            "webpki::forbidden-weak-rsa-in-leaf",
            "webpki::forbidden-rsa-not-divisible-by-8-in-root",
            "webpki::forbidden-rsa-key-not-divisible-by-8-in-leaf",
        ],
    ),
    (
        "a limit that the suite passes as an argument; ours is a constant",
        &["pathlen::max-chain-depth-0-exhausted", "pathlen::max-chain-depth-1-exhausted"],
    ),
    ("many names and constraints: judged in linear time, so nothing needs to be refused", &["pathological::nc-dos-2"]),
    ("wildcard DNS names, which only TLS has", &["cve::cve-2025-61727"]),
    (
        "DNS and mail names out of form, and CAs whose constraint is not critical: duties of the CA (§4.2.1.10)",
        &[
            "rfc5280::nc::permitted-dns-match-noncritical",
            "rfc5280::nc::invalid-dnsname-leading-period",
            "rfc5280::nc::not-allowed-in-ee-noncritical",
            "rfc5280::nc::not-allowed-in-ee-critical",
            "rfc5280::nc::nc-permits-invalid-dns-san",
            "rfc5280::nc::nc-permits-invalid-email-san",
            "rfc5280::nc::nc-forbids-dnsname-wildcard-san",
        ],
    ),
    (
        "form of DNS names, and criticality: duties of the CA (§4.2.1.6)",
        &["rfc5280::san::noncritical-with-empty-subject", "rfc5280::san::underscore-dns", "rfc5280::san::ip-in-dns"],
    ),
    (
        "presence of key identifiers: a duty of the CA, not a step of §6.1",
        &[
            "rfc5280::aki::leaf-missing-aki",
            "rfc5280::aki::intermediate-missing-aki",
            "rfc5280::aki::cross-signed-root-missing-aki",
            "rfc5280::ski::root-missing-ski",
            "rfc5280::ski::intermediate-missing-ski",
        ],
    ),
    (
        "form of the serial number: a duty of the CA, not a step of §6.1",
        &["rfc5280::serial::too-long", "rfc5280::serial::zero", "rfc5280::serial::negative"],
    ),
    (
        "criticality of policy constraints: a duty of the CA; they are applied all the same",
        &["rfc5280::pc::ica-noncritical-pc"],
    ),
    ("a duty of the CA (§4.1.2.6); the chain of names is checked all the same", &["rfc5280::ca-empty-subject"]),
    (
        "criticality: a duty of the CA; the constraint is applied all the same",
        &["rfc5280::root-non-critical-basic-constraints"],
    ),
    ("a leaf that is no CA cannot issue, whatever its key usage says", &["rfc5280::leaf-ku-keycertsign"]),
    ("old lists lack the number; nothing here depends on it", &["crl::crlnumber-missing"]),
];

/// A CA's certificate as the leaf has no key usage for TLS; the suite accepts it all the same.
const REFUSED: [&str; 2] = ["pathlen::validation-ignores-pathlen-in-leaf", "rfc5280::ca-as-leaf"];

#[test]
fn limbo_is_judged_as_expected() {
    let root = std::env::var_os("CHUKY_CORPORA")
        .map_or_else(|| concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/corpora").into(), std::path::PathBuf::from);
    let Ok(bytes) = std::fs::read(root.join("path/limbo.json")) else {
        println!("SKIPPED: no path/limbo.json at {} (set CHUKY_CORPORA)", root.display());
        return;
    };
    let limbo: Value = serde_json::from_slice(&bytes).unwrap();
    let (mut right, mut refused_good, mut accepted_bad) = (0, Vec::new(), Vec::new());
    for case in limbo["testcases"].as_array().unwrap() {
        let id = case["id"].as_str().unwrap();
        match (accepts(case), case["expected_result"] == "SUCCESS") {
            (Ok(()), true) | (Err(_), false) => right += 1,
            (Err(error), true) => refused_good.push(format!("{id}: {error}")),
            (Ok(()), false) => accepted_bad.push(id.to_owned()),
        }
    }
    println!("limbo: {right} as expected, {} good refused, {} bad accepted", refused_good.len(), accepted_bad.len());
    refused_good.iter().for_each(|line| println!("  refused {line}"));
    accepted_bad.iter().for_each(|line| println!("  accepted {line}"));
    let mut argued: Vec<&str> = ACCEPTED.iter().flat_map(|(_, ids)| ids.iter().copied()).collect();
    argued.sort_unstable();
    accepted_bad.sort_unstable();
    assert_eq!(accepted_bad, argued);
    assert_eq!(refused_good.iter().filter_map(|line| line.split(": ").next()).collect::<Vec<_>>(), REFUSED);
    assert_eq!(right, 145);
}
