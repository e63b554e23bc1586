//! The nouns of Chuky, their states and the moves that are legal between them. Pure: no I/O, no clock, no randomness.
//! Every other package may use this one; this one uses none of them.

pub mod algorithm;
pub mod card;
pub mod id;
pub mod instant;
pub mod payment;
pub mod person;
pub mod province;
pub mod record;
pub mod report;
pub mod request;
pub mod role;
pub mod serial;
pub mod table;
pub mod tables;
pub mod text;
pub mod unit;
