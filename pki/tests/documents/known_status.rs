//! What is known to be bad does not become good because it is also old: revocations and holds of before the proven time, answers of responders
//! that have ended, texts of policies and digests that nobody trusts any more.

use crate::made::{EXTENDED, archive, base64url, file, manifest};
use crate::world::{Cms, ISSUING, LONG, Party, Role, SIGNER, World, YEAR, stamped, time, with_unsigned};
use chuky_model::report::{Indication, Report, SubIndication};
use chuky_pki::asn1::{tag, write};
use chuky_pki::certificate::Certificate;
use chuky_pki::crl::Reason;
use chuky_pki::crypto::ecdsa_der_to_raw;
use chuky_pki::oid;
use chuky_pki::verify::policy::ValidationPolicy;
use chuky_pki::verify::{VerificationContext, verify_document, verify_with_content};
use openssl::sha::sha256;
use std::sync::Arc;

const CONTENT: &[u8] = b"What was agreed in 2026\n";
const SIGNED: &str = "2026-06-15T08:00:00Z";
const ARCHIVED: &str = "2026-06-17T00:00:00Z";
const PASSED: Indication = Indication::TotalPassed;
const OPEN: Indication = Indication::Indeterminate;

#[track_caller]
fn is(report: &Report, indication: Indication, sub: Option<SubIndication>) {
    let line = &report.signatures[0];
    assert_eq!((line.indication, line.sub_indication), (indication, sub), "{report:#?}");
}

fn judge(world: &World, bytes: &[u8], at: &str, policy: &str, crls: Vec<Vec<u8>>) -> Report {
    let context = VerificationContext {
        anchors: world.anchors(),
        crls,
        policy: ValidationPolicy::built_in(policy).unwrap(),
        ..VerificationContext::at(time(at))
    };
    verify_document(bytes, "known", &context)
}

/// A container with a timestamp over signature and manifest, and in the signature these lists.
fn sealed(world: &World, signer: &Party, lists: Vec<Vec<u8>>) -> Vec<u8> {
    let signed = manifest("META-INF/signature001.p7s", &[("a.txt", CONTENT)]);
    let made = Cms { attached: false, ..world.cades(signer, signed.as_bytes(), lists) }.make();
    let signature = stamped(world, &made, SIGNED);
    let inside = [
        ("META-INF/signature001.p7s", signature.as_slice()),
        ("META-INF/ASiCManifest001.xml", signed.as_bytes()),
        ("a.txt", CONTENT),
    ];
    let list = manifest("META-INF/timestamp001.tst", &inside);
    let token = world.stamper.token(&sha256(list.as_bytes()), ARCHIVED);
    archive(&[
        file("mimetype", EXTENDED),
        file("a.txt", CONTENT),
        file("META-INF/ASiCManifest001.xml", signed.clone()),
        file("META-INF/signature001.p7s", signature.clone()),
        file("META-INF/ASiCArchiveManifest001.xml", list.clone()),
        file("META-INF/timestamp001.tst", token),
    ])
}

#[test]
fn a_revocation_of_before_the_proven_time_is_not_slid_over() {
    let world = World::new();
    let signer = world.signer(YEAR);
    let at = "2026-09-02T00:00:00Z";
    let fresh = || world.time_root.list("2026-09-01T00:00:00Z", 7, &[], false);
    let names = |reason, since: &str| world.issuing.list("2026-09-01T00:00:00Z", 30, &[(SIGNER, since, reason)], false);
    // The root's list has grown old, so that control-time slides back to before the list that knows of the revocation.
    let old = || {
        vec![
            world.root.list("2026-06-16T00:00:00Z", 7, &[], false),
            world.issuing.list("2026-06-16T00:00:00Z", 7, &[], false),
        ]
    };
    for policy in ["default", "vietnam", "eu"] {
        let judged = |later: Option<Vec<u8>>| {
            let lists = old().into_iter().chain(later).collect();
            judge(&world, &sealed(&world, &signer, lists), at, policy, vec![fresh()])
        };
        let before = judged(Some(names(Reason::KeyCompromise, "2026-06-10T00:00:00Z")));
        is(&before, OPEN, Some(SubIndication::RevokedNoPoe));
        let held = judged(Some(names(Reason::CertificateHold, "2026-06-10T00:00:00Z")));
        is(&held, OPEN, Some(SubIndication::TryLater));
    }
    // Without a later list, or with one of a later revocation, it counts; and the later revocation is told.
    is(&judge(&world, &sealed(&world, &signer, old()), at, "default", vec![fresh()]), PASSED, None);
    let since = names(Reason::KeyCompromise, "2026-06-20T00:00:00Z");
    let lists = old().into_iter().chain([since]).collect();
    let report = judge(&world, &sealed(&world, &signer, lists), at, "default", vec![fresh()]);
    is(&report, PASSED, None);
    assert!(report.signatures[0].checks.iter().any(|check| check.name == "revoked_since"), "{report:#?}");
}

#[test]
fn an_authority_that_was_revoked_before_the_proven_time_is_not_slid_over() {
    let world = World::new();
    let signer = world.signer(YEAR);
    let at = "2028-06-02T00:00:00Z";
    let today = world.time_root.list("2028-06-01T00:00:00Z", 7, &[], false);
    let lists = || {
        vec![
            world.root.list("2026-06-16T00:00:00Z", 7, &[], false),
            world.issuing.list("2026-06-16T00:00:00Z", 7, &[], false),
        ]
    };
    for (since, expected) in [
        ("2026-06-10T00:00:00Z", (OPEN, Some(SubIndication::RevokedCaNoPoe))),
        ("2027-03-01T00:00:00Z", (PASSED, None)),
    ] {
        let revoked = world.root.list("2028-06-01T00:00:00Z", 7, &[(ISSUING, since, Reason::CaCompromise)], false);
        let report = judge(&world, &sealed(&world, &signer, lists()), at, "default", vec![today.clone(), revoked]);
        is(&report, expected.0, expected.1);
    }
}

/// A responder of the root that answers about the issuing authority, or of the issuing authority about the signer.
struct Answered {
    world: World,
    signer: Party,
    status: Party,
}

impl Answered {
    fn new(until: &str) -> Self {
        let world = World::new();
        let signer = world.signer(LONG);
        let status =
            Party::new("TEST status", 0x46, Role::Status, ("2026-06-01T00:00:00Z", until), Some(&world.issuing));
        Self { world, signer, status }
    }

    fn signature(&self) -> Vec<u8> {
        let answer = self.status.answer(
            &self.world.issuing,
            &self.signer.certificate,
            "2026-06-16T00:00:00Z",
            "2026-06-23T00:00:00Z",
        );
        let lists = vec![self.world.root.list("2026-06-16T00:00:00Z", 7, &[], false)];
        let made = Cms { answers: vec![answer], ..self.world.cades(&self.signer, CONTENT, lists) }.make();
        stamped(&self.world, &made, SIGNED)
    }
}

#[test]
fn an_answer_of_a_responder_that_has_ended_needs_a_proof_of_its_age() {
    let at = "2028-06-02T00:00:00Z";
    for (until, expected) in [
        ("2026-07-01T00:00:00Z", (OPEN, Some(SubIndication::RevocationOutOfBoundsNoPoe))),
        ("2030-01-01T00:00:00Z", (PASSED, None)),
    ] {
        let answered = Answered::new(until);
        let world = &answered.world;
        let today =
            [&world.root, &world.time_root].map(|authority| authority.list("2028-06-01T00:00:00Z", 7, &[], false));
        let report = judge(world, &answered.signature(), at, "default", today.to_vec());
        is(&report, expected.0, expected.1);
    }
    // Where a signer's authority is the anchor itself the responder ends all the same.
    let answered = Answered::new("2026-07-01T00:00:00Z");
    let world = &answered.world;
    let context = VerificationContext {
        anchors: vec![world.issuing.certificate.clone(), world.time_root.certificate.clone()],
        crls: vec![world.time_root.list("2028-06-01T00:00:00Z", 7, &[], false)],
        ..VerificationContext::at(time(at))
    };
    let report = verify_document(&answered.signature(), "anchored", &context);
    is(&report, OPEN, Some(SubIndication::RevocationOutOfBoundsNoPoe));
}

#[test]
fn a_revoked_responder_says_nothing() {
    let answered = Answered::new("2030-01-01T00:00:00Z");
    let world = &answered.world;
    let at = "2026-06-18T00:00:00Z";
    let list =
        |since: &str, reason| vec![world.issuing.list("2026-06-17T00:00:00Z", 1, &[(0x46, since, reason)], false)];
    let judged = |crls: Vec<Vec<u8>>| {
        let list = world.time_root.list("2026-06-17T00:00:00Z", 7, &[], false);
        // The signer's own status must come from the answer alone.
        let context = VerificationContext {
            anchors: world.anchors(),
            crls: crls.into_iter().chain([list]).collect(),
            ..VerificationContext::at(time(at))
        };
        let report = verify_document(&answered.signature(), "responder", &context);
        let reasons: Vec<String> = report.signatures[0].checks.iter().map(|check| check.reason.clone()).collect();
        reasons.join("; ")
    };
    assert!(judged(Vec::new()).contains("not revoked, by evidence of 2026-06-16"), "{}", judged(Vec::new()));
    // The authority's own list says as much about the signer, and is the one that counts.
    let superseded = judged(list("2026-06-10T00:00:00Z", Reason::Superseded));
    assert!(superseded.contains("not revoked, by evidence of 2026-06-17"), "{superseded}");
    let world = World::new();
    let status = Party::new("TEST status", 0x46, Role::Status, YEAR, Some(&world.issuing));
    let signer = world.signer(YEAR);
    let answer = status.answer(&world.issuing, &signer.certificate, "2026-06-18T00:00:00Z", "2026-06-25T00:00:00Z");
    // An old list, no longer fresh, still knows that the responder was revoked.
    let with = |revoked: &[(u8, &str, Reason)]| {
        let lists = vec![
            world.root.list("2026-06-18T00:00:00Z", 7, &[], false),
            world.issuing.list("2026-06-10T00:00:00Z", 2, revoked, false),
        ];
        let made = Cms { answers: vec![answer.clone()], ..world.cades(&signer, CONTENT, lists) }.make();
        judge(&world, &made.0, "2026-06-19T00:00:00Z", "default", Vec::new())
    };
    is(&with(&[]), PASSED, None);
    is(&with(&[(0x46, "2026-06-09T00:00:00Z", Reason::Superseded)]), OPEN, Some(SubIndication::TryLater));
    is(&with(&[(0x46, "2026-06-09T00:00:00Z", Reason::KeyCompromise)]), OPEN, Some(SubIndication::TryLater));
}

#[test]
fn a_known_policy_is_the_one_whose_text_is_known() {
    let world = World::new();
    let signer = world.signer(YEAR);
    let identifier = "1.3.6.1.4.1.99999.7";
    let text = b"the text of the policy";
    let known = format!(
        "named_policies = \"must_be_known\"\n\n[[signature.known_policy]]\nidentifier = \"{identifier}\"\nsha256 = \"{}\"",
        hex::encode(sha256(text))
    );
    let policy = ValidationPolicy::built_in_text("default").unwrap().replace("named_policies = \"reported\"", &known);
    let policy = Arc::new(ValidationPolicy::parse(&policy).unwrap());
    let judged = |algorithm, digest: &[u8]| {
        let hash = write::sequence(&[write::sequence(&[write::oid(algorithm)]), write::octet_string(digest)]);
        let named = write::sequence(&[write::oid(&identifier.parse().unwrap()), hash]);
        let signed = vec![(oid::SIGNATURE_POLICY, named)];
        let made = Cms { signed, ..world.cades(&signer, CONTENT, world.lists("2026-06-15T00:00:00Z")) }.make();
        let context = VerificationContext {
            anchors: world.anchors(),
            policy: Arc::clone(&policy),
            ..VerificationContext::at(time("2026-06-16T00:00:00Z"))
        };
        verify_document(&made.0, "named", &context)
    };
    is(&judged(&oid::SHA256, &sha256(text)), PASSED, None);
    is(&judged(&oid::SHA256, &sha256(b"another text")), OPEN, Some(SubIndication::PolicyProcessingError));
    let other = openssl::sha::sha512(b"another text");
    is(&judged(&oid::SHA512, &other), OPEN, Some(SubIndication::PolicyProcessingError));
    is(&judged(&oid::SHA1, &openssl::sha::sha1(b"another text")), OPEN, Some(SubIndication::PolicyProcessingError));
}

/// The manifest with digests in another algorithm.
fn with_digest(text: &str, uri: &str, content: &[u8], digest: &[u8]) -> String {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    text.replace("http://www.w3.org/2001/04/xmlenc#sha256", uri)
        .replace(&STANDARD.encode(sha256(content)), &STANDARD.encode(digest))
}

#[test]
fn digests_of_a_manifest_meet_the_policy() {
    let world = World::new();
    let signer = world.signer(YEAR);
    let honest = manifest("META-INF/signature001.p7s", &[("a.txt", CONTENT)]);
    let md5 = openssl::hash::hash(openssl::hash::MessageDigest::md5(), CONTENT).unwrap();
    let sha1 = openssl::sha::sha1(CONTENT);
    let weak = Some(SubIndication::CryptoConstraintsFailure);
    for (text, expected) in [
        (honest.clone(), (PASSED, None)),
        (with_digest(&honest, "http://www.w3.org/2001/04/xmldsig-more#md5", CONTENT, &md5), (OPEN, weak)),
        (with_digest(&honest, "http://www.w3.org/2000/09/xmldsig#sha1", CONTENT, &sha1), (OPEN, weak)),
    ] {
        let lists = world.lists("2026-06-15T00:00:00Z");
        let made = Cms { attached: false, ..world.cades(&signer, text.as_bytes(), lists) }.make();
        let container = archive(&[
            file("mimetype", EXTENDED),
            file("a.txt", CONTENT),
            file("META-INF/ASiCManifest001.xml", text.clone()),
            file("META-INF/signature001.p7s", made.0),
        ]);
        let report = judge(&world, &container, "2026-06-16T00:00:00Z", "default", Vec::new());
        is(&report, expected.0, expected.1);
    }
}

#[test]
fn digests_of_a_timestamped_manifest_meet_the_policy() {
    let world = World::new();
    let honest = manifest("META-INF/timestamp001.tst", &[("a.txt", CONTENT)]);
    let sha1 = openssl::sha::sha1(CONTENT);
    for (text, expected) in [
        (honest.clone(), PASSED),
        (with_digest(&honest, "http://www.w3.org/2000/09/xmldsig#sha1", CONTENT, &sha1), OPEN),
    ] {
        let token = world.stamper.token(&sha256(text.as_bytes()), SIGNED);
        let container = archive(&[
            file("mimetype", EXTENDED),
            file("a.txt", CONTENT),
            file("META-INF/ASiCManifest001.xml", text),
            file("META-INF/timestamp001.tst", token),
        ]);
        let report = judge(&world, &container, "2026-06-16T00:00:00Z", "default", world.lists("2026-06-15T00:00:00Z"));
        assert_eq!(report.timestamps[0].indication, expected, "{report:#?}");
    }
}

#[test]
fn digests_of_a_detached_payload_meet_the_policy() {
    let world = World::new();
    let signer = world.signer(YEAR);
    let standard = |der: &[u8]| openssl::base64::encode_block(der);
    let chain = [&signer, &world.issuing].map(|party| format!("\"{}\"", standard(party.certificate.der()))).join(",");
    let thumbprint = base64url(signer.certificate.fingerprint());
    let lists = world.lists("2026-06-15T00:00:00Z");
    let transmitted = base64url(CONTENT);
    // The Circular trusted SHA-224 until August 2025.
    for (method, digest, expected) in [
        ("S256", sha256(transmitted.as_bytes()).to_vec(), (PASSED, None)),
        (
            "S224",
            openssl::sha::sha224(transmitted.as_bytes()).to_vec(),
            (OPEN, Some(SubIndication::CryptoConstraintsFailure)),
        ),
    ] {
        let detached = format!(
            r#""sigD":{{"mId":"http://uri.etsi.org/19182/ObjectIdByURIHash","hashM":"{method}","pars":["a.txt"],"hashV":["{}"]}}"#,
            base64url(&digest)
        );
        let header = format!(
            r#"{{"alg":"ES256","x5c":[{chain}],"x5t#S256":"{thumbprint}","iat":1781510400,{detached},"crit":["sigD"]}}"#
        );
        let protected = base64url(&header);
        let der = signer.sign(&sha256(format!("{protected}.").as_bytes()));
        let value = base64url(ecdsa_der_to_raw(&der, 32).unwrap());
        let context = VerificationContext {
            anchors: world.anchors(),
            crls: lists.clone(),
            policy: ValidationPolicy::built_in("vietnam").unwrap(),
            ..VerificationContext::at(time("2026-06-16T00:00:00Z"))
        };
        let text = format!("{protected}..{value}");
        let report = verify_with_content(text.as_bytes(), Some(CONTENT), "detached", &context);
        is(&report, expected.0, expected.1);
    }
}

#[test]
fn an_index_of_hashes_meets_the_policy() {
    let world = World::new();
    let signer = world.signer(YEAR);
    let made = world.cades(&signer, CONTENT, world.lists("2026-06-15T00:00:00Z")).make();
    let data = chuky_pki::cms::SignedData::parse(&made.0).unwrap();
    let archived = |algorithm, hash: &dyn Fn(&[u8]) -> Vec<u8>| {
        let none = write::element(tag::SEQUENCE, &[]);
        let certificates: Vec<Vec<u8>> =
            data.certificates.iter().map(|one: &Certificate| write::octet_string(&hash(one.der()))).collect();
        let index = write::sequence(&[
            write::sequence(&[write::oid(algorithm)]),
            write::sequence(&certificates),
            none.clone(),
            none,
        ]);
        let fields = &data.signers[0].fields_der;
        let covered = [&write::oid(&oid::DATA)[..], &sha256(CONTENT), fields, &index].concat();
        let token = with_unsigned(&world.stamper.token(&sha256(&covered), SIGNED), &oid::ATS_HASH_INDEX_V3, &index);
        let bytes = with_unsigned(&made.0, &oid::ARCHIVE_TIME_STAMP_V3, &token);
        judge(&world, &bytes, "2026-06-16T00:00:00Z", "default", Vec::new()).timestamps[0].indication
    };
    assert_eq!(archived(&oid::SHA256, &|bytes| sha256(bytes).to_vec()), PASSED);
    assert_eq!(archived(&oid::SHA1, &|bytes| openssl::sha::sha1(bytes).to_vec()), OPEN);
}

#[test]
fn the_digest_between_a_pdf_file_and_its_signature_meets_the_policy() {
    use chuky_pki::pdf::write::{SignatureOptions, prepare};
    let world = World::new();
    let source = crate::support::files::simple("", "", &[]);
    let prepared = prepare(&source, &SignatureOptions::new(time(SIGNED), 12_000)).unwrap();
    let signed = [source.as_slice(), &prepared.finish(&[0x30, 0]).unwrap()].concat();
    // ISO 32000-2 table 260: of adbe.pkcs7.sha1 the CMS object holds the SHA-1 of the file, and signs that.
    let patched = |bytes: &[u8], from: &[u8], to: &[u8]| {
        let at = bytes.windows(from.len()).position(|window| window == from).unwrap();
        [&bytes[..at], to, &bytes[at + from.len()..]].concat()
    };
    let old = patched(&signed, b"ETSI.CAdES.detached", b"adbe.pkcs7.sha1    ");
    let start = old.windows(6).rposition(|window| window == b"<30000").unwrap();
    let end = start + old[start..].iter().position(|byte| *byte == b'>').unwrap() + 1;
    let digest = openssl::sha::sha1(&[&old[..start], &old[end..]].concat());
    let judged = |validity: (&str, &str), stamp: &str| {
        let signer = world.signer(validity);
        let lists = world.lists("2026-06-15T00:00:00Z");
        let object = stamped(&world, &Cms { sha1: true, ..world.cades(&signer, &digest, lists) }.make(), stamp);
        let modern = stamped(&world, &world.cades(&signer, &digest, world.lists("2026-06-15T00:00:00Z")).make(), stamp);
        [object, modern].map(|object| {
            let hex = format!("<{:0<width$}>", hex::encode(object), width = end - start - 2);
            let file = [&old[..start], hex.as_bytes(), &old[end..]].concat();
            judge(&world, &file, "2026-06-16T00:00:00Z", "default", Vec::new())
        })
    };
    // SHA-256 in the CMS object does not make up for it.
    for report in judged(YEAR, SIGNED) {
        is(&report, OPEN, Some(SubIndication::CryptoConstraintsFailure));
    }
    for report in judged(("2010-01-01T00:00:00Z", "2040-01-01T00:00:00Z"), "2011-01-01T00:00:00Z") {
        is(&report, PASSED, None);
    }
}
