//! A second subscribers token out of custodians' shares, and the proof that it holds the keys of the first.

use super::{SOFTHSM_VARIABLE, ceremony_directory, prepared, softhsm_configuration, subscribers_token};
use crate::{
    config::Settings,
    custodians::Opened,
    error::{RequestError, Result},
};
use chuky_hsm::{Hsm, KeyContext, Secret32, Supervised, find_module, provision, share::Purpose};
use chuky_model::{
    algorithm::KeyAlgorithm,
    id::{AccountId, CredentialId},
};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};
use uuid::Uuid;

/// Where a second token of the subscribers' keys is made.
#[derive(Clone, Debug)]
pub struct SecondToken {
    pub label: String,
    /// The PKCS#11 library, where it is not that of the first.
    pub module: Option<PathBuf>,
    /// SoftHSM only: the directory that is the token.
    pub softhsm_directory: Option<PathBuf>,
}

/// Loads a second subscribers token with what custodians brought together, and proves that each opens what the other seals. Its user PIN is
/// that of the first token.
pub async fn second_token(
    settings: &Settings,
    executable: &Path,
    second: &SecondToken,
    opened: &Opened,
) -> Result<provision::Prepared> {
    let first = subscribers_token(settings, executable, 1)?;
    let mut worker = first.clone();
    worker.token_label.clone_from(&second.label);
    worker.serial = None;
    worker.module = find_module(second.module.as_deref().or(settings.hsm.module.as_deref()))?;
    if let Some(directory) = &second.softhsm_directory {
        ceremony_directory(directory)?;
        let configuration = settings.data_dir.join(format!("softhsm2-{}.conf", second.label));
        softhsm_configuration(&configuration, directory)?;
        worker.environment = vec![(SOFTHSM_VARIABLE.to_owned(), configuration.to_string_lossy().into_owned())];
    }
    let one = opened_token(first).await?;
    // A pepper that was made later has components of its own.
    if one.probe().await?.pepper_versions != [1] {
        return Err(more_peppers().into());
    }
    let officer = opened.pin(Purpose::OfficerPin, &second.label)?;
    let prepared = prepared(&worker, &officer, &opened.token_secrets()?, true).await?;
    let two = opened_token(worker).await?;
    if is_equal(&*one, &*two).await? { Ok(prepared) } else { Err(not_equal().into()) }
}

pub(super) async fn opened_token(mut worker: chuky_hsm::Settings) -> Result<Arc<dyn Hsm>> {
    worker.workers = 1;
    worker.stock = Vec::new();
    let token = Supervised::start(worker);
    token.wait_ready().await?;
    Ok(Arc::new(token))
}

/// Whether two tokens hold the same keys: row MAC key and data secret by what they make of the same input, wrapping key and pepper by a key
/// that one seals and the other opens and signs with.
async fn is_equal(one: &dyn Hsm, two: &dyn Hsm) -> Result<bool> {
    let domain = "chuky-token-check-v1";
    let same_macs = one.mac(domain, b"equal").await? == two.mac(domain, b"equal").await?;
    let same_data = one.derive_data_key(1).await? == two.derive_data_key(1).await?;
    let context = KeyContext { key_id: CredentialId(Uuid::now_v7()), owner: AccountId(Uuid::now_v7()) };
    let secret = Secret32::random();
    let sealed = one.generate_sealed(KeyAlgorithm::P256, &context, &secret).await?;
    match two.reseal(&sealed.blob, &context, &secret, &context, &secret).await {
        Ok(again) => Ok(same_macs && same_data && again.spki_der == sealed.spki_der),
        Err(chuky_hsm::Error::WrongSecret | chuky_hsm::Error::Tampered { .. }) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn more_peppers() -> RequestError {
    RequestError::conflict(
        "more_peppers",
        "Thiết bị thứ nhất có pepper khác ngoài pepper đầu tiên: tờ in của lễ tạo khóa không đủ. Hãy sao chép thiết bị bằng công cụ của hãng.",
        "The first token has peppers beside the first one, which no sheet of the ceremony holds. Clone the token by the vendor's means.",
    )
}

fn not_equal() -> RequestError {
    RequestError::conflict(
        "tokens_differ",
        "Thiết bị thứ hai KHÔNG giữ cùng khóa với thiết bị thứ nhất. Không dùng nó: hãy khởi tạo lại và nhập đúng các mảnh khóa.",
        "The second token does NOT hold the keys of the first. Do not use it: initialise it anew, and enter the right shares.",
    )
}
