//! Bounds on XML from strangers, in one place, with their units and reasons.

/// Longest document read, bytes; the reader worker stops earlier. Offsets and node numbers fit 32 bits below it.
pub const LONGEST_DOCUMENT: usize = 1 << 30;
/// Deepest nesting of elements. libxml2 stops at 256; real documents stay below 60.
pub const DEPTH: usize = 512;
/// Most nodes in one document; a 20 MB trusted list has a million.
pub const NODES: usize = 20_000_000;
/// Most attributes and namespace declarations of one element.
pub const ATTRIBUTES: usize = 4_096;
/// Most different namespace prefixes in one document.
pub const PREFIXES: usize = 4_096;
/// Most signatures judged in one document. Contracts with many parties have tens.
pub const SIGNATURES: usize = 256;
/// Most references of one `SignedInfo` or `Manifest`; an office document has hundreds of parts.
pub const REFERENCES: usize = 10_000;
/// Most transforms of one reference; real ones have up to 3.
pub const TRANSFORMS: usize = 8;
/// Most steps of an XPath location path in a transform.
pub const PATH_STEPS: usize = 16;
/// Most tokens of an XPath expression; real ones have up to 30.
pub const PATH_TOKENS: usize = 512;
/// Most certificates read from one signature, `KeyInfo` and unsigned properties together.
pub const CERTIFICATES: usize = 200;
/// Most CRLs and most OCSP answers read from one signature.
pub const REVOCATION_VALUES: usize = 200;
/// Most timestamps judged in one signature.
pub const TIMESTAMPS: usize = 50;
/// Work that references, transforms and coverage may cause, in bytes or nodes: this many times the document's length, and
/// `WORK_BASE` beside it. A large document with 15 parallel signatures, each with an archive timestamp, needs 30 times its length.
pub const WORK_FACTOR: u64 = 32;
/// What one verification with a public key counts as: about as long as hashing so many bytes takes.
pub const COST_OF_A_VERIFICATION: usize = 64 << 10;
/// What reading and looking up one reference counts as, beside its content.
pub const COST_OF_A_REFERENCE: usize = 256;
/// Work that even the smallest document may cause.
pub const WORK_BASE: u64 = 16 << 20;
