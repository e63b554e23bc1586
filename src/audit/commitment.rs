//! Commitments to what is personal: a log's entry holds HMAC-SHA-256 under a salt of 32 random octets, and the salt lies elsewhere, encrypted, and goes
//! with the person. Until then it can be opened: whoever is given salt and fields computes the same. Pure.

use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use std::collections::BTreeMap;
use subtle::ConstantTimeEq;

/// What is committed to: names of fields and their values, in the order of the names. Fields without a value are left out.
pub type Fields = BTreeMap<String, String>;

/// What opens a commitment.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Opening {
    /// [`FORM`].
    pub form: String,
    /// Hex.
    pub salt: String,
    /// A person's data.
    pub fields: Fields,
}

impl Opening {
    /// The commitment that it opens, hex; `None` of another form, or a salt of another length.
    pub fn commitment(&self) -> Option<String> {
        let salt: [u8; SALT_OCTETS] = hex::decode(&self.salt).ok()?.try_into().ok()?;
        (self.form == FORM).then(|| hex::encode(commitment(&salt, &self.fields)))
    }

    /// Whether it opens that one (hex).
    pub fn opens(&self, commitment: &str) -> bool {
        self.commitment().is_some_and(|own| own.as_bytes().ct_eq(commitment.as_bytes()).into())
    }
}

/// HMAC-SHA-256 with the salt as its key over the form's name, then name and value of each field, each after its length in eight octets.
pub fn commitment(salt: &[u8; SALT_OCTETS], fields: &Fields) -> [u8; 32] {
    let mut mac =
        Hmac::<Sha256>::new_from_slice(salt).unwrap_or_else(|_| unreachable!("HMAC takes keys of any length"));
    let mut part = |text: &str| {
        mac.update(&u64::try_from(text.len()).unwrap_or(u64::MAX).to_be_bytes());
        mac.update(text.as_bytes());
    };
    part(FORM);
    for (name, value) in fields.iter().filter(|(_, value)| !value.is_empty()) {
        part(name);
        part(value);
    }
    mac.finalize().into_bytes().into()
}

/// What such a commitment is called in entries and openings.
pub const FORM: &str = "chuky-identity-v1";
/// A salt's length: as long as the hash, so that neither is guessed before the other.
pub const SALT_OCTETS: usize = 32;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn fields(of: &[(&str, &str)]) -> Fields {
        of.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn an_opening_opens_its_commitment_and_no_other() {
        let person = fields(&[("full_name", "Phạm Thị Lụa"), ("personal_number", "001190054321"), ("title", "")]);
        let opening = Opening { form: FORM.to_owned(), salt: hex::encode([7; SALT_OCTETS]), fields: person.clone() };
        let hidden = opening.commitment().unwrap();
        assert!(opening.opens(&hidden));
        // An empty field is none.
        let same = Opening {
            fields: fields(&[("full_name", "Phạm Thị Lụa"), ("personal_number", "001190054321")]),
            ..opening.clone()
        };
        assert!(same.opens(&hidden));
        let others = [
            Opening { form: "chuky-identity-v2".to_owned(), ..opening.clone() },
            Opening { salt: hex::encode([8; SALT_OCTETS]), ..opening.clone() },
            Opening { salt: hex::encode([7; SALT_OCTETS + 1]), ..opening.clone() },
            Opening { salt: "x".to_owned(), ..opening.clone() },
            Opening { fields: fields(&[("full_name", "Phạm Thị Lụa")]), ..opening.clone() },
            // The same letters, parted otherwise.
            Opening {
                fields: fields(&[("full_name", "Phạm Thị Lụa"), ("personal_number0", "01190054321")]),
                ..opening.clone()
            },
        ];
        assert!(others.iter().all(|other| !other.opens(&hidden)));
    }

    /// By `openssl dgst -sha256 -mac HMAC`, over octets written by hand.
    #[test]
    fn the_form_is_the_documented_one() {
        let hidden = commitment(&[0; SALT_OCTETS], &fields(&[("a", "b")]));
        let mut octets = Vec::new();
        for part in ["chuky-identity-v1", "a", "b"] {
            octets.extend((part.len() as u64).to_be_bytes());
            octets.extend(part.as_bytes());
        }
        let key = openssl_hmac(&octets);
        assert_eq!(hidden.as_slice(), key);
    }

    fn openssl_hmac(octets: &[u8]) -> Vec<u8> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), octets).unwrap();
        let key = format!("hexkey:{}", "00".repeat(SALT_OCTETS));
        let said = std::process::Command::new("openssl")
            .args(["dgst", "-sha256", "-binary", "-mac", "HMAC", "-macopt", &key])
            .arg(file.path())
            .output()
            .unwrap();
        assert!(said.status.success());
        said.stdout
    }
}
