//! Verdicts from the outside: the command line over every file at hand, readers that are driven into their bounds, the service.

mod certificates;
mod command;
mod fetching;
mod readers;
mod reports;
pub mod service;
mod sub_indications;
mod trust;
