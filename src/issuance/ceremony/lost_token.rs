//! A subscribers token out of custodians' shares where the one before is lost, and the proof over what the database keeps: rows whose
//! MACs fit, columns that open, and subscribers' sealed keys that are known for its own.

use super::super::issue::INTENT;
use crate::{
    attestation,
    config::Settings,
    custodians::Opened,
    error::{Error, InternalError, RequestError, Result},
    store::Store,
    tokens,
    vault::Vault,
};
use chuky_hsm::{Hsm, KeyContext, Secret32};
use chuky_model::{
    id::CredentialId,
    instant::Instant,
    record::{Cursor, state::CertificateState},
};
use std::path::Path;
use uuid::Uuid;

/// What was made, and what proves that it is the token that the data needs. A count of 0 is a proof that could not be made: the database
/// holds nothing of the kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rebuilt {
    /// Labels of the keys that were imported now.
    pub made: Vec<String>,
    /// Rows of the authority whose MACs fit.
    pub rows: usize,
    /// Encrypted columns that open.
    pub columns: usize,
    /// Subscribers' sealed keys whose seal is this token's.
    pub sealed: usize,
    /// Peppers that no sheet of the ceremony holds, with the usable keys under each.
    pub further_peppers: Vec<(i64, i64)>,
}

/// Makes the subscribers token anew and proves it against the restored database. Nothing is made where there is nothing to prove it by.
pub async fn rebuild_subscribers_token(
    settings: &Settings,
    executable: &Path,
    opened: &Opened,
    now: Instant,
) -> Result<Rebuilt> {
    let store = Store::open(&settings.database_url).await?;
    if store.authority_keys().await?.is_empty() {
        return Err(nothing_to_prove_by().into());
    }
    let (prepared, token) = tokens::rebuilt_subscribers_token(settings, executable, opened).await?;
    let mut rebuilt = Rebuilt { made: prepared.made, ..Rebuilt::default() };
    let proved = proved(&store, &*token, now, &mut rebuilt).await;
    store.close().await;
    proved.map(|()| rebuilt)
}

async fn proved(store: &Store, token: &dyn Hsm, now: Instant, rebuilt: &mut Rebuilt) -> Result<()> {
    // 1. Row MACs.
    for row in store.authority_keys().await? {
        let checked = attestation::check(token, row).await;
        checked.map_err(|error| match error {
            Error::Internal(InternalError::RowForged { .. }) => other_keys("row MAC").into(),
            other => other,
        })?;
        rebuilt.rows += 1;
    }
    // 2. The data secret, by encrypted columns.
    let vault = Vault::new(token.derive_data_key(1).await?.expose());
    for state in [CertificateState::Issued, CertificateState::Revoked, CertificateState::Void] {
        for row in store.list_certificates(state, Cursor::OLDEST, SAMPLE).await? {
            vault.open(INTENT, &row.id.to_string(), &row.intent).map_err(|_| other_keys("data secret"))?;
            rebuilt.columns += 1;
        }
    }
    // 3. Sealed keys: their MAC is made with the token's key. Without a PIN none is opened, and a wrong one is told from a foreign seal.
    for (pepper, usable, _) in store.seals_by_pepper(now).await? {
        if pepper != 1 {
            rebuilt.further_peppers.push((pepper, usable));
            continue;
        }
        for row in store.credentials_under_pepper(1, CredentialId(Uuid::nil()), SAMPLE).await? {
            let context = KeyContext { key_id: row.id, owner: row.account_id };
            let no_pin = Secret32::random();
            match token.reseal(&row.sealed_key, &context, &no_pin, &context, &no_pin).await {
                Err(chuky_hsm::Error::WrongSecret) => rebuilt.sealed += 1,
                Err(chuky_hsm::Error::Tampered { .. }) | Ok(_) => return Err(other_keys("seal").into()),
                Err(error) => return Err(error.into()),
            }
        }
    }
    Ok(())
}

fn nothing_to_prove_by() -> RequestError {
    RequestError::conflict(
        "nothing_to_prove_by",
        "Cơ sở dữ liệu chưa có khóa nào của CA: hãy khôi phục bản sao lưu trước. Chưa tạo gì.",
        "The database holds no key of an authority: restore the backup first. Nothing was made.",
    )
}

fn other_keys(what: &str) -> RequestError {
    RequestError::conflict(
        "tokens_differ",
        format!(
            "Thiết bị KHÔNG giữ các khóa của dữ liệu này ({what}). Không dùng nó: hãy khởi tạo lại và nhập đúng các mảnh khóa."
        ),
        format!(
            "The token does NOT hold the keys of this data ({what}). Do not use it: initialise it anew, and enter the right shares."
        ),
    )
}

/// Rows of a kind that are tried.
const SAMPLE: i64 = 20;
