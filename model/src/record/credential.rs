//! Subscribers' sealed keys, their activations and the signatures made with them.

use super::{
    record,
    state::{ActivationState, CredentialState, UnlockState},
};
use crate::{algorithm::KeyAlgorithm, id::*, instant::Instant};

record! {
    /// A subscriber's sealed key with its certificate (CSC API: credential).
    authenticated Credential in "credential" {
        id: CredentialId,
        account_id: AccountId,
        certificate_id: Option<CertificateId>,
        algorithm: KeyAlgorithm,
        /// DER SubjectPublicKeyInfo.
        spki: Vec<u8>,
        /// The wrapped key, sealed under the PIN; opened only inside the HSM worker.
        sealed_key: Vec<u8>,
        /// Salt of Argon2id.
        pin_salt: Vec<u8>,
        /// Argon2id's memory in KiB.
        pin_memory: i64,
        /// Argon2id's passes.
        pin_iterations: i64,
        /// Argon2id's lanes.
        pin_lanes: i64,
        pepper_version: i64,
        wrapping_key: String,
        /// Tries counted since the last right PIN, each before it was made.
        tries: i64,
        /// How often it has been unlocked by four eyes.
        unlocks: i64,
        state: CredentialState,
        created_at: Instant,
        updated_at: Instant,
    }
}

record! {
    /// The picture that a credential's signatures show: its holder's handwriting, or the agency's seal.
    authenticated SignaturePicture in "signature_picture" {
        credential_id: CredentialId,
        /// Encrypted PNG; none once it was removed.
        picture: Option<Vec<u8>>,
        changed_at: Instant,
    }
}

record! {
    /// A request to unlock a credential, asked by one person and decided by another.
    authenticated Unlock in "unlock_request" as "unlock" {
        id: UnlockId,
        credential_id: CredentialId,
        /// Which unlock of the credential it would be: 1 for the first.
        number: i64,
        state: UnlockState,
        /// How the holder's identity was established, for the second pair of eyes.
        reason: String,
        asked_by: AccountId,
        asked_at: Instant,
        decided_by: Option<AccountId>,
        decided_at: Option<Instant>,
    }
}

record! {
    /// One activation of a credential for exactly some hashes.
    authenticated Activation in "activation" {
        id: ActivationId,
        credential_id: CredentialId,
        /// The client that asked, as bound into the activation.
        client: String,
        /// The key resealed under the activation's secret.
        sealed_key: Vec<u8>,
        /// SHA-256 over the ordered hashes.
        hashes_digest: Vec<u8>,
        hash_count: i64,
        used_count: i64,
        expires_at: Instant,
        state: ActivationState,
        created_at: Instant,
    }
}

record! {
    /// The hashes of an activation that is used by later calls (CSC API: SAD). The activation's MAC covers their digest.
    ActivationHashes in "activation_hashes" {
        activation_id: ActivationId,
        /// All of one length, one behind the other, in the activation's order.
        hashes: Vec<u8>,
        /// One octet for each signature that is allowed: 1 where it was made.
        taken: Vec<u8>,
        created_at: Instant,
    }
}

record! {
    /// A signature that was made. Appended, never changed.
    Signature in "signature" {
        id: SignatureId,
        credential_id: CredentialId,
        activation_id: ActivationId,
        certificate_id: CertificateId,
        /// `None` for a bare hash.
        document_id: Option<DocumentId>,
        /// The signed digest.
        digest: Vec<u8>,
        created_at: Instant,
    }
}
