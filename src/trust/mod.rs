//! Trust data that an administrator fills: anchors with purpose, time and origin, and trusted lists (TS 119 612) from files, each checked by a
//! fingerprint that he names. Nothing is trusted by being there, nothing is fetched, and every version is kept: a verdict names the one it
//! was made with and can be repeated by it.

mod change;
mod folder;
mod manifest;

pub use change::{Addition, add_anchor, add_list, remove};
pub use folder::TrustFolder;
pub use manifest::{AnchorRow, ListRow, Manifest};

use crate::error::RequestError;
use chuky_model::instant::Instant;
use chuky_pki::certificate::Certificate;

/// Reads a SHA-256 fingerprint as people write it: hex, with colons or spaces or without.
pub fn fingerprint(text: &str) -> Result<[u8; 32], RequestError> {
    let compact: String = text.chars().filter(|letter| !matches!(letter, ':' | ' ')).collect();
    let octets = hex::decode(&compact).ok().and_then(|octets| <[u8; 32]>::try_from(octets).ok());
    octets.ok_or_else(|| {
        RequestError::invalid(
            "fingerprint",
            "fingerprint_malformed",
            "Dấu vân tay phải là SHA-256: 64 chữ số thập lục phân. SHA-1 và MD5 không được chấp nhận.",
            "A fingerprint is SHA-256: 64 hexadecimal digits. SHA-1 and MD5 are not accepted.",
        )
    })
}

/// The name of a certificate's subject, without what could move a cursor.
pub fn name(certificate: &Certificate) -> String {
    certificate.subject().common_name().chars().filter(|letter| !letter.is_control()).collect()
}

/// Reads a moment: RFC 3339, or a day, which begins at midnight UTC.
pub fn moment(text: &str) -> Result<Instant, RequestError> {
    let read = Instant::parse_rfc3339(text).or_else(|| Instant::parse_rfc3339(&format!("{text}T00:00:00Z")));
    read.ok_or_else(|| {
        RequestError::invalid(
            "moment",
            "moment_malformed",
            format!("{text:?} không phải là thời điểm; ví dụ: 2026-11-22 hoặc 2026-11-22T10:00:00+07:00"),
            format!("{text:?} is no moment; write 2026-11-22 or 2026-11-22T10:00:00+07:00"),
        )
    })
}
