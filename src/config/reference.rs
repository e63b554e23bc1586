//! Every setting with its type, default and meaning, as `chuky config reference` prints it and `docs/settings.md` has it. Keys and defaults come
//! from `Config` itself; a test fails where a key has no row or a row no key. Reads and opens nothing.

use super::{Config, rows};
use serde_json::Value;
use std::{collections::BTreeMap, fmt::Write};

/// One setting.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// `section.key`; `[]` stands behind a list of tables.
    pub key: &'static str,
    pub kind: &'static str,
    pub meaning: &'static str,
    /// The law, standard or decision that sets it or bounds it; empty where none does.
    pub source: &'static str,
}

/// The row of a setting.
pub fn row(key: &str) -> Option<&'static Row> {
    rows::all().find(|row| row.key == key)
}

/// Whether settings lie below this key.
pub fn is_section(key: &str) -> bool {
    rows::all().any(|row| row.key.strip_prefix(key).is_some_and(|rest| rest.starts_with(['.', '['])))
}

/// The known key that is written most like this one, where one is near: in its section, by its name in another, or a section.
pub fn nearest(key: &str) -> Option<&'static str> {
    let (section, name) = key.rsplit_once('.').unwrap_or(("", key));
    let in_section = rows::all().filter(|row| row.key.rsplit_once('.').is_some_and(|(of, _)| of == section));
    let in_section = like(in_section.map(|row| row.key), name);
    let elsewhere = || rows::all().map(|row| row.key).find(|known| last(known) == name);
    let first = key.split('.').next().unwrap_or(key);
    let sections = rows::all().filter_map(|row| row.key.split_once('.').map(|(section, _)| section));
    let sections = || if is_section(first) { None } else { like(sections, first) };
    in_section.or_else(elsewhere).or_else(sections)
}

fn like(known: impl Iterator<Item = &'static str>, written: &str) -> Option<&'static str> {
    let far = (written.len() / 3).max(2);
    let near = known.map(|known| (strsim::damerau_levenshtein(last(known), written), known));
    near.filter(|(distance, _)| *distance <= far).min().map(|(_, known)| known)
}

fn last(key: &str) -> &str {
    key.rsplit('.').next().unwrap_or(key)
}

/// Each setting's value in a configuration, by its key; lists of tables are one value.
pub fn values(config: &Config) -> BTreeMap<String, Value> {
    let mut values = BTreeMap::new();
    // Nothing in it fails to be written as JSON.
    let whole = serde_json::to_value(config).unwrap_or_default();
    flatten("", &whole, &mut values);
    values
}

fn flatten(key: &str, value: &Value, into: &mut BTreeMap<String, Value>) {
    match value {
        Value::Object(members) if row(key).is_none() => {
            for (name, value) in members {
                let key = if key.is_empty() { name.clone() } else { format!("{key}.{name}") };
                flatten(&key, value, into);
            }
        }
        _ => drop(into.insert(key.to_owned(), value.clone())),
    }
}

/// A value as a settings file has it.
pub fn as_toml(value: &Value) -> String {
    match value {
        Value::Null => "–".to_owned(),
        Value::Object(members) => {
            let members: Vec<_> = members.iter().map(|(name, value)| format!("{name} = {}", as_toml(value))).collect();
            format!("{{ {} }}", members.join(", "))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(as_toml).collect::<Vec<_>>().join(", ")),
        // Strings of JSON and TOML are quoted alike as far as settings go.
        other => other.to_string(),
    }
}

/// The whole reference as Markdown.
pub fn markdown() -> String {
    let defaults = values(&Config::default());
    let mut text = HEAD.to_owned();
    let mut section = "";
    for row in rows::all() {
        let of = row.key.split(['.', '[']).next().unwrap_or_default();
        if of != section {
            section = of;
            // Writing to a string cannot fail.
            let _ = write!(
                text,
                "\n## {section}\n\n| setting | type | default | meaning | from |\n|---|---|---|---|---|\n"
            );
        }
        let default = match defaults.get(row.key) {
            Some(Value::Null) | None => "–".to_owned(),
            Some(value) => format!("`{}`", as_toml(value)),
        };
        let cell = |text: &str| text.replace('|', "\\|");
        let _ = writeln!(
            text,
            "| `{}` | {} | {} | {} | {} |",
            row.key,
            row.kind,
            cell(&default),
            cell(row.meaning),
            if row.source.is_empty() { "–" } else { row.source }
        );
    }
    text
}

const HEAD: &str = "# Settings

Made by `chuky config reference` from the code; a test holds it to be the same. `chuky config check` looks at a file without starting anything, `chuky config show` tells what
holds and where each value comes from. A file is TOML, one section a heading below; `CHUKY__SECTION__KEY` in the environment goes before the file (no lists and no tables that way).
An unknown key stops the start, with its line and the nearest known name. A dash means: none, or required where the section is given. Times are UTC. What each section is for stands in
[operators.md](operators.md).
";

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::collections::BTreeSet;

    /// One of everything that is a list or absent by default.
    const SAMPLE: &str = "
        [server.tls]
        certificate = 'c.pem'
        key = 'k.pem'
        [[hsm.tokens]]
        role = 'status'
        [[payments.layouts]]
        name = 'a'
        fields = [{ member = 'id' }]
        [[audit.witnesses]]
        url = 'http://w'
        key = 'k'
    ";

    fn keys(key: &str, value: &Value, into: &mut BTreeSet<String>) {
        let is_known = row(key).is_some();
        match value {
            Value::Object(members) if !is_known => {
                for (name, value) in members {
                    keys(&if key.is_empty() { name.clone() } else { format!("{key}.{name}") }, value, into);
                }
            }
            Value::Array(items) if items.first().is_some_and(Value::is_object) => {
                for item in items {
                    keys(&format!("{key}[]"), item, into);
                }
            }
            _ => drop(into.insert(key.to_owned())),
        }
    }

    #[test]
    fn every_setting_has_a_row_and_every_row_a_setting() {
        let sample: Config = toml::from_str(SAMPLE).unwrap();
        let mut known = BTreeSet::new();
        keys("", &serde_json::to_value(sample).unwrap(), &mut known);
        let rows: BTreeSet<String> = rows::all().map(|row| row.key.to_owned()).collect();
        assert_eq!(rows.len(), rows::all().count(), "a row stands twice");
        let missing: Vec<_> = known.difference(&rows).collect();
        let left: Vec<_> = rows.difference(&known).collect();
        assert!(missing.is_empty() && left.is_empty(), "without a row: {missing:?}; without a setting: {left:?}");
        for row in rows::all() {
            assert!(!row.kind.is_empty() && row.meaning.len() > 10, "{}", row.key);
        }
    }

    #[test]
    fn the_reference_in_the_documents_is_the_one_of_the_code() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/settings.md");
        let written = std::fs::read_to_string(file).unwrap_or_default();
        assert!(written == markdown(), "run: chuky config reference > docs/settings.md");
    }

    #[test]
    fn the_nearest_name_is_told() {
        for (written, meant) in [
            ("server.lissten", Some("server.listen")),
            ("server.publicurl", Some("server.public_url")),
            ("hsm.tokens[].lable", Some("hsm.tokens[].label")),
            ("server.tls.certificat", Some("server.tls.certificate")),
            ("server.retention_days", Some("payments.retention_days")),
            ("servr.listen", Some("server.listen")),
            ("autority", Some("authority")),
            ("server.xyzzy_plugh", None),
        ] {
            assert_eq!(nearest(written), meant, "{written}");
        }
    }
}
