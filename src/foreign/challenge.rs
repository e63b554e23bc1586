//! The text that is signed to prove possession of a key. It says itself what it is, for which service, account and certificate, and until when;
//! whoever shows it to a person before it is signed can hold it against what it knows. Pure text.
//!
//! Its signature can be no document's: the key signs the hash of exactly these octets. They begin with [`HEADING`], and so with none of what
//! signatures of documents are made over: signed attributes and certificates begin with a DER tag (0x31, 0x30), `SignedInfo` with `<`, a JWS signing
//! input has no spaces, a PDF begins with `%PDF`, and no line here holds a `%`. As a document of its own it says that it is none.

use chuky_model::{algorithm::SignatureScheme, instant::Instant};
use chuky_pki::{algorithm::SignatureAlgorithm, crypto};

/// What is signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProofText {
    /// The origin of the service that asks.
    pub service: String,
    /// The log-in of the account that the certificate is registered for.
    pub account: String,
    /// SHA-256 of the certificate, lower-case hex.
    pub certificate: String,
    /// 32 random octets, lower-case hex.
    pub nonce: String,
    /// RFC 3339.
    pub until: String,
}

/// The first line, which nothing else that is signed begins with.
pub const HEADING: &str = "CHUKY-PROOF-OF-POSSESSION-V1";
const SAID: [&str; 2] = [
    "Đây không phải là văn bản. Chữ ký này chỉ chứng minh đang giữ khóa của chứng thư.",
    "This is no document. The signature only proves that the key of the certificate is at hand.",
];
const FIELDS: [&str; 5] = ["service", "account", "certificate", "nonce", "until"];
/// Characters of a value.
const LONGEST_VALUE: usize = 300;
/// Octets of a text that is looked at.
const LONGEST: usize = 4 << 10;

impl ProofText {
    /// The text, each line ended by a line feed.
    pub fn text(&self) -> String {
        let mut text = format!("{HEADING}\n{}\n{}\n", SAID[0], SAID[1]);
        for (name, value) in FIELDS.iter().zip(self.values()) {
            text.push_str(&format!("{name}: {value}\n"));
        }
        text
    }

    /// Reads exactly what [`Self::text`] writes; `None` for everything else.
    pub fn parse(text: &str) -> Option<Self> {
        let mut lines = text.get(..text.len().min(LONGEST))?.lines().skip(1 + SAID.len());
        let mut value =
            |name: &str| -> Option<String> { Some(lines.next()?.strip_prefix(name)?.strip_prefix(": ")?.to_owned()) };
        let [service, account, certificate, nonce, until] = FIELDS.map(&mut value);
        let read =
            Self { service: service?, account: account?, certificate: certificate?, nonce: nonce?, until: until? };
        (read.is_sound() && read.text() == text).then_some(read)
    }

    /// The hash of its text that a key of this scheme signs.
    pub fn digest(&self, scheme: SignatureScheme) -> Vec<u8> {
        digest(scheme, &self.text())
    }

    /// Whether it was good at that moment.
    pub fn is_good_at(&self, now: Instant) -> bool {
        Instant::parse_rfc3339(&self.until).is_some_and(|until| now < until)
    }

    fn is_sound(&self) -> bool {
        let hex =
            |value: &str| value.len() == 64 && value.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let plain = |value: &str| {
            !value.is_empty()
                && value.len() <= LONGEST_VALUE
                && value.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'%')
        };
        hex(&self.certificate)
            && hex(&self.nonce)
            && plain(&self.service)
            && plain(&self.account)
            && Instant::parse_rfc3339(&self.until).is_some()
    }

    fn values(&self) -> [&str; 5] {
        [&self.service, &self.account, &self.certificate, &self.nonce, &self.until]
    }
}

/// The hash of such a text by that scheme.
pub(super) fn digest(scheme: SignatureScheme, text: &str) -> Vec<u8> {
    let algorithm: SignatureAlgorithm = scheme.into();
    algorithm.digest().map(|hash| crypto::digest(hash, text.as_bytes())).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn proof() -> ProofText {
        ProofText {
            service: "https://chuky.example".into(),
            account: "an.nguyen".into(),
            certificate: "ab".repeat(32),
            nonce: "01".repeat(32),
            until: "2026-11-27T03:00:00Z".into(),
        }
    }

    #[test]
    fn a_text_is_read_as_it_was_written_and_nothing_else_is() {
        let text = proof().text();
        assert_eq!(ProofText::parse(&text), Some(proof()));
        let odd = |from: &str, to: &str| ProofText::parse(&text.replace(from, to));
        for (from, to) in [
            (HEADING, "CHUKY-PROOF-OF-POSSESSION-V2"),
            ("This is no document", "This is a document"),
            ("account: an.nguyen", "account: an nguyen"),
            ("account: an.nguyen", "account: %PDF-1.7"),
            ("\n", "\r\n"),
            ("abab", "ABAB"),
            ("until: 2026", "until: ngày mai 2026"),
            ("until: ", "more: 1\nuntil: "),
        ] {
            assert_eq!(odd(from, to), None, "{from:?} → {to:?}");
        }
        assert_eq!(ProofText::parse(&format!("{text} ")), None);
        assert_eq!(ProofText::parse(""), None);
        assert_eq!(ProofText::parse(&"ệ".repeat(5_000)), None);
    }

    /// CMS signed attributes, certificates and `SignedInfo` begin otherwise; a JWS signing input has no space; PDF readers look for `%PDF` in the
    /// first 1,024 octets.
    #[test]
    fn no_document_begins_like_it() {
        let text = proof().text();
        let octets = text.as_bytes();
        assert!(![0x30, 0x31, b'<', b'%', b'{', b'P'].contains(&octets[0]));
        assert!(octets[..100].contains(&b' ') && !octets.contains(&b'%'));
    }
}
