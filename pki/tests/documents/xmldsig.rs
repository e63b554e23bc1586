//! XML signatures put together as text that is its own canonical form, so that each reference can be what a test is about.

use crate::world::Party;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use chuky_pki::crypto::ecdsa_der_to_raw;
use openssl::sha::sha256;

pub const DSIG: &str = "http://www.w3.org/2000/09/xmldsig#";
pub const EXCLUSIVE: &str = "http://www.w3.org/2001/10/xml-exc-c14n#";
pub const ENVELOPED: &str = "http://www.w3.org/2000/09/xmldsig#enveloped-signature";
pub const BASE64: &str = "http://www.w3.org/2000/09/xmldsig#base64";
pub const RELATIONSHIPS: &str = "http://schemas.openxmlformats.org/package/2006/RelationshipTransform";

/// A transform without parameters.
pub fn transform(uri: &str) -> String {
    format!(r#"<Transform Algorithm="{uri}"></Transform>"#)
}

/// XPath Filter 2.0 that takes elements of this name out.
pub fn subtract(namespace: &str, name: &str) -> String {
    let path = "http://www.w3.org/2002/06/xmldsig-filter2";
    let (prefix, name) = if namespace.is_empty() {
        (String::new(), name.to_owned())
    } else {
        (format!(r#" xmlns:n="{namespace}""#), format!("n:{name}"))
    };
    // The declaration is used in the expression alone, so that the exclusive canonical form leaves it out.
    format!(
        r#"<Transform Algorithm="{path}"><XPath xmlns="{path}"{prefix} Filter="subtract">//{name}</XPath></Transform>"#
    )
}

/// The relationship transform for these identifiers.
pub fn relationships(identifiers: &[&str]) -> String {
    let namespace = "http://schemas.openxmlformats.org/package/2006/digital-signature";
    let one = |id: &&str| {
        format!(r#"<m:RelationshipReference xmlns:m="{namespace}" SourceId="{id}"></m:RelationshipReference>"#)
    };
    let all: String = identifiers.iter().map(one).collect();
    format!(r#"<Transform Algorithm="{RELATIONSHIPS}">{all}</Transform>"#)
}

/// A reference to something of which this reaches the digest.
pub fn reference(uri: &str, transforms: &[String], digested: &[u8]) -> String {
    let transforms = match transforms.concat() {
        none if none.is_empty() => none,
        some => format!("<Transforms>{some}</Transforms>"),
    };
    format!(
        r#"<Reference URI="{uri}">{transforms}<DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"></DigestMethod><DigestValue>{}</DigestValue></Reference>"#,
        STANDARD.encode(sha256(digested))
    )
}

/// A signature of these references, with these objects in it.
pub fn signature(signer: &Party, references: &[String], objects: &str) -> String {
    let inner = format!(
        r#"<CanonicalizationMethod Algorithm="{EXCLUSIVE}"></CanonicalizationMethod><SignatureMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256"></SignatureMethod>{}"#,
        references.concat()
    );
    let canonical =
        format!(r#"<SignedInfo xmlns="{DSIG}">{}</SignedInfo>"#, inner.replace(&format!(r#" xmlns:n="{DSIG}""#), ""));
    let value = ecdsa_der_to_raw(&signer.sign(&sha256(canonical.as_bytes())), 32).unwrap();
    format!(
        r#"<Signature xmlns="{DSIG}" Id="s"><SignedInfo>{inner}</SignedInfo><SignatureValue>{}</SignatureValue><KeyInfo><X509Data><X509Certificate>{}</X509Certificate></X509Data></KeyInfo>{objects}</Signature>"#,
        STANDARD.encode(value),
        STANDARD.encode(signer.certificate.der())
    )
}
