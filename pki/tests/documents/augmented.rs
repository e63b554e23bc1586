//! Existing signatures taken to a higher level, ours and foreign ones: valid by the own verifier at the level that was meant, accepted by openssl, xmlsec1,
//! signxml, joserfc and libdigidocpp where they can read them, and what was signed is left as it was.

use crate::created::{
    ALL, CONTENT, DAY, Kept, Level, NAME, SIGNED, Signed, Signer, context, judged, long_term, openssl_accepts,
    python_accepts, xmlsec_accepts,
};
use crate::world::{LONG, Party, Role, World, time};
use chuky_model::algorithm::SignatureScheme;
use chuky_model::report::{Indication, Integrity, Report};
use chuky_pki::Error;
use chuky_pki::pdf::write::LongTermData;
use chuky_pki::splice::spliced;
use chuky_pki::verify::augmentation::{Addition, Over, add, imprint, signatures};
use chuky_pki::verify::{VerificationContext, verify_with_content};
use std::path::{Path, PathBuf};

/// A file with a timestamp of that stamper on every signature.
fn stamped(bytes: &[u8], content: Option<&[u8]>, over: Over, (stamper, at): (&Party, &str)) -> Result<Vec<u8>, Error> {
    let mut additions = Vec::new();
    for signature in signatures(bytes)? {
        let token = stamper.token(&imprint(bytes, content, &signature, over)?, at);
        additions.push((signature, Addition::Timestamp { over, token }));
    }
    spliced(bytes, &add(bytes, content, &additions)?)
}

fn with_data(bytes: &[u8], content: Option<&[u8]>, data: &LongTermData) -> Result<Vec<u8>, Error> {
    let names = signatures(bytes)?.into_iter();
    let additions: Vec<_> = names.map(|name| (name, Addition::ValidationData(data.clone()))).collect();
    spliced(bytes, &add(bytes, content, &additions)?)
}

fn next(world: &World, signer: &Signer, signed: &Signed, to: Level) -> Signed {
    let content = signed.kept.is_detached().then_some(CONTENT.as_bytes());
    let made = match to {
        Level::B => Ok(signed.bytes.clone()),
        Level::T => stamped(&signed.bytes, content, Over::Signature, (&world.stamper, SIGNED)),
        Level::Lt => with_data(&signed.bytes, content, &long_term(world, &signer.party)),
        Level::Lta => stamped(&signed.bytes, content, Over::Archive, (&world.stamper, "2026-11-22T04:00:00Z")),
    };
    Signed { bytes: made.unwrap_or_else(|error| panic!("{:?} to {to:?}: {error}", signed.kept)), kept: signed.kept }
}

#[test]
fn every_format_is_taken_through_every_level_with_every_kind_of_key() {
    use SignatureScheme::{EcdsaSha256, EcdsaSha384, RsaPkcs1Sha256, RsaPkcs1Sha384, RsaPssSha256};
    let world = World::new();
    for scheme in [EcdsaSha256, EcdsaSha384, RsaPkcs1Sha256, RsaPkcs1Sha384, RsaPssSha256] {
        let signer = Signer::new(&world, scheme);
        for kept in ALL {
            let mut signed = signer.signed(&world, kept, Level::B);
            for level in [Level::T, Level::Lt, Level::Lta] {
                signed = next(&world, &signer, &signed, level);
                let report = judged(&signed, CONTENT.as_bytes(), &context(&world, level));
                let what = format!("{kept:?} {scheme:?} {level:?}");
                assert_eq!(report.integrity, Integrity::Intact, "{what}: {report:#?}");
                let line = &report.signatures[0];
                assert_eq!(line.indication, Indication::TotalPassed, "{what}: {report:#?}");
                assert!(line.format.ends_with(&format!("-{}", format!("{level:?}").to_uppercase())), "{}", line.format);
                let sound = report.timestamps.iter().filter(|one| one.indication == Indication::TotalPassed).count();
                assert_eq!(sound, report.timestamps.len(), "{what}: {report:#?}");
                assert_eq!(sound, if level == Level::Lta { 2 } else { 1 }, "{what}");
            }
            // Once more, and everything that was there is still there.
            let again = next(&world, &signer, &signed, Level::Lta);
            let report = judged(&again, CONTENT.as_bytes(), &context(&world, Level::Lta));
            assert_eq!(report.signatures[0].indication, Indication::TotalPassed, "{kept:?}: {report:#?}");
            assert_eq!(report.timestamps.len(), 3, "{kept:?}");
        }
    }
}

#[test]
fn what_is_there_already_is_not_added_again() {
    let world = World::new();
    let signer = Signer::new(&world, SignatureScheme::EcdsaSha256);
    for kept in ALL {
        let signed = signer.signed(&world, kept, Level::T);
        let content = kept.is_detached().then_some(CONTENT.as_bytes());
        let data = long_term(&world, &signer.party);
        let once = with_data(&signed.bytes, content, &data).unwrap();
        assert!(once.len() > signed.bytes.len(), "{kept:?}");
        let again = with_data(&once, content, &data).unwrap();
        assert!(again == once, "{kept:?}");
    }
}

#[test]
fn no_change_of_the_content_survives_an_extension() {
    let world = World::new();
    let signer = Signer::new(&world, SignatureScheme::EcdsaSha256);
    for kept in ALL {
        let mut signed = signer.signed(&world, kept, Level::B);
        for level in [Level::T, Level::Lt, Level::Lta] {
            signed = next(&world, &signer, &signed, level);
        }
        // In clear, in base64 and in base64url, at each of its three places; the detached content itself.
        let text = "Ủy ban".as_bytes();
        let mut changed = 0;
        for at in 0..signed.bytes.len() - text.len() {
            if signed.bytes[at..].starts_with(text) {
                let mut bytes = signed.bytes.clone();
                bytes[at + text.len() - 1] ^= 1;
                let report = judged(&Signed { bytes, kept }, CONTENT.as_bytes(), &context(&world, Level::Lta));
                assert_ne!(report.integrity, Integrity::Intact, "{kept:?}");
                changed += 1;
            }
        }
        if kept.is_detached() {
            let other = CONTENT.replace("Ủy ban", "Ủy viên");
            let report = judged(&signed, other.as_bytes(), &context(&world, Level::Lta));
            assert_ne!(report.integrity, Integrity::Intact, "{kept:?}");
            changed += 1;
        }
        assert!(changed > 0 || matches!(kept, Kept::XadesEnveloping | Kept::JadesAttached), "{kept:?}");
    }
}

#[test]
fn archives_are_renewed_twice_in_a_decade() {
    let world = World::new();
    let signer = Signer::new(&world, SignatureScheme::EcdsaSha256);
    let stampers: Vec<Party> =
        [("2026-01-01T00:00:00Z", "2029-01-01T00:00:00Z"), ("2028-01-01T00:00:00Z", "2033-01-01T00:00:00Z"), LONG]
            .iter()
            .zip(0x60..)
            .map(|(validity, serial)| {
                Party::new("TEST timestamps", serial, Role::Timestamps, *validity, Some(&world.time_root))
            })
            .collect();
    for kept in ALL {
        let content = kept.is_detached().then_some(CONTENT.as_bytes());
        let mut bytes = signer.signed(&world, kept, Level::B).bytes;
        bytes = stamped(&bytes, content, Over::Signature, (&stampers[0], SIGNED)).unwrap();
        for (stamper, day) in stampers.iter().zip(["2026-11-22", "2028-06-01", "2032-06-01"]) {
            let mut data = long_term(&world, &signer.party);
            data.certificates.extend(stampers.iter().map(|one| one.certificate.der().to_vec()));
            data.revocation_lists = world.lists(&format!("{day}T00:00:00Z"));
            bytes = with_data(&bytes, content, &data).unwrap();
            bytes = stamped(&bytes, content, Over::Archive, (stamper, &format!("{day}T05:00:00Z"))).unwrap();
        }
        let context = VerificationContext {
            anchors: world.anchors(),
            crls: world.lists("2036-01-01T00:00:00Z"),
            ..VerificationContext::at(time("2036-01-02T00:00:00Z"))
        };
        let report = judged(&Signed { bytes, kept }, CONTENT.as_bytes(), &context);
        assert_eq!(report.signatures[0].indication, Indication::TotalPassed, "{kept:?}: {report:#?}");
        assert_eq!(report.timestamps.len(), 4, "{kept:?}");
    }
}

#[test]
fn foreign_tools_accept_what_was_extended() {
    let world = World::new();
    let folder = crate::support::folder("documents-augmented");
    std::fs::write(folder.join("root.pem"), world.root.certificate.to_pem()).unwrap();
    std::fs::write(folder.join(NAME), CONTENT).unwrap();
    for scheme in [SignatureScheme::EcdsaSha256, SignatureScheme::RsaPssSha256] {
        let signer = Signer::new(&world, scheme);
        for kept in ALL {
            let mut signed = signer.signed(&world, kept, Level::B);
            std::fs::write(folder.join(format!("{kept:?}-B")), &signed.bytes).unwrap();
            for level in [Level::T, Level::Lt, Level::Lta] {
                signed = next(&world, &signer, &signed, level);
            }
            std::fs::write(folder.join(format!("{kept:?}-Lta")), &signed.bytes).unwrap();
        }
        openssl_accepts(&folder, Level::Lta);
        if scheme != SignatureScheme::RsaPssSha256 {
            xmlsec_accepts(&folder, Level::Lta);
        }
        python_accepts(&folder, scheme);
    }
}

#[test]
fn what_cannot_be_extended_is_refused() {
    let names = |bytes: &[u8]| signatures(bytes).unwrap_err();
    assert!(matches!(names(b"%PDF-1.7\n"), Error::Unsupported(_)), "a PDF is extended elsewhere");
    assert!(matches!(names(b"text"), Error::Unsupported(_)));
    let world = World::new();
    let signer = Signer::new(&world, SignatureScheme::EcdsaSha256);
    let cms = signer.signed(&world, Kept::CadesDetached, Level::B).bytes;
    let missing = imprint(&cms, None, "signer 1", Over::Archive).unwrap_err();
    assert!(missing.to_string().contains("not at hand"), "{missing}");
    assert!(imprint(&cms, None, "signer 1", Over::Signature).is_ok(), "level T needs no content");
    assert!(matches!(imprint(&cms, None, "signer 2", Over::Signature), Err(Error::Refused(_))));
    // In UTF-16 no place of the text is a place of the file.
    let xml = signer.signed(&world, Kept::XadesEnveloped, Level::B).bytes;
    let wide: Vec<u8> =
        format!("\u{feff}{}", String::from_utf8(xml).unwrap()).encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert!(names(&wide).to_string().contains("UTF-8"));
}

/// Files of foreign makers: what is added leaves every signature that was intact intact, or it is refused.
#[test]
fn foreign_files_stay_intact_or_are_refused() {
    let Some(root) = crate::verdicts::corpora() else { return };
    let world = World::new();
    let (mut extended, mut refused) = (0, Vec::new());
    for set in ["dss-asic-cades", "dss-asic-xades", "dss-cades", "dss-jades", "dss-xades"] {
        let mut files: Vec<PathBuf> =
            std::fs::read_dir(root.join(set)).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        for file in files {
            let bytes = std::fs::read(&file).unwrap();
            let before = verdict(&bytes, &file);
            if before.integrity != Integrity::Intact || before.signatures.is_empty() {
                continue;
            }
            match through(&world, &bytes) {
                Err(error) => refused.push(format!("{}: {error}", file.display())),
                Ok(after) => {
                    extended += 1;
                    let now = verdict(&after, &file);
                    // What the service finds out in its rehearsal: something else covered what was added to.
                    let broken = now.integrity != Integrity::Intact || intact(&now) < intact(&before);
                    if broken {
                        let rehearsed = with_data(
                            &bytes,
                            None,
                            &long_term(&world, &Signer::new(&world, SignatureScheme::EcdsaSha256).party),
                        )
                        .unwrap();
                        assert_ne!(
                            verdict(&rehearsed, &file).integrity,
                            Integrity::Intact,
                            "{}: {now:#?}",
                            file.display()
                        );
                        refused.push(format!("{}: would break", file.display()));
                    }
                }
            }
        }
    }
    println!("{extended} extended; refused: {refused:#?}");
    assert!(extended > 30 && refused.len() < extended, "{extended} extended; refused: {refused:#?}");
}

fn verdict(bytes: &[u8], file: &Path) -> Report {
    verify_with_content(bytes, None, &file.to_string_lossy(), &VerificationContext::at(time(DAY)))
}

fn intact(report: &Report) -> usize {
    report.signatures.iter().filter(|line| line.integrity == Integrity::Intact).count()
}

fn through(world: &World, bytes: &[u8]) -> Result<Vec<u8>, Error> {
    let data = LongTermData {
        certificates: vec![world.stamper.certificate.der().to_vec(), world.time_root.certificate.der().to_vec()],
        revocation_lists: world.lists(DAY),
        ..LongTermData::default()
    };
    let timed = stamped(bytes, None, Over::Signature, (&world.stamper, SIGNED))?;
    let long = with_data(&timed, None, &data)?;
    stamped(&long, None, Over::Archive, (&world.stamper, "2026-11-22T04:00:00Z"))
}

#[test]
fn bytes_from_nowhere_end_in_an_answer() {
    let world = World::new();
    let signer = Signer::new(&world, SignatureScheme::EcdsaSha256);
    let data = long_term(&world, &signer.party);
    for kept in ALL {
        let whole = signer.signed(&world, kept, Level::Lta).bytes;
        let mut state = 0x9e37_79b9_u32;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            state as usize
        };
        for _ in 0..60 {
            let mut bytes = whole.clone();
            match next() % 3 {
                0 => bytes.truncate(next() % whole.len()),
                1 => bytes.insert(next() % whole.len(), next() as u8),
                _ => {
                    let at = next() % whole.len();
                    bytes[at] = next() as u8;
                }
            }
            // Whatever is made of it is a file of its own; the verdict says what it is worth.
            let _ = with_data(&bytes, Some(CONTENT.as_bytes()), &data);
            let _ = stamped(&bytes, Some(CONTENT.as_bytes()), Over::Archive, (&world.stamper, SIGNED));
        }
    }
}
