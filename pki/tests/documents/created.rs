//! Signatures that this library makes, in every format, packaging and level: valid by its own verifier, and by xmlsec1, openssl, signxml,
//! joserfc and libdigidocpp where they can read them; nothing of it survives a change.

use crate::world::{LONG, Party, Role, World, time};
use chuky_model::algorithm::SignatureScheme;
use chuky_model::report::{DocumentFormat, Indication, Integrity, Report};
use chuky_pki::algorithm::DigestAlgorithm;
use chuky_pki::cms::build::{Content, SignatureToMake};
use chuky_pki::creation::container::{self, File, Kind};
use chuky_pki::creation::{Cades, DataObject, Enveloped, JadesToMake, Made, Measure, Measured, Payload, XadesToMake};
use chuky_pki::pdf::write::LongTermData;
use chuky_pki::verify::{VerificationContext, verify_with_content};
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::rsa::{Padding, Rsa};
use openssl::sign::RsaPssSaltlen;
use std::path::{Path, PathBuf};
use std::process::Command;

pub(super) const DAY: &str = "2026-11-22T00:00:00Z";
pub(super) const SIGNED: &str = "2026-11-22T03:00:00Z";
pub(super) const NAME: &str = "văn bản 1.xml";
pub(super) const MEDIA: &str = "text/xml";
pub(super) const CONTENT: &str = "<?xml version=\"1.0\"?>\n<!-- đầu --><letter xmlns=\"urn:l\" n='&lt;1'><to>Ủy ban</to><empty/></letter>\n<!-- cuối -->";

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd)]
pub(super) enum Level {
    B,
    T,
    Lt,
    Lta,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kept {
    CadesAttached,
    CadesDetached,
    XadesEnveloped,
    XadesEnveloping,
    XadesDetached,
    JadesAttached,
    JadesDetached,
    SimpleXades,
    SimpleCades,
    ExtendedXades,
    ExtendedCades,
}

pub(super) const ALL: [Kept; 11] = [
    Kept::CadesAttached,
    Kept::CadesDetached,
    Kept::XadesEnveloped,
    Kept::XadesEnveloping,
    Kept::XadesDetached,
    Kept::JadesAttached,
    Kept::JadesDetached,
    Kept::SimpleXades,
    Kept::SimpleCades,
    Kept::ExtendedXades,
    Kept::ExtendedCades,
];

impl Kept {
    pub(super) fn is_detached(self) -> bool {
        matches!(self, Self::CadesDetached | Self::XadesDetached | Self::JadesDetached)
    }

    fn container(self) -> Option<Kind> {
        match self {
            Self::SimpleXades | Self::SimpleCades => Some(Kind::Simple),
            Self::ExtendedXades | Self::ExtendedCades => Some(Kind::Extended),
            _ => None,
        }
    }
}

/// A signed file as it is handed out.
pub(super) struct Signed {
    pub(super) bytes: Vec<u8>,
    pub(super) kept: Kept,
}

pub(super) fn measured(octets: &[u8], scheme: SignatureScheme) -> Measured {
    let mut measure = Measure::new(DigestAlgorithm::from(scheme.hash()));
    octets.chunks(7).for_each(|piece| measure.update(piece));
    measure.finish()
}

/// Longer keys for the longer hashes, so that both sizes are tried.
fn bits(scheme: SignatureScheme) -> u32 {
    if scheme.hash() == chuky_model::algorithm::HashAlgorithm::Sha256 { 2_048 } else { 3_072 }
}

/// A key that is not of the world's kind.
pub(super) struct Signer {
    pub(super) party: Party,
    pub(super) scheme: SignatureScheme,
}

impl Signer {
    pub(super) fn new(world: &World, scheme: SignatureScheme) -> Self {
        let curve = |nid| PKey::from_ec_key(EcKey::generate(&EcGroup::from_curve_name(nid).unwrap()).unwrap()).unwrap();
        let key = match scheme {
            SignatureScheme::EcdsaSha256 => curve(Nid::X9_62_PRIME256V1),
            SignatureScheme::EcdsaSha384 => curve(Nid::SECP384R1),
            _ => PKey::from_rsa(Rsa::generate(bits(scheme)).unwrap()).unwrap(),
        };
        let party = Party::with_key(key, "Nguyễn Văn An", 0x43, Role::Signer, LONG, Some(&world.issuing));
        Self { party, scheme }
    }

    pub(super) fn sign(&self, digest: &[u8]) -> Vec<u8> {
        use SignatureScheme::{EcdsaSha256, EcdsaSha384, RsaPssSha256, RsaPssSha384, RsaPssSha512};
        let hash = match digest.len() {
            32 => MessageDigest::sha256(),
            48 => MessageDigest::sha384(),
            _ => MessageDigest::sha512(),
        };
        if matches!(self.scheme, EcdsaSha256 | EcdsaSha384) {
            return self.party.sign(digest);
        }
        let key: &PKey<Private> = &self.party.key;
        let mut context = openssl::pkey_ctx::PkeyCtx::new(key).unwrap();
        context.sign_init().unwrap();
        let pss = matches!(self.scheme, RsaPssSha256 | RsaPssSha384 | RsaPssSha512);
        context.set_rsa_padding(if pss { Padding::PKCS1_PSS } else { Padding::PKCS1 }).unwrap();
        let md = match digest.len() {
            32 => openssl::md::Md::sha256(),
            48 => openssl::md::Md::sha384(),
            _ => openssl::md::Md::sha512(),
        };
        context.set_signature_md(md).unwrap();
        if pss {
            context.set_rsa_pss_saltlen(RsaPssSaltlen::custom(hash.size() as i32)).unwrap();
        }
        let mut signature = Vec::new();
        context.sign_to_vec(digest, &mut signature).unwrap();
        signature
    }

    /// Signs the content.
    pub(super) fn signature(
        &self,
        world: &World,
        kept: Kept,
        octets: &[u8],
    ) -> (Made, Option<Enveloped>, Option<Vec<u8>>) {
        let (signer, scheme) = (&self.party.certificate, self.scheme);
        let further = [world.issuing.certificate.clone()];
        let digest = measured(octets, scheme).digest;
        let hash = DigestAlgorithm::from(scheme.hash());
        let at = time(SIGNED);
        let cades = |content: Content<'_>| {
            let to_make = SignatureToMake::cades(scheme, content, signer, at).unwrap();
            let value = self.sign(to_make.digest_to_sign());
            Made::Cades(Cades::new(to_make.assemble(&value, &further).unwrap(), value))
        };
        let xades = |object: DataObject| {
            let to_make = XadesToMake::new(scheme, "xades-1a2b", &[object], signer, &further, at).unwrap();
            let value = self.sign(to_make.digest_to_sign());
            Made::Xades(Box::new(to_make.assemble(&value).unwrap()))
        };
        let jades = |payload: Payload<'_>| {
            let to_make = JadesToMake::new(scheme, &payload, MEDIA, signer, &further, at).unwrap();
            let value = self.sign(to_make.digest_to_sign());
            Made::Jades(to_make.assemble(&value).unwrap())
        };
        let beside =
            || DataObject::Beside { uri: container::uri(NAME), digest: digest.clone(), media_type: MEDIA.into() };
        match kept {
            Kept::CadesAttached => (cades(Content::Attached(octets.to_vec())), None, None),
            Kept::CadesDetached | Kept::SimpleCades => (cades(Content::Detached(&digest)), None, None),
            Kept::ExtendedCades => {
                let manifest = container::manifest("signature001.p7s", &container::uri(NAME), MEDIA, hash, &digest);
                (cades(Content::Detached(&measured(&manifest, scheme).digest)), None, Some(manifest))
            }
            Kept::XadesEnveloped => {
                let place = Enveloped::read(octets, hash, b"").unwrap();
                (xades(DataObject::Enveloping { digest: place.digest.clone() }), Some(place), None)
            }
            Kept::XadesEnveloping => {
                (xades(DataObject::Inside { octets: octets.to_vec(), media_type: MEDIA.into() }), None, None)
            }
            Kept::XadesDetached | Kept::SimpleXades | Kept::ExtendedXades => (xades(beside()), None, None),
            Kept::JadesAttached => (jades(Payload::Attached(octets)), None, None),
            Kept::JadesDetached => (jades(Payload::Detached { uri: NAME, digest: &digest }), None, None),
        }
    }

    pub(super) fn signed(&self, world: &World, kept: Kept, level: Level) -> Signed {
        self.signed_over(world, kept, level, CONTENT.as_bytes())
    }

    pub(super) fn signed_over(&self, world: &World, kept: Kept, level: Level, octets: &[u8]) -> Signed {
        let (mut made, place, manifest) = self.signature(world, kept, octets);
        if level >= Level::T {
            made.add_signature_timestamp(&world.stamper.token(&made.timestamped(), SIGNED)).unwrap();
        }
        if level >= Level::Lt {
            made.add_validation_data(&long_term(world, &self.party)).unwrap();
        }
        if level >= Level::Lta {
            let over = archived(&mut made, place.is_some(), manifest.as_deref().unwrap_or(octets));
            made.add_archive_timestamp(&world.stamper.token(&over, "2026-11-22T04:00:00Z")).unwrap();
        }
        Signed { bytes: file(kept, made, place, manifest, octets, self.scheme), kept }
    }
}

pub(super) fn archived(made: &mut Made, enveloped: bool, content: &[u8]) -> Vec<u8> {
    match made {
        Made::Xades(xades) if enveloped => {
            Enveloped::read(content, DigestAlgorithm::Sha256, &xades.behind_data_objects()).unwrap().digest
        }
        made => made.archived(content).unwrap(),
    }
}

pub(super) fn long_term(world: &World, signer: &Party) -> LongTermData {
    let chain = [signer, &world.issuing, &world.root, &world.stamper, &world.time_root];
    LongTermData {
        certificates: chain.map(|party| party.certificate.der().to_vec()).to_vec(),
        revocation_lists: world.lists(DAY),
        ocsp_responses: Vec::new(),
    }
}

/// The signature where its packaging has it.
pub(super) fn file(
    kept: Kept,
    made: Made,
    place: Option<Enveloped>,
    manifest: Option<Vec<u8>>,
    octets: &[u8],
    scheme: SignatureScheme,
) -> Vec<u8> {
    let signature = made.into_bytes();
    let text = || String::from_utf8(signature.clone()).unwrap();
    if let Some(place) = place {
        return place.insert(octets, &text()).unwrap();
    }
    let Some(kind) = kept.container() else { return signature };
    let meta = match (kept, manifest) {
        (Kept::SimpleXades, _) => vec![("signatures.xml", container::xades_signatures(&text()))],
        (Kept::ExtendedXades, _) => vec![
            ("manifest.xml", container::file_list(kind, NAME, MEDIA)),
            ("signatures0.xml", container::xades_signatures(&text())),
        ],
        (_, Some(manifest)) => vec![("ASiCManifest001.xml", manifest), ("signature001.p7s", signature)],
        _ => vec![("signature.p7s", signature)],
    };
    let Measured { crc, size, .. } = measured(octets, scheme);
    let frame = container::frame(kind, File { name: NAME, size, crc }, &meta).unwrap();
    [&frame.before[..], octets, &frame.after].concat()
}

pub(super) fn judged(signed: &Signed, octets: &[u8], context: &VerificationContext) -> Report {
    let content = signed.kept.is_detached().then_some(octets);
    verify_with_content(&signed.bytes, content, NAME, context)
}

pub(super) fn context(world: &World, level: Level) -> VerificationContext {
    let lists = if level >= Level::Lt { Vec::new() } else { world.lists(DAY) };
    VerificationContext {
        anchors: world.anchors(),
        crls: lists,
        ..VerificationContext::at(time("2026-11-23T00:00:00Z"))
    }
}

#[test]
fn every_format_is_valid_at_every_level() {
    let world = World::new();
    let signer = Signer::new(&world, SignatureScheme::EcdsaSha256);
    for kept in ALL {
        for level in [Level::B, Level::T, Level::Lt, Level::Lta] {
            let signed = signer.signed(&world, kept, level);
            let report = judged(&signed, CONTENT.as_bytes(), &context(&world, level));
            let line = report.signatures.first().unwrap_or_else(|| panic!("{kept:?} {level:?}: {report:#?}"));
            let told = (report.integrity, line.indication, report.signatures.len());
            assert_eq!(told, (Integrity::Intact, Indication::TotalPassed, 1), "{kept:?} {level:?}: {report:#?}");
            let said = line.format.rsplit('-').next().unwrap();
            assert_eq!(said, format!("{level:?}").to_uppercase(), "{kept:?}: {}", line.format);
            let beside = container::uri(NAME);
            let whole = ["whole_file", "whole_document", "the content given", &beside];
            assert!(whole.contains(&line.covers.trim_matches('"')), "{kept:?}: {}", line.covers);
        }
    }
}

#[test]
fn a_signature_over_a_pdf_is_told_from_a_signature_in_a_pdf() {
    let world = World::new();
    let signer = Signer::new(&world, SignatureScheme::EcdsaSha256);
    let pdf = b"%PDF-1.7\n1 0 obj\n<</Type/Catalog>>\nendobj\ntrailer\n<</Root 1 0 R>>\n%%EOF\n";
    for kept in ALL.into_iter().filter(|kept| *kept != Kept::XadesEnveloped) {
        let signed = signer.signed_over(&world, kept, Level::B, pdf);
        let report = judged(&signed, pdf, &context(&world, Level::B));
        let told = (report.integrity, report.signatures.len());
        assert_eq!(told, (Integrity::Intact, 1), "{kept:?}: {report:#?}");
        assert_eq!(report.signatures[0].indication, Indication::TotalPassed, "{kept:?}");
    }
    // What says that it is a container, and is none, is nothing whole; what only begins as an archive stays the PDF that it is.
    let container = signer.signed_over(&world, Kept::ExtendedXades, Level::B, pdf).bytes;
    let verdict = |bytes: &[u8]| verify_with_content(bytes, None, "mixed", &context(&world, Level::B));
    let cut = [&container[..container.len() - 30], &pdf[..]].concat();
    assert_ne!(verdict(&cut).integrity, Integrity::Intact);
    let before = [b"PK\x03\x04 no archive\n", &pdf[..]].concat();
    assert_eq!(verdict(&before).format, DocumentFormat::PAdES);
}

#[test]
fn every_kind_of_key_signs_every_format() {
    use SignatureScheme::{
        EcdsaSha256, EcdsaSha384, RsaPkcs1Sha256, RsaPkcs1Sha384, RsaPkcs1Sha512, RsaPssSha256, RsaPssSha384,
        RsaPssSha512,
    };
    let world = World::new();
    for scheme in [
        EcdsaSha256,
        EcdsaSha384,
        RsaPkcs1Sha256,
        RsaPkcs1Sha384,
        RsaPkcs1Sha512,
        RsaPssSha256,
        RsaPssSha384,
        RsaPssSha512,
    ] {
        let signer = Signer::new(&world, scheme);
        for kept in ALL {
            let signed = signer.signed(&world, kept, Level::Lt);
            let report = judged(&signed, CONTENT.as_bytes(), &context(&world, Level::Lt));
            assert_eq!(report.signatures[0].indication, Indication::TotalPassed, "{kept:?} {scheme:?}: {report:#?}");
        }
    }
}

#[test]
fn no_change_survives() {
    let world = World::new();
    let signer = Signer::new(&world, SignatureScheme::EcdsaSha256);
    for kept in ALL {
        let signed = signer.signed(&world, kept, Level::Lta);
        let context = context(&world, Level::Lta);
        // The content, wherever it stands in clear.
        let needle = "Ủy ban".as_bytes();
        let changed = |bytes: &[u8]| {
            let at = bytes.windows(needle.len()).position(|window| window == needle)?;
            let mut bytes = bytes.to_vec();
            bytes[at + needle.len() - 1] ^= 1;
            Some(bytes)
        };
        let other = changed(CONTENT.as_bytes()).unwrap();
        let inside = changed(&signed.bytes).map(|bytes| Signed { bytes, kept });
        let report = match inside {
            Some(inside) => judged(&inside, &other, &context),
            None if kept.is_detached() => judged(&signed, &other, &context),
            // Encoded: the middle of its text.
            None => {
                let encoded = ["\"payload\":\"", "base64\">", "Encoding=\""].iter().find_map(|before| {
                    let before = before.as_bytes();
                    signed.bytes.windows(before.len()).position(|window| window == before)
                });
                let mut bytes = signed.bytes.clone();
                let at = encoded.unwrap_or(bytes.len() / 2) + 200;
                bytes[at] = if bytes[at] == b'B' { b'C' } else { b'B' };
                judged(&Signed { bytes, kept }, &other, &context)
            }
        };
        assert_ne!(report.integrity, Integrity::Intact, "{kept:?}: {report:#?}");
    }
}

#[test]
fn archives_renewed_before_their_timestamps_end_hold() {
    let world = World::new();
    let signer = Signer::new(&world, SignatureScheme::EcdsaSha256);
    for kept in ALL {
        let octets = CONTENT.as_bytes();
        let (mut made, place, manifest) = signer.signature(&world, kept, octets);
        let covered = manifest.clone().unwrap_or_else(|| octets.to_vec());
        let stampers =
            [("2026-01-01T00:00:00Z", "2029-01-01T00:00:00Z"), ("2028-01-01T00:00:00Z", "2033-01-01T00:00:00Z"), LONG];
        let stampers: Vec<Party> = stampers
            .iter()
            .zip(0x60..)
            .map(|(validity, serial)| {
                Party::new("TEST timestamps", serial, Role::Timestamps, *validity, Some(&world.time_root))
            })
            .collect();
        made.add_signature_timestamp(&stampers[0].token(&made.timestamped(), SIGNED)).unwrap();
        let mut data = long_term(&world, &signer.party);
        data.certificates.push(stampers[0].certificate.der().to_vec());
        made.add_validation_data(&data).unwrap();
        for (stamper, day) in stampers.iter().zip(["2026-11-22", "2028-06-01", "2032-06-01"]) {
            if day != "2026-11-22" {
                // What shows that the timestamps before were good, as it is told now.
                let before = stampers.iter().map(|one| one.certificate.der().to_vec());
                let lists = world.lists(&format!("{day}T00:00:00Z"));
                made.add_validation_data(&LongTermData {
                    certificates: before.collect(),
                    revocation_lists: lists,
                    ocsp_responses: Vec::new(),
                })
                .unwrap();
            }
            let over = archived(&mut made, place.is_some(), &covered);
            made.add_archive_timestamp(&stamper.token(&over, &format!("{day}T05:00:00Z"))).unwrap();
        }
        let bytes = file(kept, made, place, manifest, octets, signer.scheme);
        let context = VerificationContext {
            anchors: world.anchors(),
            crls: world.lists("2036-01-01T00:00:00Z"),
            ..VerificationContext::at(time("2036-01-02T00:00:00Z"))
        };
        let report = judged(&Signed { bytes, kept }, octets, &context);
        assert_eq!(report.signatures[0].indication, Indication::TotalPassed, "{kept:?}: {report:#?}");
        assert_eq!(report.timestamps.len(), 4, "{kept:?}");
    }
}

#[test]
fn foreign_tools_accept_them() {
    let world = World::new();
    let folder = crate::support::folder("documents-created");
    std::fs::write(folder.join("root.pem"), world.root.certificate.to_pem()).unwrap();
    std::fs::write(folder.join(NAME), CONTENT).unwrap();
    for scheme in [SignatureScheme::EcdsaSha256, SignatureScheme::RsaPssSha256, SignatureScheme::RsaPkcs1Sha512] {
        let signer = Signer::new(&world, scheme);
        for level in [Level::B, Level::Lta] {
            for kept in ALL {
                let signed = signer.signed(&world, kept, level);
                std::fs::write(folder.join(format!("{kept:?}-{level:?}")), &signed.bytes).unwrap();
            }
            openssl_accepts(&folder, level);
            // The xmlsec1 that is at hand knows no PSS.
            if scheme != SignatureScheme::RsaPssSha256 {
                xmlsec_accepts(&folder, level);
            }
        }
        python_accepts(&folder, scheme);
    }
}

fn ran(folder: &Path, program: impl AsRef<std::ffi::OsStr>, arguments: &[&str]) {
    let output = Command::new(program).current_dir(folder).env("HOME", folder).args(arguments).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&said));
}

pub(super) fn openssl_accepts(folder: &Path, level: Level) {
    let attached = format!("CadesAttached-{level:?}");
    let detached = format!("CadesDetached-{level:?}");
    let common = [
        "cms", "-verify", "-binary", "-inform", "DER", "-CAfile", "root.pem", "-purpose", "any", "-out", "said", "-in",
    ];
    ran(folder, "openssl", &[&common[..], &[&attached]].concat());
    assert_eq!(std::fs::read(folder.join("said")).unwrap(), CONTENT.as_bytes());
    ran(folder, "openssl", &[&common[..], &[&detached, "-content", NAME]].concat());
}

pub(super) fn xmlsec_accepts(folder: &Path, level: Level) {
    for kept in ["XadesEnveloped", "XadesEnveloping"] {
        let name = format!("{kept}-{level:?}");
        let mut arguments = vec!["--verify", "--trusted-pem", "root.pem"];
        for element in
            ["http://uri.etsi.org/01903/v1.3.2#:SignedProperties", "http://www.w3.org/2000/09/xmldsig#:Object"]
        {
            arguments.extend(["--id-attr:Id", element]);
        }
        arguments.push(&name);
        ran(folder, "xmlsec1", &arguments);
    }
}

/// joserfc, signxml (its XAdES rules) and libdigidocpp, which opens containers and counts what they hold.
pub(super) fn python_accepts(folder: &Path, scheme: SignatureScheme) {
    let python: PathBuf = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().join("venv/bin/python");
    if !python.exists() {
        eprintln!("SKIPPED: no virtual environment in target/venv");
        return;
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/created_judge.py");
    ran(folder, python, &[&script.to_string_lossy(), &format!("{scheme:?}")]);
}
