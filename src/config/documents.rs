//! What is set for outgoing documents: where their packages are laid. Holds paths only; nothing here opens or makes a folder.

use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Where the packages of sent documents go.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct DocumentsConfig {
    /// A folder in which each recipient's edXML packages are laid under the recipient's code, for the adapter of the document axis to
    /// fetch. Without it they are downloaded from the document's page.
    pub delivery_dir: Option<PathBuf>,
}
