//! The validation policies that callers may name: those built in, and the operator's own from a folder. Read once, when the service starts; one
//! that cannot be used keeps it from starting, so that no verdict is made by less than was meant.

use crate::{
    config::VerificationConfig,
    error::{InternalError, Result},
};
use chuky_pki::verify::policy::ValidationPolicy;
use std::{collections::BTreeMap, path::Path};

/// Policies by name, as texts.
#[derive(Debug)]
pub struct Policies {
    texts: BTreeMap<String, String>,
    standard: String,
}

impl Policies {
    /// Reads them.
    pub fn load(config: &VerificationConfig) -> Result<Self> {
        let built_in = ValidationPolicy::names()
            .filter_map(|name| Some((name.to_owned(), ValidationPolicy::built_in_text(name)?.to_owned())));
        let mut texts: BTreeMap<String, String> = built_in.collect();
        if let Some(folder) = &config.policies_dir {
            for (name, text) in own(folder)? {
                if texts.insert(name.clone(), text).is_some() {
                    let text = format!("{}: the policy {name:?} stands twice", folder.display());
                    return Err(InternalError::other(text).into());
                }
            }
        }
        let standard = texts.get(&config.policy).cloned().ok_or_else(|| {
            let names: Vec<&str> = texts.keys().map(String::as_str).collect();
            InternalError::other(format!("verification.policy: {:?} is none of {}", config.policy, names.join(", ")))
        })?;
        Ok(Self { texts, standard })
    }

    /// The text of the policy that is meant where none is named.
    pub fn standard(&self) -> &str {
        &self.standard
    }

    /// The text of a policy by its name.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.texts.get(name).map(String::as_str)
    }

    /// All names.
    pub fn names(&self) -> Vec<&str> {
        self.texts.keys().map(String::as_str).collect()
    }
}

/// The policies of a folder, each with the name that it gives itself.
fn own(folder: &Path) -> Result<Vec<(String, String)>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(InternalError::io("the folder of validation policies"))? {
        let path = entry.map_err(InternalError::io("the folder of validation policies"))?.path();
        if path.extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
        let text = std::fs::read_to_string(&path).map_err(InternalError::io("a validation policy"))?;
        let policy = ValidationPolicy::parse(&text)
            .map_err(|error| InternalError::other(format!("{}: {error}", path.display())))?;
        found.push((policy.name, text));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    fn config(folder: &Path, policy: &str) -> VerificationConfig {
        VerificationConfig {
            policy: policy.to_owned(),
            policies_dir: Some(folder.to_owned()),
            ..VerificationConfig::default()
        }
    }

    #[test]
    fn a_folder_adds_policies_and_a_bad_one_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let text = ValidationPolicy::built_in_text("eu").unwrap().replace("name = \"eu\"", "name = \"city\"");
        std::fs::write(folder.path().join("city.toml"), &text).unwrap();
        std::fs::write(folder.path().join("notes.txt"), "not a policy").unwrap();
        let policies = Policies::load(&config(folder.path(), "city")).unwrap();
        assert_eq!(policies.names(), ["city", "default", "eu", "integrity", "vietnam"]);
        assert_eq!(policies.standard(), text);
        assert_eq!((policies.text("city"), policies.text("unknown")), (Some(text.as_str()), None));
        assert!(Policies::load(&config(folder.path(), "town")).is_err());
        std::fs::write(folder.path().join("again.toml"), &text).unwrap();
        assert!(Policies::load(&config(folder.path(), "default")).is_err());
        std::fs::write(folder.path().join("again.toml"), "name = 1").unwrap();
        let error = format!("{:?}", Policies::load(&config(folder.path(), "default")).unwrap_err());
        assert!(error.contains("again.toml"), "{error}");
    }
}
