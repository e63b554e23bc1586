//! What is issued under which rules: the certificate profiles in force and the lists of keys that are known to be bad, read once at start
//! from the operator's folders. A folder that cannot be read, or a profile that breaks a rule, stops the start.

use crate::{
    config::AuthorityConfig,
    error::{InternalError, Result},
};
use chuky_pki::{key::KnownBadKeys, profile::Profiles};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Profiles and lists of bad keys.
#[derive(Clone, Debug)]
pub struct IssuingPolicy {
    pub profiles: Profiles,
    pub known_bad_keys: KnownBadKeys,
}

impl IssuingPolicy {
    /// Reads what the settings name; without them the built-in profiles and no list.
    pub fn load(settings: &AuthorityConfig) -> Result<Self> {
        let profiles = profiles(settings.profiles_dir.as_deref())?;
        check_retention(&profiles, settings.retention_years)?;
        Ok(Self { profiles, known_bad_keys: known_bad_keys(settings.known_bad_keys_dir.as_deref())? })
    }
}

fn profiles(directory: Option<&Path>) -> Result<Profiles> {
    let texts = match directory {
        Some(directory) => read(directory, Some("toml"), LONGEST_PROFILE, "authority.profiles_dir")?,
        None => Vec::new(),
    };
    // One by one first, so that the refusal names the file.
    for (file, text) in &texts {
        chuky_pki::profile::Profile::from_toml(text).map_err(|error| wrong(file, &error))?;
    }
    let profiles = Profiles::replaced_by(texts.iter().map(|(_, text)| text.as_str()));
    Ok(profiles.map_err(|error| InternalError::other(format!("authority.profiles_dir: {error}")))?)
}

/// EN 319 412-5 §4.3.3: what a certificate promises to keep is kept.
fn check_retention(profiles: &Profiles, kept: u32) -> Result<()> {
    let promised = |profile: &chuky_pki::profile::Profile| {
        profile.qualified.as_ref().and_then(|statements| statements.retention_years).unwrap_or_default()
    };
    match profiles.all().find(|profile| promised(profile) > kept) {
        Some(profile) => Err(InternalError::other(format!(
            "authority.retention_years: profile {} promises {} years, files are kept for {kept}",
            profile.name,
            promised(profile)
        ))
        .into()),
        None => Ok(()),
    }
}

fn known_bad_keys(directory: Option<&Path>) -> Result<KnownBadKeys> {
    let mut keys = KnownBadKeys::published().map_err(|error| InternalError::Pki(error.to_string()))?;
    let Some(directory) = directory else { return Ok(keys) };
    for (file, text) in read(directory, None, LONGEST_KEY_LIST, "authority.known_bad_keys_dir")? {
        keys.add_list(&text).map_err(|error| wrong(&file, &error))?;
    }
    Ok(keys)
}

/// The files of a directory with that ending, as text, by name.
fn read(directory: &Path, ending: Option<&str>, longest: u64, setting: &str) -> Result<Vec<(PathBuf, String)>> {
    let named = |path: &Path| format!("{setting}: {}", path.display());
    let entries = fs::read_dir(directory).map_err(InternalError::io(named(directory)))?;
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.map_err(InternalError::io(named(directory)))?.path();
        let wanted = ending.is_none_or(|ending| path.extension().is_some_and(|extension| extension == ending));
        let metadata = fs::metadata(&path).map_err(InternalError::io(named(&path)))?;
        if !wanted || !metadata.is_file() {
            continue;
        }
        if metadata.len() > longest || files.len() >= MOST_FILES {
            return Err(InternalError::other(format!("{}: too long, or one of too many", named(&path))).into());
        }
        let text = fs::read_to_string(&path).map_err(InternalError::io(named(&path)))?;
        files.push((path, text));
    }
    files.sort();
    Ok(files)
}

fn wrong(file: &Path, error: &chuky_pki::Error) -> InternalError {
    InternalError::other(format!("{}: {error}", file.display()))
}

/// Bytes of one profile; the built-in ones have about a thousand.
const LONGEST_PROFILE: u64 = 64 << 10;
/// Bytes of one list of keys: a million keys as digits.
const LONGEST_KEY_LIST: u64 = 80 << 20;
const MOST_FILES: usize = 256;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn settings(directory: &Path) -> AuthorityConfig {
        AuthorityConfig {
            profiles_dir: Some(directory.join("profiles")),
            known_bad_keys_dir: Some(directory.join("keys")),
            ..AuthorityConfig::default()
        }
    }

    #[test]
    fn folders_are_read_and_what_is_wrong_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let at = directory.path();
        assert!(IssuingPolicy::load(&settings(at)).unwrap_err().to_string().contains("authority.profiles_dir"));
        fs::create_dir(at.join("profiles")).unwrap();
        fs::create_dir(at.join("keys")).unwrap();
        fs::write(at.join("keys/list"), format!("# known\n{}\n", "0a".repeat(10))).unwrap();
        fs::write(at.join("profiles/readme.txt"), "not a profile").unwrap();
        let own = include_str!("../../pki/src/profiles/citizen.toml").replace("= 1096", "= 365");
        fs::write(at.join("profiles/citizen.toml"), &own).unwrap();
        let policy = IssuingPolicy::load(&settings(at)).unwrap();
        assert_eq!(policy.profiles.by_name("citizen").unwrap().longest_validity_days, 365);
        assert_eq!(policy.known_bad_keys.len(), KnownBadKeys::published().unwrap().len() + 1);
        fs::write(at.join("profiles/citizen.toml"), own.replace("= 365", "= 2000")).unwrap();
        let error = IssuingPolicy::load(&settings(at)).unwrap_err().to_string();
        assert!(error.contains("citizen.toml") && error.contains("Decree 23/2025"), "{error}");
        fs::write(at.join("profiles/citizen.toml"), &own).unwrap();
        fs::write(at.join("keys/list"), "not hexadecimal").unwrap();
        assert!(IssuingPolicy::load(&settings(at)).unwrap_err().to_string().contains("list"));
    }
}
