//! The settings file as it is written: which key stands on which line, so that whatever is wrong is told with its place and an unknown key with the
//! nearest known one.

use super::{Config, ConfigError, reference};
use std::path::{Path, PathBuf};
use toml::de::{DeTable, DeValue};

/// A settings file that can be read.
pub(super) struct Source {
    path: PathBuf,
    /// Each key with its line.
    lines: Vec<(String, usize)>,
}

impl Source {
    /// Reads the file and refuses what is no TOML, a key that is not known, and a value of another type.
    pub(super) fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| ConfigError::File { path: path.to_owned(), what: error.to_string() })?;
        let refused = |error: toml::de::Error| ConfigError::File { path: path.to_owned(), what: error.to_string() };
        let table = DeTable::parse(&text).map_err(refused)?;
        let mut source = Self { path: path.to_owned(), lines: Vec::new() };
        source.walk("", table.get_ref(), &text)?;
        toml::from_str::<Config>(&text).map_err(refused)?;
        Ok(source)
    }

    /// The lines of the keys that an error names.
    pub(super) fn placed(&self, error: ConfigError) -> ConfigError {
        let ConfigError::Invalid { key, what } = error else { return error };
        let line = key.split(", ").find_map(|key| self.line(key));
        match line {
            Some(line) => ConfigError::InFile { path: self.path.clone(), line, key, what },
            None => ConfigError::Invalid { key, what },
        }
    }

    /// The line of a key, or of the section that an error is about.
    pub(super) fn line(&self, key: &str) -> Option<usize> {
        let found = self.lines.iter().find(|(written, _)| written == key);
        found
            .or_else(|| self.lines.iter().find(|(written, _)| written.replace("[]", "").starts_with(key)))
            .map(|(_, line)| *line)
    }

    fn walk(&mut self, above: &str, table: &DeTable<'_>, text: &str) -> Result<(), ConfigError> {
        for (name, value) in table {
            let key = if above.is_empty() { name.get_ref().to_string() } else { format!("{above}.{}", name.get_ref()) };
            let before = text.get(..name.span().start).unwrap_or_default();
            let line = before.matches('\n').count().saturating_add(1);
            self.lines.push((key.clone(), line));
            if reference::row(&key).is_some() {
                continue;
            }
            match value.get_ref() {
                DeValue::Table(table) if reference::is_section(&key) => self.walk(&key, table, text)?,
                DeValue::Array(items) if reference::is_section(&format!("{key}[]")) => {
                    for item in items.iter() {
                        if let DeValue::Table(table) = item.get_ref() {
                            self.walk(&format!("{key}[]"), table, text)?;
                        }
                    }
                }
                // A value where a section should be: the reader of values says so.
                _ if reference::is_section(&key) => {}
                _ => {
                    let nearest = reference::nearest(&key);
                    return Err(ConfigError::Unknown { path: self.path.clone(), line, key, nearest });
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::Settings;

    fn refused(text: &str) -> String {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("chuky.toml");
        std::fs::write(&file, text).unwrap();
        let error = Settings::load(Some(&file), directory.path()).unwrap_err().to_string();
        error.replace(&file.display().to_string(), "FILE")
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        let unknown = refused("[server]\nlisten = \"127.0.0.1:1\"\n\nlissten = 1\n");
        assert_eq!(unknown, "FILE:4: server.lissten is no setting; did you mean server.listen?");
        let nothing_near = refused("[server]\nxyzzy_plugh = 1\n");
        assert_eq!(nothing_near, "FILE:2: server.xyzzy_plugh is no setting; `chuky config reference` lists all");
        assert!(refused("[servr]\n").starts_with("FILE:1: servr is no setting; did you mean server?"));
        let token = refused("[[hsm.tokens]]\nrole = \"status\"\nlable = \"x\"\n");
        assert_eq!(token, "FILE:3: hsm.tokens[].lable is no setting; did you mean hsm.tokens[].label?");
        let value = refused("[seal]\n# of one guess\nmemory_kib = 65536\ntries = 11\n");
        assert_eq!(value, "FILE:4: seal.tries: is 1 to 10");
        assert!(refused("\n\n[seal]\nmemory_kib = 1\n").starts_with("FILE:3: seal: memory_kib"), "of the section");
        let kind = refused("[server]\n\nlargest_upload_mib = \"many\"\n");
        assert!(kind.starts_with("FILE: ") && kind.contains("line 3"), "{kind}");
        let section = refused("server = 1\n");
        assert!(section.contains("line 1"), "{section}");
        assert!(refused("[server\n").contains("line 1"));
        let layout = refused("[[payments.layouts]]\nname = \"a\"\nfields = [{ member = \"id\", widht = 3 }]\n");
        assert_eq!(
            layout,
            "FILE:3: payments.layouts[].fields[].widht is no setting; did you mean payments.layouts[].fields[].width?"
        );
    }

    #[test]
    fn free_names_are_free() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("chuky.toml");
        let text = "[[hsm.tokens]]\nrole = \"status\"\nenvironment = { ANYTHING = \"x\" }\n[rates]\nlogin = { count = 1, seconds = 2 }\n";
        std::fs::write(&file, text).unwrap();
        let settings = Settings::load(Some(&file), directory.path()).unwrap();
        assert_eq!(settings.hsm.tokens[0].environment["ANYTHING"], "x");
    }
}
