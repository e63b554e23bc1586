//! The statements that the two databases word differently, behind one trait. Everything else is one text.

use crate::{Connection, Error};
use chuky_model::{
    instant::Instant,
    record::{audit::AuditLeaf, payment::PaymentIdentity, work::Job},
};
use std::future::Future;

/// A stored payment's identity and order digest.
pub type StoredOrder = (Vec<u8>, Vec<u8>);

/// Statements of one dialect.
pub trait Dialect {
    /// Whether there is a table of that name.
    fn has_table(connection: &mut Connection, name: &str) -> impl Future<Output = Result<bool, Error>> + Send;

    /// Waits until no other transaction holds that number, and holds it until this one ends.
    fn hold(connection: &mut Connection, number: i64) -> impl Future<Output = Result<(), Error>> + Send;

    /// Stores those of the payments whose identity is new, in the order given; returns the identities that were. Identities in
    /// one call are distinct and sorted, so that two groups wait for each other rather than deadlock.
    fn insert_new_payments(
        connection: &mut Connection,
        payments: &[&PaymentIdentity],
    ) -> impl Future<Output = Result<Vec<Vec<u8>>, Error>> + Send;

    /// The stored (identity, order digest) of each of the identities that is stored.
    fn stored_orders(
        connection: &mut Connection,
        identities: &[Vec<u8>],
    ) -> impl Future<Output = Result<Vec<StoredOrder>, Error>> + Send;

    /// Puts leaves of the audit log in their places and takes their entries from those that wait; how many did.
    fn append_leaves(
        connection: &mut Connection,
        leaves: &[AuditLeaf],
    ) -> impl Future<Output = Result<u64, Error>> + Send;

    /// Claims jobs of a kind that are due now: nobody else is given them before the second time.
    fn claim_due_jobs(
        connection: &mut Connection,
        kind: &str,
        times: (Instant, Instant),
        limit: i64,
    ) -> impl Future<Output = Result<Vec<Job>, Error>> + Send;
}
