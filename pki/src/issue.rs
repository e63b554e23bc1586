//! Certificates that Chuky makes: intent (stored before anything is signed) → bytes to sign → certificate → comparison with the
//! intent. The same intent and key give the same bytes for ever; nothing here draws randomness or reads a clock.

use crate::algorithm::{DigestAlgorithm, scheme_identifier_der};
use crate::asn1::{tag, write};
use crate::certificate::{Certificate, key_octets};
use crate::crypto;
use crate::error::{Error, Result};
use crate::name::{DistinguishedName, Name};
use crate::oid;
use crate::profile::{ExtendedUsage, Profile};
use crate::qualified;
use crate::signed::ToBeSigned;
use chuky_model::algorithm::SignatureScheme;
use chuky_model::instant::Instant;
use chuky_model::serial::Serial;
use der::asn1::ObjectIdentifier;
use serde::{Deserialize, Serialize};

/// Where relying parties find status, issuer and practice statement; HTTP addresses in ASCII.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Publication {
    pub ocsp: Option<String>,
    pub ca_issuers: Option<String>,
    pub crl: Option<String>,
    pub practice_statement: Option<String>,
}

/// Everything that a certificate will say, but for the public key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificateIntent {
    pub profile: Profile,
    pub serial: Serial,
    /// The issuer's name, DER.
    pub issuer: Vec<u8>,
    /// The issuer's key identifier; `None` where the certificate signs itself.
    pub issuer_key_identifier: Option<Vec<u8>>,
    pub subject: DistinguishedName,
    pub not_before: Instant,
    pub not_after: Instant,
    /// The issuer's scheme.
    pub scheme: SignatureScheme,
    pub publication: Publication,
}

impl CertificateIntent {
    /// A certificate by `issuer`. Refuses what the profile does not admit, and a life that reaches beyond the issuer's.
    pub fn new(
        profile: Profile,
        issuer: &Certificate,
        scheme: SignatureScheme,
        serial: Serial,
        subject: &DistinguishedName,
        (not_before, not_after): (Instant, Instant),
        publication: Publication,
    ) -> Result<Self> {
        let key_identifier = issuer.subject_key_identifier().map(<[u8]>::to_vec);
        let intent = Self {
            profile,
            serial,
            issuer: issuer.subject().as_der().to_vec(),
            issuer_key_identifier: key_identifier,
            subject: subject.normalised(),
            not_before,
            not_after,
            scheme,
            publication,
        };
        if intent.issuer_key_identifier.is_none() {
            return Err(Error::Refused("RFC 5280 §4.2.1.2: the issuer has no subject key identifier".into()));
        }
        if not_before < issuer.not_before() || not_after > issuer.not_after() {
            return Err(Error::Refused("the certificate would outlive its issuer's".into()));
        }
        intent.check()?;
        Ok(intent)
    }

    /// A root that signs itself.
    pub fn self_signed(
        profile: Profile,
        scheme: SignatureScheme,
        serial: Serial,
        subject: &DistinguishedName,
        (not_before, not_after): (Instant, Instant),
    ) -> Result<Self> {
        let intent = Self {
            profile,
            serial,
            issuer: subject.to_der()?,
            issuer_key_identifier: None,
            subject: subject.normalised(),
            not_before,
            not_after,
            scheme,
            publication: Publication::default(),
        };
        intent.check()?;
        Ok(intent)
    }

    fn check(&self) -> Result<()> {
        self.profile.admits(&self.subject)?;
        if self.not_after <= self.not_before {
            return Err(Error::Refused("RFC 5280 §4.1.2.5: the validity ends before it begins".into()));
        }
        let longest = i64::from(self.profile.longest_validity_days) * 86_400;
        if self.not_after > self.not_before.plus_seconds(longest) {
            return Err(Error::Refused(format!("profile {}: the validity is too long", self.profile.name)));
        }
        Ok(())
    }

    /// The form that is stored: JSON with the members in their order here, so that equal intents are equal bytes.
    pub fn to_canonical_bytes(&self) -> Result<Vec<u8>> {
        serde_json::to_vec(self).map_err(|error| Error::Unsupported(error.to_string()))
    }

    /// Reads the stored form.
    pub fn from_canonical_bytes(bytes: &[u8]) -> Result<Self> {
        serde_json::from_slice(bytes).map_err(|_| Error::Malformed("certificate intent"))
    }

    /// The `TBSCertificate` for this public key.
    pub fn to_be_signed(&self, spki: &[u8]) -> Result<ToBeSigned> {
        crypto::PublicKey::from_spki_der(spki)?;
        let validity = write::sequence(&[write::time(self.not_before), write::time(self.not_after)]);
        let extensions = write::sequence(&self.extensions(spki)?);
        let der = write::sequence(&[
            write::element(tag::constructed(0), &write::unsigned(2)),
            write::integer(self.serial.as_octets()),
            scheme_identifier_der(self.scheme),
            self.issuer.clone(),
            validity,
            self.subject.to_der()?,
            spki.to_vec(),
            write::element(tag::constructed(3), &extensions),
        ]);
        Ok(ToBeSigned { der, scheme: self.scheme })
    }

    fn extensions(&self, spki: &[u8]) -> Result<Vec<Vec<u8>>> {
        let profile = &self.profile;
        let own = key_identifier(spki)?;
        let authority = self.issuer_key_identifier.as_ref().unwrap_or(&own);
        let mut extensions = vec![
            extension(&oid::AUTHORITY_KEY_IDENTIFIER, false, &write::sequence(&[write::element(0x80, authority)])),
            extension(&oid::SUBJECT_KEY_IDENTIFIER, false, &write::octet_string(&own)),
        ];
        if profile.is_authority() {
            let length = profile.path_length.map(|length| write::unsigned(u64::from(length))).unwrap_or_default();
            let basic = write::sequence(&[write::boolean(true), length]);
            extensions.push(extension(&oid::BASIC_CONSTRAINTS, true, &basic));
        }
        // All bits that profiles may set lie in the first octet.
        let bits = profile.key_usage.iter().fold(0u8, |bits, usage| bits | (0x80 >> (*usage as u8)));
        let unused = u8::try_from(bits.trailing_zeros()).unwrap_or(7).min(7);
        extensions.push(extension(&oid::KEY_USAGE, true, &write::element(tag::BIT_STRING, &[unused, bits])));
        if !profile.extended_key_usage.is_empty() {
            let usages: Vec<Vec<u8>> =
                profile.extended_key_usage.iter().map(|usage| write::oid(&ExtendedUsage::oid(*usage))).collect();
            let critical = profile.extended_key_usage_critical;
            extensions.push(extension(&oid::EXTENDED_KEY_USAGE, critical, &write::sequence(&usages)));
        }
        if !profile.policies.is_empty() {
            extensions.push(extension(&oid::CERTIFICATE_POLICIES, false, &self.policies()?));
        }
        extensions.extend(self.access()?);
        if profile.crl {
            let uri = self.publication.crl.as_deref().ok_or_else(|| missing("CRL"))?;
            let name = write::element(0xa0, &write::element(0xa0, &uri_name(uri)?));
            let points = write::sequence(&[write::sequence(&[name])]);
            extensions.push(extension(&oid::CRL_DISTRIBUTION_POINTS, false, &points));
        }
        if profile.ocsp_no_check {
            extensions.push(extension(&oid::OCSP_NOCHECK, false, &write::null()));
        }
        if let Some(statements) = profile.qualified.as_ref().and_then(qualified::to_der) {
            extensions.push(extension(&oid::QC_STATEMENTS, false, &statements));
        }
        for private in &profile.private_extensions {
            let malformed = |_| Error::Malformed("private extension");
            let oid = ObjectIdentifier::new(&private.oid).map_err(|_| Error::Malformed("private extension"))?;
            extensions.push(extension(&oid, private.critical, &hex::decode(&private.value).map_err(malformed)?));
        }
        Ok(extensions)
    }

    fn policies(&self) -> Result<Vec<u8>> {
        let mut policies = Vec::new();
        for (policy, oid) in self.profile.policies.iter().zip(self.profile.policy_oids()?) {
            let mut qualifiers = Vec::new();
            let service = self.publication.practice_statement.as_ref().filter(|_| !self.profile.is_authority());
            if let Some(uri) = policy.practice_statement.as_ref().or(service) {
                check_address(uri)?;
                let uri = write::element(tag::IA5_STRING, uri.as_bytes());
                qualifiers.push(write::sequence(&[write::oid(&oid::CPS_QUALIFIER), uri]));
            }
            if let Some(text) = &policy.notice {
                // RFC 5280 §4.2.1.4: explicitText, best as UTF8String; noticeRef is not used.
                let notice = write::sequence(&[write::utf8(text)]);
                qualifiers.push(write::sequence(&[write::oid(&oid::USER_NOTICE_QUALIFIER), notice]));
            }
            let qualifiers = if qualifiers.is_empty() { Vec::new() } else { write::sequence(&qualifiers) };
            policies.push(write::sequence(&[write::oid(&oid), qualifiers]));
        }
        Ok(write::sequence(&policies))
    }

    fn access(&self) -> Result<Option<Vec<u8>>> {
        let mut descriptions = Vec::new();
        if self.profile.ocsp {
            let uri = self.publication.ocsp.as_deref().ok_or_else(|| missing("OCSP responder"))?;
            descriptions.push(write::sequence(&[write::oid(&oid::AD_OCSP), uri_name(uri)?]));
        }
        if self.profile.ca_issuers {
            let uri = self.publication.ca_issuers.as_deref().ok_or_else(|| missing("issuer's certificate"))?;
            descriptions.push(write::sequence(&[write::oid(&oid::AD_CA_ISSUERS), uri_name(uri)?]));
        }
        let value = || write::sequence(&descriptions);
        Ok((!descriptions.is_empty()).then(|| extension(&oid::AUTHORITY_INFORMATION_ACCESS, false, &value())))
    }
}

fn missing(what: &str) -> Error {
    Error::Refused(format!("the profile wants the address of the {what}, and none is set"))
}

/// Refuses what is not an address to put into a certificate.
pub(crate) fn check_address(uri: &str) -> Result<()> {
    let behind = uri.strip_prefix("http://").or_else(|| uri.strip_prefix("https://"));
    let fits = behind.is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_graphic()));
    if fits { Ok(()) } else { Err(Error::Refused(format!("RFC 5280 §4.2.1.6: {uri:?} is not an HTTP URI in ASCII"))) }
}

fn uri_name(uri: &str) -> Result<Vec<u8>> {
    check_address(uri)?;
    Ok(write::element(0x86, uri.as_bytes()))
}

fn extension(kind: &ObjectIdentifier, critical: bool, value: &[u8]) -> Vec<u8> {
    let critical = if critical { write::boolean(true) } else { Vec::new() };
    write::sequence(&[write::oid(kind), critical, write::octet_string(value)])
}

/// The key identifier of RFC 7093 §2, method 1: the leftmost 160 bits of the SHA-256 of the key's octets.
pub fn key_identifier(spki: &[u8]) -> Result<Vec<u8>> {
    let mut hash = crypto::digest(DigestAlgorithm::Sha256, key_octets(spki)?);
    hash.truncate(20);
    Ok(hash)
}

/// Where a certificate differs from what was intended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the certificate differs from the intent in its {0}")]
pub struct Difference(pub &'static str);

/// Compares a finished certificate with the bytes that were to be signed, and says which part of the intent it does not keep.
pub fn compare(
    certificate: &Certificate,
    to_be_signed: &ToBeSigned,
    intent: &CertificateIntent,
    spki: &[u8],
) -> std::result::Result<(), Difference> {
    if certificate.tbs() == to_be_signed.der {
        return Ok(());
    }
    let subject = intent.subject.to_der().and_then(|der| Name::from_der(&der));
    Err(Difference(match () {
        () if certificate.serial_octets() != intent.serial.as_octets() => "serial number",
        () if certificate.issuer().as_der() != intent.issuer => "issuer",
        () if subject.is_ok_and(|subject| subject != *certificate.subject()) => "subject",
        () if certificate.spki_der() != spki => "public key",
        () if certificate.not_before() != intent.not_before || certificate.not_after() != intent.not_after => {
            "validity"
        }
        () => "extensions",
    }))
}
