//! MACs over rows that authorise something, made by an HSM key: whoever can write SQL cannot make an approved request.
//! The MAC binds table, version and every column, so a row can be neither forged nor moved; that an *old* row was put back
//! shows against the audit log, which the flows consult where it matters.

use crate::error::{InternalError, Result};
use chuky_hsm::Hsm;
use chuky_model::record::Authenticated;

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

/// Keeps row MACs apart from everything else that the key might ever be used for.
const DOMAIN: &str = "chuky-row-v1";
