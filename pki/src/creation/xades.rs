//! A XAdES signature (EN 319 132-1) in two steps, and on its way through the levels. Everything is written in exclusive canonical form,
//! so that each digest is over the very text that stands in the file.

use super::element::{Element, Prefix};
use crate::algorithm::DigestAlgorithm;
use crate::certificate::Certificate;
use crate::crypto::{self, sha256};
use crate::error::{Error, Result};
use crate::pdf::write::LongTermData;
use crate::xml::names::SIGNED_PROPERTIES_TYPE;
use crate::xml::{algorithm, transform};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use chuky_model::algorithm::SignatureScheme;
use chuky_model::instant::Instant;

/// What a signature covers.
#[derive(Clone, Debug)]
pub enum DataObject {
    /// The document that the signature stands in: the digest of its canonical form ([`super::Enveloped`]).
    Enveloping { digest: Vec<u8> },
    /// A file beside it: a URI reference (RFC 3986 §4.1), and the digest of its octets.
    Beside { uri: String, digest: Vec<u8>, media_type: String },
    /// Octets that the signature carries.
    Inside { octets: Vec<u8>, media_type: String },
    /// The same by their digest alone, for whoever signs before the octets are there: what is signed is the same.
    Within { digest: Vec<u8>, media_type: String },
}

/// A signature being made: everything but its value.
#[derive(Clone, Debug)]
pub struct XadesToMake {
    scheme: SignatureScheme,
    identifier: String,
    signed_info: String,
    key_info: String,
    signed_properties: String,
    object: String,
    digest: Vec<u8>,
}

/// A finished signature; levels are added to it.
#[derive(Clone, Debug)]
pub struct Xades {
    made: XadesToMake,
    value: String,
    unsigned: Vec<String>,
}

impl XadesToMake {
    /// Digests are of the scheme's hash. `identifier` is unique in whatever the signature becomes part of, letters, digits and
    /// hyphens; `further` are the certificates above the signer's that travel along.
    pub fn new(
        scheme: SignatureScheme,
        identifier: &str,
        objects: &[DataObject],
        signer: &Certificate,
        further: &[Certificate],
        signed_at: Instant,
    ) -> Result<Self> {
        let well_formed = identifier.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if objects.is_empty() || identifier.is_empty() || !well_formed {
            return Err(Error::Refused("a XAdES signature has an identifier and covers something".into()));
        }
        let hash = DigestAlgorithm::from(scheme.hash());
        let name = |what: &str, at: usize| format!("{identifier}-{what}-{at}");
        let references: Vec<Element> =
            objects.iter().enumerate().map(|(at, object)| object.reference(hash, identifier, at)).collect();
        let formats = objects.iter().enumerate().map(|(at, object)| {
            element(Prefix::Xades, "DataObjectFormat")
                .attribute("ObjectReference", format!("#{}", name("reference", at)))
                .child(element(Prefix::Xades, "MimeType").text(object.media_type()))
        });
        let properties_id = format!("{identifier}-properties");
        let signed_properties = element(Prefix::Xades, "SignedProperties")
            .attribute("Id", properties_id.clone())
            .child(about_signature(hash, signer, signed_at))
            .child(element(Prefix::Xades, "SignedDataObjectProperties").children(formats))
            .canonical();
        let to_properties = element(Prefix::Ds, "Reference")
            .attribute("Type", SIGNED_PROPERTIES_TYPE)
            .attribute("URI", format!("#{properties_id}"))
            .child(transforms(&[transform::EXCLUSIVE]))
            .children(digest_of(hash, &crypto::digest(hash, signed_properties.as_bytes())));
        let signed_info = element(Prefix::Ds, "SignedInfo")
            .child(element(Prefix::Ds, "CanonicalizationMethod").attribute("Algorithm", transform::EXCLUSIVE))
            .child(element(Prefix::Ds, "SignatureMethod").attribute("Algorithm", algorithm::signature_uri(scheme)))
            .children(references)
            .child(to_properties)
            .canonical();
        let certificates = std::iter::once(signer).chain(further.iter().filter(|other| *other != signer));
        let key_info =
            element(Prefix::Ds, "KeyInfo").child(element(Prefix::Ds, "X509Data").children(
                certificates.map(|one| element(Prefix::Ds, "X509Certificate").text(STANDARD.encode(one.der()))),
            ));
        let carried = objects.iter().enumerate().filter_map(|(at, object)| object.carried(&name("object", at)));
        let digest = crypto::digest(hash, signed_info.as_bytes());
        Ok(Self {
            scheme,
            identifier: identifier.to_owned(),
            signed_info,
            key_info: key_info.canonical(),
            signed_properties,
            object: carried.map(|object| object.canonical()).collect(),
            digest,
        })
    }

    /// What the key must sign, already hashed with the scheme's hash.
    pub fn digest_to_sign(&self) -> &[u8] {
        &self.digest
    }

    /// The octets of which that is the digest: `SignedInfo` in its canonical form (XMLDSig §4.3).
    pub fn octets_to_sign(&self) -> &[u8] {
        self.signed_info.as_bytes()
    }

    /// Finishes with the signature value in X.509 form. What holds it is verified as a whole before it is handed out.
    pub fn assemble(self, signature: &[u8]) -> Result<Xades> {
        // RFC 4050 §3.3 and XMLDSig 1.1 §6.4.3: the two numbers of ECDSA, each as long as the curve's order.
        let half = match self.scheme {
            SignatureScheme::EcdsaSha256 => Some(32),
            SignatureScheme::EcdsaSha384 => Some(48),
            _ => None,
        };
        let octets = match half {
            Some(half) => crypto::ecdsa_der_to_raw(signature, half).ok_or(Error::Malformed("ECDSA signature value"))?,
            None => signature.to_vec(),
        };
        let value = element(Prefix::Ds, "SignatureValue")
            .attribute("Id", format!("{}-value", self.identifier))
            .text(STANDARD.encode(octets))
            .canonical();
        Ok(Xades { made: self, value, unsigned: Vec::new() })
    }
}

impl Xades {
    /// EN 319 132-1 §5.3.
    pub(super) fn timestamped(&self) -> [u8; 32] {
        sha256(self.value.as_bytes())
    }

    pub(super) fn add_signature_timestamp(&mut self, token: &[u8]) {
        self.unsigned.push(signature_timestamp(token));
    }

    pub(super) fn add_validation_data(&mut self, data: &LongTermData) {
        let has_values = self.unsigned.iter().any(|property| property.starts_with("<xades:CertificateValues"));
        self.unsigned.extend(validation_data(data, has_values));
    }

    /// What an archive timestamp covers behind the data objects (EN 319 132-1 §5.5.2.2). Its last step takes every `ds:Object` but that of the
    /// qualifying properties, also one that a reference has covered already.
    pub fn behind_data_objects(&self) -> Vec<u8> {
        let made = &self.made;
        let parts = [&made.signed_properties, &made.signed_info, &self.value, &made.key_info];
        let parts = parts.into_iter().chain(&self.unsigned).chain(std::iter::once(&made.object));
        parts.map(String::as_str).collect::<String>().into_bytes()
    }

    pub(super) fn add_archive_timestamp(&mut self, token: &[u8]) {
        self.unsigned.push(archive_timestamp(token));
    }

    /// The `ds:Signature` element, which may stand anywhere.
    pub fn to_element(&self) -> String {
        let XadesToMake { identifier, signed_info, key_info, signed_properties, object, .. } = &self.made;
        let (open, close) = opened(&element(Prefix::Ds, "Signature").attribute("Id", identifier.clone()));
        let object_of = |content: &str| {
            let (open, close) = opened(&element(Prefix::Ds, "Object"));
            format!("{open}{content}{close}")
        };
        let qualifying = element(Prefix::Xades, "QualifyingProperties").attribute("Target", format!("#{identifier}"));
        let (open_qualifying, close_qualifying) = opened(&qualifying);
        let unsigned = match self.unsigned.concat() {
            none if none.is_empty() => none,
            properties => unsigned_properties(&properties),
        };
        let qualifying = object_of(&format!("{open_qualifying}{signed_properties}{unsigned}{close_qualifying}"));
        format!("{open}{signed_info}{}{key_info}{object}{qualifying}{close}", self.value)
    }
}

impl DataObject {
    fn reference(&self, hash: DigestAlgorithm, identifier: &str, at: usize) -> Element {
        let reference = element(Prefix::Ds, "Reference").attribute("Id", format!("{identifier}-reference-{at}"));
        match self {
            Self::Enveloping { digest } => reference
                .attribute("URI", "")
                .child(transforms(&[transform::ENVELOPED, transform::EXCLUSIVE]))
                .children(digest_of(hash, digest)),
            Self::Beside { uri, digest, .. } => {
                reference.attribute("URI", uri.clone()).children(digest_of(hash, digest))
            }
            Self::Inside { octets, .. } => reference
                .attribute("URI", format!("#{identifier}-object-{at}"))
                .child(transforms(&[transform::BASE64]))
                .children(digest_of(hash, &crypto::digest(hash, octets))),
            Self::Within { digest, .. } => reference
                .attribute("URI", format!("#{identifier}-object-{at}"))
                .child(transforms(&[transform::BASE64]))
                .children(digest_of(hash, digest)),
        }
    }

    fn carried(&self, identifier: &str) -> Option<Element> {
        let Self::Inside { octets, media_type } = self else { return None };
        let object = element(Prefix::Ds, "Object")
            .attribute("Id", identifier)
            .attribute("MimeType", media_type.clone())
            .attribute("Encoding", transform::BASE64);
        Some(object.text(STANDARD.encode(octets)))
    }

    fn media_type(&self) -> &str {
        match self {
            Self::Enveloping { .. } => "text/xml",
            Self::Beside { media_type, .. } | Self::Inside { media_type, .. } | Self::Within { media_type, .. } => {
                media_type
            }
        }
    }
}

/// EN 319 132-1 §5.2.1 and §5.2.2: the time, and the certificate by its digest.
fn about_signature(hash: DigestAlgorithm, signer: &Certificate, signed_at: Instant) -> Element {
    let digest = element(Prefix::Xades, "CertDigest").children(digest_of(hash, &crypto::digest(hash, signer.der())));
    let certificate = element(Prefix::Xades, "Cert").child(digest);
    element(Prefix::Xades, "SignedSignatureProperties")
        .child(element(Prefix::Xades, "SigningTime").text(signed_at.rfc3339()))
        .child(element(Prefix::Xades, "SigningCertificateV2").child(certificate))
}

/// An unsigned property with a signature timestamp (EN 319 132-1 §5.3). Like every property here it declares its own namespaces, so it may stand
/// in any document, and it is in exclusive canonical form.
pub(crate) fn signature_timestamp(token: &[u8]) -> String {
    timestamp(Prefix::Xades, "SignatureTimeStamp", token)
}

/// One with an archive timestamp (EN 319 132-1 §5.5.2).
pub(crate) fn archive_timestamp(token: &[u8]) -> String {
    timestamp(Prefix::Xades141, "ArchiveTimeStamp", token)
}

/// Those with certificates and revocation data: EN 319 132-1 §5.4.1 and §5.4.2 at first, which stand at most once, and where the signature has them,
/// `TimeStampValidationData` for what an archive needs later (§5.5.1).
pub(crate) fn validation_data(data: &LongTermData, has_values: bool) -> Vec<String> {
    let listed = |list: &'static str, item: &'static str, values: &[Vec<u8>]| {
        let items = values.iter().map(|der| element(Prefix::Xades, item).text(STANDARD.encode(der)));
        (!values.is_empty()).then(|| element(Prefix::Xades, list).children(items))
    };
    let certificates = listed("CertificateValues", "EncapsulatedX509Certificate", &data.certificates);
    let lists = listed("CRLValues", "EncapsulatedCRLValue", &data.revocation_lists);
    let answers = listed("OCSPValues", "EncapsulatedOCSPValue", &data.ocsp_responses);
    let revocation = (lists.is_some() || answers.is_some())
        .then(|| element(Prefix::Xades, "RevocationValues").children(lists.into_iter().chain(answers)));
    let mut values = certificates.into_iter().chain(revocation).peekable();
    if !has_values || values.peek().is_none() {
        return values.map(|one| one.canonical()).collect();
    }
    vec![element(Prefix::Xades141, "TimeStampValidationData").children(values).canonical()]
}

/// `UnsignedProperties` around properties (EN 319 132-1 §4.3.4).
pub(crate) fn unsigned_properties(properties: &str) -> String {
    let (open, close) = opened(&element(Prefix::Xades, "UnsignedProperties"));
    [&open, &*unsigned_signature_properties(properties), &close].concat()
}

/// `UnsignedSignatureProperties` around properties (§4.3.6).
pub(crate) fn unsigned_signature_properties(properties: &str) -> String {
    let (open, close) = opened(&element(Prefix::Xades, "UnsignedSignatureProperties"));
    [&open, properties, &close].concat()
}

fn timestamp(prefix: Prefix, name: &'static str, token: &[u8]) -> String {
    element(prefix, name)
        .child(element(Prefix::Ds, "CanonicalizationMethod").attribute("Algorithm", transform::EXCLUSIVE))
        .child(element(Prefix::Xades, "EncapsulatedTimeStamp").text(STANDARD.encode(token)))
        .canonical()
}

fn transforms(uris: &[&'static str]) -> Element {
    let each = uris.iter().map(|uri| element(Prefix::Ds, "Transform").attribute("Algorithm", *uri));
    element(Prefix::Ds, "Transforms").children(each)
}

fn digest_of(hash: DigestAlgorithm, digest: &[u8]) -> [Element; 2] {
    [
        element(Prefix::Ds, "DigestMethod").attribute("Algorithm", algorithm::digest_uri(hash)),
        element(Prefix::Ds, "DigestValue").text(STANDARD.encode(digest)),
    ]
}

/// The two tags of an element that is written around others.
fn opened(element: &Element) -> (String, String) {
    let text = element.canonical();
    match text.rfind("</") {
        Some(at) => {
            let (open, close) = text.split_at(at);
            (open.to_owned(), close.to_owned())
        }
        None => (text, String::new()),
    }
}

fn element(prefix: Prefix, local: &'static str) -> Element {
    Element::new(prefix, local)
}
