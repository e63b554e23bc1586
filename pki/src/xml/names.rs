//! Namespace names of the signature formats. Names only.

/// XML Signature.
pub const DSIG: &str = "http://www.w3.org/2000/09/xmldsig#";
/// The additions of XML Signature 1.1.
pub const DSIG11: &str = "http://www.w3.org/2009/xmldsig11#";
/// Exclusive canonicalisation's `InclusiveNamespaces`.
pub const EXCLUSIVE: &str = "http://www.w3.org/2001/10/xml-exc-c14n#";
/// XPath Filter 2.0.
pub const FILTER2: &str = "http://www.w3.org/2002/06/xmldsig-filter2";
/// XAdES 1.3.2, what EN 319 132-1 writes.
pub const XADES_132: &str = "http://uri.etsi.org/01903/v1.3.2#";
/// The additions of XAdES 1.4.1.
pub const XADES_141: &str = "http://uri.etsi.org/01903/v1.4.1#";
/// The additions of EN 319 132-1.
pub const XADES_EN: &str = "http://uri.etsi.org/19132/v1.1.1#";
/// Evidence records in XML (RFC 6283).
pub const ERS: &str = "urn:ietf:params:xml:ns:ers";
/// Manifests and signature files of containers (EN 319 162-1 annex A).
pub const ASIC: &str = "http://uri.etsi.org/02918/v1.2.1#";
/// The same and what makers of earlier versions (TS 102 918) write for it.
pub const ASIC_VERSIONS: [&str; 4] =
    [ASIC, "http://uri.etsi.org/02918/v1.1.1#", "http://uri.etsi.org/2918/v1.2.1#", "http://uri.etsi.org/2918/v1.1.1#"];
/// What XAdES namespaces begin with: v1.1.1, v1.2.2, v1.3.2, v1.4.1.
const XADES: &str = "http://uri.etsi.org/01903/v";
/// `Type` of the reference to `SignedProperties` (EN 319 132-1 §4.4.2); older versions put their number into it.
const SIGNED_PROPERTIES: &str = "#SignedProperties";
/// `Type` of that reference, as it is written.
pub const SIGNED_PROPERTIES_TYPE: &str = "http://uri.etsi.org/01903#SignedProperties";
/// What that `Type` begins with.
const XADES_TYPE: &str = "http://uri.etsi.org/01903";
/// `Type` of a reference to a manifest (XMLDSig §5.1).
pub const MANIFEST_TYPE: &str = "http://www.w3.org/2000/09/xmldsig#Manifest";

/// Whether this is a namespace of any version of XAdES.
pub fn is_xades(namespace: &str) -> bool {
    namespace.starts_with(XADES)
}

/// Whether a reference's `Type` says that it is to `SignedProperties`.
pub fn is_signed_properties_type(kind: &str) -> bool {
    kind.starts_with(XADES_TYPE) && kind.ends_with(SIGNED_PROPERTIES)
}
