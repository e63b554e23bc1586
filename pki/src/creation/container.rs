//! Writing Associated Signature Containers (EN 319 162-1): files and signatures in an archive, each stored as it is. The files' octets
//! never pass through here; the writer of the archive copies them.

use super::element::{Element, Prefix};
use crate::algorithm::DigestAlgorithm;
use crate::error::{Error, Result};
use crate::xml::algorithm::digest_uri;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use chuky_model::text::turns_direction;
use flate2::Crc;

/// Which container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One file (§4.3).
    Simple,
    /// Any number (§4.4).
    Extended,
}

impl Kind {
    /// The registered media type (annex C), which is the content of `mimetype`.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Simple => "application/vnd.etsi.asic-s+zip",
            Self::Extended => "application/vnd.etsi.asic-e+zip",
        }
    }
}

/// A file of the archive: where its octets come from is the caller's matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct File<'a> {
    pub name: &'a str,
    pub size: u64,
    pub crc: u32,
}

/// The head of an archive up to the octets of its one file, and what stands behind them.
#[derive(Clone, Debug)]
pub struct Frame {
    pub before: Vec<u8>,
    pub after: Vec<u8>,
}

/// Frames one file with the entries of `META-INF` (name below it, octets). `Refused` for a name that an archive must not hold.
pub fn frame(kind: Kind, file: File<'_>, meta: &[(&str, Vec<u8>)]) -> Result<Frame> {
    check_name(file.name)?;
    let size =
        u32::try_from(file.size).ok().filter(|size| *size < LARGEST).ok_or(Error::Limit("size of a container"))?;
    let mut archive = Archive::default();
    archive.add("mimetype", kind.media_type().as_bytes());
    archive.header(file.name, size, file.crc);
    let before = std::mem::take(&mut archive.octets);
    archive.skipped = u64::try_from(before.len()).unwrap_or(u64::MAX).saturating_add(file.size);
    for (name, octets) in meta {
        archive.add(&format!("META-INF/{name}"), octets);
    }
    Ok(Frame { before, after: archive.finish()? })
}

/// `XAdESSignatures` (annex A.5) around a `ds:Signature`.
pub fn xades_signatures(signature: &str) -> Vec<u8> {
    let around = Element::new(Prefix::Asic, "XAdESSignatures").canonical();
    let (open, close) = around.split_at(around.find("</").unwrap_or(around.len()));
    [DECLARATION, open, signature, close].concat().into_bytes()
}

/// `META-INF/manifest.xml` of a container with XAdES: the list of files (OpenDocument 1.2 part 3 §4).
pub fn file_list(kind: Kind, name: &str, media_type: &str) -> Vec<u8> {
    let entry = |path: &str, media_type: &str| {
        format!(
            "<manifest:file-entry manifest:full-path=\"{}\" manifest:media-type=\"{}\"/>",
            escaped(path),
            escaped(media_type)
        )
    };
    [
        DECLARATION,
        "<manifest:manifest xmlns:manifest=\"urn:oasis:names:tc:opendocument:xmlns:manifest:1.0\" manifest:version=\"1.2\">",
        &entry("/", kind.media_type()),
        &entry(name, media_type),
        "</manifest:manifest>",
    ]
    .concat()
    .into_bytes()
}

/// `ASiCManifest` (annex A.4) of a container with CAdES: what the signature of that name covers.
pub fn manifest(signature: &str, uri: &str, media_type: &str, hash: DigestAlgorithm, digest: &[u8]) -> Vec<u8> {
    let element = |local| Element::new(Prefix::Asic, local);
    let signed = element("DataObjectReference")
        .attribute("URI", uri)
        .attribute("MimeType", media_type)
        .child(Element::new(Prefix::Ds, "DigestMethod").attribute("Algorithm", digest_uri(hash)))
        .child(Element::new(Prefix::Ds, "DigestValue").text(STANDARD.encode(digest)));
    let signature = element("SigReference")
        .attribute("URI", format!("META-INF/{signature}"))
        .attribute("MimeType", "application/pkcs7-signature");
    [DECLARATION, &element("ASiCManifest").child(signature).child(signed).canonical()].concat().into_bytes()
}

/// The reference to a file of the container: its name, percent-encoded (RFC 3986 §2.1).
pub fn uri(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' | b'_' | b'~' => out.push(char::from(byte)),
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}

/// A name that every reader of archives takes for the same file, and for no part of the container itself.
fn check_name(name: &str) -> Result<()> {
    let bad = name.is_empty()
        || name.len() > LONGEST_NAME
        || name == "."
        || name == ".."
        || name.eq_ignore_ascii_case("mimetype")
        || name.chars().any(|character| {
            character.is_control() || turns_direction(character) || matches!(character, '/' | '\\' | ':')
        });
    if bad { Err(Error::Refused("the file's name cannot stand in a container".into())) } else { Ok(()) }
}

/// The local headers with their octets, and the central directory (PKWARE APPNOTE 6.3.3 §4.3).
#[derive(Default)]
struct Archive {
    octets: Vec<u8>,
    central: Vec<u8>,
    count: u16,
    /// Octets before `octets` that were written elsewhere.
    skipped: u64,
}

impl Archive {
    fn add(&mut self, name: &str, content: &[u8]) {
        let size = u32::try_from(content.len()).unwrap_or(u32::MAX);
        let mut crc = Crc::new();
        crc.update(content);
        self.header(name, size, crc.sum());
        self.octets.extend_from_slice(content);
    }

    fn header(&mut self, name: &str, size: u32, crc: u32) {
        let place = self.skipped.saturating_add(u64::try_from(self.octets.len()).unwrap_or(u64::MAX));
        let length = u16::try_from(name.len()).unwrap_or(u16::MAX);
        // §4.4.4, bit 11: names are UTF-8. Stored, and dated 1980-01-01, the format's beginning: an archive says no time of its own.
        let fields = |out: &mut Vec<u8>| {
            for value in [20_u16, 0x0800, 0, 0, 0x21] {
                out.extend_from_slice(&value.to_le_bytes());
            }
            for value in [crc, size, size] {
                out.extend_from_slice(&value.to_le_bytes());
            }
            out.extend_from_slice(&length.to_le_bytes());
            out.extend_from_slice(&0_u16.to_le_bytes());
        };
        self.octets.extend_from_slice(b"PK\x03\x04");
        fields(&mut self.octets);
        self.octets.extend_from_slice(name.as_bytes());
        self.central.extend_from_slice(b"PK\x01\x02\x14\x00");
        fields(&mut self.central);
        // Comment's length, disk, internal and external attributes.
        self.central.extend_from_slice(&[0; 10]);
        self.central.extend_from_slice(&u32::try_from(place).unwrap_or(u32::MAX).to_le_bytes());
        self.central.extend_from_slice(name.as_bytes());
        self.count += 1;
    }

    fn finish(mut self) -> Result<Vec<u8>> {
        let place = self.skipped.saturating_add(u64::try_from(self.octets.len()).unwrap_or(u64::MAX));
        let place = u32::try_from(place).map_err(|_| Error::Limit("size of a container"))?;
        let length = u32::try_from(self.central.len()).map_err(|_| Error::Limit("size of a container"))?;
        self.octets.append(&mut self.central);
        self.octets.extend_from_slice(b"PK\x05\x06\0\0\0\0");
        for _ in 0..2 {
            self.octets.extend_from_slice(&self.count.to_le_bytes());
        }
        self.octets.extend_from_slice(&length.to_le_bytes());
        self.octets.extend_from_slice(&place.to_le_bytes());
        self.octets.extend_from_slice(&0_u16.to_le_bytes());
        Ok(self.octets)
    }
}

const DECLARATION: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
/// Bytes, below what needs the 64-bit extension.
const LARGEST: u32 = u32::MAX - (1 << 20);
/// Bytes of a file's name.
const LONGEST_NAME: usize = 255;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_reads_as_another_is_refused() {
        let framed = |name: &str| frame(Kind::Simple, File { name, size: 0, crc: 0 }, &[]).is_ok();
        assert!(framed("hợp đồng.pdf"));
        for name in ["hợp\u{202e}fdp.exe", "a\u{2067}b", "a\u{200f}b", "a\u{61c}b", "a/b", "mimetype", "", "a\nb"] {
            assert!(!framed(name), "{name:?}");
        }
    }
}
