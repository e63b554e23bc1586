//! Files that were damaged on purpose: signing them ends in a refusal or in a file that reads back, never in a panic.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod support;

use chuky_pki::pdf::PdfFile;
use chuky_pki::pdf::write::{Field, LongTermData, Picture, add_long_term_data, prepare};
use proptest::prelude::*;
use support::files::simple;
use support::judges::{options, sign};
use support::signer::Signer;

fn form() -> Vec<u8> {
    simple(
        "/AcroForm<</Fields[7 0 R]/SigFlags 1>>",
        "/Annots[7 0 R]/Rotate 90",
        &["<</Unused true>>", "<</Type/Annot/Subtype/Widget/FT/Sig/T(one)/P 3 0 R/F 4/Rect[40 60 280 120]>>"],
    )
}

fn attempt(source: &[u8]) {
    for field in [Field::NewInvisible, Field::Existing("one".to_owned())] {
        let Ok(prepared) = prepare(source, &options(None, field)) else { continue };
        let signed = [source, &prepared.finish(&[0x30, 0]).unwrap()].concat();
        assert!(PdfFile::open_strict(&signed).is_ok(), "what was written reads back by its own cross-reference data");
        if let Ok(update) = add_long_term_data(&signed, &LongTermData::default()) {
            assert!(PdfFile::open_strict(&[signed.as_slice(), &update].concat()).is_ok());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn changed_bytes_never_make_it_panic(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)) {
        let mut source = form();
        for (place, byte) in changes {
            let at = place.index(source.len());
            source[at] = byte;
        }
        attempt(&source);
    }

    #[test]
    fn pictures_never_make_it_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = Picture::from_png(&bytes);
        bytes.splice(0..0, *b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0\x1f\x15\xc4\x89");
        let _ = Picture::from_png(&bytes);
    }
}

#[test]
fn cut_files_never_make_it_panic() {
    let signer = Signer::new("TEST signer");
    let signed = sign(&form(), &signer, &options(None, Field::NewInvisible));
    for length in (0..signed.len()).step_by(97) {
        attempt(&signed[..length]);
    }
}
