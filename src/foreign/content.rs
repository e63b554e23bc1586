//! What a row of a registered certificate keeps encrypted: the certificate and its issuers, the proof, and how far it fits the account's person.

use crate::{
    app::App,
    error::{InternalError, RequestError, Result},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use chuky_model::{algorithm::SignatureScheme, id::ForeignCertificateId};
use chuky_pki::certificate::Certificate;
use serde::{Deserialize, Serialize};

/// How a certificate fits the account that it is registered for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ForeignFit)]
pub enum Fit {
    /// It holds the person's number.
    Number,
    /// It holds no number, and the name is the same.
    Name,
    /// The name is another: somebody decides.
    NameDiffers,
    /// Its key stood with an account before that somebody else took it from: somebody decides.
    StoodBefore,
}

impl Fit {
    /// The stable name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Number => "number",
            Self::Name => "name",
            Self::NameDiffers => "name_differs",
            Self::StoodBefore => "stood_before",
        }
    }

    /// Whether a program may register it by itself.
    pub fn is_settled(self) -> bool {
        matches!(self, Self::Number | Self::Name)
    }
}

/// What is kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Content {
    /// Base64 of DER.
    pub certificate: String,
    /// Its issuers below the root.
    pub chain: Vec<String>,
    pub scheme: SignatureScheme,
    /// The text that was signed, and base64 of its signature.
    pub text: String,
    pub value: String,
    pub fit: Fit,
    /// Why its status was not known when it was registered; empty where it was.
    pub status_reason: String,
}

impl Content {
    pub(super) fn seal(&self, app: &App, id: ForeignCertificateId) -> Result<Vec<u8>> {
        let plain = serde_json::to_vec(self).map_err(|error| InternalError::other(error.to_string()))?;
        app.vault.seal(PLACE, &id.to_string(), &plain)
    }

    pub(super) fn open(app: &App, id: ForeignCertificateId, sealed: &[u8]) -> Result<Self> {
        let plain = app.vault.open(PLACE, &id.to_string(), sealed)?;
        Ok(serde_json::from_slice(&plain).map_err(|error| InternalError::other(error.to_string()))?)
    }

    pub(super) fn certificate(&self) -> Result<Certificate> {
        read(&self.certificate)
    }

    pub(super) fn chain(&self) -> Result<Vec<Certificate>> {
        self.chain.iter().map(|text| read(text)).collect()
    }
}

/// As the row keeps a certificate.
pub(super) fn written(certificate: &Certificate) -> String {
    BASE64_STANDARD.encode(certificate.der())
}

fn read(text: &str) -> Result<Certificate> {
    let der = BASE64_STANDARD.decode(text).map_err(|error| InternalError::other(error.to_string()))?;
    Ok(Certificate::from_der(&der).map_err(|error| InternalError::Pki(error.to_string()))?)
}

/// The certificates of an upload: PEM, DER, or base64 of DER.
pub(super) fn uploaded(file: &[u8]) -> Result<Vec<Certificate>> {
    let found = match std::str::from_utf8(file) {
        Ok(text) if text.contains("-----BEGIN") => Certificate::all_from_pem(text),
        Ok(text) => {
            let packed: String = text.split_whitespace().collect();
            let der = BASE64_STANDARD.decode(packed).map_err(|_| unreadable())?;
            Certificate::from_der(&der).map(|one| vec![one])
        }
        Err(_) => Certificate::from_der(file).map(|one| vec![one]),
    };
    let found = found.map_err(|_| unreadable())?;
    if found.is_empty() || found.len() > MOST_CERTIFICATES || file.len() > LARGEST_FILE {
        return Err(unreadable().into());
    }
    Ok(found)
}

fn unreadable() -> RequestError {
    RequestError::invalid(
        "certificate",
        "certificate_unreadable",
        "Không đọc được chứng thư. Hãy chọn tệp PEM, CRT hoặc CER của chứng thư (không phải tệp .p12 hay yêu cầu cấp), kèm tối đa 8 chứng thư của nơi cấp.",
        "The certificate cannot be read. Choose its PEM, CRT or CER file (no .p12 and no request), with at most 8 certificates of its issuers.",
    )
}

const PLACE: &str = "foreign_certificate.content";
/// A signer's certificate and its issuers.
const MOST_CERTIFICATES: usize = 9;
/// Octets of an upload: certificates have two to four thousand each.
pub(super) const LARGEST_FILE: usize = 64 << 10;
