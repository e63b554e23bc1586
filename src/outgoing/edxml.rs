//! The edXML package of QCVN 102:2016/BTTTT: written to a file piece by piece, the document inside in base64. `Bussiness` is the standard's
//! own spelling. Writes text only; decides nothing.

use crate::error::{InternalError, Result};
use base64::{Engine, engine::general_purpose::STANDARD};
use std::{
    fs::File,
    io::{self, BufWriter, Read, Seek, Write},
};

/// What a package says.
pub(super) struct Package<'a> {
    pub(super) business: Business<'a>,
    /// Code and name of the sending agency.
    pub(super) from: (&'a str, &'a str),
    pub(super) to: Vec<(&'a str, &'a str)>,
    /// `15` and `QĐ-UBND`.
    pub(super) code: (&'a str, &'a str),
    pub(super) place: &'a str,
    /// `2026/11/22`.
    pub(super) issued_on: String,
    /// 1 for a document of law, 2 for an administrative one.
    pub(super) type_name: &'a str,
    pub(super) subject: &'a str,
    /// Name of the person who signed.
    pub(super) signer: &'a str,
    /// 0 normal to 3 most urgent.
    pub(super) priority: u8,
    /// `2026/11/22 10:05:09`.
    pub(super) traced_at: String,
    /// Identifies the attachment within the package.
    pub(super) content_id: &'a str,
    pub(super) file_name: &'a str,
}

/// What the recipient is to do with it.
pub(super) enum Business<'a> {
    /// `BussinessDocType` 0.
    New,
    /// `BussinessDocType` 1, thu hồi, with why; it carries no document.
    Recall(&'a str),
}

impl Package<'_> {
    /// Writes the package; `document` goes in where it is a new one.
    pub(super) fn write(&self, document: Option<File>, out: File) -> Result<File> {
        let written = self.written(document, out);
        Ok(written.map_err(InternalError::io("an edXML package"))?)
    }

    fn written(&self, document: Option<File>, out: File) -> io::Result<File> {
        let mut out = BufWriter::new(out);
        write!(
            out,
            "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<edXML:edXML xmlns:edXML=\"{NAMESPACE}\" xmlns:xlink=\"http://www.w3.org/1999/xlink\">\
             <edXML:edXMLEnvelope><edXML:edXMLHeader>"
        )?;
        self.message_header(&mut out)?;
        self.trace(&mut out)?;
        write!(out, "</edXML:edXMLHeader>")?;
        if let Some(mut document) = document {
            let (id, name) = (escaped(self.content_id), escaped(self.file_name));
            write!(
                out,
                "<edXML:edXMLBody><edXML:edXMLManifest edXML:version=\"1.0\"><edXML:Reference xlink:href=\"cid:{id}\">\
                 <edXML:ContentId>{id}</edXML:ContentId><edXML:ContentType>application/pdf</edXML:ContentType>\
                 <edXML:Description>{}</edXML:Description><edXML:AttachmentName>{name}</edXML:AttachmentName></edXML:Reference>\
                 </edXML:edXMLManifest></edXML:edXMLBody></edXML:edXMLEnvelope><edXML:AttachmentEncoded><edXML:Attachment>\
                 <edXML:ContentType>application/pdf</edXML:ContentType><edXML:ContentId>{id}</edXML:ContentId>\
                 <edXML:Description>{0}</edXML:Description><edXML:ContentTransferEncoded>",
                escaped(self.subject)
            )?;
            document.rewind()?;
            copy_base64(&mut document, &mut out)?;
            writeln!(
                out,
                "</edXML:ContentTransferEncoded><edXML:AttachmentName>{name}</edXML:AttachmentName></edXML:Attachment>\
                 </edXML:AttachmentEncoded></edXML:edXML>"
            )?;
        } else {
            writeln!(out, "</edXML:edXMLEnvelope></edXML:edXML>")?;
        }
        let mut file = out.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.rewind()?;
        Ok(file)
    }

    fn message_header(&self, out: &mut impl Write) -> io::Result<()> {
        let party = |(code, name): (&str, &str)| {
            format!(
                "<edXML:OrganId>{}</edXML:OrganId><edXML:OrganName>{}</edXML:OrganName>",
                escaped(code),
                escaped(name)
            )
        };
        write!(out, "<edXML:MessageHeader><edXML:From>{}</edXML:From>", party(self.from))?;
        for to in &self.to {
            write!(out, "<edXML:To>{}</edXML:To>", party(*to))?;
        }
        let (number, notation) = (escaped(self.code.0), escaped(self.code.1));
        write!(
            out,
            "<edXML:Code><edXML:CodeNumber>{number}</edXML:CodeNumber><edXML:CodeNotation>{notation}</edXML:CodeNotation></edXML:Code>\
             <edXML:PromulgationInfo><edXML:Place>{}</edXML:Place><edXML:PromulgationDate>{date}</edXML:PromulgationDate>\
             </edXML:PromulgationInfo><edXML:DocumentType><edXML:Type>2</edXML:Type><edXML:TypeName>{}</edXML:TypeName>\
             </edXML:DocumentType><edXML:Subject>{}</edXML:Subject><edXML:SignerInfo><edXML:FullName>{}</edXML:FullName>\
             </edXML:SignerInfo><edXML:ToPlaces>",
            escaped(self.place),
            escaped(self.type_name),
            escaped(self.subject),
            escaped(self.signer),
            date = self.issued_on
        )?;
        for (_, name) in &self.to {
            write!(out, "<edXML:Place>{}</edXML:Place>", escaped(name))?;
        }
        write!(
            out,
            "</edXML:ToPlaces><edXML:OtherInfo><edXML:Priority>{}</edXML:Priority></edXML:OtherInfo><edXML:SteeringType>0</edXML:SteeringType>\
             <edXML:DocumentId>{},{},{number}/{notation}</edXML:DocumentId></edXML:MessageHeader>",
            self.priority,
            escaped(self.from.0),
            self.issued_on
        )
    }

    fn trace(&self, out: &mut impl Write) -> io::Result<()> {
        let (kind, why) = match self.business {
            Business::New => (0, ""),
            Business::Recall(why) => (1, why),
        };
        write!(
            out,
            "<edXML:TraceHeaderList edXML:id=\"1\" edXML:version=\"1.0\" edXML:mustUnderstand=\"1\" edXML:actor=\"\"><edXML:TraceHeader>\
             <edXML:OrganId>{}</edXML:OrganId><edXML:Timestamp>{}</edXML:Timestamp></edXML:TraceHeader><edXML:Bussiness>\
             <edXML:BussinessDocType>{kind}</edXML:BussinessDocType><edXML:BussinessDocReason>{}</edXML:BussinessDocReason>\
             <edXML:Paper>0</edXML:Paper></edXML:Bussiness></edXML:TraceHeaderList>",
            escaped(self.from.0),
            self.traced_at,
            escaped(why)
        )
    }
}

fn copy_base64(from: &mut impl Read, to: &mut impl Write) -> io::Result<()> {
    let mut piece = Vec::with_capacity(PIECE);
    loop {
        piece.clear();
        from.by_ref().take(PIECE as u64).read_to_end(&mut piece)?;
        if piece.is_empty() {
            return Ok(());
        }
        to.write_all(STANDARD.encode(&piece).as_bytes())?;
    }
}

/// Text as it stands in an element or an attribute (XML 1.0 §2.4); what XML cannot hold at all is left out.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\t' | '\n' | '\r' => out.push(letter),
            letter if letter.is_control() || matches!(letter, '\u{fffe}' | '\u{ffff}') => {}
            letter => out.push(letter),
        }
    }
    out
}

const NAMESPACE: &str = "http://www.mic.gov.vn/TBT/QCVN_102_2016";
/// Bytes at a time: a multiple of three, so that the pieces' base64 joins.
const PIECE: usize = 3 << 16;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use chuky_pki::xml::document::Document;

    fn package(business: Business<'_>) -> Package<'_> {
        Package {
            business,
            from: ("H26", "UBND <thành phố> & \"Hà Nội\""),
            to: vec![("H26.18", "Sở Tư pháp"), ("000.00.00.H49", "UBND tỉnh Quảng Ninh")],
            code: ("05", "QĐ-UBND"),
            place: "Hà Nội",
            issued_on: "2026/11/22".to_owned(),
            type_name: "Quyết định",
            subject: "Về <việc> & ]]> \u{1}thử",
            signer: "Trần Văn Khương",
            priority: 3,
            traced_at: "2026/11/22 10:05:09".to_owned(),
            content_id: "0199",
            file_name: "a&b.pdf",
        }
    }

    fn text(package: &Package<'_>, document: Option<&[u8]>) -> String {
        let document = document.map(|bytes| {
            let mut file = tempfile::tempfile().unwrap();
            file.write_all(bytes).unwrap();
            file
        });
        let mut text = String::new();
        package.write(document, tempfile::tempfile().unwrap()).unwrap().read_to_string(&mut text).unwrap();
        text
    }

    #[test]
    fn a_package_is_well_formed_and_carries_the_document_unchanged() {
        let document: Vec<u8> = (0..PIECE * 2 + 7).map(|index| (index % 251) as u8).collect();
        let text = text(&package(Business::New), Some(&document));
        assert!(Document::parse(&text).is_ok(), "{}", &text[..900]);
        assert!(text.contains("<edXML:BussinessDocType>0</edXML:BussinessDocType>"));
        assert!(text.contains("<edXML:DocumentId>H26,2026/11/22,05/QĐ-UBND</edXML:DocumentId>"));
        let start = text.find("<edXML:ContentTransferEncoded>").unwrap() + 30;
        let encoded = &text[start..text.find("</edXML:ContentTransferEncoded>").unwrap()];
        assert!(STANDARD.decode(encoded).unwrap() == document);
    }

    #[test]
    fn a_recall_carries_the_reason_and_no_document() {
        let text = text(&package(Business::Recall("Sai thẩm quyền & nội dung")), None);
        assert!(Document::parse(&text).is_ok(), "{text}");
        assert!(text.contains("<edXML:BussinessDocType>1</edXML:BussinessDocType>"));
        assert!(text.contains("Sai thẩm quyền &amp; nội dung") && !text.contains("AttachmentEncoded"));
    }
}
