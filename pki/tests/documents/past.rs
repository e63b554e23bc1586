//! Signatures whose certificates have expired or were revoked since, validated by proofs of existence from every place that gives them
//! (EN 319 102-1 §5.6): each passes with its archive timestamp, and not without it or with one that came too late.

use crate::made::{EXTENDED, File, archive, base64url, file, manifest};
use crate::world::{Cms, ISSUING, LONG, Party, Role, SIGNER, World, YEAR, stamped, time, with_unsigned};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use chuky_model::report::{Indication, Report, SubIndication};
use chuky_pki::asn1::{tag, write};
use chuky_pki::cms::SignedData;
use chuky_pki::crl::Reason;
use chuky_pki::crypto::ecdsa_der_to_raw;
use chuky_pki::oid;
use chuky_pki::pdf::write::{Kind, LongTermData, SignatureOptions, add_long_term_data, prepare};
use chuky_pki::verify::policy::ValidationPolicy;
use chuky_pki::verify::{VerificationContext, verify_document};
use openssl::sha::sha256;
use std::sync::Arc;

const CONTENT: &[u8] = b"What was agreed in 2026\n";
const SIGNED: &str = "2026-06-15T08:00:00Z";
/// When the lists beside the signature were published, and good for a week.
const LISTS: &str = "2026-06-16T00:00:00Z";
const ARCHIVED: &str = "2026-06-17T00:00:00Z";
/// Long after the signer's certificate ended.
const NOW: &str = "2028-06-02T00:00:00Z";

/// A world whose second timestamp authority is still alive at `NOW`; its list is given from outside.
struct Past {
    world: World,
    signer: Party,
}

impl Past {
    fn new() -> Self {
        let world = World::new();
        let signer = world.signer(YEAR);
        Self { world, signer }
    }

    /// A signature with its timestamp and the lists of its time.
    fn signature(&self) -> (Vec<u8>, Vec<u8>) {
        let made = self.world.cades(&self.signer, CONTENT, self.world.lists(LISTS)).make();
        (stamped(&self.world, &made, SIGNED), made.1)
    }

    fn judge(&self, bytes: &[u8]) -> Report {
        self.judge_with(bytes, Vec::new(), "default")
    }

    /// With lists of today about the timestamp authority, and further ones.
    fn judge_with(&self, bytes: &[u8], mut crls: Vec<Vec<u8>>, policy: &str) -> Report {
        crls.push(self.world.time_root.list("2028-06-01T00:00:00Z", 7, &[], false));
        let context = VerificationContext {
            anchors: self.world.anchors(),
            crls,
            policy: ValidationPolicy::built_in(policy).unwrap(),
            ..VerificationContext::at(time(NOW))
        };
        verify_document(bytes, "past", &context)
    }
}

#[track_caller]
fn is(report: &Report, indication: Indication, sub: Option<SubIndication>) {
    let line = &report.signatures[0];
    assert_eq!((line.indication, line.sub_indication), (indication, sub), "{report:#?}");
}

const PASSED: Indication = Indication::TotalPassed;
const OPEN: Indication = Indication::Indeterminate;

/// EN 319 122-1 §5.5: the hash index over certificates, lists and unsigned attributes, and the imprint over content, signer and index.
fn archived_v3(past: &Past, object: &[u8], at: &str, with_lists: bool) -> Vec<u8> {
    let data = SignedData::parse(object).unwrap();
    let signer = &data.signers[0];
    let hashes = |members: Vec<Vec<u8>>| {
        let all: Vec<Vec<u8>> = members.iter().map(|member| write::octet_string(&sha256(member))).collect();
        write::parts(tag::SEQUENCE, &all)
    };
    let members = |field: &Option<Vec<u8>>| {
        let mut found = Vec::new();
        let Some(der) = field else { return found };
        let mut reader = chuky_pki::asn1::Reader::new(der).any().unwrap().reader();
        while !reader.is_empty() {
            found.push(reader.any().unwrap().raw.to_vec());
        }
        found
    };
    let attributes = signer.unsigned_attributes.iter().flat_map(|attribute| {
        attribute.values.iter().map(|value| [write::oid(&attribute.oid), value.clone()].concat())
    });
    let lists = if with_lists { members(&data.revocation_der) } else { Vec::new() };
    let algorithm = write::sequence(&[write::oid(&oid::SHA256)]);
    let index = write::sequence(&[
        algorithm,
        hashes(members(&data.certificates_der)),
        hashes(lists),
        hashes(attributes.collect()),
    ]);
    let covered = [&write::oid(&oid::DATA)[..], &sha256(CONTENT), &signer.fields_der, &index].concat();
    let token = past.world.stamper.token(&sha256(&covered), at);
    let token = with_unsigned(&token, &oid::ATS_HASH_INDEX_V3, &index);
    with_unsigned(object, &oid::ARCHIVE_TIME_STAMP_V3, &token)
}

/// TS 101 733 §6.4.1: everything as it stands.
fn archived_v2(past: &Past, object: &[u8], at: &str) -> Vec<u8> {
    let data = SignedData::parse(object).unwrap();
    let signer = &data.signers[0];
    let content = write::element(tag::constructed(0), &write::octet_string(data.content.as_deref().unwrap()));
    let encapsulated = write::sequence(&[write::oid(&oid::DATA), content]);
    let unsigned: Vec<Vec<u8>> = signer
        .unsigned_attributes
        .iter()
        .map(|one| write::sequence(&[write::oid(&one.oid), write::parts(tag::SET, &one.values)]))
        .collect();
    let covered = [
        encapsulated,
        data.certificates_der.clone().unwrap(),
        data.revocation_der.clone().unwrap(),
        signer.fields_der.clone(),
        write::parts(tag::constructed(1), &unsigned),
    ]
    .concat();
    with_unsigned(object, &oid::ARCHIVE_TIME_STAMP_V2, &past.world.stamper.token(&sha256(&covered), at))
}

#[test]
fn a_signature_timestamp_alone_does_not_prove_its_lists() {
    let past = Past::new();
    is(&past.judge(&past.signature().0), OPEN, Some(SubIndication::NoPoe));
    // Lists of today about the authority say that its old list can be believed.
    let today = vec![past.world.root.list("2028-06-01T00:00:00Z", 7, &[], false)];
    is(&past.judge_with(&past.signature().0, today, "default"), PASSED, None);
}

#[test]
fn archive_timestamps_of_cades_prove_what_they_cover() {
    let past = Past::new();
    let (object, _) = past.signature();
    for archived in [archived_v3(&past, &object, ARCHIVED, true), archived_v2(&past, &object, ARCHIVED)] {
        let report = past.judge(&archived);
        is(&report, PASSED, None);
        assert_eq!(report.signatures[0].best_signature_time.as_deref(), Some(SIGNED));
        let checks = &report.signatures[0].checks;
        assert!(checks.iter().any(|check| check.name == "past_validation"), "{checks:#?}");
    }
    // One that leaves the lists out proves nothing about them.
    is(&past.judge(&archived_v3(&past, &object, ARCHIVED, false)), OPEN, Some(SubIndication::NoPoe));
    // One that came when the root's list was no longer fresh proves too late.
    let late = archived_v3(&past, &object, "2026-07-17T00:00:00Z", true);
    is(&past.judge(&late), OPEN, Some(SubIndication::NoPoe));
}

#[test]
fn to_the_letter_control_time_slides_to_the_time_of_issue() {
    let past = Past::new();
    let (object, _) = past.signature();
    // The lists are of after the signature and of before the archive timestamp: the authority's is not proven for the root's time of issue.
    let archived = archived_v3(&past, &object, ARCHIVED, true);
    is(&past.judge_with(&archived, Vec::new(), "eu"), OPEN, Some(SubIndication::NoPoe));
    // A later list of the root, proven in time, settles it.
    let later = past.world.root.list("2026-06-18T00:00:00Z", 7, &[], false);
    let lists = [past.world.lists(LISTS), vec![later]].concat();
    let made = past.world.cades(&past.signer, CONTENT, lists).make();
    let archived = archived_v3(&past, &stamped(&past.world, &made, SIGNED), "2026-06-18T00:00:00Z", true);
    is(&past.judge_with(&archived, Vec::new(), "eu"), PASSED, None);
}

#[test]
fn an_authority_that_was_revoked_later_takes_nothing_from_what_is_proven() {
    let past = Past::new();
    let (object, _) = past.signature();
    let revoked = vec![past.world.root.list(
        "2028-06-01T00:00:00Z",
        7,
        &[(ISSUING, "2027-03-01T00:00:00Z", Reason::CaCompromise)],
        false,
    )];
    // Whoever has the authority's key may have made the list since.
    is(&past.judge_with(&object, revoked.clone(), "default"), OPEN, Some(SubIndication::NoPoe));
    let archived = archived_v3(&past, &object, ARCHIVED, true);
    let report = past.judge_with(&archived, revoked, "default");
    is(&report, PASSED, None);
    assert!(report.message.en.contains("revoked later"), "{:?}", report.message);
}

#[test]
fn an_algorithm_that_ended_counts_where_its_use_is_proven() {
    let past = Past::new();
    let old = past.world.signer(("2010-01-01T00:00:00Z", "2040-01-01T00:00:00Z"));
    let sign = |at: &str| {
        let plain = past.world.cades(&old, CONTENT, past.world.lists("2028-06-01T00:00:00Z"));
        stamped(&past.world, &Cms { sha1: true, ..plain }.make(), at)
    };
    is(&past.judge(&sign("2011-01-01T00:00:00Z")), PASSED, None);
    let sub = Some(SubIndication::CryptoConstraintsFailureNoPoe);
    is(&past.judge(&sign("2013-01-01T00:00:00Z")), OPEN, sub);
    // The Circular gives SHA-1 more time.
    is(&past.judge_with(&sign("2013-01-01T00:00:00Z"), Vec::new(), "vietnam"), PASSED, None);
}

#[test]
fn a_timestamped_manifest_proves_the_signatures_of_a_container() {
    let past = Past::new();
    let signed = manifest("META-INF/signature001.p7s", &[("a.txt", CONTENT)]);
    let made =
        Cms { attached: false, ..past.world.cades(&past.signer, signed.as_bytes(), past.world.lists(LISTS)) }.make();
    let signature = stamped(&past.world, &made, SIGNED);
    let container = |archived: Option<&str>| {
        let mut files: Vec<File> = vec![
            file("mimetype", EXTENDED),
            file("a.txt", CONTENT),
            file("META-INF/ASiCManifest001.xml", signed.clone()),
            file("META-INF/signature001.p7s", signature.clone()),
        ];
        if let Some(at) = archived {
            let list = manifest(
                "META-INF/timestamp001.tst",
                &[
                    ("META-INF/signature001.p7s", &signature),
                    ("META-INF/ASiCManifest001.xml", signed.as_bytes()),
                    ("a.txt", CONTENT),
                ],
            );
            let token = past.world.stamper.token(&sha256(list.as_bytes()), at);
            files.push(file("META-INF/ASiCArchiveManifest001.xml", list));
            files.push(file("META-INF/timestamp001.tst", token));
        }
        archive(&files)
    };
    is(&past.judge(&container(None)), OPEN, Some(SubIndication::NoPoe));
    is(&past.judge(&container(Some(ARCHIVED))), PASSED, None);
    is(&past.judge(&container(Some("2026-07-17T00:00:00Z"))), OPEN, Some(SubIndication::NoPoe));
}

#[test]
fn a_policy_may_demand_timestamps_and_bound_their_delay() {
    let past = Past::new();
    let lists = || past.world.lists("2028-06-01T00:00:00Z");
    let signer = Party::new("Nguyễn Văn An", SIGNER, Role::Signer, LONG, Some(&past.world.issuing));
    let text = ValidationPolicy::built_in_text("default").unwrap();
    let judge = |bytes: &[u8], rule: &str| {
        let policy = ValidationPolicy::parse(&text.replace("timestamp = \"optional\"", rule)).unwrap();
        let context = VerificationContext {
            anchors: past.world.anchors(),
            policy: Arc::new(policy),
            ..VerificationContext::at(time(NOW))
        };
        verify_document(bytes, "made", &context)
    };
    let required = "timestamp = \"required\"";
    let delayed = "timestamp = \"optional\"\ntimestamp_delay_hours = 24";
    let plain = past.world.cades(&signer, CONTENT, lists()).make();
    let stamp = stamped(&past.world, &plain, "2028-06-01T12:00:00Z");
    let sub = Some(SubIndication::SigConstraintsFailure);
    is(&judge(&plain.0, required), OPEN, sub);
    is(&judge(&stamp, required), PASSED, None);
    // No claimed time, one in time, one too long before.
    is(&judge(&stamp, delayed), OPEN, sub);
    for (claimed, passes) in [("2028-06-01T06:00:00Z", true), ("2028-05-30T06:00:00Z", false)] {
        let signed = vec![(oid::SIGNING_TIME, write::time(time(claimed)))];
        let made = Cms { signed, ..past.world.cades(&signer, CONTENT, lists()) }.make();
        let report = judge(&stamped(&past.world, &made, "2028-06-01T12:00:00Z"), delayed);
        is(&report, if passes { PASSED } else { OPEN }, if passes { None } else { sub });
    }
}

/// RFC 4998 §2: a record of one timestamp over one object, without a hash tree.
fn evidence_record(past: &Past, object: &[u8], at: &str) -> Vec<u8> {
    let stamp = write::sequence(&[past.world.stamper.token(&sha256(object), at)]);
    let algorithms = write::sequence(&[write::sequence(&[write::oid(&oid::SHA256)])]);
    write::sequence(&[write::unsigned(1), algorithms, write::sequence(&[write::sequence(&[stamp])])])
}

#[test]
fn an_evidence_record_proves_the_object_that_it_seals() {
    let past = Past::new();
    let (object, _) = past.signature();
    let sealed = |at: &str| {
        let record = evidence_record(&past, &object, at);
        with_unsigned(&object, &oid::EVIDENCE_RECORD_INTERNAL, &record)
    };
    is(&past.judge(&sealed(ARCHIVED)), PASSED, None);
    is(&past.judge(&sealed("2026-07-17T00:00:00Z")), OPEN, Some(SubIndication::NoPoe));
    let record = evidence_record(&past, CONTENT, ARCHIVED);
    let other = with_unsigned(&object, &oid::EVIDENCE_RECORD_INTERNAL, &record);
    let report = past.judge(&other);
    is(&report, OPEN, Some(SubIndication::NoPoe));
    let kind = "evidence record of signer 1";
    let line = report.timestamps.iter().find(|line| line.checks.iter().any(|check| check.reason == kind)).unwrap();
    assert_eq!((line.indication, line.sub_indication), (Indication::TotalFailed, Some(SubIndication::HashFailure)));
    // Two of them, the later over the earlier.
    let first = sealed(ARCHIVED);
    let second =
        with_unsigned(&first, &oid::EVIDENCE_RECORD_INTERNAL, &evidence_record(&past, &first, "2026-06-18T00:00:00Z"));
    is(&past.judge(&second), PASSED, None);
}

#[test]
fn document_timestamps_prove_what_stands_before_them() {
    let past = Past::new();
    let source = crate::support::files::simple("", "", &[]);
    let prepared = prepare(&source, &SignatureOptions::new(time(SIGNED), 12_000)).unwrap();
    let covered = prepared.covered(&source).concat();
    let made = Cms { attached: false, ..past.world.cades(&past.signer, &covered, Vec::new()) }.make();
    let cms = stamped(&past.world, &made, SIGNED);
    let signed = [source.as_slice(), &prepared.finish(&cms).unwrap()].concat();
    let certificates = [&past.signer, &past.world.issuing, &past.world.stamper];
    let data = LongTermData {
        certificates: certificates.map(|party| party.certificate.der().to_vec()).to_vec(),
        revocation_lists: past.world.lists(LISTS),
        ocsp_responses: Vec::new(),
    };
    let long = [signed.as_slice(), &add_long_term_data(&signed, &data).unwrap()].concat();
    let archived = |bytes: &[u8], at: &str| {
        let how = SignatureOptions { kind: Kind::DocumentTimestamp, ..SignatureOptions::new(time(at), 6_000) };
        let prepared = prepare(bytes, &how).unwrap();
        let token = past.world.stamper.token(&prepared.digest(bytes), at);
        [bytes, &prepared.finish(&token).unwrap()].concat()
    };
    is(&past.judge(&long), OPEN, Some(SubIndication::NoPoe));
    let report = past.judge(&archived(&long, ARCHIVED));
    is(&report, PASSED, None);
    assert_eq!(report.signatures[0].format, "PAdES-BASELINE-LTA");
    is(&past.judge(&archived(&long, "2026-07-17T00:00:00Z")), OPEN, Some(SubIndication::NoPoe));
    // A timestamp that came before the store does not prove it.
    let early = archived(&signed, ARCHIVED);
    let after = [early.as_slice(), &add_long_term_data(&early, &data).unwrap()].concat();
    is(&past.judge(&after), OPEN, Some(SubIndication::NoPoe));
}

#[test]
fn archive_timestamps_of_jades_prove_the_components_before_them() {
    let past = Past::new();
    let standard = |bytes: &[u8]| STANDARD.encode(bytes);
    let [leaf, issuing] = [&past.signer, &past.world.issuing].map(|party| standard(party.certificate.der()));
    let thumbprint = base64url(past.signer.certificate.fingerprint());
    let header =
        format!(r#"{{"alg":"ES256","x5c":["{leaf}","{issuing}"],"x5t#S256":"{thumbprint}","iat":1781510400}}"#);
    let (protected, payload) = (base64url(&header), base64url(CONTENT));
    let der = past.signer.sign(&sha256(format!("{protected}.{payload}").as_bytes()));
    let value = base64url(ecdsa_der_to_raw(&der, 32).unwrap());
    let component = |name: &str, content: String| base64url(format!(r#"{{"{name}":{content}}}"#));
    let tokens = |token: Vec<u8>| format!(r#"{{"tstTokens":[{{"val":"{}"}}]}}"#, standard(&token));
    let stamp = component("sigTst", tokens(past.world.stamper.token(&sha256(value.as_bytes()), SIGNED)));
    let lists: Vec<String> =
        past.world.lists(LISTS).iter().map(|list| format!(r#"{{"val":"{}"}}"#, standard(list))).collect();
    let lists = component("rVals", format!(r#"{{"crlVals":[{}]}}"#, lists.join(",")));
    let archived = |at: &str| {
        let covered = format!("{payload}.{protected}.{value}.{stamp}{lists}");
        component("arcTst", tokens(past.world.stamper.token(&sha256(covered.as_bytes()), at)))
    };
    let document = |components: &[&str]| {
        let listed: Vec<String> = components.iter().map(|one| format!("\"{one}\"")).collect();
        let components = listed.join(",");
        format!(
            r#"{{"payload":"{payload}","protected":"{protected}","signature":"{value}","header":{{"etsiU":[{components}]}}}}"#
        )
    };
    is(&past.judge(document(&[&stamp, &lists]).as_bytes()), OPEN, Some(SubIndication::NoPoe));
    let report = past.judge(document(&[&stamp, &lists, &archived(ARCHIVED)]).as_bytes());
    is(&report, PASSED, None);
    let late = archived("2026-07-17T00:00:00Z");
    is(&past.judge(document(&[&stamp, &lists, &late]).as_bytes()), OPEN, Some(SubIndication::NoPoe));
}

const DSIG: &str = "http://www.w3.org/2000/09/xmldsig#";
const XADES: &str = "http://uri.etsi.org/01903/v1.3.2#";
const EXCLUSIVE: &str = "http://www.w3.org/2001/10/xml-exc-c14n#";

/// An element of XML signatures that declares its namespace itself, so that it is its own exclusive canonical form.
fn ds(name: &str, attributes: &str, content: &str) -> String {
    format!(r#"<ds:{name} xmlns:ds="{DSIG}"{attributes}>{content}</ds:{name}>"#)
}

fn xades(name: &str, content: &str) -> String {
    format!(r#"<xades:{name} xmlns:xades="{XADES}">{content}</xades:{name}>"#)
}

/// A XAdES signature that envelops its content, with a timestamp, lists and, where wanted, an archive timestamp.
fn xades_signature(past: &Past, archived: Option<&str>) -> String {
    let standard = |bytes: &[u8]| STANDARD.encode(bytes);
    let sha = r#" Algorithm="http://www.w3.org/2001/04/xmlenc#sha256""#;
    let object = ds("Object", r#" Id="o""#, "What was agreed in 2026");
    let digest = [ds("DigestMethod", sha, ""), ds("DigestValue", "", &standard(past.signer.certificate.fingerprint()))];
    let properties = format!(
        r#"<xades:SignedProperties xmlns:xades="{XADES}" Id="p"><xades:SignedSignatureProperties><xades:SigningCertificateV2><xades:Cert><xades:CertDigest>{}</xades:CertDigest></xades:Cert></xades:SigningCertificateV2></xades:SignedSignatureProperties></xades:SignedProperties>"#,
        digest.concat()
    );
    let reference = |attributes: &str, covered: &str| {
        let digest = standard(&sha256(covered.as_bytes()));
        format!(
            r#"<ds:Reference{attributes}><ds:Transforms><ds:Transform Algorithm="{EXCLUSIVE}"></ds:Transform></ds:Transforms><ds:DigestMethod{sha}></ds:DigestMethod><ds:DigestValue>{digest}</ds:DigestValue></ds:Reference>"#
        )
    };
    let methods = format!(
        r#"<ds:CanonicalizationMethod Algorithm="{EXCLUSIVE}"></ds:CanonicalizationMethod><ds:SignatureMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256"></ds:SignatureMethod>"#
    );
    let typed = r##" Type="http://uri.etsi.org/01903#SignedProperties" URI="#p""##;
    let references = [reference(r##" URI="#o""##, &object), reference(typed, &properties)].concat();
    let info = ds("SignedInfo", "", &format!("{methods}{references}"));
    let der = past.signer.sign(&sha256(info.as_bytes()));
    let value = ds("SignatureValue", "", &standard(&ecdsa_der_to_raw(&der, 32).unwrap()));
    let certificates = [&past.signer, &past.world.issuing]
        .map(|party| format!("<ds:X509Certificate>{}</ds:X509Certificate>", standard(party.certificate.der())));
    let key = ds("KeyInfo", "", &format!("<ds:X509Data>{}</ds:X509Data>", certificates.concat()));
    let method = ds("CanonicalizationMethod", &format!(r#" Algorithm="{EXCLUSIVE}""#), "");
    let token = |covered: &str, at: &str| standard(&past.world.stamper.token(&sha256(covered.as_bytes()), at));
    let encapsulated = format!("<xades:EncapsulatedTimeStamp>{}</xades:EncapsulatedTimeStamp>", token(&value, SIGNED));
    let lists = past.world.lists(LISTS);
    let lists =
        lists.iter().map(|list| format!("<xades:EncapsulatedCRLValue>{}</xades:EncapsulatedCRLValue>", standard(list)));
    let lists: String = lists.collect();
    let mut unsigned = xades("SignatureTimeStamp", &format!("{method}{encapsulated}"));
    unsigned += &xades("RevocationValues", &format!("<xades:CRLValues>{lists}</xades:CRLValues>"));
    if let Some(at) = archived {
        let covered = [&object, &properties, &info, &value, &key, &unsigned].map(String::as_str).concat();
        let content = format!("{method}{}", xades("EncapsulatedTimeStamp", &token(&covered, at)));
        let namespace = "http://uri.etsi.org/01903/v1.4.1#";
        unsigned += &format!(r#"<a:ArchiveTimeStamp xmlns:a="{namespace}">{content}</a:ArchiveTimeStamp>"#);
    }
    let qualifying = format!(
        r##"<xades:QualifyingProperties xmlns:xades="{XADES}" Target="#s">{properties}<xades:UnsignedProperties><xades:UnsignedSignatureProperties>{unsigned}</xades:UnsignedSignatureProperties></xades:UnsignedProperties></xades:QualifyingProperties>"##
    );
    let qualifying = ds("Object", "", &qualifying);
    ds("Signature", r#" Id="s""#, &[info, value, key, object, qualifying].concat())
}

#[test]
fn archive_timestamps_of_xades_prove_the_properties_before_them() {
    let past = Past::new();
    is(&past.judge(xades_signature(&past, None).as_bytes()), OPEN, Some(SubIndication::NoPoe));
    is(&past.judge(xades_signature(&past, Some(ARCHIVED)).as_bytes()), PASSED, None);
    let late = xades_signature(&past, Some("2026-07-17T00:00:00Z"));
    is(&past.judge(late.as_bytes()), OPEN, Some(SubIndication::NoPoe));
}

#[test]
fn a_content_timestamp_in_a_pdf_signature_says_that_it_is_younger() {
    let past = Past::new();
    let source = crate::support::files::simple("", "", &[]);
    let prepared = prepare(&source, &SignatureOptions::new(time(SIGNED), 12_000)).unwrap();
    let covered = prepared.covered(&source).concat();
    let judge = |content_time: &str| {
        let token = past.world.stamper.token(&sha256(&covered), content_time);
        let signed = vec![(oid::CONTENT_TIME_STAMP, token)];
        let lists = past.world.lists("2028-06-01T00:00:00Z");
        let made = Cms { attached: false, signed, ..past.world.cades(&past.signer, &covered, lists) }.make();
        past.judge(&[source.as_slice(), &prepared.clone().finish(&made.0).unwrap()].concat())
    };
    is(&judge("2026-10-01T00:00:00Z"), OPEN, Some(SubIndication::OutOfBoundsNoPoe));
    is(&judge("2027-10-01T00:00:00Z"), Indication::TotalFailed, Some(SubIndication::Expired));
}
