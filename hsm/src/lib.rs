//! Keys and signatures through PKCS#11: the service's own keys as token objects, subscribers' keys as sealed blobs, activations,
//! row MACs. May use the PKCS#11 module it is told and the clock of the process that holds it; knows no certificate, no
//! database, no HTTP, and never lets a PIN, a secret or an unsealed blob leave the worker.

mod activation;
mod api;
mod comparison;
mod encoding;
mod engine;
pub mod error;
mod frame;
mod in_process;
mod judge;
pub mod limits;
mod message;
mod objects;
pub mod own;
pub mod provision;
mod seal;
mod secret;
mod self_test;
mod settings;
pub mod share;
mod stock;
mod supervised;
mod token;
pub mod worker;

pub use api::{Health, Hsm, Standing, TokenHealth};
pub use error::Error;
pub use in_process::InProcess;
pub use judge::{Judge, KeyReader, Lasting, Signed};
pub use message::{
    ActivationContext, Fingerprint, KeyContext, OpenedActivation, Probe, Request, Response, SealedKey, ServiceKey,
    SignActivated,
};
pub use secret::{Pin, Secret32};
pub use settings::{PinSource, Settings, StockTarget, TokenAddress, TokenKind, find_module};
pub use supervised::{Supervised, add_pepper, destroy_pepper, prepare_token};
