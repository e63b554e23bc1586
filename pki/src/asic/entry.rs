//! One entry of an archive and what its name says it is for (EN 319 162-1 §4.3.2, §4.4.2, annex A).

use std::ops::Range;

/// An entry: a file with its place in the archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// As it stands in the archive: UTF-8 by the standard, other encodings in old containers.
    pub name: Vec<u8>,
    /// Whether it is compressed (deflate) or stored.
    pub deflated: bool,
    pub crc: u32,
    /// Where its bytes stand in the archive.
    pub place: Range<usize>,
    /// Its size, bytes.
    pub size: usize,
    /// The entry with its headers, up to the next.
    pub whole: Range<usize>,
    /// Its record in the directory.
    pub record: Range<usize>,
}

/// What an entry is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Mimetype,
    Directory,
    /// CAdES, detached.
    Cades,
    /// An XML file with signatures.
    Xades,
    /// A timestamp token.
    Timestamp,
    /// RFC 4998, DER, or RFC 6283, XML.
    EvidenceRecord,
    /// `ASiCManifest` in any of its names.
    Manifest,
    /// `META-INF/manifest.xml`, the list of files.
    FileList,
    /// `META-INF/container.xml` and the like: describes, is nobody's content.
    Description,
    /// What somebody signed, or slipped in.
    Data,
}

impl Entry {
    /// The name as people read it.
    pub fn label(&self) -> String {
        String::from_utf8_lossy(&self.name).into_owned()
    }

    /// What it is for.
    pub fn role(&self) -> Role {
        if self.name == b"mimetype" {
            return Role::Mimetype;
        }
        if self.name.ends_with(b"/") {
            return Role::Directory;
        }
        let Some(name) = self.name.strip_prefix(b"META-INF/") else { return Role::Data };
        let name = String::from_utf8_lossy(name).to_lowercase();
        // EN 319 162-1 §4.3.3, §4.4.3: the word stands anywhere in the name.
        let has = |part: &str, ending: &str| name.contains(part) && name.ends_with(ending);
        match name.as_str() {
            "manifest.xml" => Role::FileList,
            "container.xml" => Role::Description,
            _ if name.contains('/') => Role::Data,
            _ if name.starts_with("asic") && has("manifest", ".xml") => Role::Manifest,
            _ if MANIFESTS.iter().any(|part| has(part, ".xml")) => Role::Manifest,
            _ if has("evidencerecord", ".ers") || has("evidencerecord", ".xml") => Role::EvidenceRecord,
            _ if has("signature", ".p7s") || has("signature", ".p7m") => Role::Cades,
            _ if has("signatures", ".xml") || (name.starts_with("signature") && name.ends_with(".xml")) => Role::Xades,
            _ if name.starts_with("timestamp") && name.ends_with(".tst") => Role::Timestamp,
            _ => Role::Data,
        }
    }
}

/// What the names of manifests contain, in lower case.
const MANIFESTS: [&str; 3] = ["asicmanifest", "asicarchivemanifest", "asicevidencerecordmanifest"];
