//! What tests stand on: databases of both kinds, each test with its own. Uses foreign tools to start and inspect them; never a
//! service that is already there.

pub mod app;
pub mod browser;
pub mod database;
pub mod forge;
pub mod payer;
