//! Evidence inside the document: the document security store (ISO 32000-2 §12.8.4.3) and what travels in CMS objects, joined with
//! what the caller gives. Read once for all signatures, and only where somebody asks about trust.

use super::VerificationContext;
use crate::certificate::Certificate;
use crate::cms::SignedData;
use crate::limits;
use crate::pdf::{Object, PdfFile};
use crate::revocation::Evidence;
use std::collections::BTreeSet;

/// Certificates and revocation data from everywhere.
#[derive(Debug, Default)]
pub(super) struct Material {
    pub(super) certificates: Vec<Certificate>,
    pub(super) evidence: Evidence,
}

/// Whether the document has a store, and one with revocation data.
pub(super) fn has_store(file: &PdfFile<'_>) -> bool {
    let catalogue = file.catalogue();
    let store = catalogue.dictionary().map(|catalogue| file.value(catalogue, "DSS")).unwrap_or_default();
    let filled = |key| {
        let list = store.dictionary().map(|store| file.value(store, key)).unwrap_or_default();
        list.array().is_some_and(|list| !list.is_empty())
    };
    filled("CRLs") || filled("OCSPs")
}

impl Material {
    /// Gathers it; each list is bounded.
    pub(super) fn gather(context: &VerificationContext, file: &PdfFile<'_>, objects: &[&SignedData]) -> Self {
        let catalogue = file.catalogue();
        let store = catalogue.dictionary().map(|catalogue| file.value(catalogue, "DSS")).unwrap_or_default();
        let listed = |key: &str, most: usize| -> Vec<Vec<u8>> {
            let list = store.dictionary().map(|store| file.value(store, key)).unwrap_or_default();
            let streams = list.array().unwrap_or_default().iter().take(most);
            streams
                .filter_map(|item| match file.resolve(item) {
                    Object::Stream(stream) => file.decoded(&stream).ok(),
                    _ => None,
                })
                .collect()
        };
        let mut certificates = context.intermediates.clone();
        let mut crls = context.crls.clone();
        let mut responses = context.ocsp_responses.clone();
        for object in objects {
            certificates.extend(object.certificates.iter().cloned());
            crls.extend(object.crls.iter().cloned());
            responses.extend(object.ocsp_responses.iter().cloned());
        }
        // What came with the signatures is mostly in the store once more.
        let known: BTreeSet<&[u8]> = certificates.iter().map(Certificate::der).collect();
        let from_store =
            listed("Certs", limits::MOST_CERTIFICATES).into_iter().filter(|der| !known.contains(der.as_slice()));
        let from_store: Vec<Certificate> = from_store.filter_map(|der| Certificate::from_der(&der).ok()).collect();
        certificates.extend(from_store);
        crls.extend(listed("CRLs", limits::MOST_REVOCATION_VALUES));
        responses.extend(listed("OCSPs", limits::MOST_REVOCATION_VALUES));
        crls.sort_unstable();
        crls.dedup();
        responses.sort_unstable();
        responses.dedup();
        Self { certificates, evidence: Evidence::read(&crls, &responses) }
    }
}
