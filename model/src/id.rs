//! Identifiers, one type a noun, so that none can stand where another is meant.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};
use uuid::Uuid;

macro_rules! identifiers {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// The 16 bytes of the identifier, as bound into seals and MACs.
            pub fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Ok(Self(Uuid::parse_str(text)?))
            }
        }
    )*};
}

identifiers! {
    /// A person or system that can log in.
    AccountId,
    /// An API key of an account.
    ApiKeyId,
    /// An order to make or change a staff account.
    StaffOrderId,
    /// A certificate of another authority that somebody registered.
    ForeignCertificateId,
    /// An order about what happened to officials.
    PersonnelOrderId,
    /// A passkey of an account.
    PasskeyId,
    /// An assertion with which a decision was made.
    AssertionId,
    /// A registered application of the signing API.
    OauthClientId,
    /// A registration request (hồ sơ đề nghị cấp chứng thư).
    RequestId,
    /// A document on its road out of an agency.
    OutgoingId,
    /// A document that another agency sent.
    IncomingId,
    /// What somebody lets another do for a time.
    DelegationId,
    /// A certificate, from its stored intent on.
    CertificateId,
    /// An order to revoke a list of certificates.
    RevocationOrderId,
    /// A list of administrative units that was loaded.
    UnitListId,
    /// An agency's list of officials.
    AgencyListId,
    /// A subscriber's sealed key with its certificate (CSC API: credential).
    CredentialId,
    /// A request to unlock a credential.
    UnlockId,
    /// What an application wants signed, and waits for its signer on another device to approve.
    SigningApprovalId,
    /// One activation of a credential for exactly some hashes.
    ActivationId,
    /// A document given to be signed.
    DocumentId,
    /// A code on the page of a signed document.
    DocumentCodeId,
    /// An audit entry.
    AuditEntryId,
    /// A signature that was made.
    SignatureId,
    /// A group of payments accepted in one transaction.
    BatchId,
    /// A change to a payment provider's terms that somebody asked for.
    ProviderChangeId,
    /// An account that a merchant is paid to.
    MerchantAccountId,
    /// An alarm about a payment, the same each time that it is raised.
    PaymentAlarmId,
    /// A payer's standing permission to collect.
    MandateId,
    /// A piece of work that runs from a row.
    JobId,
    /// A message that is to leave.
    MessageId,
    /// One time that the database came out of a backup.
    RestorationId,
    /// One HTTP request, carried by errors and logs.
    HttpRequestId,
}
