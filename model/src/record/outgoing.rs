//! Outgoing documents (văn bản đi): where one stands, who acts in which order, what happened, whom it goes to, and the register of
//! numbers. Decree 30/2020/NĐ-CP.

use super::{canonical::Content, record, state::*};
use crate::{id::*, instant::Instant};

record! {
    /// A document on its road. Its bytes are the document's; every transition raises the version.
    authenticated OutgoingDocument in "outgoing_document" {
        id: OutgoingId,
        document_id: DocumentId,
        /// The agency, by its code.
        unit: String,
        /// Which numbering it takes part in, within its agency and year.
        series: String,
        /// Abbreviation of the type, `QĐ`; empty for a công văn.
        type_code: String,
        /// Behind number and type: `UBND`, `BNV-VP`.
        notation: String,
        /// Encrypted: subject, place of issue and the like.
        details: Vec<u8>,
        state: OutgoingState,
        /// Until when the present state's owner is to act.
        due_at: Instant,
        /// SHA-256 over its steps in order: a step that SQL changes shows.
        steps_digest: Vec<u8>,
        /// SHA-256 over whom it goes to, in order; `None` in rows from before until the service attests them.
        recipients_digest: Option<Vec<u8>>,
        /// A chain of SHA-256 over what happened; `None` in rows from before until the service attests them.
        history_digest: Option<Vec<u8>>,
        /// SHA-256 of the bytes that the next one acts on.
        content_sha256: Vec<u8>,
        year: Option<i64>,
        number: Option<i64>,
        issued_at: Option<Instant>,
        /// Encrypted: the agency's name as its seal's certificate has it.
        agency: Option<Vec<u8>>,
        drafted_by: AccountId,
        created_at: Instant,
        updated_at: Instant,
    }
}

record! {
    /// One person's part. Steps of one stage act in any order, the next stage after all of them.
    OutgoingStep in "outgoing_step" {
        outgoing_id: OutgoingId,
        position: i64,
        kind: StepKind,
        stage: i64,
        account_id: AccountId,
        state: StepState,
        acted_by: Option<AccountId>,
        acted_at: Option<Instant>,
    }
}

record! {
    /// What happened, never changed.
    OutgoingEvent in "outgoing_event" {
        outgoing_id: OutgoingId,
        position: i64,
        kind: String,
        /// The state from then on.
        state: OutgoingState,
        account_id: AccountId,
        happened_at: Instant,
        /// Encrypted: why.
        note: Option<Vec<u8>>,
    }
}

record! {
    /// An agency that it goes to.
    OutgoingRecipient in "outgoing_recipient" {
        outgoing_id: OutgoingId,
        position: i64,
        /// Code by Decision 20/2020/QĐ-TTg or in the older form.
        organ_id: String,
        name: String,
        delivered_at: Option<Instant>,
        recall_delivered_at: Option<Instant>,
        /// How often its package could not be laid since it last was, and when it is tried again.
        tries: i64,
        try_after: Instant,
        /// Of before statuses had rows of their own: relied on only where the audit log tells the same.
        status: Option<String>,
        status_note: Option<Vec<u8>>,
        status_at: Option<Instant>,
    }
}

record! {
    /// What a recipient last said of the document.
    authenticated OutgoingStatus in "outgoing_status" {
        /// The document and the recipient's place in it, see [`status_key`].
        id: String,
        outgoing_id: OutgoingId,
        /// Of the recipient.
        position: i64,
        /// Two digits by QCVN 102:2016/BTTTT.
        status: String,
        /// Encrypted: why.
        note: Option<Vec<u8>>,
        recorded_by: AccountId,
        recorded_at: Instant,
    }
}

record! {
    /// For a time another acts on the roads of their agency in somebody's place.
    authenticated Delegation in "delegation" {
        id: DelegationId,
        from_account: AccountId,
        to_account: AccountId,
        starts_at: Instant,
        ends_at: Instant,
        created_at: Instant,
        /// Taken back before its end.
        ended_at: Option<Instant>,
    }
}

record! {
    /// A number of the register. A document gets one in its life.
    authenticated OutgoingNumber in "outgoing_number" {
        outgoing_id: OutgoingId,
        unit: String,
        year: i64,
        series: String,
        number: i64,
        /// What stands behind the number; no two of an agency and year have the same number and designation. Empty in rows from before
        /// that looked like another.
        designation: String,
        state: NumberState,
        given_by: AccountId,
        given_at: Instant,
        /// Why nobody has it any more.
        void_reason: Option<String>,
    }
}

impl OutgoingStep {
    /// What the digest of the steps covers of this one.
    pub fn canonical(&self) -> String {
        let (by, at) = (self.acted_by.map(|id| id.to_string()), self.acted_at.map(|at| at.0));
        format!(
            "{} {} {} {} {} {} {}\n",
            self.position,
            self.kind.name(),
            self.stage,
            self.account_id,
            self.state.name(),
            by.unwrap_or_default(),
            at.unwrap_or_default()
        )
    }
}

impl OutgoingEvent {
    /// What the digest of the history covers of this one: all of it but its document.
    pub fn canonical(&self) -> Vec<u8> {
        let mut content = Content::new("outgoing_event");
        content.column("position", &self.position);
        content.column("kind", &self.kind);
        content.column("state", &self.state);
        content.column("account_id", &self.account_id);
        content.column("happened_at", &self.happened_at);
        content.column("note", &self.note);
        content.finish()
    }
}

impl OutgoingRecipient {
    /// What the digest of the recipients covers of this one: who it is, not what became of its package.
    pub fn canonical(&self) -> Vec<u8> {
        let mut content = Content::new("outgoing_recipient");
        content.column("position", &self.position);
        content.column("organ_id", &self.organ_id);
        content.column("name", &self.name);
        content.finish()
    }
}

/// The key of a recipient's status.
pub fn status_key(id: OutgoingId, position: i64) -> String {
    format!("{id}/{position}")
}

/// What stands behind the number: `BNV-VP`, `QĐ-UBND`.
pub fn designation(type_code: &str, notation: &str) -> String {
    let joint = if type_code.is_empty() || notation.is_empty() { "" } else { "-" };
    format!("{type_code}{joint}{notation}")
}

/// `05/BNV-VP`, `15/QĐ-UBND`: two digits at least (Decree 30/2020/NĐ-CP, Appendix I, ô số 3).
pub fn number_and_notation(number: i64, type_code: &str, notation: &str) -> String {
    format!("{number:02}/{}", designation(type_code, notation))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_below_ten_have_two_digits() {
        assert_eq!(number_and_notation(5, "", "BNV-VP"), "05/BNV-VP");
        assert_eq!(number_and_notation(15, "QĐ", "UBND"), "15/QĐ-UBND");
        assert_eq!(number_and_notation(1204, "QĐ", ""), "1204/QĐ");
    }
}
