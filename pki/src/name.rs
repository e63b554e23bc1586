//! Distinguished names: reading any, comparing as RFC 5280 §7.1 says, and building those of Chuky's own certificates with their
//! Vietnamese conventions. Never decides who somebody is: that is the registration's.

use crate::asn1::{Element, tag, write};
use crate::error::{Error, Result};
use crate::{limits, oid};
use der::asn1::ObjectIdentifier;
use serde::{Deserialize, Serialize};
use unicode_normalization::{UnicodeNormalization, is_nfc, is_nfkc};

/// A name as it stands in a certificate: DER kept, attributes readable.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Name {
    der: Vec<u8>,
    attributes: Vec<(ObjectIdentifier, String)>,
    /// For comparison: each RDN's attributes, folded and sorted.
    folded: Vec<Vec<(ObjectIdentifier, String)>>,
}

impl Name {
    /// Reads an `RDNSequence`.
    pub fn from_der(der: &[u8]) -> Result<Self> {
        const WHAT: &str = "Name";
        let mut names = Element::only(der, WHAT)?;
        if names.tag != tag::SEQUENCE {
            return Err(Error::Malformed(WHAT));
        }
        let (mut attributes, mut folded) = (Vec::new(), Vec::new());
        let mut rdns = names.reader();
        while !rdns.is_empty() {
            names = rdns.expect(tag::SET, WHAT)?;
            let mut members = names.reader();
            let mut rdn = Vec::new();
            while !members.is_empty() {
                let mut pair = members.sequence(WHAT)?;
                let kind = pair.oid(WHAT)?;
                let value = pair.any()?;
                // A value of a type unknown here is kept as hex, as RFC 4514 §2.4 writes it.
                let text = value.text().unwrap_or_else(|_| format!("#{}", hex::encode(value.raw)));
                rdn.push((kind, fold(&text)));
                attributes.push((kind, text));
                if attributes.len() > limits::MOST_NAME_ATTRIBUTES {
                    return Err(Error::Limit("attributes in a name"));
                }
            }
            rdn.sort();
            folded.push(rdn);
        }
        Ok(Self { der: der.to_vec(), attributes, folded })
    }

    /// The DER as it was read.
    pub fn as_der(&self) -> &[u8] {
        &self.der
    }

    /// Whether there is no attribute at all.
    pub fn is_empty(&self) -> bool {
        self.attributes.is_empty()
    }

    /// Every attribute in order.
    pub fn attributes(&self) -> &[(ObjectIdentifier, String)] {
        &self.attributes
    }

    /// Every value of one attribute type.
    pub fn values<'a>(&'a self, kind: &'a ObjectIdentifier) -> impl Iterator<Item = &'a str> {
        self.attributes.iter().filter(move |(oid, _)| oid == kind).map(|(_, text)| text.as_str())
    }

    /// The common name; where there is none, the most telling attribute that there is.
    pub fn common_name(&self) -> String {
        [oid::COMMON_NAME, oid::ORGANIZATIONAL_UNIT, oid::ORGANIZATION, oid::USER_ID]
            .iter()
            .find_map(|kind| self.values(kind).last())
            .map_or_else(|| self.to_string(), str::to_owned)
    }

    /// The organisation, or nothing.
    pub fn organization(&self) -> String {
        self.values(&oid::ORGANIZATION).last().unwrap_or_default().to_owned()
    }

    /// The same name by RFC 5280 §7.1: RDNs in order, values without regard to case, string type and runs of spaces.
    pub fn matches(&self, other: &Name) -> bool {
        self.der == other.der || self.folded == other.folded
    }

    /// Whether this name starts with all RDNs of `base` (RFC 5280 §4.2.1.10, directoryName).
    pub fn is_within(&self, base: &Name) -> bool {
        self.folded.starts_with(&base.folded)
    }
}

impl std::fmt::Display for Name {
    /// RFC 4514 order and escaping, in short.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (position, (kind, text)) in self.attributes.iter().rev().enumerate() {
            if position > 0 {
                f.write_str(",")?;
            }
            match NameAttribute::from_oid(kind) {
                Some(attribute) => write!(f, "{}=", attribute.short())?,
                None => write!(f, "{kind}=")?,
            }
            for character in text.chars() {
                if matches!(character, ',' | '+' | '"' | '\\' | '<' | '>' | ';') {
                    f.write_str("\\")?;
                }
                write!(f, "{character}")?;
            }
        }
        Ok(())
    }
}

fn fold(text: &str) -> String {
    let mut spaced = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if !spaced.is_empty() {
            spaced.push(' ');
        }
        spaced.push_str(word);
    }
    // The usual texts are in the form already.
    if spaced.is_ascii() {
        spaced.make_ascii_lowercase();
        return spaced;
    }
    match is_nfkc(&spaced) {
        true => spaced.chars().flat_map(char::to_lowercase).collect(),
        false => spaced.nfkc().flat_map(char::to_lowercase).collect(),
    }
}

/// Attribute types that Chuky's own names may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NameAttribute {
    Country,
    StateOrProvince,
    Locality,
    Organization,
    OrganizationalUnit,
    Title,
    Surname,
    GivenName,
    CommonName,
    SerialNumber,
    OrganizationIdentifier,
    /// `CCCD:<12 digits>`, `MST:…`; may be repeated.
    UserId,
    Email,
    Telephone,
}

/// Type, object identifier, short name, upper bound in characters (RFC 5280 Appendix A.1, ub-*).
const ATTRIBUTES: [(NameAttribute, ObjectIdentifier, &str, usize); 14] = [
    (NameAttribute::Country, oid::COUNTRY, "C", 2),
    (NameAttribute::StateOrProvince, oid::STATE_OR_PROVINCE, "ST", 128),
    (NameAttribute::Locality, oid::LOCALITY, "L", 128),
    (NameAttribute::Organization, oid::ORGANIZATION, "O", 64),
    (NameAttribute::OrganizationalUnit, oid::ORGANIZATIONAL_UNIT, "OU", 64),
    (NameAttribute::Title, oid::TITLE, "title", 64),
    (NameAttribute::Surname, oid::SURNAME, "SN", 64),
    (NameAttribute::GivenName, oid::GIVEN_NAME, "GN", 64),
    (NameAttribute::CommonName, oid::COMMON_NAME, "CN", 64),
    (NameAttribute::SerialNumber, oid::SERIAL_NUMBER, "serialNumber", 64),
    (NameAttribute::OrganizationIdentifier, oid::ORGANIZATION_IDENTIFIER, "organizationIdentifier", 64),
    (NameAttribute::UserId, oid::USER_ID, "UID", 256),
    (NameAttribute::Email, oid::EMAIL_ADDRESS, "E", 255),
    (NameAttribute::Telephone, oid::TELEPHONE, "telephoneNumber", 32),
];

impl NameAttribute {
    fn row(self) -> &'static (NameAttribute, ObjectIdentifier, &'static str, usize) {
        &ATTRIBUTES[self as usize]
    }

    /// Its object identifier.
    pub fn oid(self) -> ObjectIdentifier {
        self.row().1
    }

    /// The short name that people write.
    pub fn short(self) -> &'static str {
        self.row().2
    }

    /// Longest value in characters.
    pub fn longest(self) -> usize {
        self.row().3
    }

    /// The attribute of that identifier.
    pub fn from_oid(oid: &ObjectIdentifier) -> Option<Self> {
        ATTRIBUTES.iter().find(|row| row.1 == *oid).map(|row| row.0)
    }
}

/// A name to be put into a certificate: attribute types and values in order, each its own RDN.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DistinguishedName(pub Vec<(NameAttribute, String)>);

impl DistinguishedName {
    /// Adds an attribute.
    pub fn with(mut self, attribute: NameAttribute, value: impl Into<String>) -> Self {
        self.0.push((attribute, value.into()));
        self
    }

    /// The same name with values in NFC and without surrounding spaces, as it will stand in the certificate.
    pub fn normalised(&self) -> Self {
        let normalised = |value: &str| if is_nfc(value) { value.to_owned() } else { value.nfc().collect() };
        Self(self.0.iter().map(|(attribute, value)| (*attribute, normalised(value.trim()))).collect())
    }

    /// The DER. Refuses empty names and values, values beyond their upper bound, control characters, and a country that is not two letters.
    pub fn to_der(&self) -> Result<Vec<u8>> {
        if self.0.is_empty() {
            return Err(Error::Refused("RFC 5280 §4.1.2.4: the name is empty".into()));
        }
        let mut rdns = Vec::with_capacity(self.0.len());
        for (attribute, value) in &self.normalised().0 {
            check_value(*attribute, value)?;
            // RFC 5280 §4.1.2.4: UTF8String, but PrintableString and IA5String where the attribute's type demands it.
            let value_tag = match attribute {
                NameAttribute::Country | NameAttribute::SerialNumber | NameAttribute::Telephone => {
                    tag::PRINTABLE_STRING
                }
                NameAttribute::Email => tag::IA5_STRING,
                _ => tag::UTF8_STRING,
            };
            let pair = [write::oid(&attribute.oid()), write::element(value_tag, value.as_bytes())];
            rdns.push(write::parts(tag::SET, &[write::sequence(&pair)]));
        }
        Ok(write::sequence(&rdns))
    }

    /// Whether a value carries the word TEST, as every name in a demonstration hierarchy must.
    pub fn is_marked_test(&self) -> bool {
        self.0.iter().any(|(_, value)| value.contains("TEST"))
    }
}

fn check_value(attribute: NameAttribute, value: &str) -> Result<()> {
    let refuse = |why: &str| Err(Error::Refused(format!("RFC 5280 Appendix A.1, {}: {why}", attribute.short())));
    let printable = |c: char| c.is_ascii_alphanumeric() || " '()+,-./:=?".contains(c);
    if value.is_empty() {
        return refuse("the value is empty");
    }
    if value.chars().count() > attribute.longest() {
        return refuse("the value is longer than its upper bound");
    }
    if value.chars().any(char::is_control) {
        return refuse("the value holds a control character");
    }
    match attribute {
        NameAttribute::Country if value.len() != 2 || !value.bytes().all(|b| b.is_ascii_uppercase()) => {
            refuse("not an ISO 3166 code of two letters")
        }
        NameAttribute::SerialNumber | NameAttribute::Telephone if !value.chars().all(printable) => {
            refuse("not a PrintableString")
        }
        NameAttribute::Email if !value.is_ascii() || !value.contains('@') => refuse("not an ASCII mail address"),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    #[test]
    fn a_citizens_name_round_trips() {
        let name = DistinguishedName::default()
            .with(NameAttribute::Country, "VN")
            .with(NameAttribute::StateOrProvince, "Hà Nội")
            .with(NameAttribute::CommonName, "Nguye\u{302}\u{303}n Thị Ưởng")
            .with(NameAttribute::UserId, "CCCD:001190012345")
            .with(NameAttribute::UserId, "MST:0101234567");
        let read = Name::from_der(&name.to_der().unwrap()).unwrap();
        assert_eq!(read.common_name(), "Nguyễn Thị Ưởng");
        assert_eq!(read.values(&oid::USER_ID).count(), 2);
        assert!(read.to_string().ends_with("CN=Nguyễn Thị Ưởng,ST=Hà Nội,C=VN"), "{read}");
    }

    #[test]
    fn what_breaks_the_bounds_is_refused() {
        for (attribute, value) in [
            (NameAttribute::Country, "Việt Nam"),
            (NameAttribute::CommonName, ""),
            (NameAttribute::CommonName, &"x".repeat(65)),
            (NameAttribute::CommonName, "a\u{0}b"),
            (NameAttribute::Email, "ông@hà-nội"),
        ] {
            assert!(DistinguishedName::default().with(attribute, value).to_der().is_err(), "{attribute:?} {value}");
        }
    }

    #[test]
    fn case_and_spaces_do_not_tell_names_apart() {
        let name = |text| {
            Name::from_der(&DistinguishedName::default().with(NameAttribute::CommonName, text).to_der().unwrap())
                .unwrap()
        };
        assert!(name("Chuky  TEST Root").matches(&name("CHUKY Test root")));
        assert!(!name("Chuky A").matches(&name("Chuky B")));
    }
}
