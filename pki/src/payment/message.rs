//! A signed payment taken apart, in whichever form it came: a JWS, a signed ISO 20022 message, a CMS object, or a bare signature with its
//! fields beside it. Forms are told by the content's first bytes; nothing is verified here, and no form is guessed twice.

use super::{
    cms_message::CmsMessage,
    detached::{self, Detached},
    order::{self, Refusal},
    raw_message,
    reason::Reason,
    signer::Known,
    value::{self, ValueForm},
    xml_message,
};
use crate::{
    algorithm::{DigestAlgorithm, SignatureAlgorithm},
    crypto,
    jose::{JoseError, Jws, ProtectedHeader, SignerReference, json::JsonError, limits::LONGEST_JWS, unsigned},
    revocation::Evidence,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use chuky_model::{payment::PaymentOrder, serial::Serial};
use std::borrow::Cow;

/// A message taken apart; nothing in it is verified.
#[derive(Debug)]
pub struct Presented<'a>(pub(super) Result<Parts<'a>, Refusal>);

/// Its pieces, and whose key it says that it is signed with.
#[derive(Debug)]
pub(super) struct Parts<'a> {
    pub body: Body<'a>,
    pub signer: Found,
    /// Under what the signer is remembered, where that is not the protected header.
    pub key: Option<String>,
}

#[derive(Debug)]
pub(super) enum Body<'a> {
    Jws(Jws<'a>),
    Signed(Box<SignedContent>),
    Cms(Box<CmsMessage>),
}

#[derive(Debug)]
pub(super) enum Found {
    Remembered(Known),
    Claimed(Claim),
}

/// What a message says about its signature.
#[derive(Clone, Debug)]
pub(super) struct Claim {
    pub algorithm: SignatureAlgorithm,
    /// False for the unencoded payload of a JWS (RFC 7797).
    pub payload_encoded: bool,
    pub signer: SignerReference,
    /// Digests of the signer's certificate among others (`x5t#S256`, `SigningCertificateV2`); empty where the message states none.
    pub digests: Vec<(DigestAlgorithm, Vec<u8>)>,
    /// Whether the first certificate is the signer's because the format says so; otherwise it is found among them.
    pub signer_first: bool,
}

/// A value over octets, with the order that was read from what those octets stand for.
#[derive(Debug)]
pub(super) struct SignedContent {
    pub algorithm: SignatureAlgorithm,
    /// What the value is over.
    pub input: Vec<u8>,
    pub value: Vec<u8>,
    pub form: ValueForm,
    /// Whether the order is what the value is over.
    pub covered: Result<(), Refusal>,
    pub order: Result<PaymentOrder, Refusal>,
    pub evidence: Evidence,
}

/// The certificate that a message names without sending it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    Serial(Serial),
    Fingerprint([u8; 32]),
}

impl From<ProtectedHeader> for Claim {
    fn from(header: ProtectedHeader) -> Self {
        Self {
            algorithm: header.algorithm.scheme().into(),
            payload_encoded: header.payload_encoded,
            signer: header.signer,
            digests: header.thumbprint.map(|digest| (DigestAlgorithm::Sha256, digest.to_vec())).into_iter().collect(),
            signer_first: true,
        }
    }
}

/// Looks a signer up by what a message says of it.
pub(super) type Recall<'r> = &'r dyn Fn(&str) -> Option<Known>;

/// Takes a message apart that holds everything.
pub(super) fn read<'a>(body: &'a [u8], layouts: &[super::Layout], recall: Recall<'_>) -> Result<Parts<'a>, Refusal> {
    let bytes = body.trim_ascii();
    match bytes.first() {
        // A byte order mark stands before XML only.
        Some(b'<' | 0xef | 0xfe | 0xff) => xml(bytes, recall),
        Some(0x30) => cms(body, None, recall),
        Some(b'-') => cms(bytes, None, recall),
        Some(b'M') if !bytes.contains(&b'.') => cms(&plain_base64(bytes)?, None, recall),
        Some(b'{') if detached::may_be_fields(bytes) => match Detached::from_json(bytes)? {
            Some(detached) => read_detached(&detached, layouts, recall),
            None => jws(Jws::parse(bytes).map_err(refusal_of)?, recall),
        },
        _ => jws(Jws::parse(body).map_err(refusal_of)?, recall),
    }
}

/// Takes a signature apart whose content stands beside it.
pub(super) fn read_detached(
    detached: &Detached,
    layouts: &[super::Layout],
    recall: Recall<'_>,
) -> Result<Parts<'static>, Refusal> {
    if let Some(raw) = &detached.raw {
        let (content, claim) = raw_message::read(detached, raw, layouts)?;
        let key = key_of(&claim);
        return Ok(Parts { body: Body::Signed(Box::new(content)), signer: found(&key, claim, recall), key });
    }
    let signature = detached.signature.trim_ascii();
    match signature.first() {
        Some(0x30) => cms(&detached.signature, Some(&detached.content), recall),
        Some(b'-') => cms(signature, Some(&detached.content), recall),
        Some(b'M') if !signature.contains(&b'.') => cms(&plain_base64(signature)?, Some(&detached.content), recall),
        Some(b'<') => Err((Reason::Malformed, "an XML signature travels inside its message, not beside it".to_owned())),
        _ => jws(Jws::parse_detached(signature, &detached.content).map_err(refusal_of)?.into_owned(), recall),
    }
}

fn jws<'a>(jws: Jws<'a>, recall: Recall<'_>) -> Result<Parts<'a>, Refusal> {
    let signer = match recall(&jws.protected) {
        Some(known) => Found::Remembered(known),
        None => Found::Claimed(jws.header().map_err(refusal_of)?.into()),
    };
    Ok(Parts { body: Body::Jws(jws), signer, key: None })
}

fn xml(bytes: &[u8], recall: Recall<'_>) -> Result<Parts<'static>, Refusal> {
    let (content, claim) = xml_message::read(bytes)?;
    let key = key_of(&claim);
    Ok(Parts { body: Body::Signed(Box::new(content)), signer: found(&key, claim, recall), key })
}

fn cms(bytes: &[u8], content: Option<&[u8]>, recall: Recall<'_>) -> Result<Parts<'static>, Refusal> {
    let (message, claim) = CmsMessage::read(bytes, content)?;
    let key = key_of(&claim);
    Ok(Parts { body: Body::Cms(Box::new(message)), signer: found(&key, claim, recall), key })
}

fn found(key: &Option<String>, claim: Claim, recall: Recall<'_>) -> Found {
    match key.as_deref().and_then(recall) {
        Some(known) => Found::Remembered(known),
        None => Found::Claimed(claim),
    }
}

/// What stands for everything that a claim says of its signer. No protected header has a colon in it, so the two never meet.
fn key_of(claim: &Claim) -> Option<String> {
    let mut all = Vec::new();
    let mut add = |part: &[u8]| {
        all.extend_from_slice(&(part.len() as u64).to_be_bytes());
        all.extend_from_slice(part);
    };
    match &claim.signer {
        SignerReference::Chain(chain) => chain.iter().for_each(|der| add(der)),
        SignerReference::KeyIdentifier(identifier) => add(identifier.as_bytes()),
        SignerReference::Thumbprint(thumbprint) => add(thumbprint),
        SignerReference::Nothing => return None,
    }
    for (algorithm, digest) in &claim.digests {
        add(algorithm.name().as_bytes());
        add(digest);
    }
    add(&[u8::from(claim.signer_first)]);
    Some(format!("sha256:{}", hex::encode(crypto::sha256(&all))))
}

fn plain_base64(text: &[u8]) -> Result<Vec<u8>, Refusal> {
    if text.len() > LONGEST_JWS * 2 {
        return Err((Reason::TooLarge, format!("longer than {} bytes", LONGEST_JWS * 2)));
    }
    let compact: Vec<u8> = text.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    STANDARD.decode(compact).map_err(|_| (Reason::Malformed, "neither JWS nor the base64 of a CMS object".to_owned()))
}

impl Body<'_> {
    /// The algorithm of the value, where the message itself says so; a JWS says so in its header, which may be remembered.
    pub fn algorithm(&self, known: &Known) -> SignatureAlgorithm {
        match self {
            Self::Jws(_) | Self::Cms(_) => known.algorithm,
            Self::Signed(content) => content.algorithm,
        }
    }

    /// Whether the signer's key made the value, and whether what it is over is the content.
    pub fn proves(&self, known: &Known) -> (Result<(), Refusal>, Result<(), Refusal>) {
        match self {
            Self::Jws(jws) => {
                let value = &jws.signature;
                (value::verify(&known.signer, known.algorithm, &jws.signing_input(), value, ValueForm::Jose), Ok(()))
            }
            Self::Signed(content) => {
                let SignedContent { input, value, form, .. } = &**content;
                let value = value::verify(&known.signer, self.algorithm(known), &[input.as_slice()], value, *form);
                (value, content.covered.clone())
            }
            Self::Cms(message) => message.check(&known.signer.certificate),
        }
    }

    /// The order. To be asked for after the signature was found good.
    pub fn order(&self, payload_encoded: bool) -> Result<PaymentOrder, Refusal> {
        match self {
            Self::Jws(jws) => {
                jws.payload(payload_encoded).map_err(refusal_of).and_then(|payload| order::read_content(&payload))
            }
            Self::Signed(content) => content.order.clone(),
            Self::Cms(message) => order::read_content(message.content()),
        }
    }

    /// Revocation lists and OCSP answers that came along.
    pub fn evidence(&self) -> Evidence {
        match self {
            Self::Jws(jws) if jws.unprotected.is_empty() => Evidence::default(),
            Self::Jws(jws) => {
                let (mut crls, mut responses) = (Vec::new(), Vec::new());
                for component in unsigned::components(&jws.unprotected).0 {
                    let values = component.values();
                    crls.extend(values.crls);
                    responses.extend(values.responses);
                }
                Evidence::read(&crls, &responses)
            }
            Self::Signed(content) => content.evidence.clone(),
            Self::Cms(message) => message.evidence(),
        }
    }
}

impl Parts<'_> {
    /// Under what the signer is remembered.
    pub fn memory_key(&self) -> Option<Cow<'_, str>> {
        match (&self.body, &self.key) {
            (Body::Jws(jws), _) => Some(Cow::Borrowed(&jws.protected)),
            (_, key) => key.as_deref().map(Cow::Borrowed),
        }
    }
}

impl Presented<'_> {
    /// The certificate that must be fetched before examining, where the message only names one and it is not remembered.
    pub fn wanted(&self) -> Option<Wanted> {
        let Ok(Parts { signer: Found::Claimed(claim), .. }) = &self.0 else { return None };
        match &claim.signer {
            SignerReference::KeyIdentifier(named) => {
                named.strip_prefix("serial:").unwrap_or(named).parse().ok().map(Wanted::Serial)
            }
            SignerReference::Thumbprint(thumbprint) => Some(Wanted::Fingerprint(*thumbprint)),
            SignerReference::Chain(_) | SignerReference::Nothing => None,
        }
    }
}

/// Which reason a refused JWS is.
pub(super) fn refusal_of(error: JoseError) -> Refusal {
    let reason = match &error {
        JoseError::TooLong(_) => Reason::TooLarge,
        JoseError::Json { source: JsonError::DuplicateMember, .. } => Reason::DuplicateMember,
        JoseError::Json { source: JsonError::TooLarge, .. } => Reason::TooLarge,
        JoseError::UnknownCritical(_) => Reason::UnknownCritical,
        JoseError::Algorithm(_) => Reason::AlgorithmNotAllowed,
        JoseError::EmbeddedKey(_) => Reason::EmbeddedKey,
        JoseError::PayloadMissing => Reason::ContentMissing,
        JoseError::SeveralSignatures => Reason::SeveralSignatures,
        _ => Reason::Malformed,
    };
    (reason, error.to_string())
}
