//! The form of a draft of an outgoing document: class and metadata before the document, all of it bounded.

use super::documents::broken_off;
use crate::{
    app::App,
    error::{InternalError, RequestError, Result},
    http::upload,
    outgoing::{Draft, Metadata, limits},
    signing,
};
use axum::extract::{Multipart, multipart::Field};
use sha2::{Digest, Sha256};
use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Read, Seek},
};

/// Reads a draft's form. The class, the metadata and whatever `admit` wants come before the document; the class may not be missing. Fields
/// of a page's form are metadata, too, and are left in `fields` for the page that shows them again.
pub(in crate::http) async fn read_draft(
    app: &App,
    mut form: Multipart,
    admit: impl Fn(&str) -> Result<()>,
    fields: &mut BTreeMap<String, String>,
) -> Result<(Draft, Vec<u8>)> {
    let mut size = 0_usize;
    while let Some(mut field) = upload::next_field(&mut form).await? {
        let name = field.name().unwrap_or_default().to_owned();
        if name != "document" {
            let text = bounded(&mut field).await?;
            if name == "secrecy" {
                signing::refuse_secret(Some(&text))?;
            }
            size = size.saturating_add(text.len());
            if size > limits::METADATA_BYTES || fields.len() > MOST_FIELDS {
                return Err(broken_off().into());
            }
            fields.insert(name, text);
            continue;
        }
        admit(fields.get("csrf").map(String::as_str).unwrap_or_default())?;
        if !fields.contains_key("secrecy") {
            return Err(not_before().into());
        }
        let metadata = match fields.get("metadata") {
            Some(text) => Metadata::read(text)?,
            None if fields.contains_key("subject") => crate::http::sites::documents::metadata(fields),
            None => return Err(not_before().into()),
        };
        let metadata = metadata.checked(app.clock.now())?;
        let name = field.file_name().unwrap_or_default().to_owned();
        let clear = upload::spool_field(app, &mut field).await?.finish().await?;
        drop(field);
        // Whatever follows could still say that the document is classified.
        while let Some(mut field) = upload::next_field(&mut form).await? {
            if field.name() == Some("secrecy") {
                signing::refuse_secret(Some(&bounded(&mut field).await?))?;
            }
        }
        let said = format!("{metadata:?}");
        let identity = identity(clear.try_clone().map_err(InternalError::io("a spool file"))?, &said).await?;
        return Ok((Draft { metadata, clear, name }, identity));
    }
    Err(RequestError::invalid("document", "document_missing", "Chưa có tệp nào được gửi lên.", "No file was sent.")
        .into())
}

/// Digest of the file, with the metadata.
async fn identity(mut file: File, metadata: &str) -> Result<Vec<u8>> {
    let metadata = metadata.to_owned();
    let digested = tokio::task::spawn_blocking(move || {
        let (mut digest, mut piece) = (Sha256::new(), vec![0; signing::limits::PIECE]);
        file.rewind()?;
        loop {
            match file.read(&mut piece)? {
                0 => break,
                count => digest.update(piece.get(..count).unwrap_or_default()),
            }
        }
        io::Result::Ok(format!("{}\n{metadata}", hex::encode(digest.finalize())).into_bytes())
    });
    let digested = digested.await.map_err(|error| InternalError::other(error.to_string()))?;
    Ok(digested.map_err(InternalError::io("a spool file"))?)
}

async fn bounded(field: &mut Field<'_>) -> Result<String> {
    let mut text = Vec::new();
    while let Some(piece) = field.chunk().await.map_err(|_| broken_off())? {
        if text.len().saturating_add(piece.len()) > limits::METADATA_BYTES {
            return Err(broken_off().into());
        }
        text.extend_from_slice(&piece);
    }
    Ok(String::from_utf8_lossy(&text).into_owned())
}

fn not_before() -> RequestError {
    RequestError::invalid(
        "secrecy",
        "class_not_before",
        "Độ mật (secrecy) và thông tin văn bản (metadata) phải được gửi trước tệp. Chưa có nội dung nào được nhận.",
        "The class (secrecy) and the metadata come before the file. Nothing of it was taken.",
    )
}

/// Fields of the form.
const MOST_FIELDS: usize = 40;
