//! Lists with one thing wrong: each is a right one with a field, an entry or an extension spoiled. Says for each which rule must fire;
//! never what else may.
use super::*;
use crate::crl::{Crl, CrlToMake, Reason, Revoked};
use crate::oid;

const VERSION: usize = 0;
const ALGORITHM: usize = 1;
const ISSUER: usize = 2;
const THIS: usize = 3;
const NEXT: usize = 4;
const ENTRIES: usize = 5;
const EXTENSIONS: usize = 6;

struct List {
    issuer: Certificate,
    /// The whole list; its signature is not looked at.
    der: Vec<u8>,
}

impl List {
    fn new() -> Self {
        let (issuer, key) = authority();
        let revoked =
            |mark, reason| Revoked { serial: serial(mark), at: NOW.plus_seconds(-60), reason, invalid_since: None };
        let to_make = CrlToMake { issuer: &issuer, number: 7, this_update: NOW, next_update: NOW.plus_seconds(86_400) };
        let entries = [revoked(2, Reason::KeyCompromise), revoked(3, Reason::Unspecified)];
        let to_be_signed = to_make.to_be_signed(SCHEME, entries.into_iter()).unwrap();
        let der = write::sequence(&to_be_signed.members(&sign(&key, &to_be_signed.digest())));
        assert_eq!(lint_crl(&der, &issuer), []);
        Self { issuer, der }
    }

    fn field(&self, at: usize, member: &[u8]) -> Vec<Finding> {
        let tbs = with_member(&members(&self.der)[0], at, member);
        lint_crl(&with_member(&self.der, 0, &tbs), &self.issuer)
    }

    fn without(&self, at: usize) -> Vec<Finding> {
        let mut fields = members(&members(&self.der)[0]);
        fields.remove(at);
        lint_crl(&with_member(&self.der, 0, &write::sequence(&fields)), &self.issuer)
    }

    fn entries(&self, entries: &[Vec<u8>]) -> Vec<Finding> {
        self.field(ENTRIES, &write::sequence(entries))
    }

    fn extension(&self, oid: &ObjectIdentifier, new: Option<Vec<u8>>) -> Vec<Finding> {
        let tagged = &members(&members(&self.der)[0])[EXTENSIONS];
        self.field(EXTENSIONS, &with_tagged_extension(tagged, oid, new))
    }
}

fn entry(serial: &[u8], at: Vec<u8>, extensions: &[Vec<u8>]) -> Vec<u8> {
    let extensions = if extensions.is_empty() { Vec::new() } else { write::sequence(extensions) };
    write::sequence(&[write::element(tag::INTEGER, serial), at, extensions])
}

pub fn cases() -> Vec<Case> {
    let list = List::new();
    [of_list(&list), of_entries(&list), of_extensions(&list)].into_iter().flatten().collect()
}

fn of_list(list: &List) -> Vec<Case> {
    let sha1 = write::sequence(&[write::oid(&oid::ECDSA_WITH_SHA1)]);
    let other = service_name("Chuky  TEST").to_der().unwrap();
    let old = with_member(&members(&list.der)[0], ALGORITHM, &sha1);
    let old = write::sequence(&[old, sha1.clone(), write::bit_string(&[0])]);
    let (_, signer) = (list, subscriber());
    vec![
        (Rule::ListUnreadable, lint_crl(&[0x30, 0], &list.issuer)),
        (Rule::ListVersion, list.field(VERSION, &write::unsigned(0))),
        (Rule::ListVersion, list.without(VERSION)),
        (Rule::ListAlgorithms, list.field(ALGORITHM, &sha1)),
        (Rule::ListAlgorithmNotAdmitted, lint_crl(&old, &list.issuer)),
        (Rule::ListIssuer, list.field(ISSUER, &other)),
        (Rule::ListSigner, lint_crl(&list.der, &signer)),
        (Rule::ListTimeForm, list.field(NEXT, &generalized("20300101000000Z"))),
        (Rule::ListNextUpdate, list.without(NEXT)),
        (Rule::ListNextUpdate, list.field(NEXT, &members(&members(&list.der)[0])[THIS])),
        (Rule::ListEmpty, list.entries(&[])),
    ]
}

/// A certificate that may not sign lists.
fn subscriber() -> Certificate {
    let (issuer, key) = authority();
    let profile = Profile::built_in("ocsp").unwrap();
    let until = NOW.plus_seconds(86_400);
    let name = service_name("Chuky TEST OCSP");
    let intent = CertificateIntent::new(profile, &issuer, SCHEME, serial(9), &name, (NOW, until), publication());
    let intent = intent.unwrap();
    let spki = super::key().public_key_to_der().unwrap();
    let tbs = intent.to_be_signed(&spki).unwrap();
    let signature = sign(&key, &tbs.digest());
    Certificate::from_der(&tbs.assemble(&signature, &issuer.public_key().unwrap()).unwrap()).unwrap()
}

fn of_entries(list: &List) -> Vec<Case> {
    let at = || utc("260101000000Z");
    let plain = |serial: &[u8]| entry(serial, at(), &[]);
    let code = |reason| extension(&oid::REASON_CODE, None, &write::element(tag::ENUMERATED, &[reason]));
    let with = |one: Vec<u8>| list.entries(&[entry(&[5; 16], at(), &[one])]);
    let date = extension(&oid::INVALIDITY_DATE, None, &utc("250101000000Z"));
    let critical = extension(&oid::REASON_CODE, Some(true), &write::element(tag::ENUMERATED, &[1]));
    vec![
        (Rule::EntrySerial, list.entries(&[plain(&[0])])),
        (Rule::EntrySerial, list.entries(&[plain(&[0x90; 16])])),
        (Rule::EntryOrder, list.entries(&[plain(&[5; 16]), plain(&[4; 16])])),
        (Rule::EntryOrder, list.entries(&[plain(&[5; 16]), plain(&[5; 16])])),
        (Rule::EntryTime, list.entries(&[entry(&[5; 16], generalized("20260101000000Z"), &[])])),
        (Rule::EntryTime, list.entries(&[entry(&[5; 16], utc("490101000000Z"), &[])])),
        (Rule::EntryReason, with(code(0))),
        (Rule::EntryReason, with(code(7))),
        (Rule::EntryReason, with(code(8))),
        (Rule::EntryInvalidity, with(date)),
        (Rule::EntryExtension, with(critical)),
        (Rule::EntryExtension, with(extension(&oid::CERTIFICATE_ISSUER, Some(true), &[0x30, 0]))),
    ]
}

fn of_extensions(list: &List) -> Vec<Case> {
    let scope = |critical, value: &[u8]| {
        let oid = oid::ISSUING_DISTRIBUTION_POINT;
        list.extension(&oid, Some(extension(&oid, critical, value)))
    };
    let number = |value: &[u8]| {
        let value = write::element(tag::INTEGER, value);
        list.extension(&oid::CRL_NUMBER, Some(extension(&oid::CRL_NUMBER, None, &value)))
    };
    let users = write::sequence(&[write::element(0x81, &[0xff])]);
    let both = write::sequence(&[write::element(0x81, &[0xff]), write::element(0x82, &[0xff])]);
    let written = write::sequence(&[write::element(0x81, &[0])]);
    let other = write::sequence(&[write::element(0x80, &[7; 20])]);
    let expired = extension(&oid::EXPIRED_CERTS_ON_CRL, None, &utc("250101000000Z"));
    let delta = extension(&oid::DELTA_CRL_INDICATOR, Some(true), &write::unsigned(1));
    vec![
        (Rule::ListAuthorityKey, list.extension(&oid::AUTHORITY_KEY_IDENTIFIER, None)),
        (
            Rule::ListAuthorityKey,
            list.extension(
                &oid::AUTHORITY_KEY_IDENTIFIER,
                Some(extension(&oid::AUTHORITY_KEY_IDENTIFIER, None, &other)),
            ),
        ),
        (Rule::ListNumber, list.extension(&oid::CRL_NUMBER, None)),
        (Rule::ListNumber, number(&[0x80])),
        (Rule::ListNumber, number(&[1; 21])),
        (Rule::ListScope, scope(None, &users)),
        (Rule::ListScope, scope(Some(true), &[0x30, 0])),
        (Rule::ListScope, scope(Some(true), &both)),
        (Rule::ListScope, scope(Some(true), &written)),
        (Rule::ListExpired, list.extension(&oid::EXPIRED_CERTS_ON_CRL, Some(expired))),
        (Rule::ListExtension, list.extension(&oid::DELTA_CRL_INDICATOR, Some(delta))),
    ]
}

#[test]
fn lists_with_a_scope_and_without_entries_are_clean() {
    let list = List::new();
    assert_eq!(list.without(ENTRIES), []);
    let users = write::sequence(&[write::element(0x81, &[0xff])]);
    let scope = extension(&oid::ISSUING_DISTRIBUTION_POINT, Some(true), &users);
    assert_eq!(list.extension(&oid::ISSUING_DISTRIBUTION_POINT, Some(scope)), []);
    let since = extension(&oid::EXPIRED_CERTS_ON_CRL, None, &generalized("20250101000000Z"));
    assert_eq!(list.extension(&oid::EXPIRED_CERTS_ON_CRL, Some(since)), []);
    let date = extension(&oid::INVALIDITY_DATE, None, &generalized("20250101000000Z"));
    assert_eq!(list.entries(&[entry(&[5; 16], utc("260101000000Z"), &[date])]), []);
}

/// What comes of a list that arrives in pieces of so many octets.
fn in_pieces(der: &[u8], issuer: &Certificate, octets: usize) -> crate::error::Result<LongListRead> {
    let mut list = LongList::new(issuer, crate::algorithm::DigestAlgorithm::Sha256);
    for piece in der.chunks(octets) {
        list.read(piece)?;
    }
    list.finish()
}

#[test]
fn a_list_in_pieces_is_judged_as_the_whole_of_it() {
    let (issuer, key) = authority();
    let to_make = CrlToMake { issuer: &issuer, number: 7, this_update: NOW, next_update: NOW.plus_seconds(86_400) };
    let list = |count: u32, swapped: bool| {
        let revoked = (0..count).map(|number| {
            let number = if swapped && number == count / 2 { 0 } else { number };
            let serial = Serial::from_octets(&[&[0x40; 8], number.to_be_bytes().as_slice()].concat()).unwrap();
            Revoked { serial, at: NOW, reason: Reason::Superseded, invalid_since: Some(NOW.plus_seconds(-60)) }
        });
        let to_be_signed = to_make.to_be_signed(SCHEME, revoked).unwrap();
        write::sequence(&to_be_signed.members(&sign(&key, &to_be_signed.digest())))
    };
    // Shorter and longer than what is waited for before the first look.
    for (count, swapped) in [(0, false), (1, false), (5_000, false), (5_000, true)] {
        let der = list(count, swapped);
        let whole = Crl::parse(&der).unwrap();
        for octets in [if count > 1 { 333 } else { 1 }, 70_000, der.len()] {
            let read = in_pieces(&der, &issuer, octets).unwrap();
            assert_eq!(read.findings, lint_crl(&der, &issuer), "{count} {octets}");
            assert_eq!(read.findings.is_empty(), !swapped);
            let said = (read.entries, read.frame.number(), read.frame.this_update, read.frame.next_update);
            assert_eq!(said, (usize::try_from(count).unwrap(), whole.number(), whole.this_update, whole.next_update));
            let public = issuer.public_key().unwrap();
            public.verify_digest(SCHEME.into(), &read.digest, &read.signature).unwrap();
            // Cut short, with something behind, and with an octet of an entry changed.
            assert!(in_pieces(&der[..der.len() - 1], &issuer, octets).is_err());
            assert!(in_pieces(&[der.as_slice(), &[0]].concat(), &issuer, octets).is_err());
            let mut changed = der.clone();
            changed[der.len() / 2] ^= 1;
            let judged = in_pieces(&changed, &issuer, octets);
            let genuine =
                |read: LongListRead| public.verify_digest(SCHEME.into(), &read.digest, &read.signature).is_ok();
            assert!(!judged.is_ok_and(genuine), "{count} {octets}");
        }
    }
}
