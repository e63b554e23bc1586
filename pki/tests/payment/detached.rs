//! CMS objects and bare signatures: what is read, what is refused, and what is remembered of a signer.

use crate::{
    assert_refused,
    forms::{accepted, cms, detached, folder, judge, judged, refused, verifier},
    messages::{self, LAYOUT, RAW},
    pki::{NOW, World, signature},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use chuky_model::payment::PaymentVerdict::{self, Rejected};
use chuky_pki::{
    certificate::Certificate,
    jose::JwsAlgorithm,
    payment::{Fields, OrderPolicy, Verifier},
};
use std::process::Command;

#[test]
fn cms_objects_are_read_strictly() {
    let world = World::new();
    let holder = world.citizen();
    let order = messages::order().to_string();
    let verifier = verifier(&world);
    let beside = |signature: &[u8], content: &[u8]| {
        let fields =
            Fields { signature: Some(signature.to_vec()), content: Some(content.to_vec()), ..Fields::default() };
        judged(&verifier, &verifier.read_fields(fields, NOW), None).0
    };
    let apart = cms(&world, &holder, order.as_bytes(), false);
    assert_eq!(beside(&apart, order.as_bytes()).verdict, PaymentVerdict::Accepted);
    for (was, is) in [("150000", "150001"), ("VND", "USD"), ("INV", "INW"), ("970436", "970437"), ("09:59", "09:58")] {
        assert_refused(&beside(&apart, order.replace(was, is).as_bytes()), Rejected, "content_altered");
    }
    assert_refused(&judge(&world, &apart).0, Rejected, "content_missing");
    let inside = cms(&world, &holder, order.as_bytes(), true);
    assert_refused(&beside(&inside, order.as_bytes()), Rejected, "malformed");
    assert_refused(&judge(&world, &inside[..inside.len() - 1]).0, Rejected, "malformed");
    // One bit of each part: the certificate's and the signature's.
    let mut broken = inside.clone();
    *broken.last_mut().unwrap() ^= 1;
    refused(&world, &broken, "signature_invalid");
    // Base64 of it is the same message, also as a line of a stream.
    accepted(&world, STANDARD.encode(&inside).as_bytes(), "base64");
    // SHA-1 in the digest is refused before anything else is looked at.
    let folder = folder("cms");
    let path = |name: &str| folder.join(name).display().to_string();
    std::fs::write(path("key.pem"), holder.key.private_key_to_pem_pkcs8().unwrap()).unwrap();
    std::fs::write(path("own.pem"), holder.certificate.to_pem().unwrap()).unwrap();
    std::fs::write(path("issuing.pem"), world.issuing.certificate.to_pem().unwrap()).unwrap();
    std::fs::write(path("order.json"), &order).unwrap();
    let by_openssl = |more: &[&str]| {
        let arguments =
            ["cms", "-sign", "-binary", "-outform", "DER", "-in", &path("order.json"), "-signer", &path("own.pem")];
        let keys = ["-inkey", &path("key.pem"), "-certfile", &path("issuing.pem"), "-nodetach", "-out", &path("made")];
        let output = Command::new("openssl").args(arguments).args(keys).args(more).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        std::fs::read(path("made")).unwrap()
    };
    refused(&world, &by_openssl(&["-md", "sha1"]), "algorithm_not_allowed");
    for more in [&["-md", "sha384"][..], &["-cades"], &["-noattr"], &["-stream"]] {
        accepted(&world, &by_openssl(more), &more.join(" "));
    }
    // Without certificates, the serial number names it.
    let bare = by_openssl(&["-nocerts"]);
    let certificate = Certificate::from_der(&holder.certificate.to_der().unwrap()).unwrap();
    let presented = verifier.read(&bare, NOW);
    assert!(presented.wanted().is_some());
    assert_eq!(judged(&verifier, &presented, None).0.reasons, ["certificate_unknown"]);
    let another = Certificate::from_der(&world.citizen().certificate.to_der().unwrap()).unwrap();
    assert_eq!(judged(&verifier, &presented, Some(&another)).0.reasons, ["certificate_mismatch"]);
    let (answer, _) = judged(&verifier, &presented, Some(&certificate));
    assert_eq!(answer.verdict, PaymentVerdict::Accepted, "{:?}", answer.checks);
}

#[test]
fn bare_signatures_are_read_by_a_configured_layout_only() {
    let world = World::new();
    let holder = world.citizen();
    let value = signature(&holder.key, JwsAlgorithm::Es256, RAW.as_bytes());
    let chain = holder.certificate.to_der().unwrap();
    let good = || Fields {
        signature: Some(value.clone()),
        content: Some(RAW.into()),
        layout: Some("switch".into()),
        algorithm: Some("ES256".into()),
        certificate: Some(chain.clone()),
        ..Fields::default()
    };
    let verifier = verifier(&world);
    let judge = |fields: Fields| judged(&verifier, &verifier.read_fields(fields, NOW), None).0;
    assert_eq!(judge(good()).verdict, PaymentVerdict::Accepted, "{:?}", judge(good()).checks);
    for (was, is) in [
        ("INV", "INW"),
        ("001190012345", "001190012346"),
        ("0123456789", "0123456780"),
        ("150000", "950000"),
        ("20261122095930", "20261122095931"),
        ("235959", "235958"),
        ("Lệ phí", "Le phi"),
        ("|", "||"),
    ] {
        assert_refused(
            &judge(Fields { content: Some(RAW.replace(was, is).into()), ..good() }),
            Rejected,
            "signature_invalid",
        );
    }
    let text = |text: &str| Some(text.to_owned());
    for (fields, code) in [
        (Fields { layout: text("other"), ..good() }, "unknown_layout"),
        (Fields { layout: None, ..good() }, "malformed"),
        (Fields { algorithm: None, ..good() }, "malformed"),
        (Fields { algorithm: text("none"), ..good() }, "algorithm_not_allowed"),
        (Fields { algorithm: text("HS256"), ..good() }, "algorithm_not_allowed"),
        (Fields { algorithm: text("ES384"), ..good() }, "algorithm_does_not_fit_key"),
        (Fields { algorithm: text("RS256"), ..good() }, "algorithm_does_not_fit_key"),
        (Fields { serial: text("00"), ..good() }, "malformed"),
        (Fields { certificate: None, ..good() }, "certificate_missing"),
        (Fields { certificate: None, sha256: text("00"), ..good() }, "malformed"),
        (Fields { certificate: Some(vec![0x30, 0]), ..good() }, "certificate_malformed"),
        (Fields { signature: None, ..good() }, "content_missing"),
        (Fields { content: None, ..good() }, "content_missing"),
        (Fields { content: Some(vec![b'a'; 200_000]), ..good() }, "too_large"),
        (Fields { signature: Some(Vec::new()), ..good() }, "signature_invalid"),
    ] {
        assert_refused(&judge(fields), Rejected, code);
    }
    // The same as a JSON object, as one line of a stream has it.
    let object = serde_json::json!({ "signature": STANDARD.encode(&value), "content": RAW, "layout": "switch", "algorithm": "ES256",
        "certificate": STANDARD.encode(&chain) });
    let judge = |text: &str| judged(&verifier, &verifier.read(text.as_bytes(), NOW), None).0;
    assert_eq!(judge(&object.to_string()).verdict, PaymentVerdict::Accepted);
    let mut encoded = object.clone();
    encoded.as_object_mut().unwrap().remove("content");
    encoded["content_base64"] = STANDARD.encode(RAW).into();
    assert_eq!(judge(&encoded.to_string()).verdict, PaymentVerdict::Accepted);
    encoded["content"] = RAW.into();
    assert_refused(&judge(&encoded.to_string()), Rejected, "malformed");
    let twice = object.to_string().replacen('{', "{\"layout\":\"switch\",", 1);
    assert_refused(&judge(&twice), Rejected, "duplicate_member");
    let unknown = object.to_string().replacen('{', "{\"more\":1,", 1);
    assert_refused(&judge(&unknown), Rejected, "malformed");
}

#[test]
fn a_signer_seen_before_is_remembered_in_every_form() {
    let world = World::new();
    let holder = world.citizen();
    let verifier = verifier(&world);
    let certificate = Certificate::from_der(&holder.certificate.to_der().unwrap()).unwrap();
    let (raw, _) = detached(&world, &holder).pop().unwrap();
    let first = verifier.read_fields(raw.clone(), NOW);
    assert!(first.wanted().is_some());
    // Nothing is remembered that did not pass.
    let stranger = Verifier::new(
        world.trust(),
        OrderPolicy { layouts: vec![toml::from_str(LAYOUT).unwrap()], ..OrderPolicy::default() },
    );
    assert_eq!(judged(&stranger, &first, Some(&certificate)).0.reasons, ["issuer_unknown"]);
    assert!(stranger.read_fields(raw.clone(), NOW).wanted().is_some());
    assert_eq!(judged(&verifier, &first, Some(&certificate)).0.verdict, PaymentVerdict::Accepted);
    let again = verifier.read_fields(raw, NOW);
    assert_eq!(again.wanted(), None);
    assert_eq!(judged(&verifier, &again, None).0.verdict, PaymentVerdict::Accepted);
    // XML and CMS bring their certificates each time: what is remembered is told by them, not by the message.
    let cms = cms(&world, &holder, messages::order().to_string().as_bytes(), true);
    for _ in 0..2 {
        assert_eq!(judged(&verifier, &verifier.read(&cms, NOW), None).0.verdict, PaymentVerdict::Accepted);
    }
}
