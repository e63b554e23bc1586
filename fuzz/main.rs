//! Mutated input against every parser of untrusted bytes, on the stable toolchain: seeds from the corpora and from files made
//! here, seeded mutations, a watch on time. `make fuzz` runs it for long; `make test` runs a seeded slice of a second each.
//! A crash prints the seed and the input's path, and the input is kept in `target/fuzz`.
#![allow(clippy::unwrap_used, clippy::panic)]

mod mutation;
mod office;
mod runner;
mod targets;
