//! Certificate profiles: what each kind of certificate holds and how long it may live. Built in as TOML; one that would break
//! RFC 5280 is refused when it is read, with the clause.

use crate::error::{Error, Result};
use crate::name::{DistinguishedName, NameAttribute};
use crate::oid;
use der::asn1::ObjectIdentifier;
use serde::{Deserialize, Serialize};
use std::sync::OnceLock;

/// Key usages that profiles may name (RFC 5280 §4.2.1.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Usage {
    DigitalSignature = 0,
    ContentCommitment = 1,
    KeyCertSign = 5,
    CrlSign = 6,
}

/// Extended key usages that profiles may name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExtendedUsage {
    /// RFC 9336.
    DocumentSigning,
    EmailProtection,
    ClientAuth,
    TimeStamping,
    OcspSigning,
}

impl ExtendedUsage {
    /// Its object identifier.
    pub fn oid(self) -> ObjectIdentifier {
        match self {
            Self::DocumentSigning => oid::KP_DOCUMENT_SIGNING,
            Self::EmailProtection => oid::KP_EMAIL_PROTECTION,
            Self::ClientAuth => oid::KP_CLIENT_AUTH,
            Self::TimeStamping => oid::KP_TIME_STAMPING,
            Self::OcspSigning => oid::KP_OCSP_SIGNING,
        }
    }
}

/// What certificates of one kind hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    pub name: String,
    /// Whether it is a CA.
    #[serde(default)]
    pub authority: bool,
    /// `pathLenConstraint`, for CAs.
    #[serde(default)]
    pub path_length: Option<u8>,
    pub longest_validity_days: u32,
    pub key_usage: Vec<Usage>,
    #[serde(default)]
    pub extended_key_usage: Vec<ExtendedUsage>,
    #[serde(default)]
    pub extended_key_usage_critical: bool,
    /// RFC 6960 §4.2.2.2.1, for responders.
    #[serde(default)]
    pub ocsp_no_check: bool,
    /// Certificate policy, dotted.
    #[serde(default)]
    pub policy: Option<String>,
    /// Attributes that the subject must have.
    pub subject: Vec<NameAttribute>,
    /// Attributes that it may have besides.
    #[serde(default)]
    pub subject_optional: Vec<NameAttribute>,
    /// Whether the address of the OCSP responder is put in.
    #[serde(default)]
    pub ocsp: bool,
    /// Whether the address of the issuer's certificate is put in.
    #[serde(default)]
    pub ca_issuers: bool,
    /// Whether the address of the CRL is put in.
    #[serde(default)]
    pub crl: bool,
}

const BUILT_IN: [&str; 6] = [
    include_str!("profiles/root.toml"),
    include_str!("profiles/issuing.toml"),
    include_str!("profiles/ocsp.toml"),
    include_str!("profiles/timestamp.toml"),
    include_str!("profiles/citizen.toml"),
    include_str!("profiles/official.toml"),
];

impl Profile {
    /// Reads and checks a profile.
    pub fn from_toml(text: &str) -> Result<Self> {
        let profile: Self = toml::from_str(text).map_err(|error| Error::Refused(error.to_string()))?;
        profile.check()?;
        Ok(profile)
    }

    /// The built-in profile of that name: `root`, `issuing`, `ocsp`, `timestamp`, `citizen`, `official`.
    pub fn built_in(name: &str) -> Result<Self> {
        static READ: OnceLock<Result<Vec<Profile>>> = OnceLock::new();
        let profiles = READ.get_or_init(|| BUILT_IN.iter().map(|text| Self::from_toml(text)).collect()).as_ref();
        let found = profiles.map_err(Clone::clone)?.iter().find(|profile| profile.name == name);
        found.cloned().ok_or_else(|| Error::Unsupported(format!("profile {name:?}")))
    }

    /// The certificate policy.
    pub fn policy_oid(&self) -> Result<Option<ObjectIdentifier>> {
        let parse = |text: &String| {
            ObjectIdentifier::new(text)
                .map_err(|_| Error::Refused(format!("policy {text:?} is not an object identifier")))
        };
        self.policy.as_ref().map(parse).transpose()
    }

    /// Refuses what would break a rule of RFC 5280, RFC 3161 or RFC 6960.
    fn check(&self) -> Result<()> {
        let has = |usage| self.key_usage.contains(&usage);
        let extended = |usage| self.extended_key_usage.contains(&usage);
        let refuse = |text: &str| Err(Error::Refused(format!("profile {}: {text}", self.name)));
        self.policy_oid()?;
        if self.key_usage.is_empty() {
            return refuse("RFC 5280 §4.2.1.3: at least one key usage bit must be set");
        }
        if has(Usage::KeyCertSign) != self.authority {
            return refuse("RFC 5280 §4.2.1.9: keyCertSign is for CAs, and only for them");
        }
        if self.path_length.is_some() && !self.authority {
            return refuse("RFC 5280 §4.2.1.9: pathLenConstraint is for CAs");
        }
        if extended(ExtendedUsage::TimeStamping)
            && (self.extended_key_usage.len() != 1 || !self.extended_key_usage_critical)
        {
            return refuse("RFC 3161 §2.3: timeStamping stands alone and is critical");
        }
        if self.ocsp_no_check && !extended(ExtendedUsage::OcspSigning) {
            return refuse("RFC 6960 §4.2.2.2.1: nocheck is for OCSP responders");
        }
        if self.subject.is_empty() {
            return refuse("RFC 5280 §4.1.2.6: the subject must not be empty");
        }
        if self.longest_validity_days == 0 || self.longest_validity_days > 11_000 {
            return refuse("the validity is not between one day and thirty years");
        }
        Ok(())
    }

    /// Whether the subject has what it must and nothing that it may not.
    pub fn admits(&self, subject: &DistinguishedName) -> Result<()> {
        for wanted in &self.subject {
            if !subject.0.iter().any(|(attribute, _)| attribute == wanted) {
                return Err(Error::Refused(format!("profile {}: the subject lacks {}", self.name, wanted.short())));
            }
        }
        for (attribute, _) in &subject.0 {
            if !self.subject.contains(attribute) && !self.subject_optional.contains(attribute) {
                let short = attribute.short();
                return Err(Error::Refused(format!("profile {}: the subject may not have {short}", self.name)));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    #[test]
    fn built_in_profiles_are_accepted() {
        for name in ["root", "issuing", "ocsp", "timestamp", "citizen", "official"] {
            assert_eq!(Profile::built_in(name).unwrap().name, name);
        }
    }

    #[test]
    fn rule_breakers_are_refused_with_the_clause() {
        let citizen = BUILT_IN[4];
        for (from, to, clause) in [
            ("\"digital_signature\"", "\"key_cert_sign\"", "§4.2.1.9"),
            ("[\"digital_signature\", \"content_commitment\"]", "[]", "§4.2.1.3"),
            ("\"document_signing\"", "\"time_stamping\"", "RFC 3161"),
            ("ocsp = true", "ocsp = true\npath_length = 1", "§4.2.1.9"),
        ] {
            let error = Profile::from_toml(&citizen.replace(from, to)).unwrap_err().to_string();
            assert!(error.contains(clause), "{error}");
        }
    }
}
