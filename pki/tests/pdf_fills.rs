//! Fields that are filled behind a signature in the ways that common libraries write, each beside the attacks that look like it: letters moved, outlined
//! away, turned or drawn by shapes; marks of check boxes; sides of borders.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, missing_docs)]

mod forge;

use chuky_model::instant::Instant;
use chuky_model::report::{Integrity, Report};
use chuky_pki::verify::{VerificationContext, verify_document};
use forge::{Forge, certified, stream};

const SHEET: &str = "/BBox[0 0 200 20]";
const TEXT: &str = "BT /F1 12 Tf 20 5 Td (100) Tj ET";

fn judge(bytes: &[u8]) -> Report {
    let context = VerificationContext::at(Instant::parse_rfc3339("2026-11-22T00:00:00Z").unwrap());
    verify_document(bytes, "made.pdf", &context)
}

#[track_caller]
fn is(name: &str, bytes: &[u8], expected: Integrity) {
    let report = judge(bytes);
    let changes: Vec<_> = report.signatures.iter().flat_map(|line| &line.changes_after).collect();
    assert_eq!(report.integrity, expected, "{name}: {changes:#?} {:#?}", report.checks);
}

#[track_caller]
fn intact(name: &str, bytes: &[u8]) {
    is(name, bytes, Integrity::Intact);
}

#[track_caller]
fn altered(name: &str, bytes: &[u8]) {
    is(name, bytes, Integrity::Altered);
}

/// An appearance with these entries, this content and these further resources.
fn look(entries: &str, resources: &str, content: &str) -> String {
    stream(content).replacen(
        "<</Resources<</Font<</F1 5 0 R>>",
        &format!("<</Type/XObject/Subtype/Form{entries}/Resources<</Font<</F1 5 0 R>>{resources}"),
        1,
    )
}

/// The text field filled with this value; `more` goes into the field.
fn filled(value: &str, more: &str, look: &str) -> Vec<u8> {
    let field = Forge::text_field(&format!("/V({value})/AP<</N 43 0 R>>{more}"));
    Forge::signed("").update(&[(7, &field), (43, look)]).bytes
}

fn draws(content: &str) -> Vec<u8> {
    filled("100", "", &look(SHEET, "", content))
}

#[test]
fn letters_are_where_they_are_seen() {
    intact("plain", &draws(TEXT));
    intact("raised a little", &draws("BT /F1 12 Tf 20 5 Td (10) Tj 2 Ts (0) Tj ET"));
    altered("raised out of the field", &draws("BT /F1 12 Tf 20 5 Td (1) Tj 500 Ts (00) Tj ET"));
    altered("lowered out of the field", &draws("BT /F1 12 Tf 20 5 Td (1) Tj -500 Ts (00) Tj ET"));
    altered("begun below", &draws("BT /F1 12 Tf 20 5 Td -500 Ts (10) Tj 0 Ts (0) Tj ET"));
    altered("moved below", &draws("BT /F1 12 Tf 20 5 Td (1) Tj 0 -500 Td (00) Tj ET"));
    altered("a line below a field of one line", &draws("BT /F1 12 Tf 20 5 Td (1) Tj 0 -14 Td (00) Tj ET"));
    altered("raised before it is kept", &draws("BT /F1 12 Tf 500 Ts q 0 Ts Q 20 5 Td (100) Tj ET"));
    altered("a size that is not kept", &draws("/F1 0.1 Tf q /F1 12 Tf Q BT 20 5 Td (100) Tj ET"));
    for turned in ["-1 0 0 -1 200 20 cm", "1 0 0 -1 0 20 cm", "-1 0 0 1 200 0 cm"] {
        let content = format!("{turned} BT /F1 12 Tf 20 5 Td (66) Tj ET");
        altered(turned, &filled("66", "", &look(SHEET, "", &content)));
    }
    altered("by its matrix", &filled("66", "", &look(SHEET, "", "BT /F1 12 Tf -1 0 0 -1 60 15 Tm (66) Tj ET")));
    altered("by its size", &filled("66", "", &look(SHEET, "", "BT /F1 -12 Tf 60 15 Td (66) Tj ET")));
    let turned = format!("{SHEET}/Matrix[-1 0 0 -1 200 20]");
    altered("by the appearance's matrix", &filled("66", "", &look(&turned, "", &TEXT.replace("100", "66"))));
    // ISO 32000-1 §12.5.5: what a matrix shrinks is stretched into the field again.
    intact("shrunk and stretched", &filled("100", "", &look(&format!("{SHEET}/Matrix[.1 0 0 .1 0 0]"), "", TEXT)));
}

#[test]
fn letters_are_not_pushed_or_stretched_out_of_sight() {
    let text = |how: &str| draws(&format!("BT /F1 12 Tf {how} ET"));
    intact("a comb", &text("20 Tc 20 5 Td (100) Tj"));
    altered("letters far apart", &text("5000 Tc 20 5 Td (100) Tj"));
    let words = |how: &str| filled("10 0", "", &look(SHEET, "", &format!("BT /F1 12 Tf {how} ET")));
    intact("words a little apart", &words("6 Tw 20 5 Td (10 0) Tj"));
    altered("words far apart", &words("5000 Tw 20 5 Td (10 0) Tj"));
    altered("both at once", &text("20 5 Td 0 5000 (100) \""));
    intact("pieces side by side", &text("20 5 Td [(1) -1500 (00)] TJ"));
    altered("pieces far apart", &text("20 5 Td [(1) -900000 (00)] TJ"));
    intact("a little narrower", &text("80 Tz 20 5 Td (100) Tj"));
    altered("much narrower", &text("10 Tz 20 5 Td (100) Tj"));
    altered("much wider", &text("90000 Tz 20 5 Td (100) Tj"));
    altered("wider by its matrix", &text("500 0 0 1 5 5 Tm (100) Tj"));
    altered("narrower by its matrix", &text("0.01 0 0 1 5 5 Tm (100) Tj"));
    altered("wider by its coordinates", &draws("q 500 0 0 1 5 5 cm BT /F1 12 Tf (100) Tj ET Q"));
    altered("larger than the field", &draws("BT /F1 900 Tf 20 5 Td (100) Tj ET"));
    altered("a font that is missing", &draws("BT /None 12 Tf 20 5 Td (100) Tj ET"));
}

#[test]
fn lines_go_down_in_a_field_that_has_lines() {
    let lines = Forge::text_field("/Ff 4096");
    let base = || Forge::base().update(&[(7, &lines)]).sign_again(20, "");
    let with = |content: &str| {
        let field = Forge::text_field("/Ff 4096/V(100)/AP<</N 43 0 R>>");
        base().update(&[(7, &field), (43, &look(SHEET, "", content))]).bytes
    };
    intact("one below the other", &with("BT /F1 12 Tf 2 8 Td (10) Tj 0 -12 Td (0) Tj ET"));
    altered("far below", &with("BT /F1 12 Tf 2 8 Td (1) Tj 0 -400 Td (00) Tj ET"));
}

#[test]
fn letters_are_told_from_their_ground() {
    let outlined = |how: &str| draws(&format!("BT 2 Tr {how} /F1 12 Tf 20 5 Td (100) Tj ET"));
    intact("bold by an outline", &outlined("0.5 w 0 G"));
    altered("drowned in white", &outlined("20 w 1 G"));
    altered("a thin white outline", &outlined("0.5 w 1 G"));
    altered("a thick black one", &outlined("20 w 0 G"));
    intact("a colour of a device", &draws(&format!("/DeviceRGB cs 0.1 0.1 0.1 sc {TEXT}")));
    let tint = "/ColorSpace<</CS0[/Separation/Ink/DeviceGray<</FunctionType 2/Domain[0 1]/C0[1]/C1[0]/N 1>>]>>";
    altered("no ink", &filled("100", "", &look(SHEET, tint, &format!("/CS0 cs 0 scn {TEXT}"))));
    let default = tint.replace("CS0", "DefaultGray");
    altered("a device that is another", &filled("100", "", &look(SHEET, &default, &format!("0 g {TEXT}"))));
    intact("a ground", &draws(&format!("0.9 g 0 0 200 20 re f 0 g {TEXT}")));
    altered("a ground that ends", &draws(&format!("0 g 0 0 200 20 re f 1 g 30 0 200 20 re f 0 g {TEXT}")));
}

#[test]
fn what_is_painted_beside_the_text_says_nothing() {
    intact("a border", &draws(&format!("0 G 1 w 0.5 0.5 199 19 re S {TEXT}")));
    intact("a border that comes last", &draws(&format!("{TEXT} 0 G 1 w 0.5 0.5 199 19 re S")));
    altered("a border as thick as the field", &draws(&format!("0 G 60 w 0 0 200 20 re S 0 g {TEXT}")));
    altered("a white one over the text", &draws(&format!("{TEXT} 1 G 60 w 0 0 200 20 re S")));
    altered("thick by its scale", &draws(&format!("{TEXT} 1 G q 60 0 0 60 0 0 cm 1 w 0 0 4 1 re S Q")));
    let bar = |x: f64, y: f64, width: f64, height: f64| {
        format!("q {} 0 0 {} {x} {y} cm 0 0 200 20 re f Q ", width / 200.0, height / 20.0)
    };
    let nine = [bar(8.0, 5.0, 6.0, 1.0), bar(8.0, 9.0, 6.0, 1.0), bar(8.0, 13.0, 6.0, 1.0), bar(13.0, 5.0, 1.0, 9.0)];
    altered(
        "a digit of scaled grounds",
        &draws(&format!("{} 1 g {} 0 g {TEXT}", nine.concat(), bar(0.0, 0.0, 1.0, 1.0))),
    );
    // Each side of a border as a filled quadrilateral.
    let sides = "0.1 g 1 19 m 199 19 l 200 20 l 0 20 l 1 19 l f 199 19 m 199 1 l 200 0 l 200 20 l 199 19 l f \
                 199 1 m 1 1 l 0 0 l 200 0 l 199 1 l f 1 1 m 1 19 l 0 20 l 0 0 l 1 1 l f ";
    intact("four sides", &draws(&format!("q 0.9 g 0 0 200 20 re f Q q {sides} Q 0 g {TEXT}")));
    altered("a side across the text", &draws(&format!("q 1 9 m 199 9 l 200 11 l 0 11 l f Q 0 g {TEXT}")));
    altered("a thick side", &draws(&format!("q 0 0 m 200 0 l 200 12 l 0 12 l f Q 0 g {TEXT}")));
    altered("a side moved by its scale", &draws(&format!("q 0.04 0 0 0.5 8 5 cm {sides} Q 0 g {TEXT}")));
    altered("sides over the text", &draws(&format!("{TEXT} 1 g {sides}")));
}

#[test]
fn an_appearance_is_always_shown() {
    let layer = "/OC<</Type/OCMD/P/AllOff>>";
    altered("by its form", &filled("100", "", &look(&format!("{SHEET}{layer}"), "", TEXT)));
    let marked = format!("/OC /P BDC {TEXT} EMC");
    let layers = "/Properties<</P<</Type/OCMD/P/AllOff>>>>";
    altered("by marked content", &filled("100", "", &look(SHEET, layers, &marked)));
    intact("marked for another reason", &draws(&format!("/Tx BMC {TEXT} EMC")));
    altered("another file's page", &filled("100", "", &look(&format!("{SHEET}/Ref<</F(x.pdf)/Page 0>>"), "", TEXT)));
}

#[test]
fn what_a_reader_draws_anew_is_seen() {
    // The later DA replaces the one of the field.
    let with = |appearance: &str| {
        let field = Forge::text_field("/V(100)").replace("(/F1 12 Tf 0 g)", appearance);
        Forge::signed("").update(&[(7, &field)]).bytes
    };
    intact("another size", &with("(/F1 10 Tf 0 g)"));
    intact("a size that fits", &with("(/F1 0 Tf 0 g)"));
    intact("another order", &with("(0 0 0 rg /F1 12 Tf)"));
    let form = "<</Fields[7 0 R 8 0 R 20 0 R]/SigFlags 3/DA(/F1 0 Tf)/DR<</Font<</F1 5 0 R/Other 45 0 R>>>>>>";
    let font = "<</Type/Font/Subtype/Type3/FontBBox[0 0 1 1]/FontMatrix[1 0 0 1 0 0]/CharProcs<<>>/Encoding<</Differences[49/one]>>>>";
    for appearance in ["(/Other 12 Tf 0 g)", "(0 g /Other 12 Tf)"] {
        let field = Forge::text_field("/V(100)").replace("(/F1 12 Tf 0 g)", appearance);
        altered(appearance, &Forge::signed("").update(&[(6, form), (7, &field), (45, font)]).bytes);
    }
    altered("tiny", &with("(/F1 0.01 Tf 0 g)"));
    altered("white", &with("(/F1 12 Tf 1 g)"));
    altered("nearly white", &with("(/F1 12 Tf 0.9 0.9 1 rg)"));
    altered("of no known colour", &with("(/F1 12 Tf /Pattern cs /P scn)"));
}

/// The check box switched on, with this appearance of it, drawn by this font.
fn checked(content: &str, font: &str, more: &str) -> Vec<u8> {
    let form = |content: &str| {
        format!(
            "<</Type/XObject/Subtype/Form/BBox[0 0 10 10]/Resources<</Font<</Za {font}>>>>/Length {}>>\nstream\n{content}\nendstream",
            content.len()
        )
    };
    let field =
        Forge::check_box("/Yes").replace("/Yes 12 0 R", "/Yes 43 0 R").replace("/V/Yes", &format!("{more}/V/Yes"));
    Forge::signed(&certified(2)).update(&[(8, &field), (43, &form(content))]).bytes
}

#[test]
fn a_check_box_is_drawn_anew_with_its_mark() {
    let font = "<</Type/Font/Subtype/Type1/BaseFont/ZapfDingbats>>";
    let mark = |letters: &str| {
        format!(
            "q 0.8 0.84 1 rg 0 0 10 10 re f 0.1 G 1 w 0.5 0.5 9 9 re S Q q 1 1 8 8 re W n 0 g BT /Za 9 Tf 1 0 0 1 1 2 Tm {letters} ET Q"
        )
    };
    for style in ["4", "l", "8", "u", "n", "H"] {
        intact(style, &checked(&mark(&format!("({style}) Tj")), font, ""));
    }
    intact("and its style is told", &checked(&mark("(8) Tj"), font, "/MK<</CA(8)>>"));
    altered("with a caption", &checked(&mark("(8) Tj"), font, "/MK<</CA(Pay 999)>>"));
    let bordered = Forge::check_box("/Off").replace("/V/Off", "/MK<</CA(4)/BC[0]/BG[0.9]>>/V/Off");
    let plain = Forge::check_box("/Yes").replace("/V/Yes", "/MK<</CA(4)>>/V/Yes");
    let signed = Forge::base().update(&[(8, &bordered)]).sign_again(20, &certified(2));
    intact("without its border", &signed.clone().update(&[(8, &plain)]).bytes);
    let black = plain.replace("/CA(4)", "/CA(4)/BC[0]/BG[0]");
    altered("on black", &signed.update(&[(8, &black)]).bytes);
    altered("with a ground", &checked(&mark("(8) Tj"), font, "/MK<</CA(8)/BG[0 0 0]>>"));
    altered("another picture", &checked(&mark("(A) Tj"), font, ""));
    altered("two marks", &checked(&mark("(4) Tj (8) Tj"), font, ""));
    altered("two letters", &checked(&mark("(48) Tj"), font, ""));
    altered("no mark", &checked(&mark(""), font, ""));
    altered("a mark that is not seen", &checked(&mark("1 Ts 0.8 0.84 1 rg (4) Tj"), font, ""));
    altered("shapes", &checked(&format!("2 2 m 8 2 l 8 8 l 5 5 l f {}", mark("(4) Tj")), font, ""));
    altered("letters", &checked(&mark("(4) Tj"), "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>", ""));
    let other = "<</Type/Font/Subtype/Type1/BaseFont/ZapfDingbats/Encoding<</Differences[52/a20]>>>>";
    altered("another encoding", &checked(&mark("(4) Tj"), other, ""));
    let own =
        "<</Type/Font/Subtype/Type3/BaseFont/ZapfDingbats/FontBBox[0 0 1 1]/FontMatrix[1 0 0 1 0 0]/CharProcs<<>>>>";
    altered("a font of its own", &checked(&mark("(4) Tj"), own, ""));
    // What it shows where it is off is nothing.
    let off = Forge::check_box("/Yes").replace("/Off 13 0 R", "/Off 43 0 R");
    let shown =
        stream("BT /F1 9 Tf 1 2 Td (x) Tj ET").replace("<</Resources", "<</Subtype/Form/BBox[0 0 10 10]/Resources");
    altered("a mark where it is off", &Forge::signed(&certified(2)).update(&[(8, &off), (43, &shown)]).bytes);
}
