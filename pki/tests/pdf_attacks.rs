//! The published attack classes against signed PDF files (incremental saving, signature wrapping, shadow attacks, borrowed signatures)
//! and odd forms of cross-reference data, each as a file made here. None may be called intact.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, missing_docs)]

mod forge;

use chuky_model::instant::Instant;
use chuky_model::report::{Integrity, Report};
use chuky_pki::verify::{VerificationContext, verify_document};
use forge::updates::{EVIL, by_hand, evil_content, object_stream, row_stream};
use forge::{Forge, stream};

fn judge(bytes: &[u8]) -> Report {
    let context = VerificationContext::at(Instant::parse_rfc3339("2026-11-22T00:00:00Z").unwrap());
    verify_document(bytes, "made.pdf", &context)
}

#[track_caller]
fn not_intact(name: &str, bytes: &[u8]) {
    let report = judge(bytes);
    let changes: Vec<_> = report.signatures.iter().flat_map(|line| &line.changes_after).collect();
    assert!(
        matches!(report.integrity, Integrity::Altered | Integrity::Broken),
        "{name}: {:?} {changes:#?} {:#?}",
        report.integrity,
        report.checks
    );
}

#[track_caller]
fn intact(name: &str, bytes: &[u8]) {
    let report = judge(bytes);
    assert_eq!(report.integrity, Integrity::Intact, "{name}: {report:#?}");
}

/// A signed file in whose signed bytes a second definition of the first page's content lies that no table lists: only a reader that
/// repairs the file finds it.
fn prepared() -> Forge {
    let mut forge = Forge::base();
    forge.bytes.extend(format!("{}\n", evil_content()).bytes());
    forge.sign_again(20, "")
}

const PREVIOUS: &str = "/Prev {prev}";

#[test]
fn an_update_that_makes_readers_repair_a_prepared_file_is_not_intact() {
    // Alone, and with an update that every reader reads, the signer's content is shown.
    intact("prepared", &prepared().bytes);
    let harmless: &[(u32, &str)] = &[(42, "(x)")];
    intact("prepared and updated", &prepared().update(harmless).bytes);
    // Many readers look for `startxref` in the last 1,024 bytes only, then repair.
    for padding in [b' ', b'%', 0] {
        let bytes = [prepared().update(harmless).bytes, vec![padding; 1_500]].concat();
        not_intact(&format!("out of sight behind {padding}"), &bytes);
    }
    // Table entries of 19 bytes.
    let bytes = prepared().update(harmless).bytes;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let table = bytes.len() - (text.len() - text.rfind("xref\n0 1").unwrap());
    let short = String::from_utf8_lossy(&bytes[table..]).replace(" f \n", " f\n").replace(" n \n", " n\n");
    not_intact("short entries", &[&bytes[..table], short.as_bytes()].concat());
    // A `startxref` that leads to white space before the table.
    let moved = String::from_utf8_lossy(&bytes[table..])
        .replace(&format!("startxref\n{table}"), &format!("startxref\n{}", table - 1));
    not_intact("not at the table", &[&bytes[..table], moved.as_bytes()].concat());
    // No end at all, or a number that is none.
    let cut = bytes.len() - 6;
    not_intact("no end", &bytes[..cut]);
    let broken = String::from_utf8_lossy(&bytes[table..]).replace("startxref\n", "startxref\n-");
    not_intact("a negative offset", &[&bytes[..table], broken.as_bytes()].concat());
}

#[test]
fn odd_forms_of_later_cross_references_are_not_intact() {
    let signed = || Forge::signed("").bytes;
    let evil = evil_content();
    // The table that `startxref` names knows nothing of the content; a stream beside it does.
    let at = signed().len();
    let offset = u32::try_from(at).unwrap().to_be_bytes();
    let rows = row_stream(51, "4 1", &[[1, offset[0], offset[1], offset[2], offset[3], 0]]);
    not_intact("a stream beside the table", &by_hand(signed(), &[&evil, &rows], &[(51, Some(1), 0)], PREVIOUS));
    not_intact("a stream that Prev names", &by_hand(signed(), &[&evil, &rows], &[(51, Some(1), 0)], "/Prev {1}"));
    // The revision that was signed is left out of the chain.
    let base = Forge::base().bytes;
    let text = String::from_utf8_lossy(&base).into_owned();
    let first = text.rsplit("startxref\n").next().unwrap().lines().next().unwrap();
    // Then nothing of the document is signed.
    let skipped = judge(&by_hand(signed(), &[], &[], &format!("/Prev {first}")));
    assert!(!matches!(skipped.integrity, Integrity::Intact | Integrity::Unknown), "{skipped:#?}");
    not_intact("no Prev at all", &by_hand(signed(), &[&evil], &[(4, Some(0), 0)], ""));
    not_intact("a Prev into nowhere", &by_hand(signed(), &[&evil], &[(4, Some(0), 0)], "/Prev 7"));
    let generation = "4 1 obj\n".to_owned() + evil.split_once('\n').unwrap().1;
    not_intact("a header of another generation", &by_hand(signed(), &[&generation], &[(4, Some(0), 0)], PREVIOUS));
    let same = "4 1 obj\n".to_owned() + &stream(forge::TEXT_SHOWN) + "\nendobj";
    not_intact("the same content, another generation", &by_hand(signed(), &[&same], &[(4, Some(0), 1)], PREVIOUS));
}

#[test]
fn objects_behind_the_end_are_not_intact() {
    let signed = || Forge::signed("").bytes;
    let evil = evil_content();
    let behind = |tail: &str| [signed(), tail.as_bytes().to_vec()].concat();
    not_intact("an object", &behind(&format!("{evil}\n")));
    not_intact("an object and a trailer", &behind(&format!("{evil}\ntrailer<</Root 1 0 R>>\n")));
    not_intact(
        "a catalogue",
        &behind("1 0 obj<</Type/Catalog/Pages 99 0 R>>endobj 99 0 obj<</Kids[]/Count 0>>endobj\n"),
    );
    // A whole file, whose offsets count from its own header.
    not_intact("another file", &[signed(), Forge::base().update(&[(4, &stream(EVIL))]).bytes].concat());
    not_intact("an object behind a harmless update", &{
        [Forge::signed("").update(&[(42, "(x)")]).bytes, format!("{evil}\n").into_bytes()].concat()
    });
}

#[test]
fn object_streams_that_readers_take_differently_are_not_intact() {
    let signed = || Forge::signed("").bytes;
    let (good, evil) = (Forge::page(""), Forge::page("/Contents 14 0 R"));
    // The same number twice: by index the good one, by number the other.
    let (first, second) = (format!("{good} "), evil);
    let data = format!("3 0 3 {} {first}{second}", first.len());
    let head = data.find('<').unwrap();
    let twice =
        format!("50 0 obj\n<</Type/ObjStm/N 2/First {head}/Length {}>>\nstream\n{data}\nendstream\nendobj", data.len());
    let in_stream =
        |index: u8| row_stream(51, "3 1 50 2", &[[2, 0, 0, 0, 50, index], [1, 0, 0, 0, 0, 0], [1, 0, 0, 0, 0, 0]]);
    for index in [0, 1] {
        let rows = in_stream(index);
        let listed: &[_] = &[(50, Some(0), 0), (51, Some(1), 0)];
        let bytes = by_hand(signed(), &[&twice, &rows], listed, "/Prev {prev}/XRefStm {1}");
        not_intact(&format!("twice, index {index}"), &bytes);
    }
    // An index that leads to another object than the number.
    let inner = object_stream(50, 3, &good);
    let rows = in_stream(7);
    let listed: &[_] = &[(50, Some(0), 0), (51, Some(1), 0)];
    not_intact("a wrong index", &by_hand(signed(), &[&inner, &rows], listed, "/Prev {prev}/XRefStm {1}"));
}

#[test]
fn shadows_that_were_prepared_are_not_intact_once_they_are_used() {
    let signed = || Forge::signed("").bytes;
    let text = String::from_utf8_lossy(&signed()).into_owned();
    // Four bytes of the header's comment become three each in the text.
    let place = |what: &str| text.find(what).unwrap() - 8;
    let bytes = signed();
    let exact = |what: &[u8]| bytes.windows(what.len()).position(|window| window == what).unwrap();
    assert!(place("14 0 obj") <= exact(b"14 0 obj"));
    let row = |number: u32, offset: usize| {
        let table = format!("xref\n{number} 1\n{offset:010} 00000 n \n");
        let start = bytes.len();
        let previous = text.rsplit("startxref\n").next().unwrap().lines().next().unwrap();
        let end =
            format!("{table}trailer\n<</Size 60/Root 1 0 R/Info 15 0 R/Prev {previous}>>\nstartxref\n{start}\n%%EOF\n");
        [bytes.clone(), end.into_bytes()].concat()
    };
    // Hide: what covered the content is freed. Replace: the entry leads to another object in the signed bytes.
    not_intact("hide", &by_hand(signed(), &[], &[(10, None, 1)], PREVIOUS));
    not_intact("an entry switched to unused content", &row(4, exact(b"14 0 obj")));
    not_intact("an entry switched to another form", &row(10, exact(b"12 0 obj")));
    not_intact(
        "a page switched to an unused one",
        &Forge::signed("").update(&[(2, "<</Type/Pages/Count 2/Kids[16 0 R 9 0 R]>>")]).bytes,
    );
}

#[test]
fn a_borrowed_signature_is_not_intact() {
    let look = "/AP<</N 47 0 R>>";
    let field =
        format!("<</Type/Annot/Subtype/Widget/FT/Sig/Rect[50 100 200 150]/F 132/T(Chief)/P 3 0 R/V 21 0 R{look}>>");
    let page = Forge::page("").replace("11 0 R]", "11 0 R 46 0 R]");
    let form = "<</Fields[7 0 R 8 0 R 20 0 R 46 0 R]/SigFlags 3/DA(/F1 0 Tf)/DR<</Font<</F1 5 0 R>>>>>>";
    let shown = forge::form_xobject("BT /F1 12 Tf (Signed by the chief) Tj ET");
    let update: &[(u32, &str)] = &[(3, &page), (6, form), (46, &field), (47, &shown)];
    not_intact("a new field", &Forge::signed("").update(update).bytes);
    // An empty field that was there.
    let empty = field.replace("/V 21 0 R", "").replace(look, "");
    let base = Forge::base().update(&[(46, &empty)]).sign_again(20, "");
    not_intact("an empty field", &base.update(update).bytes);
}

/// The text field filled with `Hue`, with this appearance.
fn filled(appearance: &str) -> Vec<u8> {
    let field = Forge::text_field("/V(Hue)/AP<</N 43 0 R>>");
    let content = stream(appearance).replace("<</Resources", "<</Subtype/Form/BBox[0 0 200 20]/Resources");
    Forge::signed("").update(&[(7, &field), (43, &content)]).bytes
}

#[test]
fn a_field_that_shows_something_else_than_its_text_operators_say_is_not_intact() {
    intact("plain", &filled("/Tx BMC q BT /F1 12 Tf 2 5 Td (Hue) Tj ET Q EMC"));
    intact(
        "on a ground",
        &filled("q 1 g 0 0 200 20 re f Q /Tx BMC q 1 1 198 18 re W n BT /F1 12 Tf 2 5 Td (Hue) Tj ET Q EMC"),
    );
    intact("letter by letter", &filled("BT /F1 12 Tf 2 5 Td (H) Tj 8 0 Td (u) Tj 8 0 Td (e) Tj ET"));
    not_intact(
        "covered by drawn letters",
        &filled("BT /F1 12 Tf (Hue) Tj ET 1 g 0 0 200 20 re f 0 g 5 5 m 9 9 l 9 5 l f"),
    );
    not_intact("a bar before it", &filled("0 g 2 2 1 15 re f BT /F1 12 Tf 5 5 Td (Hue) Tj ET"));
    not_intact("strokes before it", &filled("2 2 m 2 15 l S BT /F1 12 Tf 5 5 Td (Hue) Tj ET"));
    not_intact("out of order", &filled("BT /F1 12 Tf 50 5 Td (Hu) Tj -30 0 Td (e) Tj ET"));
    not_intact("upwards", &filled("BT /F1 12 Tf 2 2 Td (Hu) Tj 0 14 Td (e) Tj ET"));
    not_intact("pushed back", &filled("BT /F1 12 Tf 50 5 Td [(Hu) 9000 (e)] TJ ET"));
}

#[test]
fn a_font_given_to_a_field_that_named_it_is_not_intact() {
    let named = Forge::text_field("/V(1)").replace("/F1 12 Tf", "/Ghost 12 Tf");
    let base = || Forge::base().update(&[(7, &named)]).sign_again(20, "");
    let form = |name: &str| {
        format!("<</Fields[7 0 R 8 0 R 20 0 R]/SigFlags 3/DA(/F1 0 Tf)/DR<</Font<</F1 5 0 R/{name} 45 0 R>>>>>>")
    };
    let font = "<</Type/Font/Subtype/Type1/BaseFont/Symbol>>";
    not_intact("a font that a field names", &base().update(&[(6, &form("Ghost")), (45, font)]).bytes);
    intact("a font that nobody names", &base().update(&[(6, &form("Other")), (45, font)]).bytes);
}

#[test]
fn wrapped_signatures_are_not_intact() {
    let signed = Forge::signed("").bytes;
    let find = |what: &[u8]| signed.windows(what.len()).rposition(|window| window == what).unwrap();
    let start = find(b"/Contents<") + 9;
    let end = start + signed[start..].iter().position(|byte| *byte == b'>').unwrap() + 1;
    let (head, contents, tail) = (&signed[..start], &signed[start..end], &signed[end..]);
    let table = find(b"xref\n0 1");
    let dictionary = |range: &str| {
        let contents = String::from_utf8_lossy(contents);
        format!(
            "<</Type/Sig/Filter/Adobe.PPKLite/SubFilter/adbe.pkcs7.detached/Reason(Test)/ByteRange[{range}]/Contents{contents}>>"
        )
    };
    // The signed tail moves to the end; where its `startxref` leads stands a table that knows other objects.
    let gap = |second: usize| {
        let mut file = [head, contents].concat();
        file.resize(table, b' ');
        let evil = format!("{}\n", evil_content());
        let wrapped = format!("21 0 obj\n{}\nendobj\n", dictionary(&format!("0 {start} {second} {}", tail.len())));
        let previous = String::from_utf8_lossy(&Forge::base().bytes).into_owned();
        let previous = previous.rsplit("startxref\n").next().unwrap().lines().next().unwrap().to_owned();
        let rows = |base: usize| {
            format!(
                "xref\n4 1\n{base:010} 00000 n \n21 1\n{:010} 00000 n \ntrailer\n<</Size 60/Root 1 0 R/Info 15 0 R/Prev {previous}>>\n",
                base + evil.len()
            )
        };
        let base = table + rows(0).len();
        [file, rows(base).into_bytes(), evil.into_bytes(), wrapped.into_bytes()].concat()
    };
    let length = gap(0).len();
    // The number may take more digits than zero does.
    let second = (length..length + 20).find(|second| gap(*second).len() == *second).unwrap();
    not_intact("wrapped", &[gap(second).as_slice(), tail].concat());
    // The gap holds an object behind the contents.
    let stuffed = [head, contents, format!("/Extra({EVIL})").as_bytes(), tail].concat();
    not_intact("stuffed", &stuffed);
}
