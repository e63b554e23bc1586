//! The service and the command line of Chuky: digital signatures for a city, issued, made and verified.

pub mod store;
