//! What a ceremony's file says, read and checked as far as it can be without any token: names, profiles, validities, custodians.

use crate::{
    app::App,
    error::{RequestError, Result},
    issuance::authority::internal,
    store::Store,
    tokens::RootTokenPlan,
};
use chuky_hsm::share::{MOST_SHARES, Purpose};
use chuky_model::{
    algorithm::KeyAlgorithm,
    instant::Instant,
    record::{certificate::AuthorityKey, state::KeyPurpose},
    request::Hierarchy,
};
use chuky_pki::{
    certificate::Certificate,
    issue::CertificateIntent,
    name::{DistinguishedName, Name},
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use unicode_normalization::UnicodeNormalization;

/// The ceremony of a first start, with TEST names.
pub const TEST: &str = include_str!("../../../ceremony/test.toml");

/// What a ceremony's file says.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// Whether every name must carry the word TEST.
    pub test: bool,
    /// Where it is held, for the record.
    #[serde(default)]
    pub place: Option<String>,
    /// Who is there, for the record.
    #[serde(default)]
    pub present: Vec<Person>,
    /// The token of the root, where it has one of its own.
    #[serde(default)]
    pub root_token: Option<RootTokenPlan>,
    /// Where a new root is made, if not on the token of the one before.
    #[serde(default)]
    pub new_root_token: Option<RootTokenPlan>,
    #[serde(default)]
    pub custody: CustodyPlan,
    #[serde(default)]
    pub citizens: HierarchyPlan,
    #[serde(default)]
    pub officials: HierarchyPlan,
}

/// Somebody who is there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Person {
    pub name: String,
    pub role: String,
}

/// Who holds what together. What is not named here lies in files, or is made at random and known to the tokens alone.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CustodyPlan {
    pub officer_pin: Option<SetPlan>,
    pub user_pin: Option<SetPlan>,
    pub root_pin: Option<SetPlan>,
    pub keys: Option<SetPlan>,
    pub pepper: Option<SetPlan>,
    pub backup: Option<SetPlan>,
}

/// The custodians of one secret.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetPlan {
    /// How many of them are needed.
    pub threshold: u8,
    pub custodians: Vec<String>,
}

/// The keys of a hierarchy.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HierarchyPlan {
    pub root: Option<KeyPlan>,
    pub issuing: Option<KeyPlan>,
    pub ocsp: Option<KeyPlan>,
    pub timestamp: Option<KeyPlan>,
}

/// One key and its certificate.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyPlan {
    pub subject: DistinguishedName,
    pub key: KeyAlgorithm,
    /// Validity from the ceremony on.
    pub days: u32,
    /// Of a responder: the CA that it answers for, where that is another than the one that issues.
    #[serde(default)]
    pub issuer: Option<String>,
}

impl Plan {
    /// Reads a ceremony's file; what is wrong with it is the caller's to mend.
    pub fn from_toml(text: &str) -> Result<Self> {
        let plan: Self = toml::from_str(text).map_err(|error| unusable(&error.to_string()))?;
        for (_, hierarchy) in plan.hierarchies() {
            for (purpose, key) in hierarchy.keys() {
                if key.issuer.is_some() && (purpose != KeyPurpose::Ocsp || hierarchy.issuing.is_some()) {
                    return Err(unusable("issuer: only a responder made alone names the CA that it answers for").into());
                }
                if plan.test && !key.subject.is_marked_test() {
                    return Err(unusable("test = true, and a subject does not carry the word TEST").into());
                }
            }
        }
        plan.check_custody()?;
        Ok(plan)
    }

    /// The first ceremony makes every key of both hierarchies.
    pub fn is_complete(&self) -> bool {
        self.hierarchies().iter().all(|(_, hierarchy)| hierarchy.keys().count() == 4)
    }

    /// What the first ceremony needs beside: every key of both hierarchies, and custodians where the root has a token of its own.
    pub fn check_first(&self) -> Result<()> {
        self.check_names(&[])?;
        if !self.is_complete() {
            let what = "the first ceremony makes root, issuing, ocsp and timestamp of both hierarchies";
            return Err(unusable(what).into());
        }
        if self.new_root_token.is_some() {
            return Err(unusable("new_root_token: is for a roll-over; the first root's is root_token").into());
        }
        if self.root_token.is_some() && (self.custody.root_pin.is_none() || self.custody.officer_pin.is_none()) {
            return Err(unusable("root_token: its PINs need custody.root_pin and custody.officer_pin").into());
        }
        Ok(())
    }

    /// What a roll-over needs beside: a key to make, and a responder with each new issuing CA.
    pub fn check_further(&self) -> Result<()> {
        if self.hierarchies().iter().all(|(_, hierarchy)| hierarchy.keys().count() == 0) {
            return Err(unusable("it names no key").into());
        }
        if self.hierarchies().iter().any(|(_, keys)| keys.issuing.is_some() && keys.ocsp.is_none()) {
            return Err(unusable("a new issuing CA needs a responder of its own: name ocsp").into());
        }
        Ok(())
    }

    /// RFC 5280 §4.1.2.4: an issuer is known by its name. A new CA takes that of none that is or was here, and of no other new one: whoever
    /// looks by name would ask the wrong key, or the wrong list.
    pub fn check_names(&self, known: &[AuthorityKey]) -> Result<()> {
        let certificates = known.iter().filter(|row| is_ca(row.purpose)).filter_map(|row| row.certificate.as_deref());
        let mut taken = Vec::new();
        for der in certificates {
            taken.push(Certificate::from_der(der).map_err(internal)?.subject().clone());
        }
        for (_, plan) in self.hierarchies() {
            for (_, key) in plan.keys().filter(|(purpose, _)| is_ca(*purpose)) {
                let der = key.subject.to_der().map_err(|error| unusable(&error.to_string()))?;
                let name = Name::from_der(&der).map_err(|error| unusable(&error.to_string()))?;
                if taken.iter().any(|taken| taken.matches(&name)) {
                    let what =
                        format!("{name} names another CA, which is or was here: give the new one a name of its own");
                    return Err(unusable(&what).into());
                }
                taken.push(name);
            }
        }
        Ok(())
    }

    /// Both hierarchies.
    pub fn hierarchies(&self) -> [(Hierarchy, &HierarchyPlan); 2] {
        [(Hierarchy::Citizens, &self.citizens), (Hierarchy::Officials, &self.officials)]
    }

    /// Checks every certificate against its profile, as issuing it now would, without any key. A life that reaches beyond its issuer's is
    /// found too.
    pub fn rehearse(&self, app: &crate::issuance::IssuingPolicy, now: Instant) -> Result<Vec<String>> {
        let mut lines = Vec::new();
        for (hierarchy, plan) in self.hierarchies() {
            let mut above = u32::MAX;
            for (purpose, key) in plan.keys() {
                let profile = app.profiles.by_name(purpose.name()).map_err(internal)?.clone();
                if !profile.keys.iter().any(|name| name == key.key.name()) {
                    return Err(unusable(&format!("profile {} admits no {} key", profile.name, key.key.name())).into());
                }
                if key.days > above {
                    return Err(unusable(&format!("{} would outlive its issuer", shown(&key.subject))).into());
                }
                let validity = (now, now.plus_seconds(i64::from(key.days).saturating_mul(86_400)));
                let (scheme, serial) = (key.key.default_scheme(), crate::issuance::certify::random_serial());
                let intent = CertificateIntent::self_signed(profile, scheme, serial, &key.subject, validity);
                intent.map_err(|error| unusable(&error.to_string()))?;
                if matches!(purpose, KeyPurpose::Root | KeyPurpose::Issuing) {
                    above = key.days;
                }
                let (name, days) = (format!("{}-{}", hierarchy.name(), purpose.name()), key.days);
                lines.push(format!("{name}: {}, {days} d, {}", key.key.name(), shown(&key.subject)));
            }
        }
        Ok(lines)
    }

    fn check_custody(&self) -> Result<()> {
        let custody = &self.custody;
        for (purpose, set) in custody.sets() {
            let count = u8::try_from(set.custodians.len()).unwrap_or(u8::MAX);
            if set.threshold < 2 || set.threshold > count || count > MOST_SHARES {
                let what = "a secret has 2 to 16 custodians, of whom at least 2 and at most all are needed";
                return Err(unusable(&format!("custody.{}: {what}", purpose.name())).into());
            }
            if set.custodians.iter().any(|name| name.trim().is_empty()) {
                return Err(unusable(&format!("custody.{}: a custodian has no name", purpose.name())).into());
            }
            // Whoever held two shares would be two of those who are needed.
            let names: BTreeSet<String> = set.custodians.iter().map(|name| compared(name)).collect();
            if names.len() < set.custodians.len() {
                let what = "a custodian is named twice; where two people have one name, add what tells them apart";
                return Err(unusable(&format!("custody.{}: {what}", purpose.name())).into());
            }
        }
        if custody.keys.is_some() != custody.pepper.is_some() {
            return Err(unusable("custody.keys and custody.pepper go together").into());
        }
        if custody.user_pin.is_some() && custody.officer_pin.is_none() {
            return Err(unusable(
                "custody.user_pin: whoever has the officer's PIN can set it; name custody.officer_pin",
            )
            .into());
        }
        Ok(())
    }
}

impl CustodyPlan {
    /// Every set that is named.
    pub fn sets(&self) -> impl Iterator<Item = (Purpose, &SetPlan)> {
        let all = [
            (Purpose::OfficerPin, &self.officer_pin),
            (Purpose::UserPin, &self.user_pin),
            (Purpose::RootPin, &self.root_pin),
            (Purpose::Keys, &self.keys),
            (Purpose::Pepper(1), &self.pepper),
            (Purpose::Backup, &self.backup),
        ];
        all.into_iter().filter_map(|(purpose, set)| Some((purpose, set.as_ref()?)))
    }
}

impl HierarchyPlan {
    /// In the order of making: each after its issuer.
    pub fn keys(&self) -> impl Iterator<Item = (KeyPurpose, &KeyPlan)> {
        let all = [
            (KeyPurpose::Root, &self.root),
            (KeyPurpose::Issuing, &self.issuing),
            (KeyPurpose::Ocsp, &self.ocsp),
            (KeyPurpose::Timestamp, &self.timestamp),
        ];
        all.into_iter().filter_map(|(purpose, plan)| Some((purpose, plan.as_ref()?)))
    }
}

/// Whether a ceremony was held.
pub async fn was_held(app: &App) -> Result<bool> {
    was_held_over(&app.store).await
}

pub(super) async fn was_held_over(store: &Store) -> Result<bool> {
    Ok(store.authority_keys().await?.iter().any(|key| key.purpose == KeyPurpose::Root))
}

/// Whether every certificate of the authority names it a TEST; also where there is none yet.
pub async fn is_test(app: &App) -> Result<bool> {
    for key in app.store.authority_keys().await? {
        let Some(der) = key.certificate else { continue };
        let certificate = Certificate::from_der(&der).map_err(internal)?;
        if !certificate.subject().to_string().contains("TEST") {
            return Ok(false);
        }
    }
    Ok(true)
}

/// A name as it is compared with others: one spelling of its letters, no difference of case, one space between words.
fn compared(name: &str) -> String {
    let words: Vec<String> = name.nfkc().collect::<String>().split_whitespace().map(str::to_lowercase).collect();
    words.join(" ").nfc().collect()
}

fn is_ca(purpose: KeyPurpose) -> bool {
    matches!(purpose, KeyPurpose::Root | KeyPurpose::Issuing)
}

fn shown(name: &DistinguishedName) -> String {
    name.to_der().and_then(|der| Name::from_der(&der)).map(|name| name.to_string()).unwrap_or_default()
}

pub(super) fn unusable(what: &str) -> RequestError {
    let vi = format!("Tệp mô tả lễ tạo khóa không dùng được: {what}");
    RequestError::invalid("ceremony", "ceremony_file", vi, format!("The ceremony's file cannot be used: {what}"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_built_in_ceremony_is_marked_as_a_test() {
        let plan = Plan::from_toml(TEST).unwrap();
        assert!(plan.test && plan.is_complete());
        let unmarked = TEST.replacen("Chuky TEST", "Chuky", 1).replacen("Chuky TEST Root", "Chuky Root", 1);
        assert!(Plan::from_toml(&unmarked).is_err());
        assert!(!Plan::from_toml("test = true").unwrap().is_complete());
        let pattern = Plan::from_toml(include_str!("../../../ceremony/custodians.toml")).unwrap();
        assert_eq!((pattern.custody.sets().count(), pattern.is_complete()), (6, true));
    }

    #[test]
    fn what_is_wrong_with_a_file_is_found_without_a_token() {
        let policy = crate::issuance::IssuingPolicy::load(&crate::config::AuthorityConfig::default()).unwrap();
        let now = Instant::from_unix_seconds(1_800_000_000);
        let rehearsed = |text: &str| {
            let plan = Plan::from_toml(text)?;
            plan.check_first()?;
            plan.rehearse(&policy, now)
        };
        assert_eq!(rehearsed(TEST).unwrap().len(), 8);
        let set = |threshold: u8, names: &str| {
            format!("{TEST}\n[custody.backup]\nthreshold = {threshold}\ncustodians = [{names}]\n")
        };
        assert!(rehearsed(&set(2, "'A', 'B', 'C'")).is_ok());
        for (text, said) in [
            (TEST.replace("days = 397", "days = 500"), "too long"),
            (TEST.replace("days = 3652", "days = 1000"), "outlive"),
            (TEST.replace("[[\"country\", \"VN\"], ", "["), "lacks C"),
            (set(1, "'A', 'B'"), "custody.backup"),
            (set(3, "'A', 'B'"), "custody.backup"),
            (set(2, "'A', ' '"), "no name"),
            (set(2, "'Lê An', 'Lê An'"), "named twice"),
            // Another order of accents, another case, another space.
            (set(2, "'Lê An', 'B', ' lE\u{302}\u{a0} AN '"), "named twice"),
            (format!("{TEST}\n[root_token]\nlabel = 'root'\n"), "custody.root_pin"),
            (TEST.replace("key = \"p384\"", "key = \"p521\""), "p521"),
        ] {
            let error = rehearsed(&text).unwrap_err().to_string();
            assert!(error.contains(said), "{said}: {error}");
        }
    }
}
