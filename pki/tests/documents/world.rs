//! A small world for trust and time: two roots, an authority, timestamps, signers of every kind, and CMS objects put together byte by byte so that
//! each can lack or carry what a test is about.

use chuky_model::algorithm::SignatureScheme;
use chuky_model::instant::Instant;
use chuky_model::serial::Serial;
use chuky_pki::asn1::{Element, tag, write};
use chuky_pki::certificate::Certificate;
use chuky_pki::crl::{CrlToMake, Promises, Reason, Revoked, entry};
use chuky_pki::ocsp::{AnswerLine, AnswerToMake, CertificateIdentifier, Status};
use chuky_pki::oid;
use chuky_pki::timestamp::{TimestampRequest, TokenToMake, granted};
use der::asn1::ObjectIdentifier;
use openssl::asn1::Asn1Time;
use openssl::ec::{EcGroup, EcKey};
use openssl::ecdsa::EcdsaSig;
use openssl::hash::{MessageDigest, hash};
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::x509::extension::{BasicConstraints, ExtendedKeyUsage, KeyUsage, SubjectKeyIdentifier};
use openssl::x509::{X509, X509Builder, X509NameBuilder};

pub const SCHEME: SignatureScheme = SignatureScheme::EcdsaSha256;
pub const LONG: (&str, &str) = ("2000-01-01T00:00:00Z", "2050-01-01T00:00:00Z");
pub const YEAR: (&str, &str) = ("2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z");

pub fn time(text: &str) -> Instant {
    Instant::parse_rfc3339(text).unwrap()
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Authority,
    Signer,
    Timestamps,
    Status,
    Server,
}

pub struct Party {
    pub key: PKey<Private>,
    pub certificate: Certificate,
}

impl Party {
    pub fn new(name: &str, serial: u8, role: Role, validity: (&str, &str), issuer: Option<&Self>) -> Self {
        let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
        let key = PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap();
        Self::with_key(key, name, serial, role, validity, issuer)
    }

    pub fn with_key(
        key: PKey<Private>,
        name: &str,
        serial: u8,
        role: Role,
        validity: (&str, &str),
        issuer: Option<&Self>,
    ) -> Self {
        let above = issuer.map(|issuer| X509::from_der(issuer.certificate.der()).unwrap());
        let mut own = X509NameBuilder::new().unwrap();
        own.append_entry_by_nid(Nid::COUNTRYNAME, "VN").unwrap();
        own.append_entry_by_nid(Nid::COMMONNAME, name).unwrap();
        let own = own.build();
        let mut builder = X509Builder::new().unwrap();
        builder.set_version(2).unwrap();
        let number = openssl::bn::BigNum::from_slice(&[serial; 9]).unwrap();
        builder.set_serial_number(&number.to_asn1_integer().unwrap()).unwrap();
        builder.set_subject_name(&own).unwrap();
        builder.set_issuer_name(above.as_ref().map_or(&own, |above| above.subject_name())).unwrap();
        builder.set_pubkey(&key).unwrap();
        let moment = |text: &str| Asn1Time::from_unix(time(text).unix_seconds()).unwrap();
        builder.set_not_before(&moment(validity.0)).unwrap();
        builder.set_not_after(&moment(validity.1)).unwrap();
        let mut usage = KeyUsage::new();
        if role == Role::Authority {
            builder.append_extension(BasicConstraints::new().critical().ca().build().unwrap()).unwrap();
            usage.key_cert_sign().crl_sign();
        } else {
            usage.digital_signature();
        }
        builder.append_extension(usage.critical().build().unwrap()).unwrap();
        let mut extended = ExtendedKeyUsage::new();
        match role {
            Role::Timestamps => _ = extended.critical().time_stamping(),
            Role::Status => _ = extended.other("OCSPSigning"),
            Role::Server => _ = extended.server_auth(),
            Role::Authority | Role::Signer => {}
        }
        if !matches!(role, Role::Authority | Role::Signer) {
            builder.append_extension(extended.build().unwrap()).unwrap();
        }
        let identifier = SubjectKeyIdentifier::new().build(&builder.x509v3_context(None, None)).unwrap();
        builder.append_extension(identifier).unwrap();
        builder.sign(issuer.map_or(&key, |issuer| &issuer.key), MessageDigest::sha256()).unwrap();
        Self { key, certificate: Certificate::from_der(&builder.build().to_der().unwrap()).unwrap() }
    }

    pub fn sign(&self, digest: &[u8]) -> Vec<u8> {
        EcdsaSig::sign(digest, &self.key.ec_key().unwrap()).unwrap().to_der().unwrap()
    }

    /// A token over the digest of something.
    pub fn token(&self, digest: &[u8], at: &str) -> Vec<u8> {
        let request = TimestampRequest::parse(&TimestampRequest::to_der(digest.try_into().unwrap(), &[7])).unwrap();
        let policy = "1.3.6.1.4.1.99999.1".parse().unwrap();
        let serial = Serial::from_octets(&[0x51; 9]).unwrap();
        let token = TokenToMake::new(&request, &self.certificate, SCHEME, policy, &serial, time(at)).unwrap();
        granted(&token.assemble(&self.sign(token.digest_to_sign()), &[])).unwrap()
    }

    /// A list of this authority, good for so many days.
    pub fn list(&self, day: &str, days: i64, revoked: &[(u8, &str, Reason)], keeps_expired: bool) -> Vec<u8> {
        let rows = revoked.iter().map(|(serial, at, reason)| Revoked {
            serial: Serial::from_octets(&[*serial; 9]).unwrap(),
            at: time(at),
            reason: *reason,
            invalid_since: None,
        });
        let entries: Vec<u8> = rows.flat_map(|row| entry(&row)).collect();
        let next_update = time(day).plus_seconds(days * 86_400);
        let list = CrlToMake { issuer: &self.certificate, number: 1, this_update: time(day), next_update };
        let frame = list.frame(SCHEME, entries.len(), Promises { keeps_expired, ..Promises::default() }).unwrap();
        let digest = openssl::sha::sha256(&[frame.head(), &entries, frame.tail()].concat());
        let (before, after) = frame.around(&self.sign(&digest));
        [before, entries, after].concat()
    }

    /// An answer of this responder, "good", about a certificate of `issuer`.
    pub fn answer(&self, issuer: &Self, about: &Certificate, day: &str, next: &str) -> Vec<u8> {
        let identifier_der = CertificateIdentifier::new(&issuer.certificate, about.serial_octets()).der;
        let (this_update, next_update) = (time(day), Some(time(next)));
        let line = AnswerLine { identifier_der, status: Status::Good, this_update, next_update };
        let answer = AnswerToMake::new(&self.certificate, SCHEME, this_update, &[line], None);
        answer.assemble(&self.sign(&answer.to_be_signed().digest()))
    }
}

pub const ISSUING: u8 = 0x42;
pub const SIGNER: u8 = 0x43;
pub const STAMPER: u8 = 0x44;

pub struct World {
    pub root: Party,
    pub issuing: Party,
    pub time_root: Party,
    pub stamper: Party,
}

impl World {
    pub fn new() -> Self {
        let root = Party::new("TEST root", 0x41, Role::Authority, LONG, None);
        let issuing = Party::new("TEST issuing", ISSUING, Role::Authority, LONG, Some(&root));
        let time_root = Party::new("TEST time root", 0x45, Role::Authority, LONG, None);
        let stamper = Party::new("TEST timestamps", STAMPER, Role::Timestamps, LONG, Some(&time_root));
        Self { root, issuing, time_root, stamper }
    }

    pub fn anchors(&self) -> Vec<Certificate> {
        vec![self.root.certificate.clone(), self.time_root.certificate.clone()]
    }

    pub fn signer(&self, validity: (&str, &str)) -> Party {
        Party::new("Nguyễn Văn An", SIGNER, Role::Signer, validity, Some(&self.issuing))
    }

    /// The lists of all three authorities of that day, with nothing on them, good for a week.
    pub fn lists(&self, day: &str) -> Vec<Vec<u8>> {
        [&self.root, &self.issuing, &self.time_root].map(|authority| authority.list(day, 7, &[], false)).to_vec()
    }

    /// A signature over this content, with nothing beside it but certificates and these lists.
    pub fn cades<'w>(&'w self, signer: &'w Party, content: &'w [u8], lists: Vec<Vec<u8>>) -> Cms<'w> {
        Cms { signer, issuing: &self.issuing, content, lists, ..Cms::of(signer, &self.issuing) }
    }
}

/// A CMS object to be made.
pub struct Cms<'w> {
    pub signer: &'w Party,
    pub issuing: &'w Party,
    pub content: &'w [u8],
    pub attached: bool,
    pub sha1: bool,
    /// With a signing-certificate-v2 attribute.
    pub bound: bool,
    pub with_certificates: bool,
    /// Further signed attributes.
    pub signed: Vec<(ObjectIdentifier, Vec<u8>)>,
    /// CRLs, DER.
    pub lists: Vec<Vec<u8>>,
    /// OCSP responses, DER.
    pub answers: Vec<Vec<u8>>,
}

impl<'w> Cms<'w> {
    fn of(signer: &'w Party, issuing: &'w Party) -> Self {
        Self {
            signer,
            issuing,
            content: b"",
            attached: true,
            sha1: false,
            bound: true,
            with_certificates: true,
            signed: Vec::new(),
            lists: Vec::new(),
            answers: Vec::new(),
        }
    }

    /// The object, and the signature value.
    pub fn make(&self) -> (Vec<u8>, Vec<u8>) {
        let method = if self.sha1 { MessageDigest::sha1() } else { MessageDigest::sha256() };
        let digest = |bytes: &[u8]| hash(method, bytes).unwrap().to_vec();
        let certificate = &self.signer.certificate;
        let mut attributes = vec![
            attribute(&oid::CONTENT_TYPE, &write::oid(&oid::DATA)),
            attribute(&oid::MESSAGE_DIGEST, &write::octet_string(&digest(self.content))),
        ];
        if self.bound {
            let identifier = write::sequence(&[write::octet_string(certificate.fingerprint())]);
            let reference = write::sequence(&[write::sequence(&[identifier])]);
            attributes.push(attribute(&oid::SIGNING_CERTIFICATE_V2, &reference));
        }
        attributes.extend(self.signed.iter().map(|(kind, value)| attribute(kind, value)));
        let mut signed = write::set_of(tag::SET, attributes);
        let value = self.signer.sign(&digest(&signed));
        signed[0] = tag::constructed(0);
        let (hashed, scheme) = match self.sha1 {
            true => (oid::SHA1, oid::ECDSA_WITH_SHA1),
            false => (oid::SHA256, oid::ECDSA_WITH_SHA256),
        };
        let hashed = write::sequence(&[write::oid(&hashed)]);
        let serial = write::element(tag::INTEGER, certificate.serial_octets());
        let signer = write::sequence(&[
            write::unsigned(1),
            write::sequence(&[certificate.issuer().as_der(), &serial]),
            hashed.clone(),
            signed,
            write::sequence(&[write::oid(&scheme)]),
            write::octet_string(&value),
        ]);
        let mut encapsulated = vec![write::oid(&oid::DATA)];
        if self.attached {
            encapsulated.push(write::element(tag::constructed(0), &write::octet_string(self.content)));
        }
        let mut parts = vec![write::unsigned(1), write::parts(tag::SET, &[hashed]), write::sequence(&encapsulated)];
        if self.with_certificates {
            let all = [certificate, &self.issuing.certificate].map(|one| one.der().to_vec());
            parts.push(write::set_of(tag::constructed(0), all.to_vec()));
        }
        let answers = self
            .answers
            .iter()
            .map(|answer| write::parts(tag::constructed(1), &[write::oid(&oid::RI_OCSP_RESPONSE), answer.clone()]));
        let revocation: Vec<Vec<u8>> = self.lists.iter().cloned().chain(answers).collect();
        if !revocation.is_empty() {
            parts.push(write::set_of(tag::constructed(1), revocation));
        }
        parts.push(write::parts(tag::SET, &[signer]));
        let signed_data = write::element(tag::constructed(0), &write::sequence(&parts));
        (write::sequence(&[write::oid(&oid::SIGNED_DATA), signed_data]), value)
    }
}

pub fn attribute(kind: &ObjectIdentifier, value: &[u8]) -> Vec<u8> {
    write::sequence(&[write::oid(kind), write::element(tag::SET, value)])
}

/// The object with one more unsigned attribute of its only signer, behind those that it has.
pub fn with_unsigned(object: &[u8], kind: &ObjectIdentifier, value: &[u8]) -> Vec<u8> {
    const WHAT: &str = "SignedData";
    let mut content_info = Element::sequence(object, WHAT).unwrap();
    let content_type = content_info.oid(WHAT).unwrap();
    let explicit = content_info.expect(tag::constructed(0), WHAT).unwrap();
    let mut fields = Element::sequence(explicit.content, WHAT).unwrap();
    let mut parts = Vec::new();
    while !fields.is_empty() {
        parts.push(fields.any().unwrap().raw.to_vec());
    }
    let signers = parts.pop().unwrap();
    let signer = Element::only(Element::only(&signers, WHAT).unwrap().content, WHAT).unwrap();
    let mut members = signer.reader();
    let (mut rebuilt, mut unsigned) = (Vec::new(), Vec::new());
    while !members.is_empty() {
        let member = members.any().unwrap();
        match member.tag == tag::constructed(1) {
            true => unsigned.extend_from_slice(member.content),
            false => rebuilt.push(member.raw.to_vec()),
        }
    }
    unsigned.extend(attribute(kind, value));
    rebuilt.push(write::element(tag::constructed(1), &unsigned));
    parts.push(write::parts(tag::SET, &[write::sequence(&rebuilt)]));
    write::sequence(&[write::oid(&content_type), write::element(tag::constructed(0), &write::sequence(&parts))])
}

/// The object with a signature timestamp.
pub fn stamped(world: &World, made: &(Vec<u8>, Vec<u8>), at: &str) -> Vec<u8> {
    let token = world.stamper.token(&openssl::sha::sha256(&made.1), at);
    with_unsigned(&made.0, &oid::SIGNATURE_TIME_STAMP, &token)
}
