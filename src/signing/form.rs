//! The form of a signed file: format and packaging, what the file is called and what its media type is. Decided once from what was
//! asked for and kept with the document.

use super::request::{Format, Packaging};
use crate::error::{RequestError, Result};
use chuky_pki::creation::container;

/// Format and packaging together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    Pades,
    CadesAttached,
    CadesDetached,
    XadesEnveloped,
    XadesEnveloping,
    XadesDetached,
    JadesAttached,
    JadesDetached,
    Asice,
    Asics,
    /// As it was uploaded: signed elsewhere in any format but PDF, and extended here.
    AsUploaded,
}

const NAMES: [(Form, &str); 11] = [
    (Form::Pades, "pades"),
    (Form::CadesAttached, "cades_attached"),
    (Form::CadesDetached, "cades_detached"),
    (Form::XadesEnveloped, "xades_enveloped"),
    (Form::XadesEnveloping, "xades_enveloping"),
    (Form::XadesDetached, "xades_detached"),
    (Form::JadesAttached, "jades_attached"),
    (Form::JadesDetached, "jades_detached"),
    (Form::Asice, "asice"),
    (Form::Asics, "asics"),
    (Form::AsUploaded, "as_uploaded"),
];

impl Form {
    /// The form that was asked for of a document of this media type.
    pub fn wanted(format: Format, packaging: Option<Packaging>, media_type: &str) -> Result<Self> {
        let is_xml = media_type.ends_with("/xml") || media_type.ends_with("+xml");
        Ok(match (format, packaging) {
            (Format::Pades, None) if media_type == PDF => Self::Pades,
            (Format::Pades, None) => return Err(not_pdf().into()),
            (Format::Cades, None | Some(Packaging::Attached)) => Self::CadesAttached,
            (Format::Cades, Some(Packaging::Detached)) => Self::CadesDetached,
            (Format::Xades, None) if is_xml => Self::XadesEnveloped,
            (Format::Xades, Some(Packaging::Enveloped)) => Self::XadesEnveloped,
            (Format::Xades, None | Some(Packaging::Attached)) => Self::XadesEnveloping,
            (Format::Xades, Some(Packaging::Detached)) => Self::XadesDetached,
            (Format::Jades, None | Some(Packaging::Attached)) => Self::JadesAttached,
            (Format::Jades, Some(Packaging::Detached)) => Self::JadesDetached,
            (Format::Asice, None) => Self::Asice,
            (Format::Asics, None) => Self::Asics,
            _ => return Err(no_such_packaging().into()),
        })
    }

    /// The name that rows keep.
    pub fn name(self) -> &'static str {
        NAMES.iter().find(|(form, _)| *form == self).map_or("", |(_, name)| name)
    }

    /// The form of that name; rows from before have none.
    pub fn of_row(name: Option<&str>) -> Self {
        NAMES.iter().find(|(_, known)| Some(*known) == name).map_or(Self::Pades, |(form, _)| *form)
    }

    /// Whether the signed document must be kept beside the file.
    pub fn is_detached(self) -> bool {
        matches!(self, Self::CadesDetached | Self::XadesDetached | Self::JadesDetached)
    }

    /// What the signed file is called.
    pub fn file_name(self, document: &str) -> String {
        let ending = match self {
            Self::Pades | Self::XadesEnveloped | Self::AsUploaded => return document.to_owned(),
            Self::CadesAttached => "p7m",
            Self::CadesDetached => "p7s",
            Self::XadesEnveloping | Self::XadesDetached => "xades.xml",
            Self::JadesAttached | Self::JadesDetached => "jades.json",
            Self::Asice => "asice",
            Self::Asics => "asics",
        };
        format!("{document}.{ending}")
    }

    /// The media type of the signed file.
    pub fn media_type(self, document: &str) -> &str {
        match self {
            Self::Pades | Self::XadesEnveloped | Self::AsUploaded => document,
            Self::CadesAttached => "application/pkcs7-mime",
            Self::CadesDetached => "application/pkcs7-signature",
            Self::XadesEnveloping | Self::XadesDetached => "application/xml",
            // RFC 7515 §9.2.1: either serialization.
            Self::JadesAttached | Self::JadesDetached => "application/jose",
            Self::Asice => container::Kind::Extended.media_type(),
            Self::Asics => container::Kind::Simple.media_type(),
        }
    }
}

/// What the signed form of a document of this media type is called.
pub fn signed_name(format: Format, packaging: Option<Packaging>, media_type: &str, document: &str) -> Result<String> {
    Ok(Form::wanted(format, packaging, media_type)?.file_name(document))
}

/// The refusal of what is no PDF where a PDF is wanted.
pub(super) fn not_pdf() -> RequestError {
    RequestError::invalid(
        "document",
        "not_pdf",
        "Tệp này không phải là PDF. Hãy xuất văn bản ra PDF rồi tải lên lại.",
        "This file is not a PDF. Export the document as PDF and upload it again.",
    )
}

fn no_such_packaging() -> RequestError {
    RequestError::invalid(
        "packaging",
        "packaging_unknown",
        "Định dạng chữ ký này không có cách đóng gói đó: cades và jades có attached, detached; xades có thêm enveloped; các định dạng khác không cần chọn.",
        "This format has no such packaging: cades and jades have attached and detached, xades has enveloped as well, the others leave no choice.",
    )
}

/// The media type of PDF.
pub(super) const PDF: &str = "application/pdf";

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn forms_follow_from_format_packaging_and_document() {
        let wanted = |format, packaging, media_type| Form::wanted(format, packaging, media_type).ok();
        assert_eq!(wanted(Format::Pades, None, PDF), Some(Form::Pades));
        assert_eq!(wanted(Format::Pades, None, "text/xml"), None);
        assert_eq!(wanted(Format::Xades, None, "image/svg+xml"), Some(Form::XadesEnveloped));
        assert_eq!(wanted(Format::Xades, None, PDF), Some(Form::XadesEnveloping));
        assert_eq!(wanted(Format::Xades, Some(Packaging::Detached), "text/xml"), Some(Form::XadesDetached));
        assert_eq!(wanted(Format::Asice, Some(Packaging::Detached), PDF), None);
        assert_eq!(wanted(Format::Cades, Some(Packaging::Enveloped), "text/xml"), None);
        for (form, name) in NAMES {
            assert_eq!((Form::of_row(Some(name)), form.name()), (form, name));
        }
        assert_eq!(Form::of_row(None), Form::Pades);
    }
}
