//! Validation policies (EN 319 102-1 §5.1.4): the constraints that a verdict is made by, as data. Some are built in as TOML, an operator may
//! give a text of his own; one that cannot be meant is refused when it is read. Judges nothing by itself but dates and sizes of algorithms.

mod text;

use crate::algorithm::{DigestAlgorithm, SignatureAlgorithm};
use crate::certificate::Certificate;
use crate::crypto::{self, KeyType};
use crate::revocation::RevocationRules;
use chuky_model::instant::Instant;
use chuky_model::report::PolicyUsed;
use chuky_model::text::Bilingual;
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

pub use text::PolicyError;

/// A policy, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValidationPolicy {
    pub name: String,
    /// One line for people.
    pub title: Bilingual,
    /// Lower-case hex, of the text.
    pub sha256: String,
    /// Whether it asks whose signature it is. Without, no signature is called valid.
    pub judges_trust: bool,
    pub signature: SignatureRules,
    pub revocation: RevocationRules,
    /// SHA-256 of anchors that count only until a time (TS 119 172-1 table A.2, row (m)1.1).
    anchors: BTreeMap<Vec<u8>, Instant>,
    digests: BTreeMap<DigestAlgorithm, Until>,
    schemes: BTreeMap<Scheme, (Until, Option<String>)>,
    /// By family, sizes ascending: keys of at least so many bits, and fewer than the next row's.
    keys: BTreeMap<KeyFamily, Vec<(u32, Until)>>,
}

/// What a signature must have (EN 319 102-1 §5.2.8, signature elements constraints).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SignatureRules {
    /// A signed reference to the signing certificate must be there.
    pub certificate_reference: bool,
    /// A valid timestamp must prove when it existed.
    pub timestamp: bool,
    /// Seconds that the proven time may be later than the claimed one (§5.5.4 step 5).
    pub timestamp_delay: Option<i64>,
    /// Policies that signatures may name, with the SHA-256 of their documents where it is known; `None` where naming one is only reported.
    pub known_policies: Option<BTreeMap<String, Option<Vec<u8>>>>,
}

/// Until when something is reliable; `None`: no end is known.
type Until = Option<Instant>;

/// The families of signature algorithms that policies tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Scheme {
    RsaPkcs1,
    RsaPss,
    Ecdsa,
    Dsa,
    EdDsa,
}

/// The families of keys that policies tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum KeyFamily {
    Rsa,
    Dsa,
    Ec,
    EdDsa,
}

/// Algorithms that some material relies on.
#[derive(Clone, Debug, Default)]
pub struct Used {
    /// What relies on them, for the report.
    pub what: String,
    pub digests: Vec<DigestAlgorithm>,
    pub scheme: Option<SignatureAlgorithm>,
    pub key: Option<KeyType>,
}

/// An algorithm that is not reliable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Weakness {
    /// With the material, for the report.
    pub what: String,
    /// Until when it was; `None` where the policy does not accept it at all.
    pub until: Option<Instant>,
}

impl ValidationPolicy {
    /// The built-in one of that name.
    pub fn built_in(name: &str) -> Option<Arc<Self>> {
        built_in().iter().find(|policy| policy.name == name).cloned()
    }

    /// The policy of a text; a built-in one is not read again.
    pub fn of_text(text: &str) -> Result<Arc<Self>, PolicyError> {
        match TEXTS.iter().find(|(_, known)| *known == text).and_then(|(name, _)| Self::built_in(name)) {
            Some(policy) => Ok(policy),
            None => Self::parse(text).map(Arc::new),
        }
    }

    /// The policy that is meant where none is named.
    #[allow(clippy::expect_used)] // shipped; a test reads it
    pub fn standard() -> Arc<Self> {
        built_in().first().cloned().expect("there is a built-in policy")
    }

    /// The built-in names, in the order of the documentation.
    pub fn names() -> impl Iterator<Item = &'static str> {
        built_in().iter().map(|policy| policy.name.as_str())
    }

    /// The text of a built-in policy.
    pub fn built_in_text(name: &str) -> Option<&'static str> {
        TEXTS.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
    }

    /// When the anchor stops being trusted, where the policy says so: its sunset date.
    pub fn sunset(&self, anchor: &Certificate) -> Option<Instant> {
        self.anchors.get(anchor.fingerprint().as_slice()).copied()
    }

    /// As the report names it.
    pub fn used(&self) -> PolicyUsed {
        PolicyUsed { name: self.name.clone(), sha256: self.sha256.clone(), title: self.title.clone() }
    }

    /// The first algorithm that is not reliable at that time, the one that ended first before others.
    pub fn weakness(&self, used: &Used, at: Instant) -> Option<Weakness> {
        let mut found: Vec<Weakness> = Vec::new();
        let mut note = |name: String, row: Option<Until>| {
            let until = match row {
                Some(None) => return,
                Some(Some(until)) if at <= until => return,
                Some(until) => until,
                None => None,
            };
            found.push(Weakness { what: format!("{name} in the {}", used.what), until });
        };
        for digest in &used.digests {
            note(digest.name().to_owned(), self.digests.get(digest).copied());
        }
        if let Some(scheme) = used.scheme {
            note(scheme.name(), self.schemes.get(&family(scheme)).map(|(until, _)| *until));
        }
        if let Some(key) = used.key {
            let (family, bits, name) = size(key);
            let rows = self.keys.get(&family).map(Vec::as_slice).unwrap_or_default();
            let row = rows.iter().rev().find(|(least, _)| bits >= *least).map(|(_, until)| *until);
            note(name, row);
        }
        found.into_iter().min_by_key(|weakness| weakness.until)
    }

    /// The latest time up to which all of it was reliable; `None` where no end is known. What was never accepted ends at the epoch.
    pub fn reliable_until(&self, used: &Used) -> Option<Instant> {
        let never = Instant::from_unix_seconds(0);
        self.weakness(used, Instant::from_unix_seconds(FAR_FUTURE)).map(|weakness| weakness.until.unwrap_or(never))
    }

    /// What the policy wants said about a scheme that it accepts.
    pub fn notice(&self, scheme: SignatureAlgorithm) -> Option<&str> {
        self.schemes.get(&family(scheme)).and_then(|(_, notice)| notice.as_deref())
    }
}

/// The year 9999.
const FAR_FUTURE: i64 = 253_370_764_800;

fn family(scheme: SignatureAlgorithm) -> Scheme {
    match scheme {
        SignatureAlgorithm::RsaPkcs1(_) => Scheme::RsaPkcs1,
        SignatureAlgorithm::RsaPss { .. } => Scheme::RsaPss,
        SignatureAlgorithm::Ecdsa(_) | SignatureAlgorithm::EcdsaPlain(_) => Scheme::Ecdsa,
        SignatureAlgorithm::Dsa(_) => Scheme::Dsa,
        SignatureAlgorithm::Ed25519 | SignatureAlgorithm::Ed448 => Scheme::EdDsa,
    }
}

fn size(key: KeyType) -> (KeyFamily, u32, String) {
    let bits = |curve: crypto::Curve| u32::try_from(curve.bits()).unwrap_or_default();
    let (family, bits, name) = match key {
        KeyType::Rsa { modulus_bits } => (KeyFamily::Rsa, modulus_bits, "RSA"),
        KeyType::Dsa { modulus_bits } => (KeyFamily::Dsa, modulus_bits, "DSA"),
        KeyType::Ec(curve) => (KeyFamily::Ec, bits(curve), "elliptic-curve"),
        KeyType::Ed25519 => (KeyFamily::EdDsa, 255, "Ed25519"),
        KeyType::Ed448 => (KeyFamily::EdDsa, 448, "Ed448"),
    };
    (family, bits, format!("{name} key of {bits} bits"))
}

const TEXTS: [(&str, &str); 4] = [
    ("default", include_str!("policies/default.toml")),
    ("vietnam", include_str!("policies/vietnam.toml")),
    ("eu", include_str!("policies/eu.toml")),
    ("integrity", include_str!("policies/integrity.toml")),
];

#[allow(clippy::expect_used)] // shipped texts; a test reads every one
fn built_in() -> &'static [Arc<ValidationPolicy>] {
    static POLICIES: OnceLock<Vec<Arc<ValidationPolicy>>> = OnceLock::new();
    let read = |(_, text): &(&str, &str)| Arc::new(ValidationPolicy::parse(text).expect("a built-in policy"));
    POLICIES.get_or_init(|| TEXTS.iter().map(read).collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use crate::algorithm::ALL_DIGESTS;

    fn at(text: &str) -> Instant {
        Instant::parse_rfc3339(text).unwrap()
    }

    fn used(digest: DigestAlgorithm, scheme: SignatureAlgorithm, key: KeyType) -> Used {
        Used { what: "signature".to_owned(), digests: vec![digest], scheme: Some(scheme), key: Some(key) }
    }

    #[test]
    fn built_in_policies_are_read_and_named_by_their_texts() {
        let names: Vec<&str> = ValidationPolicy::names().collect();
        assert_eq!(names, ["default", "vietnam", "eu", "integrity"]);
        for name in names {
            let policy = ValidationPolicy::built_in(name).unwrap();
            let text = ValidationPolicy::built_in_text(name).unwrap();
            assert_eq!(policy.sha256, hex::encode(crypto::sha256(text.as_bytes())));
            assert!(!policy.title.vi.is_empty() && !policy.title.en.is_empty());
            assert_eq!(policy.judges_trust, name != "integrity");
        }
    }

    #[test]
    fn algorithms_end_by_date_and_policy() {
        use DigestAlgorithm::{Sha1, Sha256};
        let rsa = |bits| KeyType::Rsa { modulus_bits: bits };
        let old = used(Sha1, SignatureAlgorithm::RsaPkcs1(Sha1), rsa(2048));
        let cases = [
            ("default", "2012-07-31T00:00:00Z", true),
            ("default", "2013-01-01T00:00:00Z", false),
            ("vietnam", "2025-08-14T16:59:00Z", true),
            ("vietnam", "2025-08-14T17:01:00Z", false),
            ("eu", "2013-01-01T00:00:00Z", false),
        ];
        for (name, time, reliable) in cases {
            let policy = ValidationPolicy::built_in(name).unwrap();
            assert_eq!(policy.weakness(&old, at(time)).is_none(), reliable, "{name} {time}");
        }
        let policy = ValidationPolicy::built_in("default").unwrap();
        let short = used(Sha256, SignatureAlgorithm::RsaPkcs1(Sha256), rsa(1024));
        assert_eq!(policy.weakness(&short, at("2013-06-01T00:00:00Z")), None);
        let weakness = policy.weakness(&short, at("2020-01-01T00:00:00Z")).unwrap();
        assert!(weakness.what.contains("RSA key of 1024 bits"), "{weakness:?}");
        assert_eq!(weakness.until, policy.reliable_until(&short));
        // Below the smallest row: never.
        let tiny = used(Sha256, SignatureAlgorithm::RsaPkcs1(Sha256), rsa(512));
        assert_eq!(policy.weakness(&tiny, at("2000-01-01T00:00:00Z")).unwrap().until, None);
        assert_eq!(ALL_DIGESTS.iter().filter(|digest| !policy.digests.contains_key(digest)).count(), 0);
    }

    #[test]
    fn pkcs1_is_a_notice_where_the_circular_names_pss() {
        let policy = ValidationPolicy::built_in("vietnam").unwrap();
        let pkcs1 = SignatureAlgorithm::RsaPkcs1(DigestAlgorithm::Sha256);
        assert!(policy.notice(pkcs1).unwrap().contains("RSASSA-PSS"));
        assert_eq!(policy.notice(SignatureAlgorithm::Ecdsa(DigestAlgorithm::Sha256)), None);
        let scheme = Used { scheme: Some(pkcs1), ..Used::default() };
        assert_eq!(policy.weakness(&scheme, at("2026-01-01T00:00:00Z")), None);
    }
}
