//! Which tokens were made over this data: one that is not seen just now is away, and no empty one may take its place.

use super::write_secret;
use crate::{
    config::Settings,
    error::{InternalError, RequestError, Result},
};
use std::{collections::BTreeSet, fs, io::ErrorKind};

const FILE: &str = "tokens-made.json";

fn labels(settings: &Settings) -> Result<BTreeSet<String>> {
    let path = settings.data_dir.join(FILE);
    match fs::read(&path) {
        Ok(text) => {
            let read = serde_json::from_slice(&text);
            Ok(read.map_err(|error| InternalError::other(format!("{}: {error}", path.display())))?)
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(BTreeSet::new()),
        Err(error) => Err(InternalError::io(path.display().to_string())(error).into()),
    }
}

/// Whether the token of that label was made before.
pub(super) fn is_known(settings: &Settings, label: &str) -> Result<bool> {
    Ok(labels(settings)?.contains(label))
}

/// Remembers that it was made.
pub(super) fn remember(settings: &Settings, label: &str) -> Result<()> {
    let mut labels = labels(settings)?;
    if !labels.insert(label.to_owned()) {
        return Ok(());
    }
    let text = serde_json::to_vec(&labels).map_err(|error| InternalError::other(error.to_string()))?;
    write_secret(&settings.data_dir.join(FILE), &text)
}

/// A token that was made before does not open.
pub(super) fn away(label: &str, error: &chuky_hsm::Error) -> RequestError {
    RequestError::conflict(
        "token_away",
        format!(
            "Thiết bị khóa {label} đã được tạo trước đây và hiện không mở được ({error}): hãy cắm thiết bị, đúng thiết bị đã tạo. Không tạo thiết bị khác thay vào."
        ),
        format!(
            "The token {label} was made before and cannot be opened now ({error}): connect it. None is made in its place."
        ),
    )
}
