//! Documents given to be signed. The bytes lie in encrypted files; rows say where and what, and whose they are.

use super::{record, state::DocumentState};
use crate::{id::*, instant::Instant};

record! {
    /// A document given to be signed.
    authenticated Document in "document" {
        id: DocumentId,
        owner_id: AccountId,
        /// Encrypted file name.
        name: Vec<u8>,
        media_type: String,
        state: DocumentState,
        /// SHA-256 of the document in clear.
        sha256: Vec<u8>,
        /// Octets in clear.
        size: i64,
        /// Where the encrypted bytes lie, below the data directory.
        stored_as: String,
        signed_sha256: Option<Vec<u8>>,
        signed_size: Option<i64>,
        signed_stored_as: Option<String>,
        /// Format and packaging of the signature by name; absent in rows from before there was more than PAdES.
        signed_format: Option<String>,
        created_at: Instant,
        updated_at: Instant,
    }
}

record! {
    /// A code on the page of a signed document, and what is told to whoever has it.
    authenticated DocumentCode in "document_code" {
        id: DocumentCodeId,
        /// Keyed hash of its letters.
        code_hash: Vec<u8>,
        document_id: DocumentId,
        /// The signer's.
        certificate_id: CertificateId,
        /// Encrypted: the letters, and what identifies the document.
        content: Vec<u8>,
        created_at: Instant,
        /// Since when its page tells nobody anything.
        ended_at: Option<Instant>,
    }
}
