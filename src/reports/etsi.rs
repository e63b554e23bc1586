//! The validation report of ETSI TS 119 102-2 (V1.4.1), built from the finished report. What the verdict does not hold is left out
//! where the schema allows that, and never invented: signatures are told apart by their identifiers, and the file is named by its digest beside them.

use chuky_model::{
    instant::Instant,
    report::{Check, Indication, Outcome, Report, SignatureReport, SubIndication, TimestampReport},
};
use std::fmt::Write;

/// The report on a file as XML, as of the validation time.
pub fn xml(report: &Report, at: Instant) -> String {
    let mut xml = Xml { text: String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n") };
    let namespaces = [
        ("xmlns", "http://uri.etsi.org/19102/v1.4.1#"),
        ("xmlns:ds", "http://www.w3.org/2000/09/xmldsig#"),
        ("xmlns:XAdES", "http://uri.etsi.org/01903/v1.3.2#"),
    ];
    xml.open("ValidationReport", &namespaces);
    for (place, signature) in report.signatures.iter().enumerate() {
        signature_report(&mut xml, report, at, (place, signature));
    }
    if report.signatures.is_empty() {
        // The schema wants at least one. EN 319 102-1 §5.1.3 knows an indication for a file in which none was found.
        xml.open("SignatureValidationReport", &[]);
        constraints(&mut xml, report, &report.checks);
        time_info(&mut xml, at, at);
        status(&mut xml, "SignatureValidationStatus", report.indication, report.sub_indication);
        file_information(&mut xml, report);
        xml.close("SignatureValidationReport");
    }
    objects(&mut xml, report);
    xml.close("ValidationReport");
    xml.text
}

fn signature_report(xml: &mut Xml, report: &Report, at: Instant, (place, signature): (usize, &SignatureReport)) {
    xml.open("SignatureValidationReport", &[]);
    xml.open("SignatureIdentifier", &[("id", &format!("S-{}", place + 1))]);
    xml.leaf("HashOnly", "false");
    xml.leaf("DocHashOnly", "false");
    xml.leaf("DAIdentifier", &signature.id);
    xml.close("SignatureIdentifier");
    constraints(xml, report, &signature.checks);
    let best = signature.best_signature_time.as_deref().and_then(Instant::parse_rfc3339);
    // Where nothing proves an earlier existence, the best time is that of validation.
    time_info(xml, at, best.unwrap_or(at));
    if let Some(claimed) = signature.claimed_signing_time.as_deref().and_then(Instant::parse_rfc3339) {
        xml.open("SignatureAttributes", &[]);
        xml.open("SigningTime", &[]);
        xml.leaf("Time", &claimed.rfc3339());
        xml.close("SigningTime");
        xml.close("SignatureAttributes");
    }
    if let Some(signer) = &signature.signer {
        xml.open("SignerInformation", &[]);
        xml.empty("SignerCertificate", &[("VOReference", &format!("C-{}", place + 1))]);
        let comma = if signer.organization.is_empty() { "" } else { ", " };
        xml.leaf("Signer", &format!("{}{comma}{}", signer.common_name, signer.organization));
        xml.close("SignerInformation");
    }
    process(xml);
    status(xml, "SignatureValidationStatus", signature.indication, signature.sub_indication);
    xml.open("OtherInformation", &[]);
    file_named(xml, report);
    for (name, value) in [("format", &signature.format), ("covers", &signature.covers)] {
        information(xml, name, value);
    }
    information(xml, "integrity", &stable(&signature.integrity));
    for change in &signature.changes_after {
        let permitted = if change.permitted { "permitted" } else { "not permitted" };
        let page = change.page.map(|page| format!(", page {page}")).unwrap_or_default();
        information(xml, "change", &format!("{}, {permitted}{page}: {}", change.kind, change.detail));
    }
    xml.close("OtherInformation");
    xml.close("SignatureValidationReport");
}

/// The policy, and every check as a constraint with what became of it.
fn constraints(xml: &mut Xml, report: &Report, checks: &[Check]) {
    if report.policy.is_none() && checks.is_empty() {
        return;
    }
    xml.open("ValidationConstraintsEvaluationReport", &[]);
    if let Some(policy) = &report.policy {
        xml.open("SignatureValidationPolicy", &[]);
        xml.open("SignaturePolicyIdentifier", &[]);
        xml.open("XAdES:SignaturePolicyId", &[]);
        xml.open("XAdES:SigPolicyId", &[]);
        xml.leaf("XAdES:Identifier", &format!("urn:chuky:policy:{}", uri_part(&policy.name)));
        xml.leaf("XAdES:Description", &policy.title.en);
        xml.close("XAdES:SigPolicyId");
        xml.open("XAdES:SigPolicyHash", &[]);
        digest_parts(xml, &policy.sha256);
        xml.close("XAdES:SigPolicyHash");
        xml.close("XAdES:SignaturePolicyId");
        xml.close("SignaturePolicyIdentifier");
        xml.leaf("PolicyName", &policy.title.en);
        xml.close("SignatureValidationPolicy");
    }
    for check in checks {
        xml.open("ValidationConstraint", &[]);
        xml.leaf("ValidationConstraintIdentifier", &format!("urn:chuky:check:{}", uri_part(&check.name)));
        xml.open("ConstraintStatus", &[]);
        // §4.3.5.4.2: "disabled" is what a policy does; a check that could not be done was asked for and is indeterminate.
        xml.leaf("Status", "urn:etsi:019102:constraintStatus:applied");
        xml.close("ConstraintStatus");
        let indication = match check.outcome {
            Outcome::Passed => "urn:etsi:019102:mainindication:passed",
            Outcome::Failed => "urn:etsi:019102:mainindication:failed",
            Outcome::NotDone => "urn:etsi:019102:mainindication:indeterminate",
        };
        xml.open("ValidationStatus", &[]);
        xml.leaf("MainIndication", indication);
        xml.close("ValidationStatus");
        if !check.reason.is_empty() {
            xml.leaf("Indications", &check.reason);
        }
        xml.close("ValidationConstraint");
    }
    xml.close("ValidationConstraintsEvaluationReport");
}

fn time_info(xml: &mut Xml, at: Instant, best: Instant) {
    xml.open("ValidationTimeInfo", &[]);
    xml.leaf("ValidationTime", &at.rfc3339());
    xml.open("BestSignatureTime", &[]);
    xml.leaf("POETime", &best.rfc3339());
    // §4.4.6.2: derived during validation.
    xml.leaf("TypeOfProof", "urn:etsi:019102:poetype:validation");
    xml.close("BestSignatureTime");
    xml.close("ValidationTimeInfo");
}

fn process(xml: &mut Xml) {
    xml.open("SignatureValidationProcess", &[]);
    xml.leaf("SignatureValidationProcessID", "urn:etsi:019102:validationprocess:LTA");
    xml.close("SignatureValidationProcess");
}

fn status(xml: &mut Xml, element: &str, indication: Indication, sub_indication: Option<SubIndication>) {
    xml.open(element, &[]);
    xml.leaf("MainIndication", main_indication(indication));
    if let Some(sub_indication) = sub_indication {
        // §4.3.4.3, table 2: the name of EN 319 102-1 behind this prefix.
        xml.leaf("SubIndication", &format!("urn:etsi:019102:subindication:{}", stable(&sub_indication)));
    }
    xml.close(element);
}

/// What is about the file as a whole.
fn file_information(xml: &mut Xml, report: &Report) {
    xml.open("OtherInformation", &[]);
    information(xml, "message", &report.message.en);
    file_named(xml, report);
    xml.close("OtherInformation");
}

/// The file's digest is that of all its bytes: neither what a signature is over nor, in containers, the signer's document, so it stands
/// in no element that means those.
fn file_named(xml: &mut Xml, report: &Report) {
    information(xml, "file", &report.file);
    if let Some(digest) = &report.sha256 {
        information(xml, "file_sha256", digest);
    }
}

fn information(xml: &mut Xml, name: &str, value: &str) {
    let attributes = [("xmlns", "urn:chuky:report"), ("name", name)];
    xml.open("information", &attributes);
    xml.words(value);
    xml.close("information");
}

/// The certificates that were named, and the timestamps with their own reports.
fn objects(xml: &mut Xml, report: &Report) {
    let signers: Vec<_> = report
        .signatures
        .iter()
        .enumerate()
        .filter_map(|(place, signature)| Some((place, signature.signer.as_ref()?)))
        .collect();
    if signers.is_empty() && report.timestamps.is_empty() {
        return;
    }
    xml.open("SignatureValidationObjects", &[]);
    for (place, signer) in signers {
        xml.open("ValidationObject", &[("id", &format!("C-{}", place + 1))]);
        xml.leaf("ObjectType", "urn:etsi:019102:validationObject:certificate");
        xml.open("ValidationObjectRepresentation", &[]);
        xml.open("direct", &[]);
        let names = [
            ("subject", &signer.common_name),
            ("organization", &signer.organization),
            ("issuer", &signer.issuer),
            ("serial", &signer.serial),
            ("not_before", &signer.not_before),
            ("not_after", &signer.not_after),
        ];
        for (name, value) in names {
            information(xml, name, value);
        }
        xml.close("direct");
        xml.close("ValidationObjectRepresentation");
        xml.close("ValidationObject");
    }
    for (place, timestamp) in report.timestamps.iter().enumerate() {
        timestamp_object(xml, report, (place, timestamp));
    }
    xml.close("SignatureValidationObjects");
}

fn timestamp_object(xml: &mut Xml, report: &Report, (place, timestamp): (usize, &TimestampReport)) {
    xml.open("ValidationObject", &[("id", &format!("T-{}", place + 1))]);
    xml.leaf("ObjectType", "urn:etsi:019102:validationObject:timestamp");
    xml.open("ValidationObjectRepresentation", &[]);
    xml.open("direct", &[]);
    information(xml, "time", &timestamp.time);
    information(xml, "authority", &timestamp.authority);
    xml.close("direct");
    xml.close("ValidationObjectRepresentation");
    xml.open("ValidationReport", &[]);
    constraints(xml, report, &timestamp.checks);
    status(xml, "SignatureValidationStatus", timestamp.indication, timestamp.sub_indication);
    xml.close("ValidationReport");
    xml.close("ValidationObject");
}

fn digest_parts(xml: &mut Xml, hex_digest: &str) {
    use base64::{Engine, prelude::BASE64_STANDARD};
    xml.empty("ds:DigestMethod", &[("Algorithm", "http://www.w3.org/2001/04/xmlenc#sha256")]);
    xml.leaf("ds:DigestValue", &BASE64_STANDARD.encode(hex::decode(hex_digest).unwrap_or_default()));
}

/// The main indication's URI (TS 119 102-2 §4.3.4.2).
fn main_indication(indication: Indication) -> &'static str {
    match indication {
        Indication::TotalPassed => "urn:etsi:019102:mainindication:total-passed",
        Indication::TotalFailed => "urn:etsi:019102:mainindication:total-failed",
        Indication::Indeterminate => "urn:etsi:019102:mainindication:indeterminate",
        // Not among the standard's main indications: a name of our own says so rather than a wrong one.
        Indication::NoSignatureFound => "urn:chuky:mainindication:no-signature-found",
    }
}

/// A stable name, as the JSON report writes it.
fn stable(value: &impl serde::Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

/// A name as a part of a URN (RFC 8141 §2): anything else is written as an underscore.
fn uri_part(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.') { c } else { '_' }).collect()
}

/// Writes elements; every text is escaped here and nowhere else.
struct Xml {
    text: String,
}

impl Xml {
    fn open(&mut self, element: &str, attributes: &[(&str, &str)]) {
        self.start(element, attributes);
        self.text.push('>');
    }

    fn empty(&mut self, element: &str, attributes: &[(&str, &str)]) {
        self.start(element, attributes);
        self.text.push_str("/>");
    }

    fn start(&mut self, element: &str, attributes: &[(&str, &str)]) {
        self.text.push('<');
        self.text.push_str(element);
        for (name, value) in attributes {
            self.text.push(' ');
            self.text.push_str(name);
            self.text.push_str("=\"");
            self.words(value);
            self.text.push('"');
        }
    }

    fn close(&mut self, element: &str) {
        self.text.push_str("</");
        self.text.push_str(element);
        self.text.push('>');
    }

    fn leaf(&mut self, element: &str, value: &str) {
        self.open(element, &[]);
        self.words(value);
        self.close(element);
    }

    /// XML 1.0 §2.2: control characters and non-characters cannot stand in a document, not even escaped.
    fn words(&mut self, value: &str) {
        for letter in value.chars() {
            match letter {
                '&' => self.text.push_str("&amp;"),
                '<' => self.text.push_str("&lt;"),
                '>' => self.text.push_str("&gt;"),
                '"' => self.text.push_str("&quot;"),
                '\t' | '\n' | '\r' => {
                    // Writing to a string cannot fail.
                    let _ = write!(self.text, "&#{};", u32::from(letter));
                }
                '\u{0}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => self.text.push('\u{fffd}'),
                _ => self.text.push(letter),
            }
        }
    }
}
