//! Payments as ISO 20022 messages, CMS objects and bare signatures: made by xmlsec1, signxml and OpenSSL, judged here. The same payment is
//! the same identity and the same order in every form, and each field changed is refused.

use crate::{
    messages::{self, LAYOUT, RAW},
    pki::{Holder, NOW, World, p384, rsa, sign, signature},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use chuky_model::payment::{PaymentAnswer, PaymentVerdict};
use chuky_pki::{
    certificate::Certificate,
    jose::{Form, JwsAlgorithm},
    payment::{Consumption, Fields, OrderPolicy, Presented, Status, Trust, VerifiedOrder, Verifier},
};
use openssl::{
    cms::{CMSOptions, CmsContentInfo},
    stack::Stack,
};
use std::{path::PathBuf, process::Command};

pub fn verifier(world: &World) -> Verifier {
    let layouts = vec![toml::from_str(LAYOUT).unwrap()];
    // Issuing certificates that a bare signature has no place for are known here, as those of the service's own authorities are.
    let trust = Trust { intermediates: vec![world.issuing.read()], ..world.trust() };
    Verifier::new(trust, OrderPolicy { layouts, ..OrderPolicy::default() })
}

/// Judges what was presented; the order where it is good.
pub fn judged(
    verifier: &Verifier,
    presented: &Presented<'_>,
    named: Option<&Certificate>,
) -> (PaymentAnswer, Option<VerifiedOrder>) {
    let judgement = verifier.examine(presented, named, NOW).conclude(Status::Good);
    let order = judgement.consumable().cloned();
    let consumption = if order.is_some() { Consumption::First } else { Consumption::NotReached };
    (judgement.answer(consumption), order)
}

pub fn judge(world: &World, body: &[u8]) -> (PaymentAnswer, Option<VerifiedOrder>) {
    let verifier = verifier(world);
    judged(&verifier, &verifier.read(body, NOW), None)
}

pub fn accepted(world: &World, body: &[u8], what: &str) -> VerifiedOrder {
    let (answer, order) = judge(world, body);
    assert_eq!(answer.verdict, PaymentVerdict::Accepted, "{what}: {:?}", answer.checks);
    order.unwrap()
}

pub fn refused(world: &World, body: &[u8], code: &str) {
    let (answer, _) = judge(world, body);
    assert_eq!(
        answer.reasons.first().map(String::as_str),
        Some(code),
        "{}: {:?}",
        String::from_utf8_lossy(body),
        answer.checks
    );
    assert_ne!(answer.verdict, PaymentVerdict::Accepted);
}

/// The same payment as a JWS.
fn as_jws(world: &World, holder: &Holder) -> VerifiedOrder {
    let algorithm = if holder.key.rsa().is_ok() { JwsAlgorithm::Ps256 } else { JwsAlgorithm::Es256 };
    accepted(world, world.sign(holder, algorithm, messages::order().to_string().as_bytes()).as_bytes(), "JWS")
}

/// A folder of this test's own.
pub fn folder(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("payment-forms").join(name);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// An enveloped signature to be filled in; `KeyInfo` takes the certificates.
fn template(uri: &str, method: &str) -> String {
    format!(
        "<ds:Signature xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\"><ds:SignedInfo>\
         <ds:CanonicalizationMethod Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"/>\
         <ds:SignatureMethod Algorithm=\"http://www.w3.org/2001/04/xmldsig-more#{method}\"/><ds:Reference URI=\"{uri}\"><ds:Transforms>\
         <ds:Transform Algorithm=\"http://www.w3.org/2000/09/xmldsig#enveloped-signature\"/>\
         <ds:Transform Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"/></ds:Transforms>\
         <ds:DigestMethod Algorithm=\"http://www.w3.org/2001/04/xmlenc#sha256\"/><ds:DigestValue/></ds:Reference></ds:SignedInfo>\
         <ds:SignatureValue/><ds:KeyInfo><ds:X509Data/></ds:KeyInfo></ds:Signature>"
    )
}

fn with_signature(message: &str, template: &str) -> String {
    message.replace("</Document>", &format!("{template}</Document>"))
}

/// Signed by xmlsec1, with the holder's certificate and its issuer's in `KeyInfo`.
fn xmlsec(world: &World, holder: &Holder, unsigned: &str, name: &str) -> String {
    xmlsec_over(world, holder, unsigned, name, "Document")
}

/// The same; `identified` is the element whose attribute `Id` a reference names.
fn xmlsec_over(world: &World, holder: &Holder, unsigned: &str, name: &str, identified: &str) -> String {
    let folder = folder(name);
    let write = |file: &str, content: &[u8]| {
        let path = folder.join(file);
        std::fs::write(&path, content).unwrap();
        path.display().to_string()
    };
    let key = write("key.pem", &holder.key.private_key_to_pem_pkcs8().unwrap());
    let own = write("own.pem", &holder.certificate.to_pem().unwrap());
    let issuing = write("issuing.pem", &world.issuing.certificate.to_pem().unwrap());
    let source = write("unsigned.xml", format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>{unsigned}").as_bytes());
    let output = Command::new("xmlsec1")
        .args(["--sign", "--id-attr:Id", identified, "--privkey-pem"])
        .arg(format!("{key},{own},{issuing}"))
        .arg(source)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_same_payment_is_the_same_in_every_form() {
    let world = World::new();
    let holder = world.citizen();
    let first = as_jws(&world, &holder);
    let forms =
        [("pain.001", messages::pain_001()), ("pain.013", messages::pain_013()), ("pacs.008", messages::pacs_008())];
    for (name, message) in &forms {
        let signed = xmlsec(&world, &holder, &with_signature(message, &template("", "ecdsa-sha256")), name);
        assert_eq!(accepted(&world, signed.as_bytes(), name), first, "{name} by xmlsec1");
        assert_eq!(accepted(&world, &cms(&world, &holder, message.as_bytes(), true), name), first, "{name} in CMS");
        let jws = world.sign(&holder, JwsAlgorithm::Es256, message.as_bytes());
        assert_eq!(accepted(&world, jws.as_bytes(), name), first, "{name} in JWS");
    }
    let order = messages::order().to_string();
    assert_eq!(accepted(&world, &cms(&world, &holder, order.as_bytes(), true), "CMS"), first);
    for (fields, named) in detached(&world, &holder) {
        let verifier = verifier(&world);
        let (answer, found) = judged(&verifier, &verifier.read_fields(fields, NOW), named.as_ref());
        assert_eq!(answer.verdict, PaymentVerdict::Accepted, "{:?}", answer.checks);
        assert_eq!(found.unwrap(), first);
    }
}

/// Each detached form, with the certificate where the form only names it.
pub fn detached(world: &World, holder: &Holder) -> Vec<(Fields, Option<Certificate>)> {
    let order = messages::order().to_string();
    let certificate = Certificate::from_der(&holder.certificate.to_der().unwrap()).unwrap();
    let fields = |signature: Vec<u8>, content: &str| Fields {
        signature: Some(signature),
        content: Some(content.as_bytes().to_vec()),
        ..Fields::default()
    };
    let compact = sign(holder, JwsAlgorithm::Es256, &world.chain(holder), order.as_bytes(), Form::CompactDetached);
    let mut flat: serde_json::Value = serde_json::from_str(&sign(
        holder,
        JwsAlgorithm::Es256,
        &world.chain(holder),
        order.as_bytes(),
        Form::Flattened,
    ))
    .unwrap();
    flat.as_object_mut().unwrap().remove("payload");
    let der = signature(&holder.key, JwsAlgorithm::Es256, RAW.as_bytes());
    let plain = chuky_pki::crypto::ecdsa_der_to_raw(&der, 32).unwrap();
    let raw = |value: Vec<u8>| Fields {
        layout: Some("switch".into()),
        algorithm: Some("ES256".into()),
        serial: Some(certificate.serial().unwrap().to_string()),
        ..fields(value, RAW)
    };
    let cms = cms(world, holder, order.as_bytes(), false);
    vec![
        (fields(compact.into_bytes(), &order), None),
        (fields(flat.to_string().into_bytes(), &order), None),
        (fields(unencoded(world, holder, &order), &order), None),
        (fields(chuky_pki::pem::encode("CMS", &cms).into_bytes(), &order), None),
        (fields(cms, &order), None),
        (raw(der), Some(certificate.clone())),
        (raw(plain), Some(certificate)),
    ]
}

/// A detached JWS over the bytes as they are (RFC 7797).
fn unencoded(world: &World, holder: &Holder, payload: &str) -> Vec<u8> {
    use base64::engine::general_purpose::URL_SAFE_NO_PAD as URL;
    let chain = [&holder.certificate, &world.issuing.certificate].map(|one| STANDARD.encode(one.to_der().unwrap()));
    let header = serde_json::json!({ "alg": "ES256", "b64": false, "crit": ["b64"], "x5c": chain }).to_string();
    let protected = URL.encode(header);
    let der = signature(&holder.key, JwsAlgorithm::Es256, format!("{protected}.{payload}").as_bytes());
    let value = chuky_pki::crypto::ecdsa_der_to_raw(&der, 32).unwrap();
    format!("{protected}..{}", URL.encode(value)).into_bytes()
}

/// Signed by OpenSSL, the content inside or not.
pub fn cms(world: &World, holder: &Holder, content: &[u8], inside: bool) -> Vec<u8> {
    let mut others = Stack::new().unwrap();
    others.push(world.issuing.certificate.clone()).unwrap();
    let options = CMSOptions::BINARY | if inside { CMSOptions::empty() } else { CMSOptions::DETACHED };
    let made =
        CmsContentInfo::sign(Some(&holder.certificate), Some(&holder.key), Some(&others), Some(content), options);
    made.unwrap().to_der().unwrap()
}

#[test]
fn a_message_by_signxml_is_read_and_so_is_xades() {
    let python = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target/venv/bin/python");
    if !python.exists() {
        println!("SKIPPED: no signxml in target/venv (scripts/venv makes it)");
        return;
    }
    const SCRIPT: &str = r#"
import json, sys
from lxml import etree
from signxml import SignatureConstructionMethod as Method, SignatureMethod, XMLSigner
from signxml.xades import XAdESSigner
key, chain, text, algorithm = sys.argv[1:5]
certificates = [part + "-----END CERTIFICATE-----\n" for part in chain.split("-----END CERTIFICATE-----\n") if part.strip()]
algorithm = SignatureMethod[algorithm]
for signer in [XMLSigner(signature_algorithm=algorithm), XAdESSigner(signature_algorithm=algorithm),
               XMLSigner(signature_algorithm=algorithm, method=Method.enveloping)]:
    signed = signer.sign(etree.fromstring(text.encode()), key=key, cert=certificates)
    print(json.dumps(etree.tostring(signed).decode()))
"#;
    let world = World::new();
    for (holder, algorithm) in [
        (world.citizen(), "ECDSA_SHA256"),
        (world.issuing.holder(&Default::default(), p384()), "ECDSA_SHA384"),
        (world.issuing.holder(&Default::default(), rsa()), "SHA256_RSA_MGF1"),
        (world.issuing.holder(&Default::default(), rsa()), "RSA_SHA512"),
    ] {
        let private = String::from_utf8(holder.key.private_key_to_pem_pkcs8().unwrap()).unwrap();
        let chain = [&holder.certificate, &world.issuing.certificate].map(|one| one.to_pem().unwrap()).concat();
        let chain = String::from_utf8(chain).unwrap();
        let output = Command::new(&python)
            .args(["-c", SCRIPT, &private, &chain, &messages::pacs_008(), algorithm])
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        let signed: Vec<String> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(signed.len(), 3);
        for (at, one) in signed.into_iter().enumerate() {
            let order = accepted(&world, one.as_bytes(), &format!("{algorithm} {at}"));
            assert_eq!(order.order.amount, 150_000);
            refused(&world, one.replace("150000", "150001").as_bytes(), "content_altered");
        }
    }
}

#[test]
fn every_field_of_a_signed_message_counts() {
    let world = World::new();
    let holder = world.citizen();
    let signed =
        xmlsec(&world, &holder, &with_signature(&messages::pain_001(), &template("", "ecdsa-sha256")), "fields");
    accepted(&world, signed.as_bytes(), "unchanged");
    for (was, is) in [
        ("INV-2026-0001", "INV-2026-0002"),
        ("001190012345", "001190012346"),
        ("NIDN", "CUST"),
        ("970436", "970437"),
        ("0123456789", "0123456780"),
        (">150000</InstdAmt>", ">1500000</InstdAmt>"),
        ("\"VND\"", "\"USD\""),
        ("2026-11-22T09:59:30", "2026-11-22T09:59:31"),
        ("<Dt>2026-11-22</Dt>", "<Dt>2026-11-23</Dt>"),
        ("Lệ phí", "Le phi"),
        ("<Nm>Sở Tài chính", "<Nm>Sở Tư pháp"),
        ("TRF", "CHK"),
    ] {
        assert_ne!(signed, signed.replace(was, is), "{was}");
        refused(&world, signed.replace(was, is).as_bytes(), "content_altered");
    }
    refused(&world, signed.replace("xmlenc#sha256", "xmlenc#sha512").as_bytes(), "signature_invalid");
    refused(&world, signed.replace("xmlenc#sha256", "xmldsig#sha1").as_bytes(), "signature_invalid");
    refused(&world, signed.replace("more#ecdsa-sha256", "more#ecdsa-sha1").as_bytes(), "algorithm_not_allowed");
    refused(&world, signed.replace("more#ecdsa-sha256", "more#hmac-sha256").as_bytes(), "algorithm_not_allowed");
    refused(&world, signed.replace("more#ecdsa-sha256", "more#rsa-sha256").as_bytes(), "algorithm_does_not_fit_key");
    // What is no part of the order and of no signature: a comment says nothing, and is read by nobody.
    let remark = signed.replace("<PmtInf>", "<PmtInf><!-- 1 -->");
    assert_eq!(accepted(&world, remark.as_bytes(), "comment").order.amount, 150_000);
}

#[test]
fn wrapped_messages_are_refused() {
    let world = World::new();
    let holder = world.citizen();
    let genuine = messages::pain_001().replacen("<Document ", "<Document Id=\"order\" ", 1);
    let signed = xmlsec(&world, &holder, &with_signature(&genuine, &template("#order", "ecdsa-sha256")), "wrapping");
    accepted(&world, signed.as_bytes(), "unchanged");
    let body = signed.split_once("?>").map_or(signed.as_str(), |(_, rest)| rest).trim();
    let signature =
        &body[body.find("<ds:Signature").unwrap()..body.find("</ds:Signature>").unwrap() + "</ds:Signature>".len()];
    let bare = body.replace(signature, "");
    let other = messages::pain_001().replace("150000", "950000");
    let forged = |old: &str, new: &str| other.replace(old, new);
    for (what, message, code) in [
        // The signed message is kept where nobody looks, and another is in its place.
        ("beside", format!("<Message>{other}{body}</Message>"), "several_transactions"),
        (
            "in an object",
            with_signature(
                &other,
                &signature.replace("</ds:Signature>", &format!("<ds:Object>{bare}</ds:Object></ds:Signature>")),
            ),
            "several_transactions",
        ),
        (
            "renamed",
            with_signature(&other, signature).replace("</CstmrCdtTrfInitn>", "<Keep Id=\"order\"/></CstmrCdtTrfInitn>"),
            "content_altered",
        ),
        ("same identifier twice", format!("<Message>{}<x Id=\"order\"/></Message>", body), "malformed"),
        (
            "identifier on another",
            format!("<Message><Rest Id=\"order\"/>{}</Message>", with_signature(&other, signature)),
            "content_altered",
        ),
        ("two signatures", body.replace(signature, &format!("{signature}{signature}")), "several_signatures"),
        ("no signature", bare.clone(), "malformed"),
        ("no Document", body.replace("Document", "Dokument"), "message_not_supported"),
        ("other namespace", body.replace("pain.001.001.09", "pain.002.001.09"), "content_altered"),
        (
            "a Document in another namespace",
            format!("<Message>{body}<Document xmlns=\"urn:x\"/></Message>"),
            "several_transactions",
        ),
        (
            "a transform that selects",
            body.replace("xmldsig#enveloped-signature", "xmldsig#base64"),
            "signature_invalid",
        ),
        ("document type", format!("<!DOCTYPE Document [<!ENTITY a \"1\">]>{body}"), "malformed"),
        ("unsigned", forged("x", "x"), "malformed"),
    ] {
        let (answer, _) = judge(&world, message.as_bytes());
        assert_eq!(answer.reasons, [code], "{what}: {:?}", answer.checks);
    }
}

#[test]
fn signatures_over_something_else_are_refused() {
    let world = World::new();
    let holder = world.citizen();
    // An enveloping signature over one object, and the message in another.
    let bare = messages::pain_001();
    let enveloping = template("#harmless", "ecdsa-sha256")
        .replace("<ds:Transform Algorithm=\"http://www.w3.org/2000/09/xmldsig#enveloped-signature\"/>", "")
        .replace(
            "</ds:Signature>",
            &format!("<ds:Object Id=\"harmless\">x</ds:Object><ds:Object>{bare}</ds:Object></ds:Signature>"),
        );
    let enveloping = xmlsec_over(&world, &holder, &enveloping, "enveloping", "Object");
    refused(&world, enveloping.as_bytes(), "content_not_signed");
    // A genuine signature over something else than the message that is read.
    let part = messages::pain_001().replacen("<GrpHdr>", "<GrpHdr Id=\"part\">", 1).replacen(
        "Document ",
        "Document x=\"1\" ",
        1,
    );
    let partly = with_signature(&part, &template("#part", "ecdsa-sha256"));
    let partly = xmlsec_over(&world, &holder, &partly, "partly", "GrpHdr");
    refused(&world, partly.as_bytes(), "content_not_signed");
    refused(&world, partly.replace(">150000</InstdAmt>", ">950000</InstdAmt>").as_bytes(), "content_not_signed");
}
