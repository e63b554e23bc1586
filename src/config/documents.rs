//! What is set for documents: the fonts of what is drawn into them, where packages of sent ones are laid, and when archives are renewed. Nothing here opens or makes a folder.

use super::{ConfigError, invalid};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Where the packages of sent documents go, and how archives are kept.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct DocumentsConfig {
    /// A folder in which each recipient's edXML packages are laid under the recipient's code, for the adapter of the document axis to
    /// fetch. Without it they are downloaded from the document's page.
    pub delivery_dir: Option<PathBuf>,
    /// Days before the end of an archive timestamp's certificate or algorithms in which a document at level LTA gets the next one; 1 to 366.
    pub renewal_days: i64,
    /// Which certificates of other authorities sign documents here.
    pub foreign_certificates: ForeignRule,
}

/// Which certificates of other authorities sign here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ForeignRule {
    /// Any that the verifier accepts; one that somebody registered signs for that person alone.
    #[default]
    Any,
    /// Those that the signer has registered.
    Registered,
}

/// Fonts of the visible signatures and receipts.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct FontsConfig {
    /// Directory with Liberation Serif and Sans, version 2 or later: version 1 (Debian 12: `fonts-liberation`) has no Vietnamese letters.
    pub directory: PathBuf,
}

impl Default for FontsConfig {
    fn default() -> Self {
        Self { directory: PathBuf::from("/usr/share/fonts/truetype/liberation2") }
    }
}

impl DocumentsConfig {
    /// Whether it can be used.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        if (1..=366).contains(&self.renewal_days) {
            return Ok(());
        }
        Err(invalid("documents.renewal_days", "is 1 to 366"))
    }
}

impl Default for DocumentsConfig {
    fn default() -> Self {
        Self { delivery_dir: None, renewal_days: 90, foreign_certificates: ForeignRule::Any }
    }
}
