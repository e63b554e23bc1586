//! Certificates with one thing wrong: each is a right one of a built-in profile with a field or an extension spoiled. Says for each which
//! rule must fire; never what else may.
use super::*;
use crate::oid;
use crate::profile::PrivateExtension;
use crate::qualified::{MonetaryValue, QualifiedPurpose};

fn person() -> DistinguishedName {
    DistinguishedName::default()
        .with(NameAttribute::Country, "VN")
        .with(NameAttribute::StateOrProvince, "Hà Nội")
        .with(NameAttribute::Surname, "Nguyễn")
        .with(NameAttribute::GivenName, "Thị Hồng Ưởng")
        .with(NameAttribute::CommonName, "Nguyễn Thị Hồng Ưởng")
        .with(NameAttribute::SerialNumber, "PNOVN-001190012345")
        .with(NameAttribute::UserId, "CCCD:001190012345")
        .with(NameAttribute::UserId, "MST:0101234567")
}

fn agency() -> DistinguishedName {
    DistinguishedName::default()
        .with(NameAttribute::Country, "VN")
        .with(NameAttribute::Organization, "Ủy ban nhân dân TEST")
        .with(NameAttribute::OrganizationIdentifier, "VATVN-0101234567")
        .with(NameAttribute::CommonName, "Ủy ban nhân dân TEST")
}

/// A certificate that is right, to be spoiled.
struct Sample {
    profile: Profile,
    tbs: ToBeSigned,
}

impl Sample {
    fn of(profile: Profile, subject: &DistinguishedName) -> Self {
        let (issuer, _) = authority();
        let until = NOW.plus_seconds(i64::from(profile.longest_validity_days) * 86_400);
        let intent =
            CertificateIntent::new(profile, &issuer, SCHEME, serial(7), subject, (NOW, until), publication()).unwrap();
        let tbs = intent.to_be_signed(&key().public_key_to_der().unwrap()).unwrap();
        assert_eq!(lint(&tbs, &intent.profile), [], "{}", intent.profile.name);
        Self { profile: intent.profile, tbs }
    }

    fn built_in(name: &str, subject: &DistinguishedName) -> Self {
        Self::of(Profile::built_in(name).unwrap(), subject)
    }

    fn lint(&self, der: Vec<u8>) -> Vec<Finding> {
        lint(&ToBeSigned { der, scheme: SCHEME }, &self.profile)
    }

    /// With another field.
    fn field(&self, at: usize, member: &[u8]) -> Vec<Finding> {
        self.lint(with_member(&self.tbs.der, at, member))
    }

    /// With another extension, or without one.
    fn extension(&self, oid: &ObjectIdentifier, critical: Option<bool>, value: &[u8]) -> Vec<Finding> {
        self.changed(oid, Some(extension(oid, critical, value)))
    }

    fn without(&self, oid: &ObjectIdentifier) -> Vec<Finding> {
        self.changed(oid, None)
    }

    fn changed(&self, oid: &ObjectIdentifier, new: Option<Vec<u8>>) -> Vec<Finding> {
        let members = members(&self.tbs.der);
        self.field(members.len() - 1, &with_tagged_extension(members.last().unwrap(), oid, new))
    }

    fn value(&self, oid: &ObjectIdentifier) -> Vec<u8> {
        let members = members(&self.tbs.der);
        let list = Element::only(members.last().unwrap(), "test").unwrap();
        let mut list = encoding::extensions(Element::sequence(list.content, "test").unwrap()).unwrap();
        list.retain(|one| one.oid == *oid);
        list[0].value.to_vec()
    }

    /// The same value, marked critical.
    fn critical(&self, oid: &ObjectIdentifier) -> Vec<Finding> {
        self.extension(oid, Some(true), &self.value(oid))
    }

    /// With one attribute of the subject in the place of all of its kind.
    fn subject(&self, at: usize, kind: ObjectIdentifier, tag: u8, value: &str) -> Vec<Finding> {
        let pair = write::sequence(&[write::oid(&kind), write::element(tag, value.as_bytes())]);
        let rdn = write::parts(tag::SET, &[pair]);
        let subject = &members(&self.tbs.der)[SUBJECT];
        self.field(SUBJECT, &with_member(subject, at, &rdn))
    }

    /// Without one attribute of the subject.
    fn subject_without(&self, at: usize) -> Vec<Finding> {
        let mut rdns = members(&members(&self.tbs.der)[SUBJECT]);
        rdns.remove(at);
        self.field(SUBJECT, &write::sequence(&rdns))
    }
}

const SERIAL: usize = 1;
const ALGORITHM: usize = 2;
const ISSUER: usize = 3;
const VALIDITY: usize = 4;
const SUBJECT: usize = 5;
const SPKI: usize = 6;

pub fn cases() -> Vec<Case> {
    let citizen = Sample::built_in("citizen", &person());
    let seal = Sample::built_in("seal", &agency());
    let issuing = Sample::built_in("issuing", &service_name("Chuky TEST CA"));
    let responder = Sample::built_in("ocsp", &service_name("Chuky TEST OCSP"));
    let stamping = Sample::built_in("timestamp", &service_name("Chuky TEST TSA"));
    [
        fields(&citizen),
        names(&citizen, &seal),
        extensions(&citizen, &issuing),
        purposes(&citizen, &responder, &stamping),
        addresses(&citizen),
        statements(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn fields(sample: &Sample) -> Vec<Case> {
    let (rsa, weak) = (rsa_key(2048, 65_537), rsa_key(2048, 3));
    let without_null = write::sequence(&[write::oid(&oid::RSA_ENCRYPTION)]);
    let times = |from: &[u8], until: &[u8]| write::sequence(&[from, until]);
    let sha1 = write::sequence(&[write::oid(&oid::ECDSA_WITH_SHA1)]);
    let mut with_unique = members(&sample.tbs.der);
    with_unique.insert(7, write::element(tag::primitive(1), &[0, 1]));
    let p521 = EcKey::generate(&EcGroup::from_curve_name(Nid::SECP521R1).unwrap()).unwrap();
    let p521 = PKey::from_ec_key(p521).unwrap().public_key_to_der().unwrap();
    let mut off_curve = members(&sample.tbs.der)[SPKI].clone();
    *off_curve.last_mut().unwrap() ^= 1;
    vec![
        (Rule::Unreadable, sample.lint(vec![0x30, 0])),
        (Rule::Version, sample.field(0, &write::element(tag::constructed(0), &write::unsigned(1)))),
        (Rule::SerialForm, sample.field(SERIAL, &write::unsigned(0))),
        (Rule::SerialForm, sample.field(SERIAL, &write::element(tag::INTEGER, &[0x80; 16]))),
        (Rule::SerialForm, sample.field(SERIAL, &write::element(tag::INTEGER, &[0x01; 21]))),
        (Rule::SerialForm, sample.field(SERIAL, &write::element(tag::INTEGER, &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]))),
        (Rule::SerialRandomness, sample.field(SERIAL, &write::unsigned(u64::MAX / 2))),
        (Rule::AlgorithmsDiffer, sample.field(ALGORITHM, &sha1)),
        (Rule::AlgorithmNotAdmitted, sample.field(ALGORITHM, &sha1)),
        (Rule::ValidityOrder, sample.field(VALIDITY, &times(&utc("270101000000Z"), &utc("260101000000Z")))),
        (Rule::ValidityLength, sample.field(VALIDITY, &times(&utc("260101000000Z"), &utc("290102000001Z")))),
        (Rule::TimeForm, sample.field(VALIDITY, &times(&utc("260101000000Z"), &generalized("20270101000000Z")))),
        (Rule::TimeForm, sample.field(VALIDITY, &times(&utc("260101000000Z"), &generalized("20510101000000.5Z")))),
        (Rule::UniqueIdentifier, sample.lint(write::sequence(&with_unique))),
        (Rule::KeyUnreadable, sample.field(SPKI, &off_curve)),
        (Rule::KeyParameters, sample.field(SPKI, &with_member(&rsa, 0, &without_null))),
        (Rule::KeyParameters, sample.field(SPKI, &compressed(&members(&sample.tbs.der)[SPKI]))),
        (Rule::KeyNotAdmitted, sample.field(SPKI, &p521)),
        (Rule::KeyNotAdmitted, sample.field(SPKI, &rsa_key(1024, 65_537))),
        (Rule::KeyWeak, sample.field(SPKI, &weak)),
    ]
}

fn rsa_key(bits: u32, exponent: u32) -> Vec<u8> {
    let exponent = openssl::bn::BigNum::from_u32(exponent).unwrap();
    let key = openssl::rsa::Rsa::generate_with_e(bits, &exponent).unwrap();
    PKey::from_rsa(key).unwrap().public_key_to_der().unwrap()
}

/// The same point of P-256, compressed.
fn compressed(spki: &[u8]) -> Vec<u8> {
    let point = crate::certificate::key_octets(spki).unwrap();
    let sign = 2 + (point[64] & 1);
    with_member(spki, 1, &write::bit_string(&[&[sign][..], &point[1..33]].concat()))
}

fn names(person: &Sample, agency: &Sample) -> Vec<Case> {
    let empty = write::sequence::<Vec<u8>>(&[]);
    let utf8 = tag::UTF8_STRING;
    let issuer = with_member(&members(&person.tbs.der)[ISSUER], 1, &members(&members(&person.tbs.der)[ISSUER])[0]);
    vec![
        (Rule::IssuerEmpty, person.field(ISSUER, &empty)),
        (Rule::SubjectEmpty, person.field(SUBJECT, &empty)),
        (Rule::NameString, person.subject(0, oid::COUNTRY, utf8, "VN")),
        (Rule::NameString, person.subject(4, oid::COMMON_NAME, tag::IA5_STRING, "Nguyen Thi Hong")),
        (Rule::NameString, person.subject(4, oid::COMMON_NAME, tag::TELETEX_STRING, "Nguyen Thi Hong")),
        (Rule::NameCountry, person.subject(0, oid::COUNTRY, tag::PRINTABLE_STRING, "vn")),
        (Rule::NameLength, person.subject(4, oid::COMMON_NAME, utf8, &"Ư".repeat(65))),
        (Rule::NameLength, person.subject(4, oid::COMMON_NAME, utf8, "")),
        (Rule::NameNormal, person.subject(4, oid::COMMON_NAME, utf8, "Nguye\u{302}\u{303}n")),
        (Rule::NameNormal, person.subject(4, oid::COMMON_NAME, utf8, " Nguyễn")),
        (Rule::NameNormal, person.subject(4, oid::COMMON_NAME, utf8, "Nguyễn\0Văn")),
        (Rule::NameMail, person.subject(1, oid::EMAIL_ADDRESS, tag::IA5_STRING, "a@b.vn")),
        (Rule::NameOnce, person.subject(1, oid::COMMON_NAME, utf8, "Ai đó")),
        (Rule::SubjectProfile, person.subject(1, oid::TITLE, utf8, "Chủ tịch")),
        (Rule::SubjectProfile, person.subject(1, oid::STREET, utf8, "Hàng Bài")),
        (Rule::IssuerAttributes, person.field(ISSUER, &issuer)),
        (Rule::PersonAttributes, person.subject_without(5)),
        (Rule::PersonIdentifier, person.subject(5, oid::SERIAL_NUMBER, tag::PRINTABLE_STRING, "001190012345")),
        (Rule::PersonIdentifier, person.subject(5, oid::SERIAL_NUMBER, tag::PRINTABLE_STRING, "XYZVN-1")),
        (Rule::OrganizationAttributes, agency.subject_without(2)),
        (Rule::OrganizationIdentifier, agency.subject(2, oid::ORGANIZATION_IDENTIFIER, utf8, "0101234567")),
        (Rule::OrganizationName, agency.subject(2, oid::ORGANIZATION_IDENTIFIER, utf8, "Ủy ban nhân dân TEST")),
    ]
}

fn bits(unused: u8, octets: &[u8]) -> Vec<u8> {
    write::parts(tag::BIT_STRING, &[&[unused][..], octets])
}

fn extensions(citizen: &Sample, issuing: &Sample) -> Vec<Case> {
    let usage = |value: &[u8]| citizen.extension(&oid::KEY_USAGE, Some(true), value);
    let basic = |sample: &Sample, critical, parts: &[Vec<u8>]| {
        sample.extension(&oid::BASIC_CONSTRAINTS, critical, &write::sequence(parts))
    };
    let truth = write::boolean(true);
    let subject_key = citizen.value(&oid::SUBJECT_KEY_IDENTIFIER);
    vec![
        (Rule::ExtensionUnreadable, usage(&[0x30, 0])),
        (Rule::ExtensionDefault, citizen.extension(&oid::SUBJECT_KEY_IDENTIFIER, Some(false), &subject_key)),
        (Rule::ExtensionDefault, basic(citizen, Some(true), &[write::boolean(false)])),
        (Rule::ExtensionForeign, citizen.extension(&oid::POLICY_MAPPINGS, Some(true), &[0x30, 0])),
        (Rule::AuthorityKeyAbsent, citizen.without(&oid::AUTHORITY_KEY_IDENTIFIER)),
        (Rule::AuthorityKeyCritical, citizen.critical(&oid::AUTHORITY_KEY_IDENTIFIER)),
        (Rule::SubjectKeyAbsent, citizen.without(&oid::SUBJECT_KEY_IDENTIFIER)),
        (Rule::SubjectKeyCritical, citizen.critical(&oid::SUBJECT_KEY_IDENTIFIER)),
        (Rule::SubjectKeyValue, citizen.extension(&oid::SUBJECT_KEY_IDENTIFIER, None, &write::octet_string(&[7; 20]))),
        (Rule::KeyUsageAbsent, citizen.without(&oid::KEY_USAGE)),
        (Rule::KeyUsageAbsent, usage(&bits(0, &[]))),
        (Rule::KeyUsageCritical, citizen.extension(&oid::KEY_USAGE, None, &bits(6, &[0xc0]))),
        (Rule::KeyUsageBits, usage(&bits(5, &[0xc0]))),
        (Rule::KeyUsageProfile, usage(&bits(7, &[0x80]))),
        (Rule::KeyUsageCommitment, usage(&bits(5, &[0xe0]))),
        (Rule::KeyUsageCommitment, usage(&bits(7, &[0x80]))),
        (Rule::KeyUsageAuthority, usage(&bits(2, &[0xc4]))),
        (Rule::BasicCritical, basic(issuing, None, &[truth.clone(), write::unsigned(0)])),
        (Rule::BasicProfile, issuing.without(&oid::BASIC_CONSTRAINTS)),
        (Rule::PathLengthProfile, basic(issuing, Some(true), &[truth.clone(), write::unsigned(1)])),
        (Rule::PathLengthWithoutAuthority, basic(citizen, Some(true), &[write::unsigned(0)])),
    ]
}

fn purposes(citizen: &Sample, responder: &Sample, stamping: &Sample) -> Vec<Case> {
    let list = |oids: &[ObjectIdentifier]| write::sequence(&oids.iter().map(write::oid).collect::<Vec<_>>());
    let policies = |parts: &[Vec<u8>]| citizen.extension(&oid::CERTIFICATE_POLICIES, None, &write::sequence(parts));
    let policy = write::oid(&Profile::built_in("citizen").unwrap().policy_oids().unwrap()[0]);
    let plain = write::sequence(std::slice::from_ref(&policy));
    let qualified = |kind: &ObjectIdentifier, value: Vec<u8>| {
        let qualifier = write::sequence(&[write::oid(kind), value]);
        policies(&[write::sequence(&[policy.clone(), write::sequence(&[qualifier])])])
    };
    let notice = |text: &str| write::sequence(&[write::utf8(text)]);
    let any = list(&[oid::ANY_EXTENDED_KEY_USAGE]);
    let two = list(&[oid::KP_TIME_STAMPING, oid::KP_CLIENT_AUTH]);
    vec![
        (Rule::ExtendedProfile, citizen.critical(&oid::EXTENDED_KEY_USAGE)),
        (Rule::ExtendedProfile, citizen.without(&oid::EXTENDED_KEY_USAGE)),
        (Rule::ExtendedAny, citizen.extension(&oid::EXTENDED_KEY_USAGE, Some(true), &any)),
        (Rule::TimeStampingAlone, stamping.extension(&oid::EXTENDED_KEY_USAGE, Some(true), &two)),
        (Rule::TimeStampingAlone, stamping.extension(&oid::EXTENDED_KEY_USAGE, None, &list(&[oid::KP_TIME_STAMPING]))),
        (Rule::NoCheck, responder.without(&oid::OCSP_NOCHECK)),
        (Rule::NoCheck, responder.extension(&oid::OCSP_NOCHECK, None, &write::boolean(true))),
        (Rule::NoCheck, citizen.extension(&oid::OCSP_NOCHECK, None, &write::null())),
        (Rule::PolicyProfile, citizen.without(&oid::CERTIFICATE_POLICIES)),
        (Rule::PolicyTwice, policies(&[plain.clone(), plain.clone()])),
        (Rule::PolicyCritical, citizen.critical(&oid::CERTIFICATE_POLICIES)),
        (Rule::PolicyQualifier, qualified(&oid::CPS_QUALIFIER, write::element(tag::IA5_STRING, b"ldap://x"))),
        (Rule::PolicyQualifier, qualified(&oid::CPS_QUALIFIER, write::utf8("http://x.example"))),
        (Rule::PolicyQualifier, qualified(&oid::USER_NOTICE_QUALIFIER, notice(&"x".repeat(201)))),
        (Rule::PolicyQualifier, qualified(&oid::AD_OCSP, write::null())),
    ]
}

fn addresses(citizen: &Sample) -> Vec<Case> {
    let access = |method: &ObjectIdentifier, uri: &[u8]| {
        let description = write::sequence(&[write::oid(method), write::element(0x86, uri)]);
        citizen.extension(&oid::AUTHORITY_INFORMATION_ACCESS, None, &write::sequence(&[description]))
    };
    let mut members_without = members(&citizen.tbs.der);
    let last = members_without.len() - 1;
    let without = with_tagged_extension(&members_without[last], &oid::CRL_DISTRIBUTION_POINTS, None);
    members_without[last] = with_tagged_extension(&without, &oid::AUTHORITY_INFORMATION_ACCESS, None);
    vec![
        (Rule::AccessCritical, citizen.critical(&oid::AUTHORITY_INFORMATION_ACCESS)),
        (Rule::AccessProfile, access(&oid::AD_CA_ISSUERS, b"http://pki.example/ca.cer")),
        (Rule::AccessAbsent, access(&oid::AD_OCSP, b"http://pki.example/ocsp")),
        (Rule::AddressForm, access(&oid::AD_OCSP, b"ldap://pki.example/")),
        (Rule::AddressForm, access(&oid::AD_OCSP, b"http://pki.example/a b")),
        (Rule::PointsCritical, citizen.critical(&oid::CRL_DISTRIBUTION_POINTS)),
        (Rule::PointsProfile, citizen.without(&oid::CRL_DISTRIBUTION_POINTS)),
        (Rule::StatusAbsent, citizen.lint(write::sequence(&members_without))),
    ]
}

fn statements() -> Vec<Case> {
    let mut profile = Profile::built_in("citizen").unwrap();
    let limit = MonetaryValue { currency: "VND".into(), amount: 5, exponent: 7 };
    let stated = profile.qualified.as_mut().unwrap();
    stated.limit = Some(limit);
    stated.compliance = true;
    stated.legislation = vec!["VN".into()];
    stated.on_device = true;
    stated.disclosure =
        vec![crate::qualified::Disclosure { url: "https://pki.example/pds".into(), language: "vi".into() }];
    assert_eq!(stated.purpose, Some(QualifiedPurpose::Signature));
    let oid = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.32473.9");
    profile.private_extensions = vec![PrivateExtension { oid: oid.to_string(), critical: false, value: "0500".into() }];
    let sample = Sample::of(profile, &person());
    let one = |oid: &ObjectIdentifier, info: Vec<u8>| {
        let value = write::sequence(&[write::sequence(&[write::oid(oid), info])]);
        (Rule::StatementsForm, sample.extension(&oid::QC_STATEMENTS, None, &value))
    };
    let printable = |text: &str| write::element(tag::PRINTABLE_STRING, text.as_bytes());
    let amount = |currency: Vec<u8>, amount| write::sequence(&[currency, write::unsigned(amount), write::unsigned(0)]);
    let place = |url: &str, language: &str| {
        let url = write::element(tag::IA5_STRING, url.as_bytes());
        write::sequence(&[write::sequence(&[url, printable(language)])])
    };
    let compliance = write::sequence(&[write::oid(&oid::QC_COMPLIANCE)]);
    let twice = write::sequence(&[compliance.clone(), compliance]);
    vec![
        (Rule::StatementsCritical, sample.critical(&oid::QC_STATEMENTS)),
        (Rule::StatementsProfile, sample.without(&oid::QC_STATEMENTS)),
        (Rule::StatementsForm, sample.extension(&oid::QC_STATEMENTS, None, &twice)),
        one(&oid::QC_LIMIT_VALUE, Vec::new()),
        one(&oid::QC_LIMIT_VALUE, amount(printable("VNDD"), 1)),
        one(&oid::QC_LIMIT_VALUE, amount(printable("VND"), 0)),
        one(&oid::QC_RETENTION_PERIOD, write::unsigned(0)),
        one(&oid::QC_TYPE, write::null()),
        one(&oid::QC_PDS, place("http://pki.example/", "vi")),
        one(&oid::QC_PDS, place("https://pki.example/", "vie")),
        one(&oid::QC_CC_LEGISLATION, write::sequence(&[printable("VNM")])),
        one(&oid::QCS_SYNTAX_V2, write::null()),
        one(&oid, write::null()),
        (Rule::PrivateProfile, sample.without(&oid)),
        (Rule::PrivateProfile, sample.extension(&oid, Some(true), &write::null())),
    ]
}
