//! Long-term data: the certificates, CRLs and OCSP responses that a later verifier needs, in a document security store
//! (EN 319 142-1 §5.4.2, ISO 32000-2 §12.8.4.3). What the file holds already is not written again.

use super::super::{Dictionary, Object, ObjectId};
use super::sign::write_dictionary;
use super::source::{Source, signatures, with};
use super::update::Update;
use super::{WriteError, compress, limits};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// What is added; each item is the DER of one structure.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LongTermData {
    /// Of signers, authorities, OCSP responders and timestamp authorities.
    pub certificates: Vec<Vec<u8>>,
    /// `CertificateList`.
    pub revocation_lists: Vec<Vec<u8>>,
    /// `OCSPResponse`, not `BasicOCSPResponse`.
    pub ocsp_responses: Vec<Vec<u8>>,
}

/// The update that adds the data, listed for the whole document and for its newest signature. Nothing is signed by it, and no
/// signer forbids it (ISO 32000-2 table 257).
pub fn add_long_term_data(source: &[u8], data: &LongTermData) -> Result<Vec<u8>, WriteError> {
    if data.certificates.len() + data.revocation_lists.len() + data.ocsp_responses.len() > limits::LONG_TERM_ITEMS {
        return Err(WriteError::TooMany("long-term data"));
    }
    let source = Source::open(source)?;
    let signature = newest_signature(&source).ok_or(WriteError::NotSigned)?;
    let mut update = source.update();
    let present = source.catalogue.value("DSS");
    let store = source.file.value(&source.catalogue, "DSS").dictionary().cloned().unwrap_or_default();
    let mut changes = Vec::new();
    let mut own = Vec::new();
    // Keys of the store and of a signature's entry (ISO 32000-2 tables 261 and 262).
    let kinds = [
        ("Certs", "Cert", &data.certificates),
        ("CRLs", "CRL", &data.revocation_lists),
        ("OCSPs", "OCSP", &data.ocsp_responses),
    ];
    for (all, one, items) in kinds {
        if items.is_empty() {
            continue;
        }
        let (listed, named) = add(&source, &mut update, &source.file.value(&store, all), items);
        changes.push((all, listed));
        own.push((one.as_bytes().into(), named));
    }
    // EN 319 142-1 §5.4.2.3: the key is the SHA-1 of the signature's Contents, in capitals.
    let key = hex::encode_upper(super::sha1(&signature));
    let entry = update.allocate();
    write_dictionary(&mut update, entry, &Dictionary::from_entries(own));
    let related = source.file.value(&store, "VRI").dictionary().cloned().unwrap_or_default();
    changes.push(("VRI", Object::Dictionary(with(&related, vec![(key.as_str(), Object::Reference(entry))]).into())));
    let store = with(&store, changes);
    match present {
        Some(Object::Reference(id)) => write_dictionary(&mut update, *id, &store),
        _ => {
            let id = update.allocate();
            write_dictionary(&mut update, id, &store);
            let catalogue = with(&source.catalogue, vec![("DSS", Object::Reference(id))]);
            write_dictionary(&mut update, source.catalogue_id, &catalogue);
        }
    }
    source.close(update)
}

/// Writes the items that are not there yet; gives the whole array and the items' own.
fn add(source: &Source<'_>, update: &mut Update, present: &Object, items: &[Vec<u8>]) -> (Object, Object) {
    let mut all: Vec<Object> = present.array().unwrap_or_default().to_vec();
    let known: Vec<(Object, Vec<u8>)> = all
        .iter()
        .take(limits::LONG_TERM_ITEMS)
        .filter_map(|reference| {
            Some((reference.clone(), source.file.decoded(source.file.resolve(reference).stream()?).ok()?))
        })
        .collect();
    let mut own: Vec<Object> = Vec::new();
    let mut written: Vec<(&[u8], ObjectId)> = Vec::new();
    for item in items {
        if let Some((reference, _)) = known.iter().find(|(_, bytes)| bytes == item) {
            own.push(reference.clone());
        } else if !written.iter().any(|(bytes, _)| bytes == item) {
            let id = update.allocate();
            update.stream(id, "/Filter/FlateDecode", &compress(item));
            written.push((item, id));
            own.push(Object::Reference(id));
            all.push(Object::Reference(id));
        }
    }
    (Object::Array(all.into()), Object::Array(Arc::from(own)))
}

/// `Contents` of the signature that covers most of the file.
fn newest_signature(source: &Source<'_>) -> Option<Vec<u8>> {
    let fields = source.file.fields();
    let found = signatures(&fields).filter_map(|(_, value)| {
        let Object::Dictionary(signature) = source.file.resolve(value) else { return None };
        let range = source.file.value(&signature, "ByteRange");
        let end: i64 = range.array()?.iter().skip(2).filter_map(Object::integer).fold(0, i64::saturating_add);
        Some((end, source.file.value(&signature, "Contents").string()?.to_vec()))
    });
    found.max_by_key(|(end, _)| *end).map(|(_, contents)| contents)
}
