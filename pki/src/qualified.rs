//! Statements about a certificate in the form of RFC 3739 and EN 319 412-5: what it is for, up to which amount, under whose law. What
//! they mean for a payment or a document is decided by whoever verifies; here they are checked, written and read.

use crate::asn1::{Element, Reader, tag, write};
use crate::certificate::Certificate;
use crate::error::{Error, Result};
use crate::issue::check_address;
use crate::profile::Holder;
use crate::{limits, oid};
use der::asn1::ObjectIdentifier;
use serde::{Deserialize, Serialize};

/// What a profile states (EN 319 412-5 §4.2 and §4.3).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Qualified {
    /// Issued as a qualified certificate under `legislation`.
    pub compliance: bool,
    /// ISO 3166-1 codes; without them a qualified certificate would be one of the European Union.
    pub legislation: Vec<String>,
    /// The largest amount of one transaction.
    pub limit: Option<MonetaryValue>,
    /// Years that the registration is kept after the certificate has ended.
    pub retention_years: Option<u32>,
    /// The private key lies in a device as the legislation demands.
    pub on_device: bool,
    /// Where the disclosure statements are found.
    pub disclosure: Vec<Disclosure>,
    pub purpose: Option<QualifiedPurpose>,
    /// How the subject's identifier is to be read (EN 319 412-1 §5.1).
    pub semantics: Option<Semantics>,
    /// Who keeps the national register that the identifier is taken from.
    pub registration_authority: Option<String>,
}

/// `amount` × 10^`exponent` units of a currency.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MonetaryValue {
    /// ISO 4217, alphabetic.
    pub currency: String,
    pub amount: u64,
    #[serde(default)]
    pub exponent: u32,
}

impl MonetaryValue {
    /// Whole units of the currency, where they are below 2^128.
    pub fn units(&self) -> Option<u128> {
        10u128.checked_pow(self.exponent)?.checked_mul(u128::from(self.amount))
    }
}

/// A disclosure statement in one language.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Disclosure {
    pub url: String,
    /// ISO 639-1.
    pub language: String,
}

/// What a certificate is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QualifiedPurpose {
    Signature,
    Seal,
}

/// Whose identifier stands in the subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Semantics {
    Natural,
    Legal,
}

/// One statement, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    pub oid: ObjectIdentifier,
    /// DER of statementInfo, where there is any.
    pub info: Option<Vec<u8>>,
}

/// Refuses statements that break EN 319 412-5, or do not fit the holder.
pub(crate) fn check(stated: &Qualified, holder: Holder) -> std::result::Result<(), String> {
    let keep = |kept: bool, text: &str| if kept { Ok(()) } else { Err(text.to_owned()) };
    let codes =
        |codes: &[String]| codes.iter().all(|code| code.len() == 2 && code.bytes().all(|b| b.is_ascii_uppercase()));
    keep(codes(&stated.legislation), "EN 319 412-5 §4.2.4: legislation is ISO 3166-1 codes of two letters")?;
    keep(
        stated.compliance != stated.legislation.is_empty(),
        "EN 319 412-5 §4.2.4: compliance and the legislation complied with are stated together",
    )?;
    keep(
        stated.compliance || !stated.on_device,
        "EN 319 412-5 §4.2.2: a device as the legislation demands is stated with the legislation",
    )?;
    if let Some(limit) = &stated.limit {
        keep(
            limit.currency.len() == 3 && limit.currency.bytes().all(|b| b.is_ascii_uppercase()),
            "EN 319 412-5 §4.3.2: the limit's currency is an ISO 4217 code of three letters",
        )?;
        keep(limit.amount > 0 && limit.units().is_some(), "EN 319 412-5 §4.3.2: the limit is no amount")?;
    }
    keep(stated.retention_years != Some(0), "EN 319 412-5 §4.3.3: a retention period is years, at least one")?;
    for one in &stated.disclosure {
        keep(
            one.url.starts_with("https://") && check_address(&one.url).is_ok(),
            "EN 319 412-5 §4.3.4: a disclosure statement has an https address",
        )?;
        keep(
            one.language.len() == 2 && one.language.bytes().all(|b| b.is_ascii_lowercase()),
            "EN 319 412-5 §4.3.4: a disclosure statement's language is an ISO 639-1 code",
        )?;
    }
    let purpose = match stated.purpose {
        Some(QualifiedPurpose::Signature) => holder == Holder::Person,
        Some(QualifiedPurpose::Seal) => holder == Holder::Organization,
        None => true,
    };
    keep(purpose, "EN 319 412-5 §4.2.3: signatures are a person's, seals an organization's")?;
    let semantics = match stated.semantics {
        Some(Semantics::Natural) => holder == Holder::Person,
        Some(Semantics::Legal) => holder != Holder::Person,
        None => true,
    };
    keep(semantics, "EN 319 412-1 §5.1: the identifier's semantics do not fit the holder")?;
    keep(
        stated
            .registration_authority
            .as_ref()
            .is_none_or(|uri| stated.semantics.is_some() && check_address(uri).is_ok()),
        "EN 319 412-1 §5.1: a registration authority is an address, and stands with the semantics",
    )
}

/// The value of the extension; `None` where nothing is stated.
pub(crate) fn to_der(stated: &Qualified) -> Option<Vec<u8>> {
    let mut statements = Vec::new();
    let mut say = |oid: &ObjectIdentifier, info: Vec<u8>| statements.push(write::sequence(&[write::oid(oid), info]));
    if let Some(semantics) = stated.semantics {
        let kind = match semantics {
            Semantics::Natural => oid::SEMANTICS_NATURAL,
            Semantics::Legal => oid::SEMANTICS_LEGAL,
        };
        let authority =
            stated.registration_authority.as_ref().map(|uri| write::sequence(&[write::element(0x86, uri.as_bytes())]));
        say(&oid::QCS_SYNTAX_V2, write::sequence(&[write::oid(&kind), authority.unwrap_or_default()]));
    }
    if stated.compliance {
        say(&oid::QC_COMPLIANCE, Vec::new());
    }
    if let Some(limit) = &stated.limit {
        let currency = write::element(tag::PRINTABLE_STRING, limit.currency.as_bytes());
        let numbers = [currency, write::unsigned(limit.amount), write::unsigned(u64::from(limit.exponent))];
        say(&oid::QC_LIMIT_VALUE, write::sequence(&numbers));
    }
    if let Some(years) = stated.retention_years {
        say(&oid::QC_RETENTION_PERIOD, write::unsigned(u64::from(years)));
    }
    if stated.on_device {
        say(&oid::QC_SSCD, Vec::new());
    }
    if !stated.disclosure.is_empty() {
        let places = stated.disclosure.iter().map(|one| {
            let language = write::element(tag::PRINTABLE_STRING, one.language.as_bytes());
            write::sequence(&[write::element(tag::IA5_STRING, one.url.as_bytes()), language])
        });
        say(&oid::QC_PDS, write::sequence(&places.collect::<Vec<_>>()));
    }
    if let Some(purpose) = stated.purpose {
        let kind = match purpose {
            QualifiedPurpose::Signature => oid::QCT_ESIGN,
            QualifiedPurpose::Seal => oid::QCT_ESEAL,
        };
        say(&oid::QC_TYPE, write::sequence(&[write::oid(&kind)]));
    }
    if !stated.legislation.is_empty() {
        let codes = stated.legislation.iter().map(|code| write::element(tag::PRINTABLE_STRING, code.as_bytes()));
        say(&oid::QC_CC_LEGISLATION, write::sequence(&codes.collect::<Vec<_>>()));
    }
    (!statements.is_empty()).then(|| write::sequence(&statements))
}

/// Every statement in an extension's value.
pub fn read(value: &[u8]) -> Result<Vec<Statement>> {
    const WHAT: &str = "QCStatements";
    let mut list = Element::sequence(value, WHAT)?;
    let mut statements = Vec::new();
    while !list.is_empty() {
        if statements.len() >= limits::MOST_STATEMENTS {
            return Err(Error::Limit("qualified statements"));
        }
        let mut fields = list.sequence(WHAT)?;
        let oid = fields.oid(WHAT)?;
        let info = if fields.is_empty() { None } else { Some(fields.any()?.raw.to_vec()) };
        fields.finish(WHAT)?;
        statements.push(Statement { oid, info });
    }
    Ok(statements)
}

/// The transaction limit that a certificate states; `None` where it states none.
pub fn limit(certificate: &Certificate) -> Result<Option<MonetaryValue>> {
    let Some(extension) = certificate.extension(&oid::QC_STATEMENTS) else { return Ok(None) };
    let found = read(&extension.value)?.into_iter().find(|one| one.oid == oid::QC_LIMIT_VALUE);
    found.map(|one| read_limit(&one.info.unwrap_or_default())).transpose()
}

pub(crate) fn read_limit(info: &[u8]) -> Result<MonetaryValue> {
    const WHAT: &str = "QcEuLimitValue";
    let mut fields = Element::sequence(info, WHAT)?;
    let currency = currency(&mut fields)?;
    let amount = fields.expect(tag::INTEGER, WHAT)?.unsigned()?;
    let exponent = fields.expect(tag::INTEGER, WHAT)?.unsigned()?;
    fields.finish(WHAT)?;
    Ok(MonetaryValue { currency, amount, exponent: u32::try_from(exponent).map_err(|_| Error::Malformed(WHAT))? })
}

/// The alphabetic code; the numeric one is written as its three digits.
fn currency(fields: &mut Reader<'_>) -> Result<String> {
    match fields.peek() {
        Some(tag::PRINTABLE_STRING) => fields.any()?.text(),
        _ => Ok(format!("{:03}", fields.expect(tag::INTEGER, "Iso4217CurrencyCode")?.unsigned()?)),
    }
}
