//! What tests stand on: databases of both kinds, each test with its own. Uses foreign tools to start and inspect them; never a
//! service that is already there.

pub mod app;
pub mod browser;
pub mod database;
pub mod forge;
#[allow(dead_code)] // the pages of the gallery are judged as a whole, in the library's own tests
pub mod page_checks;
pub mod payer;
pub mod smtp;
