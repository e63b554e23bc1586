//! One target for each parser of bytes that a stranger made.

use crate::runner::{corpus, run};
use chuky_model::card::Card;
use chuky_pki::algorithm::DigestAlgorithm;
use chuky_pki::asic::{Archive, FileList, Manifest};
use chuky_pki::asn1::Element;
use chuky_pki::certificate::Certificate;
use chuky_pki::cms::{SignedData, ber};
use chuky_pki::creation::Enveloped;
use chuky_pki::crl::Crl;
use chuky_pki::crypto::PublicKey;
use chuky_pki::evidence_record::EvidenceRecord;
use chuky_pki::jose::Jws;
use chuky_pki::jose::document::Document;
use chuky_pki::jose::jades::SignatureHeader;
use chuky_pki::jose::unsigned;
use chuky_pki::ocsp::{OcspRequest, OcspResponse};
use chuky_pki::pdf::{ObjectId, PdfFile, signature};
use chuky_pki::timestamp::{TimestampRequest, TimestampToken};
use chuky_pki::verify::{VerificationContext, read_trusted_list, services_of_unchecked_list, verify_with_content};
use chuky_pki::xml::{self, encoding};
use std::collections::BTreeSet;

#[test]
fn identity_card_text() {
    let card = "001202012345|123456789|Nguyễn Văn An|01011990|Nam|Số 1, Tràng Tiền, Hoàn Kiếm, Hà Nội|01012021";
    run("identity_card_text", &[card.as_bytes().to_vec()], |input| {
        let _ = Card::parse(&String::from_utf8_lossy(input), time::Date::MAX);
    });
}

#[test]
fn public_key() {
    use rcgen::PublicKeyData;
    let p256 = rcgen::KeyPair::generate().unwrap().subject_public_key_info();
    run("public_key", &[p256], |input| {
        let _ = PublicKey::from_spki_der(input);
    });
}

#[test]
fn der() {
    let mut seeds = corpus("dss-cades");
    seeds.push(self_signed());
    run("der", &seeds, |input| walk(input, 0));
}

fn walk(input: &[u8], depth: usize) {
    let mut reader = chuky_pki::asn1::Reader::new(input);
    while let Ok(element) = reader.any() {
        let _ = (element.oid(), element.unsigned(), element.time(), element.text(), element.named_bits());
        if depth < 20 && Element::only(element.content, "element").is_ok() {
            walk(element.content, depth + 1);
        }
    }
}

#[test]
fn certificate() {
    run("certificate", &[self_signed()], |input| {
        if let Ok(certificate) = Certificate::from_der(input) {
            let _ = (
                certificate.key_usage(),
                certificate.policies(),
                certificate.alternative_names(),
                certificate.ocsp_uris(),
            );
            let _ = (certificate.crl_uris(), certificate.authority_key_identifier(), certificate.subject().to_string());
        }
    });
}

fn self_signed() -> Vec<u8> {
    let mut parameters = rcgen::CertificateParams::new(["test".to_owned()]).unwrap();
    parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    parameters.key_usages = vec![rcgen::KeyUsagePurpose::CrlSign, rcgen::KeyUsagePurpose::KeyCertSign];
    parameters.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap().der().to_vec()
}

#[test]
fn revocation_list() {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut parameters = rcgen::CertificateParams::default();
    parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let revoked = rcgen::RevokedCertParams {
        serial_number: 7u64.into(),
        revocation_time: rcgen::date_time_ymd(2026, 1, 1),
        reason_code: Some(rcgen::RevocationReason::KeyCompromise),
        invalidity_date: None,
    };
    let list = rcgen::CertificateRevocationListParams {
        this_update: rcgen::date_time_ymd(2026, 1, 1),
        next_update: rcgen::date_time_ymd(2026, 2, 1),
        crl_number: 1u64.into(),
        issuing_distribution_point: None,
        revoked_certs: vec![revoked],
        key_identifier_method: rcgen::KeyIdMethod::Sha256,
    };
    let der = list.signed_by(&rcgen::Issuer::new(parameters, key)).unwrap().der().to_vec();
    let mut seeds = stored("CRLs");
    seeds.push(der);
    run("revocation_list", &seeds, |input| {
        if let Ok(list) = Crl::parse(input) {
            let _ = (list.number(), list.scope(), list.look_up(&[7]));
        }
    });
}

/// Lists or answers of real authorities, as the corpus's documents keep them for the long term.
fn stored(kind: &str) -> Vec<Vec<u8>> {
    let mut found = BTreeSet::new();
    for document in corpus("dss-pades") {
        let Ok(file) = PdfFile::open(&document) else { continue };
        let catalogue = file.catalogue();
        let store = catalogue.dictionary().map(|catalogue| file.value(catalogue, "DSS")).unwrap_or_default();
        let listed = store.dictionary().map(|store| file.value(store, kind)).unwrap_or_default();
        let streams = listed.array().unwrap_or_default().iter().map(|one| file.resolve(one));
        found.extend(streams.filter_map(|one| file.decoded(one.stream()?).ok()).filter(|data| data.len() <= STORED));
    }
    found.into_iter().collect()
}

/// The largest of them that is a seed: 64 KiB.
const STORED: usize = 64 << 10;

#[test]
fn signed_data() {
    let mut seeds = corpus("dss-cades");
    seeds.push(hex::decode(SMALL_SIGNED_DATA).unwrap());
    assert!(ber::normalise(seeds.last().unwrap()).is_ok());
    run("signed_data", &seeds, |input| {
        let _ = (ber::normalise(input), SignedData::parse(input), SignedData::parse_prefix(input));
        let _ = TimestampToken::parse(input);
    });
}

/// `SignedData` without signers.
const SMALL_SIGNED_DATA: &str = "302306092a864886f70d010702a01630140201013100300b06092a864886f70d0107013100";

#[test]
fn protocol_requests() {
    let timestamp = TimestampRequest::to_der(&[7; 32], &[1, 2, 3]);
    let status = hex::decode(concat!(
        "305530533051304f304d300906052b0e03021a05000414bcfcce7c1537e1de97f5df81b2329c8a23f0d001041456391cb41a3c",
        "ba585f669eb2ad12e346acfcf55502141f70d7e4a06e2299562e9940900a21c15bc71ecb"
    ));
    let status = status.unwrap();
    assert!(OcspRequest::parse(&status).is_ok() && TimestampRequest::parse(&timestamp).is_ok());
    let answers = stored("OCSPs");
    let seeds = [vec![timestamp, status], answers].concat();
    run("protocol_requests", &seeds, |input| {
        let _ = (OcspRequest::parse(input), OcspResponse::parse(input), TimestampRequest::parse(input).is_ok());
    });
}

#[test]
fn json_web_signature() {
    let mut seeds = corpus("dss-jades");
    seeds.push(b"eyJhbGciOiJFUzI1NiJ9.eyJpZCI6IjEiLCJhbW91bnQiOjEwMDB9.c2lnbmF0dXJl".to_vec());
    run("json_web_signature", &seeds, |input| {
        if let Ok(jws) = Jws::parse(input) {
            let encoded = jws.header().is_ok_and(|header| header.payload_encoded);
            let _ = jws.payload(encoded);
        }
    });
}

/// The whole verdict, so that references, transforms and coverage are reached, not only the parser.
#[test]
fn trusted_list() {
    let mut seeds = corpus("dss-xades");
    seeds.retain(|seed| seed.len() < 100_000 && seed.windows(22).any(|part| part == b"TrustServiceStatusList"));
    seeds.push(SMALL_LIST.to_vec());
    let at = chuky_model::instant::Instant::from_unix_seconds(1_795_000_000);
    run("trusted_list", &seeds, |input| {
        // A list that was changed is not genuine, so that what reads it further is tried beside.
        let _ = (read_trusted_list(input, &[[0; 32]], at), services_of_unchecked_list(input));
    });
}

/// A list with one service and its history.
const SMALL_LIST: &[u8] = br#"<TrustServiceStatusList xmlns="http://uri.etsi.org/02231/v2#"><SchemeInformation><TSLVersionIdentifier>5</TSLVersionIdentifier>
<TSLSequenceNumber>7</TSLSequenceNumber><TSLType>http://uri.etsi.org/TrstSvc/TrustedList/TSLType/EUgeneric</TSLType><SchemeOperatorName><Name xml:lang="en">o</Name></SchemeOperatorName>
<SchemeTerritory>VN</SchemeTerritory><ListIssueDateTime>2026-01-01T00:00:00Z</ListIssueDateTime><NextUpdate><dateTime>2026-06-01T00:00:00Z</dateTime></NextUpdate></SchemeInformation>
<TrustServiceProviderList><TrustServiceProvider><TSPInformation><TSPName><Name xml:lang="vi">p</Name></TSPName></TSPInformation><TSPServices><TSPService><ServiceInformation>
<ServiceTypeIdentifier>http://uri.etsi.org/TrstSvc/Svctype/CA/QC</ServiceTypeIdentifier><ServiceName><Name xml:lang="en">s</Name></ServiceName><ServiceDigitalIdentity><DigitalId><X509SubjectName>CN=s</X509SubjectName></DigitalId></ServiceDigitalIdentity>
<ServiceStatus>http://uri.etsi.org/TrstSvc/TrustedList/Svcstatus/granted</ServiceStatus><StatusStartingTime>2016-07-01T00:00:00Z</StatusStartingTime><ServiceInformationExtensions><Extension Critical="true"><AdditionalServiceInformation>
<URI xml:lang="en">http://uri.etsi.org/TrstSvc/TrustedList/SvcInfoExt/ForeSignatures</URI></AdditionalServiceInformation></Extension></ServiceInformationExtensions></ServiceInformation><ServiceHistory><ServiceHistoryInstance>
<ServiceTypeIdentifier>http://uri.etsi.org/TrstSvc/Svctype/CA/QC</ServiceTypeIdentifier><ServiceName><Name xml:lang="en">s</Name></ServiceName><ServiceStatus>http://uri.etsi.org/TrstSvc/TrustedList/Svcstatus/undersupervision</ServiceStatus>
<StatusStartingTime>2010-01-01T00:00:00Z</StatusStartingTime></ServiceHistoryInstance></ServiceHistory></TSPService></TSPServices></TrustServiceProvider></TrustServiceProviderList></TrustServiceStatusList>"#;

#[test]
fn xml_signature() {
    let mut seeds = corpus("dss-xades");
    seeds.push(SMALL_XML.to_vec());
    let at = chuky_model::instant::Instant::from_unix_seconds(1_790_000_000);
    let context = VerificationContext::at(at);
    run("xml_signature", &seeds, |input| {
        let _ = verify_with_content(input, Some(b"content"), "fuzz.xml", &context);
        // Where a signature may be put inside, the document stays one that is read, with the signature in it.
        if let Ok(place) = Enveloped::read(input, DigestAlgorithm::Sha256, b"") {
            let signed = place.insert(input, "<signature-goes-here/>").unwrap();
            let text = encoding::decode(&signed).unwrap();
            let document = xml::document::Document::parse(&text).unwrap();
            let last = document.children(document.document_element()).last().unwrap();
            assert_eq!(document.local_name(last), "signature-goes-here");
        }
    });
}

/// An enveloped signature with every kind of transform, for where there is no corpus.
const SMALL_XML: &[u8] = br##"<doc xmlns:d="http://www.w3.org/2000/09/xmldsig#" Id="r"><a xml:lang="vi">text</a><d:Signature><d:SignedInfo>
<d:CanonicalizationMethod Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/><d:SignatureMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"/>
<d:Reference URI="#r"><d:Transforms><d:Transform Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"/>
<d:Transform Algorithm="http://www.w3.org/2002/06/xmldsig-filter2"><f:XPath xmlns:f="http://www.w3.org/2002/06/xmldsig-filter2" Filter="subtract">/descendant::d:Signature</f:XPath></d:Transform>
<d:Transform Algorithm="http://www.w3.org/2006/12/xml-c14n11"/></d:Transforms><d:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/><d:DigestValue>AAAA</d:DigestValue></d:Reference>
</d:SignedInfo><d:SignatureValue>AAAA</d:SignatureValue><d:KeyInfo><d:KeyValue/></d:KeyInfo></d:Signature></doc>"##;

#[test]
fn document_signature() {
    let seeds = corpus("dss-jades");
    let seeds = if seeds.is_empty() { vec![SMALL_JWS.to_vec()] } else { seeds };
    run("document_signature", &seeds, |input| {
        let Ok(document) = Document::parse(input) else { return };
        for signature in document.signatures.into_iter().flatten() {
            let _ = SignatureHeader::parse(&signature.protected, &signature.unprotected);
            for component in unsigned::components(&signature.unprotected).0 {
                let _ = (component.tokens(), component.values().crls.len(), component.counter_signature().is_ok());
            }
        }
    });
}

const SMALL_JWS: &[u8] = b"eyJhbGciOiJFUzI1NiJ9.eyJpZCI6IjEiLCJhbW91bnQiOjEwMDB9.c2lnbmF0dXJl";

#[test]
fn container() {
    let mut seeds = corpus("dss-asic-cades");
    seeds.extend(corpus("dss-asic-xades"));
    seeds.push(EMPTY_ARCHIVE.to_vec());
    assert!(Archive::open(EMPTY_ARCHIVE).is_ok());
    run("container", &seeds, |input| {
        if let Ok(archive) = Archive::open(input) {
            for at in 0..archive.entries().len() {
                if let Ok(content) = archive.content(at) {
                    let _ = (Manifest::parse(content), FileList::parse(content), EvidenceRecord::parse(content));
                }
            }
        }
        let _ = (Manifest::parse(input), EvidenceRecord::parse(input), EvidenceRecord::parse_xml(input));
    });
}

/// An archive without entries.
const EMPTY_ARCHIVE: &[u8] = b"PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";

#[test]
fn verdict() {
    let sets = ["dss-cades", "dss-jades", "dss-asic-cades", "dss-asic-xades"];
    let mut seeds: Vec<Vec<u8>> = sets.iter().flat_map(|set| corpus(set)).collect();
    seeds.push(SMALL_JWS.to_vec());
    let now = chuky_model::instant::Instant::from_unix_seconds(1_795_000_000);
    let context = VerificationContext::at(now);
    run("verdict", &seeds, |input| {
        let _ = verify_with_content(input, Some(b"content"), "made", &context);
    });
}

#[test]
fn pdf() {
    let mut seeds = corpus("pdf-attacks");
    seeds.extend(corpus("dss-pades"));
    seeds.push(SMALL_PDF.to_vec());
    run("pdf", &seeds, |input| {
        for file in
            [PdfFile::open(input), PdfFile::open_strict(input), PdfFile::open_recovered(input)].into_iter().flatten()
        {
            let _ = (file.pages(), file.fields(), file.revisions(), file.oddities());
            let known = signature::signatures(&file);
            let _ = signature::unreferenced_signatures(&file, &known);
            for number in file.numbers().into_iter().take(OBJECTS) {
                let object = file.object(ObjectId { number, generation: 0 });
                if let chuky_pki::pdf::Object::Stream(stream) = &object {
                    let _ = file.decoded(stream);
                }
            }
        }
    });
}

/// The whole verdict, so that coverage, revisions, comparison and the other readers are reached.
#[test]
fn pdf_verdict() {
    let mut seeds = corpus("pdf-attacks");
    seeds.extend(corpus("dss-pades"));
    seeds.retain(|seed| seed.len() < 200_000);
    seeds.push(SMALL_PDF.to_vec());
    let context = VerificationContext::at(chuky_model::instant::Instant::from_unix_seconds(1_795_000_000));
    run("pdf_verdict", &seeds, |input| {
        let _ = verify_with_content(input, None, "fuzz.pdf", &context);
    });
}

/// Signing into a document that a stranger made.
#[test]
fn pdf_signing() {
    use chuky_pki::pdf::write::{SignatureOptions, prepare};
    let mut seeds = corpus("dss-pades");
    seeds.retain(|seed| seed.len() < 200_000);
    seeds.push(SMALL_PDF.to_vec());
    let options = SignatureOptions::new(chuky_model::instant::Instant::from_unix_seconds(1_795_000_000), 4_096);
    run("pdf_signing", &seeds, |input| {
        if let Ok(prepared) = prepare(input, &options) {
            let _ = prepared.digest(input);
        }
    });
}

#[test]
fn certificate_request() {
    let key = rcgen::KeyPair::generate().unwrap();
    let request = rcgen::CertificateParams::new(["test".to_owned()]).unwrap().serialize_request(&key).unwrap();
    let seeds = [request.der().to_vec(), request.pem().unwrap().into_bytes()];
    run("certificate_request", &seeds, |input| {
        let _ = chuky_pki::csr::VerifiedRequest::parse(input);
    });
}

#[test]
fn payment_order() {
    use chuky_pki::payment;
    let order = br#"{"id":"HD-1","payer":{"id":"001190012345"},"payee":{"id":"0101234567"},"amount":1000,"currency":"VND","created":"2026-11-22T00:00:00Z","expires":"2026-11-23T00:00:00Z"}"#;
    run("payment_order", &[order.to_vec()], |input| {
        if let Ok(order) = payment::order::read(input) {
            let _ = (payment::order::currency(&order), payment::order::canonical_digest(&order));
        }
        let _ = chuky_pki::jose::json::parse(input);
    });
}

/// A payment in whichever form, read and examined: XML, CMS, JWS, fields in JSON.
#[test]
fn payment_message() {
    use chuky_pki::payment::{Trust, Verifier, iso20022};
    let mut seeds = corpus("dss-cades");
    seeds.extend(corpus("dss-xades"));
    seeds.retain(|seed| seed.len() < 50_000);
    seeds.push(SMALL_PACS.to_vec());
    seeds.push(SMALL_JWS.to_vec());
    seeds.push(hex::decode(SMALL_SIGNED_DATA).unwrap());
    seeds.push(br#"{"signature":{"protected":"eyJhbGciOiJFUzI1NiJ9","signature":"c2ln"},"content":"{}"}"#.to_vec());
    seeds.push(
        br#"{"signature":"c2ln","content_base64":"YXxifGN8MQ==","layout":"small","algorithm":"ES256","serial":"01"}"#
            .to_vec(),
    );
    let verifier = Verifier::new(Trust::default(), layouts());
    let at = chuky_model::instant::Instant::from_unix_seconds(1_795_000_000);
    run("payment_message", &seeds, |input| {
        let presented = verifier.read(input, at);
        let _ = (presented.wanted(), verifier.examine(&presented, None, at).embedded_status());
        let _ = iso20022::read_unsigned(input);
    });
}

/// A byte string of a switch, beside a signature that is never looked at.
#[test]
fn payment_layout() {
    use chuky_pki::payment::{Fields, Trust, Verifier};
    let verifier = Verifier::new(Trust::default(), layouts());
    let at = chuky_model::instant::Instant::from_unix_seconds(1_795_000_000);
    let certificate = self_signed();
    run("payment_layout", &[b"INV-1|CCCD:1|MST:1|150000.00|20261122100000".to_vec()], |input| {
        let fields = Fields {
            signature: Some(vec![0x30]),
            content: Some(input.to_vec()),
            layout: Some("small".into()),
            algorithm: Some("ES256".into()),
            certificate: Some(certificate.clone()),
            ..Fields::default()
        };
        let presented = verifier.read_fields(fields, at);
        let _ = verifier.examine(&presented, None, at);
    });
}

fn layouts() -> chuky_pki::payment::OrderPolicy {
    let text = r#"
        name = "small"
        separator = "|"
        currency = "VND"
        valid_seconds = 900
        fields = [{ member = "id" }, { member = "payer" }, { member = "payee" }, { member = "amount", form = "decimal" },
                  { member = "created", form = "compact" }]"#;
    let layouts = vec![toml::from_str(text).unwrap()];
    chuky_pki::payment::OrderPolicy { layouts, ..Default::default() }
}

/// A pacs.008 with an enveloped signature that fits nothing.
const SMALL_PACS: &[u8] = br##"<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pacs.008.001.08"><FIToFICstmrCdtTrf><GrpHdr><CreDtTm>2026-11-22T10:00:00+07:00</CreDtTm><NbOfTxs>1</NbOfTxs></GrpHdr>
<CdtTrfTxInf><PmtId><EndToEndId>1</EndToEndId></PmtId><IntrBkSttlmAmt Ccy="VND">1.00</IntrBkSttlmAmt><IntrBkSttlmDt>2026-11-22</IntrBkSttlmDt><Dbtr><Id><PrvtId><Othr><Id>1</Id><SchmeNm><Cd>NIDN</Cd></SchmeNm></Othr></PrvtId></Id></Dbtr>
<CdtrAgt><FinInstnId><ClrSysMmbId><MmbId>1</MmbId></ClrSysMmbId></FinInstnId></CdtrAgt><CdtrAcct><Id><Othr><Id>2</Id></Othr></Id></CdtrAcct><RmtInf><Ustrd>a</Ustrd></RmtInf></CdtTrfTxInf></FIToFICstmrCdtTrf>
<d:Signature xmlns:d="http://www.w3.org/2000/09/xmldsig#"><d:SignedInfo><d:CanonicalizationMethod Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/><d:SignatureMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256"/>
<d:Reference URI=""><d:Transforms><d:Transform Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"/></d:Transforms><d:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/><d:DigestValue>AAAA</d:DigestValue></d:Reference></d:SignedInfo>
<d:SignatureValue>AAAA</d:SignatureValue><d:KeyInfo><d:X509Data><d:X509Certificate>AAAA</d:X509Certificate></d:X509Data></d:KeyInfo></d:Signature></Document>"##;

/// A picture of handwriting or of a seal, as an official uploads it.
#[test]
fn png_picture() {
    use chuky_pki::pdf::write::Picture;
    assert!(Picture::from_png(SMALL_PNG).is_ok());
    run("png_picture", &[SMALL_PNG.to_vec()], |input| {
        let _ = Picture::from_png(input);
    });
}

/// One black pixel.
const SMALL_PNG: &[u8] = b"\x89\x50\x4e\x47\x0d\x0a\x1a\x0a\x00\x00\x00\x0d\x49\x48\x44\x52\x00\x00\x00\x01\x00\x00\x00\x01\x08\x00\x00\x00\x00\x3a\x7e\x9b\x55\x00\x00\x00\x0a\x49\x44\x41\x54\x78\x9c\x63\x60\x00\x00\x00\x02\x00\x01\x48\xaf\xa4\x71\x00\x00\x00\x00\x49\x45\x4e\x44\xae\x42\x60\x82";

const OBJECTS: usize = 200;

/// One empty page, for where there is no corpus.
pub const SMALL_PDF: &[u8] = b"%PDF-1.4\n1 0 obj\n<</Type/Catalog/Pages 2 0 R>>\nendobj\n2 0 obj\n<</Type/Pages/Count 1/Kids[3 0 R]>>\nendobj\n\
3 0 obj\n<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>\nendobj\nxref\n0 4\n0000000000 65535 f \n0000000009 00000 n \n0000000054 00000 n \n\
0000000105 00000 n \ntrailer\n<</Size 4/Root 1 0 R>>\nstartxref\n161\n%%EOF\n";

#[test]
fn vietqr() {
    use chuky_pki::vietqr::{VietQr, attached};
    let code = VietQr::for_counter("970436", "1234567890", "Pho Thin", "Ha Noi").unwrap().payload();
    let napas = "00020101021238570010A00000072701270006970403011300110123456780208QRIBFTTA530370454061800005802VN62340107NPS68690819thanh toan don hang63042E2E";
    run("vietqr", &[code.into_bytes(), napas.as_bytes().to_vec()], |input| {
        let text = String::from_utf8_lossy(input);
        let _ = (VietQr::parse(&text), attached(&text));
        // The checksum put right, so that what lies behind it is reached too.
        let body = text.get(..text.len().saturating_sub(4)).unwrap_or_default();
        let _ = attached(&format!("{body}{}", chuky_pki::vietqr::checksum(body)));
    });
}

#[test]
fn payment_receipt() {
    use chuky_pki::payment::receipt::{ReceiptKeys, check};
    let set = br#"{"keys":[{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}"#;
    let keys = ReceiptKeys::read(set).unwrap();
    let receipt = br#"{"index":0,"path":["00"],"payload":"e30","root":"e30.e30.e30"}"#;
    run("payment_receipt", &[receipt.to_vec(), b"e30.e30.e30".to_vec(), set.to_vec()], |input| {
        let _ = (check(input, &keys, Some(input)), ReceiptKeys::read(input));
    });
}

#[test]
fn picture_with_code() {
    let mut png = Vec::new();
    let mut encoder = png::Encoder::new(&mut png, 64, 64);
    encoder.set_color(png::ColorType::Grayscale);
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(&[128; 64 * 64]).unwrap();
    drop(writer);
    let jpeg = [0xff, 0xd8, 0xff, 0xdb, 0, 67, 0].to_vec();
    run("picture_with_code", &[png, jpeg], |input| {
        let _ = chuky_pki::picture::code::codes(input, "000201");
    });
}
