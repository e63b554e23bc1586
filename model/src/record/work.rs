//! Work that runs from rows: jobs, leases, messages; and the versions of the data key.

use super::{
    record,
    state::{JobState, MessageChannel},
};
use crate::{id::*, instant::Instant};

record! {
    /// A piece of work that can be repeated safely.
    Job in "job" {
        id: JobId,
        kind: String,
        payload: Vec<u8>,
        state: JobState,
        /// Not before this time; a claimed job has the time its claim ends.
        run_at: Instant,
        tries: i64,
        last_error: Option<String>,
        created_at: Instant,
    }
}

record! {
    /// A lease that one process holds for a while.
    Lease in "lease" {
        name: String,
        holder: String,
        held_until: Instant,
        /// Grows with every new holder, so that a late one can be told apart.
        fence: i64,
    }
}

record! {
    /// A message that is to leave by SMS or mail.
    Message in "message" {
        id: MessageId,
        channel: MessageChannel,
        /// Encrypted.
        recipient: Vec<u8>,
        /// Encrypted.
        body: Vec<u8>,
        created_at: Instant,
        sent_at: Option<Instant>,
        /// How often a gateway was given it.
        tries: i64,
        /// Not before this time is it given to the gateway again.
        next_at: Option<Instant>,
        /// When it was given up: refused for good, or too old.
        failed_at: Option<Instant>,
    }
}

record! {
    /// A version of the data key, which itself is derived inside the HSM.
    DataKey in "data_key" {
        version: i64,
        created_at: Instant,
        retired_at: Option<Instant>,
    }
}
