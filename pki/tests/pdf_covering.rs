//! Later signatures whose appearance hides what was signed, and honest ones that lie over or beside it: what a reader could see and cannot any more was
//! not allowed by the first signer.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, missing_docs)]

mod forge;

use chuky_model::instant::Instant;
use chuky_model::report::{Integrity, Report};
use chuky_pki::verify::{VerificationContext, verify_document};
use forge::{Forge, stream};

fn judge(bytes: &[u8]) -> Report {
    let context = VerificationContext::at(Instant::parse_rfc3339("2026-11-22T00:00:00Z").unwrap());
    verify_document(bytes, "made.pdf", &context)
}

/// The line of the first page: `Hello, signer`, 12 points, from (50, 750).
const LINE: &str = "45 745 150 765";
const BLANK: &str = "300 400 405 420";

/// An appearance of 105 by 20 points.
fn shown(content: &str, resources: &str) -> String {
    format!(
        "<</Type/XObject/Subtype/Form/BBox[0 0 105 20]/Resources<<{resources}>>/Length {}>>\nstream\n{content}\nendstream",
        content.len()
    )
}

/// A second signer's visible signature.
fn signed_over(first: Forge, place: &str, appearance: &str) -> Report {
    let look = format!("/Rect[{place}]/AP<</N 47 0 R>>");
    judge(&first.update(&[(47, appearance)]).sign_seen(30, &look, "").bytes)
}

#[track_caller]
fn hides(name: &str, report: &Report) {
    assert_eq!(report.integrity, Integrity::Altered, "{name}: {:#?}", report.signatures[0]);
    let changes = &report.signatures[0].changes_after;
    let found = changes.iter().find(|change| change.kind == "misleading_appearance").unwrap();
    assert!(!found.permitted && found.page == Some(1) && found.detail.contains("hides"), "{name}: {found:?}");
    assert_eq!(report.signatures[1].integrity, Integrity::Intact, "{name}");
}

#[track_caller]
fn honest(name: &str, report: &Report) {
    assert_eq!(report.integrity, Integrity::Intact, "{name}: {:#?} {:#?}", report.checks, report.signatures[0]);
}

const GROUND: &str = "1 g 0 0 105 20 re f 0 0 1 RG 1 1 103 18 re S";
const TRANSPARENT: &str = "/ExtGState<</T<</ca 0.4>>>>";
const FONT: &str = "/Font<</F1 5 0 R>>";

#[test]
fn an_opaque_appearance_over_signed_text_is_an_alteration() {
    let over = |content: &str, resources: &str| signed_over(Forge::signed(""), LINE, &shown(content, resources));
    hides("a white ground", &over(GROUND, ""));
    hides("a black one", &over("0 0 105 20 re f", ""));
    hides("a grey one", &over("0.7 g 0 0 105 20 re f", ""));
    hides(
        "a ground with another text",
        &over("1 g 0 0 105 20 re f 0 g BT /F1 12 Tf 5 5 Td (Hello, forger) Tj ET", FONT),
    );
    hides(
        "letters as grounds",
        &over("1 g BT /F1 60 Tf 0 -10 Td (MMM) Tj -10 5 Td (MMM) Tj 20 10 Td (MMM) Tj ET", FONT),
    );
    hides(
        "a shading",
        &over(
            "/S sh",
            "/Shading<</S<</ShadingType 2/ColorSpace/DeviceGray/Coords[0 0 105 0]/Function<</FunctionType 2/Domain[0 1]/C0[1]/C1[0.8]/N 1>>>>>>",
        ),
    );
    // A form within the form, and one letter of many.
    let inner = Forge::signed("").update(&[(48, &shown(GROUND, ""))]);
    hides("a form within", &signed_over(inner, LINE, &shown("/X Do", "/XObject<</X 48 0 R>>")));
    hides("one letter", &signed_over(Forge::signed(""), "50 748 61 761", &shown(GROUND, "")));
    hides("a strip", &signed_over(Forge::signed(""), "45 751 150 757", &shown("1 g 0 0 105 20 re f", "")));
    // The later field has a colour and no appearance: readers paint it.
    let look = format!("/Rect[{LINE}]/MK<</BG[1 1 1]>>");
    hides("a background colour", &judge(&Forge::signed("").sign_seen(30, &look, "").bytes));
}

#[test]
fn what_lets_the_page_shine_through_or_stands_beside_it_is_honest() {
    let over = |content: &str, resources: &str| signed_over(Forge::signed(""), LINE, &shown(content, resources));
    honest("on a blank place", &signed_over(Forge::signed(""), BLANK, &shown(GROUND, "")));
    honest("a transparent ground", &over("/T gs 0.9 g 0 0 105 20 re f", TRANSPARENT));
    honest("a frame", &over("1 0 0 RG 1 1 103 18 re S", ""));
    honest("a seal's ring", &over("1 0 0 RG 2 w 40 0 m 40 11 60 20 80 20 c S 20 10 m 100 12 l S", ""));
    honest("blended", &over("/B gs 1 0.8 0.8 rg 0 0 105 20 re f", "/ExtGState<</B<</BM/Multiply>>>>"));
    honest("text over text", &over("0 0 1 rg BT /F1 6 Tf 3 1 Td (Signed by TEST) Tj ET", FONT));
    honest("the line's edge", &signed_over(Forge::signed(""), "45 757 150 777", &shown(GROUND, "")));
    honest("invisible", &judge(&Forge::signed("").sign_again(30, "").bytes));
}

/// 8 by 8 pixels, grey, in hexadecimal.
fn image(pixels: &str, further: &str) -> String {
    format!(
        "<</Type/XObject/Subtype/Image/Width 8/Height 8/ColorSpace/DeviceGray/BitsPerComponent 8/Filter/ASCIIHexDecode{further}/Length {}>>\nstream\n{pixels}>\nendstream",
        pixels.len() + 1
    )
}

#[test]
fn pictures_hide_where_they_are_opaque() {
    let white = "ff".repeat(64);
    let draw = shown("105 0 0 20 0 0 cm /I Do", "/XObject<</I 48 0 R>>");
    let over = |further: &str, mask: &str| {
        let base = Forge::signed("").update(&[(48, &image(&white, further)), (49, &image(mask, ""))]);
        signed_over(base, LINE, &draw)
    };
    hides("opaque", &over("", &white));
    hides("with a mask that masks nothing", &over("/SMask 49 0 R", &white));
    honest("with a mask that masks all", &over("/SMask 49 0 R", &"00".repeat(64)));
}

#[test]
fn a_scan_is_looked_at_where_the_signature_stands() {
    // A page that is one picture: the upper half is written on, the lower half is blank.
    let written = ["00ff00ff00ff00ff", "ff00ff00ff00ff00"].concat().repeat(2);
    let scan = image(&format!("{written}{}", "ff".repeat(32)), "");
    let page = stream("400 0 0 400 50 300 cm /X1 Do");
    let first = || Forge::base().update(&[(10, &scan), (4, &page)]).sign_again(20, "");
    hides("over what is written", &signed_over(first(), "60 560 165 580", &shown(GROUND, "")));
    honest("over what is blank", &signed_over(first(), "60 360 165 380", &shown(GROUND, "")));
}

#[test]
fn earlier_signatures_and_their_places_are_no_text_of_the_document() {
    // Decree 30/2020/NĐ-CP: the seal lies over about a third of the signature.
    let handwriting = shown("2 w 0 0 m 30 20 60 0 105 20 c S", "");
    let signed = || {
        let look = format!("/Rect[{BLANK}]/AP<</N 46 0 R>>");
        Forge::base().update(&[(46, &handwriting)]).sign_seen(20, &look, "")
    };
    honest("an opaque seal over a handwriting", &signed_over(signed(), "270 400 335 430", &shown(GROUND, "")));
    // What the page shows below an earlier signature is not given away with it.
    let look = format!("/Rect[{LINE}]/AP<</N 46 0 R>>");
    let beside = Forge::base().update(&[(46, &handwriting)]).sign_seen(20, &look, "");
    hides("text below a signature", &signed_over(beside, LINE, &shown(GROUND, "")));
    // A field that was there when the first signer signed: what stands in it was to be signed over.
    let empty = format!("<</Type/Annot/Subtype/Widget/FT/Sig/T(Signature2)/Rect[{LINE}]/F 132/P 3 0 R>>");
    let page = Forge::page("").replace("11 0 R]", "11 0 R 30 0 R]").replace(" 20 0 R", "");
    let form = "<</Fields[7 0 R 8 0 R 30 0 R]/DA(/F1 0 Tf)/DR<</Font<</F1 5 0 R>>>>>>";
    let first = Forge::base().update(&[(30, &empty), (3, &page), (6, form)]).listing(30);
    let first = first.sign_listed(20, "30 0 R");
    let look = format!("/Rect[{LINE}]/AP<</N 47 0 R>>");
    honest("a field for it", &judge(&first.update(&[(47, &shown(GROUND, ""))]).sign_seen(30, &look, "").bytes));
}
