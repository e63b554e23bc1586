//! Forms of XML signatures that other programs write and verify: expressions, identifiers, bases, declarations. Each is intact, and what differs
//! from it in what is signed is not.

use crate::made::verdict;
use crate::world::{Party, World, YEAR};
use crate::xmldsig::{DSIG, ENVELOPED, EXCLUSIVE, reference, signature, transform};
use chuky_model::report::Integrity;

const XPATH: &str = "http://www.w3.org/TR/1999/REC-xpath-19991116";
const FILTER2: &str = "http://www.w3.org/2002/06/xmldsig-filter2";
const C14N11: &str = "http://www.w3.org/2006/12/xml-c14n11";

fn signer() -> Party {
    World::new().signer(YEAR)
}

fn judged(document: &str) -> Integrity {
    verdict(document.as_bytes(), None).integrity
}

#[track_caller]
fn is(document: &str, integrity: Integrity) {
    let report = verdict(document.as_bytes(), None);
    assert_eq!(report.integrity, integrity, "{document}: {report:#?}");
}

/// The XPath transform with this expression; `n` is the namespace of signatures.
fn condition(expression: &str) -> String {
    format!(r#"<Transform Algorithm="{XPATH}"><XPath xmlns:n="{DSIG}">{expression}</XPath></Transform>"#)
}

fn filter(operation: &str, expression: &str) -> String {
    format!(
        r#"<Transform Algorithm="{FILTER2}"><XPath xmlns="{FILTER2}" xmlns:n="{DSIG}" Filter="{operation}">{expression}</XPath></Transform>"#
    )
}

/// A contract whose signature reaches this much of it through these transforms, and `more` beside.
fn contract(signer: &Party, transforms: &[String], sum: &str, more: &str) -> String {
    let transforms = [transforms, &[transform(EXCLUSIVE)]].concat();
    let whole = reference("", &transforms, b"<Contract><Sum>100</Sum></Contract>");
    format!("<Contract><Sum>{sum}</Sum>{more}{}</Contract>", signature(signer, &[whole], ""))
}

#[test]
fn expressions_that_leave_the_signature_out() {
    let signer = signer();
    let conditions = [
        "not(ancestor-or-self::n:Signature)",
        "\n  ( not( ancestor-or-self::n:Signature[@Id='s'] ) )\n",
        "not(ancestor-or-self::*[local-name()='Signature'])",
        "not(ancestor-or-self::*[local-name()='Signature' and namespace-uri()='http://www.w3.org/2000/09/xmldsig#'])",
        "not(ancestor-or-self::n:Signature) and not(ancestor-or-self::Ext)",
        "ancestor-or-self::Contract and not(ancestor-or-self::n:Signature)",
        "not(ancestor-or-self::n:Signature or ancestor-or-self::Ext)",
        "count(ancestor-or-self::n:Signature)=0",
        "not(boolean(ancestor-or-self::n:Signature[1]))",
        "count(ancestor-or-self::n:Signature | here()/ancestor::n:Signature[1]) &gt; count(ancestor-or-self::n:Signature)",
    ];
    let filters = [
        ("subtract", "//n:Signature[@Id='s']"),
        ("subtract", "(//*[local-name()='Signature'])"),
        ("subtract", "//n:Signature | //Ext"),
        ("subtract", "/Contract/n:Signature[last()]"),
        ("subtract", "//n:Signature[1]"),
        ("subtract", "here()/ancestor::n:Signature[1]"),
    ];
    let conditions = conditions.map(|text| vec![condition(text)]);
    let all = conditions.into_iter().chain(filters.map(|(operation, text)| vec![filter(operation, text)]));
    let besides = ["self::node()", "true()"].map(|text| vec![transform(ENVELOPED), condition(text)]);
    for transforms in all.chain(besides) {
        is(&contract(&signer, &transforms, "100", ""), Integrity::Intact);
        is(&contract(&signer, &transforms, "999", ""), Integrity::Broken);
        // What else an expression takes out is not signed, whatever it is.
        for more in ["<Ext><Sum>999</Sum></Ext>", "<Signature><Sum>999</Sum></Signature>"] {
            assert_ne!(judged(&contract(&signer, &transforms, "100", more)), Integrity::Intact, "{transforms:?}");
        }
    }
}

#[test]
fn expressions_that_are_not_known_stay_open() {
    let signer = signer();
    for text in [
        "not(self::n:Signature)",
        "ancestor::Contract",
        "starts-with(name(),'n')",
        "not(ancestor-or-self::n:Signature[2])",
    ] {
        is(&contract(&signer, &[condition(text)], "100", ""), Integrity::Unknown);
    }
}

#[test]
fn the_first_and_the_last_are_of_each_parent() {
    let signer = signer();
    let document = |position: &str, left: &str| {
        let transforms = [transform(ENVELOPED), filter("subtract", &format!("//b[{position}]")), transform(EXCLUSIVE)];
        let whole = reference("", &transforms, left.as_bytes());
        format!("<a><c><b>1</b><b>2</b></c><b>3</b><b>4</b>{}</a>", signature(&signer, &[whole], ""))
    };
    // Both digests fit; what was taken out is not signed, and has the name of what is.
    is(&document("1", "<a><c><b>2</b></c><b>4</b></a>"), Integrity::Altered);
    is(&document("last()", "<a><c><b>1</b></c><b>3</b></a>"), Integrity::Altered);
    is(&document("1", "<a><c><b>1</b></c><b>3</b></a>"), Integrity::Broken);
    is(&document("1", "<a><c><b>2</b></c><b>3</b><b>4</b></a>"), Integrity::Broken);
}

#[test]
fn identifiers_of_saml_1_are_known_and_others_stay_open() {
    let signer = signer();
    let saml = "urn:oasis:names:tc:SAML:1.0:assertion";
    let document = |namespace: &str, statement: &str| {
        let digested =
            format!(r#"<s:Assertion xmlns:s="{namespace}" AssertionID="a1"><s:Who>An</s:Who></s:Assertion>"#);
        let whole = reference("#a1", &[transform(ENVELOPED), transform(EXCLUSIVE)], digested.as_bytes());
        let signed = signature(&signer, &[whole], "");
        format!(
            r#"<s:Assertion xmlns:s="{namespace}" AssertionID="a1"><s:Who>{statement}</s:Who>{signed}</s:Assertion>"#
        )
    };
    is(&document(saml, "An"), Integrity::Intact);
    is(&document(saml, "Binh"), Integrity::Broken);
    // A schema that is not at hand may say so; it may as well have been taken away.
    is(&document("urn:other", "An"), Integrity::Unknown);
    let twice = document(saml, "An").replace("</s:Assertion>", r#"<s:Assertion AssertionID="a1"/></s:Assertion>"#);
    is(&twice, Integrity::Broken);
}

#[test]
fn bases_above_a_signed_part_are_joined() {
    let signer = signer();
    let document = |outer: &str, own: &str, joined: &str| {
        let digested = format!(r#"<Part Id="p"{joined}>100</Part>"#);
        let part = reference("#p", &[transform(C14N11)], digested.as_bytes());
        let signed = signature(&signer, &[part], "");
        format!(r#"<Contract xml:base="{outer}"><Part Id="p"{own}>100</Part>{signed}</Contract>"#)
    };
    let base = |address: &str| format!(r#" xml:base="{address}""#);
    for (outer, own, joined) in [
        ("http://a/b/", base("c/d"), base("http://a/b/c/d")),
        ("http://a/b/c", base("d"), base("http://a/b/d")),
        ("http://a/b/", base("/d"), base("http://a/d")),
        ("http://a/b/", base("https://x/y"), base("https://x/y")),
        ("http://a/b/", String::new(), base("http://a/b/")),
    ] {
        is(&document(outer, &own, &joined), Integrity::Intact);
        is(&document(outer, &own, &base("http://a/other")), Integrity::Broken);
    }
    // Forms about which programs differ.
    for (outer, own) in [("http://a/b/", "../c"), ("a/b/", "c"), ("http://a/b?c", "d"), ("http://a//b/", "d")] {
        is(&document(outer, &base(own), &base("http://a/c")), Integrity::Unknown);
    }
}

#[test]
fn a_declaration_that_declares_nothing_is_borne() {
    let signer = signer();
    let signed = contract(&signer, &[transform(ENVELOPED)], "100", "");
    is(&format!("<?xml version=\"1.0\"?>\n<!DOCTYPE Contract>\n{signed}"), Integrity::Intact);
    for declaration in [
        "<!DOCTYPE Contract SYSTEM \"a.dtd\">",
        "<!DOCTYPE HTML>",
        "<!DOCTYPE Contract []>",
        "<!DOCTYPE Contract [<!ENTITY a \"b\">]>",
        "<!DOCTYPE Other>",
        "<!DOCTYPE Contract PUBLIC \"-//W3C//DTD XHTML 1.0 Strict//EN\" \"a\">",
    ] {
        is(&format!("{declaration}{signed}"), Integrity::Unknown);
    }
    assert_ne!(judged(&format!("<!DOCTYPE Contract><!DOCTYPE Contract>{signed}")), Integrity::Intact);
    assert_ne!(judged(&format!("{signed}<!DOCTYPE Contract>")), Integrity::Intact);
}

#[test]
fn a_signed_text_is_one_text_to_every_reader() {
    let signer = signer();
    let signed = |sum: &str| contract(&signer, &[transform(ENVELOPED)], sum, "");
    for sum in ["1<!-- -->00", "<!--999-->100", "1<![CDATA[00]]>", "<![CDATA[1]]>00"] {
        is(&signed(sum), Integrity::Unknown);
    }
    for sum in ["100<!-- dong -->", "<![CDATA[100]]>"] {
        is(&signed(sum), Integrity::Intact);
    }
    is(&contract(&signer, &[transform(ENVELOPED)], "100", "<!-- between elements -->"), Integrity::Intact);
    // Where comments are signed nobody can add one.
    let with_comments = format!("{EXCLUSIVE}WithComments");
    let digested = b"<Contract><Sum>1<!-- -->00</Sum></Contract>";
    let whole = reference("#xpointer(/)", &[transform(ENVELOPED), transform(&with_comments)], digested);
    let document = format!("<Contract><Sum>1<!-- -->00</Sum>{}</Contract>", signature(&signer, &[whole], ""));
    is(&document, Integrity::Intact);
}
