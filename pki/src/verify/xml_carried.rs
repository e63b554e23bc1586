//! What signature elements carry that nobody signed. Readers pass signatures by, and so do signature transforms; but whoever looks for elements by
//! name finds them there as well, so that a signature is a place to hide a second order in (signature wrapping).

use super::xml_coverage::Known;
use crate::error::Result;
use crate::xml::document::{Document, NodeId};
use crate::xml::names::{DSIG, DSIG11, ERS, XADES_EN, is_xades};
use crate::xml::selection::{Budget, contains};

/// Elements in the signatures of a document that no signature format puts there and that their own signature does not cover, in document order.
pub(super) fn carried(
    document: &Document<'_>,
    signatures: &[NodeId],
    known: &[Known],
    budget: &mut Budget,
) -> Result<Vec<NodeId>> {
    let mut found = Vec::new();
    for signature in signatures {
        let own = known.binary_search_by_key(signature, |known| known.node).ok().and_then(|at| known.get(at));
        // The value of a sound signature is over its `SignedInfo`.
        let info = own.and_then(|known| document.child(known.node, DSIG, "SignedInfo"));
        let own = own.map(|known| known.ranges.as_slice()).unwrap_or_default();
        let subtree = document.subtree(*signature);
        let mut at = subtree.start + 1;
        while at < subtree.end {
            budget.spend(1)?;
            let Some(id) = document.node_at(at) else { break };
            let end = document.subtree(id).end;
            at = match () {
                // A signature inside this one is looked at by itself.
                () if document.is(id, DSIG, "Signature") || Some(id) == info => end,
                () if document.element(id).is_none() || contains(own, id) => at + 1,
                () if is_of_format(document, id) => at + 1,
                () => {
                    found.push(id);
                    end
                }
            };
        }
    }
    found.sort_unstable();
    Ok(found)
}

/// Whether the element is one of the signature formats and says nothing to a reader of the document.
fn is_of_format(document: &Document<'_>, id: NodeId) -> bool {
    let (namespace, local) = (document.namespace(id), document.local_name(id));
    match local {
        // Whatever stands in these is the signer's own.
        "Object" | "SignatureProperty" if namespace == DSIG => !document.has_own_text(id),
        _ if namespace == DSIG || namespace == DSIG11 => XMLDSIG.binary_search(&local).is_ok(),
        _ if is_xades(namespace) || namespace == XADES_EN => XADES.binary_search(&local).is_ok(),
        _ if namespace == ERS => RECORDS.binary_search(&local).is_ok(),
        _ => false,
    }
}

/// XMLDSig 1.1 §4 and §5, in order.
const XMLDSIG: [&str; 52] = [
    "CanonicalizationMethod",
    "DEREncodedKeyValue",
    "DSAKeyValue",
    "DigestMethod",
    "DigestValue",
    "ECKeyValue",
    "ECParameters",
    "Exponent",
    "G",
    "HMACOutputLength",
    "J",
    "KeyInfo",
    "KeyInfoReference",
    "KeyName",
    "KeyValue",
    "Manifest",
    "MgmtData",
    "Modulus",
    "NamedCurve",
    "Object",
    "P",
    "PGPData",
    "PGPKeyID",
    "PGPKeyPacket",
    "PgenCounter",
    "PublicKey",
    "Q",
    "RSAKeyValue",
    "Reference",
    "RetrievalMethod",
    "SPKIData",
    "SPKISexp",
    "Seed",
    "Signature",
    "SignatureMethod",
    "SignatureProperties",
    "SignatureProperty",
    "SignatureValue",
    "SignedInfo",
    "Transform",
    "Transforms",
    "X509CRL",
    "X509Certificate",
    "X509Data",
    "X509Digest",
    "X509IssuerName",
    "X509IssuerSerial",
    "X509SKI",
    "X509SerialNumber",
    "X509SubjectName",
    "XPath",
    "Y",
];

/// Elements of XAdES that may stand unsigned (EN 319 132-1, TS 101 903 of any version), in order.
const XADES: [&str; 87] = [
    "ASN1EvidenceRecord",
    "AnyValidationData",
    "ArchiveTimeStamp",
    "ArchiveTimeStampV2",
    "AttrAuthoritiesCertValues",
    "AttributeCertificateRefs",
    "AttributeCertificateRefsV2",
    "AttributeRevocationRefs",
    "AttributeRevocationValues",
    "ByKey",
    "ByName",
    "CRLIdentifier",
    "CRLRef",
    "CRLRefs",
    "CRLValues",
    "Cert",
    "CertDigest",
    "CertRefs",
    "CertificateValues",
    "CompleteCertificateRefs",
    "CompleteCertificateRefsV2",
    "CompleteRevocationRefs",
    "CounterSignature",
    "Description",
    "DigestAlgAndValue",
    "DocumentationReference",
    "DocumentationReferences",
    "ERSEvidenceRecord",
    "EncapsulatedCRLValue",
    "EncapsulatedEvidenceRecord",
    "EncapsulatedOCSPValue",
    "EncapsulatedPKIData",
    "EncapsulatedTimeStamp",
    "EncapsulatedX509Certificate",
    "EvidenceRecord",
    "HashDataInfo",
    "Identifier",
    "Include",
    "IndividualDataObjectsTimeStamp",
    "IssueTime",
    "Issuer",
    "IssuerSerial",
    "IssuerSerialV2",
    "Number",
    "OCSPIdentifier",
    "OCSPRef",
    "OCSPRefs",
    "OCSPValues",
    "ObjectIdentifier",
    "ObjectReference",
    "OtherCertificate",
    "OtherRef",
    "OtherRefs",
    "OtherTimeStamp",
    "OtherValue",
    "OtherValues",
    "ProducedAt",
    "QualifyingProperties",
    "QualifyingPropertiesReference",
    "ReferenceInfo",
    "RefsOnlyTimeStamp",
    "RefsOnlyTimeStampV2",
    "RenewedDigests",
    "ResponderID",
    "RevocationValues",
    "SPDocSpecification",
    "SealingEvidenceRecords",
    "SigAndRefsTimeStamp",
    "SigAndRefsTimeStampV2",
    "SigPolDocLocalURI",
    "SignaturePolicyDocument",
    "SignaturePolicyStore",
    "SignatureTimeStamp",
    "SignedDataObjectProperties",
    "SignedProperties",
    "SignedSignatureProperties",
    "SigningCertificate",
    "SigningCertificateV2",
    "SigningTime",
    "TimeStampValidationData",
    "URI",
    "UnsignedDataObjectProperties",
    "UnsignedDataObjectProperty",
    "UnsignedProperties",
    "UnsignedSignatureProperties",
    "XMLEvidenceRecord",
    "XMLTimeStamp",
];

/// Evidence records in XML (RFC 6283 §7), in order.
const RECORDS: [&str; 18] = [
    "ArchiveTimeStamp",
    "ArchiveTimeStampChain",
    "ArchiveTimeStampSequence",
    "CanonicalizationMethod",
    "CryptographicInformation",
    "CryptographicInformationList",
    "DigestMethod",
    "DigestValue",
    "EncryptionInformation",
    "EncryptionInformationType",
    "EncryptionInformationValue",
    "EvidenceRecord",
    "HashTree",
    "Sequence",
    "SupportingInformation",
    "SupportingInformationList",
    "TimeStamp",
    "TimeStampToken",
];
