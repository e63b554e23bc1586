//! The verdict on a JWS document (RFC 7515, JAdES by TS 119 182-1), its payload inside or beside it. Each signature's bytes, its
//! unsigned components from the newest to the oldest, and trust; a detached payload that is not at hand is said, never guessed.

pub(super) mod augmentation;
mod signature;

use super::cades;
use super::line::{self, Draft};
use super::process::NamedPolicy;
use super::process::proofs::Objects;
use super::store::{Gathering, Material};
use super::trust::{self, Proof};
use super::{VerificationContext, conclusion, empty_report};
use crate::jose::JoseError;
use crate::jose::document::{self, Document, DocumentSignature};
use crate::jose::jades::SignatureHeader;
use crate::jose::json::JsonError;
use crate::jose::unsigned::{self, Component};
use crate::{Error, crypto, limits};
use chuky_model::instant::Instant;
use chuky_model::report::{Check, DocumentFormat, Integrity, Report, SignatureReport, TimestampReport};
use signature::{Found, Payload};

/// Judges a JWS document. `content` is the detached payload, where the caller has it.
pub(super) fn verify(bytes: &[u8], content: Option<&[u8]>, context: &VerificationContext) -> Report {
    let mut report = empty_report(DocumentFormat::JAdES);
    report.sha256 = Some(hex::encode(crypto::sha256(bytes)));
    let document = match Document::parse(bytes) {
        Ok(document) => document,
        Err(error) => {
            conclusion::unread(&mut report, &as_error(&error));
            // The words of the reader say more.
            if let Some(check) = report.checks.last_mut() {
                check.reason = error.to_string();
            }
            return report;
        }
    };
    report.checks.push(Check::passed("reading"));
    let two_payloads = has_two_payloads(&document);
    let mut judge =
        Judge { content, context, two_payloads, timestamps: Vec::new(), lines: Vec::new(), undone: Vec::new() };
    for (at, signature) in document.signatures.iter().enumerate() {
        let id = format!("signature {}", at + 1);
        match signature {
            Ok(signature) => judge.signature(&id, signature, document.payload.as_deref(), None, 0),
            Err(error) => judge.unread(&id, error),
        }
    }
    report.signatures = judge.lines;
    report.timestamps = judge.timestamps;
    report.checks.extend(judge.undone);
    conclusion::of_lines(&mut report);
    if report.integrity == Integrity::Intact && report.checks.iter().any(|check| check.name == "signatures") {
        conclusion::conclude(&mut report, Integrity::Unknown);
    }
    report
}

/// RFC 7797 §3: `b64` must be the same in every signature, or one payload is two different texts.
fn has_two_payloads(document: &Document<'_>) -> bool {
    let readable = document.signatures.iter().flatten();
    let mut encoded = readable.filter_map(|signature| {
        SignatureHeader::parse(&signature.protected, &signature.unprotected).ok().map(|header| header.payload_encoded)
    });
    let first = encoded.next();
    encoded.any(|other| Some(other) != first)
}

fn as_error(error: &JoseError) -> Error {
    match error {
        JoseError::TooLong(_) | JoseError::Json { source: JsonError::TooLarge, .. } | JoseError::SeveralSignatures => {
            Error::Limit("JSON signature")
        }
        _ => Error::Malformed("JSON signature"),
    }
}

/// What the timestamps of a signature prove.
struct Timed {
    /// The earliest proof of the signature's existence.
    proof: Proof,
    /// Valid ones over the payload alone, and over the signature.
    content: Vec<Instant>,
    signature: Vec<Instant>,
}

struct Judge<'a> {
    content: Option<&'a [u8]>,
    /// Whether the signatures disagree about what the payload is.
    two_payloads: bool,
    context: &'a VerificationContext,
    timestamps: Vec<TimestampReport>,
    lines: Vec<SignatureReport>,
    undone: Vec<Check>,
}

impl Judge<'_> {
    /// One signature with its timestamps and counter-signatures. `over` is the signature that this one counter-signs.
    fn signature(
        &mut self,
        id: &str,
        signature: &DocumentSignature<'_>,
        transmitted: Option<&[u8]>,
        over: Option<&DocumentSignature<'_>>,
        depth: usize,
    ) {
        let header = match SignatureHeader::parse(&signature.protected, &signature.unprotected) {
            Ok(header) => header,
            Err(error) => return self.unread(id, &error),
        };
        let (components, unread) = unsigned::components(&signature.unprotected);
        let material = self.material(&header, &components);
        let payload = match over {
            Some(over) => Payload::of_counter_signature(over, transmitted),
            None => Payload::find(&header, transmitted, self.content),
        };
        let mut found = Found::new(&header, signature, &payload, &material, self.context);
        if self.two_payloads && over.is_none() {
            let reason = "the signatures disagree about b64, so that one payload is two texts (RFC 7797 §3)";
            found.findings.checks.push(Check::failed("signed_content", reason));
        }
        let mut elements = cades::elements(&found.findings, None);
        elements.digests.extend(payload.digest());
        elements.policy = header.policy.clone().map(|identifier| NamedPolicy { identifier, digest: None });
        let timed = self.timestamps(id, &header, signature, &payload, &components, &material);
        elements.content_times = timed.content;
        elements.signature_times = timed.signature;
        let mut checks = found.findings.checks.clone();
        checks.extend(remarks(&header, &components, unread));
        let covers = match over {
            Some(_) => format!("signature of {}", id.rsplit_once(", ").map_or(id, |(signed, _)| signed)),
            None => payload.covers().to_owned(),
        };
        let draft = Draft {
            id: id.to_owned(),
            format: format(&found, &header, &components, over.is_some()),
            covers,
            integrity: line::integrity(&found.findings),
            certificate: found.findings.signing_certificate.as_ref(),
            elements,
            claimed: header.signing_time,
            changes: Vec::new(),
            checks,
        };
        let line = draft.judge(timed.proof, &material, self.context);
        self.lines.push(line);
        self.counter_signatures(id, signature, &components, depth);
    }

    fn counter_signatures(&mut self, id: &str, signed: &DocumentSignature<'_>, components: &[Component], depth: usize) {
        let counters = components.iter().filter(|component| component.name == "cSig");
        for (at, component) in counters.enumerate() {
            let so_far = self.lines.iter().filter(|line| line.id.contains("counter-signature")).count();
            if depth >= limits::DEEPEST_COUNTER_SIGNATURE || so_far >= limits::MOST_COUNTER_SIGNATURES {
                self.undone.push(Check::not_done("signatures", "more counter-signatures than the limit"));
                return;
            }
            let id = format!("{id}, counter-signature {}", at + 1);
            match component.counter_signature() {
                Ok(counter) => {
                    let attached = component.value.get("payload").and_then(|payload| payload.as_str());
                    self.signature(&id, &counter, attached.map(str::as_bytes), Some(signed), depth + 1);
                }
                Err(error) => self.unread(&id, &error),
            }
        }
    }

    /// A signature whose header cannot be used: a fault of the message, unless only the algorithm is unknown here.
    fn unread(&mut self, id: &str, error: &JoseError) {
        let unknown = match error {
            JoseError::Algorithm(name) => !crate::jose::jades::is_forbidden_algorithm(name),
            JoseError::TooLong(_) | JoseError::NothingProtected => true,
            // RFC 7515 §4.1.1 lets it stand there, where nobody signed it; the others must be protected.
            JoseError::Unprotected(name) => name == "alg",
            _ => false,
        };
        let check = if unknown {
            Check::not_done("protected_header", error.to_string())
        } else {
            Check::failed("protected_header", error.to_string())
        };
        let draft = Draft::unread(id, "JWS", check);
        let proof = Proof { time: self.context.at, proven: false };
        self.lines.push(draft.judge(proof, &Material::default(), self.context));
    }

    fn material(&self, header: &SignatureHeader, components: &[Component]) -> Material {
        let mut gathering = Gathering::new(self.context);
        gathering.add_certificates(header.chain.iter().map(Vec::as_slice));
        for component in components {
            let values = component.values();
            gathering.add_certificates(values.certificates.iter().map(Vec::as_slice));
            gathering.add_values(values.crls.into_iter(), values.responses.into_iter());
            component.tokens().iter().for_each(|token| gathering.add_token(token));
        }
        header.content_timestamps.iter().for_each(|token| gathering.add_token(token));
        gathering.read(self.context)
    }

    /// TS 119 182-1 §5.3.4 to §5.3.6, annex A.1.5: the components backwards, so that each archive timestamp proves the age of what
    /// stands before it.
    fn timestamps(
        &mut self,
        id: &str,
        header: &SignatureHeader,
        signature: &DocumentSignature<'_>,
        payload: &Payload<'_>,
        components: &[Component],
        material: &Material,
    ) -> Timed {
        let none = Proof { time: self.context.at, proven: false };
        let mut timed = Timed { proof: none, content: Vec::new(), signature: Vec::new() };
        // What the timestamps behind prove of the age of what they cover.
        let mut sound: Vec<(&str, Instant)> = Vec::new();
        for (at, component) in components.iter().enumerate().rev() {
            let earlier = components.get(..at).unwrap_or_default();
            let references = || earlier.iter().filter(|one| REFERENCES.contains(&one.name.as_str()));
            let value = signature.text.as_bytes();
            let (what, covered) = match component.name.as_str() {
                "sigTst" => ("signature timestamp", Some(value.to_vec())),
                "arcTst" => ("archive timestamp", archived(payload, signature, earlier)),
                "sigRTst" => {
                    let counted =
                        earlier.iter().filter(|one| one.name == "sigTst" || REFERENCES.contains(&one.name.as_str()));
                    (
                        "timestamp over signature and references",
                        Some([value, b".", &unsigned::joined(counted)].concat()),
                    )
                }
                "rfsTst" => ("timestamp over references", Some(unsigned::joined(references()))),
                _ => continue,
            };
            let covered = covered.filter(|_| !component.is_of_another_form());
            let proves = component.name != "rfsTst";
            let covers = |kind: &str| kind == "arcTst" || (kind == "sigRTst" && component.name == "sigTst");
            let covering = sound.iter().filter(|(kind, _)| covers(kind));
            let before = covering.fold(none, |proof, (_, time)| proof.or_earlier(*time));
            let mut own = Vec::new();
            for token in component.tokens() {
                let time = self.token(&format!("{what} of {id}"), &token, covered.as_deref(), before, material);
                let Some(time) = time.filter(|_| proves) else { continue };
                own.push((component.name.as_str(), time));
                timed.proof = timed.proof.or_earlier(time);
                timed.signature.push(time);
                if component.name == "arcTst" {
                    material.prove(time, |objects| prove(objects, header, earlier));
                }
            }
            sound.append(&mut own);
        }
        for token in &header.content_timestamps {
            // It proves that the payload is older, not the signature.
            let what = format!("content timestamp of {id}");
            timed.content.extend(self.token(&what, token, payload.timestamped(), none, material));
        }
        timed
    }

    fn token(
        &mut self,
        what: &str,
        token: &[u8],
        covered: Option<&[u8]>,
        proof: Proof,
        material: &Material,
    ) -> Option<Instant> {
        if self.timestamps.len() >= limits::MOST_TIMESTAMPS {
            if self.undone.iter().all(|check| check.name != "timestamps") {
                self.undone
                    .push(Check::not_done("timestamps", format!("more than the limit, the first left out: {what}")));
            }
            return None;
        }
        let mut digest = |algorithm| Some(crypto::digest(algorithm, covered?));
        let (time, report) = trust::judge_token(token, what, &mut digest, proof, material, self.context);
        self.timestamps.push(report);
        time
    }
}

/// The octets that an archive timestamp behind these components covers (TS 119 182-1 §5.3.6.2); `None` where the payload is not at hand.
fn archived(payload: &Payload<'_>, signature: &DocumentSignature<'_>, earlier: &[Component]) -> Option<Vec<u8>> {
    let value = signature.text.as_bytes();
    let head = [b".", signature.protected.as_bytes(), b".", value, b"."].concat();
    Some([payload.timestamped()?, &head, &unsigned::joined(earlier.iter())].concat())
}

/// What an archive timestamp covers (TS 119 182-1 §5.3.6.2): the protected certificates and the components before it.
fn prove(objects: &mut Objects, header: &SignatureHeader, earlier: &[Component]) {
    if header.chain_is_protected {
        header.chain.iter().for_each(|der| objects.certificate_der(der));
    }
    for component in earlier {
        let values = component.values();
        values.certificates.iter().for_each(|der| objects.certificate_der(der));
        values.crls.iter().for_each(|crl| objects.crl(crl));
        values.responses.iter().for_each(|response| objects.response(response));
        component.tokens().iter().for_each(|token| objects.token(token));
    }
}

/// Level by what is there (TS 119 182-1 §6); whether it is valid is another matter.
fn format(found: &Found, header: &SignatureHeader, components: &[Component], counter: bool) -> String {
    let has = |names: &[&str]| components.iter().any(|component| names.contains(&component.name.as_str()));
    let name = if found.findings.certificate_is_bound && header.signing_time.is_some() { "JAdES" } else { "JWS" };
    if counter {
        return format!("{name} counter-signature");
    }
    if name == "JWS" {
        return name.to_owned();
    }
    let letter = match (has(&["sigTst"]), has(&["rVals", "arVals", "tstVD", "anyValData"]), has(&["arcTst"])) {
        (true, true, true) => "LTA",
        (true, true, false) => "LT",
        (true, false, _) => "T",
        (false, _, _) => "B",
    };
    format!("JAdES-BASELINE-{letter}")
}

/// What is there and is not judged here: said, so that nobody takes it for checked.
fn remarks(header: &SignatureHeader, components: &[Component], unread: Option<String>) -> Vec<Check> {
    let mut remarks = Vec::new();
    remarks.extend(unread.map(|reason| Check::not_done("unsigned_components", reason)));
    if let Some(policy) = &header.policy {
        remarks.push(Check::not_done(
            "signature_policy",
            format!("the policy {policy} is named; its rules are not at hand"),
        ));
    }
    if header.critical_standard_parameters {
        let reason = "it lists parameters of RFC 7515, which that standard leaves out".to_owned();
        remarks.push(Check { reason, ..Check::passed("critical_parameters") });
    }
    if components.iter().any(|component| component.name == "evidRecord" || component.name == "evdRecord") {
        remarks.push(Check::not_done(
            "evidence_record",
            "evidence records (RFC 4998) are not used as proofs of existence",
        ));
    }
    remarks
}

const REFERENCES: [&str; 4] = ["xRefs", "rRefs", "axRefs", "arRefs"];

/// What a payload is transmitted as.
fn transmitted(payload: &[u8], encoded: bool) -> Vec<u8> {
    if encoded { document::encoded(payload).into_bytes() } else { payload.to_vec() }
}
