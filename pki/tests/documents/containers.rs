//! Containers: honest ones, and those in which two readers, or a reader and the signature, would see different files.

use crate::made::{
    EXTENDED, File, SIMPLE, archive, extended, file, manifest, now, signer, simple, token, trusting, verdict,
};
use chuky_model::report::{DocumentFormat, Indication, Integrity, Outcome, Report};
use chuky_pki::verify::verify_with_content;

fn judged(files: &[File]) -> Report {
    verdict(&archive(files), None)
}

/// The files with one of them changed.
fn changed(mut files: Vec<File>, name: &str, change: impl Fn(&mut File)) -> Vec<File> {
    change(files.iter_mut().find(|file| file.name == name.as_bytes()).unwrap());
    files
}

#[test]
fn honest_containers_are_intact() {
    let report = judged(&extended());
    assert_eq!((report.integrity, report.format), (Integrity::Intact, DocumentFormat::AsicE), "{report:#?}");
    assert_eq!(report.signatures[0].covers, "whole_file");
    let report = judged(&simple());
    assert_eq!((report.integrity, report.format), (Integrity::Intact, DocumentFormat::AsicS), "{report:#?}");
    // Without `mimetype` the content tells.
    assert_eq!(judged(&extended()[1..]).integrity, Integrity::Intact);
    assert_eq!(judged(&simple()[1..]).format, DocumentFormat::AsicS);
    // A folder and a description are nobody's content.
    let more = [extended(), vec![file("META-INF/", ""), file("META-INF/container.xml", "<c/>")]].concat();
    assert_eq!(judged(&more).integrity, Integrity::Intact);
}

/// EN 319 162-1 §4.4.3: the word that tells a file's part stands anywhere in its name; earlier versions had other namespaces.
#[test]
fn names_and_namespaces_of_other_makers() {
    for (signature, name) in [
        ("META-INF/vn-signature-1.p7s", "META-INF/vn-ASiCManifest-1.xml"),
        ("META-INF/001-SIGNATURE.p7m", "META-INF/001-ASiCManifest.xml"),
    ] {
        for namespace in ["02918/v1.2.1#", "02918/v1.1.1#", "2918/v1.2.1#", "2918/v1.1.1#"] {
            let listed = manifest(signature, &[("a.txt", b"first")]).replace("02918/v1.2.1#", namespace);
            let signed = signer().sign(&[listed.as_bytes()]);
            let files =
                vec![file("mimetype", EXTENDED), file("a.txt", "first"), file(name, listed), file(signature, signed)];
            assert_eq!(judged(&files).integrity, Integrity::Intact, "{name} {namespace}: {:#?}", judged(&files));
            let other = changed(files.clone(), "a.txt", |file| file.content = b"other".to_vec());
            assert_eq!(judged(&other).integrity, Integrity::Broken, "{name} {namespace}");
            // A signature file more that is none is told.
            let more = [files, vec![file("META-INF/x-signature.p7s", "none")]].concat();
            assert_eq!(judged(&more).integrity, Integrity::Broken);
        }
    }
}

#[test]
fn what_nobody_signed_is_said() {
    for name in ["META-INF/note.txt", "meta-inf/note.txt", "META-INF/deep/signature.p7s", "mimetype2"] {
        let report = judged(&[extended(), vec![file(name, "slipped in")]].concat());
        assert_eq!(report.integrity, Integrity::Altered, "{name}");
        assert!(report.checks.iter().any(|check| check.name == "coverage" && check.reason.contains(name)), "{name}");
    }
    assert_ne!(judged(&[simple(), vec![file("b.txt", "slipped in")]].concat()).integrity, Integrity::Intact);
    let without: Vec<File> = extended().into_iter().filter(|file| file.name != b"b.txt").collect();
    assert_eq!(judged(&without).integrity, Integrity::Broken);
    assert_eq!(
        judged(&changed(extended(), "a.txt", |file| file.content = b"other".to_vec())).integrity,
        Integrity::Broken
    );
    assert_eq!(
        judged(&changed(extended(), "b.txt", |file| file.content = b"other".to_vec())).integrity,
        Integrity::Broken
    );
}

/// The report on a container with a file more, judged by somebody who trusts the signer.
fn with_file(files: Vec<File>, name: &str) -> Report {
    let bytes = archive(&[files, vec![file(name, "slipped in")]].concat());
    verify_with_content(&bytes, None, "container", &trusting())
}

#[test]
fn a_file_added_to_a_signed_container_is_never_presented_as_signed() {
    let honest = verify_with_content(&archive(&extended()), None, "container", &trusting());
    assert!(!honest.message.en.contains("NOT SIGNED"), "{honest:#?}");
    for name in ["c.txt", "folder/other.pdf", "h\u{e1}t.pdf"] {
        let report = with_file(extended(), name);
        let last = name.rsplit('/').next().unwrap();
        assert_eq!(report.integrity, Integrity::Intact, "{report:#?}");
        // What is signed keeps its own verdict, the whole is never passed, and the file is named before anything else.
        assert_ne!(report.indication, Indication::TotalPassed, "{name}");
        assert_eq!(report.signatures[0].covers, "2 of 3 files", "{name}");
        for text in [&report.message.en, &report.message.vi] {
            let named = text.find(last).unwrap();
            assert!(named < text.find("a.txt").unwrap_or(usize::MAX) && named < 60, "{text}");
        }
        assert!(report.message.en.starts_with("NOT SIGNED: ") && report.message.vi.starts_with("KHÔNG ĐƯỢC KÝ: "));
        let check = report.checks.iter().find(|check| check.name == "unsigned_parts").unwrap();
        assert!(check.outcome == Outcome::Failed && check.reason.contains(last), "{check:?}");
    }
    // A direction mark in a name is shown as what it is.
    let turned = with_file(extended(), "x\u{202e}fdp.exe");
    let check = turned.checks.iter().find(|check| check.name == "coverage").unwrap();
    assert!(turned.integrity == Integrity::Altered && check.reason.contains("\\u{202e}"), "{turned:#?}");
}

#[test]
fn an_added_file_that_could_be_taken_for_a_signed_one_is_not_intact() {
    // Names that a reader, a file system or a person takes for those of signed files.
    for name in [
        "A.TXT",
        "x/a.txt",
        "a%2Etxt",
        "a .txt",
        "a\u{200b}.txt",
        "x/y/B.TXT",
        "-_-",
        "\u{e1}.txt",
        "\u{430}.txt",
        "\u{ff41}.txt",
        "a.txt:x",
        "\u{1d41a}.txt",
        "a.t\u{445}t",
    ] {
        let report = with_file(extended(), name);
        assert_eq!(report.integrity, Integrity::Altered, "{name}: {report:#?}");
    }
    // Two letters drawn as one, and one as another.
    let of_one = |name: &str| {
        let own = manifest("META-INF/signature001.p7s", &[(name, b"of the bank")]);
        vec![
            file("mimetype", EXTENDED),
            file(name, "of the bank"),
            file("META-INF/signature001.p7s", signer().sign(&[own.as_bytes()])),
            file("META-INF/ASiCManifest001.xml", own),
        ]
    };
    for (signed, added) in [("farm1.pdf", "farml.pdf"), ("modern.pdf", "rnodern.pdf"), ("no.pdf", "n0.pdf")] {
        assert_eq!(with_file(of_one(signed), "annex.pdf").integrity, Integrity::Intact);
        assert_eq!(with_file(of_one(signed), added).integrity, Integrity::Altered, "{signed} and {added}");
    }
    // Where one signature stands for all of the container.
    let as_extended = |files: Vec<File>| changed(files, "mimetype", |file| file.content = EXTENDED.into());
    assert_ne!(with_file(simple(), "c.txt").integrity, Integrity::Intact);
    assert_ne!(with_file(as_extended(simple()), "c.txt").integrity, Integrity::Intact);
    let entries = ["a.txt", "b.txt", "c.txt"]
        .map(|path| format!(r#"<m:file-entry m:full-path="{path}" m:media-type="text/plain"/>"#))
        .concat();
    let list =
        format!(r#"<m:manifest xmlns:m="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0">{entries}</m:manifest>"#);
    let listed = [extended(), vec![file("META-INF/manifest.xml", list)]].concat();
    assert_eq!(with_file(listed, "c.txt").integrity, Integrity::Altered);
    // A signature over nothing but the container's own files signs no document.
    let own = manifest("META-INF/signature001.p7s", &[("mimetype", EXTENDED.as_bytes())]);
    let nothing = vec![
        file("mimetype", EXTENDED),
        file("META-INF/signature001.p7s", signer().sign(&[own.as_bytes()])),
        file("META-INF/ASiCManifest001.xml", own),
    ];
    assert_eq!(with_file(nothing, "c.txt").integrity, Integrity::Altered);
}

#[test]
fn swapped_and_doubled_manifests() {
    let other = manifest("META-INF/signature001.p7s", &[("a.txt", b"first")]);
    let swapped = changed(extended(), "META-INF/ASiCManifest001.xml", |file| file.content = other.clone().into_bytes());
    assert_eq!(judged(&swapped).integrity, Integrity::Broken);
    let doubled = [extended(), vec![file("META-INF/ASiCManifest002.xml", &other)]].concat();
    assert_eq!(judged(&doubled).integrity, Integrity::Broken);
    let nowhere = [
        extended(),
        vec![file("META-INF/ASiCManifest2.xml", manifest("META-INF/signature9.p7s", &[("a.txt", b"first")]))],
    ];
    assert_eq!(judged(&nowhere.concat()).integrity, Integrity::Broken);
    let entity = r#"<!DOCTYPE a [<!ENTITY b "c">]>"#.to_owned() + &other;
    let with_entity =
        changed(extended(), "META-INF/ASiCManifest001.xml", |file| file.content = entity.clone().into_bytes());
    assert_eq!(judged(&with_entity).integrity, Integrity::Broken);
    // A second signature file that nothing names.
    let stray = [extended(), vec![file("META-INF/signature002.p7s", signer().sign(&[b"first"]))]].concat();
    assert_eq!(judged(&stray).integrity, Integrity::Broken);
    let list = |paths: &str| {
        let xml = format!(
            r#"<m:manifest xmlns:m="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"><m:file-entry m:full-path="/" m:media-type="{EXTENDED}"/>{paths}</m:manifest>"#
        );
        [extended(), vec![file("META-INF/manifest.xml", xml)]].concat()
    };
    let entry = |path: &str| format!(r#"<m:file-entry m:full-path="{path}" m:media-type="text/plain"/>"#);
    assert_eq!(judged(&list(&(entry("a.txt") + &entry("b.txt")))).integrity, Integrity::Intact);
    assert_ne!(judged(&list(&entry("a.txt"))).integrity, Integrity::Intact);
    assert_ne!(judged(&list(&(entry("a.txt") + &entry("b.txt") + &entry("c.txt")))).integrity, Integrity::Intact);
}

#[test]
fn archives_that_two_readers_see_differently_are_broken() {
    let honest = archive(&extended());
    let broken: Vec<(&str, Vec<u8>)> = vec![
        ("duplicate name", archive(&[extended(), vec![file("a.txt", "other")]].concat())),
        ("step out", archive(&[extended(), vec![file("../a.txt", "other")]].concat())),
        ("absolute", archive(&[extended(), vec![file("/a.txt", "other")]].concat())),
        ("backslash", archive(&[extended(), vec![file("x\\a.txt", "other")]].concat())),
        ("bytes before", [&b"PK\x03\x04 something"[..], &honest].concat()),
        ("bytes behind", [&honest[..], b"tail"].concat()),
        ("another archive behind", [honest.clone(), archive(&[file("a.txt", "other")])].concat()),
        ("local name", archive(&changed(extended(), "a.txt", |file| file.local_name = Some(b"z.txt".to_vec())))),
        ("size", archive(&changed(extended(), "a.txt", |file| file.size = Some(4)))),
        ("gap", archive(&changed(extended(), "a.txt", |file| file.gap = b"hidden".to_vec()))),
        (
            "hidden entry",
            archive(&changed(extended(), "a.txt", |file| {
                file.gap = archive(&[crate::made::file("h.txt", "hidden")])[..40].to_vec();
            })),
        ),
        ("crc", {
            let mut bytes = honest.clone();
            let place = bytes.windows(5).position(|window| window == b"first").unwrap();
            bytes[place] ^= 1;
            bytes
        }),
        ("overlap", {
            let mut bytes = honest.clone();
            let second = bytes.windows(4).enumerate().filter(|(_, window)| window == b"PK\x01\x02").nth(1).unwrap().0;
            bytes[second + 42..second + 46].copy_from_slice(&[0; 4]);
            bytes
        }),
        ("count", {
            let mut bytes = honest.clone();
            let end = bytes.len() - 22;
            bytes[end + 8] -= 1;
            bytes[end + 10] -= 1;
            bytes
        }),
        ("two ends", {
            let inner = [&b"PK\x05\x06"[..], &[0; 16], &[0, 0]].concat();
            let mut bytes = honest.clone();
            let length = bytes.len();
            bytes[length - 2..].copy_from_slice(&u16::try_from(inner.len()).unwrap().to_le_bytes());
            [bytes, inner].concat()
        }),
    ];
    for (what, bytes) in broken {
        let report = verdict(&bytes, None);
        assert_eq!(report.integrity, Integrity::Broken, "{what}: {report:#?}");
    }
    let encrypted = archive(&changed(extended(), "a.txt", |file| file.flags = 1));
    assert_eq!(verdict(&encrypted, None).integrity, Integrity::Unknown);
}

/// The bytes with the flags in the first local header that names this file exchanged.
fn with_local_flags(mut bytes: Vec<u8>, name: &str, flags: u16) -> Vec<u8> {
    let named = bytes.windows(name.len()).position(|window| window == name.as_bytes()).unwrap();
    bytes[named - 24..named - 22].copy_from_slice(&flags.to_le_bytes());
    bytes
}

#[test]
fn what_no_reader_takes_for_anything_is_borne() {
    let honest = archive(&extended());
    for tail in [&b"\0"[..], b"\r\n", b"\n", b"\0\0\0\0"] {
        let report = verdict(&[&honest, tail].concat(), None);
        assert_eq!((report.integrity, report.format), (Integrity::Intact, DocumentFormat::AsicE), "{report:#?}");
    }
    for tail in [&b" "[..], b"\0\0\0\0\0", b"\0a", b"PK\x05\x06"] {
        assert_eq!(verdict(&[&honest, tail].concat(), None).integrity, Integrity::Broken, "{tail:?}");
    }
    // The flag for names in UTF-8 in one of the two places: the octets are the same.
    let name = "hợp đồng.txt";
    let list = manifest("META-INF/signature001.p7s", &[(name, b"first")]);
    let signature = signer().sign(&[list.as_bytes()]);
    let files = [
        file("mimetype", EXTENDED),
        File { flags: 0x0800, ..file(name, "first") },
        file("META-INF/ASiCManifest001.xml", list),
        file("META-INF/signature001.p7s", signature),
    ];
    let bytes = archive(&files);
    assert_eq!(verdict(&bytes, None).integrity, Integrity::Intact);
    assert_eq!(verdict(&with_local_flags(bytes.clone(), name, 0), None).integrity, Integrity::Intact);
    assert_eq!(verdict(&with_local_flags(bytes, name, 8), None).integrity, Integrity::Broken);
    // A byte order mark before the media type.
    let marked = |text: &str| changed(extended(), "mimetype", |file| file.content = text.as_bytes().to_vec());
    assert_eq!(judged(&marked(&format!("\u{feff}{EXTENDED}"))).integrity, Integrity::Intact);
    assert_eq!(judged(&marked("\u{feff}no type")).integrity, Integrity::Broken);
}

#[test]
fn bombs_end_at_their_bounds() {
    let zeros = vec![0; 300 << 20];
    let bomb = [extended(), vec![File { deflated: true, ..file("bomb", &zeros) }]].concat();
    let began = std::time::Instant::now();
    assert_ne!(judged(&bomb).integrity, Integrity::Intact);
    let ratio = [extended(), vec![File { deflated: true, ..file("bomb", &zeros[..20 << 20]) }]].concat();
    let report = judged(&ratio);
    assert_ne!(report.integrity, Integrity::Intact);
    assert!(report.checks.iter().any(|check| check.reason.contains("limit reached")), "{report:#?}");
    let many: Vec<File> = (0..20_000).map(|number| file(&format!("f{number}"), "")).collect();
    assert_eq!(judged(&[extended(), many].concat()).integrity, Integrity::Unknown);
    assert!(began.elapsed().as_secs() < 60, "{:?}", began.elapsed());
}

#[test]
fn timestamps_in_containers() {
    let at = now().plus_seconds(-3_600);
    let alone = vec![
        file("mimetype", SIMPLE),
        file("a.txt", "first"),
        file("META-INF/timestamp.tst", token(&openssl::sha::sha256(b"first"), at)),
    ];
    let report = judged(&alone);
    assert_eq!((report.integrity, report.timestamps.len()), (Integrity::Intact, 1), "{report:#?}");
    let moved = changed(alone, "a.txt", |file| file.content = b"other".to_vec());
    assert_eq!(judged(&moved).integrity, Integrity::Broken);
    // An archive manifest proves the age of the signature that it lists.
    let files = extended();
    let listed: Vec<(&str, &[u8])> =
        files[1..].iter().map(|file| (std::str::from_utf8(&file.name).unwrap(), file.content.as_slice())).collect();
    let archived = manifest("META-INF/timestamp001.tst", &listed);
    let stamped = [
        files.clone(),
        vec![
            file("META-INF/ASiCArchiveManifest.xml", &archived),
            file("META-INF/timestamp001.tst", token(&openssl::sha::sha256(archived.as_bytes()), at)),
        ],
    ];
    let report = verify_with_content(&archive(&stamped.concat()), None, "c", &trusting());
    assert_eq!((report.integrity, report.timestamps.len()), (Integrity::Intact, 1), "{report:#?}");
}

#[test]
fn libdigidocpp_makes_containers() {
    let python = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().join("venv/bin/python");
    let works = |arguments: &[&str]| {
        let done = std::process::Command::new(&python).args(arguments).output();
        done.is_ok_and(|output| output.status.success())
    };
    if !works(&["-c", "import pydigidoc"]) {
        eprintln!("SKIPPED: no pydigidoc in target/venv");
        return;
    }
    let folder = crate::support::folder("documents-asice");
    std::fs::create_dir_all(folder.join(".digidocpp")).unwrap();
    let settings = r#"<configuration><param name="tsl.autoupdate">false</param><param name="tsl.onlineDigest">false</param></configuration>"#;
    std::fs::write(folder.join(".digidocpp/digidocpp.conf"), settings).unwrap();
    std::fs::write(folder.join("a.txt"), "the first file").unwrap();
    std::fs::write(folder.join("b.txt"), "the second file").unwrap();
    let mut store = openssl::pkcs12::Pkcs12::builder();
    store.name("signer").pkey(&signer().key).cert(&signer().certificate);
    std::fs::write(folder.join("signer.p12"), store.build2("test").unwrap().to_der().unwrap()).unwrap();
    // It looks for the European list, whatever its settings say: it gets a network of its own (CLONE_NEWNET), in which there is nothing.
    let script = r#"
import ctypes
ctypes.CDLL(None).unshare(0x40000000) == 0 or ctypes.CDLL(None).unshare(0x50000000)
import pydigidoc
pydigidoc.initialize("test")
made = pydigidoc.Container.create("made.asice")
made.add_data_file("a.txt", "text/plain")
made.add_data_file("b.txt", "text/plain")
signer = pydigidoc.PKCS12Signer("signer.p12", "test")
signer.set_profile("BES")
made.sign(signer)
made.save()
"#;
    let output =
        std::process::Command::new(&python).current_dir(&folder).env("HOME", &folder).args(["-c", script]).output();
    let output = output.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let bytes = std::fs::read(folder.join("made.asice")).unwrap();
    let report = verdict(&bytes, None);
    assert_eq!((report.integrity, report.format), (Integrity::Intact, DocumentFormat::AsicE), "{report:#?}");
    assert_eq!((report.signatures.len(), report.signatures[0].covers.as_str()), (1, "whole_file"));
}
