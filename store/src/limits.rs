//! Bounds of storage, each with its unit and reason.

use std::time::Duration;

/// Connections that read, in one process: two cores read no faster with more.
pub const READERS: u32 = 8;
/// Connections of one process to PostgreSQL: few enough for several processes on a server that admits 100.
pub const CONNECTIONS: u32 = 24;
/// How long a caller waits for a connection before it is told to try again.
pub const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a statement of PostgreSQL may take, with the way there and back, where nothing else is set: longer than a node that stands still in
/// the middle of a transaction keeps others waiting (`idle_in_transaction_session_timeout`).
pub const WAIT: Duration = Duration::from_secs(40);
/// How long SQLite waits for another process's lock (milliseconds in `busy_timeout`).
pub const BUSY_TIMEOUT: Duration = Duration::from_millis(5_000);
/// Tries at a SQLite file that another process is just making, and the pause after each: together as long as `BUSY_TIMEOUT`.
pub const FIRST_TRIES: u32 = 100;
/// See `FIRST_TRIES`.
pub const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// How often the connection that tells what a process is at work on is looked at while it is idle: a server notices the end of a
/// process at once, and a process the end of its connection within this.
pub const PRESENCE_LOOKED_AT: Duration = Duration::from_secs(2);
/// Prepared statements kept by each connection: more than there are queries.
pub const STATEMENTS: usize = 512;
/// Rows of one page of a list.
pub const PAGE: i64 = 1_000;
/// Microseconds in a day, for the day of a payment.
pub const DAY: i64 = 86_400_000_000;
