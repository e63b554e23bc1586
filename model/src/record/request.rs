//! Registration requests, the decisions on them and the codes that redeem them.

use super::{record, state::Decision};
use crate::{
    id::*,
    instant::Instant,
    request::{Hierarchy, RequestState},
};

record! {
    /// A registration request (hồ sơ đề nghị cấp chứng thư).
    authenticated RegistrationRequest in "registration_request" as "request" {
        id: RequestId,
        hierarchy: Hierarchy,
        state: RequestState,
        /// Keyed hash of the personal number.
        person_lookup: Vec<u8>,
        /// Encrypted: name, number, address and all else that was entered.
        details: Vec<u8>,
        /// The code of the unit: booth, or agency of an official.
        unit: String,
        entered_by: AccountId,
        created_at: Instant,
        /// Set with the decision; never who entered it.
        decided_by: Option<AccountId>,
        decided_at: Option<Instant>,
        rejection_reason: Option<String>,
        /// The subscriber's account, once the code is redeemed.
        account_id: Option<AccountId>,
        /// The issued certificate.
        certificate_id: Option<CertificateId>,
        /// The certificate that the one asked for is to follow.
        follows_certificate: Option<CertificateId>,
        updated_at: Instant,
    }
}

record! {
    /// One decision on a request. Appended, never changed.
    authenticated Approval in "approval" {
        request_id: RequestId,
        approver_id: AccountId,
        decision: Decision,
        /// SHA-256 of exactly what the approver saw.
        content_digest: Vec<u8>,
        reason: Option<String>,
        decided_at: Instant,
    }
}

record! {
    /// The one-time code with which a subscriber redeems an approved request.
    authenticated ActivationCode in "activation_code" {
        request_id: RequestId,
        /// Keyed hash of the code.
        code_hash: Vec<u8>,
        /// Second secrets tried so far, each counted before it is compared.
        tries: i64,
        expires_at: Instant,
        redeemed_at: Option<Instant>,
        created_at: Instant,
        /// Keyed hash of the key that the client made for this redemption: whoever sends code and key again gets the receipt again.
        receipt_key: Option<Vec<u8>>,
        /// Keyed hash of the second secret, where one was sent to the request's contact: without it the code opens nothing.
        second_secret: Option<Vec<u8>>,
        /// Second secrets sent so far; `None` for none.
        messages: Option<i64>,
    }
}
