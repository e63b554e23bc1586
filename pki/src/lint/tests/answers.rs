//! Status answers with one thing wrong: each is a right one with a field, a line or an extension spoiled. Says for each which rule must
//! fire; never what else may.
use super::*;
use crate::crl::Reason;
use crate::ocsp::{AnswerLine, AnswerToMake, CertificateIdentifier, Refusal, Status};
use crate::oid;

struct Answer {
    issuer: Certificate,
    der: Vec<u8>,
}

impl Answer {
    fn new() -> Self {
        let (issuer, issuer_key) = authority();
        let key = key();
        let profile = Profile::built_in("ocsp").unwrap();
        let times = (NOW, NOW.plus_seconds(86_400));
        let name = service_name("Chuky TEST OCSP");
        let intent = CertificateIntent::new(profile, &issuer, SCHEME, serial(9), &name, times, publication()).unwrap();
        let tbs = intent.to_be_signed(&key.public_key_to_der().unwrap()).unwrap();
        let signature = sign(&issuer_key, &tbs.digest());
        let responder = tbs.assemble(&signature, &issuer.public_key().unwrap()).unwrap();
        let responder = Certificate::from_der(&responder).unwrap();
        let line = |mark, status| AnswerLine {
            identifier_der: CertificateIdentifier::new(&issuer, serial(mark).as_octets()).der,
            status,
            this_update: NOW,
            next_update: Some(NOW.plus_seconds(60)),
        };
        let revoked = Status::Revoked { at: NOW.plus_seconds(-60), reason: Reason::KeyCompromise };
        let lines = [line(2, revoked), line(3, Status::Good), line(4, Status::Unknown)];
        let answer = AnswerToMake::new(&responder, SCHEME, NOW, &lines, Some(&[7; 32]));
        let der = answer.assemble(&sign(&key, &answer.to_be_signed().digest()));
        assert_eq!(lint_ocsp(&der, &issuer), []);
        Self { issuer, der }
    }

    /// `BasicOCSPResponse`.
    fn basic(&self) -> Vec<u8> {
        let outer = members(&self.der);
        let bytes = Element::only(&outer[1], "test").unwrap();
        let inner = members(bytes.content);
        Element::only(&inner[1], "test").unwrap().content.to_vec()
    }

    fn with_basic(&self, basic: &[u8]) -> Vec<Finding> {
        let bytes = write::sequence(&[write::oid(&oid::OCSP_BASIC), write::octet_string(basic)]);
        lint_ocsp(&with_member(&self.der, 1, &write::element(tag::constructed(0), &bytes)), &self.issuer)
    }

    /// With another member of `ResponseData`.
    fn data(&self, at: usize, member: &[u8]) -> Vec<Finding> {
        let basic = self.basic();
        let data = with_member(&members(&basic)[0], at, member);
        self.with_basic(&with_member(&basic, 0, &data))
    }

    /// With another member of the first line.
    fn line(&self, at: usize, member: &[u8]) -> Vec<Finding> {
        let lines = &members(&members(&self.basic())[0])[LINES];
        let line = with_member(&members(lines)[0], at, member);
        self.data(LINES, &with_member(lines, 0, &line))
    }

    fn extension(&self, oid: &ObjectIdentifier, new: Option<Vec<u8>>) -> Vec<Finding> {
        let tagged = &members(&members(&self.basic())[0])[EXTENSIONS];
        self.data(EXTENSIONS, &with_tagged_extension(tagged, oid, new))
    }

    fn certificates(&self, list: &[Vec<u8>]) -> Vec<Finding> {
        let wrapped = write::element(tag::constructed(0), &write::sequence(list));
        self.with_basic(&with_member(&self.basic(), 3, &wrapped))
    }
}

const PRODUCED: usize = 1;
const LINES: usize = 2;
const EXTENSIONS: usize = 3;

pub fn cases() -> Vec<Case> {
    let answer = Answer::new();
    let sha1 = write::sequence(&[write::oid(&oid::ECDSA_WITH_SHA1)]);
    let lines = members(&members(&answer.basic())[0])[LINES].clone();
    let twice = with_member(&lines, 1, &members(&lines)[0]);
    let revoked = |at: Vec<u8>, reason: u8| {
        let reason = write::element(tag::constructed(0), &write::element(tag::ENUMERATED, &[reason]));
        answer.line(1, &write::parts(tag::constructed(1), &[at, reason]))
    };
    let past = || generalized("20250101000000Z");
    let next = |at: &str| answer.line(3, &write::element(tag::constructed(0), &generalized(at)));
    let nonce = |value: &[u8]| answer.extension(&oid::OCSP_NONCE, Some(extension(&oid::OCSP_NONCE, None, value)));
    let foreign = extension(&oid::CRL_NUMBER, None, &write::unsigned(1));
    let critical = extension(&oid::OCSP_NONCE, Some(true), &write::octet_string(&[1; 8]));
    let (stranger, _) = authority();
    vec![
        (Rule::AnswerUnreadable, lint_ocsp(&[0x30, 0], &answer.issuer)),
        (Rule::AnswerUnreadable, lint_ocsp(&write::sequence(&[write::element(tag::ENUMERATED, &[4])]), &answer.issuer)),
        (Rule::AnswerUnreadable, answer.with_basic(&[0x30, 0])),
        (Rule::AnswerAlgorithmNotAdmitted, answer.with_basic(&with_member(&answer.basic(), 1, &sha1))),
        (Rule::AnswerTimeForm, answer.data(PRODUCED, &generalized("20300101000000.5Z"))),
        (Rule::AnswerTimeForm, answer.line(2, &utc("260101000000Z"))),
        (Rule::AnswerEmpty, answer.data(LINES, &[0x30, 0])),
        (Rule::AnswerTwice, answer.data(LINES, &twice)),
        (Rule::AnswerOrder, answer.line(2, &generalized("20490101000000Z"))),
        (Rule::AnswerOrder, next("20250101000000Z")),
        (Rule::AnswerRevocation, revoked(generalized("20490101000000Z"), 1)),
        (Rule::AnswerRevocation, revoked(past(), 0)),
        (Rule::AnswerRevocation, revoked(past(), 8)),
        (Rule::AnswerRevocation, revoked(utc("250101000000Z"), 1)),
        (Rule::AnswerNonce, nonce(&write::octet_string(&[]))),
        (Rule::AnswerNonce, nonce(&write::octet_string(&[1; 129]))),
        (Rule::AnswerNonce, nonce(&write::unsigned(1))),
        (Rule::AnswerExtension, answer.extension(&oid::CRL_NUMBER, Some(foreign))),
        (Rule::AnswerExtension, answer.extension(&oid::OCSP_NONCE, Some(critical))),
        (Rule::AnswerResponder, answer.certificates(&[])),
        (Rule::AnswerResponder, answer.certificates(&[stranger.der().to_vec()])),
        (Rule::AnswerNoCheck, answer.certificates(&[stranger.der().to_vec()])),
    ]
}

#[test]
fn refusals_are_clean() {
    let (issuer, _) = authority();
    for refusal in [Refusal::MalformedRequest, Refusal::InternalError, Refusal::TryLater, Refusal::Unauthorized] {
        assert_eq!(lint_ocsp(&refusal.to_der(), &issuer), []);
    }
}
