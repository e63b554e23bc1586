//! Transparency logs as the community around them specifies: signed notes, checkpoints, tiles, proofs, and what a log and a witness say to
//! each other (C2SP signed-note, tlog-checkpoint, tlog-tiles, tlog-proof, tlog-cosignature, tlog-witness). Pure: what must be signed is
//! returned, where hashes lie is asked by coordinates.

pub mod checkpoint;
pub mod limits;
pub mod note;
pub mod proof;
pub mod tile;
pub mod tree;
pub mod witness;

pub use checkpoint::Checkpoint;
pub use note::{Note, VerifierKey};
pub use proof::LogProof;
