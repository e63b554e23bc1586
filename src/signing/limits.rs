//! Bounds of the signing flow, with their units and reasons.

use std::time::Duration;

/// Bytes of clear text in one encrypted piece of a file: few tags, little memory.
pub const PIECE: usize = 256 << 10;
/// Bytes in which a PDF's header must stand (ISO 32000-2 annex I, what readers accept).
pub const HEADER_WITHIN: usize = 1_024;
/// Bytes of a picture that is kept with a credential: handwriting or a seal at 300 dpi takes a fifth of it.
pub const KEPT_PICTURE: usize = 256 << 10;
/// Characters of a document's name.
pub const NAME_CHARACTERS: usize = 200;
/// Characters of a reason or a place: one line of a letter.
pub const REASON_CHARACTERS: usize = 200;
/// Bytes of a timestamp beside the authority's certificates: fixed parts measure 500, RSA-4096 adds 600.
pub const TIMESTAMP_BYTES: usize = 1_500;
/// Largest document that a signature's file carries inside, or that a XAdES signature stands in, bytes: it is held in memory.
pub const ATTACHED: u64 = 64 << 20;
/// Documents of one page of a list.
pub const PAGE: i64 = 50;
/// Codes of one document that are listed: as many signatures with a code.
pub const CODES_OF_A_DOCUMENT: i64 = 100;
/// Documents in clear at once in this process: decrypted, signed, extended, handed out. Each has a file, and at times a thread of the runtime's 512.
pub const PLACES: usize = 128;
/// The same of one account: a person at work, or a system that is patient.
pub const PLACES_OF_AN_ACCOUNT: usize = 16;
/// Pages that are drawn at once for people who sign: each takes a reader for tens of milliseconds, and signatures need readers, too.
pub const DRAWN_AT_ONCE: usize = 2;
/// Pages of one account that wait to be drawn, the one that is drawn among them: what a browser asks for at once. They take none of the
/// account's places.
pub const DRAWN_OF_AN_ACCOUNT: usize = 16;
/// How long a page waits for its turn to be drawn; the browser then asks again.
pub const WAIT_TO_DRAW: Duration = Duration::from_secs(20);
/// Age in seconds after which a file without a row counts as left behind by a crash.
pub const LEFT_BEHIND_SECONDS: u64 = 3_600;
/// Signatures of one authorization through the signing API: with seven digests for each it is what an activation holds.
pub const MOST_SIGNATURES: usize = 1_000;
/// Seconds in which a signature that was prepared can be finished: a person finds their token meanwhile.
pub const CONTINUATION_SECONDS: i64 = 3_600;
/// Signatures of one file that are extended at once: each takes up to two timestamps.
pub const AUGMENTED: usize = 64;
/// Bytes of what a key signs that are handed out beside their digest: signed attributes and references take 2 KiB, an attached JWS its document.
pub const OCTETS_TO_SIGN: usize = 64 << 10;
/// Characters of a certificate with its issuers in PEM: eight with keys of 4,096 bits take 20 thousand.
pub const CERTIFICATE_CHARACTERS: usize = 64 << 10;
/// Certificates of a signer's issuers.
pub const CHAIN_CERTIFICATES: usize = 8;
/// Characters of a signature value in base64: RSA with 4,096 bits takes 684.
pub const VALUE_CHARACTERS: usize = 1_024;
