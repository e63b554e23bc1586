//! The TOML form of a policy: read strictly, so that a misspelt rule is an error and never a rule left out.

use super::{KeyFamily, Scheme, SignatureRules, Until, ValidationPolicy};
use crate::algorithm::ALL_DIGESTS;
use crate::crypto;
use crate::revocation::{RevocationRules, SlidesTo};
use chuky_model::instant::Instant;
use chuky_model::text::Bilingual;
use serde::Deserialize;
use std::collections::BTreeMap;

/// Why a text is no policy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    #[error("the policy has more than {LONGEST} bytes")]
    TooLong,
    /// As the TOML reader says it, with line and column.
    #[error("the policy is not TOML of the form that the documentation gives: {0}")]
    Toml(String),
    /// Names the rule.
    #[error("the policy's {0}")]
    Rule(String),
}

/// Longest policy, bytes; the shipped ones have about 2,000.
const LONGEST: usize = 256 * 1024;
/// Most rows of one kind; there are thirteen digest algorithms.
const MOST_ROWS: usize = 256;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    name: String,
    vi: String,
    en: String,
    judges_trust: bool,
    signature: Signature,
    revocation: Revocation,
    #[serde(default)]
    anchor: Vec<Anchor>,
    #[serde(default)]
    digest: Vec<Row>,
    #[serde(default)]
    scheme: Vec<Row>,
    #[serde(default)]
    key: Vec<Key>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Signature {
    certificate_reference: Demand,
    timestamp: Demand,
    timestamp_delay_hours: Option<u32>,
    named_policies: Named,
    #[serde(default)]
    known_policy: Vec<KnownPolicy>,
}

#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
enum Demand {
    Optional,
    Required,
}

#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
enum Named {
    Reported,
    MustBeKnown,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KnownPolicy {
    identifier: String,
    sha256: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Revocation {
    maximum_age_hours: Option<u32>,
    hours_without_next_update: u32,
    grace_hours: Option<u32>,
    slides_to: Slides,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Slides {
    Issuance,
    EndOfFreshness,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Anchor {
    sha256: String,
    until: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    name: String,
    until: Option<String>,
    notice: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Key {
    r#type: String,
    bits: u32,
    until: Option<String>,
}

impl ValidationPolicy {
    /// Reads a policy.
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        if text.len() > LONGEST {
            return Err(PolicyError::TooLong);
        }
        let raw: Text = toml::from_str(text).map_err(|error| PolicyError::Toml(error.to_string().trim().to_owned()))?;
        if !is_name(&raw.name) {
            return rule("name must be 1 to 64 letters, digits, - and _".to_owned());
        }
        if raw.vi.trim().is_empty() || raw.en.trim().is_empty() {
            return rule("titles vi and en must both be there".to_owned());
        }
        if raw.judges_trust && (raw.digest.is_empty() || raw.scheme.is_empty() || raw.key.is_empty()) {
            return rule("tables digest, scheme and key must each have a row where it judges trust".to_owned());
        }
        if [raw.anchor.len(), raw.digest.len(), raw.scheme.len(), raw.key.len(), raw.signature.known_policy.len()]
            .iter()
            .any(|count| *count > MOST_ROWS)
        {
            return rule(format!("tables may have at most {MOST_ROWS} rows each"));
        }
        Ok(Self {
            name: raw.name,
            title: Bilingual::new(raw.vi, raw.en),
            sha256: hex::encode(crypto::sha256(text.as_bytes())),
            judges_trust: raw.judges_trust,
            signature: signature(raw.signature)?,
            revocation: revocation(&raw.revocation),
            anchors: anchors(&raw.anchor)?,
            digests: digests(&raw.digest)?,
            schemes: schemes(raw.scheme)?,
            keys: keys(&raw.key)?,
        })
    }
}

fn rule<T>(text: String) -> Result<T, PolicyError> {
    Err(PolicyError::Rule(text))
}

fn is_name(name: &str) -> bool {
    let fits = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_');
    (1..=64).contains(&name.len()) && name.chars().all(fits)
}

fn seconds(hours: u32) -> i64 {
    i64::from(hours) * 3_600
}

fn signature(raw: Signature) -> Result<SignatureRules, PolicyError> {
    let must_be_known = raw.named_policies == Named::MustBeKnown;
    if !must_be_known && !raw.known_policy.is_empty() {
        return rule("signature.known_policy is there, but named_policies is \"reported\"".to_owned());
    }
    let mut known = BTreeMap::new();
    for policy in raw.known_policy {
        let digest = match &policy.sha256 {
            None => None,
            Some(text) => match hex::decode(text) {
                Ok(digest) if digest.len() == 32 => Some(digest),
                _ => {
                    return rule(format!("known_policy {:?}: sha256 must be 64 hexadecimal digits", policy.identifier));
                }
            },
        };
        if known.insert(policy.identifier.clone(), digest).is_some() {
            return rule(format!("known_policy {:?} stands twice", policy.identifier));
        }
    }
    Ok(SignatureRules {
        certificate_reference: raw.certificate_reference == Demand::Required,
        timestamp: raw.timestamp == Demand::Required,
        timestamp_delay: raw.timestamp_delay_hours.map(seconds),
        known_policies: must_be_known.then_some(known),
    })
}

fn revocation(raw: &Revocation) -> RevocationRules {
    RevocationRules {
        maximum_age: raw.maximum_age_hours.map(seconds),
        without_next_update: seconds(raw.hours_without_next_update),
        grace: raw.grace_hours.map(seconds),
        slides_to: match raw.slides_to {
            Slides::Issuance => SlidesTo::Issuance,
            Slides::EndOfFreshness => SlidesTo::EndOfFreshness,
        },
    }
}

fn anchors(rows: &[Anchor]) -> Result<BTreeMap<Vec<u8>, Instant>, PolicyError> {
    let mut found = BTreeMap::new();
    for row in rows {
        let digest = match hex::decode(&row.sha256) {
            Ok(digest) if digest.len() == 32 => digest,
            _ => return rule(format!("anchor {:?}: sha256 must be 64 hexadecimal digits", row.sha256)),
        };
        let end = until("anchor", &row.sha256, Some(&row.until))?;
        if found.insert(digest, end.unwrap_or(Instant::from_unix_seconds(0))).is_some() {
            return rule(format!("anchor {:?} stands twice", row.sha256));
        }
    }
    Ok(found)
}

/// A day, meant as its first moment in UTC, or a moment with its zone.
fn until(table: &str, name: &str, text: Option<&str>) -> Result<Until, PolicyError> {
    let Some(text) = text else { return Ok(None) };
    let moment = Instant::parse_rfc3339(text).or_else(|| Instant::parse_rfc3339(&format!("{text}T00:00:00Z")));
    match moment {
        Some(moment) => Ok(Some(moment)),
        None => {
            rule(format!("{table} {name:?}: until must be a day, 2026-01-01, or a moment by RFC 3339, not {text:?}"))
        }
    }
}

fn digests(rows: &[Row]) -> Result<BTreeMap<crate::algorithm::DigestAlgorithm, Until>, PolicyError> {
    let mut found = BTreeMap::new();
    for row in rows {
        let Some(digest) = ALL_DIGESTS.iter().find(|digest| digest.name() == row.name) else {
            let known: Vec<&str> = ALL_DIGESTS.iter().map(|digest| digest.name()).collect();
            return rule(format!("digest {:?} is not known; there are: {}", row.name, known.join(", ")));
        };
        if row.notice.is_some() {
            return rule(format!("digest {:?}: only schemes have a notice", row.name));
        }
        if found.insert(*digest, until("digest", &row.name, row.until.as_deref())?).is_some() {
            return rule(format!("digest {:?} stands twice", row.name));
        }
    }
    Ok(found)
}

const SCHEMES: [(&str, Scheme); 5] = [
    ("RSA PKCS#1 v1.5", Scheme::RsaPkcs1),
    ("RSA-PSS", Scheme::RsaPss),
    ("ECDSA", Scheme::Ecdsa),
    ("DSA", Scheme::Dsa),
    ("EdDSA", Scheme::EdDsa),
];

fn schemes(rows: Vec<Row>) -> Result<BTreeMap<Scheme, (Until, Option<String>)>, PolicyError> {
    let mut found = BTreeMap::new();
    for row in rows {
        let Some((_, scheme)) = SCHEMES.iter().find(|(name, _)| *name == row.name) else {
            let known = SCHEMES.map(|(name, _)| name).join(", ");
            return rule(format!("scheme {:?} is not known; there are: {known}", row.name));
        };
        let until = until("scheme", &row.name, row.until.as_deref())?;
        if found.insert(*scheme, (until, row.notice)).is_some() {
            return rule(format!("scheme {:?} stands twice", row.name));
        }
    }
    Ok(found)
}

const KEYS: [(&str, KeyFamily); 4] =
    [("RSA", KeyFamily::Rsa), ("DSA", KeyFamily::Dsa), ("EC", KeyFamily::Ec), ("EdDSA", KeyFamily::EdDsa)];

fn keys(rows: &[Key]) -> Result<BTreeMap<KeyFamily, Vec<(u32, Until)>>, PolicyError> {
    let mut found: BTreeMap<KeyFamily, Vec<(u32, Until)>> = BTreeMap::new();
    for row in rows {
        let Some((_, family)) = KEYS.iter().find(|(name, _)| *name == row.r#type) else {
            let known = KEYS.map(|(name, _)| name).join(", ");
            return rule(format!("key type {:?} is not known; there are: {known}", row.r#type));
        };
        let until = until("key", &row.r#type, row.until.as_deref())?;
        let sizes = found.entry(*family).or_default();
        if sizes.iter().any(|(bits, _)| *bits == row.bits) {
            return rule(format!("key {} of {} bits stands twice", row.r#type, row.bits));
        }
        sizes.push((row.bits, until));
        sizes.sort_unstable_by_key(|(bits, _)| *bits);
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    fn changed(from: &str, to: &str) -> String {
        let text = ValidationPolicy::built_in_text("default").unwrap();
        assert!(text.contains(from), "{from}");
        text.replacen(from, to, 1)
    }

    #[test]
    fn a_text_that_cannot_be_meant_is_refused_with_its_rule() {
        let refused = |text: &str| ValidationPolicy::parse(text).unwrap_err().to_string();
        let cases = [
            (changed("timestamp =", "timestmp ="), "timestmp"),
            (changed("\"SHA-1\"", "\"SHA1\""), "SHA-224"),
            (changed("2012-08-01", "summer 2012"), "summer 2012"),
            (changed("\"RSA-PSS\"", "\"PSS\""), "RSA PKCS#1 v1.5"),
            (changed("\"RSA-PSS\"", "\"ECDSA\""), "stands twice"),
            (changed("type = \"DSA\"", "type = \"XMSS\""), "XMSS"),
            (changed("name = \"default\"", "name = \"../x\""), "name"),
            (changed("vi = \"Chính sách mặc định\"", "vi = \"\""), "vi and en"),
            (changed("\"reported\"", "\"reported\"\n[[signature.known_policy]]\nidentifier = \"1.2.3\""), "reported"),
            (
                changed(
                    "\"reported\"",
                    "\"must_be_known\"\n[[signature.known_policy]]\nidentifier = \"1.2.3\"\nsha256 = \"00\"",
                ),
                "64",
            ),
            ("name = 1".to_owned(), "TOML"),
            ("x".repeat(LONGEST + 1), "bytes"),
        ];
        for (text, said) in cases {
            let message = refused(&text);
            assert!(message.contains(said), "{said}: {message}");
        }
    }

    #[test]
    fn rules_are_taken_as_written() {
        let text = changed("timestamp = \"optional\"", "timestamp = \"required\"\ntimestamp_delay_hours = 2")
            .replace("\"reported\"", "\"must_be_known\"")
            .replace(
                "hours_without_next_update = 24",
                "hours_without_next_update = 1\nmaximum_age_hours = 3\ngrace_hours = 4",
            );
        let policy = ValidationPolicy::parse(&text).unwrap();
        assert!(policy.signature.timestamp && policy.signature.known_policies == Some(BTreeMap::new()));
        assert_eq!(policy.signature.timestamp_delay, Some(7_200));
        let rules = policy.revocation;
        assert_eq!((rules.without_next_update, rules.maximum_age, rules.grace), (3_600, Some(10_800), Some(14_400)));
    }
}
