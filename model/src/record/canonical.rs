//! The bytes of a row that its MAC covers: table and columns by name, each with its length, absent columns left out, so that two
//! different rows never give the same bytes and a later nullable column breaks no older MAC. Pure; computes no MAC itself.

use crate::{
    algorithm::KeyAlgorithm,
    id::*,
    instant::Instant,
    record::state::*,
    request::{Hierarchy, RequestState},
    role::Role,
    serial::Serial,
};

/// A row that authorises something and therefore carries an HSM MAC over its content.
pub trait Authenticated {
    /// The table's name, part of the content.
    const TABLE: &'static str;
    /// What the audit log calls one.
    const NOUN: &'static str;
    /// What the MAC covers: table, every column except `mac`.
    fn content(&self) -> Vec<u8>;
    /// How the audit log names the row: `noun:key`, the key being the first column.
    fn subject(&self) -> String;
    /// The row's version.
    fn version(&self) -> i64;
    /// Raises the version by one, before a changed row is MACed and stored.
    fn advance(&mut self);
    /// The stored MAC.
    fn mac(&self) -> &[u8];
    /// Puts a newly computed MAC in place.
    fn attach_mac(&mut self, mac: &[u8]);
}

/// A column's value as bytes; `None` where the column is null.
pub trait Canonical {
    /// The bytes, without a length.
    fn canonical(&self) -> Option<Vec<u8>>;
}

/// A key as the audit log writes it.
pub trait Key {
    /// The text: an identifier as it is printed, octets in hexadecimal.
    fn text(&self) -> String;
}

impl Key for String {
    fn text(&self) -> String {
        self.clone()
    }
}

impl Key for Vec<u8> {
    fn text(&self) -> String {
        hex::encode(self)
    }
}

/// Collects the columns of one row.
pub struct Content(Vec<u8>);

impl Content {
    /// Starts with the table's name.
    pub fn new(table: &str) -> Self {
        let mut content = Self(b"chuky-row-v1".to_vec());
        content.part(table.as_bytes());
        content
    }

    /// Adds a column, unless it is null.
    pub fn column(&mut self, name: &str, value: &impl Canonical) {
        if let Some(bytes) = value.canonical() {
            self.part(name.as_bytes());
            self.part(&bytes);
        }
    }

    /// The finished bytes.
    pub fn finish(self) -> Vec<u8> {
        self.0
    }

    fn part(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(&(bytes.len() as u64).to_be_bytes());
        self.0.extend_from_slice(bytes);
    }
}

impl<T: Canonical> Canonical for Option<T> {
    fn canonical(&self) -> Option<Vec<u8>> {
        self.as_ref().and_then(Canonical::canonical)
    }
}

impl Canonical for Vec<u8> {
    fn canonical(&self) -> Option<Vec<u8>> {
        Some(self.clone())
    }
}

impl Canonical for String {
    fn canonical(&self) -> Option<Vec<u8>> {
        Some(self.as_bytes().to_vec())
    }
}

impl Canonical for i64 {
    fn canonical(&self) -> Option<Vec<u8>> {
        Some(self.to_be_bytes().to_vec())
    }
}

impl Canonical for bool {
    fn canonical(&self) -> Option<Vec<u8>> {
        Some(vec![u8::from(*self)])
    }
}

impl Canonical for Instant {
    fn canonical(&self) -> Option<Vec<u8>> {
        self.0.canonical()
    }
}

impl Canonical for Serial {
    fn canonical(&self) -> Option<Vec<u8>> {
        Some(self.as_octets().to_vec())
    }
}

impl Canonical for Vec<Role> {
    fn canonical(&self) -> Option<Vec<u8>> {
        Some(Role::join(self).into_bytes())
    }
}

macro_rules! by_uuid {
    ($($kind:ty),*) => {$(
        impl Canonical for $kind {
            fn canonical(&self) -> Option<Vec<u8>> {
                Some(self.as_bytes().to_vec())
            }
        }

        impl Key for $kind {
            fn text(&self) -> String {
                self.to_string()
            }
        }
    )*};
}
by_uuid!(
    AccountId,
    ApiKeyId,
    PasskeyId,
    AssertionId,
    RequestId,
    CertificateId,
    RevocationOrderId,
    StaffOrderId,
    ForeignCertificateId,
    PersonnelOrderId,
    UnitListId,
    AgencyListId,
    CredentialId,
    UnlockId,
    SigningApprovalId,
    ActivationId,
    DocumentId,
    OutgoingId,
    IncomingId,
    DelegationId,
    DocumentCodeId,
    AuditEntryId,
    SignatureId,
    BatchId,
    ProviderChangeId,
    MerchantAccountId,
    PaymentAlarmId,
    MandateId,
    OauthClientId,
    JobId,
    MessageId,
    RestorationId
);

macro_rules! by_name {
    ($($kind:ty),*) => {$(impl Canonical for $kind {
        fn canonical(&self) -> Option<Vec<u8>> {
            Some(self.name().as_bytes().to_vec())
        }
    })*};
}
by_name!(
    MandateState,
    AlarmKind,
    AlarmState,
    Hierarchy,
    RequestState,
    KeyAlgorithm,
    CertificateState,
    KeyPurpose,
    AuthorityState,
    CredentialState,
    RevocationOrderState,
    StaffOrderKind,
    StaffOrderState,
    ForeignCertificateState,
    ForeignStatus,
    PersonnelKind,
    PersonnelState,
    AgencyListState,
    UnlockState,
    SigningApprovalState,
    SigningRefusal,
    ChangeState,
    MerchantState,
    ActivationState,
    Decision,
    DocumentState,
    OutgoingState,
    NumberState,
    IncomingState,
    IncomingChangeKind
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn null_and_empty_and_shifted_columns_differ() {
        let content = |columns: &[(&str, Option<&str>)]| {
            let mut content = Content::new("table");
            for (name, value) in columns {
                content.column(name, &value.map(str::to_owned));
            }
            content.finish()
        };
        let all = [
            content(&[("a", None), ("b", Some("x"))]),
            content(&[("a", Some("")), ("b", Some("x"))]),
            content(&[("a", Some("x")), ("b", None)]),
            content(&[("a", Some("bx")), ("b", None)]),
        ];
        for (index, one) in all.iter().enumerate() {
            assert!(all.iter().skip(index + 1).all(|other| one != other));
        }
        assert_eq!(content(&[("a", None), ("b", Some("x"))]), content(&[("b", Some("x"))]));
    }

    #[test]
    fn every_column_but_the_mac_is_covered() {
        use crate::record::payment::PaymentBatch;
        let row = PaymentBatch {
            id: BatchId(uuid::Uuid::nil()),
            accepted_at: Instant(1),
            count: 2,
            digest: vec![3],
            version: 1,
            mac: vec![4],
        };
        let content = row.content();
        assert_eq!(PaymentBatch { mac: vec![5], ..row.clone() }.content(), content);
        let mut later = row.clone();
        later.advance();
        let changed = [
            PaymentBatch { id: BatchId(uuid::Uuid::max()), ..row.clone() },
            PaymentBatch { accepted_at: Instant(2), ..row.clone() },
            PaymentBatch { count: 3, ..row.clone() },
            PaymentBatch { digest: vec![4], ..row.clone() },
            later,
        ];
        assert!(changed.iter().all(|changed| changed.content() != content));
        assert!(!format!("{row:?}").contains('3'), "a row's content is never printed");
    }
}
