//! Digest and signature algorithms as files name them: wider than what Chuky signs with (`chuky_model::algorithm`), because old files
//! must be verified. Reads and writes `AlgorithmIdentifier`s; judges nothing: which algorithm is acceptable when is policy.

use crate::asn1::{Element, Reader, tag, write};
use crate::error::{Error, Result};
use crate::oid;
use chuky_model::algorithm::{HashAlgorithm, SignatureScheme};
use der::asn1::ObjectIdentifier;

/// A hash function. MD5, RIPEMD-160 and SHA-1 serve only to verify old files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DigestAlgorithm {
    Md5,
    Ripemd160,
    Sha1,
    Sha224,
    Sha256,
    Sha384,
    Sha512,
    Sha512_256,
    Sha3_224,
    Sha3_256,
    Sha3_384,
    Sha3_512,
    /// SHAKE256 with 64 octets of output (RFC 8419 §2.3, for Ed448).
    Shake256,
}

const DIGESTS: [(DigestAlgorithm, ObjectIdentifier, usize, &str); 13] = [
    (DigestAlgorithm::Sha256, oid::SHA256, 32, "SHA-256"),
    (DigestAlgorithm::Sha384, oid::SHA384, 48, "SHA-384"),
    (DigestAlgorithm::Sha512, oid::SHA512, 64, "SHA-512"),
    (DigestAlgorithm::Sha1, oid::SHA1, 20, "SHA-1"),
    (DigestAlgorithm::Md5, oid::MD5, 16, "MD5"),
    (DigestAlgorithm::Ripemd160, oid::RIPEMD160, 20, "RIPEMD-160"),
    (DigestAlgorithm::Sha224, oid::SHA224, 28, "SHA-224"),
    (DigestAlgorithm::Sha512_256, oid::SHA512_256, 32, "SHA-512/256"),
    (DigestAlgorithm::Sha3_224, oid::SHA3_224, 28, "SHA3-224"),
    (DigestAlgorithm::Sha3_256, oid::SHA3_256, 32, "SHA3-256"),
    (DigestAlgorithm::Sha3_384, oid::SHA3_384, 48, "SHA3-384"),
    (DigestAlgorithm::Sha3_512, oid::SHA3_512, 64, "SHA3-512"),
    (DigestAlgorithm::Shake256, oid::SHAKE256, 64, "SHAKE256"),
];

/// Every digest algorithm.
pub const ALL_DIGESTS: [DigestAlgorithm; DIGESTS.len()] = {
    let mut all = [DigestAlgorithm::Sha256; DIGESTS.len()];
    let mut at = 0;
    while at < all.len() {
        all[at] = DIGESTS[at].0;
        at += 1;
    }
    all
};

impl DigestAlgorithm {
    fn row(self) -> &'static (DigestAlgorithm, ObjectIdentifier, usize, &'static str) {
        DIGESTS.iter().find(|row| row.0 == self).unwrap_or(&DIGESTS[0])
    }

    /// The algorithm of that object identifier.
    pub fn from_oid(oid: &ObjectIdentifier) -> Option<Self> {
        DIGESTS.iter().find(|row| row.1 == *oid).map(|row| row.0)
    }

    /// Its object identifier.
    pub fn oid(self) -> ObjectIdentifier {
        self.row().1
    }

    /// Length of the digest in bytes.
    pub fn length(self) -> usize {
        self.row().2
    }

    /// Whether collisions are known, or thought to be within reach.
    pub fn is_broken(self) -> bool {
        matches!(self, Self::Md5 | Self::Ripemd160 | Self::Sha1)
    }

    /// The name people know.
    pub fn name(self) -> &'static str {
        self.row().3
    }

    /// `AlgorithmIdentifier` DER, parameters absent (RFC 5754 §2: SHA-2 generators omit them).
    pub fn identifier_der(self) -> Vec<u8> {
        write::sequence(&[write::oid(&self.oid())])
    }

    /// Reads an `AlgorithmIdentifier` of a message digest. A signature algorithm in its place (RFC 5652 §10.1.1 forbids it) is not one.
    pub fn from_identifier(element: &Element<'_>) -> Result<Self> {
        let oid = element.reader().oid("digest AlgorithmIdentifier")?;
        Self::from_oid(&oid).ok_or_else(|| Error::Unsupported(format!("digest algorithm {oid}")))
    }
}

impl From<HashAlgorithm> for DigestAlgorithm {
    fn from(hash: HashAlgorithm) -> Self {
        match hash {
            HashAlgorithm::Sha256 => Self::Sha256,
            HashAlgorithm::Sha384 => Self::Sha384,
            HashAlgorithm::Sha512 => Self::Sha512,
        }
    }
}

/// A signature algorithm with all its parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SignatureAlgorithm {
    RsaPkcs1(DigestAlgorithm),
    /// RFC 4055 §3.1; the salt's length is in bytes.
    RsaPss {
        digest: DigestAlgorithm,
        mgf1: DigestAlgorithm,
        salt: u16,
    },
    Ecdsa(DigestAlgorithm),
    /// BSI TR-03111 §5.2.1: r‖s in place of the DER structure.
    EcdsaPlain(DigestAlgorithm),
    Dsa(DigestAlgorithm),
    Ed25519,
    Ed448,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Family {
    Rsa,
    Ecdsa,
    EcdsaPlain,
    Dsa,
}

const SIGNATURES: [(ObjectIdentifier, Family, DigestAlgorithm); 31] = [
    (oid::ECDSA_WITH_SHA256, Family::Ecdsa, DigestAlgorithm::Sha256),
    (oid::SHA256_WITH_RSA, Family::Rsa, DigestAlgorithm::Sha256),
    (oid::ECDSA_WITH_SHA384, Family::Ecdsa, DigestAlgorithm::Sha384),
    (oid::ECDSA_WITH_SHA512, Family::Ecdsa, DigestAlgorithm::Sha512),
    (oid::ECDSA_WITH_SHA1, Family::Ecdsa, DigestAlgorithm::Sha1),
    (oid::ECDSA_WITH_SHA224, Family::Ecdsa, DigestAlgorithm::Sha224),
    (oid::ECDSA_WITH_SHA3_224, Family::Ecdsa, DigestAlgorithm::Sha3_224),
    (oid::ECDSA_WITH_SHA3_256, Family::Ecdsa, DigestAlgorithm::Sha3_256),
    (oid::ECDSA_WITH_SHA3_384, Family::Ecdsa, DigestAlgorithm::Sha3_384),
    (oid::ECDSA_WITH_SHA3_512, Family::Ecdsa, DigestAlgorithm::Sha3_512),
    (oid::ECDSA_PLAIN_SHA1, Family::EcdsaPlain, DigestAlgorithm::Sha1),
    (oid::ECDSA_PLAIN_SHA224, Family::EcdsaPlain, DigestAlgorithm::Sha224),
    (oid::ECDSA_PLAIN_SHA256, Family::EcdsaPlain, DigestAlgorithm::Sha256),
    (oid::ECDSA_PLAIN_SHA384, Family::EcdsaPlain, DigestAlgorithm::Sha384),
    (oid::ECDSA_PLAIN_SHA512, Family::EcdsaPlain, DigestAlgorithm::Sha512),
    (oid::SHA384_WITH_RSA, Family::Rsa, DigestAlgorithm::Sha384),
    (oid::SHA512_WITH_RSA, Family::Rsa, DigestAlgorithm::Sha512),
    (oid::SHA224_WITH_RSA, Family::Rsa, DigestAlgorithm::Sha224),
    (oid::SHA1_WITH_RSA, Family::Rsa, DigestAlgorithm::Sha1),
    (oid::SHA1_WITH_RSA_OIW, Family::Rsa, DigestAlgorithm::Sha1),
    (oid::MD5_WITH_RSA, Family::Rsa, DigestAlgorithm::Md5),
    (oid::RIPEMD160_WITH_RSA, Family::Rsa, DigestAlgorithm::Ripemd160),
    (oid::SHA3_224_WITH_RSA, Family::Rsa, DigestAlgorithm::Sha3_224),
    (oid::SHA3_256_WITH_RSA, Family::Rsa, DigestAlgorithm::Sha3_256),
    (oid::SHA3_384_WITH_RSA, Family::Rsa, DigestAlgorithm::Sha3_384),
    (oid::SHA3_512_WITH_RSA, Family::Rsa, DigestAlgorithm::Sha3_512),
    (oid::DSA_WITH_SHA1, Family::Dsa, DigestAlgorithm::Sha1),
    (oid::DSA_WITH_SHA224, Family::Dsa, DigestAlgorithm::Sha224),
    (oid::DSA_WITH_SHA256, Family::Dsa, DigestAlgorithm::Sha256),
    (oid::DSA_WITH_SHA384, Family::Dsa, DigestAlgorithm::Sha384),
    (oid::DSA_WITH_SHA512, Family::Dsa, DigestAlgorithm::Sha512),
];

impl SignatureAlgorithm {
    /// Reads a complete `AlgorithmIdentifier`, as certificates, CRLs and OCSP responses carry it.
    pub fn from_identifier(element: &Element<'_>) -> Result<Self> {
        Self::read(element, None)
    }

    /// Reads CMS's signatureAlgorithm, which may name only the key's type: the digest algorithm completes it then (RFC 3370 §3.2).
    pub fn from_cms(element: &Element<'_>, digest: DigestAlgorithm) -> Result<Self> {
        Self::read(element, Some(digest))
    }

    fn read(element: &Element<'_>, digest: Option<DigestAlgorithm>) -> Result<Self> {
        if element.tag != tag::SEQUENCE {
            return Err(Error::Malformed("AlgorithmIdentifier"));
        }
        let mut reader = element.reader();
        let oid = reader.oid("AlgorithmIdentifier")?;
        if let Some((_, family, digest)) = SIGNATURES.iter().find(|row| row.0 == oid) {
            return Ok(match family {
                Family::Rsa => Self::RsaPkcs1(*digest),
                Family::Ecdsa => Self::Ecdsa(*digest),
                Family::EcdsaPlain => Self::EcdsaPlain(*digest),
                Family::Dsa => Self::Dsa(*digest),
            });
        }
        match (oid, digest) {
            (oid::RSASSA_PSS, _) => read_pss(reader),
            (oid::ED25519, _) => Ok(Self::Ed25519),
            (oid::ED448, _) => Ok(Self::Ed448),
            (oid::RSA_ENCRYPTION, Some(digest)) => Ok(Self::RsaPkcs1(digest)),
            (oid::EC_PUBLIC_KEY, Some(digest)) => Ok(Self::Ecdsa(digest)),
            (oid::DSA, Some(digest)) => Ok(Self::Dsa(digest)),
            _ => Err(Error::Unsupported(format!("signature algorithm {oid}"))),
        }
    }

    /// The digest that is signed; `None` for EdDSA, which signs the message itself.
    pub fn digest(self) -> Option<DigestAlgorithm> {
        match self {
            Self::RsaPkcs1(digest)
            | Self::Ecdsa(digest)
            | Self::EcdsaPlain(digest)
            | Self::Dsa(digest)
            | Self::RsaPss { digest, .. } => Some(digest),
            Self::Ed25519 | Self::Ed448 => None,
        }
    }

    /// A short name for reports, e.g. `ECDSA with SHA-256`.
    pub fn name(self) -> String {
        match self {
            Self::RsaPkcs1(digest) => format!("RSA with {}", digest.name()),
            Self::RsaPss { digest, .. } => format!("RSA-PSS with {}", digest.name()),
            Self::Ecdsa(digest) | Self::EcdsaPlain(digest) => format!("ECDSA with {}", digest.name()),
            Self::Dsa(digest) => format!("DSA with {}", digest.name()),
            Self::Ed25519 => "Ed25519".into(),
            Self::Ed448 => "Ed448".into(),
        }
    }
}

impl From<SignatureScheme> for SignatureAlgorithm {
    fn from(scheme: SignatureScheme) -> Self {
        let digest = DigestAlgorithm::from(scheme.hash());
        match scheme {
            SignatureScheme::EcdsaSha256 | SignatureScheme::EcdsaSha384 => Self::Ecdsa(digest),
            SignatureScheme::RsaPkcs1Sha256 | SignatureScheme::RsaPkcs1Sha384 | SignatureScheme::RsaPkcs1Sha512 => {
                Self::RsaPkcs1(digest)
            }
            SignatureScheme::RsaPssSha256 | SignatureScheme::RsaPssSha384 | SignatureScheme::RsaPssSha512 => {
                let salt = u16::try_from(digest.length()).unwrap_or(u16::MAX);
                Self::RsaPss { digest, mgf1: digest, salt }
            }
        }
    }
}

/// Algorithm and parameters apart, as the signing API names them (CSC API §11.10): the OID, and DER of parameters where the scheme has any
/// that say more than its OID.
pub fn scheme_parts(scheme: SignatureScheme) -> (ObjectIdentifier, Option<Vec<u8>>) {
    let identifier = scheme_identifier_der(scheme);
    let parts = Element::only(&identifier, "AlgorithmIdentifier").and_then(|whole| {
        let mut reader = whole.reader();
        let oid = reader.oid("AlgorithmIdentifier")?;
        let parameters = reader.optional(tag::SEQUENCE)?.map(|element| write::element(tag::SEQUENCE, element.content));
        Ok((oid, parameters))
    });
    parts.unwrap_or((oid::ECDSA_WITH_SHA256, None))
}

/// Whether these parameters (DER) of this algorithm are the scheme's, however they are written.
pub fn are_parameters(scheme: SignatureScheme, parameters: &[u8]) -> bool {
    let (oid, _) = scheme_parts(scheme);
    let identifier = write::sequence(&[write::oid(&oid), parameters.to_vec()]);
    let read = Element::only(&identifier, "AlgorithmIdentifier")
        .and_then(|element| SignatureAlgorithm::from_identifier(&element));
    read == Ok(SignatureAlgorithm::from(scheme))
}

/// `AlgorithmIdentifier` DER of a scheme that Chuky signs with (RFC 5758 §3.2, RFC 4055 §3 and §5).
pub fn scheme_identifier_der(scheme: SignatureScheme) -> Vec<u8> {
    let digest = DigestAlgorithm::from(scheme.hash());
    let family = match SignatureAlgorithm::from(scheme) {
        SignatureAlgorithm::RsaPss { .. } => return pss_identifier_der(digest),
        SignatureAlgorithm::Ecdsa(_) => Family::Ecdsa,
        _ => Family::Rsa,
    };
    let oid =
        SIGNATURES.iter().find(|row| row.1 == family && row.2 == digest).map_or(oid::ECDSA_WITH_SHA256, |row| row.0);
    // RFC 4055 §5: NULL for RSA PKCS #1; RFC 5758 §3.2: absent for ECDSA.
    let parameters = if family == Family::Rsa { write::null() } else { Vec::new() };
    write::sequence(&[write::oid(&oid), parameters])
}

fn pss_identifier_der(digest: DigestAlgorithm) -> Vec<u8> {
    let hash = write::sequence(&[write::oid(&digest.oid()), write::null()]);
    let mask = write::sequence(&[write::oid(&oid::MGF1), hash.clone()]);
    let salt = write::unsigned(digest.length() as u64);
    let parameters = write::sequence(&[
        write::element(tag::constructed(0), &hash),
        write::element(tag::constructed(1), &mask),
        write::element(tag::constructed(2), &salt),
    ]);
    write::sequence(&[write::oid(&oid::RSASSA_PSS), parameters])
}

/// RFC 4055 §3.1: every field has a SHA-1 based default.
fn read_pss(mut reader: Reader<'_>) -> Result<SignatureAlgorithm> {
    const WHAT: &str = "RSASSA-PSS parameters";
    let mut algorithm = (DigestAlgorithm::Sha1, DigestAlgorithm::Sha1, 20);
    if reader.peek() == Some(tag::SEQUENCE) {
        let mut fields = reader.sequence(WHAT)?;
        if let Some(field) = fields.optional(tag::constructed(0))? {
            algorithm.0 = DigestAlgorithm::from_identifier(&Element::only(field.content, WHAT)?)?;
        }
        if let Some(field) = fields.optional(tag::constructed(1))? {
            let mut mask = field.reader().sequence(WHAT)?;
            if mask.oid(WHAT)? != oid::MGF1 {
                return Err(Error::Unsupported("mask generation function".into()));
            }
            algorithm.1 = DigestAlgorithm::from_identifier(&mask.expect(tag::SEQUENCE, WHAT)?)?;
        }
        if let Some(field) = fields.optional(tag::constructed(2))? {
            let salt = field.reader().expect(tag::INTEGER, WHAT)?.unsigned()?;
            algorithm.2 = u16::try_from(salt).map_err(|_| Error::Malformed(WHAT))?;
        }
        if let Some(field) = fields.optional(tag::constructed(3))?
            && field.reader().expect(tag::INTEGER, WHAT)?.unsigned()? != 1
        {
            return Err(Error::Malformed(WHAT));
        }
        fields.finish(WHAT)?;
    }
    let (digest, mgf1, salt) = algorithm;
    Ok(SignatureAlgorithm::RsaPss { digest, mgf1, salt })
}
