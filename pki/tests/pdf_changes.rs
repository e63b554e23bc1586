//! One signed file for each kind of change after signing, harmless and altering: made here byte by byte, signed with an OpenSSL
//! key, changed by an incremental update, and judged by rule.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, missing_docs)]

mod forge;

use chuky_model::instant::Instant;
use chuky_model::report::{Indication, Integrity, Report, SubIndication};
use chuky_pki::verify::{VerificationContext, verify_document};
use forge::{Forge, TEXT_SHOWN, look, stream};

fn judge(bytes: &[u8]) -> Report {
    let context = VerificationContext::at(Instant::parse_rfc3339("2026-11-22T00:00:00Z").unwrap());
    verify_document(bytes, "made.pdf", &context)
}

/// The first signature's changes as `kind:permitted`.
fn kinds(report: &Report) -> Vec<String> {
    report.signatures[0].changes_after.iter().map(|change| format!("{}:{}", change.kind, change.permitted)).collect()
}

#[track_caller]
fn expect(name: &str, bytes: &[u8], integrity: Integrity, kind: &str) {
    let report = judge(bytes);
    let found = kinds(&report);
    assert_eq!(report.integrity, integrity, "{name}: {found:?} {:#?}", report.signatures);
    assert!(kind.is_empty() || found.iter().any(|one| one == kind), "{name}: wanted {kind}, found {found:?}");
}

/// A metadata packet with these properties.
fn packet(properties: &str) -> String {
    stream(&format!(
        "<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'><rdf:Description rdf:about='' \
         xmlns:dc='http://purl.org/dc/elements/1.1/' xmlns:pdf='http://ns.adobe.com/pdf/1.3/' xmlns:xmp='http://ns.adobe.com/xap/1.0/' \
         xmlns:pdfaid='http://www.aiim.org/pdfa/ns/id/'>{properties}</rdf:Description></rdf:RDF></x:xmpmeta>"
    ))
}

fn title(text: &str) -> String {
    format!("<dc:title><rdf:Alt><rdf:li xml:lang='x-default'>{text}</rdf:li></rdf:Alt></dc:title>")
}

#[test]
fn a_signed_file_without_changes_is_intact() {
    let report = judge(&Forge::signed("").bytes);
    assert_eq!(report.integrity, Integrity::Intact, "{:#?}", report.signatures);
    assert_eq!(report.signatures[0].covers, "whole_file");
    assert_eq!(report.signatures[0].id, "Signature1");
    assert_eq!(report.indication, Indication::Indeterminate);
    assert_eq!(report.sub_indication, Some(SubIndication::NoCertificateChainFound));
    assert_eq!(report.signatures[0].claimed_signing_time.as_deref(), Some("2026-11-21T23:00:00Z"));
}

#[test]
fn an_unsigned_file_has_no_signature() {
    let report = judge(&Forge::base().bytes);
    assert_eq!((report.integrity, report.indication), (Integrity::None, Indication::NoSignatureFound));
}

#[test]
fn every_flipped_byte_of_the_signed_bytes_breaks_it() {
    let signed = Forge::signed("").bytes;
    let gap = signed.windows(10).position(|window| window == b"/Contents<").unwrap();
    for at in (9..gap).step_by(101) {
        let mut changed = signed.clone();
        changed[at] ^= 1;
        assert_ne!(judge(&changed).integrity, Integrity::Intact, "byte {at}");
    }
}

#[test]
fn a_wrong_signature_value_and_a_wrong_digest_are_told_apart() {
    let signed = Forge::signed("").bytes;
    let text = signed.windows(5).position(|window| window == b"Hello").unwrap();
    let mut changed = signed.clone();
    changed[text] = b'J';
    let report = judge(&changed);
    assert_eq!((report.integrity, report.sub_indication), (Integrity::Broken, Some(SubIndication::HashFailure)));
}

#[test]
fn harmless_changes_need_nobodys_permission() {
    let case = |name: &str, update: &[(u32, &str)], kind: &str| {
        expect(name, &Forge::signed("").update(update).bytes, Integrity::Intact, kind);
    };
    case("long-term data", &[(1, &Forge::catalogue("/DSS<</Type/DSS/Certs[]/CRLs[]>>"))], "long_term_data:true");
    let dates = packet("<xmp:ModifyDate>2027</xmp:ModifyDate><pdf:Producer>P</pdf:Producer>");
    case("metadata", &[(1, &Forge::catalogue("/Metadata 40 0 R")), (40, &dates)], "metadata:true");
    let repeating = packet(&title("Letter"));
    case("metadata that repeat", &[(1, &Forge::catalogue("/Metadata 40 0 R")), (40, &repeating)], "metadata:true");
    case("trapped", &[(15, "<</Title(Letter)/Trapped/False>>")], "metadata:true");
    case("dates", &[(15, "<</Title(Letter)/ModDate(D:20270101000000Z)>>")], "metadata:true");
    case("content encoded differently", &[(4, &forge::hex_stream(TEXT_SHOWN))], "");
    case("renumbered content", &[(3, &Forge::page("/Contents 41 0 R")), (41, &stream(TEXT_SHOWN))], "");
    case("a free object", &[(42, "(nobody refers to this)")], "");
    expect("white space", &[Forge::signed("").bytes, b"\r\n \n".to_vec()].concat(), Integrity::Intact, "");
    let twice = Forge::signed("").sign_again(30, "");
    expect("a further signature", &twice.bytes, Integrity::Intact, "further_signature:true");
    assert_eq!(judge(&twice.bytes).signatures.len(), 2);
}

#[test]
fn forms_may_be_filled_where_what_is_shown_is_what_is_stored() {
    let case = |name: &str, update: &[(u32, &str)], integrity, kind: &str| {
        expect(name, &Forge::signed("").update(update).bytes, integrity, kind);
    };
    let appearance = |text: &str| look(&format!("/Tx BMC BT /F1 12 Tf ({text}) Tj ET EMC"));
    let filled = Forge::text_field("/V(Ha Noi)/AP<</N 43 0 R>>");
    case("filled", &[(7, &filled), (43, &appearance("Ha Noi"))], Integrity::Intact, "form_filled:true");
    case("shows another", &[(7, &filled), (43, &appearance("Hue"))], Integrity::Altered, "shown_is_not_stored:false");
    case("draws more", &[(7, &filled), (43, &look("/X1 Do"))], Integrity::Altered, "shown_is_not_stored:false");
    case("ticked", &[(8, &Forge::check_box("/Yes"))], Integrity::Intact, "form_filled:true");
    let swapped = Forge::check_box("/Yes").replace("/Yes 12", "/Yes 13");
    case("ticked with another look", &[(8, &swapped)], Integrity::Altered, "shown_is_not_stored:false");
    case(
        "moved",
        &[(7, &Forge::text_field("").replace("[50 600", "[50 100"))],
        Integrity::Altered,
        "field_changed:false",
    );
    case("hidden", &[(7, &Forge::text_field("").replace("/F 4", "/F 2"))], Integrity::Altered, "field_changed:false");
    let more = "<</Fields[7 0 R 8 0 R 20 0 R 44 0 R]/SigFlags 3/DA(/F1 0 Tf)/DR<</Font<</F1 5 0 R>>>>>>";
    case("added", &[(6, more), (44, "<</FT/Tx/T(New)>>")], Integrity::Altered, "field_added:false");
    let fewer = "<</Fields[8 0 R 20 0 R]/SigFlags 3/DA(/F1 0 Tf)/DR<</Font<</F1 5 0 R>>>>>>";
    case("removed", &[(6, fewer)], Integrity::Altered, "field_removed:false");
    let form = |extra: &str| {
        format!("<</Fields[7 0 R 8 0 R 20 0 R]/SigFlags 3/DA(/F1 0 Tf)/DR<</Font<</F1 5 0 R>>>>{extra}>>")
    };
    case("regenerated", &[(6, &form("/NeedAppearances true"))], Integrity::Altered, "form_entry:false");
    case("xfa", &[(6, &form("/XFA(x)"))], Integrity::Altered, "xfa:false");
    let other_font = "<</Fields[7 0 R 8 0 R 20 0 R]/SigFlags 3/DA(/F1 0 Tf)/DR<</Font<</F1 45 0 R>>>>>>";
    let font = "<</Type/Font/Subtype/Type1/BaseFont/Symbol>>";
    case("font of the form", &[(6, other_font), (45, font)], Integrity::Altered, "form_entry:false");
}

#[test]
fn what_a_reader_sees_must_not_change() {
    let case = |name: &str, update: &[(u32, &str)], kind: &str| {
        expect(name, &Forge::signed("").update(update).bytes, Integrity::Altered, kind);
    };
    case("content", &[(4, &stream("BT /F1 12 Tf (Forged) Tj ET"))], "page_content:false");
    case("hide and replace", &[(3, &Forge::page("/Contents 14 0 R"))], "page_content:false");
    case("font", &[(5, "<</Type/Font/Subtype/Type1/BaseFont/Symbol>>")], "page_resources:false");
    case("form XObject", &[(10, &forge::form_xobject("0 0 100 100 re f"))], "page_resources:false");
    case("page added", &[(2, "<</Type/Pages/Count 3/Kids[3 0 R 9 0 R 16 0 R]>>")], "page_added:false");
    case("page removed", &[(2, "<</Type/Pages/Count 1/Kids[3 0 R]>>")], "page_removed:false");
    case("pages reordered", &[(2, "<</Type/Pages/Count 2/Kids[9 0 R 3 0 R]>>")], "page_content:false");
    case("page resized", &[(3, &Forge::page("").replace("[0 0 595 842]", "[0 0 595 400]"))], "page_geometry:false");
    case("page rotated", &[(3, &Forge::page("/Rotate 90"))], "page_geometry:false");
    case("layers", &[(1, &Forge::catalogue("/OCProperties<</OCGs[]>>"))], "optional_content:false");
    case("open action", &[(1, &Forge::catalogue("/OpenAction<</S/JavaScript/JS(x)>>"))], "action:false");
    case("page action", &[(3, &Forge::page("/AA<</O<</S/JavaScript/JS(x)>>>>"))], "action:false");
    case("scripts", &[(1, &Forge::catalogue("/Names<</JavaScript<</Names[]>>>>"))], "name_tree:false");
    case("legal", &[(1, &Forge::catalogue("/Legal<<>>"))], "permissions:false");
    case("unknown entry", &[(1, &Forge::catalogue("/Whatever 1"))], "catalogue_entry:false");
    case("title", &[(15, "<</Title(Forged)>>")], "document_information:false");
    case("no information", &[(15, "null")], "document_information:false");
    case("an entry more", &[(15, "<</Title(Letter)/Company(Forged)>>")], "document_information:false");
    case("no name", &[(15, "<</Title(Letter)/Trapped(Forged)>>")], "document_information:false");
    let catalogue = Forge::catalogue("/Metadata 40 0 R");
    for other in [title("Forged"), "<pdf:Keywords>Forged</pdf:Keywords>".into(), "<pdfaid:part>1</pdfaid:part>".into()]
    {
        case("metadata", &[(1, &catalogue), (40, &packet(&other))], "document_information:false");
        case(
            "metadata of a page",
            &[(3, &Forge::page("/Metadata 40 0 R")), (40, &packet(&other))],
            "document_information:false",
        );
    }
    case("no metadata", &[(1, &catalogue), (40, &stream("<html>Forged</html>"))], "document_information:false");
}

#[test]
fn what_metadata_said_when_it_was_signed_it_says() {
    let catalogue = Forge::catalogue("/Metadata 40 0 R");
    let before = packet(&format!("{}<xmp:ModifyDate>2026</xmp:ModifyDate>", title("Letter")));
    let signed = || Forge::base().update(&[(1, &catalogue), (40, &before)]).sign_again(20, "");
    let case = |name: &str, update: &[(u32, &str)], integrity, kind: &str| {
        expect(name, &signed().update(update).bytes, integrity, kind);
    };
    expect("signed", &signed().bytes, Integrity::Intact, "");
    let later = packet(&format!("<xmp:ModifyDate>2027</xmp:ModifyDate>{}", title("Letter")));
    case("dates", &[(40, &later)], Integrity::Intact, "metadata:true");
    for (name, content) in
        [("title", title("Forged")), ("no title", String::new()), ("two", title("Letter") + &title("Forged"))]
    {
        case(name, &[(40, &packet(&content))], Integrity::Altered, "document_information:false");
    }
    case("left out", &[(1, &Forge::catalogue(""))], Integrity::Altered, "document_information:false");
    let further = signed().update(&[(40, &later)]).sign_again(30, "");
    expect("a further signature", &further.bytes, Integrity::Intact, "further_signature:true");
}

#[test]
fn a_replaced_reason_is_not_intact() {
    let forge = Forge::signed("");
    let text = String::from_utf8_lossy(&forge.bytes).into_owned();
    let start = text.rfind("21 0 obj\n").unwrap() + 9;
    let end = text[start..].find("\nendobj").unwrap() + start;
    // Offsets in the text are those in the bytes but for the four of the header's comment.
    let dictionary = text[start..end].replace("/Reason(Test)", "/Reason(Forged)");
    let report = judge(&forge.update(&[(21, &dictionary)]).bytes);
    assert_eq!(report.integrity, Integrity::Broken);
}

#[test]
fn annotations_need_the_third_level_and_must_not_look_like_content() {
    let annotated = |level: &str, annotation: &str| {
        let page = Forge::page("").replace("11 0 R]", "11 0 R 46 0 R]");
        Forge::signed(level).update(&[(3, &page), (46, annotation)]).bytes
    };
    let (p2, p3) = (&forge::certified(2), &forge::certified(3));
    let note = "<</Type/Annot/Subtype/Text/Rect[9 9 20 20]/Contents(Note)>>";
    let free = "<</Type/Annot/Subtype/FreeText/Rect[50 700 300 720]/DA(/F1 12 Tf)/Contents(I owe you)>>";
    expect("note", &annotated("", note), Integrity::Altered, "annotation_added:false");
    expect("note at level 2", &annotated(p2, note), Integrity::Altered, "annotation_added:false");
    expect("note at level 3", &annotated(p3, note), Integrity::Intact, "annotation_added:true");
    expect("evil annotation", &annotated(p3, free), Integrity::Altered, "content_like_annotation:false");
    let removed = Forge::page("").replace("11 0 R", "");
    let bytes = Forge::signed("").update(&[(3, &removed)]).bytes;
    expect("removed", &bytes, Integrity::Altered, "annotation_removed:false");
}

#[test]
fn signers_permissions_are_kept() {
    let filled = Forge::text_field("/V(Hue)/AP<</N 43 0 R>>");
    let shown = look("BT /F1 12 Tf (Hue) Tj ET");
    let fill: &[(u32, &str)] = &[(7, &filled), (43, &shown)];
    let (p1, p2) = (forge::certified(1), forge::certified(2));
    expect("filled at 1", &Forge::signed(&p1).update(fill).bytes, Integrity::Altered, "form_filled:false");
    expect("filled at 2", &Forge::signed(&p2).update(fill).bytes, Integrity::Intact, "form_filled:true");
    let locked =
        "/Reference[<</Type/SigRef/TransformMethod/FieldMDP/TransformParams<</Action/Include/Fields[(Name)]>>>>]";
    expect("locked", &Forge::signed(locked).update(fill).bytes, Integrity::Altered, "form_filled:false");
    let signed_again = Forge::signed(&p1).sign_again(30, "");
    expect("signed at 1", &signed_again.bytes, Integrity::Altered, "further_signature:false");
    let dss: &[(u32, &str)] = &[(1, &Forge::catalogue("/DSS<</Certs[]>>"))];
    expect("long-term data at 1", &Forge::signed(&p1).update(dss).bytes, Integrity::Intact, "long_term_data:true");
    let loosened = Forge::signed(&p2).sign_again(30, &forge::certified(3));
    expect("loosened", &loosened.bytes, Integrity::Altered, "permissions:false");
    let refill = Forge::signed("")
        .update(fill)
        .sign_again(30, "")
        .update(&[(43, &look("BT /F1 12 Tf (Vinh) Tj ET")), (7, &Forge::text_field("/V(Vinh)/AP<</N 43 0 R>>"))]);
    let report = judge(&refill.bytes);
    assert_eq!(report.integrity, Integrity::Altered);
    assert!(
        report.signatures[1].changes_after.iter().any(|change| change.kind == "form_refilled" && !change.permitted)
    );
}

#[test]
fn incremental_saving_attacks_are_seen_through_lenient_eyes() {
    let forged = format!("4 0 obj\n{}\nendobj\n", stream("BT /F1 12 Tf (Forged) Tj ET"));
    let signed = Forge::signed("").bytes;
    let appended = |tail: &str| [signed.clone(), tail.as_bytes().to_vec()].concat();
    for (name, tail) in [
        ("without a table", forged.clone()),
        ("with an end", format!("{forged}%%EOF")),
        ("startxref 0", format!("{forged}startxref\n0\n%%EOF\n")),
        ("trailer without table", format!("{forged}trailer\n<</Root 1 0 R/Size 60>>\nstartxref\n99999999\n%%EOF\n")),
        ("commented", format!("%x\n{forged}%trailer\n%%EOF\n")),
    ] {
        let report = judge(&appended(&tail));
        assert!(matches!(report.integrity, Integrity::Altered | Integrity::Broken), "{name}: {:?}", report.integrity);
    }
    // An update whose table hides the forged object from strict readers only.
    let mut hidden = Forge::signed("").update(&[(42, "(x)")]);
    let at = hidden.bytes.windows(8).rposition(|window| window == b"42 0 obj").unwrap();
    let tail = hidden.bytes.split_off(at);
    hidden.bytes.extend_from_slice(forged.as_bytes());
    hidden.bytes.extend_from_slice(&tail);
    assert_ne!(judge(&hidden.bytes).integrity, Integrity::Intact);
}

#[test]
fn universal_forgeries_and_wrapping_are_broken() {
    let signed = String::from_utf8_lossy(&Forge::signed("").bytes).into_owned();
    let range = signed.find("/ByteRange").unwrap();
    let range_end = signed[range..].find(']').unwrap() + range + 1;
    let without_range = format!("{}{}", &signed[..range], &signed[range_end..]);
    let contents = signed.find("/Contents<").unwrap();
    let contents_end = signed[contents..].find('>').unwrap() + contents + 1;
    let with_contents = |replacement: &str| format!("{}{replacement}{}", &signed[..contents], &signed[contents_end..]);
    let doubled = signed.replacen("/ByteRange", "/ByteRange[0 0 0 0]/ByteRange", 1);
    for (name, text) in [
        ("no ByteRange", without_range),
        ("no Contents", with_contents("")),
        ("null Contents", with_contents("/Contents null")),
        ("empty Contents", with_contents("/Contents<>")),
        ("zero Contents", with_contents("/Contents<00>")),
        ("indirect Contents", with_contents("/Contents 14 0 R")),
        ("doubled ByteRange", doubled),
        ("negative", signed.replacen("/ByteRange[0 ", "/ByteRange[0 -", 1)),
    ] {
        let report = judge(text.as_bytes());
        assert!(matches!(report.integrity, Integrity::Broken | Integrity::Unknown), "{name}: {:?}", report.integrity);
    }
}

#[test]
fn a_signature_taken_out_of_its_field_is_noticed() {
    let unsigned_field = "<</Type/Annot/Subtype/Widget/FT/Sig/Rect[0 0 0 0]/F 132/T(Signature1)/P 3 0 R>>";
    let report = judge(&Forge::signed("").update(&[(20, unsigned_field)]).bytes);
    assert_eq!(report.integrity, Integrity::Broken);
    // With a second signature before the removal, that one reports it.
    let report = judge(&Forge::signed("").sign_again(30, "").update(&[(20, unsigned_field)]).bytes);
    assert_eq!(report.integrity, Integrity::Altered);
    assert!(kinds(&report).contains(&"signature_replaced:false".to_owned()));
}

#[test]
fn the_structure_grows_by_an_element_for_a_permitted_annotation() {
    let catalogue = Forge::catalogue("/MarkInfo<</Marked true>>/StructTreeRoot 60 0 R");
    let root = |kids: &str| format!("<</Type/StructTreeRoot/K 61 0 R/ParentTree 63 0 R{kids}>>");
    let document = |kids: &str| format!("<</Type/StructElem/S/Document/P 60 0 R/K[62 0 R{kids}]>>");
    let (tree, paragraph) = ("<</Nums[]>>", "<</Type/StructElem/S/P/P 61 0 R/K 0>>");
    let page = Forge::page("").replace("11 0 R]", "11 0 R 50 0 R]");
    let note = "<</Type/Annot/Subtype/Text/Rect[300 300 320 320]/Contents(c)/StructParent 2>>";
    let element =
        |more: &str, what: u32| format!("<</Type/StructElem/S/Annot/P 61 0 R/K<</Type/OBJR/Obj {what} 0 R>>{more}>>");
    let annotated = |level: u8, element: &str| {
        let base = [(1, catalogue.as_str()), (60, &root("")), (61, &document("")), (62, paragraph), (63, tree)];
        let signed = Forge::base().update(&base).sign_again(20, &forge::certified(level));
        let grown = document(" 64 0 R");
        signed.update(&[(3, &page), (50, note), (61, &grown), (64, element)]).bytes
    };
    expect("a note", &annotated(3, &element("", 50)), Integrity::Intact, "annotation_added:true");
    expect("not permitted", &annotated(2, &element("", 50)), Integrity::Altered, "annotation_added:false");
    for (name, element) in [
        ("with words", element("/ActualText(Pay 999)", 50)),
        ("for what was there", element("", 11)),
        ("with content", "<</Type/StructElem/S/P/P 61 0 R/K 0>>".to_owned()),
    ] {
        expect(name, &annotated(3, &element), Integrity::Altered, "catalogue_entry:false");
    }
}

#[test]
fn a_sneaky_signature_field_over_the_page_is_an_alteration() {
    let mut forged = Forge::signed("").sign_again(30, "");
    let small = b"/Rect[0 0 0 0]/F 132/T(Signature2)";
    let at = forged.bytes.windows(small.len()).rposition(|window| window == small).unwrap();
    forged.bytes[at..at + small.len()].copy_from_slice(b"/Rect[0 0 9e9 9]/F 4/T(Signature2)");
    // The second signature is broken by that, and the first sees its page covered.
    assert_ne!(judge(&forged.bytes).integrity, Integrity::Intact);
}
