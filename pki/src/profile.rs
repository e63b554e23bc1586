//! Certificate profiles: what each kind of certificate holds and how long it may live. Built in as TOML, replaceable by texts of the
//! operator's; one that would break RFC 5280, EN 319 412 or the law it names is refused when it is read, with the clause.

mod field;
mod rules;
#[cfg(test)]
mod tests;

pub use field::FieldRule;

use crate::error::{Error, Result};
use crate::issue::Publication;
use crate::name::DistinguishedName;
use crate::oid;
use crate::qualified::Qualified;
use chuky_model::algorithm::KeyAlgorithm;
use der::asn1::ObjectIdentifier;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
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

/// Whom a certificate is for: decides which norms bind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Holder {
    /// A CA.
    Authority,
    /// A natural person: EN 319 412-2.
    Person,
    /// A legal person: EN 319 412-3.
    Organization,
    /// A machine or a program of a subscriber.
    Device,
    /// A service of the authority itself: status, time.
    Service,
}

/// The law whose limits bind a profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Law {
    /// Decree 23/2025/NĐ-CP: public digital signatures.
    Public,
    /// Decree 68/2024/NĐ-CP: digital signatures for official duty.
    Official,
}

/// A certificate policy (RFC 5280 §4.2.1.4).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// Dotted.
    pub oid: String,
    /// Address of the practice statement, in the place of the service's own.
    #[serde(default)]
    pub practice_statement: Option<String>,
    /// A text that readers may show, at most 200 characters.
    #[serde(default)]
    pub notice: Option<String>,
}

/// An extension of the operator's own, with a fixed value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PrivateExtension {
    /// Dotted.
    pub oid: String,
    #[serde(default)]
    pub critical: bool,
    /// The DER inside extnValue, hexadecimal.
    pub value: String,
}

/// Addresses in the place of the service's own. `{issuer}` stands for the label of the issuing key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Addresses {
    pub ocsp: Option<String>,
    pub ca_issuers: Option<String>,
    pub crl: Option<String>,
}

/// What certificates of one kind hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    pub name: String,
    pub holder: Holder,
    pub law: Law,
    /// `pathLenConstraint`, for CAs.
    #[serde(default)]
    pub path_length: Option<u8>,
    pub longest_validity_days: u32,
    /// For a certificate that follows an earlier one of the same subscriber, where the law tells them apart.
    #[serde(default)]
    pub longest_extension_days: Option<u32>,
    /// Key types that are certified, by the names of settings and API.
    pub keys: Vec<String>,
    pub key_usage: Vec<Usage>,
    #[serde(default)]
    pub extended_key_usage: Vec<ExtendedUsage>,
    #[serde(default)]
    pub extended_key_usage_critical: bool,
    /// RFC 6960 §4.2.2.2.1, for responders.
    #[serde(default)]
    pub ocsp_no_check: bool,
    #[serde(default)]
    pub policies: Vec<Policy>,
    /// Attributes that the subject may have, with their rules.
    pub subject: Vec<FieldRule>,
    /// Whether the address of the OCSP responder is put in.
    #[serde(default)]
    pub ocsp: bool,
    /// Whether the address of the issuer's certificate is put in.
    #[serde(default)]
    pub ca_issuers: bool,
    /// Whether the address of the CRL is put in.
    #[serde(default)]
    pub crl: bool,
    #[serde(default)]
    pub addresses: Addresses,
    /// EN 319 412-5.
    #[serde(default)]
    pub qualified: Option<Qualified>,
    #[serde(default)]
    pub private_extensions: Vec<PrivateExtension>,
}

const BUILT_IN: [&str; 10] = [
    include_str!("profiles/root.toml"),
    include_str!("profiles/issuing.toml"),
    include_str!("profiles/ocsp.toml"),
    include_str!("profiles/timestamp.toml"),
    include_str!("profiles/citizen.toml"),
    include_str!("profiles/cross.toml"),
    include_str!("profiles/official.toml"),
    include_str!("profiles/seal.toml"),
    include_str!("profiles/device.toml"),
    include_str!("profiles/payment_provider.toml"),
];

/// The profiles in force: the built-in ones, some of them replaced by the operator's, and further ones of the operator's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profiles(BTreeMap<String, Profile>);

impl Profiles {
    /// The built-in profiles alone.
    pub fn built_in() -> Result<&'static Self> {
        static READ: OnceLock<Result<Profiles>> = OnceLock::new();
        let read = || {
            let profiles = BUILT_IN.iter().map(|text| Profile::from_toml(text));
            Ok(Self(profiles.map(|one| one.map(|one| (one.name.clone(), one))).collect::<Result<_>>()?))
        };
        READ.get_or_init(read).as_ref().map_err(Clone::clone)
    }

    /// The built-in profiles with these texts over them. A name that stands in two texts is refused.
    pub fn replaced_by<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<Self> {
        let mut profiles = Self::built_in()?.clone();
        let mut own = Vec::new();
        for text in texts {
            let profile = Profile::from_toml(text)?;
            if own.contains(&profile.name) {
                return Err(Error::Refused(format!("profile {} stands in two files", profile.name)));
            }
            own.push(profile.name.clone());
            profiles.0.insert(profile.name.clone(), profile);
        }
        Ok(profiles)
    }

    /// The profile of that name.
    pub fn by_name(&self, name: &str) -> Result<&Profile> {
        self.0.get(name).ok_or_else(|| Error::Unsupported(format!("profile {name:?}")))
    }

    /// Every profile, by name.
    pub fn all(&self) -> impl Iterator<Item = &Profile> {
        self.0.values()
    }
}

impl Profile {
    /// Reads and checks a profile.
    pub fn from_toml(text: &str) -> Result<Self> {
        let profile: Self = toml::from_str(text).map_err(|error| Error::Refused(error.to_string()))?;
        rules::check(&profile)?;
        Ok(profile)
    }

    /// The built-in profile of that name.
    pub fn built_in(name: &str) -> Result<Self> {
        Profiles::built_in()?.by_name(name).cloned()
    }

    /// Whether it is a CA's.
    pub fn is_authority(&self) -> bool {
        self.holder == Holder::Authority
    }

    /// The certificate policies.
    pub fn policy_oids(&self) -> Result<Vec<ObjectIdentifier>> {
        self.policies.iter().map(|policy| rules::object_identifier(&policy.oid)).collect()
    }

    /// Whether keys of that type are certified.
    pub fn admits_key(&self, algorithm: KeyAlgorithm) -> bool {
        self.keys.iter().any(|name| name == algorithm.name())
    }

    /// The addresses that certificates of this profile name: the profile's own before those of the service.
    pub fn publication(&self, service: Publication, issuer_label: &str) -> Publication {
        let own = |own: &Option<String>, other: Option<String>| {
            own.as_ref().map(|address| address.replace(rules::ISSUER, issuer_label)).or(other)
        };
        Publication {
            ocsp: own(&self.addresses.ocsp, service.ocsp),
            ca_issuers: own(&self.addresses.ca_issuers, service.ca_issuers),
            crl: own(&self.addresses.crl, service.crl),
            practice_statement: service.practice_statement,
        }
    }

    /// Whether the subject has what it must, in the form it must have, and nothing that it may not.
    pub fn admits(&self, subject: &DistinguishedName) -> Result<()> {
        let refuse = |text: String| Err(Error::Refused(format!("profile {}: {text}", self.name)));
        for rule in &self.subject {
            if let Err(text) = rule.admits(subject) {
                return refuse(text);
            }
        }
        for (attribute, _) in &subject.0 {
            if !self.subject.iter().any(|rule| rule.attribute == *attribute) {
                return refuse(format!("the subject may not have {}", attribute.short()));
            }
        }
        Ok(())
    }

    /// The longest validity, of a first certificate or of one that follows another.
    pub fn longest_days(&self, follows: bool) -> u32 {
        self.longest_extension_days.filter(|_| follows).unwrap_or(self.longest_validity_days)
    }
}
