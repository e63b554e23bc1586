//! Documents that are taken away: those of a subscriber who is erased, and one that was handed in and is not to be signed. The bytes go, and the row
//! says that nothing is there any more. What went its way through an agency is that agency's record and stays.

use super::files;
use crate::{
    accounts::Principal,
    app::App,
    attestation,
    audit::{self, Actor, Entry, Kind},
    current,
    error::{RequestError, Result},
    store,
};
use chuky_model::{
    id::{AccountId, DocumentId},
    record::{Cursor, document::Document, state::DocumentState},
};

/// Removes every document of an account. May be killed anywhere and called again.
pub async fn remove_documents_of(app: &App, owner: AccountId) -> Result<()> {
    let mut before = Cursor::NEWEST;
    loop {
        let page = current::rows(app, || app.store.list_documents(owner, before, PAGE)).await?;
        let next = page.last().filter(|_| i64::try_from(page.len()) == Ok(PAGE));
        let next = next.map(|last| Cursor { at: last.created_at, id: last.id.0 });
        for document in page.into_iter().filter(|row| row.state != DocumentState::Outgoing) {
            remove(app, Actor::Service, document).await?;
        }
        match next {
            Some(next) => before = next,
            None => return Ok(()),
        }
    }
}

/// Takes away a document of the caller's that was handed in and never signed. What is signed stays (409): others may rely on it.
pub async fn remove_unsigned(app: &App, by: &Principal, id: DocumentId) -> Result<()> {
    let document = super::document::load(app, by, id).await?;
    if document.state != DocumentState::Ready {
        return Err(RequestError::conflict(
            "document_signed",
            "Văn bản này đã được ký nên không gỡ được nữa.",
            "This document is signed and cannot be taken away any more.",
        )
        .into());
    }
    remove(app, Actor::Account(by.account), document).await
}

/// The row first: a file without a row that knows it is taken away by itself, a row without its file is an error.
async fn remove(app: &App, actor: Actor, mut document: Document) -> Result<()> {
    let files = [Some(document.stored_as.clone()), document.signed_stored_as.clone()];
    if document.state != DocumentState::Removed {
        let now = app.clock.now();
        document.state = DocumentState::Removed;
        document.name =
            app.vault.seal(super::document::NAME, &document.id.to_string(), crate::subject::ERASED.as_bytes())?;
        document.updated_at = now;
        attestation::attest_change(&*app.tokens.subscribers, &mut document).await?;
        let mut transaction = app.store.begin().await?;
        match transaction.update_document(&document).await {
            Err(store::Error::Stale) => return Err(super::sign::moved_on().into()),
            other => other?,
        }
        audit::record(&mut transaction, Entry::of_row(now, Kind::DocumentRemoved, actor, &document)).await?;
        transaction.commit().await?;
        current::changed(app, &document);
    }
    super::code::forget(app, document.id).await?;
    // Also where the row was changed before a crash.
    for name in files.into_iter().flatten() {
        files::remove(&app.settings, &name);
    }
    Ok(())
}

/// Rows read together.
const PAGE: i64 = 200;
