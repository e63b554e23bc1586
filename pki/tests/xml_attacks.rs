//! Signature wrapping and its relatives, made from files that foreign tools signed: whatever is moved, doubled or slipped in, the
//! file is never called intact.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, missing_docs)]

mod xml;

use xml::{assert_intact, assert_not_intact, file};

/// The text from the first `start` through the first `end` behind it.
fn piece<'t>(text: &'t str, start: &str, end: &str) -> &'t str {
    let from = text.find(start).expect(start);
    let to = from + text[from..].find(end).expect(end) + end.len();
    &text[from..to]
}

fn without_declaration(text: &str) -> &str {
    text.split_once("?>").map_or(text, |(_, rest)| rest.trim_start())
}

const OBJECT: &str = "<ds:Object xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\">";

#[test]
fn an_invoice_is_the_one_that_readers_find() {
    let Some(text) = file("invoice") else { return };
    assert_intact(&text, "genuine");
    let genuine = piece(&text, "<DLHDon", "</DLHDon>");
    let forged = genuine.replace("1000000", "9").replace(" Id=\"data\"", "");
    let same_id = genuine.replace("1000000", "9");
    let moved =
        |place: &str| text.replacen(genuine, &forged, 1).replacen(place, &format!("{place}<Old>{genuine}</Old>"), 1);
    for (what, attack) in [
        (
            "moved behind",
            text.replacen(genuine, &forged, 1).replace("</HDon>", &format!("<Old>{genuine}</Old></HDon>")),
        ),
        ("moved into an object", moved("</ds:KeyInfo>").replace("<Old>", OBJECT).replace("</Old>", "</ds:Object>")),
        ("moved beside the signature", moved("<DSCKS>")),
        ("moved into the seller's part", moved("<NBan>")),
        ("doubled before", text.replacen(genuine, &format!("{forged}{genuine}"), 1)),
        ("doubled behind", text.replacen(genuine, &format!("{genuine}{forged}"), 1)),
        ("same identifier", text.replacen(genuine, &format!("{genuine}{same_id}"), 1)),
        ("same identifier, before", text.replacen(genuine, &format!("{same_id}{genuine}"), 1)),
        ("other case of id", text.replacen(genuine, &format!("{}{genuine}", same_id.replace(" Id=", " ID=")), 1)),
        ("xml:id", text.replacen(genuine, &format!("{}{genuine}", same_id.replace(" Id=", " xml:id=")), 1)),
        (
            "forged total beside",
            text.replacen("<MCCQT>", "<NDHDon><TToan><TgTTTBSo>9</TgTTTBSo></TToan></NDHDon><MCCQT>", 1),
        ),
        ("the invoice in another", {
            let root = piece(&text, "<HDon", "</HDon>");
            text.replacen(root, &format!("<HDon>{forged}{root}</HDon>"), 1)
        }),
        ("the invoice wrapped", {
            let root = piece(&text, "<HDon", "</HDon>");
            text.replacen(root, &format!("<Goi>{root}<HDon>{forged}</HDon></Goi>"), 1)
        }),
        (
            "another namespace",
            text.replacen(
                genuine,
                &format!("{}{genuine}", forged.replacen("<DLHDon", "<DLHDon xmlns=\"urn:x\"", 1)),
                1,
            ),
        ),
        (
            "no invoice at all",
            text.replacen("<HDon>", "<HDon2>", 1).replace("</HDon>", "</HDon2>").replacen(
                genuine,
                &format!("{forged}{genuine}"),
                1,
            ),
        ),
    ] {
        assert_ne!(attack, text, "{what}");
        assert_not_intact(&attack, what);
    }
}

#[test]
fn a_message_of_invoices_holds_signed_ones_only() {
    let Some(text) = file("invoices") else { return };
    assert_intact(&text, "genuine");
    let forged = "<HDon><DLHDon><NDHDon/></DLHDon><DSCKS/></HDon>";
    assert_not_intact(text.replacen("</DLieu>", &format!("{forged}</DLieu>"), 1), "one more");
    assert_not_intact(text.replacen("</DLieu>", &format!("</DLieu><DLieu>{forged}</DLieu>"), 1), "more data");
}

#[test]
fn a_part_is_not_taken_for_another() {
    let Some(text) = file("part") else { return };
    assert_intact(&text, "genuine");
    let genuine = piece(&text, "<body", "</body>");
    let forged = "<body><text>forged</text></body>";
    for (what, attack) in [
        ("beside", text.replacen("<head>", &format!("{forged}<head>"), 1)),
        ("inside", text.replacen("unsigned", forged, 1)),
        ("a piece of it outside", text.replacen("unsigned", "<text>forged</text>", 1)),
        ("replaced, the genuine one in an object", {
            let stored = format!("</ds:KeyInfo>{OBJECT}{genuine}</ds:Object>");
            text.replacen(genuine, forged, 1).replacen("</ds:KeyInfo>", &stored, 1)
        }),
        ("replaced, the genuine one deeper", {
            let stored = format!("<old><older>{genuine}</older></old></letter>");
            text.replacen(genuine, forged, 1).replacen("</letter>", &stored, 1)
        }),
        ("the genuine one hidden, none in its place", {
            let stored = format!("<old><older>{genuine}</older></old></letter>");
            text.replacen(genuine, "", 1).replacen("</letter>", &stored, 1)
        }),
        ("the whole letter in another", {
            format!("<letter><head>x</head>{forged}<old>{}</old></letter>", without_declaration(&text))
        }),
    ] {
        assert_ne!(attack, text, "{what}");
        assert_not_intact(&attack, what);
    }
}

#[test]
fn a_whole_document_stays_whole() {
    for name in ["xmlsec-xpath", "xmlsec-exclusive", "signxml-xades"] {
        let Some(text) = file(name) else { return };
        assert_intact(&text, name);
        let body = without_declaration(&text);
        let body = body.get(body.find("<doc").unwrap()..body.rfind("</doc>").unwrap() + 6).unwrap();
        let signature = piece(body, "<ds:Signature ", "</ds:Signature>");
        for (what, attack) in [
            ("inside another", format!("<doc xmlns=\"urn:doc\"><item>forged</item>{body}</doc>")),
            ("content in a signature of its own", {
                let hidden = format!(
                    "<ds:Signature xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\">{OBJECT}<doc>forged</doc></ds:Object></ds:Signature>"
                );
                body.replacen(signature, &format!("{signature}{hidden}"), 1)
            }),
            ("signature moved out", format!("<all>{}{signature}</all>", body.replacen(signature, "", 1))),
            ("signature alone", format!("<doc xmlns=\"urn:doc\">{signature}</doc>")),
            ("content behind", body.replacen("</doc>", "<late/></doc>", 1)),
            ("second SignedInfo", {
                let info = piece(signature, "<ds:SignedInfo", "</ds:SignedInfo>");
                body.replacen(info, &format!("{info}{info}"), 1)
            }),
        ] {
            assert_not_intact(&attack, &format!("{name}: {what}"));
        }
    }
}

#[test]
fn an_enveloping_signature_holds_what_it_signs() {
    for name in ["xmlsec-enveloping", "xmlsec-base64"] {
        let Some(text) = file(name) else { return };
        assert_intact(&text, name);
        let object = piece(&text, "<ds:Object", "</ds:Object>");
        let forged = object.replace(" Id=\"o\"", "").replace("enveloped by", "forged in");
        assert_not_intact(text.replacen(object, &format!("{forged}{object}"), 1), "before");
        assert_not_intact(text.replacen(object, &format!("{object}{forged}"), 1), "behind");
        assert_not_intact(text.replacen(object, &format!("<ds:Object>{object}</ds:Object>{forged}"), 1), "nested");
    }
}

#[test]
fn signed_properties_are_those_of_this_signature() {
    let Some(text) = file("signxml-xades") else { return };
    let properties = piece(&text, "<xades:SignedProperties", "</xades:SignedProperties>");
    let forged = properties.replace("20", "19").replacen(" Id=", " Id2=", 1);
    let object = format!("{OBJECT}<q:QualifyingProperties xmlns:q=\"http://uri.etsi.org/01903/v1.3.2#\">");
    for (what, attack) in [
        ("a second one beside", text.replacen(properties, &format!("{forged}{properties}"), 1)),
        ("the signed one elsewhere", {
            let elsewhere = format!("{object}{properties}</q:QualifyingProperties></ds:Object>");
            text.replacen(properties, &forged, 1).replacen("</ds:Signature>", &format!("{elsewhere}</ds:Signature>"), 1)
        }),
        ("another target", text.replacen("Target=\"#", "Target=\"#x", 1)),
        ("not signed at all", text.replacen("#SignedProperties\"", "#Other\"", 1)),
    ] {
        assert_ne!(attack, text, "{what}");
        assert_not_intact(&attack, what);
    }
}
