//! B-B, B-T, B-LT and B-LTA made with this package's own CMS, timestamps and CRLs, judged by pyHanko, pdfsig and qpdf.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod support;

use chuky_model::algorithm::SignatureScheme;
use chuky_model::instant::Instant;
use chuky_model::report::{Indication, Integrity};
use chuky_model::serial::Serial;
use chuky_pki::certificate::Certificate;
use chuky_pki::cms::build::{SignatureToMake, longest, with_signature_timestamp};
use chuky_pki::crl::CrlToMake;
use chuky_pki::pdf::write::{Field, Kind, LongTermData, SignatureOptions, add_long_term_data, prepare};
use chuky_pki::timestamp::{TimestampRequest, TokenToMake, granted};
use chuky_pki::verify::{VerificationContext, verify_document};
use openssl::ecdsa::EcdsaSig;
use openssl::pkey::{PKey, Private};
use openssl::x509::X509;
use support::judges::{now, options, store};
use support::signer::Signer;

/// So that the judges, who know only their own clock, find the list fresh for long.
const TEN_YEARS: i64 = 315_360_000;
const SCHEME: SignatureScheme = SignatureScheme::EcdsaSha256;

struct World {
    signer: Signer,
    timestamps: (X509, PKey<Private>),
}

fn own(certificate: &X509) -> Certificate {
    Certificate::from_der(&certificate.to_der().unwrap()).unwrap()
}

fn ecdsa(key: &PKey<Private>, digest: &[u8]) -> Vec<u8> {
    EcdsaSig::sign(digest, &key.ec_key().unwrap()).unwrap().to_der().unwrap()
}

impl World {
    /// A token over the bytes.
    fn token(&self, digest: &[u8], at: Instant) -> Vec<u8> {
        let request = TimestampRequest::to_der(digest.try_into().unwrap(), &[7, 1]);
        let request = TimestampRequest::parse(&request).unwrap();
        let policy = "1.3.6.1.4.1.99999.1".parse().unwrap();
        let serial = Serial::from_octets(&[0x51, 2, 3, 4, 5, 6, 7, 8, 9]).unwrap();
        let token = TokenToMake::new(&request, &own(&self.timestamps.0), SCHEME, policy, &serial, at).unwrap();
        let signature = ecdsa(&self.timestamps.1, token.digest_to_sign());
        granted(&token.assemble(&signature, &[])).unwrap()
    }

    fn sign(&self, source: &[u8], timestamped: bool) -> Vec<u8> {
        let (leaf, issuer) = (own(&self.signer.certificate), own(&self.signer.authority));
        let token_bytes = if timestamped { 3_000 } else { 0 };
        let contents_bytes = longest(&leaf, std::slice::from_ref(&issuer), token_bytes);
        let prepared =
            prepare(source, &SignatureOptions { contents_bytes, ..options(None, Field::NewInvisible) }).unwrap();
        let made = SignatureToMake::detached(SCHEME, &prepared.digest(source), &leaf).unwrap();
        let signature = ecdsa(&self.signer.key, made.digest_to_sign());
        let mut cms = made.assemble(&signature, &[issuer]).unwrap();
        if timestamped {
            let token = self.token(&openssl::sha::sha256(&signature), now());
            cms = with_signature_timestamp(&cms, &token).unwrap();
        }
        [source, &prepared.finish(&cms).unwrap()].concat()
    }

    fn long_term(&self) -> LongTermData {
        let issuer = own(&self.signer.authority);
        let list = CrlToMake {
            issuer: &issuer,
            number: 1,
            this_update: now().plus_seconds(-60),
            next_update: now().plus_seconds(TEN_YEARS),
        };
        let list = list.to_be_signed(SCHEME, std::iter::empty()).unwrap();
        let signature = ecdsa(&self.signer.authority_key, &list.digest());
        let certificates = [&self.signer.certificate, &self.signer.authority, &self.timestamps.0];
        LongTermData {
            certificates: certificates.map(|certificate| certificate.to_der().unwrap()).to_vec(),
            revocation_lists: vec![list.assemble(&signature, &issuer.public_key().unwrap()).unwrap()],
            ocsp_responses: Vec::new(),
        }
    }

    fn archive_timestamp(&self, source: &[u8]) -> Vec<u8> {
        let how = SignatureOptions { kind: Kind::DocumentTimestamp, ..SignatureOptions::new(now(), 3_000) };
        let prepared = prepare(source, &how).unwrap();
        let token = self.token(&prepared.digest(source), now().plus_seconds(30));
        [source, &prepared.finish(&token).unwrap()].concat()
    }
}

#[test]
fn every_level_is_what_it_says() {
    let Some(serif) = support::serif() else { return };
    let folder = support::folder("levels");
    let signer = Signer::new("TEST official");
    let world = World { timestamps: signer.timestamp_authority(), signer };
    let letter = chuky_pki::pdf::letter::sample(None).compose(&serif, now()).unwrap();
    let plain = world.sign(&letter.pdf, false);
    support::judges::judged_valid(&store(&folder, "b-b.pdf", &plain), &world.signer, 1);
    let stamped = world.sign(&letter.pdf, true);
    support::judges::judged_valid(&store(&folder, "b-t.pdf", &stamped), &world.signer, 1);
    let data = world.long_term();
    let long = [stamped.as_slice(), &add_long_term_data(&stamped, &data).unwrap()].concat();
    let archived = world.archive_timestamp(&long);
    let file = store(&folder, "b-lt.pdf", &long);
    support::qpdf_accepts(&file);
    if let Some(said) = support::pdfsig(&file) {
        assert!(said.contains("Signature is Valid."), "{said}");
    }
    if let Some(lines) = support::pyhanko(&world.signer.authority, &file) {
        assert_eq!(lines, ["Signature1 intact valid trusted ENTIRE_REVISION LTA_UPDATES ok"]);
    }
    let file = store(&folder, "b-lta.pdf", &archived);
    support::qpdf_accepts(&file);
    let context = VerificationContext {
        anchors: vec![own(&world.signer.authority)],
        ..VerificationContext::at(now().plus_seconds(60))
    };
    let report = verify_document(&archived, "b-lta.pdf", &context);
    assert_eq!((report.integrity, report.indication), (Integrity::Intact, Indication::TotalPassed), "{report:#?}");
    let Some(lines) = support::pyhanko(&world.signer.authority, &file) else { return };
    assert!(lines.iter().any(|line| line.starts_with("long-term Signature1 PASSED")), "{lines:#?}");
    assert!(lines.contains(&"Signature2 intact valid trusted ENTIRE_FILE NONE timestamp".to_owned()), "{lines:#?}");
}
