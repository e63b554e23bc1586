//! The picture of a holder's handwriting, or of an agency's seal, kept with a credential and shown where its signatures are asked to. Only the
//! credential's owner keeps, replaces, sees and removes it. Decoded in a reader, encrypted, under a MAC and the audit log's versions.

use super::{
    limits::KEPT_PICTURE,
    request::{Look, SignRequest},
    sign::unexpected,
};
use crate::{
    accounts::Principal,
    app::App,
    attestation,
    audit::{self, Actor, Entry, Kind},
    current,
    custody::{self, Signer},
    error::{Error, InternalError, RequestError, Result},
    reader::{Task, TaskOutput},
    store,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use chuky_model::{id::CredentialId, record::credential::SignaturePicture, request::Hierarchy};
use zeroize::Zeroizing;

/// Which picture a signature shows.
#[derive(Clone, Copy, Debug)]
pub enum PictureWanted<'a> {
    /// That one, base64 of a PNG; without one the name or the ring that stands for a seal.
    Given(Option<&'a str>),
    /// The one that is kept with the credential.
    Kept,
}

impl<'a> PictureWanted<'a> {
    /// What a request says.
    pub fn of(given: Option<&'a str>, kept: bool) -> Self {
        if kept && given.is_none() { Self::Kept } else { Self::Given(given) }
    }

    /// What a page says on which the kept picture is chosen for several credentials at once: it shows where that credential has one.
    pub async fn where_kept(app: &App, id: CredentialId, chosen: bool) -> Result<Self> {
        Ok(Self::of(None, chosen && is_kept(app, id).await?))
    }

    /// Base64 of it.
    pub async fn of_credential(self, app: &App, by: &Principal, id: CredentialId) -> Result<Option<String>> {
        match self {
            Self::Given(given) => Ok(given.map(str::to_owned)),
            Self::Kept => {
                let png = kept(app, by, id).await?.ok_or_else(not_kept)?;
                Ok(Some(STANDARD.encode(png.as_slice())))
            }
        }
    }
}

/// The request with its picture, where it is to show the kept one.
pub(super) async fn resolved(app: &App, by: &Principal, wanted: &SignRequest) -> Result<SignRequest> {
    let mut wanted = wanted.clone();
    if matches!(wanted.look, Look::Official | Look::Seal) {
        let picture = PictureWanted::of(wanted.picture.as_deref(), wanted.kept_picture);
        wanted.picture = picture.of_credential(app, by, wanted.credential).await?;
    }
    Ok(wanted)
}

/// The picture that is kept with the caller's credential, a PNG.
pub async fn kept(app: &App, by: &Principal, id: CredentialId) -> Result<Option<Zeroizing<Vec<u8>>>> {
    own(app, by, id).await?;
    let Some(sealed) = row(app, id).await?.and_then(|row| row.picture) else { return Ok(None) };
    Ok(Some(app.vault.open(PICTURE, &id.to_string(), &sealed)?))
}

/// Whether a picture is kept with a credential that is known to be the caller's.
pub async fn is_kept(app: &App, id: CredentialId) -> Result<bool> {
    Ok(row(app, id).await?.is_some_and(|row| row.picture.is_some()))
}

/// Whether signatures of this credential can show a picture: an official's handwriting, an agency's seal.
pub fn may_keep(signer: &Signer) -> bool {
    signer.row.hierarchy == Hierarchy::Officials
}

/// Keeps a picture with the caller's credential, instead of the one before.
pub async fn keep(app: &App, by: &Principal, id: CredentialId, png: &[u8]) -> Result<()> {
    // 1. Of whom, and a picture that shows what stands below it.
    if !may_keep(&own(app, by, id).await?) {
        return Err(refused(
            "picture_not_shown",
            "Chỉ chữ ký của cán bộ và con dấu của cơ quan hiện hình trên trang; chứng thư này không phải loại đó.",
            "Only an official's signature and an agency's seal show a picture, and this certificate is neither.",
        ));
    }
    if png.len() > KEPT_PICTURE {
        return Err(refused(
            "picture_too_large",
            "Hình lớn hơn 256 KB. Hãy giảm kích thước rồi chọn lại.",
            "The picture is larger than 256 KB. Make it smaller, then choose it again.",
        ));
    }
    let answer = app.readers.run(Task::ReadPicture(png.to_vec()), None).await;
    match answer.map_err(|failure| InternalError::other(failure.to_string()))? {
        TaskOutput::PictureRead(Some(true)) => {}
        TaskOutput::PictureRead(Some(false)) => {
            return Err(refused(
                "picture_opaque",
                "Hình này không có nền trong suốt nên sẽ che chữ bên dưới. Hãy lưu thành PNG nền trong suốt.",
                "This picture has no transparent ground and would cover the text below. Save it as a PNG with a transparent ground.",
            ));
        }
        TaskOutput::PictureRead(None) => {
            return Err(refused(
                "picture_unreadable",
                "Không đọc được hình: cần tệp PNG, mỗi cạnh không quá 2.400 điểm ảnh.",
                "The picture cannot be read: it is a PNG with sides of at most 2,400 pixels.",
            ));
        }
        _ => return Err(unexpected().into()),
    }
    // 2. Encrypted, with its audit entry.
    store(app, Actor::Account(by.account), id, Some(png)).await
}

/// Removes the picture of the caller's credential.
pub async fn remove(app: &App, by: &Principal, id: CredentialId) -> Result<()> {
    own(app, by, id).await?;
    forget(app, Actor::Account(by.account), id).await
}

/// Removes a credential's picture, where there is one.
pub async fn forget(app: &App, by: Actor, id: CredentialId) -> Result<()> {
    if is_kept(app, id).await? { store(app, by, id, None).await } else { Ok(()) }
}

async fn store(app: &App, by: Actor, id: CredentialId, png: Option<&[u8]>) -> Result<()> {
    let now = app.clock.now();
    let earlier = row(app, id).await?;
    let picture = png.map(|png| app.vault.seal(PICTURE, &id.to_string(), png)).transpose()?;
    let version = earlier.as_ref().map_or(1, |row| row.version);
    let mut row = SignaturePicture { credential_id: id, picture, changed_at: now, version, mac: Vec::new() };
    let mut transaction;
    match earlier {
        None => {
            attestation::attest(&*app.tokens.subscribers, &mut row).await?;
            transaction = app.store.begin().await?;
            transaction.insert_signature_picture(&row).await.map_err(first)?;
        }
        Some(_) => {
            attestation::attest_change(&*app.tokens.subscribers, &mut row).await?;
            transaction = app.store.begin().await?;
            transaction.update_signature_picture(&row).await.map_err(first)?;
        }
    }
    let kind = if png.is_some() { Kind::SignaturePictureKept } else { Kind::SignaturePictureRemoved };
    let entry = Entry::of_row(now, kind, by, &row);
    let content = serde_json::json!({ "bytes": png.map_or(0, <[u8]>::len) });
    audit::record(&mut transaction, entry.with(content)).await?;
    transaction.commit().await?;
    current::changed(app, &row);
    Ok(())
}

/// Somebody else kept or removed one in this moment.
fn first(error: store::Error) -> Error {
    match error {
        store::Error::Conflict(_) | store::Error::Stale => RequestError::overtaken().into(),
        other => other.into(),
    }
}

async fn row(app: &App, id: CredentialId) -> Result<Option<SignaturePicture>> {
    current::row_of_by_log(app, id, || app.store.signature_picture(id)).await
}

async fn own(app: &App, by: &Principal, id: CredentialId) -> Result<Signer> {
    let signers = custody::signers(app, by).await?;
    Ok(signers.into_iter().find(|signer| signer.credential.id == id).ok_or_else(RequestError::not_found)?)
}

fn not_kept() -> RequestError {
    RequestError::invalid(
        "picture",
        "picture_not_kept",
        "Chưa lưu hình nào cho chữ ký này. Hãy lưu hình ở trang “Chữ ký của tôi”, hoặc bỏ chọn dùng hình đã lưu.",
        "No picture is kept for this signature. Keep one on the page of your signatures, or do not choose it.",
    )
}

fn refused(code: &'static str, vi: &'static str, en: &'static str) -> Error {
    RequestError::invalid("picture", code, vi, en).into()
}

/// Where a picture is encrypted for.
const PICTURE: &str = "signature_picture.picture";
