//! Makes small PDF files by hand, signs them with a key of its own and appends incremental updates.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, dead_code, missing_docs)]

pub mod updates;

use openssl::asn1::Asn1Time;
use openssl::cms::{CMSOptions, CmsContentInfo};
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::x509::{X509, X509NameBuilder};
use std::sync::OnceLock;

pub const TEXT_SHOWN: &str = "BT /F1 12 Tf 50 750 Td (Hello, signer) Tj ET";
const CONTENTS_DIGITS: usize = 6_000;

pub fn stream(data: &str) -> String {
    format!("<</Resources<</Font<</F1 5 0 R>>>>/Length {}>>\nstream\n{data}\nendstream", data.len())
}

pub fn hex_stream(data: &str) -> String {
    let encoded: String = data.bytes().map(|byte| format!("{byte:02x}")).collect();
    let length = encoded.len() + 1;
    format!("<</Resources<</Font<</F1 5 0 R>>>>/Filter/ASCIIHexDecode/Length {length}>>\nstream\n{encoded}>\nendstream")
}

/// The appearance of [`Forge::text_field`].
pub fn look(data: &str) -> String {
    stream(data).replacen("<</Resources", "<</Type/XObject/Subtype/Form/BBox[0 0 200 20]/Resources", 1)
}

pub fn form_xobject(data: &str) -> String {
    format!("<</Type/XObject/Subtype/Form/BBox[0 0 9 9]/Length {}>>\nstream\n{data}\nendstream", data.len())
}

/// A `Reference` that certifies at this level.
pub fn certified(level: u8) -> String {
    format!(
        "/Reference[<</Type/SigRef/TransformMethod/DocMDP/TransformParams<</Type/TransformParams/V/1.2/P {level}>>>>]"
    )
}

fn identity() -> &'static (PKey<Private>, X509) {
    static IDENTITY: OnceLock<(PKey<Private>, X509)> = OnceLock::new();
    IDENTITY.get_or_init(|| {
        let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
        let key = PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap();
        let mut name = X509NameBuilder::new().unwrap();
        name.append_entry_by_text("CN", "TEST Signer").unwrap();
        let name = name.build();
        let mut builder = X509::builder().unwrap();
        builder.set_version(2).unwrap();
        builder.set_subject_name(&name).unwrap();
        builder.set_issuer_name(&name).unwrap();
        let serial = openssl::bn::BigNum::from_u32(77).unwrap().to_asn1_integer().unwrap();
        builder.set_serial_number(&serial).unwrap();
        builder.set_not_before(&Asn1Time::from_str("20260101000000Z").unwrap()).unwrap();
        builder.set_not_after(&Asn1Time::from_str("20300101000000Z").unwrap()).unwrap();
        builder.set_pubkey(&key).unwrap();
        builder.sign(&key, MessageDigest::sha256()).unwrap();
        (key, builder.build())
    })
}

/// The signer's certificate, DER.
pub fn certificate() -> Vec<u8> {
    identity().1.to_der().unwrap()
}

/// A file in the making.
#[derive(Clone)]
pub struct Forge {
    pub bytes: Vec<u8>,
    startxref: usize,
    fields: Vec<u32>,
}

impl Forge {
    /// Two pages, a text field, a check box, a note, and things that nobody refers to.
    pub fn base() -> Self {
        let mut forge = Self { bytes: b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n".to_vec(), startxref: 0, fields: vec![7, 8] };
        let page = Self::page("").replace(" 20 0 R", "");
        let second =
            "<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 17 0 R/Resources<</Font<</F1 5 0 R>>>>>>";
        let objects: Vec<(u32, String)> = vec![
            (1, Self::catalogue("")),
            (2, "<</Type/Pages/Count 2/Kids[3 0 R 9 0 R]>>".into()),
            (3, page),
            (4, stream(TEXT_SHOWN)),
            (5, "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>".into()),
            (6, "<</Fields[7 0 R 8 0 R]/DA(/F1 0 Tf)/DR<</Font<</F1 5 0 R>>>>>>".into()),
            (7, Self::text_field("")),
            (8, Self::check_box("/Off")),
            (9, second.into()),
            (10, form_xobject("0 0 1 1 re f")),
            (11, "<</Type/Annot/Subtype/Text/Rect[500 800 520 820]/Contents(First)>>".into()),
            (12, form_xobject("1 1 7 7 re f")),
            (13, form_xobject("")),
            (14, stream("BT /F1 12 Tf (Prepared shadow) Tj ET")),
            (15, "<</Title(Letter)>>".into()),
            (16, second.into()),
            (17, stream("BT /F1 12 Tf (Second page) Tj ET")),
        ];
        forge.append(&objects);
        forge
    }

    pub fn catalogue(extra: &str) -> String {
        format!("<</Type/Catalog/Pages 2 0 R/AcroForm 6 0 R{extra}>>")
    }

    pub fn page(extra: &str) -> String {
        let contents = if extra.contains("/Contents") { "" } else { "/Contents 4 0 R" };
        format!(
            "<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]{contents}/Annots[7 0 R 8 0 R 20 0 R 11 0 R]\
             /Resources<</Font<</F1 5 0 R>>/XObject<</X1 10 0 R>>>>{extra}>>"
        )
    }

    pub fn text_field(extra: &str) -> String {
        format!(
            "<</Type/Annot/Subtype/Widget/FT/Tx/T(Name)/Rect[50 600 250 620]/F 4/P 3 0 R/DA(/F1 12 Tf 0 g){extra}>>"
        )
    }

    pub fn check_box(state: &str) -> String {
        format!(
            "<</Type/Annot/Subtype/Widget/FT/Btn/T(Agree)/Rect[50 560 60 570]/F 4/P 3 0 R/V{state}/AS{state}\
             /AP<</N<</Yes 12 0 R/Off 13 0 R>>>>>>"
        )
    }

    /// The base with a signature in field 20, dictionary 21; `extra` goes into the dictionary.
    pub fn signed(extra: &str) -> Self {
        Self::base().sign_again(20, extra)
    }

    /// Lists a field that some object defines.
    pub fn listing(mut self, field: u32) -> Self {
        self.fields.push(field);
        self
    }

    /// Adds a signature field with this number, its dictionary with the next one.
    pub fn sign_again(self, field: u32, extra: &str) -> Self {
        self.sign_seen(field, "/Rect[0 0 0 0]", extra)
    }

    /// As [`Forge::sign_again`], on a page that lists these annotations behind its own.
    pub fn sign_listed(self, field: u32, annotations: &str) -> Self {
        self.sign(field, "/Rect[0 0 0 0]", "", annotations)
    }

    /// As [`Forge::sign_again`], with this place and look.
    pub fn sign_seen(self, field: u32, look: &str, extra: &str) -> Self {
        let annotations = if field == 20 { String::new() } else { format!("{field} 0 R") };
        self.sign(field, look, extra, &annotations)
    }

    fn sign(mut self, field: u32, look: &str, extra: &str, annots: &str) -> Self {
        if !self.fields.contains(&field) {
            self.fields.push(field);
        }
        let fields: String = self.fields.iter().map(|number| format!("{number} 0 R ")).collect();
        let name = if field == 20 { 1 } else { 2 };
        let zeros = "0".repeat(CONTENTS_DIGITS);
        let objects = vec![
            (3, Self::page("").replace("11 0 R]", &format!("11 0 R {annots}]"))),
            (6, format!("<</Fields[{fields}]/SigFlags 3/DA(/F1 0 Tf)/DR<</Font<</F1 5 0 R>>>>>>")),
            (
                field,
                format!(
                    "<</Type/Annot/Subtype/Widget/FT/Sig{look}/F 132/T(Signature{name})/P 3 0 R/V {} 0 R>>",
                    field + 1
                ),
            ),
            (
                field + 1,
                format!(
                    "<</Type/Sig/Filter/Adobe.PPKLite/SubFilter/adbe.pkcs7.detached/M(D:20261122060000+07'00')/Reason(Test)\
                 /ByteRange[0 0000000000 0000000000 0000000000]/Contents<{zeros}>{extra}>>"
                ),
            ),
        ];
        self.append(&objects);
        self.fill_signature();
        self
    }

    fn fill_signature(&mut self) {
        let find = |needle: &[u8]| self.bytes.windows(needle.len()).rposition(|window| window == needle).unwrap();
        let (range, start) = (find(b"/ByteRange["), find(b"/Contents<") + 9);
        let end = start + CONTENTS_DIGITS + 2;
        let text = format!("/ByteRange[0 {start:010} {end:010} {:010}]", self.bytes.len() - end);
        self.bytes[range..range + text.len()].copy_from_slice(text.as_bytes());
        let (key, certificate) = identity();
        let signed = [&self.bytes[..start], &self.bytes[end..]].concat();
        let options = CMSOptions::DETACHED | CMSOptions::BINARY | CMSOptions::NOSMIMECAP;
        let cms = CmsContentInfo::sign(Some(certificate), Some(key), None, Some(&signed), options).unwrap();
        let digits: String = cms.to_der().unwrap().iter().map(|byte| format!("{byte:02x}")).collect();
        self.bytes[start + 1..start + 1 + digits.len()].copy_from_slice(digits.as_bytes());
    }

    /// Appends a revision with these objects.
    pub fn update(mut self, objects: &[(u32, &str)]) -> Self {
        let objects: Vec<(u32, String)> = objects.iter().map(|(number, body)| (*number, (*body).to_owned())).collect();
        self.append(&objects);
        self
    }

    fn append(&mut self, objects: &[(u32, String)]) {
        let mut table = String::from("xref\n0 1\n0000000000 65535 f \n");
        for (number, body) in objects {
            table.push_str(&format!("{number} 1\n{:010} 00000 n \n", self.bytes.len()));
            self.bytes.extend_from_slice(format!("{number} 0 obj\n{body}\nendobj\n").as_bytes());
        }
        let previous = if self.startxref == 0 { String::new() } else { format!("/Prev {}", self.startxref) };
        self.startxref = self.bytes.len();
        let trailer =
            format!("trailer\n<</Size 5000/Root 1 0 R/Info 15 0 R{previous}>>\nstartxref\n{}\n%%EOF\n", self.startxref);
        self.bytes.extend_from_slice(table.as_bytes());
        self.bytes.extend_from_slice(trailer.as_bytes());
    }
}
