//! Encrypted files: read with the empty user password in every version of the standard security handler, signed with their own key,
//! judged by qpdf, pdfsig and pyHanko, and judged by ourselves like any other file.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod support;

use chuky_model::report::{Indication, Integrity, Outcome, Report};
use chuky_pki::pdf::write::{Field, Look, PageChoice, WriteError, prepare};
use chuky_pki::verify::{VerificationContext, verify_document};
use std::path::Path;
use support::files::{rewritten, simple};
use support::judges::{at, judged_intact_by_ourselves, judged_valid, now, options, sign, store};
use support::signer::Signer;

/// Every kind that qpdf writes: name, options.
const KINDS: [(&str, &[&str]); 9] = [
    ("rc4-40", &["--allow-weak-crypto", "--encrypt", "", "owner", "40", "--"]),
    ("rc4-128", &["--allow-weak-crypto", "--encrypt", "", "owner", "128", "--use-aes=n", "--"]),
    ("rc4-v4", &["--allow-weak-crypto", "--encrypt", "", "owner", "128", "--use-aes=n", "--force-V4", "--"]),
    ("aes-128", &["--allow-weak-crypto", "--encrypt", "", "owner", "128", "--use-aes=y", "--"]),
    (
        "aes-128-clear-metadata",
        &["--allow-weak-crypto", "--encrypt", "", "owner", "128", "--use-aes=y", "--cleartext-metadata", "--"],
    ),
    ("aes-256-r5", &["--allow-weak-crypto", "--encrypt", "", "owner", "256", "--force-R5", "--"]),
    ("aes-256", &["--encrypt", "", "owner", "256", "--"]),
    ("aes-256-clear-metadata", &["--encrypt", "", "owner", "256", "--cleartext-metadata", "--"]),
    ("aes-256-streams", &["--object-streams=generate", "--encrypt", "", "owner", "256", "--"]),
];
const BOX: [f32; 4] = [300.0, 60.0, 540.0, 120.0];

fn judge(bytes: &[u8]) -> Report {
    verify_document(bytes, "encrypted.pdf", &VerificationContext::at(now()))
}

/// All judges, but pyHanko not where it cannot read: revision 5, and metadata that is not encrypted, which it takes for encrypted.
fn judged(name: &str, file: &Path, signer: &Signer, count: usize) {
    if !name.ends_with("clear-metadata") && name != "aes-256-r5" {
        return judged_valid(file, signer, count);
    }
    judged_intact_by_ourselves(file, count);
    support::qpdf_accepts(file);
    let Some(said) = support::pdfsig(file) else { return };
    assert_eq!(said.matches("Signature is Valid.").count(), count, "{name}: {said}");
}

#[test]
fn every_kind_of_encrypted_file_is_signed_twice() {
    let Some(serif) = support::serif() else { return };
    let folder = support::folder("encrypted");
    let signer = Signer::new("TEST signer");
    let letter = chuky_pki::pdf::letter::sample(None).compose(&serif, now()).unwrap();
    for (name, with) in KINDS {
        let Some(source) = rewritten(&folder, name, &letter.pdf, with) else { return };
        let look =
            Look::Citizen { name: "Lê Thị Ngọc Ánh".to_owned(), certificate_number: "54:01:0A:BC".to_owned() };
        let once = sign(&source, &signer, &options(Some((look, &serif)), at(PageChoice::First, BOX)));
        let file = store(&folder, &format!("{name}.pdf"), &once);
        judged(name, &file, &signer, 1);
        // The new strings and streams can be read by others.
        let shown = support::text_of(&file).unwrap_or_default();
        assert!(shown.contains("Lê Thị Ngọc Ánh"), "{name}: {shown}");
        let twice = sign(&once, &signer, &options(None, Field::NewInvisible));
        judged(name, &store(&folder, &format!("{name}-twice.pdf"), &twice), &signer, 2);
        let report = judge(&twice);
        assert_eq!(report.signatures[0].id, "Signature1", "{name}: strings are opened");
        assert!(report.checks.iter().any(|check| check.name == "prepared_shadows" && check.outcome == Outcome::Passed));
    }
}

#[test]
fn a_changed_encrypted_file_is_altered_and_a_flipped_byte_breaks_it() {
    let folder = support::folder("encrypted");
    let signer = Signer::new("TEST signer");
    for (name, with) in KINDS {
        let Some(source) = rewritten(&folder, name, &simple("", "", &[]), with) else { return };
        let signed = sign(&source, &signer, &options(None, Field::NewInvisible));
        assert_eq!(judge(&signed).integrity, Integrity::Intact, "{name}");
        let mut flipped = signed.clone();
        flipped[700] ^= 1;
        assert_eq!(judge(&flipped).integrity, Integrity::Broken, "{name}");
        // An update without pages: no sealed string is needed for it.
        let text = String::from_utf8_lossy(&signed).into_owned();
        let previous = text.rsplit("startxref\n").next().unwrap().lines().next().unwrap().to_owned();
        let entry =
            |key: &str, end: char| text[text.rfind(key).unwrap()..].split_inclusive(end).next().unwrap().to_owned();
        let (encrypt, identifier) = (entry("/Encrypt ", 'R'), entry("/ID[", ']'));
        let object = signed.len();
        let field =
            text[..text.rfind("/FT /Sig").unwrap()].rsplit_once(" 0 obj").unwrap().0.rsplit('\n').next().unwrap();
        let page = format!(
            "90 0 obj\n<</Type/Catalog/Pages 91 0 R/AcroForm<</Fields[{field} 0 R]/SigFlags 3>>>>\nendobj\n\
             91 0 obj\n<</Type/Pages/Count 0/Kids[]>>\nendobj\n"
        );
        let second = object + page.find("91 0 obj").unwrap();
        let start = object + page.len();
        let update = format!(
            "{page}xref\n90 2\n{object:010} 00000 n \n{second:010} 00000 n \ntrailer\n<</Size 92/Root 90 0 R{encrypt}{identifier}/Prev {previous}>>\nstartxref\n{start}\n%%EOF\n"
        );
        // The same by a cross-reference stream, which is never sealed.
        let rows: String = [object, second, start].map(|at| format!("01{at:08x}00")).concat();
        let stream = format!(
            "{page}92 0 obj\n<</Type/XRef/Size 93/W[1 4 1]/Index[90 3]/Root 90 0 R{encrypt}{identifier}/Prev {previous}\
             /Filter/ASCIIHexDecode/Length {}>>\nstream\n{rows}>\nendstream\nendobj\nstartxref\n{start}\n%%EOF\n",
            rows.len() + 1
        );
        for update in [update, stream] {
            let report = judge(&[signed.as_slice(), update.as_bytes()].concat());
            assert!(matches!(report.integrity, Integrity::Altered | Integrity::Broken), "{name}: {report:#?}");
            let seen =
                report.signatures.iter().flat_map(|line| &line.changes_after).any(|one| one.kind == "page_removed");
            assert!(seen, "{name}: {report:#?}");
        }
    }
}

#[test]
fn a_file_that_wants_a_password_is_unknown_and_says_so() {
    let folder = support::folder("encrypted");
    for streams in [false, true] {
        let mut with = vec!["--encrypt", "secret", "owner", "256", "--"];
        if streams {
            with.insert(0, "--object-streams=generate");
        }
        let Some(locked) = rewritten(&folder, "locked", &simple("", "", &[]), &with) else { return };
        let report = judge(&locked);
        assert_eq!((report.integrity, report.indication), (Integrity::Unknown, Indication::Indeterminate));
        let check = report.checks.iter().find(|check| check.name == "decryption").unwrap();
        assert_eq!(check.outcome, Outcome::NotDone);
        assert!(check.reason.contains("asks for a password"), "{}", check.reason);
        assert!(report.message.vi.contains("mật khẩu"));
        assert_eq!(prepare(&locked, &options(None, Field::NewInvisible)).unwrap_err(), WriteError::Encrypted);
    }
}

#[test]
fn what_pyhanko_encrypted_and_signed_is_judged_by_its_password() {
    let folder = support::folder("encrypted");
    let signer = Signer::new("TEST signer");
    let source = store(&folder, "pyhanko-source.pdf", &simple("", "", &[]));
    for (password, integrity) in [("", Integrity::Intact), ("secret", Integrity::Unknown)] {
        let out = folder.join(format!("pyhanko-{password}.pdf"));
        if !support::pyhanko_signs(&signer, password, &source, &out) {
            return;
        }
        let report = judge(&std::fs::read(&out).unwrap());
        assert_eq!(report.integrity, integrity, "{password:?}: {report:#?}");
        assert!(report.signatures.iter().all(|line| line.integrity == integrity), "{report:#?}");
    }
}

/// Signing software may seal the placeholder before the signature is written over its beginning.
#[test]
fn what_is_left_of_a_sealed_placeholder_is_no_alteration() {
    let folder = support::folder("encrypted");
    let signer = Signer::new("TEST signer");
    let with = ["--encrypt", "", "owner", "256", "--"];
    let Some(sealed) = rewritten(&folder, "placeholder", &simple("", "", &[]), &with) else { return };
    for (name, source, expected) in
        [("encrypted", sealed, Integrity::Intact), ("open", simple("", "", &[]), Integrity::Broken)]
    {
        let mut signed = sign(&source, &signer, &options(None, Field::NewInvisible));
        let end = signed.windows(9).rposition(|window| window == b"00000000>").unwrap();
        signed[end..end + 8].copy_from_slice(b"5ea1ed00");
        assert_eq!(judge(&signed).integrity, expected, "{name}");
        // The signature itself is not sealed, and what of it is changed is found.
        let start = signed
            .windows(10)
            .rposition(|window| window == b"/Contents<")
            .or_else(|| signed.windows(11).rposition(|window| window == b"/Contents <"));
        let digit = signed[start.unwrap()..].iter().position(|byte| *byte == b'<').unwrap() + start.unwrap() + 400;
        signed[digit] = if signed[digit] == b'0' { b'1' } else { b'0' };
        assert_ne!(judge(&signed).integrity, Integrity::Intact, "{name}");
    }
}

#[test]
fn what_the_owner_does_not_permit_is_not_signed() {
    let folder = support::folder("encrypted");
    let with = ["--encrypt", "", "owner", "256", "--modify=none", "--"];
    let Some(source) = rewritten(&folder, "restricted", &simple("", "", &[]), &with) else { return };
    assert_eq!(prepare(&source, &options(None, Field::NewInvisible)).unwrap_err(), WriteError::ForbiddenByOwner);
}
