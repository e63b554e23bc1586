//! XML signature wrapping: a second order where signatures are passed by, where what is signed is held, and before the document. Each attack stands
//! beside the honest document that it is made from.

use crate::made::verdict;
use crate::world::{Party, World, YEAR};
use crate::xmldsig::{DSIG, ENVELOPED, EXCLUSIVE, reference, signature, transform};
use chuky_model::report::{Integrity, Report};

const ORDER: &str = "<Order Id=\"o\"><To>Lan</To><Amount>100</Amount></Order>";
const FORGED: &str = "<Order xmlns=\"\"><To>Hung</To><Amount>999000000</Amount></Order>";

fn signer() -> Party {
    World::new().signer(YEAR)
}

/// Of one element by its identifier, whose text is its canonical form.
fn over(signer: &Party, uri: &str, canonical: &str, objects: &str) -> String {
    signature(signer, &[reference(uri, &[transform(EXCLUSIVE)], canonical.as_bytes())], objects)
}

/// Of the document around it, before the signature is put in.
fn enveloped(signer: &Party, canonical: &str) -> String {
    let transforms = [transform(ENVELOPED), transform(EXCLUSIVE)];
    signature(signer, &[reference("", &transforms, canonical.as_bytes())], "")
}

fn judged(document: &str) -> Report {
    verdict(document.as_bytes(), None)
}

#[track_caller]
fn intact(document: &str) {
    let report = judged(document);
    assert_eq!(report.integrity, Integrity::Intact, "{report:#?}");
}

#[track_caller]
fn not_intact(document: &str) {
    let report = judged(document);
    assert_ne!(report.integrity, Integrity::Intact, "{document}\n{report:#?}");
}

/// The places in a signature where its schema lets something stand that its transforms pass by.
fn hidden_in(signed: &str) -> [(&'static str, String); 5] {
    let at_end = |object: String| signed.replace("</Signature>", &format!("{object}</Signature>"));
    let qualified = |content: &str| {
        format!(
            r##"<Object><x:QualifyingProperties xmlns:x="http://uri.etsi.org/01903/v1.3.2#" Target="#s"><x:UnsignedProperties><x:UnsignedSignatureProperties>{content}</x:UnsignedSignatureProperties></x:UnsignedProperties></x:QualifyingProperties></Object>"##
        )
    };
    let property = format!(
        r##"<SignatureProperties><SignatureProperty Target="#s">{FORGED}</SignatureProperty></SignatureProperties>"##
    );
    [
        ("an object", at_end(format!("<Object>{FORGED}</Object>"))),
        ("a signature property", at_end(format!("<Object>{property}</Object>"))),
        ("an unsigned property", at_end(qualified(FORGED))),
        ("a name of the signature formats", at_end(qualified(&format!("<x:Amount>{FORGED}</x:Amount>")))),
        ("key information", signed.replace("</KeyInfo>", &format!("{FORGED}</KeyInfo>"))),
    ]
}

#[test]
fn a_second_order_in_the_signature_itself() {
    let signer = signer();
    let whole = "<Msg><Order><To>Lan</To><Amount>100</Amount></Order></Msg>";
    let (around, part) = (enveloped(&signer, whole), over(&signer, "#o", ORDER, ""));
    let first = |signed: &str| whole.replace("<Msg>", &format!("<Msg>{signed}"));
    intact(&first(&around));
    intact(&format!("<Msg>{part}{ORDER}</Msg>"));
    assert_eq!(judged(&first(&around)).signatures[0].covers, "whole_file");
    for (place, forged) in hidden_in(&around) {
        assert_ne!(judged(&first(&forged)).signatures[0].covers, "whole_file", "{place}");
        not_intact(&first(&forged));
    }
    for (_, forged) in hidden_in(&part) {
        not_intact(&format!("<Msg>{forged}{ORDER}</Msg>"));
    }
    // In the signature of somebody else, who signed nothing of it.
    let second = over(&signer, "#o", ORDER, "").replace("Id=\"s\"", "Id=\"t\"");
    for (place, forged) in hidden_in(&second) {
        let report = judged(&format!("<Msg>{part}{forged}{ORDER}</Msg>"));
        assert!(report.signatures.iter().all(|line| line.integrity != Integrity::Intact), "{place}: {report:#?}");
    }
}

#[test]
fn what_says_nothing_in_a_signature_is_borne() {
    let signer = signer();
    let whole = "<Msg><Order><To>Lan</To></Order></Msg>";
    let signed = enveloped(&signer, whole);
    // A reference to a token, as web services write it: told as not covered, and nothing that the document says.
    let token = "<t:Token xmlns:t=\"urn:tokens\">x</t:Token>";
    let document =
        whole.replace("</Msg>", &format!("{}</Msg>", signed.replace("</KeyInfo>", &format!("{token}</KeyInfo>"))));
    let report = judged(&document);
    assert_eq!(report.integrity, Integrity::Intact, "{report:#?}");
    assert_ne!(report.signatures[0].covers, "whole_file");
    // What the signature covers itself counts as signed.
    let object =
        format!(r#"<Object xmlns="{DSIG}" Id="t"><SigningTime xmlns="">2026-06-01T08:00:00</SigningTime></Object>"#);
    let references = [
        reference("#o", &[transform(EXCLUSIVE)], ORDER.as_bytes()),
        reference("#t", &[transform(EXCLUSIVE)], object.as_bytes()),
    ];
    let signed = signature(&signer, &references, &object.replace(&format!(" xmlns=\"{DSIG}\""), ""));
    let report = judged(&format!("<Msg>{ORDER}{signed}</Msg>"));
    let covers = "element Order, element Object";
    assert_eq!((report.integrity, report.signatures[0].covers.as_str()), (Integrity::Intact, covers));
}

#[test]
fn where_a_signed_element_stands_is_not_signed() {
    let signer = signer();
    let part = over(&signer, "#o", ORDER, "");
    // Around it a name is unsigned: a part is signed, and which.
    for document in [
        format!("<Msg>{ORDER}{part}</Msg>"),
        format!("<Cancelled>{ORDER}{part}</Cancelled>"),
        format!("<Envelope><Header>{part}</Header>{ORDER}</Envelope>"),
    ] {
        let report = judged(&document);
        assert_eq!(report.integrity, Integrity::Intact, "{report:#?}");
        assert_eq!(report.signatures[0].covers, "element Order", "{document}");
        assert!(report.message.en.contains("only a part"), "{:?}", report.message);
        let check = report.signatures[0].checks.iter().find(|check| check.name == "coverage").unwrap();
        assert!(check.reason.starts_with("it does not cover that it stands in <"), "{check:?}");
    }
    // Moved to where its reader does not look for it, with nothing in its place.
    for document in [
        format!("<Envelope><Header>{part}<Old>{ORDER}</Old></Header></Envelope>"),
        format!("<Envelope><Header>{part}<Old>{ORDER}</Old></Header><Order/></Envelope>"),
    ] {
        not_intact(&document);
    }
    // A document signed as a whole by its identifier, in another.
    let transforms = [transform(ENVELOPED), transform(EXCLUSIVE)];
    let signed = signature(&signer, &[reference("#o", &transforms, ORDER.as_bytes())], "");
    let whole = ORDER.replace("</Order>", &format!("{signed}</Order>"));
    assert_eq!(judged(&whole).signatures[0].covers, "whole_file");
    for around in [format!("<Refused>{whole}</Refused>"), format!("<Archive><Refused>{whole}</Refused></Archive>")] {
        assert_eq!(judged(&around).signatures[0].covers, "element Order");
    }
}

#[test]
fn attributes_that_signature_formats_do_not_have_say_something() {
    let signer = signer();
    let object = format!(r#"<Object xmlns="{DSIG}" Id="t"><Order xmlns="">100</Order></Object>"#);
    let signed = over(&signer, "#t", &object, &object.replace(&format!(" xmlns=\"{DSIG}\""), ""));
    intact(&signed);
    let more = |object: &str| signed.replace("</Signature>", &format!("{object}</Signature>"));
    intact(&more(r#"<Object Id="x" MimeType="text/plain" Encoding=""/>"#));
    for hidden in [r#"<Object Order="999000000"/>"#, r#"<Object xmlns:o="urn:o" o:Order="999000000"></Object>"#] {
        not_intact(&more(hidden));
    }
}

#[test]
fn a_second_amount_in_what_holds_the_signature() {
    let signer = signer();
    let part = over(&signer, "#o", ORDER, "");
    intact(&format!("<Msg><Signatures>{part}</Signatures>{ORDER}</Msg>"));
    not_intact(&format!("<Msg><Amount>999000000{part}</Amount>{ORDER}</Msg>"));
    not_intact(&format!("<Order To=\"Hung\" Amount=\"999000000\">{ORDER}{part}</Order>"));
    not_intact(&format!("<Msg><Order To=\"Hung\">{ORDER}{part}</Order></Msg>"));
    not_intact(&format!("<Msg><Order>Amount 999000000{ORDER}{part}</Order></Msg>"));
    // An invoice.
    let data = "<DLHDon Id=\"d\"><TTChung><SHDon>1</SHDon></TTChung><NDHDon><TToan><TgTTTBSo>100</TgTTTBSo></TToan></NDHDon></DLHDon>";
    let part = over(&signer, "#d", data, "");
    intact(&format!("<HDon>{data}<DSCKS><NBan>{part}</NBan></DSCKS></HDon>"));
    not_intact(&format!("<HDon><TgTTTBSo>999000000{part}</TgTTTBSo>{data}</HDon>"));
    let object = "<Object><TgTTTBSo xmlns=\"\">999000000</TgTTTBSo></Object></Signature>";
    let forged = part.replace("</Signature>", object);
    not_intact(&format!("<HDon><DSCKS><NBan>{forged}</NBan></DSCKS>{data}</HDon>"));
    // The whole invoice, signed as a whole.
    let whole = format!("<HDon>{data}</HDon>");
    let signed = enveloped(&signer, &whole);
    let put = |signed: &str| whole.replace("<HDon>", &format!("<HDon>{signed}"));
    intact(&put(&signed));
    not_intact(&put(&signed.replace("</Signature>", object)));
}

#[test]
fn instructions_before_the_document() {
    let signer = signer();
    let content = "<Doc Id=\"r\"><A>100</A></Doc>";
    let transforms = [transform(ENVELOPED), transform(EXCLUSIVE)];
    let signed = signature(&signer, &[reference("#r", &transforms, content.as_bytes())], "");
    let document = content.replace("</Doc>", &format!("{signed}</Doc>"));
    intact(&document);
    // A browser shows what the stylesheet says.
    not_intact(&format!("<?xml-stylesheet type=\"text/xsl\" href=\"forged.xsl\"?>{document}"));
    // Others are told as not covered.
    for told in [format!("<?order Amount=\"999000000\"?>{document}"), format!("{document}<?order?>")] {
        let report = judged(&told);
        assert_eq!(report.integrity, Integrity::Intact, "{report:#?}");
        assert_ne!(report.signatures[0].covers, "whole_file");
    }
    // Invoices come with one; who made it is said to be unknown.
    let data = "<DLHDon Id=\"d\"><TgTTTBSo>100</TgTTTBSo></DLHDon>";
    let part = over(&signer, "#d", data, "");
    let invoice =
        format!("<?xml-stylesheet href=\"invoice.xsl\"?><HDon>{data}<DSCKS><NBan>{part}</NBan></DSCKS></HDon>");
    let report = judged(&invoice);
    assert_eq!(report.integrity, Integrity::Intact, "{report:#?}");
    assert_ne!(report.signatures[0].covers, "whole_file");
    // Signed with the document.
    let instruction = "<?xml-stylesheet href=\"own.xsl\"?>";
    let canonical = "<?xml-stylesheet href=\"own.xsl\"?>\n<Doc><A>1</A></Doc>";
    let signed = enveloped(&signer, canonical);
    let report = judged(&format!("{instruction}<Doc><A>1</A>{signed}</Doc>"));
    assert_eq!((report.integrity, report.signatures[0].covers.as_str()), (Integrity::Intact, "whole_file"));
}

#[test]
fn an_invoice_has_empty_places_for_signatures() {
    let signer = signer();
    let data = "<DLHDon Id=\"d\"><NDHDon><NBan><Ten>A</Ten></NBan><NMua><Ten>B</Ten></NMua></NDHDon></DLHDon>";
    let part = over(&signer, "#d", data, "");
    let invoice = |places: &str| format!("<HDon>{data}<DSCKS><NBan>{part}</NBan>{places}</DSCKS></HDon>");
    for places in ["<NMua/>", "<NMua/><CQT/><CCKSKhac/>", "<NMua> \n</NMua>"] {
        intact(&invoice(places));
        intact(&format!("<TDiep><TTChung/><DLieu>{}</DLieu></TDiep>", invoice(places)));
    }
    // Whatever says something in them does not pass, nor does an empty place elsewhere, nor text beside the data.
    for places in ["<NMua>C</NMua>", "<NMua Ten=\"C\"/>", "<NMua><Ten/></NMua>", "<NMua><NMua/></NMua>"] {
        not_intact(&invoice(places));
    }
    not_intact(&invoice("").replace("</HDon>", "<NMua/></HDon>"));
    not_intact(&invoice("").replace("</HDon>", "999000000</HDon>"));
}

#[test]
fn declarations_and_notices_in_tax_messages_sign_their_data() {
    let signer = signer();
    for (form, data_name) in [("TKhai", "DLTKhai"), ("TBao", "DLTBao"), ("BTHDLieu", "DLBTHop")] {
        let data = format!("<{data_name} Id=\"d\"><So>1</So></{data_name}>");
        let part = over(&signer, "#d", &data, "");
        let message =
            |inside: &str| format!("<TDiep><TTChung><MLTDiep>100</MLTDiep></TTChung><DLieu>{inside}</DLieu></TDiep>");
        let honest = format!("<{form}>{data}<DSCKS><NNT>{part}</NNT></DSCKS></{form}>");
        intact(&message(&honest));
        let forged = format!("<{data_name}><So>2</So></{data_name}>");
        for inside in [
            format!("<{form}>{forged}{data}<DSCKS><NNT>{part}</NNT></DSCKS></{form}>"),
            format!("<{form}>{forged}<DSCKS><NNT>{part}</NNT>{data}</DSCKS></{form}>"),
            format!("<{form}>{data}<So>2</So><DSCKS><NNT>{part}</NNT></DSCKS></{form}>"),
            format!("{honest}<{form}>{forged}</{form}>"),
            format!("<Khac>{honest}</Khac>"),
        ] {
            not_intact(&message(&inside));
        }
    }
}

/// The enveloped transform takes the signature out wherever it stands: moved into a signed text it divides that as a comment does.
#[test]
fn a_signature_moved_into_a_signed_text_divides_it() {
    let signer = signer();
    let content = "<Doc Id=\"r\"><Sum>1000000</Sum>\n<Note>x</Note></Doc>";
    for uri in ["", "#r"] {
        let transforms = [transform(ENVELOPED), transform(EXCLUSIVE)];
        let signed = signature(&signer, &[reference(uri, &transforms, content.as_bytes())], "");
        intact(&content.replace("</Doc>", &format!("{signed}</Doc>")));
        intact(&content.replace("<Doc Id=\"r\">", &format!("<Doc Id=\"r\">{signed}")));
        for moved in [format!("1{signed}000000"), format!("{signed}1000000")] {
            not_intact(&content.replace("1000000", &moved));
        }
    }
}

/// What a filter leaves nothing of is not signed.
#[test]
fn a_filter_that_takes_the_document_element_out_signs_nothing() {
    let signer = signer();
    let condition = |text: &str| {
        format!(
            r#"<Transform Algorithm="http://www.w3.org/TR/1999/REC-xpath-19991116"><XPath>{text}</XPath></Transform>"#
        )
    };
    for text in ["not(ancestor-or-self::Doc)", "not(ancestor-or-self::*)"] {
        let of_nothing = reference("", &[condition(text), transform(EXCLUSIVE)], b"");
        let signed = signature(&signer, &[of_nothing], "");
        not_intact(&format!("<Doc><Sum>999000000</Sum>{signed}</Doc>"));
        not_intact(&signed);
    }
}

#[test]
fn a_message_holds_nothing_beside_its_signed_forms() {
    let signer = signer();
    let invoice = "<DLHDon Id=\"d\"><So>1</So></DLHDon>";
    let part = over(&signer, "#d", invoice, "");
    let honest = format!("<HDon>{invoice}<DSCKS><NBan>{part}</NBan></DSCKS></HDon>");
    let message = |inside: &str| format!("<TDiep><TTChung/><DLieu>{inside}</DLieu></TDiep>");
    intact(&message(&honest));
    let other = "<TBao><DLTBao><So>999</So></DLTBao></TBao>";
    for inside in [
        format!("{honest}{other}"),
        format!("{other}{honest}"),
        format!("{honest}999000000"),
        honest.replace("HDon>", "TBao>").replace("DLTBao", "DLHDon"),
        format!("<TBao>{invoice}<DSCKS><NNT>{part}</NNT></DSCKS></TBao>"),
    ] {
        not_intact(&message(&inside));
    }
    not_intact(&message(&honest).replace("<DLieu>", "<DLieu loai=\"Huy\">"));
    not_intact(&message(&honest.replace("<DSCKS>", "<DSCKS><So/>")));
}
