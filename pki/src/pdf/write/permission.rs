//! Whether earlier signers permit another signature (ISO 32000-2 §12.8.2.2 DocMDP, §12.8.2.4 FieldMDP and field locks).
//! A document that permits nothing is refused before anything is written: signing it would destroy the earlier signature.

use super::super::{Dictionary, FormField, Object, text};
use super::WriteError;
use super::source::{Source, signatures};

/// Refuses where an earlier signature forbids signing. `field` is the existing field to be signed, where there is one;
/// `archival` marks a document timestamp, which every signer permits (ISO 32000-2 table 257).
pub(super) fn check(
    source: &Source<'_>,
    fields: &[FormField],
    field: Option<&str>,
    archival: bool,
) -> Result<(), WriteError> {
    for (signed, value) in signatures(fields) {
        let Object::Dictionary(signature) = source.file.resolve(value) else { continue };
        let references = source.file.value(&signature, "Reference");
        for reference in references.array().unwrap_or_default() {
            let Object::Dictionary(reference) = source.file.resolve(reference) else { continue };
            let parameters = source.file.value(&reference, "TransformParams");
            let Some(parameters) = parameters.dictionary() else { continue };
            let method = source.file.value(&reference, "TransformMethod");
            if method.is_name("DocMDP") && !archival && no_changes(source, parameters) {
                return Err(WriteError::CertifiedNoChanges);
            }
            if method.is_name("FieldMDP") && field.is_some_and(|field| locked(source, parameters, field)) {
                return Err(WriteError::LockedField(field.unwrap_or_default().to_owned()));
            }
        }
        let lock = signed.value("Lock").map(|lock| source.file.resolve(lock)).unwrap_or_default();
        let Some(lock) = lock.dictionary() else { continue };
        if !archival && no_changes(source, lock) {
            return Err(WriteError::CertifiedNoChanges);
        }
        if field.is_some_and(|field| locked(source, lock, field)) {
            return Err(WriteError::LockedField(field.unwrap_or_default().to_owned()));
        }
    }
    Ok(())
}

/// Refuses where the owner of an encrypted file, opened as anybody can, permits no signature (ISO 32000-2 table 22): bits 6 and 4
/// together allow a new field, bit 6 or bit 9 the filling of one that is there.
pub(super) fn by_owner(source: &Source<'_>, existing: bool) -> Result<(), WriteError> {
    let Some(encryption) = source.file.encryption() else { return Ok(()) };
    let permits = |bit| encryption.permits(bit);
    let permitted = if existing { permits(6) || permits(9) } else { permits(6) && permits(4) };
    if permitted { Ok(()) } else { Err(WriteError::ForbiddenByOwner) }
}

/// `P` is 1: no change at all. A missing `P` means 2.
fn no_changes(source: &Source<'_>, parameters: &Dictionary) -> bool {
    source.file.value(parameters, "P").integer() == Some(1)
}

/// Whether a field is among those that must not change.
fn locked(source: &Source<'_>, parameters: &Dictionary, field: &str) -> bool {
    let named = source.file.value(parameters, "Fields");
    let named = named.array().unwrap_or_default().iter().any(|name| {
        let name = source.file.resolve(name).string().map(text).unwrap_or_default();
        field == name || field.strip_prefix(&name).is_some_and(|rest| rest.starts_with('.'))
    });
    let action = source.file.value(parameters, "Action");
    action.is_name("All") || (action.is_name("Include") && named) || (action.is_name("Exclude") && !named)
}
