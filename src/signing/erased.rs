//! Documents of a subscriber who is erased: the bytes go, and the row says that nothing is there any more. What went its way through an agency is that
//! agency's record and stays.

use super::files;
use crate::{
    app::App,
    attestation,
    audit::{self, Actor, Entry, Kind},
    current,
    error::Result,
};
use chuky_model::{
    id::AccountId,
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
            remove(app, document).await?;
        }
        match next {
            Some(next) => before = next,
            None => return Ok(()),
        }
    }
}

/// The row first: a file without a row that knows it is taken away by itself, a row without its file is an error.
async fn remove(app: &App, mut document: Document) -> Result<()> {
    let files = [Some(document.stored_as.clone()), document.signed_stored_as.clone()];
    if document.state != DocumentState::Removed {
        let now = app.clock.now();
        document.state = DocumentState::Removed;
        document.name =
            app.vault.seal(super::document::NAME, &document.id.to_string(), crate::subject::ERASED.as_bytes())?;
        document.updated_at = now;
        attestation::attest_change(&*app.tokens.subscribers, &mut document).await?;
        let mut transaction = app.store.begin().await?;
        transaction.update_document(&document).await?;
        audit::record(&mut transaction, Entry::of_row(now, Kind::DocumentRemoved, Actor::Service, &document)).await?;
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
