//! Evidence inside the document: the document security store (ISO 32000-2 §12.8.4.3) and what travels in CMS objects, joined with
//! what the caller gives. Read once for all signatures, and only where somebody asks about trust.

use super::VerificationContext;
use super::process::proofs::{ObjectDigest, Objects, Proofs};
use crate::certificate::Certificate;
use crate::cms::SignedData;
use crate::pdf::{Object, PdfFile};
use crate::revocation::Evidence;
use crate::{limits, oid};
use chuky_model::instant::Instant;
use der::asn1::ObjectIdentifier;
use std::cell::{OnceCell, RefCell};
use std::collections::BTreeSet;

/// Certificates and revocation data from everywhere.
#[derive(Debug, Default)]
pub(super) struct Material {
    pub(super) certificates: Vec<Certificate>,
    pub(super) evidence: Evidence,
    /// What timestamps and evidence records proved so far.
    proofs: RefCell<Proofs>,
}

impl Material {
    fn new(certificates: Vec<Certificate>, evidence: Evidence) -> Self {
        Self { certificates, evidence, proofs: RefCell::default() }
    }

    /// A valid timestamp proves that what it covers existed then. Collected only where there is evidence to prove.
    pub(super) fn prove(&self, time: Instant, covered: impl FnOnce(&mut Objects)) {
        if self.evidence.crls.is_empty() && self.evidence.ocsp_responses.is_empty() {
            return;
        }
        let mut objects = Objects::default();
        covered(&mut objects);
        self.proofs.borrow_mut().add(&objects, time);
    }

    /// Since when an object is known to exist.
    pub(super) fn existed(&self, object: &ObjectDigest, now: Instant) -> Instant {
        self.proofs.borrow().of(object, now)
    }
}

/// The same before it is read.
#[derive(Debug)]
pub(super) struct Gathering {
    certificates: Vec<Certificate>,
    crls: Vec<Vec<u8>>,
    responses: Vec<Vec<u8>>,
}

impl Gathering {
    /// What the caller gives.
    pub(super) fn new(context: &VerificationContext) -> Self {
        Self {
            certificates: context.intermediates.clone(),
            crls: context.crls.clone(),
            responses: context.ocsp_responses.clone(),
        }
    }

    /// What a CMS object brings, and the timestamps in its unsigned attributes.
    pub(super) fn add_signed_data(&mut self, data: &SignedData) {
        self.add_own(data);
        for signer in &data.signers {
            let tokens = signer.unsigned_attributes.iter().filter(|attribute| TOKENS.contains(&attribute.oid));
            for value in tokens.flat_map(|attribute| &attribute.values).take(limits::MOST_TIMESTAMPS) {
                self.add_token(value);
            }
            for value in signer.signed_values(&oid::CONTENT_TIME_STAMP).take(limits::MOST_TIMESTAMPS) {
                self.add_token(value);
            }
        }
    }

    /// What a timestamp token brings. One that cannot be read is told about where it is judged.
    pub(super) fn add_token(&mut self, token: &[u8]) {
        if let Ok(data) = SignedData::parse(token) {
            self.add_own(&data);
        }
    }

    fn add_own(&mut self, data: &SignedData) {
        self.certificates.extend(data.certificates.iter().cloned());
        self.add_values(data.crls.iter().cloned(), data.ocsp_responses.iter().cloned());
    }

    /// Certificates in DER; what is none, or is there already, is left out: what came with the signatures is mostly stored once more.
    pub(super) fn add_certificates<'d>(&mut self, ders: impl Iterator<Item = &'d [u8]>) {
        let known: BTreeSet<&[u8]> = self.certificates.iter().map(Certificate::der).collect();
        let new = ders.take(limits::MOST_CERTIFICATES).filter(|der| !known.contains(der));
        let new: Vec<Certificate> = new.filter_map(|der| Certificate::from_der(der).ok()).collect();
        self.certificates.extend(new);
    }

    /// Certificates that were read already.
    pub(super) fn add_known(&mut self, certificates: &[Certificate]) {
        self.certificates.extend(certificates.iter().cloned());
    }

    /// CRLs and OCSP responses in DER.
    pub(super) fn add_values(&mut self, crls: impl Iterator<Item = Vec<u8>>, responses: impl Iterator<Item = Vec<u8>>) {
        self.crls.extend(crls.take(limits::MOST_REVOCATION_VALUES));
        self.responses.extend(responses.take(limits::MOST_REVOCATION_VALUES));
    }

    /// Reads it all once. Without anchors nobody will ask for the evidence.
    pub(super) fn read(mut self, context: &VerificationContext) -> Material {
        if !context.has_anchors() {
            return Material::new(self.certificates, Evidence::default());
        }
        for list in [&mut self.crls, &mut self.responses] {
            list.sort_unstable();
            list.dedup();
        }
        let evidence = Evidence::read(&self.crls, &self.responses).with_holds(&context.holds);
        let evidence = match &context.recorded {
            Some(recorded) => evidence.with_responders(recorded.responders()),
            None => evidence,
        };
        Material::new(self.certificates, evidence)
    }
}

/// The unsigned attributes that hold timestamp tokens.
pub(super) const TOKENS: [ObjectIdentifier; 5] = [
    oid::SIGNATURE_TIME_STAMP,
    oid::ARCHIVE_TIME_STAMP_V2,
    oid::ARCHIVE_TIME_STAMP_V3,
    oid::ESCAPED_TIME_STAMP,
    oid::CERTIFICATES_AND_CRLS_TIME_STAMP,
];

/// Where the first revocation data of the document's store stands, where it has a store with such.
pub(super) fn first_in_store(file: &PdfFile<'_>) -> Option<usize> {
    let catalogue = file.catalogue();
    let store = catalogue.dictionary().map(|catalogue| file.value(catalogue, "DSS")).unwrap_or_default();
    let first = |key| {
        let list = store.dictionary().map(|store| file.value(store, key)).unwrap_or_default();
        let values = list.array().unwrap_or_default().iter().take(limits::MOST_REVOCATION_VALUES);
        values.map(|item| place(file, item)).min()
    };
    [first("CRLs"), first("OCSPs")].into_iter().flatten().min()
}

/// The document security store of a PDF file, each object with the place where it stands; each list is bounded.
#[derive(Debug, Default)]
pub(super) struct SecurityStore {
    certificates: Vec<(usize, Vec<u8>)>,
    crls: Vec<(usize, Vec<u8>)>,
    responses: Vec<(usize, Vec<u8>)>,
    /// What stands for each among proofs of existence, computed when the first timestamp covers any.
    placed: OnceCell<Vec<(usize, Objects)>>,
}

impl SecurityStore {
    /// Reads it.
    pub(super) fn read(file: &PdfFile<'_>) -> Self {
        let catalogue = file.catalogue();
        let store = catalogue.dictionary().map(|catalogue| file.value(catalogue, "DSS")).unwrap_or_default();
        let listed = |key: &str, most: usize| -> Vec<(usize, Vec<u8>)> {
            let list = store.dictionary().map(|store| file.value(store, key)).unwrap_or_default();
            let streams = list.array().unwrap_or_default().iter().take(most);
            streams
                .filter_map(|item| match file.resolve(item) {
                    Object::Stream(stream) => Some((place(file, item), file.decoded(&stream).ok()?)),
                    _ => None,
                })
                .collect()
        };
        Self {
            certificates: listed("Certs", limits::MOST_CERTIFICATES),
            crls: listed("CRLs", limits::MOST_REVOCATION_VALUES),
            responses: listed("OCSPs", limits::MOST_REVOCATION_VALUES),
            placed: OnceCell::new(),
        }
    }

    /// What stands in the file before that place.
    pub(super) fn before(&self, end: usize) -> Objects {
        let placed = self.placed.get_or_init(|| {
            let one = |place: usize, add: &dyn Fn(&mut Objects)| {
                let mut objects = Objects::default();
                add(&mut objects);
                (place, objects)
            };
            let certificates = self.certificates.iter().map(|(at, der)| one(*at, &|to| to.certificate_der(der)));
            let crls = self.crls.iter().map(|(at, der)| one(*at, &|to| to.crl(der)));
            let responses = self.responses.iter().map(|(at, der)| one(*at, &|to| to.response(der)));
            certificates.chain(crls).chain(responses).collect()
        });
        let mut objects = Objects::default();
        placed.iter().filter(|(place, _)| *place < end).for_each(|(_, one)| objects.extend(one));
        objects
    }
}

/// Where a stream begins; behind everything where that is not known, as where the object only refers to another one.
fn place(file: &PdfFile<'_>, item: &Object) -> usize {
    let own = item.reference().filter(|id| matches!(file.object(*id), Object::Stream(_)));
    own.and_then(|id| file.offset(id.number)).unwrap_or(usize::MAX)
}

/// Gathers what a PDF file brings. The store keeps its values only where a document timestamp may prove them.
pub(super) fn of_pdf(
    context: &VerificationContext,
    store: &mut SecurityStore,
    objects: &[&SignedData],
    keep: bool,
) -> Material {
    let mut gathering = Gathering::new(context);
    objects.iter().for_each(|object| gathering.add_signed_data(object));
    gathering.add_certificates(store.certificates.iter().map(|(_, der)| der.as_slice()));
    let values = |list: &mut Vec<(usize, Vec<u8>)>| {
        let list = if keep { list.clone() } else { std::mem::take(list) };
        list.into_iter().map(|(_, der)| der)
    };
    gathering.add_values(values(&mut store.crls), values(&mut store.responses));
    gathering.read(context)
}
