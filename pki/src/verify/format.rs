//! What a file is, told from its content and never from its name. Looks at a bounded part of it.

use super::cms_file;
use base64::Engine as _;
use chuky_model::report::DocumentFormat;

/// What a file was recognised as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Pdf,
    /// A CMS `ContentInfo`, DER or PEM.
    Cms,
    Xml,
    /// XML with an XML signature in it.
    SignedXml,
    Json,
    /// A JWS in compact form or as JSON.
    Jws,
    Asice,
    Asics,
    Ooxml,
    Odf,
    Zip,
    Picture,
    Text,
    Empty,
    Unrecognised,
}

/// How much of a file is looked at to recognise it.
const WINDOW: usize = 1 << 20;
/// Where the content type of a CMS object stands at the latest: behind two headers of at most nine bytes,
/// or four in a timestamp authority's response.
const CMS_HEAD: usize = 64;
/// The object identifier of `SignedData`, 1.2.840.113549.1.7.2, in DER.
pub(super) const SIGNED_DATA: &[u8] = &[0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02];

impl Kind {
    /// For the report.
    pub(super) fn document_format(self) -> DocumentFormat {
        match self {
            Self::Pdf => DocumentFormat::PAdES,
            Self::Cms => DocumentFormat::CAdES,
            Self::SignedXml => DocumentFormat::XAdES,
            Self::Jws => DocumentFormat::JAdES,
            Self::Asice => DocumentFormat::AsicE,
            Self::Asics => DocumentFormat::AsicS,
            Self::Ooxml => DocumentFormat::Ooxml,
            Self::Odf => DocumentFormat::Odf,
            _ => DocumentFormat::Unknown,
        }
    }

    /// English, for experts.
    pub(super) fn description(self) -> &'static str {
        match self {
            Self::Pdf => "a PDF file",
            Self::Cms => "a CMS object",
            Self::Xml => "an XML document",
            Self::SignedXml => "a signed XML document",
            Self::Json => "a JSON document",
            Self::Jws => "a JSON signature",
            Self::Asice => "an ASiC-E container",
            Self::Asics => "an ASiC-S container",
            Self::Ooxml => "an Office Open XML document",
            Self::Odf => "an OpenDocument file",
            Self::Zip => "a ZIP archive",
            Self::Picture => "a picture",
            Self::Text => "plain text",
            Self::Empty => "an empty file",
            Self::Unrecognised => "a file of unknown format",
        }
    }

    /// Whether a file of this kind may hold a signature that is not looked for yet.
    pub(super) fn may_hold_signature(self) -> bool {
        matches!(self, Self::Jws | Self::Asice | Self::Asics | Self::Ooxml | Self::Odf | Self::Zip | Self::Unrecognised)
    }
}

/// Recognises the content.
pub(super) fn recognise(bytes: &[u8]) -> Kind {
    let head = bytes.get(..bytes.len().min(WINDOW)).unwrap_or_default();
    let first = head.get(..head.len().min(1024)).unwrap_or_default();
    let starts = |magic: &[u8]| head.starts_with(magic);
    if head.is_empty() {
        Kind::Empty
    } else if starts(&[0x30]) && contains(first.get(..first.len().min(CMS_HEAD)).unwrap_or_default(), SIGNED_DATA) {
        // Before PDF: the content of a CMS object may be one.
        Kind::Cms
    } else if let Some(container) = container(bytes, head) {
        // Before PDF too: the first file of an archive, stored as it is, may be one.
        container
    } else if memchr::memmem::find(first, b"%PDF-").is_some() {
        Kind::Pdf
    } else if is_archive(head) {
        Kind::Zip
    } else if cms_file::is_armoured(head) {
        Kind::Cms
    } else if [&b"\x89PNG"[..], b"\xff\xd8\xff", b"GIF8", b"BM", b"II*\0", b"MM\0*"].iter().any(|magic| starts(magic)) {
        Kind::Picture
    } else {
        textual(bytes, head)
    }
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    memchr::memmem::find(haystack, needle).is_some()
}

/// Whether it is UTF-16 whose first sign is a `<`.
fn begins_wide(head: &[u8]) -> bool {
    let units = |order: fn([u8; 2]) -> u16, rest: &[u8]| {
        let mut units = rest.chunks_exact(2).filter_map(|pair| pair.try_into().ok()).map(order);
        units.find(|unit| !matches!(unit, 0x20 | 0x09 | 0x0a | 0x0d)) == Some(0x3c)
    };
    match head {
        [0xff, 0xfe, rest @ ..] => units(u16::from_le_bytes, rest),
        [0xfe, 0xff, rest @ ..] => units(u16::from_be_bytes, rest),
        [b'<', 0, ..] | [0, b'<', ..] => true,
        _ => false,
    }
}

/// Whether the namespace of XML signatures is named, in UTF-8 or UTF-16.
fn names_signatures(bytes: &[u8]) -> bool {
    let wide: Vec<u8> = NAMESPACE.bytes().flat_map(|byte| [byte, 0]).collect();
    let wide = wide.get(..wide.len() - 1).unwrap_or_default();
    contains(bytes, NAMESPACE.as_bytes()) || (bytes.contains(&0) && contains(bytes, wide))
}

/// The namespace of XML signatures.
const NAMESPACE: &str = "http://www.w3.org/2000/09/xmldsig#";

/// An archive that begins the file and says that it is of a kind that holds signatures. A PDF with an archive of no such kind before it
/// stays a PDF.
fn container(bytes: &[u8], head: &[u8]) -> Option<Kind> {
    is_archive(head).then(|| zip(bytes, head)).filter(|kind| *kind != Kind::Zip)
}

fn is_archive(head: &[u8]) -> bool {
    head.starts_with(b"PK\x03\x04") || head.starts_with(b"PK\x05\x06")
}

fn zip(bytes: &[u8], head: &[u8]) -> Kind {
    let tail = bytes.get(bytes.len().saturating_sub(WINDOW)..).unwrap_or_default();
    let named = |name: &[u8]| contains(head, name) || contains(tail, name);
    let first = head.get(..head.len().min(200)).unwrap_or_default();
    let extended = [&b"application/vnd.etsi.asic-e+zip"[..], b"application/vnd.bdoc"];
    let extended = extended.iter().any(|kind| contains(first, kind));
    let in_container = [&b"META-INF/ASiC"[..], b"META-INF/signatures", b"META-INF/evidencerecord"];
    if extended {
        Kind::Asice
    } else if contains(first, b"application/vnd.etsi.asic-s+zip") {
        Kind::Asics
    } else if named(b"application/vnd.oasis.opendocument") {
        Kind::Odf
    } else if named(b"[Content_Types].xml") {
        Kind::Ooxml
    } else if in_container.iter().any(|name| named(name)) {
        Kind::Asice
    } else if named(b"META-INF/signature") || named(b"META-INF/timestamp") {
        Kind::Asics
    } else {
        Kind::Zip
    }
}

/// Whether a JSON text holds the members of a signature (RFC 7515 §7.2), wherever in it they stand; or a protected header, whose signature may
/// be cut off.
fn holds_json_signature(body: &[u8]) -> bool {
    let has = |name: &[u8]| contains(body, name);
    let whole = (has(b"\"signature\"") || has(b"\"signatures\"")) && (has(b"\"protected\"") || has(b"\"payload\""));
    let headers = memchr::memmem::find_iter(body, b"\"protected\"").take(MOST_HEADERS);
    whole || headers.filter_map(|at| body.get(at + b"\"protected\"".len()..)).any(is_header_value)
}

/// Whether a colon and a string follow that begins as an encoded header does.
fn is_header_value(rest: &[u8]) -> bool {
    let value = rest.trim_ascii_start().strip_prefix(b":").map(<[u8]>::trim_ascii_start);
    value.and_then(|value| value.strip_prefix(b"\"")).is_some_and(begins_a_header)
}

/// Whether a text is meant as a compact JWS, however it is damaged: an encoded JSON object before the first dot.
fn is_meant_as_compact_signature(body: &[u8]) -> bool {
    let header = body.split(|byte| *byte == b'.').next().unwrap_or_default();
    header.len() < body.len() && header.len() >= SHORTEST_HEADER && begins_a_header(header)
}

/// Base64 of `{` and of the quotation mark or white space behind it (RFC 8259 §4).
fn begins_a_header(text: &[u8]) -> bool {
    [&b"eyJ"[..], b"eyA", b"eyI", b"ewo", b"ew0", b"ewk"].iter().any(|start| text.starts_with(start))
}

/// Whether base64url text stands for the beginning of a JSON object.
fn begins_an_object(text: &[u8]) -> bool {
    let start = text.get(..text.len().min(64) / 4 * 4).unwrap_or_default();
    base64::engine::general_purpose::URL_SAFE_NO_PAD
        .decode(start)
        .is_ok_and(|start| start.trim_ascii_start().starts_with(b"{"))
}

/// Whether a text has the three parts of a compact JWS; an unencoded payload (RFC 7797 §5.2) may hold any printable character.
fn is_compact_signature(body: &[u8]) -> bool {
    let is_encoded = |part: &[u8]| part.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    let mut parts = body.split(|byte| *byte == b'.');
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(header), Some(payload), Some(signature), None) => {
            is_encoded(header)
                && begins_an_object(header)
                && is_encoded(signature)
                && payload.iter().all(|byte| matches!(byte, 0x20..=0x7e))
        }
        _ => false,
    }
}

/// Protected headers that are looked at for the beginning of one.
const MOST_HEADERS: usize = 64;
/// `{"alg":"x"}` is no shorter.
const SHORTEST_HEADER: usize = 12;

fn textual(bytes: &[u8], head: &[u8]) -> Kind {
    let cut = bytes.len() > head.len();
    let body = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    let body = body.trim_ascii_start();
    if body.starts_with(b"<") || begins_wide(head) {
        // A signature may stand behind everything else.
        return if names_signatures(bytes) { Kind::SignedXml } else { Kind::Xml };
    }
    if body.starts_with(b"{") || body.starts_with(b"[") {
        return if holds_json_signature(bytes) { Kind::Jws } else { Kind::Json };
    }
    let text = bytes.trim_ascii();
    if is_compact_signature(text) || is_meant_as_compact_signature(text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text)) {
        return Kind::Jws;
    }
    match std::str::from_utf8(body) {
        Ok(text) if !text.contains('\0') => Kind::Text,
        // The window may end inside a character.
        Err(error) if cut && error.valid_up_to() + 4 > body.len() => Kind::Text,
        _ => Kind::Unrecognised,
    }
}
