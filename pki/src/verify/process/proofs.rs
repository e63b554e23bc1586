//! Proofs of existence (EN 319 102-1 §5.6.2.3): which certificates, lists and answers a valid timestamp or evidence record covers, and since when each
//! is therefore known to exist. Everything at hand exists at the current time (§5.6.3.4 step 2).

use crate::asn1::{Element, tag};
use crate::certificate::Certificate;
use crate::cms::{Protected, SignedData};
use crate::ocsp::OcspResponse;
use crate::verify::store::TOKENS;
use crate::{crypto, limits, oid, pem};
use chuky_model::instant::Instant;
use std::collections::BTreeMap;

/// Stands for an object: SHA-256 of a certificate or a list, or an answer's identity.
pub(in crate::verify) type ObjectDigest = [u8; 32];

/// Objects that something covers.
#[derive(Clone, Debug, Default)]
pub(in crate::verify) struct Objects(Vec<ObjectDigest>);

impl Objects {
    /// Adds a certificate.
    pub(in crate::verify) fn certificate(&mut self, certificate: &Certificate) {
        self.0.push(*certificate.fingerprint());
    }

    /// Adds a certificate in DER.
    pub(in crate::verify) fn certificate_der(&mut self, der: &[u8]) {
        self.0.push(crypto::sha256(der));
    }

    /// Adds a list in DER or PEM.
    pub(in crate::verify) fn crl(&mut self, crl: &[u8]) {
        if let Ok(der) = pem::der_or_first_block(crl, "X509 CRL") {
            self.0.push(crypto::sha256(&der));
        }
    }

    /// Adds an OCSP answer, however it is wrapped.
    pub(in crate::verify) fn response(&mut self, response: &[u8]) {
        if let Ok(response) = OcspResponse::parse(response) {
            response.certificates().iter().for_each(|certificate| self.certificate(certificate));
            self.0.push(response.identity());
        }
    }

    /// Adds what a CMS object carries. Not what its unsigned attributes hold beyond: each timestamp says by itself which of them it covers.
    pub(in crate::verify) fn signed_data(&mut self, data: &SignedData) {
        data.certificates.iter().for_each(|certificate| self.certificate(certificate));
        data.crls.iter().for_each(|crl| self.crl(crl));
        data.ocsp_responses.iter().for_each(|response| self.response(response));
    }

    /// Adds what a timestamp token carries.
    pub(in crate::verify) fn token(&mut self, token: &[u8]) {
        if let Ok(data) = SignedData::parse(token) {
            self.signed_data(&data);
        }
    }

    /// The same with all timestamps that it carries, where the whole object is covered.
    pub(in crate::verify) fn signed_data_and_tokens(&mut self, data: &SignedData) {
        self.signed_data(data);
        let attributes =
            data.signers.iter().flat_map(|signer| signer.unsigned_attributes.iter().chain(&signer.signed_attributes));
        let tokens = attributes.filter(|one| TOKENS.contains(&one.oid) || one.oid == oid::CONTENT_TIME_STAMP);
        tokens.flat_map(|one| &one.values).take(limits::MOST_TIMESTAMPS).for_each(|token| self.token(token));
    }

    /// Adds what an archive timestamp in a CMS object covers.
    pub(in crate::verify) fn protected(&mut self, protected: &Protected<'_>) {
        protected.certificates.iter().for_each(|der| self.certificate_der(der));
        protected.revocation.iter().for_each(|choice| self.revocation_choice(choice));
        for (kind, value) in &protected.attributes {
            match *kind {
                oid::CERTIFICATE_VALUES => members(value).for_each(|der| self.certificate_der(der)),
                oid::REVOCATION_VALUES => self.revocation_values(value),
                oid::SIGNATURE_TIME_STAMP
                | oid::ESCAPED_TIME_STAMP
                | oid::CERTIFICATES_AND_CRLS_TIME_STAMP
                | oid::ARCHIVE_TIME_STAMP_V2
                | oid::ARCHIVE_TIME_STAMP_V3 => self.token(value),
                _ => {}
            }
        }
    }

    /// RFC 5652 §10.2.1, RFC 5940 §2: a list as it is, an OCSP answer under its type.
    fn revocation_choice(&mut self, choice: &[u8]) {
        let Ok(element) = Element::only(choice, "RevocationInfoChoice") else { return };
        if element.tag != tag::constructed(1) {
            return self.crl(choice);
        }
        let mut fields = element.reader();
        if fields.oid("OtherRevocationInfoFormat").is_ok()
            && let Ok(value) = fields.any()
        {
            self.response(value.raw);
        }
    }

    /// EN 319 122-1 annex A.1.4: lists in `[0]`, answers in `[1]`.
    fn revocation_values(&mut self, value: &[u8]) {
        let Ok(mut fields) = Element::sequence(value, "RevocationValues") else { return };
        while let Ok(field) = fields.any() {
            let Ok(list) = Element::only(field.content, "RevocationValues") else { continue };
            match field.tag {
                0xa0 => members(list.raw).for_each(|crl| self.crl(crl)),
                0xa1 => members(list.raw).for_each(|response| self.response(response)),
                _ => {}
            }
        }
    }

    /// Adds what others cover.
    pub(in crate::verify) fn extend(&mut self, others: &Self) {
        self.0.extend_from_slice(&others.0);
    }

    fn digests(&self) -> &[ObjectDigest] {
        &self.0
    }
}

/// The members of a SEQUENCE; those before what cannot be read.
fn members(sequence: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut reader = Element::only(sequence, "SEQUENCE").ok().map(|sequence| sequence.reader());
    std::iter::from_fn(move || {
        let reader = reader.as_mut()?;
        if reader.is_empty() { None } else { reader.any().ok().map(|member| member.raw) }
    })
}

/// The earliest time that each object is proven for.
#[derive(Clone, Debug, Default)]
pub(in crate::verify) struct Proofs(BTreeMap<ObjectDigest, Instant>);

impl Proofs {
    /// All of these existed at that time.
    pub(in crate::verify) fn add(&mut self, objects: &Objects, time: Instant) {
        for digest in objects.digests() {
            let known = self.0.entry(*digest).or_insert(time);
            *known = (*known).min(time);
        }
    }

    /// Since when the object is known to exist; at the current time where nothing proves more.
    pub(in crate::verify) fn of(&self, object: &ObjectDigest, now: Instant) -> Instant {
        self.0.get(object).copied().unwrap_or(now).min(now)
    }
}
