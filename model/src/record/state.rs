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
    /// Where something stands that an application wants signed and its signer approves on another device.
    SigningApprovalState {
        Waiting = "waiting",
        /// Allowed; the activation data waits for the application.
        Approved = "approved",
        Refused = "refused",
        /// The application has the activation data.
        Delivered = "delivered",
    }
    /// Why a signer refused.
    SigningRefusal {
        /// They did not start this.
        NotMine = "not_mine",
        /// They did, and this is not what they want signed.
        NotRight = "not_right",
        NotNow = "not_now",
        /// The application's number was typed wrongly too often.
        Number = "number",
        /// The signer ended what the application may do.
        Ended = "ended",
    }
    /// What an order makes of a staff account.
    StaffOrderKind {
        Open = "open",
        /// Further roles.
        Grant = "grant",
        /// Another unit.
        Move = "move",
        /// Password and second factor are set anew.
        Recover = "recover",
        /// A disabled account may act again.
        Enable = "enable",
        /// Its holder, a subscriber, is erased.
        Erase = "erase",
    }
    /// Where an order about a staff account stands.
    StaffOrderState {
        /// Waits for a second person.
        Open = "open",
        Approved = "approved",
        Refused = "refused",
        Withdrawn = "withdrawn",
        /// Nobody decided in time.
        Expired = "expired",
    }
    /// Where a registered certificate of another authority stands.
    ForeignCertificateState {
        /// Its name is not its holder's as far as a program can tell: somebody else decides.
        Waiting = "waiting",
        Registered = "registered",
        Refused = "refused",
        /// Taken away, by its holder or by somebody who may.
        Removed = "removed",
    }
    /// What the authority of such a certificate last said of it.
    ForeignStatus {
        Good = "good",
        /// Nobody could be asked, or nobody answered.
        Unknown = "unknown",
        Suspended = "suspended",
        Revoked = "revoked",
    }
    /// What happened to an official.
    PersonnelKind {
        /// To another unit.
        Transfer = "transfer",
        /// Another title in the same unit.
        Title = "title",
        Resignation = "resignation",
        Retirement = "retirement",
        Death = "death",
        /// Of an agency with another: everybody of it goes there.
        Merger = "merger",
    }
    /// Where an order about what happened to officials stands.
    PersonnelState {
        /// Waits for a second person.
        Open = "open",
        /// Waits for its day, or is being carried out.
        Approved = "approved",
        Done = "done",
        Refused = "refused",
        Withdrawn = "withdrawn",
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
        /// The person has a certificate of the same kind meanwhile.
        HasCertificate = "has_certificate",
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
    /// Where a payer's mandate stands.
    MandateState {
        Active = "active",
        /// The payer ended it: nothing is collected any more.
        Ended = "ended",
    }
    /// What an alarm about a payment is about; the names are those of the reasons.
    AlarmKind {
        /// Another order came under an identity that the provider acquired.
        Conflict = "conflict",
        /// Somebody else brought an order that the provider acquired.
        AcquiredByAnother = "acquired_by_another_provider",
        /// The provider brought an order whose signer's certificate is revoked.
        CertificateRevoked = "certificate_revoked",
        /// A key signed that is phased out by its registration.
        KeyPhasedOut = "key_phased_out",
    }
    /// Whether the provider that an alarm concerns was told.
    AlarmState {
        Waiting = "waiting",
        /// Its address said that it took it.
        Told = "told",
        /// It did not in all of the time; told again on demand only.
        GivenUp = "given_up",
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
        /// On its road out of an agency: only that road changes it.
        Outgoing = "outgoing",
        /// Its bytes are removed.
        Removed = "removed",
    }
    /// Where an outgoing document stands.
    OutgoingState {
        /// Its drafter looks at it.
        Draft = "draft",
        /// Waits for initials (ký nháy).
        Initials = "initials",
        /// Waits for competent persons' signatures.
        Signing = "signing",
        /// Signed; the clerk gives number and date.
        Numbering = "numbering",
        /// The agency's seal is missing.
        Sealing = "sealing",
        /// Sealed, and so issued in law: to be sent, or said to be issued without a package.
        Sealed = "sealed",
        Sent = "sent",
        /// Issued (phát hành) without a package: it has no recipient, or goes to them on paper.
        Published = "published",
        /// Called back after it was sealed. It keeps its number.
        Recalled = "recalled",
        /// Somebody on the road refused it before it was sealed; its number, where it had one, is void.
        Refused = "refused",
        /// Its drafter took it back.
        Withdrawn = "withdrawn",
    }
    /// What a person does with an outgoing document.
    StepKind {
        /// Ký nháy: agreed within the agency, no signature in law.
        Initials = "initials",
        Sign = "sign",
    }
    /// Where such a part stands.
    StepState {
        /// Its turn comes later.
        Planned = "planned",
        Waiting = "waiting",
        Done = "done",
        Refused = "refused",
    }
    /// What became of an incoming document.
    IncomingState {
        Registered = "registered",
        /// Sent back with the reason.
        Refused = "refused",
    }
    /// What its sender did to a registered incoming document.
    IncomingChangeKind {
        /// Called back (thu hồi).
        Recalled = "recalled",
        /// Another stands in its place (thay thế).
        Replaced = "replaced",
    }
    /// Where a number of the register stands.
    NumberState {
        Given = "given",
        /// Nobody has it any more, and nobody ever will.
        Void = "void",
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

impl OutgoingState {
    /// Whether the agency's seal is on it: what is sealed is issued, and stays on record whatever becomes of it.
    pub fn is_sealed(self) -> bool {
        matches!(self, Self::Sealed | Self::Sent | Self::Published | Self::Recalled)
    }

    /// Whether a document may go from this state to that one.
    pub fn may_become(self, next: OutgoingState) -> bool {
        use OutgoingState::*;
        match self {
            Draft => matches!(next, Initials | Signing | Withdrawn),
            Initials => matches!(next, Initials | Signing | Refused | Withdrawn),
            Signing => matches!(next, Signing | Numbering | Refused | Withdrawn),
            Numbering => matches!(next, Sealing | Refused),
            Sealing => matches!(next, Sealed | Refused),
            // Sealed is issued: nothing voids its number any more.
            Sealed => matches!(next, Sealed | Sent | Published | Recalled),
            Published => matches!(next, Published | Sent | Recalled),
            Sent => next == Recalled,
            Recalled | Refused | Withdrawn => false,
        }
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

#[cfg(test)]
mod tests {
    use super::OutgoingState::{self, *};

    #[test]
    fn no_outgoing_document_goes_back_or_skips_the_seal() {
        let before = |next: OutgoingState| -> Vec<OutgoingState> {
            OutgoingState::ALL.iter().copied().filter(|state| state.may_become(next)).collect()
        };
        assert_eq!(before(Draft), []);
        assert_eq!(before(Numbering), [Signing]);
        assert_eq!(before(Sealing), [Numbering]);
        assert_eq!(before(Sealed), [Sealing, Sealed]);
        assert_eq!(before(Sent), [Sealed, Published]);
        assert_eq!(before(Published), [Sealed, Published]);
        assert_eq!(before(Recalled), [Sealed, Sent, Published]);
        assert!(before(Refused).iter().all(|state| !state.is_sealed()), "what was issued is not refused");
        for ended in [Recalled, Refused, Withdrawn] {
            assert!(OutgoingState::ALL.iter().all(|next| !ended.may_become(*next)));
        }
    }
}
