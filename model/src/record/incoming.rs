//! Incoming documents (văn bản đến): what another agency sent, and what became of it.

use super::{
    record,
    state::{IncomingChangeKind, IncomingState},
};
use crate::{id::*, instant::Instant};

record! {
    /// A package that was received.
    authenticated IncomingDocument in "incoming_document" {
        id: IncomingId,
        /// The package's bytes.
        document_id: DocumentId,
        /// The receiving agency, by its code.
        unit: String,
        /// The sending agency, by its code.
        sender_id: String,
        /// Day, number and notation, as the sender names the document.
        message_id: String,
        /// SHA-256 of the package: another one of the same name is not this document.
        package_sha256: Vec<u8>,
        /// Encrypted: subject, verdicts, reason.
        details: Vec<u8>,
        state: IncomingState,
        year: Option<i64>,
        number: Option<i64>,
        received_by: AccountId,
        received_at: Instant,
    }
}

record! {
    /// What its sender did to a registered document afterwards. A document has one in its life.
    authenticated IncomingChange in "incoming_change" {
        /// The registered document.
        id: IncomingId,
        kind: IncomingChangeKind,
        /// The bytes of the package that says so.
        document_id: DocumentId,
        package_sha256: Vec<u8>,
        /// What stands in its place, where it was replaced.
        replaced_by: Option<IncomingId>,
        /// Encrypted: the sender's reason, and why the clerk took it.
        details: Vec<u8>,
        received_by: AccountId,
        received_at: Instant,
    }
}
