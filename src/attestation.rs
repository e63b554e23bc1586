//! MACs over rows that authorise something, made by an HSM key: whoever can write SQL cannot make an approved request.
//! The MAC binds table, version and every column, so a row can be neither forged nor moved; that an *old* row was put back
//! shows against the audit log, which the flows consult where it matters.

use crate::error::{InternalError, Result};
use chuky_hsm::Hsm;
use chuky_model::record::Authenticated;
use sha2::{Digest, Sha256};
use std::{
    collections::HashSet,
    sync::{Mutex, PoisonError},
};

/// Puts the MAC of a new row in place, before it is inserted.
pub async fn attest<R: Authenticated>(hsm: &dyn Hsm, row: &mut R) -> Result<()> {
    let mac = hsm.mac(DOMAIN, &row.content()).await.map_err(InternalError::Hsm)?;
    row.attach_mac(&mac);
    Ok(())
}

/// Raises the version of a changed row and puts its MAC in place, before it is stored by compare-and-swap.
pub async fn attest_change<R: Authenticated>(hsm: &dyn Hsm, row: &mut R) -> Result<()> {
    row.advance();
    attest(hsm, row).await
}

/// Passes the row on where its MAC fits; otherwise it is forged, which is an error of the world and an alarm in the log.
pub async fn check<R: Authenticated>(hsm: &dyn Hsm, row: R) -> Result<R> {
    if hsm.verify_mac(DOMAIN, &row.content(), row.mac()).await.map_err(InternalError::Hsm)? {
        return Ok(row);
    }
    tracing::error!(event = "row_forged", table = R::TABLE, version = row.version());
    Err(InternalError::RowForged { table: R::TABLE }.into())
}

/// The same for a row that may be absent.
pub async fn check_found<R: Authenticated>(hsm: &dyn Hsm, row: Option<R>) -> Result<Option<R>> {
    match row {
        Some(row) => check(hsm, row).await.map(Some),
        None => Ok(None),
    }
}

/// Digests of rows, MAC included, that the HSM said are genuine: a row that is unchanged since needs no second call. A MAC that
/// fitted once fits for ever, so this believes nothing that [`check`] would not.
#[derive(Debug, Default)]
pub struct CheckedRows(Mutex<HashSet<[u8; 32]>>);

impl CheckedRows {
    /// As [`check`], and at once where exactly this row passed before.
    pub async fn check<R: Authenticated>(&self, hsm: &dyn Hsm, row: R) -> Result<R> {
        let content = row.content();
        let length = u64::try_from(content.len()).unwrap_or(u64::MAX).to_be_bytes();
        let digest: [u8; 32] =
            Sha256::new().chain_update(length).chain_update(&content).chain_update(row.mac()).finalize().into();
        if self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(&digest) {
            return Ok(row);
        }
        let row = check(hsm, row).await?;
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= ROWS_REMEMBERED {
            known.clear();
        }
        known.insert(digest);
        Ok(row)
    }

    /// The same for a row that may be absent.
    pub async fn check_found<R: Authenticated>(&self, hsm: &dyn Hsm, row: Option<R>) -> Result<Option<R>> {
        match row {
            Some(row) => self.check(hsm, row).await.map(Some),
            None => Ok(None),
        }
    }
}

/// Rows whose MAC is known to be good; one takes about 100 bytes.
const ROWS_REMEMBERED: usize = 16_384;
/// Keeps row MACs apart from everything else that the key might ever be used for.
const DOMAIN: &str = "chuky-row-v1";
