//! Bounds on what this package reads, in one place, with their units and reasons.

/// Deepest nesting of BER constructed encodings that is followed; real CMS stays below 20.
pub const DEEPEST_BER: usize = 48;
/// Longest certificate read, bytes; the largest seen in public trust lists is below 10 KiB.
pub const LONGEST_CERTIFICATE: usize = 256 * 1024;
/// Most extensions in one certificate, CRL or response.
pub const MOST_EXTENSIONS: usize = 64;
/// Most qualified statements in one certificate; EN 319 412-5 knows seven.
pub const MOST_STATEMENTS: usize = 32;
/// Most attribute type-and-value pairs in one name.
pub const MOST_NAME_ATTRIBUTES: usize = 128;
/// Most certificates read from one CMS object.
pub const MOST_CERTIFICATES: usize = 1_000;
/// Most CRLs, and most OCSP responses, read from one CMS object.
pub const MOST_REVOCATION_VALUES: usize = 1_000;
/// Most signer infos in one CMS object.
pub const MOST_SIGNERS: usize = 64;
/// Most timestamps judged in one file, and most read for their certificates in one signer.
pub const MOST_TIMESTAMPS: usize = 128;
/// Most counter-signatures judged in one file.
pub const MOST_COUNTER_SIGNATURES: usize = 64;
/// Deepest chain of counter-signatures of counter-signatures.
pub const DEEPEST_COUNTER_SIGNATURE: usize = 4;
/// Most attributes in one signer info.
pub const MOST_ATTRIBUTES: usize = 128;
/// RSA moduli accepted for verification, bits. OpenSSL itself stops at 16384.
pub const RSA_MODULUS_BITS: std::ops::RangeInclusive<u32> = 512..=16_384;
/// Longest RSA public exponent accepted, bits (FIPS 186-5 §5.4 allows up to 256).
pub const RSA_EXPONENT_BITS: u32 = 256;
/// Most signatures verified while one path is searched; a real path needs fewer than 6.
pub const MOST_PATH_SIGNATURES: u32 = 64;
/// Most candidate issuers looked at while one path is searched.
pub const MOST_PATH_STEPS: u32 = 20_000;
/// Longest path, in certificates with leaf and anchor.
pub const LONGEST_PATH: usize = 10;
/// Longest CRL read, bytes; a million entries make 40 MB.
pub const LONGEST_CRL: usize = 128 * 1024 * 1024;
/// Longest OCSP request read, bytes.
pub const LONGEST_OCSP_REQUEST: usize = 16 * 1024;
/// Most certificates asked for in one OCSP request.
pub const MOST_OCSP_CERTIFICATES: usize = 16;
/// Longest nonce, bytes (RFC 9654 §2.1).
pub const LONGEST_OCSP_NONCE: usize = 128;
/// Longest timestamp request read, bytes.
pub const LONGEST_TIMESTAMP_REQUEST: usize = 4 * 1024;
/// Age in seconds up to which an OCSP answer without nextUpdate counts as fresh: one day.
pub const OCSP_AGE_WITHOUT_NEXT_UPDATE: i64 = 86_400;
/// Most digests in the hash trees of one archive timestamp of an evidence record; a tree over a million objects needs some dozens.
pub const MOST_TREE_MEMBERS: usize = 10_000;
/// Longest evidence record in XML, bytes; one of thirty years of renewals stays below 1 MB.
pub const LONGEST_EVIDENCE_RECORD: usize = 8 * 1024 * 1024;
/// Seconds that a revocation may be dated after the list or answer that tells it: it came in while that was being made.
pub const REVOKED_WHILE_MADE: i64 = 300;
/// Rounds of Fermat's method against a modulus; keys that were really found with close primes fall in the first few.
pub const FERMAT_ROUNDS: u32 = 100;
/// Odd numbers below which a modulus is divided by every prime.
pub const SMALL_FACTORS_BELOW: u32 = 4_096;
/// Most keys on a list of known bad ones; Debian's lists of 2008 hold about a million.
pub const MOST_KNOWN_BAD_KEYS: usize = 4_000_000;
/// Longest trusted list read, bytes; the largest of the Union's has 8 MB.
pub const LONGEST_TRUSTED_LIST: usize = 32 * 1024 * 1024;
/// Deepest nesting of elements in a trusted list; real ones stay below 20.
pub const DEEPEST_TRUSTED_LIST: usize = 64;
/// Most services of one trusted list; the largest of the Union's has some hundreds.
pub const MOST_SERVICES: usize = 10_000;
/// Most certificates of one service.
pub const MOST_SERVICE_CERTIFICATES: usize = 100;
/// Most former states of one service.
pub const MOST_SERVICE_STATES: usize = 500;
/// Most pointers to other lists.
pub const MOST_LIST_POINTERS: usize = 500;
/// Longest name or address kept from a trusted list, bytes.
pub const LONGEST_LIST_TEXT: usize = 1_024;
/// Deepest nesting of CBOR; CTAP 2.1 §8 allows four levels.
pub const DEEPEST_CBOR: usize = 8;
/// Most items of one CBOR structure; an attestation object has some dozens.
pub const MOST_CBOR_ITEMS: usize = 1_000;
/// Longest identifier of a WebAuthn credential, bytes (WebAuthn Level 3 §7.1).
pub const LONGEST_CREDENTIAL_ID: usize = 1_023;
/// Longest attestation object read, bytes; one with a chain of certificates has some thousand.
pub const LONGEST_ATTESTATION: usize = 64 * 1024;
/// Longest client data or authenticator data of an assertion, bytes; real ones have some hundred.
pub const LONGEST_CLIENT_DATA: usize = 4 * 1024;
