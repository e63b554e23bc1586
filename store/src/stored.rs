//! How the nouns of `chuky-model` stand in columns: identifiers as UUIDs, instants as microseconds, names as text. A value that no
//! noun has (a state that does not exist) is a decoding error, never a default.

use crate::dialect::Database;
use chuky_model::{
    algorithm::KeyAlgorithm,
    id::*,
    instant::Instant,
    record::state::*,
    request::{Hierarchy, RequestState},
    role::Role,
    serial::Serial,
};
use sqlx::{Decode, Type, error::BoxDynError};
use uuid::Uuid;

/// A column that is read as `T`: queries say `AS "state!: Stored<RequestState>"`.
#[derive(Debug)]
pub(crate) struct Stored<T>(T);

/// A noun that has a column form.
pub(crate) trait Column: Sized {
    /// What the database gives.
    type Base;
    /// The noun, or why the column holds none.
    fn from_base(base: Self::Base) -> Result<Self, BoxDynError>;
}

impl<T: Column> Column for Option<T> {
    type Base = Option<T::Base>;
    fn from_base(base: Self::Base) -> Result<Self, BoxDynError> {
        base.map(T::from_base).transpose()
    }
}

impl<T: Column> Type<Database> for Stored<T>
where
    T::Base: Type<Database>,
{
    fn type_info() -> <Database as sqlx::Database>::TypeInfo {
        T::Base::type_info()
    }

    fn compatible(info: &<Database as sqlx::Database>::TypeInfo) -> bool {
        T::Base::compatible(info)
    }
}

impl<'r, T: Column> Decode<'r, Database> for Stored<T>
where
    T::Base: Decode<'r, Database>,
{
    fn decode(value: <Database as sqlx::Database>::ValueRef<'r>) -> Result<Self, BoxDynError> {
        Ok(Self(T::from_base(T::Base::decode(value)?)?))
    }
}

/// The column holds a name or number that no noun has. Which one is not told: it may be personal.
#[derive(Debug, thiserror::Error)]
#[error("the column does not hold a {0}")]
struct NotA(&'static str);

macro_rules! columns {
    ($($kind:ty: $base:ty = $read:expr;)*) => {$(
        impl Column for $kind {
            type Base = $base;
            fn from_base(base: $base) -> Result<Self, BoxDynError> {
                let read: fn($base) -> Option<$kind> = $read;
                read(base).ok_or_else(|| NotA(stringify!($kind)).into())
            }
        }

        impl From<Stored<$kind>> for $kind {
            fn from(stored: Stored<$kind>) -> $kind {
                stored.0
            }
        }

        impl From<Stored<Option<$kind>>> for Option<$kind> {
            fn from(stored: Stored<Option<$kind>>) -> Option<$kind> {
                stored.0
            }
        }
    )*};
}

columns! {
    AccountId: Uuid = |id| Some(AccountId(id));
    ApiKeyId: Uuid = |id| Some(ApiKeyId(id));
    PasskeyId: Uuid = |id| Some(PasskeyId(id));
    AssertionId: Uuid = |id| Some(AssertionId(id));
    OauthClientId: Uuid = |id| Some(OauthClientId(id));
    StaffOrderId: Uuid = |id| Some(StaffOrderId(id));
    ForeignCertificateId: Uuid = |id| Some(ForeignCertificateId(id));
    ForeignCertificateState: String = |name| ForeignCertificateState::from_name(&name);
    ForeignStatus: String = |name| ForeignStatus::from_name(&name);
    PersonnelOrderId: Uuid = |id| Some(PersonnelOrderId(id));
    PersonnelKind: String = |name| PersonnelKind::from_name(&name);
    PersonnelState: String = |name| PersonnelState::from_name(&name);
    StaffOrderKind: String = |name| StaffOrderKind::from_name(&name);
    StaffOrderState: String = |name| StaffOrderState::from_name(&name);
    RequestId: Uuid = |id| Some(RequestId(id));
    CertificateId: Uuid = |id| Some(CertificateId(id));
    CredentialId: Uuid = |id| Some(CredentialId(id));
    UnitListId: Uuid = |id| Some(UnitListId(id));
    AgencyListId: Uuid = |id| Some(AgencyListId(id));
    AgencyListState: String = |name| AgencyListState::from_name(&name);
    AgencyLineOutcome: String = |name| AgencyLineOutcome::from_name(&name);
    RevocationOrderId: Uuid = |id| Some(RevocationOrderId(id));
    UnlockId: Uuid = |id| Some(UnlockId(id));
    SigningApprovalId: Uuid = |id| Some(SigningApprovalId(id));
    SigningApprovalState: String = |name| SigningApprovalState::from_name(&name);
    SigningRefusal: String = |name| SigningRefusal::from_name(&name);
    ActivationId: Uuid = |id| Some(ActivationId(id));
    DocumentId: Uuid = |id| Some(DocumentId(id));
    DocumentCodeId: Uuid = |id| Some(DocumentCodeId(id));
    OutgoingId: Uuid = |id| Some(OutgoingId(id));
    IncomingId: Uuid = |id| Some(IncomingId(id));
    IncomingState: String = |name| IncomingState::from_name(&name);
    IncomingChangeKind: String = |name| IncomingChangeKind::from_name(&name);
    DelegationId: Uuid = |id| Some(DelegationId(id));
    AuditEntryId: Uuid = |id| Some(AuditEntryId(id));
    SignatureId: Uuid = |id| Some(SignatureId(id));
    BatchId: Uuid = |id| Some(BatchId(id));
    ProviderChangeId: Uuid = |id| Some(ProviderChangeId(id));
    MerchantAccountId: Uuid = |id| Some(MerchantAccountId(id));
    MandateId: Uuid = |id| Some(MandateId(id));
    MandateState: String = |name| MandateState::from_name(&name);
    PaymentAlarmId: Uuid = |id| Some(PaymentAlarmId(id));
    AlarmKind: String = |name| AlarmKind::from_name(&name);
    AlarmState: String = |name| AlarmState::from_name(&name);
    JobId: Uuid = |id| Some(JobId(id));
    MessageId: Uuid = |id| Some(MessageId(id));
    RestorationId: Uuid = |id| Some(RestorationId(id));
    Instant: i64 = |microseconds| Some(Instant(microseconds));
    Serial: Vec<u8> = |octets| Serial::from_octets(&octets).ok();
    Vec<Role>: String = |names| Role::split(&names);
    Hierarchy: String = |name| Hierarchy::from_name(&name);
    RequestState: String = |name| RequestState::from_name(&name);
    KeyAlgorithm: String = |name| KeyAlgorithm::from_name(&name);
    CertificateState: String = |name| CertificateState::from_name(&name);
    AuthorityState: String = |name| AuthorityState::from_name(&name);
    KeyPurpose: String = |name| KeyPurpose::from_name(&name);
    CredentialState: String = |name| CredentialState::from_name(&name);
    RevocationOrderState: String = |name| RevocationOrderState::from_name(&name);
    RevocationOutcome: String = |name| RevocationOutcome::from_name(&name);
    UnlockState: String = |name| UnlockState::from_name(&name);
    ChangeState: String = |name| ChangeState::from_name(&name);
    MerchantState: String = |name| MerchantState::from_name(&name);
    ActivationState: String = |name| ActivationState::from_name(&name);
    Decision: String = |name| Decision::from_name(&name);
    DocumentState: String = |name| DocumentState::from_name(&name);
    OutgoingState: String = |name| OutgoingState::from_name(&name);
    StepKind: String = |name| StepKind::from_name(&name);
    StepState: String = |name| StepState::from_name(&name);
    NumberState: String = |name| NumberState::from_name(&name);
    JobState: String = |name| JobState::from_name(&name);
    MessageChannel: String = |name| MessageChannel::from_name(&name);
}
