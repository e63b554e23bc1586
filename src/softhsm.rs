//! What SoftHSM needs that an HSM does not: it writes a token's own file anew at each log-in, cutting it to nothing first, so a process that
//! is killed at that moment leaves a token that nobody finds again. A copy beside it, which renames replace whole, is put back then.
//! Touches files in the data directory's `tokens` only; with another module there are none.

use crate::error::{InternalError, Result};
use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

/// Keeps a copy of each token's file that is whole, and puts it back where the file is empty.
pub async fn mend(data_dir: &Path) -> Result<()> {
    let tokens = data_dir.join("tokens");
    for token in directories(&tokens).map_err(InternalError::io(tokens.display().to_string()))? {
        let file = token.join("token.object");
        if keep(&file).map_err(InternalError::io(file.display().to_string()))? {
            continue;
        }
        // Whoever is writing it just now takes far less.
        tokio::time::sleep(LONGEST_WRITE).await;
        if !keep(&file).map_err(InternalError::io(file.display().to_string()))? && put_back(&file) {
            tracing::warn!(event = "softhsm_token_mended", token = %token.display());
        }
    }
    Ok(())
}

fn directories(tokens: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(tokens) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other?,
    };
    let paths = entries.take(MOST_TOKENS).map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
    Ok(paths.into_iter().filter(|path| path.is_dir()).collect())
}

/// Whether the file is whole (it is written at one stroke, so it is empty or whole), and then copied; what is no token counts as whole.
fn keep(file: &Path) -> io::Result<bool> {
    let content = match fs::read(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
        other => other?,
    };
    let copy = file.with_extension("kept");
    if !content.is_empty() && !fs::read(&copy).is_ok_and(|kept| kept == content) {
        replace(&copy, &content)?;
    }
    Ok(!content.is_empty())
}

/// `false` where there is no copy: the token was never seen whole, and its preparation is begun anew.
fn put_back(file: &Path) -> bool {
    fs::read(file.with_extension("kept")).and_then(|content| replace(file, &content)).is_ok()
}

fn replace(file: &Path, content: &[u8]) -> io::Result<()> {
    // Nodes on one machine may do this at one time: each by a file of its own.
    let beside = file.with_extension(format!("{}.new", std::process::id()));
    fs::write(&beside, content)?;
    fs::File::open(&beside)?.sync_all()?;
    fs::rename(&beside, file)
}

/// SoftHSM writes some hundred octets.
const LONGEST_WRITE: Duration = Duration::from_millis(300);
/// There are three, and a few more after a change of HSM.
const MOST_TOKENS: usize = 64;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[tokio::test]
    async fn an_emptied_token_is_put_back() {
        let directory = tempfile::tempdir().unwrap();
        let token = directory.path().join("tokens/1f2e");
        let file = token.join("token.object");
        mend(directory.path()).await.unwrap();
        fs::create_dir_all(&token).unwrap();
        fs::write(&file, b"").unwrap();
        mend(directory.path()).await.unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"", "nothing to put back");
        for content in [b"one", b"two"] {
            fs::write(&file, content).unwrap();
            mend(directory.path()).await.unwrap();
            fs::write(&file, b"").unwrap();
            mend(directory.path()).await.unwrap();
            assert_eq!(fs::read(&file).unwrap(), content);
        }
    }
}
