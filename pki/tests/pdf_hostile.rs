//! Tricks against the verdict: each file here is signed, then changed or prepared in a way that some reader shows something else.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, missing_docs)]

mod forge;

use chuky_model::instant::Instant;
use chuky_model::report::{Integrity, Outcome, Report};
use chuky_pki::verify::{VerificationContext, verify_document};
use forge::updates::{EVIL, by_hand, evil_content, object_stream, row_stream};
use forge::{Forge, stream};

fn judge(bytes: &[u8]) -> Report {
    let context = VerificationContext::at(Instant::parse_rfc3339("2026-11-22T00:00:00Z").unwrap());
    verify_document(bytes, "made.pdf", &context)
}

#[test]
fn unused_content_that_could_be_switched_to_is_a_warning() {
    let warning = |bytes: &[u8]| {
        let report = judge(bytes);
        assert_eq!(report.integrity, Integrity::Intact, "{report:#?}");
        let check = report.checks.iter().find(|check| check.name == "prepared_shadows").unwrap().clone();
        (check.outcome, check.reason)
    };
    // The base holds a content stream and a page that nothing refers to.
    let (outcome, reason) = warning(&Forge::signed("").bytes);
    assert_eq!(outcome, Outcome::Failed);
    assert!(reason.starts_with("2 unused") && reason.contains("14 0 R"), "{reason}");
    let second = &[(50, "<</Type/Catalog/Pages 51 0 R>>"), (51, "<</Kids[16 0 R]/Count 1>>")];
    let (_, reason) = warning(&Forge::base().update(second).sign_again(20, "").bytes);
    assert!(reason.starts_with("4 unused"), "{reason}");
    // A second definition that no table lists.
    let mut hidden = Forge::base();
    let twice = format!("4 0 obj\n{}\nendobj\n", stream("BT /F1 12 Tf (Other) Tj ET"));
    hidden.bytes.extend(twice.bytes());
    let (_, reason) = warning(&hidden.sign_again(20, "").bytes);
    assert!(reason.starts_with("3 unused") && reason.contains("4 0 R"), "{reason}");
    // What was replaced before anybody signed is history.
    let (_, reason) = warning(&Forge::base().update(&[(3, &Forge::page("/Contents 14 0 R"))]).sign_again(20, "").bytes);
    assert!(reason.starts_with("1 unused") && reason.contains("16 0 R"), "{reason}");
}

#[track_caller]
fn not_intact(name: &str, bytes: &[u8]) {
    let report = judge(bytes);
    let changes: Vec<_> = report.signatures.iter().flat_map(|line| &line.changes_after).collect();
    assert!(
        matches!(report.integrity, Integrity::Altered | Integrity::Broken),
        "{name}: {:?} {changes:#?}",
        report.integrity
    );
}

#[test]
fn cross_reference_tricks_are_not_intact() {
    let signed = || Forge::signed("").bytes;
    let evil = evil_content();
    let good = format!("4 0 obj\n{}\nendobj", stream(forge::TEXT_SHOWN));
    let prev = "/Prev {prev}";
    not_intact("redefined", &by_hand(signed(), &[&evil], &[(4, Some(0), 0)], prev));
    not_intact(
        "listed twice, good first",
        &by_hand(signed(), &[&evil, &good], &[(4, Some(1), 0), (4, Some(0), 0)], prev),
    );
    not_intact(
        "listed twice, good last",
        &by_hand(signed(), &[&evil, &good], &[(4, Some(0), 0), (4, Some(1), 0)], prev),
    );
    not_intact("freed", &by_hand(signed(), &[], &[(4, None, 1)], prev));
    not_intact(
        "of another generation",
        &by_hand(signed(), &[&evil.replace("4 0 obj", "4 1 obj")], &[(4, Some(0), 1)], prev),
    );
    not_intact("a circle", &by_hand(signed(), &[&evil], &[(4, Some(0), 0)], "/Prev {0}"));
    not_intact(
        "another root",
        &by_hand(
            signed(),
            &["50 0 obj<</Type/Catalog/Pages 51 0 R>>endobj", "51 0 obj<</Type/Pages/Kids[16 0 R]/Count 1>>endobj"],
            &[(50, Some(0), 0), (51, Some(1), 0)],
            "/Prev {prev}/Root 50 0 R",
        ),
    );
    not_intact(
        "a root twice, the good one last",
        &by_hand(
            signed(),
            &["50 0 obj<</Type/Catalog/Pages 51 0 R>>endobj", "51 0 obj<</Type/Pages/Kids[16 0 R]/Count 1>>endobj"],
            &[(50, Some(0), 0), (51, Some(1), 0)],
            "/Prev {prev}/Root 50 0 R/Root 1 0 R",
        ),
    );
    not_intact(
        "encrypted",
        &by_hand(
            signed(),
            &["50 0 obj<</Filter/Standard/V 1/R 2/P -1/O(x)/U(x)>>endobj"],
            &[(50, Some(0), 0)],
            "/Prev {prev}/Encrypt 50 0 R/ID[(a)(b)]",
        ),
    );
    not_intact(
        "unlisted behind a comment",
        &[
            signed(),
            format!("4 %x\n0 obj\n{}\nendobj\n", stream(EVIL)).into_bytes(),
            vec![b' '; 2000],
            b"%%EOF\n".to_vec(),
        ]
        .concat(),
    );
    not_intact("end out of sight", &[signed(), vec![b' '; 5000]].concat());
    // A repair would show what was prepared in the signed bytes.
    let mut prepared = Forge::base();
    prepared.bytes.extend(format!("{evil}\n").bytes());
    not_intact("repair of a prepared file", &[prepared.sign_again(20, "").bytes, vec![b'\n'; 1200]].concat());
}

#[test]
fn hybrid_files_and_object_streams_that_contradict_are_not_intact() {
    let signed = || Forge::signed("").bytes;
    let good = Forge::page("");
    let evil = Forge::page("/Contents 14 0 R");
    let direct = format!("3 0 obj\n{good}\nendobj");
    let inner = object_stream(50, 3, &evil);
    let rows = row_stream(51, "3 1", &[[2, 0, 0, 0, 50, 0]]);
    let both: &[&str] = &[&inner, &rows, &direct];
    let listed: &[_] = &[(50, Some(0), 0), (51, Some(1), 0), (3, Some(2), 0)];
    not_intact("the stream against the table", &by_hand(signed(), both, listed, "/Prev {prev}/XRefStm {1}"));
    let hidden: &[_] = &[(50, Some(0), 0), (51, Some(1), 0), (3, None, 0)];
    not_intact("hidden in the table", &by_hand(signed(), both, hidden, "/Prev {prev}/XRefStm {1}"));
    not_intact("an object stream that nobody asks", &by_hand(signed(), &[&inner], &[(50, Some(0), 0)], "/Prev {prev}"));
}

#[test]
fn keys_that_come_twice_later_are_not_intact() {
    let update = |number: u32, body: &str| Forge::signed("").update(&[(number, body)]).bytes;
    let page = Forge::page("");
    not_intact("contents", &update(3, &page.replace("/Contents 4 0 R", "/Contents 14 0 R/Contents 4 0 R")));
    not_intact("escaped", &update(3, &page.replace("/Contents 4 0 R", "/Cont#65nts 14 0 R/Contents 4 0 R")));
    not_intact("nested", &update(3, &page.replace("/F1 5 0 R", "/F1 14 0 R/F1 5 0 R")));
    not_intact("pages", &update(1, "<</Type/Catalog/Pages 16 0 R/Pages 2 0 R/AcroForm 6 0 R>>"));
}

#[test]
fn what_stands_in_other_objects_is_compared_too() {
    let shown = forge::TEXT_SHOWN;
    let digits: String = shown.bytes().map(|byte| format!("{byte:02x}")).collect();
    let of = |filter: &str, length: &str| {
        format!("<</Resources<</Font<</F1 5 0 R>>>>/Filter {filter}/Length {length}>>\nstream\n{digits}>\nendstream")
    };
    let length = (digits.len() + 1).to_string();
    let base = |content: &str| {
        Forge::base().update(&[(4, content), (52, "/ASCIIHexDecode"), (53, &length)]).sign_again(20, "")
    };
    let filter = base(&of("52 0 R", &length));
    assert_eq!(judge(&filter.bytes).integrity, Integrity::Intact);
    not_intact("filter", &filter.update(&[(52, "/ASCII85Decode")]).bytes);
    not_intact("length", &base(&of("/ASCIIHexDecode", "53 0 R")).update(&[(53, "8")]).bytes);
    // Drawn content that is listed among annotations or fields as well is still content.
    let evil = "2 2 5 5 re f".to_owned();
    let padded = |data: &str| forge::form_xobject(&format!("{data:<16}"));
    let listed = Forge::page("").replace("11 0 R]", "11 0 R 10 0 R]");
    let prepared = Forge::base().update(&[(10, &padded("0 0 1 1 re f"))]).sign_again(20, "");
    let prepared_page = prepared.clone().update(&[(3, &listed)]).sign_again(30, "");
    let report =
        judge(&prepared_page.update(&[(10, &padded(&evil)), (3, &listed.replace("10 0 R]", "10 0 R 30 0 R]"))]).bytes);
    assert!(report.signatures.iter().all(|line| line.integrity != Integrity::Intact), "{report:#?}");
}

#[test]
fn pages_counted_or_listed_otherwise_are_not_intact() {
    let update = |body: &str| Forge::signed("").update(&[(2, body)]).bytes;
    not_intact("counted", &update("<</Type/Pages/Count 1/Kids[3 0 R 9 0 R]>>"));
    not_intact("listed twice", &update("<</Type/Pages/Count 2/Kids[3 0 R 9 0 R 3 0 R]>>"));
    not_intact("cropped", &Forge::signed("").update(&[(3, &Forge::page("/CropBox[0 0 595 400]"))]).bytes);
}

/// A second revision with a new signature field, 46, on the first page.
fn with_field(level: &str, field: &str, further: &[(u32, &str)]) -> Vec<u8> {
    let page = Forge::page("").replace("11 0 R]", "11 0 R 46 0 R]");
    let form = "<</Fields[7 0 R 8 0 R 20 0 R 46 0 R]/SigFlags 3/DA(/F1 0 Tf)/DR<</Font<</F1 5 0 R>>>>>>";
    let mut objects = vec![(3, page.as_str()), (6, form), (46, field)];
    objects.extend_from_slice(further);
    Forge::signed(level).update(&objects).bytes
}

#[test]
fn sneaky_signature_fields_are_not_intact() {
    let look = stream("BT /F1 12 Tf (Amount: 1000000) Tj ET");
    let field =
        |extra: &str| format!("<</Type/Annot/Subtype/Widget/FT/Sig/T(New)/P 3 0 R/F 4/Rect[50 740 250 760]{extra}>>");
    let empty = with_field("", &field(""), &[]);
    assert_eq!(judge(&empty).integrity, Integrity::Intact);
    not_intact("an empty field that shows text", &with_field("", &field("/AP<</N 47 0 R>>"), &[(47, &look)]));
    not_intact("a caption", &with_field("", &field("/MK<</CA(Amount)>>"), &[]));
    let stamp = "/V<</Type/DocTimeStamp/SubFilter/ETSI.RFC3161/Contents<00>/ByteRange[0 1 2 3]>>/AP<</N 47 0 R>>";
    for level in ["", &forge::certified(1), &forge::certified(2)] {
        not_intact("a document timestamp that shows text", &with_field(level, &field(stamp), &[(47, &look)]));
    }
    let free = field("/AP<</N 47 0 R>>").replace("/Subtype/Widget", "/Subtype/FreeText");
    not_intact("another annotation", &with_field("", &free, &[(47, &look)]));
    not_intact("an action", &with_field("", &field("/AA<</E<</S/JavaScript/JS(x)>>>>"), &[]));
}

#[test]
fn appearances_that_deceive_are_not_intact() {
    let shown = |data: &str, font: &str| {
        format!(
            "<</Type/XObject/Subtype/Form/BBox[0 0 200 20]/Resources<</Font<</F1 {font}>>>>/Length {}>>\nstream\n{data}\nendstream",
            data.len()
        )
    };
    let field = Forge::text_field("/V(1000)/AP<</N 43 0 R>>");
    let honest = shown("BT /F1 12 Tf (1000) Tj ET", "5 0 R");
    let fill = |look: &str| Forge::signed("").update(&[(7, &field), (43, look)]).bytes;
    assert_eq!(judge(&fill(&honest)).integrity, Integrity::Intact);
    let helvetica = |extra: &str| format!("<</Type/Font/Subtype/Type1/BaseFont/Helvetica{extra}>>");
    let text = "BT /F1 12 Tf (1000) Tj ET";
    let swapped = helvetica("/Encoding<</Type/Encoding/Differences[49/nine]>>");
    not_intact("digits swapped", &fill(&shown(text, &swapped)));
    let fine = helvetica("/Encoding<</Type/Encoding/Differences[39/quotesingle 49/one 128/bullet]>>");
    assert_eq!(judge(&fill(&shown(text, &fine))).integrity, Integrity::Intact);
    not_intact("a font that draws", &fill(&shown(text, "<</Type/Font/Subtype/Type3>>")));
    not_intact("hidden digits", &fill(&shown("BT /F1 12 Tf (1) Tj 3 Tr (000) Tj ET", "5 0 R")));
    let further = Forge::text_field("/V(1000)/AP<</N 43 0 R/D 14 0 R>>");
    not_intact("another look when pressed", &Forge::signed("").update(&[(7, &further), (43, &honest)]).bytes);
    // Signed with its value, it is not drawn anew.
    let filled = Forge::base().update(&[(7, &field), (43, &honest)]).sign_again(20, "");
    not_intact("drawn anew", &filled.update(&[(43, &shown("BT /F1 12 Tf 300 0 Td (1000) Tj ET", "5 0 R"))]).bytes);
    // Markup that the certifier allows, but made to look like content.
    let page = Forge::page("").replace("11 0 R]", "11 0 R 46 0 R]");
    let markup = |look: &str| {
        let note = "<</Type/Annot/Subtype/Highlight/Rect[50 700 300 720]/QuadPoints[50 720 300 720 50 700 300 700]/AP<</N 47 0 R>>>>";
        Forge::signed(&forge::certified(3)).update(&[(3, &page), (46, note), (47, look)]).bytes
    };
    let blended = forge::form_xobject("/M gs 1 1 0 rg 0 0 9 9 re f")
        .replace("/BBox", "/Resources<</ExtGState<</M<</BM/Multiply>>>>>>/BBox");
    assert_eq!(judge(&markup(&blended)).integrity, Integrity::Intact);
    not_intact("a highlight that hides", &markup(&forge::form_xobject("1 1 0 rg 0 0 9 9 re f")));
    let padded = format!("BX unheardof EX {}BT (I owe you) Tj ET", "q Q ".repeat(6_000));
    not_intact("evil highlight behind a lot", &markup(&forge::form_xobject(&padded)));
    not_intact("evil highlight", &markup(&forge::form_xobject("BT (I owe you) Tj ET")));
}
