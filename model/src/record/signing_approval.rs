//! What an application wants signed and its signer approves on another device (CSC API v2 §11.6, §11.7).

use super::{
    record,
    state::{SigningApprovalState, SigningRefusal},
};
use crate::{id::*, instant::Instant};

record! {
    /// A question to the signer, with all that its answer is bound to.
    authenticated SigningApproval in "signing_approval" {
        id: SigningApprovalId,
        /// SHA-256 of the handle (256 random bits), which the application asks after it by.
        handle_hash: Vec<u8>,
        /// The X25519 public key that is made of the handle; only the handle opens what is sealed to it.
        recipient: Vec<u8>,
        credential_id: CredentialId,
        account_id: AccountId,
        /// Who asks and alone may sign, as activations name it.
        client: String,
        /// One behind the other, all of one length.
        hashes: Vec<u8>,
        hash_count: i64,
        /// Encrypted: what the application says of it.
        said: Vec<u8>,
        /// What the application shows and the signer types.
        number: i64,
        /// How often another number was typed.
        wrong_numbers: i64,
        state: SigningApprovalState,
        refusal: Option<SigningRefusal>,
        activation_id: Option<ActivationId>,
        /// The activation data, sealed to `recipient`, until it is delivered.
        sealed_activation: Option<Vec<u8>>,
        /// When the signer was sent a message about it.
        told_at: Option<Instant>,
        created_at: Instant,
        /// Until then it may be approved; once it is, until then its activation lasts.
        expires_at: Instant,
        decided_at: Option<Instant>,
    }
}
