//! What the two calls are asked with and answer. Texts are bounded here; what depends on the document is decided by the reader.

use crate::{
    error::{RequestError, Result},
    reader::Corner,
    signing::{
        limits::{CERTIFICATE_CHARACTERS, CHAIN_CERTIFICATES, VALUE_CHARACTERS},
        own::Chosen,
        request::{AnchorWanted, Format, Level, Look, Packaging, PageWanted, SignRequest},
    },
};
use base64::{Engine, prelude::BASE64_STANDARD};
use chuky_model::{
    algorithm::{HashAlgorithm, SignatureScheme},
    id::CredentialId,
};
use chuky_pki::certificate::Certificate;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A signature to be made with a key that its holder keeps.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PreparationRequest {
    /// The signer's certificate: PEM, or base64 of DER. In PEM its issuers may follow.
    pub certificate: String,
    /// Further certificates of its issuers, each as above; this authority's own need not be given.
    #[serde(default)]
    pub chain: Vec<String>,
    /// `ecdsa_sha256`, `ecdsa_sha384`, `rsa_pss_sha256`, `rsa_pkcs1_sha256` …; without it ECDSA of the curve's hash, or PSS with SHA-256.
    #[schema(value_type = Option<String>)]
    pub scheme: Option<SignatureScheme>,
    /// `pades`, `cades`, `xades`, `jades`, `asice`, `asics`.
    #[serde(default)]
    #[schema(value_type = String)]
    pub format: Format,
    /// `attached`, `detached`, `enveloped`, where the format leaves a choice.
    #[schema(value_type = Option<String>)]
    pub packaging: Option<Packaging>,
    /// `B`, `T`, or `LT` where this service issued the certificate.
    #[serde(default)]
    #[schema(value_type = String)]
    pub level: Level,
    /// What a PDF shows: `invisible`, `citizen`; `official`, `seal`, `sao-y`, `sao-luc`, `trich-sao`, `appendix` where this service issued the certificate to one.
    #[serde(default)]
    #[schema(value_type = String)]
    pub look: Look,
    /// `first`, `last` or a number from 1.
    #[schema(value_type = Option<String>)]
    pub page: Option<PageWanted>,
    /// A corner of that page.
    #[serde(default)]
    #[schema(value_type = String)]
    pub place: Corner,
    /// Instead of a corner: left, bottom, right, top in points.
    pub rectangle: Option<[f32; 4]>,
    /// Instead of a place: beside a text of the document: `text`, and `page`, `hit` (from 1, the last by default), `side` (above, below, left,
    /// right).
    #[schema(value_type = Option<Object>)]
    pub anchor: Option<AnchorWanted>,
    /// Instead of a place: an empty signature field of the document.
    pub field: Option<String>,
    /// Of an appendix: number and notation of the document that it belongs to.
    pub document_number: Option<String>,
    pub reason: Option<String>,
    pub location: Option<String>,
    /// Base64 of a PNG.
    pub picture: Option<String>,
    /// What the document is called, instead of the file's name in the form.
    pub name: Option<String>,
    /// What it is, instead of the form's `Content-Type`.
    pub media_type: Option<String>,
    /// The document's class: classified ones are refused.
    pub secrecy: Option<String>,
    /// Hex of the SHA-256 of the bytes that the signer was shown; others are not prepared.
    pub sha256: Option<String>,
}

/// What is to be signed, and how it goes on.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct PreparationView {
    /// Goes back with the value, unread and unchanged, to any node of this service.
    pub continuation: String,
    /// Base64 of what the key signs.
    pub digest: String,
    /// Base64 of the octets of which that is the digest (CMS signed attributes, XML `SignedInfo`, JWS signing input), for a key that
    /// hashes itself; absent where they are long.
    pub to_be_signed: Option<String>,
    /// `sha256`, `sha384`, `sha512`.
    #[schema(value_type = String)]
    pub hash: HashAlgorithm,
    #[schema(value_type = String)]
    pub scheme: SignatureScheme,
    /// What the signed file will be called.
    pub signed_name: String,
    /// Of the document, in hex.
    pub sha256: String,
    pub size: u64,
    /// The certificate's common name.
    pub signer: String,
    /// Its serial number, in hex.
    pub serial: String,
    /// The signing time that the signature states, RFC 3339.
    pub signed_at: String,
    /// Until when it can be finished, RFC 3339.
    pub expires_at: String,
}

/// The value for a continuation.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FinishRequest {
    pub continuation: String,
    /// Base64 of the signature value: for RSA its octets, for ECDSA DER (`Ecdsa-Sig-Value`) or r‖s.
    pub value: String,
}

impl PreparationRequest {
    /// The signer's certificate, and others that came along.
    pub(super) fn certificates(&self) -> Result<(Certificate, Vec<Certificate>)> {
        if self.chain.len() > CHAIN_CERTIFICATES {
            return Err(certificate_unreadable().into());
        }
        let mut found = read(&self.certificate)?.into_iter();
        let signer = found.next().ok_or_else(certificate_unreadable)?;
        let mut others: Vec<Certificate> = found.take(CHAIN_CERTIFICATES).collect();
        for text in &self.chain {
            others.extend(read(text)?.into_iter().take(CHAIN_CERTIFICATES));
        }
        Ok((signer, others))
    }

    /// The order as other signatures have it; whose key it is is none of its matters. What a level above T adds is added afterwards.
    pub(super) fn order(&self) -> SignRequest {
        SignRequest {
            credential: CredentialId(Uuid::nil()),
            format: self.format,
            packaging: self.packaging,
            level: if self.level == Level::B { Level::B } else { Level::T },
            look: self.look,
            page: self.page.clone(),
            place: self.place,
            rectangle: self.rectangle,
            anchor: self.anchor.clone(),
            document_number: self.document_number.clone(),
            field: self.field.clone(),
            reason: self.reason.clone(),
            location: self.location.clone(),
            picture: self.picture.clone(),
            kept_picture: false,
            code: None,
            sha256: None,
        }
    }

    /// With exactly what was chosen: what this node knows of issuers may be another's tomorrow.
    pub(super) fn resolved(&self, chosen: &Chosen) -> Self {
        let text = |certificate: &Certificate| BASE64_STANDARD.encode(certificate.der());
        Self {
            certificate: text(&chosen.certificate),
            chain: chosen.further.iter().map(text).collect(),
            scheme: Some(chosen.scheme),
            ..self.clone()
        }
    }

    /// What [`Self::resolved`] wrote.
    pub(super) fn chosen(&self) -> Result<Chosen> {
        let (certificate, further) = self.certificates()?;
        let scheme = self.scheme.ok_or_else(certificate_unreadable)?;
        Ok(Chosen { key: 0, asks_each_time: false, scheme, certificate, further })
    }

    /// SHA-256 of the signer's certificate, in hex.
    pub(super) fn fingerprint(&self) -> Result<String> {
        Ok(hex::encode(self.certificates()?.0.fingerprint()))
    }
}

impl FinishRequest {
    /// The octets of the value.
    pub(super) fn value(&self) -> Result<Vec<u8>> {
        let text = self.value.trim();
        let octets = (text.len() <= VALUE_CHARACTERS).then(|| BASE64_STANDARD.decode(text).ok()).flatten();
        let octets = octets.filter(|octets| !octets.is_empty());
        Ok(octets.ok_or_else(|| {
            RequestError::invalid(
                "value",
                "value_malformed",
                "Giá trị chữ ký phải ở dạng base64.",
                "The signature value is base64.",
            )
        })?)
    }
}

/// The certificates of a text. They are parsed here as those of payments are: short, and by a parser that is made for strangers'.
fn read(text: &str) -> Result<Vec<Certificate>, RequestError> {
    let unreadable = || certificate_unreadable();
    if text.len() > CERTIFICATE_CHARACTERS {
        return Err(unreadable());
    }
    if text.contains("-----BEGIN") {
        return Certificate::all_from_pem(text).map_err(|_| unreadable());
    }
    let packed: String = text.split_whitespace().collect();
    let der = BASE64_STANDARD.decode(packed).map_err(|_| unreadable())?;
    Certificate::from_der(&der).map(|one| vec![one]).map_err(|_| unreadable())
}

fn certificate_unreadable() -> RequestError {
    RequestError::invalid(
        "certificate",
        "certificate_unreadable",
        "Không đọc được chứng thư: cần PEM hoặc base64 của DER, tối đa 8 chứng thư của nơi cấp.",
        "A certificate cannot be read: PEM or base64 of DER, and at most 8 of its issuers.",
    )
}
