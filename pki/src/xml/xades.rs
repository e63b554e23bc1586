//! The qualifying properties of a signature (XAdES: EN 319 132-1, TS 101 903), any version: what is signed about the signer, and the
//! timestamps and evidence that travel along. Reads only; which of it counts is decided elsewhere.

use super::algorithm::digest_method;
use super::canonical::Method;
use super::document::{Document, NodeId};
use super::limits;
use super::names::{DSIG, is_xades};
use super::signature::{Canonicalization, Signature, base64_text};
use crate::algorithm::DigestAlgorithm;
use crate::error::{Error, Result};
use chuky_model::instant::Instant;

/// What a timestamp covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimestampKind {
    /// The signed data, before signing (EN 319 132-1 §5.2.8).
    AllDataObjects,
    IndividualDataObjects,
    /// The signature value (§5.3).
    Signature,
    /// References to certificates and revocation data (Annex A.1.5).
    References,
    /// The signature value as well as these (Annex A.1.5).
    SignatureAndReferences,
    /// Everything (§5.5.2).
    Archive,
}

const TIMESTAMPS: [(&str, TimestampKind); 9] = [
    ("AllDataObjectsTimeStamp", TimestampKind::AllDataObjects),
    ("IndividualDataObjectsTimeStamp", TimestampKind::IndividualDataObjects),
    ("SignatureTimeStamp", TimestampKind::Signature),
    ("RefsOnlyTimeStamp", TimestampKind::References),
    ("RefsOnlyTimeStampV2", TimestampKind::References),
    ("SigAndRefsTimeStamp", TimestampKind::SignatureAndReferences),
    ("SigAndRefsTimeStampV2", TimestampKind::SignatureAndReferences),
    ("ArchiveTimeStamp", TimestampKind::Archive),
    ("ArchiveTimeStampV2", TimestampKind::Archive),
];

/// A timestamp element.
#[derive(Debug)]
pub struct Timestamp {
    pub node: NodeId,
    pub kind: TimestampKind,
    /// How what it covers is canonicalised.
    pub canonicalization: Result<Canonicalization>,
    /// RFC 3161 tokens; the error where it holds none that can be read.
    pub tokens: Vec<Result<Vec<u8>>>,
    /// The URIs of `Include` elements, which name what an individual timestamp covers.
    pub included: Vec<String>,
    /// Its place among the unsigned signature properties; 0 for those that are signed.
    pub position: usize,
}

impl Timestamp {
    /// Whether it is over the other's tokens, so that it proves their age as well.
    pub fn covers(&self, other: &Self) -> bool {
        let before = other.position < self.position;
        match self.kind {
            TimestampKind::Archive => before && !other.is_signed(),
            // Annex A.1.5.1: with the signature timestamps.
            TimestampKind::SignatureAndReferences => before && other.kind == TimestampKind::Signature,
            _ => false,
        }
    }

    /// Whether it stands among the signed properties.
    fn is_signed(&self) -> bool {
        matches!(self.kind, TimestampKind::AllDataObjects | TimestampKind::IndividualDataObjects)
    }
}

/// Certificates and revocation data beside the signature, DER.
#[derive(Debug, Default)]
pub struct Values {
    pub certificates: Vec<Vec<u8>>,
    pub crls: Vec<Vec<u8>>,
    pub ocsp_responses: Vec<Vec<u8>>,
}

/// A signature policy (EN 319 132-1 §5.2.9); the identifier is empty where it is implied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyIdentifier {
    pub identifier: String,
    /// Of its document, where the transforms leave it as it is.
    pub digest: Option<(DigestAlgorithm, Vec<u8>)>,
}

/// The qualifying properties of one signature.
#[derive(Debug)]
pub struct Qualifying {
    pub node: NodeId,
    pub signed_properties: Option<NodeId>,
    /// The value of `Target`.
    pub target: String,
    pub signing_time: Option<Instant>,
    /// Digests of `SigningCertificate` and `SigningCertificateV2`.
    pub certificates: Vec<(Result<DigestAlgorithm>, Vec<u8>)>,
    pub timestamps: Vec<Timestamp>,
    /// The signature policy that it names.
    pub policy: Option<PolicyIdentifier>,
    /// The unsigned signature properties, in order.
    pub unsigned: Vec<NodeId>,
    /// Signatures inside `CounterSignature`.
    pub counter_signatures: Vec<NodeId>,
}

impl Qualifying {
    /// Reads those of a signature; `None` where it has none.
    pub fn read(document: &Document<'_>, signature: &Signature) -> Result<Option<Self>> {
        let found = signature.objects.iter().flat_map(|object| document.children(*object));
        let mut found = found.filter(|node| is(document, *node, "QualifyingProperties"));
        let Some(node) = found.next() else { return Ok(None) };
        if found.next().is_some() {
            return Err(Error::Malformed("xades:QualifyingProperties stands twice"));
        }
        let signed_properties = only(document, node, "SignedProperties")?;
        let part = |name: &str| match signed_properties {
            Some(signed) => only(document, signed, name),
            None => Ok(None),
        };
        let about_signature = part("SignedSignatureProperties")?;
        let about_data = part("SignedDataObjectProperties")?;
        let unsigned = only(document, node, "UnsignedProperties")?;
        let unsigned = match unsigned {
            Some(unsigned) => only(document, unsigned, "UnsignedSignatureProperties")?,
            None => None,
        };
        let unsigned: Vec<NodeId> = unsigned.into_iter().flat_map(|list| document.children(list)).collect();
        let in_signed = about_data.into_iter().flat_map(|list| document.children(list)).map(|node| (0, node));
        let in_unsigned = unsigned.iter().copied().enumerate();
        let mut timestamps = Vec::new();
        for (position, node) in in_signed.chain(in_unsigned) {
            if let Some(timestamp) = read_timestamp(document, node, position) {
                if timestamps.len() >= limits::TIMESTAMPS {
                    return Err(Error::Limit("timestamps of one XML signature"));
                }
                timestamps.push(timestamp);
            }
        }
        let counter_signatures = unsigned.iter().filter(|node| is(document, **node, "CounterSignature"));
        Ok(Some(Self {
            node,
            signed_properties,
            target: document.attribute(node, "Target").unwrap_or_default().to_owned(),
            signing_time: about_signature.and_then(|list| signing_time(document, list)),
            certificates: about_signature.map_or(Ok(Vec::new()), |list| signing_certificates(document, list))?,
            timestamps,
            policy: about_signature.and_then(|list| policy(document, list)),
            counter_signatures: counter_signatures
                .filter_map(|node| document.child(*node, DSIG, "Signature"))
                .collect(),
            unsigned,
        }))
    }

    /// Certificates and revocation data in the unsigned properties.
    pub fn values(&self, document: &Document<'_>) -> Values {
        self.values_before(document, usize::MAX, &|_| true)
    }

    /// Those in the unsigned properties before that place that count.
    pub fn values_before(&self, document: &Document<'_>, position: usize, counts: &dyn Fn(NodeId) -> bool) -> Values {
        let mut values = Values::default();
        for property in self.unsigned.iter().take(position).filter(|property| counts(**property)) {
            // A counter-signature has evidence of its own.
            if is(document, *property, "CounterSignature") {
                continue;
            }
            for node in document.elements_within(*property) {
                let (list, most) = match document.local_name(node) {
                    "EncapsulatedX509Certificate" => (&mut values.certificates, limits::CERTIFICATES),
                    "EncapsulatedCRLValue" => (&mut values.crls, limits::REVOCATION_VALUES),
                    "EncapsulatedOCSPValue" => (&mut values.ocsp_responses, limits::REVOCATION_VALUES),
                    _ => continue,
                };
                if list.len() < most
                    && is_xades(document.namespace(node))
                    && let Ok(der) = base64_text(document, node)
                {
                    list.push(der);
                }
            }
        }
        values
    }
}

/// Whether this is an element of XAdES, of any version, with that local name.
pub fn is(document: &Document<'_>, node: NodeId, local: &str) -> bool {
    document.local_name(node) == local && is_xades(document.namespace(node))
}

/// The child of that name, which may not stand twice.
fn only(document: &Document<'_>, parent: NodeId, local: &str) -> Result<Option<NodeId>> {
    let mut found = document.children(parent).filter(|node| is(document, *node, local));
    let first = found.next();
    match found.next() {
        None => Ok(first),
        Some(_) => Err(Error::Malformed("XAdES: a property that may stand once stands twice")),
    }
}

fn signing_time(document: &Document<'_>, list: NodeId) -> Option<Instant> {
    let node = document.children(list).find(|node| is(document, *node, "SigningTime"))?;
    Instant::parse_rfc3339(document.text(node).trim())
}

fn policy(document: &Document<'_>, list: NodeId) -> Option<PolicyIdentifier> {
    let child = |parent: NodeId, name: &str| document.children(parent).find(|node| is(document, *node, name));
    let property = child(list, "SignaturePolicyIdentifier")?;
    let Some(named) = child(property, "SignaturePolicyId") else {
        return Some(PolicyIdentifier { identifier: String::new(), digest: None });
    };
    let identifier = child(named, "SigPolicyId").and_then(|id| child(id, "Identifier"));
    let identifier = identifier.map(|node| document.text(node).trim().chars().take(LONGEST_SHOWN).collect());
    let digest = || {
        let hash = child(named, "SigPolicyHash")?;
        let method = digest_method(document, document.child(hash, DSIG, "DigestMethod")?).ok()?;
        Some((method, base64_text(document, document.child(hash, DSIG, "DigestValue")?).ok()?))
    };
    Some(PolicyIdentifier { identifier: identifier.unwrap_or_default(), digest: digest() })
}

/// Characters of a stranger's name that are kept.
const LONGEST_SHOWN: usize = 200;

fn signing_certificates(document: &Document<'_>, list: NodeId) -> Result<Vec<(Result<DigestAlgorithm>, Vec<u8>)>> {
    let mut digests = Vec::new();
    for name in ["SigningCertificateV2", "SigningCertificate"] {
        let Some(property) = only(document, list, name)? else { continue };
        for certificate in document.children(property).filter(|node| is(document, *node, "Cert")) {
            const WHAT: Error = Error::Malformed("xades:CertDigest");
            let digest = only(document, certificate, "CertDigest")?.ok_or(WHAT)?;
            let method = document.child(digest, DSIG, "DigestMethod").ok_or(WHAT)?;
            let value = document.child(digest, DSIG, "DigestValue").ok_or(WHAT)?;
            if digests.len() >= limits::CERTIFICATES {
                return Err(Error::Limit("certificates of one XML signature"));
            }
            digests.push((digest_method(document, method), base64_text(document, value)?));
        }
    }
    Ok(digests)
}

fn read_timestamp(document: &Document<'_>, node: NodeId, position: usize) -> Option<Timestamp> {
    let local = document.local_name(node);
    let (_, kind) = TIMESTAMPS.iter().find(|(name, _)| *name == local)?;
    if !is_xades(document.namespace(node)) {
        return None;
    }
    let mut timestamp = Timestamp {
        node,
        kind: *kind,
        canonicalization: Ok(Canonicalization { method: Method::DEFAULT, listed: Vec::new() }),
        tokens: Vec::new(),
        included: Vec::new(),
        position,
    };
    for child in document.children(node) {
        match document.local_name(child) {
            // Some signers leave the algorithm empty; it is the default then.
            "CanonicalizationMethod" if document.attribute(child, "Algorithm").is_none_or(str::is_empty) => {}
            "CanonicalizationMethod" => timestamp.canonicalization = Canonicalization::read(document, child),
            "EncapsulatedTimeStamp" if timestamp.tokens.len() < limits::TIMESTAMPS => {
                timestamp.tokens.push(base64_text(document, child));
            }
            "XMLTimeStamp" => timestamp.tokens.push(Err(Error::Unsupported("timestamp in XML form".into()))),
            "Include" => timestamp.included.extend(document.attribute(child, "URI").map(str::to_owned)),
            "HashDataInfo" => timestamp.included.extend(document.attribute(child, "uri").map(str::to_owned)),
            _ => {}
        }
    }
    Some(timestamp)
}
