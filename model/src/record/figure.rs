//! What figures are counted from: the few columns of a row that say what it is, where it belongs and when. No person is in them.

use super::{
    record,
    state::{CertificateState, NumberState, OutgoingState},
};
use crate::{id::*, instant::Instant, request::Hierarchy};

record! {
    /// A certificate that was issued, whatever became of it.
    CertificateFact in "certificate" {
        id: CertificateId,
        hierarchy: Hierarchy,
        state: CertificateState,
        not_before: Instant,
        not_after: Instant,
        revoked_at: Option<Instant>,
        updated_at: Instant,
        /// `None` where a reconciliation found the certificate and nothing else of it.
        request_id: Option<RequestId>,
        /// The unit as the request names it.
        unit: Option<String>,
        requested_at: Option<Instant>,
    }
}

record! {
    /// What a request asks for, sealed, to be opened for its kind alone.
    SealedDetails in "registration_request" {
        id: RequestId,
        details: Vec<u8>,
    }
}

record! {
    /// A request that somebody entered who was not its subscriber.
    RequestFact in "registration_request" {
        id: RequestId,
        unit: String,
        created_at: Instant,
    }
}

record! {
    /// An entry of the audit log that says of a certificate that it was suspended, or resumed.
    HoldFact in "audit_entry" {
        id: AuditEntryId,
        subject: String,
        recorded_at: Instant,
    }
}

record! {
    /// An outgoing document with how far its road had come by a moment.
    OutgoingFact in "outgoing_document" {
        id: OutgoingId,
        unit: String,
        created_at: Instant,
        state: Option<OutgoingState>,
        /// When the last signature of its road was there, its number was given, and it was sent.
        signed_at: Option<Instant>,
        numbered_at: Option<Instant>,
        sent_at: Option<Instant>,
    }
}

record! {
    /// So many numbers of a unit's register of outgoing documents, given in one hour.
    RegisterFact in "outgoing_number" {
        unit: String,
        /// Hours since the epoch.
        hour: i64,
        state: NumberState,
        count: i64,
    }
}
