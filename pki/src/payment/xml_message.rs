//! A payment as a signed ISO 20022 message (XMLDSig 1.1, XAdES: EN 319 132-1). One signature in the file, and the message that the order
//! is read from lies wholly under it: a signature over another element than the one that is read is refused, whatever it is over.

use super::{
    iso20022,
    message::{Claim, SignedContent},
    order::Refusal,
    reason::Reason,
    value::{ValueForm, allowed, digest_allowed},
};
use crate::{
    algorithm::DigestAlgorithm,
    crypto::Hasher,
    error::Error,
    jose::{
        SignerReference,
        limits::{LONGEST_CERTIFICATE, MOST_CERTIFICATES},
    },
    revocation::Evidence,
    xml::{
        canonical::{Method, canonicalise},
        document::{Document, NodeId},
        encoding,
        names::{DSIG, is_signed_properties_type},
        selection::{Budget, Selection, contains, union},
        signature::{Reference, Signature, base64_text},
        transform::{self, Target, Transform},
        xades::Qualifying,
    },
};
use std::ops::Range;

/// The order with the value over it, and what the signature says of itself.
pub(super) fn read(bytes: &[u8]) -> Result<(SignedContent, Claim), Refusal> {
    if bytes.len() > super::limits::LONGEST_MESSAGE {
        return Err((Reason::TooLarge, format!("longer than {} bytes", super::limits::LONGEST_MESSAGE)));
    }
    let text = encoding::decode(bytes).map_err(malformed)?;
    let document = Document::parse(&text).map_err(malformed)?;
    let signature = only_signature(&document)?;
    let message = iso20022::find(&document)?;
    let qualifying = Qualifying::read(&document, &signature).map_err(malformed)?;
    let algorithm = signature.algorithm.clone().map_err(not_allowed)?;
    allowed(algorithm)?;
    let mut budget = Budget::for_length(text.len());
    let input = signed_info(&document, &signature, &mut budget)?;
    let claim = Claim {
        algorithm,
        payload_encoded: true,
        digests: certificate_digests(qualifying.as_ref())?,
        signer: signer(&document, &signature, qualifying.as_ref())?,
        signer_first: false,
    };
    let covered = covered(&document, &signature, qualifying.as_ref(), message, &mut budget);
    let values = qualifying.as_ref().map(|one| one.values(&document)).unwrap_or_default();
    let content = SignedContent {
        algorithm,
        input,
        covered,
        order: iso20022::read(&document, message, Some(signature.node)),
        evidence: Evidence::read(&values.crls, &values.ocsp_responses),
        value: signature.value,
        form: ValueForm::Plain,
    };
    Ok((content, claim))
}

fn only_signature(document: &Document<'_>) -> Result<Signature, Refusal> {
    let mut found = document.elements_within(NodeId::ROOT).filter(|node| document.is(*node, DSIG, "Signature"));
    let Some(node) = found.next() else {
        return Err((Reason::Malformed, "the XML carries no signature (ds:Signature)".to_owned()));
    };
    if found.next().is_some() {
        return Err((Reason::SeveralSignatures, "more than one ds:Signature".to_owned()));
    }
    Signature::read(document, node).map_err(malformed)
}

/// The canonical `SignedInfo`: what the value is over (XMLDSig §3.2.2).
fn signed_info(document: &Document<'_>, signature: &Signature, budget: &mut Budget) -> Result<Vec<u8>, Refusal> {
    let method = signature.canonicalization.clone().map_err(not_allowed)?;
    let selection = Selection::subtree(document, signature.signed_info, true);
    let mut octets = Vec::new();
    let mut sink = |piece: &[u8]| octets.extend_from_slice(piece);
    canonicalise(document, &selection, method.method, &method.prefixes(), budget, &mut sink).map_err(malformed)?;
    Ok(octets)
}

/// Whether every reference has its digest, and the message lies under them whole.
fn covered(
    document: &Document<'_>,
    signature: &Signature,
    qualifying: Option<&Qualifying>,
    message: NodeId,
    budget: &mut Budget,
) -> Result<(), Refusal> {
    let mut selections = Vec::new();
    for reference in &signature.references {
        let selection = digested(document, signature.node, reference, budget)?;
        selections.push((reference, selection));
    }
    signed_properties(document, signature, qualifying, &selections)?;
    // A signature inside the message is no part of it; a message inside the signature is covered only where a reference says so.
    let own = if document.is_within(signature.node, message) { document.subtree(signature.node) } else { 0..0 };
    let ranges = union(selections.iter().flat_map(|(_, selection)| selection.ranges().iter().cloned()));
    // Text that no reference covers would be read as part of the order, so that every single node counts. Comments are left out by most
    // references and are not read.
    let open = document.subtree(message).find(|number| {
        let node = document.node_at(*number);
        !own.contains(number) && node.is_some_and(|node| !contains(&ranges, node))
    });
    match open {
        None => Ok(()),
        Some(_) => Err(not_signed("the signature does not cover the message that the order is read from")),
    }
}

/// What a reference selects, where its digest fits.
fn digested(
    document: &Document<'_>,
    signature: NodeId,
    reference: &Reference,
    budget: &mut Budget,
) -> Result<Selection, Refusal> {
    let algorithm = reference.digest_algorithm.clone().map_err(not_allowed)?;
    digest_allowed(algorithm)?;
    let transforms = reference.transforms.clone().map_err(not_allowed)?;
    // What a filter leaves out nobody could see in the answer; base64 and relationships select no elements.
    if !transforms.iter().all(|one| matches!(one, Transform::Canonical(_) | Transform::Enveloped)) {
        return Err(not_signed("a transform other than enveloped-signature and canonicalisation"));
    }
    let target = match reference.uri.as_deref() {
        Some(uri) if uri.is_empty() || uri.starts_with('#') => transform::same_document(document, uri),
        _ => return Err(not_signed("a reference to something outside the message")),
    };
    let target =
        target.map_err(malformed)?.ok_or_else(|| not_signed("a reference names an identifier that is not there"))?;
    let mut hasher = Hasher::new(algorithm);
    let mut sink = |piece: &[u8]| hasher.update(piece);
    let selection =
        transform::process(document, signature, Target::Nodes(target), &transforms, Method::DEFAULT, budget, &mut sink)
            .map_err(malformed)?;
    if hasher.finish() != reference.digest {
        return Err((Reason::ContentAltered, "a reference has another digest than its content".to_owned()));
    }
    selection.ok_or_else(|| not_signed("a reference to something outside the message"))
}

/// EN 319 132-1 §4.4.2: where there are signed properties, one reference of that type is to those of this signature.
fn signed_properties(
    document: &Document<'_>,
    signature: &Signature,
    qualifying: Option<&Qualifying>,
    selections: &[(&Reference, Selection)],
) -> Result<(), Refusal> {
    let typed: Vec<_> = selections.iter().filter(|(reference, _)| is_signed_properties_type(&reference.kind)).collect();
    let Some(qualifying) = qualifying else {
        return match typed.is_empty() {
            true => Ok(()),
            false => Err(not_signed("a reference is to signed properties that are not there")),
        };
    };
    let target = qualifying.target.strip_prefix('#');
    if target.is_some_and(|target| signature.id.as_deref() != Some(target)) {
        return Err(not_signed("the qualifying properties name another signature as their target"));
    }
    let Some(properties) = qualifying.signed_properties else { return Ok(()) };
    let whole: Range<u32> = document.subtree(properties);
    match typed.as_slice() {
        [(_, selection)] if selection.ranges() == [whole] => Ok(()),
        _ => Err(not_signed("no reference is to the signed properties, or more than one")),
    }
}

/// The digests by which the signed properties name the certificate (EN 319 132-1 §5.2.2).
fn certificate_digests(qualifying: Option<&Qualifying>) -> Result<Vec<(DigestAlgorithm, Vec<u8>)>, Refusal> {
    let stated = qualifying.map(|one| one.certificates.as_slice()).unwrap_or_default();
    let mut digests = Vec::new();
    for (algorithm, digest) in stated {
        let algorithm = algorithm.clone().map_err(not_allowed)?;
        digest_allowed(algorithm)?;
        digests.push((algorithm, digest.clone()));
    }
    if digests.len() > MOST_CERTIFICATES {
        return Err((Reason::TooLarge, format!("more than {MOST_CERTIFICATES} certificates are named")));
    }
    Ok(digests)
}

/// The certificates of `KeyInfo`, or the one that the signed properties name by its SHA-256. A bare key is nobody's.
fn signer(
    document: &Document<'_>,
    signature: &Signature,
    qualifying: Option<&Qualifying>,
) -> Result<SignerReference, Refusal> {
    let info = signature.key_info.into_iter();
    let parts: Vec<NodeId> = info.flat_map(|info| document.children(info)).collect();
    let data = parts.iter().filter(|node| document.is(**node, DSIG, "X509Data"));
    let nodes = data.flat_map(|data| document.children(*data));
    let mut chain = Vec::new();
    for node in nodes.filter(|node| document.is(*node, DSIG, "X509Certificate")) {
        let der = base64_text(document, node).map_err(malformed)?;
        if der.len() > LONGEST_CERTIFICATE || chain.len() >= MOST_CERTIFICATES {
            return Err((Reason::TooLarge, "too many or too long certificates in KeyInfo".to_owned()));
        }
        chain.push(der);
    }
    if !chain.is_empty() {
        return Ok(SignerReference::Chain(chain));
    }
    let named = qualifying.into_iter().flat_map(|one| &one.certificates);
    let mut fingerprints = named.filter(|(algorithm, _)| *algorithm == Ok(DigestAlgorithm::Sha256));
    if let Some((_, digest)) = fingerprints.next()
        && let Ok(fingerprint) = digest.as_slice().try_into()
    {
        return Ok(SignerReference::Thumbprint(fingerprint));
    }
    let bare = |name: &str| parts.iter().any(|node| document.local_name(*node) == name);
    if bare("KeyValue") || bare("RetrievalMethod") || bare("DEREncodedKeyValue") {
        return Err((Reason::EmbeddedKey, "KeyInfo has a key, or a link to one, and no certificate".to_owned()));
    }
    Ok(SignerReference::Nothing)
}

fn not_signed(detail: &str) -> Refusal {
    (Reason::ContentNotSigned, detail.to_owned())
}

fn not_allowed(error: Error) -> Refusal {
    let reason = if matches!(error, Error::Limit(_)) { Reason::TooLarge } else { Reason::AlgorithmNotAllowed };
    (reason, error.to_string())
}

fn malformed(error: Error) -> Refusal {
    let reason = if matches!(error, Error::Limit(_)) { Reason::TooLarge } else { Reason::Malformed };
    (reason, error.to_string())
}
