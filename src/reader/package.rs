//! Reads an edXML package (QCVN 102:2016/BTTTT) that another agency made: who sends what, and its attachments. Runs in a reader worker;
//! whether anything of it is true is decided by the flow.

use base64::{Engine, engine::general_purpose::STANDARD};
use chuky_pki::xml::{
    document::{Document, NodeId},
    encoding,
};
use serde::{Deserialize, Serialize};

/// What a package says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackageRead {
    pub sender_id: String,
    pub sender_name: String,
    pub number: String,
    pub notation: String,
    /// As written, `2026/11/22`.
    pub issued_on: String,
    pub subject: String,
    /// `BussinessDocType`: 0 a new document, 1 recall, 2 update, 3 replacement.
    pub business: u8,
    /// `BussinessDocReason`, where it says why.
    pub reason: Option<String>,
    /// The document that it is about, where it names one: `OrganId,yyyy/MM/dd,number/notation`.
    pub about: Option<String>,
    pub attachments: Vec<AttachmentRead>,
}

/// One file in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttachmentRead {
    pub name: String,
    pub content: Vec<u8>,
}

/// Why a package cannot be used; no words of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PackageUnusable {
    /// No well-formed XML, or not this standard's.
    Malformed,
    /// An element that must be there is missing, empty or too long.
    Incomplete,
    /// An attachment is no base64.
    Attachment,
    /// More attachments, or larger ones, than are taken.
    TooLarge,
}

/// Reads the package.
pub(super) fn read(source: &[u8]) -> Result<PackageRead, PackageUnusable> {
    let text = encoding::decode(source).map_err(|_| PackageUnusable::Malformed)?;
    let document = Document::parse(&text).map_err(|_| PackageUnusable::Malformed)?;
    let root = document.document_element();
    // Both prefixes and the place of the namespace vary; the names do not.
    let all = |name: &'static str| {
        document.elements_within(root).filter(|node| document.local_name(*node) == name).collect::<Vec<NodeId>>()
    };
    if document.local_name(root) != "edXML" {
        return Err(PackageUnusable::Malformed);
    }
    let header = all("MessageHeader").first().copied().ok_or(PackageUnusable::Incomplete)?;
    let below = |above: NodeId, name: &str| document.children(above).find(|node| document.local_name(*node) == name);
    let short = |above: Option<NodeId>, name: &str, most: usize| {
        let text = above.and_then(|above| below(above, name)).map(|node| document.text(node).trim().to_owned());
        let text = text.filter(|text| !text.is_empty() && text.chars().count() <= most);
        text.filter(|text| !text.chars().any(char::is_control)).ok_or(PackageUnusable::Incomplete)
    };
    let (from, code) = (below(header, "From"), below(header, "Code"));
    let business = all("BussinessDocType").into_iter().chain(all("BusinessDocType")).next();
    let business = business.map_or(Some(0), |node| document.text(node).trim().parse().ok());
    let first = |name: &'static str| all(name).into_iter().next();
    let reason = first("BussinessDocReason").or_else(|| first("BusinessDocReason"));
    let about = first("ReplacementInfo").or_else(|| first("ResponseFor"));
    // What nobody must say is left out where it is empty or too long.
    let said = |node: Option<NodeId>, most: usize| {
        let text = document.text(node?).trim().to_owned();
        (!text.is_empty() && text.chars().count() <= most && !text.chars().any(char::is_control)).then_some(text)
    };
    let mut attachments = Vec::new();
    let mut size = 0_usize;
    for node in all("Attachment") {
        let name = short(Some(node), "AttachmentName", NAME_CHARACTERS)?;
        let content = below(node, "ContentTransferEncoded").ok_or(PackageUnusable::Incomplete)?;
        let encoded: Vec<u8> = document.text(content).bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
        let padding = encoded.iter().rev().take_while(|byte| **byte == b'=').count();
        size = size.saturating_add((encoded.len() / 4 * 3).saturating_sub(padding));
        if size > ATTACHED || attachments.len() >= ATTACHMENTS {
            return Err(PackageUnusable::TooLarge);
        }
        let content = STANDARD.decode(&encoded).map_err(|_| PackageUnusable::Attachment)?;
        attachments.push(AttachmentRead { name, content });
    }
    Ok(PackageRead {
        sender_id: short(from, "OrganId", CODE_CHARACTERS)?,
        sender_name: short(from, "OrganName", NAME_CHARACTERS)?,
        number: short(code, "CodeNumber", CODE_CHARACTERS)?,
        notation: short(code, "CodeNotation", CODE_CHARACTERS)?,
        issued_on: short(below(header, "PromulgationInfo"), "PromulgationDate", CODE_CHARACTERS)?,
        subject: short(Some(header), "Subject", SUBJECT_CHARACTERS)?,
        business: business.ok_or(PackageUnusable::Incomplete)?,
        reason: said(reason, SUBJECT_CHARACTERS),
        about: said(about.and_then(|about| below(about, "DocumentId")), NAME_CHARACTERS),
        attachments,
    })
}

/// Bytes of all attachments: they travel in one frame.
pub const ATTACHED: usize = 40 << 20;
/// Files of one package.
const ATTACHMENTS: usize = 50;
/// Characters of an agency's code (at most 35) or of a number's parts.
const CODE_CHARACTERS: usize = 60;
/// Characters of a name.
const NAME_CHARACTERS: usize = 200;
/// Characters of a subject (Decree 30/2020/NĐ-CP, Appendix VI).
const SUBJECT_CHARACTERS: usize = 500;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const PACKAGE: &str = "<edXML xmlns=\"http://www.mic.gov.vn/TBT/QCVN_102_2016\"><MessageHeader><From><OrganId>H26.18</OrganId>\
        <OrganName>Sở Tư pháp</OrganName></From><Code><CodeNumber>05</CodeNumber><CodeNotation>STP-VP</CodeNotation></Code>\
        <PromulgationInfo><PromulgationDate>2026/11/22</PromulgationDate></PromulgationInfo><Subject>Về việc thử</Subject></MessageHeader>\
        <Bussiness><BussinessDocType>1</BussinessDocType><BussinessDocReason> Sai số liệu </BussinessDocReason></Bussiness>\
        <ResponseFor><DocumentId>H26.18,2026/11/20,04/STP-VP</DocumentId></ResponseFor><Attachment><AttachmentName>a.pdf</AttachmentName>\
        <ContentTransferEncoded>JVBE\nRi0=</ContentTransferEncoded></Attachment></edXML>";

    #[test]
    fn a_package_is_read_whatever_its_prefix() {
        let read = super::read(PACKAGE.as_bytes()).unwrap();
        assert_eq!((read.sender_id.as_str(), read.number.as_str(), read.business), ("H26.18", "05", 1));
        assert_eq!(read.attachments[0].content, b"%PDF-");
        assert_eq!(read.reason.as_deref(), Some("Sai số liệu"));
        assert_eq!(read.about.as_deref(), Some("H26.18,2026/11/20,04/STP-VP"));
    }

    #[test]
    fn what_an_agency_may_send_is_taken_and_no_byte_more() {
        for (bytes, is_taken) in [(ATTACHED, true), (ATTACHED + 1, false)] {
            let package = PACKAGE.replace("JVBE\nRi0=", &STANDARD.encode(vec![0_u8; bytes]));
            assert_ne!(package, PACKAGE);
            let read = super::read(package.as_bytes()).map(|read| read.attachments[0].content.len());
            assert_eq!(read, if is_taken { Ok(bytes) } else { Err(PackageUnusable::TooLarge) });
        }
    }

    #[test]
    fn what_is_missing_wrong_or_too_long_is_told_apart() {
        let altered = |from: &str, to: &str| super::read(PACKAGE.replace(from, to).as_bytes()).unwrap_err();
        assert_eq!(super::read(b"no xml").unwrap_err(), PackageUnusable::Malformed);
        assert_eq!(altered("edXML", "other"), PackageUnusable::Malformed);
        assert_eq!(altered("H26.18", ""), PackageUnusable::Incomplete);
        assert_eq!(altered("Về việc thử", &"x".repeat(501)), PackageUnusable::Incomplete);
        assert_eq!(altered(">1<", ">new<"), PackageUnusable::Incomplete);
        assert_eq!(altered("JVBE", "?VBE"), PackageUnusable::Attachment);
    }
}
