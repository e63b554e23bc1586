//! Objects that are one thing to some readers and another to others: pages and widgets that inherit by two ways, content that passes for metadata or for a
//! page, fields with two values, fills that show a part, data that filters take differently. Each attack has a twin without it that is intact.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, missing_docs)]

mod forge;

use chuky_model::instant::Instant;
use chuky_model::report::{Integrity, Outcome, Report};
use chuky_pki::verify::{VerificationContext, verify_document};
use forge::{Forge, certified, form_xobject, stream};
use std::time::{Duration, Instant as Clock};

const HARMLESS: &[(u32, &str)] = &[(42, "(x)")];

fn judge(bytes: &[u8]) -> Report {
    let context = VerificationContext::at(Instant::parse_rfc3339("2026-11-22T00:00:00Z").unwrap());
    verify_document(bytes, "made.pdf", &context)
}

/// What the first signature says.
#[track_caller]
fn first(name: &str, bytes: &[u8], expected: Integrity) {
    let report = judge(bytes);
    let changes: Vec<_> = report.signatures.iter().flat_map(|line| &line.changes_after).collect();
    let found = report.signatures.first().map(|line| line.integrity);
    assert_eq!(found, Some(expected), "{name}: {changes:#?} {:#?}", report.checks);
}

#[track_caller]
fn intact(name: &str, bytes: &[u8]) {
    first(name, bytes, Integrity::Intact);
    assert_eq!(judge(bytes).integrity, Integrity::Intact, "{name}");
}

#[track_caller]
fn altered(name: &str, bytes: &[u8]) {
    first(name, bytes, Integrity::Altered);
}

/// The base with these objects, signed.
fn signed(objects: &[(u32, &str)], extra: &str) -> Forge {
    let forge = Forge::base().update(objects).sign_again(20, extra);
    intact("as signed", &forge.bytes);
    intact("with a harmless update", &forge.clone().update(HARMLESS).bytes);
    forge
}

fn shown(text: &str) -> String {
    let text = format!("BT /F1 20 Tf 50 700 Td ({text}) Tj ET");
    format!(
        "<</Type/XObject/Subtype/Form/BBox[0 0 500 800]/Resources<</Font<</F1 5 0 R>>>>/Length {}>>\nstream\n{text}\nendstream",
        text.len()
    )
}

#[test]
fn a_page_inherits_the_same_by_both_ways() {
    let node = |more: &str| {
        format!(
            "<</Type/Pages/Kids[3 0 R 9 0 R]/Count 2/MediaBox[0 0 595 842]/Resources<</XObject<</X1 10 0 R>>>>{more}>>"
        )
    };
    let page = |parent: u32| format!("<</Type/Page/Parent {parent} 0 R/Contents 17 0 R>>");
    let other = |entries: &str| format!("<</Type/Pages/Kids[9 0 R]/Count 1{entries}>>");
    let same = "/MediaBox[0 0 595 842]/Resources<</XObject<</X1 10 0 R>>>>";
    let draws = stream("/X1 Do");
    for level in ["", &certified(1)] {
        let base = || signed(&[(2, &node("")), (9, &page(2)), (17, &draws)], level);
        let redefined = |entries: &str| {
            let (page, other, evil) = (page(50), other(entries), shown("Pay 999 000 000"));
            base().update(&[(9, &page), (50, &other), (51, &evil)]).bytes
        };
        altered("other forms", &redefined("/MediaBox[0 0 595 842]/Resources<</XObject<</X1 51 0 R>>>>"));
        altered("another size", &redefined("/MediaBox[0 0 595 400]/Resources<</XObject<</X1 10 0 R>>>>"));
        altered("turned", &redefined(&format!("{same}/Rotate 90")));
        altered("no parent", &base().update(&[(9, "<</Type/Page/Contents 17 0 R>>")]).bytes);
        altered(
            "a parent above the root",
            &base().update(&[(2, &node("/Parent 50 0 R")), (50, &other("/Rotate 90"))]).bytes,
        );
    }
    // A page that led elsewhere when it was signed: what it leads to is still what it inherits.
    let elsewhere = || signed(&[(2, &node("")), (9, &page(50)), (50, &other(same)), (17, &draws)], "");
    let evil = shown("Pay 999 000 000");
    let swapped = other("/MediaBox[0 0 595 842]/Resources<</XObject<</X1 51 0 R>>>>");
    altered("what it led to", &elsewhere().update(&[(50, &swapped), (51, &evil)]).bytes);
    // A null is no value, so that the page inherits.
    let null = page(2).replace("/Contents", "/Resources null/Contents");
    let base = signed(&[(2, &node("")), (9, &null), (17, &draws)], "");
    let node = node("").replace("/X1 10 0 R", "/X1 51 0 R");
    altered("behind a null", &base.update(&[(2, &node), (51, &evil)]).bytes);
}

#[test]
fn nodes_of_the_page_tree_say_nothing_else_later() {
    let node =
        |kid: u32, count: u32, more: &str| format!("<</Type/Pages/Parent 2 0 R/Kids[{kid} 0 R]/Count {count}{more}>>");
    let root = "<</Type/Pages/Kids[45 0 R 46 0 R]/Count 2>>";
    let second = "<</Type/Page/Parent 46 0 R/MediaBox[0 0 595 842]/Contents 17 0 R/Resources<</Font<</F1 5 0 R>>>>>>";
    let (one, two) = (node(3, 1, ""), node(9, 1, ""));
    let base = || signed(&[(2, root), (45, &one), (46, &two), (9, second)], "");
    altered("counts", &base().update(&[(45, &node(3, 0, "")), (46, &node(9, 2, ""))]).bytes);
    altered("an action", &base().update(&[(46, &node(9, 1, "/AA<</O<</S/JavaScript/JS(x)>>>>"))]).bytes);
    intact("written again", &base().update(&[(46, &node(9, 1, ""))]).bytes);
}

#[test]
fn what_is_drawn_is_compared_whatever_lists_it() {
    let evil = shown("Pay 999 000 000");
    let page = |resources: &str, more: &str| {
        format!("<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 17 0 R/Resources<<{resources}>>{more}>>")
    };
    // The catalogue is the dictionary of forms, so that its metadata is a form.
    let catalogue = Forge::catalogue("/Metadata 45 0 R");
    let draws = stream("/Metadata Do");
    let (good, uses) = (shown("Pay 100"), page("/XObject 1 0 R", ""));
    let base = signed(&[(1, &catalogue), (45, &good), (9, &uses), (17, &draws)], "");
    altered("metadata of the catalogue", &base.update(&[(45, &evil)]).bytes);
    // A page is.
    let first = Forge::page("");
    let uses = page("/XObject 16 0 R", "");
    let listed = "<</Type/Pages/Count 3/Kids[3 0 R 9 0 R 16 0 R]>>";
    let third = page("/Font<</F1 5 0 R>>", "/Metadata 45 0 R");
    let base = signed(&[(2, listed), (3, &first), (45, &good), (9, &uses), (16, &third), (17, &draws)], "");
    altered("metadata of a page", &base.update(&[(45, &evil)]).bytes);
    // Content is listed as a page.
    let uses = page("/Font<</F1 5 0 R>>", "");
    let content = |text: &str| stream(&format!("BT /F1 12 Tf ({text:<30}) Tj ET"));
    let listed = "<</Type/Pages/Count 3/Kids[3 0 R 9 0 R 17 0 R]>>";
    let good = content("Pay 100");
    let base = signed(&[(2, listed), (9, &uses), (17, &good)], "");
    altered("content as a page", &base.update(&[(17, &content("Pay 999 000 000"))]).bytes);
    // A layer's rule is a field, and a resource has the name of a key that leads to fields.
    for (key, subtype) in [("T", ""), ("Kids", ""), ("Parent", "/Subtype/Widget")] {
        let rule = |policy: &str| format!("<</Type/OCMD/OCGs[48 0 R]{subtype}/P/{policy}/FT/Tx/T(Name)>>");
        let uses = page(&format!("/Properties<</{key} 7 0 R>>/Font<</F1 5 0 R>>"), "");
        let content = stream(&format!("/OC /{key} BDC BT /F1 12 Tf (only after delivery) Tj ET EMC"));
        let base = signed(&[(7, &rule("AnyOn")), (9, &uses), (17, &content), (48, "<</Type/OCG/Name(L)>>")], "");
        altered("a layer's rule", &base.update(&[(7, &rule("AllOff"))]).bytes);
    }
    // A field's appearance draws what passes for metadata: nothing that the field leads to is left out.
    let look = form_xobject("/Metadata Do").replace("/BBox", "/Resources<</XObject 1 0 R>>/BBox");
    let field = Forge::text_field("/AP<</N 46 0 R>>");
    let good = shown("Pay 100");
    let base = signed(&[(1, &catalogue), (45, &good), (7, &field), (46, &look)], "");
    altered("metadata in a field", &base.update(&[(45, &evil)]).bytes);
}

/// A field with one widget below it.
fn with_widget(field: &str, widget: &str, look: &str) -> Forge {
    Forge::base().update(&[(7, field), (48, widget), (49, look)]).sign_again(20, "")
}

#[test]
fn a_widget_has_the_value_of_its_field() {
    let field = |value: &str| format!("<</FT/Tx/T(Name)/V({value})/DA(/F1 12 Tf 0 g)/Kids[48 0 R]>>");
    let widget = |parent: u32, more: &str| {
        format!(
            "<</Type/Annot/Subtype/Widget/Parent {parent} 0 R/Rect[50 600 250 620]/F 4/P 3 0 R/DA(/F1 12 Tf 0 g){more}>>"
        )
    };
    let look = "/AP<</N 49 0 R>>";
    let content =
        stream("BT /F1 12 Tf 2 5 Td (100) Tj ET").replace("<</Resources", "<</Subtype/Form/BBox[0 0 200 20]/Resources");
    let evil = field("999 000 000");
    for look in ["", look] {
        let base = || {
            let forge = with_widget(&field("100"), &widget(7, look), &content).sign_again(30, "");
            intact("with a widget", &forge.bytes);
            forge
        };
        let widget = |parent: u32, more: &str| widget(parent, &format!("{look}{more}"));
        altered("a value of its own", &base().update(&[(48, &widget(7, "/V(999 000 000)"))]).bytes);
        altered("another parent", &base().update(&[(48, &widget(60, "")), (60, &evil)]).bytes);
        altered("kids of its own", &base().update(&[(48, &widget(7, "/Kids[60 0 R]")), (60, &evil)]).bytes);
        altered(
            "rich text from above",
            &base().update(&[(7, &field("100").replace("/Kids", "/RV(<p>9</p>)/Kids"))]).bytes,
        );
    }
    // It led elsewhere when it was signed, to the same value.
    let base =
        || with_widget(&field("100"), &widget(60, ""), &content).update(&[(60, &field("100"))]).sign_again(30, "");
    intact("led elsewhere", &base().update(HARMLESS).bytes);
    let report = judge(&base().update(&[(60, &evil)]).bytes);
    assert!(report.signatures.iter().any(|line| line.integrity == Integrity::Altered), "{report:#?}");
}

#[test]
fn the_widget_of_a_later_timestamp_is_nothing_else() {
    let page = Forge::page("").replace("11 0 R]", "11 0 R 46 0 R]");
    let form = "<</Fields[7 0 R 8 0 R 20 0 R 45 0 R]/SigFlags 3/DA(/F1 0 Tf)/DR<</Font<</F1 5 0 R>>>>>>";
    let token = "/V<</Type/DocTimeStamp/SubFilter/ETSI.RFC3161/Contents<00>/ByteRange[0 1 2 3]>>";
    let with = |more: &str, further: &[(u32, &str)]| {
        let field = format!("<</FT/Sig/T(Time){token}/Kids[46 0 R]>>");
        let widget = format!("<</Type/Annot/Subtype/Widget/P 3 0 R/F 4/Rect[45 690 400 725]{more}>>");
        let objects = [&[(3, page.as_str()), (6, form), (45, &field), (46, &widget)], further].concat();
        Forge::signed("").update(&objects).bytes
    };
    first("as it is", &with("/Parent 45 0 R", &[]), Integrity::Intact);
    let text = "<</FT/Tx/T(Other)/V(Pay 999 000 000)/DA(/F1 20 Tf 0 g)>>";
    altered("a text", &with("/Parent 45 0 R/FT/Tx/DA(/F1 20 Tf 0 g)/V(Pay 999 000 000)", &[]));
    altered("a value", &with("/Parent 45 0 R/V(Pay 999 000 000)", &[]));
    altered("a parent that is a text", &with("/Parent 47 0 R", &[(47, text)]));
    altered("a border over the page", &with("/Parent 45 0 R/MK<</BC[1 1 1]>>/BS<</W 400>>", &[]));
}

#[test]
fn a_value_that_was_signed_is_shown_as_it_was() {
    let form = "<</Fields[7 0 R 8 0 R 20 0 R]/SigFlags 3/DA(/F1 0 Tf)/DR<</Font<</F1 5 0 R/Other 45 0 R>>>>>>";
    let font = "<</Type/Font/Subtype/Type3/FontBBox[0 0 1 1]/FontMatrix[1 0 0 1 0 0]/CharProcs<<>>/Encoding<</Differences[49/one]>>>>";
    let field = Forge::text_field("/V(100)");
    let base = || signed(&[(7, &field)], "");
    let other = field.replace("/F1 12 Tf", "/Other 12 Tf");
    altered("another font", &base().update(&[(6, form), (45, font), (7, &other)]).bytes);
    altered("another size", &base().update(&[(7, &field.replace("12 Tf", "1 Tf"))]).bytes);
    altered("rich text", &base().update(&[(7, &Forge::text_field("/V(100)/RV(<p>999</p>)"))]).bytes);
    let choice = |more: &str| Forge::text_field(&format!("/Opt[(100)(999)]/V(100){more}")).replace("/FT/Tx", "/FT/Ch");
    let base = || signed(&[(7, &choice("/I[0]"))], "");
    altered("another option", &base().update(&[(7, &choice("/I[1]"))]).bytes);
    // Filled later, in a font that nobody had signed.
    let filled = Forge::text_field("/V(100)").replace("/F1 12 Tf", "/Other 12 Tf");
    altered("filled in another font", &Forge::signed("").update(&[(6, form), (45, font), (7, &filled)]).bytes);
    let plain = "<</Type/Font/Subtype/Type1/BaseFont/Courier>>";
    intact("filled in a plain font", &Forge::signed("").update(&[(6, form), (45, plain), (7, &filled)]).bytes);
    let greek = "<</Type/Font/Subtype/Type1/BaseFont/Symbol>>";
    altered("filled in Greek", &Forge::signed("").update(&[(6, form), (45, greek), (7, &filled)]).bytes);
    let rich = Forge::text_field("/V(100)/RV(<body><p>100</p></body>)");
    intact("filled with rich text", &Forge::signed("").update(&[(7, &rich)]).bytes);
    altered("filled with other rich text", &Forge::signed("").update(&[(7, &rich.replace("<p>100", "<p>999"))]).bytes);
}

/// The text field filled with a sentence, with this appearance.
fn fill(content: &str, more: &str, further: &[(u32, &str)]) -> Vec<u8> {
    let field = Forge::text_field("/V(I agree to 1% and not 99%)/AP<</N 43 0 R>>");
    let look = stream(content).replace(
        "<</Resources<</Font<</F1 5 0 R>>",
        &format!("<</Subtype/Form{more}/Resources<</Font<</F1 5 0 R/F2 44 0 R>>/ExtGState<</G 46 0 R>>"),
    );
    let objects =
        [&[(7, field.as_str()), (43, &look), (44, "<</Type/Font/Subtype/Type1/BaseFont/Courier>>")], further].concat();
    Forge::signed("").update(&objects).bytes
}

#[test]
fn a_fill_that_shows_a_part_is_not_what_is_stored() {
    let text = "(I agree to 1% and not 99%) Tj";
    let sheet = "/BBox[0 0 200 20]";
    let draw = |before: &str, place: &str| {
        fill(&format!("/Tx BMC q {before} BT /F1 12 Tf {place} Td {text} ET Q EMC"), sheet, &[])
    };
    intact("plain", &draw("", "2 5"));
    intact("clipped at its border", &draw("1 1 198 18 re W n", "2 5"));
    intact(
        "a state",
        &fill(&format!("/G gs BT /F1 12 Tf 2 5 Td {text} ET"), sheet, &[(46, "<</Type/ExtGState/ca 1/SA true>>")]),
    );
    altered("clipped", &draw("0 0 90 20 re W n", "2 5"));
    altered("clipped twice", &draw("0 0 200 20 re W n 0 0 90 20 re W* n", "2 5"));
    altered("clipped by lines", &draw("0 0 m 90 0 l 90 20 l 0 20 l W n", "2 5"));
    altered("beside the box", &draw("", "120 5"));
    altered("above the box", &draw("", "2 40"));
    altered("small", &draw("0.01 0 0 0.01 2 5 cm", "2 5"));
    altered("turned", &draw("0.9 0.1 0 1 0 0 cm", "2 5"));
    altered("white", &draw("1 g", "2 5"));
    altered("on its own colour", &draw("0 g 0 0 200 20 re f", "2 5"));
    let half = |between: &str| {
        fill(&format!("BT /F1 12 Tf 2 5 Td (I agree to 1%) Tj {between} ( and not 99%) Tj ET"), sheet, &[])
    };
    intact("in two pieces", &half("0.2 g"));
    altered("half of it white", &half("1 1 1 rg"));
    altered("half of it elsewhere", &half("400 0 Td"));
    altered("half of it outlined", &half("1 Tr"));
    let plain = format!("BT /F1 12 Tf 2 5 Td {text} ET");
    altered("a narrow box", &fill(&plain, "/BBox[0 0 90 20]", &[]));
    altered("a large box", &fill(&plain, "/BBox[0 0 2000 20]", &[]));
    altered("a huge box", &fill(&plain, "/BBox[0 0 20000 2000]", &[]));
    altered("no box", &fill(&plain, "", &[]));
    altered("transparent", &fill(&format!("/G gs {plain}"), sheet, &[(46, "<</Type/ExtGState/ca 0>>")]));
    let zeros =
        format!("<</Type/Font/Subtype/Type1/BaseFont/Courier/FirstChar 32/LastChar 126/Widths[{}]>>", "0 ".repeat(95));
    let second = format!("BT /F2 12 Tf 2 5 Td {text} ET");
    intact("in Courier", &fill(&second, sheet, &[]));
    altered("letters over each other", &fill(&second, sheet, &[(44, &zeros)]));
    altered("in Greek", &fill(&second, sheet, &[(44, "<</Type/Font/Subtype/Type1/BaseFont/Symbol>>")]));
}

#[test]
fn an_embedded_font_that_is_known_shows_its_letters() {
    let folder = std::env::var("CHUKY_FONTS").unwrap_or_else(|_| "/usr/share/fonts/truetype/liberation2".to_owned());
    let Ok(program) = std::fs::read(std::path::Path::new(&folder).join("LiberationSerif-Regular.ttf")) else {
        println!("SKIPPED: no Liberation Serif in {folder} (Debian: fonts-liberation2)");
        return;
    };
    let face = ttf_parser::Face::parse(&program, 0).unwrap();
    let glyph = |letter: char| face.glyph_index(letter).unwrap();
    let thousand = |letter: char| {
        f64::from(face.glyph_hor_advance(glyph(letter)).unwrap()) * 1000.0 / f64::from(face.units_per_em())
    };
    let filled = |value: &str, drawn: &str, program: &[u8], wide: &dyn Fn(char) -> f64| {
        let utf16 = |text: &str| text.encode_utf16().map(|unit| format!("{unit:04X}")).collect::<String>();
        let codes: String = drawn.chars().map(|letter| format!("{:04X}", glyph(letter).0)).collect();
        let pairs = || drawn.chars().zip(value.chars());
        let map: String =
            pairs().map(|(own, told)| format!("<{:04X}><{}>\n", glyph(own).0, utf16(&told.to_string()))).collect();
        let map = format!("{} beginbfchar\n{map}endbfchar", value.chars().count());
        let widths: String = pairs().map(|(own, _)| format!("{}[{}]", glyph(own).0, wide(own))).collect();
        let digits: String = program.iter().map(|byte| format!("{byte:02x}")).collect();
        let field = Forge::text_field(&format!("/V<FEFF{}>/AP<</N 43 0 R>>", utf16(value)));
        let look = stream(&format!("BT /F3 12 Tf 2 5 Td <{codes}> Tj ET"));
        let look = look
            .replace("<</Resources<</Font<</F1 5 0 R", "<</Subtype/Form/BBox[0 0 200 20]/Resources<</Font<</F3 44 0 R");
        let font = "<</Type/Font/Subtype/Type0/BaseFont/LiberationSerif/Encoding/Identity-H/ToUnicode 45 0 R/DescendantFonts[46 0 R]>>";
        let descendant = format!(
            "<</Type/Font/Subtype/CIDFontType2/BaseFont/LiberationSerif/CIDSystemInfo<</Registry(Adobe)/Ordering(Identity)/Supplement 0>>/CIDToGIDMap/Identity/W[{widths}]/FontDescriptor 47 0 R>>"
        );
        let descriptor = "<</Type/FontDescriptor/FontName/LiberationSerif/Flags 4/FontFile2 48 0 R>>";
        let file = format!("<</Filter/ASCIIHexDecode/Length {}>>\nstream\n{digits}>\nendstream", digits.len() + 1);
        let map = stream(&map).replace("/Resources<</Font<</F1 5 0 R>>>>", "");
        let objects: &[(u32, &str)] =
            &[(7, &field), (43, &look), (44, font), (45, &map), (46, &descendant), (47, descriptor), (48, &file)];
        Forge::signed("").update(objects).bytes
    };
    let honest: &dyn Fn(char) -> f64 = &thousand;
    intact("Vietnamese", &filled("Nguyễn Văn A 100", "Nguyễn Văn A 100", &program, honest));
    let defaults = Forge::text_field("/V(100)/Ff 0/BS<</S/S/W 1>>");
    intact("with what is meant anyway", &Forge::signed("").update(&[(7, &defaults)]).bytes);
    altered("with a flag", &Forge::signed("").update(&[(7, &defaults.replace("/Ff 0", "/Ff 1"))]).bytes);
    altered("another letter", &filled("100", "900", &program, honest));
    altered(
        "over each other",
        &filled("1900", "1900", &program, &|letter| if letter == '9' { 0.0 } else { thousand(letter) }),
    );
    let mut other = program.clone();
    *other.last_mut().unwrap() ^= 1;
    altered("an unknown program", &filled("100", "100", &other, honest));
}

#[test]
fn what_readers_decode_or_find_differently_is_altered() {
    let (one, two) = ("BT /F1 12 Tf (Pay 100) Tj ET ", "BT /F1 12 Tf (after delivery) Tj ET");
    let digits = |text: &str| text.bytes().map(|byte| format!("{byte:02x}")).collect::<String>();
    let of = |filter: &str, data: &str| {
        format!("<</Resources<</Font<</F1 5 0 R>>>>/Filter/{filter}/Length {}>>\nstream\n{data}\nendstream", data.len())
    };
    let plain = stream(&format!("{one}{two}"));
    let base = || signed(&[(17, &plain)], "");
    let again = |filter: &str, data: String| base().update(&[(17, &of(filter, &data))]).bytes;
    let both = digits(&format!("{one}{two}"));
    intact("written in hexadecimal", &again("ASCIIHexDecode", format!("{both}>")));
    altered("a foreign letter", &again("ASCIIHexDecode", format!("{}!{}>", digits(one), digits(two))));
    altered("no end", &again("ASCIIHexDecode", both.clone()));
    altered("more behind the end", &again("ASCIIHexDecode", format!("{both}>{both}>")));
    altered("a short name", &again("AHx", format!("{both}>")));
    altered("a filter that few have", &again("Crypt", format!("{one}{two}")));
    let runs = |text: &str| {
        text.as_bytes()
            .chunks(100)
            .map(|part| format!("{}{}", char::from(part.len() as u8 - 1), String::from_utf8_lossy(part)))
            .collect::<String>()
    };
    altered("runs without an end", &again("RunLengthDecode", runs(&format!("{one}{two}"))));
    // A reference of another generation: some readers find nothing there.
    let page = |generation: u16| {
        format!(
            "<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 17 0 R/Resources<</Font<</F1 5 0 R>>/XObject<</X1 10 {generation} R>>>>>>"
        )
    };
    let base = || signed(&[(9, &page(0))], "");
    intact("the page again", &base().update(&[(9, &page(0))]).bytes);
    altered("another generation", &base().update(&[(9, &page(1))]).bytes);
    // Signed like that, it is no change.
    intact("as it was", &signed(&[(9, &page(1))], "").update(&[(9, &page(1))]).bytes);
}

#[test]
fn a_field_that_is_signed_later_does_not_cover_the_page() {
    let empty =
        |rectangle: &str| format!("<</FT/Sig/T(Signature2)/Type/Annot/Subtype/Widget/F 132/P 3 0 R{rectangle}>>");
    let look = format!("/Rect[0 0 595 842]/AP<</N {} 0 R>>", 47);
    let drawn = form_xobject("1 1 1 rg 0 0 9 9 re f");
    for rectangle in ["", "/Rect[0 0 595 842]"] {
        let base = || Forge::base().update(&[(30, &empty(rectangle)), (47, &drawn)]).listing(30).sign_again(20, "");
        intact("an empty field", &base().bytes);
        altered("over the page", &base().sign_seen(30, &look, "").bytes);
    }
    let base = || Forge::base().update(&[(30, &empty("")), (47, &drawn)]).listing(30).sign_again(20, "");
    intact("small", &base().sign_seen(30, &look.replace("[0 0 595 842]", "[50 50 250 120]"), "").bytes);
    intact("not seen", &base().sign_again(30, "").bytes);
}

#[test]
fn markup_marks_and_neither_writes_nor_hides() {
    let page = Forge::page("").replace("11 0 R]", "11 0 R 46 0 R]");
    let markup = |subtype: &str, rectangle: &str, content: &str| {
        let note = format!(
            "<</Type/Annot/Subtype/{subtype}/Rect[{rectangle}]/QuadPoints[50 720 300 720 50 700 300 700]/AP<</N 47 0 R>>>>"
        );
        let states = "/Resources<</ExtGState<</M<</BM/Multiply>>/H<</ca 0.4>>>>>>";
        let look = format!(
            "<</Type/XObject/Subtype/Form/BBox[0 0 250 20]{states}/Length {}>>\nstream\n{content}\nendstream",
            content.len()
        );
        Forge::signed(&certified(3)).update(&[(3, &page), (46, &note), (47, &look)]).bytes
    };
    let wide = "50 700 300 720";
    let digits: String =
        (0..5).map(|at| format!("{0} 5 m {1} 5 l {1} 18 l {0} 18 l h f* ", at * 20, at * 20 + 9)).collect();
    intact("a highlight", &markup("Highlight", wide, "/M gs 1 0.8 0 rg 0 0 250 20 re f"));
    intact("a transparent one", &markup("Highlight", wide, "/H gs 1 0.8 0 rg 0 0 250 20 re f"));
    intact("struck out", &markup("StrikeOut", wide, "1 0 0 RG 1 w 0 10 m 250 10 l S"));
    intact("by hand", &markup("Ink", wide, "1 0 0 RG 2 w 0 10 m 20 20 30 0 250 10 c S"));
    intact("an icon", &markup("Text", "50 700 70 720", &format!("1 1 0 rg 0 0 20 20 re f 0 g {digits}")));
    altered("paths in white and black", &markup("Highlight", wide, &format!("1 g 0 0 250 20 re f 0 g {digits}")));
    altered("many paths", &markup("Highlight", wide, &format!("/M gs 1 0.8 0 rg {digits}")));
    altered("dark", &markup("Highlight", wide, "/M gs 0 g 0 0 250 20 re f"));
    altered("opaque", &markup("Highlight", wide, "1 1 0 rg 0 0 250 20 re f"));
    altered("a white line", &markup("StrikeOut", wide, "1 G 5 w 0 10 m 250 10 l S"));
    altered("a thick line", &markup("StrikeOut", wide, "0 G 20 w 0 10 m 250 10 l S"));
    altered("white ink", &markup("Ink", wide, "1 G 10 w 0 10 m 250 10 l S"));
    altered("an area by hand", &markup("Ink", wide, "1 0 0 rg 0 0 250 20 re f"));
    altered("underlined with letters", &markup("Underline", wide, "0 0 m 9 0 l 9 9 l S 20 0 m 29 0 l 29 9 l S"));
}

#[test]
fn files_that_ask_much_of_a_comparison_end_soon() {
    let quickly = |name: &str, bytes: &[u8]| {
        let start = Clock::now();
        let report = judge(bytes);
        assert!(start.elapsed() < Duration::from_secs(60), "{name}: {:?}", start.elapsed());
        report
    };
    // Each level lists the next one twice, so that one page with many notes is listed thousands of times.
    let annotations = "48 0 R ".repeat(2_000);
    let mut objects: Vec<(u32, String)> = (0..14)
        .map(|level| {
            let next = if level < 13 { 101 + level } else { 9 };
            (100 + level, format!("<</Type/Pages/Kids[{next} 0 R {next} 0 R]/Count {}>>", 1 << (14 - level)))
        })
        .collect();
    objects.push((2, format!("<</Type/Pages/Kids[3 0 R 100 0 R]/Count {}>>", (1 << 14) + 1)));
    objects.push((
        9,
        format!("<</Type/Page/Parent 113 0 R/MediaBox[0 0 595 842]/Contents 17 0 R/Annots[{annotations}]>>"),
    ));
    objects.push((48, "<</Type/Annot/Subtype/Text/Rect[0 0 9 9]/Contents(x)>>".to_owned()));
    let objects: Vec<(u32, &str)> = objects.iter().map(|(number, body)| (*number, body.as_str())).collect();
    let signed = Forge::base().update(&objects).sign_again(20, "");
    assert_eq!(quickly("as signed", &signed.bytes).integrity, Integrity::Intact);
    assert_ne!(quickly("listed again and again", &signed.update(HARMLESS).bytes).integrity, Integrity::Intact);
    // Many pages share one long list.
    let list = format!("[{}]", "48 0 R ".repeat(15_000));
    let mut objects = vec![(48, "<</Type/Annot/Subtype/Text/Rect[0 0 9 9]/Contents(x)>>".to_owned()), (49, list)];
    let kids: String = (100..2_100).map(|number| format!("{number} 0 R ")).collect();
    objects.push((2, format!("<</Type/Pages/Kids[3 0 R {kids}]/Count 2001>>")));
    objects.extend((100..2_100).map(|number| {
        (number, "<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 17 0 R/Annots 49 0 R>>".to_owned())
    }));
    let objects: Vec<(u32, &str)> = objects.iter().map(|(number, body)| (*number, body.as_str())).collect();
    let signed = Forge::base().update(&objects).sign_again(20, "");
    assert_ne!(quickly("one long list", &signed.update(HARMLESS).bytes).integrity, Integrity::Intact);
}

#[test]
fn content_that_decodes_to_very_much_is_an_alteration() {
    use std::io::Write;
    let deflate = |data: &[u8]| {
        let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(data).unwrap();
        encoder.finish().unwrap()
    };
    // More than one stream may decode to, in a few hundred bytes.
    let data = deflate(&deflate(&vec![b' '; 100 << 20]));
    let digits: String = data.iter().map(|byte| format!("{byte:02x}")).collect();
    let bomb = format!(
        "<</Filter[/ASCIIHexDecode/FlateDecode/FlateDecode]/Length {}>>\nstream\n{digits}>\nendstream",
        digits.len() + 1
    );
    let bytes = Forge::signed("").update(&[(17, &bomb)]).bytes;
    altered("content", &bytes);
    // Readers who would decode all of it are not asked.
    let report = judge(&bytes);
    let asked = |name: &str| report.checks.iter().any(|check| check.name == name && check.outcome != Outcome::NotDone);
    assert!(!asked("second_reader") && !asked("third_reader"), "{:#?}", report.checks);
    let form = bomb.replace("<</Filter", "<</Type/XObject/Subtype/Form/BBox[0 0 9 9]/Filter");
    altered("a form", &Forge::signed("").update(&[(10, &form)]).bytes);
    let objects = bomb.replace("<</Filter", "<</Type/ObjStm/N 1/First 10/Filter");
    altered("an object stream", &Forge::signed("").update(&[(45, &objects)]).bytes);
}
