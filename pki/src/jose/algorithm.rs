//! The allow-list of JWS algorithms (RFC 7518 §3.1), each with the one key family it may be used with. `none`, every HMAC and
//! everything unknown are refused here, before any key is looked at.

use chuky_model::algorithm::{HashAlgorithm, SignatureScheme};

/// A JWS algorithm that Chuky accepts and makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum JwsAlgorithm {
    Es256,
    Es384,
    Rs256,
    Rs384,
    Rs512,
    Ps256,
    Ps384,
    Ps512,
}

impl JwsAlgorithm {
    /// Every algorithm on the list.
    pub const ALL: [JwsAlgorithm; 8] =
        [Self::Es256, Self::Es384, Self::Rs256, Self::Rs384, Self::Rs512, Self::Ps256, Self::Ps384, Self::Ps512];

    /// The `alg` value.
    pub fn name(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Ps256 => "PS256",
            Self::Ps384 => "PS384",
            Self::Ps512 => "PS512",
        }
    }

    /// The algorithm of that `alg` value, `None` where it is not on the list. Names are case-sensitive (RFC 7515 §4.1.1).
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }

    /// The signature scheme, as keys and HSM know it.
    pub fn scheme(self) -> SignatureScheme {
        match self {
            Self::Es256 => SignatureScheme::EcdsaSha256,
            Self::Es384 => SignatureScheme::EcdsaSha384,
            Self::Rs256 => SignatureScheme::RsaPkcs1Sha256,
            Self::Rs384 => SignatureScheme::RsaPkcs1Sha384,
            Self::Rs512 => SignatureScheme::RsaPkcs1Sha512,
            Self::Ps256 => SignatureScheme::RsaPssSha256,
            Self::Ps384 => SignatureScheme::RsaPssSha384,
            Self::Ps512 => SignatureScheme::RsaPssSha512,
        }
    }

    /// The algorithm of a scheme.
    pub fn from_scheme(scheme: SignatureScheme) -> Self {
        match scheme {
            SignatureScheme::EcdsaSha256 => Self::Es256,
            SignatureScheme::EcdsaSha384 => Self::Es384,
            SignatureScheme::RsaPkcs1Sha256 => Self::Rs256,
            SignatureScheme::RsaPkcs1Sha384 => Self::Rs384,
            SignatureScheme::RsaPkcs1Sha512 => Self::Rs512,
            SignatureScheme::RsaPssSha256 => Self::Ps256,
            SignatureScheme::RsaPssSha384 => Self::Ps384,
            SignatureScheme::RsaPssSha512 => Self::Ps512,
        }
    }

    /// The hash that is signed.
    pub fn hash(self) -> HashAlgorithm {
        self.scheme().hash()
    }

    /// Octets of each half of an ECDSA signature (RFC 7518 §3.4), `None` for RSA.
    pub fn half_length(self) -> Option<usize> {
        match self {
            Self::Es256 => Some(32),
            Self::Es384 => Some(48),
            _ => None,
        }
    }
}
