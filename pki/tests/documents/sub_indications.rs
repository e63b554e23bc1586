//! A file for every indication and sub-indication of EN 319 102-1 table 6. With `CHUKY_VERDICTS=FOLDER` the files, the anchors and the policies are
//! written there: the ones in `tests/data/verdicts` that `docs/verification.md` lists were made so.

use crate::world::{Cms, ISSUING, LONG, Party, Role, SIGNER, World, YEAR, stamped, time};
use chuky_model::report::{Indication, SubIndication};
use chuky_pki::asn1::write;
use chuky_pki::certificate::Certificate;
use chuky_pki::crl::Reason;
use chuky_pki::oid;
use chuky_pki::verify::policy::ValidationPolicy;
use chuky_pki::verify::{VerificationContext, verify_document};
use std::sync::Arc;

const CONTENT: &[u8] = "Văn bản kiểm thử\n".as_bytes();
const DAY: &str = "2026-06-15T00:00:00Z";
const NEXT_DAY: &str = "2026-06-16T00:00:00Z";
const SIGNED: &str = "2026-06-15T08:00:00Z";

struct Case {
    name: &'static str,
    bytes: Vec<u8>,
    at: &'static str,
    policy: &'static str,
    expected: (Indication, Option<SubIndication>),
}

fn case(name: &'static str, bytes: Vec<u8>, expected: (Indication, Option<SubIndication>)) -> Case {
    Case { name, bytes, at: NEXT_DAY, policy: "default", expected }
}

fn failed(sub: SubIndication) -> (Indication, Option<SubIndication>) {
    (Indication::TotalFailed, Some(sub))
}

fn open(sub: SubIndication) -> (Indication, Option<SubIndication>) {
    (Indication::Indeterminate, Some(sub))
}

/// Policies beside the built-in ones.
fn policies(world: &World) -> Vec<(&'static str, String)> {
    let text = ValidationPolicy::built_in_text("default").unwrap();
    let known = format!(
        "named_policies = \"must_be_known\"\n\n[[signature.known_policy]]\nidentifier = \"{POLICY}\"\nsha256 = \"{}\"",
        hex::encode(openssl::sha::sha256(b"the text of the policy"))
    );
    let known =
        text.replace("named_policies = \"reported\"", &known).replace("name = \"default\"", "name = \"known-policy\"");
    let sunset = hex::encode(world.root.certificate.fingerprint());
    let sunset = format!("\n[[anchor]]\nsha256 = \"{sunset}\"\nuntil = \"2026-01-01\"\n");
    let sunset = text.replace("name = \"default\"", "name = \"sunset\"") + &sunset;
    vec![("known-policy.toml", known), ("sunset.toml", sunset)]
}

const POLICY: &str = "1.3.6.1.4.1.99999.7";

fn names_policy(identifier: &str, text: &[u8]) -> Vec<u8> {
    let digest = write::octet_string(&openssl::sha::sha256(text));
    let hash = write::sequence(&[write::sequence(&[write::oid(&oid::SHA256)]), digest]);
    write::sequence(&[write::oid(&identifier.parse().unwrap()), hash])
}

/// What the bytes themselves decide.
fn of_the_bytes(world: &World) -> Vec<Case> {
    use SubIndication as Sub;
    let signer = world.signer(YEAR);
    let plain = || world.cades(&signer, CONTENT, world.lists(DAY));
    let (made, value) = plain().make();
    let at = |needle: &[u8]| made.windows(needle.len()).position(|window| window == needle).unwrap();
    let mut other_content = made.clone();
    other_content[at(CONTENT)] ^= 0x01;
    let mut other_value = made.clone();
    let last = at(&value) + value.len() - 1;
    other_value[last] ^= 0x01;
    let server = Party::new("máy chủ", SIGNER, Role::Server, YEAR, Some(&world.issuing));
    let mut forged = world.signer(YEAR);
    let mut der = forged.certificate.der().to_vec();
    *der.last_mut().unwrap() ^= 0x01;
    forged.certificate = Certificate::from_der(&der).unwrap();
    let strange_root = Party::new("TEST stranger", 0x61, Role::Authority, LONG, None);
    let stranger = Party::new("Trần Thị Lạ", SIGNER, Role::Signer, YEAR, Some(&strange_root));
    vec![
        case("passed.p7m", made.clone(), (Indication::TotalPassed, None)),
        case("no-signature.txt", CONTENT.to_vec(), (Indication::NoSignatureFound, None)),
        case("format-failure.p7m", made[..made.len() - 40].to_vec(), failed(Sub::FormatFailure)),
        case("hash-failure.p7m", other_content, failed(Sub::HashFailure)),
        case("sig-crypto-failure.p7m", other_value, failed(Sub::SigCryptoFailure)),
        case("signed-data-not-found.p7s", Cms { attached: false, ..plain() }.make().0, open(Sub::SignedDataNotFound)),
        case(
            "no-signing-certificate-found.p7m",
            Cms { with_certificates: false, ..plain() }.make().0,
            open(Sub::NoSigningCertificateFound),
        ),
        case(
            "chain-constraints-failure.p7m",
            world.cades(&server, CONTENT, world.lists(DAY)).make().0,
            open(Sub::ChainConstraintsFailure),
        ),
        case(
            "certificate-chain-general-failure.p7m",
            world.cades(&forged, CONTENT, world.lists(DAY)).make().0,
            open(Sub::CertificateChainGeneralFailure),
        ),
        case(
            "no-certificate-chain-found.p7m",
            world.cades(&stranger, CONTENT, world.lists(DAY)).make().0,
            open(Sub::NoCertificateChainFound),
        ),
    ]
}

/// What revocation decides.
fn of_revocation(world: &World) -> Vec<Case> {
    use SubIndication as Sub;
    let signer = world.signer(YEAR);
    let good = |authority: &Party| authority.list(DAY, 7, &[], false);
    let with = |lists: Vec<Vec<u8>>| world.cades(&signer, CONTENT, lists);
    let revoked = vec![
        good(&world.root),
        good(&world.time_root),
        world.issuing.list(DAY, 7, &[(SIGNER, "2026-06-01T00:00:00Z", Reason::KeyCompromise)], false),
    ];
    let ca_revoked = vec![
        world.root.list(DAY, 7, &[(ISSUING, "2026-06-01T00:00:00Z", Reason::CaCompromise)], false),
        good(&world.issuing),
    ];
    let revoked_later = vec![
        world.root.list("2026-08-02T00:00:00Z", 7, &[], false),
        world.time_root.list("2026-08-02T00:00:00Z", 7, &[], false),
        world.issuing.list("2026-08-02T00:00:00Z", 7, &[(SIGNER, "2026-08-01T00:00:00Z", Reason::Superseded)], false),
    ];
    let after = world.stamper.token(&openssl::sha::sha256(CONTENT), "2026-06-10T00:00:00Z");
    let signed = vec![(oid::CONTENT_TIME_STAMP, after)];
    let status = Party::new(
        "TEST status",
        0x46,
        Role::Status,
        ("2026-06-01T00:00:00Z", "2026-06-15T12:00:00Z"),
        Some(&world.issuing),
    );
    let answer = status.answer(&world.issuing, &signer.certificate, DAY, "2026-06-20T00:00:00Z");
    vec![
        case("revoked-no-poe.p7m", with(revoked.clone()).make().0, open(Sub::RevokedNoPoe)),
        case("revoked.p7m", Cms { signed, ..with(revoked) }.make().0, failed(Sub::Revoked)),
        case("revoked-ca-no-poe.p7m", with(ca_revoked).make().0, open(Sub::RevokedCaNoPoe)),
        case("try-later.p7m", with(Vec::new()).make().0, open(Sub::TryLater)),
        case(
            "revocation-out-of-bounds-no-poe.p7m",
            Cms { answers: vec![answer], ..with(vec![good(&world.root)]) }.make().0,
            open(Sub::RevocationOutOfBoundsNoPoe),
        ),
        Case {
            at: "2026-08-03T00:00:00Z",
            ..case(
                "passed-revoked-since.p7m",
                stamped(world, &with(revoked_later).make(), SIGNED),
                (Indication::TotalPassed, None),
            )
        },
    ]
}

/// What time decides.
fn of_time(world: &World) -> Vec<Case> {
    use SubIndication as Sub;
    let last_year = world.signer(("2025-01-01T00:00:00Z", "2026-01-01T00:00:00Z"));
    let this_year = world.signer(YEAR);
    let soon = world.signer(("2026-07-01T00:00:00Z", "2027-07-01T00:00:00Z"));
    let content_time =
        |at: &str| vec![(oid::CONTENT_TIME_STAMP, world.stamper.token(&openssl::sha::sha256(CONTENT), at))];
    let july = "2026-07-03T00:00:00Z";
    let keeping = vec![
        world.root.list(DAY, 7, &[], false),
        world.issuing.list(DAY, 7, &[], true),
        world.time_root.list(DAY, 7, &[], false),
    ];
    // Lists of the time of signing, and of the timestamp authority today: nothing proves that the first existed then.
    let old = vec![
        world.root.list(DAY, 7, &[], false),
        world.issuing.list(NEXT_DAY, 7, &[], false),
        world.time_root.list("2027-06-01T00:00:00Z", 7, &[], false),
    ];
    let expired = world.cades(&last_year, CONTENT, world.lists(DAY));
    let reversed =
        Cms { signed: content_time("2026-06-15T10:00:00Z"), ..world.cades(&this_year, CONTENT, world.lists(DAY)) };
    vec![
        case("out-of-bounds-no-poe.p7m", expired.make().0, open(Sub::OutOfBoundsNoPoe)),
        case(
            "out-of-bounds-not-revoked.p7m",
            world.cades(&last_year, CONTENT, keeping).make().0,
            open(Sub::OutOfBoundsNotRevoked),
        ),
        case(
            "expired.p7m",
            Cms { signed: content_time("2026-06-10T00:00:00Z"), ..expired }.make().0,
            failed(Sub::Expired),
        ),
        Case {
            at: july,
            ..case(
                "not-yet-valid.p7m",
                stamped(world, &world.cades(&soon, CONTENT, world.lists("2026-07-02T00:00:00Z")).make(), SIGNED),
                failed(Sub::NotYetValid),
            )
        },
        case("timestamp-order-failure.p7m", stamped(world, &reversed.make(), SIGNED), open(Sub::TimestampOrderFailure)),
        Case {
            at: "2027-06-02T00:00:00Z",
            ..case(
                "no-poe.p7m",
                stamped(world, &world.cades(&this_year, CONTENT, old).make(), SIGNED),
                open(Sub::NoPoe),
            )
        },
    ]
}

/// What the policy decides.
fn of_policy(world: &World) -> Vec<Case> {
    use SubIndication as Sub;
    let signer = world.signer(YEAR);
    let old = world.signer(("2010-01-01T00:00:00Z", "2040-01-01T00:00:00Z"));
    let plain = |signer| world.cades(signer, CONTENT, world.lists(DAY));
    let naming = |identifier: &str, text: &[u8]| {
        Cms { signed: vec![(oid::SIGNATURE_POLICY, names_policy(identifier, text))], ..plain(&signer) }.make().0
    };
    let unknown = naming("1.3.6.1.4.1.99999.8", b"the text of the policy");
    vec![
        Case {
            policy: "eu",
            ..case(
                "sig-constraints-failure.p7m",
                Cms { bound: false, ..plain(&signer) }.make().0,
                open(Sub::SigConstraintsFailure),
            )
        },
        case(
            "crypto-constraints-failure.p7m",
            Cms { sha1: true, ..plain(&signer) }.make().0,
            open(Sub::CryptoConstraintsFailure),
        ),
        case(
            "crypto-constraints-failure-no-poe.p7m",
            Cms { sha1: true, ..plain(&old) }.make().0,
            open(Sub::CryptoConstraintsFailureNoPoe),
        ),
        Case {
            policy: "known-policy.toml",
            ..case("policy-known.p7m", naming(POLICY, b"the text of the policy"), (Indication::TotalPassed, None))
        },
        Case {
            policy: "known-policy.toml",
            ..case("policy-processing-error.p7m", naming(POLICY, b"another text"), open(Sub::PolicyProcessingError))
        },
        Case {
            policy: "known-policy.toml",
            ..case("signature-policy-not-available.p7m", unknown, open(Sub::SignaturePolicyNotAvailable))
        },
        Case {
            policy: "sunset.toml",
            ..case(
                "no-certificate-chain-found-no-poe.p7m",
                plain(&signer).make().0,
                open(Sub::NoCertificateChainFoundNoPoe),
            )
        },
    ]
}

#[test]
fn every_sub_indication_has_a_file_that_gets_it() {
    let world = World::new();
    let own = policies(&world);
    let cases: Vec<Case> = [of_the_bytes(&world), of_revocation(&world), of_time(&world), of_policy(&world)]
        .into_iter()
        .flatten()
        .collect();
    for case in &cases {
        let text = own.iter().find(|(name, _)| *name == case.policy).map(|(_, text)| text.as_str());
        let text = text.or_else(|| ValidationPolicy::built_in_text(case.policy)).unwrap();
        let context = VerificationContext {
            anchors: world.anchors(),
            policy: Arc::new(ValidationPolicy::parse(text).unwrap()),
            ..VerificationContext::at(time(case.at))
        };
        let report = verify_document(&case.bytes, case.name, &context);
        assert_eq!((report.indication, report.sub_indication), case.expected, "{}: {report:#?}", case.name);
    }
    for sub in SubIndication::ALL {
        assert!(cases.iter().any(|case| case.expected.1 == Some(sub)), "{sub:?} has no file");
    }
    let Some(folder) = std::env::var_os("CHUKY_VERDICTS").map(std::path::PathBuf::from) else { return };
    let anchors: String = world.anchors().iter().map(Certificate::to_pem).collect();
    std::fs::write(folder.join("anchors.pem"), anchors).unwrap();
    own.iter().for_each(|(name, text)| std::fs::write(folder.join(name), text).unwrap());
    cases.iter().for_each(|case| std::fs::write(folder.join(case.name), &case.bytes).unwrap());
}
