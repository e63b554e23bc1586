//! The audit log: entries are inserted unlinked, in the transaction of what they record; one sequencer appends them to a
//! Merkle log whose head an HSM key signs. It uses `store` and `hsm`, knows no flow, and never sees personal data in clear.

pub mod commitment;
pub mod entry;
mod evidence;
pub mod head;
pub mod history;
pub mod merkle;
pub mod published;
pub mod recheck;
pub mod replay;
pub mod sequencer;
pub mod standing;
pub mod summary;
mod told;
pub mod tree;
pub mod verify;
mod versions;
mod witnesses;

pub use entry::{Actor, Entry, Kind, record};
pub use published::Log;
pub use sequencer::{Covered, Listener, Sequencer};
pub use told::told_at;
pub use versions::RowVersions;
pub use witnesses::Cosigned;
