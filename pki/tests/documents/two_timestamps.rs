//! A signer who was revoked, a timestamp authority whose key was stolen, and an honest timestamp that came too late: the honest one proves nothing about
//! the age of the forged one beside it (EN 319 102-1 §5.6.2.4), in every format.

use crate::made::base64url;
use crate::world::{Cms, Party, Role, SIGNER, World, YEAR, time, with_unsigned};
use crate::xmldsig::{EXCLUSIVE, reference, signature, transform};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use chuky_model::report::{Indication, Report, SubIndication};
use chuky_pki::asn1::{tag, write};
use chuky_pki::cms::SignedData;
use chuky_pki::crl::Reason;
use chuky_pki::crypto::ecdsa_der_to_raw;
use chuky_pki::oid;
use chuky_pki::pdf::write::{SignatureOptions, prepare};
use chuky_pki::verify::{VerificationContext, verify_document};
use openssl::sha::sha256;

const NOW: &str = "2026-06-20T00:00:00Z";
const REVOKED: &str = "2026-03-01T00:00:00Z";
/// What the stolen key says, made long after it was stolen.
const FORGED: &str = "2026-02-01T00:00:00Z";
const STOLEN: &str = "2026-06-10T00:00:00Z";
/// What the honest authority says.
const HONEST: &str = "2026-05-15T00:00:00Z";
const STOLEN_SERIAL: u8 = 0x4a;
const CONTENT: &[u8] = b"Pay 100";

struct Case {
    world: World,
    signer: Party,
    stolen: Party,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum By {
    Stolen,
    Honest,
}

const EACH: [&[By]; 4] = [&[By::Stolen], &[By::Honest], &[By::Stolen, By::Honest], &[By::Honest, By::Stolen]];

impl Case {
    fn new() -> Self {
        let world = World::new();
        let signer = world.signer(YEAR);
        let validity = ("2000-01-01T00:00:00Z", "2050-01-01T00:00:00Z");
        let stolen = Party::new("TEST stolen", STOLEN_SERIAL, Role::Timestamps, validity, Some(&world.time_root));
        Self { world, signer, stolen }
    }

    fn token(&self, by: By, digest: &[u8]) -> Vec<u8> {
        match by {
            By::Stolen => self.stolen.token(digest, FORGED),
            By::Honest => self.world.stamper.token(digest, HONEST),
        }
    }

    fn lists(&self) -> Vec<Vec<u8>> {
        let day = "2026-06-19T00:00:00Z";
        vec![
            self.world.root.list(day, 7, &[], false),
            self.world.issuing.list(day, 7, &[(SIGNER, REVOKED, Reason::KeyCompromise)], false),
            self.world.time_root.list(day, 7, &[(STOLEN_SERIAL, STOLEN, Reason::KeyCompromise)], false),
        ]
    }

    fn judge(&self, bytes: &[u8]) -> Report {
        let context = VerificationContext {
            anchors: self.world.anchors(),
            intermediates: vec![self.world.issuing.certificate.clone()],
            crls: self.lists(),
            ..VerificationContext::at(time(NOW))
        };
        verify_document(bytes, "made", &context)
    }

    /// However many timestamps and in whatever order: a revoked signer's signature is not proven to be older.
    fn never_counts(&self, make: impl Fn(&[By]) -> Vec<u8>) {
        for stamps in EACH {
            let report = self.judge(&make(stamps));
            let line = &report.signatures[0];
            let found = (line.indication, line.sub_indication);
            let expected = (Indication::Indeterminate, Some(SubIndication::RevokedNoPoe));
            assert_eq!(found, expected, "{stamps:?}: {report:#?}");
            assert_eq!(report.timestamps.len(), stamps.len(), "{report:#?}");
        }
    }
}

#[test]
fn in_a_pdf_signature() {
    let case = Case::new();
    case.never_counts(|stamps| {
        let source = crate::support::files::simple("", "", &[]);
        let prepared = prepare(&source, &SignatureOptions::new(time(HONEST), 14_000)).unwrap();
        let covered = prepared.covered(&source).concat();
        let made = Cms { attached: false, ..case.world.cades(&case.signer, &covered, Vec::new()) }.make();
        let stamped = stamps.iter().fold(made.0, |object, by| {
            with_unsigned(&object, &oid::SIGNATURE_TIME_STAMP, &case.token(*by, &sha256(&made.1)))
        });
        [source.as_slice(), &prepared.finish(&stamped).unwrap()].concat()
    });
}

#[test]
fn in_a_cms_object() {
    let case = Case::new();
    case.never_counts(|stamps| {
        let made = case.world.cades(&case.signer, CONTENT, Vec::new()).make();
        stamps.iter().fold(made.0, |object, by| {
            with_unsigned(&object, &oid::SIGNATURE_TIME_STAMP, &case.token(*by, &sha256(&made.1)))
        })
    });
}

/// EN 319 122-1 §5.5.3, over certificates and content and none of the unsigned attributes.
fn archive(case: &Case, object: &[u8], by: By) -> Vec<u8> {
    let data = SignedData::parse(object).unwrap();
    let certificates = data.certificates.iter().map(|one| write::octet_string(&sha256(one.der())));
    let certificates: Vec<Vec<u8>> = certificates.collect();
    let none = write::sequence::<Vec<u8>>(&[]);
    let algorithm = write::sequence(&[write::oid(&oid::SHA256)]);
    let index = write::sequence(&[algorithm, write::parts(tag::SEQUENCE, &certificates), none.clone(), none]);
    let covered = [&write::oid(&oid::DATA)[..], &sha256(CONTENT), &data.signers[0].fields_der, &index].concat();
    with_unsigned(&case.token(by, &sha256(&covered)), &oid::ATS_HASH_INDEX_V3, &index)
}

#[test]
fn in_archive_timestamps_of_cades() {
    let case = Case::new();
    case.never_counts(|stamps| {
        let made = case.world.cades(&case.signer, CONTENT, Vec::new()).make().0;
        stamps.iter().fold(made.clone(), |object, by| {
            with_unsigned(&object, &oid::ARCHIVE_TIME_STAMP_V3, &archive(&case, &made, *by))
        })
    });
}

#[test]
fn in_an_xml_signature() {
    let case = Case::new();
    case.never_counts(|stamps| {
        let order = r#"<Order Id="o"><Amount>100</Amount></Order>"#;
        let of_order = reference("#o", &[transform(EXCLUSIVE)], order.as_bytes());
        let signed = signature(&case.signer, &[of_order], "@");
        let value = signed.split_once("<SignatureValue>").unwrap().1.split_once('<').unwrap().0;
        let covered =
            format!(r#"<SignatureValue xmlns="http://www.w3.org/2000/09/xmldsig#">{value}</SignatureValue>"#);
        let stamp = |by: &By| {
            let token = STANDARD.encode(case.token(*by, &sha256(covered.as_bytes())));
            format!(
                r#"<x:SignatureTimeStamp><CanonicalizationMethod Algorithm="{EXCLUSIVE}"/><x:EncapsulatedTimeStamp>{token}</x:EncapsulatedTimeStamp></x:SignatureTimeStamp>"#
            )
        };
        let stamps: String = stamps.iter().map(stamp).collect();
        let object = format!(
            r##"<Object><x:QualifyingProperties xmlns:x="http://uri.etsi.org/01903/v1.3.2#" Target="#s"><x:UnsignedProperties><x:UnsignedSignatureProperties>{stamps}</x:UnsignedSignatureProperties></x:UnsignedProperties></x:QualifyingProperties></Object>"##
        );
        format!("<Msg>{order}{}</Msg>", signed.replace('@', &object)).into_bytes()
    });
}

#[test]
fn in_a_json_signature() {
    let case = Case::new();
    let standard = |bytes: &[u8]| STANDARD.encode(bytes);
    case.never_counts(|stamps| {
        let leaf = standard(case.signer.certificate.der());
        let thumbprint = base64url(case.signer.certificate.fingerprint());
        let header = format!(r#"{{"alg":"ES256","x5c":["{leaf}"],"x5t#S256":"{thumbprint}","iat":1769904000}}"#);
        let (protected, payload) = (base64url(&header), base64url(CONTENT));
        let der = case.signer.sign(&sha256(format!("{protected}.{payload}").as_bytes()));
        let value = base64url(ecdsa_der_to_raw(&der, 32).unwrap());
        let components = stamps.iter().map(|by| {
            let token = standard(&case.token(*by, &sha256(value.as_bytes())));
            let component = base64url(format!(r#"{{"sigTst":{{"tstTokens":[{{"val":"{token}"}}]}}}}"#));
            format!("\"{component}\"")
        });
        let components: Vec<String> = components.collect();
        format!(
            r#"{{"payload":"{payload}","protected":"{protected}","signature":"{value}","header":{{"etsiU":[{}]}}}}"#,
            components.join(",")
        )
        .into_bytes()
    });
}
