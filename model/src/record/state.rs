//! States and kinds that rows carry, by the stable names that the database and the API use.

use serde::{Deserialize, Serialize};

macro_rules! named {
    ($($(#[$doc:meta])* $kind:ident { $($(#[$variant_doc:meta])* $variant:ident = $name:literal),* $(,)? })*) => {$(
        $(#[$doc])*
        #[allow(missing_docs)]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum $kind { $($(#[$variant_doc])* #[serde(rename = $name)] $variant),* }

        impl $kind {
            /// Every one.
            pub const ALL: &'static [$kind] = &[$(Self::$variant),*];

            /// The stable name.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }

            /// The one of that name, `None` where there is none.
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$variant),)* _ => None }
            }
        }
    )*};
}

named! {
    /// Where a certificate stands.
    CertificateState {
        /// Serial reserved and content stored; nothing is signed yet.
        Intended = "intended",
        /// The HSM was asked to sign: from here on only the result or a void serial may follow.
        Signing = "signing",
        Issued = "issued",
        /// Signed perhaps, handed out never: counts as revoked.
        Void = "void",
        Suspended = "suspended",
        Revoked = "revoked",
    }
    /// What a key of the authority signs.
    KeyPurpose {
        Root = "root",
        Issuing = "issuing",
        Ocsp = "ocsp",
        Timestamp = "timestamp",
        Audit = "audit",
    }
    /// Where a key of the authority stands in a roll-over.
    AuthorityState {
        /// Certified, and published with the others; signs nothing for subscribers yet.
        Prepared = "prepared",
        Active = "active",
        /// Issues no more; what it issued is still answered for.
        Retiring = "retiring",
        /// Its last list is out, and it signs nothing ever again.
        Ended = "ended",
    }
    /// Where a subscriber's sealed key stands.
    CredentialState {
        /// Made, its certificate is not issued yet.
        Prepared = "prepared",
        Active = "active",
        /// Too many wrong PINs; only four eyes unlock it.
        Locked = "locked",
        /// Never again usable.
        Closed = "closed",
    }
    /// Where a request to unlock a credential stands.
    UnlockState {
        /// Waits for a second pair of eyes.
        Asked = "asked",
        Approved = "approved",
        Refused = "refused",
    }
    /// Where an order to revoke a list of certificates stands.
    RevocationOrderState {
        /// Waits for a second pair of eyes.
        Entered = "entered",
        /// Being carried out.
        Approved = "approved",
        /// Every certificate of the list is revoked, or it is said why not.
        Done = "done",
        Rejected = "rejected",
    }
    /// What became of one certificate of such an order.
    RevocationOutcome {
        Revoked = "revoked",
        /// Somebody else revoked it before.
        RevokedBefore = "revoked_before",
    }
    /// Where an agency's list of officials stands.
    AgencyListState {
        /// Being corrected by who uploaded it.
        Draft = "draft",
        /// Waits for a second pair of eyes.
        Entered = "entered",
        /// Being carried out.
        Approved = "approved",
        /// Every line has its outcome.
        Done = "done",
        Rejected = "rejected",
        /// Given up before anybody decided on it.
        Dropped = "dropped",
    }
    /// What became of one line of such a list.
    AgencyLineOutcome {
        /// Its request is approved, and its code on the way.
        Approved = "approved",
        Rejected = "rejected",
        /// The person has another request under way meanwhile.
        RequestOpen = "request_open",
    }
    /// Where a change to a payment provider's terms stands.
    ChangeState {
        /// Waits for a second pair of eyes.
        Asked = "asked",
        Approved = "approved",
        Refused = "refused",
    }
    /// Where a merchant's account stands.
    MerchantState {
        Active = "active",
        /// The merchant takes no payments there any more.
        Withdrawn = "withdrawn",
    }
    /// Where an activation stands.
    ActivationState {
        Open = "open",
        /// Every hash it was for has been signed.
        Used = "used",
        /// Given up or expired.
        Closed = "closed",
    }
    /// What an approver decided.
    Decision {
        Approved = "approved",
        Rejected = "rejected",
    }
    /// Where a document stands.
    DocumentState {
        /// Being received: its bytes may be incomplete.
        Receiving = "receiving",
        Ready = "ready",
        Signed = "signed",
        /// Its bytes are removed.
        Removed = "removed",
    }
    /// Where a piece of work stands.
    JobState {
        Queued = "queued",
        Done = "done",
        /// Given up after its last try.
        Failed = "failed",
    }
    /// How a message leaves.
    MessageChannel {
        Sms = "sms",
        Mail = "mail",
    }
}

impl CertificateState {
    /// Whether a certificate may go from this state to that one.
    pub fn may_become(self, next: CertificateState) -> bool {
        matches!(
            (self, next),
            (Self::Intended, Self::Signing | Self::Void)
                | (Self::Signing, Self::Issued | Self::Void)
                | (Self::Issued, Self::Suspended | Self::Revoked)
                | (Self::Suspended, Self::Issued | Self::Revoked)
        )
    }
}
