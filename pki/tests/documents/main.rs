//! Verification of CMS, JWS, containers and lone timestamps: foreign files, files of foreign tools, attacks, and bytes from nowhere.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, missing_docs)]

#[path = "../support/mod.rs"]
mod support;

#[path = "../../../tests/judges/dss/export.rs"]
mod export;

mod augmented;
mod cms;
mod containers;
mod created;
mod exported;
mod hostile;
mod jws;
mod known_status;
mod made;
mod office_attacks;
mod open_document;
mod other_readers;
mod past;
mod responders;
mod sub_indications;
mod two_timestamps;
mod verdicts;
mod world;
mod xml_coverage;
mod xml_forms;
mod xml_wrapping;
mod xmldsig;
