//! JWS documents: every serialisation, payloads beside them, and the ways to make a message choose its own key or algorithm.

use crate::made::{base64url, compact, es256, naming_the_signer, now, signer, token, trusting, verdict};
use chuky_model::report::{Integrity, SubIndication};
use chuky_pki::verify::verify_with_content;
use std::path::Path;
use std::process::Command;

const PAYLOAD: &[u8] = b"{\"title\":\"H\xe1\xbb\xa3p \xc4\x91\xe1\xbb\x93ng\"}";

fn header(more: &str) -> String {
    format!(r#"{{"alg":"ES256",{}{more}}}"#, naming_the_signer())
}

fn integrity(text: &str, content: Option<&[u8]>) -> Integrity {
    verdict(text.as_bytes(), content).integrity
}

#[test]
fn every_serialisation_and_level() {
    let text = compact(&header(r#","sigT":"2026-11-22T03:00:00Z","crit":["sigT"]"#), PAYLOAD);
    let report = verdict(text.as_bytes(), None);
    assert_eq!(report.integrity, Integrity::Intact, "{report:#?}");
    assert_eq!(report.signatures[0].format, "JAdES-BASELINE-B");
    assert_eq!(report.signatures[0].claimed_signing_time.as_deref(), Some("2026-11-22T03:00:00Z"));
    let parts: Vec<&str> = text.split('.').collect();
    let (protected, payload, signature) = (parts[0], parts[1], parts[2]);
    let flat = format!(r#"{{"payload":"{payload}","protected":"{protected}","signature":"{signature}"}}"#);
    assert_eq!(integrity(&flat, None), Integrity::Intact);
    let one = format!(r#"{{"protected":"{protected}","signature":"{signature}"}}"#);
    let general = format!(r#"{{"payload":"{payload}","signatures":[{one},{one}]}}"#);
    let report = verdict(general.as_bytes(), None);
    assert_eq!((report.integrity, report.signatures.len()), (Integrity::Intact, 2));
    let other = base64url("{}");
    let changed = format!(r#"{{"payload":"{other}","signatures":[{one}]}}"#);
    assert_eq!(integrity(&changed, None), Integrity::Broken);
    // Long-term data in the unprotected header, encoded and in the clear.
    let token =
        openssl::base64::encode_block(&token(&openssl::sha::sha256(signature.as_bytes()), now().plus_seconds(-99)));
    let component = format!(r#"{{"sigTst":{{"tstTokens":[{{"val":"{token}"}}]}}}}"#);
    for etsi in [component.clone(), format!("\"{}\"", base64url(&component))] {
        let stamped = format!(
            r#"{{"payload":"{payload}","protected":"{protected}","header":{{"etsiU":[{etsi}]}},"signature":"{signature}"}}"#
        );
        let report = verify_with_content(stamped.as_bytes(), None, "j", &trusting());
        assert_eq!((report.integrity, report.timestamps.len()), (Integrity::Intact, 1));
        assert_eq!(report.signatures[0].format, "JAdES-BASELINE-T");
    }
}

#[test]
fn payloads_beside_the_signature() {
    let protected = base64url(header(""));
    let detached = format!("{protected}..{}", es256(&protected, base64url(PAYLOAD).as_bytes()));
    assert_eq!(integrity(&detached, Some(PAYLOAD)), Integrity::Intact);
    assert_eq!(integrity(&detached, Some(b"other")), Integrity::Broken);
    let report = verdict(detached.as_bytes(), None);
    assert_eq!(
        (report.integrity, report.sub_indication),
        (Integrity::Unknown, Some(SubIndication::SignedDataNotFound))
    );

    let protected = base64url(header(r#","b64":false,"crit":["b64"]"#));
    let unencoded = format!("{protected}..{}", es256(&protected, PAYLOAD));
    assert_eq!(integrity(&unencoded, Some(PAYLOAD)), Integrity::Intact);

    let attached = compact(&header(""), PAYLOAD);
    assert_eq!(integrity(&attached, Some(PAYLOAD)), Integrity::Intact);
    assert_eq!(integrity(&attached, Some(b"other")), Integrity::Broken);

    let digest = base64url(openssl::sha::sha256(base64url(PAYLOAD).as_bytes()));
    let sig_d = |mechanism: &str, more: &str| {
        let member = format!(
            r#","sigD":{{"mId":"http://uri.etsi.org/19182/{mechanism}","pars":["a.json"]{more}}},"crit":["sigD"]"#
        );
        base64url(header(&member))
    };
    let protected = sig_d("ObjectIdByURIHash", &format!(r#","hashM":"S256","hashV":["{digest}"]"#));
    let by_hash = format!("{protected}..{}", es256(&protected, b""));
    assert_eq!(integrity(&by_hash, Some(PAYLOAD)), Integrity::Intact);
    assert_eq!(integrity(&by_hash, Some(b"other")), Integrity::Broken);
    assert_eq!(integrity(&by_hash, None), Integrity::Unknown);
    let protected = sig_d("ObjectIdByURI", "");
    let by_uri = format!("{protected}..{}", es256(&protected, base64url(PAYLOAD).as_bytes()));
    assert_eq!(integrity(&by_uri, Some(PAYLOAD)), Integrity::Intact);
    assert_eq!(integrity(&by_uri, Some(b"other")), Integrity::Broken);
    let protected = sig_d("HttpHeaders", "");
    let headers = format!("{protected}..{}", es256(&protected, b""));
    assert_eq!(integrity(&headers, Some(PAYLOAD)), Integrity::Unknown);
}

#[test]
fn a_message_never_chooses_its_own_key_or_rules() {
    let naming = naming_the_signer();
    let jwk = r#""jwk":{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}"#;
    let broken = [
        format!(r#"{{"alg":"none",{naming}}}"#),
        format!(r#"{{"alg":"HS256",{naming}}}"#),
        format!(r#"{{"alg":"RS256",{naming}}}"#),
        format!(r#"{{"alg":"ES384",{naming}}}"#),
        format!(r#"{{"alg":"ES256",{jwk}}}"#),
        r#"{"alg":"ES256","jku":"http://127.0.0.1/"}"#.to_owned(),
        format!(r#"{{"alg":"ES256","alg":"ES256",{naming}}}"#),
        format!(r#"{{"alg":"ES256",{naming},"crit":["new"],"new":1}}"#),
        format!(r#"{{"alg":"ES256",{naming},"crit":["sigT"]}}"#),
        format!(r#"{{"alg":"ES256",{naming},"crit":[]}}"#),
        format!(r#"{{"alg":"ES256",{naming},"b64":false}}"#),
        format!(r#"{{"alg":"ES256",{naming},"x5t#o":{{"digAlg":"S256","digVal":"AA"}}}}"#),
        format!(r#"{{{naming}}}"#),
    ];
    for header in broken {
        assert_eq!(integrity(&compact(&header, PAYLOAD), None), Integrity::Broken, "{header}");
    }
    // Beside a certificate a key says nothing: the certificate's own verifies or does not.
    for member in [jwk, r#""jku":"http://127.0.0.1/""#] {
        let header = format!(r#"{{"alg":"ES256",{naming},{member}}}"#);
        assert_eq!(integrity(&compact(&header, PAYLOAD), None), Integrity::Intact, "{header}");
    }
    // A certificate that is not the one the header binds.
    let other = base64url([9; 32]);
    let der = openssl::base64::encode_block(&signer().certificate.to_der().unwrap());
    let header = format!(r#"{{"alg":"ES256","x5c":["{der}"],"x5t#S256":"{other}"}}"#);
    assert_eq!(integrity(&compact(&header, PAYLOAD), None), Integrity::Broken);
    // An algorithm or a certificate that is not known says nothing about the document.
    for header in [format!(r#"{{"alg":"XX999",{naming}}}"#), r#"{"alg":"ES256","kid":"somebody"}"#.to_owned()] {
        assert_eq!(integrity(&compact(&header, PAYLOAD), None), Integrity::Unknown, "{header}");
    }
    // What decides stands in the protected header or not at all.
    let protected = base64url(format!("{{{naming}}}"));
    let payload = base64url(PAYLOAD);
    let signature = es256(&protected, payload.as_bytes());
    let unprotected = format!(
        r#"{{"payload":"{payload}","protected":"{protected}","header":{{"alg":"ES256"}},"signature":"{signature}"}}"#
    );
    assert_eq!(integrity(&unprotected, None), Integrity::Unknown);
    let twice = format!(
        r#"{{"payload":"{payload}","payload":"{payload}","protected":"{protected}","signature":"{signature}"}}"#
    );
    assert_eq!(integrity(&twice, None), Integrity::Broken);
}

/// One of several signatures over a payload that is transmitted as this text.
fn one_of(header: &str, transmitted: &str) -> String {
    let protected = base64url(header);
    format!(r#"{{"protected":"{protected}","signature":"{}"}}"#, es256(&protected, transmitted.as_bytes()))
}

#[test]
fn all_signatures_say_the_same_of_the_payload() {
    let payload = base64url(PAYLOAD);
    let encoded = one_of(&header(""), &payload);
    let in_clear = one_of(&header(r#","b64":false,"crit":["b64"]"#), &payload);
    let said = one_of(&header(r#","b64":true,"crit":["b64"]"#), &payload);
    let both =
        |one: &str, other: &str| integrity(&format!(r#"{{"payload":"{payload}","signatures":[{one},{other}]}}"#), None);
    assert_eq!(both(&encoded, &said), Integrity::Intact);
    assert_eq!(both(&in_clear, &in_clear), Integrity::Intact);
    // RFC 7797 §3: to one of them the payload is JSON, to the other one its base64url.
    assert_eq!(both(&encoded, &in_clear), Integrity::Broken);
    assert_eq!(both(&in_clear, &said), Integrity::Broken);
}

#[test]
fn what_makers_write_otherwise_is_not_broken() {
    // A certificate with the line ends of PEM.
    let der = openssl::base64::encode_block(&signer().certificate.to_der().unwrap());
    let wrapped = format!("{}\\r\\n{}\\n", &der[..64], &der[64..]);
    let header = format!(r#"{{"alg":"ES256","x5c":["{wrapped}"]}}"#);
    assert_eq!(integrity(&compact(&header, PAYLOAD), None), Integrity::Intact);
    // RFC 7515 §7.2.1 needs no protected header; nobody signed what stands in the other one.
    let payload = base64url(PAYLOAD);
    let signature = es256("", payload.as_bytes());
    let open = format!(r#"{{"alg":"ES256",{}}}"#, naming_the_signer());
    let text = format!(r#"{{"payload":"{payload}","header":{open},"signature":"{signature}"}}"#);
    assert_eq!(integrity(&text, None), Integrity::Unknown);
    let protected = base64url(format!("{{{}}}", naming_the_signer()));
    let signature = es256(&protected, payload.as_bytes());
    let beside = |header: &str| {
        let text = format!(
            r#"{{"payload":"{payload}","protected":"{protected}","header":{header},"signature":"{signature}"}}"#
        );
        integrity(&text, None)
    };
    assert_eq!(beside(r#"{"alg":"ES256"}"#), Integrity::Unknown);
    assert_eq!(beside(r#"{"alg":"ES256","crit":["b64"],"b64":false}"#), Integrity::Broken);
    assert_eq!(integrity(&text.replace("\"alg\"", "\"other\""), None), Integrity::Broken);
}

#[test]
fn joserfc_signs_and_agrees() {
    let python = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().join("venv/bin/python");
    if !python.exists() {
        eprintln!("SKIPPED: no joserfc in target/venv");
        return;
    }
    let folder = crate::support::folder("documents-jws");
    std::fs::write(folder.join("key.pem"), signer().key.private_key_to_pem_pkcs8().unwrap()).unwrap();
    let script = r#"
import json, sys
from joserfc import jws
from joserfc.jwk import ECKey
key = ECKey.import_key(open("key.pem").read())
header = json.loads(sys.argv[1])
registry = jws.JWSRegistry(strict_check_header=False)
print(jws.serialize_compact(header, b"payload of joserfc", key, registry=registry))
print(json.dumps(jws.serialize_json({"protected": header}, b"payload of joserfc", key, registry=registry)))
print(json.dumps(jws.serialize_json([{"protected": header}], b"payload of joserfc", key, registry=registry)))
"#;
    std::fs::write(folder.join("sign.py"), script).unwrap();
    let output = Command::new(python).current_dir(&folder).arg("sign.py").arg(header("")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(said.lines().count(), 3);
    for line in said.lines() {
        let report = verdict(line.as_bytes(), None);
        assert_eq!(report.integrity, Integrity::Intact, "{line}: {report:#?}");
    }
}
