//! Agencies: lists of administrative units, and lists of officials that an agency names.

use super::{
    record,
    state::{AgencyLineOutcome, AgencyListState},
};
use crate::{id::*, instant::Instant};

record! {
    /// A list of every administrative unit in force from a day on, laid over what was known before.
    authenticated UnitList in "unit_list" {
        id: UnitListId,
        /// `YYYY-MM-DD`.
        valid_from: String,
        /// The file as it was loaded.
        content: Vec<u8>,
        loaded_by: AccountId,
        loaded_at: Instant,
    }
}

record! {
    /// A list of officials: uploaded and corrected by one person, decided by another, carried out as a job.
    authenticated AgencyList in "agency_list" {
        id: AgencyListId,
        state: AgencyListState,
        /// The unit on whose behalf it was uploaded.
        unit: String,
        /// How it is called; sealed, for file names hold people's names.
        title: Vec<u8>,
        /// A keyed digest of exactly its lines, from its entry on.
        content_digest: Option<Vec<u8>>,
        /// How many lines were entered.
        size: i64,
        entered_by: AccountId,
        uploaded_at: Instant,
        entered_at: Option<Instant>,
        /// Set with the decision; never who entered it.
        decided_by: Option<AccountId>,
        decided_at: Option<Instant>,
        rejection_reason: Option<String>,
        finished_at: Option<Instant>,
    }
}

record! {
    /// One official of a list. What is approved is bound by the list's digest; what became of it is told by its request.
    AgencyLine in "agency_line" {
        list_id: AgencyListId,
        /// From 0 on, in the order of the file.
        position: i64,
        /// The row of the file.
        row_number: i64,
        /// Its fields, sealed.
        fields: Vec<u8>,
        outcome: Option<AgencyLineOutcome>,
        /// Why it was rejected, where it was.
        reason: Option<String>,
        request_id: Option<RequestId>,
        done_at: Option<Instant>,
    }
}
