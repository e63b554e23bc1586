//! One broken profile for each rule, with the clause that refuses it.
#![allow(clippy::unwrap_used, clippy::panic)]
use super::*;
use crate::name::NameAttribute;

#[test]
fn built_in_profiles_are_accepted() {
    let names: Vec<&str> = Profiles::built_in().unwrap().all().map(|profile| profile.name.as_str()).collect();
    let expected =
        ["citizen", "cross", "device", "issuing", "ocsp", "official", "payment_provider", "root", "seal", "timestamp"];
    assert_eq!(names, expected);
    assert!(matches!(Profile::built_in("passport"), Err(Error::Unsupported(_))));
}

/// Name of the profile, what is replaced in it by what, and words of the refusal.
const BROKEN: [(&str, &str, &str, &str); 49] = [
    ("seal", "\"NTRVN-\"", "\"MD:VN-\"", "EN 319 412-1 §5.1.4"),
    ("citizen", "name = \"citizen\"", "name = \"Công dân\"", "the name is lower-case"),
    ("citizen", "[\"digital_signature\", \"content_commitment\"]", "[]", "RFC 5280 §4.2.1.3"),
    ("citizen", "[\"digital_signature\",", "[\"key_cert_sign\",", "RFC 5280 §4.2.1.9"),
    ("issuing", "[\"key_cert_sign\", \"crl_sign\"]", "[\"crl_sign\"]", "RFC 5280 §4.2.1.9"),
    ("citizen", "[\"digital_signature\",", "[\"crl_sign\",", "RFC 5280 §4.2.1.3: cRLSign"),
    ("citizen", "ocsp = true", "ocsp = true\npath_length = 1", "RFC 5280 §4.2.1.9: pathLen"),
    ("timestamp", "[\"time_stamping\"]", "[\"time_stamping\", \"client_auth\"]", "RFC 3161 §2.3"),
    ("timestamp", "extended_key_usage_critical = true", "extended_key_usage_critical = false", "RFC 3161 §2.3"),
    (
        "citizen",
        "[\"document_signing\"]",
        "[\"document_signing\"]\nextended_key_usage_critical = true",
        "EN 319 412-2 §4.3.10",
    ),
    ("citizen", "[\"document_signing\"]", "[\"ocsp_signing\"]", "RFC 6960 §4.2.2.2:"),
    ("citizen", "ocsp = true", "ocsp = true\nocsp_no_check = true", "RFC 6960 §4.2.2.2.1: nocheck is for"),
    ("ocsp", "= 398", "= 399", "RFC 6960 §4.2.2.2.1: nobody checks"),
    ("ocsp", "ocsp_no_check = true", "ocsp_no_check = false", "RFC 6960 §4.2.2.2.1: a responder's"),
    ("ocsp", "[\"ocsp_signing\"]", "[]\nextended_key_usage_critical = true", "RFC 6960 §4.2.2.2.1"),
    (
        "root",
        "key_usage",
        "extended_key_usage_critical = true\nkey_usage",
        "RFC 5280 §4.2.1.12: an extended key usage that is critical",
    ),
    (
        "root",
        "key_usage",
        "extended_key_usage = [\"client_auth\"]\nkey_usage",
        "RFC 5280 §4.2.1.12: an extended key usage in a CA's",
    ),
    ("citizen", "= 1096", "= 0", "RFC 5280 §4.1.2.5"),
    ("citizen", "= 1096", "= 1097", "Decree 23/2025: a subscriber"),
    ("citizen", "= 1096", "= 1096\nlongest_extension_days = 365", "only Decree 68/2024"),
    ("official", "= 1827", "= 1828", "Decree 68/2024, article 9"),
    ("official", "= 1096", "= 1097", "Decree 68/2024, article 9"),
    ("official", "longest_extension_days = 1096\n", "", "Decree 68/2024, article 9"),
    ("root", "= 9132", "= 9133", "Decree 23/2025: a CA's"),
    ("root", "law = \"public\"", "law = \"official\"", "Decree 68/2024, article 9: a CA's"),
    ("timestamp", "= 1827", "= 4000", "Decree 23/2025: a service's"),
    ("citizen", "\"p256\", \"p384\", \"rsa2048\", \"rsa3072\", \"rsa4096\"", "", "RFC 5280 §4.1.2.7"),
    ("citizen", "\"rsa2048\"", "\"rsa1024\"", "Circular 15/2025, Appendix I"),
    ("citizen", "oid = \"1.3.6.1.4.1.32473.1.1\"", "oid = \"one.two\"", "RFC 5280 §4.2.1.4"),
    (
        "citizen",
        "[[policies]]",
        "[[policies]]\noid = \"1.3.6.1.4.1.32473.1.1\"\n[[policies]]",
        "RFC 5280 §4.2.1.4: a policy stands",
    ),
    ("citizen", "oid = \"1.3.6.1.4.1.32473.1.1\"", "oid = \"2.5.29.32.0\"", "RFC 5280 §4.2.1.4: anyPolicy"),
    (
        "citizen",
        "oid = \"1.3.6.1.4.1.32473.1.1\"",
        "oid = \"1.3.6.1.4.1.32473.1.1\"\nnotice = \"\"",
        "RFC 5280 §4.2.1.4: explicitText",
    ),
    (
        "citizen",
        "oid = \"1.3.6.1.4.1.32473.1.1\"",
        "oid = \"1.3.6.1.4.1.32473.1.1\"\npractice_statement = \"ftp://x\"",
        "RFC 5280 §4.2.1.6",
    ),
    ("citizen", "[[policies]]\noid = \"1.3.6.1.4.1.32473.1.1\"", "", "EN 319 412-2 §4.3.3"),
    ("device", "required = true", "required = false", "RFC 5280 §4.1.2.6"),
    ("citizen", "attribute = \"telephone\"", "attribute = \"locality\"", "L has two rules"),
    ("citizen", "attribute = \"telephone\"", "attribute = \"telephone\"\nlongest = 33", "RFC 5280, appendix A.1"),
    ("citizen", "attribute = \"telephone\"", "attribute = \"telephone\"\nmost = 0", "leave its rule out"),
    ("citizen", "attribute = \"common_name\"", "attribute = \"common_name\"\nmost = 2", "EN 319 412-2 §4.2.4: country"),
    ("citizen", "attribute = \"telephone\"", "attribute = \"email\"", "RFC 5280 §4.1.2.6: new certificates"),
    ("citizen", "attribute = \"given_name\"", "attribute = \"title\"", "EN 319 412-2 §4.2.4: a person's"),
    (
        "citizen",
        "attribute = \"serial_number\"\nrequired = true",
        "attribute = \"serial_number\"",
        "EN 319 412-2 §4.2.4: a serial",
    ),
    ("citizen", ", \"content_commitment\"", "", "EN 319 412-2 §4.3.2"),
    (
        "seal",
        "attribute = \"organization_identifier\"\nrequired = true",
        "attribute = \"organization_identifier\"",
        "EN 319 412-3 §4.2.1",
    ),
    ("seal", ", \"content_commitment\"", "", "EN 319 412-3 §4.3.1"),
    ("issuing", "attribute = \"country\"\nrequired = true", "attribute = \"country\"", "EN 319 412-2 §4.2.3.1"),
    ("issuing", "crl = true", "crl = false", "RFC 5280 §4.2.1.13"),
    ("citizen", "crl = true\nocsp = true", "", "EN 319 412-2 §4.3.11"),
    ("citizen", "ca_issuers = true", "", "EN 319 412-2 §4.4.1"),
];

/// The same for what stands at the end of a profile: tables.
const BROKEN_TABLES: [(&str, &str, &str); 18] = [
    ("ocsp", "[qualified]\nlegislation = [\"VN\"]", "EN 319 412-5 §4: "),
    ("device", "[qualified]\nlegislation = [\"Việt Nam\"]", "EN 319 412-5 §4.2.4: legislation"),
    ("device", "[qualified]\nlegislation = [\"VN\"]", "EN 319 412-5 §4.2.4: compliance"),
    ("device", "[qualified]\ncompliance = true", "EN 319 412-5 §4.2.4: compliance"),
    ("device", "[qualified]\non_device = true", "EN 319 412-5 §4.2.2"),
    ("device", "[qualified]\nlimit = { currency = \"đồng\", amount = 1 }", "EN 319 412-5 §4.3.2: the limit's currency"),
    ("device", "[qualified]\nlimit = { currency = \"VND\", amount = 0 }", "EN 319 412-5 §4.3.2"),
    ("device", "[qualified]\nlimit = { currency = \"VND\", amount = 1, exponent = 99 }", "EN 319 412-5 §4.3.2"),
    ("device", "[qualified]\nretention_years = 0", "EN 319 412-5 §4.3.3"),
    (
        "device",
        "[qualified]\ndisclosure = [{ url = \"http://pds.example/\", language = \"vi\" }]",
        "EN 319 412-5 §4.3.4",
    ),
    (
        "device",
        "[qualified]\ndisclosure = [{ url = \"https://pds.example/\", language = \"VIE\" }]",
        "EN 319 412-5 §4.3.4",
    ),
    ("device", "[qualified]\npurpose = \"signature\"", "EN 319 412-5 §4.2.3"),
    ("device", "[qualified]\nsemantics = \"natural\"", "EN 319 412-1 §5.1: the identifier"),
    (
        "device",
        "[qualified]\nregistration_authority = \"https://register.example/\"",
        "EN 319 412-1 §5.1: a registration",
    ),
    ("citizen", "[addresses]\ncrl = \"ldap://directory.example/\"", "RFC 5280 §4.2.1.6"),
    ("ocsp", "[addresses]\ncrl = \"http://pki.example/{issuer}.crl\"", "the profile does not put in"),
    (
        "citizen",
        "[[private_extensions]]\noid = \"2.5.29.15\"\nvalue = \"0500\"",
        "RFC 5280 §4.2: a private extension has an",
    ),
    (
        "citizen",
        "[[private_extensions]]\noid = \"1.3.6.1.4.1.32473.9\"\ncritical = true\nvalue = \"0500\"",
        "is not critical",
    ),
];

fn text(name: &str) -> &'static str {
    let begins = format!("name = \"{name}\"");
    BUILT_IN.into_iter().find(|text| text.contains(&begins)).unwrap()
}

fn refusal(text: &str) -> String {
    Profile::from_toml(text).unwrap_err().to_string()
}

#[test]
fn each_rule_refuses_with_its_clause() {
    for (name, from, to, words) in BROKEN {
        assert!(text(name).contains(from), "{name} does not hold {from}");
        let error = refusal(&text(name).replace(from, to));
        assert!(error.contains(words), "{name}, {to}: {error}");
    }
    for (name, table, words) in BROKEN_TABLES {
        let error = refusal(&format!("{}\n{table}\n", text(name)));
        assert!(error.contains(words), "{table}: {error}");
    }
    let private = "[[private_extensions]]\noid = \"1.3.6.1.4.1.32473.9\"\nvalue = ";
    for (value, words) in [("\"05\"", "one DER element"), ("\"xy\"", "hexadecimal")] {
        let error = refusal(&format!("{}\n{private}{value}\n", text("citizen")));
        assert!(error.contains(words), "{error}");
    }
    let twice = format!("{}\n{private}\"0500\"\n{private}\"0500\"\n", text("citizen"));
    assert!(refusal(&twice).contains("an extension stands at most once"));
}

#[test]
fn what_nobody_meant_is_refused() {
    let unknown = refusal(&text("citizen").replace("crl = true", "crl = true\ncrls = true"));
    assert!(unknown.contains("crls"), "{unknown}");
    assert!(refusal("").contains("name"));
}

#[test]
fn an_operators_profile_takes_the_place_of_the_built_in_one() {
    let own = text("citizen").replace("= 1096", "= 365");
    let other = own.replace("name = \"citizen\"", "name = \"visitor\"");
    let profiles = Profiles::replaced_by([own.as_str(), other.as_str()]).unwrap();
    assert_eq!(profiles.by_name("citizen").unwrap().longest_validity_days, 365);
    assert_eq!(profiles.by_name("visitor").unwrap().longest_validity_days, 365);
    assert_eq!(profiles.by_name("official").unwrap().longest_validity_days, 1_827);
    assert!(Profiles::replaced_by([own.as_str(), own.as_str()]).unwrap_err().to_string().contains("two files"));
}

#[test]
fn subjects_keep_their_rules() {
    use NameAttribute::{CommonName, Country, Email, SerialNumber, UserId};
    let profile = Profile::built_in("citizen").unwrap();
    let good = DistinguishedName::default()
        .with(Country, "VN")
        .with(CommonName, "Nguyễn Thị Hồng Ưởng")
        .with(SerialNumber, "PNOVN-001190012345")
        .with(UserId, "CCCD:001190012345")
        .with(UserId, "MST:0101234567");
    profile.admits(&good).unwrap();
    let decomposed = "Nguye\u{302}\u{303}n";
    for (subject, words) in [
        (DistinguishedName(good.0[1..].to_vec()), "lacks C"),
        (good.clone().with(Email, "a@b.vn"), "may not have E"),
        (good.clone().with(Country, "VN"), "C more than 1"),
        (good.clone().with(NameAttribute::Surname, decomposed), "TCVN 6909"),
        (good.clone().with(NameAttribute::Surname, " Nguyễn"), "TCVN 6909"),
        (good.clone().with(NameAttribute::Surname, "Ng\u{7}"), "TCVN 6909"),
        (good.clone().with(NameAttribute::Locality, "x".repeat(129)), "L is longer than 128"),
        (good.clone().with(UserId, "001190012345"), "UID does not begin"),
        (good.clone().with(UserId, "CCCD:"), "UID does not begin"),
        ((0..4).fold(good.clone(), |name, _| name.with(UserId, "MST:1")), "UID more than 4"),
    ] {
        let error = profile.admits(&subject).unwrap_err().to_string();
        assert!(error.contains(words), "{words}: {error}");
    }
}

#[test]
fn addresses_of_a_profile_go_before_those_of_the_service() {
    let own = format!("{}\n[addresses]\ncrl = \"http://crl.example/{{issuer}}.crl\"\n", text("citizen"));
    let profile = Profile::from_toml(&own).unwrap();
    let service =
        Publication { ocsp: Some("http://a/ocsp".into()), crl: Some("http://a/crl".into()), ..Publication::default() };
    let publication = profile.publication(service, "citizens-issuing");
    assert_eq!(publication.crl.as_deref(), Some("http://crl.example/citizens-issuing.crl"));
    assert_eq!(publication.ocsp.as_deref(), Some("http://a/ocsp"));
}
